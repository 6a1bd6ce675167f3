//! A session's handler: its frames to trades for the spine, its fate for those who watch.
//!
//! Decodes each frame and hands a whole batch of frames on at once. What the spine wants of the
//! session (to ask again, to be replaced) it learns when it is nudged.
//!
//! Keeps: [one-way] [time-enters-once] [decode-is-total]

use super::spine::Spine;
use crate::{
    feed::{Handler, SessionEvent, Verdict},
    market::MarketId,
    splice::{Act, Link},
    trade::{Flags, Trade},
    upbit::{self, Event, Subscription, TradeEvent},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{debug, error, info, warn};

/// Of bad frames that come close together, one in this many ms is logged.
const LOG_EVERY_MS: i64 = 1_000;
/// A trade cannot be stamped later than the frame that brings it, but for two clocks of the venue
/// that are not in step. Chosen.
const FUTURE_MS: i64 = 60_000;

/// What each part of the sessions asks for; changed from outside, read when a session subscribes.
pub(super) type Subscriptions = Arc<Mutex<Vec<Subscription>>>;

/// The handler of one session.
pub struct Intake {
    spine: Arc<Spine>,
    link: Link,
    subscriptions: Subscriptions,
    ids: HashMap<Box<str>, MarketId>,
    pending: Vec<Trade>,
    refused: Option<Verdict>,
    logged_at_ms: i64,
}

impl Intake {
    /// The only session, which asks for `subscription`.
    #[must_use]
    pub fn new(spine: Arc<Spine>, subscription: Subscription) -> Self {
        spine.cover(
            subscription.trades.iter().map(|code| (code.as_str(), 0)),
            crate::entry::GapCause::Downtime,
        );
        Self::of(spine, Link { shard: 0, replica: 0 }, Arc::new(Mutex::new(vec![subscription])))
    }

    pub(super) fn of(spine: Arc<Spine>, link: Link, subscriptions: Subscriptions) -> Self {
        Self {
            spine,
            link,
            subscriptions,
            ids: HashMap::new(),
            pending: Vec::new(),
            refused: None,
            logged_at_ms: 0,
        }
    }

    fn trade(&mut self, event: &TradeEvent<'_>) {
        let intake = self.spine.status().intake();
        // A stamp of the future would move the clock of its market for good.
        if event.frame_at_ms.is_some_and(|frame| event.traded_at_ms > frame.saturating_add(FUTURE_MS)) {
            intake.invalid.add("future", 1);
            return;
        }
        let market = match self.ids.get(&*event.code) {
            Some(&market) => market,
            None => match self.spine.intern(&event.code) {
                Ok(market) => {
                    self.ids.insert(event.code.as_ref().into(), market);
                    market
                }
                Err(error) => {
                    intake.invalid.add("market", 1);
                    warn!(%error, code = %event.code, "a trade of a market that the tape does not take");
                    return;
                }
            },
        };
        self.pending.push(event.to_trade(market, Flags::default()));
    }

    fn hand_on(&mut self) {
        if !self.pending.is_empty() {
            self.spine.trades(self.link, &self.pending);
            self.pending.clear();
        }
    }

    /// Whether a line may be logged about a bad frame now.
    fn may_log(&mut self, now_ms: i64) -> bool {
        let may = now_ms - self.logged_at_ms >= LOG_EVERY_MS;
        if may {
            self.logged_at_ms = now_ms;
        }
        may
    }

    /// Whether another session carries the same markets: then this one's fate is not the feed's.
    fn is_backed(&self) -> bool {
        self.spine.is_backed(self.link)
    }

    fn lost(&mut self, cause: &'static str, detail: &str) {
        self.hand_on();
        let now = self.spine.wall_ms();
        self.spine.lost(self.link);
        let feed = self.spine.status().feed();
        if self.is_backed() {
            feed.losses.add(cause, 1);
        } else {
            feed.lost(now, cause, detail);
        }
    }
}

impl Handler for Intake {
    fn subscription(&mut self) -> String {
        let subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.get(usize::from(self.link.shard)).map(Subscription::to_text).unwrap_or_default()
    }

    fn frame(&mut self, received_at_ms: i64, payload: &[u8]) -> Verdict {
        let spine = Arc::clone(&self.spine);
        let intake = spine.status().intake();
        intake.frames.add(1);
        intake.frame_bytes.add(payload.len() as u64);
        spine.status().feed().frame_at(received_at_ms);
        let mut verdict = Verdict::Continue;
        upbit::decode(payload, received_at_ms, &mut |event| match event {
            Event::Trade(trade) => self.trade(&trade),
            Event::Up => {}
            Event::Ignored { kind } => {
                intake.ignored.add(1);
                debug!(%kind, "a frame of another kind");
            }
            Event::Invalid { reason } => {
                intake.invalid.add(reason.as_str(), 1);
                verdict = Verdict::Unreadable;
                if self.may_log(received_at_ms) {
                    let head = String::from_utf8_lossy(payload.get(..200).unwrap_or(payload));
                    warn!(%reason, frame = %crate::status::clean(&head), "a frame is not a trade");
                }
            }
            Event::Error { name, message } => {
                let fatal = upbit::is_fatal_error(&name);
                verdict = Verdict::Refused { fatal };
                let (name, message) = (crate::status::clean(&name), crate::status::clean(&message));
                error!(name, message, fatal, "the venue refuses the subscription");
            }
        });
        if matches!(verdict, Verdict::Refused { .. }) {
            self.refused = Some(verdict);
        }
        verdict
    }

    fn batch_end(&mut self) -> Verdict {
        self.hand_on();
        match self.spine.demand(self.link) {
            None => Verdict::Continue,
            Some(Act::Resubscribe(_)) => Verdict::Resubscribe,
            Some(Act::Reconnect(_)) => Verdict::Reconnect { why: "it answers pings and delivers nothing" },
        }
    }

    fn session(&mut self, event: SessionEvent) {
        let spine = Arc::clone(&self.spine);
        let now = spine.wall_ms();
        let feed = spine.status().feed();
        let Link { shard, replica } = self.link;
        match event {
            SessionEvent::Waiting { wait, .. } => {
                let until = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
                match self.refused.take() {
                    _ if self.is_backed() => {}
                    Some(_) => feed.refused(now, until, "the venue refuses the subscription"),
                    None => feed.waiting(now, until),
                }
                info!(shard, replica, wait_ms = wait.as_millis(), "the next connect waits");
            }
            SessionEvent::Connecting { attempt } => {
                if self.is_backed() {
                    feed.attempts.add(1);
                } else {
                    feed.connecting(now);
                }
                debug!(shard, replica, attempt, "connecting");
            }
            SessionEvent::Failed { attempt, error } => {
                warn!(shard, replica, attempt, %error, "no connection");
                self.lost(error.as_str(), &error.to_string());
            }
            SessionEvent::Live { attempt } => {
                spine.opened(self.link);
                feed.live(now);
                info!(shard, replica, attempt, "connected and subscribed");
            }
            SessionEvent::Pong { at_ms, .. } => feed.pong_at(at_ms),
            SessionEvent::Lost { cause, lived, .. } => {
                warn!(shard, replica, %cause, lived_s = lived.as_secs(), "the connection is lost");
                self.lost(cause.as_str(), &cause.to_string());
            }
            SessionEvent::Closed => {
                self.hand_on();
                spine.lost(self.link);
                feed.ended(now);
            }
        }
    }
}
