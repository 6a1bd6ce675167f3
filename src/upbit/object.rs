//! The reader that expects nothing of the order of keys: one JSON object into one event.
//!
//! The grammar is serde_json's, the numbers are read from the venue's own digits. Every spelling
//! of a key is known at once: DEFAULT, SIMPLE, the `mk` of 2018, and REST. What is not looked at
//! is stepped over without recursion, however deep it nests.
//!
//! Keeps: [decode-is-total] [numbers-survive]

use super::{
    event::{Event, Field, Reason, TradeEvent},
    number::{read_decimal, read_integer, to_ms},
    quote,
};
use crate::{market::is_market_code, trade::Side};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{error::Category, value::RawValue};
use std::{borrow::Cow, fmt, marker::PhantomData};
use tradehook_decimal::Decimal;

/// The event of `text`, which is to be one object and nothing else.
pub(super) fn event(text: &str, received_at_ms: i64) -> Event<'_> {
    match read::<Fields<'_>>(text).and_then(|fields| fields.event(text, received_at_ms)) {
        Ok(event) => event,
        Err(reason) => Event::Invalid { reason },
    }
}

/// What of an object somebody looks at, each value as its text; `null` is as good as absent.
pub(super) trait Slots<'a>: Default {
    /// Where the value of `key` goes; `None` for one that nobody looks at.
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a RawValue>>;
}

/// The values of `text`, which is to be one object and nothing else.
pub(super) fn read<'a, S: Slots<'a>>(text: &'a str) -> Result<S, Reason> {
    let read = serde_json::from_str::<Object<S>>(text).map_err(|e| match e.classify() {
        Category::Data => Reason::NotAnObject,
        Category::Syntax | Category::Eof | Category::Io => Reason::Syntax,
    });
    read.map(|object| object.0)
}

/// The values that matter to a trade, and those that say what an object is.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a RawValue>,
    code: Option<&'a RawValue>,
    side: Option<&'a RawValue>,
    price: Option<&'a RawValue>,
    volume: Option<&'a RawValue>,
    sequential_id: Option<&'a RawValue>,
    traded_at: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    prev_close: Option<&'a RawValue>,
    best_bid: Option<&'a RawValue>,
    best_ask: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    /// Whether the code is spelled as REST spells it.
    rest: bool,
}

impl<'a> Slots<'a> for Fields<'a> {
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a RawValue>> {
        Some(match key {
            "type" | "ty" => &mut self.kind,
            "code" | "cd" | "mk" => &mut self.code,
            "market" => {
                self.rest = true;
                &mut self.code
            }
            "ask_bid" | "ab" => &mut self.side,
            "trade_price" | "tp" => &mut self.price,
            "trade_volume" | "tv" => &mut self.volume,
            "sequential_id" | "sid" => &mut self.sequential_id,
            "trade_timestamp" | "ttms" => &mut self.traded_at,
            "timestamp" | "tms" => &mut self.timestamp,
            "prev_closing_price" | "pcp" => &mut self.prev_close,
            "best_bid_price" | "bbp" => &mut self.best_bid,
            "best_ask_price" | "bap" => &mut self.best_ask,
            "stream_type" | "st" => &mut self.stream,
            "error" => &mut self.error,
            "status" => &mut self.status,
            "method" | "mthd" => &mut self.method,
            _ => return None,
        })
    }
}

impl<'a> Fields<'a> {
    fn event(&self, text: &'a str, received_at_ms: i64) -> Result<Event<'a>, Reason> {
        if let Some(kind) = self.kind {
            let kind = string(kind).ok_or(Reason::Malformed(Field::Type))?;
            return match &*kind {
                "trade" => self.trade(received_at_ms),
                other => quote::event(other, text, received_at_ms).unwrap_or(Ok(Event::Ignored { kind })),
            };
        }
        if let Some(error) = self.error {
            return Ok(refusal(error));
        }
        if let Some(status) = self.status.and_then(string) {
            return Ok(if status == "UP" { Event::Up } else { Event::Ignored { kind: status } });
        }
        if let Some(method) = self.method.and_then(string) {
            return Ok(Event::Ignored { kind: method });
        }
        // REST and the SIMPLE format of 2018 give no type; only a trade has this id.
        if self.code.is_some() && self.sequential_id.is_some() {
            return self.trade(received_at_ms);
        }
        Ok(Event::Ignored { kind: Cow::Borrowed("") })
    }

    fn trade(&self, received_at_ms: i64) -> Result<Event<'a>, Reason> {
        let mut dropped = false;
        // A tick of REST has one time, the trade's, under the name that a frame's has elsewhere.
        let (traded_at, frame_at) = match self.traded_at {
            None if self.rest => (self.timestamp, None),
            _ => (self.traded_at, self.timestamp),
        };
        Ok(Event::Trade(TradeEvent {
            code: code(self.code)?,
            side: side(self.side)?,
            price: positive(self.price, Field::Price)?,
            volume: positive(self.volume, Field::Volume)?,
            sequential_id: integer(self.sequential_id, Field::SequentialId)?,
            traded_at_ms: time(traded_at, Field::TradedAt)?,
            frame_at_ms: frame_at.and_then(|t| noted(time(Some(t), Field::TradedAt), &mut dropped)),
            received_at_ms,
            snapshot: self.stream.and_then(string).is_some_and(|s| s == "SNAPSHOT"),
            best_bid: optional(self.best_bid, &mut dropped),
            best_ask: optional(self.best_ask, &mut dropped),
            prev_close: optional(self.prev_close, &mut dropped),
            dropped,
        }))
    }
}

