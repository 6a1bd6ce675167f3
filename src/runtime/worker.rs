//! A pipeline's thread: read the tape, run the plugins, commit what came of it.
//!
//! An OS thread at low priority: guest code never runs on the async runtime, and what it costs it
//! costs itself. A slow pipeline lags behind on the tape; nobody waits for it.
//!
//! What plugins said is committed before it is delivered, together with how far the pipeline has
//! said what it had to say; emissions of a few ms share a commit. Where the tape outlives the
//! process, what the plugins remember is committed every few seconds only: after a crash they are
//! told again what came since, in silence, and stand where they stood. Where it does not, every
//! commit holds it. A store that cannot be written stops the pipeline where it stands, until it can
//! be: the tape keeps what comes meanwhile.
//!
//! Keeps: [fails-alone] [commit-is-atomic] [bounded]

use super::{
    ask::{Desk, Inspector},
    output::{Output, note_to},
};
use crate::{
    delivery::Delivery,
    entry::{Entry, Gap, GapCause},
    outbox::{self, Snapshot, Store},
    packed::Packed,
    pipeline::{Checkpoint, Counts, Emitted, Pipeline, SavedState},
    plugin::LogLevel,
    status::{FaultKind, Heart, PipelineStatus, PluginState, PluginStatus, Status},
    tape::{Next, Reader, Tape, TapeError},
    trade::Trades,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tracing::{debug, error, info, warn};

/// Most trades of a batch: beyond a few thousand a trade gets no cheaper.
pub(super) const BATCH: usize = 4096;
/// How long emissions may wait for company in a commit, while there is more to read.
const GROUP: Duration = Duration::from_millis(20);
/// How old what the store has of the plugins may become.
const FULL_COMMIT: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_millis(500);
/// Guests compete with nobody: measured best of the priorities tried.
const NICE: i32 = 19;

/// How a running pipeline is told to stop.
#[derive(Debug)]
pub(super) struct Control {
    /// It stops when it has read everything before this offset.
    stop_at: AtomicU64,
    /// It stops now.
    abandon: AtomicBool,
}

impl Default for Control {
    fn default() -> Self {
        Self { stop_at: AtomicU64::new(u64::MAX), abandon: AtomicBool::new(false) }
    }
}

impl Control {
    pub(super) fn stop_at(&self, offset: u64) {
        self.stop_at.store(offset, Ordering::Release);
    }

    pub(super) fn abandon(&self) {
        self.abandon.store(true, Ordering::Release);
    }
}

/// Beside the plugins' snapshots: how far emissions are committed. No plugin has this name.
const SAID: &str = "~said";

/// What outlives the process, and so what a commit has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing: deliveries only.
    Nothing,
    /// The state, but not the tape: everything, every time.
    State,
    /// Both: snapshots now and then.
    StateAndTape,
}

/// What a pipeline's thread works with.
pub(super) struct Worker {
    pub(super) pipeline: Pipeline,
    pub(super) output: Output,
    pub(super) tape: Arc<Tape>,
    pub(super) store: Arc<dyn Store>,
    pub(super) status: Status,
    pub(super) control: Arc<Control>,
    /// Over which its plugins can be asked.
    pub(super) inspector: Inspector,
    pub(super) kept: Kept,
    /// What came before this offset of the tape was said by an earlier process.
    pub(super) said: u64,
}

/// A thread that runs a pipeline; it yields where the pipeline stood when it stopped.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) control: Arc<Control>,
    pub(super) thread: JoinHandle<Halted>,
}

/// Where a pipeline stood when it stopped.
pub(super) struct Halted {
    pub(super) checkpoint: Checkpoint,
    pub(super) policy: Vec<u8>,
}

impl Worker {
    pub(super) fn spawn(self) -> std::io::Result<Running> {
        let (name, control) = (self.pipeline.name().to_owned(), Arc::clone(&self.control));
        // Linux keeps 15 bytes of a thread's name.
        let thread = std::thread::Builder::new()
            .name(format!("p-{name}").chars().take(15).collect())
            .spawn(move || Loop::new(self).run())?;
        Ok(Running { name, control, thread })
    }
}

struct Loop {
    w: Worker,
    desk: Desk,
    reader: Reader,
    heart: Arc<Heart>,
    seen: Arc<PipelineStatus>,
    plugins: Vec<(Arc<PluginStatus>, Counts)>,
    trades: Trades,
    emitted: Vec<Emitted>,
    deliveries: Vec<Delivery>,
    pending_since: Option<Instant>,
    /// Of the last commit that held what the plugins remember; none by this thread yet: the
    /// store may have nothing of this pipeline, or something older than it was started from.
    full_at: Option<Instant>,
    full_offset: u64,
    clock_ms: i64,
}

