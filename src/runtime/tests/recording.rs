//! The recording of 2021-04-17, cut at every trade and resumed: all of its trades, each once.
//!
//! Frames are those that were received, at the times at which they were; snapshots and REST answers
//! are made from them. Ids of 2021 have another make than those of today (seconds, and a counter),
//! and some come before ones that are smaller. The recording is read from the folder that
//! `TRADEHOOK_SHARED` names, or `../shared`; without it nothing is tested.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{
    super::{intake::Intake, spine::Spine},
    rows::{Row, ordered, rows},
};
use crate::{
    feed::{Cause, Handler, SessionEvent},
    splice::{Answer, Request, SpliceConfig},
    status::Status,
    tape::{Tape, TapeConfig},
    trade::Flags,
    upbit::{self, Format, Subscription},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How many trades are missed.
const DISTANCES: [usize; 6] = [0, 1, 2, 9, 60, usize::MAX];
const TRADES: usize = 304;
const DAY_MS: i64 = 86_400_000;

/// A trade of the recording, as its frame says it.
#[derive(Clone)]
struct Line {
    frame: Value,
}

impl Line {
    fn market(&self) -> &str {
        self.frame["cd"].as_str().unwrap()
    }

    fn id(&self) -> u64 {
        self.frame["sid"].as_u64().unwrap()
    }

    fn snapshot(&self) -> String {
        let mut frame = self.frame.clone();
        frame["st"] = json!("SNAPSHOT");
        frame.to_string()
    }

    fn tick(&self) -> Value {
        json!({
            "market": self.frame["cd"], "timestamp": self.frame["ttms"], "trade_price": self.frame["tp"],
            "trade_volume": self.frame["tv"], "prev_closing_price": self.frame["pcp"],
            "ask_bid": self.frame["ab"], "sequential_id": self.frame["sid"],
        })
    }
}

/// The recording: all frames as text with the times at which they came, and the trades in them.
struct Recording {
    frames: Vec<(i64, String)>,
    /// Of each trade the place among the frames.
    places: Vec<usize>,
    /// The last trade of each market before the recording (made up: ten minutes older than the
    /// first in it), then the trades in it.
    lines: Vec<Line>,
    markets: Vec<String>,
}

fn load() -> Option<Recording> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/upbit");
    let root = std::env::var_os("TRADEHOOK_SHARED")
        .map_or_else(|| PathBuf::from(beside), |shared| PathBuf::from(shared).join("upbit"));
    let read = |what| std::fs::read_to_string(root.join("recordings").join(what)).ok();
    let (Some(frames), Some(times)) =
        (read("2021-04-17_simple_30s.frames.jsonl"), read("2021-04-17_simple_30s.recv_ts.txt"))
    else {
        eprintln!("skipped: no recordings in {}", root.display());
        return None;
    };
    let ms = |seconds: &str| (seconds.parse::<f64>().unwrap() * 1_000.0) as i64;
    let frames: Vec<(i64, String)> = times.lines().map(ms).zip(frames.lines().map(String::from)).collect();
    let parsed = frames.iter().map(|(_, text)| serde_json::from_str::<Value>(text).unwrap());
    let trades = parsed.enumerate().filter(|(_, frame)| frame["ty"] == "trade");
    let (places, lines): (Vec<usize>, Vec<Line>) =
        trades.map(|(place, frame)| (place, Line { frame })).unzip();
    let markets: BTreeSet<&str> = lines.iter().map(Line::market).collect();
    let older = markets.iter().map(|market| {
        let mut line = lines.iter().find(|line| line.market() == *market).unwrap().clone();
        let at_ms = line.frame["ttms"].as_i64().unwrap();
        let per_ms = line.id() / at_ms.unsigned_abs();
        line.frame["ttms"] = json!(at_ms - 600_000);
        line.frame["tms"] = json!(at_ms - 600_000);
        line.frame["sid"] = json!((at_ms - 600_000).unsigned_abs() * per_ms);
        line
    });
    let older: Vec<Line> = older.collect();
    let markets = markets.into_iter().map(String::from).collect();
    Some(Recording { frames, places, lines: [older, lines].concat(), markets })
}

/// One way through the recording.
struct Play<'a> {
    of: &'a Recording,
    wall_ms: Arc<AtomicI64>,
    spine: Arc<Spine>,
    tape: Arc<Tape>,
    intake: Intake,
    /// How many lines the venue has made.
    made: usize,
}

impl<'a> Play<'a> {
    fn new(of: &'a Recording) -> Self {
        let wall_ms = Arc::new(AtomicI64::new(of.frames[0].0 - 5_000));
        let clock = Arc::clone(&wall_ms);
        let tape = Arc::new(Tape::open(TapeConfig::default()).unwrap());
        let status = Status::new("recording", || 0);
        let wall = Arc::new(move || clock.load(Relaxed));
        let spine = Arc::new(Spine::new(Arc::clone(&tape), status, wall, SpliceConfig::default()));
        let subscription = Subscription {
            ticket: "recording".into(),
            trades: of.markets.clone(),
            format: Format::Simple,
            ..Subscription::default()
        };
        let intake = Intake::new(Arc::clone(&spine), subscription);
        Self { of, wall_ms, spine, tape, intake, made: of.markets.len() }
    }

    fn now_ms(&self) -> i64 {
        self.wall_ms.load(Relaxed)
    }

