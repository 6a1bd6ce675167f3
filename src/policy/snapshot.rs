//! What policy remembers, as bytes.
//!
//! Little-endian, because it is written with every checkpoint that holds alerts. Text is its length
//! (u32) and its bytes.
//!
//! ```text
//! snapshot = version: u32 = 2, clock: i64, count: u64, instance * count,
//!            count: u64, digest * count, count: u64, bucket * count, silences: JSON as text
//! instance = fingerprint: 32, plugin, rule, key: text, flags: u8, seen: i64, suppressed: u64,
//!            [notified: i64], [episode: 32, sequence: u64], [open], [spent until: i64]
//! open     = episode: 32, at: i64, severity: u8, told: u8, flags: u8, sequence: u64, spoken: i64,
//!            title: text, count: u64, (name: text, value) * count
//! ```
//!
//! Version 1 was `version, count, (fingerprint, flags, seen, …) * count`, without names; what it
//! holds is taken over, and named when it is next heard of.

use super::{
    digest::{Digests, Held, Name, Pending, Why},
    identity::{Id, Transition},
    memory::Memory,
    rate::{Bucket, Buckets},
    rule::Rate,
    state::{Instance, Open, State, Told, Who},
};
use crate::{
    alert::{FieldValue, Fields, Severity},
    entry::Silence,
};
use std::{collections::BTreeMap, fmt};
use tradehook_decimal::Wide;

const VERSION: u32 = 2;
const NOTIFIED: u8 = 1;
const EVENT: u8 = 2;
const OPEN: u8 = 4;
const SPENT: u8 = 8;
const DIGESTED: u8 = 1;
const ACKED: u8 = 2;
const REPLAY: u8 = 4;

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

impl Memory {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(64 + self.state.instances.len() * 160));
        w.0.extend(VERSION.to_le_bytes());
        w.i64(self.clock_ms);
        w.u64(self.state.instances.len() as u64);
        for (id, instance) in &self.state.instances {
            w.0.extend(id);
            w.instance(instance);
        }
        w.u64(self.digests.pending.len() as u64);
        for (channel, pending) in &self.digests.pending {
            w.text(channel);
            w.pending(pending);
        }
        w.u64(self.buckets.of.len() as u64);
        for (name, bucket) in &self.buckets.of {
            w.text(name);
            w.u64(bucket.rate.count.into());
            w.u64(bucket.rate.window_ms);
            w.u64(bucket.credit);
            w.i64(bucket.at_ms);
        }
        // Plain values only: serialising them cannot fail.
        w.text(&serde_json::to_string(&self.silences).unwrap_or_default());
        w.0
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader(bytes);
        let version = u32::from_le_bytes(reader.take().ok_or(StateError::Damaged)?);
        let memory = match version {
            1 => reader.memory_1(),
            VERSION => reader.memory(),
            _ if version > VERSION => return Err(StateError::Newer(version)),
            _ => None,
        };
        memory.filter(|_| reader.0.is_empty()).ok_or(StateError::Damaged)
    }
}

struct Writer(Vec<u8>);

fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

impl Writer {
    fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    fn instance(&mut self, instance: &Instance) {
        let Instance { who, open, event, notified_at_ms, seen_at_ms, suppressed, spent_until_ms } = instance;
        [&who.plugin, &who.rule, &who.key].into_iter().for_each(|text| self.text(text));
        self.0.push(
            flag(notified_at_ms.is_some(), NOTIFIED)
                | flag(event.is_some(), EVENT)
                | flag(open.is_some(), OPEN)
                | flag(spent_until_ms.is_some(), SPENT),
        );
        self.i64(*seen_at_ms);
        self.u64(*suppressed);
        if let Some(at_ms) = notified_at_ms {
            self.i64(*at_ms);
        }
        if let Some((episode, sequence)) = event {
            self.0.extend(episode);
            self.u64(*sequence);
        }
        if let Some(open) = open {
            self.open(open);
        }
        if let Some(until_ms) = spent_until_ms {
            self.i64(*until_ms);
        }
    }

