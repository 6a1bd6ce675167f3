//! Realised volatility: the root of the sum of squared logarithmic returns from second to second.
//!
//! The price of a second is its last; a second without trades carries the one before and returns
//! nought. Squares are kept as integers (in units of 2^-90, so the least tick of the venue has 30
//! bits), because a sum of floats that trades enter and leave would drift: the sum is that of a
//! recomputation, bit for bit.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A return beyond this (the price thousandfold in a second) counts as this: the sum of a day's
/// seconds stays within 128 bits.
const MAX_RETURN: f64 = 7.0;

/// One second with trades.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Second {
    /// Its end, which is in it.
    end_ms: i64,
    last_ms: i64,
    price: f64,
    /// The squared return from the second before.
    square: u128,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    /// The last second before the window.
    before: Option<Second>,
    seconds: VecDeque<Second>,
    sum: u128,
}

fn square(from: f64, to: f64) -> u128 {
    let part = (to / from).ln();
    if !part.is_finite() {
        return 0;
    }
    let part = part.clamp(-MAX_RETURN, MAX_RETURN);
    // Not negative and at most 49 * 2^90.
    (part * part * 2f64.powi(90)) as u128
}

impl Pulse {
    /// A trade; its price only counts if no later one of its second is known.
    pub(crate) fn trade(&mut self, at_ms: i64, price: f64) {
        let end_ms = super::key(at_ms, i64::MAX);
        let new = Second { end_ms, last_ms: at_ms, price, square: 0 };
        let replaces = |old: &Second| old.end_ms == end_ms && at_ms >= old.last_ms;
        let place = self.seconds.partition_point(|second| second.end_ms < end_ms);
        match self.seconds.get_mut(place) {
            Some(same) if same.end_ms == end_ms => {
                if replaces(same) {
                    (same.last_ms, same.price) = (at_ms, price);
                } else {
                    return;
                }
            }
            _ if place > 0 => self.seconds.insert(place, new),
            // Before the first of the window: before the window, if that is where it stands.
            _ => match &mut self.before {
                Some(before) if before.end_ms > end_ms => return,
                Some(before) if before.end_ms == end_ms => {
                    if !replaces(before) {
                        return;
                    }
                    (before.last_ms, before.price) = (at_ms, price);
                }
                _ => self.seconds.push_front(new),
            },
        }
        self.again(place);
        self.again(place + 1);
    }

    /// The square of this second again, after a price beside it changed.
    fn again(&mut self, place: usize) {
        let from = match place.checked_sub(1) {
            Some(before) => self.seconds.get(before).copied(),
            None => self.before,
        };
        if let Some(second) = self.seconds.get_mut(place) {
            let fresh = from.map_or(0, |from| square(from.price, second.price));
            self.sum = self.sum - second.square + fresh;
            second.square = fresh;
        }
    }

    /// Forgets what is not behind `edge`, but for the last of it.
    pub(crate) fn expire(&mut self, edge_ms: i64) {
        while self.seconds.front().is_some_and(|second| second.end_ms <= edge_ms) {
            if let Some(second) = self.seconds.pop_front() {
                self.sum -= second.square;
                self.before = Some(second);
            }
        }
    }

    /// The realised volatility as a share: 0.01 is 1 %.
    pub(crate) fn value(&self) -> f64 {
        (self.sum as f64 / 2f64.powi(90)).sqrt()
    }

    /// The end of the oldest second in the window.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.seconds.front().map(|second| second.end_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    /// From all trades: the price of each second, then the returns of those in the window.
    fn naive(all: &[(i64, f64)], edge: i64) -> u128 {
        let mut seconds: Vec<(i64, i64, f64)> = Vec::new();
        for (at, price) in all {
            let end = (at + 999).div_euclid(1000) * 1000;
            match seconds.iter_mut().find(|(e, ..)| *e == end) {
                Some(second) if *at >= second.1 => *second = (end, *at, *price),
                Some(_) => {}
                None => seconds.push((end, *at, *price)),
            }
        }
        seconds.sort_by_key(|(end, ..)| *end);
        let pairs = seconds.windows(2).filter(|pair| pair.iter().any(|(end, ..)| *end > edge));
        pairs
            .filter_map(|pair| match pair {
                [(.., from), (end, _, to)] if *end > edge => Some(square(*from, *to)),
                _ => None,
            })
            .sum()
    }

    #[test]
    fn the_sum_is_that_of_all_trades_after_every_step() {
        for seed in 0..60u64 {
            let mut random = Random::new(seed);
            let (mut pulse, mut all, mut now) = (Pulse::default(), Vec::new(), 0i64);
            let span = 1000 * (1 + random.below(20));
            for step in 0..200 {
                now += random.below(1500);
                let edge = (now - span).div_euclid(1000) * 1000;
                pulse.expire(edge);
                let at = if random.below(4) == 0 { now - random.below(2000) } else { now };
                let price = (1000 + random.below(40)) as f64;
                // What is before the window and not the last there is gone for good.
                if at > edge {
                    pulse.trade(at, price);
                    all.push((at, price));
                }
                let got = pulse.sum;
                assert_eq!(got, naive(&all, edge), "seed {seed}, step {step}");
            }
        }
    }

    #[test]
    fn the_value_is_the_root_of_the_squares() {
        let mut pulse = Pulse::default();
        for (at, price) in [(500, 100.0), (1500, 101.0), (1800, 102.0), (5500, 100.0)] {
            pulse.trade(at, price);
        }
        let expect = ((1.02f64).ln().powi(2) + (100.0f64 / 102.0).ln().powi(2)).sqrt();
        assert!((pulse.value() - expect).abs() < 1e-12, "{} {expect}", pulse.value());
        assert_eq!(pulse.oldest(), Some(1000));
    }
}
