//! `large_trade`: one trade, or one taker's sweep through the book, of at least some size.
//!
//! A taker's order executes against several makers and arrives as several trades, so a threshold
//! on single trades misses the large ones that were filled in small pieces. A sweep is a run of
//! trades of one side with at most `sweep_gap` between neighbours (in order of arrival, also
//! within one millisecond); it fires once, when its sum first reaches the threshold.

mod edge;

use super::volume::SIDES;
use super::{Measure, exactly_one, positive, refuse_level_keys};
use crate::config::{Around, Faults, Reader};
use crate::fixed::{approx, notional, volume};
use crate::rule::{Rule, Taker, When};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tradehook_decimal::Decimal;
use tradehook_sdk::Severity;

/// A size, and whose trades count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LargeTrade {
    pub(crate) measure: Measure,
    pub(crate) side: Option<Taker>,
    pub(crate) aggregate: Aggregate,
    /// Ascending by size; never empty.
    pub(crate) tiers: Vec<Tier>,
}

/// What is one trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Aggregate {
    Single,
    Sweep { gap_ms: i64 },
}

/// A size with a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Tier {
    pub(crate) name: Option<String>,
    pub(crate) min: Decimal,
    pub(crate) severity: Option<Urgency>,
}

/// How urgent a tier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Urgency {
    Info,
    Warning,
    Critical,
}

/// The words for `severity`.
pub(crate) const URGENCIES: &[(&str, Urgency)] =
    &[("info", Urgency::Info), ("warning", Urgency::Warning), ("critical", Urgency::Critical)];

impl From<Urgency> for Severity {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Info => Self::Info,
            Urgency::Warning => Self::Warning,
            Urgency::Critical => Self::Critical,
        }
    }
}

/// The keys beside `kind`.
pub(super) const KEYS: &[&str] = &["min_notional", "min_volume", "side", "aggregate", "sweep_gap", "tiers"];

pub(super) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<LargeTrade> {
    let keys: Vec<&str> = ["kind"].iter().chain(KEYS).chain(super::LEVEL_KEYS).copied().collect();
    let mut when = Reader::new(value, path, &keys, faults)?;
    refuse_level_keys(&mut when, "large_trade");
    read_instant(&mut when, around)
}

pub(super) fn read_instant(when: &mut Reader<'_>, _around: Around<'_>) -> Option<LargeTrade> {
    let side = when.choice("side", SIDES);
    let sweep = when.choice("aggregate", &[("single", false), ("sweep", true)]).unwrap_or(false);
    let gap_ms = when.duration("sweep_gap").unwrap_or(0);
    if when.has("sweep_gap") && !sweep {
        when.fault("sweep_gap", "`sweep_gap` without sweeps", "`aggregate = \"sweep\"` beside it");
    }
    let given = when.has("min_notional") || when.has("min_volume");
    let form =
        if given || !when.has("tiers") { exactly_one(when, &["min_notional", "min_volume"]) } else { None };
    let min = form.and_then(|key| {
        let min = when.money(key);
        positive(when, key, min)
    });
    let mut tiers = if when.has("tiers") { read_tiers(when)? } else { Vec::new() };
    if let Some(min) = min {
        if tiers.iter().any(|tier| tier.min < min) {
            when.fault(
                "tiers",
                format!("a tier below the least size {min}"),
                format!("sizes of at least {min}"),
            );
        }
        if !tiers.iter().any(|tier| tier.min == min) {
            tiers.push(Tier { name: None, min, severity: None });
        }
    }
    tiers.sort_by_key(|tier| tier.min);
    let measure = if form == Some("min_volume") { Measure::Volume } else { Measure::Notional };
    let aggregate = if sweep { Aggregate::Sweep { gap_ms } } else { Aggregate::Single };
    let complete = !tiers.is_empty() && (min.is_some() || !given);
    complete.then_some(LargeTrade { measure, side, aggregate, tiers })
}

