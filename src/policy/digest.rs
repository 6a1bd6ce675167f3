//! Digests: what was held back because there was too much of it, or because it came too late, told
//! in one message for each channel.
//!
//! Nothing that is held is lost: alerts of the same rule, key and transition share an entry that
//! counts them, and when there are too many entries the rest is counted without its names.
//!
//! Keeps: [bounded] [time-enters-once]

use super::{
    identity::{self, Id, Transition, hex},
    state::cut,
    value,
};
use crate::{
    alert::{AlertState, Severity},
    delivery::{Content, Delivery},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write};

/// Entries of one digest that keep their names. A thousand would not be read either; chosen.
const MAX_ENTRIES: usize = 200;
/// Lines of a digest's text. Chosen: one screen of a phone, scrolled twice.
const MAX_LINES: usize = 40;

/// Why an alert is in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// Its rule had said as much as it may.
    Limited,
    /// It was too old when it was heard of.
    Outdated,
}

/// What is told of alerts that were held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) count: u64,
    /// Those that a cooldown swallowed before them.
    pub(super) suppressed: u64,
    pub(super) severity: Severity,
    pub(super) first_at_ms: i64,
    pub(super) last_at_ms: i64,
    /// Of the last of them.
    pub(super) episode: Id,
    pub(super) title: String,
}

/// What alerts that share an entry have in common. The empty one is for those without a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) rule: String,
    pub(super) plugin: String,
    pub(super) key: String,
    pub(super) kind: Transition,
    pub(super) why: Why,
}

/// A digest that is being gathered for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// The id that the first message in it would have had: the digest's own is made of it.
    pub(super) seed: Id,
    pub(super) opened_ms: i64,
    pub(super) due_ms: i64,
    pub(super) replay: bool,
    pub(super) entries: BTreeMap<Name, Held>,
}

/// By channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) pending: BTreeMap<String, Pending>,
}

/// One alert on its way into a digest.
pub(super) struct Item {
    pub(super) name: Name,
    pub(super) held: Held,
    pub(super) seed: Id,
    pub(super) window_ms: u64,
    pub(super) replay: bool,
}

impl Digests {
    /// Holds an alert for `channel`; the digest leaves when its window is over.
    pub(super) fn hold(&mut self, channel: &str, item: Item, now_ms: i64) {
        let due_ms = now_ms.saturating_add_unsigned(item.window_ms);
        let pending = self.pending.entry(channel.to_owned()).or_insert_with(|| Pending {
            seed: item.seed,
            opened_ms: now_ms,
            due_ms,
            replay: item.replay,
            entries: BTreeMap::new(),
        });
        pending.due_ms = pending.due_ms.min(due_ms);
        let mut name = item.name;
        if pending.entries.len() >= MAX_ENTRIES && !pending.entries.contains_key(&name) {
            (name.rule, name.plugin, name.key) = Default::default();
        }
        match pending.entries.entry(name) {
            std::collections::btree_map::Entry::Vacant(vacant) => drop(vacant.insert(item.held)),
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().join(item.held),
        }
    }

    /// Lets go what is due.
    pub(super) fn leave(&mut self, now_ms: i64, out: &mut Vec<Delivery>) {
        let is_due = |p: &Pending| p.due_ms <= now_ms;
        let due: Vec<_> = self.pending.iter().filter(|(_, p)| is_due(p)).map(|(c, _)| c.clone()).collect();
        for channel in due {
            if let Some(pending) = self.pending.remove(&channel) {
                out.push(delivery(&channel, &pending, now_ms));
            }
        }
    }

    /// How many alerts of a rule and key wait.
    pub(super) fn waiting(&self, rule: &str, plugin: &str, key: &str) -> u64 {
        let is = |name: &&Name| (&*name.rule, &*name.plugin, &*name.key) == (rule, plugin, key);
        let of = |p: &Pending| p.entries.iter().filter(|(n, _)| is(n)).map(|(_, h)| h.count).sum::<u64>();
        self.pending.values().map(of).max().unwrap_or_default()
    }
}

