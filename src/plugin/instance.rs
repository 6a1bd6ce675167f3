//! One running guest, and the one door into it.
//!
//! Every call goes through [`Instance::enter`], which sets fuel and deadline, sorts failures into
//! [`Fault`]s and never enters again after one. Answers are checked before anybody sees them.
//!
//! Keeps: [one-door] [dead-stays-dead] [bounded]

use super::contract::{
    Batch, ConfigFault, Emission, Field, Forward, GapNotice, Manifest, Outcome, Payload, Setup, Value,
};
use super::inspect::{Interfaces, interface};
use super::limits::{Limits, Meter};
use super::quotes::{CandleColumns, OrderbookColumns, TickerColumns};
use super::told::{FactNotice, Incoming};
use super::{EPOCH_TICK, Fault, LoadError, Plugin};
use crate::quote::{Quote, QuoteKind};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tradehook_decimal::Wide;
use wasmtime::component::{ComponentType, Instance as Guest, Lift, Linker, Lower, TypedFunc};
use wasmtime::{Store, StoreContextMut, Trap};

/// Starting may read a large configuration, and a snapshot may be large: a second, whatever the
/// deadline of a call is.
const START_DEADLINE: Duration = Duration::from_secs(1);
const START_FUEL_FACTOR: u64 = 20;
/// Lines a guest may log in one call, and the length of one; the rest is counted.
const LOG_LINES: usize = 10;
const LOG_BYTES: usize = 1024;

/// A snapshot to take over from.
#[derive(Clone, Copy, Debug)]
pub struct Restore<'a> {
    /// [`Manifest::state_version`] of the plugin that wrote it.
    pub state_version: u32,
    /// What it wrote.
    pub state: &'a [u8],
}

/// How urgent a guest's log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
pub enum LogLevel {
    /// For the plugin's author.
    #[component(name = "debug")]
    Debug,
    /// Something went as it should.
    #[component(name = "info")]
    Info,
    /// Something was recovered from.
    #[component(name = "warn")]
    Warn,
    /// A person is needed.
    #[component(name = "error")]
    Error,
}

/// A line that a guest logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How urgent.
    pub level: LogLevel,
    /// At most 1 KiB.
    pub text: String,
}

struct State {
    meter: Meter,
    log: Vec<LogLine>,
    log_dropped: u64,
}

type Answer<T> = TypedFunc<T, (Vec<Emission>,)>;
type InspectFunc = TypedFunc<(String,), (Result<String, String>,)>;
type RestoreFunc = TypedFunc<(u32, Vec<u8>), (Result<(), String>,)>;

/// A running guest.
pub struct Instance {
    store: Store<State>,
    limits: Limits,
    manifest: Manifest,
    on_trades: Option<TypedFunc<(Arc<Batch>,), (Outcome,)>>,
    on_tickers: Option<Answer<(TickerColumns,)>>,
    on_orderbooks: Option<Answer<(OrderbookColumns,)>>,
    on_candles: Option<Answer<(CandleColumns,)>>,
    on_tick: Option<Answer<(u64, i64)>>,
    on_gap: Option<Answer<(GapNotice,)>>,
    on_records: Option<Answer<(Arc<[Incoming]>,)>>,
    on_fact: Option<Answer<(FactNotice,)>>,
    inspect: Option<InspectFunc>,
    learn_markets: TypedFunc<(u32, Vec<Arc<str>>), ()>,
    snapshot: Option<TypedFunc<(), (Vec<u8>,)>>,
    markets_known: u32,
    last_fuel: u64,
    last_ns: u64,
    dead: bool,
}

