//! The narrow decimal: eight bytes of mantissa and a scale.

use crate::{POW10, Wide, write_plain};
use std::{cmp::Ordering, fmt, hash, str::FromStr};

/// The largest number of digits behind the point: with it, any two decimals compare in `i128`.
pub const MAX_SCALE: u8 = 18;

/// An exact decimal: `mantissa / 10^scale`, with trailing zeros trimmed, so that equal values are
/// equal in every field.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// No digits, or a character that no number holds, at this byte.
    Syntax(usize),
    /// A number, but not one of at most 18 decimals whose digits fit 63 bits.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(at) => write!(f, "not a number (at byte {at})"),
            Self::OutOfRange => {
                f.write_str("more digits than an exact decimal holds (19 digits, 18 of them decimals)")
            }
        }
    }
}

impl std::error::Error for DecimalError {}

impl Decimal {
    /// Nought.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// `mantissa / 10^scale`, trimmed; `None` when the trimmed scale exceeds [`MAX_SCALE`].
    #[must_use]
    pub fn new(mut mantissa: i64, mut scale: u8) -> Option<Self> {
        if mantissa == 0 {
            return Some(Self::ZERO);
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        (scale <= MAX_SCALE).then_some(Self { mantissa, scale })
    }

    /// Parts that came out of a [`Decimal`] and were only carried (a column, the tape). Trims
    /// nothing and checks nothing but the scale, which it clamps.
    #[must_use]
    #[inline]
    pub const fn from_trimmed(mantissa: i64, scale: u8) -> Self {
        Self { mantissa, scale: if scale > MAX_SCALE { MAX_SCALE } else { scale } }
    }

    /// The digits as an integer.
    #[must_use]
    #[inline]
    pub const fn mantissa(self) -> i64 {
        self.mantissa
    }

    /// How many of the digits stand behind the point.
    #[must_use]
    #[inline]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether the value is greater than nought.
    #[must_use]
    #[inline]
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// The nearest `f64`: for statistics, never for a comparison.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the caller asks for an approximation")]
    pub fn to_f64(self) -> f64 {
        // Both operands are exact up to 2^53 and 10^22, where the division rounds once.
        self.mantissa as f64 / POW10[usize::from(self.scale)] as f64
    }

    /// The value times `10^scale` as an integer; `None` when digits would be lost.
    #[must_use]
    #[inline]
    pub fn to_fixed(self, scale: u8) -> Option<i128> {
        let more = scale.checked_sub(self.scale)?;
        i128::from(self.mantissa).checked_mul(*POW10.get(usize::from(more))?)
    }

    /// The exact product.
    #[must_use]
    #[inline]
    pub fn times(self, other: Self) -> Wide {
        // 63 + 63 bits and 18 + 18 decimals: always in range.
        Wide::new(i128::from(self.mantissa) * i128::from(other.mantissa), self.scale + other.scale)
    }

    /// The same value, wide.
    #[must_use]
    pub fn wide(self) -> Wide {
        Wide::new(i128::from(self.mantissa), self.scale)
    }

    /// Reads every spelling the venue has used: plain, with trailing zeros, with an exponent of either
    /// case.
    ///
    /// # Errors
    /// [`DecimalError::Syntax`] for what JSON would not call a number (a leading `+` and leading
    /// zeros are let pass), [`DecimalError::OutOfRange`] for one that would have to be rounded.
    pub fn parse(text: &[u8]) -> Result<Self, DecimalError> {
        let (negative, digits_at) = match text.first() {
            Some(b'-') => (true, 1),
            Some(b'+') => (false, 1),
            _ => (false, 0),
        };
        let mut mantissa: u64 = 0;
        let mut point: Option<usize> = None;
        // Zeros behind the point are held back until a digit needs them: `1.000…0` of any length
        // is 1.
        let (mut held_zeros, mut seen, mut fraction) = (0u32, 0usize, 0i64);
        let mut i = digits_at;
        while let Some(&byte) = text.get(i) {
            match byte {
                b'0'..=b'9' => {
                    seen += 1;
                    if byte == b'0' && point.is_some() {
                        held_zeros += 1;
                    } else {
                        for _ in 0..held_zeros {
                            if mantissa != 0 {
                                mantissa = mantissa.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
                            }
                        }
                        fraction += i64::from(held_zeros);
                        held_zeros = 0;
                        mantissa = mantissa
                            .checked_mul(10)
                            .and_then(|m| m.checked_add(u64::from(byte - b'0')))
                            .ok_or(DecimalError::OutOfRange)?;
                        fraction += i64::from(point.is_some());
                    }
                }
                b'.' if point.is_none() && seen > 0 => point = Some(i),
                b'e' | b'E' if seen > 0 => break,
                _ => return Err(DecimalError::Syntax(i)),
            }
            i += 1;
        }
        if seen == 0 || point.is_some_and(|p| p + 1 == i) {
            return Err(DecimalError::Syntax(i));
        }
        let exponent = if i < text.len() { parse_exponent(text, i + 1)? } else { 0 };
        let signed = i64::try_from(mantissa).map_err(|_| DecimalError::OutOfRange)?;
        Self::scaled(if negative { -signed } else { signed }, fraction - exponent)
    }

    /// `mantissa / 10^scale` for a scale of either sign.
    fn scaled(mut mantissa: i64, mut scale: i64) -> Result<Self, DecimalError> {
        if mantissa == 0 {
            return Ok(Self::ZERO);
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        while scale < 0 {
            mantissa = mantissa.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
            scale += 1;
        }
        match u8::try_from(scale) {
            Ok(scale) if scale <= MAX_SCALE => Ok(Self { mantissa, scale }),
            _ => Err(DecimalError::OutOfRange),
        }
    }
}

/// The exponent that starts at byte `at`: a sign, then digits to the end of the text.
fn parse_exponent(text: &[u8], at: usize) -> Result<i64, DecimalError> {
    let (negative, from) = match text.get(at) {
        Some(b'-') => (true, at + 1),
        Some(b'+') => (false, at + 1),
        _ => (false, at),
    };
    let digits = text.get(from..).unwrap_or_default();
    if digits.is_empty() {
        return Err(DecimalError::Syntax(from));
    }
    let mut exponent: i64 = 0;
    for (i, byte) in digits.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Syntax(from + i));
        }
        // Past this any value is out of range; saturating keeps the arithmetic total.
        exponent = (exponent * 10 + i64::from(byte - b'0')).min(100_000);
    }
    Ok(if negative { -exponent } else { exponent })
}

