//! Every kind of mistake as a fixture with its drawn faults, and the shipped file itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

mod alerts;

use super::{Bundled, Code, Config, Input, MAX_FILE_BYTES, Outside, Refused, load, parse, text};

/// A machine of the tests' own: a few variables and files.
pub(super) struct Machine;

impl Outside for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "HOOK_URL" => Some("https://example.org/T0KEN".into()),
            "BAD_URL" => Some("https://10.0.0.1/T0KEN".into()),
            "HOOK_SECRET" => Some("whsec_T0KEN".into()),
            "SLACK_URL" | "DISCORD_URL" => Some("https://example.org/T0KEN".into()),
            "TELEGRAM_TOKEN" | "NTFY_TOPIC" | "NTFY_TOKEN" | "SMTP_PASSWORD" | "PAGERDUTY_KEY"
            | "NOTIFY_TOKEN" => Some("T0KEN".into()),
            "HOME" => Some("/home/operator".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/1000".into()),
            _ => None,
        }
    }

    fn plugin_file(&self, path: &Path) -> Result<(), String> {
        if path.ends_with("missing.wasm") { Err("no such file".into()) } else { Ok(()) }
    }

    /// 2026-11-22T00:00:00Z
    fn now_ms(&self) -> i64 {
        1_795_305_600_000
    }

    fn secret_file(&self, path: &Path) -> Result<(String, bool), String> {
        if path.ends_with("missing.key") {
            return Err("no such file".into());
        }
        let text = if path.ends_with("url.key") { "https://example.org/T0KEN" } else { "whsec_T0KEN\n" };
        Ok((text.into(), path.ends_with("open.key")))
    }
}

fn read(text: &str) -> Result<Config, Refused> {
    parse(text, "config.toml", Path::new("base"), &Machine)
}

fn accepted(text: &str) -> Config {
    match read(text) {
        Ok(config) => config,
        Err(refused) => panic!("{refused}\n--- in\n{text}"),
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> String {
    std::fs::read_to_string(root().join("config.toml")).unwrap()
}

/// One fixture for each kind of mistake. `TRADEHOOK_UPDATE_GOLDEN=1` rewrites what is expected.
#[test]
fn every_kind_of_mistake_is_told_with_its_place_and_its_remedy() {
    let folder = root().join("tests/fixtures/config");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        count += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let read = text::decode(&name, bytes).and_then(|t| parse(&t, &name, Path::new("base"), &Machine));
        assert_eq!(read.is_ok(), name.starts_with("ok-"), "{name}: whether it is accepted");
        let found = match read {
            Ok(config) => format!("accepted\n{}", config.render_warnings(false)),
            Err(refused) => refused.render(false) + "\n",
        };
        assert!(!found.contains("T0KEN"), "{name} shows a secret:\n{found}");
        let expected = path.with_extension("expect");
        if std::env::var_os("TRADEHOOK_UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected, &found).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("--- {name}\n{found}"));
        }
    }
    assert!(count >= 40, "only {count} fixtures in {}", folder.display());
    assert!(
        wrong.is_empty(),
        "these differ from their .expect files (read the difference, then set TRADEHOOK_UPDATE_GOLDEN=1):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, expect: &str| {
        let refused = load(path).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(expect) && text.contains("nothing was started"), "{text}");
        assert!(text.contains(&path.display().to_string()), "{text}");
    };
    check(&folder.path().join("absent.toml"), "no such file");
    check(folder.path(), "it is a directory");
    let huge = folder.path().join("huge.toml");
    std::fs::File::create(&huge).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    check(&huge, "it is larger than");
    check(Path::new("/dev/null"), "not a regular file");
}

#[test]
fn paths_are_relative_to_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "[tape]\ndir = \"tape\"\n[state]\ndir = \"/var/lib/x\"\n").unwrap();
    let config = load(&path).unwrap();
    assert_eq!(config.tape.dir, Some(folder.path().join("tape")));
    assert_eq!(config.state.dir, Some(PathBuf::from("/var/lib/x")));
}

