//! Clients against the stand-in, over in-memory links in virtual time unless a test is about TCP.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod faults;
mod streams;

use super::*;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::HashSet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

/// 2026-11-22 12:00:00 UTC.
const START_MS: i64 = 1_795_348_800_000;
const BTC: &str = r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]},{"format":"DEFAULT"}]"#;

fn config() -> VenueConfig {
    VenueConfig { start_ms: Some(START_MS), ..VenueConfig::default() }
}

async fn start() -> Venue {
    Venue::start(config()).await.unwrap()
}

struct Client<S>(WebSocketStream<S>);

async fn connect(venue: &Venue) -> Client<DuplexStream> {
    Client(client_async("ws://venue/websocket/v1", venue.link()).await.unwrap().0)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message, which must come within two minutes.
    async fn next(&mut self) -> Option<Result<Message, Error>> {
        timeout(Duration::from_secs(120), self.0.next()).await.expect("the venue says nothing")
    }

    /// The next data frame, which must be binary and hold JSON.
    async fn json(&mut self) -> Value {
        loop {
            match self.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => return serde_json::from_slice(&bytes).unwrap(),
                Message::Text(text) => panic!("the venue never sends text: {text}"),
                _ => {}
            }
        }
    }

    /// How the session ends: with a close code, or without one.
    async fn end(&mut self) -> Option<CloseCode> {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|f| f.code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event.get(key).and_then(Value::as_str).unwrap_or("")
}

fn id(event: &Value) -> u64 {
    event.get("sequential_id").and_then(Value::as_u64).unwrap_or(0)
}

async fn get(venue: &Venue, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(venue.link())).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::get(path).header("host", "venue");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap()
}

