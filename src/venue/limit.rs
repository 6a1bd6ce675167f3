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
    /// `/v1/ticker` and `/v1/ticker/all`.
    Ticker,
    /// `/v1/orderbook` and its instruments.
    Orderbook,
    /// All of `/v1/candles/…` together.
    Candles,
    /// Upgrades.
    Connect,
    /// Anything with an `Origin` header (since 2024-07-17).
    Origin,
}

impl Group {
    /// Requests, and in what time.
    const fn allows(self) -> (u32, Duration) {
        match self {
            Self::Market | Self::Trades | Self::Ticker | Self::Orderbook | Self::Candles => {
                (10, Duration::from_secs(1))
            }
            Self::Connect => (5, Duration::from_secs(1)),
            Self::Origin => (1, Duration::from_secs(10)),
        }
    }

    /// The header that tells what is left.
    pub(super) fn header(self, left: u32) -> String {
        match self {
            Self::Market => format!("group=market; min=600; sec={left}"),
            Self::Trades => format!("group=crix-trades; min=600; sec={left}"),
            Self::Ticker => format!("group=ticker; min=600; sec={left}"),
            Self::Orderbook => format!("group=orderbook; min=600; sec={left}"),
            Self::Candles => format!("group=candles; min=600; sec={left}"),
            Self::Connect => format!("group=websocket; min=300; sec={left}"),
            Self::Origin => "group=origin; min=6; sec=0".into(),
        }
    }
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    /// 429.
    Slower,
    /// 418, for this long from now.
    Banned(Duration),
}

/// Refusals within [`PATIENCE`] that the venue bears before it bans. A burst of twenty, half of it
/// refused, brought no ban on 2025-09-12; the rest of the rule is chosen, as it is not documented.
const BORNE: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(10);
/// The first ban; each later one is twice as long, up to the longest.
const FIRST_BAN: Duration = Duration::from_secs(10);
const LONGEST_BAN: Duration = Duration::from_secs(3_600);

#[derive(Default)]
struct Counts {
    windows: HashMap<Group, (Instant, u32)>,
    refusals: Option<(Instant, u32)>,
    bans: u32,
    banned_until: Option<Instant>,
}

/// The counts of all groups.
#[derive(Default)]
pub(super) struct Limits {
    counts: Mutex<Counts>,
}

impl Limits {
    /// Counts one request; how many are left in this window.
    pub(super) fn take(&self, group: Group) -> Result<u32, TooMany> {
        let now = Instant::now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = counts.banned_until.filter(|until| *until > now) {
            return Err(TooMany::Banned(until - now));
        }
        let (most, window) = group.allows();
        let (since, used) = counts.windows.entry(group).or_insert((now, 0));
        if now.duration_since(*since) >= window {
            (*since, *used) = (now, 0);
        }
        *used += 1;
        most.checked_sub(*used).ok_or_else(|| counts.refuse(now))
    }
}

impl Counts {
    /// Counts a refusal, and bans whoever goes on.
    fn refuse(&mut self, now: Instant) -> TooMany {
        let (since, refused) = self.refusals.get_or_insert((now, 0));
        if now.duration_since(*since) >= PATIENCE {
            (*since, *refused) = (now, 0);
        }
        *refused += 1;
        if *refused <= BORNE {
            return TooMany::Slower;
        }
        let ban = FIRST_BAN.saturating_mul(1 << self.bans.min(16)).min(LONGEST_BAN);
        self.bans += 1;
        self.refusals = None;
        self.banned_until = Some(now + ban);
        TooMany::Banned(ban)
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
        let expect = (Some(&Ok(9)), Some(&Ok(0)), Some(&Err(TooMany::Slower)));
        assert_eq!((left.first(), left.get(9), left.get(10)), expect);
        assert_eq!(limits.take(Group::Market), Ok(9), "groups do not share");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(limits.take(Group::Trades), Ok(9));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_listen_is_banned_each_time_for_longer() {
        let limits = Limits::default();
        for ban in [10, 20, 40].map(Duration::from_secs) {
            let mut answers: Vec<_> = (0..31).map(|_| limits.take(Group::Trades)).collect();
            assert_eq!(answers.pop(), Some(Err(TooMany::Banned(ban))));
            assert_eq!(answers.iter().filter(|a| **a == Err(TooMany::Slower)).count(), 20);
            tokio::time::advance(ban - Duration::from_secs(1)).await;
            let left = Err(TooMany::Banned(Duration::from_secs(1)));
            assert_eq!(limits.take(Group::Market), left, "all groups are banned");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(limits.take(Group::Market), Ok(9));
        }
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
