//! What holds for any log, tried on generated ones; a failure names its seed.

use super::*;
use std::collections::BTreeMap;
use tradehook_sdk::Wide;

const RICH: &str = r#"{"bars":[
    {"size":"10s"},
    {"size":"1m","emit":"both","update_every":"3s","late":"amend","amend_for":"20s","id":"lively"},
    {"size":"5s","empty":"fill","max_fill":3,"keep_partial":true,"markets":["KRW-*"]},
    {"size":"1d","emit":"update","day_start":"00:00+09:00","keep_partial":true},
    {"size":"2s","empty":"null","max_fill":2},
    {"size":"1w","zone":"Asia/Seoul","emit":"both"},
    {"kind":"tick","size":7,"emit":"both"},
    {"kind":"volume","size":"2.5","overshoot":"split","max_age":"9s"},
    {"kind":"notional","size":3000,"emit":"update","max_age":"30s"},
    {"kind":"imbalance","by":"count","size":3}],
  "vwap":[{"window":"15s"},{"since":"day","every":"10s","markets":"KRW-BTC"}],
  "cvd":[{"since":"hour"},{"since":"day","zone":"Asia/Seoul"}],"trade_strength":[{"window":"5s"}],
  "twap":[{"window":"10s","every":"5s"}],"rolling":[{"window":"8s"},{"window":"1m","of":"notional","every":"10s"}],
  "ewma":[{"half_life":"20s"}],"quantiles":[{"window":"30s","every":"5s"},{"window":"9s","of":"price"}],
  "lateness":"3s","idle_lag":"1s"}"#;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// About `len` steps around 15:00 UTC, where one of the days begins. `late_ms` bounds how far back
/// a trade may reach.
fn generate(seed: u64, len: usize, late_ms: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let mut now = 1_763_679_600_000 - 60_000;
    let mut step = || {
        now += [0, 0, 7, 180, 900, 2500, 11_000][random.below(7) as usize];
        match random.below(20) {
            0..=2 => Step::Tick(now),
            3 => Step::Gap { from: now - 4000, to: now - 1000, filled: random.below(2) == 0 },
            n => Step::Trade {
                market: random.below(4) as u32,
                ts: now - if n < 8 { random.below(late_ms) as i64 } else { 0 },
                price: Decimal::new(1000 + random.below(200) as i64, [0, 1, 3, 8][random.below(4) as usize])
                    .unwrap_or_default(),
                volume: Decimal::new(1 + random.below(99_999_999) as i64, 8).unwrap_or_default(),
                side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
            },
        }
    };
    (0..len).map(|_| step()).collect()
}

