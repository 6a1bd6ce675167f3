//! What the plugin says: one line for a person, named values for templates and receivers.
//!
//! Every alert has the same first values (kind, price, the trade that caused it, value,
//! threshold), then those of its kind. Numbers stay exact; only the title groups their digits.
//!
//! Keeps: [numbers-survive] [guest-text-is-data]

use crate::engine::World;
use crate::fixed::{SUM_SCALE, exact, percent_change, wide};
use crate::kinds::{Caught, Change, Crossed, Fill, Reference, Threshold, Urgency, Volume, tier};
use crate::rule::{Direction, Rule, Taker, When};
use crate::signal::{Fields, Happening};
use tradehook_decimal::{Decimal, Wide};
use tradehook_sdk::{Alert, AlertState, Severity, Value};

/// Lines named one by one when a price passes many at once.
const MAX_NAMED_LINES: i128 = 32;
/// Values that an alert has at most, but for a rare one.
const USUAL_FIELDS: usize = 16;

/// What is going on while a rule is looked at, and where alerts go.
pub(crate) struct Scene<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) world: &'a World,
    pub(crate) code: &'a str,
    pub(crate) now_ms: i64,
    /// The latest price in order.
    pub(crate) price: Option<Decimal>,
    pub(crate) prev_close: Option<Decimal>,
    /// The trade that is being handled; none on a tick.
    pub(crate) fill: Option<Fill>,
    /// Whether that trade came late or over REST.
    pub(crate) late: bool,
    pub(crate) said: &'a mut Vec<(u32, Alert)>,
    /// Where this market's part of it begins.
    pub(crate) from: usize,
}

/// What a level looked at when its state changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// The price of the rule's source.
    Price(Option<Decimal>),
    /// The same, and where the move started.
    Move {
        price: Option<Decimal>,
        reference: Option<Decimal>,
    },
    Sum {
        sum: Wide,
        span_ms: i64,
    },
    Silence {
        quiet_ms: i64,
    },
}

/// What was seen of a general condition when its state changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenParts {
    /// What it is about: "number of trades in 1m", or the whole composite.
    pub(crate) about: String,
    /// The value of a single level, and "at or above 5%".
    pub(crate) value: Option<String>,
    pub(crate) bound: String,
    /// What each part of a composite is: "spread is 3 bps".
    pub(crate) parts: Vec<String>,
    pub(crate) fields: Fields,
    pub(crate) severity: Option<Urgency>,
}

/// A decimal with its thousands apart.
pub(crate) fn num(value: Decimal) -> String {
    grouped(&value.to_string())
}

pub(crate) fn num_wide(value: Wide) -> String {
    grouped(&value.to_string())
}

