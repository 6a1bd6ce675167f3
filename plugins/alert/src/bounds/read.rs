//! How bounds stand in a rule.

use super::{Bounds, Limit, Step, Unit, Zone};
use crate::config::Reader;
use crate::kinds::{URGENCIES, exactly_one};
use serde_json::Value;
use std::cmp::Ordering;
use tradehook_decimal::{Decimal, Wide};

/// The keys that say where a level is true.
pub(crate) const BOUND_KEYS: &[&str] =
    &["above", "below", "inside", "outside", "clear", "clear_margin", "severities"];

impl Bounds {
    /// Reads the bounds among the keys of a condition; mistakes are noted.
    pub(crate) fn read(when: &mut Reader<'_>, unit: Unit) -> Option<Self> {
        let form = exactly_one(when, &["above", "below", "inside", "outside", "severities"])?;
        if when.has("clear") && !matches!(form, "above" | "below") {
            let help = match form {
                "severities" => "`clear` in each of the severities",
                "outside" => "`clear_margin` with `outside`",
                _ => "a range is left where it ends",
            };
            when.fault("clear", format!("`clear` with `{form}`"), help);
        }
        if when.has("clear_margin") && form != "outside" {
            let message = format!("`clear_margin` with `{form}`");
            when.fault("clear_margin", message, "`clear` with `above` or `below`");
        }
        Self::read_form(form, when, unit)
    }

    /// The same where the threshold to reach stands under a key of its own.
    pub(crate) fn read_under(key: &'static str, when: &mut Reader<'_>, unit: Unit) -> Option<Self> {
        let form = exactly_one(when, &[key, "severities"])?;
        for other in ["above", "below", "inside", "outside", "clear_margin"] {
            if when.has(other) {
                when.fault(other, format!("`{other}` with `{key}`"), format!("`{key}`, and `clear`"));
            }
        }
        if form == "severities" {
            return Self::read_form(form, when, unit);
        }
        Some(Self { unit, zone: Zone::Above(step(when, key, unit)?) })
    }

    /// At or above a plain number.
    pub(crate) fn above(value: Decimal) -> Self {
        let limit = Limit::plain(value);
        Self { unit: Unit::Plain, zone: Zone::Above(Step { enter: limit, clear: limit }) }
    }

    fn read_form(form: &str, when: &mut Reader<'_>, unit: Unit) -> Option<Self> {
        let zone = match form {
            "above" => Zone::Above(step(when, form, unit)?),
            "below" => Zone::Below(step(when, form, unit)?),
            "severities" => tiers(when, unit)?,
            _ => range(when, form, unit)?,
        };
        Some(Self { unit, zone })
    }
}

/// A threshold under `form`, and `clear` beside it.
fn step(when: &mut Reader<'_>, form: &str, unit: Unit) -> Option<Step> {
    let enter = limit(when, form, unit);
    let clear = if when.has("clear") { limit(when, "clear", unit) } else { enter };
    let (enter, clear) = (enter?, clear?);
    let up = form != "below";
    let wrong = if up { Ordering::Greater } else { Ordering::Less };
    if clear.cmp(&enter) == wrong {
        let (side, most) = if up { ("above", "at most") } else { ("below", "at least") };
        let message = format!("{} is {side} the level {}", spell(&clear), spell(&enter));
        when.fault("clear", message, format!("{most} {}", spell(&enter)));
        return None;
    }
    Some(Step { enter, clear })
}

fn spell(limit: &Limit) -> String {
    format!("{}{}", limit.value, if limit.percent { "%" } else { "" })
}

/// `[low, high]`, and `clear_margin` beside it.
fn range(when: &mut Reader<'_>, form: &str, unit: Unit) -> Option<Zone> {
    let list = when.array(form)?;
    let [low, high] = list else {
        when.fault(form, "not a range", "[low, high]");
        return None;
    };
    let low = one(when, &format!("{form}/0"), low, unit);
    let high = one(when, &format!("{form}/1"), high, unit);
    let (low, high) = (low?, high?);
    if low.percent != high.percent {
        when.fault(form, "one bound with % and one without", "both written alike");
        return None;
    }
    if low.cmp(&high) == Ordering::Greater {
        when.fault(form, "not a range", "[low, high]");
        return None;
    }
    if form == "inside" {
        return Some(Zone::Inside { low, high });
    }
    let margin = match when.get("clear_margin") {
        Some(value) => one(when, "clear_margin", value, unit)?,
        None => Limit { value: Decimal::ZERO, percent: low.percent },
    };
    let moved = |from: Limit, by: Wide| {
        let value = from.value.wide().checked_add(by)?.narrow()?;
        Some(Limit { value, ..from })
    };
    let inner = moved(low, margin.value.wide()).zip(moved(high, margin.value.wide().negated()));
    let negative = margin.value < Decimal::ZERO || margin.percent != low.percent;
    match inner.filter(|(low, high)| !negative && low.cmp(high) != Ordering::Greater) {
        Some((inner_low, inner_high)) => Some(Zone::Outside { low, high, inner_low, inner_high }),
        None => {
            when.fault("clear_margin", "leaves no room between the bounds", "at most half the range");
            None
        }
    }
}

