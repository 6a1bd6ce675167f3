//! The rules of the file, and which of them speaks for an alert; the routes and the silences.

use super::rule::{Claim, Defaults, RulePolicy};
use crate::{
    alert::{Severity, Subject},
    entry::Silence,
    market::glob_matches,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// The rules that speak for one plugin.
#[derive(Debug, Default)]
struct Shelf {
    by_id: HashMap<String, Arc<RulePolicy>>,
    /// In the order of the file: the first that fits speaks.
    claims: Vec<(Claim, Arc<RulePolicy>)>,
}

/// Everything that the file says of alerts.
#[derive(Debug)]
pub(super) struct Book {
    shelves: HashMap<String, Shelf>,
    /// For alerts that belong to no rule.
    unruled: Arc<RulePolicy>,
    pub(super) defaults: Defaults,
    /// Rules that hold others back, and whether those about anything.
    inhibitors: HashMap<String, bool>,
    /// Whether anything is ever told again while it fires.
    pub(super) repeats: bool,
}

impl Book {
    pub(super) fn new(rules: Vec<RulePolicy>, defaults: Defaults) -> Self {
        let repeats = defaults.repeat_ms.is_some() || rules.iter().any(|rule| rule.repeat_ms.is_some());
        let named: BTreeSet<_> = rules.iter().flat_map(|rule| rule.inhibited_by.iter().cloned()).collect();
        let inhibitors = rules.iter().filter(|rule| named.contains(&rule.id));
        let inhibitors = inhibitors.map(|rule| (rule.id.clone(), rule.is_wide)).collect();
        let mut shelves: HashMap<String, Shelf> = HashMap::new();
        for rule in rules {
            let shelf = shelves.entry(rule.plugin.clone()).or_default();
            let rule = Arc::new(rule);
            match rule.claim.clone() {
                Some(claim) => shelf.claims.push((claim, rule)),
                None => drop(shelf.by_id.insert(rule.id.clone(), rule)),
            }
        }
        Self { shelves, unruled: Arc::new(defaults.rule()), defaults, inhibitors, repeats }
    }

    /// The rule that speaks for an alert of `plugin`; one without an id when none does.
    pub(super) fn find(&self, plugin: &str, rule: &str, key: &str) -> Arc<RulePolicy> {
        let found = self.shelves.get(plugin).and_then(|shelf| {
            let claims = |claim: &Claim| glob_matches(&claim.rule, rule) && glob_matches(&claim.key, key);
            let claimed = || shelf.claims.iter().find(|(claim, _)| claims(claim)).map(|(_, rule)| rule);
            shelf.by_id.get(rule).or_else(claimed)
        });
        Arc::clone(found.unwrap_or(&self.unruled))
    }

    /// The rule with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<RulePolicy>> {
        self.shelves.values().find_map(|shelf| {
            let claimed = || shelf.claims.iter().map(|(_, rule)| rule).find(|rule| rule.id == id);
            shelf.by_id.get(id).or_else(claimed)
        })
    }

    /// Whether the firing of `rule` holds others back.
    pub(super) fn inhibits(&self, rule: &RulePolicy) -> bool {
        !rule.id.is_empty() && self.inhibitors.contains_key(&rule.id)
    }

    /// Whether it holds back alerts about anything.
    pub(super) fn is_wide(&self, inhibitor: &str) -> bool {
        self.inhibitors.get(inhibitor).copied().unwrap_or_default()
    }

    /// The channels of an alert: its rule's, or those of the routes, or else those of the defaults.
    /// Each once.
    pub(super) fn channels<'a>(&'a self, rule: &'a RulePolicy, subject: &Subject<'_>) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        let mut add = |list: &'a [String]| {
            for name in list {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        };
        if let Some(own) = &rule.notify {
            add(own);
            return names;
        }
        let mut routed = false;
        for route in self.defaults.routes.iter().filter(|route| route.alerts.matches(subject)) {
            add(&route.notify);
            routed = true;
            if !route.goes_on {
                break;
            }
        }
        if !routed {
            add(&self.defaults.notify);
        }
        names
    }

    /// The channels of an alert under each of several severities, each once.
    pub(super) fn channels_of<'a>(
        &'a self,
        rule: &'a RulePolicy,
        subject: Subject<'_>,
        severities: impl Iterator<Item = Severity>,
    ) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for severity in severities {
            for name in self.channels(rule, &Subject { severity, ..subject }) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The silence of the file that covers an alert at `at_ms`.
    pub(super) fn silence(&self, subject: &Subject<'_>, at_ms: i64) -> Option<&Silence> {
        self.defaults.silences.iter().find(|silence| covers(silence, subject, at_ms))
    }
}

/// Whether `silence` is about an alert at `at_ms`.
pub(super) fn covers(silence: &Silence, subject: &Subject<'_>, at_ms: i64) -> bool {
    silence.from_ms.is_none_or(|from| from <= at_ms)
        && at_ms < silence.until_ms
        && silence.alerts.matches(subject)
}
