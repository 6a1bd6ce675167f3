//! What a download keeps while it is not complete: the folder `FILE.part` beside its target.
//!
//! `plan.json` says what is being downloaded, `lock` is held by whoever does it, and one file for each market
//! holds its trades as JSON lines, the newest first, as they come from the venue. Pages are only
//! appended, so that an end at any moment leaves what can be gone on from; a line that was cut off is
//! cut off entirely. At the end the files are read backwards and merged into one recording.
//!
//! Keeps: [bounded] [numbers-survive]

use crate::{
    replay::Writer,
    upbit::{self, Event, TradeEvent},
};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// How much is read at a time, backwards.
const BLOCK: u64 = 64 * 1024;
/// Trades of several markets are merged by time; within one they come in the order of their ids,
/// which is that of their times but for so much at most.
const DISORDER_MS: i64 = 2_000;
/// Ours have under 300 bytes.
const LONGEST_LINE: u64 = 4096;
const VERSION: u32 = 1;

/// What is being downloaded. Two runs with the same words go on with the same download, though
/// "three hours ago" means another moment each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) version: u32,
    pub(super) url: String,
    pub(super) markets: Vec<String>,
    /// As they were written.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

impl Plan {
    pub(super) fn new(url: String, markets: Vec<String>, words: (String, String), ms: (i64, i64)) -> Self {
        Self { version: VERSION, url, markets, from: words.0, to: words.1, from_ms: ms.0, to_ms: ms.1 }
    }

    /// Whether both mean the same download.
    fn is_the_same(&self, other: &Self) -> bool {
        Self { from_ms: 0, to_ms: 0, ..self.clone() } == Self { from_ms: 0, to_ms: 0, ..other.clone() }
    }
}

/// The folder of a download.
pub(super) struct Part {
    folder: PathBuf,
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug)]
pub(super) enum PartError {
    Busy,
    OtherPlan,
    Io(io::Error),
}

