//! A grid of lines: as many [`Line`](super::Line)s as there are steps, in constant space.
//!
//! Off the grid, every line's side is that of the price. A line below the price can be disarmed
//! for upward only if the price was once below it, which the lowest price tells; only the nearest
//! line on each side can be between its own level and its re-arming point, because a re-arming
//! distance counts at most one step. So two flags, two extremes and the line under the price (if
//! the price is exactly on one) say everything.

use super::Shape;
use serde::{Deserialize, Serialize};

/// The line that the price is exactly on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct On {
    side: i8,
    up: bool,
    down: bool,
}

/// What a grid remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    last: i128,
    lowest: i128,
    highest: i128,
    /// Whether the nearest line above is armed for upward.
    above: bool,
    /// Whether the nearest line below is armed for downward.
    below: bool,
    on: Option<On>,
}

/// A grid with an anchor and a step at scale 18.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    anchor: i128,
    step: i128,
    shape: Shape,
    pub(crate) memory: Option<Memory>,
}

/// The lines that one price passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crossed {
    pub(crate) up: bool,
    pub(crate) first: i128,
    /// The farthest.
    pub(crate) last: i128,
    pub(crate) step: i128,
    pub(crate) count: i128,
}

/// The grid as it is, or upside down: climbing is written once.
struct View<'a> {
    /// 1, or -1 for upside down.
    sign: i128,
    grid: &'a Grid,
}

impl View<'_> {
    /// The largest line that is not above `x`.
    fn at_or_below(&self, x: i128) -> i128 {
        let anchor = self.sign * self.grid.anchor;
        x - (x - anchor).rem_euclid(self.grid.step)
    }

    fn rearm(&self, line: i128) -> i128 {
        let step = self.grid.step;
        self.grid.shape.rearm_of(line).map_or(step, |rearm| rearm.min(step))
    }

    /// Moves up to `price`; `memory` is in this view's coordinates.
    fn climb(&self, memory: &mut Memory, price: i128) -> Option<(i128, i128)> {
        let (step, touch, old) = (self.grid.step, self.grid.shape.touch, memory.last);
        let next = self.at_or_below(old) + step;
        let reached = self.at_or_below(price);
        let on_line = reached == price;
        let last = if on_line && !touch { reached - step } else { reached };
        let first = match memory.on {
            Some(on) if on.side == -1 && on.up => old,
            _ if memory.above => next,
            _ => next + step,
        };
        let disarmed_down = |line: i128| line < memory.highest;
        let under = if on_line { price - step } else { reached };
        let below = price - under >= self.rearm(under)
            || match under.cmp(&old) {
                std::cmp::Ordering::Less => memory.below,
                std::cmp::Ordering::Equal => memory.on.is_none_or(|on| on.down),
                std::cmp::Ordering::Greater => !disarmed_down(under),
            };
        let on = on_line.then(|| On {
            side: -1,
            up: !touch && (price != next || memory.above),
            down: !disarmed_down(price),
        });
        memory.above = price >= next || memory.above;
        memory.below = below;
        memory.on = on;
        memory.last = price;
        memory.highest = memory.highest.max(price);
        (first <= last).then_some((first, last))
    }
}

impl Memory {
    fn mirrored(self) -> Self {
        Self {
            last: -self.last,
            lowest: -self.highest,
            highest: -self.lowest,
            above: self.below,
            below: self.above,
            on: self.on.map(|on| On { side: -on.side, up: on.down, down: on.up }),
        }
    }
}

impl Grid {
    /// `None` when the step is no distance.
    pub(crate) fn new(anchor: i128, step: i128, shape: Shape) -> Option<Self> {
        (step > 0).then_some(Self { anchor, step, shape, memory: None })
    }