impl Loop {
    fn new(w: Worker) -> Self {
        let name = w.pipeline.name().to_owned();
        let plugins: Vec<_> = w
            .pipeline
            .counts()
            .map(|(name, _)| {
                let plugin = w.status.plugin(name);
                plugin.set_state(PluginState::Running);
                (plugin, Counts::default())
            })
            .collect();
        Self {
            desk: w.inspector.open(w.pipeline.name(), w.pipeline.counts().map(|(name, _)| name)),
            reader: reader(&w),
            // A call may take its deadline, and a failed batch some of them.
            heart: w.status.heart(&format!("pipeline {name}"), Duration::from_secs(30)),
            seen: w.status.pipeline(&name),
            plugins,
            trades: Trades::default(),
            emitted: Vec::new(),
            deliveries: Vec::new(),
            pending_since: None,
            full_at: None,
            full_offset: w.pipeline.next_offset(),
            clock_ms: 0,
            w,
        }
    }

    fn run(mut self) -> Halted {
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            debug!(%error, "the pipeline runs at normal priority");
        }
        while !self.w.control.abandon.load(Ordering::Acquire) {
            self.heart.beat();
            self.desk.answer(&mut self.w.pipeline, self.w.output.policy());
            let left = self.w.control.stop_at.load(Ordering::Acquire).saturating_sub(self.reader.position());
            if left == 0 {
                break;
            }
            // What is told again in silence ends at an entry, not within a batch.
            let silent = self.w.said.saturating_sub(self.reader.position());
            let left = if silent > 0 { left.min(silent) } else { left };
            let max = usize::try_from(left).unwrap_or(BATCH).min(BATCH);
            match self.reader.next(max, &mut self.trades) {
                Ok(next) => self.take(next),
                Err(error) => self.unreadable(&error),
            }
        }
        self.stop()
    }

    fn take(&mut self, next: Next) {
        match next {
            Next::Trades => {
                self.learn();
                self.clock_ms = self.trades.received_at_ms.last().copied().unwrap_or(self.clock_ms);
                let batch = std::mem::take(&mut self.trades);
                self.trades = self.w.pipeline.trades(batch, &mut self.emitted);
            }
            Next::Quotes(quotes) => {
                self.learn();
                self.clock_ms = quotes.rows.last().map_or(self.clock_ms, |q| q.head().received_at_ms);
                self.w.pipeline.quotes(quotes, &mut self.emitted);
            }
            Next::Entry(offset, entry) => {
                if let Entry::Tick(tick) = &entry {
                    self.clock_ms = tick.at_ms;
                }
                self.learn();
                self.w.pipeline.entry(offset, &entry, &mut self.emitted);
                self.obey(offset, &entry);
            }
            Next::Trimmed { from, to } => self.missed(from, to, "retention overtook the pipeline"),
            Next::Damaged { from, to } => self.missed(from, to, "the tape is damaged"),
            Next::Empty => {
                if self.pending_since.is_some() {
                    self.commit(false);
                }
                if self.full_is_due() {
                    self.commit(true);
                }
                self.show();
                let _more = self.reader.wait(WAIT);
                return;
            }
        }
        self.judge();
        let full = self.full_is_due();
        if full || self.pending_since.is_some_and(|since| since.elapsed() >= GROUP) {
            self.commit(full);
        }
        self.seen.batches.add(1);
        self.show();
    }

    fn learn(&mut self) {
        let (pipeline, tape) = (&mut self.w.pipeline, &self.w.tape);
        tape.with_markets(|markets| {
            if pipeline.markets_known() < markets.len() {
                let known = pipeline.markets_known();
                pipeline.learn_markets(markets.since(known));
            }
        });
    }

    /// [loss-is-said] to the plugins as well: this pipeline alone has missed it.
    fn missed(&mut self, from: u64, to: u64, why: &str) {
        error!(pipeline = self.w.pipeline.name(), from, to, "entries are lost to this pipeline: {why}");
        let gap = Gap {
            from_ms: self.clock_ms,
            to_ms: self.clock_ms,
            cause: GapCause::Retention,
            markets: Vec::new(),
            filled: false,
        };
        self.w.status.intake().note_gap(&gap);
        self.w.pipeline.entry(to.saturating_sub(1), &Entry::Gap(gap), &mut self.emitted);
    }

    fn unreadable(&mut self, error: &TapeError) {
        error!(pipeline = self.w.pipeline.name(), %error, "the tape cannot be read; trying again");
        let _more = self.reader.wait(RETRY);
    }

    /// An entry through the policy, behind what plugins said of it.
    fn obey(&mut self, offset: u64, entry: &Entry) {
        self.judge();
        if self.w.output.entry(offset, entry, &mut self.deliveries) {
            self.said();
        }
    }

    /// Emissions through the policy.
    fn judge(&mut self) {
        if self.emitted.is_empty() {
            return;
        }
        self.w.output.take(&self.emitted, &mut self.deliveries, note_to(&self.w.status));
        self.emitted.clear();
        self.said();
    }

    /// The policy has moved.
    fn said(&mut self) {
        if self.w.pipeline.next_offset() <= self.w.said {
            // An earlier process has said it.
            self.deliveries.clear();
            self.w.output.take_verdicts();
            return;
        }
        // Even an alert that goes nowhere has moved the policy: it is committed with it.
        self.pending_since.get_or_insert_with(Instant::now);
    }

    /// [commit-is-atomic] `full` asks for what the plugins remember as well.
    fn commit(&mut self, full: bool) {
        let offset = self.w.pipeline.next_offset();
        let full = match self.w.kept {
            Kept::Nothing => false,
            Kept::State => true,
            Kept::StateAndTape => full || self.full_at.is_none(),
        };
        let news = full && (self.full_at.is_none() || offset != self.full_offset);
        if full {
            self.full_at = Some(Instant::now());
        }
        if self.pending_since.is_none() && !news {
            return;
        }
        let mut stored = outbox::Checkpoint {
            pipeline: self.w.pipeline.name().to_owned(),
            tape_id: u128::from_le_bytes(self.w.tape.id()),
            offset: self.full_offset,
            plugins: Vec::new(),
            policy: None,
        };
        if full {
            let checkpoint = self.w.pipeline.checkpoint();
            (stored.offset, stored.plugins) = (checkpoint.offset, snapshots(&checkpoint));
            stored.policy = Some(self.w.output.snapshot());
        }
        if self.w.kept != Kept::Nothing {
            let upto = offset.max(self.w.said).to_le_bytes();
            let said = Snapshot { version: 0, packed: Packed::plain(&upto) };
            stored.plugins.push((SAID.to_owned(), said));
        }
        self.store(&stored);
        self.full_offset = stored.offset;
        self.deliveries.clear();
        self.pending_since = None;
        self.seen.commits.add(1);
    }

    fn full_is_due(&self) -> bool {
        self.w.kept != Kept::Nothing && self.full_at.is_none_or(|at| at.elapsed() >= FULL_COMMIT)
    }

    fn store(&self, stored: &outbox::Checkpoint) {
        let mut said = false;
        loop {
            match self.w.store.commit(stored, &self.deliveries) {
                Ok(done) => {
                    if done.overflowed > 0 {
                        error!(lost = done.overflowed, "the outbox is full, the oldest became dead letters");
                    }
                    break;
                }
                Err(error) if self.w.control.abandon.load(Ordering::Acquire) => {
                    error!(%error, undelivered = self.deliveries.len(), "the last commit failed");
                    break;
                }
                Err(error) => {
                    if !said {
                        error!(pipeline = self.w.pipeline.name(), %error, "the outbox cannot be written; the pipeline waits for it");
                        said = true;
                    }
                    self.heart.beat();
                    std::thread::sleep(RETRY);
                }
            }
        }
        if said {
            info!(pipeline = self.w.pipeline.name(), "the outbox is written again");
        }
    }

    fn stop(mut self) -> Halted {
        self.judge();
        if self.w.kept == Kept::Nothing {
            self.w.output.flush(&mut self.deliveries);
            self.said();
        }
        self.commit(true);
        self.show();
        for (plugin, _) in &self.plugins {
            plugin.set_state(PluginState::Stopped);
        }
        self.w.status.forget_heart(&format!("pipeline {}", self.w.pipeline.name()));
        Halted { checkpoint: self.w.pipeline.checkpoint(), policy: self.w.output.snapshot() }
    }

    /// Numbers, incidents and the guests' own lines, for people.
    fn show(&mut self) {
        self.seen.offset.set(self.w.pipeline.next_offset());
        self.seen.clock_at(self.clock_ms);
        for (name, lines, dropped) in self.w.pipeline.take_logs() {
            for line in lines {
                let text = crate::status::clean(&line.text);
                match line.level {
                    LogLevel::Debug => debug!(plugin = name, "{text}"),
                    LogLevel::Info => info!(plugin = name, "{text}"),
                    LogLevel::Warn => warn!(plugin = name, "{text}"),
                    LogLevel::Error => error!(plugin = name, "{text}"),
                }
            }
            if dropped > 0 {
                warn!(plugin = name, dropped, "the plugin logs more than it may");
            }
        }
        for incident in self.w.pipeline.take_incidents() {
            let crate::pipeline::Incident { plugin, offset, fault, rests_until_ms } = incident;
            match rests_until_ms {
                None => {
                    warn!(plugin, offset, %fault, "a plugin failed; a fresh instance goes on behind that entry")
                }
                Some(until_ms) => {
                    error!(plugin, offset, %fault, until_ms, "a plugin failed again and again; it rests")
                }
            }
        }
        for ((plugin, verdict), count) in self.w.output.take_verdicts() {
            self.w.status.plugin(&plugin).verdicts.add(verdict.as_str(), count);
        }
        for ((_, now), (plugin, before)) in self.w.pipeline.counts().zip(&mut self.plugins) {
            show_plugin(plugin, before, now, self.clock_ms);
        }
    }
}

