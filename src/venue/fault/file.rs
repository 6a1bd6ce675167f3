//! Scripts as files: TOML tables that people write, and that a drawn script prints.
//!
//! ```toml
//! [[fault]]
//! at = "10s"                 # from the start of the script
//! name = "stall"
//! for = "20s"                # until cleared when left out
//! markets = ["KRW-BTC"]      # all when left out
//! session = "oldest"         # "newest", "all", or a number from 1
//! ```
//!
//! Unknown names and keys are refused, names with the nearest that is known.
//!
//! Keeps: [decode-is-total]

use super::super::grid::Quote;
use super::{BadPage, BadUpgrade, Fault, Mangle, Planned, Refusal, Script, Who};
use crate::market::is_market_code;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(String);

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScriptError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fault: Vec<Entry>,
}

/// One table. Every parameter of every fault has its key here.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    at: String,
    name: String,
    #[serde(rename = "for")]
    lasting: Option<String>,
    times: Option<u64>,
    #[serde(default)]
    markets: Vec<String>,
    session: Option<Value>,
    count: Option<u64>,
    by: Option<String>,
    how: Option<String>,
    rows: Option<u64>,
    every: Option<u64>,
    on: Option<bool>,
    status: Option<u16>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    code: Option<u16>,
    reason: Option<String>,
    bytes: Option<u8>,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let file: File =
            toml::from_str(text).map_err(|e| ScriptError(e.to_string().trim_end().to_owned()))?;
        let mut steps = Vec::new();
        for (n, entry) in file.fault.iter().enumerate() {
            let step = entry.step();
            steps.push(step.map_err(|why| ScriptError(format!("fault {} ({}): {why}", n + 1, entry.name)))?);
        }
        Ok(steps.into())
    }
}

/// What makes a fault of a table's parameters.
type Make = fn(&Entry) -> Result<Fault, String>;

