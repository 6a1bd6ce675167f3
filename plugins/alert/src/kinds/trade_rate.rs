//! `trade_rate`: a level on how many trades there were in a window.

use super::change::WARMUPS;
use super::volume::SIDES;
use super::{MAX_WINDOW_DAYS, Measure, Warmup};
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, Total, View};
use crate::rule::Taker;
use crate::say::span;
use crate::signal::{Fields, Signal};
use serde::Serialize;

/// Whose trades, and within how long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TradeRate {
    window_ms: i64,
    side: Option<Taker>,
    warmup: Warmup,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["window", "side", "warmup"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<TradeRate> {
    let side = when.choice("side", SIDES);
    let warmup = when.choice("warmup", WARMUPS).unwrap_or_default();
    Some(TradeRate { window_ms: when.span("window", MAX_WINDOW_DAYS)?, side, warmup })
}

impl TradeRate {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Count
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let total = needs.total(self.window_ms, Measure::Count, self.side);
        Box::new(Rate { total, warmup: self.warmup })
    }

    pub(super) fn words(&self) -> String {
        let whose = match self.side {
            None => "",
            Some(Taker::Buy) => "buy ",
            Some(Taker::Sell) => "sell ",
        };
        format!("number of {whose}trades in {}", span(self.window_ms))
    }
}

#[derive(Debug)]
struct Rate {
    total: Total,
    warmup: Warmup,
}

impl Signal for Rate {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let sum = view.sum(self.total)?;
        (sum.covered || self.warmup == Warmup::Partial).then(|| Reading::count(sum.value))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        view.turns(self.total.span)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !view.covered(self.total.span)
    }

    fn describe(&self, _view: &View<'_>, fields: &mut Fields) {
        fields.push(("window_ms", self.total.span.span_ms.into()));
    }
}
