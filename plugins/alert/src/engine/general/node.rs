//! The tree of one rule in one market: what each part of its condition remembers.

use super::{Moment, NEVER, View};
use crate::bounds::{Bounds, Reading};
use crate::condition::Condition;
use crate::say::SeenParts;
use crate::signal::Signal;
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
}

/// What a part remembers, in the order of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Memory {
    Level(u8),
    Instant(i64),
}

impl Node {
    /// The truth now; `None` is unknown.
    pub(crate) fn truth(&mut self, condition: &Condition, moment: &Moment<'_>) -> Option<bool> {
        match (condition, self) {
            (Condition::Level { bounds, .. }, Self::Level { signal, standing }) => {
                let reading = moment.values.get(*signal).copied().flatten()?;
                *standing = bounds.stand(*standing, &reading);
                Some(*standing > 0)
            }
            (Condition::All { of, within_ms }, Self::Parts(nodes)) => {
                let mut all = Some(true);
                for (part, node) in of.iter().zip(nodes) {
                    // Every part is looked at: each has a memory.
                    all = and(all, node.part(part, *within_ms, moment));
                }
                all
            }
            (Condition::Any(of), Self::Parts(nodes)) => {
                let mut none = Some(true);
                for (part, node) in of.iter().zip(nodes) {
                    none = and(none, node.truth(part, moment).map(|truth| !truth));
                }
                none.map(|none| !none)
            }
            (Condition::Not(part), Self::Parts(nodes)) => {
                nodes.first_mut()?.truth(part, moment).map(|truth| !truth)
            }
            _ => None,
        }
    }

    /// A part of `all`, where what happens at an instant counts for a while.
    fn part(&mut self, condition: &Condition, within_ms: i64, moment: &Moment<'_>) -> Option<bool> {
        let Self::Instant { edge, at_ms } = self else { return self.truth(condition, moment) };
        if moment.happened.get(*edge).is_some_and(|happened| !happened.is_empty()) {
            *at_ms = moment.now_ms;
        }
        Some(*at_ms > moment.now_ms.saturating_sub(within_ms))
    }

    /// Where a single level stands; 1 for anything else.
    pub(crate) fn standing(&self) -> u8 {
        match self {
            Self::Level { standing, .. } => *standing,
            _ => 1,
        }
    }

    /// The first clock at which the truth changes though no signal does.
    pub(crate) fn due(&self, condition: &Condition, now_ms: i64) -> i64 {
        match (condition, self) {
            (Condition::All { of, within_ms }, Self::Parts(nodes)) => {
                let due = |(part, node): (&Condition, &Self)| match node {
                    Self::Instant { at_ms, .. } => {
                        let ends = at_ms.saturating_add(*within_ms);
                        if *at_ms > i64::MIN && ends > now_ms { ends } else { NEVER }
                    }
                    _ => node.due(part, now_ms),
                };
                of.iter().zip(nodes).map(due).min().unwrap_or(NEVER)
            }
            (Condition::Any(of), Self::Parts(nodes)) => {
                of.iter().zip(nodes).map(|(part, node)| node.due(part, now_ms)).min().unwrap_or(NEVER)
            }
            (Condition::Not(part), Self::Parts(nodes)) => {
                nodes.first().map_or(NEVER, |node| node.due(part, now_ms))
            }
            _ => NEVER,
        }
    }

    /// What every part remembers.
    pub(crate) fn memories(&self, into: &mut Vec<Memory>) {
        match self {
            Self::Level { standing, .. } => into.push(Memory::Level(*standing)),
            Self::Instant { at_ms, .. } => into.push(Memory::Instant(*at_ms)),
            Self::Parts(nodes) => nodes.iter().for_each(|node| node.memories(into)),
        }
    }

    /// The same back.
    pub(crate) fn remember(&mut self, from: &mut impl Iterator<Item = Memory>) {
        match self {
            Self::Parts(nodes) => nodes.iter_mut().for_each(|node| node.remember(from)),
            Self::Level { standing, .. } => {
                if let Some(Memory::Level(was)) = from.next() {
                    *standing = was;
                }
            }
            Self::Instant { at_ms, .. } => {
                if let Some(Memory::Instant(was)) = from.next() {
                    *at_ms = was;
                }
            }
        }
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

/// What was seen of a condition, for the alert.
pub(crate) fn describe(
    condition: &Condition,
    node: &Node,
    standing: u8,
    signals: &[(Vec<u8>, Box<dyn Signal>)],
    moment: &Moment<'_>,
    view: &View<'_>,
) -> SeenParts {
    let mut seen = SeenParts::default();
    if let (Condition::Level { what, bounds }, Node::Level { signal, .. }) = (condition, node) {
        let reading = moment.values.get(*signal).copied().flatten();
        one(bounds, standing, reading, &mut seen);
        seen.about = what.words();
        if let Some((_, signal)) = signals.get(*signal) {
            signal.describe(view, &mut seen.fields);
            if signal.partial(view) {
                seen.fields.push(("partial", true.into()));
            }
        }
        return seen;
    }
    list(condition, node, moment, &mut seen);
    seen.about = condition.words();
    seen
}

fn one(bounds: &Bounds, standing: u8, reading: Option<Reading>, seen: &mut SeenParts) {
    if let Some(reading) = reading {
        seen.fields.push(("value", bounds.shown(&reading)));
        seen.value = Some(bounds.say_reading(&reading));
    }
    for (name, limit) in bounds.limits(standing) {
        seen.fields.push((name, limit.value.into()));
    }
    seen.severity = bounds.severity(standing);
    seen.bound = bounds.words(standing);
}

/// The values of all parts, in order.
fn list(condition: &Condition, node: &Node, moment: &Moment<'_>, seen: &mut SeenParts) {
    match (condition, node) {
        (Condition::Level { what, bounds }, Node::Level { signal, .. }) => {
            let reading = moment.values.get(*signal).copied().flatten();
            let value = reading.map_or("unknown".to_owned(), |reading| bounds.say_reading(&reading));
            seen.parts.push(format!("{} is {value}", what.words()));
        }
        (Condition::All { of, .. } | Condition::Any(of), Node::Parts(nodes)) => {
            of.iter().zip(nodes).for_each(|(part, node)| list(part, node, moment, seen));
        }
        (Condition::Not(part), Node::Parts(nodes)) => {
            if let Some(node) = nodes.first() {
                list(part, node, moment, seen);
            }
        }
        _ => {}
    }
}
