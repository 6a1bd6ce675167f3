//! `tradehook history`: trades of the past from the stand-in venue, into a recording that replays.

use std::fs;

use jiff::Timestamp;
use rustix::process::Signal;
use tradehook::venue::VenueConfig;

use super::support::{Done, Folder, Job, StandIn, command, json, number, text, until};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-11-22 00:00:00 UTC.
const MIDNIGHT_MS: i64 = 1_795_305_600_000;

/// A venue with hours of trades in its past, at an even pace.
fn venue(start_ms: Option<i64>, history_ms: i64, trades_per_second: f64) -> StandIn {
    StandIn::start(VenueConfig {
        seed: 5,
        codes: ["KRW-BTC", "KRW-XRP"].map(String::from).to_vec(),
        trades_per_second: Some(trades_per_second),
        start_ms,
        history_ms,
        ..VenueConfig::default()
    })
}

fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap().to_string()
}

/// The ids of one market as the venue made them, the oldest first.
fn ids_at(venue: &StandIn, market: &str, from_ms: i64, to_ms: i64) -> Vec<u64> {
    let trades = venue.venue.all_trades(market);
    let wanted = trades.iter().filter(|t| (from_ms..to_ms).contains(&t.traded_at_ms));
    let mut ids: Vec<u64> = wanted.map(|t| t.sequential_id).collect();
    ids.sort_unstable();
    ids
}

fn ids_in(folder: &Folder, file: &str, market: &str) -> Vec<u64> {
    let lines = folder.lines(file);
    lines.iter().filter(|l| text(l, "market") == market).map(|l| number(l, "/sequential_id")).collect()
}

fn history(folder: &Folder, venue: &StandIn, more: &[&str]) -> Done {
    let url = venue.venue.rest_url();
    command(folder.path(), [&["history", "KRW-BTC", "KRW-XRP", "--url", &url], more].concat())
}

#[test]
fn what_was_traded_is_downloaded_and_replayed() {
    let (venue, folder) = (venue(None, 2 * HOUR_MS, 2.0), Folder::new());
    let now_ms = venue.venue.now_ms();
    let (from_ms, to_ms) = (now_ms - HOUR_MS, now_ms - 10_000);
    let (from, to) = (moment(from_ms), moment(to_ms));
    let done = history(&folder, &venue, &["--from", &from, "--to", &to, "-o", "a.jsonl", "--json"]).expect(0);
    let summary = json(&done.out);
    assert_eq!(done.log, "", "nothing but the summary, and that on standard output");
    let mut trades = 0;
    for market in ["KRW-BTC", "KRW-XRP"] {
        let found = ids_in(&folder, "a.jsonl", market);
        let expect = ids_at(&venue, market, from_ms, to_ms);
        assert!(found == expect, "{market}: {} trades, not {}", found.len(), expect.len());
        trades += found.len() as u64;
    }
    assert!(trades > 5_000, "{trades}");
    assert_eq!((number(&summary, "/trades"), number(&summary, "/taken_up")), (trades, 0), "{summary}");
    assert!(!folder.join("a.jsonl.part").exists(), "nothing is left over");
    // The same again, compressed, and both replay alike.
    let said = history(&folder, &venue, &["--from", &from, "--to", &to, "-o", "b.jsonl.zst"]).expect(0);
    assert!(said.log.contains(" trades from ") && said.out.is_empty(), "{}", said.log);
    let plain = fs::read(folder.join("a.jsonl")).unwrap();
    assert!(zstd::decode_all(&fs::read(folder.join("b.jsonl.zst")).unwrap()[..]).unwrap() == plain);
    folder.configure("ws://127.0.0.1:9/", "");
    for file in ["a.jsonl", "b.jsonl.zst"] {
        let done = command(folder.path(), ["replay", file, "--json", "--quiet"]).expect(0);
        let summary = json(&done.log);
        assert_eq!((number(&summary, "/trades"), number(&summary, "/bad_lines")), (trades, 0), "{file}");
    }
}

