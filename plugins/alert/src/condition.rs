//! General conditions: levels on signals, instants, and what is put together from them.
//!
//! A condition is what a rule says, the same for every market; what a market remembers of it stands
//! in the engine's nodes, which have the same shape. Truth is Kleene's: a part may be unknown.

use crate::bounds::{BOUND_KEYS, Bounds, Unit};
use crate::config::{Around, Faults, Reader};
use crate::kinds::{self, Instant, Measured};
use crate::rule::{Rule, When};
use crate::say::span;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Parts of one composite at most.
const MAX_PARTS: usize = 16;
/// Composites inside of composites at most.
const MAX_DEPTH: usize = 4;
/// Rules that count one another's events, one behind the other, at most.
const MAX_HOPS: usize = 8;
/// Steps of one sequence at most.
const MAX_STEPS: usize = 8;
/// The highest count that a frequency can be compared with: so many events are remembered.
const MAX_COUNTED: i64 = 1000;

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
    /// One step after the other.
    Sequence(Box<Sequence>),
    /// How often something happened.
    Frequency(Box<Frequency>),
}

/// Steps that must be met one after the other, each by a later input than the one before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Sequence {
    pub(crate) steps: Vec<Condition>,
    /// From the first step to the last, less than this.
    pub(crate) within_ms: i64,
    /// What undoes the steps that were met.
    pub(crate) forbid: Option<Condition>,
}

/// A count of events within a window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Frequency {
    pub(crate) of: Counted,
    pub(crate) window_ms: i64,
    pub(crate) bounds: Bounds,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum Counted {
    /// Events and firings of another rule, for the same key.
    Rule(String),
    /// A condition's instants, or the times it became true.
    Condition(Condition),
}

impl Condition {
    /// The word that config.toml uses.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Level { what, .. } => what.kind(),
            Self::Instant(instant) => instant.kind(),
            Self::All { .. } => "all",
            Self::Any(_) => "any",
            Self::Not(_) => "not",
            Self::Sequence(_) => "sequence",
            Self::Frequency(_) => "frequency",
        }
    }

    /// Its direct parts.
    fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Level { .. } | Self::Instant(_) => Vec::new(),
            Self::All { of, .. } | Self::Any(of) => of.iter().collect(),
            Self::Not(part) => vec![part],
            Self::Sequence(sequence) => sequence.steps.iter().chain(&sequence.forbid).collect(),
            Self::Frequency(frequency) => match &frequency.of {
                Counted::Condition(part) => vec![part],
                Counted::Rule(_) => Vec::new(),
            },
        }
    }

    /// Calls `look` for every condition in it that has no parts.
    pub(crate) fn leaves<'a>(&'a self, look: &mut dyn FnMut(&'a Self)) {
        let parts = self.parts();
        if parts.is_empty() {
            look(self);
        }
        parts.into_iter().for_each(|part| part.leaves(look));
    }

    /// The rules whose events are counted in it.
    pub(crate) fn counted_rules(&self) -> Vec<&str> {
        let mut rules = Vec::new();
        self.leaves(&mut |leaf| {
            if let Self::Frequency(frequency) = leaf
                && let Counted::Rule(id) = &frequency.of
            {
                rules.push(id.as_str());
            }
        });
        rules
    }

    /// Whether it happens at an instant instead of being true over time.
    pub(crate) fn is_instant(&self) -> bool {
        matches!(self, Self::Instant(_) | Self::Sequence(_))
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
            Self::Sequence(sequence) => {
                let steps: Vec<_> = sequence.steps.iter().map(Self::words).collect();
                format!("{} within {}", steps.join(", then "), span(sequence.within_ms))
            }
            Self::Frequency(frequency) => {
                format!("{} {}", frequency.words(), frequency.bounds.words(1))
            }
        }
    }
}

impl Frequency {
    /// What is counted, for a person.
    pub(crate) fn words(&self) -> String {
        let within = span(self.window_ms);
        match &self.of {
            Counted::Rule(id) => format!("number of events of {id} in {within}"),
            Counted::Condition(part) => format!("number of times of ({}) in {within}", part.words()),
        }
    }
}

/// How many rules lie one behind the other before the events that a condition counts; bounded even
/// where they go round in a circle. `find` knows a rule by its id.
pub(crate) fn depth<'a>(
    find: &dyn Fn(&str) -> Option<&'a Rule>,
    condition: &Condition,
    hops: usize,
) -> usize {
    let before = condition.counted_rules().into_iter().map(|id| match find(id).map(|rule| &rule.when) {
        Some(When::General(condition)) if hops < MAX_HOPS => 1 + depth(find, condition, hops + 1),
        _ => 1,
    });
    before.max().unwrap_or(0)
}

