//! One plugin of a pipeline, and how it comes back by itself.
//!
//! The host keeps a plugin's last snapshot and what it was told since. When a call fails, the
//! instance is thrown away; a fresh one takes over from the snapshot and is told the rest again, in
//! silence, so that it stands where the failed one stood before the call. The call is then repeated
//! in halves, until a single entry is to blame: that one is passed over and counted. A plugin that
//! fails on three entries in a row, or on five within a minute of the tape, rests for a second,
//! then twice as long, up to five minutes; what comes meanwhile is passed over and counted too.
//!
//! Keeps: [fails-alone] [dead-stays-dead] [bounded] [time-enters-once]

mod quotes;
mod strikes;

use super::emit::{self, Cause, Emitted};
use super::select::MarketFilter;
use crate::plugin::{
    Batch, Emission, Fault, Forward, GapNotice, Instance, Limits, LoadError, LogLine, Outcome, Plugin,
    Restore,
};
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use strikes::{Strikes, Verdict};

/// A snapshot is taken when the plugin has been told this many entries since the last and has done
/// [`SNAPSHOT_WORTH`] times a snapshot's work, but at the latest after `JOURNAL_MAX`: the most that a
/// fresh instance is told again, and what bounds the memory for it (some 120 bytes a trade; a quote
/// counts as several).
const JOURNAL_MIN: usize = 8_192;
const JOURNAL_MAX: usize = 131_072;
/// So a snapshot adds at most some 6 % to what a plugin costs anyway.
const SNAPSHOT_WORTH: u64 = 16;

/// What the operator is told of at most, between two looks.
const MAX_INCIDENTS: usize = 64;

/// How a plugin is to be started.
#[derive(Clone)]
pub struct NodeSpec {
    /// Its name in config.toml.
    pub name: String,
    /// The compiled guest.
    pub plugin: Plugin,
    /// `[plugins.NAME.config]` as JSON text.
    pub config: String,
    /// What it may use.
    pub limits: Limits,
    /// Whose trades it reads: the tape's, or those that flow on from an earlier plugin.
    pub input: Option<usize>,
    /// Which markets it reads.
    pub markets: MarketFilter,
}

/// What a plugin remembers, as it stands in a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedState {
    /// The version its plugin gave it.
    pub state_version: u32,
    /// Its snapshot; `None` where it has none.
    pub state: Option<Vec<u8>>,
}

/// What happened to a plugin, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Which plugin.
    pub plugin: String,
    /// What is to blame: an offset of the tape.
    pub offset: u64,
    /// What happened.
    pub fault: Fault,
    /// Until when it rests, ms since the Unix epoch, if it does.
    pub rests_until_ms: Option<i64>,
}

/// What a plugin did, in numbers that only grow, but for the last three.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls into the guest.
    pub calls: u64,
    /// Instructions it executed, about.
    pub fuel: u64,
    /// Time spent in calls, ns: a stopwatch for people, which nothing decides by.
    pub call_ns: u64,
    /// The longest of them, ns.
    pub call_ns_max: u64,
    /// Trades it was told.
    pub trades: u64,
    /// Tickers, books and candles it was told.
    pub quotes: u64,
    /// Trades that flowed on.
    pub forwarded: u64,
    /// Alerts it raised.
    pub alerts: u64,
    /// Records it emitted.
    pub records: u64,
    /// Failed calls, by kind of fault.
    pub faults: BTreeMap<&'static str, u64>,
    /// Fresh instances after a fault.
    pub restarts: u64,
    /// Entries that it failed on alone, and that were passed over.
    pub poisoned: u64,
    /// Entries that came while it rested.
    pub skipped: u64,
    /// The state was lost: the plugin has no snapshots, or they failed.
    pub amnesias: u64,
    /// Until when it rests, ms since the Unix epoch.
    pub rests_until_ms: Option<i64>,
    /// The last fault, as text.
    pub last_fault: Option<String>,
    /// Linear memory in use.
    pub memory_bytes: usize,
}

/// Something a plugin was told.
#[derive(Clone)]
enum Told {
    Trades(Arc<Batch>),
    Quotes(quotes::Run),
    Tick { offset: u64, at_ms: i64 },
    Gap(GapNotice),
}

impl Told {
    /// How many trades it weighs as much as.
    fn weight(&self) -> usize {
        match self {
            Self::Trades(batch) => batch.len(),
            Self::Quotes(run) => run.weight(),
            Self::Tick { .. } | Self::Gap(_) => 1,
        }
    }

