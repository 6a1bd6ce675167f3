//! REST beside trades: candles, tickers, order books.
//!
//! All from the same trades as everything else. One unknown code refuses a whole list, as at the
//! venue.

use super::{DAY_MS, Refused, number};
use crate::venue::{
    book::{self, Book},
    candle::minute_unit_ms,
    hub::Hub,
    wire::events,
};
use std::collections::HashMap;

type Parameters = HashMap<String, String>;

const MAX_CANDLES: usize = 200;
const MINUTE_MS: i64 = 60_000;

/// What kind of candles a path asks for: their length, and in minutes where the answer says so.
pub(super) fn candle_unit(path: &str) -> Option<(i64, Option<i64>)> {
    match path.strip_prefix("/v1/candles/")? {
        "seconds" => Some((1_000, None)),
        "days" => Some((DAY_MS, None)),
        "minutes" => Some((MINUTE_MS, Some(1))),
        minutes => minute_unit_ms(minutes.strip_prefix("minutes/")?).map(|ms| (ms, Some(ms / MINUTE_MS))),
    }
}

pub(super) fn candles(
    hub: &Hub,
    (unit_ms, minutes): (i64, Option<i64>),
    parameters: &Parameters,
) -> Result<String, Refused> {
    let code = parameters.get("market").filter(|m| !m.is_empty()).ok_or(Refused::Missing)?;
    let code = code.to_ascii_uppercase();
    let count = match number(parameters, "count")?.map(usize::try_from) {
        None => 1,
        Some(Ok(count)) if (1..=MAX_CANDLES).contains(&count) => count,
        Some(_) => return Err(Refused::Invalid),
    };
    let before_ms = match parameters.get("to").filter(|v| !v.is_empty()) {
        None => i64::MAX,
        Some(to) => time_ms(to).ok_or(Refused::Invalid)?,
    };
    let is_day = unit_ms == DAY_MS;
    let candles = hub.with_market(|market| {
        // One more than asked for: what a day closed at is what the next is compared with.
        Some(market.candles(&code)?.before(unit_ms, before_ms, count + usize::from(is_day)))
    });
    let candles = candles.ok_or(Refused::NoSuchCode)?;
    Ok(list(candles.iter().enumerate().take(count), |out, (n, candle)| {
        let previous = is_day.then(|| candles.get(n + 1).map_or(candle.open, |before| before.close));
        events::candle_row(out, &code, candle, minutes, previous);
    }))
}

/// Tickers of the markets that are named, or of all with the quote currencies that are.
pub(super) fn tickers(hub: &Hub, all: bool, parameters: &Parameters) -> Result<String, Refused> {
    let codes = if all { quoted(hub, parameters)? } else { named(hub, parameters)? };
    let now_ms = hub.now_ms();
    let tickers: Vec<_> =
        hub.with_market(|market| codes.iter().filter_map(|code| market.ticker(code, now_ms)).collect());
    Ok(list(tickers.iter(), events::ticker_row))
}

pub(super) fn books(hub: &Hub, parameters: &Parameters) -> Result<String, Refused> {
    let codes = named(hub, parameters)?;
    let depth = number(parameters, "count")?.unwrap_or(30).clamp(1, 30);
    let depth = usize::try_from(depth).unwrap_or(30);
    let level = match parameters.get("level").filter(|v| !v.is_empty()) {
        None => 0,
        Some(level) => book::step(level).ok_or(Refused::Mismatch)?,
    };
    let now_ms = hub.now_ms();
    Ok(hub.with_market(|market| {
        let books = codes.iter().filter_map(|code| {
            let level = if code.starts_with("KRW-") { level } else { 0 };
            Some((code, level, Book::new(market.last(code)?, now_ms, depth, level)?))
        });
        list(books, |out, (code, level, book)| events::book_row(out, code, &book, level))
    }))
}

pub(super) fn instruments(hub: &Hub, parameters: &Parameters) -> Result<String, Refused> {
    let codes = named(hub, parameters)?;
    Ok(hub.with_market(|market| {
        let last = codes.iter().filter_map(|code| Some((code, market.last(code)?)));
        list(last, |out, (code, last)| {
            let (tick, levels) = book::supported_levels(last);
            events::instrument(out, code, tick, &levels);
        })
    }))
}

