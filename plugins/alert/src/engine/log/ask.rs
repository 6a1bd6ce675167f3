//! What the general evaluator asks of a log: windows without levels of their own.
//!
//! Cursors are moved once per moment ([`Log::settle`]); after that every question is a lookup.

use super::{Log, NEVER, Slot, Slots, Tally, Window};
use crate::kinds::Measure;
use crate::rule::Taker;
use tradehook_decimal::Decimal;

impl<S: Slot> Log<S> {
    /// The window of this span.
    pub(crate) fn need(&mut self, span_ms: i64) -> usize {
        match self.windows.iter().position(|window| window.span_ms == span_ms) {
            Some(place) => place,
            None => {
                self.windows.push(Window::new(span_ms));
                self.windows.len() - 1
            }
        }
    }

    /// The running total of this measure and side.
    pub(crate) fn need_tally(&mut self, measure: Measure, side: Option<Taker>) -> usize {
        let same = |tally: &Tally| tally.measure == measure && tally.side == side;
        self.tallies.iter().position(same).unwrap_or_else(|| {
            self.tallies.push(Tally::new(measure, side));
            self.tallies.len() - 1
        })
    }

    /// The window keeps its lowest and highest price.
    pub(crate) fn need_extremes(&mut self, window: usize) {
        if let Some(window) = self.windows.get_mut(window) {
            window.need_extremes();
        }
    }

    /// Moves every window to this clock.
    pub(crate) fn settle(&mut self, now_ms: i64) {
        for window in &mut self.windows {
            window.advance(&self.slots, self.base, S::edge(now_ms, window.span_ms));
            window.find_peaks(&self.slots, self.base);
        }
    }

    /// The sum over a window; unknown when some trade in it has no exact amount.
    pub(crate) fn sum(&self, window: usize, tally: usize) -> Option<i128> {
        let (window, tally) = (self.windows.get(window)?, self.tallies.get(tally)?);
        if self.untold.is_some_and(|number| number >= window.cursor) {
            return None;
        }
        let slots = Slots { all: &self.slots, base: self.base };
        Some(tally.total.wrapping_sub(tally.before(window.cursor, slots)))
    }

    fn place(&self, window: &Window) -> usize {
        usize::try_from(window.cursor.saturating_sub(self.base)).unwrap_or(usize::MAX)
    }

    /// Something if the whole window was seen.
    pub(crate) fn covers(&self, window: usize, cover_from: i64, now_ms: i64) -> Option<()> {
        let span_ms = self.windows.get(window)?.span_ms;
        (cover_from.max(self.trimmed_to) <= S::edge(now_ms, span_ms)).then_some(())
    }

    /// The last price before a window.
    pub(crate) fn before(&self, window: usize) -> Option<Decimal> {
        let place = self.place(self.windows.get(window)?).checked_sub(1)?;
        self.slots.get(place).map(S::last)
    }

    /// The first price in a window.
    pub(crate) fn first(&self, window: usize) -> Option<Decimal> {
        self.slots.get(self.place(self.windows.get(window)?)).map(S::first)
    }

    /// The lowest or the highest price in a window.
    pub(crate) fn peak(&self, window: usize, low: bool) -> Option<Decimal> {
        self.windows.get(window)?.peak(low)
    }

    /// The first clock at which a window holds something else without a trade.
    pub(crate) fn turns(&self, window: usize, cover_from: i64, now_ms: i64) -> Option<i64> {
        let window = self.windows.get(window)?;
        let oldest = self.slots.get(self.place(window));
        let leaves = oldest.map_or(NEVER, |slot| S::leaves(slot.at(), window.span_ms));
        let from = cover_from.max(self.trimmed_to);
        let covers_at = S::leaves(S::key(from), window.span_ms);
        Some(if covers_at > now_ms && from > i64::MIN { leaves.min(covers_at) } else { leaves })
    }
}
