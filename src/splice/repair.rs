//! The repair of one market: what is missing, how far that is fetched, and what waits meanwhile.

use super::{
    Link, MARGIN_MS, Now,
    market::Place,
    walk::{Walk, Walked, lower_ms},
};
use crate::{
    entry::{Gap, GapCause},
    market::MarketId,
    trade::{Flags, Trade},
};

/// How long a session has to show the last trade of a market before it is looked for over REST.
const SIGHT_MS: u64 = 10_000;

#[derive(Debug)]
pub(super) struct Repair {
    /// Answers to questions of another repair are told by it.
    pub(super) generation: u64,
    pub(super) segments: Vec<Segment>,
    /// What came and what was fetched, in any order, each trade once.
    pub(super) pool: Vec<Trade>,
    /// A session covers the market.
    pub(super) is_covered: bool,
    /// The trades that could not wait.
    pub(super) left_out: Option<LeftOut>,
    began: u64,
    sight_due: u64,
    deadline: Option<u64>,
}

/// Live trades that could not wait, and are to be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeftOut {
    /// The earliest by stamp.
    pub(super) earliest: Place,
    /// The last to come.
    last: Place,
    /// The latest by stamp.
    latest: Place,
}

/// One stretch in which trades may be missing.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) cause: GapCause,
    /// The last moment that is whole, in stamps of the venue.
    pub(super) from_ms: i64,
    to_ms: Option<i64>,
    known_ms: Option<i64>,
    /// The last that is known from before, where that is not the last that was handed on.
    anchor: Option<Place>,
    /// What was seen behind it.
    sight: Option<Place>,
    /// Seen on a socket, and not kept.
    expected: Vec<Place>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Nothing has been seen behind it yet.
    Unseen,
    /// One session showed a last trade that no other has brought: one of them may just be behind,
    /// and then it comes over another until `due`.
    Doubted { sight: Place, by: Link, due: u64 },
    /// It did: there was no gap.
    Dispelled,
    /// It is being fetched.
    Walking(Box<Walk>),
    /// Nothing is missing.
    Whole,
    /// What is older than this is missing; everything where it is not known.
    Unfilled(Option<i64>),
}

impl Repair {
    pub(super) fn new(
        generation: u64,
        cause: GapCause,
        from_ms: i64,
        known_ms: Option<i64>,
        now: Now,
    ) -> Self {
        Self {
            generation,
            segments: vec![Segment::new(cause, from_ms, known_ms)],
            pool: Vec::new(),
            is_covered: false,
            left_out: None,
            began: now.at,
            sight_due: u64::MAX,
            deadline: None,
        }
    }

    /// Another gap before this repair is done.
    pub(super) fn again(&mut self, cause: GapCause, from_ms: i64) {
        self.is_covered = false;
        self.sight_due = u64::MAX;
        if let Some(last) = self.segments.last_mut().filter(|last| last.is_unseen()) {
            // Both end where the next trade comes; together they begin where the earlier does.
            last.from_ms = last.from_ms.min(from_ms);
            return;
        }
        let known_ms = self.known_ms().map(|ms| ms.min(from_ms + MARGIN_MS));
        let anchor = self.newest();
        self.segments.push(Segment { anchor, ..Segment::new(cause, from_ms, known_ms) });
    }

    /// The latest that waits, or else what ended the gap before.
    fn newest(&self) -> Option<Place> {
        let waiting = self.pool.iter().map(|trade| Place { ms: trade.traded_at_ms, id: trade.sequential_id });
        waiting.max().or(self.segments.last().and_then(|segment| segment.sight))
    }

    /// Up to where something is known, what waits included.
    fn known_ms(&self) -> Option<i64> {
        // Not up to where the gap before was ended for want of a trade: that is our clock.
        let before = || self.segments.last().and_then(|segment| segment.known_ms);
        self.newest().map(|newest| newest.ms).or_else(before)
    }

