//! The policy part of a rule, and what holds where no rule says anything.

use super::calendar::{Hours, Zone};
use crate::{
    alert::{Fields, Matcher, Severity},
    entry::Silence,
};
use std::collections::BTreeMap;

/// How long after a notified event further ones of its key are only counted, by default. Chosen:
/// a price that dances on a level would else send one message a trade.
pub(super) const EVENT_COOLDOWN_MS: u64 = 30_000;

/// The same for a firing: its hysteresis and hold times belong to the rule itself.
pub(super) const FIRING_COOLDOWN_MS: u64 = 0;

/// Which of a key's episodes are told. An event is an episode by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// All.
    #[default]
    Every,
    /// One, until the operator resets the rule.
    Once,
    /// One in each stretch of time, aligned to the Unix epoch.
    OncePer {
        /// Its length in ms; at least 1.
        ms: u64,
    },
    /// One in each calendar day.
    OncePerDay {
        /// Whose days.
        zone: Zone,
    },
}

/// How many messages of a rule may leave: `count` at once, and as many again within `window_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At least 1.
    pub count: u32,
    /// At least 1.
    pub window_ms: u64,
}

/// Which alerts of a plugin a rule speaks for that is no rule of the `alert` plugin. Globs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The rule's name as the plugin has it.
    pub rule: String,
    /// What the alert is about.
    pub key: String,
}

/// What the host does with the alerts of one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulePolicy {
    /// The plugin that raises them, by its name in config.toml.
    pub plugin: String,
    /// The rule's id, as alerts name it.
    pub id: String,
    /// For a person; may be empty.
    pub name: String,
    /// The kind of its condition; empty when unknown.
    pub kind: String,
    /// Where the alert itself does not say.
    pub severity: Severity,
    /// `None`: 30 s for events, none for firings.
    pub cooldown_ms: Option<u64>,
    /// Which episodes are told.
    pub trigger: Trigger,
    /// After how long something that still fires is told again.
    pub repeat_ms: Option<u64>,
    /// What is over it goes into a digest.
    pub max_rate: Option<Rate>,
    /// From this moment on nothing is told, ms since the Unix epoch.
    pub expires_ms: Option<i64>,
    /// Outside of these hours nothing is told.
    pub active: Option<Hours>,
    /// Ids of rules; while one of them fires, nothing is told.
    pub inhibited_by: Vec<String>,
    /// Whether its firing, as an inhibitor, holds back alerts about anything and not only those
    /// about its own market.
    pub is_wide: bool,
    /// Names of channels; `None`: the routes decide.
    pub notify: Option<Vec<String>>,
    /// The source of a minijinja template.
    pub message: Option<String>,
    /// Whether the end of a firing is told.
    pub resolved: bool,
    /// Whether a fall of severity is told.
    pub notify_on_fall: bool,
    /// Names and values that routes, silences and receivers see.
    pub labels: BTreeMap<String, String>,
    /// Of a rule that speaks for alerts of a plugin, which.
    pub claim: Option<Claim>,
    /// The canonical text of the rule's condition: what changes it starts the rule afresh.
    pub semantic: String,
    /// Values that alerts of this rule carry beside those that every alert has, as samples for
    /// checking `message`. Empty: unknown, so that any name is accepted.
    pub sample: Fields,
}

/// Where alerts go whose rule names no channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Which alerts.
    pub alerts: Matcher,
    /// Names of channels.
    pub notify: Vec<String>,
    /// Whether the routes behind it are asked as well.
    pub goes_on: bool,
}

/// What holds for an alert whose rule is not in config.toml, and what holds for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Where the alert itself does not say.
    pub severity: Severity,
    /// `None`: 30 s for events, none for firings.
    pub cooldown_ms: Option<u64>,
    /// Which episodes are told.
    pub trigger: Trigger,
    /// After how long something that still fires is told again.
    pub repeat_ms: Option<u64>,
    /// What is over it goes into a digest.
    pub max_rate: Option<Rate>,
    /// Outside of these hours nothing is told.
    pub active: Option<Hours>,
    /// Whether the end of a firing is told.
    pub resolved: bool,
    /// Whether a fall of severity is told.
    pub notify_on_fall: bool,
    /// Names and values that routes, silences and receivers see.
    pub labels: BTreeMap<String, String>,
    /// For all: tried in order where a rule names no channels.
    pub routes: Vec<Route>,
    /// For all: names of channels where no route matches.
    pub notify: Vec<String>,
    /// For all: what is not told.
    pub silences: Vec<Silence>,
    /// For all: what is older than this when it is heard of goes into a digest. `None`: nothing.
    pub max_age_ms: Option<u64>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            severity: Severity::Info,
            cooldown_ms: None,
            trigger: Trigger::Every,
            repeat_ms: None,
            max_rate: None,
            active: None,
            resolved: true,
            notify_on_fall: false,
            labels: BTreeMap::new(),
            routes: Vec::new(),
            notify: vec!["stdout".to_owned()],
            silences: Vec::new(),
            max_age_ms: None,
        }
    }
}

impl Defaults {
    /// The rule of an alert that belongs to none; it has no id of its own.
    pub(super) fn rule(&self) -> RulePolicy {
        RulePolicy {
            severity: self.severity,
            cooldown_ms: self.cooldown_ms,
            trigger: self.trigger.clone(),
            repeat_ms: self.repeat_ms,
            max_rate: self.max_rate,
            active: self.active.clone(),
            resolved: self.resolved,
            notify_on_fall: self.notify_on_fall,
            labels: self.labels.clone(),
            ..RulePolicy::default()
        }
    }
}
