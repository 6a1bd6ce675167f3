//! A message that is nothing but a test, sent once over a channel.

use crate::{
    alert::{AlertState, Severity},
    delivery::{Content, Delivery, Outcome, Sink},
};
use jiff::Timestamp;
use serde_json::json;

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Whether the receiver has it.
    pub delivered: bool,
    /// What happened, for a person; without secrets.
    pub sentence: String,
    /// What the sender would have made of it.
    pub outcome: Outcome,
}

/// Delivers one message of the type `system.test`, by one attempt: what any other message would go
/// through, but no outbox. It says that it is a test in every form of it. `id` tells one test from
/// another.
pub async fn test(channel: &str, sink: &dyn Sink, id: &str, now_ms: i64) -> Tested {
    let outcome = sink.deliver(&message(channel, id, now_ms)).await;
    let (delivered, sentence) = match &outcome {
        Outcome::Delivered | Outcome::DeliveredAndFull { .. } => {
            (true, format!("channel {channel}: the test message was delivered (id {})", short(id)))
        }
        Outcome::Retry { after: None, reason } => {
            (false, format!("channel {channel}: it did not work this time: {reason}"))
        }
        Outcome::Retry { after: Some(after), reason } => {
            (false, format!("channel {channel}: its receiver asks to wait {} s: {reason}", after.as_secs()))
        }
        Outcome::Permanent { reason } => {
            (false, format!("channel {channel}: the message was refused: {reason}"))
        }
        Outcome::Broken { reason } => {
            (false, format!("channel {channel}: it is of no use as it is configured: {reason}"))
        }
    };
    Tested { delivered, sentence, outcome }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn message(channel: &str, id: &str, now_ms: i64) -> Delivery {
    let text = format!("This is a test of the channel {channel}. Nothing happened on any market.");
    let at = Timestamp::from_millisecond(now_ms).unwrap_or_default().to_string();
    let body = json!({
        "type": "system.test", "version": 1, "notification_id": id, "channel": channel,
        "at": at, "state": "event", "severity": "info", "text": text,
    });
    Delivery {
        notification_id: id.to_owned(),
        channel: channel.to_owned(),
        lane: format!("{channel}/test"),
        episode_id: id.to_owned(),
        content: Content::Alert,
        at_ms: now_ms,
        severity: Severity::Info,
        state: AlertState::Event,
        rule: "test".to_owned(),
        key: String::new(),
        text,
        body: body.to_string(),
    }
}
