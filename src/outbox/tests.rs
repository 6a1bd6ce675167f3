//! Crashes, queues and retries, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod redo;
mod terms;

use super::*;
use crate::{
    alert::{AlertState, Severity},
    delivery::{Clock, Content, Delivery, Outcome, Sink},
    packed::Packed,
};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::Instant;

fn delivery(channel: &str, lane: &str, id: &str) -> Delivery {
    Delivery {
        notification_id: id.to_owned(),
        channel: channel.to_owned(),
        lane: format!("{channel}/{lane}"),
        episode_id: "e".to_owned(),
        content: Content::Alert,
        at_ms: 1_000,
        severity: Severity::Info,
        state: AlertState::Event,
        rule: "r".to_owned(),
        key: "KRW-BTC".to_owned(),
        text: format!("text of {id}"),
        body: format!(r#"{{"id":"{id}"}}"#),
    }
}

fn at(offset: u64) -> Checkpoint {
    Checkpoint { pipeline: "main".to_owned(), tape_id: 7, offset, ..Checkpoint::default() }
}

/// What came in, when, in seconds from the start.
type Log = Arc<Mutex<Vec<(String, String, u64)>>>;

/// Answers as it is told, then with success.
struct Script {
    name: &'static str,
    answers: Mutex<VecDeque<Outcome>>,
    hangs: bool,
    started: Instant,
    log: Log,
    last: Arc<Mutex<String>>,
}

impl Sink for Script {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            self.last.lock().unwrap().clone_from(&delivery.text);
            let outcome = self.answers.lock().unwrap().pop_front().unwrap_or(Outcome::Delivered);
            let seconds = (self.started.elapsed().as_millis() as u64 + 500) / 1000;
            self.log.lock().unwrap().push((self.name.to_owned(), delivery.notification_id.clone(), seconds));
            outcome
        })
    }
}

struct Bench {
    store: Arc<dyn Store>,
    clock: Clock,
    log: Log,
    started: Instant,
    channels: Vec<Channel>,
    last: Arc<Mutex<String>>,
}

impl Bench {
    fn new(store: Arc<dyn Store>) -> Self {
        let started = Instant::now();
        let clock: Clock = Arc::new(move || started.elapsed().as_millis() as i64);
        Self { store, clock, log: Log::default(), started, channels: Vec::new(), last: Arc::default() }
    }

    fn channel(self, name: &'static str, retry: RetryPolicy, answers: Vec<Outcome>, hangs: bool) -> Self {
        self.on(name, retry, Terms::default(), answers, hangs)
    }

    fn on(
        mut self,
        name: &'static str,
        retry: RetryPolicy,
        terms: Terms,
        answers: Vec<Outcome>,
        hangs: bool,
    ) -> Self {
        let sink = Script {
            name,
            answers: Mutex::new(answers.into()),
            hangs,
            started: self.started,
            log: Arc::clone(&self.log),
            last: Arc::clone(&self.last),
        };
        self.channels.push(Channel { name: name.to_owned(), sink: Arc::new(sink), retry, terms });
        self
    }

    /// Runs for so long, and yields what arrived when.
    async fn run(
        self,
        time: Duration,
    ) -> (Vec<(String, String, u64)>, BTreeMap<String, Arc<ChannelCounters>>) {
        let sender = Sender::new(self.store, self.clock, self.channels, 42);
        let counters = sender.counters().into_iter().collect();
        sender.run(tokio::time::sleep(time), Duration::from_secs(5)).await;
        let log = self.log.lock().unwrap().clone();
        (log, counters)
    }
}

fn retry(after: Option<u64>) -> Outcome {
    Outcome::Retry { after: after.map(Duration::from_secs), reason: "503".to_owned() }
}

fn arrivals(log: &[(String, String, u64)], channel: &str) -> Vec<(String, u64)> {
    log.iter().filter(|(c, ..)| c == channel).map(|(_, id, at)| (id.clone(), *at)).collect()
}