/// A reader where the pipeline stands, that hands out what its plugins handle.
fn reader(w: &Worker) -> Reader {
    let mut reader = w.tape.reader(w.pipeline.next_offset());
    reader.want_quotes(w.pipeline.wants_quotes());
    reader
}

fn show_plugin(plugin: &PluginStatus, before: &mut Counts, now: &Counts, at_ms: i64) {
    if before == now {
        return;
    }
    plugin.calls.set(now.calls);
    plugin.trades.set(now.trades);
    plugin.quotes.set(now.quotes);
    plugin.forwarded.set(now.forwarded);
    plugin.alerts.set(now.alerts);
    plugin.records.set(now.records);
    plugin.restarts.set(now.restarts);
    plugin.call_ns.set(now.call_ns);
    plugin.call_ns_max.raise(now.call_ns_max);
    plugin.memory_bytes.set(now.memory_bytes as u64);
    for (kind, count) in &now.faults {
        let more = count - before.faults.get(kind).copied().unwrap_or_default();
        for _ in 0..more {
            plugin.note_fault(fault_kind(kind), at_ms, now.last_fault.as_deref().unwrap_or_default());
        }
    }
    plugin.set_state(match now.rests_until_ms {
        Some(until_ms) => PluginState::Quarantined { until_ms },
        None => PluginState::Running,
    });
    before.clone_from(now);
}

