//! What sums of volumes and amounts say: the volume-weighted average price, the cumulative volume
//! delta, and the strength of trading (100 times volume bought by volume sold).
//!
//! Over a window, sums are kept per step; a late trade counts from the next telling on, while its
//! step is still in the window. Since the beginning of an hour, day, week, month or year there is
//! one sum, whose last word is told at the end of its span; what comes later than that is left out.

use super::{Beat, LeftOut, record, say, step_of};
use crate::{
    config::{FigureSpec, FlowFigure, Over},
    series::Moment,
    sum::{Fill, Flow, Sum, ratio},
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tradehook_decimal::Wide;
use tradehook_sdk::Out;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    beat: Beat,
    /// Sums of the trades in `((step - 1) * every, step * every]`, by step; unused since a span.
    panes: VecDeque<Pane>,
    total: Both,
    /// The span the total is of; unused over a window.
    from: i64,
    to: i64,
    changed: bool,
    pub(super) left: LeftOut,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pane {
    step: i64,
    sums: Both,
}

/// All fills, and those where the taker bought; the latter only where they are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Both {
    all: Flow,
    buys: Sum,
}

impl Both {
    /// Adds a fill; `None`, and nothing changes, when a sum would no longer be exact.
    #[inline]
    fn add(&mut self, fill: &Fill, what: FlowFigure) -> Option<()> {
        let all = self.all.plus(fill)?;
        if fill.buy && what != FlowFigure::Vwap {
            self.buys = self.buys.plus(i128::from(fill.volume.mantissa()), fill.volume.scale())?;
        }
        self.all = all;
        Some(())
    }

    fn minus(self, part: Self) -> Option<Self> {
        Some(Self { all: self.all.minus(part.all)?, buys: self.buys.minus(part.buys)? })
    }
}

impl Sums {
    /// One trade; the clock has been told before.
    #[inline]
    pub(crate) fn trade(
        &mut self,
        spec: &FigureSpec,
        what: FlowFigure,
        over: &Over,
        fill: &Fill,
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        let added = match over {
            Over::Window(window) => self.add_to_pane(spec.every, *window, what, fill),
            Over::Since(_) => {
                if fill.ts >= self.to {
                    self.begin(spec, what, over, fill.ts, at, out);
                }
                self.add_to_span(what, fill)
            }
        };
        if added.is_none() {
            self.left.inexact += 1;
        }
    }

    /// The clock: tells when a step has passed.
    #[inline]
    pub(crate) fn clock(
        &mut self,
        spec: &FigureSpec,
        what: FlowFigure,
        over: &Over,
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        let Some(step) = self.beat.passes(at.now, spec.every) else { return };
        let now = step * spec.every;
        let from = match over.window() {
            Some(window) => {
                self.expire(step - window / spec.every);
                now - window
            }
            None => self.from,
        };
        self.tell(spec, what, (from, now), at, out);
    }

    fn tell(
        &mut self,
        spec: &FigureSpec,
        what: FlowFigure,
        over: (i64, i64),
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        let since = spec.since();
        // The last word on a span is told at its end, not at the next step.
        let over = if since { (over.0, over.1.min(self.to)) } else { over };
        if over.1 < over.0 || !std::mem::take(&mut self.changed) || self.total.all.count == 0 {
            return;
        }
        let Both { all, buys } = self.total;
        let count = i64::try_from(all.count).unwrap_or(i64::MAX);
        let sells = all.volume.minus(buys);
        let span = over.1 - over.0;
        let mut record = match what {
            FlowFigure::Vwap => record("vwap", at, over.1, span)
                .with("vwap", all.vwap())
                .with("volume", all.volume.wide())
                .with("notional", all.notional.wide()),
            FlowFigure::Cvd => record("cvd", at, over.1, span)
                .with("cvd", sells.and_then(|sells| buys.minus(sells)).map(Sum::wide))
                .with("buy_volume", buys.wide())
                .with("sell_volume", sells.map(Sum::wide)),
            FlowFigure::Strength => record("trade_strength", at, over.1, span)
                .with("strength", sells.and_then(|sells| strength(buys, sells)))
                .with("buy_volume", buys.wide())
                .with("sell_volume", sells.map(Sum::wide)),
        };
        record = record.with("count", count);
        if since {
            record = record.with("since_ms", over.0);
        }
        // Both edges of a span belong to it, but for its end.
        let over = if since { (over.0 - 1, over.1) } else { over };
        say(record, spec, at, over, out);
    }

    /// Tells the last of a span that is over and begins the one of `ts`.
    #[cold]
    fn begin(
        &mut self,
        spec: &FigureSpec,
        what: FlowFigure,
        over: &Over,
        ts: i64,
        at: &Moment<'_>,
        out: &mut Out,
    ) {
        self.tell(spec, what, (self.from, self.to), at, out);
        let calendar = if let Over::Since(calendar) = over { calendar.as_ref() } else { None };
        self.total = Both::default();
        self.from = calendar.map_or(ts, |calendar| calendar.start_of(ts));
        self.to = calendar.map_or(i64::MAX, |calendar| calendar.end_of(ts));
    }

    /// Forgets the steps up to `last`.
    fn expire(&mut self, last: i64) {
        while let Some(Pane { sums, .. }) = self.panes.pop_front_if(|pane| pane.step <= last) {
            // Every part was once added, so it can be taken away.
            self.total = self.total.minus(sums).unwrap_or_default();
            self.changed = true;
        }
    }

    #[inline]
    fn add_to_pane(&mut self, every: i64, window: i64, what: FlowFigure, fill: &Fill) -> Option<()> {
        let step = step_of(fill.ts, every);
        if self.beat.has_left(step, window / every) {
            self.left.late += 1;
            return Some(());
        }
        self.total.add(fill, what)?;
        self.changed = true;
        // What the total holds, a part of it does.
        if let Some(pane) = self.panes.back_mut().filter(|pane| pane.step == step) {
            return pane.sums.add(fill, what);
        }
        let index = self.panes.partition_point(|pane| pane.step < step);
        if self.panes.get(index).is_none_or(|pane| pane.step != step) {
            self.panes.insert(index, Pane { step, sums: Both::default() });
        }
        self.panes.get_mut(index)?.sums.add(fill, what)
    }

    fn add_to_span(&mut self, what: FlowFigure, fill: &Fill) -> Option<()> {
        // Without a calendar the span begins with the first trade, and a late one is earlier.
        if fill.ts < self.from && self.to != i64::MAX {
            self.left.late += 1;
            return Some(());
        }
        self.total.add(fill, what)?;
        self.changed = true;
        Some(())
    }
}

/// 100 times what was bought by what was sold; unknown where nothing was sold.
fn strength(buys: Sum, sells: Sum) -> Option<Wide> {
    let (mantissa, scale) = buys.parts();
    ratio(Sum::default().plus(mantissa.checked_mul(100)?, scale)?, sells)
}

impl FigureSpec {
    /// Whether it goes over a span of the calendar, or since the start.
    fn since(&self) -> bool {
        matches!(&self.figure, crate::config::Figure::Flow(_, Over::Since(_)))
    }
}
