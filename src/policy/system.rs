//! Messages that no rule caused.

use super::{
    identity::{self, hex},
    value,
};
use crate::{
    alert::{AlertState, Severity},
    delivery::{Content, Delivery},
};
use serde_json::json;

/// A message that tests a channel, clearly marked as such. `nonce` tells two tests of one channel
/// in the same ms apart.
#[must_use]
pub fn system_test(channel: &str, at_ms: i64, nonce: u64) -> Delivery {
    let fields: [&[u8]; 4] =
        [b"tradehook.test.1", channel.as_bytes(), &at_ms.to_le_bytes(), &nonce.to_le_bytes()];
    let id = hex(&identity::hash(&fields));
    let text = format!("test message of tradehook for the channel {channel}; nothing has happened");
    let body = json!({
        "type": "system.test",
        "version": 1,
        "notification_id": id,
        "episode_id": id,
        "rule": { "id": "test", "name": "", "severity": "info", "kind": "test" },
        "key": { "name": channel },
        "state": "event",
        "at": value::utc(at_ms),
        "at_kst": value::kst(at_ms),
        "replay": false,
        "title": text,
        "text": text,
    });
    Delivery {
        notification_id: id.clone(),
        channel: channel.to_owned(),
        lane: format!("{channel}/test"),
        episode_id: id,
        content: Content::Alert,
        at_ms,
        severity: Severity::Info,
        state: AlertState::Event,
        rule: "test".to_owned(),
        key: channel.to_owned(),
        text,
        body: body.to_string(),
    }
}
