//! The trades of one market as far back as its longest window, kept once for all windows.
//!
//! A trade is added to each running total once, whatever the number of windows: a window's sum is
//! the difference of two totals, and windows are cursors that move only when they are looked at.
//! They are looked at when a trade could have changed something: each says up to which total,
//! between which prices and until when nothing can.
//!
//! Keeps: [bounded]

mod ask;

use super::level::NEVER;
use super::slot::{Amounts, Slot};
use super::tally::{Extremes, Slots, Tally};
use super::window::{Place, Window};
use crate::fixed::quick;
use crate::kinds::{Fill, Measure};
use crate::rule::{Rule, When};
use crate::say::Scene;
use std::collections::VecDeque;
use tradehook_decimal::Decimal;

/// Slots kept per market; with more, the oldest is given up and windows that held it are unknown
/// until they are whole again. 12 MB of single trades; chosen, not measured.
const MAX_SLOTS: usize = 1 << 18;
/// Slots from which on everything no longer needed is forgotten.
const TIDY: usize = 64;

/// Slots in order of time, and the windows over them.
#[derive(Debug)]
pub(crate) struct Log<S> {
    pub(crate) slots: VecDeque<S>,
    /// The number of the first slot.
    pub(super) base: u64,
    pub(crate) windows: Vec<Window>,
    /// Up to here, slots may be missing.
    pub(crate) trimmed_to: i64,
    pub(super) tallies: Vec<Tally>,
    /// Of the last prices of all slots but the newest.
    extremes: Extremes,
    /// The newest slot with a trade whose amounts are in no total.
    pub(super) untold: Option<u64>,
    /// The newest slot's last price at scale 8.
    newest: Option<i64>,
    /// With so many slots it is time to forget: a quarter more than were needed the last time.
    full: usize,
    /// Prices at scale 8 between which no window changes, and until when.
    low: i64,
    high: i64,
    due: i64,
    /// Whether the latest trade may have changed something, and whether a total reached its limit.
    stirred: bool,
    reached: bool,
}

/// What the market says while windows are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Since when the market is seen whole.
    pub(crate) cover_from: i64,
    /// The latest price, if its source shows one, and the same at scale 8.
    pub(crate) price: Option<Decimal>,
    pub(crate) near: Option<i64>,
    /// Whether a trade in order brought it.
    pub(crate) counts: bool,
}

impl Now {
    #[inline]
    pub(crate) fn at(price: Option<Decimal>, cover_from: i64, counts: bool) -> Self {
        Self { cover_from, price, near: price.and_then(quick), counts }
    }
}

impl<S> Default for Log<S> {
    fn default() -> Self {
        Self {
            slots: VecDeque::new(),
            base: 0,
            windows: Vec::new(),
            trimmed_to: i64::MIN,
            tallies: Vec::new(),
            extremes: Extremes::default(),
            untold: None,
            newest: None,
            full: TIDY,
            stirred: false,
            reached: true,
            low: i64::MAX,
            high: i64::MIN,
            due: i64::MIN,
        }
    }
}

impl<S: Slot> Log<S> {
    /// A rule asks about the window of this span.
    pub(crate) fn add(&mut self, span_ms: i64, index: u32, rule: &Rule) {
        let place = self.need(span_ms);
        let sum = match &rule.when {
            When::Volume(volume) => Some((volume.measure, volume.side)),
            When::Silence(_) => Some((Measure::Count, None)),
            _ => None,
        };
        let tally = sum.map_or(0, |(measure, side)| self.need_tally(measure, side));
        if let Some(window) = self.windows.get_mut(place) {
            window.add(index, rule, tally);
        }
    }

    /// The next trade in order; whether the windows have to be looked at for it.
    #[inline]
    pub(crate) fn trade(&mut self, fill: &Fill, near: Option<i64>, now_ms: i64) -> bool {
        if self.windows.is_empty() {
            return false;
        }
        self.reached |= self.push(fill, near);
        let inside = near.is_some_and(|near| near >= self.low && near <= self.high);
        // A trade behind the clock may be in no window at all.
        self.stirred = !inside || self.reached || now_ms >= self.due || fill.at_ms != now_ms;
        self.stirred
    }

    /// A trade in order without the price that is kept here; whether the windows have to be looked
    /// at for it.
    pub(crate) fn miss(&mut self) -> bool {
        self.stirred = !self.windows.is_empty();
        self.stirred
    }

    /// Looks at the windows after a trade in order.
    pub(crate) fn traded(&mut self, fill: &Fill, now: Now, scene: &mut Scene<'_>) {
        if std::mem::take(&mut self.stirred) {
            self.look(fill.at_ms != scene.now_ms, now, scene);
        }
    }

