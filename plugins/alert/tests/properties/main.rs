//! What must hold for any tape: seeded generators against a second, naive way to the same answer.

#[path = "../common/mod.rs"]
mod common;
mod same;
mod tape;
mod windows;

use common::{MARKETS, Said, Step, feed, plugin, restarted, run};
use tape::{EVERYTHING, Random, Shape, tape};
use tradehook_alert::AlertPlugin;
use tradehook_sdk::{AlertState, Plugin, Side};

/// One rule of everything.
const ALL: &str = r#"{"lateness": "2s", "idle_lag": "2s", "rules": [
    {"id": "p1", "markets": ["*"], "when": {"kind": "price", "above": 100, "clear": "99.5"}},
    {"id": "p2", "markets": ["KRW-*"], "hold": "5s", "linger": "3s", "when": {"kind": "price", "below": 101}},
    {"id": "p3", "markets": ["*"], "hold_trades": 3, "when": {"kind": "price", "inside": [98, 102]}},
    {"id": "p4", "markets": ["*"], "initial": "arm", "when": {"kind": "price", "outside": [97, 103], "clear_margin": 1}},
    {"id": "p5", "markets": ["*"], "source": "mid", "on_unknown": "fire", "hold": "4s", "when": {"kind": "price", "above": 1}},
    {"id": "x1", "markets": ["*"], "when": {"kind": "cross", "level": 100}},
    {"id": "x2", "markets": ["*"], "when": {"kind": "cross", "levels": [98, 101, 103], "touch": false, "rearm": "0.5%"}},
    {"id": "x3", "markets": ["*"], "when": {"kind": "cross", "step": 2, "rearm": "0.7%"}},
    {"id": "x4", "markets": ["*"], "when": {"kind": "cross", "step": "1%", "direction": "up"}},
    {"id": "c1", "markets": ["*"], "when": {"kind": "change", "window": "10s", "pct": "2%", "clear": "1%"}},
    {"id": "c2", "markets": ["*"], "linger": "2s", "when": {"kind": "change", "window": "15m", "abs": 4, "direction": "down", "warmup": "partial"}},
    {"id": "c3", "markets": ["*"], "when": {"kind": "change", "window": "20s", "reference": "window_low", "pct": "3%"}},
    {"id": "c4", "markets": ["*"], "when": {"kind": "change", "window": "11m", "reference": "window_high", "pct": "3%", "warmup": "partial"}},
    {"id": "c5", "markets": ["*"], "when": {"kind": "change", "reference": "prev_close", "pct": "5%"}},
    {"id": "c6", "markets": ["*"], "hold": "3s", "when": {"kind": "change", "anchor": 100, "pct": "3%", "direction": "up"}},
    {"id": "c7", "markets": ["*"], "source": "mid", "when": {"kind": "change", "window": "10s", "pct": "2%"}},
    {"id": "c8", "markets": ["*"], "hold_trades": 2, "when": {"kind": "change", "window": "12m", "pct": "2%", "source": "best_ask", "warmup": "partial"}},
    {"id": "c9", "markets": ["*"], "when": {"kind": "change", "window": "15s", "reference": "window_low", "abs": 3, "source": "best_bid"}},
    {"id": "c10", "markets": ["*"], "source": "best_bid", "when": {"kind": "change", "reference": "prev_close", "pct": "5%"}},
    {"id": "v1", "markets": ["*"], "when": {"kind": "volume", "window": "10s", "above": 1500, "clear": 1000}},
    {"id": "v2", "markets": ["*"], "when": {"kind": "volume", "window": "12m", "above": 60, "measure": "volume", "side": "buy", "warmup": "partial"}},
    {"id": "v3", "markets": ["*"], "hold": "2s", "when": {"kind": "volume", "window": "5s", "above": 4, "measure": "count"}},
    {"id": "l1", "markets": ["*"], "when": {"kind": "large_trade", "min_notional": 450}},
    {"id": "l2", "markets": ["*"], "when": {"kind": "large_trade", "aggregate": "sweep", "sweep_gap": "2s", "tiers": {"a": 800, "b": 1200}}},
    {"id": "s1", "markets": ["*"], "when": {"kind": "silence", "for": "6s"}},
    {"id": "s2", "markets": ["KRW-BTC"], "linger": "2s", "hold": "1s", "when": {"kind": "silence", "for": "4s"}},
    {"id": "s3", "markets": ["BTC-ETH", "KRW-XRP"], "linger": "1s", "when": {"kind": "silence", "for": "7s", "expect_from_start": true}},
    {"id": "s4", "markets": ["*"], "when": {"kind": "silence", "max_count": 4, "window": "9s"}},
    {"id": "s5", "markets": ["*"], "linger": "1s", "when": {"kind": "silence", "max_count": 70, "window": "11m"}},
    {"id": "e1", "markets": ["*"], "hold": "1s", "when": {"kind": "price", "severities": [
        {"severity": "info", "above": 100, "clear": "99.5"}, {"severity": "warning", "above": 101, "clear": 100},
        {"severity": "critical", "above": "101.5", "clear": 101}]}},
    {"id": "e2", "markets": ["*"], "linger": "2s", "when": {"kind": "change", "window": "20s", "severities": [
        {"severity": "info", "above": "1%"}, {"severity": "critical", "above": "2%", "clear": "1.5%"}]}},
    {"id": "g1", "markets": ["*"], "when": {"kind": "trade_rate", "window": "8s", "above": 5}},
    {"id": "g2", "markets": ["*"], "hold": "1s", "when": {"kind": "spread", "above": 60, "clear": 40}},
    {"id": "g3", "markets": ["*"], "linger": "1s", "when": {"kind": "all", "within": "9s", "of": [
        {"kind": "cross", "levels": [99, 100, 101]}, {"kind": "large_trade", "min_notional": 250},
        {"kind": "not", "of": {"kind": "silence", "for": "8s"}}]}},
    {"id": "g4", "markets": ["*"], "when": {"kind": "any", "of": [
        {"kind": "volume", "window": "15m", "above": 4000, "warmup": "partial"},
        {"kind": "all", "of": [{"kind": "spread", "below": 30}, {"kind": "price", "outside": [98, 102]}]}]}},
    {"id": "q1", "markets": ["*"], "when": {"kind": "sequence", "within": "15s", "steps": [
        {"kind": "large_trade", "min_notional": 250}, {"kind": "price", "above": 100},
        {"kind": "change", "window": "5s", "pct": "0.5%", "direction": "down", "warmup": "partial"}]}},
    {"id": "q2", "markets": ["*"], "when": {"kind": "sequence", "within": "30s",
        "not": {"kind": "price", "below": 98}, "steps": [
        {"kind": "cross", "level": 100}, {"kind": "silence", "for": "3s"}]}},
    {"id": "f1", "markets": ["*"], "when": {"kind": "frequency", "window": "40s", "above": 2, "rule": "l1"}},
    {"id": "f2", "markets": ["*"], "hold": "1s", "when": {"kind": "frequency", "window": "1m", "above": 3,
        "of": {"kind": "price", "above": 100}}},
    {"id": "f3", "markets": ["*"], "when": {"kind": "frequency", "window": "2m", "above": 2, "of":
        {"kind": "sequence", "within": "15s", "steps": [
            {"kind": "price", "below": 100}, {"kind": "price", "above": "100.5"}]}}},
    {"id": "n1", "markets": ["*"], "when": {"kind": "channel", "inside": [99, 101], "event": "enter"}},
    {"id": "n2", "markets": ["*"], "source": "mid", "when": {"kind": "channel", "inside": [98, 102], "event": "exit"}},
    {"id": "n3", "markets": ["*"], "when": {"kind": "breakout", "side": "high", "window": "10s"}},
    {"id": "n4", "markets": ["*"], "when": {"kind": "breakout", "side": "low", "window": "12s", "basis": "bars:2s"}},
    {"id": "n5", "markets": ["*"], "hold": "1s", "when": {"kind": "volume_spike", "window": "5s", "buckets": 4,
        "min_buckets": 2, "method": "ratio", "k": 1.3, "clear": 1}},
    {"id": "n6", "markets": ["*"], "when": {"kind": "volume_spike", "window": "4s", "buckets": 5, "method": "z",
        "k": 1, "measure": "volume", "side": "buy", "min_current": 1}},
    {"id": "n7", "markets": ["*"], "when": {"kind": "volume_spike", "window": "6s", "buckets": 4, "method": "robust",
        "k": 0.8, "floor": 200, "min_baseline": 100}},
    {"id": "n8", "markets": ["*"], "linger": "1s", "when": {"kind": "trade_rate", "spike": "ewma", "window": "5s",
        "buckets": 4, "k": 1.5}},
    {"id": "n9", "markets": ["*"], "when": {"kind": "imbalance", "window": "15s", "above": 0.4, "min_notional": 500}},
    {"id": "n10", "markets": ["*"], "when": {"kind": "trade_strength", "window": "15s", "above": 150, "clear": 120}},
    {"id": "n11", "markets": ["*"], "when": {"kind": "trade_strength", "since": "day", "outside": [80, 120]}},
    {"id": "n12", "markets": ["*"], "when": {"kind": "cvd", "anchor": "30s", "above": 3}},
    {"id": "n13", "markets": ["*"], "when": {"kind": "cvd", "anchor": "start", "measure": "notional", "cross": 0}},
    {"id": "n14", "markets": ["*"], "when": {"kind": "vwap", "window": "20s", "above": "1%", "min_trades": 3}},
    {"id": "n15", "markets": ["*"], "when": {"kind": "volatility", "window": "10s", "above": "3%", "clear": "2%"}},
    {"id": "n16", "markets": ["*"], "when": {"kind": "volatility", "window": "10s", "measure": "realised", "above": "3%"}}
]}"#;

