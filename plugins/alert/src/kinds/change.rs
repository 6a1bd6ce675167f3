//! `change`: a level on how far the price has moved from a reference.
//!
//! A threshold becomes a band of prices around the reference: "up at least k %" is
//! `price * 100 >= reference * (100 + k)`, rounded to the next representable price the safe way,
//! which is the same comparison.

pub(super) use super::cross::DIRECTIONS;
use super::cross::share_of;
use super::price::source;
use super::{MAX_WINDOW_DAYS, exactly_one, positive};
use crate::config::{Around, Faults, Reader};
use crate::engine::Band;
use crate::fixed::{approx, exact, pow10, ratio_ceil, ratio_floor};
use crate::rule::{Direction, Source};
use serde::Serialize;
use serde_json::Value;
use tradehook_decimal::Decimal;

/// A move.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) reference: Reference,
    pub(crate) threshold: Threshold,
    pub(crate) direction: Direction,
    /// The price that moves, and the reference of a window; not used, it is no part of the rule's
    /// identity.
    #[serde(skip_serializing_if = "Source::is_last")]
    pub(crate) source: Source,
}

/// Where the move starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Reference {
    /// The last trade that is at least the window old.
    Start {
        window_ms: i64,
        warmup: Warmup,
    },
    /// The lowest price of the window, the current one included.
    Low {
        window_ms: i64,
        warmup: Warmup,
    },
    /// The highest.
    High {
        window_ms: i64,
        warmup: Warmup,
    },
    PrevClose,
    Anchor(Decimal),
}

/// When a window's value is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) enum Warmup {
    /// When the whole window was seen.
    #[default]
    Full,
    /// From the first trade.
    Partial,
}

/// How far, and how far back it must go to clear.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Threshold {
    Percent { enter: Decimal, clear: Decimal },
    Plain { enter: Decimal, clear: Decimal },
}

/// The words for `warmup`.
pub(super) const WARMUPS: &[(&str, Warmup)] = &[("full", Warmup::Full), ("partial", Warmup::Partial)];

#[derive(Clone, Copy)]
enum Word {
    Start,
    Low,
    High,
    PrevClose,
}

pub(super) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<Change> {
    let keys =
        &["kind", "window", "pct", "abs", "clear", "direction", "reference", "anchor", "warmup", "source"];
    let mut when = Reader::new(value, path, keys, faults)?;
    let source = source(&mut when, around);
    let direction = when.choice("direction", DIRECTIONS);
    let reference = reference(&mut when);
    let form = exactly_one(&mut when, &["pct", "abs"])?;
    let read = |when: &mut Reader<'_>, key: &str| {
        if form == "pct" { when.percent(key) } else { when.money(key) }
    };
    let enter = read(&mut when, form);
    let enter = positive(&mut when, form, enter);
    let clear = if when.has("clear") { read(&mut when, "clear") } else { enter };
    let (enter, clear) = (enter?, clear?);
    if clear > enter || clear < Decimal::ZERO {
        when.fault("clear", format!("{clear} is past the threshold {enter}"), format!("0 to {enter}"));
    }
    let reference = reference?;
    let direction = self::direction(&mut when, &reference, direction);
    let threshold = match form {
        "pct" => Threshold::Percent { enter, clear },
        _ => Threshold::Plain { enter, clear },
    };
    Some(Change { reference, threshold, direction, source })
}

/// The direction: of a window's extreme it is known, else it is what was written.
pub(super) fn direction(
    when: &mut Reader<'_>,
    reference: &Reference,
    direction: Option<Direction>,
) -> Direction {
    let natural = match reference {
        Reference::Low { .. } => Some(Direction::Up),
        Reference::High { .. } => Some(Direction::Down),
        _ => None,
    };
    if natural.is_some() && direction.is_some() && natural != direction {
        when.fault("direction", "a price is never on that side of this reference", "leave `direction` away");
    }
    natural.or(direction).unwrap_or(Direction::Both)
}

/// Where the move starts.
pub(super) fn reference(when: &mut Reader<'_>) -> Option<Reference> {
    let words = &[
        ("window_start", Word::Start),
        ("window_low", Word::Low),
        ("window_high", Word::High),
        ("prev_close", Word::PrevClose),
    ];
    let word = when.choice("reference", words);
    if when.has("reference") && when.has("anchor") {
        when.fault("anchor", "`reference` and `anchor` together", "one of them");
    }
    let fixed = when.has("anchor") || matches!(word, Some(Word::PrevClose));
    if fixed {
        for key in ["window", "warmup"] {
            if when.has(key) {
                when.fault(
                    key,
                    format!("`{key}` with a fixed reference"),
                    "leave it away, or take a window's reference",
                );
            }
        }
        if !when.has("anchor") {
            return Some(Reference::PrevClose);
        }
        let anchor = when.money("anchor");
        return positive(when, "anchor", anchor).map(Reference::Anchor);
    }
    let warmup = when.choice("warmup", WARMUPS).unwrap_or_default();
    let window_ms = when.span("window", MAX_WINDOW_DAYS)?;
    if when.has("reference") && word.is_none() {
        return None;
    }
    Some(match word.unwrap_or(Word::Start) {
        Word::Low => Reference::Low { window_ms, warmup },
        Word::High => Reference::High { window_ms, warmup },
        _ => Reference::Start { window_ms, warmup },
    })
}

