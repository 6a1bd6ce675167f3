//! Holes in the numbering: a lost trade that nothing else would tell of.
//!
//! Ids of the venue since December 2023 are the stamp in ms times 10,000 plus a number that counts
//! from nought within one market and ms (computed from recordings, 246 of 247 groups; not promised
//! by the venue). So once a ms is over, a number below the greatest that did not come is a lost
//! trade. Ids of another make are left alone, and so is a market whose holes turn out to be empty.
//!
//! Keeps: [bounded]

use super::seen::Seen;

/// What an id holds besides the stamp.
const PER_MS: u64 = 10_000;
/// Ms that wait to be judged; more at once would be another way of numbering.
const MAX_SUSPECTS: usize = 1_024;
/// So many holes in which nothing was found say that the market does not count so.
const MAX_EMPTY: u8 = 3;

/// The numbering of one market.
#[derive(Clone, Debug, Default)]
pub(super) struct Units {
    at_ms: i64,
    count: u64,
    greatest: u64,
    /// Stamps to be judged, and when.
    suspects: Vec<(i64, u64)>,
    empty: u8,
    /// The first stamp that was seen from its beginning.
    whole_from_ms: Option<i64>,
}

impl Units {
    /// A trade came. `due` is when its ms can be judged, if there is reason to.
    #[inline]
    pub(super) fn note(&mut self, id: u64, traded_at_ms: i64, due: u64) {
        let stamp = traded_at_ms.unsigned_abs();
        if id / PER_MS != stamp {
            return;
        }
        let number = id % PER_MS;
        if traded_at_ms == self.at_ms {
            self.count += 1;
            self.greatest = self.greatest.max(number);
        } else if traded_at_ms > self.at_ms {
            if self.count != self.greatest + 1 && self.count > 0 {
                self.suspect(self.at_ms, due);
            }
            (self.at_ms, self.count, self.greatest) = (traded_at_ms, 1, number);
        } else {
            self.suspect(traded_at_ms, due);
        }
    }

    /// Only what is stamped later than this was seen from its beginning.
    pub(super) fn begin_after(&mut self, traded_at_ms: i64) {
        self.whole_from_ms.get_or_insert(traded_at_ms);
    }

    #[cold]
    fn suspect(&mut self, at_ms: i64, due: u64) {
        let is_judged = self.whole_from_ms.is_none_or(|whole| at_ms > whole);
        if is_judged
            && self.empty < MAX_EMPTY
            && self.suspects.len() < MAX_SUSPECTS
            && !self.suspects.iter().any(|&(ms, _)| ms == at_ms)
        {
            self.suspects.push((at_ms, due));
        }
    }

    /// The earliest ms that has a hole and is over.
    pub(super) fn hole(&mut self, seen: &Seen, now: u64) -> Option<i64> {
        if self.suspects.is_empty() {
            return None;
        }
        let mut found: Option<i64> = None;
        self.suspects.retain(|&(at_ms, due)| {
            if due > now {
                return true;
            }
            if has_hole(seen, at_ms) {
                found = Some(found.map_or(at_ms, |earlier| earlier.min(at_ms)));
                // Of several, the others are judged again once this one is mended.
                return true;
            }
            false
        });
        if let Some(at_ms) = found {
            self.suspects.retain(|&(ms, _)| ms != at_ms);
        }
        found
    }

    /// A hole was looked into; whether anything was found. True when the market is given up on.
    pub(super) fn looked(&mut self, found: bool) -> bool {
        self.empty = if found { 0 } else { self.empty.saturating_add(1) };
        if self.empty == MAX_EMPTY {
            self.suspects.clear();
        }
        self.empty == MAX_EMPTY
    }
}

/// Whether a number below the greatest of a ms is missing.
fn has_hole(seen: &Seen, at_ms: i64) -> bool {
    if seen.floor_ms().is_some_and(|floor| at_ms <= floor) {
        return false;
    }
    let begin = at_ms.unsigned_abs() * PER_MS;
    let Some(greatest) = seen.greatest_in(begin, begin + PER_MS) else { return false };
    (begin..greatest).any(|id| !seen.has(id))
}

/// The first id that a later ms can have; `None` where ids are made otherwise.
pub(super) fn id_after(id: u64, traded_at_ms: i64, later_ms: i64) -> Option<u64> {
    (id / PER_MS == traded_at_ms.unsigned_abs()).then(|| (later_ms.unsigned_abs() + 1) * PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ids: &[(i64, u64)], expect: Option<i64>) {
        let (mut units, mut seen) = (Units::default(), Seen::default());
        for &(ms, number) in ids {
            let id = ms as u64 * PER_MS + number;
            assert!(seen.insert(id, ms), "{ids:?}");
            units.note(id, ms, 10);
        }
        assert_eq!(units.hole(&seen, 9), None, "{ids:?}: not before it is due");
        assert_eq!(units.hole(&seen, 10), expect, "{ids:?}");
    }

    #[test]
    fn a_number_that_did_not_come_is_a_hole_once_its_ms_is_over() {
        check(&[(5, 0), (5, 1), (6, 0)], None);
        check(&[(5, 0), (5, 2)], None);
        check(&[(5, 0), (5, 2), (6, 0)], Some(5));
        check(&[(5, 1), (6, 0)], Some(5));
        check(&[(5, 0), (5, 2), (6, 0), (5, 1)], None);
        check(&[(5, 0), (6, 0), (5, 3)], Some(5));
        check(&[(5, 1), (6, 1), (7, 0)], Some(5));
    }

    #[test]
    fn ids_of_another_make_and_empty_holes_are_left_alone() {
        let (mut units, mut seen) = (Units::default(), Seen::default());
        for (id, ms) in
            [(1_618_650_000_000_005_u64, 1_618_650_000_000_i64), (1_618_650_001_000_000, 1_618_650_001_000)]
        {
            seen.insert(id, ms);
            units.note(id, ms, 0);
        }
        assert_eq!(units.hole(&seen, 1), None, "the ids of 2021 had another factor");
        assert!(!units.looked(false) && !units.looked(true) && !units.looked(false) && !units.looked(false));
        assert!(units.looked(false), "three in a row");
    }
}
