//! The rules that watch one market, arranged by what they look at.
//!
//! A further kind of rule joins the arrangement that looks at the same (the price, a window, single
//! trades, the clock) or adds one.

use super::clock::Clock;
use super::general::General;
use super::level::{Level, NEVER};
use super::log::{Log, Now};
use super::prices::Prices;
use super::quoted::Quoted;
use super::slot::{Pane, RAW_WINDOW_MS, Single};
use super::view::{Needs, View};
use super::world::World;
use crate::fixed::{approx, quick};
use crate::kinds::{Caught, Fill, Large, Silence};
use crate::rule::{Rule, Source, When};
use crate::say::{Scene, Seen};
use std::collections::BTreeSet;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::Trade;

/// In the order of [`number`].
const SOURCES: [Source; 4] = [Source::Last, Source::Mid, Source::BestBid, Source::BestAsk];

/// A silence.
#[derive(Debug)]
pub(crate) struct Quiet {
    pub(crate) level: Level,
    for_ms: i64,
    /// Whether a market without any trade is silent, too.
    pub(crate) from_start: bool,
}

impl Quiet {
    /// The first clock at which it changes without a trade.
    fn due(&self, clock: &Clock) -> i64 {
        let Self { level, for_ms, .. } = self;
        let turns = if level.memory.truth { NEVER } else { clock.quiet_since.saturating_add(*for_ms) };
        level.deadline().min(turns)
    }
}

/// What rules are made for.
pub(crate) struct Key<'a> {
    pub(crate) code: &'a str,
    /// The one subject of facts that is watched here.
    pub(crate) subject: Option<&'a str>,
    pub(crate) rules: &'a [Rule],
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// By source, as in [`SOURCES`].
    pub(crate) prices: [Prices; 4],
    pub(crate) raw: Log<Single>,
    pub(crate) panes: Log<Pane>,
    /// Windows over other prices than that of the trades.
    pub(crate) quoted: Vec<Quoted>,
    pub(crate) large: Large,
    pub(crate) quiets: Vec<Quiet>,
    pub(crate) general: General,
    /// What the latest trade in order carried.
    pub(crate) quotes: (Option<Decimal>, Option<Decimal>),
    /// Whether every silence is at rest.
    quiets_rest: bool,
    caught: Vec<Caught>,
}

fn number(source: Source) -> usize {
    match source {
        Source::Last => 0,
        Source::Mid => 1,
        Source::BestBid => 2,
        Source::BestAsk => 3,
    }
}

impl Watches {
    /// An instance of a rule.
    pub(crate) fn add(&mut self, index: u32, rule: &Rule, key: &Key<'_>) {
        if let When::General(_) = &rule.when {
            let mut needs = Needs {
                raw: &mut self.raw,
                panes: &mut self.panes,
                quoted: &mut self.quoted,
                code: key.code,
                subject: key.subject,
                rules: key.rules,
            };
            return self.general.add(index, rule, &mut needs);
        }
        let span = match &rule.when {
            When::Change(change) => change.window_ms(),
            When::Volume(volume) => Some(volume.window_ms),
            When::Silence(silence) => silence.max_count.map(|_| silence.span_ms),
            _ => None,
        };
        if let (Some(span), When::Change(change)) = (span, &rule.when)
            && change.source != Source::Last
        {
            return self.add_quoted(change.source, span, index, rule);
        }
        if let Some(span) = span {
            if span <= RAW_WINDOW_MS {
                self.raw.add(span, index, rule);
            } else {
                self.panes.add(span, index, rule);
            }
            return;
        }
        let source = match &rule.when {
            When::Price(price) => price.source,
            When::Cross(cross) => cross.source,
            When::LargeTrade(what) => return self.large.add(index, what),
            When::Silence(silence) => {
                let level = Level::new(index, rule.timing);
                let Silence { span_ms: for_ms, from_start, .. } = *silence;
                return self.quiets.push(Quiet { level, for_ms, from_start });
            }
            When::Change(change) => change.source,
            When::Volume(_) | When::General(_) => Source::Last,
        };
        if let Some(prices) = self.prices.get_mut(number(source)) {
            prices.add(index, rule);
        }
    }

    fn add_quoted(&mut self, source: Source, span: i64, index: u32, rule: &Rule) {
        let place = Quoted::place(&mut self.quoted, source);
        if let Some(quoted) = self.quoted.get_mut(place) {
            quoted.add(span, index, rule);
        }
    }

