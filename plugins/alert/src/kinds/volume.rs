//! `volume`: a level on what was traded in a window. Sums are exact integers and do not drift.

use super::change::WARMUPS;
use super::{MAX_WINDOW_DAYS, Warmup, positive};
use crate::config::{Faults, Reader};
use crate::engine::Band;
use crate::fixed::{SUM_SCALE, exact, pow10};
use crate::maths::Flow;
use crate::rule::Taker;
use serde::Serialize;
use serde_json::Value;
use tradehook_decimal::{Decimal, Wide};

/// A threshold on a sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Volume {
    pub(crate) measure: Measure,
    pub(crate) side: Option<Taker>,
    pub(crate) window_ms: i64,
    pub(crate) warmup: Warmup,
    pub(crate) above: Decimal,
    pub(crate) clear: Decimal,
}

/// What is summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Measure {
    /// Price times volume, in the quote currency.
    #[default]
    Notional,
    /// In the base currency.
    Volume,
    Count,
}

/// The words for `measure`.
pub(super) const MEASURES: &[(&str, Measure)] =
    &[("notional", Measure::Notional), ("volume", Measure::Volume), ("count", Measure::Count)];

/// The words for `side`.
pub(super) const SIDES: &[(&str, Taker)] = &[("buy", Taker::Buy), ("sell", Taker::Sell)];

pub(super) fn read(value: &Value, path: &str, faults: &mut Faults) -> Option<Volume> {
    let keys = &["kind", "measure", "side", "window", "warmup", "above", "clear"];
    let mut when = Reader::new(value, path, keys, faults)?;
    let measure = when.choice("measure", MEASURES).unwrap_or_default();
    let side = when.choice("side", SIDES);
    let warmup = when.choice("warmup", WARMUPS).unwrap_or_default();
    let window_ms = when.span("window", MAX_WINDOW_DAYS);
    let above = when.required_money("above");
    let above = positive(&mut when, "above", above);
    let clear = if when.has("clear") { when.money("clear") } else { above };
    let (above, clear) = (above?, clear?);
    if clear > above || clear < Decimal::ZERO {
        when.fault("clear", format!("{clear} is above the level {above}"), format!("0 to {above}"));
    }
    Some(Volume { measure, side, window_ms: window_ms?, warmup, above, clear })
}

impl Measure {
    /// Decimals of the scale at which it is summed.
    pub(crate) fn scale(self) -> u8 {
        if self == Self::Count { 0 } else { SUM_SCALE }
    }

    /// A sum as the number it is.
    pub(crate) fn wide(self, sum: i128) -> Wide {
        Wide::new(sum, self.scale())
    }

    /// The smallest sum that is not below `value`.
    pub(crate) fn bound(self, value: Decimal) -> i128 {
        let unit = i128::from(pow10(18 - self.scale()));
        exact(value).div_euclid(unit) + i128::from(exact(value).rem_euclid(unit) != 0)
    }

    /// How much of the scale is one: for statistics.
    pub(super) fn unit(self) -> f64 {
        10f64.powi(i32::from(self.scale()))
    }

    /// What of a flow it counts.
    pub(super) fn of(self, flow: &Flow) -> i128 {
        match self {
            Self::Notional => flow.notional,
            Self::Volume => flow.volume,
            Self::Count => flow.count,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Notional => "notional",
            Self::Volume => "volume",
            Self::Count => "count",
        }
    }
}

impl Volume {
    /// The bounds at which truth changes.
    pub(crate) fn band(&self) -> Band {
        Band { up_in: self.measure.bound(self.above), up_out: self.measure.bound(self.clear), ..Band::NEVER }
    }
}
