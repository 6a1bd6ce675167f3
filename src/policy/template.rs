//! Message templates: minijinja, compiled and tried once at load.
//!
//! A template sees the alert's own values by name, and beside them what every alert has; those
//! names win, so that a guest cannot pass off a value as the rule's. Text of a guest goes in as a
//! value and is never itself a template. [guest-text-is-data]
//!
//! A template that fails at run time must not lose the alert: the default text is sent with the
//! error behind it, as Prometheus does.

use super::{
    body::Facts,
    identity::{Transition, hex},
    rule::RulePolicy,
    sample,
    state::Notice,
    value::{self, Digits},
};
use crate::alert::{AlertState, FieldValue, Fields, Raised, Severity, Trigger};
use minijinja::{Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};
use std::{collections::BTreeMap, fmt};

/// Longest text of a message, in bytes; what is more is cut with a mark. That of the strictest
/// chat in use.
pub(super) const MAX_TEXT: usize = 4096;

/// Longest source of a template. Chosen: ten screens of text.
const MAX_SOURCE: usize = 16 * 1024;

/// What a template may name beside the values of its own rule.
const COMMON: [&str; 24] = [
    "rule",
    "plugin",
    "plugin_rule",
    "labels",
    "sid",
    "key",
    "market",
    "state",
    "previous_state",
    "severity",
    "previous_severity",
    "title",
    "at",
    "at_kst",
    "at_ms",
    "started_at",
    "fields",
    "episode_id",
    "suppressed_count",
    "duration",
    "duration_ms",
    "links",
    "late",
    "replay",
];

/// A message template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The plugin of the rule.
    pub plugin: String,
    /// The rule whose message it is.
    pub rule: String,
    /// The line within the template, from 1, if known.
    pub line: Option<usize>,
    /// Where in the template's source, in bytes, if known.
    pub offset: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message of rule `{}` does not render: {}", self.rule, self.message)?;
        self.line.map_or(Ok(()), |line| write!(f, " (line {line} of the template)"))
    }
}

impl std::error::Error for TemplateFault {}

#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    pub(super) fn compile(rules: &[RulePolicy]) -> Result<Self, Vec<TemplateFault>> {
        let mut templates = Self { environment: environment() };
        let mut faults = Vec::new();
        for rule in rules {
            if let Some(source) = &rule.message {
                faults.extend(templates.add(rule, source).err());
            }
        }
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    fn add(&mut self, rule: &RulePolicy, source: &str) -> Result<(), TemplateFault> {
        let fault = |line: Option<usize>, offset: Option<usize>, message: String| TemplateFault {
            plugin: rule.plugin.clone(),
            rule: rule.id.clone(),
            line,
            offset,
            message,
        };
        let at_line = |error: &Error| {
            let offset = error.range().map(|range| range.start);
            let offset = offset.or_else(|| error.line().map(|line| line_start(source, line)));
            fault(error.line(), offset, explain(error))
        };
        if source.len() > MAX_SOURCE {
            return Err(fault(None, None, format!("longer than {MAX_SOURCE} bytes")));
        }
        let name = name_of(&rule.plugin, &rule.id);
        self.environment.add_template_owned(name.clone(), source.to_owned()).map_err(|e| at_line(&e))?;
        let template = self.environment.get_template(&name).map_err(|e| at_line(&e))?;
        if let Some((name, meant)) = self.unknown_name(rule, &template) {
            let offset = source.find(name.as_str());
            let line = offset.map(|at| source[..at].matches('\n').count() + 1);
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            return Err(fault(line, offset, format!("`{name}` is not a value of this alert{meant}")));
        }
        for state in [AlertState::Firing, AlertState::Resolved] {
            let raised = sample_of(rule, "KRW-BTC", state);
            let rendered = template.render(context(&sample_facts(rule, &raised, rule.severity)));
            // Values of unknown rules are absent here and may well be there at run time.
            if let Err(error) = rendered
                && !(rule.sample.is_empty() && may_be_absence(&error))
            {
                return Err(at_line(&error));
            }
        }
        Ok(())
    }

    /// A name in the template that no alert of the rule has, and the one that was probably meant.
    /// Where it is not known what alerts carry, only a near miss counts.
    fn unknown_name(
        &self,
        rule: &RulePolicy,
        template: &Template<'_, '_>,
    ) -> Option<(String, Option<String>)> {
        let strict = !rule.sample.is_empty();
        let values = if strict { rule.sample.clone() } else { sample::values() };
        let globals: Vec<_> = self.environment.globals().map(|(name, _)| name.to_owned()).collect();
        let own = values.iter().map(|(name, _)| name.as_str());
        let known: Vec<&str> =
            COMMON.into_iter().chain(own).chain(globals.iter().map(String::as_str)).collect();
        let mut names: Vec<_> = template.undeclared_variables(false).into_iter().collect();
        names.sort_unstable();
        names.into_iter().filter(|name| !known.contains(&name.as_str())).find_map(|name| {
            let meant = sample::meant(&name, known.iter().copied()).map(str::to_owned);
            (strict || meant.is_some()).then_some((name, meant))
        })
    }

    /// The text of a message of `rule` with sample values.
    pub(super) fn sample_text(&self, rule: &RulePolicy, key: &str, severity: Severity) -> String {
        let raised = sample_of(rule, key, AlertState::Firing);
        self.text(&sample_facts(rule, &raised, severity)).0
    }

    /// The text of a message, and why its template failed, if it did.
    pub(super) fn text(&self, facts: &Facts<'_>) -> (String, Option<String>) {
        if facts.rule.message.is_none() {
            return (cut(default_text(facts)), None);
        }
        let name = name_of(&facts.rule.plugin, &facts.rule.id);
        match self.environment.get_template(&name).and_then(|t| t.render(context(facts))) {
            Ok(text) => (cut(text), None),
            Err(error) => {
                let error = explain(&error);
                (cut(format!("{} (its message template failed: {error})", default_text(facts))), Some(error))
            }
        }
    }
}

