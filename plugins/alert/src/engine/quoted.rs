//! Moves of a quoted price in windows: a log of its own for each source that a rule asks for.
//!
//! A trade that carries no quotes makes the present price unknown and adds nothing to the log: the
//! reference is the last quote that was seen by then.

use super::log::{Log, Now};
use super::slot::{Pane, RAW_WINDOW_MS, Single};
use super::watches::price_of;
use super::window::Window;
use crate::fixed::quick;
use crate::kinds::Fill;
use crate::rule::{Rule, Source};
use crate::say::Scene;
use tradehook_decimal::Decimal;
use tradehook_sdk::Trade;

/// See the module.
#[derive(Debug)]
pub(crate) struct Quoted {
    pub(crate) source: Source,
    /// What the latest trade in order carries.
    pub(crate) latest: Option<Decimal>,
    pub(crate) raw: Log<Single>,
    pub(crate) panes: Log<Pane>,
}

impl Quoted {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, latest: None, raw: Log::default(), panes: Log::default() }
    }

    /// Where the logs of this source are, made if there are none.
    pub(crate) fn place(all: &mut Vec<Self>, source: Source) -> usize {
        all.iter().position(|quoted| quoted.source == source).unwrap_or_else(|| {
            all.push(Self::new(source));
            all.len() - 1
        })
    }

    /// Moves every window to this clock.
    pub(crate) fn settle(&mut self, now_ms: i64) {
        self.raw.settle(now_ms);
        self.panes.settle(now_ms);
    }

    pub(crate) fn add(&mut self, span_ms: i64, index: u32, rule: &Rule) {
        if span_ms <= RAW_WINDOW_MS {
            self.raw.add(span_ms, index, rule);
        } else {
            self.panes.add(span_ms, index, rule);
        }
    }

    /// The next trade in order; whether anything has to be looked at for it.
    pub(crate) fn trade(&mut self, trade: &Trade<'_>, fill: &Fill, now_ms: i64) -> bool {
        self.latest = price_of(trade, self.source);
        let Some(price) = self.latest else {
            return self.raw.miss() | self.panes.miss();
        };
        let (fill, near) = (Fill { price, ..*fill }, quick(price));
        self.raw.trade(&fill, near, now_ms) | self.panes.trade(&fill, near, now_ms)
    }

    pub(crate) fn traded(&mut self, fill: &Fill, cover_from: i64, scene: &mut Scene<'_>) {
        let now = Now::at(self.latest, cover_from, true);
        self.raw.traded(fill, now, scene);
        self.panes.traded(fill, now, scene);
    }

    pub(crate) fn late(&mut self, trade: &Trade<'_>, fill: &Fill, cover_from: i64, scene: &mut Scene<'_>) {
        let Some(price) = price_of(trade, self.source) else { return self.tick(cover_from, scene) };
        let (fill, now) = (Fill { price, ..*fill }, Now::at(self.latest, cover_from, false));
        if !self.raw.windows.is_empty() {
            self.raw.late(&fill, now, scene);
        }
        if !self.panes.windows.is_empty() {
            self.panes.late(&fill, now, scene);
        }
    }

    pub(crate) fn tick(&mut self, cover_from: i64, scene: &mut Scene<'_>) {
        let now = Now::at(self.latest, cover_from, false);
        self.raw.tick(now, scene);
        self.panes.tick(now, scene);
    }

    /// The first clock at which a tick changes something.
    pub(crate) fn due(&self) -> i64 {
        self.raw.due().min(self.panes.due())
    }

    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        self.raw.freeze(from_ms, to_ms);
        self.panes.freeze(from_ms, to_ms);
    }

    pub(crate) fn windows(&self) -> impl Iterator<Item = &Window> {
        self.raw.windows.iter().chain(&self.panes.windows)
    }

    pub(crate) fn windows_mut(&mut self) -> impl Iterator<Item = &mut Window> {
        self.raw.windows.iter_mut().chain(&mut self.panes.windows)
    }
}
