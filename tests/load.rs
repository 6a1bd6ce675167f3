//! 10,000 trades a second, in virtual time and without sockets: the venue, a session, the splice, the
//! fetcher and the tape, with a lost connection half-way.
//!
//! Ten minutes of it take twenty seconds; `LOAD_SECONDS` makes it another length.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::future::BoxFuture;
use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    time::{Instant, sleep},
};
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_util::sync::CancellationToken;
use tradehook::{
    entry::Entry,
    feed::{self, ConnectError, Connector, FeedConfig},
    http::{HttpError, Stream},
    rest::{Door, Rest, RestConfig},
    runtime::{self, BanBook, Intake, Spine},
    splice::SpliceConfig,
    status::Status,
    tape::{Next, Reader, Tape, TapeConfig},
    trade::{Flags, Trades},
    upbit::Subscription,
    venue::{Fault, MAIN_MARKETS, Venue, VenueConfig},
};

const RATE: u64 = 10_000;
const START_MS: i64 = 1_795_348_800_000;
const PING: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(100);

/// The times at which pings arrived, of each connection.
type Pings = Arc<Mutex<Vec<Vec<Instant>>>>;

/// The venue's end of a connection sees pings come.
struct Tapped {
    io: DuplexStream,
    pings: Pings,
    connection: usize,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.io).poll_write(cx, buf);
        // A frame of its own: the last of a message, a ping.
        if matches!(wrote, Poll::Ready(Ok(_))) && buf.first() == Some(&0x89) {
            self.pings.lock().unwrap()[self.connection].push(Instant::now());
        }
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

struct Links {
    venue: Arc<Venue>,
    pings: Pings,
    uri: Uri,
}

impl Connector for Links {
    type Stream = Tapped;

    async fn open(&mut self) -> Result<Tapped, ConnectError> {
        let mut pings = self.pings.lock().unwrap();
        pings.push(Vec::new());
        let connection = pings.len() - 1;
        Ok(Tapped { io: self.venue.link(), pings: Arc::clone(&self.pings), connection })
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }
}

struct RestLinks(Arc<Venue>);

impl Door for RestLinks {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, HttpError>> {
        let link = self.0.link();
        Box::pin(async { Ok(Box::new(link) as Box<dyn Stream>) })
    }

    fn authority(&self) -> &str {
        "venue.test"
    }
}

/// What stood on the tape.
#[derive(Default)]
struct Read {
    ids: BTreeMap<u32, Vec<u64>>,
    fetched: usize,
    gaps: usize,
    unfilled: usize,
}

impl Read {
    /// Everything that the reader has not seen.
    fn read(&mut self, reader: &mut Reader, trades: &mut Trades) {
        loop {
            match reader.next(4096, trades).unwrap() {
                Next::Trades => {
                    for trade in (0..trades.len()).filter_map(|i| trades.get(i)) {
                        self.ids.entry(trade.market.0).or_default().push(trade.sequential_id);
                        self.fetched += usize::from(trade.flags.has(Flags::BACKFILLED));
                    }
                }
                Next::Entry(_, Entry::Gap(gap)) => {
                    self.gaps += 1;
                    self.unfilled += usize::from(!gap.filled);
                }
                Next::Quotes(_) | Next::Entry(..) => {}
                Next::Empty => return,
                lost => panic!("the tape has lost something: {lost:?}"),
            }
        }
    }
}

struct Rig {
    venue: Arc<Venue>,
    tape: Arc<Tape>,
    spine: Arc<Spine>,
    pings: Pings,
    stop: CancellationToken,
    reader: Reader,
    trades: Trades,
    read: Read,
    most_held: usize,
    most_memory: u64,
}

impl Rig {
    async fn start(seconds: u64) -> Self {
        let config = VenueConfig {
            seed: 10,
            trades_per_second: Some(RATE as f64),
            start_ms: Some(START_MS),
            history_ms: 0,
            retained: usize::try_from(seconds * RATE * 2).unwrap(),
            ..VenueConfig::default()
        };
        let venue = Arc::new(Venue::start(config).await.unwrap());
        let tape = Arc::new(Tape::open(TapeConfig::default()).unwrap());
        let status = Status::new("venue.test", || START_MS);
        let clock = Arc::clone(&venue);
        let wall = Arc::new(move || clock.now_ms());
        let spine = Arc::new(Spine::new(Arc::clone(&tape), status.clone(), wall, SpliceConfig::default()));
        let subscription = Subscription {
            ticket: "load".into(),
            trades: MAIN_MARKETS.map(String::from).to_vec(),
            ..Subscription::default()
        };
        let (stop, pings) = (CancellationToken::new(), Pings::default());
        let links = Links {
            venue: Arc::clone(&venue),
            pings: Arc::clone(&pings),
            uri: Uri::from_static("ws://venue.test/websocket/v1"),
        };
        let rest = Rest::new(&RestConfig::default(), RestLinks(Arc::clone(&venue)));
        let intake = Intake::new(Arc::clone(&spine), subscription);
        let feed_config = FeedConfig { ping_interval: PING, jitter_seed: 10, ..FeedConfig::default() };
        let clock = Clock(Arc::clone(&venue));
        tokio::spawn(feed::run(feed_config, links, intake, clock, stop.clone()));
        tokio::spawn(runtime::fetch(
            Arc::clone(&spine),
            rest,
            (BanBook::open(None), "venue.test".to_owned()),
            stop.clone(),
        ));
        tokio::spawn(runtime::tick(Arc::clone(&tape), Arc::clone(&spine), status, stop.clone()));
        let reader = tape.reader(0);
        let (trades, read) = (Trades::default(), Read::default());
        Self { venue, tape, spine, pings, stop, reader, trades, read, most_held: 0, most_memory: 0 }
    }

