//! When to try again: pure values.
//!
//! Keeps: [bounded] (attempts and delays have limits)

use std::time::Duration;

/// The longest time that a receiver can make a channel wait by `Retry-After`.
pub(super) const MAX_PARK: Duration = Duration::from_secs(3600);

/// Failures in a row from which a channel waits as a whole, so that many lanes do not each knock
/// at a door that stays shut.
pub(super) const SHUT_AFTER: u32 = 5;

/// The longest such wait.
pub(super) const MAX_SHUT: Duration = Duration::from_secs(60);

/// The delay before the second, third … attempt of the Standard Webhooks specification 1.0.0.
const STANDARD_WEBHOOKS: [Duration; 8] = {
    const fn hours(n: u64) -> Duration {
        Duration::from_secs(n * 3600)
    }
    [
        Duration::from_secs(5),
        Duration::from_secs(300),
        Duration::from_secs(1800),
        hours(2),
        hours(5),
        hours(10),
        hours(14),
        hours(20),
    ]
};

/// How the delays between attempts grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delays {
    /// Full jitter: anything up to `base` doubled with every attempt, at most `cap`.
    Jitter {
        /// Bound of the first delay.
        base: Duration,
        /// Bound of every delay.
        cap: Duration,
    },
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h.
    StandardWebhooks,
}

impl Delays {
    /// The delay after `attempts` failed ones (from 1).
    #[must_use]
    pub fn after(self, attempts: u32, rng: &mut fastrand::Rng) -> Duration {
        match self {
            Self::Jitter { base, cap } => {
                let bound = base.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(cap);
                let ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
                // Never at once: a receiver that fails fast must not be asked in a tight loop.
                Duration::from_millis(rng.u64(0..=ms).max(50.min(ms)))
            }
            Self::StandardWebhooks => {
                let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
                let [.., last] = STANDARD_WEBHOOKS;
                STANDARD_WEBHOOKS.get(index).copied().unwrap_or(last)
            }
        }
    }
}

/// How one channel is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Between attempts.
    pub delays: Delays,
    /// After so many a delivery is dead.
    pub max_attempts: u32,
    /// After so many refusals a delivery is dead.
    pub max_refusals: u32,
    /// Lanes that are served at the same time.
    pub concurrency: usize,
}

impl RetryPolicy {
    /// For stdout and files: one at a time, so that lines stand in the order of commits, for
    /// about a day.
    #[must_use]
    pub const fn local() -> Self {
        Self {
            delays: Delays::Jitter { base: Duration::from_secs(1), cap: Duration::from_secs(300) },
            max_attempts: 600,
            max_refusals: 1,
            concurrency: 1,
        }
    }

    /// For webhooks.
    #[must_use]
    pub const fn webhook(max_attempts: u32) -> Self {
        Self { delays: Delays::StandardWebhooks, max_attempts, max_refusals: 3, concurrency: 4 }
    }

    /// For chats, pagers and mail: one at a time where order is seen, soon again, and a message that
    /// is refused is not tried twice.
    #[must_use]
    pub const fn chat(max_attempts: u32, concurrency: usize) -> Self {
        Self {
            delays: Delays::Jitter { base: Duration::from_secs(1), cap: Duration::from_secs(300) },
            max_attempts,
            max_refusals: 1,
            concurrency,
        }
    }
}
