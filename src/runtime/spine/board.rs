//! The facts that hold now, so that a plugin that comes later can be told them.
//!
//! Keeps: [bounded] (by the names of facts and what they are about)

use crate::entry::{Fact, FactValue};
use std::collections::BTreeMap;

/// What was last said of everything.
#[derive(Debug, Default)]
pub(super) struct Board {
    known: BTreeMap<(String, String), (FactValue, i64)>,
}

impl Board {
    pub(super) fn note(&mut self, fact: &Fact) {
        let key = (fact.name.clone(), fact.subject.clone());
        match &fact.value {
            FactValue::Unknown => self.known.remove(&key),
            value => {
                let since_ms = self.known.get(&key).filter(|(old, _)| old == value && !is_outside(fact));
                let since_ms = since_ms.map_or(fact.at_ms, |(_, since_ms)| *since_ms);
                self.known.insert(key, (value.clone(), since_ms))
            }
        };
    }

    /// Everything that is known, with the time since when.
    pub(super) fn all(&self) -> Vec<Fact> {
        let fact = |((name, subject), (value, at_ms)): (&(String, String), &(FactValue, i64))| Fact {
            at_ms: *at_ms,
            name: name.clone(),
            subject: subject.clone(),
            value: value.clone(),
        };
        self.known.iter().map(fact).collect()
    }

    /// Everything that is known, as it is told again at `at_ms`: states hold now, a number from
    /// outside is as old as it is.
    pub(super) fn again(&self, at_ms: i64) -> Vec<Fact> {
        let now = |fact: Fact| if is_outside(&fact) { fact } else { Fact { at_ms, ..fact } };
        self.all().into_iter().map(now).collect()
    }
}

fn is_outside(fact: &Fact) -> bool {
    fact.name.starts_with(Fact::OUTSIDE)
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
            board.again(9).iter().map(text).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(note("warning", "KRW-A", FactValue::Bool(true)), "warning KRW-A Bool(true) 9");
        note("warning", "KRW-B", FactValue::Bool(false));
        let all = note("warning", "KRW-A", FactValue::Bool(false));
        assert_eq!(all, "warning KRW-A Bool(false) 9, warning KRW-B Bool(false) 9");
        assert_eq!(note("warning", "KRW-A", FactValue::Unknown), "warning KRW-B Bool(false) 9");
        let all = note("fx.USDKRW", "", FactValue::Int(1390));
        assert_eq!(
            all, "fx.USDKRW  Int(1390) 1, warning KRW-B Bool(false) 9",
            "a number does not grow young"
        );
    }

    #[test]
    fn a_state_is_as_old_as_its_last_change_and_a_number_as_its_last_telling() {
        let mut board = Board::default();
        let mut since = |at_ms: i64, name: &str, value: i64| {
            let value = FactValue::Int(value);
            board.note(&Fact { at_ms, name: name.to_owned(), subject: String::new(), value });
            board.all().iter().find(|fact| fact.name == name).map(|fact| fact.at_ms)
        };
        assert_eq!([since(1, "a", 1), since(2, "a", 1), since(3, "a", 2)], [Some(1), Some(1), Some(3)]);
        assert_eq!([since(1, "fx.A", 1), since(2, "fx.A", 1)], [Some(1), Some(2)]);
    }
}
