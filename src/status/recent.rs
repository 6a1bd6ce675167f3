//! A short memory of what plugins said, for the views.
//!
//! Alerts and bars carry text that a guest wrote. It is made harmless once, on the way in, so that
//! no view can forget to: a terminal never sees an escape sequence, a line never breaks.
//!
//! Keeps: [bounded] [guest-text-is-data]

use serde::Serialize;
use std::collections::VecDeque;

/// Longest text that is kept, in characters; chosen: wider than any terminal line of use.
const MAX_TEXT: usize = 256;

/// Text with control and bidirectional-override characters replaced, cut after 256 characters.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut kept: String = text
        .chars()
        .take(MAX_TEXT)
        .map(|c| if c.is_control() || reorders(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        kept.push('…');
    }
    kept
}

/// Whether `c` changes the order or the breaking of what stands around it.
const fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}' | '\u{2029}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// An alert as the views show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecentAlert {
    /// Event time, ms since the Unix epoch.
    pub at_ms: i64,
    /// `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// `event`, `firing` or `resolved`.
    pub state: &'static str,
    /// Who said it.
    pub plugin: String,
    /// Which rule of it.
    pub rule: String,
    /// What it is about, usually a market.
    pub key: String,
    /// One line.
    pub title: String,
}

impl RecentAlert {
    pub(super) fn cleaned(self) -> Self {
        Self {
            plugin: clean(&self.plugin),
            rule: clean(&self.rule),
            key: clean(&self.key),
            title: clean(&self.title),
            ..self
        }
    }
}

/// A finished bar as the views show it; numbers are plain digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RecentBar {
    /// When it began, ms since the Unix epoch.
    pub start_ms: i64,
    /// Whose trades.
    pub market: String,
    /// Its length as it was configured: `1m`.
    pub interval: String,
    /// The first price.
    pub open: String,
    /// The highest price.
    pub high: String,
    /// The lowest price.
    pub low: String,
    /// The last price.
    pub close: String,
    /// What was traded, in the base currency.
    pub volume: String,
    /// How many trades.
    pub trades: u64,
}

impl RecentBar {
    pub(super) fn cleaned(self) -> Self {
        Self {
            start_ms: self.start_ms,
            market: clean(&self.market),
            interval: clean(&self.interval),
            open: clean(&self.open),
            high: clean(&self.high),
            low: clean(&self.low),
            close: clean(&self.close),
            volume: clean(&self.volume),
            trades: self.trades,
        }
    }
}

/// An item and its number, counted from 0 for the life of the process, so that a reader can tell
/// what it has shown and what it has missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen<T> {
    /// Its number.
    pub number: u64,
    /// The item.
    #[serde(flatten)]
    pub item: T,
}

/// The last few of something.
#[derive(Debug)]
pub(super) struct Ring<T> {
    items: VecDeque<Seen<T>>,
    capacity: usize,
    next: u64,
}

impl<T: Clone> Ring<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { items: VecDeque::with_capacity(capacity), capacity, next: 0 }
    }

    pub(super) fn push(&mut self, item: T) {
        if self.items.len() >= self.capacity {
            self.items.pop_front();
        }
        self.items.push_back(Seen { number: self.next, item });
        self.next += 1;
    }

    /// Oldest first.
    pub(super) fn items(&self) -> Vec<Seen<T>> {
        self.items.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves [guest-text-is-data] for everything the views show.
    #[test]
    fn text_that_a_terminal_would_obey_is_made_harmless() {
        let check = |text: &str, expect: &str| assert_eq!(clean(text), expect, "{text:?}");
        check("KRW-BTC crossed 100,000,000", "KRW-BTC crossed 100,000,000");
        check("\u{1b}[2J\u{1b}]0;title\u{7}", "\u{fffd}[2J\u{fffd}]0;title\u{fffd}");
        check("two\r\nlines", "two\u{fffd}\u{fffd}lines");
        check("\u{202e}drow\u{2066}", "\u{fffd}drow\u{fffd}");
        check("\u{9b}31m", "\u{fffd}31m");
        check("비트코인 ₿", "비트코인 ₿");
        check(&"가".repeat(257), &("가".repeat(256) + "…"));
    }

    /// Proves [bounded] for the memory of alerts and bars.
    #[test]
    fn the_oldest_goes_and_numbers_tell_what_was_missed() {
        let mut ring = Ring::new(3);
        (0..10).for_each(|i| ring.push(i));
        let seen: Vec<_> = ring.items().into_iter().map(|s| (s.number, s.item)).collect();
        assert_eq!(seen, [(7, 7), (8, 8), (9, 9)]);
    }
}
