//! What a guest may use. There is no way to start an instance without them.
//!
//! Keeps: [bounded]

use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What one instance may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory. A bulk operation cannot be interrupted, so this also bounds how far a call
    /// overruns its deadline (64 MiB: 207 ms instead of 50).
    pub memory_bytes: usize,
    /// Wall time of one call; the backstop behind `fuel`.
    pub deadline: Duration,
    /// Instructions of one call, about: the same everywhere, unlike time.
    pub fuel: u64,
    /// Emissions in one answer.
    pub emissions: usize,
    /// Text and values of one emission.
    pub emission_bytes: usize,
    /// Everything that one call may hand to the host.
    pub host_call_bytes: usize,
    /// A snapshot.
    pub snapshot_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 16 << 20,
            deadline: Duration::from_millis(50),
            // About what a guest executes in twice the deadline: fuel ends what loops, the deadline
            // what is slow for another reason.
            fuel: 100_000_000,
            emissions: 1_000,
            emission_bytes: 64 << 10,
            host_call_bytes: 1 << 20,
            snapshot_bytes: 4 << 20,
        }
    }
}

/// Compiled tables are small; 10,000 entries is past any guest that is not hostile.
const TABLE_ELEMENTS: usize = 10_000;

/// Keeps the store's growth inside [`Limits`], and remembers whether it was refused.
#[derive(Debug)]
pub(super) struct Meter {
    limit: usize,
    pub(super) in_use: usize,
    pub(super) refused: bool,
}

impl Meter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limit: limits.memory_bytes, in_use: 0, refused: false }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // Several small memories count together: a component may hold more than one.
        let total = self.in_use.saturating_add(desired.saturating_sub(current));
        let allowed = total <= self.limit;
        if allowed {
            self.in_use = total;
        }
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        16
    }

    fn memories(&self) -> usize {
        4
    }
}
