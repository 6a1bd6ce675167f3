//! What is remembered of one market, and the way of a trade through the stations.
//!
//! Keeps: [bounded] (every station has a limit of its own)

use crate::{
    config::{Config, Sample},
    count::Verdict,
    sample,
    stage::{Around, Conflated, Heap, Item, Stretch, Swept, Window, kept},
};
use serde::{Deserialize, Serialize};
use tradehook_decimal::Decimal;
use tradehook_sdk::MadeTrade;

/// What each station's state depends on, in the order of [`State`]'s stations.
pub(crate) type Definitions = [String; 6];

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The market's clock, ms; it never goes back.
    now: i64,
    code: String,
    until_kept: u32,
    last_price: Option<(i64, u8)>,
    window: Window,
    stretch: Stretch,
    heap: Heap,
    swept: Swept,
    conflated: Conflated,
    /// What was held under a configuration that is no more: it goes with the next event.
    #[serde(with = "kept")]
    orphans: Vec<MadeTrade>,
}

/// Of a trade, what the stations that compare look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) price: Decimal,
    pub(crate) sid: u64,
    pub(crate) ts: i64,
}

impl Config {
    pub(crate) fn definitions(&self) -> Definitions {
        let sample = match &self.sample {
            Some(Sample::Every(n)) => format!("every {n}"),
            _ => String::new(),
        };
        [
            sample,
            self.throttle.map(|t| format!("{} in {} ms {:?}", t.count, t.per_ms, t.mode)).unwrap_or_default(),
            self.outlier.map(|o| o.k.to_string()).unwrap_or_default(),
            self.reorder.map(|ms| ms.to_string()).unwrap_or_default(),
            self.sweep.map(|s| s.gap_ms.to_string()).unwrap_or_default(),
            self.conflate.map(|c| c.every_ms.to_string()).unwrap_or_default(),
        ]
    }
}

impl State {
    /// Learns which market it is of.
    pub(crate) fn meet(&mut self, code: &str) {
        if self.code.is_empty() {
            code.clone_into(&mut self.code);
        }
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Outlier, distinct and sample; nothing is held by these.
    #[inline]
    pub(crate) fn compare(
        &mut self,
        config: &Config,
        hash_prefix: u64,
        seen: Seen,
        around: &mut Around<'_>,
    ) -> Verdict {
        if config.outlier.is_some() || config.distinct {
            let verdict = self.compare_prices(config, seen, around);
            if verdict != Verdict::Pass {
                return verdict;
            }
        }
        let sampled = match &config.sample {
            None => true,
            Some(Sample::Every(n)) => {
                let first = self.until_kept == 0;
                self.until_kept = if first { n - 1 } else { self.until_kept - 1 };
                first
            }
            Some(Sample::Ratio { threshold, .. }) => {
                u128::from(sample::hash(hash_prefix, seen.sid)) < *threshold
            }
        };
        if sampled { Verdict::Pass } else { Verdict::Sample }
    }

    fn compare_prices(&mut self, config: &Config, seen: Seen, around: &mut Around<'_>) -> Verdict {
        if let Some(spec) = &config.outlier
            && let Some(found) = self.window.judge(spec, seen.price)
        {
            if !spec.tag {
                return Verdict::Outlier;
            }
            around.out.record(found.record(around.market, seen.sid, seen.ts, seen.price));
        }
        if config.distinct {
            let price = Some((seen.price.mantissa(), seen.price.scale()));
            if self.last_price == price {
                return Verdict::Distinct;
            }
            self.last_price = price;
        }
        Verdict::Pass
    }

    /// The whole way of a trade where none is held back.
    #[inline]
    pub(crate) fn judge(
        &mut self,
        config: &Config,
        hash_prefix: u64,
        seen: Seen,
        around: &mut Around<'_>,
    ) -> Verdict {
        let verdict = self.compare(config, hash_prefix, seen, around);
        let Some(throttle) = config.throttle.as_ref().filter(|_| verdict == Verdict::Pass) else {
            return verdict;
        };
        if !self.stretch.admits(throttle, seen.ts) {
            return Verdict::Throttle;
        }
        if throttle.tell {
            self.stretch.tell(throttle, seen.sid, seen.ts, around);
        }
        Verdict::Pass
    }

    /// Time has come to `now`, and perhaps a trade with it: what leaves the last station.
    pub(crate) fn advance(
        &mut self,
        config: &Config,
        hash_prefix: u64,
        item: Option<Item>,
        now: i64,
        around: &mut Around<'_>,
    ) -> Vec<Item> {
        self.now = self.now.max(now);
        let (mut now, mut items) = (self.now, Vec::from_iter(item));
        if let Some(wait) = config.reorder {
            let mut ripe = Vec::new();
            items.into_iter().for_each(|item| self.heap.push(item, around, &mut ripe));
            now = self.heap.clock(now, wait, &mut ripe);
            items = ripe;
        }
        items.retain(|Item { trade, .. }| {
            let seen = Seen { price: trade.price, sid: trade.sequential_id, ts: trade.traded_at_ms };
            let verdict = self.compare(config, hash_prefix, seen, around);
            if verdict != Verdict::Pass {
                around.counters.count(verdict);
            }
            verdict == Verdict::Pass
        });
        if let Some(spec) = &config.throttle {
            let mut passed = Vec::new();
            items.into_iter().for_each(|item| self.stretch.push(spec, item, around, &mut passed));
            now = self.stretch.clock(spec, now, around, &mut passed);
            items = passed;
        }
        if let Some(spec) = &config.sweep {
            let mut whole = Vec::new();
            items.into_iter().for_each(|item| self.swept.push(spec, item, around, &mut whole));
            now = self.swept.clock(spec, now, around, &mut whole);
            items = whole;
        }
        if let Some(spec) = &config.conflate {
            let mut ended = Vec::new();
            items.into_iter().for_each(|item| self.conflated.push(spec, item, around, &mut ended));
            self.conflated.clock(now, around, &mut ended);
            items = ended;
        }
        items
    }

    /// How many trades are held, those that were put together counted once.
    pub(crate) fn held(&self) -> usize {
        let (stretch, heap) = (self.stretch.len(), self.heap.len());
        stretch + heap + self.swept.len() + self.conflated.len() + self.orphans.len()
    }

    /// What waits to go since the configuration changed.
    pub(crate) fn orphans(&mut self) -> Vec<MadeTrade> {
        std::mem::take(&mut self.orphans)
    }

    /// Takes over from a configuration with other definitions: a station that means something else
    /// starts afresh, and what it held goes.
    pub(crate) fn adopt(&mut self, was: &Definitions, is: &Definitions) -> bool {
        let differs = |station: usize| was.get(station) != is.get(station);
        if differs(0) {
            self.until_kept = 0;
        }
        // From the last station on: what it holds is the oldest.
        if differs(5) {
            self.orphans.extend(self.conflated.take());
            self.conflated = Conflated::default();
        }
        if differs(4) {
            self.orphans.extend(self.swept.take());
        }
        if differs(1) {
            self.orphans.extend(self.stretch.take());
            self.stretch = Stretch::default();
        }
        if differs(3) {
            self.orphans.extend(self.heap.take());
            self.heap = Heap::default();
        }
        if differs(2) {
            self.window = Window::default();
        }
        !self.orphans.is_empty()
    }
}
