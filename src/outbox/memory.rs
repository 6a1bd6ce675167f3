//! A store that ends with the process: for runs without `state.dir`, for the demo and for tests.
//!
//! Keeps: [commit-is-atomic] [bounded]

use super::{
    Checkpoint, Committed, DeadLetter, HORIZON_MS, Head, Limits, REDONE, Settle, Settled, Store, StoreError,
};
use crate::delivery::Delivery;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

#[derive(Debug)]
struct Row {
    attempt: u32,
    next_at_ms: i64,
    delivery: Delivery,
}

#[derive(Debug, Default)]
struct Queue {
    next_seq: u64,
    rows: BTreeMap<u64, Row>,
    lanes: BTreeMap<String, BTreeSet<u64>>,
}

impl Queue {
    fn head(&self, seq: u64) -> Option<Head> {
        let row = self.rows.get(&seq)?;
        let Row { attempt, next_at_ms, delivery: Delivery { lane, at_ms, severity, state, .. } } = row;
        Some(Head {
            seq,
            lane: lane.clone(),
            attempt: *attempt,
            next_at_ms: *next_at_ms,
            at_ms: *at_ms,
            severity: *severity,
            state: *state,
        })
    }

    fn push(&mut self, delivery: &Delivery) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.lanes.entry(delivery.lane.clone()).or_default().insert(seq);
        self.rows.insert(seq, Row { attempt: 0, next_at_ms: 0, delivery: delivery.clone() });
    }

    fn remove(&mut self, seq: u64) -> Option<Delivery> {
        let delivery = self.rows.remove(&seq)?.delivery;
        if let Some(lane) = self.lanes.get_mut(&delivery.lane) {
            lane.remove(&seq);
            if lane.is_empty() {
                self.lanes.remove(&delivery.lane);
            }
        }
        Some(delivery)
    }

    fn next_of(&self, lane: &str) -> Option<Head> {
        self.head(*self.lanes.get(lane)?.first()?)
    }
}

#[derive(Debug, Default)]
struct Inner {
    checkpoints: HashMap<String, Checkpoint>,
    queues: BTreeMap<String, Queue>,
    /// When the message left the queue; `None` while it is in it.
    ids: HashMap<String, Option<i64>>,
    gone: VecDeque<(i64, String)>,
    dead: VecDeque<DeadLetter>,
}

impl Inner {
    fn bury(&mut self, delivery: Delivery, reason: String, at_ms: i64, limit: u64) {
        self.leave(&delivery.notification_id, at_ms);
        self.dead.push_back(DeadLetter { reason, at_ms, delivery });
        while self.dead.len() as u64 > limit {
            self.dead.pop_front();
        }
    }

    fn push(&mut self, delivery: &Delivery, limits: Limits, done: &mut Committed) {
        if self.ids.contains_key(&delivery.notification_id) {
            done.known += 1;
            return;
        }
        self.ids.insert(delivery.notification_id.clone(), None);
        let queue = self.queues.entry(delivery.channel.clone()).or_default();
        queue.push(delivery);
        done.queued += 1;
        if queue.rows.len() as u64 > limits.queued_per_channel
            && let Some(oldest) = queue.rows.keys().next().copied().and_then(|seq| queue.remove(seq))
        {
            self.bury(oldest, "the outbox was full".to_owned(), delivery.at_ms, limits.dead);
            done.overflowed += 1;
        }
    }

    fn settle(&mut self, channel: &str, settled: &[Settled], dead: u64, now_ms: i64) -> Vec<Option<Head>> {
        let mut next = Vec::with_capacity(settled.len());
        for Settled { seq, lane, settle } in settled {
            let Some(queue) = self.queues.get_mut(channel) else { continue };
            if let Settle::Again { attempt, next_at_ms } = settle {
                if let Some(row) = queue.rows.get_mut(seq) {
                    (row.attempt, row.next_at_ms) = (*attempt, *next_at_ms);
                }
                next.push(queue.next_of(lane));
                continue;
            }
            let gone = queue.remove(*seq);
            next.push(queue.next_of(lane));
            match (gone, settle) {
                (Some(delivery), Settle::Dead { reason }) => {
                    self.bury(delivery, reason.clone(), now_ms, dead);
                }
                (Some(delivery), _) => self.leave(&delivery.notification_id, now_ms),
                (None, _) => {}
            }
        }
        next
    }

    /// Takes the dead letters out that are meant, the oldest first.
    fn take_dead(&mut self, which: &dyn Fn(&str, &str) -> bool) -> Vec<DeadLetter> {
        let is_meant = |d: &DeadLetter| which(&d.delivery.notification_id, &d.delivery.channel);
        let (taken, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.dead).into_iter().partition(is_meant);
        self.dead = kept.into();
        taken
    }

