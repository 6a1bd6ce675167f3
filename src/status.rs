//! Status: what the running system knows of itself, for health checks, metrics and the live view.
//!
//! Owns counters, states and a short memory of alerts and bars. The rooms that do the work write
//! here, cheaply: counters are atomics touched once per batch, states change behind a lock that
//! is held for a few instructions. Whoever shows something takes one [`Snapshot`] and formats it;
//! `/metrics`, `/status` and both views say the same because they read the same. Owns the HTTP
//! server too. Decides nothing: no room asks status what to do next.
//!
//! Keeps: [bounded] [loss-is-said] [guest-text-is-data]

mod counts;
mod feed;
mod health;
pub mod http;
mod markets;
mod metrics;
mod parts;
mod rates;
mod recent;
mod snapshot;

pub use counts::{Count, Tally};
pub use feed::{FeedState, FeedStatus};
pub use health::{Health, Heart, Readiness};
pub use http::{StatusError, serve};
pub use metrics::{METRICS, Metric, MetricKind, open_metrics};
pub use parts::{
    ChannelStatus, Fault, FaultKind, IntakeStatus, PipelineStatus, PluginState, PluginStatus, TapeStatus,
};
pub use rates::Rates;
pub use recent::{RecentAlert, RecentBar, Seen, clean};
pub use snapshot::{
    ByReason, ChannelSnapshot, FeedSnapshot, GapSnapshot, IntakeSnapshot, MarketSnapshot, PipelineSnapshot,
    PluginSnapshot, Snapshot, TapeSnapshot,
};

use crate::{
    market::Markets,
    trade::{Flags, Trades},
};
use counts::{Registry, lock};
use markets::MarketFacts;
use recent::Ring;
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// How many alerts and how many bars are remembered for the view; chosen, not measured.
const RECENT: usize = 64;

/// The facts; cloning shares them.
#[derive(Clone)]
pub struct Status(Arc<Facts>);

struct Facts {
    venue: String,
    wall_ms: fn() -> i64,
    started: Instant,
    started_at_ms: i64,
    feed: FeedStatus,
    intake: IntakeStatus,
    tape: TapeStatus,
    pipelines: Registry<PipelineStatus>,
    plugins: Registry<PluginStatus>,
    channels: Registry<ChannelStatus>,
    hearts: Registry<Heart>,
    markets: Mutex<MarketFacts>,
    alerts: Mutex<Ring<RecentAlert>>,
    bars: Mutex<Ring<RecentBar>>,
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status").field("venue", &self.0.venue).finish_non_exhaustive()
    }
}

impl Status {
    /// Nothing has happened yet. `venue` is the address people see in the header line; `wall_ms`
    /// reads the wall clock (ms since the Unix epoch) when a snapshot is taken.
    #[must_use]
    pub fn new(venue: impl Into<String>, wall_ms: fn() -> i64) -> Self {
        Self(Arc::new(Facts {
            venue: venue.into(),
            wall_ms,
            started: Instant::now(),
            started_at_ms: wall_ms(),
            feed: FeedStatus::default(),
            intake: IntakeStatus::default(),
            tape: TapeStatus::default(),
            pipelines: Registry::default(),
            plugins: Registry::default(),
            channels: Registry::default(),
            hearts: Registry::default(),
            markets: Mutex::default(),
            alerts: Mutex::new(Ring::new(RECENT)),
            bars: Mutex::new(Ring::new(RECENT)),
        }))
    }

    /// The connection to the venue.
    #[must_use]
    pub fn feed(&self) -> &FeedStatus {
        &self.0.feed
    }

    /// What came in and what was wrong with it.
    #[must_use]
    pub fn intake(&self) -> &IntakeStatus {
        &self.0.intake
    }

    /// The tape.
    #[must_use]
    pub fn tape(&self) -> &TapeStatus {
        &self.0.tape
    }

    /// The pipeline of that name, known from here on. Keep the handle: this takes a lock.
    #[must_use]
    pub fn pipeline(&self, name: &str) -> Arc<PipelineStatus> {
        self.0.pipelines.get(name, PipelineStatus::default)
    }

