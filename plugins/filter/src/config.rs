//! The configuration: every key a condition, every mistake at its place.

mod stages;

pub use stages::{Conflate, MinDev, Mode, Outlier, Sample, Sweep, Throttle};

use crate::range::Range;
use serde_json::Value;
use tradehook_calendar::Schedule;
use tradehook_decimal::Wide;
use tradehook_sdk::{
    ConfigFault, Side,
    config::{self, MarketFilter, Mistake, Object},
};

const DAY_MS: i64 = 86_400_000;
/// The longest time that trades are held to be put in order; chosen, as every one of it is kept.
const MAX_REORDER_MS: i64 = 60_000;
/// As that of the bars.
const MAX_IDLE_LAG_MS: i64 = 600_000;

/// What a trade must be to pass; `None`: anything.
#[derive(Clone, Debug)]
pub struct Config {
    /// Of which markets.
    pub markets: MarketFilter,
    /// Of which taker.
    pub side: Option<Side>,
    /// At which prices.
    pub price: Option<Range>,
    /// Of which volumes.
    pub volume: Option<Range>,
    /// Of which price times volume.
    pub notional: Option<Range>,
    /// Whether the venue's snapshots are refused.
    pub realtime_only: bool,
    /// At which hours of the trades' own time.
    pub schedule: Option<Schedule>,
    /// How long trades are held to be put into the order of their time, ms.
    pub reorder: Option<i64>,
    /// Which prices are out of all proportion.
    pub outlier: Option<Outlier>,
    /// Whether a trade at the price of the one before is dropped.
    pub distinct: bool,
    /// Which part.
    pub sample: Option<Sample>,
    /// How many at a time.
    pub throttle: Option<Throttle>,
    /// Which trades are one taker's.
    pub sweep: Option<Sweep>,
    /// How often there is one of a market.
    pub conflate: Option<Conflate>,
    /// How far the clock of a market stays behind a tick, ms.
    pub idle_lag: i64,
    /// How often the counts are told, ms.
    pub report: Option<i64>,
}

impl Config {
    /// Whether a trade may be held back, or made of others.
    #[must_use]
    pub fn holds(&self) -> bool {
        let throttled = self.throttle.as_ref().is_some_and(|throttle| throttle.mode != Mode::Leading);
        self.reorder.is_some() || throttled || self.sweep.is_some() || self.conflate.is_some()
    }

    /// Whether anything but the trade itself decides.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.holds()
            || self.outlier.is_some()
            || self.distinct
            || self.sample.is_some()
            || self.throttle.is_some()
    }
}

/// Reads the configuration.
///
/// # Errors
/// Every mistake in it.
pub fn read(value: &Value) -> Result<Config, Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let mut table = Object::new(value, "", &mut faults);
    let sides = [("buy", Side::Buy), ("sell", Side::Sell)];
    let streams = [("realtime", true), ("both", false)];
    let config = Config {
        markets: MarketFilter::read(&mut table),
        side: table.optional("side", |value| config::one_of(value, &sides)),
        price: table.table("price", read_range),
        volume: table.table("volume", read_range),
        notional: table.table("notional", read_range),
        realtime_only: table
            .optional("stream_type", |value| config::one_of(value, &streams))
            .unwrap_or(false),
        schedule: table.table("schedule", Schedule::read),
        reorder: table.optional("reorder", some_duration(MAX_REORDER_MS)),
        outlier: table.table("outlier", stages::read_outlier),
        distinct: table.optional("distinct", config::flag).unwrap_or(false),
        sample: table.table("sample", stages::read_sample),
        throttle: table.table("throttle", stages::read_throttle),
        sweep: table.table("sweep", stages::read_sweep),
        conflate: table.table("conflate", stages::read_conflate),
        idle_lag: table.optional("idle_lag", duration_up_to(MAX_IDLE_LAG_MS)).unwrap_or(2000),
        report: table.optional("report", some_duration(DAY_MS)),
    };
    table.finish();
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

fn read_range(table: &mut Object<'_, '_>) -> Option<Range> {
    let written = table.get("min").is_some() || table.get("max").is_some();
    let min = table.optional("min", amount);
    let max = table.optional("max", amount);
    if !written {
        table.fault("", Mistake::new("no bound is given").help("`min`, `max` or both"));
    }
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        table.fault("", Mistake::new(format!("min {min} exceeds max {max}: nothing would pass")));
    }
    Some(Range::new(min, max))
}

fn amount(value: &Value) -> Result<Wide, Mistake> {
    let help = "a number, or text such as \"1_000_000\", \"5000만\", \"1.5억\"";
    config::money(value).map_err(|message| Mistake::new(message).help(help))
}

fn duration_up_to(most: i64) -> impl Fn(&Value) -> Result<i64, Mistake> {
    move |value| {
        let ms = config::duration(value)?;
        let over = || Mistake::new(format!("{} is more than {most} ms", config::describe(value)));
        if ms <= most { Ok(ms) } else { Err(over()) }
    }
}

