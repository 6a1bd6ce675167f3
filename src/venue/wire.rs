//! The wire: how the venue spells what it sends.
//!
//! The key order and number style are those of frames seen in September 2026: prices and volumes
//! with eight decimals, the book's best prices and sizes plain, sizes below a thousandth the Java
//! way (`7.9276E-4`). Spelled by hand, because no JSON library writes numbers like that.
//!
//! Keeps: [numbers-survive]

pub(super) mod events;

use super::synth::VenueTrade;
use crate::trade::Side;
use std::fmt::Write;

const UNIT: u64 = 100_000_000;

/// The four spellings a client may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Default,
    Simple,
    JsonList,
    SimpleList,
}

impl Format {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "DEFAULT" => Some(Self::Default),
            "SIMPLE" => Some(Self::Simple),
            "JSON_LIST" => Some(Self::JsonList),
            "SIMPLE_LIST" => Some(Self::SimpleList),
            _ => None,
        }
    }

    pub(super) const fn is_list(self) -> bool {
        matches!(self, Self::JsonList | Self::SimpleList)
    }

    pub(super) const fn is_simple(self) -> bool {
        matches!(self, Self::Simple | Self::SimpleList)
    }
}

/// Keys in wire order, long and short.
pub(super) const KEYS: [(&str, &str); 18] = [
    ("type", "ty"),
    ("code", "cd"),
    ("timestamp", "tms"),
    ("trade_date", "td"),
    ("trade_time", "ttm"),
    ("trade_timestamp", "ttms"),
    ("trade_price", "tp"),
    ("trade_volume", "tv"),
    ("ask_bid", "ab"),
    ("prev_closing_price", "pcp"),
    ("change", "c"),
    ("change_price", "cp"),
    ("sequential_id", "sid"),
    ("best_ask_price", "bap"),
    ("best_ask_size", "bas"),
    ("best_bid_price", "bbp"),
    ("best_bid_size", "bbs"),
    ("stream_type", "st"),
];

/// Appends one trade event, without a list around it.
pub(super) fn trade(out: &mut String, trade: &VenueTrade, simple: bool, snapshot: bool) {
    let (date, time) = utc(trade.traded_at_ms);
    let (change, change_price) = change(trade);
    let values: [&dyn std::fmt::Display; 18] = [
        &"\"trade\"",
        &Quoted(&trade.code),
        &trade.arrives_at_ms,
        &Quoted(&date),
        &Quoted(&time),
        &trade.traded_at_ms,
        &Fixed(trade.price),
        &Fixed(trade.volume),
        &Quoted(side(trade.side)),
        &Fixed(trade.prev_close),
        &Quoted(change),
        &Fixed(change_price.abs()),
        &trade.sequential_id,
        &Plain(trade.best_ask),
        &Plain(trade.best_ask_size),
        &Plain(trade.best_bid),
        &Plain(trade.best_bid_size),
        &Quoted(if snapshot { "SNAPSHOT" } else { "REALTIME" }),
    ];
    for (i, ((long, short), value)) in KEYS.iter().zip(values).enumerate() {
        let key = if simple { short } else { long };
        let open = if i == 0 { '{' } else { ',' };
        // Writing to a String does not fail.
        let _ = write!(out, "{open}\"{key}\":{value}");
    }
    out.push('}');
}

/// Appends one row of `/v1/trades/ticks`; its `change_price` is signed.
pub(super) fn tick(out: &mut String, trade: &VenueTrade) {
    let (date, time) = utc(trade.traded_at_ms);
    let (_, change_price) = change(trade);
    let _ = write!(
        out,
        "{{\"market\":\"{}\",\"trade_date_utc\":\"{date}\",\"trade_time_utc\":\"{time}\",\"timestamp\":{},\
         \"trade_price\":{},\"trade_volume\":{},\"prev_closing_price\":{},\"change_price\":{},\
         \"ask_bid\":\"{}\",\"sequential_id\":{}}}",
        trade.code,
        trade.traded_at_ms,
        Fixed(trade.price),
        Fixed(trade.volume),
        Fixed(trade.prev_close),
        Fixed(change_price),
        side(trade.side),
        trade.sequential_id,
    );
}

/// An error frame.
pub(super) fn error(name: &str, message: &str) -> String {
    format!("{{\"error\":{{\"name\":\"{name}\",\"message\":\"{message}\"}}}}")
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BID",
        Side::Sell => "ASK",
    }
}

fn change(trade: &VenueTrade) -> (&'static str, i64) {
    let by = trade.price - trade.prev_close;
    (["FALL", "EVEN", "RISE"][usize::from(by >= 0) + usize::from(by > 0)], by)
}

/// A time as HTTP's `Date` has it.
pub(super) fn http_date(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (date, time) = utc(ms);
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let weekday = DAYS.get(usize::try_from(ms.div_euclid(86_400_000).rem_euclid(7)).unwrap_or(0));
    let month = month.and_then(|m| m.parse::<usize>().ok()).and_then(|m| MONTHS.get(m.wrapping_sub(1)));
    let (weekday, month) = (weekday.unwrap_or(&"Thu"), month.unwrap_or(&"Jan"));
    format!("{weekday}, {} {month} {} {time} GMT", day.unwrap_or("01"), year.unwrap_or("1970"))
}

/// UTC date and time, `yyyy-MM-dd` and `HH:mm:ss`.
pub(super) fn utc(ms: i64) -> (String, String) {
    let seconds = ms.div_euclid(1_000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date by eras of 400 years that begin on 1 March of year 0.
    let shifted = day + 719_468;
    let (era, in_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day_of_month = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        format!("{year:04}-{month:02}-{day_of_month:02}"),
        format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60),
    )
}

struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Eight decimals, always.
struct Fixed(i64);

impl std::fmt::Display for Fixed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, units) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        write!(f, "{sign}{}.{:08}", units / UNIT, units % UNIT)
    }
}

/// No needless digits; below a thousandth an exponent, with at least one decimal, as Java prints.
struct Plain(i64);

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = self.0.unsigned_abs();
        if units >= UNIT / 1_000 || units == 0 {
            let text = format!("{}.{:08}", units / UNIT, units % UNIT);
            return f.write_str(text.trim_end_matches('0').trim_end_matches('.'));
        }
        let digits = units.to_string();
        let (first, rest) = digits.split_at(1);
        let rest = rest.trim_end_matches('0');
        let exponent = 9 - digits.len();
        write!(f, "{first}.{}E-{exponent}", if rest.is_empty() { "0" } else { rest })
    }
}

#[cfg(test)]
mod tests;
