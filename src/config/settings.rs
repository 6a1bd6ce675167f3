//! What a configuration says once nothing in it is open: plain values and their defaults.
//!
//! Durations are never zero unless the field says so, sizes are bytes, names are resolved, paths
//! are joined to the folder of the file. The shipped `config.toml` shows each default with its
//! reason; a test keeps the two equal.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

mod channels;

pub use channels::*;

use super::{fault::Source, rules::Alerts, streams::Stream};

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The stream.
    pub feed: Feed,
    /// The record of what came in.
    pub tape: Tape,
    /// What outlives the process.
    pub state: State,
    /// How the running process is spoken to.
    pub control: Control,
    /// Health and metrics over HTTP.
    pub status: Status,
    /// Logging.
    pub log: Log,
    /// The process.
    pub runtime: Runtime,
    /// The plugins; each one stands after the one it reads from.
    pub plugins: Vec<Plugin>,
    /// The rules and what holds for all of them.
    pub alerts: Alerts,
    /// Where records and alerts can go, in the order of the file; `stdout` is always among them.
    pub channels: Vec<Channel>,
    /// What is lawful but unwise, with its place; the caller shows it and goes on.
    pub warnings: Vec<super::Fault>,
    pub(super) source: Source,
}

impl Config {
    /// Whether both files, whatever their text, ask for the same job.
    #[must_use]
    pub fn same_job(&self, other: &Self) -> bool {
        self.feed == other.feed
            && self.tape == other.tape
            && self.state == other.state
            && self.control == other.control
            && self.status == other.status
            && self.log == other.log
            && self.runtime == other.runtime
            && self.plugins == other.plugins
            && self.alerts == other.alerts
            && self.channels == other.channels
    }

    /// The plugin called `name`.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|p| p.name == name)
    }

    /// The channel called `name`.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|c| c.name == name)
    }
}

/// `[feed]`: the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Where the WebSocket is, `wss://` (or `ws://` on loopback).
    pub url: String,
    /// Where REST is, `https://` (or `http://` on loopback); `None`: at the host of `url`.
    pub rest: Option<String>,
    /// Market codes and patterns to subscribe to, each once.
    pub markets: Vec<String>,
    /// Between two looks at the venue's list of markets.
    pub refresh_interval: Duration,
    /// Over how many sockets the markets are spread.
    pub sockets: u16,
    /// How many sockets carry the same markets.
    pub redundancy: u16,
    /// After how much silence a session is asked whether it still delivers.
    pub stale_after: Duration,
    /// How missed trades are fetched.
    pub backfill: Backfill,
    /// What is subscribed to beside trades.
    pub streams: Vec<Stream>,
    /// Spelling of the frames that is asked for.
    pub format: FrameFormat,
    /// Between two protocol pings.
    pub ping_interval: Duration,
    /// Without a pong for this long the connection is replaced; longer than `ping_interval`.
    pub pong_timeout: Duration,
    /// For name lookup, TCP, TLS and handshake together.
    pub connect_timeout: Duration,
    /// First wait of the backoff.
    pub backoff_min: Duration,
    /// Longest wait of the backoff.
    pub backoff_max: Duration,
    /// Largest message that is accepted, in bytes.
    pub max_message: u64,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            url: "wss://api.upbit.com/websocket/v1".into(),
            rest: None,
            markets: ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE"].map(String::from).into(),
            refresh_interval: Duration::from_secs(3_600),
            sockets: 1,
            redundancy: 1,
            stale_after: Duration::from_secs(60),
            backfill: Backfill::default(),
            streams: Vec::new(),
            format: FrameFormat::Default,
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            max_message: 1 << 20,
        }
    }
}

/// `[feed.backfill]`: how trades that were missed are fetched over REST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Whether they are.
    pub enabled: bool,
    /// Requests a second.
    pub rate: u32,
    /// How long a market's live trades may wait for its repair.
    pub deadline: Duration,
    /// Most pages of 500 trades for one gap of one market.
    pub pages: u32,
    /// Most trades that wait, of all markets together.
    pub hold: usize,
    /// What happens beyond.
    pub when_full: WhenFull,
}

impl Default for Backfill {
    fn default() -> Self {
        Self {
            enabled: true,
            rate: 8,
            deadline: Duration::from_secs(300),
            pages: 2_000,
            hold: 100_000,
            when_full: WhenFull::Release,
        }
    }
}

/// What is done with live trades of a market under repair when no more may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The repair ends, what it lacks is a gap.
    Release,
    /// The newest are left out and fetched later.
    Refetch,
}

/// Spelling of the venue's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFormat {
    /// Full keys, one object a frame.
    Default,
    /// Short keys, one object a frame.
    Simple,
    /// Full keys, a list a frame.
    JsonList,
    /// Short keys, a list a frame.
    SimpleList,
}

