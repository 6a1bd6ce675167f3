//! The spine: the splice and the tape behind it, shared by whoever brings something.
//!
//! Sessions bring trades, the fetcher pages, the clock its seconds. Each takes the lock for a batch,
//! and what the splice lets pass is on the tape before it is given back: there is no queue between
//! a socket and the tape.
//!
//! Keeps: [one-way] [loss-is-said] [time-enters-once]

mod board;
mod remember;
mod round;

use crate::{
    entry::{Entry, Fact, Gap, GapCause, Tick},
    market::{MarketId, Markets},
    splice::{Act, Answer, Counts, Link, Note, Now, Request, Sequence, Splice, SpliceConfig, Ticket},
    status::Status,
    tape::{Tape, TapeError},
    trade::{Trade, Trades},
};
use board::Board;
use remember::remember;
use round::Round;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use tracing::{debug, error, info, warn};

/// Reads the wall clock, ms since the Unix epoch.
pub type Wall = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The splice and the tape.
pub struct Spine {
    tape: Arc<Tape>,
    status: Status,
    wall_ms: Wall,
    started: Instant,
    inner: Mutex<Inner>,
    board: Mutex<Board>,
    /// Rung when there may be something to fetch.
    work: Notify,
    /// How each session is nudged.
    nudges: Mutex<HashMap<Link, Arc<Notify>>>,
}

struct Inner {
    splice: Splice,
    out: Sequence,
    columns: Trades,
    names: Arc<Markets>,
    told: Counts,
    demands: Vec<Act>,
    round: Round,
}

impl Spine {
    /// In front of `tape`, of which it remembers the end.
    #[must_use]
    pub fn new(tape: Arc<Tape>, status: Status, wall_ms: Wall, config: SpliceConfig) -> Self {
        let mut splice = Splice::new(config);
        remember(&tape, &mut splice);
        let inner = Inner {
            splice,
            out: Sequence::default(),
            columns: Trades::default(),
            names: tape.markets(),
            told: Counts::default(),
            demands: Vec::new(),
            round: Round::default(),
        };
        Self {
            tape,
            status,
            wall_ms,
            started: Instant::now(),
            inner: Mutex::new(inner),
            board: Mutex::default(),
            work: Notify::new(),
            nudges: Mutex::default(),
        }
    }

    /// What the running system knows of itself.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    pub(super) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The number of a market on the tape.
    pub(super) fn intern(&self, code: &str) -> Result<MarketId, TapeError> {
        self.tape.intern(code)
    }

    pub(super) fn wall(&self) -> Wall {
        Arc::clone(&self.wall_ms)
    }

    pub(super) fn wall_ms(&self) -> i64 {
        (self.wall_ms)()
    }

    /// How gaps are repaired from now on.
    pub(super) fn configure(&self, config: SpliceConfig) {
        self.lock().splice.configure(config);
    }