/// Every fault by the name that files use.
const NAMES: &[(&str, Make)] = &[
    ("mute-pongs", |_| Ok(Fault::MutePongs)),
    ("stall", |_| Ok(Fault::Stall)),
    ("freeze", |_| Ok(Fault::Freeze)),
    ("drop-after", |e| Ok(Fault::DropAfter { frames: e.count()? })),
    ("cut-frame", |_| Ok(Fault::CutFrame)),
    ("omit-trades", |e| Ok(Fault::OmitTrades { count: e.count()? })),
    ("repeat-trades", |e| Ok(Fault::RepeatTrades { count: e.count()? })),
    ("reorder-trades", |e| Ok(Fault::ReorderTrades { count: e.count()?, within: e.by()? })),
    ("delay-trades", |e| Ok(Fault::DelayTrades { by: e.by()? })),
    ("mangle-trades", |e| Ok(Fault::MangleTrades { count: e.count()?, how: known(MANGLES, e.how()?)? })),
    ("no-snapshots", |_| Ok(Fault::NoSnapshots)),
    ("stale-snapshots", |e| Ok(Fault::StaleSnapshots { trades: size(e.count()?) })),
    ("refuse-connections", |_| Ok(Fault::RefuseConnections)),
    ("silent-connections", |_| Ok(Fault::SilentConnections)),
    ("trickle", |e| Ok(Fault::Trickle { every: e.by()? })),
    ("refuse-upgrades", |e| Ok(Fault::RefuseUpgrades(e.refusal()?))),
    ("bad-upgrades", |e| Ok(Fault::BadUpgrades(known(UPGRADES, e.how()?)?))),
    ("refuse-rest", |e| Ok(Fault::RefuseRest(e.refusal()?))),
    ("slow-rest", |e| Ok(Fault::SlowRest { by: e.by()? })),
    ("hang-rest", |_| Ok(Fault::HangRest)),
    ("overlap-pages", |e| Ok(Fault::BadPages(BadPage::Overlap { rows: size(e.rows.unwrap_or(3)) }))),
    ("repeat-pages", |_| Ok(Fault::BadPages(BadPage::Repeat))),
    ("gap-pages", |e| Ok(Fault::BadPages(BadPage::LeaveOut { every: size(e.every.unwrap_or(3)) }))),
    ("empty-pages", |_| Ok(Fault::BadPages(BadPage::Empty))),
    ("stale-pages", |e| Ok(Fault::BadPages(BadPage::Stale { by: e.by()? }))),
    ("cut-pages", |_| Ok(Fault::BadPages(BadPage::Cut))),
    ("clock-ahead", |e| Ok(Fault::WrongDate { by_ms: ms(e.by()?) })),
    ("clock-behind", |e| Ok(Fault::WrongDate { by_ms: -ms(e.by()?) })),
    ("halt", |_| Ok(Fault::Halt)),
    ("list", |e| Ok(Fault::List { code: e.market()? })),
    ("delist", |e| Ok(Fault::Delist { code: e.market()? })),
    ("warn", |e| Ok(Fault::Warn { code: e.market()?, on: e.on.unwrap_or(true) })),
    ("garbage", |e| Ok(Fault::Garbage(e.text(&e.body, "body", Some("{\"type\":\"tra"))?.into()))),
    ("raw", |e| unhex(&e.text(&e.body, "body", None)?).map(|b| Fault::Raw(b.into()))),
    ("giant-frame", |_| Ok(Fault::giant_frame())),
    ("endless-fragments", |_| Ok(Fault::endless_fragments())),
    ("bad-text", |_| Ok(Fault::bad_text())),
    ("reserved-bit", |_| Ok(Fault::reserved_bit())),
    ("error", |e| Ok(Fault::Error { name: e.text(&e.reason, "reason", Some("INVALID_PARAM"))? })),
    ("close", |e| {
        Ok(Fault::Close { code: e.code.unwrap_or(1000), reason: e.reason.clone().unwrap_or_default() })
    }),
    ("drop", |_| Ok(Fault::Drop)),
    ("reset", |_| Ok(Fault::Reset)),
    ("half-open", |_| Ok(Fault::HalfOpen)),
    ("ping", |_| Ok(Fault::Ping)),
    ("pings", |e| Ok(Fault::Pings { count: e.count()?.min(10_000) as u16, bytes: e.bytes.unwrap_or(0) })),
    ("pongs", |e| Ok(Fault::Pongs { count: e.count()?.min(10_000) as u16 })),
    ("clear", |_| Ok(Fault::Clear)),
];

const UPGRADES: &[(&str, BadUpgrade)] = &[
    ("wrong-accept", BadUpgrade::WrongAccept),
    ("extension", BadUpgrade::Extension),
    ("many-headers", BadUpgrade::ManyHeaders),
];

const MANGLES: &[(&str, Mangle)] = &[
    ("cut-json", Mangle::CutJson),
    ("trailing", Mangle::Trailing),
    ("nested", Mangle::Nested),
    ("duplicate-key", Mangle::DuplicateKey),
    ("byte-order-mark", Mangle::ByteOrderMark),
    ("nul", Mangle::Nul),
    ("bad-utf8", Mangle::BadUtf8),
    ("missing-price", Mangle::MissingPrice),
    ("null-price", Mangle::NullPrice),
    ("price-as-string", Mangle::PriceAsString),
    ("nan-price", Mangle::NanPrice),
    ("huge-price", Mangle::HugePrice),
    ("negative-price", Mangle::NegativePrice),
    ("zero-volume", Mangle::ZeroVolume),
    ("unknown-side", Mangle::UnknownSide),
    ("extra-fields", Mangle::ExtraFields),
    ("seconds", Mangle::Seconds),
    ("micros", Mangle::Micros),
    ("unknown-type", Mangle::UnknownType),
    ("text-frame", Mangle::TextFrame),
    ("fragments", Mangle::Fragments),
];