    /// The plugin of that name, known from here on. Keep the handle: this takes a lock.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Arc<PluginStatus> {
        self.0.plugins.get(name, PluginStatus::default)
    }

    /// The delivery channel of that name, known from here on. Keep the handle: this takes a lock.
    #[must_use]
    pub fn channel(&self, name: &str) -> Arc<ChannelStatus> {
        self.0.channels.get(name, ChannelStatus::default)
    }

    /// A loop of the process that promises to beat at least every `limit`; `/healthz` fails when
    /// it does not. A second call with the same name yields the same heart, and its first limit.
    #[must_use]
    pub fn heart(&self, name: &str, limit: Duration) -> Arc<Heart> {
        self.0.hearts.get(name, || Heart::new(self.0.started, limit))
    }

    /// Forgets pipelines, plugins and channels that `keep` refuses: after a reload, what is no
    /// longer configured is no longer reported. `keep` is told the kind (`pipeline`, `plugin`,
    /// `channel`) and the name.
    pub fn retain(&self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.pipelines.retain(|name| keep("pipeline", name));
        self.0.plugins.retain(|name| keep("plugin", name));
        self.0.channels.retain(|name| keep("channel", name));
    }

    /// Forgets a loop that ended as it should; its silence is not a failure.
    pub fn forget_heart(&self, name: &str) {
        self.0.hearts.retain(|known| known != name);
    }

    /// Counts a batch of trades and keeps the last price of each market. One lock per batch.
    pub fn note_trades(&self, trades: &Trades, markets: &Markets) {
        if trades.is_empty() {
            return;
        }
        self.0.intake.trades.add(trades.len() as u64);
        let (mut late, mut live, mut lag_ms) = (0, 0, 0);
        for ((flags, traded), received) in
            trades.flags.iter().zip(&trades.traded_at_ms).zip(&trades.received_at_ms)
        {
            late += u64::from(Flags(*flags).has(Flags::LATE));
            if *flags == 0 {
                live += 1;
                lag_ms += received.saturating_sub(*traded);
            }
        }
        self.0.intake.late.add(late);
        self.0.intake.note_live(live, lag_ms);
        lock(&self.0.markets).note(trades, markets);
    }

    /// Remembers an alert for the views. Text in it is made harmless on the way in.
    pub fn note_alert(&self, alert: RecentAlert) {
        lock(&self.0.alerts).push(alert.cleaned());
    }

    /// Remembers a finished bar for the views. Text in it is made harmless on the way in.
    pub fn note_bar(&self, bar: RecentBar) {
        lock(&self.0.bars).push(bar.cleaned());
    }

    /// Everything as it stands now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let facts = &*self.0;
        Snapshot {
            now_ms: (facts.wall_ms)(),
            started_at_ms: facts.started_at_ms,
            uptime_ms: u64::try_from(facts.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            venue: facts.venue.clone(),
            feed: facts.feed.snapshot(),
            intake: facts.intake.snapshot(),
            tape: facts.tape.snapshot(),
            pipelines: facts.pipelines.map(|name, p| p.snapshot(name, facts.tape.end.get())),
            plugins: facts.plugins.map(|name, p| p.snapshot(name)),
            channels: facts.channels.map(|name, c| c.snapshot(name)),
            markets: lock(&facts.markets).snapshot(),
            alerts: lock(&facts.alerts).items(),
            bars: lock(&facts.bars).items(),
        }
    }

    /// Whether every loop of the process turns.
    #[must_use]
    pub fn health(&self) -> Health {
        let hearts = self.0.hearts.map(|name, heart| (name.to_owned(), heart.silent_for(), heart.limit()));
        Health::of(hearts)
    }

    /// Whether the system does what it is for: the feed is live and every plugin runs.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::of(&self.snapshot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_thing_until_it_is_forgotten() {
        let status = Status::new("wss://venue", || 0);
        status.plugin("alert").trades.add(3);
        assert_eq!(status.plugin("alert").trades.get(), 3);
        status.retain(|kind, name| (kind, name) != ("plugin", "alert"));
        assert_eq!(status.plugin("alert").trades.get(), 0);
    }

    #[test]
    fn things_are_listed_in_the_order_in_which_they_came() {
        let status = Status::new("wss://venue", || 0);
        for name in ["filter", "alert", "aggregate"] {
            let _known = status.plugin(name);
        }
        let names: Vec<_> = status.snapshot().plugins.into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["filter", "alert", "aggregate"]);
    }
}
