//! The comparison: what was expected with what happened, one by one.
//!
//! Two transitions are the same one when rule, market, state and time agree; whatever else an
//! expectation says is then compared by itself, so that a wrong value reads as a wrong value and
//! not as one transition too few and one too many.
//!
//! Keeps: [numbers-survive]

use super::{
    amount::wide,
    file::{Expected, State, Test},
};
use crate::alert::{FieldValue, Fields, Severity};

/// Relative difference below which two approximations are one.
const CLOSE: f64 = 1e-9;

/// A transition of a rule, or a message that the policy sent by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// When, ms since the start.
    pub at_ms: i64,
    /// The plugin that said it; empty where a rule of the file speaks for it.
    pub plugin: String,
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub key: String,
    /// What became of it.
    pub state: State,
    /// How urgent.
    pub severity: Severity,
    /// Its values.
    pub fields: Fields,
    /// One line, as the plugin put it.
    pub title: String,
    /// Who is told.
    pub channels: Vec<String>,
    /// What they are told.
    pub text: Option<String>,
}

impl Happened {
    /// The value of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// One property in which a transition is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// One line of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// It happened as expected.
    Same(Happened),
    /// It happened, but not as expected; and where the expectation is written.
    Differs(Happened, Vec<Difference>, usize),
    /// It was expected and did not happen.
    Missing(Expected),
    /// It happened and was not expected.
    Extra(Happened),
}

impl Row {
    const fn at_ms(&self) -> i64 {
        match self {
            Self::Same(happened) | Self::Differs(happened, ..) | Self::Extra(happened) => happened.at_ms,
            Self::Missing(expected) => expected.at_ms,
        }
    }
}

/// What came of a test.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// In the order of time.
    pub rows: Vec<Row>,
}

impl Comparison {
    /// Whether both lists are equal.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.rows.iter().all(|row| matches!(row, Row::Same(_)))
    }
}

/// Compares what `test` expects with everything that happened.
#[must_use]
pub fn compare(test: &Test, happened: Vec<Happened>) -> Comparison {
    let concerns =
        |h: &Happened| h.plugin == test.plugin && test.rule.as_ref().is_none_or(|rule| *rule == h.rule);
    let mut open: Vec<Option<Happened>> = happened.into_iter().filter(concerns).map(Some).collect();
    let mut rows = Vec::new();
    for expected in &test.expect {
        let rule = expected.rule.as_ref().or(test.rule.as_ref());
        let fits = |h: &Happened| {
            h.at_ms == expected.at_ms
                && h.state == expected.state
                && rule.is_none_or(|rule| *rule == h.rule)
                // A digest is about many things.
                && (h.state == State::Digest || expected.market.as_ref().is_none_or(|market| *market == h.key))
        };
        // Of several at one instant (lines of a grid, say) the one that agrees best.
        let candidates =
            open.iter().enumerate().filter_map(|(at, h)| Some((at, h.as_ref().filter(|h| fits(h))?)));
        let best =
            candidates.map(|(at, h)| (differences(expected, h), at)).min_by_key(|(d, at)| (d.len(), *at));
        let found = best.and_then(|(differences, at)| Some((differences, open.get_mut(at)?.take()?)));
        rows.push(match found {
            None => Row::Missing(expected.clone()),
            Some((differences, happened)) if differences.is_empty() => Row::Same(happened),
            Some((differences, happened)) => Row::Differs(happened, differences, expected.line),
        });
    }
    rows.extend(open.into_iter().flatten().map(Row::Extra));
    rows.sort_by_key(Row::at_ms);
    Comparison { rows }
}

fn differences(expected: &Expected, happened: &Happened) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |name: &str, expected: String, got: String| {
        found.push(Difference { name: name.to_owned(), expected, found: got });
    };
    let value = expected.value.iter().map(|value| ("value", value));
    let fields = expected.fields.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in value.chain(fields) {
        match happened.field(name) {
            Some(field) if same(value, field) => {}
            Some(field) => differ(name, value.clone(), shown(field)),
            None => differ(name, value.clone(), "nothing of this name".to_owned()),
        }
    }
    if let Some(severity) = expected.severity.filter(|severity| *severity != happened.severity) {
        differ("severity", severity.as_str().to_owned(), happened.severity.as_str().to_owned());
    }
    let told = !happened.channels.is_empty();
    if let Some(notified) = expected.notified.filter(|notified| *notified != told) {
        differ("notified", notified.to_string(), told.to_string());
    }
    if let Some(channels) = &expected.channels {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        if sorted(channels) != sorted(&happened.channels) {
            differ("channels", format!("{channels:?}"), format!("{:?}", happened.channels));
        }
    }
    if let Some(text) = &expected.text {
        match &happened.text {
            Some(said) if said == text => {}
            Some(said) => differ("text", format!("{text:?}"), format!("{said:?}")),
            None => differ("text", format!("{text:?}"), "no message".to_owned()),
        }
    }
    found
}

/// A value as it is compared and shown.
pub(super) fn shown(field: &FieldValue) -> String {
    match field {
        FieldValue::Text(text) => text.clone(),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::Int(number) => number.to_string(),
        FieldValue::Float(number) => number.to_string(),
        FieldValue::Bool(flag) => flag.to_string(),
        FieldValue::Null => "unknown".to_owned(),
    }
}

/// Whether a value is what somebody wrote: exact numbers by their digits, others closely.
fn same(expected: &str, field: &FieldValue) -> bool {
    let plain = expected.trim_end_matches('%').trim();
    match field {
        FieldValue::Number(number) => wide(plain) == Some(*number),
        FieldValue::Int(number) => wide(plain) == Some(tradehook_decimal::Wide::new(i128::from(*number), 0)),
        FieldValue::Float(number) => plain.replace('_', "").parse::<f64>().is_ok_and(|wanted| {
            (wanted - number).abs() <= CLOSE * wanted.abs().max(number.abs()).max(f64::MIN_POSITIVE)
        }),
        FieldValue::Text(_) | FieldValue::Bool(_) | FieldValue::Null => shown(field) == expected,
    }
}