fn expect(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(id, at)| ((*id).to_owned(), *at)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_webhook_is_retried_on_the_published_schedule_and_then_given_up() {
    let store = Arc::new(MemoryStore::default());
    store.commit(&at(1), &[delivery("hook", "a", "1")]).unwrap();
    let bench =
        Bench::new(store.clone()).channel("hook", RetryPolicy::webhook(9), vec![retry(None); 9], false);
    let (log, counters) = bench.run(Duration::from_secs(60 * 3600)).await;
    let times: Vec<u64> = log.iter().map(|(.., at)| *at).collect();
    // 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h after one another; the channel's own waits of
    // up to a minute stand beside them.
    let ideal = [0, 5, 305, 2105, 9305, 27_305, 63_305, 113_705, 185_705];
    assert_eq!(times.len(), ideal.len());
    for (got, want) in times.iter().zip(ideal) {
        assert!((want..want + 60).contains(got), "{times:?}");
    }
    assert_eq!(counters["hook"].dead.load(Relaxed), 1);
    assert_eq!(store.dead_letters(9).unwrap()[0].reason, "503");
    assert_eq!(store.queued().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lane_keeps_its_order_and_holds_up_no_other() {
    let store = Arc::new(MemoryStore::default());
    let all = [delivery("hook", "a", "a1"), delivery("hook", "a", "a2"), delivery("hook", "b", "b1")];
    store.commit(&at(1), &all).unwrap();
    let policy = RetryPolicy { concurrency: 1, ..RetryPolicy::webhook(9) };
    let bench = Bench::new(store).channel("hook", policy, vec![retry(None)], false);
    let (log, _) = bench.run(Duration::from_secs(30)).await;
    assert_eq!(arrivals(&log, "hook"), expect(&[("a1", 0), ("b1", 0), ("a1", 5), ("a2", 5)]));
}

/// [fails-alone]
#[tokio::test(start_paused = true)]
async fn a_hanging_channel_delays_no_other() {
    let store = Arc::new(MemoryStore::default());
    store.commit(&at(1), &[delivery("stuck", "a", "s"), delivery("well", "a", "w")]).unwrap();
    let bench = Bench::new(store.clone()).channel("stuck", RetryPolicy::local(), vec![], true).channel(
        "well",
        RetryPolicy::local(),
        vec![],
        false,
    );
    let (log, counters) = bench.run(Duration::from_secs(10)).await;
    assert_eq!(arrivals(&log, "well"), expect(&[("w", 0)]));
    assert_eq!(counters["stuck"].in_flight.load(Relaxed), 1);
    // What was under way when the grace period ended is still there.
    assert_eq!(store.channels().unwrap(), ["stuck"]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_parks_the_whole_channel() {
    let store = Arc::new(MemoryStore::default());
    store.commit(&at(1), &[delivery("hook", "a", "a"), delivery("hook", "b", "b")]).unwrap();
    let policy = RetryPolicy { concurrency: 1, ..RetryPolicy::webhook(9) };
    let bench = Bench::new(store).channel("hook", policy, vec![retry(Some(120))], false);
    let (log, _) = bench.run(Duration::from_secs(300)).await;
    assert_eq!(arrivals(&log, "hook"), expect(&[("a", 0), ("a", 120), ("b", 120)]));
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_given_up_after_three_tries_and_the_lane_goes_on() {
    let store = Arc::new(MemoryStore::default());
    store.commit(&at(1), &[delivery("hook", "a", "1"), delivery("hook", "a", "2")]).unwrap();
    let no = Outcome::Permanent { reason: "400".to_owned() };
    let bench = Bench::new(store.clone()).channel("hook", RetryPolicy::webhook(9), vec![no; 3], false);
    let (log, counters) = bench.run(Duration::from_secs(600)).await;
    assert_eq!(arrivals(&log, "hook"), expect(&[("1", 0), ("1", 5), ("1", 305), ("2", 305)]));
    assert_eq!(counters["hook"].dead.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broken_channel_stops_and_keeps_what_it_has() {
    let store = Arc::new(MemoryStore::default());
    store.commit(&at(1), &[delivery("hook", "a", "1"), delivery("hook", "b", "2")]).unwrap();
    let policy = RetryPolicy { concurrency: 1, ..RetryPolicy::webhook(9) };
    let gone = Outcome::Broken { reason: "410".to_owned() };
    let bench = Bench::new(store.clone()).channel("hook", policy, vec![gone], false);
    let (log, counters) = bench.run(Duration::from_secs(3500)).await;
    assert_eq!(arrivals(&log, "hook"), expect(&[("1", 0)]));
    assert!(counters["hook"].broken.load(Relaxed));
    assert_eq!(store.queued().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_while_it_runs_is_delivered_at_once() {
    let store = Arc::new(MemoryStore::default());
    let bench = Bench::new(store.clone()).channel("out", RetryPolicy::local(), vec![], false);
    let later = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        store.commit(&at(1), &[delivery("out", "a", "late")]).unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (log, _) = bench.run(Duration::from_secs(20)) => {
            assert_eq!(arrivals(&log, "out"), expect(&[("late", 7)]));
        }
        () = later => {}
    }
}

/// [bounded]
#[tokio::test(start_paused = true)]
async fn more_lanes_than_fit_in_memory_are_all_served_in_order() {
    let store = Arc::new(MemoryStore::default());
    let all: Vec<_> =
        (0..10_000).map(|n| delivery("out", &format!("l{}", n % 5000), &n.to_string())).collect();
    store.commit(&at(1), &all).unwrap();
    let bench = Bench::new(store).channel("out", RetryPolicy::local(), vec![], false);
    let (log, _) = bench.run(Duration::from_secs(60)).await;
    let ids: Vec<u64> = log.iter().map(|(_, id, _)| id.parse().unwrap()).collect();
    let mut last = BTreeMap::new();
    for id in &ids {
        let before = last.insert(id % 5000, *id);
        assert!(before.is_none_or(|before| before < *id), "lane {} is out of order", id % 5000);
    }
    assert_eq!(ids.len(), 10_000);
}

fn both(check: impl Fn(&dyn Store)) {
    let dir = tempfile::tempdir().unwrap();
    let small = Limits { queued_per_channel: 5, dead: 3 };
    check(&MemoryStore::new(small));
    check(&FileStore::open(dir.path(), small).unwrap());
}

#[test]
fn a_checkpoint_comes_back_as_it_was_committed() {
    both(|store| {
        assert_eq!(store.checkpoint("main").unwrap(), None);
        let snapshot = |n| Snapshot { version: 1, packed: Packed::plain(&[n; 3]) };
        let full = Checkpoint {
            plugins: vec![("alert".to_owned(), snapshot(1)), ("bars".to_owned(), snapshot(2))],
            policy: Some(vec![9]),
            ..at(10)
        };
        store.commit(&full, &[]).unwrap();
        store.commit(&Checkpoint { pipeline: "main2".to_owned(), ..at(3) }, &[]).unwrap();
        assert_eq!(store.checkpoint("main").unwrap(), Some(full.clone()));
        let moved = Checkpoint { plugins: vec![("bars".to_owned(), snapshot(5))], ..at(20) };
        store.commit(&moved, &[]).unwrap();
        let kept = store.checkpoint("main").unwrap().unwrap();
        assert_eq!((kept.offset, &kept.policy), (20, &full.policy));
        assert_eq!(kept.plugins, [("alert".to_owned(), snapshot(1)), ("bars".to_owned(), snapshot(5))]);
    });
}

#[test]
fn an_id_is_known_until_the_horizon_has_passed() {
    both(|store| {
        let one = [delivery("out", "a", "1")];
        let queued = |done: Committed| (done.queued, done.known);
        assert_eq!(queued(store.commit(&at(1), &one).unwrap()), (1, 0));
        assert_eq!(queued(store.commit(&at(1), &one).unwrap()), (0, 1), "while it is queued");
        let sent = Settled { seq: 0, lane: "out/a".to_owned(), settle: Settle::Sent };
        assert_eq!(store.settle("out", &[sent], 1_000).unwrap(), [None]);
        assert_eq!(queued(store.commit(&at(1), &one).unwrap()), (0, 1), "after it was sent");
        assert_eq!(store.prune(1_000 + HORIZON_MS).unwrap(), 0);
        assert_eq!(store.prune(1_001 + HORIZON_MS).unwrap(), 1);
        assert_eq!(queued(store.commit(&at(1), &one).unwrap()), (1, 0), "after the horizon");
        assert_eq!(store.page("out", 0, 9).unwrap()[0].seq, 1, "numbers are never given out twice");
    });
}

/// [bounded]
#[test]
fn a_full_queue_buries_its_oldest_and_says_so() {
    both(|store| {
        let all: Vec<_> = (0..9).map(|n| delivery("out", "a", &n.to_string())).collect();
        store.commit(&at(1), &[delivery("other", "a", "x")]).unwrap();
        let done = store.commit(&at(1), &all).unwrap();
        assert_eq!((done.queued, done.overflowed), (9, 4));
        let seqs: Vec<u64> = store.page("out", 0, 99).unwrap().iter().map(|h| h.seq).collect();
        assert_eq!(seqs, [4, 5, 6, 7, 8]);
        let dead = store.dead_letters(99).unwrap();
        let ids: Vec<_> = dead.iter().map(|d| d.delivery.notification_id.as_str()).collect();
        assert_eq!(ids, ["3", "2", "1"], "the newest of them, within their own limit");
        assert_eq!(dead[0].reason, "the outbox was full");
        assert_eq!(store.channels().unwrap(), ["other", "out"]);
        assert_eq!(store.queued().unwrap(), 6);
    });
}

#[test]
fn settling_yields_the_next_of_the_lane() {
    both(|store| {
        let all = [delivery("out", "a", "1"), delivery("out", "b", "2"), delivery("out", "a", "3")];
        store.commit(&at(1), &all).unwrap();
        let settled = |seq, settle| [Settled { seq, lane: "out/a".to_owned(), settle }];
        let again =
            store.settle("out", &settled(0, Settle::Again { attempt: 1, next_at_ms: 99 }), 5).unwrap();
        let head = again[0].clone().unwrap();
        assert_eq!((head.seq, head.attempt, head.next_at_ms), (0, 1, 99));
        let next = store.settle("out", &settled(0, Settle::Dead { reason: "no".to_owned() }), 5).unwrap();
        assert_eq!(next[0].clone().unwrap().seq, 2);
        assert_eq!(store.delivery("out", 2).unwrap(), Some(all[2].clone()));
        assert_eq!(store.delivery("out", 0).unwrap(), None);
    });
}

fn copy_of(dir: &std::path::Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("outbox.redb"), copy.path().join("outbox.redb")).unwrap();
    copy
}

/// A kill at every point of many commits, by opening what is on disk at that moment: what is
/// queued is what the offset implies, and deriving the rest again completes it without a double.
/// [commit-is-atomic]
#[test]
fn a_crash_between_any_two_steps_loses_and_doubles_nothing() {
    let implied = |offset: u64| delivery("out", &format!("l{}", offset % 3), &format!("n{offset}"));
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), Limits::FILE).unwrap();
    let mut sent = BTreeMap::new();
    for offset in 1..=12_u64 {
        store
            .commit(&Checkpoint { policy: Some(vec![offset as u8]), ..at(offset) }, &[implied(offset)])
            .unwrap();
        // The sender gets to one of every three, and its note of it may or may not be on disk.
        if offset % 3 == 0 {
            let head = store.page("out", 0, 1).unwrap().remove(0);
            let first = store.delivery("out", head.seq).unwrap().unwrap();
            sent.insert(first.notification_id.clone(), first.body.clone());
            let settled = Settled { seq: head.seq, lane: head.lane, settle: Settle::Sent };
            store.settle("out", &[settled], 1_000).unwrap();
        }
        let crashed = copy_of(dir.path());
        let after = FileStore::open(crashed.path(), Limits::FILE).unwrap();
        let kept = after.checkpoint("main").unwrap().unwrap();
        assert_eq!(kept.offset, offset, "a commit that returned is there");
        assert_eq!(kept.policy, Some(vec![offset as u8]));
        // The pipeline reads on from the offset, once more over what it had done before.
        for again in 1..=14 {
            after.commit(&at(again), &[implied(again)]).unwrap();
        }
        let mut received = sent.clone();
        for head in after.page("out", 0, 99).unwrap() {
            let delivery = after.delivery("out", head.seq).unwrap().unwrap();
            let before = received.insert(delivery.notification_id.clone(), delivery.body.clone());
            assert!(before.is_none_or(|body| body == delivery.body), "one id with two bodies");
        }
        let all: BTreeMap<_, _> = (1..=14).map(implied).map(|d| (d.notification_id, d.body)).collect();
        assert_eq!(received, all, "crash after offset {offset}");
    }
}

/// A kill long after a delivery must not repeat it: an idle channel has everything on disk.
#[tokio::test(start_paused = true)]
async fn what_was_delivered_is_on_disk_when_the_channel_falls_idle() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::open(dir.path(), Limits::FILE).unwrap());
    store.commit(&at(1), &[delivery("out", "a", "1"), delivery("out", "a", "2")]).unwrap();
    let bench = Bench::new(store).channel("out", RetryPolicy::local(), vec![], false);
    let killed = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        copy_of(dir.path())
    };
    tokio::select! {
        _ = bench.run(Duration::from_secs(60)) => unreachable!("it runs for a minute"),
        copy = killed => {
            let after = FileStore::open(copy.path(), Limits::FILE).unwrap();
            assert_eq!(after.queued().unwrap(), 0);
        }
    }
}

#[test]
fn a_second_process_is_refused_with_the_file_named() {
    let dir = tempfile::tempdir().unwrap();
    let first = FileStore::open(dir.path(), Limits::FILE).unwrap();
    let second = FileStore::open(dir.path(), Limits::FILE).unwrap_err();
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
    assert!(second.to_string().contains("outbox.redb is in use by another tradehook"), "{second}");
    drop(first);
    assert!(FileStore::open(dir.path(), Limits::FILE).is_ok());
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(FileStore::open(dir.path(), Limits::FILE).unwrap());
    let database = redb::Database::create(dir.path().join("outbox.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    txn.open_table(meta).unwrap().insert("format", 99).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = FileStore::open(dir.path(), Limits::FILE).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 2, .. }), "{error}");
}

#[test]
fn a_damaged_file_is_named_and_nothing_panics() {
    let dir = tempfile::tempdir().unwrap();
    let store = FileStore::open(dir.path(), Limits::FILE).unwrap();
    store.commit(&at(1), &[delivery("out", "a", "1")]).unwrap();
    drop(store);
    let file = dir.path().join("outbox.redb");
    let whole = std::fs::read(&file).unwrap();
    for (what, bytes) in [("text", b"this is not a database".to_vec()), ("half", whole[..700].to_vec())] {
        std::fs::write(&file, bytes).unwrap();
        let error = FileStore::open(dir.path(), Limits::FILE).unwrap_err();
        assert!(error.to_string().contains("outbox.redb"), "{what}: {error}");
    }
    let error = FileStore::open(&file, Limits::FILE).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
}

#[test]
fn jitter_stays_within_its_bounds() {
    let delays = Delays::Jitter { base: Duration::from_secs(1), cap: Duration::from_secs(300) };
    let mut rng = fastrand::Rng::with_seed(1);
    for attempts in [1, 2, 5, 9, 40, u32::MAX] {
        let bound = Duration::from_secs(2_u64.saturating_pow(attempts - 1).min(300));
        let spread: Vec<_> = (0..500).map(|_| delays.after(attempts, &mut rng)).collect();
        assert!(spread.iter().all(|d| *d >= Duration::from_millis(50) && *d <= bound), "{attempts}");
        assert!(spread.iter().any(|d| *d > bound / 2), "{attempts}: it reaches up");
        assert!(spread.iter().any(|d| *d < bound / 2), "{attempts}: it spreads");
    }
}
