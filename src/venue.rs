//! The venue: a stand-in Upbit on loopback, WebSocket and REST, with a synthetic market.
//!
//! For the demo, for end-to-end tests and for plugin authors offline. It speaks the venue's protocol
//! as measured in 2026, its habits included: binary frames, no acknowledgements, silence about
//! unknown codes, an idle limit of 60 s without a close frame. What goes wrong can be set at any
//! time ([`Fault`]).
//!
//! Owns the market, the listener and the sessions. Shares nothing with the rooms that read the
//! venue, so that a misreading on one side is not repeated on the other.
//!
//! Everything but the start of the clock runs on tokio's time: with a fixed
//! [`VenueConfig::start_ms`], a paused runtime and [`Venue::link`], a test is the same each time.
//!
//! Keeps: [bounded] [numbers-survive] [decode-is-total]

mod book;
mod candle;
mod chance;
mod fault;
mod firehose;
mod grid;
mod hub;
mod limit;
mod line;
mod request;
mod rest;
mod server;
mod session;
mod socket;
mod streams;
mod synth;
mod walk;
mod wire;

pub use candle::Candle;
pub use fault::{BadPage, BadUpgrade, Fault, Mangle, Planned, Refusal, Script, ScriptError, Who};
pub use synth::{Liveliness, MAIN_MARKETS, Query, Synth, SynthOptions, VenueTrade, base_price, many_markets};

use hub::{Hub, HubOptions};
use server::Server;
use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{io::DuplexStream, net::TcpListener};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// Bytes that an in-memory link holds in each direction; about a socket's buffer.
const LINK_BUFFER: usize = 64 * 1024;

/// How a stand-in venue is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct VenueConfig {
    /// Same seed, same market.
    pub seed: u64,
    /// Its markets; [`MAIN_MARKETS`] by default.
    pub codes: Vec<String>,
    /// How much goes on.
    pub liveliness: Liveliness,
    /// Trades a second over all markets, at an even pace, instead of what `liveliness` says.
    pub trades_per_second: Option<f64>,
    /// The share of orders whose trades arrive after ones stamped later.
    pub late_share: f64,
    /// On 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What the clock shows at the start, ms since the Unix epoch; the wall clock by default.
    pub start_ms: Option<i64>,
    /// How much of the past REST and snapshots know at the start, seven days at most. When that is
    /// more than 100,000 trades, or more than is retained, there were fewer until ten minutes before
    /// the start.
    pub history_ms: i64,
    /// Trades kept for REST, per market.
    pub retained: usize,
    /// Whether the venue's rate limits hold.
    pub limits: bool,
    /// Frames that wait for a slow client before it is dropped.
    pub queue: usize,
    /// Instead of the market: exactly this many trades to whoever subscribes, as fast as the socket
    /// takes them; then nothing, and the socket stays open.
    pub firehose: Option<u64>,
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            codes: MAIN_MARKETS.map(String::from).to_vec(),
            liveliness: Liveliness::default(),
            trades_per_second: None,
            late_share: 0.01,
            port: 0,
            start_ms: None,
            history_ms: 60_000,
            retained: 20_000,
            limits: true,
            queue: 4_096,
            firehose: None,
        }
    }
}

impl VenueConfig {
    /// A venue that sends exactly `frames` trades to whoever subscribes.
    #[must_use]
    pub fn firehose(frames: u64) -> Self {
        Self { firehose: Some(frames), limits: false, ..Self::default() }
    }

    fn synth(&self, start_ms: i64) -> Result<Synth, VenueError> {
        Synth::new(&SynthOptions {
            seed: self.seed,
            codes: self.codes.clone(),
            liveliness: self.liveliness,
            trades_per_second: self.trades_per_second,
            late_share: self.late_share,
            start_ms,
            history_ms: self.history_ms,
            retained: self.retained,
        })
    }
}

/// Why a stand-in venue does not come up.
#[derive(Debug)]
pub enum VenueError {
    /// Not a market code quoted in KRW, BTC or USDT, or named twice.
    Market(String),
    /// The port is not to be had.
    Listen(u16, io::Error),
}

impl fmt::Display for VenueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Market(code) => {
                write!(f, "{code:?} is no market of KRW, BTC or USDT, or is named twice")
            }
            Self::Listen(port, why) => write!(f, "the stand-in venue cannot listen on port {port}: {why}"),
        }
    }
}

impl std::error::Error for VenueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Market(_) => None,
            Self::Listen(_, why) => Some(why),
        }
    }
}

/// A running stand-in. Dropping it ends everything at once.
pub struct Venue {
    server: Server,
    addr: SocketAddr,
    _stop: DropGuard,
}

