//! The splice: one gap-free, duplicate-free sequence of trades out of sockets and REST.
//!
//! Owns the memory of which trades have been seen and what is missing. It is told what happened
//! (a session opened or was lost, trades came, a page was fetched, a second passed) and says what
//! stands next on the tape, what is to be fetched, and which session is to be asked again. Pure:
//! it reads no clock, opens no socket, and knows neither how a frame arrives nor who reads the tape.
//!
//! Sequential ids are unique per market but not ordered (recorded on 2021-04-17: a filter on
//! "greater than the last" would have lost a quarter of the trades), so it remembers ids. Where no
//! session covered a market for a while, that market's trades wait here until what was missed has
//! been fetched; the others flow on. What cannot be had is said as a gap that is not filled.
//!
//! Keeps: [one-way] [bounded] [loss-is-said] [time-enters-once]

mod market;
mod notes;
mod page;
mod release;
mod repair;
mod rhythm;
mod seen;
#[cfg(test)]
mod tests;
mod units;
mod walk;
mod watch;

pub use notes::{Act, Counts, Note};
pub use page::{Answer, Request, Ticket};
pub use release::Sequence;
pub(crate) use seen::Seen;

use crate::{
    entry::GapCause,
    market::MarketId,
    trade::{Flags, Trade},
};
use market::Market;
use repair::Repair;
use std::time::Duration;
use watch::Watch;

/// What is done with live trades of a market that is being repaired when no more may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The repair ends: what it has is handed on, what it has not is a gap that is not filled.
    #[default]
    Release,
    /// The newest are left out, and fetched when the repair is over: nothing is lost, but the market
    /// stays behind for longer.
    Refetch,
}

/// How gaps are repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpliceConfig {
    /// Whether missed trades can be fetched at all.
    pub backfill: bool,
    /// How long trades of one market may wait for its repair.
    pub deadline: Duration,
    /// Most pages that the repair of one gap of one market may take.
    pub pages: u32,
    /// Most trades that wait, of all markets together.
    pub hold: usize,
    /// What happens beyond.
    pub when_full: WhenFull,
    /// After how much silence a session, or a market in it, is asked whether it still delivers; a
    /// thinner rhythm makes it longer.
    pub stale_after: Duration,
}

impl Default for SpliceConfig {
    fn default() -> Self {
        Self {
            backfill: true,
            deadline: Duration::from_secs(300),
            pages: 2_000,
            // Some 16 MiB; a minute of the busiest minutes that were measured.
            hold: 100_000,
            when_full: WhenFull::Release,
            stale_after: Duration::from_secs(60),
        }
    }
}

/// The two clocks at one moment, as the caller read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, ms from any beginning. Deadlines run on it.
    pub at: u64,
    /// ms since the Unix epoch. It is only written down.
    pub wall_ms: i64,
}

/// One of the sessions: a socket that is replaced whenever it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// Which part of the markets it carries.
    pub shard: u16,
    /// Which of the sessions of that part it is.
    pub replica: u16,
}

/// How far the venue's own order may be off: a sweep of several fills was recorded up to 0.39 s
/// behind trades with a later stamp, and frames take up to 0.5 s. Trades this close to a loss are
/// fetched again, whether they seem complete or not.
const MARGIN_MS: i64 = 2_000;

/// The memory of what was seen, and the repairs.
#[derive(Debug)]
pub struct Splice {
    config: SpliceConfig,
    markets: Vec<Market>,
    shards: Vec<Shard>,
    watch: Watch,
    /// Markets with a repair.
    broken: Vec<MarketId>,
    /// Trades in all pools.
    held: usize,
    counts: Counts,
    notes: Vec<Note>,
    acts: Vec<Act>,
    generation: u64,
}

/// A part of the markets, carried by one or two sessions.
#[derive(Clone, Debug, Default)]
struct Shard {
    live: Vec<u16>,
    /// The newest stamp of the venue that came over it.
    heard_ms: Option<i64>,
}

impl Splice {
    /// A splice that has seen nothing and covers nothing.
    #[must_use]
    pub fn new(config: SpliceConfig) -> Self {
        Self {
            config,
            markets: Vec::new(),
            shards: Vec::new(),
            watch: Watch::default(),
            broken: Vec::new(),
            held: 0,
            counts: Counts::default(),
            notes: Vec::new(),
            acts: Vec::new(),
            generation: 0,
        }
    }

    /// How gaps are repaired from now on.
    pub fn configure(&mut self, config: SpliceConfig) {
        self.config = config;
    }

    /// Remembers a trade that stands on the tape already.
    pub fn remember(&mut self, market: MarketId, sequential_id: u64, traded_at_ms: i64) {
        self.market(market).remember(sequential_id, traded_at_ms);
    }

