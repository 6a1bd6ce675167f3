//! Volume-weighted averages.

use super::*;

fn check(config: &str, text: &str, expect: &[&str]) {
    let line = |r: &Record| {
        let f = |name| show(field(r, name));
        assert_eq!(r.topic, "vwap");
        format!("{} {}/{}={} k{}", int(r, "at_ms") / 1000, f("notional"), f("volume"), f("vwap"), f("count"))
    };
    let found: Vec<String> = run(config, &log(text)).iter().map(line).collect();
    assert_eq!(found, expect, "{config} {text}");
}

#[test]
fn the_reference_average_is_told_exactly() {
    let config = r#"{"vwap":[{"window":"5s","every":"5s"}],"idle_lag":"0s"}"#;
    check(config, "0.1:100x3B 1:101x4S 2:102x10B 3:99x1S 4:100x2B 5:tick 6:tick", &["5 2023/20=101.15 k5"]);
}

#[test]
fn a_window_is_open_at_its_left_edge_and_closed_at_its_right() {
    let config = r#"{"vwap":[{"window":"3s"}],"idle_lag":"0s"}"#;
    check(
        config,
        "1:10x1B 1:20x1B 1.001:tick 4:30x1B 4.001:tick 7.001:tick 8:tick",
        &["1 30/2=15 k2", "4 30/1=30 k1"],
    );
    // A late trade counts while its step is in the window, and not after.
    let late = "5:10x1B 6.5:tick 4.5:40x1B 4:1x1B 7.5:tick 5:1x1B 2:1x1B 7.9:tick 8.5:tick";
    check(config, late, &["6 10/1=10 k1", "7 50/2=25 k2"]);
    let mut plugin = plugin(config);
    for (i, step) in log(late).iter().enumerate() {
        tell(&mut plugin, i, step, &mut Out::new());
    }
    assert_eq!(plugin.counters().late_dropped, 3);
}

#[test]
fn a_day_starts_from_nothing_at_midnight_utc() {
    let config = r#"{"vwap":[{"since":"day","every":"1h"}],"idle_lag":"0s"}"#;
    check(
        config,
        "10:10x1B 3601:20x3B 86399:1x1B 86400:5x1B 90001:tick 82000:9x9B 93601:tick",
        &["3600 10/1=10 k1", "82800 70/4=17.5 k2", "86400 71/5=14.2 k3", "90000 5/1=5 k1"],
    );
}
