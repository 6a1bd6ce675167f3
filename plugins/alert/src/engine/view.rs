//! What signals see of a market: its clock, its latest trade, its windows, and the world.
//!
//! Windows are asked for once, when a signal is made; what comes back is a handle. Handles of all
//! signals and rules share the market's logs and running totals.

use super::clock::Latest;
use super::level::NEVER;
use super::log::Log;
use super::quoted::Quoted;
use super::slot::{Pane, RAW_WINDOW_MS, Single};
use super::watches::Watches;
use super::world::World;
use crate::kinds::Measure;
use crate::rule::{Rule, Source, Taker};
use tradehook_decimal::{Decimal, Wide};

/// A window of the market's trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Of another price than that of the trades: which of the quoted logs.
    quoted: Option<usize>,
    raw: bool,
    window: usize,
    pub(crate) span_ms: i64,
}

/// A sum over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) span: Span,
    tally: usize,
    pub(crate) measure: Measure,
}

/// What a sum is at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sum {
    /// At the scale of the measure.
    pub(crate) value: i128,
    /// Whether the whole window was seen; if not, it is a lower bound.
    pub(crate) covered: bool,
}

/// Where signals ask for what they need.
pub(crate) struct Needs<'a> {
    pub(super) raw: &'a mut Log<Single>,
    pub(super) panes: &'a mut Log<Pane>,
    pub(super) quoted: &'a mut Vec<Quoted>,
    /// The market's code, or the subject of facts.
    pub(crate) code: &'a str,
    /// The one subject of facts that is watched here.
    pub(crate) subject: Option<&'a str>,
    /// All rules, for those that count the events of another.
    pub(crate) rules: &'a [Rule],
}

impl<'a> Needs<'a> {
    /// What a market has.
    pub(super) fn of(watches: &'a mut Watches, code: &'a str, rules: &'a [Rule]) -> Self {
        let Watches { raw, panes, quoted, .. } = watches;
        Self { raw, panes, quoted, code, subject: None, rules }
    }
}

impl Needs<'_> {
    /// The window of this span before the clock.
    pub(crate) fn span(&mut self, span_ms: i64) -> Span {
        self.span_of(Source::Last, span_ms)
    }

    /// The same over the prices of a source.
    pub(crate) fn span_of(&mut self, source: Source, span_ms: i64) -> Span {
        let raw = span_ms <= RAW_WINDOW_MS;
        let (quoted, log, panes) = match source {
            Source::Last => (None, &mut *self.raw, &mut *self.panes),
            _ => {
                let place = Quoted::place(self.quoted, source);
                let Some(quoted) = self.quoted.get_mut(place) else {
                    return Span { quoted: Some(place), raw, window: 0, span_ms };
                };
                (Some(place), &mut quoted.raw, &mut quoted.panes)
            }
        };
        let window = if raw { log.need(span_ms) } else { panes.need(span_ms) };
        Span { quoted, raw, window, span_ms }
    }

    /// The same, and its lowest and highest price.
    pub(crate) fn extremes_of(&mut self, source: Source, span_ms: i64) -> Span {
        let span = self.span_of(source, span_ms);
        let (log, panes) = match span.quoted.map(|place| self.quoted.get_mut(place)) {
            None => (&mut *self.raw, &mut *self.panes),
            Some(Some(quoted)) => (&mut quoted.raw, &mut quoted.panes),
            Some(None) => return span,
        };
        if span.raw {
            log.need_extremes(span.window);
        } else {
            panes.need_extremes(span.window);
        }
        span
    }

    /// The window of this span, and its lowest and highest price.
    pub(crate) fn extremes(&mut self, span_ms: i64) -> Span {
        self.extremes_of(Source::Last, span_ms)
    }

    /// A sum over the window of this span.
    pub(crate) fn total(&mut self, span_ms: i64, measure: Measure, side: Option<Taker>) -> Total {
        let span = self.span(span_ms);
        let tally =
            if span.raw { self.raw.need_tally(measure, side) } else { self.panes.need_tally(measure, side) };
        Total { span, tally, measure }
    }
}

/// Asks the log that a window is over.
macro_rules! ask {
    ($view:ident, $span:ident, $log:ident => $question:expr) => {{
        let quoted = $span.quoted.map(|place| $view.quoted.get(place));
        match (quoted, $span.raw) {
            (None, true) => {
                let $log = $view.raw;
                $question
            }
            (None, false) => {
                let $log = $view.panes;
                $question
            }
            (Some(quoted), true) => quoted.and_then(|quoted| {
                let $log = &quoted.raw;
                $question
            }),
            (Some(quoted), false) => quoted.and_then(|quoted| {
                let $log = &quoted.panes;
                $question
            }),
        }
    }};
}

/// See the module.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The key's clock.
    pub(crate) now_ms: i64,
    /// The latest trade in order.
    pub(crate) latest: Option<Latest>,
    /// Since when nothing is missing.
    pub(crate) cover_from: i64,
    /// Since when there was no trade, without the stretches that nobody saw.
    pub(crate) quiet_since: i64,
    pub(crate) prev_close: Option<Decimal>,
    /// What the latest trade in order carried.
    pub(crate) bid: Option<Decimal>,
    pub(crate) ask: Option<Decimal>,
    pub(crate) world: &'a World,
    pub(super) raw: &'a Log<Single>,
    pub(super) panes: &'a Log<Pane>,
    pub(super) quoted: &'a [Quoted],
}

impl View<'_> {
    /// The latest price.
    pub(crate) fn price(&self) -> Option<Decimal> {
        self.latest.map(|latest| latest.price)
    }

    /// The latest price of a source.
    pub(crate) fn source(&self, source: Source) -> Option<Decimal> {
        match source {
            Source::Last => self.price(),
            Source::BestBid => self.bid,
            Source::BestAsk => self.ask,
            Source::Mid => {
                let sum = self.bid?.wide().checked_add(self.ask?.wide())?;
                sum.checked_mul(Wide::new(5, 1))?.narrow()
            }
        }
    }

    /// The sum now; unknown when some trade in the window has no exact amount.
    pub(crate) fn sum(&self, total: Total) -> Option<Sum> {
        let Total { span, tally, .. } = total;
        let value = ask!(self, span, log => log.sum(span.window, tally))?;
        Some(Sum { value, covered: self.covered(span) })
    }

    /// Whether the whole window was seen.
    pub(crate) fn covered(&self, span: Span) -> bool {
        ask!(self, span, log => log.covers(span.window, self.cover_from, self.now_ms)).is_some()
    }

    /// The last price at or before the window's start.
    pub(crate) fn before(&self, span: Span) -> Option<Decimal> {
        ask!(self, span, log => log.before(span.window))
    }

    /// The first price in the window.
    pub(crate) fn first(&self, span: Span) -> Option<Decimal> {
        ask!(self, span, log => log.first(span.window))
    }

    /// The lowest price in the window, for spans with extremes.
    pub(crate) fn low(&self, span: Span) -> Option<Decimal> {
        ask!(self, span, log => log.peak(span.window, true))
    }

    /// The highest.
    pub(crate) fn high(&self, span: Span) -> Option<Decimal> {
        ask!(self, span, log => log.peak(span.window, false))
    }

    /// The first clock at which the window holds something else without a trade: its oldest slot
    /// leaves, or it begins to be covered.
    pub(crate) fn turns(&self, span: Span) -> i64 {
        ask!(self, span, log => log.turns(span.window, self.cover_from, self.now_ms)).unwrap_or(NEVER)
    }
}
