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
//! Keeps: [one-way] [fails-alone] [time-enters-once] [bounded]

mod emit;
mod node;
mod select;
#[cfg(test)]
mod tests;

pub use emit::Emitted;
pub use node::{Counts, Incident, NodeSpec, SavedState};
pub use select::MarketFilter;

use crate::{
    entry::{Entry, Gap},
    plugin::{Batch, GapNotice, LoadError, LogLine},
    quote::{Quote, Quotes},
    trade::Trades,
};
use node::Node;
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
        let first = out.len();
        let batch = Arc::new(Batch::from(trades));
        let mut flows: Vec<Option<Arc<Batch>>> = Vec::with_capacity(self.nodes.len());
        for node in &mut self.nodes {
            let input = match node.input() {
                None => Some(Arc::clone(&batch)),
                Some(upstream) => flows.get(upstream).cloned().flatten(),
            };
            let input = input.and_then(|input| node.select(&input, &self.codes));
            flows.push(input.and_then(|input| node.trades(&input, &self.codes, out)));
        }
        drop(flows);
        out.get_mut(first..).into_iter().for_each(emit::sort);
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
        let first = out.len();
        let rows: Vec<(u64, Arc<Quote>)> =
            (quotes.first..).zip(quotes.rows.into_iter().map(Arc::new)).collect();
        for node in &mut self.nodes {
            node.quotes(&rows, &self.codes, out);
        }
        out.get_mut(first..).into_iter().for_each(emit::sort);
    }

    /// Reads an entry that is neither a trade nor a quote.
    pub fn entry(&mut self, offset: u64, entry: &Entry, out: &mut Vec<Emitted>) {
        self.next_offset = offset + 1;
        let first = out.len();
        for node in &mut self.nodes {
            match entry {
                Entry::Tick(tick) => node.tick(offset, tick.at_ms, &self.codes, out),
                Entry::Gap(gap) => node.gap(notice(offset, gap), &self.codes, out),
                // Trades and quotes come in batches; a control is for whoever runs the pipeline.
                Entry::Trade(_) | Entry::Quote(_) | Entry::Control(_) => {}
            }
        }
        out.get_mut(first..).into_iter().for_each(emit::sort);
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

fn notice(offset: u64, gap: &Gap) -> GapNotice {
    GapNotice {
        offset,
        from_ms: gap.from_ms,
        to_ms: gap.to_ms,
        cause: gap.cause.as_str().to_owned(),
        markets: gap.markets.iter().map(|m| m.0).collect(),
        filled: gap.filled,
    }
}
