//! Whether sessions still deliver: pongs do not tell.
//!
//! A silence that its rhythm does not explain is answered with a question: the session asks for its
//! markets again, and the venue sends the last trade of each. Nothing unknown among them: it was
//! quiet, and the next question comes later. Something unknown: that is a gap. No answer at all: the
//! session is replaced. So a quiet night costs a question now and then, and raises no alarm.

use super::{
    Link, MARGIN_MS, Now, Splice,
    market::patience,
    millis,
    notes::{Act, Note},
    release::Sequence,
    repair::Repair,
    rhythm::Rhythm,
};
use crate::{entry::GapCause, market::MarketId};

/// How long the venue has to answer a question: the snapshots of 855 markets came in one.
const ANSWER_MS: u64 = 10_000;
/// Between two questions to one session.
const SPACING_MS: u64 = 60_000;
const MAX_SPACING_MS: u64 = 900_000;

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Watch(Vec<Watched>);

#[derive(Debug)]
struct Watched {
    link: Link,
    live_since: Option<u64>,
    heard_at: u64,
    /// The newest stamp of the venue that it brought, and that of the first it brought since it
    /// was opened.
    heard_ms: i64,
    first_ms: Option<i64>,
    rhythm: Rhythm,
    question: Option<Question>,
    next_at: u64,
    spacing: u64,
}

#[derive(Debug)]
struct Question {
    asked_at: u64,
    /// Markets that have not answered.
    about: Vec<MarketId>,
}

impl Watch {
    pub(super) fn opened(&mut self, link: Link, now: Now) {
        let watched = self.of(link);
        watched.live_since = Some(now.at);
        watched.heard_at = now.at;
        watched.first_ms = None;
        watched.question = None;
        watched.rhythm.interrupted();
    }

    pub(super) fn lost(&mut self, link: Link) {
        let watched = self.of(link);
        (watched.live_since, watched.question) = (None, None);
    }

    pub(super) fn heard(&mut self, link: Link, newest_ms: i64, now: Now) {
        if let Some(watched) = self.0.iter_mut().find(|watched| watched.link == link) {
            watched.heard_at = now.at;
            watched.heard_ms = watched.heard_ms.max(newest_ms);
            watched.first_ms.get_or_insert(newest_ms);
            watched.rhythm.beat(now.at);
        }
    }

    /// Whether a session can have brought what another lost: it has been there for a while, what it
    /// brought is as new, and the other had brought everything from before it came.
    pub(super) fn is_steady(&self, link: Link, lost: Link, now: Now) -> bool {
        let lost_ms = self.heard_ms(lost).unwrap_or(i64::MIN);
        self.0.iter().find(|watched| watched.link == link).is_some_and(|other| {
            let is_old = other.live_since.is_some_and(|since| now.at >= since + MARGIN_MS.unsigned_abs());
            let is_new = other.heard_ms.saturating_add(MARGIN_MS) >= lost_ms;
            is_old && is_new && other.first_ms.is_some_and(|first_ms| first_ms <= lost_ms)
        })
    }

    /// The newest stamp that a session brought.
    pub(super) fn heard_ms(&self, link: Link) -> Option<i64> {
        let watched = self.0.iter().find(|watched| watched.link == link)?;
        (watched.heard_ms != i64::MIN).then_some(watched.heard_ms)
    }

    /// A snapshot of a market came.
    pub(super) fn answered(&mut self, link: Link, market: MarketId) {
        let watched = self.of(link);
        if let Some(question) = &mut watched.question {
            question.about.retain(|&about| about != market);
            if question.about.is_empty() {
                watched.question = None;
            }
        }
    }

    /// Something had been missed: from now on it is asked more often.
    pub(super) fn found(&mut self, link: Link) {
        self.of(link).spacing = SPACING_MS;
    }

    fn of(&mut self, link: Link) -> &mut Watched {
        let at = self.0.iter().position(|watched| watched.link == link).unwrap_or_else(|| {
            self.0.push(Watched {
                link,
                live_since: None,
                heard_at: 0,
                heard_ms: i64::MIN,
                first_ms: None,
                rhythm: Rhythm::default(),
                question: None,
                next_at: 0,
                spacing: SPACING_MS,
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

impl Splice {
    /// Questions that are due, and those that were not answered.
    pub(super) fn look_for_silence(&mut self, now: Now) {
        let stale_after = millis(self.config.stale_after);
        for watched in &mut self.watch.0 {
            let Some(since) = watched.live_since else { continue };
            let link = watched.link;
            if let Some(question) = &watched.question {
                if now.at < question.asked_at + ANSWER_MS {
                    continue;
                }
                let is_dumb = watched.heard_at <= question.asked_at;
                let mut is_lost = is_dumb;
                for id in &question.about {
                    let Some(market) = self.markets.get_mut(id.0 as usize) else { continue };
                    market.is_suspect = false;
                    market.unanswered += 1;
                    match market.unanswered {
                        1 => is_lost = true,
                        _ => self.notes.push(Note::Mute { market: *id }),
                    }
                }
                watched.question = None;
                if is_lost {
                    self.counts.unanswered += 1;
                    self.acts.push(Act::Reconnect(link));
                }
                continue;
            }
            if now.at < watched.next_at {
                continue;
            }
            let limit = patience(&watched.rhythm, stale_after).unwrap_or(stale_after);
            let is_silent = now.at.saturating_sub(watched.heard_at) > limit;
            let mut about = Vec::new();
            for (index, market) in self.markets.iter_mut().enumerate() {
                let is_here = market.shard == Some(link.shard) && market.repair.is_none();
                if is_here && market.is_overdue(stale_after, since, now) {
                    market.is_suspect = true;
                    about.push(MarketId(u32::try_from(index).unwrap_or(u32::MAX)));
                }
            }
            if is_silent || !about.is_empty() {
                self.counts.probes += 1;
                self.acts.push(Act::Resubscribe(link));
                watched.next_at = now.at + watched.spacing;
                watched.spacing = (watched.spacing * 2).min(MAX_SPACING_MS);
                watched.question = Some(Question { asked_at: now.at, about });
            }
        }
    }

    /// Ms that are over and lack a trade: each is a gap of its own.
    pub(super) fn look_for_holes(&mut self, now: Now, out: &mut Sequence) {
        let deadline = now.at + millis(self.config.deadline);
        for index in 0..self.markets.len() {
            let Some(market) = self.markets.get_mut(index) else { continue };
            if market.repair.is_some() {
                continue;
            }
            let Some(at_ms) = market.units.hole(&market.seen, now.at) else { continue };
            self.generation += 1;
            let mut repair = Repair::new(self.generation, GapCause::IdHole, at_ms, Some(at_ms), now);
            repair.begin_hole(at_ms, self.config.backfill, now, deadline);
            market.repair = Some(Box::new(repair));
            let id = MarketId(u32::try_from(index).unwrap_or(u32::MAX));
            self.broken.push(id);
            self.counts.gaps += 1;
            self.counts.holes += 1;
            self.settle(id, now, out);
        }
    }
}
