//! The volume-weighted average price of one market over a window, or since the day began.
//!
//! Told at every multiple `b` of `every`, as soon as the market's clock has passed `b`, over the
//! trades of `(b - window, b]`, or of `[00:00 UTC, b]`. Trades are kept as sums per step of
//! `every`; as the window is a whole number of steps, its edges are exact. A late trade counts from
//! the next telling on, while its step is still in the window. Nothing is told where nothing
//! changed, and nothing of an empty window; of several steps that passed in silence only the last
//! is told.

use crate::{
    config::{DAY_MS, VwapSpec},
    series::Moment,
    sum::{Fill, Flow},
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tradehook_sdk::{Out, Record};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rolling {
    /// Sums of the trades in `((step - 1) * every, step * every]`, by step; unused since a day.
    panes: VecDeque<(i64, Flow)>,
    total: Flow,
    /// The step told last, or passed over.
    passed: Option<i64>,
    /// The day the total is of, in days since the epoch; unused over a window.
    day: i64,
    changed: bool,
    late_dropped: u64,
    inexact: u64,
}

impl Rolling {
    /// As [`crate::series::Series::left_out`].
    pub(crate) fn left_out(&self) -> (u64, u64) {
        (self.late_dropped, self.inexact)
    }

    /// One trade.
    #[inline]
    pub(crate) fn trade(&mut self, spec: &VwapSpec, fill: &Fill, at: &Moment<'_>, out: &mut Out) {
        self.clock(spec, at, out);
        let added = match spec.window {
            Some(window) => self.add_to_pane(spec.every, window, fill),
            None => self.add_to_day(fill),
        };
        if added.is_none() {
            self.inexact += 1;
        }
    }

    /// The clock: tells the average when a step has passed.
    #[inline]
    pub(crate) fn clock(&mut self, spec: &VwapSpec, at: &Moment<'_>, out: &mut Out) {
        let step = (at.now - 1).div_euclid(spec.every);
        if self.passed.is_none_or(|passed| step > passed) {
            self.passed = Some(step);
            self.tell(spec, step, at, out);
        }
    }

    fn tell(&mut self, spec: &VwapSpec, step: i64, at: &Moment<'_>, out: &mut Out) {
        let now = step * spec.every;
        let span = match spec.window {
            Some(window) => {
                self.expire(step - window / spec.every);
                window
            }
            None if now.div_euclid(DAY_MS) == self.day => now.rem_euclid(DAY_MS),
            None => return,
        };
        if !std::mem::take(&mut self.changed) || self.total.count == 0 {
            return;
        }
        let record = Record::new("vwap")
            .with("market", at.market)
            .with("at_ms", now)
            .with("window_ms", span)
            .with("vwap", self.total.vwap())
            .with("volume", self.total.volume.wide())
            .with("notional", self.total.notional.wide())
            .with("count", i64::try_from(self.total.count).unwrap_or(i64::MAX));
        out.record(record);
    }

    /// Forgets the steps up to `last`.
    fn expire(&mut self, last: i64) {
        while let Some((_, flow)) = self.panes.pop_front_if(|(step, _)| *step <= last) {
            // Every part was once added, so it can be taken away.
            self.total = self.total.minus(flow).unwrap_or_default();
            self.changed = true;
        }
    }

    fn add_to_pane(&mut self, every: i64, window: i64, fill: &Fill) -> Option<()> {
        let step = (fill.ts - 1).div_euclid(every) + 1;
        if self.passed.is_some_and(|passed| step <= passed + 1 - window / every) {
            self.late_dropped += 1;
            return Some(());
        }
        let total = self.total.plus(fill)?;
        match self.panes.back_mut() {
            Some((last, flow)) if *last == step => *flow = flow.plus(fill)?,
            _ => {
                let index = self.panes.partition_point(|(pane, _)| *pane < step);
                if self.panes.get(index).is_none_or(|(pane, _)| *pane != step) {
                    self.panes.insert(index, (step, Flow::default()));
                }
                let (_, flow) = self.panes.get_mut(index)?;
                *flow = flow.plus(fill)?;
            }
        }
        self.total = total;
        self.changed = true;
        Some(())
    }

    fn add_to_day(&mut self, fill: &Fill) -> Option<()> {
        let day = fill.ts.div_euclid(DAY_MS);
        if day < self.day {
            self.late_dropped += 1;
            return Some(());
        }
        if day > self.day {
            self.total = Flow::default();
            self.day = day;
        }
        self.total = self.total.plus(fill)?;
        self.changed = true;
        Some(())
    }
}
