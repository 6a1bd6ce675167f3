//! What the feed says to whoever takes its frames, and what it is answered.

use super::ConnectError;
use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// The taker of the frames. Called on the feed's task: it must not block.
pub trait Handler: Send {
    /// The text of the subscription. Asked for at every connect, and after a
    /// [`Verdict::Resubscribe`]; it replaces whatever was asked for before, so it names everything.
    /// Empty, it is not sent: there is nothing to ask for.
    fn subscription(&mut self) -> String;

    /// A data frame, text or binary; which of them does not matter. `received_at_ms` is ms since
    /// the Unix epoch.
    fn frame(&mut self, received_at_ms: i64, payload: &[u8]) -> Verdict;

    /// No more frames are ready, or 256 messages were read. Called once more with each ping, and
    /// whenever [`Signals::nudge`](super::Signals::nudge) rings, so that a quiet session can change
    /// its subscription, or be given up, as well.
    fn batch_end(&mut self) -> Verdict {
        Verdict::Continue
    }

    /// Something happened to the connection.
    fn session(&mut self, event: SessionEvent);
}

/// What is to become of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    #[default]
    Continue,
    /// The venue refused us: the session is over.
    Refused {
        /// Whether asking again in the same words is pointless.
        fatal: bool,
    },
    /// The subscription is to be sent again; at most once a second, later if need be.
    Resubscribe,
    /// The frame could not be read. The session goes on, unless that is so of more than half of its
    /// last hundred frames. From [`Handler::batch_end`] it means nothing.
    Unreadable,
    /// The session is to be replaced although its connection stands, as one that delivers nothing.
    Reconnect {
        /// Why, for the log and the status; it reads on after "given up: ".
        why: &'static str,
    },
}

/// Something that happened to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// Nothing is tried before `until`.
    Waiting {
        /// How long that is from now.
        wait: Duration,
        /// When the next connect begins, on the monotonic clock.
        until: Instant,
        /// Whether the venue imposed it, on our address: no other connection may be tried either,
        /// and none after a restart. Said again at a start with [`FeedConfig::first_wait`].
        ///
        /// [`FeedConfig::first_wait`]: super::FeedConfig::first_wait
        ban: bool,
    },
    /// A connect begins.
    Connecting {
        /// How many this is since the last session.
        attempt: u32,
    },
    /// The connect failed.
    Failed {
        /// As in [`SessionEvent::Connecting`].
        attempt: u32,
        /// Why.
        error: ConnectError,
    },
    /// The connection stands and the subscription was sent.
    Live {
        /// How many connects it took.
        attempt: u32,
    },
    /// The venue answered a ping, or sent a pong unasked.
    Pong {
        /// When, ms since the Unix epoch.
        at_ms: i64,
        /// The time since the ping, if one was waiting.
        round_trip: Option<Duration>,
    },
    /// The session is over.
    Lost {
        /// Why.
        cause: Cause,
        /// How long it lived.
        lived: Duration,
        /// When its last data frame arrived, ms since the Unix epoch.
        last_frame_at_ms: Option<i64>,
        /// When its last pong arrived.
        last_pong_at_ms: Option<i64>,
    },
    /// It was closed because the process is to stop.
    Closed,
}

/// Why there is no session, or no longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It did not come to one.
    Connect(ConnectError),
    /// No pong for too long.
    PongTimeout,
    /// The process stood still for more than a minute (suspended, stopped, starved).
    Suspended,
    /// One message took too long to arrive.
    SlowMessage,
    /// A frame or message over the limit.
    TooLarge,
    /// More pings and pongs than any server has reason to send.
    ControlFlood,
    /// The venue closed the connection; 1000 follows its error messages and is a loss like any.
    Closed {
        /// The code, if a close frame had one.
        code: Option<u16>,
        /// The venue's text.
        reason: String,
    },
    /// The connection broke off without a close frame, as an idle one does (1006).
    BrokenOff,
    /// The venue broke the WebSocket protocol.
    Protocol(String),
    /// The network failed.
    Io(String),
    /// The handler saw the venue refuse us.
    Refused {
        /// Whether asking again in the same words is pointless.
        fatal: bool,
    },
    /// More than half of the last hundred frames could not be read.
    Garbage,
    /// The handler gave the session up although the venue answers pings.
    Stale {
        /// Why.
        why: &'static str,
    },
}

impl Cause {
    /// A short name for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Connect(error) => error.as_str(),
            Self::PongTimeout => "pong_timeout",
            Self::Suspended => "suspended",
            Self::SlowMessage => "slow_message",
            Self::TooLarge => "too_large",
            Self::ControlFlood => "control_flood",
            Self::Closed { .. } => "closed",
            Self::BrokenOff => "broken_off",
            Self::Protocol(_) => "protocol",
            Self::Io(_) => "io",
            Self::Refused { fatal: true } => "refused_for_good",
            Self::Refused { fatal: false } => "refused",
            Self::Garbage => "garbage",
            Self::Stale { .. } => "stale",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::PongTimeout => f.write_str("no pong from the venue"),
            Self::Suspended => f.write_str("the process stood still for more than a minute"),
            Self::SlowMessage => f.write_str("a message took too long to arrive"),
            Self::TooLarge => f.write_str("a message over 1 MiB"),
            Self::ControlFlood => f.write_str("a flood of pings"),
            Self::Closed { code: Some(code), reason } => {
                write!(f, "closed by the venue with {code} {reason:?}")
            }
            Self::Closed { code: None, .. } => f.write_str("closed by the venue without a code"),
            Self::BrokenOff => f.write_str("the connection broke off"),
            Self::Protocol(what) => write!(f, "the venue broke the protocol: {what}"),
            Self::Io(what) => write!(f, "the network failed: {what}"),
            Self::Refused { fatal: true } => f.write_str("the venue refuses the subscription"),
            Self::Refused { fatal: false } => f.write_str("the venue refuses us for the moment"),
            Self::Garbage => f.write_str("more than half of the last hundred frames could not be read"),
            Self::Stale { why } => write!(f, "the session was given up: {why}"),
        }
    }
}

impl std::error::Error for Cause {}

/// The clock that stamps frames. No timer runs on it, so that it may jump.
pub trait WallClock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

impl<F: Fn() -> i64 + Send + Sync> WallClock for F {
    fn now_ms(&self) -> i64 {
        self()
    }
}
