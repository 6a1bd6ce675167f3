//! The generic webhook: POST of the canonical JSON, signed as Standard Webhooks 1.0.0 has it, or of
//! Alertmanager's webhook payload for receivers that are made for that.
//!
//! `webhook-id` is the notification id at every attempt, by which the receiver can tell a
//! repetition; the timestamp is that of the attempt.

use super::{
    alertmanager,
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    signature::Secret,
};
use crate::delivery::{Clock, Content, Delivery, Outcome};

/// What the body of a webhook is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The canonical event; of records one line each.
    #[default]
    Canonical,
    /// The payload, version 4, that Alertmanager sends to webhooks.
    Alertmanager,
}

/// What a webhook needs beside its URL.
#[derive(Clone, Debug, Default)]
pub struct WebhookSettings {
    /// `None`: unsigned.
    pub secret: Option<Secret>,
    /// What is sent.
    pub format: WebhookFormat,
}

struct Webhook(WebhookSettings);

impl HttpSink {
    /// The generic webhook.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn webhook(http: HttpSettings, settings: WebhookSettings, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(Webhook(settings)), clock)
    }
}

impl Form for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn post(&self, delivery: &Delivery, now_ms: i64) -> Result<Post, &'static str> {
        let (body, content_type) = match (self.0.format, delivery.content) {
            (WebhookFormat::Canonical, Content::Alert) => (delivery.body.clone(), "application/json"),
            (WebhookFormat::Canonical, Content::Records) => (delivery.body.clone(), "application/x-ndjson"),
            (WebhookFormat::Alertmanager, Content::Alert) => {
                (alertmanager::webhook(delivery).to_string(), "application/json")
            }
            (WebhookFormat::Alertmanager, Content::Records) => {
                return Err("Alertmanager's payload has no form for records");
            }
        };
        let (id, timestamp) = (&delivery.notification_id, now_ms.div_euclid(1000));
        let mut headers = vec![("webhook-id", id.clone()), ("webhook-timestamp", timestamp.to_string())];
        if let Some(secret) = &self.0.secret {
            headers.push(("webhook-signature", secret.sign(id, timestamp, &body)));
        }
        Ok(Post { headers, content_type, body, ..Post::default() })
    }

    /// An endpoint of one's own may be away for a while: only 410 says that it is gone for good.
    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        match reply.code() {
            200..=299 => Outcome::Delivered,
            410 => reply.broken(""),
            408 | 429 | 500..=599 => reply.retry(reply.wait(), ""),
            _ => reply.permanent(""),
        }
    }
}
