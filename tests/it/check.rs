//! `tradehook check`, and what `run` refuses in the same words.

use std::fs;

use serde_json::Value;

use super::support::{Folder, StandIn, built, command, json, number, text, tradehook};

/// A file with five mistakes of five kinds: two of them only plugins and templates know of.
const FIVE: &str = r#"[feed]
markets = ["KRW-BTC", "krw-eth"]
ping_intervall = "20s"

[plugins.mine]
path = "missing.wasm"

[[alert]]
id = "above"
markets = ["KRW-BTC"]
when = { kind = "price", above = 100, clear = 200 }

[[alert]]
id = "said"
message = "{{ price"
when = { kind = "cross", step = 1_000_000 }
"#;
/// Line, column and key of each.
const PLACES: [(u64, u64, &str); 5] = [
    (2, 23, "feed.markets[1]"),
    (3, 1, "feed.ping_intervall"),
    (6, 8, "plugins.mine.path"),
    (11, 39, "alert[0].when.clear"),
    (15, 15, "alert[1].message"),
];

fn places(faults: &Value) -> Vec<(u64, u64, &str)> {
    let place = |f| (number(f, "/place/line"), number(f, "/place/column"), text(f, "path"));
    faults.as_array().unwrap().iter().map(place).collect()
}

#[test]
fn five_mistakes_of_five_kinds_are_told_at_once_each_at_its_place() {
    let folder = Folder::new();
    folder.write("config.toml", FIVE);
    let said = command(folder.path(), ["check", "--json"]).expect(78);
    let faults = json(&said.out);
    assert_eq!(faults["ok"], false);
    assert_eq!(places(&faults["faults"]), PLACES, "{faults:#}");

    let told = command(folder.path(), ["check"]).expect(78);
    for (line, column, path) in PLACES {
        assert!(told.log.contains(&format!("config.toml:{line}:{column}\n")), "{path}:\n{}", told.log);
    }
    assert!(told.log.contains("did you mean `ping_interval`?"), "{}", told.log);
    assert!(told.log.contains("5 faults in config.toml; nothing was started"), "{}", told.log);
    assert_eq!(told.out, "", "a refusal is no result");
    for (arguments, what) in [(&["run"][..], "run"), (&["replay", "config.toml"], "replay")] {
        let refused = command(folder.path(), arguments).expect(78);
        assert_eq!(refused.log, told.log, "{what} refuses in the same words");
    }
}

#[test]
fn a_good_file_is_said_to_be_good_and_what_it_runs() {
    let folder = Folder::new();
    let shipped = fs::read_to_string(super::support::root().join("config.toml")).unwrap();
    folder.write("config.toml", shipped);
    let good = command(folder.path(), ["check"]).expect(0);
    assert!(good.out.starts_with("ok: 5 markets, 2 plugins, 4 alert rules, 1 channel\n"), "{}", good.out);
    let good = command(folder.path(), ["check", "--json"]).expect(0);
    assert_eq!(json(&good.out)["ok"], true, "{}", good.out);
}

/// The venue is asked; where it is out of reach, that is said, and is no mistake of the file.
#[test]
fn a_market_that_the_venue_does_not_list_is_told_at_its_place() {
    let (venue, folder) = (StandIn::lively(13), Folder::new());
    let with = |url: &str| {
        let streams = "[feed.streams]\norderbook = [\"KRW-ETH.5\", \"KRW-ETX.5\"]\n";
        folder.write(
            "config.toml",
            format!("[feed]\nurl = {url:?}\nmarkets = [\"KRW-BTC\", \"KRW-*\", \"KRW-BTX\"]\n{streams}"),
        );
    };
    with(&venue.venue.ws_url());
    for line in ["check", "rule check"] {
        let told = command(folder.path(), line.split(' ')).expect(78);
        assert!(told.log.contains("the venue has no market KRW-BTX"), "{}", told.log);
        assert!(
            told.log.contains("config.toml:3:32\n") && told.log.contains("did you mean `KRW-BTC`?"),
            "{}",
            told.log
        );
        assert!(told.log.contains("the venue has no market KRW-ETX"), "{}", told.log);
        let faults = json(&command(folder.path(), format!("{line} --json").split(' ')).expect(78).out);
        assert_eq!(
            places(&faults["faults"]),
            [(3, 32, "feed.markets[2]"), (5, 27, "feed.streams.orderbook[1]")]
        );
        command(folder.path(), format!("{line} --offline").split(' ')).expect(0);
    }
    with("ws://127.0.0.1:9/");
    for line in ["check", "rule check"] {
        let unasked = command(folder.path(), line.split(' ')).expect(0);
        assert!(unasked.log.contains("warning: the venue was not reached"), "{}", unasked.log);
        assert!(
            !command(folder.path(), format!("{line} --offline").split(' ')).expect(0).log.contains("reached")
        );
    }
    assert_eq!(json(&command(folder.path(), ["check", "--json"]).expect(0).out)["asked_the_venue"], false);
    let unasked = command(folder.path(), ["rule", "check", "--json"]).expect(0);
    assert!(
        unasked.log.contains("the venue was not reached") && json(&unasked.out)["ok"] == true,
        "{}",
        unasked.out
    );
}

