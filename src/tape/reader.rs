//! A reader: one position on the tape, moving forward, each pipeline its own.
//!
//! Reads memory where it can and segments where it must, and nobody can tell which: the sequence
//! is the same, and so it is for every batch size. What cannot be read is never stepped over
//! silently.
//!
//! Keeps: [loss-is-said] [bounded]

use super::{
    Shared, State, TapeError,
    block::{self, Kind},
    live::{self, Body},
    lock, quotes,
    row::{self, Row},
    scan::{Found, Scanner},
};
use crate::{
    entry::Entry,
    quote::{Quote, Quotes},
    trade::Trades,
};
use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

/// What a reader came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The columns are filled: at least one trade, consecutive, at most as many as asked for.
    Trades,
    /// At least one ticker, book or candle, consecutive, at most as many as asked for.
    Quotes(Quotes),
    /// A tick, a gap, a fact or a control, and its offset.
    Entry(u64, Entry),
    /// The end of the tape for the present.
    Empty,
    /// Retention overtook this reader: it has missed `from..to` and stands at `to`.
    Trimmed {
        /// The first offset that was missed.
        from: u64,
        /// The first offset behind.
        to: u64,
    },
    /// `from..to` is on no disk and in no memory any more (a damaged or missing segment, a disk
    /// that was full): the reader stands at `to`.
    Damaged {
        /// The first offset that was lost.
        from: u64,
        /// The first offset behind.
        to: u64,
    },
}

/// One position on the tape. Belongs to one thread.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    at: u64,
    disk: Option<Disk>,
    rows: Vec<Row>,
    wants_quotes: bool,
}

/// A segment being read.
#[derive(Debug)]
struct Disk {
    base: u64,
    path: PathBuf,
    scanner: Scanner,
    block: Option<Found>,
    /// All offsets below this were on the disk when the tape was last asked.
    written: u64,
}

