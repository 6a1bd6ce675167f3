//! `[channels.NAME]`: where records and alerts can go.
//!
//! Secrets stand outside of the file: a key that ends in `_env` names a variable, one that ends in
//! `_file` a file. Where somebody writes the secret itself, it is refused and shown nowhere.

mod http;
mod other;
mod secret;
mod terms;

use std::{collections::HashMap, ops::Range};

pub(super) use self::http::url_of;

use super::{
    Channel, ChannelKind, ChannelTerms, LineFormat, STDOUT,
    text::{self, quoted},
    walk::{Item, Section},
};

/// Most channels of one file (chosen).
const MAX_CHANNELS: usize = 200;

/// Keys under which somebody may write a secret itself, and what to write instead.
const SECRETS: [(&str, &str); 5] = [
    ("secret", "name it by secret_env or secret_file"),
    ("token", "name it by token_env or token_file"),
    ("routing_key", "name it by routing_key_env or routing_key_file"),
    ("password", "name it by password_env or password_file"),
    ("webhook_url", "name it by url_env or url_file"),
];

/// What `kind` may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stdout,
    File,
    Webhook,
    Slack,
    Discord,
    Telegram,
    Ntfy,
    Smtp,
    Pagerduty,
    Alertmanager,
    Exec,
}

const KINDS: [(&str, Kind); 11] = [
    ("stdout", Kind::Stdout),
    ("file", Kind::File),
    ("webhook", Kind::Webhook),
    ("slack_webhook", Kind::Slack),
    ("discord", Kind::Discord),
    ("telegram", Kind::Telegram),
    ("ntfy", Kind::Ntfy),
    ("smtp", Kind::Smtp),
    ("pagerduty", Kind::Pagerduty),
    ("alertmanager", Kind::Alertmanager),
    ("exec", Kind::Exec),
];

/// The names that stand under one channel's `fallback`, each with its place.
type Fallback<'a> = Vec<(Item<'a>, &'a str)>;

/// All channels; `stdout` is there without being written.
pub(super) fn read(section: &Section<'_>) -> Vec<Channel> {
    let (mut channels, mut fallbacks) = (Vec::new(), Vec::new());
    let entries = if section.is_longer_than(MAX_CHANNELS) { Vec::new() } else { section.entries() };
    for (span, name, item) in entries {
        check_name(&item, span, name, "channel");
        let read = item.section().and_then(|s| channel(s, name));
        // A channel at fault keeps its name, so that those who refer to it are not faulted too.
        let unread = || (stdout_of(LineFormat::Human), ChannelTerms::default(), Vec::new());
        let (kind, terms, fallback) = read.unwrap_or_else(unread);
        fallbacks.push((name, fallback));
        channels.push(Channel { name: name.to_owned(), kind, terms });
    }
    if !channels.iter().any(|c| c.name == STDOUT) {
        let (kind, terms) = (stdout_of(LineFormat::Human), ChannelTerms::default());
        channels.push(Channel { name: STDOUT.into(), kind, terms });
    }
    resolve(&mut channels, &fallbacks);
    channels
}

fn stdout_of(format: LineFormat) -> ChannelKind {
    ChannelKind::Stdout { format }
}

/// Faults a name that could not be part of a path or a metric.
pub(super) fn check_name(item: &Item<'_>, span: Range<usize>, name: &str, what: &str) {
    if !text::is_name(name) {
        let message = format!("{} cannot name a {what}", quoted(name));
        let help = "1 to 64 letters, digits, - and _ are accepted, beginning with a letter or digit";
        item.walk.fault(span, &item.path, message, Some(help.into()));
    }
}

