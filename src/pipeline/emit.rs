//! From a guest's answer to what the host keeps of it: who said it, and what on the tape caused it.

use super::flow::{Heard, Made};
use crate::{
    alert::{AlertState, FieldValue, Fields, Raised, Record, Severity, Trigger},
    plugin::{self, Batch, Emission, Field, Incoming, Payload, Value},
    quote::Quote,
    trade::Flags,
};
use std::sync::Arc;

/// What a plugin said, in the order of the tape.
#[derive(Clone, Debug, PartialEq)]
pub enum Emitted {
    /// An alert, before any policy.
    Alert(Raised),
    /// A record.
    Record(Record),
}

impl Emitted {
    /// Where on the tape its cause stands.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::Alert(Raised { trigger, .. }) => place(trigger),
            Self::Record(Record { offset, .. }) => *offset,
        }
    }
}

fn place(trigger: &Trigger) -> u64 {
    match trigger {
        Trigger::Trade { offset, .. } | Trigger::Quote { offset, .. } | Trigger::Tick { offset, .. } => {
            *offset
        }
    }
}

/// In the order of the tape; what one entry caused stays in the order of the plugins, which is the
/// order in which it was pushed.
pub(super) fn sort(emitted: &mut [Emitted]) {
    if !emitted.is_sorted_by_key(Emitted::offset) {
        emitted.sort_by_key(Emitted::offset);
    }
}

