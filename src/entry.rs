//! The entries of the tape other than trades: the clock, what was lost, what the host knows, and what
//! the operator did.
//!
//! A closed set; with [`crate::trade::Trade`] and [`crate::quote::Quote`] it is everything a pipeline
//! can ever see.
//!
//! Keeps: [time-enters-once] [loss-is-said]

use crate::{alert::Matcher, market::MarketId, quote::Quote, trade::Trade};
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

/// Something the operator did that changes what comes after it. Everything in it was decided when it
/// was put on the tape, so that whoever reads it again does the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The configuration was read again and taken.
    Reload,
    /// Alerts are not to be told for a while.
    Silence(Silence),
    /// A silence is lifted.
    Unsilence {
        /// When, ms since the Unix epoch.
        at_ms: i64,
        /// The id of the silence.
        id: String,
    },
    /// Somebody has taken notice: what fires is told no more until it is resolved.
    Ack {
        /// When, ms since the Unix epoch.
        at_ms: i64,
        /// Of what fires at this place of the tape, what is meant.
        alerts: Matcher,
        /// The first hex digits of one episode's id; empty: any.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        episode: String,
    },
    /// Rules speak again as if they had never spoken: what is told but once is told again, and a
    /// cooldown is over. What fires goes on firing.
    Reset {
        /// When, ms since the Unix epoch.
        at_ms: i64,
        /// Which.
        alerts: Matcher,
    },
}

impl Control {
    /// When it was done, ms since the Unix epoch; a reload does not say.
    #[must_use]
    pub const fn at_ms(&self) -> Option<i64> {
        match self {
            Self::Reload => None,
            Self::Silence(Silence { at_ms, .. })
            | Self::Unsilence { at_ms, .. }
            | Self::Ack { at_ms, .. }
            | Self::Reset { at_ms, .. } => Some(*at_ms),
        }
    }
}

/// A time in which some alerts are not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// By which it is lifted; one with the same id takes its place.
    pub id: String,
    /// When it was asked for, ms since the Unix epoch.
    pub at_ms: i64,
    /// Of which alerts.
    pub alerts: Matcher,
    /// Those of this moment and later, ms since the Unix epoch; `None`: all that come behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// And earlier than this, ms since the Unix epoch.
    pub until_ms: i64,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
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

    /// How the names of numbers begin that come from outside: exchange rates. Such a number is as
    /// old as it was when it was told, unlike a state, which holds until it changes.
    pub const OUTSIDE: &str = "fx.";

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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// [numbers-survive]
    #[test]
    fn facts_keep_their_form_on_the_tape() {
        let check = |value: FactValue, expect: &str| {
            let fact = Fact { at_ms: 5, name: "fx.USDKRW".into(), subject: String::new(), value };
            let json = serde_json::to_string(&fact).unwrap();
            let begin = r#"{"at_ms":5,"name":"fx.USDKRW","subject":"","value":"#;
            assert_eq!(json, format!("{begin}{expect}}}"));
            assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), fact);
        };
        check(FactValue::Bool(true), r#"{"bool":true}"#);
        check(FactValue::Int(-7), r#"{"int":-7}"#);
        check(
            FactValue::Number("1388.250000000000001".parse().unwrap()),
            r#"{"number":"1388.250000000000001"}"#,
        );
        check(FactValue::Text("주의".into()), r#"{"text":"주의"}"#);
        check(FactValue::Unknown, r#""unknown""#);
    }

    #[test]
    fn controls_keep_their_form_on_the_tape() {
        let alerts = Matcher { rule: Some("pump*".to_owned()), ..Matcher::default() };
        let check = |control: Control, expect: &str| {
            let json = serde_json::to_string(&control).unwrap();
            assert_eq!(json, expect);
            assert_eq!(serde_json::from_str::<Control>(&json).unwrap(), control);
        };
        check(Control::Reload, r#""reload""#);
        check(
            Control::Silence(Silence {
                id: "s1".to_owned(),
                at_ms: 5,
                alerts: alerts.clone(),
                from_ms: None,
                until_ms: 9,
                reason: String::new(),
            }),
            r#"{"silence":{"id":"s1","at_ms":5,"alerts":{"rule":"pump*"},"until_ms":9}}"#,
        );
        check(Control::Unsilence { at_ms: 6, id: "s1".to_owned() }, r#"{"unsilence":{"at_ms":6,"id":"s1"}}"#);
        check(
            Control::Ack { at_ms: 7, alerts: Matcher::default(), episode: "9c41".to_owned() },
            r#"{"ack":{"at_ms":7,"alerts":{},"episode":"9c41"}}"#,
        );
        check(Control::Reset { at_ms: 8, alerts }, r#"{"reset":{"at_ms":8,"alerts":{"rule":"pump*"}}}"#);
    }
}
