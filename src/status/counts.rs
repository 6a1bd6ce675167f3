//! The small parts: a counter, counts by name, and things registered by name.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
};

/// A lock that a panic elsewhere does not spoil: every holder leaves the facts whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that others may read at any time. Orders nothing else.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`; wraps at 2^64.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Replaces the number: for facts that are measured elsewhere, such as a queue's length.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// Raises the number to `n` if it is lower.
    #[inline]
    pub fn raise(&self, n: u64) {
        self.0.fetch_max(n, Relaxed);
    }

    /// The number.
    #[must_use]
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A moment in ms since the Unix epoch; 0 stands for never.
#[derive(Debug, Default)]
pub(super) struct Moment(AtomicI64);

impl Moment {
    #[inline]
    pub(super) fn set(&self, at_ms: i64) {
        self.0.store(at_ms, Relaxed);
    }

    pub(super) fn get(&self) -> Option<i64> {
        Some(self.0.load(Relaxed)).filter(|&at_ms| at_ms != 0)
    }
}

/// Counts by reason. Reasons are names in the program, so their number is bounded by it; for
/// what happens rarely, as it takes a lock.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// Adds `n` under `reason`.
    pub fn add(&self, reason: &'static str, n: u64) {
        *lock(&self.0).entry(reason).or_default() += n;
    }

    /// All counts, by reason.
    #[must_use]
    pub fn get(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0).clone()
    }
}

/// Things by name, in the order in which they were first asked for.
pub(super) struct Registry<T>(Mutex<Vec<(Box<str>, Arc<T>)>>);

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Registry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(lock(&self.0).iter().map(|(name, _)| name)).finish()
    }
}

impl<T> Registry<T> {
    pub(super) fn get(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = lock(&self.0);
        if let Some((_, thing)) = known.iter().find(|(other, _)| **other == *name) {
            return Arc::clone(thing);
        }
        let thing = Arc::new(make());
        known.push((name.into(), Arc::clone(&thing)));
        thing
    }

    pub(super) fn retain(&self, mut keep: impl FnMut(&str) -> bool) {
        lock(&self.0).retain(|(name, _)| keep(name));
    }

    pub(super) fn map<R>(&self, mut f: impl FnMut(&str, &T) -> R) -> Vec<R> {
        lock(&self.0).iter().map(|(name, thing)| f(name, thing)).collect()
    }
}
