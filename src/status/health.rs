//! Two questions an orchestrator asks: is it alive, and does it do what it is for.
//!
//! Alive: each loop of the process beats. Restarting helps when one does not. Ready: the feed is
//! live and every plugin runs. Restarting does not help when they are not, and would cost trades;
//! that is why the two are apart.

use super::{
    feed::FeedState,
    parts::PluginState,
    snapshot::{FeedSnapshot, PluginSnapshot, Snapshot},
};
use serde::Serialize;
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::Instant;

/// A loop's promise to turn at least every so often.
#[derive(Debug)]
pub struct Heart {
    origin: Instant,
    limit: Duration,
    beat_ms: AtomicU64,
}

impl Heart {
    pub(super) fn new(origin: Instant, limit: Duration) -> Self {
        let heart = Self { origin, limit, beat_ms: AtomicU64::new(0) };
        heart.beat();
        heart
    }

    /// The loop turned.
    pub fn beat(&self) {
        let elapsed = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(elapsed, Relaxed);
    }

    /// How long ago it last turned.
    #[must_use]
    pub fn silent_for(&self) -> Duration {
        self.origin.elapsed().saturating_sub(Duration::from_millis(self.beat_ms.load(Relaxed)))
    }

    /// How long it may be silent.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

/// Whether every loop turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// It does.
    pub healthy: bool,
    /// What does not, one sentence each.
    pub reasons: Vec<String>,
}

impl Health {
    pub(super) fn of(hearts: Vec<(String, Duration, Duration)>) -> Self {
        let reasons: Vec<_> = hearts
            .into_iter()
            .filter(|(_, silent, limit)| silent > limit)
            .map(|(name, silent, limit)| {
                format!(
                    "{name} has not turned for {:.1} s (limit {:.1} s)",
                    silent.as_secs_f64(),
                    limit.as_secs_f64()
                )
            })
            .collect();
        Self { healthy: reasons.is_empty(), reasons }
    }
}

/// Whether the system does what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// It does.
    pub ready: bool,
    /// Why it does not, one sentence each.
    pub reasons: Vec<String>,
    /// What is wrong without making it unready.
    pub warnings: Vec<String>,
}

impl Readiness {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut reasons: Vec<String> = feed_reason(&snapshot.feed).into_iter().collect();
        reasons.extend(snapshot.plugins.iter().filter_map(plugin_reason));
        let mut warnings = Vec::new();
        if snapshot.tape.degraded {
            warnings.push("tape: serves from memory, the disk refuses writes".to_owned());
        }
        let open: u64 = snapshot.intake.gaps.open.values().sum();
        if open > 0 {
            warnings.push(format!("{open} gap(s) in the trades could not be filled"));
        }
        for channel in snapshot.channels.iter().filter(|c| c.broken) {
            warnings.push(format!("channel {}: broken, somebody has to mend it", channel.name));
        }
        for channel in snapshot.channels.iter().filter(|c| c.dead > 0) {
            warnings.push(format!("channel {}: {} deliveries given up", channel.name, channel.dead));
        }
        Self { ready: reasons.is_empty(), reasons, warnings }
    }
}

fn feed_reason(feed: &FeedSnapshot) -> Option<String> {
    let state = feed.state.as_str();
    match feed.state {
        FeedState::Live => None,
        _ if feed.cause.is_empty() => Some(format!("feed: {state}")),
        _ => Some(format!("feed: {state}: {}", feed.cause)),
    }
}

fn plugin_reason(plugin: &PluginSnapshot) -> Option<String> {
    let state = plugin.state.as_str();
    match (&plugin.state, &plugin.last_fault) {
        (PluginState::Running, _) => None,
        (PluginState::Quarantined { .. }, Some(fault)) => {
            Some(format!("plugin {}: {state} after {}: {}", plugin.name, fault.kind.as_str(), fault.text))
        }
        _ => Some(format!("plugin {}: {state}", plugin.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FaultKind, Status};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stops_turning_is_noticed_and_named() {
        let status = Status::new("wss://venue", || 0);
        let feed = status.heart("feed", Duration::from_secs(5));
        let _quiet = status.heart("pipeline alert", Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(status.health().healthy);
        feed.beat();
        tokio::time::advance(Duration::from_millis(5500)).await;
        assert_eq!(status.health().reasons, ["feed has not turned for 5.5 s (limit 5.0 s)"]);
        feed.beat();
        assert!(status.health().healthy);
        tokio::time::advance(Duration::from_secs(61)).await;
        status.forget_heart("feed");
        assert_eq!(status.health().reasons, ["pipeline alert has not turned for 71.5 s (limit 60.0 s)"]);
    }

    #[test]
    fn it_is_ready_when_the_feed_is_live_and_every_plugin_runs() {
        let status = Status::new("wss://venue", || 0);
        let plugin = status.plugin("alert");
        assert_eq!(status.readiness().reasons, ["feed: idle", "plugin alert: starting"]);

        status.feed().live(1);
        plugin.set_state(PluginState::Running);
        assert!(status.readiness().ready);

        plugin.note_fault(FaultKind::Deadline, 2, "50 ms were not enough");
        assert!(status.readiness().ready, "a plugin that took over again is running");
        plugin.set_state(PluginState::Quarantined { until_ms: 9 });
        status.feed().lost(3, "reset", "connection reset by peer");
        let readiness = status.readiness();
        assert_eq!(
            readiness.reasons,
            [
                "feed: lost: connection reset by peer",
                "plugin alert: quarantined after deadline: 50 ms were not enough"
            ]
        );
        assert!(!readiness.ready);
    }

    #[test]
    fn what_was_lost_is_said_without_taking_the_service_down() {
        let status = Status::new("wss://venue", || 0);
        status.feed().live(1);
        status.tape().set_degraded(true);
        status.channel("ops").dead.add(2);
        status.channel("hook").set_broken(true);
        let readiness = status.readiness();
        assert!(readiness.ready);
        assert_eq!(
            readiness.warnings,
            [
                "tape: serves from memory, the disk refuses writes",
                "channel hook: broken, somebody has to mend it",
                "channel ops: 2 deliveries given up"
            ]
        );
    }
}
