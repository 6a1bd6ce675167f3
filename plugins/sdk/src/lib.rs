//! Write a tradehook plugin: one trait with default methods and one macro.
//!
//! ```
//! use tradehook_sdk::{Alert, ConfigFault, Manifest, Out, Plugin, Setup, Trade, export};
//!
//! /// Tells of every trade at a round price.
//! struct RoundPrice;
//!
//! impl Plugin for RoundPrice {
//!     const MANIFEST: Manifest =
//!         Manifest { name: "round-price", version: "0.1.0", state_version: 1, config_schema: "" };
//!
//!     fn new(_: &Setup) -> Result<Self, Vec<ConfigFault>> {
//!         Ok(Self)
//!     }
//!
//!     fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
//!         if trade.price.scale() == 0 && trade.price.mantissa() % 1_000_000 == 0 {
//!             let title = format!("{} traded at {}", trade.market, trade.price);
//!             out.alert(Alert::event("round", trade.market, trade.traded_at_ms, title));
//!         }
//!     }
//! }
//!
//! export!(RoundPrice: trades);
//! ```
//!
//! Beside trades a plugin can be told of tickers, order books and candles, once config.toml
//! subscribes to them; it names what it handles:
//!
//! ```
//! # use tradehook_sdk::{ConfigFault, Manifest, Orderbook, Out, Plugin, Record, Setup, Ticker, export};
//! struct Spreads;
//!
//! impl Plugin for Spreads {
//! #   const MANIFEST: Manifest =
//! #       Manifest { name: "spreads", version: "0.1.0", state_version: 1, config_schema: "" };
//! #   fn new(_: &Setup) -> Result<Self, Vec<ConfigFault>> {
//! #       Ok(Self)
//! #   }
//!     fn on_orderbook(&mut self, book: &Orderbook<'_>, out: &mut Out) {
//!         let record = Record::new("spread").with("market", book.market);
//!         out.record(record.with("spread", book.spread()).with("lean", book.imbalance_f64()));
//!     }
//!
//!     fn on_ticker(&mut self, ticker: &Ticker<'_>, out: &mut Out) {
//!         let record = Record::new("turnover").with("market", ticker.market);
//!         out.record(record.with("notional", ticker.acc_notional_24h));
//!     }
//! }
//!
//! export!(Spreads: orderbooks, tickers);
//! ```
//!
//! A plugin whose `input` is another one gets that one's records, too, for instance bars; and any
//! plugin can be told what the host knows, and be asked what it has in mind:
//!
//! ```
//! # use tradehook_sdk::{Alert, ConfigFault, Fact, Incoming, Manifest, Out, Plugin, Setup, Value, export};
//! /// Tells of a bar that closes above the one before, unless the connection is down.
//! #[derive(Default)]
//! struct Rising {
//!     down: bool,
//!     last: Option<tradehook_sdk::Decimal>,
//! }
//!
//! impl Plugin for Rising {
//! #   const MANIFEST: Manifest =
//! #       Manifest { name: "rising", version: "0.1.0", state_version: 1, config_schema: "" };
//! #   fn new(_: &Setup) -> Result<Self, Vec<ConfigFault>> {
//! #       Ok(Self::default())
//! #   }
//!     fn on_record(&mut self, record: &Incoming<'_>, out: &mut Out) {
//!         let Some(bar) = record.bar().filter(|bar| bar.is_final && bar.market == "KRW-BTC") else { return };
//!         if !self.down && self.last.is_some_and(|last| bar.close > last) {
//!             out.alert(Alert::event("rising", bar.market, bar.end_ms, format!("closed at {}", bar.close)));
//!         }
//!         self.last = Some(bar.close);
//!     }
//!
//!     fn on_fact(&mut self, fact: &Fact<'_>, _: &mut Out) {
//!         if fact.name == "health.connection_down" {
//!             self.down = fact.value == Value::Bool(true);
//!         }
//!     }
//!
//!     fn inspect(&self, _: &str) -> Result<String, String> {
//!         Ok(format!("{{\"down\":{}}}", self.down))
//!     }
//! }
//!
//! export!(Rising: records, facts, inspect);
//! ```
//!
//! A plugin is a pure function of its configuration and of what it is told: no clock, no
//! randomness, no files, no network. Prices and volumes are exact ([`Decimal`], [`Wide`]); what must
//! outlive a restart goes into [`Plugin::snapshot`]; [`config`] reads a configuration and collects
//! its mistakes; [`log`] writes to the operator's log. Natively a plugin is plain Rust, and its tests
//! are plain tests.

// The generated bindings name the crate from outside, as its users do.
extern crate self as tradehook_sdk;

pub mod config;
mod emit;
mod event;
mod export;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;
pub mod log;
mod plugin;
mod quote;
mod record;
pub mod reference;

pub use emit::{Alert, AlertState, Emission, Forward, MadeTrade, Out, Payload, Record, Severity, Value};
pub use event::{Fact, Flags, Gap, Side, Tick, Trade};
pub use plugin::{ConfigFault, Manifest, Plugin, Setup};
pub use quote::{Candle, Level, MarketState, Orderbook, Ticker};
pub use record::{Bar, Incoming};
pub use tradehook_decimal::{Decimal, DecimalError, Wide};
