//! A network that falls silent in any state, and heals.
//!
//! Every seed is another moment: during the lookup, TCP, TLS, the upgrade, the subscription, in the
//! middle of the data, while a refusal is waited out. `TRADEHOOK_SEEDS=10000` runs so many;
//! `TRADEHOOK_SEED=7` that one.

use super::{tls::Authority, *};
use crate::feed::dial::Net;
use std::{future::pending, io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

/// Steps of the network (lookups, connects, chunks of bytes) before which it may fall silent: a
/// connect has some ten, the rest are seconds of data.
const STEPS: u64 = 60;

/// What a seed decides.
#[derive(Clone, Copy, Debug)]
struct Fate {
    /// The step before which the network falls silent.
    silent_at: u64,
    /// For how long.
    silent: Duration,
    /// Whether what was sent meanwhile arrives afterwards; else the connection is dead for ever.
    resumes: bool,
    /// Whether a lookup fails meanwhile; else it hangs.
    lookups_fail: bool,
    /// How many upgrades the venue refuses first.
    refusals: u64,
    /// When in the silence the process is told to stop, where it is.
    told_to_stop: Duration,
}

impl Fate {
    fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let silent = ms(random.u64(2_000..300_000));
        Self {
            silent_at: random.u64(0..STEPS),
            silent,
            resumes: random.bool(),
            lookups_fail: random.bool(),
            refusals: if random.bool() { 0 } else { random.u64(1..4) },
            told_to_stop: silent.mul_f64(random.f64()),
        }
    }
}

/// The network and the venue behind it.
#[derive(Clone)]
struct World {
    fate: Fate,
    start: Instant,
    state: Arc<Mutex<State>>,
    fell_silent: Arc<Notify>,
    server: TlsAcceptor,
}

#[derive(Default)]
struct State {
    steps: u64,
    upgrades: u64,
    healed_at: Option<Instant>,
}

impl World {
    fn new(fate: Fate, server: TlsAcceptor) -> Self {
        Self { fate, start: Instant::now(), state: Arc::default(), fell_silent: Arc::default(), server }
    }

    /// One more step. If the network is silent: until when.
    fn step(&self) -> Option<Instant> {
        let mut state = self.state.lock().unwrap();
        if state.steps == self.fate.silent_at {
            state.healed_at = Some(Instant::now() + self.fate.silent);
            self.fell_silent.notify_one();
        }
        state.steps += 1;
        state.healed_at.filter(|at| Instant::now() < *at)
    }

    /// A step that is carried out late, or never, if the network is silent.
    async fn pass(&self) {
        match self.step() {
            Some(healed_at) if self.fate.resumes => tokio::time::sleep_until(healed_at).await,
            Some(_) => pending().await,
            None => {}
        }
    }

    /// Bytes in one direction. The end of a stream is a step, too.
    async fn carry(self, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
        let mut chunk = vec![0; 1 << 16];
        loop {
            let len = from.read(&mut chunk).await.unwrap_or(0);
            self.pass().await;
            if len == 0 || to.write_all(&chunk[..len]).await.is_err() {
                let _ = to.shutdown().await;
                return;
            }
        }
    }

    /// The venue's side of one connection: what time it is, every second.
    async fn serve(self, link: DuplexStream) {
        let Ok(stream) = self.server.accept(link).await else { return };
        if self.refuses() {
            return Peer::new(stream).refuse("503 Service Unavailable", "", "not now").await;
        }
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let mut second = tokio::time::interval(s(1));
        loop {
            tokio::select! {
                _ = second.tick() => {
                    let now = self.start.elapsed().as_millis().to_string();
                    if futures_util::SinkExt::send(&mut socket, Message::binary(now)).await.is_err() {
                        return;
                    }
                }
                message = futures_util::StreamExt::next(&mut socket) => {
                    if !matches!(message, Some(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether this upgrade is one of those that the venue refuses; none is once the network has
    /// been silent.
    fn refuses(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.upgrades += 1;
        state.healed_at.is_none() && state.upgrades <= self.fate.refusals
    }
}

impl Net for World {
    type Stream = DuplexStream;

    async fn lookup(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self.step() {
            Some(_) if self.fate.lookups_fail => {
                sleep(s(5)).await;
                Err(io::Error::other("no name server answers"))
            }
            Some(_) => pending().await,
            None => Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))]),
        }
    }

    async fn connect(&self, _: SocketAddr) -> io::Result<DuplexStream> {
        self.pass().await;
        let (ours, near) = tokio::io::duplex(1 << 16);
        let (far, theirs) = tokio::io::duplex(1 << 16);
        let ((near_read, near_write), (far_read, far_write)) =
            (tokio::io::split(near), tokio::io::split(far));
        tokio::spawn(self.clone().carry(near_read, far_write));
        tokio::spawn(self.clone().carry(far_read, near_write));
        tokio::spawn(self.clone().serve(theirs));
        Ok(ours)
    }
}

/// Runs `seed` to the silence; what comes then is `then`'s to say.
fn run_seed(
    seed: u64,
    (authority, server): &(Authority, TlsAcceptor),
    then: impl AsyncFnOnce(Rig, World, Instant),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let world = World::new(Fate::of(seed), server.clone());
        let url = "wss://venue.test/websocket/v1";
        let connector = WsConnector::over(world.clone(), url, authority.roots()).unwrap();
        let rig = start_over(FeedConfig::default(), connector, unbounded_channel().1);
        world.fell_silent.notified().await;
        let healed_at = world.state.lock().unwrap().healed_at.unwrap();
        then(rig, world, healed_at).await;
    });
}

/// `TRADEHOOK_SEED` names one, `TRADEHOOK_SEEDS` how many.
fn each_seed(check: impl Fn(u64, &(Authority, TlsAcceptor))) {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let authority = Authority::new("venue");
    let server = authority.server("venue.test", (2020, 2090));
    let venue = (authority, server);
    match number("TRADEHOOK_SEED") {
        Some(seed) => check(seed, &venue),
        None => (0..number("TRADEHOOK_SEEDS").unwrap_or(200)).for_each(|seed| check(seed, &venue)),
    }
}

#[test]
fn whenever_the_network_falls_silent_data_flows_within_a_minute_of_its_return() {
    each_seed(|seed, venue| {
        run_seed(seed, venue, async |rig, world, healed_at| {
            let back_ms = (healed_at - world.start).as_millis();
            let said_since = |frame: &[u8]| {
                std::str::from_utf8(frame).is_ok_and(|said| said.parse().is_ok_and(|ms: u128| ms >= back_ms))
            };
            while !rig.frames().last().is_some_and(|frame| said_since(frame)) {
                let late = Instant::now().saturating_duration_since(healed_at);
                assert!(late <= s(60), "TRADEHOOK_SEED={seed} {:?}: {:?}", world.fate, rig.losses());
                sleep(ms(100)).await;
            }
            let connects = rig.connects();
            assert!(
                connects.windows(2).all(|w| w[1] - w[0] >= s(1)),
                "TRADEHOOK_SEED={seed} {:?}: {connects:?}",
                world.fate
            );
            rig.stop().await;
        });
    });
}

#[test]
fn whenever_the_network_falls_silent_the_feed_ends_within_a_second_of_being_told() {
    each_seed(|seed, venue| {
        run_seed(seed, venue, async |rig, world, _| {
            sleep(world.fate.told_to_stop).await;
            let began = Instant::now();
            rig.stop().await;
            assert!(
                began.elapsed() <= ms(1_010),
                "TRADEHOOK_SEED={seed} {:?}: {:?}",
                world.fate,
                began.elapsed()
            );
        });
    });
}
