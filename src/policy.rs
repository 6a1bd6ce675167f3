//! Policy: what happens to an alert before it may leave.
//!
//! Owns identity, cooldown, routing and message text, for every plugin alike. A pure function of
//! its own state and what was raised: it reads no clock, and its state is part of the pipeline's
//! checkpoint, so that a replay or a second derivation after a crash yields the same deliveries.
//! Knows neither how a message is kept nor how it is sent.
//!
//! Keeps: [time-enters-once] [bounded] [guest-text-is-data] [numbers-survive]

mod body;
mod identity;
mod record;
mod rule;
mod snapshot;
mod state;
mod template;
mod value;

pub use record::{MAX_RECORDS_BODY, record_deliveries};
pub use rule::{Defaults, RulePolicy};
pub use snapshot::StateError;
pub use state::MAX_INSTANCES;
pub use template::TemplateFault;

use crate::{
    alert::{AlertState, Raised, Severity},
    delivery::{Content, Delivery},
};
use identity::{Fingerprint, Id};
use state::{Decision, State};
use std::{collections::HashMap, sync::Arc};
use template::Templates;

/// What became of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves, to at least one channel.
    Notified,
    /// It would leave, but its rule names no channel.
    Unrouted,
    /// Within the cooldown of an earlier one, or the end of one that was never told.
    Suppressed,
    /// Already firing, and no more severe than before.
    Repeated,
    /// The end of something that is not firing.
    Orphan,
    /// The end of a firing whose rule does not tell resolutions.
    Silent,
}

/// The rules' policy parts, and what is remembered of every alert.
#[derive(Debug)]
pub struct Policy {
    /// By plugin, then by id.
    rules: HashMap<String, HashMap<String, Arc<RulePolicy>>>,
    defaults: Defaults,
    templates: Templates,
    state: State,
}

impl Policy {
    /// Compiles every message template and renders it once with sample values.
    ///
    /// # Errors
    /// Every template that does not compile or render, with its rule and line.
    pub fn new(rules: Vec<RulePolicy>, defaults: Defaults) -> Result<Self, Vec<TemplateFault>> {
        let templates = Templates::compile(&rules)?;
        let mut by_plugin: HashMap<String, HashMap<_, _>> = HashMap::new();
        for rule in rules {
            by_plugin.entry(rule.plugin.clone()).or_default().insert(rule.id.clone(), Arc::new(rule));
        }
        Ok(Self { rules: by_plugin, defaults, templates, state: State::default() })
    }

    /// Judges one alert and appends what leaves.
    pub fn apply(&mut self, raised: &Raised, out: &mut Vec<Delivery>) -> Verdict {
        let known = self.rules.get(&raised.plugin).and_then(|rules| rules.get(&raised.rule));
        let rule =
            known.map_or_else(|| Arc::new(self.defaults.rule(&raised.plugin, &raised.rule)), Arc::clone);
        let severity = raised.severity.unwrap_or(rule.severity);
        let fingerprint = identity::fingerprint(&raised.plugin, &raised.rule, &rule.semantic, &raised.key);
        let notice = match self.judge(raised, &rule, severity, fingerprint) {
            Decision::Notify(notice) => notice,
            Decision::Not(verdict) => return verdict,
        };
        if raised.state == AlertState::Resolved && !rule.resolved {
            return Verdict::Silent;
        }
        let facts = body::Facts { raised, rule: &rule, severity, fingerprint, notice: &notice };
        let (text, template_error) = self.templates.text(&facts);
        let lane = identity::hex(&fingerprint);
        let before = out.len();
        for (n, channel) in rule.notify.iter().enumerate() {
            if rule.notify.iter().take(n).any(|c| c == channel) {
                continue;
            }
            let id = identity::notification(&notice.episode, notice.kind, channel, notice.sequence);
            let notification_id = identity::hex(&id);
            out.push(Delivery {
                body: body::canonical(&facts, &notification_id, &text, template_error.as_deref()),
                notification_id,
                channel: channel.clone(),
                lane: format!("{channel}/{lane}"),
                episode_id: identity::hex(&notice.episode),
                content: Content::Alert,
                at_ms: raised.at_ms,
                severity,
                state: raised.state,
                rule: raised.rule.clone(),
                key: raised.key.clone(),
                text: text.clone(),
            });
        }
        if out.len() == before { Verdict::Unrouted } else { Verdict::Notified }
    }

    /// How urgent an alert is: as it says itself, or as its rule does.
    #[must_use]
    pub fn severity_of(&self, raised: &Raised) -> Severity {
        let of_rule = || self.rules.get(&raised.plugin)?.get(&raised.rule).map(|rule| rule.severity);
        raised.severity.or_else(of_rule).unwrap_or(self.defaults.severity)
    }

    fn judge(
        &mut self,
        raised: &Raised,
        rule: &RulePolicy,
        severity: Severity,
        fingerprint: Fingerprint,
    ) -> Decision {
        let episode: Id = identity::episode(&fingerprint, raised.at_ms, raised.trigger);
        match raised.state {
            AlertState::Event => {
                let cooldown_ms = rule.cooldown_ms.unwrap_or(rule::EVENT_COOLDOWN_MS);
                self.state.event(fingerprint, episode, raised.at_ms, cooldown_ms)
            }
            AlertState::Firing => {
                let cooldown_ms = rule.cooldown_ms.unwrap_or(rule::FIRING_COOLDOWN_MS);
                self.state.firing(fingerprint, episode, raised.at_ms, cooldown_ms, severity)
            }
            AlertState::Resolved => self.state.resolved(fingerprint, raised.at_ms),
        }
    }

    /// Everything that must outlive this process.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.state.to_bytes()
    }

    /// Takes over from a snapshot. Rules that changed their meaning start afresh, because their
    /// fingerprints differ.
    ///
    /// # Errors
    /// When the bytes are not a snapshot, or one of a newer version.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.state = State::from_bytes(bytes)?;
        Ok(())
    }

    /// How many (rule, key) pairs are remembered.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.state.len()
    }
}

#[cfg(test)]
mod tests;