#[test]
fn the_shipped_file_is_the_live_job() {
    let config = accepted(&shipped());
    assert_eq!(config.feed, super::Feed::default());
    assert_eq!(config.plugins.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["bars", "alert"]);
    assert!(config.warnings.is_empty());
}

/// What says which job is run, and so has no default.
const NOT_DEFAULTS: [&str; 3] = ["bundled = \"aggregate\"", "markets = [\"KRW-*\"]", "to = [\"stdout\"]"];

#[test]
fn every_key_of_the_shipped_file_stands_at_its_default() {
    let text = shipped();
    let whole = accepted(&text);
    let mut section = "";
    let mut checked = 0;
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let is_key = line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ");
        if !is_key || section == "[[alert]]" || section.ends_with(".config]") || NOT_DEFAULTS.contains(&line)
        {
            continue;
        }
        let without = text.replacen(&format!("{line}\n"), "", 1);
        assert!(accepted(&without).same_job(&whole), "the shipped file is not at the default: {line}");
        checked += 1;
    }
    assert!(checked >= 30, "only {checked} keys were checked");
}

#[test]
fn every_option_that_is_off_in_the_shipped_file_can_be_switched_on() {
    let is_option = |rest: &str| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase());
    let uncomment = |line: &str| match line.strip_prefix('#') {
        // It stands in the file or in a variable, never in both.
        Some(rest) if is_option(rest) && !rest.starts_with("heartbeat_url_env") => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = shipped().lines().map(uncomment).collect();
    let config = accepted(&text.join("\n"));
    assert_eq!(config.tape.dir, Some(PathBuf::from("base/state/tape")));
    assert_eq!(config.channels.len(), 11);
    assert_eq!(config.runtime.compile_cache, None);
    assert_eq!(config.plugin("mine").unwrap().input, Input::Plugin("bars".into()));
}

/// What the page of channels shows is read, and each default it names is the one there is.
#[test]
fn the_channels_of_the_documents_are_accepted() {
    let page = std::fs::read_to_string(root().join("docs/channels.md")).unwrap();
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    let config = accepted(&blocks.join("\n"));
    assert_eq!(config.channels.len(), 13);
    assert!(config.warnings.is_empty());
    let switched_on = blocks.join("\n").replace("\n#", "\n");
    accepted(&switched_on);
    let terms = |name: &str| &config.channel(name).unwrap().terms;
    assert_eq!(terms("phone").rates, terms("duty").rates, "the rates shown are the defaults of a group");
    assert_eq!(terms("phone").ttl, terms("duty").ttl);
    for (name, count, per) in [("team", 1, 1), ("push", 60, 300), ("pager", 120, 60)] {
        assert_eq!(terms(name).rates, [(count, Duration::from_secs(per))], "{name}");
        assert_eq!(terms(name).ttl, Some(Duration::from_secs(3600)), "{name}");
    }
    for name in ["hook", "manager", "mail", "program", "stdout", "log"] {
        assert_eq!((&terms(name).rates, terms(name).ttl), (&Vec::new(), None), "{name}");
    }
}

#[test]
fn a_chat_is_named_by_a_number_in_either_spelling_or_by_its_name() {
    let check = |written: &str, chat: &str, rates: usize| {
        let text = format!(
            "[channels.a]\nkind = \"telegram\"\ntoken_env = \"TELEGRAM_TOKEN\"\nchat_id = {written}\n"
        );
        let config = accepted(&text);
        let channel = config.channel("a").unwrap();
        let super::ChannelKind::Telegram(telegram) = &channel.kind else { panic!("{channel:?}") };
        assert_eq!((telegram.chat_id.as_str(), channel.terms.rates.len()), (chat, rates), "{written}");
    };
    check("1234", "1234", 1);
    check("\"1234\"", "1234", 1);
    check("-1001234567890", "-1001234567890", 2);
    check("\"@desk_alerts\"", "@desk_alerts", 2);
}

