//! Quantiles of a window by nearest rank: the least sample that at least so large a part of the
//! samples does not exceed.
//!
//! Exact while the window holds up to 10,000 samples. With more, they are counted in buckets whose
//! bounds grow by a constant factor (the DDSketch), so that a quantile is right to 1 % of itself;
//! `exact` says which it is. The buckets are kept per step, so leaving the window takes from them
//! what a step brought.
//!
//! Keeps: [bounded]

use super::{Beat, LeftOut, record, sample, sample_name, say, step_of};
use crate::{
    config::{FigureSpec, Quantile, Sample},
    series::Moment,
    sum::Fill,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::{Out, Value};

/// The most samples of which every one is kept.
const MAX_EXACT: usize = 10_000;
/// The relative error of the buckets.
const ERROR: f64 = 0.01;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    beat: Beat,
    panes: VecDeque<Pane>,
    /// All that is kept in the panes, counted.
    #[serde(with = "counted")]
    kept: BTreeMap<Decimal, u32>,
    kept_count: usize,
    /// The buckets of all panes.
    buckets: BTreeMap<i32, u64>,
    count: u64,
    changed: bool,
    pub(super) left: LeftOut,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pane {
    step: i64,
    /// Its samples, or none where there were too many to keep.
    #[serde(with = "listed")]
    samples: Option<Vec<Decimal>>,
    buckets: BTreeMap<i32, u32>,
}

impl Quantiles {
    /// One trade; the clock has been told before.
    pub(crate) fn trade(&mut self, spec: &FigureSpec, of: Sample, window: i64, fill: &Fill) {
        let step = step_of(fill.ts, spec.every);
        let (mantissa, scale) = sample(of, fill);
        let value = (scale <= Wide::MAX_SCALE).then(|| Wide::new(mantissa, scale)).and_then(Wide::narrow);
        if self.beat.has_left(step, window / spec.every) {
            self.left.late += 1;
        } else if value.and_then(|value| self.add(step, value)).is_none() {
            self.left.inexact += 1;
        }
    }

    fn add(&mut self, step: i64, value: Decimal) -> Option<()> {
        let index = self.panes.partition_point(|pane| pane.step < step);
        if self.panes.get(index).is_none_or(|pane| pane.step != step) {
            let pane = Pane { step, samples: Some(Vec::new()), buckets: BTreeMap::new() };
            self.panes.insert(index, pane);
        }
        let pane = self.panes.get_mut(index)?;
        let bucket = bucket_of(value.to_f64());
        *pane.buckets.entry(bucket).or_default() += 1;
        *self.buckets.entry(bucket).or_default() += 1;
        self.count += 1;
        self.changed = true;
        if let Some(samples) = &mut pane.samples {
            samples.push(value);
            *self.kept.entry(value).or_default() += 1;
            self.kept_count += 1;
        }
        if self.kept_count > MAX_EXACT {
            self.panes.iter_mut().for_each(|pane| pane.samples = None);
            self.kept.clear();
            self.kept_count = 0;
        }
        Some(())
    }

    /// The clock: tells when a step has passed.
    #[inline]
    pub(crate) fn clock(
        &mut self,
        spec: &FigureSpec,
        of: Sample,
        window: i64,
        parts: &[Quantile],
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        let Some(step) = self.beat.passes(at.now, spec.every) else { return };
        self.expire(step - window / spec.every);
        if self.count == 0 || !std::mem::take(&mut self.changed) {
            return;
        }
        let now = step * spec.every;
        let exact = self.kept_count as u64 == self.count;
        let mut record = record("quantiles", at, now, window)
            .with("of", sample_name(of))
            .with("count", i64::try_from(self.count).unwrap_or(i64::MAX))
            .with("exact", exact);
        for Quantile { part, field } in parts {
            let value = rank(*part, self.count).map_or(Value::Null, |rank| self.at_rank(rank, exact));
            record = record.with(field.as_str(), value);
        }
        say(record, spec, at, (now - window, now), out);
    }

    fn expire(&mut self, last: i64) {
        while let Some(pane) = self.panes.pop_front_if(|pane| pane.step <= last) {
            self.changed = true;
            for (bucket, count) in pane.buckets {
                self.count -= u64::from(count);
                take(&mut self.buckets, &bucket, u64::from(count));
            }
            for value in pane.samples.into_iter().flatten() {
                self.kept_count -= 1;
                take(&mut self.kept, &value, 1);
            }
        }
    }

    /// The sample of a rank from 1 on.
    fn at_rank(&self, rank: u64, exact: bool) -> Value {
        let mut below = 0;
        if exact {
            let found = self.kept.iter().find(|(_, count)| {
                below += u64::from(**count);
                below >= rank
            });
            return found.map_or(Value::Null, |(value, _)| (*value).into());
        }
        let found = self.buckets.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        });
        found.map_or(Value::Null, |(bucket, _)| Value::Float(middle_of(*bucket)))
    }
}

