//! Exact sums: what many fills come to, without an `f64` and without a rounding.
//!
//! A [`Sum`] keeps `i128` digits at the widest scale it has met and widens as it goes. It trims
//! nothing on the way: trimming costs a division per trade, and [`Sum::wide`] does it once.
//! What does not fit is `None`, and the sum stays what it was.
//!
//! Keeps: [numbers-survive]

use crate::config::Measure;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::{Flags, Side, Trade};

/// Decimals of a volume-weighted average: the venue's own finest price step has as many.
const VWAP_SCALE: u8 = 8;

const POW10: [i128; 37] = {
    let mut table = [1i128; 37];
    let mut i = 1;
    while i < 37 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// One trade as the aggregates see it, its product taken once for all of them.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// When the venue matched it, ms.
    pub ts: i64,
    /// Its sequential id.
    pub sid: u64,
    /// Price.
    pub price: Decimal,
    /// Volume.
    pub volume: Decimal,
    /// Whether the taker bought.
    pub buy: bool,
    /// Whether it is the last trade of its market before the subscription.
    pub snapshot: bool,
    notional: i128,
    notional_scale: u8,
}

impl Fill {
    /// `None` when price or volume is not greater than nought or the time lies outside the years
    /// 1970 to 10 000: no such trade exists, and the arithmetic on times need not fear it.
    #[inline]
    #[must_use]
    pub fn of(trade: &Trade<'_>) -> Option<Self> {
        let (price, volume) = (trade.price, trade.volume);
        let exists = price.is_positive() && volume.is_positive() && is_time(trade.traded_at_ms);
        exists.then(|| Self {
            ts: trade.traded_at_ms,
            sid: trade.sequential_id,
            price,
            volume,
            buy: trade.side == Side::Buy,
            snapshot: trade.flags.has(Flags::SNAPSHOT),
            notional: i128::from(price.mantissa()) * i128::from(volume.mantissa()),
            notional_scale: price.scale() + volume.scale(),
        })
    }

    /// The same with a part of its volume.
    #[must_use]
    pub fn part(&self, volume: Decimal) -> Self {
        let notional = i128::from(self.price.mantissa()) * i128::from(volume.mantissa());
        Self { volume, notional, notional_scale: self.price.scale() + volume.scale(), ..*self }
    }

    /// What is measured of it, as `mantissa / 10^scale`.
    #[inline]
    #[must_use]
    pub fn measure(&self, by: Measure) -> (i128, u8) {
        match by {
            Measure::Count => (1, 0),
            Measure::Volume => (i128::from(self.volume.mantissa()), self.volume.scale()),
            Measure::Notional => (self.notional, self.notional_scale),
        }
    }
}

/// Whether this is a moment of the years 1970 to 10 000, in ms.
#[inline]
#[must_use]
pub fn is_time(ms: i64) -> bool {
    (0..253_402_300_800_000).contains(&ms)
}

/// A running exact sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    mantissa: i128,
    scale: u8,
}

impl Sum {
    /// The sum with `mantissa / 10^scale` more.
    #[inline]
    #[must_use]
    pub fn plus(self, mantissa: i128, scale: u8) -> Option<Self> {
        let (own, more, scale) = if scale == self.scale {
            (self.mantissa, mantissa, scale)
        } else if scale < self.scale {
            (self.mantissa, shifted(mantissa, self.scale - scale)?, self.scale)
        } else {
            (shifted(self.mantissa, scale - self.scale)?, mantissa, scale)
        };
        Some(Self { mantissa: own.checked_add(more)?, scale })
    }

    /// The sum with `other` less.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.mantissa.checked_neg()?, other.scale)
    }

    /// Whether it is at least so far from nought, on either side.
    #[inline]
    #[must_use]
    pub fn reaches(self, size: Wide) -> bool {
        let own = self.mantissa.saturating_abs();
        let order = match self.scale.cmp(&size.scale()) {
            Ordering::Equal => own.cmp(&size.mantissa()),
            // What no longer fits is larger than what does.
            Ordering::Less => shifted(own, size.scale() - self.scale)
                .map_or(Ordering::Greater, |own| own.cmp(&size.mantissa())),
            Ordering::Greater => shifted(size.mantissa(), self.scale - size.scale())
                .map_or(Ordering::Less, |size| own.cmp(&size)),
        };
        order.is_ge()
    }

    /// `(mantissa, scale)`: the number is `mantissa / 10^scale`.
    #[must_use]
    pub fn parts(self) -> (i128, u8) {
        (self.mantissa, self.scale)
    }

    /// The mantissa at a scale that is not smaller than its own.
    #[must_use]
    pub fn at_scale(self, scale: u8) -> Option<i128> {
        shifted(self.mantissa, scale.checked_sub(self.scale)?)
    }

    /// The nearest `f64`: for statistics.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.wide().to_f64()
    }

    /// As a number to be emitted.
    #[must_use]
    pub fn wide(self) -> Wide {
        Wide::new(self.mantissa, self.scale.min(Wide::MAX_SCALE))
    }
}

