//! What the running system knows of itself, as facts on the tape: rules can judge it, and a replay
//! knows what the live job knew.
//!
//! Looks once a second. A state is written when it changes, a number when it moved noticeably, and
//! then not for some seconds. What is known for the first time is written whatever it is: a plugin may
//! remember something else from before a restart.
//!
//! | fact | subject | |
//! |---|---|---|
//! | `health.connection_down` | | yes or no; from the first session or failure on |
//! | `health.feed_lag_ms` | | mean from match to arrival of the live trades of five seconds |
//! | `health.late_ratio` | | of the trades of a minute, how many came after a later one |
//! | `health.dropped_ratio` | | of the frames of a minute, how many could not be used |
//! | `health.plugin_down` | plugin | it failed too often, and rests |
//! | `health.plugin_faults` | plugin | how often it failed |
//! | `health.outbox_depth` | | deliveries that wait |
//! | `health.channel_parked` | channel | the receiver asked to be left alone |
//! | `health.channel_broken` | channel | it is of no use until somebody mends it |
//! | `health.channel_dead` | channel | deliveries given up |
//! | `health.tape_degraded` | | the disk does not take the tape |
//!
//! Keeps: [time-enters-once] [bounded]

use crate::{
    entry::{Fact, FactValue},
    status::{FeedState, PluginState, Snapshot},
};
use std::collections::{BTreeMap, VecDeque};
use tradehook_decimal::Wide;

/// Between two values of one number.
const NUMBER_EVERY_MS: i64 = 5_000;
/// Looks that the lag is averaged over, and the ratios.
const LAG_LOOKS: usize = 5;
const RATIO_LOOKS: usize = 60;
/// Digits of a ratio behind the point.
const RATIO_SCALE: u8 = 4;

/// Sums that only grow, as they stood at a look.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    trades: u64,
    late: u64,
    frames: u64,
    invalid: u64,
    live: u64,
    lag_ms: i64,
}

/// What was said, and when.
#[derive(Debug)]
struct Said {
    value: FactValue,
    at_ms: i64,
}

/// Which facts have been said.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    said: BTreeMap<(&'static str, String), Said>,
    /// As many looks as the longest mean needs.
    looks: VecDeque<Totals>,
}

impl Monitor {
    /// What is to be written, seen from `at_ms`.
    pub(super) fn look(&mut self, now: &Snapshot, at_ms: i64) -> Vec<Fact> {
        let mut out = Out { said: &mut self.said, at_ms, facts: Vec::new() };
        match now.feed.state {
            FeedState::Live => out.state("health.connection_down", "", false),
            FeedState::Lost | FeedState::Waiting | FeedState::Refused => {
                out.state("health.connection_down", "", true);
            }
            // On the way to one of the others.
            FeedState::Idle | FeedState::Connecting => {}
        }
        out.state("health.tape_degraded", "", now.tape.degraded);
        for plugin in &now.plugins {
            match plugin.state {
                PluginState::Running => out.state("health.plugin_down", &plugin.name, false),
                PluginState::Quarantined { .. } => out.state("health.plugin_down", &plugin.name, true),
                PluginState::Starting | PluginState::Stopped => {}
            }
            out.count("health.plugin_faults", &plugin.name, plugin.faults.values().sum());
        }
        for channel in &now.channels {
            let parked = channel.parked_until_ms.is_some_and(|until| until > at_ms);
            out.state("health.channel_parked", &channel.name, parked);
            out.state("health.channel_broken", &channel.name, channel.broken);
            out.count("health.channel_dead", &channel.name, channel.dead);
        }
        out.count("health.outbox_depth", "", now.channels.iter().map(|channel| channel.queued).sum());
        let latest = totals(now);
        if let Some(lag) = since(&self.looks, LAG_LOOKS, &latest).and_then(|span| span.lag_ms()) {
            out.number("health.feed_lag_ms", "", FactValue::Int(lag), lag, 50);
        }
        if let Some(span) = since(&self.looks, RATIO_LOOKS, &latest) {
            out.ratio("health.late_ratio", span.late, span.trades);
            out.ratio("health.dropped_ratio", span.invalid, span.frames);
        }
        out.forget(|name, subject| match name {
            "health.plugin_down" | "health.plugin_faults" => now.plugins.iter().any(|p| p.name == subject),
            "health.channel_parked" | "health.channel_broken" | "health.channel_dead" => {
                now.channels.iter().any(|c| c.name == subject)
            }
            _ => true,
        });
        let facts = out.facts;
        self.looks.push_back(latest);
        if self.looks.len() > RATIO_LOOKS {
            self.looks.pop_front();
        }
        facts
    }
}

