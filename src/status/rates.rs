//! Rates out of counters: how many trades a second, now.
//!
//! A reader keeps its own, so that two readers do not disturb each other. Time comes from the
//! snapshots (`uptime_ms`), so nothing here reads a clock.

use super::snapshot::Snapshot;
use std::collections::VecDeque;

/// How far back a rate looks; chosen: long enough not to flicker, short enough to follow a burst.
const WINDOW_MS: u64 = 3_000;

/// Bound of the samples in the window, whatever the reader's pace.
const MAX_SAMPLES: usize = 64;

#[derive(Clone, Debug)]
struct Sample {
    uptime_ms: u64,
    trades: u64,
    markets: Vec<u64>,
}

/// Trades per second over the last few seconds, in all and by market.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    samples: VecDeque<Sample>,
}

impl Rates {
    /// Takes note of a snapshot. Those taken at one and the same moment count once.
    pub fn observe(&mut self, snapshot: &Snapshot) {
        let sample = Sample {
            uptime_ms: snapshot.uptime_ms,
            trades: snapshot.intake.trades,
            markets: snapshot.markets.iter().map(|m| m.trades).collect(),
        };
        if self.samples.back().is_some_and(|last| last.uptime_ms >= sample.uptime_ms) {
            return;
        }
        self.samples.push_back(sample);
        let newest = snapshot.uptime_ms;
        // The oldest sample stays until the next one spans the window too.
        while self.samples.len() > MAX_SAMPLES
            || self.samples.get(1).is_some_and(|second| second.uptime_ms + WINDOW_MS <= newest)
        {
            self.samples.pop_front();
        }
    }

    /// All trades.
    #[must_use]
    pub fn trades_per_second(&self) -> f64 {
        self.per_second(|sample| sample.trades)
    }

    /// Those of the market at `index` of the snapshot's list.
    #[must_use]
    pub fn market_per_second(&self, index: usize) -> f64 {
        self.per_second(|sample| sample.markets.get(index).copied().unwrap_or(0))
    }

    fn per_second(&self, read: impl Fn(&Sample) -> u64) -> f64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else { return 0.0 };
        let elapsed_ms = last.uptime_ms.saturating_sub(first.uptime_ms);
        if elapsed_ms == 0 {
            return 0.0;
        }
        read(last).saturating_sub(read(first)) as f64 * 1000.0 / elapsed_ms as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    fn at(uptime_ms: u64, trades: u64) -> Snapshot {
        let status = Status::new("", || 0);
        status.intake().trades.add(trades);
        Snapshot { uptime_ms, ..status.snapshot() }
    }

    #[test]
    fn a_rate_follows_the_last_seconds_and_forgets_what_was_before() {
        let mut rates = Rates::default();
        let mut check = |uptime_ms, trades, expect: f64| {
            rates.observe(&at(uptime_ms, trades));
            let rate = rates.trades_per_second();
            assert!((rate - expect).abs() < 0.01, "{uptime_ms}: {rate} instead of {expect}");
        };
        check(0, 0, 0.0);
        check(1_000, 100, 100.0);
        check(1_000, 999, 100.0);
        check(2_000, 200, 100.0);
        check(12_000, 200, 0.0);
        check(13_000, 1_200, 90.909);
        check(15_000, 1_200, 333.33);
    }

    /// Proves [bounded] for a reader that asks without a pause.
    #[test]
    fn a_hurried_reader_costs_no_memory() {
        let mut rates = Rates::default();
        (0..100_000).for_each(|ms| rates.observe(&at(ms, ms)));
        assert!(rates.samples.len() <= MAX_SAMPLES);
        assert!((rates.trades_per_second() - 1000.0).abs() < 0.01);
    }
}
