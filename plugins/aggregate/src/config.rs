//! The configuration: a list of bars and of averages, or one bar written flat.
//!
//! Every mistake is reported at its place; a [`Config`] that comes out holds only what the engine
//! can do, with memory that is bounded by it.
//!
//! Keeps: `[bounded]` (how many bars of one market can be open or kept at once)

use serde_json::Value;
use tradehook_sdk::{
    ConfigFault,
    config::{self, MarketFilter, Mistake, Object},
};

pub(crate) const DAY_MS: i64 = 86_400_000;
/// The longest lateness, chosen: what comes later than that is history.
const MAX_LATENESS_MS: i64 = 600_000;
/// The most bars of one market that may be open or kept, and the most panes of a window; chosen so
/// that 300 markets stay within tens of megabytes.
const MAX_KEPT: i64 = 4096;
/// The most empty bars in a row; chosen, a day of 10 s bars.
const MAX_FILL: u32 = 8640;

/// What is to be aggregated.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time bars.
    pub bars: Vec<BarSpec>,
    /// Volume-weighted averages.
    pub vwaps: Vec<VwapSpec>,
    /// How long a bar waits for late trades, ms.
    pub lateness: i64,
    /// How far the clock of a market stays behind a tick, ms.
    pub idle_lag: i64,
}

/// One sort of time bar.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSpec {
    /// A name that its records carry.
    pub id: Option<String>,
    /// For which markets.
    pub markets: MarketFilter,
    /// Ms; divides a day.
    pub size: i64,
    /// The size as records carry it: `1m`.
    pub size_text: String,
    /// Where bars are aligned to, ms after 00:00 UTC.
    pub origin: i64,
    /// Whether finals are emitted.
    pub finals: bool,
    /// Whether and how often, at most, a bar that is being built is emitted, ms.
    pub update_every: Option<i64>,
    /// How long after its final a bar is re-issued when a late trade comes, ms; `None`: never.
    pub amend_for: Option<i64>,
    /// How many empty bars in a row are emitted; `None`: none.
    pub max_fill: Option<u32>,
    /// Whether a bar whose beginning was not seen is emitted.
    pub keep_partial: bool,
}

/// One volume-weighted average.
#[derive(Clone, Debug, PartialEq)]
pub struct VwapSpec {
    /// For which markets.
    pub markets: MarketFilter,
    /// Over the last so many ms, a multiple of `every`; `None`: since 00:00 UTC.
    pub window: Option<i64>,
    /// How often it is told, ms; divides a day.
    pub every: i64,
}

impl BarSpec {
    /// The start of the bar that holds `ts`.
    #[inline]
    #[must_use]
    pub fn start_of(&self, ts: i64) -> i64 {
        ts - (ts - self.origin).rem_euclid(self.size)
    }

    /// What the state of a series depends on: a restart with the same definition goes on with it.
    pub(crate) fn definition(&self) -> String {
        let Self { size, origin, finals, update_every, amend_for, max_fill, keep_partial, .. } = self;
        format!("time {size} {origin} {finals} {update_every:?} {amend_for:?} {max_fill:?} {keep_partial}")
    }
}

impl VwapSpec {
    /// As [`BarSpec::definition`].
    pub(crate) fn definition(&self) -> String {
        format!("vwap {:?} {}", self.window, self.every)
    }
}

/// Reads the configuration.
///
/// # Errors
/// Every mistake in it.
pub fn read(value: &Value) -> Result<Config, Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let mut table = Object::new(value, "", &mut faults);
    let lateness = table.optional("lateness", duration_up_to(MAX_LATENESS_MS)).unwrap_or(2000);
    let idle_lag = table.optional("idle_lag", duration_up_to(MAX_LATENESS_MS)).unwrap_or(2000);
    let lists = [table.get("bars").is_some(), table.get("vwap").is_some()];
    let mut bars = table.list("bars", |item, path, faults| {
        let mut bar = Object::new(item, path, faults);
        let read = if bar.is_table() { read_bar(&mut bar, lateness) } else { None };
        bar.finish();
        read
    });
    let vwaps = table.list("vwap", |item, path, faults| {
        let mut vwap = Object::new(item, path, faults);
        let read = if vwap.is_table() { read_vwap(&mut vwap) } else { None };
        vwap.finish();
        read
    });
    if lists == [false, false] && table.is_table() {
        bars = read_bar(&mut table, lateness).map(|bar| vec![bar]);
    } else if table.get("size").is_some() {
        let help = "write it into a table of `bars`, or leave `bars` and `vwap` out";
        table.fault("size", Mistake::new("`size` stands beside `bars` or `vwap`").help(help));
    }
    table.finish();
    let (bars, vwaps) = (bars.unwrap_or_default(), vwaps.unwrap_or_default());
    report_twins(&bars, &mut faults);
    if faults.is_empty() { Ok(Config { bars, vwaps, lateness, idle_lag }) } else { Err(faults) }
}

