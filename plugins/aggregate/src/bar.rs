//! One bar: what the trades of one stretch come to.
//!
//! Open is the trade of the least time and, within a millisecond, of the least sequential id; close
//! that of the greatest. So a late trade may become the open, and the order of arrival decides
//! nothing: within a millisecond the venue counts its ids up, in the order of its own candles.

use crate::{
    config::Face,
    sum::{Fill, Flow, Sum, parts},
};
use serde::{Deserialize, Serialize};
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::{Record, Value};

/// A bar that is being built, or one that is kept to be amended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    pub(crate) start: i64,
    /// The first moment behind it; of a bar without a time of its own that of its last trade.
    pub(crate) end: i64,
    pub(crate) rev: u32,
    /// A late trade changed it after its final.
    pub(crate) amended: bool,
    /// It holds something that was not emitted yet.
    pub(crate) dirty: bool,
    #[serde(with = "parts")]
    open: Decimal,
    #[serde(with = "parts")]
    high: Decimal,
    #[serde(with = "parts")]
    low: Decimal,
    #[serde(with = "parts")]
    pub(crate) close: Decimal,
    total: Flow,
    buys: Flow,
    first_sid: u64,
    last_sid: u64,
    pub(crate) first_ts: i64,
    pub(crate) last_ts: i64,
}

/// What a bar says of its trustworthiness, known only to whoever emits it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) partial: bool,
    pub(crate) incomplete: bool,
    /// It has no prices, as nothing was paid in it.
    pub(crate) unpriced: bool,
    /// Of bars that trades end: what else is said.
    pub(crate) threshold: Option<Threshold>,
}

/// What is said of a bar that trades end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threshold {
    /// The clock ended it.
    pub(crate) aged: bool,
    /// Buys less sells, where these count against one another.
    pub(crate) theta: Option<Sum>,
}

impl Bar {
    /// A bar without trades; its prices are the last that was paid.
    pub(crate) fn empty(start: i64, end: i64, price: Decimal) -> Self {
        Self {
            start,
            end,
            rev: 0,
            amended: false,
            dirty: false,
            open: price,
            high: price,
            low: price,
            close: price,
            total: Flow::default(),
            buys: Flow::default(),
            first_sid: 0,
            last_sid: 0,
            first_ts: 0,
            last_ts: 0,
        }
    }

    /// Whether no trade is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.total.count == 0
    }

    /// Adds a fill; `None`, and nothing changes, when a sum would no longer be exact.
    #[inline]
    pub(crate) fn add(&mut self, fill: &Fill) -> Option<()> {
        let total = self.total.plus(fill)?;
        if fill.buy {
            self.buys = self.buys.plus(fill)?;
        }
        let first = self.is_empty();
        self.total = total;
        let place = (fill.ts, fill.sid);
        if first || place < (self.first_ts, self.first_sid) {
            (self.open, self.first_ts, self.first_sid) = (fill.price, fill.ts, fill.sid);
        }
        if first {
            (self.high, self.low) = (fill.price, fill.price);
        } else if fill.price != self.close {
            // A price that equals the close can be neither; most do.
            if fill.price > self.high {
                self.high = fill.price;
            } else if fill.price < self.low {
                self.low = fill.price;
            }
        }
        if first || place >= (self.last_ts, self.last_sid) {
            (self.close, self.last_ts, self.last_sid) = (fill.price, fill.ts, fill.sid);
        }
        Some(())
    }

    /// The record of it, fields in their documented order.
    pub(crate) fn record(&self, topic: &str, market: &str, face: &Face, marks: Marks) -> Record {
        let (total, buys) = (&self.total, &self.buys);
        let traded = |value: Value| if self.is_empty() { Value::Null } else { value };
        let price = |price: Decimal| if marks.unpriced { Value::Null } else { price.into() };
        let mut record = Record::new(topic)
            .with("market", market)
            .with("kind", face.kind)
            .with("size", face.size.as_str())
            .with("start_ms", self.start)
            .with("end_ms", self.end)
            .with("open", price(self.open))
            .with("high", price(self.high))
            .with("low", price(self.low))
            .with("close", price(self.close))
            .with("volume", total.volume.wide())
            .with("notional", total.notional.wide())
            .with("buy_volume", buys.volume.wide())
            .with("sell_volume", total.volume.minus(buys.volume).map(|s| s.wide()))
            .with("buy_notional", buys.notional.wide())
            .with("count", i64::try_from(total.count).unwrap_or(i64::MAX))
            .with("vwap", total.vwap())
            .with("first_sid", traded(id(self.first_sid)))
            .with("last_sid", traded(id(self.last_sid)))
            .with("first_ts", traded(self.first_ts.into()))
            .with("last_ts", traded(self.last_ts.into()))
            .with("rev", self.rev)
            .with("partial", marks.partial)
            .with("incomplete", marks.incomplete)
            .with("empty", self.is_empty())
            .with("late_amended", self.amended);
        if let Some(Threshold { aged, theta }) = marks.threshold {
            record = record.with("aged", aged);
            if let Some(theta) = theta {
                record = record.with("theta", theta.wide());
            }
        }
        match &face.id {
            Some(id) => record.with("id", id.as_str()),
            None => record,
        }
    }
}

/// A sequential id as a value: exact even where it exceeds what the emission's integer holds.
fn id(sid: u64) -> Value {
    i64::try_from(sid).map_or_else(|_| Value::Number(Wide::new(i128::from(sid), 0)), Value::Int)
}
