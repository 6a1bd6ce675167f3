//! How a channel is served: `max_attempts`, `rate`, `ttl`, `quiet`, `fallback`.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    super::{
        ChannelKind, ChannelTerms, Quiet, Severity,
        sections::ms,
        text::{self, quoted},
        walk::{Item, Section},
    },
    Fallback, Kind,
};

/// Most attempts of one rate, and most rates (chosen).
const MOST: u32 = 10_000;
const RATES: usize = 4;

/// How old a message for a chat or a pager may be: later it is noise.
const CHAT_TTL: Duration = Duration::from_secs(3600);

pub(super) fn read<'a>(
    s: &mut Section<'a>,
    kind: Kind,
    read: Option<&ChannelKind>,
) -> (ChannelTerms, Fallback<'a>) {
    let attempts = |i: &Item<'_>| i.integer(1..=1000).and_then(|n| u32::try_from(n).ok());
    let (rates, ttl) = defaults(kind, read);
    let terms = ChannelTerms {
        max_attempts: s.or("max_attempts", most_attempts(kind), attempts),
        rates: s.or("rate", rates, rates_of),
        ttl: s.or("ttl", ttl, ttl_of),
        quiet: s.maybe("quiet", quiet),
        fallback: Vec::new(),
    };
    let fallback = s.maybe("fallback", |i| i.strings("[\"phone\"]")).unwrap_or_default();
    (terms, fallback)
}

/// A webhook's are those of the Standard Webhooks specification; the others are chosen: with waits
/// of up to five minutes, a hundred take some four hours.
fn most_attempts(kind: Kind) -> u32 {
    match kind {
        Kind::Webhook => 9,
        Kind::Exec => 20,
        _ => 100,
    }
}

/// What the receivers' own documents ask for; docs/channels.md names them.
fn defaults(kind: Kind, read: Option<&ChannelKind>) -> (Vec<(u32, Duration)>, Option<Duration>) {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    let rates = match kind {
        Kind::Slack => vec![(1, second)],
        Kind::Telegram => {
            // Groups and channels have ids that are negative, or names.
            let group = matches!(read, Some(ChannelKind::Telegram(t)) if t.chat_id.starts_with(['-', '@']));
            if group { vec![(1, second), (20, minute)] } else { vec![(1, second)] }
        }
        Kind::Ntfy => vec![(60, Duration::from_secs(300))],
        Kind::Pagerduty => vec![(120, minute)],
        _ => Vec::new(),
    };
    let chat = matches!(kind, Kind::Slack | Kind::Discord | Kind::Telegram | Kind::Ntfy | Kind::Pagerduty);
    (rates, chat.then_some(CHAT_TTL))
}

/// `"20/1m"`, or several of them.
fn rates_of(item: &Item<'_>) -> Option<Vec<(u32, Duration)>> {
    if item.value.as_array().is_none() {
        return Some(vec![rate(item)?]);
    }
    let items = item.items("[\"1/1s\", \"20/1m\"]")?;
    if items.len() > RATES {
        item.fault(format!("{} rates", items.len()), format!("at most {RATES} are accepted"));
        return None;
    }
    // All are read, so that each says its own fault.
    let all: Vec<_> = items.iter().map(rate).collect();
    all.into_iter().collect()
}

fn rate(item: &Item<'_>) -> Option<(u32, Duration)> {
    const EXAMPLE: &str = "\"20/1m\"";
    let text = item.string(&format!("a rate like {EXAMPLE}"), EXAMPLE)?;
    let parts = text.split_once('/').and_then(|(most, per)| {
        let most = most.parse::<u32>().ok().filter(|n| (1..=MOST).contains(n))?;
        // "1/s" is how people write "1/1s".
        let bare = per.starts_with(|c: char| c.is_ascii_alphabetic());
        let per = text::duration(&if bare { format!("1{per}") } else { per.to_owned() }).ok()?;
        ms(100, 86_400_000).contains(&per).then_some((most, per))
    });
    if parts.is_none() {
        let help = format!("write so many in such a time: {EXAMPLE}, \"1/1s\"; at most {MOST}, and a day");
        item.fault(format!("{} is not a rate", quoted(text)), help);
    }
    parts
}

/// A duration, or `"never"`.
fn ttl_of(item: &Item<'_>) -> Option<Option<Duration>> {
    if item.value.as_str() == Some("never") {
        return Some(None);
    }
    item.duration(ms(60_000, 30 * 86_400_000)).map(Some)
}

/// `{ from = "23:00", to = "07:00", tz = "Asia/Seoul", below = "critical" }`.
fn quiet(item: &Item<'_>) -> Option<Quiet> {
    let mut s = item.section()?;
    let time = |s: &mut Section<'_>, key: &'static str| {
        let found = s.get(key);
        if found.is_none() {
            s.fault(format!("quiet hours need {key}"), format!("write {key} = \"23:00\""));
        }
        time_of_day(&found?)
    };
    let (from, to) = (time(&mut s, "from"), time(&mut s, "to"));
    let tz = s.or("tz", "Asia/Seoul".to_owned(), zone);
    let words = [("warning", Severity::Warning), ("critical", Severity::Critical)];
    let below = s.or("below", Severity::Critical, |i| i.one_of(&words));
    s.finish();
    if from.is_some() && from == to {
        s.fault("quiet hours that begin when they end", "write two different times".to_owned());
        return None;
    }
    Some(Quiet { from: from?, to: to?, tz, below })
}

fn time_of_day(item: &Item<'_>) -> Option<u16> {
    let text = item.string("a time of day", "\"23:00\"")?;
    let digits = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes) = (digits(hours)?, digits(minutes)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    if parsed.is_none() {
        let help = "write hours and minutes, from \"00:00\" to \"23:59\"".to_owned();
        item.fault(format!("{} is not a time of day", quoted(text)), help);
    }
    parsed
}

fn zone(item: &Item<'_>) -> Option<String> {
    let text = item.string("a time zone", "\"Asia/Seoul\"")?;
    if TimeZone::get(text).is_err() {
        let help = "write a name of the IANA database, like \"Asia/Seoul\" or \"UTC\"".to_owned();
        item.fault(format!("{} is not a time zone", quoted(text)), help);
        return None;
    }
    Some(text.to_owned())
}
