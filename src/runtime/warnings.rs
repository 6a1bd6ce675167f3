//! What the venue warns of, market by market, as facts on the tape.
//!
//! `market.warning` and `market.caution.PRICE_FLUCTUATIONS` and its like, with the market as subject:
//! all of them when a market is first seen (a plugin may remember something else from before a
//! restart), then each when it changes. `market.delisted` with them: false at first, true once the
//! market is neither on the list nor listened to any more. One short list is no delisting, nor is a
//! configuration that looks elsewhere.
//!
//! Keeps: [time-enters-once] [bounded]

use crate::{
    entry::{Fact, FactValue},
    upbit::{Cautions, MarketInfo},
};
use std::collections::{BTreeMap, BTreeSet};

const WARNING: &str = "market.warning";
const CAUTION: &str = "market.caution.";
const DELISTED: &str = "market.delisted";

/// What was last said, by market.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    said: BTreeMap<String, (bool, Cautions)>,
    /// The markets that were said to be on the list.
    listed: BTreeSet<String>,
}

impl Warnings {
    /// What is to be written of the markets of a list that `is_wanted`.
    pub(super) fn look(
        &mut self,
        list: &[MarketInfo],
        is_wanted: impl Fn(&str) -> bool,
        at_ms: i64,
    ) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut say = |name: String, market: &str, is_so: bool| {
            let value = FactValue::Bool(is_so);
            facts.push(Fact { at_ms, name, subject: market.to_owned(), value });
        };
        let gone = |code: &String| !is_wanted(code) && !list.iter().any(|market| market.code == *code);
        let gone: Vec<String> = self.listed.iter().filter(|code| gone(code)).cloned().collect();
        for code in gone {
            say(DELISTED.to_owned(), &code, true);
            self.listed.remove(&code);
        }
        let mut now = BTreeMap::new();
        for market in list.iter().filter(|market| is_wanted(&market.code)) {
            if self.listed.insert(market.code.clone()) {
                say(DELISTED.to_owned(), &market.code, false);
            }
            let known = self.said.get(&market.code);
            if known.is_none_or(|(warning, _)| *warning != market.warning) {
                say(WARNING.to_owned(), &market.code, market.warning);
            }
            for (bit, word) in Cautions::ALL {
                let is_so = market.cautions.has(bit);
                if known.is_none_or(|(_, cautions)| cautions.has(bit) != is_so) {
                    say(format!("{CAUTION}{word}"), &market.code, is_so);
                }
            }
            now.insert(market.code.clone(), (market.warning, market.cautions));
        }
        // Of a market that is gone nothing is warned any more.
        for (code, (warning, cautions)) in self.said.iter().filter(|(code, _)| !now.contains_key(*code)) {
            if *warning {
                say(WARNING.to_owned(), code, false);
            }
            cautions.words().for_each(|word| say(format!("{CAUTION}{word}"), code, false));
        }
        self.said = now;
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market(code: &str, warning: bool, cautions: u8) -> MarketInfo {
        let (korean_name, english_name) = (String::new(), String::new());
        MarketInfo { code: code.to_owned(), korean_name, english_name, warning, cautions: Cautions(cautions) }
    }

    #[test]
    fn a_warning_is_said_when_the_market_is_first_seen_and_when_it_changes() {
        let mut warnings = Warnings::default();
        let mut check = |list: &[MarketInfo], expect: &[&str]| {
            let facts = warnings.look(list, |code| code.starts_with("KRW-"), 5);
            let said: Vec<String> = facts
                .iter()
                .map(|fact| {
                    let is_so = fact.value == FactValue::Bool(true);
                    format!("{} {} {is_so}", fact.subject, fact.name.trim_start_matches("market."))
                })
                .collect();
            assert_eq!(said, expect);
        };
        check(
            &[market("KRW-A", true, 1), market("BTC-B", true, 0)],
            &[
                "KRW-A delisted false",
                "KRW-A warning true",
                "KRW-A caution.PRICE_FLUCTUATIONS true",
                "KRW-A caution.TRADING_VOLUME_SOARING false",
                "KRW-A caution.DEPOSIT_AMOUNT_SOARING false",
                "KRW-A caution.GLOBAL_PRICE_DIFFERENCES false",
                "KRW-A caution.CONCENTRATION_OF_SMALL_ACCOUNTS false",
            ],
        );
        check(&[market("KRW-A", true, 1)], &[]);
        check(
            &[market("KRW-A", false, 9)],
            &["KRW-A warning false", "KRW-A caution.GLOBAL_PRICE_DIFFERENCES true"],
        );
        check(
            &[],
            &["KRW-A caution.PRICE_FLUCTUATIONS false", "KRW-A caution.GLOBAL_PRICE_DIFFERENCES false"],
        );
        check(&[], &[]);
    }

    #[test]
    fn a_market_is_delisted_when_nobody_listens_to_it_and_it_is_on_no_list() {
        let mut warnings = Warnings::default();
        let mut check = |list: &[&str], wanted: &[&str], expect: &[(&str, bool)]| {
            let list: Vec<MarketInfo> = list.iter().map(|code| market(code, false, 0)).collect();
            let facts = warnings.look(&list, |code| wanted.contains(&code), 5);
            let of = |fact: &Fact| (fact.subject.clone(), fact.value == FactValue::Bool(true));
            let said: Vec<(String, bool)> =
                facts.iter().filter(|fact| fact.name == DELISTED).map(of).collect();
            let expect: Vec<(String, bool)> =
                expect.iter().map(|(code, is_so)| ((*code).to_owned(), *is_so)).collect();
            assert_eq!(said, expect);
        };
        check(&["A", "B"], &["A", "B"], &[("A", false), ("B", false)]);
        // A short list that is not believed yet.
        check(&["A"], &["A", "B"], &[]);
        // Nobody asks for it any more, but it is there.
        check(&["A", "B"], &["A"], &[]);
        check(&["A"], &["A"], &[("B", true)]);
        check(&["A", "B"], &["A", "B"], &[("B", false)]);
    }
}
