//! One test for each fault of the network or the venue.

use super::*;
use crate::feed::tests::peer::{BINARY, CLOSE, PING, PONG, TEXT, acceptance};

/// A fault that the venue commits on a live connection: the loss it leads to.
async fn loss_after(fault: impl AsyncFnOnce(&mut Peer)) -> (Duration, Cause, Rig) {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    fault(&mut venue).await;
    drop(venue);
    let (at, cause) = rig.first_loss().await;
    (at, cause, rig)
}

/// An answer to the handshake that is not 101: the failure, and the wait after it.
async fn refusal(status: &str, headers: &str, body: &str) -> (ConnectError, Duration) {
    let mut rig = start(FeedConfig::default());
    rig.raw().await.refuse(status, headers, body).await;
    let (_, cause) = rig.first_loss().await;
    rig.raw().await;
    let connects = rig.connects();
    rig.stop().await;
    match cause {
        Cause::Connect(error) => (error, connects[1] - connects[0]),
        other => panic!("{status}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_replaced_a_minute_after_the_last_pong() {
    let mut rig = start(FeedConfig::default());
    let (began, mut venue) = (rig.start, rig.live().await);
    venue.answer(began, s(90)).await;
    let _second = rig.live().await;
    let (at, cause) = rig.first_loss().await;
    assert_eq!(cause, Cause::PongTimeout);
    assert!(near(at, s(80) + s(60)), "{at:?}");
    assert!(near(rig.connects()[1], at), "at once");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_venue_that_sends_data_but_no_pongs_is_replaced() {
    let (at, cause, rig) = loss_after(async |venue| {
        while venue.send(BINARY, b"{}").await {
            sleep(ms(100)).await;
        }
    })
    .await;
    assert_eq!(cause, Cause::PongTimeout);
    assert!(near(at, s(60)) && rig.frames().len() >= 599, "{at:?}");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn pongs_that_nobody_asked_for_keep_a_connection() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    for _ in 0..20 {
        sleep(s(30)).await;
        venue.send(PONG, b"unasked").await;
    }
    assert_eq!(rig.losses(), vec![]);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_longest_ping_is_answered_and_a_flood_ends_the_session() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    let long = [b'x'; 125];
    venue.send(PING, &long).await;
    assert_eq!(venue.receive().await, Some((PONG, long.to_vec())));
    for _ in 0..10_000 {
        if !venue.send(PING, b"flood").await {
            break;
        }
    }
    let (at, cause) = rig.first_loss().await;
    assert_eq!(cause, Cause::ControlFlood);
    assert!(at < s(1));
    let mut last = None;
    while let Some(frame) = venue.receive().await {
        last = Some(frame);
    }
    assert_eq!(last, Some((CLOSE, 1008_u16.to_be_bytes().to_vec())), "a violation of policy");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_of_a_byte_a_second_is_given_up_after_ten() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.raw().await;
    let request = venue.request().await;
    tokio::spawn(async move { venue.trickle(acceptance(&request).as_bytes(), s(1)).await });
    let (at, cause) = rig.first_loss().await;
    assert_eq!(cause, Cause::Connect(ConnectError::Timeout));
    assert!(near(at, s(10)), "{at:?}");
    rig.raw().await;
    assert!(rig.connects()[1] <= s(11));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_of_a_byte_a_second_is_given_up_after_thirty() {
    // A frame whose header promises more than comes, and fragments between which pongs come.
    let slow = async |venue: &mut Peer| {
        venue.send(BINARY, b"{}").await;
        venue.send(PONG, b"pong").await;
        let mut bytes = vec![0x82, 126, 4, 0];
        bytes.extend([b' '; 1024]);
        while venue.trickle(&bytes, s(1)).await {}
    };
    let (at, cause, rig) = loss_after(slow).await;
    assert_eq!(cause, Cause::SlowMessage);
    assert!(at >= s(29) && at <= s(31), "{at:?}");
    rig.stop().await;

    let fragments = async |venue: &mut Peer| {
        venue.frame(BINARY, b"{").await;
        while venue.frame(0, b" ").await {
            venue.send(PONG, b"pong").await;
            sleep(s(1)).await;
        }
    };
    let (at, cause, rig) = loss_after(fragments).await;
    assert_eq!(cause, Cause::SlowMessage);
    assert!(at >= s(29) && at <= s(31), "{at:?}");
    rig.stop().await;

    // Many small messages, each whole, are no slow message.
    let mut rig = start(FeedConfig::default());
    let (began, mut venue) = (rig.start, rig.live().await);
    venue.answer_under_load(began, s(300), s(7)).await;
    assert_eq!(rig.losses(), vec![]);
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_obeyed() {
    let (error, wait) = refusal("429 Too Many Requests", "retry-after: 7\r\n", "slow down").await;
    assert_eq!((error.as_str(), near(wait, s(7))), ("rate_limited", true), "{wait:?}");
    let date = "date: Sun, 22 Nov 2026 21:00:00 GMT\r\nretry-after: Sun, 22 Nov 2026 21:00:40 GMT\r\n";
    let (_, wait) = refusal("429 Too Many Requests", date, "").await;
    assert!(near(wait, s(40)), "{wait:?}");
    let (_, wait) = refusal("429 Too Many Requests", "", "").await;
    assert!(near(wait, s(1)), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_sat_out_whole() {
    let (error, wait) = refusal("418 I'm a teapot", "retry-after: 90\r\n", "").await;
    assert_eq!(error.as_str(), "banned");
    assert!(wait >= s(90) && wait <= s(93), "{wait:?}");
    let body = r#"{"error":{"name":418,"message":"blocked for 120 seconds"}}"#;
    let (_, wait) = refusal("418 I'm a teapot", "", body).await;
    assert!(wait >= s(120) && wait <= s(123), "{wait:?}");
    let (_, wait) = refusal("418 I'm a teapot", "", "").await;
    assert!(wait >= s(60) && wait <= s(63), "{wait:?}");
}

/// The body of a refusal may come in a later segment than its head, or not at all.
#[tokio::test(start_paused = true)]
async fn a_ban_whose_length_comes_late_is_sat_out_whole() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.raw().await;
    venue.request().await;
    venue.write(b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 19\r\n\r\n").await;
    sleep(ms(100)).await;
    venue.write(b"wait for 45 seconds").await;
    rig.raw().await;
    let connects = rig.connects();
    assert!(connects[1] >= s(45) && connects[1] <= s(48), "{connects:?}");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_handshake_is_shown_in_short() {
    for status in ["503 Service Unavailable", "502 Bad Gateway", "500 Internal Server Error", "200 OK"] {
        let (error, wait) = refusal(status, "", &"<b>x</b>".repeat(1000)).await;
        let ConnectError::Status { status: got, body, retry_after } = error else { panic!("{error:?}") };
        assert_eq!((got.to_string().as_str(), body.len(), retry_after), (&status[..3], 256, None));
        assert!(wait <= s(2), "{wait:?}");
    }
    let check = async |change: fn(String) -> String| {
        let mut rig = start(FeedConfig::default());
        let mut venue = rig.raw().await;
        let request = venue.request().await;
        venue.write(change(acceptance(&request)).as_bytes()).await;
        let (_, cause) = rig.first_loss().await;
        assert!(matches!(cause, Cause::Connect(ConnectError::Handshake(_))), "{cause:?}");
        rig.stop().await;
    };
    check(|answer| answer.replace("Accept: ", "Accept: A")).await;
    check(|answer| answer.replace("HTTP/1.1", "SMTP/1.1")).await;
    check(|answer| answer.replace("\r\nUpgrade: websocket", "")).await;
    check(|answer| {
        answer.replace("\r\nUpgrade", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\nUpgrade")
    })
    .await;
    check(|answer| answer.replace("\r\nUpgrade", "\r\nSec-WebSocket-Protocol: chat\r\nUpgrade")).await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    for status in ["301 Moved", "302 Found", "308 Permanent Redirect"] {
        let (error, _) = refusal(status, "location: http://169.254.169.254/\r\n", "").await;
        assert_eq!(error.as_str(), "status", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn however_a_connection_ends_it_is_replaced() {
    for code in [1000_u16, 1001, 1008, 1011, 1012, 1013] {
        let close = async |venue: &mut Peer| {
            let mut payload = code.to_be_bytes().to_vec();
            payload.extend(b"bye");
            venue.send(CLOSE, &payload).await;
            assert!(matches!(venue.receive().await, Some((CLOSE, _))), "the close is answered");
        };
        let (_, cause, mut rig) = loss_after(close).await;
        assert_eq!(cause, Cause::Closed { code: Some(code), reason: "bye".to_owned() });
        rig.live().await;
        let wait = rig.connects()[1];
        assert!(wait >= s(1) && wait <= s(2), "{code}: {wait:?}");
        rig.stop().await;
    }
    // 1006 is no frame but its absence; and a frame may be cut off by the end.
    for cut in [&b""[..], b"\x82", b"\x82\x05abc", b"\x02\x01a", b"\x88\x00"] {
        let (_, cause, mut rig) = loss_after(async |venue| {
            venue.send(BINARY, b"{}").await;
            venue.write(cut).await;
        })
        .await;
        let without_code = Cause::Closed { code: None, reason: String::new() };
        assert!(
            cause == Cause::BrokenOff || (cut == b"\x88\x00" && cause == without_code),
            "{cut:?}: {cause:?}"
        );
        assert_eq!(rig.frames(), [b"{}"], "what was whole is delivered, what was not is dropped");
        rig.live().await;
        rig.stop().await;
    }
}

/// Codes that stand in no frame, half a code, a reason that is not UTF-8: the venue broke the
/// protocol, and is left in order all the same.
#[tokio::test(start_paused = true)]
async fn a_close_that_is_none_is_a_loss_like_any() {
    let code = |code: u16| code.to_be_bytes().to_vec();
    let mut bad: Vec<_> = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(code).into();
    bad.extend([vec![3], [code(1000), b"\xff".to_vec()].concat()]);
    for payload in bad {
        let (at, cause, mut rig) = loss_after(async |venue| {
            venue.send(CLOSE, &payload).await;
            let answer = venue.receive().await;
            let code = answer.as_ref().filter(|(opcode, _)| *opcode == CLOSE).map(|(_, code)| &code[..2]);
            let expect = [1002_u16.to_be_bytes(), 1007_u16.to_be_bytes()];
            assert!(code.is_some_and(|code| expect.iter().any(|e| e == code)), "{payload:?}: {answer:?}");
        })
        .await;
        assert!(matches!(cause, Cause::Protocol(_) | Cause::Closed { .. }), "{payload:?}: {cause:?}");
        assert!(at < s(1), "{payload:?}: {at:?}");
        rig.live().await;
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_are_put_together_up_to_a_mebibyte() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.live().await;
    venue.frame(TEXT, b"{").await;
    for byte in b"\"a\":1" {
        venue.frame(0, &[*byte]).await;
        venue.send(PING, b"between").await;
        assert_eq!(venue.receive().await, Some((PONG, b"between".to_vec())));
    }
    venue.frame(0x80, b"}").await;
    sleep(ms(10)).await;
    assert_eq!(rig.frames(), [b"{\"a\":1}"]);
    rig.stop().await;

    let endless = async |venue: &mut Peer| {
        venue.frame(BINARY, b"{").await;
        while venue.frame(0, &[b' '; 4096]).await {}
    };
    let (at, cause, rig) = loss_after(endless).await;
    assert_eq!(cause, Cause::TooLarge);
    assert!(at < s(1));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_giant_frame_is_refused_by_its_header() {
    for len in [u64::MAX >> 1, 64 << 20, (1 << 20) + 1] {
        let (_, cause, rig) = loss_after(async |venue| {
            let mut header = vec![0x82, 127];
            header.extend(len.to_be_bytes());
            venue.write(&header).await;
            let mut last = None;
            while let Some(frame) = venue.receive().await {
                last = Some(frame);
            }
            assert_eq!(last, Some((CLOSE, 1009_u16.to_be_bytes().to_vec())), "{len}");
        })
        .await;
        assert_eq!(cause, Cause::TooLarge, "{len}");
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_handshake_is_given_up() {
    let mut rig = start(FeedConfig::default());
    let mut venue = rig.raw().await;
    venue.request().await;
    venue.write(b"HTTP/1.1 101 Switching Protocols\r\n").await;
    let mut written = 0;
    let header = format!("x: {}\r\n", "x".repeat(1000));
    while written < 10 << 20 && venue.write(header.as_bytes()).await {
        written += header.len();
    }
    assert!(written < 200 << 10, "{written} bytes were taken, of which 64 KiB stand in the pipe");
    let (at, cause) = rig.first_loss().await;
    assert!(matches!(cause, Cause::Connect(ConnectError::Handshake(_))) && at < s(10), "{at:?} {cause:?}");
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_not_utf8_ends_the_session() {
    let (_, cause, rig) = loss_after(async |venue| {
        venue.send(TEXT, b"{\"a\":\"\xff\"}").await;
        assert_eq!(venue.receive().await, Some((CLOSE, 1007_u16.to_be_bytes().to_vec())));
    })
    .await;
    assert!(matches!(&cause, Cause::Protocol(what) if what.contains("UTF-8")), "{cause:?}");
    assert_eq!(rig.frames(), Vec::<Vec<u8>>::new());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn frames_that_no_server_may_send_end_the_session() {
    for bad in [&b"\xc2\x01a"[..], b"\x83\x01a", b"\x80\x01a", b"\x82\x81aaaaa", b"\x09\x01a", b"\x8b\x00"] {
        let (_, cause, rig) = loss_after(async |venue| {
            venue.write(bad).await;
            venue.receive().await;
        })
        .await;
        assert!(matches!(cause, Cause::Protocol(_)), "{bad:?}: {cause:?}");
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_session_and_one_for_good_waits_half_a_minute() {
    for (frame, fatal, least, most) in [(&b"refused"[..], false, 1, 2), (b"refused for good", true, 30, 37)] {
        let error = async |venue: &mut Peer| {
            venue.send(BINARY, frame).await;
            sleep(ms(150)).await;
            venue.send(CLOSE, &1000_u16.to_be_bytes()).await;
        };
        let (_, cause, mut rig) = loss_after(error).await;
        assert_eq!(cause, Cause::Refused { fatal });
        rig.live().await;
        let wait = rig.connects()[1];
        assert!(wait >= s(least) && wait <= s(most), "{wait:?}");
        rig.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_of_which_more_than_half_is_garbage_is_replaced() {
    // (readable, unreadable) in turns; whether it is replaced.
    let check = async |turns: &[(usize, usize)], expect: bool| {
        let mut rig = start(FeedConfig::default());
        let mut venue = rig.live().await;
        for &(readable, unreadable) in turns {
            for i in 0..readable + unreadable {
                venue.send(BINARY, if i < readable { b"{}" } else { b"garbage" }).await;
            }
        }
        sleep(ms(10)).await;
        let losses: Vec<_> = rig.losses().into_iter().map(|(_, cause)| cause).collect();
        assert_eq!(losses, if expect { vec![Cause::Garbage] } else { vec![] }, "{turns:?}");
        if expect {
            let mut last = None;
            while let Some(frame) = venue.receive().await {
                last = Some(frame);
            }
            assert_eq!(last, Some((CLOSE, 1007_u16.to_be_bytes().to_vec())), "{turns:?}");
        }
        rig.stop().await;
    };
    check(&[(0, 50)], false).await;
    check(&[(0, 51)], true).await;
    check(&[(1000, 50)], false).await;
    check(&[(1000, 51)], true).await;
    check(&[(50, 50), (50, 50), (50, 50)], false).await;
    check(&[(1, 1); 300], false).await;
    check(&[(2, 3); 20], true).await;
}

/// The venue drops every connection after 200 ms, for ten minutes. [bounded]
#[tokio::test(start_paused = true)]
async fn churn_is_at_most_one_connect_a_second() {
    let mut rig = start(FeedConfig::default());
    let end = rig.start + s(600);
    let mut sessions = 0;
    while let Ok(mut venue) = tokio::time::timeout_at(end, rig.raw()).await {
        sessions += 1;
        assert_eq!(venue.subscribed().await, format!("subscription {sessions}"));
        let silence = tokio::time::timeout(ms(200), venue.receive()).await;
        assert!(silence.is_err(), "a second subscription: {silence:?}");
    }
    let connects = rig.connects();
    assert!(connects.windows(2).all(|w| w[1] - w[0] >= s(1)), "{connects:?}");
    assert!(sessions >= 20);
    rig.stop().await;
}

/// 2024-12-03: all sockets closed, then 503 for 99 minutes. [bounded]
#[tokio::test(start_paused = true)]
async fn ninety_nine_minutes_of_maintenance_are_at_most_240_attempts() {
    let mut rig = start(FeedConfig::default());
    let (began, mut venue) = (rig.start, rig.live().await);
    venue.answer(began, s(60)).await;
    drop(venue);
    let end = s(60) + s(99 * 60);
    let mut attempts = 0;
    while began.elapsed() < end {
        rig.raw().await.refuse("503 Service Unavailable", "", "maintenance").await;
        attempts += 1;
    }
    let _venue = rig.live().await;
    assert!(attempts <= 240, "{attempts}");
    let back = *rig.connects().last().unwrap();
    assert!(back <= end + s(60), "{back:?}");
    rig.stop().await;
}
