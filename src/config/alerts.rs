//! `[alerts]` and `[[alert]]`: the host's part of the rules, and their conditions as JSON.
//!
//! A condition is checked by the plugin that runs it; here it is only handed over, and cut off
//! from what the host decides, so that editing the one does not reset the other.

use std::collections::BTreeMap;

use super::{
    AlertDefaults, AlertPolicy, Alerts, Claim, OnGap, Rule, Severity,
    json::{self, Numbers},
    names::Known,
    notify,
    plugins::ALERT,
    routing,
    sections::ms,
    text::{self, quoted},
    walk::{Item, Section},
};

/// Most rules of one file (chosen; a rule is about a kilobyte at work).
const MAX_RULES: usize = 100_000;
const DAY: u64 = 86_400_000;

/// The kind of a rule for alerts of a plugin: it has no condition to hand over.
pub(super) const PLUGIN_KIND: &str = "plugin";

/// The keys of a rule that belong to its condition and are handed to the plugin.
const CONDITION: [&str; 9] =
    ["exclude", "hold", "hold_trades", "initial", "linger", "markets", "on_unknown", "source", "when"];

/// The keys of a rule that the host keeps, beside those of [`notify`].
const HOST: [&str; 8] =
    ["id", "name", "severity", "notify", "message", "resolved", "expires", "inhibited_by"];