fn fault_kind(kind: &str) -> FaultKind {
    match kind {
        "deadline" => FaultKind::Deadline,
        "fuel" => FaultKind::Fuel,
        "memory" => FaultKind::Memory,
        "oversized" => FaultKind::OversizedAnswer,
        "bad_answer" => FaultKind::BadAnswer,
        _ => FaultKind::Trap,
    }
}

fn snapshots(checkpoint: &Checkpoint) -> Vec<(String, Snapshot)> {
    let snapshot = |(name, saved): (&String, &SavedState)| {
        let packed = saved.state.clone()?;
        Some((name.clone(), Snapshot { version: saved.state_version, packed }))
    };
    checkpoint.plugins.iter().filter_map(snapshot).collect()
}

/// How far emissions are committed, of what the store kept.
pub(super) fn said(stored: &outbox::Checkpoint) -> u64 {
    let said = stored.plugins.iter().find(|(name, _)| name == SAID);
    let bytes = said.and_then(|(_, snapshot)| snapshot.packed.unpack().ok()?.try_into().ok());
    bytes.map_or(stored.offset, u64::from_le_bytes)
}

/// What the store kept, as the pipeline takes it.
pub(super) fn restored(stored: &outbox::Checkpoint) -> Checkpoint {
    let saved = |(name, snapshot): &(String, Snapshot)| {
        (name.clone(), SavedState { state_version: snapshot.version, state: Some(snapshot.packed.clone()) })
    };
    Checkpoint {
        offset: stored.offset,
        plugins: stored.plugins.iter().filter(|(name, _)| name != SAID).map(saved).collect(),
    }
}