/// The codes of `markets=`; one that is unknown refuses all.
fn named(hub: &Hub, parameters: &Parameters) -> Result<Vec<String>, Refused> {
    let markets = parameters.get("markets").filter(|m| !m.is_empty()).ok_or(Refused::Missing)?;
    let codes: Vec<String> = markets.split(',').map(|code| code.trim().to_ascii_uppercase()).collect();
    let known = hub.with_market(|market| codes.iter().all(|code| market.has(code)));
    if known { Ok(codes) } else { Err(Refused::NoSuchCode) }
}

/// The codes of `quote_currencies=`, in the order of the list of markets.
fn quoted(hub: &Hub, parameters: &Parameters) -> Result<Vec<String>, Refused> {
    let wanted = parameters.get("quote_currencies").or_else(|| parameters.get("quoteCurrencies"));
    let wanted = wanted.filter(|w| !w.is_empty()).ok_or(Refused::Missing)?.to_ascii_uppercase();
    let is_wanted =
        |code: &str| code.split_once('-').is_some_and(|(quote, _)| wanted.split(',').any(|w| w == quote));
    Ok(hub.with_market(|market| {
        market.codes().map(|(code, _)| code.to_string()).filter(|code| is_wanted(code)).collect()
    }))
}

fn list<T>(items: impl Iterator<Item = T>, mut put: impl FnMut(&mut String, T)) -> String {
    let mut out = String::from("[");
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        put(&mut out, item);
    }
    out.push(']');
    out
}

/// `yyyy-MM-dd`, then `T` or a space and `HH:mm:ss`, then `Z`, an offset such as `+09:00` or
/// nothing, which is UTC.
fn time_ms(text: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from a civil date by eras of 400 years that begin on 1 March of year 0.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_era = y.rem_euclid(400);
    let days =
        y.div_euclid(400) * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + (153 * m + 2) / 5 + day
            - 719_469;
    let midnight_ms = days * DAY_MS;
    if text.len() == 10 {
        return Some(midnight_ms);
    }
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let at_ms = midnight_ms + ((hour * 60 + minute) * 60 + second) * 1_000;
    let rest = text.get(19..)?;
    let rest = rest
        .strip_prefix('.')
        .map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    match rest {
        "" | "Z" => Some(at_ms),
        offset => {
            let sign = match offset.get(..1)? {
                // A plus that was not encoded arrives as a space.
                "+" | " " => 1,
                "-" => -1,
                _ => return None,
            };
            let hours = offset.get(1..3)?.parse::<i64>().ok()?;
            let minutes = offset.get(3..)?.trim_start_matches(':').parse::<i64>().unwrap_or(0);
            Some(at_ms - sign * (hours * 60 + minutes) * MINUTE_MS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_candles_is_read_in_every_spelling() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(time_ms(text), expect, "{text}");
        check("2026-11-22T12:00:00", Some(1_795_348_800_000));
        check("2026-11-22 12:00:00", Some(1_795_348_800_000));
        check("2026-11-22T12:00:00Z", Some(1_795_348_800_000));
        check("2026-11-22T12:00:00.000Z", Some(1_795_348_800_000));
        check("2026-11-22T21:00:00+09:00", Some(1_795_348_800_000));
        check("2026-11-22T21:00:00 09:00", Some(1_795_348_800_000));
        check("2026-11-22", Some(1_795_305_600_000));
        check("2024-02-29", Some(1_709_164_800_000));
        check("yesterday", None);
        check("2026-13-01", None);
    }

    #[test]
    fn a_path_names_its_candles() {
        let check = |path: &str, expect| assert_eq!(candle_unit(path), expect, "{path}");
        check("/v1/candles/seconds", Some((1_000, None)));
        check("/v1/candles/minutes/240", Some((14_400_000, Some(240))));
        check("/v1/candles/minutes/2", None);
        check("/v1/candles/days", Some((86_400_000, None)));
        check("/v1/candles", None);
    }
}
