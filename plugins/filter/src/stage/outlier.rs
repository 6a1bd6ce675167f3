//! The Hampel test: a price is an outlier when it is further from the median of the `k` prices
//! before it than `n` times 1.4826 times their median distance from that median (for a normal
//! spread, 1.4826 of it is one standard deviation).
//!
//! The prices before are all that came, outliers too: otherwise a market that really jumped would be
//! silent for ever. Until there are `k`, nobody knows, and everything passes. Where most of the
//! prices are the same, their median distance is nought, and `min_dev` decides.
//!
//! Exact: medians are kept as sums of the two in the middle, so that nothing is halved.
//!
//! Keeps: [bounded] [numbers-survive]

use crate::config::{MinDev, Outlier};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::Record;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    /// Prices as their parts, the oldest first.
    prices: VecDeque<(i64, u8)>,
}

/// What was found of an outlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    median: Wide,
    distance: Wide,
}

impl Window {
    /// Whether a price is an outlier; it is one of those before for the next.
    pub(crate) fn judge(&mut self, spec: &Outlier, price: Decimal) -> Option<Found> {
        let full = self.prices.len() >= spec.k as usize;
        let found = if full { self.measure(spec, price) } else { None };
        if full {
            self.prices.pop_front();
        }
        self.prices.push_back((price.mantissa(), price.scale()));
        found
    }

    fn measure(&self, spec: &Outlier, price: Decimal) -> Option<Found> {
        let scale = self.prices.iter().map(|(_, scale)| *scale).fold(price.scale(), u8::max);
        let at_scale = |(mantissa, own): (i64, u8)| {
            i128::from(mantissa).checked_mul(10i128.checked_pow(u32::from(scale - own))?)
        };
        let mut prices: Vec<i128> =
            self.prices.iter().map(|price| at_scale(*price)).collect::<Option<_>>()?;
        // Twice the median, and four times the distances.
        let median = middle_twice(&mut prices)?;
        let own = (2 * at_scale((price.mantissa(), price.scale()))?).checked_sub(median)?.checked_abs()?;
        let mut distances: Vec<i128> = prices.iter().map(|price| (2 * price - median).abs()).collect();
        let spread = middle_twice(&mut distances)?;
        if !is_beyond(spec, own.checked_mul(2)?, spread, median, scale)? {
            return None;
        }
        // A half and a quarter, told exactly.
        Some(Found {
            median: Wide::new(median, scale).checked_mul(Wide::new(5, 1))?,
            distance: Wide::new(spread, scale).checked_mul(Wide::new(25, 2))?,
        })
    }
}

/// Whether four times the distance exceeds the limit; all are integers at `scale`.
fn is_beyond(spec: &Outlier, own: i128, spread: i128, median: i128, scale: u8) -> Option<bool> {
    let power = |n: u8| 10i128.checked_pow(u32::from(n));
    // own > factor * of, without a division.
    let exceeds = |factor: Wide, of: i128| {
        Some(own.checked_mul(power(factor.scale())?)? > factor.mantissa().checked_mul(of)?)
    };
    match spec.min_dev {
        _ if spread > 0 => exceeds(spec.n.checked_mul(Wide::new(14_826, 4))?, spread),
        MinDev::Amount(amount) => exceeds(amount, 4i128.checked_mul(power(scale)?)?),
        // Of twice the median, twice; a percent is a hundredth.
        MinDev::Percent(percent) => exceeds(percent.checked_mul(Wide::new(2, 2))?, median),
    }
}

impl Found {
    /// The tag of the trade.
    pub(crate) fn record(self, market: &str, sid: u64, ts: i64, price: Decimal) -> Record {
        Record::new("outlier")
            .with("market", market)
            .with("sequential_id", i64::try_from(sid).ok())
            .with("traded_at_ms", ts)
            .with("price", price)
            .with("median", self.median)
            .with("median_distance", self.distance)
    }
}

/// Twice the median: the sum of the two in the middle, or the one there counted twice.
fn middle_twice(numbers: &mut [i128]) -> Option<i128> {
    numbers.sort_unstable();
    let (low, high) = (numbers.get(numbers.len().checked_sub(1)? / 2)?, numbers.get(numbers.len() / 2)?);
    low.checked_add(*high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(k: u32, n: &str, min_dev: MinDev) -> Outlier {
        Outlier { k, n: n.parse().unwrap_or_default(), min_dev, tag: false }
    }

    fn judge(spec: &Outlier, prices: &str) -> Vec<bool> {
        let mut window = Window::default();
        let price = |text: &str| text.parse::<Decimal>().unwrap_or_default();
        prices.split_whitespace().map(|text| window.judge(spec, price(text)).is_some()).collect()
    }

    #[test]
    fn a_price_is_measured_by_those_before_it() {
        let check = |spec: &Outlier, prices: &str, expect: &str| {
            let found: String = judge(spec, prices).iter().map(|o| if *o { 'x' } else { '.' }).collect();
            assert_eq!(found, expect, "{spec:?} {prices}");
        };
        let percent = |of: &str| MinDev::Percent(of.parse().unwrap_or_default());
        // Median 3, distances 2 1 0 1 2: median distance 1, so the limit is 3 times 1.4826.
        let three = spec(5, "3", percent("1"));
        check(&three, "1 2 3 4 5 7.4478", "......");
        check(&three, "1 2 3 4 5 7.4479", ".....x");
        check(&three, "1 2 3 4 5 -1.4479", ".....x");
        // Of an even number the median lies between: 2.5, and the median distance is 1.
        let four = spec(4, "1", percent("1"));
        check(&four, "1 2 3 4 3.9826", ".....");
        check(&four, "1 2 3 4 3.98260001", "....x");
        // A market that jumps is believed after a while.
        check(&spec(3, "3", percent("1")), "5 5 5 9 9 9 9", "...xx..");
        // Where all are the same, the least distance decides, itself included.
        check(&spec(3, "3", percent("1")), "100 100 100 101 99", ".....");
        check(&spec(3, "3", percent("1")), "100 100 100 101.00000001", "...x");
        let amount = MinDev::Amount("0.5".parse().unwrap_or_default());
        check(&spec(3, "3", amount), "100 100 100 100.5 100.50000001", "....x");
    }
}
