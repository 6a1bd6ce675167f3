//! What is the same for all markets: facts that the host told, and the latest prices of markets
//! that are a leg of some rule.
//!
//! Keeps: [bounded]

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Bound;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::Value;

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

    /// The names that begin so, of facts that were told.
    pub(crate) fn names<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.facts.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        from.map(|(name, _)| name.as_str()).take_while(move |name| name.starts_with(start))
    }

    /// A trade of a market that is a leg.
    pub(crate) fn hear(&mut self, code: &str, at_ms: i64, price: Decimal) {
        match self.legs.get_mut(code) {
            Some(leg) if at_ms >= leg.at_ms => *leg = Leg { at_ms, price },
            Some(_) => {}
            None => {
                self.legs.insert(code.to_owned(), Leg { at_ms, price });
            }
        }
    }

    /// The facts of one name, by subject.
    pub(crate) fn facts(&self, name: &str) -> impl Iterator<Item = (&str, &Fact)> {
        self.facts.get(name).into_iter().flatten().map(|(subject, fact)| (subject.as_str(), fact))
    }
}

impl From<&Value> for Told {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(yes) => Self::Bool(*yes),
            Value::Number(number) => Self::Number(number.mantissa(), number.scale()),
            Value::Int(number) => Self::Number(i128::from(*number), 0),
            Value::Float(number) => Self::Float(*number),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Null => Self::Text(String::new()),
        }
    }
}

impl Told {
    /// The value as a number at its scale: yes is 1.
    pub(crate) fn number(&self) -> Option<Wide> {
        match self {
            Self::Bool(yes) => Some(Wide::new(i128::from(*yes), 0)),
            Self::Number(mantissa, scale) => Some(Wide::new(*mantissa, *scale)),
            // Sources that have no decimals tell a float or a text; both name one decimal number.
            Self::Float(number) => Decimal::parse(number.to_string().as_bytes()).ok().map(Decimal::wide),
            Self::Text(text) => Decimal::parse(text.as_bytes()).ok().map(Decimal::wide),
        }
    }
}
