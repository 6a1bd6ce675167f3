//! Consecutive trades of one side with no longer pause than allowed, put together: a taker's order
//! that fills against several makers comes as several trades.
//!
//! A sweep is over when a trade of the other side comes, when the next one comes after a longer
//! pause, or when time has come further than that. One trade alone is let go as it was.

use super::{Around, Item, merge::Merged};
use crate::config::Sweep;
use serde::{Deserialize, Serialize};
use tradehook_sdk::MadeTrade;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Swept {
    open: Option<Merged>,
}

impl Swept {
    pub(crate) fn push(&mut self, spec: &Sweep, item: Item, around: &mut Around<'_>, to: &mut Vec<Item>) {
        let trade = item.trade;
        if let Some(open) = &mut self.open {
            let pause = trade.traded_at_ms.saturating_sub(open.last.traded_at_ms).saturating_abs();
            if trade.side == open.last.side && pause <= spec.gap_ms && open.add(&trade) {
                around.counters.swept += 1;
                return;
            }
        }
        self.close(around, to);
        self.open = Some(Merged::of(trade));
    }

    /// Ends the sweep that is over; how far time has come behind it.
    pub(crate) fn clock(
        &mut self,
        spec: &Sweep,
        now: i64,
        around: &mut Around<'_>,
        to: &mut Vec<Item>,
    ) -> i64 {
        let last = self.open.as_ref().map(|open| open.last.traded_at_ms);
        // At the very end of the pause one more may still come.
        if last.is_some_and(|last| now.saturating_sub(last) > spec.gap_ms) {
            self.close(around, to);
        }
        self.open.as_ref().map_or(now, |open| open.last.traded_at_ms.min(now))
    }

    fn close(&mut self, around: &mut Around<'_>, to: &mut Vec<Item>) {
        let Some(open) = self.open.take() else { return };
        if open.fills > 1 {
            around.out.record(open.record("sweep", around.market));
        }
        to.push(Item::made(open.trade(true)));
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.open.is_some())
    }

    /// What is open, at once.
    pub(crate) fn take(&mut self) -> Option<MadeTrade> {
        self.open.take().map(|open| open.trade(true))
    }
}
