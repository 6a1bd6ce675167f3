//! How numbers and moments look to a person.

use crate::status::{FeedSnapshot, FeedState, MarketSnapshot};
use jiff::{Timestamp, tz::TimeZone};
use std::fmt::Write;

/// Plain digits with a comma between the thousands of the whole part: `106,691,000`.
#[must_use]
pub fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let mut text = String::from(sign);
    let count = whole.chars().count();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (count - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// `14:31:22`, in `timezone`.
#[must_use]
pub fn clock(at_ms: i64, timezone: &TimeZone) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.to_zoned(timezone.clone()).strftime("%H:%M:%S").to_string(),
        Err(_) => "--:--:--".to_owned(),
    }
}

/// `01:02:03`, with days before it where there are any.
#[must_use]
pub fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days == 0 { time } else { format!("{days} d {time}") }
}

/// A rate with as many digits as matter.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 100.0 { format!("{per_second:.1}") } else { grouped(&format!("{per_second:.0}")) }
}

/// An approximate amount in about four digits.
pub(super) fn amount(value: f64) -> String {
    match value.abs() {
        v if v >= 1e9 => format!("{:.2} G", value / 1e9),
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e3 => grouped(&format!("{value:.0}")),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// `+1.23 %` against the close of the day before; empty where it is not known.
pub(super) fn change(market: &MarketSnapshot) -> String {
    market.change_percent().map_or_else(String::new, |percent| format!("{percent:+.2} %"))
}

/// The last price, or a dash.
pub(super) fn price(market: &MarketSnapshot) -> String {
    market.price.map_or_else(|| "-".to_owned(), |price| grouped(&price.to_string()))
}

/// The state of the connection and what belongs to it: `live 00:12:33`, `waiting, 4 s left: …`.
pub(super) fn standing(feed: &FeedSnapshot, now_ms: i64) -> String {
    let mut text = feed.state.as_str().to_owned();
    if let (FeedState::Live, Some(since_ms)) = (feed.state, feed.since_ms) {
        let _never_fails = write!(text, " {}", duration(now_ms - since_ms));
    }
    if let Some(until_ms) = feed.until_ms {
        let _never_fails = write!(text, ", {:.1} s left", (until_ms - now_ms).max(0) as f64 / 1000.0);
    }
    if !feed.cause.is_empty() {
        let _never_fails = write!(text, ": {}", feed.cause);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart_and_no_digit_is_lost() {
        let check = |digits, expect| assert_eq!(grouped(digits), expect);
        check("0", "0");
        check("999", "999");
        check("1000", "1,000");
        check("106691000", "106,691,000");
        check("-1234.56789", "-1,234.56789");
        check("0.00079276", "0.00079276");
    }

    #[test]
    fn moments_and_stretches_are_short() {
        let utc = TimeZone::UTC;
        assert_eq!(clock(1_700_000_000_000, &utc), "22:13:20");
        assert_eq!(clock(i64::MAX, &utc), "--:--:--");
        let check = |ms, expect| assert_eq!(duration(ms), expect);
        check(-5, "00:00:00");
        check(3_723_999, "01:02:03");
        check(90_000_000, "1 d 01:00:00");
    }

    #[test]
    fn amounts_have_the_digits_that_matter() {
        let check = |value, expect| assert_eq!(amount(value), expect);
        check(0.012_345, "0.0123");
        check(12.345, "12.35");
        check(12_345.6, "12,346");
        check(1_234_567.0, "1.23 M");
        check(9.9e12, "9900.00 G");
        assert_eq!(rate(0.25), "0.2");
        assert_eq!(rate(1234.5), "1,234");
    }
}