    /// A session shows a last trade that was not delivered, while the repair goes on.
    pub(super) fn surprise(&mut self, trade: &Trade, by: Link, now: Now) {
        // Others may have brought later ones; they say nothing of what this one stands behind.
        let shown = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
        let waiting = self.pool.iter().map(|trade| Place { ms: trade.traded_at_ms, id: trade.sequential_id });
        let anchor = waiting.filter(|place| *place < shown).max();
        let before = || self.segments.first().and_then(|segment| segment.known_ms);
        if !self.segments.last().is_some_and(Segment::is_unseen)
            && let Some(known_ms) = anchor.map(|place| place.ms).or_else(before)
        {
            let segment = Segment::new(GapCause::Stale, known_ms - MARGIN_MS, Some(known_ms));
            self.segments.push(Segment { anchor, ..segment });
            self.doubt(trade, by, now);
        }
    }

    /// A session asks for the market.
    pub(super) fn covered(&mut self, now: Now, deadline: u64) {
        self.is_covered = true;
        self.sight_due = now.at + SIGHT_MS;
        self.deadline.get_or_insert(deadline);
    }

    /// A session showed a last trade that the others should have brought. It waits for them.
    pub(super) fn doubt(&mut self, trade: &Trade, by: Link, now: Now) {
        if let Some(segment) = self.segments.last_mut() {
            let sight = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
            (segment.to_ms, segment.sight) = (Some(trade.traded_at_ms), Some(sight));
            segment.stage = Stage::Doubted { sight, by, due: now.at + MARGIN_MS.unsigned_abs() };
        }
    }

    /// A known trade came over a session again: if another had shown it first, that one was ahead.
    pub(super) fn dispel(&mut self, trade: &Trade, over: Link) {
        let came = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
        for segment in &mut self.segments {
            if let Stage::Doubted { sight, by, .. } = segment.stage
                && sight == came
                && by != over
            {
                segment.stage = Stage::Dispelled;
            }
        }
    }

    /// A trade came while the repair goes on: behind a gap it says where that ends.
    pub(super) fn sight(
        &mut self,
        trade: &Trade,
        is_known: bool,
        is_last: bool,
        newest: Option<Place>,
        backfill: bool,
        now: Now,
    ) {
        let Some(segment) = self.segments.last_mut().filter(|segment| segment.is_unseen()) else { return };
        let snapshot = trade.flags.has(Flags::SNAPSHOT);
        if is_known && !snapshot {
            return;
        }
        // The venue's last trade is ours, and it did not come so shortly before the loss that a
        // sweep with an earlier stamp may have been on its way.
        let is_calm = newest.is_none_or(|newest| newest.ms <= segment.from_ms);
        segment.to_ms = Some(if is_known { now.wall_ms } else { trade.traded_at_ms });
        if is_known && is_last && is_calm {
            segment.stage = Stage::Whole;
        } else {
            // One that is older than what is known says nothing of what came after it.
            let sight = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
            segment.begin((!is_known).then_some(sight), newest, backfill, now);
            if let Stage::Walking(walk) = &mut segment.stage {
                walk.require(sight);
            }
        }
    }

    /// Nothing came in time to say where a gap ends: it ends now. Whether a doubt came true.
    pub(super) fn overdue(&mut self, newest: Option<Place>, backfill: bool, now: Now) -> bool {
        let mut is_true = false;
        for segment in &mut self.segments {
            if let Stage::Doubted { sight, due, .. } = segment.stage
                && now.at >= due
            {
                is_true = true;
                segment.begin(Some(sight), newest, backfill, now);
            }
        }
        self.unseen_overdue(newest, backfill, now);
        is_true
    }

    fn unseen_overdue(&mut self, newest: Option<Place>, backfill: bool, now: Now) {
        if !self.is_covered || now.at < self.sight_due {
            return;
        }
        if let Some(segment) = self.segments.last_mut().filter(|segment| segment.is_unseen()) {
            segment.to_ms = Some(now.wall_ms);
            segment.begin(None, newest, backfill, now);
        }
    }

