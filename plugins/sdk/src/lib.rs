//! Write a tradehook plugin: one trait with default methods and one macro.

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

pub use emit::{Alert, AlertState, Emission, Forward, Out, Payload, Record, Severity, Value};
pub use event::{Flags, Gap, Side, Tick, Trade};
pub use plugin::{ConfigFault, Manifest, Plugin, Setup};
pub use tradehook_decimal::{Decimal, DecimalError, Wide};
