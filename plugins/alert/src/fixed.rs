//! Decimals as integers at one scale, so that the engine compares and adds without branching.
//!
//! Prices decide at scale 18, where every [`Decimal`] is an integer: a threshold that is a ratio
//! becomes an exact integer bound by rounding it the safe way. Scale 8 in an `i64` is the shortcut
//! for the hot path; what does not fit it takes the slow way, which is exact.
//!
//! Keeps: [numbers-survive]

use tradehook_decimal::{Decimal, Wide};

/// `10^n` as `i64`, for `n` up to 18.
const POW10: [i64; 19] = {
    let mut table = [1i64; 19];
    let mut i = 1;
    while i < 19 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// `10^-n` as `f64`, each within half a unit in the last place.
const POW10_INVERSE: [f64; 19] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
    1e-16, 1e-17, 1e-18,
];

/// Decimals of the scale at which prices are compared.
pub(crate) const PRICE_SCALE: u8 = 18;
/// Decimals of the scale at which notionals and volumes are summed: the venue prints 8 + 8.
pub(crate) const SUM_SCALE: u8 = 16;
/// One unit of the hot path's scale (8), counted at [`PRICE_SCALE`].
const QUICK_UNIT: i128 = 10_000_000_000;

/// `10^n`; `n` is at most 18 everywhere in this crate.
pub(crate) fn pow10(n: u8) -> i64 {
    POW10.get(usize::from(n)).copied().unwrap_or(i64::MAX)
}

/// The value at scale 18: always an integer, always in range.
#[inline]
pub(crate) fn exact(value: Decimal) -> i128 {
    i128::from(value.mantissa()) * i128::from(pow10(PRICE_SCALE.saturating_sub(value.scale())))
}

/// The value that [`exact`] made an integer of.
pub(crate) fn wide(exact: i128) -> Wide {
    Wide::new(exact, PRICE_SCALE)
}

/// The largest mantissa that `10^n` may multiply. Comparing with it is cheaper in wasm than a
/// checked multiplication, which goes by 128 bits there.
const ROOM: [u64; 9] = {
    let mut table = [0u64; 9];
    let mut i = 0;
    while i < 9 {
        table[i] = (i64::MAX / POW10[i]).unsigned_abs();
        i += 1;
    }
    table
};

/// The value at scale 8, where it fits.
#[inline]
pub(crate) fn quick(value: Decimal) -> Option<i64> {
    let more = usize::from(8u8.checked_sub(value.scale())?);
    let fits = value.mantissa().unsigned_abs() <= *ROOM.get(more)?;
    if fits { Some(value.mantissa().wrapping_mul(*POW10.get(more)?)) } else { None }
}

/// The largest integer at scale 8 that is not above `exact`.
pub(crate) fn quick_floor(exact: i128) -> i64 {
    let floor = exact.div_euclid(QUICK_UNIT);
    i64::try_from(floor).unwrap_or(if floor < 0 { i64::MIN } else { i64::MAX })
}

/// The smallest integer at scale 8 that is not below `exact`.
pub(crate) fn quick_ceil(exact: i128) -> i64 {
    let ceil = exact.div_euclid(QUICK_UNIT) + i128::from(exact.rem_euclid(QUICK_UNIT) != 0);
    i64::try_from(ceil).unwrap_or(if ceil < 0 { i64::MIN } else { i64::MAX })
}

/// Within two units in the last place of the value: used only to prove that an exact comparison
/// can be left out.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "an approximation is what is asked for")]
pub(crate) fn approx(value: Decimal) -> f64 {
    value.mantissa() as f64 * POW10_INVERSE.get(usize::from(value.scale())).copied().unwrap_or(1e-18)
}

