//! The reader that expects the usual spelling of a trade, with its keys in any order.
//!
//! Between the one that knows the order and the one that knows nothing: it takes ticks of REST,
//! frames of other years, and whatever order the venue turns to next, at half the price of the
//! last. Like the first it takes a trade as a whole or leaves it, and says nothing of why.
//!
//! Keeps: [decode-is-total] [numbers-survive]

use super::{
    event::TradeEvent,
    number::{take_decimal, take_integer, to_ms},
    wire::code,
};
use crate::trade::Side;
use std::borrow::Cow;
use tradehook_decimal::Decimal;

/// The longest key there is has 23 characters.
const MAX_KEY_LEN: usize = 32;

/// What was read so far; of a key that comes twice, the last.
#[derive(Default)]
struct Parts<'a> {
    code: Option<&'a str>,
    side: Option<Side>,
    price: Option<Decimal>,
    volume: Option<Decimal>,
    sequential_id: Option<u64>,
    traded_at: Option<u64>,
    timestamp: Option<u64>,
    prev_close: Option<Decimal>,
    best_bid: Option<Decimal>,
    best_ask: Option<Decimal>,
    snapshot: bool,
    rest: bool,
}

/// The trade at the very start of `bytes` and what stands behind it, or `None` where the bytes are
/// unusual in any way but the order.
pub(super) fn trade(bytes: &[u8], received_at_ms: i64) -> Option<(TradeEvent<'_>, &[u8])> {
    let mut parts = Parts::default();
    let mut rest = bytes.strip_prefix(b"{")?;
    loop {
        let after = rest.strip_prefix(b"\"")?;
        let end = after.iter().take(MAX_KEY_LEN).position(|byte| *byte == b'"')?;
        let (key, after) = after.split_at_checked(end)?;
        match parts.take(key, after.strip_prefix(b"\":")?)?.split_first()? {
            (b',', next) => rest = next,
            (b'}', behind) => return Some((parts.event(received_at_ms)?, behind)),
            _ => return None,
        }
    }
}

impl<'a> Parts<'a> {
    /// Takes the value of `key` from the start of `value`; what stands behind it.
    fn take(&mut self, key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
        let decimal = |slot: &mut Option<Decimal>| {
            let (number, behind) = take_decimal(value)?;
            *slot = Some(number);
            Some(behind)
        };
        let integer = |slot: &mut Option<u64>| {
            let (number, behind) = take_integer(value)?;
            *slot = Some(number);
            Some(behind)
        };
        match key {
            b"type" | b"ty" => value.strip_prefix(b"\"trade\""),
            b"code" | b"cd" | b"mk" | b"market" => {
                self.rest |= key == b"market";
                let (text, behind) = code(value.strip_prefix(b"\"")?)?;
                self.code = Some(text);
                behind.strip_prefix(b"\"")
            }
            b"ask_bid" | b"ab" => {
                let (side, behind) = match value.split_first_chunk()? {
                    (b"\"ASK\"", behind) => (Side::Sell, behind),
                    (b"\"BID\"", behind) => (Side::Buy, behind),
                    _ => return None,
                };
                self.side = Some(side);
                Some(behind)
            }
            b"trade_price" | b"tp" => decimal(&mut self.price),
            b"trade_volume" | b"tv" => decimal(&mut self.volume),
            b"prev_closing_price" | b"pcp" => decimal(&mut self.prev_close),
            b"best_bid_price" | b"bbp" => decimal(&mut self.best_bid),
            b"best_ask_price" | b"bap" => decimal(&mut self.best_ask),
            b"sequential_id" | b"sid" => integer(&mut self.sequential_id),
            b"trade_timestamp" | b"ttms" => integer(&mut self.traded_at),
            b"timestamp" | b"tms" => integer(&mut self.timestamp),
            b"stream_type" | b"st" => {
                let (snapshot, behind) = match value.split_first_chunk()? {
                    (b"\"REALTIME\"", behind) => (false, behind),
                    (b"\"SNAPSHOT\"", behind) => (true, behind),
                    _ => return None,
                };
                self.snapshot = snapshot;
                Some(behind)
            }
            // These change what the object is.
            b"error" | b"status" | b"method" | b"mthd" => None,
            _ if key.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'_')) => skip(value),
            _ => None,
        }
    }

    fn event(self, received_at_ms: i64) -> Option<TradeEvent<'a>> {
        // The one time of a tick of REST is the trade's.
        let (traded_at, frame_at) = match self.traded_at {
            None if self.rest => (self.timestamp, None),
            _ => (self.traded_at, self.timestamp),
        };
        let frame_at_ms = match frame_at {
            Some(at) => Some(to_ms(at)?),
            None => None,
        };
        Some(TradeEvent {
            code: Cow::Borrowed(self.code?),
            side: self.side?,
            price: self.price.filter(|d| d.is_positive())?,
            volume: self.volume.filter(|d| d.is_positive())?,
            sequential_id: self.sequential_id?,
            traded_at_ms: to_ms(traded_at?)?,
            frame_at_ms,
            received_at_ms,
            snapshot: self.snapshot,
            best_bid: self.best_bid.filter(|d| d.is_positive()),
            best_ask: self.best_ask.filter(|d| d.is_positive()),
            prev_close: self.prev_close.filter(|d| d.is_positive()),
            dropped: false,
        })
    }
}

/// What stands behind a word or a number that nobody looks at.
fn skip(value: &[u8]) -> Option<&[u8]> {
    let Some(word) = value.strip_prefix(b"\"") else {
        let digits = value.strip_prefix(b"-").unwrap_or(value);
        return take_decimal(digits).map(|(_, behind)| behind);
    };
    let end = word.iter().position(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'))?;
    word.get(end..)?.strip_prefix(b"\"")
}
