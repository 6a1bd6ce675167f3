//! `breakout`: the instant at which the price goes past everything of the last while.
//!
//! A trade is compared with the highest (or lowest) price that was told before it and is in the
//! window: a tie is none. Nothing happens until the whole window was seen, nor while it holds no
//! other trade. With `basis = "bars:1m"` it is compared with the closed bars that end in the
//! window instead.

use super::stretch::{Birth, DAY_MS};
use super::{Fill, MAX_WINDOW_DAYS};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::{exact, wide};
use crate::maths::{self, Bars, Peaks};
use crate::say::{num, num_wide, span};
use crate::signal::{Edge, Fields, Happening, pack, unpack};
use serde::Serialize;
use tradehook_sdk::config::duration_ms;

/// The longest window of bars, in days; and the most bars of it. Chosen: a month of them, in at
/// most 2 MB.
const MAX_BAR_DAYS: i64 = 31;
const MAX_BARS: i64 = 50_000;

/// What a trade is compared with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Breakout {
    window_ms: i64,
    high: bool,
    /// Of bars of this size, which wait so long for late trades; of trades if there is none.
    bars: Option<(i64, i64)>,
}

/// Its keys.
pub(super) const KEYS: &[&str] = &["window", "side", "basis"];

pub(super) fn read_instant(when: &mut Reader<'_>, around: Around<'_>) -> Option<Breakout> {
    if !when.has("side") {
        when.fault("", "`side` is missing", "\"high\" for a new high, \"low\" for a new low");
    }
    let high = when.choice("side", &[("high", true), ("low", false)]);
    let bars = basis(when);
    let days = if bars.is_some_and(|bar| bar.is_some()) { MAX_BAR_DAYS } else { MAX_WINDOW_DAYS };
    let window_ms = when.span("window", days);
    let (bar_ms, window_ms) = (bars?, window_ms?);
    if let Some(bar_ms) = bar_ms
        && (window_ms < bar_ms || window_ms / bar_ms > MAX_BARS)
    {
        let help = format!("a window of 1 to {MAX_BARS} bars");
        when.fault("window", format!("no window of bars of {}", span(bar_ms)), help);
        return None;
    }
    Some(Breakout { window_ms, high: high?, bars: bar_ms.map(|bar_ms| (bar_ms, around.lateness_ms)) })
}

/// `None` when it is wrong.
fn basis(when: &mut Reader<'_>) -> Option<Option<i64>> {
    let Some(value) = when.get("basis") else { return Some(None) };
    let bars = value.as_str().and_then(|text| text.strip_prefix("bars:"));
    let size = bars.and_then(|size| duration_ms(size).ok());
    match size {
        Some(size) if size >= 1000 && DAY_MS % size == 0 => Some(Some(size)),
        Some(_) => {
            let help = "for instance \"bars:1m\", \"bars:5m\", \"bars:1h\"";
            when.fault("basis", "bars that do not divide a day into spans of a second or more", help);
            None
        }
        None if value.as_str() == Some("trades") => Some(None),
        None => {
            when.fault("basis", format!("{value} is no basis"), "\"trades\", or bars such as \"bars:1m\"");
            None
        }
    }
}

impl Breakout {
    pub(super) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Edge> {
        let past = match self.bars {
            Some((bar_ms, lateness_ms)) => Past::Bars(Bars::new(bar_ms, lateness_ms)),
            None => Past::Trades(Peaks::default()),
        };
        Box::new(Record { what: self.clone(), past, birth: Birth::default() })
    }

    pub(super) fn words(&self) -> String {
        let what = if self.high { "high" } else { "low" };
        let of = self.bars.map_or(String::new(), |(bar_ms, _)| format!(" of {} bars", span(bar_ms)));
        format!("price makes a new {what} of {}{of}", span(self.window_ms))
    }
}

/// Values are negated for lows.
#[derive(Debug)]
enum Past {
    Trades(Peaks),
    Bars(Bars),
}

