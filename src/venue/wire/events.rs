//! The wire of the other streams: ticker, order book and candle events, and their REST rows.
//!
//! Spelled as seen: prices of candles and tickers with eight decimals, the book's prices the Java
//! way (`1.16539E8`) in long form and plain in short form, values with as many decimals as they
//! have.
//!
//! Keeps: [numbers-survive]

use super::{Fixed, Plain, Quoted, side, utc};
use crate::venue::{book::Book, candle::Candle, synth::Ticker};
use std::fmt::{Display, Write};

const HOUR_MS: i64 = 3_600_000;

/// One key in both spellings, and its value.
type Field<'a> = (&'static str, &'static str, &'a dyn Display);

/// Appends an object.
fn object(out: &mut String, fields: &[Field<'_>], simple: bool) {
    for (n, (long, short, value)) in fields.iter().enumerate() {
        let open = if n == 0 { '{' } else { ',' };
        // Writing to a String does not fail.
        let _ = write!(out, "{open}\"{}\":{value}", if simple { short } else { long });
    }
    out.push('}');
}

const fn stream_type(snapshot: bool) -> Quoted<'static> {
    Quoted(if snapshot { "SNAPSHOT" } else { "REALTIME" })
}

/// Appends one candle event; `kind` is `candle.1m`.
pub(in super::super) fn candle(
    out: &mut String,
    (kind, code): (&str, &str),
    candle: &Candle,
    simple: bool,
    snapshot: bool,
) {
    let (utc, kst) = (iso(candle.start_ms), iso(candle.start_ms + 9 * HOUR_MS));
    let fields: [Field<'_>; 12] = [
        ("type", "ty", &Quoted(kind)),
        ("code", "cd", &Quoted(code)),
        ("candle_date_time_utc", "cdttmu", &Quoted(&utc)),
        ("candle_date_time_kst", "cdttmk", &Quoted(&kst)),
        ("opening_price", "op", &Fixed(candle.open)),
        ("high_price", "hp", &Fixed(candle.high)),
        ("low_price", "lp", &Fixed(candle.low)),
        ("trade_price", "tp", &Fixed(candle.close)),
        ("candle_acc_trade_volume", "catv", &Volume(candle.volume)),
        ("candle_acc_trade_price", "catp", &Value(candle.value)),
        ("timestamp", "tms", &candle.last_ms),
        ("stream_type", "st", &stream_type(snapshot)),
    ];
    object(out, &fields, simple);
}

/// Appends one row of `/v1/candles/…`; `unit` in minutes where there is one.
pub(in super::super) fn candle_row(
    out: &mut String,
    code: &str,
    candle: &Candle,
    unit: Option<i64>,
    previous_close: Option<i64>,
) {
    let (utc, kst) = (iso(candle.start_ms), iso(candle.start_ms + 9 * HOUR_MS));
    let _ = write!(
        out,
        "{{\"market\":\"{code}\",\"candle_date_time_utc\":\"{utc}\",\"candle_date_time_kst\":\"{kst}\",\
         \"opening_price\":{},\"high_price\":{},\"low_price\":{},\"trade_price\":{},\"timestamp\":{},\
         \"candle_acc_trade_price\":{},\"candle_acc_trade_volume\":{}",
        Fixed(candle.open),
        Fixed(candle.high),
        Fixed(candle.low),
        Fixed(candle.close),
        candle.last_ms,
        Value(candle.value),
        Volume(candle.volume),
    );
    if let Some(unit) = unit {
        let _ = write!(out, ",\"unit\":{unit}");
    }
    if let Some(previous) = previous_close {
        let change = candle.close - previous;
        let _ = write!(
            out,
            ",\"prev_closing_price\":{},\"change_price\":{},\"change_rate\":{}",
            Fixed(previous),
            Fixed(change),
            Rate(change, previous),
        );
    }
    out.push('}');
}

