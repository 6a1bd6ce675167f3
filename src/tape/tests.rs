//! The tape as its users see it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod damage;
mod order;
mod retention;

use super::{Next, Reader, Tape, TapeConfig, testing};
use crate::{
    entry::{Control, Entry, Fact, FactValue, Gap, GapCause, Tick},
    market::MarketId,
    quote::Quote,
    trade::{Trade, Trades},
};
use std::ops::Range;

/// What a reader can come upon, one thing per offset.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Trade(u64, Trade),
    Entry(u64, Entry),
    Trimmed(Range<u64>),
    Damaged(Range<u64>),
}

/// Everything up to the present end, read in batches of at most `max`.
fn read_all(reader: &mut Reader, max: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut trades = Trades::default();
    loop {
        match reader.next(max, &mut trades).expect("reading the tape") {
            Next::Trades => {
                assert!((1..=max).contains(&trades.len()), "{} trades of {max}", trades.len());
                for index in 0..trades.len() {
                    seen.push(Seen::Trade(trades.offset[index], trades.get(index).unwrap()));
                }
            }
            Next::Quotes(quotes) => {
                assert!((1..=max as u64).contains(&quotes.count), "{} quotes of {max}", quotes.count);
                assert_eq!(quotes.rows.len() as u64, quotes.count);
                let quotes = (quotes.first..).zip(quotes.rows);
                seen.extend(quotes.map(|(offset, quote)| Seen::Entry(offset, Entry::Quote(quote))));
            }
            Next::Entry(offset, entry) => seen.push(Seen::Entry(offset, entry)),
            Next::Trimmed { from, to } => seen.push(Seen::Trimmed(from..to)),
            Next::Damaged { from, to } => seen.push(Seen::Damaged(from..to)),
            Next::Empty => return seen,
        }
    }
}

fn intern_markets(tape: &Tape) {
    for code in ["KRW-BTC", "KRW-ETH", "BTC-XRP"] {
        tape.intern(code).unwrap();
    }
}

fn tick(n: u64) -> Entry {
    Entry::Tick(Tick { at_ms: testing::trade(n).received_at_ms })
}

fn fact(n: u64) -> Entry {
    let value = match n % 5 {
        0 => FactValue::Bool(true),
        1 => FactValue::Int(-5),
        2 => FactValue::Number("10711749229465.390000000001".parse().unwrap()),
        3 => FactValue::Text("주의".to_owned()),
        _ => FactValue::Unknown,
    };
    let at_ms = testing::trade(n).received_at_ms;
    Entry::Fact(Fact { at_ms, name: format!("market.warning.{n}"), subject: "KRW-BTC".into(), value })
}

fn gap(n: u64) -> Entry {
    Entry::Gap(Gap {
        from_ms: 5,
        to_ms: 9 + i64::try_from(n).unwrap(),
        cause: GapCause::SessionLost,
        markets: vec![MarketId(1)],
        filled: n.is_multiple_of(2),
    })
}

/// Appends `count` entries in a seeded mix of kinds and batch sizes, and returns what a reader
/// must see of them.
fn append_mix(tape: &Tape, rng: &mut fastrand::Rng, count: u64) -> Vec<Seen> {
    let mut expected = Vec::new();
    let goal = tape.end() + count;
    while tape.end() < goal {
        let at = tape.end();
        let entry = match rng.u32(0..20) {
            0 => tick(at),
            1 => gap(at),
            2 if rng.bool() => Entry::Control(Control::Reload),
            2 => fact(at),
            3 => Entry::Quote(testing::quote(at)),
            4..8 => {
                let end = (at + rng.u64(1..40)).min(goal);
                let quotes: Vec<Quote> = (at..end).map(testing::quote).collect();
                assert_eq!(tape.append_quotes(&quotes).unwrap(), at..end);
                let seen = |(offset, quote)| Seen::Entry(offset, Entry::Quote(quote));
                expected.extend((at..).zip(quotes).map(seen));
                continue;
            }
            8..12 => Entry::Trade(testing::trade(at)),
            _ => {
                let end = (at + rng.u64(1..90)).min(goal);
                let trades: Vec<_> = (at..end).map(testing::trade).collect();
                assert_eq!(tape.append_trades(&trades).unwrap(), at..end);
                expected.extend((at..).zip(trades).map(|(offset, trade)| Seen::Trade(offset, trade)));
                continue;
            }
        };
        assert_eq!(tape.append(&entry).unwrap(), at);
        expected.push(match entry {
            Entry::Trade(trade) => Seen::Trade(at, trade),
            entry => Seen::Entry(at, entry),
        });
    }
    expected
}
