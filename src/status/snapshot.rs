//! Everything as it stood at one moment: what `/status` prints, and what metrics and views read.
//!
//! Moments are ms since the Unix epoch; `None` stands for never.

use super::{
    feed::FeedState,
    parts::{Fault, PluginState},
    recent::{RecentAlert, RecentBar, Seen},
};
use serde::Serialize;
use std::collections::BTreeMap;
use tradehook_decimal::Decimal;

/// Counts by reason.
pub type ByReason = BTreeMap<&'static str, u64>;

/// Everything as it stood at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// When it was taken.
    pub now_ms: i64,
    /// When the process started.
    pub started_at_ms: i64,
    /// How long it has run; does not jump with the wall clock.
    pub uptime_ms: u64,
    /// The venue's address.
    pub venue: String,
    /// The connection.
    pub feed: FeedSnapshot,
    /// What came in.
    pub intake: IntakeSnapshot,
    /// The tape.
    pub tape: TapeSnapshot,
    /// Pipelines in the order of the configuration.
    pub pipelines: Vec<PipelineSnapshot>,
    /// Plugins in the order of the configuration.
    pub plugins: Vec<PluginSnapshot>,
    /// Delivery channels in the order of the configuration.
    pub channels: Vec<ChannelSnapshot>,
    /// Markets in the order in which they were first seen.
    pub markets: Vec<MarketSnapshot>,
    /// The last alerts, oldest first.
    pub alerts: Vec<Seen<RecentAlert>>,
    /// The last finished bars, oldest first.
    pub bars: Vec<Seen<RecentBar>>,
}

impl Snapshot {
    /// The largest lag of any pipeline, in entries of the tape.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.pipelines.iter().map(|p| p.lag).max().unwrap_or(0)
    }
}

/// The connection.
#[derive(Clone, Debug, Serialize)]
pub struct FeedSnapshot {
    /// Where it stands.
    pub state: FeedState,
    /// Since when.
    pub since_ms: Option<i64>,
    /// When the next attempt is due, while it waits.
    pub until_ms: Option<i64>,
    /// Why the last session or attempt ended; empty while all is well.
    pub cause: String,
    /// Attempts to connect.
    pub attempts: u64,
    /// Attempts that led to a subscribed session.
    pub sessions: u64,
    /// Sessions and attempts that ended, by cause.
    pub losses: ByReason,
    /// When the last frame arrived.
    pub last_frame_ms: Option<i64>,
    /// When the last pong arrived.
    pub last_pong_ms: Option<i64>,
}

/// What came in.
#[derive(Clone, Debug, Serialize)]
pub struct IntakeSnapshot {
    /// Frames received.
    pub frames: u64,
    /// Bytes of those frames.
    pub frame_bytes: u64,
    /// Trades put on the tape.
    pub trades: u64,
    /// Tickers, books and candles put on the tape, by their sort.
    pub quotes: ByReason,
    /// Quotes of which a value could not be held.
    pub dropped_values: u64,
    /// Trades dropped because they had been seen before.
    pub duplicates: u64,
    /// Trades fetched over REST after a loss.
    pub backfilled: u64,
    /// Frames of other kinds.
    pub ignored: u64,
    /// Frames or elements not taken, by reason.
    pub invalid: ByReason,
    /// Trades put on the tape after a later one of their market.
    pub late: u64,
    /// Trades that came over a socket when they were made.
    pub live: u64,
    /// How long those took from match to arrival, all together, ms.
    pub lag_ms: i64,
    /// What is missing, and what is done about it.
    pub splice: SpliceSnapshot,
    /// Gaps on the tape.
    pub gaps: GapSnapshot,
}