impl Instance {
    pub(super) fn start(
        plugin: &Plugin,
        name: &str,
        config: &str,
        limits: &Limits,
        restore: Option<Restore<'_>>,
    ) -> Result<Self, LoadError> {
        let mut store = store(plugin, limits);
        let start = |store: &mut Store<State>| {
            arm(store, START_DEADLINE, limits.fuel.saturating_mul(START_FUEL_FACTOR))
        };
        start(&mut store);
        let guest = linker(plugin)?
            .instantiate(&mut store, &plugin.component)
            .map_err(|e| LoadError::Start(sort(&e, &store, limits, START_DEADLINE)))?;
        let Interfaces { trades, tickers, orderbooks, candles, ticks, gaps, state, .. } = plugin.interfaces;
        let Interfaces { records, facts, inspect, .. } = plugin.interfaces;
        let init: TypedFunc<(Setup,), (Result<Manifest, Vec<ConfigFault>>,)> =
            func(&guest, &mut store, "lifecycle", "init")?;
        let restore_func = state.then(|| func(&guest, &mut store, "state", "restore")).transpose()?;
        let mut instance = Self {
            on_trades: trades.then(|| func(&guest, &mut store, "trades", "on-trades")).transpose()?,
            on_tickers: tickers.then(|| func(&guest, &mut store, "tickers", "on-tickers")).transpose()?,
            on_orderbooks: orderbooks
                .then(|| func(&guest, &mut store, "orderbooks", "on-orderbooks"))
                .transpose()?,
            on_candles: candles.then(|| func(&guest, &mut store, "candles", "on-candles")).transpose()?,
            on_tick: ticks.then(|| func(&guest, &mut store, "ticks", "on-tick")).transpose()?,
            on_gap: gaps.then(|| func(&guest, &mut store, "gaps", "on-gap")).transpose()?,
            on_records: records.then(|| func(&guest, &mut store, "records", "on-records")).transpose()?,
            on_fact: facts.then(|| func(&guest, &mut store, "facts", "on-fact")).transpose()?,
            inspect: inspect.then(|| func(&guest, &mut store, "inspect", "inspect")).transpose()?,
            learn_markets: func(&guest, &mut store, "lifecycle", "learn-markets")?,
            snapshot: state.then(|| func(&guest, &mut store, "state", "snapshot")).transpose()?,
            store,
            limits: limits.clone(),
            manifest: Manifest::default(),
            markets_known: 0,
            last_fuel: 0,
            last_ns: 0,
            dead: false,
        };
        let setup = Setup { name: name.to_owned(), config: config.to_owned() };
        let (answer,) = instance
            .enter_for(START_DEADLINE, START_FUEL_FACTOR, |store| init.call(store, (setup,)))
            .map_err(LoadError::Start)?;
        instance.manifest = answer.map_err(LoadError::Config)?;
        if let (Some(restore), Some(func)) = (restore, restore_func) {
            instance.restore(&func, restore)?;
        }
        Ok(instance)
    }

    fn restore(&mut self, func: &RestoreFunc, from: Restore<'_>) -> Result<(), LoadError> {
        let args = (from.state_version, from.state.to_vec());
        let (answer,) = self
            .enter_for(START_DEADLINE, START_FUEL_FACTOR, |store| func.call(store, args))
            .map_err(LoadError::Start)?;
        answer.map_err(LoadError::Restore)
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How many markets it has been told.
    #[must_use]
    pub fn markets_known(&self) -> usize {
        self.markets_known as usize
    }

    /// Linear memory in use.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.store.data().meter.in_use
    }

    /// What the last call cost: instructions, about, and ns of wall time.
    #[must_use]
    pub fn last_cost(&self) -> (u64, u64) {
        (self.last_fuel, self.last_ns)
    }

    /// What it logged since this was last asked, and how many lines were dropped.
    pub fn take_log(&mut self) -> (Vec<LogLine>, u64) {
        let state = self.store.data_mut();
        (std::mem::take(&mut state.log), std::mem::take(&mut state.log_dropped))
    }

