//! `cvd` with `cross`: the instant at which the cumulative difference passes a value.
//!
//! Touching counts, once until it went back; the first value only says on which side it is. At the
//! anchor it is nought again, which passes nothing. A late trade changes the difference and passes
//! nothing by itself.

use super::Fill;
use super::cross::DIRECTIONS;
use super::cvd::{self, Cvd, Delta};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::SUM_SCALE;
use crate::rule::Direction;
use crate::say::{num, num_wide};
use crate::signal::{Edge, Fields, Happening, pack, unpack};
use serde::Serialize;
use tradehook_decimal::{Decimal, Wide};

/// What passes, and what it passes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct CvdCross {
    of: Cvd,
    level: Decimal,
    direction: Direction,
}

/// Its keys.
pub(super) const KEYS: &[&str] = &["anchor", "measure", "cross", "direction"];

pub(super) fn read_instant(when: &mut Reader<'_>, around: Around<'_>) -> Option<CvdCross> {
    let (of, level) = (cvd::read(when, around), when.money("cross"));
    let direction = when.choice("direction", DIRECTIONS).unwrap_or(Direction::Both);
    Some(CvdCross { of: of?, level: level?, direction })
}

impl CvdCross {
    pub(super) fn build(self, needs: &mut Needs<'_>) -> Box<dyn Edge> {
        Box::new(Passing { what: self, delta: self.of.delta(needs), side: 0, fired: 0 })
    }

    pub(super) fn words(self) -> String {
        format!("{} passes {}", self.of.words(), num(self.level))
    }
}

#[derive(Debug)]
struct Passing {
    what: CvdCross,
    delta: Delta,
    /// The side of the level on which it was last: -1, 1, or 0 before that.
    side: i8,
    /// The direction that fired since it was last beyond the level: 1 up, -1 down.
    fired: i8,
}

impl Passing {
    fn forget(&mut self) {
        (self.side, self.fired) = (0, 0);
    }

    /// The direction in which `difference` passes `level`, if it does.
    fn step(&mut self, difference: i128, level: i128) -> Option<bool> {
        let at = match difference.cmp(&level) {
            std::cmp::Ordering::Less => -1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 1,
        };
        // Touching counts, and only once until it went back.
        let passes = |from: i8| self.side == from && self.fired != -from && at != from;
        let passed = if passes(-1) {
            Some(true)
        } else if passes(1) {
            Some(false)
        } else {
            None
        };
        if let Some(up) = passed {
            self.fired = if up { 1 } else { -1 };
        }
        if at != 0 {
            if self.side != 0 && at == self.side && self.fired == -at {
                self.fired = 0;
            }
            self.side = at;
        }
        passed
    }
}

impl Edge for Passing {
    fn trade(&mut self, fill: &Fill, view: &View<'_>, out: &mut Vec<Happening>) {
        if self.delta.sums.trade(fill, view) {
            self.forget();
        }
        let scale = Wide::from(self.what.level).to_fixed(SUM_SCALE);
        let Some((difference, level)) = self.delta.difference(view).zip(scale) else { return };
        let Some(up) = self.step(difference, level) else { return };
        if !(if up { self.what.direction.up() } else { self.what.direction.down() }) {
            return;
        }
        let (way, value) = (if up { "up" } else { "down" }, Wide::new(difference, SUM_SCALE));
        let mut fields: Fields = vec![
            ("value", value.into()),
            ("threshold", self.what.level.into()),
            ("level", self.what.level.into()),
            ("direction", way.into()),
        ];
        self.delta.fields(view, &mut fields);
        let words = self.what.of.words();
        let title = format!("{words} passed {} {way}ward: {}", num(self.what.level), num_wide(value));
        out.push(Happening { title, fields, severity: None });
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        if self.delta.sums.trade(fill, view) {
            self.forget();
        }
    }

    fn tick(&mut self, view: &View<'_>) {
        if self.delta.sums.tick(view) {
            self.forget();
        }
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        if let Some(difference) = self.delta.difference(view) {
            fields.push(("value", Wide::new(difference, SUM_SCALE).into()));
        }
        self.delta.fields(view, fields);
    }

    fn save(&self) -> Vec<u8> {
        pack(&(self.delta.sums.save(), self.side, self.fired))
    }

    fn load(&mut self, bytes: &[u8]) {
        if let Some((sums, side, fired)) = unpack::<(Vec<u8>, i8, i8)>(bytes) {
            self.delta.sums.load(&sums);
            (self.side, self.fired) = (side, fired);
        }
    }
}
