//! Every signal against a recomputation from the trades themselves, after every step.
//!
//! Run on generated feeds with late trades, gaps, ticks and restarts, and on the recorded market.
//! `TRADEHOOK_TRADES=1000000` makes the generated feeds that long; what counts a whole day is then
//! recomputed after every hundredth step only.

mod feed;
mod model;

use crate::AlertPlugin;
use crate::bounds::Reading;
use feed::{Random, Step, recording, steps};
use model::{Expect, Kind, Model, Rule, rules};
use tradehook_sdk::{AlertState, Decimal, Flags, Gap, Out, Payload, Plugin, Setup, Side, Tick, Trade};

fn decimal(mantissa: i64, scale: u8) -> Decimal {
    Decimal::new(mantissa, scale).unwrap_or_default()
}

/// Feeds one step; what rules said, by their number.
fn tell(plugin: &mut AlertPlugin, offset: u64, step: &Step) -> Vec<(usize, AlertState)> {
    let mut out = Out::new();
    match *step {
        Step::Trade { at_ms, price, volume, sell, quotes } => plugin.on_trade(
            &Trade {
                offset,
                market: "KRW-BTC",
                market_id: 0,
                side: if sell { Side::Sell } else { Side::Buy },
                price: decimal(price, feed::PRICE_SCALE),
                volume: decimal(volume, feed::VOLUME_SCALE),
                sequential_id: offset,
                traded_at_ms: at_ms,
                received_at_ms: at_ms,
                flags: Flags::default(),
                best_bid: quotes.map(|(bid, _)| decimal(bid, feed::PRICE_SCALE)),
                best_ask: quotes.map(|(_, ask)| decimal(ask, feed::PRICE_SCALE)),
                prev_close: None,
            },
            &mut out,
        ),
        Step::Tick { at_ms } => plugin.on_tick(&Tick { offset, at_ms }, &mut out),
        Step::Gap { from_ms, to_ms } => {
            let gap = Gap { offset, from_ms, to_ms, cause: "session_lost", market_ids: &[], filled: false };
            plugin.on_gap(&gap, &mut out);
        }
    }
    let (_, emissions) = out.finish(1);
    let rule = |payload| match payload {
        Payload::Alert(alert) => alert.rule.parse().ok().map(|rule| (rule, alert.state)),
        _ => None,
    };
    emissions.into_iter().filter_map(|emission| rule(emission.payload)).collect()
}

fn fresh(config: &str) -> AlertPlugin {
    let setup = Setup { name: "alert".into(), config: config.into() };
    match AlertPlugin::new(&setup) {
        Ok(plugin) => plugin,
        Err(faults) => panic!("{config}: {faults:#?}"),
    }
}