/// Appends one ticker event.
pub(in super::super) fn ticker(out: &mut String, ticker: &Ticker, simple: bool, snapshot: bool) {
    let last = &ticker.last;
    let (date, time) = utc(last.traded_at_ms);
    let (date, time) = (date.replace('-', ""), time.replace(':', ""));
    let change = last.price - last.prev_close;
    let day = &ticker.day;
    let fields: [Field<'_>; 33] = [
        ("type", "ty", &Quoted("ticker")),
        ("code", "cd", &Quoted(&last.code)),
        ("opening_price", "op", &Fixed(day.open)),
        ("high_price", "hp", &Fixed(day.high)),
        ("low_price", "lp", &Fixed(day.low)),
        ("trade_price", "tp", &Fixed(last.price)),
        ("prev_closing_price", "pcp", &Fixed(last.prev_close)),
        ("acc_trade_price", "atp", &Value(day.value)),
        ("change", "c", &Quoted(direction(change))),
        ("change_price", "cp", &Fixed(change.abs())),
        ("signed_change_price", "scp", &Fixed(change)),
        ("change_rate", "cr", &Rate(change.abs(), last.prev_close)),
        ("signed_change_rate", "scr", &Rate(change, last.prev_close)),
        ("ask_bid", "ab", &Quoted(side(last.side))),
        ("trade_volume", "tv", &Fixed(last.volume)),
        ("acc_trade_volume", "atv", &Volume(day.volume)),
        ("trade_date", "tdt", &Quoted(&date)),
        ("trade_time", "ttm", &Quoted(&time)),
        ("trade_timestamp", "ttms", &last.traded_at_ms),
        ("acc_ask_volume", "aav", &Volume(day.volume - day.bought)),
        ("acc_bid_volume", "abv", &Volume(day.bought)),
        ("highest_52_week_price", "h52wp", &Fixed(ticker.highest)),
        ("highest_52_week_date", "h52wdt", &Quoted("2026-01-14")),
        ("lowest_52_week_price", "l52wp", &Fixed(ticker.lowest)),
        ("lowest_52_week_date", "l52wdt", &Quoted("2026-07-01")),
        ("market_state", "ms", &Quoted("ACTIVE")),
        ("is_trading_suspended", "its", &"false"),
        ("delisting_date", "dd", &"null"),
        ("market_warning", "mw", &Quoted(if ticker.warned { "CAUTION" } else { "NONE" })),
        ("timestamp", "tms", &last.arrives_at_ms),
        ("acc_trade_price_24h", "atp24h", &Value(ticker.last_24h.value)),
        ("acc_trade_volume_24h", "atv24h", &Volume(ticker.last_24h.volume)),
        ("stream_type", "st", &stream_type(snapshot)),
    ];
    object(out, &fields, simple);
}

/// Appends one row of `/v1/ticker`.
pub(in super::super) fn ticker_row(out: &mut String, ticker: &Ticker) {
    let last = &ticker.last;
    let plain = |ms: i64| {
        let (date, time) = utc(ms);
        (date.replace('-', ""), time.replace(':', ""))
    };
    let ((date, time), (date_kst, time_kst)) =
        (plain(last.traded_at_ms), plain(last.traded_at_ms + 9 * HOUR_MS));
    let change = last.price - last.prev_close;
    let day = &ticker.day;
    let fields: [Field<'_>; 26] = [
        ("market", "", &Quoted(&last.code)),
        ("trade_date", "", &Quoted(&date)),
        ("trade_time", "", &Quoted(&time)),
        ("trade_date_kst", "", &Quoted(&date_kst)),
        ("trade_time_kst", "", &Quoted(&time_kst)),
        ("trade_timestamp", "", &last.traded_at_ms),
        ("opening_price", "", &Fixed(day.open)),
        ("high_price", "", &Fixed(day.high)),
        ("low_price", "", &Fixed(day.low)),
        ("trade_price", "", &Fixed(last.price)),
        ("prev_closing_price", "", &Fixed(last.prev_close)),
        ("change", "", &Quoted(direction(change))),
        ("change_price", "", &Fixed(change.abs())),
        ("change_rate", "", &Rate(change.abs(), last.prev_close)),
        ("signed_change_price", "", &Fixed(change)),
        ("signed_change_rate", "", &Rate(change, last.prev_close)),
        ("trade_volume", "", &Fixed(last.volume)),
        ("acc_trade_price", "", &Value(day.value)),
        ("acc_trade_price_24h", "", &Value(ticker.last_24h.value)),
        ("acc_trade_volume", "", &Volume(day.volume)),
        ("acc_trade_volume_24h", "", &Volume(ticker.last_24h.volume)),
        ("highest_52_week_price", "", &Fixed(ticker.highest)),
        ("highest_52_week_date", "", &Quoted("2026-01-14")),
        ("lowest_52_week_price", "", &Fixed(ticker.lowest)),
        ("lowest_52_week_date", "", &Quoted("2026-07-01")),
        ("timestamp", "", &last.arrives_at_ms),
    ];
    object(out, &fields, false);
}

/// Appends one order book event.
pub(in super::super) fn book(
    out: &mut String,
    code: &str,
    book: &Book,
    level: i64,
    simple: bool,
    snapshot: bool,
) {
    let mut units = String::from("[");
    for (n, (ask, bid)) in book.asks.iter().zip(&book.bids).enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let _ = if simple {
            write!(
                units,
                "{comma}{{\"ap\":{},\"bp\":{},\"as\":{},\"bs\":{}}}",
                Plain(ask.price),
                Plain(bid.price),
                Plain(ask.size),
                Plain(bid.size)
            )
        } else {
            write!(
                units,
                "{comma}{{\"ask_price\":{},\"bid_price\":{},\"ask_size\":{},\"bid_size\":{}}}",
                Java(ask.price),
                Java(bid.price),
                Fixed(ask.size),
                Fixed(bid.size)
            )
        };
    }
    units.push(']');
    let fields: [Field<'_>; 8] = [
        ("type", "ty", &Quoted("orderbook")),
        ("code", "cd", &Quoted(code)),
        ("timestamp", "tms", &book.at_ms),
        ("total_ask_size", "tas", &Fixed(Book::total(&book.asks))),
        ("total_bid_size", "tbs", &Fixed(Book::total(&book.bids))),
        ("orderbook_units", "obu", &units),
        ("stream_type", "st", &stream_type(snapshot)),
        ("level", "lv", &Plain(level)),
    ];
    object(out, &fields, simple);
}

