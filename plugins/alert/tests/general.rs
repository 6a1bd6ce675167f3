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

#[test]
fn a_sequence_is_met_step_by_step() {
    let up = r#"{"kind": "cross", "level": 100, "direction": "up"}"#;
    let low = r#"{"kind": "price", "below": 90}"#;
    let when = format!(r#""when": {{"kind": "sequence", "within": "10s", "steps": [{up}, {low}]}}"#);
    check(&when, "0:99 1:101 2:89", "event@2");
    // The other way round, and too late.
    check(&when, "0:89 1:101 2:95", "");
    check(&when, "0:99 1:101 10.999:89", "event@10.999");
    check(&when, "0:99 1:101 11:89", "");
    // Whoever begins again has time again.
    check(&when, "0:99 1:101 8:99 9:101 15:89", "event@15");
    // After a match everything begins anew.
    check(&when, "0:99 1:101 2:89 3:88 4:101 5:87", "event@2 event@5");
    // Each step needs an input of its own.
    let rises = r#"{"kind": "price", "above": 100}"#;
    let both = format!(r#""when": {{"kind": "sequence", "within": "10s", "steps": [{rises}, {rises}]}}"#);
    check(&both, "0:101 1:101 2:101 3:101", "event@1 event@3");
    // A tick at which nothing changes is no step; one that makes a step true is.
    check(&both, "0:101 1:tick 2:tick 3:101", "event@3");
    let quiet = r#"{"kind": "silence", "for": "3s"}"#;
    let then = format!(r#""when": {{"kind": "sequence", "within": "10s", "steps": [{rises}, {quiet}]}}"#);
    check(&then, "0:101 1:tick 2:tick 3:tick 4:tick", "event@3");
}

#[test]
fn what_a_sequence_forbids_undoes_it() {
    let rises = r#"{"kind": "price", "above": 100}"#;
    let low = r#"{"kind": "price", "below": 90}"#;
    let never = r#"{"kind": "price", "inside": [94, 96]}"#;
    let when = format!(
        r#""when": {{"kind": "sequence", "within": "10s", "steps": [{rises}, {low}], "not": {never}}}"#
    );
    check(&when, "0:101 1:97 2:89", "event@2");
    check(&when, "0:101 1:95 2:89", "");
    check(&when, "0:101 1:95 2:101 3:89", "event@3");
}

#[test]
fn a_late_trade_completes_no_sequence() {
    let buy = r#"{"kind": "large_trade", "min_notional": 500}"#;
    let busy = r#"{"kind": "trade_rate", "window": "10s", "above": 3, "warmup": "partial"}"#;
    let config = format!(
        r#"{{"lateness": "5s", "idle_lag": "5s", "rules": [{{"id": "r", "markets": ["*"],
            "when": {{"kind": "sequence", "within": "10s", "steps": [{buy}, {busy}]}}}}]}}"#
    );
    let said = run(&mut plugin(&config), &tape("0:100x9 2:100 1:100 3:100"));
    assert_eq!(said.iter().map(brief).collect::<Vec<_>>(), ["event@3"]);
}

