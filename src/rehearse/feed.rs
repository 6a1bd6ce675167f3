//! The feed of a test: lines that a person writes, as entries of the tape.
//!
//! ```text
//! 0s    99_990_000 0.01 buy              a trade: when, price, volume, the taker's side
//! 1s    KRW-ETH 6_000_000 1 sell         the same in another market
//! 2s    100_000_000 0.02 buy bid=99_999_000 ask=100_001_000 prev=98_000_000
//! repeat 60 every 1s price 100+1 volume 0.1 buy
//! tick  2m                               the time, with no trade
//! gap   2m10s 10m                        nothing was received in between
//! fact  3m health.connection_down true   what the host knows: name, subject or none, value
//! silence 4m for 1h rule=pump            what the operator does: silence, ack, reset
//! ```
//!
//! A trade that stands behind a younger one of its market came late, as it would on the tape.
//!
//! Keeps: [bounded] (at most [`MAX_ENTRIES`])

mod operator;
mod words;

use crate::{
    entry::{Entry, Gap, GapCause, Tick},
    market::{MarketId, Markets},
    trade::{Flags, Side, Trade},
};
use std::ops::Range;
use tradehook_decimal::Decimal;
use words::{Beside, Run, Sides, Words, side};

/// Most entries of one feed, those of `repeat` included (chosen: a day of a busy market).
pub const MAX_ENTRIES: usize = 1_000_000;
/// Numbers of trades in one ms that ids of this feed leave room for.
const IDS_PER_MS: u64 = 10_000;

/// What is fed.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The markets in it, in order of first sight.
    pub markets: Markets,
    /// Trades, ticks, gaps and facts in the order of the lines.
    pub entries: Vec<Entry>,
}

/// A mistake, with its bytes in the text of the feed.
pub(super) struct LineFault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: &'static str,
}

const HELP_TRADE: &str = "a trade is `OFFSET [MARKET] PRICE VOLUME buy|sell [bid=…] [ask=…] [prev=…]`, like `1s 100_000_000 0.02 buy`";
const HELP_OFFSET: &str = "an offset from `start`, like 0s, 250ms or 1m30s";
const HELP_REPEAT: &str = "`repeat 60 every 1s [from 10s] [MARKET] price 100+1 volume 0.1 buy|sell|alternate`, or `repeat 60 every 1s tick`";
const HELP_GAP: &str = "`gap FROM TO [MARKET]`, like `gap 2m10s 10m`";
const HELP_TICK: &str = "`tick OFFSET`, like `tick 2m`";

/// Reads a feed whose time begins at `start_ms`; lines without a market are about `market`.
pub(super) fn read(text: &str, start_ms: i64, market: Option<&str>) -> Result<Script, Vec<LineFault>> {
    let mut feed = Feed {
        start_ms,
        market,
        script: Script::default(),
        at_ms: None,
        received_ms: i64::MIN,
        last: Vec::new(),
        ids: 0,
    };
    let mut faults = Vec::new();
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        if let Err(fault) = feed.line(line, from) {
            faults.push(fault);
        }
        from += line.len();
    }
    if faults.is_empty() { Ok(feed.script) } else { Err(faults) }
}

struct Feed<'a> {
    start_ms: i64,
    market: Option<&'a str>,
    script: Script,
    /// The offset of the line before.
    at_ms: Option<i64>,
    received_ms: i64,
    /// By market: the time of its youngest trade.
    last: Vec<i64>,
    ids: u64,
}

