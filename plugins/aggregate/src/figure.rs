//! The figures of one market: averages, sums and statistics, told at even times.
//!
//! Every figure is told at the multiples `b` of its `every`, as soon as the market's clock has
//! passed `b`, over the trades up to and including `b`. Nothing is told where nothing changed, and
//! of several steps that passed in silence only the last. Trades are kept as panes of a step each;
//! as a window is a whole number of steps, its edges are exact.
//!
//! Owns when something is told, and what all records have in common. What each figure is stands in
//! a file of its own.

mod ewma;
mod flow;
mod quantiles;
mod rolling;
mod twap;

use crate::{
    config::{Figure as Sort, FigureSpec, Measure, Over, Sample},
    series::Moment,
    sum::Fill,
};
use serde::{Deserialize, Serialize};
use tradehook_sdk::{Out, Record};

/// The state of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Figure {
    Flow(flow::Sums),
    Twap(twap::Twap),
    Rolling(rolling::Rolling),
    Ewma(ewma::Ewma),
    Quantiles(quantiles::Quantiles),
}

/// Which step was told, or passed over, last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Beat {
    passed: Option<i64>,
}

impl Beat {
    /// The step that the clock has newly passed.
    #[inline]
    fn passes(&mut self, now: i64, every: i64) -> Option<i64> {
        let step = (now - 1).div_euclid(every);
        if self.passed.is_some_and(|passed| step <= passed) {
            return None;
        }
        self.passed = Some(step);
        Some(step)
    }

    /// Whether a trade of this step is too old for a window of so many steps.
    fn has_left(&self, step: i64, window_steps: i64) -> bool {
        self.passed.is_some_and(|passed| step <= passed + 1 - window_steps)
    }
}

/// The step at whose end a trade is first told.
#[inline]
fn step_of(ts: i64, every: i64) -> i64 {
    (ts - 1).div_euclid(every) + 1
}

/// What is left out of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LeftOut {
    late: u64,
    inexact: u64,
}

/// The beginning that all records have in common.
fn record(topic: &str, at: &Moment<'_>, now: i64, span: i64) -> Record {
    Record::new(topic).with("market", at.market).with("at_ms", now).with("window_ms", span)
}

/// The end that they have in common.
fn say(record: Record, spec: &FigureSpec, at: &Moment<'_>, over: (i64, i64), out: &mut Out) {
    // Of (a, b] the gap test takes [a + 1, b + 1).
    let record = record.with("incomplete", at.touched(over.0 + 1, over.1 + 1));
    out.record(match &spec.id {
        Some(id) => record.with("id", id.as_str()),
        None => record,
    });
}

/// What is sampled of a trade, as `mantissa / 10^scale`.
#[inline]
fn sample(of: Sample, fill: &Fill) -> (i128, u8) {
    match of {
        Sample::Price => (i128::from(fill.price.mantissa()), fill.price.scale()),
        Sample::Of(measure) => fill.measure(measure),
    }
}

/// How records call what is sampled.
fn sample_name(of: Sample) -> &'static str {
    match of {
        Sample::Price => "price",
        Sample::Of(Measure::Volume) => "volume",
        Sample::Of(Measure::Notional) => "notional",
        Sample::Of(Measure::Count) => "count",
    }
}

impl Figure {
    /// The state of a figure of which nothing is known yet.
    pub(crate) fn new(spec: &FigureSpec) -> Self {
        match &spec.figure {
            Sort::Flow(..) => Self::Flow(flow::Sums::default()),
            Sort::Twap(_) => Self::Twap(twap::Twap::default()),
            Sort::Rolling(..) => Self::Rolling(rolling::Rolling::default()),
            Sort::Ewma(_) => Self::Ewma(ewma::Ewma::default()),
            Sort::Quantiles(..) => Self::Quantiles(quantiles::Quantiles::default()),
        }
    }

    /// One trade.
    #[inline]
    pub(crate) fn trade(&mut self, spec: &FigureSpec, fill: &Fill, at: &Moment<'_>, out: &mut Out) {
        self.clock(spec, at, out);
        match (self, &spec.figure) {
            (Self::Flow(state), Sort::Flow(what, over)) => state.trade(spec, *what, over, fill, at, out),
            (Self::Twap(state), Sort::Twap(_)) => state.trade(spec, fill),
            (Self::Rolling(state), Sort::Rolling(of, window)) => state.trade(spec, *of, *window, fill),
            (Self::Ewma(state), Sort::Ewma(_)) => state.trade(fill),
            (Self::Quantiles(state), Sort::Quantiles(of, window, _)) => {
                state.trade(spec, *of, *window, fill);
            }
            // A state goes with the definition it was built under.
            _ => {}
        }
    }

    /// The clock: tells the figure when a step has passed.
    #[inline]
    pub(crate) fn clock(&mut self, spec: &FigureSpec, at: &Moment<'_>, out: &mut Out) {
        match (self, &spec.figure) {
            (Self::Flow(state), Sort::Flow(what, over)) => state.clock(spec, *what, over, at, out),
            (Self::Twap(state), Sort::Twap(window)) => state.clock(spec, *window, at, out),
            (Self::Rolling(state), Sort::Rolling(of, window)) => state.clock(spec, *of, *window, at, out),
            (Self::Ewma(state), Sort::Ewma(half_life)) => state.clock(spec, *half_life, at, out),
            (Self::Quantiles(state), Sort::Quantiles(of, window, parts)) => {
                state.clock(spec, *of, *window, parts, at, out);
            }
            _ => {}
        }
    }

    /// As [`crate::series::Series::left_out`].
    pub(crate) fn left_out(&self) -> (u64, u64) {
        let LeftOut { late, inexact } = match self {
            Self::Flow(state) => state.left,
            Self::Twap(state) => state.left,
            Self::Rolling(state) => state.left,
            Self::Ewma(state) => state.left,
            Self::Quantiles(state) => state.left,
        };
        (late, inexact)
    }
}

impl Over {
    /// The window's steps, where it is a window.
    fn window(&self) -> Option<i64> {
        match self {
            Self::Window(window) => Some(*window),
            Self::Since(_) => None,
        }
    }
}
