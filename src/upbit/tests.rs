//! Frames in, events out. The real frames are read from the folder that `TRADEHOOK_SHARED` names,
//! or from `../shared`; where neither exists the tests that need them say that they were skipped.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod quotes;

use super::*;
use crate::trade::Side;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};
use tradehook_decimal::Decimal;

const DEFAULT: &str = r#"{"type":"trade","code":"KRW-BTC","timestamp":1788335180423,"trade_date":"2026-09-02","trade_time":"07:46:20","trade_timestamp":1788335180377,"trade_price":106691000.00000000,"trade_volume":0.00009372,"ask_bid":"ASK","prev_closing_price":107005000.00000000,"change":"FALL","change_price":314000.00000000,"sequential_id":17883351803770004,"best_ask_price":106705000,"best_ask_size":0.00906333,"best_bid_price":106691000,"best_bid_size":0.00702247,"stream_type":"SNAPSHOT"}"#;
const SIMPLE: &str = r#"{"ty":"trade","cd":"BTC-ITAM","tms":1618678272375,"td":"2021-04-17","ttm":"16:51:12","ttms":1618678272000,"tp":0.00000113,"tv":3416.89061628,"ab":"ASK","pcp":0.00000119,"c":"FALL","cp":6E-8,"sid":16186782720000000,"st":"REALTIME"}"#;
const AT: i64 = 1_788_335_180_500;

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn owned(event: Event<'_>) -> Event<'static> {
    let keep = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    match event {
        Event::Trade(trade) => Event::Trade(TradeEvent { code: keep(trade.code), ..trade }),
        Event::Quote(quote) => Event::Quote(QuoteEvent { code: keep(quote.code), ..quote }),
        Event::Ignored { kind } => Event::Ignored { kind: keep(kind) },
        Event::Up => Event::Up,
        Event::Error { name, message } => Event::Error { name: keep(name), message: keep(message) },
        Event::Invalid { reason } => Event::Invalid { reason },
    }
}

fn decoded(frame: impl AsRef<[u8]>) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    decode(frame.as_ref(), AT, &mut |event| events.push(owned(event)));
    events
}

/// What the reader without an order says, which is the measure for the other.
fn decoded_slowly(text: &str) -> Event<'static> {
    owned(object::event(text, AT))
}

fn trades(frame: impl AsRef<[u8]>) -> Vec<TradeEvent<'static>> {
    let only = |event| if let Event::Trade(trade) = event { Some(trade) } else { None };
    decoded(frame).into_iter().filter_map(only).collect()
}

fn invalid(reason: Reason) -> Vec<Event<'static>> {
    vec![Event::Invalid { reason }]
}

