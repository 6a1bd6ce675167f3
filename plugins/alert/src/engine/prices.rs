//! Rules that look at one price only: levels on it, lines through it.
//!
//! Each knows the interval of prices in which a further trade changes nothing, and when its timer
//! is due. The intersection of all of them is one interval: a trade inside it, before the earliest
//! timer, costs one comparison for the whole set, however many rules there are.

use super::band::Band;
use super::level::{Level, NEVER};
use crate::config::Amount;
use crate::fixed::{exact, quick, quick_ceil, quick_floor};
use crate::kinds::{Change, Cross, Grid, Line, Lines, Reference};
use crate::rule::{Direction, Rule, When};
use crate::say::{Scene, Seen};
use tradehook_decimal::Decimal;

/// One rule, or one line of one.
#[derive(Debug)]
pub(crate) enum Watch {
    Level {
        level: Level,
        band: Option<Band>,
    },
    Line {
        rule: u32,
        at: Decimal,
        line: Line,
    },
    /// Without a grid while its anchor is unknown.
    Grid {
        rule: u32,
        grid: Option<Grid>,
    },
}

/// All such rules of one market with one source.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    pub(crate) watches: Vec<Watch>,
    /// Per watch, at scale 8: the interval that changes nothing, and when its timer is due.
    low: Vec<i64>,
    high: Vec<i64>,
    due: Vec<i64>,
    /// What holds for all of them.
    all_low: i64,
    all_high: i64,
    all_due: i64,
    latest: Option<Decimal>,
    /// Whether the latest price may have changed something.
    stirred: bool,
}

impl Prices {
    pub(crate) fn add(&mut self, index: u32, rule: &Rule) {
        match &rule.when {
            When::Price(price) => {
                self.push(Watch::Level { level: Level::new(index, rule.timing), band: Some(price.band()) });
            }
            When::Change(change) => {
                let band = match change.reference {
                    Reference::Anchor(anchor) => change.band(anchor),
                    _ => None,
                };
                self.push(Watch::Level { level: Level::new(index, rule.timing), band });
            }
            When::Cross(Cross { lines: Lines::Levels(levels), shape, .. }) => {
                for at in levels {
                    self.push(Watch::Line { rule: index, at: *at, line: Line::new(exact(*at), *shape) });
                }
            }
            When::Cross(Cross { lines: Lines::Grid { anchor, .. }, .. }) => {
                let grid = anchor.and_then(|anchor| grid_at(rule, anchor));
                self.push(Watch::Grid { rule: index, grid });
            }
            _ => {}
        }
    }

