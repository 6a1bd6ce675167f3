//! A recording that is written: JSON lines, plain or zstd by the ending of its name.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// The library's own default: a third of the size of level 1's speed is not worth more.
const LEVEL: i32 = 3;
const BUFFER_BYTES: usize = 256 * 1024;

enum Out {
    Plain(BufWriter<File>),
    Packed(Box<zstd::stream::write::Encoder<'static, BufWriter<File>>>),
}

/// A file of lines that is being written.
pub struct Writer {
    out: Out,
}

impl Writer {
    /// Creates `path`, or empties it. `compressed` as [`is_compressed`] says of the name that it
    /// is to have in the end.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, compressed: bool) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        let out = if compressed {
            Out::Packed(Box::new(zstd::stream::write::Encoder::new(file, LEVEL)?))
        } else {
            Out::Plain(file)
        };
        Ok(Self { out })
    }

    /// Appends one line, which holds no end of a line itself.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let out: &mut dyn Write = match &mut self.out {
            Out::Plain(out) => out,
            Out::Packed(out) => out,
        };
        out.write_all(line)?;
        out.write_all(b"\n")
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let out = match self.out {
            Out::Plain(out) => out,
            Out::Packed(out) => out.finish()?,
        };
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}

/// Whether a recording of this name is written compressed.
#[must_use]
pub fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zst"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::replay::Recording;

    #[test]
    fn what_is_written_is_read_again() {
        for name in ["a.jsonl", "a.jsonl.zst", "a.ZST", "zst"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            let mut writer = Writer::create(&path, is_compressed(&path)).unwrap();
            for n in 0..1000 {
                writer.line(format!("{{\"n\":{n}}}").as_bytes()).unwrap();
            }
            writer.finish().unwrap();
            let Recording::Lines(mut lines) = Recording::open(&path).unwrap() else { panic!("{name}") };
            let mut read = 0;
            while let Some(line) = lines.next_line().unwrap() {
                assert_eq!(line.bytes, format!("{{\"n\":{read}}}").as_bytes());
                read += 1;
            }
            let packed = std::fs::metadata(&path).unwrap().len() < 5_000;
            assert_eq!((read, packed), (1000, name.to_lowercase().ends_with(".zst")), "{name}");
        }
    }
}
