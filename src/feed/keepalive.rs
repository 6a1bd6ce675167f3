//! Keepalive as a value: when to ping, and when to give up. Driven by instants, so that minutes of
//! silence are a few calls in a test.
//!
//! The deadline is extended by a pong, asked for or not, and by nothing else: a venue that still
//! sends data but no longer answers is half gone, and one that is merely quiet is not.

use std::time::Duration;
use tokio::time::Instant;

/// The state of one connection's keepalive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    ping_interval: Duration,
    pong_timeout: Duration,
    next_ping: Instant,
    deadline: Instant,
    pinged_at: Option<Instant>,
}

impl Keepalive {
    /// For a connection that was made at `now`: the first ping is due one interval later.
    #[must_use]
    pub fn new(ping_interval: Duration, pong_timeout: Duration, now: Instant) -> Self {
        Self {
            ping_interval,
            pong_timeout,
            next_ping: now + ping_interval,
            deadline: now + pong_timeout,
            pinged_at: None,
        }
    }

    /// Whether a ping is due. If it is, the next is due one interval after this one was; one that
    /// comes late is not made up for by a flurry.
    pub fn take_ping(&mut self, now: Instant) -> bool {
        let due = now >= self.next_ping;
        if due {
            self.next_ping = (self.next_ping + self.ping_interval).max(now + self.ping_interval / 2);
            self.pinged_at = Some(now);
        }
        due
    }

    /// A pong came, at `now`. Returns the time since the last ping, once for each ping.
    pub fn pong(&mut self, now: Instant) -> Option<Duration> {
        self.deadline = now + self.pong_timeout;
        self.pinged_at.take().map(|at| now.saturating_duration_since(at))
    }

    /// Whether the last pong is too long ago.
    #[must_use]
    pub fn is_dead(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// The next moment at which something is due.
    #[must_use]
    pub fn next_wake(&self) -> Instant {
        self.next_ping.min(self.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Pings of `seconds` on a connection whose pongs come `rtt` later until second `mute`; ends
    /// at the moment it is given up, or after an hour.
    fn check(interval: u64, timeout: u64, mute: u64, expect_pings: &[u64], expect_dead: Option<u64>) {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(s(interval), s(timeout), start);
        let (mut pings, mut dead) = (Vec::new(), None);
        while dead.is_none() && keepalive.next_wake() < start + s(3600) {
            let now = keepalive.next_wake();
            let at = (now - start).as_secs();
            if keepalive.is_dead(now) {
                dead = Some(at);
            } else if keepalive.take_ping(now) {
                pings.push(at);
                if at < mute {
                    assert_eq!(keepalive.pong(now), Some(Duration::ZERO));
                }
            }
        }
        let head: Vec<_> = pings.iter().copied().take(expect_pings.len()).collect();
        assert_eq!((head.as_slice(), dead), (expect_pings, expect_dead), "{interval}/{timeout}/{mute}");
    }

    #[test]
    fn a_connection_lives_by_its_pongs_alone() {
        check(20, 60, u64::MAX, &[20, 40, 60, 80, 100], None);
        check(20, 60, 90, &[20, 40, 60, 80, 100, 120], Some(140));
        check(20, 60, 0, &[20, 40], Some(60));
        check(54, 60, u64::MAX, &[54, 108, 162], None);
        check(54, 60, 100, &[54, 108], Some(114));
    }

    #[test]
    fn an_unasked_pong_extends_the_deadline_and_measures_nothing() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(s(20), s(60), start);
        assert_eq!(keepalive.pong(start + s(50)), None);
        assert!(!keepalive.is_dead(start + s(109)) && keepalive.is_dead(start + s(110)));
        assert!(keepalive.take_ping(start + s(50)), "the interval is not touched by pongs");
        assert!(!keepalive.take_ping(start + s(50)), "a late ping is sent once");
        assert_eq!(keepalive.pong(start + s(51)), Some(s(1)));
        assert_eq!(keepalive.pong(start + s(52)), None);
    }
}
