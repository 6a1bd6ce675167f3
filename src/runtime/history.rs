//! History: trades of the past, fetched over REST into a recording.
//!
//! Each market is walked from the newest trade that is wanted to the oldest, page by page, and every
//! page is kept at once. A download that ended early (a signal, a crash, the network) goes on where
//! it stood when the same is asked for again. When all is there, one recording is written, in the
//! order of time.
//!
//! The memory taken does not grow with the download: a page for each market, and while the recording
//! is written two seconds of trades.
//!
//! Keeps: [bounded] [numbers-survive]

mod spool;
mod walk;

pub use walk::WalkError;

use crate::{
    replay::is_compressed,
    rest::{Group, Reply, Rest, RestError},
    upbit::{self, MAX_DAYS_AGO, TicksQuery},
};
use futures_util::{TryStreamExt, stream};
use spool::{Part, PartError, Plan, Spool};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use walk::{DAY_MS, Step, Walk};

/// Failures in a row of one request after which a download ends; together with the waits, some two
/// minutes. The first request of all is given up in seconds: somebody sits before it.
const MAX_FAILURES: u32 = 8;
const MAX_FIRST_FAILURES: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A ban up to this long is sat out.
const LONGEST_BAN: Duration = Duration::from_secs(600);
/// Before the same is asked for again, because of midnight or an answer that is none.
const AGAIN_WAIT: Duration = Duration::from_secs(1);
/// Markets that are fetched at one time; the pace is one for all.
const AT_ONE_TIME: usize = 4;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Market codes, each once.
    pub markets: Vec<String>,
    /// The earliest time, ms since the Unix epoch.
    pub from_ms: i64,
    /// The time at which it ends, itself not wanted.
    pub to_ms: i64,
    /// Both times as they were asked for. The same words go on with the same download, although
    /// "three hours ago" is another moment then.
    pub words: (String, String),
    /// Where REST is asked, to tell one download from another.
    pub url: String,
    /// The recording; zstd when its name ends so.
    pub target: PathBuf,
}

/// How far a download has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Time that is covered, in all markets together, in ms.
    pub covered_ms: u64,
    /// Trades that are there.
    pub trades: u64,
    /// Requests that were answered.
    pub requests: u64,
}

/// What is told of a download while it goes on.
#[derive(Debug)]
pub enum Note<'a> {
    /// A page is there.
    Reached(Reached),
    /// A request failed, and will be repeated.
    Waiting {
        /// Why.
        error: &'a RestError,
        /// For how long at least.
        wait: Duration,
    },
}

/// What a download came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Trades in the recording.
    pub trades: u64,
    /// Trades that an earlier run had fetched.
    pub taken_up: u64,
    /// Requests that were answered.
    pub requests: u64,
    /// Elements of pages that are no trades, and are missing.
    pub invalid: u64,
    /// The time that is covered, ms since the Unix epoch; the end is not part of it.
    pub span_ms: (i64, i64),
}

/// Why there is no recording. What was fetched is kept.
#[derive(Debug)]
pub enum HistoryError {
    /// The venue has trades from this time on, ms since the Unix epoch.
    TooOld(i64),
    /// The time ends before it begins, or has not come yet.
    Empty,
    /// The venue knows no such market.
    NoSuchMarket(String),
    /// Another process is downloading to the same file.
    Busy(PathBuf),
    /// What lies in this folder belongs to another download.
    OtherPlan(PathBuf),
    /// The venue does not answer as it should.
    Venue(RestError),
    /// There is no way on through its answers.
    Walk(WalkError),
    /// Nothing can be read or written in this place.
    File(PathBuf, io::Error),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld(_) => f.write_str("the venue keeps trades for today and seven days before, UTC"),
            Self::Empty => f.write_str("the time that is wanted has no length"),
            Self::NoSuchMarket(code) => write!(f, "the venue knows no market {code}"),
            Self::Busy(path) => write!(f, "another process is downloading to {}", path.display()),
            Self::OtherPlan(path) => write!(
                f,
                "{} holds another download that is not complete; ask for the same again to complete it, or delete the folder",
                path.display()
            ),
            Self::Venue(error) => error.fmt(f),
            Self::Walk(error) => error.fmt(f),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for HistoryError {}

/// The venue's clock, learned from its answers.
struct VenueClock(Mutex<(Instant, i64)>);

impl VenueClock {
    fn new(now_ms: i64) -> Self {
        Self(Mutex::new((Instant::now(), now_ms)))
    }

