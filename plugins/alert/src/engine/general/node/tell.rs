//! What was seen of a condition, for the alert and for a person who asks.

use super::super::{Moment, View};
use super::Node;
use crate::bounds::{Bounds, Reading, Unit};
use crate::condition::Condition;
use crate::say::SeenParts;
use crate::signal::{Happening, Signal};

/// What was seen of a condition that stands at `standing`.
pub(crate) fn describe(
    condition: &Condition,
    node: &Node,
    standing: u8,
    signals: &[(Vec<u8>, Box<dyn Signal>)],
    moment: &Moment<'_>,
    view: &View<'_>,
) -> SeenParts {
    let mut seen = SeenParts::default();
    match (condition, node) {
        (Condition::Level { what, bounds }, Node::Level { signal, .. }) => {
            let reading = moment.values.get(*signal).copied().flatten();
            one(bounds, standing, reading, &mut seen);
            seen.about = what.words();
            if let Some((_, signal)) = signals.get(*signal) {
                signal.describe(view, &mut seen.fields);
                if signal.partial(view) {
                    seen.fields.push(("partial", true.into()));
                }
            }
        }
        (Condition::Frequency(what), Node::Frequency { counter, .. }) => {
            one(&what.bounds, standing, Some(counter.now()), &mut seen);
            seen.about = what.words();
            seen.fields.push(("window_ms", what.window_ms.into()));
        }
        _ => {
            list(condition, node, moment, &mut seen.parts);
            seen.about = condition.words();
        }
    }
    seen
}

fn one(bounds: &Bounds, standing: u8, reading: Option<Reading>, seen: &mut SeenParts) {
    let flag = bounds.unit == Unit::Flag;
    if let Some(reading) = reading {
        seen.fields.push(("value", bounds.shown(&reading)));
        seen.value = (!flag).then(|| bounds.say_reading(&reading));
    }
    seen.severity = bounds.severity(standing);
    if flag {
        return;
    }
    for (name, limit) in bounds.limits(standing) {
        seen.fields.push((name, limit.value.into()));
    }
    seen.bound = bounds.words(standing);
}

/// What every part is, in order.
fn list(condition: &Condition, node: &Node, moment: &Moment<'_>, parts: &mut Vec<String>) {
    let say = |bounds: &Bounds, reading: Option<Reading>| match reading {
        None => "unknown".to_owned(),
        Some(reading) if bounds.unit == Unit::Flag => (reading.near() > 0.0).to_string(),
        Some(reading) => bounds.say_reading(&reading),
    };
    match (condition, node) {
        (Condition::Level { what, bounds }, Node::Level { signal, .. }) => {
            let reading = moment.values.get(*signal).copied().flatten();
            parts.push(format!("{} is {}", what.words(), say(bounds, reading)));
        }
        (Condition::Frequency(what), Node::Frequency { counter, .. }) => {
            parts.push(format!("{} is {}", what.words(), say(&what.bounds, Some(counter.now()))));
        }
        (Condition::All { of, .. } | Condition::Any(of), Node::Parts(nodes)) => {
            of.iter().zip(nodes).for_each(|(part, node)| list(part, node, moment, parts));
        }
        (Condition::Not(part), Node::Parts(nodes)) => {
            if let Some(node) = nodes.first() {
                list(part, node, moment, parts);
            }
        }
        (Condition::Instant(what), Node::Instant { at_ms, .. }) => {
            let ago = moment.now_ms.saturating_sub(*at_ms);
            let when = match at_ms {
                &i64::MIN => "not yet".to_owned(),
                _ => format!("{} ago", crate::say::span(ago)),
            };
            parts.push(format!("{}: {when}", what.words()));
        }
        (Condition::Sequence(what), Node::Sequence { steps, .. }) => {
            parts.push(format!("{} of {} steps", steps.reached(), what.steps.len()));
        }
        _ => {}
    }
}

/// The times of the steps of a sequence that was just completed, and what it is called.
pub(crate) fn sequence_seen(condition: &Condition, node: &Node) -> Happening {
    let mut happening = Happening::default();
    if let (Condition::Sequence(what), Node::Sequence { steps, .. }) = (condition, node) {
        let times: Vec<String> = steps.matched.iter().map(i64::to_string).collect();
        let took = steps.matched.last().zip(steps.matched.first()).map_or(0, |(last, first)| last - first);
        happening.title = format!("{}, in {}", condition.words(), crate::say::span(took));
        happening.fields = vec![
            ("steps", i64::try_from(what.steps.len()).unwrap_or(0).into()),
            ("step_times_ms", times.join(", ").into()),
            ("took_ms", took.into()),
            ("within_ms", what.within_ms.into()),
        ];
    }
    happening
}
