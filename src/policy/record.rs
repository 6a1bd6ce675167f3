//! Records on their way out: one JSON line each, many to a delivery.
//!
//! A record has no policy beyond its route. What one commit holds for a channel becomes one
//! delivery (or a few, at [`MAX_RECORDS_BODY`]), so that a bar costs a line and not a row. The
//! lines carry `plugin`, `offset` and `index`, by which a reader can tell a repetition.
//!
//! Keeps: [bounded] [numbers-survive]

use super::{body::Values, identity, value};
use crate::{
    alert::{AlertState, FieldValue, Record, Severity},
    delivery::{Content, Delivery},
};
use serde::Serialize;
use std::fmt::Write;

/// A delivery of records is closed when its body has this many bytes.
pub const MAX_RECORDS_BODY: usize = 256 * 1024;

#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    plugin: &'a str,
    topic: &'a str,
    offset: u64,
    index: u32,
    values: Values<'a>,
}

/// The deliveries of `records`, all of one plugin and in order, to each of `channels`.
#[must_use]
pub fn record_deliveries(records: &[Record], channels: &[String]) -> Vec<Delivery> {
    let mut out = Vec::new();
    let mut rest = records;
    while let Some(first) = rest.first() {
        let (mut body, mut text, mut taken) = (String::new(), String::new(), 0);
        for record in rest {
            if body.len() >= MAX_RECORDS_BODY {
                break;
            }
            let Record { plugin, topic, offset, index, fields } = record;
            let line = Line {
                r#type: "record",
                plugin,
                topic,
                offset: *offset,
                index: *index,
                values: Values(fields),
            };
            // Text keys and plain values only: serialising them cannot fail.
            body.push_str(&serde_json::to_string(&line).unwrap_or_default());
            body.push('\n');
            text.push_str(&for_a_person(record));
            text.push('\n');
            taken += 1;
        }
        let (now, later) = rest.split_at(taken);
        rest = later;
        for channel in channels {
            out.push(delivery(now, first, channel, body.clone(), text.clone()));
        }
    }
    out
}

fn delivery(records: &[Record], first: &Record, channel: &str, body: String, text: String) -> Delivery {
    // The body is part of the id: another cut of the same records is another delivery.
    let id = identity::hash(&[
        b"tradehook.records.1",
        first.plugin.as_bytes(),
        channel.as_bytes(),
        &first.offset.to_le_bytes(),
        &first.index.to_le_bytes(),
        body.as_bytes(),
    ]);
    Delivery {
        notification_id: identity::hex(&id),
        channel: channel.to_owned(),
        lane: format!("{channel}/records/{}", first.plugin),
        episode_id: String::new(),
        content: Content::Records,
        at_ms: records.last().and_then(at_ms).unwrap_or_default(),
        severity: Severity::Info,
        state: AlertState::Event,
        rule: first.plugin.clone(),
        key: String::new(),
        text,
        body,
    }
}

/// The event time that a record names, by the names in use for it.
fn at_ms(record: &Record) -> Option<i64> {
    ["at_ms", "end_ms", "start_ms"].iter().find_map(|name| {
        record.fields.iter().find_map(|(n, v)| match v {
            FieldValue::Int(ms) if n == name => Some(*ms),
            _ => None,
        })
    })
}

/// What a person reads of a bar: `04:54:52 KRW-BTC  bar 1s  open 115608000 …`.
fn bar_for_a_person(record: &Record) -> Option<String> {
    let field = |name: &str| record.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value);
    let number = |name: &str| match field(name)? {
        FieldValue::Number(number) => Some(number.to_string()),
        FieldValue::Int(int) => Some(int.to_string()),
        _ => None,
    };
    let (Some(FieldValue::Text(market)), Some(FieldValue::Text(size)), Some(FieldValue::Int(start_ms))) =
        (field("market"), field("size"), field("start_ms"))
    else {
        return None;
    };
    let start = value::kst_short(value::timestamp(*start_ms));
    let time = start.rsplit(' ').next().unwrap_or(&start);
    let mut line = format!("{time} {market}  {} {size} ", record.topic);
    for (word, name) in [
        ("open", "open"),
        ("high", "high"),
        ("low", "low"),
        ("close", "close"),
        ("volume", "volume"),
        ("trades", "count"),
    ] {
        let _ = write!(line, " {word} {}", number(name)?);
    }
    Some(line)
}

/// `count market=KRW-BTC value=100 …`; times as times. A bar in the words of a bar.
fn for_a_person(record: &Record) -> String {
    if let Some(bar) = record.topic.starts_with("bar").then(|| bar_for_a_person(record)).flatten() {
        return bar.replace(['\n', '\r'], " ");
    }
    let mut line = record.topic.clone();
    for (name, value) in &record.fields {
        // Writing to a String cannot fail.
        let _ = match value {
            FieldValue::Text(text) => write!(line, " {name}={text}"),
            FieldValue::Number(number) => write!(line, " {name}={number}"),
            FieldValue::Int(ms) if name.ends_with("_ms") && *ms > 1_000_000_000_000 => {
                write!(line, " {}={}", name.trim_end_matches("_ms"), value::kst_short(value::timestamp(*ms)))
            }
            FieldValue::Int(int) => write!(line, " {name}={int}"),
            FieldValue::Float(float) => write!(line, " {name}={float}"),
            FieldValue::Bool(bool) => write!(line, " {name}={bool}"),
            FieldValue::Null => write!(line, " {name}=-"),
        };
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tradehook_decimal::Wide;

    #[test]
    fn a_bar_reads_like_a_bar_and_anything_else_by_its_names() {
        let number = |n| FieldValue::Number(Wide::new(n, 1));
        let record = |topic: &str, fields: Vec<(&str, FieldValue)>| Record {
            plugin: "p".into(),
            topic: topic.into(),
            offset: 0,
            index: 0,
            fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let bar = vec![
            ("market", FieldValue::Text("KRW-BTC".into())),
            ("size", FieldValue::Text("1m".into())),
            ("start_ms", FieldValue::Int(1_767_225_600_000)),
            ("open", number(1005)),
            ("high", number(1020)),
            ("low", number(990)),
            ("close", number(1000)),
            ("volume", number(12)),
            ("count", FieldValue::Int(3)),
        ];
        assert_eq!(
            for_a_person(&record("bar", bar.clone())),
            "09:00:00 KRW-BTC  bar 1m  open 100.5 high 102 low 99 close 100 volume 1.2 trades 3"
        );
        assert_eq!(for_a_person(&record("count", bar[..1].to_vec())), "count market=KRW-BTC");
        assert_eq!(for_a_person(&record("bar", bar[..1].to_vec())), "bar market=KRW-BTC", "not a whole bar");
    }
}
