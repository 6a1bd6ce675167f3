//! Crossings inside of composites: the same lines and grids, one market's worth in one edge.

use super::{Cross, Grid, GridMemory, Line, LineMemory, Lines};
use crate::config::Amount;
use crate::engine::{Needs, View};
use crate::fixed::{exact, wide};
use crate::kinds::Fill;
use crate::rule::Direction;
use crate::say::{num, num_wide};
use crate::signal::{Edge, Happening, pack, unpack};
use tradehook_decimal::Decimal;

#[derive(Debug)]
struct Crossing {
    what: Cross,
    lines: Vec<(Decimal, Line)>,
    grid: Option<Grid>,
    /// The previous close that the grid starts from.
    close: Option<Decimal>,
}

impl Cross {
    pub(in crate::kinds) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Edge> {
        let (mut lines, mut grid) = (Vec::new(), None);
        match &self.lines {
            Lines::Levels(levels) => {
                lines.extend(levels.iter().map(|level| (*level, Line::new(exact(*level), self.shape))));
            }
            Lines::Grid { anchor: Some(anchor), .. } => grid = self.grid_at(*anchor),
            Lines::Grid { anchor: None, .. } => {}
        }
        Box::new(Crossing { what: self.clone(), lines, grid, close: None })
    }

    /// The grid with its anchor there.
    pub(crate) fn grid_at(&self, anchor: Decimal) -> Option<Grid> {
        let Lines::Grid { step, .. } = &self.lines else { return None };
        let step = match step {
            Amount::Plain(step) => exact(*step),
            Amount::Percent(share) => super::share_of(exact(anchor), *share)?,
        };
        Grid::new(exact(anchor), step, self.shape)
    }

    pub(in crate::kinds) fn words(&self) -> String {
        let way = match self.shape.direction {
            Direction::Up => " upward",
            Direction::Down => " downward",
            Direction::Both => "",
        };
        match &self.lines {
            Lines::Levels(levels) => {
                let levels: Vec<String> = levels.iter().take(8).map(|level| num(*level)).collect();
                format!("crosses {}{way}", levels.join(" or "))
            }
            Lines::Grid { step: Amount::Plain(step), .. } => {
                format!("crosses a line every {}{way}", num(*step))
            }
            Lines::Grid { step: Amount::Percent(share), .. } => format!("crosses a line every {share}%{way}"),
        }
    }
}

impl Edge for Crossing {
    fn trade(&mut self, _fill: &Fill, view: &View<'_>, out: &mut Vec<Happening>) {
        if matches!(self.what.lines, Lines::Grid { anchor: None, .. }) && view.prev_close != self.close {
            self.close = view.prev_close;
            self.grid = self.close.and_then(|close| self.what.grid_at(close));
        }
        let Some(price) = view.source(self.what.source) else { return };
        let at = exact(price);
        for (level, line) in &mut self.lines {
            if let Some(way) = line.step(at) {
                out.push(happening(level.to_string(), num(*level), price, way == Direction::Up));
            }
        }
        if let Some(crossed) = self.grid.as_mut().and_then(|grid| grid.step(at)) {
            let line = wide(crossed.last);
            out.push(happening(line.to_string(), num_wide(line), price, crossed.up));
        }
    }

    fn save(&self) -> Vec<u8> {
        let lines: Vec<LineMemory> = self.lines.iter().map(|(_, line)| line.memory).collect();
        let close = self.close.map(crate::fixed::Kept);
        pack(&(lines, self.grid.as_ref().and_then(|grid| grid.memory), close))
    }

    fn load(&mut self, bytes: &[u8]) {
        type Saved = (Vec<LineMemory>, Option<GridMemory>, Option<crate::fixed::Kept>);
        let Some((lines, grid, close)) = unpack::<Saved>(bytes) else { return };
        for ((_, line), memory) in self.lines.iter_mut().zip(lines) {
            line.memory = memory;
        }
        if let Some(close) = close {
            (self.close, self.grid) = (Some(close.0), self.what.grid_at(close.0));
        }
        if let Some(own) = &mut self.grid {
            own.memory = grid;
        }
    }
}

fn happening(level: String, shown: String, price: Decimal, up: bool) -> Happening {
    let way = if up { "up" } else { "down" };
    Happening {
        title: format!("crossed {shown} {way}ward at {}", num(price)),
        fields: vec![
            ("value", price.into()),
            ("threshold", level.clone().into()),
            ("level", level.into()),
            ("direction", way.into()),
        ],
        severity: None,
    }
}
