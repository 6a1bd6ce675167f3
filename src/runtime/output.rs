//! From what plugins said to deliveries: alerts through the policy, records to their channels.
//!
//! The same for the live job and for a replay; it reads no clock, and its state is part of the
//! pipeline's checkpoint.

use super::plan::Group;
use crate::{
    alert::{FieldValue, Raised, Record},
    delivery::Delivery,
    entry::Entry,
    pipeline::Emitted,
    policy::{Policy, StateError, TemplateFault, Verdict, record_deliveries},
    status::{RecentAlert, RecentBar, Status},
};
use std::collections::BTreeMap;

/// The policy and the routes of one pipeline.
pub struct Output {
    policy: Policy,
    routes: BTreeMap<String, Vec<String>>,
    /// What became of alerts since it was asked for last, by plugin.
    verdicts: BTreeMap<(String, Verdict), u64>,
}

/// What is worth showing a person.
#[derive(Clone, Debug)]
pub enum Noted {
    /// An alert that its policy let out.
    Alert(RecentAlert),
    /// A finished bar.
    Bar(RecentBar),
}

impl Output {
    /// For the plugins of `group`.
    ///
    /// # Errors
    /// Templates that do not compile; a plan has been checked for them.
    pub fn new(group: &Group) -> Result<Self, Vec<TemplateFault>> {
        let policy = Policy::new(group.rules.clone(), group.defaults.clone())?;
        Ok(Self { policy, routes: group.routes.clone(), verdicts: BTreeMap::new() })
    }

    /// Its policy, for questions.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the policy remembers.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.policy.snapshot()
    }

    /// Takes over what an earlier policy remembered.
    ///
    /// # Errors
    /// When the bytes are no such memory.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.policy.restore(bytes)
    }

    /// Turns emissions, in the order of the tape, into deliveries in the same order.
    pub fn take(&mut self, emitted: &[Emitted], out: &mut Vec<Delivery>, mut note: impl FnMut(Noted)) {
        let mut rest = emitted;
        while let Some(first) = rest.first() {
            match first {
                Emitted::Alert(raised) => {
                    let verdict = self.policy.apply(raised, out);
                    self.count(&raised.plugin, verdict);
                    use Verdict::{Limited, Notified, Outdated, Unrouted};
                    if matches!(verdict, Notified | Unrouted | Limited | Outdated) {
                        note(Noted::Alert(self.recent(raised)));
                    }
                    rest = rest.get(1..).unwrap_or_default();
                }
                Emitted::Record(record) => {
                    let same = |e: &&Emitted| matches!(e, Emitted::Record(r) if r.plugin == record.plugin);
                    let run: Vec<Record> = rest
                        .iter()
                        .take_while(same)
                        .filter_map(|e| if let Emitted::Record(r) = e { Some(r.clone()) } else { None })
                        .collect();
                    rest = rest.get(run.len()..).unwrap_or_default();
                    run.iter().filter_map(bar).for_each(|bar| note(Noted::Bar(bar)));
                    if let Some(channels) = self.routes.get(&record.plugin).filter(|c| !c.is_empty()) {
                        out.extend(record_deliveries(&run, channels));
                    }
                }
            }
        }
    }

    /// Obeys an entry of the tape that is no trade and no quote, behind what plugins said of it.
    /// Whether a commit should hold what changed.
    pub fn entry(&mut self, offset: u64, entry: &Entry, out: &mut Vec<Delivery>) -> bool {
        self.policy.entry(offset, entry, out)
    }

    /// Lets go what waits for company, before an end behind which nothing is remembered.
    pub fn flush(&mut self, out: &mut Vec<Delivery>) {
        self.policy.flush(out);
    }

    /// What became of alerts since the last time, by plugin.
    pub fn take_verdicts(&mut self) -> BTreeMap<(String, Verdict), u64> {
        std::mem::take(&mut self.verdicts)
    }

    fn count(&mut self, plugin: &str, verdict: Verdict) {
        let known = self.verdicts.iter_mut().find(|((p, v), _)| p == plugin && *v == verdict);
        match known {
            Some((_, count)) => *count += 1,
            None => drop(self.verdicts.insert((plugin.to_owned(), verdict), 1)),
        }
    }

    fn recent(&self, raised: &Raised) -> RecentAlert {
        RecentAlert {
            at_ms: raised.at_ms,
            severity: self.policy.severity_of(raised).as_str(),
            state: raised.state.as_str(),
            plugin: raised.plugin.clone(),
            rule: raised.rule.clone(),
            key: raised.key.clone(),
            title: raised.title.clone(),
        }
    }
}

/// Remembers what is worth showing.
pub(super) fn note_to(status: &Status) -> impl FnMut(Noted) + '_ {
    |noted| match noted {
        Noted::Alert(alert) => status.note_alert(alert),
        Noted::Bar(bar) => status.note_bar(bar),
    }
}

/// A record of topic `bar` with the fields of a bar.
fn bar(record: &Record) -> Option<RecentBar> {
    if record.topic != "bar" {
        return None;
    }
    RecentBar::from_fields(|name| {
        let (_, value) = record.fields.iter().find(|(known, _)| known == name)?;
        Some(match value {
            FieldValue::Text(text) => text.clone(),
            FieldValue::Number(number) => number.to_string(),
            FieldValue::Int(int) => int.to_string(),
            FieldValue::Float(_) | FieldValue::Bool(_) | FieldValue::Null => return None,
        })
    })
}
