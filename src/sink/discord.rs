//! Discord, through a webhook: one embed, with every mention off.
//!
//! `wait=true` makes Discord answer when the message is saved, not before. Text is escaped for its
//! Markdown, in which `[text](url)` would be a link under a false name.
//!
//! Limits (discord-api-docs, seen 2026-11): title 256 characters, description 4,096, 6,000
//! together. Rates are not to be assumed: `X-RateLimit-*` says when there is room, and `retry_after`
//! in the body of a 429 is in seconds with a fraction. 10,000 refusals in ten minutes are a ban.
//!
//! Keeps: [guest-text-is-data] [bounded]

use super::{
    message::{Message, rfc3339},
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    text::{Unit, fit, markdown, plain},
};
use crate::{
    alert::{AlertState, Severity},
    delivery::{Clock, Delivery, Outcome},
};
use serde_json::{Value, json};

const TITLE: usize = 256;
const DESCRIPTION: usize = 4096;
const FOOTER: usize = 256;

struct Discord;

impl HttpSink {
    /// A webhook of Discord.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn discord(http: HttpSettings, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(Discord), clock)
    }
}

fn colour(delivery: &Delivery) -> u32 {
    match (delivery.state, delivery.severity) {
        (AlertState::Resolved, _) => 0x002e_7d32,
        (_, Severity::Critical) => 0x00c6_2828,
        (_, Severity::Warning) => 0x00f9_a825,
        (_, Severity::Info) => 0x0015_65c0,
    }
}

impl Form for Discord {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn post(&self, delivery: &Delivery, _: i64) -> Result<Post, &'static str> {
        let message = Message::of(delivery);
        let mut embed = json!({
            "title": fit(&message.title(), TITLE, Unit::Utf16, markdown),
            "description": fit(&delivery.text, DESCRIPTION, Unit::Utf16, markdown),
            "color": colour(delivery),
            "timestamp": rfc3339(delivery.at_ms),
            "footer": {"text": fit(&message.footer(), FOOTER, Unit::Utf16, plain)},
        });
        if let (Some(link), Some(embed)) = (message.link(), embed.as_object_mut()) {
            embed.insert("url".to_owned(), Value::from(link));
        }
        let body = json!({"embeds": [embed], "allowed_mentions": {"parse": []}});
        Ok(Post { query: "wait=true", ..Post::json(&body) })
    }

    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        let body = reply.json();
        let header = |name| reply.headers().get(name)?.to_str().ok()?.parse::<f64>().ok();
        match reply.usual(body.pointer("/message").and_then(Value::as_str).unwrap_or_default()) {
            Outcome::Retry { after, reason } => {
                let asked = reply.seconds(body.pointer("/retry_after").and_then(Value::as_f64));
                Outcome::Retry { after: asked.or(after), reason }
            }
            Outcome::Delivered if header("x-ratelimit-remaining") == Some(0.0) => {
                match reply.seconds(header("x-ratelimit-reset-after")) {
                    Some(pause) => Outcome::DeliveredAndFull { pause },
                    None => Outcome::Delivered,
                }
            }
            outcome => outcome,
        }
    }
}
