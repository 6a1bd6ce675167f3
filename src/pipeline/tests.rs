//! Proofs with real guests: `plugins/built/hostile.wasm` misbehaves as its configuration says.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod flows;
mod quotes;

use super::*;
use crate::{
    alert::Raised,
    entry::{GapCause, Tick},
    market::MarketId,
    plugin::{Host, Limits, Plugin},
    trade::{Flags, Side, Trade},
};
use std::{sync::OnceLock, time::Duration};
use tradehook_decimal::Decimal;

fn hostile() -> Plugin {
    static PLUGIN: OnceLock<(Host, Plugin)> = OnceLock::new();
    let (_, plugin) = PLUGIN.get_or_init(|| {
        let host = Host::new(None).expect("an engine");
        let bytes = include_bytes!("../../plugins/built/hostile.wasm");
        let plugin = host.load(bytes).expect("the hostile guest loads");
        (host, plugin)
    });
    plugin.clone()
}

fn spec(name: &str, config: &str) -> NodeSpec {
    NodeSpec {
        name: name.into(),
        plugin: hostile(),
        config: config.into(),
        limits: Limits::default(),
        input: None,
        markets: MarketFilter::default(),
    }
}

/// Trades of two markets, ten a second; the sequential id is the offset plus one.
fn trades(range: Range<u64>) -> Vec<(u64, Trade)> {
    let trade = |offset: u64| Trade {
        market: MarketId((offset % 2) as u32),
        side: Side::Buy,
        price: Decimal::from(100 + (offset % 7) as i32),
        volume: Decimal::from(1),
        sequential_id: offset + 1,
        traded_at_ms: offset as i64 * 100,
        received_at_ms: offset as i64 * 100 + 5,
        flags: Flags::default(),
        best_bid: None,
        best_ask: None,
        prev_close: None,
    };
    range.map(|offset| (offset, trade(offset))).collect()
}

use std::ops::Range;

fn start(specs: Vec<NodeSpec>, from: Option<&Checkpoint>) -> Pipeline {
    let mut pipeline = Pipeline::start("test", specs, from).expect("the plugins start");
    let codes: [Arc<str>; 2] = ["KRW-BTC".into(), "KRW-ETH".into()];
    pipeline.learn_markets(codes.iter());
    pipeline
}

fn feed(pipeline: &mut Pipeline, range: Range<u64>, batch: usize) -> Vec<Emitted> {
    let mut out = Vec::new();
    for chunk in trades(range).chunks(batch) {
        let mut columns = Trades::default();
        chunk.iter().for_each(|(offset, trade)| columns.push(*offset, trade));
        pipeline.trades(columns, &mut out);
    }
    out
}

fn counts(pipeline: &Pipeline, name: &str) -> Counts {
    pipeline.counts().find(|(n, _)| *n == name).expect("it is there").1.clone()
}

fn numbers(emitted: &[Emitted], plugin: &str) -> Vec<String> {
    let record = |e: &Emitted| match e {
        Emitted::Record(r) if r.plugin == plugin => r.fields.first().map(|(_, v)| format!("{v:?}")),
        _ => None,
    };
    emitted.iter().filter_map(record).collect()
}

