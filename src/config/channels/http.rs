//! The kinds of channels that speak HTTP.

use std::time::Duration;

use super::{
    super::{
        ChannelKind, Http, Ntfy, Pagerduty, Secret, Telegram, Webhook, WebhookFormat,
        sections::ms,
        url,
        walk::{Item, Section},
    },
    secret,
};

/// Where the Bot API is.
const TELEGRAM: &str = "https://api.telegram.org";
/// The public server of ntfy.
const NTFY: &str = "https://ntfy.sh";
/// The Events API of PagerDuty; accounts of the EU have another.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// What all of them have beside their URL.
fn limits(s: &mut Section<'_>) -> (Duration, bool) {
    let timeout = s.or("timeout", Duration::from_secs(15), |i| i.duration(ms(100, 300_000)));
    (timeout, s.or("allow_private", false, Item::boolean))
}

/// Judges a URL at its place.
fn judged(item: &Item<'_>, url: Secret, allow_private: bool) -> Option<Secret> {
    match url::webhook(url.reveal(), allow_private) {
        Ok(()) => Some(url),
        Err((message, help)) => {
            item.fault(message, help);
            None
        }
    }
}

/// A URL that is itself the secret.
pub(super) fn chat(s: &mut Section<'_>, what: &str, example: &str) -> Option<Http> {
    let (timeout, allow_private) = limits(s);
    let (item, url) = secret::needed(s, ("url_env", "url_file"), what, example)?;
    Some(Http { url: judged(&item, url, allow_private)?, timeout, allow_private })
}

/// A URL that holds no secret, or the usual one.
fn service(s: &mut Section<'_>, usual: &str) -> Option<Http> {
    let (timeout, allow_private) = limits(s);
    let url = match s.get("url") {
        None => Secret::new(usual.to_owned()),
        Some(item) => {
            url::hide_path(&item);
            let url = Secret::new(item.string("a URL", &format!("{usual:?}"))?.to_owned());
            judged(&item, url, allow_private)?
        }
    };
    Some(Http { url, timeout, allow_private })
}

/// A URL from the file, from a variable or from a file of its own.
fn address(s: &mut Section<'_>, what: &str, allow_private: bool) -> Option<Secret> {
    let (written, in_file) = (s.get("url"), s.get("url_file"));
    match (written, &in_file) {
        (None, None) if s.get("url_env").is_none() => {
            s.fault(
                format!("{what} needs a url"),
                "write url = \"https://host/path\", or url_env".to_owned(),
            );
            None
        }
        (Some(written), Some(item)) => {
            url::hide_path(&written);
            item.fault("url and url_file exclude each other", "keep one of them".to_owned());
            None
        }
        (None, Some(_)) => {
            let (item, url) = secret::named(s, "url_env", "url_file")?;
            judged(&item, url, allow_private)
        }
        (_, None) => url_of(s, ["url", "url_env"], allow_private),
    }
}

