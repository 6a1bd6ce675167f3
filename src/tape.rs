//! The tape: append, read, retain, recover.
//!
//! One writer appends; every pipeline reads with a [`Reader`] of its own, from any offset, on its
//! own thread. The newest entries are kept in memory; with a directory, all are kept in segment
//! files as well, whole segments at a time given up by age and size. An append is in the kernel
//! before a reader can see it, so the death of the process loses nothing that was dispatched; a
//! thread syncs, so a power cut loses at most the last interval.
//!
//! Does not know what an entry means. The entries' own times are its only clock.
//!
//! Keeps: [one-way] [bounded] [time-enters-once] [numbers-survive] [loss-is-said]

mod block;
mod disk;
mod live;
mod quotes;
mod reader;
mod recover;
mod row;
mod scan;
mod segment;
mod sync;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Next, Reader};

use crate::{
    entry::Entry,
    market::{MarketId, Markets},
    quote::Quote,
    trade::Trade,
};
use disk::Disk;
use live::Live;
use segment::Segment;
use std::{
    collections::VecDeque,
    fmt,
    fs::{self, File, TryLockError},
    hash::{BuildHasher, RandomState},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use sync::Syncer;
use writer::{Store, Writer};

/// The version of the segment format that is written.
pub const FORMAT_VERSION: u32 = 3;

/// The oldest version that is read: as the present one, without quotes and facts; the second is
/// without facts. A segment of an older
/// version is never appended to, so that a program of that version is refused what it does not know
/// instead of taking it for damage.
const OLDEST_VERSION: u32 = 1;

/// Most markets of one tape. The venue lists some seven hundred; the bound keeps a venue that
/// sends nonsense from filling the memory.
pub const MAX_MARKETS: u32 = 16_384;

/// The file in the directory that its writer holds locked.
const LOCK_FILE: &str = "lock";

/// How a tape is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeConfig {
    /// Where; without a directory the tape is in memory only.
    pub dir: Option<PathBuf>,
    /// Segments whose newest entry is older than this, seen from the newest entry of all, go.
    pub retain_age: Duration,
    /// Most bytes on disk; the oldest segments go. At least the open segment stays.
    pub retain_bytes: u64,
    /// A segment is closed at this size.
    pub segment_bytes: u64,
    /// How often what was written is synced.
    pub sync_every: Duration,
    /// Most bytes of entries in memory; of a tape without a directory it is all there is.
    pub memory_bytes: u64,
}

impl Default for TapeConfig {
    fn default() -> Self {
        Self {
            dir: None,
            retain_age: Duration::from_secs(7 * 24 * 3600),
            retain_bytes: 10 << 30,
            segment_bytes: 64 << 20,
            sync_every: Duration::from_secs(1),
            memory_bytes: 16 << 20,
        }
    }
}

/// Why the tape could not do as asked.
#[derive(Debug)]
pub enum TapeError {
    /// A file or folder could not be used.
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process writes to the directory.
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// A segment of another format version.
    Version {
        /// The segment.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// A file that is no segment, or whose head is damaged.
    NotATape {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A segment of another tape stands in the directory.
    Foreign {
        /// The segment.
        file: PathBuf,
    },
    /// The entries are on the tape and can be read, but only in memory: the disk does not take
    /// them. Said once for a row of failures; the disk is tried again by itself.
    Degraded {
        /// The offsets they got.
        offsets: Range<u64>,
        /// Why the disk does not take them.
        source: io::Error,
    },
    /// The tape was opened for reading.
    ReadOnly,
    /// A market beyond [`MAX_MARKETS`], or a code that is empty or too long.
    Market {
        /// The code.
        code: String,
    },
    /// A trade or quote of a market that was not interned on this tape.
    UnknownMarket {
        /// Its number.
        market: MarketId,
    },
    /// An entry that is too large to be stored.
    TooLarge,
}

impl TapeError {
    fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + use<'a> {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, source } => write!(f, "cannot {action} {}: {source}", path.display()),
            Self::InUse { dir } => {
                write!(f, "the tape in {} is being written by another process", dir.display())
            }
            Self::Version { file, found, known } => write!(
                f,
                "{} has tape format version {found}; this program knows versions {OLDEST_VERSION} to {known}",
                file.display()
            ),
            Self::NotATape { file, why } => {
                write!(f, "{} is not a readable tape segment: {why}", file.display())
            }
            Self::Foreign { file } => {
                write!(f, "{} belongs to another tape than its neighbours", file.display())
            }
            Self::Degraded { offsets, source } => write!(
                f,
                "the tape keeps entries from offset {} on in memory only, the disk does not take them: {source}",
                offsets.start
            ),
            Self::ReadOnly => f.write_str("the tape is open for reading only"),
            Self::Market { code } => write!(f, "cannot take market {code:?} onto the tape"),
            Self::UnknownMarket { market } => write!(f, "market number {} is not on this tape", market.0),
            Self::TooLarge => f.write_str("the entry is too large for the tape"),
        }
    }
}

