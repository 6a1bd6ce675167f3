//! The time-weighted average of the last price over `[b - window, b)`: each price by how long it
//! stood.
//!
//! Kept as a running integral `A` of price over time, noted once per step: the average is
//! `(A(b) - A(b - window)) / window`, so telling costs the same whatever the window. A trade that is
//! late never became the last price and counts for nothing.
//!
//! The price at the beginning of the window is carried in from before it. Where there was none yet,
//! the average goes over the part of the window since the first trade, and `coverage` says which
//! part that is.

use super::{Beat, LeftOut, record, say, step_of};
use crate::{
    config::FigureSpec,
    series::Moment,
    sum::{Fill, Sum, parts, ratio},
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::Out;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Twap {
    beat: Beat,
    /// When the first trade of all came.
    start: Option<i64>,
    /// The last price of each step, by step; the first is from before the window, once there is one.
    points: VecDeque<Point>,
    /// One price stood over the whole window, and that was told.
    settled: bool,
    pub(super) left: LeftOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    step: i64,
    ts: i64,
    #[serde(with = "parts")]
    price: Decimal,
    /// The integral from the first trade up to `ts`, price times ms.
    area: Sum,
}

impl Point {
    /// The integral up to `ts`, where no other price came between.
    fn area_at(&self, ts: i64) -> Option<Sum> {
        let stood = i128::from(self.price.mantissa()).checked_mul(i128::from(ts - self.ts))?;
        self.area.plus(stood, self.price.scale())
    }
}

impl Twap {
    /// One trade; the clock has been told before.
    pub(crate) fn trade(&mut self, spec: &FigureSpec, fill: &Fill) {
        let step = step_of(fill.ts, spec.every);
        self.settled = false;
        self.start.get_or_insert(fill.ts);
        let Some(last) = self.points.back_mut() else {
            self.points.push_back(Point { step, ts: fill.ts, price: fill.price, area: Sum::default() });
            return;
        };
        if fill.ts < last.ts {
            self.left.late += 1;
            return;
        }
        let Some(area) = last.area_at(fill.ts) else {
            self.left.inexact += 1;
            return;
        };
        let point = Point { step, ts: fill.ts, price: fill.price, area };
        if last.step == step { *last = point } else { self.points.push_back(point) }
    }

    /// The clock: tells when a step has passed.
    #[inline]
    pub(crate) fn clock(&mut self, spec: &FigureSpec, window: i64, at: &Moment<'_>, out: &mut Out) {
        let Some(step) = self.beat.passes(at.now, spec.every) else { return };
        let (to, first_step) = (step * spec.every, step - window / spec.every);
        let from = to - window;
        // The newest point from before the window carries its price into it.
        while self.points.get(1).is_some_and(|next| next.step <= first_step) {
            self.points.pop_front();
        }
        let (Some(first), Some(last)) = (self.points.front(), self.points.back()) else { return };
        let Some(start) = self.start.filter(|start| *start < to) else { return };
        let carried = first.step <= first_step;
        let settles = carried && self.points.len() == 1;
        if settles && self.settled {
            return;
        }
        self.settled = settles;
        // Where no price was carried in, the integral begins with the first trade.
        let begin = if carried { from } else { start };
        let base = if carried { first.area_at(from) } else { Some(Sum::default()) };
        let area = last.area_at(to);
        let twap = match (area, base) {
            (Some(area), Some(base)) => area
                .minus(base)
                .zip(Sum::default().plus(i128::from(to - begin), 0))
                .and_then(|(area, covered)| ratio(area, covered)),
            _ => None,
        };
        let span = Sum::default().plus(i128::from(window), 0);
        let covered = Sum::default().plus(i128::from(to - begin), 0);
        let coverage: Option<Wide> = covered.zip(span).and_then(|(covered, span)| ratio(covered, span));
        let record = record("twap", at, to, window).with("twap", twap).with("coverage", coverage);
        say(record.with("last", last.price), spec, at, (from, to), out);
    }
}
