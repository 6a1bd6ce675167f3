//! The engine: what the rules say about a stream of trades, ticks and gaps.
//!
//! Owns the markets and the clock that ticks tell. A trade costs the rules of its market only; a
//! tick costs the markets that have something due or had a trade since the last tick.
//!
//! Keeps: [bounded] [numbers-survive]

mod band;
mod book;
mod clock;
mod expected;
mod general;
mod inspect;
mod legs;
mod level;
mod log;
mod market;
mod prices;
mod quoted;
mod retire;
mod slot;
mod state;
mod subjects;
mod tally;
mod view;
mod watches;
mod window;
mod world;

pub(crate) use band::Band;
pub(crate) use slot::RAW_WINDOW_MS;
pub(crate) use view::{Needs, Span, Total, View};
pub(crate) use world::{Fact, Told, World};

use crate::rule::{Config, Rule};
use book::Book;
use expected::Expected;
use market::{Desk, Market};
use std::collections::BTreeSet;
use subjects::Subjects;
use tradehook_sdk::{Alert, Gap, Out, Trade};

/// Markets beyond this number are not watched: the venue lists fewer than a thousand.
const MAX_MARKETS: usize = 65_536;
/// The deadline of a market had a trade: compute it when it is asked for.
const STALE: i64 = i64::MIN;

/// See the module.
#[derive(Debug)]
pub(crate) struct Engine {
    rules: Vec<Rule>,
    lateness_ms: i64,
    idle_lag_ms: i64,
    /// What ticks say every clock is at least.
    idle_ms: i64,
    /// By market number.
    markets: Vec<Option<Box<Market>>>,
    /// By market number: when a tick changes something.
    deadlines: Vec<i64>,
    expected: Expected,
    world: World,
    subjects: Subjects,
    book: Book,
    /// The markets that are a leg of some rule.
    legs: BTreeSet<String>,
    reset_on_gap: bool,
    said: Vec<(u32, Alert)>,
}

impl Engine {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            subjects: Subjects::new(&config.rules),
            book: Book::new(&config.rules),
            legs: legs::of(&config.rules),
            reset_on_gap: config.reset_on_gap,
            expected: Expected::new(&config.rules, |_| false),
            rules: config.rules,
            lateness_ms: config.lateness_ms,
            idle_lag_ms: config.idle_lag_ms,
            idle_ms: i64::MIN,
            markets: Vec::new(),
            deadlines: Vec::new(),
            world: World::default(),
            said: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        let number = trade.market_id as usize;
        if !matches!(self.markets.get(number), Some(Some(_))) {
            self.expected.begin(trade.traded_at_ms);
            if !self.meet(number, trade.market) {
                return;
            }
        }
        let Some(Some(market)) = self.markets.get_mut(number) else { return };
        if market.leg {
            self.world.hear(&market.code, trade.traded_at_ms, trade.price);
        }
        let followed = market.leg && !market.followers.is_empty();
        if !market.watched {
            if followed {
                self.lead(number, out);
            }
            return;
        }
        let mut desk = Desk {
            rules: &self.rules,
            world: &self.world,
            lateness_ms: self.lateness_ms,
            said: &mut self.said,
        };
        market.trade(trade, self.idle_ms, &mut desk);
        if let Some(deadline) = self.deadlines.get_mut(number) {
            *deadline = STALE;
        }
        if followed {
            return self.lead(number, out);
        }
        if !self.said.is_empty() {
            self.tell(out);
        }
    }

    /// A market's first trade: which rules are about it is settled here, once.
    #[cold]
    fn meet(&mut self, number: usize, code: &str) -> bool {
        if number >= MAX_MARKETS {
            return false;
        }
        if self.markets.len() <= number {
            self.markets.resize_with(number + 1, || None);
            self.deadlines.resize(number + 1, STALE);
        }
        if let Some(place) = self.markets.get_mut(number) {
            let waited = self.expected.take(code);
            let mut market = waited.unwrap_or_else(|| {
                let about = self.book.about(code, &self.rules);
                Box::new(Market::with(code, None, &self.rules, about.into_iter()))
            });
            market.leg = self.legs.contains(code);
            *place = Some(market);
        }
        self.link(number);
        true
    }

    pub(crate) fn tick(&mut self, at_ms: i64, out: &mut Out) {
        self.idle_ms = self.idle_ms.max(at_ms.saturating_sub(self.idle_lag_ms));
        self.expected.begin(self.idle_ms);
        for (place, deadline) in self.markets.iter_mut().zip(&mut self.deadlines) {
            if self.idle_ms < *deadline {
                continue;
            }
            let Some(market) = place.as_mut().filter(|market| market.watched) else { continue };
            if *deadline == STALE {
                *deadline = market.deadline(&self.rules, &self.world);
                if self.idle_ms < *deadline {
                    continue;
                }
            }
            let from = self.said.len();
            let mut desk = Desk {
                rules: &self.rules,
                world: &self.world,
                lateness_ms: self.lateness_ms,
                said: &mut self.said,
            };
            market.tick(self.idle_ms, &mut desk);
            *deadline = market.deadline(&self.rules, &self.world);
            if let Some(fresh) = self.said.get_mut(from..) {
                fresh.sort_by_key(|(rule, _)| *rule);
            }
        }
        let mut desk = Desk {
            rules: &self.rules,
            world: &self.world,
            lateness_ms: self.lateness_ms,
            said: &mut self.said,
        };
        self.expected.tick(self.idle_ms, &mut desk);
        self.subjects.tick(self.idle_ms, &mut desk);
        for (_, alert) in self.said.drain(..) {
            out.alert(alert);
        }
    }

    /// A stretch whose trades were all recovered changes nothing: they are on the tape.
    pub(crate) fn gap(&mut self, gap: &Gap<'_>) {
        if gap.filled || gap.to_ms <= gap.from_ms {
            return;
        }
        // A number that nobody traded under yet may be that of a market that is waited for.
        let unmet = |number: &u32| !matches!(self.markets.get(*number as usize), Some(Some(_)));
        if gap.market_ids.is_empty() || gap.market_ids.iter().any(unmet) {
            self.expected.gap(gap.from_ms, gap.to_ms);
        }
        for (number, (place, deadline)) in (0u32..).zip(self.markets.iter_mut().zip(&mut self.deadlines)) {
            let about = gap.market_ids.is_empty() || gap.market_ids.contains(&number);
            if let (true, Some(market)) = (about, place) {
                market.gap(gap.from_ms, gap.to_ms);
                if self.reset_on_gap {
                    market.reset(gap.to_ms, &self.rules);
                }
                *deadline = STALE;
            }
        }
    }

    /// Hands over what was said about one trade, in the order of the rules.
    #[cold]
    fn tell(&mut self, out: &mut Out) {
        self.said.sort_by_key(|(rule, _)| *rule);
        for (_, alert) in self.said.drain(..) {
            out.alert(alert);
        }
    }
}

#[cfg(test)]
impl Engine {
    /// What the signals of a market said last, in the order of the rules that asked first.
    pub(crate) fn readings(&self, market: usize) -> &[Option<crate::bounds::Reading>] {
        match self.markets.get(market) {
            Some(Some(market)) => market.watches.general.readings(),
            _ => &[],
        }
    }
}
