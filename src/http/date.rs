//! Times in the headers of an answer.

use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// The time of an HTTP date, ms since the Unix epoch.
#[must_use]
pub fn said_at_ms(value: &str) -> Option<i64> {
    // A wrong name of the day does not make the date another.
    let parser = DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(value.trim()).ok().map(jiff::Timestamp::as_millisecond)
}

/// The wait that `Retry-After` asks for: seconds, or an HTTP date seen from `now_ms`, where that is
/// known. What is absurd is cut to `longest`, what is neither is as if it were not there.
#[must_use]
pub fn wait_asked(value: &str, now_ms: Option<i64>, longest: Duration) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(longest));
    }
    let ms = said_at_ms(value)?.saturating_sub(now_ms?).max(0);
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn retry_after_is_read_in_both_spellings_and_bounded() {
        let now_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        let check = |value, expect: Option<u64>| {
            assert_eq!(wait_asked(value, Some(now_ms), HOUR), expect.map(Duration::from_secs), "{value}");
        };
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("99999999999999999999999", Some(3600));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(0));
        check("Sun, 06 Nov 2094 08:00:00 GMT", Some(3600));
        check("-1", None);
        check("soon", None);
        check("", None);
        assert_eq!(wait_asked("7", None, HOUR), Some(Duration::from_secs(7)));
        assert_eq!(wait_asked("Sun, 06 Nov 1994 08:50:37 GMT", None, HOUR), None);
    }

    #[test]
    fn a_date_header_is_a_clock() {
        let check = |value, expect| assert_eq!(said_at_ms(value), expect, "{value}");
        check("Wed, 11 Mar 2026 14:40:59 GMT", Some(1_773_240_059_000));
        check("Thu, 11 Mar 2026 14:40:59 GMT", Some(1_773_240_059_000));
        check("yesterday", None);
    }
}
