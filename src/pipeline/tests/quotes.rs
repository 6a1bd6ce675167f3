//! Tickers, books and candles have the guarantees that trades have.

use super::*;
use crate::quote::{Candle, Head, Level, Orderbook, Quote, QuoteKind, Ticker};
use tradehook_decimal::Wide;

/// A sum of more digits than 63 bits hold.
const SUM: &str = "10711749229465.390000000001";

/// Quotes of two markets and three sorts in no regular order, ten a second.
fn quote(offset: u64) -> Quote {
    let mut rng = fastrand::Rng::with_seed(offset);
    let head = Head {
        market: MarketId((offset % 2) as u32),
        sent_at_ms: offset as i64 * 100,
        received_at_ms: offset as i64 * 100 + 5,
        flags: Flags::default(),
    };
    let (price, sum) = (Decimal::from(100 + (offset % 7) as i32), SUM.parse::<Wide>().ok());
    match rng.u8(..4) {
        0 => Quote::Candle(Box::new(Candle {
            head,
            opened_at_ms: 60_000,
            unit_s: 900,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: None,
            notional: sum,
        })),
        1 => Quote::Orderbook(Orderbook {
            head,
            total_ask_size: None,
            total_bid_size: sum,
            grouping: None,
            levels: (0..offset % 4)
                .map(|level| Level {
                    ask_price: Some(Decimal::from(200 + level as i32)),
                    ask_size: Some(price),
                    bid_price: Some(price),
                    bid_size: None,
                })
                .collect(),
        }),
        _ => Quote::Ticker(Box::new(Ticker {
            head,
            traded_at_ms: None,
            price,
            volume: None,
            side: None,
            open: None,
            high: None,
            low: None,
            prev_close: None,
            change: Decimal::new(-5, 1),
            change_rate: None,
            acc_volume: None,
            acc_notional: sum,
            acc_volume_24h: None,
            acc_notional_24h: sum.map(Wide::negated),
            acc_ask_volume: None,
            acc_bid_volume: None,
            high_52w: None,
            high_52w_on: crate::quote::Day::new(2026, 2, 6),
            low_52w: None,
            low_52w_on: None,
            state: Default::default(),
            delisted_on: None,
        })),
    }
}

/// Feeds quotes at `range`, in batches; now and then a trade stands between, as on the tape.
fn feed_quotes(pipeline: &mut Pipeline, range: Range<u64>, batch: u64) -> Vec<Emitted> {
    let mut out = Vec::new();
    let (mut first, mut rows) = (range.start, Vec::new());
    for offset in range.clone() {
        let is_trade = offset % 50 == 49;
        if !is_trade {
            rows.push(quote(offset));
        }
        if is_trade || rows.len() as u64 >= batch || offset + 1 == range.end {
            let count = rows.len() as u64;
            pipeline.quotes(Quotes { first, count, rows: std::mem::take(&mut rows) }, &mut out);
            first = offset + 1;
        }
        if is_trade {
            out.extend(feed(pipeline, offset..offset + 1, 1));
        }
    }
    out
}

