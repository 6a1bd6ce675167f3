//! The verdict on each trade, and what goes on its way later.
//!
//! Conditions are tried from the cheapest to the ones with a state, and a trade that fails one
//! never reaches the next: sampling and throttling count only what passed everything before.
//!
//! Where nothing is held back, the host is only told which trades of the batch flow on. Where
//! something is, each trade flows on as it is if it passes at once, and is made anew if it goes later:
//! what is made stands before the trade or the tick in whose handling it goes.
//!
//! Keeps: [bounded]

use crate::{
    config::{Config, Sample},
    count::{Counters, Verdict},
    sample,
    stage::{Around, Item},
    state::{Definitions, Seen, State},
};
use serde::{Deserialize, Serialize};
use tradehook_sdk::{Flags, Out, Record, Tick, Trade};

/// What is worked out once per market.
#[derive(Clone, Copy, Debug)]
struct Known {
    chosen: bool,
    hash_prefix: u64,
}

/// A snapshot. States go with the definitions they were built under.
#[derive(Serialize, Deserialize)]
struct Saved {
    definitions: Definitions,
    counters: Counters,
    reported: Option<i64>,
    states: Vec<State>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Engine {
    config: Config,
    holds: bool,
    remembers: bool,
    /// By the host's number of the market.
    known: Vec<Option<Known>>,
    states: Vec<State>,
    counters: Counters,
    /// The stretch of time that was reported last, or passed over.
    reported: Option<i64>,
    /// A changed configuration left trades that wait to go.
    orphaned: bool,
}

impl Engine {
    /// Knows no market yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            holds: config.holds(),
            remembers: config.remembers(),
            config,
            known: Vec::new(),
            states: Vec::new(),
            counters: Counters::default(),
            reported: None,
            orphaned: false,
        }
    }

    /// One trade: whether it flows on at once.
    #[inline]
    pub fn trade(&mut self, trade: &Trade<'_>, out: &mut Out) -> bool {
        self.counters.came += 1;
        if self.orphaned {
            self.release(out);
        }
        let known = match self.known.get(trade.market_id as usize) {
            Some(Some(known)) => *known,
            _ => self.meet(trade.market_id as usize, trade.market),
        };
        let verdict = self.decide(trade, known);
        if self.remembers && known.chosen {
            return self.recall(trade, known.hash_prefix, verdict, out);
        }
        self.counters.count(verdict);
        verdict == Verdict::Pass
    }

    /// The conditions on the trade itself.
    #[inline]
    fn decide(&mut self, trade: &Trade<'_>, known: Known) -> Verdict {
        let config = &mut self.config;
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
        if config.schedule.as_mut().is_some_and(|schedule| !schedule.is_open(trade.traded_at_ms)) {
            return Verdict::Schedule;
        }
        Verdict::Pass
    }

    /// The conditions that remember, for a trade that passed the others or for its time alone.
    fn recall(&mut self, trade: &Trade<'_>, hash_prefix: u64, verdict: Verdict, out: &mut Out) -> bool {
        let index = trade.market_id as usize;
        if index >= self.states.len() {
            self.states.resize_with(index + 1, State::default);
        }
        let Some(state) = self.states.get_mut(index) else { return false };
        let mut around = Around { market: trade.market, counters: &mut self.counters, out };
        if !self.holds {
            let verdict = if verdict == Verdict::Pass {
                let seen = Seen { price: trade.price, sid: trade.sequential_id, ts: trade.traded_at_ms };
                state.judge(&self.config, hash_prefix, seen, &mut around)
            } else {
                verdict
            };
            self.counters.count(verdict);
            return verdict == Verdict::Pass;
        }
        state.meet(trade.market);
        let item = if verdict == Verdict::Pass {
            Some(Item::own(trade))
        } else {
            around.counters.count(verdict);
            None
        };
        let items = state.advance(&self.config, hash_prefix, item, trade.traded_at_ms, &mut around);
        emit(items, &mut self.counters, out)
    }

    /// The clock, for every market that was seen.
    pub fn tick(&mut self, tick: &Tick, out: &mut Out) {
        if self.orphaned {
            self.release(out);
        }
        if self.holds {
            let now = tick.at_ms.saturating_sub(self.config.idle_lag);
            for (index, state) in self.states.iter_mut().enumerate().filter(|(_, state)| state.held() > 0) {
                // After a restart a market may be ripe before it is met again.
                let prefix = self.known.get(index).copied().flatten().map(|known| known.hash_prefix);
                let prefix = prefix.unwrap_or_else(|| prefix_of(&self.config, state.code()));
                let market = state.code().to_owned();
                let mut around = Around { market: &market, counters: &mut self.counters, out };
                let items = state.advance(&self.config, prefix, None, now, &mut around);
                emit(items, &mut self.counters, out);
            }
        }
        self.report(tick.at_ms, out);
    }

    /// Tells the counts when a stretch of time is over.
    fn report(&mut self, at_ms: i64, out: &mut Out) {
        let Some(every) = self.config.report else { return };
        let step = at_ms.div_euclid(every);
        if self
            .reported
            .replace(self.reported.map_or(step, |reported| reported.max(step)))
            .is_none_or(|r| r >= step)
        {
            return;
        }
        let record = Record::new("filter").with("at_ms", step * every);
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let record = self.counters.named().into_iter().fold(record, |r, (name, n)| r.with(name, count(n)));
        out.record(record.with("held", count(self.held())));
    }

    /// Lets go what was held under another configuration.
    #[cold]
    fn release(&mut self, out: &mut Out) {
        self.orphaned = false;
        for state in &mut self.states {
            let items = state.orphans().into_iter().map(Item::made).collect();
            emit(items, &mut self.counters, out);
        }
    }

    #[cold]
    fn meet(&mut self, index: usize, code: &str) -> Known {
        let chosen = self.config.markets.accepts(code);
        let known = Known { chosen, hash_prefix: prefix_of(&self.config, code) };
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

    /// How many trades are held back, those that were put together counted once.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.states.iter().map(|state| state.held() as u64).sum()
    }

    /// Everything it remembers.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let (counters, reported, states) = (self.counters, self.reported, self.states.clone());
        let saved = Saved { definitions: self.config.definitions(), counters, reported, states };
        // Writing plain values into memory has no way to fail.
        postcard::to_allocvec(&saved).unwrap_or_default()
    }

    /// Goes on from what [`Engine::save`] wrote. What was configured differently starts afresh, and
    /// the trades that it held go with the next event.
    ///
    /// # Errors
    /// When the bytes are none of it.
    pub fn load(&mut self, state: &[u8]) -> Result<(), String> {
        let saved: Saved = postcard::from_bytes(state).map_err(|error| format!("not a snapshot: {error}"))?;
        let definitions = self.config.definitions();
        (self.counters, self.reported, self.states) = (saved.counters, saved.reported, saved.states);
        for state in &mut self.states {
            self.orphaned |= state.adopt(&saved.definitions, &definitions);
        }
        Ok(())
    }
}

/// Puts trades on their way; whether the one that is being handled flows on as it is.
fn emit(items: Vec<Item>, counters: &mut Counters, out: &mut Out) -> bool {
    let mut own = false;
    let last = items.len();
    for (index, Item { trade, own: is_own }) in items.into_iter().enumerate() {
        counters.count(Verdict::Pass);
        // What is made stands before the trade itself, so only the last can be that.
        if is_own && index + 1 == last {
            own = true;
        } else {
            out.trade(trade);
        }
    }
    own
}

fn prefix_of(config: &Config, code: &str) -> u64 {
    let salt = match &config.sample {
        Some(Sample::Ratio { salt, .. }) => salt,
        _ => "",
    };
    sample::prefix(salt, code)
}
