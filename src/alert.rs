//! What plugins say, as the host has it: alerts and records.
//!
//! A guest's answer becomes one of these when it leaves the guest, with what the guest could not
//! know: which plugin it was, and what on the tape caused it. Of the other nouns it names the
//! sorts of quotes and the globs of markets alone.
//!
//! Keeps: [numbers-survive]

use crate::{market::glob_matches, quote::QuoteKind};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
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
    /// When what caused it came in, by the clock of the tape, ms since the Unix epoch.
    pub heard_at_ms: i64,
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

/// Which alerts are meant: those that satisfy all that is said. Every text is a glob whose only
/// wildcard is `*`. One that says nothing means all alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// The rule's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The market, or whatever else it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<String>,
    /// `info`, `warning` or `critical`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The plugin that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Labels of the rule; one that the rule does not have counts as empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Of an alert, what a [`Matcher`] looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The rule's id.
    pub rule: &'a str,
    /// What it is about, usually a market code.
    pub key: &'a str,
    /// How urgent it is.
    pub severity: Severity,
    /// The plugin that raised it.
    pub plugin: &'a str,
    /// Labels of the rule.
    pub labels: &'a BTreeMap<String, String>,
}

impl Matcher {
    /// Whether `subject` is meant.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let fits = |glob: &Option<String>, text: &str| glob.as_deref().is_none_or(|g| glob_matches(g, text));
        let label = |name: &String| subject.labels.get(name).map_or("", String::as_str);
        fits(&self.rule, subject.rule)
            && fits(&self.market, subject.key)
            && fits(&self.severity, subject.severity.as_str())
            && fits(&self.plugin, subject.plugin)
            && self.labels.iter().all(|(name, glob)| glob_matches(glob, label(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_wants_all_that_it_says() {
        let labels = BTreeMap::from([("team".to_owned(), "desk".to_owned())]);
        let subject = Subject {
            rule: "pump-5m",
            key: "KRW-DOGE",
            severity: Severity::Warning,
            plugin: "alert",
            labels: &labels,
        };
        let check = |json: &str, expect: bool| {
            let matcher: Result<Matcher, _> = serde_json::from_str(json);
            assert_eq!(matcher.ok().map(|m| m.matches(&subject)), Some(expect), "{json}");
        };
        check("{}", true);
        check(r#"{"rule":"pump*"}"#, true);
        check(r#"{"rule":"pump"}"#, false);
        check(r#"{"rule":"pump*","market":"KRW-*","severity":"warning","plugin":"alert"}"#, true);
        check(r#"{"rule":"pump*","market":"BTC-*"}"#, false);
        check(r#"{"severity":"critical"}"#, false);
        check(r#"{"plugin":"my_*"}"#, false);
        check(r#"{"labels":{"team":"d*"}}"#, true);
        check(r#"{"labels":{"team":"d*","shift":"night"}}"#, false);
        check(r#"{"labels":{"shift":""}}"#, true);
        assert!(serde_json::from_str::<Matcher>(r#"{"roule":"x"}"#).is_err());
    }
}
