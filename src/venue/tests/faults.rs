//! What goes wrong on demand does so as it was said, to whom it was said, and ends.

use super::*;
use std::collections::BTreeSet;

const SECOND: Duration = Duration::from_secs(1);

async fn subscribed(venue: &Venue) -> Client<DuplexStream> {
    let mut client = connect(venue).await;
    client.say(BTC).await;
    assert_eq!(text(&client.json().await, "stream_type"), "SNAPSHOT");
    client
}

/// The ids that come within a time.
async fn ids(client: &mut Client<DuplexStream>, time: Duration) -> Vec<u64> {
    let until = Instant::now() + time;
    let mut ids = Vec::new();
    while let Ok(event) = tokio::time::timeout_at(until, client.json()).await {
        ids.push(id(&event));
    }
    ids
}

async fn pong_comes(client: &mut Client<DuplexStream>) -> bool {
    client.0.send(Message::Ping(Bytes::from_static(b"x"))).await.unwrap();
    let until = Instant::now() + SECOND;
    loop {
        match tokio::time::timeout_at(until, client.next()).await {
            Ok(Some(Ok(Message::Pong(_)))) => return true,
            Ok(Some(Ok(_))) => {}
            _ => return false,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn trades_leave_in_another_order_and_none_is_lost() {
    let venue = start().await;
    let mut client = subscribed(&venue).await;
    let from_ms = venue.now_ms();
    venue.set_fault(Fault::ReorderTrades { count: 200, within: Duration::from_millis(400) });
    let got = ids(&mut client, SECOND * 10).await;
    assert!(!got.is_sorted(), "nothing was reordered");
    let got: BTreeSet<u64> = got.into_iter().collect();
    let kept = venue.trades_between("KRW-BTC", from_ms, from_ms + 8_000);
    assert!(kept.len() > 20 && kept.iter().all(|t| got.contains(&t.sequential_id)));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_session_pongs_and_another_gets_its_trades() {
    let venue = start().await;
    let (mut old, mut new) = (subscribed(&venue).await, subscribed(&venue).await);
    venue.set_fault(Fault::Stall.on(Who::Oldest));
    assert!(ids(&mut old, SECOND * 20).await.is_empty());
    assert!(pong_comes(&mut old).await);
    assert!(ids(&mut new, SECOND).await.len() > 20, "the other session was stalled too");
    drop(old);
    tokio::time::sleep(SECOND).await;
    let mut next = subscribed(&venue).await;
    assert!(!ids(&mut next, SECOND * 5).await.is_empty(), "a session inherited the stall");
}

#[tokio::test(start_paused = true)]
async fn a_market_can_stall_alone_and_for_a_time() {
    let venue = start().await;
    let mut client = connect(&venue).await;
    client.say(r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]}]"#).await;
    venue.set_fault(Fault::Stall.market("KRW-BTC").lasting(SECOND * 10));
    let mut codes = async |time: Duration| {
        let (until, mut codes) = (Instant::now() + time, HashSet::new());
        while let Ok(event) = tokio::time::timeout_at(until, client.json()).await {
            codes.insert(text(&event, "code").to_owned());
        }
        codes
    };
    codes(SECOND).await;
    assert_eq!(codes(SECOND * 8).await, HashSet::from(["KRW-ETH".to_owned()]));
    codes(SECOND).await;
    assert_eq!(codes(SECOND * 8).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_session_sends_everything_when_it_thaws() {
    let venue = start().await;
    let mut client = subscribed(&venue).await;
    let from_ms = venue.now_ms();
    venue.set_fault(Fault::Freeze.lasting(SECOND * 10));
    assert!(!pong_comes(&mut client).await);
    assert!(ids(&mut client, SECOND * 8).await.is_empty());
    let got = ids(&mut client, SECOND * 3).await;
    let kept = venue.trades_between("KRW-BTC", from_ms, from_ms + 11_000);
    let all = kept.iter().all(|t| got.contains(&t.sequential_id));
    assert!(kept.len() > 30 && all, "{} of {}", got.len(), kept.len());
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_cut_and_the_connection_ends() {
    let venue = start().await;
    let mut client = subscribed(&venue).await;
    venue.set_fault(Fault::CutFrame);
    assert_eq!(client.end().await, None);
    let mut again = subscribed(&venue).await;
    assert!(ids(&mut again, SECOND * 5).await.len() > 10, "it was cut again");
}

#[tokio::test(start_paused = true)]
async fn a_half_open_session_takes_everything_and_says_nothing_for_ever() {
    let venue = start().await;
    let mut client = subscribed(&venue).await;
    venue.set_fault(Fault::HalfOpen);
    tokio::task::yield_now().await;
    for _ in 0..30 {
        client.0.send(Message::Ping(Bytes::new())).await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
    }
    assert!(timeout(SECOND, client.0.next()).await.is_err(), "it said something, or ended");
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_missing_or_old() {
    let venue = start().await;
    venue.set_fault(Fault::NoSnapshots.times(1));
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    assert_eq!(text(&client.json().await, "stream_type"), "REALTIME");
    venue.set_fault(Fault::StaleSnapshots { trades: 5 });
    let mut client = connect(&venue).await;
    client.say(BTC).await;
    let snapshot = client.json().await;
    assert_eq!(text(&snapshot, "stream_type"), "SNAPSHOT");
    let newer = venue.all_trades("KRW-BTC").iter().filter(|t| t.sequential_id > id(&snapshot)).count();
    assert!((5..20).contains(&newer), "{newer} trades after the snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_mangled_trade_is_one_frame_and_the_next_is_sound() {
    let venue = start().await;
    let mut client = subscribed(&venue).await;
    venue.set_fault(Fault::MangleTrades { count: 1, how: Mangle::NanPrice });
    let bytes = client.next().await.unwrap().unwrap().into_data();
    assert!(String::from_utf8_lossy(&bytes).contains("\"trade_price\":NaN,"));
    assert!(id(&client.json().await) > 0);
    venue.set_fault(Fault::MangleTrades { count: 1, how: Mangle::Fragments });
    assert!(id(&client.json().await) > 0, "fragments did not come together");
    venue.set_fault(Fault::MangleTrades { count: 1, how: Mangle::TextFrame });
    assert!(client.next().await.unwrap().unwrap().is_text());
}

#[tokio::test(start_paused = true)]
async fn pages_are_spoilt_in_the_way_that_was_asked_for() {
    let venue = Venue::start(VenueConfig { limits: false, ..config() }).await.unwrap();
    let path = "/v1/trades/ticks?market=KRW-BTC&count=10";
    let page = async |path: &str| rows(&venue, path).await.iter().map(id).collect::<Vec<u64>>();
    let sound = page(path).await;
    let next = format!("{path}&cursor={}", sound[9]);
    let second = page(&next).await;
    let once = |how| venue.set_fault(Fault::BadPages(how).times(1));
    once(BadPage::Overlap { rows: 3 });
    assert_eq!(page(&next).await, [&sound[7..], &second[..7]].concat());
    once(BadPage::Repeat);
    let twice: Vec<u64> = sound.iter().flat_map(|id| [*id, *id]).collect();
    assert_eq!(page(path).await, twice);
    once(BadPage::LeaveOut { every: 2 });
    assert_eq!(page(path).await, sound.iter().step_by(2).copied().collect::<Vec<_>>());
    once(BadPage::Empty);
    assert!(page(path).await.is_empty());
    once(BadPage::Stale { by: SECOND * 10 });
    let before = (venue.now_ms() - 10_000).unsigned_abs() * 10_000;
    let stale = page(path).await;
    assert!(stale.len() == 10 && stale.iter().all(|id| *id < before));
    once(BadPage::Cut);
    let cut = body(get(&venue, path, &[]).await).await;
    assert!(serde_json::from_str::<Value>(&cut).is_err());
    assert_eq!(page(path).await, sound, "a fault was left");
}

#[tokio::test(start_paused = true)]
async fn rest_is_slow_or_silent_and_its_clock_is_the_venues_or_wrong() {
    let venue = start().await;
    let date = async || {
        let response = get(&venue, "/v1/market/all", &[]).await;
        response.headers().get("date").unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(date().await, "Sun, 22 Nov 2026 12:00:00 GMT");
    venue.set_fault(Fault::SlowRest { by: SECOND * 3 }.times(1));
    assert_eq!(date().await, "Sun, 22 Nov 2026 12:00:03 GMT");
    venue.set_fault(Fault::WrongDate { by_ms: -86_400_000 }.times(1));
    assert_eq!(date().await, "Sat, 21 Nov 2026 12:00:03 GMT");
    venue.set_fault(Fault::HangRest.times(1));
    assert!(timeout(SECOND * 600, date()).await.is_err());
    assert_eq!(date().await, "Sun, 22 Nov 2026 12:10:03 GMT");
}

#[tokio::test(start_paused = true)]
async fn connections_are_refused_silent_or_slow() {
    let venue = Venue::start(VenueConfig { limits: false, ..config() }).await.unwrap();
    let upgrade = || client_async("ws://venue/websocket/v1", venue.link());
    venue.set_fault(Fault::RefuseConnections.lasting(SECOND));
    assert!(upgrade().await.is_err());
    tokio::time::sleep(SECOND).await;
    venue.set_fault(Fault::SilentConnections.times(1));
    assert!(timeout(SECOND * 60, upgrade()).await.is_err());
    venue.set_fault(Fault::Trickle { every: SECOND }.times(1));
    let began = Instant::now();
    assert!(timeout(SECOND * 600, upgrade()).await.unwrap().is_ok());
    assert!(began.elapsed() > SECOND * 100, "the answer came within {:?}", began.elapsed());
    for how in [BadUpgrade::WrongAccept, BadUpgrade::ManyHeaders] {
        venue.set_fault(Fault::BadUpgrades(how).times(1));
        assert!(upgrade().await.is_err(), "{how:?}");
    }
    assert!(upgrade().await.is_ok());
}

#[tokio::test]
async fn a_reset_over_tcp_is_one() {
    let venue = start().await;
    let tcp = TcpStream::connect(venue.addr()).await.unwrap();
    let mut client = Client(client_async(venue.ws_url(), tcp).await.unwrap().0);
    client.say(BTC).await;
    client.json().await;
    venue.set_fault(Fault::Reset);
    loop {
        match client.next().await {
            Some(Ok(_)) => {}
            Some(Err(Error::Io(why))) => break assert_eq!(why.kind(), io::ErrorKind::ConnectionReset),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn markets_are_listed_delisted_warned_of_and_halted() {
    let venue = Venue::start(VenueConfig { limits: false, ..config() }).await.unwrap();
    let mut client = connect(&venue).await;
    client.say(r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC","KRW-NEW"]}]"#).await;
    let mut codes = async |time: Duration| {
        let (until, mut codes) = (Instant::now() + time, BTreeSet::new());
        while let Ok(event) = tokio::time::timeout_at(until, client.json()).await {
            codes.insert(text(&event, "code").to_owned());
        }
        codes.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(codes(SECOND * 10).await, "KRW-BTC");
    venue.set_fault(Fault::List { code: "KRW-NEW".into() });
    venue.set_fault(Fault::Warn { code: "KRW-NEW".into(), on: true });
    assert_eq!(codes(SECOND * 30).await, "KRW-BTC KRW-NEW");
    let list = body(get(&venue, "/v1/market/all?isDetails=true", &[]).await).await;
    assert!(list.contains("\"english_name\":\"NEW\",\"market_event\":{\"warning\":true"), "{list}");
    venue.set_fault(Fault::Halt.lasting(SECOND * 60));
    codes(SECOND).await;
    assert_eq!(codes(SECOND * 58).await, "", "traded while halted");
    codes(SECOND * 2).await;
    assert_eq!(codes(SECOND * 30).await, "KRW-BTC KRW-NEW");
    venue.set_fault(Fault::Delist { code: "KRW-BTC".into() });
    codes(SECOND).await;
    assert_eq!(codes(SECOND * 30).await, "KRW-NEW");
    assert!(!body(get(&venue, "/v1/market/all", &[]).await).await.contains("KRW-BTC"));
    assert_eq!(get(&venue, "/v1/trades/ticks?market=KRW-BTC", &[]).await.status(), 404);
    assert!(!venue.all_trades("KRW-BTC").is_empty());
}

/// A client that connects again whenever it must; what it was sent, with the times.
async fn experience(seed: u64, length: Duration) -> (Vec<(u128, u64)>, Vec<u64>, i64) {
    let quiet = VenueConfig { seed, trades_per_second: Some(5.0), limits: false, ..config() };
    let venue = Venue::start(quiet).await.unwrap();
    venue.run_script(Script::from_seed(seed, length));
    let (began, mut got) = (Instant::now(), Vec::new());
    while began.elapsed() < length {
        let until = began + length;
        let attempt = timeout(SECOND * 10, client_async("ws://venue/websocket/v1", venue.link())).await;
        let Ok(Ok((socket, _))) = attempt else {
            tokio::time::sleep(SECOND).await;
            continue;
        };
        let mut client = Client(socket);
        if client.0.send(Message::text(BTC)).await.is_err() {
            continue;
        }
        while let Ok(Ok(Some(Ok(message)))) =
            tokio::time::timeout_at(until, timeout(SECOND * 20, client.0.next())).await
        {
            if let Ok(event) = serde_json::from_slice::<Value>(&message.into_data()) {
                got.push((began.elapsed().as_millis(), id(&event)));
            }
        }
    }
    let kept = venue.all_trades("KRW-BTC").iter().map(|t| t.sequential_id).collect();
    (got, kept, venue.now_ms())
}

#[tokio::test(start_paused = true)]
async fn a_seed_goes_wrong_the_same_way_every_time_and_heals() {
    let length = SECOND * 300;
    let real = std::time::Instant::now();
    for seed in 0..20 {
        let (got, kept, end_ms) = experience(seed, length).await;
        assert_eq!(experience(seed, length).await.0, got, "seed {seed}");
        let seen: HashSet<u64> = got.iter().map(|(_, id)| *id).collect();
        // After the healing, at four fifths, and the time of a connect.
        let healed = |ms: i64| (end_ms - 49_000..end_ms - 1_000).contains(&ms);
        let healed: Vec<u64> =
            kept.into_iter().filter(|id| healed(i64::try_from(id / 10_000).unwrap())).collect();
        let missed = healed.iter().filter(|id| !seen.contains(id)).count();
        assert!(healed.len() > 20 && missed == 0, "seed {seed}: {missed} of {} missed", healed.len());
    }
    println!("5 virtual minutes take {:?}", real.elapsed() / 40);
}