/// The section, and the conditions of its rules as JSON objects in the same order; `lists` are
/// `[[alert]]`, `[[route]]` and `[[silence]]`.
pub(super) fn read(
    mut s: Section<'_>,
    [rules, routes, silences]: [Option<&Item<'_>>; 3],
    known: &Known<'_>,
    fetches: bool,
) -> (Alerts, Vec<String>) {
    let d = Alerts::default();
    let enabled = s.or("enabled", d.enabled, Item::boolean);
    let lateness = s.or("lateness", d.lateness, |i| i.duration(ms(0, 3_600_000)));
    let idle_lag = s.get("idle_lag").and_then(|item| {
        let lag = item.duration(ms(0, 3_600_000))?;
        if lag < lateness {
            let help = format!("write at least {}, the lateness", quoted(&text::show_duration(lateness)));
            item.fault("the clock would run ahead of trades that may still come", help);
        }
        Some(lag)
    });
    let on_gap = s.or("on_gap", if fetches { OnGap::Backfill } else { OnGap::Resume }, |i| gaps(i, fetches));
    let max_alert_age = s.or("max_alert_age", d.max_alert_age, |i| i.duration(ms(0, 30 * DAY)));
    let defaults = defaults(s.sub("defaults"), known);
    s.finish();
    let (rules, conditions) = read_rules(rules, &defaults, known);
    let routes = routing::routes(routes, known, &rules);
    let silences = routing::silences(silences, known, &rules);
    let alerts =
        Alerts { enabled, lateness, idle_lag, on_gap, max_alert_age, defaults, rules, routes, silences };
    (alerts, conditions)
}

/// What is done about a gap has to be what the feed does.
fn gaps(item: &Item<'_>, fetches: bool) -> Option<OnGap> {
    let words = [("backfill", OnGap::Backfill), ("resume", OnGap::Resume), ("reset", OnGap::Reset)];
    let on_gap = item.one_of(&words)?;
    match (on_gap, fetches) {
        (OnGap::Resume, true) => item.fault(
            "what was missed is fetched, so that there is no gap to go on behind",
            "leave it out, or write enabled = false in [feed.backfill]".to_owned(),
        ),
        (OnGap::Backfill, false) => item.fault(
            "nothing is fetched, because [feed.backfill] is not enabled",
            "write \"resume\", or enabled = true in [feed.backfill]".to_owned(),
        ),
        _ => {}
    }
    Some(on_gap)
}

fn defaults(mut s: Section<'_>, known: &Known<'_>) -> AlertDefaults {
    let d = AlertDefaults::default();
    let timezone = s.or("timezone", d.timezone, notify::zone);
    let defaults = AlertDefaults {
        notify: s.or("notify", d.notify, |i| known.channels(i)),
        severity: s.or("severity", d.severity, severity),
        resolved: s.maybe("resolved", Item::boolean),
        policy: notify::policy(&mut s, &AlertPolicy::default(), &timezone),
        timezone,
    };
    s.finish();
    defaults
}

fn severity(item: &Item<'_>) -> Option<Severity> {
    item.one_of(&[Severity::Info, Severity::Warning, Severity::Critical].map(|s| (s.as_str(), s)))
}

fn read_rules(
    item: Option<&Item<'_>>,
    defaults: &AlertDefaults,
    known: &Known<'_>,
) -> (Vec<Rule>, Vec<String>) {
    let mut reading = Reading { defaults, known, first_lines: BTreeMap::new(), inhibited: Vec::new() };
    let (mut rules, mut conditions) = (Vec::new(), Vec::new());
    for s in routing::tables(item, "alert", MAX_RULES) {
        let (rule, condition) = reading.rule(s, rules.len());
        rules.push(rule);
        conditions.extend(condition);
    }
    reading.check_inhibition(&mut rules);
    (rules, conditions)
}

/// The rules as they are being read.
struct Reading<'a, 'k> {
    defaults: &'k AlertDefaults,
    known: &'k Known<'k>,
    first_lines: BTreeMap<String, usize>,
    /// Which rule is inhibited by which ids, each with its place.
    inhibited: Vec<(usize, Vec<(Item<'a>, &'a str)>)>,
}

impl<'a> Reading<'a, '_> {
    fn rule(&mut self, mut s: Section<'a>, at: usize) -> (Rule, Option<String>) {
        // In the order in which a fault names them.
        for key in HOST.into_iter().chain(notify::KEYS).chain(CONDITION) {
            s.get(key);
        }
        let id = s.get("id");
        if id.is_none() {
            s.fault("this rule has no id", "write id = \"btc-100m\": alerts are recognised by it".to_owned());
        }
        let id = id.and_then(|item| read_id(&item, &mut self.first_lines)).unwrap_or_default();
        let defaults = self.defaults;
        let when = s.get("when");
        let kind = when.as_ref().and_then(kind).unwrap_or_default().to_owned();
        let claim = (kind == PLUGIN_KIND).then(|| claim(&s, when.as_ref(), self.known));
        if let Some(names) = s.get("inhibited_by").and_then(|item| item.strings("[\"feed-down\"]")) {
            self.inhibited.push((at, names));
        }
        let is_edge = notify::EDGES.contains(&kind.as_str());
        refuse_repeat(&mut s, &kind, is_edge);
        let rule = Rule {
            name: s.maybe("name", |i| i.string("a string", "").map(str::to_owned)),
            severity: s.or("severity", defaults.severity, severity),
            policy: notify::policy(&mut s, &defaults.policy, &defaults.timezone),
            notify: s.maybe("notify", |i| self.known.channels(i)),
            message: s.maybe("message", |i| i.string("a string", "").map(str::to_owned)),
            resolved: s.or("resolved", defaults.resolved.unwrap_or(false), Item::boolean),
            expires_ms: s.get("expires").and_then(|item| expires(&item)),
            inhibited_by: Vec::new(),
            is_single: is_single(&mut s, &kind, claim.as_ref()),
            semantic: if claim.is_none() { condition(&mut s, self.known) } else { String::new() },
            claim: claim.flatten(),
            kind,
            id,
        };
        s.finish_with(|key| {
            let near = text::nearest(key, CONDITION.into_iter().chain(HOST).chain(notify::KEYS)).is_some();
            (!near).then(|| "a condition's own parameters go into when = { kind = \"…\", … }".to_owned())
        });
        let handed = (rule.kind != PLUGIN_KIND).then(|| handed(&rule));
        (rule, handed)
    }

    /// Every rule that holds another back exists, and none holds back itself, by whatever way.
    fn check_inhibition(&self, rules: &mut [Rule]) {
        let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
        let at: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let mut by: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (rule, names) in &self.inhibited {
            for (item, name) in names {
                match at.get(name) {
                    Some(other) => by.entry(*rule).or_default().push(*other),
                    None => item.fault(
                        format!("unknown rule {}", quoted(name)),
                        text::suggest(name, &some(&ids), "rules of this file"),
                    ),
                }
            }
        }
        let mut told = Vec::new();
        for (rule, names) in &self.inhibited {
            let ring = ring(*rule, &by);
            if let Some((item, _)) = names.first().filter(|_| !ring.is_empty() && !told.contains(rule)) {
                let shown = ring.iter().chain(ring.first()).filter_map(|at| ids.get(*at)).copied();
                let shown = shown.collect::<Vec<_>>().join(" <- ");
                item.fault(
                    format!("rules hold one another back in a circle: {shown}"),
                    "take one of them out of inhibited_by".to_owned(),
                );
                told.extend(ring);
            }
        }
        let edge = |name: &str| {
            let rule = at.get(name).and_then(|at| rules.get(*at));
            rule.is_some_and(|rule| notify::EDGES.contains(&rule.kind.as_str()))
        };
        for (item, name) in self.inhibited.iter().flat_map(|(_, names)| names).filter(|(_, n)| edge(n)) {
            let help = "name a rule with a kind that holds for a while, such as price".to_owned();
            let message = format!("{} happens at an instant and never holds anything back", quoted(name));
            item.walk.warn(item, message, help);
        }
        for (at, names) in &self.inhibited {
            if let Some(rule) = rules.get_mut(*at) {
                rule.inhibited_by = names.iter().map(|(_, name)| (*name).to_owned()).collect();
            }
        }
    }
}

