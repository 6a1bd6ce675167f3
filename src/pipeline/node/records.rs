//! Records of another plugin to one that reads it, with the guarantees that trades have.
//!
//! Keeps: [fails-alone] [bounded]

use super::{Node, Step, Told, quotes::TRADE_BYTES};
use crate::{
    market::glob_matches,
    pipeline::{emit::Cause, flow::Heard},
    plugin::Incoming,
};
use std::sync::Arc;

/// Most records of one call. Chosen.
const MAX_RUN: usize = 512;

/// Records in the order in which they were said.
#[derive(Clone)]
pub(in crate::pipeline) struct Run {
    pub(super) records: Arc<[Incoming]>,
}

impl Run {
    pub(super) fn offset(&self) -> u64 {
        self.records.first().map_or(0, |record| record.offset)
    }

    pub(super) fn at_ms(&self) -> i64 {
        self.records.first().map_or(0, |record| record.at_ms)
    }

    /// How many trades it weighs as much as.
    pub(super) fn weight(&self) -> usize {
        self.records.iter().map(|record| 1 + record.weight() / TRADE_BYTES).sum()
    }
}

impl Node {
    /// Records that are of no market or of one that it reads.
    pub(super) fn select_records(&self, records: &[Heard]) -> Vec<Heard> {
        if records.is_empty() || !self.spec.plugin.interfaces().records {
            return Vec::new();
        }
        let globs = self.spec.markets.globs();
        let is_its = |heard: &&Heard| match heard.record.market() {
            Some(market) if !globs.is_empty() => globs.iter().any(|glob| glob_matches(glob, market)),
            _ => true,
        };
        records.iter().filter(is_its).cloned().collect()
    }

    pub(super) fn tell_records(&mut self, records: &[Heard], step: &mut Step<'_>) {
        records.chunks(MAX_RUN).for_each(|part| self.tell_heard(part, step));
    }

    /// Tells a run, in halves where it must.
    fn tell_heard(&mut self, records: &[Heard], step: &mut Step<'_>) {
        let skip = self.pass_over(records.iter().map(|heard| heard.record.at_ms));
        let records = records.get(skip..).unwrap_or_default();
        if records.is_empty() {
            return;
        }
        let told = Told::Records(Run { records: records.iter().map(|heard| heard.record.clone()).collect() });
        match self.tell(&told, step.codes) {
            Ok(answer) => self.take_answer(&Cause::Records(records), answer, step),
            Err(fault) if records.len() == 1 => self.blame(&told, fault),
            Err(_) => {
                let (one, other) = records.split_at(records.len() / 2);
                self.tell_heard(one, step);
                self.tell_heard(other, step);
            }
        }
    }
}
