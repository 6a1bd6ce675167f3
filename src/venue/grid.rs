//! The price grid: which prices exist in a market, by its quote currency.
//!
//! Prices and volumes of the stand-in are integers of 10^-8 ("units"), the finest step the venue
//! has anywhere, so that every one is exact.
//!
//! The KRW table is the venue's of 2025-07-31, the USDT table that of 2024-08-19; BTC markets have
//! one step. The finer step of a few KRW markets (stablecoins) is left out.

/// Units in one whole of a currency.
pub(super) const UNIT: i64 = 100_000_000;

/// What prices are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    Krw,
    Btc,
    Usdt,
}

/// Prices from this one on (in units) step by the second.
type Steps = [(i64, i64)];

const KRW: &Steps = &[
    (1_000_000 * UNIT, 1_000 * UNIT),
    (500_000 * UNIT, 500 * UNIT),
    (100_000 * UNIT, 100 * UNIT),
    (50_000 * UNIT, 50 * UNIT),
    (10_000 * UNIT, 10 * UNIT),
    (5_000 * UNIT, 5 * UNIT),
    (100 * UNIT, UNIT),
    (10 * UNIT, UNIT / 10),
    (UNIT, UNIT / 100),
    (UNIT / 10, UNIT / 1_000),
    (UNIT / 100, UNIT / 10_000),
    (UNIT / 1_000, UNIT / 100_000),
    (UNIT / 10_000, UNIT / 1_000_000),
    (UNIT / 100_000, 10),
];

const USDT: &Steps = &[
    (10 * UNIT, UNIT / 100),
    (UNIT, UNIT / 1_000),
    (UNIT / 10, UNIT / 10_000),
    (UNIT / 100, UNIT / 100_000),
    (UNIT / 1_000, UNIT / 1_000_000),
    (UNIT / 10_000, 10),
];

impl Quote {
    /// The quote currency of a code such as `KRW-BTC`, if the venue has such markets.
    pub(super) fn of(code: &str) -> Option<Self> {
        match code.split_once('-')?.0 {
            "KRW" => Some(Self::Krw),
            "BTC" => Some(Self::Btc),
            "USDT" => Some(Self::Usdt),
            _ => None,
        }
    }

    /// The step of the grid at `price`.
    pub(super) fn tick(self, price: i64) -> i64 {
        let steps = match self {
            Self::Krw => KRW,
            Self::Usdt => USDT,
            Self::Btc => return 1,
        };
        steps.iter().find(|(from, _)| price >= *from).map_or(1, |(_, step)| *step)
    }

    /// The price of the grid at or below `price`, and never below one step.
    #[expect(clippy::cast_possible_truncation, reason = "float to integer saturates")]
    pub(super) fn snap(self, price: f64) -> i64 {
        let price = (price as i64).max(1);
        let tick = self.tick(price);
        (price / tick * tick).max(1)
    }

    /// The next price up.
    pub(super) fn above(self, price: i64) -> i64 {
        price + self.tick(price)
    }

    /// The next price down; a price of one step stays.
    pub(super) fn below(self, price: i64) -> i64 {
        (price - self.tick(price - 1)).max(1)
    }

    /// What one won is worth in this currency, in whole units of it; roughly that of late 2026,
    /// and used for nothing but to give every market orders of a like size.
    pub(super) const fn per_won(self) -> f64 {
        match self {
            Self::Krw => 1.0,
            Self::Btc => 1.0 / 116_000_000.0,
            Self::Usdt => 1.0 / 1_420.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_steps_as_the_venue_says() {
        let check = |quote: Quote, price: i64, below: i64, above: i64| {
            assert_eq!((quote.below(price), quote.above(price)), (below, above), "{quote:?} {price}");
        };
        check(Quote::Krw, 116_000_000 * UNIT, 115_999_000 * UNIT, 116_001_000 * UNIT);
        check(Quote::Krw, 1_000_000 * UNIT, 999_500 * UNIT, 1_001_000 * UNIT);
        check(Quote::Krw, 500_000 * UNIT, 499_900 * UNIT, 500_500 * UNIT);
        check(Quote::Krw, 250 * UNIT, 249 * UNIT, 251 * UNIT);
        check(Quote::Krw, 100 * UNIT, 99 * UNIT + UNIT / 10 * 9, 101 * UNIT);
        check(Quote::Krw, 200, 199, 201);
        check(Quote::Btc, 3_000_000, 2_999_999, 3_000_001);
        check(Quote::Usdt, 10 * UNIT, 10 * UNIT - UNIT / 1_000, 10 * UNIT + UNIT / 100);
        check(Quote::Btc, 1, 1, 2);
    }

    #[test]
    fn snapping_goes_down_to_the_grid_and_never_to_nought() {
        assert_eq!(Quote::Krw.snap(116_000_999.9 * 1e8), 116_000_000 * UNIT);
        assert_eq!(Quote::Krw.snap(-5.0), 1);
        assert_eq!(Quote::Btc.snap(0.4), 1);
    }
}
