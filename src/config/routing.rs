//! `[[route]]` and `[[silence]]`: which alerts go where, and which are not told at all.

use super::{
    Route, Rule, Silence,
    names::{Known, upper_case},
    notify,
    text::quoted,
    walk::{Item, Section},
};
use crate::{
    alert::{Matcher, Severity},
    market::glob_matches,
};

/// Most routes and silences of one file (chosen: each is tried for each alert that leaves).
const MAX_ENTRIES: usize = 1000;

/// The tables of an array of tables.
pub(super) fn tables<'a>(item: Option<&Item<'a>>, key: &str, most: usize) -> Vec<Section<'a>> {
    let Some(item) = item else { return Vec::new() };
    if item.value.is_table() {
        let help = format!("write [[{key}]], with two brackets, above every one");
        item.fault(format!("[{key}] is one table"), help);
        return Vec::new();
    }
    let items = item.items(&format!("[[{key}]] above every one")).unwrap_or_default();
    if items.len() > most {
        item.fault(format!("{} of [[{key}]]", items.len()), format!("at most {most} are accepted"));
        return Vec::new();
    }
    items.iter().filter_map(Item::section).collect()
}

pub(super) fn routes(item: Option<&Item<'_>>, known: &Known<'_>, rules: &[Rule]) -> Vec<Route> {
    let route = |mut s: Section<'_>| {
        let alerts = s.maybe("match", |i| matcher(i, known, rules)).unwrap_or_default();
        let notify = s.get("notify");
        if notify.is_none() {
            s.fault("this route leads nowhere", "write notify = [\"stdout\"]".to_owned());
        }
        let notify = notify.and_then(|item| known.channels(&item)).unwrap_or_default();
        let goes_on = s.or("continue", false, Item::boolean);
        s.finish();
        Route { alerts, notify, goes_on }
    };
    tables(item, "route", MAX_ENTRIES).into_iter().map(route).collect()
}

pub(super) fn silences(item: Option<&Item<'_>>, known: &Known<'_>, rules: &[Rule]) -> Vec<Silence> {
    tables(item, "silence", MAX_ENTRIES).into_iter().map(|s| silence(s, known, rules)).collect()
}

fn silence(mut s: Section<'_>, known: &Known<'_>, rules: &[Rule]) -> Silence {
    let matched = s.get("match");
    let everything = "this would silence everything";
    let help = "write match = { rule = \"pump\" }; for everything, match = { rule = \"*\" }".to_owned();
    match &matched {
        None => s.fault(everything, help),
        Some(item) if item.section().is_some_and(|s| s.entries().is_empty()) => item.fault(everything, help),
        Some(_) => {}
    }
    let alerts = matched.and_then(|item| matcher(&item, known, rules)).unwrap_or_default();
    let from_ms = s.maybe("from", notify::instant);
    let until = s.get("until");
    if until.is_none() {
        s.fault("this silence has no end", "write until = 2026-12-31T00:00:00+09:00".to_owned());
    }
    let until_ms = until.as_ref().and_then(notify::instant);
    if let (Some(item), Some(until_ms)) = (&until, until_ms) {
        if from_ms.is_some_and(|from| from >= until_ms) {
            item.fault("this silence ends before it begins", None);
        } else if until_ms <= item.walk.outside.now_ms() {
            item.walk.warn(item, "this silence is over".to_owned(), "take it out of the file".to_owned());
        }
    }
    let reason = s.maybe("reason", |i| i.string("a string", "").map(str::to_owned)).unwrap_or_default();
    s.finish();
    Silence { alerts, from_ms, until_ms: until_ms.unwrap_or(0), reason }
}

/// What `match = { … }` means.
fn matcher(item: &Item<'_>, known: &Known<'_>, rules: &[Rule]) -> Option<Matcher> {
    let mut s = item.section()?;
    let severities = [Severity::Info, Severity::Warning, Severity::Critical].map(|s| (s.as_str(), s));
    let matcher = Matcher {
        rule: s.maybe("rule", |i| rule(i, known, rules)),
        market: s.maybe("market", |i| {
            let glob = i.string("a market or a pattern", "\"KRW-*\"")?;
            // What is in lower case may be what a plugin's own alert is about.
            let is_market = glob.contains('-') && upper_case_market(i, glob);
            (is_market || !glob.contains('-')).then(|| glob.to_owned())
        }),
        severity: s.maybe("severity", |i| i.one_of(&severities)).map(|s| s.as_str().to_owned()),
        plugin: s.maybe("plugin", |i| match i.value.as_str() {
            Some(super::plugins::ALERT) => Some(super::plugins::ALERT.to_owned()),
            _ => known.plugin(i),
        }),
        labels: s.maybe("labels", notify::labels_of).unwrap_or_default(),
    };
    s.finish();
    Some(matcher)
}

/// A code that would be one if it were in upper case is a slip; anything else is a plugin's word.
fn upper_case_market(item: &Item<'_>, glob: &str) -> bool {
    let slip = ["krw-", "btc-", "usdt-"].iter().any(|quote| glob.to_ascii_lowercase().starts_with(quote));
    !slip || upper_case(item, glob)
}

fn rule(item: &Item<'_>, known: &Known<'_>, rules: &[Rule]) -> Option<String> {
    let glob = item.string("the id of a rule or a pattern", "\"pump*\"")?;
    let own_rules_only = known.plugins.iter().all(|name| *name == super::plugins::ALERT);
    if own_rules_only && !rules.iter().any(|rule| glob_matches(glob, &rule.id)) {
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        let near = super::text::nearest(glob, ids);
        let help = match near {
            Some(id) => format!("did you mean {}?", quoted(id)),
            None => "write the id of an [[alert]], or a pattern like \"pump*\"".to_owned(),
        };
        item.fault(format!("{} matches no rule", quoted(glob)), help);
        return None;
    }
    Some(glob.to_owned())
}
