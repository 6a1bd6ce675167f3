//! Rate limits: how often a client may ask, as the venue counts it.
//!
//! Everybody on loopback is one IP, so there is one count per group.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What a group allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Group {
    /// `/v1/market/all`.
    Market,
    /// `/v1/trades/ticks`.
    Trades,
    /// Upgrades.
    Connect,
    /// Anything with an `Origin` header (since 2024-07-17).
    Origin,
}

impl Group {
    /// Requests, and in what time.
    const fn allows(self) -> (u32, Duration) {
        match self {
            Self::Market | Self::Trades => (10, Duration::from_secs(1)),
            Self::Connect => (5, Duration::from_secs(1)),
            Self::Origin => (1, Duration::from_secs(10)),
        }
    }

    /// The header that tells what is left.
    pub(super) fn header(self, left: u32) -> String {
        match self {
            Self::Market => format!("group=market; min=600; sec={left}"),
            Self::Trades => format!("group=crix-trades; min=600; sec={left}"),
            Self::Connect => format!("group=websocket; min=300; sec={left}"),
            Self::Origin => "group=origin; min=6; sec=0".into(),
        }
    }
}

/// The counts of all groups.
#[derive(Default)]
pub(super) struct Limits {
    windows: Mutex<HashMap<Group, (Instant, u32)>>,
}

impl Limits {
    /// Counts one request; how many are left in this window, or `None` when it is one too many.
    pub(super) fn take(&self, group: Group) -> Option<u32> {
        let now = Instant::now();
        let (most, window) = group.allows();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, used) = windows.entry(group).or_insert((now, 0));
        if now.duration_since(*since) >= window {
            (*since, *used) = (now, 0);
        }
        *used += 1;
        most.checked_sub(*used)
    }
}

/// What one session may send: 5 messages a second and 100 a minute.
pub(super) struct Messages {
    second: (Instant, u32),
    minute: (Instant, u32),
}

impl Messages {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { second: (now, 0), minute: (now, 0) }
    }

    /// Counts one message; whether it was allowed.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        let count = |(since, used): &mut (Instant, u32), window, most| {
            if now.duration_since(*since) >= window {
                (*since, *used) = (now, 0);
            }
            *used += 1;
            *used <= most
        };
        let second = count(&mut self.second, Duration::from_secs(1), 5);
        let minute = count(&mut self.minute, Duration::from_secs(60), 100);
        second && minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_group_is_full_until_its_window_ends() {
        let limits = Limits::default();
        let left: Vec<_> = (0..11).map(|_| limits.take(Group::Trades)).collect();
        assert_eq!((left.first(), left.get(9), left.get(10)), (Some(&Some(9)), Some(&Some(0)), Some(&None)));
        assert_eq!(limits.take(Group::Market), Some(9), "groups do not share");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limits.take(Group::Trades), Some(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_may_send_five_a_second_and_a_hundred_a_minute() {
        let mut messages = Messages::new();
        let mut sent = 0;
        for _ in 0..30 {
            sent += (0..5).filter(|_| messages.take()).count();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(sent, 100);
        let mut fresh = Messages::new();
        assert_eq!((0..7).filter(|_| fresh.take()).count(), 5);
    }
}
