//! The aggregates of all markets: a pure function of its configuration and of what it is told.
//!
//! Each market has a clock of its own, which never goes back: the time of its latest trade, or a
//! tick less the idle lag. So a busy market ages no other, and the same log gives the same bars,
//! whatever batches it came in.
//!
//! Owns what belongs to a market, and the snapshot. Time bars live in `series`, bars that trades end
//! in `threshold`, figures in `figure`.

use crate::{
    config::{BarSpec, Config, Shape},
    figure::Figure,
    gaps::Gaps,
    series::{Moment, Series},
    sum::{Fill, is_time},
    threshold::Tally,
};
use serde::{Deserialize, Serialize};
use tradehook_sdk::{Gap, Out, Tick, Trade};

/// After so many records of a tick the other markets wait for the next one, a second later: at
/// midnight every market may end a bar of every size. Chosen, a fifth of what a call may say.
const RECORDS_OF_A_TICK: usize = 200;

/// See the module.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    /// By the host's number.
    markets: Vec<Option<Market>>,
    gaps: Gaps,
    /// The first tick: a market that is silent from then on has no trades.
    since: Option<i64>,
    /// The market that the next tick begins with.
    next: usize,
    invalid: u64,
}

/// The bars of one specification in one market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Bars {
    Time(Series),
    Threshold(Tally),
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
    bars: Vec<(usize, Bars)>,
    figures: Vec<(usize, Figure)>,
}

/// A snapshot: states go by the definition they were built under, so that a changed configuration
/// takes over what still means the same.
#[derive(Serialize, Deserialize)]
struct Saved {
    gaps: Gaps,
    since: Option<i64>,
    next: usize,
    invalid: u64,
    markets: Vec<Option<SavedMarket>>,
}

#[derive(Serialize, Deserialize)]
struct SavedMarket {
    code: String,
    now: i64,
    gaps: Gaps,
    bars: Vec<(String, Bars)>,
    figures: Vec<(String, Figure)>,
}