/// Whether a value that is absent could be all that is wrong.
fn may_be_absence(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidOperation | ErrorKind::UndefinedError)
}

fn name_of(plugin: &str, rule: &str) -> String {
    format!("{plugin}/{rule}")
}

fn line_start(source: &str, line: usize) -> usize {
    source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum()
}

fn explain(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()))
}

/// What is said where the operator wrote no template: the plugin's own line.
fn default_text(facts: &Facts<'_>) -> String {
    let Raised { title, key, state, .. } = facts.raised;
    let text =
        if title.is_empty() { format!("{key} {} {}", facts.id, state.as_str()) } else { title.clone() };
    let text = if facts.notice.kind == Transition::Repeat {
        format!("{text} (for {})", value::duration(facts.duration_ms()))
    } else {
        text
    };
    match facts.notice.suppressed {
        0 => text,
        n => format!("{text} ({n} more before it)"),
    }
}

fn cut(mut text: String) -> String {
    const MARK: &str = " … (cut)";
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT - MARK.len()));
        text.push_str(MARK);
    }
    text
}

fn context(facts: &Facts<'_>) -> Value {
    let Facts { raised, rule, notice, severity, .. } = facts;
    let mut names: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in raised.fields.iter().rev() {
        names.insert(name.clone(), template_value(value));
    }
    let fields = Value::from_pairs(names.clone());
    let market = facts.market();
    let mut set = |name: &str, value: Value| drop(names.insert(name.to_owned(), value));
    let text_map = |pairs: &[(&str, &str)]| Value::from_pairs(pairs.iter().map(|(k, v)| (*k, *v)));
    let (id, kind) = (facts.id, rule.kind.as_str());
    let about_rule = [("id", id), ("name", &rule.name), ("severity", severity.as_str()), ("kind", kind)];
    set("rule", text_map(&about_rule));
    set("plugin", Value::from(raised.plugin.as_str()));
    set("plugin_rule", Value::from(raised.rule.as_str()));
    set("labels", Value::from_pairs(rule.labels.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    if let Trigger::Trade { sequential_id, .. } = raised.trigger {
        set("sid", Value::from(sequential_id));
    }
    set("key", Value::from(raised.key.as_str()));
    set("market", Value::from(market.unwrap_or(&raised.key)));
    set("state", Value::from(raised.state.as_str()));
    set("previous_state", Value::from(facts.previous_state()));
    set("severity", Value::from(severity.as_str()));
    set("previous_severity", Value::from(notice.previous.map(Severity::as_str)));
    set("title", Value::from(raised.title.as_str()));
    set("at", Value::from(value::utc(raised.at_ms)));
    set("at_kst", Value::from(value::kst(raised.at_ms)));
    set("at_ms", Value::from(raised.at_ms));
    set("fields", fields);
    set("episode_id", Value::from(hex(&notice.episode)));
    set("suppressed_count", Value::from(notice.suppressed));
    set("started_at", Value::from(value::utc(notice.started_at_ms)));
    set("duration", Value::from(value::duration(facts.duration_ms())));
    set("duration_ms", Value::from(facts.duration_ms()));
    set("late", Value::from(raised.late));
    set("replay", Value::from(raised.replay));
    set("links", text_map(&[("upbit", &facts.link().unwrap_or_default())]));
    Value::from_pairs(names)
}

/// A number that a template can compare and count with where that loses nothing; else its digits.
fn template_value(value: &FieldValue) -> Value {
    match value {
        FieldValue::Text(text) => Value::from(text.as_str()),
        FieldValue::Number(wide) if wide.scale() == 0 => Value::from(wide.mantissa()),
        FieldValue::Number(wide) => {
            let (float, digits) = (wide.to_f64(), wide.to_string());
            if float.to_string() == digits { Value::from(float) } else { Value::from(digits) }
        }
        FieldValue::Int(int) => Value::from(*int),
        FieldValue::Float(float) => Value::from(*float),
        FieldValue::Bool(bool) => Value::from(*bool),
        FieldValue::Null => Value::from(()),
    }
}

/// An alert of `rule` that never was.
fn sample_of(rule: &RulePolicy, key: &str, state: AlertState) -> Raised {
    let is_of_plugin = rule.claim.is_some();
    let fields: Fields = if !rule.sample.is_empty() {
        rule.sample.clone()
    } else if is_of_plugin {
        Fields::new()
    } else {
        sample::values()
    };
    Raised {
        plugin: rule.plugin.clone(),
        rule: rule.id.clone(),
        key: key.to_owned(),
        state,
        severity: None,
        title: "a sample".to_owned(),
        at_ms: 1_763_769_720_000,
        heard_at_ms: 1_763_769_720_000,
        fields,
        trigger: Trigger::Trade { sequential_id: 1, offset: 0 },
        index: 0,
        late: false,
        replay: false,
    }
}

fn sample_facts<'a>(rule: &'a RulePolicy, raised: &'a Raised, severity: Severity) -> Facts<'a> {
    const NOTICE: Notice = Notice {
        kind: Transition::Firing,
        episode: [0; 32],
        sequence: 0,
        started_at_ms: 1_763_769_600_000,
        suppressed: 0,
        previous: None,
    };
    Facts { raised, rule, id: &rule.id, severity, fingerprint: [0; 32], notice: &NOTICE }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_recursion_limit(64);
    environment.add_filter("krw", |value: Value| digits(&value).map(|d| d.grouped()));
    environment.add_filter("signed", |value: Value, places: Option<usize>| rounded(&value, places, true));
    environment.add_filter("pct", |value: Value, places: Option<usize>| {
        rounded(&value, Some(places.unwrap_or(2)), false).map(|text| format!("{text}%"))
    });
    environment.add_filter("si", |value: Value| digits(&value).map(|d| d.si()));
    environment.add_filter("kst", |value: Value| korean_time(&value));
    environment
}

fn rounded(value: &Value, places: Option<usize>, plus: bool) -> Result<String, Error> {
    let digits = digits(value)?;
    Ok(match places {
        Some(places) => digits.round(places.min(36)).plain(plus),
        None => digits.plain(plus),
    })
}

fn digits(value: &Value) -> Result<Digits, Error> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let number = !value.is_undefined() && !value.is_none();
    number.then(|| Digits::parse(&text)).flatten().ok_or_else(|| {
        let what = if number { format!("`{text}` is not a number") } else { "there is no value".to_owned() };
        Error::new(ErrorKind::InvalidOperation, what)
    })
}

fn korean_time(value: &Value) -> Result<String, Error> {
    let from_text = || value.as_str().and_then(|text| text.parse().ok());
    let at = i64::try_from(value.clone()).ok().map(value::timestamp).or_else(from_text);
    at.map(value::kst_short).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("`{value}` is neither a time nor milliseconds"))
    })
}
