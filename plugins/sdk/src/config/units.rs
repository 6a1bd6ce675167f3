//! Durations, instants, money and percentages, as people write them.

use super::{Mistake, describe};
use serde_json::Value;
use tradehook_decimal::{Decimal, Wide};

/// Longest duration that is accepted: ten years, chosen so that no sum of two overflows.
const MAX_DURATION_MS: i64 = 3650 * 86_400_000;

/// Every decimal of so many digits survives the way through an `f64`; a longer one may not.
const FLOAT_DIGITS: usize = 15;

/// Milliseconds of `"250ms"`, `"90s"`, `"5m"`, `"1h30m"`, `"2d"`, `"1.5h"`. Each unit at most
/// once, the larger first.
///
/// # Errors
/// When it is no duration, is not a whole number of milliseconds, or exceeds ten years.
pub fn duration_ms(text: &str) -> Result<i64, String> {
    const UNITS: [(&str, i64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let no_duration = || format!("{text:?} is no duration");
    let mut rest = text.trim();
    let (mut total, mut next_unit) = (Wide::ZERO, 0);
    if rest.is_empty() {
        return Err(no_duration());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at_checked(digits).ok_or_else(no_duration)?;
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters).ok_or_else(no_duration)?;
        if unit.is_empty() && number == rest && total == Wide::ZERO {
            return Err(format!("{text:?} has no unit"));
        }
        let found = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(no_duration)?;
        let factor = UNITS.get(found).map_or(0, |(_, factor)| *factor);
        let number: Decimal = number.parse().map_err(|_| no_duration())?;
        let part = number.wide().checked_mul(Wide::new(i128::from(factor), 0));
        total = part.and_then(|p| total.checked_add(p)).ok_or_else(no_duration)?;
        if found < next_unit {
            return Err(no_duration());
        }
        next_unit = found + 1;
        rest = behind.trim_start();
    }
    if total > Wide::new(i128::from(MAX_DURATION_MS), 0) {
        return Err(format!("{text:?} is more than ten years"));
    }
    let whole = total.to_fixed(0).and_then(|ms| i64::try_from(ms).ok());
    whole.ok_or_else(|| format!("{text:?} is not a whole number of milliseconds"))
}

/// Reads a duration in milliseconds: [`duration_ms`] of a text.
///
/// # Errors
/// As [`duration_ms`], and when it is no text: a bare number has no unit.
pub fn duration(value: &Value) -> Result<i64, Mistake> {
    let read = match value {
        Value::String(text) => duration_ms(text),
        other => Err(format!("expected a duration, found {}", describe(other))),
    };
    read.map_err(|message| Mistake::new(message).help("a number with ms, s, m, h or d: \"90s\", \"1h30m\""))
}

/// Milliseconds since 1970 of `"2026-12-31T00:00:00+09:00"`, `"2026-12-31 00:00Z"`. The offset is
/// not left out: no reader of a rule could tell which day was meant.
///
/// # Errors
/// When it is no instant, has no offset, or names a day that is not in the calendar.
pub fn instant_ms(text: &str) -> Result<i64, String> {
    let no_instant = || format!("{text:?} is no instant");
    let (date, rest) = text.trim().split_at_checked(10).ok_or_else(no_instant)?;
    let day = day_number(date).ok_or_else(no_instant)?;
    let rest = rest.strip_prefix(['T', 't', ' ']).ok_or_else(no_instant)?;
    let Some(zone_at) = rest.find(['Z', 'z', '+', '-']) else {
        return Err(format!("{text:?} has no offset from UTC"));
    };
    let (time, zone) = rest.split_at_checked(zone_at).ok_or_else(no_instant)?;
    let time = clock_ms(time).ok_or_else(no_instant)?;
    let offset = match zone.split_at_checked(1) {
        Some(("Z" | "z", "")) => 0,
        Some((sign, hours)) if hours.len() == 5 => {
            let ms = clock_ms(hours).ok_or_else(no_instant)?;
            if sign == "+" { ms } else { -ms }
        }
        _ => return Err(no_instant()),
    };
    Ok(day * 86_400_000 + time - offset)
}

/// Reads an instant in milliseconds since 1970: [`instant_ms`] of a text.
///
/// # Errors
/// As [`instant_ms`], and when it is no text.
pub fn instant(value: &Value) -> Result<i64, Mistake> {
    let read = match value {
        Value::String(text) => instant_ms(text),
        other => Err(format!("expected an instant, found {}", describe(other))),
    };
    let help = "a day, a time and an offset: \"2026-12-31T09:00:00+09:00\", \"2026-12-31T00:00:00Z\"";
    read.map_err(|message| Mistake::new(message).help(help))
}

/// Exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    if text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The day of `2026-12-31`, counted from 1970-01-01.
fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// Milliseconds after midnight of `09:00`, `09:00:30`, `09:00:30.250`.
fn clock_ms(text: &str) -> Option<i64> {
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = text.split(':');
    let (hours, minutes) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = parts.next();
    if parts.next().is_some() || (seconds.is_none() && fraction != "0") || fraction.len() > 3 {
        return None;
    }
    let seconds = seconds.map_or(Some(0), |seconds| number(seconds, 2))?;
    let ms = number(fraction, fraction.len())? * [0, 100, 10, 1].get(fraction.len())?;
    (hours < 24 && minutes < 60 && seconds < 60)
        .then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

/// An amount of money or of anything counted, exact: a number, or a text with underscores and
/// Korean units: `1000`, `"0.015"`, `"1_000_000"`, `"5000만"`, `"1.5억"`, `"1억 5000만"`, `"2조"`.
///
/// # Errors
/// When it is no amount or holds more digits than an exact decimal.
pub fn money(value: &Value) -> Result<Wide, String> {
    let found = || match value {
        Value::String(text) if text.contains('%') => format!("{text:?} is a percentage, not an amount"),
        other => format!("{} is no amount", describe(other)),
    };
    match value {
        Value::Number(number) if number.is_f64() && digits(&number.to_string()) > FLOAT_DIGITS => {
            Err(format!("{number} has more digits than a float keeps; write it as text"))
        }
        Value::Number(number) => {
            number.to_string().parse::<Decimal>().map(Decimal::wide).map_err(|_| found())
        }
        Value::String(text) => amount(text).ok_or_else(found),
        _ => Err(found()),
    }
}

/// How many significant digits a text holds.
fn digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text).replace(['-', '.'], "");
    mantissa.trim_matches('0').len()
}

