//! `cvd`: the cumulative difference of what buyers and sellers took, since an anchor.
//!
//! Unknown until an anchor was reached that was seen; since the start, a stretch that nobody saw
//! makes it partial only, because no other anchor comes.

use super::stretch::{DAY_MS, Stretch, Sums};
use super::{Fill, Measure};
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::SUM_SCALE;
use crate::rule::Taker;
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_decimal::Wide;
use tradehook_sdk::config::duration_ms;

/// What is counted, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Cvd {
    anchor: Stretch,
    measure: Measure,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["anchor", "measure"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Cvd> {
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

impl Cvd {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(self) -> Unit {
        Unit::Money
    }

    pub(super) fn delta(self, needs: &mut Needs<'_>) -> Delta {
        let sides = [(self.measure, Some(Taker::Buy)), (self.measure, Some(Taker::Sell))];
        Delta { sums: Sums::new(self.anchor, sides, needs), from_start: self.anchor == Stretch::Start }
    }

    pub(super) fn build(self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        Box::new(self.delta(needs))
    }

    pub(super) fn words(self) -> String {
        format!("bought less sold {} {}", self.measure.word(), self.anchor.words())
    }
}

/// The sums that it is the difference of.
#[derive(Debug)]
pub(super) struct Delta {
    pub(super) sums: Sums<2>,
    from_start: bool,
}

impl Delta {
    /// At scale 16.
    pub(super) fn difference(&self, view: &View<'_>) -> Option<i128> {
        let [bought, sold] = self.sums.values(view)?;
        (self.from_start || self.sums.covered(view)).then_some(bought - sold)
    }

    pub(super) fn fields(&self, view: &View<'_>, fields: &mut Fields) {
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
