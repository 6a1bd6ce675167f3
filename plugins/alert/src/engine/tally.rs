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
/// One total is kept for so many slots; those between follow from the slots. With 1, 4 and 8 the
/// guest takes 64, 46 and 41 MiB for 10,000 rules (2026-11); the fewer totals, the more work.
const STRIDE: u64 = 4;

/// The slots of a log, by number.
#[derive(Debug)]
pub(crate) struct Slots<'a, S> {
    pub(crate) all: &'a VecDeque<S>,
    /// The number of the first.
    pub(crate) base: u64,
}

impl<S> Clone for Slots<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Slots<'_, S> {}

impl<'a, S: Slot> Slots<'a, S> {
    /// The number after the last.
    pub(crate) fn end(self) -> u64 {
        self.base + self.all.len() as u64
    }

    pub(crate) fn get(self, number: u64) -> Option<&'a S> {
        self.all.get(usize::try_from(number.checked_sub(self.base)?).ok()?)
    }

    fn range(self, from: u64, to: u64) -> impl Iterator<Item = &'a S> {
        let place = |number: u64| usize::try_from(number.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let to = place(to).min(self.all.len());
        self.all.range(place(from).min(to)..to)
    }
}

/// The running total of one measure and side.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) measure: Measure,
    pub(crate) side: Option<Taker>,
    pub(crate) total: i128,
    /// The total before the oldest slot.
    floor: i128,
    /// The totals before every slot whose number is a multiple of [`STRIDE`]. The first may be
    /// before a slot that was forgotten: `floor` counts there.
    marks: VecDeque<i128>,
    /// Which multiple the first mark is of.
    first: u64,
    /// A total from here on may matter to a window.
    pub(crate) limit: i128,
}

impl Tally {
    pub(crate) fn new(measure: Measure, side: Option<Taker>) -> Self {
        Self { measure, side, total: 0, floor: 0, marks: VecDeque::new(), first: 0, limit: i128::MIN }
    }

    /// A trade came into the newest slot; whether the total reached its limit.
    #[inline]
    pub(crate) fn grow(&mut self, amounts: Option<&Amounts>) -> bool {
        if let Some(amounts) = amounts {
            self.total = self.total.wrapping_add(amounts.part(self.measure, self.side));
        }
        self.total >= self.limit
    }

    /// A trade came into a new slot of this number; whether the total reached its limit.
    #[inline]
    pub(crate) fn push(&mut self, number: u64, amounts: Option<&Amounts>) -> bool {
        if number.is_multiple_of(STRIDE) {
            self.mark(number);
        }
        self.grow(amounts)
    }

    fn mark(&mut self, number: u64) {
        if self.marks.is_empty() {
            self.first = number / STRIDE;
        }
        self.marks.push_back(self.total);
    }

    fn part(&self, slot: &impl Slot) -> i128 {
        slot.part(self.measure, self.side)
    }

    /// A trade came into slot `number`, which is new unless `merged`, and is among `slots`.
    pub(crate) fn sort_in<S: Slot>(
        &mut self,
        number: u64,
        merged: bool,
        amounts: Option<&Amounts>,
        slots: Slots<'_, S>,
    ) {
        let (measure, side) = (self.measure, self.side);
        let part = amounts.map_or(0, |amounts| amounts.part(measure, side));
        for (at, mark) in (self.first..).zip(&mut self.marks) {
            let at = at * STRIDE;
            if at > number {
                // The slot that stood before a mark moved behind it.
                let moved = slots.get(at).filter(|_| !merged).map_or(0, |slot| slot.part(measure, side));
                *mark = mark.wrapping_add(part).wrapping_sub(moved);
            }
        }
        self.total = self.total.wrapping_add(part);
        let newest = slots.end() - 1;
        if !merged && newest.is_multiple_of(STRIDE) {
            let last = slots.get(newest).map_or(0, |slot| self.part(slot));
            self.total = self.total.wrapping_sub(last);
            self.mark(newest);
            self.total = self.total.wrapping_add(last);
        }
    }

    /// The total before slot `number`.
    #[inline]
    pub(crate) fn before<S: Slot>(&self, number: u64, slots: Slots<'_, S>) -> i128 {
        if number >= slots.end() {
            return self.total;
        }
        let (block, inside) = (number / STRIDE, number % STRIDE);
        let sum = |from, to| {
            let parts = slots.range(from, to).map(|slot| self.part(slot));
            parts.fold(0, i128::wrapping_add)
        };
        // From the nearer side.
        if inside > STRIDE / 2 {
            let above = self.at(block + 1).unwrap_or(self.total);
            above.wrapping_sub(sum(number, (block + 1) * STRIDE))
        } else {
            let from = block * STRIDE;
            let below = if from < slots.base { self.floor } else { self.at(block).unwrap_or(self.floor) };
            below.wrapping_add(sum(from, number))
        }
    }

    /// The total before the first slot of a block.
    fn at(&self, block: u64) -> Option<i128> {
        self.marks.get(usize::try_from(block.checked_sub(self.first)?).ok()?).copied()
    }

    /// The first slot with which the total exceeds `total`; the one after the last if none does.
    pub(crate) fn passes<S: Slot>(&self, total: i128, slots: Slots<'_, S>) -> u64 {
        let below = self.marks.partition_point(|mark| *mark <= total) as u64;
        let mut number = ((self.first + below).saturating_sub(1) * STRIDE).max(slots.base);
        let mut sum = self.before(number, slots);
        for slot in slots.range(number, slots.end()) {
            sum = sum.wrapping_add(self.part(slot));
            if sum > total {
                break;
            }
            number += 1;
        }
        number
    }

    /// The oldest slot, which has this number, is forgotten.
    pub(crate) fn drop_oldest(&mut self, number: u64, oldest: &impl Slot) {
        self.floor = self.floor.wrapping_add(self.part(oldest));
        if (number + 1).is_multiple_of(STRIDE) && self.marks.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Makes room for so many more slots.
    pub(crate) fn reserve(&mut self, slots: usize) {
        self.marks.reserve_exact(slots.div_ceil(STRIDE as usize));
    }

    /// Gives back memory beyond this many slots.
    pub(crate) fn shrink(&mut self, slots: usize) {
        self.marks.shrink_to(slots / STRIDE as usize);
    }

    /// Keeps the total in range for good; whether it moved, and with it the meaning of limits.
    pub(crate) fn rebase(&mut self) -> bool {
        if self.total <= REBASE {
            return false;
        }
        let floor = self.floor;
        self.marks.iter_mut().for_each(|mark| *mark = mark.wrapping_sub(floor));
        (self.total, self.floor) = (self.total.wrapping_sub(floor), 0);
        true
    }

    /// Counts everything again; the slots' numbers begin at nought.
    pub(crate) fn rebuild<S: Slot>(&mut self, slots: &VecDeque<S>) {
        (self.total, self.floor, self.first, self.limit) = (0, 0, 0, i128::MIN);
        self.marks.clear();
        for (number, slot) in (0..).zip(slots) {
            if number % STRIDE == 0 {
                self.mark(number);
            }
            self.total += self.part(slot);
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
