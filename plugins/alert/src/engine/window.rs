//! What is asked of one window: sums and moves, and the levels on them.

use super::band::{Band, Turn};
use super::level::{Level, NEVER};
use super::log::Now;
use super::slot::Slot;
use super::tally::{Extremes, Slots, Tally};
use crate::fixed::{approx, exact, quick};
use crate::kinds::{Calm, Change, Measure, Reference, Warmup};
use crate::rule::{Rule, When};
use crate::say::{Scene, Seen};
use std::collections::VecDeque;
use tradehook_decimal::Decimal;

/// One span of time before the clock, and everything that is asked of it.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) span_ms: i64,
    /// The number of the oldest slot in it, when it was last looked at; numbers count from the
    /// log's first ever.
    pub(crate) cursor: u64,
    pub(crate) meters: Vec<Meter>,
    pub(crate) moves: Vec<Moves>,
    lows: Option<Peaks>,
    highs: Option<Peaks>,
    /// Prices at scale 8 between which nothing changes, and until when.
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) due: i64,
}

/// Slots that can still become the lowest or the highest, with their extreme.
#[derive(Debug, Default)]
struct Peaks {
    prices: VecDeque<(u64, Decimal)>,
    /// The newest slot that was taken in; it may still grow.
    upto: u64,
}

/// A sum and the levels on it.
#[derive(Debug)]
pub(crate) struct Meter {
    measure: Measure,
    /// Which running total it is a difference of.
    pub(crate) tally: usize,
    pub(crate) levels: Vec<(Level, Band, Warmup)>,
    /// A running total below this changes nothing, until `due`.
    pub(crate) limit: i128,
    due: i64,
}

/// Moves from one reference and the levels on them.
#[derive(Debug)]
pub(crate) struct Moves {
    reference: Reference,
    pub(crate) levels: Vec<(Level, Change)>,
    calm: Calm,
    /// When a timer is due.
    timer: i64,
    /// Whether all levels know that the reference is unknown.
    waiting: bool,
    quiet: Quiet,
    /// Looks that do not try to see ahead: it was in vain, so near is the price to a threshold.
    near_sighted: u8,
}

/// Prices at scale 8 between which nothing changes, and until when.
#[derive(Clone, Copy, Debug)]
struct Quiet {
    low: i64,
    high: i64,
    due: i64,
}

/// A log, as seen from one window.
pub(crate) struct Place<'a, S> {
    pub(crate) slots: Slots<'a, S>,
    pub(crate) tallies: &'a [Tally],
    pub(crate) extremes: &'a Extremes,
    pub(crate) untold: Option<u64>,
    /// Whether the whole window was seen, and when it will have been.
    pub(crate) covered: bool,
    pub(crate) covers_at: i64,
}

/// Slots that are looked ahead near a threshold.
const FEW: u64 = 8;
/// Looks until seeing farther ahead is tried again.
const NEAR_SIGHTED: u8 = 32;
const RESTLESS: Calm =
    Calm { ratio: (f64::INFINITY, f64::NEG_INFINITY), distance: (f64::INFINITY, f64::NEG_INFINITY) };

impl Quiet {
    const NOWHERE: Self = Self { low: i64::MAX, high: i64::MIN, due: NEVER };
    const ANYWHERE: Self = Self { low: i64::MIN, high: i64::MAX, due: NEVER };
}

impl<S: Slot> Place<'_, S> {
    /// The lowest and the highest price of the next few slots from `number` on, and the first that
    /// is not among them; the newest slot may still change and never is.
    fn next(&self, number: u64, newest: u64) -> (i64, i64, u64) {
        let end = newest.min(number + FEW);
        let mut all = (i64::MAX, i64::MIN, end);
        for number in number..end {
            // A price that does not fit makes the stretch boundless.
            let price = self.slots.get(number).and_then(|slot| quick(slot.last()));
            all.0 = all.0.min(price.unwrap_or(i64::MIN));
            all.1 = all.1.max(price.unwrap_or(i64::MAX));
        }
        all
    }

    /// When slot `number` leaves a window of this span.
    fn leaves(&self, number: u64, span_ms: i64) -> i64 {
        self.slots.get(number).map_or(NEVER, |slot| S::leaves(slot.at(), span_ms))
    }
}

