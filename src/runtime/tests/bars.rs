//! Bars built from trades, compared with the candles that the venue draws of the same trades: a
//! simulated day through the bundled guests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use crate::{
    alert::{FieldValue, Record},
    config::Bundled,
    entry::{Entry, Tick},
    market::MarketId,
    pipeline::{Emitted, MarketFilter, NodeSpec, Pipeline},
    plugin::{Host, Limits},
    runtime::bundled,
    trade::{Flags, Trade, Trades},
    venue::{Candle, Liveliness, MAIN_MARKETS, Synth, SynthOptions, VenueTrade},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tradehook_decimal::{Decimal, Wide};

/// 2026-11-22 00:00:00 UTC.
const START_MS: i64 = 1_795_305_600_000;
const MINUTE_MS: i64 = 60_000;

/// A bar or a candle: open, high, low, close, volume, amount, volume bought.
type Figures = [Wide; 7];
/// By market and start.
type Bars = BTreeMap<(String, i64), Figures>;

struct Day {
    synth: Synth,
    trades: Vec<VenueTrade>,
    end_ms: i64,
}

/// What the stand-in trades in so many hours, in the order of arrival.
fn day(seed: u64, hours: i64) -> Day {
    let mut synth = Synth::new(&SynthOptions {
        seed,
        codes: MAIN_MARKETS.map(String::from).to_vec(),
        liveliness: Liveliness::Natural,
        trades_per_second: None,
        late_share: 0.02,
        start_ms: START_MS,
        history_ms: 0,
        retained: 1,
    })
    .unwrap();
    let end_ms = START_MS + hours * 3_600_000;
    let mut trades = Vec::new();
    for minute in 1..=hours * 60 {
        trades.extend(synth.advance_to(START_MS + minute * MINUTE_MS));
    }
    Day { synth, trades, end_ms }
}

fn spec(host: &Host, name: &str, plugin: Bundled, config: &str, input: Option<usize>) -> NodeSpec {
    NodeSpec {
        name: name.into(),
        plugin: host.load(bundled::code(plugin)).expect("the bundled guest loads"),
        config: config.into(),
        limits: Limits { deadline: Duration::from_secs(60), ..Limits::default() },
        input,
        markets: MarketFilter::default(),
    }
}

fn trade(trade: &VenueTrade) -> Trade {
    let number = |units: i64| Decimal::new(units, 8).unwrap();
    Trade {
        market: MarketId(MAIN_MARKETS.iter().position(|code| **code == *trade.code).unwrap() as u32),
        side: trade.side,
        price: number(trade.price),
        volume: number(trade.volume),
        sequential_id: trade.sequential_id,
        traded_at_ms: trade.traded_at_ms,
        received_at_ms: trade.arrives_at_ms,
        flags: Flags::default(),
        best_bid: None,
        best_ask: None,
        prev_close: None,
    }
}

/// What the plugins say of a day, told once a second and a while longer.
fn tell(specs: Vec<NodeSpec>, day: &Day) -> Vec<Record> {
    let mut pipeline = Pipeline::start("day", specs, None).unwrap();
    let codes: Vec<Arc<str>> = MAIN_MARKETS.iter().map(|code| Arc::from(*code)).collect();
    pipeline.learn_markets(codes.iter());
    let (mut out, mut offset, mut next) = (Vec::new(), 0, 0);
    for second in 0..=(day.end_ms - START_MS) / 1000 + 60 {
        let at_ms = START_MS + second * 1000;
        let mut batch = Trades::default();
        while let Some(made) = day.trades.get(next).filter(|made| made.arrives_at_ms < at_ms) {
            batch.push(offset, &trade(made));
            (offset, next) = (offset + 1, next + 1);
        }
        if !batch.is_empty() {
            pipeline.trades(batch, &mut out);
        }
        pipeline.entry(offset, &Entry::Tick(Tick { at_ms }), &mut out);
        offset += 1;
    }
    assert_eq!(next, day.trades.len(), "all were told");
    assert_eq!(pipeline.take_incidents().len(), 0, "no guest fails");
    let records = out.into_iter().filter_map(|emitted| match emitted {
        Emitted::Record(record) => Some(record),
        Emitted::Alert(_) => None,
    });
    records.collect()
}

