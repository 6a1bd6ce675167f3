//! The tables of the file, and the moves of a delivery through them.
//!
//! `queue` holds what is undelivered, in the order of commits for each channel; `lanes` finds the
//! first of a lane. `ids` says that an id was seen, and `gone` when those left that are no longer
//! queued, so that they can be forgotten in the order of age.

use crate::{
    alert::{AlertState, Severity},
    delivery::Delivery,
    outbox::{Committed, DeadLetter, Head, Limits, REDONE, Settle, Settled, StoreError},
    packed::Packed,
};
use redb::{ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, de::DeserializeOwned};
use std::path::Path;

/// The format of this file. A change to a table's meaning counts it up.
pub(super) const FORMAT: u64 = 2;

type Def<K, V> = TableDefinition<'static, K, V>;
type Row = (&'static str, u32, i64, &'static [u8]);

pub(super) const META: Def<&str, u64> = TableDefinition::new("meta");
pub(super) const CHECKPOINTS: Def<&str, (u128, u64)> = TableDefinition::new("checkpoints");
pub(super) const SNAPSHOTS: Def<(&str, &str), (u32, &[u8])> = TableDefinition::new("snapshots");
pub(super) const POLICIES: Def<&str, &[u8]> = TableDefinition::new("policies");
pub(super) const SEQS: Def<&str, u64> = TableDefinition::new("seqs");
/// (channel, seq) to (lane, attempt, not before, the delivery as JSON).
pub(super) const QUEUE: Def<(&str, u64), Row> = TableDefinition::new("queue");
/// (lane, seq) of everything in the queue.
pub(super) const LANES: Def<(&str, u64), ()> = TableDefinition::new("lanes");
/// Every id within the horizon; whether it is still queued.
pub(super) const IDS: Def<&str, bool> = TableDefinition::new("ids");
pub(super) const GONE: Def<(i64, &str), ()> = TableDefinition::new("gone");
pub(super) const DEAD: Def<u64, &[u8]> = TableDefinition::new("dead");

/// Makes every table, so that reading one that holds nothing is not an error.
pub(super) fn create(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_table(META)?;
    txn.open_table(CHECKPOINTS)?;
    txn.open_table(SNAPSHOTS)?;
    txn.open_table(POLICIES)?;
    txn.open_table(SEQS)?;
    txn.open_table(QUEUE)?;
    txn.open_table(LANES)?;
    txn.open_table(IDS)?;
    txn.open_table(GONE)?;
    txn.open_table(DEAD)?;
    Ok(())
}

/// Brings format 1 up to date, whose snapshots are as the plugins wrote them.
pub(super) fn pack(txn: &WriteTransaction) -> Result<(), redb::Error> {
    let mut snapshots = txn.open_table(SNAPSHOTS)?;
    let mut packed = Vec::new();
    for entry in snapshots.iter()? {
        let (key, value) = entry?;
        let ((pipeline, plugin), (version, bytes)) = (key.value(), value.value());
        packed.push((pipeline.to_owned(), plugin.to_owned(), version, Packed::pack(bytes)?));
    }
    for (pipeline, plugin, version, packed) in &packed {
        snapshots.insert((pipeline.as_str(), plugin.as_str()), (*version, packed.bytes()))?;
    }
    Ok(())
}

/// The tables through which deliveries move, open in one transaction.
pub(super) struct Queues<'t> {
    seqs: Table<'t, &'static str, u64>,
    queue: Table<'t, (&'static str, u64), Row>,
    lanes: Table<'t, (&'static str, u64), ()>,
    ids: Table<'t, &'static str, bool>,
    gone: Table<'t, (i64, &'static str), ()>,
    dead: Table<'t, u64, &'static [u8]>,
    limits: Limits,
}