/// A percentage, exact, in percent: `"5%"` is 5.
///
/// # Errors
/// When it is no text that ends in `%`.
pub fn percent(value: &Value) -> Result<Wide, String> {
    let read = value.as_str().and_then(|text| text.trim().strip_suffix('%'));
    let read = read.and_then(|digits| plain(digits.trim()));
    read.map(Decimal::wide)
        .ok_or_else(|| format!("{} is no percentage; write it as text, such as \"5%\"", describe(value)))
}

/// Digits with underscores between them.
fn plain(text: &str) -> Option<Decimal> {
    let stray = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    if stray { None } else { text.replace('_', "").parse().ok() }
}

/// The same without a sign, which only the whole amount may have.
fn unsigned(text: &str) -> Option<Decimal> {
    plain(text).filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))
}

fn amount(text: &str) -> Option<Wide> {
    const UNITS: [(char, i128); 3] = [('조', 1_000_000_000_000), ('억', 100_000_000), ('만', 10_000)];
    let text = text.trim();
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total = None;
    for (unit, factor) in UNITS {
        if let Some((number, behind)) = rest.split_once(unit) {
            let part = unsigned(number.trim())?.wide().checked_mul(Wide::new(factor, 0))?;
            total = Some(total.unwrap_or(Wide::ZERO).checked_add(part)?);
            rest = behind.trim_start();
        }
    }
    let ones = if rest.is_empty() { None } else { Some(unsigned(rest)?.wide()) };
    let sum = match (total, ones) {
        (Some(total), Some(ones)) => total.checked_add(ones)?,
        (total, ones) => total.or(ones)?,
    };
    Some(if negative { sum.negated() } else { sum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(duration_ms(text).ok(), expect, "{text}");
        check("250ms", Some(250));
        check("90s", Some(90_000));
        check("1h30m", Some(5_400_000));
        check("1h 30m", Some(5_400_000));
        check("2d", Some(172_800_000));
        check("1.5h", Some(5_400_000));
        check("0s", Some(0));
        check("1m500ms", Some(60_500));
        for wrong in
            ["", "5", "m", "5x", "-5s", "30m1h", "1s1s", "1..5s", "0.5ms", "9999999d", "5초", "1m30", "s5"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn an_instant_is_a_day_a_time_and_an_offset() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(instant_ms(text).ok(), expect, "{text}");
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-12-31T00:00:00+09:00", Some(1_798_642_800_000));
        check("2026-12-30 15:00Z", Some(1_798_642_800_000));
        check("2024-02-29T23:59:59.250Z", Some(1_709_251_199_250));
        check("2000-03-01T00:00:00Z", Some(951_868_800_000));
        check("1969-12-31T19:30:00-04:30", Some(0));
        for wrong in [
            "2026-12-31",
            "2026-12-31T00:00:00",
            "2026-02-29T00:00Z",
            "2100-02-29T00:00Z",
            "2026-13-01T00:00Z",
            "2026-00-01T00:00Z",
            "2026-01-01T24:00Z",
            "2026-01-01T00:00+9",
            "2026-01-01T00:00:00.1234Z",
            "2026-01-01T00:00.5Z",
            "2026-01-01T00:00ZZ",
            "26-01-01T00:00:00Z",
            "내일",
            "",
        ] {
            check(wrong, None);
        }
        let fault = instant(&json!("2026-12-31T00:00:00")).map_err(|m| m.message);
        assert_eq!(fault, Err("\"2026-12-31T00:00:00\" has no offset from UTC".to_owned()));
        assert!(instant(&json!(5)).is_err());
    }

    /// [numbers-survive]
    #[test]
    fn money_is_read_exactly_with_korean_units() {
        let check = |value: Value, expect: Option<&str>| {
            assert_eq!(money(&value).ok().map(|w| w.to_string()).as_deref(), expect, "{value}");
        };
        check(json!(1000), Some("1000"));
        check(json!(0.1), Some("0.1"));
        check(json!(1e8), Some("100000000"));
        check(json!("0.00009372"), Some("0.00009372"));
        check(json!("100_000_000"), Some("100000000"));
        check(json!("5000만"), Some("50000000"));
        check(json!("1.5억"), Some("150000000"));
        check(json!("2조"), Some("2000000000000"));
        check(json!("1억 5000만"), Some("150000000"));
        check(json!("1억5000"), Some("100005000"));
        check(json!("-1만"), Some("-10000"));
        for wrong in
            ["", "만", "1만1억", "5%", "1,000", "_1", "1__0", "x", "1억원", "--1", "1억-5", "5억만", "1억억"]
        {
            check(json!(wrong), None);
        }
        check(json!(true), None);
        check(json!(123456789012345i64), Some("123456789012345"));
        check(json!(9007199254740993i64), Some("9007199254740993"));
        check(json!(0.00000123456789012), Some("0.00000123456789012"));
        check(json!(0.1234567890123456), None);
        check(serde_json::from_str("123456789012345678901").unwrap_or_default(), None);
    }

    #[test]
    fn a_percentage_needs_its_sign() {
        let check = |value: Value, expect: Option<&str>| {
            assert_eq!(percent(&value).ok().map(|w| w.to_string()).as_deref(), expect, "{value}");
        };
        check(json!("5%"), Some("5"));
        check(json!("0.2 %"), Some("0.2"));
        check(json!("-3%"), Some("-3"));
        check(json!("5"), None);
        check(json!(5), None);
        check(json!("%"), None);
        check(json!("만%"), None);
    }
}
