//! Pace, quiet hours, what is too old, and who stands in: in virtual time.

use super::*;

const HOUR: i64 = 3_600_000;

fn chat() -> RetryPolicy {
    RetryPolicy::chat(100, 1)
}

/// A message of `minute`, counted from the epoch; the clock of these tests begins there too.
fn message(lane: &str, id: &str, minute: i64, severity: Severity) -> Delivery {
    Delivery { at_ms: minute * 60_000 + 1, severity, ..delivery("chat", lane, id) }
}

fn info(lane: &str, id: &str) -> Delivery {
    message(lane, id, 0, Severity::Info)
}

fn critical(lane: &str, id: &str) -> Delivery {
    message(lane, id, 0, Severity::Critical)
}

fn commit(store: &dyn Store, deliveries: &[Delivery]) {
    store.commit(&at(1), deliveries).unwrap();
}

fn dead(store: &dyn Store) -> Vec<(String, String)> {
    let letters = store.dead_letters(99).unwrap();
    letters.into_iter().rev().map(|d| (d.delivery.notification_id, d.reason)).collect()
}

/// [bounded]
#[tokio::test(start_paused = true)]
async fn a_channel_is_not_spoken_to_faster_than_its_rates() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &(0..8).map(|n| info(&n.to_string(), &format!("m{n}"))).collect::<Vec<_>>());
    let rates =
        vec![Rate { most: 1, per: Duration::from_secs(1) }, Rate { most: 3, per: Duration::from_secs(60) }];
    let terms = Terms { rates, ..Terms::default() };
    let bench = Bench::new(store).on("chat", RetryPolicy::chat(9, 4), terms, vec![], false);
    let (log, _) = bench.run(Duration::from_secs(300)).await;
    let times: Vec<u64> = log.iter().map(|(.., at)| *at).collect();
    assert_eq!(times, [0, 1, 2, 60, 61, 62, 120, 121]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_full_is_left_alone_for_as_long_as_it_says() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[info("a", "1"), info("b", "2")]);
    let full = Outcome::DeliveredAndFull { pause: Duration::from_secs(9) };
    let bench = Bench::new(store.clone()).on("chat", chat(), Terms::default(), vec![full], false);
    let (log, counters) = bench.run(Duration::from_secs(60)).await;
    assert_eq!(arrivals(&log, "chat"), expect(&[("1", 0), ("2", 9)]));
    assert_eq!(counters["chat"].retried.load(Relaxed), 0, "it was delivered, not refused");
}

fn quiet() -> Terms {
    // In Seoul the clock of these tests begins at nine in the morning.
    Terms { quiet: Quiet::new(8 * 60, 11 * 60, "Asia/Seoul", Severity::Critical), ..Terms::default() }
}

#[tokio::test(start_paused = true)]
async fn in_quiet_hours_only_what_is_urgent_goes_out_and_the_rest_follows_after_them() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[info("a", "a1"), critical("b", "b1"), info("b", "b2"), info("a", "a2")]);
    let bench = Bench::new(store).on("chat", chat(), quiet(), vec![], false);
    let (log, _) = bench.run(Duration::from_secs(3 * 3600)).await;
    let all = [("b1", 0), ("a1", 7200), ("b2", 7200), ("a2", 7200)];
    assert_eq!(arrivals(&log, "chat"), expect(&all));
}

/// The order within a lane holds at any hour: what stands before something urgent goes with it.
#[tokio::test(start_paused = true)]
async fn what_is_urgent_takes_with_it_what_stands_before_it_in_its_lane() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[info("a", "a1"), info("b", "b1"), info("a", "a2")]);
    let bench = Bench::new(store.clone()).on("chat", chat(), quiet(), vec![], false);
    let later = async {
        tokio::time::sleep(Duration::from_secs(600)).await;
        commit(&*store, &[critical("a", "a3"), info("a", "a4")]);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (log, _) = bench.run(Duration::from_secs(3 * 3600)) => {
            let all = [("a1", 600), ("a2", 600), ("a3", 600), ("b1", 7200), ("a4", 7200)];
            assert_eq!(arrivals(&log, "chat"), expect(&all));
        }
        () = later => {}
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_hours_that_begin_hold_what_was_about_to_be_tried_again() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[info("a", "a1")]);
    let terms =
        Terms { quiet: Quiet::new(9 * 60 + 1, 10 * 60, "Asia/Seoul", Severity::Warning), ..Terms::default() };
    let bench = Bench::new(store).on("chat", chat(), terms, vec![retry(Some(90))], false);
    let (log, _) = bench.run(Duration::from_secs(2 * 3600)).await;
    assert_eq!(arrivals(&log, "chat"), expect(&[("a1", 0), ("a1", 3600)]));
}

