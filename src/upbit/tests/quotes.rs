//! Tickers, books and candles.

use super::*;
use crate::quote::{Day, Head, Level, MAX_LEVELS, MarketState, Quote};
use crate::{market::MarketId, trade::Flags};
use serde_json::Value;
use tradehook_decimal::Wide;

const TICKER: &str = r#"{"type":"ticker","code":"KRW-ETH","opening_price":2563000.0000,"high_price":2563000.0000,"low_price":2535000.0000,"trade_price":2544000.0000,"prev_closing_price":2563000.00000000,"acc_trade_price":10711749229.465390000000,"change":"FALL","change_price":19000.00000000,"signed_change_price":-19000.00000000,"change_rate":0.0074131877,"signed_change_rate":-0.0074131877,"ask_bid":"BID","trade_volume":0.48140949,"acc_trade_volume":4206.90085201,"trade_date":"20230702","trade_time":"094628","trade_timestamp":1688291188306,"acc_ask_volume":2500.15229731,"acc_bid_volume":1706.74855470,"highest_52_week_price":2795000.00000000,"highest_52_week_date":"2023-04-16","lowest_52_week_price":1345500.00000000,"lowest_52_week_date":"2022-07-13","market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":1688291188337,"acc_trade_price_24h":21149832920.57972000,"acc_trade_volume_24h":8278.60582208,"stream_type":"REALTIME"}"#;
const BOOK: &str = r#"{"ty":"orderbook","cd":"KRW-BTC","tms":1790134773006,"tas":0.48514983,"tbs":2.2403413,"obu":[{"ap":116606000,"bp":116534000,"as":0.06288509,"bs":7.9276E-4},{"ap":0,"bp":116521000,"as":0,"bs":0.01624318}],"st":"SNAPSHOT","lv":0}"#;
const CANDLE: &str = r#"{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-07-30T07:45:00","candle_date_time_kst":"2026-07-30T16:45:00","opening_price":91154000.00000000,"high_price":91157000.00000000,"low_price":91142000.00000000,"trade_price":91157000.00000000,"candle_acc_trade_volume":0.15511395,"candle_acc_trade_price":860743.5307100000000000,"timestamp":1785397531885,"stream_type":"SNAPSHOT"}"#;

fn wide(text: &str) -> Option<Wide> {
    Some(text.parse().unwrap())
}

fn only(frame: &str) -> QuoteEvent<'static> {
    match decoded(frame).as_slice() {
        [Event::Quote(quote)] => quote.clone(),
        other => panic!("{other:?}: {frame}"),
    }
}

fn head(sent_at_ms: i64, flags: Flags) -> Head {
    Head { market: MarketId(0), sent_at_ms, received_at_ms: AT, flags }
}

/// [numbers-survive]
#[test]
fn a_ticker_is_read_whole() {
    let event = only(TICKER);
    assert_eq!((event.code.as_ref(), event.dropped), ("KRW-ETH", false));
    let Quote::Ticker(t) = event.quote else { panic!() };
    assert_eq!(t.head, head(1_688_291_188_337, Flags::default()));
    assert_eq!((t.traded_at_ms, t.side), (Some(1_688_291_188_306), Some(Side::Buy)));
    assert_eq!((t.price, t.volume), (d("2544000"), Some(d("0.48140949"))));
    assert_eq!((t.open, t.high, t.low), (Some(d("2563000")), Some(d("2563000")), Some(d("2535000"))));
    assert_eq!(t.prev_close, Some(d("2563000")));
    assert_eq!((t.change, t.change_rate), (Some(d("-19000")), Some(d("-0.0074131877"))));
    assert_eq!((t.acc_volume, t.acc_notional), (wide("4206.90085201"), wide("10711749229.46539")));
    assert_eq!((t.acc_volume_24h, t.acc_notional_24h), (wide("8278.60582208"), wide("21149832920.57972")));
    assert_eq!((t.acc_ask_volume, t.acc_bid_volume), (wide("2500.15229731"), wide("1706.7485547")));
    assert_eq!((t.high_52w, t.high_52w_on), (Some(d("2795000")), Day::new(2023, 4, 16)));
    assert_eq!((t.low_52w, t.low_52w_on), (Some(d("1345500")), Day::new(2022, 7, 13)));
    assert_eq!((t.state, t.delisted_on), (MarketState::Active, None));
}

