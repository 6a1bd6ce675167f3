//! One message for many that came too late for their channel.
//!
//! It says how many, lists the oldest, and counts what an earlier one of its kind counted. The whole
//! messages are kept as dead letters.
//!
//! Keeps: [bounded] [loss-is-said]

use crate::{
    alert::{AlertState, Severity},
    delivery::{Content, Delivery},
};
use jiff::{Timestamp, tz::Offset};
use serde::{Deserialize, Serialize};

/// Messages that are listed, beside the count of all.
const LISTED: usize = 20;
/// Of the text of one of them.
const MAX_TEXT: usize = 160;

/// What stands in the body of a digest.
#[derive(Debug, Serialize, Deserialize)]
struct Body {
    r#type: String,
    version: u32,
    notification_id: String,
    reason: String,
    channel: String,
    count: u64,
    oldest_at_ms: i64,
    items: Vec<Item>,
    text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Item {
    notification_id: String,
    at_ms: i64,
    rule: String,
    key: String,
    severity: Severity,
    state: AlertState,
    text: String,
}

/// The lane of a channel's digests of this kind; the policy has others, of its own.
pub(super) fn lane(channel: &str) -> String {
    format!("{channel}/too-old")
}

/// The digest of `members`, in the order of the queue; earlier digests may be among them, but not
/// alone: then there is none.
pub(super) fn of(channel: &str, members: &[Delivery], now_ms: i64) -> Option<Delivery> {
    let own_lane = lane(channel);
    let messages = || members.iter().filter(|member| member.lane != own_lane);
    let earlier = members.iter().filter(|member| member.lane == own_lane);
    let (read, unread): (Vec<_>, Vec<_>) =
        earlier.map(|member| serde_json::from_str::<Body>(&member.body)).partition(Result::is_ok);
    let earlier: Vec<Body> = read.into_iter().flatten().collect();
    // Every message is told of in one digest only, so that its id makes this one's.
    let id = format!("digest-{}", messages().next_back()?.notification_id);
    // One of another program's form told of one message at least.
    let count =
        messages().count() as u64 + unread.len() as u64 + earlier.iter().map(|body| body.count).sum::<u64>();
    let times = messages().map(|m| m.at_ms).chain(earlier.iter().map(|body| body.oldest_at_ms));
    let oldest_at_ms = times.min().unwrap_or(now_ms);
    let mut items: Vec<Item> = earlier.into_iter().flat_map(|body| body.items).collect();
    items.extend(messages().take(LISTED).map(item));
    items.truncate(LISTED);
    let text = text(count, oldest_at_ms, &items);
    let body = Body {
        r#type: "alert.digest".to_owned(),
        version: 1,
        notification_id: id.clone(),
        reason: "not delivered in time".to_owned(),
        channel: channel.to_owned(),
        count,
        oldest_at_ms,
        items,
        text: text.clone(),
    };
    Some(Delivery {
        notification_id: id,
        channel: channel.to_owned(),
        lane: own_lane,
        episode_id: String::new(),
        content: Content::Alert,
        at_ms: now_ms,
        severity: members.iter().map(|member| member.severity).max().unwrap_or_default(),
        state: AlertState::Event,
        rule: "not delivered in time".to_owned(),
        key: String::new(),
        text,
        body: serde_json::to_string(&body).unwrap_or_default(),
    })
}

fn item(delivery: &Delivery) -> Item {
    let text = delivery.text.lines().next().unwrap_or_default();
    Item {
        notification_id: delivery.notification_id.clone(),
        at_ms: delivery.at_ms,
        rule: delivery.rule.chars().take(MAX_TEXT).collect(),
        key: delivery.key.chars().take(MAX_TEXT).collect(),
        severity: delivery.severity,
        state: delivery.state,
        text: text.chars().take(MAX_TEXT).collect(),
    }
}

/// `3 alerts were not delivered in time, the oldest of 2026-11-22 09:02:11 KST:` and a line for each.
fn text(count: u64, oldest_at_ms: i64, items: &[Item]) -> String {
    let (what, were) = if count == 1 { ("alert", "was") } else { ("alerts", "were") };
    let mut out = format!(
        "{count} {what} {were} not delivered in time, the oldest of {} KST:",
        kst(oldest_at_ms, "%Y-%m-%d %H:%M:%S")
    );
    for Item { at_ms, rule, key, severity, state, text, .. } in items {
        let mut words = vec![kst(*at_ms, "%m-%d %H:%M:%S")];
        if *severity > Severity::Info {
            words.push(severity.as_str().to_owned());
        }
        if *state == AlertState::Resolved {
            words.push("resolved".to_owned());
        }
        // The text often begins with what it is about.
        words.extend([key, rule].into_iter().filter(|w| !w.is_empty() && !text.starts_with(*w)).cloned());
        out.push_str(&format!("\n{}: {text}", words.join(" ")));
    }
    let more = count.saturating_sub(items.len() as u64);
    if more > 0 {
        out.push_str(&format!("\nand {more} more"));
    }
    out
}

fn kst(at_ms: i64, format: &str) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    Offset::constant(9).to_datetime(at).strftime(format).to_string()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn message(n: i64) -> Delivery {
        Delivery {
            notification_id: format!("n{n}"),
            channel: "chat".to_owned(),
            lane: format!("chat/{}", n % 3),
            episode_id: "e".to_owned(),
            content: Content::Alert,
            at_ms: 1_763_789_482_000 + n * 1000,
            severity: if n == 2 { Severity::Critical } else { Severity::Info },
            state: if n == 3 { AlertState::Resolved } else { AlertState::Event },
            rule: "whale".to_owned(),
            key: "KRW-BTC".to_owned(),
            text: format!("KRW-BTC bought for {n}\nsecond line"),
            body: "{}".to_owned(),
        }
    }

    /// [loss-is-said]
    #[test]
    fn it_counts_all_lists_the_oldest_and_takes_in_an_earlier_one() {
        let first: Vec<_> = (1..4).map(message).collect();
        let digest = of("chat", &first, 9).unwrap();
        assert_eq!(
            digest.text,
            "3 alerts were not delivered in time, the oldest of 2025-11-22 14:31:23 KST:\n\
             11-22 14:31:23 whale: KRW-BTC bought for 1\n\
             11-22 14:31:24 critical whale: KRW-BTC bought for 2\n\
             11-22 14:31:25 resolved whale: KRW-BTC bought for 3"
        );
        assert_eq!((digest.notification_id.as_str(), digest.severity), ("digest-n3", Severity::Critical));
        let mut more: Vec<_> = (4..104).map(message).collect();
        more.insert(50, digest.clone());
        let merged = of("chat", &more, 9).unwrap();
        assert!(
            merged
                .text
                .starts_with("103 alerts were not delivered in time, the oldest of 2025-11-22 14:31:23")
        );
        assert!(
            merged.text.contains("bought for 1\n") && merged.text.ends_with("\nand 83 more"),
            "{}",
            merged.text
        );
        assert_eq!(merged.notification_id, "digest-n103");
        assert_eq!(of("chat", &[digest], 9), None, "a digest is not told of in a digest of its own");
    }

    /// [bounded]
    #[test]
    fn it_stays_small_whatever_it_tells_of() {
        let long = Delivery { text: "한".repeat(100_000), rule: "r".repeat(100_000), ..message(1) };
        let digest = of("chat", &vec![long; 3000], 9).unwrap();
        assert!(digest.text.len() < 20_000 && digest.body.len() < 40_000, "{}", digest.body.len());
    }
}
