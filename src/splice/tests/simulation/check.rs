//! What came out, compared with what the venue made.

use super::{
    super::{Flags, Gap, MARGIN_MS, MarketId, Sequence, Trade, market::Place},
    brief,
    venue::Made,
};
use std::collections::HashSet;

/// What stands on the tape, and what must be true of it.
pub(super) struct Checker {
    pub(super) tape: Vec<Trade>,
    gaps: Vec<Gap>,
    markets: Vec<Market>,
    excused: HashSet<(u32, u64)>,
    /// For so long a session may be behind another.
    frozen_ms: i64,
    story: bool,
}

#[derive(Default)]
struct Market {
    ids: HashSet<u64>,
    newest: Option<Place>,
    last: Option<u64>,
    /// Where it began: how many the venue had published before, and the place.
    first: Option<(usize, Place)>,
    uncounted: bool,
}

fn place(trade: &Trade) -> Place {
    Place { ms: trade.traded_at_ms, id: trade.sequential_id }
}

impl Checker {
    pub(super) fn new(markets: usize, frozen_ms: i64, story: bool) -> Self {
        let markets = (0..markets).map(|_| Market::default()).collect();
        Self { tape: Vec::new(), gaps: Vec::new(), markets, excused: HashSet::new(), frozen_ms, story }
    }

    pub(super) fn newest(&self, market: MarketId) -> Option<u64> {
        self.markets[market.0 as usize].newest.map(|newest| newest.id)
    }

    /// Whether a trade is on the tape, and neither the last nor the latest there.
    pub(super) fn is_old_known(&self, trade: &Trade) -> bool {
        let market = &self.markets[trade.market.0 as usize];
        market.ids.contains(&trade.sequential_id)
            && market.last != Some(trade.sequential_id)
            && market.newest != Some(place(trade))
    }

    /// Whether a hole in this ms could be noticed: not where the market begins, nor where ids are
    /// no longer counted.
    pub(super) fn may_skip(&self, market: u32, ms: i64) -> bool {
        let market = &self.markets[market as usize];
        !market.uncounted && market.first.is_some_and(|(_, first)| ms > first.ms + 1_000)
    }

    /// These cannot be missed any more.
    pub(super) fn excuse(&mut self, left_out: &[Trade], market: Option<MarketId>) {
        if let Some(market) = market {
            self.markets[market.0 as usize].uncounted = true;
        }
        let these = left_out.iter().filter(|trade| market.is_none_or(|market| trade.market == market));
        self.excused.extend(these.map(|trade| (trade.market.0, trade.sequential_id)));
    }

    /// More for the tape.
    pub(super) fn take(&mut self, out: &Sequence, made: &[Vec<Made>], now_ms: i64) -> Result<(), String> {
        for (_, gap) in &out.gaps {
            if self.story {
                println!("         {gap:?}");
            }
            if gap.from_ms > gap.to_ms || gap.to_ms > now_ms + 2 * MARGIN_MS {
                return Err(format!("a gap that cannot be: {gap:?}, now is {now_ms}"));
            }
            self.gaps.push(gap.clone());
        }
        if self.story && !out.trades.is_empty() {
            println!("         out {:?}", out.trades.iter().map(brief).collect::<Vec<_>>());
        }
        let mut before: Vec<Option<&Trade>> = self.markets.iter().map(|_| None).collect();
        for trade in &out.trades {
            self.trade(trade, &made[trade.market.0 as usize])?;
            let before = before[trade.market.0 as usize].replace(trade);
            let is_repair = |trade: &Trade| trade.flags.has(Flags::BACKFILLED);
            // Live trades that come right behind a repair have no order within their ms.
            let is_before = |before: &&Trade| match is_repair(trade) {
                true => place(before) > place(trade),
                false => {
                    is_repair(before)
                        && before.traded_at_ms > trade.traded_at_ms
                        && !trade.flags.has(Flags::LATE)
                }
            };
            if let Some(before) = before.filter(is_before) {
                return Err(format!("{} is repaired after {}", brief(trade), brief(before)));
            }
        }
        Ok(())
    }

    fn trade(&mut self, trade: &Trade, made: &[Made]) -> Result<(), String> {
        let market = &mut self.markets[trade.market.0 as usize];
        let brief = || brief(trade);
        if !market.ids.insert(trade.sequential_id) {
            return Err(format!("{} came twice", brief()));
        }
        let is_late = market.newest.is_some_and(|newest| trade.traded_at_ms < newest.ms);
        if is_late != trade.flags.has(Flags::LATE) {
            return Err(format!("{} is late or is not, and does not say so", brief()));
        }
        let behind_ms = market.newest.map_or(0, |newest| newest.ms - trade.traded_at_ms);
        // What is fetched is behind where it was lost on the way and only found missing later.
        let is_said = |gap: &Gap| {
            gap.markets.contains(&trade.market) && (gap.from_ms..=gap.to_ms).contains(&trade.traded_at_ms)
        };
        let is_explained = trade.flags.has(Flags::BACKFILLED) && self.gaps.iter().any(is_said);
        if behind_ms > self.frozen_ms + MARGIN_MS && !is_explained {
            return Err(format!("{} stands {behind_ms} ms behind", brief()));
        }
        if market.first.is_none() {
            let index = made.iter().position(|made| made.trade.sequential_id == trade.sequential_id);
            let index = index.ok_or_else(|| format!("{} was never made", brief()))?;
            market.first = Some((index, place(trade)));
        }
        market.newest = market.newest.max(Some(place(trade)));
        market.last = Some(trade.sequential_id);
        self.tape.push(*trade);
        Ok(())
    }

    /// Everything that was made is here, or lies in a gap that was said.
    pub(super) fn verify(&self, made: &[Vec<Made>], left_out: &[Trade]) -> Result<(), String> {
        for (market, made) in self.markets.iter().zip(made) {
            let all: HashSet<u64> = made.iter().map(|made| made.trade.sequential_id).collect();
            if let Some(id) = market.ids.difference(&all).next() {
                return Err(format!("{id} was never made"));
            }
            let Some((index, first)) = market.first else { continue };
            let missing = made
                .iter()
                .skip(index)
                .map(|made| &made.trade)
                .filter(|trade| place(trade) > first && !market.ids.contains(&trade.sequential_id))
                .filter(|trade| !self.excused.contains(&(trade.market.0, trade.sequential_id)))
                .find(|trade| !self.gaps.iter().any(|gap| is_said(gap, trade)));
            if let Some(trade) = missing {
                let is_hole = left_out
                    .iter()
                    .any(|of| (of.market, of.sequential_id) == (trade.market, trade.sequential_id));
                let how = if is_hole { ", a hole" } else { "" };
                return Err(format!("{}{how} is missing, and no gap says so", brief(trade)));
            }
        }
        Ok(())
    }
}

fn is_said(gap: &Gap, trade: &Trade) -> bool {
    !gap.filled
        && (gap.from_ms..=gap.to_ms).contains(&trade.traded_at_ms)
        && (gap.markets.is_empty() || gap.markets.contains(&trade.market))
}
