//! What the tests of this room share.

use super::TapeConfig;
use crate::{
    market::MarketId,
    quote::{Candle, Day, Head, Level, MarketState, Orderbook, Quote, Ticker},
    trade::{Flags, Side, Trade},
};
use std::{path::Path, time::Duration};
use tradehook_decimal::{Decimal, Wide};

/// How many markets [`trade`] names.
pub(super) const MARKETS: u64 = 3;

/// Trade number `n`: every field depends on it.
pub(super) fn trade(n: u64) -> Trade {
    let signed = i64::try_from(n).unwrap_or(i64::MAX);
    let decimal = |mantissa, scale| Decimal::new(mantissa, scale);
    Trade {
        market: MarketId(u32::try_from(n % MARKETS).unwrap_or(0)),
        side: Side::from_u8(u8::from(n.is_multiple_of(2))),
        price: decimal(95_000_000 + signed, 3).unwrap_or(Decimal::ZERO),
        volume: decimal(1 + signed * 7, 8).unwrap_or(Decimal::ZERO),
        sequential_id: 17_000_000_000_000_000 + n,
        traded_at_ms: 1_700_000_000_000 + signed,
        received_at_ms: 1_700_000_000_040 + signed,
        flags: Flags(u8::from(n.is_multiple_of(5))),
        best_bid: (!n.is_multiple_of(3)).then(|| decimal(94_999_000 + signed, 0)).flatten(),
        best_ask: (!n.is_multiple_of(4)).then(|| decimal(95_001_000 + signed, 2)).flatten(),
        prev_close: (!n.is_multiple_of(7)).then(|| decimal(90_000_001, 18)).flatten(),
    }
}

/// A small tape in a directory: segments of 4 KiB.
pub(super) fn config(dir: &Path) -> TapeConfig {
    TapeConfig {
        dir: Some(dir.to_owned()),
        segment_bytes: 4 << 10,
        memory_bytes: 4 << 10,
        sync_every: Duration::from_secs(3600),
        ..TapeConfig::default()
    }
}

/// Quote number `n`: the three sorts in turn, every field depending on it.
pub(super) fn quote(n: u64) -> Quote {
    let signed = i64::try_from(n).unwrap_or(i64::MAX);
    let decimal = |mantissa: i64, scale| Decimal::new(mantissa, scale).unwrap_or(Decimal::ZERO);
    let some = |at: u64, mantissa, scale| (!n.is_multiple_of(at)).then(|| decimal(mantissa, scale));
    let wide = |at: u64| {
        let sum = Wide::new(10_711_749_229_465_390_000_001 + i128::from(n), 12);
        (!n.is_multiple_of(at)).then_some(sum)
    };
    let head = Head {
        market: MarketId(u32::try_from(n % MARKETS).unwrap_or(0)),
        sent_at_ms: 1_700_000_000_010 + signed,
        received_at_ms: 1_700_000_000_040 + signed,
        flags: Flags(u8::from(n.is_multiple_of(5))),
    };
    match n % 3 {
        0 => Quote::Ticker(Box::new(Ticker {
            head,
            traded_at_ms: (!n.is_multiple_of(4)).then_some(1_700_000_000_000 + signed),
            price: decimal(95_000_000 + signed, 3),
            volume: some(7, signed, 8),
            side: (!n.is_multiple_of(9)).then(|| Side::from_u8(u8::from(n.is_multiple_of(2)))),
            open: some(6, 94_000_000, 0),
            high: some(12, i64::MAX, 18),
            low: some(15, 1, 18),
            prev_close: some(18, 93_000_000 + signed, 2),
            change: some(6, -5 - signed, 2),
            change_rate: some(6, -123_456 - signed, 10),
            acc_volume: wide(12),
            acc_notional: wide(15),
            acc_volume_24h: wide(18),
            acc_notional_24h: wide(21),
            acc_ask_volume: wide(24),
            acc_bid_volume: wide(27),
            high_52w: some(6, 2, 0),
            high_52w_on: Day::new(2025, 10, 9).filter(|_| n.is_multiple_of(2)),
            low_52w: some(9, 1, 0),
            low_52w_on: Day::new(2026, 2, 6),
            state: MarketState::from_u8((n / 3 % 4) as u8),
            delisted_on: Day::new(2026, 12, 31).filter(|_| n.is_multiple_of(12)),
        })),
        1 => Quote::Orderbook(Orderbook {
            head,
            total_ask_size: wide(4),
            total_bid_size: wide(5),
            grouping: some(7, 10_000, 0),
            levels: (0..signed % 5)
                .map(|level| Level {
                    ask_price: some(5, 95_001_000 + level, 0),
                    ask_size: some(2, 1 + level, 8),
                    bid_price: some(7, 94_999_000 - level, 0),
                    bid_size: Some(decimal(i64::MIN + level, 18)),
                })
                .collect(),
        }),
        _ => Quote::Candle(Box::new(Candle {
            head,
            opened_at_ms: 1_699_999_980_000,
            unit_s: 60 * u32::try_from(n % 240).unwrap_or(1),
            open: decimal(1, 0),
            high: decimal(3 + signed, 0),
            low: decimal(1, 4),
            close: decimal(2, 0),
            volume: wide(4),
            notional: wide(5),
        })),
    }
}
