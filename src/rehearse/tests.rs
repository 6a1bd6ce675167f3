//! What the rehearsal reads, compares and counts; the plugins themselves are tried in tests/it/rule.rs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{
    amount::wide,
    compare::{Happened, Row},
    *,
};
use crate::{
    alert::{FieldValue, Severity},
    entry::Entry,
    market::MarketId,
    trade::{Flags, Side},
};

const START_MS: i64 = 1_767_225_600_000;

fn file(feed: &str, expect: &str) -> String {
    format!(
        "rules = [\"config.toml\"]\n[[test]]\nrule = \"r\"\nmarket = \"KRW-BTC\"\nfeed = \"\"\"\n{feed}\n\"\"\"\nexpect = [{expect}]\n"
    )
}

/// Market, offset, price, volume and side of every trade; `tick` and `gap` with their times.
fn fed(feed: &str) -> Vec<String> {
    let parsed = parse(&file(feed, "")).unwrap();
    let script = &parsed.tests.first().unwrap().script;
    let line = |entry: &Entry| match entry {
        Entry::Trade(t) => format!(
            "{} {} {} {} {}{}",
            show_ms(t.traded_at_ms - START_MS),
            script.markets.code(t.market).unwrap(),
            t.price,
            t.volume,
            if t.side == Side::Buy { "buy" } else { "sell" },
            if t.flags.has(Flags::LATE) { " late" } else { "" },
        ),
        Entry::Tick(tick) => format!("tick {}", show_ms(tick.at_ms - START_MS)),
        Entry::Gap(gap) => {
            let about = gap.markets.iter().map(|m| format!(" {}", script.markets.code(*m).unwrap()));
            let about: String = about.collect();
            format!("gap {} {}{about}", show_ms(gap.from_ms - START_MS), show_ms(gap.to_ms - START_MS))
        }
        Entry::Fact(fact) => {
            format!(
                "fact {} {} {:?} {:?}",
                show_ms(fact.at_ms - START_MS),
                fact.name,
                fact.subject,
                fact.value
            )
        }
        Entry::Control(control) => {
            let at_ms = control.at_ms().unwrap_or_default();
            let mut json = serde_json::to_value(control).unwrap();
            json.as_object_mut().unwrap().values_mut().for_each(|it| {
                it.as_object_mut().unwrap().remove("at_ms");
            });
            format!("{} {json}", show_ms(at_ms - START_MS))
        }
        Entry::Quote(_) => panic!("no feed has quotes"),
    };
    script.entries.iter().map(line).collect()
}

#[test]
fn a_feed_is_read_line_by_line_into_entries_of_the_tape() {
    let check = |feed: &str, expect: &[&str]| assert_eq!(fed(feed), expect, "{feed}");
    check(
        "# a comment\n0s   99_990_000  0.01  buy\n\n1m30s 1.5억 2 sell # the whale\n",
        &["0s KRW-BTC 99990000 0.01 buy", "1m30s KRW-BTC 150000000 2 sell"],
    );
    check(
        "0s KRW-ETH 6_000_000 1 buy\n250ms 1 1 sell",
        &["0s KRW-ETH 6000000 1 buy", "250ms KRW-BTC 1 1 sell"],
    );
    check(
        "0s 100 3 BID\n60s 102 1 ASK\n30s 99 1 buy",
        &["0s KRW-BTC 100 3 buy", "1m KRW-BTC 102 1 sell", "30s KRW-BTC 99 1 buy late"],
    );
    check("60s 1 1 buy\n30s KRW-XRP 1 1 buy", &["1m KRW-BTC 1 1 buy", "30s KRW-XRP 1 1 buy"]);
    check(
        "tick 2m\ngap 2m10s 10m\ngap 11m 12m KRW-ETH",
        &["tick 2m", "gap 2m10s 10m", "gap 11m 12m KRW-ETH"],
    );
    check(
        "repeat 3 every 1s price 100+1 volume 0.1 buy\nrepeat 2 every 500ms price 103-0.5 volume 1 alternate",
        &[
            "0s KRW-BTC 100 0.1 buy",
            "1s KRW-BTC 101 0.1 buy",
            "2s KRW-BTC 102 0.1 buy",
            "2s500ms KRW-BTC 103 1 buy",
            "3s KRW-BTC 102.5 1 sell",
        ],
    );
    check(
        "repeat 2 every 1m from 5m tick\nrepeat 1 every 1s KRW-ETH price 5 volume 1 sell",
        &["tick 5m", "tick 6m", "6m1s KRW-ETH 5 1 sell"],
    );
}

