//! Replay: the same pipelines, fed from a recording as fast as they go.
//!
//! One thread and one order: a batch goes through every pipeline, and what came of it is written
//! in the order of the tape. The recorded time is the only clock, so that two replays of one
//! recording give the same bytes, in whatever batches they read it.
//!
//! Keeps: [time-enters-once] [one-way]

mod source;

pub use source::Source;

use super::{
    output::{Noted, Output},
    plan::Group,
};
use crate::{
    alert::{Raised, Trigger},
    delivery::Delivery,
    entry::{Entry, Tick},
    pipeline::{Counts, Emitted, InspectError, Pipeline, StartError},
    policy::Explanation,
    replay::{self, BadLines},
    tape::{Next, TapeError},
    trade::Trades,
};
use std::{collections::BTreeSet, fmt};

/// Why a replay does not start or go on.
#[derive(Debug)]
pub enum ReplayError {
    /// The recording.
    Recording(replay::ReplayError),
    /// The tape.
    Tape(TapeError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recording(error) => error.fmt(f),
            Self::Tape(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Trades that were fed.
    pub trades: u64,
    /// Tickers, order books and candles that were fed.
    pub quotes: u64,
    /// Other entries of the tape.
    pub entries: u64,
    /// Alerts that plugins raised, before any policy.
    pub alerts: u64,
    /// Records that plugins emitted.
    pub records: u64,
    /// Messages for channels, as the live job would have sent them.
    pub deliveries: u64,
    /// Entries that the recording has lost.
    pub lost: u64,
    /// Trades that came again, and counted once.
    pub repeated: u64,
    /// Lines that are neither trades nor quotes.
    pub bad_lines: BadLines,
    /// What each plugin did.
    pub plugins: Vec<(String, Counts)>,
}

impl Summary {
    /// Failed calls of all plugins.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.plugins.iter().flat_map(|(_, counts)| counts.faults.values()).sum()
    }
}

/// What one step came to.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// What plugins raised, before any policy, in the order of the tape.
    pub raised: &'a [Raised],
    /// What would have been sent.
    pub deliveries: &'a [Delivery],
}

/// A replay under way.
pub struct Replay {
    source: Source,
    pipelines: Vec<(Pipeline, Output)>,
    batch: usize,
    trades: Trades,
    emitted: Vec<Emitted>,
    deliveries: Vec<Delivery>,
    summary: Summary,
    /// What plugins raised in the last step, if somebody wants to know.
    raised: Option<Vec<Raised>>,
    /// By how much the time that plugins are told runs ahead of that of the entries.
    lead_ms: i64,
    clock_ms: i64,
}

impl Replay {
    /// Starts every plugin of `groups` afresh.
    ///
    /// # Errors
    /// Every plugin that does not start.
    pub fn start(groups: &[Group], mut source: Source, batch: usize) -> Result<Self, Vec<StartError>> {
        let (mut pipelines, mut errors) = (Vec::new(), Vec::new());
        for group in groups {
            match (group.start(None), Output::new(group)) {
                (Ok(pipeline), Ok(output)) => pipelines.push((pipeline, output)),
                (Err(more), _) => errors.extend(more),
                // A plan has been checked for templates.
                (_, Err(_)) => {}
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if let Source::Tape { reader, .. } = &mut source {
            reader.want_quotes(pipelines.iter().any(|(pipeline, _)| pipeline.wants_quotes()));
        }
        Ok(Self {
            source,
            pipelines,
            batch: batch.max(1),
            trades: Trades::default(),
            emitted: Vec::new(),
            deliveries: Vec::new(),
            summary: Summary::default(),
            raised: None,
            lead_ms: 0,
            clock_ms: i64::MIN,
        })
    }

    /// Keeps what plugins raise, before any policy, for [`Replay::watch`].
    #[must_use]
    pub fn watched(mut self) -> Self {
        self.raised = Some(Vec::new());
        self
    }

    /// Tells plugins a time that runs ahead of that of the ticks by `lead_ms`.
    #[must_use]
    pub fn ahead(mut self, lead_ms: i64) -> Self {
        self.lead_ms = lead_ms;
        self
    }

    /// The greatest time of a trade or a tick so far, ms since the Unix epoch; least before both.
    #[must_use]
    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// How much there is, and how much of it has been read.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        self.source.progress()
    }

    /// What the policy of each pipeline says of a rule and what it is about.
    #[must_use]
    pub fn explain(&self, rule: &str, key: &str) -> Vec<Explanation> {
        let policies = self.pipelines.iter().map(|(_, output)| output.policy());
        let mut known: Vec<Explanation> = policies.flat_map(|policy| policy.explain(rule, key)).collect();
        // Of policies that know nothing of it one says so.
        if known.iter().any(|explanation| explanation.is_known) {
            known.retain(|explanation| explanation.is_known);
        } else {
            known.truncate(1);
        }
        known
    }

    /// The markets in what was read.
    #[must_use]
    pub fn markets(&self) -> BTreeSet<String> {
        self.source.markets()
    }

    /// What a plugin answers to a question about what it has in mind.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn inspect(&mut self, plugin: &str, query: &str) -> Result<String, InspectError> {
        let answers = self.pipelines.iter_mut().map(|(pipeline, _)| pipeline.inspect(plugin, query));
        answers
            .reduce(|a, b| if a == Err(InspectError::Unknown) { b } else { a })
            .unwrap_or(Err(InspectError::Unknown))
    }