    fn offset(&self) -> u64 {
        match self {
            Self::Trades(batch) => batch.offsets().first().copied().unwrap_or_default(),
            Self::Quotes(run) => run.offset(),
            Self::Tick { offset, .. } => *offset,
            Self::Gap(gap) => gap.offset,
        }
    }

    fn at_ms(&self) -> i64 {
        match self {
            Self::Trades(batch) => batch.received_at().first().copied().unwrap_or_default(),
            Self::Quotes(run) => run.at_ms(),
            Self::Tick { at_ms, .. } => *at_ms,
            Self::Gap(gap) => gap.to_ms,
        }
    }
}

pub(super) struct Node {
    spec: NodeSpec,
    instance: Option<Instance>,
    saved: SavedState,
    /// What was told since `saved`; kept only for plugins that have snapshots.
    journal: Vec<Told>,
    journal_entries: usize,
    /// Work since the last snapshot, and of that snapshot, in fuel.
    journal_fuel: u64,
    snapshot_fuel: u64,
    strikes: Strikes,
    counts: Counts,
    incidents: Vec<Incident>,
}

impl Node {
    pub(super) fn start(spec: NodeSpec, saved: Option<&SavedState>) -> Result<Self, LoadError> {
        let saved = saved.cloned().unwrap_or_default();
        let instance = Some(open(&spec, &saved)?);
        Ok(Self {
            spec,
            instance,
            saved,
            journal: Vec::new(),
            journal_entries: 0,
            journal_fuel: 0,
            snapshot_fuel: 0,
            strikes: Strikes::default(),
            counts: Counts::default(),
            incidents: Vec::new(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(super) fn input(&self) -> Option<usize> {
        self.spec.input
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn take_incidents(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.incidents)
    }

    pub(super) fn take_log(&mut self) -> (Vec<LogLine>, u64) {
        self.instance.as_mut().map(Instance::take_log).unwrap_or_default()
    }

    pub(super) fn select(&mut self, batch: &Arc<Batch>, codes: &[Arc<str>]) -> Option<Arc<Batch>> {
        self.spec.markets.select(batch, codes)
    }

    /// Tells a batch; what flows on, if anything does. What the plugin gave no answer to does not.
    pub(super) fn trades(
        &mut self,
        batch: &Arc<Batch>,
        codes: &[Arc<str>],
        out: &mut Vec<Emitted>,
    ) -> Option<Arc<Batch>> {
        if !self.spec.plugin.interfaces().trades {
            return Some(Arc::clone(batch));
        }
        let mut kept: Vec<u32> = Vec::new();
        let all = 0..batch.len();
        if let Some(whole) = self.run(batch, all, codes, &mut kept, out) {
            self.counts.forwarded += whole.as_ref().map_or(0, |b| b.len() as u64);
            return whole;
        }
        self.counts.forwarded += kept.len() as u64;
        (!kept.is_empty()).then(|| Arc::new(batch.gather(&kept)))
    }

    /// Tells `range` of a batch, in halves where it must. The answer is what flows on when the
    /// range was the whole batch and one call did it; else the indices are added to `kept`.
    fn run(
        &mut self,
        batch: &Arc<Batch>,
        range: Range<usize>,
        codes: &[Arc<str>],
        kept: &mut Vec<u32>,
        out: &mut Vec<Emitted>,
    ) -> Option<Option<Arc<Batch>>> {
        let range = self.rest(batch, range);
        if range.is_empty() {
            return None;
        }
        let whole = range.len() == batch.len();
        let part = if whole { Arc::clone(batch) } else { Arc::new(batch.gather(&indices(&range))) };
        match self.tell(&Told::Trades(Arc::clone(&part)), codes) {
            Ok(Answer { forward, emissions }) => {
                self.strikes.succeeded();
                self.keep_emissions(&Cause::Trades(&part), emissions, out);
                if whole {
                    return Some(match forward {
                        Forward::All => Some(part),
                        Forward::None => None,
                        Forward::Some(indices) => Some(Arc::new(part.gather(&indices))),
                    });
                }
                let base = u32::try_from(range.start).unwrap_or(u32::MAX);
                match forward {
                    Forward::All => kept.extend(indices(&range)),
                    Forward::None => {}
                    Forward::Some(some) => kept.extend(some.into_iter().map(|i| base + i)),
                }
            }
            Err(fault) if range.len() == 1 => self.blame(&Told::Trades(part), fault),
            Err(_) => {
                let middle = range.start + range.len() / 2;
                self.run(batch, range.start..middle, codes, kept, out);
                self.run(batch, middle..range.end, codes, kept, out);
            }
        }
        None
    }

    /// What is left of `range` when the plugin's rest is over.
    fn rest(&mut self, batch: &Batch, range: Range<usize>) -> Range<usize> {
        let waiting = batch.received_at().get(range.clone()).unwrap_or_default();
        range.start + self.pass_over(waiting.iter().copied())..range.end
    }

    /// How many of the entries that were received at these times come within the plugin's rest.
    fn pass_over(&mut self, received: impl ExactSizeIterator<Item = i64>) -> usize {
        let Some(until) = self.strikes.rests_until() else { return 0 };
        let count = received.len();
        let skip = received.take_while(|&at| at < until).count();
        self.counts.skipped += skip as u64;
        if skip < count {
            self.strikes.rested();
            self.counts.rests_until_ms = None;
        }
        skip
    }

    pub(super) fn tick(&mut self, offset: u64, at_ms: i64, codes: &[Arc<str>], out: &mut Vec<Emitted>) {
        if self.spec.plugin.interfaces().ticks {
            self.moment(&Told::Tick { offset, at_ms }, codes, out);
        }
    }

    pub(super) fn gap(&mut self, gap: GapNotice, codes: &[Arc<str>], out: &mut Vec<Emitted>) {
        if self.spec.plugin.interfaces().gaps {
            self.moment(&Told::Gap(gap), codes, out);
        }
    }

    fn moment(&mut self, told: &Told, codes: &[Arc<str>], out: &mut Vec<Emitted>) {
        let (offset, at_ms) = (told.offset(), told.at_ms());
        if self.pass_over(std::iter::once(at_ms)) > 0 {
            return;
        }
        match self.tell(told, codes) {
            Ok(answer) => {
                self.strikes.succeeded();
                self.keep_emissions(&Cause::Moment { offset, at_ms }, answer.emissions, out);
            }
            Err(fault) => self.blame(told, fault),
        }
    }

    fn keep_emissions(&mut self, cause: &Cause<'_>, emissions: Vec<Emission>, out: &mut Vec<Emitted>) {
        let first = out.len();
        emit::push(&self.spec.name, cause, emissions, out);
        for emitted in out.get(first..).unwrap_or_default() {
            match emitted {
                Emitted::Alert(_) => self.counts.alerts += 1,
                Emitted::Record(_) => self.counts.records += 1,
            }
        }
    }

    /// Tells the plugin something. After a fault a fresh instance stands where the failed one stood
    /// before the call.
    fn tell(&mut self, told: &Told, codes: &[Arc<str>]) -> Result<Answer, Fault> {
        if self.instance.is_none()
            && let Err(fault) = self.recover(codes)
        {
            self.note(&fault);
            return Err(fault);
        }
        let Some(instance) = self.instance.as_mut() else { return Err(Fault::Dead) };
        self.counts.calls += 1;
        match call(instance, told, codes) {
            Ok(answer) => {
                self.counts.memory_bytes = instance.memory_bytes();
                let (fuel, ns) = instance.last_cost();
                self.counts.fuel += fuel;
                self.journal_fuel += fuel;
                self.counts.call_ns += ns;
                self.counts.call_ns_max = self.counts.call_ns_max.max(ns);
                match told {
                    Told::Trades(batch) => self.counts.trades += batch.len() as u64,
                    Told::Quotes(run) => self.counts.quotes += run.rows.len() as u64,
                    Told::Tick { .. } | Told::Gap(_) => {}
                }
                self.remember(told.clone(), codes);
                Ok(answer)
            }
            Err(fault) => {
                self.note(&fault);
                self.instance = None;
                Err(fault)
            }
        }
    }

    /// Keeps what was told until the next snapshot has it.
    fn remember(&mut self, told: Told, codes: &[Arc<str>]) {
        if !self.spec.plugin.interfaces().state {
            return;
        }
        self.journal_entries += told.weight();
        self.journal.push(told);
        let worth = self.journal_fuel >= self.snapshot_fuel.saturating_mul(SNAPSHOT_WORTH);
        if self.journal_entries >= if worth { JOURNAL_MIN } else { JOURNAL_MAX } {
            self.snapshot(codes);
        }
    }

    /// Takes a snapshot of what the instance remembers.
    fn snapshot(&mut self, codes: &[Arc<str>]) {
        if self.journal.is_empty() {
            return;
        }
        if self.instance.is_none() && self.recover(codes).is_err() {
            return;
        }
        let Some(instance) = self.instance.as_mut() else { return };
        match instance.snapshot() {
            Ok(state) => {
                self.snapshot_fuel = instance.last_cost().0;
                self.saved = SavedState { state_version: instance.manifest().state_version, state };
            }
            Err(fault) => {
                // A plugin that cannot be saved falls back to what was saved last: its journal may
                // not grow without bound.
                let last = self.journal.last().cloned();
                self.note(&fault);
                self.instance = None;
                self.counts.amnesias += 1;
                if let Some(told) = last {
                    self.incident(told.offset(), fault, None);
                }
            }
        }
        self.journal.clear();
        self.journal_entries = 0;
        self.journal_fuel = 0;
    }

    pub(super) fn save(&mut self, codes: &[Arc<str>]) -> SavedState {
        self.snapshot(codes);
        self.saved.clone()
    }

    /// A fresh instance, where the failed one stood.
    fn recover(&mut self, codes: &[Arc<str>]) -> Result<(), Fault> {
        self.counts.restarts += 1;
        if !self.spec.plugin.interfaces().state {
            self.counts.amnesias += 1;
        }
        let mut instance = open(&self.spec, &self.saved).map_err(|error| match error {
            LoadError::Start(fault) => fault,
            other => Fault::Trap(other.to_string()),
        })?;
        for told in &self.journal {
            // It answered this before; only a deadline on a busy machine can make it fail now.
            if let Err(fault) = call(&mut instance, told, codes) {
                self.counts.amnesias += 1;
                self.journal.clear();
                self.journal_entries = 0;
                return Err(fault);
            }
        }
        self.instance = Some(instance);
        Ok(())
    }

    /// A single entry is to blame: it is passed over, and counted against the plugin.
    fn blame(&mut self, told: &Told, fault: Fault) {
        self.counts.poisoned += 1;
        let rests_until_ms = match self.strikes.failed(told.at_ms()) {
            Verdict::GoOn => None,
            Verdict::Rest { until_ms } => Some(until_ms),
        };
        self.counts.rests_until_ms = rests_until_ms;
        self.incident(told.offset(), fault, rests_until_ms);
    }

    fn note(&mut self, fault: &Fault) {
        *self.counts.faults.entry(fault.kind()).or_default() += 1;
        self.counts.last_fault = Some(fault.to_string());
    }

    fn incident(&mut self, offset: u64, fault: Fault, rests_until_ms: Option<i64>) {
        if self.incidents.len() < MAX_INCIDENTS {
            self.incidents.push(Incident { plugin: self.spec.name.clone(), offset, fault, rests_until_ms });
        }
    }
}

struct Answer {
    forward: Forward,
    emissions: Vec<Emission>,
}

fn call(instance: &mut Instance, told: &Told, codes: &[Arc<str>]) -> Result<Answer, Fault> {
    if instance.markets_known() < codes.len() {
        let known = instance.markets_known();
        instance.learn_markets(codes.iter().skip(known))?;
    }
    let quiet = |emissions| Answer { forward: Forward::All, emissions };
    match told {
        Told::Trades(batch) => {
            instance.on_trades(batch).map(|Outcome { forward, emissions }| Answer { forward, emissions })
        }
        Told::Quotes(run) => instance.on_quotes(run.kind, &run.rows).map(quiet),
        Told::Tick { offset, at_ms } => instance.on_tick(*offset, *at_ms).map(quiet),
        Told::Gap(gap) => instance.on_gap(gap.clone()).map(quiet),
    }
}

fn open(spec: &NodeSpec, saved: &SavedState) -> Result<Instance, LoadError> {
    let restore = saved.state.as_deref().map(|state| Restore { state_version: saved.state_version, state });
    spec.plugin.start(&spec.name, &spec.config, &spec.limits, restore)
}

fn indices(range: &Range<usize>) -> Vec<u32> {
    range.clone().filter_map(|i| u32::try_from(i).ok()).collect()
}
