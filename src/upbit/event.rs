//! What comes out of a frame.

use crate::{
    market::MarketId,
    quote::Quote,
    trade::{Flags, Side, Trade},
};
use std::{borrow::Cow, fmt};
use tradehook_decimal::Decimal;

/// One thing that the venue said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An execution.
    Trade(TradeEvent<'a>),
    /// A ticker, an order book or a candle.
    Quote(QuoteEvent<'a>),
    /// Something else that is in order: another stream's type (`myOrder`), the name of
    /// a method that is answered, or a type that is not known here.
    Ignored {
        /// The venue's word for it; empty where it gives none.
        kind: Cow<'a, str>,
    },
    /// The answer to a text `PING`, sent every ten seconds from then on. Says that the connection
    /// lives, not that data flows.
    Up,
    /// The venue refuses something. It closes with 1000 some 150 ms later.
    Error {
        /// Such as `NO_CODES`; a number on REST.
        name: Cow<'a, str>,
        /// The venue's text, in Korean or English.
        message: Cow<'a, str>,
    },
    /// Not a frame, or a trade or quote that lacks something; it is to be counted and skipped.
    Invalid {
        /// What is wrong with it.
        reason: Reason,
    },
}

/// An execution as the venue reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeEvent<'a> {
    /// The market code, such as `KRW-BTC`; upper case, at most 32 bytes.
    pub code: Cow<'a, str>,
    /// The taker's side.
    pub side: Side,
    /// Greater than nought.
    pub price: Decimal,
    /// Greater than nought.
    pub volume: Decimal,
    /// Unique within the market; beyond 2^53, and not in the order of arrival.
    pub sequential_id: u64,
    /// When it was matched, ms since the Unix epoch.
    pub traded_at_ms: i64,
    /// When the venue made the frame; absent on REST.
    pub frame_at_ms: Option<i64>,
    /// When the frame arrived, as it was handed in.
    pub received_at_ms: i64,
    /// Whether it is the last trade of its market at the time of subscribing, not a live one.
    pub snapshot: bool,
    /// The best bid after it; `None` before 2024-11-27, on REST, and where the venue says 0.
    pub best_bid: Option<Decimal>,
    /// The best ask after it, likewise.
    pub best_ask: Option<Decimal>,
    /// The close at 00:00 UTC, likewise.
    pub prev_close: Option<Decimal>,
    /// Whether one of the optional values was there and could not be held (not a number, or more
    /// digits than a [`Decimal`] has) and is `None` for that.
    pub dropped: bool,
}

/// A ticker, an order book or a candle as the venue sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteEvent<'a> {
    /// The market code.
    pub code: Cow<'a, str>,
    /// What was said. Its market has no number yet: [`QuoteEvent::to_quote`] gives it one.
    pub quote: Quote,
    /// Whether one of the optional values was there and could not be held, and is absent for that.
    pub dropped: bool,
}

impl QuoteEvent<'_> {
    /// The noun, with the market's number and `flags` besides its own.
    #[must_use]
    pub fn to_quote(self, market: MarketId, flags: Flags) -> Quote {
        let mut quote = self.quote;
        let head = quote.head_mut();
        (head.market, head.flags) = (market, head.flags.with(flags));
        quote
    }
}

impl TradeEvent<'_> {
    /// The noun, with the market's number; `flags` gain [`Flags::SNAPSHOT`] where it is one.
    #[must_use]
    #[inline]
    pub fn to_trade(&self, market: MarketId, flags: Flags) -> Trade {
        Trade {
            market,
            side: self.side,
            price: self.price,
            volume: self.volume,
            sequential_id: self.sequential_id,
            traded_at_ms: self.traded_at_ms,
            received_at_ms: self.received_at_ms,
            flags: if self.snapshot { flags.with(Flags::SNAPSHOT) } else { flags },
            best_bid: self.best_bid,
            best_ask: self.best_ask,
            prev_close: self.prev_close,
        }
    }
}

/// Why a frame, or an element of one, is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not UTF-8.
    Utf8,
    /// Not JSON, or something stands behind it.
    Syntax,
    /// JSON, but not an object.
    NotAnObject,
    /// An event without this.
    Missing(Field),
    /// An event in which this is of another type, or no word or number that is known.
    Malformed(Field),
    /// An event in which this is a number that cannot be: not positive, more digits than can be
    /// held without rounding, a time outside 2010 to 2100; or a list of too many.
    OutOfRange(Field),
}

/// A part of an event that it cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `type`
    Type,
    /// `code`, `market`
    Code,
    /// `ask_bid`
    Side,
    /// `trade_price`
    Price,
    /// `trade_volume`
    Volume,
    /// `sequential_id`
    SequentialId,
    /// `trade_timestamp`; `timestamp` on REST
    TradedAt,
    /// `timestamp` of a quote
    SentAt,
    /// `opening_price`
    Open,
    /// `high_price`
    High,
    /// `low_price`
    Low,
    /// `candle_date_time_utc`
    OpenedAt,
    /// `orderbook_units`
    Units,
}

impl Reason {
    /// A short name for counters, the same for every field: `utf8`, `syntax`, `not_an_object`,
    /// `missing`, `malformed`, `out_of_range`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Syntax => "syntax",
            Self::NotAnObject => "not_an_object",
            Self::Missing(_) => "missing",
            Self::Malformed(_) => "malformed",
            Self::OutOfRange(_) => "out_of_range",
        }
    }
}

impl Field {
    /// Its name in the DEFAULT format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Code => "code",
            Self::Side => "ask_bid",
            Self::Price => "trade_price",
            Self::Volume => "trade_volume",
            Self::SequentialId => "sequential_id",
            Self::TradedAt => "trade_timestamp",
            Self::SentAt => "timestamp",
            Self::Open => "opening_price",
            Self::High => "high_price",
            Self::Low => "low_price",
            Self::OpenedAt => "candle_date_time_utc",
            Self::Units => "orderbook_units",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8 => f.write_str("not UTF-8"),
            Self::Syntax => f.write_str("not JSON"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::Missing(field) => write!(f, "an event without `{}`", field.as_str()),
            Self::Malformed(field) => write!(f, "an event with a `{}` of no known form", field.as_str()),
            Self::OutOfRange(field) => write!(f, "an event with a `{}` out of range", field.as_str()),
        }
    }
}

impl std::error::Error for Reason {}