    /// What it came to so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// One batch; the deliveries that came of it, or `None` at the end.
    ///
    /// # Errors
    /// When the recording cannot be read any further.
    pub fn step(&mut self, note: impl FnMut(Noted)) -> Result<Option<&[Delivery]>, ReplayError> {
        Ok(self.advance(note)?.then_some(self.deliveries.as_slice()))
    }

    /// The same, with what plugins raised before any policy, in the order of the tape.
    ///
    /// # Errors
    /// When the recording cannot be read any further.
    pub fn watch(&mut self) -> Result<Option<Watched<'_>>, ReplayError> {
        let more = self.advance(|_| {})?;
        if let Some(raised) = &mut self.raised {
            raised.sort_by_key(|raised| offset(raised.trigger));
        }
        let raised = self.raised.as_deref().unwrap_or_default();
        Ok(more.then_some(Watched { raised, deliveries: &self.deliveries }))
    }

    fn advance(&mut self, mut note: impl FnMut(Noted)) -> Result<bool, ReplayError> {
        self.raised.iter_mut().for_each(Vec::clear);
        let Some(mut next) = self.source.next(self.batch, &mut self.trades)? else {
            self.finish();
            return Ok(false);
        };
        self.deliveries.clear();
        self.note_time(&next);
        if let Next::Entry(_, Entry::Tick(tick)) = &mut next {
            tick.at_ms = tick.at_ms.saturating_add(self.lead_ms);
        }
        match &next {
            Next::Trades => self.summary.trades += self.trades.len() as u64,
            Next::Quotes(quotes) => self.summary.quotes += quotes.count,
            Next::Trimmed { from, to } | Next::Damaged { from, to } => self.summary.lost += to - from,
            Next::Entry(..) => self.summary.entries += 1,
            Next::Empty => {}
        }
        let several = self.pipelines.len() > 1;
        let mut places: Vec<(u64, usize)> = Vec::new();
        for (pipeline, output) in &mut self.pipelines {
            self.source.learn(pipeline);
            self.emitted.clear();
            feed(pipeline, &next, &mut self.trades, several, &mut self.emitted);
            for said in &self.emitted {
                match said {
                    Emitted::Alert(raised) => {
                        self.summary.alerts += 1;
                        self.raised.iter_mut().for_each(|kept| kept.push(raised.clone()));
                    }
                    Emitted::Record(_) => self.summary.records += 1,
                }
            }
            for emitted in &mut self.emitted {
                undo_lead(emitted, self.lead_ms);
            }
            if !several {
                output.take(&self.emitted, &mut self.deliveries, &mut note);
                obey(output, &next, self.lead_ms, &mut self.deliveries);
                continue;
            }
            // Each cause by itself, so that what several pipelines said can be put in the order of
            // the tape, whatever the batch.
            for run in self.emitted.chunk_by(|a, b| a.offset() == b.offset()) {
                let before = self.deliveries.len();
                output.take(run, &mut self.deliveries, &mut note);
                let offset = run.first().map_or(0, Emitted::offset);
                places.extend((before..self.deliveries.len()).map(|at| (offset, at)));
            }
            let before = self.deliveries.len();
            if let Some(offset) = obey(output, &next, self.lead_ms, &mut self.deliveries) {
                places.extend((before..self.deliveries.len()).map(|at| (offset, at)));
            }
        }
        if several {
            self.trades.clear();
            places.sort();
            let mut taken: Vec<Option<Delivery>> = self.deliveries.drain(..).map(Some).collect();
            self.deliveries.extend(places.iter().filter_map(|&(_, at)| taken.get_mut(at)?.take()));
        }
        self.summary.deliveries += self.deliveries.len() as u64;
        Ok(true)
    }

    /// What waits for company at the end of the recording, as it would leave at the end of a job.
    pub fn flush(&mut self) -> &[Delivery] {
        self.deliveries.clear();
        for (_, output) in &mut self.pipelines {
            output.flush(&mut self.deliveries);
        }
        self.summary.deliveries += self.deliveries.len() as u64;
        &self.deliveries
    }

    fn note_time(&mut self, next: &Next) {
        let at_ms = match next {
            Next::Trades => self.trades.traded_at_ms.iter().copied().max(),
            Next::Entry(_, Entry::Tick(tick)) => Some(tick.at_ms),
            _ => None,
        };
        self.clock_ms = self.clock_ms.max(at_ms.unwrap_or(i64::MIN));
    }

    fn finish(&mut self) {
        if let Source::Lines { lines, .. } = &self.source {
            self.summary.bad_lines = lines.bad().clone();
        }
        self.summary.repeated = self.source.repeated();
        self.summary.plugins = self
            .pipelines
            .iter()
            .flat_map(|(pipeline, _)| {
                pipeline.counts().map(|(name, counts)| (name.to_owned(), counts.clone()))
            })
            .collect();
    }
}

