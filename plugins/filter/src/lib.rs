//! The bundled `filter` plugin: which trades the plugins behind it get to see.
//!
//! Every condition is optional and all must hold. The engine ([`Engine`]) is a pure library,
//! tested natively; [`FilterPlugin`] is the thin layer that makes a plugin of it. It emits nothing.
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

pub mod config;
mod engine;
mod range;
mod sample;

pub use engine::{Counters, Engine, Verdict};

use tradehook_sdk::{ConfigFault, Manifest, Out, Plugin, Setup, Trade};

/// The version of the snapshots.
const STATE_VERSION: u32 = 1;

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
}

impl Plugin for FilterPlugin {
    const MANIFEST: Manifest = Manifest {
        name: "filter",
        version: env!("CARGO_PKG_VERSION"),
        state_version: STATE_VERSION,
        config_schema: "",
    };

    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>> {
        let value = tradehook_sdk::config::parse(setup)?;
        Ok(Self { engine: Engine::new(config::read(&value)?) })
    }

    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        if self.engine.judge(trade) != Verdict::Pass {
            out.drop_trade();
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        self.engine.save()
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != STATE_VERSION {
            return Err(format!("a snapshot of version {state_version}, this is version {STATE_VERSION}"));
        }
        self.engine.load(state)
    }
}

tradehook_sdk::export!(FilterPlugin: trades, state);
