//! The sender: takes what is queued to the sinks and settles it.
//!
//! One worker per channel, each with its own cursor and its own waiting: a channel that hangs or
//! fails delays no other. [fails-alone] What is undelivered stays in the store; a worker holds the
//! heads of at most some thousand lanes and never a backlog. [bounded]
//!
//! Reads the wall clock it is given: delivery stands outside the deterministic part.

mod digest;
mod pace;
mod relief;
mod worker;

use super::{RetryPolicy, Store, Terms};
use crate::delivery::{Clock, Sink};
use futures_util::future::join_all;
use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};
use worker::Worker;

/// How often forgotten ids are cleared away.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// A channel and how it is served.
pub struct Channel {
    /// Its name in config.toml.
    pub name: String,
    /// What carries its messages.
    pub sink: Arc<dyn Sink>,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How fast, when not, and who stands in for it.
    pub terms: Terms,
}

/// What is to be seen of a channel; counts from the start of the process.
#[derive(Debug, Default)]
pub struct ChannelCounters {
    /// Delivered messages.
    pub delivered: AtomicU64,
    /// Failed attempts that are followed by another.
    pub retried: AtomicU64,
    /// Messages given up.
    pub dead: AtomicU64,
    /// Attempts under way.
    pub in_flight: AtomicU64,
    /// The whole channel waits until then, ms since the Unix epoch; in the past: it does not.
    pub parked_until_ms: AtomicI64,
    /// Messages that were too old, and of which one message told.
    pub collapsed: AtomicU64,
    /// Messages that went to the fallback.
    pub handed_over: AtomicU64,
    /// It is of no use until somebody mends it; it is tried once an hour.
    pub broken: AtomicBool,
    /// What the last failed attempt said.
    pub last_error: Mutex<Option<String>>,
    /// Told by a person: whatever waits is to be tried at once, even by a broken channel.
    pub wake: Notify,
}

/// Serves every channel of a store.
pub struct Sender {
    store: Arc<dyn Store>,
    clock: Clock,
    channels: Vec<(Channel, Arc<ChannelCounters>)>,
    seed: u64,
}

impl Sender {
    /// A sender at rest. `seed` is for the jitter of delays.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, channels: Vec<Channel>, seed: u64) -> Self {
        let channels = channels.into_iter().map(|c| (c, Arc::default())).collect();
        Self { store, clock, channels, seed }
    }

    /// The counters of each channel, by name.
    #[must_use]
    pub fn counters(&self) -> Vec<(String, Arc<ChannelCounters>)> {
        self.channels.iter().map(|(c, counters)| (c.name.clone(), Arc::clone(counters))).collect()
    }

    /// Delivers until `stop`; then what is due, for at most `grace`. What is left stays queued.
    pub async fn run(self, stop: impl Future<Output = ()>, grace: Duration) {
        let (stopping, stopped) = watch::channel(false);
        let Self { store, clock, channels, seed } = self;
        let workers = channels.into_iter().enumerate().map(|(i, (channel, counters))| {
            let seed = seed.wrapping_add(i as u64);
            Worker::new(channel, counters, Arc::clone(&store), Arc::clone(&clock), seed).run(stopped.clone())
        });
        let workers = join_all(workers);
        tokio::pin!(workers);
        tokio::select! {
            _ = &mut workers => {}
            () = housekeeping(&store, &clock) => {}
            () = stop => {
                let _ = stopping.send(true);
                if tokio::time::timeout(grace, &mut workers).await.is_err() {
                    tracing::warn!("some deliveries were under way at the end; they stay queued");
                }
            }
        }
        let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
        if let Ok(Err(error)) = flushed {
            tracing::error!(%error, "the last settled deliveries may be sent again");
        }
    }
}

async fn housekeeping(store: &Arc<dyn Store>, clock: &Clock) {
    loop {
        let (store, now_ms) = (Arc::clone(store), clock());
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || store.prune(now_ms)).await {
            tracing::warn!(%error, "old ids are not cleared away");
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}