impl Change {
    /// The bounds at which truth changes, for this reference; `None` when they do not fit.
    pub(crate) fn band(&self, reference: Decimal) -> Option<Band> {
        let price = exact(reference);
        let (up_in, down_in, up_out, down_out) = match self.threshold {
            Threshold::Plain { enter, clear } => {
                let (enter, clear) = (exact(enter), exact(clear));
                (
                    price.checked_add(enter)?,
                    price.checked_sub(enter)?,
                    price.checked_add(clear)?,
                    price.checked_sub(clear)?,
                )
            }
            Threshold::Percent { enter, clear } => {
                let (up_in, down_in) = around(price, enter)?;
                let (up_out, down_out) = around(price, clear)?;
                (up_in, down_in, up_out, down_out)
            }
        };
        let mut band = Band::NEVER;
        if self.direction.up() {
            (band.up_in, band.up_out) = (up_in, up_out);
        }
        if self.direction.down() {
            (band.down_in, band.down_out) = (down_in, down_out);
        }
        Some(band)
    }

    /// Factors of the reference, or distances from it, between which nothing can change while the
    /// truth is `truth` and the price is on the side `up`: a sufficient test in `f64`, with a
    /// margin far above its rounding.
    pub(crate) fn calm(&self, truth: bool, up: bool) -> Calm {
        const MARGIN: f64 = 1e-11;
        let mut calm = Calm::ANY;
        let (low, high, share) = match self.threshold {
            Threshold::Percent { enter, clear } => {
                let limit = if truth { approx(clear) } else { approx(enter) } / 100.0;
                ((1.0 - limit) * (1.0 + MARGIN), (1.0 + limit) * (1.0 - MARGIN), true)
            }
            Threshold::Plain { enter, clear } => {
                let limit = if truth { approx(clear) } else { approx(enter) };
                (-limit, limit, false)
            }
        };
        let slots = if share { &mut calm.ratio } else { &mut calm.distance };
        match (truth, up) {
            (false, _) => {
                *slots = (
                    if self.direction.down() { low } else { f64::NEG_INFINITY },
                    if self.direction.up() { high } else { f64::INFINITY },
                );
            }
            // Within the margins on the far side of the clearing bound.
            (true, true) => slots.0 = if share { high * (1.0 + 4.0 * MARGIN) } else { high },
            (true, false) => slots.1 = if share { low * (1.0 - 4.0 * MARGIN) } else { low },
        }
        calm
    }

    /// The window, if there is one.
    pub(crate) fn window_ms(&self) -> Option<i64> {
        match self.reference {
            Reference::Start { window_ms, .. }
            | Reference::Low { window_ms, .. }
            | Reference::High { window_ms, .. } => Some(window_ms),
            Reference::PrevClose | Reference::Anchor(_) => None,
        }
    }
}

/// The first price at least `share` percent above, and the first at least that far below.
fn around(price: i128, share: Decimal) -> Option<(i128, i128)> {
    let whole = i128::from(pow10(share.scale())) * 100;
    let part = i128::from(share.mantissa());
    // Checked here once, so that neither factor overflows.
    share_of(price, share)?;
    Some((ratio_ceil(price, whole + part, whole)?, ratio_floor(price, whole - part, whole)?))
}

/// Where a price can be without any change: open intervals of price / reference and of
/// price - reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calm {
    pub(crate) ratio: (f64, f64),
    pub(crate) distance: (f64, f64),
}

impl Calm {
    /// No bound at all.
    pub(crate) const ANY: Self =
        Self { ratio: (f64::NEG_INFINITY, f64::INFINITY), distance: (f64::NEG_INFINITY, f64::INFINITY) };

    /// What is calm for both.
    pub(crate) fn and(self, other: Self) -> Self {
        let both = |a: (f64, f64), b: (f64, f64)| (a.0.max(b.0), a.1.min(b.1));
        Self { ratio: both(self.ratio, other.ratio), distance: both(self.distance, other.distance) }
    }

