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

/// Everything known when a message is written.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) raised: &'a Raised,
    pub(super) rule: &'a RulePolicy,
    pub(super) severity: Severity,
    pub(super) fingerprint: Fingerprint,
    pub(super) notice: &'a Notice,
}

impl Facts<'_> {
    /// The market that the key names, if it names one.
    pub(super) fn market(&self) -> Option<&str> {
        Some(self.raised.key.as_str()).filter(|key| is_market_code(key))
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
    rule: Rule<'a>,
    key: Key<'a>,
    state: &'static str,
    previous_state: Option<&'static str>,
    at: String,
    at_kst: String,
    started_at: String,
    values: Values<'a>,
    trigger: Cause,
    suppressed_count: u64,
    late: bool,
    replay: bool,
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
}

#[derive(Serialize)]
struct Key<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<&'a str>,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Cause {
    Trade { sequential_id: u64, offset: u64 },
    Quote { kind: &'static str, at: String, offset: u64 },
    Tick { at: String, offset: u64 },
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
        rule: Rule { id: &raised.rule, name: &rule.name, severity: facts.severity.as_str() },
        key: Key { market: facts.market(), name: &raised.key },
        state: raised.state.as_str(),
        previous_state: match notice.kind {
            Transition::Event => None,
            Transition::Firing => Some("ok"),
            Transition::Repeat | Transition::Resolved => Some("firing"),
        },
        at: value::utc(raised.at_ms),
        at_kst: value::kst(raised.at_ms),
        started_at: value::utc(notice.started_at_ms),
        values: Values(&raised.fields),
        trigger: match raised.trigger {
            Trigger::Trade { sequential_id, offset } => Cause::Trade { sequential_id, offset },
            Trigger::Quote { kind, at_ms, offset } => {
                Cause::Quote { kind: kind.as_str(), at: value::utc(at_ms), offset }
            }
            Trigger::Tick { at_ms, offset } => Cause::Tick { at: value::utc(at_ms), offset },
        },
        suppressed_count: notice.suppressed,
        late: raised.late,
        replay: raised.replay,
        title: &raised.title,
        text,
        template_error,
    };
    // Text keys and plain values only: serialising them cannot fail.
    serde_json::to_string(&body).unwrap_or_default()
}
