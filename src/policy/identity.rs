//! Identity: the three ids of an alert, derived from the input alone.
//!
//! ```text
//! fingerprint  = blake3("tradehook.fingerprint.1",  plugin, rule, blake3(semantic), key)
//! episode      = blake3("tradehook.episode.1",      fingerprint, at_ms, "trade" | "tick" | "quote",
//!                       sequential id | tick ms | offset of the quote)
//! notification = blake3("tradehook.notification.1", episode, transition, channel, sequence)
//! ```
//!
//! Every field is written as its length in bytes (u64, little-endian) and then its bytes, so that
//! no two lists of fields read the same; integers are 8 bytes, little-endian. Offsets of the tape
//! are left out where the venue gives something better: a trade that is fetched again after a crash
//! may stand at another offset. A quote has no id, and is never fetched again.

use crate::alert::Trigger;

/// 32 bytes of blake3.
pub(super) type Id = [u8; 32];

/// Which rule about what.
pub(super) type Fingerprint = Id;

/// Which step of an episode is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Transition {
    Event,
    Firing,
    /// Another severity of what fires.
    Changed,
    Repeat,
    Resolved,
}

impl Transition {
    /// Its name in ids and, after `alert.`, in messages.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Firing | Self::Changed => "firing",
            Self::Repeat => "repeat",
            Self::Resolved => "resolved",
        }
    }
}

/// The hash of a list of fields.
pub(super) fn hash(fields: &[&[u8]]) -> Id {
    let mut hasher = blake3::Hasher::new();
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    *hasher.finalize().as_bytes()
}

pub(super) fn fingerprint(plugin: &str, rule: &str, semantic: &str, key: &str) -> Fingerprint {
    let semantic = hash(&[semantic.as_bytes()]);
    hash(&[b"tradehook.fingerprint.1", plugin.as_bytes(), rule.as_bytes(), &semantic, key.as_bytes()])
}

pub(super) fn episode(fingerprint: &Fingerprint, at_ms: i64, trigger: Trigger) -> Id {
    let (kind, number): (&[u8], [u8; 8]) = match trigger {
        Trigger::Trade { sequential_id, .. } => (b"trade", sequential_id.to_le_bytes()),
        Trigger::Quote { offset, .. } => (b"quote", offset.to_le_bytes()),
        Trigger::Tick { at_ms, .. } => (b"tick", at_ms.to_le_bytes()),
    };
    hash(&[b"tradehook.episode.1", fingerprint, &at_ms.to_le_bytes(), kind, &number])
}

pub(super) fn notification(episode: &Id, transition: Transition, channel: &str, sequence: u64) -> Id {
    hash(&[
        b"tradehook.notification.1",
        episode,
        transition.as_str().as_bytes(),
        channel.as_bytes(),
        &sequence.to_le_bytes(),
    ])
}

/// In lower-case hex.
pub(super) fn hex(id: &Id) -> String {
    blake3::Hash::from_bytes(*id).to_hex().to_string()
}
