//! `trade_rate` with `spike = "ratio"`: how far the number of trades stands out from what is usual.
//!
//! The same as a spike of the volume, on counts.

use super::Measure;
use super::volume_spike::{self, VolumeSpike};
use crate::bounds::Unit;
use crate::config::{Around, Reader};
use crate::engine::Needs;
use crate::signal::Signal;
use serde::Serialize;

/// What stands out, and from what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TradeRateSpike(VolumeSpike);

/// The keys beside the bounds, of which there is `k` instead of `above`.
pub(super) const KEYS: &[&str] = &[
    "window",
    "side",
    "spike",
    "k",
    "buckets",
    "min_buckets",
    "min_current",
    "min_baseline",
    "sd_floor",
    "floor",
    "half_life",
];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<TradeRateSpike> {
    volume_spike::read_as(when, "spike", Measure::Count).map(TradeRateSpike)
}

impl TradeRateSpike {
    pub(super) fn unit(&self) -> Unit {
        self.0.unit()
    }

    pub(super) fn words(&self) -> String {
        self.0.words()
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        self.0.build(needs)
    }
}
