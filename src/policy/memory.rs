//! Everything that policy remembers: instances, digests, credit, the operator's silences, and the
//! clock of the tape.
//!
//! Keeps: [bounded] [time-enters-once]

use super::{
    Case,
    book::Book,
    digest::Digests,
    gate,
    identity::{Fingerprint, Transition, hex},
    rate::Buckets,
    rule::RulePolicy,
    state::{Instance, MAX_NAME, State, Step, cut},
};
use crate::{
    alert::{Matcher, Severity, Subject},
    entry::{Control, Silence},
    market::is_market_code,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Silences of the operator that are remembered; beyond it the first to end is forgotten.
const MAX_SILENCES: usize = 1_000;
/// For how long a silence that is over is kept for alerts that come in late.
const SILENCE_GRACE_MS: i64 = 3_600_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// The latest time on the tape.
    pub(super) clock_ms: i64,
    pub(super) state: State,
    pub(super) digests: Digests,
    pub(super) buckets: Buckets,
    pub(super) silences: Vec<Silence>,
    /// Follows from `state`.
    pub(super) inhibitors: Inhibitors,
}

/// What fires of the rules that hold others back: of each rule the keys and instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inhibitors(BTreeMap<String, BTreeSet<(String, Fingerprint)>>);

impl Inhibitors {
    pub(super) fn begin(&mut self, rule: &str, key: &str, of: Fingerprint) {
        self.0.entry(rule.to_owned()).or_default().insert((cut(key, MAX_NAME), of));
    }

    pub(super) fn end(&mut self, rule: &str, key: &str, of: Fingerprint) {
        if let Some(firing) = self.0.get_mut(rule) {
            firing.remove(&(cut(key, MAX_NAME), of));
        }
    }

    /// What holds back an alert of `rule` about `key`: a firing about the same, or about everything.
    pub(super) fn of<'a>(&self, rule: &'a RulePolicy, key: &str, book: &Book) -> Option<&'a str> {
        let fires = |id: &&String| {
            let firing = self.0.get(*id).filter(|firing| !firing.is_empty());
            let concerns = |about: &str| about == key || !is_market_code(about);
            firing.is_some_and(|all| book.is_wide(id) || all.iter().any(|(about, _)| concerns(about)))
        };
        rule.inhibited_by.iter().find(fires).map(String::as_str)
    }
}

impl Memory {
    /// Moves the clock, which never goes back; where it stands.
    pub(super) fn advance(&mut self, at_ms: i64) -> i64 {
        self.clock_ms = self.clock_ms.max(at_ms);
        self.clock_ms
    }

    /// What still fires and is told again, and from when on it should be.
    pub(super) fn repeats(&self, book: &Book) -> Vec<(i64, Fingerprint, Arc<RulePolicy>)> {
        let due = |(of, instance): (&Fingerprint, &Instance)| {
            let open = instance.open.as_ref().filter(|open| !open.acked)?;
            let rule = rule_of(instance, book);
            let due_ms = open.spoken_ms.saturating_add_unsigned(rule.repeat_ms?);
            Some((due_ms, *of, rule))
        };
        self.state.instances.iter().filter_map(due).collect()
    }

    /// Notes that a step is told, and hands back what was suppressed until then.
    pub(super) fn note_told(
        &mut self,
        case: &Case<'_>,
        step: &Step,
        in_digest: bool,
        at_ms: i64,
        now_ms: i64,
    ) -> u64 {
        let Some(instance) = self.state.instances.get_mut(&case.fingerprint) else { return 0 };
        if step.told.is_none() {
            instance.spent_until_ms =
                gate::spent_until_ms(&case.rule.trigger, at_ms).or(instance.spent_until_ms);
        }
        if let Some(open) = instance.open.as_mut().filter(|_| step.notice.kind != Transition::Event) {
            open.told = if in_digest { open.told.in_digest() } else { open.told.with(step.severity) };
            open.spoken_ms = now_ms;
            open.sequence = open.sequence.max(step.notice.sequence);
        }
        instance.speak(at_ms)
    }

    /// Does what the operator asked for; how many alerts or silences it concerned.
    pub(super) fn control(&mut self, control: &Control, book: &Book) -> usize {
        match control {
            Control::Reload => 0,
            Control::Silence(silence) => {
                self.silences.retain(|known| known.id != silence.id);
                if self.silences.len() >= MAX_SILENCES {
                    let first = self.silences.iter().enumerate().min_by_key(|(_, s)| s.until_ms);
                    if let Some((at, _)) = first {
                        self.silences.remove(at);
                    }
                }
                self.silences.push(silence.clone());
                1
            }
            Control::Unsilence { id, .. } => {
                let before = self.silences.len();
                self.silences.retain(|known| known.id != *id);
                before - self.silences.len()
            }
            Control::Ack { alerts, episode, .. } => self.each(alerts, book, |instance| {
                let open = instance.open.as_mut().filter(|open| hex(&open.episode).starts_with(episode));
                open.map(|open| open.acked = true).is_some()
            }),
            Control::Reset { alerts, .. } => self.each(alerts, book, |instance| {
                instance.spent_until_ms = None;
                instance.notified_at_ms = None;
                instance.suppressed = 0;
                true
            }),
        }
    }

    /// Does `act` to every instance that is meant; how many it said yes to.
    fn each(&mut self, alerts: &Matcher, book: &Book, act: impl Fn(&mut Instance) -> bool) -> usize {
        let mut count = 0;
        for instance in self.state.instances.values_mut() {
            let rule = rule_of(instance, book);
            let severity = instance.open.as_ref().map_or(rule.severity, |open| open.severity);
            if alerts.matches(&subject_of(instance, &rule, severity)) {
                count += usize::from(act(instance));
            }
        }
        count
    }

    /// Drops silences that are over. [bounded]
    pub(super) fn forget_silences(&mut self) {
        let now_ms = self.clock_ms;
        self.silences.retain(|silence| now_ms < silence.until_ms.saturating_add(SILENCE_GRACE_MS));
    }

    /// Gathers what fires of the rules that hold others back.
    pub(super) fn find_inhibitors(&mut self, book: &Book) {
        self.inhibitors = Inhibitors::default();
        for (of, instance) in self.state.instances.iter().filter(|(_, i)| i.open.is_some()) {
            let rule = rule_of(instance, book);
            if book.inhibits(&rule) {
                self.inhibitors.begin(&rule.id, &instance.who.key, *of);
            }
        }
    }
}

/// The rule that speaks for an instance.
pub(super) fn rule_of(instance: &Instance, book: &Book) -> Arc<RulePolicy> {
    let who = &instance.who;
    book.find(&who.plugin, &who.rule, &who.key)
}

/// What a matcher looks at.
pub(super) fn subject_of<'a>(
    instance: &'a Instance,
    rule: &'a RulePolicy,
    severity: Severity,
) -> Subject<'a> {
    let who = &instance.who;
    Subject {
        rule: if rule.id.is_empty() { &who.rule } else { &rule.id },
        key: &who.key,
        severity,
        plugin: &who.plugin,
        labels: &rule.labels,
    }
}