/// One bar, in a list or flat. `None` only where its size is no size; its other faults are reported
/// all the same.
fn read_bar(table: &mut Object<'_, '_>, lateness: i64) -> Option<BarSpec> {
    let id = table.optional("id", config::text);
    let markets = MarketFilter::read(table);
    table.optional("kind", kind);
    let size = table.required("size", bar_size);
    let origin = table.optional("day_start", day_start);
    if origin.is_some() && size.is_some_and(|size| size != DAY_MS) {
        table.fault("day_start", Mistake::new("only bars of \"1d\" have a day to start"));
    }
    let emit = [("final", (true, false)), ("update", (false, true)), ("both", (true, true))];
    let (finals, updates) =
        table.optional("emit", |value| config::one_of(value, &emit)).unwrap_or((true, false));
    let every = table.optional("update_every", duration_up_to(DAY_MS));
    if every.is_some() && !updates {
        table.fault("update_every", Mistake::new("only finals are emitted").help("set emit = \"both\""));
    }
    let amend = [("drop", false), ("amend", true)];
    let amend = table.optional("late", |value| config::one_of(value, &amend)).unwrap_or(false);
    let amend_for = table.optional("amend_for", duration_up_to(DAY_MS));
    if amend_for.is_some() && !amend {
        table.fault("amend_for", Mistake::new("late trades are dropped").help("set late = \"amend\""));
    }
    let max_fill = read_fill(table);
    let keep_partial = table.optional("keep_partial", config::flag).unwrap_or(false);
    let size = size?;
    let amend_for = amend.then_some(amend_for.unwrap_or(30_000));
    if lateness + amend_for.unwrap_or(0) > size * MAX_KEPT {
        let message = format!("lateness and `amend_for` span more than {MAX_KEPT} bars");
        table.fault("size", Mistake::new(message).help("larger bars, or less time to amend them"));
    }
    Some(BarSpec {
        id,
        markets,
        size,
        size_text: duration_text(size),
        origin: origin.unwrap_or(0),
        finals,
        update_every: updates.then_some(every.unwrap_or(1000)),
        amend_for,
        max_fill,
        keep_partial,
    })
}

fn read_fill(table: &mut Object<'_, '_>) -> Option<u32> {
    let fill = [("omit", false), ("fill", true)];
    let fill = table.optional("empty", |value| config::one_of(value, &fill)).unwrap_or(false);
    let most = table.optional("max_fill", |value| {
        let within = |n: &u32| *n <= MAX_FILL;
        config::count(value).ok().filter(within).ok_or_else(|| {
            Mistake::new(format!(
                "expected a whole number from 1 to {MAX_FILL}, found {}",
                config::describe(value)
            ))
        })
    });
    if most.is_some() && !fill {
        table.fault("max_fill", Mistake::new("empty bars are omitted").help("set empty = \"fill\""));
    }
    fill.then_some(most.unwrap_or(60))
}

fn read_vwap(table: &mut Object<'_, '_>) -> Option<VwapSpec> {
    let markets = MarketFilter::read(table);
    let window = table.optional("window", duration_up_to(DAY_MS));
    let since = table.optional("since", |value| config::one_of(value, &[("day", ())]));
    let written = [table.get("window").is_some(), table.get("since").is_some()];
    if written[0] == written[1] {
        let help = "either window = \"5m\" or since = \"day\"";
        let message =
            if written[0] { "`window` and `since` exclude one another" } else { "no span is given" };
        table.fault("", Mistake::new(message).help(help));
    }
    let every = table.optional("every", bar_size).unwrap_or(1000);
    if let Some(window) = window {
        if window == 0 || window % every != 0 {
            let message = format!("the window is not a multiple of `every` ({})", duration_text(every));
            table.fault("window", Mistake::new(message));
        } else if window / every > MAX_KEPT {
            let least = duration_text(window / MAX_KEPT);
            let message = format!("the window holds more than {MAX_KEPT} steps of `every`");
            table.fault("every", Mistake::new(message).help(format!("longer than \"{least}\"")));
        }
    }
    (window.is_some() || since.is_some()).then_some(VwapSpec { markets, window, every })
}

