//! Channels, breakouts, spikes, flows and their like: what they say about short tapes, after a
//! restart anywhere, and about configurations that are wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Said, Step, brief, plugin, restarted, rules, run, tape, text};
use tradehook_alert::AlertPlugin;
use tradehook_sdk::{ConfigFault, Plugin, Setup};

/// What is said in one go, which a restart before every entry does not change.
fn said(when: &str, steps: &[Step]) -> Vec<Said> {
    let config = rules(&format!(r#"{{"id": "r", "markets": ["*"], "when": {{{when}}}}}"#));
    let said = run(&mut plugin(&config), steps);
    assert_eq!(restarted(&config, steps), said, "{when}, restarted");
    said
}

fn check(when: &str, feed: &str, expect: &str) {
    let said = said(when, &tape(feed));
    let got: Vec<String> = said.iter().map(brief).collect();
    let titles: Vec<&str> = said.iter().map(|said| said.alert.title.as_str()).collect();
    assert_eq!(got.join(" "), expect, "{when} on {feed}: {titles:#?}");
}

/// The last alert of a feed: its title, and some of its values.
fn tells(when: &str, feed: &str, title: &str, fields: &[(&str, &str)]) {
    let said = said(when, &tape(feed));
    let alert = &said.last().unwrap().alert;
    assert_eq!(alert.title, title, "{when}: {alert:#?}");
    for (name, value) in fields {
        assert_eq!(text(alert, name).as_deref(), Some(*value), "{when}, {name}: {alert:#?}");
    }
    assert!(
        !alert
            .fields
            .iter()
            .enumerate()
            .any(|(i, (name, _))| { alert.fields.iter().skip(i + 1).any(|(other, _)| other == name) })
    );
}

/// One fault, at this place, whose message and help hold these words.
fn fault(when: &str, path: &str, message: &str, help: &str) {
    let config = format!(r#"{{"rules": [{{"id": "r", "markets": ["*"], "when": {{{when}}}}}]}}"#);
    let found: Vec<ConfigFault> =
        AlertPlugin::new(&Setup { name: "alert".into(), config }).err().unwrap_or_default();
    let [fault] = found.as_slice() else { panic!("{when}: {found:#?}") };
    assert_eq!(fault.path, format!("/rules/0/when{path}"), "{when}: {fault:?}");
    assert!(fault.message.contains(message), "{when}: {fault:?}");
    assert!(fault.help.as_deref().unwrap_or_default().contains(help), "{when}: {fault:?}");
}

#[test]
fn a_channel_is_entered_and_left_through_its_borders() {
    let channel = |event: &str, feed: &str, expect: &str| {
        check(&format!(r#""kind": "channel", "inside": [99, 101], "event": "{event}""#), feed, expect);
    };
    let feed = "98 99 100 101 101.1 90 102 100 98.9 100";
    channel("enter", feed, "up@1 down@7 up@9");
    channel("exit", feed, "up@4 down@8");
    channel("exit_up", feed, "up@4");
    channel("exit_down", feed, "down@8");
    // The first trade says where the price is, a late one nothing, and a jump over both neither.
    channel("enter", "100 101 100", "");
    channel("exit", "100 90 110 90", "down@1");
    channel("enter", "0:98 10:98 9:100 11:98", "");
    tells(
        r#""kind": "channel", "inside": [99, 101], "event": "exit""#,
        "100 103",
        "KRW-BTC left 99 to 101 upward at 103",
        &[("kind", "channel"), ("value", "103"), ("threshold", "101"), ("ref", "100"), ("direction", "up")],
    );
    let quotes = r#""kind": "channel", "inside": [99, 101], "event": "enter", "source": "best_bid""#;
    check(quotes, "100[98,102] 98 98[99,102]", "up@2");
}

#[test]
fn a_breakout_is_past_all_of_a_window_that_was_seen() {
    let high = r#""kind": "breakout", "window": "60s", "side": "high""#;
    check(high, "0:100 30:101 60:101 61:102 62:102 90:103 200:1", "up@61 up@90");
    let low = r#""kind": "breakout", "window": "60s", "side": "low""#;
    check(low, "0:100 30:99 60:99 61:98 62:98 90:97 200:1", "down@61 down@90");
    // Downtime is not seen: the window begins again.
    check(high, "0:100 60:101 61-70:gap 71:110 129:111 130:112", "up@130");
    // A late trade counts in the window and breaks nothing.
    let late =
        rules(&format!(r#"{{"id": "r", "markets": ["*"], "when": {{{high}}}}}"#)).replace("\"0s\"", "\"2s\"");
    let got = run(&mut plugin(&late), &tape("0:100 60:101 61:99 60.5:105 62:104 63:106"));
    assert_eq!(got.iter().map(brief).collect::<Vec<_>>(), ["up@63"]);
    tells(
        high,
        "0:100 30:100 60:101",
        "KRW-BTC made a new high of 1m: 101, above 100",
        &[("value", "101"), ("threshold", "100"), ("window_ms", "60000"), ("direction", "up")],
    );
}

#[test]
fn a_breakout_of_bars_looks_at_closed_ones() {
    let bars = r#""kind": "breakout", "window": "2m", "side": "high", "basis": "bars:1m""#;
    // What is higher than the closed bars breaks them, even if the open bar was higher already.
    check(bars, "0:100 59:102 60:101 119:103 180:103 181:104 182:103.5 240:104", "up@181 up@182");
}

#[test]
fn a_spike_stands_out_from_the_buckets_before() {
    let ratio = r#""kind": "volume_spike", "window": "10s", "buckets": 2, "method": "ratio", "k": 2, "clear": 1,
        "measure": "volume""#;
    // Buckets of 4 and 2: the window reaches twice their mean, and falls below it.
    check(ratio, "0:1x3 5:1x1 12:1x2 21:1x4 22:1x1 25:1x1 31:tick 41:tick", "firing@21 resolved@31");
    let none = format!(r#"{ratio}, "min_current": 7"#);
    check(&none, "0:1x3 5:1x1 12:1x2 21:1x4 22:1x1 25:1x1 26:1x1 35:tick", "firing@26 resolved@35");
    let thin = format!(r#"{ratio}, "min_baseline": "3.5""#);
    check(&thin, "0:1x3 5:1x1 12:1x2 21:1x4 22:1x1 25:1x1 26:1x1", "");
    tells(
        ratio,
        "0:1x3 5:1x1 12:1x2 21:1x4 22:1x1 25:1x1",
        "KRW-BTC volume in 10s as a multiple of the mean of 2 buckets is 2, at or above 2",
        &[
            ("kind", "volume_spike"),
            ("value", "2"),
            ("threshold", "2"),
            ("clear", "1"),
            ("current", "6"),
            ("method", "ratio"),
        ],
    );
    let rate = r#""kind": "trade_rate", "spike": "z", "window": "10s", "buckets": 2, "k": 3, "sd_floor": 1"#;
    // One trade a bucket, and four of them at once.
    check(rate, "0:1 10:1 20:1 21:1 22:1 23:1 24:1 40:tick", "firing@23 resolved@40");
}

#[test]
fn flows_are_those_of_both_sides() {
    let five = "0:100x3B 1:101x4S 2:102x10B 3:99x1S 4:100x2B";
    let last = |when: &str, value: &str, fields: &[(&str, &str)]| {
        let said = said(when, &tape(five));
        let alert = &said.last().unwrap().alert;
        for (name, value) in [("value", value)].iter().chain(fields) {
            assert_eq!(text(alert, name).as_deref(), Some(*value), "{when}: {alert:#?}");
        }
    };
    last(r#""kind": "cvd", "anchor": "start", "above": 10"#, "10", &[("bought", "15"), ("sold", "5")]);
    last(r#""kind": "trade_strength", "since": "day", "above": 300, "clear": 299"#, "300", &[]);
    last(
        r#""kind": "imbalance", "window": "1m", "above": 0.5, "clear": 0.4"#,
        "0.53132251",
        &[("buy_notional", "1320"), ("sell_notional", "404")],
    );
    check(r#""kind": "trade_strength", "window": "1m", "inside": [300, 300]"#, five, "firing@4");
    // 1017 / 2023 is a little more than 50.2718 %.
    check(r#""kind": "imbalance", "window": "1m", "inside": ["50.2718%", "50.2719%"]"#, five, "firing@4");
    check(
        r#""kind": "imbalance", "window": "1m", "above": 0, "min_notional": 1500"#,
        "0:100x3B 1:101x4S 2:102x10B",
        "firing@2",
    );
}

#[test]
fn strength_is_unknown_without_a_seller_and_partial_after_a_start_at_noon() {
    let day = r#""kind": "trade_strength", "since": "day", "above": 100"#;
    check(
        day,
        "0:1x5B 1:1x5S 86399:1x4S 86400:1x1B 86401:1x2S 86402:1x9B",
        "firing@1 resolved@86399 firing@86402",
    );
    let partial = |feed: &str, expect: Option<&str>| {
        let said = said(day, &tape(feed));
        assert_eq!(text(&said.last().unwrap().alert, "partial").as_deref(), expect, "{feed}");
    };
    partial("0:1x5B 1:1x5S", None);
    partial("43200:1x5B 43201:1x5S", Some("true"));
    partial("43200:1x5B 86400:1x1S 86401:1x5B", None);
    tells(
        day,
        "0:1x6B 1:1x5S",
        "KRW-BTC trade strength since 00:00 UTC is 120, at or above 100",
        &[("value", "120"), ("buy_volume", "6"), ("sell_volume", "5"), ("since_ms", "0")],
    );
}

#[test]
fn the_cumulative_difference_begins_again_at_its_anchor() {
    let hour = r#""kind": "cvd", "anchor": "1h", "above": 10, "clear": 5"#;
    // The first hour was not seen from its beginning.
    check(hour, "10:1x20B 3600:1x9B 3601:1x1B 3602:1x6S 7200:tick", "firing@3601 resolved@3602");
    check(hour, "0:1x10B 3600:tick", "firing@0 resolved@3600");
    let cross = |feed: &str, expect: &str| {
        check(r#""kind": "cvd", "anchor": "1h", "cross": 0"#, feed, expect);
    };
    cross("0:1x5B 1:1x5S 2:1x5B 3:1x6S 4:1x1B 5:1x1S 6:1x2B", "down@1 down@3 up@4 up@6");
    // Nought again at the anchor is no passing.
    cross("0:1x5B 3600:1x3S 3601:1x4B", "up@3601");
    cross("0:1x5B 3600:tick 3601:1x3S", "");
    let up = r#""kind": "cvd", "anchor": "start", "cross": "-5", "direction": "up", "measure": "notional""#;
    tells(
        up,
        "0:1x7S 1:1x1B 2:1x2B",
        "KRW-BTC bought less sold notional since the start passed -5 upward: -4",
        &[("kind", "cvd"), ("value", "-4"), ("threshold", "-5"), ("direction", "up")],
    );
}

#[test]
fn the_distance_from_the_mean_price_is_exact() {
    let vwap = r#""kind": "vwap", "window": "10s", "above": "1.5%", "min_trades": 2"#;
    // 200 and 206.09 on average 203.045: 1.4997 %.
    check(vwap, "0:200 1:206.09", "");
    check(vwap, "0:200 1:206.1", "firing@1");
    check(r#""kind": "vwap", "since": "day", "below": "-1%", "min_trades": 2"#, "0:101x1 1:99x1", "firing@1");
    check(r#""kind": "vwap", "window": "10s", "above": "1%""#, "0:100 1:110", "");
    tells(
        vwap,
        "0:100x1 1:110x1",
        "KRW-BTC distance of the price from the VWAP in 10s is 4.7619%, at or above 1.5%",
        &[("vwap", "105"), ("value", "4.7619"), ("threshold", "1.5"), ("trades", "2"), ("partial", "true")],
    );
}

#[test]
fn volatility_is_known_when_its_window_was_seen() {
    let range = r#""kind": "volatility", "window": "10s", "above": "3%""#;
    check(range, "0:90 1:100 10:103 11:100 12:101 13:tick 20:tick 22:tick", "firing@10 resolved@20");
    // What is exactly ten seconds old has left.
    check(range, "0:100 9:110 10:110", "");
    let realised = r#""kind": "volatility", "window": "10s", "measure": "realised", "above": "1%""#;
    // Two returns of 1 %: 1.41 %; one of them is that of the second before the window.
    check(realised, "0:100 1:101 2:102.01 10:102.01 11:tick 12:tick", "firing@10 resolved@11");
}

#[test]
fn what_a_gap_makes_unknown_is_seen_with_the_next_tick() {
    for when in [
        r#""kind": "volatility", "window": "10s", "below": "3%""#,
        r#""kind": "volume", "window": "10s", "below": 1000"#,
        r#""kind": "volume", "window": "10s", "above": 1"#,
    ] {
        let rule = format!(r#"{{"id": "r", "markets": ["*"], "on_unknown": "clear", "when": {{{when}}}}}"#);
        let steps = tape("0:100 9:100 10:100 10-12:gap 13:tick 14:100 22:100");
        let said = run(&mut plugin(&rules(&rule)), &steps);
        let got: Vec<String> = said.iter().map(brief).collect();
        assert_eq!(got, ["firing@10", "resolved@13", "firing@22"], "{when}");
        assert_eq!(restarted(&rules(&rule), &steps), said, "{when}, restarted");
    }
}

#[test]
fn a_person_who_asks_is_told_what_they_compare_with() {
    let check = |when: &str, feed: &str, expect: &[(&str, serde_json::Value)]| {
        let config = rules(&format!(r#"{{"id": "r", "markets": ["*"], "when": {{{when}}}}}"#));
        let mut plugin = plugin(&config);
        run(&mut plugin, &tape(feed));
        let answer = plugin.inspect(r#"{"rule": "r", "market": "KRW-BTC"}"#).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        for (name, value) in expect {
            assert_eq!(answer["signals"][0].get(name), Some(value), "{when}, {name}: {answer:#}");
        }
    };
    let breakout = r#""kind": "breakout", "window": "1m", "side": "high""#;
    check(breakout, "0:100 30:101", &[("ref", serde_json::Value::Null)]);
    check(breakout, "0:100 30:101 61:99", &[("ref", "101".into())]);
    let channel = r#""kind": "channel", "inside": [99, 101], "event": "exit""#;
    check(channel, "0:100", &[("ref", "100".into()), ("low", "99".into()), ("high", "101".into())]);
    let spike = r#""kind": "volume_spike", "window": "10s", "buckets": 2, "method": "ratio", "k": 2"#;
    check(spike, "0:100 5:100", &[("value", serde_json::Value::Null), ("method", "ratio".into())]);
    check(
        spike,
        "0:1x3 12:1x1 21:1x1",
        &[("value", "1".into()), ("baseline", 2.0.into()), ("buckets", 2.into())],
    );
    let strength = r#""kind": "trade_strength", "since": "day", "above": 100"#;
    check(strength, "43200:1x3B 43201:1x2S", &[("value", "150".into()), ("partial", true.into())]);
}

#[test]
fn silence_is_what_the_market_is_not_used_to() {
    // A hundred stretches of 2 s: silence is 6 s.
    let mut feed: Vec<String> = (0..=100).map(|n| format!("{}:1", n * 2)).collect();
    feed.extend(["205.9:tick", "206:tick", "300:tick", "301:1", "303:1"].map(str::to_owned));
    let auto = r#""kind": "silence", "for": "auto""#;
    // A sketch knows 2,000 ms as 2,015.
    check(auto, &feed.join(" "), "firing@300 resolved@301");
    feed.insert(101, "206.045:tick".into());
    feed.retain(|step| step != "205.9:tick" && step != "206:tick");
    check(auto, &feed.join(" "), "firing@206.045 resolved@301");
    check(auto, "0:1 2:1 4:1 60:tick", "");
}

#[test]
fn they_can_be_parts_and_have_severities() {
    let imbalance = r#"{"kind": "imbalance", "window": "1m", "above": 0.6, "min_notional": 1000}"#;
    let vwap = r#"{"kind": "vwap", "since": "day", "above": "1.5%", "min_trades": 2}"#;
    let both = format!(r#""kind": "all", "of": [{imbalance}, {vwap}]"#);
    check(&both, "0:100x9B 1:102x3B 2:103x1B 3:103x9S", "firing@2 resolved@3");
    let breakout = r#"{"kind": "breakout", "window": "10s", "side": "high"}"#;
    let rate = r#"{"kind": "trade_rate", "window": "10s", "above": 3, "warmup": "partial"}"#;
    let within = format!(r#""kind": "all", "within": "5s", "of": [{breakout}, {rate}]"#);
    check(&within, "0:100 5:100 10:101 11:100 12:100 15:tick 16:tick", "firing@11 resolved@15");
    let tiers = r#""kind": "volume_spike", "window": "10s", "buckets": 1, "method": "ratio", "measure": "count",
        "severities": [{"severity": "info", "above": 2}, {"severity": "critical", "above": 4, "clear": 3}]"#;
    let said = said(tiers, &tape("0:1 10:1 11:1 12:1 13:1 14:1 24:tick"));
    let got: Vec<String> =
        said.iter().map(|said| format!("{:?} {}", said.alert.severity.unwrap(), brief(said))).collect();
    assert_eq!(got, ["Info firing@11", "Critical firing@13", "Critical resolved@24"]);
}

#[test]
fn rules_as_people_write_them_are_accepted() {
    let accepted = |when: &str| {
        let rule = format!(r#"{{"rules": [{{"id": "r", "markets": ["KRW-*"], "when": {{{when}}}}}]}}"#);
        plugin(&rule);
    };
    accepted(
        r#""kind": "volume_spike", "window": "1m", "buckets": 60, "method": "robust", "k": 6.0,
        "min_current": "2억", "min_baseline": "500만""#,
    );
    accepted(
        r#""kind": "all", "of": [{"kind": "imbalance", "window": "1m", "above": 0.6, "min_notional": "10억"},
        {"kind": "vwap", "since": "day", "above": "1.5%"}]"#,
    );
    accepted(r#""kind": "breakout", "window": "24h", "side": "high", "basis": "bars:1m""#);
    accepted(r#""kind": "trade_strength", "since": "day", "above": 150, "clear": 130"#);
    accepted(
        r#""kind": "cvd", "anchor": "day", "measure": "notional", "outside": ["-50억", "50억"], "clear_margin": "5억""#,
    );
    accepted(r#""kind": "imbalance", "window": "5m", "below": "-40%", "clear": "-20%""#);
    accepted(r#""kind": "volatility", "window": "1h", "inside": ["0%", "0.5%"]"#);
}

#[test]
fn wrong_parameters_are_told_at_their_place() {
    let channel = r#""kind": "channel", "inside": [1, 2]"#;
    fault(channel, "", "`event` is missing", "exit_up");
    fault(r#""kind": "channel", "event": "enter""#, "", "`inside` is missing", "[low, high]");
    fault(
        r#""kind": "channel", "inside": [2, 1], "event": "enter""#,
        "/inside",
        "not a range",
        "[low, high]",
    );
    fault(
        r#""kind": "channel", "inside": [1, "5%"], "event": "enter""#,
        "/inside/1",
        "is a percentage",
        "억",
    );
    fault(&format!(r#"{channel}, "event": "enters""#), "/event", "not known", "did you mean \"enter\"?");
    fault(&format!(r#"{channel}, "event": "enter", "clear": 1"#), "/clear", "at an instant", "kind `price`");
    let breakout = r#""kind": "breakout", "side": "high""#;
    fault(breakout, "", "`window` is missing", "5m");
    fault(r#""kind": "breakout", "window": "1h""#, "", "`side` is missing", "\"low\"");
    fault(&format!(r#"{breakout}, "window": "2d""#), "/window", "out of range", "1d");
    fault(&format!(r#"{breakout}, "window": "60""#), "/window", "not a duration", "90s");
    fault(&format!(r#"{breakout}, "window": 60"#), "/window", "a number, where a duration", "90s");
    fault(&format!(r#"{breakout}, "window": "1h", "basis": "bars""#), "/basis", "is no basis", "bars:1m");
    fault(
        &format!(r#"{breakout}, "window": "1h", "basis": "bars:7m""#),
        "/basis",
        "do not divide",
        "bars:5m",
    );
    fault(
        &format!(r#"{breakout}, "window": "30s", "basis": "bars:1m""#),
        "/window",
        "no window",
        "1 to 50000",
    );
    fault(&format!(r#"{breakout}, "window": "1h", "clear": 1"#), "/clear", "at an instant", "kind `change`");
    let spike = r#""kind": "volume_spike", "window": "1m", "k": 3"#;
    fault(spike, "", "`method` is missing", "ratio, z, robust or ewma");
    let ratio = format!(r#"{spike}, "method": "ratio""#);
    fault(&format!(r#"{spike}, "method": "ratios""#), "/method", "not known", "did you mean \"ratio\"?");
    fault(r#""kind": "volume_spike", "window": "1m", "method": "z""#, "", "no threshold", "k, severities");
    fault(&format!(r#"{ratio}, "above": 3"#), "/above", "`above` with `k`", "`k`");
    fault(&format!(r#"{ratio}, "clear": 4"#), "/clear", "4 is above the level 3", "at most 3");
    fault(&format!(r#"{ratio}, "sd_floor": 1"#), "/sd_floor", "with another method", "\"z\"");
    fault(&format!(r#"{ratio}, "half_life": 1"#), "/half_life", "with another method", "\"ewma\"");
    fault(&format!(r#"{ratio}, "buckets": 20000"#), "/buckets", "20000 buckets", "at most 1440");
    fault(
        &format!(r#"{ratio}, "buckets": 5, "min_buckets": 6"#),
        "/min_buckets",
        "more than the 5",
        "1 to 5",
    );
    fault(&format!(r#"{ratio}, "min_current": "5억만""#), "/min_current", "not an amount", "1.5억");
    fault(&format!(r#"{ratio}, "min_baseline": 0"#), "/min_baseline", "not above nought", "above nought");
    fault(r#""kind": "trade_rate", "window": "1m", "spike": "ratio""#, "", "no threshold", "k");
    fault(r#""kind": "imbalance", "above": 0.5"#, "", "`window` is missing", "5m");
    fault(r#""kind": "imbalance", "window": "1m", "above": "half""#, "/above", "not an amount", "");
    fault(r#""kind": "imbalance", "window": "1m", "above": 1.5"#, "/above", "beyond", "-1 to 1");
    fault(r#""kind": "trade_strength", "above": 100"#, "", "`window` is missing", "since");
    let both = r#""kind": "trade_strength", "above": 100, "since": "day", "window": "1m""#;
    fault(both, "/since", "together", "one of them");
    fault(r#""kind": "trade_strength", "above": 100, "since": "dawn""#, "/since", "not known", "day");
    fault(r#""kind": "trade_strength", "above": "100%", "since": "day""#, "/above", "is a percentage", "");
    fault(r#""kind": "cvd", "above": 1"#, "", "`anchor` is missing", "\"start\"");
    fault(r#""kind": "cvd", "above": 1, "anchor": "7h""#, "/anchor", "no anchor", "divides a day");
    fault(r#""kind": "cvd", "above": "1%", "anchor": "day""#, "/above", "is a percentage", "억");
    fault(r#""kind": "cvd", "cross": 1, "anchor": "day", "clear": 0"#, "/clear", "at an instant", "`cvd`");
    fault(r#""kind": "vwap", "window": "1m", "above": 1.5"#, "/above", "not a percentage", "1.5%");
    fault(
        r#""kind": "vwap", "window": "1m", "above": "1%", "min_trades": 0"#,
        "/min_trades",
        "not a count",
        "1",
    );
    fault(r#""kind": "volatility", "window": "1m", "above": 1"#, "/above", "not a percentage", "1.5%");
    let realised = r#""kind": "volatility", "window": "1500ms", "measure": "realised", "above": "1%""#;
    fault(realised, "/window", "from second to second", "whole seconds");
    fault(r#""kind": "silence", "for": "auto", "above": 3"#, "/above", "own habits", "a duration");
}
