//! The feed's handler: frames to trades on the tape.
//!
//! Decodes each frame and appends a whole batch of frames at once. Says a gap on the tape whenever
//! a session was lost, marks trades that come in behind a later one of their market, and leaves out
//! the trade that a subscription repeats.
//!
//! Keeps: [one-way] [time-enters-once] [loss-is-said] [decode-is-total]

mod known;

use crate::{
    entry::{Entry, Gap, GapCause},
    feed::{Handler, SessionEvent, Verdict},
    market::{MarketId, Markets},
    status::Status,
    tape::{Tape, TapeError},
    trade::{Trade, Trades},
    upbit::{self, Event, Subscription, TradeEvent},
};
use known::Known;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tracing::{debug, error, info, warn};

/// Of bad frames that come close together, one in this many ms is logged.
const LOG_EVERY_MS: i64 = 1_000;

/// What the clockwork and the intake tell each other.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Whether a session is up: without one no time passes on the tape.
    pub(super) live: AtomicBool,
}

/// The feed's handler.
pub struct Intake {
    tape: Arc<Tape>,
    status: Status,
    wall_ms: fn() -> i64,
    subscription: Arc<Mutex<Subscription>>,
    pulse: Arc<Pulse>,
    ids: HashMap<Box<str>, MarketId>,
    names: Arc<Markets>,
    known: Known,
    pending: Vec<Trade>,
    columns: Trades,
    /// Since when nothing has come in, and why; said with the next that does.
    lost: Option<(i64, GapCause)>,
    refused: Option<Verdict>,
    logged_at_ms: i64,
}

impl Intake {
    /// Appends to `tape` what `subscription` asks for.
    #[must_use]
    pub fn new(tape: Arc<Tape>, status: Status, wall_ms: fn() -> i64, subscription: Subscription) -> Self {
        let subscription = Arc::new(Mutex::new(subscription));
        Self::shared(tape, status, wall_ms, subscription, Arc::default(), GapCause::Downtime)
    }

    /// `cause` says why nothing has come in since the tape's last entry, if it has one.
    pub(super) fn shared(
        tape: Arc<Tape>,
        status: Status,
        wall_ms: fn() -> i64,
        subscription: Arc<Mutex<Subscription>>,
        pulse: Arc<Pulse>,
        cause: GapCause,
    ) -> Self {
        let names = tape.markets();
        let lost = tape.newest_ms().map(|since_ms| (since_ms, cause));
        let known = Known::from_tape(&tape);
        Self {
            known,
            tape,
            status,
            wall_ms,
            subscription,
            pulse,
            ids: HashMap::new(),
            names,
            pending: Vec::new(),
            columns: Trades::default(),
            lost,
            refused: None,
            logged_at_ms: 0,
        }
    }

    fn trade(&mut self, event: &TradeEvent<'_>) {
        let market = match self.ids.get(&*event.code) {
            Some(&market) => market,
            None => match self.tape.intern(&event.code) {
                Ok(market) => {
                    self.ids.insert(event.code.as_ref().into(), market);
                    self.names = self.tape.markets();
                    market
                }
                Err(error) => {
                    self.status.intake().invalid.add("market", 1);
                    warn!(%error, code = %event.code, "a trade of a market that the tape does not take");
                    return;
                }
            },
        };
        match self.known.note(market, event.sequential_id, event.traded_at_ms, event.snapshot) {
            Some(flags) => self.pending.push(event.to_trade(market, flags)),
            None => self.status.intake().duplicates.add(1),
        }
    }

    fn append(&mut self) {
        let Some(since_ms) = self.pending.first().map(|trade| trade.received_at_ms) else { return };
        self.say_gap(since_ms);
        let offsets = match self.tape.append_trades(&self.pending) {
            Ok(offsets) => offsets,
            Err(TapeError::Degraded { offsets, source }) => {
                error!(error = %source, "the disk does not take the tape; it is kept in memory meanwhile");
                offsets
            }
            Err(error) => {
                // Only a bug of ours leads here: every market was interned.
                error!(%error, trades = self.pending.len(), "trades are lost, the tape refuses them");
                self.status.intake().invalid.add("tape", self.pending.len() as u64);
                self.pending.clear();
                return;
            }
        };
        for (offset, trade) in offsets.zip(&self.pending) {
            self.columns.push(offset, trade);
        }
        self.status.note_trades(&self.columns, &self.names);
        self.columns.clear();
        self.pending.clear();
    }