/// `{ whale = "3억", mega = { min = "20억", severity = "critical" } }`.
fn read_tiers(when: &mut Reader<'_>) -> Option<Vec<Tier>> {
    let value = when.get("tiers")?;
    let Some(names) = value.as_object().filter(|names| !names.is_empty() && names.len() <= 50) else {
        when.fault(
            "tiers",
            "not a table of 1 to 50 sizes",
            "for instance { whale = \"3억\", mega = \"20억\" }",
        );
        return None;
    };
    let keys: Vec<&str> = names.keys().map(String::as_str).collect();
    let path = format!("{}/tiers", when.path());
    let mut all = Reader::new(value, &path, &keys, when.faults())?;
    let mut tiers: Vec<Tier> = Vec::new();
    for (name, tier) in names {
        let read = if tier.is_object() {
            let mut one = Reader::new(tier, &format!("{path}/{name}"), &["min", "severity"], all.faults())?;
            (one.required_money("min"), one.choice("severity", URGENCIES))
        } else {
            (all.money(name), None)
        };
        let Some(min) = positive(&mut all, name, read.0) else { continue };
        if tiers.iter().any(|other| other.min == min) {
            all.fault(name, format!("a second tier of {min}"), "one name per size");
        }
        tiers.push(Tier { name: Some(name.clone()), min, severity: read.1 });
    }
    (tiers.len() == names.len()).then_some(tiers)
}

/// A run of trades of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sweep {
    pub(crate) sell: bool,
    pub(crate) last_ms: i64,
    pub(crate) fills: u32,
    /// At scale 16; `None` when it does not fit.
    pub(crate) notional: Option<i128>,
    pub(crate) volume: Option<i128>,
    #[serde(with = "crate::fixed::parts")]
    pub(crate) low: Decimal,
    #[serde(with = "crate::fixed::parts")]
    pub(crate) high: Decimal,
    pub(crate) first_id: u64,
}

/// What decides about one trade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    pub(crate) price: Decimal,
    pub(crate) volume: Decimal,
    pub(crate) sell: bool,
    pub(crate) at_ms: i64,
    pub(crate) id: u64,
}

/// A rule that watches one market.
#[derive(Debug)]
struct Watch {
    rule: u32,
    side: Option<Taker>,
    measure: Measure,
    mins: Vec<i128>,
    /// Fired in the sweep that is going on.
    fired: bool,
}

/// The sweeps with one allowed gap, and the rules that watch them.
#[derive(Debug)]
struct Group {
    aggregate: Aggregate,
    sweep: Option<Sweep>,
    watches: Vec<Watch>,
    /// No sum below these interests any rule.
    least_notional: i128,
    least_volume: i128,
}

/// All `large_trade` rules of a market.
#[derive(Debug)]
pub(crate) struct Large {
    groups: Vec<Group>,
    /// Approximate bounds just below the least sizes of single trades: one multiplication tells
    /// that a trade is too small for every rule.
    single_notional: f64,
    single_volume: f64,
}

/// A rule fired: which, at which tier, on what.
#[derive(Clone, Debug)]
pub(crate) struct Caught {
    pub(crate) rule: u32,
    pub(crate) tier: usize,
    pub(crate) sweep: Sweep,
}

impl Default for Large {
    fn default() -> Self {
        Self { groups: Vec::new(), single_notional: f64::INFINITY, single_volume: f64::INFINITY }
    }
}

impl Large {
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(crate) fn add(&mut self, rule: u32, what: &LargeTrade) {
        let place = match self.groups.iter().position(|group| group.aggregate == what.aggregate) {
            Some(place) => place,
            None => {
                self.groups.push(Group {
                    aggregate: what.aggregate,
                    sweep: None,
                    watches: Vec::new(),
                    least_notional: i128::MAX,
                    least_volume: i128::MAX,
                });
                self.groups.len() - 1
            }
        };
        let Some(group) = self.groups.get_mut(place) else { return };
        let mins: Vec<i128> = what.tiers.iter().map(|tier| what.measure.bound(tier.min)).collect();
        let least = mins.first().copied().unwrap_or(i128::MAX);
        let single = what.aggregate == Aggregate::Single;
        let near = what.tiers.first().map_or(f64::INFINITY, |tier| approx(tier.min) * (1.0 - 1e-12));
        if what.measure == Measure::Volume {
            group.least_volume = group.least_volume.min(least);
            self.single_volume = if single { self.single_volume.min(near) } else { self.single_volume };
        } else {
            group.least_notional = group.least_notional.min(least);
            self.single_notional = if single { self.single_notional.min(near) } else { self.single_notional };
        }
        group.watches.push(Watch { rule, side: what.side, measure: what.measure, mins, fired: false });
    }

