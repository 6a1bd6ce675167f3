//! `[alerts]` and `[[alert]]`: the host's part of the rules, and their conditions as JSON.
//!
//! A condition is checked by the plugin that runs it; here it is only handed over, and cut off
//! from what the host decides, so that editing the one does not reset the other.

use std::collections::BTreeMap;

use super::{
    AlertDefaults, Alerts, Rule, Severity,
    json::{self, Numbers},
    names::Known,
    sections::ms,
    text::{self, quoted},
    walk::{Item, Section},
};

/// Most rules of one file (chosen; a rule is about a kilobyte at work).
const MAX_RULES: usize = 100_000;
const DAY: u64 = 86_400_000;

/// The keys of a rule that belong to its condition and are handed to the plugin.
const CONDITION: [&str; 9] =
    ["exclude", "hold", "hold_trades", "initial", "linger", "markets", "on_unknown", "source", "when"];

/// The section, and the conditions of its rules as JSON objects in the same order.
pub(super) fn read(mut s: Section<'_>, rules: Option<&Item<'_>>, known: &Known<'_>) -> (Alerts, Vec<String>) {
    let d = Alerts::default();
    let enabled = s.or("enabled", d.enabled, Item::boolean);
    let lateness = s.or("lateness", d.lateness, |i| i.duration(ms(0, 3_600_000)));
    let defaults = defaults(s.sub("defaults"), known);
    s.finish();
    let (rules, conditions) = rules.map(|item| read_rules(item, &defaults, known)).unwrap_or_default();
    (Alerts { enabled, lateness, defaults, rules }, conditions)
}

fn defaults(mut s: Section<'_>, known: &Known<'_>) -> AlertDefaults {
    let d = AlertDefaults::default();
    let defaults = AlertDefaults {
        notify: s.or("notify", d.notify, |i| known.channels(i)),
        severity: s.or("severity", d.severity, severity),
        cooldown: s.maybe("cooldown", |i| i.duration(ms(0, 30 * DAY))),
    };
    s.finish();
    defaults
}

fn severity(item: &Item<'_>) -> Option<Severity> {
    item.one_of(&[Severity::Info, Severity::Warning, Severity::Critical].map(|s| (s.as_str(), s)))
}

fn read_rules(item: &Item<'_>, defaults: &AlertDefaults, known: &Known<'_>) -> (Vec<Rule>, Vec<String>) {
    if item.value.is_table() {
        item.fault("[alert] is one table", "write [[alert]], with two brackets, above every rule".to_owned());
        return Default::default();
    }
    let items = item.items("[[alert]] above every rule").unwrap_or_default();
    if items.len() > MAX_RULES {
        item.fault(format!("{} rules", items.len()), format!("at most {MAX_RULES} are accepted"));
        return Default::default();
    }
    let mut first_lines = BTreeMap::new();
    let rule = |item: &Item<'_>| Some(read_rule(item.section()?, defaults, known, &mut first_lines));
    items.iter().filter_map(rule).unzip()
}

fn read_rule(
    mut s: Section<'_>,
    defaults: &AlertDefaults,
    known: &Known<'_>,
    first_lines: &mut BTreeMap<String, usize>,
) -> (Rule, String) {
    let id = s.get("id");
    if id.is_none() {
        s.fault("this rule has no id", "write id = \"btc-100m\": alerts are recognised by it".to_owned());
    }
    let id = id.and_then(|item| read_id(&item, first_lines)).unwrap_or_default();
    let rule = Rule {
        name: s.maybe("name", |i| i.string("a string", "").map(str::to_owned)),
        severity: s.or("severity", defaults.severity, severity),
        cooldown: s.maybe("cooldown", |i| i.duration(ms(0, 30 * DAY))).or(defaults.cooldown),
        notify: s.or("notify", defaults.notify.clone(), |i| known.channels(i)),
        message: s.maybe("message", |i| i.string("a string", "").map(str::to_owned)),
        resolved: s.or("resolved", false, Item::boolean),
        semantic: condition(&mut s, known),
        id,
    };
    s.finish_with(|key| {
        let near = text::nearest(key, CONDITION.into_iter().chain(HOST)).is_some();
        (!near).then(|| "a condition's own parameters go into when = { kind = \"…\", … }".to_owned())
    });
    let mut handed = String::from("{\"id\":");
    json::string(&rule.id, &mut handed);
    handed.push(',');
    handed.push_str(rule.semantic.trim_start_matches('{'));
    (rule, handed)
}

/// The keys of a rule that the host keeps.
const HOST: [&str; 7] = ["id", "name", "severity", "cooldown", "notify", "message", "resolved"];

fn read_id(item: &Item<'_>, first_lines: &mut BTreeMap<String, usize>) -> Option<String> {
    let id = item.string("a string", "\"btc-100m\"")?;
    if !text::is_name(id) {
        let help = "1 to 64 letters, digits, - and _ are accepted, beginning with a letter or digit";
        item.fault(format!("{} cannot be an id", quoted(id)), help.to_owned());
        return None;
    }
    let line = item.walk.source.place(item.span.clone()).line;
    if let Some(first) = first_lines.get(id) {
        let help = format!("the rule of line {first} has it already");
        item.fault(format!("the id {} is given twice", quoted(id)), help);
    } else {
        first_lines.insert(id.to_owned(), line);
    }
    Some(id.to_owned())
}

/// The condition part as a JSON object with sorted keys; a rule without markets is for all.
fn condition(s: &mut Section<'_>, known: &Known<'_>) -> String {
    let mut out = String::from("{");
    for key in CONDITION {
        let Some(item) = s.get(key) else {
            if key == "when" {
                let help = "write when = { kind = \"cross\", level = 100_000_000 }".to_owned();
                s.fault("this rule has no condition", help);
            }
            if key == "markets" {
                member(&mut out, key, "[\"*\"]");
            }
            continue;
        };
        match key {
            "markets" => {
                known.markets(&item);
            }
            "exclude" => Known::excluded(&item),
            "when" if !item.value.is_table() => {
                item.wrong("a table", "{ kind = \"cross\", level = 100_000_000 }")
            }
            _ => {}
        }
        let mut value = String::new();
        json::write(&item, Numbers::Text, &mut value);
        member(&mut out, key, &value);
    }
    out.push('}');
    out
}

/// Appends a member to an object that is being written.
fn member(object: &mut String, key: &str, value: &str) {
    if object.len() > 1 {
        object.push(',');
    }
    json::string(key, object);
    object.push(':');
    object.push_str(value);
}
