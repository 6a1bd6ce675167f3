//! `cvd`: the cumulative difference of what buyers and sellers took, since an anchor.
//!
//! A level on it with bounds, or with `cross` the instant at which it passes a value. Unknown until
//! an anchor was reached that was seen; since the start, a stretch that nobody saw makes it partial
//! only, because no other anchor comes. At the anchor it is nought again, which passes nothing.

use super::cross::DIRECTIONS;
use super::stretch::{DAY_MS, Stretch, Sums};
use super::{Fill, Measure};
use crate::bounds::Reading;
use crate::config::Reader;
use crate::engine::{Needs, View};
use crate::fixed::SUM_SCALE;
use crate::rule::{Direction, Taker};
use crate::say::{num, num_wide};
use crate::signal::{Edge, Fields, Happening, Signal, pack, unpack};
use serde::Serialize;
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::config::duration_ms;

/// What is counted, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Cvd {
    anchor: Stretch,
    measure: Measure,
}

/// The instant at which it passes a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct CvdCross {
    of: Cvd,
    level: Decimal,
    direction: Direction,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["anchor", "measure"];
/// Its keys as an instant.
pub(super) const CROSS_KEYS: &[&str] = &["anchor", "measure", "cross", "direction"];

pub(super) fn read(when: &mut Reader<'_>) -> Option<Cvd> {
    let measures = &[("volume", Measure::Volume), ("notional", Measure::Notional)];
    let measure = when.choice("measure", measures).unwrap_or(Measure::Volume);
    let Some(value) = when.get("anchor") else {
        when.fault("", "`anchor` is missing", "\"day\", \"start\" or a duration such as \"1h\"");
        return None;
    };
    let anchor = match value.as_str() {
        Some("day") => Some(Stretch::Every { every_ms: DAY_MS }),
        Some("start") => Some(Stretch::Start),
        text => text
            .and_then(|text| duration_ms(text).ok())
            .filter(|every_ms| *every_ms >= 1000 && DAY_MS % every_ms == 0)
            .map(|every_ms| Stretch::Every { every_ms }),
    };
    if anchor.is_none() {
        let help = "\"day\" (00:00 UTC), \"start\", or a duration that divides a day, such as \"1h\"";
        when.fault("anchor", format!("{value} is no anchor"), help);
    }
    Some(Cvd { anchor: anchor?, measure })
}

pub(super) fn read_cross(when: &mut Reader<'_>) -> Option<CvdCross> {
    let (of, level) = (read(when), when.money("cross"));
    let direction = when.choice("direction", DIRECTIONS).unwrap_or(Direction::Both);
    Some(CvdCross { of: of?, level: level?, direction })
}

impl Cvd {
    fn sums(self, needs: &mut Needs<'_>) -> Sums<2> {
        Sums::new(self.anchor, [(self.measure, Some(Taker::Buy)), (self.measure, Some(Taker::Sell))], needs)
    }

    pub(super) fn build(self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(Delta { sums: self.sums(needs), from_start: self.anchor == Stretch::Start })
    }

    pub(super) fn words(self) -> String {
        format!("bought less sold {} {}", self.measure.word(), self.anchor.words())
    }
}

impl CvdCross {
    pub(super) fn build(self, needs: &mut Needs<'_>) -> Box<dyn Edge> {
        let delta = Delta { sums: self.of.sums(needs), from_start: self.of.anchor == Stretch::Start };
        Box::new(Passing { what: self, delta, side: 0, fired: 0 })
    }

    pub(super) fn words(self) -> String {
        format!("{} passes {}", self.of.words(), num(self.level))
    }
}

#[derive(Debug)]
struct Delta {
    sums: Sums<2>,
    from_start: bool,
}

impl Delta {
    /// At scale 16.
    fn difference(&self, view: &View<'_>) -> Option<i128> {
        let [bought, sold] = self.sums.values(view)?;
        (self.from_start || self.sums.covered(view)).then_some(bought - sold)
    }

    fn fields(&self, view: &View<'_>, fields: &mut Fields) {
        if let Some([bought, sold]) = self.sums.values(view) {
            fields.push(("bought", Wide::new(bought, SUM_SCALE).into()));
            fields.push(("sold", Wide::new(sold, SUM_SCALE).into()));
        }
        self.sums.describe(fields);
    }
}

impl Signal for Delta {
    fn trade(&mut self, fill: &Fill, view: &View<'_>) {
        self.sums.trade(fill, view);
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        self.sums.trade(fill, view);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.sums.tick(view);
    }

    fn reset(&mut self) {
        self.sums.reset();
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        self.difference(view).map(|difference| Reading::scaled(difference, SUM_SCALE))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        self.sums.due(view)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !self.sums.covered(view)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        self.fields(view, fields);
    }

    fn save(&self) -> Vec<u8> {
        self.sums.save()
    }

    fn load(&mut self, bytes: &[u8]) {
        self.sums.load(bytes);
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
        let passed = if passes(-1) { Some(true) } else if passes(1) { Some(false) } else { None };
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

    fn reset(&mut self) {
        self.delta.sums.reset();
        self.forget();
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
