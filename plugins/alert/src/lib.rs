//! The bundled `alert` plugin: rules over trades, from the configuration to alerts.
//!
//! Owns what a rule means: its kinds, their hysteresis and timers, and the state of each market.
//! Does not own what happens to an alert afterwards (cooldown, silence, routing, delivery): that
//! is the host's, and the same for every plugin.
//!
//! A pure state machine over its input. It reads no clock, no randomness and no map of random
//! order, so the same tape gives the same alerts. Every comparison that decides is exact; a value
//! that does not fit is unknown, never wrong.
//!
//! Keeps: [numbers-survive] [bounded] [guest-text-is-data]

mod bounds;
mod condition;
mod config;
mod engine;
mod fixed;
mod kinds;
mod maths;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod reference;
mod rule;
mod say;
mod signal;

use engine::Engine;
use std::cell::RefCell;
use tradehook_sdk::{ConfigFault, Fact, Gap, Manifest, Out, Plugin, Setup, Tick, Trade};

/// The version of the snapshots that [`AlertPlugin`] writes.
const STATE_VERSION: u32 = 1;

/// The `alert` plugin.
#[derive(Debug)]
pub struct AlertPlugin {
    /// Borrowed for a moment where the plugin is asked.
    engine: RefCell<Engine>,
}

impl Plugin for AlertPlugin {
    const MANIFEST: Manifest = Manifest {
        name: "alert",
        version: env!("CARGO_PKG_VERSION"),
        state_version: STATE_VERSION,
        config_schema: include_str!("../schema.json"),
    };

    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>> {
        Ok(Self { engine: RefCell::new(Engine::new(config::parse(&setup.config)?)) })
    }

    #[inline]
    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        self.engine.get_mut().trade(trade, out);
    }

    fn on_tick(&mut self, tick: &Tick, out: &mut Out) {
        self.engine.get_mut().tick(tick.at_ms, out);
    }

    fn on_gap(&mut self, gap: &Gap<'_>, _out: &mut Out) {
        self.engine.get_mut().gap(gap);
    }

    fn on_fact(&mut self, fact: &Fact<'_>, out: &mut Out) {
        self.engine.get_mut().fact(fact, out);
    }

    fn inspect(&self, query: &str) -> Result<String, String> {
        self.engine.try_borrow_mut().map_err(|error| error.to_string())?.inspect(query)
    }

    fn snapshot(&self) -> Vec<u8> {
        self.engine.borrow().save()
    }

    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        if state_version != STATE_VERSION {
            return Err(format!("a snapshot of version {state_version}; this plugin reads {STATE_VERSION}"));
        }
        self.engine.get_mut().load(state)
    }
}

tradehook_sdk::export!(AlertPlugin: trades, ticks, gaps, facts, inspect, state);
