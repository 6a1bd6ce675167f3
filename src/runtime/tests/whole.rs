//! Everything from the venue to a plugin, against a venue that goes wrong by a seed.
//!
//! The stand-in venue, its sessions, REST, the spine, the tape and a guest are the real ones; only
//! the links are in memory and the time is virtual. In the end the guest has been told every trade
//! that the venue made since a market began, once, or a gap that is not filled was said of it.
//! Nothing is lost here in a way that nobody could tell: [`Script::from_seed`] says what is done.
//!
//! `TRADEHOOK_SEEDS` says how many seeds are run, `TRADEHOOK_SEED` which one alone, with its story.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod verify;

use super::super::{ban::BanBook, clockwork, fetch, sessions, spine::Spine};
use crate::{
    entry::GapCause,
    feed::{ConnectError, Connector, FeedConfig},
    plugin::{Host, Plugin},
    rest::{Door, HttpError, Rest, RestConfig, Stream},
    splice::SpliceConfig,
    status::Status,
    tape::{Tape, TapeConfig},
    upbit::{Format, Subscription},
    venue::{Fault, MAIN_MARKETS, Script, Venue, VenueConfig},
};
use fastrand::Rng;
use futures_util::future::BoxFuture;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use tokio::{
    io::DuplexStream,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_util::sync::CancellationToken;
use verify::{Sum, verify};

/// Of a normal run.
const SEEDS: u64 = 80;
/// Nothing is wrong in its last fifth.
const LENGTH: Duration = Duration::from_secs(150);
/// Everything is whole again within so long after it.
const SETTLES: Duration = Duration::from_secs(900);
/// 2026-11-22 00:00:00 UTC.
const MIDNIGHT_MS: i64 = 1_795_305_600_000;

/// A way to the venue, for sessions and for REST.
#[derive(Clone)]
struct Line {
    venue: Arc<Venue>,
    uri: Uri,
}

impl Connector for Line {
    type Stream = DuplexStream;

    async fn open(&mut self) -> Result<DuplexStream, ConnectError> {
        Ok(self.venue.link())
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }
}

impl Door for Line {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, HttpError>> {
        let link = self.venue.link();
        Box::pin(async { Ok(Box::new(link) as Box<dyn Stream>) })
    }

    fn authority(&self) -> &str {
        "127.0.0.1"
    }
}

/// What a seed draws besides the script.
#[derive(Debug)]
struct Plan {
    codes: Vec<String>,
    is_pattern: bool,
    per_second: f64,
    sockets: u16,
    redundancy: u16,
    format: Format,
    start_ms: i64,
    /// By how much our clock is ahead of the venue's.
    ahead_ms: i64,
    /// When the process ends, and after how long it begins again.
    restarts: Vec<(Duration, Duration)>,
    batch: usize,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let markets = rng.usize(1..=MAIN_MARKETS.len());
        let mut restarts: Vec<_> = (0..rng.usize(..3))
            .map(|_| (LENGTH.mul_f64(0.78 * rng.f64()), Duration::from_millis(rng.u64(..25_000))))
            .collect();
        restarts.sort();
        let one_of = |rng: &mut Rng, of: &[i64]| of[rng.usize(..of.len())];
        Self {
            codes: MAIN_MARKETS[..markets].iter().map(ToString::to_string).collect(),
            is_pattern: rng.bool(),
            per_second: 1.0 + 40.0 * rng.f64() * rng.f64(),
            sockets: rng.u16(1..=2),
            redundancy: rng.u16(1..=2),
            format: if rng.bool() { Format::Default } else { Format::SimpleList },
            start_ms: MIDNIGHT_MS + one_of(rng, &[3_600_000, 43_200_000, -60_000, -100_000, -2_000]),
            ahead_ms: one_of(rng, &[0, 0, 0, -1_500, 2_500]),
            restarts,
            batch: rng.usize(1..300),
        }
    }

    fn venue(&self, seed: u64) -> VenueConfig {
        VenueConfig {
            seed,
            codes: self.codes.clone(),
            trades_per_second: Some(self.per_second),
            late_share: 0.03,
            start_ms: Some(self.start_ms),
            ..VenueConfig::default()
        }
    }

    fn wanted(&self, seed: u64) -> sessions::Wanted {
        let patterns = ["KRW-*", "BTC-*", "USDT-*"].map(String::from).to_vec();
        sessions::Wanted {
            markets: if self.is_pattern { patterns } else { self.codes.clone() },
            streams: Vec::new(),
            sockets: self.sockets,
            redundancy: self.redundancy,
            refresh_every: Duration::from_secs(60),
            subscription: Subscription {
                ticket: "whole".into(),
                format: self.format,
                ..Subscription::default()
            },
            feed: FeedConfig { jitter_seed: seed, ..FeedConfig::default() },
            heeds_warnings: Arc::default(),
            cause: GapCause::Downtime,
        }
    }
}

