//! The bundled `aggregate` plugin: time bars and volume-weighted averages, exact to the last digit.
//!
//! The engine ([`Engine`], [`config`]) is a pure library, tested natively; [`AggregatePlugin`] is
//! the thin layer that makes a plugin of it. Every trade flows on.
//!
//! ```toml
//! [plugins.bars.config]
//! size = "1m"                 # one bar, flat; or several as [[plugins.bars.config.bars]]
//! ```
//!
//! A bar has `markets`, `exclude`, `size` (divides a day), `day_start` (of `1d`), `emit` (`final`,
//! `update`, `both`), `update_every` (1s), `late` (`drop`, `amend`), `amend_for` (30s), `empty`
//! (`omit`, `fill`), `max_fill` (60), `keep_partial` (false) and `id`. Beside the bars stand
//! `lateness` (2s), `idle_lag` (2s) and `vwap`, a list of `markets`, `exclude`, `window` or `since
//! = "day"`, and `every` (1s).
//!
//! Records: topic `bar` for a final or its amendment, `bar_update` for a bar that is still being
//! built, `vwap` for an average. The bar in which a market is first seen is not emitted, as its
//! beginning is unknown, unless `keep_partial` is set or its first trade stands at its very start.

mod bar;
pub mod config;
mod engine;
mod gaps;
mod series;
pub mod sum;
mod vwap;

pub use engine::{Counters, Engine};

use tradehook_sdk::{ConfigFault, Gap, Manifest, Out, Plugin, Setup, Tick, Trade};

/// The version of the snapshots.
const STATE_VERSION: u32 = 1;

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
        config_schema: "",
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

tradehook_sdk::export!(AggregatePlugin: trades, ticks, gaps, state);
