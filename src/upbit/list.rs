//! One object or a list of them, as the list formats and REST send.
//!
//! Keeps: [decode-is-total]

use super::{
    event::{Event, Reason, TradeEvent},
    loose, object, wire,
};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Hands every event in `text` to `sink`.
pub(super) fn each<'a>(text: &'a str, received_at_ms: i64, sink: &mut impl FnMut(Event<'a>)) {
    let body = skip(text);
    match body.strip_prefix('[') {
        Some(list) => elements(list, received_at_ms, sink),
        None => sink(match quick(body, received_at_ms) {
            Some((trade, rest)) if rest.iter().all(|b| SPACE.contains(&char::from(*b))) => {
                Event::Trade(trade)
            }
            _ => object::event(body, received_at_ms),
        }),
    }
}

/// The elements of a list whose bracket is already open.
fn elements<'a>(list: &'a str, received_at_ms: i64, sink: &mut impl FnMut(Event<'a>)) {
    const BROKEN: Event<'static> = Event::Invalid { reason: Reason::Syntax };
    let mut rest = skip(list);
    if let Some(behind) = rest.strip_prefix(']') {
        let empty = Event::Ignored { kind: Cow::Borrowed("") };
        return sink(if skip(behind).is_empty() { empty } else { BROKEN });
    }
    while let Some((event, behind)) = element(rest, received_at_ms) {
        sink(event);
        let behind = skip(behind);
        if let Some(next) = behind.strip_prefix(',') {
            rest = skip(next);
        } else if behind.strip_prefix(']').is_some_and(|end| skip(end).is_empty()) {
            return;
        } else {
            break;
        }
    }
    sink(BROKEN);
}

/// The event of the first element, and what stands behind it.
fn element(rest: &str, received_at_ms: i64) -> Option<(Event<'_>, &str)> {
    if let Some((trade, behind)) = quick(rest, received_at_ms) {
        return Some((Event::Trade(trade), rest.get(rest.len() - behind.len()..)?));
    }
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
    let raw = values.next()?.ok()?;
    Some((object::event(raw.get(), received_at_ms), rest.get(values.byte_offset()..)?))
}

/// The trade at the start, where one of the readers in a hurry takes it.
fn quick(text: &str, received_at_ms: i64) -> Option<(TradeEvent<'_>, &[u8])> {
    let bytes = text.as_bytes();
    wire::trade(bytes, received_at_ms).or_else(|| loose::trade(bytes, received_at_ms))
}

/// The white space that JSON allows.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Past the white space at the start.
fn skip(text: &str) -> &str {
    text.trim_start_matches(SPACE)
}
