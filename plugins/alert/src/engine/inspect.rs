//! What a rule has in mind about one market, for a person: live values, and why it is silent.
//!
//! Asked `{"rule": "id", "market": "KRW-BTC"}`; for a rule about no market, `market` is its key.
//! A plain rule is shown as the general evaluator sees the same condition.

use super::general::{General, Node};
use super::level::{Level, Phase};
use super::market::Market;
use super::prices::Watch;
use super::retire;
use super::view::{Needs, View};
use super::{Engine, World};
use crate::bounds::{Bounds, Reading, Unit};
use crate::condition::{self, Condition};
use crate::config::{Around, Faults};
use crate::rule::{Rule, Scope, When};
use crate::say::span;
use crate::signal::{Edge, NEVER, Signal};
use serde_json::{Map, Value, json};
use tradehook_sdk::Value as Field;

impl Engine {
    /// The answer as JSON.
    pub(crate) fn inspect(&mut self, query: &str) -> Result<String, String> {
        let query: Value = serde_json::from_str(query).map_err(|error| format!("not JSON: {error}"))?;
        let word = |key: &str| query.get(key).and_then(Value::as_str);
        let id = word("rule").ok_or("`rule` is missing: {\"rule\": \"id\", \"market\": \"KRW-BTC\"}")?;
        let found = (0u32..).zip(&self.rules).find(|(_, rule)| rule.id == id);
        let (index, rule) = found.ok_or_else(|| format!("there is no rule `{id}`"))?;
        let rule = rule.clone();
        let Some(key) = word("market").or_else(|| word("key")) else {
            let keys: Vec<String> = self.keys(index).map(|market| market.code.clone()).collect();
            return Ok(json!({ "rule": id, "kind": rule.when.kind(), "keys": keys }).to_string());
        };
        let mut answer = Map::new();
        answer.insert("rule".into(), id.into());
        answer.insert("market".into(), key.into());
        answer.insert("kind".into(), rule.when.kind().into());
        let reason = self.explain(index, &rule, key, &mut answer);
        answer.insert("reason".into(), reason.into());
        Ok(Value::Object(answer).to_string())
    }

    /// The markets and subjects that a rule watches.
    fn keys(&mut self, index: u32) -> impl Iterator<Item = &mut Market> {
        let markets = self.markets.iter_mut().flatten();
        let subjects = self.subjects.all.iter_mut().map(|subject| &mut subject.market);
        markets.chain(subjects).map(Box::as_mut).filter(move |market| market.watches.rules().contains(&index))
    }

    /// Fills in what there is to say; why the rule is silent, or that it is not.
    fn explain(&mut self, index: u32, rule: &Rule, key: &str, answer: &mut Map<String, Value>) -> String {
        if rule.scope == Scope::Market && !rule.covers(key) {
            return format!("the rule is not about {key}");
        }
        if Self::is_delisted(&self.world, key) {
            return format!("{key} was taken off the venue's list");
        }
        // Lent for as long as the market is looked at.
        let (rules, world) = (std::mem::take(&mut self.rules), std::mem::take(&mut self.world));
        let market = self.keys(index).find(|market| market.code == key);
        let reason = market.map(|market| market.explain(index, rule, (&rules, &world), answer));
        (self.rules, self.world) = (rules, world);
        reason.unwrap_or_else(|| match rule.scope {
            Scope::Market => format!("no trade of {key} was seen yet"),
            _ => format!("nothing was told about {key} yet"),
        })
    }
}

