//! The wire against frames the venue really sent, where they are at hand.

use super::*;
use std::path::PathBuf;
use tradehook_decimal::Decimal;

fn sample() -> VenueTrade {
    VenueTrade {
        code: "KRW-BTC".into(),
        side: Side::Sell,
        price: 10_669_100_000_000_000,
        volume: 9_372,
        prev_close: 10_700_500_000_000_000,
        traded_at_ms: 1_788_335_180_377,
        arrives_at_ms: 1_788_335_180_423,
        sequential_id: 17_883_351_803_770_004,
        best_ask: 10_670_500_000_000_000,
        best_ask_size: 906_333,
        best_bid: 10_669_100_000_000_000,
        best_bid_size: 702_247,
    }
}

fn spelled(simple: bool, snapshot: bool) -> String {
    let mut out = String::new();
    trade(&mut out, &sample(), simple, snapshot);
    out
}

/// The folder of recorded payloads, or `None` with a line that says so.
fn recorded(file: &str) -> Option<String> {
    let folder = std::env::var_os("TRADEHOOK_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let path = folder.join("upbit/samples").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no recorded payloads at {}", path.display());
    }
    text
}

/// A frame of 2026-09-02, rebuilt from its values, must come out byte for byte.
#[test]
fn a_real_frame_is_spelled_to_the_last_byte() {
    let expect = "{\"type\":\"trade\",\"code\":\"KRW-BTC\",\"timestamp\":1788335180423,\
        \"trade_date\":\"2026-09-02\",\"trade_time\":\"07:46:20\",\"trade_timestamp\":1788335180377,\
        \"trade_price\":106691000.00000000,\"trade_volume\":0.00009372,\"ask_bid\":\"ASK\",\
        \"prev_closing_price\":107005000.00000000,\"change\":\"FALL\",\"change_price\":314000.00000000,\
        \"sequential_id\":17883351803770004,\"best_ask_price\":106705000,\"best_ask_size\":0.00906333,\
        \"best_bid_price\":106691000,\"best_bid_size\":0.00702247,\"stream_type\":\"SNAPSHOT\"}";
    assert_eq!(spelled(false, true), expect);
    if let Some(text) = recorded("ws_trade_default.jsonl") {
        assert_eq!(text.lines().next(), Some(expect));
    }
}

#[test]
fn short_keys_stand_in_the_same_order() {
    let simple = spelled(true, false);
    let mut at = 0;
    for (_, short) in KEYS {
        let key = format!("\"{short}\":");
        let found = simple[at..].find(&key);
        assert!(found.is_some(), "{key} is missing or out of order in {simple}");
        at += found.unwrap_or(0);
    }
    assert!(simple.ends_with("\"st\":\"REALTIME\"}"));
}

#[test]
fn rest_rows_have_the_recorded_keys_and_a_signed_change() {
    let mut row = String::new();
    tick(&mut row, &sample());
    assert!(row.contains("\"change_price\":-314000.00000000,\"ask_bid\":\"ASK\""), "{row}");
    let keys = |text: &str| -> Vec<String> {
        let parts = text.split('"').collect::<Vec<_>>();
        parts.windows(2).filter(|w| w[1].starts_with(':')).map(|w| w[0].to_owned()).collect()
    };
    if let Some(text) = recorded("rest_trades_ticks.jsonl") {
        assert_eq!(Some(keys(&row)), text.lines().next().map(keys));
    }
}

/// Proves [numbers-survive] for what the stand-in spells.
#[test]
fn every_spelling_reads_back_as_the_same_number() {
    for units in [1, 6, 60, 97, 50_000, 79_276, 99_999, 100_000, 906_333, 123_456_789, 10_670_500_000_000_000]
    {
        let expect = Decimal::new(units, 8);
        let check = |text: String| assert_eq!(text.parse().ok(), expect, "{text}");
        check(Plain(units).to_string());
        check(Fixed(units).to_string());
    }
    assert_eq!(Plain(79_276).to_string(), "7.9276E-4");
    assert_eq!(Plain(50_000).to_string(), "5.0E-4");
    assert_eq!(Plain(6).to_string(), "6.0E-8");
    assert_eq!(Fixed(-6).to_string(), "-0.00000006");
}

#[test]
fn times_are_utc() {
    let check = |ms, date: &str, time: &str| assert_eq!(utc(ms), (date.into(), time.into()), "{ms}");
    check(0, "1970-01-01", "00:00:00");
    check(1_788_335_180_377, "2026-09-02", "07:46:20");
    check(951_782_399_999, "2000-02-28", "23:59:59");
    check(951_782_400_000, "2000-02-29", "00:00:00");
    check(1_735_689_599_999, "2024-12-31", "23:59:59");
}
