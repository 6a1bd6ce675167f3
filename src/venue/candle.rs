//! Candles: the exact aggregation of what a market traded.
//!
//! Kept by the second and by the minute; longer ones are put together from minutes when they are
//! asked for. The first and the last trade of a candle are those with the lowest and the highest
//! id, so that trades that arrive late change what they should and the order of arrival changes
//! nothing. Where nothing was traded there is no candle.
//!
//! Keeps: [bounded] [numbers-survive]

use super::synth::VenueTrade;
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
/// Of a market; a week.
const MAX_MINUTES: usize = 10_080;
/// Of a market; three hours of uninterrupted trading. The venue keeps three months.
const MAX_SECONDS: usize = 10_800;

/// One candle. Prices and volume count 10^-8, the value 10^-16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candle {
    /// When it begins, ms since the Unix epoch.
    pub start_ms: i64,
    /// Of its first trade.
    pub open: i64,
    /// Its highest price.
    pub high: i64,
    /// Its lowest price.
    pub low: i64,
    /// Of its last trade.
    pub close: i64,
    /// How much was traded.
    pub volume: i128,
    /// What it was worth, in the quote currency.
    pub value: i128,
    /// Of that, what buyers took.
    pub bought: i128,
    /// When its last trade was matched, ms since the Unix epoch.
    pub last_ms: i64,
    first_id: u64,
    last_id: u64,
}

impl Candle {
    /// Of one trade alone.
    pub(super) fn of(trade: &VenueTrade) -> Self {
        Self::new(trade.traded_at_ms, trade)
    }

    fn new(start_ms: i64, trade: &VenueTrade) -> Self {
        let volume = i128::from(trade.volume);
        Self {
            start_ms,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume,
            value: volume * i128::from(trade.price),
            bought: if trade.side == crate::trade::Side::Buy { volume } else { 0 },
            last_ms: trade.traded_at_ms,
            first_id: trade.sequential_id,
            last_id: trade.sequential_id,
        }
    }

    /// Takes in another candle of the same stretch of time.
    fn add(&mut self, other: &Self) {
        if other.first_id < self.first_id {
            (self.first_id, self.open) = (other.first_id, other.open);
        }
        if other.last_id > self.last_id {
            (self.last_id, self.close, self.last_ms) = (other.last_id, other.close, other.last_ms);
        }
        self.high = self.high.max(other.high);
        self.low = self.low.min(other.low);
        self.volume += other.volume;
        self.value += other.value;
        self.bought += other.bought;
    }
}

/// The candles of one market.
#[derive(Default)]
pub(super) struct Candles {
    seconds: BTreeMap<i64, Candle>,
    minutes: BTreeMap<i64, Candle>,
}

impl Candles {
    pub(super) fn add(&mut self, trade: &VenueTrade) {
        put(&mut self.seconds, 1_000, MAX_SECONDS, trade);
        put(&mut self.minutes, MINUTE_MS, MAX_MINUTES, trade);
    }

    /// The candle of `unit_ms` that begins at `start_ms`, if anything was traded in it.
    pub(super) fn get(&self, unit_ms: i64, start_ms: i64) -> Option<Candle> {
        if unit_ms < MINUTE_MS {
            return self.seconds.get(&start_ms).cloned();
        }
        let mut parts = self.minutes.range(start_ms..start_ms + unit_ms).map(|(_, candle)| candle);
        let mut whole = parts.next()?.clone();
        whole.start_ms = start_ms;
        parts.for_each(|part| whole.add(part));
        Some(whole)
    }

    /// At most `count` candles of `unit_ms` that begin before `before_ms`, the newest first.
    pub(super) fn before(&self, unit_ms: i64, before_ms: i64, count: usize) -> Vec<Candle> {
        let kept = if unit_ms < MINUTE_MS { &self.seconds } else { &self.minutes };
        let mut out: Vec<Candle> = Vec::new();
        for candle in kept.range(..).rev().map(|(_, candle)| candle) {
            let start_ms = start_of(unit_ms, candle.start_ms);
            if start_ms >= before_ms {
                continue;
            }
            let is_full = out.len() == count;
            match out.last_mut() {
                Some(last) if last.start_ms == start_ms => last.add(candle),
                _ if is_full => break,
                _ => out.push(Candle { start_ms, ..candle.clone() }),
            }
        }
        out
    }

