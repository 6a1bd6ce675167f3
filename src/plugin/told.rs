//! Records, facts and made trades as they cross: mirrors of `plugins/sdk/wit/plugin.wit`.
//!
//! Rows, not columns: they are rarer than trades. A made trade comes out of a guest and goes into
//! another, so nothing of it is believed that can be checked.
//!
//! Keeps: [numbers-survive] [bounded]

use super::contract::{RecordBody, Value};
use crate::{
    market::MarketId,
    trade::{Flags, Side, Trade},
};
use std::sync::Arc;
use tradehook_decimal::{Decimal, MAX_SCALE};
use wasmtime::component::{ComponentType, Lift, Lower};

/// A record of another plugin as a guest is told it.
#[derive(Clone, Debug, PartialEq, ComponentType, Lower)]
#[component(record)]
pub struct Incoming {
    /// Where what caused it stands on the tape.
    pub offset: u64,
    /// When that came in, ms since the Unix epoch.
    #[component(name = "at-ms")]
    pub at_ms: i64,
    /// Whose record it is.
    pub plugin: Arc<str>,
    /// What was said.
    pub body: Arc<RecordBody>,
}

impl Incoming {
    /// How many bytes it carries, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Text(text) | Value::Number(text) => text.len(),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Null => 0,
        };
        let fields = self.body.fields.iter().map(|field| 48 + field.name.len() + value(&field.value));
        64 + self.body.topic.len() + fields.sum::<usize>()
    }

    /// The market that it names, if it names one.
    #[must_use]
    pub fn market(&self) -> Option<&str> {
        self.body.fields.iter().find_map(|field| match &field.value {
            Value::Text(text) if field.name == "market" => Some(text.as_str()),
            _ => None,
        })
    }
}

/// A fact as a guest is told it.
#[derive(Clone, Debug, PartialEq, ComponentType, Lower)]
#[component(record)]
pub struct FactNotice {
    /// Where it stands on the tape.
    pub offset: u64,
    /// Since when, ms since the Unix epoch.
    #[component(name = "at-ms")]
    pub at_ms: i64,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub subject: String,
    /// What is the case.
    pub value: Value,
}

/// An exact decimal as a guest says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct SaidDecimal {
    mantissa: i64,
    scale: u8,
}

impl SaidDecimal {
    fn read(self) -> Option<Decimal> {
        (self.scale <= MAX_SCALE).then(|| Decimal::new(self.mantissa, self.scale)).flatten()
    }
}

/// A trade that a guest puts on its way to the plugins that read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct MadeTrade {
    market: u32,
    side: u8,
    price: SaidDecimal,
    volume: SaidDecimal,
    #[component(name = "sequential-id")]
    sequential_id: u64,
    #[component(name = "traded-at")]
    traded_at: i64,
    flags: u8,
    #[component(name = "best-bid")]
    best_bid: Option<SaidDecimal>,
    #[component(name = "best-ask")]
    best_ask: Option<SaidDecimal>,
    #[component(name = "prev-close")]
    prev_close: Option<SaidDecimal>,
}

/// Every flag that a trade can have.
const FLAGS: u8 =
    Flags::SNAPSHOT.0 | Flags::BACKFILLED.0 | Flags::LATE.0 | Flags::REPLAY.0 | Flags::SYNTHETIC.0;

impl MadeTrade {
    /// The trade that arrived at `received_at_ms`; or what is wrong with it. `markets` are known.
    ///
    /// # Errors
    /// What the guest said that cannot be, as a fragment.
    pub fn read(&self, markets: u32, received_at_ms: i64) -> Result<Trade, &'static str> {
        if self.market >= markets {
            return Err("a trade of a market that nobody named");
        }
        if self.side > 1 || self.flags & !FLAGS != 0 {
            return Err("a trade with a side or flags that do not exist");
        }
        let amount = |said: SaidDecimal| said.read().filter(|amount| amount.is_positive());
        let quote = |said: Option<SaidDecimal>| match said {
            None => Ok(None),
            Some(said) => said.read().map(Some).ok_or("a trade with a quote that is no decimal"),
        };
        let (Some(price), Some(volume)) = (amount(self.price), amount(self.volume)) else {
            return Err("a trade whose price or volume is not greater than nought");
        };
        Ok(Trade {
            market: MarketId(self.market),
            side: Side::from_u8(self.side),
            price,
            volume,
            sequential_id: self.sequential_id,
            traded_at_ms: self.traded_at,
            received_at_ms,
            flags: Flags(self.flags),
            best_bid: quote(self.best_bid)?,
            best_ask: quote(self.best_ask)?,
            prev_close: quote(self.prev_close)?,
        })
    }
}
