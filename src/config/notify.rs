//! The keys that say when alerts are told and how often, for one rule or by default.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Active, AlertPolicy, Trigger,
    sections::ms,
    text::{self, quoted},
    walk::{Item, Section},
};
use toml::de::DeValue;

const SECOND: u64 = 1000;
const DAY: u64 = 86_400 * SECOND;

/// Kinds whose conditions come true at one instant and are over with it.
pub(super) const EDGES: [&str; 5] = ["cross", "channel", "breakout", "large_trade", "sequence"];

/// The keys that this module reads.
pub(super) const KEYS: [&str; 8] =
    ["active", "cooldown", "labels", "max_rate", "notify_on_fall", "once_per", "repeat", "trigger"];

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Most labels of a rule, and the longest value (chosen; receivers index by them).
const MAX_LABELS: usize = 32;
const MAX_LABEL: usize = 200;

/// The policy keys of a section; what it leaves open is as in `d`.
pub(super) fn policy(s: &mut Section<'_>, d: &AlertPolicy, timezone: &str) -> AlertPolicy {
    let mut labels = d.labels.clone();
    labels.extend(s.maybe("labels", labels_of).unwrap_or_default());
    AlertPolicy {
        cooldown: s.maybe("cooldown", |i| i.duration(ms(0, 30 * DAY))).or(d.cooldown),
        trigger: trigger(s, timezone).unwrap_or_else(|| d.trigger.clone()),
        repeat: match s.get("repeat") {
            // So that a rule can be without what the defaults say.
            Some(item) if item.value.as_str() == Some("0s") => None,
            Some(item) => item.duration(ms(SECOND, 30 * DAY)),
            None => d.repeat,
        },
        max_rate: match s.get("max_rate") {
            Some(item) if item.value.as_str() == Some("off") => None,
            Some(item) => rate(&item),
            None => d.max_rate,
        },
        active: s.maybe("active", |i| active(i, timezone)).or_else(|| d.active.clone()),
        notify_on_fall: s.or("notify_on_fall", d.notify_on_fall, Item::boolean),
        labels,
    }
}

fn trigger(s: &mut Section<'_>, timezone: &str) -> Option<Trigger> {
    let (word, per) = (s.get("trigger"), s.get("once_per"));
    let words = [("every", Trigger::Every), ("once", Trigger::Once)];
    let Some(item) = word else { return per.and_then(|item| once_per(&item, timezone)) };
    let found = item.string("one of \"every\", \"once\", \"once_per\"", "")?;
    match (found, per) {
        ("once_per", Some(per)) => once_per(&per, timezone),
        ("once_per", None) => {
            item.fault("once in what time is not said", "write once_per = \"1m\" as well".to_owned());
            None
        }
        (_, Some(per)) if words.iter().any(|w| w.0 == found) => {
            let help = "write trigger = \"once_per\", or leave once_per out".to_owned();
            per.fault(format!("once_per means nothing with trigger = {}", quoted(found)), help);
            None
        }
        (_, _) => {
            let known = words.into_iter().find(|w| w.0 == found).map(|w| w.1);
            if known.is_none() {
                let names = ["every", "once", "once_per"];
                let meant = text::nearest(found, names).map(|n| format!("did you mean {}? ", quoted(n)));
                let help = "accepted: \"every\", \"once\", \"once_per\"";
                let help = format!("{}{help}", meant.unwrap_or_default());
                item.fault(format!("unknown value {}", quoted(found)), help);
            }
            known
        }
    }
}

/// `"1m"`, `"bar:5m"` or `"day"`.
fn once_per(item: &Item<'_>, timezone: &str) -> Option<Trigger> {
    let found = item.string("a time like \"1m\", \"bar:5m\" or \"day\"", "\"1m\"")?;
    if found == "day" {
        return Some(Trigger::OncePerDay(timezone.to_owned()));
    }
    match text::duration(found.strip_prefix("bar:").unwrap_or(found)) {
        Ok(time) if ms(SECOND, 7 * DAY).contains(&time) => Some(Trigger::OncePer(time)),
        Ok(_) => {
            item.fault(
                format!("{} is out of range", quoted(found)),
                "anything from 1s to 7d is accepted".to_owned(),
            );
            None
        }
        Err(_) => {
            let help = "write a time like \"1m\" or \"bar:5m\", or \"day\"".to_owned();
            item.fault(format!("{} is not a time", quoted(found)), help);
            None
        }
    }
}

/// `"15/3m"`: so many messages in such a time.
fn rate(item: &Item<'_>) -> Option<(u32, Duration)> {
    const HELP: &str = "write a number of messages and a time, like \"15/3m\", or \"off\"";
    let found = item.string("a rate like \"15/3m\"", "\"15/3m\"")?;
    let split = found.split_once('/').and_then(|(count, time)| {
        Some((count.trim().parse::<u32>().ok()?, text::duration(time.trim()).ok()?))
    });
    let Some((count, time)) = split else {
        item.fault(format!("{} is not a rate", quoted(found)), HELP.to_owned());
        return None;
    };
    if !(1..=100_000).contains(&count) || !ms(SECOND, DAY).contains(&time) {
        let help = "from 1 to 100000 messages in 1s to 1d are accepted".to_owned();
        item.fault(format!("{} is out of range", quoted(found)), help);
        return None;
    }
    Some((count, time))
}

