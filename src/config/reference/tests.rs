//! The table against the readers, in both directions.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use super::{Absent, Key, Section, entries, find, sections, types::Type};
use crate::config::{Config, Outside, Refused, parse, sections::asked, tests::Machine, text::is_name};

/// What examples refer to.
const BESIDE: &str = r#"
[[alert]]
id = "feed-down"
when = { kind = "price", above = 1 }
[channels.log]
kind = "file"
path = "log.jsonl"
[plugins.bars]
bundled = "aggregate"
"#;

fn read(text: &str) -> Result<Config, Refused> {
    parse(text, "config.toml", Path::new("base"), &Machine as &dyn Outside)
}

/// Every section but the file itself.
fn all() -> impl Iterator<Item = &'static Section> {
    sections().filter(|s| !s.path.is_empty())
}

/// The keys of a section that are no tables.
fn values(section: &'static Section) -> impl Iterator<Item = &'static Key> {
    let is_table = |kind| matches!(kind, Type::Table(_) | Type::Named(_) | Type::Many(_));
    section.all_keys().filter(move |k| !is_table(k.kind))
}

/// The section's path with names: `plugins.x.limits`, of a variant with its own.
fn named(section: &Section) -> String {
    section.path.replace('*', section.only.map_or("x", |(_, value)| value))
}

fn written(name: &str) -> String {
    if is_name(name) { name.to_owned() } else { format!("\"{name}\"") }
}

/// The file up to and with the head of the section, with the keys that have to be there but for
/// those in `leave_out`.
fn opened(section: &Section, leave_out: &[&str]) -> String {
    let path = named(section);
    let (mut text, mut so_far, mut raw) = (String::new(), String::new(), String::new());
    let steps: Vec<(&str, &str)> = path.split('.').zip(section.path.split('.')).collect();
    for (at, &(step, raw_step)) in steps.iter().enumerate() {
        let dot = if so_far.is_empty() { "" } else { "." };
        so_far += &format!("{dot}{}", step.trim_end_matches("[]"));
        raw += &format!("{dot}{raw_step}");
        if !sections().any(|s| s.path == raw) {
            continue;
        }
        let head = if raw_step.ends_with("[]") { format!("[[{so_far}]]") } else { format!("[{so_far}]") };
        writeln!(text, "{head}").unwrap();
        let is_last = raw == section.path;
        let next = steps.get(at + 1).map_or("", |(_, raw)| raw.trim_end_matches("[]"));
        let here = sections().filter(|s| s.path == raw && (s.only.is_none() || s.only == section.only));
        for key in here.flat_map(Section::all_keys).filter(|key| key.name != next) {
            let fixed = section.only.filter(|(name, _)| *name == key.name);
            match fixed {
                Some((name, value)) => writeln!(text, "{name} = \"{value}\"").unwrap(),
                None if key.absent == Absent::Fault && !(is_last && leave_out.contains(&key.name)) => {
                    writeln!(text, "{} = {}", key.name, key.example).unwrap();
                }
                None => {}
            }
        }
    }
    text
}

/// A file in which `key` has this value, and everything else that it needs.
fn with(section: &Section, key: &Key, value: Option<&str>) -> String {
    let mut text = opened(section, &[key.name, key.instead_of.unwrap_or_default()]);
    let beside = section.all_keys().find(|other| Some(other.name) == key.beside);
    text.extend(beside.map(|other| format!("{} = {}\n", written(other.name), other.example)));
    if let Some(value) = value {
        writeln!(text, "{} = {value}", written(key.name)).unwrap();
    }
    format!("{text}{BESIDE}")
}

#[test]
fn every_key_that_is_read_is_in_the_reference_and_the_other_way_round() {
    let (mut text, mut known) = (String::new(), BTreeSet::new());
    let mut read = BTreeSet::new();
    let has_variants = |section: &Section| {
        section.only.is_none() && sections().any(|s| s.path == section.path && s.only.is_some())
    };
    for section in all().filter(|s| !has_variants(s)) {
        text += &fresh(&text, &opened(section, &[]));
        let common =
            sections().filter(|s| s.path == section.path && s.only.is_none() && section.only.is_some());
        for key in section.all_keys().chain(common.flat_map(Section::all_keys)) {
            known.insert(format!("{}.{}", named(section).replace("[]", "[0]"), written(key.name)));
        }
        // Some are asked for only where what they stand for is not there.
        for key in section.all_keys().filter(|key| key.instead_of.is_some()) {
            read.extend(asked(&with(section, key, Some(key.example)), &Machine));
        }
    }
    let file = sections().find(|s| s.path.is_empty()).unwrap();
    known.extend(file.keys.iter().map(|key| key.name.to_owned()));
    read.extend(asked(&text, &Machine));
    let is_beside =
        |path: &String| ["channels.log.", "plugins.bars."].iter().any(|beside| path.starts_with(beside));
    let read: BTreeSet<String> =
        read.iter().filter(|path| !is_beside(path)).map(|path| without_numbers(path)).collect();
    let missing: Vec<&String> = read.difference(&known).collect();
    assert!(missing.is_empty(), "read, but not in src/config/reference: {missing:#?}");
    let unread: Vec<&String> = known.difference(&read).collect();
    assert!(unread.is_empty(), "in src/config/reference, but nobody reads it: {unread:#?}");
}

/// What is not there already: a table stands in a file once, one of many as often as one likes.
fn fresh(text: &str, more: &str) -> String {
    let heads: Vec<&str> = text.lines().filter(|l| l.starts_with('[') && !l.starts_with("[[")).collect();
    let (mut fresh, mut skipping) = (String::new(), false);
    for line in more.lines() {
        skipping = if line.starts_with('[') { heads.contains(&line) } else { skipping };
        if !skipping {
            writeln!(fresh, "{line}").unwrap();
        }
    }
    fresh
}

/// `alert[3].when` as `alert[0].when`.
fn without_numbers(path: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for c in path.chars() {
        inside = match c {
            '[' => true,
            ']' => false,
            _ => inside,
        };
        match c {
            '[' => out.push_str("[0"),
            c if inside && c.is_ascii_digit() => {}
            c => out.push(c),
        }
    }
    out
}

#[test]
fn a_key_at_its_default_changes_nothing_and_at_its_example_something() {
    let mut checked = 0;
    for section in all() {
        for key in values(section).filter(|k| section.only.is_none_or(|(name, _)| name != k.name)) {
            let path = format!("{}.{}", section.path, key.name);
            let accepted =
                |text: &str| read(text).unwrap_or_else(|refused| panic!("{path}: {refused}\n{text}"));
            let changed = accepted(&with(section, key, Some(key.example)));
            checked += 1;
            if key.absent == Absent::Fault || key.instead_of.is_some() {
                continue;
            }
            // Half of a pair is refused, and a match that says nothing where it would silence everything.
            let Ok(without) = read(&with(section, key, None)) else {
                assert!(key.beside.is_some() || section.path == "silence[].match", "{path}");
                continue;
            };
            assert!(!changed.same_job(&without), "{path} = {} changes nothing", key.example);
            if let Absent::Default(value) = key.absent {
                let default = accepted(&with(section, key, Some(value)));
                assert!(default.same_job(&without), "{path}: {value} is not its default");
            }
        }
    }
    assert!(checked >= 70, "only {checked} keys were checked");
}

/// The faults of a file in which the key has this value, one line for each: its help, too.
fn faults(section: &Section, key: &Key, value: &str) -> String {
    let refused = read(&with(section, key, Some(value))).err();
    let line =
        |f: &crate::config::Fault| format!("{}: {} {}\n", f.path, f.message, f.help.as_deref().unwrap_or(""));
    refused.map(|r| r.faults.iter().map(line).collect()).unwrap_or_default()
}

#[test]
fn bounds_and_words_are_those_of_the_readers() {
    for section in all() {
        for key in values(section) {
            let path = format!("{}.{}", section.path, key.name);
            let check = |value: String, is_within: bool| {
                let told = faults(section, key, &value);
                assert_eq!(!told.contains("out of range"), is_within, "{path} = {value}: {told}");
            };
            match key.kind {
                // Whether they are bounded, the plugin says.
                _ if section.path == "alert[]" && CONDITION.contains(&key.name) => {}
                Type::Duration(from, to) => {
                    check(format!("\"{from}ms\""), true);
                    check(format!("\"{to}ms\""), true);
                    check(format!("\"{}ms\"", to + 1), false);
                    (from > 0).then(|| check(format!("\"{}ms\"", from - 1), false));
                }
                Type::Size(from, to) => {
                    check(format!("\"{from}B\""), true);
                    check(format!("\"{to}B\""), true);
                    check(format!("\"{}B\"", to + 1), false);
                    check(format!("\"{}B\"", from - 1), false);
                }
                Type::Integer(from, to) => {
                    check(from.to_string(), true);
                    check(to.to_string(), true);
                    check((u128::from(to) + 1).to_string(), false);
                    (from > 0).then(|| check((from - 1).to_string(), false));
                }
                Type::Word(words) if section.only.is_none_or(|(name, _)| name != key.name) => {
                    for word in words {
                        let told = faults(section, key, &format!("\"{word}\""));
                        assert!(!told.contains("unknown value"), "{path} = {word}: {told}");
                    }
                    let told = faults(section, key, "\"zzzzzzzzzz\"");
                    let list = words.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ");
                    assert!(told.contains(&format!("accepted: {list}")), "{path}: {told}");
                }
                _ => {}
            }
        }
    }
}

/// What the host hands over without a look at it.
const CONDITION: [&str; 6] = ["hold", "hold_trades", "initial", "linger", "on_unknown", "source"];

#[test]
fn a_table_a_table_with_what_is_below_it_and_a_key_can_be_asked_for() {
    let check = |wanted: &str, expect: &[&str]| {
        let found = find(entries(&[]), wanted).unwrap_or_default();
        let found: Vec<String> = found
            .iter()
            .map(|e| if e.keys.len() == 1 { format!("{} {}", e.path, e.keys[0].key) } else { e.path.clone() })
            .collect();
        assert_eq!(found, expect, "{wanted}");
    };
    check("feed", &["feed", "feed.backfill", "feed.streams"]);
    check("[feed.backfill]", &["feed.backfill"]);
    check("feed.backfill.rate", &["feed.backfill rate"]);
    check("alert", &["alert[]", "alert[].active", "alert[].when.plugin"]);
    check("[[route]]", &["route[]", "route[].match"]);
    check("plugins.limits", &["plugins.*.limits"]);
    check("channels.file", &["channels.*.file"]);
    check("telegram", &["channels.*.telegram"]);
    check("ping_interval", &["feed ping_interval"]);
    assert_eq!(find(entries(&[]), "feed.backfil"), Err(Some("feed.backfill".into())));
    assert_eq!(find(entries(&[]), "zzzzzzzzzzzz"), Err(None));
}
