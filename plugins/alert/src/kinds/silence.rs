//! `silence`: a level on how long ago the last trade was.
//!
//! True when `clock - last trade >= for`. The clock of a market without trades is moved by ticks.
//! Time inside a gap that was not filled does not count: nobody knows whether it was silent.

use crate::config::{Faults, Reader};
use serde::Serialize;
use serde_json::Value;

/// How long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Silence {
    pub(crate) for_ms: i64,
}

pub(super) fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Silence> {
    let mut when = Reader::new(value, path, &["kind", "for"], faults)?;
    when.span("for", 7).map(|for_ms| Silence { for_ms })
}
