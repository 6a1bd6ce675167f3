//! From a TOML value to JSON text, digit for digit.
//!
//! The text is written here instead of by a serializer because a serializer would carry numbers
//! as `f64`. Keys come out sorted, so that equal values give equal text.
//!
//! Keeps: [numbers-survive]

use toml::de::DeValue;

use super::walk::Item;

/// How numbers are handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// As JSON numbers, or as strings where a reader's `f64` could not hold the digits.
    Natural,
    /// As JSON strings, always: the reader counts in decimals.
    Text,
}

/// Digits that every reader of JSON keeps.
const SAFE_DIGITS: usize = 15;

/// Appends the value of `item` to `out`; what JSON cannot say is a fault.
pub(super) fn write(item: &Item<'_>, numbers: Numbers, out: &mut String) {
    match item.value {
        DeValue::String(s) => string(s, out),
        DeValue::Boolean(b) => out.push_str(if *b { "true" } else { "false" }),
        DeValue::Datetime(d) => string(&d.to_string(), out),
        DeValue::Integer(n) => match i128::from_str_radix(n.as_str(), n.radix()) {
            Ok(n) => number(&n.to_string(), numbers == Numbers::Text || i64::try_from(n).is_err(), out),
            Err(_) => item.fault("this integer has too many digits", "write it as a string".to_owned()),
        },
        DeValue::Float(n) => float(item, n.as_str(), numbers, out),
        DeValue::Array(_) => {
            let elements = item.items("").unwrap_or_default();
            list(out, ['[', ']'], &elements, |element, out| write(element, numbers, out));
        }
        DeValue::Table(_) => {
            let mut entries = item.section().map(|s| s.entries()).unwrap_or_default();
            entries.sort_by_key(|e| e.1);
            list(out, ['{', '}'], &entries, |(_, key, value), out| {
                string(key, out);
                out.push(':');
                write(value, numbers, out);
            });
        }
    }
}

/// Appends `text` as a JSON string.
pub(super) fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn list<T>(out: &mut String, [open, close]: [char; 2], of: &[T], mut each: impl FnMut(&T, &mut String)) {
    out.push(open);
    for (n, element) in of.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        each(element, out);
    }
    out.push(close);
}

fn number(digits: &str, as_text: bool, out: &mut String) {
    if as_text { string(digits, out) } else { out.push_str(digits) }
}

fn float(item: &Item<'_>, literal: &str, numbers: Numbers, out: &mut String) {
    let literal = literal.replace('_', "");
    let digits = literal.strip_prefix('+').unwrap_or(&literal);
    let value: f64 = digits.parse().unwrap_or(f64::NAN);
    if digits.contains("inf") || digits.contains("nan") {
        return item.fault(format!("{digits} is not a number that can be counted with"), None);
    }
    let significant: String =
        digits.split(['e', 'E']).next().unwrap_or("").chars().filter(char::is_ascii_digit).collect();
    let significant = significant.trim_matches('0').len();
    let lost = value.is_infinite() || (value == 0.0 && significant > 0);
    number(digits, numbers == Numbers::Text || significant > SAFE_DIGITS || lost, out);
}
