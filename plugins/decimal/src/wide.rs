//! The wide decimal: what sums and products of [`Decimal`]s yield.

use crate::{Decimal, POW10, write_plain};
use std::{cmp::Ordering, fmt, str::FromStr};

/// An exact decimal of up to 38 digits: `mantissa / 10^scale`, trailing zeros trimmed.
///
/// Sums and products that would not fit are `None`, never rounded.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Wide {
    mantissa: i128,
    scale: u8,
}

impl Wide {
    /// The largest number of digits behind the point: that of a product of two [`Decimal`]s.
    pub const MAX_SCALE: u8 = 36;
    /// Nought.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// `mantissa / 10^scale`, trimmed.
    ///
    /// # Panics
    /// When `scale` exceeds [`Wide::MAX_SCALE`]: scales come from code, not from input.
    #[must_use]
    pub const fn new(mut mantissa: i128, mut scale: u8) -> Self {
        assert!(scale <= Self::MAX_SCALE);
        if mantissa == 0 {
            return Self::ZERO;
        }
        // By halving steps: a division of 128 bits is slow, and most of all in wasm.
        let mut step = 16;
        while step > 0 {
            if scale >= step && mantissa % POW10[step as usize] == 0 {
                mantissa /= POW10[step as usize];
                scale -= step;
            } else {
                step /= 2;
            }
        }
        Self { mantissa, scale }
    }

    /// The digits as an integer.
    #[must_use]
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits stand behind the point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// The value times `10^scale` as an integer; `None` when digits would be lost.
    #[must_use]
    pub fn to_fixed(self, scale: u8) -> Option<i128> {
        self.mantissa.checked_mul(*POW10.get(usize::from(scale.checked_sub(self.scale)?))?)
    }

    /// The sum, if it fits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        Some(Self::new(self.to_fixed(scale)?.checked_add(other.to_fixed(scale)?)?, scale))
    }

    /// The value with its sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, scale: self.scale }
    }

    /// The product, if it fits.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let scale = self.scale + other.scale;
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        (scale <= Self::MAX_SCALE).then(|| Self::new(mantissa, scale))
    }

    /// The quotient at `scale` decimals, half to even; `None` unless `by` is positive and this is not
    /// negative, or where it does not fit. Digit by digit, so that nothing larger than ten times the
    /// divisor is ever formed.
    #[must_use]
    pub fn quotient(self, by: Self, scale: u8) -> Option<Self> {
        let common = self.scale.max(by.scale);
        let (above, below) = (self.to_fixed(common)?, by.to_fixed(common)?);
        if below <= 0 || above < 0 || scale > Self::MAX_SCALE {
            return None;
        }
        let (mut quotient, mut rest) = (above / below, above % below);
        for _ in 0..scale {
            rest = rest.checked_mul(10)?;
            quotient = quotient.checked_mul(10)?.checked_add(rest / below)?;
            rest %= below;
        }
        let up = match rest.cmp(&(below - rest)) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => quotient % 2 != 0,
        };
        Some(Self::new(quotient.checked_add(i128::from(up))?, scale))
    }

    /// The nearest `f64`: for statistics, never for a comparison.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the caller asks for an approximation")]
    pub fn to_f64(self) -> f64 {
        self.mantissa as f64 / POW10[usize::from(self.scale)] as f64
    }

    /// The narrow form, if the value fits it.
    #[must_use]
    pub fn narrow(self) -> Option<Decimal> {
        Decimal::new(i64::try_from(self.mantissa).ok()?, self.scale)
    }
}

impl From<Decimal> for Wide {
    fn from(value: Decimal) -> Self {
        value.wide()
    }
}

impl FromStr for Wide {
    type Err = crate::DecimalError;
    /// Plain digits with an optional sign and point: the spelling of [`Wide`]'s own `Display`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use crate::DecimalError::{OutOfRange, Syntax};
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) {
            return Err(Syntax(0));
        }
        let fraction = fraction.trim_end_matches('0');
        let scale = u8::try_from(fraction.len()).ok().filter(|s| *s <= Self::MAX_SCALE).ok_or(OutOfRange)?;
        let magnitude: i128 = format!("{whole}{fraction}").parse().map_err(|_| OutOfRange)?;
        Ok(Self::new(if digits.len() < text.len() { -magnitude } else { magnitude }, scale))
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.to_fixed(scale), other.to_fixed(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Only the one of fewer decimals can fail to fit, and then it is the larger in
            // magnitude: its sign decides.
            (None, _) => self.mantissa.cmp(&0),
            (_, None) => 0.cmp(&other.mantissa),
        }
    }
}

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_plain(f, self.mantissa, self.scale)
    }
}

impl fmt::Debug for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Wide {
    /// As a string of plain digits.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotient_is_rounded_half_to_even() {
        let check = |above: &str, below: &str, expect: Option<&str>| {
            let number = |text: &str| text.parse::<Wide>().unwrap_or_default();
            let got = number(above).quotient(number(below), 8).map(|w| w.to_string());
            assert_eq!(got.as_deref(), expect, "{above} / {below}");
        };
        check("2023", "20", Some("101.15"));
        check("1", "3", Some("0.33333333"));
        check("2", "3", Some("0.66666667"));
        check("0.000000005", "1", Some("0"));
        check("0.000000015", "1", Some("0.00000002"));
        check("0.000000025", "1", Some("0.00000002"));
        check("1", "0.00000001", Some("100000000"));
        check("413841.0346", "0.00400001", Some("103460000"));
        check("1", "0", None);
        check("-1", "3", None);
        check("1", "-3", None);
    }

    #[test]
    fn sums_and_products_are_exact() {
        let d = |t: &str| t.parse::<Decimal>().unwrap_or_default();
        let sum = d("0.1").times(d("0.2")).checked_add(d("103460000").times(d("0.00400001")));
        assert_eq!(sum.map(|s| s.to_string()).as_deref(), Some("413841.0546"));
        assert_eq!(Wide::new(1, 36).checked_mul(Wide::new(1, 1)), None);
        assert_eq!(Wide::new(i128::MAX, 0).checked_add(Wide::new(1, 0)), None);
        assert_eq!(Wide::new(-1500, 2).to_string(), "-15");
        assert!(Wide::new(i128::MAX, 0) > Wide::new(1, 36) && Wide::new(i128::MIN + 1, 0) < Wide::new(1, 36));
        assert_eq!("-12.50".parse(), Ok(Wide::new(-125, 1)));
        assert!(
            "1e5".parse::<Wide>().is_err() && "".parse::<Wide>().is_err() && "-".parse::<Wide>().is_err()
        );
    }
}
