//! Every mistake in a configuration is found, placed and answered with what would be accepted.

use tradehook_alert::AlertPlugin;
use tradehook_sdk::{ConfigFault, Plugin, Setup};

fn faults(config: &str) -> Vec<ConfigFault> {
    AlertPlugin::new(&Setup { name: "alert".into(), config: config.into() }).err().unwrap_or_default()
}

/// One fault, at this path, whose message and help hold these words.
fn check(config: &str, path: &str, message: &str, help: &str) {
    let found = faults(config);
    assert_eq!(found.len(), 1, "{config}: {found:#?}");
    for fault in found {
        assert_eq!(fault.path, path, "{config}: {fault:?}");
        assert!(fault.message.contains(message), "{config}: {fault:?}");
        assert!(fault.help.as_deref().unwrap_or_default().contains(help), "{config}: {fault:?}");
    }
}

/// The same for a rule with this condition.
fn when(condition: &str, path: &str, message: &str, help: &str) {
    rule(
        &format!(r#""markets": ["KRW-*"], "when": {{{condition}}}"#),
        &format!("/when{path}"),
        message,
        help,
    );
}

/// The same for a rule with these keys.
fn rule(keys: &str, path: &str, message: &str, help: &str) {
    check(&format!(r#"{{"rules": [{{"id": "r", {keys}}}]}}"#), &format!("/rules/0{path}"), message, help);
}

#[test]
fn the_whole_must_be_a_table_of_known_keys() {
    check("{", "", "not JSON", "rules");
    check("[]", "", "a list, where a table", "a table");
    check(r#"{"rulse": []}"#, "/rulse", "unknown key `rulse`", "did you mean `rules`?");
    check(r#"{"rules": 3}"#, "/rules", "a number, where a list", "a list");
    check(r#"{"rules": [3]}"#, "/rules/0", "a number, where a table", "a table");
    check(r#"{"lateness": 2}"#, "/lateness", "a number, where a duration", "90s");
    check(r#"{"lateness": "5s"}"#, "/idle_lag", "shorter than `lateness`", "at least");
    assert!(faults(r#"{"rules": [], "lateness": "1s", "idle_lag": "1s"}"#).is_empty());
    assert!(faults("{}").is_empty());
}

#[test]
fn a_rule_needs_its_keys_and_no_others() {
    const WHEN: &str = r#""when": {"kind": "price", "above": 1}"#;
    let with = |keys: &str| format!(r#""markets": ["KRW-*"], {WHEN}, {keys}"#);
    rule(WHEN, "", "`markets` is missing", "KRW-*");
    rule(r#""markets": ["KRW-*"]"#, "", "`when` is missing", "price, cross");
    check(
        &format!(r#"{{"rules": [{{"markets": ["*"], {WHEN}}}]}}"#),
        "/rules/0",
        "`id` is missing",
        "a text",
    );
    check(
        &format!(r#"{{"rules": [{{"id": "", "markets": ["*"], {WHEN}}}]}}"#),
        "/rules/0/id",
        "empty",
        "1 to 200",
    );
    rule(&format!(r#""markets": [], {WHEN}"#), "/markets", "an empty list", "KRW-*");
    rule(&format!(r#""markets": ["krw-btc"], {WHEN}"#), "/markets/0", "no market code", "KRW-BTC");
    rule(&with(r#""exclude": "KRW-BTC""#), "/exclude", "a text, where a list", "a list");
    rule(&with(r#""hodl": "2m""#), "/hodl", "unknown key `hodl`", "did you mean `hold`?");
    rule(&with(r#""colour": 1"#), "/colour", "unknown key", "one of id, markets");
    rule(&with(r#""hold": "2 minutes""#), "/hold", "not a duration", "1h30m");
    rule(&with(r#""hold_trades": 0"#), "/hold_trades", "not a count", "at least 1");
    rule(&with(r#""hold": "1s", "hold_trades": 2"#), "/hold_trades", "together", "one of them");
    rule(&with(r#""initial": "fier""#), "/initial", "not known", "did you mean \"fire\"?");
    rule(&with(r#""on_unknown": true"#), "/on_unknown", "not known", "hold, clear, fire");
    rule(&with(r#""source": "ask""#), "/source", "not known", "best_ask");
    rule(&with(r#""resolved": "yes""#), "/resolved", "true or false", "true or false");
    let two = format!(
        r#"{{"rules": [{{"id": "a", "markets": ["*"], {WHEN}}}, {{"id": "a", "markets": ["*"], {WHEN}}}]}}"#
    );
    check(&two, "/rules/1/id", "a second rule with the id `a`", "an id of its own");
}

#[test]
fn a_condition_names_a_kind_that_there_is() {
    rule(r#""markets": ["*"], "when": 5"#, "/when", "must be a table", "price");
    when(r#""above": 1"#, "", "`kind` is missing", "price, cross");
    when(r#""kind": 1"#, "/kind", "no kind", "price, cross");
    when(r#""kind": "prise""#, "/kind", "there is no kind `prise`", "did you mean `price`?");
    when(r#""kind": "expr""#, "/kind", "`expr` is not available", "price, cross, change");
}

#[test]
fn price_says_what_is_wrong() {
    let price = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "price", {keys}"#), path, message, help);
    };
    when(r#""kind": "price""#, "", "no threshold", "above, below, inside, outside");
    price(r#""above": 1, "below": 2"#, "/below", "above and below together", "one of them");
    price(r#""above": "5%""#, "/above", "is a percentage, where an amount", "6_000_000");
    price(r#""above": "ten""#, "/above", "not an amount", "1.5억");
    price(r#""above": [1]"#, "/above", "a list, where a number", "6000000");
    price(r#""above": 0.12345678901234567"#, "/above", "more digits", "as a text");
    price(r#""above": 100, "clear": 101"#, "/clear", "above the level 100", "at most 100");
    price(r#""below": 100, "clear": 99"#, "/clear", "below the level 100", "at least 100");
    price(r#""inside": [1, 2], "clear": 1"#, "/clear", "with `inside`", "clear_margin");
    price(r#""above": 1, "clear_margin": 1"#, "/clear_margin", "with `above`", "`clear`");
    price(r#""inside": [2, 1]"#, "/inside", "not a range", "[low, high]");
    price(r#""outside": [1, "x"]"#, "/outside/1", "not an amount", "만");
    price(r#""outside": [1, 5], "clear_margin": 3"#, "/clear_margin", "no room", "half the range");
    price(r#""abvoe": 1, "below": 2"#, "/abvoe", "unknown key", "did you mean `above`?");
    let twice =
        r#""markets": ["*"], "source": "mid", "when": {"kind": "price", "above": 1, "source": "mid"}"#;
    rule(twice, "/when/source", "twice", "once");
}

#[test]
fn cross_says_what_is_wrong() {
    let cross = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "cross", {keys}"#), path, message, help);
    };
    cross(r#""direction": "up""#, "", "no threshold", "level, levels, step");
    cross(r#""level": 0"#, "/level", "not above nought", "above nought");
    cross(r#""levels": []"#, "/levels", "empty", "1 to 1000");
    cross(r#""levels": [1, 1.0]"#, "/levels", "twice", "different");
    cross(r#""level": 1, "anchor": 2"#, "/anchor", "with `level`", "step");
    cross(r#""step": "0%""#, "/step", "not above nought", "above nought");
    cross(r#""step": "1%", "anchor": 0"#, "/anchor", "a share of nothing", "prev_close");
    cross(r#""level": 1, "touch": 1"#, "/touch", "a number, where true or false", "true");
    cross(r#""level": 1, "direction": "upp""#, "/direction", "not known", "did you mean \"up\"?");
    cross(r#""level": 1, "rearm": 0"#, "/rearm", "not above nought", "above nought");
    cross(r#""level": 1, "clear": 1"#, "/clear", "fires at an instant", "kind `price`");
    cross(r#""level": 1, "hold": "1s""#, "/hold", "fires at an instant", "kind `price`");
    cross(r#""level": 1, "repeat": "1s""#, "/repeat", "fires at an instant", "kind `price`");
    for key in [r#""hold": "1s""#, r#""linger": "1s""#, r#""initial": "arm""#, r#""repeat": "1m""#] {
        let name = key.split('"').nth(1).unwrap_or_default();
        let keys = format!(r#""markets": ["*"], {key}, "when": {{"kind": "cross", "level": 1}}"#);
        rule(&keys, &format!("/{name}"), "fires at an instant", "kind `price`");
    }
}

#[test]
fn change_says_what_is_wrong() {
    let change = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "change", {keys}"#), path, message, help);
    };
    change(r#""pct": "1%""#, "", "`window` is missing", "5m");
    change(r#""window": "5m""#, "", "no threshold", "pct, abs");
    change(r#""window": "0s", "pct": "1%""#, "/window", "out of range", "at most");
    change(r#""window": "30d", "pct": "1%""#, "/window", "out of range", "at most");
    change(r#""window": "5m", "pct": 1"#, "/pct", "a number, where a percentage", "5%");
    change(r#""window": "5m", "pct": "1만""#, "/pct", "not a percentage", "5%");
    change(r#""window": "5m", "abs": "1%""#, "/abs", "is a percentage", "a number");
    change(r#""window": "5m", "pct": "0%""#, "/pct", "not above nought", "above nought");
    change(r#""window": "5m", "pct": "1%", "clear": "2%""#, "/clear", "past the threshold", "0 to 1");
    change(r#""window": "5m", "pct": "1%", "abs": 1"#, "/abs", "together", "one of them");
    change(
        r#""window": "5m", "pct": "1%", "anchor": 5"#,
        "/window",
        "with a fixed reference",
        "leave it away",
    );
    change(r#""reference": "prev_close", "anchor": 5, "pct": "1%""#, "/anchor", "together", "one of them");
    change(
        r#""window": "5m", "reference": "window_lo", "pct": "1%""#,
        "/reference",
        "not known",
        "window_low",
    );
    change(
        r#""window": "5m", "reference": "window_low", "direction": "down", "pct": "1%""#,
        "/direction",
        "never on that side",
        "leave `direction` away",
    );
    change(r#""window": "5m", "pct": "1%", "source": "ask""#, "/source", "not known", "best_ask");
    let twice = r#""markets": ["*"], "source": "mid", "when": {"kind": "change", "window": "5m", "pct": "1%", "source": "mid"}"#;
    rule(twice, "/when/source", "twice", "once");
    let source =
        r#""markets": ["*"], "source": "mid", "when": {"kind": "volume", "window": "5m", "above": 1}"#;
    rule(source, "/source", "means nothing to kind `volume`", "price, cross, change");
}

#[test]
fn large_trade_volume_and_silence_say_what_is_wrong() {
    let large = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "large_trade", {keys}"#), path, message, help);
    };
    large(r#""side": "buy""#, "", "no threshold", "min_notional, min_volume");
    large(r#""min_notional": 1, "min_volume": 1"#, "/min_volume", "together", "one of them");
    large(r#""min_notional": 1, "side": "bid""#, "/side", "not known", "buy, sell");
    large(r#""min_notional": 1, "sweep_gap": "1s""#, "/sweep_gap", "without sweeps", "sweep");
    large(r#""min_notional": 1, "tiers": []"#, "/tiers", "not a table", "whale");
    large(r#""min_notional": 5, "tiers": {"a": 1}"#, "/tiers", "below the least size", "at least 5");
    large(r#""tiers": {"a": 1, "b": 1}"#, "/tiers/b", "a second tier of 1", "one name per size");
    large(r#""tiers": {"a": {"severity": "info"}}"#, "/tiers/a", "`min` is missing", "an amount");
    large(
        r#""tiers": {"a": {"min": 1, "severity": "hot"}}"#,
        "/tiers/a/severity",
        "not known",
        "info, warning",
    );
    large(r#""min_notional": 1, "linger": "1s""#, "/linger", "fires at an instant", "kind `volume`");
    let volume = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "volume", {keys}"#), path, message, help);
    };
    volume(r#""window": "5m""#, "", "`above` is missing", "an amount");
    volume(r#""above": 1"#, "", "`window` is missing", "5m");
    volume(r#""above": 1, "window": "5m", "measure": "money""#, "/measure", "not known", "notional");
    volume(r#""above": 1, "window": "5m", "clear": 2"#, "/clear", "above the level", "0 to 1");
    volume(r#""above": 1, "window": "5m", "warmup": "half""#, "/warmup", "not known", "full, partial");
    when(r#""kind": "silence""#, "", "`for` is missing", "5m");
    when(r#""kind": "silence", "for": "often""#, "/for", "not a duration", "90s");
    let few = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "silence", "max_count": {keys}"#), path, message, help);
    };
    few("1", "", "`window` is missing", "5m");
    few(r#"1.5, "window": "5m""#, "/max_count", "not a count", "from 0");
    few(r#"-1, "window": "5m""#, "/max_count", "not a count", "from 0");
    few(r#"1, "window": "5m", "for": "1m""#, "/for", "together", "or `for`");
    few(r#"1, "window": "5m", "expect_from_start": false"#, "/expect_from_start", "together", "or `for`");
    few(r#"1, "window": "30d""#, "/window", "out of range", "at most");
    when(
        r#""kind": "silence", "for": "1m", "window": "5m""#,
        "/window",
        "without `max_count`",
        "`for` alone",
    );
    let early = |markets: &str, value: &str, message: &str, help: &str| {
        let when = format!(r#""when": {{"kind": "silence", "for": "1s", "expect_from_start": {value}}}"#);
        rule(&format!(r#""markets": {markets}, {when}"#), "/when/expect_from_start", message, help);
    };
    early(r#"["KRW-BTC", "KRW-*"]"#, "true", "`KRW-*` does not say", "name the markets");
    early(r#"["KRW-BTC"]"#, "1", "true or false", "true or false");
    let trades = r#""markets": ["*"], "hold_trades": 2, "when": {"kind": "silence", "for": "1s"}"#;
    rule(trades, "/hold_trades", "no trades to count", "`hold`");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let found = faults(
        r#"{"lateness": 1, "rules": [
            {"id": "a", "markets": ["x"], "hold": "1", "when": {"kind": "price", "above": "1%", "clera": 1}},
            {"id": "b", "markets": ["*"], "when": {"kind": "expr"}}
        ]}"#,
    );
    let paths: Vec<&str> = found.iter().map(|fault| fault.path.as_str()).collect();
    let expect = [
        "/lateness",
        "/rules/0/markets/0",
        "/rules/0/hold",
        "/rules/0/when/clera",
        "/rules/0/when/above",
        "/rules/1/when/kind",
    ];
    assert_eq!(paths, expect);
}

#[test]
fn the_example_in_the_readme_is_accepted() {
    let readme = include_str!("../README.md");
    let example = readme.split("```json").nth(1).and_then(|rest| rest.split("```").next());
    assert!(example.is_some_and(|text| text.contains("btc-silent")), "the README has its example");
    assert_eq!(faults(example.unwrap_or_default()), []);
}

#[test]
fn composites_say_what_is_wrong() {
    when(r#""kind": "all""#, "", "`of` is missing", "a list of conditions");
    when(r#""kind": "all", "of": []"#, "/of", "0 conditions", "1 to 16");
    when(r#""kind": "any", "of": 3"#, "/of", "a number, where a list", "a list");
    when(
        r#""kind": "all", "of": [{"kind": "pirce"}]"#,
        "/of/0/kind",
        "no kind `pirce`",
        "did you mean `price`?",
    );
    when(
        r#""kind": "any", "of": [{"kind": "price", "above": "5%"}]"#,
        "/of/0/above",
        "a percentage",
        "5000만",
    );
    when(
        r#""kind": "not", "of": [{"kind": "spread", "above": 1}, {"kind": "spread", "above": 2}]"#,
        "/of",
        "about one condition",
        "`any` inside of `not`",
    );
    when(
        r#""kind": "any", "of": [{"kind": "cross", "level": 1}]"#,
        "/of/0/kind",
        "at an instant",
        "inside of `all`",
    );
    when(
        r#""kind": "not", "of": {"kind": "large_trade", "min_notional": 1}"#,
        "/of/kind",
        "at an instant",
        "`all`",
    );
    when(
        r#""kind": "all", "of": [{"kind": "cross", "level": 1}]"#,
        "/within",
        "how long an instant counts",
        "10s",
    );
    when(
        r#""kind": "all", "within": "5s", "of": [{"kind": "price", "above": 1}]"#,
        "/within",
        "without a part that happens",
        "leave it away",
    );
    when(
        r#""kind": "all", "of": [{"kind": "price", "severities": [{"severity": "info", "above": 1}]}]"#,
        "/of/0/severities",
        "severities of a part",
        "a whole rule",
    );
    let deep = r#""kind": "not", "of": {"#.repeat(5) + r#""kind": "price", "above": 1"# + &"}".repeat(5);
    when(&deep, &"/of".repeat(4), "nested too deep", "at most 4");
}

#[test]
fn bounds_say_what_is_wrong() {
    let spread = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "spread", {keys}"#), path, message, help);
    };
    spread(r#""above": 5, "below": 3"#, "/below", "above and below together", "one of them");
    spread(r#""above": 5, "clear": 6"#, "/clear", "6 is above the level 5", "at most 5");
    spread(r#""below": 5, "clear": 4"#, "/clear", "4 is below the level 5", "at least 5");
    spread(r#""inside": [5]"#, "/inside", "not a range", "[low, high]");
    spread(r#""inside": [5, 4]"#, "/inside", "not a range", "[low, high]");
    spread(r#""inside": [4, 5], "clear": 4"#, "/clear", "`clear` with `inside`", "left where it ends");
    spread(r#""outside": [4, 6], "clear_margin": 2"#, "/clear_margin", "no room", "half the range");
    spread(r#""above": 5, "clear_margin": 2"#, "/clear_margin", "with `above`", "`clear`");
    spread(r#""above": "wide""#, "/above", "not an amount", "a number");
    spread(r#""severities": []"#, "/severities", "not a list of severities", "1 to 3");
    spread(r#""severities": [{"above": 3}]"#, "/severities/0", "`severity` is missing", "info, warning");
    spread(
        r#""severities": [{"severity": "bad", "above": 3}]"#,
        "/severities/0/severity",
        "not known",
        "info, warning",
    );
    spread(
        r#""severities": [{"severity": "info", "above": 3}, {"severity": "critical", "above": 3}]"#,
        "/severities",
        "3 is no farther than 3",
        "each severity once",
    );
    spread(
        r#""severities": [{"severity": "info", "above": 3}, {"severity": "critical", "below": 1}]"#,
        "/severities/1/below",
        "one goes down",
        "all `above`",
    );
    let tier = r#""severities": [{"severity": "info", "above": 3, "clear": 4}]"#;
    spread(tier, "/severities/0/clear", "4 is above the level 3", "at most 3");
    when(r#""kind": "trade_rate", "window": "5s", "above": "1.5억%""#, "/above", "", "");
    when(r#""kind": "trade_rate", "window": "5s", "above": 1.5"#, "/above", "not a count", "whole number");
    when(
        r#""kind": "change", "window": "5s", "severities": [{"severity": "info", "above": "1%"}, {"severity": "warning", "above": 2}]"#,
        "/severities/1/above",
        "2 is not a percentage",
        "1.5%",
    );
    when(
        r#""kind": "silence", "severities": [{"severity": "info", "above": 5}]"#,
        "/severities/0/above",
        "where a duration is expected",
        "90s",
    );
}

#[test]
fn sequences_and_frequencies_say_what_is_wrong() {
    let a = r#"{"kind": "price", "above": 1}"#;
    when(&format!(r#""kind": "sequence", "within": "5s", "steps": [{a}]"#), "/steps", "1 steps", "2 to 8");
    when(&format!(r#""kind": "sequence", "steps": [{a}, {a}]"#), "", "`within` is missing", "a duration");
    when(
        &format!(r#""kind": "sequence", "within": "5s", "steps": [{a}, {a}], "clear": 1"#),
        "/clear",
        "`clear` on a rule that fires at an instant",
        "frequency",
    );
    let step = r#"{"kind": "price", "abvoe": 1}"#;
    let found = faults(&format!(
        r#"{{"rules": [{{"id": "r", "markets": ["*"], "hold": "5s", "when": {{"kind": "sequence",
            "within": "5s", "steps": [{a}, {step}], "not": {{"kind": "prise"}}}}}}]}}"#
    ));
    let paths: Vec<&str> = found.iter().map(|fault| fault.path.as_str()).collect();
    let expect =
        ["/rules/0/when/steps/1/abvoe", "/rules/0/when/steps/1", "/rules/0/when/not/kind", "/rules/0/hold"];
    assert_eq!(paths, expect, "{found:#?}");
    let count = |keys: &str, path: &str, message: &str, help: &str| {
        when(&format!(r#""kind": "frequency", "window": "5s", {keys}"#), path, message, help);
    };
    count(&format!(r#""of": {a}"#), "", "no threshold", "above");
    count(r#""above": 2"#, "", "no threshold", "rule, of");
    count(&format!(r#""above": 2, "of": {a}, "rule": "x""#), "/of", "rule and of together", "one of them");
    count(&format!(r#""above": 2000, "of": {a}"#), "", "more than are remembered", "at most 1000");
    count(r#""above": 2, "rule": "elsewhere""#, "", "there is no rule `elsewhere`", "the id of another rule");
    count(r#""above": 2, "rule": "r""#, "", "counts, in the end, the events of this rule", "does not count");
}

#[test]
fn premiums_health_and_events_say_what_is_wrong() {
    let premium = |keys: &str, path: &str, message: &str, help: &str| {
        let keys = format!(r#""when": {{"kind": "premium", {keys}}}"#);
        rule(&keys, path, message, help);
    };
    premium(r#""ref": "USDT-BTC", "above": "1%""#, "/when", "`base` is missing", "a text");
    premium(r#""base": "btc", "ref": "USDT-BTC", "above": "1%""#, "/when/base", "no market code", "KRW-BTC");
    premium(
        r#""base": "KRW-BTC", "ref": "USDT-BTC", "above": 2"#,
        "/when/above",
        "2 is not a percentage",
        "1.5%",
    );
    let legs = r#""base": "KRW-BTC", "ref": "USDT-BTC", "above": "1%""#;
    premium(&format!(r#"{legs}, "fx": {{}}"#), "/when/fx", "no threshold", "market, fact");
    premium(
        &format!(r#"{legs}, "fx": {{"market": "A-B", "markt": 1}}"#),
        "/when/fx/markt",
        "unknown key",
        "did you mean `market`?",
    );
    premium(&format!(r#"{legs}, "fx": "0""#), "/when/fx", "not above nought", "above nought");
    premium(&format!(r#"{legs}, "max_age": 5"#), "/when/max_age", "a duration", "90s");
    let markets = |when: &str, path: &str, message: &str, help: &str| {
        rule(&format!(r#""markets": ["KRW-ETH"], "when": {{{when}}}"#), path, message, help);
    };
    markets(&format!(r#""kind": "premium", {legs}"#), "/markets", "markets of a premium", "about KRW-BTC");
    markets(
        r#""kind": "health", "check": "plugin_down""#,
        "/markets",
        "about tradehook itself",
        "leave it away",
    );
    let health = |keys: &str, path: &str, message: &str, help: &str| {
        rule(&format!(r#""when": {{"kind": "health", {keys}}}"#), path, message, help);
    };
    health(r#""subject": "x""#, "/when", "`check` is missing", "connection_down");
    health(r#""check": "connexion_down""#, "/when/check", "not known", "did you mean \"connection_down\"?");
    health(r#""check": "plugin_down", "above": 1"#, "/when/above", "yes or no", "leave it away");
    health(r#""check": "feed_lag", "above": 5"#, "/when/above", "a duration is expected", "90s");
    health(r#""check": "outbox_depth""#, "/when", "no threshold", "above");
    when(
        r#""kind": "market_event", "event": "soon""#,
        "/event",
        "\"soon\" is no event",
        "PRICE_FLUCTUATIONS",
    );
    when(r#""kind": "market_event", "above": 1"#, "/above", "unknown key", "kind, event");
    check(r#"{"on_gap": "later"}"#, "/on_gap", "not known", "resume, reset, backfill");
}
