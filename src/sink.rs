//! Sinks: one file for each kind of channel, each making one attempt at a time.
//!
//! A sink says what came of an attempt and nothing more; when to try again is the outbox's
//! business. Text of guests and of the venue is data: it is escaped for the sink's own medium.
//! A secret or the path of a URL stands in no reason and no log line.
//!
//! Keeps: [guest-text-is-data] [bounded] [numbers-survive]

mod file;
mod line;
mod signature;
mod stdout;
mod webhook;

pub use file::{FileSettings, FileSink};
pub use line::Format;
pub use signature::{Secret, SecretError};
pub use stdout::StdoutSink;
pub use webhook::{UrlError, WebhookSettings, WebhookSink};

#[cfg(test)]
mod tests;