    fn leave(&mut self, id: &str, at_ms: i64) {
        self.ids.insert(id.to_owned(), Some(at_ms));
        self.gone.push_back((at_ms, id.to_owned()));
    }
}

/// The store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    limits: Limits,
    changes: watch::Sender<u64>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Limits::MEMORY)
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { inner: Mutex::default(), limits, changes: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code under the lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn checkpoint(&self, pipeline: &str) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.lock().checkpoints.get(pipeline).cloned())
    }

    fn commit(&self, checkpoint: &Checkpoint, deliveries: &[Delivery]) -> Result<Committed, StoreError> {
        let mut inner = self.lock();
        let mut done = Committed::default();
        for delivery in deliveries {
            inner.push(delivery, self.limits, &mut done);
        }
        let kept = inner.checkpoints.entry(checkpoint.pipeline.clone()).or_default();
        kept.pipeline.clone_from(&checkpoint.pipeline);
        kept.tape_id = checkpoint.tape_id;
        kept.offset = checkpoint.offset;
        for (name, snapshot) in &checkpoint.plugins {
            match kept.plugins.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.clone_from(snapshot),
                None => kept.plugins.push((name.clone(), snapshot.clone())),
            }
        }
        kept.plugins.sort_by(|(a, _), (b, _)| a.cmp(b));
        if checkpoint.policy.is_some() {
            kept.policy.clone_from(&checkpoint.policy);
        }
        drop(inner);
        if done.queued > 0 {
            self.changes.send_modify(|n| *n += 1);
        }
        Ok(done)
    }

    fn page(&self, channel: &str, from: u64, limit: usize) -> Result<Vec<Head>, StoreError> {
        let inner = self.lock();
        let Some(queue) = inner.queues.get(channel) else { return Ok(Vec::new()) };
        Ok(queue.rows.range(from..).take(limit).filter_map(|(seq, _)| queue.head(*seq)).collect())
    }

    fn delivery(&self, channel: &str, seq: u64) -> Result<Option<Delivery>, StoreError> {
        let inner = self.lock();
        Ok(inner.queues.get(channel).and_then(|q| q.rows.get(&seq)).map(|row| row.delivery.clone()))
    }

    fn settle(
        &self,
        channel: &str,
        settled: &[Settled],
        now_ms: i64,
    ) -> Result<Vec<Option<Head>>, StoreError> {
        Ok(self.lock().settle(channel, settled, self.limits.dead, now_ms))
    }

    fn first(&self, channel: &str, lane: &str) -> Result<Option<Head>, StoreError> {
        Ok(self.lock().queues.get(channel).and_then(|queue| queue.next_of(lane)))
    }

    fn exchange(
        &self,
        channel: &str,
        gone: &[Settled],
        come: &[Delivery],
        now_ms: i64,
    ) -> Result<Committed, StoreError> {
        let (mut inner, mut done) = (self.lock(), Committed::default());
        inner.settle(channel, gone, self.limits.dead, now_ms);
        for delivery in come {
            inner.push(delivery, self.limits, &mut done);
        }
        drop(inner);
        if done.queued > 0 {
            self.changes.send_modify(|n| *n += 1);
        }
        Ok(done)
    }

    fn prune(&self, now_ms: i64) -> Result<u64, StoreError> {
        let mut inner = self.lock();
        let mut pruned = 0;
        while let Some((_, id)) = inner.gone.pop_front_if(|(at_ms, _)| *at_ms < now_ms - HORIZON_MS) {
            inner.ids.remove(&id);
            pruned += 1;
        }
        Ok(pruned)
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn queued(&self) -> Result<u64, StoreError> {
        Ok(self.lock().queues.values().map(|q| q.rows.len() as u64).sum())
    }

    fn channels(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.lock().queues.iter().filter(|(_, q)| !q.rows.is_empty()).map(|(c, _)| c.clone()).collect())
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.lock().dead.iter().rev().take(limit).cloned().collect())
    }

    fn redo(&self, which: &dyn Fn(&str, &str) -> bool) -> Result<u64, StoreError> {
        let mut inner = self.lock();
        let taken = inner.take_dead(which);
        for letter in &taken {
            // Its id is queued again, so it must not be forgotten as one that left.
            let id = &letter.delivery.notification_id;
            inner.gone.retain(|(_, gone)| gone != id);
            inner.ids.insert(id.clone(), None);
            let queue = inner.queues.entry(letter.delivery.channel.clone()).or_default();
            queue.push(&letter.delivery);
            queue.rows.values_mut().next_back().into_iter().for_each(|row| row.next_at_ms = REDONE);
        }
        drop(inner);
        if !taken.is_empty() {
            self.changes.send_modify(|n| *n += 1);
        }
        Ok(taken.len() as u64)
    }

    fn forget(&self, which: &dyn Fn(&str, &str) -> bool) -> Result<u64, StoreError> {
        Ok(self.lock().take_dead(which).len() as u64)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
