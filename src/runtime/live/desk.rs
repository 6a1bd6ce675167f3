//! The desk behind the control socket: what a running job answers to a command.
//!
//! What changes how alerts are told (silence, acknowledgement, reset) is put on the tape and obeyed
//! by every pipeline where it stands there, so that a replay does the same; the clock is read when
//! the command arrives. What only a pipeline knows is asked of its thread between two batches.
//!
//! Keeps: [fails-alone] [time-enters-once] [bounded]

mod facts;
mod letters;
mod rules;

use super::{StartError, Task, sinks};
use crate::{
    alert::Matcher,
    config::{self, Config},
    control::{self, Answer, ChannelItem, Listening, MAX_ITEMS, Refusal, Request, Summary, item},
    entry::{Control, Entry, Silence},
    feed::{SystemClock, WallClock},
    outbox::{ChannelCounters, Store},
    runtime::{ask::Inspector, spine::Spine},
    status::Status,
    tape::Tape,
};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed};
use tracing::{info, warn};

/// Longest that something is silenced: a year.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// The channels that are served, as a reload leaves them.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<Vec<Channel>>);

/// One of them.
#[derive(Clone, Debug)]
struct Channel {
    config: config::Channel,
    counters: Arc<ChannelCounters>,
}

impl Channels {
    /// These are served now.
    pub(super) fn set(&self, config: &Config, counters: Vec<(String, Arc<ChannelCounters>)>) {
        let find = |name: &str| config.channel(name).cloned();
        let channels = counters.into_iter().filter_map(|(name, counters)| Some((find(&name)?, counters)));
        let channels = channels.map(|(config, counters)| Channel { config, counters }).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = channels;
    }

    fn all(&self) -> Vec<Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn named(&self, name: &str) -> Result<Channel, Refusal> {
        let all = self.all();
        let names: Vec<&str> = all.iter().map(|c| c.config.name.as_str()).collect();
        let why =
            || Refusal::NoSuch(format!("no channel is called {name:?}; there are {}", names.join(", ")));
        all.iter().find(|c| c.config.name == name).cloned().ok_or_else(why)
    }
}

/// What the answers are made of.
pub(super) struct Desk {
    pub(super) tape: Arc<Tape>,
    pub(super) store: Arc<dyn Store>,
    pub(super) status: Status,
    pub(super) inspector: Inspector,
    pub(super) channels: Arc<Channels>,
    pub(super) spine: Arc<Spine>,
}

/// The socket, where there is one. One that the file names is there or the job does not start;
/// without one that is only implied it does its work all the same.
pub(super) fn listen(config: &Config) -> Result<Option<Listening>, StartError> {
    let Some(path) = &config.control.socket else { return Ok(None) };
    match control::bind(path) {
        Ok(listening) => Ok(Some(listening)),
        Err(error) if config.control.is_named => Err(StartError::Control(error)),
        Err(error) => {
            warn!(%error, "commands cannot reach this process");
            Ok(None)
        }
    }
}

/// Serves the socket.
pub(super) fn spawn(listening: Listening, desk: Desk) -> Task {
    info!(path = %listening.path().display(), "commands are answered");
    Task::spawn(|stop| async move { listening.serve(Arc::new(desk), stop.cancelled_owned()).await })
}

impl control::Desk for Desk {
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer> {
        Box::pin(self.give(request))
    }
}