#[test]
fn a_frequency_counts_within_its_window() {
    let up = r#"{"kind": "cross", "level": 100, "direction": "up"}"#;
    let when = format!(r#""when": {{"kind": "frequency", "window": "10s", "above": 2, "of": {up}}}"#);
    check(&when, "0:99 1:101 2:99 3:101 10:tick 11:tick", "firing@3 resolved@11");
    // Of a truth over time: how often it began.
    let high = r#"{"kind": "price", "above": 100, "clear": 98}"#;
    let when = format!(r#""when": {{"kind": "frequency", "window": "10s", "above": 2, "of": {high}}}"#);
    check(&when, "0:101 1:102 2:99 3:101 4:97 5:100 9.9:tick 10:tick", "firing@5 resolved@10");
}

#[test]
fn a_frequency_counts_the_events_of_another_rule() {
    let config = rules(
        r#"{"id": "often", "markets": ["*"],
            "when": {"kind": "frequency", "rule": "seldom", "window": "10s", "above": 2}},
           {"id": "often-held", "markets": ["*"],
            "when": {"kind": "frequency", "rule": "held", "window": "1m", "above": 2}},
           {"id": "seldom", "markets": ["*"], "when": {"kind": "cross", "level": 100, "direction": "up"}},
           {"id": "held", "markets": ["*"], "hold": "2s", "when": {"kind": "price", "above": 100}}"#,
    );
    let steps = tape("0:99 1:101 2:99 3:101 5:101 6:99 7:101 9:101 20:tick");
    let said = run(&mut plugin(&config), &steps);
    let got: Vec<String> = said.iter().map(|s| format!("{} {}", s.alert.rule, brief(s))).collect();
    let expect = [
        "seldom up@1",
        "often firing@3",
        "seldom up@3",
        "held firing@5",
        "held resolved@6",
        "seldom up@7",
        "often-held firing@9",
        "held firing@9",
        "often resolved@20",
    ];
    assert_eq!(got, expect);
    assert_eq!(restarted(&config, &steps), said);
}

#[test]
fn a_premium_compares_markets() {
    let rule = r#"{"id": "r", "hold": "0s", "when": {"kind": "premium", "base": "KRW-BTC", "ref": "BTC-ETH",
        "fx": {"market": "KRW-ETH"}, "max_age": "30s", "outside": ["-1%", "2%"]}}"#;
    let check = |feed: &str, expect: &[&str]| {
        let config = rules(rule);
        let steps = tape(feed);
        let said = run(&mut plugin(&config), &steps);
        let got: Vec<String> = said
            .iter()
            .map(|s| format!("{} {}", brief(s), common::text(&s.alert, "value").unwrap_or_default()))
            .collect();
        assert_eq!(got, expect, "{feed}");
        assert!(said.iter().all(|s| s.alert.key == "KRW-BTC"), "{said:?}");
        assert_eq!(restarted(&config, &steps), said, "{feed}, restarted");
    };
    // 102 / (2 * 50) - 1 is exactly 2 %: not outside.
    check("0:2@2 1:50@1 2:102 3:102.01", &["firing@3 2.01"]);
    // Any leg moves it.
    check("0:2@2 1:50@1 2:102 3:49@1 4:51.1@1", &["firing@3 4.0816", "resolved@4 -0.1957"]);
    // A leg that is too old makes it unknown: nothing fires, nothing resolves.
    check("0:2@2 1:50@1 2:103 29:50@1 30:100 31:50@1 32:2@2", &["firing@2 3", "resolved@32 0"]);
}

