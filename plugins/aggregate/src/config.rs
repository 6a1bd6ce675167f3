//! The configuration: a list of bars and of figures, or one bar written flat.
//!
//! Every mistake is reported at its place; a [`Config`] that comes out holds only what the engine
//! can do, with memory that is bounded by it.
//!
//! Keeps: `[bounded]` (how many bars of one market can be open or kept at once)

mod bars;
mod figures;
mod read;

pub use bars::{BarSpec, Emit, Empty, Face, Measure, Shape, ThresholdSpec, TimeSpec};
pub use figures::{Figure, FigureSpec, FlowFigure, Over, Quantile, Sample};

use figures::KEYS;
use read::duration_up_to;
use serde_json::Value;
use tradehook_sdk::{
    ConfigFault,
    config::{Mistake, Object},
};

/// The longest lateness, chosen: what comes later than that is history.
const MAX_LATENESS_MS: i64 = 600_000;
/// The most bars of one market that may be open or kept, and the most panes of a window; chosen so
/// that 300 markets stay within tens of megabytes.
const MAX_KEPT: i64 = 4096;

/// What is to be aggregated.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Bars.
    pub bars: Vec<BarSpec>,
    /// Averages, sums, statistics.
    pub figures: Vec<FigureSpec>,
    /// How long a bar waits for late trades, ms.
    pub lateness: i64,
    /// How far the clock of a market stays behind a tick, ms.
    pub idle_lag: i64,
}