/// The keys that a section accepts are exactly those that the shipped file shows.
#[test]
fn the_shipped_file_shows_every_key() {
    let text = shipped().replace("\n#", "\n");
    let shown: BTreeSet<&str> =
        text.lines().filter_map(|l| l.split_once(" = ")).map(|(key, _)| key.trim()).collect();
    for section in [
        "feed",
        "feed.backfill",
        "tape",
        "state",
        "status",
        "log",
        "runtime",
        "plugins.filter.limits",
        "alerts",
        "alerts.defaults",
    ] {
        let refused = read(&format!("[{section}]\nzzzzzzzzzzzzzzz = 1\n")).unwrap_err();
        let help = refused.faults.first().unwrap().help.clone().unwrap();
        for key in help.split('`').skip(1).step_by(2) {
            assert!(
                shown.contains(key) || text.contains(&format!(".{key}]")),
                "config.toml does not show {key} of [{section}]"
            );
        }
    }
}

#[test]
fn plugins_stand_after_what_they_read_from() {
    let config = accepted(
        "[plugins.bars]\nbundled = \"aggregate\"\ninput = \"filter\"\n[plugins.last]\npath = \"x.wasm\"\ninput = \"bars\"\n[plugins.filter]\n",
    );
    let names: Vec<_> = config.plugins.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["filter", "bars", "last"]);
    assert_eq!(config.plugin("filter").unwrap().code, Code::Bundled(Bundled::Filter));
    assert_eq!(config.plugin("last").unwrap().code, Code::File("base/x.wasm".into()));
    assert_eq!(config.plugin("bars").unwrap().config, "{}");
}

#[test]
fn rules_imply_the_alert_plugin_unless_it_is_written_or_switched_off() {
    let rule = "[[alert]]\nid = \"a\"\nwhen = { kind = \"price\", above = 1 }\n";
    let handed =
        r#"{"lateness":"2s","rules":[{"id":"a","markets":["*"],"when":{"above":"1","kind":"price"}}]}"#;
    let check = |text: String, expect: Option<&str>| {
        let config = accepted(&text);
        assert_eq!(config.plugin("alert").map(|p| p.config.as_str()), expect, "{text}");
    };
    check(rule.into(), Some(handed));
    check(format!("[alerts]\nenabled = false\n{rule}"), None);
    check("[alerts]\nenabled = true\n".into(), None);
    let idle = r#"{"idle_lag":"3s","lateness":"2s","rules":[]}"#;
    check(
        format!("[alerts]\nenabled = false\n[plugins.alert.config]\nidle_lag = \"3s\"\n{rule}"),
        Some(idle),
    );
    let late = r#"{"idle_lag":"5s","lateness":"5s","rules":[]}"#;
    check("[alerts]\nlateness = \"5s\"\n[plugins.alert]\n".into(), Some(late));
    let apart = r#"{"idle_lag":"9s","lateness":"5s","rules":[]}"#;
    check("[alerts]\nlateness = \"5s\"\n[plugins.alert.config]\nidle_lag = \"9s\"\n".into(), Some(apart));
    let written = accepted(&format!("[plugins.alert.limits]\ndeadline = \"20ms\"\n{rule}"));
    let plugin = written.plugin("alert").unwrap();
    assert_eq!((plugin.config.as_str(), plugin.limits.deadline), (handed, Duration::from_millis(20)));
    assert_eq!(written.plugins.len(), 1);
}

