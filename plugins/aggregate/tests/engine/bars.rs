//! Bars: what is in them, when they are final, what is said of them.

use super::*;

/// `[60] o1 h2 l1 c2 v3 n4 bv1 k2`, then whatever is out of the ordinary.
fn line(record: &Record) -> String {
    let f = |name| show(field(record, name));
    let mut line = format!(
        "[{}] o{} h{} l{} c{} v{} n{} bv{} k{}",
        int(record, "start_ms") / 1000,
        f("open"),
        f("high"),
        f("low"),
        f("close"),
        f("volume"),
        f("notional"),
        f("buy_volume"),
        f("count"),
    );
    if record.topic == "bar_update" {
        line.push_str(" update");
    }
    for (name, word) in [("partial", "partial"), ("incomplete", "incomplete"), ("empty", "empty")] {
        if is(record, name) {
            line = format!("{line} {word}");
        }
    }
    if is(record, "late_amended") {
        line.push_str(&format!(" rev{}", f("rev")));
    }
    line
}

fn check(config: &str, text: &str, expect: &[&str]) {
    let found: Vec<String> = run(config, &log(text)).iter().map(line).collect();
    assert_eq!(found, expect, "{config} {text}");
}

#[test]
fn the_minute_of_the_reference_is_built_exactly() {
    check(
        r#"{"size":"60s","idle_lag":"0s"}"#,
        "0:100x1B 59:101x2S 60:102x1B 30:99x1S 180:50x1B 242:tick",
        &[
            "[0] o100 h101 l99 c101 v4 n401 bv1 k3",
            "[60] o102 h102 l102 c102 v1 n102 bv1 k1",
            "[180] o50 h50 l50 c50 v1 n50 bv1 k1",
        ],
    );
}

