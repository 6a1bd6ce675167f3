//! One market: its clock, and the rules that watch it.

use super::clock::{Clock, Order};
use super::watches::{Key, Watches};
use super::world::World;
use crate::kinds::Fill;
use crate::rule::Rule;
use crate::say::Scene;
use tradehook_decimal::Decimal;
use tradehook_sdk::{Alert, Flags, Side, Trade};

/// Everything about one market.
#[derive(Debug)]
pub(crate) struct Market {
    pub(crate) code: String,
    /// Whether any rule is about it.
    pub(crate) watched: bool,
    /// Whether it is a leg of some rule, and the numbers of the other markets whose rule that is.
    pub(crate) leg: bool,
    pub(crate) followers: Vec<u32>,
    pub(crate) clock: Clock,
    pub(crate) prev_close: Option<Decimal>,
    pub(crate) watches: Watches,
}

/// What the engine lends a market while it works.
pub(crate) struct Desk<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) world: &'a World,
    pub(crate) lateness_ms: i64,
    pub(crate) said: &'a mut Vec<(u32, Alert)>,
}

impl Market {
    /// A market that was never seen, with an instance of each rule that is about it.
    pub(crate) fn new(code: &str, rules: &[Rule]) -> Self {
        let about = (0u32..).zip(rules).filter(|(_, rule)| rule.covers(code)).map(|(index, _)| index);
        Self::with(code, None, rules, about)
    }

    /// A key with an instance of each of these rules.
    pub(crate) fn with(
        code: &str,
        subject: Option<&str>,
        rules: &[Rule],
        about: impl Iterator<Item = u32>,
    ) -> Self {
        let mut watches = Watches::default();
        let mut watched = false;
        for index in about {
            if let Some(rule) = rules.get(index as usize) {
                watched = true;
                watches.add(index, rule, &Key { code, subject, rules });
            }
        }
        Self {
            code: code.to_owned(),
            watched,
            leg: false,
            followers: Vec::new(),
            clock: Clock::START,
            prev_close: None,
            watches,
        }
    }

    /// One trade of this market. `idle_ms` is what ticks say the clock is at least.
    #[inline]
    pub(crate) fn trade(&mut self, trade: &Trade<'_>, idle_ms: i64, desk: &mut Desk<'_>) {
        let order = self.clock.hear(trade, idle_ms, desk.lateness_ms);
        if order == Order::Lost {
            return;
        }
        if order == Order::Next && trade.prev_close.is_some() && trade.prev_close != self.prev_close {
            self.set_prev_close(trade.prev_close, desk.rules);
        }
        let fill = Fill {
            price: trade.price,
            volume: trade.volume,
            sell: trade.side == Side::Sell,
            at_ms: trade.traded_at_ms,
            id: trade.sequential_id,
        };
        if order == Order::Next
            && !self.watches.trade(trade, &fill, &self.clock, (self.prev_close, desk.world))
        {
            return;
        }
        let late = order == Order::Late || trade.flags.has(Flags::BACKFILLED);
        self.look(order, trade, fill, late, desk);
    }

    /// Looks at what a trade changed.
    #[inline(never)]
    fn look(&mut self, order: Order, trade: &Trade<'_>, fill: Fill, late: bool, desk: &mut Desk<'_>) {
        let latest = self.clock.latest.map_or(fill.price, |latest| latest.price);
        let mut scene = Scene {
            rules: desk.rules,
            world: desk.world,
            code: &self.code,
            now_ms: self.clock.now_ms,
            price: Some(latest),
            prev_close: self.prev_close,
            fill: Some(fill),
            late,
            from: desk.said.len(),
            said: desk.said,
        };
        if order == Order::Next {
            self.watches.traded(&fill, &self.clock, &mut scene);
        } else {
            self.watches.late(trade, &fill, &self.clock, &mut scene);
        }
    }

    /// The clock moved without a trade.
    pub(crate) fn tick(&mut self, idle_ms: i64, desk: &mut Desk<'_>) {
        self.clock.now_ms = self.clock.now_ms.max(idle_ms);
        let Some(latest) = self.clock.latest else { return };
        let mut scene = Scene {
            rules: desk.rules,
            world: desk.world,
            code: &self.code,
            now_ms: self.clock.now_ms,
            price: Some(latest.price),
            prev_close: self.prev_close,
            fill: None,
            late: false,
            from: desk.said.len(),
            said: desk.said,
        };
        self.watches.tick(&self.clock, &mut scene);
    }

    /// A fact was told, or a leg moved. The clock is at least `at_ms`.
    pub(crate) fn look_again(&mut self, at_ms: i64, desk: &mut Desk<'_>) {
        self.clock.now_ms = self.clock.now_ms.max(at_ms);
        let mut scene = Scene {
            rules: desk.rules,
            world: desk.world,
            code: &self.code,
            now_ms: self.clock.now_ms,
            price: self.clock.latest.map(|latest| latest.price),
            prev_close: self.prev_close,
            fill: None,
            late: false,
            from: desk.said.len(),
            said: desk.said,
        };
        self.watches.look_again(&self.clock, &mut scene);
    }

    /// The clock moved, and there was no trade at all yet.
    pub(crate) fn wait(&mut self, idle_ms: i64, desk: &mut Desk<'_>) {
        self.clock.now_ms = self.clock.now_ms.max(idle_ms);
        let mut scene = Scene {
            rules: desk.rules,
            world: desk.world,
            code: &self.code,
            now_ms: self.clock.now_ms,
            price: None,
            prev_close: None,
            fill: None,
            late: false,
            from: desk.said.len(),
            said: desk.said,
        };
        self.watches.wait(&self.clock, &mut scene);
    }

    /// The first clock at which a tick changes something.
    pub(crate) fn deadline(&self, rules: &[Rule], world: &World) -> i64 {
        self.watches.deadline(&self.clock, self.prev_close, rules, world)
    }

    /// Trades of this stretch may be missing.
    pub(crate) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        if self.clock.latest.is_some() {
            self.clock.gap(from_ms, to_ms);
            self.watches.freeze(from_ms, to_ms);
        }
    }

    pub(crate) fn set_prev_close(&mut self, close: Option<Decimal>, rules: &[Rule]) {
        self.prev_close = close;
        if let Some(close) = close {
            self.watches.prices.iter_mut().for_each(|prices| prices.prev_close(close, rules));
        }
    }
}
