//! The pipeline: batches of the tape through plugins in order, to emissions and a checkpoint.
//!
//! Owns a group of plugins that feed one another, their state, and what happens when one of them
//! fails. A pure function of what it is fed and what it was restored from: it reads no clock (the
//! entries carry the time) and writes nothing. Does not know where entries come from, what becomes
//! of an emission, or when a checkpoint is kept.
//!
//! Batching is invisible: the same entries in other batches give the same emissions in the same
//! order. Emissions are sorted by where their cause stands on the tape, then by plugin; a call that
//! breaks a limit is repeated in halves until a single entry is to blame.
//!
//! A plugin that reads another is told the trades that flow on from it and its records, both in the
//! order of the tape: what an entry caused comes with that entry. See [`flow`].
//!
//! Keeps: [one-way] [fails-alone] [time-enters-once] [bounded]

mod emit;
mod flow;
mod node;
mod select;
#[cfg(test)]
mod tests;

pub use emit::Emitted;
pub use node::{Counts, Incident, InspectError, NodeSpec, SavedState};
pub use select::MarketFilter;

use crate::{
    entry::{Entry, Fact, FactValue, Gap},
    plugin::{Batch, FactNotice, GapNotice, LoadError, LogLine, Value},
    quote::Quotes,
    trade::Trades,
};
use flow::{Flow, Input, Row};
use node::{Node, Told};
use std::{collections::BTreeMap, sync::Arc};

/// A group of plugins that feed one another.
pub struct Pipeline {
    name: String,
    nodes: Vec<Node>,
    codes: Vec<Arc<str>>,
    next_offset: u64,
}

/// Everything that a pipeline needs to go on from an offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first entry of the tape that has not been read.
    pub offset: u64,
    /// What each plugin remembers, by name.
    pub plugins: BTreeMap<String, SavedState>,
}

/// A plugin that does not start, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// Its name in config.toml.
    pub plugin: String,
    /// Why.
    pub error: LoadError,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "plugin `{}`: {}", self.plugin, self.error)
    }
}

impl std::error::Error for StartError {}

