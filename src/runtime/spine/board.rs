//! The facts that hold now, so that a plugin that comes later can be told them.
//!
//! Keeps: [bounded] (by the names of facts and what they are about)

use crate::entry::{Fact, FactValue};
use std::collections::BTreeMap;

/// What was last said of everything.
#[derive(Debug, Default)]
pub(super) struct Board {
    known: BTreeMap<(String, String), FactValue>,
}

impl Board {
    pub(super) fn note(&mut self, fact: &Fact) {
        let key = (fact.name.clone(), fact.subject.clone());
        match &fact.value {
            FactValue::Unknown => self.known.remove(&key),
            value => self.known.insert(key, value.clone()),
        };
    }

    /// Everything that is known, as facts of `at_ms`.
    pub(super) fn all(&self, at_ms: i64) -> Vec<Fact> {
        let fact = |((name, subject), value): (&(String, String), &FactValue)| Fact {
            at_ms,
            name: name.clone(),
            subject: subject.clone(),
            value: value.clone(),
        };
        self.known.iter().map(fact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_known_and_what_is_unknown_is_not() {
        let mut board = Board::default();
        let mut note = |name: &str, subject: &str, value: FactValue| {
            board.note(&Fact { at_ms: 1, name: name.to_owned(), subject: subject.to_owned(), value });
            let text =
                |fact: &Fact| format!("{} {} {:?} {}", fact.name, fact.subject, fact.value, fact.at_ms);
            board.all(9).iter().map(text).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(note("warning", "KRW-A", FactValue::Bool(true)), "warning KRW-A Bool(true) 9");
        note("warning", "KRW-B", FactValue::Bool(false));
        let all = note("warning", "KRW-A", FactValue::Bool(false));
        assert_eq!(all, "warning KRW-A Bool(false) 9, warning KRW-B Bool(false) 9");
        assert_eq!(note("warning", "KRW-A", FactValue::Unknown), "warning KRW-B Bool(false) 9");
    }
}
