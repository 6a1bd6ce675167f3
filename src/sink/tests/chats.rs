//! What every answer of every receiver means, and that none of them gives a secret away.

use super::{payloads::channels, *};

/// Delivers once over the channel `name` to a receiver with these answers.
async fn told(name: &str, answers: Vec<String>) -> (Outcome, Vec<String>) {
    let (url, mut requests) = receiver_of(answers, true).await;
    let (_, sink) = channels(&url).into_iter().find(|(n, _)| *n == name).unwrap();
    let outcome = sink.deliver(&delivery()).await;
    let mut seen = Vec::new();
    while let Ok(request) = requests.try_recv() {
        seen.push(request);
    }
    assert!(!format!("{sink:?}").contains("secret-token"), "{sink:?}");
    (outcome, seen)
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Delivered | Outcome::DeliveredAndFull { .. } => "",
        Outcome::Retry { reason, .. } | Outcome::Permanent { reason } | Outcome::Broken { reason } => reason,
    }
}

/// The table of docs/channels.md.
#[tokio::test]
async fn every_answer_of_every_receiver_is_classed() {
    let check = async |name: &str, head: &str, body: &str, expect: &str, says: &str| {
        let (outcome, _) = told(name, vec![answer(head, body)]).await;
        assert_eq!(word(&outcome), expect, "{name} {head} {body}");
        assert!(reason(&outcome).contains(says), "{name} {head}: {outcome:?}");
        assert!(!format!("{outcome:?}").contains("secret-token"), "{name}: {outcome:?}");
    };
    for name in ["slack", "discord", "ntfy", "pagerduty", "alertmanager"] {
        for ok in ["200 OK", "202 Accepted", "204 No Content"] {
            check(name, ok, "", "delivered", "").await;
        }
        for broken in ["401 U", "403 F", "404 N", "410 G"] {
            check(name, broken, "", "broken", "answered").await;
        }
        for later in ["408 T", "500 E", "502 B", "503 U", "504 G"] {
            check(name, later, "", "retry None", "answered").await;
        }
        check(name, "429 T", "", "retry Some(60s)", "429").await;
        check(name, "429 T\r\nretry-after: 7", "", "retry Some(7s)", "429").await;
        check(name, "503 U\r\nretry-after: Sat, 22 Nov 2025 00:03:00 GMT", "", "retry Some(59.001s)", "")
            .await;
        check(name, "429 T\r\nretry-after: 99999999", "", "retry Some(3600s)", "").await;
        for refused in ["400 B", "413 L", "422 U", "302 F\r\nlocation: http://127.0.0.1:1/"] {
            check(name, refused, "", "permanent", "answered").await;
        }
    }
    check("slack", "404 N", "no_service", "broken", "no_service").await;
    check("slack", "400 B", "invalid_payload", "permanent", "invalid_payload").await;
    check("slack", "404 N", "no such hook: /hooks/secret-token?x=1", "broken", "[secret]").await;
    check(
        "discord",
        "400 B",
        r#"{"message":"Invalid Form Body","code":50035}"#,
        "permanent",
        "Invalid Form Body",
    )
    .await;
    check(
        "discord",
        "429 T\r\nretry-after: 65",
        r#"{"retry_after":64.57,"global":false}"#,
        "retry Some(64.57s)",
        "",
    )
    .await;
    check("discord", "429 T", r#"{"retry_after":-1e99}"#, "retry Some(60s)", "").await;
    check("discord", "429 T", r#"{"retry_after":1e300}"#, "retry Some(3600s)", "").await;
    let full = "200 OK\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset-after: 1.5";
    check("discord", full, "{}", "delivered, full 1.5s", "").await;
    let room = "200 OK\r\nx-ratelimit-remaining: 3\r\nx-ratelimit-reset-after: 1.5";
    check("discord", room, "{}", "delivered", "").await;
    check("ntfy", "413 L", r#"{"code":41301,"error":"too large"}"#, "permanent", "too large").await;
    check("ntfy", "403 F", r#"{"error":"no tk_secret-token in secret-token-topic"}"#, "broken", "[secret]")
        .await;
    check("pagerduty", "400 B", r#"{"status":"invalid event","errors":["bad key"]}"#, "permanent", "bad key")
        .await;
    check("alertmanager", "400 B", r#""bad start time""#, "permanent", "bad start time").await;
    check("alertmanager", "400 B", r#"{"code":601,"message":"labels"}"#, "permanent", "labels").await;
    check("telegram", "200 OK", r#"{"ok":true,"result":{}}"#, "delivered", "").await;
    check("telegram", "200 OK", r#"<html>a portal that wants a login</html>"#, "retry None", "200").await;
    let said = |text: &str| format!(r#"{{"ok":false,"description":"{text}"}}"#);
    check("telegram", "401 U", &said("Unauthorized"), "broken", "Unauthorized").await;
    check("telegram", "403 F", &said("Forbidden: bot was blocked"), "broken", "blocked").await;
    check("telegram", "404 N", &said("no /bot12345:secret-token/sendMessage"), "broken", "[secret]").await;
    check("telegram", "400 B", &said("Bad Request: chat not found"), "broken", "chat not found").await;
    check("telegram", "400 B", &said("Bad Request: message is too long"), "permanent", "too long").await;
    check("telegram", "502 B", "<html>", "retry None", "502").await;
    let slow = r#"{"ok":false,"description":"Too Many","parameters":{"retry_after":35}}"#;
    check("telegram", "429 T", slow, "retry Some(35s)", "Too Many").await;
    let moved = r#"{"ok":false,"description":"upgraded","parameters":{"migrate_to_chat_id":-100777}}"#;
    check("telegram", "400 B", moved, "broken", "chat_id = \"-100777\"").await;
}

#[tokio::test]
async fn markup_that_telegram_refuses_goes_out_once_more_as_plain_text() {
    let refused = r#"{"ok":false,"description":"Bad Request: can't parse entities: at 7"}"#;
    let answers = vec![answer("400 B", refused), answer("200 OK", r#"{"ok":true}"#)];
    let (outcome, seen) = told("telegram", answers).await;
    assert_eq!(outcome, Outcome::Delivered);
    let [first, second] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(first.contains("parse_mode") && first.contains("<b>"), "{first}");
    assert!(!second.contains("parse_mode") && !second.contains("<b>"), "{second}");
    let (outcome, seen) = told("telegram", vec![answer("400 B", refused)]).await;
    assert_eq!((word(&outcome).as_str(), seen.len()), ("permanent", 2), "once, not for ever");
}

#[tokio::test]
async fn no_receiver_is_waited_for_longer_than_its_timeout() {
    let (url, _requests) = receiver("", true).await;
    for make in [HttpSink::slack, HttpSink::discord, HttpSink::alertmanager] {
        let outcome = make(to(&url, 100), clock()).unwrap().deliver(&delivery()).await;
        assert_eq!(word(&outcome), "retry None");
        assert!(!format!("{outcome:?}").contains("secret-token"), "{outcome:?}");
    }
}

/// [bounded]
#[tokio::test]
async fn an_error_of_a_megabyte_is_shown_in_short() {
    let (outcome, _) = told("slack", vec![answer("400 B", &"x\u{1b}[2J\n".repeat(200_000))]).await;
    let shown = reason(&outcome);
    assert!(shown.chars().count() < 300 && !shown.contains(['\u{1b}', '\n']), "{shown}");
}
