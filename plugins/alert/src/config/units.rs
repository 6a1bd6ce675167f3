//! Numbers with units as people write them: money, percentages, durations.
//!
//! The SDK reads them, for every plugin alike; here is what a rule asks beyond that (a decimal that
//! trades are compared with, a share that keeps every product in range) and how it is refused.

use super::read::name_of;
use serde_json::Value;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::config;

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
    let read = config::money(value).map_err(|message| match value {
        Value::Number(_) => Bad::new(message, "the number as a text"),
        Value::String(text) if text.contains('%') => {
            Bad::new(format!("\"{text}\" is a percentage, where an amount is expected"), MONEY_HELP)
        }
        Value::String(text) => Bad::new(format!("\"{text}\" is not an amount"), MONEY_HELP),
        other => Bad::of(other, "a number is expected", MONEY_HELP),
    })?;
    read.narrow().ok_or_else(|| Bad::new(format!("{read} has too many digits"), MONEY_HELP))
}

/// A percentage: the number before the sign.
pub(super) fn percent(value: &Value) -> Result<Decimal, Bad> {
    const HELP: &str = "a text with a percent sign, for instance \"5%\"";
    let Some(text) = value.as_str() else {
        return Err(Bad::of(value, "a percentage is expected", HELP));
    };
    // Six decimals of a percent, and no more than a millionfold: keeps every product in range.
    let read = config::percent(value).ok().and_then(Wide::narrow);
    read.filter(|d| d.scale() <= 6 && *d <= Decimal::from(100_000_000) && *d >= Decimal::ZERO)
        .ok_or_else(|| Bad::new(format!("\"{text}\" is not a percentage"), HELP))
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
    config::duration_ms(text).map_err(|_| Bad::new(format!("\"{text}\" is not a duration"), HELP))
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
        check(json!("5억만"), None);
        check(json!("1.5억억"), None);
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
