//! The time bars of one specification in one market: open, final, amended, in order of start.
//!
//! A bar becomes final when the market's clock reaches its end plus the lateness, told by a trade
//! or by a tick; nothing else does. Exactly one final per bar. What arrives later is counted and
//! left out, or re-issues the whole bar with the next revision.
//!
//! Owns the life of bars. Does not know markets, clocks or configuration text.
//!
//! Keeps: [bounded] (open bars span the lateness, kept ones the amend time, both limited when the
//! configuration is read)

use crate::{
    bar::{Bar, Marks},
    config::TimeSpec,
    gaps::Gaps,
    sum::{Fill, parts},
};
use serde::{Deserialize, Serialize};
use tradehook_decimal::Decimal;
use tradehook_sdk::Out;

/// The topic of finals and amendments.
pub(crate) const FINAL: &str = "bar";
/// The topic of a bar that is still being built.
pub(crate) const UPDATE: &str = "bar_update";

/// Where and when something is handled.
pub(crate) struct Moment<'a> {
    pub(crate) market: &'a str,
    /// The market's clock, ms.
    pub(crate) now: i64,
    pub(crate) lateness: i64,
    pub(crate) gaps: [&'a Gaps; 2],
}

impl Moment<'_> {
    /// Whether trades of `[start, end)` may be missing.
    pub(crate) fn touched(&self, start: i64, end: i64) -> bool {
        self.gaps.iter().any(|gaps| gaps.touch(start, end))
    }
}

/// The last price that was paid, and in which bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    start: i64,
    #[serde(with = "parts")]
    close: Decimal,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// The first that was heard of the stream: a market whose first trade comes later than this was
    /// silent until then.
    since: Option<i64>,
    /// Trades are known from here on; a bar that starts before is partial.
    whole_from: Option<i64>,
    /// Every bar that starts before this is final.
    final_before: i64,
    /// Not final, by start.
    open: Vec<Bar>,
    /// Final, may still be amended, by start.
    kept: Vec<Bar>,
    last: Option<Last>,
    /// Empty bars emitted in a row.
    filled: u32,
    updated_at: i64,
    /// Nothing happens by the clock alone before this.
    due: i64,
    late_dropped: u64,
    inexact: u64,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            since: None,
            whole_from: None,
            final_before: i64::MIN,
            open: Vec::new(),
            kept: Vec::new(),
            last: None,
            filled: 0,
            updated_at: i64::MIN,
            due: i64::MAX,
            late_dropped: 0,
            inexact: 0,
        }
    }
}

impl Series {
    /// One that has listened since then.
    pub(crate) fn since(since: Option<i64>) -> Self {
        Self { since, ..Self::default() }
    }

    /// Trades that came after their bar was final and could not amend it; trades left out because
    /// a sum would not have been exact.
    pub(crate) fn left_out(&self) -> (u64, u64) {
        (self.late_dropped, self.inexact)
    }

    /// Trades from `from` to `to` are known after all.
    pub(crate) fn recovered(&mut self, from: i64, to: i64) {
        if let Some(whole) = self.whole_from.as_mut().filter(|whole| **whole <= to) {
            *whole = from.min(*whole);
        }
    }

    /// One trade.
    #[inline]
    pub(crate) fn trade(&mut self, spec: &TimeSpec, fill: &Fill, at: &Moment<'_>, out: &mut Out) {
        if at.now >= self.due {
            self.advance(spec, at, out);
        }
        match self.open.last_mut() {
            Some(bar) if bar.start <= fill.ts && fill.ts < bar.end => {
                if bar.add(fill).is_none() {
                    self.inexact += 1;
                }
                bar.dirty = true;
            }
            _ => self.place(spec, fill, at, out),
        }
        if spec.emit.update_every.is_some() {
            self.update(spec, at, out);
            self.set_due(spec, at);
        }
    }

    /// The clock: finals, empty bars and updates that are due.
    pub(crate) fn clock(&mut self, spec: &TimeSpec, at: &Moment<'_>, out: &mut Out) {
        if at.now >= self.due {
            self.advance(spec, at, out);
            self.update(spec, at, out);
            self.set_due(spec, at);
        }
    }

    /// A trade that is not of the newest bar: of a new one, of one before, or too late.
    #[cold]
    fn place(&mut self, spec: &TimeSpec, fill: &Fill, at: &Moment<'_>, out: &mut Out) {
        if self.whole_from.is_none() {
            // A snapshot is the last trade before the subscription: nothing came between.
            let silent_since = self.since.filter(|_| !fill.snapshot);
            self.whole_from = Some(silent_since.map_or(fill.ts, |since| since.min(fill.ts)));
        }
        self.advance(spec, at, out);
        let start = spec.calendar.start_of(fill.ts);
        if start < self.final_before {
            self.late(spec, fill, start, at, out);
            return;
        }
        let index = self.open.partition_point(|bar| bar.start < start);
        if self.open.get(index).is_none_or(|bar| bar.start != start) {
            self.open.insert(index, Bar::empty(start, spec.calendar.end_of(fill.ts), fill.price));
        }
        if let Some(bar) = self.open.get_mut(index) {
            bar.dirty = true;
            if bar.add(fill).is_none() {
                self.inexact += 1;
            }
        }
        self.set_due(spec, at);
    }

