//! Trades held until every earlier one must have come, then let go by time and sequential id.
//!
//! A trade that comes when a later one has gone already is not held: it passes as it came, flagged
//! late. Nothing is dropped.
//!
//! Keeps: [bounded]

use super::{Around, Item, kept};
use serde::{Deserialize, Serialize};
use tradehook_sdk::{Flags, MadeTrade};

/// How many trades of a market are held at most; the earliest goes when one more comes. Chosen, ten
/// times the busiest quarter of a second that was seen.
const MAX: usize = 2000;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heap {
    /// By time, sequential id and arrival.
    #[serde(with = "kept")]
    held: Vec<MadeTrade>,
    /// Of the one that went last.
    gone: Option<(i64, u64)>,
}

fn key(trade: &MadeTrade) -> (i64, u64) {
    (trade.traded_at_ms, trade.sequential_id)
}

impl Heap {
    pub(crate) fn push(&mut self, mut item: Item, around: &mut Around<'_>, to: &mut Vec<Item>) {
        let own = key(&item.trade);
        if self.gone.is_some_and(|gone| own < gone) {
            around.counters.out_of_order += 1;
            item.trade.flags = Flags(item.trade.flags.0 | Flags::LATE.0);
            to.push(Item::made(item.trade));
            return;
        }
        let at = self.held.partition_point(|held| key(held) <= own);
        self.held.insert(at, item.trade);
        if self.held.len() > MAX {
            let first = self.held.remove(0);
            self.let_go(first, to);
        }
    }

    /// Lets go what is as old as `wait` by `now`; how far time has come behind it.
    pub(crate) fn clock(&mut self, now: i64, wait: i64, to: &mut Vec<Item>) -> i64 {
        let until = now.saturating_sub(wait);
        let ripe = self.held.partition_point(|held| held.traded_at_ms <= until);
        let ripe: Vec<MadeTrade> = self.held.drain(..ripe).collect();
        for trade in ripe {
            self.let_go(trade, to);
        }
        until
    }

    fn let_go(&mut self, mut trade: MadeTrade, to: &mut Vec<Item>) {
        self.gone = Some(key(&trade));
        // It was late on the tape; behind this it is not.
        trade.flags = Flags(trade.flags.0 & !Flags::LATE.0);
        to.push(Item::made(trade));
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Everything, at once.
    pub(crate) fn take(&mut self) -> Vec<MadeTrade> {
        std::mem::take(&mut self.held)
    }
}
