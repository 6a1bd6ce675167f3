//! How much a rule may say: a bucket of credit for each rule with a limit.
//!
//! A message costs a window's length; a ms gives back as many parts of it as messages fit into a
//! window. So a full bucket lets `count` messages out at once, and an empty one is full again
//! after a window. Whole numbers only: the same on every machine.
//!
//! Keeps: [bounded] [time-enters-once]

use super::rule::Rate;
use std::collections::BTreeMap;

/// How many rules' credit is remembered; beyond it the fullest are forgotten, which makes them full.
const MAX_BUCKETS: usize = 16_384;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) rate: Rate,
    pub(super) credit: u64,
    pub(super) at_ms: i64,
}

/// By plugin and rule; one that is absent is full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Buckets {
    pub(super) of: BTreeMap<String, Bucket>,
}

const fn full(rate: Rate) -> u64 {
    (rate.count as u64).saturating_mul(rate.window_ms)
}

impl Bucket {
    fn at(self, now_ms: i64) -> Self {
        let passed = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or_default();
        let credit = self.credit.saturating_add(passed.saturating_mul(self.rate.count.into()));
        Self { credit: credit.min(full(self.rate)), at_ms: self.at_ms.max(now_ms), ..self }
    }
}

impl Buckets {
    fn bucket(&self, name: &str, rate: Rate, now_ms: i64) -> Bucket {
        let known = self.of.get(name).filter(|b| b.rate == rate);
        known.map_or(Bucket { rate, credit: full(rate), at_ms: now_ms }, |b| b.at(now_ms))
    }

    /// Whether one more message may leave; if so it is paid for.
    pub(super) fn take(&mut self, name: &str, rate: Rate, now_ms: i64) -> bool {
        let mut bucket = self.bucket(name, rate, now_ms);
        let may = bucket.credit >= rate.window_ms;
        if may {
            bucket.credit -= rate.window_ms;
        }
        if self.of.len() >= MAX_BUCKETS && !self.of.contains_key(name) {
            self.forget(now_ms);
        }
        self.of.insert(name.to_owned(), bucket);
        may
    }

    /// How many messages may leave at once.
    pub(super) fn left(&self, name: &str, rate: Rate, now_ms: i64) -> u64 {
        self.bucket(name, rate, now_ms).credit / rate.window_ms.max(1)
    }

    /// Drops a quarter, the fullest first. [bounded]
    fn forget(&mut self, now_ms: i64) {
        let lacks = |b: &Bucket| full(b.rate) - b.at(now_ms).credit.min(full(b.rate));
        let mut order: Vec<_> = self.of.iter().map(|(name, b)| (lacks(b), name.clone())).collect();
        order.sort_unstable();
        for (_, name) in order.iter().take(MAX_BUCKETS / 4) {
            self.of.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_out_its_count_at_once_and_as_many_again_in_a_window() {
        let rate = Rate { count: 3, window_ms: 60_000 };
        let mut buckets = Buckets::default();
        let mut told = |at_s: i64| buckets.take("r", rate, at_s * 1000);
        let at = [0, 0, 0, 0, 19, 20, 20, 40, 60, 61, 300, 300, 300, 300];
        let expect =
            [true, true, true, false, false, true, false, true, true, false, true, true, true, false];
        assert_eq!(at.map(&mut told), expect);
        assert_eq!(buckets.left("r", rate, 320_000), 1);
        assert_eq!(buckets.left("other", rate, 0), 3);
        let other = Rate { count: 1, window_ms: 1 };
        assert_eq!(buckets.left("r", other, 300_000), 1, "another rate is another bucket");
    }

    /// [bounded]
    #[test]
    fn the_fullest_buckets_are_forgotten_first() {
        let rate = Rate { count: 2, window_ms: 1000 };
        let mut buckets = Buckets::default();
        assert!(buckets.take("empty", rate, 0) && buckets.take("empty", rate, 0));
        for n in 0..MAX_BUCKETS {
            assert!(buckets.take(&format!("n{n}"), rate, 0));
        }
        assert!(buckets.of.len() <= MAX_BUCKETS);
        assert!(!buckets.take("empty", rate, 0));
    }
}
