//! The state machine of a level: ok, pending, firing, lingering.
//!
//! It is told the truth and the key's clock, after each trade and when a timer is due. It looks at
//! moments, as Prometheus does: what was true between two moments is what was true at the first.

use crate::rule::{Initial, OnUnknown, Timing};
use serde::{Deserialize, Serialize};
use tradehook_sdk::AlertState;

/// No timer.
pub(crate) const NEVER: i64 = i64::MAX;

/// Where a level stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Ok,
    Pending { since_ms: i64, trades: u32 },
    Firing,
    Lingering { since_ms: i64 },
}

/// What a level remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The last known truth.
    pub(crate) truth: bool,
    /// Whether the latest truth is known.
    pub(crate) known: bool,
    pub(crate) phase: Phase,
    /// Whether a first truth may count.
    armed: bool,
}

/// A level of one rule in one market.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) rule: u32,
    timing: Timing,
    pub(crate) memory: Memory,
}

impl Level {
    pub(crate) fn new(rule: u32, timing: Timing) -> Self {
        let armed = timing.initial == Initial::Fire;
        Self { rule, timing, memory: Memory { truth: false, known: false, phase: Phase::Ok, armed } }
    }

    /// The truth at this moment; `counts` when a trade brought it.
    pub(crate) fn step(&mut self, signal: Option<bool>, now_ms: i64, counts: bool) -> Option<AlertState> {
        let memory = &mut self.memory;
        memory.known = signal.is_some();
        let truth = match (signal, self.timing.on_unknown) {
            (Some(truth), _) => {
                memory.truth = truth;
                truth
            }
            (None, OnUnknown::Hold) => return None,
            (None, OnUnknown::Clear) => false,
            (None, OnUnknown::Fire) => true,
        };
        if !memory.armed {
            memory.armed = signal == Some(false);
            return None;
        }
        let (phase, said) = advance(memory.phase, truth, now_ms, counts, &self.timing);
        memory.phase = phase;
        said
    }

    /// When the clock alone changes something.
    pub(crate) fn deadline(&self) -> i64 {
        if !self.memory.known && self.timing.on_unknown == OnUnknown::Hold {
            return NEVER;
        }
        match self.memory.phase {
            Phase::Pending { since_ms, .. } if self.timing.hold_trades == 0 => {
                since_ms.saturating_add(self.timing.hold_ms)
            }
            Phase::Lingering { since_ms } => since_ms.saturating_add(self.timing.linger_ms),
            _ => NEVER,
        }
    }

    /// Whether an alert of it is open.
    pub(crate) fn is_firing(&self) -> bool {
        matches!(self.memory.phase, Phase::Firing | Phase::Lingering { .. })
    }

    /// Whether every trade matters, even one that leaves the truth as it is.
    pub(crate) fn counting(&self) -> bool {
        self.timing.hold_trades > 0 && matches!(self.memory.phase, Phase::Pending { .. })
    }

    /// Whether nothing but a change of truth can matter.
    pub(crate) fn at_rest(&self) -> bool {
        !self.memory.truth && self.memory.known && self.memory.phase == Phase::Ok && self.memory.armed
    }

    /// How truth becomes an alert.
    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether a first truth may count.
    pub(crate) fn is_armed(&self) -> bool {
        self.memory.armed
    }

    /// Goes on firing if the other does, until it is known not to be true.
    pub(crate) fn go_on(&mut self, other: &Self) {
        if other.is_firing() {
            self.memory = Memory { truth: true, known: false, phase: Phase::Firing, armed: true };
        }
    }

    /// Leaves a stretch that nobody saw out of the timers.
    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        if let Phase::Pending { since_ms, .. } | Phase::Lingering { since_ms } = &mut self.memory.phase {
            *since_ms = since_ms.saturating_add(to_ms.saturating_sub(from_ms.max(*since_ms)).max(0));
        }
    }
}

/// The next phase, and what is said on the way.
fn advance(phase: Phase, truth: bool, now: i64, counts: bool, t: &Timing) -> (Phase, Option<AlertState>) {
    let pending = |since_ms: i64, trades: u32| {
        let done = if t.hold_trades > 0 {
            trades >= t.hold_trades
        } else {
            now.saturating_sub(since_ms) >= t.hold_ms
        };
        if done {
            (Phase::Firing, Some(AlertState::Firing))
        } else {
            (Phase::Pending { since_ms, trades }, None)
        }
    };
    let lingering = |since_ms: i64| {
        if now.saturating_sub(since_ms) >= t.linger_ms {
            (Phase::Ok, Some(AlertState::Resolved))
        } else {
            (Phase::Lingering { since_ms }, None)
        }
    };
    match (phase, truth) {
        (Phase::Ok, true) => pending(now, u32::from(counts)),
        (Phase::Pending { since_ms, trades }, true) => {
            pending(since_ms, trades.saturating_add(u32::from(counts)))
        }
        (Phase::Ok | Phase::Pending { .. }, false) => (Phase::Ok, None),
        (Phase::Firing | Phase::Lingering { .. }, true) => (Phase::Firing, None),
        (Phase::Firing, false) => lingering(now),
        (Phase::Lingering { since_ms }, false) => lingering(since_ms),
    }
}
