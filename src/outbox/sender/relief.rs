//! What a channel cannot deliver, or not in time: others stand in for it, or one message tells of
//! many.
//!
//! A broken channel hands over everything to its fallback: each message becomes a dead letter here
//! that says so, and is queued there. One that is merely late (told to wait, or failing, for more
//! than a minute) gives a copy of what is critical, and delivers it too when it can. The id of a
//! copy follows from that of the message, so that it is made once, whatever restarts come between.
//!
//! Keeps: [bounded] [loss-is-said]

use super::{
    digest,
    worker::{PAGE, STORE_RETRY, Worker},
};
use crate::{
    alert::Severity,
    delivery::Delivery,
    outbox::{Head, REDONE, Settle, Settled, StoreError},
};
use std::sync::atomic::Ordering::Relaxed;
use tokio::time::sleep;

/// From when on a channel is late.
pub(super) const LATE_MS: i64 = 60_000;

/// Messages that one digest takes in at once; the next takes in the digest.
const MAX_MEMBERS: usize = 1000;

/// `delivery` for another channel. Its text says why it came there.
pub(super) fn copy_for(channel: &str, delivery: &Delivery) -> Delivery {
    let mut copy = delivery.clone();
    copy.notification_id = format!("{}@{channel}", delivery.notification_id);
    copy.lane = format!("{channel}/for/{}", delivery.lane);
    copy.text = format!("[{} fails] {}", delivery.channel, delivery.text);
    channel.clone_into(&mut copy.channel);
    copy
}

impl Worker {
    /// Does what must not wait until this channel delivers.
    pub(super) async fn relieve(&mut self) {
        let now_ms = self.now_ms();
        let done = if self.terms.fallback.is_empty() {
            Ok(())
        } else if self.is_shut(now_ms) {
            self.hand_over(now_ms).await
        } else if self.is_late(now_ms) {
            self.copy_critical(now_ms).await
        } else {
            self.copied_to = 0;
            Ok(())
        };
        let done = match done {
            Ok(()) if self.has_expired(now_ms) => self.collapse(now_ms).await,
            done => done,
        };
        if let Err(error) = done {
            tracing::error!(channel = self.name, %error, "the outbox cannot be written");
            sleep(STORE_RETRY).await;
        }
    }