/// What a segment has at a position.
enum Read {
    Trades(u64),
    Quotes(u64, Vec<Quote>),
    Entry(Entry),
    /// Nothing; the next block of the segment, if any, begins there.
    Hole(Option<u64>),
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, at: u64) -> Self {
        Self { shared, at, disk: None, rows: Vec::new(), wants_quotes: true }
    }

    /// The offset of the next entry.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Goes to an offset. Past the end it goes to the end.
    pub fn seek(&mut self, offset: u64) {
        self.at = offset.min(lock(&self.shared.state).live.end());
        self.disk = None;
    }

    /// Whether quotes are to be handed out (they are, unless this says otherwise) or only told
    /// where they stand: [`Quotes::rows`] stays empty, and passing over them costs next to nothing.
    pub fn want_quotes(&mut self, wanted: bool) {
        self.wants_quotes = wanted;
    }

    /// How many entries this reader is behind.
    #[must_use]
    pub fn lag(&self) -> u64 {
        lock(&self.shared.state).live.end().saturating_sub(self.at)
    }

    /// Reads on: whatever is there, at most `max` trades or quotes (0 counts as 1), never waiting. The
    /// columns are cleared first; they hold something after [`Next::Trades`] only.
    ///
    /// # Errors
    /// A segment cannot be opened or read. The reader stays where it is: the call can be repeated,
    /// or [`Reader::seek`] passes over the place.
    pub fn next(&mut self, max: usize, trades: &mut Trades) -> Result<Next, TapeError> {
        trades.clear();
        let max = max.max(1);
        while trades.len() < max {
            match self.step(max - trades.len(), if trades.is_empty() { max } else { 0 }, trades) {
                Ok(None) => {}
                _ if !trades.is_empty() => break,
                Ok(Some(next)) => {
                    match next {
                        Next::Quotes(quotes) => return Ok(Next::Quotes(self.more_quotes(quotes, max))),
                        Next::Entry(..) => self.at += 1,
                        Next::Trimmed { to, .. } | Next::Damaged { to, .. } => self.at = to,
                        Next::Trades | Next::Empty => {}
                    }
                    return Ok(next);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Next::Trades)
    }

    /// Goes behind `quotes`, and takes those that follow as long as nothing else stands between.
    fn more_quotes(&mut self, mut quotes: Quotes, max: usize) -> Quotes {
        self.at += quotes.count;
        let max = max as u64;
        while quotes.count < max {
            // Room for no trades: where one stands, nothing moves.
            let left = usize::try_from(max - quotes.count).unwrap_or(usize::MAX);
            let Ok(Some(Next::Quotes(more))) = self.step(0, left, &mut Trades::default()) else { break };
            self.at += more.count;
            quotes.count += more.count;
            quotes.rows.extend(more.rows);
        }
        quotes
    }

    /// Parks the thread until there is something to read: true; or until the time is up or the
    /// tape is closed: false.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        let mut state = lock(&self.shared.state);
        state.waiting += 1;
        let at = self.at;
        let (mut state, _) = self
            .shared
            .news
            .wait_timeout_while(state, timeout, |state| state.live.end() <= at && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.live.end() > at
    }

    /// Whether the tape was closed: at its end, nothing will come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.shared.state).closed
    }

    /// Appends to the columns and moves (`None`), or tells what stands here and does not move.
    fn step(
        &mut self,
        left: usize,
        quotes_left: usize,
        trades: &mut Trades,
    ) -> Result<Option<Next>, TapeError> {
        let wanted = Wanted { trades: left, quotes: quotes_left, decoded: self.wants_quotes };
        let mut hole = None;
        if let Some(disk) = self.disk.as_mut().filter(|disk| self.at < disk.written) {
            match disk.read(self.at, wanted, trades).map_err(TapeError::io("read", &disk.path))? {
                Read::Trades(count) => {
                    self.at += count;
                    return Ok(None);
                }
                Read::Quotes(count, rows) => {
                    return Ok(Some(Next::Quotes(Quotes { first: self.at, count, rows })));
                }
                Read::Entry(entry) => return Ok(Some(Next::Entry(self.at, entry))),
                Read::Hole(next) => hole = Some(next),
            }
        }
        let shared = Arc::clone(&self.shared);
        let state = lock(&shared.state);
        if self.at >= state.live.end() {
            return Ok(Some(Next::Empty));
        }
        match state.live.find(self.at, left, &mut self.rows) {
            live::Found::Absent => self.turn_to_disk(hole, state),
            found => {
                drop(state);
                self.disk = None;
                Ok(self.take_from_memory(&found, wanted, trades))
            }
        }
    }

    fn take_from_memory(&mut self, found: &live::Found, wanted: Wanted, trades: &mut Trades) -> Option<Next> {
        let first = self.at;
        let rows = match found {
            live::Found::Absent => return None,
            live::Found::Copied => self.rows.as_slice(),
            live::Found::Block(block) => match &block.body {
                Body::Entry(entry) => return Some(Next::Entry(first, entry.clone())),
                Body::Quotes(payload, count) => {
                    return Some(match wanted.take(payload, first - block.first, *count) {
                        Some((count, rows)) => Next::Quotes(Quotes { first, count, rows }),
                        None => Next::Damaged { from: first, to: block.first + count },
                    });
                }
                Body::Rows(rows) => {
                    let skip = usize::try_from(self.at - block.first).unwrap_or(usize::MAX);
                    rows.get(skip..).unwrap_or(&[])
                }
            },
        };
        let rows = &rows[..rows.len().min(wanted.trades)];
        row::decode(self.at, rows, trades);
        self.at += rows.len() as u64;
        None
    }

    /// Finds the segment of this position, or says that there is none.
    fn turn_to_disk(
        &mut self,
        hole: Option<Option<u64>>,
        state: MutexGuard<'_, State>,
    ) -> Result<Option<Next>, TapeError> {
        let (from, end) = (self.at, state.live.end());
        let after = state.segments.partition_point(|segment| segment.base <= from);
        let behind = state.segments.get(after).map_or(u64::MAX, |next| next.base).min(state.live.start());
        let Some(segment) = after.checked_sub(1).and_then(|index| state.segments.get(index)) else {
            return Ok(Some(Next::Trimmed { from, to: behind }));
        };
        if let Some(disk) = self.disk.as_mut().filter(|disk| disk.base == segment.base) {
            disk.written = end;
            return Ok(hole.map(|next| Next::Damaged { from, to: next.unwrap_or(behind).min(behind) }));
        }
        let (base, path, position) = (segment.base, segment.path.clone(), segment.position_before(from));
        drop(state);
        match File::open(&path).and_then(|file| Scanner::new(file, position)) {
            Ok(scanner) => {
                self.disk = Some(Disk { base, path, scanner, block: None, written: end });
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.disk = None;
                // Retention may have taken it between the look and the opening; then the next
                // look tells. A file that is missing otherwise is lost.
                let state = lock(&self.shared.state);
                let is_known = state.segments.iter().any(|segment| segment.base == base);
                Ok(is_known.then_some(Next::Damaged { from, to: behind }))
            }
            Err(error) => Err(TapeError::io("open", &path)(error)),
        }
    }
}

