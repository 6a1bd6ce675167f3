//! One bar: what the trades of one stretch of time come to.
//!
//! Open is the trade of the least time and, within a millisecond, the first processed; close that
//! of the greatest time and the last processed. So a late trade may become the open, and the order
//! of arrival decides only where the venue's clock does not.

use crate::{
    config::BarSpec,
    sum::{Fill, Flow, parts},
};
use serde::{Deserialize, Serialize};
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::{Record, Value};

/// A bar that is being built, or one that is kept to be amended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bar {
    pub(crate) start: i64,
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
    first_ts: i64,
    last_ts: i64,
}

/// What a bar says of its trustworthiness, known only to whoever emits it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) partial: bool,
    pub(crate) incomplete: bool,
}

impl Bar {
    /// A bar without trades; its prices are the last that was paid.
    pub(crate) fn empty(start: i64, price: Decimal) -> Self {
        Self {
            start,
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
        if first || fill.ts < self.first_ts {
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
        if first || fill.ts >= self.last_ts {
            (self.close, self.last_ts, self.last_sid) = (fill.price, fill.ts, fill.sid);
        }
        Some(())
    }

    /// The record of it, fields in their documented order.
    pub(crate) fn record(&self, topic: &str, market: &str, spec: &BarSpec, marks: Marks) -> Record {
        let (total, buys) = (&self.total, &self.buys);
        let traded = |value: Value| if self.is_empty() { Value::Null } else { value };
        let record = Record::new(topic)
            .with("market", market)
            .with("kind", "time")
            .with("size", spec.size_text.as_str())
            .with("start_ms", self.start)
            .with("end_ms", self.start + spec.size)
            .with("open", self.open)
            .with("high", self.high)
            .with("low", self.low)
            .with("close", self.close)
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
        match &spec.id {
            Some(id) => record.with("id", id.as_str()),
            None => record,
        }
    }
}

/// A sequential id as a value: exact even where it exceeds what the emission's integer holds.
fn id(sid: u64) -> Value {
    i64::try_from(sid).map_or_else(|_| Value::Number(Wide::new(i128::from(sid), 0)), Value::Int)
}
