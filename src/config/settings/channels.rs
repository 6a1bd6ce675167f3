//! Where records and alerts can go, once nothing is open.

use super::Secret;
use crate::config::Severity;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Name of the channel that exists without being written.
pub const STDOUT: &str = "stdout";

/// One `[channels.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name in the file.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// How it is served.
    pub terms: ChannelTerms,
}

/// How a channel is served. Of stdout and files nothing of it can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelTerms {
    /// Attempts before a message is a dead letter.
    pub max_attempts: u32,
    /// At most so many attempts in such a time; each holds.
    pub rates: Vec<(u32, Duration)>,
    /// What is older is told in one message with others.
    pub ttl: Option<Duration>,
    /// When only what is urgent goes out.
    pub quiet: Option<Quiet>,
    /// Channels that get what this one cannot deliver; following them never leads back here.
    pub fallback: Vec<String>,
}

/// Hours of a day in which a channel is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// Minute of the day.
    pub from: u16,
    /// Minute of the day; over midnight where it is not later.
    pub to: u16,
    /// A time zone that is known.
    pub tz: String,
    /// What is less urgent waits.
    pub below: Severity,
}

/// What a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// The process's output.
    Stdout {
        /// Shape of a line.
        format: LineFormat,
    },
    /// A file of JSON lines.
    File {
        /// Where.
        path: PathBuf,
        /// Bytes beyond which a new file is begun.
        max_size: u64,
        /// Full files that are kept.
        keep: u32,
    },
    /// An HTTP endpoint of one's own.
    Webhook(Webhook),
    /// Slack, through an incoming webhook.
    Slack(Http),
    /// Discord, through a webhook.
    Discord(Http),
    /// Telegram, as a bot.
    Telegram(Telegram),
    /// A topic of ntfy.
    Ntfy(Ntfy),
    /// E-mail.
    Smtp(Smtp),
    /// PagerDuty.
    Pagerduty(Pagerduty),
    /// An Alertmanager.
    Alertmanager(Http),
    /// A program.
    Exec(Exec),
}

impl ChannelKind {
    /// Its name in `kind = "…"`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stdout { .. } => "stdout",
            Self::File { .. } => "file",
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack_webhook",
            Self::Discord(_) => "discord",
            Self::Telegram(_) => "telegram",
            Self::Ntfy(_) => "ntfy",
            Self::Smtp(_) => "smtp",
            Self::Pagerduty(_) => "pagerduty",
            Self::Alertmanager(_) => "alertmanager",
            Self::Exec(_) => "exec",
        }
    }
}

/// Shape of a line on the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What every HTTP channel has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where; a secret, since services put their token into the path.
    pub url: Secret,
    /// For one attempt.
    pub timeout: Duration,
    /// Whether addresses that are not public may be spoken to.
    pub allow_private: bool,
}

/// An HTTP endpoint that is told by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub http: Http,
    /// Keys of the signature, separated by spaces; `None`: not signed.
    pub secret: Option<Secret>,
    /// What is sent.
    pub format: WebhookFormat,
}

/// What the body of a webhook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The canonical event.
    Canonical,
    /// The payload, version 4, that Alertmanager sends to webhooks.
    Alertmanager,
}

/// A bot of Telegram and the chat it writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// The Bot API, without the token.
    pub http: Http,
    /// Of the bot.
    pub token: Secret,
    /// A number, or `@channel`.
    pub chat_id: String,
    /// A topic of a forum.
    pub thread_id: Option<u64>,
}

/// A topic of an ntfy server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ntfy {
    /// The root of the server.
    pub http: Http,
    /// The topic: who knows it can read it.
    pub topic: Secret,
    /// An access token.
    pub token: Option<Secret>,
}

/// A service of PagerDuty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pagerduty {
    /// The Events API.
    pub http: Http,
    /// Integration key of the service.
    pub routing_key: Secret,
}

/// A mail server, and who writes to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How it is made safe.
    pub tls: SmtpTls,
    /// Name and password.
    pub login: Option<(String, Secret)>,
    /// A mailbox.
    pub from: String,
    /// Mailboxes, one at least.
    pub to: Vec<String>,
    /// For one attempt.
    pub timeout: Duration,
    /// Whether addresses that are not public may be spoken to.
    pub allow_private: bool,
}

/// How a connection to a mail server is made safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS, and nothing is said before it.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// A program that is started for each delivery.
#[derive(Clone, PartialEq, Eq)]
pub struct Exec {
    /// A path, or a name that is looked for in `PATH`.
    pub program: PathBuf,
    /// The same at every delivery.
    pub arguments: Vec<String>,
    /// Further variables that it gets; their values may be secrets.
    pub environment: Vec<(String, OsString)>,
    /// Until it is killed.
    pub timeout: Duration,
    /// How many may run at the same time.
    pub concurrency: usize,
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Exec")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("environment", &names)
            .finish_non_exhaustive()
    }
}
