//! What is the same for all markets: facts that the host told, and the latest prices of markets
//! that are a leg of some rule.
//!
//! Keeps: [bounded]

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tradehook_decimal::{Decimal, Wide};

/// Facts beyond this number are not kept.
const MAX_FACTS: usize = 20_000;

/// A fact's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Told {
    Bool(bool),
    /// Mantissa and scale.
    Number(i128, u8),
    Float(f64),
    Text(String),
}

/// A fact and when it was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fact {
    pub(crate) at_ms: i64,
    pub(crate) value: Told,
}

/// The latest trade in order of a market that is a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub(crate) at_ms: i64,
    #[serde(with = "crate::fixed::parts")]
    pub(crate) price: Decimal,
}

/// See the module.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct World {
    /// By name, then by subject.
    facts: BTreeMap<String, BTreeMap<String, Fact>>,
    /// By market code.
    pub(crate) legs: BTreeMap<String, Leg>,
}

impl World {
    /// A fact; whether it is another value than before.
    pub(crate) fn tell(&mut self, name: &str, subject: &str, fact: Fact) -> bool {
        let known: usize = self.facts.values().map(BTreeMap::len).sum();
        let old = self.facts.get(name).and_then(|subjects| subjects.get(subject));
        if old.is_none() && known >= MAX_FACTS {
            return false;
        }
        let changed = old.is_none_or(|old| old.value != fact.value);
        self.facts.entry(name.to_owned()).or_default().insert(subject.to_owned(), fact);
        changed
    }

    /// One fact.
    pub(crate) fn fact(&self, name: &str, subject: &str) -> Option<&Fact> {
        self.facts.get(name)?.get(subject)
    }

    /// The facts of one name, by subject.
    pub(crate) fn facts(&self, name: &str) -> impl Iterator<Item = (&str, &Fact)> {
        self.facts.get(name).into_iter().flatten().map(|(subject, fact)| (subject.as_str(), fact))
    }
}

impl Told {
    /// The value as a number at its scale: yes is 1.
    pub(crate) fn number(&self) -> Option<Wide> {
        match self {
            Self::Bool(yes) => Some(Wide::new(i128::from(*yes), 0)),
            Self::Number(mantissa, scale) => Some(Wide::new(*mantissa, *scale)),
            Self::Float(_) | Self::Text(_) => None,
        }
    }
}
