//! 10,000 rules of every sort over 300 markets, replayed from a tape through the guest.
//!
//! `cargo bench --bench rules` prints the rate on one core, what the guest's memory grew to, and
//! the same for no rules, the baseline. The goals: 300,000 trades a second, 50 MiB.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]

use std::{path::Path, time::Instant};
use tradehook::{
    config::Limits,
    market::MarketId,
    pipeline::{MarketFilter, NodeSpec},
    plugin::Host,
    policy::Defaults,
    runtime::{Group, Replay, Source, limits},
    tape::{Tape, TapeConfig},
    trade::{Flags, Side, Trade},
};
use tradehook_decimal::Decimal;

const MARKETS: u32 = 300;
const RULES: u32 = 10_000;
const TRADES: u64 = 1_000_000;
const RUNS: usize = 5;

/// Thirty-three conditions for each market, of twelve sorts.
fn when(turn: u32) -> String {
    let k = turn / 12;
    match turn % 12 {
        0 => format!(r#"{{"kind":"price","above":{}}}"#, 103_000 + 100 * k),
        1 => format!(r#"{{"kind":"cross","level":{}}}"#, 98_000 - 100 * k),
        2 => format!(r#"{{"kind":"change","window":"5m","pct":"{}%"}}"#, 3 + k),
        3 => format!(r#"{{"kind":"volume","window":"1m","above":"{}억"}}"#, 1 + k),
        4 => format!(r#"{{"kind":"large_trade","min_notional":"{}억","aggregate":"sweep"}}"#, 1 + k),
        5 => format!(r#"{{"kind":"trade_rate","window":"10s","above":{}}}"#, 400 + k),
        6 => format!(r#"{{"kind":"spread","above":{}}}"#, 50 + k),
        7 => format!(
            r#"{{"kind":"all","of":[{{"kind":"change","window":"1m","pct":"{}%","direction":"up"}},
                {{"kind":"imbalance","window":"1m","above":"0.{}"}}]}}"#,
            2 + k,
            6 + k
        ),
        8 => format!(
            r#"{{"kind":"sequence","within":"1m","steps":[{{"kind":"large_trade","min_notional":"{}억"}},
                {{"kind":"change","window":"1m","pct":"1%","direction":"down"}}]}}"#,
            1 + k
        ),
        9 => format!(
            r#"{{"kind":"frequency","window":"5m","above":{},"of":{{"kind":"price","above":102000}}}}"#,
            3 + k
        ),
        10 => format!(r#"{{"kind":"vwap","window":"10m","above":"{}%"}}"#, 2 + k),
        _ => format!(r#"{{"kind":"volume_spike","window":"10s","buckets":30,"method":"z","k":{}}}"#, 6 + k),
    }
}

fn rules(count: u32) -> String {
    let rule = |index: u32| {
        let (market, turn) = (index % MARKETS, index / MARKETS);
        format!(r#"{{"id":"r{index}","markets":["KRW-M{market:03}"],"when":{}}}"#, when(turn))
    };
    format!(r#"{{"rules":[{}]}}"#, (0..count).map(rule).collect::<Vec<_>>().join(","))
}

/// About 300 trades a second; ten markets have two thirds of them, as on the venue.
fn trades() -> impl Iterator<Item = Trade> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut prices = vec![100_000i64; MARKETS as usize];
    let mut at_ms = 1_767_225_600_000i64;
    (0..TRADES).map(move |n| {
        let market = if rng.u32(0..3) == 0 { rng.u32(0..MARKETS) } else { rng.u32(0..10) };
        at_ms += rng.i64(0..7);
        let price = &mut prices[market as usize];
        *price = (*price + rng.i64(-20..=20)).clamp(90_000, 110_000);
        Trade {
            market: MarketId(market),
            side: if rng.bool() { Side::Buy } else { Side::Sell },
            price: Decimal::new(*price, 0).unwrap(),
            volume: Decimal::new(rng.i64(1_000..1_000_000_000), 8).unwrap(),
            sequential_id: at_ms as u64 * 10_000 + n % 10,
            traded_at_ms: at_ms,
            received_at_ms: at_ms + 40,
            flags: Flags::default(),
            best_bid: Decimal::new(*price - 10, 0),
            best_ask: Decimal::new(*price + 10, 0),
            prev_close: Some(Decimal::from(100_000)),
        }
    })
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape");
    let tape = Tape::open(TapeConfig { dir: Some(path.clone()), ..TapeConfig::default() }).unwrap();
    for market in 0..MARKETS {
        tape.intern(&format!("KRW-M{market:03}")).unwrap();
    }
    let all: Vec<Trade> = trades().collect();
    for chunk in all.chunks(256) {
        tape.append_trades(chunk).unwrap();
    }
    drop(tape);
    let host = Host::new(None).expect("an engine");
    for count in [0, RULES] {
        let mut rates: Vec<f64> = (0..RUNS).map(|turn| run(&host, &path, count, turn == 0)).collect();
        rates.sort_by(f64::total_cmp);
        println!("{count:6} rules: {:9.0} trades a second of CPU time, median of {RUNS}", rates[RUNS / 2]);
    }
}

/// CPU time of this process: what a core does for others in between does not count.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// One replay; trades a second.
fn run(host: &Host, path: &Path, count: u32, tells: bool) -> f64 {
    let spec = NodeSpec {
        name: "plugin".into(),
        plugin: host.load(include_bytes!("../plugins/built/alert.wasm")).expect("the guest loads"),
        config: rules(count),
        limits: limits(&Limits::of_rules()),
        input: None,
        markets: MarketFilter::default(),
    };
    let group = Group {
        name: "bench".into(),
        specs: vec![spec],
        rules: Vec::new(),
        defaults: Defaults::default(),
        routes: [("plugin".to_owned(), Vec::new())].into(),
    };
    let started = Instant::now();
    let mut replay =
        Replay::start(&[group], Source::open(path).unwrap(), 4096).map_err(|e| e[0].to_string()).unwrap();
    let start_ms = started.elapsed().as_secs_f64() * 1000.0;
    let started = cpu_seconds();
    while replay.step(|_| {}).unwrap().is_some() {}
    let taken = cpu_seconds() - started;
    for (name, counts) in &replay.summary().plugins {
        assert_eq!(counts.last_fault, None, "{name}");
        if tells {
            println!(
                "{count:6} rules: {:.1} MiB of the guest's memory, {start_ms:.0} ms to start, {} alerts",
                counts.memory_bytes as f64 / 1_048_576.0,
                counts.alerts
            );
        }
    }
    TRADES as f64 / taken
}
