//! Exact decimals: a price or volume keeps the value that the venue sent, to the last digit.
//!
//! [`Decimal`] is what crosses the tape and the plugin boundary: an `i64` mantissa and a scale of
//! at most 18, trailing zeros trimmed. [`Wide`] is what arithmetic yields: an `i128` mantissa and
//! a scale of at most 36. A value outside either range is refused, never rounded.
//!
//! The venue spells one value many ways (`106691000.00000000`, `1.16539E8`, `7.9276E-4`, `6E-8`,
//! `114850000`, and `5.485e-05` where a JSON library re-printed it); all of them parse here, and
//! equal values are equal whatever their spelling was.
//!
//! Knows nothing of trades, JSON or wasm: the host, the guest SDK and the engines share it.
//!
//! Keeps: [numbers-survive] [decode-is-total]

mod decimal;
mod wide;

pub use decimal::{Decimal, DecimalError, MAX_SCALE};
pub use wide::Wide;

/// `10^n` for `n` up to 38, as the widest integer in use here.
pub(crate) const POW10: [i128; 39] = {
    let mut table = [1i128; 39];
    let mut i = 1;
    while i < 39 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// Writes `mantissa / 10^scale` in plain digits, never with an exponent.
pub(crate) fn write_plain(f: &mut std::fmt::Formatter<'_>, mantissa: i128, scale: u8) -> std::fmt::Result {
    // 39 digits and a point at most, or a nought, a point and 36 decimals.
    let mut text = [b'0'; 41];
    let mut from = text.len();
    let mut rest = mantissa.unsigned_abs();
    let mut left = usize::from(scale);
    let least = from - left - 1 - usize::from(left > 0);
    while rest > 0 || from > least {
        // A division of 128 bits is slow, and most of all in wasm: 18 digits at a time.
        let (next, mut part) = match u64::try_from(rest) {
            Ok(small) => (0, small),
            Err(_) => (rest / CHUNK, (rest % CHUNK) as u64),
        };
        let digits = if next > 0 { 18 } else { usize::MAX };
        let mut written = 0;
        while written < digits && (part > 0 || next > 0 || from > least) {
            from -= 1;
            text[from] = b'0' + (part % 10) as u8;
            part /= 10;
            written += 1;
            if left > 0 {
                left -= 1;
                if left == 0 {
                    from -= 1;
                    text[from] = b'.';
                }
            }
        }
        rest = next;
    }
    let text = std::str::from_utf8(&text[from..]).unwrap_or_default();
    f.pad_integral(mantissa >= 0, "", text)
}

/// The largest power of ten by which a remainder fits 64 bits with room to spare.
const CHUNK: u128 = 1_000_000_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// [numbers-survive]
    #[test]
    fn plain_digits_are_those_of_the_integer() {
        struct Plain(i128, u8);
        impl std::fmt::Display for Plain {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write_plain(f, self.0, self.1)
            }
        }
        let mut mantissas =
            vec![0, 1, 9, 10, i128::MAX, i128::MIN, i128::from(u64::MAX), i128::from(u64::MAX) + 1];
        mantissas
            .extend(POW10.iter().flat_map(|power| [*power, power - 1, power + 1, -power, power * 7 / 3]));
        for mantissa in mantissas {
            for scale in 0..=36u8 {
                let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = usize::from(scale) + 1);
                let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
                let (sign, point) = (if mantissa < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
                assert_eq!(Plain(mantissa, scale).to_string(), format!("{sign}{whole}{point}{fraction}"));
            }
        }
        assert_eq!(
            format!("{:>8}|{:<6}|{:+}", Plain(-125, 2), Plain(7, 1), Plain(5, 0)),
            "   -1.25|0.7   |+5"
        );
    }
}
