//! Quotes to a plugin: in runs of one sort, with the guarantees that trades have.
//!
//! A plugin that handles several sorts sees them in the order of the tape, so a call holds a run of
//! one; to a plugin that handles one sort, others are as if they were not there.
//!
//! Keeps: [fails-alone] [bounded]

use super::{Node, Step, Told};
use crate::{
    pipeline::{emit::Cause, flow::Row},
    quote::{Quote, QuoteKind},
};
use std::sync::Arc;

/// Most quotes of one call: five hundred books of thirty levels are some half MiB in the guest.
const MAX_RUN: usize = 512;

/// What a trade takes in the journal, about.
pub(super) const TRADE_BYTES: usize = 120;

/// Quotes of one sort, in the order of the tape.
#[derive(Clone)]
pub(in crate::pipeline) struct Run {
    pub(super) kind: QuoteKind,
    pub(super) rows: Arc<[Row]>,
}

impl Run {
    pub(super) fn offset(&self) -> u64 {
        self.rows.first().map_or(0, |row| row.0)
    }

    pub(super) fn at_ms(&self) -> i64 {
        self.rows.first().map_or(0, received_at_ms)
    }

    /// How many trades it weighs as much as.
    pub(super) fn weight(&self) -> usize {
        let bytes = |row: &Row| match &*row.1 {
            Quote::Ticker(ticker) => size_of_val(&**ticker),
            Quote::Candle(candle) => size_of_val(&**candle),
            Quote::Orderbook(book) => size_of_val(book.levels.as_slice()),
        };
        self.rows.iter().map(|row| 1 + (size_of::<Quote>() + bytes(row)) / TRADE_BYTES).sum()
    }

    fn part(&self, rows: &[Row]) -> Self {
        Self { kind: self.kind, rows: rows.into() }
    }
}

fn received_at_ms(row: &Row) -> i64 {
    row.1.head().received_at_ms
}

impl Node {
    pub(in crate::pipeline) fn wants_quotes(&self) -> bool {
        QuoteKind::ALL.iter().any(|&kind| self.spec.plugin.interfaces().handles(kind))
    }

    /// The quotes of its markets, of the sorts that it handles.
    pub(super) fn select_quotes(&mut self, rows: &[Row], codes: &[Arc<str>]) -> Vec<Row> {
        if rows.is_empty() || !self.wants_quotes() {
            return Vec::new();
        }
        let mut wanted: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            let is_handled = self.spec.plugin.interfaces().handles(row.1.kind());
            if is_handled && self.spec.markets.passes(row.1.head().market, codes) {
                wanted.push(row.clone());
            }
        }
        wanted
    }

    pub(super) fn tell_quotes(&mut self, rows: &[Row], step: &mut Step<'_>) {
        for run in rows.chunk_by(|a, b| a.1.kind() == b.1.kind()) {
            for part in run.chunks(MAX_RUN) {
                if let Some((_, first)) = part.first() {
                    self.tell_run(&Run { kind: first.kind(), rows: part.into() }, step);
                }
            }
        }
    }

    /// Tells a run, in halves where it must.
    fn tell_run(&mut self, run: &Run, step: &mut Step<'_>) {
        let skip = self.pass_over(run.rows.iter().map(received_at_ms));
        let run = if skip == 0 { run.clone() } else { run.part(run.rows.get(skip..).unwrap_or_default()) };
        if run.rows.is_empty() {
            return;
        }
        let told = Told::Quotes(run.clone());
        match self.tell(&told, step.codes) {
            Ok(answer) => self.take_answer(&Cause::Quotes(&run.rows), answer, step),
            Err(fault) if run.rows.len() == 1 => self.blame(&told, fault),
            Err(_) => {
                let (one, other) = run.rows.split_at(run.rows.len() / 2);
                self.tell_run(&run.part(one), step);
                self.tell_run(&run.part(other), step);
            }
        }
    }
}
