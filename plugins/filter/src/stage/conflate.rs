//! One trade of a market for each stretch of event time: at the last price, with the volume of all.
//!
//! Stretches are aligned to the epoch, and end when time has come to their end. A trade that comes
//! when its stretch is over goes into the one that is open, so no volume is lost.

use super::{Around, Item, merge::Merged};
use crate::config::Conflate;
use serde::{Deserialize, Serialize};
use tradehook_sdk::MadeTrade;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conflated {
    open: Option<Merged>,
    /// When the open stretch ends.
    end: i64,
}

impl Conflated {
    pub(crate) fn push(&mut self, spec: &Conflate, item: Item, around: &mut Around<'_>, to: &mut Vec<Item>) {
        let ts = item.trade.traded_at_ms;
        self.clock(ts, around, to);
        if let Some(open) = &mut self.open {
            if open.add(&item.trade) {
                around.counters.conflated += 1;
                return;
            }
            // More volume than a trade can have: the stretch is told in parts.
            self.close(around, to);
        }
        self.end = ts - ts.rem_euclid(spec.every_ms) + spec.every_ms;
        self.open = Some(Merged::of(item.trade));
    }

    /// Ends the stretch that is over.
    pub(crate) fn clock(&mut self, now: i64, around: &mut Around<'_>, to: &mut Vec<Item>) {
        if self.end <= now {
            self.close(around, to);
        }
    }

    fn close(&mut self, around: &mut Around<'_>, to: &mut Vec<Item>) {
        let Some(open) = self.open.take() else { return };
        around.out.record(open.record("conflate", around.market).with("end_ms", self.end));
        to.push(Item::made(open.trade(false)));
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.open.is_some())
    }

    /// What is open, at once.
    pub(crate) fn take(&mut self) -> Option<MadeTrade> {
        self.open.take().map(|open| open.trade(false))
    }
}