/// What caused an answer.
pub(super) enum Cause<'a> {
    Trades(&'a Batch),
    Quotes(&'a [(u64, Arc<Quote>)]),
    Records(&'a [Heard]),
    Moment { offset: u64, at_ms: i64 },
}

/// Most trades and records together that a plugin may put on their way to others in one step. A whole
/// batch makes 16 for each of its trades; plugins that read one another cannot multiply beyond it.
/// Chosen. [bounded]
pub(super) const MAX_ONWARD: usize = 65_536;

/// What a plugin says in one step, and how it is numbered.
pub(super) struct Mouth {
    plugin: Arc<str>,
    /// The offset of the last emission and how many there were at it: an entry may cause several
    /// calls (a trade, and the records of another plugin that it caused).
    last: (u64, u32),
    /// Whether others are told its records.
    pub(super) echoes: bool,
    /// Those that they have to be told.
    heard: Vec<Heard>,
    /// How many trades and records are on their way; how many more there would have been, and the
    /// offset of the last of these.
    onward: usize,
    lost: (u64, u64),
    pub(super) alerts: u64,
    pub(super) records: u64,
}

impl Mouth {
    pub(super) fn new(plugin: &str) -> Self {
        let plugin = plugin.into();
        Self {
            plugin,
            last: (u64::MAX, 0),
            echoes: false,
            heard: Vec::new(),
            onward: 0,
            lost: (0, 0),
            alerts: 0,
            records: 0,
        }
    }

    /// Numbers the emissions at each offset and pushes them; the trades among them are handed back.
    pub(super) fn say(
        &mut self,
        cause: &Cause<'_>,
        emissions: Vec<Emission>,
        markets: usize,
        out: &mut Vec<Emitted>,
    ) -> Vec<Made> {
        let mut made = Vec::new();
        for Emission { at, payload } in emissions {
            let (trigger, flags, at_ms) = trigger(cause, at as usize);
            let offset = place(&trigger);
            let (alert, record) = match payload {
                Payload::Alert(alert) => (Some(alert), None),
                Payload::Record(record) => (None, Some(record)),
                Payload::Trade(_) if !self.may_go_on(offset) => continue,
                Payload::Trade(said) => {
                    // Answers are checked: it is one.
                    let trade = said.read(u32::try_from(markets).unwrap_or(u32::MAX), at_ms);
                    made.extend(trade.ok().map(|trade| Made { at, offset, trade }));
                    continue;
                }
            };
            let index = self.number(offset);
            if let Some(alert) = alert {
                self.alerts += 1;
                let raised = raised(&self.plugin, alert, trigger, index, flags);
                out.push(Emitted::Alert(Raised { heard_at_ms: at_ms, ..raised }));
            }
            if let Some(body) = record {
                self.records += 1;
                if self.echoes && self.may_go_on(offset) {
                    let (plugin, body) = (Arc::clone(&self.plugin), Arc::new(body.clone()));
                    let record = Incoming { offset, at_ms, plugin, body };
                    self.heard.push(Heard { record, cause: (trigger, flags) });
                }
                let (plugin, fields) = (self.plugin.to_string(), fields(body.fields));
                out.push(Emitted::Record(Record { plugin, topic: body.topic, offset, index, fields }));
            }
        }
        made
    }

    fn may_go_on(&mut self, offset: u64) -> bool {
        let may = self.onward < MAX_ONWARD;
        if may {
            self.onward += 1;
        } else {
            self.lost = (self.lost.0 + 1, offset);
        }
        may
    }

    /// The end of a step: the records that others are to be told; and how much was too much for them,
    /// with the last offset at which it was.
    pub(super) fn end_step(&mut self) -> (Vec<Heard>, (u64, u64)) {
        self.onward = 0;
        (std::mem::take(&mut self.heard), std::mem::take(&mut self.lost))
    }

    fn number(&mut self, offset: u64) -> u32 {
        let index = if self.last.0 == offset { self.last.1 } else { 0 };
        self.last = (offset, index + 1);
        index
    }
}

/// What caused the emission, its flags, and when it came in.
fn trigger(cause: &Cause<'_>, at: usize) -> (Trigger, Flags, i64) {
    match cause {
        // Answers are checked: `at` is within the batch.
        Cause::Trades(batch) => {
            let of = |column: &[u64]| column.get(at).copied().unwrap_or_default();
            let trigger =
                Trigger::Trade { sequential_id: of(batch.sequential_ids()), offset: of(batch.offsets()) };
            let received_at_ms = batch.received_at().get(at).copied().unwrap_or_default();
            (trigger, Flags(batch.flags().get(at).copied().unwrap_or_default()), received_at_ms)
        }
        Cause::Quotes(quotes) => match quotes.get(at) {
            Some((offset, quote)) => {
                let (kind, head, offset) = (quote.kind(), quote.head(), *offset);
                let trigger = Trigger::Quote { kind, at_ms: head.sent_at_ms, offset };
                (trigger, head.flags, head.received_at_ms)
            }
            None => (Trigger::Tick { at_ms: 0, offset: 0 }, Flags::default(), 0),
        },
        Cause::Records(records) => match records.get(at) {
            Some(Heard { record, cause: (trigger, flags) }) => (*trigger, *flags, record.at_ms),
            None => (Trigger::Tick { at_ms: 0, offset: 0 }, Flags::default(), 0),
        },
        Cause::Moment { offset, at_ms } => {
            (Trigger::Tick { at_ms: *at_ms, offset: *offset }, Flags::default(), *at_ms)
        }
    }
}

fn raised(plugin: &str, alert: plugin::Alert, trigger: Trigger, index: u32, flags: Flags) -> Raised {
    Raised {
        plugin: plugin.to_owned(),
        rule: alert.rule,
        key: alert.key,
        state: match alert.state {
            plugin::AlertState::Event => AlertState::Event,
            plugin::AlertState::Firing => AlertState::Firing,
            plugin::AlertState::Resolved => AlertState::Resolved,
        },
        severity: alert.severity.map(|severity| match severity {
            plugin::Severity::Info => Severity::Info,
            plugin::Severity::Warning => Severity::Warning,
            plugin::Severity::Critical => Severity::Critical,
        }),
        title: alert.title,
        at_ms: alert.at_ms,
        heard_at_ms: alert.at_ms,
        fields: fields(alert.fields),
        trigger,
        index,
        late: flags.0 & (Flags::LATE.0 | Flags::BACKFILLED.0) != 0,
        replay: flags.has(Flags::REPLAY),
    }
}

fn fields(fields: Vec<Field>) -> Fields {
    let value = |value| match value {
        // Answers are checked: it parses. Were it not so, the digits would still be shown.
        Value::Number(digits) => match digits.parse() {
            Ok(number) => FieldValue::Number(number),
            Err(_) => FieldValue::Text(digits),
        },
        Value::Text(text) => FieldValue::Text(text),
        Value::Int(int) => FieldValue::Int(int),
        Value::Float(float) => FieldValue::Float(float),
        Value::Bool(bool) => FieldValue::Bool(bool),
        Value::Null => FieldValue::Null,
    };
    fields.into_iter().map(|field| (field.name, value(field.value))).collect()
}
