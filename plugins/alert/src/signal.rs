//! What a general condition looks at: signals, which have a value at any time, and edges, which
//! happen at an instant.
//!
//! A signal is made once per market for all rules that ask for the same; thresholds are not its
//! business. It is told every trade of the market in order, every late one, ticks and gaps, and is
//! asked for its value after each. What it remembers it saves itself; what it finds in the
//! market's windows ([`View`]) is saved there.

use crate::bounds::Reading;
use crate::engine::View;
use crate::kinds::{Fill, Urgency};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use tradehook_sdk::Value;

/// No clock: nothing happens without a trade.
pub(crate) const NEVER: i64 = i64::MAX;

/// Named values for the alert.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// A value over time. Every method but [`Signal::value`] may do nothing.
pub(crate) trait Signal: Debug {
    /// The next trade in order; the view has it already.
    fn trade(&mut self, _fill: &Fill, _view: &View<'_>) {}

    /// A trade that is late, but not too late to count.
    fn late(&mut self, _fill: &Fill, _view: &View<'_>) {}

    /// The clock moved without a trade.
    fn tick(&mut self, _view: &View<'_>) {}

    /// Trades of this stretch may be missing.
    fn gap(&mut self, _from_ms: i64, _to_ms: i64) {}

    /// The value; `None` while it is unknown.
    fn value(&self, view: &View<'_>) -> Option<Reading>;

    /// The first clock after the view's at which the value may be another without a trade.
    fn due(&self, _view: &View<'_>) -> i64 {
        NEVER
    }

    /// The clock of the value, where it is another than the market's; never behind it.
    fn clock(&self, view: &View<'_>) -> i64 {
        view.now_ms
    }

    /// Whether the value leaves something out that nobody saw.
    fn partial(&self, _view: &View<'_>) -> bool {
        false
    }

    /// What the value was made of, for the alert and for a person who asks.
    fn describe(&self, _view: &View<'_>, _fields: &mut Fields) {}

    /// The state, if there is any beyond the market's windows.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The state back. Bytes that cannot be read leave the signal fresh.
    fn load(&mut self, _bytes: &[u8]) {}
}

/// What happened at an instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Happening {
    /// What follows the market's code: "left 90 to 110 upward at 111".
    pub(crate) title: String,
    pub(crate) fields: Fields,
    pub(crate) severity: Option<Urgency>,
}

/// Something that happens at a trade in order.
pub(crate) trait Edge: Debug {
    /// The next trade in order: what it makes happen goes into `out`.
    fn trade(&mut self, fill: &Fill, view: &View<'_>, out: &mut Vec<Happening>);

    /// A late trade; it makes nothing happen.
    fn late(&mut self, _fill: &Fill, _view: &View<'_>) {}

    /// The clock moved without a trade.
    fn tick(&mut self, _view: &View<'_>) {}

    /// Trades of this stretch may be missing.
    fn gap(&mut self, _from_ms: i64, _to_ms: i64) {}

    /// What it compares with, for a person who asks.
    fn describe(&self, _view: &View<'_>, _fields: &mut Fields) {}

    /// The state, if there is any beyond the market's windows.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The state back.
    fn load(&mut self, _bytes: &[u8]) {}
}

/// The bytes of a state.
pub(crate) fn pack<T: Serialize>(state: &T) -> Vec<u8> {
    postcard::to_allocvec(state).unwrap_or_default()
}

/// A state from its bytes.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}
