//! Markets whose trades move the rules of other markets.
//!
//! A follower is looked at again after each trade of its leg, by the same clock as before: one busy
//! market does not age another.

use super::{Engine, STALE};
use crate::condition::Condition;
use crate::engine::market::Desk;
use crate::kinds::Measured;
use crate::rule::{Rule, When};
use std::collections::BTreeSet;
use tradehook_sdk::Out;

/// The codes of the markets that are a leg of some rule.
pub(super) fn of(rules: &[Rule]) -> BTreeSet<String> {
    let mut legs = BTreeSet::new();
    for rule in rules {
        let When::General(condition) = &rule.when else { continue };
        condition.leaves(&mut |leaf| {
            if let Condition::Level { what: Measured::Premium(premium), .. } = leaf {
                legs.extend(premium.legs().map(str::to_owned));
            }
        });
    }
    legs
}

impl Engine {
    /// Tells a market that was just met which others follow it, and the others that it does.
    pub(super) fn link(&mut self, number: usize) {
        let Some(Some(fresh)) = self.markets.get(number) else { return };
        let (code, legs) = (fresh.code.clone(), fresh.watches.general.legs.clone());
        let Ok(own) = u32::try_from(number) else { return };
        let mut followers = Vec::new();
        for (other, market) in (0u32..).zip(&mut self.markets) {
            let Some(market) = market.as_mut().filter(|_| other != own) else { continue };
            if legs.contains(&market.code) && !market.followers.contains(&own) {
                market.followers.push(own);
            }
            if market.watches.general.legs.contains(&code) {
                followers.push(other);
            }
        }
        if let Some(Some(fresh)) = self.markets.get_mut(number) {
            fresh.followers = followers;
        }
    }

    /// Looks at the markets that follow this one, and hands over what was said.
    pub(super) fn lead(&mut self, number: usize, out: &mut Out) {
        let mut place = 0;
        while let Some(Some(follower)) =
            self.markets.get(number).map(|leg| leg.as_ref().and_then(|leg| leg.followers.get(place).copied()))
        {
            self.look_again(follower as usize, i64::MIN);
            place += 1;
        }
        if !self.said.is_empty() {
            self.tell(out);
        }
    }

    /// Looks at one market though it had no trade.
    pub(super) fn look_again(&mut self, number: usize, at_ms: i64) {
        let Some(Some(market)) = self.markets.get_mut(number) else { return };
        let mut desk = Desk {
            rules: &self.rules,
            world: &self.world,
            lateness_ms: self.lateness_ms,
            said: &mut self.said,
        };
        market.look_again(at_ms, &mut desk);
        if let Some(deadline) = self.deadlines.get_mut(number) {
            *deadline = STALE;
        }
    }
}