/// Sets faults from anywhere; all clones act on one venue.
#[derive(Clone)]
pub struct FaultHandle(Arc<Hub>);

impl FaultHandle {
    /// From now on, or once.
    pub fn set(&self, fault: impl Into<Planned>) {
        self.0.set(fault.into());
    }

    /// Sets each fault of a script at its time from now; returns when the last is set.
    pub async fn play(&self, script: Script) {
        let started = tokio::time::Instant::now();
        for (after, planned) in script.steps() {
            tokio::time::sleep_until(started + *after).await;
            self.set(planned.clone());
        }
    }

    /// No standing fault is left.
    pub fn clear(&self) {
        self.set(Fault::Clear);
    }
}

impl Venue {
    /// Starts the market and listens on 127.0.0.1. The market's first trades lie in the past.
    ///
    /// # Errors
    /// A code that is no market, or a port that is taken.
    pub async fn start(config: VenueConfig) -> Result<Self, VenueError> {
        let start_ms = config.start_ms.unwrap_or_else(wall_ms);
        let synth = config.synth(start_ms)?;
        let listening = |why| VenueError::Listen(config.port, why);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await.map_err(listening)?;
        let addr = listener.local_addr().map_err(listening)?;
        let options = HubOptions {
            start_ms,
            limited: config.limits,
            seed: config.seed,
            firehose: config.firehose,
            queue: config.queue,
        };
        let hub = Arc::new(Hub::new(synth, &options));
        let stop = CancellationToken::new();
        let server = Server { hub, tasks: TaskTracker::new(), stop: stop.clone() };
        if config.firehose.is_none() {
            let (hub, stop) = (Arc::clone(&server.hub), stop.clone());
            server.tasks.spawn(async move { stop.run_until_cancelled(hub.beat()).await });
        }
        server.tasks.spawn(server.clone().accept(listener));
        Ok(Self { server, addr, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What a feed connects to.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}{}", self.addr, server::WEBSOCKET_PATH)
    }

    /// What REST paths such as `/v1/trades/ticks` are appended to.
    #[must_use]
    pub fn rest_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// An in-memory connection to the same server: HTTP, and WebSocket after an upgrade.
    #[must_use]
    pub fn link(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(LINK_BUFFER);
        let server = self.server.clone();
        self.server.tasks.spawn(async move { server.serve(far).await });
        near
    }

    /// What its clock shows, ms since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.server.hub.now_ms()
    }

    /// Everything a market has traded, up to this moment, and that is kept, by id: what a client
    /// that missed nothing has seen.
    #[must_use]
    pub fn all_trades(&self, code: &str) -> Vec<VenueTrade> {
        self.server.hub.with_market(|market| market.all(code).cloned().collect())
    }

    /// Of those, the ones matched from `from_ms` on and before `to_ms`.
    #[must_use]
    pub fn trades_between(&self, code: &str, from_ms: i64, to_ms: i64) -> Vec<VenueTrade> {
        let mut trades = self.all_trades(code);
        trades.retain(|trade| (from_ms..to_ms).contains(&trade.traded_at_ms));
        trades
    }

    /// The candles of `unit_ms` of a market, oldest first: the exact aggregation of everything that
    /// it has traded up to this moment, for the last seven days by minutes and the last 10,800
    /// seconds by seconds.
    #[must_use]
    pub fn candles(&self, code: &str, unit_ms: i64) -> Vec<Candle> {
        self.server.hub.with_market(|market| market.drawn(code, unit_ms))
    }

    /// Sets a fault from now on, or once.
    pub fn set_fault(&self, fault: impl Into<Planned>) {
        self.faults().set(fault);
    }

    /// Ends all standing faults.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// To set faults from elsewhere.
    #[must_use]
    pub fn faults(&self) -> FaultHandle {
        FaultHandle(Arc::clone(&self.server.hub))
    }

    /// Sets each fault at its time from now. Scripts run side by side, and end with the venue.
    pub fn run_script(&self, script: impl Into<Script>) {
        self.server.run_script(script.into());
    }

    /// Drops every connection, without close frames, and waits until all tasks have ended.
    pub async fn shutdown(self) {
        self.server.stop.cancel();
        self.server.tasks.close();
        self.server.tasks.wait().await;
    }
}

/// A time as scripts spell it: `250ms`, `10s`, `5m`, `2h`, `3d`.
///
/// # Errors
/// What would be accepted, after the name of what it is for.
pub fn script_time(of: &str, text: &str) -> Result<Duration, String> {
    fault::duration(of, text)
}

/// The wall clock, read once for each venue.
fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since_epoch.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