/// `mantissa * 10^by`; the multiplication of two words is much cheaper than the checked wide one.
#[inline]
fn shifted(mantissa: i128, by: u8) -> Option<i128> {
    let factor = *POW10.get(usize::from(by))?;
    match (i64::try_from(mantissa), i64::try_from(factor)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => mantissa.checked_mul(factor),
    }
}

/// What a number of fills come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Sum of volumes, base currency.
    pub volume: Sum,
    /// Sum of price times volume, quote currency.
    pub notional: Sum,
    /// How many.
    pub count: u64,
}

impl Flow {
    /// With one fill more; `None` when a sum no longer fits 38 digits.
    #[inline]
    #[must_use]
    pub fn plus(self, fill: &Fill) -> Option<Self> {
        Some(Self {
            volume: self.volume.plus(i128::from(fill.volume.mantissa()), fill.volume.scale())?,
            notional: self.notional.plus(fill.notional, fill.notional_scale)?,
            count: self.count + 1,
        })
    }

    /// Without those of `part`, which were in it.
    #[must_use]
    pub fn minus(self, part: Self) -> Option<Self> {
        Some(Self {
            volume: self.volume.minus(part.volume)?,
            notional: self.notional.minus(part.notional)?,
            count: self.count.checked_sub(part.count)?,
        })
    }

    /// Notional by volume, rounded half to even at 8 decimals; `None` without a fill.
    #[must_use]
    pub fn vwap(&self) -> Option<Wide> {
        ratio(self.notional, self.volume)
    }
}

/// `above / below` at [`VWAP_SCALE`] decimals, half to even. `None` unless `below` is positive and
/// `above` not negative.
#[must_use]
pub fn ratio(above: Sum, below: Sum) -> Option<Wide> {
    above.wide().quotient(below.wide(), VWAP_SCALE)
}

/// Serialises a [`Decimal`] as its two parts: its own form is text, which a snapshot need not pay.
pub(crate) mod parts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use tradehook_decimal::Decimal;

    pub(crate) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        (value.mantissa(), value.scale()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let (mantissa, scale) = <(i64, u8)>::deserialize(deserializer)?;
        Decimal::new(mantissa, scale).ok_or_else(|| serde::de::Error::custom("a scale out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(text: &str) -> Sum {
        let wide: Wide = text.parse().unwrap_or_default();
        Sum { mantissa: wide.mantissa(), scale: wide.scale() }
    }

    #[test]
    fn a_sum_reaches_what_it_equals_or_exceeds_on_either_side() {
        let check = |of: &str, size: &str, expect: bool| {
            let size = size.parse().unwrap_or_default();
            let negative = Sum::default().minus(sum(of)).unwrap_or_default();
            assert_eq!([sum(of).reaches(size), negative.reaches(size)], [expect; 2], "{of} {size}");
        };
        check("5", "5", true);
        check("4.99999999", "5", false);
        check("5", "5.00000001", false);
        check("5.1", "5.01", true);
        check("1", "0.000000000000000000000000000000000001", true);
        check("0.000000000000000000000000000000000001", "170141183460469231731687303715884105727", false);
    }

    #[test]
    fn sums_widen_and_never_wrap() {
        let added = sum("0.1").plus(2, 0).and_then(|s| s.plus(3, 5));
        assert_eq!(added.map(|s| s.wide().to_string()).as_deref(), Some("2.10003"));
        assert_eq!(
            added.and_then(|s| s.minus(sum("2.1"))).map(|s| s.wide().to_string()).as_deref(),
            Some("0.00003")
        );
        assert_eq!(Sum { mantissa: i128::MAX, scale: 0 }.plus(1, 0), None);
        assert_eq!(Sum { mantissa: i128::MAX / 2, scale: 0 }.plus(1, 1), None);
    }
}
