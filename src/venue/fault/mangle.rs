//! Wrong spellings of a trade frame: each a way in which an event may not be what it should be.
//!
//! Works on the text of an event, long or short keys, so that what is left of it stays as the venue
//! spells it.

use super::super::socket;
use bytes::Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// How a trade is spelled wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mangle {
    /// The JSON ends in the middle; the frame is whole.
    CutJson,
    /// Bytes after the JSON.
    Trailing,
    /// A hundred thousand brackets.
    Nested,
    /// The price stands there twice.
    DuplicateKey,
    /// A byte order mark before the JSON.
    ByteOrderMark,
    /// A NUL in the middle.
    Nul,
    /// Not UTF-8.
    BadUtf8,
    /// The price is missing.
    MissingPrice,
    /// The price is null.
    NullPrice,
    /// The price is a string that holds the number.
    PriceAsString,
    /// The price is `NaN`, which is no JSON.
    NanPrice,
    /// The price is 1e999.
    HugePrice,
    /// The price is negative.
    NegativePrice,
    /// The volume is nought.
    ZeroVolume,
    /// The side is a word nobody knows.
    UnknownSide,
    /// Fields that nobody knows, nested ones among them.
    ExtraFields,
    /// The time of the trade is in seconds.
    Seconds,
    /// The time of the trade is in microseconds, as seen on 2023-08-09.
    Micros,
    /// The type is one nobody knows.
    UnknownType,
    /// A text frame instead of a binary one.
    TextFrame,
    /// In fragments of one byte, with a ping between them.
    Fragments,
}

/// The frame of an event, wrong in this way.
pub(in super::super) fn mangled(how: Mangle, text: &str) -> Bytes {
    let price = |value: &str| with_value(text, ["trade_price", "tp"], value);
    let out = match how {
        Mangle::CutJson => text.get(..text.len() / 2).unwrap_or("").into(),
        Mangle::Trailing => format!("{text}{{}}x"),
        Mangle::Nested => "[".repeat(100_000),
        Mangle::DuplicateKey => text.replacen("\"ask_bid\"", "\"trade_price\":1,\"ask_bid\"", 1).replacen(
            "\"ab\"",
            "\"tp\":1,\"ab\"",
            1,
        ),
        Mangle::ByteOrderMark => format!("\u{feff}{text}"),
        Mangle::Nul => text.replacen(',', ",\0", 1),
        Mangle::BadUtf8 => return bad_utf8(text),
        Mangle::MissingPrice => {
            text.replacen("\"trade_price\"", "\"was_price\"", 1).replacen("\"tp\"", "\"wp\"", 1)
        }
        Mangle::NullPrice => price("null"),
        Mangle::PriceAsString => {
            let value = value_of(text, ["trade_price", "tp"]).unwrap_or("1");
            price(&format!("\"{value}\""))
        }
        Mangle::NanPrice => price("NaN"),
        Mangle::HugePrice => price("1e999"),
        Mangle::NegativePrice => price("-1.00000000"),
        Mangle::ZeroVolume => with_value(text, ["trade_volume", "tv"], "0.00000000"),
        Mangle::UnknownSide => with_value(text, ["ask_bid", "ab"], "\"BOTH\""),
        Mangle::ExtraFields => text.replacen('{', "{\"brand_new\":{\"a\":[1,{\"b\":null}]},\"x\":\"y\",", 1),
        Mangle::Seconds => scaled_time(text, |ms| ms / 1_000),
        Mangle::Micros => scaled_time(text, |ms| ms * 1_000),
        Mangle::UnknownType => with_value(text, ["type", "ty"], "\"tradeV2\""),
        Mangle::TextFrame => {
            let mut out = Vec::new();
            socket::put_frame(&mut out, OpCode::Data(Data::Text), text.as_bytes());
            return out.into();
        }
        Mangle::Fragments => return socket::fragments(text.as_bytes()),
    };
    socket::binary(out.as_bytes())
}

/// A byte that is no UTF-8 in the middle of the market's name.
fn bad_utf8(text: &str) -> Bytes {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(byte) = bytes.iter_mut().rev().find(|b| **b == b'-') {
        *byte = 0xff;
    }
    socket::binary(&bytes)
}

/// Where the value of the first of `keys` that is there begins and ends.
fn place(text: &str, keys: [&str; 2]) -> Option<(usize, usize)> {
    let begin = keys.iter().find_map(|key| {
        let quoted = format!("\"{key}\":");
        text.find(&quoted).map(|at| at + quoted.len())
    })?;
    let end = text.get(begin..)?.find([',', '}'])? + begin;
    Some((begin, end))
}

fn value_of<'t>(text: &'t str, keys: [&str; 2]) -> Option<&'t str> {
    place(text, keys).and_then(|(begin, end)| text.get(begin..end))
}

fn with_value(text: &str, keys: [&str; 2], value: &str) -> String {
    let mut out = text.to_owned();
    if let Some((begin, end)) = place(text, keys) {
        out.replace_range(begin..end, value);
    }
    out
}

fn scaled_time(text: &str, scale: impl Fn(i64) -> i64) -> String {
    let keys = ["trade_timestamp", "ttms"];
    let ms = value_of(text, keys).and_then(|v| v.parse().ok()).unwrap_or(0);
    with_value(text, keys, &scale(ms).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"type":"trade","code":"KRW-BTC","trade_timestamp":1788335180377,"trade_price":106691000.00000000,"trade_volume":0.00009372,"ask_bid":"ASK","sequential_id":17883351803770004}"#;

    fn payload(how: Mangle) -> Vec<u8> {
        mangled(how, EVENT).get(4..).unwrap_or_default().to_vec()
    }

    #[test]
    fn a_wrong_spelling_is_wrong_where_it_says() {
        let check = |how: Mangle, part: &str| {
            let got = String::from_utf8_lossy(&payload(how)).into_owned();
            assert!(got.contains(part), "{how:?}: {got}");
        };
        check(Mangle::PriceAsString, r#""trade_price":"106691000.00000000","#);
        check(Mangle::NullPrice, r#""trade_price":null,"#);
        check(Mangle::NanPrice, r#""trade_price":NaN,"#);
        check(Mangle::MissingPrice, r#""was_price":106691000"#);
        check(Mangle::DuplicateKey, r#""trade_price":1,"ask_bid""#);
        check(Mangle::ZeroVolume, r#""trade_volume":0.00000000,"#);
        check(Mangle::Seconds, r#""trade_timestamp":1788335180,"#);
        check(Mangle::Micros, r#""trade_timestamp":1788335180377000,"#);
        check(Mangle::UnknownType, r#"{"type":"tradeV2","#);
        check(Mangle::UnknownSide, r#""ask_bid":"BOTH""#);
        check(Mangle::ExtraFields, r#"{"brand_new":{"a":[1"#);
        check(Mangle::Trailing, "}{}x");
        assert!(String::from_utf8(payload(Mangle::BadUtf8)).is_err());
        assert!(serde_json::from_slice::<serde_json::Value>(&payload(Mangle::CutJson)).is_err());
    }
}
