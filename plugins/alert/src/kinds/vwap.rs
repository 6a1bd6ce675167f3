//! `vwap`: a level on how far the price is from the volume-weighted mean, `(p - VWAP) / VWAP`.
//!
//! Over a window or since 00:00 UTC, the current trade included. With the sums of notional `N` and
//! volume `V` that is `(p * V - N) / N`, so nothing is divided before it is compared. Unknown until
//! there were `min_trades`.

use super::stretch::{self, Stretch, Sums};
use super::{Fill, Measure};
use crate::bounds::{Reading, Unit, ten_to};
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::{SUM_SCALE, times};
use crate::signal::{Fields, Signal};
use serde::Serialize;
use tradehook_decimal::Decimal;

/// How far back, and from how many trades on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Vwap {
    stretch: Stretch,
    min_trades: u32,
}

/// The keys beside the bounds.
pub(super) const KEYS: &[&str] = &["window", "since", "min_trades"];

pub(super) fn read(when: &mut Reader<'_>, _around: Around<'_>) -> Option<Vwap> {
    let min_trades = when.count("min_trades").unwrap_or(20);
    stretch::read(when).map(|stretch| Vwap { stretch, min_trades })
}

impl Vwap {
    #[expect(clippy::unused_self, reason = "all kinds are asked alike")]
    pub(super) fn unit(&self) -> Unit {
        Unit::Percent
    }

    pub(super) fn build(&self, needs: &mut Needs<'_>) -> Box<dyn Signal> {
        let asked = [(Measure::Notional, None), (Measure::Volume, None), (Measure::Count, None)];
        Box::new(Mean { sums: Sums::new(self.stretch, asked, needs), least: self.min_trades.into() })
    }

    pub(super) fn words(&self) -> String {
        format!("distance of the price from the VWAP {}", self.stretch.words())
    }
}

#[derive(Debug)]
struct Mean {
    sums: Sums<3>,
    least: i128,
}

/// `(price * volume - notional) / notional`, sums at scale 16; `None` when it does not fit.
fn deviation(price: Decimal, volume: i128, notional: i128) -> Option<Reading> {
    against(price, (volume, SUM_SCALE), notional).or_else(|| {
        let (mut volume, mut scale) = (volume, SUM_SCALE);
        // The venue prints 8 decimals: without the others, products are short.
        for step in [8u8, 4, 2, 1] {
            while scale >= step && volume % ten_to(step) == 0 && volume != 0 {
                (volume, scale) = (volume / ten_to(step), scale - step);
            }
        }
        against(price, (volume, scale), notional)
    })
}

/// The same of a volume at this scale; `None` where a product does not fit, too.
fn against(price: Decimal, (volume, scale): (i128, u8), notional: i128) -> Option<Reading> {
    let product = times(volume, i128::from(price.mantissa()))?;
    let have = scale + price.scale();
    let (product, notional) = if have <= SUM_SCALE {
        (times(product, ten_to(SUM_SCALE - have))?, notional)
    } else {
        (product, times(notional, ten_to(have - SUM_SCALE))?)
    };
    Reading::ratio(product.checked_sub(notional)?, notional)
}

impl Signal for Mean {
    fn trade(&mut self, fill: &Fill, view: &View<'_>) {
        self.sums.trade(fill, view);
    }

    fn late(&mut self, fill: &Fill, view: &View<'_>) {
        self.sums.trade(fill, view);
    }

    fn tick(&mut self, view: &View<'_>) {
        self.sums.tick(view);
    }

    fn value(&self, view: &View<'_>) -> Option<Reading> {
        let [notional, volume, count] = self.sums.values(view)?;
        if count < self.least { None } else { deviation(view.price()?, volume, notional) }
    }

    fn due(&self, view: &View<'_>) -> i64 {
        self.sums.due(view)
    }

    fn partial(&self, view: &View<'_>) -> bool {
        !self.sums.covered(view)
    }

    fn describe(&self, view: &View<'_>, fields: &mut Fields) {
        if let Some([notional, volume, count]) = self.sums.values(view) {
            let mean = Reading::ratio(notional, volume).map(|mean| mean.rounded(1, 8));
            fields.extend(mean.map(|mean| ("vwap", mean)));
            fields.push(("trades", i64::try_from(count).unwrap_or(i64::MAX).into()));
        }
        self.sums.describe(fields);
    }

    fn save(&self) -> Vec<u8> {
        self.sums.save()
    }

    fn load(&mut self, bytes: &[u8]) {
        self.sums.load(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    /// [numbers-survive]
    #[test]
    fn the_deviation_is_exact_whatever_the_digits() {
        let check = |price: &str, volume: i128, notional: i128, expect: Option<(i128, i128)>| {
            let got = deviation(price.parse().unwrap_or_default(), volume, notional);
            let same = match (got, expect) {
                (Some(Reading::Exact { num, den }), Some((a, b))) => {
                    num.checked_mul(b).cmp(&a.checked_mul(den)) == Ordering::Equal
                }
                (got, expect) => got.is_none() == expect.is_none(),
            };
            assert!(same, "{price} {volume} {notional}: {got:?}");
        };
        let unit = ten_to(16);
        check("103", 10 * unit, 1000 * unit, Some((3, 100)));
        check("97", 10 * unit, 1000 * unit, Some((-3, 100)));
        check("100.5", 10 * unit, 1000 * unit, Some((1, 200)));
        check("0.00009372", 20_000 * unit, 18_744 * ten_to(12), Some((0, 1)));
        // A day of the largest market: 10^12 at a price of 10^8.
        check("100000000", 10_000 * unit, ten_to(12) * unit, Some((0, 1)));
        check("0.000000000000000001", unit, 1, Some((-99, 100)));
        check("1", unit, 0, None);
    }
}
