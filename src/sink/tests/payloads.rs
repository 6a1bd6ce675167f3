//! What every channel is sent, byte for byte: `golden/CHANNEL.http`, rewritten by UPDATE_GOLDEN=1.

use super::*;
use std::path::PathBuf;

/// Text that each of the media would obey in its own way.
pub(super) const HOSTILE: &str =
    "<!channel> <b>@everyone</b> [free](https://evil.example) *bold* `code` & \u{202e}\u{1b}[2J \"quoted\"";

fn body(kind: &str, text: &str) -> String {
    let at = "2025-11-22T05:31:22Z";
    serde_json::json!({
        "type": kind, "version": 1, "notification_id": ID, "episode_id": EPISODE,
        "rule": {"id": "fast-move", "name": "fast move", "severity": "warning"},
        "key": {"market": "KRW-BTC", "name": "KRW-BTC"}, "at": at, "started_at": "2025-11-22T05:30:00Z",
        "values": {"price": "100010000", "change_pct": "3.1"}, "labels": {"team": "desk", "a b": "c"},
        "links": {"upbit": "https://upbit.com/exchange?code=CRIX.UPBIT.KRW-BTC"}, "text": text,
    })
    .to_string()
}

const ID: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809";
const EPISODE: &str = "e1e2e3e4e5e6e7e8e1e2e3e4e5e6e7e8e1e2e3e4e5e6e7e8e1e2e3e4e5e6e7e8";

pub(super) fn sample(kind: &str, state: AlertState, severity: Severity, text: &str) -> Delivery {
    Delivery {
        notification_id: ID.to_owned(),
        episode_id: EPISODE.to_owned(),
        rule: "fast-move".to_owned(),
        state,
        severity,
        text: text.to_owned(),
        body: body(kind, text),
        ..delivery()
    }
}

fn samples() -> Vec<(&'static str, Delivery)> {
    use {AlertState::*, Severity::*};
    let plain = "KRW-BTC moved +3.1 % in 5m, at 100,010,000";
    vec![
        ("event", sample("alert.event", Event, Info, plain)),
        ("firing", sample("alert.firing", Firing, Critical, plain)),
        ("resolved", sample("alert.resolved", Resolved, Warning, plain)),
        ("hostile", sample("alert.event", Event, Warning, HOSTILE)),
        ("test", sample("system.test", Event, Info, "This is a test.")),
        (
            "records",
            Delivery {
                content: Content::Records,
                rule: "bars".to_owned(),
                key: String::new(),
                episode_id: String::new(),
                text: "bar a\nbar b\n".to_owned(),
                body: "{\"a\":1}\n{\"b\":2}\n".to_owned(),
                notification_id: ID.to_owned(),
                ..delivery()
            },
        ),
    ]
}

/// Every channel that speaks HTTP, at `url`.
pub(super) fn channels(url: &str) -> Vec<(&'static str, HttpSink)> {
    let (http, root) = (to(url, 5_000), to(url.split("/hooks").next().unwrap(), 5_000));
    let telegram = TelegramSettings {
        token: "12345:secret-token".to_owned(),
        chat_id: "-1001234567890".to_owned(),
        thread_id: Some(7),
    };
    let ntfy =
        NtfySettings { topic: "secret-token-topic".to_owned(), token: Some("tk_secret-token".to_owned()) };
    let secret = Secret::parse("whsec_bmV3").unwrap();
    let hook = |format| WebhookSettings { secret: Some(secret.clone()), format };
    vec![
        ("slack", HttpSink::slack(http.clone(), clock()).unwrap()),
        ("discord", HttpSink::discord(http.clone(), clock()).unwrap()),
        ("telegram", HttpSink::telegram(root.clone(), telegram, clock()).unwrap()),
        ("ntfy", HttpSink::ntfy(root.clone(), ntfy, clock()).unwrap()),
        ("pagerduty", HttpSink::pagerduty(http.clone(), "secret-token-key".to_owned(), clock()).unwrap()),
        ("alertmanager", HttpSink::alertmanager(root, clock()).unwrap()),
        ("webhook", HttpSink::webhook(http.clone(), hook(WebhookFormat::Canonical), clock()).unwrap()),
        ("webhook-am", HttpSink::webhook(http, hook(WebhookFormat::Alertmanager), clock()).unwrap()),
    ]
}

