//! Readings and the bounds on them: where the truth about any level changes.
//!
//! A reading is an exact fraction, or an approximation where it is a statistic. Exact ones are
//! compared by cross-multiplication in 256 bits, so that no product is ever cut. Entering is
//! inclusive, leaving is its exact complement. Severities are thresholds of one level: it rises at
//! once, and falls only when the clear bound of the severity that it has is met.
//!
//! Keeps: [numbers-survive]

mod read;
#[cfg(test)]
mod tests;

pub(crate) use read::{BOUND_KEYS, limit};

use crate::fixed::pow10;
use crate::kinds::Urgency;
use serde::Serialize;
use std::cmp::Ordering;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::Value;

/// A signal's value. Ratios are plain: 0.05 is five percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    /// `num / den`; `den` is above nought.
    Exact { num: i128, den: i128 },
    /// Statistics only; finite.
    Approx(f64),
}

/// What a threshold is an amount of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// A price or an amount of money.
    Money,
    /// A share that must be written with `%`.
    Percent,
    /// A share, plain or with `%`.
    Ratio,
    /// Whole things.
    Count,
    /// Hundredths of a percent; read as a plain number.
    Bps,
    /// Milliseconds.
    Duration,
    /// A bare number.
    Plain,
    /// Yes or no.
    Flag,
}

/// A threshold as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Limit {
    pub(crate) value: Decimal,
    /// Whether it is that many hundredths.
    pub(crate) percent: bool,
}

/// Where a level is true.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Bounds {
    pub(crate) unit: Unit,
    pub(crate) zone: Zone,
}

/// See [`Bounds`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Zone {
    Above(Step),
    Below(Step),
    Inside {
        low: Limit,
        high: Limit,
    },
    /// Left when back between the `inner` limits.
    Outside {
        low: Limit,
        high: Limit,
        inner_low: Limit,
        inner_high: Limit,
    },
    /// From the least to the most urgent.
    Tiers {
        up: bool,
        tiers: Vec<(Urgency, Step)>,
    },
}

/// Entered at or past one limit, left past the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    pub(crate) enter: Limit,
    pub(crate) clear: Limit,
}

impl Reading {
    /// An integer at a scale.
    pub(crate) fn scaled(value: i128, scale: u8) -> Self {
        Self::Exact { num: value, den: ten_to(scale) }
    }

    /// A count.
    pub(crate) fn count(count: i128) -> Self {
        Self::Exact { num: count, den: 1 }
    }

    /// A price.
    pub(crate) fn of(value: Decimal) -> Self {
        Self::Exact { num: i128::from(value.mantissa()), den: i128::from(pow10(value.scale())) }
    }

    /// `num / den`, unknown when there is nothing to divide by.
    pub(crate) fn ratio(num: i128, den: i128) -> Option<Self> {
        match den.cmp(&0) {
            Ordering::Greater => Some(Self::Exact { num, den }),
            Ordering::Less => Some(Self::Exact { num: num.checked_neg()?, den: den.checked_neg()? }),
            Ordering::Equal => None,
        }
    }

    /// A statistic, unknown when it is no number.
    pub(crate) fn approx(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self::Approx(value))
    }

    /// Within a few units in the last place of the value, and on the same side of nought.
    #[inline]
    pub(crate) fn near(&self) -> f64 {
        match *self {
            Self::Exact { num, den } => float(num) / float(den),
            Self::Approx(value) => value,
        }
    }

    /// How it stands to a limit.
    #[inline]
    pub(crate) fn against(&self, limit: &Limit) -> Ordering {
        match *self {
            Self::Exact { num, den } => {
                let (limit_num, limit_den) = limit.fraction();
                match (num.checked_mul(limit_den), limit_num.checked_mul(den)) {
                    (Some(left), Some(right)) => left.cmp(&right),
                    _ => products(num, limit_den, limit_num, den),
                }
            }
            Self::Approx(value) => value.partial_cmp(&limit.near()).unwrap_or(Ordering::Equal),
        }
    }

    /// With this many decimals, rounded half to even.
    pub(crate) fn rounded(&self, factor: i128, scale: u8) -> Value {
        match *self {
            Self::Exact { num, den } => match round(num, den, factor, scale) {
                Some(value) => Value::from(value),
                None => Value::Float(self.near() * float(factor)),
            },
            Self::Approx(value) => Value::Float(value * float(factor)),
        }
    }
}

/// Near the integer. By halves, because the general conversion is a call in wasm.
#[inline]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an approximation is what is asked for; the low half is cut off on purpose"
)]
pub(crate) fn float(value: i128) -> f64 {
    if let Ok(small) = i64::try_from(value) {
        return small as f64;
    }
    (value >> 64) as i64 as f64 * 18_446_744_073_709_551_616.0 + value as u64 as f64
}