    /// Of `market`, trades up to this stamp may stand on the tape without being remembered.
    pub fn forget_before(&mut self, market: MarketId, traded_at_ms: i64) {
        self.market(market).seen.forget_before(traded_at_ms);
    }

    /// The markets that are wanted, and in which part. Markets that are new here and of which
    /// something is known have a gap, for `cause`, from the last that was heard of any market. What
    /// waits for those that are no longer wanted is appended to `out`.
    pub fn cover(&mut self, wanted: &[(MarketId, u16)], cause: GapCause, now: Now, out: &mut Sequence) {
        let heard_ms = self.markets.iter().filter_map(Market::known_until_ms).max();
        let mut covered = vec![None; self.markets.len()];
        for &(market, shard) in wanted {
            self.market(market);
            self.shard(shard);
            covered.resize(self.markets.len(), None);
            if let Some(place) = covered.get_mut(market.0 as usize) {
                *place = Some(shard);
            }
        }
        for (index, shard) in covered.into_iter().enumerate() {
            let id = MarketId(u32::try_from(index).unwrap_or(u32::MAX));
            let Some(market) = self.markets.get_mut(index) else { continue };
            let before = std::mem::replace(&mut market.shard, shard);
            match (before, shard) {
                (None, Some(_)) => {
                    let from_ms = market.known_until_ms().and(heard_ms);
                    if let Some(from_ms) = from_ms {
                        self.break_market(id, cause, from_ms - MARGIN_MS, now);
                        self.cover_repair(id, now);
                    }
                }
                (Some(_), None) => self.retire(id, now, out),
                _ => {}
            }
        }
        let shards = wanted.iter().map(|&(_, shard)| usize::from(shard) + 1).max().unwrap_or(0);
        while self.shards.len() > shards && self.shards.last().is_some_and(|shard| shard.live.is_empty()) {
            self.shards.pop();
        }
    }

    /// A session was connected and has asked for its markets.
    pub fn opened(&mut self, link: Link, now: Now) {
        let shard = self.shard(link.shard);
        if !shard.live.contains(&link.replica) {
            shard.live.push(link.replica);
        }
        self.watch.opened(link, now);
        for id in self.broken.clone() {
            if self.markets.get(id.0 as usize).is_some_and(|market| market.shard == Some(link.shard)) {
                self.cover_repair(id, now);
            }
        }
    }

    /// A session is over. Where no other covers its markets, a gap begins.
    pub fn lost(&mut self, link: Link, now: Now) {
        self.watch.lost(link);
        let shard = self.shard(link.shard);
        let was_live = shard.live.contains(&link.replica);
        shard.live.retain(|&replica| replica != link.replica);
        // What was on its way when another opened came over neither, if that was a moment ago.
        let (others, heard_ms) = (shard.live.clone(), shard.heard_ms);
        let heard_ms = self.watch.heard_ms(link).or(heard_ms);
        let mut others = others.into_iter().map(|replica| Link { replica, ..link });
        if !was_live || others.any(|other| self.watch.is_steady(other, link, now)) {
            return;
        }
        let covered = |(index, market): (usize, &Market)| {
            (market.shard == Some(link.shard)).then(|| MarketId(u32::try_from(index).unwrap_or(u32::MAX)))
        };
        let covered: Vec<MarketId> = self.markets.iter().enumerate().filter_map(covered).collect();
        for id in covered {
            if let Some(market) = self.markets.get_mut(id.0 as usize) {
                market.rhythm.interrupted();
            }
            let known = self.markets.get(id.0 as usize).and_then(Market::known_until_ms);
            if let Some(from_ms) = heard_ms.or(known) {
                self.break_market(id, GapCause::SessionLost, from_ms - MARGIN_MS, now);
                self.cover_repair(id, now);
            }
        }
    }

    /// All sessions are over, and the process may be. The next one begins behind the last trade that
    /// is on the tape: of a market that has newer ones there than its gap begins, it would not know.
    pub fn close(&mut self, out: &mut Sequence) {
        for id in self.broken.clone() {
            let Some(market) = self.markets.get(id.0 as usize) else { continue };
            let Some((newest, repair)) = market.newest.zip(market.repair.as_deref()) else { continue };
            if let Some(gap) = repair.forgotten(id, newest.ms) {
                self.counts.unfilled += 1;
                out.gap(gap);
            }
        }
    }

