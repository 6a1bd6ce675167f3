//! What a new process knows from the end of its tape.

use crate::{
    market::{MarketId, Markets},
    splice::Splice,
    tape::{Next, Tape},
    trade::Trades,
};

/// Entries at the end of a tape that a new process looks at: some 40 MiB, read in 10 ms.
const LOOK_BACK: u64 = 500_000;
/// And at most, where few of them are trades.
const FURTHEST_BACK: u64 = 8_000_000;
/// So many trades among them will do.
const ENOUGH: usize = 50_000;

/// Reads the end of the tape into the splice.
pub(super) fn remember(tape: &Tape, splice: &mut Splice) {
    // Books and tickers take offsets too: where there are many of them it is read from further back.
    let mut back = LOOK_BACK;
    let begin = loop {
        let begin = tape.end().saturating_sub(back).max(tape.start());
        if begin == tape.start() || back >= FURTHEST_BACK || trades_since(tape, begin) >= ENOUGH {
            break begin;
        }
        back *= 4;
    };
    let mut first_ms = None;
    each_batch(tape, begin, |trades| {
        for ((&market, &id), &at_ms) in
            trades.market.iter().zip(&trades.sequential_id).zip(&trades.traded_at_ms)
        {
            first_ms.get_or_insert(at_ms);
            splice.remember(MarketId(market), id, at_ms);
        }
    });
    // What lies before the part that was read was on the tape as well.
    if let Some(first_ms) = first_ms.filter(|_| begin > 0) {
        for index in 0..tape.with_markets(Markets::len) {
            splice.forget_before(MarketId(u32::try_from(index).unwrap_or(u32::MAX)), first_ms);
        }
    }
}

fn trades_since(tape: &Tape, begin: u64) -> usize {
    let mut count = 0;
    each_batch(tape, begin, |trades| count += trades.len());
    count
}

fn each_batch(tape: &Tape, begin: u64, mut each: impl FnMut(&Trades)) {
    let mut reader = tape.reader(begin);
    reader.want_quotes(false);
    let mut trades = Trades::default();
    while let Ok(next) = reader.next(4096, &mut trades) {
        match next {
            Next::Empty => break,
            Next::Trades => each(&trades),
            Next::Quotes(_) | Next::Entry(..) | Next::Trimmed { .. } | Next::Damaged { .. } => {}
        }
    }
}
