//! The sessions: which markets are wanted, how they are spread, and a feed for each socket.
//!
//! Patterns are resolved against the venue's own list of markets, which is read again now and then:
//! new listings join, delisted markets retire, codes that the venue does not know are named. A
//! market stays with the socket it was given to.
//!
//! Keeps: [bounded]

use super::{
    ban::{BanBook, Noting},
    intake::{Intake, Subscriptions},
    spine::Spine,
    warnings::Warnings,
};
use crate::{
    config,
    entry::GapCause,
    feed::{self, Connector, FeedConfig, Paced, Signals},
    market::glob_matches,
    rest::{Group, Rest, RestError},
    splice::Link,
    upbit::{self, MARKETS_PATH, MarketInfo, Stream, Subscription},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Between tries to read the list of markets: from, and at most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(20);
/// Where no pattern needs the list it only names codes that are unknown, which can wait until the
/// sessions are up.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// Between two looks at what the venue warns of, where a rule asks for it; the list is some 300 kB.
const WARNINGS_EVERY: Duration = Duration::from_secs(60);
/// For one try.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);
/// Of many unknown codes so many are named.
const NAMED: usize = 20;

/// What is to be listened to, and how.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Codes and patterns.
    pub(super) markets: Vec<String>,
    /// The other streams, of codes and patterns.
    pub(super) streams: Vec<config::Stream>,
    pub(super) sockets: u16,
    pub(super) redundancy: u16,
    pub(super) refresh_every: Duration,
    /// What every subscription has besides its markets.
    pub(super) subscription: Subscription,
    pub(super) feed: FeedConfig,
    /// Whether a rule asks for what the venue warns of; changed from outside.
    pub(super) heeds_warnings: Arc<AtomicBool>,
    /// Why nothing has come in since the tape's last entry.
    pub(super) cause: GapCause,
}

/// Runs all sessions until it is stopped.
pub(super) async fn run<C>(
    wanted: Wanted,
    connector: C,
    rest: Rest,
    spine: Arc<Spine>,
    bans: (BanBook, String),
    stop: CancellationToken,
) where
    C: Connector + Clone + 'static,
{
    let names = wanted.markets.iter().chain(wanted.streams.iter().flat_map(|stream| &stream.codes));
    let patterns = names.into_iter().any(|market| market.contains('*'));
    let mut sessions = Sessions {
        shards: BTreeMap::new(),
        counts: vec![0; usize::from(wanted.sockets)],
        subscriptions: Subscriptions::default(),
        running: JoinSet::new(),
        streams: Vec::new(),
        trust: Trust::default(),
        warnings: Warnings::default(),
        open: 0,
        door: Paced::new(connector),
        bans,
        spine,
        wanted,
        stop: stop.child_token(),
    };
    // What is asked for by name need not wait for the list.
    sessions.resolve(None);
    let mut is_listed = !patterns;
    let mut next = Instant::now() + if patterns { Duration::ZERO } else { FIRST_LOOK };
    let mut next_look = next;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            // A session ends when it is told to; otherwise it is a bug of ours, and the job ends.
            Some(_) = sessions.running.join_next() => break,
            (listed, due) = async {
                sleep_until(next.min(next_look)).await;
                let due = Instant::now() >= next;
                if !due && !sessions.wanted.heeds_warnings.load(Ordering::Relaxed) {
                    return (None, due);
                }
                (listing(&rest, &sessions.spine, &sessions.bans, !is_listed).await, due)
            } => {
                let now = Instant::now();
                next_look = now + WARNINGS_EVERY;
                if due {
                    next = now + sessions.wanted.refresh_every;
                }
                if let Some(listed) = listed {
                    if due {
                        is_listed = true;
                        sessions.resolve(Some(&listed.iter().map(|market| market.code.clone()).collect()));
                    }
                    sessions.heed(&listed);
                }
            }
        }
    }
    sessions.stop.cancel();
    while let Some(ended) = sessions.running.join_next().await {
        if let Err(error) = ended {
            error!(%error, "a session ended in a panic");
        }
    }
    sessions.spine.close();
}