fn specs() -> Vec<NodeSpec> {
    let mut below = spec("below", r#"{"do":"quote-records"}"#);
    below.input = Some(0);
    below.markets = MarketFilter::new(vec!["*-ETH".into()]);
    vec![
        spec("once", r#"{"do":"trap-quotes","sequential_id":700}"#),
        spec("late", r#"{"do":"trap-quotes","when":900}"#),
        spec("quiet", r#"{"do":"count","every":1}"#),
        below,
    ]
}

/// The values of a record with this offset, by name.
fn said(emitted: &[Emitted], plugin: &str, offset: u64) -> (String, Vec<(String, String)>) {
    let record = emitted.iter().find_map(|emitted| match emitted {
        Emitted::Record(record) if record.plugin == plugin && record.offset == offset => Some(record),
        _ => None,
    });
    let record = record.expect("it is told");
    let value = |value| match value {
        crate::alert::FieldValue::Number(number) => Wide::to_string(&number),
        other => format!("{other:?}"),
    };
    (record.topic.clone(), record.fields.iter().cloned().map(|(name, v)| (name, value(v))).collect())
}

#[test]
fn batching_of_quotes_is_invisible_even_to_failing_plugins() {
    let run = |batch| {
        let mut pipeline = start(specs(), None);
        let emitted = feed_quotes(&mut pipeline, 0..2_000, batch);
        let counts: Vec<_> =
            pipeline.counts().map(|(_, c)| (c.quotes, c.trades, c.poisoned, c.skipped)).collect();
        (emitted, counts, pipeline.next_offset())
    };
    let one = run(1);
    assert!(one.0.len() > 3_000 && one.2 == 2_000);
    for batch in [3, 64, 333, 2_000] {
        assert_eq!(one, run(batch), "in batches of {batch}");
    }
    let [once, late, ..] = one.1.as_slice() else { panic!() };
    assert_eq!(*once, (1_959, 40, 1, 0), "one quote is passed over, and nothing else");
    assert!(late.2 >= 3 && late.3 > 0, "it fails again and again, and rests: {late:?}");
}

/// Every field crosses into the guest and back, to the last digit. [numbers-survive]
#[test]
fn a_guest_is_told_what_the_venue_sent() {
    let mut pipeline = start(specs(), None);
    let emitted = feed_quotes(&mut pipeline, 0..400, 64);
    let first = |kind| (0..400).find(|at| at % 50 != 49 && at % 2 == 1 && quote(*at).kind() == kind).unwrap();
    let check = |kind: QuoteKind, expect: &[(&str, &str)]| {
        let offset = first(kind);
        for plugin in ["once", "below"] {
            let (topic, fields) = said(&emitted, plugin, offset);
            assert_eq!(topic, kind.as_str());
            for (name, value) in expect {
                let price = (100 + offset % 7).to_string();
                let value = value.replace("PRICE", &price).replace("OFFSET", &offset.to_string());
                assert!(fields.contains(&((*name).to_owned(), value)), "{name}: {fields:?}");
            }
        }
    };
    let sum = SUM;
    let minus = format!("-{SUM}");
    let market = ("market", r#"Text("KRW-ETH")"#);
    check(
        QuoteKind::Ticker,
        &[
            market,
            ("offset", "OFFSET"),
            ("price", "PRICE"),
            ("change", "-0.5"),
            ("notional", sum),
            ("notional_24h", &minus),
            ("high_52w_on", "Int(20260206)"),
        ],
    );
    let levels = (first(QuoteKind::Orderbook) % 4).to_string();
    check(
        QuoteKind::Orderbook,
        &[market, ("offset", "OFFSET"), ("levels", &format!("Int({levels})")), ("bid_size", sum)],
    );
    check(
        QuoteKind::Candle,
        &[
            market,
            ("unit_s", "Int(900)"),
            ("opened_at_ms", "Int(60000)"),
            ("close", "PRICE"),
            ("notional", sum),
        ],
    );
    let counted = counts(&pipeline, "below");
    assert_eq!(counted.quotes, 192, "quotes of its markets alone, whatever it reads trades from");
}

#[test]
fn a_checkpoint_taken_among_quotes_changes_nothing() {
    let mut whole = start(specs(), None);
    let expect = feed_quotes(&mut whole, 0..1_200, 100);
    for cut in [1, 49, 50, 699, 701, 1_199] {
        let mut first = start(specs(), None);
        let mut emitted = feed_quotes(&mut first, 0..cut, 100);
        let checkpoint = first.checkpoint();
        assert_eq!(checkpoint.offset, cut);
        let mut second = start(specs(), Some(&checkpoint));
        emitted.extend(feed_quotes(&mut second, cut..1_200, 100));
        let of = |emitted: &[Emitted], plugin: &str| -> Vec<Emitted> {
            let is = |e: &&Emitted| matches!(e, Emitted::Record(record) if record.plugin == plugin);
            emitted.iter().filter(is).cloned().collect()
        };
        for plugin in ["once", "below", "quiet"] {
            assert_eq!(of(&emitted, plugin), of(&expect, plugin), "{plugin} cut at {cut}");
        }
    }
}

#[test]
fn a_pipeline_that_wants_no_quotes_passes_over_them() {
    let host = Host::new(None).expect("an engine");
    let filter = host.load(include_bytes!("../../../plugins/built/filter.wasm")).expect("it loads");
    let only_trades = NodeSpec { plugin: filter, ..spec("filter", "{}") };
    let mut pipeline = start(vec![only_trades], None);
    assert!(!pipeline.wants_quotes());
    let mut out = Vec::new();
    pipeline.quotes(Quotes { first: 5, count: 7, rows: Vec::new() }, &mut out);
    assert_eq!((pipeline.next_offset(), out.len()), (12, 0));
    assert_eq!(counts(&pipeline, "filter").calls, 0);
}
