//! The protocol, the socket's file, and clients that mean no good.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{
    Answer, AskError, BindError, Desk, Listening, MAX_ITEMS, Refusal, Request, Which, ask, bind,
    client::{ReadError, read},
    protocol::{Line, MAX_REQUEST_BYTES, read_line, read_request, write_line, write_request},
    server::SEATS,
};
use crate::alert::Matcher;
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::{Value, json};
use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// Gives back what is asked of it, and as many things as a limit says.
struct Echo;

impl Desk for Echo {
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer> {
        async move {
            match request {
                Request::Outbox { limit, .. } => {
                    Ok((0..limit).map(|n| json!({ "n": n, "text": "x".repeat(1000) })).collect())
                }
                Request::Unsilence { id } => Err(Refusal::NoSuch(format!("no silence has the id {id}"))),
                other => Ok(vec![serde_json::to_value(other).unwrap()]),
            }
        }
        .boxed()
    }
}

#[test]
fn every_request_comes_out_as_it_went_in() {
    let alerts = Matcher { rule: Some("btc-*".into()), ..Matcher::default() };
    let check = |request: Request, expect: Value| {
        let line = write_request(&request);
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json!({ "v": 1, "request": expect }));
        assert_eq!(read_request(line.as_bytes()), Ok(request));
    };
    check(Request::Status {}, json!({ "ask": "status" }));
    check(
        Request::Silence { alerts: alerts.clone(), for_ms: 5, reason: "deploy".into() },
        json!({ "ask": "silence", "alerts": { "rule": "btc-*" }, "for_ms": 5, "reason": "deploy" }),
    );
    check(
        Request::Ack { alerts, episode: "9c41".into() },
        json!({ "ask": "ack", "alerts": { "rule": "btc-*" }, "episode": "9c41" }),
    );
    check(
        Request::Retry { which: Which { id: None, channel: Some("hook".into()) } },
        json!({ "ask": "retry", "which": { "channel": "hook" } }),
    );
}