#[derive(Debug)]
struct Record {
    what: Breakout,
    past: Past,
    birth: Birth,
}

impl Record {
    fn sign(&self, value: i128) -> i128 {
        if self.what.high { value } else { -value }
    }

    /// Moves on to the clock.
    fn advance(&mut self, now_ms: i64) {
        let span_ms = self.what.window_ms;
        match &mut self.past {
            Past::Trades(peaks) => peaks.expire(maths::edge(now_ms, span_ms)),
            Past::Bars(bars) => bars.advance(now_ms, span_ms),
        }
    }

    /// The value to pass, at this clock.
    fn reference(&self, view: &View<'_>) -> Option<i128> {
        let (cover_from, span_ms) = (self.birth.cover_from(view), self.what.window_ms);
        let highest = match &self.past {
            Past::Trades(peaks) if cover_from <= maths::edge(view.now_ms, span_ms) => {
                peaks.highest().map(|(_, highest)| highest)
            }
            Past::Bars(bars) if bars.covered(view.now_ms, span_ms, cover_from) => bars.highest(),
            _ => None,
        };
        highest.map(|highest| self.sign(highest))
    }

    fn take(&mut self, fill: &Fill, now_ms: i64) {
        let value = self.sign(exact(fill.price));
        match &mut self.past {
            Past::Trades(peaks) => {
                let key = maths::key(fill.at_ms, self.what.window_ms);
                if key > maths::edge(now_ms, self.what.window_ms) {
                    peaks.push(key, value);
                }
            }
            Past::Bars(bars) => bars.trade(fill.at_ms, value, now_ms),
        }
    }
}

impl Edge for Record {
    fn trade(&mut self, fill: &Fill, view: &View<'_>, out: &mut Vec<Happening>) {
        self.birth.at(fill.at_ms);
        self.advance(view.now_ms);
        let (price, reference) = (exact(fill.price), self.reference(view));
        self.take(fill, view.now_ms);
        let Some(reference) = reference.filter(|reference| self.sign(price) > self.sign(*reference)) else {
            return;
        };
        let (word, than, way) =
            if self.what.high { ("high", "above", "up") } else { ("low", "below", "down") };
        let of = self.what.bars.map_or(String::new(), |(bar_ms, _)| format!(" of {} bars", span(bar_ms)));
        let last = num_wide(wide(reference));
        let mut fields: Fields = vec![
            ("value", fill.price.into()),
            ("threshold", wide(reference).into()),
            ("ref", wide(reference).into()),
            ("window_ms", self.what.window_ms.into()),
            ("direction", way.into()),
        ];
        if let Some((bar_ms, _)) = self.what.bars {
            fields.push(("bar_ms", bar_ms.into()));
        }
        let window = span(self.what.window_ms);
        let title = format!("made a new {word} of {window}{of}: {}, {than} {last}", num(fill.price));
        out.push(Happening { title, fields, severity: None });
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        self.birth.at(view.now_ms);
        self.advance(view.now_ms);
        self.take(fill, view.now_ms);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.advance(view.now_ms);
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        // None until the window was seen whole.
        fields.push(("ref", self.reference(view).map(wide).into()));
        fields.push(("window_ms", self.what.window_ms.into()));
    }

    fn save(&self) -> Vec<u8> {
        match &self.past {
            Past::Trades(peaks) => pack(&(peaks, self.birth)),
            Past::Bars(bars) => pack(&(bars, self.birth)),
        }
    }

    fn load(&mut self, bytes: &[u8]) {
        match &mut self.past {
            Past::Trades(peaks) => {
                if let Some(saved) = unpack(bytes) {
                    (*peaks, self.birth) = saved;
                }
            }
            Past::Bars(bars) => {
                if let Some(saved) = unpack(bytes) {
                    (*bars, self.birth) = saved;
                }
            }
        }
    }
}