impl FrameFormat {
    /// The venue's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::Simple => "SIMPLE",
            Self::JsonList => "JSON_LIST",
            Self::SimpleList => "SIMPLE_LIST",
        }
    }
}

/// `[tape]`: the record of what came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    /// Folder of the tape; `None`: in memory only.
    pub dir: Option<PathBuf>,
    /// Entries older than this are dropped.
    pub retain_age: Duration,
    /// Bytes on disk beyond which the oldest entries are dropped.
    pub retain_size: u64,
    /// Bytes of newest entries kept in memory.
    pub memory: u64,
    /// Between two flushes to the device.
    pub sync_interval: Duration,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            dir: None,
            retain_age: Duration::from_secs(7 * 86_400),
            retain_size: 2 << 30,
            memory: 8 << 20,
            sync_interval: Duration::from_secs(1),
        }
    }
}

/// `[state]`: what outlives the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Folder of checkpoints and outbox; `None`: nothing outlives the process.
    pub dir: Option<PathBuf>,
}

/// `[control]`: the socket by which the running process is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Where it is; `None`: there is none.
    pub socket: Option<PathBuf>,
    /// Whether the file says where.
    pub is_named: bool,
}

/// `[status]`: health and metrics over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Loopback address to listen on; `None`: off.
    pub listen: Option<SocketAddr>,
    /// An outside watch that is told now and then that the process lives; `None`: off.
    pub heartbeat: Option<Heartbeat>,
}

/// `[status] heartbeat_*`: an outside watch that raises the alarm when the process is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Where; a secret, since such services put their token into the path.
    pub url: Secret,
    /// Between two requests.
    pub interval: Duration,
    /// Whether addresses that are not public may be spoken to.
    pub allow_private: bool,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Shape of a line.
    pub format: LogFormat,
    /// Least level that is written.
    pub level: LogLevel,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: LogLevel::Info }
    }
}

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Least level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Data lost, or a person is needed.
    Error,
    /// Recovered.
    Warn,
    /// An action succeeded.
    Info,
    /// For finding out.
    Debug,
    /// Every trade.
    Trace,
}

impl LogLevel {
    /// The level's name, lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// `[runtime]`: the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// How long a shutdown may drain.
    pub grace: Duration,
    /// Folder of compiled plugins; `None`: compile at every start.
    pub compile_cache: Option<PathBuf>,
}

/// One `[plugins.NAME]`, or the `alert` plugin that `[[alert]]` implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// Its name in the file: letters, digits, `-` and `_`.
    pub name: String,
    /// Where its code is.
    pub code: Code,
    /// What it reads.
    pub input: Input,
    /// Market codes and globs it sees; empty: all.
    pub markets: Vec<String>,
    /// Channels that get its records.
    pub to: Vec<String>,
    /// Its settings as a JSON object; numbers carry the digits of the file.
    pub config: String,
    /// What a call of it may cost.
    pub limits: Limits,
}

/// Where a plugin's code is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Comes with the program.
    Bundled(Bundled),
    /// A component file.
    File(PathBuf),
}

/// The plugins that come with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bundled {
    /// Rules.
    Alert,
    /// Lets some trades pass.
    Filter,
    /// Bars and VWAP.
    Aggregate,
}

impl Bundled {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Filter, Self::Aggregate, Self::Alert];

    /// Its name in `bundled = "…"`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Filter => "filter",
            Self::Aggregate => "aggregate",
        }
    }
}

/// What a plugin reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Every trade of the stream.
    Trades,
    /// What the plugin of this name lets pass.
    Plugin(String),
}

/// What a call of a plugin may cost; beyond it the instance is thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory: u64,
    /// Wall time of a call.
    pub deadline: Duration,
    /// Instructions of a call, in wasmtime's fuel.
    pub fuel: u64,
    /// Emissions of a call.
    pub emissions: u32,
    /// Size of one emission, in bytes.
    pub emission_bytes: u64,
    /// Copied between guest and host in a call, in bytes.
    pub host_call_bytes: u64,
    /// Size of a snapshot, in bytes.
    pub snapshot_bytes: u64,
}

impl Limits {
    /// What the bundled `alert` plugin may use. With 10,000 rules over 300 markets a full batch
    /// takes 110 million instructions and 30 ms at most, the windows 46 MiB, a snapshot 4 MiB
    /// (`cargo bench --bench rules`); every rule may speak in the same batch.
    #[must_use]
    pub fn of_rules() -> Self {
        Self {
            memory: 64 << 20,
            deadline: Duration::from_millis(250),
            fuel: 500_000_000,
            emissions: 20_000,
            emission_bytes: 64 << 10,
            host_call_bytes: 32 << 20,
            snapshot_bytes: 16 << 20,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 16 << 20,
            deadline: Duration::from_millis(50),
            fuel: 100_000_000,
            emissions: 1_000,
            emission_bytes: 64 << 10,
            host_call_bytes: 1 << 20,
            snapshot_bytes: 4 << 20,
        }
    }
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
