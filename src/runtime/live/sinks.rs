//! From `[channels]` to sinks, and the task that delivers to them.

use super::{Options, Task, desk::Channels};
use crate::{
    alert::{AlertState, Severity},
    config::{self, ChannelKind, Config, LineFormat},
    delivery::{Content, Delivery, Outcome, Sink, system_clock},
    outbox::{Channel, ChannelCounters, RetryPolicy, Sender, Store},
    sink::{FileSettings, FileSink, Format, Secret, StdoutSink, WebhookSettings, WebhookSink},
    status::Status,
};
use futures_util::future::BoxFuture;
use serde_json::json;
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
    let channels = config.channels.iter().map(|c| channel(c.name.clone(), &c.kind, options)).collect();
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
/// Why it did not arrive.
pub async fn test(channel: &config::Channel) -> Result<String, String> {
    let name = channel.name.clone();
    let sink = self::channel(name.clone(), &channel.kind, &Options::default()).sink;
    match sink.deliver(&test_message(&name)).await {
        Outcome::Delivered => Ok(format!("{name}: the receiver took the message")),
        Outcome::Retry { after: None, reason } => Err(format!("{name}: it may work later: {reason}")),
        Outcome::Retry { after: Some(after), reason } => {
            Err(format!("{name}: the receiver wants to be left alone for {after:?}: {reason}"))
        }
        Outcome::Permanent { reason } => Err(format!("{name}: the receiver refuses the message: {reason}")),
        Outcome::Broken { reason } => Err(format!("{name}: the channel is of no use as it is: {reason}")),
    }
}

fn test_message(channel: &str) -> Delivery {
    let id: String = (0..4).map(|_| format!("{:016x}", fastrand::u64(..))).collect();
    let at_ms = (system_clock())();
    let text = format!("This is a test of tradehook's channel {channel}: nothing has happened.");
    let body =
        json!({ "type": "system.test", "version": 1, "notification_id": id, "at_ms": at_ms, "text": text });
    Delivery {
        channel: channel.to_owned(),
        lane: format!("{channel}/test"),
        episode_id: id.clone(),
        notification_id: id,
        content: Content::Alert,
        at_ms,
        severity: Severity::Info,
        state: AlertState::Event,
        rule: "test".to_owned(),
        key: String::new(),
        text,
        body: body.to_string(),
    }
}

fn channel(name: String, kind: &ChannelKind, options: &Options) -> Channel {
    let (sink, retry): (Arc<dyn Sink>, RetryPolicy) = match kind {
        ChannelKind::Stdout { .. } if options.quiet_stdout => (Arc::new(Silent), RetryPolicy::local()),
        ChannelKind::Stdout { format } => {
            let format = match format {
                LineFormat::Human => Format::Human,
                LineFormat::Json => Format::Json,
            };
            (Arc::new(StdoutSink::new(format)), RetryPolicy::local())
        }
        ChannelKind::File { path, max_size, keep } => {
            let settings = FileSettings {
                path: path.clone(),
                format: Format::Json,
                max_size: *max_size,
                keep: *keep,
                fsync: false,
            };
            (Arc::new(FileSink::new(settings)), RetryPolicy::local())
        }
        ChannelKind::Webhook(hook) => {
            let secret = hook.secret.as_ref().map(|secret| Secret::parse(secret.reveal())).transpose();
            let sink = secret.map_err(|e| e.to_string()).and_then(|secret| {
                let settings = WebhookSettings {
                    url: hook.url.reveal().to_owned(),
                    secret,
                    timeout: hook.timeout,
                    allow_private: hook.allow_private,
                };
                WebhookSink::new(settings, system_clock()).map_err(|e| e.to_string())
            });
            let sink: Arc<dyn Sink> = match sink {
                Ok(sink) => Arc::new(sink),
                Err(why) => {
                    error!(channel = name, "the channel is of no use: {why}");
                    Arc::new(Unusable(why))
                }
            };
            (sink, RetryPolicy::webhook(hook.max_attempts))
        }
    };
    Channel { name, sink, retry }
}

fn show(status: &Status, counters: &[(String, Arc<ChannelCounters>)]) {
    for (name, counted) in counters {
        let channel = status.channel(name);
        channel.delivered.set(counted.delivered.load(Relaxed));
        channel.retried.set(counted.retried.load(Relaxed));
        channel.dead.set(counted.dead.load(Relaxed));
        channel.queued.set(counted.in_flight.load(Relaxed));
        channel.set_parked_until(counted.parked_until_ms.load(Relaxed));
    }
}
