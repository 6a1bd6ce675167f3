//! How a session lives, and how it is replaced and ended.

use super::*;
use crate::feed::tests::peer::{BINARY, CLOSE, PING, PONG, TEXT, acceptance};

#[tokio::test(start_paused = true)]
async fn a_quiet_market_is_kept_alive_for_ten_minutes() {
    let check = async |ping, pong, expect: usize| {
        let config = FeedConfig { ping_interval: s(ping), pong_timeout: s(pong), ..FeedConfig::default() };
        let mut rig = start(config);
        let (began, mut venue) = (rig.start, rig.live().await);
        let pings = venue.answer(began, s(601)).await;
        let exact = pings.iter().enumerate().all(|(i, at)| near(*at, s(ping) * (i as u32 + 1)));
        assert!(exact && pings.len() == expect, "{ping}/{pong}: {pings:?}");
        assert_eq!((rig.connects().len(), rig.losses()), (1, vec![]), "{ping}/{pong}");
        rig.stop().await;
    };
    check(20, 60, 30).await;
    // The cadence of the Go program that this one follows.
    check(54, 60, 11).await;
}

#[tokio::test(start_paused = true)]
async fn pings_keep_their_interval_under_load() {
    let mut rig = start(FeedConfig::default());
    let (began, mut venue) = (rig.start, rig.live().await);
    let pings = venue.answer_under_load(began, s(121), ms(3)).await;
    let exact = pings.iter().enumerate().all(|(i, at)| near(*at, s(20) * (i as u32 + 1)));
    assert!(exact && pings.len() == 6, "{pings:?}");
    assert!(rig.frames().len() > 30_000);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_what_is_there_and_at_most_256_messages() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    let mut burst = Vec::new();
    for i in 0..1000 {
        // Text and binary alike: the venue sends its JSON in binary frames.
        let opcode = if i % 2 == 0 { TEXT } else { BINARY };
        burst.extend([0x80 | opcode, 3, b'0' + i as u8 % 10, b'0', b'0']);
    }
    rig.clock.store(5_000, Ordering::Relaxed);
    venue.write(&burst).await;
    sleep(ms(100)).await;
    let log = Arc::clone(&rig.log);
    rig.stop().await;
    let log = log.lock().unwrap();
    assert_eq!(log.frames.len(), 1000);
    assert!(log.frames.iter().enumerate().all(|(i, (at, f))| (*at, f[0]) == (5_000, b'0' + i as u8 % 10)));
    let sizes: Vec<_> = log.batches.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(log.batches[0] <= 256 && sizes.iter().all(|size| *size <= 256), "{sizes:?}");
    assert!(log.batches.len() <= 6, "{:?}", log.batches);
}