impl<'t> Queues<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, limits: Limits) -> Result<Self, redb::Error> {
        Ok(Self {
            seqs: txn.open_table(SEQS)?,
            queue: txn.open_table(QUEUE)?,
            lanes: txn.open_table(LANES)?,
            ids: txn.open_table(IDS)?,
            gone: txn.open_table(GONE)?,
            dead: txn.open_table(DEAD)?,
            limits,
        })
    }

    pub(super) fn push(&mut self, delivery: &Delivery, done: &mut Committed) -> Result<(), redb::Error> {
        let Delivery { notification_id, channel, lane, .. } = delivery;
        if self.ids.get(notification_id.as_str())?.is_some() {
            done.known += 1;
            return Ok(());
        }
        let seq = self.seqs.get(channel.as_str())?.map_or(0, |v| v.value());
        self.seqs.insert(channel.as_str(), seq + 1)?;
        self.ids.insert(notification_id.as_str(), true)?;
        self.lanes.insert((lane.as_str(), seq), ())?;
        let bytes = encode(delivery)?;
        self.queue.insert((channel.as_str(), seq), (lane.as_str(), 0, 0, bytes.as_slice()))?;
        done.queued += 1;
        self.overflow(channel, seq, delivery.at_ms, done)
    }

    /// Keeps the span between a channel's oldest and newest within its limit. The span counts
    /// holes too: it is what can be known without a count of its own. [bounded]
    fn overflow(
        &mut self,
        channel: &str,
        newest: u64,
        at_ms: i64,
        done: &mut Committed,
    ) -> Result<(), redb::Error> {
        let first = self.queue.range((channel, 0)..=(channel, newest))?.next().transpose()?;
        let Some(oldest) = first.map(|(key, _)| key.value().1) else { return Ok(()) };
        if newest - oldest < self.limits.queued_per_channel {
            return Ok(());
        }
        done.overflowed += 1;
        self.dead(channel, oldest, "the outbox was full", at_ms)
    }

    /// The delivery leaves the queue; `None` when it is not in it.
    pub(super) fn sent(
        &mut self,
        channel: &str,
        seq: u64,
        now_ms: i64,
    ) -> Result<Option<Delivery>, redb::Error> {
        let Some(row) = self.queue.remove((channel, seq))? else { return Ok(None) };
        let (lane, _, _, bytes) = row.value();
        self.lanes.remove((lane, seq))?;
        let delivery: Delivery = decode(bytes)?;
        self.ids.insert(delivery.notification_id.as_str(), false)?;
        self.gone.insert((now_ms, delivery.notification_id.as_str()), ())?;
        Ok(Some(delivery))
    }

    pub(super) fn dead(
        &mut self,
        channel: &str,
        seq: u64,
        reason: &str,
        at_ms: i64,
    ) -> Result<(), redb::Error> {
        let Some(delivery) = self.sent(channel, seq, at_ms)? else { return Ok(()) };
        let number = self.dead.last()?.map_or(0, |(key, _)| key.value() + 1);
        let letter = DeadLetter { reason: reason.to_owned(), at_ms, delivery };
        self.dead.insert(number, encode(&letter)?.as_slice())?;
        while self.dead.len()? > self.limits.dead {
            self.dead.pop_first()?;
        }
        Ok(())
    }

    /// Takes the dead letters out that are meant, the oldest first.
    pub(super) fn take_dead(
        &mut self,
        which: &dyn Fn(&str, &str) -> bool,
    ) -> Result<Vec<DeadLetter>, redb::Error> {
        let mut taken = Vec::new();
        for entry in self.dead.iter()? {
            let (number, bytes) = entry?;
            let letter: DeadLetter = decode(bytes.value())?;
            if which(&letter.delivery.notification_id, &letter.delivery.channel) {
                taken.push((number.value(), letter));
            }
        }
        for (number, _) in &taken {
            self.dead.remove(number)?;
        }
        Ok(taken.into_iter().map(|(_, letter)| letter).collect())
    }

    /// Queues a message whose id has left the queue before.
    pub(super) fn push_again(&mut self, letter: &DeadLetter) -> Result<(), redb::Error> {
        let id = letter.delivery.notification_id.as_str();
        self.gone.remove((letter.at_ms, id))?;
        self.ids.remove(id)?;
        self.push(&letter.delivery, &mut Committed::default())?;
        let channel = letter.delivery.channel.as_str();
        let next = self.seqs.get(channel)?.map_or(0, |v| v.value());
        self.again(channel, next.saturating_sub(1), 0, REDONE)
    }

    pub(super) fn again(
        &mut self,
        channel: &str,
        seq: u64,
        attempt: u32,
        next_at_ms: i64,
    ) -> Result<(), redb::Error> {
        let Some(row) = self.queue.get((channel, seq))? else { return Ok(()) };
        let (lane, _, _, bytes) = row.value();
        let (lane, bytes) = (lane.to_owned(), bytes.to_owned());
        drop(row);
        self.queue.insert((channel, seq), (lane.as_str(), attempt, next_at_ms, bytes.as_slice()))?;
        Ok(())
    }

    pub(super) fn settle(
        &mut self,
        channel: &str,
        settled: &[Settled],
        now_ms: i64,
    ) -> Result<Vec<Option<Head>>, redb::Error> {
        let mut next = Vec::with_capacity(settled.len());
        for Settled { seq, lane, settle } in settled {
            match settle {
                Settle::Sent => drop(self.sent(channel, *seq, now_ms)?),
                Settle::Dead { reason } => self.dead(channel, *seq, reason, now_ms)?,
                Settle::Again { attempt, next_at_ms } => self.again(channel, *seq, *attempt, *next_at_ms)?,
            }
            next.push(first_of(&self.lanes, &self.queue, channel, lane)?);
        }
        Ok(next)
    }
}