#[test]
fn a_restart_anywhere_changes_nothing() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..12u64 {
        let steps = tape(&mut Random::new(seed), &EVERYTHING);
        let whole = run(&mut plugin(ALL), &steps);
        kinds.extend(whole.iter().map(|said| said.alert.rule.clone()));
        let said = restarted(ALL, &steps);
        for (said, whole) in said.iter().zip(&whole) {
            assert_eq!(said, whole, "seed {seed}, entry {:?}", steps.get(whole.step));
        }
        assert_eq!(said.len(), whole.len(), "seed {seed}");
    }
    // A property of rules that never fire would hold of anything.
    assert_eq!(kinds.len(), 55, "rules that fired: {kinds:?}");
}

#[test]
fn a_level_fires_and_resolves_in_turn() {
    for seed in 100..110u64 {
        let steps = tape(&mut Random::new(seed), &EVERYTHING);
        let mut firing = std::collections::BTreeSet::new();
        for said in run(&mut plugin(ALL), &steps) {
            let key = (said.alert.rule.clone(), said.alert.key.clone());
            match said.alert.state {
                // A further firing is another severity.
                AlertState::Firing if said.alert.severity.is_some() => drop(firing.insert(key)),
                AlertState::Firing => assert!(firing.insert(key), "seed {seed}: fired twice: {said:?}"),
                AlertState::Resolved => {
                    assert!(firing.remove(&key), "seed {seed}: resolved from nothing: {said:?}")
                }
                AlertState::Event => {}
            }
        }
    }
}

