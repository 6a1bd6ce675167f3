//! `change` as a signal: how far the price is from a reference, exactly.
//!
//! The value is positive in the direction that is watched; for both directions it is the distance.

use super::change::{self, DIRECTIONS};
use super::{Reference, Warmup, exactly_one, positive};
use crate::bounds::{Bounds, Reading, Step, Unit, Zone, limit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, Span, View};
use crate::fixed::{PRICE_SCALE, exact, quick};
use crate::rule::{Direction, Source};
use crate::say::{num, span};
use crate::signal::{Fields, Signal};
use serde::Serialize;
use serde_json::Value;
use tradehook_decimal::Decimal;

/// A move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Moved {
    reference: Reference,
    /// Whether it is a share of the reference.
    share: bool,
    direction: Direction,
    source: Source,
}

/// All keys: its thresholds have names of their own.
pub(super) const KEYS: &[&str] =
    &["window", "pct", "abs", "clear", "direction", "reference", "anchor", "warmup", "source", "severities"];

pub(super) fn read(when: &mut Reader<'_>, around: Around<'_>) -> Option<Moved> {
    let source = super::price::source(when, around);
    let direction = when.choice("direction", DIRECTIONS);
    let reference = change::reference(when)?;
    let direction = change::direction(when, &reference, direction);
    let form = exactly_one(when, &["pct", "abs", "severities"])?;
    let share = match form {
        "severities" => {
            let first = when.get(form).and_then(Value::as_array).and_then(|list| list.first());
            let above = first.and_then(|tier| tier.get("above")).and_then(Value::as_str);
            above.is_some_and(|text| text.trim_end().ends_with('%'))
        }
        form => form == "pct",
    };
    Some(Moved { reference, share, direction, source })
}

/// The thresholds of a move.
pub(super) fn bounds(when: &mut Reader<'_>, what: &Moved) -> Option<Bounds> {
    let unit = what.unit();
    if when.has("severities") {
        return Bounds::read(when, unit);
    }
    let form = if what.share { "pct" } else { "abs" };
    let enter = limit(when, form, unit);
    positive(when, form, enter.map(|limit| limit.value))?;
    let clear = if when.has("clear") { limit(when, "clear", unit) } else { enter };
    let (enter, clear) = (enter?, clear?);
    if clear.value > enter.value || clear.value < Decimal::ZERO {
        let message = format!("{} is past the threshold {}", clear.value, enter.value);
        when.fault("clear", message, format!("0 to {}", enter.value));
        return None;
    }
    Some(Bounds { unit, zone: Zone::Above(Step { enter, clear }) })
}

impl Moved {
    pub(super) fn unit(&self) -> Unit {
        if self.share { Unit::Percent } else { Unit::Money }
    }

    pub(super) fn words(&self) -> String {
        let way = match self.direction {
            Direction::Up => "rise",
            Direction::Down => "fall",
            Direction::Both => "move",
        };
        let since = match self.reference {
            Reference::Start { window_ms, .. } => format!("in {}", span(window_ms)),
            Reference::Low { window_ms, .. } => format!("from the low of {}", span(window_ms)),
            Reference::High { window_ms, .. } => format!("from the high of {}", span(window_ms)),
            Reference::PrevClose => "since the previous close".to_owned(),
            Reference::Anchor(anchor) => format!("from {}", num(anchor)),
        };
        format!("{way} {since}")
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let span = match self.reference {
            Reference::Start { window_ms, .. } => Some(needs.span_of(self.source, window_ms)),
            Reference::Low { window_ms, .. } | Reference::High { window_ms, .. } => {
                Some(needs.extremes_of(self.source, window_ms))
            }
            Reference::PrevClose | Reference::Anchor(_) => None,
        };
        Box::new(Distance { what: *self, span })
    }
}

#[derive(Debug)]
struct Distance {
    what: Moved,
    span: Option<Span>,
}

impl Distance {
    fn reference(&self, view: &View<'_>) -> Option<Decimal> {
        let from = |warmup: Warmup, price: Option<Decimal>| {
            let before = self.span.and_then(|span| view.before(span));
            // An empty window holds the latest price alone, which the last one before it is.
            if before.is_some() || warmup == Warmup::Partial { price.or(before) } else { None }
        };
        match self.what.reference {
            Reference::Start { warmup, .. } => {
                let before = view.before(self.span?);
                before.or_else(|| (warmup == Warmup::Partial).then(|| view.first(self.span?)).flatten())
            }
            Reference::Low { warmup, .. } => from(warmup, view.low(self.span?)),
            Reference::High { warmup, .. } => from(warmup, view.high(self.span?)),
            Reference::PrevClose => view.prev_close,
            Reference::Anchor(anchor) => Some(anchor),
        }
    }
}

impl Distance {
    /// A rise in the direction that is watched.
    fn towards(&self, up: i128) -> Option<i128> {
        match self.what.direction {
            Direction::Up => Some(up),
            Direction::Down => up.checked_neg(),
            Direction::Both => up.checked_abs(),
        }
    }
}

impl Signal for Distance {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let (price, reference) = (view.source(self.what.source)?, self.reference(view)?);
        if let (true, Some(price), Some(reference)) = (self.what.share, quick(price), quick(reference)) {
            // Small numbers are cheaper, and their ratio is the same.
            let up = i128::from(price) - i128::from(reference);
            return Reading::ratio(self.towards(up)?, i128::from(reference));
        }
        let (price, reference) = (exact(price), exact(reference));
        let up = price.checked_sub(reference)?;
        let moved = self.towards(up)?;
        if self.what.share {
            Reading::ratio(moved, reference)
        } else {
            Some(Reading::scaled(moved, PRICE_SCALE))
        }
    }

    fn due(&self, view: &View<'_>) -> i64 {
        self.span.map_or(crate::signal::NEVER, |span| view.turns(span))
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        let (price, reference) = (view.source(self.what.source), self.reference(view));
        fields.push(("ref", reference.into()));
        if let Some((price, reference)) = price.zip(reference) {
            let share = crate::fixed::percent_change(exact(price), exact(reference));
            fields.push(("change_pct", share.into()));
            let up = if price < reference { "down" } else { "up" };
            fields.push(("direction", up.into()));
        }
        if let Some(span) = self.span {
            fields.push(("window_ms", span.span_ms.into()));
        }
    }
}
