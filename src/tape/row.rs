//! A trade as eighty bytes, little endian: the form it has on disk and in the tape's memory.
//!
//! Owns the layout and nothing else. A fixed width needs no parsing, so that a row becomes columns
//! at memory speed; the five spare bytes keep every eight-byte field aligned.
//!
//! Keeps: [numbers-survive]

use super::MAX_MARKETS;
use crate::trade::{ABSENT, Decimals, Trade, Trades};
use tradehook_decimal::{Decimal, MAX_SCALE};

/// Bytes of a row.
pub(super) const ROW: usize = 80;

/// One trade, encoded.
pub(super) type Row = [u8; ROW];

const PRICE: usize = 0;
const VOLUME: usize = 8;
const SEQUENTIAL_ID: usize = 16;
const TRADED_AT: usize = 24;
const RECEIVED_AT: usize = 32;
const BEST_BID: usize = 40;
const BEST_ASK: usize = 48;
const PREV_CLOSE: usize = 56;
const MARKET: usize = 64;
const SIDE: usize = 68;
const FLAGS: usize = 69;
/// The scales of price, volume, best bid, best ask and previous close, in this order.
const SCALES: usize = 70;

/// The row of a trade.
#[inline]
pub(super) fn encode(trade: &Trade) -> Row {
    let mut row = [0; ROW];
    put(&mut row, PRICE, trade.price.mantissa().to_le_bytes());
    put(&mut row, VOLUME, trade.volume.mantissa().to_le_bytes());
    put(&mut row, SEQUENTIAL_ID, trade.sequential_id.to_le_bytes());
    put(&mut row, TRADED_AT, trade.traded_at_ms.to_le_bytes());
    put(&mut row, RECEIVED_AT, trade.received_at_ms.to_le_bytes());
    put(&mut row, BEST_BID, mantissa(trade.best_bid).to_le_bytes());
    put(&mut row, BEST_ASK, mantissa(trade.best_ask).to_le_bytes());
    put(&mut row, PREV_CLOSE, mantissa(trade.prev_close).to_le_bytes());
    put(&mut row, MARKET, trade.market.0.to_le_bytes());
    row[SIDE] = trade.side as u8;
    row[FLAGS] = trade.flags.0;
    row[SCALES] = trade.price.scale();
    row[SCALES + 1] = trade.volume.scale();
    row[SCALES + 2] = scale(trade.best_bid);
    row[SCALES + 3] = scale(trade.best_ask);
    row[SCALES + 4] = scale(trade.prev_close);
    row
}

/// Appends rows, the first of which stands at `first`, to the columns.
pub(super) fn decode(first: u64, rows: &[Row], trades: &mut Trades) {
    trades.offset.extend(first..first + rows.len() as u64);
    trades.market.extend(rows.iter().map(|row| u32::from_le_bytes(get(row, MARKET))));
    trades.side.extend(rows.iter().map(|row| row[SIDE]));
    trades.flags.extend(rows.iter().map(|row| row[FLAGS]));
    trades.sequential_id.extend(rows.iter().map(|row| u64::from_le_bytes(get(row, SEQUENTIAL_ID))));
    trades.traded_at_ms.extend(rows.iter().map(|row| i64::from_le_bytes(get(row, TRADED_AT))));
    trades.received_at_ms.extend(rows.iter().map(|row| i64::from_le_bytes(get(row, RECEIVED_AT))));
    decimals(rows, PRICE, SCALES, &mut trades.price);
    decimals(rows, VOLUME, SCALES + 1, &mut trades.volume);
    decimals(rows, BEST_BID, SCALES + 2, &mut trades.best_bid);
    decimals(rows, BEST_ASK, SCALES + 3, &mut trades.best_ask);
    decimals(rows, PREV_CLOSE, SCALES + 4, &mut trades.prev_close);
}

/// Whether every row holds values that a trade can have. A checksum keeps accidents out; this
/// keeps out a file that somebody made.
pub(super) fn are_sound(rows: &[Row]) -> bool {
    let required = |scale: u8| scale <= MAX_SCALE;
    let optional = |scale: u8| scale <= MAX_SCALE || scale == ABSENT;
    rows.iter().fold(true, |sound, row| {
        sound
            & (row[SIDE] <= 1)
            & required(row[SCALES])
            & required(row[SCALES + 1])
            & optional(row[SCALES + 2])
            & optional(row[SCALES + 3])
            & optional(row[SCALES + 4])
            & (u32::from_le_bytes(get(row, MARKET)) < MAX_MARKETS)
    })
}

/// The market's number in a row.
pub(super) fn market(row: &Row) -> u32 {
    u32::from_le_bytes(get(row, MARKET))
}

/// When the row's trade was received.
pub(super) fn received_at_ms(row: &Row) -> i64 {
    i64::from_le_bytes(get(row, RECEIVED_AT))
}

#[inline]
fn decimals(rows: &[Row], mantissa_at: usize, scale_at: usize, column: &mut Decimals) {
    column.mantissa.extend(rows.iter().map(|row| i64::from_le_bytes(get(row, mantissa_at))));
    column.scale.extend(rows.iter().map(|row| row[scale_at]));
}

#[inline]
fn mantissa(value: Option<Decimal>) -> i64 {
    value.map_or(0, Decimal::mantissa)
}

#[inline]
fn scale(value: Option<Decimal>) -> u8 {
    value.map_or(ABSENT, Decimal::scale)
}

#[inline]
fn put<const N: usize>(row: &mut Row, at: usize, bytes: [u8; N]) {
    row[at..at + N].copy_from_slice(&bytes);
}

#[inline]
fn get<const N: usize>(row: &Row, at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&row[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::testing;

    /// Proves [numbers-survive] for the tape's own form.
    #[test]
    fn a_row_gives_back_the_trade_it_was_made_of() {
        let trades: Vec<_> = (0..100).map(testing::trade).collect();
        let rows: Vec<Row> = trades.iter().map(encode).collect();
        assert!(are_sound(&rows));
        let mut columns = Trades::default();
        decode(7, &rows, &mut columns);
        for (index, trade) in trades.iter().enumerate() {
            assert_eq!(columns.get(index), Some(*trade), "row {index}");
        }
        assert_eq!(columns.offset.first(), Some(&7));
    }

    #[test]
    fn a_row_that_no_trade_can_have_is_refused() {
        let good = encode(&testing::trade(3));
        let check = |at: usize, value: u8| {
            let mut row = good;
            row[at] = value;
            assert!(!are_sound(&[good, row]), "byte {at} = {value}");
        };
        check(SIDE, 2);
        check(SCALES, 19);
        check(SCALES, ABSENT);
        check(SCALES + 1, 200);
        check(SCALES + 2, 19);
        check(SCALES + 4, 254);
        check(MARKET + 3, 1);
    }
}
