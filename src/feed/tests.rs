//! The feed against a venue in memory, in virtual time: hours pass in milliseconds, repeatably.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod life;
mod names;
mod net;
mod partition;
mod peer;
mod tls;

use super::*;
use crate::feed::connect::ConnectError;
use peer::Peer;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI64, Ordering},
};
use tokio::{
    io::DuplexStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};
use tokio_tungstenite::tungstenite::http::Uri;

/// What a feed told its handler.
#[derive(Default)]
struct Log {
    frames: Vec<(i64, Vec<u8>)>,
    batches: Vec<usize>,
    events: Vec<(Duration, SessionEvent)>,
}

/// A handler that writes everything down. What it answers stands in the frame.
struct Recorder {
    log: Arc<Mutex<Log>>,
    start: Instant,
    subscriptions: usize,
    /// What the end of the next batch is answered with.
    answer: Arc<Mutex<Verdict>>,
    nothing_to_ask: Arc<AtomicBool>,
}

impl Handler for Recorder {
    fn subscription(&mut self) -> String {
        if self.nothing_to_ask.load(Ordering::Relaxed) {
            return String::new();
        }
        self.subscriptions += 1;
        format!("subscription {}", self.subscriptions)
    }

    fn frame(&mut self, received_at_ms: i64, payload: &[u8]) -> Verdict {
        self.log.lock().unwrap().frames.push((received_at_ms, payload.to_vec()));
        match payload {
            b"again" => Verdict::Resubscribe,
            b"refused" => Verdict::Refused { fatal: false },
            b"refused for good" => Verdict::Refused { fatal: true },
            b"garbage" => Verdict::Unreadable,
            _ => Verdict::Continue,
        }
    }

    fn batch_end(&mut self) -> Verdict {
        let mut log = self.log.lock().unwrap();
        let frames = log.frames.len();
        log.batches.push(frames);
        std::mem::take(&mut *self.answer.lock().unwrap())
    }

    fn session(&mut self, event: SessionEvent) {
        self.log.lock().unwrap().events.push((self.start.elapsed(), event));
    }
}

/// A connector whose other ends come out of a channel.
struct Links {
    out: UnboundedSender<DuplexStream>,
    uri: Uri,
}

impl Connector for Links {
    type Stream = DuplexStream;

    async fn open(&mut self) -> Result<DuplexStream, ConnectError> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        self.out.send(theirs).map_err(|_| ConnectError::Tcp("nobody listens".to_owned()))?;
        Ok(ours)
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// A running feed and the venue's ends of its connections.
struct Rig {
    log: Arc<Mutex<Log>>,
    links: UnboundedReceiver<DuplexStream>,
    clock: Arc<AtomicI64>,
    signals: Signals,
    answer: Arc<Mutex<Verdict>>,
    nothing_to_ask: Arc<AtomicBool>,
    feed: JoinHandle<Recorder>,
    start: Instant,
}

fn start(config: FeedConfig) -> Rig {
    let (out, links) = unbounded_channel();
    start_over(config, Links { out, uri: Uri::from_static("ws://venue.test/websocket/v1") }, links)
}

/// Over a connector of which the other ends come out of `links`.
fn start_over(
    config: FeedConfig,
    connector: impl Connector + 'static,
    links: UnboundedReceiver<DuplexStream>,
) -> Rig {
    let log = Arc::new(Mutex::new(Log::default()));
    let start = Instant::now();
    let clock = Arc::new(AtomicI64::new(1_000));
    let signals = Signals::default();
    let (answer, nothing_to_ask) = (Arc::default(), Arc::<AtomicBool>::default());
    let handler = Recorder {
        log: Arc::clone(&log),
        start,
        subscriptions: 0,
        answer: Arc::clone(&answer),
        nothing_to_ask: Arc::clone(&nothing_to_ask),
    };
    let (hands, stop) = (Arc::clone(&clock), signals.clone());
    let config = FeedConfig { jitter_seed: 7, ..config };
    let wall = move || hands.load(Ordering::Relaxed);
    let feed = tokio::spawn(run(config, connector, handler, wall, stop));
    Rig { log, links, clock, signals, answer, nothing_to_ask, feed, start }
}

impl Rig {
    /// The next connection, as it stands before the handshake.
    async fn raw(&mut self) -> Peer {
        Peer::new(self.links.recv().await.unwrap())
    }

    /// The next connection, accepted and subscribed.
    async fn live(&mut self) -> Peer {
        let mut peer = self.raw().await;
        peer.subscribed().await;
        peer
    }

    /// Has the handler answer `verdict` at once.
    fn nudge(&self, verdict: Verdict) {
        *self.answer.lock().unwrap() = verdict;
        self.signals.nudge.notify_one();
    }

    /// When each connect began.
    fn connects(&self) -> Vec<Duration> {
        self.pick(|event| matches!(event, SessionEvent::Connecting { .. }).then_some(()))
            .into_iter()
            .map(|(at, ())| at)
            .collect()
    }

    /// When each connect failed or session was lost, and why.
    fn losses(&self) -> Vec<(Duration, Cause)> {
        self.pick(|event| match event {
            SessionEvent::Lost { cause, .. } => Some(cause.clone()),
            SessionEvent::Failed { error, .. } => Some(Cause::Connect(error.clone())),
            _ => None,
        })
    }

    fn pick<T>(&self, what: impl Fn(&SessionEvent) -> Option<T>) -> Vec<(Duration, T)> {
        let log = self.log.lock().unwrap();
        log.events.iter().filter_map(|(at, event)| what(event).map(|value| (*at, value))).collect()
    }

    /// The frames so far.
    fn frames(&self) -> Vec<Vec<u8>> {
        self.log.lock().unwrap().frames.iter().map(|(_, payload)| payload.clone()).collect()
    }

    /// Lets virtual time pass until something is lost.
    async fn first_loss(&self) -> (Duration, Cause) {
        for _ in 0..100_000 {
            if let Some(loss) = self.losses().into_iter().next() {
                return loss;
            }
            sleep(ms(10)).await;
        }
        panic!("nothing was lost in 1000 s")
    }

    async fn stop(self) -> Recorder {
        self.signals.shutdown.cancel();
        self.feed.await.unwrap()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Whether `at` is `expect`, to the few milliseconds a timer may be late.
fn near(at: Duration, expect: Duration) -> bool {
    at >= expect && at <= expect + ms(20)
}
