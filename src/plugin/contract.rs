//! The contract's types as wasmtime crosses them: mirrors of `plugins/sdk/wit/plugin.wit`.
//!
//! Lists of primitives cross at memory speed; that is why a batch is columns.

use super::told::MadeTrade;
use crate::trade::{ABSENT, Decimals, Trades};
use tradehook_decimal::Decimal;
use wasmtime::component::{ComponentType, Lift, Lower};

/// A column of optional exact decimals.
#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub struct DecimalColumn {
    mantissa: Vec<i64>,
    scale: Vec<u8>,
}

impl DecimalColumn {
    pub(super) fn push(&mut self, value: Option<Decimal>) {
        self.mantissa.push(value.map_or(0, Decimal::mantissa));
        self.scale.push(value.map_or(ABSENT, Decimal::scale));
    }
}

/// One batch of trades as it crosses into a guest: [`Trades`], moved and not copied.
#[derive(Clone, Debug, Default, ComponentType, Lower)]
#[component(record)]
pub struct Batch {
    offset: Vec<u64>,
    market: Vec<u32>,
    side: Vec<u8>,
    price: DecimalColumn,
    volume: DecimalColumn,
    #[component(name = "sequential-id")]
    sequential_id: Vec<u64>,
    #[component(name = "traded-at")]
    traded_at: Vec<i64>,
    #[component(name = "received-at")]
    received_at: Vec<i64>,
    flags: Vec<u8>,
    #[component(name = "best-bid")]
    best_bid: DecimalColumn,
    #[component(name = "best-ask")]
    best_ask: DecimalColumn,
    #[component(name = "prev-close")]
    prev_close: DecimalColumn,
}

impl From<Decimals> for DecimalColumn {
    fn from(column: Decimals) -> Self {
        Self { mantissa: column.mantissa, scale: column.scale }
    }
}

impl From<DecimalColumn> for Decimals {
    fn from(column: DecimalColumn) -> Self {
        Self { mantissa: column.mantissa, scale: column.scale }
    }
}

impl From<Trades> for Batch {
    fn from(t: Trades) -> Self {
        Self {
            offset: t.offset,
            market: t.market,
            side: t.side,
            price: t.price.into(),
            volume: t.volume.into(),
            sequential_id: t.sequential_id,
            traded_at: t.traded_at_ms,
            received_at: t.received_at_ms,
            flags: t.flags,
            best_bid: t.best_bid.into(),
            best_ask: t.best_ask.into(),
            prev_close: t.prev_close.into(),
        }
    }
}

impl From<Batch> for Trades {
    fn from(b: Batch) -> Self {
        Self {
            offset: b.offset,
            market: b.market,
            side: b.side,
            price: b.price.into(),
            volume: b.volume.into(),
            sequential_id: b.sequential_id,
            traded_at_ms: b.traded_at,
            received_at_ms: b.received_at,
            flags: b.flags,
            best_bid: b.best_bid.into(),
            best_ask: b.best_ask.into(),
            prev_close: b.prev_close.into(),
        }
    }
}

impl Batch {
    /// How many trades.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offset.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offset.is_empty()
    }

    /// The offsets, ascending.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offset
    }

    /// The market numbers.
    #[must_use]
    pub fn markets(&self) -> &[u32] {
        &self.market
    }

    /// The sequential ids.
    #[must_use]
    pub fn sequential_ids(&self) -> &[u64] {
        &self.sequential_id
    }

    /// The bits of [`crate::trade::Flags`].
    #[must_use]
    pub fn flags(&self) -> &[u8] {
        &self.flags
    }

    /// When each arrived, ms since the Unix epoch.
    #[must_use]
    pub fn received_at(&self) -> &[i64] {
        &self.received_at
    }

    /// The rows at `indices`, which must ascend; those past the end are left out.
    #[must_use]
    pub fn gather(&self, indices: &[u32]) -> Self {
        fn pick<T: Copy>(column: &[T], indices: &[u32]) -> Vec<T> {
            indices.iter().filter_map(|&i| column.get(i as usize).copied()).collect()
        }
        let decimals = |column: &DecimalColumn| DecimalColumn {
            mantissa: pick(&column.mantissa, indices),
            scale: pick(&column.scale, indices),
        };
        Self {
            offset: pick(&self.offset, indices),
            market: pick(&self.market, indices),
            side: pick(&self.side, indices),
            price: decimals(&self.price),
            volume: decimals(&self.volume),
            sequential_id: pick(&self.sequential_id, indices),
            traded_at: pick(&self.traded_at, indices),
            received_at: pick(&self.received_at, indices),
            flags: pick(&self.flags, indices),
            best_bid: decimals(&self.best_bid),
            best_ask: decimals(&self.best_ask),
            prev_close: decimals(&self.prev_close),
        }
    }
}

