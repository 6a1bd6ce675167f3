//! What a trade costs in the plugin, natively: medians over runs of a million trades.
//!
//! `cargo bench -p tradehook-aggregate`. The trades wander like a won market's: integer prices on
//! one, prices and volumes of mixed decimals on the other.

use std::{hint::black_box, time::Instant};
use tradehook_aggregate::AggregatePlugin;
use tradehook_sdk::{Decimal, Flags, Out, Plugin, Setup, Side, Trade};

const TRADES: usize = 1_000_000;

fn trades(markets: u32, price_scale: u8) -> Vec<Trade<'static>> {
    const CODES: [&str; 4] = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-DOGE"];
    let mut seed = 42u64;
    let mut price = 103_460_000i64;
    let mut trade = |i: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        price += ((seed >> 33) % 3) as i64 * 1000 - 1000;
        let market_id = i as u32 % markets;
        Trade {
            offset: i as u64,
            market: CODES[market_id as usize % CODES.len()],
            market_id,
            side: if seed >> 63 == 0 { Side::Buy } else { Side::Sell },
            price: Decimal::new(price + (seed >> 50) as i64 % 7, price_scale).unwrap_or_default(),
            volume: Decimal::new(1 + (seed >> 36) as i64 % 100_000_000, 8).unwrap_or_default(),
            sequential_id: i as u64,
            traded_at_ms: 1_763_679_600_000 + i as i64 * 10,
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
            let Ok(mut plugin) = AggregatePlugin::new(&setup) else { return f64::NAN };
            let started = Instant::now();
            for batch in trades.chunks(512) {
                let mut out = Out::new();
                for (i, trade) in batch.iter().enumerate() {
                    out.stand_at(i as u32);
                    plugin.on_trade(black_box(trade), &mut out);
                }
                black_box(out.finish(512));
            }
            started.elapsed().as_secs_f64() * 1e9 / trades.len() as f64
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    let median = runs[runs.len() / 2];
    println!("{name:<44} {median:>7.1} ns/trade {:>7.1} M trades/s", 1000.0 / median);
}

fn main() {
    let (whole, mixed) = (trades(1, 0), trades(1, 4));
    measure("one market, 1m, whole prices", r#"{"size":"1m"}"#, &whole);
    measure("one market, 1m, mixed decimals", r#"{"size":"1m"}"#, &mixed);
    measure("one market, 1s final and update", r#"{"size":"1s","emit":"both"}"#, &mixed);
    measure(
        "one market, 1m 5m 1h 1d",
        r#"{"bars":[{"size":"1m"},{"size":"5m"},{"size":"1h"},{"size":"1d"}]}"#,
        &mixed,
    );
    measure("one market, VWAP 5m each second", r#"{"vwap":[{"window":"5m"}]}"#, &mixed);
    measure("one market, volume bars, split", r#"{"kind":"volume","size":"5","overshoot":"split"}"#, &mixed);
    measure("one market, tick bars of 100", r#"{"kind":"tick","size":100}"#, &mixed);
    measure("one market, CVD of the day in Seoul", r#"{"cvd":[{"zone":"Asia/Seoul"}]}"#, &mixed);
    measure("one market, TWAP 5m", r#"{"twap":[{"window":"5m"}]}"#, &mixed);
    measure("one market, rolling 5m", r#"{"rolling":[{"window":"5m"}]}"#, &mixed);
    measure("one market, EWMA", r#"{"ewma":[{"half_life":"1m"}]}"#, &mixed);
    measure("one market, quantiles 1m", r#"{"quantiles":[{"window":"1m"}]}"#, &mixed);
    measure("four markets, 1m", r#"{"size":"1m"}"#, &trades(4, 4));
}
