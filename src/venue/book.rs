//! The order book: what rests around the last trade of a market.
//!
//! A whole book each time, as the venue sends it: no deltas, no sequence number. The best prices and
//! sizes are those of the last trade; what lies behind them is drawn from market, price and second,
//! so that the same moment has the same book for everybody.

use super::{
    chance::Chance,
    grid::{Quote, UNIT},
    synth::VenueTrade,
};

/// Levels of a side: 30 since 2025.
const LEVELS: usize = 30;

/// One side of one level; 10^-8 units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) price: i64,
    pub(super) size: i64,
}

/// A book at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Book {
    pub(super) asks: Vec<Level>,
    pub(super) bids: Vec<Level>,
    pub(super) at_ms: i64,
}

impl Book {
    /// What rests after `last`, at `at_ms`: `depth` levels, prices grouped by `level` (0: not).
    pub(super) fn new(last: &VenueTrade, at_ms: i64, depth: usize, level: i64) -> Option<Self> {
        let quote = Quote::of(&last.code)?;
        // A hundred grouped levels and more would be a walk without end for a cheap coin.
        let reach = if level > 0 { LEVELS * 20 } else { LEVELS };
        let mut asks = Vec::new();
        let mut bids = Vec::new();
        let (mut ask, mut bid) = (last.best_ask, last.best_bid);
        for n in 0..reach {
            let seed = (at_ms / 1_000).unsigned_abs();
            let size = |price: i64, best: i64| {
                if n == 0 {
                    return best;
                }
                let mut chance = Chance::new(seed ^ price.unsigned_abs(), &last.code);
                (best as f64 * chance.between(0.1, 4.0)) as i64 + 1
            };
            asks.push(Level { price: ask, size: size(ask, last.best_ask_size) });
            bids.push(Level { price: bid, size: size(bid, last.best_bid_size) });
            ask = quote.above(ask);
            bid = quote.below(bid);
        }
        let group = |side: Vec<Level>, up: bool| grouped(side, level, up, depth);
        Some(Self { asks: group(asks, true), bids: group(bids, false), at_ms })
    }

    pub(super) fn total(side: &[Level]) -> i64 {
        side.iter().map(|level| level.size).sum()
    }
}

/// Sums the levels of each step: asks rounded up, bids down.
fn grouped(side: Vec<Level>, step: i64, up: bool, depth: usize) -> Vec<Level> {
    let mut out: Vec<Level> = Vec::new();
    for level in side {
        let below = if step > 0 { level.price / step * step } else { level.price };
        let price = if up && below < level.price { below + step } else { below };
        match out.last_mut().filter(|last| last.price == price) {
            Some(last) if step > 0 => last.size += level.size,
            _ => out.push(Level { price, size: level.size }),
        }
    }
    out.truncate(depth);
    out
}

/// The levels of a code such as `KRW-BTC.5`, and the code alone. Other counts bring 30.
pub(super) fn depth(code: &str) -> (&str, usize) {
    match code.split_once('.') {
        Some((code, "1")) => (code, 1),
        Some((code, "5")) => (code, 5),
        Some((code, "15")) => (code, 15),
        Some((code, _)) => (code, LEVELS),
        None => (code, LEVELS),
    }
}

/// The steps by which a market's prices can be grouped, beside none; won markets only.
pub(super) fn supported_levels(last: &VenueTrade) -> (i64, Vec<i64>) {
    let tick = Quote::of(&last.code).map_or(1, |quote| quote.tick(last.price));
    let won = last.code.starts_with("KRW-");
    let levels = [10, 100, 1_000].into_iter().filter(|_| won).map(|times| tick * times);
    (tick, std::iter::once(0).chain(levels).collect())
}

/// A step as a client spells it, in 10^-8 units; `None` for what is no number from 0 on.
pub(super) fn step(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{:0<8}", fraction);
    let whole = whole.parse::<i64>().ok().filter(|w| *w >= 0)?;
    whole.checked_mul(UNIT)?.checked_add(fraction.get(..8)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trade::Side;

    fn last() -> VenueTrade {
        VenueTrade {
            code: "KRW-BTC".into(),
            side: Side::Sell,
            price: 116_000_000 * UNIT,
            volume: UNIT,
            prev_close: 116_000_000 * UNIT,
            traded_at_ms: 1_000,
            arrives_at_ms: 1_040,
            sequential_id: 10_000_000,
            best_ask: 116_001_000 * UNIT,
            best_ask_size: UNIT / 10,
            best_bid: 116_000_000 * UNIT,
            best_bid_size: UNIT / 5,
        }
    }

    #[test]
    fn a_book_is_thirty_levels_outwards_from_the_last_trade() {
        let book = Book::new(&last(), 5_000, 30, 0);
        assert_eq!(book, Book::new(&last(), 5_999, 30, 0).map(|b| Book { at_ms: 5_000, ..b }));
        let Some(book) = book else { panic!("no book") };
        assert_eq!((book.asks.len(), book.bids.len()), (30, 30));
        assert_eq!(book.asks.first(), Some(&Level { price: last().best_ask, size: UNIT / 10 }));
        assert_eq!(book.bids.first(), Some(&Level { price: last().best_bid, size: UNIT / 5 }));
        assert!(book.asks.is_sorted_by(|a, b| a.price < b.price && a.size > 0));
        assert!(book.bids.is_sorted_by(|a, b| a.price > b.price && a.size > 0));
    }

    #[test]
    fn prices_are_grouped_away_from_the_middle() {
        let step = 10_000 * UNIT;
        let Some(book) = Book::new(&last(), 5_000, 5, step) else { panic!("no book") };
        let prices = |side: &[Level]| side.iter().map(|l| l.price / UNIT).collect::<Vec<_>>();
        assert_eq!(prices(&book.asks), [116_010_000, 116_020_000, 116_030_000, 116_040_000, 116_050_000]);
        assert_eq!(prices(&book.bids), [116_000_000, 115_990_000, 115_980_000, 115_970_000, 115_960_000]);
    }

    #[test]
    fn codes_name_their_depth() {
        let check = |code: &str, expect: (&str, usize)| assert_eq!(depth(code), expect, "{code}");
        check("KRW-BTC", ("KRW-BTC", 30));
        check("KRW-BTC.1", ("KRW-BTC", 1));
        check("KRW-BTC.15", ("KRW-BTC", 15));
        check("KRW-BTC.7", ("KRW-BTC", 30));
        assert_eq!(
            (step("10000"), step("0.1"), step("x"), step("-1")),
            (Some(1_000_000_000_000), Some(10_000_000), None, None)
        );
    }
}
