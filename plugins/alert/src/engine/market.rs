//! One market: its clock, its latest trade, and the rules that watch it.

use super::level::{Level, NEVER};
use super::log::Log;
use super::prices::Prices;
use super::slot::{Pane, RAW_WINDOW_MS, Single};
use crate::fixed::approx;
use crate::kinds::{Caught, Fill, Large};
use crate::rule::{Rule, Source, When};
use crate::say::{Scene, Seen};
use tradehook_decimal::Decimal;
use tradehook_sdk::{Alert, Side, Trade};

/// A silence and the moment from which it counts.
#[derive(Debug)]
pub(crate) struct Quiet {
    pub(crate) level: Level,
    for_ms: i64,
}

/// The latest trade in order, as far as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Latest {
    pub(crate) at_ms: i64,
    #[serde(with = "crate::fixed::parts")]
    pub(crate) price: Decimal,
}

/// Everything about one market.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) code: String,
    /// Whether any rule is about it.
    pub(crate) watched: bool,
    pub(crate) now_ms: i64,
    pub(crate) latest: Option<Latest>,
    pub(crate) prev_close: Option<Decimal>,
    /// Since when nothing is missing.
    pub(crate) cover_from: i64,
    /// Since when there was no trade, without the stretches that nobody saw.
    pub(crate) quiet_since: i64,
    /// By [`Source`].
    pub(crate) prices: [Prices; 4],
    pub(crate) raw: Log<Single>,
    pub(crate) panes: Log<Pane>,
    pub(crate) large: Large,
    pub(crate) quiets: Vec<Quiet>,
    /// Whether every silence is at rest.
    quiets_rest: bool,
    caught: Vec<Caught>,
}

/// What the engine lends a market while it works.
pub(crate) struct Desk<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) lateness_ms: i64,
    pub(crate) said: &'a mut Vec<(u32, Alert)>,
}

fn place(source: Source) -> usize {
    match source {
        Source::Last => 0,
        Source::Mid => 1,
        Source::BestBid => 2,
        Source::BestAsk => 3,
    }
}

impl Market {
    /// A market that was never seen, with an instance of each rule that is about it.
    pub(crate) fn new(code: &str, rules: &[Rule]) -> Self {
        let mut market = Self {
            code: code.to_owned(),
            watched: false,
            now_ms: i64::MIN,
            latest: None,
            prev_close: None,
            cover_from: i64::MIN,
            quiet_since: i64::MIN,
            prices: Default::default(),
            raw: Log::default(),
            panes: Log::default(),
            large: Large::default(),
            quiets: Vec::new(),
            quiets_rest: false,
            caught: Vec::new(),
        };
        for (index, rule) in (0u32..).zip(rules).filter(|(_, rule)| rule.covers(code)) {
            market.watched = true;
            market.add(index, rule);
        }
        market
    }

    fn add(&mut self, index: u32, rule: &Rule) {
        let source = match &rule.when {
            When::Price(price) => price.source,
            When::Cross(cross) => cross.source,
            _ => Source::Last,
        };
        let span = match &rule.when {
            When::Change(change) => change.window_ms(),
            When::Volume(volume) => Some(volume.window_ms),
            _ => None,
        };
        match (&rule.when, span) {
            (_, Some(span)) if span <= RAW_WINDOW_MS => {
                if let Some(window) = self.raw.window(span) {
                    window.add(index, rule);
                }
            }
            (_, Some(span)) => {
                if let Some(window) = self.panes.window(span) {
                    window.add(index, rule);
                }
            }
            (When::LargeTrade(what), None) => self.large.add(index, what),
            (When::Silence(silence), None) => {
                self.quiets.push(Quiet { level: Level::new(index, rule.timing), for_ms: silence.for_ms });
            }
            _ => {
                if let Some(prices) = self.prices.get_mut(place(source)) {
                    prices.add(index, rule);
                }
            }
        }
    }