fn of_market(said: &[Said], code: &str) -> Vec<tradehook_sdk::Alert> {
    said.iter()
        .map(|said| said.alert.clone())
        .filter(|alert| alert.key == code)
        .map(|mut alert| {
            // The tests number trades by their place on the tape, which differs here.
            alert.fields.retain(|(name, _)| !name.ends_with("sequential_id"));
            alert
        })
        .collect()
}

#[test]
fn markets_do_not_see_one_another() {
    let shape = Shape { ticks: false, gaps: false, ..EVERYTHING };
    for seed in 200..220u64 {
        let steps = tape(&mut Random::new(seed), &shape);
        let together = run(&mut plugin(ALL), &steps);
        for (number, code) in (0u32..).zip(MARKETS) {
            let alone: Vec<Step> = steps
                .iter()
                .filter(|step| matches!(step, Step::Trade { market, .. } if *market == number))
                .cloned()
                .collect();
            let alone = run(&mut plugin(ALL), &alone);
            assert_eq!(of_market(&together, code), of_market(&alone, code), "seed {seed}, {code}");
        }
    }
}

#[test]
fn ticks_that_nothing_waits_for_change_nothing() {
    let config = r#"{"rules": [
        {"id": "p", "markets": ["*"], "when": {"kind": "price", "above": 100, "clear": 99}},
        {"id": "h", "markets": ["*"], "hold_trades": 2, "when": {"kind": "price", "above": 101}},
        {"id": "x", "markets": ["*"], "when": {"kind": "cross", "step": 1, "rearm": "0.3"}},
        {"id": "c", "markets": ["*"], "when": {"kind": "change", "reference": "prev_close", "pct": "2%"}},
        {"id": "l", "markets": ["*"], "when": {"kind": "large_trade", "min_notional": 800, "aggregate": "sweep"}},
        {"id": "s", "markets": ["*"], "when": {"kind": "silence", "for": "7d"}},
        {"id": "e", "markets": ["*"], "when": {"kind": "price", "severities": [
            {"severity": "info", "above": 99}, {"severity": "critical", "above": 102, "clear": 101}]}},
        {"id": "a", "markets": ["*"], "when": {"kind": "all", "of": [
            {"kind": "price", "above": 100}, {"kind": "spread", "above": 50}]}},
        {"id": "q", "markets": ["*"], "when": {"kind": "sequence", "within": "1d", "steps": [
            {"kind": "price", "above": 100}, {"kind": "price", "above": 100}, {"kind": "price", "below": 102}]}},
        {"id": "f", "markets": ["*"], "when": {"kind": "frequency", "window": "1d", "above": 5, "rule": "x"}}
    ]}"#;
    let shape = Shape { ticks: false, gaps: false, late: false, ..EVERYTHING };
    for seed in 300..320u64 {
        let mut random = Random::new(seed);
        let steps = tape(&mut random, &shape);
        let mut ticked = Vec::new();
        for step in &steps {
            if let (Step::Trade { at_ms, .. }, 0) = (step, random.below(2)) {
                ticked.push(Step::Tick { at_ms: *at_ms });
            }
            ticked.push(step.clone());
        }
        let (plain, with) = (run(&mut plugin(config), &steps), run(&mut plugin(config), &ticked));
        assert!(!plain.is_empty(), "seed {seed}");
        for code in MARKETS {
            assert_eq!(of_market(&plain, code), of_market(&with, code), "seed {seed}");
        }
    }
}

