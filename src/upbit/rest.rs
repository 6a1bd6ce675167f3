//! Bodies of the REST interface: a page of `GET /v1/trades/ticks`.

use super::{
    event::{Event, Reason, TradeEvent},
    list,
};
use std::fmt;

/// A page of ticks, in the venue's order: the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticks<'a> {
    /// The trades.
    pub trades: Vec<TradeEvent<'a>>,
    /// How many elements of the page are no trades, and are missing for that.
    pub invalid: usize,
}

/// Why a body is not a page of ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestError {
    /// The venue refuses the request. Rate limits may come as plain text instead.
    Refused {
        /// A word, or a number in digits.
        name: String,
        /// The venue's text.
        message: String,
    },
    /// It is nothing the venue sends.
    Invalid(Reason),
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { name, message } => write!(f, "the venue refuses: {name:?}, {message:?}"),
            Self::Invalid(reason) => write!(f, "the venue's answer is {reason}"),
        }
    }
}

impl std::error::Error for RestError {}

/// The trades of one page. A page never crosses midnight UTC; an empty one is the day's beginning.
///
/// # Errors
/// [`RestError::Refused`] for the venue's error object, [`RestError::Invalid`] for what is no list
/// or breaks off.
pub fn decode_ticks(body: &[u8], received_at_ms: i64) -> Result<Ticks<'_>, RestError> {
    let text = simdutf8::basic::from_utf8(body).map_err(|_| RestError::Invalid(Reason::Utf8))?;
    let mut ticks = Ticks::default();
    let mut fault = None;
    let list = text.trim_start().strip_prefix('[');
    let empty = list.is_some_and(|list| list.trim_start().starts_with(']'));
    list::each(text, received_at_ms, &mut |event| match event {
        Event::Trade(trade) if list.is_some() => ticks.trades.push(trade),
        Event::Error { name, message } if list.is_none() => {
            fault = Some(RestError::Refused { name: name.into_owned(), message: message.into_owned() });
        }
        Event::Invalid { reason: reason @ Reason::Syntax } => fault = Some(RestError::Invalid(reason)),
        Event::Ignored { .. } if empty => {}
        _ if list.is_none() => fault = Some(RestError::Invalid(Reason::NotAnObject)),
        _ => ticks.invalid += 1,
    });
    fault.map_or(Ok(ticks), Err)
}
