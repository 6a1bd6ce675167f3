//! From `[channels]` to sinks, and the task that delivers to them.

use super::{Options, Task, desk::Channels};
use crate::{
    alert::Severity,
    config::{self, ChannelKind, ChannelTerms, Config, LineFormat},
    delivery::{Delivery, Outcome, Sink, system_clock},
    outbox::{Channel, ChannelCounters, Quiet, Rate, RetryPolicy, Sender, Store, Terms, Ttl},
    policy::system_test,
    sink::{
        self, ExecSettings, ExecSink, FileSettings, FileSink, Format, HttpSettings, HttpSink, NtfySettings,
        Secret, SmtpSettings, SmtpSink, SmtpTls, StdoutSink, TelegramSettings, WebhookFormat,
        WebhookSettings,
    },
    status::Status,
};
use futures_util::future::BoxFuture;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tracing::error;

/// How often the sender's counters are shown.
const SHOW: Duration = Duration::from_secs(1);

/// Takes what is meant for a terminal that belongs to a live view; the view shows it itself.
struct Silent;

impl Sink for Silent {
    fn deliver<'a>(&'a self, _: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::Delivered })
    }
}

/// A channel that cannot be used as it is configured: its deliveries wait in the outbox.
struct Unusable(String);

impl Sink for Unusable {
    fn deliver<'a>(&'a self, _: &'a Delivery) -> BoxFuture<'a, Outcome> {
        let reason = self.0.clone();
        Box::pin(async { Outcome::Broken { reason } })
    }
}

pub(super) fn spawn(
    config: &Config,
    options: &Options,
    store: Arc<dyn Store>,
    status: Status,
    known: &Channels,
) -> Task {
    let channels = config.channels.iter().map(|c| channel(c, options)).collect();
    let sender = Sender::new(store, system_clock(), channels, fastrand::u64(..));
    let counters = sender.counters();
    known.set(config, sender.counters());
    let grace = config.runtime.grace;
    Task::spawn(|stop| async move {
        let work = sender.run(stop.cancelled(), grace);
        tokio::pin!(work);
        loop {
            tokio::select! {
                () = &mut work => break,
                () = tokio::time::sleep(SHOW) => show(&status, &counters),
            }
        }
        show(&status, &counters);
    })
}

/// Sends a test message through a channel, once and past the outbox: what came of it, for a person.
///
/// # Errors
/// Why it did not arrive; without secrets.
pub async fn test(channel: &config::Channel) -> Result<String, String> {
    let sink = made(channel, &Options::default());
    let message = system_test(&channel.name, (system_clock())(), fastrand::u64(..));
    let tested = sink::test(&*sink, &message).await;
    if tested.delivered { Ok(tested.sentence) } else { Err(tested.sentence) }
}

fn channel(channel: &config::Channel, options: &Options) -> Channel {
    let retry = retry(&channel.kind, channel.terms.max_attempts);
    let terms = terms(&channel.terms, &channel.kind);
    Channel { name: channel.name.clone(), sink: made(channel, options), retry, terms }
}

/// The sink of a channel. One that cannot be made lets its deliveries wait, and says why.
fn made(channel: &config::Channel, options: &Options) -> Arc<dyn Sink> {
    match sink_of(&channel.kind, options) {
        Ok(sink) => sink,
        Err(why) => {
            error!(channel = channel.name, "the channel is of no use: {why}");
            Arc::new(Unusable(why))
        }
    }
}

/// How a kind is tried again. Chats and mail show their messages in the order in which they come,
/// so that they get one at a time.
fn retry(kind: &ChannelKind, max_attempts: u32) -> RetryPolicy {
    match kind {
        ChannelKind::Stdout { .. } | ChannelKind::File { .. } => RetryPolicy::local(),
        ChannelKind::Webhook(_) => RetryPolicy::webhook(max_attempts),
        ChannelKind::Pagerduty(_) => RetryPolicy::chat(max_attempts, 4),
        ChannelKind::Exec(exec) => RetryPolicy::chat(max_attempts, exec.concurrency),
        _ => RetryPolicy::chat(max_attempts, 1),
    }
}

fn terms(terms: &ChannelTerms, kind: &ChannelKind) -> Terms {
    let ChannelTerms { rates, ttl, quiet, fallback, .. } = terms;
    // An incident stays open, and an alert firing, for whom the end of it never comes.
    let spares_ends = matches!(kind, ChannelKind::Pagerduty(_) | ChannelKind::Alertmanager(_));
    let quiet = quiet.as_ref().and_then(|quiet| {
        let below = match quiet.below {
            config::Severity::Info => Severity::Info,
            config::Severity::Warning => Severity::Warning,
            config::Severity::Critical => Severity::Critical,
        };
        Quiet::new(quiet.from, quiet.to, &quiet.tz, below)
    });
    Terms {
        rates: rates.iter().map(|(most, per)| Rate { most: *most, per: *per }).collect(),
        ttl: ttl.map(|age| Ttl { age, spares_ends }),
        quiet,
        fallback: fallback.clone(),
    }
}

