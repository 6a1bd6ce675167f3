//! Several trades put together into one, with what is known of them all.
//!
//! Keeps: [numbers-survive]

use super::item::kept;
use serde::{Deserialize, Serialize};
use tradehook_decimal::Wide;
use tradehook_sdk::{Flags, MadeTrade, Record, Side};

/// Decimals of an average price: as many as the venue's finest step has.
const VWAP_SCALE: u8 = 8;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Merged {
    /// The one of the greatest time, the last processed.
    #[serde(with = "kept::one")]
    pub(crate) last: MadeTrade,
    pub(crate) fills: u64,
    #[serde(with = "parts")]
    volume: Wide,
    #[serde(with = "parts")]
    buy_volume: Wide,
    #[serde(with = "parts")]
    notional: Wide,
    #[serde(with = "parts")]
    min: Wide,
    #[serde(with = "parts")]
    max: Wide,
    first_sid: u64,
    first_ts: i64,
}

impl Merged {
    /// One alone.
    pub(crate) fn of(trade: MadeTrade) -> Self {
        let (price, volume) = (trade.price.wide(), trade.volume.wide());
        Self {
            fills: 1,
            volume,
            buy_volume: if trade.side == Side::Buy { volume } else { Wide::ZERO },
            notional: trade.price.times(trade.volume),
            min: price,
            max: price,
            first_sid: trade.sequential_id,
            first_ts: trade.traded_at_ms,
            last: trade,
        }
    }

    /// With one more; `false`, and nothing changes, where a sum would not be a trade's any more.
    pub(crate) fn add(&mut self, trade: &MadeTrade) -> bool {
        let volume = trade.volume.wide();
        let Some(sum) = self.volume.checked_add(volume).filter(|sum| sum.narrow().is_some()) else {
            return false;
        };
        let Some(notional) = self.notional.checked_add(trade.price.times(trade.volume)) else { return false };
        if trade.side == Side::Buy {
            let Some(bought) = self.buy_volume.checked_add(volume) else { return false };
            self.buy_volume = bought;
        }
        (self.volume, self.notional) = (sum, notional);
        self.fills += 1;
        let price = trade.price.wide();
        (self.min, self.max) = (self.min.min(price), self.max.max(price));
        if trade.traded_at_ms < self.first_ts {
            (self.first_ts, self.first_sid) = (trade.traded_at_ms, trade.sequential_id);
        }
        if trade.traded_at_ms >= self.last.traded_at_ms {
            self.last = trade.clone();
        }
        true
    }

    /// The average price, half to even at 8 decimals.
    fn vwap(&self) -> Option<Wide> {
        self.notional.quotient(self.volume, VWAP_SCALE)
    }

    /// The trade of them all at their average price, or at the last one's. One alone is what it was.
    pub(crate) fn trade(&self, averaged: bool) -> MadeTrade {
        let mut trade = self.last.clone();
        if self.fills == 1 {
            return trade;
        }
        let average = self.vwap().and_then(Wide::narrow).filter(|price| price.is_positive() && averaged);
        trade.price = average.unwrap_or(trade.price);
        // That it fits has been seen when it was added.
        trade.volume = self.volume.narrow().unwrap_or(trade.volume);
        trade.flags = Flags(trade.flags.0 | Flags::SYNTHETIC.0);
        trade
    }

    /// What a record says of them.
    pub(crate) fn record(&self, topic: &str, market: &str) -> Record {
        let id = |sid: u64| i64::try_from(sid).ok();
        Record::new(topic)
            .with("market", market)
            .with("side", if self.last.side == Side::Buy { "buy" } else { "sell" })
            .with("price", self.last.price)
            .with("vwap", self.vwap())
            .with("min", self.min)
            .with("max", self.max)
            .with("volume", self.volume)
            .with("buy_volume", self.buy_volume)
            .with("notional", self.notional)
            .with("fills", i64::try_from(self.fills).unwrap_or(i64::MAX))
            .with("first_sid", id(self.first_sid))
            .with("last_sid", id(self.last.sequential_id))
            .with("first_ts", self.first_ts)
            .with("last_ts", self.last.traded_at_ms)
    }
}

/// Wide decimals in a snapshot: as their parts, as their own form is text.
mod parts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use tradehook_decimal::Wide;

    pub(super) fn serialize<S: Serializer>(value: &Wide, to: S) -> Result<S::Ok, S::Error> {
        (value.mantissa(), value.scale()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Wide, D::Error> {
        let (mantissa, scale) = <(i128, u8)>::deserialize(from)?;
        let fits = scale <= Wide::MAX_SCALE;
        fits.then(|| Wide::new(mantissa, scale)).ok_or_else(|| D::Error::custom("a scale out of range"))
    }
}
