//! What a plugin is told: trades, the clock, what was lost, and what the host knows.

use crate::Value;
use tradehook_decimal::{Decimal, Wide};

/// Who was the taker of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The taker bought (the venue's `BID`).
    Buy,
    /// The taker sold (the venue's `ASK`).
    Sell,
}

/// How a trade came in; bits of a `u8`.
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
    /// A plugin made it: the venue never sent it.
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

/// One execution at the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade<'a> {
    /// Where it stands on the tape.
    pub offset: u64,
    /// The market's code, quote first: `KRW-BTC`.
    pub market: &'a str,
    /// The market's number: dense from 0, stable for this plugin's life and across its snapshots;
    /// good as an index into a `Vec`.
    pub market_id: u32,
    /// The taker's side.
    pub side: Side,
    /// In the quote currency, exact.
    pub price: Decimal,
    /// In the base currency, exact.
    pub volume: Decimal,
    /// Unique within its market; not an order.
    pub sequential_id: u64,
    /// When the venue matched it, ms since the Unix epoch.
    pub traded_at_ms: i64,
    /// When it arrived at the host, ms since the Unix epoch.
    pub received_at_ms: i64,
    /// How it came in.
    pub flags: Flags,
    /// The best bid after it, where the venue sent one.
    pub best_bid: Option<Decimal>,
    /// The best ask after it, where the venue sent one.
    pub best_ask: Option<Decimal>,
    /// The close of the day before (00:00 UTC), where the venue sent one.
    pub prev_close: Option<Decimal>,
}

impl Trade<'_> {
    /// Price times volume, in the quote currency, exact.
    #[must_use]
    #[inline]
    pub fn notional(&self) -> Wide {
        self.price.times(self.volume)
    }
}

/// The clock, told once a second while the host is connected, whether trades come or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where it stands on the tape.
    pub offset: u64,
    /// Ms since the Unix epoch.
    pub at_ms: i64,
}

/// A stretch of time in which trades may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap<'a> {
    /// Where it stands on the tape.
    pub offset: u64,
    /// The last moment that is known to be whole, ms since the Unix epoch.
    pub from_ms: i64,
    /// The first moment that is whole again.
    pub to_ms: i64,
    /// Why: `session_lost`, `downtime`, `overflow`, `id_hole` or `retention`.
    pub cause: &'a str,
    /// Numbers of the markets it is about; empty means all.
    pub market_ids: &'a [u32],
    /// Whether everything in it was recovered.
    pub filled: bool,
}

/// Something that the host knows: a state of its own, of a market, or a number from outside. Told when
/// it changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact<'a> {
    /// Where it stands on the tape.
    pub offset: u64,
    /// Since when, ms since the Unix epoch.
    pub at_ms: i64,
    /// For instance `health.connection_down`, `market.warning`, `fx.USDKRW`.
    pub name: &'a str,
    /// What it is about: a market, a channel, a plugin; empty where there is only one.
    pub subject: &'a str,
    /// What is the case.
    pub value: Value,
}
