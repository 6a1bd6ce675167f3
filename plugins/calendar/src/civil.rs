//! Dates of the proleptic Gregorian calendar as numbers of days since 1970-01-01.
//!
//! The era arithmetic is Howard Hinnant's (`chrono-Compatible Low-Level Date Algorithms`, public
//! domain): years begin in March, so that the leap day is the last of its year.

/// Year, month from 1 and day of the month from 1.
pub(crate) fn of_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

/// Days since the epoch of a date.
pub(crate) fn to_days(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// 0 for a Monday; the epoch was a Thursday.
pub(crate) fn weekday(days: i64) -> usize {
    usize::try_from((days + 3).rem_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_what_the_calendar_says() {
        let check = |date: (i64, u8, u8), days: i64, day_of_week: usize| {
            assert_eq!(to_days(date.0, date.1, date.2), days, "{date:?}");
            assert_eq!((of_days(days), weekday(days)), (date, day_of_week), "{days}");
        };
        check((1970, 1, 1), 0, 3);
        check((1969, 12, 31), -1, 2);
        check((2000, 2, 29), 11_016, 1);
        check((2000, 3, 1), 11_017, 2);
        check((2026, 11, 23), 20_780, 0);
        check((2100, 3, 1), 47_541, 0);
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for days in -200_000..200_000 {
            let (year, month, day) = of_days(days);
            assert_eq!(to_days(year, month, day), days);
        }
    }
}
