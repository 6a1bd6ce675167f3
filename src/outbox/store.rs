//! The store's contract, which the file and the memory variant keep alike.
//!
//! Numbers of deliveries (`seq`) count up per channel and are never given out twice, so that a
//! reader with a cursor meets each delivery once. Nothing here loads more than a page.

use super::StoreError;
use crate::{
    alert::{AlertState, Severity},
    delivery::Delivery,
    packed::Packed,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// How long the id of a delivered or dead message is remembered: deriving it again within this
/// time changes nothing. Chosen: as far back as the venue's REST goes.
pub const HORIZON_MS: i64 = 7 * 24 * 3600 * 1000;

/// When a message may be tried that a person queued again: at once. By this it is known, too, that
/// neither its age nor quiet hours count.
pub const REDONE: i64 = 1;

/// What a plugin wants to outlive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The plugin's own version of the bytes.
    pub version: u32,
    /// What it wrote.
    pub packed: Packed,
}

/// Where a pipeline stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The pipeline's name.
    pub pipeline: String,
    /// The tape to which `offset` belongs.
    pub tape_id: u128,
    /// The next offset to be read.
    pub offset: u64,
    /// By plugin name. Committing keeps what the store has of plugins that are not named here.
    pub plugins: Vec<(String, Snapshot)>,
    /// The policy's state. Committing `None` keeps what the store has.
    pub policy: Option<Vec<u8>>,
}

/// What a commit did with the deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Queued.
    pub queued: u64,
    /// Known already, by their ids: nothing was changed.
    pub known: u64,
    /// Older ones that became dead letters because their channel's queue was full.
    pub overflowed: u64,
}

/// Bounds of a store. [bounded]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Undelivered messages of one channel; beyond it the oldest become dead letters.
    pub queued_per_channel: u64,
    /// Dead letters; beyond it the oldest are forgotten.
    pub dead: u64,
}

impl Limits {
    /// For a store on disk. Chosen, not measured: a channel that is down for a week at one alert
    /// a second fits.
    pub const FILE: Self = Self { queued_per_channel: 1_000_000, dead: 10_000 };
    /// For a store in memory: some 50 MB at the very most.
    pub const MEMORY: Self = Self { queued_per_channel: 20_000, dead: 1_000 };
}

/// A queued delivery without its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number within the channel.
    pub seq: u64,
    /// Its lane.
    pub lane: String,
    /// How often it was tried.
    pub attempt: u32,
    /// Not to be tried before, ms since the Unix epoch.
    pub next_at_ms: i64,
    /// Event time of the message, ms since the Unix epoch.
    pub at_ms: i64,
    /// How urgent it is.
    pub severity: Severity,
    /// Where its alert stands.
    pub state: AlertState,
}

/// What became of a delivery that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Delivered.
    Sent,
    /// To be tried again.
    Again {
        /// How often it was tried.
        attempt: u32,
        /// Not before, ms since the Unix epoch.
        next_at_ms: i64,
    },
    /// Given up.
    Dead {
        /// Why.
        reason: String,
    },
}

/// [`Settle`] for one delivery of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its number.
    pub seq: u64,
    /// Its lane.
    pub lane: String,
    /// What became of it.
    pub settle: Settle,
}

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Why.
    pub reason: String,
    /// When, ms since the Unix epoch.
    pub at_ms: i64,
    /// The message.
    pub delivery: Delivery,
}

/// Keeps checkpoints and deliveries. Shared by the pipelines' threads and the sender.
pub trait Store: Send + Sync {
    /// The last committed checkpoint of a pipeline, with every snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn checkpoint(&self, pipeline: &str) -> Result<Option<Checkpoint>, StoreError>;

    /// Commits a checkpoint and what came of it, all or nothing. A delivery whose id is known is
    /// passed over. Returns when it is safe to act on it: with deliveries or policy state, when it
    /// is on disk; a bare offset may be lost in a crash, and then is derived again. Blocks.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is kept then.
    fn commit(&self, checkpoint: &Checkpoint, deliveries: &[Delivery]) -> Result<Committed, StoreError>;

    /// Queued deliveries of a channel from number `from` on, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn page(&self, channel: &str, from: u64, limit: usize) -> Result<Vec<Head>, StoreError>;

    /// The message of a queued delivery; `None` when it is no longer queued.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn delivery(&self, channel: &str, seq: u64) -> Result<Option<Delivery>, StoreError>;

    /// The oldest queued delivery of a lane.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn first(&self, channel: &str, lane: &str) -> Result<Option<Head>, StoreError>;

    /// Settles deliveries of a channel and queues others in their place, all or nothing; forced to
    /// disk. What comes is queued as [`Store::commit`] does it.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is changed then.
    fn exchange(
        &self,
        channel: &str,
        gone: &[Settled],
        come: &[Delivery],
        now_ms: i64,
    ) -> Result<Committed, StoreError>;

    /// Settles deliveries of a channel, and yields for each the next of its lane where it left
    /// the queue. Not forced to disk: what a crash undoes is sent again under the same id.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn settle(
        &self,
        channel: &str,
        settled: &[Settled],
        now_ms: i64,
    ) -> Result<Vec<Option<Head>>, StoreError>;

    /// Forgets ids older than [`HORIZON_MS`], at most some thousands at once; how many.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn prune(&self, now_ms: i64) -> Result<u64, StoreError>;

    /// Forces everything to disk; does nothing where everything is.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn flush(&self) -> Result<(), StoreError>;

    /// How many deliveries are queued, over all channels.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn queued(&self) -> Result<u64, StoreError>;

    /// Channels that have something queued, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn channels(&self) -> Result<Vec<String>, StoreError>;

    /// The newest dead letters, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// Queues dead letters anew that `which` means by id and channel, as if they had never been
    /// tried; how many.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is changed then.
    fn redo(&self, which: &dyn Fn(&str, &str) -> bool) -> Result<u64, StoreError>;

    /// Forgets dead letters that `which` means by id and channel; how many.
    ///
    /// # Errors
    /// When the store cannot be written; nothing is changed then.
    fn forget(&self, which: &dyn Fn(&str, &str) -> bool) -> Result<u64, StoreError>;

    /// Changes with every commit that queues something.
    fn changes(&self) -> watch::Receiver<u64>;
}