impl Peaks {
    /// Takes in what is new, and forgets what left. `better` says that the second price makes the
    /// first one meaningless.
    fn advance<S: Slot>(
        &mut self,
        slots: &VecDeque<S>,
        base: u64,
        cursor: u64,
        pick: fn(&S) -> Decimal,
        better: fn(Decimal, Decimal) -> bool,
    ) {
        let from = self.upto.max(cursor);
        let skip = usize::try_from(from.saturating_sub(base)).unwrap_or(usize::MAX);
        for (number, slot) in (from..).zip(slots.range(skip.min(slots.len())..)) {
            let price = pick(slot);
            while self.prices.back().is_some_and(|(_, old)| better(*old, price)) {
                self.prices.pop_back();
            }
            self.prices.push_back((number, price));
            self.upto = number;
        }
        while self.prices.front().is_some_and(|(number, _)| *number < cursor) {
            self.prices.pop_front();
        }
    }
}

impl Window {
    pub(crate) fn new(span_ms: i64) -> Self {
        Self {
            span_ms,
            cursor: 0,
            meters: Vec::new(),
            moves: Vec::new(),
            lows: None,
            highs: None,
            low: i64::MAX,
            high: i64::MIN,
            due: i64::MIN,
        }
    }

    /// `tally` is the running total of a volume rule.
    pub(crate) fn add(&mut self, index: u32, rule: &Rule, tally: usize) {
        match &rule.when {
            When::Volume(volume) => {
                let entry = (Level::new(index, rule.timing), volume.band(), volume.warmup);
                self.add_sum(entry, volume.measure, tally);
            }
            When::Silence(silence) => {
                if let Some(band) = silence.band() {
                    let entry = (Level::new(index, rule.timing), band, Warmup::Full);
                    self.add_sum(entry, Measure::Count, tally);
                }
            }
            When::Change(change) => {
                let level = Level::new(index, rule.timing);
                match change.reference {
                    Reference::Low { .. } => self.lows = Some(Peaks::default()),
                    Reference::High { .. } => self.highs = Some(Peaks::default()),
                    _ => {}
                }
                if let Some(moves) = self.moves.iter_mut().find(|m| m.reference == change.reference) {
                    moves.levels.push((level, change.clone()));
                } else {
                    let (reference, levels) = (change.reference, vec![(level, change.clone())]);
                    self.moves.push(Moves {
                        reference,
                        levels,
                        calm: RESTLESS,
                        timer: NEVER,
                        waiting: false,
                        quiet: Quiet::NOWHERE,
                        near_sighted: 0,
                    });
                }
            }
            _ => {}
        }
    }

    fn add_sum(&mut self, entry: (Level, Band, Warmup), measure: Measure, tally: usize) {
        if let Some(meter) = self.meters.iter_mut().find(|meter| meter.tally == tally) {
            meter.levels.push(entry);
        } else {
            let levels = vec![entry];
            self.meters.push(Meter { measure, tally, levels, limit: i128::MIN, due: i64::MIN });
        }
    }

    /// The rules that have a level here.
    pub(crate) fn rules(&self) -> impl Iterator<Item = u32> {
        let sums = self.meters.iter().flat_map(|meter| &meter.levels).map(|(level, ..)| level.rule);
        sums.chain(self.moves.iter().flat_map(|moves| &moves.levels).map(|(level, _)| level.rule))
    }

    /// From here on the lowest and the highest price are kept.
    pub(crate) fn need_extremes(&mut self) {
        self.lows.get_or_insert_default();
        self.highs.get_or_insert_default();
    }

    /// The lowest or the highest price, if it is kept; only right after [`Window::find_peaks`].
    pub(crate) fn peak(&self, low: bool) -> Option<Decimal> {
        let peaks = if low { &self.lows } else { &self.highs };
        peaks.as_ref().and_then(|peaks| peaks.prices.front()).map(|(_, price)| *price)
    }

