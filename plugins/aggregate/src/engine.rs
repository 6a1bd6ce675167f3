//! The aggregates of all markets: a pure function of its configuration and of what it is told.
//!
//! Each market has a clock of its own, which never goes back: the time of its latest trade, or a
//! tick less the idle lag. So a busy market ages no other, and the same log gives the same bars,
//! whatever batches it came in.
//!
//! Owns what belongs to a market, and the snapshot. Bars live in `series`, averages in `vwap`.

use crate::{
    config::Config,
    gaps::Gaps,
    series::{Moment, Series},
    sum::{Fill, is_time},
    vwap::Rolling,
};
use serde::{Deserialize, Serialize};
use tradehook_sdk::{Gap, Out, Tick, Trade};

/// See the module.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    /// By the host's number.
    markets: Vec<Option<Market>>,
    gaps: Gaps,
    invalid: u64,
}

/// What happened to the trades that are in no aggregate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Too late for a bar or a window; once per aggregate.
    pub late_dropped: u64,
    /// A sum would have exceeded 38 digits; once per aggregate.
    pub inexact: u64,
    /// No price, no volume or no time that a trade could have.
    pub invalid: u64,
}

#[derive(Clone, Debug)]
struct Market {
    code: String,
    now: i64,
    gaps: Gaps,
    /// With the index of the specification.
    bars: Vec<(usize, Series)>,
    vwaps: Vec<(usize, Rolling)>,
}

/// A snapshot: states go by the definition they were built under, so that a changed configuration
/// takes over what still means the same.
#[derive(Serialize, Deserialize)]
struct Saved {
    gaps: Gaps,
    invalid: u64,
    markets: Vec<Option<SavedMarket>>,
}

#[derive(Serialize, Deserialize)]
struct SavedMarket {
    code: String,
    now: i64,
    gaps: Gaps,
    bars: Vec<(String, Series)>,
    vwaps: Vec<(String, Rolling)>,
}

