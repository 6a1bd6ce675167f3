//! The store on disk: one redb file in `state.dir`.
//!
//! One write transaction is one commit; redb keeps the last whole one through a kill or a power
//! cut, and checksums every page. Commits that carry deliveries or policy state are forced to
//! disk before they return. A commit that only moves the offset, and settling, are not: they
//! become durable with the next forced one, with [`Store::flush`], and at the latest with the next of
//! them when the last forced one is [`RELAXED`] ago. What a kill or a power cut undoes of them is
//! derived or sent again under the same ids.
//!
//! Keeps: [commit-is-atomic] [bounded]

mod tables;
#[cfg(test)]
mod tests;

use super::{
    Checkpoint, Committed, DeadLetter, HORIZON_MS, Head, Limits, Settled, Snapshot, Store, StoreError,
};
use crate::{delivery::Delivery, packed::Packed};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tables::{
    CHECKPOINTS, DEAD, FORMAT, GONE, IDS, LANES, META, POLICIES, QUEUE, Queues, SNAPSHOTS, decode, place,
};
use tokio::sync::watch;

/// Ids that one call of [`Store::prune`] forgets at most: it holds the write lock.
const PRUNE_PAGE: usize = 5_000;

/// Memory that redb may use for pages. The default of 1 GiB is not what a small server has.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// How much relaxed work a crash may undo. Chosen: a forced commit costs some ms of a disk.
const RELAXED: Duration = Duration::from_secs(1);

/// Opens the file, at the start and again after the disk failed.
type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>;

/// What is committed and not yet forced to disk.
#[derive(Debug)]
struct Forced {
    /// When a commit was last forced. Measures a duration, tells no time.
    at: Instant,
    /// There were others since.
    behind: bool,
}

/// The store on disk.
pub struct FileStore {
    /// `None` after the disk failed: redb refuses everything then until it is opened again.
    database: RwLock<Option<Database>>,
    open: Opener,
    path: PathBuf,
    limits: Limits,
    changes: watch::Sender<u64>,
    forced: Mutex<Forced>,
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileStore({})", self.path.display())
    }
}

impl FileStore {
    /// Opens `outbox.redb` in `dir`, and makes both where they are not there.
    ///
    /// # Errors
    /// When another process has it, a newer program wrote it, it is damaged, or the disk fails.
    pub fn open(dir: &Path, limits: Limits) -> Result<Self, StoreError> {
        let path = dir.join("outbox.redb");
        let io = |error: std::io::Error| place(&path, "creating", &redb::Error::Io(error));
        std::fs::create_dir_all(dir).map_err(io)?;
        let file = path.clone();
        let open = move || Database::builder().set_cache_size(CACHE_BYTES).create(&file);
        Self::open_with(path, limits, Box::new(open))
    }

    fn open_with(path: PathBuf, limits: Limits, open: Opener) -> Result<Self, StoreError> {
        let store = Self {
            database: RwLock::new(None),
            open,
            path,
            limits,
            changes: watch::Sender::new(0),
            forced: Mutex::new(Forced { at: Instant::now(), behind: false }),
        };
        store.prepare()?;
        Ok(store)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the tables and refuses a format that is not ours.
    fn prepare(&self) -> Result<(), StoreError> {
        let found = self.write("preparing", Durability::Immediate, |txn| {
            tables::create(txn)?;
            let mut meta = txn.open_table(META)?;
            let found = meta.get("format")?.map(|v| v.value());
            if found.is_none_or(|found| found < FORMAT) {
                meta.insert("format", FORMAT)?;
            }
            if found == Some(1) {
                tables::pack(txn)?;
            }
            Ok(found)
        })?;
        match found {
            Some(found) if found > FORMAT => {
                Err(StoreError::Newer { path: self.path.clone(), found, known: FORMAT })
            }
            _ => Ok(()),
        }
    }

    fn write<T>(
        &self,
        doing: &'static str,
        durability: Durability,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(doing, |database| {
            let mut txn = database.begin_write()?;
            // Held over the commit: write transactions exclude one another anyway.
            let mut forced = self.forced.lock().unwrap_or_else(PoisonError::into_inner);
            let force = matches!(durability, Durability::Immediate) || forced.at.elapsed() >= RELAXED;
            txn.set_durability(if force { Durability::Immediate } else { Durability::None })?;
            let value = change(&txn)?;
            txn.commit()?;
            forced.behind = !force;
            if force {
                forced.at = Instant::now();
            }
            Ok(value)
        })
    }

    fn read<T>(
        &self,
        look: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with("reading", |database| look(&database.begin_read()?))
    }

    /// Does something with the open file; opens it first where it is closed, and closes it where
    /// the disk fails, so that the next caller finds out whether the disk is well again.
    fn with<T>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let failed = |error: redb::Error| place(&self.path, doing, &error);
        let mut guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            drop(guard);
            let mut closed = self.database.write().unwrap_or_else(PoisonError::into_inner);
            if closed.is_none() {
                *closed = Some((self.open)().map_err(|error| place(&self.path, "opening", &error.into()))?);
            }
            drop(closed);
            guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        }
        let Some(database) = guard.as_ref() else { return Err(failed(redb::Error::PreviousIo)) };
        let result = act(database);
        drop(guard);
        if let Err(redb::Error::Io(_) | redb::Error::PreviousIo) = result {
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result.map_err(failed)
    }
}