    /// Takes what is new into the lowest and the highest price.
    pub(crate) fn find_peaks<S: Slot>(&mut self, slots: &VecDeque<S>, base: u64) {
        if let Some(lows) = &mut self.lows {
            lows.advance(slots, base, self.cursor, S::low, |old, new| old >= new);
        }
        if let Some(highs) = &mut self.highs {
            highs.advance(slots, base, self.cursor, S::high, |old, new| old <= new);
        }
    }

    /// Moves to the slot after `edge`, by doubling steps: most often it is near.
    pub(crate) fn advance<S: Slot>(&mut self, slots: &VecDeque<S>, base: u64, edge: i64) {
        let gone = |place: usize| slots.get(place).is_some_and(|slot| slot.at() <= edge);
        let mut from = usize::try_from(self.cursor.saturating_sub(base)).unwrap_or(usize::MAX);
        let mut step = 1;
        while gone(from) {
            while gone(from.saturating_add(step)) {
                from += step;
                step *= 2;
            }
            // The slot at `from` left, the one a step further did not.
            from += 1;
            step = (step / 2).max(1);
        }
        self.cursor = base + from as u64;
    }

    /// Whether something may have changed; the sums are asked only if a total `reached` its limit.
    #[inline]
    pub(crate) fn stirs(&self, near: Option<i64>, now_ms: i64, reached: bool, tallies: &[Tally]) -> bool {
        let inside = near.is_some_and(|near| near >= self.low && near <= self.high);
        let sums = || reached && self.meters.iter().any(|meter| meter.stirs(now_ms, tallies));
        !inside || now_ms >= self.due || sums()
    }

    /// Looks what changed, and when something will next; at everything if `all`. Whether it looked
    /// at a sum.
    pub(crate) fn look<S: Slot>(
        &mut self,
        all: bool,
        place: &Place<'_, S>,
        now: Now,
        scene: &mut Scene<'_>,
    ) -> bool {
        let (now_ms, mut summed) = (scene.now_ms, false);
        for meter in &mut self.meters {
            if all || meter.stirs(now_ms, place.tallies) {
                meter.look(place, self.cursor, self.span_ms, now, scene);
                summed = true;
            }
        }
        if self.moves.iter().any(|moves| all || moves.stirs(now.near, now_ms)) {
            self.look_at_moves(all, place, now, scene);
        }
        (self.low, self.high, self.due) = (i64::MIN, i64::MAX, NEVER);
        for meter in &self.meters {
            self.due = self.due.min(meter.due);
        }
        for moves in &self.moves {
            (self.low, self.high) = (self.low.max(moves.quiet.low), self.high.min(moves.quiet.high));
            self.due = self.due.min(moves.quiet.due).min(moves.timer);
        }
        summed
    }

    fn look_at_moves<S: Slot>(&mut self, all: bool, place: &Place<'_, S>, now: Now, scene: &mut Scene<'_>) {
        self.find_peaks(place.slots.all, place.slots.base);
        let peak = |peaks: &Option<Peaks>| peaks.as_ref().and_then(|peaks| peaks.prices.front()).copied();
        let start = Start {
            cursor: self.cursor,
            span_ms: self.span_ms,
            before: self.cursor.checked_sub(1).and_then(|number| place.slots.get(number)).map(S::last),
            first: place.slots.get(self.cursor).map(S::first),
            low: peak(&self.lows),
            high: peak(&self.highs),
        };
        for moves in &mut self.moves {
            if all || moves.stirs(now.near, scene.now_ms) {
                moves.look(place, &start, now, scene);
            }
        }
    }

    /// Forgets the lowest and the highest; they are found again.
    pub(crate) fn forget_extremes(&mut self) {
        for peaks in [&mut self.lows, &mut self.highs].into_iter().flatten() {
            *peaks = Peaks::default();
        }
    }

