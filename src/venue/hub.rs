//! The hub: what all sessions and requests of one stand-in share.
//!
//! Owns the synthetic market, its clock, the fault board and the limits. The wall clock is read
//! once, at the start; from then on time is tokio's, so that a paused runtime drives the whole
//! venue. It sleeps until something is due, so that a quiet hour costs nothing.
//!
//! Keeps: [bounded]

use super::{
    fault::{Fault, Faults, Planned},
    limit::{Group, Limits, TooMany},
    request::Subscription,
    streams::{self, Spelled},
    synth::{Query, Synth, VenueTrade},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};

/// Batches a session may fall behind before it is dropped.
const BATCHES: usize = 1_024;
/// Matched trades are handed out at whole multiples of this after the start, in ms.
const BEAT_MS: i64 = 10;
/// How often a halted market is looked at, in ms.
const HALT_CHECK_MS: i64 = 1_000;
/// The longest sleep while nothing is due; a change of the market ends it early.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

/// The trades of one beat, in the order of arrival.
pub(super) type Batch = Arc<[VenueTrade]>;

/// What sessions and requests are served by.
pub(super) struct Hub {
    synth: Mutex<Synth>,
    trades: broadcast::Sender<Batch>,
    changed: Notify,
    start_ms: i64,
    started: Instant,
    limits: Option<Limits>,
    pub(super) faults: Faults,
    pub(super) seed: u64,
    pub(super) firehose: Option<u64>,
    pub(super) queue: usize,
}

/// How a hub is made, beside its market.
pub(super) struct HubOptions {
    pub(super) start_ms: i64,
    pub(super) limited: bool,
    pub(super) seed: u64,
    pub(super) firehose: Option<u64>,
    pub(super) queue: usize,
}

/// The past of one session's markets and their future from that moment on.
pub(super) struct Joined {
    /// The snapshots of everything asked for that has one, in that order.
    pub(super) snapshots: Vec<Spelled>,
    /// What was handed out before and had not been read yet.
    pub(super) before: Vec<Batch>,
}

impl Hub {
    pub(super) fn new(synth: Synth, options: &HubOptions) -> Self {
        Self {
            synth: Mutex::new(synth),
            trades: broadcast::Sender::new(BATCHES),
            changed: Notify::new(),
            start_ms: options.start_ms,
            started: Instant::now(),
            limits: options.limited.then(Limits::default),
            faults: Faults::default(),
            seed: options.seed,
            firehose: options.firehose,
            queue: options.queue,
        }
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.start_ms + i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
    }

    /// Lets the market trade, for ever.
    pub(super) async fn beat(&self) {
        loop {
            let due_ms = self.hand_out();
            let from_start_ms = due_ms.saturating_sub(self.start_ms).max(0);
            let on_the_beat = from_start_ms.saturating_add(BEAT_MS - 1) / BEAT_MS * BEAT_MS;
            let after = Duration::from_millis(on_the_beat.unsigned_abs());
            let at = self.started.checked_add(after).unwrap_or_else(|| Instant::now() + LONGEST_SLEEP);
            let at = at.min(Instant::now() + LONGEST_SLEEP);
            tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Hands out what has arrived; when the next trade may be due.
    fn hand_out(&self) -> i64 {
        let now_ms = self.now_ms();
        let mut synth = self.synth();
        let halting = self.faults.is_halting();
        let halts = |code: &str| self.faults.halts(code);
        let arrived = synth.advance_with(now_ms, if halting { Some(&halts) } else { None });
        if !arrived.is_empty() {
            // Sent under the lock, so that joining sees each trade as past or as future.
            // Nobody need be listening.
            let _ = self.trades.send(arrived.into());
        }
        let due_ms = synth.next_due_ms().max(now_ms + 1);
        // Nobody says when a halt is over.
        if halting { due_ms.min(now_ms + HALT_CHECK_MS) } else { due_ms }
    }

    /// Sets a fault, or changes the market.
    pub(super) fn set(&self, planned: Planned) {
        match &planned.fault {
            Fault::List { code } => {
                self.hand_out();
                // A code that is none is not listed; what names it is a test's or a person's slip.
                let _ = self.synth().list(code, self.now_ms());
            }
            Fault::Delist { code } => {
                self.hand_out();
                self.synth().delist(code);
            }
            Fault::Warn { code, on } => self.synth().warn(code, *on),
            Fault::Halt | Fault::Clear => {
                self.hand_out();
                self.faults.set(planned);
            }
            _ => self.faults.set(planned),
        }
        self.changed.notify_one();
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Batch> {
        self.trades.subscribe()
    }

    /// Takes the past of what is subscribed and empties `future` of it, in one moment.
    ///
    /// # Errors
    /// When `future` fell too far behind.
    pub(super) fn join(
        &self,
        session: u64,
        subscription: &Subscription,
        future: &mut broadcast::Receiver<Batch>,
    ) -> Result<Joined, super::socket::Overflow> {
        let now_ms = self.now_ms();
        let market = self.synth();
        let mut before = Vec::new();
        loop {
            match future.try_recv() {
                Ok(batch) => before.push(batch),
                Err(broadcast::error::TryRecvError::Lagged(_)) => return Err(super::socket::Overflow),
                Err(_) => break,
            }
        }
        let simple = subscription.format.is_simple();
        let back = |code: &str| self.faults.snapshot(session, code);
        let snapshots = subscription.streams.iter();
        let snapshots =
            snapshots.flat_map(|s| streams::snapshots(&market, (s, simple), now_ms, back)).collect();
        Ok(Joined { snapshots, before })
    }

    /// When the venue's clock shows a time.
    pub(super) fn at(&self, ms: i64) -> Instant {
        self.started + Duration::from_millis(ms.saturating_sub(self.start_ms).max(0).unsigned_abs())
    }

    /// Looks at the market.
    pub(super) fn with_market<T>(&self, look: impl FnOnce(&Synth) -> T) -> T {
        look(&self.synth())
    }

    /// Retained trades of a market, newest first; `None` when there is no such market.
    pub(super) fn page(&self, code: &str, query: Query) -> Option<Vec<VenueTrade>> {
        self.with_market(|synth| Some(synth.ticks(code, query)?.into_iter().cloned().collect()))
    }

    /// Counts a request against its group; how many are left.
    pub(super) fn take(&self, group: Group) -> Result<u32, TooMany> {
        self.limits.as_ref().map_or(Ok(9), |limits| limits.take(group))
    }

    pub(super) const fn is_limited(&self) -> bool {
        self.limits.is_some()
    }

    /// The next of the moments, 10 s apart, at which `{"status":"UP"}` is sent.
    pub(super) fn next_up(&self) -> Instant {
        const EVERY: Duration = Duration::from_secs(10);
        let beats = self.started.elapsed().as_secs() / EVERY.as_secs() + 1;
        self.started + EVERY * u32::try_from(beats).unwrap_or(u32::MAX)
    }

    fn synth(&self) -> MutexGuard<'_, Synth> {
        self.synth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
