//! The newest part of the tape, in memory: what live readers read, and all there is of a tape
//! without a directory.
//!
//! Owns a bounded run of entries without holes. Trades and quotes are kept in the form they have in a
//! segment, so that one decoder serves both. Trades are gathered into blocks that never change
//! once they are full, so that a reader takes a handle and copies outside the lock; only rows of
//! the one open block are copied under it, and they are few.
//!
//! Keeps: [bounded]

use super::row::{ROW, Row};
use crate::entry::Entry;
use std::{collections::VecDeque, mem, sync::Arc};

/// Rows of a full block: 80 KiB, a few microseconds to copy under the lock. Chosen, not measured.
const BLOCK_ROWS: usize = 1024;

/// What a block weighs beside its rows, roughly.
const BLOCK_WEIGHT: usize = 128;

/// A block that will not change.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) first: u64,
    pub(super) body: Body,
}

/// What a block holds.
#[derive(Debug)]
pub(super) enum Body {
    /// Trades.
    Rows(Vec<Row>),
    /// Quotes as they stand in a block, and how many.
    Quotes(Box<[u8]>, u64),
    /// Anything else.
    Entry(Entry),
}

impl Sealed {
    fn weight(&self) -> usize {
        BLOCK_WEIGHT
            + match &self.body {
                Body::Rows(rows) => rows.capacity() * ROW,
                Body::Quotes(payload, _) => payload.len(),
                Body::Entry(Entry::Gap(gap)) => gap.markets.len() * 4,
                Body::Entry(Entry::Fact(fact)) => fact.name.len() + fact.subject.len() + size_of_val(fact),
                Body::Entry(_) => 0,
            }
    }
}

/// What stands at an offset.
pub(super) enum Found {
    /// Inside of this block.
    Block(Arc<Sealed>),
    /// In the open block; its rows were copied out.
    Copied,
    /// Nothing: it is not in memory.
    Absent,
}

/// The newest entries.
#[derive(Debug)]
pub(super) struct Live {
    sealed: VecDeque<Arc<Sealed>>,
    open: Vec<Row>,
    end: u64,
    weight: usize,
    limit: usize,
}

impl Live {
    pub(super) fn new(end: u64, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { sealed: VecDeque::new(), open: Vec::new(), end, weight: 0, limit }
    }

    /// The first offset in memory; the end when there is none.
    pub(super) fn start(&self) -> u64 {
        self.sealed.front().map_or_else(|| self.open_first(), |block| block.first)
    }

    /// The offset that the next entry will get.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes in use.
    pub(super) fn weight(&self) -> usize {
        self.weight + self.open.capacity() * ROW
    }

    /// Forgets everything and goes on at `end`.
    pub(super) fn restart(&mut self, end: u64) {
        self.sealed.clear();
        self.open = Vec::new();
        self.weight = 0;
        self.end = end;
    }

    pub(super) fn push_rows(&mut self, mut rows: &[Row]) {
        while !rows.is_empty() {
            let room = BLOCK_ROWS - self.open.len().min(BLOCK_ROWS);
            let (now, later) = rows.split_at(room.min(rows.len()));
            self.open.extend_from_slice(now);
            self.end += now.len() as u64;
            rows = later;
            if self.open.len() >= BLOCK_ROWS {
                self.seal();
            }
        }
    }

    pub(super) fn push_entry(&mut self, entry: Entry) {
        self.seal();
        let first = self.end;
        self.end += 1;
        self.keep(Sealed { first, body: Body::Entry(entry) });
    }

    pub(super) fn push_quotes(&mut self, payload: &[u8], count: u64) {
        self.seal();
        let first = self.end;
        self.end += count;
        self.keep(Sealed { first, body: Body::Quotes(payload.into(), count) });
    }

    /// What stands at `offset`. Of an open block at most `max` rows are copied into `rows`.
    pub(super) fn find(&self, offset: u64, max: usize, rows: &mut Vec<Row>) -> Found {
        if offset >= self.end || offset < self.start() {
            return Found::Absent;
        }
        if offset >= self.open_first() {
            let skip = usize::try_from(offset - self.open_first()).unwrap_or(usize::MAX);
            rows.clear();
            rows.extend(self.open.iter().skip(skip).take(max));
            return Found::Copied;
        }
        let after = self.sealed.partition_point(|block| block.first <= offset);
        let block = after.checked_sub(1).and_then(|index| self.sealed.get(index));
        block.map_or(Found::Absent, |block| Found::Block(Arc::clone(block)))
    }

    fn open_first(&self) -> u64 {
        self.end - self.open.len() as u64
    }

    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let first = self.open_first();
        let mut rows = mem::take(&mut self.open);
        rows.shrink_to_fit();
        self.keep(Sealed { first, body: Body::Rows(rows) });
    }

    fn keep(&mut self, block: Sealed) {
        self.weight += block.weight();
        self.sealed.push_back(Arc::new(block));
        while self.weight > self.limit && self.sealed.len() > 1 {
            if let Some(oldest) = self.sealed.pop_front() {
                self.weight -= oldest.weight();
            }
        }
    }
}
