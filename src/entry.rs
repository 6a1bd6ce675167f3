//! The entries of the tape other than trades: the clock, what was lost, what the host knows, and what
//! the operator did.
//!
//! A closed set; with [`crate::trade::Trade`] and [`crate::quote::Quote`] it is everything a pipeline
//! can ever see.
//!
//! Keeps: [time-enters-once] [loss-is-said]

use crate::{market::MarketId, quote::Quote, trade::Trade};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tradehook_decimal::Wide;

/// One entry of the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An execution.
    Trade(Trade),
    /// A ticker, an order book or a candle.
    Quote(Quote),
    /// The clock, once a second while a session is up.
    Tick(Tick),
    /// A stretch in which trades may have been missed.
    Gap(Gap),
    /// Something the operator did.
    Control(Control),
    /// Something that is known, and was not before.
    Fact(Fact),
}

/// The wall clock at one moment, ms since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// When it was read.
    pub at_ms: i64,
}

/// A stretch in which trades may have been missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last moment that is known to be whole, ms since the Unix epoch.
    pub from_ms: i64,
    /// The first moment that is whole again.
    pub to_ms: i64,
    /// Why.
    pub cause: GapCause,
    /// Which markets; empty means all.
    pub markets: Vec<MarketId>,
    /// Whether everything in it was recovered.
    pub filled: bool,
}

/// Why trades may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The process was not running.
    Downtime,
    /// The connection was lost.
    SessionLost,
    /// No more trades could wait for a repair.
    Overflow,
    /// The ids of a finished ms have a hole.
    IdHole,
    /// A session answered pings, but did not deliver.
    Stale,
    /// A reader fell behind the tape's retention.
    Retention,
}

impl GapCause {
    /// Its name in records, metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::SessionLost => "session_lost",
            Self::Overflow => "overflow",
            Self::IdHole => "id_hole",
            Self::Stale => "stale",
            Self::Retention => "retention",
        }
    }
}

/// Something the operator did that changes what comes after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The configuration was read again and taken.
    Reload,
}

/// Something that is known, since a moment: a state of the host, of a market, or a number from outside.
/// Written when it changes, so that a replay knows what the live job knew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Since when, ms since the Unix epoch.
    pub at_ms: i64,
    /// What is known, in words with points between: `health.connection_down`, `market.warning`,
    /// `fx.USDKRW`. At most [`Fact::MAX_TEXT`] bytes.
    pub name: String,
    /// What it is about: a market, a channel, a plugin; empty where there is only one. As long.
    pub subject: String,
    /// What is the case.
    pub value: FactValue,
}

impl Fact {
    /// The longest name, subject or text, in bytes. [bounded]
    pub const MAX_TEXT: usize = 256;

    /// Whether its texts are as short as they must be.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let text = if let FactValue::Text(text) = &self.value { text.len() } else { 0 };
        [self.name.len(), self.subject.len(), text].iter().all(|&len| len <= Self::MAX_TEXT)
    }
}

/// What is the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// A count.
    Int(i64),
    /// An exact number. [numbers-survive]
    #[serde(serialize_with = "write_number", deserialize_with = "read_number")]
    Number(Wide),
    /// A word.
    Text(String),
    /// It is not known any more.
    Unknown,
}

fn write_number<S: Serializer>(number: &Wide, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(number)
}

fn read_number<'de, D: Deserializer<'de>>(from: D) -> Result<Wide, D::Error> {
    let digits = String::deserialize(from)?;
    digits.parse().map_err(|_| serde::de::Error::custom("not a number in plain digits"))
}
