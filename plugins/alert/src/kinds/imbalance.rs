//! `imbalance`: a level on how one-sided trading was: `(bought - sold) / (bought + sold)`.
//!
//! In notional, from -1 (only sellers were takers) to 1. Unknown while less than `min_notional` was
//! traded.

use super::stretch::{Stretch, Sums};
use super::{Fill, MAX_WINDOW_DAYS, Measure, positive};
use crate::bounds::{BOUND_KEYS, Bounds, Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::SUM_SCALE;
use crate::rule::Taker;
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_decimal::{Decimal, Wide};

/// Within how long, and from how much on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Imbalance {
    window_ms: i64,
    min_notional: Option<Decimal>,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["window", "min_notional"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Imbalance> {
    let min_notional = when.money("min_notional");
    let min_notional = positive(when, "min_notional", min_notional);
    Some(Imbalance { window_ms: when.span("window", MAX_WINDOW_DAYS)?, min_notional })
}

/// Bounds that an imbalance can reach.
pub(super) fn bounds(when: &mut Reader<'_>, what: &Imbalance) -> Option<Bounds> {
    let bounds = Bounds::read(when, what.unit())?;
    if bounds.limits(1).iter().any(|(_, limit)| limit.near().abs() > 1.0) {
        let key = BOUND_KEYS.iter().copied().find(|key| when.has(key)).unwrap_or_default();
        when.fault(key, "a threshold beyond every imbalance", "-1 to 1, or \"-100%\" to \"100%\"");
        return None;
    }
    Some(bounds)
}

impl Imbalance {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Ratio
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let sides = [(Measure::Notional, Some(Taker::Buy)), (Measure::Notional, Some(Taker::Sell))];
        let sums = Sums::new(Stretch::Window { window_ms: self.window_ms }, sides, needs);
        let least = self.min_notional.map_or(0, |least| Measure::Notional.bound(least));
        Box::new(Flows { sums, least })
    }

    pub(super) fn words(&self) -> String {
        format!("imbalance of buyers and sellers {}", Stretch::Window { window_ms: self.window_ms }.words())
    }
}

#[derive(Debug)]
struct Flows {
    sums: Sums<2>,
    least: i128,
}

impl Signal for Flows {
    fn trade(&mut self, fill: &Fill, view: &View<'_>) {
        self.sums.trade(fill, view);
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let [bought, sold] = self.sums.values(view)?;
        let both = bought.checked_add(sold)?;
        if both < self.least { None } else { Reading::ratio(bought - sold, both) }
    }

    fn due(&self, view: &View<'_>) -> i64 {
        self.sums.due(view)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !self.sums.covered(view)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        if let Some([bought, sold]) = self.sums.values(view) {
            fields.push(("buy_notional", Wide::new(bought, SUM_SCALE).into()));
            fields.push(("sell_notional", Wide::new(sold, SUM_SCALE).into()));
        }
        self.sums.describe(fields);
    }
}
