//! Rules for the general evaluator: what they say about short tapes, and after a restart anywhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{brief, plugin, restarted, rules, run, tape};

/// The same in one go and with a restart before every entry.
fn check(rule: &str, feed: &str, expect: &str) {
    let config = rules(&format!(r#"{{"id": "r", "markets": ["*"], {rule}}}"#));
    let steps = tape(feed);
    let said = run(&mut plugin(&config), &steps);
    let got: Vec<String> = said.iter().map(brief).collect();
    assert_eq!(got.join(" "), expect, "{rule} on {feed}: {said:#?}");
    assert_eq!(restarted(&config, &steps), said, "{rule} on {feed}, restarted");
}

#[test]
fn a_trade_rate_counts_the_window() {
    let when =
        r#""when": {"kind": "trade_rate", "window": "10s", "above": 3, "clear": 2, "warmup": "partial"}"#;
    check(when, "0:1 1:1 2:1 11:tick 12:tick 13:1", "firing@2 resolved@11");
    let whole = r#""when": {"kind": "trade_rate", "window": "10s", "above": 3}"#;
    check(whole, "0:1 1:1 2:1 9:1 10:1", "firing@10");
}

#[test]
fn a_spread_is_known_while_the_quotes_are() {
    let when = r#""when": {"kind": "spread", "above": "200bps"}"#;
    check(when, "0:100[99,101] 1:100[100,101] 2:100[101,99] 3:100[99,102]", "firing@0 resolved@1 firing@3");
    check(when, "0:100[99,101] 1:100 2:100[101,101] 3:100[100,100.1]", "firing@0 resolved@3");
}

#[test]
fn parts_are_put_together_as_kleene_says() {
    let rate = r#"{"kind": "trade_rate", "window": "10s", "above": 2, "warmup": "partial"}"#;
    let spread = r#"{"kind": "spread", "above": 100}"#;
    let feed = "0:100 1:100[99,101] 2:100 12:tick 13:100[99,101] 14:100";
    check(&format!(r#""when": {{"kind": "all", "of": [{rate}, {spread}]}}"#), feed, "firing@1 resolved@12");
    check(&format!(r#""when": {{"kind": "any", "of": [{rate}, {spread}]}}"#), feed, "firing@1");
    check(
        &format!(r#""when": {{"kind": "not", "of": {spread}}}"#),
        "0:100 1:100[99,101] 2:100 3:100[100,100.5]",
        "firing@3",
    );
}

#[test]
fn an_instant_counts_for_a_while_inside_of_all() {
    let cross = r#"{"kind": "cross", "level": 100}"#;
    let when = format!(r#""when": {{"kind": "all", "within": "5s", "of": [{cross}]}}"#);
    check(
        &when,
        "0:99 1:101 5:tick 6:tick 7:99 8:101 12:tick 13:tick",
        "firing@1 resolved@6 firing@7 resolved@13",
    );
}

#[test]
fn a_severity_of_its_own_for_each_threshold() {
    let tiers = r#"[{"severity": "info", "above": 60, "clear": 50},
        {"severity": "warning", "above": 70, "clear": 60}, {"severity": "critical", "above": 80, "clear": 70}]"#;
    let when =
        format!(r#"{{"id": "r", "markets": ["*"], "when": {{"kind": "spread", "severities": {tiers}}}}}"#);
    let config = rules(&when);
    // Around 20,000, the spread in bps is the distance.
    let quotes = |bps: i64| format!("20000[{},{}]", 20_000 - bps, 20_000 + bps);
    let feed: Vec<String> = [61, 73, 64, 85, 62, 56, 47].into_iter().map(quotes).collect();
    let steps = tape(&feed.join(" "));
    let said = run(&mut plugin(&config), &steps);
    let got: Vec<String> =
        said.iter().map(|said| format!("{:?} {}", said.alert.severity.unwrap(), brief(said))).collect();
    assert_eq!(
        got,
        ["Info firing@0", "Warning firing@1", "Critical firing@3", "Info firing@4", "Info resolved@6"],
        "{said:#?}"
    );
    assert_eq!(restarted(&config, &steps), said);
}