fn channel<'a>(mut s: Section<'a>, name: &str) -> Option<(ChannelKind, ChannelTerms, Fallback<'a>)> {
    let kind = match s.get("kind") {
        Some(item) => item.one_of(&KINDS),
        None if name == STDOUT => Some(Kind::Stdout),
        None => {
            let names = KINDS.map(|(name, _)| quoted(name));
            s.fault("this channel has no kind", format!("write kind = one of {}", names.join(", ")));
            None
        }
    }?;
    let read = match kind {
        Kind::Stdout => Some(stdout(&mut s)),
        Kind::File => file(&mut s),
        Kind::Webhook => http::webhook(&mut s),
        Kind::Slack => http::chat(&mut s, "a Slack channel", "SLACK_URL").map(ChannelKind::Slack),
        Kind::Discord => http::chat(&mut s, "a Discord channel", "DISCORD_URL").map(ChannelKind::Discord),
        Kind::Telegram => http::telegram(&mut s),
        Kind::Ntfy => http::ntfy(&mut s),
        Kind::Smtp => other::smtp(&mut s),
        Kind::Pagerduty => http::pagerduty(&mut s),
        Kind::Alertmanager => http::alertmanager(&mut s).map(ChannelKind::Alertmanager),
        Kind::Exec => other::exec(&mut s),
    };
    let (terms, fallback) = match kind {
        Kind::Stdout | Kind::File => (ChannelTerms::default(), Vec::new()),
        _ => terms::read(&mut s, kind, read.as_ref()),
    };
    let chat = matches!(kind, Kind::Slack | Kind::Discord);
    let instead = |key: &str| match SECRETS.iter().find(|(name, _)| *name == key) {
        Some((_, instead)) => Some(*instead),
        None => (chat && key == "url").then_some("name it by url_env or url_file"),
    };
    for (_, _, item) in s.entries().iter().filter(|e| instead(e.1).is_some()) {
        item.walk.hide(item.span.clone());
    }
    s.finish_with(|key| Some(format!("a secret does not stand in this file: {}", instead(key)?)));
    Some((read?, terms, fallback))
}

fn stdout(s: &mut Section<'_>) -> ChannelKind {
    let formats = [("human", LineFormat::Human), ("json", LineFormat::Json)];
    stdout_of(s.or("format", LineFormat::Human, |i| i.one_of(&formats)))
}

fn file(s: &mut Section<'_>) -> Option<ChannelKind> {
    let path = s.get("path");
    if path.is_none() {
        s.fault("a file channel needs a path", "write path = \"alerts.jsonl\"".to_owned());
    }
    let max_size = s.or("max_size", 64 << 20, |i| i.size(64 << 10..=1 << 40));
    let keep = s.or("keep", 5, |i| i.integer(0..=1000).and_then(|n| u32::try_from(n).ok()));
    Some(ChannelKind::File { path: path?.path()?, max_size, keep })
}

/// Checks that every fallback exists and none leads back to where it began.
fn resolve(channels: &mut [Channel], fallbacks: &[(&str, Fallback<'_>)]) {
    let names: Vec<String> = channels.iter().map(|c| c.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut next: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, fallback) in fallbacks {
        for (item, to) in fallback {
            if !names.contains(to) {
                let help = text::suggest(to, &names, "channels of this file");
                item.fault(format!("unknown channel {}", quoted(to)), help);
            } else if next.get(name).is_some_and(|known| known.contains(to)) {
                item.fault(format!("channel {} is named twice", quoted(to)), None);
            } else if leads(&next, to, name) {
                let message = format!("{} falls back, in the end, to {} itself", quoted(name), quoted(name));
                item.fault(message, "name a channel that works when this one does not".to_owned());
            } else {
                next.entry(name).or_default().push(to);
            }
        }
    }
    for channel in channels {
        let found = next.get(channel.name.as_str());
        channel.terms.fallback = found.into_iter().flatten().map(|to| (*to).to_owned()).collect();
    }
}

/// Whether one gets from `from` to `to`. What is in `next` has no cycle.
fn leads(next: &HashMap<&str, Vec<&str>>, from: &str, to: &str) -> bool {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !seen.contains(&at) {
            seen.push(at);
            open.extend(next.get(at).into_iter().flatten());
        }
    }
    false
}
