//! So many trades of a market in a stretch of event time that begins with the first.
//!
//! The first of a stretch pass at once, or its last pass at its end, or both: then the last of what
//! did not pass goes at the end, and is the first of the next stretch. A late trade lies before the
//! end of the stretch, so it counts in it and opens none.
//!
//! Keeps: [bounded]

use super::{Around, Item, kept};
use crate::{
    config::{Mode, Throttle},
    count::Verdict,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use tradehook_sdk::{MadeTrade, Record};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    since: Option<i64>,
    used: u32,
    #[serde(with = "kept")]
    held: VecDeque<MadeTrade>,
    /// How many were dropped since one was kept.
    dropped: u64,
}

impl Stretch {
    /// Whether a trade is among the first of its stretch.
    #[inline]
    pub(crate) fn admits(&mut self, spec: &Throttle, ts: i64) -> bool {
        if self.since.is_none_or(|since| ts.saturating_sub(since) >= spec.per_ms) {
            self.since = Some(ts);
            self.used = 0;
        }
        let first = self.used < spec.count;
        self.used += u32::from(first);
        self.dropped += u64::from(!first);
        first
    }

    /// Says how many were dropped before this one, where that is wanted.
    #[inline]
    pub(crate) fn tell(&mut self, spec: &Throttle, sid: u64, ts: i64, around: &mut Around<'_>) {
        let dropped = std::mem::take(&mut self.dropped);
        if spec.tell && dropped > 0 {
            let record = Record::new("throttled")
                .with("market", around.market)
                .with("sequential_id", i64::try_from(sid).ok())
                .with("traded_at_ms", ts)
                .with("dropped", i64::try_from(dropped).unwrap_or(i64::MAX));
            around.out.record(record);
        }
    }

    pub(crate) fn push(&mut self, spec: &Throttle, item: Item, around: &mut Around<'_>, to: &mut Vec<Item>) {
        let ts = item.trade.traded_at_ms;
        self.clock(spec, ts, around, to);
        if self.since.is_none() {
            self.since = Some(ts);
            self.used = 0;
        }
        if spec.mode != Mode::Trailing && self.used < spec.count {
            self.used += 1;
            self.go(spec, item, around, to);
            return;
        }
        self.held.push_back(item.trade);
        let most = if spec.mode == Mode::Both { 1 } else { spec.count as usize };
        if spec.mode == Mode::Leading || self.held.len() > most {
            self.held.pop_front();
            self.dropped += 1;
            around.counters.count(Verdict::Throttle);
        }
    }

    /// Ends the stretch that is over; how far time has come behind it.
    pub(crate) fn clock(
        &mut self,
        spec: &Throttle,
        now: i64,
        around: &mut Around<'_>,
        to: &mut Vec<Item>,
    ) -> i64 {
        while let Some(end) =
            self.since.map(|since| since.saturating_add(spec.per_ms)).filter(|end| *end <= now)
        {
            let held = std::mem::take(&mut self.held);
            self.since = (spec.mode == Mode::Both && !held.is_empty()).then_some(end);
            self.used = u32::from(self.since.is_some());
            for trade in held {
                self.go(spec, Item::made(trade), around, to);
            }
        }
        self.held.iter().map(|held| held.traded_at_ms).min().map_or(now, |held| held.min(now))
    }

    fn go(&mut self, spec: &Throttle, item: Item, around: &mut Around<'_>, to: &mut Vec<Item>) {
        self.tell(spec, item.trade.sequential_id, item.trade.traded_at_ms, around);
        to.push(item);
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Everything, at once.
    pub(crate) fn take(&mut self) -> VecDeque<MadeTrade> {
        std::mem::take(&mut self.held)
    }
}