/// `10^scale`, for scales up to 36.
#[inline]
pub(crate) fn ten_to(scale: u8) -> i128 {
    if scale <= 18 {
        return i128::from(pow10(scale));
    }
    let half = |n: u8| i128::from(pow10(n.min(18)));
    half(scale) * half(scale.saturating_sub(18))
}

/// `num * factor / den` with `scale` decimals, rounded half to even; `None` when it does not fit.
fn round(num: i128, den: i128, factor: i128, scale: u8) -> Option<Wide> {
    let scaled = num.checked_mul(factor.checked_mul(ten_to(scale))?)?;
    let (floor, rest) = (scaled.div_euclid(den), scaled.rem_euclid(den));
    let up = match rest.cmp(&(den - rest)) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => floor % 2 != 0,
    };
    Some(Wide::new(floor + i128::from(up), scale))
}

/// `a * b` against `c * d`; `b` and `d` are above nought.
fn products(a: i128, b: i128, c: i128, d: i128) -> Ordering {
    let wide = |x: i128, y: i128| multiply(x.unsigned_abs(), y.unsigned_abs());
    match (a < 0, c < 0) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => wide(a, b).cmp(&wide(c, d)),
        (true, true) => wide(c, d).cmp(&wide(a, b)),
    }
}

/// The product as its high and its low half.
fn multiply(a: u128, b: u128) -> (u128, u128) {
    const HALF: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    // At most (2^64 - 1) * 2^64: none of these sums overflows.
    let other = a0 * b1 + (middle & HALF);
    let high = a1 * b1 + (middle >> 64) + (other >> 64);
    (high, (other << 64) | (low & HALF))
}

impl Limit {
    pub(crate) fn plain(value: Decimal) -> Self {
        Self { value, percent: false }
    }

    fn fraction(&self) -> (i128, i128) {
        let den = i128::from(pow10(self.value.scale()));
        (i128::from(self.value.mantissa()), if self.percent { den * 100 } else { den })
    }

    pub(crate) fn near(&self) -> f64 {
        let value = self.value.to_f64();
        if self.percent { value / 100.0 } else { value }
    }

    /// How two limits of one unit stand to each other.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        let (num, den) = self.fraction();
        Reading::Exact { num, den }.against(other)
    }
}

impl Step {
    fn entered(&self, up: bool, x: &Reading) -> bool {
        past(up, x.against(&self.enter))
    }

    fn kept(&self, up: bool, x: &Reading) -> bool {
        past(up, x.against(&self.clear))
    }
}

fn past(up: bool, order: Ordering) -> bool {
    order == Ordering::Equal || (order == Ordering::Greater) == up
}

impl Bounds {
    /// Where a level stands at `x`, having stood at `was`: 0 is false, 1 is true or the least
    /// urgent tier, and so on.
    #[inline]
    pub(crate) fn stand(&self, was: u8, x: &Reading) -> u8 {
        let one =
            |up: bool, step: &Step| u8::from(if was > 0 { step.kept(up, x) } else { step.entered(up, x) });
        match &self.zone {
            Zone::Above(step) => one(true, step),
            Zone::Below(step) => one(false, step),
            Zone::Inside { low, high } => u8::from(between(x, low, high)),
            Zone::Outside { low, high, inner_low, inner_high } => {
                let (low, high) = if was > 0 { (inner_low, inner_high) } else { (low, high) };
                u8::from(!between(x, low, high))
            }
            Zone::Tiers { up, tiers } => {
                let reached = tiers.iter().rposition(|(_, step)| step.entered(*up, x));
                let highest = reached.map_or(0, |place| u8::try_from(place + 1).unwrap_or(u8::MAX));
                let stays = |(_, step): &(Urgency, Step)| step.kept(*up, x);
                let current = usize::from(was).checked_sub(1).and_then(|place| tiers.get(place));
                if highest < was && current.is_some_and(stays) { was } else { highest }
            }
        }
    }

    /// Values near `x`, where it stands so, between which it certainly goes on to: an open interval
    /// with a margin far above the rounding of [`Reading::near`].
    pub(crate) fn quiet(&self, standing: u8, x: f64) -> (f64, f64) {
        const MARGIN: f64 = 1e-12;
        let (over, under) = (
            |limit: &Limit| limit.near() + limit.near().abs() * MARGIN,
            |limit: &Limit| limit.near() - limit.near().abs() * MARGIN,
        );
        const LEAST: f64 = f64::NEG_INFINITY;
        const MOST: f64 = f64::INFINITY;
        match &self.zone {
            Zone::Above(step) if standing > 0 => (over(&step.clear), MOST),
            Zone::Above(step) => (LEAST, under(&step.enter)),
            Zone::Below(step) if standing > 0 => (LEAST, under(&step.clear)),
            Zone::Below(step) => (over(&step.enter), MOST),
            Zone::Inside { low, high } | Zone::Outside { low, high, .. }
                if (standing > 0) == matches!(self.zone, Zone::Inside { .. }) =>
            {
                (over(low), under(high))
            }
            Zone::Inside { low, high } | Zone::Outside { inner_low: low, inner_high: high, .. } => {
                if x < low.near() { (LEAST, under(low)) } else { (over(high), MOST) }
            }
            Zone::Tiers { up, tiers } => {
                let place = usize::from(standing);
                let next = tiers.get(place).map(|(_, step)| &step.enter);
                let kept =
                    place.checked_sub(1).and_then(|place| tiers.get(place)).map(|(_, step)| &step.clear);
                if *up {
                    (kept.map_or(LEAST, over), next.map_or(MOST, under))
                } else {
                    (next.map_or(LEAST, over), kept.map_or(MOST, under))
                }
            }
        }
    }