/// What of a message its head shows.
#[derive(Deserialize)]
struct Brief {
    at_ms: i64,
    severity: Severity,
    state: AlertState,
}

/// The head of a row of the queue. A message that cannot be read is found out when it is tried.
pub(super) fn head(seq: u64, row: (&str, u32, i64, &[u8])) -> Head {
    let (lane, attempt, next_at_ms, bytes) = row;
    let unread = Brief { at_ms: 0, severity: Severity::Critical, state: AlertState::Event };
    let Brief { at_ms, severity, state } = serde_json::from_slice(bytes).unwrap_or(unread);
    Head { seq, lane: lane.to_owned(), attempt, next_at_ms, at_ms, severity, state }
}

/// The oldest delivery of a lane.
pub(super) fn first_of(
    lanes: &impl ReadableTable<(&'static str, u64), ()>,
    queue: &impl ReadableTable<(&'static str, u64), Row>,
    channel: &str,
    lane: &str,
) -> Result<Option<Head>, redb::Error> {
    let first = lanes.range((lane, 0)..=(lane, u64::MAX))?.next().transpose()?;
    let Some(seq) = first.map(|(key, _)| key.value().1) else { return Ok(None) };
    Ok(queue.get((channel, seq))?.map(|row| head(seq, row.value())))
}

pub(super) fn encode(value: &impl serde::Serialize) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(value).map_err(|error| redb::Error::Io(error.into()))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, redb::Error> {
    serde_json::from_slice(bytes).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

/// What redb says, with the file and what was being done.
pub(super) fn place(path: &Path, doing: &'static str, error: &redb::Error) -> StoreError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse(path),
        redb::Error::UpgradeRequired(_)
        | redb::Error::Corrupted(_)
        | redb::Error::TableTypeMismatch { .. } => StoreError::Damaged { path, why: error.to_string() },
        // How redb says that a file is not one of its own.
        redb::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
            StoreError::Damaged { path, why: io.to_string() }
        }
        _ => StoreError::Io { path, doing, why: error.to_string() },
    }
}
