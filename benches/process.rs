//! What the whole program costs: resident memory over a million trades, and the time from its
//! start to the first trade that a plugin has handled.
//!
//! `cargo bench --bench process` starts the real program against the stand-in venue. The baseline
//! of the memory is the program before the first trade; of the start, one with a cold cache.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tradehook::venue::{Venue, VenueConfig};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tradehook");
const MARKETS: usize = 300;
const RUNS: usize = 7;

fn main() {
    memory();
    start();
}

fn venue(config: VenueConfig) -> (String, impl FnOnce()) {
    let (tell, told) = std::sync::mpsc::channel();
    let done = CancellationToken::new();
    let stop = done.clone();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let venue = Venue::start(config).await.unwrap();
            tell.send(venue.ws_url()).unwrap();
            stop.cancelled().await;
        });
    });
    (told.recv().unwrap(), move || {
        done.cancel();
        thread.join().unwrap();
    })
}

fn run(folder: &Path, config: &str) -> Child {
    let file = folder.join("config.toml");
    fs::write(&file, config).unwrap();
    Command::new(PROGRAM)
        .args(["run", "--config"])
        .arg(file)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn end(mut child: Child) {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

// ---- memory ---------------------------------------------------------------------------------

fn memory() {
    let folder = tempfile::tempdir().unwrap();
    let codes: Vec<String> = (0..MARKETS).map(|n| format!("KRW-M{n:03}")).collect();
    let config = VenueConfig {
        codes: codes.clone(),
        trades_per_second: Some(25_000.0),
        history_ms: 0,
        retained: 10,
        ..VenueConfig::default()
    };
    let (url, stop) = venue(config);
    let quoted: Vec<String> = codes.iter().map(|code| format!("\"{code}\"")).collect();
    let counted = folder.path().join("count.jsonl");
    let hostile = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/built/hostile.wasm");
    let config = format!(
        r#"
[feed]
url = "{url}"
markets = [{}]
[tape]
dir = "tape"
[state]
dir = "state"
[plugins.count]
path = "{hostile}"
config = {{ do = "count", when = 4611686018427387904, every = 50000 }}
to = ["count"]
[plugins.filter]
config = {{ notional = {{ min = "1만" }} }}
[plugins.bars]
bundled = "aggregate"
input = "filter"
config = {{ size = "1m" }}
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
[[alert]]
id = "busy"
markets = ["KRW-*"]
cooldown = "10m"
when = {{ kind = "volume", window = "1m", above = "1조" }}
"#,
        quoted.join(", ")
    );
    let child = run(folder.path(), &config);
    println!("resident memory of run with filter, aggregate, alert and {MARKETS} markets");
    let deadline = Instant::now() + Duration::from_secs(180);
    let mut next = 0u64;
    while Instant::now() < deadline {
        let trades = seen(&counted);
        if trades >= next {
            println!("  after {trades:>9} trades   {:6.1} MiB", resident_mib(child.id()));
            next = trades + 250_000;
        }
        if trades >= 1_500_000 {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    end(child);
    stop();
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

// ---- start ----------------------------------------------------------------------------------

fn start() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/built/hostile.wasm");
    let mut taken = Vec::new();
    for n in 0..=RUNS {
        let (url, stop) = venue(VenueConfig::default());
        let first = folder.path().join(format!("first-{n}.jsonl"));
        let config = format!(
            r#"
[feed]
url = "{url}"
markets = ["KRW-BTC"]
[plugins.first]
path = "{hostile}"
config = {{ do = "count", when = 4611686018427387904, every = 1 }}
to = ["first"]
[plugins.filter]
[plugins.bars]
bundled = "aggregate"
config = {{ size = "1m" }}
[[alert]]
id = "grid"
markets = ["KRW-BTC"]
when = {{ kind = "cross", step = 1000000 }}
[channels.first]
kind = "file"
path = "{}"
"#,
            first.display()
        );
        let started = Instant::now();
        let child = run(folder.path(), &config);
        while fs::metadata(&first).map_or(0, |meta| meta.len()) == 0 {
            assert!(started.elapsed() < Duration::from_secs(60));
            thread::sleep(Duration::from_millis(1));
        }
        taken.push(started.elapsed().as_secs_f64() * 1e3);
        end(child);
        stop();
    }
    let cold = taken.remove(0);
    taken.sort_by(f64::total_cmp);
    let warm = taken.get(taken.len() / 2).copied().unwrap();
    println!("start to the first trade that a plugin handled and a file has, four plugins");
    println!("  cold compile cache   {cold:8.0} ms");
    println!("  warm, median of {RUNS}    {warm:8.0} ms   ratio {:.2}", warm / cold);
}