    /// The next trade in order; whether anything has to be looked at for it.
    #[inline]
    pub(crate) fn trade(
        &mut self,
        trade: &Trade<'_>,
        fill: &Fill,
        clock: &Clock,
        (prev_close, world): (Option<Decimal>, &World),
    ) -> bool {
        let (near, now_ms) = (quick(fill.price), clock.now_ms);
        let mut stirred = !self.quiets_rest;
        let [last, others @ ..] = &mut self.prices;
        if !last.is_empty() {
            stirred |= last.trade(Some(fill.price), near, now_ms);
        }
        for (prices, source) in others.iter_mut().zip(SOURCES.into_iter().skip(1)) {
            if !prices.is_empty() {
                let price = price_of(trade, source);
                stirred |= prices.trade(price, price.and_then(quick), now_ms);
            }
        }
        if !self.large.is_empty() {
            self.large.trade(fill, approx(fill.price), approx(fill.volume), &mut self.caught);
            stirred |= !self.caught.is_empty();
        }
        for quoted in &mut self.quoted {
            stirred |= quoted.trade(trade, fill, now_ms);
        }
        stirred |= self.raw.trade(fill, near, now_ms);
        stirred |= self.panes.trade(fill, near, now_ms);
        if !self.general.is_empty() {
            self.quotes = (trade.best_bid, trade.best_ask);
            self.settle(clock);
            let view = view(clock, self.quotes, (&self.raw, &self.panes, &self.quoted), prev_close, world);
            stirred |= self.general.hear(fill, &view);
        }
        stirred
    }

    /// Looks at what the trade that was just taken in changed.
    pub(crate) fn traded(&mut self, fill: &Fill, clock: &Clock, scene: &mut Scene<'_>) {
        self.prices.iter_mut().for_each(|prices| prices.traded(scene));
        self.caught.drain(..).for_each(|caught| scene.caught(&caught));
        let now = Now::at(Some(fill.price), clock.cover_from, true);
        self.raw.traded(fill, now, scene);
        self.panes.traded(fill, now, scene);
        self.quoted.iter_mut().for_each(|quoted| quoted.traded(fill, clock.cover_from, scene));
        if !self.quiets_rest {
            self.look_at_silence(clock, scene);
        }
        self.look_at_general(clock, scene, General::traded);
    }

    /// The rules that are watched, ascending.
    pub(crate) fn rules(&self) -> Vec<u32> {
        let mut rules: BTreeSet<u32> = self.large.rules().collect();
        for watch in self.prices.iter().flat_map(|prices| &prices.watches) {
            rules.insert(watch.rule());
        }
        let quoted = self.quoted.iter().flat_map(Quoted::windows);
        for window in self.raw.windows.iter().chain(&self.panes.windows).chain(quoted) {
            rules.extend(window.rules());
        }
        rules.extend(self.quiets.iter().map(|quiet| quiet.level.rule));
        rules.extend(self.general.instances.iter().map(|instance| instance.level.rule));
        rules.into_iter().collect()
    }

    /// A fact was told, or a leg moved.
    pub(crate) fn look_again(&mut self, clock: &Clock, scene: &mut Scene<'_>) {
        self.look_at_general(clock, scene, General::tick);
    }

    fn look_at_general(
        &mut self,
        clock: &Clock,
        scene: &mut Scene<'_>,
        look: impl FnOnce(&mut General, &View<'_>, &mut Scene<'_>),
    ) {
        if self.general.is_empty() {
            return;
        }
        self.settle(clock);
        let view =
            view(clock, self.quotes, (&self.raw, &self.panes, &self.quoted), scene.prev_close, scene.world);
        look(&mut self.general, &view, scene);
    }

    /// A late trade: it counts in windows and moves nothing else.
    pub(crate) fn late(&mut self, trade: &Trade<'_>, fill: &Fill, clock: &Clock, scene: &mut Scene<'_>) {
        self.prices.iter_mut().for_each(|prices| prices.tick(scene));
        let now = Now::at(scene.price, clock.cover_from, false);
        if !self.raw.windows.is_empty() {
            self.raw.late(fill, now, scene);
        }
        if !self.panes.windows.is_empty() {
            self.panes.late(fill, now, scene);
        }
        self.quoted.iter_mut().for_each(|quoted| quoted.late(trade, fill, clock.cover_from, scene));
        self.look_at_silence(clock, scene);
        self.look_at_general(clock, scene, |general, view, scene| general.late(fill, view, scene));
    }

    /// The clock moved without a trade.
    pub(crate) fn tick(&mut self, clock: &Clock, scene: &mut Scene<'_>) {
        self.prices.iter_mut().for_each(|prices| prices.tick(scene));
        let now = Now::at(scene.price, clock.cover_from, false);
        self.raw.tick(now, scene);
        self.panes.tick(now, scene);
        self.quoted.iter_mut().for_each(|quoted| quoted.tick(clock.cover_from, scene));
        self.look_at_silence(clock, scene);
        self.look_at_general(clock, scene, General::tick);
    }

