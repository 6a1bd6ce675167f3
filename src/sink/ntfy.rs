//! ntfy: JSON to the root of its server.
//!
//! Who knows a topic of a public server can read it, so that the topic is never shown.
//!
//! Limits (docs of ntfy, 2025-07): 4,096 bytes, longer ones become attachments; 60 messages at
//! once, then one in five seconds; on ntfy.sh 250 a day for free.
//!
//! Keeps: [guest-text-is-data] (it is plain text) [bounded]

use super::{
    message::Message,
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    text::{Unit, fit, plain},
};
use crate::{
    alert::{AlertState, Severity},
    delivery::{Clock, Delivery, Outcome},
};
use serde_json::{Value, json};
use std::fmt;

const TEXT: usize = 4096;
const TITLE: usize = 250;

/// What ntfy needs beside the address of its server.
#[derive(Clone)]
pub struct NtfySettings {
    /// The topic; as good as a password on a public server.
    pub topic: String,
    /// An access token.
    pub token: Option<String>,
}

impl fmt::Debug for NtfySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtfySettings")
    }
}

struct Ntfy(NtfySettings);

impl HttpSink {
    /// A topic of ntfy. The URL is the root of its server.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn ntfy(http: HttpSettings, settings: NtfySettings, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(Ntfy(settings)), clock)
    }
}

impl Form for Ntfy {
    fn name(&self) -> &'static str {
        "ntfy"
    }

    fn post(&self, delivery: &Delivery, _: i64) -> Result<Post, &'static str> {
        let message = Message::of(delivery);
        let (priority, tag) = match (delivery.state, delivery.severity) {
            (AlertState::Resolved, _) => (3, "white_check_mark"),
            (_, Severity::Critical) => (5, "rotating_light"),
            (_, Severity::Warning) => (4, "warning"),
            (_, Severity::Info) => (3, "chart_with_upwards_trend"),
        };
        let footer = fit(&message.footer(), TITLE, Unit::Bytes, plain);
        let text = fit(&delivery.text, TEXT - TITLE - 1, Unit::Bytes, plain);
        let mut body = json!({
            "topic": self.0.topic,
            "title": fit(&message.title(), TITLE, Unit::Bytes, plain),
            "message": format!("{text}\n{footer}"),
            "priority": priority,
            "tags": [tag],
        });
        if let (Some(link), Some(body)) = (message.link(), body.as_object_mut()) {
            body.insert("click".to_owned(), Value::from(link));
        }
        let bearer = self.0.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        Ok(Post { headers: bearer.into_iter().collect(), ..Post::json(&body) })
    }

    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        reply.usual(reply.json().pointer("/error").and_then(Value::as_str).unwrap_or_default())
    }

    fn secrets(&self) -> Vec<String> {
        self.0.token.iter().chain([&self.0.topic]).cloned().collect()
    }
}
