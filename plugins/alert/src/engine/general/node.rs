//! The tree of one rule in one market: what each part of its condition remembers.
//!
//! Every part is looked at at every moment, for each has a memory; so no part's truth depends on
//! what its neighbours are.

mod frequency;
mod sequence;
mod tell;

pub(crate) use frequency::Counter;
pub(crate) use sequence::Steps;
pub(crate) use tell::{describe, sequence_seen};

use super::{Moment, NEVER};
use crate::bounds::Reading;
use crate::condition::{Condition, Counted, Frequency, Sequence};
use serde::{Deserialize, Serialize};

/// See the module. The shape is that of the condition.
#[derive(Debug)]
pub(crate) enum Node {
    Level {
        signal: usize,
        /// Where it stood when it was last known.
        standing: u8,
    },
    Instant {
        edge: usize,
        /// When it last happened.
        at_ms: i64,
    },
    Parts(Vec<Node>),
    Sequence {
        parts: Vec<Node>,
        steps: Steps,
        /// When it was last completed.
        at_ms: i64,
    },
    Frequency {
        /// The rule whose events count.
        rule: Option<u32>,
        part: Option<Box<Node>>,
        counter: Counter,
        standing: u8,
    },
}

/// What a part remembers, in the order of the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Memory {
    Level(u8),
    Instant(i64),
    Sequence(Steps, i64),
    Frequency(Counter, u8),
}

/// What a part is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// Of something that happens: how often it just did.
    Happened(u32),
    /// Of something that is true over time.
    True(Option<bool>),
}

impl Node {
    /// The truth now; `None` is unknown. Something that happens is true while it does.
    pub(crate) fn truth(&mut self, condition: &Condition, moment: &Moment<'_>) -> Option<bool> {
        match self.is(condition, moment) {
            Is::Happened(times) => Some(times > 0),
            Is::True(truth) => truth,
        }
    }

    fn is(&mut self, condition: &Condition, moment: &Moment<'_>) -> Is {
        match (condition, self) {
            (Condition::Level { bounds, .. }, Self::Level { signal, standing }) => {
                let reading = moment.values.get(*signal).copied().flatten();
                Is::True(reading.map(|reading| {
                    *standing = bounds.stand(*standing, &reading);
                    *standing > 0
                }))
            }
            (Condition::Instant(_), Self::Instant { edge, at_ms }) => {
                let happened = moment.happened.get(*edge).map_or(0, Vec::len);
                if happened > 0 {
                    *at_ms = moment.now_ms;
                }
                Is::Happened(u32::try_from(happened).unwrap_or(u32::MAX))
            }
            (Condition::All { of, within_ms }, Self::Parts(nodes)) => {
                let mut all = Some(true);
                for (part, node) in of.iter().zip(nodes) {
                    all = and(all, node.lasting(part, *within_ms, moment));
                }
                Is::True(all)
            }
            (Condition::Any(of), Self::Parts(nodes)) => {
                let mut none = Some(true);
                for (part, node) in of.iter().zip(nodes) {
                    none = and(none, node.truth(part, moment).map(|truth| !truth));
                }
                Is::True(none.map(|none| !none))
            }
            (Condition::Not(part), Self::Parts(nodes)) => {
                let truth = nodes.first_mut().and_then(|node| node.truth(part, moment));
                Is::True(truth.map(|truth| !truth))
            }
            (Condition::Sequence(what), Self::Sequence { parts, steps, at_ms }) => {
                let done = complete(what, parts, steps, moment);
                if done {
                    *at_ms = moment.now_ms;
                }
                Is::Happened(u32::from(done))
            }
            (Condition::Frequency(what), Self::Frequency { rule, part, counter, standing }) => {
                let times = events(what, *rule, part.as_deref_mut(), counter, moment);
                let count = counter.count(times, what, moment.now_ms);
                *standing = what.bounds.stand(*standing, &count);
                Is::True(Some(*standing > 0))
            }
            _ => Is::True(None),
        }
    }

