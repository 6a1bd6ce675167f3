//! What is asked of one window: sums and moves, and the levels on them.

use super::band::Band;
use super::level::{Level, NEVER};
use super::slot::{Amounts, Slot};
use crate::fixed::{approx, exact};
use crate::kinds::{Calm, Change, Measure, Reference, Volume, Warmup};
use crate::rule::{Rule, Taker, When};
use crate::say::{Scene, Seen};
use std::collections::VecDeque;
use tradehook_decimal::Decimal;

/// One span of time before the clock, and everything that is asked of it.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) span_ms: i64,
    /// The number of the oldest slot in it; numbers count from the log's first ever.
    pub(crate) cursor: u64,
    pub(crate) edge: i64,
    /// The last price that is no longer in it, and its approximation.
    pub(crate) before: Option<(Decimal, f64)>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) moves: Vec<Moves>,
    /// Slots that can still become the lowest or highest, with their extreme.
    pub(crate) lows: Option<VecDeque<(u64, Decimal)>>,
    pub(crate) highs: Option<VecDeque<(u64, Decimal)>>,
}

/// A running sum and the levels on it.
#[derive(Debug)]
pub(crate) struct Meter {
    measure: Measure,
    side: Option<Taker>,
    pub(crate) sum: i128,
    /// Trades in the window whose amounts are in no sum: while there is one, the sum is unknown.
    pub(crate) untold: u32,
    covered: bool,
    pub(crate) levels: Vec<(Level, Band, Warmup)>,
    quiet: (i128, i128),
    due: i64,
}

/// Moves from one reference and the levels on them.
#[derive(Debug)]
pub(crate) struct Moves {
    reference: Reference,
    pub(crate) levels: Vec<(Level, Change)>,
    calm: Calm,
    due: i64,
    /// Whether all levels know that the reference is unknown.
    waiting: bool,
}

/// No value lies between these.
const NOWHERE: (i128, i128) = (i128::MAX, i128::MIN);
const RESTLESS: Calm =
    Calm { ratio: (f64::INFINITY, f64::NEG_INFINITY), distance: (f64::INFINITY, f64::NEG_INFINITY) };

impl Window {
    pub(crate) fn new(span_ms: i64) -> Self {
        Self {
            span_ms,
            cursor: 0,
            edge: i64::MIN,
            before: None,
            meters: Vec::new(),
            moves: Vec::new(),
            lows: None,
            highs: None,
        }
    }

    pub(crate) fn add(&mut self, index: u32, rule: &Rule) {
        match &rule.when {
            When::Volume(volume) => self.add_volume(Level::new(index, rule.timing), volume),
            When::Change(change) => {
                let level = Level::new(index, rule.timing);
                match change.reference {
                    Reference::Low { .. } => self.lows = Some(VecDeque::new()),
                    Reference::High { .. } => self.highs = Some(VecDeque::new()),
                    _ => {}
                }
                if let Some(moves) = self.moves.iter_mut().find(|m| m.reference == change.reference) {
                    moves.levels.push((level, change.clone()));
                } else {
                    let (reference, levels) = (change.reference, vec![(level, change.clone())]);
                    self.moves.push(Moves { reference, levels, calm: RESTLESS, due: NEVER, waiting: false });
                }
            }
            _ => {}
        }
    }

    fn add_volume(&mut self, level: Level, volume: &Volume) {
        let entry = (level, volume.band(), volume.warmup);
        let same = |m: &&mut Meter| m.measure == volume.measure && m.side == volume.side;
        if let Some(meter) = self.meters.iter_mut().find(same) {
            meter.levels.push(entry);
        } else {
            self.meters.push(Meter {
                measure: volume.measure,
                side: volume.side,
                sum: 0,
                untold: 0,
                covered: false,
                levels: vec![entry],
                quiet: NOWHERE,
                due: NEVER,
            });
        }
    }

    /// The slot before the window is this one.
    #[inline]
    pub(crate) fn set_before<S: Slot>(&mut self, slot: Option<&S>) {
        self.before = slot.map(|slot| (slot.last(), approx(slot.last())));
    }

