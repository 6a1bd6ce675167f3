//! What holds for any log, tried on generated ones; a failure names its seed.

use super::{stations::log, *};
use std::collections::BTreeMap;
use tradehook_sdk::Wide;

const RICH: [&str; 6] = [
    r#"{"side":"buy","reorder":"300ms","throttle":{"count":2,"per":"1s","mode":"both","tell":true}}"#,
    r#"{"reorder":"1s","outlier":{"k":5,"n":2},"distinct":true,"sweep":{"gap":"50ms"},"idle_lag":"1s"}"#,
    r#"{"throttle":{"count":3,"per":"700ms","mode":"trailing"},"conflate":{"every":"2s"}}"#,
    r#"{"sample":{"ratio":0.7,"salt":"a"},"sweep":{},"conflate":{"every":"1s"},"report":"10s"}"#,
    r#"{"reorder":"200ms","sample":{"every":3},"throttle":{"count":1,"per":"1s"},"sweep":{"gap":"2s"},"conflate":{"every":"1s"}}"#,
    r#"{"outlier":{"k":4,"action":"tag"},"distinct":true,"throttle":{"count":2,"per":"1s","tell":true}}"#,
];

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn generate(seed: u64, len: usize) -> Vec<Step> {
    let mut random = Random(seed);
    let mut now = 1_000_000i64;
    let mut text = Vec::new();
    for _ in 0..len {
        now += [0, 0, 0, 7, 40, 300, 2500][random.below(7) as usize];
        let late = if random.below(4) == 0 { random.below(1500) as i64 } else { 0 };
        text.push(if random.below(12) == 0 {
            format!("{now}:tick")
        } else {
            let (market, price, volume) = (random.below(3), 1000 + random.below(9), 1 + random.below(99));
            let side = if random.below(3) == 0 { 'S' } else { 'B' };
            format!("{market}@{}:{price}x0.{volume:02}{side}", now - late)
        });
    }
    log(&text.join(" "))
}

#[test]
fn a_restart_anywhere_and_any_batches_change_nothing_behind() {
    for (seed, config) in (0..4).flat_map(|seed| RICH.map(|config| (seed, config))) {
        let steps = generate(seed, 100);
        let mut whole_plugin = plugin(config);
        let whole = tell(&mut whole_plugin, &steps, || false);
        assert!(whole.trades.len() > 10, "seed {seed} {config}: too little happens");
        let mut random = Random(seed);
        assert_eq!(tell(&mut plugin(config), &steps, || random.below(3) == 0), whole, "seed {seed} {config}");
        for cut in 0..=steps.len() {
            let (mut first, mut second) = (plugin(config), plugin(config));
            let mut behind = tell(&mut first, &steps[..cut], || false);
            second.restore(FilterPlugin::MANIFEST.state_version, &first.snapshot()).unwrap();
            assert_eq!(second.snapshot(), first.snapshot(), "seed {seed} cut {cut} {config}");
            let Behind { trades, records } = tell(&mut second, &steps[cut..], || false);
            behind.trades.extend(trades);
            behind.records.extend(records);
            assert_eq!(behind, whole, "seed {seed} cut {cut} {config}");
            assert_eq!(second.counters(), whole_plugin.counters(), "seed {seed} cut {cut} {config}");
        }
    }
}

#[test]
fn each_trade_passes_is_dropped_is_merged_or_is_held() {
    for (seed, config) in (0..50).flat_map(|seed| RICH.map(|config| (seed, config))) {
        let mut steps = generate(seed, 300);
        let mut plugin = plugin(config);
        let trades = steps.iter().filter(|step| matches!(step, Step::Trade(_))).count() as u64;
        let mut behind = tell(&mut plugin, &steps, || false).trades.len() as u64;
        for last in [false, true] {
            let counters = plugin.counters();
            let named: BTreeMap<_, _> = counters.named().into_iter().collect();
            let dropped: u64 = named
                .iter()
                .filter(|(name, _)| name.starts_with("dropped_") || name.starts_with("merged_"))
                .map(|(_, n)| n)
                .sum();
            assert_eq!(named["in"], trades, "seed {seed} {config}");
            assert_eq!(named["out"], behind, "seed {seed} {config}");
            assert_eq!(named["in"], named["out"] + dropped + plugin.held(), "seed {seed} {config}");
            // Time lets everything go.
            steps = vec![Step::Tick(9_000_000), Step::Tick(9_100_000)];
            behind += tell(&mut plugin, &steps, || false).trades.len() as u64;
            assert!(!last || plugin.held() == 0, "seed {seed} {config}");
        }
    }
}

#[test]
fn putting_trades_together_or_in_order_loses_no_volume() {
    let configs = [
        r#"{"reorder":"300ms"}"#,
        r#"{"sweep":{"gap":"40ms"}}"#,
        r#"{"conflate":{"every":"1s"}}"#,
        r#"{"reorder":"1s","sweep":{},"conflate":{"every":"3s"}}"#,
    ];
    for (seed, config) in (0..50).flat_map(|seed| configs.map(|config| (seed, config))) {
        let mut steps = generate(seed, 300);
        steps.push(Step::Tick(9_000_000));
        let behind = tell(&mut plugin(config), &steps, || false);
        let mut came = [Wide::ZERO; 3];
        let mut went = [Wide::ZERO; 3];
        for step in &steps {
            if let Step::Trade(trade) = step {
                let sum = &mut came[trade.market_id as usize];
                *sum = sum.checked_add(trade.volume.wide()).unwrap();
            }
        }
        for trade in &behind.trades {
            let sum = &mut went[trade.market_id as usize];
            *sum = sum.checked_add(trade.volume.wide()).unwrap();
        }
        assert_eq!(came, went, "seed {seed} {config}");
    }
}

#[test]
fn behind_a_reorder_a_market_is_in_order_but_for_what_says_that_it_is_late() {
    for seed in 0..50 {
        let steps = generate(seed, 300);
        let behind = tell(&mut plugin(r#"{"reorder":"500ms","idle_lag":"0s"}"#), &steps, || false);
        let mut last = [(0, 0); 3];
        let mut late = 0;
        for trade in &behind.trades {
            let own = (trade.traded_at_ms, trade.sequential_id);
            let last = &mut last[trade.market_id as usize];
            assert_eq!(trade.flags.has(Flags::LATE), own < *last, "seed {seed} {trade:?}");
            late += usize::from(own < *last);
            *last = own.max(*last);
        }
        assert!(late < behind.trades.len() / 4, "seed {seed}: {late}");
    }
}

/// Stretches follow upon one another, so any second touches two of them at most.
#[test]
fn a_throttle_lets_no_more_than_its_count_go_in_any_stretch() {
    // Of both, the one that goes at the end of a stretch was traded in it.
    for (mode, most) in [("leading", 4), ("trailing", 4), ("both", 6)] {
        let config = format!(r#"{{"throttle":{{"count":2,"per":"1s","mode":"{mode}"}},"idle_lag":"0s"}}"#);
        for seed in 0..50 {
            let mut steps = generate(seed, 300);
            steps.sort_by_key(|step| match step {
                Step::Trade(trade) => trade.traded_at_ms,
                Step::Tick(at_ms) => *at_ms,
            });
            let mut gone: [Vec<i64>; 3] = Default::default();
            for trade in tell(&mut plugin(&config), &steps, || false).trades {
                gone[trade.market_id as usize].push(trade.traded_at_ms);
            }
            for times in &gone {
                let seconds = times.windows(most + 1).all(|w| w[most] - w[0] >= 1000);
                assert!(seconds && times.len() > 10, "seed {seed} {mode} {times:?}");
            }
        }
    }
}
