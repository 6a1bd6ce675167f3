//! The nouns beside the trade: tickers, order books and candles, as the venue says them of a market.
//!
//! Together they are quotes: what a market looks like at one moment, as against [`crate::trade`],
//! what happened in it. A quote has no identity at the venue and nobody can fetch it again, so
//! quotes are neither deduplicated nor backfilled: they stand on the tape in the order in which
//! they came.
//!
//! Prices and sizes are [`Decimal`]s. Sums over a day are [`Wide`]: the venue sends them with up to
//! twelve decimals (`10711749229.465390000000`, 2023-07-02) and documents twenty, more than 63
//! bits hold. A value that even its type cannot hold is absent, never rounded.
//!
//! Keeps: [numbers-survive] [bounded]

use crate::{
    market::MarketId,
    trade::{Flags, Side},
};
use tradehook_decimal::{Decimal, Wide};

/// Most levels of a book. The venue sends 30 (15 before 2025).
pub const MAX_LEVELS: usize = 64;

/// One quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quote {
    /// A market's day so far; boxed, since it is several times the size of the others.
    Ticker(Box<Ticker>),
    /// All that is offered and asked for.
    Orderbook(Orderbook),
    /// A bar as the venue draws it, so far.
    Candle(Box<Candle>),
}

/// Which sort of quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuoteKind {
    /// [`Quote::Ticker`].
    Ticker,
    /// [`Quote::Orderbook`].
    Orderbook,
    /// [`Quote::Candle`].
    Candle,
}

impl QuoteKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ticker, Self::Orderbook, Self::Candle];

    /// Its name in metrics and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Orderbook => "orderbook",
            Self::Candle => "candle",
        }
    }
}

impl Quote {
    /// Which sort.
    #[must_use]
    pub const fn kind(&self) -> QuoteKind {
        match self {
            Self::Ticker(_) => QuoteKind::Ticker,
            Self::Orderbook(_) => QuoteKind::Orderbook,
            Self::Candle(_) => QuoteKind::Candle,
        }
    }

    /// What every quote has.
    #[must_use]
    pub const fn head(&self) -> &Head {
        match self {
            Self::Ticker(ticker) => &ticker.head,
            Self::Orderbook(book) => &book.head,
            Self::Candle(candle) => &candle.head,
        }
    }

    /// The same, to change.
    pub const fn head_mut(&mut self) -> &mut Head {
        match self {
            Self::Ticker(ticker) => &mut ticker.head,
            Self::Orderbook(book) => &mut book.head,
            Self::Candle(candle) => &mut candle.head,
        }
    }
}

/// What every quote has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The interned market code.
    pub market: MarketId,
    /// When the venue made the frame, ms since the Unix epoch.
    pub sent_at_ms: i64,
    /// When the frame arrived here, ms since the Unix epoch.
    pub received_at_ms: i64,
    /// How it came in; only [`Flags::SNAPSHOT`] and [`Flags::REPLAY`] can be set.
    pub flags: Flags,
}

/// Where a market stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MarketState {
    /// The venue did not say, or in a word that is not known here.
    #[default]
    Other = 0,
    /// Listed, and not traded yet.
    Preview = 1,
    /// Traded.
    Active = 2,
    /// Gone.
    Delisted = 3,
}

impl MarketState {
    /// From its column form.
    #[must_use]
    pub const fn from_u8(value: u8) -> Self {
        match value {
            1 => Self::Preview,
            2 => Self::Active,
            3 => Self::Delisted,
            _ => Self::Other,
        }
    }
}

/// A day of the calendar as the number `yyyymmdd`: 20251009.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub u32);

impl Day {
    /// A day out of its parts; `None` where no calendar has it.
    #[must_use]
    pub const fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        if year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 {
            return None;
        }
        Some(Self(year * 10_000 + month * 100 + day))
    }
}

/// The day of a market so far, since 00:00 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticker {
    /// What every quote has.
    pub head: Head,
    /// When the last trade was matched, ms since the Unix epoch.
    pub traded_at_ms: Option<i64>,
    /// Of the last trade; greater than nought.
    pub price: Decimal,
    /// Of the last trade.
    pub volume: Option<Decimal>,
    /// The taker of the last trade.
    pub side: Option<Side>,
    /// The first price of the day.
    pub open: Option<Decimal>,
    /// The highest of the day.
    pub high: Option<Decimal>,
    /// The lowest of the day.
    pub low: Option<Decimal>,
    /// The close of the day before.
    pub prev_close: Option<Decimal>,
    /// Price less the close of the day before; signed.
    pub change: Option<Decimal>,
    /// The change as a part of the close of the day before: 0.01 is one per cent; signed.
    pub change_rate: Option<Decimal>,
    /// Base currency traded this day.
    pub acc_volume: Option<Wide>,
    /// Quote currency traded this day.
    pub acc_notional: Option<Wide>,
    /// Base currency traded in the last 24 hours.
    pub acc_volume_24h: Option<Wide>,
    /// Quote currency traded in the last 24 hours.
    pub acc_notional_24h: Option<Wide>,
    /// Base currency that takers sold this day.
    pub acc_ask_volume: Option<Wide>,
    /// Base currency that takers bought this day.
    pub acc_bid_volume: Option<Wide>,
    /// The highest price of 52 weeks.
    pub high_52w: Option<Decimal>,
    /// Its day.
    pub high_52w_on: Option<Day>,
    /// The lowest price of 52 weeks.
    pub low_52w: Option<Decimal>,
    /// Its day.
    pub low_52w_on: Option<Day>,
    /// Where the market stands in its life.
    pub state: MarketState,
    /// When it will go, where that is said.
    pub delisted_on: Option<Day>,
}

/// One step of a book: the best ask and bid stand on the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// What a buyer would pay; absent where the side has no more orders (the venue says 0).
    pub ask_price: Option<Decimal>,
    /// How much is offered at that price.
    pub ask_size: Option<Decimal>,
    /// What a seller would get, likewise.
    pub bid_price: Option<Decimal>,
    /// How much is asked for at that price.
    pub bid_size: Option<Decimal>,
}

/// A whole book; the venue sends no differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orderbook {
    /// What every quote has.
    pub head: Head,
    /// All that is offered, beyond the levels too.
    pub total_ask_size: Option<Wide>,
    /// All that is asked for.
    pub total_bid_size: Option<Wide>,
    /// How prices are grouped; nought where they are not, absent where the venue does not say.
    pub grouping: Option<Decimal>,
    /// Best first, at most [`MAX_LEVELS`].
    pub levels: Vec<Level>,
}

/// A bar as the venue draws it. The same bar comes again with every trade that changes it, at most
/// once a second; the last one counts, and nothing says that it was the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candle {
    /// What every quote has.
    pub head: Head,
    /// When it began, ms since the Unix epoch.
    pub opened_at_ms: i64,
    /// How long it is, in seconds.
    pub unit_s: u32,
    /// The first price.
    pub open: Decimal,
    /// The highest.
    pub high: Decimal,
    /// The lowest.
    pub low: Decimal,
    /// The last so far.
    pub close: Decimal,
    /// Base currency traded in it.
    pub volume: Option<Wide>,
    /// Quote currency traded in it.
    pub notional: Option<Wide>,
}

/// Quotes that follow one another on the tape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotes {
    /// The offset of the first.
    pub first: u64,
    /// How many offsets they take.
    pub count: u64,
    /// They, in order; none at all where whoever reads does not want quotes.
    pub rows: Vec<Quote>,
}
