//! JSON lines in a file that is cut off at a size and kept in some older pieces.
//!
//! `alerts.jsonl`, then `alerts.jsonl.1` (the youngest of the old) to `alerts.jsonl.N`. A delivery
//! stands in one piece. The file is opened again after any error, and when it was moved or deleted
//! from outside. A line that a crash cut short is ended before the next is written.
//!
//! Keeps: [bounded] (size times pieces)

use super::line::{Format, lines};
use crate::delivery::{Delivery, Outcome, Sink};
use futures_util::future::BoxFuture;
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// How a file is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The file.
    pub path: PathBuf,
    /// JSON or human lines.
    pub format: Format,
    /// A piece is closed when another delivery would make it larger.
    pub max_size: u64,
    /// How many older pieces are kept.
    pub keep: u32,
    /// Whether a delivery counts only when it is on disk. Else a power cut may lose the last ones.
    pub fsync: bool,
}

/// A file of lines.
#[derive(Debug)]
pub struct FileSink {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: FileSettings,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
    /// Device and inode, to tell whether the path still leads here.
    identity: (u64, u64),
}

impl FileSink {
    /// A sink at rest: the file is opened by the first delivery.
    #[must_use]
    pub fn new(settings: FileSettings) -> Self {
        Self { inner: Arc::new(Inner { settings, open: Mutex::new(None) }) }
    }
}

impl Sink for FileSink {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        let inner = Arc::clone(&self.inner);
        let text = lines(delivery, inner.settings.format);
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || {
                let written = inner.append(text.as_bytes());
                written.map_err(|error| format!("writing {}: {error}", inner.settings.path.display()))
            });
            match written.await {
                Ok(Ok(())) => Outcome::Delivered,
                Ok(Err(reason)) => Outcome::Retry { after: None, reason },
                Err(_) => Outcome::Retry { after: None, reason: "writing was cut off".to_owned() },
            }
        })
    }
}

impl Inner {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken out, so that after an error the next attempt opens the file again: a handle whose
        // fsync failed once must not be trusted.
        let mut open = match slot.take() {
            Some(open) if identity(&self.settings.path).is_ok_and(|now| now == open.identity) => open,
            _ => open_file(&self.settings.path)?,
        };
        let len = bytes.len() as u64;
        if open.size > 0 && open.size + len > self.settings.max_size {
            drop(open);
            rotate(&self.settings.path, self.settings.keep)?;
            open = open_file(&self.settings.path)?;
        }
        if let Err(error) = open.file.write_all(bytes) {
            // What was written of it would stand beside the whole line of the next attempt.
            let _ = open.file.set_len(open.size);
            return Err(error);
        }
        open.size += len;
        if self.settings.fsync {
            open.file.sync_data()?;
        }
        *slot = Some(open);
        Ok(())
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|m| (m.dev(), m.ino()))
}

fn open_file(path: &Path) -> io::Result<Open> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut size = file.seek(SeekFrom::End(0))?;
    if size > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(size - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            size += 1;
        }
    }
    let metadata = file.metadata()?;
    Ok(Open { file, size, identity: (metadata.dev(), metadata.ino()) })
}

/// Moves every piece one further; the oldest goes.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let piece = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for n in (1..keep).rev() {
        match std::fs::rename(piece(n), piece(n + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    std::fs::rename(path, piece(1))
}
