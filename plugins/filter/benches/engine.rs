//! What a trade costs in the filter, natively: medians over runs of a million trades.
//!
//! `cargo bench -p tradehook-filter`.

use std::{hint::black_box, time::Instant};
use tradehook_filter::FilterPlugin;
use tradehook_sdk::{Decimal, Flags, Out, Plugin, Setup, Side, Trade};

const TRADES: usize = 1_000_000;

fn trades() -> Vec<Trade<'static>> {
    let mut seed = 42u64;
    let mut trade = |i: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Trade {
            offset: i as u64,
            market: "KRW-BTC",
            market_id: 0,
            side: if seed >> 63 == 0 { Side::Buy } else { Side::Sell },
            price: Decimal::new(1_034_600_000 + (seed >> 40) as i64 % 100_000, 4).unwrap_or_default(),
            volume: Decimal::new(1 + (seed >> 36) as i64 % 100_000_000, 8).unwrap_or_default(),
            sequential_id: i as u64,
            traded_at_ms: i as i64 * 10,
            received_at_ms: 0,
            flags: Flags::default(),
            best_bid: None,
            best_ask: None,
            prev_close: None,
        }
    };
    (0..TRADES).map(&mut trade).collect()
}

fn measure(name: &str, config: &str, trades: &[Trade<'_>]) {
    let mut runs: Vec<f64> = (0..7)
        .map(|_| {
            let setup = Setup { name: "bench".into(), config: config.into() };
            let Ok(mut plugin) = FilterPlugin::new(&setup) else { return f64::NAN };
            let started = Instant::now();
            for batch in trades.chunks(512) {
                let mut out = Out::new();
                for (i, trade) in batch.iter().enumerate() {
                    out.stand_at(i as u32);
                    plugin.on_trade(black_box(trade), &mut out);
                }
                black_box(out.finish(batch.len() as u32));
            }
            started.elapsed().as_secs_f64() * 1e9 / trades.len() as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let median = runs[runs.len() / 2];
    println!("{name:<28} {median:>7.1} ns/trade {:>7.1} M trades/s", 1000.0 / median);
}

fn main() {
    let trades = trades();
    measure("nothing configured", "{}", &trades);
    measure("notional, half passes", r#"{"notional":{"min":"52000"}}"#, &trades);
    measure("side, price, volume", r#"{"side":"buy","price":{"min":1},"volume":{"min":"0.001"}}"#, &trades);
    measure("sample by ratio", r#"{"sample":{"ratio":0.5}}"#, &trades);
    measure("sample and throttle", r#"{"sample":{"every":2},"throttle":{"count":5,"per":"1s"}}"#, &trades);
    measure("schedule", r#"{"schedule":{"from":"09:00","to":"08:00","tz":"Asia/Seoul"}}"#, &trades);
    measure("outlier of 20", r#"{"outlier":{}}"#, &trades);
    measure("reorder", r#"{"reorder":"250ms"}"#, &trades);
    measure("sweep", r#"{"sweep":{"gap":"20ms"}}"#, &trades);
    measure("conflate", r#"{"conflate":{"every":"1s"}}"#, &trades);
}
