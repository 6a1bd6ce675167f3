//! Bars: which trades make one, and what is told of it.

use super::{
    MAX_KEPT,
    read::{calendar, days_of, duration_up_to, some_amount, some_duration_up_to, span, whole},
};
use tradehook_calendar::{Calendar, DAY_MS, Span};
use tradehook_decimal::Wide;
use tradehook_sdk::{
    ConfigFault,
    config::{self, MarketFilter, Mistake, Object},
};

/// The most empty bars in a row; chosen, half of what a call may say, as they may come at once.
const MAX_FILL: u32 = 500;

/// One sort of bar.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSpec {
    /// For which markets.
    pub markets: MarketFilter,
    /// When one ends and the next begins.
    pub shape: Shape,
}

/// When a bar ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// With its stretch of time.
    Time(TimeSpec),
    /// When enough has been traded.
    Threshold(ThresholdSpec),
}

/// What every record of a sort of bar says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// A name that its records carry.
    pub id: Option<String>,
    /// `time`, `tick`, …
    pub kind: &'static str,
    /// `1m`, `100`.
    pub size: String,
}

/// What is told of a bar, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emit {
    /// Whether finals are emitted.
    pub finals: bool,
    /// Whether and how often, at most, a bar that is being built is emitted, ms.
    pub update_every: Option<i64>,
}

/// Bars of a stretch of time each.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSpec {
    /// What its records say of it.
    pub face: Face,
    /// What is emitted.
    pub emit: Emit,
    /// The stretches.
    pub calendar: Calendar,
    /// How long after its final a bar is re-issued when a late trade comes, ms; `None`: never.
    pub amend_for: Option<i64>,
    /// What is emitted where nothing was traded; `None`: nothing.
    pub empty: Option<Empty>,
    /// Whether a bar whose beginning was not seen is emitted.
    pub keep_partial: bool,
}

/// Bars without trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    /// How many in a row.
    pub most: u32,
    /// Whether they carry the last price; else they have none.
    pub priced: bool,
}

/// Bars that end with the trade that makes them large enough.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdSpec {
    /// What its records say of it.
    pub face: Face,
    /// What is emitted.
    pub emit: Emit,
    /// What is measured.
    pub by: Measure,
    /// Whether buys and sells count against one another.
    pub signed: bool,
    /// How much of it ends a bar.
    pub size: Wide,
    /// Whether what a trade has too much goes to the next bar; only of volumes.
    pub split: bool,
    /// An older bar is ended by the clock, ms after its first trade.
    pub max_age: Option<i64>,
}

/// What is measured of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// That it is one.
    Count,
    /// Its volume.
    Volume,
    /// Its price times volume.
    Notional,
}

impl BarSpec {
    /// What its records say of it.
    #[must_use]
    pub fn face(&self) -> &Face {
        match &self.shape {
            Shape::Time(spec) => &spec.face,
            Shape::Threshold(spec) => &spec.face,
        }
    }

    /// What the state of a series depends on: a restart with the same definition goes on with it.
    pub(crate) fn definition(&self) -> String {
        match &self.shape {
            Shape::Time(TimeSpec { emit, calendar, amend_for, empty, keep_partial, .. }) => {
                let days = calendar.definition();
                format!("time {days} {emit:?} {amend_for:?} {empty:?} {keep_partial}")
            }
            Shape::Threshold(ThresholdSpec { emit, by, signed, size, split, max_age, .. }) => {
                format!("{by:?} {signed} {size} {split} {emit:?} {max_age:?}")
            }
        }
    }
}

/// One bar, in a list or flat. `None` only where its size is no size; its other faults are reported
/// all the same.
pub(super) fn read(table: &mut Object<'_, '_>, lateness: i64) -> Option<BarSpec> {
    let id = table.optional("id", config::text);
    let markets = MarketFilter::read(table);
    let kinds = ["time", "tick", "volume", "notional", "imbalance"].map(|kind| (kind, kind));
    let kind = if table.get("kind").is_some() {
        table.optional("kind", |value| config::one_of(value, &kinds))
    } else {
        Some("time")
    };
    let emit = read_emit(table);
    let shape = match kind {
        Some("time") => Shape::Time(read_time(table, id, emit, lateness)?),
        Some(kind) => Shape::Threshold(read_threshold(table, id, emit, kind)?),
        None => {
            // Of a bar of no kind nobody knows which keys it has.
            for key in [
                "size",
                "by",
                "overshoot",
                "max_age",
                "day_start",
                "zone",
                "late",
                "amend_for",
                "empty",
                "max_fill",
                "keep_partial",
            ] {
                table.get(key);
            }
            return None;
        }
    };
    Some(BarSpec { markets, shape })
}

fn read_emit(table: &mut Object<'_, '_>) -> Emit {
    let words = [("final", (true, false)), ("update", (false, true)), ("both", (true, true))];
    let (finals, updates) =
        table.optional("emit", |value| config::one_of(value, &words)).unwrap_or((true, false));
    let every = table.optional("update_every", duration_up_to(DAY_MS));
    if every.is_some() && !updates {
        table.fault("update_every", Mistake::new("only finals are emitted").help("set emit = \"both\""));
    }
    Emit { finals, update_every: updates.then_some(every.unwrap_or(1000)) }
}

