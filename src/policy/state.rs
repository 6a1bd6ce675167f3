//! What policy remembers of each (rule, key): the open episode, and when it last spoke.
//!
//! Keeps: [bounded] (at most [`MAX_INSTANCES`]; the closed and longest quiet go first)

use super::{
    Verdict,
    identity::{Fingerprint, Id, Transition},
};
use crate::alert::Severity;
use std::collections::BTreeMap;

/// How many instances are remembered. 300 markets times 50 rules fit.
pub const MAX_INSTANCES: usize = 16_384;

/// One message that may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) kind: Transition,
    pub(super) episode: Id,
    /// Which of the episode's transitions this is, told or not, from 0.
    pub(super) sequence: u64,
    pub(super) started_at_ms: i64,
    /// How many were suppressed since the last that was told.
    pub(super) suppressed: u64,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Notify(Notice),
    Not(Verdict),
}

/// A firing that is not yet resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) episode: Id,
    pub(super) at_ms: i64,
    pub(super) severity: Severity,
    pub(super) notified: bool,
    pub(super) sequence: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) open: Option<Open>,
    /// Two events at one trade share an episode; the sequence tells them apart.
    pub(super) event: Option<(Id, u64)>,
    pub(super) notified_at_ms: Option<i64>,
    pub(super) seen_at_ms: i64,
    pub(super) suppressed: u64,
}

impl Instance {
    /// Whether a message at `at_ms` falls into the cooldown; counts it if so.
    fn cools(&mut self, at_ms: i64, cooldown_ms: u64) -> bool {
        let until = self.notified_at_ms.map(|t| t.saturating_add_unsigned(cooldown_ms));
        // Without a cooldown a late alert is told like any other.
        let cools = cooldown_ms > 0 && until.is_some_and(|until| at_ms < until);
        self.suppressed += u64::from(cools);
        cools
    }

    /// Notes that a message leaves, and hands back what was suppressed until then.
    fn speak(&mut self, at_ms: i64) -> u64 {
        // A late alert must not shorten the cooldown.
        self.notified_at_ms = Some(self.notified_at_ms.map_or(at_ms, |t| t.max(at_ms)));
        std::mem::take(&mut self.suppressed)
    }
}

/// Every instance, in the order of fingerprints: iteration is deterministic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) instances: BTreeMap<Fingerprint, Instance>,
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.instances.len()
    }

    fn instance(&mut self, fingerprint: Fingerprint, at_ms: i64) -> &mut Instance {
        if self.instances.len() >= MAX_INSTANCES && !self.instances.contains_key(&fingerprint) {
            self.forget();
        }
        let instance = self.instances.entry(fingerprint).or_default();
        instance.seen_at_ms = instance.seen_at_ms.max(at_ms);
        instance
    }

    /// Drops a quarter: closed ones before open ones, longest quiet first. [bounded]
    fn forget(&mut self) {
        let mut order: Vec<_> =
            self.instances.iter().map(|(id, i)| (i.open.is_some(), i.seen_at_ms, *id)).collect();
        order.sort_unstable();
        for (.., id) in order.iter().take(MAX_INSTANCES / 4) {
            self.instances.remove(id);
        }
    }

    pub(super) fn event(&mut self, of: Fingerprint, episode: Id, at_ms: i64, cooldown_ms: u64) -> Decision {
        let instance = self.instance(of, at_ms);
        let sequence = match instance.event {
            Some((last, sequence)) if last == episode => sequence + 1,
            _ => 0,
        };
        instance.event = Some((episode, sequence));
        if instance.cools(at_ms, cooldown_ms) {
            return Decision::Not(Verdict::Suppressed);
        }
        let suppressed = instance.speak(at_ms);
        let kind = Transition::Event;
        Decision::Notify(Notice { kind, episode, sequence, started_at_ms: at_ms, suppressed })
    }

    /// The start of an episode; or, while one is open, its repetition, which is told only when it
    /// is more severe than before.
    pub(super) fn firing(
        &mut self,
        of: Fingerprint,
        episode: Id,
        at_ms: i64,
        cooldown_ms: u64,
        severity: Severity,
    ) -> Decision {
        let instance = self.instance(of, at_ms);
        let (mut open, kind) = match instance.open {
            Some(mut open) => {
                let rises = severity > open.severity;
                open.severity = severity;
                open.sequence += 1;
                instance.open = Some(open);
                if !rises {
                    return Decision::Not(Verdict::Repeated);
                }
                (open, Transition::Repeat)
            }
            None => (Open { episode, at_ms, severity, notified: false, sequence: 0 }, Transition::Firing),
        };
        // Somebody who was told of a lesser danger must hear of the greater at once.
        let cools = !open.notified && instance.cools(at_ms, cooldown_ms);
        open.notified |= !cools;
        instance.open = Some(open);
        if cools {
            return Decision::Not(Verdict::Suppressed);
        }
        Decision::Notify(Notice {
            kind,
            episode: open.episode,
            sequence: open.sequence,
            started_at_ms: open.at_ms,
            suppressed: instance.speak(at_ms),
        })
    }

    pub(super) fn resolved(&mut self, of: Fingerprint, at_ms: i64) -> Decision {
        let Some(instance) = self.instances.get_mut(&of) else { return Decision::Not(Verdict::Orphan) };
        instance.seen_at_ms = instance.seen_at_ms.max(at_ms);
        let Some(open) = instance.open.take() else { return Decision::Not(Verdict::Orphan) };
        if !open.notified {
            return Decision::Not(Verdict::Suppressed);
        }
        Decision::Notify(Notice {
            kind: Transition::Resolved,
            episode: open.episode,
            sequence: open.sequence + 1,
            started_at_ms: open.at_ms,
            suppressed: instance.suppressed,
        })
    }
}
