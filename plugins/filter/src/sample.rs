//! Choosing by chance, the same chance every time.
//!
//! A trade is kept when its hash, read as a fraction, is below the ratio. The hash depends on the
//! salt, the market's code and the sequential id alone: a replay keeps the same trades, and a
//! smaller ratio keeps a part of what a larger one keeps.
//!
//! The hash is defined here and will not change: FNV-1a (64 bits) over the salt, a byte 0xff, the
//! market's code, a byte 0xff and the sequential id as eight bytes, least first; then the 64-bit
//! finalizer of MurmurHash3, as FNV alone leaves the upper bits of like ids alike.

/// The hash so far, over salt and market.
#[must_use]
pub(crate) fn prefix(salt: &str, market: &str) -> u64 {
    let start = fnv(0xcbf2_9ce4_8422_2325, salt.as_bytes());
    fnv(fnv(fnv(start, &[0xff]), market.as_bytes()), &[0xff])
}

/// The whole hash of a trade.
#[inline]
#[must_use]
pub(crate) fn hash(prefix: u64, sequential_id: u64) -> u64 {
    let mut h = fnv(prefix, &sequential_id.to_le_bytes());
    h = (h ^ (h >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    h = (h ^ (h >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

#[inline]
fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |h, byte| (h ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_documented_one() {
        // FNV-1a's published vectors.
        assert_eq!(fnv(0xcbf2_9ce4_8422_2325, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv(0xcbf2_9ce4_8422_2325, b"foobar"), 0x8594_4171_f739_67e8);
        assert_ne!(prefix("a", "bKRW-BTC"), prefix("ab", "KRW-BTC"));
    }

    #[test]
    fn it_is_even_over_like_ids() {
        let prefix = prefix("salt", "KRW-BTC");
        let mut tenths = [0u32; 10];
        for id in 0..100_000u64 {
            let tenth = (u128::from(hash(prefix, 17_636_832_000_000_000 + id)) * 10) >> 64;
            tenths[tenth as usize] += 1;
        }
        assert!(tenths.iter().all(|n| (9_600..10_400).contains(n)), "{tenths:?}");
    }
}