    /// Leaves a stretch that nobody saw out of the timers.
    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        for (level, ..) in self.meters.iter_mut().flat_map(|meter| &mut meter.levels) {
            level.freeze(from_ms, to_ms);
        }
        for (level, _) in self.moves.iter_mut().flat_map(|moves| &mut moves.levels) {
            level.freeze(from_ms, to_ms);
        }
    }

    /// Forgets every shortcut.
    pub(crate) fn rouse(&mut self) {
        (self.low, self.high, self.due) = (i64::MAX, i64::MIN, i64::MIN);
        for moves in &mut self.moves {
            (moves.calm, moves.waiting) = (RESTLESS, false);
            moves.quiet = Quiet { due: i64::MIN, ..Quiet::NOWHERE };
        }
        self.meters.iter_mut().for_each(|meter| (meter.limit, meter.due) = (i128::MIN, i64::MIN));
    }
}

impl Meter {
    /// Whether something may have changed.
    #[inline]
    fn stirs(&self, now_ms: i64, tallies: &[Tally]) -> bool {
        now_ms >= self.due || tallies.get(self.tally).is_none_or(|tally| tally.total >= self.limit)
    }

    /// Looks what the sum changed, and how far the total can go without changing more.
    fn look<S: Slot>(
        &mut self,
        place: &Place<'_, S>,
        cursor: u64,
        span_ms: i64,
        now: Now,
        scene: &mut Scene<'_>,
    ) {
        let Some(tally) = place.tallies.get(self.tally) else { return };
        let sum = tally.total.wrapping_sub(tally.before(cursor, place.slots));
        let untold = place.untold.filter(|number| *number >= cursor);
        (self.limit, self.due) = (i128::MAX, NEVER);
        if let Some(number) = untold {
            self.due = place.leaves(number, span_ms);
        }
        for (level, band, warmup) in &mut self.levels {
            let covered = place.covered || *warmup == Warmup::Partial;
            let truth = (covered && untold.is_none()).then(|| band.truth(level.memory.truth, sum));
            if let Some(state) = level.step(truth, scene.now_ms, now.counts) {
                scene.level(level.rule, state, Seen::Sum { sum: self.measure.wide(sum), span_ms });
            }
            self.due = self.due.min(level.deadline());
            if !covered {
                self.due = self.due.min(place.covers_at);
            }
            let turn = truth.map(|truth| band.turn(truth));
            if level.counting() {
                self.limit = i128::MIN;
            } else if let Some(Turn::Grown(least)) = turn {
                // Only trades make a sum grow.
                self.limit = self.limit.min(tally.total.saturating_add(least - sum));
            } else if let Some(Turn::Below(bound)) = turn {
                // Only slots that leave make it fall.
                let last = tally.passes(tally.total.saturating_sub(bound), place.slots);
                self.due = self.due.min(place.leaves(last, span_ms));
            }
        }
    }
}

/// What a window offers as the start of a move.
struct Start {
    cursor: u64,
    span_ms: i64,
    /// The last price before the window.
    before: Option<Decimal>,
    /// The first price in it.
    first: Option<Decimal>,
    low: Option<(u64, Decimal)>,
    high: Option<(u64, Decimal)>,
}

impl Start {
    fn pick(&self, reference: Reference) -> Option<Decimal> {
        let ready = |warmup: Warmup| warmup == Warmup::Partial || self.before.is_some();
        let price = |peak: Option<(u64, Decimal)>| peak.map(|(_, price)| price);
        match reference {
            Reference::Start { warmup, .. } => {
                self.before.or(if warmup == Warmup::Partial { self.first } else { None })
            }
            // An empty window holds the latest price alone, which the last one before it is.
            Reference::Low { warmup, .. } if ready(warmup) => price(self.low).or(self.before),
            Reference::High { warmup, .. } if ready(warmup) => price(self.high).or(self.before),
            _ => None,
        }
    }
}

impl Moves {
    /// Whether something may have changed.
    #[inline]
    fn stirs(&self, near: Option<i64>, now_ms: i64) -> bool {
        let inside = near.is_some_and(|near| near >= self.quiet.low && near <= self.quiet.high);
        !inside || now_ms >= self.quiet.due.min(self.timer)
    }

