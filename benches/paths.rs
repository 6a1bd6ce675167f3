//! What a trade costs on its whole way: live from a socket, and replayed from a tape.
//!
//! `cargo bench --bench paths` prints medians, each with its baseline from the same run and the
//! ratio. The live path is counted in CPU time of the threads that do the work (the venue's own
//! threads are not), the replay in wall time of its one thread.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]

use futures_util::{SinkExt, StreamExt};
use rustix::time::{ClockId, clock_gettime};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use tradehook::{
    feed::{FeedConfig, SystemClock, WallClock, WsConnector},
    market::MarketId,
    pipeline::{MarketFilter, NodeSpec, Pipeline},
    plugin::{Host, Limits},
    policy::Defaults,
    runtime::{Group, Intake, Replay, Source, Spine},
    splice::SpliceConfig,
    status::Status,
    tape::{Next, Tape, TapeConfig},
    trade::{Flags, Side, Trade, Trades},
    upbit::Subscription,
    venue::{Venue, VenueConfig},
};
use tradehook_decimal::Decimal;

const LIVE_TRADES: u64 = 200_000;
const REPLAY_TRADES: u64 = 2_000_000;
const RUNS: usize = 5;

fn main() {
    let host = Host::new(None).expect("an engine");
    live(&host);
    replay(&host);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn trivial(host: &Host) -> NodeSpec {
    // Counts; never misbehaves, because no trade is the last of a u64.
    spec(
        host,
        include_bytes!("../plugins/built/hostile.wasm"),
        r#"{"do":"count","when":18446744073709551615}"#,
    )
}

fn spec(host: &Host, code: &[u8], config: &str) -> NodeSpec {
    NodeSpec {
        name: "plugin".into(),
        plugin: host.load(code).expect("the guest loads"),
        config: config.into(),
        limits: Limits::default(),
        input: None,
        markets: MarketFilter::default(),
    }
}

// ---- live -----------------------------------------------------------------------------------

/// A venue on threads of its own, so that its work is not counted.
fn with_venue(run: impl FnOnce(String)) {
    let (tell, told) = std::sync::mpsc::channel();
    let done = CancellationToken::new();
    let stop = done.clone();
    let venue = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let venue = Venue::start(VenueConfig::firehose(LIVE_TRADES)).await.unwrap();
            tell.send(venue.ws_url()).unwrap();
            stop.cancelled().await;
        });
    });
    run(told.recv().unwrap());
    done.cancel();
    venue.join().unwrap();
}

fn live(host: &Host) {
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        with_venue(|url| bare.push(bare_client(&url)));
        with_venue(|url| whole.push(live_path(host, &url)));
    }
    let (bare, whole) = (median(bare), median(whole));
    println!("live, CPU ns a trade over loopback, {LIVE_TRADES} trades, median of {RUNS}");
    println!("  bare tokio-tungstenite + serde_json, counting   {bare:8.0}");
    println!("  feed, decode, tape, pipeline, trivial plugin    {whole:8.0}   ratio {:.2}", whole / bare);
}

/// The same fields that the live path decodes.
#[derive(serde::Deserialize)]
struct Row<'a> {
    code: &'a str,
    trade_price: f64,
    trade_volume: f64,
    ask_bid: &'a str,
    sequential_id: u64,
    trade_timestamp: i64,
    timestamp: i64,
    prev_closing_price: f64,
    best_ask_price: f64,
    best_bid_price: f64,
    stream_type: &'a str,
}

fn bare_client(url: &str) -> f64 {
    let url = url.to_owned();
    let client = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
            let ask = Subscription {
                ticket: "bench".into(),
                trades: vec!["KRW-BTC".into()],
                ..Subscription::default()
            };
            socket.send(Message::text(ask.to_text())).await.unwrap();
            let (mut seen, mut sum) = (0u64, 0.0);
            let before = cpu_ns();
            while seen < LIVE_TRADES {
                let message = socket.next().await.unwrap().unwrap();
                let data = message.into_data();
                let row: Row<'_> = serde_json::from_slice(&data).unwrap();
                sum += row.trade_price * row.trade_volume + row.best_ask_price - row.best_bid_price
                    + row.prev_closing_price
                    + (row.timestamp - row.trade_timestamp) as f64
                    + (row.sequential_id % 2) as f64
                    + (row.code.len() + row.ask_bid.len() + row.stream_type.len()) as f64;
                seen += 1;
            }
            assert!(sum > 0.0);
            (cpu_ns() - before) / seen as f64
        })
    });
    client.join().unwrap()
}

