//! Chance: the few distributions the synthetic market draws from, by a seed.
//!
//! Only additions, multiplications and a table: no logarithm or other function whose last digit
//! differs between platforms, so that one seed gives one market everywhere.

use std::f64::consts::LN_2;

/// Quantiles of the exponential distribution of mean 1, in sixteenths; the tail is cut at 4.4.
const EXPONENTIAL: [f64; 17] = [
    0.0, 0.0645, 0.1335, 0.2076, 0.2877, 0.3747, 0.4700, 0.5754, LN_2, 0.8267, 0.9808, 1.1632, 1.3863,
    1.6740, 2.0794, 2.7726, 4.4,
];

/// A source of chance.
#[derive(Clone, Debug)]
pub(super) struct Chance(fastrand::Rng);

impl Chance {
    /// One stream per market and seed: adding a market changes no other.
    pub(super) fn new(seed: u64, code: &str) -> Self {
        // FNV-1a: stable for ever, which the standard hasher does not promise.
        let hash = code
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(fastrand::Rng::with_seed(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// At least 0 and less than 1.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0.f64()
    }

    /// At least `low` and less than `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// `low..=high`, evenly.
    pub(super) fn int(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high.max(low))
    }

    /// Below `most`, evenly; 0 when `most` is 0.
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0.usize(0..most.max(1))
    }

    /// One of these, evenly; the first alone when there is no other.
    pub(super) fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices.get(self.below(choices.len())).unwrap_or(&choices[0]).clone()
    }

    /// True once in `1 / p` times.
    pub(super) fn is(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Mean 1, at most 4.4.
    pub(super) fn exponential(&mut self) -> f64 {
        let at = self.0.usize(0..16);
        match EXPONENTIAL.get(at..at + 2) {
            Some(&[low, high]) => self.between(low, high),
            _ => 1.0,
        }
    }

    /// Mean 0, deviation 1, between -3.5 and 3.5: a sum of four even draws.
    pub(super) fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 1.732_050_807_568_877_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_stated_means() {
        let mut chance = Chance::new(7, "KRW-BTC");
        let mut mean =
            |draw: fn(&mut Chance) -> f64| (0..100_000).map(|_| draw(&mut chance)).sum::<f64>() / 1e5;
        assert!((mean(Chance::exponential) - 1.0).abs() < 0.03);
        assert!(mean(Chance::normal).abs() < 0.02);
        assert!((mean(Chance::uniform) - 0.5).abs() < 0.01);
    }
}