    /// Everything from `from_ms` on as one.
    pub(super) fn since(&self, from_ms: i64) -> Option<Candle> {
        self.get(i64::MAX / 4, start_of(MINUTE_MS, from_ms))
    }
}

fn put(kept: &mut BTreeMap<i64, Candle>, unit_ms: i64, most: usize, trade: &VenueTrade) {
    let start_ms = start_of(unit_ms, trade.traded_at_ms);
    let new = Candle::new(start_ms, trade);
    kept.entry(start_ms).and_modify(|candle| candle.add(&new)).or_insert(new);
    if kept.len() > most {
        kept.pop_first();
    }
}

/// When the candle of a time begins; days do so at 00:00 UTC, as at the venue.
pub(super) const fn start_of(unit_ms: i64, at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(unit_ms)
}

/// The length of the candles of a stream such as `candle.5m`.
pub(super) fn stream_unit_ms(kind: &str) -> Option<i64> {
    match kind.strip_prefix("candle.")? {
        "1s" => Some(1_000),
        minutes => minute_unit_ms(minutes.strip_suffix('m')?),
    }
}

/// The length of a candle of so many minutes, if the venue has such.
pub(super) fn minute_unit_ms(minutes: &str) -> Option<i64> {
    const KNOWN: [&str; 8] = ["1", "3", "5", "10", "15", "30", "60", "240"];
    KNOWN.contains(&minutes).then(|| minutes.parse::<i64>().ok()).flatten().map(|n| n * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::super::synth::{Liveliness, Synth, SynthOptions};
    use super::*;

    const START_MS: i64 = 1_795_348_800_000;

    #[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    fn trades() -> Vec<VenueTrade> {
        let options = SynthOptions {
            seed: 4,
            codes: vec!["KRW-XRP".into()],
            liveliness: Liveliness::Lively,
            trades_per_second: Some(3.0),
            late_share: 0.1,
            start_ms: START_MS,
            history_ms: 0,
            retained: 100_000,
        };
        Synth::new(&options).unwrap().advance_to(START_MS + 3 * 3_600_000)
    }

    /// Candles of every length are what a plain look over all trades of their time yields.
    #[test]
    fn every_candle_is_the_sum_of_its_trades_whatever_order_they_came_in() {
        let mut trades = trades();
        let mut candles = Candles::default();
        trades.iter().for_each(|trade| candles.add(trade));
        trades.sort_by_key(|t| t.sequential_id);
        for unit_ms in [1_000, MINUTE_MS, 5 * MINUTE_MS, 60 * MINUTE_MS, 1_440 * MINUTE_MS] {
            let got = candles.before(unit_ms, i64::MAX, usize::MAX);
            assert!(got.is_sorted_by(|a, b| a.start_ms > b.start_ms));
            let mut counted = 0;
            for candle in got.iter().filter(|c| c.start_ms >= START_MS + 600_000 || unit_ms > 1_000) {
                let inside = candle.start_ms..candle.start_ms + unit_ms;
                let of: Vec<_> = trades.iter().filter(|t| inside.contains(&t.traded_at_ms)).collect();
                let values = of.iter().map(|t| i128::from(t.price) * i128::from(t.volume)).sum::<i128>();
                let prices = || of.iter().map(|t| t.price);
                let expect = (
                    of.first().map(|t| t.price),
                    prices().max(),
                    prices().min(),
                    of.last().map(|t| t.price),
                    values,
                );
                let (open, close) = (Some(candle.open), Some(candle.close));
                let got = (open, Some(candle.high), Some(candle.low), close, candle.value);
                assert_eq!(got, expect, "{unit_ms} ms at {}", candle.start_ms);
                assert_eq!(candles.get(unit_ms, candle.start_ms).as_ref(), Some(candle));
                counted += of.len();
            }
            assert!(counted > 10_000, "{unit_ms} ms: only {counted} trades");
        }
    }
}