/// As many as a message can bear.
fn some<'i>(ids: &[&'i str]) -> Vec<&'i str> {
    const MOST: usize = 50;
    ids.iter().take(MOST).copied().collect()
}

/// The rules from `from` against the inhibition back to `from`; empty when it does not lead there.
fn ring(from: usize, by: &BTreeMap<usize, Vec<usize>>) -> Vec<usize> {
    let mut came: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        for next in by.get(&at).into_iter().flatten().copied() {
            if next == from {
                let mut ring = vec![at];
                while let Some(&before) = ring.last().filter(|at| **at != from).and_then(|at| came.get(at)) {
                    ring.push(before);
                }
                ring.reverse();
                return ring;
            }
            if let std::collections::btree_map::Entry::Vacant(new) = came.entry(next) {
                new.insert(at);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

/// The kind that a condition says.
fn kind<'a>(when: &Item<'a>) -> Option<&'a str> {
    when.value.as_table()?.get("kind")?.get_ref().as_str()
}

/// What happens at an instant does not go on, and so cannot be told again.
fn refuse_repeat(s: &mut Section<'_>, kind: &str, is_edge: bool) {
    if let Some(item) = s.get("repeat").filter(|_| is_edge) {
        let help = "leave it out, or use a kind that holds for a while, such as price or change".to_owned();
        item.fault(format!("a {kind} happens at an instant: there is nothing to repeat"), help);
    }
}

fn expires(item: &Item<'_>) -> Option<i64> {
    let at_ms = notify::instant(item)?;
    if at_ms <= item.walk.outside.now_ms() {
        let help = "take the rule out of the file, or give it another date".to_owned();
        item.walk.warn(item, "this rule has expired: it tells nothing".to_owned(), help);
    }
    Some(at_ms)
}

/// Whether a rule is about one market alone, or about none.
fn is_single(s: &mut Section<'_>, kind: &str, claim: Option<&Option<Claim>>) -> bool {
    if let Some(claim) = claim {
        return claim.as_ref().is_some_and(|claim| !claim.key.contains('*'));
    }
    let markets = s.get("markets").and_then(|item| match item.value.as_array() {
        Some(list) if list.len() == 1 => list.iter().next()?.get_ref().as_str(),
        _ => None,
    });
    kind == "health" || markets.is_some_and(|market| !market.contains('*'))
}

/// Which alerts of which plugin a rule speaks for.
fn claim(s: &Section<'_>, when: Option<&Item<'_>>, known: &Known<'_>) -> Option<Claim> {
    for (span, key, item) in s.entries() {
        if CONDITION.contains(&key) && key != "when" {
            let help =
                "the plugin decides when it raises an alert; key = \"KRW-*\" in when says which are meant";
            let message = format!("`{key}` is part of a condition, and this rule has none");
            item.walk.fault(span, &item.path, message, Some(help.into()));
        }
    }
    let mut when = when?.section()?;
    when.get("kind");
    let plugin = when.get("plugin");
    if plugin.is_none() {
        when.fault("which plugin is not said", "write plugin = \"my_model\"".to_owned());
    }
    let plugin = plugin.and_then(|item| {
        let name = item.string("the name of a plugin", "\"my_model\"")?;
        if name == ALERT || name.contains('*') {
            let message = if name == ALERT { "its rules stand in this file" } else { "one plugin is meant" };
            item.fault(message, "name a plugin of your own".to_owned());
            return None;
        }
        known.plugin(&item)
    });
    let glob = |item: &Item<'_>| item.string("a pattern", "\"*\"").map(str::to_owned);
    let rule = when.or("rule", "*".to_owned(), glob);
    let key = when.or("key", "*".to_owned(), glob);
    when.finish();
    Some(Claim { plugin: plugin?, rule, key })
}

/// A condition as the plugin gets it: with the rule's id.
fn handed(rule: &Rule) -> String {
    let mut handed = String::from("{\"id\":");
    json::string(&rule.id, &mut handed);
    handed.push(',');
    handed.push_str(rule.semantic.trim_start_matches('{'));
    handed
}

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
