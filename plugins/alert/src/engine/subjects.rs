//! Rules that are about no market: about a channel, a plugin, the feed, or tradehook as a whole.
//!
//! Each subject of a fact has its own instances and its own clock, which facts and ticks move.
//!
//! Keeps: [bounded]

use super::market::{Desk, Market};
use super::{Engine, Told, World};
use crate::rule::{Rule, Scope};
use std::collections::BTreeSet;
use tradehook_sdk::{Fact, Out};

/// Subjects beyond this number are not watched.
const MAX_SUBJECTS: usize = 4096;
/// The key of rules about tradehook as a whole.
const SYSTEM: &str = "tradehook";
/// A market that the venue took off its list.
const DELISTED: &str = "market.delisted";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    /// The facts that rules about a subject look at.
    facts: BTreeSet<&'static str>,
    pub(super) all: Vec<Subject>,
}

#[derive(Debug)]
pub(super) struct Subject {
    /// The fact's name, and what it is about; both empty for the whole.
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) market: Box<Market>,
    deadline: i64,
}

impl Subjects {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let subjects = rules.iter().filter(|rule| rule.scope == Scope::Subject);
        let facts = subjects.filter_map(Rule::health).map(crate::kinds::Health::fact).collect();
        let mut new = Self { facts, all: Vec::new() };
        let whole: Vec<u32> = (0u32..)
            .zip(rules)
            .filter(|(_, rule)| rule.scope == Scope::System)
            .map(|(index, _)| index)
            .collect();
        if !whole.is_empty() {
            let market = Box::new(Market::with(SYSTEM, None, rules, whole.into_iter()));
            let (name, subject) = (String::new(), String::new());
            new.all.push(Subject { name, subject, market, deadline: i64::MIN });
        }
        new
    }

    /// Makes room for a subject, if a rule is about it.
    pub(super) fn meet(&mut self, name: &str, subject: &str, rules: &[Rule]) {
        let known = |other: &Subject| other.name == name && other.subject == subject;
        if !self.facts.contains(name) || self.all.iter().any(known) || self.all.len() >= MAX_SUBJECTS {
            return;
        }
        let about = |rule: &Rule| {
            rule.scope == Scope::Subject
                && rule.health().is_some_and(|health| health.fact() == name && health.is_about(subject))
        };
        let about: Vec<u32> =
            (0u32..).zip(rules).filter(|(_, rule)| about(rule)).map(|(index, _)| index).collect();
        let key = about.first().and_then(|index| rules.get(*index as usize)?.health());
        let Some(key) = key.map(|health| health.key(subject)) else { return };
        let market = Box::new(Market::with(key, Some(subject), rules, about.iter().copied()));
        let (name, subject) = (name.to_owned(), subject.to_owned());
        self.all.push(Subject { name, subject, market, deadline: i64::MIN });
    }

    /// A fact was told.
    fn fact(&mut self, fact: &Fact<'_>, desk: &mut Desk<'_>) {
        self.meet(fact.name, fact.subject, desk.rules);
        for Subject { name, subject, market, deadline } in &mut self.all {
            let whole = name.is_empty() && market.watches.general.heeds(fact.name);
            if whole || (name == fact.name && subject == fact.subject) {
                market.look_again(fact.at_ms, desk);
                *deadline = market.deadline(desk.rules, desk.world);
            }
        }
    }

    pub(super) fn tick(&mut self, idle_ms: i64, desk: &mut Desk<'_>) {
        for Subject { market, deadline, .. } in &mut self.all {
            if idle_ms >= *deadline {
                market.look_again(idle_ms, desk);
                *deadline = market.deadline(desk.rules, desk.world);
            }
        }
    }
}

impl Engine {
    /// The host tells what is the case.
    pub(crate) fn fact(&mut self, fact: &Fact<'_>, out: &mut Out) {
        let told = super::Fact { at_ms: fact.at_ms, value: Told::from(&fact.value) };
        self.world.tell(fact.name, fact.subject, told);
        if fact.name == DELISTED {
            self.delist(fact.subject, fact.at_ms);
        }
        let mut desk = Desk {
            rules: &self.rules,
            world: &self.world,
            lateness_ms: self.lateness_ms,
            said: &mut self.said,
        };
        self.subjects.fact(fact, &mut desk);
        let of_market = fact.name.starts_with("market.");
        for number in 0..self.markets.len() {
            let heeds = self.markets.get(number).and_then(Option::as_ref).is_some_and(|market| {
                market.watched
                    && market.watches.general.heeds(fact.name)
                    && (!of_market || market.code == fact.subject)
            });
            if heeds {
                // It tells the time as a tick does.
                self.look_again(number, fact.at_ms.saturating_sub(self.idle_lag_ms));
            }
        }
        if !self.said.is_empty() {
            self.tell(out);
        }
    }

    /// Whether the venue took a market off its list.
    pub(super) fn is_delisted(world: &World, code: &str) -> bool {
        let fact = world.fact(DELISTED, code).and_then(|fact| fact.value.number());
        fact.is_some_and(|yes| yes.mantissa() > 0)
    }
}