/// Takes from a count; one of nought is forgotten.
fn take<K: Ord, N: Copy + Ord + std::ops::SubAssign>(counts: &mut BTreeMap<K, N>, key: &K, less: N) {
    if let Some(count) = counts.get_mut(key) {
        if *count > less {
            *count -= less;
        } else {
            counts.remove(key);
        }
    }
}

/// `ceil(part * count)`, exact.
fn rank(part: Wide, count: u64) -> Option<u64> {
    let unit = 10i128.checked_pow(u32::from(part.scale()))?;
    let product = part.mantissa().checked_mul(i128::from(count))?;
    u64::try_from((product + unit - 1) / unit).ok()
}

fn growth() -> f64 {
    (1.0 + ERROR) / (1.0 - ERROR)
}

/// The bucket `(growth^(i-1), growth^i]` of a positive sample.
#[expect(clippy::cast_possible_truncation, reason = "a decimal's logarithm is small")]
fn bucket_of(value: f64) -> i32 {
    (value.ln() / growth().ln()).ceil() as i32
}

/// What is within the error of everything in the bucket.
fn middle_of(bucket: i32) -> f64 {
    2.0 * growth().powi(bucket) / (growth() + 1.0)
}

/// Counted decimals as their parts.
mod counted {
    use super::{BTreeMap, Decimal};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &BTreeMap<Decimal, u32>, to: S) -> Result<S::Ok, S::Error> {
        let parts: Vec<(i64, u8, u32)> = of.iter().map(|(v, n)| (v.mantissa(), v.scale(), *n)).collect();
        parts.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Decimal, u32>, D::Error> {
        let parts = <Vec<(i64, u8, u32)>>::deserialize(from)?;
        let of = |(mantissa, scale, n)| Decimal::new(mantissa, scale).map(|value| (value, n));
        parts.into_iter().map(of).collect::<Option<_>>().ok_or_else(super::out_of_range)
    }
}

/// Decimals as their parts.
mod listed {
    use super::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(of: &Option<Vec<Decimal>>, to: S) -> Result<S::Ok, S::Error> {
        let part = |v: &Decimal| (v.mantissa(), v.scale());
        of.as_ref().map(|list| list.iter().map(part).collect::<Vec<_>>()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Decimal>>, D::Error> {
        let Some(parts) = <Option<Vec<(i64, u8)>>>::deserialize(from)? else { return Ok(None) };
        let list = parts.into_iter().map(|(mantissa, scale)| Decimal::new(mantissa, scale));
        list.collect::<Option<_>>().map(Some).ok_or_else(super::out_of_range)
    }
}

fn out_of_range<E: serde::de::Error>() -> E {
    E::custom("a scale out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_the_least_that_covers_its_part() {
        let check = |part: &str, count, expect| {
            assert_eq!(rank(part.parse().unwrap_or_default(), count), Some(expect), "{part} of {count}");
        };
        check("0.5", 4, 2);
        check("0.5", 5, 3);
        check("0.9", 10, 9);
        check("0.99", 10, 10);
        check("0.000001", 10, 1);
        check("1", 7, 7);
    }

    /// [bounded]
    #[test]
    fn more_samples_than_are_kept_are_told_to_one_percent() {
        let parts = ["0.01", "0.5", "0.9", "0.999"].map(|p| p.parse::<Wide>().unwrap_or_default());
        for (seed, scale) in [(1u64, 0u8), (2, 8), (3, 18)] {
            let (mut seed, mut quantiles, mut all) = (seed, Quantiles::default(), Vec::new());
            for i in 0..30_000 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let wild = 1 + (seed >> 33) as i64 % 10i64.pow(1 + (seed >> 60) as u32 % 9);
                let value = Decimal::new(wild, scale).unwrap_or_default();
                assert!(quantiles.add(i / 1000, value).is_some());
                all.push(value);
            }
            assert!(quantiles.kept_count <= MAX_EXACT && quantiles.count == 30_000);
            // The first ten steps leave; what is told is of the other twenty.
            quantiles.expire(9);
            let mut left = all.split_off(10_000);
            left.sort();
            for part in parts {
                let rank = rank(part, 20_000).unwrap_or(0);
                let expect = left.get(rank as usize - 1).map_or(0.0, |value| value.to_f64());
                let Value::Float(found) = quantiles.at_rank(rank, false) else { panic!("no float") };
                let error = (found - expect).abs() / expect;
                assert!(error <= ERROR * 1.000_001, "{part}: {found} for {expect}");
            }
            quantiles.expire(100);
            assert_eq!(quantiles.buckets.len() + quantiles.kept.len(), 0);
        }
    }
}