    /// The next price in order; the lines it passed, if any.
    pub(crate) fn step(&mut self, price: i128) -> Option<Crossed> {
        let Some(mut memory) = self.memory else {
            let on_line = View { sign: 1, grid: self }.at_or_below(price) == price;
            let on = on_line.then_some(On { side: 0, up: true, down: true });
            let (lowest, highest) = (price, price);
            self.memory = Some(Memory { last: price, lowest, highest, above: true, below: true, on });
            return None;
        };
        let up = price > memory.last;
        let passed = if price == memory.last {
            return None;
        } else if up {
            View { sign: 1, grid: self }.climb(&mut memory, price)
        } else {
            let mut mirrored = memory.mirrored();
            let passed = View { sign: -1, grid: self }.climb(&mut mirrored, -price);
            memory = mirrored.mirrored();
            passed.map(|(first, last)| (-first, -last))
        };
        self.memory = Some(memory);
        let (first, last) = passed?;
        let wanted = if up { self.shape.direction.up() } else { self.shape.direction.down() };
        let count = (last - first).abs() / self.step + 1;
        wanted.then_some(Crossed { up, first, last, step: self.step, count })
    }

    /// The prices that change nothing.
    pub(crate) fn quiet(&self) -> (i128, i128) {
        let Some(memory) = self.memory else { return (1, 0) };
        if memory.on.is_some() {
            return (memory.last, memory.last);
        }
        let view = View { sign: 1, grid: self };
        let under = view.at_or_below(memory.last);
        let over = under + self.step;
        let low = if memory.above { under + 1 } else { (under + 1).max(over - view.rearm(over) + 1) };
        let high = if memory.below { over - 1 } else { (over - 1).min(under + view.rearm(under) - 1) };
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;
    use crate::config::Amount;
    use crate::rule::Direction;
    use tradehook_decimal::Decimal;

    /// A small generator of its own: the tests need no more than repeatable variety.
    fn next(seed: &mut u64, below: i128) -> i128 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i128::from(*seed >> 33) % below
    }

    #[test]
    fn a_grid_is_as_many_lines_as_it_has_steps() {
        for seed in 0..3000u64 {
            let mut random = seed;
            let touch = next(&mut random, 2) == 0;
            let step = next(&mut random, 6) + 1;
            let anchor = next(&mut random, 7);
            let rearm = match next(&mut random, 3) {
                0 => None,
                _ => Some(Amount::Plain(
                    Decimal::new(i64::try_from(next(&mut random, step) + 1).unwrap_or(1), 18)
                        .unwrap_or_default(),
                )),
            };
            let shape = Shape { direction: Direction::Both, touch, rearm };
            let Some(mut grid) = Grid::new(anchor, step, shape) else { continue };
            let mut lines: Vec<(i128, Line)> =
                (-60..120).map(|k| anchor + k * step).map(|level| (level, Line::new(level, shape))).collect();
            let mut price = 20 + next(&mut random, 20);
            let reach = 1 + next(&mut random, 12);
            let mut trail = Vec::new();
            for _ in 0..120 {
                trail.push(price);
                let quiet = grid.quiet();
                let was = grid.clone();
                let crossed = grid.step(price);
                let fired: Vec<(i128, Direction)> = lines
                    .iter_mut()
                    .filter_map(|(level, line)| line.step(price).map(|way| (*level, way)))
                    .collect();
                let expect = crossed.map_or(Vec::new(), |c| {
                    let way = if c.up { Direction::Up } else { Direction::Down };
                    let (low, high) = (c.first.min(c.last), c.first.max(c.last));
                    (0..c.count)
                        .map(|k| low + k * step)
                        .inspect(|l| assert!(*l <= high))
                        .map(|l| (l, way))
                        .collect()
                });
                assert_eq!(fired, expect, "seed {seed}, step {step}, anchor {anchor}, {shape:?}, {trail:?}");
                if price >= quiet.0 && price <= quiet.1 {
                    assert_eq!(crossed, None, "seed {seed}: fired in the quiet {quiet:?}, {trail:?}");
                    let mut skipped = was;
                    skipped.memory = skipped.memory.map(|m| Memory {
                        last: price,
                        lowest: m.lowest.min(price),
                        highest: m.highest.max(price),
                        ..m
                    });
                    assert_eq!(
                        skipped.memory, grid.memory,
                        "seed {seed}: changed in the quiet {quiet:?}, {trail:?}"
                    );
                }
                price = (price + next(&mut random, 2 * reach + 1) - reach).clamp(0, 60);
            }
        }
    }
}