/// Notes frequencies of rules that are not there, and circles. Each rule with its place.
pub(crate) fn check_counted(rules: &[(usize, Rule)], faults: &mut Faults) {
    let counting = |rule: &Rule| match &rule.when {
        When::General(condition) => !condition.counted_rules().is_empty(),
        _ => false,
    };
    if !rules.iter().any(|(_, rule)| counting(rule)) {
        return;
    }
    let all: BTreeMap<&str, &Rule> = rules.iter().map(|(_, rule)| (rule.id.as_str(), rule)).collect();
    let find = |id: &str| all.get(id).copied();
    for (index, rule) in rules {
        let When::General(condition) = &rule.when else { continue };
        for id in condition.counted_rules() {
            let path = format!("/rules/{index}/when");
            if find(id).is_none() {
                let known: Vec<&str> = all.keys().copied().collect();
                let help = match crate::config::nearest(id, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "the id of another rule".to_owned(),
                };
                faults.push(path, format!("there is no rule `{id}` to count the events of"), help);
            } else if depth(&find, condition, 0) > MAX_HOPS {
                let message = format!("`{id}` counts, in the end, the events of this rule");
                faults.push(path, message, "a rule that does not count this one");
            }
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
        "sequence" => {
            refuse_instant(kind, path, spot, faults)?;
            sequence(value, path, spot, faults)
        }
        "frequency" => frequency(value, path, spot, faults),
        _ if kinds::is_instant(kind) => {
            refuse_instant(kind, path, spot, faults)?;
            let keys: Vec<&str> =
                ["kind"].iter().chain(kinds::instant_keys(kind)).chain(kinds::LEVEL_KEYS).copied().collect();
            let mut when = Reader::new(value, path, &keys, faults)?;
            kinds::refuse_level_keys(&mut when, kind);
            kinds::read_instant(kind, &mut when, spot.around).map(Condition::Instant)
        }
        _ => level(kind, value, path, spot, faults),
    }
}

/// Notes something that happens at an instant where that means nothing.
fn refuse_instant(kind: &str, path: &str, spot: Spot<'_>, faults: &mut Faults) -> Option<()> {
    if spot.instants {
        return Some(());
    }
    let message = format!("`{kind}` happens at an instant, where a truth over time is meant");
    faults.push(format!("{path}/kind"), message, "inside of `all`, with `within` beside `of`");
    None
}

fn sequence(value: &Value, path: &str, spot: Spot<'_>, faults: &mut Faults) -> Option<Condition> {
    let keys: Vec<&str> =
        ["kind", "steps", "within", "not"].iter().chain(kinds::LEVEL_KEYS).copied().collect();
    let mut when = Reader::new(value, path, &keys, faults)?;
    kinds::refuse_level_keys(&mut when, "sequence");
    let inner = deeper(&mut when, spot)?;
    if !when.has("steps") {
        when.fault("", "`steps` is missing", "a list of conditions, in their order");
    }
    let within = when.span("within", 1);
    let list = when.array("steps")?;
    if list.len() < 2 || list.len() > MAX_STEPS {
        when.fault("steps", format!("{} steps", list.len()), format!("2 to {MAX_STEPS}"));
        return None;
    }
    let steps: Vec<Option<Condition>> = list
        .iter()
        .enumerate()
        .map(|(index, part)| read_at(part, &format!("{path}/steps/{index}"), inner, when.faults()))
        .collect();
    let forbid = match when.get("not") {
        Some(part) => Some(read_at(part, &format!("{path}/not"), inner, when.faults())?),
        None => None,
    };
    let steps = steps.into_iter().collect::<Option<_>>()?;
    Some(Condition::Sequence(Box::new(Sequence { steps, within_ms: within?, forbid })))
}

fn frequency(value: &Value, path: &str, spot: Spot<'_>, faults: &mut Faults) -> Option<Condition> {
    let keys: Vec<&str> = ["kind", "rule", "of", "window"].iter().chain(BOUND_KEYS).copied().collect();
    let mut when = Reader::new(value, path, &keys, faults)?;
    let inner = deeper(&mut when, spot)?;
    let window = when.span("window", 1);
    let bounds = Bounds::read(&mut when, Unit::Count);
    if let Some(most) = bounds.as_ref().map(Bounds::farthest).filter(|most| *most > MAX_COUNTED) {
        when.fault(
            "",
            format!("{most} events are more than are remembered"),
            format!("at most {MAX_COUNTED}"),
        );
        return None;
    }
    if spot.depth > 0 && when.has("severities") {
        when.fault("severities", "severities of a part", "one threshold; severities belong to a whole rule");
        return None;
    }
    let of = match kinds::exactly_one(&mut when, &["rule", "of"])? {
        "rule" => Counted::Rule(when.required_text("rule")?),
        _ => Counted::Condition(read_at(when.get("of")?, &format!("{path}/of"), inner, when.faults())?),
    };
    Some(Condition::Frequency(Box::new(Frequency { of, window_ms: window?, bounds: bounds? })))
}

/// One level deeper, where instants may stand.
fn deeper<'a>(when: &mut Reader<'_>, spot: Spot<'a>) -> Option<Spot<'a>> {
    if spot.depth >= MAX_DEPTH {
        when.fault("", "nested too deep", format!("at most {MAX_DEPTH} deep"));
        return None;
    }
    Some(Spot { depth: spot.depth + 1, instants: true, ..spot })
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
    let inner = Spot { instants: false, ..deeper(&mut when, spot)? };
    let Some(of) = when.get("of") else {
        when.fault("", "`of` is missing", "a list of conditions, each a table with `kind`");
        return None;
    };
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
