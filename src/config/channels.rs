//! `[channels.NAME]`: where records and alerts can go.

use std::{ops::Range, time::Duration};

use super::{
    Channel, ChannelKind, LineFormat, STDOUT, Secret, Webhook,
    sections::ms,
    text::{self, quoted},
    url,
    walk::{Item, Section},
};

/// Most channels of one file (chosen).
const MAX_CHANNELS: usize = 200;

/// What `kind` may be.
#[derive(Clone, Copy)]
enum Kind {
    Stdout,
    File,
    Webhook,
}

/// All channels; `stdout` is there without being written.
pub(super) fn read(section: &Section<'_>) -> Vec<Channel> {
    let mut channels = Vec::new();
    let entries = if section.is_longer_than(MAX_CHANNELS) { Vec::new() } else { section.entries() };
    for (span, name, item) in entries {
        check_name(&item, span, name, "channel");
        let kind = item.section().and_then(|s| channel(s, name));
        // A channel at fault keeps its name, so that those who refer to it are not faulted too.
        let kind = kind.unwrap_or(ChannelKind::Stdout { format: LineFormat::Human });
        channels.push(Channel { name: name.to_owned(), kind });
    }
    if !channels.iter().any(|c| c.name == STDOUT) {
        let kind = ChannelKind::Stdout { format: LineFormat::Human };
        channels.push(Channel { name: STDOUT.into(), kind });
    }
    channels
}

/// Faults a name that could not be part of a path or a metric.
pub(super) fn check_name(item: &Item<'_>, span: Range<usize>, name: &str, what: &str) {
    if !text::is_name(name) {
        let message = format!("{} cannot name a {what}", quoted(name));
        let help = "1 to 64 letters, digits, - and _ are accepted, beginning with a letter or digit";
        item.walk.fault(span, &item.path, message, Some(help.into()));
    }
}

fn channel(mut s: Section<'_>, name: &str) -> Option<ChannelKind> {
    let kinds = [("stdout", Kind::Stdout), ("file", Kind::File), ("webhook", Kind::Webhook)];
    let kind = match s.get("kind") {
        Some(item) => item.one_of(&kinds),
        None if name == STDOUT => Some(Kind::Stdout),
        None => {
            s.fault(
                "this channel has no kind",
                "write kind = \"stdout\", \"file\" or \"webhook\"".to_owned(),
            );
            None
        }
    };
    let channel = match kind? {
        Kind::Stdout => Some(stdout(&mut s)),
        Kind::File => file(&mut s),
        Kind::Webhook => webhook(&mut s),
    };
    for (_, _, item) in s.entries().iter().filter(|e| e.1 == "secret") {
        item.walk.hide(item.span.clone());
    }
    s.finish_with(|key| {
        (key == "secret")
            .then(|| "a secret does not stand in this file: name it by secret_env or secret_file".into())
    });
    channel
}

fn stdout(s: &mut Section<'_>) -> ChannelKind {
    let formats = [("human", LineFormat::Human), ("json", LineFormat::Json)];
    ChannelKind::Stdout { format: s.or("format", LineFormat::Human, |i| i.one_of(&formats)) }
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

fn webhook(s: &mut Section<'_>) -> Option<ChannelKind> {
    let allow_private = s.or("allow_private", false, Item::boolean);
    let url = address(s, allow_private);
    let secret = secret(s);
    let timeout = s.or("timeout", Duration::from_secs(15), |i| i.duration(ms(100, 300_000)));
    let max_attempts = s.or("max_attempts", 9, |i| i.integer(1..=100).and_then(|n| u32::try_from(n).ok()));
    Some(ChannelKind::Webhook(Webhook { url: url?, secret, timeout, max_attempts, allow_private }))
}

/// The URL, from the file or from the variable that the file names.
fn address(s: &mut Section<'_>, allow_private: bool) -> Option<Secret> {
    let url = url_of(s, ["url", "url_env"], allow_private);
    if s.get("url").is_none() && s.get("url_env").is_none() {
        s.fault("a webhook channel needs a url", "write url = \"https://host/path\", or url_env".to_owned());
    }
    url
}

/// The URL that stands under the first key, or in the variable that the second one names.
pub(super) fn url_of(
    s: &mut Section<'_>,
    [key, key_env]: [&'static str; 2],
    allow_private: bool,
) -> Option<Secret> {
    let (written, variable) = (s.get(key), s.get(key_env));
    let (item, url) = match (written, variable) {
        (Some(item), None) => {
            url::hide_path(&item);
            let url = item.string("a URL", "\"https://host/path\"")?.to_owned();
            (item, url)
        }
        (None, Some(item)) => {
            let value = self::variable(&item)?;
            (item, value)
        }
        (Some(written), Some(item)) => {
            url::hide_path(&written);
            item.fault(format!("{key} and {key_env} exclude each other"), "keep one of them".to_owned());
            return None;
        }
        (None, None) => return None,
    };
    if let Err((message, help)) = url::webhook(&url, allow_private) {
        item.fault(message, help);
        return None;
    }
    Some(Secret::new(url))
}

fn secret(s: &mut Section<'_>) -> Option<Secret> {
    let (env, file) = (s.get("secret_env"), s.get("secret_file"));
    match (env, file) {
        (Some(_), Some(item)) => {
            item.fault("secret_env and secret_file exclude each other", "keep one of them".to_owned());
            None
        }
        (Some(item), None) => variable(&item).map(Secret::new),
        (None, Some(item)) => secret_file(&item).map(Secret::new),
        (None, None) => None,
    }
}

/// The value of the variable that `item` names.
fn variable(item: &Item<'_>) -> Option<String> {
    let name = item.string("the name of an environment variable", "\"HOOK_SECRET\"")?;
    let lawful = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !lawful {
        // Somebody may have written the secret itself here.
        item.walk.hide(item.span.clone());
        item.fault(
            "this is not the name of an environment variable",
            "write it without $ and braces".to_owned(),
        );
        return None;
    }
    let value = item.walk.outside.variable(name).filter(|v| !v.is_empty());
    if value.is_none() {
        item.fault(format!("the environment variable {name} is not set"), format!("set {name} to the value"));
    }
    value
}

fn secret_file(item: &Item<'_>) -> Option<String> {
    let path = item.path()?;
    let (text, open) = match item.walk.outside.secret_file(&path) {
        Ok(read) => read,
        Err(why) => {
            item.fault(format!("cannot read the secret: {why}"), format!("looked for {}", path.display()));
            return None;
        }
    };
    if open {
        let help = format!("chmod 600 {}", path.display());
        item.walk.warn(item, "every user of this machine can read this secret".into(), help);
    }
    let secret = text.trim();
    if secret.is_empty() {
        item.fault("the file of the secret is empty", None);
        return None;
    }
    Some(secret.to_owned())
}
