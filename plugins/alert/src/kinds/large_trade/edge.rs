//! Large trades inside of composites.

use super::{Aggregate, Caught, Large, LargeTrade, Sweep};
use crate::engine::{Needs, View};
use crate::fixed::{SUM_SCALE, approx};
use crate::kinds::Fill;
use crate::rule::Taker;
use crate::say::num;
use crate::signal::{Edge, Happening, pack, unpack};
use tradehook_decimal::Wide;

#[derive(Debug)]
struct Catching {
    what: LargeTrade,
    large: Large,
    caught: Vec<Caught>,
}

impl LargeTrade {
    pub(in crate::kinds) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Edge> {
        let mut large = Large::default();
        large.add(0, self);
        Box::new(Catching { what: self.clone(), large, caught: Vec::new() })
    }

    pub(in crate::kinds) fn words(&self) -> String {
        let whose = match self.side {
            None => "",
            Some(Taker::Buy) => "buy ",
            Some(Taker::Sell) => "sell ",
        };
        let what = if self.aggregate == Aggregate::Single { "trade" } else { "sweep" };
        let least = self.tiers.first().map_or(String::new(), |tier| num(tier.min));
        format!("a {whose}{what} with a {} of at least {least}", self.measure.word())
    }
}

impl Edge for Catching {
    fn trade(&mut self, fill: &Fill, _view: &View<'_>, out: &mut Vec<Happening>) {
        self.large.trade(fill, approx(fill.price), approx(fill.volume), &mut self.caught);
        for caught in self.caught.drain(..) {
            let tier = self.what.tiers.get(caught.tier);
            let total = |sum: Option<i128>| sum.map(|sum| Wide::new(sum, SUM_SCALE));
            let (notional, volume) = (total(caught.sweep.notional), total(caught.sweep.volume));
            out.push(Happening {
                title: self.what.words(),
                fields: vec![
                    ("notional", notional.into()),
                    ("volume", volume.into()),
                    ("fills", caught.sweep.fills.into()),
                    ("tier", tier.and_then(|tier| tier.name.clone()).into()),
                ],
                severity: tier.and_then(|tier| tier.severity),
            });
        }
    }

    fn save(&self) -> Vec<u8> {
        pack(&(self.large.sweeps(), !self.large.fired().is_empty()))
    }

    fn load(&mut self, bytes: &[u8]) {
        let Some((sweeps, fired)) = unpack::<(Vec<(i64, Sweep)>, bool)>(bytes) else { return };
        for (gap_ms, sweep) in sweeps {
            self.large.resume(gap_ms, sweep);
        }
        if fired {
            self.large.mark_fired(0);
        }
    }
}
