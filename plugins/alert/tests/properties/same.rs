//! The general evaluator against the plain rules.

use super::common::{Said, Step, plugin, run};
use super::tape::{EVERYTHING, Random, Shape, tape};
use tradehook_sdk::AlertState;

/// The same decisions from the plain rules, each with a way of its own, and from the same conditions
/// as the only part of a composite, which the general evaluator looks at.
#[test]
fn the_general_evaluator_says_what_the_plain_rules_say() {
    let levels = [
        r#""kind": "price", "above": 100, "clear": "99.5""#,
        r#""kind": "price", "inside": [98, 102]"#,
        r#""kind": "price", "outside": [97, 103], "clear_margin": 1"#,
        r#""kind": "price", "below": 100, "source": "mid""#,
        r#""kind": "change", "window": "10s", "pct": "2%", "clear": "1%""#,
        r#""kind": "change", "window": "15m", "abs": 4, "direction": "down", "warmup": "partial""#,
        r#""kind": "change", "window": "20s", "reference": "window_low", "pct": "3%""#,
        r#""kind": "change", "window": "11m", "reference": "window_high", "pct": "3%", "warmup": "partial""#,
        r#""kind": "change", "reference": "prev_close", "pct": "5%""#,
        r#""kind": "change", "anchor": 100, "pct": "3%", "direction": "up""#,
        r#""kind": "change", "window": "10s", "pct": "2%", "source": "mid""#,
        r#""kind": "change", "window": "12m", "pct": "2%", "source": "best_ask", "warmup": "partial""#,
        r#""kind": "change", "window": "15s", "reference": "window_low", "abs": 3, "source": "best_bid""#,
        r#""kind": "volume", "window": "10s", "above": 1500, "clear": 1000"#,
        r#""kind": "volume", "window": "12m", "above": 60, "measure": "volume", "side": "buy", "warmup": "partial""#,
        r#""kind": "volume", "window": "5s", "above": 4, "measure": "count""#,
        r#""kind": "silence", "for": "6s""#,
        r#""kind": "silence", "max_count": 4, "window": "9s""#,
        r#""kind": "silence", "max_count": 70, "window": "11m""#,
    ];
    let timings = [
        "",
        r#""hold": "3s","#,
        r#""linger": "2s", "hold": "1s","#,
        r#""initial": "arm","#,
        r#""on_unknown": "fire", "hold": "4s","#,
        r#""on_unknown": "clear","#,
    ];
    let mut said_at_all = vec![0usize; levels.len()];
    for (at, level) in levels.iter().enumerate() {
        let mut list = Vec::new();
        for (number, timing) in timings.iter().enumerate() {
            let general = format!(r#"{{"kind": "any", "of": [{{{level}}}]}}"#);
            for (name, when) in [("plain", format!("{{{level}}}")), ("general", general)] {
                let id = format!("{name}-{number}");
                list.push(format!(r#"{{"id": "{id}", "markets": ["*"], {timing} "when": {when}}}"#));
            }
        }
        let config = format!(r#"{{"rules": [{}]}}"#, list.join(","));
        for seed in 600..620u64 {
            let pace_ms = if seed % 3 == 0 { 15_000 } else { 700 };
            let shape = Shape { markets: 2, length: 220, pace_ms, ..EVERYTHING };
            let steps = tape(&mut Random::new(seed), &shape);
            let said = run(&mut plugin(&config), &steps);
            let of = |name: &str| -> Vec<_> {
                let named = said.iter().filter(|said| said.alert.rule.starts_with(name));
                let number = |said: &Said| said.alert.rule.rsplit('-').next().map(str::to_owned);
                let what = |s: &Said| (s.step, number(s), s.alert.key.clone(), s.alert.state, s.alert.at_ms);
                named.map(what).collect()
            };
            assert_eq!(of("general"), of("plain"), "seed {seed}, {level}");
            if let Some(count) = said_at_all.get_mut(at) {
                *count += said.len();
            }
        }
    }
    assert!(
        said_at_all.iter().all(|count| *count > 50),
        "too little said to prove anything: {said_at_all:?}"
    );
}

/// The same for what happens at an instant: `all` is true for a millisecond after it.
#[test]
fn the_general_evaluator_sees_the_instants_that_plain_rules_see() {
    let instants = [
        r#""kind": "cross", "level": 100"#,
        r#""kind": "cross", "levels": [98, 101, 103], "touch": false, "rearm": "0.5%""#,
        r#""kind": "cross", "step": 2, "rearm": "0.7%""#,
        r#""kind": "cross", "step": "1%", "direction": "up""#,
        r#""kind": "cross", "level": 99, "source": "best_bid""#,
        r#""kind": "large_trade", "min_notional": 350"#,
        r#""kind": "large_trade", "aggregate": "sweep", "sweep_gap": "30m", "min_volume": 6, "side": "sell""#,
    ];
    for instant in instants {
        let config = format!(
            r#"{{"idle_lag": "0s", "lateness": "0s", "rules": [{{"id": "plain", "markets": ["*"], "when": {{{instant}}}}},
               {{"id": "general", "markets": ["*"],
                 "when": {{"kind": "all", "within": "1ms", "of": [{{{instant}}}]}}}}]}}"#
        );
        let mut count = 0;
        for seed in 700..720u64 {
            let shape = Shape { ticks: false, late: false, length: 200, ..EVERYTHING };
            let mut steps = tape(&mut Random::new(seed), &shape);
            // Two trades of one millisecond would be one instant, and so would two without a moment
            // between them at which nothing happens.
            for (number, step) in (0i64..).zip(&mut steps) {
                match step {
                    Step::Trade { at_ms, .. } => *at_ms = *at_ms * 1000 + 2 * number,
                    Step::Gap { from_ms, to_ms, .. } => (*from_ms, *to_ms) = (*from_ms * 1000, *to_ms * 1000),
                    _ => {}
                }
            }
            let moment = |step: &Step| match step {
                Step::Trade { at_ms, .. } => Some(Step::Tick { at_ms: *at_ms + 1 }),
                _ => None,
            };
            let steps: Vec<Step> =
                steps.iter().flat_map(|step| [Some(step.clone()), moment(step)]).flatten().collect();
            let said = run(&mut plugin(&config), &steps);
            let of = |name: &str, state: AlertState| -> std::collections::BTreeSet<_> {
                let named = said.iter().filter(|s| s.alert.rule == name && s.alert.state == state);
                named.map(|s| (s.step, s.alert.key.clone())).collect()
            };
            let (plain, general) = (of("plain", AlertState::Event), of("general", AlertState::Firing));
            assert_eq!(general, plain, "seed {seed}, {instant}");
            count += plain.len();
        }
        assert!(count > 50, "too little said to prove anything: {instant}, {count}");
    }
}
