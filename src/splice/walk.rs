//! A walk back over REST: pages from the newest to what is known, day by day.
//!
//! A page never crosses midnight UTC, and an empty one is the beginning of its day; both are the
//! venue's habit. What a page must contain for the answers to be believed is checked: the trade
//! that was seen on the socket, and the last one that is known from before.

use super::{MARGIN_MS, Now, market::Place, units};
use crate::trade::Trade;

pub(super) const DAY_MS: i64 = 86_400_000;
/// The venue answers for today and seven days before it.
const DAYS: i64 = 7;
/// A market that was quiet for longer than this before the loss is not walked back further: it is
/// one page for most.
const REACH_MS: i64 = 3_600_000;
/// REST may lag behind the socket; so often it is asked again, at distances that double from here:
/// for some 14 s.
const MAX_TRIES: u8 = 8;
const TRY_AGAIN_MS: u64 = 300;
const TRY_AGAIN_AT_MOST_MS: u64 = 2_400;
/// Times that a walk begins anew because its pages do not fit what is known.
const MAX_ROUNDS: u8 = 2;
/// Waits after failures double from here.
const BACKOFF_MS: u64 = 1_000;
const MAX_BACKOFF_MS: u64 = 30_000;

#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// The UTC day it is in, counted from the Unix epoch.
    pub(super) day: i64,
    /// Only ids below it are asked for.
    pub(super) cursor: Option<u64>,
    first: (i64, Option<u64>),
    lower_ms: i64,
    /// Seen on the socket behind the gap, and not yet over REST, which must have them.
    sights: Vec<Place>,
    /// The last that is known from before the gap: the walk must meet it.
    anchor: Option<Place>,
    /// REST never showed what the socket did: nobody knows what else it lacks.
    is_behind: bool,
    is_anchored: bool,
    lowest: Option<Place>,
    rounds: u8,
    tries: u8,
    failures: u32,
    pub(super) pages: u32,
    pub(super) ready_at: u64,
    pub(super) is_in_flight: bool,
}

/// Down to where trades are looked for that may be missing since `from_ms`, where the last that is
/// known of the market is stamped `known_ms`.
pub(super) fn lower_ms(from_ms: i64, known_ms: i64) -> i64 {
    (known_ms - MARGIN_MS).min(from_ms).max(from_ms - REACH_MS)
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// It met what is known.
    Whole,
    /// It came only so far.
    Short(Option<i64>),
}

impl Walk {
    /// `sights` came over a socket behind the gap, the last one first.
    pub(super) fn new(
        sights: Vec<Place>,
        newest: Option<Place>,
        from_ms: i64,
        known_ms: i64,
        now: Now,
    ) -> Self {
        let lower_ms = lower_ms(from_ms, known_ms);
        // A trade with a later stamp may have come before the one that was sighted.
        let sight = sights.iter().max().copied();
        let upper_ms = sight.map_or(now.wall_ms, |sight| sight.ms + MARGIN_MS);
        let cursor = sight.and_then(|sight| units::id_after(sight.id, sight.ms, upper_ms));
        let anchor = newest.filter(|newest| newest.ms >= lower_ms && !sights.contains(newest));
        let day = upper_ms.div_euclid(DAY_MS);
        Self {
            day,
            cursor,
            first: (day, cursor),
            lower_ms,
            sights,
            anchor,
            is_behind: false,
            is_anchored: false,
            lowest: None,
            rounds: 0,
            tries: 0,
            failures: 0,
            pages: 0,
            ready_at: 0,
            is_in_flight: false,
        }
    }

    /// REST must have this one as well, or it lags: nobody knows then what else it lacks.
    pub(super) fn require(&mut self, place: Place) {
        if place.ms >= self.lower_ms && !self.sights.contains(&place) {
            self.sights.push(place);
        }
    }

    /// For the trades of one ms.
    pub(super) fn of_ms(at_ms: i64) -> Self {
        let now = Now { at: 0, wall_ms: at_ms };
        let mut walk = Self::new(Vec::new(), None, at_ms, at_ms + MARGIN_MS, now);
        walk.cursor = units::id_after(at_ms.unsigned_abs() * 10_000, at_ms, at_ms);
        walk.first = (walk.day, walk.cursor);
        walk
    }

    /// What is older than this is not looked for.
    pub(super) fn lower_ms(&self) -> i64 {
        self.lower_ms
    }

