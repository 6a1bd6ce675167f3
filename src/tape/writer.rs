//! The appending side of the tape: gives out offsets, encodes, stores, and only then shows.
//!
//! Owns the next offset. The order is the promise: what a reader can see is already with the
//! kernel.
//!
//! Keeps: [one-way] [loss-is-said] [time-enters-once]

use super::{
    MAX_MARKETS, Shared, TapeError, TapeStats,
    block::{self, Kind},
    disk::{Append, Disk},
    live::Live,
    lock, quotes,
    row::{self, Row},
};
use crate::{
    entry::Entry,
    market::{MAX_CODE_LEN, MarketId},
    quote::Quote,
    trade::Trade,
};
use std::{io, ops::Range, sync::Arc};

/// Where entries go besides memory.
#[derive(Debug)]
pub(super) enum Store {
    /// Nowhere.
    Memory,
    /// Nothing can be appended.
    ReadOnly,
    /// Segments.
    Disk(Box<Disk>),
}

/// The one who appends.
#[derive(Debug)]
pub(super) struct Writer {
    next: u64,
    newest_ms: i64,
    /// How many markets the tape knows.
    markets: usize,
    rows: Vec<Row>,
    bytes: Vec<u8>,
    store: Store,
    /// A failure that was met where it could not be said.
    unsaid: Option<io::Error>,
}

impl Writer {
    pub(super) fn new(next: u64, newest_ms: i64, markets: usize, store: Store) -> Self {
        Self { next, newest_ms, markets, rows: Vec::new(), bytes: Vec::new(), store, unsaid: None }
    }

    pub(super) fn intern(&mut self, code: &str, shared: &Shared) -> Result<MarketId, TapeError> {
        self.writable()?;
        let id = {
            let mut markets = lock(&shared.markets);
            if let Some(id) = markets.id(code) {
                return Ok(id);
            }
            if code.is_empty() || code.len() > MAX_CODE_LEN || markets.len() >= MAX_MARKETS as usize {
                return Err(TapeError::Market { code: code.chars().take(MAX_CODE_LEN).collect() });
            }
            let (id, _) = Arc::make_mut(&mut markets).intern(code);
            self.markets = markets.len();
            id
        };
        self.bytes.clear();
        block::encode(&mut self.bytes, Kind::Market, 0, u64::from(id.0), code.as_bytes());
        if let (Err(error), _) = self.put(0, self.newest_ms, shared) {
            self.unsaid = Some(error);
        }
        Ok(id)
    }

    pub(super) fn append_trades(
        &mut self,
        trades: &[Trade],
        shared: &Shared,
    ) -> Result<Range<u64>, TapeError> {
        self.writable()?;
        let Some(last) = trades.last() else { return Ok(self.next..self.next) };
        if let Some(unknown) = trades.iter().find(|trade| trade.market.0 as usize >= self.markets) {
            return Err(TapeError::UnknownMarket { market: unknown.market });
        }
        self.rows.clear();
        self.rows.extend(trades.iter().map(row::encode));
        self.bytes.clear();
        if matches!(self.store, Store::Disk(_)) {
            let mut first = self.next;
            for rows in self.rows.chunks(block::MAX_ROWS) {
                let count = rows.len() as u32;
                block::encode(&mut self.bytes, Kind::Trades, count, first, rows.as_flattened());
                first += u64::from(count);
            }
        }
        let stored = self.put(trades.len() as u64, last.received_at_ms, shared);
        let rows = std::mem::take(&mut self.rows);
        let offsets = self.show(trades.len() as u64, stored.1, shared, |live| live.push_rows(&rows));
        self.rows = rows;
        self.say(stored.0, offsets)
    }

