//! The clock on the tape: a tick a second while a session is up.
//!
//! Behind the tape nobody reads a clock, so the time itself must be an entry. It is written beside
//! trades too: a plugin's clocks are per market, and a thin market's bar could not become final
//! beside a busy one. Without a session no tick is written: that time is a gap, not a silence.
//!
//! Keeps: [time-enters-once]

use super::intake::Pulse;
use crate::{
    entry::{Entry, Tick},
    status::Status,
    tape::Tape,
};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(
    tape: Arc<Tape>,
    pulse: Arc<Pulse>,
    status: Status,
    wall_ms: fn() -> i64,
    stop: CancellationToken,
) {
    let heart = status.heart("clockwork", Duration::from_secs(10));
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return status.forget_heart("clockwork"),
            _ = every.tick() => {}
        }
        heart.beat();
        let at_ms = wall_ms();
        if pulse.live.load(Relaxed)
            && let Err(error) = tape.append(&Entry::Tick(Tick { at_ms }))
        {
            warn!(%error, "a tick is not on disk");
        }
        let stats = tape.stats();
        status.tape().start.set(stats.start);
        status.tape().end.set(stats.end);
        status.tape().bytes.set(if stats.disk_bytes > 0 { stats.disk_bytes } else { stats.memory_bytes });
        status.tape().write_failures.set(stats.write_failures);
        status.tape().set_degraded(stats.degraded);
    }
}
