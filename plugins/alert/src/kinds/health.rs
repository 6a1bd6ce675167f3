//! `health`: the state of tradehook itself, as the host tells it in facts.
//!
//! As a whole rule it has an instance per subject of the fact: each channel, each plugin. Beside
//! market conditions it is about any subject. Something that was never told to be wrong is not
//! wrong; a number that was never told is unknown.

use crate::bounds::{Bounds, Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Fact, Needs, View};
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_decimal::Wide;
use tradehook_sdk::config::glob_matches;

/// What is checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Health {
    check: u8,
    /// Which subjects; a glob.
    subject: Option<String>,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["check", "subject"];

/// One thing that can be checked.
struct Check {
    word: &'static str,
    fact: &'static str,
    unit: Unit,
    /// The key of an alert where the fact has no subject.
    key: &'static str,
    words: &'static str,
}

const CHECKS: &[Check] = &[
    check("connection_down", "health.connection_down", Unit::Flag, "feed", "has no connection"),
    check("feed_lag", "health.feed_lag_ms", Unit::Duration, "feed", "lag"),
    check("late_ratio", "health.late_ratio", Unit::Ratio, "feed", "share of late trades"),
    check("dropped_ratio", "health.dropped_ratio", Unit::Ratio, "feed", "share of dropped trades"),
    check("tape_degraded", "health.tape_degraded", Unit::Flag, "tape", "is not written"),
    check("plugin_faults", "health.plugin_faults", Unit::Count, "plugin", "faults"),
    check("channel_dead", "health.channel_dead", Unit::Count, "channel", "notifications given up"),
    check("plugin_down", "health.plugin_down", Unit::Flag, "plugin", "is down"),
    check("outbox_depth", "health.outbox_depth", Unit::Count, "outbox", "notifications waiting"),
    check("channel_parked", "health.channel_parked", Unit::Flag, "channel", "is parked"),
    check("channel_broken", "health.channel_broken", Unit::Flag, "channel", "is broken"),
];

const fn check(
    word: &'static str,
    fact: &'static str,
    unit: Unit,
    key: &'static str,
    words: &'static str,
) -> Check {
    Check { word, fact, unit, key, words }
}

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Health> {
    if !when.has("check") {
        let all: Vec<&str> = CHECKS.iter().map(|check| check.word).collect();
        when.fault("", "`check` is missing", format!("one of {}", all.join(", ")));
    }
    let words: Vec<(&str, u8)> = (0u8..).zip(CHECKS).map(|(place, check)| (check.word, place)).collect();
    let check = when.choice("check", &words);
    let subject = if when.has("subject") { Some(when.required_text("subject")?) } else { None };
    Some(Health { check: check?, subject })
}

/// The thresholds: none where the answer is yes or no.
pub(super) fn bounds(when: &mut Reader<'_>, what: &Health) -> Option<Bounds> {
    if what.unit() != Unit::Flag {
        return Bounds::read(when, what.unit());
    }
    for key in crate::bounds::BOUND_KEYS {
        if when.has(key) {
            when.fault(key, "a threshold where the answer is yes or no", "leave it away");
        }
    }
    Some(Bounds::flag())
}

impl Health {
    fn check(&self) -> Option<&'static Check> {
        CHECKS.get(usize::from(self.check))
    }

    pub(super) fn unit(&self) -> Unit {
        self.check().map_or(Unit::Flag, |check| check.unit)
    }

    pub(super) fn words(&self) -> String {
        self.check().map_or(String::new(), |check| check.words.to_owned())
    }

    /// The fact that it looks at.
    pub(crate) fn fact(&self) -> &'static str {
        self.check().map_or("", |check| check.fact)
    }

    /// The key of an alert about a subject.
    pub(crate) fn key<'a>(&self, subject: &'a str) -> &'a str {
        if subject.is_empty() { self.check().map_or("", |check| check.key) } else { subject }
    }

    /// Whether it is about this subject.
    pub(crate) fn is_about(&self, subject: &str) -> bool {
        self.subject.as_deref().is_none_or(|glob| glob_matches(glob, subject))
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(Told { what: self.clone(), only: needs.subject.map(str::to_owned) })
    }
}

#[derive(Debug)]
struct Told {
    what: Health,
    /// The one subject that it is about.
    only: Option<String>,
}

impl Told {
    /// The worst of what was told.
    fn worst(&self, view: &View<'_>) -> Option<Wide> {
        let fact = self.what.fact();
        let number = |fact: &Fact| fact.value.number();
        if let Some(subject) = &self.only {
            return view.world.fact(fact, subject).and_then(number);
        }
        let about = view.world.facts(fact).filter(|(subject, _)| self.what.is_about(subject));
        about.filter_map(|(_, fact)| number(fact)).max()
    }
}

impl Signal for Told {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        match self.worst(view) {
            Some(number) => Some(Reading::scaled(number.mantissa(), number.scale())),
            None => (self.what.unit() == Unit::Flag).then(|| Reading::count(0)),
        }
    }

    fn describe(&self, _view: &View<'_>, fields: &mut Fields) {
        fields.push(("check", self.what.check().map(|check| check.word).into()));
        fields.push(("subject", self.only.clone().into()));
    }
}