    /// Looks what the price or the reference changed, and where nothing will change further.
    fn look<S: Slot>(&mut self, place: &Place<'_, S>, start: &Start, now: Now, scene: &mut Scene<'_>) {
        let reference = start.pick(self.reference);
        let calm = match reference {
            None => self.waiting,
            Some(reference) => {
                now.price.is_some_and(|price| self.calm.holds(approx(price), approx(reference)))
            }
        };
        if !calm || scene.now_ms >= self.timer {
            self.decide(reference, now, scene);
        }
        self.quiet = self.quiet(place, start, reference, now);
    }

    fn decide(&mut self, reference: Option<Decimal>, now: Now, scene: &mut Scene<'_>) {
        let price = now.price;
        self.calm = Calm::ANY;
        self.timer = NEVER;
        self.waiting = reference.is_none();
        for (level, change) in &mut self.levels {
            let known = reference.and_then(|reference| change.band(reference)).zip(price);
            let truth = known.map(|(band, price)| band.truth(level.memory.truth, exact(price)));
            if let Some(state) = level.step(truth, scene.now_ms, now.counts) {
                scene.level(level.rule, state, Seen::Move { price, reference });
            }
            self.timer = self.timer.min(level.deadline());
            let calm = match (truth, known) {
                _ if level.counting() => RESTLESS,
                (Some(truth), Some((band, price))) => change.calm(truth, exact(price) >= band.up_out),
                _ => RESTLESS,
            };
            self.calm = self.calm.and(calm);
            self.waiting &= !level.counting();
        }
    }

    /// Where nothing changes.
    fn quiet<S: Slot>(
        &mut self,
        place: &Place<'_, S>,
        start: &Start,
        reference: Option<Decimal>,
        now: Now,
    ) -> Quiet {
        let next = place.leaves(start.cursor, start.span_ms);
        let Some(reference) = reference else {
            // It becomes known when the first slot leaves, once there is one.
            let rest =
                if self.waiting && !place.slots.all.is_empty() { Quiet::ANYWHERE } else { Quiet::NOWHERE };
            return Quiet { due: next, ..rest };
        };
        let newest = place.slots.end().saturating_sub(1);
        let (Some(at), true) = (quick(reference), start.cursor <= newest) else {
            return Quiet { due: next, ..Quiet::NOWHERE };
        };
        match self.reference {
            // The lowest price of a window falls with a new one only.
            Reference::Low { .. } => {
                let (low, high) = self.calm.between(at, at);
                Quiet { low: low.max(at), high, due: self.turns(place, start, start.low) }
            }
            Reference::High { .. } => {
                let (low, high) = self.calm.between(at, at);
                Quiet { low, high: high.min(at), due: self.turns(place, start, start.high) }
            }
            // The next references are the window's oldest prices, which are known.
            _ => {
                self.near_sighted = self.near_sighted.saturating_sub(1);
                for far in [true, false] {
                    if self.near_sighted > 0 {
                        break;
                    }
                    let (lowest, highest, end) = place.extremes.ahead(start.cursor, far);
                    let (low, high) = self.calm.between(lowest.min(at), highest.max(at));
                    if now.near.is_some_and(|near| near >= low && near <= high) {
                        let due = place.leaves(end.min(newest), start.span_ms);
                        return Quiet { low, high, due };
                    }
                }
                if self.near_sighted == 0 {
                    self.near_sighted = NEAR_SIGHTED;
                }
                let (lowest, highest, end) = place.next(start.cursor, newest);
                let (low, high) = self.calm.between(lowest.min(at), highest.max(at));
                if now.near.is_some_and(|near| near >= low && near <= high) {
                    return Quiet { low, high, due: place.leaves(end, start.span_ms) };
                }
                let (low, high) = self.calm.between(at, at);
                Quiet { low, high, due: next }
            }
        }
    }

    /// When an extreme leaves, if that can change anything: it only becomes closer to the price.
    fn turns<S: Slot>(&self, place: &Place<'_, S>, start: &Start, peak: Option<(u64, Decimal)>) -> i64 {
        match peak {
            Some((number, _)) if self.levels.iter().any(|(level, _)| level.memory.truth) => {
                place.leaves(number, start.span_ms)
            }
            _ => NEVER,
        }
    }
}