/// [bounded]
#[tokio::test(start_paused = true)]
async fn an_urgent_alert_passes_ten_thousand_lanes_that_are_held() {
    let store = Arc::new(MemoryStore::default());
    let mut all: Vec<_> = (0..10_000).map(|n| info(&format!("l{n}"), &format!("m{n}"))).collect();
    all.push(critical("x", "now"));
    commit(&*store, &all);
    let bench = Bench::new(store).on("chat", chat(), quiet(), vec![], false);
    let (log, _) = bench.run(Duration::from_secs(60)).await;
    assert_eq!(arrivals(&log, "chat"), expect(&[("now", 0)]));
}

fn ttl(spares_ends: bool) -> Option<Ttl> {
    Some(Ttl { age: Duration::from_secs(3600), spares_ends })
}

/// [loss-is-said]
#[tokio::test(start_paused = true)]
async fn what_is_too_old_becomes_one_message_and_its_text_is_kept() {
    let store = Arc::new(MemoryStore::default());
    let all: Vec<_> = (0..5).map(|n| message("a", &format!("m{n}"), n, Severity::Info)).collect();
    commit(&*store, &all);
    let terms = Terms { ttl: ttl(false), ..Terms::default() };
    // Two hours of a receiver that asks for patience; then it is well.
    let bench = Bench::new(store.clone()).on(
        "chat",
        chat(),
        terms,
        vec![retry(Some(3599)), retry(Some(3599))],
        false,
    );
    let (log, counters) = bench.run(Duration::from_secs(3 * 3600)).await;
    let seen = arrivals(&log, "chat");
    let ids: Vec<_> = seen.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["m0", "m0", "digest-m4"], "{seen:?}");
    let reasons = dead(&*store);
    assert_eq!(reasons.len(), 5);
    assert!(
        reasons.iter().all(|(_, why)| why == "too old for the channel; told of in digest-m4"),
        "{reasons:?}"
    );
    assert_eq!((counters["chat"].collapsed.load(Relaxed), counters["chat"].dead.load(Relaxed)), (5, 0));
    assert_eq!(store.queued().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_is_late_too_is_taken_into_the_next_and_counts_on() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &(0..3).map(|n| info("a", &format!("m{n}"))).collect::<Vec<_>>());
    let terms = Terms { ttl: ttl(false), ..Terms::default() };
    let away = vec![retry(Some(3600)), retry(Some(3600)), retry(Some(3600)), retry(Some(3600))];
    let bench = Bench::new(store.clone()).on("chat", chat(), terms, away, false);
    let last = Arc::clone(&bench.last);
    let later = async {
        tokio::time::sleep(Duration::from_secs(3 * 3600 + 60)).await;
        commit(&*store, &[message("b", "n0", 170, Severity::Warning)]);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (log, _) = bench.run(Duration::from_secs(6 * 3600)) => {
            let ids: Vec<_> = log.iter().map(|(_, id, _)| id.as_str()).collect();
            assert_eq!(ids.last(), Some(&"digest-n0"), "{log:?}");
        }
        () = later => {}
    }
    let text = last.lock().unwrap().clone();
    assert!(
        text.starts_with("4 alerts were not delivered in time, the oldest of 1970-01-01 09:00:00"),
        "{text}"
    );
    let letters = dead(&*store);
    assert_eq!(letters.len(), 4, "no digest is a dead letter: {letters:?}");
}

