//! The highest of closed time bars: what a breakout measures a trade against.
//!
//! A bar is `[start, start + size)`, aligned to the Unix epoch. It is closed once the clock is at
//! its end and the allowed lateness: until then a late trade belongs to it, after that it is
//! dropped. A bar without trades is absent. In these the bars are those of the bundled aggregate.
//! For the lowest, negated values are told.

use super::Peaks;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bars {
    size_ms: i64,
    lateness_ms: i64,
    /// Start and highest, in order of start.
    open: VecDeque<(i64, i128)>,
    /// By end.
    closed: Peaks,
}

impl Bars {
    pub(crate) fn new(size_ms: i64, lateness_ms: i64) -> Self {
        Self { size_ms: size_ms.max(1), lateness_ms, open: VecDeque::new(), closed: Peaks::default() }
    }

    fn start_of(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.size_ms).saturating_mul(self.size_ms)
    }

    /// The clock: closes what is over, and forgets what ended before the span.
    pub(crate) fn advance(&mut self, now_ms: i64, span_ms: i64) {
        self.close(now_ms);
        self.closed.expire(now_ms.saturating_sub(span_ms));
    }

    fn close(&mut self, now_ms: i64) {
        while let Some((start, highest)) = self.open.front().copied() {
            let end = start.saturating_add(self.size_ms);
            if end.saturating_add(self.lateness_ms) > now_ms {
                return;
            }
            self.closed.push(end, highest);
            self.open.pop_front();
        }
    }

    /// A trade at this clock, which was told.
    pub(crate) fn trade(&mut self, at_ms: i64, value: i128, now_ms: i64) {
        let start = self.start_of(at_ms);
        if start.saturating_add(self.size_ms).saturating_add(self.lateness_ms) <= now_ms {
            return;
        }
        let place = self.open.partition_point(|(other, _)| *other < start);
        match self.open.get_mut(place) {
            Some((other, highest)) if *other == start => *highest = (*highest).max(value),
            _ => self.open.insert(place, (start, value)),
        }
    }

    /// The highest of the closed bars that end within the span before the clock.
    pub(crate) fn highest(&self) -> Option<i128> {
        self.closed.highest().map(|(_, highest)| highest)
    }

    /// Whether all of these bars were seen whole.
    pub(crate) fn covered(&self, now_ms: i64, span_ms: i64, cover_from_ms: i64) -> bool {
        cover_from_ms <= self.start_of(now_ms.saturating_sub(span_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    #[test]
    fn the_highest_is_that_of_all_closed_bars_after_every_step() {
        for seed in 0..200u64 {
            let mut random = Random::new(seed);
            let (size, lateness) = (1 + random.below(20), random.below(8));
            let span = size * (1 + random.below(6));
            let mut bars = Bars::new(size, lateness);
            let (mut all, mut now) = (Vec::new(), 0i64);
            for step in 0..200 {
                now += if random.below(15) == 0 { random.below(100) } else { random.below(4) };
                bars.advance(now, span);
                let at = if random.below(4) == 0 { now - random.below(10) } else { now };
                let value = i128::from(random.below(50));
                bars.trade(at, value, now);
                all.push((at, value, now));
                let close = |at: i64| at.div_euclid(size) * size + size + lateness;
                let naive = all
                    .iter()
                    .filter(|(at, _, told)| close(*at) > *told && close(*at) <= now)
                    .filter(|(at, ..)| close(*at) - lateness > now - span)
                    .map(|(_, value, _)| *value)
                    .max();
                assert_eq!(bars.highest(), naive, "seed {seed}, step {step}");
            }
        }
    }
}