    fn push(&mut self, watch: Watch) {
        self.watches.push(watch);
        self.low.push(i64::MAX);
        self.high.push(i64::MIN);
        self.due.push(NEVER);
        (self.all_low, self.all_high, self.all_due) = (i64::MAX, i64::MIN, NEVER);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// The latest price of this source.
    pub(crate) fn latest(&self) -> Option<Decimal> {
        self.latest
    }

    /// Takes over the latest price from a snapshot.
    pub(crate) fn set_latest(&mut self, latest: Option<Decimal>) {
        self.latest = latest;
    }

    pub(crate) fn due(&self) -> i64 {
        self.all_due
    }

    /// Recomputes the timers, after their memory was set from outside.
    pub(crate) fn rouse(&mut self) {
        for (place, watch) in self.watches.iter().enumerate() {
            let due = if let Watch::Level { level, .. } = watch { level.deadline() } else { NEVER };
            set(&mut self.low, place, i64::MAX);
            set(&mut self.high, place, i64::MIN);
            set(&mut self.due, place, due);
        }
        self.sum_up();
    }

    /// The next price in order, and the same at scale 8; `None` when the trade does not carry one.
    /// Whether the watches have to be looked at for it.
    #[inline]
    pub(crate) fn trade(&mut self, price: Option<Decimal>, near: Option<i64>, now_ms: i64) -> bool {
        self.latest = price;
        let inside = near.is_some_and(|near| near >= self.all_low && near <= self.all_high);
        self.stirred = !inside || now_ms >= self.all_due;
        self.stirred
    }

    /// Looks at the watches after a trade.
    pub(crate) fn traded(&mut self, scene: &mut Scene<'_>) {
        if std::mem::take(&mut self.stirred) {
            self.look(self.latest, self.latest.and_then(quick), scene);
        }
    }

    /// Looks at every watch whose interval the price left or whose timer is due.
    fn look(&mut self, price: Option<Decimal>, near: Option<i64>, scene: &mut Scene<'_>) {
        for place in 0..self.watches.len() {
            let at = |column: &[i64], or: i64| column.get(place).copied().unwrap_or(or);
            let inside = near.is_some_and(|p| p >= at(&self.low, i64::MAX) && p <= at(&self.high, i64::MIN));
            if inside && scene.now_ms < at(&self.due, NEVER) {
                continue;
            }
            let Some(watch) = self.watches.get_mut(place) else { continue };
            watch.trade(price, scene);
            self.note(place);
        }
        self.sum_up();
    }

    /// The clock moved, the price did not.
    pub(crate) fn tick(&mut self, scene: &mut Scene<'_>) {
        if scene.now_ms < self.all_due {
            return;
        }
        for place in 0..self.watches.len() {
            if self.due.get(place).is_none_or(|due| scene.now_ms < *due) {
                continue;
            }
            if let Some(Watch::Level { level, .. }) = self.watches.get_mut(place) {
                let signal = level.memory.known.then_some(level.memory.truth);
                if let Some(state) = level.step(signal, scene.now_ms, false) {
                    scene.level(level.rule, state, Seen::Price(self.latest));
                }
            }
            self.note(place);
        }
        self.sum_up();
    }

    /// A new close of the day before.
    pub(crate) fn prev_close(&mut self, close: Decimal, rules: &[Rule]) {
        for (place, watch) in self.watches.iter_mut().enumerate() {
            let moved = match watch {
                Watch::Level { level, band } => match rules.get(level.rule as usize).map(|rule| &rule.when) {
                    Some(When::Change(change @ Change { reference: Reference::PrevClose, .. })) => {
                        *band = change.band(close);
                        true
                    }
                    _ => false,
                },
                Watch::Grid { rule, grid } => match rules.get(*rule as usize) {
                    Some(rule) if rule.grid_follows_close() => {
                        *grid = grid_at(rule, close);
                        true
                    }
                    _ => false,
                },
                Watch::Line { .. } => false,
            };
            if moved {
                set(&mut self.low, place, i64::MAX);
                set(&mut self.high, place, i64::MIN);
                (self.all_low, self.all_high) = (i64::MAX, i64::MIN);
            }
        }
    }

    /// Leaves a stretch that nobody saw out of the timers.
    pub(crate) fn freeze(&mut self, from_ms: i64, to_ms: i64) {
        for watch in &mut self.watches {
            if let Watch::Level { level, .. } = watch {
                level.freeze(from_ms, to_ms);
            }
        }
        self.rouse();
    }

    /// Notes the interval and the timer of one watch.
    fn note(&mut self, place: usize) {
        let Some(watch) = self.watches.get(place) else { return };
        let (low, high, due) = watch.quiet(self.latest);
        // Rounded inwards: at the edge the exact bounds decide.
        set(&mut self.low, place, quick_ceil(low));
        set(&mut self.high, place, quick_floor(high));
        set(&mut self.due, place, due);
    }

    fn sum_up(&mut self) {
        self.all_low = self.low.iter().copied().max().unwrap_or(i64::MIN);
        self.all_high = self.high.iter().copied().min().unwrap_or(i64::MAX);
        self.all_due = self.due.iter().copied().min().unwrap_or(NEVER);
    }
}

fn set(column: &mut [i64], place: usize, value: i64) {
    if let Some(slot) = column.get_mut(place) {
        *slot = value;
    }
}

/// The grid of a rule with its anchor at `anchor`.
fn grid_at(rule: &Rule, anchor: Decimal) -> Option<Grid> {
    let When::Cross(Cross { lines: Lines::Grid { step, .. }, shape, .. }) = &rule.when else { return None };
    let step = match step {
        Amount::Plain(step) => exact(*step),
        Amount::Percent(share) => crate::kinds::share_of(exact(anchor), *share)?,
    };
    Grid::new(exact(anchor), step, *shape)
}

impl Watch {
    /// Whose it is.
    pub(crate) fn rule(&self) -> u32 {
        match self {
            Self::Level { level, .. } => level.rule,
            Self::Line { rule, .. } | Self::Grid { rule, .. } => *rule,
        }
    }

    /// Its level, if it is one.
    pub(crate) fn level_mut(&mut self) -> Option<&mut Level> {
        match self {
            Self::Level { level, .. } => Some(level),
            Self::Line { .. } | Self::Grid { .. } => None,
        }
    }

    fn trade(&mut self, price: Option<Decimal>, scene: &mut Scene<'_>) {
        match self {
            Self::Level { level, band } => {
                let truth = band.zip(price).map(|(band, price)| band.truth(level.memory.truth, exact(price)));
                if let Some(state) = level.step(truth, scene.now_ms, true) {
                    scene.level(level.rule, state, Seen::Price(price));
                }
            }
            Self::Line { rule, at, line } => {
                let Some(price) = price else { return };
                if let Some(way) = line.step(exact(price)) {
                    scene.crossed_line(*rule, price, *at, way == Direction::Up);
                }
            }
            Self::Grid { rule, grid } => {
                let (Some(price), Some(grid)) = (price, grid) else { return };
                if let Some(crossed) = grid.step(exact(price)) {
                    scene.crossed_grid(*rule, price, &crossed);
                }
            }
        }
    }

    /// The prices that change nothing, at scale 18, and when the timer is due.
    fn quiet(&self, latest: Option<Decimal>) -> (i128, i128, i64) {
        const NOWHERE: (i128, i128) = (i128::MAX, i128::MIN);
        match self {
            Self::Level { level, band } => {
                let free = band.zip(latest).filter(|_| level.memory.known && !level.counting());
                let (low, high) =
                    free.map_or(NOWHERE, |(band, price)| band.quiet(level.memory.truth, exact(price)));
                (low, high, level.deadline())
            }
            Self::Line { line, .. } => {
                let (low, high) = line.quiet();
                (low, high, NEVER)
            }
            Self::Grid { grid, .. } => {
                let (low, high) = grid.as_ref().map_or((i128::MIN, i128::MAX), Grid::quiet);
                (low, high, NEVER)
            }
        }
    }
}
