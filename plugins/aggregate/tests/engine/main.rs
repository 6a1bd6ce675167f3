//! The plugin as the host sees it: a log in, records out.
//!
//! A log is written as text: `30:99x1S` is a sell of 1 at 99 at second 30, `60:tick` the clock,
//! `gap:10-20` a gap and `filled:10-20` one that was recovered. `KRW-BTC` unless a market's
//! number leads: `1@30:99x1S`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bars;
mod figures;
mod golden;
mod properties;
mod threshold;
mod vwap;

use tradehook_aggregate::AggregatePlugin;
use tradehook_sdk::{
    Decimal, Flags, Forward, Gap, Out, Payload, Plugin, Record, Setup, Side, Tick, Trade, Value,
};

const MARKETS: [&str; 4] = ["KRW-BTC", "KRW-ETH", "BTC-ETH", "USDT-XRP"];

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Trade { market: u32, ts: i64, price: Decimal, volume: Decimal, side: Side },
    Tick(i64),
    Gap { from: i64, to: i64, filled: bool },
}

fn step(text: &str) -> Step {
    let (market, text) = text.split_once('@').map_or((0, text), |(m, rest)| (m.parse().unwrap(), rest));
    let ms = |t: &str| (t.parse::<f64>().unwrap() * 1000.0).round() as i64;
    let (at, what) = text.split_once(':').unwrap();
    if at == "gap" || at == "filled" {
        let (from, to) = what.split_once('-').unwrap();
        return Step::Gap { from: ms(from), to: ms(to), filled: at == "filled" };
    }
    if what == "tick" {
        return Step::Tick(ms(at));
    }
    let side = if what.ends_with('B') { Side::Buy } else { Side::Sell };
    let (price, volume) = what.trim_end_matches(['B', 'S']).split_once('x').unwrap();
    Step::Trade { market, ts: ms(at), price: price.parse().unwrap(), volume: volume.parse().unwrap(), side }
}

fn log(text: &str) -> Vec<Step> {
    text.split_whitespace().map(step).collect()
}

fn plugin(config: &str) -> AggregatePlugin {
    AggregatePlugin::new(&Setup { name: "bars".into(), config: config.into() }).unwrap()
}

/// One step; its index in the log is its sequential id.
fn tell(plugin: &mut AggregatePlugin, index: usize, step: &Step, out: &mut Out) {
    let offset = index as u64;
    match *step {
        Step::Trade { market, ts, price, volume, side } => plugin.on_trade(
            &Trade {
                offset,
                market: MARKETS[market as usize],
                market_id: market,
                side,
                price,
                volume,
                sequential_id: offset,
                traded_at_ms: ts,
                received_at_ms: ts,
                flags: Flags::default(),
                best_bid: None,
                best_ask: None,
                prev_close: None,
            },
            out,
        ),
        Step::Tick(at_ms) => plugin.on_tick(&Tick { offset, at_ms }, out),
        Step::Gap { from, to, filled } => plugin.on_gap(
            &Gap { offset, from_ms: from, to_ms: to, cause: "session_lost", market_ids: &[], filled },
            out,
        ),
    }
}

fn records(out: Out) -> Vec<Record> {
    let (forward, emissions) = out.finish(u32::MAX);
    assert_eq!(forward, Forward::All, "every trade flows on");
    let record = |payload| match payload {
        Payload::Record(record) => record,
        other => panic!("not a record: {other:?}"),
    };
    emissions.into_iter().map(|e| record(e.payload)).collect()
}

fn run(config: &str, log: &[Step]) -> Vec<Record> {
    let mut plugin = plugin(config);
    let mut out = Out::new();
    for (index, step) in log.iter().enumerate() {
        tell(&mut plugin, index, step, &mut out);
    }
    records(out)
}

fn field<'r>(record: &'r Record, name: &str) -> &'r Value {
    &record.fields.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}

fn show(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null => "-".to_owned(),
    }
}

fn is(record: &Record, name: &str) -> bool {
    *field(record, name) == Value::Bool(true)
}

fn int(record: &Record, name: &str) -> i64 {
    match field(record, name) {
        Value::Int(int) => *int,
        other => panic!("{name} is {other:?}"),
    }
}