    /// A late trade.
    pub(crate) fn late(&mut self, fill: &Fill, now: Now, scene: &mut Scene<'_>) {
        let key = S::key(fill.at_ms);
        if self.slots.back().is_some_and(|newest| newest.at() > key) {
            self.sort_in(fill, key);
        } else {
            self.push(fill, None);
            self.newest = self.slots.back().and_then(|newest| quick(newest.last()));
        }
        self.look(true, now, scene);
    }

    /// The clock moved without a trade.
    pub(crate) fn tick(&mut self, now: Now, scene: &mut Scene<'_>) {
        if scene.now_ms >= self.due {
            self.look(false, now, scene);
        }
    }

    #[inline]
    fn amounts(&self, fill: &Fill) -> Option<Amounts> {
        if S::SUMS || !self.tallies.is_empty() { Amounts::of(fill) } else { None }
    }

    /// Takes in a trade that is not older than the newest; whether a sum may matter now.
    #[inline]
    fn push(&mut self, fill: &Fill, near: Option<i64>) -> bool {
        let amounts = self.amounts(fill);
        let newest = self.slots.back_mut();
        let merged = newest.is_some_and(|newest| newest.merge(fill, amounts.as_ref()));
        let mut reached = false;
        if merged {
            for tally in &mut self.tallies {
                reached |= tally.grow(amounts.as_ref());
            }
        } else {
            if !self.slots.is_empty() {
                self.extremes.push(self.base + self.slots.len() as u64 - 1, self.newest);
            }
            if self.slots.len() == self.slots.capacity() {
                self.grow();
            }
            self.slots.push_back(S::new(fill, amounts.as_ref()));
            let number = self.base + self.slots.len() as u64 - 1;
            for tally in &mut self.tallies {
                reached |= tally.push(number, amounts.as_ref());
            }
        }
        self.newest = near;
        let number = self.base + self.slots.len() as u64 - 1;
        if amounts.is_none() && !self.tallies.is_empty() {
            self.untold = Some(number);
            reached = true;
        }
        if !merged && self.slots.len() >= self.full {
            self.tidy(fill.at_ms);
        }
        reached
    }

    /// Makes room by a quarter: doubling would cost as much memory as all trades.
    #[cold]
    fn grow(&mut self) {
        let more = (self.slots.len() / 4).max(TIDY);
        self.slots.reserve_exact(more);
        self.tallies.iter_mut().for_each(|tally| tally.reserve(more));
    }

    /// Sorts in a trade that is older than the newest slot.
    fn sort_in(&mut self, fill: &Fill, key: i64) {
        let amounts = self.amounts(fill);
        let place = self.slots.partition_point(|slot| slot.at() <= key);
        let same = place.checked_sub(1).and_then(|before| self.slots.get_mut(before));
        let merged = same.is_some_and(|slot| slot.at() == key && slot.merge(fill, amounts.as_ref()));
        let place = if merged { place - 1 } else { place };
        let number = self.base + place as u64;
        if !merged {
            self.slots.insert(place, S::new(fill, amounts.as_ref()));
            self.untold = self.untold.map(|untold| untold + u64::from(untold >= number));
        }
        for window in &mut self.windows {
            window.cursor += u64::from(!merged && number < window.cursor);
            window.forget_extremes();
        }
        let slots = Slots { all: &self.slots, base: self.base };
        for tally in &mut self.tallies {
            tally.sort_in(number, merged, amounts.as_ref(), slots);
        }
        if amounts.is_none() {
            self.untold = self.untold.max(Some(number));
        }
        self.find_extremes(number);
        if self.slots.len() > MAX_SLOTS {
            self.tidy(i64::MIN);
        }
    }

