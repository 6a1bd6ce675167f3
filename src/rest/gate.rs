//! Turns: who may ask when.
//!
//! Turns of a group are evenly spaced, never in bursts. A 429 halves the rate, and every answer
//! that is a success gives back a little of it; a ban closes the gate for all groups.
//!
//! Keeps: [bounded]

use crate::refusal::{self, LONGEST_SAID};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as Queue, Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

/// What a second of the venue's is at most from here on.
const SECOND: Duration = Duration::from_secs(1);
/// The longest wait after one 429 of many for which the venue named no time.
const LONGEST_UNSAID: Duration = Duration::from_secs(60);
/// A rate, in thousandths of a request a second: what is given back with each success after a
/// 429 (a halved rate of 8 is whole again after some ten seconds), and what always remains.
const GIVEN_BACK: u32 = 62;
const LEAST_RATE: u32 = 1_000;

/// What the venue counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// `/v1/trades/ticks`; `crix-trades` in the venue's words.
    Trades,
    /// `/v1/market/all`; `market`.
    Market,
}

/// The state of one group.
struct Lane {
    rate: u32,
    /// When the next turn is, by the pace alone.
    next: Instant,
    /// Before this the venue wants no request.
    pause: Instant,
    limited_at: Instant,
    limited_in_a_row: u32,
}

struct State {
    trades: Lane,
    market: Lane,
    banned_until: Instant,
    bans: u32,
}

impl State {
    fn lane(&mut self, group: Group) -> &mut Lane {
        match group {
            Group::Trades => &mut self.trades,
            Group::Market => &mut self.market,
        }
    }
}

/// Leave to send one request. It holds one of the places in flight.
pub(super) struct Turn<'a> {
    since: Instant,
    _place: SemaphorePermit<'a>,
}

/// The gate that every request passes.
pub(super) struct Gate {
    state: Mutex<State>,
    full_rate: u32,
    // Fair both: who came first is served first.
    trades: Queue<()>,
    market: Queue<()>,
    places: Semaphore,
}

impl Gate {
    pub(super) fn new(per_second: u32, places: usize) -> Self {
        let full_rate = per_second.clamp(1, 1_000) * 1_000;
        let now = Instant::now();
        let lane = || Lane { rate: full_rate, next: now, pause: now, limited_at: now, limited_in_a_row: 0 };
        let state = State { trades: lane(), market: lane(), banned_until: now, bans: 0 };
        Self {
            state: Mutex::new(state),
            full_rate,
            trades: Queue::new(()),
            market: Queue::new(()),
            places: Semaphore::new(places),
        }
    }

    /// Waits for a turn; the error is how long the ban lasts. A wait that is given up costs nobody
    /// a turn.
    pub(super) async fn turn(&self, group: Group) -> Result<Turn<'_>, Duration> {
        let queue = match group {
            Group::Trades => &self.trades,
            Group::Market => &self.market,
        };
        let _first = queue.lock().await;
        loop {
            while let Some(due) = self.due(group)? {
                sleep_until(due).await;
            }
            // It is never closed; were it, a ban of no length would be the least wrong answer.
            let Ok(place) = self.places.acquire().await else { return Err(Duration::ZERO) };
            // While a place was waited for, the venue may have said stop.
            if self.due(group)?.is_none() {
                let now = Instant::now();
                let mut state = self.state();
                let lane = state.lane(group);
                lane.next = now + spacing(lane.rate);
                return Ok(Turn { since: now, _place: place });
            }
        }
    }

    /// When the next turn is, `None` for now; the error is how long the ban lasts.
    fn due(&self, group: Group) -> Result<Option<Instant>, Duration> {
        let now = Instant::now();
        let mut state = self.state();
        if state.banned_until > now {
            return Err(state.banned_until - now);
        }
        let lane = state.lane(group);
        let due = lane.next.max(lane.pause);
        Ok((due > now).then_some(due))
    }

    pub(super) fn blocked_for(&self, group: Group) -> Option<Duration> {
        let now = Instant::now();
        let mut state = self.state();
        let until = state.banned_until.max(state.lane(group).pause);
        (until > now).then(|| until - now)
    }

    /// The venue says that nothing is left of its second.
    pub(super) fn used_up(&self, group: Group) {
        let until = Instant::now() + SECOND;
        let mut state = self.state();
        let lane = state.lane(group);
        lane.pause = lane.pause.max(until);
    }

    /// A success gives back a little of the rate. One that was under way when the venue said stop
    /// does not say that all is well again.
    pub(super) fn succeeded(&self, group: Group, turn: &Turn<'_>) {
        let full_rate = self.full_rate;
        let mut state = self.state();
        if turn.since >= state.banned_until {
            state.bans = 0;
        }
        let lane = state.lane(group);
        if turn.since < lane.limited_at {
            return;
        }
        lane.limited_in_a_row = 0;
        lane.rate = (lane.rate + GIVEN_BACK).min(full_rate);
    }

    /// A 429: how long is waited. Several requests that were under way together halve the rate once.
    pub(super) fn limited(&self, group: Group, turn: &Turn<'_>, said: Option<Duration>) -> Duration {
        let now = Instant::now();
        let mut state = self.state();
        let lane = state.lane(group);
        if lane.limited_in_a_row == 0 || turn.since > lane.limited_at {
            lane.rate = (lane.rate / 2).max(LEAST_RATE);
            lane.limited_in_a_row = lane.limited_in_a_row.saturating_add(1);
            lane.limited_at = now;
        }
        let unsaid = (SECOND * (1 << (lane.limited_in_a_row - 1).min(6))).min(LONGEST_UNSAID);
        let wait = said.map_or(unsaid, |time| time.clamp(SECOND, LONGEST_SAID));
        lane.pause = lane.pause.max(now + wait);
        lane.pause - now
    }

    /// A 418: how long nothing is sent at all.
    pub(super) fn banned(&self, said: Option<Duration>) -> Duration {
        let now = Instant::now();
        let mut state = self.state();
        // A second more: our clock and the venue's need not agree to the millisecond.
        let until = now + refusal::ban(said, state.bans) + SECOND;
        // Requests that were under way together tell of one ban.
        if state.banned_until <= now {
            state.bans = state.bans.saturating_add(1);
        }
        state.banned_until = state.banned_until.max(until);
        state.banned_until - now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spacing(rate: u32) -> Duration {
    Duration::from_micros(1_000_000_000 / u64::from(rate.max(1)))
}
