//! The stations that hold trades back, put them together, or compare them with others.
//!
//! A trade goes through them in this order: reorder, outlier, distinct, sample, throttle, sweep,
//! conflate. Each is told its trades and then how far time has come: the time behind which no trade
//! will reach it any more. A station that holds trades back says in turn how far time has come
//! behind it, so that the next one closes nothing too early.

mod conflate;
mod item;
mod merge;
mod outlier;
mod reorder;
mod sweep;
mod throttle;

pub(crate) use conflate::Conflated;
pub(crate) use item::{Item, kept};
pub(crate) use outlier::Window;
pub(crate) use reorder::Heap;
pub(crate) use sweep::Swept;
pub(crate) use throttle::Stretch;

use crate::count::Counters;
use tradehook_sdk::Out;

/// What a station needs beside its own state.
pub(crate) struct Around<'a> {
    pub(crate) market: &'a str,
    pub(crate) counters: &'a mut Counters,
    pub(crate) out: &'a mut Out,
}
