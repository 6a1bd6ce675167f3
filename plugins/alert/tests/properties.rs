//! What must hold for any tape: seeded generators against a second, naive way to the same answer.

mod common;

use common::{MARKETS, Said, Step, feed, plugin, restarted, run, text};
use tradehook_alert::AlertPlugin;
use tradehook_sdk::{AlertState, Plugin, Side};

/// Repeatable variety.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }

    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.below(7);
        random
    }
}

struct Shape {
    markets: u32,
    ticks: bool,
    gaps: bool,
    late: bool,
    /// Mean distance of two entries.
    pace_ms: u64,
    length: usize,
}

fn tape(random: &mut Random, shape: &Shape) -> Vec<Step> {
    let mut clock = 1_000_000i64;
    let mut prices = [1000i64; 3];
    let closes = ["95", "100", "105.5"];
    let mut steps = Vec::new();
    for _ in 0..shape.length {
        clock += i64::try_from(random.below(2 * shape.pace_ms)).unwrap_or(0);
        match random.below(20) {
            0..=2 if shape.ticks => steps.push(Step::Tick { at_ms: clock }),
            3 if shape.gaps && random.below(3) == 0 => {
                let length = i64::try_from(random.below(20_000)).unwrap_or(0);
                let (from_ms, filled) = (clock, random.below(3) == 0);
                clock += length;
                steps.push(Step::Gap { from_ms, to_ms: clock, filled });
            }
            _ => {
                let market = u32::try_from(random.below(u64::from(shape.markets))).unwrap_or(0);
                if let Some(price) = prices.get_mut(market as usize) {
                    *price = (*price + i64::try_from(random.below(41)).unwrap_or(0) - 20).clamp(800, 1200);
                    let late = shape.late && random.below(8) == 0;
                    let back = if late { i64::try_from(random.below(3000)).unwrap_or(0) } else { 0 };
                    let size = random.below(50) + 1;
                    // Some trades carry no quotes.
                    let spread = i64::try_from(size % 7).unwrap_or(0);
                    let tenths = |price: i64| format!("{}.{}", price / 10, price % 10);
                    let quotes =
                        (!size.is_multiple_of(4)).then(|| (tenths(*price - spread), tenths(*price + 2)));
                    steps.push(Step::Trade {
                        market,
                        quotes,
                        at_ms: clock - back,
                        price: format!("{}.{}", *price / 10, *price % 10),
                        volume: format!("{}.{:02}", size / 10, size % 10),
                        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
                        close: closes
                            .get(usize::try_from(random.below(40)).unwrap_or(0))
                            .map(|c| (*c).to_owned()),
                    });
                }
            }
        }
    }
    steps
}

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

const EVERYTHING: Shape =
    Shape { markets: 3, ticks: true, gaps: true, late: true, pace_ms: 700, length: 250 };

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

/// Tenths of a price, hundredths of a volume.
fn units(text: &str, decimals: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<decimals$}").parse().unwrap_or_default()
}

/// Everything that one market's windows could ask, kept in the most naive way.
#[derive(Default)]
struct Naive {
    trades: Vec<(i64, i128, i128, Side)>,
    last: Option<(i64, i128)>,
    now: i64,
    whole_from: i64,
    /// Best bids of the trades that carry one, and that of the latest trade in order.
    bids: Vec<(i64, i128)>,
    bid: Option<i128>,
}

impl Naive {
    /// False when the entry means nothing to the market.
    fn step(&mut self, step: &Step) -> bool {
        match step {
            Step::Trade { at_ms, price, volume, side, quotes, .. } => {
                let bid = quotes.as_ref().map(|(bid, _)| units(bid, 1));
                let late = self.last.is_some_and(|(last, _)| *at_ms < last);
                let lost = self.last.is_some_and(|(last, _)| last - at_ms > 2000);
                if !late {
                    self.bid = bid;
                }
                if let (Some(bid), false) = (bid, lost) {
                    let place = self.bids.partition_point(|(at, _)| at <= at_ms);
                    self.bids.insert(place, (*at_ms, bid));
                }
                let (price, volume) = (units(price, 1), units(volume, 2));
                match self.last {
                    Some((last, _)) if last - at_ms > 2000 => return false,
                    Some((last, _)) if *at_ms < last => {}
                    None => {
                        self.whole_from = *at_ms;
                        self.last = Some((*at_ms, price));
                    }
                    _ => self.last = Some((*at_ms, price)),
                }
                self.now = self.now.max(*at_ms);
                let place = self.trades.partition_point(|(at, ..)| at <= at_ms);
                self.trades.insert(place, (*at_ms, price, volume, *side));
                true
            }
            Step::Fact { .. } => false,
            Step::Tick { at_ms } => {
                self.now = self.now.max(at_ms - 2000);
                self.last.is_some()
            }
            Step::Gap { from_ms, to_ms, filled } => {
                if !filled && to_ms > from_ms && self.last.is_some() {
                    self.whole_from = self.whole_from.max(*to_ms);
                }
                false
            }
        }
    }

    /// The last time that is not in the window.
    fn edge(&self, window_ms: i64) -> i64 {
        let edge = self.now - window_ms;
        if window_ms > 600_000 { edge.div_euclid(1000) * 1000 } else { edge }
    }

    fn inside(&self, window_ms: i64) -> impl Iterator<Item = &(i64, i128, i128, Side)> {
        let edge = self.edge(window_ms);
        self.trades.iter().filter(move |(at, ..)| *at > edge)
    }

