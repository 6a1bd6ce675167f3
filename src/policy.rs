//! Policy: what happens to an alert before it may leave.
//!
//! Owns identity, cooldown, silences, digests, routing and message text, for every plugin alike. A
//! pure function of its own state and of what stands on the tape (what was raised, ticks,
//! controls): it reads no clock, and its state is part of the pipeline's checkpoint, so that a
//! replay or a second derivation after a crash yields the same deliveries. Knows neither how a
//! message is kept nor how it is sent.
//!
//! An alert moves its episode first, told or not; then it passes the gates in the order of
//! [`Verdict`], and what passes them all is told at once or, if there is too much of it or it comes
//! too late, in a digest. What began in a digest ends in a digest.
//!
//! Keeps: [time-enters-once] [bounded] [guest-text-is-data] [numbers-survive]

mod body;
mod book;
mod calendar;
mod digest;
mod explain;
mod gate;
mod identity;
mod memory;
mod rate;
mod record;
mod rule;
mod sample;
mod snapshot;
mod state;
mod system;
mod template;
mod value;

pub use calendar::{Hours, Zone};
pub use explain::{Explanation, Firing, Quiet, Routed};
pub use record::{MAX_RECORDS_BODY, record_deliveries};
pub use rule::{Claim, Defaults, Rate, Route, RulePolicy, Trigger};
pub use snapshot::StateError;
pub use state::MAX_INSTANCES;
pub use system::system_test;
pub use template::TemplateFault;

use crate::{
    alert::{AlertState, Raised, Severity, Subject, Trigger as Cause},
    delivery::{Content, Delivery},
    entry::{Control, Entry},
};
use book::Book;
use digest::{Held, Item, Name, Why};
use identity::{Fingerprint, Transition};
use memory::Memory;
use state::Step;
use std::sync::Arc;
use template::Templates;

/// For how long what is too old is gathered before it is told, where its rule has no rate. Chosen:
/// what a repair brings in comes within seconds.
const OUTDATED_WINDOW_MS: u64 = 60_000;

/// What became of one alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The end of something that is not firing.
    Orphan,
    /// Already firing, and no change that is told.
    Repeated,
    /// The end of a firing whose rule does not tell resolutions.
    Silent,
    /// Its rule has expired.
    Expired,
    /// Outside of its rule's hours.
    Inactive,
    /// Covered by a silence.
    Silenced,
    /// A rule that inhibits its own is firing.
    Inhibited,
    /// Somebody has taken notice of its episode.
    Acked,
    /// Its rule tells fewer episodes than there are.
    Spent,
    /// Within the cooldown of an earlier one, or the end of one that was never told.
    Suppressed,
    /// Over the rate of its rule: in the digest.
    Limited,
    /// Too old when it was heard of: in the digest.
    Outdated,
    /// It would leave, but nothing names a channel for it.
    Unrouted,
    /// It leaves, to at least one channel.
    Notified,
}

impl Verdict {
    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Repeated => "repeated",
            Self::Silent => "silent",
            Self::Expired => "expired",
            Self::Inactive => "inactive",
            Self::Silenced => "silenced",
            Self::Inhibited => "inhibited",
            Self::Acked => "acked",
            Self::Spent => "spent",
            Self::Suppressed => "suppressed",
            Self::Limited => "limited",
            Self::Outdated => "outdated",
            Self::Unrouted => "unrouted",
            Self::Notified => "notified",
        }
    }
}

/// The rules' policy parts, and what is remembered of every alert.
#[derive(Debug)]
pub struct Policy {
    book: Book,
    templates: Templates,
    memory: Memory,
    /// Nothing is told again before this moment; `None`: to be found out. Follows from `memory`.
    next_repeat_ms: Option<i64>,
}

/// An alert with what the host knows of it.
struct Case<'a> {
    raised: &'a Raised,
    rule: &'a RulePolicy,
    /// The rule's id; where no rule of the file speaks for the alert, the plugin's word for it.
    id: &'a str,
    fingerprint: Fingerprint,
}

