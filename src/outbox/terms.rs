//! On what terms a channel is served: how fast, how late, when not, and who stands in for it.
//!
//! Pure values; the sender asks them with the time it has.
//!
//! Keeps: [bounded]

use crate::alert::{AlertState, Severity};
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use std::time::Duration;

/// The terms of one channel. The default is none at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Each holds.
    pub rates: Vec<Rate>,
    /// What is older is told in one message with others. `None`: nothing is too old.
    pub ttl: Option<Ttl>,
    /// When only what is urgent goes out.
    pub quiet: Option<Quiet>,
    /// Channels that get what this one cannot deliver.
    pub fallback: Vec<String>,
}

/// At most so many attempts within any such span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Attempts.
    pub most: u32,
    /// The span.
    pub per: Duration,
}

/// From when on a message is too old for its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    /// Its age, by the time of the event.
    pub age: Duration,
    /// Whether the end of an episode is never too old, because something stays open without it.
    pub spares_ends: bool,
}

impl Ttl {
    /// Whether a message of `at_ms` is too old. What has no time never is.
    #[must_use]
    pub fn is_over(&self, at_ms: i64, state: AlertState, now_ms: i64) -> bool {
        let age_ms = i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX);
        let spared = self.spares_ends && state == AlertState::Resolved;
        at_ms > 0 && !spared && now_ms.saturating_sub(at_ms) > age_ms
    }
}

/// Hours of every day in which a channel is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    from: Time,
    to: Time,
    zone: TimeZone,
    /// What is less urgent waits.
    below: Severity,
}

impl Quiet {
    /// From and to as minutes of the day, over midnight where `to` is not later; `None` where one
    /// is none, both are the same, or the zone is not known.
    #[must_use]
    pub fn new(from: u16, to: u16, zone: &str, below: Severity) -> Option<Self> {
        let time = |minutes: u16| {
            let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
            Time::new(hour, minute, 0, 0).ok()
        };
        let quiet = Self { from: time(from)?, to: time(to)?, zone: TimeZone::get(zone).ok()?, below };
        (from != to).then_some(quiet)
    }

    /// Whether it is urgent enough for any hour.
    #[must_use]
    pub fn lets_through(&self, severity: Severity) -> bool {
        severity >= self.below
    }

    /// When the quiet in which `now_ms` lies ends, ms since the Unix epoch; `None` outside of it.
    #[must_use]
    pub fn until(&self, now_ms: i64) -> Option<i64> {
        let now = Timestamp::from_millisecond(now_ms).ok()?.to_zoned(self.zone.clone());
        let time = now.time();
        let over_midnight = self.to < self.from;
        let within = if over_midnight {
            time >= self.from || time < self.to
        } else {
            time >= self.from && time < self.to
        };
        if !within {
            return None;
        }
        let ends_tomorrow = over_midnight && time >= self.from;
        let date = if ends_tomorrow { now.date().tomorrow().ok()? } else { now.date() };
        let end = date.to_datetime(self.to).to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond();
        // Where clocks are set back, the end can lie behind: the same hour comes again.
        Some(end.max(now_ms.saturating_add(1)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn quiet_hours_end_when_they_say_over_midnight_and_over_changed_clocks() {
        let check = |from, to, zone, now: &str, expect: Option<&str>| {
            let quiet = Quiet::new(from, to, zone, Severity::Critical).unwrap();
            assert_eq!(quiet.until(ms(now)), expect.map(ms), "{from} {to} {zone} {now}");
        };
        let night = (23 * 60, 7 * 60, "Asia/Seoul");
        let seoul = |now, expect| check(night.0, night.1, night.2, now, expect);
        seoul("2026-11-22T13:59:59.999Z", None);
        seoul("2026-11-22T14:00:00Z", Some("2026-11-22T22:00:00Z"));
        seoul("2026-11-22T15:00:00Z", Some("2026-11-22T22:00:00Z"));
        seoul("2026-11-22T21:59:59.999Z", Some("2026-11-22T22:00:00Z"));
        seoul("2026-11-22T22:00:00Z", None);
        let noon = |now, expect| check(12 * 60, 13 * 60 + 30, "UTC", now, expect);
        noon("2026-11-22T11:59:00Z", None);
        noon("2026-11-22T12:00:00Z", Some("2026-11-22T13:30:00Z"));
        noon("2026-11-22T13:30:00Z", None);
        // In Berlin 02:30 comes twice on 2026-10-25, and not at all on 2026-03-29.
        let berlin = |now, expect| check(23 * 60, 2 * 60 + 30, "Europe/Berlin", now, expect);
        berlin("2026-10-24T23:00:00Z", Some("2026-10-25T00:30:00Z"));
        berlin("2026-10-25T01:00:00Z", Some("2026-10-25T01:00:00.001Z"));
        berlin("2026-03-28T23:00:00Z", Some("2026-03-29T01:30:00Z"));
        assert_eq!(Quiet::new(1, 1, "UTC", Severity::Critical), None);
        assert_eq!(Quiet::new(1, 2, "Asia/Soul", Severity::Critical), None);
        assert_eq!(Quiet::new(1, 24 * 60, "UTC", Severity::Critical), None);
    }

    #[test]
    fn what_has_no_time_or_must_be_said_is_never_too_old() {
        let check = |at_ms, state, spares_ends, expect| {
            let ttl = Ttl { age: Duration::from_secs(1), spares_ends };
            assert_eq!(ttl.is_over(at_ms, state, 10_000), expect, "{at_ms} {state:?} {spares_ends}");
        };
        check(8_999, AlertState::Event, false, true);
        check(9_000, AlertState::Event, false, false);
        check(0, AlertState::Event, false, false);
        check(1, AlertState::Resolved, false, true);
        check(1, AlertState::Resolved, true, false);
        check(1, AlertState::Firing, true, true);
    }
}
