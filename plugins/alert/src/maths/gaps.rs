//! How long a market is usually without a trade: a quantile of what was observed.
//!
//! Counted in buckets whose width grows with the value: below 32 ms each, then 32 to an octave, so
//! the answer is at most 1/32 too high and never too low. When a million were seen, all counts are
//! halved, and old habits fade.
//!
//! Keeps: [bounded]

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gaps after which counts are halved; chosen.
const MANY: u64 = 1 << 20;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gaps {
    /// By bucket; at most 1,300.
    counts: BTreeMap<u16, u32>,
    total: u64,
}

/// The bucket of a length.
fn bucket(ms: i64) -> u16 {
    let ms = ms.max(0).unsigned_abs();
    if ms < 32 {
        return ms as u16;
    }
    let octave = 63 - ms.leading_zeros();
    // The five bits behind the leading one.
    (((octave - 4) << 5) as u64 + ((ms >> (octave - 5)) & 31)) as u16
}

/// The longest length in a bucket.
fn longest(bucket: u16) -> i64 {
    if bucket < 32 {
        return i64::from(bucket);
    }
    let (octave, part) = (u32::from(bucket >> 5) + 4, i64::from(bucket & 31));
    let step = 1i64.checked_shl(octave - 5).unwrap_or(i64::MAX);
    (32 + part).saturating_mul(step).saturating_add(step - 1)
}

impl Gaps {
    /// A stretch between two trades.
    pub(crate) fn add(&mut self, ms: i64) {
        let count = self.counts.entry(bucket(ms)).or_default();
        *count = count.saturating_add(1);
        self.total += 1;
        if self.total >= MANY {
            self.counts.values_mut().for_each(|count| *count /= 2);
            self.counts.retain(|_, count| *count > 0);
            self.total = self.counts.values().map(|count| u64::from(*count)).sum();
        }
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The least length that so many of a thousand do not exceed (nearest rank).
    pub(crate) fn quantile(&self, permille: u64) -> Option<i64> {
        let rank = (self.total * permille).div_ceil(1000).max(1);
        // From the top, where the few that exceed it are.
        let mut beyond = self.total.checked_sub(rank)?;
        self.counts.iter().rev().find_map(|(bucket, count)| {
            let count = u64::from(*count);
            let here = beyond < count;
            beyond = beyond.saturating_sub(count);
            here.then(|| longest(*bucket))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    #[test]
    fn buckets_follow_one_another_without_a_hole() {
        let mut last = 0;
        for bucket_number in 1..1300u16 {
            let (below, here) = (longest(bucket_number - 1), longest(bucket_number));
            assert!(here > below && bucket(below + 1) == bucket_number && bucket(here) == bucket_number);
            assert!(bucket_number < 32 || here - below <= below / 32 + 1, "{bucket_number}");
            last = here;
        }
        assert!(last > 100 * 365 * 86_400_000, "{last}");
    }

    #[test]
    fn a_quantile_is_the_nearest_rank_and_at_most_a_thirty_second_more() {
        for seed in 0..50u64 {
            let mut random = Random::new(seed);
            let (mut gaps, mut all) = (Gaps::default(), Vec::new());
            for step in 0..500u64 {
                let most = 1 << (1 + random.below(25));
                let ms = random.below(most);
                gaps.add(ms);
                all.push(ms);
                all.sort_unstable();
                let rank = (all.len() as u64 * 999).div_ceil(1000) as usize;
                let naive = all.get(rank - 1).copied().unwrap_or_default();
                let got = gaps.quantile(999).unwrap_or_default();
                assert!(got >= naive && got <= naive + naive / 32, "seed {seed}, {step}: {got} {naive}");
            }
        }
        assert_eq!(Gaps::default().quantile(999), None);
    }

    /// [bounded]
    #[test]
    fn many_gaps_take_no_more_room_and_old_ones_fade() {
        let mut gaps = Gaps::default();
        (0..MANY).for_each(|_| gaps.add(1000));
        assert_eq!((gaps.total(), gaps.counts.len()), (MANY / 2, 1));
        (0..3 * MANY).for_each(|_| gaps.add(10));
        assert!(gaps.quantile(900) == Some(10) && gaps.counts.len() == 2);
    }
}