/// `[numbers-survive]`
#[test]
fn numbers_reach_a_plugin_with_the_digits_of_the_file() {
    let check = |toml: &str, natural: &str, text: &str| {
        let config = accepted(&format!(
            "[plugins.filter.config]\nn = {toml}\n[[alert]]\nid = \"a\"\nwhen = {{ n = {toml} }}\n"
        ));
        assert_eq!(config.plugin("filter").unwrap().config, format!("{{\"n\":{natural}}}"), "{toml}");
        let rule = config.alerts.rules.first().unwrap();
        assert_eq!(rule.semantic, format!("{{\"markets\":[\"*\"],\"when\":{{\"n\":{text}}}}}"), "{toml}");
        serde_json::from_str::<serde_json::Value>(&config.plugin("alert").unwrap().config).unwrap();
    };
    check("100_000_000", "100000000", "\"100000000\"");
    check("0.1", "0.1", "\"0.1\"");
    check("1.50", "1.50", "\"1.50\"");
    check("+1.5", "1.5", "\"1.5\"");
    check("-0.00000001", "-0.00000001", "\"-0.00000001\"");
    check("1_000.5", "1000.5", "\"1000.5\"");
    check("6e-8", "6e-8", "\"6e-8\"");
    check("0.1234567890123456789", "\"0.1234567890123456789\"", "\"0.1234567890123456789\"");
    check("123456789012345.6", "\"123456789012345.6\"", "\"123456789012345.6\"");
    check("1e400", "\"1e400\"", "\"1e400\"");
    check("9223372036854775807", "9223372036854775807", "\"9223372036854775807\"");
    check("0xff", "255", "\"255\"");
    check("true", "true", "true");
    check("\"1.5억\"", "\"1.5억\"", "\"1.5억\"");
    check("\"\\u001b\\\"\"", "\"\\u001b\\\"\"", "\"\\u001b\\\"\"");
    check("2026-12-31T00:00:00+09:00", "\"2026-12-31T00:00:00+09:00\"", "\"2026-12-31T00:00:00+09:00\"");
    check("[1, { b = 2, a = [] }]", "[1,{\"a\":[],\"b\":2}]", "[\"1\",{\"a\":[],\"b\":\"2\"}]");
}