    fn learn(&self, now_ms: Option<i64>) {
        if let Some(now_ms) = now_ms {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), now_ms);
        }
    }

    fn today(&self) -> i64 {
        let (at, ms) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        ms.saturating_add(since).div_euclid(DAY_MS)
    }
}

/// What the venue's clock shows, ms since the Unix epoch; `None` when it does not say. Finds out as
/// well whether it knows `market`.
///
/// # Errors
/// When it does not answer, or knows no such market.
pub async fn venue_now_ms(rest: &Rest, market: &str) -> Result<Option<i64>, HistoryError> {
    let query = TicksQuery { market, days_ago: 0, cursor: None, to_second: None, count: 1 };
    Ok(ask(rest, market, &query.path(), MAX_FIRST_FAILURES, &|_| {}).await?.venue_ms)
}

/// A download that has its place on disk.
pub struct History {
    part: Part,
    plan: Plan,
    target: PathBuf,
    clock: VenueClock,
    reached: Mutex<Reached>,
    begun: bool,
    taken_up: u64,
    invalid: Mutex<u64>,
    spools: Vec<(String, Spool)>,
}

impl History {
    /// Makes the folder of the download beside its target, or takes up what lies there. `now_ms` is
    /// the venue's clock.
    ///
    /// # Errors
    /// When the time cannot be had, or the place on disk not be used.
    pub fn open(wanted: Wanted, now_ms: i64) -> Result<Self, HistoryError> {
        let Wanted { markets, from_ms, to_ms, words, url, target } = wanted;
        let folder = spool::folder(&target);
        let file = |error| HistoryError::File(folder.clone(), error);
        let plan = Plan::new(url, markets, words, (from_ms, to_ms.min(now_ms)));
        // What was begun earlier may have lost its beginning since; that shows when it is reached.
        if spool::plan_in(&folder).map_err(file)?.is_none() {
            let earliest_ms = (now_ms.div_euclid(DAY_MS) - i64::from(MAX_DAYS_AGO)) * DAY_MS;
            if plan.from_ms >= plan.to_ms {
                return Err(HistoryError::Empty);
            }
            if plan.from_ms < earliest_ms {
                return Err(HistoryError::TooOld(earliest_ms));
            }
        }
        let (part, plan, begun) = Part::open(&folder, plan).map_err(|error| match error {
            PartError::Busy => HistoryError::Busy(target.clone()),
            PartError::OtherPlan => HistoryError::OtherPlan(folder.clone()),
            PartError::Io(error) => file(error),
        })?;
        let mut spools = Vec::new();
        for market in &plan.markets {
            spools.push((market.clone(), part.spool(market).map_err(file)?));
        }
        let taken_up = spools.iter().map(|(_, spool)| spool.trades).sum();
        let reached = Mutex::new(Reached { trades: taken_up, ..Reached::default() });
        let (clock, invalid) = (VenueClock::new(now_ms), Mutex::new(0));
        Ok(Self { part, plan, target, clock, reached, begun, taken_up, invalid, spools })
    }

    /// The time of an earlier download, where this one completes it, ms since the Unix epoch.
    #[must_use]
    pub const fn begun_ms(&self) -> Option<(i64, i64)> {
        if self.begun { Some((self.plan.from_ms, self.plan.to_ms)) } else { None }
    }

    /// How much time there is to be covered, in all markets together, in ms.
    #[must_use]
    pub fn total_ms(&self) -> u64 {
        let span = u64::try_from(self.plan.to_ms - self.plan.from_ms).unwrap_or(0);
        span.saturating_mul(self.plan.markets.len() as u64)
    }

