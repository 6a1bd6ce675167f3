//! Which rules are about a market, found without asking each of ten thousand.

use crate::rule::{Rule, Scope};
use std::collections::BTreeMap;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Rules that name their markets, by market.
    named: BTreeMap<String, Vec<u32>>,
    /// The others.
    patterns: Vec<u32>,
}

impl Book {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut book = Self::default();
        for (index, rule) in (0u32..).zip(rules).filter(|(_, rule)| rule.scope == Scope::Market) {
            if rule.markets.iter().any(|code| code.contains('*')) {
                book.patterns.push(index);
                continue;
            }
            for code in &rule.markets {
                let named = book.named.entry(code.clone()).or_default();
                if named.last() != Some(&index) {
                    named.push(index);
                }
            }
        }
        book
    }

    /// The rules about the market of this code, ascending.
    pub(super) fn about(&self, code: &str, rules: &[Rule]) -> Vec<u32> {
        let covers = |index: &u32| rules.get(*index as usize).is_some_and(|rule| rule.covers(code));
        let named = self.named.get(code).into_iter().flatten();
        let mut about: Vec<u32> = named.chain(&self.patterns).copied().filter(covers).collect();
        about.sort_unstable();
        about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_asking_each_rule_finds() {
        let rule = |id: usize, markets: &str, exclude: &str| {
            format!(
                r#"{{"id": "{id}", "markets": {markets}, "exclude": {exclude}, "when": {{"kind": "price", "above": 1}}}}"#
            )
        };
        let list = [
            rule(0, r#"["KRW-BTC"]"#, "[]"),
            rule(1, r#"["KRW-*"]"#, r#"["KRW-ETH"]"#),
            rule(2, r#"["KRW-ETH", "KRW-BTC", "KRW-ETH"]"#, "[]"),
            rule(3, r#"["*"]"#, "[]"),
            rule(4, r#"["KRW-BTC", "BTC-*"]"#, "[]"),
            rule(5, r#"["KRW-BTC"]"#, r#"["*-BTC"]"#),
        ];
        let config = crate::config::parse(&format!(r#"{{"rules": [{}]}}"#, list.join(",")));
        let rules = config.map(|config| config.rules).unwrap_or_default();
        assert_eq!(rules.len(), list.len());
        let book = Book::new(&rules);
        for code in ["KRW-BTC", "KRW-ETH", "BTC-ETH", "KRW-XRP", "USDT-BTC", ""] {
            let each = (0u32..).zip(&rules).filter(|(_, rule)| rule.covers(code)).map(|(index, _)| index);
            assert_eq!(book.about(code, &rules), each.collect::<Vec<_>>(), "{code}");
        }
    }
}