impl From<io::Error> for PartError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// `FILE.part` for `FILE`.
pub(super) fn folder(target: &Path) -> PathBuf {
    let mut name: OsString = target.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// The plan that a folder holds, if one can be read.
pub(super) fn plan_in(folder: &Path) -> io::Result<Option<Plan>> {
    match fs::read(folder.join("plan.json")) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Part {
    /// Makes the folder, or takes up what lies there; the plan that holds from now on, and whether
    /// it was there.
    pub(super) fn open(folder: &Path, plan: Plan) -> Result<(Self, Plan, bool), PartError> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => PartError::Busy,
            fs::TryLockError::Error(error) => PartError::Io(error),
        })?;
        let part = Self { folder: folder.to_owned(), _lock: lock };
        match plan_in(folder)? {
            Some(before) if before.is_the_same(&plan) => return Ok((part, before, true)),
            Some(_) => return Err(PartError::OtherPlan),
            None if part.holds_trades()? => return Err(PartError::OtherPlan),
            None => {}
        }
        let text = serde_json::to_vec(&plan).map_err(io::Error::from)?;
        let fresh = folder.join("plan.new");
        fs::write(&fresh, text)?;
        fs::rename(fresh, folder.join("plan.json"))?;
        Ok((part, plan, false))
    }

    fn holds_trades(&self) -> io::Result<bool> {
        for entry in fs::read_dir(&self.folder)? {
            if entry?.path().extension().is_some_and(|ending| ending == "spool") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn path(&self, market: &str) -> PathBuf {
        // A market's code is upper-case letters, digits and a hyphen.
        self.folder.join(format!("{market}.spool"))
    }

    /// The file of one market, and the last trade in it.
    pub(super) fn spool(&self, market: &str) -> io::Result<Spool> {
        Spool::open(&self.path(market))
    }

    /// Writes the recording and moves it to `target`, then removes the folder. How many trades it has.
    pub(super) fn finish(self, plan: &Plan, target: &Path, compressed: bool) -> io::Result<u64> {
        let whole = self.folder.join("whole");
        let mut writer = Writer::create(&whole, compressed)?;
        let sources: io::Result<Vec<_>> =
            plan.markets.iter().map(|market| Backwards::open(&self.path(market))).collect();
        let trades = merge(sources?, |line| writer.line(line))?;
        writer.finish()?;
        fs::rename(whole, target)?;
        // The recording is complete and in its place; what remains is in nobody's way.
        let _ = fs::remove_dir_all(&self.folder);
        Ok(trades)
    }
}

/// Trades of one market, the newest first.
pub(super) struct Spool {
    file: File,
    /// The time and the id of the last one.
    pub(super) last: Option<(i64, u64)>,
    /// How many there are.
    pub(super) trades: u64,
}

impl Spool {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut spool = Self { file, last: None, trades: 0 };
        spool.recover()?;
        Ok(spool)
    }

    /// Counts what is there, and cuts off what is no whole line.
    fn recover(&mut self) -> io::Result<()> {
        let mut lines = io::BufReader::with_capacity(256 * 1024, &self.file);
        let (mut good, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            let Some(seen) = line.strip_suffix(b"\n").and_then(key) else { break };
            self.last = Some(seen);
            self.trades += 1;
            good += read as u64;
        }
        self.file.set_len(good)?;
        self.file.seek(SeekFrom::Start(good))?;
        Ok(())
    }

    /// Appends a page.
    pub(super) fn append(&mut self, trades: &[TradeEvent<'_>]) -> io::Result<()> {
        let mut text = String::with_capacity(trades.len() * 192);
        for trade in trades {
            push(&mut text, trade);
        }
        self.file.write_all(text.as_bytes())?;
        if let Some(oldest) = trades.last() {
            self.last = Some((oldest.traded_at_ms, oldest.sequential_id));
            self.trades += trades.len() as u64;
        }
        Ok(())
    }
}

/// One trade as a line, as REST spells a tick, without what follows from the rest.
fn push(out: &mut String, trade: &TradeEvent<'_>) {
    let side = if trade.side == crate::trade::Side::Buy { "BID" } else { "ASK" };
    let _ = write!(
        out,
        "{{\"market\":\"{}\",\"timestamp\":{},\"trade_price\":{},\"trade_volume\":{},",
        trade.code, trade.traded_at_ms, trade.price, trade.volume
    );
    if let Some(close) = trade.prev_close {
        let _ = write!(out, "\"prev_closing_price\":{close},");
    }
    let _ = writeln!(out, "\"ask_bid\":\"{side}\",\"sequential_id\":{}}}", trade.sequential_id);
}

/// The time and the id of a line.
fn key(line: &[u8]) -> Option<(i64, u64)> {
    let mut found = None;
    upbit::decode(line, 0, &mut |event| {
        if let Event::Trade(trade) = event {
            found = Some((trade.traded_at_ms, trade.sequential_id));
        }
    });
    found
}

/// The lines of a file, the last first.
struct Backwards {
    file: File,
    /// How much of the file has not been read.
    unread: u64,
    /// What was read and not handed out.
    held: Vec<u8>,
}

impl Backwards {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let unread = file.metadata()?.len();
        Ok(Self { file, unread, held: Vec::new() })
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.held.last() == Some(&b'\n') {
                self.held.pop();
            }
            if let Some(end) = self.held.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.held.split_off(end + 1)));
            }
            if self.unread == 0 {
                return Ok((!self.held.is_empty()).then(|| std::mem::take(&mut self.held)));
            }
            let size = self.unread.min(BLOCK);
            self.unread -= size;
            self.file.seek(SeekFrom::Start(self.unread))?;
            let mut block = Vec::with_capacity(BLOCK as usize * 2);
            (&mut self.file).take(size).read_to_end(&mut block)?;
            block.append(&mut self.held);
            self.held = block;
        }
    }
}

/// A line with its time and its id, by which it is ordered.
type Keyed = ((i64, u64), Vec<u8>);

/// A source of lines, and how far its time has come.
struct Source {
    lines: Backwards,
    time_ms: i64,
}

/// Hands out the lines of all sources by time and id; how many there were.
fn merge(sources: Vec<Backwards>, mut out: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let mut live: Vec<Source> =
        sources.into_iter().map(|lines| Source { lines, time_ms: i64::MIN }).collect();
    let mut waiting: BinaryHeap<Reverse<Keyed>> = BinaryHeap::new();
    let mut trades = 0;
    loop {
        // The source that is furthest behind; what is earlier than all of them can go.
        let behind = live.iter().enumerate().min_by_key(|(_, source)| source.time_ms).map(|(at, _)| at);
        let until = behind.and_then(|at| live.get(at)).map_or(i64::MAX, |source| source.time_ms);
        while waiting.peek().is_some_and(|Reverse(((at_ms, _), _))| at_ms.saturating_add(DISORDER_MS) < until)
        {
            if let Some(Reverse((_, line))) = waiting.pop() {
                out(&line)?;
                trades += 1;
            }
        }
        let Some(at) = behind else { break };
        let Some(source) = live.get_mut(at) else { break };
        match source.lines.next_line()? {
            Some(line) => {
                let key = key(&line).ok_or_else(|| io::Error::other("a line of the part file is damaged"))?;
                source.time_ms = source.time_ms.max(key.0);
                waiting.push(Reverse((key, line)));
            }
            None => drop(live.swap_remove(at)),
        }
    }
    while let Some(Reverse((_, line))) = waiting.pop() {
        out(&line)?;
        trades += 1;
    }
    Ok(trades)
}

#[cfg(test)]
mod tests;
