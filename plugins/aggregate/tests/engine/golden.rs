//! Five trades whose aggregates were worked out by hand and by another program: (t, p, v, side) =
//! (0, 100, 3, B) (1, 101, 4, S) (2, 102, 10, B) (3, 99, 1, S) (4, 100, 2, B).

use super::*;

const FIVE: &str = "0:100x3B 1:101x4S 2:102x10B 3:99x1S 4:100x2B";

/// `o100 h101 l99 c100 v3`, and what is out of the ordinary.
fn bars(config: &str, text: &str) -> Vec<String> {
    let line = |record: &Record| {
        let f = |name| show(field(record, name));
        let line = format!("o{} h{} l{} c{} v{}", f("open"), f("high"), f("low"), f("close"), f("volume"));
        if record.topic == "bar_update" { format!("{line} open") } else { line }
    };
    run(config, &log(text)).iter().map(line).collect()
}

#[test]
fn bars_of_volume_and_money_are_those_of_the_reference() {
    let all = format!("{FIVE} 9:tick");
    let check = |config: &str, expect: &[&str]| {
        // Updates are far apart, so that only the bar that is open at the end is told.
        let config = format!(r#"{{{config},"emit":"both","update_every":"3500ms","idle_lag":"0s"}}"#);
        let mut found = bars(&config, &all);
        found.retain(|line| !line.ends_with("open") || line.contains("l99"));
        assert_eq!(found, expect, "{config}");
    };
    let include = ["o100 h101 l100 c101 v7", "o102 h102 l102 c102 v10", "o99 h100 l99 c100 v3 open"];
    check(r#""kind":"volume","size":5"#, &include);
    check(r#""kind":"notional","size":500"#, &include);
    check(
        r#""kind":"volume","size":5,"overshoot":"split""#,
        &[
            "o100 h101 l100 c101 v5",
            "o101 h102 l101 c102 v5",
            "o102 h102 l102 c102 v5",
            "o102 h102 l99 c100 v5",
        ],
    );
}

#[test]
fn money_bars_hold_the_money_of_the_reference() {
    let found = run(r#"{"kind":"notional","size":500}"#, &log(FIVE));
    let money: Vec<String> = found.iter().map(|r| show(field(r, "notional"))).collect();
    assert_eq!(money, ["704", "1020"]);
}

#[test]
fn an_imbalance_of_five_closes_with_the_third_trade() {
    let found =
        run(r#"{"kind":"imbalance","by":"volume","size":5,"emit":"both","update_every":"0s"}"#, &log(FIVE));
    let thetas: Vec<String> =
        found.iter().map(|r| format!("{} {}", r.topic, show(field(r, "theta")))).collect();
    assert_eq!(thetas, ["bar_update 3", "bar_update -1", "bar 9", "bar_update -1", "bar_update 1"]);
}

#[test]
fn averages_and_flows_are_those_of_the_reference() {
    let text = format!("{FIVE} 6:tick");
    let one = |config: &str, name: &str| {
        let found = run(&format!(r#"{{{config},"idle_lag":"0s"}}"#), &log(&text));
        found.last().map(|record| show(field(record, name)))
    };
    let check = |config: &str, name: &str, expect: &str| {
        assert_eq!(one(config, name).as_deref(), Some(expect), "{config} {name}");
    };
    check(r#""vwap":[{"since":"start"}]"#, "vwap", "101.15");
    check(r#""twap":[{"window":"5s","every":"5s"}]"#, "twap", "100.4");
    check(r#""twap":[{"window":"5s","every":"5s"}]"#, "coverage", "1");
    check(r#""cvd":[{}]"#, "cvd", "10");
    check(r#""cvd":[{}]"#, "since_ms", "0");
    check(r#""trade_strength":[{}]"#, "strength", "300");
}
