//! Count, mean, variance, standard deviation, least and greatest of a window's trades.
//!
//! The sums are integers: of the samples, and of the squares of their distances from the first one
//! ever seen. So a trade that leaves the window takes away exactly what it brought, and the variance
//! `(n * S2 - S1^2) / n^2` cancels nothing; an `f64` comes in with the last division. It is that of
//! the population. Least and greatest stand in monotone queues.

use super::{Beat, LeftOut, record, sample, sample_name, say, step_of};
use crate::{
    config::{FigureSpec, Sample},
    series::Moment,
    sum::{Fill, Sum, ratio},
};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, collections::VecDeque};
use tradehook_decimal::Wide;
use tradehook_sdk::Out;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rolling {
    beat: Beat,
    panes: VecDeque<(i64, Moments)>,
    total: Moments,
    /// The sample that distances are measured from.
    zero: Option<Sum>,
    least: Extremes,
    greatest: Extremes,
    changed: bool,
    pub(super) left: LeftOut,
}

/// Count, sum, and sum of squared distances from the zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Moments {
    count: u64,
    sum: Sum,
    squares: Sum,
}

impl Moments {
    fn plus(self, other: Self) -> Option<Self> {
        let (sum, squares) = (other.sum.parts(), other.squares.parts());
        Some(Self {
            count: self.count.checked_add(other.count)?,
            sum: self.sum.plus(sum.0, sum.1)?,
            squares: self.squares.plus(squares.0, squares.1)?,
        })
    }

    fn minus(self, other: Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_sub(other.count)?,
            sum: self.sum.minus(other.sum)?,
            squares: self.squares.minus(other.squares)?,
        })
    }

    /// The mean, half to even at 8 decimals.
    fn mean(&self) -> Option<Wide> {
        ratio(self.sum, Sum::default().plus(i128::from(self.count), 0)?)
    }

    /// The variance of the population.
    #[expect(clippy::cast_precision_loss, reason = "a statistic; the sums are exact")]
    fn variance(&self, zero: Sum) -> Option<f64> {
        let n = i128::from(self.count);
        let (mantissa, scale) = zero.parts();
        let off = self.sum.plus(mantissa.checked_mul(n)?.checked_neg()?, scale)?;
        let exact = || {
            let (s1, scale) = off.parts();
            let (s2, squares) = self.squares.parts();
            // Brought to one scale, twice that of the samples.
            let scale = scale.max(squares.div_ceil(2));
            let s1 = off.at_scale(scale).unwrap_or(s1);
            let s2 = s2.checked_mul(10i128.checked_pow(u32::from(2 * scale - squares))?)?;
            let above = n.checked_mul(s2)?.checked_sub(s1.checked_mul(s1)?)?;
            Some(above as f64 / (n as f64 * n as f64 * 10f64.powi(2 * i32::from(scale))))
        };
        // What exceeds 38 digits there has far more digits than the two that are subtracted share.
        exact().or_else(|| {
            let (n, s1, s2) = (n as f64, off.to_f64(), self.squares.to_f64());
            Some((s2 / n - (s1 / n) * (s1 / n)).max(0.0))
        })
    }
}

/// The extreme of each step that is the extreme of a window from there on, by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Extremes {
    queue: VecDeque<(i64, Wide128)>,
}

/// A [`Wide`] as its parts: its own form is text, which a snapshot need not pay.
type Wide128 = (i128, u8);

fn wide(value: Wide128) -> Wide {
    Wide::new(value.0, value.1)
}

impl Extremes {
    /// A sample of a step. `beats` says which of two samples is the more extreme.
    fn add(&mut self, step: i64, value: Wide, beats: Ordering) {
        let stays = |other: Wide128| wide(other).cmp(&value) == beats;
        let at = self.queue.partition_point(|(of, _)| *of <= step);
        // One of the same step or a later one outlives it.
        let ahead = self.queue.get(at).is_some_and(|(_, next)| wide(*next).cmp(&value) != beats.reverse());
        let own = at.checked_sub(1).and_then(|last| self.queue.get(last));
        if ahead || own.is_some_and(|(of, own)| *of == step && wide(*own).cmp(&value) != beats.reverse()) {
            return;
        }
        let keep = self.queue.partition_point(|(_, other)| stays(*other)).min(at);
        self.queue.drain(keep..at);
        self.queue.insert(keep, (step, (value.mantissa(), value.scale())));
    }

    fn expire(&mut self, last: i64) {
        while self.queue.pop_front_if(|(step, _)| *step <= last).is_some() {}
    }

    /// The most extreme of what is left.
    fn best(&self) -> Option<Wide> {
        self.queue.front().map(|(_, value)| wide(*value))
    }
}

