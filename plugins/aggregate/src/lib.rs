//! The bundled `aggregate` plugin: bars, averages and statistics, exact to the last digit.
//!
//! The engine ([`Engine`], [`config`]) is a pure library, tested natively; [`AggregatePlugin`] is
//! the thin layer that makes a plugin of it. Every trade flows on.
//!
//! ```toml
//! [plugins.bars.config]
//! size = "1m"                 # one bar, flat; or several as [[plugins.bars.config.bars]]
//! ```
//!
//! Every key and every field of the records stands in `plugins/aggregate/README.md`. Records: topic
//! `bar` for a final or its amendment, `bar_update` for a bar that is still being built, and one
//! topic for each sort of figure. The bar in which a market is first seen is not emitted, as its
//! beginning is unknown, unless `keep_partial` is set or its first trade stands at its very start.

mod bar;
pub mod config;
mod engine;
mod figure;
mod gaps;
#[cfg(test)]
mod reference;
mod series;
pub mod sum;
mod threshold;

pub use engine::{Counters, Engine};

use tradehook_sdk::{ConfigFault, Gap, Manifest, Out, Plugin, Setup, Tick, Trade};

/// The version of the snapshots.
const STATE_VERSION: u32 = 2;

/// The plugin.
#[derive(Clone, Debug)]
pub struct AggregatePlugin {
    engine: Engine,
}

impl AggregatePlugin {
    /// What was left out of the aggregates so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.engine.counters()
    }
}

impl Plugin for AggregatePlugin {
    const MANIFEST: Manifest = Manifest {
        name: "aggregate",
        version: env!("CARGO_PKG_VERSION"),
        state_version: STATE_VERSION,
        config_schema: include_str!("../schema.json"),
    };

    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>> {
        let value = tradehook_sdk::config::parse(setup)?;
        Ok(Self { engine: Engine::new(config::read(&value)?) })
    }

    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        self.engine.trade(trade, out);
    }

    fn on_tick(&mut self, tick: &Tick, out: &mut Out) {
        self.engine.tick(tick, out);
    }

    fn on_gap(&mut self, gap: &Gap<'_>, _: &mut Out) {
        self.engine.gap(gap);
    }

    fn inspect(&self, _: &str) -> Result<String, String> {
        let Counters { late_dropped, inexact, invalid } = self.engine.counters();
        let told = serde_json::json!({
            "late_dropped": late_dropped, "inexact": inexact, "invalid": invalid
        });
        Ok(told.to_string())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.engine.save()
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        // Version 1 knew no bars but those of time: there is little to lose by beginning anew.
        if state_version == 1 {
            return Ok(());
        }
        if state_version != STATE_VERSION {
            return Err(format!("a snapshot of version {state_version}, this is version {STATE_VERSION}"));
        }
        self.engine.load(state)
    }
}

tradehook_sdk::export!(AggregatePlugin: trades, ticks, gaps, inspect, state);
