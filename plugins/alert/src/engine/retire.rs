//! The end of a market: what fires is resolved, and nothing is said about it any more.

use super::general::Instance;
use super::level::Level;
use super::market::{Desk, Market};
use super::state::{Place, places};
use super::{Engine, STALE};
use crate::rule::Rule;
use crate::say::Scene;
use tradehook_sdk::AlertState;

impl Engine {
    /// The venue took a market off its list, or put it back.
    pub(super) fn delist(&mut self, code: &str, at_ms: i64) {
        let gone = Self::is_delisted(&self.world, code);
        if gone {
            // Nobody waits for it any more.
            drop(self.expected.take(code));
        }
        for (number, place) in self.markets.iter_mut().enumerate() {
            let Some(market) = place.as_mut().filter(|market| market.code == code) else { continue };
            if gone != market.watched {
                continue;
            }
            if gone {
                let mut desk = Desk {
                    rules: &self.rules,
                    world: &self.world,
                    lateness_ms: self.lateness_ms,
                    said: &mut self.said,
                };
                market.retire(at_ms, &mut desk);
            }
            let (leg, followers) = (market.leg, std::mem::take(&mut market.followers));
            **market = Market::new(code, &self.rules);
            (market.leg, market.followers) = (leg, followers);
            market.watched &= !gone;
            if let Some(deadline) = self.deadlines.get_mut(number) {
                *deadline = STALE;
            }
        }
    }
}

impl Market {
    /// Resolves what fires.
    fn retire(&mut self, at_ms: i64, desk: &mut Desk<'_>) {
        let now_ms = self.clock.now_ms.max(at_ms);
        let (code, price) = (self.code.clone(), self.clock.latest.map(|latest| latest.price));
        let firing = |level: &Level| level.is_firing().then_some(level.rule);
        let mut rules: Vec<u32> = levels(self).into_iter().filter_map(|level| firing(level)).collect();
        let general = &self.watches.general.instances;
        rules.extend(general.iter().filter_map(|Instance { level, .. }| firing(level)));
        let mut scene = Scene {
            rules: desk.rules,
            world: desk.world,
            code: &code,
            now_ms,
            price,
            prev_close: None,
            fill: None,
            late: false,
            from: desk.said.len(),
            said: desk.said,
        };
        rules.into_iter().for_each(|rule| scene.retired(rule, AlertState::Resolved));
    }
}

impl Market {
    /// A new beginning at this clock: windows are empty, nothing is primed, and what fires goes on
    /// firing until it is known not to be true.
    pub(super) fn reset(&mut self, at_ms: i64, rules: &[Rule]) {
        let about = self.watches.rules().into_iter();
        let mut fresh = Self::with(&self.code, None, rules, about);
        (fresh.leg, fresh.followers) = (self.leg, std::mem::take(&mut self.followers));
        fresh.clock.now_ms = self.clock.now_ms;
        (fresh.clock.cover_from, fresh.clock.quiet_since) = (at_ms, at_ms);
        fresh.set_prev_close(self.prev_close, rules);
        // The same rules in the same order have the same places.
        for (new, old) in levels(&mut fresh).into_iter().zip(levels(self)) {
            new.go_on(old);
        }
        let instances = &mut self.watches.general.instances;
        for (new, old) in fresh.watches.general.instances.iter_mut().zip(instances) {
            if old.level.is_firing() {
                old.root.reset();
                let mut memories = Vec::new();
                old.root.memories(&mut memories);
                new.root.remember(&mut memories.into_iter());
                new.told = old.told;
            }
            new.level.go_on(&old.level);
        }
        *self = fresh;
    }
}

/// The levels of the plain rules.
pub(super) fn levels(market: &mut Market) -> Vec<&mut Level> {
    let level = |place| match place {
        Place::Level(level) => Some(level),
        Place::Watch(watch) => watch.level_mut(),
    };
    places(market).into_iter().filter_map(level).collect()
}
