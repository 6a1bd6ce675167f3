//! What a plugin says: alerts, records, and which trades flow on.

use crate::{Flags, Side, Trade};
use tradehook_decimal::{Decimal, Wide};

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Somebody must act.
    Critical,
}

/// Where an alert stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertState {
    /// Happened at one instant; nothing will resolve it.
    Event,
    /// Became true and stays so until it is resolved.
    Firing,
    /// Is no longer true.
    Resolved,
}

/// A value with a name, as it stands in an alert or a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// An exact number; printed in plain digits, as a string where JSON is written.
    Number(Wide),
    /// A count or an id.
    Int(i64),
    /// An approximation: statistics only.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Known to be absent.
    Null,
}

/// Something worth telling a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Which rule of the plugin; the host's policy and routing know it by this.
    pub rule: String,
    /// What it is about, usually a market code; state, cooldown and order are kept per key.
    pub key: String,
    /// Where it stands in its life.
    pub state: AlertState,
    /// `None`: as the rule says in config.toml.
    pub severity: Option<Severity>,
    /// One line for a person.
    pub title: String,
    /// Event time, ms since the Unix epoch.
    pub at_ms: i64,
    /// Named values, for templates and receivers.
    pub fields: Vec<(String, Value)>,
}

/// Something worth keeping: a bar, a statistic, anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What sort of record, for instance `bar`.
    pub topic: String,
    /// Named values, in the order in which they are written.
    pub fields: Vec<(String, Value)>,
}

/// What is emitted.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// An alert.
    Alert(Alert),
    /// A record.
    Record(Record),
    /// A trade for the plugins that read this one.
    Trade(MadeTrade),
}

/// A trade that a plugin puts on its way to the plugins that read it: one that it held back, or one
/// that it made of others. Its offset and its time of arrival become those of what caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeTrade {
    /// The number of a market that the plugin has been told.
    pub market_id: u32,
    /// The taker's side.
    pub side: Side,
    /// In the quote currency; must be greater than nought.
    pub price: Decimal,
    /// In the base currency; must be greater than nought.
    pub volume: Decimal,
    /// Of the trade it is, or of one of those it is made of.
    pub sequential_id: u64,
    /// Likewise, ms since the Unix epoch.
    pub traded_at_ms: i64,
    /// Those of the trade that was held back; [`Flags::SYNTHETIC`] for what the venue never sent.
    pub flags: Flags,
    /// The best bid after it, where it is known.
    pub best_bid: Option<Decimal>,
    /// The best ask after it, where it is known.
    pub best_ask: Option<Decimal>,
    /// The close of the day before, where it is known.
    pub prev_close: Option<Decimal>,
}

impl MadeTrade {
    /// The same trade, to be put on its way later.
    #[must_use]
    pub fn of(trade: &Trade<'_>) -> Self {
        Self {
            market_id: trade.market_id,
            side: trade.side,
            price: trade.price,
            volume: trade.volume,
            sequential_id: trade.sequential_id,
            traded_at_ms: trade.traded_at_ms,
            flags: trade.flags,
            best_bid: trade.best_bid,
            best_ask: trade.best_ask,
            prev_close: trade.prev_close,
        }
    }
}

/// One emission and the trade of the batch that caused it.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// Index into the batch of trades, quotes or records; 0 for a tick, a gap or a fact.
    pub at: u32,
    /// What was said.
    pub payload: Payload,
}

/// Which trades of the batch reach the plugins that read this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Forward {
    /// Every one.
    #[default]
    All,
    /// None.
    None,
    /// These indices, ascending.
    Some(Vec<u32>),
}

/// Collects what a plugin says while it handles one batch, tick or gap.
#[derive(Debug, Default)]
pub struct Out {
    emissions: Vec<Emission>,
    dropped: Vec<u32>,
    at: u32,
}

impl Out {
    /// Empty, standing at the first trade.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says which trade of the batch is being handled: what is said next belongs to it. The SDK
    /// calls it before each [`crate::Plugin::on_trade`].
    #[inline]
    pub fn stand_at(&mut self, index: u32) {
        self.at = index;
    }

    /// Emits an alert.
    pub fn alert(&mut self, alert: Alert) {
        self.emissions.push(Emission { at: self.at, payload: Payload::Alert(alert) });
    }

    /// Emits a record.
    pub fn record(&mut self, record: Record) {
        self.emissions.push(Emission { at: self.at, payload: Payload::Record(record) });
    }

    /// Puts a trade on its way to the plugins that read this one: before the trade being handled (or
    /// the tick, gap, quote or fact), because what was held back is older than that.
    pub fn trade(&mut self, trade: MadeTrade) {
        self.emissions.push(Emission { at: self.at, payload: Payload::Trade(trade) });
    }

    /// How much was said so far, for a plugin that keeps within the limits of a call.
    #[must_use]
    pub fn said(&self) -> usize {
        self.emissions.len()
    }

    /// The trade being handled does not flow on. Every other does.
    #[inline]
    pub fn drop_trade(&mut self) {
        self.dropped.push(self.at);
    }

    /// What was emitted, in order, and which of `len` trades flow on.
    #[must_use]
    pub fn finish(self, len: u32) -> (Forward, Vec<Emission>) {
        let forward = if self.dropped.is_empty() {
            Forward::All
        } else if self.dropped.len() >= len as usize {
            Forward::None
        } else {
            let mut dropped = self.dropped.iter().copied().peekable();
            Forward::Some((0..len).filter(|i| dropped.next_if_eq(i).is_none()).collect())
        };
        (forward, self.emissions)
    }
}

impl Alert {
    /// An alert about one instant, without further values.
    #[must_use]
    pub fn event(
        rule: impl Into<String>,
        key: impl Into<String>,
        at_ms: i64,
        title: impl Into<String>,
    ) -> Self {
        Self {
            rule: rule.into(),
            key: key.into(),
            state: AlertState::Event,
            severity: None,
            title: title.into(),
            at_ms,
            fields: Vec::new(),
        }
    }

    /// The same with one more named value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new(topic: impl Into<String>) -> Self {
        Self { topic: topic.into(), fields: Vec::new() }
    }

    /// The same with one more named value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $into:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from($v: $from) -> Self {
                $into
            }
        }
    )*};
}

value_from! {
    &str => |v| Self::Text(v.to_owned()),
    String => |v| Self::Text(v),
    Wide => |v| Self::Number(v),
    Decimal => |v| Self::Number(v.wide()),
    i64 => |v| Self::Int(v),
    u32 => |v| Self::Int(i64::from(v)),
    f64 => |v| Self::Float(v),
    bool => |v| Self::Bool(v),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
