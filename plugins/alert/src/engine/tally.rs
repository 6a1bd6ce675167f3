//! Running totals over a log, and the extremes of its prices by blocks.
//!
//! With them, a sum over any stretch is one subtraction, and the prices of many slots ahead are
//! known by two comparisons.

use super::slot::{Amounts, Slot};
use crate::kinds::Measure;
use crate::rule::Taker;
use std::collections::VecDeque;

/// A total above this is counted from the oldest slot again.
const REBASE: i128 = 1 << 122;

/// The running total of one measure and side, after each slot.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) measure: Measure,
    pub(crate) side: Option<Taker>,
    pub(crate) total: i128,
    /// The total before the oldest slot.
    floor: i128,
    after: VecDeque<i128>,
    /// A total from here on may matter to a window.
    pub(crate) limit: i128,
}

impl Tally {
    pub(crate) fn new(measure: Measure, side: Option<Taker>) -> Self {
        Self { measure, side, total: 0, floor: 0, after: VecDeque::new(), limit: i128::MIN }
    }

    /// A trade came into the newest slot; whether the total reached its limit.
    #[inline]
    pub(crate) fn grow(&mut self, amounts: Option<&Amounts>) -> bool {
        self.add(amounts);
        if let Some(after) = self.after.back_mut() {
            *after = self.total;
        }
        self.total >= self.limit
    }

    /// A trade came into a new slot; whether the total reached its limit.
    #[inline]
    pub(crate) fn push(&mut self, amounts: Option<&Amounts>) -> bool {
        self.add(amounts);
        self.after.push_back(self.total);
        self.total >= self.limit
    }

    #[inline]
    fn add(&mut self, amounts: Option<&Amounts>) {
        if let Some(amounts) = amounts {
            self.total = self.total.wrapping_add(amounts.part(self.measure, self.side));
        }
    }

    /// A trade came into the slot at `place`, which is new unless `merged`.
    pub(crate) fn sort_in(&mut self, place: usize, merged: bool, amounts: Option<&Amounts>) {
        let before = self.before(place);
        if !merged {
            self.after.insert(place, before);
        }
        let part = amounts.map_or(0, |amounts| amounts.part(self.measure, self.side));
        for after in self.after.iter_mut().skip(place) {
            *after = after.wrapping_add(part);
        }
        self.total = self.total.wrapping_add(part);
    }

    /// The total before the slot at `place`.
    #[inline]
    pub(crate) fn before(&self, place: usize) -> i128 {
        place.checked_sub(1).map_or(self.floor, |last| self.after.get(last).copied().unwrap_or(self.total))
    }

    /// The first slot with which the total exceeded `total`.
    pub(crate) fn passes(&self, total: i128) -> usize {
        self.after.partition_point(|after| *after <= total)
    }

    pub(crate) fn drop_oldest(&mut self) {
        if let Some(after) = self.after.pop_front() {
            self.floor = after;
        }
    }

    /// Makes room for so many more slots.
    pub(crate) fn reserve(&mut self, slots: usize) {
        self.after.reserve_exact(slots);
    }

    /// Gives back memory beyond this many slots.
    pub(crate) fn shrink(&mut self, slots: usize) {
        self.after.shrink_to(slots);
    }

    /// Keeps the total in range for good; whether it moved, and with it the meaning of limits.
    pub(crate) fn rebase(&mut self) -> bool {
        if self.total <= REBASE {
            return false;
        }
        let floor = self.floor;
        self.after.iter_mut().for_each(|after| *after = after.wrapping_sub(floor));
        (self.total, self.floor) = (self.total.wrapping_sub(floor), 0);
        true
    }

    pub(crate) fn rebuild<S: Slot>(&mut self, slots: &VecDeque<S>) {
        (self.total, self.floor, self.limit) = (0, 0, i128::MIN);
        self.after.clear();
        for slot in slots {
            self.total += slot.part(self.measure, self.side);
            self.after.push_back(self.total);
        }
    }
}

/// Slots in one block.
const BLOCK: u64 = 64;

/// Blocks that are looked ahead at once: far enough that it is seldom.
const AHEAD: u64 = 16;
/// No price.
const NONE: (i64, i64) = (i64::MAX, i64::MIN);

/// The lowest and the highest price of each block of slots, at scale 8.
#[derive(Debug)]
pub(crate) struct Extremes {
    /// The number of the first block.
    base: u64,
    blocks: VecDeque<(i64, i64)>,
    /// The block that is not full.
    open: (i64, i64),
}

impl Default for Extremes {
    fn default() -> Self {
        Self { base: 0, blocks: VecDeque::new(), open: NONE }
    }
}

impl Extremes {
    /// The next slot's price; one that does not fit scale 8 makes its block boundless.
    #[inline]
    pub(crate) fn push(&mut self, number: u64, price: Option<i64>) {
        let (low, high) = price.map_or((i64::MIN, i64::MAX), |price| (price, price));
        self.open = (self.open.0.min(low), self.open.1.max(high));
        if (number + 1).is_multiple_of(BLOCK) {
            self.close(number);
        }
    }

    #[cold]
    fn close(&mut self, number: u64) {
        if self.blocks.is_empty() {
            self.base = number / BLOCK;
        }
        self.blocks.push_back(self.open);
        self.open = NONE;
    }

    /// Forgets all from the block of this slot on; the first slot that is forgotten.
    pub(crate) fn forget_from(&mut self, number: u64) -> u64 {
        self.open = NONE;
        if self.blocks.is_empty() {
            return 0;
        }
        let keep = (number / BLOCK).saturating_sub(self.base);
        self.blocks.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        (self.base + self.blocks.len() as u64) * BLOCK
    }

    /// Forgets blocks that end before this slot.
    pub(crate) fn forget_before(&mut self, number: u64) {
        while self.base < number / BLOCK && self.blocks.pop_front().is_some() {
            self.base += 1;
        }
    }

    /// The lowest and the highest price from slot `number` on, and the first slot that is not
    /// among them; far ahead, or not.
    pub(crate) fn ahead(&self, number: u64, far: bool) -> (i64, i64, u64) {
        let first = number / BLOCK;
        // The open block is the only one where there is none else.
        let base = if self.blocks.is_empty() { first } else { self.base };
        let skip = usize::try_from(first.saturating_sub(base)).unwrap_or(usize::MAX);
        let count = if far { AHEAD } else { 2 };
        let blocks = self.blocks.iter().chain(std::iter::once(&self.open)).skip(skip);
        let mut all = (i64::MAX, i64::MIN, number);
        for (end, (low, high)) in (first + 1..=first + count).zip(blocks) {
            all = (all.0.min(*low), all.1.max(*high), end * BLOCK);
        }
        all
    }
}