impl std::error::Error for TapeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Degraded { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What was found amiss when the tape was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes of an unfinished append that were cut off the newest segment.
    pub torn_bytes: u64,
    /// Entries of the newest segment that are unreadable though later ones are whole.
    pub damaged_entries: u64,
    /// Segments whose head is damaged; they are set aside as `*.tape.damaged`.
    pub damaged_segments: u32,
}

/// Figures for health and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapeStats {
    /// The first offset that can be read.
    pub start: u64,
    /// The offset that the next entry will get.
    pub end: u64,
    /// Segment files.
    pub segments: usize,
    /// Bytes of segment files.
    pub disk_bytes: u64,
    /// Bytes of entries in memory.
    pub memory_bytes: u64,
    /// Whether the disk does not take entries at present.
    pub degraded: bool,
    /// Writes that failed since the tape was opened.
    pub write_failures: u64,
    /// Syncs and removals that failed since the tape was opened.
    pub sync_failures: u64,
    /// Entries that only were in memory since the tape was opened.
    pub unsaved_entries: u64,
}

/// What the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    id: [u8; 16],
    markets: Mutex<Arc<Markets>>,
    state: Mutex<State>,
    news: Condvar,
}

impl Shared {
    fn markets(&self) -> Arc<Markets> {
        Arc::clone(&lock(&self.markets))
    }
}

#[derive(Debug)]
struct State {
    live: Live,
    segments: VecDeque<Segment>,
    /// Readers parked in [`Reader::wait`]; with none, an append makes no system call for them.
    waiting: usize,
    closed: bool,
}

/// The tape. Dropping it writes out what is left and lets the directory go; its readers keep what
/// they can see.
#[derive(Debug)]
pub struct Tape {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    recovered: Recovered,
    /// Held locked for as long as the tape may write.
    _lock: Option<File>,
}

impl Tape {
    /// Opens the tape of a directory for writing, and makes it if there is none; or begins one in
    /// memory.
    ///
    /// # Errors
    /// The directory cannot be used, is in use, or holds another version's or tape's segments.
    pub fn open(config: TapeConfig) -> Result<Self, TapeError> {
        let Some(dir) = config.dir.clone() else {
            let state = recover::recover(&[], true)?;
            return Ok(Self::assemble(state, config.memory_bytes, None, |_| Store::Memory));
        };
        fs::create_dir_all(&dir).map_err(TapeError::io("make", &dir))?;
        let lock = lock_dir(&dir)?;
        let mut state = recover::recover(&recover::list(&dir)?, true)?;
        let syncer = Syncer::start(&dir, config.sync_every).map_err(TapeError::io("sync", &dir))?;
        let open = state.open.take();
        let newest_ms = state.newest_ms;
        let memory_bytes = config.memory_bytes;
        Ok(Self::assemble(state, memory_bytes, Some(lock), |shared| {
            let disk = Disk::new(dir, config, syncer, open);
            disk.retain(newest_ms, shared);
            Store::Disk(Box::new(disk))
        }))
    }

    /// Opens a directory or a single segment for reading, as it is now, beside whoever writes it.
    ///
    /// # Errors
    /// It cannot be read, is of another version, or is no tape.
    pub fn open_read_only(path: &Path) -> Result<Self, TapeError> {
        let is_dir = fs::metadata(path).map_err(TapeError::io("open", path))?.is_dir();
        let paths = if is_dir { recover::list(path)? } else { vec![path.to_owned()] };
        let state = recover::recover(&paths, false)?;
        if state.id.is_none() {
            return Err(TapeError::NotATape { file: path.to_owned(), why: "it holds no readable segment" });
        }
        Ok(Self::assemble(state, 0, None, |_| Store::ReadOnly))
    }

    fn assemble(
        found: recover::State,
        memory_bytes: u64,
        lock: Option<File>,
        store: impl FnOnce(&Shared) -> Store,
    ) -> Self {
        let live = Live::new(found.end, memory_bytes);
        let markets = found.markets.len();
        let shared = Arc::new(Shared {
            id: found.id.unwrap_or_else(random_id),
            markets: Mutex::new(Arc::new(found.markets)),
            state: Mutex::new(State { live, segments: found.segments, waiting: 0, closed: false }),
            news: Condvar::new(),
        });
        let writer = Writer::new(found.end, found.newest_ms, markets, store(&shared));
        Self { shared, writer: Mutex::new(writer), recovered: found.recovered, _lock: lock }
    }