    /// A trade whose bar is final.
    fn late(&mut self, spec: &TimeSpec, fill: &Fill, start: i64, at: &Moment<'_>, out: &mut Out) {
        let end = spec.calendar.end_of(fill.ts);
        let amendable = spec.amend_for.is_some_and(|keep| at.now < end + at.lateness + keep);
        if !amendable || self.is_hidden(spec, start) {
            self.late_dropped += 1;
            return;
        }
        let index = self.kept.partition_point(|bar| bar.start < start);
        if self.kept.get(index).is_none_or(|bar| bar.start != start) {
            self.kept.insert(index, Bar::empty(start, end, fill.price));
        }
        let Some(bar) = self.kept.get_mut(index) else { return };
        if bar.add(fill).is_none() {
            self.inexact += 1;
            return;
        }
        bar.rev += 1;
        bar.amended = true;
        let (close, bar) = (bar.close, bar.clone());
        if self.last.is_none_or(|last| last.start <= start) {
            self.last = Some(Last { start, close });
        }
        self.emit(if spec.emit.finals { FINAL } else { UPDATE }, &bar, spec, at, out);
    }

    /// Makes final what the clock has passed, with the empty bars between.
    fn advance(&mut self, spec: &TimeSpec, at: &Moment<'_>, out: &mut Out) {
        let edge = spec.calendar.start_of(at.now - at.lateness);
        if edge <= self.final_before {
            return;
        }
        let mut from = self.final_before;
        let done = self.open.partition_point(|bar| bar.start < edge);
        let finals: Vec<Bar> = self.open.drain(..done).collect();
        for bar in finals {
            self.fill(spec, from, bar.start, at, out);
            from = bar.end;
            self.filled = 0;
            self.last = Some(Last { start: bar.start, close: bar.close });
            self.close(spec, bar, at, out);
        }
        self.fill(spec, from, edge, at, out);
        self.final_before = edge;
        if let Some(keep) = spec.amend_for {
            self.kept.retain(|bar| at.now < bar.end + at.lateness + keep);
        }
        self.set_due(spec, at);
    }

    /// One bar is final.
    fn close(&mut self, spec: &TimeSpec, mut bar: Bar, at: &Moment<'_>, out: &mut Out) {
        if spec.emit.finals {
            self.emit(FINAL, &bar, spec, at, out);
        } else if bar.dirty {
            // The last word on a bar of which only updates are wanted.
            self.emit(UPDATE, &bar, spec, at, out);
        }
        bar.dirty = false;
        if spec.amend_for.is_some() && !self.is_hidden(spec, bar.start) {
            self.kept.push(bar);
        }
    }

    /// Empty bars from `from` to `to`, as many as are wanted in a row.
    fn fill(&mut self, spec: &TimeSpec, from: i64, to: i64, at: &Moment<'_>, out: &mut Out) {
        let (Some(empty), Some(last)) = (spec.empty, self.last) else { return };
        let mut start = from;
        while start < to && self.filled < empty.most {
            self.filled += 1;
            let end = spec.calendar.end_of(start);
            self.close(spec, Bar::empty(start, end, last.close), at, out);
            start = end;
        }
    }

    /// Emits what changed, if the last such time is long enough ago.
    fn update(&mut self, spec: &TimeSpec, at: &Moment<'_>, out: &mut Out) {
        let Some(every) = spec.emit.update_every else { return };
        if at.now < self.updated_at.saturating_add(every) || !self.open.iter().any(|bar| bar.dirty) {
            return;
        }
        self.updated_at = at.now;
        for index in 0..self.open.len() {
            let Some(bar) = self.open.get_mut(index) else { break };
            if std::mem::take(&mut bar.dirty) {
                let bar = bar.clone();
                self.emit(UPDATE, &bar, spec, at, out);
            }
        }
    }

    /// Whether the bar is not shown because its beginning was not seen.
    fn is_hidden(&self, spec: &TimeSpec, start: i64) -> bool {
        self.is_partial(start) && !spec.keep_partial
    }

    fn is_partial(&self, start: i64) -> bool {
        self.whole_from.is_none_or(|whole| start < whole)
    }

    fn emit(&self, topic: &str, bar: &Bar, spec: &TimeSpec, at: &Moment<'_>, out: &mut Out) {
        if self.is_hidden(spec, bar.start) {
            return;
        }
        let marks = Marks {
            partial: self.is_partial(bar.start),
            incomplete: at.touched(bar.start, bar.end),
            unpriced: bar.is_empty() && spec.empty.is_some_and(|empty| !empty.priced),
            threshold: None,
        };
        out.record(bar.record(topic, at.market, &spec.face, marks));
    }

    fn set_due(&mut self, spec: &TimeSpec, at: &Moment<'_>) {
        let first = self.open.first().map_or(i64::MAX, |bar| bar.end + at.lateness);
        let fills = self.last.is_some() && spec.empty.is_some_and(|empty| self.filled < empty.most);
        let empty = if fills { spec.calendar.end_of(self.final_before) + at.lateness } else { i64::MAX };
        let waiting = spec.emit.update_every.filter(|_| self.open.iter().any(|bar| bar.dirty));
        let update = waiting.map_or(i64::MAX, |every| self.updated_at.saturating_add(every));
        self.due = first.min(empty).min(update);
    }
}
