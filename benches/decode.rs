//! What it costs to decode one trade, against serde_json reading the same fields as floats.
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

fn main() {
    for (name, usual_order) in [("the venue's order of keys", true), ("another order of keys", false)] {
        let frames = frames(usual_order);
        let (ours, plain) = (measure(&frames, ours), measure(&frames, plain));
        println!("{name}: {ours:.0} ns a trade, serde_json {plain:.0} ns, ratio {:.2}", ours / plain);
    }
}
