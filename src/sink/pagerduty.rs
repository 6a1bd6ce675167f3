//! PagerDuty, through its Events API v2.
//!
//! An episode is an incident: `dedup_key` is its id, by which a repetition changes nothing and the
//! end of the episode resolves it. An event has no end of its own: a person closes it.
//!
//! Limits (PagerDuty's developer-docs, seen 2026-11): 512 KB an event, 1,024 characters of summary;
//! the rate is the service's own, told by 429.
//!
//! Keeps: [guest-text-is-data] (it is plain text) [bounded]

use super::{
    message::{Message, rfc3339},
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    text::{Unit, fit, plain},
};
use crate::{
    alert::AlertState,
    delivery::{Clock, Content, Delivery, Outcome},
};
use serde_json::{Value, json};

const SUMMARY: usize = 1024;
/// Of a body that may have 512 KB, with room for the rest and for what JSON escapes.
const DETAILS: usize = 200 * 1024;

struct PagerDuty {
    routing_key: String,
}

impl HttpSink {
    /// A service of PagerDuty. The URL is that of the Events API.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn pagerduty(http: HttpSettings, routing_key: String, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(PagerDuty { routing_key }), clock)
    }
}

fn action(message: &Message<'_>) -> &'static str {
    match (message.kind(), message.delivery.state) {
        ("alert.acknowledged", _) => "acknowledge",
        (_, AlertState::Resolved) => "resolve",
        (_, AlertState::Event | AlertState::Firing) => "trigger",
    }
}

impl Form for PagerDuty {
    fn name(&self) -> &'static str {
        "pagerduty"
    }

    fn post(&self, delivery: &Delivery, _: i64) -> Result<Post, &'static str> {
        if delivery.content == Content::Records {
            return Err("records are not for a pager");
        }
        let message = Message::of(delivery);
        let key =
            if delivery.episode_id.is_empty() { &delivery.notification_id } else { &delivery.episode_id };
        let action = action(&message);
        let mut body = json!({
            "routing_key": self.routing_key,
            "event_action": action,
            "dedup_key": fit(key, 255, Unit::Chars, plain),
        });
        if let (true, Some(body)) = (action == "trigger", body.as_object_mut()) {
            let summary = format!("{}: {}", message.title(), delivery.text);
            let source = if delivery.key.is_empty() { "tradehook" } else { &delivery.key };
            let short = |text: &str| fit(text, 255, Unit::Chars, plain);
            let mut payload = json!({
                "summary": fit(&summary, SUMMARY, Unit::Chars, plain),
                "source": short(source),
                "severity": delivery.severity.as_str(),
                "timestamp": rfc3339(delivery.at_ms),
                "component": short(&delivery.rule),
            });
            if let (Some(details), Some(payload)) = (message.details(DETAILS), payload.as_object_mut()) {
                payload.insert("custom_details".to_owned(), details.clone());
            }
            body.insert("payload".to_owned(), payload);
            body.insert("client".to_owned(), Value::from("tradehook"));
            if let Some(link) = message.link() {
                body.insert("links".to_owned(), json!([{"href": link, "text": "Upbit"}]));
            }
        }
        Ok(Post::json(&body))
    }

    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        let body = reply.json();
        let errors = body.pointer("/errors/0").or_else(|| body.pointer("/message"));
        reply.usual(errors.and_then(Value::as_str).unwrap_or_default())
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.routing_key.clone()]
    }
}
