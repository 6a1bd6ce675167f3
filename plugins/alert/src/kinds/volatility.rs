//! `volatility`: a level on how much the price moved in a window, whatever its direction.
//!
//! `measure = "range"` is `(high - low) / low` and exact; `"realised"` is the root of the sum of
//! squared logarithmic returns from second to second, a statistic. A window without trades has
//! none. Unknown until the whole window was seen.

use super::stretch::Birth;
use super::{Fill, MAX_WINDOW_DAYS};
use crate::bounds::{Reading, Unit};
use crate::config::{Around, Reader};
use crate::engine::{Needs, Span, View};
use crate::fixed::exact;
use crate::maths::{self, Pulse};
use crate::say::span;
use crate::signal::{Fields, NEVER, Signal, pack, unpack};
use serde::Serialize;

/// What is measured, and within how long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Volatility {
    window_ms: i64,
    realised: bool,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["window", "measure"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Volatility> {
    let realised = when.choice("measure", &[("range", false), ("realised", true)]).unwrap_or(false);
    let window_ms = when.span("window", MAX_WINDOW_DAYS)?;
    if realised && window_ms % 1000 != 0 {
        when.fault("window", "realised volatility goes from second to second", "a window of whole seconds");
        return None;
    }
    Some(Volatility { window_ms, realised })
}

impl Volatility {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Percent
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        if self.realised {
            let (pulse, birth) = (Pulse::default(), Birth::default());
            Box::new(Realised { pulse, birth, window_ms: self.window_ms })
        } else {
            Box::new(Range(needs.extremes(self.window_ms)))
        }
    }

    pub(super) fn words(&self) -> String {
        let what = if self.realised { "realised volatility" } else { "range of the price" };
        format!("{what} in {}", span(self.window_ms))
    }
}

#[derive(Debug)]
struct Range(Span);

impl Signal for Range {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        if !view.covered(self.0) {
            return None;
        }
        let Some((low, high)) = view.low(self.0).zip(view.high(self.0)) else {
            return Some(Reading::count(0));
        };
        Reading::ratio(exact(high) - exact(low), exact(low))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        view.turns(self.0)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !view.covered(self.0)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        fields.push(("window_low", view.low(self.0).into()));
        fields.push(("window_high", view.high(self.0).into()));
        fields.push(("window_ms", self.0.span_ms.into()));
    }
}

#[derive(Debug)]
struct Realised {
    pulse: Pulse,
    birth: Birth,
    window_ms: i64,
}

impl Realised {
    /// The last time that is not in the window: a full second.
    fn edge(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.window_ms).div_euclid(1000).saturating_mul(1000)
    }
}

impl Signal for Realised {
    fn trade(&mut self, fill: &Fill, view: &View<'_>) {
        self.birth.at(fill.at_ms);
        self.pulse.trade(fill.at_ms, fill.price.to_f64());
        self.pulse.expire(self.edge(view.now_ms));
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        self.trade(fill, view);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.pulse.expire(self.edge(view.now_ms));
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        if self.partial(view) { None } else { Reading::approx(self.pulse.value()) }
    }

    fn due(&self, view: &View<'_>) -> i64 {
        let cover_from = self.birth.cover_from(view);
        let waits = if self.partial(view) && cover_from < i64::MAX {
            maths::key(cover_from, i64::MAX).saturating_add(self.window_ms)
        } else {
            NEVER
        };
        let leaves = self.pulse.oldest().map_or(NEVER, |end| maths::leaves(end, self.window_ms));
        waits.min(leaves)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        self.birth.cover_from(view) > self.edge(view.now_ms)
    }

    fn describe(&self, _view: &View<'_>, fields: &mut Fields) {
        fields.push(("window_ms", self.window_ms.into()));
    }

    fn save(&self) -> Vec<u8> {
        pack(&(&self.pulse, self.birth))
    }

    fn load(&mut self, bytes: &[u8]) {
        if let Some(saved) = unpack(bytes) {
            (self.pulse, self.birth) = saved;
        }
    }
}
