//! `tradehook plugin check` and `tradehook plugin run`: a plugin by itself.

use super::super::{Exit, Outcome, fail};
use super::{load, refuse, view};
use crate::{
    delivery::Content,
    market::MarketId,
    pipeline::{MarketFilter, NodeSpec},
    plugin::{Batch, Fault, Instance, Limits, Plugin},
    policy::Defaults,
    quote::{Candle, Head, Level, MarketState, Orderbook, Quote, QuoteKind, Ticker},
    runtime::{Group, Replay, ReplayError, Source},
    trade::{Flags, Side, Trade, Trades},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};
use tradehook_decimal::Decimal;

/// Trades that a check feeds, in batches of this many.
const BATCH: u64 = 1_000;
const BATCHES: u64 = 20;
/// Quotes that it feeds of each sort, in batches of this many.
const QUOTES: u64 = 200;
/// As many as the venue sends.
const LEVELS: usize = 30;

pub(super) fn check(file: &Path, config: &str, json: bool) -> Outcome {
    let loading = Instant::now();
    let plugin = load(file)?;
    let load_ms = loading.elapsed().as_secs_f64() * 1e3;
    let starting = Instant::now();
    let mut instance = start(file, &plugin, config)?;
    let start_ms = starting.elapsed().as_secs_f64() * 1e3;
    let failed = |fault: Fault| fail(Exit::Config, format!("{}: {fault}", file.display()));
    let cost = measure(&mut instance).map_err(failed)?;
    let handled = QuoteKind::ALL.into_iter().filter(|&kind| plugin.interfaces().handles(kind));
    let quotes: Vec<(QuoteKind, f64)> = handled
        .map(|kind| Ok((kind, measure_quotes(&mut instance, kind)?)))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let (manifest, interfaces) = (instance.manifest(), plugin.interfaces());
    if json {
        let facts = json!({
            "file": file, "ok": true, "sha256": plugin.digest(), "bytes": plugin.size_bytes(),
            "name": manifest.name, "version": manifest.version, "state_version": manifest.state_version,
            "exports": interfaces.exports, "imports": interfaces.imports,
            "load_ms": load_ms, "cached": plugin.was_cached(), "start_ms": start_ms,
            "ns_per_trade": cost.ns_per_trade, "fuel_per_trade": cost.fuel_per_trade,
            "ns_per_quote": quotes.iter().map(|(kind, ns)| (kind.as_str(), *ns)).collect::<BTreeMap<_, _>>(),
            "memory_bytes": instance.memory_bytes(), "snapshot_bytes": cost.snapshot_bytes,
        });
        say!("{facts}");
        return Ok(());
    }
    say!(
        "{} {} ({}, {} KiB)",
        manifest.name,
        manifest.version,
        file.display(),
        plugin.size_bytes().div_ceil(1024)
    );
    say!("  sha256   {}", plugin.digest());
    say!("  exports  {}", interfaces.exports.join(", "));
    say!(
        "  imports  {}",
        if interfaces.imports.is_empty() { "nothing".to_owned() } else { interfaces.imports.join(", ") }
    );
    let cached = if plugin.was_cached() { "from the cache" } else { "compiled" };
    say!("  loads in {load_ms:.1} ms ({cached}), starts in {start_ms:.1} ms");
    for (kind, ns) in quotes {
        say!(
            "  costs    {ns:.0} ns a{} {} in batches of {QUOTES}",
            if kind == QuoteKind::Orderbook { "n" } else { "" },
            kind.as_str()
        );
    }
    say!(
        "  costs    {:.0} ns and {} instructions a trade in batches of {BATCH}, {} KiB of memory, {} bytes of snapshot",
        cost.ns_per_trade,
        cost.fuel_per_trade,
        instance.memory_bytes() / 1024,
        cost.snapshot_bytes.map_or_else(|| "no".to_owned(), |n| view::grouped(&n.to_string())),
    );
    Ok(())
}

fn start(file: &Path, plugin: &Plugin, config: &str) -> Result<Instance, Exit> {
    plugin.start("check", config, &Limits::default(), None).map_err(|error| refuse(file, &error))
}

struct Cost {
    ns_per_trade: f64,
    fuel_per_trade: u64,
    snapshot_bytes: Option<usize>,
}

/// Feeds made-up trades of two markets; the median batch tells the cost.
fn measure(instance: &mut Instance) -> Result<Cost, Fault> {
    let codes: [Arc<str>; 2] = ["KRW-BTC".into(), "KRW-ETH".into()];
    instance.learn_markets(codes.iter())?;
    let mut costs = Vec::new();
    for batch in 0..BATCHES {
        let mut trades = Trades::default();
        (batch * BATCH..(batch + 1) * BATCH).for_each(|offset| trades.push(offset, &sample(offset)));
        instance.on_trades(&Arc::new(Batch::from(trades)))?;
        costs.push(instance.last_cost());
    }
    costs.sort_unstable_by_key(|&(_, ns)| ns);
    let (fuel, ns) = costs.get(costs.len() / 2).copied().unwrap_or_default();
    let snapshot_bytes = instance.snapshot()?.map(|bytes| bytes.len());
    Ok(Cost { ns_per_trade: ns as f64 / BATCH as f64, fuel_per_trade: fuel / BATCH, snapshot_bytes })
}

