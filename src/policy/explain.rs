//! Answers for a person: what fires, and why something is not told.

use super::{
    Policy, bucket_name,
    gate::{self, Gate},
    identity::hex,
    memory::{rule_of, subject_of},
    rule::RulePolicy,
    state::{Instance, Who},
};
use crate::{
    alert::{Matcher, Severity, Subject},
    entry::Silence,
};
use serde::Serialize;
use std::sync::Arc;

/// Something that fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// The plugin that raised it.
    pub plugin: String,
    /// The rule's id.
    pub rule: String,
    /// What it is about, usually a market code.
    pub key: String,
    /// How urgent it is at present.
    pub severity: Severity,
    /// Since when, ms since the Unix epoch.
    pub since_ms: i64,
    /// Its episode, in hex.
    pub episode_id: String,
    /// What the plugin said last of it.
    pub title: String,
    /// Whether anybody was told.
    pub is_told: bool,
    /// When somebody was told last, ms since the Unix epoch.
    pub told_at_ms: Option<i64>,
    /// Whether somebody has taken notice.
    pub is_acked: bool,
    /// The id of the silence that covers it.
    pub silenced_by: Option<String>,
    /// The rule that holds it back.
    pub inhibited_by: Option<String>,
}

/// One reason why an alert would not be told at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Quiet {
    /// Its rule has expired.
    Expired {
        /// When, ms since the Unix epoch.
        at_ms: i64,
    },
    /// Its rule is off duty.
    Inactive {
        /// Until then, ms since the Unix epoch; `None`: for ever.
        until_ms: Option<i64>,
    },
    /// A silence covers it.
    Silenced {
        /// The silence.
        id: String,
        /// Until then, ms since the Unix epoch.
        until_ms: i64,
        /// Why.
        reason: String,
    },
    /// Another rule fires.
    Inhibited {
        /// Its id.
        by: String,
    },
    /// Somebody has taken notice.
    Acked,
    /// Its rule has told as many episodes as it may.
    Spent {
        /// Until then, ms since the Unix epoch; `None`: until a reset.
        until_ms: Option<i64>,
    },
    /// Its key was told of a short while ago.
    Cooldown {
        /// Until then, ms since the Unix epoch.
        until_ms: i64,
    },
    /// Its rule has said as much as it may for the moment: it would go into a digest.
    Limited,
    /// Nothing names a channel for it.
    Unrouted,
}

/// How a rule stands to one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The plugin that raises it.
    pub plugin: String,
    /// The rule's id.
    pub rule: String,
    /// What it is about, usually a market code.
    pub key: String,
    /// The time on the tape for which this holds, ms since the Unix epoch.
    pub now_ms: i64,
    /// Whether the plugin has ever raised it, as far as is remembered.
    pub is_known: bool,
    /// What fires.
    pub firing: Option<Firing>,
    /// Why an alert of this moment would not be told at once; empty: it would.
    pub quiet: Vec<Quiet>,
    /// When it was told last, in the time of its alerts, ms since the Unix epoch.
    pub told_at_ms: Option<i64>,
    /// Suppressed by the cooldown since.
    pub suppressed: u64,
    /// Waiting in a digest.
    pub digested: u64,
    /// How many messages of the rule may leave at once, where that is limited.
    pub left: Option<u64>,
    /// Who would be told.
    pub channels: Vec<String>,
}

/// Where an alert would go, and in what words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Routed {
    /// Names of channels.
    pub channels: Vec<String>,
    /// The message with sample values.
    pub text: String,
}

impl Policy {
    /// Everything that fires, in the order of beginning.
    #[must_use]
    pub fn firing(&self) -> Vec<Firing> {
        self.firing_where(|_| true)
    }

    /// Of what fires, what is meant.
    #[must_use]
    pub fn firing_of(&self, alerts: &Matcher) -> Vec<Firing> {
        self.firing_where(|instance| {
            let rule = rule_of(instance, &self.book);
            let severity = instance.open.as_ref().map_or(rule.severity, |open| open.severity);
            alerts.matches(&subject_of(instance, &rule, severity))
        })
    }

    fn firing_where(&self, is_meant: impl Fn(&Instance) -> bool) -> Vec<Firing> {
        let instances = self.memory.state.instances.values().filter(|instance| is_meant(instance));
        let mut all: Vec<_> = instances.filter_map(|instance| self.fires(instance)).collect();
        all.sort_by(|a, b| (a.since_ms, &a.episode_id).cmp(&(b.since_ms, &b.episode_id)));
        all
    }

    fn fires(&self, instance: &Instance) -> Option<Firing> {
        let open = instance.open.as_ref()?;
        let rule = rule_of(instance, &self.book);
        let subject = subject_of(instance, &rule, open.severity);
        let silence = gate::silence(&self.book, &self.memory, &subject, self.memory.clock_ms);
        let Who { plugin, key, .. } = instance.who.clone();
        Some(Firing {
            plugin,
            rule: subject.rule.to_owned(),
            key,
            severity: open.severity,
            since_ms: open.at_ms,
            episode_id: hex(&open.episode),
            title: open.title.clone(),
            is_told: !open.told.is_none(),
            told_at_ms: (!open.told.is_none()).then_some(open.spoken_ms),
            is_acked: open.acked,
            silenced_by: silence.map(|silence| silence.id.clone()),
            inhibited_by: self.memory.inhibitors.of(&rule, subject.key, &self.book).map(str::to_owned),
        })
    }

