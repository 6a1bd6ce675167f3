//! JSON lines out of a file, plain or zstd, in constant memory.
//!
//! Keeps: [bounded]

use super::{Kind, ReplayError};
use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Chain, Cursor, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Longest line that is read, in bytes: the venue's largest frame is under 64 KiB, and a list
/// frame of every market under 256 KiB.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// How much is read from the file at a time; chosen, not measured.
const BUFFER_BYTES: usize = 256 * 1024;

/// How many bad lines are remembered with their reason.
const REMEMBERED: usize = 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// First bytes that tell what a file is, where it is not what is wanted.
const FOREIGN: [(&[u8], &str); 4] = [
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\0asm", "a WebAssembly file"),
];

const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// A line of a recording, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// What it says.
    pub bytes: &'a [u8],
}

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The recording.
    pub path: PathBuf,
    /// The line's number, from 1.
    pub number: u64,
    /// Why not.
    pub reason: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.number, self.reason)
    }
}

/// How many lines were not taken, and the first few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadLines {
    /// All of them.
    pub count: u64,
    /// The first few, in order.
    pub first: Vec<BadLine>,
}

/// Counts what passes through, for a progress bar.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.bytes.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

/// The lines of one file, in order.
pub struct Lines {
    path: PathBuf,
    source: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    number: u64,
    consumed: Arc<AtomicU64>,
    total_bytes: u64,
    bad: BadLines,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("path", &self.path)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, ReplayError> {
        let failed = |error| ReplayError::new(path, Kind::Open(error));
        let file = File::open(path).map_err(failed)?;
        let total_bytes = file.metadata().map_err(failed)?.len();
        let consumed = Arc::new(AtomicU64::new(0));
        let mut file = Counted { inner: file, bytes: Arc::clone(&consumed) };
        let head = head(&mut file).map_err(failed)?;
        if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(ReplayError::new(path, Kind::Foreign(what)));
        }
        let compressed = head.starts_with(ZSTD);
        let whole: Chain<Cursor<Vec<u8>>, Counted<File>> = Cursor::new(head).chain(file);
        let source: Box<dyn BufRead + Send> = if compressed {
            let decoder = zstd::stream::read::Decoder::new(whole).map_err(failed)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        } else {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, whole))
        };
        Ok(Self {
            path: path.to_owned(),
            source,
            line: Vec::new(),
            number: 0,
            consumed,
            total_bytes,
            bad: BadLines::default(),
        })
    }

    /// How large the file is, in bytes as it lies on disk. 0 for a pipe.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// How many of them have been read; runs ahead of the lines by a buffer.
    #[must_use]
    pub fn consumed_bytes(&self) -> u64 {
        self.consumed.load(Relaxed)
    }

    /// Which file it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was not taken so far.
    #[must_use]
    pub fn bad(&self) -> &BadLines {
        &self.bad
    }

    /// The next line that says anything: empty ones are passed over, one that is too long is
    /// counted as bad. `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further, or its compression is broken.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ReplayError> {
        loop {
            self.line.clear();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let read = (&mut self.source).take(limit).read_until(b'\n', &mut self.line);
            if read.map_err(|error| self.broken(error))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.line.last() != Some(&b'\n') && self.line.len() > MAX_LINE_BYTES {
                self.source.skip_until(b'\n').map_err(|error| self.broken(error))?;
                self.note_bad(format!("longer than {MAX_LINE_BYTES} bytes"));
                continue;
            }
            if !trimmed(&self.line, self.number).is_empty() {
                break;
            }
        }
        Ok(Some(Line { number: self.number, bytes: trimmed(&self.line, self.number) }))
    }

    /// Hands up to `max` lines to `decode`, which says why it does not take one. Returns how many
    /// were read, taken or not; 0 at the end.
    ///
    /// # Errors
    /// As [`Lines::next_line`].
    pub fn fill<E: fmt::Display>(
        &mut self,
        max: usize,
        mut decode: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<usize, ReplayError> {
        let mut lines = 0;
        while lines < max {
            let Some(line) = self.next_line()? else { break };
            lines += 1;
            if let Err(reason) = decode(line.bytes) {
                self.note_bad(reason.to_string());
            }
        }
        Ok(lines)
    }

    fn note_bad(&mut self, reason: String) {
        self.bad.count += 1;
        if self.bad.first.len() < REMEMBERED {
            self.bad.first.push(BadLine { path: self.path.clone(), number: self.number, reason });
        }
    }

    fn broken(&self, error: io::Error) -> ReplayError {
        ReplayError::new(&self.path, Kind::Read(error))
    }
}

/// The first bytes, enough to tell what a file is.
fn head(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(8);
    file.take(8).read_to_end(&mut head)?;
    Ok(head)
}