/// Appends one row of `/v1/orderbook`.
pub(in super::super) fn book_row(out: &mut String, code: &str, book: &Book, level: i64) {
    let _ = write!(
        out,
        "{{\"market\":\"{code}\",\"timestamp\":{},\"total_ask_size\":{},\"total_bid_size\":{},\
         \"orderbook_units\":[",
        book.at_ms,
        Plain(Book::total(&book.asks)),
        Plain(Book::total(&book.bids)),
    );
    for (n, (ask, bid)) in book.asks.iter().zip(&book.bids).enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(
            out,
            "{comma}{{\"ask_price\":{},\"bid_price\":{},\"ask_size\":{},\"bid_size\":{}}}",
            Plain(ask.price),
            Plain(bid.price),
            Plain(ask.size),
            Plain(bid.size)
        );
    }
    let _ = write!(out, "],\"level\":{}}}", Plain(level));
}

/// Appends one row of `/v1/orderbook/instruments`, whose numbers are strings.
pub(in super::super) fn instrument(out: &mut String, code: &str, tick: i64, levels: &[i64]) {
    let quote = code.split_once('-').map_or("", |(quote, _)| quote);
    let levels: Vec<String> = levels.iter().map(|level| format!("\"{}\"", Plain(*level))).collect();
    let _ = write!(
        out,
        "{{\"market\":\"{code}\",\"quote_currency\":\"{quote}\",\"tick_size\":\"{}\",\
         \"supported_levels\":[{}]}}",
        Plain(tick),
        levels.join(",")
    );
}

const fn direction(change: i64) -> &'static str {
    match change {
        0 => "EVEN",
        1.. => "RISE",
        _ => "FALL",
    }
}

/// `yyyy-MM-dd'T'HH:mm:ss`.
pub(in super::super) fn iso(ms: i64) -> String {
    let (date, time) = utc(ms);
    format!("{date}T{time}")
}

/// A sum of volumes: eight decimals.
struct Volume(i128);

impl Display for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNIT: u128 = 100_000_000;
        let units = self.0.unsigned_abs();
        write!(f, "{}.{:08}", units / UNIT, units % UNIT)
    }
}

/// A sum of prices times volumes: sixteen decimals, the last eight left out when they are nought.
struct Value(i128);

impl Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNIT: u128 = 10_000_000_000_000_000;
        let units = self.0.unsigned_abs();
        let text = format!("{}.{:016}", units / UNIT, units % UNIT);
        f.write_str(text.strip_suffix("00000000").unwrap_or(&text))
    }
}

/// A part of a whole with ten decimals, rounded.
struct Rate(i64, i64);

impl Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNIT: i128 = 10_000_000_000;
        let whole = i128::from(self.1).max(1);
        let units = (i128::from(self.0.unsigned_abs()) * UNIT + whole / 2) / whole;
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:010}", units / UNIT, units % UNIT)
    }
}

/// As Java prints a double: an exponent from ten million on and below a thousandth.
struct Java(i64);

impl Display for Java {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const UNIT: u64 = 100_000_000;
        let units = self.0.unsigned_abs();
        if units < UNIT * 10_000_000 {
            let text = Plain(self.0).to_string();
            let point = if text.contains('.') { "" } else { ".0" };
            return write!(f, "{text}{point}");
        }
        let digits = units.to_string();
        let (first, rest) = digits.split_at(1);
        let rest = rest.trim_end_matches('0');
        let exponent = digits.len() - 9;
        write!(f, "{first}.{}E{exponent}", if rest.is_empty() { "0" } else { rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_the_venue_spells_them() {
        let check = |got: &dyn Display, expect: &str| assert_eq!(got.to_string(), expect);
        const UNIT: i64 = 100_000_000;
        check(&Java(116_539_000 * UNIT), "1.16539E8");
        check(&Java(100_000_000 * UNIT), "1.0E8");
        check(&Java(4_407_000 * UNIT), "4407000.0");
        check(&Java(8_717_334_000_000), "87173.34");
        check(&Java(99), "9.9E-7");
        check(&Value(141_394_482_675_400_000_000_000), "14139448.26754000");
        check(&Value(8_607_435_307_100_000_000_001), "860743.5307100000000001");
        check(&Volume(80_044_670), "0.80044670");
        check(&Rate(1_057_000 * UNIT, 102_103_000 * UNIT), "0.0103522913");
        check(&Rate(-306 * UNIT, 37_235 * UNIT), "-0.0082180744");
    }
}