    /// Names the markets from the first that it does not know.
    ///
    /// # Errors
    /// How the call failed.
    pub fn learn_markets<'a>(&mut self, codes: impl Iterator<Item = &'a Arc<str>>) -> Result<(), Fault> {
        let codes: Vec<Arc<str>> = codes.cloned().collect();
        let (first, count) = (self.markets_known, u32::try_from(codes.len()).unwrap_or(u32::MAX));
        let func = self.learn_markets;
        self.enter(|store| func.call(store, (first, codes)))?;
        self.markets_known = first.saturating_add(count);
        Ok(())
    }

    /// Hands over a batch. A guest without `trades` lets everything flow on.
    ///
    /// # Errors
    /// How the call failed, or what is wrong with the answer.
    pub fn on_trades(&mut self, batch: &Arc<Batch>) -> Result<Outcome, Fault> {
        let Some(func) = self.on_trades else {
            return Ok(Outcome { forward: Forward::All, emissions: Vec::new() });
        };
        let len = batch.len();
        let (outcome,) = self.enter(|store| func.call(store, (Arc::clone(batch),)))?;
        let checked = check_forward(&outcome.forward, len).and_then(|()| self.check(&outcome.emissions, len));
        self.condemn(checked)?;
        Ok(outcome)
    }

    /// Hands over quotes of one sort, with their offsets; those of another are left out.
    ///
    /// # Errors
    /// As [`Instance::on_trades`].
    pub fn on_quotes(
        &mut self,
        kind: QuoteKind,
        quotes: &[(u64, Arc<Quote>)],
    ) -> Result<Vec<Emission>, Fault> {
        let emissions = match kind {
            QuoteKind::Ticker => {
                let Some(func) = self.on_tickers else { return Ok(Vec::new()) };
                let mut columns = TickerColumns::default();
                for (offset, quote) in quotes {
                    if let Quote::Ticker(ticker) = &**quote {
                        columns.push(*offset, ticker);
                    }
                }
                self.enter(|store| func.call(store, (columns,)))?.0
            }
            QuoteKind::Orderbook => {
                let Some(func) = self.on_orderbooks else { return Ok(Vec::new()) };
                let mut columns = OrderbookColumns::default();
                for (offset, quote) in quotes {
                    if let Quote::Orderbook(book) = &**quote {
                        columns.push(*offset, book);
                    }
                }
                self.enter(|store| func.call(store, (columns,)))?.0
            }
            QuoteKind::Candle => {
                let Some(func) = self.on_candles else { return Ok(Vec::new()) };
                let mut columns = CandleColumns::default();
                for (offset, quote) in quotes {
                    if let Quote::Candle(candle) = &**quote {
                        columns.push(*offset, candle);
                    }
                }
                self.enter(|store| func.call(store, (columns,)))?.0
            }
        };
        let checked = self.check(&emissions, quotes.len());
        self.condemn(checked)?;
        Ok(emissions)
    }

    /// Tells the clock.
    ///
    /// # Errors
    /// As [`Instance::on_trades`].
    pub fn on_tick(&mut self, offset: u64, at_ms: i64) -> Result<Vec<Emission>, Fault> {
        let Some(func) = self.on_tick else { return Ok(Vec::new()) };
        let (emissions,) = self.enter(|store| func.call(store, (offset, at_ms)))?;
        let checked = self.check(&emissions, 1);
        self.condemn(checked)?;
        Ok(emissions)
    }

    /// Tells a gap.
    ///
    /// # Errors
    /// As [`Instance::on_trades`].
    pub fn on_gap(&mut self, gap: GapNotice) -> Result<Vec<Emission>, Fault> {
        let Some(func) = self.on_gap else { return Ok(Vec::new()) };
        let (emissions,) = self.enter(|store| func.call(store, (gap,)))?;
        let checked = self.check(&emissions, 1);
        self.condemn(checked)?;
        Ok(emissions)
    }

    /// Hands over records of the plugin that it reads.
    ///
    /// # Errors
    /// As [`Instance::on_trades`].
    pub fn on_records(&mut self, records: &Arc<[Incoming]>) -> Result<Vec<Emission>, Fault> {
        let Some(func) = self.on_records else { return Ok(Vec::new()) };
        let (emissions,) = self.enter(|store| func.call(store, (Arc::clone(records),)))?;
        let checked = self.check(&emissions, records.len());
        self.condemn(checked)?;
        Ok(emissions)
    }

    /// Tells a fact.
    ///
    /// # Errors
    /// As [`Instance::on_trades`].
    pub fn on_fact(&mut self, fact: FactNotice) -> Result<Vec<Emission>, Fault> {
        let Some(func) = self.on_fact else { return Ok(Vec::new()) };
        let (emissions,) = self.enter(|store| func.call(store, (fact,)))?;
        let checked = self.check(&emissions, 1);
        self.condemn(checked)?;
        Ok(emissions)
    }

    /// Asks what it has in mind; `None` from a guest without `inspect`. What it answers is its own.
    ///
    /// # Errors
    /// How the call failed.
    pub fn inspect(&mut self, query: &str) -> Result<Option<Result<String, String>>, Fault> {
        let Some(func) = self.inspect else { return Ok(None) };
        let query = query.to_owned();
        let (answer,) = self.enter(|store| func.call(store, (query,)))?;
        Ok(Some(answer))
    }

    fn check(&self, emissions: &[Emission], len: usize) -> Result<(), Fault> {
        check_emissions(emissions, len, self.markets_known, &self.limits)
    }

    /// Everything that must outlive this instance; `None` from a guest without `state`.
    ///
    /// # Errors
    /// How the call failed, or that the snapshot is too large.
    pub fn snapshot(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let Some(func) = self.snapshot else { return Ok(None) };
        let wider = self.limits.snapshot_bytes.max(self.limits.host_call_bytes);
        self.store.set_hostcall_fuel(wider);
        // What it costs grows with what the plugin remembers, not with a batch.
        let taken = self.enter_for(START_DEADLINE, START_FUEL_FACTOR, |store| func.call(store, ()));
        self.store.set_hostcall_fuel(self.limits.host_call_bytes);
        let (bytes,) = taken?;
        let checked = (bytes.len() <= self.limits.snapshot_bytes).then_some(()).ok_or_else(|| {
            Fault::Oversized(format!(
                "a snapshot of {} bytes, at most {}",
                bytes.len(),
                self.limits.snapshot_bytes
            ))
        });
        self.condemn(checked)?;
        Ok(Some(bytes))
    }

    fn enter<R>(&mut self, call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>) -> Result<R, Fault> {
        self.enter_for(self.limits.deadline, 1, call)
    }

    /// [one-door]: the only place from which guest code runs.
    fn enter_for<R>(
        &mut self,
        deadline: Duration,
        fuel_factor: u64,
        call: impl FnOnce(&mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, Fault> {
        // [dead-stays-dead]
        if self.dead {
            return Err(Fault::Dead);
        }
        let fuel = self.limits.fuel.saturating_mul(fuel_factor);
        arm(&mut self.store, deadline, fuel);
        let started = Instant::now();
        let answer = call(&mut self.store);
        self.last_fuel = fuel.saturating_sub(self.store.get_fuel().unwrap_or_default());
        self.last_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        answer.map_err(|error| {
            self.dead = true;
            sort(&error, &self.store, &self.limits, deadline)
        })
    }

    /// A bad answer ends the instance just as a trap does.
    fn condemn(&mut self, checked: Result<(), Fault>) -> Result<(), Fault> {
        self.dead |= checked.is_err();
        checked
    }
}

fn store(plugin: &Plugin, limits: &Limits) -> Store<State> {
    let mut store =
        Store::new(&plugin.engine, State { meter: Meter::new(limits), log: Vec::new(), log_dropped: 0 });
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(limits.host_call_bytes);
    store.epoch_deadline_trap();
    store
}

fn arm(store: &mut Store<State>, deadline: Duration, fuel: u64) {
    let ticks = deadline.as_nanos().div_ceil(EPOCH_TICK.as_nanos());
    // The running tick has begun already, so a deadline in ticks needs one more.
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2) + 1);
    // Only fails where fuel is switched off, and `engine_config` switches it on.
    let _ = store.set_fuel(fuel);
}

