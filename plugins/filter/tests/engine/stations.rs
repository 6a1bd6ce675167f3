//! The stations that compare, hold back and put together.
//!
//! A log is written as text: `30:99x1S` is a sell of 1 at 99 at 30 ms, `60:tick` the clock. `KRW-BTC`
//! unless a market's number leads: `1@30:99x1S`. The sequential id is the place in the log.

use super::*;

pub(super) fn log(text: &str) -> Vec<Step> {
    let step = |(id, text): (usize, &str)| {
        let (market, text) = text.split_once('@').map_or((0, text), |(m, rest)| (m.parse().unwrap(), rest));
        let (ms, what) = text.split_once(':').unwrap();
        let ms = ms.parse().unwrap();
        if what == "tick" {
            return Step::Tick(ms);
        }
        let side = if what.ends_with('B') { Side::Buy } else { Side::Sell };
        let (price, volume) = what.trim_end_matches(['B', 'S']).split_once('x').unwrap();
        Step::Trade(trade(id as u64, market, ms, price, volume, side))
    };
    text.split_whitespace().enumerate().map(step).collect()
}

/// `0@30:99x1S#7`: with its sequential id; `*` if it is synthetic, `~` if it is late.
fn show(trade: &MadeTrade) -> String {
    let MadeTrade { market_id, traded_at_ms, price, volume, sequential_id, .. } = trade;
    let side = if trade.side == Side::Buy { 'B' } else { 'S' };
    let market = if *market_id == 0 { String::new() } else { format!("{market_id}@") };
    let mark = |flag, mark| if trade.flags.has(flag) { mark } else { "" };
    let marks = [mark(Flags::SYNTHETIC, "*"), mark(Flags::LATE, "~")].concat();
    format!("{market}{traded_at_ms}:{price}x{volume}{side}#{sequential_id}{marks}")
}

fn check(config: &str, text: &str, expect: &str) {
    let behind = tell(&mut plugin(config), &log(text), || false);
    let found: Vec<String> = behind.trades.iter().map(show).collect();
    assert_eq!(found.join(" "), expect, "{config} {text}");
}