impl Case<'_> {
    fn subject(&self, severity: Severity) -> Subject<'_> {
        let Raised { key, plugin, .. } = self.raised;
        Subject { rule: self.id, key, severity, plugin, labels: &self.rule.labels }
    }
}

impl Policy {
    /// Compiles every message template and renders it once with sample values.
    ///
    /// # Errors
    /// Every template that does not compile or render, with its rule and line.
    pub fn new(rules: Vec<RulePolicy>, defaults: Defaults) -> Result<Self, Vec<TemplateFault>> {
        let templates = Templates::compile(&rules)?;
        let book = Book::new(rules, defaults);
        Ok(Self { book, templates, memory: Memory::default(), next_repeat_ms: None })
    }

    /// Judges one alert and appends what leaves.
    pub fn apply(&mut self, raised: &Raised, out: &mut Vec<Delivery>) -> Verdict {
        self.memory.advance(raised.heard_at_ms);
        let rule = self.book.find(&raised.plugin, &raised.rule, &raised.key);
        let case = case(raised, &rule);
        let known = self.memory.state.len();
        self.next_repeat_ms = self.next_repeat_ms.filter(|_| raised.state != AlertState::Firing);
        let step = self.step(&case);
        if self.memory.state.len() < known {
            // What was forgotten holds nothing back any more.
            self.memory.find_inhibitors(&self.book);
        }
        match step {
            Ok(step) => self.judge(&case, step, out),
            Err(verdict) => verdict,
        }
    }

    /// The clock: what still fires is told again, and digests leave. Appends what leaves.
    pub fn tick(&mut self, offset: u64, at_ms: i64, out: &mut Vec<Delivery>) {
        let now_ms = self.memory.advance(at_ms);
        if self.book.repeats && self.next_repeat_ms.is_none_or(|next| next <= now_ms) {
            let mut next_ms = i64::MAX;
            for (due_ms, fingerprint, rule) in self.memory.repeats(&self.book) {
                if due_ms <= now_ms {
                    self.repeat(fingerprint, &rule, offset, out);
                }
                next_ms = next_ms.min(due_ms);
            }
            // What was told just now is due again later; that is found out at the next tick.
            self.next_repeat_ms = Some(next_ms);
        }
        self.memory.digests.leave(now_ms, out);
        self.memory.forget_silences();
    }

    /// Does what the operator asked for; how many alerts or silences it concerned.
    pub fn control(&mut self, control: &Control) -> usize {
        if let Some(at_ms) = control.at_ms() {
            self.memory.advance(at_ms);
        }
        self.next_repeat_ms = None;
        self.memory.control(control, &self.book)
    }

    /// Obeys an entry of the tape that is no trade and no quote: the clock or the operator. Whether
    /// anything changed by it that a commit should hold.
    pub fn entry(&mut self, offset: u64, entry: &Entry, out: &mut Vec<Delivery>) -> bool {
        match entry {
            Entry::Tick(tick) => {
                let before = out.len();
                self.tick(offset, tick.at_ms, out);
                out.len() > before
            }
            Entry::Control(Control::Reload) => false,
            Entry::Control(control) => {
                self.control(control);
                true
            }
            _ => false,
        }
    }

    /// Lets every digest go at once: for an end behind which nothing is remembered.
    pub fn flush(&mut self, out: &mut Vec<Delivery>) {
        let now_ms = self.memory.clock_ms;
        self.memory.digests.pending.values_mut().for_each(|p| p.due_ms = now_ms);
        self.memory.digests.leave(now_ms, out);
    }

    /// How urgent an alert is: as it says itself, or as its rule does.
    #[must_use]
    pub fn severity_of(&self, raised: &Raised) -> Severity {
        let of_rule = || self.book.find(&raised.plugin, &raised.rule, &raised.key).severity;
        raised.severity.unwrap_or_else(of_rule)
    }