/// Two bars whose records nobody could tell apart.
fn report_twins(bars: &[BarSpec], faults: &mut Vec<ConfigFault>) {
    for (i, bar) in bars.iter().enumerate() {
        let earlier = bars.iter().take(i);
        let same = |other: &BarSpec| match (&other.id, &bar.id) {
            (Some(a), Some(b)) => a == b,
            (None, None) => {
                other.size == bar.size && other.origin == bar.origin && other.markets == bar.markets
            }
            _ => false,
        };
        if let Some(twin) = earlier.into_iter().position(same) {
            let what = bar
                .id
                .as_ref()
                .map_or_else(|| "the same bars as".to_owned(), |id| format!("the id {id:?} of"));
            let fault = ConfigFault::new(format!("/bars/{i}"), format!("{what} /bars/{twin}"));
            faults.push(fault.help("an `id` of its own tells its records apart"));
        }
    }
}

fn kind(value: &Value) -> Result<(), Mistake> {
    config::one_of(value, &[("time", ())]).map_err(|_| {
        let message = format!("{} is no kind of bar that is available", config::describe(value));
        Mistake::new(message).help("available: \"time\"")
    })
}

fn duration_up_to(most: i64) -> impl Fn(&Value) -> Result<i64, Mistake> {
    move |value| {
        let ms = config::duration(value)?;
        let over =
            || Mistake::new(format!("{} is more than {}", config::describe(value), duration_text(most)));
        if ms <= most { Ok(ms) } else { Err(over()) }
    }
}

/// A duration that bars can be aligned by.
fn bar_size(value: &Value) -> Result<i64, Mistake> {
    let ms = config::duration(value)?;
    if ms >= 1000 && DAY_MS % ms == 0 {
        return Ok(ms);
    }
    let message = format!("{} does not divide a day into spans of a second or more", config::describe(value));
    Err(Mistake::new(message).help("for instance \"1s\", \"10s\", \"1m\", \"5m\", \"1h\", \"1d\""))
}

/// `"00:00Z"`, `"09:00+09:00"`: where a day begins, in ms after 00:00 UTC.
fn day_start(value: &Value) -> Result<i64, Mistake> {
    let clock = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let two = |t: &str| if t.len() == 2 { t.parse::<u8>().ok() } else { None };
        let (hours, minutes) = (i64::from(two(hours)?), i64::from(two(minutes)?));
        (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60_000)
    };
    let read = |text: &str| match text.split_at_checked(5)? {
        (local, "Z") => clock(local),
        (local, offset) => {
            let (sign, offset) = match (offset.strip_prefix('+'), offset.strip_prefix('-')) {
                (Some(east), _) => (1, east),
                (_, Some(west)) => (-1, west),
                _ => return None,
            };
            Some((clock(local)? - sign * clock(offset)?).rem_euclid(DAY_MS))
        }
    };
    value.as_str().and_then(read).ok_or_else(|| {
        let message = format!("expected a time of day with its offset, found {}", config::describe(value));
        Mistake::new(message).help("\"00:00Z\", or \"09:00+09:00\", which is the same moment")
    })
}

