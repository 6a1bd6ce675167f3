//! The stations behind the feed: intake, tape, pipelines, plugins, channels.

use super::{
    clean,
    counts::{Count, Moment, Tally, lock},
    snapshot::{
        ChannelSnapshot, GapSnapshot, IntakeSnapshot, PipelineSnapshot, PluginSnapshot, SpliceSnapshot,
        TapeSnapshot,
    },
};
use crate::entry::Gap;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What came in and what was wrong with it.
#[derive(Debug, Default)]
pub struct IntakeStatus {
    /// Frames received.
    pub frames: Count,
    /// Bytes of those frames.
    pub frame_bytes: Count,
    /// Trades put on the tape; [`super::Status::note_trades`] counts them.
    pub trades: Count,
    /// Tickers, books and candles put on the tape, by their sort.
    pub quotes: Tally,
    /// Quotes of which a value could not be held exactly, and is absent.
    pub dropped_values: Count,
    /// Trades that had been seen before, and were dropped.
    pub duplicates: Count,
    /// Trades fetched over REST after a loss.
    pub backfilled: Count,
    /// Frames of other kinds, passed over.
    pub ignored: Count,
    /// Frames or elements that were not taken, by reason.
    pub invalid: Tally,
    /// Trades put on the tape after a later one of their market.
    pub late: Count,
    /// The splice.
    pub splice: SpliceStatus,
    /// Trades that came over a socket when they were made, and how long they took together, ms.
    live: Count,
    lag_ms: AtomicI64,
    gaps_filled: Tally,
    gaps_open: Tally,
}

/// What is missing, and what is done about it.
#[derive(Debug, Default)]
pub struct SpliceStatus {
    /// Markets that are being repaired.
    pub repairing: Count,
    /// Live trades and fetched ones that wait for a repair.
    pub held: Count,
    /// Requests for ticks.
    pub requests: Count,
    /// Requests over REST without an answer that could be used.
    pub failures: Count,
    /// Questions whether a session still delivers.
    pub probes: Count,
    /// Those that got no answer: the session was replaced.
    pub unanswered: Count,
    /// Markets that a live session had not delivered.
    pub stale: Count,
    /// Holes in the numbering of trades.
    pub holes: Count,
    /// Trades that were older than anything remembered.
    pub forgotten: Count,
    /// Live trades left out because no more could wait, to be fetched later.
    pub left_out: Count,
}

impl SpliceStatus {
    /// What waits.
    pub fn waiting(&self, markets: usize, trades: usize) {
        self.repairing.set(markets as u64);
        self.held.set(trades as u64);
    }

    fn snapshot(&self) -> SpliceSnapshot {
        SpliceSnapshot {
            repairing: self.repairing.get(),
            held: self.held.get(),
            requests: self.requests.get(),
            failures: self.failures.get(),
            probes: self.probes.get(),
            unanswered: self.unanswered.get(),
            stale: self.stale.get(),
            holes: self.holes.get(),
            forgotten: self.forgotten.get(),
            left_out: self.left_out.get(),
        }
    }
}

impl IntakeStatus {
    /// Counts live trades, and how long they took from match to arrival: together, in ms.
    pub fn note_live(&self, trades: u64, lag_ms: i64) {
        self.live.add(trades);
        self.lag_ms.fetch_add(lag_ms, Relaxed);
    }

    /// Counts a gap that was written on the tape.
    pub fn note_gap(&self, gap: &Gap) {
        let tally = if gap.filled { &self.gaps_filled } else { &self.gaps_open };
        tally.add(gap.cause.as_str(), 1);
    }

    pub(super) fn snapshot(&self) -> IntakeSnapshot {
        IntakeSnapshot {
            frames: self.frames.get(),
            frame_bytes: self.frame_bytes.get(),
            trades: self.trades.get(),
            quotes: self.quotes.get(),
            dropped_values: self.dropped_values.get(),
            duplicates: self.duplicates.get(),
            backfilled: self.backfilled.get(),
            ignored: self.ignored.get(),
            invalid: self.invalid.get(),
            late: self.late.get(),
            live: self.live.get(),
            lag_ms: self.lag_ms.load(Relaxed),
            splice: self.splice.snapshot(),
            gaps: GapSnapshot { filled: self.gaps_filled.get(), open: self.gaps_open.get() },
        }
    }
}

/// The tape.
#[derive(Debug, Default)]
pub struct TapeStatus {
    /// The first offset that can still be read.
    pub start: Count,
    /// The offset that comes next.
    pub end: Count,
    /// Bytes kept, on disk or in memory.
    pub bytes: Count,
    /// Failed writes to disk.
    pub write_failures: Count,
    degraded: AtomicBool,
}

impl TapeStatus {
    /// Says whether it serves from memory because the disk refuses.
    pub fn set_degraded(&self, degraded: bool) {
        self.degraded.store(degraded, Relaxed);
    }

    pub(super) fn snapshot(&self) -> TapeSnapshot {
        TapeSnapshot {
            start: self.start.get(),
            end: self.end.get(),
            bytes: self.bytes.get(),
            write_failures: self.write_failures.get(),
            degraded: self.degraded.load(Relaxed),
        }
    }
}

/// One pipeline.
#[derive(Debug, Default)]
pub struct PipelineStatus {
    /// The offset it reads next.
    pub offset: Count,
    /// Batches it has worked through.
    pub batches: Count,
    /// Checkpoints committed.
    pub commits: Count,
    clock: Moment,
}

impl PipelineStatus {
    /// The recorded time of the last entry it has read, ms since the Unix epoch.
    pub fn clock_at(&self, at_ms: i64) {
        self.clock.set(at_ms);
    }