fn linker(plugin: &Plugin) -> Result<Linker<State>, LoadError> {
    let mut linker = Linker::new(&plugin.engine);
    let offered = linker.instance(&interface("log")).and_then(|mut log| {
        log.func_wrap("log", |mut store: StoreContextMut<'_, State>, (level, text): (LogLevel, String)| {
            let state = store.data_mut();
            if state.log.len() < LOG_LINES {
                let mut text = text;
                let end =
                    (0..=LOG_BYTES.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
                text.truncate(end);
                state.log.push(LogLine { level, text });
            } else {
                state.log_dropped += 1;
            }
            Ok(())
        })
    });
    offered.map_err(|e| LoadError::Engine(e.to_string()))?;
    Ok(linker)
}

fn func<P, R>(
    guest: &Guest,
    store: &mut Store<State>,
    instance: &str,
    name: &str,
) -> Result<TypedFunc<P, R>, LoadError>
where
    P: wasmtime::component::ComponentNamedList + Lower + Send + Sync + 'static,
    R: wasmtime::component::ComponentNamedList + Lift + Send + Sync + 'static,
{
    let full = interface(instance);
    let index = guest
        .get_export_index(&mut *store, None, &full)
        .and_then(|at| guest.get_export_index(&mut *store, Some(&at), name))
        .ok_or_else(|| LoadError::Export(format!("{full}#{name}")))?;
    guest.get_typed_func(store, index).map_err(|e| LoadError::Signature(format!("{full}#{name}: {e:#}")))
}

