//! Sinks: one file for each kind of channel, each making one attempt at a time.
//!
//! A sink says what came of an attempt and nothing more; when to try again is the outbox's
//! business. Text of guests and of the venue is data: it is escaped for the sink's own medium.
//! A secret or the path of a URL stands in no reason and no log line. What speaks HTTP differs only in
//! its form: the attempt itself is made in one place.
//!
//! Keeps: [guest-text-is-data] [bounded] [numbers-survive]

mod alertmanager;
mod discord;
mod exec;
mod file;
mod line;
mod message;
mod ntfy;
mod pagerduty;
mod post;
mod signature;
mod slack;
mod smtp;
mod stdout;
mod telegram;
mod test;
mod text;
mod webhook;

pub use exec::{ExecSettings, ExecSink};
pub use file::{FileSettings, FileSink};
pub use line::Format;
pub use ntfy::NtfySettings;
pub use post::{HttpSettings, HttpSink, UrlError};
pub use signature::{Secret, SecretError};
pub use smtp::{SmtpError, SmtpSettings, SmtpSink, SmtpTls};
pub use stdout::StdoutSink;
pub use telegram::TelegramSettings;
pub use test::{Tested, test};
pub use webhook::{WebhookFormat, WebhookSettings};

#[cfg(test)]
mod tests;
