//! One line: which side the price was on, and which directions are armed.

use super::Shape;
use crate::rule::Direction;
use serde::{Deserialize, Serialize};

/// What a line remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// -1 below, 1 above, 0 before any price off the line.
    side: i8,
    up: bool,
    down: bool,
}

impl Memory {
    /// The side of the price in a word, and which directions are armed.
    pub(crate) fn seen(&self) -> (&'static str, bool, bool) {
        let side = match self.side {
            -1 => "below",
            1 => "above",
            _ => "not yet off the line",
        };
        (side, self.up, self.down)
    }
}

/// A line at a price, at scale 18.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    level: i128,
    rearm: i128,
    shape: Shape,
    pub(crate) memory: Memory,
}

impl Line {
    pub(crate) fn new(level: i128, shape: Shape) -> Self {
        // A distance that does not fit can never be gone back by.
        let rearm = shape.rearm_of(level).unwrap_or(i128::MAX / 4);
        Self { level, rearm, shape, memory: Memory { side: 0, up: true, down: true } }
    }

    /// The next price in order; the direction in which it fires.
    pub(crate) fn step(&mut self, price: i128) -> Option<Direction> {
        let (memory, level) = (&mut self.memory, self.level);
        let touched = self.shape.touch && price == level;
        let fired = match memory.side {
            -1 if memory.up && (price > level || touched) => {
                memory.up = false;
                Some(Direction::Up)
            }
            1 if memory.down && (price < level || touched) => {
                memory.down = false;
                Some(Direction::Down)
            }
            _ => None,
        };
        if price < level {
            memory.side = -1;
            memory.up |= price <= level.saturating_sub(self.rearm);
        } else if price > level {
            memory.side = 1;
            memory.down |= price >= level.saturating_add(self.rearm);
        }
        fired.filter(|way| {
            if *way == Direction::Up { self.shape.direction.up() } else { self.shape.direction.down() }
        })
    }

    /// The prices that change nothing.
    pub(crate) fn quiet(&self) -> (i128, i128) {
        let (memory, level) = (self.memory, self.level);
        let near = |armed: bool| i128::from(armed && self.shape.touch);
        match memory.side {
            -1 => {
                let low = match (memory.up, self.rearm) {
                    (true, _) => i128::MIN,
                    (false, 0) => level,
                    (false, rearm) => level.saturating_sub(rearm) + 1,
                };
                (low, level - near(memory.up))
            }
            1 => {
                let high = match (memory.down, self.rearm) {
                    (true, _) => i128::MAX,
                    (false, 0) => level,
                    (false, rearm) => level.saturating_add(rearm) - 1,
                };
                (level + near(memory.down), high)
            }
            _ => (level, level),
        }
    }
}
