//! How often something happened within a window.
//!
//! Only as many events are kept as can matter to the bounds, so the count is exact up to the
//! largest bound and at least that beyond it.
//!
//! Keeps: [bounded]

use super::NEVER;
use crate::bounds::Reading;
use crate::condition::Frequency;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counter {
    /// When, and how often at that time.
    times: VecDeque<(i64, u32)>,
    total: u64,
    /// Whether what is counted was true when it was last known.
    was: bool,
}

impl Counter {
    /// For something that is true over time: whether it just became so.
    pub(super) fn rises(&mut self, truth: Option<bool>) -> u32 {
        let rises = truth == Some(true) && !self.was;
        self.was = truth.unwrap_or(self.was);
        u32::from(rises)
    }

    /// Takes in events of this moment, and forgets what left the window.
    pub(super) fn count(&mut self, events: u32, what: &Frequency, now_ms: i64) -> Reading {
        if events > 0 {
            self.total += u64::from(events);
            match self.times.back_mut() {
                Some((at_ms, times)) if *at_ms == now_ms => *times = times.saturating_add(events),
                _ => self.times.push_back((now_ms, events)),
            }
        }
        let edge = now_ms.saturating_sub(what.window_ms);
        let most = u64::try_from(what.bounds.farthest()).unwrap_or(0);
        while let Some((at_ms, times)) = self.times.front().copied() {
            let needless = self.total.saturating_sub(u64::from(times)) > most;
            if at_ms > edge && !needless {
                break;
            }
            self.total = self.total.saturating_sub(u64::from(times));
            self.times.pop_front();
        }
        self.now()
    }

    /// The count.
    pub(crate) fn now(&self) -> Reading {
        Reading::count(i128::from(self.total))
    }

    /// When the oldest event leaves the window.
    pub(super) fn due(&self, window_ms: i64) -> i64 {
        self.times.front().map_or(NEVER, |(at_ms, _)| at_ms.saturating_add(window_ms))
    }
}
