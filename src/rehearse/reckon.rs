//! The reckoning: what a rule would have done over a recording.
//!
//! Keeps: [bounded] (episodes that are kept one by one)

use super::{compare::Happened, file::State};
use std::collections::BTreeMap;

/// Episodes that are kept one by one; beyond them only counts are.
const MAX_EPISODES: usize = 10_000;
/// A firing that begins sooner than this after the end of the last one of its key is a flap
/// (chosen: whoever is called twice in a minute for one thing calls it noise).
const FLAP_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// One event, or one stretch of firing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Episode {
    /// What it is about.
    pub key: String,
    /// When it began, ms since the Unix epoch.
    pub at_ms: i64,
    /// When it ended; the same as `at_ms` for an event, `None` while it fires.
    pub until_ms: Option<i64>,
    /// Whether somebody would have been told of its beginning.
    pub notified: bool,
    /// One line, as the plugin put it.
    pub title: String,
}

/// What one rule did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RuleTally {
    /// Instants at which it fired.
    pub events: u64,
    /// Conditions that became true.
    pub firings: u64,
    /// Conditions that became false again.
    pub resolved: u64,
    /// Firings that changed their severity.
    pub changes: u64,
    /// Messages that would have been sent, to all channels together.
    pub notifications: u64,
    /// Transitions of which nobody would have been told: cooldown, silence, no channel.
    pub untold: u64,
    /// Firings told again.
    pub repeats: u64,
    /// Messages about what was held back.
    pub digests: u64,
    /// Firings that began within a minute of the end of the last one of their key.
    pub flaps: u64,
    /// How often, by what it is about.
    pub by_key: BTreeMap<String, u64>,
    /// The first ten thousand, in the order of their ends.
    pub episodes: Vec<Episode>,
    /// In order; one for each firing that ended, ms.
    #[serde(skip)]
    pub durations_ms: Vec<i64>,
    /// What fires at the end.
    pub still_firing: u64,
    /// Times at which it fired within the last day.
    #[serde(skip)]
    recent_ms: Vec<i64>,
    #[serde(skip)]
    open: BTreeMap<String, Episode>,
    #[serde(skip)]
    ended_ms: BTreeMap<String, i64>,
}

impl RuleTally {
    /// How often it fired: events and firings.
    #[must_use]
    pub const fn fired(&self) -> u64 {
        self.events + self.firings
    }

    /// How often it fired in the day before `end_ms`.
    #[must_use]
    pub fn fired_in_last_day(&self, end_ms: i64) -> usize {
        self.recent_ms.iter().filter(|at_ms| **at_ms > end_ms.saturating_sub(DAY_MS)).count()
    }

    /// The duration below which half of the ended firings stay; `None` when none ended.
    #[must_use]
    pub fn median_ms(&self) -> Option<i64> {
        let mut sorted = self.durations_ms.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied()
    }

    /// The longest of the ended firings.
    #[must_use]
    pub fn longest_ms(&self) -> Option<i64> {
        self.durations_ms.iter().copied().max()
    }

    fn take(&mut self, happened: &Happened) {
        self.notifications += happened.channels.len() as u64;
        let told = !happened.channels.is_empty();
        let at_ms = happened.at_ms;
        let begun = || Episode {
            key: happened.key.clone(),
            at_ms,
            until_ms: None,
            notified: told,
            title: happened.title.clone(),
        };
        match happened.state {
            State::Event => {
                self.events += 1;
                self.untold += u64::from(!told);
                self.fire(&happened.key, at_ms);
                self.keep(Episode { until_ms: Some(at_ms), ..begun() });
            }
            State::Firing if self.open.contains_key(&happened.key) => self.changes += 1,
            State::Firing => {
                self.firings += 1;
                self.untold += u64::from(!told);
                let ended = self.ended_ms.get(&happened.key);
                self.flaps += u64::from(ended.is_some_and(|ended| at_ms - ended < FLAP_MS));
                self.fire(&happened.key, at_ms);
                self.open.insert(happened.key.clone(), begun());
            }
            State::Resolved => {
                self.resolved += 1;
                self.ended_ms.insert(happened.key.clone(), at_ms);
                if let Some(open) = self.open.remove(&happened.key) {
                    self.durations_ms.push(at_ms - open.at_ms);
                    self.keep(Episode { until_ms: Some(at_ms), ..open });
                }
            }
            State::Repeat => self.repeats += 1,
            State::Digest => self.digests += 1,
        }
    }

    fn fire(&mut self, key: &str, at_ms: i64) {
        *self.by_key.entry(key.to_owned()).or_default() += 1;
        self.recent_ms.push(at_ms);
        if self.recent_ms.len() >= 2 * MAX_EPISODES {
            let since = at_ms.saturating_sub(DAY_MS);
            self.recent_ms.retain(|at_ms| *at_ms > since);
        }
    }

    fn keep(&mut self, episode: Episode) {
        if self.episodes.len() < MAX_EPISODES {
            self.episodes.push(episode);
        }
    }

    fn finish(&mut self) {
        self.still_firing = self.open.len() as u64;
        for episode in std::mem::take(&mut self.open).into_values() {
            self.keep(episode);
        }
    }
}

/// What all rules did.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// By plugin and rule; the plugin is empty for rules of the file.
    pub rules: BTreeMap<(String, String), RuleTally>,
}

impl Reckoning {
    /// Counts one transition or message; its time is absolute here.
    pub fn take(&mut self, happened: &Happened) {
        let rule = (happened.plugin.clone(), happened.rule.clone());
        self.rules.entry(rule).or_default().take(happened);
    }

    /// Closes the books: what still fires is counted as such.
    pub fn finish(&mut self) {
        self.rules.values_mut().for_each(RuleTally::finish);
    }
}
