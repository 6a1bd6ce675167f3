//! How far a window's sum stands out from the buckets before it.
//!
//! `ratio` stays in integers: the sum times the number of buckets, over their sum. The others are
//! statistics and in `f64`: `z` in population deviations from the mean, `robust` in deviations from
//! the median (1.4826 times the median deviation), `ewma` as a multiple of a mean in which a bucket
//! counts half as much as the one so many after it.

use crate::bounds::float;
use serde::{Deserialize, Serialize};

/// What makes the median deviation of normal noise its standard deviation.
const NORMAL: f64 = 1.4826;

/// How buckets become a yardstick.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Method {
    Ratio,
    /// The deviation is at least `floor`, in units of the sum.
    Z {
        floor: f64,
    },
    Robust {
        floor: f64,
    },
    /// In buckets.
    Ewma {
        half_life: u32,
    },
}

/// What the buckets say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) count: u32,
    pub(crate) sum: i128,
    /// Mean, median or weighted mean, in units of a sum.
    pub(crate) centre: f64,
    /// What counts as one; of `ratio` and `ewma` the centre itself.
    pub(crate) unit: f64,
}

/// How far a sum stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spike {
    /// As a fraction.
    Exact(i128, i128),
    Approx(f64),
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    if values.len().is_multiple_of(2) {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

impl Method {
    /// What these buckets say, the oldest first; `None` of none.
    pub(crate) fn baseline(self, buckets: impl Iterator<Item = i128>) -> Option<Baseline> {
        let sums: Vec<i128> = buckets.collect();
        let count = u32::try_from(sums.len()).ok().filter(|count| *count > 0)?;
        let sum = sums.iter().fold(0i128, |all, sum| all.saturating_add(*sum));
        let mut values: Vec<f64> = sums.iter().copied().map(float).collect();
        let mean = float(sum) / f64::from(count);
        let (centre, unit) = match self {
            Self::Ratio => (mean, mean),
            Self::Z { floor } => {
                let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
                (mean, (squares / f64::from(count)).sqrt().max(floor))
            }
            Self::Robust { floor } => {
                let centre = median(&mut values);
                values.iter_mut().for_each(|value| *value = (*value - centre).abs());
                (centre, (NORMAL * median(&mut values)).max(floor))
            }
            Self::Ewma { half_life } => {
                let weight = 1.0 - (-1.0 / f64::from(half_life.max(1))).exp2();
                let smooth = |mean: f64, value: f64| mean + weight * (value - mean);
                let mean = values.iter().copied().reduce(smooth).unwrap_or_default();
                (mean, mean)
            }
        };
        Some(Baseline { count, sum, centre, unit })
    }

    /// How far `current` stands out; `None` where the yardstick is nought.
    pub(crate) fn measure(self, current: i128, baseline: &Baseline) -> Option<Spike> {
        match self {
            Self::Ratio => {
                let grown = current.checked_mul(i128::from(baseline.count))?;
                (baseline.sum > 0).then_some(Spike::Exact(grown, baseline.sum))
            }
            Self::Ewma { .. } => (baseline.unit > 0.0).then(|| Spike::Approx(float(current) / baseline.unit)),
            Self::Z { .. } | Self::Robust { .. } => (baseline.unit > 0.0)
                .then(|| Spike::Approx((float(current) - baseline.centre) / baseline.unit)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_measures_as_it_is_defined() {
        let check = |method: Method, buckets: &[i128], current: i128, expect: Option<f64>| {
            let baseline = method.baseline(buckets.iter().copied());
            let got = baseline.and_then(|baseline| method.measure(current, &baseline));
            let got = got.map(|spike| match spike {
                Spike::Exact(num, den) => num as f64 / den as f64,
                Spike::Approx(value) => value,
            });
            let near = match (got, expect) {
                (Some(got), Some(expect)) => (got - expect).abs() < 1e-12,
                (got, expect) => got == expect,
            };
            assert!(near, "{method:?} {buckets:?} {current}: {got:?}, not {expect:?}");
        };
        check(Method::Ratio, &[1, 2, 3], 6, Some(3.0));
        check(Method::Ratio, &[0, 0], 6, None);
        check(Method::Ratio, &[], 6, None);
        // Mean 5, deviation 2.
        let eight = [2, 4, 4, 4, 5, 5, 7, 9];
        check(Method::Z { floor: 0.0 }, &eight, 11, Some(3.0));
        check(Method::Z { floor: 3.0 }, &eight, 11, Some(2.0));
        check(Method::Z { floor: 0.0 }, &[5, 5], 11, None);
        check(Method::Z { floor: 2.0 }, &[0, 0], 4, Some(2.0));
        // Median 3, median deviation 1.
        check(Method::Robust { floor: 0.0 }, &[1, 2, 3, 4, 100], 10, Some(7.0 / NORMAL));
        check(Method::Robust { floor: 0.0 }, &[1, 2, 4, 100], 3, Some(0.0));
        check(Method::Robust { floor: 0.0 }, &[3, 3, 3, 100], 5, None);
        check(Method::Robust { floor: 4.0 }, &[3, 3, 3, 100], 5, Some(0.5));
        // Half of 8 and half of 4.
        check(Method::Ewma { half_life: 1 }, &[8, 4], 12, Some(2.0));
        check(Method::Ewma { half_life: 1 }, &[0, 0], 12, None);
    }
}
