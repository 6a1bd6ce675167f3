//! The board: what is wrong at this moment, as sessions, listener and REST ask for it.
//!
//! A short list of standing faults, scanned for each question; what is used up or over is taken off
//! when it is met. Acts go to every open session through a broadcast.
//!
//! Keeps: [bounded]

use super::{BadPage, BadUpgrade, Fault, Mangle, Planned, Refusal, Who};
use bytes::Bytes;
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast, time::Instant};

/// Standing faults at one time; beyond, the oldest is taken off.
const MAX_STANDING: usize = 256;
/// How long a freeze lasts unless it is said.
const FREEZE: Duration = Duration::from_secs(5);

/// What a session does with one trade frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Delivery {
    Once,
    Twice,
    Omit,
    /// Half of the frame, then the end.
    Cut,
    Mangled(Mangle),
    /// At some time up to then, by chance.
    Within(Duration),
    After(Duration),
}

/// What every open session does once.
#[derive(Clone, Debug)]
pub(in super::super) enum Act {
    Garbage(Bytes),
    Raw(Bytes),
    Error(String),
    Close { code: u16, reason: String },
    Drop,
    Reset,
    HalfOpen,
    Pings { count: u16, bytes: u8 },
    Pongs { count: u16 },
}

struct Standing {
    fault: Fault,
    session: Option<u64>,
    markets: Vec<String>,
    until: Option<Instant>,
    left: Option<u64>,
}

impl Standing {
    fn new(planned: Planned, session: Option<u64>) -> Self {
        let Planned { fault, markets, lasting, times, .. } = planned;
        let (lasting, left) = match &fault {
            Fault::RefuseUpgrades(refusal) | Fault::RefuseRest(refusal) => {
                (Some(lasting.unwrap_or(refusal.lasting)), times)
            }
            Fault::Freeze => (Some(lasting.unwrap_or(FREEZE)), times),
            Fault::OmitTrades { count }
            | Fault::RepeatTrades { count }
            | Fault::ReorderTrades { count, .. }
            | Fault::MangleTrades { count, .. } => (lasting, Some(*count)),
            Fault::DropAfter { frames } => (lasting, Some(*frames)),
            Fault::CutFrame => (lasting, Some(1)),
            _ => (lasting, times),
        };
        Self { fault, session, markets, until: lasting.map(|l| Instant::now() + l), left }
    }

    /// A drop stands with nothing left before it; everything else is used up.
    fn is_over(&self, now: Instant) -> bool {
        let used_up = self.left == Some(0) && !matches!(self.fault, Fault::DropAfter { .. });
        used_up || self.until.is_some_and(|until| now >= until)
    }

    fn concerns(&self, session: Option<u64>, code: Option<&str>) -> bool {
        let here = self.session.is_none() || self.session == session;
        here && (self.markets.is_empty() || code.is_some_and(|code| self.markets.iter().any(|m| m == code)))
    }

    /// Uses it once.
    const fn take(&mut self) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
    }
}

#[derive(Default)]
struct Board {
    standing: Vec<Standing>,
    open: BTreeSet<u64>,
    sessions: u64,
}

impl Board {
    fn resolve(&self, who: Who) -> Option<u64> {
        let next = self.sessions + 1;
        match who {
            Who::All => None,
            Who::Oldest => Some(self.open.first().copied().unwrap_or(next)),
            Who::Newest => Some(self.open.last().copied().unwrap_or(next)),
            Who::Session(number) => Some(number),
        }
    }

    /// The first fault that `pick` knows, that concerns these and is not over; it is used once.
    fn find<T>(
        &mut self,
        session: Option<u64>,
        code: Option<&str>,
        pick: impl Fn(&Fault) -> Option<T>,
    ) -> Option<T> {
        if self.standing.is_empty() {
            return None;
        }
        let now = Instant::now();
        self.standing.retain(|s| !s.is_over(now));
        self.standing.iter_mut().find_map(|s| {
            let found = if s.concerns(session, code) { pick(&s.fault) } else { None }?;
            s.take();
            Some(found)
        })
    }
}

/// The board of faults.
pub(in super::super) struct Faults {
    board: Mutex<Board>,
    acts: broadcast::Sender<(Option<u64>, Act)>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { board: Mutex::default(), acts: broadcast::Sender::new(64) }
    }
}

impl Faults {
    /// Puts a fault up. What the market itself must do is not the board's.
    pub(in super::super) fn set(&self, planned: Planned) {
        let mut board = self.board();
        let session = board.resolve(planned.who);
        let act = match planned.fault {
            Fault::Garbage(bytes) => Act::Garbage(bytes),
            Fault::Raw(bytes) => Act::Raw(bytes),
            Fault::Error { name } => Act::Error(name),
            Fault::Close { code, reason } => Act::Close { code, reason },
            Fault::Drop => Act::Drop,
            Fault::Reset => Act::Reset,
            Fault::HalfOpen => Act::HalfOpen,
            Fault::Ping => Act::Pings { count: 1, bytes: 0 },
            Fault::Pings { count, bytes } => Act::Pings { count, bytes },
            Fault::Pongs { count } => Act::Pongs { count },
            Fault::Clear => return board.standing.clear(),
            _ => {
                if board.standing.len() >= MAX_STANDING {
                    board.standing.remove(0);
                }
                return board.standing.push(Standing::new(planned, session));
            }
        };
        // Without a session there is nobody to act.
        let _ = self.acts.send((session, act));
    }

    /// A session begins; its number, and the acts that come from now on.
    pub(in super::super) fn enter(&self) -> (u64, broadcast::Receiver<(Option<u64>, Act)>) {
        let mut board = self.board();
        board.sessions += 1;
        let number = board.sessions;
        board.open.insert(number);
        (number, self.acts.subscribe())
    }