#[test]
fn a_premium_takes_its_rate_from_a_fact_or_the_rule() {
    let of = |fx: &str| {
        format!(
            r#""when": {{"kind": "premium", "base": "KRW-BTC", "ref": "BTC-ETH", "fx": {fx}, "above": "10%"}}"#
        )
    };
    check(
        &of(r#"{"fact": "fx.USDKRW"}"#),
        "0:2@2 1:100 2:!fx.USDKRW/=46 3:!fx.USDKRW/=45 4:!fx.USDKRW/=45.5",
        "firing@3 resolved@4",
    );
    check(&of(r#""45.4""#), "0:2@2 1:100", "firing@1");
}

#[test]
fn what_tradehook_says_about_itself_is_kept_by_subject() {
    let config = rules(
        r#"{"id": "down", "hold": "5s", "when": {"kind": "health", "check": "connection_down"}},
           {"id": "parked", "markets": ["*"], "when": {"kind": "health", "check": "channel_parked"}},
           {"id": "deep", "when": {"kind": "health", "check": "outbox_depth", "above": 100, "clear": 10}},
           {"id": "both", "when": {"kind": "all", "of": [{"kind": "health", "check": "channel_parked"},
             {"kind": "health", "check": "outbox_depth", "above": 50}]}},
           {"id": "quiet", "markets": ["KRW-BTC"], "when": {"kind": "all", "of": [
             {"kind": "silence", "for": "3s"},
             {"kind": "not", "of": {"kind": "health", "check": "connection_down"}}]}}"#,
    );
    let steps = tape(
        "0:100 1:!health.connection_down/=true 2:!health.channel_parked/slack=true \
         3:!health.channel_parked/phone=true 4:!health.outbox_depth/=60 5:tick 6:tick \
         7:!health.outbox_depth/=100 8:!health.channel_parked/slack=false 9:!health.outbox_depth/=9 \
         10:!health.connection_down/=false",
    );
    let said = run(&mut plugin(&config), &steps);
    let got: Vec<String> =
        said.iter().map(|s| format!("{} {} {}", s.alert.rule, s.alert.key, brief(s))).collect();
    let expect = [
        "parked slack firing@2",
        "parked phone firing@3",
        "both tradehook firing@4",
        "down feed firing@6",
        "deep outbox firing@7",
        "parked slack resolved@8",
        "deep outbox resolved@9",
        "both tradehook resolved@9",
        "down feed resolved@10",
        "quiet KRW-BTC firing@10",
    ];
    let mut sorted = got.clone();
    sorted.sort();
    let mut wanted: Vec<String> = expect.iter().map(|text| (*text).to_owned()).collect();
    wanted.sort();
    assert_eq!(sorted, wanted, "{got:?}");
    assert_eq!(restarted(&config, &steps), said);
}

#[test]
fn the_venues_warnings_are_rules_of_their_markets() {
    let config = rules(
        r#"{"id": "any", "markets": ["KRW-*"], "when": {"kind": "market_event"}},
           {"id": "jumps", "markets": ["*"], "when": {"kind": "market_event", "event": "PRICE_FLUCTUATIONS"}}"#,
    );
    let steps = tape(
        "0:100 1:100@1 2:!market.caution.PRICE_FLUCTUATIONS/KRW-ETH=true 3:!market.warning/KRW-BTC=true \
         4:!market.warning/KRW-ETH=true 5:!market.caution.PRICE_FLUCTUATIONS/KRW-ETH=false \
         6:!market.warning/KRW-ETH=false 7:!market.warning/BTC-ETH=true",
    );
    let said = run(&mut plugin(&config), &steps);
    let got: Vec<String> = said
        .iter()
        .map(|s| format!("{}: {} {} {:?}", s.step, s.alert.rule, s.alert.key, s.alert.state))
        .collect();
    let expect = [
        "2: any KRW-ETH Firing",
        "2: jumps KRW-ETH Firing",
        "3: any KRW-BTC Firing",
        "5: jumps KRW-ETH Resolved",
        "6: any KRW-ETH Resolved",
    ];
    assert_eq!(got, expect);
    assert_eq!(restarted(&config, &steps), said);
}

#[test]
fn a_market_that_is_taken_off_the_list_resolves_what_fires() {
    let config = rules(
        r#"{"id": "plain", "markets": ["*"], "when": {"kind": "price", "above": 100}},
           {"id": "whole", "markets": ["*"], "when": {"kind": "all", "of": [{"kind": "price", "above": 100}]}},
           {"id": "calm", "markets": ["*"], "when": {"kind": "price", "below": 100}}"#,
    );
    let steps =
        tape("0:101 1:101@1 2:!market.delisted/KRW-BTC=true 3:102 4:!market.delisted/KRW-BTC=false 5:101");
    let said = run(&mut plugin(&config), &steps);
    let got: Vec<String> = said
        .iter()
        .map(|s| {
            format!("{} {} {:?} {:?}", s.step, s.alert.rule, s.alert.state, common::text(&s.alert, "reason"))
        })
        .collect();
    let firing = |step: usize, rule: &str| format!("{step} {rule} Firing None");
    let gone = |rule: &str| format!("2 {rule} Resolved Some(\"delisted\")");
    let expect = [
        firing(0, "plain"),
        firing(0, "whole"),
        firing(1, "plain"),
        firing(1, "whole"),
        gone("plain"),
        gone("whole"),
        firing(5, "plain"),
        firing(5, "whole"),
    ];
    assert_eq!(got, expect);
    assert_eq!(restarted(&config, &steps), said);
}

#[test]
fn a_gap_can_be_a_new_beginning() {
    let config = |on_gap: &str| {
        format!(
            r#"{{"lateness": "0s", "idle_lag": "0s", "on_gap": "{on_gap}", "rules": [
                {{"id": "p", "markets": ["*"], "when": {{"kind": "price", "above": 100}}}},
                {{"id": "c", "markets": ["*"], "when": {{"kind": "change", "window": "5s", "pct": "10%"}}}},
                {{"id": "x", "markets": ["*"], "when": {{"kind": "cross", "level": 90}}}},
                {{"id": "g", "markets": ["*"], "when": {{"kind": "any", "of": [{{"kind": "price", "above": 100}}]}}}}
            ]}}"#
        )
    };
    let check = |on_gap: &str, expect: &[&str]| {
        let config = config(on_gap);
        let steps = tape("0:101 1-11:gap 12:80 13:100");
        let said = run(&mut plugin(&config), &steps);
        let got: Vec<String> = said.iter().map(|s| format!("{} {}", s.alert.rule, brief(s))).collect();
        assert_eq!(got, expect, "{on_gap}");
        assert_eq!(restarted(&config, &steps), said, "{on_gap}");
    };
    check(
        "resume",
        &[
            "p firing@0",
            "g firing@0",
            "p resolved@12",
            "c firing@12",
            "x down@12",
            "g resolved@12",
            "p firing@13",
            "c resolved@13",
            "x up@13",
            "g firing@13",
        ],
    );
    check(
        "reset",
        &[
            "p firing@0",
            "g firing@0",
            "p resolved@12",
            "g resolved@12",
            "p firing@13",
            "x up@13",
            "g firing@13",
        ],
    );
}

