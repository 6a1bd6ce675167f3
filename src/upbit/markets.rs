//! The body of `GET /v1/market/all`: which markets there are, and what the venue warns of.
//!
//! Read element by element, so that one of a form not known here costs itself alone.
//!
//! Keeps: [decode-is-total] [bounded]

use super::{
    event::{Event, Reason},
    object,
    rest::RestError,
};
use crate::market::is_market_code;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};
use std::fmt;

/// The longest element that is read, in bytes; real ones have under 400.
const MAX_ELEMENT: usize = 8 << 10;
/// Markets of one list at most; the venue had 855 in 2026.
const MAX_MARKETS: usize = 16_384;

/// The venue's warnings about a market, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cautions(pub u8);

impl Cautions {
    /// `PRICE_FLUCTUATIONS`
    pub const PRICE_FLUCTUATIONS: Self = Self(1);
    /// `TRADING_VOLUME_SOARING`
    pub const TRADING_VOLUME_SOARING: Self = Self(2);
    /// `DEPOSIT_AMOUNT_SOARING`
    pub const DEPOSIT_AMOUNT_SOARING: Self = Self(4);
    /// `GLOBAL_PRICE_DIFFERENCES`
    pub const GLOBAL_PRICE_DIFFERENCES: Self = Self(8);
    /// `CONCENTRATION_OF_SMALL_ACCOUNTS`
    pub const CONCENTRATION_OF_SMALL_ACCOUNTS: Self = Self(16);

    /// Every one, with the venue's word for it.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::PRICE_FLUCTUATIONS, "PRICE_FLUCTUATIONS"),
        (Self::TRADING_VOLUME_SOARING, "TRADING_VOLUME_SOARING"),
        (Self::DEPOSIT_AMOUNT_SOARING, "DEPOSIT_AMOUNT_SOARING"),
        (Self::GLOBAL_PRICE_DIFFERENCES, "GLOBAL_PRICE_DIFFERENCES"),
        (Self::CONCENTRATION_OF_SMALL_ACCOUNTS, "CONCENTRATION_OF_SMALL_ACCOUNTS"),
    ];

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The venue's words for those that are set.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, word)| word)
    }
}

/// A market as the venue lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketInfo {
    /// Its code, such as `KRW-BTC`.
    pub code: String,
    /// Its Korean name; empty outside Korea.
    pub korean_name: String,
    /// Its English name; empty where the venue gives none.
    pub english_name: String,
    /// Whether investors are warned of it: `market_event.warning`, or a `market_warning` other than
    /// `NONE` (regions, and Korea before 2024).
    pub warning: bool,
    /// What in particular calls for caution; Korea only.
    pub cautions: Cautions,
}

/// The markets of a venue, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketList {
    /// The markets.
    pub markets: Vec<MarketInfo>,
    /// How many elements of the list are no markets, and are missing for that.
    pub invalid: usize,
}

/// The markets in a body.
///
/// # Errors
/// [`RestError::Refused`] for the venue's error object, [`RestError::Invalid`] for what is no list
/// or breaks off.
pub fn decode_markets(body: &[u8]) -> Result<MarketList, RestError> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| RestError::Invalid(Reason::Utf8))?;
    if !text.trim_start().starts_with('[') {
        return Err(match object::event(text, 0) {
            Event::Error { name, message } => {
                RestError::Refused { name: name.into_owned(), message: message.into_owned() }
            }
            Event::Invalid { reason: reason @ Reason::Syntax } => RestError::Invalid(reason),
            _ => RestError::Invalid(Reason::NotAnObject),
        });
    }
    serde_json::from_str(text).map_err(|_| RestError::Invalid(Reason::Syntax))
}

impl<'de> Deserialize<'de> for MarketList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Elements)
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = MarketList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of markets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MarketList, A::Error> {
        let mut list = MarketList::default();
        while let Some(element) = seq.next_element::<&RawValue>()? {
            match market(element.get()) {
                Some(_) if list.markets.len() == MAX_MARKETS => {
                    return Err(A::Error::custom("more markets than a venue has"));
                }
                Some(market) => list.markets.push(market),
                None => list.invalid += 1,
            }
        }
        Ok(list)
    }
}

