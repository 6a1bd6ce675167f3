//! `channel`: the instant at which the price enters or leaves a closed range.
//!
//! The latest trade in order is compared with the one before it: a jump over the whole range is
//! neither.

use super::Fill;
use super::price::source;
use crate::config::{Around, Reader};
use crate::engine::{Needs, View};
use crate::fixed::Kept;
use crate::rule::Source;
use crate::say::num;
use crate::signal::{Edge, Fields, Happening, pack, unpack};
use serde::Serialize;
use std::cmp::Ordering;
use tradehook_decimal::Decimal;

/// The range, and which way through its borders counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Channel {
    low: Decimal,
    high: Decimal,
    event: Event,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Event {
    Enter,
    Exit,
    ExitUp,
    ExitDown,
}

const EVENTS: &[(&str, Event)] = &[
    ("enter", Event::Enter),
    ("exit", Event::Exit),
    ("exit_up", Event::ExitUp),
    ("exit_down", Event::ExitDown),
];

/// Its keys.
pub(super) const KEYS: &[&str] = &["inside", "event", "source"];

pub(super) fn read_instant(when: &mut Reader<'_>, around: Around<'_>) -> Option<Channel> {
    let source = source(when, around);
    for (key, help) in [("inside", "[low, high]"), ("event", "enter, exit, exit_up or exit_down")] {
        if !when.has(key) {
            when.fault("", format!("`{key}` is missing"), help);
        }
    }
    let (range, event) = (when.range("inside"), when.choice("event", EVENTS));
    let (low, high) = range?;
    Some(Channel { low, high, event: event?, source })
}

impl Channel {
    pub(super) fn build(&self, _needs: &mut Needs<'_>) -> Box<dyn Edge> {
        Box::new(Borders { what: self.clone(), before: None })
    }

    pub(super) fn words(&self) -> String {
        let way = match self.event {
            Event::Enter => "enters",
            Event::Exit => "leaves",
            Event::ExitUp => "leaves upward",
            Event::ExitDown => "leaves downward",
        };
        format!("price {way} {} to {}", num(self.low), num(self.high))
    }

    /// Below the range, in it, above it.
    fn side(&self, price: Decimal) -> Ordering {
        if price < self.low {
            Ordering::Less
        } else if price > self.high {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }

    /// Whether the way from one side to the other counts.
    fn counts(&self, from: Ordering, to: Ordering) -> bool {
        match self.event {
            Event::Enter => from != Ordering::Equal && to == Ordering::Equal,
            Event::Exit => from == Ordering::Equal && to != Ordering::Equal,
            Event::ExitUp => from == Ordering::Equal && to == Ordering::Greater,
            Event::ExitDown => from == Ordering::Equal && to == Ordering::Less,
        }
    }
}

#[derive(Debug)]
struct Borders {
    what: Channel,
    before: Option<Decimal>,
}

impl Edge for Borders {
    fn trade(&mut self, _fill: &Fill, view: &View<'_>, out: &mut Vec<Happening>) {
        let Some(price) = view.source(self.what.source) else { return };
        let Some(before) = self.before.replace(price) else { return };
        let (from, to) = (self.what.side(before), self.what.side(price));
        if !self.what.counts(from, to) {
            return;
        }
        let Channel { low, high, .. } = self.what;
        let up = if to == Ordering::Equal { from == Ordering::Less } else { to == Ordering::Greater };
        let (did, event) = if to == Ordering::Equal { ("entered", "enter") } else { ("left", "exit") };
        let way = if up { "up" } else { "down" };
        // The border that was passed.
        let border = if (to == Ordering::Equal) == up { low } else { high };
        out.push(Happening {
            title: format!("{did} {} to {} {way}ward at {}", num(low), num(high), num(price)),
            fields: vec![
                ("value", price.into()),
                ("threshold", border.into()),
                ("low", low.into()),
                ("high", high.into()),
                ("ref", before.into()),
                ("event", event.into()),
                ("direction", way.into()),
            ],
            severity: None,
        });
    }

    fn describe(&self, _view: &View<'_>, fields: &mut Fields) {
        fields.push(("ref", self.before.into()));
        fields.push(("low", self.what.low.into()));
        fields.push(("high", self.what.high.into()));
    }

    fn save(&self) -> Vec<u8> {
        pack(&self.before.map(Kept))
    }

    fn load(&mut self, bytes: &[u8]) {
        if let Some(before) = unpack::<Option<Kept>>(bytes) {
            self.before = before.map(|kept| kept.0);
        }
    }
}