fn grouped(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut text = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// `1h30m`, `250ms`.
pub(crate) fn span(ms: i64) -> String {
    let mut text = String::new();
    let mut rest = ms.max(0);
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn side(sell: bool) -> &'static str {
    if sell { "sell" } else { "buy" }
}

impl Scene<'_> {
    /// An alert with the values that all have, and the title still to come.
    fn base(&self, rule: &Rule, state: AlertState, at_ms: i64, price: Option<Decimal>) -> Alert {
        let mut alert = Alert::event(&rule.id, self.code, at_ms, "");
        alert.state = state;
        alert.fields.reserve(USUAL_FIELDS);
        alert = alert.with("kind", rule.when.kind()).with("price", price);
        if let Some(fill) = self.fill {
            alert = alert
                .with("volume", fill.volume)
                .with("side", side(fill.sell))
                .with("notional", fill.price.times(fill.volume))
                .with("sequential_id", i64::try_from(fill.id).ok());
        }
        alert
    }

    /// The rules that were just told to have happened or begun.
    pub(crate) fn begun(&self, into: &mut Vec<u32>) {
        let said = self.said.iter().skip(self.from);
        into.extend(said.filter(|(_, alert)| alert.state != AlertState::Resolved).map(|(index, _)| *index));
    }

    /// Whether there is any.
    pub(crate) fn has_begun(&self) -> bool {
        self.said.len() > self.from
    }

    fn push(&mut self, index: u32, mut alert: Alert) {
        if self.late {
            alert = alert.with("late", true);
        }
        self.said.push((index, alert));
    }

    /// A level fired or resolved.
    #[cold]
    pub(crate) fn level(&mut self, index: u32, state: AlertState, seen: Seen) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let price = match seen {
            Seen::Price(price) | Seen::Move { price, .. } => price,
            Seen::Sum { .. } | Seen::Silence { .. } => self.price,
        };
        let alert = self.base(rule, state, self.now_ms, price);
        let firing = state == AlertState::Firing;
        let (mut alert, title) = match (&rule.when, seen) {
            (When::Price(what), Seen::Price(x)) => {
                let mut alert = alert.with("value", x);
                for (name, bound) in what.bounds() {
                    alert = alert.with(name, bound);
                }
                let is = if firing { "is" } else { "is no longer" };
                (alert, format!("{is} {}{}", what.words(), at_price(x)))
            }
            (When::Change(change), Seen::Price(x)) => {
                let reference = match change.reference {
                    Reference::Anchor(anchor) => Some(anchor),
                    _ => self.prev_close,
                };
                moved(alert, change, x, reference, firing)
            }
            (When::Change(change), Seen::Move { price, reference }) => {
                moved(alert, change, price, reference, firing)
            }
            (When::Volume(volume), Seen::Sum { sum, span_ms }) => traded(alert, volume, sum, span_ms, firing),
            (When::Silence(silence), Seen::Sum { sum, span_ms }) => {
                let most = silence.max_count.unwrap_or_default();
                let alert = alert.with("value", sum).with("threshold", most).with("window_ms", span_ms);
                let trades = if sum == Wide::new(1, 0) { "trade" } else { "trades" };
                let than = if firing { "at most" } else { "more than" };
                (alert, format!("had {} {trades} in {}, {than} {most}", num_wide(sum), span(span_ms)))
            }
            (When::Silence(silence), Seen::Silence { quiet_ms }) => {
                let alert = alert.with("value", quiet_ms).with("threshold", silence.span_ms);
                let title = if firing {
                    format!("has had no trade for {}", span(quiet_ms))
                } else {
                    format!("trades again{}", at_price(price))
                };
                (alert, title)
            }
            _ => return,
        };
        alert.title = format!("{} {title}{}", self.code, held(rule, firing));
        self.push(index, alert);
    }

    /// A general condition fired, resolved, or came to another severity.
    #[cold]
    pub(crate) fn general(&mut self, index: u32, state: AlertState, seen: &SeenParts) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let firing = state == AlertState::Firing;
        let mut alert = self.base(rule, state, self.now_ms, self.price);
        alert.fields.extend(seen.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        alert.severity = seen.severity.map(Severity::from);
        let title = match &seen.value {
            Some(value) => {
                let than = if firing { seen.bound.clone() } else { format!("no longer {}", seen.bound) };
                format!("{} is {value}, {than}", seen.about)
            }
            None if seen.parts.is_empty() => {
                let word = if firing { "" } else { "no longer " };
                format!("{word}{}{}", seen.about, if seen.bound.is_empty() { "" } else { ": unknown" })
            }
            None => {
                alert = alert.with("parts", seen.parts.join("; "));
                let word = if firing { "meets" } else { "no longer meets" };
                format!("{word} {}: {}", seen.about, seen.parts.join(", "))
            }
        };
        alert.title = format!("{} {title}{}", self.code, held(rule, firing));
        self.push(index, alert);
    }

    /// The market of a rule that fires is gone.
    #[cold]
    pub(crate) fn retired(&mut self, index: u32, state: AlertState) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let mut alert = self.base(rule, state, self.now_ms, self.price).with("reason", "delisted");
        alert.title = format!("{} was taken off the list", self.code);
        self.push(index, alert);
    }

    /// Something happened at the trade that is being handled.
    #[cold]
    pub(crate) fn happened(&mut self, index: u32, happening: &Happening) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let at_ms = self.fill.map_or(self.now_ms, |fill| fill.at_ms);
        let mut alert = self.base(rule, AlertState::Event, at_ms, self.price);
        for (name, value) in &happening.fields {
            match alert.fields.iter_mut().find(|(field, _)| field == name) {
                Some((_, old)) => *old = value.clone(),
                None => alert.fields.push(((*name).to_owned(), value.clone())),
            }
        }
        alert.severity = happening.severity.map(Severity::from);
        alert.title = format!("{} {}", self.code, happening.title);
        self.push(index, alert);
    }

    /// The price passed one line.
    #[cold]
    pub(crate) fn crossed_line(&mut self, index: u32, price: Decimal, level: Decimal, up: bool) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let way = if up { "up" } else { "down" };
        let at_ms = self.fill.map_or(self.now_ms, |fill| fill.at_ms);
        let mut alert = self
            .base(rule, AlertState::Event, at_ms, Some(price))
            .with("value", price)
            .with("threshold", level)
            .with("level", level)
            .with("direction", way);
        alert.title = format!("{} crossed {} {way}ward at {}", self.code, num(level), num(price));
        self.push(index, alert);
    }

    /// The price passed lines of a grid.
    #[cold]
    pub(crate) fn crossed_grid(&mut self, index: u32, price: Decimal, crossed: &Crossed) {
        let Some(rule) = self.rules.get(index as usize) else { return };
        let way = if crossed.up { "up" } else { "down" };
        let at_ms = self.fill.map_or(self.now_ms, |fill| fill.at_ms);
        let towards = if crossed.up { crossed.step } else { -crossed.step };
        let skipped = (crossed.count - MAX_NAMED_LINES).max(0);
        let levels: Vec<String> =
            (skipped..crossed.count).map(|k| wide(crossed.first + towards * k).to_string()).collect();
        let farthest = wide(crossed.last);
        let mut alert = self
            .base(rule, AlertState::Event, at_ms, Some(price))
            .with("value", price)
            .with("threshold", farthest)
            .with("level", farthest)
            .with("levels", levels.join(", "))
            .with("level_count", i64::try_from(crossed.count).unwrap_or(i64::MAX))
            .with("direction", way);
        let others = match crossed.count - 1 {
            0 => String::new(),
            1 => " and 1 line before it".to_owned(),
            more => format!(" and {more} lines before it"),
        };
        alert.title =
            format!("{} crossed {}{others} {way}ward at {}", self.code, num_wide(farthest), num(price));
        self.push(index, alert);
    }

    /// A trade or a sweep was large.
    #[cold]
    pub(crate) fn caught(&mut self, caught: &Caught) {
        let Some(rule) = self.rules.get(caught.rule as usize) else { return };
        let (When::LargeTrade(what), Some(tier), Some(fill)) =
            (&rule.when, tier(rule, caught.tier), self.fill)
        else {
            return;
        };
        let sweep = &caught.sweep;
        let volume = sweep.volume.map(|sum| Wide::new(sum, SUM_SCALE));
        let notional = sweep.notional.map(|sum| Wide::new(sum, SUM_SCALE));
        let value = if what.measure == crate::kinds::Measure::Volume { volume } else { notional };
        let vwap = sweep.notional.zip(sweep.volume).and_then(|(notional, volume)| vwap(notional, volume));
        let mut alert = self
            .base(rule, AlertState::Event, fill.at_ms, Some(fill.price))
            .with("value", value)
            .with("threshold", tier.min)
            .with("fills", sweep.fills)
            .with("vwap", vwap)
            .with("low", sweep.low)
            .with("high", sweep.high)
            .with("first_sequential_id", i64::try_from(sweep.first_id).ok());
        for (name, total) in [("volume", volume), ("notional", notional)] {
            if let Some((_, value)) = alert.fields.iter_mut().find(|(field, _)| field == name) {
                *value = Value::from(total);
            }
        }
        if let Some(name) = &tier.name {
            alert = alert.with("tier", name.as_str());
        }
        alert.severity = tier.severity.map(Severity::from);
        let name = tier.name.as_deref().map_or(String::new(), |name| format!("{name}: "));
        let shown = |total: Option<Wide>| total.map_or("an unknown amount".to_owned(), num_wide);
        let how = if sweep.fills == 1 {
            format!("{} at {}", shown(volume), num(fill.price))
        } else {
            format!(
                "{} in {} fills from {} to {}",
                shown(volume),
                sweep.fills,
                num(sweep.low),
                num(sweep.high)
            )
        };
        alert.title = format!("{} {name}{} of {} ({how})", self.code, side(sweep.sell), shown(notional));
        self.push(caught.rule, alert);
    }
}

