//! The trades of one market as far back as its longest window, kept once for all windows.
//!
//! Windows are cursors into it. A trade is added to and taken from each running sum exactly once;
//! a late one is sorted in by its time.
//!
//! Keeps: [bounded]

use super::level::NEVER;
use super::slot::{Amounts, Slot};
use super::window::Window;
use crate::kinds::Fill;
use crate::rule::Rule;
use crate::say::Scene;
use std::collections::VecDeque;
use tradehook_decimal::Decimal;

/// Slots kept per market; with more, the oldest is given up and windows that held it are unknown
/// until they are whole again. 12 MB of single trades; chosen, not measured.
const MAX_SLOTS: usize = 1 << 18;

/// Slots in order of time, and the windows over them.
#[derive(Debug)]
pub(crate) struct Log<S> {
    pub(crate) slots: VecDeque<S>,
    /// The number of the first slot.
    base: u64,
    pub(crate) windows: Vec<Window>,
    /// Up to here, slots may be missing.
    pub(crate) trimmed_to: i64,
    /// Whether any window sums.
    sums: bool,
}

impl<S> Default for Log<S> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), base: 0, windows: Vec::new(), trimmed_to: i64::MIN, sums: false }
    }
}

impl<S: Slot> Log<S> {
    /// A rule asks about the window of this span.
    pub(crate) fn add(&mut self, span_ms: i64, index: u32, rule: &Rule) {
        let place = match self.windows.iter().position(|w| w.span_ms == span_ms) {
            Some(place) => place,
            None => {
                self.windows.push(Window::new(span_ms));
                self.windows.len() - 1
            }
        };
        if let Some(window) = self.windows.get_mut(place) {
            window.add(index, rule);
            self.sums |= !window.meters.is_empty();
        }
    }

    #[inline]
    fn slot(&self, number: u64) -> Option<&S> {
        self.slots.get(usize::try_from(number.checked_sub(self.base)?).ok()?)
    }

    /// Moves every window to the clock.
    #[inline]
    pub(crate) fn advance(&mut self, now_ms: i64) {
        for window in &mut self.windows {
            window.edge = S::edge(now_ms, window.span_ms);
            let mut left = None;
            while let Some(slot) =
                self.slots.get(usize::try_from(window.cursor - self.base).unwrap_or(usize::MAX))
            {
                if slot.at() > window.edge {
                    break;
                }
                window.leave(slot);
                left = Some(slot);
            }
            if left.is_some() {
                window.set_before(left);
                window.drop_old_extremes();
            }
        }
    }

    /// Takes in a trade; the windows stand at the clock already.
    #[inline]
    pub(crate) fn insert(&mut self, fill: &Fill) {
        let key = S::key(fill.at_ms);
        let amounts =
            if self.sums || S::SUMS { Amounts::of(fill.price, fill.volume, fill.sell) } else { None };
        if self.slots.back().is_some_and(|newest| newest.at() > key) {
            self.sort_in(fill, key, amounts.as_ref());
            return;
        }
        let merged = self
            .slots
            .back_mut()
            .is_some_and(|newest| newest.at() == key && newest.merge(fill, amounts.as_ref()));
        if !merged {
            self.slots.push_back(S::new(fill, amounts.as_ref()));
        }
        let number = self.base + self.slots.len() as u64 - 1;
        for window in &mut self.windows {
            if key > window.edge {
                window.enter(amounts.as_ref());
                window.extend(number, fill.price, fill.price);
            } else {
                window.cursor += u64::from(!merged);
                window.set_before(self.slots.back());
            }
        }
        self.trim();
    }

    /// Takes in a late trade.
    fn sort_in(&mut self, fill: &Fill, key: i64, amounts: Option<&Amounts>) {
        let place = self.slots.partition_point(|slot| slot.at() <= key);
        let same = place.checked_sub(1).and_then(|before| self.slots.get_mut(before));
        let merged = same.is_some_and(|slot| slot.at() == key && slot.merge(fill, amounts));
        if !merged {
            self.slots.insert(place, S::new(fill, amounts));
        }
        for at in 0..self.windows.len() {
            if let Some(window) = self.windows.get_mut(at) {
                if key > window.edge {
                    window.enter(amounts);
                } else if !merged {
                    window.cursor += 1;
                }
            }
            self.rebuild_extremes(at);
            self.find_before(at);
        }
        self.trim();
    }