    pub(super) fn append_quotes(
        &mut self,
        quotes: &[Quote],
        shared: &Shared,
    ) -> Result<Range<u64>, TapeError> {
        self.writable()?;
        let Some(last) = quotes.last() else { return Ok(self.next..self.next) };
        let known = |quote: &&Quote| (quote.head().market.0 as usize) < self.markets;
        if let Some(unknown) = quotes.iter().find(|quote| !known(quote)) {
            return Err(TapeError::UnknownMarket { market: unknown.head().market });
        }
        self.bytes.clear();
        let mut parts: Vec<(Vec<u8>, u64)> = Vec::new();
        for quote in quotes {
            let full = |(payload, count): &(Vec<u8>, u64)| {
                payload.len() >= quotes::FULL_BYTES || *count >= quotes::MAX_QUOTES as u64
            };
            if parts.last().is_none_or(full) {
                parts.push((Vec::new(), 0));
            }
            if let Some((payload, count)) = parts.last_mut() {
                quotes::encode(quote, payload);
                *count += 1;
            }
        }
        let mut first = self.next;
        for (payload, count) in &parts {
            block::encode(&mut self.bytes, Kind::Quotes, *count as u32, first, payload);
            first += count;
        }
        let count = quotes.len() as u64;
        let stored = self.put(count, last.head().received_at_ms, shared);
        let offsets = self.show(count, stored.1, shared, |live| {
            parts.iter().for_each(|(payload, count)| live.push_quotes(payload, *count));
        });
        self.say(stored.0, offsets)
    }

    pub(super) fn append_entry(&mut self, entry: &Entry, shared: &Shared) -> Result<u64, TapeError> {
        self.writable()?;
        let (kind, payload) = block::encode_entry(entry).ok_or(TapeError::TooLarge)?;
        if payload.len() > block::MAX_PAYLOAD {
            return Err(TapeError::TooLarge);
        }
        self.bytes.clear();
        block::encode(&mut self.bytes, kind, 1, self.next, &payload);
        let newest_ms = if let Entry::Tick(tick) = entry { tick.at_ms } else { self.newest_ms };
        let stored = self.put(1, newest_ms, shared);
        let offsets = self.show(1, stored.1, shared, |live| live.push_entry(entry.clone()));
        self.say(stored.0, offsets).map(|offsets| offsets.start)
    }

    pub(super) fn advance_to(&mut self, offset: u64, shared: &Shared) -> Option<Range<u64>> {
        if offset <= self.next || matches!(self.store, Store::ReadOnly) {
            return None;
        }
        let missing = self.next..offset;
        self.next = offset;
        if let Store::Disk(disk) = &mut self.store {
            disk.close_segment();
        }
        lock(&shared.state).live.restart(offset);
        Some(missing)
    }

    pub(super) fn newest_ms(&self) -> Option<i64> {
        (self.newest_ms != i64::MIN).then_some(self.newest_ms)
    }

    pub(super) fn stats(&self) -> TapeStats {
        let Store::Disk(disk) = &self.store else { return TapeStats::default() };
        TapeStats {
            degraded: disk.is_degraded(),
            write_failures: disk.failures,
            sync_failures: disk.sync_failures(),
            unsaved_entries: disk.unsaved,
            ..TapeStats::default()
        }
    }

    #[cfg(test)]
    pub(super) fn disk(&mut self) -> Option<&mut Disk> {
        if let Store::Disk(disk) = &mut self.store { Some(disk) } else { None }
    }

    fn writable(&self) -> Result<(), TapeError> {
        if matches!(self.store, Store::ReadOnly) { Err(TapeError::ReadOnly) } else { Ok(()) }
    }

    /// Hands the encoded bytes to the disk; tells how that went and where they begin.
    fn put(&mut self, count: u64, newest_ms: i64, shared: &Shared) -> (io::Result<()>, Option<u64>) {
        let append = Append { first: self.next, count, before_ms: self.newest_ms, newest_ms };
        self.newest_ms = newest_ms;
        let Store::Disk(disk) = &mut self.store else { return (Ok(()), None) };
        match disk.write(append, &self.bytes, shared) {
            Ok(position) => (Ok(()), position),
            Err(error) => (Err(error), None),
        }
    }

    /// Lets readers see the entries.
    fn show(
        &mut self,
        count: u64,
        position: Option<u64>,
        shared: &Shared,
        push: impl FnOnce(&mut Live),
    ) -> Range<u64> {
        let first = self.next;
        self.next += count;
        let mut state = lock(&shared.state);
        if let (Some(position), Some(segment)) = (position, state.segments.back_mut()) {
            segment.mark(first, position);
            segment.bytes = position + self.bytes.len() as u64;
        }
        push(&mut state.live);
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            shared.news.notify_all();
        }
        first..self.next
    }

    fn say(&mut self, stored: io::Result<()>, offsets: Range<u64>) -> Result<Range<u64>, TapeError> {
        match stored.err().or_else(|| self.unsaid.take()) {
            Some(source) => Err(TapeError::Degraded { offsets, source }),
            None => Ok(offsets),
        }
    }
}