impl Store for FileStore {
    fn checkpoint(&self, pipeline: &str) -> Result<Option<Checkpoint>, StoreError> {
        self.read(|txn| {
            let checkpoints = txn.open_table(CHECKPOINTS)?;
            let Some(row) = checkpoints.get(pipeline)? else { return Ok(None) };
            let (tape_id, offset) = row.value();
            let mut plugins = Vec::new();
            for entry in txn.open_table(SNAPSHOTS)?.range((pipeline, "")..)? {
                let (key, value) = entry?;
                let (owner, name) = key.value();
                if owner != pipeline {
                    break;
                }
                let (version, bytes) = value.value();
                let packed = Packed::from_packed(bytes.to_owned());
                plugins.push((name.to_owned(), Snapshot { version, packed }));
            }
            let policy = txn.open_table(POLICIES)?.get(pipeline)?.map(|v| v.value().to_owned());
            Ok(Some(Checkpoint { pipeline: pipeline.to_owned(), tape_id, offset, plugins, policy }))
        })
    }

    fn commit(&self, checkpoint: &Checkpoint, deliveries: &[Delivery]) -> Result<Committed, StoreError> {
        let relaxed = deliveries.is_empty() && checkpoint.policy.is_none();
        let durability = if relaxed { Durability::None } else { Durability::Immediate };
        let done = self.write("committing to", durability, |txn| {
            let Checkpoint { pipeline, tape_id, offset, plugins, policy } = checkpoint;
            txn.open_table(CHECKPOINTS)?.insert(pipeline.as_str(), (*tape_id, *offset))?;
            if !plugins.is_empty() {
                let mut snapshots = txn.open_table(SNAPSHOTS)?;
                for (name, Snapshot { version, packed }) in plugins {
                    snapshots.insert((pipeline.as_str(), name.as_str()), (*version, packed.bytes()))?;
                }
            }
            if let Some(policy) = policy {
                txn.open_table(POLICIES)?.insert(pipeline.as_str(), policy.as_slice())?;
            }
            if deliveries.is_empty() {
                return Ok(Committed::default());
            }
            let mut queues = Queues::open(txn, self.limits)?;
            let mut done = Committed::default();
            for delivery in deliveries {
                queues.push(delivery, &mut done)?;
            }
            Ok(done)
        })?;
        if done.queued > 0 {
            self.changes.send_modify(|n| *n += 1);
        }
        Ok(done)
    }

    fn page(&self, channel: &str, from: u64, limit: usize) -> Result<Vec<Head>, StoreError> {
        self.read(|txn| {
            let queue = txn.open_table(QUEUE)?;
            let mut heads = Vec::new();
            for entry in queue.range((channel, from)..=(channel, u64::MAX))?.take(limit) {
                let (key, value) = entry?;
                heads.push(tables::head(key.value().1, value.value()));
            }
            Ok(heads)
        })
    }

