//! `silence` with `for = "auto"`: a level on how long there was no trade, by the market's own habits.
//!
//! Silent is three times the stretch that 999 of 1,000 stretches between two trades do not exceed,
//! and at least a second, which is how often the clock is told. Unknown until a hundred stretches
//! were seen; one in which trades may be missing is none of them.

use super::Fill;
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::maths::Gaps;
use crate::signal::{Fields, NEVER, Signal, pack, unpack};
use serde::Serialize;

/// It has no parameters: its threshold is what it learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct SilenceAuto;

/// Its keys.
pub(super) const KEYS: &[&str] = &["for", "expect_from_start"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<SilenceAuto> {
    for key in crate::bounds::BOUND_KEYS.iter().chain(&["expect_from_start"]) {
        if when.has(key) {
            let message = format!("`{key}` where silence is what the market's own habits say");
            when.fault(key, message, "a duration for `for`, or leave it away");
        }
    }
    Some(SilenceAuto)
}

/// Stretches before the market's habits are known; chosen.
const LEAST: u64 = 100;
const LEAST_MS: i64 = 1000;

impl SilenceAuto {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(self) -> Unit {
        Unit::Plain
    }

    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn words(self) -> String {
        "time without a trade over 3 times its p99.9".to_owned()
    }

    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn build(self, _needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(Habit::default())
    }
}

/// How long there was no trade; a stretch that nobody saw may end ahead of the clock.
fn quiet(view: &View<'_>) -> i64 {
    view.now_ms.saturating_sub(view.quiet_since).max(0)
}

#[derive(Debug, Default)]
struct Habit {
    gaps: Gaps,
    last_ms: Option<i64>,
    /// What is silence, while it is known.
    for_ms: Option<i64>,
}

impl Habit {
    fn learn(&mut self) {
        let usual = if self.gaps.total() < LEAST { None } else { self.gaps.quantile(999) };
        self.for_ms = usual.map(|usual| usual.saturating_mul(3).max(LEAST_MS));
    }
}

impl Signal for Habit {
    fn trade(&mut self, fill: &Fill, _view: &View<'_>) {
        if let Some(last_ms) = self.last_ms.replace(fill.at_ms) {
            self.gaps.add(fill.at_ms.saturating_sub(last_ms));
            self.learn();
        }
    }

    fn gap(&mut self, _from_ms: i64, _to_ms: i64) {
        self.last_ms = None;
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        Reading::ratio(i128::from(quiet(view)), i128::from(self.for_ms?))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        let turns = self.for_ms.map(|for_ms| view.quiet_since.saturating_add(for_ms));
        turns.filter(|turns| *turns > view.now_ms).unwrap_or(NEVER)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        fields.push(("quiet_ms", quiet(view).into()));
        if let Some(for_ms) = self.for_ms {
            fields.push(("for_ms", for_ms.into()));
        }
    }

    fn save(&self) -> Vec<u8> {
        pack(&(&self.gaps, self.last_ms))
    }

    fn load(&mut self, bytes: &[u8]) {
        if let Some(saved) = unpack(bytes) {
            (self.gaps, self.last_ms) = saved;
            self.learn();
        }
    }
}
