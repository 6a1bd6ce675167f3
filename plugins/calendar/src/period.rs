//! Where bars and sums begin anew.

use crate::{DAY_MS, Zone, civil};

/// A stretch of time that follows upon its like without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// So many ms, aligned to 1970-01-01 00:00 UTC.
    Even(i64),
    /// A local day.
    Day,
    /// From Monday on.
    Week,
    /// Of the calendar.
    Month,
    /// Of the calendar.
    Year,
}

/// Spans of a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    span: Span,
    zone: Zone,
}

impl Calendar {
    /// `span` as `zone` counts it; even spans know no zone.
    #[must_use]
    pub fn new(span: Span, zone: Zone) -> Self {
        Self { span, zone }
    }

    /// What of it.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The same for everything that a stored state depends on.
    #[must_use]
    pub fn definition(&self) -> String {
        match self.span {
            Span::Even(ms) => format!("{ms}"),
            span => format!("{span:?} {}", self.zone.definition()),
        }
    }

    /// About how long one lasts, and none is shorter by more than an hour, ms.
    #[must_use]
    pub fn nominal_ms(&self) -> i64 {
        match self.span {
            Span::Even(ms) => ms,
            Span::Day => DAY_MS,
            Span::Week => 7 * DAY_MS,
            Span::Month => 28 * DAY_MS,
            Span::Year => 365 * DAY_MS,
        }
    }

    /// The start of the one that holds `ms`.
    #[inline]
    #[must_use]
    pub fn start_of(&self, ms: i64) -> i64 {
        match self.span {
            Span::Even(size) => ms - ms.rem_euclid(size),
            _ => self.zone.start_of_day(self.first_day(ms)),
        }
    }

    /// The end of the one that holds `ms`, which is the start of the next.
    #[inline]
    #[must_use]
    pub fn end_of(&self, ms: i64) -> i64 {
        if let Span::Even(size) = self.span {
            return ms - ms.rem_euclid(size) + size;
        }
        let first = self.first_day(ms);
        let (year, month, _) = civil::of_days(first);
        let next = match self.span {
            Span::Even(_) | Span::Day => first + 1,
            Span::Week => first + 7,
            Span::Month if month == 12 => civil::to_days(year + 1, 1, 1),
            Span::Month => civil::to_days(year, month + 1, 1),
            Span::Year => civil::to_days(year + 1, 1, 1),
        };
        self.zone.start_of_day(next)
    }

    /// The first local day of the span that holds `ms`.
    fn first_day(&self, ms: i64) -> i64 {
        let day = self.zone.day_of(ms);
        let (year, month, _) = civil::of_days(day);
        match self.span {
            Span::Even(_) | Span::Day => day,
            Span::Week => day - i64::try_from(civil::weekday(day)).unwrap_or(0),
            Span::Month => civil::to_days(year, month, 1),
            Span::Year => civil::to_days(year, 1, 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn zone(text: &str) -> Zone {
        crate::zone(&json!(text)).unwrap_or(Zone::UTC)
    }

    fn at(date: (i64, u8, u8), hour: i64) -> i64 {
        civil::to_days(date.0, date.1, date.2) * DAY_MS + hour * 3_600_000
    }

    #[test]
    fn spans_begin_where_the_calendar_of_the_zone_says() {
        let check = |span, zone_name, ms, start, end| {
            let calendar = Calendar::new(span, zone(zone_name));
            let found = (calendar.start_of(ms), calendar.end_of(ms));
            assert_eq!(found, (start, end), "{span:?} {zone_name} {ms}");
        };
        let noon = at((2026, 11, 22), 12);
        check(Span::Even(60_000), "UTC", noon + 59_999, noon, noon + 60_000);
        check(Span::Even(60_000), "UTC", -1, -60_000, 0);
        check(Span::Day, "UTC", noon, at((2026, 11, 22), 0), at((2026, 11, 23), 0));
        check(
            Span::Day,
            "Asia/Seoul",
            at((2026, 11, 22), 15),
            at((2026, 11, 22), 15),
            at((2026, 11, 23), 15),
        );
        check(Span::Week, "UTC", noon, at((2026, 11, 16), 0), at((2026, 11, 23), 0));
        check(
            Span::Week,
            "Asia/Seoul",
            at((2026, 11, 22), 15),
            at((2026, 11, 22), 15),
            at((2026, 11, 29), 15),
        );
        check(Span::Month, "UTC", noon, at((2026, 11, 1), 0), at((2026, 12, 1), 0));
        check(Span::Month, "+09:00", at((2026, 12, 31), 15), at((2026, 12, 31), 15), at((2027, 1, 31), 15));
        check(Span::Year, "UTC", noon, at((2026, 1, 1), 0), at((2027, 1, 1), 0));
        check(Span::Day, "America/New_York", at((2026, 3, 8), 12), at((2026, 3, 8), 5), at((2026, 3, 9), 4));
    }

    #[test]
    fn spans_follow_upon_one_another_without_a_break() {
        let spans = [Span::Even(7_200_000), Span::Day, Span::Week, Span::Month, Span::Year];
        for span in spans {
            for name in ["UTC", "Asia/Seoul", "America/New_York", "America/Sao_Paulo", "-03:30"] {
                let calendar = Calendar::new(span, zone(name));
                let mut ms = calendar.start_of(at((2015, 1, 1), 0));
                for _ in 0..1000 {
                    let end = calendar.end_of(ms);
                    assert!(end > ms, "{span:?} {name} {ms}");
                    assert_eq!(calendar.start_of(end), end, "{span:?} {name} {ms}");
                    assert_eq!(calendar.start_of(end - 1), ms, "{span:?} {name} {ms}");
                    ms = end;
                }
            }
        }
    }
}