/// What is missing, and what is done about it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SpliceSnapshot {
    /// Markets that are being repaired.
    pub repairing: u64,
    /// Trades that wait for a repair.
    pub held: u64,
    /// Requests for ticks.
    pub requests: u64,
    /// Requests over REST without an answer that could be used.
    pub failures: u64,
    /// Questions whether a session still delivers.
    pub probes: u64,
    /// Those that got no answer.
    pub unanswered: u64,
    /// Markets that a live session had not delivered.
    pub stale: u64,
    /// Holes in the numbering of trades.
    pub holes: u64,
    /// Trades older than anything remembered, dropped.
    pub forgotten: u64,
    /// Live trades left out to be fetched later.
    pub left_out: u64,
}

/// Gaps on the tape, by cause.
#[derive(Clone, Debug, Serialize)]
pub struct GapSnapshot {
    /// Everything in them was recovered.
    pub filled: ByReason,
    /// Something in them may be missing.
    pub open: ByReason,
}

/// The tape.
#[derive(Clone, Debug, Serialize)]
pub struct TapeSnapshot {
    /// The first offset that can still be read.
    pub start: u64,
    /// The offset that comes next.
    pub end: u64,
    /// Bytes kept.
    pub bytes: u64,
    /// Failed writes to disk.
    pub write_failures: u64,
    /// It serves from memory because the disk refuses.
    pub degraded: bool,
}

/// One pipeline.
#[derive(Clone, Debug, Serialize)]
pub struct PipelineSnapshot {
    /// Its name.
    pub name: String,
    /// The offset it reads next.
    pub offset: u64,
    /// How many entries it is behind the end of the tape.
    pub lag: u64,
    /// Batches it has worked through.
    pub batches: u64,
    /// Checkpoints committed.
    pub commits: u64,
    /// The recorded time of the last entry it has read.
    pub clock_ms: Option<i64>,
}

/// One plugin.
#[derive(Clone, Debug, Serialize)]
pub struct PluginSnapshot {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    #[serde(flatten)]
    pub state: PluginState,
    /// Trades handed to it.
    pub trades: u64,
    /// Tickers, books and candles handed to it.
    pub quotes: u64,
    /// Calls into it.
    pub calls: u64,
    /// Time spent in those calls, ns.
    pub call_ns: u64,
    /// The longest of them, ns.
    pub call_ns_max: u64,
    /// Alerts it emitted.
    pub alerts: u64,
    /// Records it emitted.
    pub records: u64,
    /// Trades it let flow on.
    pub forwarded: u64,
    /// Fresh instances that took over after a fault.
    pub restarts: u64,
    /// Linear memory of its instance.
    pub memory_bytes: u64,
    /// What became of its alerts.
    pub verdicts: ByReason,
    /// Faults by kind.
    pub faults: ByReason,
    /// The last of them.
    pub last_fault: Option<Fault>,
}

/// One delivery channel.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelSnapshot {
    /// Its name.
    pub name: String,
    /// Deliveries that arrived.
    pub delivered: u64,
    /// Attempts that will be repeated.
    pub retried: u64,
    /// Deliveries given up.
    pub dead: u64,
    /// Deliveries that wait.
    pub queued: u64,
    /// Deliveries that were too old, and of which one message told.
    pub collapsed: u64,
    /// Deliveries that went to the fallback.
    pub handed_over: u64,
    /// It is of no use until somebody mends it.
    pub broken: bool,
    /// When it may be tried again, where the receiver asked to be left alone.
    pub parked_until_ms: Option<i64>,
}

/// One market.
#[derive(Clone, Debug, Serialize)]
pub struct MarketSnapshot {
    /// Its code.
    pub code: String,
    /// The price of the trade that the venue matched last.
    pub price: Option<Decimal>,
    /// The close of the day before.
    pub prev_close: Option<Decimal>,
    /// When that trade was matched.
    pub last_at_ms: i64,
    /// Trades seen.
    pub trades: u64,
    /// What they moved, in the base currency; approximate.
    pub volume: f64,
}

impl MarketSnapshot {
    /// The change against the close of the day before, in percent; approximate.
    #[must_use]
    pub fn change_percent(&self) -> Option<f64> {
        let (price, close) = (self.price?.to_f64(), self.prev_close?.to_f64());
        (close > 0.0).then(|| (price - close) / close * 100.0)
    }
}
