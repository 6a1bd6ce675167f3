//! What one trade costs with 100 rules on its market, natively: medians in ns.
//!
//! Run with `cargo bench -p tradehook-alert`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::fmt::Write;
use std::time::Instant;
use tradehook_alert::AlertPlugin;
use tradehook_sdk::{Decimal, Flags, Out, Plugin, Setup, Side, Trade};

const TRADES: usize = 400_000;
const BATCH: usize = 1000;

fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// A walk by ticks of 1,000 won around 100 million, a trade about every 50 ms.
fn trades() -> Vec<Trade<'static>> {
    let (mut seed, mut price, mut at_ms) = (88_172_645_463_325_252u64, 100_000i64, 1_700_000_000_000i64);
    (0..TRADES as u64)
        .map(|number| {
            price = (price + (next(&mut seed) % 9) as i64 - 4).clamp(90_000, 110_000);
            at_ms += (next(&mut seed) % 100) as i64;
            let size = (next(&mut seed) % 100_000_000) as i64 + 1;
            Trade {
                offset: number,
                market: "KRW-BTC",
                market_id: 0,
                side: if next(&mut seed).is_multiple_of(2) { Side::Buy } else { Side::Sell },
                price: Decimal::new(price * 1000, 0).unwrap(),
                volume: Decimal::new(size, 8).unwrap(),
                sequential_id: number,
                traded_at_ms: at_ms,
                received_at_ms: at_ms,
                flags: Flags::default(),
                best_bid: None,
                best_ask: None,
                prev_close: Some(Decimal::from(100_000_000)),
            }
        })
        .collect()
}

fn plugin(whens: &[String]) -> AlertPlugin {
    let mut rules = String::new();
    for (index, when) in whens.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(rules, r#"{comma}{{"id": "r{index}", "markets": ["KRW-*"], "when": {{{when}}}}}"#).unwrap();
    }
    let config = format!(r#"{{"rules": [{rules}]}}"#);
    AlertPlugin::new(&Setup { name: "alert".into(), config }).expect("rules that are right")
}

/// The median over batches of ns per trade, and how many alerts there were.
fn measure(whens: &[String], trades: &[Trade<'static>]) -> (f64, usize) {
    let mut plugin = plugin(whens);
    let (mut times, mut alerts) = (Vec::new(), 0);
    for batch in trades.chunks(BATCH) {
        let mut out = Out::new();
        let start = Instant::now();
        for (index, trade) in (0u32..).zip(batch) {
            out.stand_at(index);
            plugin.on_trade(trade, &mut out);
        }
        times.push(start.elapsed().as_nanos() as f64 / batch.len() as f64);
        alerts += out.finish(batch.len() as u32).1.len();
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], alerts)
}

fn prices(count: usize) -> Vec<String> {
    (0..count).map(|k| format!(r#""kind": "price", "above": {}"#, 95_000_000 + 100_000 * k)).collect()
}

fn crosses(count: usize) -> Vec<String> {
    (0..count).map(|k| format!(r#""kind": "cross", "level": {}"#, 95_050_000 + 100_000 * k)).collect()
}

fn changes(count: usize) -> Vec<String> {
    let windows = ["1m", "3m", "5m", "10m", "1h"];
    let windows = windows.iter().cycle();
    (0..count)
        .zip(windows)
        .map(|(k, w)| format!(r#""kind": "change", "window": "{w}", "pct": "{}%""#, 3 + k))
        .collect()
}

fn volumes(count: usize) -> Vec<String> {
    let windows = ["1m", "3m", "5m", "10m", "1h"];
    let windows = windows.iter().cycle();
    (0..count)
        .zip(windows)
        .map(|(k, w)| format!(r#""kind": "volume", "window": "{w}", "above": "{}조""#, 1 + k))
        .collect()
}

fn large(count: usize) -> Vec<String> {
    let how = [r#""aggregate": "sweep""#, r#""aggregate": "single""#];
    let how = how.iter().cycle();
    (0..count)
        .zip(how)
        .map(|(k, how)| format!(r#""kind": "large_trade", "min_notional": "{}억", {how}"#, 1 + k))
        .collect()
}

fn silences(count: usize) -> Vec<String> {
    (0..count).map(|k| format!(r#""kind": "silence", "for": "{}s""#, 10 + k)).collect()
}

/// One rule of each further kind, none of which fires.
fn others() -> Vec<(&'static str, String)> {
    let rule = |name, keys: &str| (name, format!(r#""kind": "{name}", {keys}"#));
    vec![
        rule("channel", r#""inside": [1, 2], "event": "enter""#),
        rule("breakout", r#""window": "1h", "side": "high""#),
        rule("breakout", r#""window": "1h", "side": "high", "basis": "bars:1m""#),
        rule("volume_spike", r#""window": "1m", "method": "ratio", "k": 1000"#),
        rule("volume_spike", r#""window": "1m", "method": "robust", "k": 1000000"#),
        rule("trade_rate", r#""window": "1m", "above": 1000000"#),
        rule("imbalance", r#""window": "1m", "above": 1"#),
        rule("trade_strength", r#""since": "day", "below": 1"#),
        rule("cvd", r#""anchor": "1h", "above": "1억""#),
        rule("vwap", r#""since": "day", "above": "90%""#),
        rule("volatility", r#""window": "10m", "above": "90%""#),
        rule("volatility", r#""window": "10m", "measure": "realised", "above": "90%""#),
        rule("spread", r#""above": 10000"#),
        rule("silence", r#""for": "auto""#),
    ]
}

fn main() {
    let trades = trades();
    let rows = [
        ("no rules", Vec::new()),
        ("1 price", prices(1)),
        ("50 price, 50 cross", [prices(50), crosses(50)].concat()),
        ("10 change", changes(10)),
        ("10 volume", volumes(10)),
        ("10 large_trade", large(10)),
        ("10 silence", silences(10)),
        (
            "40 price, 20 cross, 10 change, 10 volume, 10 large_trade, 10 silence",
            [prices(40), crosses(20), changes(10), volumes(10), large(10), silences(10)].concat(),
        ),
    ];
    let others = others();
    let rows = rows.into_iter().map(|(name, whens)| (name.to_owned(), whens));
    let each = others.iter().map(|(name, when)| (format!("1 {name}: {when}"), vec![when.clone()]));
    let all = others.iter().map(|(_, when)| when.clone()).collect::<Vec<_>>();
    for (name, whens) in rows.chain(each).chain([("1 of each of these".to_owned(), all)]) {
        let (ns, alerts) = measure(&whens, &trades);
        println!("{ns:8.1} ns/trade  {:6.2} M trades/s  {alerts:6} alerts  {name}", 1000.0 / ns);
    }
}
