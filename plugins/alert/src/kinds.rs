//! The kinds of condition, one file each: what it is called, how it is read, what it says.
//!
//! A kind that is not in [`BUILT`] but in [`PLANNED`] is refused by name, so that nobody takes a
//! typing mistake for a missing feature or the other way round.

mod breakout;
mod change;
mod channel;
mod cross;
mod cvd;
mod cvd_cross;
mod health;
mod imbalance;
mod large_trade;
mod market_event;
mod moved;
mod premium;
mod price;
mod priced;
mod quiet;
mod silence;
mod silence_auto;
mod spread;
mod stretch;
mod trade_rate;
mod trade_rate_spike;
mod trade_strength;
mod traded;
mod volatility;
mod volume;
mod volume_spike;
mod vwap;

pub(crate) use change::{Calm, Change, Reference, Threshold, Warmup};
pub(crate) use cross::{Cross, Crossed, Grid, GridMemory, Line, LineMemory, Lines, share_of};
pub(crate) use health::Health;
pub(crate) use large_trade::{Caught, Fill, Large, LargeTrade, Sweep, URGENCIES, Urgency, tier};
pub(crate) use price::Price;
pub(crate) use silence::Silence;
pub(crate) use volume::{Measure, Volume};

use crate::bounds::{Bounds, Unit};
use crate::condition;
use crate::config::{Around, Faults, Reader};
use crate::engine::Needs;
use crate::rule::When;
use crate::signal::{Edge, Signal};
use serde::Serialize;
use serde_json::Value;
use tradehook_decimal::Decimal;

/// The kinds that can be used.
const BUILT: &[&str] = &[
    "price",
    "cross",
    "change",
    "large_trade",
    "volume",
    "silence",
    "channel",
    "breakout",
    "volume_spike",
    "trade_rate",
    "imbalance",
    "trade_strength",
    "cvd",
    "vwap",
    "volatility",
    "spread",
    "premium",
    "health",
    "market_event",
    "sequence",
    "frequency",
    "all",
    "any",
    "not",
];

/// Kinds with a settled meaning that cannot be used yet.
const PLANNED: &[&str] = &["expr", "plugin"];

/// The longest window: 86,400 panes of one second per market at worst.
const MAX_WINDOW_DAYS: i64 = 1;

/// Keys that mean something to a level and nothing to an instant.
pub(crate) const LEVEL_KEYS: &[&str] = &["clear", "hold", "linger", "repeat"];

/// The usable kinds, for messages.
pub(crate) fn list() -> String {
    BUILT.join(", ")
}

/// The signals: a word, a module, its parameters. Each module has `KEYS`, `read`, and on the
/// parameters `unit`, `words` and `build`.
macro_rules! measured {
    ($($word:literal => $module:ident::$kind:ident;)*) => {
        /// What a level is a level of: a signal and its parameters, without thresholds.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub(crate) enum Measured {
            $($kind($module::$kind),)*
        }

        impl Measured {
            /// The word that config.toml uses.
            pub(crate) fn kind(&self) -> &'static str {
                told(match self { $(Self::$kind(_) => $word,)* })
            }

            /// What its thresholds are amounts of.
            pub(crate) fn unit(&self) -> Unit {
                match self { $(Self::$kind(what) => what.unit(),)* }
            }

            /// What it is, for a person: "number of trades in 1m".
            pub(crate) fn words(&self) -> String {
                match self { $(Self::$kind(what) => what.words(),)* }
            }

            /// The signal in one market.
            pub(crate) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
                match self { $(Self::$kind(what) => what.build(needs),)* }
            }
        }

        /// The keys of a kind beside `kind` and the bounds.
        pub(crate) fn measured_keys(kind: &str) -> &'static [&'static str] {
            match kind { $($word => $module::KEYS,)* _ => &[] }
        }

        /// The parameters of a kind.
        pub(crate) fn read_measured(kind: &str, when: &mut Reader<'_>, around: Around<'_>) -> Option<Measured> {
            match kind { $($word => $module::read(when, around).map(Measured::$kind),)* _ => None }
        }
    };
}

