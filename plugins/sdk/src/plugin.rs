//! The trait a plugin implements.

use crate::{Candle, Fact, Gap, Incoming, Orderbook, Out, Tick, Ticker, Trade};
use serde::de::DeserializeOwned;

/// What the host hands over when it starts a plugin.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The name that config.toml gives this instance of the plugin.
    pub name: String,
    /// `[plugins.NAME.config]` as JSON text; `{}` where there is none. Prices written as TOML
    /// floats arrive as the digits that were written.
    pub config: String,
}

impl Setup {
    /// The configuration as a type of the plugin's own.
    ///
    /// # Errors
    /// One fault that names the place, so that the host can point at it in config.toml.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Vec<ConfigFault>> {
        let mut json = serde_json::Deserializer::from_str(&self.config);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let mut path = String::new();
            for segment in error.path() {
                use serde_path_to_error::Segment;
                match segment {
                    Segment::Seq { index } => path.push_str(&format!("/{index}")),
                    Segment::Map { key } | Segment::Enum { variant: key } => {
                        path.push_str(&format!("/{key}"))
                    }
                    Segment::Unknown => {}
                }
            }
            let message = error.into_inner().to_string();
            // The line and column of the JSON text would only mislead: the path is the place.
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            vec![ConfigFault { path, message, help: None }]
        })
    }
}

/// One mistake in a plugin's configuration, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// A JSON pointer into the configuration: `/rules/3/when/clear`; empty for the whole.
    pub path: String,
    /// What was found, as a lowercase fragment.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}

impl ConfigFault {
    /// A fault at `path`.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: None }
    }

    /// The same, with what would be accepted.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a plugin says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its own name.
    pub name: &'static str,
    /// Its own version.
    pub version: &'static str,
    /// The version of its snapshots: [`Plugin::restore`] is told it.
    pub state_version: u32,
    /// A JSON Schema of its configuration, or an empty text.
    pub config_schema: &'static str,
}

/// A trade handler.
///
/// A plugin is a pure function of its configuration and of what it is told: it has no clock, no
/// randomness, no files and no network. The same tape gives the same output, whatever batches the
/// host cuts it into.
pub trait Plugin: Sized {
    /// What it is called and which version it is.
    const MANIFEST: Manifest;

    /// Reads the configuration and builds the plugin.
    ///
    /// # Errors
    /// Every mistake in the configuration, each with its place. The process does not start.
    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>>;

    /// One trade. Say what is to be said through `out`; [`Out::drop_trade`] keeps the trade from
    /// the plugins that read this one.
    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        let _ = (trade, out);
    }

    /// A market's day so far. It comes with every trade or so, as the venue sends it.
    fn on_ticker(&mut self, ticker: &Ticker<'_>, out: &mut Out) {
        let _ = (ticker, out);
    }

    /// A whole order book.
    fn on_orderbook(&mut self, book: &Orderbook<'_>, out: &mut Out) {
        let _ = (book, out);
    }

    /// A bar as the venue draws it, so far.
    fn on_candle(&mut self, candle: &Candle<'_>, out: &mut Out) {
        let _ = (candle, out);
    }

    /// The clock, once a second while the host is connected, whether trades come or not.
    fn on_tick(&mut self, tick: &Tick, out: &mut Out) {
        let _ = (tick, out);
    }

    /// A stretch in which trades may have been missed.
    fn on_gap(&mut self, gap: &Gap<'_>, out: &mut Out) {
        let _ = (gap, out);
    }

    /// A record of the plugin that this one reads (`input`), after the trade that caused it and before
    /// the next.
    fn on_record(&mut self, record: &Incoming<'_>, out: &mut Out) {
        let _ = (record, out);
    }

    /// Something that the host knows has changed.
    fn on_fact(&mut self, fact: &Fact<'_>, out: &mut Out) {
        let _ = (fact, out);
    }

    /// What the plugin has in mind, for people: JSON in, JSON out. Asked between events, at no fixed
    /// time.
    ///
    /// # Errors
    /// Why there is no answer.
    fn inspect(&self, query: &str) -> Result<String, String> {
        Err(format!("there is no answer to {query}"))
    }

    /// Everything that must outlive this instance. A fresh one is given it after a restart, a trap
    /// or an update.
    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over from a snapshot that `state_version` of this plugin wrote. Called right after
    /// [`Plugin::new`], before anything else.
    ///
    /// # Errors
    /// A reason: the host does not start the plugin and says why.
    fn restore(&mut self, state_version: u32, state: &[u8]) -> Result<(), String> {
        let _ = (state_version, state);
        Ok(())
    }
}