    fn open(&mut self, open: &Open) {
        self.0.extend(open.episode);
        self.i64(open.at_ms);
        self.0.extend([open.severity as u8, open.told.severities]);
        self.0.push(flag(open.told.digested, DIGESTED) | flag(open.acked, ACKED) | flag(open.replay, REPLAY));
        self.u64(open.sequence);
        self.i64(open.spoken_ms);
        self.text(&open.title);
        self.u64(open.fields.len() as u64);
        for (name, value) in &open.fields {
            self.text(name);
            self.value(value);
        }
    }

    fn value(&mut self, value: &FieldValue) {
        match value {
            FieldValue::Null => self.0.push(0),
            FieldValue::Text(text) => {
                self.0.push(1);
                self.text(text);
            }
            FieldValue::Number(number) => {
                self.0.push(2);
                self.0.extend(number.mantissa().to_le_bytes());
                self.0.push(number.scale());
            }
            FieldValue::Int(int) => {
                self.0.push(3);
                self.i64(*int);
            }
            FieldValue::Float(float) => {
                self.0.push(4);
                self.u64(float.to_bits());
            }
            FieldValue::Bool(bool) => self.0.extend([5, u8::from(*bool)]),
        }
    }

    fn pending(&mut self, pending: &Pending) {
        self.0.extend(pending.seed);
        self.i64(pending.opened_ms);
        self.i64(pending.due_ms);
        self.0.push(u8::from(pending.replay));
        self.u64(pending.entries.len() as u64);
        for (name, held) in &pending.entries {
            [&name.rule, &name.plugin, &name.key].into_iter().for_each(|text| self.text(text));
            self.0.extend([kind_byte(name.kind), u8::from(name.why == Why::Outdated), held.severity as u8]);
            self.u64(held.count);
            self.u64(held.suppressed);
            self.i64(held.first_at_ms);
            self.i64(held.last_at_ms);
            self.0.extend(held.episode);
            self.text(&held.title);
        }
    }
}

const KINDS: [Transition; 5] =
    [Transition::Event, Transition::Firing, Transition::Changed, Transition::Repeat, Transition::Resolved];

