//! Stretches of time in which trades may be missing, for marking bars incomplete.
//!
//! Keeps: [bounded] [loss-is-said]

use serde::{Deserialize, Serialize};

/// How many stretches are told apart; chosen: a connection that drops more often than that within
/// one bar has no whole bars between.
const MAX: usize = 64;

/// Unfilled gaps, by the moment they end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gaps {
    list: Vec<(i64, i64)>,
}

impl Gaps {
    /// Remembers a gap. Past the bound the two oldest become one, which can only mark too much.
    pub(crate) fn add(&mut self, from: i64, to: i64) {
        let at = self.list.partition_point(|(_, end)| *end <= to);
        self.list.insert(at, (from, to));
        if self.list.len() > MAX {
            let (first, _) = self.list.remove(0);
            if let Some(second) = self.list.first_mut() {
                second.0 = second.0.min(first);
            }
        }
    }

    /// Forgets gaps that lie in a stretch which was recovered.
    pub(crate) fn recovered(&mut self, from: i64, to: i64) {
        self.list.retain(|gap| gap.0 < from || gap.1 > to);
    }

    /// Whether any of `[start, end)` may be missing.
    pub(crate) fn touch(&self, start: i64, end: i64) -> bool {
        self.list.iter().any(|(from, to)| *from < end && *to > start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_touches_what_it_overlaps_until_it_is_recovered() {
        let mut gaps = Gaps::default();
        gaps.add(100, 200);
        let check =
            |gaps: &Gaps, start, end, expect| assert_eq!(gaps.touch(start, end), expect, "{start} {end}");
        check(&gaps, 0, 100, false);
        check(&gaps, 0, 101, true);
        check(&gaps, 199, 300, true);
        check(&gaps, 200, 300, false);
        gaps.recovered(50, 150);
        check(&gaps, 100, 200, true);
        gaps.recovered(100, 200);
        check(&gaps, 100, 200, false);
    }

    /// [bounded]
    #[test]
    fn too_many_gaps_mark_too_much_rather_than_too_little() {
        let mut gaps = Gaps::default();
        for i in 0..1000 {
            gaps.add(i * 10, i * 10 + 5);
        }
        assert_eq!(gaps.list.len(), MAX);
        assert!((0..1000).all(|i| gaps.touch(i * 10, i * 10 + 5)));
    }
}
