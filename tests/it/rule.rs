//! `tradehook rule`: rules tried on feeds that are written down and on recordings.

use std::fs;

use serde_json::Value;
use tradehook::venue::MAIN_MARKETS;

use super::{
    replay::recording,
    support::{Folder, RULES, StandIn, command, json, number, root, text},
};

const TESTS: &str = r#"rules = ["config.toml"]
start = 2026-11-22T00:00:00Z

[[test]]
name = "fires at the touch, once"
rule = "eok"
market = "KRW-BTC"
feed = """
0s    99_990_000   0.01  buy
1s   100_000_000   0.02  buy
2s    99_000_000   0.01  sell
"""
expect = [{ at = "1s", state = "event", value = "1억", notified = true }]

[[test]]
name = "is quiet below it"
rule = "eok"
market = "KRW-BTC"
feed = """
repeat 60 every 1s price 99_000_000+10_000 volume 0.1 buy
tick 5m
"""
expect = []
"#;
const ONE_RULE: &str = "[feed]\nmarkets = [\"KRW-BTC\", \"KRW-ETH\"]\n[[alert]]\nid = \"eok\"\nnotify = [\"hook\"]\nwhen = { kind = \"cross\", level = \"1억\", direction = \"up\" }\n[channels.hook]\nkind = \"webhook\"\nurl_env = \"TRADEHOOK_TEST_IS_NOT_SET\"\n";

fn folder(config: &str, tests: &str) -> Folder {
    let folder = Folder::new();
    folder.write("config.toml", config);
    folder.write("rules_test.toml", tests);
    folder
}

/// The secret of its channel is not set here, and need not be.
#[test]
fn a_feed_that_is_written_down_runs_through_the_real_rules() {
    let folder = folder(ONE_RULE, TESTS);
    let done = command(folder.path(), ["rule", "test", "rules_test.toml", "--junit", "out.xml"]).expect(0);
    assert_eq!(done.out, "ok    fires at the touch, once\nok    is quiet below it\n2 tests, all passed");
    let xml = folder.read("out.xml");
    assert!(xml.contains("<testsuites tests=\"2\" failures=\"0\">"), "{xml}");
    let done = command(folder.path(), ["rule", "test", "rules_test.toml", "--only", "quiet"]).expect(0);
    assert_eq!(done.out, "ok    is quiet below it\n1 test, all passed");
    command(folder.path(), ["rule", "test", "rules_test.toml", "--only", "nothing"]).expect(64);
}

#[test]
fn what_fires_and_was_not_expected_fails_like_what_does_not_fire() {
    let wrong = TESTS.replace("expect = []", "expect = [{ at = \"5m\", state = \"event\" }]");
    let wrong = wrong.replace("{ at = \"1s\", state = \"event\", value = \"1억\", notified = true }", "");
    let folder = folder(ONE_RULE, &wrong);
    let done = command(folder.path(), ["rule", "test", "rules_test.toml", "--junit", "out.xml"]).expect(1);
    let expected = "FAIL  fires at the touch, once (rules_test.toml:4)
     at  rule  about    state  severity  value
  +  1s  eok   KRW-BTC  event  info      100000000  was not expected
FAIL  is quiet below it (rules_test.toml:15)
     at  rule  about    state  severity  value
  -  5m  eok   KRW-BTC  event                   did not happen (line 23)
2 tests, 2 failed";
    assert_eq!(done.out, expected);
    assert!(folder.read("out.xml").contains("<testsuites tests=\"2\" failures=\"2\">"));
}

#[test]
fn a_mistake_in_a_file_of_tests_is_drawn_at_its_place() {
    let check = |from: &str, to: &str, place: &str, message: &str| {
        let folder = folder(ONE_RULE, &TESTS.replacen(from, to, 1));
        let done = command(folder.path(), ["rule", "test", "rules_test.toml"]).expect(78);
        assert!(done.log.contains(&format!("rules_test.toml:{place}\n")), "{}", done.log);
        assert!(done.log.contains(message), "{}", done.log);
        assert_eq!(done.out, "", "nothing ran");
    };
    check("0.02  buy", "0.02  bye", "10:26", "`bye` is no side");
    check("state = \"event\"", "state = \"evnt\"", "13:32", "unknown word \"evnt\"");
    check("rule = \"eok\"", "rule = \"eko\"", "6:8", "there is no rule `eko`; did you mean `eok`?");
    let folder = folder(&ONE_RULE.replace("cross", "corss"), TESTS);
    let done = command(folder.path(), ["rule", "test", "rules_test.toml"]).expect(78);
    assert!(done.log.contains("config.toml:6:"), "{}", done.log);
}

