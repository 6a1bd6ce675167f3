//! The clock on the tape: a tick a second, unless there is a market for which time stands still.
//!
//! Behind the tape nobody reads a clock, so the time itself must be an entry. It is written beside
//! trades too: a plugin's clocks are per market, and a thin market's bar could not become final
//! beside a busy one. While a market is not covered by a session, or waits for its repair, no tick
//! is written: that time is a gap, not a silence.
//!
//! Keeps: [time-enters-once]

use super::{health::Monitor, spine::Spine};
use crate::{status::Status, tape::Tape};
use std::{sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);

/// Ticks until it is stopped; and says what the system knows of itself when that changes.
pub async fn run(tape: Arc<Tape>, spine: Arc<Spine>, status: Status, stop: CancellationToken) {
    let heart = status.heart("clockwork", Duration::from_secs(10));
    let mut every = interval(EVERY);
    let mut monitor = Monitor::default();
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return status.forget_heart("clockwork"),
            _ = every.tick() => {}
        }
        heart.beat();
        spine.second();
        monitor.look(&status.snapshot(), spine.wall_ms()).iter().for_each(|fact| spine.fact(fact));
        let stats = tape.stats();
        status.tape().start.set(stats.start);
        status.tape().end.set(stats.end);
        status.tape().bytes.set(if stats.disk_bytes > 0 { stats.disk_bytes } else { stats.memory_bytes });
        status.tape().write_failures.set(stats.write_failures);
        status.tape().set_degraded(stats.degraded);
    }
}