    /// Fetches what is missing; `note` is told how it goes. May be dropped at any moment.
    ///
    /// # Errors
    /// When the venue does not answer for long, or the disk does not take it.
    pub async fn fetch(&mut self, rest: &Rest, note: impl Fn(Note<'_>) + Sync) -> Result<(), HistoryError> {
        let spools = std::mem::take(&mut self.spools);
        let this = &*self;
        let note = &note;
        stream::iter(spools.into_iter().map(Ok))
            .try_for_each_concurrent(AT_ONE_TIME, |(market, spool)| async move {
                this.fetch_market(rest, &market, spool, note).await
            })
            .await
    }

    async fn fetch_market(
        &self,
        rest: &Rest,
        market: &str,
        mut spool: Spool,
        note: &(impl Fn(Note<'_>) + Sync),
    ) -> Result<(), HistoryError> {
        let (from_ms, to_ms) = (self.plan.from_ms, self.plan.to_ms);
        let mut walk = Walk::new(market, from_ms, to_ms, spool.last);
        let mut covered_to = to_ms;
        loop {
            let today = self.clock.today();
            let path = walk.query(today).map_err(HistoryError::Walk)?.path();
            let reply = ask(rest, market, &path, MAX_FAILURES, note).await?;
            self.clock.learn(reply.venue_ms);
            // When a tick of the past arrives here says nothing.
            let ticks = upbit::decode_ticks(&reply.body, 0).map_err(|_| HistoryError::Venue(garbled()))?;
            let invalid = ticks.invalid as u64;
            let (page, over) = match walk.take(today, reply.venue_ms, ticks).map_err(HistoryError::Walk)? {
                Step::Again => {
                    sleep(AGAIN_WAIT).await;
                    continue;
                }
                Step::Page(page) => (page, false),
                Step::Done(page) => (page, true),
            };
            spool.append(&page).map_err(|error| HistoryError::File(spool::folder(&self.target), error))?;
            *self.invalid.lock().unwrap_or_else(PoisonError::into_inner) += invalid;
            let reached = if over { from_ms } else { walk.reached_ms(&page).min(covered_to) };
            note(Note::Reached(self.reach(covered_to - reached, page.len())));
            covered_to = reached;
            if over {
                return Ok(());
            }
        }
    }

    fn reach(&self, covered_ms: i64, trades: usize) -> Reached {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.covered_ms += u64::try_from(covered_ms).unwrap_or(0);
        reached.trades += trades as u64;
        reached.requests += 1;
        *reached
    }

    /// Writes the recording. Reads and writes files, and takes a while.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn finish(self) -> Result<Completed, HistoryError> {
        let Self { part, plan, target, reached, taken_up, invalid, .. } = self;
        let trades = part.finish(&plan, &target, is_compressed(&target));
        Ok(Completed {
            trades: trades.map_err(|error| HistoryError::File(target, error))?,
            taken_up,
            requests: reached.into_inner().unwrap_or_else(PoisonError::into_inner).requests,
            invalid: invalid.into_inner().unwrap_or_else(PoisonError::into_inner),
            span_ms: (plan.from_ms, plan.to_ms),
        })
    }
}

/// Whether an earlier download to `target` waits to be completed.
#[must_use]
pub fn is_begun(target: &Path) -> bool {
    spool::folder(target).exists()
}

fn garbled() -> RestError {
    RestError::Network("what it sent is no page of trades".to_owned())
}

/// Asks until there is an answer, or none is to be expected.
async fn ask(
    rest: &Rest,
    market: &str,
    path: &str,
    max_failures: u32,
    note: &(impl Fn(Note<'_>) + Sync),
) -> Result<Reply, HistoryError> {
    let mut failures = 0;
    loop {
        let error = match rest.get(Group::Trades, path).await {
            Ok(reply) if upbit::decode_ticks(&reply.body, 0).is_ok() => return Ok(reply),
            Ok(_) => garbled(),
            Err(error) => error,
        };
        failures += 1;
        let wait = match &error {
            RestError::Refused { status: 404, .. } => {
                return Err(HistoryError::NoSuchMarket(market.to_owned()));
            }
            RestError::Refused { status: 400..=499, .. } | RestError::Path | RestError::TooLarge => {
                return Err(HistoryError::Venue(error));
            }
            // Longer than the usual patience, and no fault of the network: it ends by itself.
            RestError::Banned { wait } if *wait <= LONGEST_BAN => *wait,
            RestError::Banned { .. } => return Err(HistoryError::Venue(error)),
            // The next turn comes when the venue allows it.
            RestError::Limited { wait } => *wait,
            RestError::Refused { .. } | RestError::Network(_) | RestError::Timeout => {
                Duration::from_secs(1 << failures.min(6)).min(LONGEST_WAIT)
            }
        };
        if failures >= max_failures {
            return Err(HistoryError::Venue(error));
        }
        note(Note::Waiting { error: &error, wait });
        sleep(wait).await;
    }
}

#[cfg(test)]
mod tests;