fn read_time(table: &mut Object<'_, '_>, id: Option<String>, emit: Emit, lateness: i64) -> Option<TimeSpec> {
    let size = table.required("size", span);
    let zone = days_of(table);
    if let (Some(_), Some((Span::Even(_), _))) = (&zone, &size) {
        let key = if table.get("zone").is_some() { "zone" } else { "day_start" };
        let help = "bars of \"1d\", \"1w\", \"1mo\" and \"1y\" have; shorter ones begin on the even minute";
        table.fault(key, Mistake::new("only bars of a day or more have a day to start").help(help));
    }
    refuse(table, &["by", "overshoot", "max_age"], "a bar of time ends with its time");
    let amend = [("drop", false), ("amend", true)];
    let amend = table.optional("late", |value| config::one_of(value, &amend)).unwrap_or(false);
    let amend_for = table.optional("amend_for", duration_up_to(DAY_MS));
    if amend_for.is_some() && !amend {
        table.fault("amend_for", Mistake::new("late trades are dropped").help("set late = \"amend\""));
    }
    let empty = read_empty(table);
    let keep_partial = table.optional("keep_partial", config::flag).unwrap_or(false);
    let (span, text) = size?;
    let calendar = calendar(span, zone);
    let amend_for = amend.then_some(amend_for.unwrap_or(30_000));
    if lateness + amend_for.unwrap_or(0) > calendar.nominal_ms() * MAX_KEPT {
        let message = format!("lateness and `amend_for` span more than {MAX_KEPT} bars");
        table.fault("size", Mistake::new(message).help("larger bars, or less time to amend them"));
    }
    let face = Face { id, kind: "time", size: text };
    Some(TimeSpec { face, emit, calendar, amend_for, empty, keep_partial })
}

fn read_empty(table: &mut Object<'_, '_>) -> Option<Empty> {
    let words = [("omit", None), ("fill", Some(true)), ("null", Some(false))];
    let priced = table.optional("empty", |value| config::one_of(value, &words)).flatten();
    let most = table.optional("max_fill", whole(1, MAX_FILL));
    if most.is_some() && priced.is_none() {
        table.fault("max_fill", Mistake::new("empty bars are omitted").help("set empty = \"fill\""));
    }
    priced.map(|priced| Empty { most: most.unwrap_or(60), priced })
}

fn read_threshold(
    table: &mut Object<'_, '_>,
    id: Option<String>,
    emit: Emit,
    kind: &'static str,
) -> Option<ThresholdSpec> {
    let measures = [("count", Measure::Count), ("volume", Measure::Volume), ("notional", Measure::Notional)];
    let signed = kind == "imbalance";
    let by = match kind {
        "tick" => Measure::Count,
        "volume" => Measure::Volume,
        "notional" => Measure::Notional,
        _ => table.optional("by", |value| config::one_of(value, &measures)).unwrap_or(Measure::Volume),
    };
    let size = if by == Measure::Count {
        table.required("size", whole(1, u32::MAX)).map(|n| Wide::new(i128::from(n), 0))
    } else {
        table.required("size", some_amount)
    };
    let sums = matches!(kind, "volume" | "notional");
    let split = if sums { read_split(table, kind) } else { false };
    let max_age = table.optional("max_age", some_duration_up_to(DAY_MS));
    let why = format!("a bar of kind {kind:?} ends with a trade");
    let mut strangers = vec!["day_start", "zone", "late", "amend_for", "empty", "max_fill", "keep_partial"];
    if !signed {
        strangers.push("by");
    }
    if !sums {
        strangers.push("overshoot");
    }
    refuse(table, &strangers, &why);
    let size = size?;
    let face = Face { id, kind, size: size.to_string() };
    Some(ThresholdSpec { face, emit, by, signed, size, split, max_age })
}

/// Whether what a trade has too much goes to the next bar.
fn read_split(table: &mut Object<'_, '_>, kind: &str) -> bool {
    let words = [("include", false), ("split", true)];
    let split = table.optional("overshoot", |value| config::one_of(value, &words)).unwrap_or(false);
    if split && kind != "volume" {
        let help = "only volumes are split: parts of an amount of money need not be exact volumes";
        table.fault("overshoot", Mistake::new(format!("bars of kind {kind:?} are not split")).help(help));
    }
    split
}

/// Keys that exist, but not for this kind.
fn refuse(table: &mut Object<'_, '_>, keys: &[&'static str], why: &str) {
    for key in keys {
        if table.get(key).is_some() {
            table.fault(key, Mistake::new(format!("`{key}` means nothing here: {why}")));
        }
    }
}

/// Two bars whose records nobody could tell apart.
pub(super) fn report_twins(bars: &[BarSpec], faults: &mut Vec<ConfigFault>) {
    let by = |bar: &BarSpec| match &bar.shape {
        Shape::Time(spec) => spec.calendar.definition(),
        Shape::Threshold(spec) => format!("{:?}", spec.by),
    };
    for (i, bar) in bars.iter().enumerate() {
        let earlier = bars.iter().take(i);
        let same = |other: &BarSpec| match (&other.face().id, &bar.face().id) {
            (Some(a), Some(b)) => a == b,
            (None, None) => {
                other.face() == bar.face() && by(other) == by(bar) && other.markets == bar.markets
            }
            _ => false,
        };
        if let Some(twin) = earlier.into_iter().position(same) {
            let what = bar
                .face()
                .id
                .as_ref()
                .map_or_else(|| "the same bars as".to_owned(), |id| format!("the id {id:?} of"));
            let fault = ConfigFault::new(format!("/bars/{i}"), format!("{what} /bars/{twin}"));
            faults.push(fault.help("an `id` of its own tells its records apart"));
        }
    }
}
