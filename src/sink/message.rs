//! What every chat, mail and pager shows of a delivery: a title, a text, when, and a short id.
//!
//! A projection of the delivery and of its canonical JSON, of which it takes what is there. Nothing
//! here is escaped: each medium does that for itself.

use crate::{
    alert::{AlertState, Severity},
    delivery::{Content, Delivery},
};
use jiff::{Timestamp, tz::Offset};
use serde_json::Value;

/// Where links of messages lead: any other that a body names is not taken.
const LINKS: &str = "https://upbit.com/";

/// A delivery, read for people.
pub(super) struct Message<'a> {
    pub(super) delivery: &'a Delivery,
    body: Value,
}

impl<'a> Message<'a> {
    pub(super) fn of(delivery: &'a Delivery) -> Self {
        let body = match delivery.content {
            Content::Alert => serde_json::from_str(&delivery.body).unwrap_or(Value::Null),
            Content::Records => Value::Null,
        };
        Self { delivery, body }
    }

    /// `WARNING KRW-BTC · fast-move`: what it is worth, what it is about, which rule. One line.
    pub(super) fn title(&self) -> String {
        let Delivery { severity, state, rule, key, content, .. } = self.delivery;
        let word = match (content, self.kind(), state, severity) {
            (Content::Records, ..) => "",
            (_, "system.test", ..) => "TEST",
            (_, _, AlertState::Resolved, _) => "RESOLVED",
            (_, _, _, Severity::Critical) => "CRITICAL",
            (_, _, _, Severity::Warning) => "WARNING",
            (_, _, _, Severity::Info) => "",
        };
        let about = [key.as_str(), self.name().unwrap_or(rule)];
        let about = about.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
        format!("{word} {about}").trim().replace(['\n', '\r'], " ")
    }

    /// The rule's name for people.
    fn name(&self) -> Option<&str> {
        self.at("/rule/name")?.as_str().filter(|name| !name.is_empty())
    }

    /// `2026-11-22 14:31:22 KST · btc-100m · id 1a2b3c4d`: the id tells a repetition. One line.
    pub(super) fn footer(&self) -> String {
        let Delivery { rule, .. } = self.delivery;
        format!("{} · {rule} · id {}", self.at_kst(), self.short_id()).replace(['\n', '\r'], " ")
    }

    /// The first digits of the id.
    pub(super) fn short_id(&self) -> &str {
        let id = self.delivery.notification_id.as_str();
        id.get(..8).unwrap_or(id)
    }

    fn at_kst(&self) -> String {
        let kst = Offset::constant(9).to_datetime(timestamp(self.delivery.at_ms));
        format!("{} KST", kst.strftime("%Y-%m-%d %H:%M:%S"))
    }

    /// What the canonical event holds at a JSON pointer.
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.body.pointer(pointer)
    }

    /// The canonical type, like `alert.firing`; empty where there is none.
    pub(super) fn kind(&self) -> &str {
        self.at("/type").and_then(Value::as_str).unwrap_or_default()
    }

    /// Where to look at the market.
    pub(super) fn link(&self) -> Option<&str> {
        self.at("/links/upbit")?.as_str().filter(|url| url.starts_with(LINKS))
    }

    /// When the episode began.
    pub(super) fn started_at(&self) -> String {
        let said = self.at("/started_at").and_then(Value::as_str);
        let said = said.and_then(|text| text.parse::<Timestamp>().ok());
        rfc3339(said.map_or(self.delivery.at_ms, Timestamp::as_millisecond).min(self.delivery.at_ms))
    }

    /// Labels of the rule.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.at("/labels").and_then(Value::as_object);
        labels.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// The whole canonical event, where it is no longer than `limit`.
    pub(super) fn details(&self, limit: usize) -> Option<&Value> {
        (self.delivery.body.len() <= limit && self.body.is_object()).then_some(&self.body)
    }
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

/// `2026-11-22T05:31:22Z`.
pub(super) fn rfc3339(ms: i64) -> String {
    timestamp(ms).to_string()
}
