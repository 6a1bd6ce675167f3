//! A tape as the tests look at it: trades and gaps.

use crate::{
    entry::{Entry, Gap},
    market::MarketId,
    tape::{Next, Tape},
    trade::{Flags, Trades},
};

/// A trade or a gap as it stands on the tape.
pub(super) enum Row {
    Trade { market: MarketId, ms: i64, id: u64, flags: Flags },
    Gap(Gap),
}

pub(super) fn rows(tape: &Tape) -> Result<Vec<Row>, String> {
    let (mut reader, mut trades, mut rows) = (tape.reader(0), Trades::default(), Vec::new());
    loop {
        match reader.next(4096, &mut trades).map_err(|error| error.to_string())? {
            Next::Trades => {
                rows.extend((0..trades.len()).filter_map(|at| trades.get(at)).map(|trade| Row::Trade {
                    market: trade.market,
                    ms: trade.traded_at_ms,
                    id: trade.sequential_id,
                    flags: trade.flags,
                }));
            }
            Next::Entry(_, Entry::Gap(gap)) => rows.push(Row::Gap(gap)),
            Next::Quotes(_) | Next::Entry(..) => {}
            Next::Empty => return Ok(rows),
            other => return Err(format!("the tape gives {other:?}")),
        }
    }
}

/// Between two gaps that were said of a market, what was fetched stands behind what came before it.
pub(super) fn ordered(market: MarketId, rows: &[Row]) -> Result<(), String> {
    let mut before: Option<(i64, u64)> = None;
    for row in rows {
        match row {
            Row::Gap(gap) if concerns(gap, market) => before = None,
            Row::Trade { market: of, ms, id, flags } if *of == market => {
                if let Some(before) = before.filter(|&before| before > (*ms, *id))
                    && flags.has(Flags::BACKFILLED)
                {
                    return Err(format!("{id} was fetched and stands behind {}", before.1));
                }
                before = Some((*ms, *id));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn concerns(gap: &Gap, market: MarketId) -> bool {
    gap.markets.is_empty() || gap.markets.contains(&market)
}
