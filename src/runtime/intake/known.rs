//! What the intake remembers of each market: its last trades, so that a snapshot is known again.
//!
//! On every subscription the venue sends the last trade of each market once more. It is told by its
//! sequential id among the last ones of its market: ids are unique but come in no order, so a
//! highest id would prove nothing.
//!
//! Keeps: [bounded]

use crate::{
    market::MarketId,
    tape::{Next, Tape},
    trade::{Flags, Trades},
};

/// Ids that are remembered of each market. A snapshot repeats the very last trade; a sweep that
/// arrived late may stand between (up to 33 trades of one second were recorded in 2021).
const REMEMBERED: usize = 64;
/// Entries at the end of a tape that a new process looks at.
const LOOK_BACK: u64 = 65_536;

#[derive(Clone, Debug)]
struct Market {
    ids: [u64; REMEMBERED],
    next: usize,
    newest_ms: i64,
}

impl Default for Market {
    fn default() -> Self {
        Self { ids: [0; REMEMBERED], next: 0, newest_ms: i64::MIN }
    }
}

/// The last trades of every market.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Market>);

impl Known {
    /// What the end of the tape says.
    pub(super) fn from_tape(tape: &Tape) -> Self {
        let mut known = Self::default();
        let mut reader = tape.reader(tape.end().saturating_sub(LOOK_BACK).max(tape.start()));
        let mut trades = Trades::default();
        reader.want_quotes(false);
        while let Ok(next) = reader.next(4096, &mut trades) {
            match next {
                Next::Empty => break,
                Next::Trades => {
                    for i in 0..trades.len() {
                        if let Some(trade) = trades.get(i) {
                            known.note(trade.market, trade.sequential_id, trade.traded_at_ms, false);
                        }
                    }
                }
                Next::Quotes(_) | Next::Entry(..) | Next::Trimmed { .. } | Next::Damaged { .. } => {}
            }
        }
        known
    }

    /// Remembers a trade; `None` when it is a snapshot of one that is remembered. The flags say
    /// whether a later trade of its market came before it.
    pub(super) fn note(
        &mut self,
        market: MarketId,
        id: u64,
        traded_at_ms: i64,
        snapshot: bool,
    ) -> Option<Flags> {
        let at = market.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, Market::default());
        }
        let known = self.0.get_mut(at)?;
        if snapshot && known.ids.contains(&id) {
            return None;
        }
        if let Some(place) = known.ids.get_mut(known.next % REMEMBERED) {
            *place = id;
        }
        known.next = (known.next + 1) % REMEMBERED;
        if traded_at_ms < known.newest_ms {
            return Some(Flags::LATE);
        }
        known.newest_ms = traded_at_ms;
        Some(Flags::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_a_known_trade_is_a_repetition_and_nothing_else_is() {
        let mut known = Known::default();
        let (a, b) = (MarketId(0), MarketId(1));
        assert_eq!(known.note(a, 7, 1_000, true), Some(Flags::default()), "the first sight of a market");
        assert_eq!(known.note(a, 9, 2_000, false), Some(Flags::default()));
        assert_eq!(known.note(a, 8, 1_500, false), Some(Flags::LATE), "ids and times come out of order");
        assert_eq!(known.note(a, 9, 2_000, true), None);
        assert_eq!(known.note(a, 7, 1_000, true), None);
        assert_eq!(known.note(b, 9, 2_000, true), Some(Flags::default()), "ids repeat across markets");
        (100..100 + REMEMBERED as u64).for_each(|id| {
            known.note(a, id, 3_000, false);
        });
        assert_eq!(known.note(a, 9, 2_000, true), Some(Flags::LATE), "the memory is bounded");
    }
}
