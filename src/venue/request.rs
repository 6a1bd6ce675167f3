//! The request frame: what a client asks of its session, or how the venue refuses it.
//!
//! Pure. Knows which fields must be there; not which markets exist, because the venue passes over
//! an unknown code in silence.
//!
//! Keeps: [decode-is-total] [bounded]

use super::{candle::stream_unit_ms, wire::Format};
use serde_json::{Map, Value};
use std::fmt::Write;

/// A frame that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The text `PING`.
    Ping,
    /// Replaces everything subscribed on the session.
    Subscribe(Subscription),
    /// Asks for what is subscribed; a format named with it changes that of the stream as well.
    List { ticket: String, format: Option<Format> },
}

/// Everything subscribed on one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) format: Format,
    pub(super) streams: Vec<Stream>,
}

/// One type object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) kind: String,
    pub(super) codes: Vec<String>,
    pub(super) snapshot: bool,
    pub(super) realtime: bool,
    pub(super) level: Option<String>,
}

/// An error frame: its name and message, in the venue's words where they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) name: &'static str,
    pub(super) message: &'static str,
}

const NO_TICKET: Refused =
    Refused { name: "NO_TICKET", message: "티켓이 존재하지 않거나, 유효하지 않습니다." };
const WRONG_FORMAT: Refused = Refused { name: "WRONG_FORMAT", message: "Format 이 맞지 않습니다." };
const NO_TYPE: Refused = Refused { name: "NO_TYPE", message: "type 필드가 존재하지 않습니다." };
const NO_CODES: Refused = Refused { name: "NO_CODES", message: "codes field not exists." };
const INVALID_PARAM: Refused =
    Refused { name: "INVALID_PARAM", message: "파라미터가 올바르지 않습니다." };
pub(super) const TOO_MANY: Refused = Refused { name: "TOO_MANY_REQUESTS", message: "Too Many Requests" };

/// Reads one client frame.
pub(super) fn parse(frame: &[u8]) -> Result<Request, Refused> {
    if frame.trim_ascii() == b"PING" {
        return Ok(Request::Ping);
    }
    let Ok(Value::Array(parts)) = serde_json::from_slice(frame) else { return Err(WRONG_FORMAT) };
    let objects: Vec<&Map<String, Value>> = parts.iter().filter_map(Value::as_object).collect();
    if objects.len() != parts.len() {
        return Err(WRONG_FORMAT);
    }
    let field = |name: &str| objects.iter().find_map(|o| o.get(name));
    let ticket = field("ticket").and_then(Value::as_str).filter(|t| !t.is_empty()).ok_or(NO_TICKET)?;
    let format = match field("format") {
        Some(name) => Some(name.as_str().and_then(Format::parse).ok_or(WRONG_FORMAT)?),
        None => None,
    };
    match field("method").map(Value::as_str) {
        Some(Some("LIST_SUBSCRIPTIONS")) => return Ok(Request::List { ticket: ticket.into(), format }),
        Some(_) => return Err(INVALID_PARAM),
        None => {}
    }
    let streams =
        objects.iter().filter(|o| is_stream(o)).map(|o| stream(o)).collect::<Result<Vec<_>, _>>()?;
    if streams.is_empty() {
        return Err(NO_TYPE);
    }
    Ok(Request::Subscribe(Subscription { format: format.unwrap_or_default(), streams }))
}

/// An object that names codes and no type is a stream whose type is missing.
fn is_stream(object: &Map<String, Value>) -> bool {
    object.contains_key("type") || object.contains_key("codes")
}

fn stream(object: &Map<String, Value>) -> Result<Stream, Refused> {
    let kind = object.get("type").and_then(Value::as_str).ok_or(NO_TYPE)?;
    if !matches!(kind, "ticker" | "trade" | "orderbook") && stream_unit_ms(kind).is_none() {
        return Err(INVALID_PARAM);
    }
    let codes = object.get("codes").and_then(Value::as_array).filter(|c| !c.is_empty()).ok_or(NO_CODES)?;
    let codes = codes.iter().map(|c| c.as_str().map(String::from)).collect::<Option<Vec<_>>>();
    let only = |names: [&str; 2]| match names.iter().find_map(|n| object.get(*n)) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or(INVALID_PARAM),
    };
    // The camel case of the old documentation is still in use by several clients.
    let only_snapshot = only(["is_only_snapshot", "isOnlySnapshot"])?;
    let only_realtime = only(["is_only_realtime", "isOnlyRealtime"])?;
    Ok(Stream {
        kind: kind.into(),
        codes: codes.ok_or(INVALID_PARAM)?,
        snapshot: only_snapshot || !only_realtime,
        realtime: only_realtime || !only_snapshot,
        level: object.get("level").map(ToString::to_string),
    })
}