/// How long a level had to hold, where it had to.
fn held(rule: &Rule, firing: bool) -> String {
    let timing = &rule.timing;
    match () {
        () if firing && timing.hold_ms > 0 => format!(", held for {}", span(timing.hold_ms)),
        () if firing && timing.hold_trades > 0 => format!(", held for {} trades", timing.hold_trades),
        () => String::new(),
    }
}

fn at_price(price: Option<Decimal>) -> String {
    price.map_or(String::new(), |price| format!(" at {}", num(price)))
}

fn moved(
    alert: Alert,
    change: &Change,
    price: Option<Decimal>,
    reference: Option<Decimal>,
    firing: bool,
) -> (Alert, String) {
    let both = price.zip(reference);
    let share = both.and_then(|(price, reference)| percent_change(exact(price), exact(reference)));
    let distance = both.map(|(price, reference)| wide(exact(price) - exact(reference)));
    let (value, threshold, unit) = match change.threshold {
        Threshold::Percent { enter, .. } => (share, enter, "%"),
        Threshold::Plain { enter, .. } => (distance, enter, ""),
    };
    let mut alert = alert
        .with("value", value)
        .with("threshold", threshold)
        .with("ref", reference)
        .with("change_pct", share)
        .with("change", distance)
        .with("direction", if distance.is_some_and(|d| d < Wide::ZERO) { "down" } else { "up" });
    let since = match change.reference {
        Reference::Start { window_ms, .. } => format!("in {}", span(window_ms)),
        Reference::Low { window_ms, .. } => format!("from the low of {}", span(window_ms)),
        Reference::High { window_ms, .. } => format!("from the high of {}", span(window_ms)),
        Reference::PrevClose => "since the previous close".to_owned(),
        Reference::Anchor(anchor) => format!("from {}", num(anchor)),
    };
    if let Some(window_ms) = change.window_ms() {
        alert = alert.with("window_ms", window_ms);
    }
    let plus = if value.is_some_and(|value| value > Wide::ZERO) { "+" } else { "" };
    let amount =
        value.map_or("an unknown amount".to_owned(), |value| format!("{plus}{}{unit}", num_wide(value)));
    let way = match change.direction {
        Direction::Up => "up ",
        Direction::Down => "down ",
        Direction::Both => "",
    };
    let from = both.map_or(String::new(), |(price, from)| format!(" ({} -> {})", num(from), num(price)));
    let title = if firing {
        format!("moved {amount} {since}{from}")
    } else {
        format!("is no longer {way}{}{unit} {since}: {amount}{from}", num(threshold))
    };
    (alert, title)
}