    /// Begins with a hole in the numbering, of which both ends are known.
    pub(super) fn begin_hole(&mut self, at_ms: i64, backfill: bool, now: Now, deadline: u64) {
        self.covered(now, deadline);
        if let Some(segment) = self.segments.last_mut() {
            segment.to_ms = Some(at_ms);
            segment.stage = match backfill {
                true => Stage::Walking(Box::new(Walk::of_ms(at_ms))),
                false => Stage::Unfilled(None),
            };
        }
    }

    /// A live trade cannot wait. True for the first.
    pub(super) fn leave_out(&mut self, trade: &Trade) -> bool {
        let last = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
        let is_first = self.left_out.is_none();
        let left_out = self.left_out.get_or_insert(LeftOut { earliest: last, last, latest: last });
        left_out.earliest = left_out.earliest.min(last);
        (left_out.last, left_out.latest) = (last, left_out.latest.max(last));
        is_first
    }

    /// Begins with trades that had to be left out: REST must have them.
    pub(super) fn expect(&mut self, left_out: &LeftOut) {
        if let Some(segment) = self.segments.last_mut() {
            segment.expected = vec![left_out.earliest, left_out.last, left_out.latest];
        }
    }

    pub(super) fn is_late(&self, now: Now) -> bool {
        self.deadline.is_some_and(|deadline| now.at >= deadline)
            && self.segments.iter().any(|segment| !segment.is_unseen() || self.is_covered)
    }

    /// Of a market that was never seen there is nothing to wait for: only when it shows itself is it
    /// asked whether there was something before.
    pub(super) fn is_idle(&self) -> bool {
        let unknown = |segment: &Segment| segment.is_unseen() && segment.known_ms.is_none();
        self.pool.is_empty() && self.segments.iter().all(unknown)
    }

    pub(super) fn is_done(&self) -> bool {
        let is_done = |stage: &Stage| matches!(stage, Stage::Whole | Stage::Unfilled(_) | Stage::Dispelled);
        self.segments.iter().all(|segment| is_done(&segment.stage))
    }

    /// What is not fetched by now is not fetched.
    pub(super) fn give_up(&mut self) {
        let is_covered = self.is_covered;
        for segment in &mut self.segments {
            match &segment.stage {
                Stage::Walking(walk) => segment.stage = Stage::Unfilled(walk.lowest_ms()),
                Stage::Unseen if is_covered => segment.stage = Stage::Unfilled(None),
                Stage::Doubted { .. } => segment.stage = Stage::Unfilled(None),
                Stage::Unseen | Stage::Dispelled | Stage::Whole | Stage::Unfilled(_) => {}
            }
        }
    }

    /// The walk that goes on next, with its number, if one can.
    pub(super) fn walk(&mut self) -> Option<(usize, &mut Walk)> {
        self.segments.iter_mut().enumerate().find_map(|(index, segment)| match &mut segment.stage {
            Stage::Walking(walk) => Some((index, &mut **walk)),
            _ => None,
        })
    }

    /// As [`Repair::walk`], to look at.
    pub(super) fn next_walk(&self) -> Option<&Walk> {
        self.segments.iter().find_map(|segment| match &segment.stage {
            Stage::Walking(walk) => Some(&**walk),
            _ => None,
        })
    }

    /// The walk with this number.
    pub(super) fn walk_at(&mut self, index: usize) -> Option<&mut Walk> {
        match &mut self.segments.get_mut(index)?.stage {
            Stage::Walking(walk) => Some(walk),
            _ => None,
        }
    }

    /// A walk is over.
    pub(super) fn walked(&mut self, index: usize, walked: Walked) {
        let Some(segment) = self.segments.get_mut(index) else { return };
        segment.stage = match walked {
            Walked::Whole => Stage::Whole,
            Walked::Short(lowest_ms) => Stage::Unfilled(lowest_ms),
        };
    }

    /// A fetched trade that was not known lies before the gap: so it began earlier.
    pub(super) fn reach_back(&mut self, index: usize, oldest_ms: i64) {
        if let Some(segment) = self.segments.get_mut(index) {
            segment.from_ms = segment.from_ms.min(oldest_ms);
        }
    }

