//! The connection to the venue as others see it: its state, since when, and how often it was lost.

use super::{
    counts::{Count, Moment, Tally, lock},
    snapshot::FeedSnapshot,
};
use std::sync::Mutex;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedState {
    /// There is none and none is wanted: not started, ended, or a replay.
    #[default]
    Idle,
    /// Name lookup, TCP, TLS and the upgrade are under way.
    Connecting,
    /// Subscribed.
    Live,
    /// It ended; the next attempt is due at once.
    Lost,
    /// The next attempt is due later.
    Waiting,
    /// The venue said no; the next attempt is due when it allows one.
    Refused,
}

impl FeedState {
    /// Every state, for metrics that show each.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Connecting, Self::Live, Self::Lost, Self::Waiting, Self::Refused];

    /// Its name in metrics, JSON and the views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Default)]
struct Standing {
    state: FeedState,
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    cause: String,
}

/// The connection to the venue. Moments are ms since the Unix epoch and come from the caller.
#[derive(Debug, Default)]
pub struct FeedStatus {
    standing: Mutex<Standing>,
    /// Attempts to connect.
    pub attempts: Count,
    /// Attempts that led to a subscribed session.
    pub sessions: Count,
    /// Sessions and attempts that ended, by cause.
    pub losses: Tally,
    last_frame: Moment,
    last_pong: Moment,
}

impl FeedStatus {
    /// An attempt begins.
    pub fn connecting(&self, at_ms: i64) {
        self.attempts.add(1);
        self.stand(FeedState::Connecting, at_ms, None, None);
    }

    /// The session is up and subscribed.
    pub fn live(&self, at_ms: i64) {
        self.sessions.add(1);
        self.stand(FeedState::Live, at_ms, None, Some(""));
    }

    /// A session or an attempt ended. `cause` names it for metrics, `detail` for people.
    pub fn lost(&self, at_ms: i64, cause: &'static str, detail: &str) {
        self.losses.add(cause, 1);
        self.stand(FeedState::Lost, at_ms, None, Some(detail));
    }

    /// The next attempt comes at `until_ms`.
    pub fn waiting(&self, at_ms: i64, until_ms: i64) {
        self.stand(FeedState::Waiting, at_ms, Some(until_ms), None);
    }

    /// The venue said no, for the reason in `detail`; the next attempt comes at `until_ms`.
    pub fn refused(&self, at_ms: i64, until_ms: i64, detail: &str) {
        self.stand(FeedState::Refused, at_ms, Some(until_ms), Some(detail));
    }

    /// It ended because it was told to.
    pub fn ended(&self, at_ms: i64) {
        self.stand(FeedState::Idle, at_ms, None, Some(""));
    }

    /// A frame arrived. Once per batch of frames is enough.
    #[inline]
    pub fn frame_at(&self, at_ms: i64) {
        self.last_frame.set(at_ms);
    }

    /// A pong arrived.
    #[inline]
    pub fn pong_at(&self, at_ms: i64) {
        self.last_pong.set(at_ms);
    }

    fn stand(&self, state: FeedState, at_ms: i64, until_ms: Option<i64>, cause: Option<&str>) {
        let mut standing = lock(&self.standing);
        standing.state = state;
        standing.since_ms = Some(at_ms);
        standing.until_ms = until_ms;
        if let Some(cause) = cause {
            standing.cause = super::clean(cause);
        }
    }

    pub(super) fn snapshot(&self) -> FeedSnapshot {
        let standing = lock(&self.standing);
        FeedSnapshot {
            state: standing.state,
            since_ms: standing.since_ms,
            until_ms: standing.until_ms,
            cause: standing.cause.clone(),
            attempts: self.attempts.get(),
            sessions: self.sessions.get(),
            losses: self.losses.get(),
            last_frame_ms: self.last_frame.get(),
            last_pong_ms: self.last_pong.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_stays_visible_until_the_next_live_session() {
        let feed = FeedStatus::default();
        feed.connecting(1);
        feed.lost(2, "pong_timeout", "no pong for 60 s\u{1b}[2J");
        feed.waiting(3, 503);
        let seen = feed.snapshot();
        assert_eq!((seen.state, seen.since_ms, seen.until_ms), (FeedState::Waiting, Some(3), Some(503)));
        assert_eq!(seen.cause, "no pong for 60 s\u{fffd}[2J");
        assert_eq!(seen.losses.get("pong_timeout"), Some(&1));
        feed.connecting(503);
        assert_eq!(feed.snapshot().cause, "no pong for 60 s\u{fffd}[2J");
        feed.live(504);
        let seen = feed.snapshot();
        assert_eq!((seen.cause.as_str(), seen.attempts, seen.sessions), ("", 2, 1));
    }
}
