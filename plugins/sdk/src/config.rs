//! Reading a plugin's configuration so that a person gets every mistake at once.
//!
//! [`parse`] turns [`Setup::config`] into a JSON value; [`Object`] walks one table of it, takes
//! the keys a plugin knows and reports the rest. Beside it stand readers of what config.toml
//! spells as text: durations (`"1h30m"`), instants (`"2026-12-31T09:00+09:00"`), money (`"1.5억"`),
//! percentages (`"5%"`), market globs.
//!
//! A reader yields a value or a [`Mistake`]; the walker adds the place and makes it a
//! [`ConfigFault`]. Nothing here stops at the first fault, and nothing passes through `f64` that
//! a comparison will see.
//!
//! ```
//! use tradehook_sdk::config::{self, Object};
//! let value = serde_json::json!({ "window": "90s", "minimun": "5000만" });
//! let mut faults = Vec::new();
//! let mut table = Object::new(&value, "", &mut faults);
//! let window = table.required("window", config::duration);
//! let minimum = table.optional("minimum", config::money);
//! table.finish();
//! assert_eq!((window, minimum), (Some(90_000), None));
//! assert_eq!(faults[0].path, "/minimun");
//! assert_eq!(faults[0].help.as_deref(), Some("did you mean `minimum`?"));
//! ```

mod markets;
mod object;
mod units;
mod words;

pub use markets::{MarketFilter, glob_matches};
pub use object::Object;
pub use units::{duration, duration_ms, instant, instant_ms, money, percent};
pub use words::{did_you_mean, one_of};

use crate::{ConfigFault, Setup};
use serde_json::Value;

/// What is wrong with one value, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What was found, as a lowercase fragment.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake without advice.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// The same, with what would be accepted.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same at its place.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> ConfigFault {
        ConfigFault { path: path.into(), message: self.message, help: self.help }
    }
}

impl From<String> for Mistake {
    fn from(message: String) -> Self {
        Self { message, help: None }
    }
}

/// The configuration as a JSON value.
///
/// # Errors
/// One fault when the text is not JSON: the host writes it, so no person is to blame.
pub fn parse(setup: &Setup) -> Result<Value, Vec<ConfigFault>> {
    if setup.config.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_str(&setup.config)
        .map_err(|error| vec![ConfigFault::new("", format!("not JSON: {error}"))])
}

/// What kind of value this is, as a person would say it: for messages.
#[must_use]
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}

/// Reads text.
///
/// # Errors
/// When it is something else.
pub fn text(value: &Value) -> Result<String, Mistake> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Mistake::new(format!("expected text, found {}", describe(value))))
}

/// Reads `true` or `false`.
///
/// # Errors
/// When it is something else.
pub fn flag(value: &Value) -> Result<bool, Mistake> {
    value.as_bool().ok_or_else(|| Mistake::new(format!("expected true or false, found {}", describe(value))))
}

/// Reads a whole number from 1 on: a count.
///
/// # Errors
/// When it is something else, nought or beyond 32 bits.
pub fn count(value: &Value) -> Result<u32, Mistake> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(|| {
        Mistake::new(format!("expected a whole number from 1 to {}, found {}", u32::MAX, describe(value)))
    })
}