/// Without white space at both ends, and without a byte order mark on the first line.
fn trimmed(line: &[u8], number: u64) -> &[u8] {
    let line = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
    line.trim_ascii()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::Recording;
    use super::*;
    use std::io::Write;

    fn lines_of(bytes: &[u8]) -> Lines {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        match Recording::open(file.path()).unwrap() {
            Recording::Lines(lines) => lines,
            Recording::Tape(path) => panic!("{} was taken for a tape", path.display()),
        }
    }

    fn all(mut lines: Lines) -> (Vec<(u64, String)>, BadLines) {
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push((line.number, String::from_utf8(line.bytes.to_vec()).unwrap()));
        }
        (seen, lines.bad.clone())
    }

    #[test]
    fn lines_come_in_order_with_their_numbers_however_they_are_spelt() {
        let check = |bytes: &[u8], expect: &[(u64, &str)]| {
            let expect: Vec<_> = expect.iter().map(|&(n, text)| (n, text.to_owned())).collect();
            assert_eq!(all(lines_of(bytes)).0, expect, "{bytes:?}");
            let packed = zstd::encode_all(bytes, 3).unwrap();
            assert_eq!(all(lines_of(&packed)).0, expect, "{bytes:?} as zstd");
        };
        check(b"", &[]);
        check(b"{}", &[(1, "{}")]);
        check(b"{}\n", &[(1, "{}")]);
        check(b"{\"a\":1}\r\n\r\n  {\"b\":2}\t\n", &[(1, "{\"a\":1}"), (3, "{\"b\":2}")]);
        check(b"\xef\xbb\xbf{}\n\n\n\n{}", &[(1, "{}"), (5, "{}")]);
        check(b"\n\n", &[]);
    }

    #[test]
    fn several_zstd_frames_are_one_recording() {
        let mut packed = zstd::encode_all(&b"1\n"[..], 3).unwrap();
        packed.extend(zstd::encode_all(&b"2\n3\n"[..], 3).unwrap());
        let seen: Vec<_> = all(lines_of(&packed)).0.into_iter().map(|(_, text)| text).collect();
        assert_eq!(seen, ["1", "2", "3"]);
    }

    #[test]
    fn a_zstd_file_that_was_cut_off_is_an_error_that_names_it() {
        let text: Vec<u8> = (0..50_000).flat_map(|n| format!("{{\"n\":{n}}}\n").into_bytes()).collect();
        let packed = zstd::encode_all(&text[..], 3).unwrap();
        let mut lines = lines_of(&packed[..packed.len() / 2]);
        let path = lines.path().display().to_string();
        let error = loop {
            match lines.next_line() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a cut file was read to its end"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.starts_with(&format!("cannot read {path} any further: ")), "{error}");
    }

    /// Proves [bounded] for a line without end.
    #[test]
    fn a_line_without_end_is_counted_and_costs_no_memory() {
        let mut bytes = b"1\n".to_vec();
        bytes.resize(bytes.len() + 5 * MAX_LINE_BYTES, b'x');
        bytes.extend_from_slice(b"\n3\n");
        bytes.resize(bytes.len() + MAX_LINE_BYTES, b'y');
        bytes.extend_from_slice(b"\n5");
        let mut lines = lines_of(&bytes);
        let mut numbers = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            numbers.push((line.number, line.bytes.len()));
        }
        assert_eq!(numbers, [(1, 1), (3, 1), (4, MAX_LINE_BYTES), (5, 1)]);
        assert_eq!((lines.bad.count, lines.bad.first[0].number), (1, 2));
        assert!(lines.line.capacity() <= 4 * MAX_LINE_BYTES, "{}", lines.line.capacity());
    }

    #[test]
    fn bad_lines_are_counted_and_the_first_few_are_shown_with_their_place() {
        let bytes: Vec<u8> = (1..=100).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let mut lines = lines_of(&bytes);
        let mut taken = 0;
        loop {
            let read = lines.fill(7, |line| {
                let n: u32 = std::str::from_utf8(line).unwrap().parse().unwrap();
                if n.is_multiple_of(2) {
                    return Err("an even one");
                }
                taken += 1;
                Ok(())
            });
            if read.unwrap() == 0 {
                break;
            }
        }
        assert_eq!((taken, lines.bad().count, lines.bad().first.len()), (50, 50, REMEMBERED));
        let shown = lines.bad().first[1].to_string();
        assert_eq!(shown, format!("{}:4: an even one", lines.path().display()));
        assert_eq!(lines.consumed_bytes(), lines.total_bytes());
    }

    #[test]
    fn what_is_no_recording_is_refused_with_what_it_is() {
        let check = |bytes: &[u8], expect: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(bytes).unwrap();
            let error = Recording::open(file.path()).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(b"\x1f\x8b\x08\0\0\0\0\0", "is gzip; a recording is JSON lines");
        check(b"\0asm\x0d\0\x01\0", "is a WebAssembly file");
        let folder = tempfile::tempdir().unwrap();
        let error = Recording::open(&folder.path().join("none.jsonl")).unwrap_err().to_string();
        assert!(error.starts_with("cannot open ") && error.contains("none.jsonl"), "{error}");
    }

    #[test]
    fn a_folder_or_a_segment_is_a_tape() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Recording::open(folder.path()).unwrap(), Recording::Tape(_)));
        let segment = folder.path().join("00000000000000000000.tape");
        File::create(&segment).unwrap();
        assert!(matches!(Recording::open(&segment).unwrap(), Recording::Tape(path) if path == segment));
    }

    #[test]
    fn the_venues_own_frames_come_out_as_they_went_in() {
        let shared = std::env::var("TRADEHOOK_SHARED")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
        let path = Path::new(&shared).join("upbit/recordings/2021-04-17_simple_30s.trades.jsonl");
        if !path.exists() {
            println!("skipped: {} is not there", path.display());
            return;
        }
        let bytes = std::fs::read(&path).unwrap();
        let Recording::Lines(lines) = Recording::open(&path).unwrap() else { panic!("not a tape") };
        let (plain, _) = all(lines);
        assert_eq!(plain.len(), 304);
        assert_eq!(all(lines_of(&zstd::encode_all(&bytes[..], 3).unwrap())).0, plain);
    }
}
