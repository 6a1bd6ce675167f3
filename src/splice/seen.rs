//! Which trades of one market have been seen: a set of ids, bounded by age and number.
//!
//! Two generations of sorted ids; when the young one is full or old, the old one is forgotten.
//! Ids mostly come in ascending order, so that remembering one costs a push; in any other order it
//! costs a search and a move of at most 32 KiB.
//!
//! What was forgotten is told by its stamp: a trade that is not younger than anything forgotten
//! cannot be told from a repetition.
//!
//! Keeps: [bounded]

/// Ids of one generation: so the last 4,096 at least are remembered.
const GENERATION: usize = 4_096;
/// So many are remembered whatever their age: the last trade of a quiet market may be hours old.
const AT_LEAST: usize = 256;
/// A generation of a busier market grows until it spans so long, so that nothing late is taken for
/// forgotten, and to so many ids at most.
const LEAST_SPAN_MS: i64 = 5_000;
const AT_MOST: usize = 65_536;
/// A generation is closed when it spans so long.
const SPAN_MS: i64 = 600_000;

/// The ids.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    young: Generation,
    old: Generation,
    /// The newest stamp of what was forgotten.
    floor_ms: i64,
}

#[derive(Clone, Debug)]
struct Generation {
    /// Ascending.
    ids: Vec<u64>,
    begun_ms: i64,
    newest_ms: i64,
}

impl Default for Generation {
    fn default() -> Self {
        Self { ids: Vec::new(), begun_ms: i64::MAX, newest_ms: i64::MIN }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self { young: Generation::default(), old: Generation::default(), floor_ms: i64::MIN }
    }
}

/// Why an id is not new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is remembered.
    Duplicate,
    /// It is older than anything remembered.
    Forgotten,
}

impl Seen {
    /// Remembers an id.
    #[inline]
    pub(super) fn note(&mut self, id: u64, traded_at_ms: i64) -> Result<(), Refused> {
        let at = match self.place(id) {
            Some(at) => at,
            None => return Err(Refused::Duplicate),
        };
        if traded_at_ms <= self.floor_ms {
            return Err(Refused::Forgotten);
        }
        self.put(at, id, traded_at_ms);
        Ok(())
    }

    /// Remembers an id, however old; whether it is new.
    pub(crate) fn insert(&mut self, id: u64, traded_at_ms: i64) -> bool {
        let place = self.place(id);
        if let Some(at) = place {
            self.put(at, id, traded_at_ms);
        }
        place.is_some()
    }

    /// Whether the trade is remembered, or too old to be.
    pub(super) fn knows(&self, id: u64, traded_at_ms: i64) -> bool {
        traded_at_ms <= self.floor_ms || self.has(id)
    }

    /// Whether the id is remembered.
    pub(super) fn has(&self, id: u64) -> bool {
        self.place(id).is_none()
    }

    /// The greatest id below `end` that is remembered, if it is not below `begin`.
    pub(super) fn greatest_in(&self, begin: u64, end: u64) -> Option<u64> {
        let of = |ids: &[u64]| {
            let at = ids.partition_point(|&id| id < end);
            at.checked_sub(1).and_then(|at| ids.get(at)).copied().filter(|&id| id >= begin)
        };
        of(&self.young.ids).max(of(&self.old.ids))
    }

    /// Anything up to this stamp counts as forgotten.
    pub(super) fn forget_before(&mut self, traded_at_ms: i64) {
        self.floor_ms = self.floor_ms.max(traded_at_ms);
    }

    /// The newest stamp of what was forgotten, if anything was.
    pub(super) fn floor_ms(&self) -> Option<i64> {
        (self.floor_ms != i64::MIN).then_some(self.floor_ms)
    }

    /// Where in the young generation a new id belongs; `None` when it is remembered.
    #[inline]
    fn place(&self, id: u64) -> Option<usize> {
        let at = match self.young.ids.last() {
            Some(&last) if id <= last => match self.young.ids.binary_search(&id) {
                Ok(_) => return None,
                Err(at) => at,
            },
            _ => self.young.ids.len(),
        };
        let in_old =
            self.old.ids.last().is_some_and(|&last| id <= last) && self.old.ids.binary_search(&id).is_ok();
        (!in_old).then_some(at)
    }

    #[inline]
    fn put(&mut self, at: usize, id: u64, traded_at_ms: i64) {
        let young = &mut self.young;
        let (count, span_ms) = (young.ids.len(), traded_at_ms.saturating_sub(young.begun_ms));
        let is_full = count >= GENERATION && (span_ms >= LEAST_SPAN_MS || count >= AT_MOST);
        let at = if is_full || (span_ms > SPAN_MS && count >= AT_LEAST) {
            self.turn();
            0
        } else {
            at
        };
        let young = &mut self.young;
        young.ids.insert(at, id);
        young.begun_ms = young.begun_ms.min(traded_at_ms);
        young.newest_ms = young.newest_ms.max(traded_at_ms);
    }

    #[cold]
    fn turn(&mut self) {
        std::mem::swap(&mut self.young, &mut self.old);
        self.floor_ms = self.floor_ms.max(self.young.newest_ms);
        self.young.ids.clear();
        (self.young.begun_ms, self.young.newest_ms) = (i64::MAX, i64::MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_set_and_never_a_highest_id() {
        let mut seen = Seen::default();
        assert_eq!(seen.note(30, 3), Ok(()));
        assert_eq!(seen.note(10, 1), Ok(()), "ids come in any order");
        assert_eq!(seen.note(20, 2), Ok(()));
        for id in [10, 20, 30] {
            assert_eq!(seen.note(id, 9), Err(Refused::Duplicate), "{id}");
        }
        assert!(!seen.has(15));
        assert_eq!(seen.greatest_in(11, 30), Some(20));
        assert_eq!(seen.greatest_in(21, 30), None);
    }

    /// Proves [bounded] for the memory of ids.
    #[test]
    fn it_forgets_the_oldest_and_says_so() {
        let mut seen = Seen::default();
        for id in 0..20_000 {
            assert_eq!(seen.note(id, id as i64 * 10), Ok(()));
            assert!(seen.young.ids.len() + seen.old.ids.len() <= 2 * GENERATION);
        }
        assert!((20_000 - GENERATION as u64..20_000).all(|id| seen.has(id)), "the last ones are there");
        assert_eq!(seen.note(5, 50), Err(Refused::Forgotten));
        assert!(seen.knows(5, 50) && !seen.has(5));
        let mut busy = Seen::default();
        for id in 0..300_000 {
            assert_eq!(busy.note(id, 1_000), Ok(()), "a market of another world");
            assert!(busy.young.ids.len() + busy.old.ids.len() <= 2 * AT_MOST);
            if busy.floor_ms().is_some() {
                break;
            }
        }
        assert!(busy.young.ids.len() + busy.old.ids.len() > 4 * GENERATION, "5 s at least are remembered");
    }

    #[test]
    fn the_last_trade_of_a_quiet_market_is_remembered_for_days() {
        let mut seen = Seen::default();
        for hour in 0..100 {
            assert_eq!(seen.note(hour, hour as i64 * 3_600_000), Ok(()));
        }
        assert!((0..100).all(|hour| seen.has(hour)));
        for ms in 0..10_000 {
            assert_eq!(seen.note(1_000 + ms, 400_000_000 + ms as i64 * 1_000), Ok(()));
        }
        assert!(!seen.has(99), "ten minutes and many trades later it is not");
    }
}