impl Desk {
    async fn give(&self, request: Request) -> Answer {
        match request {
            Request::Status {} => self.summary().await,
            Request::Alerts { alerts } => self.firing(alerts).await,
            Request::Silences {} => self.silences().await,
            Request::Silence { alerts, for_ms, reason } => self.silence(alerts, for_ms, reason),
            Request::Unsilence { id } => self.unsilence(id).await,
            Request::Ack { alerts, episode } => self.ack(alerts, episode).await,
            Request::Reset { alerts } => self.reset(alerts),
            Request::Explain { rule, market } => self.explain(rule, market).await,
            Request::Channels {} => self.list_channels().await,
            Request::TestChannel { name } => {
                let channel = self.channels.named(&name)?;
                sinks::test(&channel.config).await.map(|said| vec![item(said)]).map_err(Refusal::Unavailable)
            }
            Request::Outbox { channel, dead, limit } => {
                self.outbox(channel, dead, limit.min(MAX_ITEMS)).await
            }
            Request::Retry { which } => self.retry(which).await,
            Request::Drop { which, dead } => self.drop_messages(which, dead).await,
            Request::Facts {} => Ok(self.facts()),
            Request::SetFact { name, value } => self.set_fact(name, value.as_deref()),
            Request::Inspect { plugin, query } => self.inspect(plugin, query).await,
        }
    }

    async fn summary(&self) -> Answer {
        let seen = self.status.snapshot();
        let readiness = self.status.readiness();
        let wrong = [readiness.reasons, readiness.warnings].concat();
        let (queued, dead) =
            self.stored(|store| Ok((store.queued()?, store.dead_letters(MAX_ITEMS)?.len() as u64))).await?;
        Ok(vec![item(Summary {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_ms: seen.uptime_ms,
            venue: seen.venue.clone(),
            feed: seen.feed.state.as_str().to_owned(),
            wrong,
            markets: seen.markets.len(),
            trades: seen.intake.trades,
            lag: seen.lag(),
            queued,
            dead,
            plugins: seen.plugins.iter().map(|p| (p.name.clone(), p.state.as_str().to_owned())).collect(),
        })])
    }

    fn silence(&self, alerts: Matcher, for_ms: u64, reason: String) -> Answer {
        if !(1..=LONGEST_MS).contains(&for_ms) {
            return Err(Refusal::Malformed("a silence lasts from 1 ms to a year".into()));
        }
        let at_ms = SystemClock.now_ms();
        let until_ms = at_ms.saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
        let id = format!("{:06x}", fastrand::u32(..1 << 24));
        let silence = Silence { id, at_ms, alerts, from_ms: None, until_ms, reason };
        self.put(Control::Silence(silence.clone()))?;
        Ok(vec![item(silence)])
    }

    fn reset(&self, alerts: Matcher) -> Answer {
        self.put(Control::Reset { at_ms: SystemClock.now_ms(), alerts })?;
        Ok(Vec::new())
    }

    /// Something the operator did, on the tape.
    fn put(&self, control: Control) -> Result<(), Refusal> {
        info!(?control, "a command");
        let put = self.tape.append(&Entry::Control(control));
        put.map(drop).map_err(|error| Refusal::Unavailable(format!("the tape does not take it: {error}")))
    }

    async fn list_channels(&self) -> Answer {
        let channels = self.channels.all();
        let names: Vec<String> = channels.iter().map(|c| c.config.name.clone()).collect();
        let count = |store: &dyn Store, name: &String| Ok(store.page(name, 0, MAX_ITEMS)?.len() as u64);
        let queued: Vec<u64> =
            self.stored(move |store| names.iter().map(|name| count(store, name)).collect()).await?;
        let now_ms = SystemClock.now_ms();
        let show = |(channel, queued): (&Channel, u64)| {
            let counted = &channel.counters;
            let last_error = counted.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
            item(ChannelItem {
                name: channel.config.name.clone(),
                kind: channel.config.kind.as_str().to_owned(),
                delivered: counted.delivered.load(Relaxed),
                retried: counted.retried.load(Relaxed),
                dead: counted.dead.load(Relaxed),
                queued,
                parked_until_ms: Some(counted.parked_until_ms.load(Relaxed)).filter(|until| *until > now_ms),
                broken: counted.broken.load(Relaxed),
                last_error,
            })
        };
        Ok(channels.iter().zip(queued).map(show).collect())
    }
}
