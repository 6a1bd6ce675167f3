//! `silence`: a level on how long ago the last trade was.
//!
//! True when `clock - last trade >= for`. The clock of a market without trades is moved by ticks.
//! Time inside a gap that was not filled does not count: nobody knows whether it was silent.

use crate::config::{Around, Faults, Reader};
use serde::Serialize;
use serde_json::Value;

/// How long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Silence {
    pub(crate) span_ms: i64,
    /// Whether a market that never traded is silent since the engine's first clock. What a rule
    /// does not use is no part of its identity.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) from_start: bool,
}

pub(super) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<Silence> {
    let mut when = Reader::new(value, path, &["kind", "for", "expect_from_start"], faults)?;
    let from_start = when.flag("expect_from_start").unwrap_or(false);
    if let (true, Some(glob)) = (from_start, around.markets.iter().find(|glob| glob.contains('*'))) {
        let message = format!("`{glob}` does not say which markets are expected");
        when.fault("expect_from_start", message, "name the markets");
    }
    when.span("for", 7).map(|span_ms| Silence { span_ms, from_start })
}
