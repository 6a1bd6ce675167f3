//! From a guest's answer to what the host keeps of it: who said it, and what on the tape caused it.

use crate::{
    alert::{AlertState, FieldValue, Fields, Raised, Record, Severity, Trigger},
    plugin::{self, Batch, Emission, Field, Payload, Value},
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
    Moment { offset: u64, at_ms: i64 },
}

/// Numbers the emissions at each offset and pushes them.
pub(super) fn push(plugin: &str, cause: &Cause<'_>, emissions: Vec<Emission>, out: &mut Vec<Emitted>) {
    let (mut at, mut index) = (None, 0);
    for emission in emissions {
        (at, index) = (Some(emission.at), if at == Some(emission.at) { index + 1 } else { 0 });
        let (trigger, flags) = trigger(cause, emission.at as usize);
        match emission.payload {
            Payload::Alert(alert) => {
                let heard_at_ms = heard_at_ms(cause, emission.at as usize);
                let raised = Raised { heard_at_ms, ..raised(plugin, alert, trigger, index, flags) };
                out.push(Emitted::Alert(raised));
            }
            Payload::Record(record) => {
                out.push(Emitted::Record(Record {
                    plugin: plugin.to_owned(),
                    topic: record.topic,
                    offset: place(&trigger),
                    index,
                    fields: fields(record.fields),
                }));
            }
        }
    }
}

fn trigger(cause: &Cause<'_>, at: usize) -> (Trigger, Flags) {
    match cause {
        // Answers are checked: `at` is within the batch.
        Cause::Trades(batch) => {
            let of = |column: &[u64]| column.get(at).copied().unwrap_or_default();
            let trigger =
                Trigger::Trade { sequential_id: of(batch.sequential_ids()), offset: of(batch.offsets()) };
            (trigger, Flags(batch.flags().get(at).copied().unwrap_or_default()))
        }
        Cause::Quotes(quotes) => match quotes.get(at) {
            Some((offset, quote)) => {
                let (kind, head, offset) = (quote.kind(), quote.head(), *offset);
                (Trigger::Quote { kind, at_ms: head.sent_at_ms, offset }, head.flags)
            }
            None => (Trigger::Tick { at_ms: 0, offset: 0 }, Flags::default()),
        },
        Cause::Moment { offset, at_ms } => {
            (Trigger::Tick { at_ms: *at_ms, offset: *offset }, Flags::default())
        }
    }
}

/// When what caused an emission came in.
fn heard_at_ms(cause: &Cause<'_>, at: usize) -> i64 {
    match cause {
        Cause::Trades(batch) => batch.received_at().get(at).copied().unwrap_or_default(),
        Cause::Quotes(quotes) => quotes.get(at).map_or(0, |(_, quote)| quote.head().received_at_ms),
        Cause::Moment { at_ms, .. } => *at_ms,
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