fn field<'r>(record: &'r Record, name: &str) -> &'r FieldValue {
    &record.fields.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
}

/// The bars of a plugin and size with their last revision.
fn bars(records: &[Record], plugin: &str, size: &str) -> Bars {
    let (mut bars, mut revisions) = (Bars::new(), BTreeMap::new());
    let size = FieldValue::Text(size.to_owned());
    let wanted = |record: &&Record| record.plugin == plugin && record.topic == "bar";
    for record in records.iter().filter(wanted).filter(|record| *field(record, "size") == size) {
        let number = |name| match field(record, name) {
            FieldValue::Number(number) => *number,
            other => panic!("{name} is {other:?}"),
        };
        let int = |name| match field(record, name) {
            FieldValue::Int(int) => *int,
            other => panic!("{name} is {other:?}"),
        };
        let FieldValue::Text(market) = field(record, "market") else { panic!("no market") };
        let key = (market.clone(), int("start_ms"));
        let before = revisions.insert(key.clone(), int("rev"));
        assert_eq!(before.map_or(0, |rev| rev + 1), int("rev"), "{key:?}: one final, then its revisions");
        let names = ["open", "high", "low", "close", "volume", "notional", "buy_volume"];
        bars.insert(key, names.map(number));
    }
    bars
}

/// What the venue draws.
fn candles(day: &Day, unit_ms: i64) -> Bars {
    let figures = |candle: &Candle| {
        let price = |units: i64| Wide::new(units.into(), 8);
        let [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map(price);
        let (volume, bought) = (Wide::new(candle.volume, 8), Wide::new(candle.bought, 8));
        [open, high, low, close, volume, Wide::new(candle.value, 16), bought]
    };
    let of = |code: &str| {
        let drawn = day.synth.drawn(code, unit_ms).into_iter();
        drawn.map(|candle| ((code.to_owned(), candle.start_ms), figures(&candle))).collect::<Vec<_>>()
    };
    let whole = |(_, start): &(String, i64)| *start >= START_MS && start + unit_ms <= day.end_ms;
    MAIN_MARKETS.iter().flat_map(|code| of(code)).filter(|(key, _)| whole(key)).collect()
}

fn compare(name: &str, seed: u64, found: &Bars, expect: &Bars) {
    for (key, figures) in expect {
        assert_eq!(found.get(key), Some(figures), "{name}, seed {seed}: {key:?}");
    }
    let last = expect.keys().map(|(_, start)| *start).max();
    let more = found.keys().find(|key| !expect.contains_key(*key) && Some(key.1) <= last);
    assert_eq!(more, None, "{name}, seed {seed}: a bar where the venue drew none");
}

/// Every full minute of a day: open, high, low, close, volume, amount and volume bought, and no bar
/// where the venue sent no candle. Trades that came too late amend their bar; with a filter in front
/// that puts trades in order, no bar needs to be amended.
#[test]
fn minutes_built_from_trades_are_the_candles_of_the_venue() {
    let seed = 11;
    let day = day(seed, 24);
    let host = Host::new(None).unwrap();
    let amended = r#"{"lateness":"0s","bars":[{"size":"1m","late":"amend"},{"size":"1h","late":"amend"}]}"#;
    let specs = vec![
        spec(&host, "amended", Bundled::Aggregate, amended, None),
        spec(&host, "ordered", Bundled::Filter, r#"{"reorder":"1s"}"#, None),
        spec(&host, "minutes", Bundled::Aggregate, r#"{"size":"1m","lateness":"1s"}"#, Some(1)),
    ];
    let records = tell(specs, &day);
    let expect = candles(&day, MINUTE_MS);
    let minutes = MAIN_MARKETS.len() * 24 * 60;
    assert!(expect.len() > minutes / 2 && expect.len() < minutes, "{} of {minutes} minutes", expect.len());
    compare("amended", seed, &bars(&records, "amended", "1m"), &expect);
    compare("behind a filter", seed, &bars(&records, "minutes", "1m"), &expect);
    compare("hours", seed, &bars(&records, "amended", "1h"), &candles(&day, 60 * MINUTE_MS));
}
