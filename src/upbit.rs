//! The venue's dialect: subscription text, frames and REST bodies into events. Pure.
//!
//! [`decode`] takes whatever came off the socket (or a line of a recording) and hands every event
//! in it to a sink: trades, tickers, order books and candles, in the DEFAULT, SIMPLE, JSON_LIST and
//! SIMPLE_LIST formats, SIMPLE as it was in 2018, and the tick of the REST interface.
//! [`decode_ticks`] takes a page of ticks, [`decode_markets`] the list of all markets;
//! [`TicksQuery`] writes what asks for a page, and [`Subscription`] the one frame that asks for
//! everything.
//!
//! Three readers stand behind it: one that knows the order of keys the venue sends (`wire`), one
//! that knows the usual spelling (`loose`), and one that expects nothing (`object`). The first two
//! take a trade only where they say what the last would say, so which of them read it cannot be
//! seen. A fourth, `quote`, takes what is no trade.
//!
//! Owns the venue's JSON. Knows neither sockets nor clocks: the time of receipt is handed in.
//!
//! Keeps: [decode-is-total] [numbers-survive] [bounded] [time-enters-once]

mod event;
mod list;
mod loose;
mod markets;
mod number;
mod object;
mod quote;
mod request;
mod rest;
mod subscription;
mod wire;

pub use event::{Event, Field, QuoteEvent, Reason, TradeEvent};
pub use markets::{Cautions, MarketInfo, MarketList, decode_markets};
pub use request::{MARKETS_PATH, MAX_DAYS_AGO, MAX_TICKS, TicksQuery, rest_base};
pub use rest::{RestError, Ticks, decode_ticks};
pub use subscription::{Format, Stream, Subscription};

/// Hands every event in `frame` to `sink`, in their order. `received_at_ms` is put on each event.
///
/// Total over any bytes: what is not understood is an [`Event::Ignored`], what is wrong an
/// [`Event::Invalid`], and at least one event comes out of every frame. Nothing recurses, and the
/// memory taken is at most the frame's length again (for a string with escapes).
///
/// Of a list, a bad element costs itself alone, as long as the list's own commas stand; past a
/// fault of syntax nothing can be read, and one `Invalid` says so. Of keys that are given twice
/// the last counts, as in every JSON library that the venue's clients use.
#[inline]
pub fn decode(frame: &[u8], received_at_ms: i64, sink: &mut impl FnMut(Event<'_>)) {
    if let Some((trade, [])) = wire::trade(frame, received_at_ms) {
        return sink(Event::Trade(trade));
    }
    match simdutf8::basic::from_utf8(frame) {
        Ok(text) => list::each(text, received_at_ms, sink),
        Err(_) => sink(Event::Invalid { reason: Reason::Utf8 }),
    }
}

/// Whether an error of this name says that asking again in the same words will fail again, so
/// that a quick retry only costs quota.
#[must_use]
pub fn is_fatal_error(name: &str) -> bool {
    matches!(name, "WRONG_FORMAT" | "NO_CODES" | "NO_TICKET" | "NO_TYPE" | "INVALID_PARAM" | "INVALID_AUTH")
}

#[cfg(test)]
mod tests;
