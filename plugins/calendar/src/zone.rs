//! Zones: a fixed offset, or a name with its rules.

use crate::{DAY_MS, civil};
use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::{TimeZone, TimeZoneDatabase},
};
use serde_json::Value;
use tradehook_sdk::config::{self, Mistake};

const HELP: &str = "\"UTC\", a name such as \"Asia/Seoul\", or an offset such as \"+09:00\"";

/// Where a clock on the wall stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// So many ms east of UTC, whatever the date.
    Fixed(i64),
    /// As the IANA database has it.
    Named(TimeZone),
}

impl Zone {
    /// Universal time.
    pub const UTC: Self = Self::fixed(0);

    /// So many ms east of UTC.
    #[must_use]
    pub const fn fixed(offset_ms: i64) -> Self {
        Self { rule: Rule::Fixed(offset_ms) }
    }

    /// The same for everything that a stored state depends on.
    #[must_use]
    pub fn definition(&self) -> String {
        match &self.rule {
            Rule::Fixed(offset) => format!("{offset}"),
            Rule::Named(zone) => zone.iana_name().unwrap_or_default().to_owned(),
        }
    }

    /// The local day that `ms` lies in, as days since 1970-01-01.
    #[must_use]
    pub fn day_of(&self, ms: i64) -> i64 {
        let offset = match &self.rule {
            Rule::Fixed(offset) => *offset,
            // A moment that has no offset is outside the years that the engines let in.
            Rule::Named(zone) => Timestamp::from_millisecond(ms)
                .map_or(0, |moment| i64::from(zone.to_offset(moment).seconds()) * 1000),
        };
        (ms + offset).div_euclid(DAY_MS)
    }

    /// When a local day begins.
    #[must_use]
    pub fn start_of_day(&self, day: i64) -> i64 {
        self.instant(day, 0)
    }

    /// When the clock on the wall of that local day says `ms_of_day`. A time that the clocks skip is
    /// the moment by which they were moved on later; of one that comes twice it is the first.
    #[must_use]
    pub fn instant(&self, day: i64, ms_of_day: i64) -> i64 {
        let even = day * DAY_MS + ms_of_day;
        match &self.rule {
            Rule::Fixed(offset) => even - offset,
            Rule::Named(zone) => named_instant(zone, even).unwrap_or(even),
        }
    }
}

/// The moment of a local date and time, given as the ms it would be at in UTC.
fn named_instant(zone: &TimeZone, local_ms: i64) -> Option<i64> {
    let (year, month, day) = civil::of_days(local_ms.div_euclid(DAY_MS));
    let parts = [month, day].map(i8::try_from);
    let [Ok(month), Ok(day)] = parts else { return None };
    let date = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
    let seconds = local_ms.rem_euclid(DAY_MS) / 1000;
    let part = |n: i64| i8::try_from(n).ok();
    let time = Time::new(part(seconds / 3600)?, part(seconds / 60 % 60)?, part(seconds % 60)?, 0).ok()?;
    let moment = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
    Some(moment.timestamp().as_millisecond())
}

/// Reads a zone.
///
/// # Errors
/// When there is none of that name.
pub fn zone(value: &Value) -> Result<Zone, Mistake> {
    let text = config::text(value).map_err(|mistake| mistake.help(HELP))?;
    if text == "UTC" || text == "Z" {
        return Ok(Zone::UTC);
    }
    if let Some(offset) = offset_ms(&text) {
        return Ok(Zone::fixed(offset));
    }
    let named = TimeZoneDatabase::bundled().get(&text);
    let named = named.map_err(|_| Mistake::new(format!("{text:?} is no time zone")).help(HELP))?;
    Ok(Zone { rule: Rule::Named(named) })
}

