//! A closed range of exact numbers, compared by one look into a table.
//!
//! A number is an integer at some scale. For each scale the range holds the least and the greatest
//! integer that lie in it, so a comparison neither multiplies nor divides, and none can overflow.
//!
//! Keeps: [numbers-survive]

use tradehook_decimal::Wide;

const SCALES: usize = Wide::MAX_SCALE as usize + 1;

/// From a least to a greatest number, both included, either absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    least: [i128; SCALES],
    greatest: [i128; SCALES],
}

impl Range {
    /// Of the given bounds.
    #[must_use]
    pub fn new(min: Option<Wide>, max: Option<Wide>) -> Self {
        let mut range = Self { least: [i128::MIN; SCALES], greatest: [i128::MAX; SCALES] };
        for (scale, (least, greatest)) in range.least.iter_mut().zip(&mut range.greatest).enumerate() {
            if let Some(min) = min {
                *least = at_scale(min, scale, true);
            }
            if let Some(max) = max {
                *greatest = at_scale(max, scale, false);
            }
        }
        range
    }

    /// Whether `mantissa / 10^scale` lies in it. No scale exceeds [`Wide::MAX_SCALE`].
    #[inline]
    #[must_use]
    pub fn holds(&self, mantissa: i128, scale: u8) -> bool {
        let scale = usize::from(scale);
        match (self.least.get(scale), self.greatest.get(scale)) {
            (Some(least), Some(greatest)) => *least <= mantissa && mantissa <= *greatest,
            _ => false,
        }
    }
}

/// The integer at `scale` next to `bound` from above or below; saturating where none exists, as no
/// number lies beyond.
fn at_scale(bound: Wide, scale: usize, up: bool) -> i128 {
    let own = usize::from(bound.scale());
    let power = |n: usize| 10i128.checked_pow(u32::try_from(n).unwrap_or(u32::MAX));
    if scale >= own {
        let end = if bound.mantissa() < 0 { i128::MIN } else { i128::MAX };
        return power(scale - own).and_then(|p| bound.mantissa().checked_mul(p)).unwrap_or(end);
    }
    let unit = power(own - scale).unwrap_or(i128::MAX);
    let floor = bound.mantissa().div_euclid(unit);
    floor + i128::from(up && bound.mantissa().rem_euclid(unit) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tradehook_decimal::Decimal;

    #[test]
    fn a_range_holds_its_bounds_and_what_is_between_at_any_scale() {
        let check = |min: &str, max: &str, number: &str, expect: bool| {
            let range = Range::new(min.parse().ok(), max.parse().ok());
            let number: Wide = number.parse().unwrap_or_default();
            assert_eq!(range.holds(number.mantissa(), number.scale()), expect, "{min} <= {number} <= {max}");
        };
        check("100", "200", "100", true);
        check("100", "200", "200", true);
        check("100", "200", "99.99999999", false);
        check("100", "200", "200.00000001", false);
        check("0.5", "1.5", "1", true);
        check("0.5", "0.9", "1", false);
        check("1.1", "1.9", "1", false);
        check("", "0.00000001", "0.00000001", true);
        check("0.00000001", "", "0", false);
        check("-1.5", "-0.5", "-1", true);
        check("-1.5", "-1.2", "-1", false);
        check("100000000000000000000000000000000000000", "", "0.000000000000000000000000000000000001", false);
        check("", "100000000000000000000000000000000000000", "0.000000000000000000000000000000000001", true);
        check("", "", "7", true);
    }

    #[test]
    fn it_agrees_with_the_exact_comparison() {
        let mut seed = 7u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Decimal::new(((seed >> 33) % 2001) as i64 - 1000, (seed >> 20) as u8 % 5)
                .unwrap_or_default()
                .wide()
        };
        for case in 0..50_000 {
            let (a, b, x) = (next(), next(), next());
            let expect = a <= x && x <= b;
            assert_eq!(
                Range::new(Some(a), Some(b)).holds(x.mantissa(), x.scale()),
                expect,
                "{case}: {a} {x} {b}"
            );
        }
    }
}
