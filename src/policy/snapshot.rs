//! The policy state as bytes.
//!
//! Fixed width and little-endian, because it is written with every checkpoint that holds alerts:
//! 16,384 instances take at most 2.3 MB and under a millisecond a megabyte.
//!
//! ```text
//! snapshot = version: u32, count: u64, instance * count
//! instance = fingerprint: 32, flags: u8, seen: i64, suppressed: u64,
//!            [notified: i64], [episode: 32, sequence: u64],
//!            [episode: 32, at: i64, severity: u8, notified: u8, sequence: u64]
//! ```

use super::state::{Instance, Open, State};
use crate::alert::Severity;
use std::fmt;

const VERSION: u32 = 1;
const NOTIFIED: u8 = 1;
const EVENT: u8 = 2;
const OPEN: u8 = 4;

/// Why a snapshot cannot be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateError {
    /// Not a snapshot.
    Damaged,
    /// A snapshot of this version, which a newer program wrote.
    Newer(u32),
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("the saved policy state is damaged"),
            Self::Newer(version) => {
                write!(f, "the saved policy state has version {version}, this program knows up to {VERSION}")
            }
        }
    }
}

impl std::error::Error for StateError {}

impl State {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12 + self.instances.len() * 96);
        out.extend(VERSION.to_le_bytes());
        out.extend((self.instances.len() as u64).to_le_bytes());
        for (id, instance) in &self.instances {
            out.extend(id);
            write(instance, &mut out);
        }
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader(bytes);
        let version = u32::from_le_bytes(reader.take().ok_or(StateError::Damaged)?);
        if version > VERSION {
            return Err(StateError::Newer(version));
        }
        let mut state = Self::default();
        reader.instances(&mut state).ok_or(StateError::Damaged)?;
        if reader.0.is_empty() { Ok(state) } else { Err(StateError::Damaged) }
    }
}

fn write(instance: &Instance, out: &mut Vec<u8>) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(
        flag(instance.notified_at_ms.is_some(), NOTIFIED)
            | flag(instance.event.is_some(), EVENT)
            | flag(instance.open.is_some(), OPEN),
    );
    out.extend(instance.seen_at_ms.to_le_bytes());
    out.extend(instance.suppressed.to_le_bytes());
    if let Some(at_ms) = instance.notified_at_ms {
        out.extend(at_ms.to_le_bytes());
    }
    if let Some((episode, sequence)) = &instance.event {
        out.extend(episode);
        out.extend(sequence.to_le_bytes());
    }
    if let Some(open) = &instance.open {
        out.extend(open.episode);
        out.extend(open.at_ms.to_le_bytes());
        out.push(open.severity as u8);
        out.push(u8::from(open.notified));
        out.extend(open.sequence.to_le_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn instances(&mut self, state: &mut State) -> Option<()> {
        for _ in 0..self.u64()? {
            let id = self.take()?;
            let instance = self.instance()?;
            state.instances.insert(id, instance);
        }
        Some(())
    }

    fn instance(&mut self) -> Option<Instance> {
        let flags = self.byte()?;
        let has = |bit: u8| flags & bit != 0;
        Some(Instance {
            seen_at_ms: self.i64()?,
            suppressed: self.u64()?,
            notified_at_ms: if has(NOTIFIED) { Some(self.i64()?) } else { None },
            event: if has(EVENT) { Some((self.take()?, self.u64()?)) } else { None },
            open: if has(OPEN) { Some(self.open()?) } else { None },
        })
    }

    fn open(&mut self) -> Option<Open> {
        Some(Open {
            episode: self.take()?,
            at_ms: self.i64()?,
            severity: match self.byte()? {
                0 => Severity::Info,
                1 => Severity::Warning,
                2 => Severity::Critical,
                _ => return None,
            },
            notified: self.byte()? != 0,
            sequence: self.u64()?,
        })
    }
}
