//! The entries of the tape other than trades: the clock, what was lost, and what the operator did.
//!
//! A closed set; with [`crate::trade::Trade`] and [`crate::quote::Quote`] it is everything a pipeline
//! can ever see.
//!
//! Keeps: [time-enters-once] [loss-is-said]

use crate::{market::MarketId, quote::Quote, trade::Trade};
use serde::{Deserialize, Serialize};

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
