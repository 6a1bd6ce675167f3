//! What the configuration needs from outside its text: variables and files.
//!
//! A trait, so that tests resolve a text without touching the machine they run on.

use std::{fs::File, io::Read, path::Path};

/// Longest secret file that is read, in bytes.
const MAX_SECRET_BYTES: u64 = 4096;

/// The world around a configuration file.
pub trait Outside {
    /// The environment variable `name`, if it is set and text.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether a plugin's file is there.
    ///
    /// # Errors
    /// Why it cannot be used, as a fragment.
    fn plugin_file(&self, path: &Path) -> Result<(), String>;

    /// The text of a file that holds a secret, and whether other users can read it.
    ///
    /// # Errors
    /// Why it cannot be read, as a fragment.
    fn secret_file(&self, path: &Path) -> Result<(String, bool), String>;

    /// The wall clock, ms since the Unix epoch: for saying what is over already.
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }
}

/// This process and its machine.
#[derive(Clone, Copy, Debug)]
pub struct Process;

impl Outside for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn plugin_file(&self, path: &Path) -> Result<(), String> {
        let meta = std::fs::metadata(path).map_err(|e| reason(&e))?;
        if meta.is_file() { Ok(()) } else { Err("not a regular file".into()) }
    }

    fn secret_file(&self, path: &Path) -> Result<(String, bool), String> {
        let text = String::from_utf8(read_file(path, MAX_SECRET_BYTES)?).map_err(|_| "not UTF-8 text")?;
        let meta = std::fs::metadata(path).map_err(|e| reason(&e))?;
        Ok((text, others_can_read(&meta)))
    }
}

#[cfg(unix)]
fn others_can_read(meta: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o004 != 0
}

#[cfg(not(unix))]
fn others_can_read(_: &std::fs::Metadata) -> bool {
    false
}

/// Reads a regular file of at most `limit` bytes, opened once.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    // Asked before opening: to open a FIFO would wait for its writer.
    let meta = std::fs::metadata(path).map_err(|e| reason(&e))?;
    if meta.is_dir() {
        return Err("it is a directory".into());
    }
    if !meta.is_file() {
        return Err("it is not a regular file".into());
    }
    let file = File::open(path).map_err(|e| reason(&e))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| reason(&e))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is larger than {limit} bytes"));
    }
    Ok(bytes)
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        kind => kind.to_string(),
    }
}
