//! `volume` as a signal: what was traded in a window.

use super::change::WARMUPS;
use super::volume::{MEASURES, SIDES};
use super::{MAX_WINDOW_DAYS, Measure, Warmup};
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, Total, View};
use crate::rule::Taker;
use crate::say::span;
use crate::signal::{Fields, Signal};
use serde::Serialize;

/// What is summed over how long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Traded {
    measure: Measure,
    side: Option<Taker>,
    window_ms: i64,
    warmup: Warmup,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["measure", "side", "window", "warmup"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Traded> {
    let measure = when.choice("measure", MEASURES).unwrap_or_default();
    let side = when.choice("side", SIDES);
    let warmup = when.choice("warmup", WARMUPS).unwrap_or_default();
    Some(Traded { measure, side, window_ms: when.span("window", MAX_WINDOW_DAYS)?, warmup })
}

impl Traded {
    pub(super) fn unit(&self) -> Unit {
        match self.measure {
            Measure::Count => Unit::Count,
            Measure::Volume => Unit::Plain,
            Measure::Notional => Unit::Money,
        }
    }

    pub(super) fn words(&self) -> String {
        let whose = match self.side {
            None => "",
            Some(Taker::Buy) => "buy ",
            Some(Taker::Sell) => "sell ",
        };
        format!("{whose}{} in {}", self.measure.word(), span(self.window_ms))
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let total = needs.total(self.window_ms, self.measure, self.side);
        Box::new(Summed { total, warmup: self.warmup })
    }
}

#[derive(Debug)]
struct Summed {
    total: Total,
    warmup: Warmup,
}

impl Signal for Summed {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let sum = view.sum(self.total)?;
        let known = sum.covered || self.warmup == Warmup::Partial;
        known.then(|| Reading::scaled(sum.value, self.total.measure.scale()))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        view.turns(self.total.span)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !view.covered(self.total.span)
    }

    fn describe(&self, _view: &View<'_>, fields: &mut Fields) {
        fields.push(("measure", self.total.measure.word().into()));
        fields.push(("window_ms", self.total.span.span_ms.into()));
    }
}
