//! Sample values: what alerts of each kind carry, for trying templates when they are read.
//!
//! The values are those that `plugins/alert` gives its alerts, and stand for their types alone. A
//! name that is not here may still be one: only a near miss of a known one counts as a mistake.

use crate::alert::{FieldValue, Fields};

/// What a value looks like.
#[derive(Clone, Copy)]
enum Like {
    Number(&'static str),
    Int(i64),
    Float(f64),
    Text(&'static str),
    Bool(bool),
}
use Like::{Bool, Float, Int, Number, Text};

/// What every alert of a market carries.
const COMMON: &[(&str, Like)] = &[
    ("kind", Text("price")),
    ("price", Number("100010000")),
    ("volume", Number("0.02")),
    ("side", Text("buy")),
    ("notional", Number("2000200")),
    ("sequential_id", Int(17_636_832_000_000_000)),
    ("value", Number("100010000")),
    ("threshold", Number("100000000")),
    ("clear", Number("99000000")),
    ("prev_close", Number("98000000")),
    ("change_day_pct", Number("2.05")),
    ("partial", Bool(false)),
    ("incomplete", Bool(false)),
];

/// What further values alerts of some kind carry.
const FURTHER: &[(&str, Like)] = &[
    ("above", Number("100000000")),
    ("below", Number("90000000")),
    ("level", Number("100000000")),
    ("levels", Text("100,000,000, 101,000,000")),
    ("level_count", Int(2)),
    ("direction", Text("up")),
    ("event", Text("enter")),
    ("low", Number("99000000")),
    ("high", Number("101000000")),
    ("ref", Number("95000000")),
    ("reference", Text("window")),
    ("change", Number("5000000")),
    ("change_pct", Number("5.263")),
    ("window", Text("5m")),
    ("window_ms", Int(300_000)),
    ("quiet_ms", Int(30_000)),
    ("measure", Text("notional")),
    ("taker", Text("buy")),
    ("fills", Int(3)),
    ("vwap", Number("100005000.5")),
    ("first_sequential_id", Int(17_636_832_000_000_000)),
    ("tier", Text("whale")),
    ("mean", Float(1.5)),
    ("median", Float(1.5)),
    ("sd", Float(0.5)),
    ("mad", Float(0.5)),
    ("baseline", Number("5000000")),
    ("ratio", Float(3.2)),
    ("score", Float(4.2)),
    ("method", Text("robust")),
    ("count", Int(12)),
    ("buy", Number("60000000")),
    ("sell", Number("40000000")),
    ("imbalance", Number("0.2")),
    ("strength", Number("150")),
    ("cvd", Number("1200000")),
    ("anchor", Text("day")),
    ("deviation_pct", Number("1.52")),
    ("volatility_pct", Number("2.1")),
    ("spread_bps", Number("3.5")),
    ("best_bid", Number("100000000")),
    ("best_ask", Number("100020000")),
    ("premium_pct", Number("2.4")),
    ("base", Number("100010000")),
    ("fx", Number("1390.5")),
    ("check", Text("connection_down")),
    ("subject", Text("alert")),
    ("warning", Text("PRICE_FLUCTUATIONS")),
    ("steps", Text("large_trade; change")),
    ("parts", Text("imbalance 0.7; vwap 1.6")),
    ("within_ms", Int(60_000)),
    ("events", Int(5)),
    ("reason", Text("delisted")),
];

/// Values as alerts of the kinds of `[[alert]]` carry them, all kinds together.
pub(super) fn values() -> Fields {
    let value = |like: Like| match like {
        Number(text) => text.parse().map_or(FieldValue::Null, FieldValue::Number),
        Int(int) => FieldValue::Int(int),
        Float(float) => FieldValue::Float(float),
        Text(text) => FieldValue::Text(text.to_owned()),
        Bool(bool) => FieldValue::Bool(bool),
    };
    COMMON.iter().chain(FURTHER).map(|(name, like)| ((*name).to_owned(), value(*like))).collect()
}

/// The known name that `name` was probably meant to be.
pub(super) fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = match name.chars().count() {
        0..=3 => return None,
        4..=6 => 1,
        _ => 2,
    };
    let near = known.map(|known| (strsim::osa_distance(name, known), known));
    near.filter(|(distance, _)| (1..=most).contains(distance)).min_by_key(|(d, _)| *d).map(|(_, known)| known)
}
