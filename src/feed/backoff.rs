//! How long to wait before the next connect, as a value. For ever: there is no last attempt.
//!
//! - A session that lived is replaced at once.
//! - Failures wait a random time up to a ceiling that doubles from `backoff_min` to `backoff_max`
//!   (full jitter), so that a short fault costs little.
//! - At the last ceiling only its upper fifth is drawn: an outage of 99 minutes (2024-12-03) stays
//!   under 240 attempts, which full jitter would not, and recovery is noticed within the ceiling.
//! - 429 and close 1008 wait for what the venue says, or a second; 418 waits for the whole ban.
//! - A refusal that will repeat itself waits 30 s or more.
//! - Two connects are never closer than `connect_spacing`.
//!
//! Keeps: [bounded]

use super::{Cause, ConnectError, FeedConfig};
use crate::refusal::{self, LONGEST_SAID};
use std::time::Duration;
use tokio::time::Instant;

/// What a refusal that will repeat itself waits at least.
const FATAL_WAIT: Duration = Duration::from_secs(30);
/// What a rate limit without a time waits at least.
const LIMITED_WAIT: Duration = Duration::from_secs(1);

/// The memory of failures in a row.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    spacing: Duration,
    lived_after: Duration,
    failures: u32,
    bans: u32,
    immediate: bool,
    last_connect: Option<Instant>,
    rng: fastrand::Rng,
}

impl Backoff {
    /// With the times and the seed of `config`.
    #[must_use]
    pub fn new(config: &FeedConfig) -> Self {
        Self {
            min: config.backoff_min,
            max: config.backoff_max,
            spacing: config.connect_spacing,
            lived_after: config.lived_after,
            failures: 0,
            bans: 0,
            immediate: false,
            last_connect: None,
            rng: fastrand::Rng::with_seed(config.jitter_seed),
        }
    }

    /// A connect begins.
    pub fn connecting(&mut self, now: Instant) {
        self.last_connect = Some(now);
    }

    /// The connect led to a session, which was lost after this long.
    pub fn session_lived(&mut self, lived: Duration) {
        if lived >= self.lived_after {
            (self.failures, self.bans, self.immediate) = (0, 0, true);
        }
    }

    /// How long to wait from `now` on, after a loss or a failed connect for `cause`.
    pub fn after(&mut self, cause: &Cause, now: Instant) -> Duration {
        let immediate = std::mem::take(&mut self.immediate);
        let wait = match cause {
            Cause::Connect(ConnectError::Status { status: 418, retry_after, .. }) => self.ban(*retry_after),
            Cause::Connect(ConnectError::Status { status: 429, retry_after, .. }) => {
                let said = retry_after.map_or(LIMITED_WAIT, |t| t.clamp(LIMITED_WAIT, LONGEST_SAID));
                self.jittered().max(said)
            }
            Cause::Closed { code: Some(1008), .. } | Cause::ControlFlood => self.jittered().max(LIMITED_WAIT),
            Cause::Refused { fatal: true } => FATAL_WAIT + self.up_to(FATAL_WAIT / 5),
            _ if immediate => Duration::ZERO,
            _ => self.jittered(),
        };
        let earliest = self.last_connect.map_or(now, |at| at + self.spacing);
        wait.max(earliest.saturating_duration_since(now))
    }

    fn ban(&mut self, said: Option<Duration>) -> Duration {
        let ban = refusal::ban(said, self.bans);
        self.bans = self.bans.saturating_add(1);
        // A little more than the ban: our clock and the venue's need not agree to the millisecond.
        ban + LIMITED_WAIT + self.up_to(LIMITED_WAIT)
    }

    fn jittered(&mut self) -> Duration {
        let ceiling = self.min.saturating_mul(1 << self.failures.min(20)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        if ceiling < self.max {
            return self.up_to(ceiling);
        }
        ceiling - self.up_to(ceiling / 5)
    }

    fn up_to(&mut self, ceiling: Duration) -> Duration {
        ceiling.mul_f64(self.rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn refused(status: u16, retry_after: Option<Duration>) -> Cause {
        Cause::Connect(ConnectError::Status { status, retry_after, body: String::new() })
    }

    /// Connects that all fail for `cause`, each at the end of its wait: the waits of `span`.
    fn waits(seed: u64, span: Duration, cause: &Cause) -> Vec<Duration> {
        let mut backoff = Backoff::new(&FeedConfig { jitter_seed: seed, ..FeedConfig::default() });
        let start = Instant::now();
        let (mut now, mut waits) = (start, Vec::new());
        while now < start + span {
            backoff.connecting(now);
            let wait = backoff.after(cause, now);
            now += wait;
            waits.push(wait);
        }
        waits
    }

    /// [bounded]
    #[test]
    fn ninety_nine_minutes_of_503_are_at_most_240_attempts() {
        for seed in 0..200 {
            let waits = waits(seed, s(99 * 60), &refused(503, None));
            assert!(waits.len() <= 240, "seed {seed}: {}", waits.len());
            assert!(waits.iter().all(|w| (s(1)..=s(30)).contains(w)), "seed {seed}: {waits:?}");
            assert!(waits.iter().take(5).sum::<Duration>() <= s(16), "seed {seed}: {waits:?}");
        }
    }

    #[test]
    fn the_same_seed_waits_the_same_and_another_does_not() {
        let cause = Cause::PongTimeout;
        assert_eq!(waits(1, s(600), &cause), waits(1, s(600), &cause));
        assert_ne!(waits(1, s(600), &cause), waits(2, s(600), &cause));
    }

    #[test]
    fn what_the_venue_says_is_obeyed() {
        let check = |status, said: Option<u64>, expect: std::ops::RangeInclusive<u64>| {
            for seed in 0..50 {
                let first = waits(seed, s(0) + Duration::from_nanos(1), &refused(status, said.map(s)));
                let range = s(*expect.start())..=s(*expect.end());
                assert!(first.iter().all(|w| range.contains(w)), "{status} {said:?} seed {seed}: {first:?}");
            }
        };
        check(429, None, 1..=1);
        check(429, Some(7), 7..=7);
        check(429, Some(0), 1..=1);
        check(418, Some(90), 90..=92);
        check(418, None, 60..=62);
        check(418, Some(u64::MAX / 2), 86_400..=86_402);
        let mut growing = waits(1, s(60 * 60 * 6), &refused(418, None)).into_iter();
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = growing.next().unwrap_or_default();
            assert!((s(minutes * 60)..=s(minutes * 60 + 2)).contains(&wait), "{minutes} min: {wait:?}");
        }
    }

    #[test]
    fn a_refusal_that_will_repeat_itself_is_no_storm() {
        let waits = waits(1, s(600), &Cause::Refused { fatal: true });
        assert!(waits.iter().all(|w| *w >= s(30) && *w <= s(36)), "{waits:?}");
    }

    #[test]
    fn a_session_that_lived_is_replaced_at_once_but_never_twice_in_a_second() {
        let mut backoff = Backoff::new(&FeedConfig { jitter_seed: 1, ..FeedConfig::default() });
        let start = Instant::now();
        for _ in 0..5 {
            backoff.connecting(start);
            backoff.after(&Cause::PongTimeout, start);
        }
        backoff.connecting(start);
        backoff.session_lived(s(3600));
        assert_eq!(backoff.after(&Cause::PongTimeout, start + s(3600)), Duration::ZERO);
        backoff.connecting(start);
        backoff.session_lived(Duration::from_millis(200));
        let wait = backoff.after(&Cause::PongTimeout, start + Duration::from_millis(200));
        assert_eq!(wait, Duration::from_millis(800), "the failures before were forgotten");
    }
}
