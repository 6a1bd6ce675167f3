//! Where readings stand to bounds, and the arithmetic by which that is decided.

use super::*;

fn limit(text: &str) -> Limit {
    match text.strip_suffix('%') {
        Some(number) => Limit { value: number.parse().unwrap_or_default(), percent: true },
        None => Limit::plain(text.parse().unwrap_or_default()),
    }
}

fn step(enter: &str, clear: &str) -> Step {
    Step { enter: limit(enter), clear: limit(clear) }
}

/// The standings after each reading.
fn check(zone: Zone, readings: &str, expect: &[u8]) {
    let bounds = Bounds { unit: Unit::Plain, zone };
    let mut standing = 0;
    for (text, expect) in readings.split_whitespace().zip(expect) {
        standing = bounds.stand(standing, &Reading::of(text.parse().unwrap_or_default()));
        assert_eq!(standing, *expect, "at {text} of {readings}");
    }
}

#[test]
fn entering_is_inclusive_and_leaving_is_the_complement() {
    check(Zone::Above(step("100", "99")), "99.9 100 99 98.9 99 100", &[0, 1, 1, 0, 0, 1]);
    check(Zone::Below(step("100", "101")), "100.1 100 101 101.1 101", &[0, 1, 1, 0, 0]);
    check(Zone::Inside { low: limit("1"), high: limit("2") }, "0.9 1 2 2.1", &[0, 1, 1, 0]);
    let outside = Zone::Outside {
        low: limit("10"),
        high: limit("20"),
        inner_low: limit("12"),
        inner_high: limit("18"),
    };
    check(outside, "10 9.9 11.9 12 20 20.1 18.1 18", &[0, 1, 1, 0, 0, 1, 1, 0]);
}

/// The example that Kapacitor documents.
#[test]
fn a_severity_rises_at_once_and_falls_by_its_own_clear_bound() {
    let tiers = vec![
        (Urgency::Info, step("60", "50")),
        (Urgency::Warning, step("70", "60")),
        (Urgency::Critical, step("80", "70")),
    ];
    check(Zone::Tiers { up: true, tiers }, "61 73 64 85 62 56 47", &[1, 2, 2, 3, 1, 1, 0]);
}

/// [numbers-survive]
#[test]
fn no_product_is_cut() {
    let most = Reading::Exact { num: i128::MAX, den: i128::MAX };
    assert_eq!(most.against(&limit("1")), Ordering::Equal);
    assert_eq!(most.against(&limit("0.999999999999999999")), Ordering::Greater);
    assert_eq!(most.against(&limit("100%")), Ordering::Equal);
    let least = Reading::Exact { num: -i128::MAX, den: i128::MAX };
    assert_eq!(least.against(&limit("-1")), Ordering::Equal);
    assert_eq!(least.against(&limit("-0.999999999999999999")), Ordering::Less);
    assert_eq!(least.against(&limit("1")), Ordering::Less);
    let near = Reading::Exact { num: i128::MAX - 1, den: i128::MAX };
    assert_eq!(near.against(&limit("1")), Ordering::Less);
    assert_eq!(Reading::ratio(5, -10), Some(Reading::Exact { num: -5, den: 10 }));
    assert_eq!(Reading::ratio(5, 0), None);
}

#[test]
fn the_wide_product_is_that_of_the_school() {
    let check = |a: u128, b: u128, high: u128, low: u128| assert_eq!(multiply(a, b), (high, low), "{a} {b}");
    check(u128::MAX, u128::MAX, u128::MAX - 1, 1);
    check(u128::MAX, 2, 1, u128::MAX - 1);
    check(1 << 64, 1 << 64, 1, 0);
    check(0, u128::MAX, 0, 0);
    check(12_345, 67_890, 0, 838_102_050);
}

/// The shortcut may say "look closer" at any time, but "nothing changes" only when it is so.
#[test]
fn what_is_quiet_stands_still() {
    let tiers = |up: bool| {
        let of = |severity, enter: &str, clear: &str| {
            let turn = |text: &str| if up { text.to_owned() } else { format!("-{text}") };
            (severity, step(&turn(enter), &turn(clear)))
        };
        vec![of(Urgency::Info, "6", "5"), of(Urgency::Warning, "7", "6"), of(Urgency::Critical, "8", "7")]
    };
    let zones = [
        Zone::Above(step("5", "3")),
        Zone::Below(step("-5", "-3.5")),
        Zone::Above(step("0", "0")),
        Zone::Inside { low: limit("-2"), high: limit("4.5") },
        Zone::Outside { low: limit("-4"), high: limit("4"), inner_low: limit("-3"), inner_high: limit("3") },
        Zone::Tiers { up: true, tiers: tiers(true) },
        Zone::Tiers { up: false, tiers: tiers(false) },
    ];
    let (mut seed, mut held) = (9u64, 0);
    for zone in zones {
        let bounds = Bounds { unit: Unit::Plain, zone };
        let mut standing = 0;
        let mut quiet = (f64::INFINITY, f64::NEG_INFINITY);
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (num, den) = (i128::from(seed >> 60) - 8, i128::from((seed >> 50) % 3 + 1));
            let reading = Reading::Exact { num: num << 70, den: den << 70 };
            let now = bounds.stand(standing, &reading);
            if reading.near() > quiet.0 && reading.near() < quiet.1 {
                held += 1;
                assert_eq!(now, standing, "{bounds:?} at {reading:?}");
            }
            standing = now;
            quiet = bounds.quiet(standing, reading.near());
        }
    }
    assert!(held > 50_000, "the shortcut says nothing: {held}");
}
