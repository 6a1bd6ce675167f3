//! What flows into a plugin at one step, and what flows on from it to the plugins that read it.
//!
//! A step is a batch of trades, some quotes, or one entry that stands alone. A plugin that reads
//! another gets what flows on of that one's trades, those that it made among them, and its records.
//! Where several things have one cause they come in the order of [`Class`], so that a plugin is told
//! the same whatever the batch.

use super::node::Told;
use crate::{
    alert::Trigger,
    plugin::{Batch, Forward, Incoming},
    quote::Quote,
    trade::{Flags, Trade, Trades},
};
use std::{ops::Range, sync::Arc};

/// A quote and its offset.
pub(super) type Row = (u64, Arc<Quote>);

/// A record on its way to the plugins that read its plugin, with what caused it.
#[derive(Clone)]
pub(super) struct Heard {
    pub(super) record: Incoming,
    pub(super) cause: (Trigger, Flags),
}

/// What one step brings a plugin; each part in the order of the tape.
#[derive(Clone, Default)]
pub(super) struct Input<'a> {
    pub(super) trades: Option<Arc<Batch>>,
    pub(super) quotes: &'a [Row],
    /// A tick, a gap or a fact.
    pub(super) moment: Option<&'a Told>,
    pub(super) records: &'a [Heard],
}

/// What flows on from a plugin.
#[derive(Clone, Default)]
pub(super) struct Flow {
    pub(super) trades: Option<Arc<Batch>>,
    pub(super) records: Vec<Heard>,
}

/// What has one offset comes in this order: what a plugin made, which is older than what caused it;
/// what stands on the tape; what was said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Trades,
    Quotes,
    Moment,
    Records,
}

/// Cuts four ascending columns of offsets (in the order of [`Class`]) into the longest runs of one
/// class, in the order in which they are told.
pub(super) fn runs(offsets: [&[u64]; 4], mut tell: impl FnMut(Class, Range<usize>)) {
    let [trades, quotes, moment, records] = offsets.map(|column| (0, column));
    let mut columns = [
        (Class::Trades, trades),
        (Class::Quotes, quotes),
        (Class::Moment, moment),
        (Class::Records, records),
    ];
    loop {
        let heads = columns.iter().filter_map(|(class, (at, column))| Some((*column.get(*at)?, *class)));
        let (mut first, mut limit) = (None, None);
        for head in heads {
            if first.is_none_or(|first| head < first) {
                limit = first.replace(head);
            } else if limit.is_none_or(|limit| head < limit) {
                limit = Some(head);
            }
        }
        let Some((_, class)) = first else { return };
        let Some((_, (at, column))) = columns.iter_mut().find(|column| column.0 == class) else { return };
        let left = column.get(*at..).unwrap_or_default();
        let count = match limit {
            None => left.len(),
            Some(limit) => left.partition_point(|&offset| (offset, class) < limit),
        };
        tell(class, *at..*at + count);
        *at += count;
    }
}

/// The trades that flow on from a plugin: rows of the batch it was told, and between them those that
/// it made.
#[derive(Default)]
pub(super) struct Kept {
    own: Vec<u32>,
    /// Each with the number of own rows before it.
    made: Vec<(usize, u64, Trade)>,
}

/// A trade that a plugin made: where in its batch, and the offset of what caused it.
pub(super) struct Made {
    pub(super) at: u32,
    pub(super) offset: u64,
    pub(super) trade: Trade,
}

impl Kept {
    pub(super) fn all(&mut self, range: Range<usize>) {
        let at = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        self.own.extend(at(range.start)..at(range.end));
    }

    /// Of a part of the batch that was told in one call: what flows on, and what was made at which of
    /// its rows.
    pub(super) fn part(&mut self, range: Range<usize>, forward: Forward, made: Vec<Made>) {
        let base = u32::try_from(range.start).unwrap_or(u32::MAX);
        let before = self.own.len();
        match forward {
            Forward::All => self.all(range),
            Forward::None => {}
            Forward::Some(some) => self.own.extend(some.into_iter().map(|i| base + i)),
        }
        let own = self.own.get(before..).unwrap_or_default();
        self.made.extend(made.into_iter().map(|made| {
            let place = before + own.partition_point(|&i| i < base.saturating_add(made.at));
            (place, made.offset, made.trade)
        }));
    }

    /// What was made where no trade was told.
    pub(super) fn between(&mut self, made: Vec<Made>) {
        let place = self.own.len();
        self.made.extend(made.into_iter().map(|made| (place, made.offset, made.trade)));
    }

    pub(super) fn len(&self) -> usize {
        self.own.len() + self.made.len()
    }

    pub(super) fn into_batch(self, batch: Option<Arc<Batch>>) -> Option<Arc<Batch>> {
        if self.made.is_empty() {
            let batch = batch?;
            return match self.own.len() {
                0 => None,
                n if n == batch.len() => Some(batch),
                _ => Some(Arc::new(batch.gather(&self.own))),
            };
        }
        let own = batch.map_or_else(Trades::default, |batch| Trades::from(batch.gather(&self.own)));
        let mut woven = Trades::default();
        let mut made = self.made.iter().peekable();
        for place in 0..=own.len() {
            while let Some((_, offset, trade)) = made.next_if(|(at, ..)| *at <= place) {
                woven.push(*offset, trade);
            }
            if let (Some(offset), Some(trade)) = (own.offset.get(place), own.get(place)) {
                woven.push(*offset, &trade);
            }
        }
        Some(Arc::new(Batch::from(woven)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_entry_caused_comes_in_one_order_and_runs_are_as_long_as_may_be() {
        let check = |offsets: [&[u64]; 4], expect: &str| {
            let mut told = Vec::new();
            runs(offsets, |class, range| told.push(format!("{class:?} {range:?}")));
            assert_eq!(told.join(", "), expect);
        };
        check([&[1, 2, 3], &[], &[], &[]], "Trades 0..3");
        check([&[1, 2, 3], &[], &[], &[2]], "Trades 0..2, Records 0..1, Trades 2..3");
        check([&[1, 2], &[], &[], &[2, 2]], "Trades 0..2, Records 0..2");
        check([&[5, 5], &[], &[5], &[5]], "Trades 0..2, Moment 0..1, Records 0..1");
        check([&[], &[3, 4, 5], &[], &[4]], "Quotes 0..2, Records 0..1, Quotes 2..3");
        check([&[4], &[3, 4, 5], &[], &[]], "Quotes 0..1, Trades 0..1, Quotes 1..3");
        check([&[], &[], &[], &[]], "");
    }
}
