//! The table against the readers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use tradehook_sdk::{ConfigFault, reference::schema};

/// Keys that are read only to be refused in good words, and one that nobody reads.
fn is_refused(kind: &str, key: &str) -> bool {
    let of_levels = ["above", "below", "inside", "outside", "clear_margin"];
    ["clear", "hold", "linger", "repeat", "zzzzzzzzzzzz"].contains(&key)
        || (["silence", "volume_spike"].contains(&kind) && of_levels.contains(&key))
}

/// Conditions that the readers of a kind take for theirs: some keys make it another reader.
fn variants(kind: &str) -> [Value; 5] {
    [
        json!({ "kind": kind }),
        json!({ "kind": kind, "severities": [] }),
        json!({ "kind": kind, "spike": "z" }),
        json!({ "kind": kind, "cross": 0 }),
        json!({ "kind": kind, "for": "auto" }),
    ]
}

fn word(table: &Table) -> &'static str {
    match table.keys.first().map(|key| &key.form) {
        Some(Form::Words([word])) => word,
        other => panic!("a kind begins with its word: {other:?}"),
    }
}

fn faults(when: &Value) -> Vec<ConfigFault> {
    let rules = json!({ "rules": [{ "id": "a", "markets": ["KRW-BTC"], "when": when }] });
    crate::config::parse(&rules.to_string()).err().unwrap_or_default()
}

/// The keys that the reader of `when` says it knows.
fn known(when: &Value) -> BTreeSet<String> {
    let mut when = when.clone();
    when["zzzzzzzzzzzz"] = 1.into();
    let fault = faults(&when).into_iter().find(|f| f.message.contains("zzzzzzzzzzzz"));
    let help = fault.and_then(|f| f.help).unwrap_or_default();
    help.strip_prefix("one of ").unwrap_or("").split(", ").map(str::to_owned).collect()
}

#[test]
fn the_settings_of_the_table_are_those_that_are_read() {
    let faults = crate::config::parse(r#"{ "zzzzzzzzzzzz": 1 }"#).err().unwrap_or_default();
    let help = faults.first().and_then(|f| f.help.clone()).unwrap_or_default();
    let read: BTreeSet<&str> = help.strip_prefix("one of ").unwrap_or("").split(", ").collect();
    let settings = settings();
    let table: BTreeSet<&str> = settings.keys.iter().map(|key| key.name).collect();
    assert_eq!(table, read);
}

#[test]
fn the_keys_of_a_rule_are_those_that_are_read() {
    let rules = json!({ "rules": [{ "zzzzzzzzzzzz": 1 }] }).to_string();
    let faults = crate::config::parse(&rules).err().unwrap_or_default();
    let fault = faults.into_iter().find(|f| f.message.contains("zzzzzzzzzzzz"));
    let help = fault.and_then(|f| f.help).unwrap_or_default();
    let mut read: BTreeSet<&str> = help.strip_prefix("one of ").unwrap_or("").split(", ").collect();
    // It is known to be refused in good words.
    read.remove("repeat");
    let rule = rule();
    assert_eq!(rule.keys.iter().map(|key| key.name).collect::<BTreeSet<&str>>(), read);
}

#[test]
fn the_table_has_the_kinds_and_keys_that_are_read_and_no_others() {
    let kinds = kinds();
    let words: BTreeSet<&str> = kinds.iter().map(word).collect();
    let list = crate::kinds::list();
    let built: BTreeSet<&str> = list.split(", ").collect();
    assert_eq!(words, built);
    for table in &kinds {
        let kind = word(table);
        let read: BTreeSet<String> = variants(kind).iter().flat_map(known).collect();
        let table: BTreeSet<String> = table.keys.iter().map(|key| key.name.to_owned()).collect();
        let missing: Vec<_> = read.difference(&table).filter(|k| !is_refused(kind, k)).collect();
        assert!(missing.is_empty(), "{kind}: read, and not in the table: {missing:?}");
        let unread: Vec<_> = table.difference(&read).collect();
        assert!(unread.is_empty(), "{kind}: in the table, and not read: {unread:?}");
    }
}

#[test]
fn the_words_of_the_table_are_those_that_are_read() {
    for table in kinds() {
        for key in table.keys.iter().filter(|key| key.name != "kind") {
            let Form::Words(words) = key.form else { continue };
            let read = variants(word(&table)).into_iter().find(|when| known(when).contains(key.name));
            let told = |value: &str| {
                let mut when = read.clone().unwrap_or_default();
                when[key.name] = value.into();
                let path = format!("/rules/0/when/{}", key.name);
                let faults = faults(&when).into_iter().filter(|f| f.path == path);
                faults.map(|f| f.message + "; " + &f.help.unwrap_or_default()).collect::<String>()
            };
            let refused = told("zzzzzzzzzzzz");
            for one in words {
                let place = format!("{} {}", word(&table), key.name);
                assert!(refused.contains(one), "{place}: {one} is not among {refused:?}");
                assert!(!told(one).contains("zzz"), "{place}: {}", told(one));
            }
        }
    }
}

/// `UPDATE_DOCS=1` writes it anew.
#[test]
fn the_schema_that_is_carried_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let said = schema(&settings(), &[("when", kinds())]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let carried = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        carried == said,
        "plugins/alert/schema.json is not that of the table; UPDATE_DOCS=1 writes it anew"
    );
}