impl Engine {
    /// Knows no market yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, markets: Vec::new(), gaps: Gaps::default(), invalid: 0 }
    }

    /// One trade.
    pub fn trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        let Some(fill) = Fill::of(trade) else {
            self.invalid += 1;
            return;
        };
        let Self { config, markets, gaps, .. } = self;
        let index = trade.market_id as usize;
        if index >= markets.len() {
            markets.resize_with(index + 1, || None);
        }
        let Some(slot) = markets.get_mut(index) else { return };
        let market = slot.get_or_insert_with(|| Market::new(trade.market, config));
        market.now = market.now.max(fill.ts);
        let Market { code, now, gaps: own, bars, vwaps } = market;
        let at = Moment { market: code, now: *now, lateness: config.lateness, gaps: [gaps, own] };
        for (spec, series) in bars {
            if let Some(spec) = config.bars.get(*spec) {
                series.trade(spec, &fill, &at, out);
            }
        }
        for (spec, rolling) in vwaps {
            if let Some(spec) = config.vwaps.get(*spec) {
                rolling.trade(spec, &fill, &at, out);
            }
        }
    }

    /// The clock, for every market that was seen.
    pub fn tick(&mut self, tick: &Tick, out: &mut Out) {
        let Self { config, markets, gaps, .. } = self;
        if !is_time(tick.at_ms) {
            return;
        }
        for market in markets.iter_mut().flatten() {
            let Market { code, now, gaps: own, bars, vwaps } = market;
            *now = (*now).max(tick.at_ms - config.idle_lag);
            let at = Moment { market: code, now: *now, lateness: config.lateness, gaps: [gaps, own] };
            for (spec, series) in bars {
                if let Some(spec) = config.bars.get(*spec) {
                    series.clock(spec, &at, out);
                }
            }
            for (spec, rolling) in vwaps {
                if let Some(spec) = config.vwaps.get(*spec) {
                    rolling.clock(spec, &at, out);
                }
            }
        }
    }

    /// A stretch in which trades may be missing: the bars it touches are emitted as incomplete. One
    /// that was recovered takes the mark away again.
    pub fn gap(&mut self, gap: &Gap<'_>) {
        let note = |gaps: &mut Gaps| {
            if gap.filled {
                gaps.recovered(gap.from_ms, gap.to_ms);
            } else {
                gaps.add(gap.from_ms, gap.to_ms);
            }
        };
        if gap.market_ids.is_empty() {
            note(&mut self.gaps);
        }
        for (id, slot) in self.markets.iter_mut().enumerate() {
            let Some(market) = slot else { continue };
            let named = gap.market_ids.iter().any(|m| *m as usize == id);
            if named || (gap.market_ids.is_empty() && gap.filled) {
                note(&mut market.gaps);
            }
            if gap.filled && (named || gap.market_ids.is_empty()) {
                for (_, series) in &mut market.bars {
                    series.recovered(gap.from_ms, gap.to_ms);
                }
            }
        }
    }

    /// What was left out so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters { invalid: self.invalid, ..Counters::default() };
        for market in self.markets.iter().flatten() {
            let bars = market.bars.iter().map(|(_, series)| series.left_out());
            for (late, inexact) in bars.chain(market.vwaps.iter().map(|(_, rolling)| rolling.left_out())) {
                sum.late_dropped += late;
                sum.inexact += inexact;
            }
        }
        sum
    }

    /// Everything it remembers.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let Self { config, markets, gaps, invalid } = self;
        let bar =
            |(spec, state): &(usize, Series)| Some((config.bars.get(*spec)?.definition(), state.clone()));
        let vwap =
            |(spec, state): &(usize, Rolling)| Some((config.vwaps.get(*spec)?.definition(), state.clone()));
        let market = |market: &Market| SavedMarket {
            code: market.code.clone(),
            now: market.now,
            gaps: market.gaps.clone(),
            bars: market.bars.iter().filter_map(bar).collect(),
            vwaps: market.vwaps.iter().filter_map(vwap).collect(),
        };
        let markets = markets.iter().map(|slot| slot.as_ref().map(market)).collect();
        // Writing plain values into memory has no way to fail.
        postcard::to_allocvec(&Saved { gaps: gaps.clone(), invalid: *invalid, markets }).unwrap_or_default()
    }

    /// Goes on from what [`Engine::save`] wrote.
    ///
    /// # Errors
    /// When the bytes are none of it.
    pub fn load(&mut self, state: &[u8]) -> Result<(), String> {
        let saved: Saved = postcard::from_bytes(state).map_err(|error| format!("not a snapshot: {error}"))?;
        self.gaps = saved.gaps;
        self.invalid = saved.invalid;
        self.markets = saved
            .markets
            .into_iter()
            .map(|slot| slot.map(|saved| Market::take_over(saved, &self.config)))
            .collect();
        Ok(())
    }
}

impl Market {
    fn new(code: &str, config: &Config) -> Self {
        let bars = config.bars.iter().enumerate().filter(|(_, spec)| spec.markets.accepts(code));
        let vwaps = config.vwaps.iter().enumerate().filter(|(_, spec)| spec.markets.accepts(code));
        Self {
            code: code.to_owned(),
            now: i64::MIN,
            gaps: Gaps::default(),
            bars: bars.map(|(index, _)| (index, Series::default())).collect(),
            vwaps: vwaps.map(|(index, _)| (index, Rolling::default())).collect(),
        }
    }

    fn take_over(mut saved: SavedMarket, config: &Config) -> Self {
        let mut market = Self::new(&saved.code, config);
        for (spec, series) in &mut market.bars {
            let definition = config.bars.get(*spec).map(|spec| spec.definition());
            if let Some(at) = saved.bars.iter().position(|(d, _)| Some(d) == definition.as_ref()) {
                *series = saved.bars.remove(at).1;
            }
        }
        for (spec, rolling) in &mut market.vwaps {
            let definition = config.vwaps.get(*spec).map(|spec| spec.definition());
            if let Some(at) = saved.vwaps.iter().position(|(d, _)| Some(d) == definition.as_ref()) {
                *rolling = saved.vwaps.remove(at).1;
            }
        }
        Self { now: saved.now, gaps: saved.gaps, ..market }
    }
}
