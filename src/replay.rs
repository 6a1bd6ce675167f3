//! Recordings: trades that were written down earlier, read again as fast as they go.
//!
//! A recording is a file of JSON lines, one document each (the venue's WebSocket frames in DEFAULT
//! or SIMPLE spelling, or REST ticks), plain or zstd; or a tape. This room finds out which, hands
//! out the lines of the former and writes them; it does not know what a line says: the caller
//! decodes. A tape is read by the tape's own reader.
//!
//! In a replay nobody reads the wall clock: see [`received_at_ms`]. A recording of trades has no
//! other clock than its trades; the runtime puts a tick at each of their whole seconds. A tape has
//! its own recorded ticks, and they are replayed as they stand.
//!
//! Memory does not grow with the recording: one buffer, and one line of at most 1 MiB.
//!
//! Keeps: [bounded] [time-enters-once]

mod lines;
mod write;

pub use lines::{BadLine, BadLines, Line, Lines, MAX_LINE_BYTES};
pub use write::{Writer, is_compressed};

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// The ending of a tape's segment files.
const SEGMENT_ENDING: &str = "tape";

/// Something to replay.
#[derive(Debug)]
pub enum Recording {
    /// JSON lines.
    Lines(Lines),
    /// A tape's directory or one of its segments: `Tape::open_read_only` takes it.
    Tape(PathBuf),
}

impl Recording {
    /// Finds out what `path` is and opens it. A directory or a `.tape` file is a tape; zstd is
    /// told by the file's first bytes, not by its name; everything else is JSON lines.
    ///
    /// # Errors
    /// When it cannot be opened or read, or begins like something that is no text.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let meta = std::fs::metadata(path).map_err(|error| ReplayError::new(path, Kind::Open(error)))?;
        let segment = path.extension().is_some_and(|ending| ending == SEGMENT_ENDING);
        if meta.is_dir() || segment {
            return Ok(Self::Tape(path.to_owned()));
        }
        Lines::open(path).map(Self::Lines)
    }
}

/// When a replayed trade counts as received, given when the venue matched it: at that very
/// moment. A recording of trades keeps no arrival times, and reading a clock instead would make
/// two replays differ. So delays of the network do not show in a replay, and a trade that was
/// recorded out of order is as late as it was.
#[must_use]
pub const fn received_at_ms(traded_at_ms: i64) -> i64 {
    traded_at_ms
}

/// Why a recording cannot be read, and which.
#[derive(Debug)]
pub struct ReplayError {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Open(io::Error),
    Read(io::Error),
    Foreign(&'static str),
}

impl ReplayError {
    fn new(path: &Path, kind: Kind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Open(error) => write!(f, "cannot open {path}: {error}"),
            Kind::Read(error) => write!(f, "cannot read {path} any further: {error}"),
            Kind::Foreign(what) => write!(
                f,
                "{path} is {what}; a recording is JSON lines (plain or zstd) or a tape (a folder, or a .tape file)"
            ),
        }
    }
}

impl std::error::Error for ReplayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Open(error) | Kind::Read(error) => Some(error),
            Kind::Foreign(_) => None,
        }
    }
}