fn active(item: &Item<'_>, timezone: &str) -> Option<Active> {
    let mut s = item.section()?;
    let days = s.maybe("days", days);
    let from = s.maybe("from", |i| minutes(i, 23 * 60 + 59));
    let to = s.maybe("to", |i| minutes(i, 24 * 60));
    let timezone = s.maybe("tz", zone).unwrap_or_else(|| timezone.to_owned());
    s.finish();
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(24 * 60));
    if from == to {
        let help = "leave both out for whole days".to_owned();
        item.fault("hours that end when they begin", help);
        return None;
    }
    Some(Active { days: days.unwrap_or([true; 7]), from, to, timezone })
}

fn days(item: &Item<'_>) -> Option<[bool; 7]> {
    let words: Vec<(&str, usize)> = DAYS.into_iter().enumerate().map(|(at, day)| (day, at)).collect();
    let mut days = [false; 7];
    let items = item.items("[\"mon\", \"fri\"]")?;
    if items.is_empty() {
        item.fault("an empty list is no day at all", "leave the key out for every day".to_owned());
    }
    for item in items {
        if let Some(day) = item.one_of(&words).and_then(|at| days.get_mut(at)) {
            *day = true;
        }
    }
    Some(days)
}

/// `"09:30"` as minutes since midnight.
fn minutes(item: &Item<'_>, most: u16) -> Option<u16> {
    // A bare 09:30:00 is a time of TOML and means the same.
    let written = match item.value {
        DeValue::Datetime(time) => time.to_string(),
        _ => item.string("a time of day like \"09:30\"", "\"09:30\"")?.to_owned(),
    };
    let number = |digits: &str| {
        let lawful = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        lawful.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let plain = written.strip_suffix(":00").filter(|t| t.contains(':')).unwrap_or(&written);
    let parts = plain.split_once(':').and_then(|(h, m)| Some((number(h)?, number(m)?)));
    let minutes = parts.filter(|(_, m)| *m < 60).map(|(h, m)| h * 60 + m).filter(|all| *all <= most);
    if minutes.is_none() {
        let last = if most == 24 * 60 { "24:00" } else { "23:59" };
        let help = format!("write hours and minutes, from \"00:00\" to \"{last}\"");
        item.fault(format!("{} is not a time of day", quoted(&written)), help);
    }
    minutes
}

/// A time zone that exists.
pub(super) fn zone(item: &Item<'_>) -> Option<String> {
    let name = item.string("a time zone like \"Asia/Seoul\"", "\"Asia/Seoul\"")?;
    if jiff::tz::TimeZone::get(name).is_ok() {
        return Some(name.to_owned());
    }
    let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let seoul = matches!(name, "KST" | "Seoul" | "Korea" | "Asia/Korea").then_some("Asia/Seoul");
    let meant = seoul.or_else(|| text::nearest(name, known.iter().map(String::as_str)));
    let help = match meant {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => "write a name like \"Asia/Seoul\" or \"UTC\"".to_owned(),
    };
    item.fault(format!("unknown time zone {}", quoted(name)), help);
    None
}

/// A moment with its offset, ms since the Unix epoch.
pub(super) fn instant(item: &Item<'_>) -> Option<i64> {
    const EXAMPLE: &str = "2026-12-31T00:00:00+09:00";
    let written = match item.value {
        DeValue::Datetime(moment) => moment.to_string(),
        _ => item.string("a moment", EXAMPLE)?.to_owned(),
    };
    if let Ok(moment) = written.parse::<jiff::Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let has_time = written.contains(':');
    if has_time && written.parse::<jiff::civil::DateTime>().is_ok() {
        let help = format!("write its offset: {written}+09:00 in Korea, {written}Z in UTC");
        item.fault(format!("{} does not say where", quoted(&written)), help);
    } else {
        item.fault(format!("{} is not a moment", quoted(&written)), format!("write {EXAMPLE}"));
    }
    None
}

/// A table of names and texts.
pub(super) fn labels_of(item: &Item<'_>) -> Option<BTreeMap<String, String>> {
    let s = item.section()?;
    if s.is_longer_than(MAX_LABELS) {
        return None;
    }
    let mut labels = BTreeMap::new();
    for (span, name, item) in s.entries() {
        if !text::is_name(name) {
            let help = "1 to 64 letters, digits, - and _ are accepted, beginning with a letter or digit";
            item.walk.fault(
                span,
                &item.path,
                format!("{} cannot be a label", quoted(name)),
                Some(help.into()),
            );
        }
        let Some(value) = item.string("a string", "\"desk\"") else { continue };
        if value.len() > MAX_LABEL {
            item.fault(
                format!("{} bytes in a label", value.len()),
                format!("at most {MAX_LABEL} are accepted"),
            );
        }
        labels.insert(name.to_owned(), value.to_owned());
    }
    Some(labels)
}