    fn before(&self, window_ms: i64) -> Option<i128> {
        let edge = self.edge(window_ms);
        self.trades.iter().rev().find(|(at, ..)| *at <= edge).map(|(_, price, ..)| *price)
    }
}

/// Each rule, and its truth in the naive way: `None` unknown; told what it was.
type Truth = fn(&Naive, bool) -> Option<bool>;

fn naive_rules() -> Vec<(&'static str, Truth)> {
    vec![
        (r#""kind": "price", "above": "100", "clear": "98.5""#, |m, was| {
            let price = m.last?.1;
            Some(if was { price >= 985 } else { price >= 1000 })
        }),
        (r#""kind": "price", "outside": [97, 103], "clear_margin": 1"#, |m, was| {
            let price = m.last?.1;
            Some(if was { !(980..=1020).contains(&price) } else { !(970..=1030).contains(&price) })
        }),
        (r#""kind": "volume", "window": "10s", "above": "1500", "clear": "1200.5""#, |m, was| {
            let sum: i128 = m.inside(10_000).map(|(_, p, v, _)| p * v).sum();
            (m.whole_from <= m.edge(10_000)).then_some(sum >= if was { 1_200_500 } else { 1_500_000 })
        }),
        (
            r#""kind": "volume", "window": "11m", "above": "20", "measure": "volume", "side": "sell""#,
            |m, _| {
                let sum: i128 =
                    m.inside(660_000).filter(|(.., s)| *s == Side::Sell).map(|(_, _, v, _)| v).sum();
                (m.whole_from <= m.edge(660_000)).then_some(sum >= 2000)
            },
        ),
        (
            r#""kind": "volume", "window": "7s", "above": 5, "measure": "count", "warmup": "partial""#,
            |m, _| Some(m.inside(7000).count() >= 5),
        ),
        (r#""kind": "silence", "max_count": 6, "window": "8s""#, |m, _| {
            (m.whole_from <= m.edge(8000)).then_some(m.inside(8000).count() <= 6)
        }),
        (r#""kind": "silence", "max_count": 27, "window": "11m""#, |m, _| {
            (m.whole_from <= m.edge(660_000)).then_some(m.inside(660_000).count() <= 27)
        }),
        (r#""kind": "change", "window": "10s", "pct": "2%", "clear": "1%""#, |m, was| {
            let (reference, price) = (m.before(10_000)?, m.last?.1);
            Some((price - reference).abs() * 100 >= reference * if was { 1 } else { 2 })
        }),
        (
            r#""kind": "change", "window": "10s", "pct": "2%", "clear": "1%", "source": "best_bid""#,
            |m, was| {
                let before = m.bids.partition_point(|(at, _)| *at <= m.edge(10_000)).checked_sub(1)?;
                let (reference, bid) = (m.bids.get(before)?.1, m.bid?);
                Some((bid - reference).abs() * 100 >= reference * if was { 1 } else { 2 })
            },
        ),
        (r#""kind": "change", "window": "11m", "abs": "2.5", "direction": "down""#, |m, _| {
            Some(m.before(660_000)? - m.last?.1 >= 25)
        }),
        (r#""kind": "change", "window": "9s", "reference": "window_low", "pct": "2.5%""#, |m, _| {
            let before = m.before(9000)?;
            let low = m.inside(9000).map(|(_, p, ..)| *p).min().unwrap_or(before);
            Some((m.last?.1 - low) * 1000 >= 25 * low)
        }),
        (r#""kind": "change", "window": "12m", "reference": "window_high", "pct": "3%""#, |m, _| {
            let before = m.before(720_000)?;
            let high = m.inside(720_000).map(|(_, p, ..)| *p).max().unwrap_or(before);
            Some((high - m.last?.1) * 100 >= 3 * high)
        }),
    ]
}

#[test]
fn windows_agree_with_counting_everything_again() {
    let mut fired = vec![0usize; naive_rules().len()];
    for seed in 500..560u64 {
        // Half of the tapes are slow, so that windows of many minutes fill and empty.
        let pace_ms = if seed % 2 == 0 { 700 } else { 20_000 };
        let shape = Shape { markets: 1, length: 300, pace_ms, ..EVERYTHING };
        let steps = tape(&mut Random::new(seed), &shape);
        for (rule, (when, truth)) in naive_rules().into_iter().enumerate() {
            let config = format!(r#"{{"rules": [{{"id": "r", "markets": ["*"], "when": {{{when}}}}}]}}"#);
            let mut engine = plugin(&config);
            let (mut naive, mut was) = (Naive::default(), false);
            for (number, step) in steps.iter().enumerate() {
                let said = feed(&mut engine, number, step);
                let expect = if naive.step(step) { truth(&naive, was) } else { None };
                let states: Vec<AlertState> = said.iter().map(|said| said.alert.state).collect();
                let wanted = match expect {
                    Some(now) if now != was => {
                        was = now;
                        vec![if now { AlertState::Firing } else { AlertState::Resolved }]
                    }
                    _ => Vec::new(),
                };
                let values: Vec<_> = said.iter().map(|said| text(&said.alert, "value")).collect();
                assert_eq!(states, wanted, "seed {seed}, {when}, entry {number} {step:?}, {values:?}");
                if let Some(count) = fired.get_mut(rule) {
                    *count += states.len();
                }
            }
        }
    }
    assert!(fired.iter().all(|count| *count > 20), "rules that fire too rarely to prove anything: {fired:?}");
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
