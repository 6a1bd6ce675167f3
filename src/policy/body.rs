//! The canonical event: what a machine receives about an alert.
//!
//! One JSON object of fixed key order. Exact numbers are strings of plain digits. Every other
//! form of a message (a chat line, a page) is a projection of it.

use super::{
    identity::{Fingerprint, Transition, hex},
    rule::RulePolicy,
    state::Notice,
    value,
};
use crate::{
    alert::{FieldValue, Raised, Severity, Trigger},
    market::is_market_code,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::collections::BTreeMap;

/// Everything known when a message is written.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) raised: &'a Raised,
    pub(super) rule: &'a RulePolicy,
    /// The rule's id, or the plugin's word where no rule of the file speaks.
    pub(super) id: &'a str,
    pub(super) severity: Severity,
    pub(super) fingerprint: Fingerprint,
    pub(super) notice: &'a Notice,
}

impl<'a> Facts<'a> {
    /// The market that the key names, if it names one.
    pub(super) fn market(&self) -> Option<&'a str> {
        Some(self.raised.key.as_str()).filter(|key| is_market_code(key))
    }

    /// Where a person looks at that market.
    pub(super) fn link(&self) -> Option<String> {
        self.market().map(|market| format!("https://upbit.com/exchange?code=CRIX.UPBIT.{market}"))
    }

    /// How long it has fired.
    pub(super) fn duration_ms(&self) -> i64 {
        self.raised.at_ms.saturating_sub(self.notice.started_at_ms).max(0)
    }

    pub(super) fn previous_state(&self) -> Option<&'static str> {
        match self.notice.kind {
            Transition::Event => None,
            Transition::Firing => Some("ok"),
            Transition::Changed | Transition::Repeat | Transition::Resolved => Some("firing"),
        }
    }

    /// Whether the plugin says that not everything was seen.
    pub(super) fn is_partial(&self) -> bool {
        let says = |name: &str| matches!(self.field(name), Some(FieldValue::Bool(true)));
        says("partial") || says("incomplete")
    }

    pub(super) fn field(&self, name: &str) -> Option<&'a FieldValue> {
        self.raised.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    version: u32,
    notification_id: &'a str,
    episode_id: String,
    fingerprint: String,
    plugin: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin_rule: Option<&'a str>,
    rule: Rule<'a>,
    key: Key<'a>,
    labels: &'a BTreeMap<String, String>,
    state: &'static str,
    previous_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_severity: Option<&'static str>,
    at: String,
    at_kst: String,
    started_at: String,
    duration: String,
    duration_ms: i64,
    values: Values<'a>,
    trigger: Cause<'a>,
    suppressed_count: u64,
    late: bool,
    partial: bool,
    replay: bool,
    links: Links,
    title: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_error: Option<&'a str>,
}

#[derive(Serialize)]
struct Rule<'a> {
    id: &'a str,
    name: &'a str,
    severity: &'static str,
    kind: &'a str,
}

#[derive(Serialize)]
struct Key<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<&'a str>,
    name: &'a str,
}

#[derive(Serialize)]
struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    upbit: Option<String>,
}

/// What on the tape caused it. Of a trade, with what the plugin says of it.
#[derive(Serialize)]
struct Cause<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<&'a FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<&'a FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'a FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notional: Option<&'a FieldValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tick: Option<String>,
    offset: u64,
}

impl<'a> Cause<'a> {
    fn of(facts: &Facts<'a>) -> Self {
        let raised = facts.raised;
        let field = |name: &str| facts.field(name);
        let none = Self {
            sid: None,
            price: None,
            volume: None,
            side: None,
            notional: None,
            quote: None,
            tick: None,
            offset: 0,
        };
        match raised.trigger {
            Trigger::Trade { sequential_id, offset } => Self {
                sid: Some(sequential_id),
                price: field("price"),
                volume: field("volume"),
                side: field("side"),
                notional: field("notional"),
                offset,
                ..none
            },
            Trigger::Quote { kind, at_ms, offset } => {
                Self { quote: Some(kind.as_str()), tick: Some(value::utc(at_ms)), offset, ..none }
            }
            Trigger::Tick { at_ms, offset } => Self { tick: Some(value::utc(at_ms)), offset, ..none },
        }
    }
}

/// Named values as an object. A name that is said twice keeps its first value.
pub(super) struct Values<'a>(pub(super) &'a [(String, FieldValue)]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, (name, value)) in self.0.iter().enumerate() {
            if !self.0.iter().take(i).any(|(earlier, _)| earlier == name) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// The JSON text of one notification.
pub(super) fn canonical(facts: &Facts<'_>, id: &str, text: &str, template_error: Option<&str>) -> String {
    let Facts { raised, rule, notice, .. } = facts;
    let body = Body {
        r#type: format!("alert.{}", notice.kind.as_str()),
        version: 1,
        notification_id: id,
        episode_id: hex(&notice.episode),
        fingerprint: hex(&facts.fingerprint),
        plugin: &raised.plugin,
        plugin_rule: Some(raised.rule.as_str()).filter(|own| *own != facts.id),
        rule: Rule { id: facts.id, name: &rule.name, severity: facts.severity.as_str(), kind: &rule.kind },
        key: Key { market: facts.market(), name: &raised.key },
        labels: &rule.labels,
        state: raised.state.as_str(),
        previous_state: facts.previous_state(),
        previous_severity: notice.previous.map(Severity::as_str),
        at: value::utc(raised.at_ms),
        at_kst: value::kst(raised.at_ms),
        started_at: value::utc(notice.started_at_ms),
        duration: value::duration(facts.duration_ms()),
        duration_ms: facts.duration_ms(),
        values: Values(&raised.fields),
        trigger: Cause::of(facts),
        suppressed_count: notice.suppressed,
        late: raised.late,
        partial: facts.is_partial(),
        replay: raised.replay,
        links: Links { upbit: facts.link() },
        title: &raised.title,
        text,
        template_error,
    };
    // Text keys and plain values only: serialising them cannot fail.
    serde_json::to_string(&body).unwrap_or_default()
}
