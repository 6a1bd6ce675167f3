//! The scan: the blocks of one segment file, in order, behind whatever damage there is.
//!
//! Reads with plain reads into one buffer (a mapped file would turn a disk error into a signal).
//! Bytes that are no block are stepped over up to the next block that is whole.
//!
//! Keeps: [bounded]

use super::block::{self, Head, Parsed};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

/// Chosen to fit a core's second-level cache together with the columns; it grows to one largest
/// block when such a block comes.
const BUFFER: usize = 256 << 10;

/// One whole block.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) head: Head,
    /// Where it begins in the file.
    pub(super) position: u64,
    payload: Range<usize>,
}

/// A forward scan of one file.
#[derive(Debug)]
pub(super) struct Scanner {
    file: File,
    buffer: Vec<u8>,
    /// Behind the block that was found last.
    at: usize,
    filled: usize,
    /// The file position of the buffer's first byte.
    origin: u64,
    good_end: u64,
}

impl Scanner {
    /// Begins at a position in the file.
    pub(super) fn new(mut file: File, position: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(position))?;
        let buffer = vec![0; BUFFER];
        Ok(Self { file, buffer, at: 0, filled: 0, origin: position, good_end: position })
    }

    /// The next whole block; `None` when none is left in the file as it is now.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            match block::parse(&self.buffer[self.at..self.filled]) {
                Parsed::Whole(head) => return Ok(Some(self.take(head))),
                Parsed::Short(needed) => {
                    if !self.fill(needed)? && !self.skip()? {
                        return Ok(None);
                    }
                }
                Parsed::Bad => {
                    if !self.skip()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The payload of the block that was found last.
    pub(super) fn payload(&self, found: &Found) -> &[u8] {
        self.buffer.get(found.payload.clone()).unwrap_or(&[])
    }

    /// The file position behind the last whole block.
    pub(super) fn good_end(&self) -> u64 {
        self.good_end
    }

    fn take(&mut self, head: Head) -> Found {
        let position = self.origin + self.at as u64;
        let payload = self.at + block::HEAD..self.at + block::HEAD + head.len;
        self.at = payload.end;
        self.good_end = self.origin + self.at as u64;
        Found { head, position, payload }
    }

    /// Steps to the next byte that could begin a block; false at the end of the file.
    fn skip(&mut self) -> io::Result<bool> {
        self.at = (self.at + 1).min(self.filled);
        loop {
            let rest = &self.buffer[self.at..self.filled];
            if let Some(ahead) = rest.iter().position(|&byte| byte == block::MARKER_START) {
                self.at += ahead;
                return Ok(true);
            }
            self.at = self.filled;
            if !self.fill(1)? {
                return Ok(false);
            }
        }
    }

    /// Reads on until `needed` bytes are there; false when the file ends before.
    fn fill(&mut self, needed: usize) -> io::Result<bool> {
        if self.buffer.len() - self.at < needed || self.at == self.filled {
            self.buffer.copy_within(self.at..self.filled, 0);
            self.origin += self.at as u64;
            self.filled -= self.at;
            self.at = 0;
            if self.buffer.len() < needed {
                self.buffer.resize(needed, 0);
            }
        }
        while self.filled - self.at < needed {
            match self.file.read(&mut self.buffer[self.filled..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
