//! The bundled `filter` plugin: which trades the plugins behind it get to see.
//!
//! Every condition is optional and all must hold. The engine ([`Engine`]) is a pure library,
//! tested natively; [`FilterPlugin`] is the thin layer that makes a plugin of it.
//!
//! ```toml
//! [plugins.big.config]
//! markets     = ["KRW-*"]                 # globs; without it, all
//! exclude     = ["KRW-USDT"]
//! side        = "buy"                     # the taker's; or "sell"
//! price       = { min = 100, max = "1억" }  # inclusive and exact; either bound may be absent
//! volume      = { min = "0.01" }
//! notional    = { min = "1000만" }          # price times volume, quote currency
//! stream_type = "realtime"                # without the venue's snapshots; default "both"
//! sample      = { every = 10 }            # of each market the 1st, 11th, …; or by chance:
//! # sample    = { ratio = 0.1, salt = "a" }
//! throttle    = { count = 5, per = "1s" } # of each market, by event time
//! ```
//!
//! Every key, and what the stations that hold trades back say, stands in `plugins/filter/README.md`.
//! Duplicates never get here: the host drops them before the tape.

pub mod config;
mod count;
mod engine;
mod range;
#[cfg(test)]
mod reference;
mod sample;
mod stage;
mod state;

pub use count::{Counters, Verdict};
pub use engine::Engine;

use tradehook_sdk::{ConfigFault, Manifest, Out, Plugin, Setup, Tick, Trade};

/// The version of the snapshots.
const STATE_VERSION: u32 = 2;

/// The plugin.
#[derive(Clone, Debug)]
pub struct FilterPlugin {
    engine: Engine,
}

impl FilterPlugin {
    /// How many trades came, passed, and were dropped for which reason.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.engine.counters()
    }

    /// How many trades are held back.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.engine.held()
    }
}

impl Plugin for FilterPlugin {
    const MANIFEST: Manifest = Manifest {
        name: "filter",
        version: env!("CARGO_PKG_VERSION"),
        state_version: STATE_VERSION,
        config_schema: include_str!("../schema.json"),
    };

    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>> {
        let value = tradehook_sdk::config::parse(setup)?;
        Ok(Self { engine: Engine::new(config::read(&value)?) })
    }

    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        if !self.engine.trade(trade, out) {
            out.drop_trade();
        }
    }

    fn on_tick(&mut self, tick: &Tick, out: &mut Out) {
        self.engine.tick(tick, out);
    }

    fn inspect(&self, _: &str) -> Result<String, String> {
        let counts = self.engine.counters().named().into_iter().chain([("held", self.engine.held())]);
        let counts = counts.map(|(name, count)| (name.to_owned(), count.into()));
        Ok(serde_json::Value::Object(counts.collect()).to_string())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.engine.save()
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        // Version 1 remembered a place in a sample and in a stretch: there is little to lose.
        if state_version == 1 {
            return Ok(());
        }
        if state_version != STATE_VERSION {
            return Err(format!("a snapshot of version {state_version}, this is version {STATE_VERSION}"));
        }
        self.engine.load(state)
    }
}

tradehook_sdk::export!(FilterPlugin: trades, ticks, inspect, state);
