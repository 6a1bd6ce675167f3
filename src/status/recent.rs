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
    pub size: String,
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
    /// A bar out of a record's named values, as the bundled `aggregate` names them; `field` yields
    /// a value as plain text. `None` when one is missing: then it is some other plugin's record.
    pub fn from_fields(field: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            start_ms: field("start_ms")?.parse().ok()?,
            market: field("market")?,
            size: field("size")?,
            open: field("open")?,
            high: field("high")?,
            low: field("low")?,
            close: field("close")?,
            volume: field("volume")?,
            trades: field("count")?.parse().ok()?,
        })
    }

    pub(super) fn cleaned(self) -> Self {
        Self {
            start_ms: self.start_ms,
            market: clean(&self.market),
            size: clean(&self.size),
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

    #[test]
    fn a_bar_is_read_from_a_record_that_has_all_of_one() {
        let values = [
            ("market", "KRW-BTC"),
            ("size", "1m"),
            ("start_ms", "1700000040000"),
            ("open", "1"),
            ("high", "3"),
            ("low", "0.5"),
            ("close", "2"),
            ("volume", "10.5"),
            ("count", "7"),
        ];
        let field = |without: &'static str| {
            move |name: &str| {
                let found = values.iter().find(|(known, _)| *known == name && name != without);
                found.map(|(_, value)| (*value).to_owned())
            }
        };
        let bar = RecentBar::from_fields(field("none")).map(|bar| (bar.start_ms, bar.low, bar.trades));
        assert_eq!(bar, Some((1_700_000_040_000, "0.5".to_owned(), 7)));
        for (name, _) in values {
            assert_eq!(RecentBar::from_fields(field(name)), None, "without {name}");
        }
        assert_eq!(RecentBar::from_fields(|_| Some("x".to_owned())), None);
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