#[test]
fn ten_times_every_price_changes_no_decision() {
    let config = |one: &str, two: &str, ten: &str, half: &str| {
        format!(
            r#"{{"rules": [
            {{"id": "p", "markets": ["*"], "when": {{"kind": "price", "above": {ten}}}}},
            {{"id": "x", "markets": ["*"], "when": {{"kind": "cross", "level": {ten}, "rearm": {one}}}}},
            {{"id": "g", "markets": ["*"], "when": {{"kind": "cross", "step": {two}, "rearm": "1%"}}}},
            {{"id": "c", "markets": ["*"], "when": {{"kind": "change", "window": "5s", "pct": "1.5%", "clear": "0.5%"}}}},
            {{"id": "d", "markets": ["*"], "when": {{"kind": "change", "window": "5s", "abs": {half}}}}},
            {{"id": "q", "markets": ["*"], "when": {{"kind": "sequence", "within": "20s", "steps": [
                {{"kind": "cross", "level": {ten}}}, {{"kind": "change", "window": "5s", "pct": "1.5%"}}]}}}},
            {{"id": "n", "markets": ["*"], "when": {{"kind": "all", "of": [{{"kind": "price", "above": {ten}}},
                {{"kind": "change", "window": "9s", "abs": {half}, "warmup": "partial"}}]}}}}
        ]}}"#
        )
    };
    let (small, large) = (config("1", "2", "100", "0.5"), config("10", "20", "1000", "5"));
    let shape = Shape { gaps: false, ..EVERYTHING };
    for seed in 400..430u64 {
        let mut steps = tape(&mut Random::new(seed), &shape);
        let decisions = |said: Vec<Said>| -> Vec<_> {
            said.into_iter().map(|s| (s.step, s.alert.rule, s.alert.state, s.alert.at_ms)).collect()
        };
        let before = decisions(run(&mut plugin(&small), &steps));
        for step in &mut steps {
            if let Step::Trade { price, close, .. } = step {
                *price = price.replace('.', "");
                *close = None;
            }
        }
        let after = decisions(run(&mut plugin(&large), &steps));
        assert!(before.len() > 20, "seed {seed}");
        assert_eq!(before, after, "seed {seed}");
    }
}

