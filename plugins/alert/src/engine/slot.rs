//! What a window is made of: single trades up to ten minutes, panes of one second beyond.
//!
//! Which of the two follows from the rule's text alone. A raw window is `(now - w, now]`; one of
//! panes is `(floor(now - w), now]`, to the second, with panes `(start, start + 1 s]`.

use crate::fixed::{notional, volume};
use crate::kinds::{Fill, Measure};
use crate::rule::Taker;
use serde::{Deserialize, Serialize};
use tradehook_decimal::Decimal;

/// The longest window that keeps every trade.
pub(crate) const RAW_WINDOW_MS: i64 = 600_000;
const PANE_MS: i64 = 1000;
/// Amounts from here on make a sum unknown: below it, the sums of 2²⁷ trades fit.
const AMOUNT_LIMIT: i128 = 1 << 100;

/// What one trade adds to the sums; `None` when it cannot be told exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amounts {
    pub(crate) notional: i128,
    pub(crate) volume: i128,
    pub(crate) sell: bool,
}

impl Amounts {
    #[inline]
    pub(crate) fn of(price: Decimal, size: Decimal, sell: bool) -> Option<Self> {
        let small = |amount: &i128| *amount < AMOUNT_LIMIT;
        let notional = notional(price, size).filter(small)?;
        Some(Self { notional, volume: volume(size).filter(small)?, sell })
    }

    /// What of it `measure` and `side` count.
    #[inline]
    pub(crate) fn part(&self, measure: Measure, side: Option<Taker>) -> i128 {
        if side.is_some_and(|side| (side == Taker::Sell) != self.sell) {
            return 0;
        }
        match measure {
            Measure::Notional => self.notional,
            Measure::Volume => self.volume,
            Measure::Count => 1,
        }
    }
}

/// One step of a window.
pub(crate) trait Slot: Sized {
    /// The time by which a trade is sorted in.
    fn key(at_ms: i64) -> i64;
    /// The last time that is no longer in the window.
    fn edge(now_ms: i64, span_ms: i64) -> i64;
    /// The first clock at which what has key `key` is out of the window.
    fn leaves(key: i64, span_ms: i64) -> i64 {
        key.saturating_add(span_ms)
    }
    fn new(fill: &Fill) -> Self;
    /// Takes in one more trade of the same key; false when each trade has a slot of its own.
    fn merge(&mut self, fill: &Fill) -> bool;
    fn at(&self) -> i64;
    fn first(&self) -> Decimal;
    fn last(&self) -> Decimal;
    fn low(&self) -> Decimal;
    fn high(&self) -> Decimal;
    /// What it adds to a sum.
    fn part(&self, measure: Measure, side: Option<Taker>) -> i128;
    /// Trades in it whose amounts are in no sum.
    fn untold(&self) -> u32;
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Single {
    at: i64,
    price: i64,
    size: i64,
    price_scale: u8,
    size_scale: u8,
    sell: bool,
}

impl Single {
    fn amounts(&self) -> Option<Amounts> {
        Amounts::of(self.first(), Decimal::from_trimmed(self.size, self.size_scale), self.sell)
    }
}

impl Slot for Single {
    #[inline]
    fn key(at_ms: i64) -> i64 {
        at_ms
    }

    #[inline]
    fn edge(now_ms: i64, span_ms: i64) -> i64 {
        now_ms.saturating_sub(span_ms)
    }

    #[inline]
    fn new(fill: &Fill) -> Self {
        let (price, size) = (fill.price, fill.volume);
        Self {
            at: fill.at_ms,
            price: price.mantissa(),
            size: size.mantissa(),
            price_scale: price.scale(),
            size_scale: size.scale(),
            sell: fill.sell,
        }
    }

    fn merge(&mut self, _fill: &Fill) -> bool {
        false
    }

    #[inline]
    fn at(&self) -> i64 {
        self.at
    }

    #[inline]
    fn first(&self) -> Decimal {
        Decimal::from_trimmed(self.price, self.price_scale)
    }

    #[inline]
    fn last(&self) -> Decimal {
        self.first()
    }

    fn low(&self) -> Decimal {
        self.first()
    }

    fn high(&self) -> Decimal {
        self.first()
    }

    #[inline]
    fn part(&self, measure: Measure, side: Option<Taker>) -> i128 {
        self.amounts().map_or(0, |amounts| amounts.part(measure, side))
    }

    fn untold(&self) -> u32 {
        u32::from(self.amounts().is_none())
    }
}

/// All trades of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pane {
    /// Its end, which is in it.
    at: i64,
    first_ms: i64,
    last_ms: i64,
    first: Decimal,
    last: Decimal,
    low: Decimal,
    high: Decimal,
    /// Bought, sold.
    notional: [i128; 2],
    volume: [i128; 2],
    count: [u32; 2],
    untold: u32,
}

impl Pane {
    fn add(&mut self, fill: &Fill) {
        let Some(amounts) = Amounts::of(fill.price, fill.volume, fill.sell) else {
            self.untold = self.untold.saturating_add(1);
            return;
        };
        let [bought, sold] = [usize::from(fill.sell) == 0, fill.sell];
        for (i, mine) in [bought, sold].into_iter().enumerate() {
            if let (true, Some(n), Some(v), Some(c)) =
                (mine, self.notional.get_mut(i), self.volume.get_mut(i), self.count.get_mut(i))
            {
                *n += amounts.notional;
                *v += amounts.volume;
                *c = c.saturating_add(1);
            }
        }
    }
}

impl Slot for Pane {
    fn key(at_ms: i64) -> i64 {
        at_ms.saturating_sub(1).div_euclid(PANE_MS).saturating_add(1).saturating_mul(PANE_MS)
    }

    fn edge(now_ms: i64, span_ms: i64) -> i64 {
        now_ms.saturating_sub(span_ms).div_euclid(PANE_MS).saturating_mul(PANE_MS)
    }

    fn new(fill: &Fill) -> Self {
        let (at_ms, price) = (fill.at_ms, fill.price);
        let mut pane = Self {
            at: Self::key(at_ms),
            first_ms: at_ms,
            last_ms: at_ms,
            first: price,
            last: price,
            low: price,
            high: price,
            notional: [0; 2],
            volume: [0; 2],
            count: [0; 2],
            untold: 0,
        };
        pane.add(fill);
        pane
    }

    fn merge(&mut self, fill: &Fill) -> bool {
        if fill.at_ms >= self.last_ms {
            (self.last_ms, self.last) = (fill.at_ms, fill.price);
        }
        if fill.at_ms < self.first_ms {
            (self.first_ms, self.first) = (fill.at_ms, fill.price);
        }
        self.low = self.low.min(fill.price);
        self.high = self.high.max(fill.price);
        self.add(fill);
        true
    }

    fn at(&self) -> i64 {
        self.at
    }

    fn first(&self) -> Decimal {
        self.first
    }

    fn last(&self) -> Decimal {
        self.last
    }

    fn low(&self) -> Decimal {
        self.low
    }

    fn high(&self) -> Decimal {
        self.high
    }

    fn part(&self, measure: Measure, side: Option<Taker>) -> i128 {
        let pick = |[bought, sold]: [i128; 2]| match side {
            None => bought + sold,
            Some(Taker::Buy) => bought,
            Some(Taker::Sell) => sold,
        };
        match measure {
            Measure::Notional => pick(self.notional),
            Measure::Volume => pick(self.volume),
            Measure::Count => pick(self.count.map(i128::from)),
        }
    }

    fn untold(&self) -> u32 {
        self.untold
    }
}