/// The exact product. Put together from halves where both are positive: wasm has no wide
/// multiplication, and the general one there is a call for 128 by 128 bits.
#[inline]
pub(crate) fn product(a: i64, b: i64) -> i128 {
    if a < 0 || b < 0 {
        return i128::from(a) * i128::from(b);
    }
    const HALF: u64 = 0xFFFF_FFFF;
    let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
    let (a1, a0, b1, b0) = (a >> 32, a & HALF, b >> 32, b & HALF);
    let low = a0 * b0;
    // Both factors are below 2^63, so that none of these sums overflows.
    let middle = a1 * b0 + (low >> 32);
    let other = a0 * b1 + (middle & HALF);
    let high = a1 * b1 + (middle >> 32) + (other >> 32);
    let low = (other << 32) | (low & HALF);
    (i128::from(high) << 64) | i128::from(low)
}

/// The exact product, if it fits. The general one is a slow call in wasm; most are small.
#[inline]
pub(crate) fn times(a: i128, b: i128) -> Option<i128> {
    let (left, right) = (a.unsigned_abs(), b.unsigned_abs());
    let Ok(small) = u64::try_from(right) else { return a.checked_mul(b) };
    let (high, low) = ((left >> 64) as u64, left as u64);
    // The high half times `b` stays below 2^62.
    if high.leading_zeros() + small.leading_zeros() < 66 {
        return a.checked_mul(b);
    }
    const HALF: u64 = 0xFFFF_FFFF;
    let (a1, a0, b1, b0) = (low >> 32, low & HALF, small >> 32, small & HALF);
    let first = a0 * b0;
    let middle = a1 * b0 + (first >> 32);
    let other = a0 * b1 + (middle & HALF);
    let top = a1 * b1 + (middle >> 32) + (other >> 32);
    let top = i64::try_from(top).ok()?.checked_add((high * small) as i64)?;
    let product = (i128::from(top) << 64) | i128::from((other << 32) | (first & HALF));
    Some(if (a < 0) == (b < 0) { product } else { -product })
}

/// Price times volume at scale 16; `None` when digits would be lost or it does not fit.
#[inline]
pub(crate) fn notional(price: Decimal, volume: Decimal) -> Option<i128> {
    if let (Some(price), Some(volume)) = (quick(price), quick(volume)) {
        return Some(product(price, volume));
    }
    let product = i128::from(price.mantissa()) * i128::from(volume.mantissa());
    let more = SUM_SCALE.checked_sub(price.scale() + volume.scale())?;
    product.checked_mul(i128::from(pow10(more)))
}

/// A volume at scale 16.
#[inline]
pub(crate) fn volume(volume: Decimal) -> Option<i128> {
    let more = SUM_SCALE.checked_sub(volume.scale())?;
    Some(i128::from(volume.mantissa()) * i128::from(pow10(more)))
}

/// `value * numerator / denominator` rounded towards minus infinity; `None` when it does not fit.
pub(crate) fn ratio_floor(value: i128, numerator: i128, denominator: i128) -> Option<i128> {
    Some(value.checked_mul(numerator)?.div_euclid(denominator))
}

/// The same rounded towards plus infinity.
pub(crate) fn ratio_ceil(value: i128, numerator: i128, denominator: i128) -> Option<i128> {
    let product = value.checked_mul(numerator)?;
    Some(product.div_euclid(denominator) + i128::from(product.rem_euclid(denominator) != 0))
}

/// `100 * (a - b) / b` with four decimals, rounded half to even; `None` when it does not fit.
pub(crate) fn percent_change(a: i128, b: i128) -> Option<Wide> {
    let scaled = a.checked_sub(b)?.checked_mul(1_000_000)?;
    let divisor = if b > 0 { b } else { return None };
    let (floor, rest) = (scaled.div_euclid(divisor), scaled.rem_euclid(divisor));
    let up = match rest.checked_mul(2)?.cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => floor % 2 != 0,
    };
    Some(Wide::new(floor + i128::from(up), 4))
}

