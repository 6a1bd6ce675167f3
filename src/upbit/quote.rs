//! The reader of tickers, order books and candles: one JSON object into one event.
//!
//! As `object`, it expects nothing of the order of keys and knows DEFAULT and SIMPLE names at once.
//! There is no reader in a hurry beside it: eight hundred books a second, all there are, take a
//! hundredth or two of a core.
//!
//! What a quote cannot do without: its market, the time of its frame, the price of a ticker, the
//! levels of a book, the beginning and the four prices of a candle. All else is optional, and a
//! value that is there and cannot be held exactly is absent and noted as dropped.
//!
//! Keeps: [decode-is-total] [numbers-survive] [bounded]

use super::{
    event::{Event, Field, QuoteEvent, Reason},
    number::read_wide,
    object::{Slots, code, integer, noted, number, optional, positive, read, string, time},
};
use crate::{
    market::MarketId,
    quote::{Candle, Day, Head, Level, MAX_LEVELS, MarketState, Orderbook, Quote, Ticker},
    trade::{Flags, Side},
};
use serde::{
    Deserializer as _,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;
use tradehook_decimal::{Decimal, Wide};

/// The values of an object that matter, and which keys name them.
macro_rules! slots {
    ($name:ident { $($field:ident: $($key:literal)|+),+ $(,)? }) => {
        #[derive(Default)]
        struct $name<'a> {
            $($field: Option<&'a RawValue>,)+
        }
        impl<'a> Slots<'a> for $name<'a> {
            fn slot(&mut self, key: &str) -> Option<&mut Option<&'a RawValue>> {
                Some(match key {
                    $($($key)|+ => &mut self.$field,)+
                    _ => return None,
                })
            }
        }
    };
}

slots!(TickerFields {
    code: "code" | "cd" | "mk" | "market",
    sent_at: "timestamp" | "tms",
    stream: "stream_type" | "st",
    traded_at: "trade_timestamp" | "ttms",
    price: "trade_price" | "tp",
    volume: "trade_volume" | "tv",
    side: "ask_bid" | "ab",
    open: "opening_price" | "op",
    high: "high_price" | "hp",
    low: "low_price" | "lp",
    prev_close: "prev_closing_price" | "pcp",
    change: "signed_change_price" | "scp",
    change_rate: "signed_change_rate" | "scr",
    acc_volume: "acc_trade_volume" | "atv",
    acc_volume_24h: "acc_trade_volume_24h" | "atv24h",
    acc_notional: "acc_trade_price" | "atp",
    acc_notional_24h: "acc_trade_price_24h" | "atp24h",
    acc_ask_volume: "acc_ask_volume" | "aav",
    acc_bid_volume: "acc_bid_volume" | "abv",
    high_52w: "highest_52_week_price" | "h52wp",
    high_52w_on: "highest_52_week_date" | "h52wdt",
    low_52w: "lowest_52_week_price" | "l52wp",
    low_52w_on: "lowest_52_week_date" | "l52wdt",
    state: "market_state" | "ms",
    delisted_on: "delisting_date" | "dd",
});

slots!(BookFields {
    code: "code" | "cd" | "mk" | "market",
    sent_at: "timestamp" | "tms",
    stream: "stream_type" | "st",
    total_ask_size: "total_ask_size" | "tas",
    total_bid_size: "total_bid_size" | "tbs",
    grouping: "level" | "lv",
    units: "orderbook_units" | "obu",
});

slots!(UnitFields {
    ask_price: "ask_price" | "ap",
    bid_price: "bid_price" | "bp",
    ask_size: "ask_size" | "as",
    bid_size: "bid_size" | "bs",
});

slots!(CandleFields {
    code: "code" | "cd" | "mk" | "market",
    sent_at: "timestamp" | "tms",
    stream: "stream_type" | "st",
    opened_at: "candle_date_time_utc" | "cdttmu",
    open: "opening_price" | "op",
    high: "high_price" | "hp",
    low: "low_price" | "lp",
    close: "trade_price" | "tp",
    volume: "candle_acc_trade_volume" | "catv",
    notional: "candle_acc_trade_price" | "catp",
});

slots!(DateFields { year: "year", month: "month", day: "day" });

/// The event of `text`, an object of the type `kind`; `None` where that is no type of quote.
pub(super) fn event<'a>(kind: &str, text: &'a str, received_at_ms: i64) -> Option<Result<Event<'a>, Reason>> {
    let read = match kind {
        "ticker" => ticker(text, received_at_ms),
        "orderbook" => book(text, received_at_ms),
        _ => candle(text, unit_s(kind.strip_prefix("candle.")?)?, received_at_ms),
    };
    Some(read.map(Event::Quote))
}