/// A span in its largest whole unit.
fn duration_text(ms: i64) -> String {
    for (unit, name) in [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")] {
        if ms % unit == 0 && ms >= unit {
            return format!("{}{name}", ms / unit);
        }
    }
    format!("{ms}ms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expect: &[&str]) {
        let faults = read(&value).err().unwrap_or_default();
        let found: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.path, f.message)).collect();
        assert_eq!(found, expect, "{value}");
    }

    #[test]
    fn good_configurations_are_read() {
        check(json!({ "size": "1m" }), &[]);
        check(json!({ "size": "1d", "day_start": "09:00+09:00", "empty": "fill", "max_fill": 3 }), &[]);
        check(
            json!({ "bars": [{ "size": "1s", "emit": "both", "update_every": "1s" }], "lateness": "0s" }),
            &[],
        );
        check(json!({ "bars": [{ "size": "1m" }, { "size": "1m", "id": "x" }] }), &[]);
        check(json!({ "vwap": [{ "window": "5m" }, { "since": "day", "every": "10s" }] }), &[]);
        let read = read(&json!({ "size": "90s", "kind": "time" }))
            .map(|c| c.bars.first().map(|b| b.size_text.clone()));
        assert_eq!(read, Ok(Some("90s".to_owned())));
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        check(json!({}), &[": `size` is missing"]);
        check(json!(1), &[": expected a table, found the number 1"]);
        check(
            json!({ "bars": [1], "vwap": [""] }),
            &[
                "/bars/0: expected a table, found the number 1",
                "/vwap/0: expected a table, found the text \"\"",
            ],
        );
        check(json!({ "sise": "1m" }), &[": `size` is missing", "/sise: unknown key `sise`"]);
        check(
            json!({ "bars": [{ "size": "7m", "emit": "fnal" }, { "size": "1m", "late": 3, "keep_partial": 1 }], "idle_lag": "x" }),
            &[
                "/idle_lag: \"x\" is no duration",
                "/bars/0/size: the text \"7m\" does not divide a day into spans of a second or more",
                "/bars/0/emit: unknown word \"fnal\"",
                "/bars/1/late: expected a word, found the number 3",
                "/bars/1/keep_partial: expected true or false, found the number 1",
            ],
        );
        check(
            json!({ "size": "1m", "day_start": "00:00Z" }),
            &["/day_start: only bars of \"1d\" have a day to start"],
        );
        check(
            json!({ "size": "1d", "day_start": "9:00" }),
            &["/day_start: expected a time of day with its offset, found the text \"9:00\""],
        );
        check(json!({ "size": "1m", "update_every": "2s" }), &["/update_every: only finals are emitted"]);
        check(json!({ "size": "1m", "amend_for": "2s" }), &["/amend_for: late trades are dropped"]);
        check(json!({ "size": "1m", "max_fill": 2 }), &["/max_fill: empty bars are omitted"]);
        check(
            json!({ "size": "1m", "empty": "fill", "max_fill": 0 }),
            &["/max_fill: expected a whole number from 1 to 8640, found the number 0"],
        );
        check(
            json!({ "size": "1m", "kind": "volume" }),
            &["/kind: the text \"volume\" is no kind of bar that is available"],
        );
        check(json!({ "size": "1m", "lateness": "1h" }), &["/lateness: the text \"1h\" is more than 10m"]);
        check(
            json!({ "size": "1s", "late": "amend", "amend_for": "2h" }),
            &["/size: lateness and `amend_for` span more than 4096 bars"],
        );
        check(json!({ "size": "1m", "bars": [] }), &["/size: `size` stands beside `bars` or `vwap`"]);
        check(
            json!({ "bars": [{ "size": "1m" }, { "size": "60s" }] }),
            &["/bars/1: the same bars as /bars/0"],
        );
        check(
            json!({ "bars": [{ "size": "1m", "id": "x" }, { "size": "5m", "id": "x" }] }),
            &["/bars/1: the id \"x\" of /bars/0"],
        );
        check(
            json!({ "vwap": [{}, { "window": "5m", "since": "day" }] }),
            &["/vwap/0: no span is given", "/vwap/1: `window` and `since` exclude one another"],
        );
        check(
            json!({ "vwap": [{ "window": "90s", "every": "1m" }, { "window": "2h" }] }),
            &[
                "/vwap/0/window: the window is not a multiple of `every` (1m)",
                "/vwap/1/every: the window holds more than 4096 steps of `every`",
            ],
        );
    }

    #[test]
    fn a_day_starts_where_its_offset_says() {
        let check =
            |text: &str, expect: Option<i64>| assert_eq!(day_start(&json!(text)).ok(), expect, "{text}");
        check("00:00Z", Some(0));
        check("09:00+09:00", Some(0));
        check("00:00+09:00", Some(15 * 3_600_000));
        check("20:30-03:30", Some(0));
        for wrong in ["", "24:00Z", "00:60Z", "00:00", "00:00+9", "0:00Z", "00:00X", "00:00+09:00Z", "é0:00Z"]
        {
            check(wrong, None);
        }
    }
}
