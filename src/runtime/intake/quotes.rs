//! Tickers, books and candles on their way to the tape.
//!
//! They bypass what trades go through: a quote has no identity and cannot be fetched again, so there
//! is nothing to compare it with. Those of one batch of frames are appended at its end, behind its
//! trades, in the order in which they came.
//!
//! Keeps: [time-enters-once] [bounded]

use crate::{
    quote::Quote,
    status::Status,
    tape::{Tape, TapeError},
    trade::Flags,
    upbit::QuoteEvent,
};
use tracing::{error, warn};

/// Quotes that wait for the end of their batch of frames.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    pending: Vec<Quote>,
}

impl Quotes {
    /// Takes one.
    pub(super) fn take(&mut self, event: QuoteEvent<'_>, tape: &Tape, status: &Status) {
        match tape.intern(&event.code) {
            Ok(market) => {
                if event.dropped {
                    status.intake().dropped_values.add(1);
                }
                self.pending.push(event.to_quote(market, Flags::default()));
            }
            Err(error) => {
                status.intake().invalid.add("market", 1);
                warn!(%error, code = %event.code, "a quote of a market that the tape does not take");
            }
        }
    }

    /// Appends those that wait, unless another session brings the same.
    pub(super) fn append(&mut self, tape: &Tape, status: &Status, leads: impl FnOnce() -> bool) {
        if self.pending.is_empty() {
            return;
        }
        if !leads() {
            return self.pending.clear();
        }
        match tape.append_quotes(&self.pending) {
            Ok(_) => {}
            Err(TapeError::Degraded { source, .. }) => {
                error!(error = %source, "the disk does not take the tape; it is kept in memory meanwhile");
            }
            Err(error) => {
                // Only a bug of ours leads here: every market was interned.
                error!(%error, quotes = self.pending.len(), "quotes are lost, the tape refuses them");
                status.intake().invalid.add("tape", self.pending.len() as u64);
                self.pending.clear();
                return;
            }
        }
        for quote in self.pending.drain(..) {
            status.intake().quotes.add(quote.kind().as_str(), 1);
        }
    }
}
