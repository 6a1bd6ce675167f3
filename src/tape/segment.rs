//! A segment: one file of the tape, named after its first offset, able to stand alone.
//!
//! Owns file names and the head of a file. The head repeats the tape's identity and every market
//! known when the segment was begun, so that one file can be carried away and replayed.
//!
//! Magic (8) · version (4) · length of the head (4) · tape id (16) · base offset (8) · time of the
//! entry before (8) · count of markets (4) · per market: length (1), code · CRC-32 of it all (4);
//! little endian.

use super::{FORMAT_VERSION, MAX_MARKETS, OLDEST_VERSION, TapeError};
use crate::market::{MAX_CODE_LEN, Markets};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

const MAGIC: [u8; 8] = *b"TRHKTAPE";
const FIXED: usize = 52;
const MAX_LEN: usize = FIXED + MAX_MARKETS as usize * (1 + MAX_CODE_LEN) + 4;
const EXTENSION: &str = "tape";

/// The distance between two marks in a segment; chosen so that seeking reads at most this much.
const MARK_EVERY: u64 = 1 << 20;

/// What the head of a segment says.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) id: [u8; 16],
    pub(super) base: u64,
    /// The time of the newest entry before this segment; `i64::MIN` when there was none.
    pub(super) before_ms: i64,
    pub(super) markets: Markets,
    /// Bytes of the head in the file.
    pub(super) len: u64,
}

/// A segment as the tape keeps it in mind.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) base: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// The time of its newest entry, once it is closed.
    pub(super) newest_ms: i64,
    /// Where the blocks begin.
    pub(super) body: u64,
    marks: Arc<Vec<(u64, u64)>>,
}

impl Segment {
    pub(super) fn new(base: u64, path: PathBuf, body: u64) -> Self {
        Self { base, path, bytes: body, newest_ms: i64::MIN, body, marks: Arc::default() }
    }

    /// Remembers where a block begins, so that a reader need not scan from the front.
    pub(super) fn mark(&mut self, first: u64, position: u64) {
        let last = self.marks.last().map_or(self.body, |&(_, position)| position);
        if position >= last + MARK_EVERY {
            Arc::make_mut(&mut self.marks).push((first, position));
        }
    }

    /// A file position at or before the block that holds `offset`.
    pub(super) fn position_before(&self, offset: u64) -> u64 {
        let after = self.marks.partition_point(|&(first, _)| first <= offset);
        let mark = after.checked_sub(1).and_then(|index| self.marks.get(index));
        mark.map_or(self.body, |&(_, position)| position)
    }
}

/// The path of the segment that begins at `base`.
pub(super) fn path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.{EXTENSION}"))
}

/// The first offset that a segment's name tells; `None` for other files.
pub(super) fn base_of(path: &Path) -> Option<u64> {
    if path.extension()? != EXTENSION {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    (stem.len() == 20 && stem.bytes().all(|b| b.is_ascii_digit())).then(|| stem.parse().ok())?
}

/// The bytes of a head.
pub(super) fn encode_header(id: [u8; 16], base: u64, before_ms: i64, markets: &Markets) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIXED + markets.len() * 12);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&id);
    out.extend_from_slice(&base.to_le_bytes());
    out.extend_from_slice(&before_ms.to_le_bytes());
    out.extend_from_slice(&u32::try_from(markets.len()).unwrap_or(u32::MAX).to_le_bytes());
    for code in markets.since(0) {
        out.push(u8::try_from(code.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(code.as_bytes());
    }
    let len = u32::try_from(out.len() + 4).unwrap_or(u32::MAX);
    out[12..16].copy_from_slice(&len.to_le_bytes());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Reads the head of a segment.
///
/// # Errors
/// The file cannot be read, speaks another version of the format, or its head is damaged
/// ([`TapeError::NotATape`]).
pub(super) fn read_header(path: &Path) -> Result<Header, TapeError> {
    let mut file = File::open(path).map_err(TapeError::io("open", path))?;
    let bad = |why| TapeError::NotATape { file: path.to_owned(), why };
    let mut fixed = Vec::with_capacity(FIXED);
    let reading = TapeError::io("read", path);
    (&mut file).take(FIXED as u64).read_to_end(&mut fixed).map_err(reading)?;
    if fixed.get(..MAGIC.len()) != Some(&MAGIC) {
        return Err(bad("it does not begin like one"));
    }
    let mut fields = Fields(fixed.get(MAGIC.len()..).unwrap_or(&[]));
    let version = fields.u32().ok_or_else(|| bad("its head is cut off"))?;
    if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&version) {
        return Err(TapeError::Version { file: path.to_owned(), found: version, known: FORMAT_VERSION });
    }
    let len = fields.u32().ok_or_else(|| bad("its head is cut off"))? as usize;
    if !(FIXED + 4..=MAX_LEN).contains(&len) {
        return Err(bad("the length of its head cannot be"));
    }
    let mut bytes = fixed;
    let reading = TapeError::io("read", path);
    (&mut file).take((len - bytes.len().min(len)) as u64).read_to_end(&mut bytes).map_err(reading)?;
    let Some((body, crc)) = bytes.split_last_chunk::<4>().filter(|_| bytes.len() == len) else {
        return Err(bad("its head is cut off"));
    };
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(bad("the checksum of its head is wrong"));
    }
    decode_header(version, body).ok_or_else(|| bad("its head makes no sense"))
}

fn decode_header(version: u32, body: &[u8]) -> Option<Header> {
    let mut fields = Fields(body.get(16..)?);
    let id = fields.take()?;
    let base = u64::from_le_bytes(fields.take()?);
    let before_ms = i64::from_le_bytes(fields.take()?);
    let count = fields.u32()?;
    let mut markets = Markets::default();
    for _ in 0..count {
        let [len] = fields.take()?;
        let (code, rest) = fields.0.split_at_checked(len as usize)?;
        fields.0 = rest;
        if !markets.intern(std::str::from_utf8(code).ok()?).1 {
            return None;
        }
    }
    Some(Header { version, id, base, before_ms, markets, len: body.len() as u64 + 4 })
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        let field = *field;
        self.0 = rest;
        Some(field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}
