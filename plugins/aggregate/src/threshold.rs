//! The bars that trades end, of one specification in one market: as many trades, as much volume or
//! money, or as much more of one side than of the other.
//!
//! A bar holds trades in the order in which they were processed; the trade that makes it large
//! enough is its last, unless volumes are split. A trade that is late by more than the lateness is
//! left out and counted, as no bar could still say where it belongs. There is one open bar, and its
//! times are those of its trades, so bars may overlap by the lateness.
//!
//! Keeps: [bounded] [numbers-survive]

use crate::{
    bar::{Bar, Marks, Threshold},
    config::ThresholdSpec,
    series::{FINAL, Moment, UPDATE},
    sum::{Fill, Sum},
};
use serde::{Deserialize, Serialize};
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::Out;

/// Into how many bars one trade is split at most; chosen. The last of them takes a multiple of the
/// size, so that a size that is much too small floods nobody.
const MAX_SPLIT: i128 = 100;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    bar: Option<Bar>,
    /// The market's clock when the open bar began.
    born: i64,
    /// What is measured of the open bar so far.
    sum: Sum,
    updated_at: i64,
    late_dropped: u64,
    inexact: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let (bar, sum) = (None, Sum::default());
        Self { bar, born: 0, sum, updated_at: i64::MIN, late_dropped: 0, inexact: 0 }
    }
}

impl Tally {
    /// As [`crate::series::Series::left_out`].
    pub(crate) fn left_out(&self) -> (u64, u64) {
        (self.late_dropped, self.inexact)
    }

    /// One trade.
    #[inline]
    pub(crate) fn trade(&mut self, spec: &ThresholdSpec, fill: &Fill, at: &Moment<'_>, out: &mut Out) {
        if fill.ts < at.now - at.lateness {
            self.late_dropped += 1;
            return;
        }
        self.age(spec, at, out);
        if spec.split {
            self.split(spec, fill, at, out);
        } else if self.add(spec, fill, at).is_none() {
            self.inexact += 1;
        } else if self.sum.reaches(spec.size) {
            self.close(spec, false, at, out);
        }
        self.update(spec, at, out);
    }

    /// The clock: a bar may be too old, an update due.
    pub(crate) fn clock(&mut self, spec: &ThresholdSpec, at: &Moment<'_>, out: &mut Out) {
        self.age(spec, at, out);
        self.update(spec, at, out);
    }

    /// Adds to the open bar, or to a new one; `None`, and nothing changes, when it is not exact.
    #[inline]
    fn add(&mut self, spec: &ThresholdSpec, fill: &Fill, at: &Moment<'_>) -> Option<()> {
        let (more, scale) = fill.measure(spec.by);
        let sum = self.sum.plus(if spec.signed && !fill.buy { -more } else { more }, scale)?;
        let bar = match &mut self.bar {
            Some(bar) => bar,
            none => {
                self.born = at.now;
                none.insert(Bar::empty(fill.ts, fill.ts, fill.price))
            }
        };
        bar.add(fill)?;
        bar.dirty = true;
        self.sum = sum;
        Some(())
    }

    /// One trade into as many bars as its volume fills.
    fn split(&mut self, spec: &ThresholdSpec, fill: &Fill, at: &Moment<'_>, out: &mut Out) {
        let Some(parts) = parts(self.sum, spec.size, fill.volume) else {
            self.inexact += 1;
            return;
        };
        for volume in parts {
            if self.add(spec, &fill.part(volume), at).is_none() {
                self.inexact += 1;
            } else if self.sum.reaches(spec.size) {
                self.close(spec, false, at, out);
            }
        }
    }

    fn age(&mut self, spec: &ThresholdSpec, at: &Moment<'_>, out: &mut Out) {
        if self.bar.is_some() && spec.max_age.is_some_and(|most| at.now - self.born >= most) {
            self.close(spec, true, at, out);
        }
    }

