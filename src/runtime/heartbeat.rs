//! The heartbeat: a request to an outside watch now and then, so that a dead process is noticed.
//!
//! Sent while every loop of the process turns. Whoever receives it (a dead-man switch) raises the alarm
//! when it stays away: for the process itself nobody else could.
//!
//! Keeps: [bounded] [fails-alone]

use crate::{
    http::{Ping, tls_config},
    status::Status,
};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Beats until it is stopped.
pub(super) async fn run(ping: Ping, every: Duration, status: Status, stop: CancellationToken) {
    let tls = match tls_config() {
        Ok(tls) => tls,
        Err(error) => return error!(%error, "no heartbeat: TLS cannot be set up"),
    };
    let mut every = interval(every);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fails = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        let health = status.health();
        if !health.healthy {
            error!(reasons = health.reasons.join("; "), "no heartbeat: the process does not turn");
            continue;
        }
        let sent = tokio::select! {
            () = stop.cancelled() => return,
            sent = timeout(TIMEOUT, ping.send(&tls)) => sent,
        };
        let why = match sent {
            Ok(Ok(code)) if (200..300).contains(&code) => None,
            Ok(Ok(code)) => Some(format!("the answer was {code}")),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_elapsed) => Some("it took too long".to_owned()),
        };
        match &why {
            None if fails => info!(to = ping.host(), "the heartbeat is received again"),
            None => debug!(to = ping.host(), "heartbeat"),
            Some(why) => {
                let why = crate::status::clean(why);
                if fails {
                    debug!(to = ping.host(), why, "the heartbeat is not received");
                } else {
                    warn!(to = ping.host(), why, "the heartbeat is not received");
                }
            }
        }
        fails = why.is_some();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    /// [fails-alone]
    #[tokio::test]
    async fn it_beats_while_the_process_turns_whatever_the_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/beat?token=7", listener.local_addr().unwrap());
        let ping = Ping::new(&url, true).unwrap();
        let status = Status::new("ws://venue", || 0);
        let stop = CancellationToken::new();
        let beating = tokio::spawn(run(ping, Duration::from_millis(1), status, stop.clone()));
        for answer in ["503 No", "200 OK", "200 OK"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            assert!(request.starts_with(b"GET /beat?token=7 HTTP/1.1\r\n"), "{request:?}");
            let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        stop.cancel();
        beating.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_does_not_turn_sends_none() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ping = Ping::new(&format!("http://{}/", listener.local_addr().unwrap()), true).unwrap();
        let status = Status::new("ws://venue", || 0);
        let _stuck = status.heart("pipeline alert", Duration::ZERO);
        tokio::time::advance(Duration::from_secs(1)).await;
        let stop = CancellationToken::new();
        let beating = tokio::spawn(run(ping, Duration::from_secs(60), status, stop.clone()));
        let knocked = timeout(Duration::from_secs(600), listener.accept()).await;
        assert!(knocked.is_err(), "ten minutes without a beat");
        stop.cancel();
        beating.await.unwrap();
    }
}
