//! One channel's worker.
//!
//! It walks the channel's queue once, by number, and keeps the first delivery of each lane it
//! meets; when that is settled, the store names the lane's next. A lane that waits for another
//! try thus holds up its own followers and nobody else. Nothing is held over a wait but numbers.
//!
//! In quiet hours it takes up only lanes in which something urgent waits, and of those what stands
//! before it: a lane keeps its order at any hour. What it passed over it meets again afterwards.

use super::{Channel, ChannelCounters, pace::Pace, relief::LATE_MS};
use crate::{
    delivery::{Clock, Outcome, Sink},
    outbox::{
        Delays, Head, REDONE, RetryPolicy, Settle, Settled, Store, StoreError, Terms,
        retry::{MAX_PARK, MAX_SHUT, SHUT_AFTER},
    },
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// Lanes of which a worker holds the head. [bounded]
const MAX_LANES: usize = 4096;

/// Rows read at once.
pub(super) const PAGE: usize = 256;

/// The longest sleep: the wall clock may have been set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// After the store failed.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(1);

/// A broken channel is tried with one message after so long (chosen): somebody may have mended it.
const PROBE: Duration = Duration::from_secs(3600);

/// One finished attempt; no outcome when the message was no longer queued.
type Attempt = (Head, Option<Outcome>);

pub(super) struct Worker {
    pub(super) name: String,
    sink: Arc<dyn Sink>,
    retry: RetryPolicy,
    pub(super) terms: Terms,
    store: Arc<dyn Store>,
    clock: Clock,
    pub(super) counters: Arc<ChannelCounters>,
    rng: fastrand::Rng,
    pace: Pace,
    /// Heads that are not under way, by number.
    pub(super) waiting: BTreeMap<u64, Head>,
    /// Numbers that are under way, with their lanes.
    pub(super) flying: HashMap<u64, String>,
    /// Lanes of which a head is held or under way.
    lanes: HashSet<String>,
    /// Of such lanes, the last number that is urgent enough for quiet hours.
    urgent: HashMap<String, u64>,
    /// Something was passed over because of quiet hours.
    passed_over: bool,
    cursor: u64,
    /// There may be rows from the cursor on.
    more: bool,
    failures: u32,
    pub(super) failing_since_ms: Option<i64>,
    pub(super) parked_until_ms: i64,
    /// When a broken channel is tried again.
    probe_at_ms: Option<i64>,
    /// Up to where critical alerts were copied to the fallback.
    pub(super) copied_to: u64,
}

impl Worker {
    pub(super) fn new(
        channel: Channel,
        counters: Arc<ChannelCounters>,
        store: Arc<dyn Store>,
        clock: Clock,
        seed: u64,
    ) -> Self {
        let Channel { name, sink, retry, terms } = channel;
        Self {
            name,
            sink,
            retry,
            pace: Pace::new(terms.rates.clone()),
            terms,
            store,
            clock,
            counters,
            rng: fastrand::Rng::with_seed(seed),
            waiting: BTreeMap::new(),
            flying: HashMap::new(),
            lanes: HashSet::new(),
            urgent: HashMap::new(),
            passed_over: false,
            cursor: 0,
            more: true,
            failures: 0,
            failing_since_ms: None,
            parked_until_ms: i64::MIN,
            probe_at_ms: None,
            copied_to: 0,
        }
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut changes = self.store.changes();
        let counters = Arc::clone(&self.counters);
        let mut under_way: FuturesUnordered<BoxFuture<'static, Attempt>> = FuturesUnordered::new();
        loop {
            self.end_quiet();
            self.scan().await;
            self.relieve().await;
            self.scan().await;
            self.start(&mut under_way);
            let stopping = *stopped.borrow_and_update();
            if stopping && under_way.is_empty() && self.due().is_none() {
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

    pub(super) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Reads on while there is room for lanes.
    async fn scan(&mut self) {
        while self.more && self.lanes.len() < MAX_LANES {
            let (name, from) = (self.name.clone(), self.cursor);
            let page = match self.ask(move |store| store.page(&name, from, PAGE)).await {
                Ok(page) => page,
                Err(error) => return self.unread(&error).await,
            };
            self.more = page.len() == PAGE;
            for head in page {
                if self.lanes.len() >= MAX_LANES && !self.lanes.contains(&head.lane) {
                    self.more = true;
                    return;
                }
                let seq = head.seq;
                if let Err(error) = self.meet(head).await {
                    self.more = true;
                    return self.unread(&error).await;
                }
                self.cursor = seq + 1;
            }
        }
    }

    async fn unread(&self, error: &StoreError) {
        tracing::error!(channel = self.name, %error, "the outbox cannot be read");
        sleep(STORE_RETRY).await;
    }

    /// Somebody has mended what was wrong, or wants to see whether it still is.
    fn wake(&mut self) {
        let waits = self.waiting.values_mut().filter(|head| head.next_at_ms > 0);
        waits.for_each(|head| head.next_at_ms = REDONE);
        (self.failures, self.failing_since_ms, self.probe_at_ms) = (0, None, None);
        (self.parked_until_ms, self.more) = (i64::MIN, true);
        self.counters.parked_until_ms.store(0, Relaxed);
        self.counters.broken.store(false, Relaxed);
    }

    /// Takes up the lane of a row, where that is not done and not against quiet hours.
    async fn meet(&mut self, head: Head) -> Result<(), StoreError> {
        let urgent = self.terms.quiet.as_ref().is_some_and(|quiet| quiet.lets_through(head.severity));
        if urgent {
            self.urgent.insert(head.lane.clone(), head.seq);
        }
        if self.lanes.contains(&head.lane) {
            return Ok(());
        }
        let first = if urgent {
            // What was passed over in this lane comes first.
            let (name, lane) = (self.name.clone(), head.lane.clone());
            self.ask(move |store| store.first(&name, &lane)).await?.unwrap_or(head)
        } else {
            head
        };
        self.admit(first);
        Ok(())
    }

    fn admit(&mut self, head: Head) {
        if self.is_held(&head) {
            self.passed_over = true;
            self.leave(&head.lane);
        } else {
            self.lanes.insert(head.lane.clone());
            self.waiting.insert(head.seq, head);
        }
    }

    fn leave(&mut self, lane: &str) {
        self.lanes.remove(lane);
        self.urgent.remove(lane);
    }

    fn quiet_until(&self) -> Option<i64> {
        self.terms.quiet.as_ref()?.until(self.now_ms())
    }

    /// Whether quiet hours keep it back: it is not urgent, and nothing urgent stands behind it.
    fn is_held(&self, head: &Head) -> bool {
        let lets_through = |seq: &u64| *seq >= head.seq;
        let asked_for = head.next_at_ms == REDONE;
        !asked_for && self.quiet_until().is_some() && !self.urgent.get(&head.lane).is_some_and(lets_through)
    }

    fn end_quiet(&mut self) {
        if self.passed_over && self.quiet_until().is_none() {
            (self.passed_over, self.cursor, self.more) = (false, 0, true);
        }
    }

    /// Begins the walk anew, because rows were moved behind the cursor.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
        self.urgent.clear();
        self.lanes = self.flying.values().cloned().collect();
        (self.cursor, self.more) = (0, true);
    }

    /// Whether it is broken, and not to be tried yet.
    pub(super) fn is_shut(&self, now_ms: i64) -> bool {
        self.probe_at_ms.is_some_and(|at| now_ms < at)
    }

    /// The oldest delivery that may be tried now, its pace aside.
    pub(super) fn due(&self) -> Option<u64> {
        let now_ms = self.now_ms();
        if self.is_shut(now_ms) || now_ms < self.parked_until_ms {
            return None;
        }
        self.waiting.values().find(|head| head.next_at_ms <= now_ms).map(|head| head.seq)
    }

    fn start(&mut self, under_way: &mut FuturesUnordered<BoxFuture<'static, Attempt>>) {
        // After failures one attempt at a time finds out whether the receiver is back.
        let careful = self.failures >= SHUT_AFTER || self.probe_at_ms.is_some();
        let limit = if careful { 1 } else { self.retry.concurrency.max(1) };
        while under_way.len() < limit && self.pace.wait(Instant::now()).is_zero() {
            let Some(head) = self.due().and_then(|seq| self.waiting.remove(&seq)) else { break };
            if self.is_held(&head) {
                self.passed_over = true;
                self.leave(&head.lane);
                continue;
            }
            let (store, sink, name) = (Arc::clone(&self.store), Arc::clone(&self.sink), self.name.clone());
            let seq = head.seq;
            self.flying.insert(seq, head.lane.clone());
            self.pace.start(Instant::now());
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
        let pace = self.pace.wait(Instant::now());
        if under_way > 0 && pace.is_zero() && self.due().is_some() {
            return MAX_SLEEP;
        }
        let now_ms = self.now_ms();
        let next = self.waiting.values().map(|head| head.next_at_ms).min().unwrap_or(i64::MAX);
        let next = next.max(self.parked_until_ms).max(self.probe_at_ms.unwrap_or(i64::MIN));
        let late = self.failing_since_ms.map(|since| since.saturating_add(LATE_MS));
        let late = late.filter(|at| *at > now_ms && !self.terms.fallback.is_empty());
        let quiet = self.quiet_until().filter(|_| self.passed_over);
        let next = [late, quiet].into_iter().flatten().fold(next, i64::min);
        let ms = next.saturating_sub(now_ms).max(1);
        Duration::from_millis(u64::try_from(ms).unwrap_or(1)).max(pace).min(MAX_SLEEP)
    }

    async fn settle(&mut self, attempts: Vec<Attempt>) {
        let now_ms = self.now_ms();
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
                Some(head) => self.admit(head),
                None => self.leave(&settled.lane),
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
        self.flying.remove(&head.seq);
        let attempt = head.attempt + 1;
        let settle = match outcome {
            None => Settle::Sent,
            Some(Outcome::Delivered) => self.delivered(),
            Some(Outcome::DeliveredAndFull { pause }) => {
                self.park(pause.min(MAX_PARK), now_ms);
                self.delivered()
            }
            Some(Outcome::Retry { after, reason }) => {
                self.fail(&reason, after, now_ms);
                self.again(attempt, self.retry.max_attempts, after, reason, now_ms)
            }
            Some(Outcome::Permanent { reason }) => {
                // It talks to us, and does not want this message.
                self.failing_since_ms = None;
                self.mended();
                self.note(&reason);
                self.again(attempt, self.retry.max_refusals, None, reason, now_ms)
            }
            Some(Outcome::Broken { reason }) => {
                self.note(&reason);
                self.probe_at_ms = Some(later(now_ms, PROBE));
                self.counters.broken.store(true, Relaxed);
                let fallback = &self.terms.fallback;
                tracing::error!(
                    channel = self.name,
                    reason,
                    ?fallback,
                    "the channel is broken; it is tried again in an hour"
                );
                Settle::Again { attempt: head.attempt, next_at_ms: head.next_at_ms }
            }
        };
        Settled { seq: head.seq, lane: head.lane, settle }
    }

    fn delivered(&mut self) -> Settle {
        self.counters.delivered.fetch_add(1, Relaxed);
        if self.failures > 0 || self.probe_at_ms.is_some() {
            tracing::info!(channel = self.name, failures = self.failures, "delivers again");
        }
        (self.failures, self.failing_since_ms) = (0, None);
        self.mended();
        Settle::Sent
    }

    fn mended(&mut self) {
        self.probe_at_ms = None;
        self.counters.broken.store(false, Relaxed);
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
        self.failing_since_ms.get_or_insert(now_ms);
        if self.failures == 1 {
            tracing::warn!(channel = self.name, reason, "a delivery failed; it will be tried again");
        }
        let mut park = after.unwrap_or_default().min(MAX_PARK);
        if self.failures >= SHUT_AFTER {
            let shut = Delays::Jitter { base: Duration::from_secs(1), cap: MAX_SHUT };
            park = park.max(shut.after(self.failures - SHUT_AFTER + 1, &mut self.rng));
        }
        self.park(park, now_ms);
        if self.probe_at_ms.is_some() {
            self.probe_at_ms = Some(later(now_ms, PROBE));
        }
    }

    fn park(&mut self, wait: Duration, now_ms: i64) {
        if !wait.is_zero() {
            self.parked_until_ms = self.parked_until_ms.max(later(now_ms, wait));
            self.counters.parked_until_ms.store(self.parked_until_ms, Relaxed);
        }
    }

    fn note(&self, reason: &str) {
        let mut last = self.counters.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(reason.to_owned());
    }

    pub(super) async fn ask<T: Send + 'static>(
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