#[test]
fn a_changed_rule_starts_fresh_and_the_others_go_on() {
    let config = |level: u32, first: &str| {
        common::rules(&format!(
            r#"{first} {{"id": "kept", "markets": ["*"], "when": {{"kind": "price", "above": 100}}}},
               {{"id": "edited", "markets": ["*"], "when": {{"kind": "price", "above": {level}}}}}"#
        ))
    };
    let mut before = plugin(&config(100, ""));
    let said = run(&mut before, &common::tape("101"));
    assert_eq!(said.len(), 2);
    let added = r#"{"id": "added", "markets": ["*"], "when": {"kind": "price", "above": 1}},"#;
    let mut after = plugin(&config(99, added));
    assert_eq!(after.restore(AlertPlugin::MANIFEST.state_version, &before.snapshot()), Ok(()));
    let said = run(&mut after, &common::tape("2:101"));
    let fired: Vec<&str> = said.iter().map(|said| said.alert.rule.as_str()).collect();
    assert_eq!(fired, ["added", "edited"]);
}

#[test]
fn a_window_that_is_new_waits_until_it_is_whole() {
    let config = |window: &str| {
        common::rules(&format!(
            r#"{{"id": "v", "markets": ["*"], "when": {{"kind": "volume", "window": "{window}", "above": 1, "measure": "count"}}}}"#
        ))
    };
    let mut before = plugin(&config("5s"));
    run(&mut before, &common::tape("0:1 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1"));
    let mut after = plugin(&config("8s"));
    assert_eq!(after.restore(AlertPlugin::MANIFEST.state_version, &before.snapshot()), Ok(()));
    let said = run(&mut after, &common::tape("11:1 11.9:1 12:1 13:1"));
    assert_eq!(said.iter().map(common::brief).collect::<Vec<_>>(), ["firing@12"]);
}

/// [bounded]
#[test]
fn a_flood_makes_a_window_unknown_and_never_wrong() {
    let config = common::rules(
        r#"{"id": "v", "markets": ["*"], "when": {"kind": "volume", "window": "1m", "above": 5, "measure": "count"}},
           {"id": "c", "markets": ["*"], "when": {"kind": "change", "window": "1m", "pct": "50%"}}"#,
    );
    let mut engine = plugin(&config);
    let said = run(&mut engine, &common::tape("0:1 60:1 60:1 60:1 60:1 60:1"));
    assert_eq!(said.iter().map(common::brief).collect::<Vec<_>>(), ["firing@60"]);
    let flood = common::tape("61:1");
    for _ in 0..270_000 {
        assert_eq!(run(&mut engine, &flood), []);
    }
    assert!(engine.snapshot().len() < 12_000_000, "{}", engine.snapshot().len());
    let later = common::tape("61:tick 100:2 120:tick 120.999:tick 121:tick 122:2");
    let said = run(&mut engine, &later);
    let brief: Vec<String> = said.iter().map(|s| format!("{} {}", s.alert.rule, common::brief(s))).collect();
    assert_eq!(brief, ["v resolved@121", "c firing@121"]);
}

/// The first snapshots said nothing about markets that are expected.
#[test]
fn a_snapshot_without_its_tail_is_read() {
    let config = r#"{"rules": [{"id": "p", "markets": ["*"], "when": {"kind": "price", "above": 1}}]}"#;
    let whole = plugin(config).snapshot();
    // No facts, no legs, no general rules, no subjects.
    let tailed = whole.strip_suffix(&[0, 0, 0, 0]).unwrap_or_default();
    assert_eq!(plugin(config).restore(1, tailed), Ok(()));
    // No first clock, no memories and no quotes.
    let state = tailed.strip_suffix(&[0, 0, 0]).unwrap_or_default();
    assert_eq!(plugin(config).restore(1, state), Ok(()));
    let less = state.split_last().map_or(state, |(_, less)| less);
    assert!(plugin(config).restore(1, less).is_err(), "more than the tail is missing");
}

