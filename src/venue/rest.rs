//! REST: what a client needs to know markets and to fill gaps, and the quotations beside.
//!
//! Pure but for the hub it asks. Bodies, error bodies and quota headers as measured at the venue in
//! March 2026; a page never crosses a UTC day, which is what makes filling a gap over midnight hard.
//!
//! Keeps: [bounded] [decode-is-total]

mod quotes;

use super::{
    fault::{BadPage, Refusal},
    hub::Hub,
    limit::{Group, TooMany},
    synth::{Query, VenueTrade},
    walk::day_of,
    wire,
};
use std::{collections::HashMap, fmt::Write};

const DAY_MS: i64 = 86_400_000;
const MAX_COUNT: usize = 500;

/// What is answered: status, body, and the quota header where a group counted it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) remaining: Option<String>,
    /// Beyond those that every answer carries.
    pub(super) headers: Vec<(String, String)>,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), remaining: None, headers: Vec::new() }
    }

    pub(super) fn of(refusal: Refusal) -> Self {
        Self { headers: refusal.headers, ..Self::new(refusal.status, refusal.body) }
    }
}

/// The refusals of a request, in the venue's words.
#[derive(Clone, Copy)]
enum Refused {
    Invalid,
    Mismatch,
    Missing,
    NoSuchCode,
}

impl Refused {
    fn answer(self) -> (u16, String) {
        let (status, message) = match self {
            Self::Invalid => (400, "Invalid parameter. Check the given value!"),
            Self::Mismatch => (400, "Type mismatch error. Check the parameters type!"),
            Self::Missing => (400, "Missing request parameter error. Check the required parameters!"),
            Self::NoSuchCode => (404, "Code not found"),
        };
        (status, format!("{{\"error\":{{\"name\":{status},\"message\":\"{message}\"}}}}"))
    }
}

/// Answers a GET of `path?query`.
pub(super) fn answer(hub: &Hub, path: &str, query: &str) -> Answer {
    if let Some(refusal) = hub.faults.rest_refusal() {
        return Answer::of(refusal);
    }
    let candle_unit = quotes::candle_unit(path);
    let group = match path {
        "/v1/market/all" => Group::Market,
        "/v1/trades/ticks" => Group::Trades,
        "/v1/ticker" | "/v1/ticker/all" => Group::Ticker,
        "/v1/orderbook" | "/v1/orderbook/instruments" => Group::Orderbook,
        _ if candle_unit.is_some() => Group::Candles,
        _ => return Answer::new(404, wire::error("not_found", "no Route matched with those values")),
    };
    let left = match hub.take(group) {
        Ok(left) => left,
        Err(refused) => return self::refused(group, refused),
    };
    let parameters = parameters(query);
    let body = match (path, candle_unit) {
        (_, Some(unit)) => quotes::candles(hub, unit, &parameters),
        ("/v1/market/all", _) => Ok(markets(hub, &parameters)),
        ("/v1/ticker", _) => quotes::tickers(hub, false, &parameters),
        ("/v1/ticker/all", _) => quotes::tickers(hub, true, &parameters),
        ("/v1/orderbook", _) => quotes::books(hub, &parameters),
        ("/v1/orderbook/instruments", _) => quotes::instruments(hub, &parameters),
        _ => ticks(hub, &parameters),
    };
    let (status, body) = body.map_or_else(Refused::answer, |body| (200, body));
    Answer { remaining: Some(group.header(left)), ..Answer::new(status, body) }
}

/// One request too many. The venue says so in plain text and without a `Retry-After`; whoever goes on
/// is banned.
pub(super) fn refused(group: Group, refused: TooMany) -> Answer {
    match refused {
        TooMany::Slower => {
            Answer { remaining: Some(group.header(0)), ..Answer::new(429, "Too many API requests.") }
        }
        TooMany::Banned(left) => Answer::of(Refusal::ban(left)),
    }
}

fn markets(hub: &Hub, parameters: &HashMap<String, String>) -> String {
    let details = ["is_details", "isDetails"].iter().any(|k| parameters.get(*k).is_some_and(|v| v == "true"));
    let mut out = String::from("[");
    let codes: Vec<_> = hub.with_market(|m| m.codes().map(|(c, warned)| (c.clone(), warned)).collect());
    for (i, (code, warned)) in codes.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let base = code.split_once('-').map_or("", |(_, base)| base);
        let (korean, english) = names(base);
        let _ = write!(
            out,
            "{comma}{{\"market\":\"{code}\",\"korean_name\":\"{korean}\",\"english_name\":\"{english}\""
        );
        if details {
            let _ = write!(
                out,
                ",\"market_event\":{{\"warning\":{warned},\"caution\":{{\"PRICE_FLUCTUATIONS\":false,\
                 \"TRADING_VOLUME_SOARING\":false,\"DEPOSIT_AMOUNT_SOARING\":false,\
                 \"GLOBAL_PRICE_DIFFERENCES\":false,\"CONCENTRATION_OF_SMALL_ACCOUNTS\":false}}}}"
            );
        }
        out.push('}');
    }
    out.push(']');
    out
}