/// The length of a candle in seconds: `1s`, `15m`.
fn unit_s(unit: &str) -> Option<u32> {
    let (digits, seconds) = match unit.strip_suffix('s') {
        Some(digits) => (digits, 1),
        None => (unit.strip_suffix('m')?, 60),
    };
    let plain = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse::<u32>().ok().filter(|&n| plain && n > 0).map(|n| n * seconds)
}

fn head(sent_at: Option<&RawValue>, stream: Option<&RawValue>, received_at_ms: i64) -> Result<Head, Reason> {
    let snapshot = stream.and_then(string).is_some_and(|word| word == "SNAPSHOT");
    Ok(Head {
        // Numbers of markets belong to a tape.
        market: MarketId(0),
        sent_at_ms: time(sent_at, Field::SentAt)?,
        received_at_ms,
        flags: if snapshot { Flags::SNAPSHOT } else { Flags::default() },
    })
}

fn ticker(text: &str, received_at_ms: i64) -> Result<QuoteEvent<'_>, Reason> {
    let f: TickerFields<'_> = read(text)?;
    let mut dropped = false;
    let d = &mut dropped;
    let quote = Ticker {
        head: head(f.sent_at, f.stream, received_at_ms)?,
        traded_at_ms: f.traded_at.and_then(|at| noted(time(Some(at), Field::TradedAt), d)),
        price: positive(f.price, Field::Price)?,
        volume: optional(f.volume, d),
        side: f.side.and_then(string).and_then(|word| side(&word)),
        open: optional(f.open, d),
        high: optional(f.high, d),
        low: optional(f.low, d),
        prev_close: optional(f.prev_close, d),
        change: signed(f.change, d),
        change_rate: signed(f.change_rate, d),
        acc_volume: sum(f.acc_volume, d),
        acc_notional: sum(f.acc_notional, d),
        acc_volume_24h: sum(f.acc_volume_24h, d),
        acc_notional_24h: sum(f.acc_notional_24h, d),
        acc_ask_volume: sum(f.acc_ask_volume, d),
        acc_bid_volume: sum(f.acc_bid_volume, d),
        high_52w: optional(f.high_52w, d),
        high_52w_on: f.high_52w_on.and_then(day),
        low_52w: optional(f.low_52w, d),
        low_52w_on: f.low_52w_on.and_then(day),
        state: f.state.and_then(string).map_or(MarketState::Other, |word| state(&word)),
        delisted_on: f.delisted_on.and_then(day),
    };
    Ok(QuoteEvent { code: code(f.code)?, quote: Quote::Ticker(Box::new(quote)), dropped })
}

fn book(text: &str, received_at_ms: i64) -> Result<QuoteEvent<'_>, Reason> {
    let f: BookFields<'_> = read(text)?;
    let mut dropped = false;
    let d = &mut dropped;
    let quote = Orderbook {
        head: head(f.sent_at, f.stream, received_at_ms)?,
        total_ask_size: sum(f.total_ask_size, d),
        total_bid_size: sum(f.total_bid_size, d),
        grouping: signed(f.grouping, d),
        levels: levels(f.units.ok_or(Reason::Missing(Field::Units))?, d)?,
    };
    Ok(QuoteEvent { code: code(f.code)?, quote: Quote::Orderbook(quote), dropped })
}

fn candle(text: &str, unit_s: u32, received_at_ms: i64) -> Result<QuoteEvent<'_>, Reason> {
    let f: CandleFields<'_> = read(text)?;
    let mut dropped = false;
    let opened_at = f.opened_at.ok_or(Reason::Missing(Field::OpenedAt))?;
    let quote = Candle {
        head: head(f.sent_at, f.stream, received_at_ms)?,
        opened_at_ms: string(opened_at)
            .and_then(|text| moment(&text))
            .ok_or(Reason::Malformed(Field::OpenedAt))?,
        unit_s,
        open: positive(f.open, Field::Open)?,
        high: positive(f.high, Field::High)?,
        low: positive(f.low, Field::Low)?,
        close: positive(f.close, Field::Price)?,
        volume: sum(f.volume, &mut dropped),
        notional: sum(f.notional, &mut dropped),
    };
    Ok(QuoteEvent { code: code(f.code)?, quote: Quote::Candle(Box::new(quote)), dropped })
}