/// A request as it is kept: what differs from run to run is left out, JSON is spread over lines.
fn drawn(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let own = |line: &&str| !["host:", "user-agent:", "content-length:"].iter().any(|h| line.starts_with(h));
    let head: Vec<_> = head.lines().filter(own).collect();
    let body = serde_json::from_str::<serde_json::Value>(body)
        .map_or(body.to_owned(), |json| serde_json::to_string_pretty(&json).unwrap());
    format!("{}\n\n{body}\n", head.join("\n"))
}

/// [guest-text-is-data]
#[tokio::test]
async fn every_channel_sends_what_was_agreed() {
    let ok = answer("200 OK", r#"{"ok":true}"#);
    let (url, mut requests) = receiver(&ok, true).await;
    for (name, sink) in channels(&url) {
        let mut all = String::new();
        for (sample, delivery) in samples() {
            all.push_str(&format!("### {sample}\n"));
            match sink.deliver(&delivery).await {
                Outcome::Delivered => all.push_str(&drawn(&requests.recv().await.unwrap())),
                Outcome::Permanent { reason } => all.push_str(&format!("refused: {reason}\n")),
                other => panic!("{name} {sample}: {other:?}"),
            }
            all.push('\n');
        }
        let path: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "src/sink/tests/golden", &format!("{name}.http")].iter().collect();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &all).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(all, kept, "{name}: UPDATE_GOLDEN=1 rewrites {}; read the difference", path.display());
    }
}

/// [guest-text-is-data]
#[tokio::test]
async fn no_medium_is_given_markup_of_a_guest() {
    let (url, mut requests) = receiver(&answer("200 OK", r#"{"ok":true}"#), true).await;
    for (name, sink) in channels(&url) {
        sink.deliver(&sample("alert.event", AlertState::Event, Severity::Info, HOSTILE)).await;
        let request = requests.recv().await.unwrap();
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let shown = match name {
            "slack" => json["blocks"][0]["text"]["text"].as_str(),
            "telegram" => json["text"].as_str(),
            "discord" => json["embeds"][0]["description"].as_str(),
            _ => continue,
        };
        let shown = shown.unwrap();
        let own = ["<b>", "</b>", "<i>", "</i>"].iter().fold(shown.to_owned(), |s, tag| {
            // The two pairs that Telegram's form sets itself.
            if name == "telegram" { s.replacen(tag, "", 1) } else { s }
        });
        let obeyed: &[&str] = match name {
            "discord" => &["[free](", "<!channel>", " *bold*", " `code`", " @"],
            _ => &["<", ">"],
        };
        for markup in obeyed {
            assert!(!own.contains(markup), "{name} would obey {markup}: {own}");
        }
        assert!(!own.contains('\u{202e}') && !own.contains('\u{1b}'), "{name}: {own}");
    }
}

/// [bounded]
#[tokio::test]
async fn nothing_is_longer_than_its_receiver_takes() {
    let (url, mut requests) = receiver(&answer("200 OK", r#"{"ok":true}"#), true).await;
    for text in ["&".repeat(50_000), "한".repeat(50_000), "😀".repeat(50_000)] {
        let long = Delivery {
            rule: text.clone(),
            key: text.clone(),
            ..sample("alert.event", AlertState::Event, Severity::Critical, &text)
        };
        for (name, sink) in channels(&url) {
            assert_eq!(sink.deliver(&long).await, Outcome::Delivered, "{name}");
            let request = requests.recv().await.unwrap();
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            let len = |pointer: &str| json.pointer(pointer).and_then(|v| v.as_str()).unwrap().chars().count();
            match name {
                "slack" => {
                    assert!(len("/blocks/0/text/text") <= 3000);
                    assert!(len("/blocks/1/elements/0/text") <= 2000);
                }
                "discord" => {
                    let utf16 = |p: &str| json.pointer(p).unwrap().as_str().unwrap().encode_utf16().count();
                    let [title, text, footer] =
                        ["/embeds/0/title", "/embeds/0/description", "/embeds/0/footer/text"].map(utf16);
                    assert!(title <= 256 && text <= 4096 && footer <= 2048 && title + text + footer <= 6000);
                }
                "telegram" => {
                    let text = json["text"].as_str().unwrap().replace("&amp;", "&");
                    let text = ["<b>", "</b>", "<i>", "</i>"].iter().fold(text, |s, tag| s.replace(tag, ""));
                    assert!(text.encode_utf16().count() <= 4096);
                }
                "ntfy" => assert!(json["message"].as_str().unwrap().len() <= 4096),
                "pagerduty" => assert!(len("/payload/summary") <= 1024 && body.len() <= 512_000),
                _ => {}
            }
        }
    }
}
