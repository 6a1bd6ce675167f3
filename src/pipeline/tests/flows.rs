//! Records, made trades and facts have the guarantees that trades have; queries leave no trace.

use super::*;
use crate::{
    alert::FieldValue,
    entry::{Fact, FactValue},
    plugin::Fault,
};

/// Ticks and facts stand between the trades; the rest is trades.
fn is_trade(offset: u64) -> bool {
    offset % 50 != 49 && offset % 50 != 29
}

fn trades_up_to(offset: u64) -> u64 {
    (0..=offset).filter(|&offset| is_trade(offset)).count() as u64
}

/// Trades in batches of at most `batch`, with a tick or a fact now and then.
fn feed_all(pipeline: &mut Pipeline, range: Range<u64>, batch: usize) -> Vec<Emitted> {
    let mut out = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let at_ms = at as i64 * 100;
        if is_trade(at) {
            let end = (at..range.end).take(batch).take_while(|&offset| is_trade(offset)).last().unwrap() + 1;
            out.extend(feed(pipeline, at..end, batch));
            at = end;
            continue;
        }
        let fact = Fact { at_ms, name: "fx.USDKRW".into(), subject: String::new(), value: FactValue::Int(7) };
        let entry = if at % 50 == 49 { Entry::Tick(Tick { at_ms }) } else { Entry::Fact(fact) };
        pipeline.entry(at, &entry, &mut out);
        at += 1;
    }
    out
}

fn reading(input: usize, name: &str, config: &str) -> NodeSpec {
    NodeSpec { input: Some(input), ..spec(name, config) }
}