fn totals(now: &Snapshot) -> Totals {
    let intake = &now.intake;
    Totals {
        trades: intake.trades,
        late: intake.late,
        frames: intake.frames,
        invalid: intake.invalid.values().sum(),
        live: intake.live,
        lag_ms: intake.lag_ms,
    }
}

/// What came in since so many looks ago, or since the first.
fn since(looks: &VecDeque<Totals>, count: usize, latest: &Totals) -> Option<Totals> {
    let from = looks.get(looks.len().saturating_sub(count))?;
    Some(Totals {
        trades: latest.trades.saturating_sub(from.trades),
        late: latest.late.saturating_sub(from.late),
        frames: latest.frames.saturating_sub(from.frames),
        invalid: latest.invalid.saturating_sub(from.invalid),
        live: latest.live.saturating_sub(from.live),
        lag_ms: latest.lag_ms.saturating_sub(from.lag_ms),
    })
}

impl Totals {
    /// The mean; unknown while no live trade comes.
    fn lag_ms(&self) -> Option<i64> {
        i64::try_from(self.live).ok().filter(|&live| live > 0).map(|live| self.lag_ms / live)
    }
}

/// One look under way.
struct Out<'a> {
    said: &'a mut BTreeMap<(&'static str, String), Said>,
    at_ms: i64,
    facts: Vec<Fact>,
}