    fn look_at_silence(&mut self, clock: &Clock, scene: &mut Scene<'_>) {
        let quiet_ms = clock.now_ms.saturating_sub(clock.quiet_since);
        self.quiets_rest = true;
        for Quiet { level, for_ms, .. } in &mut self.quiets {
            if let Some(state) = level.step(Some(quiet_ms >= *for_ms), clock.now_ms, false) {
                scene.level(level.rule, state, Seen::Silence { quiet_ms });
            }
            self.quiets_rest &= level.at_rest();
        }
    }

    /// Moves every window to this clock.
    pub(crate) fn settle(&mut self, clock: &Clock) {
        self.raw.settle(clock.now_ms);
        self.panes.settle(clock.now_ms);
        self.quoted.iter_mut().for_each(|quoted| quoted.settle(clock.now_ms));
    }

    /// What signals see.
    pub(crate) fn view<'a>(
        &'a self,
        clock: &Clock,
        prev_close: Option<Decimal>,
        world: &'a World,
    ) -> View<'a> {
        view(clock, self.quotes, (&self.raw, &self.panes, &self.quoted), prev_close, world)
    }

    /// The clock moved, and there was no trade at all yet.
    pub(crate) fn wait(&mut self, clock: &Clock, scene: &mut Scene<'_>) {
        let quiet_ms = clock.now_ms.saturating_sub(clock.quiet_since);
        for Quiet { level, for_ms, .. } in self.quiets.iter_mut().filter(|quiet| quiet.from_start) {
            if let Some(state) = level.step(Some(quiet_ms >= *for_ms), clock.now_ms, false) {
                scene.level(level.rule, state, Seen::Silence { quiet_ms });
            }
        }
    }

    /// The first clock at which a tick changes something before there was any trade.
    pub(crate) fn waits_until(&self, clock: &Clock) -> i64 {
        let waiting = self.quiets.iter().filter(|quiet| quiet.from_start);
        waiting.map(|quiet| quiet.due(clock)).min().unwrap_or(NEVER)
    }

    /// The first clock at which a tick changes something.
    pub(crate) fn deadline(
        &self,
        clock: &Clock,
        prev_close: Option<Decimal>,
        rules: &[Rule],
        world: &World,
    ) -> i64 {
        let mut due = self.raw.due().min(self.panes.due());
        if !self.general.is_empty() {
            let view = view(clock, self.quotes, (&self.raw, &self.panes, &self.quoted), prev_close, world);
            due = due.min(self.general.due(rules, &view));
        }
        for prices in self.prices.iter().filter(|prices| !prices.is_empty()) {
            due = due.min(prices.due());
        }
        due = self.quoted.iter().fold(due, |due, quoted| due.min(quoted.due()));
        self.quiets.iter().fold(due, |due, quiet| due.min(quiet.due(clock)))
    }

    /// Leaves a stretch that nobody saw out of all timers.
    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        self.prices.iter_mut().for_each(|prices| prices.freeze(from_ms, to_ms));
        self.raw.freeze(from_ms, to_ms);
        self.panes.freeze(from_ms, to_ms);
        self.quoted.iter_mut().for_each(|quoted| quoted.freeze(from_ms, to_ms));
        self.quiets.iter_mut().for_each(|quiet| quiet.level.freeze(from_ms, to_ms));
        self.general.gap(from_ms, to_ms);
    }
}

/// What signals see.
fn view<'a>(
    clock: &Clock,
    (bid, ask): (Option<Decimal>, Option<Decimal>),
    (raw, panes, quoted): (&'a Log<Single>, &'a Log<Pane>, &'a [Quoted]),
    prev_close: Option<Decimal>,
    world: &'a World,
) -> View<'a> {
    View {
        now_ms: clock.now_ms,
        latest: clock.latest,
        cover_from: clock.cover_from,
        quiet_since: clock.quiet_since,
        prev_close,
        bid,
        ask,
        world,
        raw,
        panes,
        quoted,
    }
}

/// The price that a source shows in this trade.
#[inline]
pub(super) fn price_of(trade: &Trade<'_>, source: Source) -> Option<Decimal> {
    match source {
        Source::Last => Some(trade.price),
        Source::BestBid => trade.best_bid,
        Source::BestAsk => trade.best_ask,
        Source::Mid => {
            let sum = trade.best_bid?.wide().checked_add(trade.best_ask?.wide())?;
            sum.checked_mul(Wide::new(5, 1))?.narrow()
        }
    }
}