/// The cases that the meaning of rules is defined by, through the whole program.
#[test]
fn the_golden_cases_of_rules_hold_to_the_millisecond() {
    let done = command(&root(), ["rule", "test", "tests/rules/golden.toml"]).expect(0);
    assert!(done.out.ends_with(" tests, all passed"), "{}", done.out);
}

/// The same for what becomes of their alerts.
#[test]
fn what_is_told_of_alerts_holds_to_the_millisecond() {
    let done = command(&root(), ["rule", "test", "tests/rules/policy.toml"]).expect(0);
    assert!(done.out.ends_with(" tests, all passed"), "{}", done.out);
}

#[test]
fn every_example_rule_does_what_its_tests_say() {
    let folder = root().join("docs/examples/rules");
    let mut tests: Vec<String> = fs::read_dir(folder.join("tests"))
        .unwrap()
        .map(|entry| format!("tests/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    tests.sort();
    let arguments = ["rule".to_owned(), "test".to_owned()].into_iter().chain(tests.clone());
    command(&folder, arguments).expect(0);
    let checked = command(&folder, ["rule", "check", "--json"]).expect(0);
    let rules = json(&checked.out)["rules"].as_array().unwrap().clone();
    for rule in &rules {
        let file = format!("tests/{}.toml", text(rule, "id"));
        assert!(tests.contains(&file), "the rule has no {file}");
    }
}

/// The rule's line of a table.
fn row<'t>(table: &'t str, rule: &str) -> Vec<&'t str> {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(rule));
    line.unwrap_or_else(|| panic!("no {rule} in\n{table}")).split_whitespace().collect()
}