    /// A pipeline's part, every 100 ms, until `done`; how long that took.
    async fn go_on(&mut self, mut done: impl FnMut(&Self, Duration) -> bool) -> Duration {
        let began = Instant::now();
        while !done(self, began.elapsed()) {
            sleep(STEP).await;
            self.read.read(&mut self.reader, &mut self.trades);
            self.most_held = self.most_held.max(self.spine.waiting().1);
            self.most_memory = self.most_memory.max(self.tape.stats().memory_bytes);
        }
        began.elapsed()
    }
}

struct Clock(Arc<Venue>);

impl feed::WallClock for Clock {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
}

/// Proves [bounded] and [loss-is-said] under load, the latter by there being nothing to say.
#[tokio::test(start_paused = true)]
async fn ten_thousand_trades_a_second_are_all_on_the_tape_once_over_a_lost_session() {
    let text = std::env::var("LOAD_SECONDS").ok();
    let seconds: u64 = text.and_then(|text| text.parse().ok()).unwrap_or(600);
    let half = Duration::from_secs(seconds / 2);
    let real = std::time::Instant::now();
    let mut rig = Rig::start(seconds).await;
    rig.go_on(|_, passed| passed >= half).await;
    rig.venue.set_fault(Fault::Drop);
    rig.go_on(|rig, _| rig.spine.waiting().0 > 0).await;
    let caught_up = rig.go_on(|rig, passed| rig.spine.waiting() == (0, 0) || passed > half).await;
    rig.go_on(|_, passed| passed + caught_up >= half).await;
    rig.venue.set_fault(Fault::Halt);
    rig.go_on(|_, passed| passed >= Duration::from_secs(5)).await;
    rig.stop.cancel();

    let late = lateness(&rig.pings.lock().unwrap());
    let read = &rig.read;
    let found: usize = read.ids.values().map(Vec::len).sum();
    println!(
        "{found} trades, {} fetched, {} gaps, {} not filled; caught up in {caught_up:?}; at most {} waited, \
         {} KiB of tape; a ping late by {late:?} at most; {:.1} s real",
        read.fetched,
        read.gaps,
        read.unfilled,
        rig.most_held,
        rig.most_memory / 1024,
        real.elapsed().as_secs_f64()
    );
    nothing_is_lost(&rig);
    assert!(found as u64 > seconds * RATE * 9 / 10, "the load was less: {found}");
    assert!(late <= Duration::from_millis(250), "a ping was late by {late:?}");
    assert!(read.fetched > 0 && read.unfilled == 0);
    assert!(rig.most_held <= SpliceConfig::default().hold);
    assert!(rig.most_memory <= TapeConfig::default().memory_bytes * 5 / 4, "{}", rig.most_memory);
    assert!(caught_up <= Duration::from_secs(10), "it took {caught_up:?}");
}

/// From five seconds after the start on: what was matched before the session opened may be half seen.
fn nothing_is_lost(rig: &Rig) {
    let first = (START_MS as u64 + 5_000) * 10_000;
    let markets = rig.tape.markets();
    let named: BTreeMap<String, &Vec<u64>> = rig
        .read
        .ids
        .iter()
        .map(|(&market, ids)| (markets.code(tradehook::market::MarketId(market)).unwrap().to_string(), ids))
        .collect();
    for code in MAIN_MARKETS {
        let mut ids: Vec<u64> = named.get(code).map(|ids| ids.to_vec()).unwrap_or_default();
        let mut expect: Vec<u64> =
            rig.venue.all_trades(code).iter().map(|trade| trade.sequential_id).collect();
        ids.sort_unstable();
        expect.sort_unstable();
        ids.retain(|&id| id >= first);
        expect.retain(|&id| id >= first);
        let odd = ids.iter().zip(&expect).find(|(id, expect)| id != expect);
        assert!(ids == expect, "{code}: {} of {}, first difference {odd:?}", ids.len(), expect.len());
    }
}

/// By how much a ping was later than its interval after the one before, at most.
fn lateness(connections: &[Vec<Instant>]) -> Duration {
    let gaps = connections.iter().flat_map(|pings| pings.windows(2).map(|pair| pair[1] - pair[0]));
    assert!(connections.len() >= 2 && connections.iter().all(|pings| pings.len() > 1), "no pings");
    gaps.map(|gap| gap.saturating_sub(PING)).max().unwrap_or_default()
}
