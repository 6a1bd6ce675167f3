//! What the splice says besides trades: to people, to sessions, to counters.

use super::{Link, seen::Refused};
use crate::{entry::GapCause, market::MarketId};

/// Something that a person may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A gap of one market is closed.
    Closed {
        /// Which market.
        market: MarketId,
        /// Why there was one.
        cause: GapCause,
        /// From when, ms since the Unix epoch by the venue's clock.
        from_ms: i64,
        /// Until when.
        to_ms: i64,
        /// How many trades were fetched for it.
        fetched: usize,
        /// Whether everything was recovered.
        filled: bool,
        /// How long the market's live trades waited, ms.
        waited_ms: u64,
    },
    /// A session that answered pings had not delivered trades of this market.
    Stale {
        /// Which market.
        market: MarketId,
        /// The last trade that was delivered.
        since_ms: i64,
    },
    /// No more trades may wait; those of this market are left out and fetched later.
    Overflow {
        /// Which market.
        market: MarketId,
    },
    /// The venue no longer answers for this market: it is delisted or halted, or its name is wrong.
    Mute {
        /// Which market.
        market: MarketId,
    },
    /// Ids of this market do not count without holes: it is no longer looked for holes.
    Numbering {
        /// Which market.
        market: MarketId,
    },
}

/// Something that a session is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ask again for its markets: the snapshots tell whether anything was missed.
    Resubscribe(Link),
    /// Be replaced: it answers pings and nothing else.
    Reconnect(Link),
}

/// Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Trades that had been seen before.
    pub duplicates: u64,
    /// Trades that were older than anything remembered.
    pub forgotten: u64,
    /// Gaps that were opened, each of one market.
    pub gaps: u64,
    /// Gaps that were closed with everything recovered.
    pub filled: u64,
    /// Gaps that were closed with something missing.
    pub unfilled: u64,
    /// Trades that were fetched.
    pub backfilled: u64,
    /// Live trades that were left out because no more could wait, to be fetched later.
    pub left_out: u64,
    /// Repairs that ended at their deadline.
    pub deadlines: u64,
    /// Holes in the numbering.
    pub holes: u64,
    /// Questions whether a session still delivers.
    pub probes: u64,
    /// Markets of which it turned out that trades had not been delivered.
    pub stale_found: u64,
    /// Questions that got no answer.
    pub unanswered: u64,
}

impl Counts {
    pub(super) fn refuse(&mut self, reason: Refused) {
        match reason {
            Refused::Duplicate => self.duplicates += 1,
            Refused::Forgotten => self.forgotten += 1,
        }
    }
}