fn traded(alert: Alert, volume: &Volume, sum: Wide, span_ms: i64, firing: bool) -> (Alert, String) {
    let mut alert = alert
        .with("value", sum)
        .with("threshold", volume.above)
        .with("clear", volume.clear)
        .with("measure", volume.measure.word())
        .with("window_ms", span_ms);
    let whose = match volume.side {
        None => "",
        Some(Taker::Buy) => "buy ",
        Some(Taker::Sell) => "sell ",
    };
    if let Some(taker) = volume.side {
        alert = alert.with("taker", side(taker == Taker::Sell));
    }
    let (word, amount, least) = (volume.measure.word(), num_wide(sum), num(volume.above));
    let title = if firing {
        format!("had a {whose}{word} of {amount} in {}, at least {least}", span(span_ms))
    } else {
        format!("has no longer a {whose}{word} of {least} in {}: {amount}", span(span_ms))
    };
    (alert, title)
}

/// The mean price, rounded half to even to 8 decimals; both at scale 16.
fn vwap(notional: i128, volume: i128) -> Option<Wide> {
    if volume <= 0 {
        return None;
    }
    let scaled = notional.checked_mul(100_000_000)?;
    let (floor, rest) = (scaled.div_euclid(volume), scaled.rem_euclid(volume));
    let twice = rest.checked_mul(2)?;
    let up = twice > volume || (twice == volume && floor % 2 != 0);
    Some(Wide::new(floor + i128::from(up), 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let check = |text: &str, expect: &str| assert_eq!(grouped(text), expect);
        check("100000000", "100,000,000");
        check("999", "999");
        check("-1234.5678", "-1,234.5678");
        check("0.00009372", "0.00009372");
    }

    #[test]
    fn spans_read_as_they_are_written() {
        let check = |ms, expect: &str| assert_eq!(span(ms), expect);
        check(5_400_000, "1h30m");
        check(250, "250ms");
        check(0, "0s");
        check(90_061_001, "1d1h1m1s1ms");
    }
}
