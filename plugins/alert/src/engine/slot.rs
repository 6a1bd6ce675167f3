//! What a window is made of: single trades up to ten minutes, panes of one second beyond.
//!
//! Which of the two follows from the rule's text alone. A raw window is `(now - w, now]`; one of
//! panes is `(floor(now - w), now]`, to the second, with panes `(start, start + 1 s]`.

use crate::fixed::{notional, product, quick, volume};
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
    notional: i128,
    size: Decimal,
    sell: bool,
}

impl Amounts {
    #[inline]
    pub(crate) fn of(fill: &Fill) -> Option<Self> {
        Self::from(fill.price, fill.volume, fill.sell)
    }

    #[inline]
    fn from(price: Decimal, size: Decimal, sell: bool) -> Option<Self> {
        let small = |amount: &i128| (0..AMOUNT_LIMIT).contains(amount);
        let notional = match (quick(price), quick(size)) {
            // At scale 16, what fits an `i64` at scale 8 is below the limit.
            (Some(price), Some(size)) if price >= 0 && size >= 0 => product(price, size),
            _ => {
                volume(size).filter(small)?;
                notional(price, size)?
            }
        };
        small(&notional).then_some(Self { notional, size, sell })
    }

    /// What of it `measure` and `side` count.
    #[inline]
    pub(crate) fn part(&self, measure: Measure, side: Option<Taker>) -> i128 {
        if side.is_some_and(|side| (side == Taker::Sell) != self.sell) {
            return 0;
        }
        match measure {
            Measure::Notional => self.notional,
            Measure::Volume => self.volume(),
            Measure::Count => 1,
        }
    }

    fn volume(&self) -> i128 {
        volume(self.size).unwrap_or(0)
    }
}

/// One step of a window.
pub(crate) trait Slot: Sized {
    /// Whether it keeps sums, which cannot be told from it later.
    const SUMS: bool;
    /// The time by which a trade is sorted in.
    fn key(at_ms: i64) -> i64;
    /// The last time that is no longer in the window.
    fn edge(now_ms: i64, span_ms: i64) -> i64;
    /// The first clock at which what has key `key` is out of the window.
    fn leaves(key: i64, span_ms: i64) -> i64 {
        key.saturating_add(span_ms)
    }
    fn new(fill: &Fill, amounts: Option<&Amounts>) -> Self;
    /// Takes in one more trade of the same key; false when it is of another one, or each trade has
    /// a slot of its own.
    fn merge(&mut self, fill: &Fill, amounts: Option<&Amounts>) -> bool;
    fn at(&self) -> i64;
    fn first(&self) -> Decimal;
    fn last(&self) -> Decimal;
    fn low(&self) -> Decimal;
    fn high(&self) -> Decimal;
    /// What it adds to a sum.
    fn part(&self, measure: Measure, side: Option<Taker>) -> i128;
    /// Whether the amounts of a trade in it are in no sum.
    fn untold(&self) -> bool;
}

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Bare", into = "Bare")]
pub(crate) struct Single {
    at: i64,
    price: i64,
    size: i64,
    price_scale: u8,
    size_scale: u8,
    sell: bool,
    /// Whether the amounts are in the sums.
    told: bool,
}

/// What of a trade is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bare {
    at: i64,
    price: i64,
    size: i64,
    price_scale: u8,
    size_scale: u8,
    sell: bool,
}

impl Single {
    #[inline]
    fn price(&self) -> Decimal {
        Decimal::from_trimmed(self.price, self.price_scale)
    }

    #[inline]
    fn size(&self) -> Decimal {
        Decimal::from_trimmed(self.size, self.size_scale)
    }

    fn amounts(&self) -> Option<Amounts> {
        Amounts::from(self.price(), self.size(), self.sell)
    }
}

impl From<Bare> for Single {
    fn from(bare: Bare) -> Self {
        let Bare { at, price, size, price_scale, size_scale, sell } = bare;
        let mut single = Self { at, price, size, price_scale, size_scale, sell, told: false };
        single.told = single.amounts().is_some();
        single
    }
}

impl From<Single> for Bare {
    fn from(single: Single) -> Self {
        let Single { at, price, size, price_scale, size_scale, sell, told: _ } = single;
        Self { at, price, size, price_scale, size_scale, sell }
    }
}

impl Slot for Single {
    const SUMS: bool = false;

    #[inline]
    fn key(at_ms: i64) -> i64 {
        at_ms
    }