impl Script {
    /// The names of all faults that a file may name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

impl Entry {
    fn step(&self) -> Result<(Duration, Planned), String> {
        let make = known(NAMES, &self.name)?;
        let at = duration("at", &self.at)?;
        let fault = make(self)?;
        let refuses = matches!(fault, Fault::RefuseUpgrades(_) | Fault::RefuseRest(_));
        let lasting = self.lasting.as_deref().filter(|_| !refuses);
        let names_market = matches!(fault, Fault::List { .. } | Fault::Delist { .. } | Fault::Warn { .. });
        let planned = Planned {
            fault,
            who: self.who()?,
            // The market that is listed is the fault's own.
            markets: if names_market { Vec::new() } else { self.markets.clone() },
            lasting: lasting.map(|text| duration("for", text)).transpose()?,
            times: self.times,
        };
        Ok((at, planned))
    }

    fn who(&self) -> Result<Who, String> {
        match &self.session {
            None => Ok(Who::All),
            Some(Value::String(name)) => {
                known(&[("all", Who::All), ("oldest", Who::Oldest), ("newest", Who::Newest)], name)
            }
            Some(value) => value
                .as_u64()
                .map(Who::Session)
                .ok_or_else(|| "session is \"all\", \"oldest\", \"newest\" or a number from 1".into()),
        }
    }

    fn count(&self) -> Result<u64, String> {
        self.count.ok_or_else(|| "count is missing: how many".into())
    }

    fn by(&self) -> Result<Duration, String> {
        duration("by", self.by.as_deref().ok_or("by is missing: a time such as \"300ms\"")?)
    }

    fn how(&self) -> Result<&str, String> {
        self.how.as_deref().ok_or_else(|| "how is missing: in which way".into())
    }

    fn market(&self) -> Result<String, String> {
        match self.markets.as_slice() {
            [code] if Quote::of(code).is_some() && is_market_code(code) => Ok(code.clone()),
            [code] => Err(format!("{code:?} is no market of KRW, BTC or USDT")),
            _ => Err("markets must name one market".into()),
        }
    }

    fn text(&self, value: &Option<String>, key: &str, default: Option<&str>) -> Result<String, String> {
        value.clone().or_else(|| default.map(String::from)).ok_or_else(|| format!("{key} is missing"))
    }