#[tokio::test(start_paused = true)]
async fn the_request_has_no_origin_and_offers_no_extension() {
    let mut rig = start(FeedConfig::default());
    let request = rig.raw().await.request().await.to_ascii_lowercase();
    assert!(request.starts_with("get /websocket/v1 http/1.1\r\n"), "{request}");
    assert!(request.contains("host: venue.test\r\n"), "{request}");
    assert!(!request.contains("origin") && !request.contains("extensions"), "{request}");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_subscription_is_sent_once_and_again_when_asked_but_not_twice_in_a_second() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.raw().await;
    assert_eq!(venue.subscribed().await, "subscription 1");
    for _ in 0..5 {
        venue.send(BINARY, b"again").await;
    }
    assert_eq!(venue.receive().await, Some((TEXT, b"subscription 2".to_vec())));
    assert!(near(rig.start.elapsed(), s(1)), "{:?}", rig.start.elapsed());
    let (opcode, _) = venue.receive().await.unwrap();
    assert_eq!(opcode, PING, "five wishes are one subscription");
    drop(venue);
    assert_eq!(rig.raw().await.subscribed().await, "subscription 3");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_subscription_is_not_sent_and_the_session_lives() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    rig.nothing_to_ask.store(true, Ordering::Relaxed);
    rig.nudge(Verdict::Resubscribe);
    let (opcode, _) = venue.receive().await.unwrap();
    assert_eq!(opcode, PING);
    drop(venue);
    let mut venue = rig.raw().await;
    let request = venue.request().await;
    venue.write(acceptance(&request).as_bytes()).await;
    let began = rig.start;
    assert_eq!(venue.answer(began, began.elapsed() + s(61)).await.len(), 3);
    let live = rig.pick(|event| matches!(event, SessionEvent::Live { .. }).then_some(()));
    assert_eq!(live.len(), 2);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_nudge_is_obeyed_at_once_on_a_connection_where_nothing_comes() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    sleep(s(5)).await;
    let began = Instant::now();
    rig.nudge(Verdict::Resubscribe);
    assert_eq!(venue.receive().await, Some((TEXT, b"subscription 2".to_vec())));
    // Rung twice before it is heard, and with nothing to change: neither is a subscription.
    rig.nudge(Verdict::Continue);
    rig.nudge(Verdict::Continue);
    sleep(s(2)).await;
    rig.nudge(Verdict::Reconnect { why: "pongs, but no data" });
    assert_eq!(venue.receive().await, Some((CLOSE, 1000_u16.to_be_bytes().to_vec())));
    assert!(near(began.elapsed(), s(2)), "{:?}", began.elapsed());
    let (_, cause) = rig.first_loss().await;
    assert_eq!(cause, Cause::Stale { why: "pongs, but no data" });

    // Rung while there is no session, it is heard by the next, which subscribes once all the same.
    rig.nudge(Verdict::Resubscribe);
    let mut venue = rig.raw().await;
    assert_eq!(venue.subscribed().await, "subscription 3");
    let silence = tokio::time::timeout(s(10), venue.receive()).await;
    assert!(silence.is_err(), "{silence:?}");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_that_lived_is_replaced_at_once() {
    let mut rig = start(FeedConfig::default());
    let (began, mut venue) = (rig.start, rig.live().await);
    venue.send(BINARY, b"{}").await;
    venue.answer(began, s(100)).await;
    drop(venue);
    rig.live().await;
    assert!(near(rig.connects()[1], s(100)), "{:?}", rig.connects());
    let lost = rig.pick(|event| match event {
        SessionEvent::Lost { last_frame_at_ms, last_pong_at_ms, lived, .. } => {
            Some((*last_frame_at_ms, *last_pong_at_ms, *lived >= s(100)))
        }
        _ => None,
    });
    assert_eq!(lost[0].1, (Some(1_000), Some(1_000), true));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_state_ends_on_shutdown() {
    // Before the handshake, while it waits for a next attempt, and live.
    let rig = start(FeedConfig::default());
    sleep(ms(1)).await;
    let began = Instant::now();
    rig.stop().await;
    assert!(began.elapsed() < ms(10));

    let mut rig = start(FeedConfig::default());
    rig.raw().await.refuse("418 I'm a teapot", "retry-after: 600\r\n", "").await;
    sleep(s(2)).await;
    let began = Instant::now();
    rig.stop().await;
    assert!(began.elapsed() < ms(10));

    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    rig.signals.shutdown.cancel();
    assert_eq!(venue.receive().await, Some((CLOSE, 1000_u16.to_be_bytes().to_vec())));
    let began = Instant::now();
    let log = Arc::clone(&rig.log);
    rig.stop().await;
    assert!(began.elapsed() <= ms(1_010), "a venue that does not answer the close is given a second");
    assert!(matches!(log.lock().unwrap().events.last(), Some((_, SessionEvent::Closed))));
}

/// A fault of the machine: the wall clock jumps by an hour and by a day, both ways.
/// [time-enters-once]
#[tokio::test(start_paused = true)]
async fn a_jump_of_the_wall_clock_moves_no_timer() {
    let mut rig = start(FeedConfig::default());
    let (began, mut venue) = (rig.start, rig.live().await);
    let mut pings = Vec::new();
    for (i, jump) in [3_600_000, -7_200_000, 86_400_000, -172_800_000].into_iter().enumerate() {
        rig.clock.fetch_add(jump, Ordering::Relaxed);
        pings.extend(venue.answer(began, s(50) * (i as u32 + 1)).await);
        venue.send(BINARY, b"{}").await;
        sleep(ms(1)).await;
        let stamped = rig.log.lock().unwrap().frames.last().map(|(at, _)| *at);
        assert_eq!(stamped, Some(rig.clock.load(Ordering::Relaxed)));
    }
    assert!(pings.iter().enumerate().all(|(i, at)| near(*at, s(20) * (i as u32 + 1))), "{pings:?}");
    assert_eq!((rig.connects().len(), rig.losses()), (1, vec![]));
    rig.stop().await;
}

/// A fault of the machine: the process stands still (suspended, stopped by a signal).
#[tokio::test(start_paused = true)]
async fn standing_still_for_more_than_a_minute_is_a_loss() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    sleep(s(5)).await;
    tokio::time::advance(s(5)).await;
    venue.send(PONG, b"").await;
    sleep(ms(10)).await;
    assert_eq!(rig.losses(), vec![], "five seconds are nothing");
    tokio::time::advance(s(70)).await;
    venue.send(PONG, b"").await;
    let (_, cause) = rig.first_loss().await;
    assert_eq!(cause, Cause::Suspended, "although a pong was waiting");
    rig.live().await;
    rig.stop().await;
}

/// [bounded]
#[tokio::test(start_paused = true)]
async fn a_thousand_reconnects_leave_nothing_behind() {
    let mut rig = start(FeedConfig::default());
    drop(rig.live().await);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (before, mut past) = (tasks(), Vec::new());
    for i in 0..1000 {
        let mut venue = rig.raw().await;
        match i % 5 {
            0 => drop(venue),
            1 => venue.refuse("503 Service Unavailable", "", "").await,
            kind => {
                venue.subscribed().await;
                // Closed in order, refused by the handler, and against the protocol.
                let end: &[u8] = [&b"\x88\x02\x03\xe8"[..], b"\x82\x07refused", b"\xff\x00"][kind - 2];
                venue.write(end).await;
                past.push(venue);
            }
        }
    }
    let _last = rig.live().await;
    assert_eq!(tasks(), before, "one task owns the socket, and it is the same");
    assert_eq!(past.len(), 600);
    for mut venue in past {
        let closed = async { while venue.receive().await.is_some() {} };
        assert!(tokio::time::timeout(s(1), closed).await.is_ok(), "our end of it is still open");
    }
    rig.stop().await;
}

/// The real connector, over loopback: TCP is reset in the middle of a message.
#[tokio::test]
async fn a_reset_drops_the_part_and_the_connection_is_replaced() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connector = WsConnector::new(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    let config = FeedConfig { backoff_min: ms(1), connect_spacing: ms(1), ..FeedConfig::default() };
    let rig = start_over(config, connector, unbounded_channel().1);
    let mut venue = Peer::new(listener.accept().await.unwrap().0);
    venue.subscribed().await;
    venue.send(BINARY, b"{}").await;
    venue.send(PING, b"").await;
    assert_eq!(venue.receive().await, Some((PONG, vec![])), "the frame before it was read");
    venue.write(b"\x82\x05abc").await;
    let tcp = venue.into_inner();
    tcp.set_zero_linger().unwrap();
    drop(tcp);
    let mut venue = Peer::new(listener.accept().await.unwrap().0);
    assert_eq!(venue.subscribed().await, "subscription 2");
    let losses = rig.losses();
    assert!(matches!(&losses[..], [(_, Cause::Io(what))] if what.contains("reset")), "{losses:?}");
    assert_eq!(rig.frames(), [b"{}"]);
    rig.stop().await;
}

/// The real connector, over loopback.
#[tokio::test]
async fn a_frame_comes_over_tcp() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/websocket/v1", listener.local_addr().unwrap());
    let log = Arc::new(Mutex::new(Log::default()));
    let handler = Recorder {
        log: Arc::clone(&log),
        start: Instant::now(),
        subscriptions: 0,
        answer: Arc::default(),
        nothing_to_ask: Arc::default(),
    };
    let shutdown = CancellationToken::new();
    let connector = WsConnector::new(&url).unwrap();
    let feed = tokio::spawn(run(FeedConfig::default(), connector, handler, SystemClock, shutdown.clone()));
    let (tcp, _) = listener.accept().await.unwrap();
    let mut venue = tokio_tungstenite::accept_async(tcp).await.unwrap();
    let next = futures_util::StreamExt::next(&mut venue).await.unwrap().unwrap();
    assert_eq!(next.to_text().unwrap(), "subscription 1");
    let frame = tokio_tungstenite::tungstenite::Message::binary(&b"{}"[..]);
    futures_util::SinkExt::send(&mut venue, frame).await.unwrap();
    let ping = tokio_tungstenite::tungstenite::Message::Ping("are you there".into());
    futures_util::SinkExt::send(&mut venue, ping).await.unwrap();
    let pong = futures_util::StreamExt::next(&mut venue).await.unwrap().unwrap();
    assert_eq!(pong.into_data().as_ref(), b"are you there", "and the frame before it was read");
    shutdown.cancel();
    let close = futures_util::StreamExt::next(&mut venue).await.unwrap().unwrap();
    assert!(close.is_close());
    drop(venue);
    feed.await.unwrap();
    assert_eq!(log.lock().unwrap().frames.len(), 1);
    assert!(log.lock().unwrap().frames[0].0 > 1_700_000_000_000);
}
