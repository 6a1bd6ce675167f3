//! `price`: a level on the latest price. Entering is inclusive, leaving is its exact complement.

use super::exactly_one;
use crate::config::{Around, Faults, Reader, SOURCES};
use crate::engine::Band;
use crate::fixed::exact;
use crate::rule::Source;
use crate::say::num;
use serde::Serialize;
use serde_json::Value;
use tradehook_decimal::Decimal;

/// A zone of prices.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Price {
    pub(crate) source: Source,
    zone: Zone,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
enum Zone {
    Above { level: Decimal, clear: Decimal },
    Below { level: Decimal, clear: Decimal },
    Inside { low: Decimal, high: Decimal },
    Outside { low: Decimal, high: Decimal, margin: Decimal },
}

pub(super) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<Price> {
    let keys = &["kind", "above", "below", "inside", "outside", "clear", "clear_margin", "source"];
    let mut when = Reader::new(value, path, keys, faults)?;
    let source = source(&mut when, around);
    let form = exactly_one(&mut when, &["above", "below", "inside", "outside"])?;
    if when.has("clear") && !matches!(form, "above" | "below") {
        when.fault("clear", format!("`clear` with `{form}`"), "`clear_margin` with `outside`");
    }
    if when.has("clear_margin") && form != "outside" {
        when.fault(
            "clear_margin",
            format!("`clear_margin` with `{form}`"),
            "`clear` with `above` or `below`",
        );
    }
    let zone = match form {
        "above" | "below" => {
            let level = when.money(form)?;
            let clear = if when.has("clear") { when.money("clear")? } else { level };
            if form == "above" {
                if clear > level {
                    when.fault(
                        "clear",
                        format!("{clear} is above the level {level}"),
                        format!("at most {level}"),
                    );
                }
                Zone::Above { level, clear }
            } else {
                if clear < level {
                    when.fault(
                        "clear",
                        format!("{clear} is below the level {level}"),
                        format!("at least {level}"),
                    );
                }
                Zone::Below { level, clear }
            }
        }
        _ => {
            let (low, high) = when.range(form)?;
            let margin = when.money("clear_margin").unwrap_or_default();
            let width = exact(high).saturating_sub(exact(low));
            if margin < Decimal::ZERO || exact(margin).saturating_mul(2) > width {
                when.fault("clear_margin", "leaves no room between the bounds", "at most half the range");
            }
            if form == "inside" { Zone::Inside { low, high } } else { Zone::Outside { low, high, margin } }
        }
    };
    Some(Price { source, zone })
}

/// The source of this rule, written beside `when` or in it.
pub(super) fn source(when: &mut Reader<'_>, around: Around<'_>) -> Source {
    let inner = when.choice("source", SOURCES);
    if inner.is_some() && around.source.is_some() {
        when.fault("source", "`source` twice", "once: beside `when` or in it");
    }
    inner.or(around.source).unwrap_or_default()
}

impl Price {
    /// The bounds at which truth changes.
    pub(crate) fn band(&self) -> Band {
        let free = Band::NEVER;
        match self.zone {
            Zone::Above { level, clear } => Band { up_in: exact(level), up_out: exact(clear), ..free },
            Zone::Below { level, clear } => Band { down_in: exact(level), down_out: exact(clear), ..free },
            Zone::Inside { low, high } => Band {
                up_in: exact(high) + 1,
                up_out: exact(high) + 1,
                down_in: exact(low) - 1,
                down_out: exact(low) - 1,
                inverted: true,
            },
            Zone::Outside { low, high, margin } => Band {
                up_in: exact(high) + 1,
                up_out: exact(high) - exact(margin) + 1,
                down_in: exact(low) - 1,
                down_out: exact(low) + exact(margin) - 1,
                inverted: false,
            },
        }
    }

    /// "at or above 100,000,000".
    pub(crate) fn words(&self) -> String {
        match self.zone {
            Zone::Above { level, .. } => format!("at or above {}", num(level)),
            Zone::Below { level, .. } => format!("at or below {}", num(level)),
            Zone::Inside { low, high } => format!("within {} to {}", num(low), num(high)),
            Zone::Outside { low, high, .. } => format!("outside {} to {}", num(low), num(high)),
        }
    }

    /// The bounds as named values: the first is the threshold.
    pub(crate) fn bounds(&self) -> Vec<(&'static str, Decimal)> {
        match self.zone {
            Zone::Above { level, clear } | Zone::Below { level, clear } => {
                vec![("threshold", level), ("clear", clear)]
            }
            Zone::Inside { low, high } | Zone::Outside { low, high, .. } => {
                vec![("threshold", high), ("low", low), ("high", high)]
            }
        }
    }
}
