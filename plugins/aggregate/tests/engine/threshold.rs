//! Bars that trades end.

use super::*;

/// `[1-3] o1 h2 l1 c2 v3 k2`, then whatever is out of the ordinary.
fn line(record: &Record) -> String {
    let f = |name| show(field(record, name));
    let seconds = |name| int(record, name) as f64 / 1000.0;
    let mut line = format!(
        "[{}-{}] o{} h{} l{} c{} v{} k{}",
        seconds("start_ms"),
        seconds("end_ms"),
        f("open"),
        f("high"),
        f("low"),
        f("close"),
        f("volume"),
        f("count"),
    );
    if record.topic == "bar_update" {
        line.push_str(" update");
    }
    for name in ["partial", "incomplete", "empty", "late_amended", "aged"] {
        if is(record, name) {
            line = format!("{line} {name}");
        }
    }
    line
}

fn check(config: &str, text: &str, expect: &[&str]) {
    let found: Vec<String> = run(config, &log(text)).iter().map(line).collect();
    assert_eq!(found, expect, "{config} {text}");
}

#[test]
fn a_tick_bar_closes_on_its_last_trade() {
    let config = r#"{"kind":"tick","size":2}"#;
    check(config, "1:5x1B 2:6x2S 3:4x1B", &["[1-2] o5 h6 l5 c6 v3 k2"]);
    check(
        r#"{"kind":"tick","size":1}"#,
        "1:5x1B 1:6x1B",
        &["[1-1] o5 h5 l5 c5 v1 k1", "[1-1] o6 h6 l6 c6 v1 k1"],
    );
    // Another market counts for itself.
    check(config, "1:5x1B 1@1:7x1B 2:6x2S", &["[1-2] o5 h6 l5 c6 v3 k2"]);
}

#[test]
fn a_record_says_of_which_kind_and_size_it_is() {
    let shown = |config: &str| {
        let found = run(config, &log("1:100x3B"));
        ["kind", "size", "id"].map(|name| {
            let value = found[0].fields.iter().find(|(n, _)| n == name);
            value.map_or_else(String::new, |(_, value)| show(value))
        })
    };
    assert_eq!(shown(r#"{"kind":"tick","size":1,"id":"t"}"#), ["tick", "1", "t"]);
    assert_eq!(shown(r#"{"kind":"volume","size":"2.50"}"#), ["volume", "2.5", ""]);
    assert_eq!(shown(r#"{"kind":"notional","size":"0.01만"}"#), ["notional", "100", ""]);
    assert_eq!(shown(r#"{"kind":"imbalance","by":"notional","size":300}"#), ["imbalance", "300", ""]);
}

#[test]
fn an_old_bar_is_ended_by_the_clock() {
    let config = r#"{"kind":"volume","size":10,"max_age":"5s","idle_lag":"1s"}"#;
    check(config, "1:5x1B 6.999:tick", &[]);
    check(config, "1:5x1B 7:tick 8:tick", &["[1-1] o5 h5 l5 c5 v1 k1 aged"]);
    check(config, "1:5x1B 6:7x10B", &["[1-1] o5 h5 l5 c5 v1 k1 aged", "[6-6] o7 h7 l7 c7 v10 k1"]);
    // Its age is that of the clock, so a late first trade makes it no older.
    check(
        config,
        "1:5x10B 0:6x1B 6.999:tick 7:tick",
        &["[1-1] o5 h5 l5 c5 v10 k1", "[0-0] o6 h6 l6 c6 v1 k1 aged"],
    );
}

#[test]
fn a_late_trade_joins_the_open_bar_unless_it_is_too_late() {
    let config = r#"{"kind":"tick","size":3,"lateness":"2s"}"#;
    check(config, "5:5x1B 3:9x1S 6:6x1B", &["[3-6] o9 h9 l5 c6 v3 k3"]);
    let text = "5:5x1B 2.999:9x1S 6:6x1B 7:8x1B";
    check(config, text, &["[5-7] o5 h8 l5 c8 v3 k3"]);
    let mut plugin = plugin(config);
    for (i, step) in log(text).iter().enumerate() {
        tell(&mut plugin, i, step, &mut Out::new());
    }
    assert_eq!(plugin.counters().late_dropped, 1);
}

#[test]
fn a_bar_with_a_gap_in_it_says_so() {
    let config = r#"{"kind":"tick","size":2}"#;
    check(config, "1:5x1B gap:2-3 4:6x1B", &["[1-4] o5 h6 l5 c6 v2 k2 incomplete"]);
    check(config, "gap:0-1 1:5x1B 4:6x1B gap:4.5-6", &["[1-4] o5 h6 l5 c6 v2 k2"]);
}

#[test]
fn updates_tell_the_open_bar_and_the_last_word_on_it() {
    let text = "1:5x1B 1.5:6x1B 2:7x1B 3:8x1B";
    check(
        r#"{"kind":"tick","size":3,"emit":"both"}"#,
        text,
        &["[1-1] o5 h5 l5 c5 v1 k1 update", "[1-2] o5 h7 l5 c7 v3 k3", "[3-3] o8 h8 l8 c8 v1 k1 update"],
    );
    check(
        r#"{"kind":"tick","size":3,"emit":"update"}"#,
        text,
        &[
            "[1-1] o5 h5 l5 c5 v1 k1 update",
            "[1-2] o5 h7 l5 c7 v3 k3 update",
            "[3-3] o8 h8 l8 c8 v1 k1 update",
        ],
    );
}

#[test]
fn an_imbalance_is_told_by_both_sides_and_by_what_is_measured() {
    let check = |by: &str, size: &str, text: &str, expect: &[&str]| {
        let config = format!(r#"{{"kind":"imbalance","by":"{by}","size":"{size}"}}"#);
        let config = config.replace(r#""2""#, "2");
        let found = run(&config, &log(text));
        let thetas: Vec<String> = found.iter().map(|r| show(field(r, "theta"))).collect();
        assert_eq!(thetas, expect, "{config} {text}");
    };
    check("count", "2", "1:5x1B 2:5x1B 3:5x9S 4:5x1B 5:5x1S 6:5x1S", &["2", "-2"]);
    check("volume", "1.5", "1:5x1B 2:5x2.50000001S", &["-1.50000001"]);
    check("notional", "10", "1:5x1B 2:5x2S 3:5x1S", &["-10"]);
}

/// [bounded]
#[test]
fn one_trade_fills_no_more_than_a_hundred_bars() {
    let found = run(r#"{"kind":"volume","size":1,"overshoot":"split"}"#, &log("1:5x0.5B 2:6x100000S"));
    let volumes: Vec<String> = found.iter().map(|r| show(field(r, "volume"))).collect();
    assert_eq!((found.len(), volumes[0].as_str(), volumes[98].as_str()), (100, "1", "1"));
    assert_eq!(volumes[99], "99901");
}

/// [numbers-survive]
#[test]
fn a_sum_just_below_the_threshold_is_below() {
    check(
        r#"{"kind":"volume","size":"0.3"}"#,
        "1:5x0.1B 2:5x0.19999999B 3:5x0.00000001B",
        &["[1-3] o5 h5 l5 c5 v0.3 k3"],
    );
    check(r#"{"kind":"notional","size":"0.3"}"#, "1:0.1x1B 2:0.1x2B", &["[1-2] o0.1 h0.1 l0.1 c0.1 v3 k2"]);
}