#[test]
fn a_rule_says_why_it_is_silent() {
    use tradehook_sdk::Plugin;
    let config = rules(
        r#"{"id": "held", "markets": ["*"], "hold": "10s", "when": {"kind": "price", "above": 100, "clear": 99}},
           {"id": "young", "markets": ["*"], "when": {"kind": "volume", "window": "1m", "above": 1}},
           {"id": "both", "markets": ["*"], "when": {"kind": "all", "of": [
             {"kind": "change", "window": "1m", "pct": "2%"}, {"kind": "price", "below": "50"}]}},
           {"id": "line", "markets": ["KRW-*"], "when": {"kind": "cross", "level": 100}},
           {"id": "armed", "markets": ["KRW-*"], "initial": "arm", "when": {"kind": "price", "above": 100}}"#,
    );
    let mut plugin = plugin(&config);
    run(&mut plugin, &tape("0:101 4:102"));
    let before = plugin.snapshot();
    let check = |rule: &str, market: &str, reason: &str, fragments: &[&str]| {
        let query = format!(r#"{{"rule": "{rule}", "market": "{market}"}}"#);
        let answer = plugin.inspect(&query).unwrap();
        assert!(answer.contains(&format!(r#""reason":"{reason}""#)), "{rule}: {answer}");
        for fragment in fragments {
            assert!(answer.contains(fragment), "{rule}: no {fragment} in {answer}");
        }
    };
    check(
        "held",
        "KRW-BTC",
        "true for 4s of 10s",
        &[r#""left_ms":6000"#, r#""value":"102""#, r#""clear":"99""#],
    );
    check("young", "KRW-BTC", "not known yet: notional in 1m", &[r#""may_be_known_in_ms":56000"#]);
    check("both", "KRW-BTC", "its condition is not met", &[r#""true":false"#, "at or below 50"]);
    check(
        "line",
        "KRW-BTC",
        "it fires at the instant at which it happens, which is not now",
        &[r#""price_was":"above""#, r#""armed_down":true"#],
    );
    let armed = r#"it was true from the start, and waits until it is not (initial = \"arm\")"#;
    check("armed", "KRW-BTC", armed, &[]);
    check("line", "BTC-ETH", "the rule is not about BTC-ETH", &[]);
    check("held", "KRW-ETH", "no trade of KRW-ETH was seen yet", &[]);
    assert_eq!(plugin.inspect(r#"{"rule": "x"}"#), Err("there is no rule `x`".to_owned()));
    assert_eq!(
        plugin.inspect(r#"{"rule": "line"}"#).as_deref(),
        Ok(r#"{"keys":["KRW-BTC"],"kind":"cross","rule":"line"}"#)
    );
    assert!(plugin.inspect("what?").is_err_and(|error| error.contains("not JSON")));
    assert_eq!(plugin.snapshot(), before, "asking changes nothing");
}