#[test]
fn a_backtest_says_what_a_replay_does() {
    let (folder, seed) = (Folder::new(), 23);
    folder.configure("ws://127.0.0.1:9/", RULES);
    folder.write("trades.jsonl", recording(seed).0);
    let replay =
        command(folder.path(), ["replay", "trades.jsonl", "--json", "--output", "out.jsonl"]).expect(0);
    let done = command(folder.path(), ["rule", "backtest", "--from", "trades.jsonl", "--json"]).expect(0);
    let told = json(&done.out);
    let sum = |pointer: &str| -> u64 {
        told["rules"].as_array().unwrap().iter().map(|rule| number(rule, pointer)).sum()
    };
    let transitions = sum("/fired") + sum("/tally/resolved") + sum("/tally/changes");
    assert_eq!(transitions, number(&json(&replay.log), "/alerts"), "seed {seed}");
    let lines = folder.lines("out.jsonl");
    assert_eq!(sum("/tally/notifications"), lines.len() as u64, "seed {seed}");
    for rule in told["rules"].as_array().unwrap() {
        let id = text(rule, "rule");
        let sent = lines.iter().filter(|line| line["rule"]["id"] == *id).count();
        assert_eq!(number(rule, "/tally/notifications"), sent as u64, "{id}, seed {seed}");
        // In a lively market nothing is quiet.
        let fires = number(rule, "/fired") > 0;
        assert_eq!(fires, id != "quiet", "{id} shows nothing, seed {seed}");
    }
    let table = command(folder.path(), ["rule", "backtest", "--from=trades.jsonl", "--rule=grid", "--list"])
        .expect(0);
    let grid = told["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "grid").unwrap();
    assert_eq!(row(&table.out, "grid")[1].replace(',', ""), number(grid, "/fired").to_string());
    assert_eq!(table.out.matches(" KST  KRW-BTC crossed ").count() as u64, number(grid, "/fired"));
    command(folder.path(), ["rule", "backtest", "--from=trades.jsonl", "--rule=grit"]).expect(64);
}

/// Of ten minutes, the last five: what came before still fills windows, and is not counted.
#[test]
fn a_part_of_a_recording_is_counted_and_the_rest_is_not() {
    let (folder, seed) = (Folder::new(), 23);
    folder.configure("ws://127.0.0.1:9/", RULES);
    folder.write("trades.jsonl", recording(seed).0);
    let fired = |more: &[&str]| -> u64 {
        let arguments =
            [&["rule", "backtest", "--from", "trades.jsonl", "--json", "--rule", "grid"], more].concat();
        number(&json(&command(folder.path(), arguments).expect(0).out)["rules"][0], "/fired")
    };
    let middle = "2026-11-22T12:05:00Z";
    let (all, before, after) = (fired(&[]), fired(&["--until", middle]), fired(&["--since", middle]));
    assert_eq!(all, before + after, "seed {seed}");
    assert!(before > 0 && after > 0, "{before} and {after}, seed {seed}");
}

#[test]
fn values_of_a_parameter_are_compared_in_one_pass() {
    let (folder, seed) = (Folder::new(), 29);
    folder.configure("ws://127.0.0.1:9/", RULES);
    folder.write("trades.jsonl", recording(seed).0);
    let tune = |rule: &str, param: &str, values: &str| -> Vec<u64> {
        let done = command(
            folder.path(),
            [
                "rule",
                "tune",
                "--rule",
                rule,
                "--param",
                param,
                "--values",
                values,
                "--from",
                "trades.jsonl",
                "--json",
            ],
        );
        let told = json(&done.expect(0).out);
        told["values"].as_array().unwrap().iter().map(|value| number(value, "/fired")).collect()
    };
    let backtest = |rule: &str| -> u64 {
        let done =
            command(folder.path(), ["rule", "backtest", "--rule", rule, "--from=trades.jsonl", "--json"]);
        number(&json(&done.expect(0).out)["rules"][0], "/fired")
    };
    let big = tune("big", "when.min_notional", "500만,1000만,1억");
    assert_eq!(big[1], backtest("big"), "the value of the file, seed {seed}");
    assert!(big[0] > big[1] && big[1] > big[2], "{big:?}, seed {seed}");
    let held = tune("move", "hold", "0s,1s,1m");
    assert_eq!(held[0], backtest("move"), "a key that is not in the file, seed {seed}");
    assert!(held[0] > held[2], "{held:?}, seed {seed}");
    let untouched = tune("grid", "cooldown", "0s,10m");
    assert_eq!(untouched[0], untouched[1], "a cooldown changes what is told and not what fires");

    let refuse = |param: &str, value: &str, code: i32, say: &str| {
        let arguments =
            ["rule", "tune", "--rule=big", "--param", param, "--values", value, "--from=trades.jsonl"];
        let done = command(folder.path(), arguments).expect(code);
        assert!(done.log.contains(say), "{}", done.log);
    };
    refuse("when.min_notional", "many", 78, "config.toml:");
    refuse("when.min_notionl", "1억", 78, "min_notional");
    refuse("when.of.pct", "1%", 64, "the rule has no place for when.of.pct");
}

#[test]
fn a_check_says_what_each_rule_costs_and_how_often_it_fired() {
    let (folder, seed) = (Folder::new(), 31);
    folder.configure("ws://127.0.0.1:9/", RULES);
    folder.write("trades.jsonl", recording(seed).0);
    let done = command(folder.path(), ["rule", "check"]).expect(0);
    assert!(done.out.starts_with("ok: 4 rules\n"), "{}", done.out);
    assert_eq!(row(&done.out, "grid")[1..3], ["cross", "1"], "{}", done.out);
    let done = command(folder.path(), ["rule", "check", "--from", "trades.jsonl", "--json"]).expect(0);
    let told = json(&done.out);
    let rule = |id: &str| -> Value {
        told["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == id).unwrap().clone()
    };
    let krw = MAIN_MARKETS.iter().filter(|market| market.starts_with("KRW-")).count();
    assert_eq!(number(&rule("move"), "/count"), krw as u64, "every market of the recording in won");
    assert_eq!(number(&rule("move"), "/window_ms"), 5000);
    let backtest =
        command(folder.path(), ["rule", "backtest", "--rule=grid", "--from=trades.jsonl", "--json"])
            .expect(0);
    let fired = number(&json(&backtest.out)["rules"][0], "/fired");
    assert_eq!(number(&rule("grid"), "/fired_in_last_day"), fired, "seed {seed}");

    let folder = Folder::new();
    folder.write("config.toml", ONE_RULE.replace("level", "levl"));
    let done = command(folder.path(), ["rule", "check"]).expect(78);
    assert!(done.log.contains("config.toml:6:"), "{}", done.log);
    let done = command(folder.path(), ["rule", "check", "--json"]).expect(78);
    assert_eq!(json(&done.out)["ok"], false);
}

#[test]
fn an_explanation_tells_the_last_words_of_a_rule_and_whether_it_fires() {
    let (folder, seed) = (Folder::new(), 37);
    folder.configure("ws://127.0.0.1:9/", RULES);
    folder.write("trades.jsonl", recording(seed).0);
    let explain = |rule: &str, market: &str| {
        command(
            folder.path(),
            ["rule", "explain", "--rule", rule, "--market", market, "--from", "trades.jsonl"],
        )
        .expect(0)
        .out
    };
    let said = explain("grid", "KRW-BTC");
    assert!(said.contains("KRW-BTC crossed "), "{said}\nseed {seed}");
    assert!(said.contains("an alert of this moment would"), "{said}\nseed {seed}");
    let said = explain("move", "KRW-BTC");
    assert!(said.contains("signals"), "the plugin tells its values: {said}\nseed {seed}");
    let said = explain("grid", "KRW-ETH");
    assert!(said.contains("it has said nothing"), "{said}\nseed {seed}");
    let said = explain("grid", "KRW-NONE");
    assert!(said.contains("the recording has no KRW-NONE"), "{said}\nseed {seed}");
}

#[test]
fn a_route_is_shown_with_the_words_of_its_message_and_nothing_is_sent() {
    let message = "id = \"eok\"\nmessage = \"{{ market }} at {{ price | krw }}, {{ rule.severity }}\"";
    let folder = folder(&ONE_RULE.replace("id = \"eok\"", message), TESTS);
    let route = |more: &[&str]| command(folder.path(), [&["route", "test", "--rule", "eok"], more].concat());
    let said = route(&["--severity", "critical", "--market", "KRW-ETH"]).expect(0).out;
    let words = "eok about KRW-ETH, event, critical: hook\n  KRW-ETH at 150,000,000, critical";
    assert_eq!(said, words);
    let said = json(&route(&["--json"]).expect(0).out);
    assert_eq!((text(&said[0], "channel"), text(&said[0], "severity")), ("hook", "info"));
    let said = route(&["--state", "resolved"]).expect(0).out;
    assert_eq!(said, "eok about KRW-BTC, resolved: nobody would be told", "its end is not told");
    route(&["--plugin", "mine"]).expect(64);
    command(folder.path(), ["route", "test", "--rule", "eko"]).expect(64);
}

/// The live job told what the backtest of its tape says that it would have told.
#[test]
fn a_backtest_of_the_tape_says_what_the_live_job_told() {
    let (folder, seed) = (Folder::new(), 41);
    let stand_in = StandIn::lively(seed);
    folder.configure(&stand_in.venue.ws_url(), RULES);
    let job = folder.run();
    job.port().has_trades(500);
    job.terminate().expect(0);
    let done = command(folder.path(), ["rule", "backtest", "--from", "tape", "--json"]).expect(0);
    let told = json(&done.out);
    let live = folder.lines("alerts.jsonl");
    assert!(!live.is_empty(), "nothing was told, seed {seed}");
    for rule in told["rules"].as_array().unwrap() {
        let id = text(rule, "rule");
        let sent = live.iter().filter(|line| line["rule"]["id"] == *id).count();
        assert_eq!(number(rule, "/tally/notifications"), sent as u64, "{id}, seed {seed}");
    }
}

#[test]
fn a_running_process_explains_a_rule_and_one_that_does_not_run_is_said_to() {
    let (folder, stand_in) = (Folder::new(), StandIn::lively(43));
    folder.configure(&stand_in.venue.ws_url(), RULES);
    let job = folder.run();
    job.port().has_trades(100);
    let explain =
        |rule: &str| command(folder.path(), ["rule", "explain", "--rule", rule, "--market", "KRW-BTC"]);
    let said = explain("grid").expect(0).out;
    assert!(
        said.starts_with("grid in KRW-BTC at ") && said.contains("an alert of this moment would"),
        "{said}"
    );
    explain("gird").expect(64);
    job.terminate().expect(0);
    let refused = explain("grid").expect(69);
    assert!(refused.log.contains("nothing listens"), "{}", refused.log);
}
