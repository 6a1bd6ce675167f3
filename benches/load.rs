//! The whole program under load: 100,000 trades a second for sixty seconds over loopback, with three
//! bundled plugins and 300 markets.
//!
//! `cargo bench --bench load` starts the real program against a sender that keeps its pace and
//! times every ping that arrives. At the end all that was sent must stand on the tape, each once,
//! and a plugin must have handled it. `LOAD_SECONDS` and `LOAD_RATE` change the load. There
//! is no baseline: the bars are absolute.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::{accept_async, tungstenite::Message};
use tradehook::{
    tape::{Next, Tape},
    trade::Trades,
    venue::{Venue, VenueConfig},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tradehook");
const MARKETS: usize = 300;
const PING: Duration = Duration::from_secs(1);
/// The plugin at the end says so after so many.
const EVERY: u64 = 50_000;
/// The bars.
const PING_LATE_MS: f64 = 250.0;
const CAUGHT_UP: Duration = Duration::from_secs(10);
const RESIDENT_MIB: f64 = 256.0;

/// What the sender has seen and done.
#[derive(Default)]
struct Log {
    pings: Vec<Instant>,
    /// By market, in the order of sending.
    ids: Vec<Vec<u64>>,
    /// By how much the sender was behind its own pace, at most: the socket did not take more.
    behind: Duration,
    ended: Option<Instant>,
    began: Option<Instant>,
    connections: usize,
}

type Shared = Arc<Mutex<Log>>;

fn main() {
    let seconds = setting("LOAD_SECONDS", 60);
    let rate = setting("LOAD_RATE", 100_000);
    let total = seconds * rate;
    let folder = tempfile::tempdir().unwrap();
    let log = Shared::default();
    let (tell, told) = std::sync::mpsc::channel();
    let (done, stop) = oneshot::channel::<()>();
    let peer = thread::spawn({
        let log = Arc::clone(&log);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let config = VenueConfig { codes: codes(), history_ms: 0, ..VenueConfig::default() };
                let venue = Venue::start(config).await.unwrap();
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send((listener.local_addr().unwrap(), venue.rest_url())).unwrap();
                tokio::select! {
                    () = serve(listener, log, rate, total) => {}
                    _ = stop => {}
                }
            });
        }
    });
    let (addr, rest) = told.recv().unwrap();
    let child = run(folder.path(), &format!("ws://{addr}/"), &rest);
    let resident = watch(&child, &log, total, &folder.path().join("count.jsonl"));
    let handled = Instant::now();
    let cpu = cpu_seconds(child.id());
    end(child);
    drop(done);
    peer.join().unwrap();
    let log = log.lock().unwrap();
    report(&log, &resident, (handled, cpu), (seconds, total));
    compare(&log, &folder.path().join("tape"), total);
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn codes() -> Vec<String> {
    (0..MARKETS).map(|n| format!("KRW-M{n:03}")).collect()
}

// ---- the sender -----------------------------------------------------------------------------

async fn serve(listener: TcpListener, log: Shared, rate: u64, total: u64) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let Ok(stream) = accept_async(socket).await else { continue };
        let (mut sink, mut source) = stream.split();
        log.lock().unwrap().connections += 1;
        let listen = async {
            let mut subscribed = None;
            let (tell, told) = oneshot::channel();
            subscribed.replace(tell);
            let log = Arc::clone(&log);
            let listening = tokio::spawn(async move {
                while let Some(Ok(message)) = source.next().await {
                    match message {
                        Message::Ping(_) => log.lock().unwrap().pings.push(Instant::now()),
                        Message::Close(_) => break,
                        _ => drop(subscribed.take().map(|tell| tell.send(()))),
                    }
                }
            });
            told.await.map(|()| listening)
        };
        let Ok(listening) = listen.await else { continue };
        send(&mut sink, &log, rate, total).await;
        // Pongs go out with what is written.
        let mut every = interval(Duration::from_millis(50));
        while !listening.is_finished() {
            every.tick().await;
            if sink.flush().await.is_err() {
                break;
            }
        }
    }
}

