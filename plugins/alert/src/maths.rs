//! The sums and statistics that signals are made of, each told trades and the clock.
//!
//! Nothing in here knows rules, markets or configurations, and each part is checked against a
//! recomputation from all trades after every step. Sums, extremes and counts are exact integers;
//! what leaves the integers (deviations, logarithms, quantiles) says so.
//!
//! Keeps: [bounded] [numbers-survive]

mod bars;
mod buckets;
mod gaps;
mod peaks;
mod pulse;
mod since;
mod spike;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use bars::Bars;
pub(crate) use buckets::Buckets;
pub(crate) use gaps::Gaps;
pub(crate) use peaks::Peaks;
pub(crate) use pulse::Pulse;
pub(crate) use since::{Flow, Since};
pub(crate) use spike::{Baseline, Method, Spike};

/// The last time that is no longer in the window of this span: panes of a second beyond
/// [`RAW_WINDOW_MS`](crate::engine::RAW_WINDOW_MS), as everywhere.
pub(crate) fn edge(now_ms: i64, span_ms: i64) -> i64 {
    let edge = now_ms.saturating_sub(span_ms);
    if span_ms > crate::engine::RAW_WINDOW_MS { edge.div_euclid(1000).saturating_mul(1000) } else { edge }
}

/// The time by which a trade is sorted into the window of this span: its own, or the end of its
/// second.
pub(crate) fn key(at_ms: i64, span_ms: i64) -> i64 {
    if span_ms > crate::engine::RAW_WINDOW_MS {
        at_ms.saturating_sub(1).div_euclid(1000).saturating_add(1).saturating_mul(1000)
    } else {
        at_ms
    }
}

/// The first clock at which what has this key is out of the window.
pub(crate) fn leaves(key_ms: i64, span_ms: i64) -> i64 {
    key_ms.saturating_add(span_ms)
}