/// The policy has digests of its own, which are messages like any other.
#[tokio::test(start_paused = true)]
async fn a_digest_of_the_policy_that_is_too_old_is_told_of_and_kept() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[Delivery { rule: "digest".to_owned(), ..info("digest", "of-policy") }]);
    let terms = Terms { ttl: ttl(false), ..Terms::default() };
    let bench = Bench::new(store.clone()).on(
        "chat",
        chat(),
        terms,
        vec![retry(Some(3600)), retry(Some(3600))],
        false,
    );
    let (log, _) = bench.run(Duration::from_secs(3 * 3600)).await;
    assert_eq!(log.last().unwrap().1, "digest-of-policy");
    assert_eq!(dead(&*store).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_episode_reaches_a_pager_however_late() {
    let store = Arc::new(MemoryStore::default());
    let end = Delivery { state: AlertState::Resolved, ..info("a", "end") };
    commit(&*store, &[Delivery { state: AlertState::Firing, ..info("a", "begin") }, end]);
    let terms = Terms { ttl: ttl(true), ..Terms::default() };
    let bench = Bench::new(store.clone()).on(
        "chat",
        chat(),
        terms,
        vec![retry(Some(3600)), retry(Some(3600))],
        false,
    );
    let (log, _) = bench.run(Duration::from_secs(5 * 3600)).await;
    let mut delivered: Vec<_> = log.iter().skip(2).map(|(_, id, _)| id.as_str()).collect();
    delivered.sort_unstable();
    assert_eq!(delivered, ["digest-begin", "end"]);
}

fn with_fallback() -> Terms {
    Terms { fallback: vec!["phone".to_owned()], ..Terms::default() }
}

/// [loss-is-said]
#[tokio::test(start_paused = true)]
async fn a_broken_channel_hands_everything_over_and_is_tried_again_in_an_hour() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[info("a", "1"), info("a", "2"), critical("b", "3")]);
    let broken = Outcome::Broken { reason: "404".to_owned() };
    let bench = Bench::new(store.clone()).on("chat", chat(), with_fallback(), vec![broken], false).on(
        "phone",
        chat(),
        Terms::default(),
        vec![],
        false,
    );
    let later = async {
        for (minutes, id) in [(30, "4"), (40, "5")] {
            tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
            commit(&*store, &[info("a", id)]);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (log, counters) = bench.run(Duration::from_secs(2 * 3600)) => {
            assert_eq!(arrivals(&log, "chat"), expect(&[("1", 0), ("5", 4200)]));
            let phone = arrivals(&log, "phone");
            assert_eq!(phone, expect(&[("1@phone", 0), ("2@phone", 0), ("3@phone", 0), ("4@phone", 1800)]));
            assert!(!counters["chat"].broken.load(Relaxed), "it delivers again");
            assert_eq!(counters["chat"].handed_over.load(Relaxed), 4);
        }
        () = later => {}
    }
    let reasons = dead(&*store);
    let all = ["1", "2", "3", "4"]
        .map(|id| (id.to_owned(), "the channel is broken; handed over to phone".to_owned()));
    assert_eq!(reasons, all);
    assert_eq!(store.queued().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_critical_alert_that_would_wait_for_more_than_a_minute_goes_to_the_fallback_too() {
    let check = async |wait: u64, answers: usize, phone: &[(&str, u64)]| {
        let store = Arc::new(MemoryStore::default());
        commit(&*store, &[info("a", "a1"), critical("a", "a2"), critical("b", "b1")]);
        let bench = Bench::new(store.clone())
            .on("chat", chat(), with_fallback(), vec![retry(Some(wait)); answers], false)
            .on("phone", chat(), Terms::default(), vec![], false);
        let (log, _) = bench.run(Duration::from_secs(7200)).await;
        assert_eq!(arrivals(&log, "phone"), expect(phone), "{wait} s, {answers} times");
        let own = arrivals(&log, "chat");
        let last: Vec<_> = own.iter().skip(answers).map(|(id, _)| id.as_str()).collect();
        assert_eq!(last.len(), 3, "it delivers all of them itself, too: {own:?}");
    };
    check(61, 1, &[("a2@phone", 0), ("b1@phone", 0)]).await;
    check(59, 1, &[]).await;
    // Told to wait for half a minute again and again: a minute after the first failure.
    check(30, 4, &[("a2@phone", 60), ("b1@phone", 60)]).await;
}

#[tokio::test(start_paused = true)]
async fn two_broken_channels_that_stand_in_for_each_other_come_to_an_end() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[info("a", "1")]);
    let broken = || vec![Outcome::Broken { reason: "404".to_owned() }; 9];
    let back = Terms { fallback: vec!["chat".to_owned()], ..Terms::default() };
    let bench = Bench::new(store.clone()).on("chat", chat(), with_fallback(), broken(), false).on(
        "phone",
        chat(),
        back,
        broken(),
        false,
    );
    bench.run(Duration::from_secs(1800)).await;
    let letters = dead(&*store);
    assert!(letters.len() <= 3, "{letters:?}");
    assert_eq!(store.queued().unwrap(), 1, "the last of them keeps it");
}