/// Where on the tape stands what made a plugin speak.
const fn offset(trigger: Trigger) -> u64 {
    match trigger {
        Trigger::Trade { offset, .. } | Trigger::Quote { offset, .. } | Trigger::Tick { offset, .. } => {
            offset
        }
    }
}

/// An entry through the policy, behind what plugins said of it; its offset.
fn obey(output: &mut Output, next: &Next, lead_ms: i64, out: &mut Vec<Delivery>) -> Option<u64> {
    let Next::Entry(offset, entry) = next else { return None };
    match entry {
        // Only plugins are told a time that runs ahead.
        Entry::Tick(tick) => {
            let tick = Tick { at_ms: tick.at_ms.saturating_sub(lead_ms) };
            output.entry(*offset, &Entry::Tick(tick), out);
        }
        entry => _ = output.entry(*offset, entry, out),
    }
    Some(*offset)
}

/// The same for what plugins said at a tick.
fn undo_lead(emitted: &mut Emitted, lead_ms: i64) {
    if let Emitted::Alert(raised) = emitted
        && matches!(raised.trigger, Trigger::Tick { .. })
    {
        raised.heard_at_ms = raised.heard_at_ms.saturating_sub(lead_ms);
    }
}

/// One step of one pipeline. The columns are given away when nobody else needs them.
fn feed(pipeline: &mut Pipeline, next: &Next, trades: &mut Trades, shared: bool, out: &mut Vec<Emitted>) {
    match next {
        Next::Trades if shared => {
            pipeline.trades(trades.clone(), out);
        }
        Next::Trades => *trades = pipeline.trades(std::mem::take(trades), out),
        Next::Quotes(quotes) => pipeline.quotes(quotes.clone(), out),
        Next::Entry(offset, entry) => pipeline.entry(*offset, entry, out),
        Next::Trimmed { to, .. } | Next::Damaged { to, .. } => {
            let gap = crate::entry::Gap {
                from_ms: 0,
                to_ms: 0,
                cause: crate::entry::GapCause::Retention,
                markets: Vec::new(),
                filled: false,
            };
            pipeline.entry(to.saturating_sub(1), &Entry::Gap(gap), out);
        }
        Next::Empty => {}
    }
}
