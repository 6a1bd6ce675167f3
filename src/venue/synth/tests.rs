//! Proofs about the synthetic market, each over several seeds.

use super::*;
use std::collections::{HashMap, HashSet};

/// 2026-11-22 12:00:00 UTC.
const START_MS: i64 = 1_795_348_800_000;

fn options(seed: u64) -> SynthOptions {
    SynthOptions {
        seed,
        codes: MAIN_MARKETS.map(String::from).to_vec(),
        liveliness: Liveliness::Lively,
        trades_per_second: None,
        late_share: 0.01,
        start_ms: START_MS,
        history_ms: 60_000,
        retained: 20_000,
    }
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn run(options: &SynthOptions, length_ms: i64, step_ms: i64) -> Vec<VenueTrade> {
    let mut synth = Synth::new(options).unwrap();
    let mut all = Vec::new();
    let mut at = 0;
    while at < length_ms {
        at = (at + step_ms).min(length_ms);
        all.extend(synth.advance_to(options.start_ms + at));
    }
    all
}

#[test]
fn one_seed_is_one_market_however_time_is_cut() {
    let once = run(&options(3), 20_000, 20_000);
    assert!(once.len() > 200, "only {} trades in 20 s", once.len());
    for step_ms in [1, 7, 100, 3_333] {
        assert_eq!(run(&options(3), 20_000, step_ms), once, "cut into {step_ms} ms");
    }
    assert_ne!(run(&options(4), 20_000, 100), once);
}

#[test]
fn adding_a_market_changes_no_other() {
    let mut more = options(5);
    more.codes.insert(0, "KRW-ADA".into());
    let others: Vec<_> = run(&more, 10_000, 50).into_iter().filter(|t| &*t.code != "KRW-ADA").collect();
    assert_eq!(others, run(&options(5), 10_000, 50));
}

#[test]
fn prices_stand_on_the_grid_and_the_book_is_around_them() {
    let mut wide = options(6);
    wide.codes.extend((0..60).map(|i| format!("{}-C{i}", ["KRW", "BTC", "USDT"][i % 3])));
    for trade in run(&wide, 30_000, 100) {
        let quote = Quote::of(&trade.code).map(|q| (q.snap(trade.price as f64), q.above(trade.best_bid)));
        assert_eq!(quote, Some((trade.price, trade.best_ask)), "{trade:?}");
        let touch = if trade.side == Side::Buy { trade.best_ask } else { trade.best_bid };
        assert_eq!(touch, trade.price, "{trade:?}");
        assert!(trade.volume > 0 && trade.best_ask_size > 0 && trade.best_bid_size > 0, "{trade:?}");
    }
}

#[test]
fn ids_carry_the_time_and_count_from_nought_without_holes() {
    let mut groups: HashMap<(Arc<str>, i64), Vec<u64>> = HashMap::new();
    for trade in run(&options(7), 60_000, 100) {
        assert_eq!(trade.sequential_id / 10_000, trade.traded_at_ms.unsigned_abs());
        groups.entry((trade.code, trade.traded_at_ms)).or_default().push(trade.sequential_id % 10_000);
    }
    assert!(groups.values().any(|g| g.len() > 3), "no order swept the book");
    for (at, mut ns) in groups {
        ns.sort_unstable();
        assert_eq!(ns, (0..ns.len() as u64).collect::<Vec<_>>(), "{at:?}");
    }
}

#[test]
fn late_sweeps_arrive_after_later_trades_and_only_when_asked_for() {
    let backward_steps = |share| {
        let mut o = options(8);
        o.late_share = share;
        let mut newest: HashMap<Arc<str>, u64> = HashMap::new();
        let mut steps = 0;
        let mut arrival = 0;
        for trade in run(&o, 60_000, 100) {
            assert!(trade.arrives_at_ms >= arrival, "frames went back in time");
            arrival = trade.arrives_at_ms;
            let newest = newest.entry(trade.code).or_default();
            steps += u32::from(trade.sequential_id < *newest);
            *newest = trade.sequential_id.max(*newest);
        }
        steps
    };
    assert_eq!(backward_steps(0.0), 0);
    assert!(backward_steps(0.05) > 10);
}

#[test]
fn ten_lively_seconds_show_everything_the_demo_alerts_on() {
    for seed in 0..50 {
        let trades = run(&options(seed), 10_000, 100);
        let seen: HashSet<&str> = trades.iter().map(|t| &*t.code).collect();
        assert_eq!(seen.len(), MAIN_MARKETS.len(), "seed {seed}: only {seen:?}");
        let of = |code: &str| -> Vec<i64> {
            trades.iter().filter(|t| &*t.code == code).map(|t| t.price).collect()
        };
        let bitcoin = of("KRW-BTC");
        let low = bitcoin.iter().min().copied().unwrap_or(0);
        let high = bitcoin.iter().max().copied().unwrap_or(0);
        assert!(high - low >= low / 1_000 * 3, "seed {seed}: KRW-BTC only {low} to {high}");
        for code in MAIN_MARKETS.iter().filter(|c| c.starts_with("KRW-")) {
            let (prices, base) = (of(code), base_price(code).unwrap_or(0));
            let up = prices.windows(2).any(|w| w[0] < base && w[1] >= base);
            assert!(up, "seed {seed}: {code} never rose across {base}");
        }
        let whale = trades.iter().any(|t| {
            &*t.code == "KRW-BTC"
                && i128::from(t.price) * i128::from(t.volume)
                    >= 100_000_000 * i128::from(UNIT) * i128::from(UNIT)
        });
        assert!(whale, "seed {seed}: no trade of 100 million won");
    }
}

#[test]
fn a_wanted_rate_is_kept_within_a_tenth() {
    for wanted in [20.0, 2_000.0] {
        let mut o = options(9);
        o.trades_per_second = Some(wanted);
        o.history_ms = 1_000;
        let rate = run(&o, 60_000, 100).len() as f64 / 60.0;
        assert!((rate / wanted - 1.0).abs() < 0.1, "wanted {wanted}, got {rate}");
    }
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn what_rest_keeps_is_bounded_and_sorted() {
    let mut o = options(10);
    o.retained = 50;
    let mut synth = Synth::new(&o).unwrap();
    synth.advance_to(START_MS + 60_000);
    let all = Query { from_id: 0, before_id: u64::MAX, count: 1_000 };
    let ids: Vec<u64> = synth.ticks("KRW-BTC", all).unwrap().iter().map(|t| t.sequential_id).collect();
    assert_eq!(ids.len(), 50);
    assert!(ids.is_sorted_by(|a, b| a > b));
    assert_eq!(synth.last("KRW-BTC").map(|t| t.sequential_id), ids.first().copied());
    assert!(synth.ticks("KRW-NOPE", all).is_none());
}

#[test]
fn codes_that_are_no_markets_are_refused_by_name() {
    for code in ["EUR-BTC", "krw-btc", "KRWBTC", "KRW-BTC"] {
        let mut o = options(1);
        o.codes.push(code.into());
        let error = Synth::new(&o).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(code), "{code}: {error}");
    }
}

#[test]
fn a_new_utc_day_closes_the_one_before() {
    let mut o = options(11);
    o.start_ms = 1_795_391_995_000; // five seconds before 2026-11-23
    let trades: Vec<_> = run(&o, 10_000, 100).into_iter().filter(|t| &*t.code == "KRW-BTC").collect();
    let midnight = 1_795_392_000_000;
    let last = trades.iter().filter(|t| t.traded_at_ms < midnight).max_by_key(|t| t.sequential_id);
    let next: HashSet<i64> =
        trades.iter().filter(|t| t.traded_at_ms >= midnight).map(|t| t.prev_close).collect();
    assert_eq!(Some(next), last.map(|t| HashSet::from([t.price])));
}