#[test]
fn what_is_no_request_is_answered_with_what_is_wrong() {
    let check = |line: &str, expect: &str| {
        let Err(Refusal::Malformed(why)) = read_request(line.as_bytes()) else { panic!("{line} is taken") };
        assert!(why.contains(expect), "{line}: {why}");
    };
    check("", "EOF");
    check("GET / HTTP/1.1", "expected value");
    check("{}", "missing field `v`");
    check(
        r#"{"v":2,"request":{"ask":"status"}}"#,
        "version 1 of the control protocol, the command version 2",
    );
    check(r#"{"v":2,"something":"else"}"#, "different releases");
    check(r#"{"v":1,"request":{"ask":"shutdown"}}"#, "unknown variant `shutdown`");
    check(r#"{"v":1,"request":{"ask":"status","more":1}}"#, "unknown field `more`");
    check(r#"{"v":1,"request":{"ask":"reset","alerts":{"roule":"x"}}}"#, "unknown field `roule`");
    for seed in 0..500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut line = write_request(&Request::Unsilence { id: "x".repeat(rng.usize(..40)) }).into_bytes();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..line.len());
            line[at] = rng.u8(..);
        }
        // Whatever it is, it is answered.
        let _answer = read_request(&line).is_ok();
    }
}

#[test]
fn an_answer_that_is_not_whole_is_no_answer() {
    let item = write_line(Line::Item(json!({ "a": 1 })));
    let done = |n| write_line(Line::Done(n));
    assert_eq!(item, r#"{"v":1,"item":{"a":1}}"#);
    assert_eq!(done(1), r#"{"v":1,"done":1}"#);
    let refused = write_line(Line::Refused(Refusal::NoSuch("no".into())));
    assert_eq!(refused, r#"{"v":1,"refused":{"why":"no_such","message":"no"}}"#);
    let check = |text: String, expect: &str| {
        let got = match read(text.as_bytes()) {
            Ok(Ok(items)) => format!("{} things", items.len()),
            Ok(Err(refusal)) => format!("refused: {refusal}"),
            Err(ReadError::Io(error)) => format!("broke off: {}", error.kind()),
            Err(ReadError::Garbled(why)) => format!("garbled: {why}"),
        };
        assert!(got.starts_with(expect), "{text}: {got}");
    };
    check(format!("{item}\n{item}\n{}\n", done(2)), "2 things");
    check(format!("{refused}\n"), "refused: no");
    check(format!("{item}\n{}\n", done(2)), "garbled: 1 of 2");
    check(format!("{item}\n"), "broke off: unexpected end of file");
    check(format!("{item}\n{}", done(1)), "broke off");
    check("{\"v\":9,\"done\":0}\n".into(), "garbled: it speaks version 9");
    check("HTTP/1.1 400 Bad Request\r\n\r\n".into(), "garbled");
    assert!(read_line(b"\xff\xfe").is_err());
    let huge = write_line(Line::Item("x".repeat(super::protocol::MAX_LINE_BYTES).into()));
    assert!(huge.contains("larger than") && huge.len() < 200, "{}", huge.len());
}

fn at(folder: &Path) -> Listening {
    bind(&folder.join("control.sock")).unwrap()
}

#[tokio::test]
async fn the_socket_is_the_own_users_and_goes_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below").join("control.sock");
    let listening = bind(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(bind(&path), Err(BindError::InUse(_))), "a process that listens is not pushed aside");
    drop(listening);
    assert!(!path.exists());
    assert!(matches!(ask(&path, &Request::Status {}), Err(AskError::Nobody(_))));

    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(bind(&path), Err(BindError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn what_a_killed_process_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    // As a kill leaves it: the file without a listener.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    assert!(matches!(ask(&path, &Request::Status {}), Err(AskError::Nobody(_))));
    let first = bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let second = bind(&path).unwrap();
    drop(first);
    assert!(path.exists(), "a predecessor does not take its successor's socket away");
    drop(second);
}

/// A desk at its socket, until it is dropped.
struct Served {
    folder: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl Served {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listening = at(folder.path());
        let task = tokio::spawn(listening.serve(Arc::new(Echo), std::future::pending()));
        Self { folder, task }
    }

    async fn ask(&self, request: Request) -> Result<Vec<Value>, AskError> {
        let path = self.folder.path().join("control.sock");
        tokio::task::spawn_blocking(move || ask(&path, &request)).await.unwrap()
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("control.sock")).await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn said(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn a_request_is_answered_whole_or_refused_in_words() {
    let served = Served::new();
    assert_eq!(served.ask(Request::Silences {}).await.unwrap(), [json!({ "ask": "silences" })]);
    let outbox = |limit| Request::Outbox { channel: None, dead: false, limit };
    assert_eq!(served.ask(outbox(3)).await.unwrap().len(), 3);
    assert_eq!(served.ask(outbox(MAX_ITEMS + 5)).await.unwrap().len(), MAX_ITEMS);
    let refused = served.ask(Request::Unsilence { id: "x".into() }).await.unwrap_err();
    assert_eq!(refused.to_string(), "no silence has the id x");
}

/// Proves [bounded].
#[tokio::test]
async fn rubbish_is_refused_and_an_endless_request_is_not_read_to_its_end() {
    let served = Served::new();
    let mut client = served.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(said(&mut client).await.contains("this is no request"));

    let mut client = served.connect().await;
    let endless = vec![b'x'; MAX_REQUEST_BYTES + 1];
    client.write_all(&endless).await.unwrap();
    assert!(said(&mut client).await.contains("longer than"));

    let mut client = served.connect().await;
    client.write_all(br#"{"v":1,"#).await.unwrap();
    client.shutdown().await.unwrap();
    assert!(said(&mut client).await.contains("ends within its line"));
    assert_eq!(served.ask(Request::Silences {}).await.unwrap().len(), 1);
}

/// Proves [fails-alone]: seats are few, and a client that says nothing loses its own.
#[tokio::test(start_paused = true)]
async fn clients_that_hang_lose_their_seats() {
    let (mut near, far) = UnixStream::pair().unwrap();
    let conversation = super::server::converse(far, &Echo);
    near.write_all(b"{").await.unwrap();
    conversation.await.unwrap();
    assert!(said(&mut near).await.contains("no request came within 5s"));

    // One that asks for much and reads nothing: the buffer of the socket fills, and it is left.
    let (mut near, far) = UnixStream::pair().unwrap();
    let request = Request::Outbox { channel: None, dead: false, limit: MAX_ITEMS };
    near.write_all((write_request(&request) + "\n").as_bytes()).await.unwrap();
    let left = super::server::converse(far, &Echo).await.unwrap_err();
    assert_eq!(left.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn when_all_seats_are_taken_the_next_is_told_so_at_once() {
    let served = Served::new();
    let mut seated = Vec::new();
    for _ in 0..SEATS {
        let mut client = served.connect().await;
        client.write_all(b"{").await.unwrap();
        seated.push(client);
    }
    let mut late = served.connect().await;
    assert!(said(&mut late).await.contains("too many commands"));
    drop(seated);
    // Whoever leaves makes room.
    loop {
        if let Ok(items) = served.ask(Request::Silences {}).await {
            assert_eq!(items.len(), 1);
            break;
        }
        tokio::task::yield_now().await;
    }
}
