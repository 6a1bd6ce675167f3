//! The exponentially weighted mean of the price, on panes of a second: `y += (1 - 2^(-dt/h)) *
//! (x - y)`, where `x` is the pane's volume-weighted price and `dt` the time since the pane before.
//!
//! Per pane and not per trade: with `dt = 0` an average per trade would ignore every trade of a
//! millisecond but one. A trade that comes after its second is over is left out and counted.

use super::{Beat, LeftOut, record, say, step_of};
use crate::{
    config::FigureSpec,
    series::Moment,
    sum::{Fill, Flow},
};
use serde::{Deserialize, Serialize};
use tradehook_sdk::Out;

const PANE_MS: i64 = 1000;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ewma {
    beat: Beat,
    /// The pane that is being filled; its number is that of its end.
    pane: i64,
    flow: Flow,
    /// The mean, and the end of the pane it was told up to.
    mean: Option<(f64, i64)>,
    panes: u64,
    changed: bool,
    pub(super) left: LeftOut,
}

impl Ewma {
    /// One trade; the clock has been told before.
    pub(crate) fn trade(&mut self, fill: &Fill) {
        let pane = step_of(fill.ts, PANE_MS);
        if pane < self.pane || self.mean.is_some_and(|(_, end)| pane <= end) {
            self.left.late += 1;
            return;
        }
        self.pane = pane;
        match self.flow.plus(fill) {
            Some(flow) => self.flow = flow,
            None => self.left.inexact += 1,
        }
    }

    /// The clock: closes the pane that is over, and tells when a step has passed.
    #[inline]
    pub(crate) fn clock(&mut self, spec: &FigureSpec, half_life: i64, at: &Moment<'_>, out: &mut Out) {
        if self.flow.count > 0 && at.now > self.pane * PANE_MS {
            self.close(half_life);
        }
        let Some(step) = self.beat.passes(at.now, spec.every) else { return };
        let Some((mean, _)) = self.mean.filter(|_| std::mem::take(&mut self.changed)) else { return };
        let now = step * spec.every;
        let record = record("ewma", at, now, half_life)
            .with("ewma", mean)
            .with("panes", i64::try_from(self.panes).unwrap_or(i64::MAX));
        say(record, spec, at, (now - half_life, now), out);
    }

    #[expect(clippy::cast_precision_loss, reason = "a statistic")]
    fn close(&mut self, half_life: i64) {
        let flow = std::mem::take(&mut self.flow);
        let Some(price) = flow.vwap().map(tradehook_decimal::Wide::to_f64) else { return };
        let mean = match self.mean {
            None => price,
            Some((mean, end)) => {
                let elapsed = ((self.pane - end) * PANE_MS) as f64;
                let weight = 1.0 - (-elapsed / half_life as f64).exp2();
                weight.mul_add(price - mean, mean)
            }
        };
        self.mean = Some((mean, self.pane));
        self.panes += 1;
        self.changed = true;
    }
}