#[test]
fn a_snapshot_that_is_none_is_refused() {
    let mut fresh = plugin(ALL);
    assert!(fresh.restore(2, &[]).is_err_and(|reason| reason.contains("version 2")));
    assert!(fresh.restore(1, &[0xFF; 40]).is_err_and(|reason| reason.contains("cannot be read")));
}

/// [numbers-survive]
#[test]
fn every_exact_move_fires() {
    let (mut moves, mut missed) = (0, 0);
    for tenths in (1..1200u64).step_by(7) {
        for hundredths in [5u64, 10, 25, 30, 50, 70, 110, 120, 250, 330, 500, 1000, 1250] {
            // At scale 5, where the moved price is exact.
            let (from, to) = (tenths * 10_000, tenths * (10_000 + hundredths));
            let price = |units: u64| format!("{}.{:05}", units / 100_000, units % 100_000);
            let share = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            let when =
                format!(r#"{{"kind": "change", "window": "60s", "pct": "{share}%", "direction": "up"}}"#);
            let config = common::rules(&format!(
                r#"{{"id": "plain", "markets": ["*"], "when": {when}}},
                   {{"id": "part", "markets": ["*"], "when": {{"kind": "all", "of": [{when}]}}}}"#
            ));
            let feed = format!("0:{} 60:{} 60:{}", price(from), price(to - 1), price(to));
            let said = run(&mut plugin(&config), &common::tape(&feed));
            let fired: Vec<(usize, &str)> =
                said.iter().map(|said| (said.step, said.alert.rule.as_str())).collect();
            assert_eq!(fired, [(2, "plain"), (2, "part")], "{feed}, {share}%");
            moves += 1;
            let float = |units: u64| price(units).parse::<f64>().unwrap_or(f64::NAN);
            let share: f64 = share.parse().unwrap_or(f64::NAN);
            missed += usize::from(float(to) / float(from) - 1.0 < share / 100.0);
        }
    }
    assert!(moves > 2000 && missed * 4 > moves, "binary fractions would miss {missed} of {moves}");
}

/// [numbers-survive] [bounded]
#[test]
fn numbers_at_the_ends_of_their_ranges_are_survived() {
    let prices =
        ["9223372036854775807", "0.000000000000000001", "92233720368.54775807", "1", "9.223372036854775807"];
    let times =
        [0, 1, -1, 1_700_000_000_000, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 999, -86_400_000];
    for seed in 700..740u64 {
        let mut random = Random::new(seed);
        let mut pick = |count: usize| random.below(count as u64) as usize;
        // Times far apart, and times that only grow.
        let (mut engine, mut clock) = (plugin(ALL), 0i64);
        for number in 0..200 {
            clock = clock.saturating_add(1 << (3 * pick(21)));
            let at_ms = if seed % 2 == 0 { times[pick(times.len())] } else { clock };
            let step = match pick(9) {
                0 => Step::Tick { at_ms },
                1 => Step::Gap { from_ms: at_ms, to_ms: times[pick(times.len())], filled: false },
                _ => Step::Trade {
                    market: pick(3) as u32,
                    at_ms,
                    price: prices[pick(prices.len())].to_owned(),
                    volume: prices[pick(prices.len())].to_owned(),
                    side: if pick(2) == 0 { Side::Buy } else { Side::Sell },
                    close: Some(prices[pick(prices.len())].to_owned()),
                    quotes: Some((
                        prices[pick(prices.len())].to_owned(),
                        prices[pick(prices.len())].to_owned(),
                    )),
                },
            };
            feed(&mut engine, number, &step);
            if number % 50 == 49 {
                let mut next = plugin(ALL);
                assert_eq!(
                    next.restore(AlertPlugin::MANIFEST.state_version, &engine.snapshot()),
                    Ok(()),
                    "seed {seed}"
                );
                engine = next;
            }
        }
    }
}
