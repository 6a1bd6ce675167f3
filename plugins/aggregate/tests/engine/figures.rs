//! Figures: sums since a beginning, averages over time, statistics of a window.

use super::*;

/// Of each record the named fields.
fn check(config: &str, text: &str, names: &[&str], expect: &[&str]) {
    let line = |record: &Record| {
        let shown: Vec<String> = names.iter().map(|name| show(field(record, name))).collect();
        shown.join(" ")
    };
    let found: Vec<String> = run(config, &log(text)).iter().map(line).collect();
    assert_eq!(found, expect, "{config} {text}");
}

#[test]
fn each_record_carries_every_field_in_its_order() {
    let check = |config: &str, expect: &str| {
        let config = format!(r#"{{{config},"idle_lag":"0s"}}"#);
        let found = run(&config, &log("1:100x3B 1.5:101x4S 3:tick"));
        let fields: Vec<String> = found[0].fields.iter().map(|(n, v)| format!("{n}={}", show(v))).collect();
        assert_eq!(format!("{} {}", found[0].topic, fields.join(" ")), expect, "{config}");
    };
    check(
        r#""vwap":[{"window":"2s","every":"2s","id":"x"}]"#,
        "vwap market=KRW-BTC at_ms=2000 window_ms=2000 vwap=100.57142857 volume=7 notional=704 count=2 \
         incomplete=false id=x",
    );
    check(
        r#""cvd":[{"every":"2s"}]"#,
        "cvd market=KRW-BTC at_ms=2000 window_ms=2000 cvd=-1 buy_volume=3 sell_volume=4 count=2 since_ms=0 \
         incomplete=false",
    );
    check(
        r#""trade_strength":[{"window":"4s","every":"2s"}]"#,
        "trade_strength market=KRW-BTC at_ms=2000 window_ms=4000 strength=75 buy_volume=3 sell_volume=4 count=2 \
         incomplete=false",
    );
    check(
        r#""twap":[{"window":"2s","every":"2s"}]"#,
        "twap market=KRW-BTC at_ms=2000 window_ms=2000 twap=100.5 coverage=0.5 last=101 incomplete=false",
    );
    check(
        r#""rolling":[{"window":"2s","every":"2s"}]"#,
        "rolling market=KRW-BTC at_ms=2000 window_ms=2000 of=price count=2 mean=100.5 variance=0.25 sd=0.5 \
         min=100 max=101 incomplete=false",
    );
    check(
        r#""ewma":[{"half_life":"1m","every":"2s"}]"#,
        "ewma market=KRW-BTC at_ms=2000 window_ms=60000 ewma=100.0114859796471 panes=2 incomplete=false",
    );
    check(
        r#""quantiles":[{"window":"2s","every":"2s","q":["50%",1]}]"#,
        "quantiles market=KRW-BTC at_ms=2000 window_ms=2000 of=notional count=2 exact=true q50=300 q100=404 \
         incomplete=false",
    );
}

#[test]
fn a_sum_begins_anew_with_its_span_and_has_a_last_word() {
    let names = ["at_ms", "cvd", "since_ms"];
    let hourly = r#"{"cvd":[{"since":"hour","every":"30m"}],"idle_lag":"0s"}"#;
    check(
        hourly,
        "10:5x3B 1900:5x1S 3600:5x7S 5401:tick",
        &names,
        &["1800000 3 0", "3600000 2 0", "5400000 -7 3600000"],
    );
    // By the clock alone, and once.
    check(hourly, "10:5x3B 7300:tick 9000:tick", &names, &["3600000 3 0"]);
    // A late trade of a span that is over is left out.
    check(hourly, "10:5x3B 3601:5x1B 3599:5x9B 5401:tick", &names, &["3600000 3 0", "5400000 1 3600000"]);
    let korean = r#"{"cvd":[{"since":"day","zone":"Asia/Seoul","every":"1d"}],"idle_lag":"0s"}"#;
    check(
        korean,
        "53999:5x3B 54000:5x1S 140400:5x1S",
        &names,
        &["54000000 3 -32400000", "86400000 -1 54000000"],
    );
    let forever = r#"{"cvd":[{"since":"start","every":"1d"}],"idle_lag":"0s"}"#;
    check(forever, "7:5x3B 86401:5x1S 172801:tick", &names, &["86400000 3 7000", "172800000 2 7000"]);
}

#[test]
fn strength_is_unknown_until_something_was_sold() {
    let config = r#"{"trade_strength":[{"every":"1s"}],"idle_lag":"0s"}"#;
    check(config, "1:5x3B 2:5x2S 3.5:tick", &["strength"], &["-", "150"]);
}

#[test]
fn a_price_weighs_as_long_as_it_stood() {
    let names = ["at_ms", "twap", "coverage"];
    let config = r#"{"twap":[{"window":"4s","every":"2s"}],"idle_lag":"0s"}"#;
    check(
        config,
        "1:100x1B 3:200x9S 4.5:tick 7:tick 9:tick 11:tick",
        &names,
        // 1 s of 100 of 2; 2 s of 100 and 1 s of 200 of 4; 1 s of 100 and 3 s of 200; then it stands.
        &["2000 100 0.25", "4000 133.33333333 0.75", "6000 175 1", "8000 200 1"],
    );
    // Of one millisecond the last price stands; a late one never stood.
    check(config, "0:1x1B 1:100x1B 1:7x1B 0.5:9000x1B 4.001:tick", &names, &["4000 5.5 1"]);
}

#[test]
fn a_window_of_statistics_is_exact_at_its_edges() {
    let names = ["at_ms", "count", "mean", "variance", "min", "max"];
    let config = r#"{"rolling":[{"window":"3s"}],"idle_lag":"0s"}"#;
    check(
        config,
        "1:10x1B 1:20x1B 1.001:tick 4:30x1B 4.001:tick 7.001:tick 8:tick",
        &names,
        &["1000 2 15 25 10 20", "4000 1 30 0 30 30"],
    );
    let volumes = r#"{"rolling":[{"window":"3s","of":"volume"}],"idle_lag":"0s"}"#;
    check(volumes, "1:10x1B 1:20x2B 1.001:tick", &names, &["1000 2 1.5 0.25 1 2"]);
    // A late trade counts while its step is in the window.
    check(
        config,
        "5:10x1B 6.5:tick 4.5:40x1B 4:1x1B 7.5:tick 2:1x1B",
        &names,
        &["6000 1 10 0 10 10", "7000 2 25 225 10 40"],
    );
}

#[test]
fn half_of_an_average_is_as_old_as_its_half_life() {
    let config = r#"{"ewma":[{"half_life":"2s"}],"idle_lag":"0s"}"#;
    // Two trades of a second are one price by their volumes; two seconds later half is left.
    check(config, "0.5:100x1B 0.5:400x2B 2.9:100x1B 3.5:tick", &["at_ms", "ewma"], &["2000 300", "3000 200"]);
    // What comes after its second is left out.
    check(
        config,
        "0.5:100x1B 1.2:200x1B 0.9:5x1B 2.5:tick",
        &["ewma", "panes"],
        &["100 1", "129.28932188134524 2"],
    );
}

#[test]
fn quantiles_go_by_nearest_rank() {
    let config = r#"{"quantiles":[{"window":"1m","every":"10s","of":"price","q":[0.5,"75%",0.751,1]}],"idle_lag":"0s"}"#;
    check(
        config,
        "1:40x1B 2:10x1B 3:30x1B 4:20x1B 11:tick 63:tick 71:tick",
        &["q50", "q75", "q75_1", "q100", "count"],
        &["20 30 40 40 4"],
    );
}

#[test]
fn a_figure_over_a_gap_says_so() {
    let config = r#"{"rolling":[{"window":"2s"}],"cvd":[{"every":"2s"}],"idle_lag":"0s"}"#;
    check(
        config,
        "1:5x1B gap:1.5-2 2:6x1B 2.5:tick 4.5:tick",
        &["at_ms", "incomplete"],
        &["1000 false", "2000 true", "2000 true"],
    );
}

#[test]
fn figures_and_bars_stand_side_by_side() {
    let config = r#"{"bars":[{"size":"10s"},{"kind":"tick","size":2}],"vwap":[{"window":"5s"}],"twap":[{"window":"5s"}],"idle_lag":"0s"}"#;
    let found = run(config, &log("0:5x1B 1:6x1B 13:tick"));
    let topics: Vec<&str> = found.iter().map(|record| record.topic.as_str()).collect();
    assert_eq!(topics.iter().filter(|t| **t == "bar").count(), 2, "{topics:?}");
    assert!(topics.contains(&"vwap") && topics.contains(&"twap"), "{topics:?}");
}
