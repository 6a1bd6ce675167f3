//! What plugins say, as the host has it: alerts and records.
//!
//! A guest's answer becomes one of these when it leaves the guest, with what the guest could not
//! know: which plugin it was, and what on the tape caused it. Of the other nouns it names the
//! sorts of quotes alone.
//!
//! Keeps: [numbers-survive]

use crate::quote::QuoteKind;
use serde::{Deserialize, Serialize, Serializer};
use tradehook_decimal::Wide;

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Worth a look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// Its name in configuration, messages and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Where an alert stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Happened at one instant; nothing will resolve it.
    Event,
    /// Became true and stays so until it is resolved.
    Firing,
    /// Is no longer true.
    Resolved,
}

impl AlertState {
    /// Its name in messages and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// A named value of an alert or a record.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Text.
    Text(String),
    /// An exact number: in JSON a string of plain digits, because readers take numbers through
    /// `f64`.
    Number(Wide),
    /// A count or an id.
    Int(i64),
    /// An approximation.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Known to be absent.
    Null,
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.collect_str(number),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Float(float) if float.is_finite() => serializer.serialize_f64(*float),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Float(_) | Self::Null => serializer.serialize_none(),
        }
    }
}

/// Named values, in the order in which they were said.
pub type Fields = Vec<(String, FieldValue)>;

/// What on the tape made a plugin speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A trade.
    Trade {
        /// The venue's id of it.
        sequential_id: u64,
        /// Where it stands on the tape.
        offset: u64,
    },
    /// A ticker, an order book or a candle.
    Quote {
        /// Which.
        kind: QuoteKind,
        /// When the venue made its frame, ms since the Unix epoch.
        at_ms: i64,
        /// Where it stands on the tape.
        offset: u64,
    },
    /// The clock, or a gap (then its end).
    Tick {
        /// Ms since the Unix epoch.
        at_ms: i64,
        /// Where it stands on the tape.
        offset: u64,
    },
}

/// An alert as a plugin raised it, before any policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    /// The plugin's name in config.toml.
    pub plugin: String,
    /// Which rule of the plugin.
    pub rule: String,
    /// What it is about, usually a market code.
    pub key: String,
    /// Where it stands in its life.
    pub state: AlertState,
    /// `None`: as the rule says.
    pub severity: Option<Severity>,
    /// One line for a person.
    pub title: String,
    /// Event time, ms since the Unix epoch.
    pub at_ms: i64,
    /// Named values.
    pub fields: Fields,
    /// What caused it.
    pub trigger: Trigger,
    /// Which of the emissions at that offset, from 0.
    pub index: u32,
    /// Its trade came in late or was fetched after a loss.
    pub late: bool,
    /// Its trade is read from a recording.
    pub replay: bool,
}

/// A record as a plugin emitted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The plugin's name in config.toml.
    pub plugin: String,
    /// What sort of record.
    pub topic: String,
    /// Where on the tape it was said.
    pub offset: u64,
    /// Which of the emissions at that offset, from 0.
    pub index: u32,
    /// Named values.
    pub fields: Fields,
}