impl Disk {
    fn read(&mut self, at: u64, wanted: Wanted, trades: &mut Trades) -> io::Result<Read> {
        loop {
            if let Some(found) = &self.block {
                let head = found.head;
                if at < head.first {
                    return Ok(Read::Hole(Some(head.first)));
                }
                if at < head.first + u64::from(head.count)
                    && let Some(read) = serve(found, self.scanner.payload(found), at, wanted, trades)
                {
                    return Ok(read);
                }
            }
            self.block = self.scanner.next()?;
            let Some(found) = &self.block else { return Ok(Read::Hole(None)) };
            if !is_readable(found, self.scanner.payload(found)) {
                self.block = None;
            }
        }
    }
}

/// Whether the block has entries that can be handed out.
fn is_readable(found: &Found, payload: &[u8]) -> bool {
    match found.head.kind {
        Kind::Market => false,
        Kind::Trades => row::are_sound(payload.as_chunks().0),
        Kind::Quotes => quotes::count(payload) == Some(found.head.count as usize),
        Kind::Tick | Kind::Gap | Kind::Control | Kind::Fact => true,
    }
}

/// How much a reader wants at most, and in which form.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    trades: usize,
    quotes: usize,
    decoded: bool,
}

impl Wanted {
    /// Of the `count` quotes of a block, those behind the first `skip`: how many, and they.
    fn take(self, payload: &[u8], skip: u64, count: u64) -> Option<(u64, Vec<Quote>)> {
        let count = count.saturating_sub(skip).min(self.quotes as u64);
        if !self.decoded {
            return Some((count, Vec::new()));
        }
        let (skip, max) = (usize::try_from(skip).ok()?, usize::try_from(count).ok()?);
        Some((count, quotes::decode(payload, skip, max)?))
    }
}

fn serve(found: &Found, payload: &[u8], at: u64, wanted: Wanted, trades: &mut Trades) -> Option<Read> {
    if found.head.kind == Kind::Quotes {
        let taken = wanted.take(payload, at - found.head.first, u64::from(found.head.count));
        return taken.map(|(count, rows)| Read::Quotes(count, rows));
    }
    if found.head.kind != Kind::Trades {
        return block::decode_entry(found.head.kind, payload).map(Read::Entry);
    }
    let skip = usize::try_from(at - found.head.first).unwrap_or(usize::MAX);
    let rows: &[Row] = payload.as_chunks().0.get(skip..)?;
    let rows = &rows[..rows.len().min(wanted.trades)];
    row::decode(at, rows, trades);
    Some(Read::Trades(rows.len() as u64))
}
