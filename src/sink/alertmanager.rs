//! Alertmanager: alerts for its own API, and its webhook payload for receivers made for that.
//!
//! Alertmanager forgets an alert at its `endsAt`, and asks for it to be sent again before. A firing
//! alert here ends after [`FIRING`] if nothing else is said: the end of the episode, a repeat, or a
//! change of severity says it, each with the same labels. The severity is a label, so that a
//! change makes another alert: the one of every other severity is ended with the same request.
//!
//! Keeps: [guest-text-is-data] (labels and annotations are plain text there)

use super::{
    message::{Message, rfc3339},
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    text::{Unit, fit, plain},
};
use crate::{
    alert::{AlertState, Severity},
    delivery::{Clock, Content, Delivery, Outcome},
};
use serde_json::{Map, Value, json};

/// How long an alert fires when its end is never heard of: a day.
const FIRING: i64 = 24 * 3600 * 1000;
/// How long an event is shown: Alertmanager's own `resolve_timeout`.
const EVENT: i64 = 5 * 60 * 1000;
/// Of a label or an annotation (chosen).
const VALUE: usize = 4096;

struct Alertmanager;

impl HttpSink {
    /// An Alertmanager. The URL is its root.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn alertmanager(http: HttpSettings, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(Alertmanager), clock)
    }
}

fn labels(message: &Message<'_>, severity: Severity) -> Map<String, Value> {
    let Delivery { rule, key, .. } = message.delivery;
    let own = [("alertname", rule.as_str()), ("key", key), ("severity", severity.as_str())];
    let test = (message.kind() == "system.test").then_some(("test", "true"));
    let mut out = Map::new();
    // Ours come last: a label of a rule cannot take their place.
    for (name, value) in message.labels().chain(own).chain(test) {
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
        let lawful = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if lawful && !value.is_empty() {
            out.insert(name, Value::from(fit(value, VALUE, Unit::Bytes, plain)));
        }
    }
    out
}

/// Label names and values make the identity of an alert; `ends_ms` is when it is over.
fn alert(message: &Message<'_>, severity: Severity, ends_ms: i64) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("labels".to_owned(), Value::Object(labels(message, severity)));
    let annotations = json!({
        "summary": fit(&message.title(), VALUE, Unit::Bytes, plain),
        "description": fit(&message.delivery.text, VALUE, Unit::Bytes, plain),
    });
    out.insert("annotations".to_owned(), annotations);
    out.insert("startsAt".to_owned(), Value::from(message.started_at()));
    out.insert("endsAt".to_owned(), Value::from(rfc3339(ends_ms)));
    if let Some(link) = message.link() {
        out.insert("generatorURL".to_owned(), Value::from(link));
    }
    out
}

fn alerts(message: &Message<'_>) -> Value {
    let Delivery { at_ms, state, severity, .. } = *message.delivery;
    let ends_ms = match state {
        AlertState::Event => at_ms.saturating_add(EVENT),
        AlertState::Firing => at_ms.saturating_add(FIRING),
        AlertState::Resolved => at_ms,
    };
    let mut all = vec![Value::Object(alert(message, severity, ends_ms))];
    if state != AlertState::Event {
        let others = [Severity::Info, Severity::Warning, Severity::Critical];
        let others = others.into_iter().filter(|other| *other != severity);
        all.extend(others.map(|other| Value::Object(alert(message, other, at_ms))));
    }
    Value::Array(all)
}

/// What Alertmanager would send to a webhook of its own, version 4.
pub(super) fn webhook(delivery: &Delivery) -> Value {
    let message = Message::of(delivery);
    let status = if delivery.state == AlertState::Resolved { "resolved" } else { "firing" };
    let mut one = alert(&message, delivery.severity, delivery.at_ms);
    if status == "firing" {
        // How Alertmanager writes that there is no end yet.
        one.insert("endsAt".to_owned(), Value::from("0001-01-01T00:00:00Z"));
    }
    one.insert("status".to_owned(), Value::from(status));
    one.insert("fingerprint".to_owned(), Value::from(delivery.episode_id.get(..16).unwrap_or_default()));
    one.entry("generatorURL").or_insert(Value::from(""));
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{alertname={:?}, key={:?}}}", delivery.rule, delivery.key),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "tradehook",
        "groupLabels": {"alertname": delivery.rule},
        "commonLabels": one.get("labels"),
        "commonAnnotations": one.get("annotations"),
        "externalURL": "",
        "alerts": [one],
    })
}

impl Form for Alertmanager {
    fn name(&self) -> &'static str {
        "alertmanager"
    }

    fn post(&self, delivery: &Delivery, _: i64) -> Result<Post, &'static str> {
        if delivery.content == Content::Records {
            return Err("Alertmanager takes no records");
        }
        let body = alerts(&Message::of(delivery));
        Ok(Post { path: "/api/v2/alerts".to_owned(), ..Post::json(&body) })
    }

    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        // Its errors are a JSON string, or an object with a message.
        let said = match reply.json() {
            Value::String(text) => text,
            other => other.pointer("/message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        reply.usual(&said)
    }
}
