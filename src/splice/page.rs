//! What is to be fetched next, and what came of it.
//!
//! Every market that is repaired gets one page in turn, the most active first: most need one only,
//! and a market with many does not keep the others waiting.

use super::{Now, Splice, market::Place, release::Sequence, walk::Walked};
use crate::{
    market::MarketId,
    trade::{Flags, Trade},
};

/// A page of ticks that is wanted: 500 trades of a UTC day, the newest below the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// To be handed back with the answer.
    pub ticket: Ticket,
    /// The UTC day, counted from the Unix epoch.
    pub day: i64,
    /// Only ids below it.
    pub cursor: Option<u64>,
}

/// Which question an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose trades.
    pub market: MarketId,
    generation: u64,
    segment: usize,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A page; empty at the beginning of the day.
    Page(Vec<Trade>),
    /// Nothing that can be used; to be tried again after so many ms, where the venue said so.
    Failed {
        /// What it said.
        wait_ms: Option<u64>,
    },
    /// It is not to be had: the day is too long ago, or the venue does not know the market.
    Gone,
}

impl Splice {
    /// The next page that is wanted, if any; it counts as asked for.
    pub fn request(&mut self, now: Now) -> Option<Request> {
        let mut best: Option<(u32, u64, usize)> = None;
        for (at, id) in self.broken.iter().enumerate() {
            let Some(market) = self.markets.get_mut(id.0 as usize) else { continue };
            let pause = market.rhythm.median().unwrap_or(u64::MAX);
            let Some((_, walk)) = market.repair.as_deref_mut().and_then(super::Repair::walk) else {
                continue;
            };
            let rank = (walk.pages, pause, at);
            if !walk.is_in_flight && walk.ready_at <= now.at && best.is_none_or(|best| rank < best) {
                best = Some(rank);
            }
        }
        let market = *self.broken.get(best?.2)?;
        let repair = self.repair(market)?;
        let generation = repair.generation;
        let (segment, walk) = repair.walk()?;
        walk.is_in_flight = true;
        Some(Request { ticket: Ticket { market, generation, segment }, day: walk.day, cursor: walk.cursor })
    }

    /// When the next request may be asked for at the earliest, where one waits; ms of [`Now::at`].
    #[must_use]
    pub fn next_request_at(&self) -> Option<u64> {
        let walks = self.broken.iter().filter_map(|id| {
            let repair = self.markets.get(id.0 as usize)?.repair.as_deref()?;
            repair.next_walk()
        });
        walks.filter(|walk| !walk.is_in_flight).map(|walk| walk.ready_at).min()
    }

    /// What came of a request. What may stand on the tape is appended to `out`.
    pub fn answer(&mut self, ticket: Ticket, answer: &Answer, now: Now, out: &mut Sequence) {
        let (most, id) = (self.config.pages, ticket.market);
        let Some(market) = self.markets.get_mut(id.0 as usize) else { return };
        let Some(repair) = market.repair.as_deref_mut().filter(|r| r.generation == ticket.generation) else {
            return;
        };
        let Some(walk) = repair.walk_at(ticket.segment) else { return };
        let walked = match answer {
            Answer::Page(trades) => {
                let asked = walk.clone();
                let walked = walk.page(trades.iter().filter(|trade| asked.admits(trade)), now);
                let is_short = walked.is_none() && walk.pages >= most;
                let walked = walked.or_else(|| is_short.then(|| Walked::Short(walk.lowest_ms())));
                let mut oldest_ms = i64::MAX;
                for trade in trades.iter().filter(|trade| asked.admits(trade)) {
                    let place = Place { ms: trade.traded_at_ms, id: trade.sequential_id };
                    if market.first.is_some_and(|first| place < first) || place.ms < asked.lower_ms() {
                        continue;
                    }
                    if market.seen.note(trade.sequential_id, trade.traded_at_ms).is_ok() {
                        oldest_ms = oldest_ms.min(trade.traded_at_ms);
                        repair.pool.push(Trade { flags: trade.flags.with(Flags::BACKFILLED), ..*trade });
                        self.held += 1;
                    }
                }
                repair.reach_back(ticket.segment, oldest_ms);
                walked
            }
            Answer::Failed { wait_ms } => {
                walk.failed(*wait_ms, now);
                None
            }
            Answer::Gone => Some(Walked::Short(walk.lowest_ms())),
        };
        if let Some(walked) = walked {
            repair.walked(ticket.segment, walked);
        }
        self.settle(id, now, out);
        self.relieve(now, out);
    }
}
