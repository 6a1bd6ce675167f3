//! Tickers, books and candles as they cross into a guest: mirrors of `plugins/sdk/wit/plugin.wit`.
//!
//! Built for each call from the rows that a pipeline holds: quotes are rarer than trades, and are
//! told again in parts after a fault.

use super::contract::DecimalColumn;
use crate::{
    quote::{Candle, Day, Head, Orderbook, Ticker},
    trade::ABSENT,
};
use tradehook_decimal::Wide;
use wasmtime::component::{ComponentType, Lower};

/// A column of optional wide decimals: an integer of 128 bits in two halves, and a scale.
#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub(super) struct WideColumn {
    high: Vec<i64>,
    low: Vec<u64>,
    scale: Vec<u8>,
}

impl WideColumn {
    fn push(&mut self, value: Option<Wide>) {
        let mantissa = value.map_or(0, Wide::mantissa);
        // The upper half keeps the sign, the lower half the bits.
        self.high.push((mantissa >> 64) as i64);
        self.low.push(mantissa as u64);
        self.scale.push(value.map_or(ABSENT, Wide::scale));
    }
}

#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub(super) struct HeadColumns {
    offset: Vec<u64>,
    market: Vec<u32>,
    #[component(name = "sent-at")]
    sent_at: Vec<i64>,
    #[component(name = "received-at")]
    received_at: Vec<i64>,
    flags: Vec<u8>,
}

impl HeadColumns {
    fn push(&mut self, offset: u64, head: &Head) {
        self.offset.push(offset);
        self.market.push(head.market.0);
        self.sent_at.push(head.sent_at_ms);
        self.received_at.push(head.received_at_ms);
        self.flags.push(head.flags.0);
    }
}

#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub(super) struct TickerColumns {
    head: HeadColumns,
    #[component(name = "traded-at")]
    traded_at: Vec<i64>,
    side: Vec<u8>,
    price: DecimalColumn,
    volume: DecimalColumn,
    open: DecimalColumn,
    high: DecimalColumn,
    low: DecimalColumn,
    #[component(name = "prev-close")]
    prev_close: DecimalColumn,
    change: DecimalColumn,
    #[component(name = "change-rate")]
    change_rate: DecimalColumn,
    #[component(name = "acc-volume")]
    acc_volume: WideColumn,
    #[component(name = "acc-notional")]
    acc_notional: WideColumn,
    #[component(name = "acc-volume-h24")]
    acc_volume_24h: WideColumn,
    #[component(name = "acc-notional-h24")]
    acc_notional_24h: WideColumn,
    #[component(name = "acc-ask-volume")]
    acc_ask_volume: WideColumn,
    #[component(name = "acc-bid-volume")]
    acc_bid_volume: WideColumn,
    #[component(name = "high-year")]
    high_52w: DecimalColumn,
    #[component(name = "high-year-on")]
    high_52w_on: Vec<u32>,
    #[component(name = "low-year")]
    low_52w: DecimalColumn,
    #[component(name = "low-year-on")]
    low_52w_on: Vec<u32>,
    state: Vec<u8>,
    #[component(name = "delisted-on")]
    delisted_on: Vec<u32>,
}

impl TickerColumns {
    pub(super) fn push(&mut self, offset: u64, t: &Ticker) {
        let day = |day: Option<Day>| day.map_or(0, |day| day.0);
        self.head.push(offset, &t.head);
        self.traded_at.push(t.traded_at_ms.unwrap_or(i64::MIN));
        self.side.push(t.side.map_or(ABSENT, |side| side as u8));
        self.price.push(Some(t.price));
        self.volume.push(t.volume);
        self.open.push(t.open);
        self.high.push(t.high);
        self.low.push(t.low);
        self.prev_close.push(t.prev_close);
        self.change.push(t.change);
        self.change_rate.push(t.change_rate);
        self.acc_volume.push(t.acc_volume);
        self.acc_notional.push(t.acc_notional);
        self.acc_volume_24h.push(t.acc_volume_24h);
        self.acc_notional_24h.push(t.acc_notional_24h);
        self.acc_ask_volume.push(t.acc_ask_volume);
        self.acc_bid_volume.push(t.acc_bid_volume);
        self.high_52w.push(t.high_52w);
        self.high_52w_on.push(day(t.high_52w_on));
        self.low_52w.push(t.low_52w);
        self.low_52w_on.push(day(t.low_52w_on));
        self.state.push(t.state as u8);
        self.delisted_on.push(day(t.delisted_on));
    }
}

#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub(super) struct OrderbookColumns {
    head: HeadColumns,
    #[component(name = "total-ask-size")]
    total_ask_size: WideColumn,
    #[component(name = "total-bid-size")]
    total_bid_size: WideColumn,
    grouping: DecimalColumn,
    levels: Vec<u32>,
    #[component(name = "ask-price")]
    ask_price: DecimalColumn,
    #[component(name = "ask-size")]
    ask_size: DecimalColumn,
    #[component(name = "bid-price")]
    bid_price: DecimalColumn,
    #[component(name = "bid-size")]
    bid_size: DecimalColumn,
}

impl OrderbookColumns {
    pub(super) fn push(&mut self, offset: u64, book: &Orderbook) {
        self.head.push(offset, &book.head);
        self.total_ask_size.push(book.total_ask_size);
        self.total_bid_size.push(book.total_bid_size);
        self.grouping.push(book.grouping);
        self.levels.push(u32::try_from(book.levels.len()).unwrap_or(u32::MAX));
        for level in &book.levels {
            self.ask_price.push(level.ask_price);
            self.ask_size.push(level.ask_size);
            self.bid_price.push(level.bid_price);
            self.bid_size.push(level.bid_size);
        }
    }
}

#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub(super) struct CandleColumns {
    head: HeadColumns,
    #[component(name = "opened-at")]
    opened_at: Vec<i64>,
    unit: Vec<u32>,
    open: DecimalColumn,
    high: DecimalColumn,
    low: DecimalColumn,
    close: DecimalColumn,
    volume: WideColumn,
    notional: WideColumn,
}

impl CandleColumns {
    pub(super) fn push(&mut self, offset: u64, candle: &Candle) {
        self.head.push(offset, &candle.head);
        self.opened_at.push(candle.opened_at_ms);
        self.unit.push(candle.unit_s);
        self.open.push(Some(candle.open));
        self.high.push(Some(candle.high));
        self.low.push(Some(candle.low));
        self.close.push(Some(candle.close));
        self.volume.push(candle.volume);
        self.notional.push(candle.notional);
    }
}
