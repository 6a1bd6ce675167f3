//! Nothing is missed, whatever becomes of connections and processes: the tape against the venue.

use std::{collections::BTreeMap, time::Duration};

use tradehook::{
    entry::Entry,
    tape::{Next, Tape},
    trade::{Flags, Trades},
    venue::{Fault, Refusal, VenueConfig, Who},
};

use super::support::{Folder, Job, StandIn, compile_cache, number, until};

/// A job that follows `markets` of the venue, with more lines about its feed.
fn configure(folder: &Folder, venue: &StandIn, markets: &str, feed: &str) {
    let (url, cache) = (venue.venue.ws_url(), compile_cache());
    folder.write(
        "config.toml",
        format!(
            "[feed]\nurl = {url:?}\nmarkets = {markets}\nping_interval = \"1s\"\n{feed}\n\
             [tape]\ndir = \"tape\"\n[state]\ndir = \"state\"\n[status]\nlisten = \"127.0.0.1:0\"\n\
             [runtime]\ncompile_cache = {cache:?}\n[plugins.filter]\n"
        ),
    );
}

/// Ids of each market in the order of the tape, how many were fetched, and the gaps.
fn tape(folder: &Folder) -> (BTreeMap<String, Vec<u64>>, usize, Vec<tradehook::entry::Gap>) {
    let tape = Tape::open_read_only(&folder.join("tape")).unwrap();
    let (mut reader, mut trades) = (tape.reader(tape.start()), Trades::default());
    let (mut ids, mut fetched, mut gaps) = (BTreeMap::<String, Vec<u64>>::new(), 0, Vec::new());
    let markets = tape.markets();
    loop {
        match reader.next(4096, &mut trades).unwrap() {
            Next::Trades => {
                for trade in (0..trades.len()).filter_map(|i| trades.get(i)) {
                    let code = markets.code(trade.market).unwrap().to_string();
                    ids.entry(code).or_default().push(trade.sequential_id);
                    fetched += usize::from(trade.flags.has(Flags::BACKFILLED));
                }
            }
            Next::Entry(_, Entry::Gap(gap)) => gaps.push(gap),
            Next::Quotes(_) | Next::Entry(..) => {}
            Next::Empty => return (ids, fetched, gaps),
            lost => panic!("the tape has lost something: {lost:?}"),
        }
    }
}

/// What the venue has traded in a market since the first trade that is on the tape.
fn expected(venue: &StandIn, code: &str, first: u64) -> Vec<u64> {
    let all = venue.venue.all_trades(code);
    let mut ids: Vec<u64> = all.iter().map(|trade| trade.sequential_id).filter(|id| *id >= first).collect();
    ids.sort_unstable();
    ids
}

/// The venue rests, and everything that was traded is on its way to the tape.
fn rest(venue: &StandIn, job: &Job) {
    venue.venue.set_fault(Fault::Halt);
    let port = job.port();
    port.until("the last repair", |s| {
        number(s, "/intake/splice/repairing") == 0 && s["feed"]["state"] == "live"
    });
    let mut before = 0;
    until("the last trade", || {
        let trades = number(&port.status(), "/intake/trades");
        std::thread::sleep(Duration::from_millis(700));
        (std::mem::replace(&mut before, trades) == trades).then_some(())
    });
}

/// Proves [loss-is-said] by there being nothing to say.
#[test]
fn every_trade_is_on_the_tape_once_over_lost_sessions_a_kill_and_a_stop() {
    let venue = StandIn::lively(41);
    let folder = Folder::new();
    configure(&folder, &venue, r#"["KRW-BTC", "KRW-ETH", "KRW-XRP"]"#, "");
    let job = folder.run();
    job.port().has_trades(50);
    venue.venue.set_fault(Fault::Drop);
    job.port().until("another session", |s| number(s, "/feed/sessions") >= 2);
    let refusal = Refusal::new(503, "maintenance", Duration::from_secs(2));
    venue.venue.set_fault(Fault::RefuseUpgrades(refusal));
    venue.venue.set_fault(Fault::Drop);
    job.port().until("a third session", |s| number(s, "/feed/sessions") >= 3);
    job.kill();
    std::thread::sleep(Duration::from_secs(1));
    let job = folder.run();
    job.port().until("fetched trades", |s| number(s, "/intake/backfilled") > 0);
    job.terminate().expect(0);
    let job = folder.run();
    job.port().is_ready();
    rest(&venue, &job);
    job.terminate().expect(0);

    let (ids, fetched, gaps) = tape(&folder);
    assert_eq!(ids.len(), 3);
    for (code, mut ids) in ids {
        let first = ids[0];
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{code}: an id twice");
        // The first trade was a snapshot; what was stamped before it may still have come later.
        ids.retain(|id| *id >= first);
        let expected = expected(&venue, &code, first);
        let missing: Vec<_> = expected.iter().filter(|id| !ids.contains(id)).collect();
        assert!(
            missing.is_empty(),
            "{code}: {} of {} are missing: {missing:?}",
            missing.len(),
            expected.len()
        );
    }
    assert!(fetched > 0);
    assert!(gaps.iter().all(|gap| gap.filled), "{gaps:?}");
}

#[test]
fn patterns_follow_the_venues_list_over_doubled_sockets_and_one_of_them_dying_is_no_gap() {
    let config = VenueConfig { seed: 5, limits: false, ..VenueConfig::default() };
    let venue = StandIn::start(config);
    let folder = Folder::new();
    configure(
        &folder,
        &venue,
        r#"["KRW-*", "USDT-NONE"]"#,
        "sockets = 2\nredundancy = 2\nrefresh_interval = \"1s\"",
    );
    let job = folder.run();
    let port = job.port();
    port.until("four sessions", |s| number(s, "/feed/sessions") == 4);
    job.says("USDT-NONE");
    venue.venue.set_fault(Fault::List { code: "KRW-FRESH".into() });
    let has = |s: &serde_json::Value, code: &str| {
        s["markets"].as_array().is_some_and(|markets| markets.iter().any(|market| market["code"] == code))
    };
    port.until("trades of the new listing", |s| has(s, "KRW-FRESH"));
    venue.venue.set_fault(Fault::Delist { code: "KRW-FRESH".into() });
    let line = job.says("\"left\":\"KRW-FRESH\"");
    assert!(line.contains("list of markets changed"), "{line}");
    // What was on its way when another session joined came over neither: so much is allowed for.
    std::thread::sleep(Duration::from_millis(2_500));
    venue.venue.set_fault(Fault::Drop.on(Who::Oldest));
    port.until("its replacement", |s| number(s, "/feed/sessions") == 5);
    let status = port.status();
    assert_eq!(status["feed"]["state"], "live", "{status}");
    rest(&venue, &job);
    job.terminate().expect(0);

    let (ids, _, gaps) = tape(&folder);
    assert!(gaps.is_empty(), "{gaps:?}");
    let lively: Vec<&String> = ids.keys().filter(|code| *code != "KRW-FRESH").collect();
    assert_eq!(lively.len(), 6, "every market that KRW-* stands for: {lively:?}");
    for (code, mut ids) in ids {
        let first = ids[0];
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{code}: an id twice");
        if code != "KRW-FRESH" {
            ids.retain(|id| *id >= first);
            assert_eq!(ids, expected(&venue, &code, first), "{code}");
        }
    }
}
