//! Faults on demand: what the stand-in does wrong, to whom, and for how long.
//!
//! A standing fault holds until it is used up, until its time is over, or until all are cleared; an
//! act happens once, to the sessions that are open. Every fault can be narrowed to a session and to
//! markets, and limited in time and number ([`Planned`]). All chance in them comes from the venue's
//! seed, so that a script on a paused clock goes wrong the same way every time.
//!
//! Owns the catalogue. The board says what is wrong at this moment; scripts say when.
//!
//! Keeps: [bounded]

mod board;
mod file;
mod mangle;
mod script;

pub(super) use board::{Act, Delivery, Faults};
pub use file::ScriptError;
pub(super) use file::duration;
pub use mangle::Mangle;
pub(super) use mangle::mangled;
pub use script::Script;

use bytes::Bytes;
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Pings, and the text `PING`, are no longer answered; trades still come.
    MutePongs,
    /// No event is sent, and none later for it, though pongs go on: a zombie subscription. Narrowed
    /// to a session and not to a time, it ends with the session.
    Stall,
    /// Nothing at all is sent, pongs included, and everything is sent when the time is over; five
    /// seconds unless a time is said.
    Freeze,
    /// This many more event frames are sent, by all sessions together; with the next one its
    /// session's TCP connection is dropped, without a close frame. Then it is used up.
    DropAfter {
        /// In frames.
        frames: u64,
    },
    /// The next trade frame is cut off in the middle, then TCP ends. Then it is used up.
    CutFrame,
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
    /// The next trades are held back, each for a while of its own, and so leave in another order.
    ReorderTrades {
        /// In frames.
        count: u64,
        /// The longest while.
        within: Duration,
    },
    /// Trades leave late, in order.
    DelayTrades {
        /// How late.
        by: Duration,
    },
    /// The next trades are spelled wrongly.
    MangleTrades {
        /// In frames.
        count: u64,
        /// In which way.
        how: Mangle,
    },
    /// Subscribing brings no snapshots.
    NoSnapshots,
    /// Snapshots are of a trade before the last.
    StaleSnapshots {
        /// How many trades before.
        trades: usize,
    },
    /// TCP connections end as soon as they begin.
    RefuseConnections,
    /// TCP connections are accepted and never answered.
    SilentConnections,
    /// What is sent on connections made from now on leaves byte by byte.
    Trickle {
        /// From byte to byte.
        every: Duration,
    },
    /// Upgrades are refused.
    RefuseUpgrades(Refusal),
    /// Upgrades are answered with a 101 that is not right.
    BadUpgrades(BadUpgrade),
    /// REST requests are refused.
    RefuseRest(Refusal),
    /// REST answers take this long.
    SlowRest {
        /// How long.
        by: Duration,
    },
    /// REST requests are never answered.
    HangRest,
    /// Pages of trades are not what they should be.
    BadPages(BadPage),
    /// The `Date` header is off.
    WrongDate {
        /// Ahead when positive.
        by_ms: i64,
    },
    /// Nothing is traded, in all or the named markets.
    Halt,
    /// Once: a new market, which begins to trade.
    List {
        /// A code quoted in KRW, BTC or USDT.
        code: String,
    },
    /// Once: a market is gone from the list, from REST and from the stream.
    Delist {
        /// Its code.
        code: String,
    },
    /// Once: a market's `market_event.warning`.
    Warn {
        /// Its code.
        code: String,
        /// Whether it is warned of.
        on: bool,
    },
    /// Once: a binary frame of these bytes.
    Garbage(Bytes),
    /// Once: these bytes on TCP, whatever they are as frames.
    Raw(Bytes),
    /// Once: an error frame, then the close that follows one.
    Error {
        /// Such as `INVALID_PARAM`.
        name: String,
    },
    /// Once: a close frame, then the end.
    Close {
        /// As in the close frame: 1000, 1001, 1011…
        code: u16,
        /// At most 123 bytes are sent.
        reason: String,
    },
    /// Once: TCP is dropped without a close frame.
    Drop,
    /// Once: TCP is reset. An in-memory connection is dropped.
    Reset,
    /// Once: the session hears and says nothing any more, and TCP stays open.
    HalfOpen,
    /// Once: a ping by the venue.
    Ping,
    /// Once: many pings.
    Pings {
        /// How many.
        count: u16,
        /// In each; 125 at most.
        bytes: u8,
    },
    /// Once: pongs that nobody asked for.
    Pongs {
        /// How many.
        count: u16,
    },
    /// Once: all standing faults end.
    Clear,
}