/// Reads where a day begins: `"00:00Z"`, `"09:00+09:00"`, which is the same moment. The zone that
/// comes out has its midnight there.
///
/// # Errors
/// When it is no time of day with its offset.
pub fn day_start(value: &Value) -> Result<Zone, Mistake> {
    let read = |text: &str| match text.split_at_checked(5)? {
        (local, "Z") => Some(-clock_ms(local)?),
        (local, offset) => Some(offset_ms(offset)? - clock_ms(local)?),
    };
    value.as_str().and_then(read).map(Zone::fixed).ok_or_else(|| {
        let message = format!("expected a time of day with its offset, found {}", config::describe(value));
        Mistake::new(message).help("\"00:00Z\", or \"09:00+09:00\", which is the same moment")
    })
}

/// `+09:00` in ms.
fn offset_ms(text: &str) -> Option<i64> {
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(east), _) => (1, east),
        (_, Some(west)) => (-1, west),
        _ => return None,
    };
    Some(sign * clock_ms(rest)?)
}

/// `09:30` in ms after midnight.
pub(crate) fn clock_ms(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |t: &str| {
        let plain = t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
        if plain { t.parse::<u8>().ok() } else { None }
    };
    let (hours, minutes) = (i64::from(two(hours)?), i64::from(two(minutes)?));
    (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        let check = |text: &str, winter_hours: Option<i64>| {
            let read = zone(&json!(text)).ok();
            // 2026-01-15 local midnight.
            let start = read.map(|zone| (20_468 * DAY_MS - zone.start_of_day(20_468)) / HOUR);
            assert_eq!(start, winter_hours, "{text}");
        };
        check("UTC", Some(0));
        check("Z", Some(0));
        check("Asia/Seoul", Some(9));
        check("America/New_York", Some(-5));
        check("+09:00", Some(9));
        check("-03:00", Some(-3));
        for wrong in ["", "Seoul", "Asia/Soeul", "+9", "KST9", "09:00", "+24:00", "+09:60", "++9:00", "é"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_day_starts_where_its_offset_says() {
        let check = |text: &str, expect: Option<i64>| {
            let read = day_start(&json!(text)).ok();
            assert_eq!(read.map(|zone| zone.start_of_day(0) / 60_000), expect, "{text}");
        };
        check("00:00Z", Some(0));
        check("09:00+09:00", Some(0));
        check("00:00+09:00", Some(-9 * 60));
        check("20:30-03:30", Some(24 * 60));
        for wrong in ["", "24:00Z", "00:60Z", "00:00", "00:00+9", "0:00Z", "00:00X", "00:00+09:00Z", "é0:00Z"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn summer_time_makes_days_of_other_lengths() -> Result<(), Mistake> {
        let zone = zone(&json!("America/New_York"))?;
        let length = |date: (i64, u8, u8)| {
            let day = civil::to_days(date.0, date.1, date.2);
            (zone.start_of_day(day + 1) - zone.start_of_day(day)) / HOUR
        };
        assert_eq!([(2026, 3, 7), (2026, 3, 8), (2026, 11, 1)].map(length), [24, 23, 25]);
        // 02:30 of the short day does not exist: half an hour after the clocks went on.
        let skipped = civil::to_days(2026, 3, 8);
        assert_eq!(zone.instant(skipped, 5 * HOUR / 2), zone.instant(skipped, 7 * HOUR / 2));
        Ok(())
    }

    #[test]
    fn every_moment_lies_in_the_day_it_is_said_to() {
        for name in ["UTC", "Asia/Seoul", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "-03:30"] {
            let Ok(zone) = zone(&json!(name)) else { panic!("{name}") };
            for step in 0..20_000 {
                let ms = 1_000_000_000_000 + step * 39_999_999;
                let day = zone.day_of(ms);
                assert!(
                    zone.start_of_day(day) <= ms && ms < zone.start_of_day(day + 1),
                    "{name} {ms}: day {day} from {} to {}",
                    zone.start_of_day(day),
                    zone.start_of_day(day + 1)
                );
            }
        }
    }
}
