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

mod ask;
mod quotes;
mod records;
mod strikes;

pub use ask::InspectError;

use super::emit::{Cause, Emitted, MAX_ONWARD, Mouth};
use super::flow::{Class, Flow, Input, Kept, Made, runs};
use super::select::MarketFilter;
use crate::packed::Packed;
use crate::plugin::{
    Batch, Emission, FactNotice, Fault, Forward, GapNotice, Instance, Limits, LoadError, LogLine, Outcome,
    Plugin, Restore,
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
    /// Whose trades it reads: the tape's, or those that flow on from an earlier plugin, with that one's
    /// records.
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
    pub state: Option<Packed>,
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
    /// Records of another plugin that it was told.
    pub heard: u64,
    /// Facts that it was told.
    pub facts: u64,
    /// Trades that flowed on, those that it made among them.
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
pub(super) enum Told {
    Trades(Arc<Batch>),
    Quotes(quotes::Run),
    Records(records::Run),
    Tick { offset: u64, at_ms: i64 },
    Gap(GapNotice),
    Fact(FactNotice),
}

/// One step of a node: what it knows of markets, where what it says goes, and what flows on.
struct Step<'a> {
    codes: &'a [Arc<str>],
    out: &'a mut Vec<Emitted>,
    kept: Kept,
}

