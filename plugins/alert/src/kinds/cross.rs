//! `cross`: the instant at which the price passes a line.
//!
//! The side is that of the latest price which was not exactly on the line, so a price on the line
//! primes nothing and a jump over it fires once.

mod edge;
mod grid;
mod line;

pub(crate) use grid::{Crossed, Grid, Memory as GridMemory};
pub(crate) use line::{Line, Memory as LineMemory};

use super::{exactly_one, positive, refuse_level_keys};
use crate::config::{Amount, Around, Faults, Reader};
use crate::fixed::{exact, pow10, ratio_ceil};
use crate::rule::{Direction, Source};
use serde::Serialize;
use serde_json::Value;
use tradehook_decimal::Decimal;

/// Lines and how they are watched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Cross {
    pub(crate) source: Source,
    pub(crate) lines: Lines,
    pub(crate) shape: Shape,
}

/// What is the same for every line of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Shape {
    pub(crate) direction: Direction,
    /// Whether reaching the line is enough.
    pub(crate) touch: bool,
    pub(crate) rearm: Option<Amount>,
}

/// Which lines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Lines {
    Levels(Vec<Decimal>),
    /// Every `step` from the anchor (`None`: the previous close), both ways.
    Grid {
        step: Amount,
        anchor: Option<Decimal>,
    },
}

impl Shape {
    /// How far behind the line `level` the price must go back; 0: only to the other side. `None`
    /// when it does not fit.
    pub(crate) fn rearm_of(&self, level: i128) -> Option<i128> {
        match self.rearm {
            None => Some(0),
            Some(Amount::Plain(amount)) => Some(exact(amount)),
            Some(Amount::Percent(share)) => share_of(level, share),
        }
    }
}

/// `share` percent of `value`, rounded up.
pub(crate) fn share_of(value: i128, share: Decimal) -> Option<i128> {
    ratio_ceil(value.checked_abs()?, i128::from(share.mantissa()), i128::from(pow10(share.scale())) * 100)
}

/// The words for `direction`.
pub(super) const DIRECTIONS: &[(&str, Direction)] =
    &[("up", Direction::Up), ("down", Direction::Down), ("both", Direction::Both)];

/// The keys beside `kind`.
pub(super) const KEYS: &[&str] =
    &["level", "levels", "step", "anchor", "touch", "direction", "rearm", "source"];

pub(super) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<Cross> {
    let keys: Vec<&str> = ["kind"].iter().chain(KEYS).chain(super::LEVEL_KEYS).copied().collect();
    let mut when = Reader::new(value, path, &keys, faults)?;
    refuse_level_keys(&mut when, "cross");
    read_instant(&mut when, around)
}

pub(super) fn read_instant(when: &mut Reader<'_>, around: Around<'_>) -> Option<Cross> {
    let source = super::price::source(when, around);
    let direction = when.choice("direction", DIRECTIONS).unwrap_or(Direction::Both);
    let touch = when.flag("touch").unwrap_or(true);
    let rearm = when.amount("rearm");
    if let Some(Amount::Plain(amount) | Amount::Percent(amount)) = rearm {
        positive(when, "rearm", Some(amount));
    }
    let form = exactly_one(when, &["level", "levels", "step"])?;
    if form != "step" && when.has("anchor") {
        when.fault("anchor", format!("`anchor` with `{form}`"), "`anchor` belongs to `step`");
    }
    let lines = match form {
        "level" => Lines::Levels(vec![when.money("level")?]),
        "levels" => Lines::Levels(levels(when)?),
        _ => grid(when)?,
    };
    if let Lines::Levels(levels) = &lines {
        for level in levels {
            positive(when, form, Some(*level))?;
        }
    }
    Some(Cross { source, lines, shape: Shape { direction, touch, rearm } })
}

fn levels(when: &mut Reader<'_>) -> Option<Vec<Decimal>> {
    let mut levels = when.monies("levels")?;
    let given = levels.len();
    levels.sort_unstable();
    levels.dedup();
    if given == 0 || given > 1000 || levels.len() < given {
        when.fault("levels", "empty, more than 1000, or one level twice", "1 to 1000 different levels");
        return None;
    }
    Some(levels)
}

fn grid(when: &mut Reader<'_>) -> Option<Lines> {
    let step = when.amount("step")?;
    let (Amount::Plain(width) | Amount::Percent(width)) = step;
    positive(when, "step", Some(width))?;
    let prev_close = when.get("anchor").and_then(Value::as_str) == Some("prev_close");
    let anchor = match (when.has("anchor"), step) {
        (true, _) if prev_close => None,
        (true, _) => Some(when.money("anchor")?),
        (false, Amount::Plain(_)) => Some(Decimal::ZERO),
        (false, Amount::Percent(_)) => None,
    };
    if matches!(step, Amount::Percent(_)) && anchor.is_some_and(|a| !a.is_positive()) {
        when.fault("anchor", "a share of nothing", "a price above nought, or \"prev_close\"");
        return None;
    }
    Some(Lines::Grid { step, anchor })
}
