//! How far back a flow is counted: a window before the clock, or since an anchor.
//!
//! Windows are those that the market keeps for all its rules. What is counted since an anchor is
//! counted here, and only from when the signal was made: before that, it is incomplete.

use super::{Fill, MAX_WINDOW_DAYS, Measure};
use crate::config::Reader;
use crate::engine::{Needs, Total, View};
use crate::fixed::{notional, volume};
use crate::maths::{Flow, Since};
use crate::rule::Taker;
use crate::say::span;
use crate::signal::{Fields, NEVER, pack, unpack};
use serde::{Deserialize, Serialize};
use tradehook_sdk::Value;

/// Amounts from here on are not told: below it, the sums of 2²⁷ trades fit.
const AMOUNT_LIMIT: i128 = 1 << 100;
/// The venue's day, which starts at 00:00 UTC.
pub(super) const DAY_MS: i64 = 86_400_000;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Stretch {
    Window {
        window_ms: i64,
    },
    /// Since the anchor that comes back after so long.
    Every {
        every_ms: i64,
    },
    /// Since the first trade that was seen.
    Start,
}

/// Reads `window` or `since`.
pub(super) fn read(when: &mut Reader<'_>) -> Option<Stretch> {
    match (when.has("window"), when.has("since")) {
        (true, true) => {
            when.fault("since", "`window` and `since` together", "one of them");
            None
        }
        (false, false) => {
            when.fault("", "`window` is missing", "`window`, for instance \"5m\", or `since = \"day\"`");
            None
        }
        (true, false) => when.span("window", MAX_WINDOW_DAYS).map(|window_ms| Stretch::Window { window_ms }),
        (false, true) => when.choice("since", &[("day", Stretch::Every { every_ms: DAY_MS })]),
    }
}

impl Stretch {
    /// "in 5m", "since 00:00 UTC".
    pub(super) fn words(self) -> String {
        match self {
            Self::Window { window_ms } => format!("in {}", span(window_ms)),
            Self::Every { every_ms: DAY_MS } => "since 00:00 UTC".to_owned(),
            Self::Every { every_ms } => format!("of this {}", span(every_ms)),
            Self::Start => "since the start".to_owned(),
        }
    }
}

/// What a trade adds; `None` when it cannot be told exactly.
pub(super) fn flow(fill: &Fill) -> Option<Flow> {
    let small = |amount: &i128| (0..AMOUNT_LIMIT).contains(amount);
    let notional = notional(fill.price, fill.volume).filter(small)?;
    Some(Flow { notional, volume: volume(fill.volume).filter(small)?, count: 1 })
}

/// Since when a signal that remembers by itself has been told everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Birth(Option<i64>);

impl Birth {
    /// The first of these counts.
    pub(super) fn at(&mut self, at_ms: i64) {
        self.0.get_or_insert(at_ms);
    }

    /// Since when nothing is missing.
    pub(super) fn cover_from(self, view: &View<'_>) -> i64 {
        self.0.map_or(i64::MAX, |born| born.max(view.cover_from))
    }
}

/// Sums over one stretch, each of a measure and a side.
#[derive(Debug)]
pub(super) struct Sums<const N: usize> {
    asked: [(Measure, Option<Taker>); N],
    place: Place<N>,
}

#[derive(Debug)]
enum Place<const N: usize> {
    Window([Total; N]),
    Own { since: Since, birth: Birth },
}

impl<const N: usize> Sums<N> {
    pub(super) fn new(stretch: Stretch, asked: [(Measure, Option<Taker>); N], needs: &mut Needs<'_>) -> Self {
        let own = |every_ms| Place::Own { since: Since::new(every_ms), birth: Birth::default() };
        let place = match stretch {
            Stretch::Window { window_ms } => {
                Place::Window(asked.map(|(measure, side)| needs.total(window_ms, measure, side)))
            }
            Stretch::Every { every_ms } => own(Some(every_ms)),
            Stretch::Start => own(None),
        };
        Self { asked, place }
    }

    /// A trade, in order or late; whether an anchor was reached with it.
    pub(super) fn trade(&mut self, fill: &Fill, view: &View<'_>) -> bool {
        let Place::Own { since, birth } = &mut self.place else { return false };
        birth.at(fill.at_ms);
        // The first anchor is that of the first trade, which may be behind the clock.
        let first = since.anchor().is_none() && since.advance(fill.at_ms);
        let reached = since.advance(view.now_ms) || first;
        since.add(fill.at_ms, fill.sell, flow(fill));
        reached
    }

    /// The clock moved; whether an anchor was reached with it.
    pub(super) fn tick(&mut self, view: &View<'_>) -> bool {
        match &mut self.place {
            Place::Own { since, .. } if since.anchor().is_some() => since.advance(view.now_ms),
            _ => false,
        }
    }

    /// The sums as they were asked for; unknown when some trade cannot be told.
    pub(super) fn values(&self, view: &View<'_>) -> Option<[i128; N]> {
        let mut values = [0; N];
        match &self.place {
            Place::Window(totals) => {
                for (value, total) in values.iter_mut().zip(totals) {
                    *value = view.sum(*total)?.value;
                }
            }
            Place::Own { since, .. } => {
                let (bought, sold) = since.flows()?;
                for (value, (measure, side)) in values.iter_mut().zip(self.asked) {
                    *value = match side {
                        Some(Taker::Buy) => measure.of(&bought),
                        Some(Taker::Sell) => measure.of(&sold),
                        None => measure.of(&bought).checked_add(measure.of(&sold))?,
                    };
                }
            }
        }
        Some(values)
    }

    /// Whether the whole stretch was seen.
    pub(super) fn covered(&self, view: &View<'_>) -> bool {
        match &self.place {
            Place::Window(totals) => totals.first().is_none_or(|total| view.covered(total.span)),
            Place::Own { since, birth } => since.covered(birth.cover_from(view)),
        }
    }

    /// The first clock at which a sum changes without a trade.
    pub(super) fn due(&self, view: &View<'_>) -> i64 {
        match &self.place {
            Place::Window(totals) => totals.first().map_or(NEVER, |total| view.turns(total.span)),
            Place::Own { since, .. } => since.next().unwrap_or(NEVER),
        }
    }

    /// Where the stretch begins, for the alert.
    pub(super) fn describe(&self, fields: &mut Fields) {
        match &self.place {
            Place::Window(totals) => {
                if let Some(total) = totals.first() {
                    fields.push(("window_ms", total.span.span_ms.into()));
                }
            }
            Place::Own { since, .. } => fields.push(("since_ms", Value::from(since.anchor()))),
        }
    }

    pub(super) fn save(&self) -> Vec<u8> {
        match &self.place {
            Place::Window(_) => Vec::new(),
            Place::Own { since, birth } => pack(&(since, birth)),
        }
    }

    pub(super) fn load(&mut self, bytes: &[u8]) {
        if let (Place::Own { since, birth }, Some(saved)) = (&mut self.place, unpack(bytes)) {
            (*since, *birth) = saved;
        }
    }
}
