//! One JSON object, read key by key, every mistake noted with its place.

use super::units;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Display;
use tradehook_decimal::Decimal;
use tradehook_sdk::ConfigFault;
pub(crate) use tradehook_sdk::config::did_you_mean as nearest;

/// More than this in one list or file is a mistake of its own.
const MAX_ITEMS: usize = 10_000;

/// An amount, or a share of something else.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Amount {
    Plain(Decimal),
    Percent(Decimal),
}

/// Mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<ConfigFault>);

impl Faults {
    pub(crate) fn push(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(ConfigFault::new(path, message).help(help));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn into_list(self) -> Vec<ConfigFault> {
        self.0
    }
}

/// Reads one object. Its methods return `None` both for an absent key and for a wrong value; a
/// wrong value is noted.
pub(crate) struct Reader<'a> {
    map: &'a Map<String, Value>,
    path: String,
    faults: &'a mut Faults,
}

impl<'a> Reader<'a> {
    /// Notes a value that is no object and every key that is not in `keys`.
    pub(crate) fn new(value: &'a Value, path: &str, keys: &[&str], faults: &'a mut Faults) -> Option<Self> {
        let Some(map) = value.as_object() else {
            faults.push(path, format!("{}, where a table is expected", name_of(value)), "a table");
            return None;
        };
        for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            let help = match nearest(key, keys) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", keys.join(", ")),
            };
            faults.push(format!("{path}/{}", escape(key)), format!("unknown key `{key}`"), help);
        }
        Some(Self { map, path: path.to_owned(), faults })
    }

    pub(crate) fn faults(&mut self) -> &mut Faults {
        self.faults
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// Notes a mistake at `key`; at the object itself when `key` is empty.
    pub(crate) fn fault(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { format!("{}/{key}", self.path) };
        self.faults.push(path, message, help);
    }

    /// Where the object stands.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Milliseconds at `place` below the object, which need not be a key of it.
    pub(crate) fn duration_of(&mut self, place: &str, value: &Value) -> Option<i64> {
        self.noted(place, units::duration(value))
    }

    /// A count from nought, likewise.
    pub(crate) fn count_of(&mut self, place: &str, value: &Value) -> Option<u32> {
        self.noted(place, units::count_from_nought(value))
    }

    /// An amount, likewise.
    pub(crate) fn money_of(&mut self, place: &str, value: &Value) -> Option<Decimal> {
        self.noted(place, units::money(value))
    }

    fn noted<T>(&mut self, place: &str, read: Result<T, units::Bad>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(bad) => {
                self.fault(place, bad.message, bad.help);
                None
            }
        }
    }

    fn with<T>(&mut self, key: &str, read: impl FnOnce(&'a Value) -> Result<T, units::Bad>) -> Option<T> {
        match read(self.map.get(key)?) {
            Ok(value) => Some(value),
            Err(bad) => {
                self.fault(key, bad.message, bad.help);
                None
            }
        }
    }

    /// A price or an amount of money.
    pub(crate) fn money(&mut self, key: &str) -> Option<Decimal> {
        self.with(key, units::money)
    }

    /// An amount that must be there.
    pub(crate) fn required_money(&mut self, key: &str) -> Option<Decimal> {
        if !self.has(key) {
            self.fault("", format!("`{key}` is missing"), "an amount");
        }
        self.money(key)
    }

    /// An amount, or a share of something.
    pub(crate) fn amount(&mut self, key: &str) -> Option<Amount> {
        let share = self.get(key)?.as_str().is_some_and(|text| text.trim_end().ends_with('%'));
        if share { self.percent(key).map(Amount::Percent) } else { self.money(key).map(Amount::Plain) }
    }

    /// A list of amounts.
    pub(crate) fn monies(&mut self, key: &str) -> Option<Vec<Decimal>> {
        let list = self.array(key)?;
        let mut amounts = Vec::new();
        for (index, value) in list.iter().enumerate() {
            match units::money(value) {
                Ok(amount) => amounts.push(amount),
                Err(bad) => self.fault(&format!("{key}/{index}"), bad.message, bad.help),
            }
        }
        (amounts.len() == list.len()).then_some(amounts)
    }

    /// `[low, high]`.
    pub(crate) fn range(&mut self, key: &str) -> Option<(Decimal, Decimal)> {
        match self.monies(key)?.as_slice() {
            [low, high] if low <= high => Some((*low, *high)),
            _ => {
                self.fault(key, "not a range", "[low, high]");
                None
            }
        }
    }

    /// A count of at least 1.
    pub(crate) fn count(&mut self, key: &str) -> Option<u32> {
        self.with(key, units::count)
    }

    /// A count that may be nought.
    pub(crate) fn count_from_nought(&mut self, key: &str) -> Option<u32> {
        self.with(key, units::count_from_nought)
    }

    /// A percentage: the number before the sign.
    pub(crate) fn percent(&mut self, key: &str) -> Option<Decimal> {
        self.with(key, units::percent)
    }

    /// Milliseconds.
    pub(crate) fn duration(&mut self, key: &str) -> Option<i64> {
        self.with(key, units::duration)
    }

    /// A duration that must be there, be longer than nothing and at most so many days.
    pub(crate) fn span(&mut self, key: &str, days: i64) -> Option<i64> {
        if !self.has(key) {
            self.fault("", format!("`{key}` is missing"), "a duration, for instance \"5m\"");
        }
        let span = self.duration(key)?;
        if span == 0 || span > days * 86_400_000 {
            self.fault(key, "out of range", format!("longer than nothing, at most \"{days}d\""));
            return None;
        }
        Some(span)
    }

    pub(crate) fn flag(&mut self, key: &str) -> Option<bool> {
        self.with(key, |value| {
            value.as_bool().ok_or_else(|| units::Bad::of(value, "true or false is expected", "true or false"))
        })
    }

    pub(crate) fn array(&mut self, key: &str) -> Option<&'a [Value]> {
        self.with(key, |value| match value.as_array() {
            Some(list) if list.len() <= MAX_ITEMS => Ok(list.as_slice()),
            Some(_) => Err(units::Bad::new("too many entries", format!("at most {MAX_ITEMS}"))),
            None => Err(units::Bad::of(value, "a list is expected", "a list")),
        })
    }

    /// One of the words of a closed set.
    pub(crate) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        self.with(key, |value| {
            let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
            found.map(|(_, meaning)| *meaning).ok_or_else(|| {
                let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let help = match value.as_str().and_then(|text| nearest(text, &all)) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("one of {}", all.join(", ")),
                };
                units::Bad::new(format!("{value} is not known here"), help)
            })
        })
    }

    pub(crate) fn required_text(&mut self, key: &str) -> Option<String> {
        if !self.has(key) {
            self.fault("", format!("`{key}` is missing"), "a text");
        }
        self.with(key, |value| match value.as_str() {
            Some(text) if !text.is_empty() && text.len() <= 200 => Ok(text.to_owned()),
            Some(_) => Err(units::Bad::new("empty or too long", "a text of 1 to 200 bytes")),
            None => Err(units::Bad::of(value, "a text is expected", "a text")),
        })
    }

    /// Market codes or globs; at least one.
    pub(crate) fn globs(&mut self, key: &str) -> Option<Vec<String>> {
        let list = self.array(key)?;
        if list.is_empty() && key == "markets" {
            self.fault(key, "an empty list", "codes or globs, for instance [\"KRW-*\"]");
        }
        let mut globs = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let plain = |t: &&str| {
                !t.is_empty()
                    && t.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-*".contains(&b))
            };
            match value.as_str().filter(plain) {
                Some(glob) => globs.push(glob.to_owned()),
                None => self.fault(
                    &format!("{key}/{index}"),
                    format!("{value} is no market code or glob"),
                    "quote first, in capitals: \"KRW-BTC\", or with `*`: \"KRW-*\"",
                ),
            }
        }
        Some(globs)
    }
}

/// What a JSON value is called in a message.
pub(super) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// A key as a segment of a JSON pointer.
fn escape(key: &str) -> impl Display {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let keys = &["above", "below", "clear", "inside"];
        let check = |text, expect| assert_eq!(nearest(text, keys), expect, "{text}");
        check("abvoe", Some("above"));
        check("celar", Some("clear"));
        check("insde", Some("inside"));
        check("threshold", None);
    }
}