/// The venue's markets. `insist` asks until there is an answer; otherwise one try, and `None`.
async fn listing(
    rest: &Rest,
    spine: &Spine,
    (bans, host): &(BanBook, String),
    insist: bool,
) -> Option<Vec<MarketInfo>> {
    let mut wait = AGAIN;
    loop {
        let banned = bans.left(host, spine.wall_ms());
        if !banned.is_zero() {
            sleep(banned).await;
        }
        let got = timeout(LIST_TIMEOUT, rest.get(Group::Market, MARKETS_PATH)).await;
        let why = match got {
            Err(_elapsed) => "it took too long".to_owned(),
            Ok(Err(error)) => {
                if let RestError::Banned { wait } = error {
                    bans.note_soon(host, wait, spine.wall_ms());
                }
                error.to_string()
            }
            Ok(Ok(reply)) => match upbit::decode_markets(&reply.body) {
                Ok(list) => return Some(list.markets),
                Err(error) => error.to_string(),
            },
        };
        spine.status().intake().splice.failures.add(1);
        warn!(why = %crate::status::clean(&why), "no list of markets");
        if !insist {
            return None;
        }
        if !spine.is_live() {
            let now_ms = spine.wall_ms();
            let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(0);
            spine.status().feed().waiting(now_ms, now_ms.saturating_add(wait_ms));
        }
        sleep(wait).await;
        wait = (wait * 2).min(AGAIN_AT_MOST);
    }
}

struct Sessions<C> {
    /// Which part of the sockets carries a market.
    shards: BTreeMap<String, u16>,
    counts: Vec<usize>,
    subscriptions: Subscriptions,
    running: JoinSet<()>,
    /// The other streams, resolved.
    streams: Vec<Stream>,
    trust: Trust,
    warnings: Warnings,
    /// How many parts have sockets.
    open: u16,
    door: Paced<C>,
    /// The bans of the venue, and its host.
    bans: (BanBook, String),
    spine: Arc<Spine>,
    wanted: Wanted,
    stop: CancellationToken,
}

impl<C: Connector + Clone + 'static> Sessions<C> {
    /// Takes the markets that are there, and sees to it that each is carried.
    fn resolve(&mut self, listed: Option<&BTreeSet<String>>) {
        let codes = resolved(&self.wanted.markets, listed);
        if let Some(listed) = listed {
            let unknown: Vec<&str> =
                codes.iter().filter(|code| !listed.contains(*code)).map(String::as_str).take(NAMED).collect();
            if !unknown.is_empty() {
                warn!(markets = unknown.join(" "), "the venue does not list these markets; they stay silent");
            }
        }
        let joined: Vec<String> =
            codes.iter().filter(|code| !self.shards.contains_key(*code)).cloned().collect();
        let left: Vec<String> = self.shards.keys().filter(|code| !codes.contains(*code)).cloned().collect();
        if !self.trust.believes(left.len(), self.shards.len()) {
            warn!(
                left = left.len(),
                of = self.shards.len(),
                "the venue lists too few markets to be believed at once"
            );
            return;
        }
        let listed: Vec<String> = listed.into_iter().flatten().cloned().collect();
        let streams: Vec<Stream> = self
            .wanted
            .streams
            .iter()
            .map(|stream| Stream { kind: stream.kind.clone(), codes: stream.resolve(&listed) })
            .collect();
        let others = streams != self.streams;
        self.streams = streams;
        if joined.is_empty() && left.is_empty() && !others {
            return;
        }
        let is_first = self.open == 0;
        for code in &left {
            if let Some(count) = self.shards.remove(code).and_then(|s| self.counts.get_mut(usize::from(s))) {
                *count -= 1;
            }
        }
        for code in &joined {
            let emptiest = self.counts.iter_mut().enumerate().min_by_key(|(_, count)| **count);
            let Some((shard, count)) = emptiest else { return };
            *count += 1;
            self.shards.insert(code.clone(), u16::try_from(shard).unwrap_or(0));
        }
        if !is_first {
            info!(joined = joined.join(" "), left = left.join(" "), "the venue's list of markets changed");
        }
        self.ask_for_them();
        let cause = self.wanted.cause;
        self.spine.cover(self.shards.iter().map(|(code, shard)| (code.as_str(), *shard)), cause);
        info!(markets = self.shards.len(), "markets are subscribed to");
        if !is_first {
            self.spine.resubscribe();
        }
        self.open();
    }

    /// Says what the venue warns of, of the markets that are listened to.
    fn heed(&mut self, listed: &[MarketInfo]) {
        let (shards, streams) = (&self.shards, &self.streams);
        let of_stream = |code: &str| {
            let is = |named: &String| named.split('.').next() == Some(code);
            streams.iter().any(|stream| stream.codes.iter().any(is))
        };
        let is_wanted = |code: &str| shards.contains_key(code) || of_stream(code);
        let facts = self.warnings.look(listed, is_wanted, self.spine.wall_ms());
        facts.iter().for_each(|fact| self.spine.fact(fact));
    }

    fn ask_for_them(&self) {
        let mut subscriptions = self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner);
        subscriptions.resize(self.counts.len(), self.wanted.subscription.clone());
        // A market's streams come over the socket of its trades, and over the first where there is none.
        let shard_of = |code: &str| {
            let market = code.split('.').next().unwrap_or(code);
            usize::from(self.shards.get(market).copied().unwrap_or(0))
        };
        for (shard, subscription) in subscriptions.iter_mut().enumerate() {
            let mine = |code: &&String| shard_of(code) == shard;
            subscription.trades = self.shards.keys().filter(mine).cloned().collect();
            let stream = |of: &Stream| Stream {
                kind: of.kind.clone(),
                codes: of.codes.iter().filter(mine).cloned().collect(),
            };
            subscription.streams = self.streams.iter().map(stream).collect();
        }
    }

    /// A socket for every part that has markets and none yet.
    fn open(&mut self) {
        let has_streams = self.streams.iter().any(|stream| !stream.codes.is_empty());
        while self.counts.get(usize::from(self.open)).is_some_and(|&markets| markets > 0)
            || (self.open == 0 && has_streams)
        {
            for replica in 0..self.wanted.redundancy {
                self.connect(Link { shard: self.open, replica });
            }
            self.open += 1;
        }
    }

    fn connect(&mut self, link: Link) {
        let nudge = Arc::new(Notify::new());
        self.spine.listen(link, Arc::clone(&nudge));
        let intake = Intake::of(Arc::clone(&self.spine), link, Arc::clone(&self.subscriptions));
        let signals = Signals { shutdown: self.stop.clone(), nudge };
        let (bans, host) = self.bans.clone();
        let first_wait = bans.left(&host, self.spine.wall_ms());
        let config = FeedConfig { first_wait, ..self.wanted.feed.clone() };
        let (door, spine) = (self.door.clone(), Arc::clone(&self.spine));
        let intake = Noting::new(intake, bans, host, self.spine.wall());
        self.running.spawn(async move {
            feed::run(config, door, intake, move || spine.wall_ms(), signals).await;
        });
    }
}