/// Whom a fault concerns. Sessions are told apart when the fault is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    #[default]
    All,
    /// The session that has been open longest; the next one when none is open.
    Oldest,
    /// The session that was opened last; the next one when none is open.
    Newest,
    /// The n-th session that this venue has served, from 1.
    Session(u64),
}

/// A fault, to whom, and for how long. A [`Fault`] alone is one for everybody without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What goes wrong.
    pub fault: Fault,
    /// Whom it concerns; of use for what happens in sessions.
    pub who: Who,
    /// The markets it concerns; all when empty. Of use for trades, snapshots, pages and halts.
    pub markets: Vec<String>,
    /// For how long, for a standing fault.
    pub lasting: Option<Duration>,
    /// How often, for a standing fault that is met by one request, connection or frame at a time.
    pub times: Option<u64>,
}

impl From<Fault> for Planned {
    fn from(fault: Fault) -> Self {
        Self { fault, who: Who::All, markets: Vec::new(), lasting: None, times: None }
    }
}

impl Planned {
    /// Narrows it to a session.
    #[must_use]
    pub fn on(self, who: Who) -> Self {
        Self { who, ..self }
    }

    /// Narrows it to a market; called again, to one more.
    #[must_use]
    pub fn market(mut self, code: &str) -> Self {
        self.markets.push(code.into());
        self
    }

    /// Ends it after a time.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        Self { lasting: Some(time), ..self }
    }

    /// Ends it after so many times.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }
}

impl Fault {
    /// For a session alone.
    #[must_use]
    pub fn on(self, who: Who) -> Planned {
        Planned::from(self).on(who)
    }

    /// For a market alone.
    #[must_use]
    pub fn market(self, code: &str) -> Planned {
        Planned::from(self).market(code)
    }

    /// For a time.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Planned {
        Planned::from(self).lasting(time)
    }

    /// For so many times.
    #[must_use]
    pub fn times(self, times: u64) -> Planned {
        Planned::from(self).times(times)
    }

    /// The header of a frame of 2^63 - 1 bytes, and nothing of it.
    #[must_use]
    pub fn giant_frame() -> Self {
        Self::Raw(Bytes::from_static(&[0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))
    }

    /// The first and many more fragments of a message that never ends.
    #[must_use]
    pub fn endless_fragments() -> Self {
        let mut bytes = vec![0x02, 0x01, b'['];
        bytes.extend([0x00, 0x01, b' '].repeat(20_000));
        Self::Raw(bytes.into())
    }

    /// A text frame that is not UTF-8.
    #[must_use]
    pub fn bad_text() -> Self {
        Self::Raw(Bytes::from_static(&[0x81, 0x02, 0xc3, 0x28]))
    }

    /// A frame with a reserved bit, as if an extension had been agreed on.
    #[must_use]
    pub fn reserved_bit() -> Self {
        Self::Raw(Bytes::from_static(&[0xc2, 0x02, b'{', b'}']))
    }
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
    /// More headers, such as `retry-after` or `location`.
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    /// Any status, with a body.
    #[must_use]
    pub fn new(status: u16, body: &str, lasting: Duration) -> Self {
        Self { status, body: body.into(), lasting, headers: Vec::new() }
    }

    /// Too many requests.
    #[must_use]
    pub fn too_many(lasting: Duration) -> Self {
        Self::new(429, "Too many API requests.", lasting)
    }

    /// A ban, its length named in the body. How the venue words it is not documented.
    #[must_use]
    pub fn ban(lasting: Duration) -> Self {
        let seconds = lasting.as_secs();
        let body = format!(
            "{{\"error\":{{\"name\":418,\"message\":\"This IP is blocked. Retry after {seconds} seconds.\"}}}}"
        );
        Self::new(418, &body, lasting)
    }

    /// Maintenance, as a gateway says it.
    #[must_use]
    pub fn unavailable(lasting: Duration) -> Self {
        Self::new(503, "<html><body>503 Service Unavailable</body></html>", lasting)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What is wrong with a 101.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUpgrade {
    /// The accept key is that of another request.
    WrongAccept,
    /// An extension that was not asked for.
    Extension,
    /// A mebibyte of headers.
    ManyHeaders,
}

/// What is wrong with a page of trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPage {
    /// It begins with trades of the page before.
    Overlap {
        /// How many.
        rows: usize,
    },
    /// Every row stands there twice.
    Repeat,
    /// Every so many-th row is missing.
    LeaveOut {
        /// At least 1; 1 leaves nothing.
        every: usize,
    },
    /// It is empty.
    Empty,
    /// It lacks the latest trades.
    Stale {
        /// Of how long.
        by: Duration,
    },
    /// The body ends in the middle.
    Cut,
}