/// The last reader's spellings: nulls, shapes of a day, words that are not known, and sums of more
/// digits than 63 bits hold.
#[test]
fn an_odd_ticker_costs_what_it_must_and_no_more() {
    let with = |from: &str, to: &str| {
        assert!(TICKER.contains(from), "{from}");
        decoded(TICKER.replace(from, to))
    };
    let ticker = |from: &str, to: &str| match with(from, to).as_slice() {
        [Event::Quote(QuoteEvent { quote: Quote::Ticker(ticker), dropped, .. })] => {
            (ticker.clone(), *dropped)
        }
        other => panic!("{from} -> {to}: {other:?}"),
    };
    let sum = |to: &str, expect: Option<Wide>, dropped| {
        let (t, said) = ticker("10711749229.465390000000", to);
        assert_eq!((t.acc_notional, said), (expect, dropped), "{to}");
    };
    sum("null", None, false);
    sum("0", Some(Wide::ZERO), false);
    sum("860743123456789.53071000000000000001", wide("860743123456789.53071000000000000001"), false);
    sum("1.0711749229465390000001E22", wide("10711749229465390000001"), false);
    sum("123456789012345678901234567890E-28", wide("12.345678901234567890123456789"), false);
    sum("\"12.5\"", wide("12.5"), false);
    for odd in ["-1", "1e99", "1e-99", "true", "\"x\"", "[]"] {
        sum(odd, None, true);
    }
    let day = |to: &str, expect: Option<Day>| {
        let (t, dropped) = ticker("\"delisting_date\":null", &format!("\"delisting_date\":{to}"));
        assert_eq!((t.delisted_on, dropped), (expect, false), "{to}");
    };
    day("\"2026-12-01\"", Day::new(2026, 12, 1));
    day("\"20261201\"", Day::new(2026, 12, 1));
    day("\"2026-12-01T00:00:00\"", Day::new(2026, 12, 1));
    day(r#"{"year":2026,"month":12,"day":1}"#, Day::new(2026, 12, 1));
    for odd in ["\"soon\"", "\"2026-13-01\"", "5", "[]", "{}", "\"\u{20ac}\u{20ac}\u{20ac}\u{20ac}\""] {
        day(odd, None);
    }
    assert_eq!(ticker("\"ACTIVE\"", "\"HALTED\"").0.state, MarketState::Other);
    assert_eq!(ticker("\"ACTIVE\"", "\"DELISTED\"").0.state, MarketState::Delisted);
    assert_eq!(ticker("\"BID\"", "7").0.side, None);
    assert_eq!(with("\"trade_price\":2544000.0000,", ""), invalid(Reason::Missing(Field::Price)));
    assert_eq!(with("\"timestamp\":1688291188337", "\"timestamp\":7"), {
        invalid(Reason::OutOfRange(Field::SentAt))
    });
    assert_eq!(with("\"KRW-ETH\"", "\"krw-eth\""), invalid(Reason::Malformed(Field::Code)));
    assert_eq!(with("{", r#"{"code":"KRW-BTC","#), decoded(TICKER), "of two keys the last counts");
}

#[test]
fn a_book_is_read_whole_and_has_a_bound() {
    let event = only(BOOK);
    let Quote::Orderbook(book) = event.quote else { panic!() };
    assert_eq!(book.head, head(1_790_134_773_006, Flags::SNAPSHOT));
    assert_eq!((book.total_ask_size, book.total_bid_size), (wide("0.48514983"), wide("2.2403413")));
    assert_eq!(book.grouping, Some(Decimal::ZERO));
    let expect = [
        Level {
            ask_price: Some(d("116606000")),
            ask_size: Some(d("0.06288509")),
            bid_price: Some(d("116534000")),
            bid_size: Some(d("0.00079276")),
        },
        Level { bid_price: Some(d("116521000")), bid_size: Some(d("0.01624318")), ..Level::default() },
    ];
    assert_eq!(book.levels, expect, "a side that is padded with 0 has ended");
    let unit = r#"{"ap":1,"bp":1,"as":1,"bs":1}"#;
    let many = |count: usize| {
        let units = vec![unit; count].join(",");
        decoded(format!(r#"{{"ty":"orderbook","cd":"KRW-BTC","tms":1790134773006,"obu":[{units}]}}"#))
    };
    assert!(matches!(many(MAX_LEVELS).as_slice(), [Event::Quote(_)]));
    assert_eq!(many(MAX_LEVELS + 1), invalid(Reason::OutOfRange(Field::Units)));
    let units = |to: &str| decoded(format!(r#"{{"ty":"orderbook","cd":"KRW-BTC","tms":1790134773006{to}}}"#));
    assert_eq!(units(""), invalid(Reason::Missing(Field::Units)));
    assert_eq!(units(r#","obu":5"#), invalid(Reason::Malformed(Field::Units)));
    assert_eq!(units(r#","obu":[5]"#), invalid(Reason::Malformed(Field::Units)));
    assert!(matches!(units(r#","obu":[]"#).as_slice(), [Event::Quote(_)]));
}

#[test]
fn a_candle_is_read_whole() {
    let event = only(CANDLE);
    let Quote::Candle(candle) = event.quote else { panic!() };
    assert_eq!(candle.head, head(1_785_397_531_885, Flags::SNAPSHOT));
    assert_eq!((candle.opened_at_ms, candle.unit_s), (1_785_397_500_000, 60));
    assert_eq!((candle.open, candle.high), (d("91154000"), d("91157000")));
    assert_eq!((candle.low, candle.close), (d("91142000"), d("91157000")));
    assert_eq!((candle.volume, candle.notional), (wide("0.15511395"), wide("860743.53071")));
    let with = |from: &str, to: &str| decoded(CANDLE.replace(from, to));
    assert_eq!(with("91142000.00000000", "0"), invalid(Reason::OutOfRange(Field::Low)));
    assert_eq!(with("2026-07-30T07:45:00", "yesterday"), invalid(Reason::Malformed(Field::OpenedAt)));
    assert_eq!(with("\"candle.1m\"", "\"candle.4w\""), ignored("candle.4w"));
}

#[test]
fn the_list_formats_hold_quotes_among_trades() {
    let events = decoded(format!("[{TICKER},{DEFAULT},{BOOK},{{\"type\":\"ticker\"}},{CANDLE}]"));
    let kinds: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Quote(quote) => quote.quote.kind().as_str(),
            Event::Trade(_) => "trade",
            Event::Invalid { .. } => "invalid",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["ticker", "trade", "orderbook", "invalid", "candle"]);
}

/// Every number of a real frame, as another reader sees it. [numbers-survive]
#[test]
fn every_real_quote_says_what_its_frame_says() {
    let check = |name: &str, expect: usize| {
        let Some(lines) = real(name) else { return };
        let mut count = 0;
        for line in &lines {
            let raw: BTreeMap<String, &RawValue> = serde_json::from_str(line).unwrap();
            let text = |keys: [&str; 2]| {
                keys.iter().find_map(|key| raw.get(*key)).map(|raw| raw.get()).filter(|t| *t != "null")
            };
            let same = |value: Option<Wide>, keys| {
                let plain = text(keys).map(|t| number::read_wide(t, Field::Price).unwrap());
                assert_eq!(value, plain.filter(|v| *v != Wide::ZERO || value.is_some()), "{keys:?}: {line}");
            };
            for event in decoded(line) {
                let Event::Quote(QuoteEvent { quote, dropped, .. }) = event else { continue };
                count += 1;
                assert!(!dropped, "{line}");
                match quote {
                    Quote::Ticker(t) => {
                        same(Some(t.price.wide()), ["trade_price", "tp"]);
                        same(t.change.map(Decimal::wide), ["signed_change_price", "scp"]);
                        same(t.acc_notional, ["acc_trade_price", "atp"]);
                        same(t.acc_notional_24h, ["acc_trade_price_24h", "atp24h"]);
                        same(t.acc_volume, ["acc_trade_volume", "atv"]);
                        same(t.high_52w.map(Decimal::wide), ["highest_52_week_price", "h52wp"]);
                    }
                    Quote::Orderbook(book) => {
                        same(book.total_ask_size, ["total_ask_size", "tas"]);
                        let units: Value =
                            serde_json::from_str(text(["orderbook_units", "obu"]).unwrap()).unwrap();
                        assert_eq!(book.levels.len(), units.as_array().unwrap().len(), "{line}");
                    }
                    Quote::Candle(candle) => {
                        same(Some(candle.open.wide()), ["opening_price", "op"]);
                        same(candle.notional, ["candle_acc_trade_price", "catp"]);
                        assert!(candle.opened_at_ms <= candle.head.sent_at_ms, "{line}");
                    }
                }
            }
        }
        assert!(count >= expect, "{name}: {count}");
    };
    check("samples/ws_ticker.jsonl", 5);
    check("samples/ws_orderbook.jsonl", 10);
    check("samples/ws_candle.jsonl", 8);
    check("samples/exponent_numbers.jsonl", 4);
}

/// [decode-is-total]
#[test]
fn quotes_with_bytes_changed_at_random_are_quotes_or_refused() {
    let seed = std::env::var("TRADEHOOK_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(17);
    let mut rng = fastrand::Rng::with_seed(seed);
    let alphabet = br#"0123456789.eE+-"\{}[]:,ABKZaz_ "#;
    let mut taken = 0;
    for _ in 0..30_000 {
        let mut bytes = [TICKER, BOOK, CANDLE][rng.usize(..3)].as_bytes().to_vec();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..3) {
                0 => bytes[at] = alphabet[rng.usize(..alphabet.len())],
                1 => bytes.insert(at, alphabet[rng.usize(..alphabet.len())]),
                _ => drop(bytes.remove(at)),
            }
        }
        let events = decoded(&bytes);
        assert!(!events.is_empty(), "TRADEHOOK_SEED={seed}");
        for event in events {
            let Event::Quote(QuoteEvent { quote, .. }) = event else { continue };
            taken += 1;
            if let Quote::Orderbook(book) = quote {
                assert!(book.levels.len() <= MAX_LEVELS);
            }
        }
    }
    assert!(taken > 5_000, "enough mutants are still quotes: {taken}");
}
