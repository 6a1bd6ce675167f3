//! The conditions that let a trade pass at once or not at all.

use super::*;

/// Five trades, by hand.
fn five() -> Vec<Trade<'static>> {
    vec![
        trade(0, 0, 0, "100", "1", Side::Buy),
        trade(1, 0, 1, "100.5", "2", Side::Sell),
        trade(2, 1, 2, "99.99999999", "0.00000001", Side::Buy),
        trade(3, 2, 3, "0.05", "1000", Side::Sell),
        Trade { flags: Flags::SNAPSHOT, ..trade(4, 0, 4, "101", "0.5", Side::Buy) },
    ]
}

#[test]
fn each_condition_lets_through_what_it_says() {
    let check =
        |config: &str, expect: &[u32]| assert_eq!(pass(&mut plugin(config), &five()), expect, "{config}");
    check("", &[0, 1, 2, 3, 4]);
    check("{}", &[0, 1, 2, 3, 4]);
    check(r#"{"markets":["KRW-*"]}"#, &[0, 1, 2, 4]);
    check(r#"{"markets":["KRW-*"],"exclude":["KRW-BTC"]}"#, &[2]);
    check(r#"{"side":"buy"}"#, &[0, 2, 4]);
    check(r#"{"side":"sell"}"#, &[1, 3]);
    check(r#"{"price":{"min":100}}"#, &[0, 1, 4]);
    check(r#"{"price":{"min":"100.00000001","max":"100.5"}}"#, &[1]);
    check(r#"{"price":{"max":"99.99999999"}}"#, &[2, 3]);
    check(r#"{"volume":{"min":"0.5","max":1}}"#, &[0, 4]);
    check(r#"{"volume":{"max":0.00000001}}"#, &[2]);
    check(r#"{"notional":{"min":50,"max":"50.5"}}"#, &[3, 4]);
    check(r#"{"notional":{"max":"0.0000009999999999"}}"#, &[2]);
    check(r#"{"notional":{"max":"0.0000009999999998"}}"#, &[]);
    check(r#"{"stream_type":"realtime"}"#, &[0, 1, 2, 3]);
    check(r#"{"stream_type":"both"}"#, &[0, 1, 2, 3, 4]);
    check(r#"{"sample":{"every":2}}"#, &[0, 2, 3, 4]);
    check(r#"{"side":"buy","markets":["KRW-BTC"],"stream_type":"realtime"}"#, &[0]);
}

#[test]
fn what_was_dropped_is_counted_by_its_first_reason() {
    let mut plugin = plugin(
        r#"{"markets":["KRW-*"],"stream_type":"realtime","side":"buy","price":{"min":100},"notional":{"max":1}}"#,
    );
    assert_eq!(pass(&mut plugin, &five()), [0u32; 0]);
    let expect = Counters {
        came: 5,
        markets: 1,
        stream_type: 1,
        side: 1,
        price: 1,
        notional: 1,
        ..Counters::default()
    };
    assert_eq!(plugin.counters(), expect);
}

#[test]
fn sampling_and_throttling_see_only_what_passed_before() {
    let trades: Vec<_> =
        (0..8).map(|i| trade(i, 0, 0, "1", "1", if i % 2 == 0 { Side::Buy } else { Side::Sell })).collect();
    let check =
        |config: &str, expect: &[u32]| assert_eq!(pass(&mut plugin(config), &trades), expect, "{config}");
    check(r#"{"side":"sell","sample":{"every":2}}"#, &[1, 5]);
    check(r#"{"side":"sell","throttle":{"count":3,"per":"1s"}}"#, &[1, 3, 5]);
    check(r#"{"sample":{"every":3},"throttle":{"count":2,"per":"1s"}}"#, &[0, 3]);
}

#[test]
fn a_throttle_keeps_the_first_of_each_stretch_by_event_time() {
    let check = |config: &str, times: &[(u32, i64)], expect: &[u32]| {
        let trades: Vec<_> = times
            .iter()
            .enumerate()
            .map(|(i, (m, ms))| trade(i as u64, *m, *ms, "1", "1", Side::Buy))
            .collect();
        assert_eq!(pass(&mut plugin(config), &trades), expect, "{config} {times:?}");
    };
    let one = r#"{"throttle":{"count":1,"per":"1s"}}"#;
    check(one, &[(0, 500), (0, 1499), (0, 1500), (0, 2499), (0, 9000)], &[0, 2, 4]);
    // Each market has a stretch of its own.
    check(one, &[(0, 0), (1, 1), (0, 2), (1, 3)], &[0, 1]);
    // A late trade neither opens a stretch nor turns the clock back.
    check(one, &[(0, 5000), (0, 100), (0, 5999), (0, 6000)], &[0, 3]);
    check(
        r#"{"throttle":{"count":2,"per":"1s"}}"#,
        &[(0, 0), (0, 1), (0, 2), (0, 1000), (0, 1001), (0, 1002)],
        &[0, 1, 3, 4],
    );
}

#[test]
fn a_smaller_ratio_keeps_a_part_of_what_a_larger_keeps() {
    let trades: Vec<_> = (0..20_000).map(|i| trade(i, (i % 3) as u32, 0, "1", "1", Side::Buy)).collect();
    let kept = |ratio: &str, salt: &str| {
        pass(&mut plugin(&format!(r#"{{"sample":{{"ratio":{ratio},"salt":"{salt}"}}}}"#)), &trades)
    };
    let ratios = [0.01, 0.1, 0.5, 0.9, 1.0];
    for pair in ratios.windows(2) {
        let (small, large) = (kept(&pair[0].to_string(), "a"), kept(&pair[1].to_string(), "a"));
        assert!(small.iter().all(|i| large.contains(i)), "{pair:?}");
        let expect = pair[0] * 20_000.0;
        assert!((small.len() as f64 - expect).abs() < 4.0 * expect.sqrt() + 1.0, "{pair:?}: {}", small.len());
    }
    assert_eq!(kept("1", "a").len(), 20_000);
    assert_ne!(kept("0.1", "a"), kept("0.1", "b"));
    assert_eq!(kept("0.1", "a"), kept("\"10%\"", "a"));
}

#[test]
fn a_restart_anywhere_and_any_batches_change_nothing() {
    let config = r#"{"side":"buy","sample":{"every":3},"throttle":{"count":2,"per":"1s"}}"#;
    for seed in 0..20u64 {
        let mut state = seed;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut now = 0;
        let trades: Vec<_> = (0..200)
            .map(|i| {
                now += next(120) as i64;
                trade(i, next(3) as u32, now, "1", "1", if next(4) == 0 { Side::Sell } else { Side::Buy })
            })
            .collect();
        let mut plugin_of_all = plugin(config);
        let whole = pass(&mut plugin_of_all, &trades);
        assert!(whole.len() > 10 && whole.len() < 100, "seed {seed}: {}", whole.len());
        for cut in 0..=trades.len() {
            let (mut first, mut second) = (plugin(config), plugin(config));
            let mut kept = pass(&mut first, &trades[..cut]);
            second.restore(FilterPlugin::MANIFEST.state_version, &first.snapshot()).unwrap();
            kept.extend(pass(&mut second, &trades[cut..]).into_iter().map(|i| i + cut as u32));
            assert_eq!(kept, whole, "seed {seed} cut {cut}");
            assert_eq!(second.counters(), plugin_of_all.counters(), "seed {seed} cut {cut}");
        }
    }
}

#[test]
fn a_state_of_other_meaning_starts_afresh() {
    let trades: Vec<_> = (0..4).map(|i| trade(i, 0, 0, "1", "1", Side::Buy)).collect();
    let mut old = plugin(r#"{"sample":{"every":4}}"#);
    pass(&mut old, &trades[..1]);
    let restored = |config: &str| {
        let mut new = plugin(config);
        new.restore(FilterPlugin::MANIFEST.state_version, &old.snapshot()).unwrap();
        pass(&mut new, &trades)
    };
    assert_eq!(restored(r#"{"sample":{"every":4}}"#), [3]);
    assert_eq!(restored(r#"{"sample":{"every":3}}"#), [0, 3]);
    let mut new = plugin("{}");
    assert!(new.restore(99, &old.snapshot()).is_err());
    assert!(new.restore(FilterPlugin::MANIFEST.state_version, &[0xff]).is_err());
}
