//! The way back through one market's trades: what to ask for next, and what an answer means.
//!
//! Within a UTC day from the newest trade to the oldest, by id; a page never crosses midnight UTC, so
//! each day before begins anew. Days are counted back from the venue's today, which changes while
//! one asks: an answer given on another day than the question was meant for is asked for again.
//! Pure: the venue's clock is handed in.
//!
//! Keeps: [bounded] [numbers-survive]

use crate::upbit::{MAX_DAYS_AGO, MAX_TICKS, Ticks, TicksQuery, TradeEvent};
use std::fmt;

pub(super) const DAY_MS: i64 = 86_400_000;
/// Ids are no order to the last millisecond: sweeps have been seen 0.4 s late, and times of whole
/// seconds until 2023. So the walk goes on for a while behind the earliest time that is wanted.
const MARGIN_MS: i64 = 2_000;
/// So close to midnight an empty page may be that of another day: the venue's clock is told in
/// whole seconds, and a little after the answer was made.
const MIDNIGHT_MS: i64 = 3_000;
/// How often one page is asked for again because of midnight or a strange answer, a second apart.
const MAX_AGAIN: u32 = 30;
/// How often a page has to be empty before it is believed: it ends a day without another word.
const EMPTY_PAGES: u32 = 2;

/// Where the walk stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    market: String,
    from_ms: i64,
    to_ms: i64,
    day: i64,
    cursor: Option<u64>,
    again: u32,
    empty_pages: u32,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Trades of the time that is wanted, ids descending; more may follow.
    Page(Vec<TradeEvent<'a>>),
    /// The same, and nothing follows.
    Done(Vec<TradeEvent<'a>>),
    /// It was midnight somewhere, or the answer is none: the same is to be asked again, a second
    /// later.
    Again,
}

/// Why there is no way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkError {
    /// The venue no longer answers for the day that begins then, ms since the Unix epoch.
    Gone(i64),
    /// A page from which nothing follows: none of its elements is a trade that was asked for.
    Astray,
    /// The venue's clock and the days of its trades do not agree.
    Clock,
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone(_) => "the venue keeps trades for seven days, and what is missing is older by now",
            Self::Astray => "the venue's answer holds none of the trades that were asked for",
            Self::Clock => "the venue's clock and the days of its trades do not agree",
        })
    }
}

impl Walk {
    /// Over `from_ms <= traded at < to_ms`; on from the trade that was found last, if there is one:
    /// its time and its id.
    pub(super) fn new(market: &str, from_ms: i64, to_ms: i64, last: Option<(i64, u64)>) -> Self {
        let day = last.map_or(to_ms - 1, |(traded_at_ms, _)| traded_at_ms).div_euclid(DAY_MS);
        let cursor = last.map(|(_, id)| id);
        Self { market: market.to_owned(), from_ms, to_ms, day, cursor, again: 0, empty_pages: 0 }
    }

    /// What to ask for when it is `today` at the venue, in days since the Unix epoch.
    pub(super) fn query(&self, today: i64) -> Result<TicksQuery<'_>, WalkError> {
        let days_ago = u8::try_from((today - self.day).max(0)).unwrap_or(u8::MAX);
        if days_ago > MAX_DAYS_AGO {
            return Err(WalkError::Gone(self.day * DAY_MS));
        }
        // The second in which the wanted time ends is wanted in part.
        let to_second = u32::try_from((self.to_ms - self.day * DAY_MS + 999) / 1000).ok();
        let to_second = to_second.filter(|_| self.cursor.is_none());
        Ok(TicksQuery { market: &self.market, days_ago, cursor: self.cursor, to_second, count: MAX_TICKS })
    }

    /// How far back everything is known, ms since the Unix epoch.
    pub(super) fn reached_ms(&self, trades: &[TradeEvent<'_>]) -> i64 {
        let day_ends = (self.day + 1) * DAY_MS;
        trades.last().map_or(day_ends, |oldest| oldest.traded_at_ms).clamp(self.from_ms, self.to_ms)
    }

    /// Takes the answer to [`Walk::query`] for `today`; `venue_ms` is the venue's clock in it.
    pub(super) fn take<'a>(
        &mut self,
        today: i64,
        venue_ms: Option<i64>,
        ticks: Ticks<'a>,
    ) -> Result<Step<'a>, WalkError> {
        let empty = ticks.trades.is_empty() && ticks.invalid == 0;
        let of_another_day = ticks.trades.iter().any(|t| t.traded_at_ms.div_euclid(DAY_MS) != self.day);
        let asked_amiss =
            venue_ms.is_some_and(|at| at.div_euclid(DAY_MS) != today || empty && at_midnight(at));
        if of_another_day || asked_amiss {
            return self.again(WalkError::Clock);
        }
        if empty {
            self.empty_pages += 1;
            if self.empty_pages < EMPTY_PAGES {
                return Ok(Step::Again);
            }
            (self.empty_pages, self.again) = (0, 0);
            self.day -= 1;
            self.cursor = None;
            let over = (self.day + 1) * DAY_MS <= self.from_ms;
            return Ok(if over { Step::Done(Vec::new()) } else { Step::Page(Vec::new()) });
        }
        let below = self.cursor.unwrap_or(u64::MAX);
        let mut trades = ticks.trades;
        trades.retain(|t| t.code == self.market && t.sequential_id < below);
        trades.sort_unstable_by_key(|t| std::cmp::Reverse(t.sequential_id));
        trades.dedup_by_key(|t| t.sequential_id);
        let Some(oldest) = trades.last() else { return self.again(WalkError::Astray) };
        (self.empty_pages, self.again) = (0, 0);
        self.cursor = Some(oldest.sequential_id);
        let over = oldest.traded_at_ms < self.from_ms - MARGIN_MS;
        trades.retain(|t| (self.from_ms..self.to_ms).contains(&t.traded_at_ms));
        Ok(if over { Step::Done(trades) } else { Step::Page(trades) })
    }

    fn again<'a>(&mut self, error: WalkError) -> Result<Step<'a>, WalkError> {
        self.again += 1;
        if self.again > MAX_AGAIN { Err(error) } else { Ok(Step::Again) }
    }
}

fn at_midnight(ms: i64) -> bool {
    let of_day = ms.rem_euclid(DAY_MS);
    !(MIDNIGHT_MS..DAY_MS - MIDNIGHT_MS).contains(&of_day)
}
