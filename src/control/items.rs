//! The things that answers are made of.
//!
//! Moments are ms since the Unix epoch. A command of an older release passes over what it does
//! not know.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An alert that fires, as the policy says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    /// The rule's id.
    pub rule: String,
    /// What it is about, usually a market code.
    pub key: String,
    /// The plugin that raised it.
    pub plugin: String,
    /// The id of this firing, 64 hex digits.
    pub episode_id: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// Since when.
    pub since_ms: i64,
    /// Whether anybody was told.
    pub is_told: bool,
    /// Whether somebody has taken notice.
    pub is_acked: bool,
    /// The silence that covers it.
    pub silenced_by: Option<String>,
    /// The rule that holds it back.
    pub inhibited_by: Option<String>,
}

/// A channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelItem {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// Messages that arrived since the process started.
    pub delivered: u64,
    /// Attempts that were to be repeated, likewise.
    pub retried: u64,
    /// Messages that were given up, likewise.
    pub dead: u64,
    /// Messages that wait.
    pub queued: u64,
    /// It is left alone until then.
    pub parked_until_ms: Option<i64>,
    /// It is of no use until somebody mends it.
    pub broken: bool,
    /// What the last failed attempt said.
    pub last_error: Option<String>,
}

/// A message of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, 64 hex digits.
    pub id: String,
    /// Where it goes.
    pub channel: String,
    /// The rule; for records the plugin.
    pub rule: String,
    /// What it is about; empty for records.
    pub key: String,
    /// When it happened.
    pub at_ms: i64,
    /// How often it was tried; 0 where it was given up.
    pub attempt: u32,
    /// Not to be tried before, where it waits for that.
    pub next_at_ms: Option<i64>,
    /// Why it was given up.
    pub reason: Option<String>,
    /// Its text.
    pub text: String,
}

/// Something that is known beside the trades.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// What it is about; empty where there is only one.
    pub subject: String,
    /// What is the case; exact numbers are texts.
    pub value: Value,
    /// Since when, as far as this process knows.
    pub at_ms: i64,
}

/// The process in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The release.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// How long it has run, in ms.
    pub uptime_ms: u64,
    /// Where it reads.
    pub venue: String,
    /// The connection's state.
    pub feed: String,
    /// Why it does not do what it is for; empty: it does.
    pub wrong: Vec<String>,
    /// Markets with a trade.
    pub markets: usize,
    /// Trades put on the tape since the process started.
    pub trades: u64,
    /// Entries that the slowest pipeline is behind.
    pub lag: u64,
    /// Messages that wait for delivery.
    pub queued: u64,
    /// Messages given up that are kept.
    pub dead: u64,
    /// Plugins and how they are.
    pub plugins: Vec<(String, String)>,
}

/// A thing as it goes over the line.
#[must_use]
pub fn item(thing: impl Serialize) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}