/// How a decimal is written in a snapshot: digits and scale. (Its own encoding is for JSON.)
pub(crate) mod parts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use tradehook_decimal::Decimal;

    pub(crate) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        (value.mantissa(), value.scale()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let (mantissa, scale) = <(i64, u8)>::deserialize(deserializer)?;
        Decimal::new(mantissa, scale).ok_or_else(|| D::Error::custom("a decimal out of range"))
    }
}

/// A decimal that stands alone in a snapshot.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Kept(#[serde(with = "parts")] pub(crate) Decimal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_half_to_even() {
        let check = |a: i128, b: i128, expect: &str| {
            assert_eq!(percent_change(a, b).map(|w| w.to_string()).as_deref(), Some(expect), "{a} {b}");
        };
        check(103, 100, "3");
        check(2_000_001, 2_000_000, "0");
        check(2_000_003, 2_000_000, "0.0002");
        check(97, 100, "-3");
        check(4, 3, "33.3333");
        assert_eq!(percent_change(1, 0), None);
    }

    /// [numbers-survive]
    #[test]
    fn the_short_way_and_the_long_way_are_the_same() {
        let check = |price: &str, size: &str, expect: Option<&str>| {
            let (price, size): (Decimal, Decimal) =
                (price.parse().unwrap_or_default(), size.parse().unwrap_or_default());
            let got = notional(price, size).map(|sum| Wide::new(sum, SUM_SCALE).to_string());
            assert_eq!(got.as_deref(), expect, "{price} x {size}");
            if let Some(near) = quick(price) {
                assert_eq!(i128::from(near) * QUICK_UNIT, exact(price));
            }
        };
        check("100000000", "0.00004999", Some("4999"));
        check("0.00009372", "123456789012", Some("11570370.26620464"));
        check("0.0005", "999999999999", Some("499999999.9995"));
        check("92233720368.54775807", "1", Some("92233720368.54775807"));
        check("922337203685.4775807", "1", Some("922337203685.4775807"));
        check("9223372036854775807", "0.1", Some("922337203685477580.7"));
        check("9223372036854775807", "9223372036854775807", None);
        check("0.000000001", "0.00000001", None);
        assert_eq!(quick("0.000000001".parse().unwrap_or_default()), None);
    }

    /// [numbers-survive]
    #[test]
    fn a_product_of_halves_is_the_product() {
        let edges = [
            0,
            1,
            9,
            0xFFFF_FFFF,
            0x1_0000_0000,
            0x7FFF_FFFF_0000_0001,
            i64::MAX - 1,
            i64::MAX,
            -1,
            i64::MIN,
        ];
        for a in edges {
            for b in edges {
                assert_eq!(product(a, b), i128::from(a) * i128::from(b), "{a} {b}");
            }
        }
    }

    /// [numbers-survive]
    #[test]
    fn the_quick_product_is_the_product() {
        let mut seed = 3u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed
        };
        for round in 0..200_000u32 {
            let wide = (i128::from(next()) << 64) | i128::from(next());
            let (a, b) = (wide >> (next() >> 57), i128::from(next() as i64) >> (next() >> 58));
            let (a, b) = if round % 2 == 0 { (a, b) } else { (b, a) };
            assert_eq!(times(a, b), a.checked_mul(b), "{a} {b}");
        }
        let edges =
            [0, 1, -1, i128::MAX, i128::MIN, i128::from(i64::MIN), i128::from(u64::MAX), 1 << 64, -(1 << 63)];
        for a in edges {
            for b in edges {
                assert_eq!(times(a, b), a.checked_mul(b), "{a} {b}");
            }
        }
    }

    #[test]
    fn bounds_round_the_safe_way_at_both_signs() {
        assert_eq!((quick_floor(-1), quick_ceil(-1)), (-1, 0));
        assert_eq!((quick_floor(1), quick_ceil(1)), (0, 1));
        assert_eq!((quick_floor(i128::MAX), quick_ceil(i128::MIN)), (i64::MAX, i64::MIN));
        assert_eq!((ratio_floor(10, 1, 3), ratio_ceil(10, 1, 3)), (Some(3), Some(4)));
    }
}
