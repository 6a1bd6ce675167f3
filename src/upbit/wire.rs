//! The reader that expects the keys of a trade in the order in which the venue sends them.
//!
//! The order has changed over the years and may again; then every frame goes to the reader that
//! takes any, at more than twice the price and to the same result. So this one never says what is wrong with
//! a text: it takes a trade as a whole or leaves it.
//!
//! Keeps: [decode-is-total] [numbers-survive]

use super::{
    event::TradeEvent,
    number::{take_decimal, take_integer, to_ms},
};
use crate::{market::MAX_CODE_LEN, trade::Side};
use std::borrow::Cow;
use tradehook_decimal::Decimal;

/// What stands between the values, from the first byte to the last value.
trait Keys {
    const OPEN: &[u8];
    const FRAME_AT: &[u8];
    const DATE: &[u8];
    const TIME: &[u8];
    const TRADED_AT: &[u8];
    const PRICE: &[u8];
    const VOLUME: &[u8];
    const SIDE: &[u8];
    const PREV_CLOSE: &[u8];
    const CHANGE: &[u8];
    const CHANGE_PRICE: &[u8];
    const ID: &[u8];
    const ASK_PRICE: &[u8];
    const ASK_SIZE: &[u8];
    const BID_PRICE: &[u8];
    const BID_SIZE: &[u8];
    const STREAM: &[u8];
}

/// The DEFAULT format, as of 2026.
struct Default;

impl Keys for Default {
    const OPEN: &[u8] = br#"{"type":"trade","code":""#;
    const FRAME_AT: &[u8] = br#"","timestamp":"#;
    const DATE: &[u8] = br#","trade_date":""#;
    const TIME: &[u8] = br#"","trade_time":""#;
    const TRADED_AT: &[u8] = br#"","trade_timestamp":"#;
    const PRICE: &[u8] = br#","trade_price":"#;
    const VOLUME: &[u8] = br#","trade_volume":"#;
    const SIDE: &[u8] = br#","ask_bid":""#;
    const PREV_CLOSE: &[u8] = br#"","prev_closing_price":"#;
    const CHANGE: &[u8] = br#","change":""#;
    const CHANGE_PRICE: &[u8] = br#"","change_price":"#;
    const ID: &[u8] = br#","sequential_id":"#;
    const ASK_PRICE: &[u8] = br#","best_ask_price":"#;
    const ASK_SIZE: &[u8] = br#","best_ask_size":"#;
    const BID_PRICE: &[u8] = br#","best_bid_price":"#;
    const BID_SIZE: &[u8] = br#","best_bid_size":"#;
    const STREAM: &[u8] = br#","stream_type":""#;
}

/// The SIMPLE format, in the order seen in 2021.
struct Simple;

impl Keys for Simple {
    const OPEN: &[u8] = br#"{"ty":"trade","cd":""#;
    const FRAME_AT: &[u8] = br#"","tms":"#;
    const DATE: &[u8] = br#","td":""#;
    const TIME: &[u8] = br#"","ttm":""#;
    const TRADED_AT: &[u8] = br#"","ttms":"#;
    const PRICE: &[u8] = br#","tp":"#;
    const VOLUME: &[u8] = br#","tv":"#;
    const SIDE: &[u8] = br#","ab":""#;
    const PREV_CLOSE: &[u8] = br#"","pcp":"#;
    const CHANGE: &[u8] = br#","c":""#;
    const CHANGE_PRICE: &[u8] = br#"","cp":"#;
    const ID: &[u8] = br#","sid":"#;
    const ASK_PRICE: &[u8] = br#","bap":"#;
    const ASK_SIZE: &[u8] = br#","bas":"#;
    const BID_PRICE: &[u8] = br#","bbp":"#;
    const BID_SIZE: &[u8] = br#","bbs":"#;
    const STREAM: &[u8] = br#","st":""#;
}

/// The trade at the very start of `bytes` and what stands behind it, or `None` where the bytes are
/// unusual in any way. Takes nothing but ASCII, so it can come before the check for UTF-8.
#[inline]
pub(super) fn trade(bytes: &[u8], received_at_ms: i64) -> Option<(TradeEvent<'_>, &[u8])> {
    match bytes.get(4) {
        Some(b'p') => read::<Default>(bytes, received_at_ms),
        Some(b'"') => read::<Simple>(bytes, received_at_ms),
        _ => None,
    }
}

