//! The gates: what keeps an alert from being told, in the order of [`Verdict`].

use super::{
    Case, Policy, Verdict,
    book::{Book, covers},
    identity::Transition,
    memory::Memory,
    rule::{self, RulePolicy, Trigger},
    state::{Instance, Step},
};
use crate::{
    alert::{AlertState, Subject},
    entry::Silence,
};

/// What holds an alert back that has to do with its rule and the time alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gate<'a> {
    Expired,
    Inactive,
    Silenced(&'a Silence),
    Inhibited(&'a str),
}

impl Gate<'_> {
    const fn verdict(self) -> Verdict {
        match self {
            Self::Expired => Verdict::Expired,
            Self::Inactive => Verdict::Inactive,
            Self::Silenced(_) => Verdict::Silenced,
            Self::Inhibited(_) => Verdict::Inhibited,
        }
    }
}

/// The silence that covers an alert: of the file, or of the operator.
pub(super) fn silence<'a>(
    book: &'a Book,
    memory: &'a Memory,
    subject: &Subject<'_>,
    at_ms: i64,
) -> Option<&'a Silence> {
    let asked = || memory.silences.iter().find(|silence| covers(silence, subject, at_ms));
    book.silence(subject, at_ms).or_else(asked)
}

/// The first gate that is closed to an alert of `rule` at `at_ms`.
pub(super) fn closed<'a>(
    book: &'a Book,
    memory: &'a Memory,
    rule: &'a RulePolicy,
    subject: &Subject<'_>,
    at_ms: i64,
) -> Option<Gate<'a>> {
    if rule.expires_ms.is_some_and(|expires| at_ms >= expires) {
        return Some(Gate::Expired);
    }
    if rule.active.as_ref().is_some_and(|hours| !hours.contains(at_ms)) {
        return Some(Gate::Inactive);
    }
    if let Some(silence) = silence(book, memory, subject, at_ms) {
        return Some(Gate::Silenced(silence));
    }
    memory.inhibitors.of(rule, subject.key, book).map(Gate::Inhibited)
}

/// Whether an earlier episode used up what the trigger allows at `at_ms`.
pub(super) fn is_spent(trigger: &Trigger, instance: &Instance, at_ms: i64) -> bool {
    let Some(until_ms) = instance.spent_until_ms else { return false };
    match trigger {
        Trigger::Every => false,
        Trigger::Once => until_ms == i64::MAX,
        // What a rule used up that told but one is not used up for a rule that tells more.
        Trigger::OncePer { .. } | Trigger::OncePerDay { .. } => until_ms != i64::MAX && at_ms < until_ms,
    }
}

/// Until when an episode that is told at `at_ms` uses up the trigger.
pub(super) fn spent_until_ms(trigger: &Trigger, at_ms: i64) -> Option<i64> {
    match trigger {
        Trigger::Every => None,
        Trigger::Once => Some(i64::MAX),
        Trigger::OncePer { ms } => {
            let ms = i64::try_from(*ms).unwrap_or(i64::MAX).max(1);
            Some(at_ms.saturating_sub(at_ms.rem_euclid(ms)).saturating_add(ms))
        }
        Trigger::OncePerDay { zone } => Some(zone.day_end_ms(at_ms)),
    }
}

/// The cooldown of a rule for events, or for firings.
pub(super) fn cooldown_ms(rule: &RulePolicy, is_event: bool) -> u64 {
    let default = if is_event { rule::EVENT_COOLDOWN_MS } else { rule::FIRING_COOLDOWN_MS };
    rule.cooldown_ms.unwrap_or(default)
}

impl Policy {
    /// The verdict of the first gate that is closed to this step.
    pub(super) fn gates(&mut self, case: &Case<'_>, step: &Step) -> Option<Verdict> {
        let (rule, at_ms, kind) = (case.rule, case.raised.at_ms, step.notice.kind);
        let subject = case.subject(step.severity);
        if let Some(gate) = closed(&self.book, &self.memory, rule, &subject, at_ms) {
            return Some(gate.verdict());
        }
        if step.acked {
            return Some(Verdict::Acked);
        }
        // Whoever was told of an episode hears the rest of it.
        if kind == Transition::Resolved || !step.told.is_none() {
            return None;
        }
        let instance = self.memory.state.instances.get_mut(&case.fingerprint)?;
        if is_spent(&rule.trigger, instance, at_ms) {
            return Some(Verdict::Spent);
        }
        let cooldown_ms = cooldown_ms(rule, case.raised.state == AlertState::Event);
        if instance.cooldown_until_ms(cooldown_ms).is_some_and(|until| at_ms < until) {
            // A repetition that is not told is nothing that happened.
            instance.suppressed += u64::from(kind != Transition::Repeat);
            return Some(Verdict::Suppressed);
        }
        None
    }
}
