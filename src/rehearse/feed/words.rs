//! The words of a line of a feed, and what they can mean.

use super::{HELP_OFFSET, HELP_TRADE, LineFault};
use crate::{
    market::is_market_code,
    rehearse::amount::{decimal, duration_ms},
    trade::Side,
};
use std::ops::Range;
use tradehook_decimal::{Decimal, Wide};

/// The words of a line, each with its bytes.
pub(super) struct Words<'t> {
    words: std::vec::IntoIter<(Range<usize>, &'t str)>,
    pub(super) whole: Range<usize>,
    pub(super) help: &'static str,
}

pub(super) type Word<'t> = (Range<usize>, &'t str);

impl<'t> Words<'t> {
    pub(super) fn new(line: &'t str, from: usize) -> Self {
        let line = line.split('#').next().unwrap_or("");
        let mut words = Vec::new();
        let mut at = 0;
        for word in line.split_whitespace() {
            let begin = line.get(at..).and_then(|rest| rest.find(word)).map_or(at, |n| at + n);
            at = begin + word.len();
            words.push((from + begin..from + at, word));
        }
        let begin = words.first().map_or(from, |(span, _)| span.start);
        Self { words: words.into_iter(), whole: begin..from + at, help: HELP_TRADE }
    }

    pub(super) fn peek(&self) -> Option<&'t str> {
        self.words.as_slice().first().map(|(_, word)| *word)
    }

    pub(super) fn next(&mut self, what: &str) -> Result<Word<'t>, LineFault> {
        let end =
            LineFault { span: self.whole.clone(), message: format!("{what} is missing"), help: self.help };
        self.words.next().ok_or(end)
    }

    pub(super) fn offset(&mut self) -> Result<i64, LineFault> {
        let (span, word) = self.next("the offset")?;
        let wrong = || LineFault { span, message: format!("`{word}` is no offset"), help: HELP_OFFSET };
        duration_ms(word).ok_or_else(wrong)
    }

    pub(super) fn keyword(&mut self, keyword: &str) -> Result<(), LineFault> {
        let (span, word) = self.next(&format!("`{keyword}`"))?;
        let help = self.help;
        let wrong = || LineFault { span, message: format!("expected `{keyword}`, found `{word}`"), help };
        (word == keyword).then_some(()).ok_or_else(wrong)
    }

    pub(super) fn market(&mut self) -> Option<&'t str> {
        let code = self
            .peek()
            .filter(|word| is_market_code(word) && !word.starts_with(|c: char| c.is_ascii_digit()))?;
        self.words.next();
        Some(code)
    }

    pub(super) fn positive(&mut self, what: &str) -> Result<Decimal, LineFault> {
        let (span, word) = self.next(what)?;
        positive(span, word, what)
    }

    pub(super) fn end(mut self) -> Result<(), LineFault> {
        let help = self.help;
        let more = |(span, word): Word<'_>| LineFault {
            span,
            message: format!("`{word}` stands behind the end"),
            help,
        };
        self.words.next().map_or(Ok(()), |word| Err(more(word)))
    }
}

fn positive(span: Range<usize>, word: &str, what: &str) -> Result<Decimal, LineFault> {
    let help = "a number above 0, like 99_990_000, 0.01 or 1.5억";
    let wrong = || LineFault { span, message: format!("{what} `{word}` is no amount"), help };
    decimal(word).filter(|number| number.is_positive()).ok_or_else(wrong)
}

/// The side of a `repeat`: one, or each in turn.
#[derive(Clone, Copy)]
pub(super) enum Sides {
    One(Side),
    Alternate,
}

pub(super) fn side((span, word): Word<'_>, help: &'static str) -> Result<Sides, LineFault> {
    match word {
        "buy" | "BID" => Ok(Sides::One(Side::Buy)),
        "sell" | "ASK" => Ok(Sides::One(Side::Sell)),
        "alternate" => Ok(Sides::Alternate),
        _ => Err(LineFault {
            span,
            message: format!("`{word}` is no side: `buy` or `sell`, the taker's"),
            help,
        }),
    }
}

/// `100`, `100+1`, `100-0.5`: where a run begins and how it goes on.
pub(super) struct Run {
    first: Wide,
    step: Wide,
}

impl Run {
    pub(super) fn read((span, word): Word<'_>, what: &str) -> Result<Self, LineFault> {
        let sign = word.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
        let (first, step) = match sign {
            Some((at, c)) => {
                let (first, step) = word.split_at(at);
                let step = positive(span.clone(), step.trim_start_matches(c), "the step")?.wide();
                (first, if c == '-' { step.negated() } else { step })
            }
            None => (word, Wide::ZERO),
        };
        Ok(Self { first: positive(span, first, what)?.wide(), step })
    }

    pub(super) fn at(&self, n: usize) -> Option<Decimal> {
        let steps = Wide::new(i128::try_from(n).ok()?, 0);
        let value = self.first.checked_add(self.step.checked_mul(steps)?)?;
        value.narrow().filter(|value| value.is_positive())
    }
}

/// What a trade has beside time, price, volume and side.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside {
    pub(super) bid: Option<Decimal>,
    pub(super) ask: Option<Decimal>,
    pub(super) prev: Option<Decimal>,
}

impl Beside {
    /// The words `bid=`, `ask=` and `prev=` at the end of a line.
    pub(super) fn read(words: &mut Words<'_>) -> Result<Self, LineFault> {
        let mut beside = Self::default();
        while let Some((name, _)) = words.peek().and_then(|word| word.split_once('=')) {
            let place = match name {
                "bid" => &mut beside.bid,
                "ask" => &mut beside.ask,
                "prev" => &mut beside.prev,
                _ => break,
            };
            let (span, word) = words.next(name)?;
            let value = word.split_once('=').map_or("", |(_, value)| value);
            *place = Some(positive(span, value, name)?);
        }
        Ok(beside)
    }
}
