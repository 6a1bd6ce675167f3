//! The windows of plain rules against counting everything again.

use super::common::{Step, feed, plugin, text};
use super::tape::{EVERYTHING, Random, Shape, tape};
use tradehook_sdk::{AlertState, Side};

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