    fn close(&mut self, spec: &ThresholdSpec, aged: bool, at: &Moment<'_>, out: &mut Out) {
        let theta = std::mem::take(&mut self.sum);
        let Some(bar) = self.bar.take() else { return };
        // The last word on a bar of which only updates are wanted is an update.
        if spec.emit.finals || bar.dirty {
            let topic = if spec.emit.finals { FINAL } else { UPDATE };
            emit(topic, bar, spec, Threshold { aged, theta: spec.signed.then_some(theta) }, at, out);
        }
    }

    fn update(&mut self, spec: &ThresholdSpec, at: &Moment<'_>, out: &mut Out) {
        let (Some(every), Some(bar)) = (spec.emit.update_every, &mut self.bar) else { return };
        if bar.dirty && at.now >= self.updated_at.saturating_add(every) {
            self.updated_at = at.now;
            bar.dirty = false;
            let theta = spec.signed.then_some(self.sum);
            emit(UPDATE, bar.clone(), spec, Threshold { aged: false, theta }, at, out);
        }
    }
}

fn emit(
    topic: &str,
    mut bar: Bar,
    spec: &ThresholdSpec,
    threshold: Threshold,
    at: &Moment<'_>,
    out: &mut Out,
) {
    (bar.start, bar.end) = (bar.first_ts, bar.last_ts);
    let marks = Marks {
        incomplete: at.touched(bar.start, bar.end + 1),
        threshold: Some(threshold),
        ..Marks::default()
    };
    out.record(bar.record(topic, at.market, &spec.face, marks));
}

/// A volume as parts: what fills the open bar, then whole bars, then the rest. `None` when a part
/// has too many digits.
fn parts(sum: Sum, size: Wide, volume: Decimal) -> Option<Vec<Decimal>> {
    let scale = sum.parts().1.max(size.scale()).max(volume.scale());
    let part = |mantissa: i128| {
        let trimmed = Wide::new(mantissa, scale);
        trimmed.narrow()
    };
    let (open, size) = (sum.at_scale(scale)?, size.to_fixed(scale)?);
    let volume = volume.to_fixed(scale)?;
    let room = size - open;
    if volume < room {
        return Some(vec![part(volume)?]);
    }
    let (whole, rest) = ((volume - room) / size, (volume - room) % size);
    let mut parts = vec![part(room)?];
    for nth in 1..=whole.min(MAX_SPLIT - 1) {
        let bars = if nth == MAX_SPLIT - 1 { whole - nth + 1 } else { 1 };
        parts.push(part(size.checked_mul(bars)?)?);
    }
    if rest > 0 {
        parts.push(part(rest)?);
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [bounded]
    #[test]
    fn a_volume_is_split_into_all_of_itself() {
        let check = |open: i128, size: &str, volume: &str, count: usize, last: &str| {
            let sum = Sum::default().plus(open, 0).unwrap_or_default();
            let (size, volume): (Wide, Decimal) =
                (size.parse().unwrap_or_default(), volume.parse().unwrap_or_default());
            let parts = parts(sum, size, volume).unwrap_or_default();
            let all = parts.iter().try_fold(Wide::ZERO, |sum, part| sum.checked_add(part.wide()));
            assert_eq!(all, Some(volume.wide()), "{parts:?}");
            let found = (parts.len(), parts.last().map(Decimal::to_string));
            assert_eq!(found, (count, Some(last.to_owned())), "{parts:?}");
        };
        check(0, "5", "3", 1, "3");
        check(0, "5", "5", 1, "5");
        check(3, "5", "4", 2, "2");
        check(3, "5", "12", 3, "5");
        check(3, "5", "12.5", 4, "0.5");
        check(0, "0.1", "1000", 100, "990.1");
        check(0, "0.1", "1000.05", 101, "0.05");
    }

    /// [numbers-survive]
    #[test]
    fn a_part_of_too_many_digits_is_none() {
        let size = "0.000000000000000001".parse().unwrap_or_default();
        assert_eq!(parts(Sum::default(), size, Decimal::from(i32::MAX)), None);
    }
}
