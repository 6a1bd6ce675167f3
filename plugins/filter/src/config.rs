//! The configuration: every key a condition, every mistake at its place.

use crate::range::Range;
use serde_json::Value;
use tradehook_decimal::Wide;
use tradehook_sdk::{
    ConfigFault, Side,
    config::{self, MarketFilter, Mistake, Object},
};

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
    /// Which part.
    pub sample: Option<Sample>,
    /// How many at a time.
    pub throttle: Option<Throttle>,
}

/// Which part of the trades is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Of each market the first and then each so many.
    Every(u32),
    /// Those whose hash is below the threshold, which is the ratio times 2^64.
    Ratio {
        /// Up to 2^64, which keeps all.
        threshold: u128,
        /// Makes another choice of the same size.
        salt: String,
    },
}

/// How many trades of a market pass in a stretch of event time that begins with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// So many.
    pub count: u32,
    /// In so many ms.
    pub per_ms: i64,
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
        sample: table.table("sample", read_sample),
        throttle: table.table("throttle", read_throttle),
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

fn read_sample(table: &mut Object<'_, '_>) -> Option<Sample> {
    let (by_count, by_chance) = (table.get("every").is_some(), table.get("ratio").is_some());
    let every = table.optional("every", config::count);
    let threshold = table.optional("ratio", ratio);
    let salt = table.optional("salt", config::text);
    if by_count == by_chance {
        let message = if by_count { "`every` and `ratio` exclude one another" } else { "no part is given" };
        table.fault("", Mistake::new(message).help("either every = 10 or ratio = 0.1"));
    } else if by_count && salt.is_some() {
        table.fault("salt", Mistake::new("only a ratio takes a salt"));
    }
    match (every, threshold) {
        (Some(every), None) => Some(Sample::Every(every)),
        (None, Some(threshold)) => Some(Sample::Ratio { threshold, salt: salt.unwrap_or_default() }),
        _ => None,
    }
}

/// A ratio as its part of 2^64.
fn ratio(value: &Value) -> Result<u128, Mistake> {
    let wrong = || {
        let message = format!("{} is no ratio", config::describe(value));
        Mistake::new(message).help("more than 0 and at most 1, such as 0.1 or \"10%\"")
    };
    let is_percentage = value.as_str().is_some_and(|text| text.trim_end().ends_with('%'));
    let read = if is_percentage {
        config::percent(value).ok().and_then(|p| p.checked_mul(Wide::new(1, 2)))
    } else {
        config::money(value).ok()
    };
    let ratio = read.filter(|r| *r > Wide::ZERO && *r <= Wide::new(1, 0)).ok_or_else(wrong)?;
    let (digits, unit) = (ratio.mantissa().unsigned_abs(), 10u128.pow(u32::from(ratio.scale())));
    // Within 18 decimals the product fits; finer ratios differ by no trade.
    digits.checked_mul(1 << 64).map(|product| product / unit).ok_or_else(wrong)
}

fn read_throttle(table: &mut Object<'_, '_>) -> Option<Throttle> {
    let count = table.required("count", config::count);
    let per_ms = table.required("per", |value| {
        let ms = config::duration(value)?;
        if ms > 0 { Ok(ms) } else { Err(Mistake::new("a throttle needs a stretch of time")) }
    });
    table.optional("mode", |value| {
        config::one_of(value, &[("leading", ())]).map_err(|_| {
            let message = format!("{} is no mode that is available", config::describe(value));
            Mistake::new(message).help("available: \"leading\", which keeps the first ones of each stretch")
        })
    });
    Some(Throttle { count: count?, per_ms: per_ms? })
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
            json!({ "throttle": { "per": "0s", "mode": "trailing" } }),
            &[
                "/throttle: `count` is missing",
                "/throttle/per: a throttle needs a stretch of time",
                "/throttle/mode: the text \"trailing\" is no mode that is available",
            ],
        );
    }

    #[test]
    fn a_ratio_is_its_part_of_two_to_the_sixty_four() {
        let check = |value: Value, expect: u128| assert_eq!(ratio(&value), Ok(expect), "{value}");
        check(json!(1), 1 << 64);
        check(json!(0.5), 1 << 63);
        check(json!("50%"), 1 << 63);
        check(json!("0.25"), 1 << 62);
    }
}