fn live_path(host: &Host, url: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let tape = Arc::new(
        Tape::open(TapeConfig { dir: Some(folder.path().join("tape")), ..TapeConfig::default() }).unwrap(),
    );
    let seen = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let pipeline = spawn_pipeline(host, Arc::clone(&tape), Arc::clone(&seen), Arc::clone(&stop));
    let (url, fed) = (url.to_owned(), Arc::clone(&tape));
    let feed = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ask = Subscription {
                ticket: "bench".into(),
                trades: vec!["KRW-BTC".into()],
                ..Subscription::default()
            };
            let status = Status::new("bench", now_ms);
            let spine = Spine::new(Arc::clone(&fed), status, Arc::new(now_ms), SpliceConfig::default());
            let intake = Intake::new(Arc::new(spine), ask);
            let end = CancellationToken::new();
            let connector = WsConnector::new(&url).unwrap();
            let before = cpu_ns();
            let work =
                tradehook::feed::run(FeedConfig::default(), connector, intake, SystemClock, end.clone());
            let watch = async {
                while fed.end() < LIVE_TRADES {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let spent = cpu_ns() - before;
                end.cancel();
                spent
            };
            let (_, spent) = tokio::join!(work, watch);
            spent
        })
    });
    let feed_ns = feed.join().unwrap();
    while seen.load(Ordering::Acquire) < LIVE_TRADES {
        thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Ordering::Release);
    let pipeline_ns = pipeline.join().unwrap();
    (feed_ns + pipeline_ns) / LIVE_TRADES as f64
}

fn now_ms() -> i64 {
    SystemClock.now_ms()
}

fn spawn_pipeline(
    host: &Host,
    tape: Arc<Tape>,
    seen: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> thread::JoinHandle<f64> {
    let mut pipeline = Pipeline::start("bench", vec![trivial(host)], None).unwrap();
    thread::spawn(move || {
        let mut reader = tape.reader(0);
        let (mut trades, mut out) = (Trades::default(), Vec::new());
        let before = cpu_ns();
        while !stop.load(Ordering::Acquire) {
            match reader.next(4096, &mut trades).unwrap() {
                Next::Trades => {
                    tape.with_markets(|m| pipeline.learn_markets(m.since(pipeline.markets_known())));
                    trades = pipeline.trades(std::mem::take(&mut trades), &mut out);
                    seen.store(pipeline.next_offset(), Ordering::Release);
                }
                _ => {
                    let _more = reader.wait(Duration::from_millis(5));
                }
            }
        }
        cpu_ns() - before
    })
}

// ---- replay ---------------------------------------------------------------------------------

/// A random walk on one market, some 50 trades a second.
fn random_walk(count: u64) -> impl Iterator<Item = Trade> {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut price, mut at_ms) = (100_000_000i64, 1_767_225_600_000i64);
    (0..count).map(move |n| {
        price += rng.i64(-20..=20) * 1_000;
        at_ms += rng.i64(0..40);
        Trade {
            market: MarketId(0),
            side: if rng.bool() { Side::Buy } else { Side::Sell },
            price: Decimal::new(price, 0).unwrap(),
            volume: Decimal::new(rng.i64(1_000..10_000_000), 8).unwrap(),
            sequential_id: at_ms as u64 * 10_000 + n % 10,
            traded_at_ms: at_ms,
            received_at_ms: at_ms + 40,
            flags: Flags::default(),
            best_bid: Decimal::new(price - 1_000, 0),
            best_ask: Decimal::new(price, 0),
            prev_close: Some(Decimal::from(99_000_000)),
        }
    })
}

