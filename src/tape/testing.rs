//! What the tests of this room share.

use super::TapeConfig;
use crate::{
    market::MarketId,
    trade::{Flags, Side, Trade},
};
use std::{path::Path, time::Duration};
use tradehook_decimal::Decimal;

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