impl Out<'_> {
    fn state(&mut self, name: &'static str, subject: &str, is_so: bool) {
        let known = self.said.get(&(name, subject.to_owned()));
        let value = FactValue::Bool(is_so);
        if known.is_none_or(|said| said.value != value) {
            self.say(name, subject, value);
        }
    }

    fn count(&mut self, name: &'static str, subject: &str, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.number(name, subject, FactValue::Int(count), count, 1);
    }

    fn ratio(&mut self, name: &'static str, part: u64, whole: u64) {
        if whole == 0 {
            return;
        }
        let scaled = u128::from(part) * 10u128.pow(u32::from(RATIO_SCALE)) / u128::from(whole);
        let scaled = i64::try_from(scaled).unwrap_or(i64::MAX);
        let value = FactValue::Number(Wide::new(i128::from(scaled), RATIO_SCALE));
        self.number(name, "", value, scaled, 10);
    }

    /// Says a number (`value`, `size` for comparing) that is new, or moved by a tenth and by at least
    /// `least`, or came to nought or from there.
    fn number(&mut self, name: &'static str, subject: &str, value: FactValue, size: i64, least: i64) {
        let moved = match self.said.get(&(name, subject.to_owned())) {
            None => true,
            Some(said) if said.value == value => false,
            Some(said) => {
                let before = match &said.value {
                    FactValue::Int(int) => *int,
                    FactValue::Number(number) => {
                        number.to_fixed(RATIO_SCALE).and_then(|n| i64::try_from(n).ok()).unwrap_or(0)
                    }
                    FactValue::Bool(_) | FactValue::Text(_) | FactValue::Unknown => 0,
                };
                let step = least.max(before.saturating_abs() / 10);
                let is_far = size.saturating_sub(before).saturating_abs() >= step;
                (is_far || size == 0 || before == 0)
                    && self.at_ms.saturating_sub(said.at_ms) >= NUMBER_EVERY_MS
            }
        };
        if moved {
            self.say(name, subject, value);
        }
    }

    fn say(&mut self, name: &'static str, subject: &str, value: FactValue) {
        let (at_ms, subject) = (self.at_ms, subject.to_owned());
        self.said.insert((name, subject.clone()), Said { value: value.clone(), at_ms });
        self.facts.push(Fact { at_ms, name: name.to_owned(), subject, value });
    }

    /// Of what is no longer there nothing is known.
    fn forget(&mut self, is_there: impl Fn(&str, &str) -> bool) {
        let gone: Vec<(&'static str, String)> =
            self.said.keys().filter(|(name, subject)| !is_there(name, subject)).cloned().collect();
        for (name, subject) in gone {
            self.say(name, &subject, FactValue::Unknown);
            self.said.remove(&(name, subject));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{FaultKind, Status};

    struct Watch {
        status: Status,
        monitor: Monitor,
        at_ms: i64,
    }

    impl Watch {
        fn new() -> Self {
            Self { status: Status::new("ws://venue", || 0), monitor: Monitor::default(), at_ms: 0 }
        }

        /// The facts of the next second, as text.
        fn second(&mut self) -> Vec<String> {
            self.at_ms += 1_000;
            let facts = self.monitor.look(&self.status.snapshot(), self.at_ms);
            let text = |fact: Fact| {
                let value = match fact.value {
                    FactValue::Bool(bool) => bool.to_string(),
                    FactValue::Int(int) => int.to_string(),
                    FactValue::Number(number) => number.to_string(),
                    FactValue::Text(text) => text,
                    FactValue::Unknown => "?".to_owned(),
                };
                let name = fact.name.trim_start_matches("health.").to_owned();
                [name, fact.subject, value].join(" ").replace("  ", " ")
            };
            facts.into_iter().map(text).collect()
        }
    }

    #[test]
    fn a_state_is_said_when_it_is_first_known_and_when_it_changes() {
        let mut watch = Watch::new();
        watch.status.feed().connecting(1);
        assert_eq!(watch.second(), ["tape_degraded false", "outbox_depth 0"], "nothing is known of the feed");
        watch.status.feed().live(2);
        watch.status.plugin("alert").set_state(PluginState::Running);
        let _known = watch.status.channel("ops");
        assert_eq!(
            watch.second(),
            [
                "connection_down false",
                "plugin_down alert false",
                "plugin_faults alert 0",
                "channel_parked ops false",
                "channel_broken ops false",
                "channel_dead ops 0"
            ]
        );
        assert_eq!(watch.second(), [""; 0]);
        watch.status.feed().lost(3, "reset", "reset by peer");
        assert_eq!(watch.second(), ["connection_down true"]);
        watch.status.feed().connecting(4);
        assert_eq!(watch.second(), [""; 0], "it is as down as before");
        watch.status.feed().live(5);
        watch.status.plugin("alert").note_fault(FaultKind::Trap, 5, "unreachable");
        watch.status.plugin("alert").set_state(PluginState::Quarantined { until_ms: 99_000 });
        watch.status.channel("ops").set_parked_until(9_000);
        assert_eq!(
            watch.second(),
            ["connection_down false", "plugin_down alert true", "channel_parked ops true"]
        );
        assert_eq!(watch.second(), ["plugin_faults alert 1"], "a number, five seconds after the last");
        let _eighth = watch.second();
        assert_eq!(watch.second(), ["channel_parked ops false"], "the time it asked for is over");
        watch.status.channel("ops").set_broken(true);
        assert_eq!(watch.second(), ["channel_broken ops true"]);
        watch.status.retain(|kind, _| kind != "plugin");
        assert_eq!(watch.second(), ["plugin_down alert ?", "plugin_faults alert ?"]);
        assert_eq!(watch.second(), [""; 0]);
    }

    /// [bounded]
    #[test]
    fn a_number_is_said_when_it_moved_noticeably_and_not_for_five_seconds_after() {
        let mut watch = Watch::new();
        let depth = |watch: &mut Watch, queued: u64| {
            watch.status.channel("ops").queued.set(queued);
            watch.second().into_iter().filter(|fact| fact.starts_with("outbox_depth")).collect::<Vec<_>>()
        };
        assert_eq!(depth(&mut watch, 100), ["outbox_depth 100"]);
        for _ in 0..4 {
            assert_eq!(depth(&mut watch, 500), [""; 0]);
        }
        assert_eq!(depth(&mut watch, 500), ["outbox_depth 500"]);
        for _ in 0..10 {
            assert_eq!(depth(&mut watch, 530), [""; 0], "not a tenth");
        }
        assert_eq!(depth(&mut watch, 0), ["outbox_depth 0"]);
        let said: usize = (0..600).map(|n| depth(&mut watch, n * 1_000).len()).sum();
        assert!(said <= 120, "{said} in ten minutes");
    }

    #[test]
    fn lag_and_ratios_are_means_of_what_came_in_lately() {
        let mut watch = Watch::new();
        let _first = watch.second();
        let intake = watch.status.intake();
        intake.trades.add(200);
        intake.late.add(1);
        intake.frames.add(100);
        intake.note_live(50, 10_000);
        assert_eq!(watch.second(), ["feed_lag_ms 200", "late_ratio 0.005", "dropped_ratio 0"]);
        for _ in 0..10 {
            assert_eq!(watch.second(), [""; 0], "no live trade: the lag is as last known");
        }
        watch.status.intake().note_live(10, 30_000);
        assert_eq!(watch.second(), ["feed_lag_ms 3000"]);
        for _ in 0..60 {
            let _quiet = watch.second();
        }
        watch.status.intake().trades.add(10);
        assert_eq!(watch.second(), ["late_ratio 0"], "the late trade is more than a minute old");
    }
}