fn number(record: &Record, name: &str) -> Wide {
    match field(record, name) {
        Value::Number(number) => *number,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn a_restart_anywhere_changes_nothing() {
    for seed in 0..4 {
        let log = generate(seed, 120, 12_000);
        let whole = run(RICH, &log);
        assert!(whole.len() > 20, "seed {seed}: too little happens");
        for cut in 0..=log.len() {
            let (mut first, mut second, mut out) = (plugin(RICH), plugin(RICH), Out::new());
            for (i, step) in log[..cut].iter().enumerate() {
                tell(&mut first, i, step, &mut out);
            }
            second.restore(AggregatePlugin::MANIFEST.state_version, &first.snapshot()).unwrap();
            assert_eq!(second.snapshot(), first.snapshot(), "seed {seed} cut {cut}");
            for (i, step) in log.iter().enumerate().skip(cut) {
                tell(&mut second, i, step, &mut out);
            }
            assert_eq!(records(out), whole, "seed {seed} cut {cut}");
        }
    }
}

#[test]
fn a_snapshot_is_refused_when_it_is_none() {
    let saved = plugin(RICH).snapshot();
    assert!(plugin(RICH).restore(99, &saved).is_err());
    assert!(plugin(RICH).restore(AggregatePlugin::MANIFEST.state_version, &[0xff; 9]).is_err());
}

#[test]
fn batches_are_invisible() {
    for seed in 0..20 {
        let log = generate(seed, 300, 12_000);
        let whole = run(RICH, &log);
        let mut random = Random(seed);
        let (mut plugin, mut parts, mut index) = (plugin(RICH), Vec::new(), 0);
        while index < log.len() {
            let mut out = Out::new();
            for _ in 0..=random.below(40) {
                if let Some(step) = log.get(index) {
                    tell(&mut plugin, index, step, &mut out);
                    index += 1;
                }
            }
            parts.extend(records(out));
        }
        assert_eq!(parts, whole, "seed {seed}");
    }
}

#[test]
fn markets_do_not_touch_one_another() {
    for seed in 0..20 {
        let log = generate(seed, 300, 12_000);
        for market in 0..4 {
            let alone: Vec<Step> = log
                .iter()
                .map(|step| match step {
                    // Keeps every trade's place, and so its sequential id.
                    Step::Trade { market: m, .. } if *m != market => Step::Tick(-1),
                    step => step.clone(),
                })
                .collect();
            let code = Value::Text(MARKETS[market as usize].to_owned());
            let mut whole = run(RICH, &log);
            whole.retain(|record| *field(record, "market") == code);
            assert_eq!(run(RICH, &alone), whole, "seed {seed} market {market}");
        }
    }
}

/// By market and start: times, prices, volumes and sides of the trades.
type ByHand = BTreeMap<(String, i64), Vec<(i64, Decimal, Decimal, Side)>>;

/// Bars by hand: group by start, sort by time, keep the order of arrival within a millisecond.
fn by_hand(log: &[Step], size: i64) -> ByHand {
    let mut bars = ByHand::new();
    for step in log {
        if let Step::Trade { market, ts, price, volume, side } = step {
            let key = (MARKETS[*market as usize].to_owned(), ts - ts.rem_euclid(size));
            bars.entry(key).or_default().push((*ts, *price, *volume, *side));
        }
    }
    for trades in bars.values_mut() {
        trades.sort_by_key(|(ts, ..)| *ts);
    }
    bars
}

#[test]
fn every_accepted_trade_is_in_exactly_one_bar() {
    let config = r#"{"size":"10s","keep_partial":true,"lateness":"30s"}"#;
    for seed in 0..100 {
        let mut log = generate(seed, 400, 20_000);
        let expect = by_hand(&log, 10_000);
        log.push(Step::Tick(1_763_700_000_000));
        let found = run(config, &log);
        assert_eq!(found.len(), expect.len(), "seed {seed}: one final per bar");
        for record in &found {
            let key = (show(field(record, "market")), int(record, "start_ms"));
            let trades = &expect[&key];
            let sum = |keep: fn(Side) -> bool, of: fn(Decimal, Decimal) -> Wide| {
                let kept = trades.iter().filter(|t| keep(t.3)).map(|t| of(t.1, t.2));
                kept.fold(Wide::ZERO, |a, b| a.checked_add(b).unwrap())
            };
            let numbers = [
                "open",
                "high",
                "low",
                "close",
                "volume",
                "notional",
                "buy_volume",
                "sell_volume",
                "buy_notional",
            ]
            .map(|name| number(record, name));
            let by_hand = [
                trades[0].1.wide(),
                trades.iter().map(|t| t.1).max().unwrap().wide(),
                trades.iter().map(|t| t.1).min().unwrap().wide(),
                trades[trades.len() - 1].1.wide(),
                sum(|_| true, |_, v| v.wide()),
                sum(|_| true, Decimal::times),
                sum(|s| s == Side::Buy, |_, v| v.wide()),
                sum(|s| s == Side::Sell, |_, v| v.wide()),
                sum(|s| s == Side::Buy, Decimal::times),
            ];
            assert_eq!(numbers, by_hand, "seed {seed} {key:?}");
            assert_eq!(int(record, "count"), trades.len() as i64, "seed {seed} {key:?}");
        }
    }
}

#[test]
fn prices_of_a_bar_lie_between_its_low_and_its_high_and_finals_come_in_order() {
    for seed in 0..100 {
        let mut last: BTreeMap<(String, String), i64> = BTreeMap::new();
        for record in run(RICH, &generate(seed, 400, 12_000)) {
            if !record.topic.starts_with("bar") || *field(&record, "open") == Value::Null {
                continue;
            }
            let (low, high) = (number(&record, "low"), number(&record, "high"));
            for name in ["open", "close", "vwap"] {
                if !(name == "vwap" && is(&record, "empty")) {
                    let value = number(&record, name);
                    assert!(low <= value && value <= high, "seed {seed} {name} {record:?}");
                }
            }
            if record.topic == "bar"
                && *field(&record, "kind") == Value::Text("time".into())
                && !is(&record, "late_amended")
            {
                let key = (show(field(&record, "market")), show(field(&record, "size")));
                let start = int(&record, "start_ms");
                let before = last.insert(key, start);
                assert!(before.is_none_or(|before| before < start), "seed {seed} {record:?}");
            }
        }
    }
}

#[test]
fn minutes_roll_up_to_what_five_minutes_say() {
    let config =
        r#"{"bars":[{"size":"5s","keep_partial":true},{"size":"1m","keep_partial":true}],"lateness":"30s"}"#;
    for seed in 0..20 {
        let mut log = generate(seed, 400, 20_000);
        log.push(Step::Tick(1_763_700_000_000));
        let (small, large): (Vec<Record>, Vec<Record>) =
            run(config, &log).into_iter().partition(|r| *field(r, "size") == Value::Text("5s".into()));
        for record in &large {
            let start = int(record, "start_ms");
            let within = |r: &&Record| {
                field(r, "market") == field(record, "market")
                    && (start..start + 60_000).contains(&int(r, "start_ms"))
            };
            let parts: Vec<&Record> = small.iter().filter(within).collect();
            let all = |name: &str| parts.iter().map(|r| number(r, name)).collect::<Vec<_>>();
            assert_eq!(Some(&number(record, "open")), all("open").first(), "seed {seed}");
            assert_eq!(Some(&number(record, "close")), all("close").last(), "seed {seed}");
            assert_eq!(Some(number(record, "high")), all("high").into_iter().max(), "seed {seed}");
            assert_eq!(Some(number(record, "low")), all("low").into_iter().min(), "seed {seed}");
            for name in ["volume", "notional", "buy_volume", "sell_volume", "buy_notional"] {
                let sum = all(name).into_iter().fold(Wide::ZERO, |a, b| a.checked_add(b).unwrap());
                assert_eq!(number(record, name), sum, "seed {seed} {name}");
            }
            let count: i64 = parts.iter().map(|r| int(r, "count")).sum();
            assert_eq!(int(record, "count"), count, "seed {seed}");
            assert_eq!(
                Some(int(record, "first_ts")),
                parts.first().map(|r| int(r, "first_ts")),
                "seed {seed}"
            );
            assert_eq!(
                Some(int(record, "last_sid")),
                parts.last().map(|r| int(r, "last_sid")),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_rolling_average_equals_one_taken_from_scratch() {
    let config = r#"{"vwap":[{"window":"15s"}]}"#;
    for seed in 0..100 {
        let log = generate(seed, 300, 1);
        let found = run(config, &log);
        assert!(found.len() > 50, "seed {seed}: too little happens");
        for record in found {
            let (market, at) = (show(field(&record, "market")), int(&record, "at_ms"));
            let mut sums = (Wide::ZERO, Wide::ZERO, 0);
            for step in &log {
                if let Step::Trade { market: m, ts, price, volume, .. } = step
                    && MARKETS[*m as usize] == market
                    && (at - 15_000 + 1..=at).contains(ts)
                {
                    sums.0 = sums.0.checked_add(price.times(*volume)).unwrap();
                    sums.1 = sums.1.checked_add(volume.wide()).unwrap();
                    sums.2 += 1;
                }
            }
            let got = (number(&record, "notional"), number(&record, "volume"), int(&record, "count"));
            assert_eq!(got, sums, "seed {seed} {market} {at}");
        }
    }
}

/// What a figure says at `at`, worked out from scratch: over the trades of one market with times in
/// `(at - window, at]`.
fn within(log: &[Step], market: &str, at: i64, window: i64) -> Vec<(i64, Decimal, Decimal, Side)> {
    let trades = log.iter().filter_map(|step| match *step {
        Step::Trade { market: m, ts, price, volume, side } if MARKETS[m as usize] == market => {
            Some((ts, price, volume, side))
        }
        _ => None,
    });
    trades.filter(|(ts, ..)| (at - window + 1..=at).contains(ts)).collect()
}

#[test]
fn rolling_statistics_equal_ones_taken_from_scratch() {
    let config =
        r#"{"rolling":[{"window":"15s"}],"quantiles":[{"window":"15s","of":"price","q":[0.3,"99.9%"]}]}"#;
    for seed in 0..60 {
        let log = generate(seed, 300, 1);
        for record in run(config, &log) {
            let (market, at) = (show(field(&record, "market")), int(&record, "at_ms"));
            let mut prices: Vec<Decimal> = within(&log, &market, at, 15_000).iter().map(|t| t.1).collect();
            prices.sort();
            assert_eq!(int(&record, "count"), prices.len() as i64, "seed {seed} {market} {at}");
            if record.topic == "rolling" {
                let n = prices.len() as f64;
                let mean = prices.iter().map(|p| p.to_f64()).sum::<f64>() / n;
                let sd = (prices.iter().map(|p| (p.to_f64() - mean).powi(2)).sum::<f64>() / n).sqrt();
                let Value::Float(found) = *field(&record, "sd") else { panic!("no sd") };
                assert!((found - sd).abs() <= 1e-9 * mean, "seed {seed} {market} {at}: {found} for {sd}");
                assert!(
                    (number(&record, "mean").to_f64() - mean).abs() <= 1e-8 + 1e-12 * mean,
                    "seed {seed}"
                );
                assert_eq!(number(&record, "min"), prices[0].wide(), "seed {seed} {market} {at}");
                assert_eq!(number(&record, "max"), prices[prices.len() - 1].wide(), "seed {seed}");
            } else {
                let rank = |part: f64| (part * prices.len() as f64 - 1e-9).ceil() as usize - 1;
                assert_eq!(number(&record, "q30"), prices[rank(0.3)].wide(), "seed {seed} {market} {at}");
                assert_eq!(number(&record, "q99_9"), prices[rank(0.999)].wide(), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_price_over_time_equals_one_taken_from_scratch() {
    let config = r#"{"twap":[{"window":"20s","every":"5s"}]}"#;
    for seed in 0..60 {
        let log = generate(seed, 300, 1);
        for record in run(config, &log) {
            let (market, at) = (show(field(&record, "market")), int(&record, "at_ms"));
            let trades = within(&log, &market, at, i64::MAX / 2);
            let (mut area, mut covered) = (0.0, 0);
            for (i, (ts, price, ..)) in trades.iter().enumerate() {
                let until = trades.get(i + 1).map_or(at, |next| next.0);
                let stood = (until - (*ts).max(at - 20_000)).max(0);
                area += price.to_f64() * stood as f64;
                covered += stood;
            }
            let expect = area / covered as f64;
            let found = number(&record, "twap").to_f64();
            assert!(
                (found - expect).abs() <= 1e-8 * expect + 1e-8,
                "seed {seed} {market} {at}: {found} for {expect}"
            );
            assert_eq!(number(&record, "coverage").to_f64(), covered as f64 / 20_000.0, "seed {seed}");
        }
    }
}

/// No trade is lost in bars that trades end, and none is in two of them.
#[test]
fn volumes_of_threshold_bars_add_up_to_all_that_was_traded() {
    let kinds = [
        r#""kind":"tick","size":7"#,
        r#""kind":"volume","size":"2.5""#,
        r#""kind":"volume","size":"0.7","overshoot":"split""#,
        r#""kind":"notional","size":3000,"max_age":"20s""#,
        r#""kind":"imbalance","size":"1.5""#,
    ];
    for (seed, kind) in (0..50).flat_map(|seed| kinds.map(|kind| (seed, kind))) {
        // The last word of every update is the open bar.
        let config = format!(r#"{{{kind},"emit":"both","update_every":"0s","lateness":"30s"}}"#);
        let log = generate(seed, 300, 20_000);
        let (mut sums, mut open) = (BTreeMap::new(), BTreeMap::new());
        let mut finals = 0;
        for record in run(&config, &log) {
            let market = show(field(&record, "market"));
            if record.topic == "bar" {
                let sum: &mut Wide = sums.entry(market.clone()).or_default();
                *sum = sum.checked_add(number(&record, "volume")).unwrap();
                open.remove(&market);
                finals += 1;
            } else {
                open.insert(market, number(&record, "volume"));
            }
        }
        for market in MARKETS {
            let all = within(&log, market, i64::MAX / 2, i64::MAX);
            let traded = all.iter().fold(Wide::ZERO, |sum, t| sum.checked_add(t.2.wide()).unwrap());
            let of = |map: &BTreeMap<String, Wide>| map.get(market).copied().unwrap_or_default();
            let found = of(&sums).checked_add(of(&open)).unwrap();
            assert_eq!(found, traded, "seed {seed} {kind} {market}");
        }
        assert!(finals > 0, "seed {seed} {kind}: too little happens");
    }
}