    fn delivery(&self, channel: &str, seq: u64) -> Result<Option<Delivery>, StoreError> {
        self.read(|txn| {
            let queue = txn.open_table(QUEUE)?;
            queue.get((channel, seq))?.map(|row| decode(row.value().3)).transpose()
        })
    }

    fn settle(
        &self,
        channel: &str,
        settled: &[Settled],
        now_ms: i64,
    ) -> Result<Vec<Option<Head>>, StoreError> {
        self.write("settling in", Durability::None, |txn| {
            Queues::open(txn, self.limits)?.settle(channel, settled, now_ms)
        })
    }

    fn first(&self, channel: &str, lane: &str) -> Result<Option<Head>, StoreError> {
        self.read(|txn| tables::first_of(&txn.open_table(LANES)?, &txn.open_table(QUEUE)?, channel, lane))
    }

    fn exchange(
        &self,
        channel: &str,
        gone: &[Settled],
        come: &[Delivery],
        now_ms: i64,
    ) -> Result<Committed, StoreError> {
        let done = self.write("exchanging in", Durability::Immediate, |txn| {
            let mut queues = Queues::open(txn, self.limits)?;
            queues.settle(channel, gone, now_ms)?;
            let mut done = Committed::default();
            for delivery in come {
                queues.push(delivery, &mut done)?;
            }
            Ok(done)
        })?;
        if done.queued > 0 {
            self.changes.send_modify(|n| *n += 1);
        }
        Ok(done)
    }

    fn prune(&self, now_ms: i64) -> Result<u64, StoreError> {
        self.write("pruning", Durability::None, |txn| {
            let (mut gone, mut ids) = (txn.open_table(GONE)?, txn.open_table(IDS)?);
            let mut old = Vec::new();
            for entry in gone.range(..(now_ms - HORIZON_MS, ""))?.take(PRUNE_PAGE) {
                let (key, _) = entry?;
                let (at_ms, id) = key.value();
                old.push((at_ms, id.to_owned()));
            }
            for (at_ms, id) in &old {
                gone.remove((*at_ms, id.as_str()))?;
                ids.remove(id.as_str())?;
            }
            Ok(old.len() as u64)
        })
    }

    fn flush(&self) -> Result<(), StoreError> {
        if !self.forced.lock().unwrap_or_else(PoisonError::into_inner).behind {
            return Ok(());
        }
        self.write("flushing", Durability::Immediate, |_| Ok(()))
    }

    fn queued(&self) -> Result<u64, StoreError> {
        self.read(|txn| Ok(txn.open_table(QUEUE)?.len()?))
    }

    fn channels(&self) -> Result<Vec<String>, StoreError> {
        self.read(|txn| {
            let queue = txn.open_table(QUEUE)?;
            let mut channels: Vec<String> = Vec::new();
            // From one channel to the next, without reading what lies between.
            while let Some(entry) = match channels.last() {
                None => queue.first()?,
                Some(last) => queue.range((last.as_str(), u64::MAX)..)?.next().transpose()?,
            } {
                channels.push(entry.0.value().0.to_owned());
            }
            Ok(channels)
        })
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|txn| {
            let dead = txn.open_table(DEAD)?;
            dead.iter()?.rev().take(limit).map(|entry| decode(entry?.1.value())).collect()
        })
    }

    fn redo(&self, which: &dyn Fn(&str, &str) -> bool) -> Result<u64, StoreError> {
        let redone = self.write("queueing again", Durability::Immediate, |txn| {
            let mut queues = Queues::open(txn, self.limits)?;
            let taken = queues.take_dead(which)?;
            for letter in &taken {
                queues.push_again(letter)?;
            }
            Ok(taken.len() as u64)
        })?;
        if redone > 0 {
            self.changes.send_modify(|n| *n += 1);
        }
        Ok(redone)
    }

    fn forget(&self, which: &dyn Fn(&str, &str) -> bool) -> Result<u64, StoreError> {
        self.write("forgetting", Durability::Immediate, |txn| {
            Ok(Queues::open(txn, self.limits)?.take_dead(which)?.len() as u64)
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