impl Market {
    fn explain(
        &mut self,
        index: u32,
        rule: &Rule,
        (rules, world): (&[Rule], &World),
        answer: &mut Map<String, Value>,
    ) -> String {
        answer.insert("clock_at_ms".into(), self.clock.now_ms.into());
        if let Some(latest) = self.clock.latest {
            answer.insert("price".into(), latest.price.to_string().into());
            answer.insert("last_trade_at_ms".into(), latest.at_ms.into());
        }
        if self.clock.cover_from > i64::MIN {
            answer.insert("seen_whole_since_ms".into(), self.clock.cover_from.into());
        }
        let level = match &rule.when {
            When::General(_) => {
                let instances = self.watches.general.instances.iter();
                instances.map(|instance| &instance.level).find(|level| level.rule == index).cloned()
            }
            _ => {
                retire::levels(self).into_iter().find(|level| level.rule == index).map(|level| level.clone())
            }
        };
        let Some(condition) = general(rule) else { return String::new() };
        answer.insert("condition".into(), condition.words().into());
        if condition.is_instant() {
            lines(self, index, answer);
        }
        let own = matches!(rule.when, When::General(_));
        let mut temporary = General::default();
        if !own {
            let mut needs = Needs::of(&mut self.watches, &self.code, rules);
            temporary.put(index, &condition, rule.timing, &mut needs);
        }
        self.watches.settle(&self.clock);
        let view = self.watches.view(&self.clock, self.prev_close, world);
        let seen = if own { &self.watches.general } else { &temporary };
        let mut parts = Vec::new();
        if let Some(instance) = seen.instances.iter().find(|instance| instance.level.rule == index) {
            let asked = Asked { signals: &seen.signals, edges: &seen.edges, view: &view };
            asked.parts(&condition, &instance.root, &mut parts);
        }
        let waits = parts.iter().find(|part| part.get("value") == Some(&Value::Null)).cloned();
        answer.insert("signals".into(), parts.into());
        match level {
            Some(level) if !condition.is_instant() => state(&level, self.clock.now_ms, waits, answer),
            _ => "it fires at the instant at which it happens, which is not now".to_owned(),
        }
    }
}

/// The condition as the general evaluator has it.
fn general(rule: &Rule) -> Option<Condition> {
    if let When::General(condition) = &rule.when {
        return Some(condition.clone());
    }
    let value = serde_json::from_str(&rule.text).ok()?;
    // Plain rules build no bars.
    let around = Around { source: rule.source, markets: &rule.markets, lateness_ms: 0 };
    condition::read(&value, "", around, &mut Faults::default())
}

/// Where lines stand: on which side the price was, and which directions are armed.
fn lines(market: &Market, index: u32, answer: &mut Map<String, Value>) {
    let watches = market.watches.prices.iter().flat_map(|prices| &prices.watches);
    let mut lines = Vec::new();
    for watch in watches.filter(|watch| watch.rule() == index) {
        if let Watch::Line { at, line, .. } = watch {
            let (side, up, down) = line.memory.seen();
            lines.push(
                json!({ "level": at.to_string(), "price_was": side, "armed_up": up, "armed_down": down }),
            );
        }
    }
    if !lines.is_empty() {
        answer.insert("lines".into(), lines.into());
    }
}

/// Where the level stands, and why it does.
fn state(level: &Level, now_ms: i64, waits: Option<Value>, answer: &mut Map<String, Value>) -> String {
    let (memory, timing) = (level.memory, level.timing());
    let truth = memory.known.then_some(memory.truth);
    answer.insert("truth".into(), truth.into());
    let (word, since, left) = match memory.phase {
        Phase::Ok => ("ok", None, None),
        Phase::Pending { since_ms, .. } => ("pending", Some(since_ms), Some(timing.hold_ms)),
        Phase::Firing => ("firing", None, None),
        Phase::Lingering { since_ms } => ("lingering", Some(since_ms), Some(timing.linger_ms)),
    };
    answer.insert("state".into(), word.into());
    if let Some((since_ms, all_ms)) = since.zip(left) {
        answer.insert("since_ms".into(), since_ms.into());
        if timing.hold_trades == 0 || word == "lingering" {
            let left = since_ms.saturating_add(all_ms).saturating_sub(now_ms).max(0);
            answer.insert("left_ms".into(), left.into());
        }
    }
    match (memory.phase, truth) {
        (Phase::Firing, _) => "it fires".to_owned(),
        (Phase::Lingering { .. }, _) => {
            format!("it is over, and resolves once it was so for {}", span(timing.linger_ms))
        }
        (_, None) => match waits.as_ref().and_then(|part| part.get("about")).and_then(Value::as_str) {
            Some(about) => format!("not known yet: {about}"),
            None => "not known yet".to_owned(),
        },
        (Phase::Pending { trades, .. }, _) if timing.hold_trades > 0 => {
            format!("true for {trades} of {} trades", timing.hold_trades)
        }
        (Phase::Pending { since_ms, .. }, _) => {
            let held = span(now_ms.saturating_sub(since_ms));
            format!("true for {held} of {}", span(timing.hold_ms))
        }
        (Phase::Ok, Some(true)) if !level.is_armed() => {
            "it was true from the start, and waits until it is not (initial = \"arm\")".to_owned()
        }
        (Phase::Ok, _) => "its condition is not met".to_owned(),
    }
}

