//! When a failing plugin rests, and for how long. On the tape's time, so that a replay rests alike.

use std::collections::VecDeque;

const IN_A_ROW: u32 = 3;
const IN_A_MINUTE: usize = 5;
const MINUTE_MS: i64 = 60_000;
const FIRST_REST_MS: i64 = 1_000;
const LONGEST_REST_MS: i64 = 300_000;
/// After this long without a strike the next rest is the first again.
const FORGIVEN_MS: i64 = 600_000;

/// What a failure leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoOn,
    Rest { until_ms: i64 },
}

#[derive(Debug, Default)]
pub(super) struct Strikes {
    in_a_row: u32,
    recent: VecDeque<i64>,
    rest_ms: i64,
    last: Option<i64>,
    rests_until: Option<i64>,
}

impl Strikes {
    pub(super) fn rests_until(&self) -> Option<i64> {
        self.rests_until
    }

    pub(super) fn rested(&mut self) {
        self.rests_until = None;
        self.in_a_row = 0;
        self.recent.clear();
    }

    pub(super) fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    pub(super) fn failed(&mut self, at_ms: i64) -> Verdict {
        let last = self.last.replace(at_ms);
        while self.recent.front().is_some_and(|&first| at_ms - first >= MINUTE_MS) {
            self.recent.pop_front();
        }
        self.recent.push_back(at_ms);
        self.in_a_row += 1;
        if self.in_a_row < IN_A_ROW && self.recent.len() < IN_A_MINUTE {
            return Verdict::GoOn;
        }
        if last.is_none_or(|last| at_ms - last >= FORGIVEN_MS) {
            self.rest_ms = 0;
        }
        self.rest_ms = (self.rest_ms * 2).clamp(FIRST_REST_MS, LONGEST_REST_MS);
        let until_ms = at_ms.saturating_add(self.rest_ms);
        self.rests_until = Some(until_ms);
        Verdict::Rest { until_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_a_row_or_five_in_a_minute_make_it_rest_longer_each_time() {
        let mut strikes = Strikes::default();
        assert_eq!(strikes.failed(0), Verdict::GoOn);
        assert_eq!(strikes.failed(1), Verdict::GoOn);
        assert_eq!(strikes.failed(2), Verdict::Rest { until_ms: 1_002 });
        strikes.rested();
        strikes.failed(1_002);
        strikes.failed(1_003);
        assert_eq!(strikes.failed(1_004), Verdict::Rest { until_ms: 3_004 });
        strikes.rested();
        for at in 0..4 {
            assert_eq!(strikes.failed(10_000 + at), Verdict::GoOn);
            strikes.succeeded();
        }
        assert_eq!(strikes.failed(10_004), Verdict::Rest { until_ms: 14_004 });
        strikes.rested();
        for at in 0..20 {
            strikes.failed(20_000 + at * MINUTE_MS);
            strikes.succeeded();
            assert_eq!(strikes.rests_until(), None, "one a minute is let pass");
        }
    }
}
