//! Slack, through an incoming webhook.
//!
//! A section with the text, a context with time and id, and a text for the notification. What
//! stands between `<` and `>` is obeyed by Slack (`<!channel>` wakes everybody), so that it is
//! escaped, and `verbatim` keeps it from making links of its own.
//!
//! Limits: a message a second (docs.slack.dev, seen 2026-11); 3,000 characters in a section.
//! Whoever goes on after 429 can lose the app.
//!
//! Keeps: [guest-text-is-data] [bounded]

use super::{
    message::Message,
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    text::{Unit, fit, html},
};
use crate::delivery::{Clock, Delivery, Outcome};
use serde_json::json;

const SECTION: usize = 3000;
const TITLE: usize = 250;
const FALLBACK: usize = 500;

struct Slack;

impl HttpSink {
    /// An incoming webhook of Slack.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn slack(http: HttpSettings, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(Slack), clock)
    }
}

impl Form for Slack {
    fn name(&self) -> &'static str {
        "slack_webhook"
    }

    fn post(&self, delivery: &Delivery, _: i64) -> Result<Post, &'static str> {
        let message = Message::of(delivery);
        let title = fit(&message.title(), TITLE, Unit::Chars, html);
        let room = SECTION - TITLE - "**\n".len();
        let text = fit(&delivery.text, room, Unit::Chars, html);
        let footer = fit(&message.footer(), TITLE, Unit::Chars, html);
        let mrkdwn = |text: String| json!({"type": "mrkdwn", "text": text, "verbatim": true});
        Ok(Post::json(&json!({
            "text": fit(&format!("{}: {}", message.title(), delivery.text), FALLBACK, Unit::Chars, html),
            "blocks": [
                {"type": "section", "text": mrkdwn(format!("*{title}*\n{text}"))},
                {"type": "context", "elements": [mrkdwn(footer)]},
            ],
        })))
    }

    /// Slack answers with a word: `ok`, `invalid_payload`, `no_service`, `channel_is_archived`.
    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        reply.usual(&reply.text())
    }
}
