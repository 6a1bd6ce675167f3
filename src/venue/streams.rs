//! Streams: what a subscription wants of the market, beside trades, and when.
//!
//! A ticker follows every trade. Books and candles wait for a grid: a book for the next tenth of a
//! second, a candle for the next full one, each only if a trade changed it. A candle that a late
//! trade changes is sent again, so the last of its frames is always right.
//!
//! Keeps: [bounded]

use super::{
    book::{self, Book},
    candle::{start_of, stream_unit_ms},
    request::{Stream, Subscription},
    synth::{Synth, VenueTrade},
    wire::{self, events},
};
use std::collections::{BTreeSet, HashMap};

const BOOK_GRID_MS: i64 = 100;
const CANDLE_GRID_MS: i64 = 1_000;

/// What one code is to bring, live.
#[derive(Default)]
pub(super) struct Wants {
    /// In number, as a code may be named twice.
    pub(super) trades: usize,
    pub(super) tickers: usize,
    candles: Vec<(i64, String)>,
    books: Vec<Shape>,
}

/// How deep a book is, and by what steps its prices are grouped.
#[derive(Clone, Copy)]
struct Shape {
    depth: usize,
    level: i64,
}

/// What a subscription wants live, by code.
pub(super) fn wants(subscription: &Subscription) -> HashMap<String, Wants> {
    let mut all: HashMap<String, Wants> = HashMap::new();
    for stream in subscription.streams.iter().filter(|s| s.realtime) {
        for named in &stream.codes {
            if stream.kind == "orderbook" {
                if let Some((code, shape)) = shape(stream, named) {
                    all.entry(code.into()).or_default().books.push(shape);
                }
                continue;
            }
            let wants = all.entry(named.clone()).or_default();
            match stream.kind.as_str() {
                "trade" => wants.trades += 1,
                "ticker" => wants.tickers += 1,
                kind => wants.candles.extend(stream_unit_ms(kind).map(|unit_ms| (unit_ms, kind.into()))),
            }
        }
    }
    all
}

/// The book that a code names; `None` where grouping is not to be had, which is met with silence.
fn shape<'c>(stream: &Stream, named: &'c str) -> Option<(&'c str, Shape)> {
    let (code, depth) = book::depth(named);
    let level = stream.level.as_deref().map_or(Some(0), book::step)?;
    (level == 0 || code.starts_with("KRW-")).then_some((code, Shape { depth, level }))
}

/// An event as it is sent, but for the list around it.
pub(super) struct Spelled {
    pub(super) code: String,
    pub(super) text: String,
    pub(super) is_trade: bool,
}

/// The snapshots of one stream. `back` says for a code how many trades before the last its snapshot
/// is, or that there is none.
pub(super) fn snapshots(
    market: &Synth,
    (stream, simple): (&Stream, bool),
    now_ms: i64,
    back: impl Fn(&str) -> Option<usize>,
) -> Vec<Spelled> {
    let mut out = Vec::new();
    for named in stream.codes.iter().filter(|_| stream.snapshot) {
        let mut text = String::with_capacity(512);
        let code = book::depth(named).0;
        let Some(back) = back(code) else { continue };
        let known = match stream.kind.as_str() {
            "trade" => market.before_last(named, back).map(|t| wire::trade(&mut text, t, simple, true)),
            "ticker" => market.ticker(named, now_ms).map(|t| events::ticker(&mut text, &t, simple, true)),
            "orderbook" => shape(stream, named)
                .and_then(|(code, shape)| put_book(&mut text, market, (code, shape), now_ms, (simple, true))),
            kind => stream_unit_ms(kind).and_then(|unit_ms| {
                let candle = market.candles(named)?.before(unit_ms, i64::MAX, 1).pop()?;
                events::candle(&mut text, (kind, named), &candle, simple, true);
                Some(())
            }),
        };
        if known.is_some() {
            out.push(Spelled { code: code.into(), text, is_trade: stream.kind == "trade" });
        }
    }
    out
}

fn put_book(
    text: &mut String,
    market: &Synth,
    (code, shape): (&str, Shape),
    now_ms: i64,
    (simple, snapshot): (bool, bool),
) -> Option<()> {
    let book = Book::new(market.last(code)?, now_ms, shape.depth, shape.level)?;
    events::book(text, code, &book, shape.level, simple, snapshot);
    Some(())
}

/// What a session has to send when the grid comes round.
#[derive(Default)]
pub(super) struct Grid {
    books: BTreeSet<String>,
    /// Code, length and begin.
    candles: BTreeSet<(String, i64, i64)>,
    next_ms: Option<i64>,
}

impl Grid {
    /// A trade changes the books and candles of its market.
    pub(super) fn note(&mut self, trade: &VenueTrade, wants: &Wants, now_ms: i64) {
        let mut due = |grid_ms: i64| {
            let at_ms = start_of(grid_ms, now_ms) + grid_ms;
            self.next_ms = Some(self.next_ms.map_or(at_ms, |next| next.min(at_ms)));
        };
        if !wants.books.is_empty() {
            due(BOOK_GRID_MS);
            self.books.insert(trade.code.to_string());
        }
        for (unit_ms, _) in &wants.candles {
            due(CANDLE_GRID_MS);
            self.candles.insert((trade.code.to_string(), *unit_ms, start_of(*unit_ms, trade.traded_at_ms)));
        }
    }

    /// When something is to be sent, on the venue's clock.
    pub(super) const fn next_ms(&self) -> Option<i64> {
        self.next_ms
    }

    /// Forgets everything; a subscription was replaced.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What is to be sent now.
    pub(super) fn take(
        &mut self,
        market: &Synth,
        wanted: &HashMap<String, Wants>,
        now_ms: i64,
        simple: bool,
    ) -> Vec<Spelled> {
        let mut out = Vec::new();
        let mut put = |code: &str, text: String| {
            out.push(Spelled { code: code.into(), text, is_trade: false });
        };
        for code in std::mem::take(&mut self.books) {
            for shape in wanted.get(&code).map(|w| w.books.as_slice()).unwrap_or_default() {
                let mut text = String::with_capacity(4_096);
                if put_book(&mut text, market, (&code, *shape), now_ms, (simple, false)).is_some() {
                    put(&code, text);
                }
            }
        }
        self.next_ms = None;
        if !self.candles.is_empty() && now_ms.rem_euclid(CANDLE_GRID_MS) >= BOOK_GRID_MS {
            self.next_ms = Some(start_of(CANDLE_GRID_MS, now_ms) + CANDLE_GRID_MS);
            return out;
        }
        for (code, unit_ms, start_ms) in std::mem::take(&mut self.candles) {
            let candle = market.candles(&code).and_then(|candles| candles.get(unit_ms, start_ms));
            let kinds = wanted.get(&code).map(|w| w.candles.as_slice()).unwrap_or_default();
            for (_, kind) in kinds.iter().filter(|(wanted_ms, _)| *wanted_ms == unit_ms) {
                if let Some(candle) = &candle {
                    let mut text = String::with_capacity(512);
                    events::candle(&mut text, (kind, &code), candle, simple, false);
                    put(&code, text);
                }
            }
        }
        out
    }
}