    /// The next trade in order.
    #[inline]
    pub(crate) fn trade(&mut self, fill: &Fill, price: f64, size: f64, caught: &mut Vec<Caught>) {
        for group in &mut self.groups {
            match group.aggregate {
                Aggregate::Single if price * size < self.single_notional && size < self.single_volume => {}
                Aggregate::Single => {
                    group.sweep = Some(Sweep::start(fill));
                    group.watches.iter_mut().for_each(|watch| watch.fired = false);
                    group.look(caught);
                    group.sweep = None;
                }
                Aggregate::Sweep { gap_ms } => {
                    match &mut group.sweep {
                        Some(sweep)
                            if sweep.sell == fill.sell
                                && fill.at_ms.saturating_sub(sweep.last_ms) <= gap_ms =>
                        {
                            sweep.go_on(fill);
                        }
                        _ => {
                            group.sweep = Some(Sweep::start(fill));
                            group.watches.iter_mut().for_each(|watch| watch.fired = false);
                        }
                    }
                    group.look(caught);
                }
            }
        }
    }

    /// The sweeps that are going on, by allowed gap.
    pub(crate) fn sweeps(&self) -> Vec<(i64, Sweep)> {
        let going = |group: &Group| match group.aggregate {
            Aggregate::Sweep { gap_ms } => group.sweep.map(|sweep| (gap_ms, sweep)),
            Aggregate::Single => None,
        };
        self.groups.iter().filter_map(going).collect()
    }

    /// Goes on with a sweep.
    pub(crate) fn resume(&mut self, gap_ms: i64, sweep: Sweep) {
        for group in self.groups.iter_mut().filter(|g| g.aggregate == Aggregate::Sweep { gap_ms }) {
            group.sweep = Some(sweep);
        }
    }

    /// The rules that watch.
    pub(crate) fn rules(&self) -> impl Iterator<Item = u32> {
        self.groups.iter().flat_map(|group| &group.watches).map(|watch| watch.rule)
    }

    /// The rules that fired in the sweep that is going on.
    pub(crate) fn fired(&self) -> Vec<u32> {
        self.groups.iter().flat_map(|g| &g.watches).filter(|w| w.fired).map(|w| w.rule).collect()
    }

    /// Marks a rule as having fired in the sweep that is going on.
    pub(crate) fn mark_fired(&mut self, rule: u32) {
        for watch in self.groups.iter_mut().flat_map(|g| &mut g.watches).filter(|w| w.rule == rule) {
            watch.fired = true;
        }
    }
}

impl Group {
    /// Fires every rule that the sweep reached for the first time.
    #[inline]
    fn look(&mut self, caught: &mut Vec<Caught>) {
        let Some(sweep) = self.sweep else { return };
        let reached = |sum: Option<i128>, least: i128| sum.is_some_and(|sum| sum >= least);
        if !reached(sweep.notional, self.least_notional) && !reached(sweep.volume, self.least_volume) {
            return;
        }
        for watch in self.watches.iter_mut().filter(|watch| !watch.fired) {
            if watch.side.is_some_and(|side| (side == Taker::Sell) != sweep.sell) {
                continue;
            }
            let sum = if watch.measure == Measure::Volume { sweep.volume } else { sweep.notional };
            let Some(sum) = sum else { continue };
            let tiers = watch.mins.partition_point(|min| *min <= sum);
            if tiers > 0 {
                watch.fired = true;
                caught.push(Caught { rule: watch.rule, tier: tiers - 1, sweep });
            }
        }
    }
}

impl Sweep {
    fn start(fill: &Fill) -> Self {
        Self {
            sell: fill.sell,
            last_ms: fill.at_ms,
            fills: 1,
            notional: notional(fill.price, fill.volume),
            volume: volume(fill.volume),
            low: fill.price,
            high: fill.price,
            first_id: fill.id,
        }
    }

    fn go_on(&mut self, fill: &Fill) {
        let add = |sum: Option<i128>, more: Option<i128>| sum?.checked_add(more?);
        self.last_ms = fill.at_ms;
        self.fills = self.fills.saturating_add(1);
        self.notional = add(self.notional, notional(fill.price, fill.volume));
        self.volume = add(self.volume, volume(fill.volume));
        self.low = self.low.min(fill.price);
        self.high = self.high.max(fill.price);
    }
}

/// The tier of a rule that fired.
pub(crate) fn tier(rule: &Rule, index: usize) -> Option<&Tier> {
    match &rule.when {
        When::LargeTrade(what) => what.tiers.get(index),
        _ => None,
    }
}