    /// Moves the episode.
    fn step(&mut self, case: &Case<'_>) -> Result<Step, Verdict> {
        let Case { raised, rule, fingerprint, .. } = case;
        let severity = raised.severity.unwrap_or(rule.severity);
        let episode = identity::episode(fingerprint, raised.at_ms, raised.trigger);
        match raised.state {
            AlertState::Event => Ok(self.memory.state.event(*fingerprint, episode, raised, severity)),
            AlertState::Firing => {
                let (now_ms, keep) = (self.memory.clock_ms, rule.repeat_ms.is_some());
                let step = self.memory.state.firing(*fingerprint, episode, raised, severity, now_ms, keep);
                if self.book.inhibits(rule) {
                    self.memory.inhibitors.begin(case.id, &raised.key, *fingerprint);
                }
                let step = step?;
                let falls = step.notice.previous.is_some_and(|was| severity < was);
                let tells = rule.notify_on_fall && !step.told.is_none();
                if falls && !tells { Err(Verdict::Repeated) } else { Ok(step) }
            }
            AlertState::Resolved => {
                if self.book.inhibits(rule) {
                    self.memory.inhibitors.end(case.id, &raised.key, *fingerprint);
                }
                let step = self.memory.state.resolved(*fingerprint, raised)?;
                if rule.resolved { Ok(step) } else { Err(Verdict::Silent) }
            }
        }
    }

    /// Whether, when and how a step of an episode is told.
    fn judge(&mut self, case: &Case<'_>, step: Step, out: &mut Vec<Delivery>) -> Verdict {
        if let Some(verdict) = self.gates(case, &step) {
            return verdict;
        }
        let channels = self.channels(case, &step);
        let ends = step.notice.kind == Transition::Resolved;
        // What began in a digest is not ended by a message of its own.
        let in_digest = ends && step.told.severities == 0;
        let why = if in_digest { Some(Why::Limited) } else { self.held_back(case, &channels) };
        let mut step = step;
        if !ends {
            let now_ms = self.memory.clock_ms;
            let at_ms = case.raised.at_ms;
            step.notice.suppressed = self.memory.note_told(case, &step, why.is_some(), at_ms, now_ms);
        }
        match why {
            Some(why) => {
                self.hold(case, &step, &channels, why);
                if why == Why::Limited { Verdict::Limited } else { Verdict::Outdated }
            }
            None if channels.is_empty() => Verdict::Unrouted,
            None => {
                self.tell(case, &step, &channels, out);
                Verdict::Notified
            }
        }
    }

    /// To whom: the end of an episode to all who heard of it.
    fn channels(&self, case: &Case<'_>, step: &Step) -> Vec<String> {
        let subject = case.subject(step.severity);
        let ends = step.notice.kind == Transition::Resolved && step.told.severities != 0;
        let names = if ends {
            self.book.channels_of(case.rule, subject, step.told.each())
        } else {
            self.book.channels(case.rule, &subject)
        };
        names.into_iter().map(str::to_owned).collect()
    }

    /// Why it goes into a digest, if it does; if it does not, it is paid for.
    fn held_back(&mut self, case: &Case<'_>, channels: &[String]) -> Option<Why> {
        if channels.is_empty() {
            return None;
        }
        let age_ms = case.raised.heard_at_ms.saturating_sub(case.raised.at_ms);
        let is_old = |most: u64| u64::try_from(age_ms).is_ok_and(|age| age > most);
        if self.book.defaults.max_age_ms.is_some_and(is_old) {
            return Some(Why::Outdated);
        }
        let rate = case.rule.max_rate?;
        let name = bucket_name(&case.raised.plugin, case.id);
        let may = self.memory.buckets.take(&name, rate, self.memory.clock_ms);
        (!may).then_some(Why::Limited)
    }