async fn send(sink: &mut (impl SinkExt<Message> + Unpin), log: &Shared, rate: u64, total: u64) {
    let mut frames = Frames::new();
    let mut every = interval(Duration::from_millis(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = Instant::now();
    let start_ms = wall_ms();
    let mut ids: Vec<Vec<u64>> = vec![Vec::new(); MARKETS];
    log.lock().unwrap().began = Some(began);
    let (mut sent, mut behind) = (0, Duration::ZERO);
    while sent < total {
        every.tick().await;
        let passed = began.elapsed();
        let due = ((passed.as_secs_f64() * rate as f64) as u64).min(total);
        behind = behind.max(passed.saturating_sub(Duration::from_secs_f64(sent as f64 / rate as f64)));
        while sent < due {
            // Of one ms at a time, that stamps are as even as the pace.
            let (market, id, frame) = frames.next(start_ms + (sent * 1_000 / rate) as i64);
            ids[market].push(id);
            if sink.feed(Message::Binary(frame)).await.is_err() {
                return;
            }
            sent += 1;
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
    let mut log = log.lock().unwrap();
    (log.ids, log.behind, log.ended) = (ids, behind, Some(Instant::now()));
}

/// Trades in the venue's spelling. A few markets have most of them.
struct Frames {
    rng: fastrand::Rng,
    counts: HashMap<usize, u64>,
    at_ms: i64,
}

impl Frames {
    fn new() -> Self {
        Self { rng: fastrand::Rng::with_seed(7), counts: HashMap::new(), at_ms: 0 }
    }

    fn next(&mut self, at_ms: i64) -> (usize, u64, Bytes) {
        if at_ms != self.at_ms {
            (self.at_ms, _) = (at_ms, self.counts.clear());
        }
        let busy = self.rng.f64();
        let market = (busy * busy * busy * MARKETS as f64) as usize;
        let count = self.counts.entry(market).or_default();
        *count += 1;
        let id = at_ms as u64 * 10_000 + *count - 1;
        let price = 1_000 + self.rng.u32(0..100);
        let mut frame = String::with_capacity(480);
        let _ = write!(
            frame,
            r#"{{"type":"trade","code":"KRW-M{market:03}","timestamp":{},"trade_date":"2026-09-02","trade_time":"07:46:20","trade_timestamp":{at_ms},"trade_price":{price}.00000000,"trade_volume":0.00{:06},"ask_bid":"BID","prev_closing_price":{price}.00000000,"change":"FALL","change_price":314.00000000,"sequential_id":{id},"best_ask_price":{price}.00000000,"best_ask_size":0.00906333,"best_bid_price":{price}.00000000,"best_bid_size":0.00702247,"stream_type":"REALTIME"}}"#,
            at_ms + 40,
            self.rng.u32(1..999_999),
        );
        (market, id, Bytes::from(frame))
    }
}

fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

// ---- the program ----------------------------------------------------------------------------

fn run(folder: &Path, url: &str, rest: &str) -> Child {
    let quoted: Vec<String> = codes().iter().map(|code| format!("\"{code}\"")).collect();
    let hostile = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/built/hostile.wasm");
    let config = format!(
        r#"
[feed]
url = "{url}"
rest = "{rest}"
markets = [{}]
ping_interval = "{}s"
[tape]
dir = "tape"
[state]
dir = "state"
[plugins.filter]
config = {{ notional = {{ min = "1만" }} }}
[plugins.bars]
bundled = "aggregate"
input = "filter"
config = {{ size = "1m" }}
to = ["count"]
[plugins.count]
path = "{hostile}"
config = {{ do = "count", when = 4611686018427387904, every = {EVERY} }}
to = ["count"]
[channels.count]
kind = "file"
path = "count.jsonl"
[alerts.defaults]
notify = ["count"]
[[alert]]
id = "fast"
markets = ["KRW-*"]
cooldown = "10m"
when = {{ kind = "change", window = "1m", pct = "50%" }}
[[alert]]
id = "whale"
markets = ["KRW-*"]
cooldown = "10m"
when = {{ kind = "large_trade", min_notional = "100억" }}
"#,
        quoted.join(", "),
        PING.as_secs(),
    );
    let file = folder.join("config.toml");
    fs::write(&file, config).unwrap();
    Command::new(PROGRAM)
        .args(["run", "--config"])
        .arg(file)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap()
}

fn end(mut child: Child) {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Waits until the plugin has handled everything; resident MiB every second since the first trade.
fn watch(child: &Child, log: &Shared, total: u64, counted: &Path) -> Vec<f64> {
    let mut resident = Vec::new();
    let mut next = Instant::now();
    let patience = Duration::from_secs(60);
    let mut given_up = Instant::now() + patience;
    while seen(counted) < total / EVERY * EVERY {
        if next.elapsed() >= Duration::from_secs(1) {
            next = Instant::now();
            let log = log.lock().unwrap();
            if log.began.is_some() {
                resident.push(resident_mib(child.id()));
                given_up = log.ended.unwrap_or_else(Instant::now) + patience;
            }
        }
        if Instant::now() > given_up {
            let text = fs::read_to_string(counted.with_file_name("log")).unwrap_or_default();
            panic!("only {} of {total} were handled\n{}", seen(counted), text);
        }
        thread::sleep(Duration::from_millis(20));
    }
    resident
}

/// The last count that the counting plugin wrote.
fn seen(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let last = text.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("\"count\":\"")?;
        rest.split('"').next()?.parse().ok()
    });
    last.unwrap_or_default()
}

fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// User and system time of all its threads.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // In ticks of 10 ms.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

// ---- the outcome ----------------------------------------------------------------------------

fn report(log: &Log, resident: &[f64], (handled, cpu): (Instant, f64), (seconds, total): (u64, u64)) {
    let (began, ended) = (log.began.unwrap(), log.ended.unwrap());
    let took = ended.duration_since(began).as_secs_f64();
    let lateness = lateness_ms(&log.pings, ended);
    let worst = lateness.iter().copied().fold(0.0, f64::max);
    let mut sorted = lateness.clone();
    sorted.sort_by(f64::total_cmp);
    let caught_up = handled.duration_since(ended);
    let most = resident.iter().copied().fold(0.0, f64::max);
    let tenth = resident.len() / 10;
    println!(
        "{total} trades in {took:.1} s over loopback ({:.0} a second), {MARKETS} markets",
        total as f64 / took
    );
    println!("  connections                          {:>8}", log.connections);
    println!("  the sender was held up by at most    {:>8.1} ms", log.behind.as_secs_f64() * 1e3);
    println!("  pings under load                     {:>8}", lateness.len());
    println!("  a ping late by, median               {:>8.1} ms", sorted[sorted.len() / 2]);
    println!("  a ping late by, at most              {worst:>8.1} ms   bar {PING_LATE_MS}");
    println!(
        "  plugin done after the last was sent  {:>8.2} s    bar {}",
        caught_up.as_secs_f64(),
        CAUGHT_UP.as_secs()
    );
    println!("  resident, after a tenth              {:>8.1} MiB", resident[tenth]);
    println!("  resident, at most                    {most:>8.1} MiB  bar {RESIDENT_MIB}");
    println!("  CPU of the program                   {:>8.0} % of a core", cpu / took * 100.0);
    assert_eq!(log.connections, 1, "the session was lost");
    assert!(lateness.len() as u64 + 2 >= seconds, "pings are missing");
    assert!(worst <= PING_LATE_MS && caught_up <= CAUGHT_UP && most <= RESIDENT_MIB);
}

/// By how much pings were late, against the one that was the least.
fn lateness_ms(pings: &[Instant], ended: Instant) -> Vec<f64> {
    let Some(&first) = pings.first() else { return Vec::new() };
    let under_load = pings.iter().take_while(|at| **at <= ended);
    let off = |(n, at): (usize, &Instant)| {
        (at.duration_since(first).as_secs_f64() - n as f64 * PING.as_secs_f64()) * 1e3
    };
    let off: Vec<f64> = under_load.enumerate().map(off).collect();
    let least = off.iter().copied().fold(f64::INFINITY, f64::min);
    off.into_iter().map(|off| off - least).collect()
}

/// All that was sent stands on the tape, each once, and nothing else.
fn compare(log: &Log, tape: &Path, total: u64) {
    let tape = Tape::open_read_only(tape).unwrap();
    let (mut reader, mut trades) = (tape.reader(tape.start()), Trades::default());
    let markets = tape.markets();
    let mut ids: Vec<Vec<u64>> = vec![Vec::new(); MARKETS];
    let mut gaps = 0;
    loop {
        match reader.next(4096, &mut trades).unwrap() {
            Next::Trades => {
                for trade in (0..trades.len()).filter_map(|i| trades.get(i)) {
                    let code = markets.code(trade.market).unwrap();
                    ids[code[5..].parse::<usize>().unwrap()].push(trade.sequential_id);
                }
            }
            Next::Entry(_, entry) => gaps += usize::from(matches!(entry, tradehook::entry::Entry::Gap(_))),
            Next::Quotes(_) => {}
            Next::Empty => break,
            lost => panic!("the tape has lost something: {lost:?}"),
        }
    }
    let found: usize = ids.iter().map(Vec::len).sum();
    println!("  on the tape                          {found:>8} of {total}, gaps {gaps}");
    assert!(ids == log.ids, "the tape differs from what was sent");
    assert_eq!((found as u64, gaps), (total, 0));
}