impl FromStr for Decimal {
    type Err = DecimalError;
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text.as_bytes())
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Self {
        let mut trimmed = Self { mantissa: i64::from(value), scale: 0 };
        if value == 0 {
            trimmed = Self::ZERO;
        }
        trimmed
    }
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let scale = self.scale.max(other.scale);
        let at = |d: &Self| i128::from(d.mantissa) * POW10[usize::from(scale - d.scale)];
        at(self).cmp(&at(other))
    }
}

impl PartialOrd for Decimal {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl hash::Hash for Decimal {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        (self.mantissa, self.scale).hash(state);
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_plain(f, i128::from(self.mantissa), self.scale)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Decimal {
    /// As a string of plain digits: JSON readers would take a number through `f64`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Decimal {
    /// From a string of any spelling, or from an integer.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number as a string, or an integer")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Decimal, E> {
                Decimal::new(value, 0).ok_or_else(|| E::custom(DecimalError::OutOfRange))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Decimal, E> {
                i64::try_from(value)
                    .map_err(|_| E::custom(DecimalError::OutOfRange))
                    .and_then(|v| self.visit_i64(v))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(i64, u8), DecimalError>) {
        let got = Decimal::parse(text.as_bytes()).map(|d| (d.mantissa(), d.scale()));
        assert_eq!(got, expect, "{text}");
    }

    /// [numbers-survive]
    #[test]
    fn every_spelling_of_the_venue_parses_to_its_value() {
        check("106691000.00000000", Ok((106_691_000, 0)));
        check("0.00009372", Ok((9372, 8)));
        check("1.16539E8", Ok((116_539_000, 0)));
        check("7.9276E-4", Ok((79276, 8)));
        check("5.0E-4", Ok((5, 4)));
        check("6E-8", Ok((6, 8)));
        check("9.9E-7", Ok((99, 8)));
        check("114850000", Ok((114_850_000, 0)));
        check("127.0", Ok((127, 0)));
        check("5.485e-05", Ok((5485, 8)));
        check("860743.5307100000000000", Ok((86_074_353_071, 5)));
        check("10711749229.465390000000", Ok((1_071_174_922_946_539, 5)));
        check("9223372036854775807", Ok((i64::MAX, 0)));
        check("-0", Ok((0, 0)));
        check("0.000", Ok((0, 0)));
        check("-1.50", Ok((-15, 1)));
        check("100", Ok((100, 0)));
        check("1.0000000000000000000000000000", Ok((1, 0)));
    }

    /// [decode-is-total]
    #[test]
    fn what_is_no_number_or_would_be_rounded_is_refused() {
        use DecimalError::{OutOfRange, Syntax};
        check("", Err(Syntax(0)));
        check("-", Err(Syntax(1)));
        check(".5", Err(Syntax(0)));
        check("1.", Err(Syntax(2)));
        check("1..2", Err(Syntax(2)));
        check("NaN", Err(Syntax(0)));
        check("1e", Err(Syntax(2)));
        check("1e+", Err(Syntax(3)));
        check("1e5x", Err(Syntax(3)));
        check("0x10", Err(Syntax(1)));
        check("1 ", Err(Syntax(1)));
        check("1e999", Err(OutOfRange));
        check("1e-400", Err(OutOfRange));
        check("9223372036854775808", Err(OutOfRange));
        check("1.23456789012345678901", Err(OutOfRange));
        check("1e99999999999999999999", Err(OutOfRange));
        check("0e99999999999999999999", Ok((0, 0)));
    }

    #[test]
    fn order_is_by_value_and_not_by_spelling() {
        let d = |t: &str| t.parse::<Decimal>().unwrap_or_default();
        assert!(d("0.1") < d("0.11") && d("-2") < d("-1.999") && d("1e18") > d("0.000000000000000001"));
        assert_eq!(d("1.50"), d("15e-1"));
        assert_eq!(d("-0.05").to_string(), "-0.05");
        assert_eq!(d("1.16539E8").to_string(), "116539000");
        assert_eq!(d("0.1").to_fixed(8), Some(10_000_000));
        assert_eq!(d("0.123").to_fixed(2), None);
        assert_eq!(d("103460000").times(d("0.00400001")).to_string(), "413841.0346");
    }

    #[test]
    fn printing_and_parsing_are_inverse() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mantissa = (seed as i64) >> (seed >> 58);
            let Some(value) = Decimal::new(mantissa, (seed % 19) as u8) else { continue };
            assert_eq!(Decimal::parse(value.to_string().as_bytes()), Ok(value));
        }
    }
}