/// The process, from the sockets to the tape.
struct Process {
    spine: Arc<Spine>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Process {
    fn start(plan: &Plan, seed: u64, line: &Line, tape: &Arc<Tape>) -> Self {
        let status = Status::new("venue", || 0);
        let (clock, ahead_ms) = (Arc::clone(&line.venue), plan.ahead_ms);
        let wall = Arc::new(move || clock.now_ms() + ahead_ms);
        let spine = Arc::new(Spine::new(Arc::clone(tape), status.clone(), wall, SpliceConfig::default()));
        let rest = Rest::new(&RestConfig::default(), line.clone());
        let bans = (BanBook::open(None), "127.0.0.1".to_owned());
        let stop = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(sessions::run(
                plan.wanted(seed),
                line.clone(),
                rest.clone(),
                Arc::clone(&spine),
                bans.clone(),
                stop.clone(),
            )),
            tokio::spawn(fetch::run(Arc::clone(&spine), rest, bans, stop.clone())),
            tokio::spawn(clockwork::run(Arc::clone(tape), Arc::clone(&spine), status, stop.clone())),
        ];
        Self { spine, stop, tasks }
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// Until nothing waits, for a while.
    async fn settle(&self) -> Result<(), String> {
        let started = Instant::now();
        let mut calm = 0;
        while calm < 8 {
            sleep(Duration::from_secs(1)).await;
            let is_calm = self.spine.waiting() == (0, 0) && self.spine.is_live();
            calm = if is_calm { calm + 1 } else { 0 };
            if started.elapsed() > SETTLES {
                return Err(format!("it never settles: {:?} wait", self.spine.waiting()));
            }
        }
        Ok(())
    }
}

async fn world(seed: u64, guest: &Plugin, is_alone: bool) -> Result<Sum, String> {
    let plan = Plan::draw(&mut Rng::with_seed(seed));
    let script = Script::from_seed(seed, LENGTH);
    if is_alone {
        println!("{plan:#?}\n{script}");
    }
    let venue = Arc::new(Venue::start(plan.venue(seed)).await.unwrap());
    let line = Line { venue, uri: "ws://127.0.0.1/websocket/v1".parse().unwrap() };
    let tape = Arc::new(Tape::open(TapeConfig::default()).unwrap());
    let started = Instant::now();
    let until = |after: Duration| tokio::time::sleep_until(started + after);
    line.venue.run_script(script);
    let mut process = Process::start(&plan, seed, &line, &tape);
    for &(after, pause) in &plan.restarts {
        until(after).await;
        process.end().await;
        sleep(pause).await;
        process = Process::start(&plan, seed, &line, &tape);
    }
    until(LENGTH).await;
    process.settle().await?;
    line.venue.set_fault(Fault::Halt);
    sleep(Duration::from_secs(5)).await;
    process.settle().await?;
    process.end().await;
    verify(&plan, &line.venue, &tape, guest, is_alone)
}

fn run(seed: u64, guest: &Plugin, is_alone: bool) -> Result<Sum, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let run = || runtime.unwrap().block_on(world(seed, guest, is_alone));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_panic| Err("a panic".into()))
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Proves [loss-is-said].
#[test]
fn whatever_the_venue_does_a_plugin_is_told_every_trade_once_or_a_gap() {
    let host = Host::new(None).unwrap();
    let guest = host.load(include_bytes!("../../../plugins/built/hostile.wasm")).unwrap();
    let alone = from_env("TRADEHOOK_SEED");
    let seeds = alone.map_or(0..from_env("TRADEHOOK_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let next = AtomicU64::new(seeds.start);
    let (sum, failed) = (Mutex::new(Sum::default()), Mutex::new(Vec::new()));
    let work = || loop {
        let seed = next.fetch_add(1, Relaxed);
        if seed >= seeds.end {
            return;
        }
        match run(seed, &guest, alone.is_some()) {
            Ok(more) => sum.lock().unwrap().add(&more),
            Err(why) => failed.lock().unwrap().push((seed, why)),
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(4) {
            scope.spawn(work);
        }
    });
    let (sum, mut failed) = (sum.into_inner().unwrap(), failed.into_inner().unwrap());
    println!("{sum:?}");
    failed.sort();
    let head: String = failed.iter().take(20).map(|(seed, why)| format!("\nseed {seed}: {why}")).collect();
    assert!(
        failed.is_empty(),
        "{} seeds failed (TRADEHOOK_SEED=n tells the story of one):{head}",
        failed.len()
    );
    assert!(alone.is_some() || sum.is_telling(), "something never happened: {sum:?}");
}