/// A hundred rules on one market, of every kind.
fn hundred_rules() -> String {
    let mut rules = Vec::new();
    let mut rule = |when: String| {
        rules.push(format!(r#"{{"id":"r{}","markets":["KRW-BTC"],"when":{when}}}"#, rules.len()));
    };
    for i in 0..40 {
        rule(format!(
            r#"{{"kind":"price","above":"{}","clear":"{}"}}"#,
            90_000_000 + i * 500_000,
            89_900_000 + i * 500_000
        ));
    }
    for i in 0..20 {
        rule(format!(r#"{{"kind":"cross","level":"{}"}}"#, 90_250_000 + i * 1_000_000));
    }
    for i in 1..=10 {
        rule(format!(r#"{{"kind":"change","window":"{i}m","pct":"{i}%"}}"#));
        rule(format!(r#"{{"kind":"volume","window":"{i}m","above":"{}억"}}"#, i * 20));
        rule(format!(r#"{{"kind":"large_trade","min_notional":"{i}억"}}"#));
        rule(format!(r#"{{"kind":"silence","for":"{i}m"}}"#));
    }
    format!(r#"{{"rules":[{}]}}"#, rules.join(","))
}

fn replay(host: &Host) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape");
    let tape = Tape::open(TapeConfig { dir: Some(path.clone()), ..TapeConfig::default() }).unwrap();
    tape.intern("KRW-BTC").unwrap();
    let trades: Vec<Trade> = random_walk(REPLAY_TRADES).collect();
    trades.chunks(256).for_each(|chunk| {
        tape.append_trades(chunk).unwrap();
    });
    drop(tape);

    let alert = spec(host, include_bytes!("../plugins/built/alert.wasm"), &hundred_rules());
    let filter = spec(host, include_bytes!("../plugins/built/filter.wasm"), r#"{"notional":{"min":"1만"}}"#);
    let bars = spec(host, include_bytes!("../plugins/built/aggregate.wasm"), r#"{"size":"1m"}"#);
    let (mut read, mut rates) = (Vec::new(), vec![Vec::new(); 4]);
    for _ in 0..RUNS {
        read.push(read_only(&path));
        for (spec, rates) in
            [trivial(host), alert.clone(), filter.clone(), bars.clone()].into_iter().zip(&mut rates)
        {
            rates.push(replayed(&path, spec));
        }
    }
    let read = median(read);
    println!(
        "replay from a tape, million trades a second on one core, {REPLAY_TRADES} trades, median of {RUNS}"
    );
    println!("  reading the tape alone              {read:8.2}");
    let names = [
        "trivial plugin",
        "alert with 100 rules on one market",
        "filter by notional",
        "aggregate to 1m bars",
    ];
    for (name, rates) in names.into_iter().zip(rates) {
        let rate = median(rates);
        println!("  {name:<34}  {rate:8.2}   ratio {:.2}", rate / read);
    }
}

fn read_only(path: &std::path::Path) -> f64 {
    let tape = Tape::open_read_only(path).unwrap();
    let mut reader = tape.reader(0);
    let mut trades = Trades::default();
    let started = Instant::now();
    let mut seen = 0;
    while reader.next(4096, &mut trades).unwrap() == Next::Trades {
        seen += trades.len() as u64;
    }
    assert_eq!(seen, REPLAY_TRADES);
    seen as f64 / started.elapsed().as_secs_f64() / 1e6
}

fn replayed(path: &std::path::Path, spec: NodeSpec) -> f64 {
    let group = Group {
        name: "bench".into(),
        specs: vec![spec],
        rules: Vec::new(),
        defaults: Defaults::default(),
        routes: [("plugin".to_owned(), Vec::new())].into(),
    };
    let mut replay =
        Replay::start(&[group], Source::open(path).unwrap(), 4096).map_err(|e| e[0].to_string()).unwrap();
    let started = Instant::now();
    while replay.step(|_| {}).unwrap().is_some() {}
    let taken = started.elapsed().as_secs_f64();
    let summary = replay.summary();
    let last = summary.plugins.iter().find_map(|(_, counts)| counts.last_fault.clone());
    assert_eq!((summary.trades, last), (REPLAY_TRADES, None));
    REPLAY_TRADES as f64 / taken / 1e6
}
