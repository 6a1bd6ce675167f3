//! What can be wrong with a store.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Why a store does not open, read or commit.
#[derive(Debug)]
pub enum StoreError {
    /// Another process has it.
    InUse(PathBuf),
    /// A newer program wrote it.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that this program knows.
        known: u64,
    },
    /// It is not what was written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The disk failed, or is full. Nothing of the transaction was kept.
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the system or the store said.
        why: String,
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |path: &Path| path.display().to_string();
        match self {
            Self::InUse(path) => write!(
                f,
                "{} is in use by another tradehook: stop that one, or give this one a state.dir of its own",
                show(path)
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "{} has format {found}, this program knows up to {known}: run the newer program, or give this one another state.dir",
                show(path)
            ),
            Self::Damaged { path, why } => write!(
                f,
                "{} is damaged: {why}: restore it, or move it away to start without checkpoints and undelivered alerts",
                show(path)
            ),
            Self::Io { path, doing, why } => write!(f, "{doing} {}: {why}", show(path)),
        }
    }
}

impl std::error::Error for StoreError {}
