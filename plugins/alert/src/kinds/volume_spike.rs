//! `volume_spike`: a level on how far the volume of a window stands out from what is usual.
//!
//! Usual is what the latest closed buckets of the window's size say: aligned to the Unix epoch, one
//! without trades is nought, and the open one is none of them. It is unknown until enough of them
//! were seen whole. A window below `min_current`, or a usual below `min_baseline`, is no spike.

use super::stretch::{Birth, flow};
use super::volume::{MEASURES, SIDES};
use super::{Fill, MAX_WINDOW_DAYS, Measure, positive};
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, Total, View};
use crate::maths::{Baseline, Buckets, Method, Spike};
use crate::rule::Taker;
use crate::say::span;
use crate::signal::{Fields, Signal, pack, unpack};
use serde::Serialize;
use tradehook_decimal::Decimal;
use tradehook_sdk::Value;

/// The most buckets: a day of minutes, so that 300 markets of them are 7 MB.
const MAX_BUCKETS: u32 = 1440;

/// What stands out, and from what.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct VolumeSpike {
    pub(super) window_ms: i64,
    pub(super) measure: Measure,
    pub(super) side: Option<Taker>,
    method: Method,
    buckets: u32,
    min_buckets: u32,
    min_current: Option<Decimal>,
    min_baseline: Option<Decimal>,
}

/// The keys beside the bounds, of which there is `k` instead of `above`.
pub(super) const KEYS: &[&str] = &[
    "window",
    "measure",
    "side",
    "method",
    "k",
    "buckets",
    "min_buckets",
    "min_current",
    "min_baseline",
    "sd_floor",
    "floor",
    "half_life",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Ratio,
    Z,
    Robust,
    Ewma,
}

const METHODS: &[(&str, Word)] =
    &[("ratio", Word::Ratio), ("z", Word::Z), ("robust", Word::Robust), ("ewma", Word::Ewma)];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<VolumeSpike> {
    if !when.has("method") {
        when.fault("", "`method` is missing", "ratio, z, robust or ewma");
    }
    let measure = when.choice("measure", MEASURES).unwrap_or_default();
    read_as(when, "method", measure)
}

/// The same for a known measure, and with the method under another key.
pub(super) fn read_as(when: &mut Reader<'_>, method: &str, measure: Measure) -> Option<VolumeSpike> {
    let word = when.choice(method, METHODS);
    for (key, only, name) in
        [("sd_floor", Word::Z, "z"), ("floor", Word::Robust, "robust"), ("half_life", Word::Ewma, "ewma")]
    {
        if when.has(key) && word.is_some_and(|word| word != only) {
            when.fault(key, format!("`{key}` with another method"), format!("only \"{name}\" has it"));
        }
    }
    let floor = |value: Option<Decimal>| value.map_or(0.0, |value| value.to_f64() * measure.unit());
    let (sd_floor, floor_of_robust) = (floor(when.money("sd_floor")), floor(when.money("floor")));
    let half_life = when.count("half_life");
    let buckets = when.count("buckets").unwrap_or(60);
    if buckets > MAX_BUCKETS {
        when.fault("buckets", format!("{buckets} buckets"), format!("at most {MAX_BUCKETS}"));
    }
    let min_buckets = when.count("min_buckets").unwrap_or(buckets);
    if min_buckets > buckets {
        let message = format!("more than the {buckets} buckets there are");
        when.fault("min_buckets", message, format!("1 to {buckets}"));
    }
    let mut least = |key: &str| {
        let value = when.money(key);
        positive(when, key, value)
    };
    let (min_current, min_baseline) = (least("min_current"), least("min_baseline"));
    let side = when.choice("side", SIDES);
    let window_ms = when.span("window", MAX_WINDOW_DAYS)?;
    let method = match word? {
        Word::Ratio => Method::Ratio,
        Word::Z => Method::Z { floor: sd_floor },
        Word::Robust => Method::Robust { floor: floor_of_robust },
        // Half of the weight within the younger quarter of the buckets; chosen.
        Word::Ewma => Method::Ewma { half_life: half_life.unwrap_or((buckets / 4).max(1)) },
    };
    Some(VolumeSpike { window_ms, measure, side, method, buckets, min_buckets, min_current, min_baseline })
}