fn names(base: &str) -> (&str, &str) {
    match base {
        "BTC" => ("비트코인", "Bitcoin"),
        "ETH" => ("이더리움", "Ethereum"),
        "XRP" => ("엑스알피", "XRP"),
        "SOL" => ("솔라나", "Solana"),
        "DOGE" => ("도지코인", "Dogecoin"),
        "USDT" => ("테더", "Tether"),
        other => (other, other),
    }
}

fn ticks(hub: &Hub, parameters: &HashMap<String, String>) -> Result<String, Refused> {
    let code = parameters.get("market").filter(|m| !m.is_empty()).ok_or(Refused::Missing)?;
    // REST, unlike the socket, takes lower case.
    let code = code.to_ascii_uppercase();
    let number = |key: &str| number(parameters, key);
    let count = match number("count")?.map(usize::try_from) {
        None => 1,
        Some(Ok(count)) if (1..=MAX_COUNT).contains(&count) => count,
        Some(_) => return Err(Refused::Invalid),
    };
    let days_ago = match number("days_ago")? {
        None => 0,
        Some(days) if (1..=7).contains(&days) => i64::try_from(days).unwrap_or(0),
        Some(_) => return Err(Refused::Invalid),
    };
    let day_ms = (day_of(hub.now_ms()) - days_ago) * DAY_MS;
    let until_ms = match parameters.get("to").filter(|v| !v.is_empty()) {
        None => DAY_MS,
        Some(to) => time_of_day_ms(to).ok_or(Refused::Invalid)?,
    };
    let before_id = number("cursor")?.unwrap_or(u64::MAX).min(first_id(day_ms + until_ms));
    let query = Query { from_id: first_id(day_ms), before_id, count };
    let page = hub.page(&code, query).ok_or(Refused::NoSuchCode)?;
    let bad = hub.faults.bad_page(&code);
    let page = bad.map_or_else(|| page.clone(), |bad| spoil(hub, &code, query, &page, bad));
    let mut out = String::from("[");
    for trade in &page {
        if out.len() > 1 {
            out.push(',');
        }
        wire::tick(&mut out, trade);
    }
    out.push(']');
    if bad == Some(BadPage::Cut) {
        out.truncate(out.len() / 2);
    }
    Ok(out)
}

/// A whole number, if it is there.
fn number(parameters: &HashMap<String, String>, key: &str) -> Result<Option<u64>, Refused> {
    match parameters.get(key).filter(|v| !v.is_empty()) {
        None => Ok(None),
        Some(value) => value.parse().map(Some).map_err(|_| Refused::Mismatch),
    }
}

/// A page of trades as it should not be.
fn spoil(hub: &Hub, code: &str, query: Query, page: &[VenueTrade], bad: BadPage) -> Vec<VenueTrade> {
    match bad {
        BadPage::Cut => page.to_vec(),
        BadPage::Empty => Vec::new(),
        BadPage::Repeat => page.iter().flat_map(|trade| [trade.clone(), trade.clone()]).collect(),
        BadPage::LeaveOut { every } => {
            let every = every.max(1);
            page.iter().enumerate().filter(|(n, _)| (n + 1) % every != 0).map(|(_, t)| t.clone()).collect()
        }
        BadPage::Overlap { rows } => {
            let above = Query { from_id: query.before_id, before_id: u64::MAX, count: usize::MAX };
            let above = hub.page(code, above).unwrap_or_default();
            let from = above.len().saturating_sub(rows);
            above.get(from..).unwrap_or_default().iter().chain(page).take(query.count).cloned().collect()
        }
        BadPage::Stale { by } => {
            let before_ms = hub.now_ms() - i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2);
            let before_id = query.before_id.min(first_id(before_ms.max(0)));
            hub.page(code, Query { before_id, ..query }).unwrap_or_default()
        }
    }
}

/// The lowest id a trade of this time can have.
const fn first_id(ms: i64) -> u64 {
    ms.unsigned_abs() * 10_000
}

/// `HHmmss` or `HH:mm:ss`, as milliseconds of the day.
fn time_of_day_ms(text: &str) -> Option<i64> {
    let digits: String = text.split(':').collect();
    let colons = text.len() - digits.len();
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()) || (colons != 0 && colons != 2) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2)?.parse::<i64>().ok();
    let (hour, minute, second) = (part(0)?, part(2)?, part(4)?);
    (hour < 24 && minute < 60 && second < 60).then_some(((hour * 60 + minute) * 60 + second) * 1_000)
}

fn parameters(query: &str) -> HashMap<String, String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decoded(key), decoded(value))).collect()
}

/// Undoes percent encoding; what is not valid stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        match hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            None => out.push(if byte == b'+' { b' ' } else { byte }),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