#[test]
fn a_record_carries_every_field_in_its_order() {
    let found = run(r#"{"bars":[{"size":"1m","id":"mine"}]}"#, &log("0:3x0.1B 1:1x0.2S 70:1x1B"));
    let fields: Vec<String> = found[0].fields.iter().map(|(n, v)| format!("{n}={}", show(v))).collect();
    let expect = "market=KRW-BTC kind=time size=1m start_ms=0 end_ms=60000 open=3 high=3 low=1 close=1 \
         volume=0.3 notional=0.5 buy_volume=0.1 sell_volume=0.2 buy_notional=0.3 count=2 vwap=1.66666667 \
         first_sid=0 last_sid=1 first_ts=0 last_ts=1000 rev=0 partial=false incomplete=false empty=false \
         late_amended=false id=mine";
    assert_eq!((found[0].topic.as_str(), fields.join(" ")), ("bar", expect.to_owned()));
}

#[test]
fn a_bar_is_final_when_its_clock_says_so_and_not_before() {
    let config = r#"{"size":"10s","lateness":"2s","idle_lag":"1s"}"#;
    let bar = "[0] o1 h1 l1 c1 v1 n1 bv1 k1";
    check(config, "0:1x1B 11.999:1x1B", &[]);
    check(config, "0:1x1B 12:1x1B", &[bar]);
    check(config, "0:1x1B 11:2x1B 12:2x1B", &[bar]);
    check(config, "0:1x1B 12.999:tick", &[]);
    check(config, "0:1x1B 13:tick 14:tick 13:tick", &[bar]);
    // Another market's trade is not this one's clock.
    check(config, "0:1x1B 1@100:1x1B", &[]);
    // Several at once come in order of start.
    check(
        r#"{"size":"1s","lateness":"5s"}"#,
        "0:1x1B 2:2x1B 1:3x1B 9:4x1B",
        &[bar, "[1] o3 h3 l3 c3 v1 n3 bv1 k1", "[2] o2 h2 l2 c2 v1 n2 bv1 k1"],
    );
}

#[test]
fn time_and_then_the_id_decide_open_and_close() {
    let config = r#"{"size":"10s","keep_partial":true,"idle_lag":"0s"}"#;
    check(config, "0:5x1B 0:6x1B 3:7x1B 3:8x1B 12:tick", &["[0] o5 h8 l5 c8 v4 n26 bv4 k4"]);
    check(config, "4:5x1B 2:9x1S 4:6x1S 3:1x1S 12:tick", &["[0] o9 h9 l1 c6 v4 n21 bv1 k4 partial"]);
    // Whatever the order of arrival: here the ids count down.
    let mut plugin = plugin(config);
    for (id, step) in log("0:5x1B 0:6x1B 3:7x1B 3:8x1B").iter().enumerate() {
        tell(&mut plugin, 9 - id, step, &mut Out::new());
    }
    let mut out = Out::new();
    tell(&mut plugin, 10, &Step::Tick(12_000), &mut out);
    let found: Vec<String> = records(out).iter().map(line).collect();
    assert_eq!(found, ["[0] o6 h8 l5 c7 v4 n26 bv4 k4"]);
}

#[test]
fn what_comes_after_the_final_is_dropped_or_amends() {
    let text = "0:10x1B 12:11x1B 5:9x2S 13:11x1B 9:12x1S";
    let first = "[0] o10 h10 l10 c10 v1 n10 bv1 k1";
    check(r#"{"size":"10s"}"#, text, &[first]);
    check(
        r#"{"size":"10s","late":"amend"}"#,
        text,
        &[first, "[0] o10 h10 l9 c9 v3 n28 bv1 k2 rev1", "[0] o10 h12 l9 c12 v4 n40 bv1 k3 rev2"],
    );
    // A bar that was omitted because nothing traded appears with its first late trade.
    check(
        r#"{"size":"10s","late":"amend"}"#,
        "0:1x1B 32:1x1B 15:2x1B",
        &["[0] o1 h1 l1 c1 v1 n1 bv1 k1", "[10] o2 h2 l2 c2 v1 n2 bv1 k1 rev1"],
    );
    // Kept for amend_for after the final, to the millisecond.
    let config = r#"{"size":"10s","late":"amend","amend_for":"5s"}"#;
    check(config, "0:10x1B 16.999:1x1B 5:9x2S", &[first, "[0] o10 h10 l9 c9 v3 n28 bv1 k2 rev1"]);
    check(config, "0:10x1B 17:1x1B 5:9x2S", &[first]);
    let mut plugin = plugin(config);
    for (i, step) in log("0:10x1B 17:1x1B 5:9x2S").iter().enumerate() {
        tell(&mut plugin, i, step, &mut Out::new());
    }
    assert_eq!(plugin.counters().late_dropped, 1);
}

#[test]
fn empty_bars_are_filled_where_it_is_asked_for() {
    let config = r#"{"size":"10s","empty":"fill","max_fill":2,"idle_lag":"0s","lateness":"0s"}"#;
    let first = "[0] o1 h7 l1 c7 v2 n8 bv2 k2";
    let empty = |start| format!("[{start}] o7 h7 l7 c7 v0 n0 bv0 k0 empty");
    check(config, "0:1x1B 1:7x1B 20:tick", &[first, &empty(10)]);
    check(config, "0:1x1B 1:7x1B 500:tick 600:tick", &[first, &empty(10), &empty(20)]);
    check(
        config,
        "0:1x1B 1:7x1B 35:8x1B 50:tick",
        &[
            first,
            &empty(10),
            &empty(20),
            "[30] o8 h8 l8 c8 v1 n8 bv1 k1",
            "[40] o8 h8 l8 c8 v0 n0 bv0 k0 empty",
        ],
    );
    check(config, "0:tick 100:tick", &[]);
    let found = run(config, &log("0:1x1B 20:tick"));
    for name in ["vwap", "first_sid", "last_sid", "first_ts", "last_ts"] {
        assert_eq!(*field(&found[1], name), Value::Null, "{name} of an empty bar");
    }
}

#[test]
fn a_bar_whose_beginning_was_not_seen_is_kept_back() {
    let text = "5:1x1B 15:2x1B 30:3x1B";
    let second = "[10] o2 h2 l2 c2 v1 n2 bv1 k1";
    check(r#"{"size":"10s"}"#, text, &[second]);
    check(r#"{"size":"10s","keep_partial":true}"#, text, &["[0] o1 h1 l1 c1 v1 n1 bv1 k1 partial", second]);
    // Unless what was missing is recovered.
    check(r#"{"size":"10s"}"#, "5:1x1B filled:0-5 2:4x1B 13:2x1B", &["[0] o4 h4 l1 c1 v2 n5 bv2 k2"]);
}

#[test]
fn a_bar_that_overlaps_a_gap_says_so() {
    let config = r#"{"size":"10s","idle_lag":"0s","lateness":"0s","empty":"fill"}"#;
    let bars = |marks: [&str; 3]| {
        let of = |start, mark: &str| format!("[{start}] o1 h1 l1 c1 v1 n1 bv1 k1{mark}");
        [of(0, marks[0]), of(10, marks[1]), of(20, marks[2])]
    };
    let check = |text: &str, marks| {
        let expect = bars(marks);
        check(config, text, &[&expect[0], &expect[1], &expect[2]]);
    };
    check("0:1x1B gap:3-15 15:1x1B 20:1x1B 30:tick", [" incomplete", " incomplete", ""]);
    check("0:1x1B 15:1x1B gap:15-20 20:1x1B 30:tick", ["", " incomplete", ""]);
    check("0:1x1B gap:3-5 filled:3-5 10:1x1B 20:1x1B 30:tick", ["", "", ""]);
    check("gap:12-14 0:1x1B 10:1x1B 20:1x1B 30:tick", ["", " incomplete", ""]);
}

#[test]
fn a_gap_of_one_market_marks_no_other() {
    let mut plugin = plugin(r#"{"size":"10s"}"#);
    let mut out = Out::new();
    for (i, step) in log("0:1x1B 1@0:1x1B").iter().enumerate() {
        tell(&mut plugin, i, step, &mut out);
    }
    let gap =
        Gap { offset: 2, from_ms: 3000, to_ms: 5000, cause: "id_hole", market_ids: &[1], filled: false };
    plugin.on_gap(&gap, &mut out);
    tell(&mut plugin, 3, &Step::Tick(20_000), &mut out);
    let marks: Vec<bool> = records(out).iter().map(|record| is(record, "incomplete")).collect();
    assert_eq!(marks, [false, true]);
}

#[test]
fn a_changed_configuration_goes_on_with_what_means_the_same() {
    let mut old = plugin(r#"{"bars":[{"size":"10s"},{"size":"20s"}]}"#);
    for (i, step) in log("0:1x1B 1:2x1B").iter().enumerate() {
        tell(&mut old, i, step, &mut Out::new());
    }
    let mut new = plugin(r#"{"bars":[{"size":"30s"},{"size":"10s","id":"ten"}]}"#);
    new.restore(AggregatePlugin::MANIFEST.state_version, &old.snapshot()).unwrap();
    let mut out = Out::new();
    for (i, step) in log("5:3x1B 70:1x1B").iter().enumerate() {
        tell(&mut new, i, step, &mut out);
    }
    // The bars of 30 s begin with the restart, so their first is partial.
    let found: Vec<String> = records(out).iter().map(line).collect();
    assert_eq!(found, ["[0] o1 h3 l1 c3 v3 n6 bv3 k3"]);
}

#[test]
fn updates_come_at_most_once_in_their_time_and_finals_once() {
    let both = r#"{"size":"10s","emit":"both","update_every":"2s","idle_lag":"0s"}"#;
    check(
        both,
        "0:1x1B 1:2x1B 1.5:3x1B 2:tick 4:tick 12:tick",
        &[
            "[0] o1 h1 l1 c1 v1 n1 bv1 k1 update",
            "[0] o1 h3 l1 c3 v3 n6 bv3 k3 update",
            "[0] o1 h3 l1 c3 v3 n6 bv3 k3",
        ],
    );
    let update = r#"{"size":"10s","emit":"update","idle_lag":"0s"}"#;
    check(
        update,
        "0:1x1B 0.5:2x1B 12:tick 13:tick",
        &["[0] o1 h1 l1 c1 v1 n1 bv1 k1 update", "[0] o1 h2 l1 c2 v2 n3 bv2 k2 update"],
    );
}

#[test]
fn a_day_begins_where_it_is_told_to() {
    let day = |config: &str, expect: &[i64]| {
        let text = "50400:1x1B 54000:1x1B 86400:1x1B 140400:1x1B 172800:1x1B 226800:1x1B";
        let found = run(config, &log(text));
        let starts: Vec<i64> = found.iter().map(|r| int(r, "start_ms") / 1000).collect();
        assert_eq!(starts, expect, "{config}");
    };
    day(r#"{"size":"1d","keep_partial":true}"#, &[0, 86_400]);
    day(r#"{"size":"1d","keep_partial":true,"day_start":"09:00+09:00"}"#, &[0, 86_400]);
    day(r#"{"size":"1d","keep_partial":true,"day_start":"00:00+09:00"}"#, &[-32_400, 54_000]);
}

#[test]
fn markets_are_chosen_by_glob_and_keep_to_themselves() {
    let config = r#"{"bars":[{"size":"10s","markets":["KRW-*"],"exclude":["KRW-ETH"]}]}"#;
    check(config, "0:1x1B 1@0:5x1B 2@0:7x1B 1@20:5x1B 2@20:7x1B 20:1x1B", &["[0] o1 h1 l1 c1 v1 n1 bv1 k1"]);
}

/// [numbers-survive]
#[test]
fn what_would_not_be_exact_is_left_out_and_counted() {
    let big = "9223372036854775807";
    let many = format!("0:{big}x{big}B ").repeat(3);
    let mut plugin = plugin(r#"{"size":"10s"}"#);
    for (i, step) in log(&many).iter().enumerate() {
        tell(&mut plugin, i, step, &mut Out::new());
    }
    let mut out = Out::new();
    tell(&mut plugin, 3, &step("20:1x1B"), &mut out);
    assert_eq!(show(field(&records(out)[0], "count")), "2");
    assert_eq!(plugin.counters().inexact, 1);
    let invalid = Step::Trade { market: 0, ts: i64::MIN, price: 1.into(), volume: 1.into(), side: Side::Buy };
    tell(&mut plugin, 4, &invalid, &mut Out::new());
    assert_eq!(plugin.counters().invalid, 1);
}

#[test]
fn a_bar_without_trades_can_be_said_to_have_no_prices() {
    let config = r#"{"size":"10s","empty":"null","max_fill":2,"idle_lag":"0s","lateness":"0s"}"#;
    check(
        config,
        "0:1x1B 1:7x1B 100:tick",
        &[
            "[0] o1 h7 l1 c7 v2 n8 bv2 k2",
            "[10] o- h- l- c- v0 n0 bv0 k0 empty",
            "[20] o- h- l- c- v0 n0 bv0 k0 empty",
        ],
    );
}

#[test]
fn weeks_months_and_years_are_those_of_the_calendar() {
    // 2026-11-20 (a Friday) 12:00 UTC, the next Monday 00:30 KST, December, and the year after.
    let text = "1795176000:1x1B 1795361400:2x1B 1796083200:3x1B 1798761600:4x1B 1830297700:5x1B";
    let starts = |config: &str, expect: &[i64]| {
        let found = run(config, &log(text));
        let spans: Vec<i64> = found.iter().map(|r| int(r, "start_ms") / 1000).collect();
        assert_eq!(spans, expect, "{config}");
        for bar in &found {
            let span = int(bar, "start_ms")..int(bar, "end_ms");
            assert!(span.contains(&int(bar, "first_ts")) && span.contains(&int(bar, "last_ts")), "{bar:?}");
        }
    };
    let day = 86_400;
    let monday = 20_773 * day;
    starts(r#"{"size":"1w","keep_partial":true}"#, &[monday, monday + 14 * day, monday + 42 * day]);
    starts(
        r#"{"size":"1w","zone":"Asia/Seoul","keep_partial":true}"#,
        &[monday - 32_400, monday + 7 * day - 32_400, monday + 14 * day - 32_400, monday + 42 * day - 32_400],
    );
    starts(r#"{"size":"1mo","keep_partial":true}"#, &[20_758 * day, 20_788 * day, 20_819 * day]);
    starts(r#"{"size":"1y","keep_partial":true}"#, &[20_454 * day, 20_819 * day]);
}

#[test]
fn a_market_that_was_silent_since_the_start_has_a_whole_first_bar() {
    let bar = "[10] o1 h1 l1 c1 v1 n1 bv1 k1";
    check(r#"{"size":"10s"}"#, "5:tick 15:1x1B 23:tick 24:tick", &[bar]);
    check(r#"{"size":"10s"}"#, "12:tick 15:1x1B 23:tick 24:tick", &[]);
    // The start is that of the plugin, not that of a specification that a reload added.
    let mut old = plugin(r#"{"size":"10s"}"#);
    for (i, step) in log("5:tick 6:1x1B").iter().enumerate() {
        tell(&mut old, i, step, &mut Out::new());
    }
    let mut new = plugin(r#"{"size":"20s"}"#);
    new.restore(AggregatePlugin::MANIFEST.state_version, &old.snapshot()).unwrap();
    let mut out = Out::new();
    for (i, step) in log("25:1x1B 1@25:7x1B 43:1x1B 1@43:1x1B").iter().enumerate() {
        tell(&mut new, i, step, &mut out);
    }
    let found: Vec<String> = records(out).iter().map(line).collect();
    assert_eq!(found, ["[20] o7 h7 l7 c7 v1 n7 bv1 k1"]);
}

#[test]
fn after_a_snapshot_nothing_is_missing() {
    let mut plugin = plugin(r#"{"size":"10s"}"#);
    let mut out = Out::new();
    let snapshot = Trade {
        offset: 0,
        market: MARKETS[0],
        market_id: 0,
        side: Side::Buy,
        price: 9.into(),
        volume: 1.into(),
        sequential_id: 0,
        traded_at_ms: 7000,
        received_at_ms: 33_000,
        flags: Flags::SNAPSHOT,
        best_bid: None,
        best_ask: None,
        prev_close: None,
    };
    plugin.on_tick(&Tick { offset: 0, at_ms: 32_000 }, &mut out);
    plugin.on_trade(&snapshot, &mut out);
    for (i, step) in log("35:1x1B 43:tick 44:tick").iter().enumerate() {
        tell(&mut plugin, i + 1, step, &mut out);
    }
    // The bar of the snapshot itself may lack what came before it.
    let found: Vec<String> = records(out).iter().map(line).collect();
    assert_eq!(found, ["[30] o1 h1 l1 c1 v1 n1 bv1 k1"]);
}

/// [bounded]
#[test]
fn a_tick_tells_no_more_than_a_call_may_say_and_the_next_ones_tell_the_rest() {
    let config =
        r#"{"bars":[{"size":"10s","keep_partial":true},{"size":"5s","keep_partial":true}],"idle_lag":"0s"}"#;
    let codes: Vec<String> = (0..500).map(|n| format!("KRW-C{n}")).collect();
    let mut plugin = plugin(config);
    for (id, code) in codes.iter().enumerate() {
        let trade = Trade {
            offset: id as u64,
            market: code,
            market_id: id as u32,
            side: Side::Buy,
            price: 5.into(),
            volume: 1.into(),
            sequential_id: 1,
            traded_at_ms: 1000,
            received_at_ms: 1000,
            flags: Flags::default(),
            best_bid: None,
            best_ask: None,
            prev_close: None,
        };
        plugin.on_trade(&trade, &mut Out::new());
    }
    let mut told = Vec::new();
    for second in 0..6 {
        let mut out = Out::new();
        plugin.on_tick(&Tick { offset: 0, at_ms: 20_000 + second * 1000 }, &mut out);
        let found = records(out);
        assert!(found.len() <= 202, "{}", found.len());
        told.extend(found.iter().map(|r| (show(field(r, "market")), show(field(r, "size")))));
        // Where it stands is part of what it remembers.
        let saved = plugin.snapshot();
        plugin = super::plugin(config);
        plugin.restore(AggregatePlugin::MANIFEST.state_version, &saved).unwrap();
    }
    let count = told.len();
    told.sort();
    told.dedup();
    assert_eq!((count, told.len()), (1000, 1000), "every bar of every market, once");
}