    /// A slot left.
    #[inline]
    pub(crate) fn leave<S: Slot>(&mut self, slot: &S) {
        for meter in &mut self.meters {
            meter.sum -= slot.part(meter.measure, meter.side);
            meter.untold = meter.untold.saturating_sub(slot.untold());
        }
        self.cursor += 1;
    }

    /// A slot is in the window from the start.
    pub(crate) fn take_in<S: Slot>(&mut self, slot: &S) {
        for meter in &mut self.meters {
            meter.sum += slot.part(meter.measure, meter.side);
            meter.untold = meter.untold.saturating_add(slot.untold());
        }
    }

    /// A trade came in.
    #[inline]
    pub(crate) fn enter(&mut self, amounts: Option<&Amounts>) {
        for meter in &mut self.meters {
            match amounts {
                Some(amounts) => meter.sum += amounts.part(meter.measure, meter.side),
                None => meter.untold = meter.untold.saturating_add(1),
            }
        }
    }

    /// The newest slot, number `number`, holds these prices.
    #[inline]
    pub(crate) fn extend(&mut self, number: u64, low: Decimal, high: Decimal) {
        if let Some(lows) = &mut self.lows {
            while lows.back().is_some_and(|(_, price)| *price >= low) {
                lows.pop_back();
            }
            lows.push_back((number, low));
        }
        if let Some(highs) = &mut self.highs {
            while highs.back().is_some_and(|(_, price)| *price <= high) {
                highs.pop_back();
            }
            highs.push_back((number, high));
        }
    }

    /// Leaves a stretch that nobody saw out of the timers.
    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        for meter in &mut self.meters {
            meter.levels.iter_mut().for_each(|(level, ..)| level.freeze(from_ms, to_ms));
            meter.rouse();
        }
        for moves in &mut self.moves {
            moves.levels.iter_mut().for_each(|(level, _)| level.freeze(from_ms, to_ms));
            moves.rouse();
        }
    }

    /// What moves can start from; `first` looks up a slot's first price.
    #[inline]
    pub(crate) fn start(&self, first: impl FnOnce(u64) -> Option<Decimal>) -> Start {
        let front = |extremes: &Option<VecDeque<(u64, Decimal)>>| {
            extremes.as_ref().and_then(|prices| prices.front()).map(|(_, price)| *price)
        };
        Start {
            before: self.before,
            first: if self.before.is_some() { None } else { first(self.cursor) },
            low: front(&self.lows),
            high: front(&self.highs),
        }
    }

    /// Forgets extremes that left.
    #[inline]
    pub(crate) fn drop_old_extremes(&mut self) {
        for extremes in [&mut self.lows, &mut self.highs].into_iter().flatten() {
            while extremes.front().is_some_and(|(number, _)| *number < self.cursor) {
                extremes.pop_front();
            }
        }
    }
}

impl Meter {
    /// Looks whether the sum changed anything.
    #[inline]
    pub(crate) fn look(&mut self, covered: bool, span_ms: i64, counts: bool, scene: &mut Scene<'_>) {
        let quiet = self.sum >= self.quiet.0 && self.sum <= self.quiet.1;
        if quiet && covered == self.covered && self.untold == 0 && scene.now_ms < self.due {
            return;
        }
        self.decide(covered, span_ms, counts, scene);
    }

    fn decide(&mut self, covered: bool, span_ms: i64, counts: bool, scene: &mut Scene<'_>) {
        self.covered = covered;
        self.quiet = (i128::MIN, i128::MAX);
        self.due = NEVER;
        let (sum, told) = (self.sum, self.untold == 0);
        for (level, band, warmup) in &mut self.levels {
            let known = told && (covered || *warmup == Warmup::Partial);
            let truth = known.then(|| band.truth(level.memory.truth, sum));
            if let Some(state) = level.step(truth, scene.now_ms, counts) {
                scene.level(level.rule, state, Seen::Sum { sum: self.measure.wide(sum), span_ms });
            }
            self.due = self.due.min(level.deadline());
            let (low, high) = match truth {
                _ if level.counting() => NOWHERE,
                Some(truth) => band.quiet(truth, sum),
                None => (i128::MIN, i128::MAX),
            };
            self.quiet = (self.quiet.0.max(low), self.quiet.1.min(high));
        }
    }