/// The kinds that happen at an instant, likewise, with the kind that is true over time instead.
macro_rules! instants {
    ($($word:literal => $module:ident::$kind:ident, $hint:literal;)*) => {
        /// Something that happens at a trade, with its parameters.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub(crate) enum Instant {
            $($kind($module::$kind),)*
        }

        impl Instant {
            /// The word that config.toml uses.
            pub(crate) fn kind(&self) -> &'static str {
                told(match self { $(Self::$kind(_) => $word,)* })
            }

            /// What it is, for a person.
            pub(crate) fn words(&self) -> String {
                match self { $(Self::$kind(what) => what.words(),)* }
            }

            /// The edge in one market.
            pub(crate) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Edge> {
                match self { $(Self::$kind(what) => what.build(needs),)* }
            }
        }

        /// The keys of a kind beside `kind`.
        pub(crate) fn instant_keys(kind: &str) -> &'static [&'static str] {
            match kind { $($word => $module::KEYS,)* _ => &[] }
        }

        /// The parameters of a kind.
        pub(crate) fn read_instant(kind: &str, when: &mut Reader<'_>, around: Around<'_>) -> Option<Instant> {
            match kind { $($word => $module::read_instant(when, around).map(Instant::$kind),)* _ => None }
        }

        /// For a kind that fires at an instant: which kind has truth over time instead.
        pub(crate) fn edge_hint(kind: &str) -> Option<&'static str> {
            match kind {
                $($word => Some($hint),)*
                "sequence" => Some("kind `frequency` of the sequence holds, lingers and clears"),
                _ => None,
            }
        }
    };
}

measured! {
    "price" => priced::Priced;
    "change" => moved::Moved;
    "volume" => traded::Traded;
    "silence" => quiet::Quiet;
    "premium" => premium::Premium;
    "health" => health::Health;
    "market_event" => market_event::MarketEvent;
    "volume_spike" => volume_spike::VolumeSpike;
    "trade_rate" => trade_rate::TradeRate;
    "trade_rate_spike" => trade_rate_spike::TradeRateSpike;
    "imbalance" => imbalance::Imbalance;
    "trade_strength" => trade_strength::TradeStrength;
    "cvd" => cvd::Cvd;
    "vwap" => vwap::Vwap;
    "volatility" => volatility::Volatility;
    "spread" => spread::Spread;
    "silence_auto" => silence_auto::SilenceAuto;
}

instants! {
    "cross" => cross::Cross, "kind `price` with `above` or `below` holds, lingers and clears; `cross` has `rearm`";
    "large_trade" => large_trade::LargeTrade, "kind `volume` with `above` over a window holds, lingers and clears";
    "channel" => channel::Channel, "kind `price` with `inside` or `outside` holds, lingers and clears";
    "breakout" => breakout::Breakout, "kind `change` holds, lingers and clears";
    "cvd_cross" => cvd_cross::CvdCross, "kind `cvd` with `above` or `below` holds, lingers and clears";
}

/// A kind that has another way to be meant, by what stands in its table.
pub(crate) fn variant<'a>(kind: &'a str, value: &Value) -> &'a str {
    let auto = || value.get("for").and_then(Value::as_str) == Some("auto");
    match kind {
        "cvd" if value.get("cross").is_some() => "cvd_cross",
        "trade_rate" if value.get("spike").is_some() => "trade_rate_spike",
        "silence" if auto() => "silence_auto",
        _ => kind,
    }
}

/// The word of config.toml for a variant.
fn told(word: &'static str) -> &'static str {
    match word {
        "cvd_cross" => "cvd",
        "trade_rate_spike" => "trade_rate",
        "silence_auto" => "silence",
        _ => word,
    }
}

/// The kinds whose thresholds have names of their own.
pub(crate) fn has_own_bounds(kind: &str) -> bool {
    matches!(kind, "change" | "silence" | "market_event")
}

/// The thresholds of a level.
pub(crate) fn read_bounds(when: &mut Reader<'_>, what: &Measured) -> Option<Bounds> {
    match what {
        Measured::Moved(moved) => moved::bounds(when, moved),
        Measured::Quiet(quiet) => quiet::bounds(when, quiet),
        Measured::Health(health) => health::bounds(when, health),
        Measured::MarketEvent(event) => market_event::bounds(event),
        Measured::VolumeSpike(_) | Measured::TradeRateSpike(_) => Bounds::read_under("k", when, what.unit()),
        Measured::Imbalance(imbalance) => imbalance::bounds(when, imbalance),
        Measured::SilenceAuto(_) => Some(Bounds::above(Decimal::from(1))),
        _ => Bounds::read(when, what.unit()),
    }
}

/// Whether a kind happens at an instant.
pub(crate) fn is_instant(kind: &str) -> bool {
    edge_hint(kind).is_some()
}

/// Whether a whole rule is one for the general evaluator.
fn is_general(kind: &str, value: &Value) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| value.get(key).is_some());
    match kind {
        "volume" => has(&["severities", "below", "inside", "outside"]),
        "price" | "change" | "silence" => has(&["severities"]),
        _ => !PLAIN.contains(&kind),
    }
}