fn ignored(kind: &'static str) -> Vec<Event<'static>> {
    vec![Event::Ignored { kind: kind.into() }]
}

/// The lines of a file of real data; `None`, and a word about it, where there is no such folder.
fn real(name: &str) -> Option<Vec<String>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let root = std::env::var_os("TRADEHOOK_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if !root.join("upbit").is_dir() {
        eprintln!("skipped: no recordings in {}", root.display());
        return None;
    }
    let text = std::fs::read_to_string(root.join("upbit").join(name)).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
fn a_trade_of_each_format_is_read_whole() {
    let expect = TradeEvent {
        code: "KRW-BTC".into(),
        side: Side::Sell,
        price: d("106691000"),
        volume: d("0.00009372"),
        sequential_id: 17_883_351_803_770_004,
        traded_at_ms: 1_788_335_180_377,
        frame_at_ms: Some(1_788_335_180_423),
        received_at_ms: AT,
        snapshot: true,
        best_bid: Some(d("106691000")),
        best_ask: Some(d("106705000")),
        prev_close: Some(d("107005000")),
        dropped: false,
    };
    assert!(wire::trade(DEFAULT.as_bytes(), AT).is_some(), "the usual order is read by the quick reader");
    assert_eq!(trades(DEFAULT), std::slice::from_ref(&expect));
    let expect_simple = TradeEvent {
        code: "BTC-ITAM".into(),
        price: d("1.13e-6"),
        volume: d("3416.89061628"),
        sequential_id: 16_186_782_720_000_000,
        traded_at_ms: 1_618_678_272_000,
        frame_at_ms: Some(1_618_678_272_375),
        snapshot: false,
        best_bid: None,
        best_ask: None,
        prev_close: Some(d("0.00000119")),
        ..expect.clone()
    };
    assert!(wire::trade(SIMPLE.as_bytes(), AT).is_some(), "the usual order is read by the quick reader");
    assert_eq!(trades(SIMPLE), std::slice::from_ref(&expect_simple));
    assert_eq!(trades(format!(" [ {DEFAULT} ,\n{SIMPLE}]\n")), [expect.clone(), expect_simple]);
    let rest = r#"{"market":"KRW-BTC","trade_date_utc":"2026-07-30","trade_time_utc":"07:41:00","timestamp":1785397260652,"trade_price":91200000.0,"trade_volume":5.485e-05,"prev_closing_price":91424000.0,"change_price":-224000.0,"ask_bid":"BID","sequential_id":17853972606520000}"#;
    let expect_rest = TradeEvent {
        side: Side::Buy,
        price: d("91200000"),
        volume: d("0.00005485"),
        sequential_id: 17_853_972_606_520_000,
        traded_at_ms: 1_785_397_260_652,
        frame_at_ms: None,
        snapshot: false,
        best_bid: None,
        best_ask: None,
        prev_close: Some(d("91424000")),
        ..expect
    };
    assert!(loose::trade(rest.as_bytes(), AT).is_some(), "so are ticks");
    assert_eq!(trades(rest), std::slice::from_ref(&expect_rest));
    let page = format!("[{rest},5,{rest}]");
    let page = decode_ticks(page.as_bytes(), AT).unwrap();
    assert_eq!((page.trades.as_slice(), page.invalid), ([expect_rest.clone(), expect_rest].as_slice(), 1));
}

#[test]
fn a_rest_body_that_is_no_page_says_why() {
    let check = |body: &str, expect| assert_eq!(decode_ticks(body.as_bytes(), AT), expect, "{body}");
    let refused = |name: &str, message: &str| {
        Err(RestError::Refused { name: name.to_owned(), message: message.to_owned() })
    };
    check("[]", Ok(Ticks::default()));
    check(" [ ] ", Ok(Ticks::default()));
    check(r#"{"error":{"name":404,"message":"Code not found"}}"#, refused("404", "Code not found"));
    check(r#"{"error":{"name":"not_found","message":"no Route"}}"#, refused("not_found", "no Route"));
    check("Too many API requests.", Err(RestError::Invalid(Reason::Syntax)));
    check("{}", Err(RestError::Invalid(Reason::NotAnObject)));
    check(SIMPLE, Err(RestError::Invalid(Reason::NotAnObject)));
    check("[", Err(RestError::Invalid(Reason::Syntax)));
}

/// Faults of the frame itself: malformed, truncated, trailing bytes, deep nesting, duplicate keys,
/// a byte order mark, NUL, other encodings. [decode-is-total]
#[test]
fn a_broken_frame_is_one_invalid_event() {
    let check = |frame: &[u8], expect: Vec<Event<'static>>| {
        assert_eq!(decoded(frame), expect, "{:?}", String::from_utf8_lossy(frame.get(..80).unwrap_or(frame)));
    };
    check(b"", invalid(Reason::Syntax));
    check(b"\0", invalid(Reason::Syntax));
    check(b"\xef\xbb\xbf{}", invalid(Reason::Syntax));
    check(b"{\"status\":\"\xff\"}", invalid(Reason::Utf8));
    check(b"5", invalid(Reason::NotAnObject));
    check(b"\"UP\"", invalid(Reason::NotAnObject));
    check(b"null", invalid(Reason::NotAnObject));
    check(b"NaN", invalid(Reason::Syntax));
    check(b"{\"status\":\"UP\"", invalid(Reason::Syntax));
    check(b"{\"status\":\"UP\"}}", invalid(Reason::Syntax));
    check(b"{\"status\":\"UP\"} x", invalid(Reason::Syntax));
    check(b"{\"status\":\"UP\",}", invalid(Reason::Syntax));
    check(b"{'status':'UP'}", invalid(Reason::Syntax));
    check(b"[{\"status\":\"UP\"}", vec![Event::Up, invalid(Reason::Syntax).remove(0)]);
    check(b"[{\"status\":\"UP\"}]]", vec![Event::Up, invalid(Reason::Syntax).remove(0)]);
    check(b"[{\"status\":\"UP\"},7,{\"status\":\"UP\"}]", {
        vec![Event::Up, invalid(Reason::NotAnObject).remove(0), Event::Up]
    });
    check(b"[]", ignored(""));
    check(b"[[]]", invalid(Reason::NotAnObject));
    for open in ["[", "{\"a\":", "[{\"error\":", "{\"error\":{\"name\":["] {
        let deep = open.repeat(100_000);
        assert!(matches!(decoded(&deep).as_slice(), [Event::Invalid { .. }]), "{open}");
    }
    let nested = format!(r#"{{"x":{}{},"status":"UP"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    check(nested.as_bytes(), vec![Event::Up]);
    check(br#"{"status":"DOWN","status":"UP"}"#, vec![Event::Up]);
    for cut in 0..DEFAULT.len() {
        check(DEFAULT.get(..cut).unwrap().as_bytes(), invalid(Reason::Syntax));
        let list = format!("[{DEFAULT},{}", DEFAULT.get(..cut).unwrap());
        assert_eq!(decoded(&list).len(), 2, "{list}");
    }
}

/// A frame with one value or key replaced.
fn with(from: &str, to: &str) -> Vec<Event<'static>> {
    assert!(DEFAULT.contains(from), "{from}");
    decoded(DEFAULT.replace(from, to))
}

/// Missing, extra, null and renamed fields; numbers as strings, booleans as numbers; order.
#[test]
fn a_field_that_is_odd_costs_what_it_must_and_no_more() {
    use Reason::{Malformed, Missing};
    let whole = decoded(DEFAULT);
    let same = |from: &str, to: &str| assert_eq!(with(from, to), whole, "{from} -> {to}");
    same(r#""change":"FALL","#, "");
    same(r#""change":"FALL""#, r#""change":null,"x":{"y":[1,"]"]}"#);
    same("106691000.00000000", r#""106691000.00000000""#);
    same("106691000.00000000", "1.06691E8");
    same("106691000.00000000", "1.06691e+08");
    same("17883351803770004", r#""17883351803770004""#);
    same(r#""type""#, r#""\u0074ype""#);
    same("KRW-BTC", r"KRW\u002dBTC");
    same(":1788335180377,", ":1788335180377.0,");
    same(":1788335180377,", ":1788335180377000,");
    same("{", r#"{"code":"KRW-ETH","#);
    let fault = |from: &str, to: &str, reason| assert_eq!(with(from, to), invalid(reason), "{from} -> {to}");
    fault(r#""code":"KRW-BTC","#, "", Missing(Field::Code));
    fault(r#""trade_price":106691000.00000000,"#, "", Missing(Field::Price));
    fault(r#""trade_volume":0.00009372"#, r#""trade_volume":null"#, Missing(Field::Volume));
    fault(r#""ask_bid":"ASK","#, "", Missing(Field::Side));
    fault(r#""trade_timestamp""#, r#""tradeTimestamp""#, Missing(Field::TradedAt));
    fault(r#""sequential_id""#, r#""sequentialId""#, Missing(Field::SequentialId));
    fault("\"ASK\"", "\"MAYBE\"", Malformed(Field::Side));
    fault("\"ASK\"", "\"ask\"", Malformed(Field::Side));
    fault("106691000.00000000", "true", Malformed(Field::Price));
    fault("106691000.00000000", r#""dear""#, Malformed(Field::Price));
    fault("106691000.00000000", "[1]", Malformed(Field::Price));
    fault("\"KRW-BTC\"", "7", Malformed(Field::Code));
    for code in ["krw-btc", "KRWBTC", "KRW-", "-BTC", "K-R-W", "<b>-B", "", "KRW-\u{20ac}"] {
        fault("KRW-BTC", code, Malformed(Field::Code));
    }
    fault("KRW-BTC", &format!("KRW-{}", "A".repeat(29)), Malformed(Field::Code));
    fault("\"trade\"", "5", Malformed(Field::Type));
    assert_eq!(with("\"SNAPSHOT\"", "\"LATER\""), with("\"SNAPSHOT\"", "\"REALTIME\""));
}

/// NaN, infinities, exponents beyond reason, signs, noughts, digits; times of other units and ages.
/// [numbers-survive]
#[test]
fn a_value_out_of_range_is_refused_and_never_rounded() {
    use Reason::{Malformed, OutOfRange};
    let price = |to: &str, reason| assert_eq!(with("106691000.00000000", to), invalid(reason), "{to}");
    for token in ["NaN", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "1e", "0x10", "--1"] {
        price(token, Reason::Syntax);
        price(
            &format!("\"{token}\""),
            if matches!(token, "+1" | "01") { continue } else { Malformed(Field::Price) },
        );
    }
    for token in ["0", "-0", "0.000", "-1", "1e999", "1e-400", "1e-19", "-1e999", "9223372036854775808"] {
        price(token, OutOfRange(Field::Price));
        price(&format!("\"{token}\""), OutOfRange(Field::Price));
    }
    price("1.2345678901234567891", OutOfRange(Field::Price));
    let kept = |token: &str| {
        let events = with("106691000.00000000", token);
        assert!(matches!(&events[..], [Event::Trade(t)] if t.price == d(token)), "{token}: {events:?}");
    };
    for token in [
        "0.000000000000000001",
        "9223372036854775807",
        "1e18",
        "999999999999999999",
        "1234567890.12345678",
        "10711749229.465390000000",
        "860743.5307100000000000",
        "123456789.1234567890000000000000",
        "100000000",
        "1234567",
        "12345678",
        "0.1",
        "0.10000000",
        "10.00000001",
        "1.16539E8",
        "7.9276E-4",
        "5.0E-4",
    ] {
        kept(token);
    }
    let volume = |to: &str, reason| assert_eq!(with("0.00009372", to), invalid(reason), "{to}");
    volume("0", OutOfRange(Field::Volume));
    volume("-0.1", OutOfRange(Field::Volume));
    let at = |to: &str, expect: Option<i64>| match (
        with(":1788335180377,", &format!(":{to},")).as_slice(),
        expect,
    ) {
        ([Event::Trade(trade)], Some(ms)) => assert_eq!(trade.traded_at_ms, ms, "{to}"),
        ([Event::Invalid { reason }], None) => assert_eq!(*reason, OutOfRange(Field::TradedAt), "{to}"),
        (got, _) => panic!("{to}: {got:?}"),
    };
    at("1788335180", Some(1_788_335_180_000));
    at("1788335180377123", Some(1_788_335_180_377));
    at("1262304000000", Some(1_262_304_000_000));
    at("1262303999999", None);
    at("4102444799999", Some(4_102_444_799_999));
    at("4102444800000", None);
    at("0", None);
    at("-1788335180377", None);
    at("99999999999999999999", None);
    at("1788335180377.5", None);
    let id = |to: &str, expect| match with("17883351803770004", to).as_slice() {
        [Event::Trade(trade)] => assert_eq!(Some(trade.sequential_id), expect, "{to}"),
        got => assert_eq!((got, expect), (invalid(OutOfRange(Field::SequentialId)).as_slice(), None), "{to}"),
    };
    id("9007199254740993", Some(9_007_199_254_740_993));
    id("18446744073709551615", Some(u64::MAX));
    id("18446744073709551616", None);
    id("-1", None);
    id("1.5", None);
    id("1.788335180377E16", Some(17_883_351_803_770_000));
}

/// What a trade can do without is `None` when it is odd, and the trade says so.
#[test]
fn an_optional_value_that_cannot_be_held_is_dropped_and_said() {
    let check =
        |to: &str, expect: Option<&str>, dropped: bool| match with("107005000.00000000", to).as_slice() {
            [Event::Trade(trade)] => {
                assert_eq!((trade.prev_close, trade.dropped), (expect.map(d), dropped), "{to}");
            }
            got => panic!("{to}: {got:?}"),
        };
    check("107005000.5", Some("107005000.5"), false);
    check("null", None, false);
    check("0", None, false);
    check("0.0", None, false);
    check("-1", None, true);
    check("1e99", None, true);
    check("1e-99", None, true);
    check("true", None, true);
    check("\"x\"", None, true);
    let [Event::Trade(trade)] = &with("\"timestamp\":1788335180423", "\"timestamp\":7")[..] else { panic!() };
    assert_eq!((trade.frame_at_ms, trade.dropped), (None, true));
}

/// The venue's error objects, wherever they come.
#[test]
fn an_error_is_named() {
    let check = |frame: &str, name: &str, message: &str| {
        let expect = Event::Error { name: name.to_owned().into(), message: message.to_owned().into() };
        assert_eq!(decoded(frame), [expect], "{frame}");
    };
    check(
        r#"{"error":{"name":"NO_CODES","message":"codes field not exists."}}"#,
        "NO_CODES",
        "codes field not exists.",
    );
    check(r#"{"error":{"message":"Format \uc774","name":"WRONG_FORMAT"}}"#, "WRONG_FORMAT", "Format 이");
    check(r#"{"error":{"name":429,"message":null}}"#, "429", "");
    check(r#"{"error":"gone"}"#, "", "gone");
    check(r#"{"error":[]}"#, "", "");
    let (fatal, passing) = (
        ["NO_CODES", "WRONG_FORMAT", "NO_TICKET", "NO_TYPE", "INVALID_PARAM", "INVALID_AUTH"],
        ["Too Many Requests", "I'm a teapot", ""],
    );
    assert!(fatal.into_iter().all(is_fatal_error) && !passing.into_iter().any(is_fatal_error));
}

/// Frames that are in order and of no use.
#[test]
fn what_is_not_used_is_ignored_by_name() {
    assert_eq!(decoded(r#"{"status":"UP"}"#), [Event::Up]);
    assert_eq!(decoded(r#"{"status":"AWAY"}"#), ignored("AWAY"));
    assert_eq!(decoded(DEFAULT.replace("\"trade\"", "\"indicator\"")), ignored("indicator"));
    assert_eq!(decoded(DEFAULT.replace("\"trade\"", "\"candle.1w\"")), ignored("candle.1w"));
    assert_eq!(decoded(SIMPLE.replace("\"trade\"", "\"myOrder\"")), ignored("myOrder"));
    assert_eq!(decoded(r#"{"mthd":"LIST_SUBSCRIPTIONS","rslt":[]}"#), ignored("LIST_SUBSCRIPTIONS"));
    assert_eq!(decoded("{}"), ignored(""));
}

#[test]
fn the_subscription_is_one_array_that_names_everything() {
    let mut wanted = Subscription {
        ticket: "t\"1".to_owned(),
        trades: vec!["KRW-BTC".to_owned(), "BTC-ETH".to_owned()],
        ..Subscription::default()
    };
    let plain = r#"[{"ticket":"t\"1"},{"type":"trade","codes":["KRW-BTC","BTC-ETH"]},{"format":"DEFAULT"}]"#;
    assert_eq!(wanted.to_text(), plain);
    (wanted.format, wanted.only_realtime) = (Format::SimpleList, true);
    let other = r#"[{"ticket":"t\"1"},{"type":"trade","codes":["KRW-BTC","BTC-ETH"],"is_only_realtime":true},{"format":"SIMPLE_LIST"}]"#;
    assert_eq!(wanted.to_text(), other);
    let stream = |kind: &str, codes: &[&str]| Stream {
        kind: kind.to_owned(),
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    };
    wanted = Subscription {
        ticket: "t".to_owned(),
        streams: vec![
            stream("ticker", &["KRW-BTC"]),
            stream("candle.5m", &[]),
            stream("orderbook", &["KRW-BTC.5"]),
        ],
        ..Subscription::default()
    };
    let quotes = r#"[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-BTC.5"]},{"format":"DEFAULT"}]"#;
    assert_eq!(wanted.to_text(), quotes);
}

/// A trade as another reader sees it: every value as the text it has in the frame.
fn agrees(trade: &TradeEvent<'_>, line: &str) {
    let raw: BTreeMap<String, &RawValue> = serde_json::from_str(line).unwrap();
    let text = |names: [&str; 3]| {
        names.iter().find_map(|n| raw.get(*n)).map(|v| v.get().trim_matches('"').to_owned())
    };
    let number = |names| text(names).map(|t| d(&t));
    assert_eq!(
        Some(trade.code.as_ref()),
        text(["code", "cd", if raw.contains_key("mk") { "mk" } else { "market" }]).as_deref(),
        "{line}"
    );
    assert_eq!(
        Some(if trade.side == Side::Sell { "ASK" } else { "BID" }),
        text(["ask_bid", "ab", ""]).as_deref(),
        "{line}"
    );
    assert_eq!(Some(trade.price), number(["trade_price", "tp", ""]), "{line}");
    assert_eq!(Some(trade.volume), number(["trade_volume", "tv", ""]), "{line}");
    assert_eq!(trade.prev_close, number(["prev_closing_price", "pcp", ""]), "{line}");
    assert_eq!(trade.best_bid, number(["best_bid_price", "bbp", ""]), "{line}");
    assert_eq!(trade.best_ask, number(["best_ask_price", "bap", ""]), "{line}");
    assert_eq!(Some(trade.sequential_id.to_string()), text(["sequential_id", "sid", ""]), "{line}");
    let traded_at = text(["trade_timestamp", "ttms", "timestamp"]);
    assert_eq!(Some(trade.traded_at_ms.to_string()), traded_at, "{line}");
    if let Some(frame_at) = trade.frame_at_ms {
        assert_eq!(Some(frame_at.to_string()), text(["timestamp", "tms", ""]), "{line}");
    }
    assert_eq!(trade.snapshot, text(["stream_type", "st", ""]).as_deref() == Some("SNAPSHOT"), "{line}");
    assert!(!trade.dropped, "{line}");
}

/// [numbers-survive]
#[test]
fn every_real_frame_decodes_to_what_it_says() {
    let check = |name: &str, expect: usize| {
        let Some(lines) = real(name) else { return };
        let mut count = 0;
        for line in &lines {
            for event in decoded(line) {
                match event {
                    Event::Trade(trade) => {
                        agrees(&trade, line);
                        count += 1;
                    }
                    Event::Invalid { reason } => panic!("{name}: {reason}: {line}"),
                    Event::Quote(_) | Event::Ignored { .. } | Event::Up | Event::Error { .. } => {}
                }
            }
        }
        assert_eq!(count, expect, "{name}");
    };
    check("samples/ws_trade_default.jsonl", 12);
    check("samples/ws_trade_simple.jsonl", 3);
    check("samples/trade_out_of_order_ids.jsonl", TRADES_OUT_OF_ORDER);
    check("samples/exponent_numbers.jsonl", TRADES_WITH_EXPONENTS);
    check("samples/rest_trades_ticks.jsonl", 11);
    for name in ["ticker", "orderbook", "candle", "control", "errors"] {
        check(&format!("samples/ws_{name}.jsonl"), 0);
    }
    check("recordings/2021-04-17_simple_30s.frames.jsonl", 304);
    check("recordings/2021-04-17_simple_30s.trades.jsonl", 304);
}

const TRADES_OUT_OF_ORDER: usize = 42;
const TRADES_WITH_EXPONENTS: usize = 4;

#[test]
fn the_recording_holds_exactly_its_trades() {
    let (Some(frames), Some(alone)) = (
        real("recordings/2021-04-17_simple_30s.frames.jsonl"),
        real("recordings/2021-04-17_simple_30s.trades.jsonl"),
    ) else {
        return;
    };
    let all: Vec<_> = frames.iter().flat_map(trades).collect();
    let expect: Vec<_> = alone.iter().flat_map(trades).collect();
    assert_eq!((all.len(), &all), (304, &expect));
    let quick = alone.iter().filter(|line| wire::trade(line.as_bytes(), AT).is_some()).count();
    assert_eq!(quick, 304, "the order of 2021 is read by the quick reader");
}

/// The readers say the same of every text that a quick one takes: real frames, keys in any
/// order, and bytes changed at random. [decode-is-total]
#[test]
fn the_readers_agree() {
    let agree = |text: &str, origin: &str| -> bool {
        let bytes = text.as_bytes();
        for (trade, rest) in [wire::trade(bytes, AT), loose::trade(bytes, AT)].into_iter().flatten() {
            let whole = &text[..text.len() - rest.len()];
            assert_eq!(owned(Event::Trade(trade)), decoded_slowly(whole), "{origin}: {text}");
        }
        wire::trade(bytes, AT).is_some() && loose::trade(bytes, AT).is_some()
    };
    let mut seeds: Vec<String> = vec![DEFAULT.to_owned(), SIMPLE.to_owned()];
    for name in [
        "samples/ws_trade_default.jsonl",
        "samples/trade_out_of_order_ids.jsonl",
        "samples/rest_trades_ticks.jsonl",
    ] {
        seeds.extend(real(name).unwrap_or_default());
    }
    let seed = std::env::var("TRADEHOOK_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(7);
    let mut rng = fastrand::Rng::with_seed(seed);
    let alphabet = br#"0123456789.eE+-"\{}[]:,ABKZaz_ "#;
    let mut taken = 0;
    for _ in 0..60_000 {
        let mut bytes = seeds[rng.usize(..seeds.len())].clone().into_bytes();
        for _ in 0..rng.usize(..3) {
            let at = rng.usize(..bytes.len());
            let byte = alphabet[rng.usize(..alphabet.len())];
            match rng.u8(..3) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        taken += usize::from(agree(&text, &format!("TRADEHOOK_SEED={seed}")));
        assert!(!decoded(&text).is_empty());
    }
    assert!(taken > 10_000, "enough mutants are still trades: {taken}");
    for line in &seeds {
        let whole = decoded(line);
        let inner = line.trim_start_matches('{').trim_end_matches('}');
        let mut pairs: Vec<&str> = inner.split(",\"").collect();
        for _ in 0..20 {
            rng.shuffle(&mut pairs);
            let body: Vec<_> = pairs.iter().map(|p| p.trim_start_matches('"')).collect();
            assert_eq!(
                decoded(format!("{{\"{}}}", body.join(",\""))),
                whole,
                "TRADEHOOK_SEED={seed}: {line}"
            );
        }
    }
}

/// [decode-is-total]
#[test]
fn any_bytes_at_all_decode_to_something() {
    let seed = 11;
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
        assert!(!decoded(&bytes).is_empty(), "seed {seed}: {bytes:?}");
        let json: Vec<u8> = (0..rng.usize(..64)).map(|_| b"{}[],:\"\\u0t1e.n-"[rng.usize(..16)]).collect();
        assert!(!decoded(&json).is_empty(), "seed {seed}: {}", String::from_utf8_lossy(&json));
    }
}

/// Every price a tick size allows, in the spellings the venue uses, comes back digit by digit.
/// [numbers-survive]
#[test]
fn every_spelling_of_every_magnitude_survives() {
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..50_000 {
        let value =
            Decimal::new(rng.i64(1..1_000_000_000_000_000_000) >> rng.u32(..60), rng.u8(..=18)).unwrap();
        if !value.is_positive() {
            continue;
        }
        let padded =
            format!("{value}{}{}", if value.scale() == 0 { "." } else { "" }, "0".repeat(rng.usize(1..9)));
        let exponent = format!("{}E-{}", value.mantissa(), value.scale());
        for text in [value.to_string(), padded, exponent] {
            let taken =
                number::take_decimal(format!("{text},").as_bytes()).map(|(value, rest)| (value, rest.len()));
            assert_eq!(taken.unwrap_or((value, 1)), (value, 1), "{text}");
            assert_eq!(number::read_decimal(&text, Field::Price), Ok(value), "{text}");
        }
    }
}
