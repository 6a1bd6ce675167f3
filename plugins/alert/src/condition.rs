//! General conditions: levels on signals, instants, and what is put together from them.
//!
//! A condition is what a rule says, the same for every market; what a market remembers of it stands
//! in the engine's nodes, which have the same shape. Truth is Kleene's: a part may be unknown.

use crate::bounds::{BOUND_KEYS, Bounds};
use crate::config::{Around, Faults, Reader};
use crate::kinds::{self, Instant, Measured};
use serde::Serialize;
use serde_json::Value;

/// Parts of one composite at most.
const MAX_PARTS: usize = 16;
/// Composites inside of composites at most.
const MAX_DEPTH: usize = 4;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Condition {
    /// A signal within bounds.
    Level {
        what: Measured,
        bounds: Bounds,
    },
    /// Something that happens at a trade.
    Instant(Instant),
    /// Every part is true; instants count for so long after they happened.
    All {
        of: Vec<Condition>,
        within_ms: i64,
    },
    /// At least one part is true.
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// The kinds that are read here.
pub(crate) const COMPOSITES: &[&str] = &["all", "any", "not"];

impl Condition {
    /// The word that config.toml uses.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Level { what, .. } => what.kind(),
            Self::Instant(instant) => instant.kind(),
            Self::All { .. } => "all",
            Self::Any(_) => "any",
            Self::Not(_) => "not",
        }
    }

    /// Whether it happens at an instant instead of being true over time.
    pub(crate) fn is_instant(&self) -> bool {
        matches!(self, Self::Instant(_))
    }

    /// What it asks for, for a person.
    pub(crate) fn words(&self) -> String {
        let list = |parts: &[Self]| parts.iter().map(Self::words).collect::<Vec<_>>().join(", ");
        match self {
            Self::Level { what, bounds } => format!("{} {}", what.words(), bounds.words(1)),
            Self::Instant(instant) => instant.words(),
            Self::All { of, .. } => format!("all of ({})", list(of)),
            Self::Any(of) => format!("any of ({})", list(of)),
            Self::Not(part) => format!("not ({})", part.words()),
        }
    }
}

/// Where a condition stands in its rule.
#[derive(Clone, Copy)]
struct Spot<'a> {
    around: Around<'a>,
    depth: usize,
    /// Whether something that happens at an instant may stand here.
    instants: bool,
}

/// Reads the condition at `path`, which is of a kind that the general evaluator knows.
pub(crate) fn read(value: &Value, path: &str, around: Around<'_>, faults: &mut Faults) -> Option<Condition> {
    read_at(value, path, Spot { around, depth: 0, instants: true }, faults)
}

fn read_at(value: &Value, path: &str, spot: Spot<'_>, faults: &mut Faults) -> Option<Condition> {
    let kind = kinds::kind_of(value, path, faults)?;
    match kind {
        "all" | "any" | "not" => composite(kind, value, path, spot, faults),
        _ if kinds::is_instant(kind) => {
            if !spot.instants {
                let message = format!("`{kind}` happens at an instant, where a truth over time is meant");
                faults.push(format!("{path}/kind"), message, "inside of `all`, with `within` beside `of`");
                return None;
            }
            let keys: Vec<&str> =
                ["kind"].iter().chain(kinds::instant_keys(kind)).chain(kinds::LEVEL_KEYS).copied().collect();
            let mut when = Reader::new(value, path, &keys, faults)?;
            kinds::refuse_level_keys(&mut when, kind);
            kinds::read_instant(kind, &mut when, spot.around).map(Condition::Instant)
        }
        _ => level(kind, value, path, spot, faults),
    }
}

fn level(kind: &str, value: &Value, path: &str, spot: Spot<'_>, faults: &mut Faults) -> Option<Condition> {
    let own = kinds::measured_keys(kind);
    let bounds: &[&str] = if kinds::has_own_bounds(kind) { &[] } else { BOUND_KEYS };
    let keys: Vec<&str> = ["kind"].iter().chain(own).chain(bounds).copied().collect();
    let mut when = Reader::new(value, path, &keys, faults)?;
    if spot.depth > 0 && when.has("severities") {
        when.fault("severities", "severities of a part", "one threshold; severities belong to a whole rule");
        return None;
    }
    let what = kinds::read_measured(kind, &mut when, spot.around);
    let bounds = what.as_ref().and_then(|what| kinds::read_bounds(&mut when, what));
    Some(Condition::Level { what: what?, bounds: bounds? })
}

fn composite(
    kind: &str,
    value: &Value,
    path: &str,
    spot: Spot<'_>,
    faults: &mut Faults,
) -> Option<Condition> {
    let keys: &[&str] = if kind == "all" { &["kind", "of", "within"] } else { &["kind", "of"] };
    let mut when = Reader::new(value, path, keys, faults)?;
    if spot.depth >= MAX_DEPTH {
        when.fault("", "nested too deep", format!("at most {MAX_DEPTH} deep"));
        return None;
    }
    let Some(of) = when.get("of") else {
        when.fault("", "`of` is missing", "a list of conditions, each a table with `kind`");
        return None;
    };
    let inner = Spot { depth: spot.depth + 1, instants: false, ..spot };
    if kind == "not" {
        // One table, or a list of one.
        let (part, place) = match of.as_array().map(Vec::as_slice) {
            Some([one]) => (one, format!("{path}/of/0")),
            Some(_) => {
                when.fault("of", "`not` is about one condition", "one table; `any` inside of `not` for more");
                return None;
            }
            None => (of, format!("{path}/of")),
        };
        let part = read_at(part, &place, inner, when.faults())?;
        return Some(Condition::Not(Box::new(part)));
    }
    let within = when.duration("within");
    let list = when.array("of")?;
    if list.is_empty() || list.len() > MAX_PARTS {
        when.fault("of", format!("{} conditions", list.len()), format!("1 to {MAX_PARTS}"));
        return None;
    }
    let inner = Spot { instants: kind == "all", ..inner };
    let parts: Vec<Option<Condition>> = list
        .iter()
        .enumerate()
        .map(|(index, part)| read_at(part, &format!("{path}/of/{index}"), inner, when.faults()))
        .collect();
    let of: Vec<Condition> = parts.into_iter().collect::<Option<_>>()?;
    let instants = of.iter().any(Condition::is_instant);
    if instants && within.unwrap_or(0) == 0 {
        when.fault("within", "how long an instant counts is missing", "`within`, for instance \"10s\"");
        return None;
    }
    if !instants && when.has("within") {
        when.fault("within", "`within` without a part that happens at an instant", "leave it away");
        return None;
    }
    Some(match kind {
        "any" => Condition::Any(of),
        _ => Condition::All { of, within_ms: within.unwrap_or(0) },
    })
}