    /// When the clock alone can change something: `expiry` is when the next slot leaves, `cover`
    /// when the window is whole.
    pub(crate) fn deadline(&self, expiry: i64, cover: i64) -> i64 {
        let mut due = NEVER;
        for (level, _, warmup) in &self.levels {
            due = due.min(level.deadline());
            // A falling sum cannot make a level true that is at rest.
            if !level.at_rest() {
                due = due.min(expiry);
            }
            if *warmup == Warmup::Full && !self.covered {
                due = due.min(cover);
            }
        }
        due
    }

    /// Forgets every shortcut.
    pub(crate) fn rouse(&mut self) {
        self.quiet = NOWHERE;
    }
}

impl Moves {
    /// Looks whether the price or the reference changed anything.
    #[inline]
    pub(crate) fn look(&mut self, start: &Start, price: (Decimal, f64), counts: bool, scene: &mut Scene<'_>) {
        if let (Reference::Start { .. }, Some((_, near))) = (self.reference, start.before)
            && scene.now_ms < self.due
            && self.calm.holds(price.1, near)
        {
            return;
        }
        self.look_closer(start, price, counts, scene);
    }

    fn look_closer(&mut self, start: &Start, price: (Decimal, f64), counts: bool, scene: &mut Scene<'_>) {
        let reference = start.pick(self.reference);
        if scene.now_ms < self.due {
            match reference {
                None if self.waiting => return,
                Some(reference) if self.calm.holds(price.1, approx(reference)) => return,
                _ => {}
            }
        }
        self.decide(reference, price.0, counts, scene);
    }

    fn decide(&mut self, reference: Option<Decimal>, price: Decimal, counts: bool, scene: &mut Scene<'_>) {
        self.calm = Calm::ANY;
        self.due = NEVER;
        self.waiting = reference.is_none();
        for (level, change) in &mut self.levels {
            let band = reference.and_then(|reference| change.band(reference));
            let truth = band.map(|band| band.truth(level.memory.truth, exact(price)));
            if let Some(state) = level.step(truth, scene.now_ms, counts) {
                scene.level(level.rule, state, Seen::Move { price, reference });
            }
            self.due = self.due.min(level.deadline());
            let calm = match (truth, band) {
                _ if level.counting() => RESTLESS,
                (Some(truth), Some(band)) => change.calm(truth, exact(price) >= band.up_out),
                _ => RESTLESS,
            };
            self.calm = self.calm.and(calm);
            self.waiting &= !level.counting();
        }
    }

    /// When the clock alone can change something.
    pub(crate) fn deadline(&self, expiry: i64) -> i64 {
        self.levels.iter().map(|(level, _)| level.deadline()).min().unwrap_or(NEVER).min(expiry)
    }

    /// Forgets every shortcut.
    pub(crate) fn rouse(&mut self) {
        (self.calm, self.waiting) = (RESTLESS, false);
    }
}

/// What a window offers as the start of a move.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// The last price before the window, when there is one.
    pub(crate) before: Option<(Decimal, f64)>,
    /// The first price in it; asked for only when there is none before.
    pub(crate) first: Option<Decimal>,
    pub(crate) low: Option<Decimal>,
    pub(crate) high: Option<Decimal>,
}

impl Start {
    #[inline]
    fn pick(&self, reference: Reference) -> Option<Decimal> {
        let before = self.before.map(|(price, _)| price);
        let ready = |warmup: Warmup| warmup == Warmup::Partial || before.is_some();
        match reference {
            Reference::Start { warmup, .. } => {
                before.or(if warmup == Warmup::Partial { self.first } else { None })
            }
            // An empty window holds the latest price alone, which the last one before it is.
            Reference::Low { warmup, .. } if ready(warmup) => self.low.or(before),
            Reference::High { warmup, .. } if ready(warmup) => self.high.or(before),
            _ => None,
        }
    }
}