    /// The severity of where a level stands.
    pub(crate) fn severity(&self, standing: u8) -> Option<Urgency> {
        match &self.zone {
            Zone::Tiers { tiers, .. } => {
                tiers.get(usize::from(standing.checked_sub(1)?)).map(|(severity, _)| *severity)
            }
            _ => None,
        }
    }

    /// The threshold that matters at this standing, and the bound that clears it.
    pub(crate) fn limits(&self, standing: u8) -> Vec<(&'static str, Limit)> {
        match &self.zone {
            Zone::Above(step) | Zone::Below(step) => vec![("threshold", step.enter), ("clear", step.clear)],
            Zone::Inside { low, high } | Zone::Outside { low, high, .. } => {
                vec![("threshold", *high), ("low", *low), ("high", *high)]
            }
            Zone::Tiers { tiers, .. } => tiers
                .get(usize::from(standing.saturating_sub(1)))
                .map_or(Vec::new(), |(_, step)| vec![("threshold", step.enter), ("clear", step.clear)]),
        }
    }

    /// The largest whole number that is a bound.
    pub(crate) fn farthest(&self) -> i64 {
        let of = |step: &Step| step.enter.value.mantissa().max(step.clear.value.mantissa());
        match &self.zone {
            Zone::Above(step) | Zone::Below(step) => of(step),
            Zone::Inside { high, .. } | Zone::Outside { high, .. } => high.value.mantissa(),
            Zone::Tiers { tiers, .. } => tiers.iter().map(|(_, step)| of(step)).max().unwrap_or(0),
        }
    }

    /// Whether its thresholds are written with `%`.
    fn in_percent(&self) -> bool {
        match &self.zone {
            Zone::Above(step) | Zone::Below(step) => step.enter.percent,
            Zone::Inside { high, .. } | Zone::Outside { high, .. } => high.percent,
            Zone::Tiers { tiers, .. } => tiers.iter().any(|(_, step)| step.enter.percent),
        }
    }

    /// True when it is so.
    pub(crate) fn flag() -> Self {
        let one = Limit::plain(Decimal::from(1));
        Self { unit: Unit::Flag, zone: Zone::Above(Step { enter: one, clear: one }) }
    }

    /// A reading in the unit of the thresholds.
    pub(crate) fn shown(&self, reading: &Reading) -> Value {
        if self.unit == Unit::Flag {
            return Value::Bool(reading.near() > 0.0);
        }
        if self.in_percent() { reading.rounded(100, 4) } else { reading.rounded(1, 8) }
    }

    /// "at or above 5%".
    pub(crate) fn words(&self, standing: u8) -> String {
        let say = |limit: &Limit| self.say(limit);
        match &self.zone {
            Zone::Above(step) => format!("at or above {}", say(&step.enter)),
            Zone::Below(step) => format!("at or below {}", say(&step.enter)),
            Zone::Inside { low, high } => format!("within {} to {}", say(low), say(high)),
            Zone::Outside { low, high, .. } => format!("outside {} to {}", say(low), say(high)),
            Zone::Tiers { up, tiers } => {
                let place = usize::from(standing.saturating_sub(1));
                let word = if *up { "at or above" } else { "at or below" };
                tiers.get(place).map_or(String::new(), |(_, step)| format!("{word} {}", say(&step.enter)))
            }
        }
    }

    /// A limit for a person.
    pub(crate) fn say(&self, limit: &Limit) -> String {
        let number = crate::say::num(limit.value);
        match self.unit {
            _ if limit.percent => format!("{number}%"),
            Unit::Bps => format!("{number} bps"),
            Unit::Duration => crate::say::span(limit.value.mantissa()),
            _ => number,
        }
    }

    /// A reading for a person.
    pub(crate) fn say_reading(&self, reading: &Reading) -> String {
        let number = match self.shown(reading) {
            Value::Number(number) => crate::say::num_wide(number),
            Value::Float(number) => format!("{number:.4}"),
            _ => String::new(),
        };
        match self.unit {
            _ if self.in_percent() => format!("{number}%"),
            Unit::Bps => format!("{number} bps"),
            _ => number,
        }
    }
}

fn between(x: &Reading, low: &Limit, high: &Limit) -> bool {
    x.against(low) != Ordering::Less && x.against(high) != Ordering::Greater
}