    #[inline]
    fn edge(now_ms: i64, span_ms: i64) -> i64 {
        now_ms.saturating_sub(span_ms)
    }

    #[inline]
    fn new(fill: &Fill, amounts: Option<&Amounts>) -> Self {
        let (price, size) = (fill.price, fill.volume);
        Self {
            at: fill.at_ms,
            price: price.mantissa(),
            size: size.mantissa(),
            price_scale: price.scale(),
            size_scale: size.scale(),
            sell: fill.sell,
            told: amounts.is_some(),
        }
    }

    #[inline]
    fn merge(&mut self, _fill: &Fill, _amounts: Option<&Amounts>) -> bool {
        false
    }

    #[inline]
    fn at(&self) -> i64 {
        self.at
    }

    #[inline]
    fn first(&self) -> Decimal {
        self.price()
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

    /// Only what is asked for is computed: this is the inner loop of every sum.
    #[inline]
    fn part(&self, measure: Measure, side: Option<Taker>) -> i128 {
        if !self.told || side.is_some_and(|side| (side == Taker::Sell) != self.sell) {
            return 0;
        }
        match measure {
            Measure::Count => 1,
            Measure::Volume => volume(self.size()).unwrap_or(0),
            Measure::Notional => self.amounts().map_or(0, |amounts| amounts.notional),
        }
    }

    fn untold(&self) -> bool {
        !self.told
    }
}

/// What takers of one side did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Totals {
    notional: i128,
    volume: i128,
    count: u32,
}

impl Totals {
    fn part(&self, measure: Measure) -> i128 {
        match measure {
            Measure::Notional => self.notional,
            Measure::Volume => self.volume,
            Measure::Count => i128::from(self.count),
        }
    }
}

/// All trades of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pane {
    /// Its end, which is in it.
    at: i64,
    first_ms: i64,
    last_ms: i64,
    #[serde(with = "crate::fixed::parts")]
    first: Decimal,
    #[serde(with = "crate::fixed::parts")]
    last: Decimal,
    #[serde(with = "crate::fixed::parts")]
    low: Decimal,
    #[serde(with = "crate::fixed::parts")]
    high: Decimal,
    bought: Totals,
    sold: Totals,
    untold: u32,
}

impl Pane {
    fn add(&mut self, amounts: Option<&Amounts>) {
        let Some(amounts) = amounts else {
            self.untold = self.untold.saturating_add(1);
            return;
        };
        let [bought, sold] = [&mut self.bought, &mut self.sold];
        let totals = if amounts.sell { sold } else { bought };
        totals.notional += amounts.notional;
        totals.volume += amounts.volume();
        totals.count = totals.count.saturating_add(1);
    }
}

impl Slot for Pane {
    const SUMS: bool = true;

    fn key(at_ms: i64) -> i64 {
        at_ms.saturating_sub(1).div_euclid(PANE_MS).saturating_add(1).saturating_mul(PANE_MS)
    }

    fn edge(now_ms: i64, span_ms: i64) -> i64 {
        now_ms.saturating_sub(span_ms).div_euclid(PANE_MS).saturating_mul(PANE_MS)
    }

    fn new(fill: &Fill, amounts: Option<&Amounts>) -> Self {
        let (at_ms, price) = (fill.at_ms, fill.price);
        let mut pane = Self {
            at: Self::key(at_ms),
            first_ms: at_ms,
            last_ms: at_ms,
            first: price,
            last: price,
            low: price,
            high: price,
            bought: Totals::default(),
            sold: Totals::default(),
            untold: 0,
        };
        pane.add(amounts);
        pane
    }

    #[inline]
    fn merge(&mut self, fill: &Fill, amounts: Option<&Amounts>) -> bool {
        if fill.at_ms > self.at || fill.at_ms <= self.at.saturating_sub(PANE_MS) {
            return false;
        }
        if fill.at_ms >= self.last_ms {
            (self.last_ms, self.last) = (fill.at_ms, fill.price);
        }
        if fill.at_ms < self.first_ms {
            (self.first_ms, self.first) = (fill.at_ms, fill.price);
        }
        self.low = self.low.min(fill.price);
        self.high = self.high.max(fill.price);
        self.add(amounts);
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
        match side {
            None => self.bought.part(measure) + self.sold.part(measure),
            Some(Taker::Buy) => self.bought.part(measure),
            Some(Taker::Sell) => self.sold.part(measure),
        }
    }

    fn untold(&self) -> bool {
        self.untold > 0
    }
}
