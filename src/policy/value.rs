//! Times and numbers as a person or a message reads them.
//!
//! Keeps: [numbers-survive] (grouping and rounding work on digits, never through `f64`)

use jiff::{Timestamp, tz::Offset};

/// Korea has had no daylight saving since 1988.
const KST: Offset = jiff::tz::offset(9);

/// RFC 3339 with milliseconds, in UTC; the nearest representable instant when out of range.
pub(super) fn utc(at_ms: i64) -> String {
    format!("{:.3}", timestamp(at_ms))
}

/// RFC 3339 with milliseconds, in Korean time.
pub(super) fn kst(at_ms: i64) -> String {
    KST.to_datetime(timestamp(at_ms)).strftime("%Y-%m-%dT%H:%M:%S%.3f+09:00").to_string()
}

/// `2026-11-22 09:02:00` in Korean time.
pub(super) fn kst_short(at: Timestamp) -> String {
    KST.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub(super) fn timestamp(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A length of time in words: `1h 2m 3s`, `850ms`.
pub(super) fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let seconds = ms / 1000;
    let parts =
        [(seconds / 86_400, 'd'), (seconds / 3600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let words: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    words.join(" ")
}

/// Plain digits, split at the point: sign, whole digits, decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Digits {
    negative: bool,
    whole: String,
    decimals: String,
}

impl Digits {
    /// From a text such as `-12.50`; `None` when it is no plain number.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(decimals) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        Some(Self {
            negative: digits.len() < text.len(),
            whole: if whole.is_empty() { "0" } else { whole }.to_owned(),
            decimals: decimals.trim_end_matches('0').to_owned(),
        })
    }

    /// With exactly `places` decimals, halves away from nought.
    pub(super) fn round(mut self, places: usize) -> Self {
        let up = self.decimals.as_bytes().get(places).is_some_and(|b| *b >= b'5');
        self.decimals.truncate(places);
        while self.decimals.len() < places {
            self.decimals.push('0');
        }
        if up {
            let mut all = format!("{}{}", self.whole, self.decimals).into_bytes();
            let carried = all.iter_mut().rev().all(|digit| {
                let nine = *digit == b'9';
                *digit = if nine { b'0' } else { *digit + 1 };
                nine
            });
            let mut text: String = all.into_iter().map(char::from).collect();
            if carried {
                text.insert(0, '1');
            }
            self.decimals = text.split_off(text.len() - places);
            self.whole = text;
        }
        self
    }

    /// The point moved `by` places to the left.
    fn shifted(&self, by: usize) -> Self {
        let padded = format!("{:0>width$}", self.whole, width = by + 1);
        let (whole, low) = padded.split_at(padded.len() - by);
        let decimals = format!("{low}{}", self.decimals);
        Self {
            negative: self.negative,
            whole: whole.to_owned(),
            decimals: decimals.trim_end_matches('0').to_owned(),
        }
    }

    fn is_zero(&self) -> bool {
        self.whole.bytes().chain(self.decimals.bytes()).all(|b| b == b'0')
    }

    /// `-1234567.5`; with `plus`, a `+` before what is above nought.
    pub(super) fn plain(&self, plus: bool) -> String {
        self.join(&self.whole, plus)
    }

    /// `-1,234,567.5`
    pub(super) fn grouped(&self) -> String {
        let mut whole = String::new();
        for (i, digit) in self.whole.chars().enumerate() {
            if i > 0 && (self.whole.len() - i).is_multiple_of(3) {
                whole.push(',');
            }
            whole.push(digit);
        }
        self.join(&whole, false)
    }

    /// Three significant digits and a unit: `1.23M`.
    pub(super) fn si(&self) -> String {
        const UNITS: [(usize, &str); 4] = [(12, "T"), (9, "G"), (6, "M"), (3, "k")];
        for (power, unit) in UNITS {
            if self.whole.len() > power {
                let lead = self.whole.len() - power;
                let mut short = self.shifted(power).round(3_usize.saturating_sub(lead));
                while short.decimals.ends_with('0') {
                    short.decimals.pop();
                }
                return format!("{}{unit}", short.plain(false));
            }
        }
        self.plain(false)
    }

    fn join(&self, whole: &str, plus: bool) -> String {
        let sign = match (self.is_zero(), self.negative) {
            (true, _) => "",
            (false, true) => "-",
            (false, false) => {
                if plus {
                    "+"
                } else {
                    ""
                }
            }
        };
        let point = if self.decimals.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{}", self.decimals)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// [numbers-survive]
    #[test]
    fn numbers_are_grouped_rounded_and_shortened_on_their_digits() {
        let d = |t: &str| Digits::parse(t).unwrap();
        let check = |got: String, expect: &str| assert_eq!(got, expect);
        check(d("100010000").grouped(), "100,010,000");
        check(d("-1234.50").grouped(), "-1,234.5");
        check(d("0.00009372").grouped(), "0.00009372");
        check(d("12345678901234567890.000000001").grouped(), "12,345,678,901,234,567,890.000000001");
        check(d("5.125").round(2).plain(true), "+5.13");
        check(d("-5.125").round(2).plain(true), "-5.13");
        check(d("9.995").round(2).plain(false), "10.00");
        check(d("99.99").round(0).plain(false), "100");
        check(d("-0.001").round(2).plain(true), "0.00");
        check(d("7").round(2).plain(false), "7.00");
        check(d("999").si(), "999");
        check(d("1234567").si(), "1.23M");
        check(d("300000000").si(), "300M");
        check(d("-45600").si(), "-45.6k");
        check(d("2000000000000").si(), "2T");
        for bad in ["", "-", "1e5", "1.2.3", "x", "+1"] {
            assert_eq!(Digits::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_are_written_in_utc_and_korean_time() {
        assert_eq!(utc(1_763_769_720_000), "2025-11-22T00:02:00.000Z");
        assert_eq!(kst(1_763_769_720_005), "2025-11-22T09:02:00.005+09:00");
        assert_eq!(kst_short(timestamp(1_763_769_720_000)), "2025-11-22 09:02:00");
        assert!(utc(i64::MAX).starts_with("9999-") && utc(i64::MIN).starts_with('-'));
        let check = |ms, expect: &str| assert_eq!(duration(ms), expect);
        check(-5, "0ms");
        check(850, "850ms");
        check(3_723_000, "1h 2m 3s");
        check(86_400_000, "1d");
    }
}