    /// The identity of this tape, random at its creation. A checkpoint belongs to one tape.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.shared.id
    }

    /// The number of a market. One that is new is on the tape before this returns.
    ///
    /// # Errors
    /// There are too many markets, the code is empty or too long, or the tape is read-only. A disk
    /// that fails is no error here; the next append says it.
    pub fn intern(&self, code: &str) -> Result<MarketId, TapeError> {
        if let Some(id) = lock(&self.shared.markets).id(code) {
            return Ok(id);
        }
        lock(&self.writer).intern(code, &self.shared)
    }

    /// The markets as they are now.
    #[must_use]
    pub fn markets(&self) -> Arc<Markets> {
        self.shared.markets()
    }

    /// Looks at the markets without taking a copy.
    pub fn with_markets<T>(&self, look: impl FnOnce(&Markets) -> T) -> T {
        look(&lock(&self.shared.markets))
    }

    /// Appends trades, in this order, and returns their offsets: dense, in one order with all
    /// entries. Makes at most one write call, rarely a new file, and never waits for a sync.
    ///
    /// # Errors
    /// [`TapeError::Degraded`]: they are appended nevertheless. [`TapeError::UnknownMarket`],
    /// [`TapeError::ReadOnly`]: nothing is.
    pub fn append_trades(&self, trades: &[Trade]) -> Result<Range<u64>, TapeError> {
        lock(&self.writer).append_trades(trades, &self.shared)
    }

    /// Appends tickers, books and candles, in this order, and returns their offsets, as
    /// [`Tape::append_trades`] does.
    ///
    /// # Errors
    /// As [`Tape::append_trades`].
    pub fn append_quotes(&self, quotes: &[Quote]) -> Result<Range<u64>, TapeError> {
        lock(&self.writer).append_quotes(quotes, &self.shared)
    }

    /// Appends one entry and returns its offset.
    ///
    /// # Errors
    /// As [`Tape::append_trades`]; [`TapeError::TooLarge`].
    pub fn append(&self, entry: &Entry) -> Result<u64, TapeError> {
        match entry {
            Entry::Trade(trade) => self.append_trades(std::slice::from_ref(trade)).map(|range| range.start),
            Entry::Quote(quote) => self.append_quotes(std::slice::from_ref(quote)).map(|range| range.start),
            entry => lock(&self.writer).append_entry(entry, &self.shared),
        }
    }

    /// Makes sure that no offset below `offset` will be given out. To be called with the furthest
    /// checkpoint before the first append: after a power cut the tape may have lost what a
    /// checkpoint has already read, and an offset must never mean two things. Returns what is
    /// missing, if anything is.
    pub fn advance_to(&self, offset: u64) -> Option<Range<u64>> {
        lock(&self.writer).advance_to(offset, &self.shared)
    }

    /// The first offset that can be read.
    #[must_use]
    pub fn start(&self) -> u64 {
        start(&lock(&self.shared.state))
    }

    /// The offset that the next entry will get.
    #[must_use]
    pub fn end(&self) -> u64 {
        lock(&self.shared.state).live.end()
    }

    /// The time of the newest entry that has one, ms since the Unix epoch; `None` on a tape that
    /// has never had any.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        lock(&self.writer).newest_ms()
    }

    /// A reader from an offset on. Past the end it begins at the end; before the start its first
    /// answer is [`Next::Trimmed`].
    #[must_use]
    pub fn reader(&self, from: u64) -> Reader {
        Reader::new(Arc::clone(&self.shared), from.min(self.end()))
    }

    /// What was found amiss when the tape was opened.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Figures for health and metrics.
    #[must_use]
    pub fn stats(&self) -> TapeStats {
        let mut stats = lock(&self.writer).stats();
        let state = lock(&self.shared.state);
        stats.start = start(&state);
        stats.end = state.live.end();
        stats.segments = state.segments.len();
        stats.disk_bytes = state.segments.iter().map(|segment| segment.bytes).sum();
        stats.memory_bytes = state.live.weight() as u64;
        stats
    }

    /// Says that nothing more will be appended, and wakes every reader that waits.
    pub fn close(&self) {
        lock(&self.shared.state).closed = true;
        self.shared.news.notify_all();
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.close();
    }
}

fn start(state: &State) -> u64 {
    state.segments.front().map_or(u64::MAX, |oldest| oldest.base).min(state.live.start())
}

fn lock_dir(dir: &Path) -> Result<File, TapeError> {
    let path = dir.join(LOCK_FILE);
    let opening = File::options().write(true).create(true).truncate(false).open(&path);
    let file = opening.map_err(TapeError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TapeError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(TapeError::io("lock", &path)(error)),
    }
}

/// The standard library seeds its hashers from the system's randomness.
fn random_id() -> [u8; 16] {
    let half = || RandomState::new().hash_one(0);
    (u128::from(half()) << 64 | u128::from(half())).to_le_bytes()
}

/// Locks whatever happened to the thread that held it before: the tape keeps no half-done state
/// behind a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
