//! Markets that a rule expects from the start, until their first trade.
//!
//! A market without any trade has no number yet, so it waits here under its code, silent since the
//! engine's first clock. With its first trade it moves to the others and takes along what its
//! silences remember. A gap that may be about it is left out, as in any other silence.
//!
//! Keeps: [bounded]

use super::level::Memory;
use super::market::{Desk, Market};
use crate::rule::{Rule, When};
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// The engine's first clock, moved by the gaps since.
    start_ms: Option<i64>,
    /// In the order of the rules.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    market: Box<Market>,
    /// When a tick changes something.
    deadline: i64,
}

/// What a snapshot keeps.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Saved {
    start_ms: Option<i64>,
    /// Code, rule, memory.
    memories: Vec<(String, u32, Memory)>,
}

impl Expected {
    /// The codes that rules expect, but for those that were `met`.
    pub(crate) fn new(rules: &[Rule], met: impl Fn(&str) -> bool) -> Self {
        let mut expected = Self::default();
        for rule in rules {
            if !matches!(&rule.when, When::Silence(silence) if silence.from_start) {
                continue;
            }
            for code in rule.markets.iter().filter(|code| rule.covers(code) && !met(code)) {
                if !expected.waiting.iter().any(|waiting| waiting.market.code == *code) {
                    let market = Box::new(Market::new(code, rules));
                    expected.waiting.push(Waiting { market, deadline: i64::MIN });
                }
            }
        }
        expected
    }

    /// The first clock there is; later ones change nothing.
    pub(crate) fn begin(&mut self, at_ms: i64) {
        if self.start_ms.is_none() {
            self.start(at_ms);
        }
    }

    fn start(&mut self, at_ms: i64) {
        self.start_ms = Some(at_ms);
        self.waiting.iter_mut().for_each(|waiting| waiting.market.clock.quiet_since = at_ms);
    }

    /// The market of this code, which is no longer waited for.
    pub(crate) fn take(&mut self, code: &str) -> Option<Box<Market>> {
        let place = self.waiting.iter().position(|waiting| waiting.market.code == code)?;
        Some(self.waiting.remove(place).market)
    }

    pub(crate) fn tick(&mut self, idle_ms: i64, desk: &mut Desk<'_>) {
        for Waiting { market, deadline } in &mut self.waiting {
            if idle_ms >= *deadline {
                let from = desk.said.len();
                market.wait(idle_ms, desk);
                *deadline = market.watches.waits_until(&market.clock);
                if let Some(fresh) = desk.said.get_mut(from..) {
                    fresh.sort_by_key(|(rule, _)| *rule);
                }
            }
        }
    }

    /// Trades of this stretch may be missing, and may have been theirs.
    pub(crate) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        let Some(start_ms) = self.start_ms else { return };
        let unseen = to_ms.saturating_sub(from_ms.max(start_ms)).max(0);
        self.start(start_ms.saturating_add(unseen));
        for Waiting { market, deadline } in &mut self.waiting {
            market.watches.quiets.iter_mut().for_each(|quiet| quiet.level.freeze(from_ms, to_ms));
            // The next tick looks again.
            *deadline = i64::MIN;
        }
    }

    pub(crate) fn save(&self) -> Saved {
        let memories = self.waiting.iter().flat_map(|Waiting { market, .. }| {
            let quiets = market.watches.quiets.iter().filter(|quiet| quiet.from_start);
            quiets.map(|quiet| (market.code.clone(), quiet.level.rule, quiet.level.memory))
        });
        Saved { start_ms: self.start_ms, memories: memories.collect() }
    }

    /// `now` tells which rule a rule of the snapshot is today.
    pub(crate) fn load(&mut self, saved: Saved, now: &dyn Fn(u32) -> Option<u32>) {
        if let Some(start_ms) = saved.start_ms {
            self.start(start_ms);
        }
        for (code, rule, memory) in saved.memories {
            let market = self.waiting.iter_mut().find(|waiting| waiting.market.code == code);
            let quiets = market.into_iter().flat_map(|waiting| &mut waiting.market.watches.quiets);
            for quiet in quiets.filter(|quiet| now(rule) == Some(quiet.level.rule)) {
                quiet.level.memory = memory;
            }
        }
    }
}
