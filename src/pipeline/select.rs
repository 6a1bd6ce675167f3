//! Which markets a plugin reads.

use crate::{
    market::{MarketId, glob_matches},
    plugin::Batch,
};
use std::sync::Arc;

/// Globs of market codes, resolved once per market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketFilter {
    globs: Vec<String>,
    passes: Vec<bool>,
}

impl MarketFilter {
    /// Lets through what matches one of `globs`; no glob lets everything through.
    #[must_use]
    pub fn new(globs: Vec<String>) -> Self {
        Self { globs, passes: Vec::new() }
    }

    /// What it was made of; none lets everything through.
    pub(super) fn globs(&self) -> &[String] {
        &self.globs
    }

    /// Whether it lets a market through. `codes` names it.
    pub(super) fn passes(&mut self, market: MarketId, codes: &[Arc<str>]) -> bool {
        if self.globs.is_empty() {
            return true;
        }
        self.learn(codes);
        self.passes.get(market.0 as usize).copied().unwrap_or(false)
    }

    fn learn(&mut self, codes: &[Arc<str>]) {
        for code in codes.iter().skip(self.passes.len()) {
            self.passes.push(self.globs.iter().any(|glob| glob_matches(glob, code)));
        }
    }

    /// The trades of its markets; `None` when there are none. `codes` names every market in it.
    pub(super) fn select(&mut self, batch: &Arc<Batch>, codes: &[Arc<str>]) -> Option<Arc<Batch>> {
        if self.globs.is_empty() {
            return Some(Arc::clone(batch));
        }
        self.learn(codes);
        let passes = |market: &u32| self.passes.get(*market as usize).copied().unwrap_or(false);
        let kept: Vec<u32> =
            (0u32..).zip(batch.markets()).filter(|(_, market)| passes(market)).map(|(i, _)| i).collect();
        match kept.len() {
            0 => None,
            n if n == batch.len() => Some(Arc::clone(batch)),
            _ => Some(Arc::new(batch.gather(&kept))),
        }
    }
}
