//! The feed: an endless, self-healing sequence of frames. One task owns one socket.
//!
//! [`run`] connects, asks for what the [`Handler`] wants, hands it every frame, and replaces the
//! connection whenever it is lost, for ever, until it is told to stop. What frames mean is the
//! handler's business; it answers each with a [`Verdict`].
//!
//! A connection lives as long as the venue answers pings: the deadline is extended by a pong and
//! by nothing else. Silence is no fault (two markets in three have no trade for a minute), and
//! data without pongs is one.
//!
//! Timers run on the monotonic clock alone; the [`WallClock`] only stamps frames, once for each
//! batch that is read.
//!
//! Owns the WebSocket library. Does not decode, and never waits for whoever reads the frames.
//!
//! Keeps: [one-way] [bounded] [time-enters-once]

mod backoff;
mod connect;
mod dial;
mod handler;
mod keepalive;
mod meter;
mod pace;
mod retry;
mod session;

pub use backoff::Backoff;
pub use connect::{ConnectError, Connector};
pub use dial::{Machine, WsConnector};
pub use handler::{Cause, Handler, SessionEvent, SystemClock, Verdict, WallClock};
pub use keepalive::Keepalive;
pub use pace::Paced;

use session::{End, Session};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Times of the feed. The defaults suit the venue as measured in September 2026: an idle socket is
/// dropped after 60.5 s, without a close frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// How often a ping is sent.
    pub ping_interval: Duration,
    /// How long after the last pong, or the connect, a connection is given up.
    pub pong_timeout: Duration,
    /// How long the whole connect may take: name, TCP, TLS, handshake.
    pub connect_timeout: Duration,
    /// How long one message may take to arrive.
    pub message_timeout: Duration,
    /// The first ceiling of the backoff.
    pub backoff_min: Duration,
    /// The last ceiling of the backoff.
    pub backoff_max: Duration,
    /// The least time between two connects; the venue allows five a second from one address.
    pub connect_spacing: Duration,
    /// A session shorter than this counts as a failure, not as one that lived.
    pub lived_after: Duration,
    /// What is left of a ban that was in force when the process stopped.
    pub first_wait: Duration,
    /// The largest frame and message that are taken, in bytes.
    pub max_message: usize,
    /// The seed of the jitter.
    pub jitter_seed: u64,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            message_timeout: Duration::from_secs(30),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            connect_spacing: Duration::from_secs(1),
            lived_after: Duration::from_secs(10),
            first_wait: Duration::ZERO,
            // The largest real ones are order books of 3 KiB.
            max_message: 1 << 20,
            jitter_seed: fastrand::u64(..),
        }
    }
}

/// What a running feed listens to from outside. A token alone makes one that nobody nudges.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Ends the feed.
    pub shutdown: CancellationToken,
    /// Rung with `notify_one`: a session asks [`Handler::batch_end`] at once and obeys its verdict,
    /// so that a quiet one can subscribe anew or be given up. Rung while there is no session, it
    /// is heard by the next.
    pub nudge: Arc<Notify>,
}

impl From<CancellationToken> for Signals {
    fn from(shutdown: CancellationToken) -> Self {
        Self { shutdown, nudge: Arc::default() }
    }
}

/// Runs until `signals.shutdown` and returns the handler.
///
/// Every failure is a [`SessionEvent`] and is followed by another attempt; there is none that ends
/// the feed. On shutdown an open connection is closed with 1000, for which a second is given.
pub async fn run<C: Connector, H: Handler>(
    config: FeedConfig,
    mut connector: C,
    mut handler: H,
    clock: impl WallClock,
    signals: impl Into<Signals>,
) -> H {
    let signals = signals.into();
    let shutdown = &signals.shutdown;
    let mut backoff = Backoff::new(&config);
    let mut wait = config.first_wait;
    // Only a ban outlives the process.
    let mut ban = !wait.is_zero();
    let mut attempt = 0;
    loop {
        if !wait.is_zero() {
            handler.session(SessionEvent::Waiting { wait, until: Instant::now() + wait, ban });
            if until(shutdown, sleep(wait)).await.is_none() {
                return handler;
            }
        }
        attempt += 1;
        handler.session(SessionEvent::Connecting { attempt });
        backoff.connecting(Instant::now());
        let establish = connect::establish(&mut connector, config.max_message, &clock);
        let connecting = timeout(config.connect_timeout, establish);
        let cause = match until(shutdown, connecting).await {
            None => return handler,
            Some(Err(_elapsed)) => Cause::Connect(ConnectError::Timeout),
            Some(Ok(Err(error))) => Cause::Connect(error),
            Some(Ok(Ok(socket))) => {
                let session = Session::new(socket, &config, &mut handler, &clock, &signals);
                match session.run(attempt).await {
                    End::Shutdown => return handler,
                    End::Lost(cause, lived) => {
                        attempt = 0;
                        backoff.session_lived(lived);
                        cause
                    }
                }
            }
        };
        wait = backoff.after(&cause, Instant::now());
        ban = matches!(cause, Cause::Connect(ConnectError::Status { status: 418, .. }));
        if let Cause::Connect(error) = cause {
            handler.session(SessionEvent::Failed { attempt, error });
        }
    }
}

/// What `future` yields, or `None` when the shutdown comes first.
async fn until<T>(shutdown: &CancellationToken, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        value = future => Some(value),
    }
}

#[cfg(test)]
mod tests;