#[test]
fn a_feed_has_lines_for_what_the_host_knows_and_the_operator_does() {
    let check = |feed: &str, expect: &str| assert_eq!(fed(feed), [expect], "{feed}");
    check("fact 3m health.connection_down true", "fact 3m health.connection_down \"\" Bool(true)");
    check("fact 3m market.warning KRW-BTC false", "fact 3m market.warning \"KRW-BTC\" Bool(false)");
    check("fact 3m health.outbox_depth 1_000", "fact 3m health.outbox_depth \"\" Int(1000)");
    check("fact 3m fx.USDKRW unknown", "fact 3m fx.USDKRW \"\" Unknown");
    check("fact 3m fx.note word", "fact 3m fx.note \"\" Text(\"word\")");
    check(
        "silence 4m for 1h rule=pump market=KRW-*",
        &format!(
            "4m {{\"silence\":{{\"alerts\":{{\"market\":\"KRW-*\",\"rule\":\"pump\"}},\"id\":\"line-0\",\"until_ms\":{}}}}}",
            START_MS + 64 * 60_000
        ),
    );
    check("ack 5m", "5m {\"ack\":{\"alerts\":{}}}");
    check("reset 6m rule=once", "6m {\"reset\":{\"alerts\":{\"rule\":\"once\"}}}");
}

#[test]
fn a_trade_of_a_feed_has_what_its_line_says_and_an_id_of_its_own() {
    let parsed = parse(&file("0s 100 1 buy bid=99 ask=101 prev=90\n0s 100 1 buy", "")).unwrap();
    let entries = &parsed.tests.first().unwrap().script.entries;
    let [Entry::Trade(first), Entry::Trade(second)] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(first.best_bid, Some("99".parse().unwrap()));
    assert_eq!(first.best_ask, Some("101".parse().unwrap()));
    assert_eq!(first.prev_close, Some("90".parse().unwrap()));
    assert_eq!((second.best_bid, second.prev_close), (None, None));
    assert_eq!(first.market, MarketId(0));
    assert_ne!(first.sequential_id, second.sequential_id);
}

#[test]
fn every_mistake_of_a_file_is_told_at_its_place() {
    // The text at the place of each fault, and what is said of it.
    let check = |text: &str, expect: &[(&str, &str)]| {
        let faults = parse(text).unwrap_err();
        let found: Vec<(&str, &str)> =
            faults.iter().map(|f| (text.get(f.span.clone()).unwrap(), f.message.as_str())).collect();
        assert_eq!(found, expect, "{text}");
    };
    check(&file("0s 100 1 up", ""), &[("up", "`up` is no side: `buy` or `sell`, the taker's")]);
    check(
        &file("0 100 1 buy\n1s x 1 buy\n2s 100 0 buy\n3s 100 1 buy more\nflat 3s\n5s 100", ""),
        &[
            ("0", "`0` is no offset"),
            ("x", "the price `x` is no amount"),
            ("0", "the volume `0` is no amount"),
            ("more", "`more` stands behind the end"),
            ("flat", "`flat` begins no line of a feed"),
            ("5s 100", "the volume is missing"),
        ],
    );
    check(&file("gap 10s 10s", ""), &[("gap 10s 10s", "the gap ends before it begins")]);
    check(&file("fact 3m x", ""), &[("fact 3m x", "the value is missing")]);
    check(&file("silence 3m 1h", ""), &[("1h", "expected `for`, found `1h`")]);
    check(&file("ack 3m pump", ""), &[("pump", "`pump` says nothing about alerts")]);
    check(&file("repeat many every 1s tick", ""), &[("many", "`many` is no number of times")]);
    check(
        &file("repeat 3 every 1s price 2-1 volume 1 buy", ""),
        &[(
            "repeat 3 every 1s price 2-1 volume 1 buy",
            "the price or the volume is 0 or less at repetition 3",
        )],
    );
    check(
        &file("repeat 1000001 every 1s tick", ""),
        &[("repeat 1000001 every 1s tick", "the feed has more than 1000000 entries")],
    );
    check(
        &file("0s 1 1 buy", "{ at = \"1\", state = \"fire\", sate = 1 }"),
        &[
            ("\"1\"", "\"1\" is not a duration"),
            ("\"fire\"", "unknown word \"fire\""),
            ("sate", "unknown key `sate`"),
        ],
    );
    check(
        "rules = [\"c\"]\nstart = \"noon\"\n[[test]]\nname = \"n\"\nmarket = \"btc\"\nfeed = '0s 1 1 buy'\nexpect = []\n",
        &[
            ("\"noon\"", "this is not an instant"),
            ("\"btc\"", "\"btc\" is not a market"),
            ("0s 1 1 buy", "nothing says which market this is about"),
        ],
    );
    let faults = parse("[[test]]\n").unwrap_err();
    let said: Vec<_> = faults.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(said, ["`rules` is missing", "`feed` is missing", "`expect` is missing"]);
    assert!(parse("rules = [").unwrap_err().first().unwrap().message.starts_with("not TOML"));
}