    fn hold(&mut self, case: &Case<'_>, step: &Step, channels: &[String], why: Why) {
        let Raised { plugin, key, at_ms, replay, title, .. } = case.raised;
        let window_ms = case.rule.max_rate.map_or(OUTDATED_WINDOW_MS, |rate| rate.window_ms);
        let named = |text: &str| state::cut(text, state::MAX_NAME);
        for channel in channels {
            let notice = &step.notice;
            let item = Item {
                name: Name {
                    rule: named(case.id),
                    plugin: named(plugin),
                    key: named(key),
                    kind: notice.kind,
                    why,
                },
                held: Held {
                    count: 1,
                    suppressed: if notice.kind == Transition::Resolved { 0 } else { notice.suppressed },
                    severity: step.severity,
                    first_at_ms: *at_ms,
                    last_at_ms: *at_ms,
                    episode: notice.episode,
                    title: named(title),
                },
                seed: identity::notification(&notice.episode, notice.kind, channel, notice.sequence),
                window_ms,
                replay: *replay,
            };
            self.memory.digests.hold(channel, item, self.memory.clock_ms);
        }
    }

    fn tell(&self, case: &Case<'_>, step: &Step, channels: &[String], out: &mut Vec<Delivery>) {
        let Case { raised, rule, id, fingerprint } = *case;
        let (notice, severity) = (&step.notice, step.severity);
        let facts = body::Facts { raised, rule, id, severity, fingerprint, notice };
        let (text, template_error) = self.templates.text(&facts);
        let lane = identity::hex(&fingerprint);
        for channel in channels {
            let id_of = identity::notification(&notice.episode, notice.kind, channel, notice.sequence);
            let notification_id = identity::hex(&id_of);
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
                rule: id.to_owned(),
                key: raised.key.clone(),
                text: text.clone(),
            });
        }
    }

    /// Tells again what still fires.
    fn repeat(
        &mut self,
        fingerprint: Fingerprint,
        rule: &Arc<RulePolicy>,
        offset: u64,
        out: &mut Vec<Delivery>,
    ) {
        let now_ms = self.memory.clock_ms;
        let Some(instance) = self.memory.state.instances.get(&fingerprint) else { return };
        let Some(open) = instance.open.as_ref() else { return };
        let raised = Raised {
            plugin: instance.who.plugin.clone(),
            rule: instance.who.rule.clone(),
            key: instance.who.key.clone(),
            state: AlertState::Firing,
            severity: Some(open.severity),
            title: open.title.clone(),
            at_ms: now_ms,
            heard_at_ms: now_ms,
            fields: open.fields.clone(),
            trigger: Cause::Tick { at_ms: now_ms, offset },
            index: 0,
            late: false,
            replay: open.replay,
        };
        let step = Step {
            notice: state::Notice {
                kind: Transition::Repeat,
                episode: open.episode,
                sequence: open.sequence + 1,
                started_at_ms: open.at_ms,
                suppressed: 0,
                previous: None,
            },
            severity: open.severity,
            told: open.told,
            acked: open.acked,
        };
        let case = Case { fingerprint, ..case(&raised, rule) };
        self.judge(&case, step, out);
    }

    /// Everything that must outlive this process.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        self.memory.to_bytes()
    }

    /// Takes over from a snapshot. Rules that changed their meaning start afresh, because their
    /// fingerprints differ.
    ///
    /// # Errors
    /// When the bytes are not a snapshot, or one of a newer version.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.memory = Memory::from_bytes(bytes)?;
        self.memory.find_inhibitors(&self.book);
        self.next_repeat_ms = None;
        Ok(())
    }

    /// How many (rule, key) pairs are remembered.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.memory.state.len()
    }
}

fn case<'a>(raised: &'a Raised, rule: &'a RulePolicy) -> Case<'a> {
    Case {
        raised,
        rule,
        id: if rule.id.is_empty() { &raised.rule } else { &rule.id },
        fingerprint: identity::fingerprint(&raised.plugin, &raised.rule, &rule.semantic, &raised.key),
    }
}

fn bucket_name(plugin: &str, rule: &str) -> String {
    format!("{}/{}", state::cut(plugin, state::MAX_NAME), state::cut(rule, state::MAX_NAME))
}

#[cfg(test)]
mod tests;