/// One element; whatever is not of the expected type is as good as absent, but for the code.
fn market(text: &str) -> Option<MarketInfo> {
    if text.len() > MAX_ELEMENT {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let word = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("");
    let is_true = |pointer: &str| value.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let code = word("market");
    let cautions =
        Cautions::ALL.into_iter().filter(|(_, word)| is_true(&format!("/market_event/caution/{word}")));
    is_market_code(code).then(|| MarketInfo {
        code: code.to_owned(),
        korean_name: word("korean_name").to_owned(),
        english_name: word("english_name").to_owned(),
        warning: is_true("/market_event/warning") || !matches!(word("market_warning"), "" | "NONE"),
        cautions: Cautions(cautions.fold(0, |bits, (bit, _)| bits | bit.0)),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Lines as the venue sent them on 2026-03-11, one market each.
    const SENT: [&str; 3] = [
        r#"{"market":"KRW-ZIL","korean_name":"질리카","english_name":"Zilliqa","market_event":{"warning":true,"caution":{"PRICE_FLUCTUATIONS":false,"TRADING_VOLUME_SOARING":false,"DEPOSIT_AMOUNT_SOARING":false,"GLOBAL_PRICE_DIFFERENCES":true,"CONCENTRATION_OF_SMALL_ACCOUNTS":false}}}"#,
        r#"{"market":"BTC-ZIL","english_name":"Zilliqa","market_warning":"CAUTION"}"#,
        r#"{"market":"BTC-SIGN","english_name":"Sign","market_warning":"NONE"}"#,
    ];

    #[test]
    fn markets_of_korea_and_of_the_regions_are_read() {
        let list = decode_markets(format!(" [{}] ", SENT.join(",")).as_bytes()).unwrap();
        let info = |code: &str, korean: &str, english: &str, warning, cautions| MarketInfo {
            code: code.to_owned(),
            korean_name: korean.to_owned(),
            english_name: english.to_owned(),
            warning,
            cautions,
        };
        let expect = [
            info("KRW-ZIL", "질리카", "Zilliqa", true, Cautions::GLOBAL_PRICE_DIFFERENCES),
            info("BTC-ZIL", "", "Zilliqa", true, Cautions::default()),
            info("BTC-SIGN", "", "Sign", false, Cautions::default()),
        ];
        assert_eq!((list.markets.as_slice(), list.invalid), (&expect[..], 0));
        let words: Vec<_> = Cautions(9).words().collect();
        assert_eq!(words, ["PRICE_FLUCTUATIONS", "GLOBAL_PRICE_DIFFERENCES"]);
    }

    #[test]
    fn a_bad_element_costs_itself_alone() {
        let check = |elements: &str, expect: &[&str], invalid| {
            let list = decode_markets(format!("[{elements}]").as_bytes()).unwrap();
            let codes: Vec<_> = list.markets.iter().map(|market| &*market.code).collect();
            assert_eq!((codes.as_slice(), list.invalid), (expect, invalid), "{elements}");
        };
        check("", &[], 0);
        check("1,null,\"x\",[],{}", &[], 5);
        check(r#"{"market":"KRW-BTC"},{"market":"krw-btc"},{"market":7}"#, &["KRW-BTC"], 2);
        check(r#"{"market":"KRW-BTC","korean_name":7,"market_event":[1],"new":{"a":[{}]}}"#, &["KRW-BTC"], 0);
        check(r#"{"market":"KRW-OLD","market":"KRW-BTC"}"#, &["KRW-BTC"], 0);
        check(&format!(r#"{{"market":"KRW-BTC","x":{}}}"#, "[".repeat(200) + &"]".repeat(200)), &[], 1);
        check(&format!(r#"{{"market":"KRW-BTC","x":"{}"}}"#, "y".repeat(MAX_ELEMENT)), &[], 1);
    }

    /// Proves [decode-is-total] for lists of markets.
    #[test]
    fn any_bytes_are_a_list_or_an_error() {
        let check =
            |body: &[u8], expect: RestError| assert_eq!(decode_markets(body), Err(expect), "{body:?}");
        let refused =
            |name: &str, message: &str| RestError::Refused { name: name.into(), message: message.into() };
        check(br#"{"error":{"name":404,"message":"Code not found"}}"#, refused("404", "Code not found"));
        check(br#"{"error":{"message":"no","name":"not_found"}}"#, refused("not_found", "no"));
        check(b"Too many API requests.", RestError::Invalid(Reason::Syntax));
        check(b"", RestError::Invalid(Reason::Syntax));
        check(b"{}", RestError::Invalid(Reason::NotAnObject));
        check(b"[", RestError::Invalid(Reason::Syntax));
        check(b"[]x", RestError::Invalid(Reason::Syntax));
        check(b"\xff", RestError::Invalid(Reason::Utf8));
        let whole = format!("[{}]", SENT.join(","));
        for cut in 0..whole.len() {
            assert!(decode_markets(&whole.as_bytes()[..cut]).is_err(), "cut at {cut}");
        }
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..20_000 {
            let mut bytes = whole.clone().into_bytes();
            for _ in 0..=round % 4 {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            // It ends, and yields no more than it was given.
            let found = decode_markets(&bytes).map_or(0, |list| list.markets.len() + list.invalid);
            assert!(found <= 4, "seed 7, round {round}: {found}");
        }
    }
}