    pub(super) fn snapshot(&self, name: &str, tape_end: u64) -> PipelineSnapshot {
        let offset = self.offset.get();
        PipelineSnapshot {
            name: name.to_owned(),
            offset,
            lag: tape_end.saturating_sub(offset),
            batches: self.batches.get(),
            commits: self.commits.get(),
            clock_ms: self.clock.get(),
        }
    }
}

/// What a plugin did that cost it its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It trapped: a panic, an unreachable, an access out of bounds.
    Trap,
    /// A call took longer than its deadline.
    Deadline,
    /// A call used more than its fuel.
    Fuel,
    /// It asked for more memory than its limit.
    Memory,
    /// It answered with more, or bigger, emissions than its limits.
    OversizedAnswer,
    /// It answered with something that makes no sense.
    BadAnswer,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Trap, Self::Deadline, Self::Fuel, Self::Memory, Self::OversizedAnswer, Self::BadAnswer];

    /// Its name in metrics, JSON and the views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Fuel => "fuel",
            Self::Memory => "memory",
            Self::OversizedAnswer => "oversized_answer",
            Self::BadAnswer => "bad_answer",
        }
    }
}

/// One fault, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// What it was.
    pub kind: FaultKind,
    /// When, ms since the Unix epoch.
    pub at_ms: i64,
    /// What the engine said of it.
    pub text: String,
}

/// Whether a plugin runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum PluginState {
    /// It is being compiled or started.
    #[default]
    Starting,
    /// It takes trades.
    Running,
    /// It failed too often and is left alone for a while.
    Quarantined {
        /// When it is tried again, ms since the Unix epoch.
        until_ms: i64,
    },
    /// It ended because it was told to.
    Stopped,
}

impl PluginState {
    /// Its name in metrics and the views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Quarantined { .. } => "quarantined",
            Self::Stopped => "stopped",
        }
    }
}

/// One plugin.
#[derive(Debug, Default)]
pub struct PluginStatus {
    /// Trades handed to it.
    pub trades: Count,
    /// Tickers, books and candles handed to it.
    pub quotes: Count,
    /// Calls into it.
    pub calls: Count,
    /// Time spent in those calls, ns.
    pub call_ns: Count,
    /// The longest of them, ns.
    pub call_ns_max: Count,
    /// Alerts it emitted.
    pub alerts: Count,
    /// Records it emitted.
    pub records: Count,
    /// Trades it let flow on.
    pub forwarded: Count,
    /// Fresh instances that took over after a fault.
    pub restarts: Count,
    /// Linear memory of its instance, bytes.
    pub memory_bytes: Count,
    /// What became of its alerts.
    pub verdicts: Tally,
    faults: Tally,
    standing: Mutex<(PluginState, Option<Fault>)>,
}

impl PluginStatus {
    /// Counts one call: how many trades it was given and how long it took.
    #[inline]
    pub fn note_call(&self, trades: u64, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.calls.add(1);
        self.trades.add(trades);
        self.call_ns.add(ns);
        self.call_ns_max.raise(ns);
    }

    /// Counts a fault and remembers it as the last one.
    pub fn note_fault(&self, kind: FaultKind, at_ms: i64, text: &str) {
        self.faults.add(kind.as_str(), 1);
        lock(&self.standing).1 = Some(Fault { kind, at_ms, text: clean(text) });
    }

    /// Says where it stands.
    pub fn set_state(&self, state: PluginState) {
        lock(&self.standing).0 = state;
    }

    pub(super) fn snapshot(&self, name: &str) -> PluginSnapshot {
        let (state, last_fault) = lock(&self.standing).clone();
        PluginSnapshot {
            name: name.to_owned(),
            state,
            trades: self.trades.get(),
            quotes: self.quotes.get(),
            calls: self.calls.get(),
            call_ns: self.call_ns.get(),
            call_ns_max: self.call_ns_max.get(),
            alerts: self.alerts.get(),
            records: self.records.get(),
            forwarded: self.forwarded.get(),
            restarts: self.restarts.get(),
            memory_bytes: self.memory_bytes.get(),
            verdicts: self.verdicts.get(),
            faults: self.faults.get(),
            last_fault,
        }
    }
}

/// One delivery channel.
#[derive(Debug, Default)]
pub struct ChannelStatus {
    /// Deliveries that arrived.
    pub delivered: Count,
    /// Attempts that will be repeated.
    pub retried: Count,
    /// Deliveries given up; they are kept with their reason.
    pub dead: Count,
    /// Deliveries that wait for their turn or their next attempt.
    pub queued: Count,
    /// Deliveries that were too old, and of which one message told.
    pub collapsed: Count,
    /// Deliveries that went to the fallback.
    pub handed_over: Count,
    broken: AtomicBool,
    parked: Moment,
}

impl ChannelStatus {
    /// The receiver asked to be left alone until then (ms since the Unix epoch); 0 ends it.
    pub fn set_parked_until(&self, until_ms: i64) {
        self.parked.set(until_ms);
    }

    /// Whether it is of no use until somebody mends it.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Relaxed);
    }

    pub(super) fn snapshot(&self, name: &str) -> ChannelSnapshot {
        ChannelSnapshot {
            name: name.to_owned(),
            delivered: self.delivered.get(),
            retried: self.retried.get(),
            dead: self.dead.get(),
            queued: self.queued.get(),
            collapsed: self.collapsed.get(),
            handed_over: self.handed_over.get(),
            broken: self.broken.load(Relaxed),
            parked_until_ms: self.parked.get(),
        }
    }
}
