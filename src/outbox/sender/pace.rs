//! How fast a channel is spoken to: at most so many attempts in any span of a length.
//!
//! A window that slides, and no bucket: what a receiver counts by the minute is not exceeded in any
//! minute. Keeps: [bounded] (as many instants as the largest rate has attempts)

use crate::outbox::Rate;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Pace {
    rates: Vec<Rate>,
    started: VecDeque<Instant>,
}

impl Pace {
    pub(super) fn new(rates: Vec<Rate>) -> Self {
        Self { rates, started: VecDeque::new() }
    }

    /// How long until another attempt may start; zero: at once.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let wait = |rate: &Rate| {
            // The attempt that has to be out of the window before another fits in.
            let index = self.started.len().checked_sub(usize::try_from(rate.most.max(1)).ok()?)?;
            let free = *self.started.get(index)? + rate.per;
            Some(free.saturating_duration_since(now))
        };
        self.rates.iter().filter_map(wait).max().unwrap_or_default()
    }

    pub(super) fn start(&mut self, now: Instant) {
        let most = self.rates.iter().map(|rate| rate.most.max(1)).max().unwrap_or(0);
        self.started.push_back(now);
        while self.started.len() > usize::try_from(most).unwrap_or(0) {
            self.started.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [bounded]
    #[test]
    fn in_no_window_are_there_more_than_allowed() {
        let rates = vec![
            Rate { most: 3, per: Duration::from_secs(1) },
            Rate { most: 20, per: Duration::from_secs(60) },
        ];
        let mut pace = Pace::new(rates.clone());
        let (begin, mut now, mut all) = (Instant::now(), Duration::ZERO, Vec::new());
        for _ in 0..200 {
            now += pace.wait(begin + now);
            pace.start(begin + now);
            all.push(now);
        }
        for rate in &rates {
            for from in &all {
                let within = all.iter().filter(|at| *at >= from && **at < *from + rate.per).count();
                assert!(within <= rate.most as usize, "{within} in {:?} from {from:?}", rate.per);
            }
        }
        assert!(now < Duration::from_secs(600), "and no slower than that: {now:?}");
        assert!(pace.started.len() <= 20);
        let mut free = Pace::new(Vec::new());
        free.start(begin);
        assert_eq!((free.wait(begin), free.started.len()), (Duration::ZERO, 0));
    }
}