impl Told {
    /// How many trades it weighs as much as.
    fn weight(&self) -> usize {
        match self {
            Self::Trades(batch) => batch.len(),
            Self::Quotes(run) => run.weight(),
            Self::Records(run) => run.weight(),
            // Its texts are bounded: a few trades' worth.
            Self::Fact(_) => 4,
            Self::Tick { .. } | Self::Gap(_) => 1,
        }
    }

    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Trades(batch) => batch.offsets().first().copied().unwrap_or_default(),
            Self::Quotes(run) => run.offset(),
            Self::Records(run) => run.offset(),
            Self::Tick { offset, .. } => *offset,
            Self::Gap(gap) => gap.offset,
            Self::Fact(fact) => fact.offset,
        }
    }

    fn at_ms(&self) -> i64 {
        match self {
            Self::Trades(batch) => batch.received_at().first().copied().unwrap_or_default(),
            Self::Quotes(run) => run.at_ms(),
            Self::Records(run) => run.at_ms(),
            Self::Tick { at_ms, .. } => *at_ms,
            Self::Gap(gap) => gap.to_ms,
            Self::Fact(fact) => fact.at_ms,
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
    mouth: Mouth,
    counts: Counts,
    incidents: Vec<Incident>,
}

impl Node {
    pub(super) fn start(spec: NodeSpec, saved: Option<&SavedState>) -> Result<Self, LoadError> {
        let saved = saved.cloned().unwrap_or_default();
        let instance = Some(open(&spec, &saved)?);
        Ok(Self {
            mouth: Mouth::new(&spec.name),
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

    /// Whether it is told the records of its input.
    pub(super) fn wants_records(&self) -> bool {
        self.spec.plugin.interfaces().records
    }

    /// From now on its records are for others as well.
    pub(super) fn echo(&mut self) {
        self.mouth.echoes = true;
    }

    /// Tells what a step brings, and yields what flows on. What the plugin gave no answer to does not.
    pub(super) fn step(&mut self, input: Input<'_>, codes: &[Arc<str>], out: &mut Vec<Emitted>) -> Flow {
        let batch = input.trades.and_then(|batch| self.spec.markets.select(&batch, codes));
        let quotes = self.select_quotes(input.quotes, codes);
        let records = self.select_records(input.records);
        let moment = input.moment.filter(|told| self.handles(told));
        let offsets = (
            quotes.iter().map(|row| row.0).collect::<Vec<_>>(),
            moment.map(Told::offset),
            records.iter().map(|heard| heard.record.offset).collect::<Vec<_>>(),
        );
        let trades = batch.as_ref().map_or(&[][..], |batch| batch.offsets());
        let mut step = Step { codes, out, kept: Kept::default() };
        runs([trades, &offsets.0, offsets.1.as_slice(), &offsets.2], |class, range| match class {
            Class::Trades => batch.iter().for_each(|batch| self.tell_trades(batch, range.clone(), &mut step)),
            Class::Quotes => self.tell_quotes(quotes.get(range).unwrap_or_default(), &mut step),
            Class::Moment => moment.iter().for_each(|told| self.tell_moment(told, &mut step)),
            Class::Records => self.tell_records(records.get(range).unwrap_or_default(), &mut step),
        });
        let kept = step.kept;
        if self.spec.plugin.interfaces().trades {
            self.counts.forwarded += kept.len() as u64;
        }
        let (records, (lost, offset)) = self.mouth.end_step();
        if lost > 0 {
            let fault = Fault::Oversized(format!(
                "{lost} trades and records for other plugins, beyond {MAX_ONWARD} in one step"
            ));
            self.note(&fault);
            self.incident(offset, fault, None);
        }
        Flow { trades: kept.into_batch(batch), records }
    }

    fn handles(&self, told: &Told) -> bool {
        let interfaces = self.spec.plugin.interfaces();
        match told {
            Told::Tick { .. } => interfaces.ticks,
            Told::Gap(_) => interfaces.gaps,
            Told::Fact(_) => interfaces.facts,
            Told::Trades(_) | Told::Quotes(_) | Told::Records(_) => false,
        }
    }

    /// Tells `range` of a batch, in halves where it must.
    fn tell_trades(&mut self, batch: &Arc<Batch>, range: Range<usize>, step: &mut Step<'_>) {
        if !self.spec.plugin.interfaces().trades {
            return step.kept.all(range);
        }
        let range = self.rest(batch, range);
        if range.is_empty() {
            return;
        }
        let whole = range.len() == batch.len();
        let part = if whole { Arc::clone(batch) } else { Arc::new(batch.gather(&indices(&range))) };
        match self.tell(&Told::Trades(Arc::clone(&part)), step.codes) {
            Ok(Answer { forward, emissions }) => {
                self.strikes.succeeded();
                let made = self.say(&Cause::Trades(&part), emissions, step);
                step.kept.part(range, forward, made);
            }
            Err(fault) if range.len() == 1 => self.blame(&Told::Trades(part), fault),
            Err(_) => {
                let middle = range.start + range.len() / 2;
                self.tell_trades(batch, range.start..middle, step);
                self.tell_trades(batch, middle..range.end, step);
            }
        }
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

    fn tell_moment(&mut self, told: &Told, step: &mut Step<'_>) {
        let (offset, at_ms) = (told.offset(), told.at_ms());
        if self.pass_over(std::iter::once(at_ms)) > 0 {
            return;
        }
        match self.tell(told, step.codes) {
            Ok(answer) => self.take_answer(&Cause::Moment { offset, at_ms }, answer, step),
            Err(fault) => self.blame(told, fault),
        }
    }

    /// An answer to anything but trades.
    fn take_answer(&mut self, cause: &Cause<'_>, answer: Answer, step: &mut Step<'_>) {
        self.strikes.succeeded();
        let made = self.say(cause, answer.emissions, step);
        step.kept.between(made);
    }

    fn say(&mut self, cause: &Cause<'_>, emissions: Vec<Emission>, step: &mut Step<'_>) -> Vec<Made> {
        let made = self.mouth.say(cause, emissions, step.codes.len(), step.out);
        (self.counts.alerts, self.counts.records) = (self.mouth.alerts, self.mouth.records);
        made
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
                    Told::Records(run) => self.counts.heard += run.records.len() as u64,
                    Told::Fact(_) => self.counts.facts += 1,
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
        let packed = instance.snapshot().and_then(|state| {
            let unfit = |error| Fault::Oversized(format!("a snapshot that cannot be packed: {error}"));
            state.map(|state| Packed::pack(&state)).transpose().map_err(unfit)
        });
        match packed {
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
    teach(instance, codes)?;
    let quiet = |emissions| Answer { forward: Forward::All, emissions };
    match told {
        Told::Trades(batch) => {
            instance.on_trades(batch).map(|Outcome { forward, emissions }| Answer { forward, emissions })
        }
        Told::Quotes(run) => instance.on_quotes(run.kind, &run.rows).map(quiet),
        Told::Tick { offset, at_ms } => instance.on_tick(*offset, *at_ms).map(quiet),
        Told::Gap(gap) => instance.on_gap(gap.clone()).map(quiet),
        Told::Records(run) => instance.on_records(&run.records).map(quiet),
        Told::Fact(fact) => instance.on_fact(fact.clone()).map(quiet),
    }
}

fn teach(instance: &mut Instance, codes: &[Arc<str>]) -> Result<(), Fault> {
    let known = instance.markets_known();
    if known < codes.len() { instance.learn_markets(codes.iter().skip(known)) } else { Ok(()) }
}

fn open(spec: &NodeSpec, saved: &SavedState) -> Result<Instance, LoadError> {
    let state = saved.state.as_ref().map(Packed::unpack).transpose();
    let state =
        state.map_err(|error| LoadError::Restore(format!("the kept snapshot is damaged: {error}")))?;
    let restore = state.as_deref().map(|state| Restore { state_version: saved.state_version, state });
    spec.plugin.start(&spec.name, &spec.config, &spec.limits, restore)
}

fn indices(range: &Range<usize>) -> Vec<u32> {
    range.clone().filter_map(|i| u32::try_from(i).ok()).collect()
}