/// The URL that stands under the first key, or in the variable that the second one names.
pub(in crate::config) fn url_of(
    s: &mut Section<'_>,
    [key, key_env]: [&'static str; 2],
    allow_private: bool,
) -> Option<Secret> {
    let (item, url) = match (s.get(key), s.get(key_env)) {
        (Some(item), None) => {
            url::hide_path(&item);
            let url = item.string("a URL", "\"https://host/path\"")?.to_owned();
            (item, url)
        }
        (None, Some(item)) => {
            let value = secret::variable(&item)?;
            (item, value)
        }
        (Some(written), Some(item)) => {
            url::hide_path(&written);
            item.fault(format!("{key} and {key_env} exclude each other"), "keep one of them".to_owned());
            return None;
        }
        (None, None) => return None,
    };
    judged(&item, Secret::new(url), allow_private)
}

pub(super) fn webhook(s: &mut Section<'_>) -> Option<ChannelKind> {
    let (timeout, allow_private) = limits(s);
    let url = address(s, "a webhook channel", allow_private);
    let secret = match (s.get("secret_env"), s.get("secret_file")) {
        (Some(item), None) => secret::variables(&item).map(Secret::new),
        _ => secret::named(s, "secret_env", "secret_file").map(|(_, secret)| secret),
    };
    let formats = [("canonical", WebhookFormat::Canonical), ("alertmanager", WebhookFormat::Alertmanager)];
    let format = s.or("format", WebhookFormat::Canonical, |i| i.one_of(&formats));
    let http = Http { url: url?, timeout, allow_private };
    Some(ChannelKind::Webhook(Webhook { http, secret, format }))
}

pub(super) fn alertmanager(s: &mut Section<'_>) -> Option<Http> {
    let (timeout, allow_private) = limits(s);
    Some(Http { url: address(s, "an Alertmanager", allow_private)?, timeout, allow_private })
}

pub(super) fn telegram(s: &mut Section<'_>) -> Option<ChannelKind> {
    let http = service(s, TELEGRAM);
    let token = secret::needed(s, ("token_env", "token_file"), "a Telegram channel", "TELEGRAM_TOKEN");
    let chat_id = chat_id(s);
    let thread_id = s.maybe("thread_id", |i| i.integer(1..=1 << 53));
    let (_, token) = token?;
    Some(ChannelKind::Telegram(Telegram { http: http?, token, chat_id: chat_id?, thread_id }))
}

fn chat_id(s: &mut Section<'_>) -> Option<String> {
    const HELP: &str = "write chat_id = \"-1001234567890\", or the \"@name\" of a public channel";
    let Some(item) = s.get("chat_id") else {
        s.fault("a Telegram channel needs a chat_id", HELP.to_owned());
        return None;
    };
    let text = match item.value.as_integer() {
        Some(number) => number.as_str().to_owned(),
        None => item.string("the id of a chat", "\"-1001234567890\"")?.to_owned(),
    };
    let number = text.parse::<i64>().is_ok();
    let name = text
        .strip_prefix('@')
        .is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    if !number && !name {
        item.fault("this is not the id of a chat", HELP.to_owned());
        return None;
    }
    Some(text)
}

pub(super) fn ntfy(s: &mut Section<'_>) -> Option<ChannelKind> {
    let http = service(s, NTFY);
    let topic = topic(s);
    let token = secret::named(s, "token_env", "token_file").map(|(_, token)| token);
    Some(ChannelKind::Ntfy(Ntfy { http: http?, topic: topic?, token }))
}

/// The topic: written, or by reference where the server is a public one.
fn topic(s: &mut Section<'_>) -> Option<Secret> {
    // Both are asked for, so that neither is an unknown key.
    let referred = s.get("topic_env").is_some() | s.get("topic_file").is_some();
    let (item, topic) = match s.get("topic") {
        Some(item) if referred => {
            item.walk.hide(item.span.clone());
            item.fault("topic excludes topic_env and topic_file", "keep one of them".to_owned());
            return None;
        }
        Some(item) => {
            let topic = Secret::new(item.string("a topic", "\"my-alerts\"")?.to_owned());
            (item, topic)
        }
        None => secret::needed(s, ("topic_env", "topic_file"), "an ntfy channel", "NTFY_TOPIC")?,
    };
    let text = topic.reveal();
    let lawful = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !lawful {
        item.fault("this is not a topic", "1 to 64 letters, digits, - and _ are accepted".to_owned());
    }
    lawful.then_some(topic)
}

pub(super) fn pagerduty(s: &mut Section<'_>) -> Option<ChannelKind> {
    let http = service(s, PAGERDUTY);
    let keys = ("routing_key_env", "routing_key_file");
    let (_, routing_key) = secret::needed(s, keys, "a PagerDuty channel", "PAGERDUTY_KEY")?;
    Some(ChannelKind::Pagerduty(Pagerduty { http: http?, routing_key }))
}
