//! The kinds of channels that speak something else: mail, and programs.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use super::{
    super::{
        ChannelKind, Exec, Secret, Smtp, SmtpTls,
        sections::ms,
        text::quoted,
        walk::{Item, Section},
    },
    secret,
};

/// Most recipients, arguments and variables (chosen).
const MOST: usize = 100;

pub(super) fn smtp(s: &mut Section<'_>) -> Option<ChannelKind> {
    let host = host(s);
    let modes = [("starttls", SmtpTls::Starttls), ("implicit", SmtpTls::Implicit), ("none", SmtpTls::None)];
    let port = s.maybe("port", |i| i.integer(1..=65_535)).and_then(|n| u16::try_from(n).ok());
    let usual = if port == Some(465) { SmtpTls::Implicit } else { SmtpTls::Starttls };
    let tls_item = s.get("tls");
    let tls = tls_item.as_ref().and_then(|i| i.one_of(&modes)).unwrap_or(usual);
    let port = port.unwrap_or(match tls {
        SmtpTls::Starttls => 587,
        SmtpTls::Implicit => 465,
        SmtpTls::None => 25,
    });
    let from = from(s);
    let login = login(s, from.as_deref());
    if let (SmtpTls::None, Some(_), Some(item)) = (tls, &login, &tls_item) {
        item.fault(
            "without TLS the password would be shown to the network",
            "write tls = \"starttls\"".to_owned(),
        );
    }
    let to = to(s);
    let timeout = s.or("timeout", Duration::from_secs(30), |i| i.duration(ms(100, 300_000)));
    let allow_private = s.or("allow_private", false, Item::boolean);
    let (host, from, to) = (host?, from?, to?);
    Some(ChannelKind::Smtp(Smtp { host, port, tls, login, from, to, timeout, allow_private }))
}

fn host(s: &mut Section<'_>) -> Option<String> {
    let Some(item) = s.get("host") else {
        s.fault(
            "a mail channel needs the host of a mail server",
            "write host = \"smtp.example.org\"".to_owned(),
        );
        return None;
    };
    let text = item.string("the name of a mail server", "\"smtp.example.org\"")?;
    let lawful = !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']'));
    if !lawful {
        item.fault("this is not the name of a host", "write it without scheme and port".to_owned());
    }
    lawful.then(|| text.to_owned())
}

/// Name and password, where there is a password; the name is that of the sender if nothing else is
/// said.
fn login(s: &mut Section<'_>, from: Option<&str>) -> Option<(String, Secret)> {
    let name = s.get("username");
    let written = s.get("password_env").or_else(|| s.get("password_file"));
    let password = secret::named(s, "password_env", "password_file");
    if let (Some(item), None) = (&name, written) {
        item.fault("a username without a password", "write password_env = \"SMTP_PASSWORD\"".to_owned());
    }
    let address = from.map(|from| from.rsplit_once('<').map_or(from, |(_, rest)| rest.trim_end_matches('>')));
    let name = match name {
        Some(item) => item.string("a name", "\"alerts@example.org\"")?,
        None => address?,
    };
    Some((name.to_owned(), password?.1))
}

fn from(s: &mut Section<'_>) -> Option<String> {
    let Some(item) = s.get("from") else {
        s.fault("a mail channel needs a from", "write from = \"tradehook <alerts@example.org>\"".to_owned());
        return None;
    };
    mailbox(&item)
}

fn to(s: &mut Section<'_>) -> Option<Vec<String>> {
    let Some(item) = s.get("to") else {
        s.fault("a mail channel needs a to", "write to = [\"you@example.org\"]".to_owned());
        return None;
    };
    let items = if item.value.as_array().is_some() { item.items("")? } else { vec![item.clone()] };
    if items.is_empty() || items.len() > MOST {
        item.fault(format!("{} recipients", items.len()), format!("1 to {MOST} are accepted"));
        return None;
    }
    let all: Vec<_> = items.iter().map(mailbox).collect();
    all.into_iter().collect()
}

/// As far as its text tells; the sink reads it whole.
fn mailbox(item: &Item<'_>) -> Option<String> {
    const EXAMPLE: &str = "\"you@example.org\" or \"Name <you@example.org>\"";
    let text = item.string("the address of a mailbox", EXAMPLE)?;
    let address = text.rsplit_once('<').map_or(Some(text), |(_, rest)| rest.strip_suffix('>'));
    let lawful = address.and_then(|address| address.rsplit_once('@')).is_some_and(|(local, domain)| {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '@' | ',' | ';');
        !local.is_empty() && domain.contains('.') && local.chars().all(plain) && domain.chars().all(plain)
    });
    if !lawful || text.contains(char::is_control) {
        item.fault(format!("{} is not the address of a mailbox", quoted(text)), format!("write {EXAMPLE}"));
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn exec(s: &mut Section<'_>) -> Option<ChannelKind> {
    let command = command(s);
    let environment = environment(s);
    let timeout = s.or("timeout", Duration::from_secs(10), |i| i.duration(ms(100, 300_000)));
    let concurrency = s.or("concurrency", 1, |i| i.integer(1..=16));
    let (program, arguments) = command?;
    Some(ChannelKind::Exec(Exec {
        program,
        arguments,
        environment: environment?,
        timeout,
        concurrency: usize::try_from(concurrency).unwrap_or(1),
    }))
}

fn command(s: &mut Section<'_>) -> Option<(PathBuf, Vec<String>)> {
    const EXAMPLE: &str = "[\"./notify.sh\", \"--quiet\"]";
    let Some(item) = s.get("command") else {
        s.fault("an exec channel needs a command", format!("write command = {EXAMPLE}"));
        return None;
    };
    let words = item.strings(EXAMPLE)?;
    if words.len() > MOST || words.iter().any(|(_, word)| word.contains('\0')) {
        item.fault(
            "the command is too long or holds a zero byte",
            format!("at most {MOST} words are accepted"),
        );
        return None;
    }
    let mut words = words.into_iter();
    let Some((first, program)) = words.next().filter(|(_, program)| !program.is_empty()) else {
        item.fault("the command is empty", format!("write {EXAMPLE}"));
        return None;
    };
    // Without a slash it is looked for in PATH, when it is started.
    let program = if program.contains('/') {
        let path = first.path()?;
        if let Err(why) = first.walk.outside.plugin_file(&path) {
            first.fault(format!("cannot start this: {why}"), format!("looked for {}", path.display()));
            return None;
        }
        path
    } else {
        PathBuf::from(program)
    };
    Some((program, words.map(|(_, word)| word.to_owned()).collect()))
}

/// The variables that are passed on, by name.
fn environment(s: &mut Section<'_>) -> Option<Vec<(String, OsString)>> {
    let Some(item) = s.get("env") else { return Some(Vec::new()) };
    let names = item.strings("[\"NAME\"]")?;
    if names.len() > MOST {
        item.fault(format!("{} variables", names.len()), format!("at most {MOST} are accepted"));
        return None;
    }
    let value = |(item, name): (Item<'_>, &str)| Some((name.to_owned(), secret::variable(&item)?.into()));
    let all: Vec<_> = names.into_iter().map(value).collect();
    all.into_iter().collect()
}