/// A fraction in its lowest terms.
fn lowest(num: i128, den: i128) -> (i128, i128) {
    let (mut a, mut b) = (num.abs(), den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (num / a.max(1), den / a.max(1))
}

/// Whether a reading is what it should be.
fn agrees(got: Option<Reading>, expect: Expect) -> bool {
    match (got, expect) {
        (None, Expect::Unknown) => true,
        (Some(Reading::Exact { num, den }), Expect::Exact(a, b)) => lowest(num, den) == lowest(a, b),
        (Some(Reading::Approx(got)), Expect::Approx(value)) => {
            (got - value).abs() <= 1e-9 * value.abs().max(1e-6)
        }
        // A sketch is at most a thirty-second too high.
        (Some(got), Expect::Within(low, high)) => (low..=high).contains(&got.near()),
        _ => false,
    }
}

/// Compares all signals and instants after each of these steps, with a restart after every so many;
/// how often each was known or happened.
fn compare(name: &str, steps: &[Step], restarts: usize) -> Vec<usize> {
    let all = rules();
    let rule = |(number, rule): (usize, &Rule)| {
        format!(r#"{{"id": "{number}", "markets": ["*"], "when": {{{}}}}}"#, rule.when)
    };
    let config =
        format!(r#"{{"rules": [{}]}}"#, all.iter().enumerate().map(rule).collect::<Vec<_>>().join(","));
    let (mut plugin, mut model) = (fresh(&config), Model::default());
    let (mut seen, mut truths) = (vec![0; all.len()], vec![false; all.len()]);
    let thresholds: Vec<Option<f64>> = all.iter().map(Rule::threshold).collect();
    for (number, step) in steps.iter().enumerate() {
        if number % restarts == restarts - 1 {
            let mut next = fresh(&config);
            let state = plugin.snapshot();
            assert_eq!(next.restore(AlertPlugin::MANIFEST.state_version, &state), Ok(()), "{name}");
            plugin = next;
        }
        let happens: Vec<bool> = all.iter().map(|rule| rule.kind.happens(&model, step)).collect();
        let said = tell(&mut plugin, number as u64, step);
        let trade = matches!(step, Step::Trade { .. });
        if !model.step(step) {
            continue;
        }
        let engine = plugin.engine.borrow();
        let mut values = engine.readings(0).iter();
        let each = all.iter().zip(happens).zip(&mut seen).zip(&mut truths).enumerate();
        for (index, (((rule, happens), count), truth)) in each {
            let place = || format!("{name}, step {number} {step:?}, {}", rule.when);
            match rule.kind {
                Kind::Level(_) if rule.is_heavy() && number > 3000 && number % 101 != 0 => {
                    values.next();
                }
                Kind::Level(expect) => {
                    let (got, expect) = (values.next().copied().flatten(), expect(&model));
                    assert!(agrees(got, expect), "{}: {got:?}, not {expect:?}", place());
                    *count += usize::from(got.is_some());
                    let now = thresholds[index].and_then(|least| expect.reaches(least)).unwrap_or(*truth);
                    let states: Vec<AlertState> =
                        said.iter().filter(|(rule, _)| *rule == index).map(|(_, state)| *state).collect();
                    let turned = if now { AlertState::Firing } else { AlertState::Resolved };
                    let due = if now == *truth { vec![] } else { vec![turned] };
                    assert!(rule.is_heavy() || states == due, "{}: {states:?}, not {due:?}", place());
                    *truth = now;
                }
                // A value that moves with the clock is looked at when it matters.
                Kind::Flowing(expect) => {
                    let (got, expect) = (values.next().copied().flatten(), expect(&model));
                    assert!(!trade || agrees(got, expect), "{}: {got:?}, not {expect:?}", place());
                    *count += usize::from(got.is_some());
                }
                Kind::Instant(_) => {
                    let got = said.iter().any(|(rule, _)| *rule == index);
                    assert_eq!(got, happens, "{}", place());
                    *count += usize::from(happens);
                }
            }
        }
    }
    seen
}

/// How many trades are generated in all.
fn budget() -> usize {
    std::env::var("TRADEHOOK_TRADES").ok().and_then(|count| count.parse().ok()).unwrap_or(12_000)
}

#[test]
fn every_signal_is_what_the_trades_say_after_every_step() {
    let mut seen = vec![0; rules().len()];
    for seed in 0..12u64 {
        // A third of the feeds is slow, so that windows of many minutes fill and empty.
        let pace_ms = if seed % 3 == 0 { 25_000 } else { 700 };
        let steps = steps(&mut Random::new(seed), budget() / 12, pace_ms);
        let restarts = if seed % 2 == 0 { 61 } else { usize::MAX };
        for (all, one) in seen.iter_mut().zip(compare(&format!("seed {seed}"), &steps, restarts)) {
            *all += one;
        }
    }
    let names: Vec<(usize, &str)> = seen.iter().copied().zip(rules().iter().map(|rule| rule.when)).collect();
    assert!(names.iter().all(|(count, _)| *count > 20), "too seldom to prove anything: {names:#?}");
}

#[test]
fn every_signal_is_what_the_recorded_trades_say() {
    let Some(markets) = recording() else { return };
    let trades: usize = markets.iter().map(|(_, steps)| steps.len()).sum();
    assert_eq!(trades, 304, "the recording is another one");
    for (market, steps) in markets {
        compare(&market, &steps, 7);
    }
}