    /// How the rule called `rule` stands to `key`: once for each plugin and rule of a plugin that it
    /// speaks for, or once as if there had been none. Empty when nothing is known of such a rule.
    #[must_use]
    pub fn explain(&self, rule: &str, key: &str) -> Vec<Explanation> {
        let is = |instance: &&Instance| {
            let of = rule_of(instance, &self.book);
            subject_of(instance, &of, of.severity).rule == rule && instance.who.key == key
        };
        let instances = self.memory.state.instances.values().filter(is);
        let mut all: Vec<_> = instances
            .map(|instance| self.explanation(instance, &rule_of(instance, &self.book), true))
            .collect();
        if all.is_empty()
            && let Some(of) = self.book.by_id(rule)
        {
            let who = Who { plugin: of.plugin.clone(), rule: rule.to_owned(), key: key.to_owned() };
            all.push(self.explanation(&Instance { who, ..Instance::default() }, of, false));
        }
        all
    }

    fn explanation(&self, instance: &Instance, rule: &Arc<RulePolicy>, is_known: bool) -> Explanation {
        let now_ms = self.memory.clock_ms;
        let severity = instance.open.as_ref().map_or(rule.severity, |open| open.severity);
        let subject = subject_of(instance, rule, severity);
        let bucket = bucket_name(subject.plugin, subject.rule);
        let left = rule.max_rate.map(|rate| self.memory.buckets.left(&bucket, rate, now_ms));
        Explanation {
            plugin: subject.plugin.to_owned(),
            rule: subject.rule.to_owned(),
            key: subject.key.to_owned(),
            now_ms,
            is_known,
            firing: self.fires(instance),
            quiet: self.quiet(instance, rule, &subject, left),
            told_at_ms: instance.notified_at_ms,
            suppressed: instance.suppressed,
            digested: self.memory.digests.waiting(subject.rule, subject.plugin, subject.key),
            left,
            channels: self.book.channels(rule, &subject).into_iter().map(str::to_owned).collect(),
        }
    }

    fn quiet(
        &self,
        instance: &Instance,
        rule: &RulePolicy,
        subject: &Subject<'_>,
        left: Option<u64>,
    ) -> Vec<Quiet> {
        let now_ms = self.memory.clock_ms;
        let mut quiet = Vec::new();
        match gate::closed(&self.book, &self.memory, rule, subject, now_ms) {
            Some(Gate::Expired) => quiet.extend(rule.expires_ms.map(|at_ms| Quiet::Expired { at_ms })),
            Some(Gate::Inactive) => {
                let until_ms = rule.active.as_ref().and_then(|hours| hours.next_ms(now_ms));
                quiet.push(Quiet::Inactive { until_ms });
            }
            Some(Gate::Silenced(Silence { id, until_ms, reason, .. })) => {
                quiet.push(Quiet::Silenced { id: id.clone(), until_ms: *until_ms, reason: reason.clone() });
            }
            Some(Gate::Inhibited(by)) => quiet.push(Quiet::Inhibited { by: by.to_owned() }),
            None => {}
        }
        if instance.open.as_ref().is_some_and(|open| open.acked) {
            quiet.push(Quiet::Acked);
        }
        if gate::is_spent(&rule.trigger, instance, now_ms) {
            quiet.push(Quiet::Spent { until_ms: instance.spent_until_ms.filter(|ms| *ms != i64::MAX) });
        }
        let cooldown_ms = gate::cooldown_ms(rule, instance.event.is_some());
        let cools = instance.cooldown_until_ms(cooldown_ms).filter(|until_ms| now_ms < *until_ms);
        quiet.extend(cools.map(|until_ms| Quiet::Cooldown { until_ms }));
        if left == Some(0) {
            quiet.push(Quiet::Limited);
        }
        if self.book.channels(rule, subject).is_empty() {
            quiet.push(Quiet::Unrouted);
        }
        quiet
    }

    /// Where an alert of a rule of the file would go, and in what words. `None`: no such rule.
    #[must_use]
    pub fn route(&self, rule: &str, key: &str, severity: Option<Severity>) -> Option<Routed> {
        let rule = self.book.by_id(rule)?;
        let severity = severity.unwrap_or(rule.severity);
        let subject = Subject { rule: &rule.id, key, severity, plugin: &rule.plugin, labels: &rule.labels };
        Some(Routed {
            channels: self.book.channels(rule, &subject).into_iter().map(str::to_owned).collect(),
            text: self.templates.sample_text(rule, key, severity),
        })
    }

    /// The silences that cover something now or later: those of the file, then the operator's.
    #[must_use]
    pub fn silences(&self) -> Vec<&Silence> {
        let all = self.book.defaults.silences.iter().chain(&self.memory.silences);
        all.filter(|silence| self.memory.clock_ms < silence.until_ms).collect()
    }
}
