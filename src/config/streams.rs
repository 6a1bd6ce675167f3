//! `[feed.streams]`: what is subscribed to beside trades.
//!
//! Keys are the venue's own names of its streams, values are lists of markets: exact codes, and
//! globs, which are resolved against the markets that the venue lists.
//!
//! Keeps: [bounded]

use std::collections::BTreeSet;

use super::{
    text::{self, quoted},
    walk::{Item, Section},
};
use crate::market::{MAX_CODE_LEN, glob_matches, is_market_code};

/// The venue's streams of public data, but for trades. As of 2026.
const KINDS: [&str; 11] = [
    "ticker",
    "orderbook",
    "candle.1s",
    "candle.1m",
    "candle.3m",
    "candle.5m",
    "candle.10m",
    "candle.15m",
    "candle.30m",
    "candle.60m",
    "candle.240m",
];

/// Most entries of one list, as of `feed.markets`.
const MAX_CODES: usize = 1000;

/// How many levels of a book can be asked for, behind a market: `KRW-BTC.5`. For other numbers the
/// venue sends thirty.
const DEPTHS: [&str; 4] = ["1", "5", "15", "30"];

/// One stream beside trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The venue's name of it: `ticker`, `orderbook`, `candle.1m`.
    pub kind: String,
    /// Codes and globs, each once; of books perhaps with a depth behind: `KRW-*.5`.
    pub codes: Vec<String>,
}

impl Stream {
    /// The codes to subscribe to: exact ones as they are, whether listed or not, and whatever of
    /// `listed` a glob matches, in that order.
    #[must_use]
    pub fn resolve(&self, listed: &[String]) -> Vec<String> {
        let mut codes: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for wanted in &self.codes {
            let (glob, depth) = split(wanted);
            if glob.contains('*') {
                let matching = listed.iter().filter(|code| glob_matches(glob, code));
                codes
                    .extend(matching.filter(|code| seen.insert(code.as_str())).map(|code| join(code, depth)));
            } else if seen.insert(glob) {
                codes.push(wanted.clone());
            }
        }
        codes
    }
}

/// A market and the depth behind it.
fn split(code: &str) -> (&str, Option<&str>) {
    code.split_once('.').map_or((code, None), |(market, depth)| (market, Some(depth)))
}

fn join(code: &str, depth: Option<&str>) -> String {
    depth.map_or_else(|| code.to_owned(), |depth| format!("{code}.{depth}"))
}

/// Reads the table.
pub(super) fn read(section: &Section<'_>) -> Vec<Stream> {
    let mut streams = Vec::new();
    #[cfg(test)]
    section.knows(&KINDS);
    for (span, key, item) in section.entries() {
        if KINDS.contains(&key) {
            let codes = codes(&item, key == "orderbook");
            if !codes.is_empty() {
                streams.push(Stream { kind: key.to_owned(), codes });
            }
            continue;
        }
        let help = match key {
            "trade" | "trades" => Some("trades are subscribed to by feed.markets".to_owned()),
            // A dot that is not quoted makes tables of the name's parts.
            "candle" if item.value.as_table().is_some() => {
                let unit = item.value.as_table().and_then(|t| t.keys().next());
                let unit = unit.map_or("1m", |unit| unit.get_ref());
                Some(format!("write the name in quotes: {} = …", quoted(&format!("candle.{unit}"))))
            }
            _ => text::suggest(key, &KINDS, "streams of the venue"),
        };
        section.walk.fault(span, &item.path, format!("unknown stream {}", quoted(key)), help);
    }
    streams
}

/// Whether `item`, the list of markets whose trades are wanted, is empty on purpose.
pub(super) fn alone(item: &Item<'_>, streams: &[Stream]) -> bool {
    !streams.is_empty() && item.value.as_array().is_some_and(|array| array.is_empty())
}

/// The markets that plugins and rules may name: those whose trades are wanted, and those of the
/// other streams, codes and patterns. None at all (so that nobody is faulted) without the former.
pub(super) fn named(markets: &[String], streams: &[Stream]) -> Vec<String> {
    let others = || streams.iter().flat_map(|stream| &stream.codes).map(|code| split(code).0);
    if markets.is_empty() {
        return Vec::new();
    }
    let mut named = markets.to_vec();
    for code in others() {
        if !named.iter().any(|known| known == code) {
            named.push(code.to_owned());
        }
    }
    named
}

fn codes(item: &Item<'_>, is_book: bool) -> Vec<String> {
    let all = item.strings("[\"KRW-BTC\"]").unwrap_or_default();
    if all.is_empty() && item.value.as_array().is_some_and(|array| array.is_empty()) {
        item.fault("an empty list subscribes to nothing", "leave the key out".to_owned());
    }
    if all.len() > MAX_CODES {
        item.fault(format!("{} markets", all.len()), format!("at most {MAX_CODES} are accepted"));
        return Vec::new();
    }
    let (mut codes, mut seen) = (Vec::new(), BTreeSet::new());
    for (item, code) in all {
        if let Some((message, help)) = fault(code, is_book) {
            item.fault(message, help);
        } else if seen.insert(split(code).0) {
            codes.push(code.to_owned());
        } else {
            item.fault(format!("{} is named twice", quoted(split(code).0)), None);
        }
    }
    codes
}

/// What is wrong with a code or glob, and what would be accepted.
fn fault(code: &str, is_book: bool) -> Option<(String, String)> {
    let (market, depth) = split(code);
    if let Some(depth) = depth {
        if !is_book {
            let help = format!("write {}; only an orderbook takes a number of levels", quoted(market));
            return Some((format!("{} is not a market", quoted(code)), help));
        }
        if !DEPTHS.contains(&depth) {
            let help = format!("accepted behind the point: {}", DEPTHS.join(", "));
            return Some((format!("{} asks for a depth that the venue does not know", quoted(code)), help));
        }
    }
    let upper = market.to_ascii_uppercase();
    if upper != market {
        let help = format!("market codes are upper case: {}", quoted(&join(&upper, depth)));
        return Some((format!("{} is not a market", quoted(code)), help));
    }
    let is_glob = market.contains('*')
        && market.len() <= MAX_CODE_LEN
        && market.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-*".contains(&b));
    if is_glob || is_market_code(market) {
        return None;
    }
    let help = "a market is QUOTE-BASE, like \"KRW-BTC\", or a pattern like \"KRW-*\"".to_owned();
    Some((format!("{} is not a market code", quoted(code)), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_become_the_listed_markets_and_codes_stay() {
        let listed = ["KRW-BTC", "BTC-ETH", "KRW-ETH"].map(String::from);
        let check = |codes: &[&str], expect: &[&str]| {
            let codes = codes.iter().map(|code| (*code).to_owned()).collect();
            assert_eq!(Stream { kind: "orderbook".into(), codes }.resolve(&listed), expect);
        };
        check(&["KRW-*"], &["KRW-BTC", "KRW-ETH"]);
        check(&["KRW-ETH.1", "KRW-*.5"], &["KRW-ETH.1", "KRW-BTC.5"]);
        check(&["USDT-NEW", "*-ETH"], &["USDT-NEW", "BTC-ETH", "KRW-ETH"]);
        check(&["XYZ-*"], &[]);
    }
}
