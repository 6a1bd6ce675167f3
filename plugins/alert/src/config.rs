//! The configuration: JSON text in, rules or every mistake out.
//!
//! Read by hand, not derived, because all mistakes are wanted at once, each with its place and
//! with what would be accepted; a derived reader stops at the first.

mod read;
mod units;

pub(crate) use read::{Amount, Faults, Reader, nearest};

use crate::condition;
use crate::kinds;
use crate::rule::{Config, Initial, OnUnknown, Rule, Scope, Source, Timing};
use serde_json::Value;
use std::collections::BTreeMap;
use tradehook_sdk::ConfigFault;

const RULE_KEYS: &[&str] = &[
    "id",
    "markets",
    "exclude",
    "source",
    "hold",
    "hold_trades",
    "linger",
    "initial",
    "on_unknown",
    "repeat",
    "resolved",
    "when",
];

/// Reads `{"rules": […], "lateness": "2s", "idle_lag": "2s"}`.
pub(crate) fn parse(text: &str) -> Result<Config, Vec<ConfigFault>> {
    let mut faults = Faults::default();
    let config = match serde_json::from_str::<Value>(text) {
        Ok(value) => read(&value, &mut faults),
        Err(error) => {
            faults.push("", format!("not JSON: {error}"), "an object with `rules`");
            None
        }
    };
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults.into_list()),
    }
}

fn read(value: &Value, faults: &mut Faults) -> Option<Config> {
    let mut top = Reader::new(value, "", &["rules", "lateness", "idle_lag", "on_gap"], faults)?;
    let lateness_ms = top.duration("lateness").unwrap_or(2000);
    let idle_lag_ms = top.duration("idle_lag").unwrap_or(2000);
    if idle_lag_ms < lateness_ms {
        top.fault("idle_lag", "shorter than `lateness`", "at least the allowed lateness");
    }
    let words = &[("resume", false), ("reset", true), ("backfill", false)];
    let reset_on_gap = top.choice("on_gap", words).unwrap_or(false);
    let mut rules: Vec<(usize, Rule)> = Vec::new();
    let mut first_places = BTreeMap::new();
    for (index, item) in top.array("rules").unwrap_or_default().iter().enumerate() {
        let path = format!("/rules/{index}");
        let Some(rule) = read_rule(item, &path, lateness_ms, top.faults()) else { continue };
        if let Some(first) = first_places.get(&rule.id) {
            let message = format!("a second rule with the id `{}`; the first is rule {first}", rule.id);
            top.faults().push(format!("{path}/id"), message, "an id of its own for each rule");
        }
        first_places.entry(rule.id.clone()).or_insert(index);
        rules.push((index, rule));
    }
    condition::check_counted(&rules, top.faults());
    let rules = rules.into_iter().map(|(_, rule)| rule).collect();
    Some(Config { rules, lateness_ms, idle_lag_ms, reset_on_gap })
}

/// What of a rule the reader of its `when` must know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Around<'a> {
    pub(crate) source: Option<Source>,
    pub(crate) markets: &'a [String],
    /// How long bars wait for late trades.
    pub(crate) lateness_ms: i64,
}

fn read_rule(value: &Value, path: &str, lateness_ms: i64, faults: &mut Faults) -> Option<Rule> {
    let mut rule = Reader::new(value, path, RULE_KEYS, faults)?;
    let id = rule.required_text("id");
    let markets = rule.globs("markets");
    let exclude = rule.globs("exclude").unwrap_or_default();
    let source = rule.choice("source", SOURCES);
    let timing = Timing {
        hold_ms: rule.duration("hold").unwrap_or(0),
        hold_trades: rule.count("hold_trades").unwrap_or(0),
        linger_ms: rule.duration("linger").unwrap_or(0),
        initial: rule
            .choice("initial", &[("fire", Initial::Fire), ("arm", Initial::Arm)])
            .unwrap_or_default(),
        on_unknown: rule
            .choice(
                "on_unknown",
                &[("hold", OnUnknown::Hold), ("clear", OnUnknown::Clear), ("fire", OnUnknown::Fire)],
            )
            .unwrap_or_default(),
    };
    if rule.has("hold") && rule.has("hold_trades") {
        rule.fault("hold_trades", "`hold` and `hold_trades` together", "one of them");
    }
    let _ = rule.flag("resolved");
    let Some(table) = rule.get("when") else {
        rule.fault("", "`when` is missing", format!("a table with `kind`, one of {}", kinds::list()));
        return None;
    };
    let around = Around { source, markets: markets.as_deref().unwrap_or_default(), lateness_ms };
    let when = kinds::read(table, &format!("{path}/when"), around, rule.faults());
    let kind = table.get("kind").and_then(Value::as_str).unwrap_or_default();
    let edge = kinds::edge_hint(kinds::variant(kind, table));
    if let Some(hint) = edge {
        for key in ["hold", "hold_trades", "linger", "initial", "on_unknown", "repeat"] {
            if rule.has(key) {
                rule.fault(key, format!("`{key}` on a rule that fires at an instant"), hint);
            }
        }
    }
    if edge.is_none() && rule.has("repeat") {
        rule.fault(
            "repeat",
            "`repeat` is no part of a condition",
            "`repeat` in the [[alert]] of config.toml",
        );
    }
    if kind == "silence" && rule.has("hold_trades") {
        rule.fault("hold_trades", "a silence has no trades to count", "`hold`, or a longer `for`");
    }
    let when = when?;
    let scope = when.scope();
    let markets = own_markets(&mut rule, markets, &when, scope);
    let text = rule.get("when").map_or(String::new(), Value::to_string);
    Some(Rule { id: id?, markets: markets?, exclude, timing, when, scope, text, source })
}

/// The markets of a rule; those of some conditions follow from the condition.
fn own_markets(
    rule: &mut Reader<'_>,
    markets: Option<Vec<String>>,
    when: &crate::rule::When,
    scope: Scope,
) -> Option<Vec<String>> {
    let all = markets.as_ref().is_none_or(|markets| markets.iter().all(|glob| glob == "*"));
    if let Some(base) = when.base() {
        if !all && markets.as_ref().is_some_and(|markets| markets.iter().any(|code| code != base)) {
            rule.fault("markets", "markets of a premium", format!("leave it away: it is about {base}"));
        }
        return Some(vec![base.to_owned()]);
    }
    if scope != Scope::Market {
        if !all {
            rule.fault("markets", "markets of a rule about tradehook itself", "leave it away");
        }
        return Some(vec!["*".to_owned()]);
    }
    if rule.get("markets").is_none() {
        rule.fault("", "`markets` is missing", "codes or globs, for instance [\"KRW-*\"]");
    }
    markets
}

/// The words for `source`.
pub(crate) const SOURCES: &[(&str, Source)] = &[
    ("last", Source::Last),
    ("mid", Source::Mid),
    ("best_bid", Source::BestBid),
    ("best_ask", Source::BestAsk),
];
