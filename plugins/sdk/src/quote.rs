//! What a plugin is told of a market beside its trades: tickers, order books and candles.

use crate::{Flags, Side};
use tradehook_decimal::{Decimal, Wide};

/// Where a market stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MarketState {
    /// The venue did not say, or in a word that is not known.
    #[default]
    Other,
    /// Listed, and not traded yet.
    Preview,
    /// Traded.
    Active,
    /// Gone.
    Delisted,
}

/// The day of a market so far, since 00:00 UTC. Sums are [`Wide`]: they have more digits than a
/// [`Decimal`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticker<'a> {
    /// Where it stands on the tape.
    pub offset: u64,
    /// The market's code, quote first: `KRW-BTC`.
    pub market: &'a str,
    /// The market's number: dense from 0, stable for this plugin's life and across its snapshots.
    pub market_id: u32,
    /// When the venue made the frame, ms since the Unix epoch.
    pub sent_at_ms: i64,
    /// When it arrived at the host, ms since the Unix epoch.
    pub received_at_ms: i64,
    /// How it came in.
    pub flags: Flags,
    /// When the last trade was matched.
    pub traded_at_ms: Option<i64>,
    /// The taker of the last trade.
    pub side: Option<Side>,
    /// Of the last trade.
    pub price: Decimal,
    /// Of the last trade.
    pub volume: Option<Decimal>,
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
    /// Its day, `yyyymmdd`.
    pub high_52w_on: Option<u32>,
    /// The lowest price of 52 weeks.
    pub low_52w: Option<Decimal>,
    /// Its day, `yyyymmdd`.
    pub low_52w_on: Option<u32>,
    /// Where the market stands in its life.
    pub state: MarketState,
    /// When it will go, `yyyymmdd`, where that is said.
    pub delisted_on: Option<u32>,
}

/// One step of a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// What a buyer would pay; absent where the side has no more orders.
    pub ask_price: Option<Decimal>,
    /// How much is offered at that price.
    pub ask_size: Option<Decimal>,
    /// What a seller would get; absent where the side has no more orders.
    pub bid_price: Option<Decimal>,
    /// How much is asked for at that price.
    pub bid_size: Option<Decimal>,
}

/// A whole book: the venue sends no differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orderbook<'a> {
    /// Where it stands on the tape.
    pub offset: u64,
    /// The market's code, quote first: `KRW-BTC`.
    pub market: &'a str,
    /// The market's number: dense from 0, stable for this plugin's life and across its snapshots.
    pub market_id: u32,
    /// When the venue made the frame, ms since the Unix epoch.
    pub sent_at_ms: i64,
    /// When it arrived at the host, ms since the Unix epoch.
    pub received_at_ms: i64,
    /// How it came in.
    pub flags: Flags,
    /// All that is offered, beyond the levels too.
    pub total_ask_size: Option<Wide>,
    /// All that is asked for.
    pub total_bid_size: Option<Wide>,
    /// How prices are grouped; nought where they are not.
    pub grouping: Option<Decimal>,
    /// Best first.
    pub levels: &'a [Level],
}

impl Orderbook<'_> {
    /// Price and size of what is offered, the cheapest first.
    pub fn asks(&self) -> impl Iterator<Item = (Decimal, Decimal)> {
        self.levels.iter().filter_map(|level| level.ask_price.zip(level.ask_size))
    }

    /// Price and size of what is asked for, the dearest first.
    pub fn bids(&self) -> impl Iterator<Item = (Decimal, Decimal)> {
        self.levels.iter().filter_map(|level| level.bid_price.zip(level.bid_size))
    }

    /// The best ask.
    #[must_use]
    pub fn best_ask(&self) -> Option<Decimal> {
        self.levels.first()?.ask_price
    }

    /// The best bid.
    #[must_use]
    pub fn best_bid(&self) -> Option<Decimal> {
        self.levels.first()?.bid_price
    }

    /// Best ask less best bid, exact; negative in a crossed book.
    #[must_use]
    pub fn spread(&self) -> Option<Wide> {
        self.best_ask()?.wide().checked_add(self.best_bid()?.wide().negated())
    }

    /// The middle of best bid and ask, near enough for a statistic.
    #[must_use]
    pub fn mid_f64(&self) -> Option<f64> {
        Some(f64::midpoint(self.best_ask()?.to_f64(), self.best_bid()?.to_f64()))
    }

    /// How far the sizes of all levels lean to the bids: from -1 (only asks) to 1 (only bids), near
    /// enough for a statistic.
    #[must_use]
    pub fn imbalance_f64(&self) -> Option<f64> {
        let sum = |sizes: &mut dyn Iterator<Item = (Decimal, Decimal)>| -> f64 {
            sizes.map(|(_, size)| size.to_f64()).sum()
        };
        let (asks, bids) = (sum(&mut self.asks()), sum(&mut self.bids()));
        (asks + bids > 0.0).then(|| (bids - asks) / (bids + asks))
    }
}

/// A bar as the venue draws it. The same bar comes again with every trade that changes it, at most
/// once a second; the last one counts, and nothing says that it was the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle<'a> {
    /// Where it stands on the tape.
    pub offset: u64,
    /// The market's code, quote first: `KRW-BTC`.
    pub market: &'a str,
    /// The market's number: dense from 0, stable for this plugin's life and across its snapshots.
    pub market_id: u32,
    /// When the venue made the frame, ms since the Unix epoch.
    pub sent_at_ms: i64,
    /// When it arrived at the host, ms since the Unix epoch.
    pub received_at_ms: i64,
    /// How it came in.
    pub flags: Flags,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_knows_its_best_prices_and_its_lean() {
        let d = |text: &str| text.parse::<Decimal>().ok();
        let levels = [
            Level { ask_price: d("102"), ask_size: d("1"), bid_price: d("100.5"), bid_size: d("2") },
            Level { bid_price: d("100"), bid_size: d("1"), ..Level::default() },
        ];
        let book = Orderbook {
            offset: 0,
            market: "KRW-BTC",
            market_id: 0,
            sent_at_ms: 0,
            received_at_ms: 0,
            flags: Flags::default(),
            total_ask_size: None,
            total_bid_size: None,
            grouping: None,
            levels: &levels,
        };
        assert_eq!((book.best_ask(), book.best_bid()), (d("102"), d("100.5")));
        assert_eq!(book.spread(), d("1.5").map(Decimal::wide));
        assert_eq!((book.asks().count(), book.bids().count()), (1, 2));
        assert_eq!((book.mid_f64(), book.imbalance_f64()), (Some(101.25), Some(0.5)));
        let empty = Orderbook { levels: &[], ..book };
        assert_eq!((empty.best_ask(), empty.spread(), empty.imbalance_f64()), (None, None, None));
    }
}
