//! REST: paced GETs to the venue.
//!
//! A [`Rest`] is a handle that can be cloned; all clones share one pace, one ban and a few kept
//! connections. [`Rest::get`] waits for its turn, first come first served within a group: the venue
//! counts each group of requests by itself, ten a second from one address (2026). What the venue says
//! of its limits is obeyed: `Remaining-Req`, 429, 418. A refused request is not repeated here.
//!
//! Every request that is written has had a turn. No `Origin` is ever sent: with one, the venue
//! allows one request in ten seconds (since 2024-07-17).
//!
//! Timers run on the monotonic clock; the venue's own clock is handed on as its answers tell it.
//! Owns the pace towards the venue. Does not know what a body says.
//!
//! Keeps: [bounded]

mod door;
mod gate;

pub use crate::http::{HttpError, Stream};
pub use door::{Door, UrlError, VenueDoor};
pub use gate::Group;

use crate::{
    http::{self, Answer, Link},
    refusal::{self, LONGEST_SAID},
};
use bytes::Bytes;
use gate::Gate;
use http_body_util::Full;
use hyper::{Request, header};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// The longest body that is taken. The longest real one is the list of all markets, 240 KB.
const MAX_BODY: usize = 4 << 20;
/// How much of the body of a refusal is kept.
const BODY_SNIPPET: usize = 256;
/// A connection that was not used for so long may be gone without a word.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// How much may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestConfig {
    /// Requests a second in each group, at most. The venue allows ten; the rest is for whoever else
    /// asks from the same address, and for clocks that differ.
    pub per_second: u32,
    /// For one request: connecting, asking, and the whole answer.
    pub timeout: Duration,
    /// Requests at one time, in all groups together; also the connections that are kept.
    pub in_flight: usize,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self { per_second: 8, timeout: Duration::from_secs(10), in_flight: 4 }
    }
}

/// An answer with a status of success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The body, at most 4 MiB.
    pub body: Bytes,
    /// The venue's clock when it answered, ms since the Unix epoch, in whole seconds.
    pub venue_ms: Option<i64>,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestError {
    /// 429. Whoever asks next in this group waits for so long.
    Limited {
        /// From now on.
        wait: Duration,
    },
    /// 418. Until it is over every `get` ends like this at once, and nothing is sent.
    Banned {
        /// From now on.
        wait: Duration,
    },
    /// Another status that is no success.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The start of the body, at most 256 bytes: the venue's text, not to be trusted.
        body: String,
    },
    /// No answer came. It may be otherwise later.
    Network(String),
    /// The answer is longer than anything that the venue sends.
    TooLarge,
    /// The answer was not whole in time.
    Timeout,
    /// What was asked for makes no request.
    Path,
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited { wait } => {
                write!(f, "the venue wants fewer requests and none for {:.1} s", wait.as_secs_f64())
            }
            Self::Banned { wait } => {
                write!(f, "the venue has banned this address for {} s more", wait.as_secs())
            }
            Self::Refused { status, body } => write!(f, "the venue answered {status}: {body:?}"),
            Self::Network(what) => write!(f, "no answer of the venue: {what}"),
            Self::TooLarge => f.write_str("the venue's answer is too long"),
            Self::Timeout => f.write_str("the venue took too long to answer"),
            Self::Path => f.write_str("not a path that can be asked for"),
        }
    }
}

impl std::error::Error for RestError {}

/// A kept connection, and since when nothing was asked on it.
struct Idle {
    link: Link,
    since: Instant,
}

struct Inner {
    door: Box<dyn Door>,
    gate: Gate,
    idle: Mutex<Vec<Idle>>,
    timeout: Duration,
    keep: usize,
}

/// The way to the venue's REST interface.
#[derive(Clone)]
pub struct Rest(Arc<Inner>);

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest({})", self.0.door.authority())
    }
}

/// What came of one request.
enum Tried {
    Answered(Answer),
    /// The connection had been kept, and was closed meanwhile.
    Stale,
    Failed(RestError),
}

impl Rest {
    /// Through a door, at the pace of `config`. Connects to nothing yet.
    #[must_use]
    pub fn new(config: &RestConfig, door: impl Door) -> Self {
        let keep = config.in_flight.max(1);
        Self(Arc::new(Inner {
            door: Box::new(door),
            gate: Gate::new(config.per_second, keep),
            idle: Mutex::default(),
            timeout: config.timeout,
            keep,
        }))
    }

