//! Numbers with units as people write them: money, percentages, durations.
//!
//! Money takes underscores and the Korean units 만 (10⁴), 억 (10⁸), 조 (10¹²): `"1.5억"`,
//! `"1억 5000만"`. A bare JSON number is taken when its digits are certain.

use super::read::name_of;
use serde_json::Value;
use tradehook_decimal::{Decimal, Wide};

/// What is wrong with one value.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(super) message: String,
    pub(super) help: String,
}

impl Bad {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }

    pub(super) fn of(value: &Value, expected: &str, help: &str) -> Self {
        Self::new(format!("{}, where {expected}", name_of(value)), help)
    }
}

const MONEY_HELP: &str = "a number such as 6000000, \"6_000_000\", \"5000만\" or \"1.5억\"";

/// A price, an amount of money or a volume: any exact decimal.
pub(super) fn money(value: &Value) -> Result<Decimal, Bad> {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let digits = text.bytes().take_while(|b| !b"eE".contains(b)).filter(u8::is_ascii_digit).count();
            // A binary fraction keeps 15 decimal digits; behind them, what was written is unknown.
            if number.is_f64() && digits > 15 {
                return Err(Bad::new(
                    "a number of more digits than JSON carries exactly",
                    "the number as a text",
                ));
            }
            Decimal::parse(text.as_bytes()).map_err(|e| Bad::new(format!("{text}: {e}"), MONEY_HELP))
        }
        Value::String(text) => money_text(text),
        other => Err(Bad::of(other, "a number is expected", MONEY_HELP)),
    }
}

fn money_text(text: &str) -> Result<Decimal, Bad> {
    if text.trim_end().ends_with('%') {
        return Err(Bad::new(format!("\"{text}\" is a percentage, where an amount is expected"), MONEY_HELP));
    }
    let bad = || Bad::new(format!("\"{text}\" is not an amount"), MONEY_HELP);
    let clean: String = text.chars().filter(|c| *c != '_' && *c != ' ').collect();
    let mut sum = Wide::ZERO;
    let mut rest = clean.as_str();
    let mut last_unit = i64::MAX;
    while !rest.is_empty() {
        let end = rest.find(['만', '억', '조']).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(end);
        let mut chars = tail.chars();
        let unit = match chars.next() {
            Some('만') => 10_000,
            Some('억') => 100_000_000,
            Some('조') => 1_000_000_000_000,
            _ => 1,
        };
        let number = Decimal::parse(number.as_bytes()).map_err(|_| bad())?;
        // `만` after `억`, never the other way round or twice.
        if unit >= last_unit {
            return Err(bad());
        }
        last_unit = unit;
        let part = number.wide().checked_mul(Wide::new(i128::from(unit), 0)).ok_or_else(bad)?;
        sum = sum.checked_add(part).ok_or_else(bad)?;
        rest = chars.as_str();
    }
    if clean.is_empty() { Err(bad()) } else { sum.narrow().ok_or_else(bad) }
}

/// A percentage: the number before the sign.
pub(super) fn percent(value: &Value) -> Result<Decimal, Bad> {
    const HELP: &str = "a text with a percent sign, for instance \"5%\"";
    let Some(text) = value.as_str() else {
        return Err(Bad::of(value, "a percentage is expected", HELP));
    };
    let bad = || Bad::new(format!("\"{text}\" is not a percentage"), HELP);
    let number = text.trim().strip_suffix('%').ok_or_else(bad)?;
    let clean: String = number.trim().chars().filter(|c| *c != '_').collect();
    // Six decimals of a percent, and no more than a millionfold: keeps every product in range.
    Decimal::parse(clean.as_bytes())
        .ok()
        .filter(|d| d.scale() <= 6 && *d <= Decimal::from(100_000_000) && *d >= Decimal::ZERO)
        .ok_or_else(bad)
}

/// A count of at least 1.
pub(super) fn count(value: &Value) -> Result<u32, Bad> {
    let bad = || Bad::new(format!("{value} is not a count"), "a whole number of at least 1");
    whole(value)?.filter(|count| *count > 0).ok_or_else(bad)
}

/// A count that may be nought.
pub(super) fn count_from_nought(value: &Value) -> Result<u32, Bad> {
    let bad = || Bad::new(format!("{value} is not a count"), "a whole number from 0");
    whole(value)?.ok_or_else(bad)
}

fn whole(value: &Value) -> Result<Option<u32>, Bad> {
    let number = money(value)?;
    Ok(u32::try_from(number.mantissa()).ok().filter(|_| number.scale() == 0))
}

/// Milliseconds of `"90s"`, `"1h30m"`, `"250ms"`, `"2d"`.
pub(super) fn duration(value: &Value) -> Result<i64, Bad> {
    const HELP: &str = "a text such as \"250ms\", \"90s\", \"5m\", \"1h30m\" or \"2d\"";
    let Some(text) = value.as_str() else {
        return Err(Bad::of(value, "a duration is expected", HELP));
    };
    let bad = || Bad::new(format!("\"{text}\" is not a duration"), HELP);
    let mut rest = text.trim();
    let (mut total, mut last_unit) = (0i64, i64::MAX);
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(letters);
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        if unit >= last_unit {
            return Err(bad());
        }
        last_unit = unit;
        let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(bad)?;
        total = total.checked_add(part).ok_or_else(bad)?;
        rest = after;
    }
    // A hundred years: far past any use, far from any overflow.
    if total > 3_155_760_000_000 { Err(bad()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_read_as_people_write_them() {
        let check = |value: Value, expect: Option<&str>| {
            let got = money(&value).ok().map(|d| d.to_string());
            assert_eq!(got.as_deref(), expect, "{value}");
        };
        check(json!(6_000_000), Some("6000000"));
        check(json!(0.1), Some("0.1"));
        check(json!("0.1000"), Some("0.1"));
        check(json!("6_000_000"), Some("6000000"));
        check(json!("5000만"), Some("50000000"));
        check(json!("1.5억"), Some("150000000"));
        check(json!("2조"), Some("2000000000000"));
        check(json!("1억 5000만"), Some("150000000"));
        check(json!("1억5000만3"), Some("150000003"));
        check(json!("5000만1억"), None);
        check(json!("억"), None);
        check(json!("5%"), None);
        check(json!(""), None);
        check(json!("9999999조"), None);
        check(json!(0.123_456_789_012_345_67), None);
        check(json!(true), None);
    }

    #[test]
    fn durations_and_percentages_need_their_units() {
        let time = |text: &str, expect| assert_eq!(duration(&json!(text)).ok(), expect, "{text}");
        time("250ms", Some(250));
        time("90s", Some(90_000));
        time("1h30m", Some(5_400_000));
        time("2d", Some(172_800_000));
        time("0s", Some(0));
        time("90", None);
        time("30m1h", None);
        time("5 minutes", None);
        time("-5s", None);
        time("99999999999999999999s", None);
        let share = |value: Value, expect: Option<&str>| {
            assert_eq!(percent(&value).ok().map(|d| d.to_string()).as_deref(), expect, "{value}");
        };
        share(json!("5%"), Some("5"));
        share(json!("0.25 %"), Some("0.25"));
        share(json!("5"), None);
        share(json!(5), None);
        share(json!("-5%"), None);
    }
}