/// The answer to [`Request::List`].
pub(super) fn list(subscription: &Subscription, ticket: &str) -> String {
    let simple = subscription.format.is_simple();
    let key = |long: &'static str, short: &'static str| if simple { short } else { long };
    let quoted = |text: &str| Value::from(text).to_string();
    let mut out =
        format!("{{\"{}\":\"LIST_SUBSCRIPTIONS\",\"{}\":[", key("method", "mthd"), key("result", "rslt"));
    for (i, stream) in subscription.streams.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let codes = Value::from(stream.codes.clone());
        let _ = write!(out, "{comma}{{\"{}\":{}", key("type", "ty"), quoted(&stream.kind));
        let _ = write!(out, ",\"{}\":{codes}", key("codes", "cds"));
        if stream.kind == "orderbook" {
            let _ = write!(out, ",\"{}\":{}", key("level", "lv"), stream.level.as_deref().unwrap_or("0"));
        }
        out.push('}');
    }
    let _ = write!(out, "],\"{}\":{}}}", key("ticket", "tckt"), quoted(ticket));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_venue_refuses_is_refused_by_its_name() {
        let check = |frame: &str, name: &str| {
            assert_eq!(parse(frame.as_bytes()).err().map(|r| r.name), Some(name), "{frame}");
        };
        check("", "WRONG_FORMAT");
        check("{}", "WRONG_FORMAT");
        check("[1]", "WRONG_FORMAT");
        check("[]", "NO_TICKET");
        check(r#"[{"type":"trade","codes":["KRW-BTC"]}]"#, "NO_TICKET");
        check(r#"[{"ticket":"t"}]"#, "NO_TYPE");
        check(r#"[{"ticket":"t"},{"codes":["KRW-BTC"]}]"#, "NO_TYPE");
        check(r#"[{"ticket":"t"},{"type":"trade"}]"#, "NO_CODES");
        check(r#"[{"ticket":"t"},{"type":"trade","codes":[]}]"#, "NO_CODES");
        check(r#"[{"ticket":"t"},{"type":"trades","codes":["KRW-BTC"]}]"#, "INVALID_PARAM");
        check(r#"[{"ticket":"t"},{"type":"candle.2m","codes":["KRW-BTC"]}]"#, "INVALID_PARAM");
        check(r#"[{"ticket":"t"},{"type":"trade","codes":[1]}]"#, "INVALID_PARAM");
        check(r#"[{"ticket":"t"},{"type":"trade","codes":["A-B"],"is_only_snapshot":1}]"#, "INVALID_PARAM");
        check(r#"[{"ticket":"t"},{"type":"trade","codes":["A-B"]},{"format":"XML"}]"#, "WRONG_FORMAT");
        check(r#"[{"ticket":"t"},{"method":"WHAT"}]"#, "INVALID_PARAM");
    }

    #[test]
    fn the_order_of_the_parts_is_free_and_both_cases_of_the_flags_are_read() {
        let check = |flag: &str, snapshot, realtime| {
            let frame = format!(
                r#"[{{"ticket":"t"}},{{"format":"SIMPLE"}},{{"type":"trade","codes":["KRW-BTC"]{flag}}}]"#
            );
            let Ok(Request::Subscribe(subscription)) = parse(frame.as_bytes()) else { panic!("{frame}") };
            assert_eq!(subscription.format, Format::Simple);
            let got: Vec<_> = subscription.streams.iter().map(|s| (s.snapshot, s.realtime)).collect();
            assert_eq!(got, [(snapshot, realtime)], "{flag}");
        };
        check("", true, true);
        check(r#","is_only_snapshot":false,"is_only_realtime":false"#, true, true);
        check(r#","is_only_snapshot":true"#, true, false);
        check(r#","isOnlyRealtime":true"#, false, true);
    }

    #[test]
    fn the_list_answers_in_the_venues_words() {
        let frame = r#"[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]},
            {"type":"orderbook","codes":["KRW-BTC"]}]"#;
        let Ok(Request::Subscribe(mut subscription)) = parse(frame.as_bytes()) else { panic!("{frame}") };
        assert_eq!(
            list(&subscription, "unique uuid"),
            r#"{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"trade","codes":["KRW-BTC","KRW-ETH"]},{"type":"orderbook","codes":["KRW-BTC"],"level":0}],"ticket":"unique uuid"}"#
        );
        subscription.format = Format::Simple;
        assert!(
            list(&subscription, "t")
                .starts_with(r#"{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"trade","cds":["#)
        );
    }
}
