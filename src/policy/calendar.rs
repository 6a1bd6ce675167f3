//! Days and hours of a time zone: when a rule is on duty, and where a day ends.
//!
//! Everything is asked with a moment of the tape; zone data come with the program.
//!
//! Keeps: [time-enters-once]

use super::value::timestamp;
use jiff::{
    Timestamp, ToSpan, Zoned,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

/// A time zone that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of an IANA name such as `Asia/Seoul`, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    fn at(&self, at_ms: i64) -> Zoned {
        timestamp(at_ms).to_zoned(self.0.clone())
    }

    /// When `date` reaches `time` here; where the clocks leap over it, when they have.
    fn moment(&self, date: Date, time: Time) -> Timestamp {
        let zoned = self.0.to_ambiguous_zoned(date.to_datetime(time)).compatible();
        zoned.map_or(Timestamp::MAX, |z| z.timestamp())
    }

    /// The end of the day that holds `at_ms`.
    pub(super) fn day_end_ms(&self, at_ms: i64) -> i64 {
        let next = self.at(at_ms).date().checked_add(1.day());
        next.map_or(i64::MAX, |date| self.moment(date, Time::midnight()).as_millisecond())
    }
}

/// The hours in which a rule is on duty: the same on each of some days of the week. When they end
/// no later than they begin, they end on the next day, and belong to the day on which they began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    days: [bool; 7],
    from: Time,
    /// Midnight: the end of the day.
    to: Time,
    zone: Zone,
}

const DAY_MINUTES: u16 = 24 * 60;

impl Hours {
    /// `days` begin with Monday; minutes count from midnight, `to` may be 1,440. `None` for minutes
    /// that no day has.
    #[must_use]
    pub fn new(days: [bool; 7], from_minute: u16, to_minute: u16, zone: Zone) -> Option<Self> {
        let time = |minute: u16| {
            let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
            Time::new(hour, minute, 0, 0).ok()
        };
        Some(Self { days, from: time(from_minute)?, to: time(to_minute % DAY_MINUTES)?, zone })
            .filter(|_| to_minute <= DAY_MINUTES)
    }

    fn is_day(&self, day: Weekday) -> bool {
        let at = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.days.get(at).copied().unwrap_or_default()
    }

    fn holds(&self, zoned: &Zoned) -> bool {
        let (day, time) = (zoned.weekday(), zoned.time());
        let begun = time >= self.from;
        if self.to > self.from {
            return self.is_day(day) && begun && time < self.to;
        }
        (self.is_day(day) && begun) || (self.is_day(day.previous()) && time < self.to)
    }

    /// Whether `at_ms` is on duty.
    pub(super) fn contains(&self, at_ms: i64) -> bool {
        self.holds(&self.zone.at(at_ms))
    }

    /// When the duty begins that follows on `at_ms`; `None` when it is on, or never will be.
    pub(super) fn next_ms(&self, at_ms: i64) -> Option<i64> {
        if self.contains(at_ms) {
            return None;
        }
        let mut date = self.zone.at(at_ms).date();
        // A week, and a day more for the hours of today that are over.
        for _ in 0..=7 {
            let begins = self.zone.moment(date, self.from);
            if self.is_day(date.weekday()) && begins >= timestamp(at_ms) {
                return Some(begins.as_millisecond());
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn hours(days: &str, from: u16, to: u16, zone: &str) -> Hours {
        let mut on = [false; 7];
        for (day, letter) in on.iter_mut().zip(days.chars()) {
            *day = letter != '-';
        }
        Hours::new(on, from, to, Zone::named(zone).unwrap()).unwrap()
    }

    #[test]
    fn hours_are_those_of_their_zone_and_may_pass_midnight() {
        // 2026-11-20 is a Friday.
        let check =
            |hours: &Hours, at: &str, expect: bool| assert_eq!(hours.contains(ms(at)), expect, "{at}");
        let trading = hours("mtwtf--", 9 * 60, 23 * 60, "Asia/Seoul");
        check(&trading, "2026-11-20T09:00:00+09:00", true);
        check(&trading, "2026-11-20T08:59:59.999+09:00", false);
        check(&trading, "2026-11-20T22:59:59.999+09:00", true);
        check(&trading, "2026-11-20T23:00:00+09:00", false);
        check(&trading, "2026-11-21T12:00:00+09:00", false);
        check(&trading, "2026-11-23T00:00:00Z", true);
        let night = hours("----f--", 22 * 60, 6 * 60, "Asia/Seoul");
        check(&night, "2026-11-20T21:59:00+09:00", false);
        check(&night, "2026-11-20T22:00:00+09:00", true);
        check(&night, "2026-11-21T05:59:59+09:00", true);
        check(&night, "2026-11-21T06:00:00+09:00", false);
        check(&night, "2026-11-20T05:00:00+09:00", false);
        check(&night, "2026-11-21T23:00:00+09:00", false);
        let all_day = hours("-----ss", 0, 1440, "UTC");
        check(&all_day, "2026-11-21T00:00:00Z", true);
        check(&all_day, "2026-11-22T23:59:59.999Z", true);
        check(&all_day, "2026-11-23T00:00:00Z", false);
    }

    #[test]
    fn the_next_duty_is_found_over_a_week_and_over_a_leap_of_the_clocks() {
        let check = |hours: &Hours, at: &str, expect: Option<&str>| {
            assert_eq!(hours.next_ms(ms(at)), expect.map(ms), "{at}");
        };
        let friday = hours("----f--", 9 * 60, 10 * 60, "Asia/Seoul");
        check(&friday, "2026-11-20T09:30:00+09:00", None);
        check(&friday, "2026-11-20T10:00:00+09:00", Some("2026-11-27T09:00:00+09:00"));
        check(&friday, "2026-11-20T08:00:00+09:00", Some("2026-11-20T09:00:00+09:00"));
        check(&hours("-------", 0, 1440, "UTC"), "2026-11-20T08:00:00Z", None);
        // New York leaps from 02:00 to 03:00 on 2026-03-08.
        let leap = hours("mtwtfss", 150, 240, "America/New_York");
        check(&leap, "2026-03-08T00:00:00-05:00", Some("2026-03-08T03:30:00-04:00"));
    }

    #[test]
    fn a_day_ends_at_midnight_of_its_zone() {
        let check = |zone: &str, at: &str, end: &str| {
            assert_eq!(Zone::named(zone).unwrap().day_end_ms(ms(at)), ms(end), "{zone} {at}");
        };
        check("Asia/Seoul", "2026-11-22T23:59:59.999+09:00", "2026-11-23T00:00:00+09:00");
        check("Asia/Seoul", "2026-11-23T00:00:00+09:00", "2026-11-24T00:00:00+09:00");
        check("UTC", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
        assert_eq!(Zone::named("Asia/Soul"), None);
        assert_eq!(Hours::new([true; 7], 0, 1441, Zone::utc()), None);
        assert_eq!(Hours::new([true; 7], 1440, 10, Zone::utc()), None);
    }
}