    /// A part of `all`, where what happens at an instant counts for a while.
    fn lasting(&mut self, condition: &Condition, within_ms: i64, moment: &Moment<'_>) -> Option<bool> {
        match self.is(condition, moment) {
            Is::True(truth) => truth,
            Is::Happened(_) => Some(self.last_ms()? > moment.now_ms.saturating_sub(within_ms)),
        }
    }

    /// When it last happened.
    fn last_ms(&self) -> Option<i64> {
        match self {
            Self::Instant { at_ms, .. } | Self::Sequence { at_ms, .. } => Some(*at_ms),
            _ => None,
        }
    }

    /// Where a single level stands; 1 for anything else.
    pub(crate) fn standing(&self) -> u8 {
        match self {
            Self::Level { standing, .. } | Self::Frequency { standing, .. } => *standing,
            _ => 1,
        }
    }

    /// The first clock at which the truth changes though no signal does.
    pub(crate) fn due(&self, condition: &Condition, now_ms: i64) -> i64 {
        match (condition, self) {
            (Condition::All { of, within_ms }, Self::Parts(nodes)) => {
                let due = |(part, node): (&Condition, &Self)| {
                    let ends = node.last_ms().map_or(NEVER, |at_ms| at_ms.saturating_add(*within_ms));
                    node.due(part, now_ms).min(if ends > now_ms { ends } else { NEVER })
                };
                of.iter().zip(nodes).map(due).min().unwrap_or(NEVER)
            }
            (Condition::Any(of), Self::Parts(nodes)) => {
                of.iter().zip(nodes).map(|(part, node)| node.due(part, now_ms)).min().unwrap_or(NEVER)
            }
            (Condition::Not(part), Self::Parts(nodes)) => {
                nodes.first().map_or(NEVER, |node| node.due(part, now_ms))
            }
            (Condition::Sequence(what), Self::Sequence { parts, .. }) => {
                let due = |(part, node): (&Condition, &Self)| node.due(part, now_ms);
                what.steps.iter().chain(&what.forbid).zip(parts).map(due).min().unwrap_or(NEVER)
            }
            (Condition::Frequency(what), Self::Frequency { counter, .. }) => counter.due(what.window_ms),
            _ => NEVER,
        }
    }

    /// Notes, by signal, the values between which no part changes; false if some part waits for the
    /// next trade whatever the values are.
    pub(crate) fn calm(
        &self,
        condition: &Condition,
        values: &[Option<Reading>],
        calm: &mut Vec<(usize, (f64, f64))>,
    ) -> bool {
        match (condition, self) {
            (Condition::Level { bounds, .. }, Self::Level { signal, standing }) => {
                let value = values.get(*signal).copied().flatten();
                let quiet = value.map(|value| bounds.quiet(*standing, value.near()));
                calm.push((*signal, quiet.unwrap_or((f64::NAN, f64::NAN))));
                true
            }
            (Condition::All { of, .. } | Condition::Any(of), Self::Parts(nodes)) => {
                of.iter().zip(nodes).fold(true, |all, (part, node)| all & node.calm(part, values, calm))
            }
            (Condition::Not(part), Self::Parts(nodes)) => {
                nodes.iter().fold(true, |all, node| all & node.calm(part, values, calm))
            }
            (Condition::Sequence(what), Self::Sequence { parts, steps, .. }) => {
                let all = what.steps.iter().chain(&what.forbid).zip(parts);
                all.fold(!steps.waits(), |all, (part, node)| all & node.calm(part, values, calm))
            }
            (Condition::Frequency(what), Self::Frequency { part: Some(node), .. }) => match &what.of {
                Counted::Condition(part) => node.calm(part, values, calm),
                Counted::Rule(_) => true,
            },
            _ => true,
        }
    }

