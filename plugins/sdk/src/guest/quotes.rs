//! Tickers, books and candles: from columns to the trait.

use super::{Cell, cut, lower, optional, types};
use crate::{Candle, Flags, Level, MarketState, Orderbook, Out, Plugin, Side, Ticker};
use tradehook_decimal::{Decimal, Wide};

fn narrow(column: &types::Decimals, i: usize) -> Option<Decimal> {
    optional(column.mantissa[i], column.scale[i])
}

fn wide(column: &types::WideDecimals, i: usize) -> Option<Wide> {
    let scale = column.scale[i];
    let mantissa = i128::from(column.high[i]) << 64 | i128::from(column.low[i]);
    (scale <= Wide::MAX_SCALE).then(|| Wide::new(mantissa, scale))
}

fn day(column: &[u32], i: usize) -> Option<u32> {
    Some(column[i]).filter(|&day| day != 0)
}

impl<P: Plugin> Cell<P> {
    pub fn on_tickers(&self, b: types::TickerColumns) -> Vec<types::Emission> {
        let mut out = Out::new();
        let markets = self.markets.borrow();
        self.with(|plugin| {
            for i in 0..b.head.offset.len() {
                let price = cut(&b.price, b.head.offset.len());
                let ticker = Ticker {
                    offset: b.head.offset[i],
                    market: &markets[b.head.market[i] as usize],
                    market_id: b.head.market[i],
                    sent_at_ms: b.head.sent_at[i],
                    received_at_ms: b.head.received_at[i],
                    flags: Flags(b.head.flags[i]),
                    traded_at_ms: Some(b.traded_at[i]).filter(|&at| at != i64::MIN),
                    side: match b.side[i] {
                        0 => Some(Side::Buy),
                        1 => Some(Side::Sell),
                        _ => None,
                    },
                    price: Decimal::from_trimmed(price.0[i], price.1[i]),
                    volume: narrow(&b.volume, i),
                    open: narrow(&b.open, i),
                    high: narrow(&b.high, i),
                    low: narrow(&b.low, i),
                    prev_close: narrow(&b.prev_close, i),
                    change: narrow(&b.change, i),
                    change_rate: narrow(&b.change_rate, i),
                    acc_volume: wide(&b.acc_volume, i),
                    acc_notional: wide(&b.acc_notional, i),
                    acc_volume_24h: wide(&b.acc_volume_h24, i),
                    acc_notional_24h: wide(&b.acc_notional_h24, i),
                    acc_ask_volume: wide(&b.acc_ask_volume, i),
                    acc_bid_volume: wide(&b.acc_bid_volume, i),
                    high_52w: narrow(&b.high_year, i),
                    high_52w_on: day(&b.high_year_on, i),
                    low_52w: narrow(&b.low_year, i),
                    low_52w_on: day(&b.low_year_on, i),
                    state: match b.state[i] {
                        1 => MarketState::Preview,
                        2 => MarketState::Active,
                        3 => MarketState::Delisted,
                        _ => MarketState::Other,
                    },
                    delisted_on: day(&b.delisted_on, i),
                };
                out.stand_at(i as u32);
                plugin.on_ticker(&ticker, &mut out);
            }
        });
        lower(out.finish(0).1)
    }

    pub fn on_orderbooks(&self, b: types::OrderbookColumns) -> Vec<types::Emission> {
        let mut out = Out::new();
        let markets = self.markets.borrow();
        let (mut levels, mut first) = (Vec::new(), 0);
        self.with(|plugin| {
            for i in 0..b.head.offset.len() {
                levels.clear();
                let behind = first + b.levels[i] as usize;
                levels.extend((first..behind).map(|at| Level {
                    ask_price: narrow(&b.ask_price, at),
                    ask_size: narrow(&b.ask_size, at),
                    bid_price: narrow(&b.bid_price, at),
                    bid_size: narrow(&b.bid_size, at),
                }));
                first = behind;
                let book = Orderbook {
                    offset: b.head.offset[i],
                    market: &markets[b.head.market[i] as usize],
                    market_id: b.head.market[i],
                    sent_at_ms: b.head.sent_at[i],
                    received_at_ms: b.head.received_at[i],
                    flags: Flags(b.head.flags[i]),
                    total_ask_size: wide(&b.total_ask_size, i),
                    total_bid_size: wide(&b.total_bid_size, i),
                    grouping: narrow(&b.grouping, i),
                    levels: &levels,
                };
                out.stand_at(i as u32);
                plugin.on_orderbook(&book, &mut out);
            }
        });
        lower(out.finish(0).1)
    }

    pub fn on_candles(&self, b: types::CandleColumns) -> Vec<types::Emission> {
        let mut out = Out::new();
        let markets = self.markets.borrow();
        let price =
            |column: &types::Decimals, i: usize| Decimal::from_trimmed(column.mantissa[i], column.scale[i]);
        self.with(|plugin| {
            for i in 0..b.head.offset.len() {
                let candle = Candle {
                    offset: b.head.offset[i],
                    market: &markets[b.head.market[i] as usize],
                    market_id: b.head.market[i],
                    sent_at_ms: b.head.sent_at[i],
                    received_at_ms: b.head.received_at[i],
                    flags: Flags(b.head.flags[i]),
                    opened_at_ms: b.opened_at[i],
                    unit_s: b.unit[i],
                    open: price(&b.open, i),
                    high: price(&b.high, i),
                    low: price(&b.low, i),
                    close: price(&b.close, i),
                    volume: wide(&b.volume, i),
                    notional: wide(&b.notional, i),
                };
                out.stand_at(i as u32);
                plugin.on_candle(&candle, &mut out);
            }
        });
        lower(out.finish(0).1)
    }
}
