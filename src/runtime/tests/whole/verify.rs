//! What a plugin was told, compared with what the venue made.

use super::{
    super::rows::{Row, concerns, ordered, rows},
    Plan,
};
use crate::{
    alert::FieldValue,
    market::MarketId,
    pipeline::{Emitted, MarketFilter, NodeSpec, Pipeline},
    plugin::{Limits, Plugin},
    tape::{Next, Tape},
    trade::{Flags, Trades},
    venue::{Venue, VenueTrade},
};
use std::collections::HashSet;

/// What happened, over all seeds.
#[derive(Debug, Default)]
pub(super) struct Sum {
    trades: usize,
    backfilled: usize,
    late: usize,
    filled: usize,
    unfilled: usize,
    missed: usize,
    restarts: usize,
}

impl Sum {
    pub(super) fn add(&mut self, more: &Self) {
        self.trades += more.trades;
        self.backfilled += more.backfilled;
        self.late += more.late;
        self.filled += more.filled;
        self.unfilled += more.unfilled;
        self.missed += more.missed;
        self.restarts += more.restarts;
    }

    /// Whether everything happened that a run over many seeds is for.
    pub(super) fn is_telling(&self) -> bool {
        [self.backfilled, self.late, self.filled, self.restarts].iter().all(|&count| count > 0)
    }
}

/// What the guest said of the tape: market and id of each trade.
fn read(tape: &Tape, guest: &Plugin, batch: usize) -> Result<Vec<(String, u64)>, String> {
    let spec = NodeSpec {
        name: "ids".into(),
        plugin: guest.clone(),
        config: r#"{"do": "trade-records"}"#.into(),
        limits: Limits::default(),
        input: None,
        markets: MarketFilter::default(),
    };
    let mut pipeline = Pipeline::start("ids", vec![spec], None).map_err(|e| format!("{e:?}"))?;
    tape.with_markets(|markets| pipeline.learn_markets(markets.since(0)));
    let (mut reader, mut trades, mut out) = (tape.reader(0), Trades::default(), Vec::new());
    loop {
        match reader.next(batch, &mut trades).map_err(|e| e.to_string())? {
            Next::Trades => trades = pipeline.trades(std::mem::take(&mut trades), &mut out),
            Next::Entry(offset, entry) => pipeline.entry(offset, &entry, &mut out),
            Next::Empty => break,
            other => return Err(format!("the tape gives {other:?}")),
        }
    }
    let incidents = pipeline.take_incidents();
    if !incidents.is_empty() {
        return Err(format!("the guest fails: {incidents:?}"));
    }
    let told = out.iter().filter_map(|emitted| match emitted {
        Emitted::Record(record) if record.topic == "trade" => match record.fields.as_slice() {
            [(_, FieldValue::Text(market)), (_, FieldValue::Number(id))] => {
                Some((market.clone(), id.to_string().parse().ok()?))
            }
            _ => None,
        },
        _ => None,
    });
    Ok(told.collect())
}

/// Everything that the venue made since a market began was told once, or lies in a gap that was
/// said; what was fetched stands in order.
pub(super) fn verify(
    plan: &Plan,
    venue: &Venue,
    tape: &Tape,
    guest: &Plugin,
    story: bool,
) -> Result<Sum, String> {
    let (rows, told) = (rows(tape)?, read(tape, guest, plan.batch)?);
    let mut sum = Sum { trades: told.len(), restarts: plan.restarts.len(), ..Sum::default() };
    let code = |market: MarketId| {
        tape.with_markets(|markets| markets.code(market).map(ToString::to_string)).unwrap_or_default()
    };
    let on_tape: Vec<(String, u64)> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Trade { market, id, .. } => Some((code(*market), *id)),
            Row::Gap(_) => None,
        })
        .collect();
    if on_tape != told {
        return Err("what the guest was told is not what stands on the tape".into());
    }
    for row in &rows {
        match row {
            Row::Trade { flags, .. } => {
                sum.backfilled += usize::from(flags.has(Flags::BACKFILLED));
                sum.late += usize::from(flags.has(Flags::LATE));
            }
            Row::Gap(gap) => *(if gap.filled { &mut sum.filled } else { &mut sum.unfilled }) += 1,
        }
    }
    for name in &plan.codes {
        let Some(market) = tape.with_markets(|markets| markets.id(name)) else { continue };
        let made = venue.all_trades(name);
        if story {
            tell(market, name, &rows, plan.start_ms);
        }
        ordered(market, &rows).map_err(|why| format!("{name}: {why}"))?;
        sum.missed += whole(market, &rows, &made, plan.start_ms).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(sum)
}

/// How many trades are missing, each inside a gap that was said.
fn whole(market: MarketId, rows: &[Row], made: &[VenueTrade], start_ms: i64) -> Result<usize, String> {
    let mut ids = HashSet::new();
    let mut first: Option<&VenueTrade> = None;
    for row in rows {
        let Row::Trade { market: of, id, .. } = row else { continue };
        if *of != market {
            continue;
        }
        if !ids.insert(*id) {
            return Err(format!("{id} came twice"));
        }
        if first.is_none() {
            first = made.iter().find(|trade| trade.sequential_id == *id);
        }
    }
    let all: HashSet<u64> = made.iter().map(|trade| trade.sequential_id).collect();
    if let Some(id) = ids.difference(&all).next() {
        return Err(format!("{id} was never made"));
    }
    // A market that never showed itself: nothing can be known to be missing of it.
    let Some(first) = first else { return Ok(0) };
    let place = |trade: &VenueTrade| (trade.traded_at_ms, trade.sequential_id);
    let missing: Vec<&VenueTrade> = made
        .iter()
        .filter(|trade| trade.arrives_at_ms >= first.arrives_at_ms && place(trade) > place(first))
        .filter(|trade| !ids.contains(&trade.sequential_id))
        .collect();
    let is_said = |trade: &VenueTrade| {
        rows.iter().any(|row| match row {
            Row::Gap(gap) => {
                !gap.filled
                    && concerns(gap, market)
                    && (gap.from_ms..=gap.to_ms).contains(&trade.traded_at_ms)
            }
            Row::Trade { .. } => false,
        })
    };
    match missing.iter().find(|trade| !is_said(trade)) {
        None => Ok(missing.len()),
        Some(trade) => Err(format!(
            "{} of {} ms after the start, sent at {} ms, is missing, and no gap says so",
            trade.sequential_id,
            trade.traded_at_ms - start_ms,
            trade.arrives_at_ms - start_ms
        )),
    }
}

fn tell(market: MarketId, name: &str, rows: &[Row], start_ms: i64) {
    for row in rows {
        match row {
            Row::Trade { market: of, ms, id, flags } if *of == market => {
                println!("{name} {}.{} {flags:?}", ms - start_ms, id % 10_000);
            }
            Row::Gap(gap) if concerns(gap, market) => {
                let (from, to) = (gap.from_ms - start_ms, gap.to_ms - start_ms);
                println!("{name} gap {from}..{to} {:?} {}", gap.cause, gap.filled);
            }
            _ => {}
        }
    }
}