    /// Looks up the price before a window.
    fn find_before(&mut self, at: usize) {
        let Some(window) = self.windows.get_mut(at) else { return };
        let place = window.cursor.checked_sub(self.base + 1).and_then(|place| usize::try_from(place).ok());
        window.set_before(place.and_then(|place| self.slots.get(place)));
    }

    fn rebuild_extremes(&mut self, at: usize) {
        let Some(window) = self.windows.get_mut(at) else { return };
        for extremes in [&mut window.lows, &mut window.highs].into_iter().flatten() {
            extremes.clear();
        }
        if window.lows.is_none() && window.highs.is_none() {
            return;
        }
        let skip = usize::try_from(window.cursor.saturating_sub(self.base)).unwrap_or(usize::MAX);
        for (number, slot) in (window.cursor..).zip(self.slots.iter().skip(skip)) {
            window.extend(number, slot.low(), slot.high());
        }
    }

    /// Forgets what no window and no reference needs, and what is too much.
    #[inline]
    fn trim(&mut self) {
        let needed = self.windows.iter().map(|window| window.cursor).min().unwrap_or(u64::MAX);
        // The one slot before a window is its reference.
        while self.base + 1 < needed && self.slots.len() > 1 || self.slots.len() > MAX_SLOTS {
            let Some(oldest) = self.slots.pop_front() else { return };
            for window in self.windows.iter_mut().filter(|window| window.cursor <= self.base + 1) {
                if window.cursor == self.base {
                    window.leave(&oldest);
                    window.drop_old_extremes();
                }
                window.before = None;
            }
            self.base += 1;
            self.trimmed_to = self.trimmed_to.max(oldest.at());
        }
    }

    /// Looks what the windows' values changed. `cover_from` is when the market was first seen
    /// whole.
    #[inline]
    pub(crate) fn look(
        &mut self,
        cover_from: i64,
        price: (Decimal, f64),
        counts: bool,
        scene: &mut Scene<'_>,
    ) {
        let whole_from = cover_from.max(self.trimmed_to);
        for at in 0..self.windows.len() {
            let Some(window) = self.windows.get_mut(at) else { return };
            let covered = whole_from <= window.edge;
            for meter in &mut window.meters {
                meter.look(covered, window.span_ms, counts, scene);
            }
            if window.moves.is_empty() {
                continue;
            }
            let start = window.start(|number| {
                let place = usize::try_from(number.checked_sub(self.base)?).ok()?;
                self.slots.get(place).map(S::first)
            });
            for moves in &mut window.moves {
                moves.look(&start, price, counts, scene);
            }
        }
    }

    /// When the clock alone can change something.
    pub(crate) fn deadline(&self, cover_from: i64) -> i64 {
        let whole_from = cover_from.max(self.trimmed_to);
        let mut due = NEVER;
        for window in &self.windows {
            let expiry = self.slot(window.cursor).map_or(NEVER, |slot| S::leaves(slot.at(), window.span_ms));
            // Panes begin to cover at a full second.
            let cover = S::leaves(S::key(whole_from), window.span_ms);
            let meters = window.meters.iter().map(|meter| meter.deadline(expiry, cover));
            due = meters.chain(window.moves.iter().map(|moves| moves.deadline(expiry))).fold(due, i64::min);
        }
        due
    }

    /// Rebuilds everything that follows from the slots, at this clock.
    pub(crate) fn rebuild(&mut self, now_ms: i64) {
        self.base = 0;
        for at in 0..self.windows.len() {
            let Some(window) = self.windows.get_mut(at) else { return };
            window.edge = S::edge(now_ms, window.span_ms);
            window.cursor = 0;
            for meter in &mut window.meters {
                (meter.sum, meter.untold) = (0, 0);
                meter.rouse();
            }
            window.moves.iter_mut().for_each(super::window::Moves::rouse);
            let edge = window.edge;
            window.cursor = self.slots.partition_point(|slot| slot.at() <= edge) as u64;
            for slot in self.slots.iter().filter(|slot| slot.at() > edge) {
                window.take_in(slot);
            }
            self.rebuild_extremes(at);
            self.find_before(at);
        }
    }
}