impl Engine {
    /// Knows no market yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, markets: Vec::new(), gaps: Gaps::default(), since: None, next: 0, invalid: 0 }
    }

    /// One trade.
    pub fn trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        let Some(fill) = Fill::of(trade) else {
            self.invalid += 1;
            return;
        };
        let Self { config, markets, gaps, since, .. } = self;
        let index = trade.market_id as usize;
        if index >= markets.len() {
            markets.resize_with(index + 1, || None);
        }
        let Some(slot) = markets.get_mut(index) else { return };
        let market = slot.get_or_insert_with(|| Market::new(trade.market, config, *since));
        market.now = market.now.max(fill.ts);
        let Market { code, now, gaps: own, bars, figures } = market;
        let at = Moment { market: code, now: *now, lateness: config.lateness, gaps: [gaps, own] };
        for (spec, bars) in bars {
            match (bars, config.bars.get(*spec).map(|spec| &spec.shape)) {
                (Bars::Time(series), Some(Shape::Time(spec))) => series.trade(spec, &fill, &at, out),
                (Bars::Threshold(tally), Some(Shape::Threshold(spec))) => tally.trade(spec, &fill, &at, out),
                _ => {}
            }
        }
        for (spec, figure) in figures {
            if let Some(spec) = config.figures.get(*spec) {
                figure.trade(spec, &fill, &at, out);
            }
        }
    }

    /// The clock, for every market that was seen.
    pub fn tick(&mut self, tick: &Tick, out: &mut Out) {
        if !is_time(tick.at_ms) {
            return;
        }
        let Self { config, markets, gaps, since, next, .. } = self;
        since.get_or_insert(tick.at_ms);
        let (said, first) = (out.said(), std::mem::take(next));
        let count = markets.len();
        for index in (0..count).map(|i| (first + i) % count) {
            if out.said() - said >= RECORDS_OF_A_TICK {
                *next = index;
                return;
            }
            let Some(Some(market)) = markets.get_mut(index) else { continue };
            let Market { code, now, gaps: own, bars, figures } = market;
            *now = (*now).max(tick.at_ms - config.idle_lag);
            let at = Moment { market: code, now: *now, lateness: config.lateness, gaps: [gaps, own] };
            for (spec, bars) in bars {
                match (bars, config.bars.get(*spec).map(|spec| &spec.shape)) {
                    (Bars::Time(series), Some(Shape::Time(spec))) => series.clock(spec, &at, out),
                    (Bars::Threshold(tally), Some(Shape::Threshold(spec))) => tally.clock(spec, &at, out),
                    _ => {}
                }
            }
            for (spec, figure) in figures {
                if let Some(spec) = config.figures.get(*spec) {
                    figure.clock(spec, &at, out);
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
                for (_, bars) in &mut market.bars {
                    if let Bars::Time(series) = bars {
                        series.recovered(gap.from_ms, gap.to_ms);
                    }
                }
            }
        }
    }

    /// What was left out so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters { invalid: self.invalid, ..Counters::default() };
        for market in self.markets.iter().flatten() {
            let bars = market.bars.iter().map(|(_, bars)| match bars {
                Bars::Time(series) => series.left_out(),
                Bars::Threshold(tally) => tally.left_out(),
            });
            for (late, inexact) in bars.chain(market.figures.iter().map(|(_, figure)| figure.left_out())) {
                sum.late_dropped += late;
                sum.inexact += inexact;
            }
        }
        sum
    }

    /// Everything it remembers.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let Self { config, markets, gaps, since, next, invalid } = self;
        let bars =
            |(spec, state): &(usize, Bars)| Some((config.bars.get(*spec)?.definition(), state.clone()));
        let figure =
            |(spec, state): &(usize, Figure)| Some((config.figures.get(*spec)?.definition(), state.clone()));
        let market = |market: &Market| SavedMarket {
            code: market.code.clone(),
            now: market.now,
            gaps: market.gaps.clone(),
            bars: market.bars.iter().filter_map(bars).collect(),
            figures: market.figures.iter().filter_map(figure).collect(),
        };
        let markets = markets.iter().map(|slot| slot.as_ref().map(market)).collect();
        // Writing plain values into memory has no way to fail.
        let saved = Saved { gaps: gaps.clone(), since: *since, next: *next, invalid: *invalid, markets };
        postcard::to_allocvec(&saved).unwrap_or_default()
    }

    /// Goes on from what [`Engine::save`] wrote.
    ///
    /// # Errors
    /// When the bytes are none of it.
    pub fn load(&mut self, state: &[u8]) -> Result<(), String> {
        let saved: Saved = postcard::from_bytes(state).map_err(|error| format!("not a snapshot: {error}"))?;
        self.gaps = saved.gaps;
        self.since = saved.since;
        self.next = saved.next;
        self.invalid = saved.invalid;
        self.markets = saved
            .markets
            .into_iter()
            .map(|slot| slot.map(|saved| Market::take_over(saved, &self.config)))
            .collect();
        Ok(())
    }
}

impl Bars {
    fn new(spec: &BarSpec, since: Option<i64>) -> Self {
        match spec.shape {
            Shape::Time(_) => Self::Time(Series::since(since)),
            Shape::Threshold(_) => Self::Threshold(Tally::default()),
        }
    }
}

impl Market {
    fn new(code: &str, config: &Config, since: Option<i64>) -> Self {
        let bars = config.bars.iter().enumerate().filter(|(_, spec)| spec.markets.accepts(code));
        let figures = config.figures.iter().enumerate().filter(|(_, spec)| spec.markets.accepts(code));
        Self {
            code: code.to_owned(),
            now: i64::MIN,
            gaps: Gaps::default(),
            bars: bars.map(|(index, spec)| (index, Bars::new(spec, since))).collect(),
            figures: figures.map(|(index, spec)| (index, Figure::new(spec))).collect(),
        }
    }

    /// What is of no saved state begins with the restart: it has listened no longer than that.
    fn take_over(mut saved: SavedMarket, config: &Config) -> Self {
        let mut market = Self::new(&saved.code, config, None);
        for (spec, bars) in &mut market.bars {
            let definition = config.bars.get(*spec).map(BarSpec::definition);
            if let Some(at) = saved.bars.iter().position(|(d, _)| Some(d) == definition.as_ref()) {
                *bars = saved.bars.remove(at).1;
            }
        }
        for (spec, figure) in &mut market.figures {
            let definition = config.figures.get(*spec).map(|spec| spec.definition());
            if let Some(at) = saved.figures.iter().position(|(d, _)| Some(d) == definition.as_ref()) {
                *figure = saved.figures.remove(at).1;
            }
        }
        Self { now: saved.now, gaps: saved.gaps, ..market }
    }
}
