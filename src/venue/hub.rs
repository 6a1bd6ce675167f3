//! The hub: what all sessions and requests of one stand-in share.
//!
//! Owns the synthetic market, its clock, the fault board and the limits. The wall clock is read
//! once, at the start; from then on time is tokio's, so that a paused runtime drives the whole
//! venue.
//!
//! Keeps: [bounded]

use super::{
    fault::Faults,
    limit::{Group, Limits},
    synth::{Query, Synth, VenueTrade},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast, time::Instant};

/// Batches a session may fall behind before it is dropped.
const BATCHES: usize = 1_024;
/// How often matched trades are handed out.
const BEAT: Duration = Duration::from_millis(10);

/// The trades of one beat, in the order of arrival.
pub(super) type Batch = Arc<[VenueTrade]>;

pub(super) struct Hub {
    synth: Mutex<Synth>,
    trades: broadcast::Sender<Batch>,
    start_ms: i64,
    started: Instant,
    limits: Option<Limits>,
    pub(super) faults: Faults,
    pub(super) firehose: Option<u64>,
    pub(super) queue: usize,
}

/// The past of one session's markets and their future from that moment on.
pub(super) struct Joined {
    /// The last trade of each code asked for that has one, in that order.
    pub(super) last: Vec<VenueTrade>,
    /// What was handed out before and had not been read yet.
    pub(super) before: Vec<Batch>,
}

impl Hub {
    pub(super) fn new(
        synth: Synth,
        start_ms: i64,
        limited: bool,
        firehose: Option<u64>,
        queue: usize,
    ) -> Self {
        Self {
            synth: Mutex::new(synth),
            trades: broadcast::Sender::new(BATCHES),
            start_ms,
            started: Instant::now(),
            limits: limited.then(Limits::default),
            faults: Faults::default(),
            firehose,
            queue,
        }
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.start_ms + i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
    }

    /// Lets the market trade, for ever.
    pub(super) async fn beat(&self) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let mut synth = self.synth();
            let arrived = synth.advance_to(self.now_ms());
            if !arrived.is_empty() {
                // Sent under the lock, so that joining sees each trade as past or as future.
                // Nobody need be listening.
                let _ = self.trades.send(arrived.into());
            }
        }
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Batch> {
        self.trades.subscribe()
    }

    /// Takes the past of `codes` and empties `future` of it, in one moment.
    ///
    /// # Errors
    /// When `future` fell too far behind.
    pub(super) fn join<'a>(
        &self,
        codes: impl Iterator<Item = &'a String>,
        future: &mut broadcast::Receiver<Batch>,
    ) -> Result<Joined, super::socket::Overflow> {
        let synth = self.synth();
        let mut before = Vec::new();
        loop {
            match future.try_recv() {
                Ok(batch) => before.push(batch),
                Err(broadcast::error::TryRecvError::Lagged(_)) => return Err(super::socket::Overflow),
                Err(_) => break,
            }
        }
        Ok(Joined { last: codes.filter_map(|code| synth.last(code).cloned()).collect(), before })
    }

    /// The codes of all markets.
    pub(super) fn codes(&self) -> Vec<Arc<str>> {
        self.synth().codes().cloned().collect()
    }

    /// Retained trades of a market, newest first, handed to `each`; whether there is such a market.
    pub(super) fn ticks(&self, code: &str, query: Query, mut each: impl FnMut(&VenueTrade)) -> bool {
        let synth = self.synth();
        let Some(found) = synth.ticks(code, query) else { return false };
        found.into_iter().for_each(&mut each);
        true
    }

    /// Counts a request against its group; how many are left, or `None` when it is one too many.
    pub(super) fn take(&self, group: Group) -> Option<u32> {
        match &self.limits {
            Some(limits) => limits.take(group),
            None => Some(9),
        }
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