/// The same, but longer than nought.
fn some_duration(most: i64) -> impl Fn(&Value) -> Result<i64, Mistake> {
    move |value| match duration_up_to(most)(value)? {
        0 => Err(Mistake::new(format!("{} is no time at all", config::describe(value)))),
        ms => Ok(ms),
    }
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
        check(json!({}), &[]);
        check(
            json!({ "markets": ["KRW-*"], "exclude": ["KRW-USDT"], "side": "buy", "price": { "min": 1, "max": "1억" },
                "volume": { "min": "0.01" }, "notional": { "min": "1_000만" }, "stream_type": "both",
                "sample": { "ratio": 0.5, "salt": "x" }, "throttle": { "count": 5, "per": "1s", "mode": "leading" } }),
            &[],
        );
        check(json!({ "sample": { "every": 3 }, "stream_type": "realtime" }), &[]);
        check(
            json!({ "schedule": { "days": ["mon"], "from": "09:00", "to": "18:00", "tz": "Asia/Seoul" },
                "reorder": "250ms", "outlier": { "k": 20, "n": 3.5, "min_dev": "0.5%", "action": "tag" },
                "distinct": true, "throttle": { "count": 1, "per": "1s", "mode": "trailing", "tell": true },
                "sweep": { "gap": "5ms" }, "conflate": { "every": "1s" }, "idle_lag": "1s", "report": "1m" }),
            &[],
        );
        check(
            json!({ "sweep": {}, "outlier": {}, "throttle": { "count": 9, "per": "1s", "mode": "both" } }),
            &[],
        );
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        check(
            json!({ "market": "KRW-*", "side": "bid", "price": { "min": "5%" }, "volume": { "mn": 1 },
                "notional": { "min": 2, "max": 1 }, "stream_type": "snapshot" }),
            &[
                "/side: unknown word \"bid\"",
                "/price/min: \"5%\" is a percentage, not an amount",
                "/volume: no bound is given",
                "/volume/mn: unknown key `mn`",
                "/notional: min 2 exceeds max 1: nothing would pass",
                "/stream_type: unknown word \"snapshot\"",
                "/market: unknown key `market`",
            ],
        );
        check(json!({ "price": 3 }), &["/price: expected a table, found the number 3"]);
        check(json!({ "sample": {} }), &["/sample: no part is given"]);
        check(
            json!({ "sample": { "every": 2, "ratio": 0.1 } }),
            &["/sample: `every` and `ratio` exclude one another"],
        );
        check(
            json!({ "sample": { "every": 0 } }),
            &["/sample/every: expected a whole number from 1 to 4294967295, found the number 0"],
        );
        check(json!({ "sample": { "every": 2, "salt": "x" } }), &["/sample/salt: only a ratio takes a salt"]);
        for wrong in [json!(0), json!(1.5), json!(-0.1), json!("x"), json!("101%"), json!(true)] {
            let text = config::describe(&wrong);
            check(json!({ "sample": { "ratio": wrong } }), &[&format!("/sample/ratio: {text} is no ratio")]);
        }
        check(
            json!({ "throttle": { "per": "0s", "mode": "trailling" } }),
            &[
                "/throttle: `count` is missing",
                "/throttle/per: a throttle needs a stretch of time",
                "/throttle/mode: unknown word \"trailling\"",
            ],
        );
    }

    #[test]
    fn every_fault_of_what_remembers_is_told_at_its_place() {
        check(
            json!({ "reorder": "2h", "outlier": { "k": 2, "n": 0, "min_dev": "x", "action": "keep" }, "distinct": 1 }),
            &[
                "/reorder: the text \"2h\" is more than 60000 ms",
                "/outlier/k: expected a whole number from 3 to 500, found the number 2",
                "/outlier/n: the number 0 is not more than 0",
                "/outlier/min_dev: the text \"x\" is no amount",
                "/outlier/action: unknown word \"keep\"",
                "/distinct: expected true or false, found the number 1",
            ],
        );
        check(
            json!({ "throttle": { "count": 5000, "per": "1s", "mode": "trailing" }, "conflate": {}, "sweep": { "gap": "2m" } }),
            &[
                "/throttle/count: at most 1000 trades are held back",
                "/sweep/gap: the text \"2m\" is more than 60000 ms",
                "/conflate: `every` is missing",
            ],
        );
        check(
            json!({ "report": "0s", "schedule": {} }),
            &["/schedule: no hours are given", "/report: the text \"0s\" is no time at all"],
        );
    }

    #[test]
    fn a_ratio_is_its_part_of_two_to_the_sixty_four() {
        let check = |value: Value, expect: u128| assert_eq!(stages::ratio(&value), Ok(expect), "{value}");
        check(json!(1), 1 << 64);
        check(json!(0.5), 1 << 63);
        check(json!("50%"), 1 << 63);
        check(json!("0.25"), 1 << 62);
    }
}
