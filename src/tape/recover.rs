//! Recovery: what a directory or a single segment holds after whatever ended the last writer.
//!
//! Owns the judgement. Heads of all segments are read; only the newest segment is scanned, since
//! every other was finished. Bytes behind its last whole block are a torn append and are cut off.
//! A segment whose head is damaged is set aside under another name, never deleted, and what it
//! held is a hole that readers are told of.
//!
//! Keeps: [loss-is-said] [bounded]

use super::{
    FORMAT_VERSION, MAX_MARKETS, Recovered, TapeError,
    block::{self, Kind},
    disk::Open,
    quotes, row,
    scan::{Found, Scanner},
    segment::{self, Header, Segment},
};
use crate::{entry::Entry, market::Markets};
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What was found.
#[derive(Debug)]
pub(super) struct State {
    /// Absent when there was no readable segment.
    pub(super) id: Option<[u8; 16]>,
    pub(super) segments: VecDeque<Segment>,
    pub(super) markets: Markets,
    pub(super) end: u64,
    pub(super) newest_ms: i64,
    pub(super) open: Option<Open>,
    pub(super) recovered: Recovered,
}

/// The segments of a directory, oldest first.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, TapeError> {
    let mut paths = Vec::new();
    for item in fs::read_dir(dir).map_err(TapeError::io("list", dir))? {
        let path = item.map_err(TapeError::io("list", dir))?.path();
        if segment::base_of(&path).is_some() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Reads the state of a tape out of its segments. With `repair`, torn bytes are cut off, damaged
/// segments are renamed and the newest segment is opened for appending.
///
/// # Errors
/// A segment of another format version or of another tape, a file that cannot be read; without
/// `repair`, also a damaged head.
pub(super) fn recover(paths: &[PathBuf], repair: bool) -> Result<State, TapeError> {
    let mut state = State {
        id: None,
        segments: VecDeque::new(),
        markets: Markets::default(),
        end: 0,
        newest_ms: i64::MIN,
        open: None,
        recovered: Recovered::default(),
    };
    let mut damaged = Vec::new();
    let mut newest = None;
    for path in paths {
        match read_head(path, &mut state) {
            Ok(header) => {
                damaged.clear();
                newest = Some((header, path));
            }
            Err(TapeError::NotATape { .. }) if repair || paths.len() > 1 => {
                state.recovered.damaged_segments += 1;
                damaged.push(path);
                if repair {
                    set_aside(path)?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    if let Some((header, path)) = newest {
        state.markets = header.markets.clone();
        state.end = header.base;
        state.newest_ms = header.before_ms;
        let good_end = scan(path, header.len, &mut state)?;
        let append = repair && damaged.is_empty() && header.version == FORMAT_VERSION;
        finish(path, &header, good_end, append, &mut state)?;
    }
    for path in damaged {
        // Its entries are lost, but their offsets and market numbers must not be given out again.
        let path = if repair { aside(path) } else { path.clone() };
        scan(&path, 0, &mut state)?;
    }
    Ok(state)
}

fn read_head(path: &Path, state: &mut State) -> Result<Header, TapeError> {
    let header = segment::read_header(path)?;
    // A file that was carried away may have any name.
    if segment::base_of(path).is_some_and(|base| base != header.base) {
        return Err(TapeError::NotATape { file: path.to_owned(), why: "its name tells another offset" });
    }
    if *state.id.get_or_insert(header.id) != header.id {
        return Err(TapeError::Foreign { file: path.to_owned() });
    }
    if let Some(before) = state.segments.back_mut() {
        before.newest_ms = header.before_ms;
    }
    let mut segment = Segment::new(header.base, path.to_owned(), header.len);
    segment.bytes = fs::metadata(path).map_err(TapeError::io("read", path))?.len();
    state.segments.push_back(segment);
    Ok(header)
}

/// Scans one file from `position` and takes what it tells into `state`; returns where the last
/// whole block ends.
fn scan(path: &Path, position: u64, state: &mut State) -> Result<u64, TapeError> {
    let file = File::open(path).map_err(TapeError::io("open", path))?;
    let mut scanner = Scanner::new(file, position).map_err(TapeError::io("read", path))?;
    while let Some(found) = scanner.next().map_err(TapeError::io("read", path))? {
        take(&found, scanner.payload(&found), state);
    }
    Ok(scanner.good_end())
}

fn take(found: &Found, payload: &[u8], state: &mut State) {
    match found.head.kind {
        Kind::Market => {
            fill_markets(found.head.first, state);
            if let Ok(code) = std::str::from_utf8(payload)
                && state.markets.len() as u64 == found.head.first
            {
                state.markets.intern(code);
            }
            return;
        }
        Kind::Trades => {
            let rows = payload.as_chunks().0;
            let highest = rows.iter().map(row::market).max();
            fill_markets(highest.map_or(0, |market| u64::from(market) + 1), state);
            if let Some(last) = rows.last() {
                state.newest_ms = row::received_at_ms(last);
            }
        }
        Kind::Quotes => {
            let quotes = quotes::decode(payload, 0, quotes::MAX_QUOTES).unwrap_or_default();
            let highest = quotes.iter().map(|quote| quote.head().market.0).max();
            fill_markets(highest.map_or(0, |market| u64::from(market) + 1), state);
            if let Some(last) = quotes.last() {
                state.newest_ms = last.head().received_at_ms;
            }
        }
        kind => {
            if let Some(Entry::Tick(tick)) = block::decode_entry(kind, payload) {
                state.newest_ms = tick.at_ms;
            }
        }
    }
    let first = found.head.first;
    state.recovered.damaged_entries += first.saturating_sub(state.end);
    state.end = state.end.max(first + u64::from(found.head.count));
    if let Some(segment) = state.segments.back_mut() {
        segment.mark(first, found.position);
    }
}

/// Gives numbers whose codes were lost a placeholder, so that they are not given out again.
fn fill_markets(known: u64, state: &mut State) {
    while (state.markets.len() as u64) < known.min(u64::from(MAX_MARKETS)) {
        let placeholder = format!("LOST-{}", state.markets.len());
        state.markets.intern(&placeholder);
    }
}

fn finish(
    path: &Path,
    header: &Header,
    good_end: u64,
    append: bool,
    state: &mut State,
) -> Result<(), TapeError> {
    let Some(segment) = state.segments.back_mut() else { return Ok(()) };
    let torn = segment.bytes.saturating_sub(good_end);
    state.recovered.torn_bytes += torn;
    segment.bytes = good_end;
    if !append {
        return Ok(());
    }
    let mut file = File::options().write(true).open(path).map_err(TapeError::io("open", path))?;
    if torn > 0 {
        file.set_len(good_end).map_err(TapeError::io("cut", path))?;
    }
    file.seek(SeekFrom::Start(good_end)).map_err(TapeError::io("read", path))?;
    let before_ms = if header.before_ms == i64::MIN { state.newest_ms } else { header.before_ms };
    state.open = Some(Open { file: Arc::new(file), len: good_end, before_ms });
    Ok(())
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("tape.damaged")
}

fn set_aside(path: &Path) -> Result<(), TapeError> {
    fs::rename(path, aside(path)).map_err(TapeError::io("rename", path))
}