#[test]
fn a_file_that_is_not_there_is_no_crash() {
    let folder = Folder::new();
    for arguments in [["check", "--json"], ["run", "--config=config.toml"], ["check", "-cx.toml"]] {
        let refused = command(folder.path(), arguments).expect(78);
        assert!(refused.log.contains("tradehook demo"), "{}", refused.log);
    }
}

/// A component that exports an instance of this name, with nothing in it.
fn exporting(name: &str) -> Vec<u8> {
    wat::parse_str(format!("(component (instance $i) (export \"{name}\" (instance $i)))")).unwrap()
}

/// A component that asks for this function of an interface.
fn importing(name: &str, function: &str) -> Vec<u8> {
    let wat = format!("(component (import \"{name}\" (instance (export \"{function}\" (func)))))");
    wat::parse_str(wat).unwrap()
}

/// Proves [named-means-required].
#[test]
fn what_is_no_plugin_is_refused_by_name_before_anything_starts() {
    let mut truncated = fs::read(built("example")).unwrap();
    truncated.truncate(truncated.len() / 2);
    let check = |file: Vec<u8>, expect: &[&str]| {
        let folder = Folder::new();
        folder.write("plugin.wasm", file);
        folder.configure("ws://127.0.0.1:9/", "[plugins.mine]\npath = \"plugin.wasm\"\n");
        let mut told = Vec::new();
        for arguments in [["check"], ["run"]] {
            let refused = command(folder.path(), arguments).expect(78);
            for part in ["plugin `mine` does not load", "config.toml:"].iter().chain(expect) {
                assert!(refused.log.contains(part), "no {part:?} in\n{}", refused.log);
            }
            told.push(refused.log);
        }
        assert_eq!(told[0], told[1], "run refuses in the same words");
        assert!(!folder.join("tape").exists(), "nothing was started");
        let alone = command(folder.path(), ["plugin", "check", "plugin.wasm"]).expect(78);
        assert!(expect.iter().all(|part| alone.log.contains(part)), "{}", alone.log);
    };
    check(b"<html>".to_vec(), &["\\0asm"]);
    check(truncated, &[]);
    check(wat::parse_str("(module)").unwrap(), &[]);
    check(wat::parse_str("(component)").unwrap(), &["exports nothing"]);
    check(exporting("tradehook:plugin/lifecycle@0.1.0"), &["0.1.0", "0.3.0"]);
    check(exporting("other:thing/api@0.1.0"), &["tradehook:plugin/lifecycle@0.3.0"]);
    check(
        importing("wasi:filesystem/preopens@0.2.0", "get-directories"),
        &["wasi:filesystem/preopens@0.2.0"],
    );
    check(importing("tradehook:plugin/log@0.2.0", "log"), &["0.2.0", "0.3.0"]);
}

/// `tradehook check | head -0`: that nobody listens is no bug, neither ours nor the reader's.
#[test]
fn a_reader_who_has_gone_changes_no_exit_code() {
    let folder = Folder::new();
    folder.write("good.toml", "[plugins.filter]\n");
    folder.write("bad.toml", FIVE);
    folder.write("trades.jsonl", "not a trade\n");
    let example = built("example");
    let example = example.to_str().unwrap();
    let check = |arguments: &[&str], code| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = tradehook(folder.path());
        command.args(arguments).stdout(writer.try_clone().unwrap()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments:?}");
    };
    check(&["--help"], 0);
    check(&["chek"], 64);
    check(&["check", "-cgood.toml"], 0);
    check(&["check", "-cgood.toml", "--json"], 0);
    check(&["check", "-cbad.toml"], 78);
    check(&["run", "-cbad.toml"], 78);
    check(&["replay", "-cgood.toml", "trades.jsonl"], 0);
    check(&["plugin", "new", "mine"], 0);
    check(&["plugin", "check", example, "--config", r#"{"min_notional": 1}"#], 0);
    check(&["plugin", "check", example], 78);
    check(&["demo", "--show-config"], 0);
    check(&["demo", "--plain"], 0);
}

#[test]
fn wrong_usage_is_told_from_wrong_configuration() {
    let folder = Folder::new();
    for arguments in [&["chek"][..], &["run", "--confg", "x"], &["replay"], &["demo", "--for", "soon"]] {
        let refused = command(folder.path(), arguments).expect(64);
        assert!(refused.log.starts_with("error: "), "{arguments:?}: {}", refused.log);
    }
    let help = command(folder.path(), ["--help"]).expect(0);
    assert!(help.out.contains("tradehook demo") && help.log.is_empty(), "{}", help.out);
    let version = command(folder.path(), ["--version"]).expect(0);
    assert_eq!(version.out, format!("tradehook {}", env!("CARGO_PKG_VERSION")));
}
