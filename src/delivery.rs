//! A delivery: one message that must reach one channel, and what a sink says of an attempt.
//!
//! The nouns between policy (which makes deliveries), the outbox (which keeps them) and the sinks
//! (which carry them out), so that none of the three knows another. Imports nothing but nouns.

use crate::alert::{AlertState, Severity};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// The wall clock of the delivery side, ms since the Unix epoch. Delivery stands outside the
/// deterministic part and may read it; tests hand in one of their own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The machine's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    })
}

/// What a delivery carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// One alert: `body` is one JSON object.
    Alert,
    /// Some records: `body` and `text` hold one line for each, every one ended by `\n`.
    Records,
}

/// One message for one channel. Everything in it is derived from the tape: a crash that makes it
/// be derived again yields the same, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The idempotency key: 64 hex digits, the same at every attempt.
    pub notification_id: String,
    /// The channel's name in config.toml.
    pub channel: String,
    /// Deliveries of one lane keep their order. Unique over channels.
    pub lane: String,
    /// The firing to which this belongs; empty for records.
    pub episode_id: String,
    /// What `body` is.
    pub content: Content,
    /// Event time, ms since the Unix epoch.
    pub at_ms: i64,
    /// How urgent.
    pub severity: Severity,
    /// Where the alert stands.
    pub state: AlertState,
    /// The rule; for records the plugin.
    pub rule: String,
    /// What it is about; empty for records.
    pub key: String,
    /// For a person. May hold guest text: a sink escapes it for its own medium.
    pub text: String,
    /// For a machine: the canonical JSON.
    pub body: String,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver has it, and asks that nothing more come for a while.
    DeliveredAndFull {
        /// How long the whole channel waits.
        pause: Duration,
    },
    /// It may work later. With `after`, the whole channel waits that long.
    Retry {
        /// What the receiver asked for.
        after: Option<Duration>,
        /// What went wrong, without secrets.
        reason: String,
    },
    /// The receiver refused this message.
    Permanent {
        /// What it said, without secrets.
        reason: String,
    },
    /// The channel is of no use until somebody mends it.
    Broken {
        /// What is wrong, without secrets.
        reason: String,
    },
}

/// One kind of channel.
pub trait Sink: Send + Sync {
    /// One attempt. Bounded in time by the sink itself; dropping the future abandons the attempt.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome>;
}