#[test]
fn a_feed_with_escapes_is_faulted_as_a_whole() {
    let text = "rules = []\n[[test]]\nmarket = \"KRW-BTC\"\nfeed = \"0s 1 1 buy\\n1s 2 2 up\"\nexpect = []\n";
    let faults = parse(text).unwrap_err();
    let fault = faults.first().unwrap();
    assert_eq!(text.get(fault.span.clone()).unwrap(), "\"0s 1 1 buy\\n1s 2 2 up\"");
}

fn happened(at_ms: i64, state: State, value: &str) -> Happened {
    Happened {
        at_ms,
        plugin: String::new(),
        rule: "r".to_owned(),
        key: "KRW-BTC".to_owned(),
        state,
        severity: Severity::Info,
        fields: vec![("value".to_owned(), FieldValue::Number(wide(value).unwrap()))],
        title: "KRW-BTC did".to_owned(),
        channels: vec!["stdout".to_owned()],
        text: Some("told".to_owned()),
    }
}

fn compared(expect: &str, happened: Vec<Happened>) -> (Test, Comparison) {
    let test = parse(&file("0s 1 1 buy", expect)).unwrap().tests.remove(0);
    let comparison = compare(&test, happened);
    (test, comparison)
}

#[test]
fn a_test_passes_only_when_both_lists_are_equal() {
    let one = || vec![happened(1000, State::Event, "100000000")];
    let check = |expect: &str, happened: Vec<Happened>, passes: bool| {
        let (test, comparison) = compared(expect, happened);
        assert_eq!(comparison.passes(), passes, "{expect}\n{}", show(&test, &comparison));
    };
    check("", vec![], true);
    check("", one(), false);
    check("{ at = \"1s\", state = \"event\" }", one(), true);
    check("{ at = \"1s\", state = \"event\" }", vec![], false);
    check("{ at = \"1s\", state = \"event\" }", [one(), one()].concat(), false);
    check("{ at = \"2s\", state = \"event\" }", one(), false);
    check("{ at = \"1s\", state = \"firing\" }", one(), false);
    for value in ["\"100000000\"", "100_000_000", "\"1억\"", "\"100000000.0\"", "\"100_000_000\""] {
        check(&format!("{{ at = \"1s\", state = \"event\", value = {value} }}"), one(), true);
    }
    check("{ at = \"1s\", state = \"event\", value = \"100000000.1\" }", one(), false);
    check(
        "{ at = \"1s\", state = \"event\", severity = \"info\", notified = true, channels = [\"stdout\"], text = \"told\" }",
        one(),
        true,
    );
    check("{ at = \"1s\", state = \"event\", severity = \"critical\" }", one(), false);
    check("{ at = \"1s\", state = \"event\", notified = false }", one(), false);
    check("{ at = \"1s\", state = \"event\", channels = [] }", one(), false);
    check("{ at = \"1s\", state = \"event\", fields = { value = 100000000 } }", one(), true);
    check("{ at = \"1s\", state = \"event\", fields = { tier = \"whale\" } }", one(), false);
    check("{ at = \"1s\", state = \"event\", rule = \"other\" }", one(), false);
    check("{ at = \"1s\", state = \"event\", market = \"KRW-ETH\" }", one(), false);
}

/// Lines of a grid that are passed by one trade come at one instant.
#[test]
fn of_several_at_one_instant_each_is_taken_once_and_the_nearest_first() {
    let both = vec![happened(1000, State::Event, "2"), happened(1000, State::Event, "1")];
    let expect =
        "{ at = \"1s\", state = \"event\", value = 1 }, { at = \"1s\", state = \"event\", value = 2 }";
    let (_, comparison) = compared(expect, both.clone());
    assert!(comparison.passes());
    let expect =
        "{ at = \"1s\", state = \"event\", value = 1 }, { at = \"1s\", state = \"event\", value = 3 }";
    let (_, comparison) = compared(expect, both);
    let differing = |row: &&Row| matches!(row, Row::Differs(..));
    assert_eq!(comparison.rows.iter().filter(differing).count(), 1);
}

#[test]
fn approximations_are_compared_closely_and_not_by_their_digits() {
    let float = |value: f64| {
        let mut h = happened(1000, State::Event, "0");
        h.fields = vec![("value".to_owned(), FieldValue::Float(value))];
        vec![h]
    };
    let check = |value: f64, passes: bool| {
        let (_, comparison) = compared("{ at = \"1s\", state = \"event\", value = 0.3 }", float(value));
        assert_eq!(comparison.passes(), passes, "{value}");
    };
    check(0.1 + 0.2, true);
    check(0.300_001, false);
}