/// Feeds made-up quotes; the median batch tells what one costs in ns.
fn measure_quotes(instance: &mut Instance, kind: QuoteKind) -> Result<f64, Fault> {
    let mut costs = Vec::new();
    for batch in 0..BATCHES {
        let offsets = batch * QUOTES..(batch + 1) * QUOTES;
        let quotes: Vec<_> = offsets.map(|offset| (offset, Arc::new(sample_quote(kind, offset)))).collect();
        instance.on_quotes(kind, &quotes)?;
        costs.push(instance.last_cost().1);
    }
    costs.sort_unstable();
    Ok(costs.get(costs.len() / 2).copied().unwrap_or_default() as f64 / QUOTES as f64)
}

fn sample_quote(kind: QuoteKind, offset: u64) -> Quote {
    let trade = sample(offset);
    let (price, some) = (trade.price, Some(trade.price));
    let head = Head {
        market: trade.market,
        sent_at_ms: trade.traded_at_ms,
        received_at_ms: trade.received_at_ms,
        flags: trade.flags,
    };
    let sum = Some(price.times(trade.volume));
    match kind {
        QuoteKind::Ticker => Quote::Ticker(Box::new(Ticker {
            head,
            traded_at_ms: Some(trade.traded_at_ms),
            price,
            volume: Some(trade.volume),
            side: Some(trade.side),
            open: some,
            high: some,
            low: some,
            prev_close: trade.prev_close,
            change: Some(trade.volume),
            change_rate: Some(trade.volume),
            acc_volume: sum,
            acc_notional: sum,
            acc_volume_24h: sum,
            acc_notional_24h: sum,
            acc_ask_volume: sum,
            acc_bid_volume: sum,
            high_52w: some,
            high_52w_on: None,
            low_52w: some,
            low_52w_on: None,
            state: MarketState::Active,
            delisted_on: None,
        })),
        QuoteKind::Orderbook => Quote::Orderbook(Orderbook {
            head,
            total_ask_size: sum,
            total_bid_size: sum,
            grouping: None,
            levels: vec![
                Level {
                    ask_price: trade.best_ask,
                    ask_size: Some(trade.volume),
                    bid_price: trade.best_bid,
                    bid_size: Some(trade.volume),
                };
                LEVELS
            ],
        }),
        QuoteKind::Candle => Quote::Candle(Box::new(Candle {
            head,
            opened_at_ms: trade.traded_at_ms - trade.traded_at_ms.rem_euclid(60_000),
            unit_s: 60,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: sum,
            notional: sum,
        })),
    }
}

fn sample(offset: u64) -> Trade {
    let step = i32::try_from(offset % 50).unwrap_or_default();
    let at_ms = 1_767_225_600_000 + i64::try_from(offset).unwrap_or_default() * 20;
    let price = Decimal::from(100_000_000 + step * 1_000);
    Trade {
        market: MarketId(u32::from(offset.is_multiple_of(3))),
        side: if offset.is_multiple_of(2) { Side::Buy } else { Side::Sell },
        price,
        volume: Decimal::new(1_000 + i64::from(step), 5).unwrap_or_default(),
        sequential_id: u64::try_from(at_ms).unwrap_or_default() * 10_000,
        traded_at_ms: at_ms,
        received_at_ms: at_ms,
        flags: Flags::REPLAY,
        best_bid: Some(price),
        best_ask: Some(Decimal::from(100_001_000 + step * 1_000)),
        prev_close: Some(Decimal::from(99_000_000)),
    }
}

pub(super) fn run(file: &Path, config: &str, input: &Path) -> Outcome {
    let plugin = load(file)?;
    let name =
        file.file_stem().map_or_else(|| "plugin".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let group = Group {
        name: name.clone(),
        specs: vec![NodeSpec {
            name: name.clone(),
            plugin,
            config: config.to_owned(),
            limits: Limits::default(),
            input: None,
            markets: MarketFilter::default(),
        }],
        rules: Vec::new(),
        // Everything it says is shown: no cooldown.
        defaults: Defaults { cooldown_ms: Some(0), ..Defaults::default() },
        routes: [(name, vec!["stdout".to_owned()])].into(),
    };
    let source = Source::open(input).map_err(|error| fail(Exit::Unavailable, error))?;
    let mut replay = Replay::start(&[group], source, 4096).map_err(|errors| {
        let first = errors.first().map(|error| refuse(file, &error.error));
        first.unwrap_or(Exit::Config)
    })?;
    let mut out = BufWriter::new(io::stdout().lock());
    match print(&mut replay, &mut out) {
        Ok(()) => {}
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(Stopped::Output(error)) => return Err(fail(Exit::Output, format!("cannot write: {error}"))),
        Err(Stopped::Recording(error)) => return Err(fail(Exit::Unavailable, error)),
    }
    let summary = replay.summary();
    tell!(
        "{} trades, {} quotes, {} alerts, {} records, {} faults",
        view::grouped(&summary.trades.to_string()),
        view::grouped(&summary.quotes.to_string()),
        summary.alerts,
        summary.records,
        summary.faults()
    );
    summary.bad_lines.first.iter().for_each(|line| tell!("  {line}"));
    let failed = summary.plugins.iter().find_map(|(_, counts)| counts.last_fault.clone());
    failed.map_or(Ok(()), |fault| Err(fail(Exit::Config, format!("the plugin failed: {fault}"))))
}

enum Stopped {
    Output(io::Error),
    Recording(ReplayError),
}

fn print(replay: &mut Replay, out: &mut impl Write) -> Result<(), Stopped> {
    while let Some(deliveries) = replay.step(|_| {}).map_err(Stopped::Recording)? {
        for delivery in deliveries {
            let end = if delivery.content == Content::Alert { "\n" } else { "" };
            write!(out, "{}{end}", delivery.body).map_err(Stopped::Output)?;
        }
    }
    out.flush().map_err(Stopped::Output)
}
