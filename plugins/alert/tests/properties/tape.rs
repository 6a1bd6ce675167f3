//! Generated tapes: trades in order and late, ticks and gaps, repeatable by their seed.

use super::common::Step;
use tradehook_sdk::Side;

/// Repeatable variety.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }

    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.below(7);
        random
    }
}

pub(crate) struct Shape {
    pub(crate) markets: u32,
    pub(crate) ticks: bool,
    pub(crate) gaps: bool,
    pub(crate) late: bool,
    /// Mean distance of two entries.
    pub(crate) pace_ms: u64,
    pub(crate) length: usize,
}

pub(crate) fn tape(random: &mut Random, shape: &Shape) -> Vec<Step> {
    let mut clock = 1_000_000i64;
    let mut prices = [1000i64; 3];
    let closes = ["95", "100", "105.5"];
    let mut steps = Vec::new();
    for _ in 0..shape.length {
        clock += i64::try_from(random.below(2 * shape.pace_ms)).unwrap_or(0);
        match random.below(20) {
            0..=2 if shape.ticks => steps.push(Step::Tick { at_ms: clock }),
            3 if shape.gaps && random.below(3) == 0 => {
                let length = i64::try_from(random.below(20_000)).unwrap_or(0);
                let (from_ms, filled) = (clock, random.below(3) == 0);
                clock += length;
                steps.push(Step::Gap { from_ms, to_ms: clock, filled });
            }
            _ => {
                let market = u32::try_from(random.below(u64::from(shape.markets))).unwrap_or(0);
                if let Some(price) = prices.get_mut(market as usize) {
                    *price = (*price + i64::try_from(random.below(41)).unwrap_or(0) - 20).clamp(800, 1200);
                    let late = shape.late && random.below(8) == 0;
                    let back = if late { i64::try_from(random.below(3000)).unwrap_or(0) } else { 0 };
                    let size = random.below(50) + 1;
                    // Some trades carry no quotes.
                    let spread = i64::try_from(size % 7).unwrap_or(0);
                    let tenths = |price: i64| format!("{}.{}", price / 10, price % 10);
                    let quotes =
                        (!size.is_multiple_of(4)).then(|| (tenths(*price - spread), tenths(*price + 2)));
                    steps.push(Step::Trade {
                        market,
                        quotes,
                        at_ms: clock - back,
                        price: format!("{}.{}", *price / 10, *price % 10),
                        volume: format!("{}.{:02}", size / 10, size % 10),
                        side: if random.below(2) == 0 { Side::Buy } else { Side::Sell },
                        close: closes
                            .get(usize::try_from(random.below(40)).unwrap_or(0))
                            .map(|c| (*c).to_owned()),
                    });
                }
            }
        }
    }
    steps
}

/// Three markets, and everything that can happen to them.
pub(crate) const EVERYTHING: Shape =
    Shape { markets: 3, ticks: true, gaps: true, late: true, pace_ms: 700, length: 250 };
