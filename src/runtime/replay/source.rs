//! Where a replay reads from: lines, a tape, or entries that somebody made.
//!
//! A recording of trades has no clock of its own: a tick stands at every whole second, before the
//! first trade or quote of that second, as the live job writes them.
//!
//! Keeps: [time-enters-once] [bounded]

use super::ReplayError;
use crate::{
    entry::{Entry, Tick},
    market::Markets,
    pipeline::Pipeline,
    quote::{Quote, Quotes},
    replay::{Lines, Recording, received_at_ms},
    splice::Seen,
    tape::{Next, Reader, Tape},
    trade::{Flags, Trade, Trades},
    upbit::{self, Event},
};
use std::{
    collections::{BTreeSet, VecDeque},
    path::Path,
};

/// Lines that are decoded at a time.
const READ_AHEAD: usize = 4096;
const SECOND_MS: i64 = 1_000;
const LONGEST_SILENCE_MS: i64 = 3_600_000;

/// Where a replay reads from.
pub enum Source {
    /// JSON lines.
    Lines {
        /// The file.
        lines: Box<Lines>,
        /// The markets in it, in order of first sight.
        markets: Markets,
        /// The offset that the next entry gets.
        offset: u64,
        /// The clock of the recording.
        clock: Clock,
        /// What was read and stands behind a tick.
        ahead: Box<Ahead>,
    },
    /// A tape.
    Tape {
        /// The tape.
        tape: Tape,
        /// Where it is read.
        reader: Box<Reader>,
    },
    /// Entries that somebody made.
    Script {
        /// Those that were not fed.
        entries: VecDeque<Entry>,
        /// The markets in them.
        markets: Markets,
        /// The offset that the next entry gets.
        offset: u64,
        /// How many there were.
        total: u64,
    },
}

impl Source {
    /// Opens a recording: JSON lines, plain or zstd, or a tape.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        match Recording::open(path).map_err(ReplayError::Recording)? {
            Recording::Lines(lines) => Ok(Self::Lines {
                lines: Box::new(lines),
                markets: Markets::default(),
                offset: 0,
                clock: Clock::default(),
                ahead: Box::default(),
            }),
            Recording::Tape(path) => {
                let tape = Tape::open_read_only(&path).map_err(ReplayError::Tape)?;
                let reader = Box::new(tape.reader(tape.start()));
                Ok(Self::Tape { tape, reader })
            }
        }
    }

    /// Of entries that somebody made.
    #[must_use]
    pub fn script(markets: Markets, entries: Vec<Entry>) -> Self {
        Self::Script { total: entries.len() as u64, entries: entries.into(), markets, offset: 0 }
    }

    /// How much there is, and how much of it has been read: bytes of a file, entries of a tape.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        match self {
            Self::Script { entries, total, .. } => (*total, total - entries.len() as u64),
            Self::Lines { lines, .. } => (lines.total_bytes(), lines.consumed_bytes()),
            Self::Tape { tape, reader } => (tape.end() - tape.start(), reader.position() - tape.start()),
        }
    }

    /// How many trades came again and were passed over.
    pub(super) fn repeated(&self) -> u64 {
        if let Self::Lines { ahead, .. } = self { ahead.repeated } else { 0 }
    }

    /// The markets in what was read.
    pub(super) fn markets(&self) -> BTreeSet<String> {
        let names = |markets: &Markets| markets.since(0).map(|code| code.to_string()).collect();
        match self {
            Self::Lines { markets, .. } | Self::Script { markets, .. } => names(markets),
            Self::Tape { tape, .. } => tape.with_markets(names),
        }
    }

    pub(super) fn learn(&self, pipeline: &mut Pipeline) {
        let mut teach = |markets: &Markets| {
            let known = pipeline.markets_known();
            if known < markets.len() {
                pipeline.learn_markets(markets.since(known));
            }
        };
        match self {
            Self::Lines { markets, .. } | Self::Script { markets, .. } => teach(markets),
            Self::Tape { tape, .. } => tape.with_markets(teach),
        }
    }

    pub(super) fn next(&mut self, max: usize, trades: &mut Trades) -> Result<Option<Next>, ReplayError> {
        match self {
            Self::Script { entries, offset, .. } => Ok(next_of(entries, offset, max, trades)),
            Self::Tape { reader, .. } => {
                let next = reader.next(max, trades).map_err(ReplayError::Tape)?;
                match next {
                    Next::Trades => trades.flags.iter_mut().for_each(|flags| *flags |= Flags::REPLAY.0),
                    Next::Quotes(mut quotes) => {
                        for head in quotes.rows.iter_mut().map(Quote::head_mut) {
                            head.flags = head.flags.with(Flags::REPLAY);
                        }
                        return Ok(Some(Next::Quotes(quotes)));
                    }
                    Next::Empty => return Ok(None),
                    Next::Entry(..) | Next::Trimmed { .. } | Next::Damaged { .. } => {}
                }
                Ok(Some(next))
            }
            Self::Lines { lines, markets, offset, clock, ahead } => {
                while clock.at >= ahead.trades.len() && ahead.quotes.is_empty() {
                    ahead.trades.clear();
                    clock.at = 0;
                    let read = lines
                        .fill(READ_AHEAD, |line| decode(line, markets, ahead))
                        .map_err(ReplayError::Recording)?;
                    if read == 0 {
                        return Ok(None);
                    }
                }
                Ok(Some(clock.next(ahead, max, offset, trades)))
            }
        }
    }
}