#[test]
fn what_a_rule_means_does_not_depend_on_whom_it_tells() {
    let semantic = |rule: &str| {
        let config = accepted(&format!("[channels.b]\nkind = \"stdout\"\n[[alert]]\n{rule}"));
        config.alerts.rules.first().unwrap().semantic.clone()
    };
    let first = semantic("id = \"a\"\nwhen = { kind = \"price\", above = 1_000 }\nhold = \"2m\"\n");
    let same = semantic(
        "hold = \"2m\"\nid = \"b\"\nname = \"n\"\nseverity = \"critical\"\ncooldown = \"0s\"\nnotify = [\"b\"]\nmessage = \"m\"\nresolved = true\nwhen.above = 1000\nwhen.kind = \"price\"\n",
    );
    assert_eq!(first, same);
    assert_ne!(first, semantic("id = \"a\"\nwhen = { kind = \"price\", above = 1_000 }\nhold = \"3m\"\n"));
    assert_eq!(first, r#"{"hold":"2m","markets":["*"],"when":{"above":"1000","kind":"price"}}"#);
}

#[test]
fn a_plugins_complaint_comes_back_to_its_place() {
    let text = r#"[alerts]
lateness = "3s"

[[alert]]
id = "first"
when = { kind = "price", above = 1 }

[[alert]]
id = "second"
markets = ["KRW-BTC", "KRW-ETH"]
[alert.when]
kind = "large_trade"
tiers = { whale = "3억", "a/b~c" = 5 }

[plugins.bars]
bundled = "aggregate"
[plugins.bars.config]
bars = [
    { size = "1m" },
    { size = "7x" },
]
"#;
    let config = accepted(text);
    let check = |plugin: &str, pointer: &str, expect: &str, path: &str| {
        let place = config.locate(plugin, pointer).unwrap();
        let found = text.get(place.span.clone()).unwrap();
        assert_eq!(found, expect, "{plugin} {pointer}");
        let before = text.get(..place.span.start).unwrap();
        assert_eq!(place.line, before.matches('\n').count() + 1, "{plugin} {pointer}");
        assert_eq!(config.fault_of(plugin, pointer, String::new(), None).path, path);
    };
    check("alert", "/rules/0/when/above", "above = 1", "alert[0].when.above");
    check("alert", "/rules/0/when/clear", "when = { kind = \"price\", above = 1 }", "alert[0].when");
    check("alert", "/rules/0/hold", "[[alert]]", "alert[0]");
    check("alert", "/rules/1/when/kind", "kind = \"large_trade\"", "alert[1].when.kind");
    check("alert", "/rules/1/when/level", "[alert.when]", "alert[1].when");
    check("alert", "/rules/1/when/tiers/whale", "whale = \"3억\"", "alert[1].when.tiers.whale");
    check("alert", "/rules/1/when/tiers/a~1b~0c", "\"a/b~c\" = 5", "alert[1].when.tiers.\"a/b~c\"");
    check("alert", "/rules/1/markets/1", "\"KRW-ETH\"", "alert[1].markets[1]");
    check("alert", "/rules/9", "[[alert]]", "alert");
    check("alert", "/lateness", "lateness = \"3s\"", "alerts.lateness");
    check("bars", "/bars/1/size", "size = \"7x\"", "plugins.bars.config.bars[1].size");
    check("bars", "/bars/1/nothing/further", "{ size = \"7x\" }", "plugins.bars.config.bars[1]");
    check("bars", "/bars", "bars", "plugins.bars.config.bars");
    check("bars", "", "[plugins.bars.config]", "plugins.bars.config");
    check("alert", "/idle_lag", "[alerts]", "alerts");
    assert_eq!(config.locate("none", "/x"), None);

    let fault = config.fault_of("bars", "/bars/1/size", "\"7x\" is not a size of a bar".into(), None);
    let drawn = config.refuse(vec![fault]).render(false);
    assert!(drawn.contains("config.toml:20:7") && drawn.contains("1 fault in config.toml"), "{drawn}");
}

#[test]
fn a_template_can_be_complained_about_at_its_place() {
    let text = "[[alert]]\nid = \"a\"\nmessage = \"{{ x \"\nwhen = {}\n";
    let config = accepted(text);
    let fault = config.fault_at(&["alert", "0", "message"], "unclosed".into(), None);
    assert_eq!((fault.path.as_str(), fault.place.unwrap().line), ("alert[0].message", 3));
}

#[test]
fn secrets_are_shown_by_nothing() {
    let config = accepted(
        "[channels.a]\nkind = \"webhook\"\nurl = \"https://example.org/T0KEN\"\nsecret_env = \"HOOK_SECRET\"\n",
    );
    assert!(!format!("{config:?}").contains("T0KEN"));
    let super::ChannelKind::Webhook(hook) = &config.channel("a").unwrap().kind else { panic!("{config:?}") };
    assert_eq!(hook.http.url.reveal(), "https://example.org/T0KEN");
    assert_eq!(hook.secret.as_ref().unwrap().reveal(), "whsec_T0KEN");
}

/// `[guest-text-is-data]`
#[test]
fn neither_the_file_nor_a_plugin_can_speak_to_the_terminal() {
    let text = "[plugins.filter.config]\nx = \"a\u{202e}b\u{85}\"\n";
    let config = accepted(text);
    let hostile = "\nerror: \u{1b}[31m\u{7}\u{9b}2J\u{202e}\r".to_owned();
    let fault = config.fault_of("filter", "/x", hostile.clone(), Some(hostile));
    for color in [false, true] {
        let drawn = config.refuse(vec![fault.clone()]).render(color);
        let own_colours_removed = if color { drawn.replace("\u{1b}[", "") } else { drawn.clone() };
        let obeyed = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!own_colours_removed.contains(obeyed), "{drawn:?}");
        assert!(!drawn.contains("\u{1b}[31m\u{7}") && !drawn.contains("\nerror: ␛"), "{drawn:?}");
    }
}

