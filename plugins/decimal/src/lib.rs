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
    let digits = mantissa.unsigned_abs();
    let unit = POW10[usize::from(scale)].unsigned_abs();
    let (whole, fraction) = (digits / unit, digits % unit);
    let text = if scale == 0 {
        format!("{whole}")
    } else {
        format!("{whole}.{fraction:0width$}", width = usize::from(scale))
    };
    f.pad_integral(mantissa >= 0, "", &text)
}