    /// Time passes, and what is wanted of REST is fetched.
    async fn until(&mut self, to_ms: i64) {
        while self.now_ms() < to_ms {
            let step_ms = (to_ms - self.now_ms()).min(1_000);
            tokio::time::advance(Duration::from_millis(step_ms.unsigned_abs())).await;
            self.wall_ms.fetch_add(step_ms, Relaxed);
            self.spine.second();
            self.fetch();
        }
    }

    fn fetch(&mut self) {
        while let Some((request, code)) = self.spine.request() {
            let body = self.page(&request, &code);
            let page = upbit::decode_ticks(body.as_bytes(), self.now_ms()).unwrap();
            let trades = page.trades.iter().map(|t| t.to_trade(request.ticket.market, Flags::default()));
            self.spine.answer(request.ticket, &Answer::Page(trades.collect()));
        }
    }

    /// What REST answers at this moment.
    fn page(&self, request: &Request, code: &str) -> String {
        let mut of_day: Vec<&Line> = self.published().filter(|line| line.market() == code).collect();
        of_day.retain(|line| {
            line.frame["ttms"].as_i64().unwrap().div_euclid(DAY_MS) == request.day
                && request.cursor.is_none_or(|cursor| line.id() < cursor)
        });
        of_day.sort_by_key(|line| std::cmp::Reverse(line.id()));
        Value::from(of_day.iter().take(500).map(|line| line.tick()).collect::<Vec<_>>()).to_string()
    }

    fn published(&self) -> impl Iterator<Item = &'a Line> {
        self.of.lines.iter().take(self.made)
    }

    /// A session begins, with the last trade of each market.
    fn open(&mut self) {
        self.intake.session(SessionEvent::Live { attempt: 1 });
        for market in &self.of.markets {
            let last = self.published().filter(|line| line.market() == market).last().unwrap();
            self.frame(&last.snapshot());
        }
    }

    fn frame(&mut self, text: &str) {
        self.intake.frame(self.now_ms(), text.as_bytes());
        self.intake.batch_end();
        self.fetch();
    }

    async fn frames(&mut self, from: usize, to: usize) {
        let of = self.of;
        for (place, (at_ms, text)) in of.frames.iter().enumerate().take(to).skip(from) {
            self.until(*at_ms).await;
            self.made += usize::from(of.places.binary_search(&place).is_ok());
            self.frame(text);
        }
    }

    /// The session ends when so many trades have come, and the next begins after so many more.
    async fn cut(&mut self, after: usize, missed: usize) {
        let place = |trade: usize| self.of.places.get(trade).copied().unwrap_or(self.of.frames.len());
        let resumed = after.saturating_add(missed).min(TRADES);
        let (end, back) = (place(after), place(resumed));
        self.open();
        self.frames(0, end).await;
        self.intake.session(SessionEvent::Lost {
            cause: Cause::BrokenOff,
            lived: Duration::from_secs(1),
            last_frame_at_ms: None,
            last_pong_at_ms: None,
        });
        let behind_ms = self.of.frames.last().map_or(0, |(at_ms, _)| at_ms + 1_000);
        self.until(self.of.frames.get(back).map_or(behind_ms, |(at_ms, _)| at_ms - 1)).await;
        self.made = self.of.markets.len() + resumed;
        self.open();
        self.frames(back, self.of.frames.len()).await;
        self.until(self.now_ms() + 60_000).await;
    }

    fn verify(&self) -> Result<usize, String> {
        if self.spine.waiting() != (0, 0) {
            return Err(format!("{:?} wait", self.spine.waiting()));
        }
        let rows = rows(&self.tape)?;
        let mut backfilled = 0;
        for code in &self.of.markets {
            let market = self.tape.with_markets(|markets| markets.id(code)).unwrap();
            ordered(market, &rows).map_err(|why| format!("{code}: {why}"))?;
            let mut ids = Vec::new();
            for row in &rows {
                match row {
                    Row::Trade { market: of, id, flags, .. } if *of == market => {
                        ids.push(*id);
                        backfilled += usize::from(flags.has(Flags::BACKFILLED));
                    }
                    Row::Gap(gap) if !gap.filled => return Err(format!("{gap:?}")),
                    _ => {}
                }
            }
            ids.sort_unstable();
            let lines = self.of.lines.iter().filter(|line| line.market() == code);
            let mut made: Vec<u64> = lines.map(Line::id).collect();
            made.sort_unstable();
            if ids != made {
                return Err(format!("{code}: {} trades came, {} were made", ids.len(), made.len()));
            }
        }
        Ok(backfilled)
    }
}

#[tokio::test(start_paused = true)]
async fn a_real_recording_cut_anywhere_comes_whole_and_each_trade_once() {
    let Some(recording) = load() else { return };
    assert_eq!((recording.places.len(), recording.markets.len()), (TRADES, 3));
    let mut backfilled = 0;
    for after in 0..=TRADES {
        for missed in DISTANCES {
            let mut play = Play::new(&recording);
            play.cut(after, missed).await;
            match play.verify() {
                Ok(more) => backfilled += more,
                Err(why) => panic!("cut after {after} trades, of which {missed} are missed: {why}"),
            }
        }
    }
    assert!(backfilled > TRADES * TRADES / 3, "only {backfilled} had to be fetched");
}
