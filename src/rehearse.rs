//! The rehearsal: what rules do, shown before anybody trusts them.
//!
//! Owns the files of tests (a feed that never was, and what must come of it), the comparison of
//! what was expected with what happened, and the reckoning of firings over a recording. Pure: it
//! runs no plugin, opens no file and reads no clock; whoever wires it feeds the entries to the
//! same pipelines and the same policy as the live job.
//!
//! A test passes only when both lists are equal: what fires beyond what was expected is a failure
//! like what does not fire, because that is the mistake that floods a person's phone.
//!
//! Keeps: [bounded] (entries of a feed), [numbers-survive] (values are compared by their digits),
//! [guest-text-is-data] (in reports)

mod amount;
mod compare;
mod cost;
mod feed;
mod file;
mod junit;
mod reckon;
mod show;
mod table;
#[cfg(test)]
mod tests;

pub use amount::{duration_ms, show_ms};
pub use compare::{Comparison, Difference, Happened, Row, compare};
pub use cost::{BUSY_PER_SECOND, Cost};
pub use feed::{MAX_ENTRIES, Script};
pub use file::{Expected, State, Test, TestFile, parse};
pub use junit::{Case, junit};
pub use reckon::{Episode, Reckoning, RuleTally};
pub use show::{plain, show};

use std::ops::Range;

/// One mistake in a file of tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes from the start of the text.
    pub span: Range<usize>,
    /// The key, like `test[2].feed`; empty when it concerns none.
    pub path: String,
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}