/// A gap as a guest is told it.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct GapNotice {
    /// Where it stands on the tape.
    pub offset: u64,
    /// The last moment known to be whole.
    #[component(name = "from-ms")]
    pub from_ms: i64,
    /// The first moment that is whole again.
    #[component(name = "to-ms")]
    pub to_ms: i64,
    /// Why.
    pub cause: String,
    /// Market numbers; empty means all.
    pub markets: Vec<u32>,
    /// Whether everything in it was recovered.
    pub filled: bool,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum Severity {
    /// Worth knowing.
    #[component(name = "info")]
    Info,
    /// Worth a look.
    #[component(name = "warning")]
    Warning,
    /// Somebody must act.
    #[component(name = "critical")]
    Critical,
}

/// Where an alert stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum AlertState {
    /// Happened at one instant.
    #[component(name = "event")]
    Event,
    /// Became true.
    #[component(name = "firing")]
    Firing,
    /// Is no longer true.
    #[component(name = "resolved")]
    Resolved,
}

/// A value with a name.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Value {
    /// Text.
    #[component(name = "text")]
    Text(String),
    /// Plain digits; checked when the answer is taken.
    #[component(name = "number")]
    Number(String),
    /// A count or an id.
    #[component(name = "int")]
    Int(i64),
    /// Finite; checked when the answer is taken.
    #[component(name = "float")]
    Float(f64),
    /// Yes or no.
    #[component(name = "bool")]
    Bool(bool),
    /// Known to be absent.
    #[component(name = "null")]
    Null,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// An alert as the guest raised it.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
pub struct Alert {
    /// Which rule.
    pub rule: String,
    /// What it is about.
    pub key: String,
    /// Where it stands in its life.
    pub state: AlertState,
    /// `None`: as the rule says.
    pub severity: Option<Severity>,
    /// One line for a person.
    pub title: String,
    /// Event time, ms since the Unix epoch.
    #[component(name = "at-ms")]
    pub at_ms: i64,
    /// Named values.
    pub fields: Vec<Field>,
}

/// A record as the guest emitted it.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift, Lower)]
#[component(record)]
pub struct RecordBody {
    /// What sort of record.
    pub topic: String,
    /// Named values, in order.
    pub fields: Vec<Field>,
}

/// What was emitted.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(variant)]
pub enum Payload {
    /// An alert.
    #[component(name = "alert")]
    Alert(Alert),
    /// A record.
    #[component(name = "record")]
    Record(RecordBody),
    /// A trade for the plugins that read this one.
    #[component(name = "trade")]
    Trade(MadeTrade),
}

/// One emission.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
pub struct Emission {
    /// Index into the batch; 0 for what comes alone.
    pub at: u32,
    /// What was said.
    pub payload: Payload,
}

/// Which trades flow on.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(variant)]
pub enum Forward {
    /// Every one.
    #[component(name = "all")]
    All,
    /// None.
    #[component(name = "none")]
    None,
    /// These, strictly ascending.
    #[component(name = "some")]
    Some(Vec<u32>),
}

/// The answer to a batch.
#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
pub struct Outcome {
    /// Which trades flow on.
    pub forward: Forward,
    /// What was said, in order.
    pub emissions: Vec<Emission>,
}

#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(super) struct Setup {
    pub(super) name: String,
    pub(super) config: String,
}

/// What a plugin says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Manifest {
    /// Its own name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The version of its snapshots.
    #[component(name = "state-version")]
    pub state_version: u32,
    /// A JSON Schema of its configuration, or empty.
    #[component(name = "config-schema")]
    pub config_schema: String,
}

/// A mistake in a plugin's configuration.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct ConfigFault {
    /// A JSON pointer into the configuration.
    pub path: String,
    /// What was found.
    pub message: String,
    /// What would be accepted.
    pub help: Option<String>,
}
