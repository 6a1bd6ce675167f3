//! A market's clock and its latest trade: what every kind of rule measures against.
//!
//! The clock is the latest of the trades' own times and of what ticks say; it never goes back. A
//! trade older than the latest one is late: it still counts in windows for a while, but is never
//! the latest.
//!
//! Keeps: [time-enters-once]

use serde::{Deserialize, Serialize};
use tradehook_decimal::Decimal;
use tradehook_sdk::Trade;

/// The latest trade in order, as far as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latest {
    pub(crate) at_ms: i64,
    #[serde(with = "crate::fixed::parts")]
    pub(crate) price: Decimal,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) now_ms: i64,
    pub(crate) latest: Option<Latest>,
    /// Since when nothing is missing.
    pub(crate) cover_from: i64,
    /// Since when there was no trade, without the stretches that nobody saw.
    pub(crate) quiet_since: i64,
}

/// How a trade stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Next,
    Late,
    /// Too late to count at all.
    Lost,
}

impl Clock {
    /// Before any trade.
    pub(crate) const START: Self =
        Self { now_ms: i64::MIN, latest: None, cover_from: i64::MIN, quiet_since: i64::MIN };

    /// A trade tells the time. `idle_ms` is what ticks say the clock is at least.
    #[inline]
    pub(crate) fn hear(&mut self, trade: &Trade<'_>, idle_ms: i64, lateness_ms: i64) -> Order {
        let at_ms = trade.traded_at_ms;
        let order = match self.latest {
            Some(latest) if at_ms < latest.at_ms => {
                if latest.at_ms.saturating_sub(at_ms) > lateness_ms {
                    return Order::Lost;
                }
                Order::Late
            }
            Some(_) => Order::Next,
            None => {
                self.cover_from = self.cover_from.max(at_ms);
                Order::Next
            }
        };
        self.now_ms = self.now_ms.max(idle_ms).max(at_ms);
        if order == Order::Next {
            self.latest = Some(Latest { at_ms, price: trade.price });
            self.quiet_since = self.quiet_since.max(at_ms);
        }
        order
    }

    /// Trades of this stretch may be missing.
    pub(crate) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        self.cover_from = self.cover_from.max(to_ms);
        let unseen = to_ms.saturating_sub(from_ms.max(self.quiet_since)).max(0);
        self.quiet_since = self.quiet_since.saturating_add(unseen);
    }
}