    /// Whether its receiver keeps it waiting for longer than a critical alert may wait.
    fn is_late(&self, now_ms: i64) -> bool {
        let failing = self.failing_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= LATE_MS);
        failing || self.parked_until_ms.saturating_sub(now_ms) > LATE_MS
    }

    /// Queued rows from `from` on, and where to go on; `None` at the end.
    async fn rows(&self, from: u64) -> Result<(Vec<Head>, Option<u64>), StoreError> {
        let name = self.name.clone();
        let page = self.ask(move |store| store.page(&name, from, PAGE)).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|head| head.seq + 1);
        Ok((page, next))
    }

    /// The messages of `heads` that are still queued.
    async fn messages(&self, heads: Vec<Head>) -> Result<Vec<(Head, Delivery)>, StoreError> {
        let name = self.name.clone();
        let load = move |store: &dyn crate::outbox::Store| {
            let mut out = Vec::with_capacity(heads.len());
            for head in heads {
                match store.delivery(&name, head.seq) {
                    Ok(Some(delivery)) => out.push((head, delivery)),
                    // What cannot be read is given up where it is tried.
                    Ok(None) | Err(StoreError::Damaged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(out)
        };
        self.ask(load).await
    }

    /// One for each channel that stands in, and through which it has not come already.
    fn copies(&self, delivery: &Delivery) -> Vec<Delivery> {
        let passed = |name: &str| delivery.notification_id.split('@').skip(1).any(|before| before == name);
        let names = self.terms.fallback.iter().filter(|name| !passed(name));
        names.map(|name| copy_for(name, delivery)).collect()
    }

    async fn exchange(
        &mut self,
        gone: Vec<Settled>,
        come: Vec<Delivery>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (name, moved) = (self.name.clone(), !gone.is_empty());
        self.ask(move |store| store.exchange(&name, &gone, &come, now_ms)).await?;
        if moved {
            self.forget();
        }
        Ok(())
    }

    async fn hand_over(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let mut from = Some(0);
        while let Some(at) = from {
            let (mut rows, next) = self.rows(at).await?;
            from = next;
            rows.retain(|head| !self.flying.contains_key(&head.seq));
            let messages = self.messages(rows).await?.into_iter();
            let messages = messages.map(|(head, delivery)| (head, self.copies(&delivery)));
            let (heads, copies): (Vec<_>, Vec<_>) = messages.filter(|(_, copies)| !copies.is_empty()).unzip();
            if heads.is_empty() {
                continue;
            }
            let reason = format!("the channel is broken; handed over to {}", self.terms.fallback.join(", "));
            let settle = |head: Head| Settled {
                seq: head.seq,
                lane: head.lane,
                settle: Settle::Dead { reason: reason.clone() },
            };
            let gone: Vec<_> = heads.into_iter().map(settle).collect();
            let count = gone.len();
            self.exchange(gone, copies.concat(), now_ms).await?;
            self.counters.handed_over.fetch_add(count as u64, Relaxed);
            tracing::warn!(channel = self.name, count, fallback = ?self.terms.fallback, "messages are handed over");
        }
        Ok(())
    }

    async fn copy_critical(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let mut from = Some(self.copied_to);
        while let Some(at) = from {
            let (mut rows, next) = self.rows(at).await?;
            from = next;
            let last = rows.last().map(|head| head.seq);
            rows.retain(|head| head.severity == Severity::Critical);
            let messages = self.messages(rows).await?;
            let copies: Vec<_> = messages.iter().flat_map(|(_, delivery)| self.copies(delivery)).collect();
            if !copies.is_empty() {
                let count = messages.len();
                self.exchange(Vec::new(), copies, now_ms).await?;
                self.counters.handed_over.fetch_add(count as u64, Relaxed);
                tracing::warn!(channel = self.name, count, fallback = ?self.terms.fallback, "critical alerts are copied to the fallback");
            }
            self.copied_to = last.map_or(self.copied_to, |seq| seq + 1);
        }
        Ok(())
    }

    fn is_expired(&self, head: &Head, now_ms: i64) -> bool {
        let over = self.terms.ttl.is_some_and(|ttl| ttl.is_over(head.at_ms, head.state, now_ms));
        over && head.next_at_ms != REDONE
    }

    /// Whether what would be tried is too old. Digests are not asked for their age alone.
    fn has_expired(&self, now_ms: i64) -> bool {
        let digests = digest::lane(&self.name);
        let tried = |head: &&Head| head.next_at_ms <= now_ms && head.lane != digests;
        self.due().is_some() && self.waiting.values().filter(tried).any(|head| self.is_expired(head, now_ms))
    }

    /// Puts everything that is too old, and earlier digests, into one message.
    async fn collapse(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let digests = digest::lane(&self.name);
        loop {
            let (mut chosen, mut from) = (Vec::new(), Some(0));
            while let Some(at) = from.filter(|_| chosen.len() < MAX_MEMBERS) {
                let (rows, next) = self.rows(at).await?;
                from = next;
                let stale = |h: &Head| h.lane == digests || self.is_expired(h, now_ms);
                chosen.extend(rows.into_iter().filter(|h| stale(h) && !self.flying.contains_key(&h.seq)));
            }
            let (heads, members): (Vec<_>, Vec<_>) = self.messages(chosen).await?.into_iter().unzip();
            let Some(digest) = digest::of(&self.name, &members, now_ms) else { return Ok(()) };
            let reason = format!("too old for the channel; told of in {}", digest.notification_id);
            let settle = |head: Head| {
                let told = head.lane == digests;
                let settle = if told { Settle::Sent } else { Settle::Dead { reason: reason.clone() } };
                Settled { seq: head.seq, lane: head.lane, settle }
            };
            let gone: Vec<_> = heads.into_iter().map(settle).collect();
            let count = gone.iter().filter(|s| s.settle != Settle::Sent).count();
            self.exchange(gone, vec![digest], now_ms).await?;
            self.counters.collapsed.fetch_add(count as u64, Relaxed);
            tracing::warn!(channel = self.name, count, "messages were too old; one tells of all");
        }
    }
}
