//! The verdict on each trade, and the little that must be remembered for it.
//!
//! Conditions are tried from the cheapest to the ones with a state, and a trade that fails one
//! never reaches the next: sampling and throttling count only what passed everything before.
//!
//! Keeps: [bounded] (a few words per market)

use crate::{
    config::{Config, Sample},
    sample,
};
use serde::{Deserialize, Serialize};
use tradehook_sdk::{Flags, Trade};

/// What becomes of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It flows on.
    Pass,
    /// It is of no chosen market.
    Markets,
    /// It is a snapshot.
    StreamType,
    /// Its taker is of the other side.
    Side,
    /// Its price lies outside.
    Price,
    /// Its volume lies outside.
    Volume,
    /// Its price times volume lies outside.
    Notional,
    /// It is not of the sample.
    Sample,
    /// Enough others passed just before.
    Throttle,
}

/// How many trades met which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Flowed on.
    pub passed: u64,
    /// Dropped for [`Verdict::Markets`].
    pub markets: u64,
    /// Dropped for [`Verdict::StreamType`].
    pub stream_type: u64,
    /// Dropped for [`Verdict::Side`].
    pub side: u64,
    /// Dropped for [`Verdict::Price`].
    pub price: u64,
    /// Dropped for [`Verdict::Volume`].
    pub volume: u64,
    /// Dropped for [`Verdict::Notional`].
    pub notional: u64,
    /// Dropped for [`Verdict::Sample`].
    pub sample: u64,
    /// Dropped for [`Verdict::Throttle`].
    pub throttle: u64,
}

/// What is worked out once per market.
#[derive(Clone, Copy, Debug)]
struct Known {
    chosen: bool,
    hash_prefix: u64,
}

/// What is remembered of a market.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Until the next one of the sample; 0: the next is it.
    until_kept: u32,
    /// Where the throttle's stretch began; `None` before the first.
    since: Option<i64>,
    /// How many passed in it.
    used: u32,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    /// What the states mean; another meaning starts afresh.
    definitions: [String; 2],
    counters: Counters,
    states: Vec<State>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    /// By the host's number of the market.
    known: Vec<Option<Known>>,
    states: Vec<State>,
    counters: Counters,
}

impl Engine {
    /// Knows no market yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, known: Vec::new(), states: Vec::new(), counters: Counters::default() }
    }

    /// Decides on a trade and counts it.
    #[inline]
    pub fn judge(&mut self, trade: &Trade<'_>) -> Verdict {
        let verdict = self.decide(trade);
        let counters = &mut self.counters;
        *match verdict {
            Verdict::Pass => &mut counters.passed,
            Verdict::Markets => &mut counters.markets,
            Verdict::StreamType => &mut counters.stream_type,
            Verdict::Side => &mut counters.side,
            Verdict::Price => &mut counters.price,
            Verdict::Volume => &mut counters.volume,
            Verdict::Notional => &mut counters.notional,
            Verdict::Sample => &mut counters.sample,
            Verdict::Throttle => &mut counters.throttle,
        } += 1;
        verdict
    }

    #[inline]
    fn decide(&mut self, trade: &Trade<'_>) -> Verdict {
        let known = match self.known.get(trade.market_id as usize) {
            Some(Some(known)) => *known,
            _ => self.meet(trade.market_id as usize, trade.market),
        };
        let config = &self.config;
        if !known.chosen {
            return Verdict::Markets;
        }
        if config.realtime_only && trade.flags.has(Flags::SNAPSHOT) {
            return Verdict::StreamType;
        }
        if config.side.is_some_and(|side| side != trade.side) {
            return Verdict::Side;
        }
        let (price, volume) = (trade.price, trade.volume);
        if config.price.as_ref().is_some_and(|r| !r.holds(price.mantissa().into(), price.scale())) {
            return Verdict::Price;
        }
        if config.volume.as_ref().is_some_and(|r| !r.holds(volume.mantissa().into(), volume.scale())) {
            return Verdict::Volume;
        }
        if let Some(range) = &config.notional {
            let product = i128::from(price.mantissa()) * i128::from(volume.mantissa());
            if !range.holds(product, price.scale() + volume.scale()) {
                return Verdict::Notional;
            }
        }
        if config.sample.is_none() && config.throttle.is_none() {
            return Verdict::Pass;
        }
        self.recall(trade, known.hash_prefix)
    }

    /// The conditions that remember.
    fn recall(&mut self, trade: &Trade<'_>, hash_prefix: u64) -> Verdict {
        let index = trade.market_id as usize;
        if index >= self.states.len() {
            self.states.resize(index + 1, State::default());
        }
        let Some(state) = self.states.get_mut(index) else { return Verdict::Pass };
        let sampled = match &self.config.sample {
            None => true,
            Some(Sample::Every(n)) => {
                let first = state.until_kept == 0;
                state.until_kept = if first { n - 1 } else { state.until_kept - 1 };
                first
            }
            Some(Sample::Ratio { threshold, .. }) => {
                u128::from(sample::hash(hash_prefix, trade.sequential_id)) < *threshold
            }
        };
        if !sampled {
            return Verdict::Sample;
        }
        let Some(throttle) = self.config.throttle else { return Verdict::Pass };
        // A late trade lies before the end of the stretch, so it counts in it and opens none.
        let now = trade.traded_at_ms;
        if state.since.is_none_or(|since| now.saturating_sub(since) >= throttle.per_ms) {
            state.since = Some(now);
            state.used = 0;
        }
        if state.used >= throttle.count {
            return Verdict::Throttle;
        }
        state.used += 1;
        Verdict::Pass
    }

    #[cold]
    fn meet(&mut self, index: usize, code: &str) -> Known {
        let salt = match &self.config.sample {
            Some(Sample::Ratio { salt, .. }) => salt,
            _ => "",
        };
        let known =
            Known { chosen: self.config.markets.accepts(code), hash_prefix: sample::prefix(salt, code) };
        if index >= self.known.len() {
            self.known.resize(index + 1, None);
        }
        if let Some(slot) = self.known.get_mut(index) {
            *slot = Some(known);
        }
        known
    }

    /// How many trades met which verdict, restarts included.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn definitions(&self) -> [String; 2] {
        let sample = match &self.config.sample {
            Some(Sample::Every(n)) => format!("every {n}"),
            _ => String::new(),
        };
        let throttle = self.config.throttle.map(|t| format!("{} in {} ms", t.count, t.per_ms));
        [sample, throttle.unwrap_or_default()]
    }

    /// Everything it remembers.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let (states, counters) = (self.states.clone(), self.counters);
        // Writing plain values into memory has no way to fail.
        postcard::to_allocvec(&Saved { definitions: self.definitions(), counters, states })
            .unwrap_or_default()
    }

    /// Goes on from what [`Engine::save`] wrote. A sample or a throttle that was configured
    /// differently starts afresh.
    ///
    /// # Errors
    /// When the bytes are none of it.
    pub fn load(&mut self, state: &[u8]) -> Result<(), String> {
        let saved: Saved = postcard::from_bytes(state).map_err(|error| format!("not a snapshot: {error}"))?;
        let [sample, throttle] = self.definitions();
        self.counters = saved.counters;
        self.states = saved.states;
        for state in &mut self.states {
            if saved.definitions[0] != sample {
                state.until_kept = 0;
            }
            if saved.definitions[1] != throttle {
                *state = State { until_kept: state.until_kept, ..State::default() };
            }
        }
        Ok(())
    }
}