    /// Down to where it came and missed nothing: not known before REST has shown what it must.
    pub(super) fn lowest_ms(&self) -> Option<i64> {
        let lowest = self.lowest.filter(|_| self.sights.is_empty())?;
        let is_sound = |anchor: Place| self.is_anchored || lowest.id > anchor.id;
        self.anchor.is_none_or(is_sound).then_some(lowest.ms)
    }

    /// Whether a trade of a page can be one of this walk's: of its day and below its cursor.
    pub(super) fn admits(&self, trade: &Trade) -> bool {
        trade.traded_at_ms.div_euclid(DAY_MS) == self.day
            && self.cursor.is_none_or(|cursor| trade.sequential_id < cursor)
    }

    /// A page of it came; its trades are those that [`Walk::admits`].
    pub(super) fn page<'a>(&mut self, trades: impl Iterator<Item = &'a Trade>, now: Now) -> Option<Walked> {
        self.is_in_flight = false;
        self.failures = 0;
        self.pages += 1;
        let (mut lowest, mut is_anchored): (Option<Place>, bool) = (None, self.is_anchored);
        let was_waiting = !self.sights.is_empty();
        for trade in trades {
            let place = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
            lowest = Some(lowest.map_or(place, |lowest| if place.id < lowest.id { place } else { lowest }));
            self.sights.retain(|&sight| sight != place);
            is_anchored |= Some(place) == self.anchor;
        }
        // REST does not have yet what must be on this page, so it may lack more.
        let is_due = |sight: &Place| {
            sight.ms.div_euclid(DAY_MS) == self.day
                && self.cursor.is_none_or(|cursor| sight.id < cursor)
                && lowest.is_none_or(|lowest| lowest.id < sight.id)
        };
        if self.sights.iter().any(is_due) {
            return self.try_again(now);
        }
        // REST is up to date by now, but need not have been when it answered the pages before.
        if was_waiting && self.sights.is_empty() && (self.day, self.cursor) != self.first {
            ((self.day, self.cursor), self.lowest) = (self.first, None);
            return None;
        }
        self.is_anchored = is_anchored;
        match lowest {
            Some(lowest) => {
                self.tries = 0;
                let ms = lowest.ms.min(self.lowest.map_or(i64::MAX, |l| l.ms));
                self.lowest = Some(Place { ms, id: lowest.id });
                self.cursor = Some(lowest.id);
                (lowest.ms < self.lower_ms).then(|| self.verdict(now)).flatten()
            }
            None => self.day_before(now),
        }
    }

    /// An empty page is the beginning of the day, unless more is known to be there.
    fn day_before(&mut self, now: Now) -> Option<Walked> {
        let is_due = |anchor: Place| {
            anchor.ms.div_euclid(DAY_MS) == self.day && self.cursor.is_none_or(|cursor| anchor.id < cursor)
        };
        if !self.is_anchored && self.anchor.is_some_and(is_due) && self.tries < MAX_TRIES {
            return self.try_again(now);
        }
        self.tries = 0;
        if self.day * DAY_MS <= self.lower_ms {
            return self.verdict(now);
        }
        self.day -= 1;
        self.cursor = None;
        (self.first.0 - self.day > DAYS).then(|| Walked::Short(self.lowest_ms()))
    }

    fn verdict(&mut self, now: Now) -> Option<Walked> {
        if self.is_behind {
            return Some(Walked::Short(None));
        }
        if self.anchor.is_none() || self.is_anchored {
            return Some(Walked::Whole);
        }
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Some(Walked::Short(self.lowest_ms()));
        }
        ((self.day, self.cursor), self.lowest) = (self.first, None);
        self.ready_at = now.at + TRY_AGAIN_MS * u64::from(self.rounds);
        None
    }

    fn try_again(&mut self, now: Now) -> Option<Walked> {
        self.tries += 1;
        if self.tries > MAX_TRIES {
            self.is_behind |= !self.sights.is_empty();
            self.sights.clear();
            self.tries = 0;
        }
        let wait_ms = TRY_AGAIN_MS << self.tries.saturating_sub(1).min(MAX_TRIES);
        self.ready_at = now.at + wait_ms.min(TRY_AGAIN_AT_MOST_MS);
        None
    }

    /// There was no answer, or none that can be used.
    pub(super) fn failed(&mut self, wait_ms: Option<u64>, now: Now) {
        self.is_in_flight = false;
        let wait = BACKOFF_MS.saturating_mul(1 << self.failures.min(5)).min(MAX_BACKOFF_MS);
        if wait_ms.is_none() {
            self.failures += 1;
        }
        self.ready_at = now.at + wait_ms.unwrap_or(wait);
    }
}
