//! Sinks against servers and disks that misbehave.
//!
//! Here: stdout, files, the webhook, and the receiver that the other tests use too.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chats;
mod exec;
mod payloads;
mod smtp;

use super::*;
use crate::{
    alert::{AlertState, Severity},
    delivery::{Clock, Content, Delivery, Outcome, Sink},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

fn delivery() -> Delivery {
    Delivery {
        notification_id: "n1".to_owned(),
        channel: "c".to_owned(),
        lane: "c/l".to_owned(),
        episode_id: "e".to_owned(),
        content: Content::Alert,
        at_ms: 1_763_789_482_000,
        severity: Severity::Info,
        state: AlertState::Event,
        rule: "btc-100m".to_owned(),
        key: "KRW-BTC".to_owned(),
        text: "KRW-BTC crossed 100,000,000 upward at 100,010,000".to_owned(),
        body: r#"{"price":"100010000"}"#.to_owned(),
    }
}

/// A receiver on a port of its own, that gives every connection the next of its `answers` (and the
/// last for ever), and shows what it was sent.
async fn receiver_of(answers: Vec<String>, stays_open: bool) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut open, mut answers) = (Vec::new(), answers.into_iter().peekable());
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read_request(&mut stream).await;
            let _ = seen.send(request);
            let Some(answer) = answers.peek().cloned() else { return };
            let _ = stream.write_all(answer.as_bytes()).await;
            if answers.len() > 1 {
                answers.next();
            }
            if stays_open {
                open.push(stream);
            }
        }
    });
    (format!("http://{address}/hooks/secret-token?x=1"), requests)
}

async fn receiver(answer: &str, stays_open: bool) -> (String, mpsc::UnboundedReceiver<String>) {
    receiver_of(vec![answer.to_owned()], stays_open).await
}

/// An answer with a body; `head` is the status and further headers.
fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// An outcome in a word.
fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered => "delivered".to_owned(),
        Outcome::DeliveredAndFull { pause } => format!("delivered, full {pause:?}"),
        Outcome::Retry { after, .. } => format!("retry {after:?}"),
        Outcome::Permanent { .. } => "permanent".to_owned(),
        Outcome::Broken { .. } => "broken".to_owned(),
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend(chunk.iter().take(n)),
            _ => return text,
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn to(url: &str, timeout_ms: u64) -> HttpSettings {
    HttpSettings { url: url.to_owned(), timeout: Duration::from_millis(timeout_ms), allow_private: true }
}

fn clock() -> Clock {
    Arc::new(|| 1_763_769_720_999)
}

fn webhook(url: &str, secret: Option<&str>, timeout_ms: u64) -> HttpSink {
    let secret = secret.map(|s| Secret::parse(s).unwrap());
    let settings = WebhookSettings { secret, format: WebhookFormat::Canonical };
    HttpSink::webhook(to(url, timeout_ms), settings, clock()).unwrap()
}

#[tokio::test]
async fn every_status_is_classed() {
    let check = async |status: &str, expect: &str| {
        let (url, _requests) = receiver(&answer(status, "ok"), true).await;
        let outcome = webhook(&url, None, 5_000).deliver(&delivery()).await;
        assert_eq!(word(&outcome), expect, "{status}");
        assert!(!format!("{outcome:?}").contains("secret-token"), "{outcome:?}");
    };
    for ok in ["200 OK", "201 Created", "202 Accepted", "204 No Content"] {
        // 204 has no body, whatever it says.
        check(ok, "delivered").await;
    }
    check("410 Gone", "broken").await;
    for later in ["408 T", "429 T", "500 E", "502 B", "503 U", "504 G", "599 X"] {
        check(later, "retry None").await;
    }
    check("429 T\r\nretry-after: 30", "retry Some(30s)").await;
    check("503 U\r\nretry-after: Sat, 22 Nov 2025 00:03:00 GMT", "retry Some(59.001s)").await;
    check("429 T\r\nretry-after: 9999999", "retry Some(3600s)").await;
    for no in ["400 B", "401 U", "403 F", "404 N", "413 L", "422 U"] {
        check(no, "permanent").await;
    }
    for elsewhere in ["301 M\r\nlocation: http://127.0.0.1:1/", "302 F", "307 T"] {
        check(elsewhere, "permanent").await;
    }
}

/// The signature is computed here a second time, from RFC 2104's definition and not by the crate
/// that the sink uses.
#[tokio::test]
async fn the_request_is_signed_over_what_was_sent() {
    let (url, mut requests) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true).await;
    let keys: [&[u8]; 2] = [b"first key", b"second"];
    let secret = format!("whsec_{} second", STANDARD.encode(keys[0]));
    assert_eq!(webhook(&url, Some(&secret), 5_000).deliver(&delivery()).await, Outcome::Delivered);
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /hooks/secret-token?x=1 HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "webhook-id"), Some("n1"));
    assert_eq!(header(&request, "webhook-timestamp"), Some("1763769720"));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert!(url.contains(header(&request, "host").unwrap()));
    let body = request.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body, delivery().body);
    let signed = format!("n1.1763769720.{body}");
    let expect: Vec<_> =
        keys.iter().map(|key| format!("v1,{}", hmac_sha256(key, signed.as_bytes()))).collect();
    assert_eq!(header(&request, "webhook-signature"), Some(expect.join(" ").as_str()));
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(message).finalize();
    STANDARD.encode(Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize())
}

