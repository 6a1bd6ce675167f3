//! The tape's disk: the open segment, its successor, and what retention gives up.
//!
//! Owns the file that is appended to. A failed write is never fatal: the segment is cut back to
//! its last whole block and given up, entries go on in memory, and a fresh segment is tried once
//! the entries' own clock has moved on.
//!
//! Keeps: [bounded] [loss-is-said] [time-enters-once]

use super::{
    Shared, TapeConfig, lock,
    segment::{self, Segment},
    sync::Syncer,
};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

/// How far the entries' clock moves before a disk that failed is tried again. Chosen.
const RETRY_MS: u64 = 5_000;

/// A segment younger than this in bytes is not closed for its age; it bounds the number of files.
const MIN_BYTES: u64 = 1 << 20;

/// A segment is closed when it spans this part of the retained age, so that age can be kept to it.
const AGE_PARTS: u64 = 8;

/// The open segment.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: Arc<File>,
    pub(super) len: u64,
    /// The time of the entry before its first, or of its first; `i64::MIN` while there is neither.
    pub(super) before_ms: i64,
}

/// What an append is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Append {
    /// The first offset it takes.
    pub(super) first: u64,
    /// How many offsets.
    pub(super) count: u64,
    /// The time of the newest entry before it.
    pub(super) before_ms: i64,
    /// The time of its newest entry.
    pub(super) newest_ms: i64,
}

/// The appending side of a tape's directory.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    config: TapeConfig,
    syncer: Syncer,
    open: Option<Open>,
    /// The entries' time at the failure, while the disk does not take entries.
    failed_at_ms: Option<i64>,
    said: bool,
    pub(super) failures: u64,
    /// Entries that went by while the disk did not take them.
    pub(super) unsaved: u64,
}

impl Disk {
    pub(super) fn new(dir: PathBuf, config: TapeConfig, syncer: Syncer, open: Option<Open>) -> Self {
        if let Some(open) = &open {
            syncer.current(Arc::clone(&open.file));
        }
        Self { dir, config, syncer, open, failed_at_ms: None, said: false, failures: 0, unsaved: 0 }
    }

    /// Hands the bytes of one append to the kernel and tells where in the segment they begin;
    /// `Ok(None)` when the disk does not take them and that has been said before.
    ///
    /// # Errors
    /// The first failure of a row of failures.
    pub(super) fn write(
        &mut self,
        append: Append,
        bytes: &[u8],
        shared: &Shared,
    ) -> Result<Option<u64>, io::Error> {
        if self.syncer.take_failed() {
            self.open = None;
        }
        if self.failed_at_ms.is_some_and(|failed_ms| append.newest_ms.abs_diff(failed_ms) < RETRY_MS) {
            self.unsaved += append.count;
            return Ok(None);
        }
        match self.try_write(append, bytes, shared) {
            Ok(position) => {
                self.syncer.wrote();
                self.failed_at_ms = None;
                self.said = false;
                Ok(Some(position))
            }
            Err(error) => {
                self.open = None;
                self.failed_at_ms = Some(append.newest_ms);
                self.failures += 1;
                self.unsaved += append.count;
                if std::mem::replace(&mut self.said, true) { Ok(None) } else { Err(error) }
            }
        }
    }

    /// Whether the disk does not take entries at present.
    pub(super) fn is_degraded(&self) -> bool {
        self.failed_at_ms.is_some()
    }

    /// How many syncs and removals failed.
    pub(super) fn sync_failures(&self) -> u64 {
        self.syncer.failures()
    }

    /// Closes the open segment; the next append begins another.
    pub(super) fn close_segment(&mut self) {
        self.open = None;
    }

    /// Gives up the oldest segments beyond what is to be retained.
    pub(super) fn retain(&self, newest_ms: i64, shared: &Shared) {
        let age = u64::try_from(self.config.retain_age.as_millis()).unwrap_or(u64::MAX);
        let mut state = lock(&shared.state);
        let open = state.segments.back().map_or(0, |segment| segment.bytes);
        // The open segment counts as what it may grow to, so that the limit holds.
        let grown = open.max(self.config.segment_bytes);
        let mut bytes = state.segments.iter().map(|segment| segment.bytes).sum::<u64>() - open + grown;
        while let (Some(oldest), true) = (state.segments.front(), state.segments.len() > 1) {
            let is_over = bytes > self.config.retain_bytes;
            let is_old = oldest.newest_ms < newest_ms && oldest.newest_ms.abs_diff(newest_ms) > age;
            if !is_over && !is_old {
                break;
            }
            let (path, size) = (oldest.path.clone(), oldest.bytes);
            if !self.syncer.remove(path) {
                break;
            }
            state.segments.pop_front();
            bytes -= size;
        }
    }

    fn try_write(&mut self, append: Append, bytes: &[u8], shared: &Shared) -> io::Result<u64> {
        let usable = self.open.take().filter(|open| !self.is_finished(open, append, bytes.len()));
        let mut open = match usable {
            Some(open) => open,
            None => self.begin(append, shared)?,
        };
        if let Err(error) = (&*open.file).write_all(bytes) {
            // A part of the block may be there. Cutting it off is a courtesy: a scan would step
            // over it as well.
            let _ = open.file.set_len(open.len);
            return Err(error);
        }
        if open.before_ms == i64::MIN {
            open.before_ms = append.newest_ms;
        }
        let position = open.len;
        open.len += bytes.len() as u64;
        self.open = Some(open);
        Ok(position)
    }

    fn is_finished(&self, open: &Open, append: Append, more: usize) -> bool {
        let age = u64::try_from(self.config.retain_age.as_millis()).unwrap_or(u64::MAX);
        let is_old = open.len >= MIN_BYTES && append.newest_ms.abs_diff(open.before_ms) > age / AGE_PARTS;
        open.len + more as u64 > self.config.segment_bytes.max(MIN_BYTES / 256) || is_old
    }

    fn begin(&mut self, append: Append, shared: &Shared) -> io::Result<Open> {
        let path = segment::path(&self.dir, append.first);
        let markets = shared.markets();
        let header = segment::encode_header(shared.id, append.first, append.before_ms, &markets);
        // A file of this name can only be one that never took an entry.
        let mut file = File::options().write(true).create(true).truncate(true).open(&path)?;
        if let Err(error) = file.write_all(&header) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let file = Arc::new(file);
        self.syncer.current(Arc::clone(&file));
        let body = header.len() as u64;
        {
            let mut state = lock(&shared.state);
            if state.segments.back().is_some_and(|last| last.base == append.first) {
                state.segments.pop_back();
            }
            if let Some(last) = state.segments.back_mut() {
                last.newest_ms = append.before_ms;
            }
            state.segments.push_back(Segment::new(append.first, path, body));
        }
        self.retain(append.newest_ms, shared);
        Ok(Open { file, len: body, before_ms: append.before_ms })
    }

    /// Makes every further write fail as on a full disk.
    #[cfg(test)]
    pub(super) fn fill_up(&mut self) {
        if let (Some(open), Ok(full)) = (&mut self.open, File::options().write(true).open("/dev/full")) {
            open.file = Arc::new(full);
        }
    }
}
