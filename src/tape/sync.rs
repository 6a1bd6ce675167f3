//! The thread that makes the tape durable: it syncs, and removes what retention gave up, so that
//! an append never waits for either.
//!
//! Owns no data; the writer hands it file handles. What was written survives the death of the
//! process without it; it bounds what a power cut can take.
//!
//! Keeps: [bounded]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Jobs are as rare as segments; a disk that does not answer for so many is lost anyway.
const MAX_JOBS: usize = 256;

enum Job {
    /// From here on this is the file to sync; the one before is finished.
    Current(Arc<File>),
    /// Delete a segment.
    Remove(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    dirty: AtomicBool,
    failed: AtomicBool,
    failures: AtomicU64,
}

impl State {
    fn fail(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.failed.store(true, Ordering::Relaxed);
    }
}

/// The handle of the thread. Dropping it syncs once more and waits for that.
#[derive(Debug)]
pub(super) struct Syncer {
    jobs: Option<SyncSender<Job>>,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start(dir: &Path, every: Duration) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel(MAX_JOBS);
        let state = Arc::new(State::default());
        let (dir, shared) = (dir.to_owned(), Arc::clone(&state));
        let every = every.max(Duration::from_millis(1));
        let thread = thread::Builder::new()
            .name("tape-sync".into())
            .spawn(move || run(&queue, &shared, &dir, every))?;
        Ok(Self { jobs: Some(jobs), state, thread: Some(thread) })
    }

    pub(super) fn wrote(&self) {
        // A plain load first: the line is shared with the thread and nearly always set already.
        if !self.state.dirty.load(Ordering::Relaxed) {
            self.state.dirty.store(true, Ordering::Release);
        }
    }

    /// The file to sync from here on; the one before is synced for the last time.
    pub(super) fn current(&self, file: Arc<File>) {
        if !self.send(Job::Current(file)) {
            self.state.failures.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has a segment deleted; false when the thread has too much to do already.
    pub(super) fn remove(&self, path: PathBuf) -> bool {
        self.send(Job::Remove(path))
    }

    /// How many syncs and removals failed.
    pub(super) fn failures(&self) -> u64 {
        self.state.failures.load(Ordering::Relaxed)
    }

    /// Whether a sync failed since this was last asked. After a failed sync the kernel may have
    /// dropped the pages and calls them clean, so the file cannot be trusted with more.
    pub(super) fn take_failed(&self) -> bool {
        self.state.failed.load(Ordering::Relaxed) && self.state.failed.swap(false, Ordering::Relaxed)
    }

    fn send(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.state.fail();
        }
    }
}

fn run(queue: &mpsc::Receiver<Job>, state: &State, dir: &Path, every: Duration) {
    let mut current: Option<Arc<File>> = None;
    let sync = |current: &Option<Arc<File>>| {
        if let Some(file) = current
            && state.dirty.swap(false, Ordering::Acquire)
            && file.sync_data().is_err()
        {
            state.fail();
        }
    };
    loop {
        match queue.recv_timeout(every) {
            Err(RecvTimeoutError::Timeout) => sync(&current),
            Err(RecvTimeoutError::Disconnected) => return sync(&current),
            Ok(Job::Current(file)) => {
                state.dirty.store(true, Ordering::Relaxed);
                sync(&current);
                state.dirty.store(true, Ordering::Relaxed);
                current = Some(file);
                // The directory remembers the file's name only once it is synced itself.
                if File::open(dir).and_then(|dir| dir.sync_all()).is_err() {
                    state.failures.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok(Job::Remove(path)) => {
                if fs::remove_file(path).is_err() {
                    state.failures.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}