    /// Trades that came over a session, in their order. What may stand on the tape is appended to
    /// `out`.
    pub fn trades(&mut self, link: Link, batch: &[Trade], now: Now, out: &mut Sequence) {
        let Some(newest_ms) = batch.iter().map(|trade| trade.traded_at_ms).max() else { return };
        if let Some(shard) = self.shards.get_mut(usize::from(link.shard)) {
            shard.heard_ms = shard.heard_ms.max(Some(newest_ms));
        }
        self.watch.heard(link, newest_ms, now);
        for trade in batch {
            let Some(market) = self.markets.get_mut(trade.market.0 as usize) else {
                self.market(trade.market);
                self.special(link, trade, now, out);
                continue;
            };
            if market.repair.is_some() || trade.flags.has(Flags::SNAPSHOT) {
                self.special(link, trade, now, out);
            } else {
                match market.accept(trade.sequential_id, trade.traded_at_ms, now) {
                    Ok(flags) => out.trades.push(Trade { flags: trade.flags.with(flags), ..*trade }),
                    Err(reason) => self.counts.refuse(reason),
                }
            }
        }
    }

    /// A snapshot, or any trade of a market that is being repaired.
    fn special(&mut self, link: Link, trade: &Trade, now: Now, out: &mut Sequence) {
        let snapshot = trade.flags.has(Flags::SNAPSHOT);
        if snapshot {
            self.watch.answered(link, trade.market);
        }
        let alone = self.shards.get(usize::from(link.shard)).is_none_or(|shard| shard.live.len() < 2);
        let Some(market) = self.markets.get_mut(trade.market.0 as usize) else { return };
        let is_known = market.seen.knows(trade.sequential_id, trade.traded_at_ms);
        if let Some(repair) = &mut market.repair {
            match (is_known, snapshot) {
                (true, false) => repair.dispel(trade, link),
                (false, true) => repair.surprise(trade, link, now),
                _ => {}
            }
            return self.sighted(trade, is_known, now, out);
        }
        if is_known {
            market.is_quiet(snapshot);
            self.counts.duplicates += 1;
            return;
        }
        // A session that loses nothing repeats what it has sent: a snapshot that nobody saw before
        // says that something was not delivered, unless another session is just behind.
        if let Some(known_ms) = market.known_until_ms().filter(|_| snapshot && market.shard.is_some()) {
            return self.surprised(link, trade, alone, known_ms, now, out);
        }
        if let Ok(flags) = market.accept(trade.sequential_id, trade.traded_at_ms, now) {
            out.trades.push(Trade { flags: trade.flags.with(flags), ..*trade });
        }
    }

    /// A session shows a last trade that was not delivered.
    fn surprised(
        &mut self,
        link: Link,
        trade: &Trade,
        alone: bool,
        known_ms: i64,
        now: Now,
        out: &mut Sequence,
    ) {
        let from_ms = known_ms - MARGIN_MS;
        if alone {
            self.counts.stale_found += 1;
            self.notes.push(Note::Stale { market: trade.market, since_ms: known_ms });
            self.watch.found(link);
            self.break_market(trade.market, GapCause::Stale, from_ms, now);
            self.cover_repair(trade.market, now);
        } else if let Some(market) = self.markets.get_mut(trade.market.0 as usize) {
            self.generation += 1;
            let mut repair = Repair::new(self.generation, GapCause::Stale, from_ms, Some(known_ms), now);
            repair.doubt(trade, link, now);
            market.repair = Some(Box::new(repair));
            self.broken.push(trade.market);
            self.cover_repair(trade.market, now);
        }
        self.sighted(trade, false, now, out);
    }

    /// A trade of a market that is being repaired: it waits, and may say where the gap ends.
    fn sighted(&mut self, trade: &Trade, is_known: bool, now: Now, out: &mut Sequence) {
        let backfill = self.config.backfill;
        let full = self.held >= self.config.hold;
        let Some(market) = self.markets.get_mut(trade.market.0 as usize) else { return };
        let is_last = market.is_last(trade.sequential_id, trade.traded_at_ms);
        let newest = market.newest;
        let Some(repair) = &mut market.repair else { return };
        // Once one was left out, the later ones are: in the order they are fetched.
        let full = full || repair.left_out.is_some();
        if full && !is_known && self.config.when_full == WhenFull::Refetch {
            if repair.leave_out(trade) {
                self.notes.push(Note::Overflow { market: trade.market });
            }
            self.counts.left_out += 1;
            return;
        }
        repair.sight(trade, is_known, is_last, newest, backfill, now);
        if is_known {
            self.counts.duplicates += 1;
        } else {
            market.seen.insert(trade.sequential_id, trade.traded_at_ms);
            market.rhythm.beat(now.at);
            if let Some(repair) = &mut market.repair {
                repair.pool.push(*trade);
            }
            self.held += 1;
        }
        self.settle(trade.market, now, out);
        if self.held > self.config.hold {
            self.relieve(now, out);
        }
    }

