//! What a refusal of the venue asks for: how long to stay away.
//!
//! The venue answers 429 to who asks too often and 418 to who goes on, from the WebSocket's
//! handshake and from REST alike; whoever is refused reads it here. Pure, imports nothing.
//!
//! Keeps: [bounded]

use std::time::Duration;

/// The longest wait that a reply can impose.
pub const LONGEST_SAID: Duration = Duration::from_secs(24 * 3600);
/// A ban whose length the venue does not say, the first time.
const UNSAID_BAN: Duration = Duration::from_secs(60);
/// The longest such ban that is assumed.
const LONGEST_UNSAID_BAN: Duration = Duration::from_secs(3600);

/// How long a ban lasts: what the reply said of it, or a minute that doubles with each of the bans
/// `before` it, as the venue's own do.
#[must_use]
pub fn ban(said: Option<Duration>, before: u32) -> Duration {
    let unsaid = (UNSAID_BAN * (1 << before.min(6))).min(LONGEST_UNSAID_BAN);
    said.map_or(unsaid, |time| time.min(LONGEST_SAID))
}

/// The longest time that a text names, in seconds, minutes or hours, in English or Korean. The
/// form of the venue's 418 body is not documented; its numbers without a unit are no times.
#[must_use]
pub fn time_in(text: &str) -> Option<Duration> {
    let mut longest = None;
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (_, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, behind) = from.split_at(end);
        let unit = behind.trim_start_matches([' ', '-', '_', '"', ':']);
        let seconds = if unit.starts_with("ms") || unit.starts_with("milli") {
            None
        } else if unit.starts_with(['s', 'S', '초']) {
            Some(1)
        } else if unit.starts_with("min") || unit.starts_with("Min") || unit.starts_with('분') {
            Some(60)
        } else if unit.starts_with("hour") || unit.starts_with("Hour") || unit.starts_with("시간") {
            Some(3600)
        } else {
            None
        };
        let time = seconds.and_then(|s| digits.parse::<u64>().ok()?.checked_mul(s));
        longest = longest.max(time);
        rest = behind;
    }
    longest.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_is_read_from_whatever_names_a_time() {
        let check =
            |text, expect: Option<u64>| assert_eq!(time_in(text).map(|d| d.as_secs()), expect, "{text}");
        check("", None);
        check(r#"{"error":{"name":418,"message":"I'm a teapot"}}"#, None);
        check(r#"{"error":{"name":418,"message":"blocked for 120 seconds"}}"#, Some(120));
        check("IP blocked, retry in 5min", Some(300));
        check("2시간 동안 차단되었습니다", Some(7200));
        check("30초, 10분", Some(600));
        check("100 ms", None);
        check("99999999999999999999 hours", None);
    }

    #[test]
    fn a_ban_without_a_length_grows_with_each_repetition() {
        let check = |said: Option<u64>, before, expect| {
            let ban = ban(said.map(Duration::from_secs), before);
            assert_eq!(ban.as_secs(), expect, "{said:?} after {before}");
        };
        check(None, 0, 60);
        check(None, 3, 480);
        check(None, 6, 3600);
        check(None, u32::MAX, 3600);
        check(Some(5), 9, 5);
        check(Some(u64::MAX), 0, 86_400);
    }
}