/// The kinds that have a way of their own when they are a whole rule.
const PLAIN: &[&str] = &["price", "cross", "change", "large_trade", "volume", "silence"];

/// Reads the table `when` at `path`.
pub(crate) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<When> {
    let kind = kind_of(value, path, faults)?;
    if around.source.is_some() && !SOURCED.contains(&kind) {
        let rule = path.strip_suffix("/when").unwrap_or(path);
        let message = format!("`source` means nothing to kind `{kind}`");
        faults.push(
            format!("{rule}/source"),
            message,
            "only kinds price, cross, change and channel look at another source",
        );
    }
    if is_general(kind, value) {
        return condition::read(value, path, around, faults).map(When::General);
    }
    match kind {
        "price" => price::read(value, path, around, faults).map(When::Price),
        "cross" => cross::read(value, path, around, faults).map(When::Cross),
        "change" => change::read(value, path, around, faults).map(When::Change),
        "large_trade" => large_trade::read(value, path, around, faults).map(When::LargeTrade),
        "volume" => volume::read(value, path, faults).map(When::Volume),
        _ => silence::read(value, path, around, faults).map(When::Silence),
    }
}

/// The kinds that look at a `source`.
const SOURCED: &[&str] = &["price", "cross", "change", "channel", "all", "any", "not", "sequence"];

/// The kind of a condition, if it is one that can be used; if not, that is noted.
pub(crate) fn kind_of<'a>(value: &'a Value, path: &str, faults: &mut Faults) -> Option<&'a str> {
    if !value.is_object() {
        faults.push(path, "a condition must be a table", format!("a table with `kind`, one of {}", list()));
        return None;
    }
    let kind = match value.get("kind") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(other) => {
            faults.push(format!("{path}/kind"), format!("{other} is no kind"), format!("one of {}", list()));
            return None;
        }
        None => {
            faults.push(path, "`kind` is missing", format!("one of {}", list()));
            return None;
        }
    };
    if BUILT.contains(&kind) {
        return Some(variant(kind, value));
    }
    let message = if PLANNED.contains(&kind) {
        format!("kind `{kind}` is not available in this version")
    } else {
        format!("there is no kind `{kind}`")
    };
    let help = match crate::config::nearest(kind, BUILT) {
        Some(near) => format!("did you mean `{near}`? available are {}", list()),
        None => format!("available are {}", list()),
    };
    faults.push(format!("{path}/kind"), message, help);
    None
}

/// Notes every key of a level on an edge kind.
pub(crate) fn refuse_level_keys(reader: &mut Reader<'_>, kind: &str) {
    for key in LEVEL_KEYS {
        if reader.has(key) {
            reader.fault(
                key,
                format!("`{key}` on a rule that fires at an instant"),
                edge_hint(kind).unwrap_or_default(),
            );
        }
    }
}

/// Notes a missing or a second way to say the same; returns the one key that is there.
pub(crate) fn exactly_one<'k>(reader: &mut Reader<'_>, keys: &[&'k str]) -> Option<&'k str> {
    let present: Vec<&str> = keys.iter().copied().filter(|key| reader.has(key)).collect();
    match present.as_slice() {
        [one] => Some(one),
        [] => {
            reader.fault("", "no threshold", format!("one of {}", keys.join(", ")));
            None
        }
        [_, second, ..] => {
            reader.fault(second, format!("{} together", present.join(" and ")), "one of them");
            None
        }
    }
}

/// Notes a threshold that no positive value can fail to meet.
fn positive(reader: &mut Reader<'_>, key: &str, value: Option<Decimal>) -> Option<Decimal> {
    let value = value?;
    if !value.is_positive() {
        reader.fault(key, format!("{value} is not above nought"), "a number above nought");
        return None;
    }
    Some(value)
}