/// One plugin that counts and fails on one trade, one that fails always, one that behaves.
fn mixed() -> Vec<NodeSpec> {
    let mut below = spec("below", r#"{"do":"count","every":9}"#);
    below.input = Some(0);
    below.markets = MarketFilter::new(vec!["*-ETH".into()]);
    vec![
        spec("once", r#"{"do":"trap","sequential_id":700,"every":10}"#),
        spec("always", r#"{"do":"trap"}"#),
        spec("flood", r#"{"do":"flood","sequential_id":650,"every":100}"#),
        spec("good", r#"{"do":"count","every":7}"#),
        below,
    ]
}

#[test]
fn batching_is_invisible_even_to_failing_plugins() {
    let run = |batch| {
        let mut pipeline = start(mixed(), None);
        let emitted = feed(&mut pipeline, 0..2_000, batch);
        let poisoned: Vec<(u64, u64)> = pipeline.counts().map(|(_, c)| (c.poisoned, c.skipped)).collect();
        (emitted, poisoned)
    };
    let one = run(1);
    assert!(one.0.len() > 400);
    for batch in [3, 64, 333, 2_000] {
        assert_eq!(one, run(batch), "in batches of {batch}");
    }
}

/// [fails-alone] [dead-stays-dead]
#[test]
fn a_plugin_that_traps_once_loses_that_trade_and_nothing_else() {
    let mut pipeline = start(mixed(), None);
    let emitted = feed(&mut pipeline, 0..1_000, 256);
    // It counts 999: the trade it trapped on never happened to it.
    assert_eq!(numbers(&emitted, "once").last().map(String::as_str), Some("Number(990)"));
    let once = counts(&pipeline, "once");
    assert_eq!((once.poisoned, once.skipped, once.amnesias), (1, 0, 0));
    assert_eq!(once.faults.keys().copied().collect::<Vec<_>>(), ["trap"]);
    let good = counts(&pipeline, "good");
    assert_eq!((good.trades, good.poisoned, good.restarts), (1_000, 0, 0));
    assert_eq!(numbers(&emitted, "good").len(), 142);
}

/// [fails-alone]
#[test]
fn a_plugin_that_always_traps_rests_ever_longer_and_its_neighbour_misses_nothing() {
    let mut pipeline = start(mixed(), None);
    feed(&mut pipeline, 0..6_000, 512);
    let always = counts(&pipeline, "always");
    assert_eq!(always.trades, 0);
    assert_eq!(always.poisoned + always.skipped, 6_000);
    assert!(always.poisoned <= 30, "ten minutes hold few attempts, saw {}", always.poisoned);
    assert!(always.rests_until_ms.is_some());
    assert_eq!(counts(&pipeline, "good").trades, 6_000);
    let incidents = pipeline.take_incidents();
    assert!(incidents.iter().any(|i| i.plugin == "always" && i.rests_until_ms.is_some()));
}

/// Each hostile behaviour with the kind of fault it ends in. [bounded] [fails-alone]
#[test]
fn every_hostile_behaviour_is_contained_and_named() {
    let check = |r#do: &str, kind: &str| {
        let config = format!(r#"{{"do":"{}","sequential_id":20}}"#, r#do);
        let mut bad = spec("bad", &config);
        // Only fuel is to end it, so that a busy machine gives the same answer.
        bad.limits = Limits { fuel: 20_000_000, deadline: Duration::from_secs(60), ..Limits::default() };
        let mut pipeline = start(vec![bad, spec("good", r#"{"do":"count"}"#)], None);
        feed(&mut pipeline, 0..40, 40);
        let bad = counts(&pipeline, "bad");
        assert!(bad.faults.contains_key(kind), "{} ended in {:?}, not in {kind}", r#do, bad.faults);
        assert_eq!((bad.trades, bad.poisoned), (39, 1), "{}", r#do);
        assert_eq!(counts(&pipeline, "good").trades, 40, "{}", r#do);
    };
    check("spin", "fuel");
    check("trap", "trap");
    check("hoard", "memory");
    check("recurse", "trap");
    check("flood", "oversized");
    check("shout", "oversized");
    check("bellow", "oversized");
    check("backwards", "bad_answer");
    check("fill", "fuel");
}

#[test]
fn the_deadline_ends_what_fuel_does_not() {
    let mut spinning = spec("bad", r#"{"do":"spin","sequential_id":3}"#);
    spinning.limits = Limits { fuel: u64::MAX, deadline: Duration::from_millis(20), ..Limits::default() };
    let mut pipeline = start(vec![spinning], None);
    feed(&mut pipeline, 0..4, 4);
    let bad = counts(&pipeline, "bad");
    assert_eq!(bad.faults.keys().copied().collect::<Vec<_>>(), ["deadline"]);
    assert_eq!((bad.trades, bad.poisoned), (3, 1));
}

#[test]
fn a_checkpoint_taken_anywhere_changes_nothing() {
    let mut whole = start(mixed(), None);
    let expect = feed(&mut whole, 0..1_200, 100);
    for cut in [1, 99, 350, 699, 701, 1_199] {
        let mut first = start(mixed(), None);
        let mut emitted = feed(&mut first, 0..cut, 100);
        let checkpoint = first.checkpoint();
        assert_eq!(checkpoint.offset, cut);
        let mut second = start(mixed(), Some(&checkpoint));
        emitted.extend(feed(&mut second, cut..1_200, 100));
        let of = |emitted: &[Emitted], plugin| numbers(emitted, plugin);
        for plugin in ["once", "good", "below"] {
            assert_eq!(of(&emitted, plugin), of(&expect, plugin), "{plugin} cut at {cut}");
        }
    }
}

#[test]
fn a_plugin_that_cannot_be_saved_falls_back_and_goes_on() {
    for bad in ["big-snapshot", "snapshot-trap"] {
        let mut pipeline = start(vec![spec("bad", &format!(r#"{{"do":"{bad}","every":10}}"#))], None);
        feed(&mut pipeline, 0..20, 20);
        let checkpoint = pipeline.checkpoint();
        assert_eq!(checkpoint.plugins.get("bad").and_then(|s| s.state.clone()), None, "{bad}");
        assert_eq!(counts(&pipeline, "bad").amnesias, 1, "{bad}");
        feed(&mut pipeline, 20..40, 20);
        assert_eq!(counts(&pipeline, "bad").trades, 40, "{bad}");
    }
}

/// [named-means-required]
#[test]
fn plugins_that_do_not_start_are_all_named() {
    let specs = vec![
        spec("a", r#"{"do":"refuse"}"#),
        spec("b", r#"{"do":"spin-at-start"}"#),
        spec("c", r#"{"dew":"count"}"#),
        spec("d", r#"{"do":"count"}"#),
    ];
    let errors: Vec<String> =
        Pipeline::start("test", specs, None).err().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("`a`") && errors[0].contains("/do: told to refuse (anything else)"));
    assert!(errors[1].contains("`b`: it failed while it started"), "{errors:?}");
    assert!(errors[2].contains("unknown field `dew`"), "{errors:?}");
}

#[test]
fn ticks_and_gaps_reach_whoever_exports_their_interfaces() {
    let mut pipeline =
        start(vec![spec("ticks", r#"{"do":"tick-records"}"#), spec("gaps", r#"{"do":"gap-records"}"#)], None);
    let mut out = feed(&mut pipeline, 0..3, 3);
    pipeline.entry(3, &Entry::Tick(Tick { at_ms: 1_000 }), &mut out);
    let gap = Gap { from_ms: 1, to_ms: 2, cause: GapCause::SessionLost, markets: vec![], filled: false };
    pipeline.entry(4, &Entry::Gap(gap), &mut out);
    let said: Vec<_> = out
        .iter()
        .map(|e| match e {
            Emitted::Record(r) => (r.plugin.as_str(), r.offset, format!("{:?}", r.fields[0].1)),
            Emitted::Alert(Raised { rule, .. }) => (rule.as_str(), 0, String::new()),
        })
        .collect();
    assert_eq!(
        said,
        [("ticks", 3, "Number(3)".to_owned()), ("gaps", 4, "Text(\"session_lost\")".to_owned())]
    );
    assert_eq!(pipeline.next_offset(), 5);
}
