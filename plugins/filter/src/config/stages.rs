//! The conditions that remember other trades.

use super::{DAY_MS, duration_up_to, some_duration};
use serde_json::Value;
use tradehook_decimal::Wide;
use tradehook_sdk::config::{self, Mistake, Object};

/// The most trades that a throttle holds back for a market; chosen.
const MAX_HELD: u32 = 1000;
/// The most trades that a price is compared with; chosen, as they are sorted for each trade.
const MAX_WINDOW: u32 = 500;
/// The longest pause within a sweep; chosen.
const MAX_GAP_MS: i64 = 60_000;

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
    /// Which of them.
    pub mode: Mode,
    /// Whether it is told how many were dropped before one that is kept.
    pub tell: bool,
}

/// Which trades of a stretch pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The first, at once.
    Leading,
    /// The last, at its end.
    Trailing,
    /// The first at once, and the last of the others at its end.
    Both,
}

/// A price far from the median of those before it, measured by their median distance from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// How many trades before.
    pub k: u32,
    /// How many times 1.4826 median distances are too far.
    pub n: Wide,
    /// What is too far where that distance is nought.
    pub min_dev: MinDev,
    /// Whether it passes all the same, and a record says so.
    pub tag: bool,
}

/// A distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinDev {
    /// In the quote currency.
    Amount(Wide),
    /// Of the median, in percent.
    Percent(Wide),
}

/// Which trades are one taker's: consecutive ones of a side with no longer pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The pause, ms.
    pub gap_ms: i64,
}

/// One trade of each market for each stretch of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflate {
    /// The stretch, ms; aligned to 1970-01-01 00:00 UTC.
    pub every_ms: i64,
}

pub(super) fn read_sample(table: &mut Object<'_, '_>) -> Option<Sample> {
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
pub(super) fn ratio(value: &Value) -> Result<u128, Mistake> {
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

pub(super) fn read_throttle(table: &mut Object<'_, '_>) -> Option<Throttle> {
    let modes = [("leading", Mode::Leading), ("trailing", Mode::Trailing), ("both", Mode::Both)];
    let count = table.required("count", config::count);
    let per_ms = table.required("per", |value| match config::duration(value)? {
        0 => Err(Mistake::new("a throttle needs a stretch of time")),
        ms => Ok(ms),
    });
    let mode = table.optional("mode", |value| config::one_of(value, &modes)).unwrap_or(Mode::Leading);
    let tell = table.optional("tell", config::flag).unwrap_or(false);
    if mode != Mode::Leading && count.is_some_and(|count| count > MAX_HELD) {
        table.fault("count", Mistake::new(format!("at most {MAX_HELD} trades are held back")));
    }
    Some(Throttle { count: count?, per_ms: per_ms?, mode, tell })
}

pub(super) fn read_outlier(table: &mut Object<'_, '_>) -> Option<Outlier> {
    let k = table.optional("k", |value| {
        config::count(value).ok().filter(|k| (3..=MAX_WINDOW).contains(k)).ok_or_else(|| {
            let found = config::describe(value);
            Mistake::new(format!("expected a whole number from 3 to {MAX_WINDOW}, found {found}"))
        })
    });
    let n = table.optional("n", |value| match config::money(value).map_err(Mistake::new)? {
        n if n > Wide::ZERO => Ok(n),
        _ => Err(Mistake::new(format!("{} is not more than 0", config::describe(value)))),
    });
    let min_dev = table.optional("min_dev", |value| {
        if value.as_str().is_some_and(|text| text.trim_end().ends_with('%')) {
            config::percent(value).map(MinDev::Percent)
        } else {
            config::money(value).map(MinDev::Amount)
        }
    });
    let actions = [("drop", false), ("tag", true)];
    let tag = table.optional("action", |value| config::one_of(value, &actions)).unwrap_or(false);
    Some(Outlier {
        k: k.unwrap_or(20),
        n: n.unwrap_or(Wide::new(3, 0)),
        min_dev: min_dev.unwrap_or(MinDev::Percent(Wide::new(1, 0))),
        tag,
    })
}

pub(super) fn read_sweep(table: &mut Object<'_, '_>) -> Option<Sweep> {
    let gap = table.optional("gap", duration_up_to(MAX_GAP_MS));
    Some(Sweep { gap_ms: gap.unwrap_or(0) })
}

pub(super) fn read_conflate(table: &mut Object<'_, '_>) -> Option<Conflate> {
    table.required("every", some_duration(DAY_MS)).map(|every_ms| Conflate { every_ms })
}
