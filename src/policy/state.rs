//! What policy remembers of each (rule, key): the open episode, and when it last spoke.
//!
//! Episodes begin, change and end here whether or not they are told; what is told is noted.
//!
//! Keeps: [bounded] (at most [`MAX_INSTANCES`]; the closed and longest quiet go first)

use super::{
    Verdict,
    identity::{Fingerprint, Id, Transition},
};
use crate::alert::{Fields, Raised, Severity};
use std::collections::BTreeMap;

/// How many instances are remembered. 300 markets times 50 rules fit.
pub const MAX_INSTANCES: usize = 16_384;

/// Bytes of a name or a title that are remembered. A plugin's names are far shorter; those that
/// are not are recognised by their fingerprints all the same.
pub(super) const MAX_NAME: usize = 200;

/// Bytes of values that an open episode remembers to be told again with, names included.
const MAX_FIELDS: usize = 2048;

/// One message that may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) kind: Transition,
    pub(super) episode: Id,
    /// Which of the episode's transitions this is, told or not, from 0.
    pub(super) sequence: u64,
    pub(super) started_at_ms: i64,
    /// How many were suppressed since the last that was told.
    pub(super) suppressed: u64,
    /// Of another severity of what fires: that before it.
    pub(super) previous: Option<Severity>,
}

/// What an alert meant for its episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) notice: Notice,
    pub(super) severity: Severity,
    /// How the episode was told until then.
    pub(super) told: Told,
    pub(super) acked: bool,
}

/// How an episode was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// One bit for each severity under which a message left: who was told depends on it.
    pub(super) severities: u8,
    /// In a digest.
    pub(super) digested: bool,
}

impl Told {
    /// Whether nobody has heard of it.
    pub(super) const fn is_none(self) -> bool {
        self.severities == 0 && !self.digested
    }

    pub(super) const fn with(self, severity: Severity) -> Self {
        Self { severities: self.severities | 1 << severity as u8, ..self }
    }

    pub(super) const fn in_digest(self) -> Self {
        Self { digested: true, ..self }
    }

    /// Under which severities.
    pub(super) fn each(self) -> impl Iterator<Item = Severity> {
        let all = [Severity::Critical, Severity::Warning, Severity::Info];
        all.into_iter().filter(move |s| self.severities & (1 << *s as u8) != 0)
    }
}

/// A firing that is not yet resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Open {
    pub(super) episode: Id,
    pub(super) at_ms: i64,
    pub(super) severity: Severity,
    pub(super) told: Told,
    pub(super) acked: bool,
    pub(super) sequence: u64,
    /// By the clock of the tape: when it was last told, or else when it began.
    pub(super) spoken_ms: i64,
    pub(super) title: String,
    /// For telling it again; empty where that will not be.
    pub(super) fields: Fields,
    pub(super) replay: bool,
}

/// Whose instance it is, in the plugin's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) plugin: String,
    pub(super) rule: String,
    pub(super) key: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Instance {
    pub(super) who: Who,
    pub(super) open: Option<Open>,
    /// Two events at one trade share an episode; the sequence tells them apart.
    pub(super) event: Option<(Id, u64)>,
    pub(super) notified_at_ms: Option<i64>,
    pub(super) seen_at_ms: i64,
    pub(super) suppressed: u64,
    /// Episodes before this moment are not told, because one was; [`i64::MAX`]: until a reset.
    pub(super) spent_until_ms: Option<i64>,
}

impl Instance {
    /// When the cooldown ends, if there is one.
    pub(super) fn cooldown_until_ms(&self, cooldown_ms: u64) -> Option<i64> {
        // Without a cooldown a late alert is told like any other.
        let since = self.notified_at_ms.filter(|_| cooldown_ms > 0)?;
        Some(since.saturating_add_unsigned(cooldown_ms))
    }

    /// Notes that an episode's message leaves, and hands back what was suppressed until then.
    pub(super) fn speak(&mut self, at_ms: i64) -> u64 {
        // A late alert must not shorten the cooldown.
        self.notified_at_ms = Some(self.notified_at_ms.map_or(at_ms, |t| t.max(at_ms)));
        std::mem::take(&mut self.suppressed)
    }
}

/// Every instance, in the order of fingerprints: iteration is deterministic.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) instances: BTreeMap<Fingerprint, Instance>,
}

impl State {
    pub(super) fn len(&self) -> usize {
        self.instances.len()
    }