    /// A session has ended, and with it what concerned it alone.
    pub(in super::super) fn leave(&self, session: u64) {
        let mut board = self.board();
        board.open.remove(&session);
        board.standing.retain(|s| s.session != Some(session));
    }

    pub(in super::super) fn is_mute(&self, session: u64) -> bool {
        self.has(session, |f| matches!(f, Fault::MutePongs))
    }

    /// Until when nothing leaves a session.
    pub(in super::super) fn frozen_until(&self, session: u64) -> Option<Instant> {
        let now = Instant::now();
        let board = self.board();
        let freezes = board.standing.iter().filter(|s| matches!(s.fault, Fault::Freeze) && !s.is_over(now));
        freezes.filter(|s| s.concerns(Some(session), None)).filter_map(|s| s.until).max()
    }

    /// Whether an event of any stream is withheld.
    pub(in super::super) fn stalls(&self, session: u64, code: &str) -> bool {
        let stalls = |f: &Fault| matches!(f, Fault::Stall).then_some(());
        self.board().find(Some(session), Some(code), stalls).is_some()
    }

    /// Counts one event frame that is about to be sent; whether its session ends instead.
    pub(in super::super) fn drops(&self, session: u64, code: &str) -> bool {
        let mut board = self.board();
        let drop = |s: &Standing| {
            matches!(s.fault, Fault::DropAfter { .. }) && s.concerns(Some(session), Some(code))
        };
        let Some(at) = board.standing.iter().position(drop) else { return false };
        match board.standing.get_mut(at) {
            Some(standing) if standing.left.is_some_and(|left| left > 0) => {
                standing.take();
                false
            }
            _ => {
                board.standing.remove(at);
                true
            }
        }
    }

    /// What becomes of one trade frame, apart from stalls.
    pub(in super::super) fn delivery(&self, session: u64, code: &str) -> Delivery {
        let mut board = self.board();
        let mut find = |pick: fn(&Fault) -> Option<Delivery>| board.find(Some(session), Some(code), pick);
        if let Some(omit) = find(|f| matches!(f, Fault::OmitTrades { .. }).then_some(Delivery::Omit)) {
            return omit;
        }
        let other = find(|f| match f {
            Fault::CutFrame => Some(Delivery::Cut),
            Fault::RepeatTrades { .. } => Some(Delivery::Twice),
            Fault::MangleTrades { how, .. } => Some(Delivery::Mangled(*how)),
            Fault::ReorderTrades { within, .. } => Some(Delivery::Within(*within)),
            Fault::DelayTrades { by } => Some(Delivery::After(*by)),
            _ => None,
        });
        other.unwrap_or(Delivery::Once)
    }

    /// How many trades before the last a snapshot is of; `None` when there is to be none.
    pub(in super::super) fn snapshot(&self, session: u64, code: &str) -> Option<usize> {
        let age = self.board().find(Some(session), Some(code), |f| match f {
            Fault::NoSnapshots => Some(None),
            Fault::StaleSnapshots { trades } => Some(Some(*trades)),
            _ => None,
        });
        age.unwrap_or(Some(0))
    }

    pub(in super::super) fn upgrade_refusal(&self) -> Option<Refusal> {
        self.any(|f| if let Fault::RefuseUpgrades(refusal) = f { Some(refusal.clone()) } else { None })
    }

    pub(in super::super) fn bad_upgrade(&self) -> Option<BadUpgrade> {
        self.any(|f| if let Fault::BadUpgrades(how) = f { Some(*how) } else { None })
    }

    pub(in super::super) fn rest_refusal(&self) -> Option<Refusal> {
        self.any(|f| if let Fault::RefuseRest(refusal) = f { Some(refusal.clone()) } else { None })
    }

    /// How long a REST answer takes; `None` when there is to be none.
    pub(in super::super) fn rest_delay(&self) -> Option<Duration> {
        let delay = self.any(|f| match f {
            Fault::HangRest => Some(None),
            Fault::SlowRest { by } => Some(Some(*by)),
            _ => None,
        });
        delay.unwrap_or(Some(Duration::ZERO))
    }

    pub(in super::super) fn bad_page(&self, code: &str) -> Option<BadPage> {
        self.board().find(None, Some(code), |f| if let Fault::BadPages(how) = f { Some(*how) } else { None })
    }

    pub(in super::super) fn date_error_ms(&self) -> i64 {
        self.any(|f| if let Fault::WrongDate { by_ms } = f { Some(*by_ms) } else { None }).unwrap_or(0)
    }

    pub(in super::super) fn refuses_connections(&self) -> bool {
        self.any(|f| matches!(f, Fault::RefuseConnections).then_some(())).is_some()
    }

    pub(in super::super) fn silences_connections(&self) -> bool {
        self.any(|f| matches!(f, Fault::SilentConnections).then_some(())).is_some()
    }

    /// The pace, from byte to byte, of a connection that begins.
    pub(in super::super) fn trickle(&self) -> Option<Duration> {
        self.any(|f| if let Fault::Trickle { every } = f { Some(*every) } else { None })
    }

    /// Whether nothing is matched in a market.
    pub(in super::super) fn halts(&self, code: &str) -> bool {
        self.board().find(None, Some(code), |f| matches!(f, Fault::Halt).then_some(())).is_some()
    }

    /// Whether some market is halted.
    pub(in super::super) fn is_halting(&self) -> bool {
        self.board().standing.iter().any(|s| matches!(s.fault, Fault::Halt))
    }

    fn any<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.board().find(None, None, pick)
    }

    fn has(&self, session: u64, is: impl Fn(&Fault) -> bool) -> bool {
        self.board().find(Some(session), None, |f| is(f).then_some(())).is_some()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
