//! The guest's side of the contract: from the component model's types to the trait and back.
//!
//! Compiled for wasm only. Each interface has a world of its own, so that a plugin exports just the
//! interfaces that [`crate::export!`] names, and the host subscribes it to just those.

use crate::{
    Alert, AlertState, Emission, Fact, Forward, Gap, Incoming, MadeTrade, Out, Payload, Plugin, Record,
    Setup, Severity, Side, Tick, Trade, Value,
};
use std::cell::RefCell;
use tradehook_decimal::Decimal;

mod quotes;

pub mod vocabulary {
    wit_bindgen::generate!({ path: "wit", world: "vocabulary", generate_all });
}
pub use vocabulary::tradehook::plugin::{log, types};

macro_rules! world {
    ($module:ident, $world:literal $(, $with:tt)?) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                $(with: $with,)?
                pub_export_macro: true,
                default_bindings_module: "tradehook_sdk::guest",
                export_macro_name: "export",
                runtime_path: "tradehook_sdk::guest::rt",
                type_section_suffix: $world,
            });
        }
    };
}
pub use wit_bindgen::rt;

world!(lifecycle, "exports-lifecycle", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(trades, "exports-trades", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(tickers, "exports-tickers", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(orderbooks, "exports-orderbooks", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(candles, "exports-candles", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(ticks, "exports-ticks", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(gaps, "exports-gaps", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(records, "exports-records", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(facts, "exports-facts", { "tradehook:plugin/types@0.3.0": crate::guest::types });
world!(inspect, "exports-inspect");
world!(state, "exports-state");

/// The one instance of a plugin and the names of its markets.
pub struct Cell<P> {
    plugin: RefCell<Option<P>>,
    markets: RefCell<Vec<Box<str>>>,
}

impl<P> Default for Cell<P> {
    fn default() -> Self {
        Self { plugin: RefCell::new(None), markets: RefCell::new(Vec::new()) }
    }
}

impl<P: Plugin> Cell<P> {
    pub const fn new() -> Self {
        Self { plugin: RefCell::new(None), markets: RefCell::new(Vec::new()) }
    }

    /// The host calls `init` first; anything else is a trap, which it reports.
    fn with<R>(&self, run: impl FnOnce(&mut P) -> R) -> R {
        match self.plugin.borrow_mut().as_mut() {
            Some(plugin) => run(plugin),
            None => panic!("called before init"),
        }
    }

    pub fn init(&self, setup: types::Setup) -> Result<types::Manifest, Vec<types::ConfigFault>> {
        let setup = Setup { name: setup.name, config: setup.config };
        let plugin = P::new(&setup).map_err(|faults| {
            let fault =
                |f: crate::ConfigFault| types::ConfigFault { path: f.path, message: f.message, help: f.help };
            faults.into_iter().map(fault).collect::<Vec<_>>()
        })?;
        *self.plugin.borrow_mut() = Some(plugin);
        let manifest = P::MANIFEST;
        Ok(types::Manifest {
            name: manifest.name.into(),
            version: manifest.version.into(),
            state_version: manifest.state_version,
            config_schema: manifest.config_schema.into(),
        })
    }

    pub fn learn_markets(&self, first: u32, codes: Vec<String>) {
        let mut markets = self.markets.borrow_mut();
        markets.truncate(first as usize);
        markets.extend(codes.into_iter().map(String::into_boxed_str));
    }

    pub fn on_trades(&self, batch: types::TradeColumns) -> types::Outcome {
        let len = batch.offset.len();
        let mut out = Out::new();
        let markets = self.markets.borrow();
        // Cut to one length, which takes the checks of every index out of the loop.
        let (offset, market, side) = (&batch.offset[..len], &batch.market[..len], &batch.side[..len]);
        let (sequential_id, flags) = (&batch.sequential_id[..len], &batch.flags[..len]);
        let (traded_at, received_at) = (&batch.traded_at[..len], &batch.received_at[..len]);
        let [price, volume] = [&batch.price, &batch.volume].map(|column| cut(column, len));
        let quotes = [&batch.best_bid, &batch.best_ask, &batch.prev_close];
        let [best_bid, best_ask, prev_close] = quotes.map(|column| cut(column, len));
        self.with(|plugin| {
            for i in 0..len {
                let trade = Trade {
                    offset: offset[i],
                    market: &markets[market[i] as usize],
                    market_id: market[i],
                    side: if side[i] == 0 { Side::Buy } else { Side::Sell },
                    price: Decimal::from_trimmed(price.0[i], price.1[i]),
                    volume: Decimal::from_trimmed(volume.0[i], volume.1[i]),
                    sequential_id: sequential_id[i],
                    traded_at_ms: traded_at[i],
                    received_at_ms: received_at[i],
                    flags: crate::Flags(flags[i]),
                    best_bid: optional(best_bid.0[i], best_bid.1[i]),
                    best_ask: optional(best_ask.0[i], best_ask.1[i]),
                    prev_close: optional(prev_close.0[i], prev_close.1[i]),
                };
                out.stand_at(i as u32);
                plugin.on_trade(&trade, &mut out);
            }
        });
        let (forward, emissions) = out.finish(len as u32);
        let forward = match forward {
            Forward::All => types::Forward::All,
            Forward::None => types::Forward::None,
            Forward::Some(indices) => types::Forward::Some(indices),
        };
        types::Outcome { forward, emissions: lower(emissions) }
    }

    pub fn on_tick(&self, offset: u64, at_ms: i64) -> Vec<types::Emission> {
        let mut out = Out::new();
        self.with(|plugin| plugin.on_tick(&Tick { offset, at_ms }, &mut out));
        lower(out.finish(0).1)
    }

    pub fn on_gap(&self, gap: types::Gap) -> Vec<types::Emission> {
        let mut out = Out::new();
        let told = Gap {
            offset: gap.offset,
            from_ms: gap.from_ms,
            to_ms: gap.to_ms,
            cause: &gap.cause,
            market_ids: &gap.markets,
            filled: gap.filled,
        };
        self.with(|plugin| plugin.on_gap(&told, &mut out));
        lower(out.finish(0).1)
    }

    pub fn on_records(&self, batch: Vec<types::Incoming>) -> Vec<types::Emission> {
        let mut out = Out::new();
        self.with(|plugin| {
            for (i, record) in batch.into_iter().enumerate() {
                let fields: Vec<(String, Value)> =
                    record.body.fields.into_iter().map(|field| (field.name, lift(field.value))).collect();
                let incoming = Incoming {
                    offset: record.offset,
                    at_ms: record.at_ms,
                    plugin: &record.plugin,
                    topic: &record.body.topic,
                    fields: &fields,
                };
                out.stand_at(i as u32);
                plugin.on_record(&incoming, &mut out);
            }
        });
        lower(out.finish(0).1)
    }

    pub fn on_fact(&self, fact: types::Fact) -> Vec<types::Emission> {
        let mut out = Out::new();
        let types::Fact { offset, at_ms, name, subject, value } = fact;
        let told = Fact { offset, at_ms, name: &name, subject: &subject, value: lift(value) };
        self.with(|plugin| plugin.on_fact(&told, &mut out));
        lower(out.finish(0).1)
    }

    pub fn inspect(&self, query: &str) -> Result<String, String> {
        self.with(|plugin| plugin.inspect(query))
    }

    pub fn snapshot(&self) -> Vec<u8> {
        self.with(|plugin| plugin.snapshot())
    }

    pub fn restore(&self, state_version: u32, state: Vec<u8>) -> Result<(), String> {
        self.with(|plugin| plugin.restore(state_version, &state))
    }
}

#[inline]
fn cut(column: &types::Decimals, len: usize) -> (&[i64], &[u8]) {
    (&column.mantissa[..len], &column.scale[..len])
}

#[inline]
fn optional(mantissa: i64, scale: u8) -> Option<Decimal> {
    (scale != u8::MAX).then(|| Decimal::from_trimmed(mantissa, scale))
}

fn lower(emissions: Vec<Emission>) -> Vec<types::Emission> {
    let payload = |payload| match payload {
        Payload::Alert(alert) => types::Payload::Alert(lower_alert(alert)),
        Payload::Record(Record { topic, fields }) => {
            types::Payload::Record(types::DataRecord { topic, fields: lower_fields(fields) })
        }
        Payload::Trade(trade) => types::Payload::Trade(lower_trade(&trade)),
    };
    emissions.into_iter().map(|e| types::Emission { at: e.at, payload: payload(e.payload) }).collect()
}

fn lower_alert(alert: Alert) -> types::Alert {
    types::Alert {
        rule: alert.rule,
        key: alert.key,
        state: match alert.state {
            AlertState::Event => types::AlertState::Event,
            AlertState::Firing => types::AlertState::Firing,
            AlertState::Resolved => types::AlertState::Resolved,
        },
        severity: alert.severity.map(|s| match s {
            Severity::Info => types::Severity::Info,
            Severity::Warning => types::Severity::Warning,
            Severity::Critical => types::Severity::Critical,
        }),
        title: alert.title,
        at_ms: alert.at_ms,
        fields: lower_fields(alert.fields),
    }
}

fn lower_trade(trade: &MadeTrade) -> types::MadeTrade {
    let decimal = |value: Decimal| types::Decimal { mantissa: value.mantissa(), scale: value.scale() };
    types::MadeTrade {
        market: trade.market_id,
        side: match trade.side {
            Side::Buy => 0,
            Side::Sell => 1,
        },
        price: decimal(trade.price),
        volume: decimal(trade.volume),
        sequential_id: trade.sequential_id,
        traded_at: trade.traded_at_ms,
        flags: trade.flags.0,
        best_bid: trade.best_bid.map(decimal),
        best_ask: trade.best_ask.map(decimal),
        prev_close: trade.prev_close.map(decimal),
    }
}

/// The host has checked what it hands over: a number parses.
fn lift(value: types::Value) -> Value {
    match value {
        types::Value::Text(text) => Value::Text(text),
        types::Value::Number(digits) => digits.parse().map_or(Value::Text(digits), Value::Number),
        types::Value::Int(int) => Value::Int(int),
        types::Value::Float(float) => Value::Float(float),
        types::Value::Bool(bool) => Value::Bool(bool),
        types::Value::Null => Value::Null,
    }
}

fn lower_fields(fields: Vec<(String, Value)>) -> Vec<types::Field> {
    let value = |value| match value {
        Value::Text(text) => types::Value::Text(text),
        Value::Number(number) => types::Value::Number(number.to_string()),
        Value::Int(int) => types::Value::Int(int),
        // The host refuses what is not finite; a statistic without a value is absent.
        Value::Float(float) if float.is_finite() => types::Value::Float(float),
        Value::Float(_) | Value::Null => types::Value::Null,
        Value::Bool(bool) => types::Value::Bool(bool),
    };
    fields.into_iter().map(|(name, v)| types::Field { name, value: value(v) }).collect()
}