#[test]
fn a_fault_is_data_too() {
    let refused = read("[feed]\nping_interval = 20\n").unwrap_err();
    let json = serde_json::to_value(&refused.faults).unwrap();
    let expect = serde_json::json!([{
        "place": { "span": { "start": 23, "end": 25 }, "line": 2, "column": 17 },
        "path": "feed.ping_interval",
        "message": "expected a duration with its unit, found the integer 20",
        "help": "write \"20s\"",
    }]);
    assert_eq!(json, expect);
}

/// `[bounded]`
#[test]
fn a_file_of_nothing_but_faults_is_told_within_bounds() {
    let text: String = (0..100_000).map(|n| format!("k{n} = 1\n")).collect();
    let refused = read(&text).unwrap_err();
    assert_eq!(refused.faults.len(), 1000);
    assert!(
        refused
            .render(false)
            .ends_with("the first 1000 are shown; 100000 faults in config.toml; nothing was started")
    );
}

/// `[bounded]`: the stack, whatever nests, and the number of rules.
#[test]
fn a_file_of_a_megabyte_of_anything_is_answered() {
    let most = usize::try_from(MAX_FILE_BYTES).unwrap();
    for piece in ["[", "[[a", "a.", "a={", "\"", "x", "[a.b]\n", "[[alert]]\n"] {
        let text = piece.repeat(most / 10 / piece.len());
        let refused = read(&text).unwrap_err();
        assert!(refused.render(false).contains("nothing was started"), "{piece}");
    }
    let rules = |count: u32| -> String {
        let rule = |n| format!("[[alert]]\nid = \"r{n}\"\nwhen = {{ kind = \"price\", above = {n} }}\n");
        (0..count).map(rule).collect()
    };
    assert_eq!(accepted(&rules(10_000)).alerts.rules.len(), 10_000);
    let refused = read(&rules(100_001)).unwrap_err();
    assert!(refused.to_string().contains("at most 100000 are accepted"), "{refused}");
}

#[test]
fn any_mutation_of_a_valid_file_loads_or_has_a_fault_with_a_place() {
    let valid = shipped();
    let pieces: Vec<&str> = valid.split_inclusive(['\n', ' ', '"', '.']).collect();
    for seed in 0..3000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let text = mutate(&mut rng, &valid, &pieces);
        let outcome = std::panic::catch_unwind(|| match read(&text) {
            Ok(config) => {
                let _ = config.locate("alert", "/rules/2/when/min_notional");
                let _ = config.locate("bars", "/bars/0/size");
                true
            }
            Err(refused) => {
                let drawn = refused.render(seed % 2 == 0);
                !refused.faults.is_empty()
                    && drawn.contains("config.toml")
                    && refused
                        .faults
                        .iter()
                        .all(|f| f.place.as_ref().is_some_and(|p| text.get(p.span.clone()).is_some()))
            }
        });
        assert!(matches!(outcome, Ok(true)), "seed {seed}:\n{text}");
    }
}

/// One to four cuts, swaps, repetitions or strange characters.
fn mutate(rng: &mut fastrand::Rng, valid: &str, pieces: &[&str]) -> String {
    let strange = [
        "\u{0}",
        "\u{1b}[31m",
        "\u{202e}",
        "💥",
        "\"\"\"",
        "[",
        "]]",
        "{",
        "=",
        "99999999999999999999999999999999999999999999",
        "\r",
        "\u{feff}",
        "-",
        "inf",
        "'",
    ];
    let mut text = valid.to_owned();
    for _ in 0..rng.usize(1..5) {
        let mut at = rng.usize(0..=text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        match rng.u8(0..4) {
            0 => text.insert_str(at, strange[rng.usize(0..strange.len())]),
            1 => text.insert_str(at, pieces[rng.usize(0..pieces.len())]),
            2 => text.truncate(at),
            _ => {
                let mut end = (at + rng.usize(0..20)).min(text.len());
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                text.replace_range(at..end, "");
            }
        }
    }
    text
}