/// The levels of a book. More than [`MAX_LEVELS`] are no book of this venue.
fn levels(units: &RawValue, dropped: &mut bool) -> Result<Vec<Level>, Reason> {
    let raw = serde_json::Deserializer::from_str(units.get())
        .deserialize_seq(Units)
        .map_err(|_| Reason::Malformed(Field::Units))?
        .ok_or(Reason::OutOfRange(Field::Units))?;
    raw.into_iter().map(|unit| level(unit, dropped)).collect()
}

fn level(unit: &RawValue, dropped: &mut bool) -> Result<Level, Reason> {
    let f: UnitFields<'_> = read(unit.get()).map_err(|_| Reason::Malformed(Field::Units))?;
    Ok(Level {
        ask_price: optional(f.ask_price, dropped),
        ask_size: optional(f.ask_size, dropped),
        bid_price: optional(f.bid_price, dropped),
        bid_size: optional(f.bid_size, dropped),
    })
}

/// Takes the elements of a list, or says `None` where there are too many.
struct Units;

impl<'de> Visitor<'de> for Units {
    type Value = Option<Vec<&'de RawValue>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut units = Some(Vec::with_capacity(30));
        while let Some(unit) = seq.next_element::<&RawValue>()? {
            units = units.filter(|units: &Vec<_>| units.len() < MAX_LEVELS);
            if let Some(units) = &mut units {
                units.push(unit);
            }
        }
        Ok(units)
    }
}

fn signed(raw: Option<&RawValue>, dropped: &mut bool) -> Option<Decimal> {
    let text = noted(number(Some(raw?), Field::Price), dropped)?;
    noted(super::number::read_decimal(&text, Field::Price), dropped)
}

/// A sum: nought counts, what is below does not.
fn sum(raw: Option<&RawValue>, dropped: &mut bool) -> Option<Wide> {
    let text = noted(number(Some(raw?), Field::Volume), dropped)?;
    let value = noted(read_wide(&text, Field::Volume), dropped)?;
    *dropped |= value < Wide::ZERO;
    (value >= Wide::ZERO).then_some(value)
}

fn side(word: &str) -> Option<Side> {
    match word {
        "ASK" => Some(Side::Sell),
        "BID" => Some(Side::Buy),
        _ => None,
    }
}

fn state(word: &str) -> MarketState {
    match word {
        "PREVIEW" => MarketState::Preview,
        "ACTIVE" => MarketState::Active,
        "DELISTED" => MarketState::Delisted,
        _ => MarketState::Other,
    }
}

/// A day in any of the shapes in use: `2025-10-09`, `20251009`, an object of year, month and day.
fn day(raw: &RawValue) -> Option<Day> {
    if raw.get().starts_with('{') {
        let f: DateFields<'_> = read(raw.get()).ok()?;
        let part = |raw| u32::try_from(integer(raw, Field::OpenedAt).ok()?).ok();
        return Day::new(part(f.year)?, part(f.month)?, part(f.day)?);
    }
    let text = string(raw)?;
    let text = text.get(..10).unwrap_or(&text);
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    Day::new(number / 10_000, number / 100 % 100, number % 100)
}

/// Ms since the Unix epoch of `2026-07-30T07:45:00`, which is UTC though it does not say so.
fn moment(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    let form = b"0000-00-00T00:00:00";
    let fits = |(byte, form): (&u8, &u8)| {
        if *form == b'0' { byte.is_ascii_digit() } else { byte == form }
    };
    if !bytes.iter().zip(form).all(fits) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
    let real = (1970..=2100).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    real.then(|| (((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Days since 1970-01-01, in the Gregorian calendar; years are counted from March, so that the
/// leap day is a year's last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_without_a_zone() {
        let check = |text, expect| assert_eq!(moment(text), expect, "{text}");
        check("1970-01-01T00:00:00", Some(0));
        check("2026-07-30T07:45:00", Some(1_785_397_500_000));
        check("2024-02-29T23:59:59Z", Some(1_709_251_199_000));
        check("2024-13-01T00:00:00", None);
        check("2024-01-01 00:00:00", None);
        check("2024-01-01T00:00", None);
        check("2024-01-01T00:00:0é", None);
    }

    #[test]
    fn units_are_seconds_and_minutes() {
        let check = |text, expect| assert_eq!(unit_s(text), expect, "{text}");
        check("1s", Some(1));
        check("240m", Some(14_400));
        check("0m", None);
        check("1d", None);
        check("+1m", None);
        check("99999m", None);
        check("m", None);
    }
}
