//! A band: the four integers at which a level's truth changes, whatever it is a level of.

/// Where the truth about a sum changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// From this value on.
    Grown(i128),
    /// Below this value.
    Below(i128),
}

/// Bounds of one level condition. Truth begins at or past an `in` bound and ends strictly between
/// the `out` bounds: entering is inclusive, leaving is the exact complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band {
    pub(crate) up_in: i128,
    pub(crate) up_out: i128,
    pub(crate) down_in: i128,
    pub(crate) down_out: i128,
    /// True between the bounds instead of beyond them; then without hysteresis.
    pub(crate) inverted: bool,
}

impl Band {
    /// True nowhere.
    pub(crate) const NEVER: Self = Self {
        up_in: i128::MAX,
        up_out: i128::MAX,
        down_in: i128::MIN,
        down_out: i128::MIN,
        inverted: false,
    };

    /// Truth at `x`, having been `was`.
    #[inline]
    pub(crate) fn truth(&self, was: bool, x: i128) -> bool {
        let beyond = if was != self.inverted {
            x >= self.up_out || x <= self.down_out
        } else {
            x >= self.up_in || x <= self.down_in
        };
        beyond != self.inverted
    }

    /// Where a sum that has bounds on one side only changes truth, which is `is`.
    pub(crate) fn turn(&self, is: bool) -> Turn {
        match (self.down_in > i128::MIN, is) {
            (false, false) => Turn::Grown(self.up_in),
            (false, true) => Turn::Below(self.up_out),
            (true, false) => Turn::Below(self.down_in.saturating_add(1)),
            (true, true) => Turn::Grown(self.down_out.saturating_add(1)),
        }
    }

    /// The values around `x` at which truth stays `is`, which it is at `x`.
    pub(crate) fn quiet(&self, is: bool, x: i128) -> (i128, i128) {
        if is == self.inverted {
            (self.down_in.saturating_add(1), self.up_in - 1)
        } else if x >= self.up_out {
            (self.up_out, i128::MAX)
        } else {
            (i128::MIN, self.down_out)
        }
    }
}
