//! `trade_strength`: a level on 체결강도, `100 * bought / sold`, as the venue computes it.
//!
//! In volumes, since 00:00 UTC or in a window. Unknown while nothing was sold. A day that was not
//! seen from its beginning is told as partial.

use super::stretch::{self, Stretch, Sums};
use super::{Fill, Measure};
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::SUM_SCALE;
use crate::rule::Taker;
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_decimal::Wide;

/// How far back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TradeStrength {
    stretch: Stretch,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["window", "since"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<TradeStrength> {
    stretch::read(when).map(|stretch| TradeStrength { stretch })
}

impl TradeStrength {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Plain
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let sides = [(Measure::Volume, Some(Taker::Buy)), (Measure::Volume, Some(Taker::Sell))];
        Box::new(Strength(Sums::new(self.stretch, sides, needs)))
    }

    pub(super) fn words(&self) -> String {
        format!("trade strength {}", self.stretch.words())
    }
}

#[derive(Debug)]
struct Strength(Sums<2>);

impl Signal for Strength {
    fn trade(&mut self, fill: &Fill, view: &View<'_>) {
        self.0.trade(fill, view);
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        self.0.trade(fill, view);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.0.tick(view);
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let [bought, sold] = self.0.values(view)?;
        Reading::ratio(bought.checked_mul(100)?, sold)
    }

    fn due(&self, view: &View<'_>) -> i64 {
        self.0.due(view)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !self.0.covered(view)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        if let Some([bought, sold]) = self.0.values(view) {
            fields.push(("buy_volume", Wide::new(bought, SUM_SCALE).into()));
            fields.push(("sell_volume", Wide::new(sold, SUM_SCALE).into()));
        }
        self.0.describe(fields);
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn load(&mut self, bytes: &[u8]) {
        self.0.load(bytes);
    }
}