fn is_retry(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Retry { after: None, .. })
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_is_tried_again_later() {
    let (url, _requests) = receiver("", true).await;
    let outcome = webhook(&url, None, 100).deliver(&delivery()).await;
    assert!(is_retry(&outcome), "{outcome:?}");
    let (url, _requests) = receiver("", false).await;
    let outcome = webhook(&url, None, 5_000).deliver(&delivery()).await;
    assert!(is_retry(&outcome), "closed without an answer: {outcome:?}");
    let (url, _requests) = receiver("SSH-2.0-x\r\n\r\n", false).await;
    let outcome = webhook(&url, None, 5_000).deliver(&delivery()).await;
    assert!(is_retry(&outcome), "not HTTP: {outcome:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let outcome = webhook(&url, None, 5_000).deliver(&delivery()).await;
    assert!(is_retry(&outcome), "refused: {outcome:?}");
}

/// [bounded]
#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (done, mut sent) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut total = 0_u64;
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
            total += 65_536;
        }
        done.send(total).unwrap();
    });
    assert_eq!(webhook(&url, None, 5_000).deliver(&delivery()).await, Outcome::Delivered);
    // What lies in the sockets' own buffers comes on top.
    let total = sent.recv().await.unwrap();
    assert!(total < 32 << 20, "{total} bytes were taken");
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_after_it_is_resolved() {
    let (url, mut requests) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true).await;
    let http = HttpSettings { allow_private: false, ..to(&url.replace("127.0.0.1", "localhost"), 5_000) };
    let sink = HttpSink::webhook(http, WebhookSettings::default(), clock()).unwrap();
    let outcome = sink.deliver(&delivery()).await;
    let Outcome::Permanent { reason } = &outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("which is not public"), "{reason}");
    assert!(requests.try_recv().is_err(), "no connection was made");
}

async fn printed(format: Format, delivery: &Delivery) -> String {
    let out = Arc::new(Mutex::new(Vec::new()));
    let sink = StdoutSink::to(format, out.clone());
    assert_eq!(sink.deliver(delivery).await, Outcome::Delivered);
    String::from_utf8(out.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn lines_for_people_and_machines() {
    let human = "14:31:22 KRW-BTC  btc-100m  crossed 100,000,000 upward at 100,010,000\n";
    assert_eq!(printed(Format::Human, &delivery()).await, human);
    assert_eq!(printed(Format::Json, &delivery()).await, "{\"price\":\"100010000\"}\n");
    let resolved = Delivery {
        severity: Severity::Critical,
        state: AlertState::Resolved,
        text: "calm".to_owned(),
        ..delivery()
    };
    let line = "14:31:22 KRW-BTC  btc-100m  critical: resolved: calm\n";
    assert_eq!(printed(Format::Human, &resolved).await, line);
}

/// [guest-text-is-data]
#[tokio::test]
async fn a_guest_cannot_write_a_second_line_or_colour_the_first() {
    let evil = Delivery { text: "x\n14:31:22 forged\u{1b}[2J\u{202e}".to_owned(), ..delivery() };
    let line = printed(Format::Human, &evil).await;
    assert_eq!(line.lines().count(), 1);
    assert!(line.ends_with("x\\u{a}14:31:22 forged\\u{1b}[2J\\u{202e}\n"), "{line}");
    let records = Delivery { content: Content::Records, text: "bar a=\u{1b}c\n".to_owned(), ..delivery() };
    assert_eq!(printed(Format::Human, &records).await, "bar a=\\u{1b}c\n");
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_standard_output_is_not_tried_for_ever() {
    let sink = StdoutSink::to(Format::Human, Arc::new(Mutex::new(Closed)));
    assert!(matches!(sink.deliver(&delivery()).await, Outcome::Broken { .. }));
}

fn file(dir: &tempfile::TempDir, max_size: u64, keep: u32) -> FileSink {
    let path = dir.path().join("out/alerts.jsonl");
    FileSink::new(FileSettings { path, format: Format::Json, max_size, keep, fsync: true })
}

fn numbered(n: u32) -> Delivery {
    Delivery { body: format!(r#"{{"n":{n:03}}}"#), ..delivery() }
}

/// [bounded]
#[tokio::test]
async fn a_file_is_cut_at_its_size_and_keeps_so_many_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let sink = file(&dir, 25, 2);
    for n in 0..9 {
        assert_eq!(sink.deliver(&numbered(n)).await, Outcome::Delivered);
    }
    let read = |name: &str| std::fs::read_to_string(dir.path().join("out").join(name)).ok();
    assert_eq!(read("alerts.jsonl").as_deref(), Some("{\"n\":008}\n"));
    assert_eq!(read("alerts.jsonl.1").as_deref(), Some("{\"n\":006}\n{\"n\":007}\n"));
    assert_eq!(read("alerts.jsonl.2").as_deref(), Some("{\"n\":004}\n{\"n\":005}\n"));
    assert_eq!(read("alerts.jsonl.3"), None);
    let none = tempfile::tempdir().unwrap();
    let sink = file(&none, 15, 0);
    for n in 0..3 {
        sink.deliver(&numbered(n)).await;
    }
    assert_eq!(std::fs::read_dir(none.path().join("out")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_goes_on_where_it_was_and_survives_being_moved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out/alerts.jsonl");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{\"n\":000}\n{\"cut sh").unwrap();
    let sink = file(&dir, 1_000, 1);
    sink.deliver(&numbered(1)).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":000}\n{\"cut sh\n{\"n\":001}\n");
    std::fs::rename(&path, dir.path().join("moved")).unwrap();
    sink.deliver(&numbered(2)).await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"n\":002}\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_tried_again_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let sink = file(&dir, 1_000, 1);
    // A file where the folder should be.
    std::fs::write(dir.path().join("out"), "").unwrap();
    let outcome = sink.deliver(&numbered(1)).await;
    assert!(is_retry(&outcome), "{outcome:?}");
    std::fs::remove_file(dir.path().join("out")).unwrap();
    assert_eq!(sink.deliver(&numbered(1)).await, Outcome::Delivered);
}
