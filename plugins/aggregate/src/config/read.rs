//! Readers that bars and figures share.

use serde_json::Value;
use tradehook_calendar::{Calendar, DAY_MS, Span, Zone, day_start, zone};
use tradehook_decimal::Wide;
use tradehook_sdk::config::{self, Mistake, Object};

pub(super) fn duration_up_to(most: i64) -> impl Fn(&Value) -> Result<i64, Mistake> {
    move |value| {
        let ms = config::duration(value)?;
        let over =
            || Mistake::new(format!("{} is more than {}", config::describe(value), duration_text(most)));
        if ms <= most { Ok(ms) } else { Err(over()) }
    }
}

/// The same, but longer than nought.
pub(super) fn some_duration_up_to(most: i64) -> impl Fn(&Value) -> Result<i64, Mistake> {
    move |value| match duration_up_to(most)(value)? {
        0 => Err(Mistake::new(format!("{} is no time at all", config::describe(value)))),
        ms => Ok(ms),
    }
}

/// A duration that days can be cut into.
pub(super) fn even_part_of_a_day(value: &Value) -> Result<i64, Mistake> {
    let ms = config::duration(value)?;
    if ms >= 1000 && DAY_MS % ms == 0 {
        return Ok(ms);
    }
    let message = format!("{} does not divide a day into spans of a second or more", config::describe(value));
    Err(Mistake::new(message).help("for instance \"1s\", \"10s\", \"1m\", \"5m\", \"1h\", \"1d\""))
}

/// What a time bar spans, and how records spell it.
pub(super) fn span(value: &Value) -> Result<(Span, String), Mistake> {
    match value.as_str() {
        Some("1d" | "day" | "24h") => return Ok((Span::Day, "1d".to_owned())),
        Some("1w" | "week" | "7d") => return Ok((Span::Week, "1w".to_owned())),
        Some("1mo" | "month") => return Ok((Span::Month, "1mo".to_owned())),
        Some("1y" | "year") => return Ok((Span::Year, "1y".to_owned())),
        _ => {}
    }
    let help = "for instance \"1s\", \"1m\", \"5m\", \"1h\", \"1d\", \"1w\", \"1mo\", \"1y\"";
    let ms = even_part_of_a_day(value).map_err(|mistake| mistake.help(help))?;
    Ok((if ms == DAY_MS { Span::Day } else { Span::Even(ms) }, duration_text(ms)))
}

/// `day_start` or `zone` of a table: whose days are meant.
pub(super) fn days_of(table: &mut Object<'_, '_>) -> Option<Zone> {
    let start = table.optional("day_start", day_start);
    let zone = table.optional("zone", zone);
    if start.is_some() && zone.is_some() {
        let message = "`day_start` and `zone` exclude one another";
        table.fault("zone", Mistake::new(message).help("a zone's days begin at its midnight"));
    }
    start.or(zone)
}

/// Since when something is summed up; no calendar: since the start.
pub(super) fn since(value: &Value) -> Result<Option<Span>, Mistake> {
    let words = [
        ("start", None),
        ("hour", Some(Span::Even(3_600_000))),
        ("day", Some(Span::Day)),
        ("week", Some(Span::Week)),
        ("month", Some(Span::Month)),
        ("year", Some(Span::Year)),
    ];
    config::one_of(value, &words)
}

/// A calendar of a span and of whose days it counts.
pub(super) fn calendar(span: Span, zone: Option<Zone>) -> Calendar {
    Calendar::new(span, zone.unwrap_or(Zone::UTC))
}

/// More than nothing.
pub(super) fn some_amount(value: &Value) -> Result<Wide, Mistake> {
    let help = "a number, or text such as \"0.5\", \"1_000_000\", \"5000만\", \"1.5억\"";
    let amount = config::money(value).map_err(|message| Mistake::new(message).help(help))?;
    if amount > Wide::ZERO {
        return Ok(amount);
    }
    Err(Mistake::new(format!("{} is not more than 0", config::describe(value))).help(help))
}

/// A whole number within bounds.
pub(super) fn whole(from: u32, to: u32) -> impl Fn(&Value) -> Result<u32, Mistake> {
    move |value| {
        config::count(value).ok().filter(|n| (from..=to).contains(n)).ok_or_else(|| {
            let found = config::describe(value);
            Mistake::new(format!("expected a whole number from {from} to {to}, found {found}"))
        })
    }
}

/// A span in its largest whole unit.
pub(super) fn duration_text(ms: i64) -> String {
    for (unit, name) in [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms % unit == 0 && ms >= unit {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}
