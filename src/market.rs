//! Markets: the venue's codes, interned.
//!
//! A code such as `KRW-BTC` (quote first) gets a small number when it is first seen; the tape
//! records the pair, so that the number means the same to whoever reads it later. Imports nothing.

use std::{collections::HashMap, sync::Arc};

/// The number of a market within one tape: dense, from 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct MarketId(pub u32);

/// Longest market code that is accepted, in bytes; the venue's longest is under 16.
pub const MAX_CODE_LEN: usize = 32;

/// The table of codes, in order of first sight.
#[derive(Clone, Debug, Default)]
pub struct Markets {
    codes: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, MarketId>,
}

impl Markets {
    /// The number of `code`, given out now if it has none. The flag says whether it is new.
    pub fn intern(&mut self, code: &str) -> (MarketId, bool) {
        if let Some(&id) = self.ids.get(code) {
            return (id, false);
        }
        let id = MarketId(u32::try_from(self.codes.len()).unwrap_or(u32::MAX));
        let code: Arc<str> = code.into();
        self.codes.push(Arc::clone(&code));
        self.ids.insert(code, id);
        (id, true)
    }

    /// The number of `code`, if it has one.
    #[must_use]
    pub fn id(&self, code: &str) -> Option<MarketId> {
        self.ids.get(code).copied()
    }

    /// The code of `id`, if it was given out.
    #[must_use]
    pub fn code(&self, id: MarketId) -> Option<&Arc<str>> {
        self.codes.get(id.0 as usize)
    }

    /// How many there are; the next number to be given out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// All codes from number `from` on, in order.
    pub fn since(&self, from: usize) -> impl Iterator<Item = &Arc<str>> {
        self.codes.iter().skip(from)
    }
}

/// Whether `code` could be a market: `QUOTE-BASE` in upper case letters and digits.
#[must_use]
pub fn is_market_code(code: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    code.len() <= MAX_CODE_LEN && code.split_once('-').is_some_and(|(quote, base)| part(quote) && part(base))
}

/// Whether `code` matches a glob whose only wildcard is `*` (any run of characters).
#[must_use]
pub fn glob_matches(glob: &str, code: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(rest) = parts.next().and_then(|first| code.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for middle in parts {
        match rest.find(middle) {
            Some(at) => rest = &rest[at + middle.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_runs_and_nothing_else() {
        let check = |glob, code, expect| assert_eq!(glob_matches(glob, code), expect, "{glob} {code}");
        check("KRW-*", "KRW-BTC", true);
        check("KRW-*", "BTC-ETH", false);
        check("*-BTC", "USDT-BTC", true);
        check("*", "KRW-BTC", true);
        check("KRW-BTC", "KRW-BTC", true);
        check("KRW-BTC", "KRW-BTCX", false);
        check("K*-*C", "KRW-BTC", true);
        check("KRW-B*BTC", "KRW-BTC", false);
    }

    #[test]
    fn numbers_are_dense_and_stable() {
        let mut markets = Markets::default();
        assert_eq!(markets.intern("KRW-BTC"), (MarketId(0), true));
        assert_eq!(markets.intern("KRW-ETH"), (MarketId(1), true));
        assert_eq!(markets.intern("KRW-BTC"), (MarketId(0), false));
        assert_eq!(markets.code(MarketId(1)).map(|c| &**c), Some("KRW-ETH"));
        assert!(is_market_code("KRW-BTC") && !is_market_code("krw-btc") && !is_market_code("KRWBTC"));
    }
}
