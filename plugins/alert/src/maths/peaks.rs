//! The highest value of a window: a deque that falls from its oldest entry to its newest.
//!
//! An entry that a later one reaches can never be the highest again and is dropped, so a trade
//! costs constant time on average. A late trade is sorted in by its time. For the lowest value,
//! negated values are told.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Entries kept; beyond, the oldest is given up and the window is incomplete until it would have
/// left. Chosen: as many as a day has seconds fit, and 4 MB at worst.
const MAX_ENTRIES: usize = 1 << 17;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peaks {
    entries: VecDeque<(i64, i128)>,
    /// Up to here, entries were given up.
    given_up_to: Option<i64>,
}

impl Peaks {
    /// A value at this time, which may lie before the newest.
    pub(crate) fn push(&mut self, at_ms: i64, value: i128) {
        let place = if self.entries.back().is_none_or(|(at, _)| *at < at_ms) {
            self.entries.len()
        } else {
            self.entries.partition_point(|(at, _)| *at < at_ms)
        };
        // Of those at or behind its time, the first is the highest.
        if self.entries.get(place).is_some_and(|(_, later)| *later >= value) {
            return;
        }
        let same = self.entries.get(place).is_some_and(|(at, _)| *at == at_ms);
        let end = place + usize::from(same);
        let mut start = place;
        while start.checked_sub(1).and_then(|i| self.entries.get(i)).is_some_and(|(_, v)| *v <= value) {
            start -= 1;
        }
        if start == self.entries.len() {
            self.entries.push_back((at_ms, value));
        } else {
            self.entries.drain(start..end);
            self.entries.insert(start, (at_ms, value));
        }
        if self.entries.len() > MAX_ENTRIES {
            self.given_up_to = self.entries.pop_front().map(|(at, _)| at).max(self.given_up_to);
        }
    }

    /// Forgets what is not behind `edge`.
    pub(crate) fn expire(&mut self, edge_ms: i64) {
        while self.entries.front().is_some_and(|(at, _)| *at <= edge_ms) {
            self.entries.pop_front();
        }
        self.given_up_to = self.given_up_to.filter(|at| *at > edge_ms);
    }

    /// The highest value, and its time; `None` when there is none or it is not certain.
    pub(crate) fn highest(&self) -> Option<(i64, i128)> {
        if self.given_up_to.is_some() { None } else { self.entries.front().copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    #[test]
    fn the_highest_is_that_of_all_values_after_every_step() {
        for seed in 0..200u64 {
            let mut random = Random::new(seed);
            let (mut peaks, mut all, mut now) = (Peaks::default(), Vec::new(), 0i64);
            let span = 1 + random.below(40);
            for step in 0..300 {
                now += random.below(4);
                let late = if random.below(4) == 0 { random.below(10) } else { 0 };
                let (at, value) = (now - late, i128::from(random.below(12)));
                if at > now - span {
                    peaks.push(at, value);
                    all.push((at, value));
                }
                peaks.expire(now - span);
                let naive = all.iter().filter(|(at, _)| *at > now - span).map(|(_, v)| *v).max();
                assert_eq!(peaks.highest().map(|(_, v)| v), naive, "seed {seed}, step {step}");
            }
        }
    }

    /// [bounded]
    #[test]
    fn too_many_entries_make_it_unknown_until_they_would_have_left() {
        let mut peaks = Peaks::default();
        for at in 0..=MAX_ENTRIES as i64 {
            peaks.push(at, -i128::from(at));
        }
        assert_eq!((peaks.entries.len(), peaks.highest()), (MAX_ENTRIES, None));
        peaks.expire(0);
        assert_eq!(peaks.highest(), Some((1, -1)));
    }
}
