//! Faults on demand: what the stand-in does wrong, and when.
//!
//! A standing fault holds until [`Faults::clear`] or until it is used up; an act happens once, to
//! every open session. Both can be set at any time; a [`Script`] sets them by the clock.
//!
//! Owns what is wrong at this moment; the sessions and the listener ask it before they act.

use bytes::Bytes;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast, time::Instant};

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Pings, and the text `PING`, are no longer answered; trades still come.
    MutePongs,
    /// This many more event frames are sent, by all sessions together; with the next one its
    /// session's TCP connection is dropped, without a close frame. Then it is used up.
    DropAfter {
        /// In frames.
        frames: u64,
    },
    /// The next trades are not sent, to each session that would get one, though REST has them.
    OmitTrades {
        /// In frames.
        count: u64,
    },
    /// The next trades are sent twice.
    RepeatTrades {
        /// In frames.
        count: u64,
    },
    /// Upgrades are refused.
    RefuseUpgrades(Refusal),
    /// REST requests are refused.
    RefuseRest(Refusal),
    /// Once: a binary frame of these bytes.
    Garbage(Bytes),
    /// Once: a close frame, then the end.
    Close {
        /// As in the close frame: 1000, 1001, 1011…
        code: u16,
        /// At most 123 bytes are sent.
        reason: String,
    },
    /// Once: TCP is dropped without a close frame.
    Drop,
    /// Once: a ping by the venue.
    Ping,
}

/// How a request is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 429, 418, 503…
    pub status: u16,
    /// The body of the answer.
    pub body: String,
    /// For how long from now.
    pub lasting: Duration,
}

impl Refusal {
    /// Too many requests.
    #[must_use]
    pub fn too_many(lasting: Duration) -> Self {
        Self { status: 429, body: "Too many API requests.".into(), lasting }
    }

    /// A ban, its length named in the body. How the venue words it is not documented.
    #[must_use]
    pub fn ban(lasting: Duration) -> Self {
        let seconds = lasting.as_secs();
        let body = format!(
            "{{\"error\":{{\"name\":418,\"message\":\"This IP is blocked. Retry after {seconds} seconds.\"}}}}"
        );
        Self { status: 418, body, lasting }
    }

    /// Maintenance, as a gateway says it.
    #[must_use]
    pub fn unavailable(lasting: Duration) -> Self {
        Self { status: 503, body: "<html><body>503 Service Unavailable</body></html>".into(), lasting }
    }
}

/// Faults in order, each after its time from the start of the script.
pub type Script = Vec<(Duration, Fault)>;

/// What a session does with one event frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Once,
    Twice,
    Omit,
    Drop,
}

/// What every open session does once.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Garbage(Bytes),
    Close { code: u16, reason: String },
    Drop,
    Ping,
}

#[derive(Default)]
struct Standing {
    mute: bool,
    frames_left: Option<u64>,
    omit: u64,
    repeat: u64,
    upgrades: Option<(Refusal, Instant)>,
    rest: Option<(Refusal, Instant)>,
}

/// The board of faults that sessions look at.
pub(super) struct Faults {
    standing: Mutex<Standing>,
    acts: broadcast::Sender<Act>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { standing: Mutex::default(), acts: broadcast::Sender::new(64) }
    }
}

impl Faults {
    pub(super) fn set(&self, fault: Fault) {
        let mut standing = self.standing();
        let until = |refusal: Refusal| {
            let until = Instant::now() + refusal.lasting;
            Some((refusal, until))
        };
        let act = match fault {
            Fault::MutePongs => return standing.mute = true,
            Fault::DropAfter { frames } => return standing.frames_left = Some(frames),
            Fault::OmitTrades { count } => return standing.omit = count,
            Fault::RepeatTrades { count } => return standing.repeat = count,
            Fault::RefuseUpgrades(refusal) => return standing.upgrades = until(refusal),
            Fault::RefuseRest(refusal) => return standing.rest = until(refusal),
            Fault::Garbage(bytes) => Act::Garbage(bytes),
            Fault::Close { code, reason } => Act::Close { code, reason },
            Fault::Drop => Act::Drop,
            Fault::Ping => Act::Ping,
        };
        // Without a session there is nobody to act.
        let _ = self.acts.send(act);
    }

    /// Everything is right again.
    pub(super) fn clear(&self) {
        *self.standing() = Standing::default();
    }

    pub(super) fn acts(&self) -> broadcast::Receiver<Act> {
        self.acts.subscribe()
    }

    pub(super) fn is_mute(&self) -> bool {
        self.standing().mute
    }

    /// Counts one event frame that is about to be sent.
    pub(super) fn next_delivery(&self) -> Delivery {
        let mut standing = self.standing();
        if standing.omit > 0 {
            standing.omit -= 1;
            return Delivery::Omit;
        }
        match standing.frames_left {
            Some(0) => {
                standing.frames_left = None;
                return Delivery::Drop;
            }
            Some(left) => standing.frames_left = Some(left - 1),
            None => {}
        }
        if standing.repeat > 0 {
            standing.repeat -= 1;
            return Delivery::Twice;
        }
        Delivery::Once
    }

    pub(super) fn upgrade_refusal(&self) -> Option<Refusal> {
        still(&mut self.standing().upgrades)
    }

    pub(super) fn rest_refusal(&self) -> Option<Refusal> {
        still(&mut self.standing().rest)
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn still(slot: &mut Option<(Refusal, Instant)>) -> Option<Refusal> {
    if slot.as_ref().is_some_and(|(_, until)| Instant::now() >= *until) {
        *slot = None;
    }
    slot.as_ref().map(|(refusal, _)| refusal.clone())
}