fn kind_byte(kind: Transition) -> u8 {
    let at = KINDS.iter().position(|k| *k == kind).unwrap_or_default();
    u8::try_from(at).unwrap_or_default()
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

    fn text(&mut self) -> Option<String> {
        let len = u32::from_le_bytes(self.take()?) as usize;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        String::from_utf8(head.to_vec()).ok()
    }

    fn severity(&mut self) -> Option<Severity> {
        [Severity::Info, Severity::Warning, Severity::Critical].get(usize::from(self.byte()?)).copied()
    }

    fn memory(&mut self) -> Option<Memory> {
        let clock_ms = self.i64()?;
        let mut state = State::default();
        for _ in 0..self.u64()? {
            let id: Id = self.take()?;
            let instance = self.instance()?;
            state.instances.insert(id, instance);
        }
        let mut digests = Digests::default();
        for _ in 0..self.u64()? {
            let channel = self.text()?;
            let pending = self.pending()?;
            digests.pending.insert(channel, pending);
        }
        let mut buckets = Buckets::default();
        for _ in 0..self.u64()? {
            let name = self.text()?;
            let rate = Rate { count: u32::try_from(self.u64()?).ok()?, window_ms: self.u64()? };
            buckets.of.insert(name, Bucket { rate, credit: self.u64()?, at_ms: self.i64()? });
        }
        let silences: Vec<Silence> = serde_json::from_str(&self.text()?).ok()?;
        Some(Memory { clock_ms, state, digests, buckets, silences, ..Memory::default() })
    }

    fn instance(&mut self) -> Option<Instance> {
        let who = Who { plugin: self.text()?, rule: self.text()?, key: self.text()? };
        let flags = self.byte()?;
        let has = |bit: u8| flags & bit != 0;
        Some(Instance {
            who,
            seen_at_ms: self.i64()?,
            suppressed: self.u64()?,
            notified_at_ms: if has(NOTIFIED) { Some(self.i64()?) } else { None },
            event: if has(EVENT) { Some((self.take()?, self.u64()?)) } else { None },
            open: if has(OPEN) { Some(self.open()?) } else { None },
            spent_until_ms: if has(SPENT) { Some(self.i64()?) } else { None },
        })
    }

    fn open(&mut self) -> Option<Open> {
        let (episode, at_ms, severity) = (self.take()?, self.i64()?, self.severity()?);
        let [severities, flags] = self.take()?;
        let has = |bit: u8| flags & bit != 0;
        let told = Told { severities, digested: has(DIGESTED) };
        let (sequence, spoken_ms, title) = (self.u64()?, self.i64()?, self.text()?);
        let mut fields = Fields::new();
        for _ in 0..self.u64()? {
            fields.push((self.text()?, self.value()?));
        }
        let (acked, replay) = (has(ACKED), has(REPLAY));
        Some(Open { episode, at_ms, severity, told, acked, sequence, spoken_ms, title, fields, replay })
    }

    fn value(&mut self) -> Option<FieldValue> {
        Some(match self.byte()? {
            0 => FieldValue::Null,
            1 => FieldValue::Text(self.text()?),
            2 => FieldValue::Number(Wide::new(i128::from_le_bytes(self.take()?), self.byte()?)),
            3 => FieldValue::Int(self.i64()?),
            4 => FieldValue::Float(f64::from_bits(self.u64()?)),
            5 => FieldValue::Bool(self.byte()? != 0),
            _ => return None,
        })
    }

    fn pending(&mut self) -> Option<Pending> {
        let (seed, opened_ms, due_ms) = (self.take()?, self.i64()?, self.i64()?);
        let replay = self.byte()? != 0;
        let mut entries = BTreeMap::new();
        for _ in 0..self.u64()? {
            let (rule, plugin, key) = (self.text()?, self.text()?, self.text()?);
            let kind = *KINDS.get(usize::from(self.byte()?))?;
            let why = if self.byte()? == 0 { Why::Limited } else { Why::Outdated };
            let severity = self.severity()?;
            let held = Held {
                severity,
                count: self.u64()?,
                suppressed: self.u64()?,
                first_at_ms: self.i64()?,
                last_at_ms: self.i64()?,
                episode: self.take()?,
                title: self.text()?,
            };
            entries.insert(Name { rule, plugin, key, kind, why }, held);
        }
        Some(Pending { seed, opened_ms, due_ms, replay, entries })
    }

    fn memory_1(&mut self) -> Option<Memory> {
        let mut memory = Memory::default();
        for _ in 0..self.u64()? {
            let id: Id = self.take()?;
            let instance = self.instance_1()?;
            memory.clock_ms = memory.clock_ms.max(instance.seen_at_ms);
            memory.state.instances.insert(id, instance);
        }
        Some(memory)
    }

    fn instance_1(&mut self) -> Option<Instance> {
        let flags = self.byte()?;
        let has = |bit: u8| flags & bit != 0;
        Some(Instance {
            who: Who::default(),
            seen_at_ms: self.i64()?,
            suppressed: self.u64()?,
            notified_at_ms: if has(NOTIFIED) { Some(self.i64()?) } else { None },
            event: if has(EVENT) { Some((self.take()?, self.u64()?)) } else { None },
            open: if has(OPEN) { Some(self.open_1()?) } else { None },
            spent_until_ms: None,
        })
    }

    fn open_1(&mut self) -> Option<Open> {
        let (episode, at_ms, severity) = (self.take()?, self.i64()?, self.severity()?);
        let told = if self.byte()? != 0 { Told::default().with(severity) } else { Told::default() };
        Some(Open {
            episode,
            at_ms,
            severity,
            told,
            acked: false,
            sequence: self.u64()?,
            spoken_ms: at_ms,
            title: String::new(),
            fields: Fields::new(),
            replay: false,
        })
    }
}