    /// The part of its gaps that lies before what is on the tape already, up to `newest_ms`. Within
    /// twice the margin of a loss there is always something: that is looked at again at a start.
    pub(super) fn forgotten(&self, market: MarketId, newest_ms: i64) -> Option<Gap> {
        let open = |segment: &&Segment| !matches!(segment.stage, Stage::Whole | Stage::Dispelled);
        let first = self.segments.iter().filter(open).min_by_key(|segment| segment.from_ms)?;
        let (from_ms, cause) = (first.from_ms, first.cause);
        (newest_ms > from_ms + 2 * MARGIN_MS).then(|| Gap {
            from_ms,
            to_ms: newest_ms,
            cause,
            markets: vec![market],
            filled: false,
        })
    }

    pub(super) fn waited_ms(&self, now: Now) -> u64 {
        now.at.saturating_sub(self.began)
    }
}

impl Segment {
    fn new(cause: GapCause, from_ms: i64, known_ms: Option<i64>) -> Self {
        Self {
            cause,
            from_ms,
            to_ms: None,
            known_ms,
            anchor: None,
            sight: None,
            expected: Vec::new(),
            stage: Stage::Unseen,
        }
    }

    pub(super) fn is_unseen(&self) -> bool {
        matches!(self.stage, Stage::Unseen)
    }

    /// Whether there is something to say of it.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.stage, Stage::Unseen | Stage::Dispelled)
    }

    /// Whether everything that REST has of it was looked at.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.stage, Stage::Whole)
    }

    pub(super) fn contains(&self, traded_at_ms: i64) -> bool {
        traded_at_ms >= self.from_ms && self.to_ms.is_none_or(|to_ms| traded_at_ms <= to_ms)
    }

    fn begin(&mut self, sight: Option<Place>, newest: Option<Place>, backfill: bool, now: Now) {
        self.sight = sight.or(self.expected.iter().max().copied());
        self.stage = if backfill {
            let known_ms = self.known_ms.unwrap_or(self.from_ms + MARGIN_MS);
            let mut sights = std::mem::take(&mut self.expected);
            sights.extend(sight);
            sights.sort_unstable();
            sights.dedup();
            let (anchor, is_open) = (self.anchor.or(newest), sights.is_empty());
            let mut walk = Walk::new(sights, anchor, self.from_ms, known_ms, now);
            if let Some(anchor) = anchor.filter(|_| is_open) {
                walk.require(anchor);
            }
            Stage::Walking(Box::new(walk))
        } else {
            Stage::Unfilled(None)
        };
    }

    /// Its gaps: what is missing, and what was recovered.
    pub(super) fn say(&self, market: MarketId, is_filled: bool, now: Now) -> Vec<Gap> {
        // A trade with a later stamp may have come before the one that ended the gap.
        let margin_ms = if matches!(self.stage, Stage::Unfilled(_)) { MARGIN_MS } else { 0 };
        let to_ms = (self.to_ms.unwrap_or(now.wall_ms) + margin_ms).max(self.from_ms);
        // The session may have stopped delivering the market long before it was lost.
        let known_ms = self.known_ms.filter(|_| self.cause != GapCause::IdHole);
        let from_ms = known_ms.map_or(self.from_ms, |ms| lower_ms(self.from_ms, ms)).min(self.from_ms);
        let gap =
            |from_ms, to_ms, filled| Gap { from_ms, to_ms, cause: self.cause, markets: vec![market], filled };
        match self.stage {
            // The walk began behind the end of the gap and did not come as far.
            Stage::Unfilled(Some(lowest_ms)) if lowest_ms >= to_ms => vec![gap(from_ms, lowest_ms, false)],
            Stage::Unfilled(Some(lowest_ms)) if lowest_ms > from_ms => {
                vec![gap(from_ms, lowest_ms, false), gap(lowest_ms, to_ms, true)]
            }
            Stage::Unfilled(_) => vec![gap(from_ms, to_ms, false)],
            _ => vec![gap(self.from_ms, to_ms, is_filled)],
        }
    }
}
