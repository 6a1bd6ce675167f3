//! Repairs as people are told of them: in one line when all are over, and a word now and then.

use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::{debug, error, info};

/// Of many markets so many are named.
const NAMED: usize = 20;
/// Between two words on a repair that takes long.
const PROGRESS: Duration = Duration::from_secs(10);

/// Gaps that ended since no market was under repair: said in one line, not in one for each.
#[derive(Debug, Default)]
pub(super) struct Round {
    markets: usize,
    fetched: usize,
    waited_ms: u64,
    unfilled: Vec<Arc<str>>,
    longest_ms: i64,
    progress_at: Option<Instant>,
}

impl Round {
    pub(super) fn closed(
        &mut self,
        market: Arc<str>,
        fetched: usize,
        filled: bool,
        lasted_ms: i64,
        waited_ms: u64,
    ) {
        self.markets += 1;
        self.fetched += fetched;
        self.waited_ms = self.waited_ms.max(waited_ms);
        if !filled {
            self.unfilled.push(market);
            self.longest_ms = self.longest_ms.max(lasted_ms);
        }
    }

    /// All repairs are over.
    pub(super) fn say(&mut self) {
        let Self { markets, fetched, waited_ms, unfilled, longest_ms, .. } = std::mem::take(self);
        if !unfilled.is_empty() {
            let named: Vec<&str> = unfilled.iter().take(NAMED).map(|code| &**code).collect();
            let (missing, named) = (unfilled.len(), named.join(" "));
            error!(markets = missing, named, longest_ms, fetched, "trades are missing for good");
        } else if fetched > 0 {
            info!(markets, fetched, waited_ms, "what was missed is on the tape");
        } else if markets > 0 {
            debug!(markets, waited_ms, "nothing was missed");
        }
    }

    /// A repair takes long: now and then a word on how far it is.
    pub(super) fn progress(&mut self, left: usize, held: usize) {
        let now = Instant::now();
        let since = *self.progress_at.get_or_insert(now);
        if now.saturating_duration_since(since) >= PROGRESS {
            self.progress_at = Some(now);
            info!(done = self.markets, left, fetched = self.fetched, held, "missed trades are being fetched");
        }
    }
}