/// Sorts wasmtime's error into a fault.
fn sort(error: &wasmtime::Error, store: &Store<State>, limits: &Limits, deadline: Duration) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Fault::Deadline(deadline),
        Some(Trap::OutOfFuel) => Fault::Fuel(limits.fuel),
        // A guest that is refused memory aborts with an ordinary trap: say what led to it.
        Some(_) if store.data().meter.refused => Fault::Memory(limits.memory_bytes),
        Some(trap) => Fault::Trap(trap.to_string()),
        None if store.data().meter.refused => Fault::Memory(limits.memory_bytes),
        None => {
            let text = format!("{error:#}");
            if text.contains("too much data is being copied") {
                Fault::Oversized(format!("more than {} bytes in one answer", limits.host_call_bytes))
            } else {
                Fault::BadAnswer(text)
            }
        }
    }
}

fn check_forward(forward: &Forward, len: usize) -> Result<(), Fault> {
    let Forward::Some(indices) = forward else { return Ok(()) };
    let ascending = indices.windows(2).all(|pair| pair.first() < pair.last());
    if ascending && indices.last().is_none_or(|&last| (last as usize) < len) {
        return Ok(());
    }
    Err(Fault::BadAnswer(format!("the indices that flow on must ascend and stay below {len}")))
}

fn check_emissions(emissions: &[Emission], len: usize, markets: u32, limits: &Limits) -> Result<(), Fault> {
    // A plugin that holds back a batch lets one go: what they weigh bounds the trades.
    let said = emissions.iter().filter(|e| !matches!(e.payload, Payload::Trade(_))).count();
    if said > limits.emissions {
        return Err(Fault::Oversized(format!("{said} emissions, at most {}", limits.emissions)));
    }
    let mut last = 0;
    for emission in emissions {
        if emission.at < last || emission.at as usize >= len {
            return Err(Fault::BadAnswer(format!(
                "emissions must be in the order of the batch, and `at` below {len}: {} after {last}",
                emission.at
            )));
        }
        last = emission.at;
        let (bytes, fields) = match &emission.payload {
            Payload::Alert(a) => (a.rule.len() + a.key.len() + a.title.len(), &a.fields),
            Payload::Record(r) => (r.topic.len(), &r.fields),
            Payload::Trade(trade) => {
                trade.read(markets, 0).map_err(|why| Fault::BadAnswer(why.to_owned()))?;
                continue;
            }
        };
        let bytes = fields.iter().try_fold(bytes, |sum, field| Ok::<_, Fault>(sum + check_field(field)?))?;
        if bytes > limits.emission_bytes {
            return Err(Fault::Oversized(format!(
                "an emission of {bytes} bytes, at most {}",
                limits.emission_bytes
            )));
        }
    }
    Ok(())
}

/// The size of a field, if its value is what it says it is.
fn check_field(field: &Field) -> Result<usize, Fault> {
    let bytes = match &field.value {
        Value::Text(text) => text.len(),
        Value::Number(digits) => {
            if digits.parse::<Wide>().is_err() {
                return Err(Fault::BadAnswer(format!("`{}` is not a number in plain digits", field.name)));
            }
            digits.len()
        }
        Value::Float(float) if !float.is_finite() => {
            return Err(Fault::BadAnswer(format!("`{}` is not a finite number", field.name)));
        }
        Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Null => 8,
    };
    Ok(field.name.len() + bytes)
}