    /// Asks for a path with its query, such as `/v1/market/all?is_details=true`. Waits for its turn
    /// as long as that takes; dropped before, it gives the turn back.
    ///
    /// # Errors
    /// For every answer that is no success, and where there is none.
    pub async fn get(&self, group: Group, path_and_query: &str) -> Result<Reply, RestError> {
        let mut again = true;
        loop {
            let turn = self.0.gate.turn(group).await.map_err(|wait| RestError::Banned { wait })?;
            let tried = timeout(self.0.timeout, self.0.attempt(path_and_query)).await;
            match tried {
                Err(_elapsed) => return Err(RestError::Timeout),
                // A GET may be repeated. The connections that were kept are given up before.
                Ok(Tried::Stale) if again => again = false,
                Ok(Tried::Stale) => return Err(RestError::Network("the connection was closed".to_owned())),
                Ok(Tried::Failed(error)) => return Err(error),
                Ok(Tried::Answered(answer)) => return self.judge(group, &turn, answer),
            }
        }
    }

    /// How long nothing is sent in `group`: for a ban, a 429, or because the venue said that this
    /// second is used up. `None` when the next turn is an ordinary one.
    #[must_use]
    pub fn blocked_for(&self, group: Group) -> Option<Duration> {
        self.0.gate.blocked_for(group)
    }

    fn judge(&self, group: Group, turn: &gate::Turn<'_>, answer: Answer) -> Result<Reply, RestError> {
        let text = |name: header::HeaderName| answer.headers.get(name).and_then(|v| v.to_str().ok());
        let venue_ms = text(header::DATE).and_then(http::said_at_ms);
        let remaining = answer.headers.get("remaining-req").and_then(|v| v.to_str().ok());
        if remaining.and_then(left_this_second) == Some(0) {
            self.0.gate.used_up(group);
        }
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            self.0.gate.succeeded(group, turn);
            return Ok(Reply { body: answer.body, venue_ms });
        }
        let start = answer.body.get(..BODY_SNIPPET).unwrap_or(&answer.body);
        let body = String::from_utf8_lossy(start).into_owned();
        let asked = text(header::RETRY_AFTER).and_then(|v| http::wait_asked(v, venue_ms, LONGEST_SAID));
        let said = asked.or_else(|| refusal::time_in(&body));
        match status {
            429 => Err(RestError::Limited { wait: self.0.gate.limited(group, turn, said) }),
            418 => Err(RestError::Banned { wait: self.0.gate.banned(said) }),
            _ => Err(RestError::Refused { status, body }),
        }
    }
}

impl Inner {
    async fn attempt(&self, path_and_query: &str) -> Tried {
        let request = Request::get(format!("{}{path_and_query}", self.door.prefix()))
            .header(header::HOST, self.door.authority())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("tradehook/", env!("CARGO_PKG_VERSION")))
            .body(Full::default());
        let Ok(request) = request else { return Tried::Failed(RestError::Path) };
        let kept = self.kept();
        let stale = kept.is_some();
        let link = match kept {
            Some(link) => Ok(link),
            None => match self.door.open().await {
                Ok(stream) => Link::new(stream).await,
                Err(error) => Err(error),
            },
        };
        let mut link = match link {
            Ok(link) => link,
            Err(error) => return Tried::Failed(of(error)),
        };
        match link.exchange(request, MAX_BODY).await {
            Ok(answer) => {
                self.keep(link);
                Tried::Answered(answer)
            }
            Err(HttpError::Network(_)) if stale => {
                self.idle().clear();
                Tried::Stale
            }
            Err(error) => Tried::Failed(of(error)),
        }
    }

    /// The connection that was used last, if it is still good.
    fn kept(&self) -> Option<Link> {
        let mut idle = self.idle();
        while let Some(mut last) = idle.pop() {
            if last.since.elapsed() < LONGEST_IDLE && last.link.is_open() {
                return Some(last.link);
            }
        }
        None
    }

    fn keep(&self, mut link: Link) {
        let mut idle = self.idle();
        if idle.len() < self.keep && link.is_open() {
            idle.push(Idle { link, since: Instant::now() });
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(error: HttpError) -> RestError {
    match error {
        HttpError::TooLarge => RestError::TooLarge,
        other => RestError::Network(other.to_string()),
    }
}

/// What `Remaining-Req: group=crix-trades; min=600; sec=9` says is left of this second.
fn left_this_second(header: &str) -> Option<u32> {
    header.split(';').find_map(|part| part.trim().strip_prefix("sec=")?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
