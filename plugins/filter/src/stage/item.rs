//! A trade on its way through the stations.

use tradehook_sdk::{MadeTrade, Trade};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) trade: MadeTrade,
    /// It is the trade being handled, unchanged: it can flow on as it is.
    pub(crate) own: bool,
}

impl Item {
    pub(crate) fn own(trade: &Trade<'_>) -> Self {
        Self { trade: MadeTrade::of(trade), own: true }
    }

    /// One that was held back, or made.
    pub(crate) fn made(trade: MadeTrade) -> Self {
        Self { trade, own: false }
    }
}

/// Trades in a snapshot: as their parts, in the order of the fields.
pub(crate) mod kept {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use tradehook_decimal::Decimal;
    use tradehook_sdk::{Flags, MadeTrade, Side};

    #[derive(Serialize, Deserialize)]
    struct Kept {
        market_id: u32,
        buy: bool,
        price: (i64, u8),
        volume: (i64, u8),
        sequential_id: u64,
        traded_at_ms: i64,
        flags: u8,
        quotes: [Option<(i64, u8)>; 3],
    }

    impl From<&MadeTrade> for Kept {
        fn from(trade: &MadeTrade) -> Self {
            let parts = |number: Decimal| (number.mantissa(), number.scale());
            Self {
                market_id: trade.market_id,
                buy: trade.side == Side::Buy,
                price: parts(trade.price),
                volume: parts(trade.volume),
                sequential_id: trade.sequential_id,
                traded_at_ms: trade.traded_at_ms,
                flags: trade.flags.0,
                quotes: [trade.best_bid, trade.best_ask, trade.prev_close].map(|q| q.map(parts)),
            }
        }
    }

    impl Kept {
        fn trade(self) -> Option<MadeTrade> {
            let number = |(mantissa, scale)| Decimal::new(mantissa, scale);
            let quote = |parts: Option<_>| match parts {
                None => Some(None),
                Some(parts) => number(parts).map(Some),
            };
            let [best_bid, best_ask, prev_close] = self.quotes;
            Some(MadeTrade {
                market_id: self.market_id,
                side: if self.buy { Side::Buy } else { Side::Sell },
                price: number(self.price)?,
                volume: number(self.volume)?,
                sequential_id: self.sequential_id,
                traded_at_ms: self.traded_at_ms,
                flags: Flags(self.flags),
                best_bid: quote(best_bid)?,
                best_ask: quote(best_ask)?,
                prev_close: quote(prev_close)?,
            })
        }
    }

    /// One trade.
    pub(crate) mod one {
        use super::{Deserialize, Deserializer, Error, Kept, MadeTrade, Serialize, Serializer};

        pub(crate) fn serialize<S: Serializer>(trade: &MadeTrade, to: S) -> Result<S::Ok, S::Error> {
            Kept::from(trade).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<MadeTrade, D::Error> {
            Kept::deserialize(from)?.trade().ok_or_else(|| D::Error::custom("a scale out of range"))
        }
    }

    /// A list of trades.
    pub(crate) fn serialize<'t, S, I>(trades: &'t I, to: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        &'t I: IntoIterator<Item = &'t MadeTrade>,
    {
        to.collect_seq(trades.into_iter().map(Kept::from))
    }

    pub(crate) fn deserialize<'de, D, I>(from: D) -> Result<I, D::Error>
    where
        D: Deserializer<'de>,
        I: FromIterator<MadeTrade>,
    {
        let list = <Vec<Kept>>::deserialize(from)?;
        let trades = list.into_iter().map(Kept::trade).collect::<Option<I>>();
        trades.ok_or_else(|| D::Error::custom("a scale out of range"))
    }
}