/// Proves [guest-text-is-data].
#[test]
fn a_difference_is_drawn_as_a_table_that_no_plugin_can_write_into() {
    let mut extra = happened(61_000, State::Event, "5");
    extra.rule = "r".to_owned();
    extra.key = "KRW\u{1b}[31m-BTC".to_owned();
    let happened = vec![happened(1000, State::Event, "100"), extra];
    let expect = "{ at = \"1s\", state = \"event\", value = 101, market = \"KRW-BTC\" },\n  { at = \"2m\", state = \"firing\", severity = \"warning\" }";
    let (test, comparison) = compared(expect, happened);
    let expected = "     at    rule  about         state   severity  value
  !  1s    r     KRW-BTC       event   info      100    value: expected 101, got 100 (line 8)
  +  1m1s  r     KRW [31m-BTC  event   info      5      was not expected
  -  2m    r     KRW-BTC       firing  warning          did not happen (line 9)
";
    assert_eq!(show(&test, &comparison), expected);
}

#[test]
fn results_are_written_as_build_servers_read_them() {
    let case = |name: &str, failure: Option<&str>| Case {
        file: "a.toml".to_owned(),
        name: name.to_owned(),
        line: 3,
        seconds: 0.25,
        failure: failure.map(str::to_owned),
    };
    let xml = junit(&[case("one", None), case("two < \"3\" & \u{1b}", Some("first\n+ second"))]);
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1">
  <testsuite name="a.toml" tests="2" failures="1">
    <testcase name="one" classname="a.toml" file="a.toml" line="3" time="0.250"/>
    <testcase name="two &lt; &quot;3&quot; &amp;  " classname="a.toml" file="a.toml" line="3" time="0.250">
      <failure message="first">first
+ second</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
    assert_eq!(xml, expected);
}

#[test]
fn a_reckoning_counts_firings_their_lengths_and_what_flaps() {
    let mut reckoning = Reckoning::default();
    let mut take = |at_ms: i64, state: State, told: bool| {
        let mut h = happened(at_ms, state, "1");
        if !told {
            h.channels.clear();
        }
        reckoning.take(&h);
    };
    take(0, State::Firing, true);
    take(5000, State::Firing, true); // rises
    take(10_000, State::Resolved, true);
    take(30_000, State::Firing, false); // within a minute of the end
    take(130_000, State::Resolved, false);
    take(200_000, State::Firing, true);
    take(90_000_000, State::Event, true);
    reckoning.finish();
    let tally = reckoning.rules.values().next().unwrap();
    assert_eq!((tally.firings, tally.changes, tally.resolved, tally.events), (3, 1, 2, 1));
    assert_eq!((tally.flaps, tally.untold, tally.notifications, tally.still_firing), (1, 1, 5, 1));
    assert_eq!((tally.median_ms(), tally.longest_ms()), (Some(10_000), Some(100_000)));
    assert_eq!(tally.fired(), 4);
    assert_eq!(tally.fired_in_last_day(90_000_000), 1);
    assert_eq!(tally.episodes.len(), 4);
}

#[test]
fn durations_are_read_as_they_are_shown() {
    let check = |text: &str, ms: Option<i64>| {
        assert_eq!(duration_ms(text), ms, "{text}");
        if let Some(ms) = ms {
            assert_eq!(show_ms(ms), text);
        }
    };
    check("0s", Some(0));
    check("1h30m", Some(5_400_000));
    check("2s500ms", Some(2500));
    for nonsense in ["", "5", "s", "1m1h", "-1s", "1.5s", "99999999999999999d"] {
        check(nonsense, None);
    }
}

#[test]
fn a_rule_costs_its_longest_windows_and_not_the_sum_of_them() {
    let check = |when: &str, raw: &str, panes: &str, bytes: u64| {
        let cost = Cost::of(&format!("{{\"markets\":[\"KRW-*\"],\"when\":{when}}}"));
        assert_eq!((show_ms(cost.raw_ms).as_str(), show_ms(cost.panes_ms).as_str()), (raw, panes), "{when}");
        assert_eq!(cost.bytes(), bytes, "{when}");
    };
    check(r#"{"kind":"cross","level":"100"}"#, "0s", "0s", 512);
    check(r#"{"kind":"change","window":"1m","pct":"3%"}"#, "1m", "0s", 512 + 60 * 10 * 48);
    check(r#"{"kind":"change","window":"10m","pct":"3%"}"#, "10m", "0s", 512 + 600 * 10 * 48);
    check(r#"{"kind":"change","window":"24h","pct":"3%"}"#, "0s", "1d", 512 + 86_400 * 200);
    check(r#"{"kind":"breakout","window":"24h","side":"high","basis":"bars:1m"}"#, "0s", "0s", 512);
    check(
        r#"{"kind":"all","of":[{"kind":"imbalance","window":"1m"},{"kind":"not","of":{"kind":"volume","window":"5m"}}]}"#,
        "5m",
        "0s",
        4 * 512 + 300 * 10 * 48,
    );
}