    /// The edges that it looks at.
    pub(crate) fn edges(&self, into: &mut Vec<usize>) {
        match self {
            Self::Level { .. } => {}
            Self::Instant { edge, .. } => into.push(*edge),
            Self::Parts(parts) | Self::Sequence { parts, .. } => {
                parts.iter().for_each(|part| part.edges(into));
            }
            Self::Frequency { part, .. } => part.iter().for_each(|part| part.edges(into)),
        }
    }

    /// Forgets everything but where levels stand.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Level { .. } => {}
            Self::Instant { at_ms, .. } => *at_ms = i64::MIN,
            Self::Parts(nodes) => nodes.iter_mut().for_each(Self::reset),
            Self::Sequence { parts, steps, at_ms } => {
                (*steps, *at_ms) = (Steps::default(), i64::MIN);
                parts.iter_mut().for_each(Self::reset);
            }
            Self::Frequency { part, counter, .. } => {
                *counter = Counter::default();
                part.iter_mut().for_each(|part| part.reset());
            }
        }
    }

    /// What every part remembers.
    pub(crate) fn memories(&self, into: &mut Vec<Memory>) {
        match self {
            Self::Level { standing, .. } => into.push(Memory::Level(*standing)),
            Self::Instant { at_ms, .. } => into.push(Memory::Instant(*at_ms)),
            Self::Parts(nodes) => nodes.iter().for_each(|node| node.memories(into)),
            Self::Sequence { parts, steps, at_ms } => {
                into.push(Memory::Sequence(steps.clone(), *at_ms));
                parts.iter().for_each(|node| node.memories(into));
            }
            Self::Frequency { part, counter, standing, .. } => {
                into.push(Memory::Frequency(counter.clone(), *standing));
                part.iter().for_each(|node| node.memories(into));
            }
        }
    }

    /// The same back.
    pub(crate) fn remember(&mut self, from: &mut impl Iterator<Item = Memory>) {
        if let Self::Parts(nodes) = self {
            return nodes.iter_mut().for_each(|node| node.remember(from));
        }
        match (self, from.next()) {
            (Self::Level { standing, .. }, Some(Memory::Level(was))) => *standing = was,
            (Self::Instant { at_ms, .. }, Some(Memory::Instant(was))) => *at_ms = was,
            (Self::Sequence { parts, steps, at_ms }, Some(Memory::Sequence(was, at))) => {
                (*steps, *at_ms) = (was, at);
                parts.iter_mut().for_each(|node| node.remember(from));
            }
            (Self::Frequency { part, counter, standing, .. }, Some(Memory::Frequency(was, stood))) => {
                (*counter, *standing) = (was, stood);
                part.iter_mut().for_each(|node| node.remember(from));
            }
            _ => {}
        }
    }
}

/// Whether this moment completes a sequence.
fn complete(what: &Sequence, parts: &mut [Node], steps: &mut Steps, moment: &Moment<'_>) -> bool {
    let mut are = Vec::with_capacity(parts.len());
    for (part, node) in what.steps.iter().chain(&what.forbid).zip(parts) {
        are.push(node.is(part, moment));
    }
    let (are, forbidden) = are.split_at(what.steps.len().min(are.len()));
    let forbidden = forbidden.iter().any(|is| matches!(is, Is::Happened(1..) | Is::True(Some(true))));
    steps.advance(are, forbidden, what.within_ms, moment)
}

/// How many events that a frequency counts there are at this moment.
fn events(
    what: &Frequency,
    rule: Option<u32>,
    part: Option<&mut Node>,
    counter: &mut Counter,
    moment: &Moment<'_>,
) -> u32 {
    match (&what.of, part) {
        (Counted::Rule(_), _) => {
            let events = moment.fired.iter().filter(|fired| Some(**fired) == rule).count();
            u32::try_from(events).unwrap_or(u32::MAX)
        }
        (Counted::Condition(condition), Some(node)) => match node.is(condition, moment) {
            Is::Happened(times) => times,
            Is::True(truth) => counter.rises(truth),
        },
        (Counted::Condition(_), None) => 0,
    }
}

/// Kleene's.
fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}