/// `[{ severity = "warning", above = 70, clear = 60 }, …]`.
fn tiers(when: &mut Reader<'_>, unit: Unit) -> Option<Zone> {
    const HELP: &str = "1 to 3 of them, for instance { severity = \"warning\", above = 70, clear = 60 }";
    let list = when.array("severities")?;
    if list.is_empty() || list.len() > 3 {
        when.fault("severities", "not a list of severities", HELP);
        return None;
    }
    let mut tiers = Vec::new();
    let mut way = None;
    for (index, item) in list.iter().enumerate() {
        let path = format!("{}/severities/{index}", when.path());
        let keys = &["severity", "above", "below", "clear"];
        let mut tier = Reader::new(item, &path, keys, when.faults())?;
        if !tier.has("severity") {
            tier.fault("", "`severity` is missing", "info, warning or critical");
        }
        let severity = tier.choice("severity", URGENCIES);
        let form = exactly_one(&mut tier, &["above", "below"])?;
        if way.is_some_and(|way| way != form) {
            tier.fault(form, "one severity goes up and one goes down", "all `above` or all `below`");
            return None;
        }
        way = Some(form);
        let step = step(&mut tier, form, unit);
        tiers.push((severity?, step?));
    }
    tiers.sort_by_key(|(severity, _)| *severity);
    let up = way == Some("above");
    for pair in tiers.windows(2) {
        let [(milder, low), (graver, high)] = pair else { continue };
        let farther = if up { Ordering::Greater } else { Ordering::Less };
        if milder == graver || high.enter.cmp(&low.enter) != farther {
            let message = format!("{} is no farther than {}", spell(&high.enter), spell(&low.enter));
            when.fault("severities", message, "each severity once, the graver at the farther threshold");
            return None;
        }
    }
    Some(Zone::Tiers { up, tiers })
}

/// The limit under `key`.
pub(crate) fn limit(when: &mut Reader<'_>, key: &str, unit: Unit) -> Option<Limit> {
    let value = when.get(key)?;
    one(when, key, value, unit)
}

fn one(when: &mut Reader<'_>, place: &str, value: &Value, unit: Unit) -> Option<Limit> {
    let text = value.as_str().map(str::trim);
    let share = text.and_then(|text| text.strip_suffix('%'));
    let plain = |value: Option<Decimal>| value.map(Limit::plain);
    match (unit, share) {
        (Unit::Percent | Unit::Ratio, Some(number)) => percentage(when, place, value, number),
        (Unit::Percent, None) => {
            when.fault(place, format!("{value} is not a percentage"), "a text such as \"1.5%\" or \"-2%\"");
            None
        }
        (Unit::Bps, Some(number)) => {
            let share = percentage(when, place, value, number)?;
            let hundred = share.value.wide().checked_mul(Wide::new(100, 0))?;
            plain(hundred.narrow())
        }
        (Unit::Duration, _) => plain(when.duration_of(place, value).and_then(|ms| Decimal::new(ms, 0))),
        (Unit::Count, _) => {
            plain(when.count_of(place, value).and_then(|count| Decimal::new(i64::from(count), 0)))
        }
        (Unit::Bps, None) => {
            let bare = text.and_then(|text| text.strip_suffix("bps")).map(|number| number.trim().into());
            plain(when.money_of(place, bare.as_ref().unwrap_or(value)))
        }
        (Unit::Money | Unit::Plain | Unit::Ratio | Unit::Flag, _) => plain(when.money_of(place, value)),
    }
}

/// The number before the sign, which may be negative.
fn percentage(when: &mut Reader<'_>, place: &str, value: &Value, number: &str) -> Option<Limit> {
    let clean: String = number.trim().chars().filter(|c| *c != '_').collect();
    let clean = clean.strip_prefix('+').unwrap_or(&clean);
    // Six decimals of a percent, and no more than a millionfold: as everywhere.
    let most = Decimal::from(100_000_000);
    let parsed = Decimal::parse(clean.as_bytes()).ok();
    match parsed.filter(|d| d.scale() <= 6 && *d <= most && d.wide().negated() <= most.wide()) {
        Some(value) => Some(Limit { value, percent: true }),
        None => {
            when.fault(place, format!("{value} is not a percentage"), "a text such as \"1.5%\" or \"-2%\"");
            None
        }
    }
}