/// An object whose values stand in `S`.
struct Object<S>(S);

impl<'de, S: Slots<'de>> Deserialize<'de> for Object<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Into<S>(PhantomData<S>);
        impl<'de, S: Slots<'de>> Visitor<'de> for Into<S> {
            type Value = Object<S>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<S>, A::Error> {
                let mut fields = S::default();
                while let Some(Key(key)) = map.next_key()? {
                    match fields.slot(&key) {
                        Some(slot) => {
                            *slot = Some(map.next_value::<&RawValue>()?).filter(|v| v.get() != "null");
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Into(PhantomData))
    }
}

/// A key: borrowed, unless it is written with escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The string that `raw` is; `None` where it is none.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The digits of the number that `raw` is, bare or as a string.
pub(super) fn number(raw: Option<&RawValue>, field: Field) -> Result<Cow<'_, str>, Reason> {
    let raw = raw.ok_or(Reason::Missing(field))?;
    match raw.get().as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(raw.get())),
        _ => string(raw).ok_or(Reason::Malformed(field)),
    }
}

pub(super) fn positive(raw: Option<&RawValue>, field: Field) -> Result<Decimal, Reason> {
    let value = read_decimal(&number(raw, field)?, field)?;
    if value.is_positive() { Ok(value) } else { Err(Reason::OutOfRange(field)) }
}

pub(super) fn integer(raw: Option<&RawValue>, field: Field) -> Result<u64, Reason> {
    read_integer(&number(raw, field)?, field)
}

pub(super) fn time(raw: Option<&RawValue>, field: Field) -> Result<i64, Reason> {
    to_ms(integer(raw, field)?).ok_or(Reason::OutOfRange(field))
}

/// The value, or `None` and a note where there is none.
pub(super) fn noted<T>(value: Result<T, Reason>, dropped: &mut bool) -> Option<T> {
    *dropped |= value.is_err();
    value.ok()
}

/// A price that a trade can do without. The venue pads a side of the book without orders with 0.
pub(super) fn optional(raw: Option<&RawValue>, dropped: &mut bool) -> Option<Decimal> {
    let text = noted(number(Some(raw?), Field::Price), dropped)?;
    let value = noted(read_decimal(&text, Field::Price), dropped)?;
    *dropped |= value < Decimal::ZERO;
    value.is_positive().then_some(value)
}

pub(super) fn code(raw: Option<&RawValue>) -> Result<Cow<'_, str>, Reason> {
    let text = raw.ok_or(Reason::Missing(Field::Code))?;
    string(text).filter(|code| is_market_code(code)).ok_or(Reason::Malformed(Field::Code))
}

fn side(raw: Option<&RawValue>) -> Result<Side, Reason> {
    let word = string(raw.ok_or(Reason::Missing(Field::Side))?);
    match word.as_deref() {
        Some("ASK") => Ok(Side::Sell),
        Some("BID") => Ok(Side::Buy),
        _ => Err(Reason::Malformed(Field::Side)),
    }
}

/// The venue's error; its name is a word on the socket, and a word or a number on REST.
fn refusal(raw: &RawValue) -> Event<'_> {
    #[derive(serde::Deserialize, Default)]
    struct Refusal<'a> {
        #[serde(borrow)]
        name: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
    }
    fn words(raw: &RawValue) -> Cow<'_, str> {
        string(raw).unwrap_or(Cow::Borrowed(raw.get()))
    }
    if let Some(message) = string(raw) {
        return Event::Error { name: Cow::Borrowed(""), message };
    }
    let refusal = serde_json::from_str::<Refusal<'_>>(raw.get()).unwrap_or_default();
    Event::Error {
        name: refusal.name.map(words).unwrap_or_default(),
        message: refusal.message.map(words).unwrap_or_default(),
    }
}