    /// A second passed, about: what became too late is ended, what is overdue is asked for.
    pub fn tick(&mut self, now: Now, out: &mut Sequence) {
        for id in self.broken.clone() {
            let backfill = self.config.backfill;
            let Some(market) = self.markets.get_mut(id.0 as usize) else { continue };
            let newest = market.newest;
            let Some(repair) = market.repair.as_mut().filter(|repair| !repair.is_idle()) else { continue };
            if repair.overdue(newest, backfill, now) {
                let since_ms = newest.map_or(0, |newest| newest.ms);
                (self.counts.stale_found, self.counts.gaps) =
                    (self.counts.stale_found + 1, self.counts.gaps + 1);
                self.notes.push(Note::Stale { market: id, since_ms });
            }
            if repair.is_late(now) {
                self.counts.deadlines += 1;
                self.give_up(id, now, out);
            } else {
                self.settle(id, now, out);
            }
        }
        self.look_for_holes(now, out);
        self.look_for_silence(now);
    }

    /// Whether the clock may move on for every market: a market that waits for its repair must not
    /// be told that time has passed which its trades have not.
    #[must_use]
    pub fn time_may_pass(&self) -> bool {
        let is_covered = !self.shards.is_empty() && self.shards.iter().all(|s| !s.live.is_empty());
        is_covered && self.under_repair() == 0
    }

    /// Whether any session is up.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.shards.iter().any(|shard| !shard.live.is_empty())
    }

    /// Whether another session that is up carries the same markets.
    #[must_use]
    pub fn is_backed(&self, link: Link) -> bool {
        let shard = self.shards.get(usize::from(link.shard));
        shard.is_some_and(|shard| shard.live.iter().any(|&replica| replica != link.replica))
    }

    /// Whether of the sessions that carry the same markets this is the first that is up.
    #[must_use]
    pub fn leads(&self, link: Link) -> bool {
        let shard = self.shards.get(usize::from(link.shard));
        !shard.is_some_and(|shard| shard.live.iter().any(|&replica| replica < link.replica))
    }

    /// What is being repaired: how many markets, and how many trades wait.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.under_repair(), self.held)
    }

    fn under_repair(&self) -> usize {
        let repair = |id: &MarketId| self.markets.get(id.0 as usize)?.repair.as_deref();
        self.broken.iter().filter_map(repair).filter(|repair| !repair.is_idle()).count()
    }

    /// Numbers that only grow.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What a person may want to know, since this was last asked.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// What sessions are to do, since this was last asked.
    pub fn take_acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }

    fn break_market(&mut self, id: MarketId, cause: GapCause, from_ms: i64, now: Now) {
        self.generation += 1;
        let generation = self.generation;
        let Some(market) = self.markets.get_mut(id.0 as usize) else { return };
        match &mut market.repair {
            Some(repair) => repair.again(cause, from_ms),
            None => {
                let repair = Repair::new(generation, cause, from_ms, market.known_until_ms(), now);
                market.repair = Some(Box::new(repair));
                self.broken.push(id);
                self.counts.gaps += 1;
            }
        }
    }

    /// Sets the times of a repair running, if a session carries its market.
    fn cover_repair(&mut self, id: MarketId, now: Now) {
        let deadline = now.at + millis(self.config.deadline);
        let Some(market) = self.markets.get_mut(id.0 as usize) else { return };
        let shard = market.shard.and_then(|shard| self.shards.get(usize::from(shard)));
        if let Some(repair) = &mut market.repair
            && shard.is_some_and(|shard| !shard.live.is_empty())
        {
            repair.covered(now, deadline);
        }
    }

    /// A market that is no longer wanted: what waits for it goes on as it is.
    fn retire(&mut self, id: MarketId, now: Now, out: &mut Sequence) {
        // What could not wait either leaves a repair of its own behind.
        while let Some(repair) = self.repair(id) {
            if repair.is_idle() {
                self.broken.retain(|&broken| broken != id);
                if let Some(market) = self.markets.get_mut(id.0 as usize) {
                    market.repair = None;
                }
                return;
            }
            repair.is_covered = true;
            self.give_up(id, now, out);
        }
    }

    fn market(&mut self, id: MarketId) -> &mut Market {
        let at = id.0 as usize;
        if self.markets.len() <= at {
            self.markets.resize_with(at + 1, Market::default);
        }
        &mut self.markets[at]
    }

    fn shard(&mut self, shard: u16) -> &mut Shard {
        let at = usize::from(shard);
        if self.shards.len() <= at {
            self.shards.resize_with(at + 1, Shard::default);
        }
        &mut self.shards[at]
    }

    fn repair(&mut self, id: MarketId) -> Option<&mut Repair> {
        self.markets.get_mut(id.0 as usize)?.repair.as_deref_mut()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
