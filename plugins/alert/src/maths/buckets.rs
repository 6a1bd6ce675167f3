//! Sums by aligned stretches of time: the open one, and so many before it.
//!
//! A bucket is `[start, start + size)`, aligned to the Unix epoch; one without trades is nought. A
//! late trade counts in its own bucket as long as that is kept.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Buckets {
    size_ms: i64,
    keep: u32,
    /// The start of the newest bucket; `None` before any clock.
    newest_ms: Option<i64>,
    /// The newest is the last.
    sums: VecDeque<i128>,
    /// Before here, a sum is not certain.
    blind_to_ms: i64,
    /// Counts what changed a closed bucket.
    edition: u64,
}

impl Buckets {
    /// `keep` closed buckets of this size.
    pub(crate) fn new(size_ms: i64, keep: u32) -> Self {
        let size_ms = size_ms.max(1);
        Self { size_ms, keep, newest_ms: None, sums: VecDeque::new(), blind_to_ms: i64::MIN, edition: 0 }
    }

    fn start_of(&self, at_ms: i64) -> i64 {
        at_ms.div_euclid(self.size_ms).saturating_mul(self.size_ms)
    }

    /// The clock: opens the bucket it is in.
    pub(crate) fn advance(&mut self, now_ms: i64) {
        let start = self.start_of(now_ms);
        let kept = i64::from(self.keep) + 1;
        let new = match self.newest_ms {
            Some(newest) if start <= newest => return,
            Some(newest) => start.saturating_sub(newest) / self.size_ms,
            None => kept,
        };
        self.newest_ms = Some(start);
        self.edition += 1;
        if new >= kept {
            self.sums.clear();
        }
        for _ in 0..new.min(kept) {
            self.sums.push_back(0);
        }
        while self.sums.len() as i64 > kept {
            self.sums.pop_front();
        }
    }

    /// An amount at this time; `None` is one that cannot be told.
    pub(crate) fn add(&mut self, at_ms: i64, amount: Option<i128>) {
        let start = self.start_of(at_ms);
        let Some(newest) = self.newest_ms else { return };
        let back = usize::try_from(newest.saturating_sub(start) / self.size_ms).unwrap_or(usize::MAX);
        let place = self.sums.len().checked_sub(1).and_then(|last| last.checked_sub(back));
        let Some(sum) = place.and_then(|place| self.sums.get_mut(place)) else { return };
        self.edition += u64::from(back > 0);
        match amount.and_then(|amount| sum.checked_add(amount)) {
            Some(grown) => *sum = grown,
            None => self.blind_to_ms = self.blind_to_ms.max(start.saturating_add(self.size_ms)),
        }
    }

    /// The closed buckets that were seen whole, the oldest first.
    pub(crate) fn closed(&self, cover_from_ms: i64) -> impl Iterator<Item = i128> {
        let kept = self.sums.len().saturating_sub(1);
        let seen_from = cover_from_ms.max(self.blind_to_ms);
        let newest = self.newest_ms.unwrap_or(i64::MIN);
        let whole = (newest.saturating_sub(seen_from) / self.size_ms).max(0);
        let whole = usize::try_from(whole).unwrap_or(usize::MAX).min(kept);
        self.sums.iter().take(kept).skip(kept - whole).copied()
    }

    /// Changes with whatever [`closed`](Self::closed) yields.
    pub(crate) fn edition(&self) -> u64 {
        self.edition
    }

    /// When the open bucket closes.
    pub(crate) fn closes_at(&self) -> Option<i64> {
        self.newest_ms.map(|newest| newest.saturating_add(self.size_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    #[test]
    fn the_closed_buckets_are_those_of_all_trades_after_every_step() {
        for seed in 0..200u64 {
            let mut random = Random::new(seed);
            let (size, keep) = (1 + random.below(20), 1 + random.below(6));
            let mut buckets = Buckets::new(size, keep as u32);
            let (mut all, mut now, mut cover) = (Vec::new(), random.below(50), i64::MIN);
            for step in 0..200 {
                now += if random.below(20) == 0 { random.below(300) } else { random.below(5) };
                buckets.advance(now);
                if cover == i64::MIN || random.below(40) == 0 {
                    cover = now;
                }
                if random.below(3) > 0 {
                    let at = if random.below(4) == 0 { now - random.below(10) } else { now };
                    let amount = i128::from(random.below(9));
                    buckets.add(at, Some(amount));
                    all.push((at, amount));
                }
                let open = now.div_euclid(size) * size;
                let starts = (1..=keep).rev().map(|back| open - back * size);
                let sum = |from: i64| {
                    all.iter().filter(|(at, _)| (from..from + size).contains(at)).map(|(_, a)| *a).sum()
                };
                let naive: Vec<i128> = starts.filter(|start| *start >= cover).map(sum).collect();
                let got: Vec<i128> = buckets.closed(cover).collect();
                assert_eq!(got, naive, "seed {seed}, step {step}, {size} x {keep}, now {now}, from {cover}");
            }
        }
    }

    #[test]
    fn an_amount_that_cannot_be_told_hides_its_bucket_and_those_before() {
        let mut buckets = Buckets::new(10, 3);
        buckets.advance(0);
        for (at, amount) in [(5, Some(1)), (15, Some(2)), (16, None), (25, Some(3))] {
            buckets.advance(at);
            buckets.add(at, amount);
        }
        buckets.advance(31);
        assert_eq!(buckets.closed(0).collect::<Vec<_>>(), [3]);
        assert_eq!(buckets.closes_at(), Some(40));
    }
}