/// Of each record of a topic the named fields.
fn records(config: &str, text: &str, topic: &str, names: &[&str]) -> Vec<String> {
    let shown = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Int(int) => int.to_string(),
        other => format!("{other:?}"),
    };
    let behind = tell(&mut plugin(config), &log(text), || false);
    let of = behind.records.iter().filter(|record| record.topic == topic);
    of.map(|record| names.iter().map(|name| shown(field(record, name))).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn trades_are_put_into_the_order_of_their_time() {
    let config = r#"{"reorder":"250ms","idle_lag":"0s"}"#;
    check(config, "100:1x1B 90:2x1B 340:3x1B", "90:2x1B#1");
    check(config, "100:1x1B 90:2x1B 350:3x1B", "90:2x1B#1 100:1x1B#0");
    check(config, "100:1x1B 90:2x1B 350:tick 600:tick", "90:2x1B#1 100:1x1B#0");
    // Within a millisecond by sequential id, and each market for itself.
    check(config, "100:1x1B 1@100:1x1B 100:3x1B 900:tick", "100:1x1B#0 100:3x1B#2 1@100:1x1B#1");
    // What comes after a later one has gone passes as it came.
    check(config, "100:1x1B 400:2x1B 90:3x1B 900:tick", "100:1x1B#0 90:3x1B#2~ 400:2x1B#1");
}

#[test]
fn what_was_late_on_the_tape_is_late_no_more() {
    let mut steps = log("100:1x1B 90:2x1B 900:tick");
    if let Step::Trade(trade) = &mut steps[1] {
        trade.flags = Flags(Flags::LATE.0 | Flags::REPLAY.0);
    }
    let behind = tell(&mut plugin(r#"{"reorder":"250ms","idle_lag":"0s"}"#), &steps, || false);
    assert_eq!(behind.trades[0].flags, Flags::REPLAY);
}

/// [bounded]
#[test]
fn no_more_is_held_than_the_limit() {
    let steps: Vec<Step> = (0..5000).map(|i| Step::Trade(trade(i, 0, 7, "1", "1", Side::Buy))).collect();
    let mut plugin = plugin(r#"{"reorder":"1m"}"#);
    let behind = tell(&mut plugin, &steps, || false);
    assert_eq!((behind.trades.len(), plugin.held()), (3000, 2000));
}

#[test]
fn the_last_of_a_stretch_goes_at_its_end() {
    let trailing = |count: u32| {
        format!(r#"{{"throttle":{{"count":{count},"per":"1s","mode":"trailing"}},"idle_lag":"0s"}}"#)
    };
    let text = "0:1x1B 300:2x1B 999:3x1B 1000:4x1B 2500:tick";
    check(&trailing(1), text, "999:3x1B#2 1000:4x1B#3");
    check(&trailing(2), text, "300:2x1B#1 999:3x1B#2 1000:4x1B#3");
    check(&trailing(1), "0:1x1B 999:tick", "");
    check(&trailing(1), "0:1x1B 1000:tick 1000:tick", "0:1x1B#0");
}

#[test]
fn the_first_and_the_last_of_a_stretch_go_where_both_are_wanted() {
    let config = r#"{"throttle":{"count":1,"per":"1s","mode":"both"},"idle_lag":"0s"}"#;
    check(config, "0:1x1B 300:2x1B 999:3x1B 1000:tick", "0:1x1B#0 999:3x1B#2");
    // The held one begins the next stretch, so there is never more than one.
    check(config, "0:1x1B 300:2x1B 1200:3x1B 1999:4x1B 2000:tick", "0:1x1B#0 300:2x1B#1 1999:4x1B#3");
    // One that is alone goes once, and the next stretch begins with the next trade.
    check(config, "0:1x1B 1500:2x1B 1600:tick 9000:tick", "0:1x1B#0 1500:2x1B#1");
}

#[test]
fn what_was_dropped_before_a_trade_is_told() {
    let names = ["sequential_id", "dropped"];
    let config = |mode: &str| {
        format!(r#"{{"throttle":{{"count":1,"per":"1s","mode":"{mode}","tell":true}},"idle_lag":"0s"}}"#)
    };
    let text = "0:1x1B 1:2x1B 2:3x1B 1000:4x1B 2000:5x1B 3001:tick";
    assert_eq!(records(&config("leading"), text, "throttled", &names), ["3 2"]);
    assert_eq!(records(&config("trailing"), text, "throttled", &names), ["2 2"]);
    assert_eq!(records(r#"{"throttle":{"count":1,"per":"1s"}}"#, text, "throttled", &names), [""; 0]);
}

#[test]
fn a_sweep_becomes_one_trade_at_its_average_price() {
    let config = r#"{"sweep":{},"idle_lag":"0s"}"#;
    check(config, "5:100x1B 5:101x3B 6:102x1B 9:tick", "5:100.75x4B#1* 6:102x1B#2");
    // The other side ends it, and so does time.
    check(config, "5:100x1B 5:100x1S 5:100x1S", "5:100x1B#0");
    check(config, "5:100x1B 5:102x1B 5:tick 6:tick", "5:101x2B#1*");
    let slow = r#"{"sweep":{"gap":"10ms"},"idle_lag":"0s"}"#;
    check(slow, "0:1x1B 10:2x1B 20:3x1B 31:4x1B 41:tick 42:tick", "20:2x3B#2* 31:4x1B#3");
    // Markets are swept each for itself.
    check(config, "5:1x1B 1@5:7x1B 5:2x1B 1@6:1x1B 6:1x1B", "1@5:7x1B#1 5:1.5x2B#2*");
    let names = ["side", "vwap", "volume", "notional", "fills", "first_sid", "last_sid", "min", "max"];
    assert_eq!(
        records(config, "5:100x1B 5:101x3B 6:102x1B 9:tick", "sweep", &names),
        ["buy 100.75 4 403 2 0 1 100 101"]
    );
}

#[test]
fn a_stretch_becomes_one_trade_at_its_last_price_with_all_its_volume() {
    let config = r#"{"conflate":{"every":"1s"},"idle_lag":"0s"}"#;
    check(config, "100:5x1B 300:9x2S 999:7x0.5B 1000:8x1B", "999:7x3.5B#2*");
    check(config, "100:5x1B 1000:tick 1200:5x1B 1300:tick 5000:tick", "100:5x1B#0 1200:5x1B#2");
    // A late one is not lost, and does not become the last.
    check(config, "1100:5x1B 900:9x2S 2000:tick", "1100:5x3B#0*");
    let names =
        ["price", "min", "max", "volume", "buy_volume", "notional", "fills", "first_ts", "last_ts", "end_ms"];
    assert_eq!(
        records(config, "100:5x1B 300:9x2S 999:7x0.5B 1000:tick", "conflate", &names),
        ["7 5 9 3.5 1.5 26.5 3 100 999 1000"]
    );
}

/// [numbers-survive]
#[test]
fn more_volume_than_a_trade_can_have_goes_in_parts() {
    let most = "9223372036854775807";
    let config = r#"{"conflate":{"every":"1s"},"sweep":{},"idle_lag":"0s"}"#;
    let text = format!("1:1x{most}B 1:1x{most}B 1:1x1B 5000:tick");
    let behind = tell(&mut plugin(config), &log(&text), || false);
    let volumes: Vec<String> = behind.trades.iter().map(|t| t.volume.to_string()).collect();
    assert_eq!(volumes, [most, most, "1"]);
}

#[test]
fn a_price_twice_in_a_row_passes_once() {
    let config = r#"{"distinct":true}"#;
    check(config, "0:5x1B 1:5.0x2S 2:6x1B 3:5x1B 1@4:5x1B", "0:5x1B#0 2:6x1B#2 3:5x1B#3 1@4:5x1B#4");
}

#[test]
fn an_outlier_is_dropped_or_tagged() {
    let text = "0:100x1B 1:101x1B 2:99x1B 3:200x1B 4:100x1B";
    let config = |action: &str| format!(r#"{{"outlier":{{"k":3,"n":3,"action":"{action}"}}}}"#);
    check(&config("drop"), text, "0:100x1B#0 1:101x1B#1 2:99x1B#2 4:100x1B#4");
    check(&config("tag"), text, "0:100x1B#0 1:101x1B#1 2:99x1B#2 3:200x1B#3 4:100x1B#4");
    let names = ["sequential_id", "price", "median", "median_distance"];
    assert_eq!(records(&config("tag"), text, "outlier", &names), ["3 200 100 1"]);
    assert_eq!(records(&config("drop"), text, "outlier", &names), [""; 0]);
}

#[test]
fn a_schedule_goes_by_the_trades_own_time() {
    let config = r#"{"schedule":{"from":"09:00","to":"10:00","tz":"Asia/Seoul"}}"#;
    check(
        config,
        "0:1x1B 3599999:2x1B 3600000:3x1B 86400000:4x1B",
        "0:1x1B#0 3599999:2x1B#1 86400000:4x1B#3",
    );
}

#[test]
fn stations_close_nothing_before_what_is_held_in_front_of_them() {
    // The trade of 990 is held for 250 ms, and the second it belongs to waits for it.
    let config = r#"{"reorder":"250ms","conflate":{"every":"1s"},"idle_lag":"0s"}"#;
    check(config, "500:1x1B 1100:2x1B 990:3x1B 1249:tick 1250:tick", "990:3x2B#2*");
    // A sweep that may go on holds up the second it began in.
    let config = r#"{"sweep":{"gap":"100ms"},"conflate":{"every":"1s"},"idle_lag":"0s"}"#;
    check(config, "950:1x1B 1000:2x1B 1050:3x1B 1051:9x1S 2500:tick", "1051:9x4S#3*");
    check(config, "950:1x1B 1000:tick 1050:3x1S 2500:tick", "950:1x1B#0 1050:3x1S#2");
}

#[test]
fn the_counts_are_told_and_add_up() {
    let config = r#"{"side":"buy","sweep":{},"report":"1s","idle_lag":"0s"}"#;
    let text = "0:tick 1:5x1B 1:5x1B 2:5x1S 3:5x1B 999:tick 1000:tick 1500:tick 2000:tick";
    let names = ["at_ms", "in", "out", "dropped_side", "merged_sweep", "held"];
    assert_eq!(records(config, text, "filter", &names), ["1000 4 2 1 1 0", "2000 4 2 1 1 0"]);
    let mut plugin = plugin(config);
    tell(&mut plugin, &log(text), || false);
    let told = plugin.inspect("").unwrap();
    assert!(told.contains(r#""in":4"#) && told.contains(r#""dropped_side":1"#), "{told}");
}

#[test]
fn a_changed_configuration_lets_go_what_it_no_longer_holds() {
    let check = |old: &str, new: &str, text: &str, then: &str, expect: &str| {
        let mut before = plugin(old);
        tell(&mut before, &log(text), || false);
        let mut after = plugin(new);
        after.restore(FilterPlugin::MANIFEST.state_version, &before.snapshot()).unwrap();
        assert_eq!(after.held(), before.held());
        let behind = tell(&mut after, &log(then), || false);
        let found: Vec<String> = behind.trades.iter().map(show).collect();
        assert_eq!(found.join(" "), expect, "{old} {new}");
        assert_eq!(after.held(), 0);
    };
    check(r#"{"reorder":"1s"}"#, "{}", "5:1x1B 3:2x1B", "9:3x1B", "3:2x1B#1 5:1x1B#0 9:3x1B#0");
    check(r#"{"sweep":{}}"#, r#"{"sweep":{"gap":"1s"}}"#, "5:1x1B 5:3x1B", "9999:tick", "5:2x2B#1*");
    check(r#"{"conflate":{"every":"1s"}}"#, "{}", "5:1x1B 6:3x1B", "10:tick", "6:3x2B#1*");
    let throttle = r#"{"throttle":{"count":1,"per":"1s","mode":"trailing"}}"#;
    check(throttle, r#"{"throttle":{"count":1,"per":"1s"}}"#, "5:1x1B", "10:tick", "5:1x1B#0");
    // And holds on to what means the same.
    check(throttle, throttle, "5:1x1B", "3006:tick", "5:1x1B#0");
}
