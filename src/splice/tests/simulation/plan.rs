//! What one seed draws: how lively the venue is, what goes wrong how often, how gaps are repaired.

use super::super::{DAY_MS, NOON, SpliceConfig, WhenFull};
use fastrand::Rng;
use std::time::Duration;

/// A session is frozen for so long at most, and goes on with everything.
pub(super) const FROZEN_MS: u64 = 6_000;

/// One in so many; never where it is nought.
pub(super) type OneIn = u32;

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) begin_ms: i64,
    pub(super) step_ms: u64,
    pub(super) lasts_ms: u64,
    /// Of each market, the mean ms between two orders.
    pub(super) pauses: Vec<u64>,
    pub(super) sweeps: OneIn,
    pub(super) late_orders: OneIn,
    pub(super) shards: u16,
    pub(super) replicas: u16,
    pub(super) config: SpliceConfig,
    pub(super) session: SessionPlan,
    pub(super) rest: RestPlan,
    /// Between two restarts of the process; never where it is nought.
    pub(super) restart_ms: u64,
    /// By how much our clock is ahead of the venue's.
    pub(super) ahead_ms: i64,
    /// Between two changes of the markets that are wanted.
    pub(super) rewant_ms: u64,
}

/// How sessions misbehave. Times are means between two events; never where they are nought.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionPlan {
    pub(super) drop_ms: u64,
    pub(super) drop_all_ms: u64,
    pub(super) down_ms: u64,
    pub(super) stall_ms: u64,
    pub(super) stall_market_ms: u64,
    /// A stalled one comes back by asking again; otherwise by being replaced only.
    pub(super) asking_helps: bool,
    pub(super) freeze_ms: u64,
    pub(super) duplicates: OneIn,
    pub(super) reorders: OneIn,
    pub(super) holes: OneIn,
    pub(super) snapshots_missing: OneIn,
    pub(super) snapshots_old: OneIn,
}

/// How REST misbehaves.
#[derive(Clone, Debug, Default)]
pub(super) struct RestPlan {
    pub(super) page: usize,
    pub(super) answers_in_ms: u64,
    pub(super) lag_ms: u64,
    pub(super) fails: OneIn,
    pub(super) bans: OneIn,
    pub(super) limits: OneIn,
    pub(super) truncates: OneIn,
    pub(super) lies_empty: OneIn,
    pub(super) other_days: OneIn,
    pub(super) overlaps: OneIn,
    /// What is older it does not have, as if it had never been.
    pub(super) forgets_after_ms: Option<i64>,
    /// A market it does not know at all.
    pub(super) unknown: Option<u32>,
}

