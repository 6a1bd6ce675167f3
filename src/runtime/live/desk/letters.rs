//! The outbox from the desk: what waits, what was given up, and what a person decides about it.

use super::Desk;
use crate::{
    control::{Answer, Message, Refusal, Which, item},
    delivery::Delivery,
    feed::{SystemClock, WallClock},
    outbox::{Settle, Settled, Store, StoreError},
};
use serde_json::json;
use std::sync::Arc;

/// Messages that are looked at in one go.
const PAGE: usize = 500;
/// What stands in a dead letter that a person made.
const DROPPED: &str = "dropped by a command";

impl Desk {
    /// Asks the store off the runtime's threads: it may wait for a disk.
    pub(super) async fn stored<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || question(store.as_ref())).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Refusal::Unavailable(format!("the outbox does not answer: {error}"))),
            Err(_) => Err(Refusal::Unavailable("the process is about to end".into())),
        }
    }

    pub(super) async fn outbox(&self, channel: Option<String>, dead: bool, limit: usize) -> Answer {
        let messages = if dead {
            self.stored(move |store| given_up(store, channel.as_deref(), limit)).await?
        } else {
            self.stored(move |store| waiting(store, channel.as_deref(), limit)).await?
        };
        Ok(messages.into_iter().map(item).collect())
    }

    pub(super) async fn retry(&self, which: Which) -> Answer {
        let channels = self.channels.all();
        if let Some(name) = &which.channel {
            self.channels.named(name)?;
        }
        let meant = which.clone();
        let known: Vec<String> = channels.iter().map(|c| c.config.name.clone()).collect();
        // What belongs to a channel that is no longer configured would wait for ever.
        let redone = self.stored(move |store| {
            store.redo(&|id, channel| meant.means(id, channel) && known.iter().any(|k| k == channel))
        });
        let redone = redone.await?;
        let named = |name: &str| which.channel.as_deref().is_none_or(|wanted| wanted == name);
        channels.iter().filter(|c| named(&c.config.name)).for_each(|c| c.counters.wake.notify_one());
        Ok(vec![json!({ "queued": redone })])
    }

    pub(super) async fn drop_messages(&self, which: Which, dead: bool) -> Answer {
        let dropped = if dead {
            self.stored(move |store| store.forget(&|id, channel| which.means(id, channel))).await?
        } else {
            let now_ms = SystemClock.now_ms();
            self.stored(move |store| give_up(store, &which, now_ms)).await?
        };
        Ok(vec![json!({ "dropped": dropped })])
    }
}

fn message(delivery: Delivery) -> Message {
    Message {
        id: delivery.notification_id,
        channel: delivery.channel,
        rule: delivery.rule,
        key: delivery.key,
        at_ms: delivery.at_ms,
        text: delivery.text,
        ..Message::default()
    }
}

fn given_up(store: &dyn Store, channel: Option<&str>, limit: usize) -> Result<Vec<Message>, StoreError> {
    let letters = store.dead_letters(usize::MAX)?.into_iter();
    let wanted = letters.filter(|d| channel.is_none_or(|name| name == d.delivery.channel)).take(limit);
    let mut messages: Vec<Message> =
        wanted.map(|d| Message { reason: Some(d.reason), ..message(d.delivery) }).collect();
    messages.reverse();
    Ok(messages)
}

fn waiting(store: &dyn Store, channel: Option<&str>, limit: usize) -> Result<Vec<Message>, StoreError> {
    let mut messages = Vec::new();
    for name in store.channels()?.into_iter().filter(|name| channel.is_none_or(|wanted| wanted == name)) {
        for head in store.page(&name, 0, limit.saturating_sub(messages.len()))? {
            // It may have been delivered meanwhile.
            let Some(delivery) = store.delivery(&name, head.seq)? else { continue };
            let next_at_ms = Some(head.next_at_ms).filter(|at| *at > 0);
            messages.push(Message { attempt: head.attempt, next_at_ms, ..message(delivery) });
        }
    }
    Ok(messages)
}

/// Waiting messages become dead letters: a slip can be mended by trying them again.
fn give_up(store: &dyn Store, which: &Which, now_ms: i64) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for name in
        store.channels()?.into_iter().filter(|name| which.means(which.id.as_deref().unwrap_or(""), name))
    {
        let mut from = 0;
        loop {
            let heads = store.page(&name, from, PAGE)?;
            let Some(last) = heads.last() else { break };
            from = last.seq + 1;
            let mut settled = Vec::new();
            for head in heads {
                let Some(delivery) = store.delivery(&name, head.seq)? else { continue };
                if which.means(&delivery.notification_id, &name) {
                    let settle = Settle::Dead { reason: DROPPED.to_owned() };
                    settled.push(Settled { seq: head.seq, lane: head.lane, settle });
                }
            }
            dropped += settled.len() as u64;
            store.settle(&name, &settled, now_ms)?;
        }
    }
    store.flush()?;
    Ok(dropped)
}