/// Reads the configuration.
///
/// # Errors
/// Every mistake in it.
pub fn read(value: &Value) -> Result<Config, Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let mut table = Object::new(value, "", &mut faults);
    let lateness = table.optional("lateness", duration_up_to(MAX_LATENESS_MS)).unwrap_or(2000);
    let idle_lag = table.optional("idle_lag", duration_up_to(MAX_LATENESS_MS)).unwrap_or(2000);
    let listed = table.get("bars").is_some();
    let bars = table.list("bars", |item, path, faults| {
        let mut bar = Object::new(item, path, faults);
        let read = if bar.is_table() { bars::read(&mut bar, lateness) } else { None };
        bar.finish();
        read
    });
    let mut bars = bars.unwrap_or_default();
    let (any_figure, figures) = figures::read(&mut table);
    if !listed && !any_figure && table.is_table() {
        bars.extend(bars::read(&mut table, lateness));
    } else if table.get("size").is_some() {
        let help = format!("write it into a table of `bars`, or leave `bars`, `{}` out", KEYS.join("`, `"));
        table.fault("size", Mistake::new("`size` stands beside lists").help(help));
    }
    table.finish();
    bars::report_twins(&bars, &mut faults);
    if faults.is_empty() { Ok(Config { bars, figures, lateness, idle_lag }) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expect: &[&str]) {
        let faults = read(&value).err().unwrap_or_default();
        let found: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.path, f.message)).collect();
        assert_eq!(found, expect, "{value}");
    }

    #[test]
    fn good_configurations_are_read() {
        check(json!({ "size": "1m" }), &[]);
        check(json!({ "size": "1d", "day_start": "09:00+09:00", "empty": "fill", "max_fill": 3 }), &[]);
        check(
            json!({ "bars": [{ "size": "1s", "emit": "both", "update_every": "1s" }], "lateness": "0s" }),
            &[],
        );
        check(json!({ "bars": [{ "size": "1m" }, { "size": "1m", "id": "x" }] }), &[]);
        check(json!({ "vwap": [{ "window": "5m" }, { "since": "day", "every": "10s" }] }), &[]);
        check(json!({ "size": "1w", "zone": "Asia/Seoul", "empty": "null" }), &[]);
        check(json!({ "size": "month", "day_start": "09:00+09:00", "keep_partial": true }), &[]);
        check(
            json!({ "bars": [
                { "kind": "tick", "size": 100 }, { "kind": "volume", "size": "0.5", "overshoot": "split" },
                { "kind": "notional", "size": "10억", "overshoot": "include", "max_age": "10m" },
                { "kind": "imbalance", "size": 5 }, { "kind": "imbalance", "by": "count", "size": 5 },
                { "kind": "imbalance", "by": "notional", "size": "1억", "emit": "both" }] }),
            &[],
        );
        check(
            json!({ "vwap": [{ "since": "week", "zone": "Asia/Seoul", "id": "week" }],
                "cvd": [{}, { "since": "hour" }, { "since": "start" }, { "window": "1m" }],
                "trade_strength": [{}, { "since": "day", "day_start": "00:00+09:00" }],
                "twap": [{ "window": "5m" }], "rolling": [{ "window": "1h", "every": "1m", "of": "volume" }],
                "ewma": [{ "half_life": "30s" }],
                "quantiles": [{ "window": "5m", "q": [0.5, "99.9%"], "of": "price" }, { "window": "1m" }] }),
            &[],
        );
    }

    #[test]
    fn a_size_is_spelled_in_one_way() {
        let check = |value: Value, kind: &str, expect: &str| {
            let face = read(&value).ok().and_then(|c| c.bars.first().map(|bar| bar.face().clone()));
            let found = face.as_ref().map(|face| (face.kind, face.size.as_str()));
            assert_eq!(found, Some((kind, expect)), "{value}");
        };
        check(json!({ "size": "90s", "kind": "time" }), "time", "90s");
        check(json!({ "size": "60s" }), "time", "1m");
        check(json!({ "size": "24h" }), "time", "1d");
        check(json!({ "size": "week" }), "time", "1w");
        check(json!({ "size": "month" }), "time", "1mo");
        check(json!({ "size": "1y" }), "time", "1y");
        check(json!({ "size": "1.5억", "kind": "notional" }), "notional", "150000000");
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        check(json!({}), &[": `size` is missing"]);
        check(json!(1), &[": expected a table, found the number 1"]);
        check(
            json!({ "bars": [1], "vwap": [""] }),
            &[
                "/bars/0: expected a table, found the number 1",
                "/vwap/0: expected a table, found the text \"\"",
            ],
        );
        check(json!({ "sise": "1m" }), &[": `size` is missing", "/sise: unknown key `sise`"]);
        check(
            json!({ "bars": [{ "size": "7m", "emit": "fnal" }, { "size": "1m", "late": 3, "keep_partial": 1 }], "idle_lag": "x" }),
            &[
                "/idle_lag: \"x\" is no duration",
                "/bars/0/emit: unknown word \"fnal\"",
                "/bars/0/size: the text \"7m\" does not divide a day into spans of a second or more",
                "/bars/1/late: expected a word, found the number 3",
                "/bars/1/keep_partial: expected true or false, found the number 1",
            ],
        );
        check(
            json!({ "size": "1m", "day_start": "00:00Z" }),
            &["/day_start: only bars of a day or more have a day to start"],
        );
        check(
            json!({ "size": "1d", "day_start": "9:00" }),
            &["/day_start: expected a time of day with its offset, found the text \"9:00\""],
        );
        check(json!({ "size": "1m", "update_every": "2s" }), &["/update_every: only finals are emitted"]);
        check(json!({ "size": "1m", "amend_for": "2s" }), &["/amend_for: late trades are dropped"]);
        check(json!({ "size": "1m", "max_fill": 2 }), &["/max_fill: empty bars are omitted"]);
        check(
            json!({ "size": "1m", "empty": "fill", "max_fill": 0 }),
            &["/max_fill: expected a whole number from 1 to 500, found the number 0"],
        );
        check(json!({ "size": "1m", "kind": "volum" }), &["/kind: unknown word \"volum\""]);
        check(json!({ "size": "1m", "kind": "volume" }), &["/size: the text \"1m\" is no amount"]);
        check(json!({ "size": 0, "kind": "volume" }), &["/size: the number 0 is not more than 0"]);
        check(
            json!({ "size": "5", "kind": "tick" }),
            &["/size: expected a whole number from 1 to 4294967295, found the text \"5\""],
        );
        check(
            json!({ "size": 5, "kind": "notional", "overshoot": "split", "by": "count", "late": "amend" }),
            &[
                "/overshoot: bars of kind \"notional\" are not split",
                "/late: `late` means nothing here: a bar of kind \"notional\" ends with a trade",
                "/by: `by` means nothing here: a bar of kind \"notional\" ends with a trade",
            ],
        );
        check(
            json!({ "size": "1m", "max_age": "1m" }),
            &["/max_age: `max_age` means nothing here: a bar of time ends with its time"],
        );
        check(
            json!({ "size": 5, "kind": "tick", "max_age": "0s" }),
            &["/max_age: the text \"0s\" is no time at all"],
        );
        check(
            json!({ "size": "1d", "zone": "Asia/Seol", "day_start": "00:00Z" }),
            &["/zone: \"Asia/Seol\" is no time zone"],
        );
        check(
            json!({ "size": "1d", "zone": "Asia/Seoul", "day_start": "00:00Z" }),
            &["/zone: `day_start` and `zone` exclude one another"],
        );
        check(
            json!({ "bars": [{ "kind": "tick", "size": 5 }, { "kind": "tick", "size": 5 },
                { "kind": "imbalance", "by": "count", "size": 5 }, { "kind": "imbalance", "size": 5 }] }),
            &["/bars/1: the same bars as /bars/0"],
        );
        check(
            json!({ "twap": [{}], "rolling": [{ "window": "1m", "of": "side" }], "ewma": [{ "half_life": "0s" }],
                "quantiles": [{ "window": "1m", "q": [0, 1.1, "50%"] }, { "window": "1m", "q": [] }],
                "cvd": [{ "since": "noon", "window": "1m" }, { "window": "1m", "zone": "UTC" }] }),
            &[
                "/cvd/0/since: unknown word \"noon\"",
                "/cvd/0: `window` and `since` exclude one another",
                "/cvd/1/zone: a window has no day to start",
                "/twap/0: `window` is missing",
                "/rolling/0/of: unknown word \"side\"",
                "/ewma/0/half_life: the text \"0s\" is no time at all",
                "/quantiles/0/q/0: the number 0 is no part of the samples",
                "/quantiles/0/q/1: the number 1.1 is no part of the samples",
                "/quantiles/1/q: expected 1 to 16 quantiles",
            ],
        );
        check(json!({ "size": "1m", "lateness": "1h" }), &["/lateness: the text \"1h\" is more than 10m"]);
        check(
            json!({ "size": "1s", "late": "amend", "amend_for": "2h" }),
            &["/size: lateness and `amend_for` span more than 4096 bars"],
        );
        check(json!({ "size": "1m", "bars": [] }), &["/size: `size` stands beside lists"]);
        check(
            json!({ "bars": [{ "size": "1m" }, { "size": "60s" }] }),
            &["/bars/1: the same bars as /bars/0"],
        );
        check(
            json!({ "bars": [{ "size": "1m", "id": "x" }, { "size": "5m", "id": "x" }] }),
            &["/bars/1: the id \"x\" of /bars/0"],
        );
        check(
            json!({ "vwap": [{}, { "window": "5m", "since": "day" }] }),
            &["/vwap/0: no span is given", "/vwap/1: `window` and `since` exclude one another"],
        );
        check(
            json!({ "vwap": [{ "window": "90s", "every": "1m" }, { "window": "2h" }] }),
            &[
                "/vwap/0/window: the window is not a multiple of `every` (1m)",
                "/vwap/1/every: the window holds more than 4096 steps of `every`",
            ],
        );
    }
}