async fn body(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn rows(venue: &Venue, path: &str) -> Vec<Value> {
    serde_json::from_str(&body(get(venue, path, &[]).await).await).unwrap()
}

#[tokio::test]
async fn a_client_over_tcp_gets_the_last_trade_and_then_live_ones() {
    let venue = Venue::start(VenueConfig { port: 0, ..VenueConfig::default() }).await.unwrap();
    let tcp = TcpStream::connect(venue.addr()).await.unwrap();
    let (socket, response) = client_async(venue.ws_url(), tcp).await.unwrap();
    let quota = response.headers().get("remaining-req").and_then(|v| v.to_str().ok());
    assert_eq!(quota, Some("group=websocket; min=300; sec=3"));
    let mut client = Client(socket);
    client.say(BTC).await;
    let first = client.json().await;
    assert_eq!((text(&first, "stream_type"), text(&first, "code")), ("SNAPSHOT", "KRW-BTC"));
    let second = client.json().await;
    assert_eq!(text(&second, "stream_type"), "REALTIME");
    assert_ne!(id(&first), id(&second));
    venue.shutdown().await;
    assert_eq!(client.end().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_the_socket_sends_is_what_rest_knows() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    let mut sent = Vec::new();
    for _ in 0..100 {
        sent.push(id(&client.json().await));
    }
    let known: HashSet<u64> =
        rows(&venue, "/v1/trades/ticks?market=KRW-BTC&count=500").await.iter().map(id).collect();
    assert!(sent.iter().all(|id| known.contains(id)), "REST lacks a trade that was sent");
    let (Some(low), Some(high)) = (sent.iter().min(), sent.iter().max()) else { panic!("nothing sent") };
    // A sweep still on its way may be missing above the last ones that arrived.
    let missed = known.iter().filter(|id| (low..high).contains(id) && !sent.contains(id)).count();
    assert_eq!(missed, 0, "REST knows trades that were not sent");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_replaces_the_one_before() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    client.json().await;
    client.say(r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-ETH"]},{"format":"SIMPLE_LIST"}]"#).await;
    let mut event = client.json().await;
    while event.is_object() {
        event = client.json().await;
    }
    for _ in 0..50 {
        assert_eq!(event.pointer("/0/cd").and_then(Value::as_str), Some("KRW-ETH"), "{event}");
        event = client.json().await;
    }
    client.say(r#"[{"ticket":"mine"},{"method":"LIST_SUBSCRIPTIONS"}]"#).await;
    while event.is_array() {
        event = client.json().await;
    }
    let expect = r#"{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"trade","cds":["KRW-ETH"]}],"tckt":"mine"}"#;
    assert_eq!(event, serde_json::from_str::<Value>(expect).unwrap());
}

#[tokio::test(start_paused = true)]
async fn snapshots_and_live_trades_come_alone_when_asked_for() {
    let venue = start().await;
    let check = async |flag: &str, expect: &[&str]| {
        let mut client = connect(&venue).await;
        let frame =
            format!(r#"[{{"ticket":"t"}},{{"type":"trade","codes":["KRW-NO","KRW-BTC"],"{flag}":true}}]"#);
        client.say(&frame).await;
        let mut kinds = Vec::new();
        let until = Instant::now() + Duration::from_secs(5);
        while let Ok(event) = tokio::time::timeout_at(until, client.json()).await {
            kinds.push(text(&event, "stream_type").to_owned());
            assert_eq!(text(&event, "code"), "KRW-BTC");
        }
        kinds.dedup();
        assert_eq!(kinds, expect, "{flag}");
    };
    check("is_only_snapshot", &["SNAPSHOT"]).await;
    check("is_only_realtime", &["REALTIME"]).await;
    check("other", &["SNAPSHOT", "REALTIME"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_mistake_is_named_and_followed_by_a_clean_close() {
    let venue = Venue::start(VenueConfig { limits: false, ..config() }).await.unwrap();
    for (frame, name) in [
        ("hello", "WRONG_FORMAT"),
        (r#"[{"type":"trade","codes":["KRW-BTC"]}]"#, "NO_TICKET"),
        (r#"[{"ticket":"t"},{"format":"SIMPLE"}]"#, "NO_TYPE"),
        (r#"[{"ticket":"t"},{"type":"trade"}]"#, "NO_CODES"),
        (r#"[{"ticket":"t"},{"type":"x","codes":["KRW-BTC"]}]"#, "INVALID_PARAM"),
    ] {
        let mut client = connect(&venue).await;
        client.say(frame).await;
        let error = client.json().await;
        assert_eq!(error.pointer("/error/name").and_then(Value::as_str), Some(name), "{frame}");
        let said = Instant::now();
        assert_eq!(client.end().await, Some(CloseCode::Normal), "{frame}");
        assert_eq!(said.elapsed().as_millis(), 150, "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sixth_message_within_a_second_ends_the_session() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    for _ in 0..6 {
        client.say(r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-NO"]}]"#).await;
    }
    assert_eq!(client.json().await.pointer("/error/name"), Some(&Value::from("TOO_MANY_REQUESTS")));
    assert_eq!(client.end().await, Some(CloseCode::Normal));
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_dropped_after_a_minute_without_a_close_frame() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    let since = Instant::now();
    assert_eq!(client.end().await, None);
    assert_eq!(since.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn the_text_ping_starts_a_beat_of_ten_seconds_that_keeps_the_session() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    tokio::time::advance(Duration::from_secs(4)).await;
    client.say("PING").await;
    let mut at = Vec::new();
    for _ in 0..9 {
        assert_eq!(client.json().await, serde_json::json!({"status": "UP"}));
        at.push(venue.now_ms() - START_MS);
    }
    assert!(at.windows(2).all(|w| (9_990..=10_010).contains(&(w[1] - w[0]))), "{at:?}");
    assert!(at.last() > Some(&60_000));
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_until_the_venue_is_mute_and_trades_still_come() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    let pongs = async |client: &mut Client<DuplexStream>| {
        client.0.send(Message::Ping(Bytes::from_static(b"x"))).await.unwrap();
        let (mut pongs, mut events) = (0, 0);
        while events < 20 {
            match client.next().await.unwrap().unwrap() {
                Message::Pong(payload) => pongs += usize::from(&payload[..] == b"x"),
                _ => events += 1,
            }
        }
        pongs
    };
    assert_eq!(pongs(&mut client).await, 1);
    venue.set_fault(Fault::MutePongs);
    assert_eq!(pongs(&mut client).await, 0);
    venue.clear_faults();
    assert_eq!(pongs(&mut client).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_drop_comes_after_exactly_the_frames_it_names() {
    let venue = start().await;
    venue.set_fault(Fault::DropAfter { frames: 7 });
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    let mut frames = 0;
    while let Some(Ok(message)) = client.next().await {
        assert!(message.is_binary(), "{message:?}");
        frames += 1;
    }
    assert_eq!(frames, 7);
    let mut again = connect(&venue).await;
    again.say(BTC).await;
    for _ in 0..20 {
        again.json().await;
    }
}

#[tokio::test(start_paused = true)]
async fn trades_are_left_out_and_repeated_on_demand() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    client.json().await;
    venue.set_fault(Fault::OmitTrades { count: 3 });
    venue.set_fault(Fault::RepeatTrades { count: 2 });
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(id(&client.json().await));
    }
    assert!(sent[0] == sent[1] && sent[2] == sent[3] && sent[4] != sent[5], "{sent:?}");
    let first = sent[0];
    let known = rows(&venue, "/v1/trades/ticks?market=KRW-BTC&count=500").await;
    assert!(known.iter().filter(|row| id(row) < first).count() >= 4);
}

#[tokio::test(start_paused = true)]
async fn acts_reach_every_open_session_once() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    client.say(r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-NO"]}]"#).await;
    venue.run_script(vec![
        (Duration::from_secs(1), Fault::Garbage(Bytes::from_static(b"{\"type\":\"tra"))),
        (Duration::from_secs(2), Fault::Ping),
        (Duration::from_secs(3), Fault::Close { code: 1011, reason: "oops".into() }),
    ]);
    assert_eq!(client.next().await.unwrap().unwrap(), Message::binary(&b"{\"type\":\"tra"[..]));
    assert!(client.next().await.unwrap().unwrap().is_ping());
    assert_eq!(client.end().await, Some(CloseCode::Error));
    let mut dropped = connect(&venue).await;
    dropped.say(BTC).await;
    dropped.json().await;
    venue.set_fault(Fault::Drop);
    assert_eq!(dropped.end().await, None);
}

#[tokio::test(start_paused = true)]
async fn upgrades_are_refused_for_as_long_as_it_was_said() {
    let venue = start().await;
    for (refusal, status) in [
        (Refusal::too_many(Duration::from_secs(5)), 429),
        (Refusal::ban(Duration::from_secs(90)), 418),
        (Refusal::unavailable(Duration::from_secs(30)), 503),
    ] {
        let lasting = refusal.lasting;
        venue.set_fault(Fault::RefuseUpgrades(refusal));
        match client_async("ws://venue/websocket/v1", venue.link()).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), status),
            other => panic!("not refused: {:?}", other.map(|_| ())),
        }
        tokio::time::advance(lasting).await;
        connect(&venue).await;
    }
}

#[tokio::test(start_paused = true)]
async fn six_connects_in_a_second_are_one_too_many_and_an_origin_costs_ten_seconds() {
    let venue = start().await;
    for _ in 0..5 {
        connect(&venue).await;
    }
    assert!(client_async("ws://venue/websocket/v1", venue.link()).await.is_err());
    tokio::time::advance(Duration::from_secs(1)).await;
    let mut request = "ws://venue/websocket/v1".into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://example.com".parse().unwrap());
    let (_, response) = client_async(request.clone(), venue.link()).await.unwrap();
    assert_eq!(response.headers().get("remaining-req").unwrap(), "group=origin; min=6; sec=0");
    assert!(client_async(request, venue.link()).await.is_err());
}

/// Proves [bounded]: a client that reads nothing is dropped and holds no memory.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped() {
    let busy = VenueConfig { trades_per_second: Some(5_000.0), queue: 256, ..config() };
    let venue = Venue::start(busy).await.unwrap();
    let mut slow = connect(&venue).await;
    slow.say(BTC).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut frames = 0;
    while let Some(Ok(_)) = slow.next().await {
        frames += 1;
        assert!(frames < 5_000, "it was never dropped");
    }
}

#[tokio::test]
async fn a_firehose_sends_exactly_what_was_asked_for_and_every_trade_is_another() {
    let venue = Venue::start(VenueConfig::firehose(3_000)).await.unwrap();
    let mut client = connect(&venue).await;
    client.say(r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]}]"#).await;
    let mut seen = HashSet::new();
    for _ in 0..3_000 {
        let event = client.json().await;
        let at = event.get("trade_timestamp").and_then(Value::as_u64).unwrap_or(0);
        assert_eq!(id(&event), at * 10_000);
        assert_eq!(text(&event, "trade_time"), wire::utc(at.cast_signed()).1);
        assert!(seen.insert((text(&event, "code").to_owned(), id(&event))), "{event}");
    }
    client.0.send(Message::Ping(Bytes::new())).await.unwrap();
    assert!(client.next().await.unwrap().unwrap().is_pong(), "more than was asked for, or gone");
}

#[tokio::test(start_paused = true)]
async fn walking_back_over_rest_meets_every_retained_trade_once_newest_first() {
    let venue = start().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut met: Vec<u64> = Vec::new();
    let mut path = "/v1/trades/ticks?market=krw-btc&count=50".to_owned();
    loop {
        let page = rows(&venue, &path).await;
        let Some(last) = page.last() else { break };
        path = format!("/v1/trades/ticks?market=KRW-BTC&count=50&cursor={}", id(last));
        met.extend(page.iter().map(id));
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!(met.len() > 500, "only {}", met.len());
    assert!(met.is_sorted_by(|a, b| a > b));
    let kept = venue.all_trades("KRW-BTC");
    assert_eq!(met.len(), kept.iter().filter(|t| t.sequential_id <= met[0]).count());
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_the_utc_day_and_the_day_before_has_its_own() {
    // Thirty seconds into 2026-11-23.
    let venue = Venue::start(VenueConfig { start_ms: Some(1_795_392_030_000), ..config() }).await.unwrap();
    let midnight_id = 1_795_392_000_000 * 10_000;
    let today = rows(&venue, "/v1/trades/ticks?market=KRW-BTC&count=500").await;
    let yesterday = rows(&venue, "/v1/trades/ticks?market=KRW-BTC&count=500&days_ago=1").await;
    assert!(!today.is_empty() && today.iter().all(|row| id(row) >= midnight_id));
    assert!(!yesterday.is_empty() && yesterday.iter().all(|row| id(row) < midnight_id));
    let until = rows(&venue, "/v1/trades/ticks?market=KRW-BTC&count=500&to=00%3A00%3A10").await;
    assert!(!until.is_empty() && until.iter().all(|row| text(row, "trade_time_utc") < "00:00:10"));
    assert!(until.len() < today.len());
}

#[tokio::test(start_paused = true)]
async fn rest_refuses_in_the_venues_words() {
    let venue = Venue::start(VenueConfig { limits: false, ..config() }).await.unwrap();
    let check = async |path: &str, status: u16, words: &str| {
        let response = get(&venue, path, &[]).await;
        assert_eq!(response.status(), status, "{path}");
        let body = body(response).await;
        assert!(body.contains(words), "{path}: {body}");
    };
    check("/v1/trades/ticks", 400, "Missing request parameter error").await;
    check("/v1/trades/ticks?market=KRW-BTC&count=x", 400, "Type mismatch error").await;
    check("/v1/trades/ticks?market=KRW-BTC&count=501", 400, "Invalid parameter").await;
    check("/v1/trades/ticks?market=KRW-BTC&days_ago=8", 400, "Invalid parameter").await;
    check("/v1/trades/ticks?market=KRW-BTC&to=25:00:00", 400, "Invalid parameter").await;
    check("/v1/trades/ticks?market=KRW-NO", 404, "{\"error\":{\"name\":404,\"message\":\"Code not found\"}}")
        .await;
    check("/v2/nothing", 404, "{\"error\":{\"name\":\"not_found\"").await;
    check("/websocket/v1", 400, "Upgrade").await;
    check("/v1/market/all?is_details=true", 200, "\"market_event\":{\"warning\":false").await;
    venue.set_fault(Fault::RefuseRest(Refusal::ban(Duration::from_secs(60))));
    check("/v1/market/all", 418, "60 seconds").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    check("/v1/market/all", 200, "\"market\":\"KRW-BTC\"").await;
}

#[tokio::test(start_paused = true)]
async fn rest_says_what_is_left_and_refuses_the_eleventh() {
    let venue = start().await;
    for left in (0..10).rev() {
        let response = get(&venue, "/v1/trades/ticks?market=KRW-BTC", &[]).await;
        let quota = response.headers().get("remaining-req").unwrap();
        assert_eq!(quota, &format!("group=crix-trades; min=600; sec={left}"));
    }
    assert_eq!(get(&venue, "/v1/trades/ticks?market=KRW-BTC", &[]).await.status(), 429);
    assert_eq!(get(&venue, "/v1/market/all", &[]).await.status(), 200, "groups do not share");
    let origin = [("origin", "https://example.com")];
    assert_eq!(get(&venue, "/v1/market/all", &origin).await.status(), 200);
    assert_eq!(get(&venue, "/v1/market/all", &origin).await.status(), 429);
}
