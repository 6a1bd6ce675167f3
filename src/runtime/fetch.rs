//! The fetcher: what the splice wants of REST, asked for at the venue's pace.
//!
//! Owns the translation between a UTC day and the venue's "days ago", which depends on the venue's
//! clock at the moment when it answers.
//!
//! Keeps: [bounded]

use super::{ban::BanBook, spine::Spine};
use crate::{
    rest::{Group, Rest, RestError},
    splice::{Answer, Request, Ticket},
    trade::Flags,
    upbit::{self, MAX_DAYS_AGO, MAX_TICKS, TicksQuery},
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};
use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

const DAY_MS: i64 = 86_400_000;
/// Requests at one time: at eight a second and 200 ms each, two would do.
const AT_ONCE: usize = 4;

/// Fetches until it is stopped. Of a ban of the venue, of which the name stands beside it, the book
/// tells, and is told.
pub async fn run(spine: Arc<Spine>, rest: Rest, bans: (BanBook, String), stop: CancellationToken) {
    let ahead_ms = AtomicI64::new(0);
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < AT_ONCE
            && let Some((request, code)) = spine.request()
        {
            running.push(fetch(&spine, (&rest, &bans), request, code, &ahead_ms));
        }
        let later = Instant::now() + Duration::from_secs(1);
        let next = spine.next_request_at().filter(|_| running.len() < AT_ONCE);
        tokio::select! {
            () = stop.cancelled() => return,
            Some((ticket, answer)) = running.next() => spine.answer(ticket, &answer),
            () = spine.work() => {}
            () = sleep_until(next.unwrap_or(later).min(later)) => {}
        }
    }
}

/// One page. `ahead_ms` is by how much the venue's clock is ahead of ours, as far as is known.
async fn fetch(
    spine: &Spine,
    (rest, (bans, host)): (&Rest, &(BanBook, String)),
    request: Request,
    code: Arc<str>,
    ahead_ms: &AtomicI64,
) -> (Ticket, Answer) {
    let today = || (spine.wall_ms() + ahead_ms.load(Relaxed)).div_euclid(DAY_MS);
    let Request { ticket, day, cursor } = request;
    let ago = today() - day;
    if ago < 0 {
        // A margin behind the last trade before midnight reaches into a day that has not begun.
        return (ticket, Answer::Page(Vec::new()));
    }
    let Some(days_ago) = u8::try_from(ago).ok().filter(|&ago| ago <= MAX_DAYS_AGO) else {
        return (ticket, Answer::Gone);
    };
    // The venue bans an address: what a session met holds here as well, and the other way round.
    let banned = bans.left(host, spine.wall_ms());
    if !banned.is_zero() {
        return (ticket, Answer::Failed { wait_ms: u64::try_from(banned.as_millis()).ok() });
    }
    let query = TicksQuery { market: &code, days_ago, cursor, to_second: None, count: MAX_TICKS };
    let backfill = &spine.status().intake().splice;
    backfill.requests.add(1);
    let reply = match rest.get(Group::Trades, &query.path()).await {
        Ok(reply) => reply,
        Err(error) => {
            backfill.failures.add(1);
            if let RestError::Banned { wait } = error {
                bans.note_soon(host, wait, spine.wall_ms());
            }
            return (ticket, failed(&code, &error));
        }
    };
    let received_at_ms = spine.wall_ms();
    if let Some(venue_ms) = reply.venue_ms {
        // Its stamp has whole seconds: half a second of doubt, which only matters at midnight.
        ahead_ms.store(venue_ms - received_at_ms, Relaxed);
        if venue_ms.div_euclid(DAY_MS) - i64::from(days_ago) != day {
            debug!(%code, "midnight came between question and answer");
            return (ticket, Answer::Failed { wait_ms: Some(0) });
        }
    }
    let page = match upbit::decode_ticks(&reply.body, received_at_ms) {
        Ok(page) => page,
        Err(error) => {
            backfill.failures.add(1);
            warn!(%code, %error, "a page of ticks cannot be read");
            return (ticket, Answer::Failed { wait_ms: None });
        }
    };
    if page.invalid > 0 {
        spine.status().intake().invalid.add("page", page.invalid as u64);
        warn!(%code, invalid = page.invalid, "elements of a page are no trades");
    }
    let ours = page.trades.iter().filter(|trade| *trade.code == *code);
    (ticket, Answer::Page(ours.map(|trade| trade.to_trade(ticket.market, Flags::default())).collect()))
}

fn failed(code: &str, error: &RestError) -> Answer {
    match error {
        RestError::Limited { wait } | RestError::Banned { wait } => {
            debug!(code, %error, "a page of ticks has to wait");
            Answer::Failed { wait_ms: u64::try_from(wait.as_millis()).ok() }
        }
        // One market's name or age; another try says the same.
        RestError::Refused { status: 400..=404, .. } | RestError::Path => {
            warn!(code, error = %crate::status::clean(&error.to_string()), "ticks are not to be had");
            Answer::Gone
        }
        error => {
            warn!(code, error = %crate::status::clean(&error.to_string()), "no page of ticks");
            Answer::Failed { wait_ms: None }
        }
    }
}
