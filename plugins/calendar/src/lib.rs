//! Days as people count them: in a zone, with its summer time, out of milliseconds alone.
//!
//! Owns what a zone is ([`Zone`]), where a day, week, month or year begins ([`Calendar`]) and when
//! opening hours are ([`Schedule`]), with the readers of their spellings in config.toml. Reads no
//! clock and no file: the rules of the zones are part of the build (the IANA database as `jiff`
//! carries it), so the same tape has the same days everywhere.

mod civil;
mod period;
mod schedule;
mod zone;

pub use period::{Calendar, Span};
pub use schedule::Schedule;
pub use zone::{Zone, day_start, zone};

/// Milliseconds of a day without a change of the clocks.
pub const DAY_MS: i64 = 86_400_000;