    /// One trade of this market. `idle_ms` is what ticks say the clock is at least.
    #[inline]
    pub(crate) fn trade(&mut self, trade: &Trade<'_>, idle_ms: i64, desk: &mut Desk<'_>) {
        let at_ms = trade.traded_at_ms;
        let late = self.latest.is_some_and(|latest| at_ms < latest.at_ms);
        if late && self.latest.is_some_and(|latest| latest.at_ms.saturating_sub(at_ms) > desk.lateness_ms) {
            return;
        }
        self.now_ms = self.now_ms.max(idle_ms).max(at_ms);
        if self.latest.is_none() {
            self.cover_from = self.cover_from.max(at_ms);
        }
        let fill = Fill {
            price: trade.price,
            volume: trade.volume,
            sell: trade.side == Side::Sell,
            at_ms,
            id: trade.sequential_id,
        };
        if !late {
            self.latest = Some(Latest { at_ms, price: trade.price });
            self.quiet_since = self.quiet_since.max(at_ms);
            if trade.prev_close.is_some() && trade.prev_close != self.prev_close {
                self.set_prev_close(trade.prev_close, desk.rules);
            }
        }
        let mut scene = Scene {
            rules: desk.rules,
            code: &self.code,
            now_ms: self.now_ms,
            price: self.latest.map(|latest| latest.price),
            prev_close: self.prev_close,
            fill: Some(fill),
            late: late || trade.flags.has(tradehook_sdk::Flags::BACKFILLED),
            said: desk.said,
        };
        if late {
            self.prices.iter_mut().for_each(|prices| prices.tick(&mut scene));
        } else {
            for (prices, source) in
                self.prices.iter_mut().zip([Source::Last, Source::Mid, Source::BestBid, Source::BestAsk])
            {
                if !prices.is_empty() {
                    prices.trade(price_of(trade, source), &mut scene);
                }
            }
        }
        let windows = !self.raw.windows.is_empty() || !self.panes.windows.is_empty();
        if windows || !self.large.is_empty() {
            let near = approx(trade.price);
            if !late && !self.large.is_empty() {
                self.large.trade(&fill, near, approx(trade.volume), &mut self.caught);
                for caught in self.caught.drain(..) {
                    scene.caught(&caught);
                }
            }
            let price = match self.latest {
                Some(latest) if late => (latest.price, approx(latest.price)),
                _ => (trade.price, near),
            };
            if !self.raw.windows.is_empty() {
                self.raw.advance(self.now_ms);
                self.raw.insert(&fill);
                self.raw.look(self.cover_from, price, !late, &mut scene);
            }
            if !self.panes.windows.is_empty() {
                self.panes.advance(self.now_ms);
                self.panes.insert(&fill);
                self.panes.look(self.cover_from, price, !late, &mut scene);
            }
        }
        if !self.quiets_rest {
            look_at_silence(&mut self.quiets, self.quiet_since, &mut scene);
            self.quiets_rest = self.quiets.iter().all(|quiet| quiet.level.at_rest());
        }
    }

    /// The clock moved without a trade.
    pub(crate) fn tick(&mut self, idle_ms: i64, desk: &mut Desk<'_>) {
        self.now_ms = self.now_ms.max(idle_ms);
        let Some(latest) = self.latest else { return };
        let mut scene = Scene {
            rules: desk.rules,
            code: &self.code,
            now_ms: self.now_ms,
            price: Some(latest.price),
            prev_close: self.prev_close,
            fill: None,
            late: false,
            said: desk.said,
        };
        self.prices.iter_mut().for_each(|prices| prices.tick(&mut scene));
        let price = (latest.price, approx(latest.price));
        self.raw.advance(self.now_ms);
        self.raw.look(self.cover_from, price, false, &mut scene);
        self.panes.advance(self.now_ms);
        self.panes.look(self.cover_from, price, false, &mut scene);
        look_at_silence(&mut self.quiets, self.quiet_since, &mut scene);
        self.quiets_rest = self.quiets.iter().all(|quiet| quiet.level.at_rest());
    }

    /// The first clock at which a tick changes something.
    pub(crate) fn deadline(&self) -> i64 {
        let mut due = self.raw.deadline(self.cover_from).min(self.panes.deadline(self.cover_from));
        for prices in &self.prices {
            due = due.min(if prices.is_empty() { NEVER } else { prices.due() });
        }
        for quiet in &self.quiets {
            let silent_at = self.quiet_since.saturating_add(quiet.for_ms);
            let turns = if quiet.level.memory.truth { NEVER } else { silent_at };
            due = due.min(quiet.level.deadline()).min(turns);
        }
        due
    }

    /// Trades of this stretch may be missing.
    pub(crate) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        if self.latest.is_none() {
            return;
        }
        self.cover_from = self.cover_from.max(to_ms);
        self.quiet_since =
            self.quiet_since.saturating_add(to_ms.saturating_sub(from_ms.max(self.quiet_since)).max(0));
        for prices in &mut self.prices {
            prices.freeze(from_ms, to_ms);
        }
        for window in self.raw.windows.iter_mut().chain(&mut self.panes.windows) {
            window.freeze(from_ms, to_ms);
        }
        for quiet in &mut self.quiets {
            quiet.level.freeze(from_ms, to_ms);
        }
    }

    pub(crate) fn set_prev_close(&mut self, close: Option<Decimal>, rules: &[Rule]) {
        self.prev_close = close;
        if let Some(close) = close {
            self.prices.iter_mut().for_each(|prices| prices.prev_close(close, rules));
        }
    }
}

fn look_at_silence(quiets: &mut [Quiet], since_ms: i64, scene: &mut Scene<'_>) {
    let quiet_ms = scene.now_ms.saturating_sub(since_ms);
    for quiet in quiets {
        let truth = quiet_ms >= quiet.for_ms;
        if let Some(state) = quiet.level.step(Some(truth), scene.now_ms, false) {
            scene.level(quiet.level.rule, state, Seen::Silence { quiet_ms });
        }
    }
}

/// The price that a source shows in this trade.
#[inline]
fn price_of(trade: &Trade<'_>, source: Source) -> Option<Decimal> {
    match source {
        Source::Last => Some(trade.price),
        Source::BestBid => trade.best_bid,
        Source::BestAsk => trade.best_ask,
        Source::Mid => {
            let sum = trade.best_bid?.wide().checked_add(trade.best_ask?.wide())?;
            sum.checked_mul(tradehook_decimal::Wide::new(5, 1))?.narrow()
        }
    }
}