fn http(http: &config::Http) -> HttpSettings {
    let config::Http { url, timeout, allow_private } = http;
    HttpSettings { url: url.reveal().to_owned(), timeout: *timeout, allow_private: *allow_private }
}

fn sink_of(kind: &ChannelKind, options: &Options) -> Result<Arc<dyn Sink>, String> {
    let clock = system_clock();
    let said = |error: sink::UrlError| error.to_string();
    let sink: Arc<dyn Sink> = match kind {
        ChannelKind::Stdout { .. } if options.quiet_stdout => Arc::new(Silent),
        ChannelKind::Stdout { format: LineFormat::Human } => Arc::new(StdoutSink::new(Format::Human)),
        ChannelKind::Stdout { format: LineFormat::Json } => Arc::new(StdoutSink::new(Format::Json)),
        ChannelKind::File { path, max_size, keep } => Arc::new(FileSink::new(FileSettings {
            path: path.clone(),
            format: Format::Json,
            max_size: *max_size,
            keep: *keep,
            fsync: false,
        })),
        ChannelKind::Webhook(hook) => {
            let secret = hook.secret.as_ref().map(|secret| Secret::parse(secret.reveal())).transpose();
            let format = match hook.format {
                config::WebhookFormat::Canonical => WebhookFormat::Canonical,
                config::WebhookFormat::Alertmanager => WebhookFormat::Alertmanager,
            };
            let settings = WebhookSettings { secret: secret.map_err(|e| e.to_string())?, format };
            Arc::new(HttpSink::webhook(http(&hook.http), settings, clock).map_err(said)?)
        }
        ChannelKind::Slack(slack) => Arc::new(HttpSink::slack(http(slack), clock).map_err(said)?),
        ChannelKind::Discord(discord) => Arc::new(HttpSink::discord(http(discord), clock).map_err(said)?),
        ChannelKind::Alertmanager(to) => Arc::new(HttpSink::alertmanager(http(to), clock).map_err(said)?),
        ChannelKind::Telegram(telegram) => {
            let settings = TelegramSettings {
                token: telegram.token.reveal().to_owned(),
                chat_id: telegram.chat_id.clone(),
                thread_id: telegram.thread_id.and_then(|id| i64::try_from(id).ok()),
            };
            Arc::new(HttpSink::telegram(http(&telegram.http), settings, clock).map_err(said)?)
        }
        ChannelKind::Ntfy(ntfy) => {
            let settings = NtfySettings {
                topic: ntfy.topic.reveal().to_owned(),
                token: ntfy.token.as_ref().map(|token| token.reveal().to_owned()),
            };
            Arc::new(HttpSink::ntfy(http(&ntfy.http), settings, clock).map_err(said)?)
        }
        ChannelKind::Pagerduty(service) => {
            let key = service.routing_key.reveal().to_owned();
            Arc::new(HttpSink::pagerduty(http(&service.http), key, clock).map_err(said)?)
        }
        ChannelKind::Smtp(smtp) => Arc::new(SmtpSink::new(mail(smtp)).map_err(|e| e.to_string())?),
        ChannelKind::Exec(exec) => Arc::new(ExecSink::new(ExecSettings {
            program: exec.program.clone(),
            arguments: exec.arguments.clone(),
            environment: exec.environment.clone(),
            timeout: exec.timeout,
        })),
    };
    Ok(sink)
}

fn mail(smtp: &config::Smtp) -> SmtpSettings {
    SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            config::SmtpTls::Starttls => SmtpTls::Starttls,
            config::SmtpTls::Implicit => SmtpTls::Implicit,
            config::SmtpTls::None => SmtpTls::None,
        },
        login: smtp.login.as_ref().map(|(name, password)| (name.clone(), password.reveal().to_owned())),
        from: smtp.from.clone(),
        to: smtp.to.clone(),
        timeout: smtp.timeout,
        allow_private: smtp.allow_private,
    }
}

fn show(status: &Status, counters: &[(String, Arc<ChannelCounters>)]) {
    for (name, counted) in counters {
        let channel = status.channel(name);
        channel.delivered.set(counted.delivered.load(Relaxed));
        channel.retried.set(counted.retried.load(Relaxed));
        channel.dead.set(counted.dead.load(Relaxed));
        channel.queued.set(counted.in_flight.load(Relaxed));
        channel.collapsed.set(counted.collapsed.load(Relaxed));
        channel.handed_over.set(counted.handed_over.load(Relaxed));
        channel.set_broken(counted.broken.load(Relaxed));
        channel.set_parked_until(counted.parked_until_ms.load(Relaxed));
    }
}