#[inline(always)]
fn read<K: Keys>(bytes: &[u8], received_at_ms: i64) -> Option<(TradeEvent<'_>, &[u8])> {
    let (code, rest) = code(bytes.strip_prefix(K::OPEN)?)?;
    let (frame_at, rest) = take_integer(rest.strip_prefix(K::FRAME_AT)?)?;
    let rest = date(rest.strip_prefix(K::DATE)?)?;
    let rest = digits_around(rest.strip_prefix(K::TIME)?, *b"00:00:00")?;
    let (traded_at, rest) = take_integer(rest.strip_prefix(K::TRADED_AT)?)?;
    let (price, rest) = take_decimal(rest.strip_prefix(K::PRICE)?)?;
    let (volume, rest) = take_decimal(rest.strip_prefix(K::VOLUME)?)?;
    let (side, rest) = match rest.strip_prefix(K::SIDE)?.split_first_chunk()? {
        (b"ASK", rest) => (Side::Sell, rest),
        (b"BID", rest) => (Side::Buy, rest),
        _ => return None,
    };
    let (prev_close, rest) = take_decimal(rest.strip_prefix(K::PREV_CLOSE)?)?;
    let rest = change(rest.strip_prefix(K::CHANGE)?)?;
    let (_, rest) = take_decimal(rest.strip_prefix(K::CHANGE_PRICE)?)?;
    let (sequential_id, rest) = take_integer(rest.strip_prefix(K::ID)?)?;
    let (best, rest) = best::<K>(rest)?;
    let rest = rest.strip_prefix(K::STREAM)?;
    let (snapshot, rest) = match rest.split_first_chunk()? {
        (b"REALTIME\"}", rest) => (false, rest),
        (b"SNAPSHOT\"}", rest) => (true, rest),
        _ => return None,
    };
    if !price.is_positive() || !volume.is_positive() {
        return None;
    }
    let event = TradeEvent {
        code: Cow::Borrowed(code),
        side,
        price,
        volume,
        sequential_id,
        traded_at_ms: to_ms(traded_at)?,
        frame_at_ms: Some(to_ms(frame_at)?),
        received_at_ms,
        snapshot,
        best_bid: best.map(|(bid, _)| bid).filter(|d| d.is_positive()),
        best_ask: best.map(|(_, ask)| ask).filter(|d| d.is_positive()),
        prev_close: Some(prev_close).filter(|d| d.is_positive()),
        dropped: false,
    };
    Some((event, rest))
}

/// The best prices, which frames from before 2024-11-27 do not have.
type Best = Option<(Decimal, Decimal)>;

/// The best bid and ask.
#[inline(always)]
fn best<K: Keys>(rest: &[u8]) -> Option<(Best, &[u8])> {
    let Some(rest) = rest.strip_prefix(K::ASK_PRICE) else { return Some((None, rest)) };
    let (ask, rest) = take_decimal(rest)?;
    let (_, rest) = take_decimal(rest.strip_prefix(K::ASK_SIZE)?)?;
    let (bid, rest) = take_decimal(rest.strip_prefix(K::BID_PRICE)?)?;
    let (_, rest) = take_decimal(rest.strip_prefix(K::BID_SIZE)?)?;
    Some((Some((bid, ask)), rest))
}

/// The market code at the start, and what stands from its closing quote on.
#[inline(always)]
pub(super) fn code(rest: &[u8]) -> Option<(&str, &[u8])> {
    let mut dash = None;
    for (i, byte) in rest.iter().take(MAX_CODE_LEN + 1).enumerate() {
        match byte {
            b'A'..=b'Z' | b'0'..=b'9' => {}
            b'-' if dash.is_none() && i > 0 => dash = Some(i),
            b'"' if dash.is_some_and(|at| at + 1 < i) => {
                let (code, rest) = rest.split_at_checked(i)?;
                return Some((std::str::from_utf8(code).ok()?, rest));
            }
            _ => return None,
        }
    }
    None
}

/// What stands behind a date such as `2026-09-02`.
#[inline(always)]
fn date(rest: &[u8]) -> Option<&[u8]> {
    match digits_around(rest, *b"0000-00-")?.split_first_chunk::<2>()? {
        ([b'0'..=b'3', b'0'..=b'9'], rest) => Some(rest),
        _ => None,
    }
}

/// What stands behind eight characters that are those of `form`, with any digit (or one of the six
/// characters that follow `9`) where it has a 0.
#[inline(always)]
fn digits_around(rest: &[u8], form: [u8; 8]) -> Option<&[u8]> {
    let (eight, rest) = rest.split_first_chunk::<8>()?;
    let counts = form.map(|byte| if byte == b'0' { 0xf0 } else { 0xff });
    let differs = u64::from_le_bytes(*eight) ^ u64::from_le_bytes(form);
    (differs & u64::from_le_bytes(counts) == 0).then_some(rest)
}

/// What stands behind the direction since yesterday.
#[inline(always)]
fn change(rest: &[u8]) -> Option<&[u8]> {
    match rest.split_first_chunk::<4>()? {
        (b"RISE" | b"EVEN" | b"FALL", rest) => Some(rest),
        _ => None,
    }
}