#[test]
fn a_download_that_was_ended_goes_on_and_is_the_same_in_the_end() {
    let (venue, folder) = (venue(None, 2 * HOUR_MS, 2.0), Folder::new());
    let now_ms = venue.venue.now_ms();
    let (from, to) = (moment(now_ms - HOUR_MS), moment(now_ms - 10_000));
    let wanted = ["--from", &from, "--to", &to];
    history(&folder, &venue, &[&wanted[..], &["-o", "whole.jsonl"]].concat()).expect(0);
    let whole = folder.read("whole.jsonl");
    for (name, signal, code) in [
        ("killed", Signal::KILL, None),
        ("interrupted", Signal::INT, Some(130)),
        ("terminated", Signal::TERM, Some(130)),
    ] {
        let file = format!("{name}.jsonl");
        let url = venue.venue.rest_url();
        // Slow enough to be met in the middle.
        let slow = ["history", "KRW-BTC", "KRW-XRP", "--url", &url, "--rate", "1", "-o", &file];
        let job = Job::start(folder.path(), [&slow[..], &wanted[..]].concat());
        let spool = folder.join(&file).with_extension("jsonl.part").join("KRW-BTC.spool");
        until("a page on the disk", || fs::metadata(&spool).ok().filter(|meta| meta.len() > 0));
        job.signal(signal);
        let done = job.end();
        assert_eq!(done.code, code, "{}", done.log);
        assert!(code.is_none() || done.log.contains("the same command goes on"), "{}", done.log);
        assert!(!folder.join(&file).exists());
        let other = history(&folder, &venue, &["--from", "1m", "-o", &file]).expect(74);
        assert!(other.log.contains("another download"), "{}", other.log);
        let done = history(&folder, &venue, &[&wanted[..], &["-o", &file, "--json"]].concat()).expect(0);
        assert!(number(&json(&done.out), "/taken_up") > 0, "{}", done.out);
        assert!(done.log.contains(&format!("going on with the download of {from} to {to}")), "{}", done.log);
        assert!(folder.read(&file) == whole, "{name}: other bytes than in one go");
    }
}

/// The venue's midnight passes during the download, shortly before it, or lies in its past.
#[test]
fn a_download_over_the_venues_midnight_misses_nothing() {
    for start_ms in [MIDNIGHT_MS - 1_500, MIDNIGHT_MS + 500, MIDNIGHT_MS + HOUR_MS] {
        let (venue, folder) = (venue(Some(start_ms), 2 * HOUR_MS, 1.0), Folder::new());
        // A trade that was stamped just now may arrive only after it was asked for.
        let (from_ms, to_ms) = (start_ms - HOUR_MS - 1_000_000, start_ms - 1_000);
        let words = [moment(from_ms), moment(to_ms)];
        let wanted = ["--from", &words[0], "--to", &words[1], "-o", "a.jsonl"];
        history(&folder, &venue, &wanted).expect(0);
        for market in ["KRW-BTC", "KRW-XRP"] {
            let expect = ids_at(&venue, market, from_ms, to_ms);
            let found = ids_in(&folder, "a.jsonl", market);
            let counts = (found.len(), expect.len());
            assert!(found == expect, "{market} from {}: (found, there) = {counts:?}", words[0]);
            assert!(expect.len() > 1_000, "{}", expect.len());
        }
    }
}

#[test]
fn what_cannot_be_had_is_refused_with_what_is_possible() {
    let (venue, folder) = (venue(None, 60_000, 2.0), Folder::new());
    folder.write("there.jsonl", "");
    let url = venue.venue.rest_url();
    let check = |arguments: &[&str], code, expect: &str| {
        let done = command(folder.path(), [&["history"], arguments, &["--url", &url]].concat()).expect(code);
        assert!(done.log.contains(expect), "{arguments:?}: {}", done.log);
        assert!(!folder.join("KRW-BTC.jsonl").exists(), "{arguments:?}");
    };
    let earliest = moment((venue.venue.now_ms().div_euclid(DAY_MS) - 7) * DAY_MS);
    check(&["KRW-BTC", "--from", "9d"], 64, &format!("--from {earliest} is the earliest"));
    check(&["KRW-BTC", "--from", "yesterday"], 64, "write 2026-11-20");
    check(&["KRW-BTC", "--from", "1m", "--to", "2m"], 64, "no length");
    check(&["KRW-NONE", "--from", "1m"], 64, "no market KRW-NONE");
    check(&["BTC", "--from", "1m"], 64, "KRW-BTC");
    check(&[], 64, "MARKET");
    check(&["KRW-BTC", "-o", "there.jsonl"], 74, "--force");
    let done = command(folder.path(), ["history", "KRW-BTC", "--url", "http://api.upbit.com"]).expect(64);
    assert!(done.log.contains("https://"), "{}", done.log);
    history(&folder, &venue, &["--from", "1m", "-o", "there.jsonl", "--force"]).expect(0);
    assert!(!folder.lines("there.jsonl").is_empty());
}
