//! The kinds of condition, one file each: what it is called, how it is read, what it says.
//!
//! A kind that is not in [`BUILT`] but in [`PLANNED`] is refused by name, so that nobody takes a
//! typing mistake for a missing feature or the other way round.

mod change;
mod cross;
mod large_trade;
mod price;
mod silence;
mod volume;

pub(crate) use change::{Calm, Change, Reference, Threshold, Warmup};
pub(crate) use cross::{Cross, Crossed, Grid, GridMemory, Line, LineMemory, Lines, share_of};
pub(crate) use large_trade::{Caught, Fill, Large, LargeTrade, Sweep, Urgency, tier};
pub(crate) use price::Price;
pub(crate) use silence::Silence;
pub(crate) use volume::{Measure, Volume};

use crate::config::{Around, Faults, Reader};
use crate::rule::When;
use serde_json::Value;
use tradehook_decimal::Decimal;

/// The kinds that can be used.
const BUILT: &[&str] = &["price", "cross", "change", "large_trade", "volume", "silence"];

/// Kinds with a settled meaning that cannot be used yet.
const PLANNED: &[&str] = &[
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
    "market_event",
    "sequence",
    "frequency",
    "all",
    "any",
    "not",
    "expr",
    "plugin",
    "health",
];

/// The longest window: 86,400 panes of one second per market at worst.
const MAX_WINDOW_DAYS: i64 = 1;

/// Keys that mean something to a level and nothing to an instant.
pub(crate) const LEVEL_KEYS: &[&str] = &["clear", "hold", "linger", "repeat"];

/// The usable kinds, for messages.
pub(crate) fn list() -> String {
    BUILT.join(", ")
}

/// For a kind that fires at an instant: which kind has truth over time instead.
pub(crate) fn edge_hint(kind: &str) -> Option<&'static str> {
    match kind {
        "cross" => {
            Some("kind `price` with `above` or `below` holds, lingers and clears; `cross` has `rearm`")
        }
        "large_trade" => Some("kind `volume` with `above` over a window holds, lingers and clears"),
        _ => None,
    }
}

/// Reads the table `when` at `path`.
pub(crate) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<When> {
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
    if around.source.is_some() && BUILT.contains(&kind) && !matches!(kind, "price" | "cross" | "change") {
        let rule = path.strip_suffix("/when").unwrap_or(path);
        let message = format!("`source` means nothing to kind `{kind}`");
        faults.push(
            format!("{rule}/source"),
            message,
            "only kinds price, cross and change look at another source",
        );
    }
    match kind {
        "price" => price::read(value, path, around, faults).map(When::Price),
        "cross" => cross::read(value, path, around, faults).map(When::Cross),
        "change" => change::read(value, path, around, faults).map(When::Change),
        "large_trade" => large_trade::read(value, path, faults).map(When::LargeTrade),
        "volume" => volume::read(value, path, faults).map(When::Volume),
        "silence" => silence::read(value, path, around, faults).map(When::Silence),
        other => {
            let near = crate::config::nearest(other, BUILT);
            let message = if PLANNED.contains(&other) {
                format!("kind `{other}` is not available in this version")
            } else {
                format!("there is no kind `{other}`")
            };
            let help = match near {
                Some(near) => format!("did you mean `{near}`? available are {}", list()),
                None => format!("available are {}", list()),
            };
            faults.push(format!("{path}/kind"), message, help);
            None
        }
    }
}

/// Notes every key of a level on an edge kind.
fn refuse_level_keys(reader: &mut Reader<'_>, kind: &str) {
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
fn exactly_one<'k>(reader: &mut Reader<'_>, keys: &[&'k str]) -> Option<&'k str> {
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