    fn instance(&mut self, of: Fingerprint, raised: &Raised) -> &mut Instance {
        if self.instances.len() >= MAX_INSTANCES && !self.instances.contains_key(&of) {
            self.forget();
        }
        let instance = self.instances.entry(of).or_default();
        if instance.who.plugin.is_empty() {
            instance.who = Who {
                plugin: cut(&raised.plugin, MAX_NAME),
                rule: cut(&raised.rule, MAX_NAME),
                key: cut(&raised.key, MAX_NAME),
            };
        }
        instance.seen_at_ms = instance.seen_at_ms.max(raised.at_ms);
        instance
    }

    /// Drops a quarter: closed ones before open ones and those that have said their one word,
    /// longest quiet first. [bounded]
    fn forget(&mut self) {
        let matters = |i: &Instance| i.open.is_some() || i.spent_until_ms == Some(i64::MAX);
        let mut order: Vec<_> =
            self.instances.iter().map(|(id, i)| (matters(i), i.seen_at_ms, *id)).collect();
        order.sort_unstable();
        for (.., id) in order.iter().take(MAX_INSTANCES / 4) {
            self.instances.remove(id);
        }
    }

    pub(super) fn event(
        &mut self,
        of: Fingerprint,
        episode: Id,
        raised: &Raised,
        severity: Severity,
    ) -> Step {
        let instance = self.instance(of, raised);
        let sequence = match instance.event {
            Some((last, sequence)) if last == episode => sequence + 1,
            _ => 0,
        };
        instance.event = Some((episode, sequence));
        let notice = Notice {
            kind: Transition::Event,
            episode,
            sequence,
            started_at_ms: raised.at_ms,
            suppressed: 0,
            previous: None,
        };
        Step { notice, severity, told: Told::default(), acked: false }
    }

    /// The start of an episode; or, while one is open, its repetition, which may be told when its
    /// severity is another. `keep`: its values will be wanted again.
    pub(super) fn firing(
        &mut self,
        of: Fingerprint,
        episode: Id,
        raised: &Raised,
        severity: Severity,
        now_ms: i64,
        keep: bool,
    ) -> Result<Step, Verdict> {
        let instance = self.instance(of, raised);
        let was = instance.open.as_ref().map(|open| open.severity);
        let open = instance.open.get_or_insert_with(|| Open {
            episode,
            at_ms: raised.at_ms,
            severity,
            told: Told::default(),
            acked: false,
            sequence: 0,
            spoken_ms: now_ms,
            title: String::new(),
            fields: Fields::new(),
            replay: raised.replay,
        });
        open.severity = severity;
        open.title = cut(&raised.title, MAX_NAME);
        if keep {
            open.fields = kept(&raised.fields);
        }
        open.sequence += u64::from(was.is_some());
        if was == Some(severity) {
            return Err(Verdict::Repeated);
        }
        let kind = if was.is_some() { Transition::Changed } else { Transition::Firing };
        let notice = Notice {
            kind,
            episode: open.episode,
            sequence: open.sequence,
            started_at_ms: open.at_ms,
            suppressed: 0,
            previous: was,
        };
        Ok(Step { notice, severity, told: open.told, acked: open.acked })
    }

    pub(super) fn resolved(&mut self, of: Fingerprint, raised: &Raised) -> Result<Step, Verdict> {
        let instance = self.instances.get_mut(&of).ok_or(Verdict::Orphan)?;
        instance.seen_at_ms = instance.seen_at_ms.max(raised.at_ms);
        let open = instance.open.take().ok_or(Verdict::Orphan)?;
        if open.told.is_none() {
            return Err(Verdict::Suppressed);
        }
        let notice = Notice {
            kind: Transition::Resolved,
            episode: open.episode,
            sequence: open.sequence + 1,
            started_at_ms: open.at_ms,
            suppressed: instance.suppressed,
            previous: None,
        };
        let severity = raised.severity.unwrap_or(open.severity);
        Ok(Step { notice, severity, told: open.told, acked: false })
    }
}

/// `text`, or as much of its beginning as fits into `most` bytes.
pub(super) fn cut(text: &str, most: usize) -> String {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default().to_owned()
}

/// As many of the first values as fit. [bounded]
fn kept(fields: &Fields) -> Fields {
    let mut left = MAX_FIELDS;
    let fits = |field: &&(String, crate::alert::FieldValue)| {
        let text = if let crate::alert::FieldValue::Text(text) = &field.1 { text.len() } else { 0 };
        let room = left.checked_sub(field.0.len() + text + 16);
        left = room.unwrap_or_default();
        room.is_some()
    };
    fields.iter().take_while(fits).cloned().collect()
}