/// A source of records, and of plugins that read it one that behaves, one that fails now and then, and
/// one that reads the first of them; then one that holds trades back, with a reader.
fn specs() -> Vec<NodeSpec> {
    let mut third = reading(1, "third", r#"{"do":"record-records"}"#);
    third.markets = MarketFilter::new(vec!["*-ETH".into()]);
    vec![
        spec("source", r#"{"do":"trade-records","every":5}"#),
        reading(0, "below", r#"{"do":"record-records","every":4}"#),
        reading(0, "traps", r#"{"do":"trap-records","sequential_id":302}"#),
        third,
        spec("ticks", r#"{"do":"tick-records"}"#),
        reading(4, "minutes", r#"{"do":"record-records"}"#),
        spec("holder", r#"{"do":"hold"}"#),
        reading(6, "after", r#"{"do":"trade-records"}"#),
        spec("facts", r#"{"do":"fact-records"}"#),
    ]
}

fn of<'a>(emitted: &'a [Emitted], plugin: &str, topic: &str) -> Vec<&'a crate::alert::Record> {
    let is = |e: &'a Emitted| match e {
        Emitted::Record(record) if record.plugin == plugin && record.topic == topic => Some(record),
        _ => None,
    };
    emitted.iter().filter_map(is).collect()
}

fn value(record: &crate::alert::Record, name: &str) -> String {
    let (_, value) = record.fields.iter().find(|(known, _)| known == name).expect("it is said");
    match value {
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_record_comes_after_the_trade_that_caused_it_and_before_the_next() {
    let mut pipeline = start(specs(), None);
    let emitted = feed_all(&mut pipeline, 0..1_000, 333);
    let heard = of(&emitted, "below", "heard");
    let said = of(&emitted, "source", "trade").len() + of(&emitted, "source", "count").len();
    assert_eq!(heard.len(), said, "every record is told");
    for record in &heard {
        assert_eq!(value(record, "offset"), record.offset.to_string());
        assert_eq!(value(record, "trades"), trades_up_to(record.offset).to_string(), "{record:?}");
        assert_eq!(value(record, "of"), "source");
    }
    let second = of(&emitted, "third", "heard");
    assert!(!second.is_empty() && second.iter().all(|record| value(record, "of") == "below"));
    let traps = counts(&pipeline, "traps");
    assert_eq!((traps.poisoned, traps.heard), (1, said as u64 - 1), "one record is passed over");
    // Records that a tick caused come behind it.
    let minutes = of(&emitted, "minutes", "heard");
    assert_eq!(minutes.len(), 20);
    assert!(minutes.iter().all(|record| record.offset % 50 == 49 && value(record, "topic") == "tick"));
    assert_eq!(counts(&pipeline, "source").heard, 0, "its own records are not told it");
}

#[test]
fn batching_of_records_and_made_trades_is_invisible() {
    let run = |batch| {
        let mut pipeline = start(specs(), None);
        let emitted = feed_all(&mut pipeline, 0..1_500, batch);
        let counts: Vec<_> =
            pipeline.counts().map(|(_, c)| (c.heard, c.trades, c.forwarded, c.poisoned, c.facts)).collect();
        (emitted, counts)
    };
    let one = run(1);
    assert!(one.0.len() > 5_000, "{}", one.0.len());
    for batch in [3, 20, 1_500] {
        let other = run(batch);
        assert_eq!(one.1, other.1, "in batches of {batch}");
        assert!(one.0 == other.0, "in batches of {batch}");
    }
}

#[test]
fn no_two_emissions_of_a_plugin_have_the_same_number_at_one_offset() {
    let mut pipeline = start(specs(), None);
    let mut seen = std::collections::BTreeSet::new();
    for emitted in feed_all(&mut pipeline, 0..1_000, 400) {
        let Emitted::Record(record) = emitted else { panic!("an alert") };
        let number = (record.plugin.clone(), record.offset, record.index);
        assert!(seen.insert(number), "twice: {record:?}");
    }
}

#[test]
fn a_checkpoint_taken_among_records_changes_nothing() {
    let mut whole = start(specs(), None);
    let expect = feed_all(&mut whole, 0..900, 100);
    for cut in [1, 29, 30, 49, 50, 300, 301, 302, 899] {
        let mut first = start(specs(), None);
        let mut emitted = feed_all(&mut first, 0..cut, 100);
        let checkpoint = first.checkpoint();
        let mut second = start(specs(), Some(&checkpoint));
        emitted.extend(feed_all(&mut second, cut..900, 100));
        for plugin in ["below", "traps", "third", "minutes", "facts"] {
            for topic in ["heard", "count", "fact"] {
                assert_eq!(of(&emitted, plugin, topic), of(&expect, plugin, topic), "{plugin} cut at {cut}");
            }
        }
    }
}

/// What `hold` holds back reaches its reader at the next trade or tick, before what stands there.
#[test]
fn a_made_trade_reaches_the_reader_where_it_was_let_go() {
    let mut pipeline = start(specs(), None);
    let emitted = feed_all(&mut pipeline, 0..200, 64);
    let told = of(&emitted, "after", "trade");
    let mut expect = Vec::new();
    let mut held = None;
    for offset in 0..200 {
        if is_trade(offset) {
            expect.extend(held.replace(offset).map(|held| (offset, held + 1)));
        } else if offset % 50 == 49 {
            expect.extend(held.take().map(|held| (offset, held + 1)));
        }
    }
    let got: Vec<(u64, u64)> =
        told.iter().map(|record| (record.offset, value(record, "sequential_id").parse().unwrap())).collect();
    assert_eq!(got, expect, "offset of what let it go, id of the trade");
    let holder = counts(&pipeline, "holder");
    assert_eq!((holder.trades, holder.forwarded), (192, got.len() as u64));
}

/// [fails-alone] [numbers-survive]
#[test]
fn a_forged_trade_is_a_bad_answer_and_reaches_nobody() {
    let specs = vec![
        spec("forger", r#"{"do":"forge","sequential_id":20}"#),
        reading(0, "reader", r#"{"do":"trade-records"}"#),
    ];
    let mut pipeline = start(specs, None);
    feed(&mut pipeline, 0..40, 40);
    let forger = counts(&pipeline, "forger");
    assert_eq!(forger.faults.keys().copied().collect::<Vec<_>>(), ["bad_answer"]);
    assert_eq!((forger.poisoned, counts(&pipeline, "reader").trades), (1, 39));
}

/// [bounded] [fails-alone]
#[test]
fn what_a_plugin_puts_on_its_way_in_one_step_is_bounded() {
    let mut specs = vec![
        spec("swarm", r#"{"do":"swarm"}"#),
        reading(0, "reader", r#"{"do":"count"}"#),
        spec("good", r#"{"do":"count"}"#),
    ];
    for spec in &mut specs {
        spec.limits.deadline = Duration::from_secs(60);
    }
    let mut pipeline = start(specs, None);
    feed(&mut pipeline, 0..100, 100);
    let swarm = counts(&pipeline, "swarm");
    let most = emit::MAX_ONWARD as u64 + 100;
    assert_eq!((swarm.trades, swarm.forwarded, counts(&pipeline, "reader").trades), (100, most, most));
    assert!(swarm.last_fault.is_some_and(|fault| fault.contains("beyond 65536 in one step")), "it is said");
    assert_eq!(counts(&pipeline, "good").trades, 100);
}

#[test]
fn facts_reach_whoever_exports_their_interface() {
    let mut pipeline = start(specs(), None);
    let mut out = Vec::new();
    let number = "1388.25".parse().unwrap();
    let values = [
        (FactValue::Bool(true), "Bool(true)"),
        (FactValue::Int(-3), "Int(-3)"),
        (FactValue::Number(number), "1388.25"),
        (FactValue::Text("주의".into()), "주의"),
        (FactValue::Unknown, "Null"),
    ];
    for (offset, (fact, expect)) in (0..).zip(values) {
        let fact = Fact { at_ms: 5, name: "market.warning".into(), subject: "KRW-BTC".into(), value: fact };
        out.clear();
        pipeline.entry(offset, &Entry::Fact(fact), &mut out);
        let said = of(&out, "facts", "fact");
        let [record] = said.as_slice() else { panic!("{said:?}") };
        let values = ["name", "subject", "value", "at_ms"].map(|name| value(record, name));
        assert_eq!(values, ["market.warning", "KRW-BTC", expect, "Int(5)"]);
        assert_eq!(record.offset, offset);
    }
    assert_eq!(counts(&pipeline, "below").facts, 5, "all of its kind export it");
}

/// [fails-alone] [bounded]
#[test]
fn a_query_is_answered_and_leaves_no_trace() {
    let host = Host::new(None).expect("an engine");
    let filter = host.load(include_bytes!("../../../plugins/built/filter.wasm")).expect("it loads");
    let mut quick = spec("counter", r#"{"do":"count","every":7}"#);
    quick.limits = Limits { fuel: 20_000_000, deadline: Duration::from_secs(60), ..Limits::default() };
    let mut pipeline = start(vec![quick, NodeSpec { plugin: filter, ..spec("filter", "{}") }], None);
    let mut emitted = feed(&mut pipeline, 0..100, 50);
    assert_eq!(pipeline.inspect("counter", "how many"), Ok("how many: 100".to_owned()));
    assert_eq!(pipeline.inspect("counter", "no"), Err(InspectError::Refused("told to".to_owned())));
    assert_eq!(pipeline.inspect("nobody", ""), Err(InspectError::Unknown));
    assert_eq!(pipeline.inspect("counter", &"x".repeat(65_537)), Err(InspectError::TooLong));
    assert_eq!(pipeline.inspect("counter", "spin"), Err(InspectError::Fault(Fault::Fuel(20_000_000))));
    let much = pipeline.inspect("counter", "much");
    assert!(matches!(much, Err(InspectError::Fault(Fault::Oversized(_)))), "{much:?}");
    assert_eq!(pipeline.inspect("counter", "again"), Ok("again: 100".to_owned()), "it stands where it stood");
    emitted.extend(feed(&mut pipeline, 100..200, 50));
    let mut unasked = start(vec![spec("counter", r#"{"do":"count","every":7}"#)], None);
    assert_eq!(emitted, feed(&mut unasked, 0..200, 50));
    let counted = counts(&pipeline, "counter");
    assert_eq!((counted.poisoned, counted.rests_until_ms), (0, None), "it is not punished for a query");
}
