//! What a rule costs: the memory that its windows take in one market, from its text alone.
//!
//! A window of at most ten minutes keeps its trades, a longer one a pane for each second; so the
//! first depends on how busy the market is, and the second has a bound. Conditions of one market
//! share what they keep, so the sum over rules is an upper bound.

use super::amount::duration_ms;
use serde_json::Value;

/// Up to this a window keeps every trade.
const RAW_WINDOW_MS: i64 = 600_000;
const DAY_MS: i64 = 86_400_000;
/// A trade in a window, as the engine keeps it: 32 bytes, and 16 of a running total.
const TRADE_BYTES: u64 = 48;
/// A second of a longer window: 184 bytes of prices, sums and counts, and 16 of a running total.
const PANE_BYTES: u64 = 200;
/// What a rule has in a market without any window.
const BASE_BYTES: u64 = 512;
/// Trades a second of a market that is meant by "busy" (KRW-BTC at noon of 2026-11-22 had 7).
pub const BUSY_PER_SECOND: u64 = 10;

/// What the windows of a condition come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The longest window that keeps every trade, ms.
    pub raw_ms: i64,
    /// The longest window in panes of a second, ms.
    pub panes_ms: i64,
    /// Conditions in it.
    pub parts: u64,
}

impl Cost {
    /// Of the condition part of a rule, as JSON.
    #[must_use]
    pub fn of(condition: &str) -> Self {
        let mut cost = Self::default();
        if let Ok(value) = serde_json::from_str::<Value>(condition) {
            cost.visit(value.get("when").unwrap_or(&Value::Null));
        }
        cost
    }

    fn visit(&mut self, when: &Value) {
        match when {
            Value::Array(parts) => parts.iter().for_each(|part| self.visit(part)),
            Value::Object(keys) => {
                self.parts += u64::from(keys.contains_key("kind"));
                self.window(span_of(when));
                keys.values().for_each(|part| self.visit(part));
            }
            _ => {}
        }
    }

    fn window(&mut self, span_ms: i64) {
        let place = if span_ms > RAW_WINDOW_MS { &mut self.panes_ms } else { &mut self.raw_ms };
        *place = span_ms.max(*place);
    }

    /// Bytes in a market with [`BUSY_PER_SECOND`] trades a second.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let seconds = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
        let raw = seconds(self.raw_ms) * BUSY_PER_SECOND * TRADE_BYTES;
        self.parts.max(1) * BASE_BYTES + raw + seconds(self.panes_ms) * PANE_BYTES
    }
}

/// How far back a condition looks; `buckets` of a baseline are sums, and cost nothing to speak of.
fn span_of(when: &Value) -> i64 {
    let text = |key: &str| when.get(key).and_then(Value::as_str);
    // Bars that are closed and alerts that are counted keep no trades.
    if text("basis").is_some_and(|basis| basis.starts_with("bars:")) || text("kind") == Some("frequency") {
        return 0;
    }
    text("window").and_then(duration_ms).unwrap_or(0).min(7 * DAY_MS)
}
