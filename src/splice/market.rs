//! What is known of one market.

use super::{
    MARGIN_MS, Now,
    repair::Repair,
    rhythm::Rhythm,
    seen::{Refused, Seen},
    units::Units,
};
use crate::trade::Flags;

/// A market's silence is believed for at most 2^6 times its usual patience.
const MAX_DOUBLINGS: u32 = 6;
/// A pause of so many medians is worth a question.
const PAUSES: u64 = 20;

/// A trade by its place in a market: stamp, then id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) ms: i64,
    pub(super) id: u64,
}

#[derive(Debug, Default)]
pub(super) struct Market {
    /// Which part carries it; none when it is not wanted.
    pub(super) shard: Option<u16>,
    pub(super) seen: Seen,
    /// The latest place that was handed on.
    pub(super) newest: Option<Place>,
    /// Where the market began here: what REST has from before is not asked for.
    pub(super) first: Option<Place>,
    /// The last that was handed on.
    last: Option<u64>,
    pub(super) units: Units,
    pub(super) rhythm: Rhythm,
    pub(super) repair: Option<Box<Repair>>,
    /// It was asked about, because it was silent for long.
    pub(super) is_suspect: bool,
    doublings: u32,
    /// Questions about it that got no answer, since it last traded.
    pub(super) unanswered: u8,
}

impl Market {
    /// A trade that goes on at once.
    #[inline]
    pub(super) fn accept(&mut self, id: u64, traded_at_ms: i64, now: Now) -> Result<Flags, Refused> {
        self.seen.note(id, traded_at_ms)?;
        self.rhythm.beat(now.at);
        (self.doublings, self.unanswered) = (0, 0);
        Ok(self.hand_on(id, traded_at_ms, now))
    }

    /// A trade that is remembered goes on. The flags say whether a later one went before it.
    #[inline]
    pub(super) fn hand_on(&mut self, id: u64, traded_at_ms: i64, now: Now) -> Flags {
        if self.newest.is_none() {
            self.units.begin_after(traded_at_ms);
            self.first = Some(Place { ms: traded_at_ms, id });
        }
        self.units.note(id, traded_at_ms, now.at + MARGIN_MS.unsigned_abs());
        self.last = Some(id);
        let place = Place { ms: traded_at_ms, id };
        let is_late = self.newest.is_some_and(|newest| traded_at_ms < newest.ms);
        self.newest = self.newest.max(Some(place));
        if is_late { Flags::LATE } else { Flags::default() }
    }

    /// A trade that stands on the tape already.
    pub(super) fn remember(&mut self, id: u64, traded_at_ms: i64) {
        self.seen.insert(id, traded_at_ms);
        self.last = Some(id);
        self.newest = self.newest.max(Some(Place { ms: traded_at_ms, id }));
    }

    /// Up to where something is known, in stamps of the venue.
    pub(super) fn known_until_ms(&self) -> Option<i64> {
        self.newest.map(|newest| newest.ms).or(self.seen.floor_ms())
    }

    /// Whether a trade is the last one here by every measure: the last to come, and the latest.
    /// Of a market of which only the age is remembered, any trade of that age is.
    pub(super) fn is_last(&self, id: u64, traded_at_ms: i64) -> bool {
        match self.newest {
            Some(newest) => newest == Place { ms: traded_at_ms, id } && self.last == Some(id),
            None => self.seen.knows(id, traded_at_ms),
        }
    }

    /// A snapshot repeated what is known: if it was asked for, the silence was real.
    pub(super) fn is_quiet(&mut self, snapshot: bool) {
        if snapshot && std::mem::take(&mut self.is_suspect) {
            self.doublings = (self.doublings + 1).min(MAX_DOUBLINGS);
            self.unanswered = 0;
        }
    }

    /// Whether it has been silent for longer than its rhythm explains.
    pub(super) fn is_overdue(&self, stale_after_ms: u64, since: u64, now: Now) -> bool {
        let Some(limit) = patience(&self.rhythm, stale_after_ms) else { return false };
        let last = self.rhythm.last_at().unwrap_or(since).max(since);
        self.unanswered < 2 && now.at.saturating_sub(last) > limit << self.doublings
    }
}

/// For how long a rhythm explains a silence; not known before it is.
pub(super) fn patience(rhythm: &Rhythm, stale_after_ms: u64) -> Option<u64> {
    rhythm.median().map(|median| stale_after_ms.max(median.saturating_mul(PAUSES)))
}
