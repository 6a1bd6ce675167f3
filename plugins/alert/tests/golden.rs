//! What each kind means, as tapes and what is said about them. Times are seconds.

mod common;

use common::{Said, brief, plugin, restarted, rules, run, tape, text};

fn said(rule: &str, steps: &str) -> Vec<Said> {
    let config = rules(&format!(r#"{{"id": "r", "markets": ["*"], {rule}}}"#));
    run(&mut plugin(&config), &tape(steps))
}

fn check(rule: &str, steps: &str, expect: &str) {
    let got: Vec<String> = said(rule, steps).iter().map(brief).collect();
    assert_eq!(got.join(" "), expect, "{rule}: {steps}");
}

#[test]
fn a_line_is_crossed_once_per_crossing() {
    let cross = |more: &str| format!(r#""when": {{"kind": "cross", "level": 100{more}}}"#);
    let walk = "99 100 99 100 101 100 101 99 101";
    check(&cross(""), walk, "up@1 up@3 down@5 down@7 up@8");
    check(&cross(r#", "touch": false"#), walk, "up@4 down@7 up@8");
    check(&cross(""), "100 101 99 100", "down@2 up@3");
    check(&cross(""), "105 106 99 100", "down@2 up@3");
    check(&cross(""), "90 150 80", "up@1 down@2");
    check(&cross(r#", "direction": "up", "rearm": 2"#), "99 100 99 101 98 100 97 103", "up@1 up@5 up@7");
    check(&cross(r#", "direction": "up", "rearm": "2%""#), "99 100 99 101 98 100 97 103", "up@1 up@5 up@7");
    check(&cross(r#", "direction": "down""#), walk, "down@5 down@7");
}

#[test]
fn each_of_several_levels_is_a_line_of_its_own() {
    let rule = r#""when": {"kind": "cross", "levels": [100, "110", 120]}"#;
    let got = said(rule, "95 115 95");
    let levels: Vec<_> =
        got.iter().map(|s| (brief(s), text(&s.alert, "level").unwrap_or_default())).collect();
    let expect = [("up@1", "100"), ("up@1", "110"), ("down@2", "100"), ("down@2", "110")];
    assert_eq!(levels, expect.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn a_grid_fires_once_per_trade_with_the_farthest_line() {
    let rule = r#""when": {"kind": "cross", "step": 10, "direction": "both"}"#;
    let got = said(rule, "95 121 119.9 120 125 100");
    let lines: Vec<_> = got
        .iter()
        .map(|s| format!("{} {}", brief(s), text(&s.alert, "levels").unwrap_or_default()))
        .collect();
    assert_eq!(lines, ["up@1 100, 110, 120", "down@2 120", "up@3 120", "down@5 120, 110, 100"]);
    let rule = r#""when": {"kind": "cross", "step": "1%", "anchor": 200}"#;
    check(rule, "199 201 203 202.5 201.9", "up@1 up@2 down@4");
}

#[test]
fn a_price_level_holds_lingers_and_clears() {
    let price = |more: &str| format!(r#"{more} "when": {{"kind": "price", "above": 100}}"#);
    let cleared = r#""when": {"kind": "price", "above": 100, "clear": 99}"#;
    check(cleared, "0:98 1:100 2:99 3:98.9 4:100", "firing@1 resolved@3 firing@4");
    let hold = price(r#""hold": "10s","#);
    check(&hold, "0:98 1:100 6:tick 11:tick 12:99 13:101 23:tick", "firing@11 resolved@12 firing@23");
    check(&hold, "0:100 5:99 6:100 15:tick 16:tick", "firing@16");
    check(&price(r#""linger": "5s","#), "0:100 1:99 3:100 4:99 8:tick 9:tick", "firing@0 resolved@9");
    check(&price(r#""hold_trades": 3,"#), "100 100 99 100 101 100 100 99", "firing@5 resolved@7");
    check(&price(r#""initial": "arm","#), "100 101 99 100", "firing@3");
    check(&price(""), "100 100 101", "firing@0");
}

#[test]
fn zones_enter_inclusively_and_leave_by_the_complement() {
    let price = |when: &str| format!(r#""when": {{"kind": "price", {when}}}"#);
    check(
        &price(r#""below": 100, "clear": 101"#),
        "101 100 101 101.1 100.1 100",
        "firing@1 resolved@3 firing@5",
    );
    check(&price(r#""inside": [100, 110]"#), "99 100 110 110.1 99.9 105", "firing@1 resolved@3 firing@5");
    check(
        &price(r#""outside": [100, 110]"#),
        "100 110 110.1 110 99.9 100",
        "firing@2 resolved@3 firing@4 resolved@5",
    );
    check(
        &price(r#""outside": [100, 110], "clear_margin": 2"#),
        "111 109 108.1 108 99 101.9 102",
        "firing@0 resolved@3 firing@4 resolved@6",
    );
}

#[test]
fn a_move_is_measured_from_the_last_trade_before_the_window() {
    let rule = r#""when": {"kind": "change", "window": "60s", "pct": "3%", "direction": "up"}"#;
    let walk = "0:100 30:102 59:103 60:103 61:102.99 90:105.06 91:105.05";
    check(rule, walk, "firing@60 resolved@61 firing@90 resolved@91");
    // The reference moves with the clock: it can clear without a trade.
    check(rule, "0:100 30:103 60:103 89:tick 90:tick", "firing@60 resolved@90");
    let abs = r#""when": {"kind": "change", "window": "60s", "abs": 3, "direction": "both", "clear": 1}"#;
    check(abs, "0:100 60:97 61:98.9 62:99.1 63:103", "firing@60 resolved@62 firing@63");
    let partial = r#""when": {"kind": "change", "window": "60s", "pct": "3%", "warmup": "partial"}"#;
    check(partial, "0:100 1:103", "firing@1");
}

#[test]
fn a_move_can_start_at_an_extreme_a_close_or_an_anchor() {
    let change = |when: &str| format!(r#""when": {{"kind": "change", {when}}}"#);
    let low = change(r#""window": "60s", "reference": "window_low", "pct": "3%""#);
    check(&low, "0:90 30:100 61:100 70:102.9 71:103 120:103 121:103", "firing@71 resolved@121");
    let high = change(r#""window": "60s", "reference": "window_high", "pct": "3%", "warmup": "partial""#);
    check(&high, "0:100 1:97.1 2:97 61:97", "firing@2 resolved@61");
    check(&change(r#""anchor": 100, "pct": "5%""#), "104.9 105 104.9 95", "firing@1 resolved@2 firing@3");
}

#[test]
fn a_move_may_be_that_of_a_quote() {
    let change = |source: &str, more: &str| {
        format!(r#""source": "{source}", "when": {{"kind": "change", "window": "60s", "pct": "3%"{more}}}"#)
    };
    let check = |rule: &str, steps: &str, expect: &str| {
        check(rule, steps, expect);
        let config = rules(&format!(r#"{{"id": "r", "markets": ["*"], {rule}}}"#));
        let got: Vec<String> = restarted(&config, &tape(steps)).iter().map(brief).collect();
        assert_eq!(got.join(" "), expect, "restarted, {rule}: {steps}");
    };
    let walk = "0:100[99,101] 30:100[99,101] 60:150[101,103] 61:90[101.97,104.03] 62:90[101.96,104.02]";
    for source in ["best_bid", "best_ask", "mid"] {
        check(&change(source, ""), walk, "firing@61 resolved@62");
    }
    // Without quotes nothing is known, and what was true stays so.
    let bid = change("best_bid", "");
    check(
        &bid,
        "0:100[100,101] 60:100 61:200 62:100[103,104] 63:100 64:100[100,101]",
        "firing@62 resolved@64",
    );
    check(&bid, "0:100 60:200 61:200[100,101] 121:200[103,104]", "firing@121");
    // The reference is the last quote that there was by then, and moves with the clock.
    check(
        &bid,
        "0:100[100,101] 5:100 30:100[103,104] 65:100[103,104] 89:tick 90:tick",
        "firing@65 resolved@90",
    );
    check(
        &format!(r#""on_unknown": "clear", {bid}"#),
        "0:100[100,101] 60:100[103,104] 61:100",
        "firing@60 resolved@61",
    );
    let anchor = r#""source": "best_ask", "when": {"kind": "change", "anchor": 100, "pct": "3%"}"#;
    check(anchor, "0:110 1:110[100,102.9] 2:90[100,103] 3:110 4:110[100,102]", "firing@2 resolved@4");
    let high = change("best_bid", r#", "reference": "window_high", "warmup": "partial""#);
    check(&high, "0:100[100,101] 1:90[98,99] 2:110[97,99] 61:90[97,99]", "firing@2 resolved@61");
    let long = r#""when": {"kind": "change", "source": "mid", "window": "20m", "pct": "3%"}"#;
    check(long, "0.5:1[99,101] 1200:1[102,104] 1201:1[102,104]", "firing@1201");
    let title = said(&bid, "0:100[100,101] 60:99[103,104]").last().map(|said| said.alert.title.clone());
    assert_eq!(title.as_deref(), Some("KRW-BTC moved +3% in 1m (100 -> 103)"));
}

#[test]
fn a_window_longer_than_ten_minutes_moves_by_seconds() {
    let rule = r#""when": {"kind": "volume", "measure": "volume", "window": "20m", "above": 5, "warmup": "partial"}"#;
    check(rule, "0.5:100x4 1:100x1 1200.9:tick 1201:tick", "firing@1 resolved@1201");
    let change = r#""when": {"kind": "change", "window": "20m", "pct": "3%", "direction": "up"}"#;
    check(change, "0.5:100 1200:103 1200.999:103 1201:103", "firing@1201");
}

#[test]
fn a_sum_is_known_when_its_window_is_whole() {
    let volume = |more: &str| format!(r#""when": {{"kind": "volume", "window": "60s", {more}}}"#);
    let plain = volume(r#""above": 1000"#);
    check(&plain, "0:100x10 30:100x1 60:100x9 61:100x1", "firing@60");
    check(&plain, "0:100x10 59:100x9 60:tick 61:100x1 119:tick", "firing@61 resolved@119");
    check(&volume(r#""above": 1000, "warmup": "partial""#), "0:100x10 60:tick", "firing@0 resolved@60");
    let sold = volume(r#""above": 3, "measure": "volume", "side": "sell", "warmup": "partial""#);
    check(&sold, "0:100x2S 1:100x9B 2:100x1S", "firing@2");
    let count = volume(r#""above": 3, "measure": "count", "clear": 2, "warmup": "partial""#);
    check(&count, "0:1 1:1 2:1 60:tick 61:tick", "firing@2 resolved@61");
    // What was missed makes the sum unknown until the window is whole again.
    check(&plain, "0:100x1 60:100x1 60-70:gap 71:100x10 129:tick 130:tick", "firing@130");
    check(&plain, "0:100x1 60:100x1 60-70:filled 71:100x10", "firing@71");
}

#[test]
fn a_whale_is_one_trade_or_one_sweep() {
    let large = |more: &str| format!(r#""when": {{"kind": "large_trade", {more}}}"#);
    check(&large(r#""min_notional": 1000"#), "0:100x9.99 1:100x10 2:100x11S", "event@1 event@2");
    check(&large(r#""min_volume": 10, "side": "sell""#), "0:100x10B 1:100x10S", "event@1");
    let sweep = large(r#""min_notional": 1000, "aggregate": "sweep""#);
    check(&sweep, "0:100x5 0:101x5 0:102x5 0:100x9S 1:100x2S", "event@0");
    let slow = large(r#""min_notional": 1000, "aggregate": "sweep", "sweep_gap": "500ms""#);
    check(&slow, "0:100x5 0.5:101x5 1:102x5 1.501:100x9", "event@0.5");
    let tiers =
        r#""min_notional": 1000, "tiers": {"whale": 2000, "mega": {"min": "1만", "severity": "critical"}}"#;
    let got = said(&large(tiers), "0:100x10 1:100x20 2:100x100");
    let names: Vec<_> = got.iter().map(|s| (text(&s.alert, "tier"), s.alert.severity)).collect();
    let critical = Some(tradehook_sdk::Severity::Critical);
    assert_eq!(names, [(None, None), (Some("whale".into()), None), (Some("mega".into()), critical)]);
}

#[test]
fn a_silence_is_one_episode() {
    let rule = r#""when": {"kind": "silence", "for": "30s"}"#;
    check(rule, "0:100 29:tick 30:tick 40:tick 41:100 70:tick 71:tick", "firing@30 resolved@41 firing@71");
    // Nobody knows whether a gap was silent.
    check(rule, "0:100 10-25:gap 44:tick 45:tick", "firing@45");
    check(rule, "0:100 10-25:filled 30:tick", "firing@30");
}

#[test]
fn a_market_that_is_expected_is_silent_before_its_first_trade() {
    let config = |more: &str| {
        rules(&format!(
            r#"{{"id": "r", "markets": ["KRW-ETH", "KRW-BTC", "KRW-ETH"], {more}
                "when": {{"kind": "silence", "for": "30s", "expect_from_start": true}}}},
               {{"id": "other", "markets": ["*"], "when": {{"kind": "silence", "for": "10m"}}}}"#
        ))
    };
    let check = |more: &str, steps: &str, expect: &str| {
        let config = config(more);
        for said in [run(&mut plugin(&config), &tape(steps)), restarted(&config, &tape(steps))] {
            let got: Vec<String> = said
                .iter()
                .map(|said| format!("{}:{}", said.alert.key, brief(said)).replace("KRW-", ""))
                .collect();
            assert_eq!(got.join(" "), expect, "{more}: {steps}");
        }
    };
    // The tapes trade KRW-BTC; KRW-ETH is never seen.
    check("", "10:tick 39:tick 40:tick 50:tick", "ETH:firing@40 BTC:firing@40");
    check("", "10:tick 40:tick 45:100 75:tick", "ETH:firing@40 BTC:firing@40 BTC:resolved@45 BTC:firing@75");
    // The first clock may be that of a trade of any market.
    check("", "10:100 30:100 39:tick 40:tick", "ETH:firing@40");
    check("", "10:tick 35:100 40:tick", "ETH:firing@40");
    check(r#""exclude": ["KRW-E*"],"#, "10:tick 40:tick", "BTC:firing@40");
    // Nobody knows whether a gap was silent.
    check("", "10:tick 20-35:gap 54:tick 55:tick", "ETH:firing@55 BTC:firing@55");
    check("", "10:tick 20-35:filled 40:tick", "ETH:firing@40 BTC:firing@40");
    check(r#""hold": "5s","#, "10:tick 40:tick 44:tick 45:tick", "ETH:firing@45 BTC:firing@45");
    check(r#""hold": "5s","#, "10:tick 40:tick 41-43:gap 46:tick 47:tick", "ETH:firing@47 BTC:firing@47");
    // At its first clock it was not silent.
    check(r#""initial": "arm","#, "10:tick 40:tick", "ETH:firing@40 BTC:firing@40");
}

#[test]
fn few_trades_in_a_window_are_a_silence() {
    let few = |most: u32, window: &str, more: &str| {
        format!(r#"{more} "when": {{"kind": "silence", "max_count": {most}, "window": "{window}"}}"#)
    };
    let check = |rule: &str, steps: &str, expect: &str| {
        check(rule, steps, expect);
        let config = rules(&format!(r#"{{"id": "r", "markets": ["*"], {rule}}}"#));
        let got: Vec<String> = restarted(&config, &tape(steps)).iter().map(brief).collect();
        assert_eq!(got.join(" "), expect, "restarted, {rule}: {steps}");
    };
    // Known once the window was seen; a trade exactly as old as the window has left it.
    check(&few(2, "10s", ""), "0:1 1:1 2:1 9:tick 10:tick 11:tick", "firing@10");
    check(&few(2, "10s", ""), "0:1 1:1 2:1 3:1 9:1 10:tick 11:tick 12:tick", "firing@12");
    check(
        &few(2, "10s", ""),
        "0:1 10:1 11:1 12:1 19:1 20:tick 21:tick 22:1 23:1",
        "firing@10 resolved@12 firing@21 resolved@23",
    );
    check(&few(0, "10s", ""), "0:1 10:tick 11:1 20:tick 21:tick", "firing@10 resolved@11 firing@21");
    // A trade can be the moment at which it is noticed.
    check(&few(1, "10s", ""), "0:1 1:1 15:1 16:1", "firing@15 resolved@16");
    // Nobody knows how many trades a gap had.
    check(&few(1, "10s", ""), "0:1 5-6:gap 15:tick 16:tick", "firing@16");
    check(&few(1, "10s", ""), "0:1 10:tick 12-13:gap 14:1 15:1 16:1 23:tick", "firing@10 resolved@23");
    check(&few(1, "10s", ""), "0:1 5-6:filled 10:tick", "firing@10");
    check(&few(1, "10s", r#""hold": "3s","#), "0:1 10:tick 12:1 12:1 22:tick 24:tick 25:tick", "firing@25");
    check(&few(1, "10s", r#""linger": "3s","#), "0:1 10:tick 12:1 12:1 15:tick", "firing@10 resolved@15");
    // By whole seconds above ten minutes.
    check(&few(1, "20m", ""), "0:1 0.5:1 1:1 1200.9:tick 1201:tick", "firing@1201");
}

#[test]
fn a_gap_stops_the_timers() {
    let rule = r#""hold": "10s", "when": {"kind": "price", "above": 100}"#;
    check(rule, "0:100 2-6:gap 10:tick 13:tick 14:tick", "firing@14");
    check(rule, "0:100 2-6:filled 10:tick", "firing@10");
}

#[test]
fn late_trades_count_in_windows_and_nowhere_else() {
    let run_late = |when: &str, steps: &str| {
        let rule = format!(r#"{{"id": "r", "markets": ["*"], "when": {{{when}}}}}"#);
        let config = format!(r#"{{"lateness": "2s", "idle_lag": "2s", "rules": [{rule}]}}"#);
        let said = run(&mut plugin(&config), &tape(steps));
        said.iter()
            .map(|s| format!("{}{}", brief(s), text(&s.alert, "late").map_or("", |_| " late")))
            .collect::<Vec<_>>()
    };
    let count = r#""kind": "volume", "measure": "count", "window": "10s", "above": 3, "warmup": "partial""#;
    assert_eq!(run_late(count, "0:1 5:1 3:1"), ["firing@5 late"]);
    assert!(run_late(count, "0:1 5:1 2.9:1").is_empty(), "older than the lateness");
    assert!(run_late(r#""kind": "cross", "level": 100"#, "5:99 4:101").is_empty());
    assert!(run_late(r#""kind": "large_trade", "min_volume": 5"#, "5:99 4:101x9").is_empty());
    assert!(run_late(r#""kind": "price", "above": 100"#, "5:99 4:101").is_empty());
}

#[test]
fn an_unknown_condition_does_what_the_rule_says() {
    let rule = |unknown: &str| {
        format!(r#""on_unknown": "{unknown}", "when": {{"kind": "price", "above": 1, "source": "mid"}}"#)
    };
    check(&rule("hold"), "5 5", "");
    check(&rule("clear"), "5 5", "");
    check(&rule("fire"), "5 5", "firing@0");
}

#[test]
fn titles_are_sentences_with_numbers() {
    let title = |rule: &str, steps: &str| {
        said(rule, steps).last().map(|said| said.alert.title.clone()).unwrap_or_default()
    };
    let check = |rule: &str, steps: &str, expect: &str| assert_eq!(title(rule, steps), expect);
    check(
        r#""when": {"kind": "cross", "level": "1억"}"#,
        "99000000 100010000",
        "KRW-BTC crossed 100,000,000 upward at 100,010,000",
    );
    check(
        r#""hold": "2m", "when": {"kind": "price", "above": 6000000}"#,
        "0:6000000 120:6100000",
        "KRW-BTC is at or above 6,000,000 at 6,100,000, held for 2m",
    );
    check(
        r#""when": {"kind": "change", "window": "5m", "pct": "5%"}"#,
        "0:1000 300:1060",
        "KRW-BTC moved +6% in 5m (1,000 -> 1,060)",
    );
    check(
        r#""when": {"kind": "large_trade", "tiers": {"whale": "3억"}, "aggregate": "sweep"}"#,
        "0:100000000x2S 0:99000000x2S",
        "KRW-BTC sell of 398,000,000 (4 in 2 fills from 99,000,000 to 100,000,000)"
            .replace("BTC sell", "BTC whale: sell")
            .as_str(),
    );
    check(
        r#""when": {"kind": "silence", "for": "30s"}"#,
        "0:100 31:tick",
        "KRW-BTC has had no trade for 31s",
    );
    let few = r#""when": {"kind": "silence", "max_count": 2, "window": "1m"}"#;
    check(few, "0:1 1:1 61:tick", "KRW-BTC had 0 trades in 1m, at most 2");
    check(few, "0:1 61:tick 62:1 63:1 64:1", "KRW-BTC had 3 trades in 1m, more than 2");
    check(
        r#""when": {"kind": "volume", "window": "1m", "above": 1000, "warmup": "partial"}"#,
        "0:100x12.5",
        "KRW-BTC had a notional of 1,250 in 1m, at least 1,000",
    );
}