impl Plan {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let calm = rng.u8(..4) == 0;
        let sometimes = |rng: &mut Rng, one_in: u8, of: &[u64]| match !calm && rng.u8(..one_in) == 0 {
            true => pick(rng, of),
            false => 0,
        };
        let rarely = |rng: &mut Rng, of: &[u32]| if calm || rng.bool() { 0 } else { pick(rng, of) };
        let mut session = SessionPlan {
            drop_ms: pick(rng, &[5_000, 20_000, 60_000]),
            drop_all_ms: sometimes(rng, 2, &[10_000, 40_000]),
            down_ms: pick(rng, &[300, 3_000, 20_000]),
            stall_ms: sometimes(rng, 2, &[20_000, 90_000]),
            stall_market_ms: sometimes(rng, 2, &[20_000, 90_000]),
            asking_helps: rng.bool(),
            freeze_ms: sometimes(rng, 3, &[20_000]),
            duplicates: rarely(rng, &[2, 20]),
            reorders: rarely(rng, &[3, 20]),
            holes: rarely(rng, &[5, 40]),
            snapshots_missing: rarely(rng, &[2, 10]),
            snapshots_old: rarely(rng, &[4, 15]),
        };
        let rest = RestPlan {
            page: pick(rng, &[3, 10, 50, 500]),
            answers_in_ms: pick(rng, &[0, 50, 400]),
            lag_ms: if calm || rng.bool() { 0 } else { pick(rng, &[100, 900, 2_000, 6_000]) },
            fails: rarely(rng, &[3, 20]),
            bans: rarely(rng, &[10, 60]),
            limits: rarely(rng, &[3, 20]),
            truncates: rarely(rng, &[3, 20]),
            lies_empty: rarely(rng, &[10, 40]),
            other_days: rarely(rng, &[10, 40]),
            overlaps: rarely(rng, &[3, 20]),
            forgets_after_ms: (sometimes(rng, 6, &[1]) > 0).then(|| pick(rng, &[10_000, 60_000])),
            unknown: (sometimes(rng, 10, &[1]) > 0).then_some(0),
        };
        // What only its last trade could tell of a session that had been silent must be told.
        let replicas = rng.u16(1..=2);
        if replicas > 1 && session.stall_ms + session.stall_market_ms + session.freeze_ms > 0 {
            (session.snapshots_missing, session.snapshots_old) = (0, 0);
        }
        if rest.lag_ms > 0 {
            session.snapshots_old = 0;
        }
        let config = SpliceConfig {
            backfill: calm || rng.u8(..12) > 0,
            deadline: Duration::from_millis(if calm {
                300_000
            } else {
                pick(rng, &[3_000, 20_000, 300_000])
            }),
            pages: if calm { 2_000 } else { pick(rng, &[2, 10, 2_000]) },
            hold: if calm { 100_000 } else { pick(rng, &[15, 100, 100_000]) },
            when_full: if rng.bool() { WhenFull::Release } else { WhenFull::Refetch },
            stale_after: Duration::from_millis(pick(rng, &[5_000, 20_000, 60_000])),
        };
        let markets = rng.usize(1..=5);
        let lasts_ms = pick(rng, &[40_000, 120_000, 300_000]);
        let midnight = NOON + DAY_MS / 2;
        Self {
            begin_ms: if rng.u8(..4) == 0 { midnight - rng.i64(0..lasts_ms as i64) } else { NOON },
            step_ms: pick(rng, &[50, 100, 250]),
            lasts_ms,
            pauses: (0..markets).map(|_| pick(rng, &[150, 600, 3_000, 15_000, 60_000])).collect(),
            sweeps: pick(rng, &[3, 10]),
            late_orders: pick(rng, &[4, 20]),
            shards: rng.u16(1..=2),
            replicas,
            restart_ms: sometimes(rng, 3, &[60_000]),
            ahead_ms: if calm { 0 } else { pick(rng, &[0, -400, 400]) },
            rewant_ms: sometimes(rng, 4, &[30_000]),
            session,
            rest,
            config,
        }
    }
}

impl Plan {
    /// The same, and nothing goes wrong any more.
    pub(super) fn calm(plan: &Self) -> Self {
        let mut calm = plan.clone();
        let RestPlan { page, answers_in_ms, forgets_after_ms, unknown, .. } = plan.rest;
        let SessionPlan { down_ms, .. } = plan.session;
        calm.rest = RestPlan { page, answers_in_ms, forgets_after_ms, unknown, ..RestPlan::default() };
        calm.session = SessionPlan { down_ms, ..SessionPlan::default() };
        (calm.restart_ms, calm.rewant_ms) = (0, 0);
        calm
    }
}

pub(super) fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// Whether something that happens one time in so many does.
pub(super) fn happens(rng: &mut Rng, one_in: OneIn) -> bool {
    one_in > 0 && rng.u32(..one_in) == 0
}

/// Whether something that happens once in `mean_ms` does, in a step.
pub(super) fn is_time(rng: &mut Rng, mean_ms: u64, step_ms: u64) -> bool {
    mean_ms > 0 && rng.u64(..mean_ms) < step_ms
}
