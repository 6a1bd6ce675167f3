//! Quantities as people write them in a feed: durations and exact amounts.
//!
//! Keeps: [numbers-survive]

use tradehook_decimal::{Decimal, Wide};

const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// `90s`, `1h30m`, `250ms`, `0s` in ms: whole numbers with units, largest first, each once.
#[must_use]
pub fn duration_ms(text: &str) -> Option<i64> {
    let (mut rest, mut total, mut units) = (text, 0i64, UNITS.as_slice());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let number: i64 = number.parse().ok()?;
        total = total.checked_add(number.checked_mul(units.get(at)?.1)?)?;
        units = units.get(at + 1..).unwrap_or(&[]);
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Ms as [`duration_ms`] reads them.
#[must_use]
pub fn show_ms(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (unit, scale) in UNITS {
        let scale = scale.unsigned_abs();
        if rest >= scale {
            out.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    out
}

/// Won in thousands of thousands: how many noughts a unit stands for.
const MONEY: [(&str, u32); 3] = [("만", 4), ("억", 8), ("조", 12)];

/// `99_990_000`, `0.01`, `1.5억`, `5000만` without the unit and the underscores, and its noughts.
fn digits(text: &str) -> (String, u32) {
    let unit = MONEY.iter().find_map(|(unit, noughts)| Some((text.strip_suffix(unit)?, *noughts)));
    let (number, noughts) = unit.unwrap_or((text, 0));
    (number.trim().replace(['_', ','], ""), noughts)
}

/// An exact amount, if it is one that a trade can have.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    wide(text)?.narrow()
}

/// An exact amount.
pub(super) fn wide(text: &str) -> Option<Wide> {
    let (number, noughts) = digits(text);
    let number: Wide = number.parse().ok()?;
    number.checked_mul(Wide::new(10i128.pow(noughts), 0))
}
