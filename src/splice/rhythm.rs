//! How often something comes: the last few pauses between beats, and their median.

/// Pauses that are remembered. Odd, so that the median is one of them.
const REMEMBERED: usize = 15;

/// The last pauses.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    pauses: [u32; REMEMBERED],
    count: u32,
    last_at: Option<u64>,
}

impl Rhythm {
    /// It came, at this time in ms. What comes together is one beat.
    #[inline]
    pub(super) fn beat(&mut self, at: u64) {
        let Some(last) = self.last_at.replace(at) else { return };
        if at > last {
            let pause = u32::try_from(at - last).unwrap_or(u32::MAX);
            if let Some(place) = self.pauses.get_mut(self.count as usize % REMEMBERED) {
                *place = pause;
            }
            self.count = self.count.wrapping_add(1).max(1);
        }
    }

    /// A pause for another reason than its own: it is no part of the rhythm.
    pub(super) fn interrupted(&mut self) {
        self.last_at = None;
    }

    /// When it last came.
    pub(super) fn last_at(&self) -> Option<u64> {
        self.last_at
    }

    /// The median pause in ms, once enough are known to judge by.
    pub(super) fn median(&self) -> Option<u64> {
        if (self.count as usize) < REMEMBERED {
            return None;
        }
        let mut sorted = self.pauses;
        sorted.sort_unstable();
        Some(u64::from(sorted[REMEMBERED / 2]))
    }
}