    fn refusal(&self) -> Result<Refusal, String> {
        let lasting =
            duration("for", self.lasting.as_deref().ok_or("for is missing: a time such as \"5s\"")?)?;
        let status = self.status.ok_or("status is missing: 429, 418, 503…")?;
        let mut refusal = match status {
            429 => Refusal::too_many(lasting),
            418 => Refusal::ban(lasting),
            503 => Refusal::unavailable(lasting),
            _ => Refusal::new(status, "", lasting),
        };
        if let Some(body) = &self.body {
            refusal.body.clone_from(body);
        }
        refusal.headers = self.headers.clone().into_iter().collect();
        Ok(refusal)
    }
}

/// The value of a name, or what is near it.
fn known<T: Copy>(names: &[(&str, T)], name: &str) -> Result<T, String> {
    if let Some((_, value)) = names.iter().find(|(known, _)| *known == name) {
        return Ok(*value);
    }
    let near = names.iter().min_by_key(|(known, _)| strsim::osa_distance(known, name));
    let all: Vec<&str> = names.iter().map(|(known, _)| *known).collect();
    let near = near.map(|(near, _)| format!("; did you mean {near:?}?")).unwrap_or_default();
    Err(format!("{name:?} is not known{near} There are {}", all.join(", ")))
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// `250ms`, `10s`, `5m`: a whole number and its unit.
pub(in super::super) fn duration(key: &str, text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
    let ms = number.parse::<u64>().ok().zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
    ms.map(Duration::from_millis).ok_or_else(|| {
        format!("{key} = {text:?} is no time; write \"250ms\", \"10s\", \"5m\", \"2h\" or \"3d\"")
    })
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let bytes =
        digits.chunks(2).map(|pair| byte(pair).filter(|_| pair.len() == 2)).collect::<Option<Vec<u8>>>();
    bytes.ok_or_else(|| "body is no row of bytes in hex, such as \"82 00\"".into())
}

/// A text as TOML spells it; JSON's strings are TOML's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| *name)
}

/// Writes one step as a table.
pub(super) fn write(f: &mut fmt::Formatter<'_>, at: Duration, planned: &Planned) -> fmt::Result {
    let (name, parameters) = spelled(&planned.fault);
    write!(f, "[[fault]]\nat = \"{}ms\"\nname = \"{name}\"\n{parameters}", at.as_millis())?;
    if let Some(lasting) = planned.lasting {
        writeln!(f, "for = \"{}ms\"", lasting.as_millis())?;
    }
    if let Some(times) = planned.times {
        writeln!(f, "times = {times}")?;
    }
    if !planned.markets.is_empty() {
        writeln!(f, "markets = {}", Value::from(planned.markets.clone()))?;
    }
    match planned.who {
        Who::All => {}
        Who::Oldest => writeln!(f, "session = \"oldest\"")?,
        Who::Newest => writeln!(f, "session = \"newest\"")?,
        Who::Session(number) => writeln!(f, "session = {number}")?,
    }
    writeln!(f)
}

/// A fault's name in files, and the lines of its parameters.
fn spelled(fault: &Fault) -> (&'static str, String) {
    let count = |n: &dyn fmt::Display| format!("count = {n}\n");
    let by = |time: &Duration| format!("by = \"{}ms\"\n", time.as_millis());
    let market = |code: &str| format!("markets = [{}]\n", quoted(code));
    match fault {
        Fault::MutePongs => ("mute-pongs", String::new()),
        Fault::Stall => ("stall", String::new()),
        Fault::Freeze => ("freeze", String::new()),
        Fault::DropAfter { frames } => ("drop-after", count(frames)),
        Fault::CutFrame => ("cut-frame", String::new()),
        Fault::OmitTrades { count: n } => ("omit-trades", count(n)),
        Fault::RepeatTrades { count: n } => ("repeat-trades", count(n)),
        Fault::ReorderTrades { count: n, within } => ("reorder-trades", count(n) + &by(within)),
        Fault::DelayTrades { by: time } => ("delay-trades", by(time)),
        Fault::MangleTrades { count: n, how } => {
            ("mangle-trades", format!("{}how = \"{}\"\n", count(n), name_of(MANGLES, how)))
        }
        Fault::NoSnapshots => ("no-snapshots", String::new()),
        Fault::StaleSnapshots { trades } => ("stale-snapshots", count(trades)),
        Fault::RefuseConnections => ("refuse-connections", String::new()),
        Fault::SilentConnections => ("silent-connections", String::new()),
        Fault::Trickle { every } => ("trickle", by(every)),
        Fault::RefuseUpgrades(refusal) => ("refuse-upgrades", refused(refusal)),
        Fault::BadUpgrades(how) => ("bad-upgrades", format!("how = \"{}\"\n", name_of(UPGRADES, how))),
        Fault::RefuseRest(refusal) => ("refuse-rest", refused(refusal)),
        Fault::SlowRest { by: time } => ("slow-rest", by(time)),
        Fault::HangRest => ("hang-rest", String::new()),
        Fault::BadPages(how) => bad_page(*how),
        Fault::WrongDate { by_ms } => {
            let name = if *by_ms < 0 { "clock-behind" } else { "clock-ahead" };
            (name, by(&Duration::from_millis(by_ms.unsigned_abs())))
        }
        Fault::Halt => ("halt", String::new()),
        Fault::List { code } => ("list", market(code)),
        Fault::Delist { code } => ("delist", market(code)),
        Fault::Warn { code, on } => ("warn", format!("on = {on}\n{}", market(code))),
        Fault::Garbage(bytes) => ("garbage", format!("body = {}\n", quoted(&String::from_utf8_lossy(bytes)))),
        Fault::Raw(bytes) => {
            let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            ("raw", format!("body = \"{}\"\n", hex.concat()))
        }
        Fault::Error { name } => ("error", format!("reason = {}\n", quoted(name))),
        Fault::Close { code, reason } => ("close", format!("code = {code}\nreason = {}\n", quoted(reason))),
        Fault::Drop => ("drop", String::new()),
        Fault::Reset => ("reset", String::new()),
        Fault::HalfOpen => ("half-open", String::new()),
        Fault::Ping => ("ping", String::new()),
        Fault::Pings { count: n, bytes } => ("pings", format!("{}bytes = {bytes}\n", count(n))),
        Fault::Pongs { count: n } => ("pongs", count(n)),
        Fault::Clear => ("clear", String::new()),
    }
}

fn bad_page(how: BadPage) -> (&'static str, String) {
    match how {
        BadPage::Overlap { rows } => ("overlap-pages", format!("rows = {rows}\n")),
        BadPage::Repeat => ("repeat-pages", String::new()),
        BadPage::LeaveOut { every } => ("gap-pages", format!("every = {every}\n")),
        BadPage::Empty => ("empty-pages", String::new()),
        BadPage::Stale { by } => ("stale-pages", format!("by = \"{}ms\"\n", by.as_millis())),
        BadPage::Cut => ("cut-pages", String::new()),
    }
}

fn refused(refusal: &Refusal) -> String {
    let headers: Vec<String> =
        refusal.headers.iter().map(|(key, value)| format!("{} = {}", quoted(key), quoted(value))).collect();
    format!(
        "status = {}\nbody = {}\nheaders = {{ {} }}\nfor = \"{}ms\"\n",
        refusal.status,
        quoted(&refusal.body),
        headers.join(", "),
        refusal.lasting.as_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_as_it_is_meant_and_sorted_by_time() {
        let text = r#"
            [[fault]]
            at = "30s"
            name = "refuse-upgrades"
            status = 429
            for = "5s"
            headers = { "retry-after" = "7" }
            [[fault]]
            at = "10s"
            name = "stall"
            for = "20s"
            markets = ["KRW-BTC"]
            session = "oldest"
        "#;
        let expect = vec![
            (
                Duration::from_secs(10),
                Fault::Stall.market("KRW-BTC").on(Who::Oldest).lasting(Duration::from_secs(20)),
            ),
            (
                Duration::from_secs(30),
                Fault::RefuseUpgrades(Refusal::too_many(Duration::from_secs(5)).header("retry-after", "7"))
                    .into(),
            ),
        ];
        assert_eq!(text.parse(), Ok(Script::from(expect)));
    }

    #[test]
    fn what_is_wrong_with_a_script_is_said() {
        let check = |table: &str, words: &str| {
            let error = format!("[[fault]]\n{table}").parse::<Script>().err().map(|e| e.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(words), "{table}: {error:?}");
        };
        check("at = \"1s\"\nname = \"stal\"", "did you mean \"stall\"?");
        check("at = \"1s\"\nname = \"omit-trades\"", "fault 1 (omit-trades): count is missing");
        check("at = \"1\"\nname = \"drop\"", "at = \"1\" is no time");
        check("at = \"1s\"\nname = \"drop\"\nfro = \"2s\"", "unknown field `fro`");
        check("at = \"1s\"\nname = \"mangle-trades\"\ncount = 1\nhow = \"nan\"", "\"nan\" is not known");
        check("at = \"1s\"\nname = \"drop\"\nsession = \"old\"", "did you mean");
        check("at = \"1s\"\nname = \"raw\"\nbody = \"8\"", "in hex");
        check("at = \"1s\"\nname = \"list\"\nmarkets = [\"EUR-BTC\"]", "is no market of");
        check("name = \"drop\"", "missing field `at`");
    }

    /// Every name makes a fault that is printed under a name that makes it again.
    #[test]
    fn every_fault_prints_as_what_reads_as_it() {
        for name in Script::names() {
            let how = if name == "bad-upgrades" { "extension" } else { "nul" };
            let status =
                if name.starts_with("refuse-u") || name == "refuse-rest" { "status = 302\n" } else { "" };
            let text = format!(
                "[[fault]]\nat = \"1s\"\nname = \"{name}\"\nfor = \"9s\"\ncount = 3\nby = \"40ms\"\n{status}\
                 how = \"{how}\"\nmarkets = [\"KRW-NEW\"]\nbody = \"8200\""
            );
            let script: Script = text.parse().unwrap_or_else(|why| panic!("{name}: {why}"));
            let again = script.to_string();
            assert_eq!(again.parse(), Ok(script), "{name}:\n{again}");
        }
    }
}