impl Pipeline {
    /// Starts every plugin, each from its part of the checkpoint. `specs` are in order: an input
    /// comes before whoever reads it.
    ///
    /// # Errors
    /// Every plugin that does not start. [named-means-required]
    pub fn start(
        name: impl Into<String>,
        specs: Vec<NodeSpec>,
        from: Option<&Checkpoint>,
    ) -> Result<Self, Vec<StartError>> {
        let (mut nodes, mut errors) = (Vec::with_capacity(specs.len()), Vec::new());
        for spec in specs {
            let saved = from.and_then(|c| c.plugins.get(&spec.name));
            let plugin = spec.name.clone();
            match Node::start(spec, saved) {
                Ok(node) => nodes.push(node),
                Err(error) => errors.push(StartError { plugin, error }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let read: Vec<usize> = nodes.iter().filter(|n| n.wants_records()).filter_map(Node::input).collect();
        read.into_iter().for_each(|upstream| nodes.get_mut(upstream).into_iter().for_each(Node::echo));
        Ok(Self { name: name.into(), nodes, codes: Vec::new(), next_offset: from.map_or(0, |c| c.offset) })
    }

    /// Its name: that of its plugins.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first entry of the tape that it has not read.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// How many markets it has been told.
    #[must_use]
    pub fn markets_known(&self) -> usize {
        self.codes.len()
    }

    /// Names the markets that follow those it knows. Must come before trades that mention them.
    pub fn learn_markets<'a>(&mut self, codes: impl Iterator<Item = &'a Arc<str>>) {
        self.codes.extend(codes.cloned());
    }

    /// Reads a batch of trades, and appends what the plugins said to `out`. The memory of the
    /// batch comes back for reuse where nobody holds it.
    pub fn trades(&mut self, trades: Trades, out: &mut Vec<Emitted>) -> Trades {
        if let Some(last) = trades.offset.last() {
            self.next_offset = last + 1;
        }
        let batch = Arc::new(Batch::from(trades));
        self.step(&Input { trades: Some(Arc::clone(&batch)), ..Input::default() }, out);
        Arc::try_unwrap(batch).map(Trades::from).map_or_else(|_| Trades::default(), cleared)
    }

    /// Whether any of its plugins handles quotes: a reader for one that does not need not read them.
    #[must_use]
    pub fn wants_quotes(&self) -> bool {
        self.nodes.iter().any(Node::wants_quotes)
    }

    /// Reads tickers, books and candles, and appends what the plugins said to `out`. Every plugin
    /// is told those of its markets, whatever it reads its trades from: quotes do not flow from
    /// plugin to plugin.
    pub fn quotes(&mut self, quotes: Quotes, out: &mut Vec<Emitted>) {
        self.next_offset = quotes.first + quotes.count;
        if quotes.rows.is_empty() || !self.wants_quotes() {
            return;
        }
        let rows: Vec<Row> = (quotes.first..).zip(quotes.rows.into_iter().map(Arc::new)).collect();
        self.step(&Input { quotes: &rows, ..Input::default() }, out);
    }

    /// Reads an entry that is neither a trade nor a quote.
    pub fn entry(&mut self, offset: u64, entry: &Entry, out: &mut Vec<Emitted>) {
        self.next_offset = offset + 1;
        let told = match entry {
            Entry::Tick(tick) => Told::Tick { offset, at_ms: tick.at_ms },
            Entry::Gap(gap) => Told::Gap(gap_notice(offset, gap)),
            Entry::Fact(fact) => Told::Fact(fact_notice(offset, fact)),
            // Trades and quotes come in batches; a control is for whoever runs the pipeline.
            Entry::Trade(_) | Entry::Quote(_) | Entry::Control(_) => return,
        };
        self.step(&Input { moment: Some(&told), ..Input::default() }, out);
    }

    /// Every plugin in order; each gets what stands on the tape, and of its input what flows on.
    fn step(&mut self, tape: &Input<'_>, out: &mut Vec<Emitted>) {
        let first = out.len();
        let mut flows: Vec<Flow> = Vec::with_capacity(self.nodes.len());
        for node in &mut self.nodes {
            let upstream = node.input().map(|upstream| flows.get(upstream));
            let input = match upstream {
                None => tape.clone(),
                Some(None) => Input::default(),
                Some(Some(flow)) => {
                    Input { trades: flow.trades.clone(), records: &flow.records, ..tape.clone() }
                }
            };
            let flow = node.step(input, &self.codes, out);
            flows.push(flow);
        }
        out.get_mut(first..).into_iter().for_each(emit::sort);
    }

    /// Asks a plugin what it has in mind. It stands beside the tape: nothing that the pipeline says
    /// depends on it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn inspect(&mut self, plugin: &str, query: &str) -> Result<String, InspectError> {
        let node = self.nodes.iter_mut().find(|node| node.name() == plugin).ok_or(InspectError::Unknown)?;
        node.inspect(query, &self.codes)
    }

    /// What every plugin remembers, and how far the pipeline has read.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let codes = &self.codes;
        let saved = self.nodes.iter_mut().map(|node| (node.name().to_owned(), node.save(codes)));
        Checkpoint { offset: self.next_offset, plugins: saved.collect() }
    }

    /// Counters of every plugin, in order, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.nodes.iter().map(|node| (node.name(), node.counts()))
    }

    /// What went wrong since this was last asked.
    pub fn take_incidents(&mut self) -> Vec<Incident> {
        self.nodes.iter_mut().flat_map(Node::take_incidents).collect()
    }

    /// What the guests logged since this was last asked: plugin, lines, lines that were dropped.
    pub fn take_logs(&mut self) -> Vec<(String, Vec<LogLine>, u64)> {
        let logs = self.nodes.iter_mut().filter_map(|node| {
            let (lines, dropped) = node.take_log();
            (!lines.is_empty() || dropped > 0).then(|| (node.name().to_owned(), lines, dropped))
        });
        logs.collect()
    }
}

fn cleared(mut trades: Trades) -> Trades {
    trades.clear();
    trades
}

fn fact_notice(offset: u64, fact: &Fact) -> FactNotice {
    FactNotice {
        offset,
        at_ms: fact.at_ms,
        name: fact.name.clone(),
        subject: fact.subject.clone(),
        value: match &fact.value {
            FactValue::Bool(bool) => Value::Bool(*bool),
            FactValue::Int(int) => Value::Int(*int),
            FactValue::Number(number) => Value::Number(number.to_string()),
            FactValue::Text(text) => Value::Text(text.clone()),
            FactValue::Unknown => Value::Null,
        },
    }
}

fn gap_notice(offset: u64, gap: &Gap) -> GapNotice {
    GapNotice {
        offset,
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        cause: gap.cause.as_str().to_owned(),
        markets: gap.markets.iter().map(|m| m.0).collect(),
        filled: gap.filled,
    }
}
