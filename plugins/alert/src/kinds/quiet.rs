//! `silence` as a signal: how long ago the last trade was, or how few there were in a window.

use super::{MAX_WINDOW_DAYS, Measure};
use crate::bounds::{Bounds, Limit, Reading, Step, Unit, Zone};
use crate::config::{Around, Reader};
use crate::engine::{Needs, Total, View};
use crate::say::span;
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_decimal::Decimal;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) enum Quiet {
    Age,
    Count { window_ms: i64 },
}

/// All keys: its thresholds have names of their own.
pub(super) const KEYS: &[&str] = &["for", "max_count", "window", "severities"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Quiet> {
    if when.has("max_count") {
        for key in ["for", "severities"] {
            if when.has(key) {
                let message = format!("`{key}` and `max_count` together");
                when.fault(key, message, "`max_count` with `window`, or `for`");
            }
        }
        return when.span("window", MAX_WINDOW_DAYS).map(|window_ms| Quiet::Count { window_ms });
    }
    if when.has("window") {
        when.fault("window", "`window` without `max_count`", "`max_count` beside it, or `for` alone");
    }
    Some(Quiet::Age)
}

/// The thresholds of a silence.
pub(super) fn bounds(when: &mut Reader<'_>, what: &Quiet) -> Option<Bounds> {
    let unit = what.unit();
    let step = |limit: Limit| Step { enter: limit, clear: limit };
    let whole = |value: i64| Decimal::new(value, 0).map(Limit::plain).map(step);
    match what {
        Quiet::Count { .. } => {
            let most = when.count_from_nought("max_count")?;
            Some(Bounds { unit, zone: Zone::Below(whole(i64::from(most))?) })
        }
        Quiet::Age if when.has("severities") => Bounds::read(when, unit),
        Quiet::Age => {
            let least = when.span("for", 7)?;
            Some(Bounds { unit, zone: Zone::Above(whole(least)?) })
        }
    }
}

impl Quiet {
    pub(super) fn unit(&self) -> Unit {
        if *self == Self::Age { Unit::Duration } else { Unit::Count }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Age => "time without a trade".to_owned(),
            Self::Count { window_ms } => format!("number of trades in {}", span(*window_ms)),
        }
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        match self {
            Self::Age => Box::new(Age),
            Self::Count { window_ms } => {
                Box::new(Few { total: needs.total(*window_ms, Measure::Count, None) })
            }
        }
    }
}

/// Milliseconds since the latest trade, without the stretches that nobody saw.
#[derive(Debug)]
struct Age;

impl Signal for Age {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        view.latest?;
        Some(Reading::count(i128::from(view.now_ms.saturating_sub(view.quiet_since))))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        // It grows with the clock.
        view.now_ms.saturating_add(1)
    }
}

#[derive(Debug)]
struct Few {
    total: Total,
}

impl Signal for Few {
    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let sum = view.sum(self.total)?;
        sum.covered.then(|| Reading::count(sum.value))
    }

    fn due(&self, view: &View<'_>) -> i64 {
        view.turns(self.total.span)
    }

    fn describe(&self, _view: &View<'_>, fields: &mut Fields) {
        fields.push(("window_ms", self.total.span.span_ms.into()));
    }
}
