//! The plugin as the host sees it: trades in, what reaches the plugins behind it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conditions;
mod properties;
mod stations;

use tradehook_filter::{Counters, FilterPlugin};
use tradehook_sdk::{
    Flags, Forward, MadeTrade, Out, Payload, Plugin, Record, Setup, Side, Tick, Trade, Value,
};

const MARKETS: [&str; 3] = ["KRW-BTC", "KRW-ETH", "BTC-ETH"];

fn plugin(config: &str) -> FilterPlugin {
    FilterPlugin::new(&Setup { name: "filter".into(), config: config.into() }).unwrap()
}

fn trade(id: u64, market: u32, ms: i64, price: &str, volume: &str, side: Side) -> Trade<'static> {
    Trade {
        offset: id,
        market: MARKETS[market as usize],
        market_id: market,
        side,
        price: price.parse().unwrap(),
        volume: volume.parse().unwrap(),
        sequential_id: id,
        traded_at_ms: ms,
        received_at_ms: ms,
        flags: Flags::default(),
        best_bid: None,
        best_ask: None,
        prev_close: None,
    }
}

/// Indices of those that flow on, fed as one batch.
fn pass(plugin: &mut FilterPlugin, trades: &[Trade<'_>]) -> Vec<u32> {
    let mut out = Out::new();
    for (i, trade) in trades.iter().enumerate() {
        out.stand_at(i as u32);
        plugin.on_trade(trade, &mut out);
    }
    let (forward, emissions) = out.finish(trades.len() as u32);
    assert_eq!(emissions, []);
    match forward {
        Forward::All => (0..trades.len() as u32).collect(),
        Forward::None => Vec::new(),
        Forward::Some(indices) => indices,
    }
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Trade(Trade<'static>),
    Tick(i64),
}

/// What reaches a plugin behind this one: trades in their order, and records.
#[derive(Debug, Default, PartialEq)]
struct Behind {
    trades: Vec<MadeTrade>,
    records: Vec<Record>,
}

/// Tells the steps, batched as `cut` says: made trades come before the one in whose handling they
/// were made, as the host does it.
fn tell(plugin: &mut FilterPlugin, steps: &[Step], mut cut: impl FnMut() -> bool) -> Behind {
    let mut behind = Behind::default();
    let mut batch: Vec<&Trade<'_>> = Vec::new();
    let flush = |plugin: &mut FilterPlugin, batch: &mut Vec<&Trade<'_>>, behind: &mut Behind| {
        let mut out = Out::new();
        for (i, trade) in batch.iter().enumerate() {
            out.stand_at(i as u32);
            plugin.on_trade(trade, &mut out);
        }
        take(out, batch, behind);
        batch.clear();
    };
    for step in steps {
        match step {
            Step::Trade(trade) => {
                batch.push(trade);
                if cut() {
                    flush(plugin, &mut batch, &mut behind);
                }
            }
            Step::Tick(at_ms) => {
                flush(plugin, &mut batch, &mut behind);
                let mut out = Out::new();
                plugin.on_tick(&Tick { offset: 0, at_ms: *at_ms }, &mut out);
                take(out, &[], &mut behind);
            }
        }
    }
    flush(plugin, &mut batch, &mut behind);
    behind
}

fn take(out: Out, batch: &[&Trade<'_>], behind: &mut Behind) {
    let (forward, emissions) = out.finish(batch.len() as u32);
    let mut made: Vec<(u32, MadeTrade)> = Vec::new();
    for emission in emissions {
        match emission.payload {
            Payload::Trade(trade) => made.push((emission.at, trade)),
            Payload::Record(record) => behind.records.push(record),
            Payload::Alert(alert) => panic!("an alert: {alert:?}"),
        }
    }
    let mut made = made.into_iter().peekable();
    for (i, trade) in batch.iter().enumerate() {
        while let Some((_, held)) = made.next_if(|(at, _)| *at as usize <= i) {
            behind.trades.push(held);
        }
        let flows = match &forward {
            Forward::All => true,
            Forward::None => false,
            Forward::Some(indices) => indices.contains(&(i as u32)),
        };
        if flows {
            behind.trades.push(MadeTrade::of(trade));
        }
    }
    behind.trades.extend(made.map(|(_, held)| held));
}

fn field<'r>(record: &'r Record, name: &str) -> &'r Value {
    &record.fields.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
}