    /// The prices at scale 8 at which nothing can change while the reference is anything from
    /// `lowest` to `highest`, at scale 8 too.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "approximate by far less than the margin, and the cast saturates"
    )]
    pub(crate) fn between(&self, lowest: i64, highest: i64) -> (i64, i64) {
        const UNIT: f64 = 1e8;
        const MARGIN: f64 = 1e-12;
        if lowest <= 0 || lowest > highest {
            return (i64::MAX, i64::MIN);
        }
        let mut between = (f64::NEG_INFINITY, f64::INFINITY);
        // Bounds are linear in the reference: what is beyond those of both ends is beyond all.
        for reference in [lowest as f64, highest as f64] {
            let low = (reference * self.ratio.0).max(reference + self.distance.0 * UNIT);
            let high = (reference * self.ratio.1).min(reference + self.distance.1 * UNIT);
            // An infinite bound is none, and stays as it is.
            let margin = |bound: f64| {
                if bound.is_finite() { (bound.abs() + reference) * MARGIN + 1.0 } else { 0.0 }
            };
            between = (between.0.max(low + margin(low)), between.1.min(high - margin(high)));
        }
        (between.0.ceil() as i64, between.1.floor() as i64)
    }

    /// Whether nothing can change at this price; certain when true.
    #[inline]
    pub(crate) fn holds(&self, price: f64, reference: f64) -> bool {
        let distance = price - reference;
        let error = (price + reference) * 1e-14;
        price > reference * self.ratio.0
            && price < reference * self.ratio.1
            && distance > self.distance.0 + error
            && distance < self.distance.1 - error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_of_exactly_k_percent_is_one() {
        let percent = |enter: &str| Change {
            reference: Reference::PrevClose,
            threshold: Threshold::Percent {
                enter: enter.parse().unwrap_or_default(),
                clear: enter.parse().unwrap_or_default(),
            },
            direction: Direction::Both,
            source: Source::Last,
        };
        for share in ["0.1", "1", "3", "5", "33.3", "0.000001", "150"] {
            let change = percent(share);
            let k: Decimal = share.parse().unwrap_or_default();
            for reference in ["1", "3", "7", "102", "99999999", "0.00009372", "1.1"] {
                let reference: Decimal = reference.parse().unwrap_or_default();
                let band = change.band(reference);
                assert!(band.is_some(), "{share} of {reference}");
                let Some(band) = band else { continue };
                // Below the bound by the least amount there is: not yet.
                let met = |price: i128| {
                    let k_times = |x: i128| x * i128::from(k.mantissa());
                    let moved = (price - exact(reference)) * 100 * i128::from(pow10(k.scale()));
                    (moved >= k_times(exact(reference)), -moved >= k_times(exact(reference)))
                };
                assert_eq!(
                    (met(band.up_in).0, met(band.up_in - 1).0),
                    (true, false),
                    "{share} of {reference}"
                );
                assert_eq!(
                    (met(band.down_in).1, met(band.down_in + 1).1),
                    (true, false),
                    "{share} of {reference}"
                );
            }
        }
    }

    /// The shortcut may say "look closer" at any time, but "nothing can change" only when true.
    #[test]
    fn the_shortcut_never_hides_a_change() {
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut held = 0;
        for _ in 0..200_000 {
            let reference = Decimal::from(i32::try_from(random(1_000_000) + 1).unwrap_or(1));
            let price = Decimal::from(i32::try_from(random(2_000_000) + 1).unwrap_or(1));
            let enter = Decimal::new(i64::try_from(random(20_000) + 1).unwrap_or(1), 2).unwrap_or_default();
            let clear = Decimal::new(enter.mantissa() / 2, enter.scale()).unwrap_or_default();
            let threshold = match random(2) {
                0 => Threshold::Percent { enter, clear },
                _ => Threshold::Plain { enter, clear },
            };
            let direction = [Direction::Up, Direction::Down, Direction::Both]
                .get(usize::try_from(random(3)).unwrap_or(0))
                .copied()
                .unwrap_or(Direction::Up);
            let (reference_kind, source) = (Reference::PrevClose, Source::Last);
            let change = Change { reference: reference_kind, threshold, direction, source };
            let Some(band) = change.band(reference) else { continue };
            for was in [false, true] {
                let up = change.direction.up() && (random(2) == 0 || !change.direction.down());
                if change.calm(was, up).holds(approx(price), approx(reference)) {
                    held += 1;
                    assert_eq!(
                        band.truth(was, exact(price)),
                        was,
                        "{change:?} {reference} {price} {was} {up}"
                    );
                }
            }
        }
        assert!(held > 10_000, "the shortcut holds too rarely to mean anything: {held}");
    }
}
