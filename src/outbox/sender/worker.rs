//! One channel's worker.
//!
//! It walks the channel's queue once, by number, and keeps the first delivery of each lane it
//! meets; when that is settled, the store names the lane's next. A lane that waits for another
//! try thus holds up its own followers and nobody else. Nothing is held over a wait but numbers.

use super::{Channel, ChannelCounters};
use crate::{
    delivery::{Clock, Outcome, Sink},
    outbox::{
        Delays, Head, RetryPolicy, Settle, Settled, Store, StoreError,
        retry::{MAX_PARK, MAX_SHUT, SHUT_AFTER},
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};

/// Lanes of which a worker holds the head. [bounded]
const MAX_LANES: usize = 4096;

/// Rows read at once.
const PAGE: usize = 256;

/// The longest sleep: the wall clock may have been set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// After the store failed.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// One finished attempt; no outcome when the message was no longer queued.
type Attempt = (Head, Option<Outcome>);

pub(super) struct Worker {
    name: String,
    sink: Arc<dyn Sink>,
    retry: RetryPolicy,
    store: Arc<dyn Store>,
    clock: Clock,
    counters: Arc<ChannelCounters>,
    rng: fastrand::Rng,
    /// Heads that are not under way, by number.
    waiting: BTreeMap<u64, Head>,
    /// Lanes of which a head is held or under way.
    lanes: HashSet<String>,
    cursor: u64,
    /// There may be rows from the cursor on.
    more: bool,
    failures: u32,
    parked_until_ms: i64,
    broken: bool,
}

impl Worker {
    pub(super) fn new(
        channel: Channel,
        counters: Arc<ChannelCounters>,
        store: Arc<dyn Store>,
        clock: Clock,
        seed: u64,
    ) -> Self {
        let Channel { name, sink, retry } = channel;
        Self {
            name,
            sink,
            retry,
            store,
            clock,
            counters,
            rng: fastrand::Rng::with_seed(seed),
            waiting: BTreeMap::new(),
            lanes: HashSet::new(),
            cursor: 0,
            more: true,
            failures: 0,
            parked_until_ms: i64::MIN,
            broken: false,
        }
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut changes = self.store.changes();
        let counters = Arc::clone(&self.counters);
        let mut under_way: FuturesUnordered<BoxFuture<'static, Attempt>> = FuturesUnordered::new();
        loop {
            self.scan().await;
            self.start(&mut under_way);
            let stopping = *stopped.borrow_and_update();
            if stopping && under_way.is_empty() && (self.broken || self.due().is_none()) {
                return;
            }
            let wait = self.wait(under_way.len());
            tokio::select! {
                Some(attempt) = under_way.next() => {
                    let mut attempts = vec![attempt];
                    while let Some(Some(attempt)) = under_way.next().now_or_never() {
                        attempts.push(attempt);
                    }
                    self.settle(attempts).await;
                    if under_way.is_empty() && self.due().is_none() {
                        self.flush().await;
                    }
                }
                Ok(()) = changes.changed() => self.more = true,
                () = counters.wake.notified() => self.wake(),
                Ok(()) = stopped.changed() => {}
                () = sleep(wait) => {}
            }
        }
    }

    /// Reads on while there is room for lanes.
    async fn scan(&mut self) {
        while self.more && !self.broken && self.lanes.len() < MAX_LANES {
            let (name, from) = (self.name.clone(), self.cursor);
            let page = match self.ask(move |store| store.page(&name, from, PAGE)).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(channel = self.name, %error, "the outbox cannot be read");
                    sleep(STORE_RETRY).await;
                    return;
                }
            };
            self.more = page.len() == PAGE;
            for head in page {
                if self.lanes.len() >= MAX_LANES && !self.lanes.contains(&head.lane) {
                    self.more = true;
                    return;
                }
                self.cursor = head.seq + 1;
                if self.lanes.insert(head.lane.clone()) {
                    self.waiting.insert(head.seq, head);
                }
            }
        }
    }

    /// Somebody has mended what was wrong, or wants to see whether it still is.
    fn wake(&mut self) {
        self.waiting.values_mut().for_each(|head| head.next_at_ms = 0);
        (self.failures, self.parked_until_ms, self.broken, self.more) = (0, i64::MIN, false, true);
        self.counters.parked_until_ms.store(0, Relaxed);
        self.counters.broken.store(false, Relaxed);
    }

    fn parked(&self, now_ms: i64) -> bool {
        now_ms < self.parked_until_ms
    }

    /// The oldest delivery that may be tried now.
    fn due(&self) -> Option<u64> {
        let now_ms = (self.clock)();
        if self.parked(now_ms) {
            return None;
        }
        self.waiting.values().find(|head| head.next_at_ms <= now_ms).map(|head| head.seq)
    }

    fn start(&mut self, under_way: &mut FuturesUnordered<BoxFuture<'static, Attempt>>) {
        // After failures in a row one attempt at a time finds out whether the receiver is back.
        let limit = if self.failures >= SHUT_AFTER { 1 } else { self.retry.concurrency.max(1) };
        while !self.broken && under_way.len() < limit {
            let Some(head) = self.due().and_then(|seq| self.waiting.remove(&seq)) else { break };
            let (store, sink, name) = (Arc::clone(&self.store), Arc::clone(&self.sink), self.name.clone());
            let seq = head.seq;
            self.counters.in_flight.fetch_add(1, Relaxed);
            under_way.push(Box::pin(async move {
                let delivery = match ask(&store, move |store| store.delivery(&name, seq)).await {
                    Ok(Some(delivery)) => delivery,
                    Ok(None) => return (head, None),
                    Err(error) => return (head, Some(unreadable(error))),
                };
                let outcome = sink.deliver(&delivery).await;
                (head, Some(outcome))
            }));
        }
    }

    /// How long nothing happens by itself.
    fn wait(&self, under_way: usize) -> Duration {
        if self.broken || (under_way > 0 && self.due().is_some()) {
            return MAX_SLEEP;
        }
        let now_ms = (self.clock)();
        let next = self.waiting.values().map(|head| head.next_at_ms).min().unwrap_or(i64::MAX);
        let ms = next.max(self.parked_until_ms).saturating_sub(now_ms).max(1);
        Duration::from_millis(u64::try_from(ms).unwrap_or(1)).min(MAX_SLEEP)
    }

    async fn settle(&mut self, attempts: Vec<Attempt>) {
        let now_ms = (self.clock)();
        let settled: Vec<_> = attempts.into_iter().map(|attempt| self.judge(attempt, now_ms)).collect();
        // It cannot go on without: what was delivered would be delivered again and again.
        let next = loop {
            let (name, settled) = (self.name.clone(), settled.clone());
            match self.ask(move |store| store.settle(&name, &settled, now_ms)).await {
                Ok(next) => break next,
                Err(error) => {
                    tracing::error!(channel = self.name, %error, "what was delivered cannot be noted");
                    sleep(STORE_RETRY).await;
                }
            }
        };
        for (settled, next) in settled.into_iter().zip(next) {
            match next {
                Some(head) => drop(self.waiting.insert(head.seq, head)),
                None => drop(self.lanes.remove(&settled.lane)),
            }
        }
    }

    /// On falling idle: a crash must not send again what was delivered long ago.
    async fn flush(&self) {
        if let Err(error) = self.ask(|store| store.flush()).await {
            tracing::error!(channel = self.name, %error, "what was delivered may be delivered again");
        }
    }

    fn judge(&mut self, (head, outcome): Attempt, now_ms: i64) -> Settled {
        self.counters.in_flight.fetch_sub(1, Relaxed);
        let attempt = head.attempt + 1;
        let settle = match outcome {
            None => Settle::Sent,
            Some(Outcome::Delivered) => {
                self.counters.delivered.fetch_add(1, Relaxed);
                if self.failures > 0 {
                    tracing::info!(channel = self.name, failures = self.failures, "delivers again");
                }
                self.failures = 0;
                Settle::Sent
            }
            Some(Outcome::Retry { after, reason }) => {
                self.fail(&reason, after, now_ms);
                self.again(attempt, self.retry.max_attempts, after, reason, now_ms)
            }
            Some(Outcome::Permanent { reason }) => {
                self.note(&reason);
                self.again(attempt, self.retry.max_refusals, None, reason, now_ms)
            }
            Some(Outcome::Broken { reason }) => {
                self.note(&reason);
                self.broken = true;
                self.counters.broken.store(true, Relaxed);
                tracing::error!(channel = self.name, reason, "the channel is switched off until a restart");
                Settle::Again { attempt: head.attempt, next_at_ms: head.next_at_ms }
            }
        };
        Settled { seq: head.seq, lane: head.lane, settle }
    }

    fn again(
        &mut self,
        attempt: u32,
        limit: u32,
        after: Option<Duration>,
        reason: String,
        now_ms: i64,
    ) -> Settle {
        if attempt >= limit {
            self.counters.dead.fetch_add(1, Relaxed);
            tracing::error!(channel = self.name, attempt, reason, "a message is given up");
            return Settle::Dead { reason };
        }
        self.counters.retried.fetch_add(1, Relaxed);
        let delay = self.retry.delays.after(attempt, &mut self.rng);
        let delay = delay.max(after.unwrap_or_default().min(MAX_PARK));
        Settle::Again { attempt, next_at_ms: later(now_ms, delay) }
    }

    /// A failure that says something of the channel rather than of the message.
    fn fail(&mut self, reason: &str, after: Option<Duration>, now_ms: i64) {
        self.note(reason);
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            tracing::warn!(channel = self.name, reason, "a delivery failed; it will be tried again");
        }
        let mut park = after.unwrap_or_default().min(MAX_PARK);
        if self.failures >= SHUT_AFTER {
            let shut = Delays::Jitter { base: Duration::from_secs(1), cap: MAX_SHUT };
            park = park.max(shut.after(self.failures - SHUT_AFTER + 1, &mut self.rng));
        }
        if !park.is_zero() {
            self.parked_until_ms = self.parked_until_ms.max(later(now_ms, park));
            self.counters.parked_until_ms.store(self.parked_until_ms, Relaxed);
        }
    }

    fn note(&self, reason: &str) {
        let mut last = self.counters.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(reason.to_owned());
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        ask(&self.store, question).await
    }
}

/// Asks the store off the runtime's threads: it may wait for a disk.
async fn ask<T: Send + 'static>(
    store: &Arc<dyn Store>,
    question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let store = Arc::clone(store);
    match tokio::task::spawn_blocking(move || question(store.as_ref())).await {
        Ok(answer) => answer,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: this task ends with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn unreadable(error: StoreError) -> Outcome {
    match error {
        StoreError::Damaged { .. } => Outcome::Permanent { reason: error.to_string() },
        _ => Outcome::Retry { after: None, reason: error.to_string() },
    }
}

fn later(now_ms: i64, delay: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(delay.as_millis()).unwrap_or(i64::MAX))
}
