//! The last price of each market, taken from batches of trades.
//!
//! One lock and one pass per batch; decimals are only read for the last trade of a market. Volume
//! is summed as a float: it is for looking at, the exact one is in the bars.

use super::snapshot::MarketSnapshot;
use crate::{
    market::{MarketId, Markets},
    trade::Trades,
};
use std::sync::Arc;
use tradehook_decimal::Decimal;

/// What is known of one market.
#[derive(Debug)]
struct Facts {
    code: Arc<str>,
    trades: u64,
    volume: f64,
    last_at_ms: i64,
    price: Option<Decimal>,
    prev_close: Option<Decimal>,
    /// Index into the batch being noted of its latest trade.
    latest: Option<usize>,
}

/// All markets seen, by [`MarketId`]. Bounded by the tape's table of markets.
#[derive(Debug, Default)]
pub(super) struct MarketFacts {
    slots: Vec<Option<Facts>>,
    touched: Vec<usize>,
}

impl MarketFacts {
    pub(super) fn note(&mut self, trades: &Trades, markets: &Markets) {
        for (index, (&market, &at_ms)) in trades.market.iter().zip(&trades.traded_at_ms).enumerate() {
            let slot = market as usize;
            let Some(facts) = self.slot(slot, markets) else { continue };
            facts.trades += 1;
            facts.volume += trades.volume.get(index).map_or(0.0, Decimal::to_f64);
            // Trades arrive out of order (late and backfilled ones): the last price is that of
            // the trade the venue matched last.
            if at_ms >= facts.last_at_ms {
                facts.last_at_ms = at_ms;
                if facts.latest.replace(index).is_none() {
                    self.touched.push(slot);
                }
            }
        }
        for slot in self.touched.drain(..) {
            let Some(Some(facts)) = self.slots.get_mut(slot) else { continue };
            let Some(index) = facts.latest.take() else { continue };
            facts.price = trades.price.get(index);
            facts.prev_close = trades.prev_close.get(index).or(facts.prev_close);
        }
    }

    fn slot(&mut self, slot: usize, markets: &Markets) -> Option<&mut Facts> {
        if slot >= self.slots.len() {
            if slot >= markets.len() {
                return None;
            }
            self.slots.resize_with(markets.len(), || None);
        }
        let place = self.slots.get_mut(slot)?;
        if place.is_none() {
            let code = Arc::clone(markets.code(MarketId(u32::try_from(slot).ok()?))?);
            *place = Some(Facts {
                code,
                trades: 0,
                volume: 0.0,
                last_at_ms: i64::MIN,
                price: None,
                prev_close: None,
                latest: None,
            });
        }
        place.as_mut()
    }

    pub(super) fn snapshot(&self) -> Vec<MarketSnapshot> {
        let shown = |facts: &Facts| MarketSnapshot {
            code: facts.code.to_string(),
            price: facts.price,
            prev_close: facts.prev_close,
            last_at_ms: facts.last_at_ms,
            trades: facts.trades,
            volume: facts.volume,
        };
        self.slots.iter().flatten().map(shown).collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::trade::{Flags, Side, Trade};

    fn trade(market: u32, price: &str, at_ms: i64, prev_close: Option<&str>) -> Trade {
        Trade {
            market: MarketId(market),
            side: Side::Buy,
            price: price.parse().unwrap(),
            volume: "0.5".parse().unwrap(),
            sequential_id: 1,
            traded_at_ms: at_ms,
            received_at_ms: at_ms,
            flags: Flags::default(),
            best_bid: None,
            best_ask: None,
            prev_close: prev_close.map(|p| p.parse().unwrap()),
        }
    }

    #[test]
    fn the_last_price_is_that_of_the_trade_matched_last() {
        let mut markets = Markets::default();
        markets.intern("KRW-BTC");
        markets.intern("KRW-ETH");
        let mut trades = Trades::default();
        trades.push(0, &trade(1, "4000000", 50, None));
        trades.push(1, &trade(0, "100000000", 100, Some("99000000")));
        trades.push(2, &trade(0, "100100000", 200, None));
        trades.push(3, &trade(0, "99900000", 150, None));
        trades.push(4, &trade(7, "1", 1, None)); // a market that the table does not know
        let mut facts = MarketFacts::default();
        facts.note(&trades, &markets);
        let mut late = Trades::default();
        late.push(5, &trade(0, "1", 199, None));
        facts.note(&late, &markets);

        let seen = facts.snapshot();
        let btc = seen.iter().find(|m| m.code == "KRW-BTC").unwrap();
        assert_eq!(btc.price.unwrap().to_string(), "100100000");
        assert_eq!(btc.trades, 4);
        assert!((btc.volume - 2.0).abs() < 1e-9);
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn the_close_of_the_day_before_outlives_trades_that_lack_it() {
        let mut markets = Markets::default();
        markets.intern("KRW-BTC");
        let mut facts = MarketFacts::default();
        for (price, close) in [("2", Some("1")), ("3", None)] {
            let mut trades = Trades::default();
            trades.push(0, &trade(0, price, 5, close));
            facts.note(&trades, &markets);
        }
        let btc = facts.snapshot().pop().unwrap();
        assert_eq!(btc.prev_close.unwrap().to_string(), "1");
        assert_eq!(btc.price.unwrap().to_string(), "3");
    }
}
