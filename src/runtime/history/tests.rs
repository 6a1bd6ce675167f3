//! Downloads from a venue in memory, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::rest::{Door, HttpError, RestConfig, Stream};
use futures_util::future::BoxFuture;
use std::{collections::BTreeMap, fmt::Write as _, fs, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_util::sync::CancellationToken;

/// 2026-11-22 00:00:00 UTC.
const MIDNIGHT_MS: i64 = 1_795_305_600_000;
const HOUR_MS: i64 = 3_600_000;

/// What the model does with its nth request instead of answering it well.
type Fault = fn(usize) -> Option<&'static str>;

/// A venue that keeps trades by day, pages them as the real one does, and shows its clock.
#[derive(Clone)]
struct Model {
    trades: Arc<BTreeMap<(String, u64), String>>,
    start_ms: i64,
    started: Instant,
    /// Between looking for the trades and sending them.
    delay: Duration,
    fault: Fault,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Model {
    /// Markets with a trade about every `every_ms` for `days` before `start_ms`.
    fn new(seed: u64, markets: &[&str], start_ms: i64, days: i64, every_ms: i64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut trades = BTreeMap::new();
        for market in markets {
            let (mut at_ms, mut n) = (start_ms - days * DAY_MS, 0);
            while at_ms < start_ms {
                let (price, volume) = (random.u32(1..999_999_999), random.u32(1..99_999));
                let id = at_ms.unsigned_abs() * 10_000 + n;
                let side = if random.bool() { "ASK" } else { "BID" };
                let tick = format!(
                    r#"{{"market":"{market}","trade_date_utc":"x","timestamp":{at_ms},"trade_price":{price}.0,"trade_volume":{volume}e-5,"prev_closing_price":91424000.50,"change_price":-1.0,"ask_bid":"{side}","sequential_id":{id}}}"#
                );
                trades.insert(((*market).to_owned(), id), tick);
                let sweep = random.u8(..) < 60;
                n = if sweep { n + 1 } else { 0 };
                at_ms += if sweep { 0 } else { random.i64(1..2 * every_ms) };
            }
        }
        Self {
            trades: Arc::new(trades),
            start_ms,
            started: Instant::now(),
            delay: Duration::from_millis(20),
            fault: |_| None,
            asked: Arc::default(),
        }
    }

    fn now_ms(&self) -> i64 {
        self.start_ms + i64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    fn rest(&self) -> Rest {
        Rest::new(&RestConfig::default(), self.clone())
    }

    fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The ids of one market in a stretch of time, the oldest first.
    fn ids(&self, market: &str, from_ms: i64, to_ms: i64) -> Vec<u64> {
        let id = |ms: i64| (market.to_owned(), ms.unsigned_abs() * 10_000);
        self.trades.range(id(from_ms)..id(to_ms)).map(|((_, id), _)| *id).collect()
    }

    fn page(&self, path: &str) -> String {
        let query: BTreeMap<_, _> =
            path.split_once('?').unwrap().1.split('&').filter_map(|p| p.split_once('=')).collect();
        let number = |key: &str| query.get(key).map(|v| v.parse::<u64>().unwrap());
        let market = (*query.get("market").unwrap()).to_owned();
        let day = self.now_ms().div_euclid(DAY_MS) - i64::try_from(number("days_ago").unwrap_or(0)).unwrap();
        let first = day.unsigned_abs() * DAY_MS.unsigned_abs() * 10_000;
        let to = query.get("to").map_or(86_400, |to| {
            let part = |at: usize| to.get(at..at + 2).unwrap().parse::<u64>().unwrap();
            part(0) * 3600 + part(2) * 60 + part(4)
        });
        let end = (first + to * 10_000_000).min(number("cursor").unwrap_or(u64::MAX));
        let count = usize::try_from(number("count").unwrap()).unwrap();
        let found = self.trades.range((market.clone(), first)..(market, end.max(first))).rev().take(count);
        format!("[{}]", found.map(|(_, tick)| tick.as_str()).collect::<Vec<_>>().join(","))
    }

    async fn serve(self, mut stream: DuplexStream) {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let number = {
                let mut asked = self.asked.lock().unwrap();
                asked.push(path.clone());
                asked.len() - 1
            };
            let (status, body) = match (self.fault)(number) {
                Some("gone") => return,
                Some(said) => {
                    said.split_once('|').map_or(("200", said.to_owned()), |(s, b)| (s, b.to_owned()))
                }
                None => ("200", self.page(&path)),
            };
            sleep(self.delay).await;
            let date = jiff::Timestamp::from_millisecond(self.now_ms()).unwrap();
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
            let mut answer = String::new();
            write!(
                answer,
                "HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

impl Door for Model {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, HttpError>> {
        let (near, far) = tokio::io::duplex(256 * 1024);
        tokio::spawn(self.clone().serve(far));
        Box::pin(async { Ok(Box::new(near) as Box<dyn Stream>) })
    }

    fn authority(&self) -> &str {
        "venue"
    }
}

fn wanted(markets: &[&str], from_ms: i64, to_ms: i64, target: &Path) -> Wanted {
    Wanted {
        markets: markets.iter().map(|m| (*m).to_owned()).collect(),
        from_ms,
        to_ms,
        words: ("then".to_owned(), "now".to_owned()),
        url: "https://venue".to_owned(),
        target: target.to_owned(),
    }
}

async fn download(model: &Model, wanted: Wanted) -> Result<Completed, HistoryError> {
    let rest = model.rest();
    let mut history = History::open(wanted, model.now_ms())?;
    history.fetch(&rest, |_| {}).await?;
    history.finish()
}

/// The trades of a recording as replay decodes them: market, time, id.
fn recorded(path: &Path) -> Vec<(String, i64, u64)> {
    let crate::replay::Recording::Lines(mut lines) = crate::replay::Recording::open(path).unwrap() else {
        panic!("no lines")
    };
    let mut found = Vec::new();
    while let Some(line) = lines.next_line().unwrap() {
        upbit::decode(line.bytes, 0, &mut |event| match event {
            upbit::Event::Trade(t) => found.push((t.code.into_owned(), t.traded_at_ms, t.sequential_id)),
            other => panic!("{other:?}"),
        });
    }
    found
}

fn ids(found: &[(String, i64, u64)], market: &str) -> Vec<u64> {
    found.iter().filter(|t| t.0 == market).map(|t| t.2).collect()
}

#[tokio::test(start_paused = true)]
async fn days_are_walked_to_their_beginnings_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    for (seed, from_ms, to_ms) in [
        (1, MIDNIGHT_MS - 2 * DAY_MS - 7 * HOUR_MS, MIDNIGHT_MS + 9 * HOUR_MS),
        (2, MIDNIGHT_MS - 7 * DAY_MS, MIDNIGHT_MS - 5 * DAY_MS),
        (3, MIDNIGHT_MS + 8 * HOUR_MS + 1, MIDNIGHT_MS + 8 * HOUR_MS + 1_502),
        (4, MIDNIGHT_MS - 1, MIDNIGHT_MS + 1),
        (5, MIDNIGHT_MS, MIDNIGHT_MS + 99 * HOUR_MS),
    ] {
        let model = Model::new(seed, &["KRW-BTC"], MIDNIGHT_MS + 9 * HOUR_MS, 8, 60_000);
        let target = folder.path().join(format!("{seed}.jsonl"));
        let completed = download(&model, wanted(&["KRW-BTC"], from_ms, to_ms, &target)).await.unwrap();
        let found = recorded(&target);
        assert_eq!(ids(&found, "KRW-BTC"), model.ids("KRW-BTC", from_ms, to_ms), "seed {seed}");
        assert_eq!((completed.trades, completed.invalid), (found.len() as u64, 0), "seed {seed}");
        assert!(found.is_sorted_by_key(|t| (t.1, t.2)), "seed {seed}");
        assert!(!spool::folder(&target).exists(), "nothing is left over");
    }
}

/// Proves [numbers-survive] for what is downloaded.
#[tokio::test(start_paused = true)]
async fn what_is_written_is_what_the_venue_said() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::new(9, &["KRW-BTC"], MIDNIGHT_MS + HOUR_MS, 1, 60_000);
    let target = folder.path().join("a.jsonl");
    download(&model, wanted(&["KRW-BTC"], MIDNIGHT_MS - HOUR_MS, i64::MAX, &target)).await.unwrap();
    let event = |line: &str| {
        let mut found = None;
        upbit::decode(line.as_bytes(), 0, &mut |event| {
            if let upbit::Event::Trade(trade) = event {
                found = Some(trade.to_trade(crate::market::MarketId(0), crate::trade::Flags::default()));
            }
        });
        found.unwrap()
    };
    let text = fs::read_to_string(&target).unwrap();
    let expect: Vec<_> = model
        .ids("KRW-BTC", MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS + HOUR_MS)
        .into_iter()
        .map(|id| event(model.trades.get(&("KRW-BTC".to_owned(), id)).unwrap()))
        .collect();
    assert_eq!(text.lines().map(event).collect::<Vec<_>>(), expect);
    assert!(expect.len() > 100, "{}", expect.len());
}

#[tokio::test(start_paused = true)]
async fn a_download_interrupted_anywhere_goes_on_and_is_the_same_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::new(4, &["KRW-BTC", "KRW-XRP"], MIDNIGHT_MS + 2 * HOUR_MS, 3, 30_000);
    let (from_ms, to_ms) = (MIDNIGHT_MS - DAY_MS - HOUR_MS, MIDNIGHT_MS + 2 * HOUR_MS);
    let markets = ["KRW-BTC", "KRW-XRP"];
    let whole = folder.path().join("whole.jsonl");
    let completed = download(&model, wanted(&markets, from_ms, to_ms, &whole)).await.unwrap();
    let whole = fs::read(whole).unwrap();
    assert!(completed.trades > 5_000 && completed.taken_up == 0, "{completed:?}");
    for stop_after in [0, 1, 2, 5, 9, 14] {
        let target = folder.path().join(format!("{stop_after}.jsonl"));
        let stop = CancellationToken::new();
        let rest = model.rest();
        let mut history = History::open(wanted(&markets, from_ms, to_ms, &target), model.now_ms()).unwrap();
        let note = |note: Note<'_>| {
            if matches!(note, Note::Reached(reached) if reached.requests >= stop_after) {
                stop.cancel();
            }
        };
        if stop_after == 0 {
            stop.cancel();
        }
        assert!(stop.run_until_cancelled(history.fetch(&rest, note)).await.is_none(), "it was interrupted");
        drop(history);
        // As after a crash in the middle of a page.
        let spool = spool::folder(&target).join("KRW-BTC.spool");
        let mut kept = fs::read(&spool).unwrap();
        kept.extend_from_slice(br#"{"market":"KRW-BTC","timest"#);
        fs::write(&spool, kept).unwrap();
        // Later, and said with the same words: "now" is still what it was.
        sleep(Duration::from_secs(3600)).await;
        let later = wanted(&markets, from_ms + HOUR_MS, to_ms + HOUR_MS, &target);
        let completed = download(&model, later).await.unwrap();
        assert!(fs::read(&target).unwrap() == whole, "other bytes after a stop at {stop_after}");
        assert!(completed.taken_up > 0 || stop_after < 2, "{completed:?} at {stop_after}");
        assert!(stop_after == 0 || completed.requests < 40, "{completed:?} at {stop_after}");
    }
}

/// The question is asked on one day and answered on the next, wherever in the walk that happens.
#[tokio::test(start_paused = true)]
async fn midnight_between_question_and_answer_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for before_ms in [100, 400, 900, 1_500, 2_500, 3_500, 5_000] {
        for delay_ms in [20, 700] {
            let start_ms = MIDNIGHT_MS - before_ms;
            let mut model = Model::new(11, &["KRW-BTC"], start_ms, 3, 60_000);
            model.delay = Duration::from_millis(delay_ms);
            let from_ms = start_ms - DAY_MS - 3 * HOUR_MS;
            let target = folder.path().join(format!("{before_ms}-{delay_ms}.jsonl"));
            let done = download(&model, wanted(&["KRW-BTC"], from_ms, start_ms, &target)).await;
            let found = recorded(&target);
            let expect = model.ids("KRW-BTC", from_ms, start_ms);
            assert!(
                ids(&found, "KRW-BTC") == expect,
                "{before_ms} {delay_ms}: {done:?}, of {}",
                expect.len()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_waited_out_and_lies_are_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |name: &str, fault: Fault| {
        let mut model = Model::new(6, &["KRW-BTC"], MIDNIGHT_MS + HOUR_MS, 2, 20_000);
        model.fault = fault;
        let from_ms = MIDNIGHT_MS - 5 * HOUR_MS;
        let target = folder.path().join(name);
        let completed = download(&model, wanted(&["KRW-BTC"], from_ms, i64::MAX, &target)).await.unwrap();
        let expect = model.ids("KRW-BTC", from_ms, MIDNIGHT_MS + HOUR_MS);
        assert!(ids(&recorded(&target), "KRW-BTC") == expect, "{name}: {completed:?} of {}", expect.len());
    };
    check("limited", |n| (n % 3 == 1).then_some("429|Too many API requests.")).await;
    check("banned", |n| (n == 2).then_some("418|blocked for 30 seconds")).await;
    check("unavailable", |n| (2..7).contains(&n).then_some("503|<html>")).await;
    check("broken", |n| (n % 2 == 1).then_some("gone")).await;
    check("garbled", |n| (n % 4 == 1).then_some("<html>maintenance</html>")).await;
    check("empty", |n| (n % 3 == 1).then_some("[]")).await;
    check("foreign", |n| {
        let tick = r#"[{"market":"KRW-ETH","timestamp":1795305600001,"trade_price":1,"trade_volume":1,"ask_bid":"BID","sequential_id":17953056000010000}]"#;
        (n == 1).then_some(tick)
    })
    .await;
    check("another-day", |n| {
        let tick = r#"[{"market":"KRW-BTC","timestamp":1795132800001,"trade_price":1,"trade_volume":1,"ask_bid":"BID","sequential_id":17951328000010000}]"#;
        (n == 1).then_some(tick)
    })
    .await;
}

/// Proves [bounded]: a download that can never be completed ends.
#[tokio::test(start_paused = true)]
async fn what_does_not_pass_ends_the_download_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let check = async |name: &str, fault: Fault, most_requests: usize, expect: &str| {
        let mut model = Model::new(6, &["KRW-BTC"], MIDNIGHT_MS + 2 * HOUR_MS, 2, 2_000);
        model.fault = fault;
        let target = folder.path().join(name);
        let done = download(&model, wanted(&["KRW-BTC"], MIDNIGHT_MS - HOUR_MS, i64::MAX, &target)).await;
        let said = done.map_or_else(|error| error.to_string(), |c| format!("{c:?}"));
        assert!(said.contains(expect), "{name}: {said}");
        assert!(model.requests() <= most_requests, "{name}: {}", model.requests());
        assert!(!target.exists() && is_begun(&target), "{name}");
        // All is well again: the same goes on.
        model.fault = |_| None;
        download(&model, wanted(&["KRW-BTC"], MIDNIGHT_MS - HOUR_MS, i64::MAX, &target)).await.unwrap();
        let expect = model.ids("KRW-BTC", MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS + 2 * HOUR_MS);
        assert!(ids(&recorded(&target), "KRW-BTC") == expect, "{name}");
    };
    check("unavailable", |n| (n >= 3).then_some("503|<html>"), 11, "answered 503").await;
    check("limited", |n| (n >= 3).then_some("429|"), 11, "fewer requests").await;
    check("banned", |n| (n >= 3).then_some("418|banned for 24 hours"), 4, "banned this address").await;
    check("invalid", |n| (n >= 3).then_some(r#"400|{"error":{"name":400}}"#), 4, "answered 400").await;
    check("unknown", |n| (n >= 3).then_some("404|Code not found"), 4, "no market KRW-BTC").await;
    check("astray", |n| (n >= 3).then_some(r#"[{"market":"KRW-BTC"}]"#), 34, "none of the trades").await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let model = Model::new(1, &["KRW-BTC"], MIDNIGHT_MS + HOUR_MS, 1, 60_000);
    let check = |name: &str, from_ms, to_ms, expect: Option<&str>| {
        let opened =
            History::open(wanted(&["KRW-BTC"], from_ms, to_ms, &folder.path().join(name)), model.now_ms());
        let said = opened.err().map(|error| format!("{error:?}"));
        assert_eq!(said.as_deref(), expect, "{name}");
    };
    let earliest_ms = MIDNIGHT_MS - 7 * DAY_MS;
    check("a", earliest_ms, MIDNIGHT_MS, None);
    check("b", earliest_ms - 1, MIDNIGHT_MS, Some(&format!("TooOld({earliest_ms})")));
    check("c", MIDNIGHT_MS, MIDNIGHT_MS, Some("Empty"));
    check("d", MIDNIGHT_MS + 2 * HOUR_MS, i64::MAX, Some("Empty"));
    assert_eq!(model.requests(), 0);
    // One at a time, and one after the other only with the same words.
    let target = folder.path().join("e");
    let open =
        |markets: &[&str]| History::open(wanted(markets, MIDNIGHT_MS, i64::MAX, &target), model.now_ms());
    let first = open(&["KRW-BTC"]).unwrap();
    assert!(matches!(open(&["KRW-BTC"]), Err(HistoryError::Busy(_))));
    drop(first);
    assert!(matches!(open(&["KRW-ETH"]), Err(HistoryError::OtherPlan(_))));
    open(&["KRW-BTC"]).unwrap();
    // What was begun eight days ago cannot be completed.
    let gone = History::open(wanted(&["KRW-BTC"], MIDNIGHT_MS, i64::MAX, &target), MIDNIGHT_MS + 9 * DAY_MS);
    let mut later = model.clone();
    later.start_ms += 9 * DAY_MS;
    let error = gone.unwrap().fetch(&later.rest(), |_| {}).await.unwrap_err();
    assert!(matches!(error, HistoryError::Walk(WalkError::Gone(_))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn several_markets_are_one_recording_in_the_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let markets = ["KRW-BTC", "KRW-ETH", "BTC-ETH", "KRW-XRP", "KRW-DOGE", "USDT-BTC"];
    let model = Model::new(8, &markets, MIDNIGHT_MS + HOUR_MS, 1, 30_000);
    let target = folder.path().join("all.jsonl.zst");
    let from_ms = MIDNIGHT_MS - HOUR_MS;
    let reached = Mutex::new(Reached::default());
    let rest = model.rest();
    let mut history = History::open(wanted(&markets, from_ms, i64::MAX, &target), model.now_ms()).unwrap();
    let total_ms = history.total_ms();
    let note = |note: Note<'_>| {
        if let Note::Reached(now) = note {
            *reached.lock().unwrap() = now;
        }
    };
    history.fetch(&rest, note).await.unwrap();
    let completed = history.finish().unwrap();
    let reached = reached.into_inner().unwrap();
    assert_eq!((reached.covered_ms, reached.trades), (total_ms, completed.trades));
    let found = recorded(&target);
    assert!(found.is_sorted_by_key(|t| (t.1, t.2)));
    for market in markets {
        assert_eq!(ids(&found, market), model.ids(market, from_ms, i64::MAX / 10_000), "{market}");
    }
    assert!(fs::read(&target).unwrap().starts_with(b"\x28\xb5\x2f\xfd"));
}
