//! What stands next on the tape, and the end of a repair: its trades in order, its gaps said.
//!
//! Keeps: [loss-is-said]

use super::{
    Now, Splice,
    notes::Note,
    repair::{Repair, Segment},
};
use crate::{
    entry::{Gap, GapCause},
    market::MarketId,
    trade::{Flags, Trade},
};

/// Trades, and gaps between them, in the order of the tape.
#[derive(Debug, Default)]
pub struct Sequence {
    /// The trades.
    pub trades: Vec<Trade>,
    /// The gaps, each with how many of the trades stand before it.
    pub gaps: Vec<(usize, Gap)>,
}

impl Sequence {
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.trades.clear();
        self.gaps.clear();
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trades.is_empty() && self.gaps.is_empty()
    }

    /// Gaps that differ in their market only are one.
    pub(super) fn gap(&mut self, gap: Gap) {
        if let Some((at, last)) = self.gaps.last_mut()
            && *at == self.trades.len()
            && (last.from_ms, last.to_ms, last.cause, last.filled)
                == (gap.from_ms, gap.to_ms, gap.cause, gap.filled)
        {
            last.markets.extend(gap.markets);
        } else {
            self.gaps.push((self.trades.len(), gap));
        }
    }
}

impl Splice {
    /// Ends the repair of a market if nothing of it is left to do.
    pub(super) fn settle(&mut self, id: MarketId, now: Now, out: &mut Sequence) {
        if self.repair(id).is_some_and(|repair| repair.is_done()) {
            self.release(id, now, out);
        }
    }

    /// Ends the repair of a market as it stands.
    pub(super) fn give_up(&mut self, id: MarketId, now: Now, out: &mut Sequence) {
        if let Some(repair) = self.repair(id) {
            repair.give_up();
            self.release(id, now, out);
        }
    }

    /// Too much waits: the repair that holds the most ends.
    pub(super) fn relieve(&mut self, now: Now, out: &mut Sequence) {
        let most = self.config.hold;
        let most = if self.config.when_full == super::WhenFull::Refetch { most + most / 2 } else { most };
        while self.held > most {
            let held = |id: &&MarketId| {
                let market = self.markets.get(id.0 as usize);
                market.and_then(|m| m.repair.as_deref()).map_or(0, |repair| repair.pool.len())
            };
            let Some(&largest) = self.broken.iter().max_by_key(held) else { return };
            if held(&&largest) == 0 {
                return;
            }
            self.notes.push(Note::Overflow { market: largest });
            self.give_up(largest, now, out);
        }
    }

    fn release(&mut self, id: MarketId, now: Now, out: &mut Sequence) {
        let Some(market) = self.markets.get_mut(id.0 as usize) else { return };
        let Some(mut repair) = market.repair.take() else { return };
        self.broken.retain(|&broken| broken != id);
        self.held = self.held.saturating_sub(repair.pool.len());
        repair.pool.sort_unstable_by_key(|trade| (trade.traded_at_ms, trade.sequential_id));
        let fetched = |trade: &&Trade| trade.flags.has(Flags::BACKFILLED);
        self.counts.backfilled += repair.pool.iter().filter(fetched).count() as u64;
        let mut gaps: Vec<Gap> = Vec::new();
        for segment in repair.segments.iter().filter(|segment| segment.is_over()) {
            let is_inside = |trade: &&Trade| segment.contains(trade.traded_at_ms);
            let found = repair.pool.iter().filter(fetched).filter(is_inside).count();
            let is_looked_at = segment.is_whole() || !self.config.backfill;
            if segment.cause == GapCause::IdHole && is_looked_at && market.units.looked(found > 0) {
                self.notes.push(Note::Numbering { market: id });
            }
            let is_hole_filled = segment.cause != GapCause::IdHole || found > 0;
            let said = segment.say(id, is_hole_filled, now);
            let is_filled = said.iter().all(|gap| gap.filled);
            if is_filled {
                self.counts.filled += 1
            } else {
                self.counts.unfilled += 1
            }
            if let (Some(first), Some(last)) = (said.first(), said.last()) {
                self.notes.push(Note::Closed {
                    market: id,
                    cause: segment.cause,
                    from_ms: first.from_ms,
                    to_ms: last.to_ms,
                    fetched: found,
                    filled: is_filled,
                    waited_ms: repair.waited_ms(now),
                });
            }
            gaps.extend(said);
        }
        gaps.sort_by_key(|gap| gap.from_ms);
        let mut gaps = gaps.into_iter().peekable();
        for trade in &repair.pool {
            while let Some(gap) = gaps.next_if(|gap| gap.from_ms <= trade.traded_at_ms) {
                out.gap(gap);
            }
            let flags = market.hand_on(trade.sequential_id, trade.traded_at_ms, now);
            out.trades.push(Trade { flags: trade.flags.with(flags), ..*trade });
        }
        gaps.for_each(|gap| out.gap(gap));
        self.go_on(id, *repair, now);
    }

    /// What a repair leaves behind: a gap whose end was not seen yet, or trades that were left out.
    fn go_on(&mut self, id: MarketId, repair: Repair, now: Now) {
        let Repair { segments, left_out, .. } = repair;
        for Segment { cause, from_ms, .. } in segments.into_iter().filter(Segment::is_unseen) {
            self.break_market(id, cause, from_ms, now);
        }
        if let Some(left_out) = left_out {
            self.break_market(id, GapCause::Overflow, left_out.earliest.ms - super::MARGIN_MS, now);
            if let Some(repair) = self.repair(id) {
                repair.expect(&left_out);
            }
        }
        self.cover_repair(id, now);
    }
}
