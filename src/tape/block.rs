//! A block: what one append leaves in a segment, and the unit that is whole or not.
//!
//! Twenty-four bytes of head, then the payload. The checksum covers everything behind itself, so
//! a block is either exactly what was written or it is no block. The marker lets a scan find the
//! next block behind damage.
//!
//! | bytes | |
//! |---|---|
//! | 0–3 | marker |
//! | 4–7 | CRC-32 of all that follows |
//! | 8–11 | length of the payload |
//! | 12–14, 15 | count of entries, kind |
//! | 16–23 | offset of the first entry |

use super::{quotes, row::ROW};
use crate::entry::Entry;

/// Bytes of a head.
pub(super) const HEAD: usize = 24;

/// Largest payload that is written or believed. A gap that names every market stays far below.
pub(super) const MAX_PAYLOAD: usize = 1 << 20;

/// Most trades in one block; a larger append becomes several. It keeps a reader's buffer small.
pub(super) const MAX_ROWS: usize = 4096;

/// Not text and not a small number, so that rows and JSON hardly ever contain it.
const MARKER: [u8; 4] = [0xF1, b'T', 0xA5, 0x9E];

/// The first byte of every block, to look for.
pub(super) const MARKER_START: u8 = MARKER[0];

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Rows.
    Trades = 1,
    /// The code of one market; `first` is its number. Takes no offset.
    Market = 2,
    /// A tick, as JSON.
    Tick = 3,
    /// A gap, as JSON.
    Gap = 4,
    /// A control, as JSON.
    Control = 5,
    /// Tickers, books and candles; since version 2 of the format.
    Quotes = 6,
    /// A fact, as JSON; since version 3 of the format.
    Fact = 7,
}

impl Kind {
    fn from_u8(value: u8) -> Option<Self> {
        [Self::Trades, Self::Market, Self::Tick, Self::Gap, Self::Control, Self::Quotes, Self::Fact]
            .into_iter()
            .find(|kind| *kind as u8 == value)
    }
}

/// A head that has been checked together with its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// How many offsets the block takes.
    pub(super) count: u32,
    /// The offset of the first entry; for [`Kind::Market`] the market's number.
    pub(super) first: u64,
    /// Bytes of payload.
    pub(super) len: usize,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole block.
    Whole(Head),
    /// Perhaps a block, of at least this many bytes.
    Short(usize),
    /// No block.
    Bad,
}

/// Appends a block to `out`.
pub(super) fn encode(out: &mut Vec<u8>, kind: Kind, count: u32, first: u64, payload: &[u8]) {
    let mut rest = [0; HEAD - 8];
    rest[..4].copy_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    rest[4..8].copy_from_slice(&(count & 0x00FF_FFFF | u32::from(kind as u8) << 24).to_le_bytes());
    rest[8..].copy_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&checksum(&rest, payload).to_le_bytes());
    out.extend_from_slice(&rest);
    out.extend_from_slice(payload);
}

/// Reads the block at the beginning of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let Some((head, behind)) = bytes.split_first_chunk::<HEAD>() else {
        let known = bytes.len().min(MARKER.len());
        return if bytes[..known] == MARKER[..known] { Parsed::Short(HEAD) } else { Parsed::Bad };
    };
    if head[..4] != MARKER {
        return Parsed::Bad;
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let mut first = [0; 8];
    first.copy_from_slice(&head[16..]);
    let (len, count) = (word(8) as usize, word(12) & 0x00FF_FFFF);
    let Some(kind) = Kind::from_u8(head[15]) else { return Parsed::Bad };
    let head_of = Head { kind, count, first: u64::from_le_bytes(first), len };
    if !is_possible(&head_of) {
        return Parsed::Bad;
    }
    let Some(payload) = behind.get(..len) else { return Parsed::Short(HEAD + len) };
    if checksum(&head[8..], payload) == word(4) { Parsed::Whole(head_of) } else { Parsed::Bad }
}

fn is_possible(head: &Head) -> bool {
    let count_fits = match head.kind {
        Kind::Trades => {
            let rows = head.count as usize;
            (1..=MAX_ROWS).contains(&rows) && head.len == rows * ROW
        }
        Kind::Quotes => (1..=quotes::MAX_QUOTES).contains(&(head.count as usize)),
        Kind::Market => head.count == 0,
        Kind::Tick | Kind::Gap | Kind::Control | Kind::Fact => head.count == 1,
    };
    count_fits && head.len <= MAX_PAYLOAD && head.first.checked_add(u64::from(head.count)).is_some()
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}

/// The kind and payload of an entry that is no trade and no quote; `None` for those, and for a fact
/// that is too long.
pub(super) fn encode_entry(entry: &Entry) -> Option<(Kind, Vec<u8>)> {
    let (kind, json) = match entry {
        Entry::Trade(_) | Entry::Quote(_) => return None,
        Entry::Tick(tick) => (Kind::Tick, serde_json::to_vec(tick)),
        Entry::Gap(gap) => (Kind::Gap, serde_json::to_vec(gap)),
        Entry::Control(control) => (Kind::Control, serde_json::to_vec(control)),
        Entry::Fact(fact) if !fact.is_bounded() => return None,
        Entry::Fact(fact) => (Kind::Fact, serde_json::to_vec(fact)),
    };
    Some((kind, json.ok()?))
}

/// The entry of a block that holds one; `None` when the payload is not what its kind says.
pub(super) fn decode_entry(kind: Kind, payload: &[u8]) -> Option<Entry> {
    match kind {
        Kind::Trades | Kind::Market | Kind::Quotes => None,
        Kind::Tick => serde_json::from_slice(payload).ok().map(Entry::Tick),
        Kind::Gap => serde_json::from_slice(payload).ok().map(Entry::Gap),
        Kind::Control => serde_json::from_slice(payload).ok().map(Entry::Control),
        Kind::Fact => serde_json::from_slice(payload).ok().map(Entry::Fact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_exactly_what_was_written_or_no_block() {
        let mut bytes = Vec::new();
        encode(&mut bytes, Kind::Tick, 1, 42, br#"{"at_ms":5}"#);
        let head = Head { kind: Kind::Tick, count: 1, first: 42, len: 11 };
        assert_eq!(parse(&bytes), Parsed::Whole(head));
        for cut in 0..bytes.len() {
            assert!(matches!(parse(&bytes[..cut]), Parsed::Short(n) if n > cut), "cut at {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse(&flipped), Parsed::Whole(_)), "bit {bit}");
        }
    }
}