impl Rolling {
    /// One trade; the clock has been told before.
    pub(crate) fn trade(&mut self, spec: &FigureSpec, of: Sample, window: i64, fill: &Fill) {
        let step = step_of(fill.ts, spec.every);
        if self.beat.has_left(step, window / spec.every) {
            self.left.late += 1;
        } else if self.add(step, sample(of, fill)).is_none() {
            self.left.inexact += 1;
        }
    }

    fn add(&mut self, step: i64, (mantissa, scale): (i128, u8)) -> Option<()> {
        let sum = Sum::default().plus(mantissa, scale)?;
        let zero = *self.zero.get_or_insert(sum);
        let (off, off_scale) = sum.minus(zero)?.parts();
        let squares = (2 * off_scale <= Wide::MAX_SCALE).then_some(2 * off_scale)?;
        let squares = Sum::default().plus(off.checked_mul(off)?, squares)?;
        let one = Moments { count: 1, sum, squares };
        let total = self.total.plus(one)?;
        let index = self.panes.partition_point(|(pane, _)| *pane < step);
        if self.panes.get(index).is_none_or(|(pane, _)| *pane != step) {
            self.panes.insert(index, (step, Moments::default()));
        }
        let (_, pane) = self.panes.get_mut(index)?;
        *pane = pane.plus(one)?;
        self.total = total;
        let value = sum.wide();
        self.least.add(step, value, Ordering::Less);
        self.greatest.add(step, value, Ordering::Greater);
        self.changed = true;
        Some(())
    }

    /// The clock: tells when a step has passed.
    #[inline]
    pub(crate) fn clock(
        &mut self,
        spec: &FigureSpec,
        of: Sample,
        window: i64,
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        if let Some(step) = self.beat.passes(at.now, spec.every) {
            self.tell(spec, of, window, step, at, out);
        }
    }

    #[cold]
    fn tell(
        &mut self,
        spec: &FigureSpec,
        of: Sample,
        window: i64,
        step: i64,
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        let last = step - window / spec.every;
        while let Some((_, pane)) = self.panes.pop_front_if(|(pane, _)| *pane <= last) {
            self.total = self.total.minus(pane).unwrap_or_default();
            self.changed = true;
        }
        self.least.expire(last);
        self.greatest.expire(last);
        let Some(zero) = self.zero.filter(|_| self.total.count > 0) else { return };
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let now = step * spec.every;
        let variance = self.total.variance(zero);
        let record = record("rolling", at, now, window)
            .with("of", sample_name(of))
            .with("count", i64::try_from(self.total.count).unwrap_or(i64::MAX))
            .with("mean", self.total.mean())
            .with("variance", variance)
            .with("sd", variance.map(f64::sqrt))
            .with("min", self.least.best())
            .with("max", self.greatest.best());
        say(record, spec, at, (now - window, now), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_is_exact_where_floats_would_cancel() {
        let check = |samples: &[(i128, u8)], mean: &str, variance: f64| {
            let mut rolling = Rolling::default();
            assert!(samples.iter().all(|sample| rolling.add(1, *sample).is_some()));
            let found = rolling.total.variance(rolling.zero.unwrap_or_default());
            assert_eq!(rolling.total.mean().map(|m| m.to_string()).as_deref(), Some(mean), "{samples:?}");
            assert_eq!(found, Some(variance), "{samples:?}");
        };
        check(&[(5, 0)], "5", 0.0);
        check(&[(2, 0), (4, 0), (4, 0), (4, 0), (5, 0), (5, 0), (7, 0), (9, 0)], "5", 4.0);
        // One part in 10^17: the mean of squares less the square of the mean is nought in f64.
        let base = 100_000_000_000_000_000;
        check(&[(base + 1, 8), (base + 3, 8)], "1000000000.00000002", 1e-16);
        check(&[(1, 0), (15, 1), (2, 0)], "1.5", 0.5 / 3.0);
    }

    #[test]
    fn extremes_are_those_of_what_is_left() {
        let mut seed = 3u64;
        for case in 0..200 {
            let (mut least, mut greatest, mut all) = (Extremes::default(), Extremes::default(), Vec::new());
            for now in 0..100i64 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Now and then one that is late.
                let step = (now - [0, 0, 0, 1, 3, 7][(seed >> 40) as usize % 6]).max(now - 9);
                let value = Wide::new(i128::from((seed >> 33) % 50), (seed >> 50) as u8 % 3);
                least.add(step, value, Ordering::Less);
                greatest.add(step, value, Ordering::Greater);
                all.push((step, value));
                least.expire(now - 10);
                greatest.expire(now - 10);
                let left = || all.iter().filter(|(step, _)| *step > now - 10).map(|(_, value)| *value);
                let found = (least.best(), greatest.best());
                assert_eq!(found, (left().min(), left().max()), "case {case} at {now}");
            }
        }
    }
}