/// What is needed to say what each part is.
struct Asked<'a> {
    signals: &'a [(Vec<u8>, Box<dyn Signal>)],
    edges: &'a [(Vec<u8>, Box<dyn Edge>)],
    view: &'a View<'a>,
}

impl Asked<'_> {
    fn parts(&self, condition: &Condition, node: &Node, parts: &mut Vec<Value>) {
        match (condition, node) {
            (Condition::Level { what, bounds }, Node::Level { signal, standing }) => {
                let Some((_, signal)) = self.signals.get(*signal) else { return };
                let reading = signal.value(self.view);
                let mut part = one(&what.words(), bounds, *standing, reading);
                if reading.is_none() {
                    let due = signal.due(self.view);
                    if due < NEVER {
                        let left = due.saturating_sub(self.view.now_ms);
                        part.insert("may_be_known_in_ms".into(), left.into());
                    }
                }
                let mut fields = Vec::new();
                signal.describe(self.view, &mut fields);
                for (name, field) in fields {
                    part.entry(name).or_insert(plain(field));
                }
                if signal.partial(self.view) {
                    part.insert("partial".into(), true.into());
                }
                parts.push(Value::Object(part));
            }
            (Condition::Frequency(what), Node::Frequency { counter, standing, .. }) => {
                let part = one(&what.words(), &what.bounds, *standing, Some(counter.now()));
                parts.push(Value::Object(part));
            }
            (Condition::All { of, .. } | Condition::Any(of), Node::Parts(nodes)) => {
                of.iter().zip(nodes).for_each(|(part, node)| self.parts(part, node, parts));
            }
            (Condition::Not(part), Node::Parts(nodes)) => {
                nodes.iter().for_each(|node| self.parts(part, node, parts));
            }
            (Condition::Sequence(what), Node::Sequence { parts: nodes, steps, .. }) => {
                let met = format!("{} of {}", steps.reached(), what.steps.len());
                parts.push(json!({ "about": "steps that were met", "value": met }));
                let all = what.steps.iter().chain(&what.forbid);
                all.zip(nodes).for_each(|(part, node)| self.parts(part, node, parts));
            }
            (Condition::Instant(what), Node::Instant { edge, at_ms }) => {
                let mut part = Map::new();
                part.insert("about".into(), what.words().into());
                let mut fields = Vec::new();
                if let Some((_, edge)) = self.edges.get(*edge) {
                    edge.describe(self.view, &mut fields);
                }
                for (name, field) in fields {
                    part.entry(name).or_insert(plain(field));
                }
                if *at_ms > i64::MIN {
                    part.insert("happened_at_ms".into(), (*at_ms).into());
                }
                parts.push(Value::Object(part));
            }
            _ => {}
        }
    }
}

/// A value and its bounds.
fn one(about: &str, bounds: &Bounds, standing: u8, reading: Option<Reading>) -> Map<String, Value> {
    let mut part = Map::new();
    part.insert("about".into(), about.into());
    part.insert("value".into(), reading.map_or(Value::Null, |reading| plain(bounds.shown(&reading))));
    if bounds.unit != Unit::Flag {
        part.insert("shown".into(), reading.map(|reading| bounds.say_reading(&reading)).into());
        part.insert("wanted".into(), bounds.words(standing.max(1)).into());
        for (name, limit) in bounds.limits(standing) {
            part.insert(name.into(), bounds.say(&limit).into());
        }
    }
    part.insert("true".into(), reading.map(|_| standing > 0).into());
    part
}

/// A field as JSON; exact numbers as text.
fn plain(field: Field) -> Value {
    match field {
        Field::Text(text) => text.into(),
        Field::Number(number) => number.to_string().into(),
        Field::Int(number) => number.into(),
        Field::Float(number) => number.into(),
        Field::Bool(yes) => yes.into(),
        Field::Null => Value::Null,
    }
}