impl Held {
    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.suppressed += other.suppressed;
        self.severity = self.severity.max(other.severity);
        self.first_at_ms = self.first_at_ms.min(other.first_at_ms);
        self.last_at_ms = self.last_at_ms.max(other.last_at_ms);
        (self.episode, self.title) = (other.episode, other.title);
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    version: u32,
    notification_id: &'a str,
    episode_id: &'a str,
    rule: Rule,
    key: Key,
    state: &'static str,
    at: String,
    at_kst: String,
    started_at: String,
    count: u64,
    limited: u64,
    outdated: u64,
    alerts: Vec<Line<'a>>,
    replay: bool,
    title: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Rule {
    id: &'static str,
    name: &'static str,
    severity: &'static str,
    kind: &'static str,
}

#[derive(Serialize)]
struct Key {
    name: &'static str,
}

#[derive(Serialize)]
struct Line<'a> {
    r#type: String,
    why: Why,
    plugin: &'a str,
    rule: &'a str,
    key: &'a str,
    severity: &'static str,
    count: u64,
    suppressed_count: u64,
    first_at: String,
    last_at: String,
    episode_id: String,
    title: &'a str,
}

fn delivery(channel: &str, pending: &Pending, now_ms: i64) -> Delivery {
    let id = hex(&identity::hash(&[b"tradehook.digest.1", channel.as_bytes(), &pending.seed]));
    let mut entries: Vec<_> = pending.entries.iter().collect();
    entries.sort_by_key(|(name, held)| (name.rule.is_empty(), held.first_at_ms));
    let count = |why: Why| entries.iter().filter(|(n, _)| n.why == why).map(|(_, h)| h.count).sum::<u64>();
    let (limited, outdated) = (count(Why::Limited), count(Why::Outdated));
    let severity = entries.iter().map(|(_, held)| held.severity).max().unwrap_or_default();
    let title = title(limited, outdated);
    let text = text(&title, &entries);
    let body = Body {
        r#type: "alert.digest",
        version: 1,
        notification_id: &id,
        episode_id: &id,
        rule: Rule { id: "digest", name: "", severity: severity.as_str(), kind: "digest" },
        key: Key { name: "" },
        state: AlertState::Event.as_str(),
        at: value::utc(now_ms),
        at_kst: value::kst(now_ms),
        started_at: value::utc(pending.opened_ms),
        count: limited + outdated,
        limited,
        outdated,
        alerts: entries.iter().map(|(name, held)| line(name, held)).collect(),
        replay: pending.replay,
        title: &title,
        text: &text,
    };
    Delivery {
        // Text keys and plain values only: serialising them cannot fail.
        body: serde_json::to_string(&body).unwrap_or_default(),
        notification_id: id.clone(),
        channel: channel.to_owned(),
        lane: format!("{channel}/digest"),
        episode_id: id,
        content: Content::Alert,
        at_ms: now_ms,
        severity,
        state: AlertState::Event,
        rule: "digest".to_owned(),
        key: String::new(),
        text,
    }
}

fn line<'a>(name: &'a Name, held: &'a Held) -> Line<'a> {
    Line {
        r#type: format!("alert.{}", name.kind.as_str()),
        why: name.why,
        plugin: &name.plugin,
        rule: &name.rule,
        key: &name.key,
        severity: held.severity.as_str(),
        count: held.count,
        suppressed_count: held.suppressed,
        first_at: value::utc(held.first_at_ms),
        last_at: value::utc(held.last_at_ms),
        episode_id: hex(&held.episode),
        title: &held.title,
    }
}

fn title(limited: u64, outdated: u64) -> String {
    let noun = if limited + outdated == 1 { "alert" } else { "alerts" };
    let why = match (limited, outdated) {
        (_, 0) => "over the rate of its rule".to_owned(),
        (0, _) => "too old when it came in".to_owned(),
        (limited, outdated) => format!("{limited} over the rate of a rule, {outdated} too old"),
    };
    format!("{} {noun} held back: {why}", limited + outdated)
}

fn text(title: &str, entries: &[(&Name, &Held)]) -> String {
    let mut text = title.to_owned();
    for (name, held) in entries.iter().take(MAX_LINES) {
        let at = value::kst_short(value::timestamp(held.last_at_ms));
        let (key, rule) = if name.rule.is_empty() { ("others", "") } else { (&*name.key, &*name.rule) };
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{at} {key} {rule} {}", name.kind.as_str());
        if held.count > 1 {
            let _ = write!(text, " ×{}", held.count);
        }
        let _ = write!(text, ": {}", held.title.replace(['\n', '\r'], " "));
    }
    let rest: u64 = entries.iter().skip(MAX_LINES).map(|(_, held)| held.count).sum();
    if rest > 0 {
        let _ = write!(text, "\nand {rest} more");
    }
    cut(&text, super::template::MAX_TEXT)
}
