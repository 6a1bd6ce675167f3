//! Write a tradehook plugin: one trait with default methods and one macro.

pub mod config;
mod emit;
mod event;
mod plugin;

pub use emit::{Alert, AlertState, Emission, Forward, Out, Payload, Record, Severity, Value};
pub use event::{Flags, Gap, Side, Tick, Trade};
pub use plugin::{ConfigFault, Manifest, Plugin, Setup};
pub use tradehook_decimal::{Decimal, DecimalError, Wide};
