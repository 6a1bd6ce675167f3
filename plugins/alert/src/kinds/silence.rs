//! `silence`: a level on how long ago the last trade was, or on how few there were in a window.
//!
//! True when `clock - last trade >= for`, or when the window holds at most `max_count` trades. The
//! clock of a market without trades is moved by ticks. Time inside a gap that was not filled does
//! not count: nobody knows whether it was silent. For the same reason a window's count is unknown
//! until the whole window was seen.

use super::MAX_WINDOW_DAYS;
use crate::config::{Around, Faults, Reader};
use crate::engine::Band;
use serde::Serialize;
use serde_json::Value;

/// How long, or how few. What a rule does not use is no part of its identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Silence {
    /// For so long; or with `max_count`, within so long.
    pub(crate) span_ms: i64,
    /// Whether a market that never traded is silent since the engine's first clock.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) from_start: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_count: Option<u32>,
}

pub(super) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<Silence> {
    let keys = &["kind", "for", "expect_from_start", "max_count", "window"];
    let mut when = Reader::new(value, path, keys, faults)?;
    let from_start = when.flag("expect_from_start").unwrap_or(false);
    if when.has("max_count") {
        for key in ["for", "expect_from_start"] {
            if when.has(key) {
                when.fault(
                    key,
                    format!("`{key}` and `max_count` together"),
                    "`max_count` with `window`, or `for`",
                );
            }
        }
        let (max_count, span_ms) =
            (when.count_from_nought("max_count"), when.span("window", MAX_WINDOW_DAYS));
        return Some(Silence { span_ms: span_ms?, from_start: false, max_count: Some(max_count?) });
    }
    if when.has("window") {
        when.fault("window", "`window` without `max_count`", "`max_count` beside it, or `for` alone");
    }
    if let (true, Some(glob)) = (from_start, around.markets.iter().find(|glob| glob.contains('*'))) {
        let message = format!("`{glob}` does not say which markets are expected");
        when.fault("expect_from_start", message, "name the markets");
    }
    when.span("for", 7).map(|span_ms| Silence { span_ms, from_start, max_count: None })
}

impl Silence {
    /// For a count in a window, the bounds at which truth changes.
    pub(crate) fn band(&self) -> Option<Band> {
        let most = i128::from(self.max_count?);
        Some(Band { down_in: most, down_out: most, ..Band::NEVER })
    }
}