impl Feed<'_> {
    fn line(&mut self, line: &str, from: usize) -> Result<(), LineFault> {
        let mut words = Words::new(line, from);
        let Some(first) = words.peek() else { return Ok(()) };
        match first {
            "tick" => self.tick_line(words),
            "gap" => self.gap_line(words),
            "repeat" => self.repeat_line(words),
            "fact" => self.fact_line(words),
            "silence" | "ack" | "reset" => self.operator_line(words),
            _ if first.starts_with(|c: char| c.is_ascii_digit()) => self.trade_line(words),
            other => {
                let (span, _) = words.next("a line")?;
                let message = format!("`{other}` begins no line of a feed");
                Err(LineFault {
                    span,
                    message,
                    help: "a line begins with an offset, or with tick, gap, repeat, fact, silence, ack or reset",
                })
            }
        }
    }

    fn tick_line(&mut self, mut words: Words<'_>) -> Result<(), LineFault> {
        words.help = HELP_TICK;
        words.next("tick")?;
        let (whole, at_ms) = (words.whole.clone(), words.offset()?);
        words.end()?;
        self.tick(at_ms, whole)
    }

    fn gap_line(&mut self, mut words: Words<'_>) -> Result<(), LineFault> {
        words.help = HELP_GAP;
        words.next("gap")?;
        let (whole, from_ms, to_ms) = (words.whole.clone(), words.offset()?, words.offset()?);
        if to_ms <= from_ms {
            return Err(LineFault {
                span: whole,
                message: "the gap ends before it begins".to_owned(),
                help: HELP_GAP,
            });
        }
        let markets = words.market().map(|code| self.intern(code));
        words.end()?;
        self.at_ms = Some(to_ms);
        let gap = Gap {
            from_ms: self.start_ms.saturating_add(from_ms),
            to_ms: self.start_ms.saturating_add(to_ms),
            cause: GapCause::SessionLost,
            markets: markets.into_iter().collect(),
            filled: false,
        };
        self.push(Entry::Gap(gap), whole)
    }

    fn trade_line(&mut self, mut words: Words<'_>) -> Result<(), LineFault> {
        let (whole, at_ms) = (words.whole.clone(), words.offset()?);
        let market = self.about(words.market(), &whole)?;
        let (price, volume) = (words.positive("the price")?, words.positive("the volume")?);
        let side = match side(words.next("the side")?, HELP_TRADE)? {
            Sides::One(side) => side,
            Sides::Alternate => Side::Buy,
        };
        let beside = Beside::read(&mut words)?;
        words.end()?;
        self.trade(at_ms, market, (price, volume, side), beside, whole)
    }

    fn repeat_line(&mut self, mut words: Words<'_>) -> Result<(), LineFault> {
        words.help = HELP_REPEAT;
        words.next("repeat")?;
        let whole = words.whole.clone();
        let (span, count) = words.next("how many times")?;
        let wrong =
            LineFault { span, message: format!("`{count}` is no number of times"), help: HELP_REPEAT };
        let count = count.replace('_', "").parse::<usize>().map_err(|_| wrong)?;
        words.keyword("every")?;
        let every_ms = words.offset()?;
        let mut at_ms = self.at_ms.map_or(0, |at_ms| at_ms.saturating_add(every_ms));
        if words.peek() == Some("from") {
            words.next("from")?;
            at_ms = words.offset()?;
        }
        if words.peek() == Some("tick") {
            words.next("tick")?;
            words.end()?;
            for _ in 0..count {
                self.tick(at_ms, whole.clone())?;
                at_ms = at_ms.saturating_add(every_ms);
            }
            return Ok(());
        }
        let market = self.about(words.market(), &whole)?;
        words.keyword("price")?;
        let prices = Run::read(words.next("the price")?, "the price")?;
        words.keyword("volume")?;
        let volumes = Run::read(words.next("the volume")?, "the volume")?;
        let sides = side(words.next("the side")?, HELP_REPEAT)?;
        let beside = Beside::read(&mut words)?;
        words.end()?;
        for n in 0..count {
            let (Some(price), Some(volume)) = (prices.at(n), volumes.at(n)) else {
                let message = format!("the price or the volume is 0 or less at repetition {}", n + 1);
                return Err(LineFault { span: whole, message, help: HELP_REPEAT });
            };
            let side = match sides {
                Sides::One(side) => side,
                Sides::Alternate if n % 2 == 0 => Side::Buy,
                Sides::Alternate => Side::Sell,
            };
            self.trade(at_ms, market, (price, volume, side), beside, whole.clone())?;
            at_ms = at_ms.saturating_add(every_ms);
        }
        Ok(())
    }

    /// The market of a line: as it says, or as the test does.
    fn about(&mut self, said: Option<&str>, whole: &Range<usize>) -> Result<MarketId, LineFault> {
        let missing = || LineFault {
            span: whole.clone(),
            message: "nothing says which market this is about".to_owned(),
            help: "write `market = \"KRW-BTC\"` in the test, or the market behind the offset",
        };
        let code = said.or(self.market).ok_or_else(missing)?;
        Ok(self.intern(code))
    }

    fn intern(&mut self, code: &str) -> MarketId {
        let (id, is_new) = self.script.markets.intern(code);
        if is_new {
            self.last.push(i64::MIN);
        }
        id
    }

    /// Notes the time of a line; absolute then.
    fn at(&mut self, offset_ms: i64) -> i64 {
        self.at_ms = Some(offset_ms);
        let at_ms = self.start_ms.saturating_add(offset_ms);
        self.received_ms = self.received_ms.max(at_ms);
        at_ms
    }

    fn tick(&mut self, at_ms: i64, whole: Range<usize>) -> Result<(), LineFault> {
        let at_ms = self.at(at_ms);
        self.push(Entry::Tick(Tick { at_ms }), whole)
    }

    fn trade(
        &mut self,
        at_ms: i64,
        market: MarketId,
        (price, volume, side): (Decimal, Decimal, Side),
        beside: Beside,
        whole: Range<usize>,
    ) -> Result<(), LineFault> {
        let traded_at_ms = self.at(at_ms);
        self.ids += 1;
        let mut flags = Flags::REPLAY;
        if let Some(last) = self.last.get_mut(market.0 as usize) {
            if traded_at_ms < *last {
                flags = flags.with(Flags::LATE);
            }
            *last = traded_at_ms.max(*last);
        }
        let trade = Trade {
            market,
            side,
            price,
            volume,
            sequential_id: traded_at_ms.unsigned_abs().saturating_mul(IDS_PER_MS).saturating_add(self.ids),
            traded_at_ms,
            received_at_ms: self.received_ms,
            flags,
            best_bid: beside.bid,
            best_ask: beside.ask,
            prev_close: beside.prev,
        };
        self.push(Entry::Trade(trade), whole)
    }

    fn push(&mut self, entry: Entry, whole: Range<usize>) -> Result<(), LineFault> {
        if self.script.entries.len() >= MAX_ENTRIES {
            let message = format!("the feed has more than {MAX_ENTRIES} entries");
            return Err(LineFault {
                span: whole,
                message,
                help: "a shorter feed; `rule backtest` reads recordings of any length",
            });
        }
        self.script.entries.push(entry);
        Ok(())
    }
}
