//! How long the venue says to wait: in `Retry-After`, in either of its spellings, or in the text of
//! its refusal.

use crate::refusal::time_in;
use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;
use tokio_tungstenite::tungstenite::http::HeaderMap;

/// The wait that an answer with this head and body asks for, if it asks for one. A date is counted
/// from the answer's own `Date`, where it has one, so that our clock may be wrong; else from
/// `now_ms`, ms since the Unix epoch.
pub(super) fn asked(headers: &HeaderMap, body: &str, now_ms: i64) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let sent_ms = text("date").and_then(time_ms).unwrap_or(now_ms);
    text("retry-after").and_then(|value| wait(value.trim(), sent_ms)).or_else(|| time_in(body))
}

fn wait(value: &str, sent_ms: i64) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let ms = time_ms(value)?.saturating_sub(sent_ms);
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// An HTTP date, as ms since the Unix epoch. A wrong name of the day does not make it another.
fn time_ms(value: &str) -> Option<i64> {
    let parser = DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(value).ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_spellings() {
        let now_ms = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        let check = |after: &str, date: Option<&str>, body, expect: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", after.parse().unwrap_or_else(|_| panic!("{after}")));
            if let Some(date) = date {
                headers.insert("date", date.parse().unwrap_or_else(|_| panic!("{date}")));
            }
            assert_eq!(asked(&headers, body, now_ms), expect.map(Duration::from_secs), "{after} {date:?}");
        };
        check("0", None, "", Some(0));
        check(" 120 ", None, "in 5 minutes", Some(120));
        check("Sun, 06 Nov 1994 08:50:37 GMT", None, "", Some(60));
        check("Mon, 06 Nov 1994 08:50:37 GMT", None, "", Some(60));
        check("Sun, 06 Nov 1994 08:00:00 GMT", None, "", Some(0));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some("Sun, 06 Nov 1994 08:50:07 GMT"), "", Some(30));
        check("Tue, 06 Nov 2040 08:50:37 GMT", Some("Tue, 06 Nov 2040 08:50:07 GMT"), "", Some(30));
        check("Sun, 06 Nov 1994 08:50:37 GMT", Some("today"), "", Some(60));
        check("soon", None, "in 5 minutes", Some(300));
        check("-1", None, "", None);
        check("99999999999999999999999", None, "", None);
        check("", None, "", None);
    }
}
