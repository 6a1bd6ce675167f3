//! What both sides traded since an anchor: a moment that comes back (the day, the hour), or the
//! start.
//!
//! At the anchor everything is nought again. A trade from before the anchor does not count.

use serde::{Deserialize, Serialize};

/// What takers of one side traded; sums at scale 16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) notional: i128,
    pub(crate) volume: i128,
    pub(crate) count: i128,
}

impl Flow {
    /// The sum, if it fits.
    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            notional: self.notional.checked_add(other.notional)?,
            volume: self.volume.checked_add(other.volume)?,
            count: self.count.checked_add(other.count)?,
        })
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Since {
    /// The anchor comes back after so long, from the Unix epoch on; `None`: never.
    every_ms: Option<i64>,
    /// The anchor; `None` before any clock.
    from_ms: Option<i64>,
    bought: Flow,
    sold: Flow,
    /// Whether a trade could not be told.
    blind: bool,
}

impl Since {
    pub(crate) fn new(every_ms: Option<i64>) -> Self {
        Self { every_ms, from_ms: None, bought: Flow::default(), sold: Flow::default(), blind: false }
    }

    /// The clock; whether an anchor was reached.
    pub(crate) fn advance(&mut self, now_ms: i64) -> bool {
        let anchor = match (self.every_ms, self.from_ms) {
            (Some(every), _) => now_ms.div_euclid(every).saturating_mul(every),
            (None, Some(from)) => from,
            (None, None) => now_ms,
        };
        let reached = self.from_ms.is_none_or(|from| anchor > from);
        if reached {
            *self = Self { from_ms: Some(anchor), ..Self::new(self.every_ms) };
        }
        reached
    }

    /// A trade; `None` is one that cannot be told.
    pub(crate) fn add(&mut self, at_ms: i64, sell: bool, flow: Option<Flow>) {
        if self.from_ms.is_none_or(|from| at_ms < from) {
            return;
        }
        let side = if sell { &mut self.sold } else { &mut self.bought };
        match flow.and_then(|flow| side.plus(flow)) {
            Some(sum) => *side = sum,
            None => self.blind = true,
        }
    }

    /// What was bought and sold; `None` when it cannot be told.
    pub(crate) fn flows(&self) -> Option<(Flow, Flow)> {
        if self.blind || self.from_ms.is_none() { None } else { Some((self.bought, self.sold)) }
    }

    /// The anchor.
    pub(crate) fn anchor(&self) -> Option<i64> {
        self.from_ms
    }

    /// Whether nothing since the anchor is missing.
    pub(crate) fn covered(&self, cover_from_ms: i64) -> bool {
        self.from_ms.is_some_and(|from| cover_from_ms <= from)
    }

    /// The next anchor.
    pub(crate) fn next(&self) -> Option<i64> {
        Some(self.from_ms?.saturating_add(self.every_ms?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    #[test]
    fn flows_are_those_of_all_trades_since_the_anchor() {
        for seed in 0..100u64 {
            let mut random = Random::new(seed);
            let every = if random.below(4) == 0 { None } else { Some(1 + random.below(60)) };
            let (mut since, mut all, mut now, start) = (Since::new(every), Vec::new(), 7i64, 7i64);
            for step in 0..200 {
                now += random.below(8);
                since.advance(now.max(start));
                let (at, sell) = (now - random.below(5), random.below(2) == 0);
                let volume = i128::from(random.below(9));
                let first = since.anchor();
                since.add(at, sell, Some(Flow { notional: volume * 2, volume, count: 1 }));
                all.push((at, sell, volume));
                let anchor = match every {
                    Some(every) => now.div_euclid(every) * every,
                    None => first.unwrap_or(now),
                };
                // What came late into a stretch that is over counted there.
                let sum = |sell: bool| -> i128 {
                    all.iter().filter(|(at, s, _)| *s == sell && *at >= anchor).map(|(.., v)| *v).sum()
                };
                let (bought, sold) = since.flows().unwrap_or_default();
                assert_eq!((bought.volume, sold.volume), (sum(false), sum(true)), "seed {seed}, {step}");
                assert_eq!(bought.notional, 2 * bought.volume);
                assert_eq!(since.anchor(), Some(anchor), "seed {seed}, step {step}");
                assert_eq!(since.next(), every.map(|every| anchor + every));
            }
        }
    }

    #[test]
    fn a_trade_that_cannot_be_told_hides_the_rest_until_the_anchor() {
        let mut since = Since::new(Some(10));
        assert!(since.advance(12) && !since.advance(19));
        let most = Flow { notional: i128::MAX, ..Flow::default() };
        since.add(12, true, Some(most));
        assert_eq!(since.flows(), Some((Flow::default(), most)));
        since.add(13, true, Some(Flow { notional: 1, ..most }));
        assert_eq!(since.flows(), None, "a sum that does not fit");
        assert!(since.advance(20));
        since.add(20, true, None);
        assert_eq!(since.flows(), None, "a trade that cannot be told");
        assert!(since.advance(30));
        assert_eq!(since.flows(), Some((Flow::default(), Flow::default())));
        assert!(since.covered(30) && !since.covered(31));
    }
}