    /// [loss-is-said]
    fn say_gap(&mut self, to_ms: i64) {
        let Some((from_ms, cause)) = self.lost.take() else { return };
        let gap = Gap { from_ms, to_ms: to_ms.max(from_ms), cause, markets: Vec::new(), filled: false };
        self.status.intake().note_gap(&gap);
        let cause = cause.as_str();
        warn!(from_ms, to_ms, cause, "trades may have been missed while there was no session");
        if let Err(error) = self.tape.append(&Entry::Gap(gap)) {
            error!(%error, "the gap is not on disk");
        }
    }

    /// Whether a line may be logged about a bad frame now.
    fn may_log(&mut self, now_ms: i64) -> bool {
        let may = now_ms - self.logged_at_ms >= LOG_EVERY_MS;
        if may {
            self.logged_at_ms = now_ms;
        }
        may
    }

    fn lost(&mut self, cause: &'static str, detail: &str, last_ms: Option<i64>) {
        self.append();
        let now = (self.wall_ms)();
        self.pulse.live.store(false, Relaxed);
        self.status.feed().lost(now, cause, detail);
        if let Some(last_ms) = last_ms {
            self.lost.get_or_insert((last_ms, GapCause::SessionLost));
        }
    }
}

impl Handler for Intake {
    fn subscription(&mut self) -> String {
        self.subscription.lock().unwrap_or_else(PoisonError::into_inner).to_text()
    }

    fn frame(&mut self, received_at_ms: i64, payload: &[u8]) -> Verdict {
        let intake = self.status.intake();
        intake.frames.add(1);
        intake.frame_bytes.add(payload.len() as u64);
        self.status.feed().frame_at(received_at_ms);
        let mut verdict = Verdict::Continue;
        upbit::decode(payload, received_at_ms, &mut |event| match event {
            Event::Trade(trade) => self.trade(&trade),
            Event::Up => {}
            Event::Ignored { kind } => {
                self.status.intake().ignored.add(1);
                debug!(%kind, "a frame of another kind");
            }
            Event::Invalid { reason } => {
                self.status.intake().invalid.add(reason.as_str(), 1);
                if verdict == Verdict::Continue {
                    verdict = Verdict::Unreadable;
                }
                if self.may_log(received_at_ms) {
                    let head = String::from_utf8_lossy(payload.get(..200).unwrap_or(payload));
                    warn!(%reason, frame = %crate::status::clean(&head), "a frame is not a trade");
                }
            }
            Event::Error { name, message } => {
                let fatal = upbit::is_fatal_error(&name);
                verdict = Verdict::Refused { fatal };
                let (name, message) = (crate::status::clean(&name), crate::status::clean(&message));
                error!(name, message, fatal, "the venue refuses the subscription");
            }
        });
        if matches!(verdict, Verdict::Refused { .. }) {
            self.refused = Some(verdict);
        }
        verdict
    }

    fn batch_end(&mut self) -> Verdict {
        self.append();
        Verdict::Continue
    }

    fn session(&mut self, event: SessionEvent) {
        let now = (self.wall_ms)();
        let status = self.status.clone();
        let feed = status.feed();
        match event {
            SessionEvent::Waiting { wait, .. } => {
                let until = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                match self.refused.take() {
                    Some(_) => feed.refused(now, until, "the venue refuses the subscription"),
                    None => feed.waiting(now, until),
                }
                info!(wait_ms = wait.as_millis(), "the next connect waits");
            }
            SessionEvent::Connecting { attempt } => {
                feed.connecting(now);
                debug!(attempt, "connecting");
            }
            SessionEvent::Failed { attempt, error } => {
                warn!(attempt, %error, "no connection");
                self.lost(error.as_str(), &error.to_string(), None);
            }
            SessionEvent::Live { attempt } => {
                feed.live(now);
                self.pulse.live.store(true, Relaxed);
                self.say_gap(now);
                info!(attempt, "connected and subscribed");
            }
            SessionEvent::Pong { at_ms, .. } => feed.pong_at(at_ms),
            SessionEvent::Lost { cause, lived, last_frame_at_ms, .. } => {
                let last = last_frame_at_ms.unwrap_or(now);
                warn!(%cause, lived_s = lived.as_secs(), "the connection is lost");
                self.lost(cause.as_str(), &cause.to_string(), Some(last));
            }
            SessionEvent::Closed => {
                self.append();
                self.pulse.live.store(false, Relaxed);
                feed.ended(now);
            }
        }
    }
}
