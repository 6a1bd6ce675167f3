//! What a person does with messages that were given up or wait.

use super::*;

fn dead(store: &dyn Store, all: &[(&str, &str)]) {
    for (seq, (channel, id)) in all.iter().enumerate() {
        store.commit(&at(1), &[delivery(channel, "a", id)]).unwrap();
        let seq = store.page(channel, 0, 10).unwrap().last().map_or(seq as u64, |head| head.seq);
        let lane = format!("{channel}/a");
        let settled = Settled { seq, lane, settle: Settle::Dead { reason: "refused".into() } };
        store.settle(channel, &[settled], 5_000).unwrap();
    }
}

fn ids(store: &dyn Store) -> Vec<String> {
    store.dead_letters(10).unwrap().into_iter().map(|d| d.delivery.notification_id).collect()
}

fn on_both(check: impl Fn(&dyn Store)) {
    check(&MemoryStore::default());
    let folder = tempfile::tempdir().unwrap();
    check(&FileStore::open(folder.path(), Limits::FILE).unwrap());
}

#[test]
fn a_dead_letter_is_queued_again_once_and_keeps_its_id() {
    on_both(|store| {
        dead(store, &[("hook", "a1"), ("hook", "b2"), ("chat", "a3")]);
        assert_eq!(ids(store), ["a3", "b2", "a1"]);
        let meant = |id: &str, channel: &str| id.starts_with('a') && channel == "hook";
        assert_eq!(store.redo(&meant).unwrap(), 1);
        assert_eq!(store.redo(&meant).unwrap(), 0);
        assert_eq!(ids(store), ["a3", "b2"]);
        let heads = store.page("hook", 0, 10).unwrap();
        assert_eq!(heads.len(), 1);
        assert_eq!((heads[0].attempt, heads[0].next_at_ms), (0, REDONE));
        let message = store.delivery("hook", heads[0].seq).unwrap().unwrap();
        assert_eq!(message.notification_id, "a1");
        // It is queued: deriving it again changes nothing, and forgetting old ids does not either.
        assert_eq!(store.prune(5_000 + HORIZON_MS + 1).unwrap(), 2);
        assert_eq!(store.commit(&at(1), &[message]).unwrap().known, 1);
    });
}

#[test]
fn a_dead_letter_can_be_forgotten() {
    on_both(|store| {
        dead(store, &[("hook", "a1"), ("chat", "a2")]);
        assert_eq!(store.forget(&|_, channel| channel == "hook").unwrap(), 1);
        assert_eq!(ids(store), ["a2"]);
        assert_eq!(store.queued().unwrap(), 0);
    });
}

#[tokio::test(start_paused = true)]
async fn a_broken_channel_that_is_woken_delivers_what_waits() {
    let store = Arc::new(MemoryStore::default());
    store.commit(&at(1), &[delivery("hook", "a", "1"), delivery("chat", "a", "2")]).unwrap();
    let broken = Outcome::Broken { reason: "401".to_owned() };
    let bench = Bench::new(store.clone())
        .channel("hook", RetryPolicy::webhook(9), vec![broken], false)
        .channel("chat", RetryPolicy::webhook(9), vec![retry(Some(3000))], false);
    let log = Arc::clone(&bench.log);
    let sender = Sender::new(bench.store, bench.clock, bench.channels, 42);
    let counters = sender.counters();
    let person = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        assert!(counters[0].1.broken.load(Relaxed));
        counters.iter().for_each(|(_, counters)| counters.wake.notify_one());
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(!counters[0].1.broken.load(Relaxed));
    };
    sender.run(person, Duration::from_secs(1)).await;
    let log = log.lock().unwrap().clone();
    assert_eq!(arrivals(&log, "hook"), expect(&[("1", 0), ("1", 100)]));
    assert_eq!(arrivals(&log, "chat"), expect(&[("2", 0), ("2", 100)]));
    assert_eq!(store.queued().unwrap(), 0);
}
