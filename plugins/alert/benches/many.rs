//! 10,000 rules of every sort over 300 markets: what a trade costs, what it all keeps in memory, and
//! how large a snapshot is. Natively, single-threaded.
//!
//! Run with `cargo bench -p tradehook-alert --bench many`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::time::Instant;
use tradehook_alert::AlertPlugin;
use tradehook_sdk::{Decimal, Flags, Out, Plugin, Setup, Side, Tick, Trade};

const MARKETS: usize = 300;
const RULES: usize = 10_000;
const TRADES: usize = 1_000_000;

/// Bytes of this process that are in memory. What was allocated and freed again before may be among
/// them, so a figure is an upper bound.
fn held() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux says it");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
}

/// Nanoseconds that this thread was on a core: other work on the machine does not count.
fn on_core() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).expect("Linux counts it")
}

fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// The conditions of market number `market`, in turn.
fn when(turn: usize) -> String {
    let k = turn / 12;
    match turn % 12 {
        0 => format!(r#"{{"kind": "price", "above": {}}}"#, 103_000 + 100 * k),
        1 => format!(r#"{{"kind": "cross", "level": {}}}"#, 99_000 - 100 * k),
        2 => format!(r#"{{"kind": "change", "window": "5m", "pct": "{}%"}}"#, 3 + k),
        3 => format!(r#"{{"kind": "volume", "window": "1m", "above": "{}억"}}"#, 1 + k),
        4 => format!(r#"{{"kind": "large_trade", "min_notional": "{}억", "aggregate": "sweep"}}"#, 1 + k),
        5 => format!(r#"{{"kind": "trade_rate", "window": "10s", "above": {}}}"#, 400 + k),
        6 => format!(r#"{{"kind": "spread", "above": {}}}"#, 50 + k),
        7 => format!(
            r#"{{"kind": "all", "of": [{{"kind": "change", "window": "1m", "pct": "{}%", "direction": "up"}},
               {{"kind": "imbalance", "window": "1m", "above": "0.{}"}}]}}"#,
            2 + k,
            6 + k
        ),
        8 => format!(
            r#"{{"kind": "sequence", "within": "1m", "steps": [{{"kind": "large_trade", "min_notional": "{}억"}},
               {{"kind": "change", "window": "1m", "pct": "1%", "direction": "down"}}]}}"#,
            1 + k
        ),
        9 => format!(
            r#"{{"kind": "frequency", "window": "5m", "above": {}, "of": {{"kind": "price", "above": 102000}}}}"#,
            3 + k
        ),
        10 => format!(r#"{{"kind": "vwap", "window": "10m", "above": "{}%"}}"#, 2 + k),
        _ => format!(
            r#"{{"kind": "volume_spike", "window": "10s", "buckets": 30, "method": "z", "k": {}}}"#,
            6 + k
        ),
    }
}

fn config(codes: &[String]) -> String {
    let rules: Vec<String> = (0..RULES)
        .map(|index| {
            let (market, turn) = (index % MARKETS, index / MARKETS);
            format!(r#"{{"id": "r{index}", "markets": ["{}"], "when": {}}}"#, codes[market], when(turn))
        })
        .collect();
    format!(r#"{{"rules": [{}]}}"#, rules.join(","))
}

fn main() {
    let codes: Vec<String> = (0..MARKETS).map(|number| format!("KRW-M{number:03}")).collect();
    let config = config(&codes);
    let before = held();
    let start = Instant::now();
    let mut plugin = AlertPlugin::new(&Setup { name: "alert".into(), config }).expect("rules that are right");
    println!("{:8.0} ms to read {RULES} rules", start.elapsed().as_secs_f64() * 1000.0);
    println!("{:8.1} MiB held before the first trade", held().saturating_sub(before) as f64 / 1_048_576.0);
    let (mut seed, mut at_ms) = (88_172_645_463_325_252u64, 1_700_000_000_000i64);
    let mut prices = vec![100_000i64; MARKETS];
    let (mut alerts, mut busy, mut most) = (0, 0.0, 0.0f64);
    for batch in 0..TRADES / 1000 {
        let trades: Vec<Trade<'_>> = (0..1000u64)
            .map(|number| {
                // A few markets have most of the trades, as on the venue.
                let roll = next(&mut seed) as usize;
                let market = if roll.is_multiple_of(3) { (roll / 3) % MARKETS } else { (roll / 3) % 10 };
                prices[market] = (prices[market] + (next(&mut seed) % 41) as i64 - 20).clamp(90_000, 110_000);
                // About 300 trades a second over all markets.
                at_ms += (next(&mut seed) % 7) as i64;
                let size = (next(&mut seed) % 1_000_000_000) as i64 + 1;
                let price = Decimal::new(prices[market], 0).unwrap();
                Trade {
                    offset: number,
                    market: &codes[market],
                    market_id: market as u32,
                    side: if next(&mut seed).is_multiple_of(2) { Side::Buy } else { Side::Sell },
                    price,
                    volume: Decimal::new(size, 8).unwrap(),
                    sequential_id: batch as u64 * 1000 + number,
                    traded_at_ms: at_ms,
                    received_at_ms: at_ms,
                    flags: Flags::default(),
                    best_bid: Decimal::new(prices[market] - 10, 0),
                    best_ask: Decimal::new(prices[market] + 10, 0),
                    prev_close: Some(Decimal::from(100_000)),
                }
            })
            .collect();
        let mut out = Out::new();
        let start = on_core();
        for (index, trade) in (0u32..).zip(&trades) {
            out.stand_at(index);
            plugin.on_trade(trade, &mut out);
        }
        plugin.on_tick(&Tick { offset: 0, at_ms }, &mut out);
        let took = (on_core() - start) / 1e9;
        busy += took;
        most = most.max(took);
        alerts += out.finish(1000).1.len();
        if batch == 10 {
            let held = held().saturating_sub(before) as f64 / 1_048_576.0;
            println!("{held:8.1} MiB held after {batch},000 trades");
        }
    }
    let held = held().saturating_sub(before);
    println!(
        "{:8.0} ns/trade, {:.0} trades/s, {alerts} alerts",
        busy * 1e9 / TRADES as f64,
        TRADES as f64 / busy
    );
    println!("{:8.0} µs per trade in the slowest 1000", most * 1e3);
    println!("{:8.1} MiB held", held as f64 / 1_048_576.0);
    let start = Instant::now();
    let snapshot = plugin.snapshot();
    println!(
        "{:8.1} KiB of snapshot in {:.1} ms",
        snapshot.len() as f64 / 1024.0,
        start.elapsed().as_secs_f64() * 1e3
    );
}
