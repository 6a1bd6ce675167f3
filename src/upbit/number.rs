//! Numbers from the venue's own digits, without a float on the way.
//!
//! The `take_*` functions read the usual spellings in a few nanoseconds at the start of a text
//! and return what stands behind; `None` means "not usual", not "wrong", and leaves the judgement
//! to the `read_*` functions, which know every spelling.
//!
//! Keeps: [numbers-survive] [decode-is-total]

use super::event::{Field, Reason};
use tradehook_decimal::{Decimal, DecimalError, Wide};

/// 2010-01-01 and 2100-01-01 in seconds since the Unix epoch: no trade of the venue is older, and
/// within them seconds, milliseconds and microseconds cannot be mistaken for one another.
const YEARS_S: std::ops::Range<u64> = 1_262_304_000..4_102_444_800;

/// A mantissa of this many digits always fits 63 bits.
const MAX_DIGITS: usize = 18;

const POW10: [u64; MAX_DIGITS + 1] = {
    let mut table = [1u64; MAX_DIGITS + 1];
    let mut i = 1;
    while i < table.len() {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The first eight bytes as one little-endian word.
#[inline(always)]
fn word(text: &[u8]) -> Option<u64> {
    text.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// How many of the eight bytes, from the first, are digits.
#[inline(always)]
const fn leading_digits(word: u64) -> usize {
    // A digit has the high nibble 3 and keeps it when 6 is added; a byte that carries into the
    // next is itself not a digit and comes first.
    let odd = ((word & 0xf0f0_f0f0_f0f0_f0f0) ^ ZEROS)
        | ((word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0) ^ ZEROS);
    odd.trailing_zeros() as usize / 8
}

/// The value of eight bytes that are digits; the first is the highest.
#[inline(always)]
const fn eight_digits(word: u64) -> u64 {
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(2561) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(6_553_601) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(42_949_672_960_001) >> 32
}

/// The run of digits at the start, appended to `value`: the new value, how many, and the rest.
/// The value is meaningless where it exceeds [`MAX_DIGITS`]; the caller looks at the count.
#[inline(always)]
fn digits(text: &[u8], mut value: u64) -> (u64, usize, &[u8]) {
    let (mut rest, mut count) = (text, 0);
    while let Some(eight) = word(rest) {
        let run = leading_digits(eight);
        if run == 8 {
            value = value.wrapping_mul(100_000_000).wrapping_add(eight_digits(eight));
        } else if run > 0 {
            // Shifted to the end of a word of zeros, a shorter run reads as eight digits.
            let aligned = (eight << (64 - 8 * run)) | (ZEROS >> (8 * run));
            value = value.wrapping_mul(POW10[run]).wrapping_add(eight_digits(aligned));
        }
        count += run;
        rest = rest.get(run..).unwrap_or_default();
        if run < 8 {
            return (value, count, rest);
        }
    }
    while let Some((digit @ b'0'..=b'9', behind)) = rest.split_first() {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        (rest, count) = (behind, count + 1);
    }
    (value, count, rest)
}

/// A whole number of at most 18 digits.
#[inline(never)]
pub(super) fn take_integer(text: &[u8]) -> Option<(u64, &[u8])> {
    let (value, count, rest) = digits(text, 0);
    let leading_zero = count > 1 && text.first() == Some(&b'0');
    (count > 0 && count <= MAX_DIGITS && !leading_zero && !continues(rest)).then_some((value, rest))
}

/// Whether a number that ended here goes on in a way only the other functions know.
#[inline(always)]
fn continues(rest: &[u8]) -> bool {
    matches!(rest.first(), Some(b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// A decimal without sign and exponent, of at most 18 digits.
#[inline(always)]
fn take_plain(text: &[u8]) -> Option<(Decimal, &[u8])> {
    let (whole, count, rest) = digits(text, 0);
    if count == 0 || count > MAX_DIGITS || (count > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let Some((b'.', fraction)) = rest.split_first() else {
        return (!continues(rest)).then(|| (Decimal::from_trimmed(whole.cast_signed(), 0), rest));
    };
    let (value, decimals, rest) = digits(fraction, whole);
    if decimals == 0 || count + decimals > MAX_DIGITS || continues(rest) {
        return None;
    }
    let zeros = trailing_zeros(fraction.get(..decimals).unwrap_or_default());
    let mantissa = if zeros == 0 { value } else { value / POW10[zeros] };
    let scale = if mantissa == 0 { 0 } else { decimals - zeros };
    #[expect(clippy::cast_possible_truncation, reason = "at most 18")]
    Some((Decimal::from_trimmed(mantissa.cast_signed(), scale as u8), rest))
}

/// How many `0` stand at the end of a run of digits.
#[inline(always)]
fn trailing_zeros(run: &[u8]) -> usize {
    let mut rest = run;
    while let Some(eight) = rest.last_chunk::<8>() {
        let zeros = (u64::from_le_bytes(*eight) ^ ZEROS).leading_zeros() as usize / 8;
        rest = rest.get(..rest.len() - zeros).unwrap_or_default();
        if zeros < 8 {
            return run.len() - rest.len();
        }
    }
    while let Some((b'0', before)) = rest.split_last() {
        rest = before;
    }
    run.len() - rest.len()
}

/// A decimal of any spelling JSON has, up to the byte that cannot belong to it.
#[inline(never)]
pub(super) fn take_decimal(text: &[u8]) -> Option<(Decimal, &[u8])> {
    take_plain(text).or_else(|| take_exponent(text))
}

/// A decimal with an exponent, as the venue spells small and large values (`6E-8`, `1.16539E8`).
#[cold]
fn take_exponent(text: &[u8]) -> Option<(Decimal, &[u8])> {
    let end = text.iter().position(|b| !matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))?;
    let (token, rest) = text.split_at_checked(end)?;
    let usual = match token {
        [b'0', next, ..] => matches!(next, b'.' | b'e' | b'E'),
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    Decimal::parse(token).ok().filter(|_| usual).map(|value| (value, rest))
}

/// A decimal of any spelling.
pub(super) fn read_decimal(text: &str, field: Field) -> Result<Decimal, Reason> {
    Decimal::parse(text.as_bytes()).map_err(|e| match e {
        DecimalError::Syntax(_) => Reason::Malformed(field),
        DecimalError::OutOfRange => Reason::OutOfRange(field),
    })
}

/// A wide decimal of any spelling.
pub(super) fn read_wide(text: &str, field: Field) -> Result<Wide, Reason> {
    if let Ok(narrow) = Decimal::parse(text.as_bytes()) {
        return Ok(narrow.wide());
    }
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().map_err(|_| Reason::Malformed(field))?),
        None => (text, 0),
    };
    let plain: Wide = digits.parse().map_err(|e| match e {
        DecimalError::Syntax(_) => Reason::Malformed(field),
        DecimalError::OutOfRange => Reason::OutOfRange(field),
    })?;
    let scale = i32::from(plain.scale()).saturating_sub(exponent);
    let shifted = || match u8::try_from(scale) {
        Ok(scale) => (scale <= Wide::MAX_SCALE).then(|| Wide::new(plain.mantissa(), scale)),
        Err(_) => {
            let power = 10i128.checked_pow(scale.unsigned_abs())?;
            Some(Wide::new(plain.mantissa().checked_mul(power)?, 0))
        }
    };
    shifted().ok_or(Reason::OutOfRange(field))
}

/// A whole number of any spelling: digits, or a decimal without decimals (`1.7E16`).
pub(super) fn read_integer(text: &str, field: Field) -> Result<u64, Reason> {
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    let value = read_decimal(text, field)?;
    let whole = (value.scale() == 0).then_some(value.mantissa()).ok_or(Reason::OutOfRange(field))?;
    u64::try_from(whole).map_err(|_| Reason::OutOfRange(field))
}

/// Milliseconds since the Unix epoch out of seconds, milliseconds or microseconds, told apart by
/// their size (the venue has sent microseconds for an hour, 2023-08-09, and its copies always do).
#[inline(always)]
pub(super) fn to_ms(value: u64) -> Option<i64> {
    let ms = if YEARS_S.contains(&(value / 1000)) {
        value
    } else if YEARS_S.contains(&value) {
        value * 1000
    } else if YEARS_S.contains(&(value / 1_000_000)) {
        value / 1000
    } else {
        return None;
    };
    i64::try_from(ms).ok()
}
