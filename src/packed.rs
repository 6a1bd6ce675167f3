//! Bytes that are kept for a while and seldom read: what plugins remember, between two snapshots
//! and in the store.
//!
//! A snapshot of `alert` is its trades, which pack to about half; one copy is shared by all who
//! keep it.
//!
//! Keeps: [bounded]

use std::{io, sync::Arc};

/// Of zstd: faster than a disk, and within a few per cent of the levels above it on snapshots.
const LEVEL: i32 = 1;

/// Shorter ones are kept as they are: packing them would gain nothing.
const SHORT: usize = 4096;
/// The first byte: what the others are.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Packed bytes; a copy shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed(Arc<[u8]>);

impl Packed {
    /// Packs `bytes`.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn pack(bytes: &[u8]) -> io::Result<Self> {
        if bytes.len() < SHORT {
            return Ok(Self::plain(bytes));
        }
        let mut packed = vec![ZSTD];
        zstd::stream::copy_encode(bytes, &mut packed, LEVEL)?;
        Ok(Self(packed.into()))
    }

    /// Keeps `bytes` as they are.
    #[must_use]
    pub fn plain(bytes: &[u8]) -> Self {
        Self([&[PLAIN], bytes].concat().into())
    }

    /// What [`Packed::bytes`] gave before.
    #[must_use]
    pub fn from_packed(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// As they are stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes that were packed.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn unpack(&self) -> io::Result<Vec<u8>> {
        match self.0.split_first() {
            Some((&PLAIN, bytes)) => Ok(bytes.to_vec()),
            Some((&ZSTD, bytes)) => zstd::stream::decode_all(bytes),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it does not begin as it should")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_damage_is_told() {
        for bytes in [vec![], vec![7; 100_000], (0..=255).collect()] {
            let packed = Packed::pack(&bytes).unwrap();
            let stored = Packed::from_packed(packed.bytes().to_vec());
            assert_eq!((stored.unpack().unwrap(), &stored), (bytes, &packed));
        }
        let packed = Packed::pack(&[3; 10_000]).unwrap();
        assert!(packed.bytes().len() < 1000);
        assert!(Packed::from_packed(packed.bytes()[..packed.bytes().len() / 2].to_vec()).unpack().is_err());
        assert!(Packed::from_packed(vec![9, 2, 3]).unpack().is_err());
        assert!(Packed::from_packed(vec![]).unpack().is_err());
    }
}
