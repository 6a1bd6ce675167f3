//! The noun this system is about: one execution at the venue, and many of them as columns.
//!
//! A [`Trade`] is a row, as the decoder yields it; [`Trades`] is the same as columns, as the tape
//! hands it to pipelines and a plugin receives it (lists of primitives cross into a guest at
//! memory speed, records do not). Imports nothing but other nouns.
//!
//! Keeps: [numbers-survive]

use crate::market::MarketId;
use tradehook_decimal::Decimal;

/// Who was the taker. The venue's `BID` is a buyer taking the ask, `ASK` a seller hitting the bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// The taker bought.
    Buy = 0,
    /// The taker sold.
    Sell = 1,
}

impl Side {
    /// From its column form; anything but 0 is a sell.
    #[must_use]
    #[inline]
    pub const fn from_u8(value: u8) -> Self {
        if value == 0 { Self::Buy } else { Self::Sell }
    }
}

/// What is known of how a trade came in; bits of a `u8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// It is the snapshot the venue sends on subscribing, not a live event.
    pub const SNAPSHOT: Self = Self(1);
    /// It was fetched over REST after a loss.
    pub const BACKFILLED: Self = Self(2);
    /// A later trade of its market was already on the tape.
    pub const LATE: Self = Self(4);
    /// It is read from a recording.
    pub const REPLAY: Self = Self(8);
    /// A plugin made it: the venue never sent it. Never on the tape.
    pub const SYNTHETIC: Self = Self(16);

    /// Both sets of bits.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The interned market code.
    pub market: MarketId,
    /// The taker's side.
    pub side: Side,
    /// In the quote currency; greater than nought.
    pub price: Decimal,
    /// In the base currency; greater than nought.
    pub volume: Decimal,
    /// Unique within its market, not an order; 17 digits since 2023, beyond 2^53.
    pub sequential_id: u64,
    /// When the venue matched it, ms since the Unix epoch.
    pub traded_at_ms: i64,
    /// When its frame arrived here, ms since the Unix epoch.
    pub received_at_ms: i64,
    /// How it came in.
    pub flags: Flags,
    /// The best bid after it; absent before 2024-11-27 and on REST.
    pub best_bid: Option<Decimal>,
    /// The best ask after it; absent before 2024-11-27 and on REST.
    pub best_ask: Option<Decimal>,
    /// The close of the day before, at 00:00 UTC.
    pub prev_close: Option<Decimal>,
}

/// In a scale column: there is no value.
pub const ABSENT: u8 = u8::MAX;

/// A column of optional decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decimals {
    /// The digits as integers.
    pub mantissa: Vec<i64>,
    /// How many digits stand behind the point, or [`ABSENT`].
    pub scale: Vec<u8>,
}

impl Decimals {
    /// Appends one value.
    #[inline]
    pub fn push(&mut self, value: Option<Decimal>) {
        match value {
            Some(d) => {
                self.mantissa.push(d.mantissa());
                self.scale.push(d.scale());
            }
            None => {
                self.mantissa.push(0);
                self.scale.push(ABSENT);
            }
        }
    }

    /// The value at `index`; `None` when it is absent or past the end.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<Decimal> {
        match (self.mantissa.get(index), self.scale.get(index)) {
            (Some(&mantissa), Some(&scale)) if scale != ABSENT => {
                Some(Decimal::from_trimmed(mantissa, scale))
            }
            _ => None,
        }
    }

    fn clear(&mut self) {
        self.mantissa.clear();
        self.scale.clear();
    }
}

/// Trades as columns of one length. The order is the tape's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trades {
    /// Where each stands on the tape.
    pub offset: Vec<u64>,
    /// [`Trade::market`].
    pub market: Vec<u32>,
    /// [`Trade::side`] as its `u8`.
    pub side: Vec<u8>,
    /// [`Trade::price`].
    pub price: Decimals,
    /// [`Trade::volume`].
    pub volume: Decimals,
    /// [`Trade::sequential_id`].
    pub sequential_id: Vec<u64>,
    /// [`Trade::traded_at_ms`].
    pub traded_at_ms: Vec<i64>,
    /// [`Trade::received_at_ms`].
    pub received_at_ms: Vec<i64>,
    /// [`Trade::flags`] as its bits.
    pub flags: Vec<u8>,
    /// [`Trade::best_bid`].
    pub best_bid: Decimals,
    /// [`Trade::best_ask`].
    pub best_ask: Decimals,
    /// [`Trade::prev_close`].
    pub prev_close: Decimals,
}

impl Trades {
    /// How many trades.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offset.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offset.is_empty()
    }

    /// Appends a row.
    #[inline]
    pub fn push(&mut self, offset: u64, trade: &Trade) {
        self.offset.push(offset);
        self.market.push(trade.market.0);
        self.side.push(trade.side as u8);
        self.price.push(Some(trade.price));
        self.volume.push(Some(trade.volume));
        self.sequential_id.push(trade.sequential_id);
        self.traded_at_ms.push(trade.traded_at_ms);
        self.received_at_ms.push(trade.received_at_ms);
        self.flags.push(trade.flags.0);
        self.best_bid.push(trade.best_bid);
        self.best_ask.push(trade.best_ask);
        self.prev_close.push(trade.prev_close);
    }

    /// The row at `index`; `None` past the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Trade> {
        Some(Trade {
            market: MarketId(*self.market.get(index)?),
            side: Side::from_u8(*self.side.get(index)?),
            price: self.price.get(index)?,
            volume: self.volume.get(index)?,
            sequential_id: *self.sequential_id.get(index)?,
            traded_at_ms: *self.traded_at_ms.get(index)?,
            received_at_ms: *self.received_at_ms.get(index)?,
            flags: Flags(*self.flags.get(index)?),
            best_bid: self.best_bid.get(index),
            best_ask: self.best_ask.get(index),
            prev_close: self.prev_close.get(index),
        })
    }

    /// Empties every column and keeps its memory.
    pub fn clear(&mut self) {
        self.offset.clear();
        self.market.clear();
        self.side.clear();
        self.price.clear();
        self.volume.clear();
        self.sequential_id.clear();
        self.traded_at_ms.clear();
        self.received_at_ms.clear();
        self.flags.clear();
        self.best_bid.clear();
        self.best_ask.clear();
        self.prev_close.clear();
    }
}