/// Markets are delisted one by one. A list without most of them is more likely a fault of the
/// venue's, until it says so again.
#[derive(Debug, Default)]
struct Trust {
    is_doubtful: bool,
}

impl Trust {
    fn believes(&mut self, left: usize, of: usize) -> bool {
        let is_odd = left * 2 > of;
        let was_doubtful = self.is_doubtful;
        self.is_doubtful = is_odd && !was_doubtful;
        !is_odd || was_doubtful
    }
}

/// The codes that are asked for by name, and those of the list that a pattern matches.
fn resolved(wanted: &[String], listed: Option<&BTreeSet<String>>) -> BTreeSet<String> {
    let (patterns, exact): (Vec<&String>, Vec<&String>) =
        wanted.iter().partition(|market| market.contains('*'));
    let matches = |code: &&String| patterns.iter().any(|pattern| glob_matches(pattern, code));
    let matched = listed.into_iter().flatten().filter(matches).cloned();
    exact.into_iter().cloned().chain(matched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_most_markets_is_believed_the_second_time() {
        let mut trust = Trust::default();
        assert!(trust.believes(0, 0) && trust.believes(1, 5) && trust.believes(2, 4));
        assert!(!trust.believes(3, 4) && trust.believes(3, 4));
        assert!(!trust.believes(289, 289), "and every time anew");
        assert!(trust.believes(0, 289) && !trust.believes(289, 289));
    }

    #[test]
    fn patterns_take_what_is_listed_and_names_stay_whether_they_are_or_not() {
        let listed: BTreeSet<String> = ["KRW-BTC", "KRW-ETH", "BTC-ETH"].map(String::from).into();
        let check = |wanted: &[&str], listed: Option<&BTreeSet<String>>, expect: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let got: Vec<String> = resolved(&wanted, listed).into_iter().collect();
            assert_eq!(got, expect, "{wanted:?}");
        };
        check(&["KRW-*"], Some(&listed), &["KRW-BTC", "KRW-ETH"]);
        check(&["KRW-BTC", "KRW-*"], Some(&listed), &["KRW-BTC", "KRW-ETH"]);
        check(&["KRW-NEW", "*-ETH"], Some(&listed), &["BTC-ETH", "KRW-ETH", "KRW-NEW"]);
        check(&["KRW-BTC", "BTC-*"], None, &["KRW-BTC"]);
    }
}