    /// The markets that are wanted, and which part of the sessions carries each.
    pub fn cover<'a>(&self, wanted: impl Iterator<Item = (&'a str, u16)>, cause: GapCause) {
        let wanted = wanted.filter_map(|(code, shard)| match self.intern(code) {
            Ok(market) => Some((market, shard)),
            Err(error) => {
                warn!(%error, code, "a market that the tape does not take is not watched for gaps");
                None
            }
        });
        let wanted: Vec<_> = wanted.collect();
        self.act(|inner, now| inner.splice.cover(&wanted, cause, now, &mut inner.out));
    }

    /// Trades of a session, in their order.
    pub(super) fn trades(&self, link: Link, batch: &[Trade]) {
        self.act(|inner, now| inner.splice.trades(link, batch, now, &mut inner.out));
    }

    /// A session was connected and has subscribed.
    pub(super) fn opened(&self, link: Link) {
        self.act(|inner, now| inner.splice.opened(link, now));
    }

    /// A session is over.
    pub(super) fn lost(&self, link: Link) {
        self.act(|inner, now| inner.splice.lost(link, now));
    }

    /// All sessions are over.
    pub(super) fn close(&self) {
        self.act(|inner, _| inner.splice.close(&mut inner.out));
    }

    /// A second passed. Writes it down, unless there is a market for which it has not.
    pub(super) fn second(&self) {
        self.act(|inner, now| inner.splice.tick(now, &mut inner.out));
        let mut inner = self.lock();
        let (left, held) = inner.splice.waiting();
        if left > 0 && inner.splice.is_live() {
            inner.round.progress(left, held);
        }
        if inner.splice.time_may_pass() {
            let tick = Tick { at_ms: self.wall_ms() };
            if let Err(error) = self.tape.append(&Entry::Tick(tick)) {
                warn!(%error, "a tick is not on disk");
            }
        }
    }

    /// Puts a fact on the tape.
    pub(super) fn fact(&self, fact: &Fact) {
        if let Err(error) = self.put_fact(fact) {
            warn!(%error, name = fact.name, "a fact is not on disk");
        }
    }

    /// The same for somebody who wants to know whether it is there.
    pub(super) fn put_fact(&self, fact: &Fact) -> Result<(), TapeError> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner).note(fact);
        self.tape.append(&Entry::Fact(fact.clone())).map(drop)
    }

    /// What is known, with the time since when.
    pub(super) fn facts(&self) -> Vec<Fact> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// Says again what is known: plugins that have just come have not been told.
    pub(super) fn tell_again(&self) {
        let known = self.board.lock().unwrap_or_else(PoisonError::into_inner).again(self.wall_ms());
        for fact in known {
            if let Err(error) = self.tape.append(&Entry::Fact(fact.clone())) {
                warn!(%error, name = fact.name, "a fact is not on disk");
            }
        }
    }

    /// The next page that is to be fetched, with the code of its market.
    pub(super) fn request(&self) -> Option<(Request, Arc<str>)> {
        let now = self.now();
        let mut inner = self.lock();
        let request = inner.splice.request(now)?;
        let code = inner.names.code(request.ticket.market).cloned();
        drop(inner);
        let code = code.or_else(|| self.tape.markets().code(request.ticket.market).cloned());
        code.map(|code| (request, code))
    }

    /// When there may be a page to fetch, if one waits.
    pub(super) fn next_request_at(&self) -> Option<Instant> {
        let at = self.lock().splice.next_request_at()?;
        Some(self.started + Duration::from_millis(at))
    }

    /// What came of a request.
    pub(super) fn answer(&self, ticket: Ticket, answer: &Answer) {
        self.act(|inner, now| inner.splice.answer(ticket, answer, now, &mut inner.out));
    }

    /// Waits until there may be something to fetch.
    pub(super) async fn work(&self) {
        self.work.notified().await;
    }

    /// How many markets are being repaired, and how many trades wait for that.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.lock().splice.waiting()
    }

    /// Whether any session is up.
    pub(super) fn is_live(&self) -> bool {
        self.lock().splice.is_live()
    }

    /// Whether another session that is up carries the same markets.
    pub(super) fn is_backed(&self, link: Link) -> bool {
        self.lock().splice.is_backed(link)
    }

    /// Whether of the sessions that carry the same markets this is the first that is up.
    pub(super) fn leads(&self, link: Link) -> bool {
        self.lock().splice.leads(link)
    }

    /// From now on `nudge` rings when the session is to do something.
    pub(super) fn listen(&self, link: Link, nudge: Arc<Notify>) {
        self.nudges.lock().unwrap_or_else(PoisonError::into_inner).insert(link, nudge);
    }

    /// What the session is to do, if anything.
    pub(super) fn demand(&self, link: Link) -> Option<Act> {
        let mut inner = self.lock();
        let is_its = |act: &Act| matches!(act, Act::Resubscribe(of) | Act::Reconnect(of) if *of == link);
        let at = inner.demands.iter().position(is_its)?;
        Some(inner.demands.remove(at))
    }

    /// Every session asks for its markets again.
    pub(super) fn resubscribe(&self) {
        let nudges = self.nudges.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inner = self.lock();
        for (&link, nudge) in &*nudges {
            if !inner.demands.contains(&Act::Resubscribe(link)) {
                inner.demands.push(Act::Resubscribe(link));
            }
            nudge.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        let at = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { at, wall_ms: self.wall_ms() }
    }

    /// Does something with the splice, and all that follows from it.
    fn act(&self, what: impl FnOnce(&mut Inner, Now)) {
        let now = self.now();
        let mut inner = self.lock();
        what(&mut inner, now);
        self.flush(&mut inner);
        let acts = inner.splice.take_acts();
        let wants = inner.splice.next_request_at().is_some();
        if acts.is_empty() && !wants {
            return;
        }
        for act in &acts {
            let (Act::Resubscribe(link) | Act::Reconnect(link)) = act;
            warn!(
                shard = link.shard,
                replica = link.replica,
                ?act,
                "a session delivers less than its rhythm"
            );
        }
        let links: Vec<Link> = acts
            .iter()
            .map(|act| match act {
                Act::Resubscribe(link) | Act::Reconnect(link) => *link,
            })
            .collect();
        inner.demands.extend(acts);
        drop(inner);
        let nudges = self.nudges.lock().unwrap_or_else(PoisonError::into_inner);
        links.iter().filter_map(|link| nudges.get(link)).for_each(|nudge| nudge.notify_one());
        if wants {
            self.work.notify_one();
        }
    }

    /// What may stand on the tape now does.
    fn flush(&self, inner: &mut Inner) {
        if !inner.out.is_empty() {
            let out = std::mem::take(&mut inner.out);
            let mut from = 0;
            for (at, gap) in &out.gaps {
                self.append(inner, out.trades.get(from..*at).unwrap_or_default());
                self.say(gap);
                from = *at;
            }
            self.append(inner, out.trades.get(from..).unwrap_or_default());
            inner.out = out;
            inner.out.clear();
        }
        let counts = inner.splice.counts();
        if counts != inner.told {
            self.count(&counts);
            inner.told = counts;
        }
        let (markets, trades) = inner.splice.waiting();
        self.status.intake().splice.waiting(markets, trades);
        for note in inner.splice.take_notes() {
            self.note(&note, &mut inner.round);
        }
        if markets == 0 {
            inner.round.say();
        }
    }

    fn count(&self, counts: &Counts) {
        let intake = self.status.intake();
        intake.duplicates.set(counts.duplicates);
        intake.backfilled.set(counts.backfilled);
        intake.splice.probes.set(counts.probes);
        intake.splice.unanswered.set(counts.unanswered);
        intake.splice.stale.set(counts.stale_found);
        intake.splice.holes.set(counts.holes);
        intake.splice.forgotten.set(counts.forgotten);
        intake.splice.left_out.set(counts.left_out);
    }

    fn append(&self, inner: &mut Inner, trades: &[Trade]) {
        if trades.is_empty() {
            return;
        }
        let offsets = match self.tape.append_trades(trades) {
            Ok(offsets) => offsets,
            Err(TapeError::Degraded { offsets, source }) => {
                error!(error = %source, "the disk does not take the tape; it is kept in memory meanwhile");
                offsets
            }
            Err(error) => {
                // Only a bug of ours leads here: every market was interned.
                error!(%error, trades = trades.len(), "trades are lost, the tape refuses them");
                self.status.intake().invalid.add("tape", trades.len() as u64);
                return;
            }
        };
        inner.columns.clear();
        for (offset, trade) in offsets.zip(trades) {
            inner.columns.push(offset, trade);
        }
        if trades.iter().any(|trade| trade.market.0 as usize >= inner.names.len()) {
            inner.names = self.tape.markets();
        }
        self.status.note_trades(&inner.columns, &inner.names);
    }

    /// [loss-is-said]
    fn say(&self, gap: &Gap) {
        self.status.intake().note_gap(gap);
        if let Err(error) = self.tape.append(&Entry::Gap(gap.clone())) {
            error!(%error, "the gap is not on disk");
        }
    }

    fn note(&self, note: &Note, round: &mut Round) {
        let code = |market: &MarketId| {
            let code = self.tape.with_markets(|markets| markets.code(*market).cloned());
            code.unwrap_or_else(|| "?".into())
        };
        match note {
            Note::Closed { market, cause, from_ms, to_ms, fetched, filled, waited_ms } => {
                let market = code(market);
                debug!(%market, cause = cause.as_str(), from_ms, to_ms, fetched, filled, waited_ms, "a gap ends");
                round.closed(market, *fetched, *filled, to_ms.saturating_sub(*from_ms), *waited_ms);
            }
            Note::Stale { market, since_ms } => {
                warn!(market = %code(market), since_ms, "the session had stopped delivering this market");
            }
            Note::Overflow { market } => {
                warn!(market = %code(market), "no more trades may wait for the repair of this market");
            }
            Note::Mute { market } => {
                warn!(market = %code(market), "the venue no longer answers for this market: halted or delisted?");
            }
            Note::Numbering { market } => {
                info!(market = %code(market), "ids of this market have holes of their own; they are ignored");
            }
        }
    }
}