impl VolumeSpike {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Plain
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let bound = |least: Option<Decimal>| least.map(|least| self.measure.bound(least));
        Box::new(Standing {
            current: needs.total(self.window_ms, self.measure, self.side),
            buckets: Buckets::new(self.window_ms, self.buckets),
            birth: Birth::default(),
            baseline: None,
            seen: None,
            min_current: bound(self.min_current).unwrap_or(0),
            min_baseline: bound(self.min_baseline),
            what: self.clone(),
        })
    }

    pub(super) fn words(&self) -> String {
        let whose = match self.side {
            None => "",
            Some(Taker::Buy) => "buy ",
            Some(Taker::Sell) => "sell ",
        };
        let what = if self.measure == Measure::Count { "number of trades" } else { self.measure.word() };
        format!("{whose}{what} in {} {}", span(self.window_ms), self.than())
    }

    /// What its value counts.
    fn than(&self) -> String {
        let what = match self.method {
            Method::Ratio => "as a multiple of the mean",
            Method::Z { .. } => "in standard deviations from the mean",
            Method::Robust { .. } => "in robust deviations from the median",
            Method::Ewma { .. } => "as a multiple of the weighted mean",
        };
        format!("{what} of {} buckets", self.buckets)
    }

    fn word(&self) -> &'static str {
        match self.method {
            Method::Ratio => "ratio",
            Method::Z { .. } => "z",
            Method::Robust { .. } => "robust",
            Method::Ewma { .. } => "ewma",
        }
    }
}

#[derive(Debug)]
struct Standing {
    what: VolumeSpike,
    current: Total,
    buckets: Buckets,
    birth: Birth,
    baseline: Option<Baseline>,
    /// Of which edition and coverage the baseline is.
    seen: Option<(u64, i64)>,
    min_current: i128,
    min_baseline: Option<i128>,
}

impl Standing {
    fn refresh(&mut self, view: &View<'_>) {
        let cover_from = self.birth.cover_from(view);
        let seen = Some((self.buckets.edition(), cover_from));
        if self.seen != seen {
            self.seen = seen;
            self.baseline = self.what.method.baseline(self.buckets.closed(cover_from));
        }
    }

    fn take(&mut self, fill: &Fill, view: &View<'_>) {
        self.birth.at(fill.at_ms);
        self.buckets.advance(view.now_ms);
        let counts = self.what.side.is_none_or(|side| (side == Taker::Sell) == fill.sell);
        if counts {
            self.buckets.add(fill.at_ms, flow(fill).map(|flow| self.what.measure.of(&flow)));
        }
        self.refresh(view);
    }

    /// What the buckets say, once there are enough of them.
    fn usual(&self) -> Option<&Baseline> {
        self.baseline.as_ref().filter(|baseline| baseline.count >= self.what.min_buckets)
    }

    /// Whether the usual is too little to be measured by.
    fn thin(&self, baseline: &Baseline) -> bool {
        self.min_baseline.is_some_and(|least| match self.what.method {
            Method::Ratio | Method::Z { .. } => {
                least.checked_mul(i128::from(baseline.count)).is_none_or(|least| baseline.sum < least)
            }
            #[expect(clippy::cast_precision_loss, reason = "statistics")]
            Method::Robust { .. } | Method::Ewma { .. } => baseline.centre < least as f64,
        })
    }
}

impl Signal for Standing {
    fn trade(&mut self, fill: &Fill, view: &View<'_>) {
        self.take(fill, view);
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        self.take(fill, view);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.buckets.advance(view.now_ms);
        self.refresh(view);
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let (baseline, current) = (self.usual()?, view.sum(self.current)?.value);
        if current < self.min_current {
            return Some(Reading::count(0));
        }
        let spike = self.what.method.measure(current, baseline)?;
        if self.thin(baseline) {
            return Some(Reading::count(0));
        }
        match spike {
            Spike::Exact(num, den) => Reading::ratio(num, den),
            Spike::Approx(value) => Reading::approx(value),
        }
    }

    fn due(&self, view: &View<'_>) -> i64 {
        view.turns(self.current.span).min(self.buckets.closes_at().unwrap_or(i64::MAX))
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        let measure = self.what.measure;
        if let Some(sum) = view.sum(self.current) {
            fields.push(("current", measure.wide(sum.value).into()));
        }
        if let Some(baseline) = self.baseline.as_ref() {
            fields.push(("baseline", Value::Float(baseline.centre / measure.unit())));
            fields.push(("buckets", i64::from(baseline.count).into()));
        }
        fields.push(("method", self.what.word().into()));
        fields.push(("measure", measure.word().into()));
        fields.push(("window_ms", self.what.window_ms.into()));
    }

    fn save(&self) -> Vec<u8> {
        pack(&(&self.buckets, self.birth))
    }

    fn load(&mut self, bytes: &[u8]) {
        if let Some(saved) = unpack(bytes) {
            (self.buckets, self.birth) = saved;
            self.seen = None;
        }
    }
}
