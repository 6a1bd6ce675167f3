//! What it costs to decode one trade, against serde_json reading the same fields as floats; and what
//! a ticker and a book of thirty levels cost.
//!
//! `cargo bench --bench decode`; medians of 11 runs, each over a thousand different frames.

use std::{fmt::Write, hint::black_box, time::Instant};
use tradehook::upbit::{Event, decode};

const FRAMES: usize = 1000;
const PASSES: usize = 200;
const RUNS: usize = 11;

/// What a plain client would write: borrowed strings, floats, the same fields.
#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "read for their cost")]
struct Plain<'a> {
    r#type: &'a str,
    code: &'a str,
    timestamp: i64,
    trade_timestamp: i64,
    trade_price: f64,
    trade_volume: f64,
    ask_bid: &'a str,
    prev_closing_price: Option<f64>,
    sequential_id: u64,
    best_ask_price: Option<f64>,
    best_bid_price: Option<f64>,
    stream_type: &'a str,
}

/// Frames as the venue sent them in 2026: DEFAULT, in its order of keys or another.
fn frames(usual_order: bool) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(1);
    let frame = |_| {
        let at = 1_788_335_180_377 + rng.i64(0..1_000_000);
        let price = rng.u64(1_000..200_000_000);
        let mut frame = String::from("{");
        let mut keys = [
            r#""type":"trade","code":"KRW-BTC""#.to_owned(),
            format!(r#""timestamp":{},"trade_date":"2026-09-02","trade_time":"07:46:20""#, at + 45),
            format!(r#""trade_timestamp":{at},"trade_price":{price}.00000000"#),
            format!(r#""trade_volume":0.{:08},"ask_bid":"ASK""#, rng.u32(1..99_999_999)),
            format!(
                r#""prev_closing_price":{price}.00000000,"change":"FALL","change_price":314000.00000000"#
            ),
            format!(r#""sequential_id":{at}{:04},"best_ask_price":{price}"#, rng.u32(..20)),
            r#""best_ask_size":0.00906333"#.to_owned(),
            format!(r#""best_bid_price":{price},"best_bid_size":0.00702247,"stream_type":"REALTIME""#),
        ];
        if !usual_order {
            keys.reverse();
        }
        let _ = write!(frame, "{}}}", keys.join(","));
        frame
    };
    (0..FRAMES).map(frame).collect()
}

/// The median of nanoseconds a frame over the runs.
fn measure(frames: &[String], mut one: impl FnMut(&[u8])) -> f64 {
    let mut runs: Vec<f64> = (0..=RUNS)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..PASSES {
                for frame in frames {
                    one(black_box(frame.as_bytes()));
                }
            }
            began.elapsed().as_nanos() as f64 / (PASSES * frames.len()) as f64
        })
        .skip(1)
        .collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn ours(frame: &[u8]) {
    decode(frame, 0, &mut |event: Event<'_>| match event {
        Event::Trade(trade) => {
            black_box(trade);
        }
        other => panic!("not a trade: {other:?}"),
    });
}

fn plain(frame: &[u8]) {
    let text = std::str::from_utf8(frame);
    match text.map(serde_json::from_str::<Plain<'_>>) {
        Ok(Ok(trade)) => {
            black_box(trade);
        }
        other => panic!("not a trade: {:?}", other.is_ok()),
    }
}

/// Tickers and books as the venue sent them in 2026.
fn quotes() -> [(&'static str, Vec<String>); 2] {
    let ticker = |n: usize| {
        format!(
            r#"{{"type":"ticker","code":"KRW-BTC","opening_price":102158000.0,"high_price":103708000.0,"low_price":100795000.0,"trade_price":{},"prev_closing_price":102103000.0,"acc_trade_price":86970405555.45227,"change":"RISE","change_price":1057000.0,"signed_change_price":1057000.0,"change_rate":0.0103522913,"signed_change_rate":0.0103522913,"ask_bid":"BID","trade_volume":0.0005,"acc_trade_volume":851.82334868,"trade_date":"20260216","trade_time":"131654","trade_timestamp":1771247814642,"acc_ask_volume":412.37969677,"acc_bid_volume":439.44365191,"highest_52_week_price":179869000.0,"highest_52_week_date":"2025-10-09","lowest_52_week_price":89000000.0,"lowest_52_week_date":"2026-02-06","market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":1771247816255,"acc_trade_price_24h":157810722200.7429,"acc_trade_volume_24h":1547.96784012,"stream_type":"REALTIME"}}"#,
            103_160_000 + n
        )
    };
    let book = |n: usize| {
        let level = |i: usize| {
            let (ask, bid) = (103_161_000 + n + i * 1000, 103_156_000 + n - i * 1000);
            format!(
                r#"{{"ask_price":{ask}.0,"bid_price":{bid}.0,"ask_size":0.09013111,"bid_size":0.77970543}}"#
            )
        };
        let levels: Vec<_> = (0..30).map(level).collect();
        format!(
            r#"{{"type":"orderbook","code":"KRW-BTC","timestamp":1771247816947,"total_ask_size":3.46790189,"total_bid_size":11.93003003,"orderbook_units":[{}],"stream_type":"REALTIME","level":0}}"#,
            levels.join(",")
        )
    };
    [("a ticker", (0..FRAMES).map(ticker).collect()), ("a book", (0..FRAMES).map(book).collect())]
}

fn quote(frame: &[u8]) {
    decode(frame, 0, &mut |event: Event<'_>| match event {
        Event::Quote(quote) => {
            black_box(quote);
        }
        other => panic!("not a quote: {other:?}"),
    });
}

fn main() {
    for (name, usual_order) in [("the venue's order of keys", true), ("another order of keys", false)] {
        let frames = frames(usual_order);
        let (ours, plain) = (measure(&frames, ours), measure(&frames, plain));
        println!("{name}: {ours:.0} ns a trade, serde_json {plain:.0} ns, ratio {:.2}", ours / plain);
    }
    for (name, frames) in quotes() {
        println!("{name}: {:.0} ns", measure(&frames, quote));
    }
}