/// A copy is made once, whatever restarts come between.
#[tokio::test(start_paused = true)]
async fn a_restart_makes_no_second_copy() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[critical("b", "b1")]);
    for _ in 0..3 {
        let bench = Bench::new(store.clone())
            .on("chat", chat(), with_fallback(), vec![retry(Some(600)); 9], false)
            .on("phone", chat(), Terms::default(), vec![], false);
        bench.run(Duration::from_secs(120)).await;
    }
    let copies = store
        .commit(&at(2), &[Delivery { notification_id: "b1@phone".to_owned(), ..critical("c", "") }])
        .unwrap();
    assert_eq!((copies.queued, copies.known), (0, 1));
}

#[test]
fn an_exchange_is_whole_and_knows_what_it_has_seen() {
    both(|store| {
        store.commit(&at(1), &[delivery("out", "a", "1"), delivery("out", "a", "2")]).unwrap();
        let first = store.first("out", "out/a").unwrap().unwrap();
        assert_eq!((first.seq, first.at_ms, first.severity), (0, 1_000, Severity::Info));
        let gone =
            [Settled { seq: 0, lane: "out/a".to_owned(), settle: Settle::Dead { reason: "x".to_owned() } }];
        let come = [delivery("other", "b", "1@other"), delivery("other", "b", "2")];
        let done = store.exchange("out", &gone, &come, 5).unwrap();
        assert_eq!((done.queued, done.known), (1, 1), "2 is known");
        assert_eq!(store.first("out", "out/a").unwrap().unwrap().seq, 1);
        assert_eq!(store.first("out", "out/none").unwrap(), None);
        assert_eq!(store.channels().unwrap(), ["other", "out"]);
        assert_eq!(dead(store), [("1".to_owned(), "x".to_owned())]);
    });
}

#[test]
fn a_time_of_day_is_where_it_says() {
    let quiet = quiet().quiet.unwrap();
    assert_eq!(quiet.until(0), Some(2 * HOUR));
    assert_eq!(quiet.until(2 * HOUR), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_queues_again_is_neither_too_old_nor_held() {
    let store = Arc::new(MemoryStore::default());
    commit(&*store, &[message("a", "old", 0, Severity::Info)]);
    let refused = Settle::Dead { reason: "refused".to_owned() };
    store.settle("chat", &[Settled { seq: 0, lane: "chat/a".to_owned(), settle: refused }], 5).unwrap();
    let terms = Terms {
        ttl: ttl(false),
        quiet: Quiet::new(8 * 60, 13 * 60, "Asia/Seoul", Severity::Critical),
        ..Terms::default()
    };
    let bench = Bench::new(store.clone()).on("chat", chat(), terms, vec![], false);
    let person = async {
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
        assert_eq!(store.redo(&|id, _| id == "old").unwrap(), 1);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        (log, _) = bench.run(Duration::from_secs(3 * 3600)) => {
            assert_eq!(arrivals(&log, "chat"), expect(&[("old", 7200)]));
        }
        () = person => {}
    }
}