    /// Finds the extremes again from this slot on.
    fn find_extremes(&mut self, number: u64) {
        let from = self.extremes.forget_from(number);
        let skip = usize::try_from(from.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let sealed = self.slots.len().saturating_sub(1);
        for (number, slot) in (self.base..).zip(self.slots.iter().take(sealed)).skip(skip) {
            self.extremes.push(number, quick(slot.last()));
        }
    }

    /// Forgets what no window and no reference needs, and what is too much.
    #[cold]
    fn tidy(&mut self, now_ms: i64) {
        for window in &mut self.windows {
            window.advance(&self.slots, self.base, S::edge(now_ms, window.span_ms));
        }
        let needed = self.windows.iter().map(|window| window.cursor).min().unwrap_or(u64::MAX);
        // The one slot before a window is its reference.
        while self.base + 1 < needed && self.slots.len() > 1 {
            self.drop_oldest();
        }
        while self.slots.len() > MAX_SLOTS {
            self.drop_oldest();
            for window in &mut self.windows {
                window.cursor = window.cursor.max(self.base);
            }
            self.rouse();
        }
        let needed = self.slots.len();
        self.full = (needed + needed / 4).clamp(TIDY, MAX_SLOTS + 1);
        let room = self.slots.capacity();
        if room > 2 * self.full {
            self.slots.shrink_to(self.full);
            self.tallies.iter_mut().for_each(|tally| tally.shrink(self.full));
        }
        self.extremes.forget_before(self.base);
        let mut moved = false;
        for tally in &mut self.tallies {
            moved |= tally.rebase();
        }
        if moved {
            self.rouse();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.slots.pop_front() {
            self.tallies.iter_mut().for_each(|tally| tally.drop_oldest(self.base, &oldest));
            self.base += 1;
            self.trimmed_to = self.trimmed_to.max(oldest.at());
        }
    }

    /// Looks at every window in which something may have changed; at all of them if `all`.
    fn look(&mut self, all: bool, now: Now, scene: &mut Scene<'_>) {
        let whole_from = now.cover_from.max(self.trimmed_to);
        let (reached, mut summed) = (std::mem::take(&mut self.reached), false);
        (self.low, self.high, self.due) = (i64::MIN, i64::MAX, NEVER);
        for window in &mut self.windows {
            if all || window.stirs(now.near, scene.now_ms, reached, &self.tallies) {
                let edge = S::edge(scene.now_ms, window.span_ms);
                window.advance(&self.slots, self.base, edge);
                let place = Place {
                    slots: Slots { all: &self.slots, base: self.base },
                    tallies: &self.tallies,
                    extremes: &self.extremes,
                    untold: self.untold,
                    covered: whole_from <= edge,
                    // Panes begin to cover at a full second.
                    covers_at: S::leaves(S::key(whole_from), window.span_ms),
                };
                summed |= window.look(all, &place, now, scene);
            }
            (self.low, self.high) = (self.low.max(window.low), self.high.min(window.high));
            self.due = self.due.min(window.due);
        }
        if summed {
            self.limit_tallies();
        }
    }

    /// Finds the totals from which on a sum has to be looked at.
    fn limit_tallies(&mut self) {
        self.tallies.iter_mut().for_each(|tally| tally.limit = i128::MAX);
        for meter in self.windows.iter().flat_map(|window| &window.meters) {
            if let Some(tally) = self.tallies.get_mut(meter.tally) {
                tally.limit = tally.limit.min(meter.limit);
            }
        }
    }

    /// The first clock at which a tick changes something.
    pub(crate) fn due(&self) -> i64 {
        if self.windows.is_empty() { NEVER } else { self.due }
    }

    /// Leaves a stretch that nobody saw out of the timers.
    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        self.windows.iter_mut().for_each(|window| window.freeze(from_ms, to_ms));
        self.rouse();
    }

    /// Forgets every shortcut.
    fn rouse(&mut self) {
        self.windows.iter_mut().for_each(Window::rouse);
        (self.low, self.high, self.due) = (i64::MAX, i64::MIN, i64::MIN);
        self.reached = true;
    }

    /// What must be kept at this clock: up to when slots may be missing, and the slots.
    pub(crate) fn kept(&self, now_ms: i64) -> (i64, impl Iterator<Item = &S>) {
        let left = |window: &Window| {
            let edge = S::edge(now_ms, window.span_ms);
            self.slots.partition_point(|slot| slot.at() <= edge)
        };
        // The one slot before a window is its reference.
        let needless = self.windows.iter().map(left).min().unwrap_or(0).saturating_sub(1);
        let dropped = needless.checked_sub(1).and_then(|last| self.slots.get(last));
        let trimmed_to = dropped.map_or(self.trimmed_to, |slot| slot.at().max(self.trimmed_to));
        (trimmed_to, self.slots.iter().skip(needless))
    }

    /// Rebuilds everything that follows from the slots.
    pub(crate) fn rebuild(&mut self) {
        (self.base, self.untold) = (0, None);
        self.tallies.iter_mut().for_each(|tally| tally.rebuild(&self.slots));
        for (number, slot) in (0u64..).zip(&self.slots) {
            if slot.untold() {
                self.untold = Some(number);
            }
        }
        for window in &mut self.windows {
            window.cursor = 0;
            window.forget_extremes();
        }
        self.extremes = Extremes::default();
        self.find_extremes(0);
        self.newest = self.slots.back().and_then(|newest| quick(newest.last()));
        self.rouse();
    }
}