/// The next of entries that somebody made: trades together, anything else alone.
fn next_of(entries: &mut VecDeque<Entry>, offset: &mut u64, max: usize, trades: &mut Trades) -> Option<Next> {
    trades.clear();
    while trades.len() < max
        && let Some(Entry::Trade(trade)) = entries.front()
    {
        trades.push(*offset, trade);
        *offset += 1;
        entries.pop_front();
    }
    if !trades.is_empty() {
        return Some(Next::Trades);
    }
    let (at, entry) = (*offset, entries.pop_front()?);
    *offset += 1;
    Some(match entry {
        Entry::Quote(quote) => Next::Quotes(Quotes { first: at, count: 1, rows: vec![quote] }),
        entry => Next::Entry(at, entry),
    })
}

/// What was read of a recording and has not been fed.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    trades: Trades,
    /// Each with the number of the trade above that it stands before.
    quotes: VecDeque<(usize, Quote)>,
    /// The trades of each market, and how many came again: a recording may hold what a connection
    /// repeated, or be two that overlap.
    seen: Vec<Seen>,
    repeated: u64,
}

impl Ahead {
    /// Takes in a trade, once.
    fn push(&mut self, trade: &Trade) {
        let number = trade.market.0 as usize;
        if self.seen.len() <= number {
            self.seen.resize_with(number + 1, Seen::default);
        }
        let is_new =
            self.seen.get_mut(number).is_none_or(|seen| seen.insert(trade.sequential_id, trade.traded_at_ms));
        if is_new {
            self.trades.push(0, trade);
        } else {
            self.repeated += 1;
        }
    }

    /// When what comes next was traded or sent. `at` trades have been fed.
    fn first_ms(&self, at: usize) -> Option<i64> {
        match self.quotes.front() {
            Some((before, quote)) if *before <= at => Some(quote.head().sent_at_ms),
            _ => self.trades.traded_at_ms.get(at).copied(),
        }
    }

    /// The quotes that come next, of the time before `tick_ms`.
    fn take_quotes(&mut self, at: usize, max: usize, tick_ms: i64) -> Vec<Quote> {
        let mut quotes = Vec::new();
        let is_due = |(before, quote): &(usize, Quote)| *before <= at && quote.head().sent_at_ms < tick_ms;
        while quotes.len() < max && self.quotes.front().is_some_and(is_due) {
            quotes.extend(self.quotes.pop_front().map(|(_, quote)| quote));
        }
        quotes
    }
}

/// The clock of a recording of trades and quotes: a tick at every whole second, as the live job writes them,
/// before the first trade or quote of that second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// How many of the trades that were read ahead have been fed.
    at: usize,
    next_tick_ms: Option<i64>,
}

impl Clock {
    fn next(&mut self, ahead: &mut Ahead, max: usize, offset: &mut u64, trades: &mut Trades) -> Next {
        trades.clear();
        let first_ms = ahead.first_ms(self.at).unwrap_or_default();
        let next_second = first_ms - first_ms.rem_euclid(SECOND_MS) + SECOND_MS;
        let tick_ms = *self.next_tick_ms.get_or_insert(next_second);
        if first_ms >= tick_ms {
            // A recording that was interrupted for long is not filled with hours of ticks.
            let jumped = first_ms - tick_ms > LONGEST_SILENCE_MS;
            self.next_tick_ms = Some(if jumped { next_second } else { tick_ms + SECOND_MS });
            let at_ms = if jumped { next_second - SECOND_MS } else { tick_ms };
            *offset += 1;
            return Next::Entry(*offset - 1, Entry::Tick(Tick { at_ms }));
        }
        let quotes = ahead.take_quotes(self.at, max, tick_ms);
        if !quotes.is_empty() {
            let (first, count) = (*offset, quotes.len() as u64);
            *offset += count;
            return Next::Quotes(Quotes { first, count, rows: quotes });
        }
        let end = ahead.quotes.front().map_or(usize::MAX, |(before, _)| *before);
        let ahead = &ahead.trades;
        while trades.len() < max
            && self.at < end
            && ahead.traded_at_ms.get(self.at).is_some_and(|&at_ms| at_ms < tick_ms)
            && let Some(trade) = ahead.get(self.at)
        {
            trades.push(*offset, &trade);
            *offset += 1;
            self.at += 1;
        }
        Next::Trades
    }
}

/// One line: its trades and quotes go to `ahead`; what is neither is said.
fn decode(line: &[u8], markets: &mut Markets, ahead: &mut Ahead) -> Result<(), String> {
    let mut wrong = None;
    upbit::decode(line, 0, &mut |event| match event {
        Event::Trade(event) => {
            let (market, _) = markets.intern(&event.code);
            let mut trade = event.to_trade(market, Flags::REPLAY);
            trade.received_at_ms = received_at_ms(trade.traded_at_ms);
            ahead.push(&trade);
        }
        Event::Quote(event) => {
            let (market, _) = markets.intern(&event.code);
            let mut quote = event.to_quote(market, Flags::REPLAY);
            let head = quote.head_mut();
            head.received_at_ms = received_at_ms(head.sent_at_ms);
            ahead.quotes.push_back((ahead.trades.len(), quote));
        }
        // A recording of a socket holds other frames too; they are not faults.
        Event::Ignored { .. } | Event::Up => {}
        Event::Error { name, .. } => wrong = Some(format!("an error of the venue: {name}")),
        Event::Invalid { reason } => wrong = Some(reason.to_string()),
    });
    wrong.map_or(Ok(()), Err)
}
