//! The policy part of a rule, and what holds where no rule says anything.

use crate::alert::{Fields, Severity};

/// How long after a notified event further ones of its key are only counted, by default. Chosen:
/// a price that dances on a level would else send one message a trade.
pub(super) const EVENT_COOLDOWN_MS: u64 = 30_000;

/// The same for a firing: its hysteresis and hold times belong to the rule itself.
pub(super) const FIRING_COOLDOWN_MS: u64 = 0;

/// What the host does with the alerts of one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RulePolicy {
    /// The plugin that raises them, by its name in config.toml.
    pub plugin: String,
    /// The rule's id, as alerts name it.
    pub id: String,
    /// For a person; may be empty.
    pub name: String,
    /// Where the alert itself does not say.
    pub severity: Severity,
    /// `None`: 30 s for events, none for firings.
    pub cooldown_ms: Option<u64>,
    /// Names of channels.
    pub notify: Vec<String>,
    /// The source of a minijinja template.
    pub message: Option<String>,
    /// Whether the end of a firing is told.
    pub resolved: bool,
    /// The canonical text of the rule's condition: what changes it starts the rule afresh.
    pub semantic: String,
    /// Values that alerts of this rule carry beside those that every alert has, as samples for
    /// checking `message`. Empty: unknown, so that any name is accepted.
    pub sample: Fields,
}

/// What holds for an alert whose rule is not in config.toml.
#[derive(Clone, Debug, PartialEq)]
pub struct Defaults {
    /// Where the alert itself does not say.
    pub severity: Severity,
    /// `None`: 30 s for events, none for firings.
    pub cooldown_ms: Option<u64>,
    /// Names of channels.
    pub notify: Vec<String>,
    /// Whether the end of a firing is told.
    pub resolved: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            severity: Severity::Info,
            cooldown_ms: None,
            notify: vec!["stdout".to_owned()],
            resolved: true,
        }
    }
}

impl Defaults {
    pub(super) fn rule(&self, plugin: &str, id: &str) -> RulePolicy {
        RulePolicy {
            plugin: plugin.to_owned(),
            id: id.to_owned(),
            severity: self.severity,
            cooldown_ms: self.cooldown_ms,
            notify: self.notify.clone(),
            resolved: self.resolved,
            ..RulePolicy::default()
        }
    }
}
