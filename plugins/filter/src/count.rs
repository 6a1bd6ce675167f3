//! What became of the trades, counted.

use serde::{Deserialize, Serialize};

/// What becomes of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It flows on.
    Pass,
    /// It is of no chosen market.
    Markets,
    /// It is a snapshot.
    StreamType,
    /// Its taker is of the other side.
    Side,
    /// Its price lies outside.
    Price,
    /// Its volume lies outside.
    Volume,
    /// Its price times volume lies outside.
    Notional,
    /// It traded out of hours.
    Schedule,
    /// Its price is out of all proportion.
    Outlier,
    /// Its price is that of the one before.
    Distinct,
    /// It is not of the sample.
    Sample,
    /// Others of its stretch of time passed instead.
    Throttle,
}

/// How many trades met which verdict. Of the trades that came, each has passed, was dropped for a
/// reason, was put together with another, or is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Came.
    pub came: u64,
    /// Flowed on, those that were put together counted once.
    pub passed: u64,
    /// Dropped for [`Verdict::Markets`].
    pub markets: u64,
    /// Dropped for [`Verdict::StreamType`].
    pub stream_type: u64,
    /// Dropped for [`Verdict::Side`].
    pub side: u64,
    /// Dropped for [`Verdict::Price`].
    pub price: u64,
    /// Dropped for [`Verdict::Volume`].
    pub volume: u64,
    /// Dropped for [`Verdict::Notional`].
    pub notional: u64,
    /// Dropped for [`Verdict::Schedule`].
    pub schedule: u64,
    /// Dropped for [`Verdict::Outlier`].
    pub outlier: u64,
    /// Dropped for [`Verdict::Distinct`].
    pub distinct: u64,
    /// Dropped for [`Verdict::Sample`].
    pub sample: u64,
    /// Dropped for [`Verdict::Throttle`].
    pub throttle: u64,
    /// Put together with others of their sweep.
    pub swept: u64,
    /// Put together with others of their stretch of time.
    pub conflated: u64,
    /// Came too late to be put in order, and passed as they came.
    pub out_of_order: u64,
}

impl Counters {
    /// Counts one.
    #[inline]
    pub(crate) fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Markets => &mut self.markets,
            Verdict::StreamType => &mut self.stream_type,
            Verdict::Side => &mut self.side,
            Verdict::Price => &mut self.price,
            Verdict::Volume => &mut self.volume,
            Verdict::Notional => &mut self.notional,
            Verdict::Schedule => &mut self.schedule,
            Verdict::Outlier => &mut self.outlier,
            Verdict::Distinct => &mut self.distinct,
            Verdict::Sample => &mut self.sample,
            Verdict::Throttle => &mut self.throttle,
        } += 1;
    }

    /// By name, as they are told.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 16] {
        [
            ("in", self.came),
            ("out", self.passed),
            ("dropped_markets", self.markets),
            ("dropped_stream_type", self.stream_type),
            ("dropped_side", self.side),
            ("dropped_price", self.price),
            ("dropped_volume", self.volume),
            ("dropped_notional", self.notional),
            ("dropped_schedule", self.schedule),
            ("dropped_outlier", self.outlier),
            ("dropped_distinct", self.distinct),
            ("dropped_sample", self.sample),
            ("dropped_throttle", self.throttle),
            ("merged_sweep", self.swept),
            ("merged_conflate", self.conflated),
            ("out_of_order", self.out_of_order),
        ]
    }
}
