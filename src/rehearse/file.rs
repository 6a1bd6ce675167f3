//! The file of tests: TOML with the rules' files, a start, and a list of feeds with what must
//! come of each.
//!
//! Every mistake is reported at its place, those within the lines of a feed included.
//!
//! Keeps: [bounded] (size of the file, tests, expectations)

use super::{
    Fault, Script,
    feed::{self, LineFault},
    table::{Item, Table},
};
use crate::{alert::Severity, market::is_market_code};
use std::{cell::RefCell, ops::Range};
use toml::de::{DeTable, DeValue};

/// Largest file that is read, in bytes (chosen: ten thousand tests of a thousand bytes).
pub(super) const MAX_BYTES: usize = 10 << 20;
const MAX_TESTS: usize = 10_000;
/// 2026-01-01 00:00:00 UTC: where a test begins that does not care.
const START_MS: i64 = 1_767_225_600_000;

/// A file of tests.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// The configurations whose rules are tried, relative to the file.
    pub rules: Vec<String>,
    /// By how much a tick's time runs ahead of the clock of rules, ms.
    pub idle_lag_ms: i64,
    /// The tests.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// For a person.
    pub name: String,
    /// The line at which it begins, from 1.
    pub line: usize,
    /// The rule whose transitions are compared; `None`: those of every rule.
    pub rule: Option<String>,
    /// Where the file says so: the rule's id, or the head of the test.
    pub place: Range<usize>,
    /// The plugin whose own alerts are compared; empty: those of the rules of the file.
    pub plugin: String,
    /// When its feed begins, ms since the Unix epoch.
    pub start_ms: i64,
    /// What is fed.
    pub script: Script,
    /// What must come of it, and nothing else.
    pub expect: Vec<Expected>,
}

/// Where an alert stands; beside the states of rules what the policy says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Happened at one instant.
    Event,
    /// Became true, or more or less severe.
    Firing,
    /// Is no longer true.
    Resolved,
    /// A firing told again.
    Repeat,
    /// What was held back, in one message.
    Digest,
}

impl State {
    const WORDS: [(&'static str, Self); 5] = [
        ("event", Self::Event),
        ("firing", Self::Firing),
        ("resolved", Self::Resolved),
        ("repeat", Self::Repeat),
        ("digest", Self::Digest),
    ];

    /// Its name in files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Repeat => "repeat",
            Self::Digest => "digest",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(word, _)| *word == name).map(|(_, state)| *state)
    }
}

/// One transition that must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Where it is written, from 1.
    pub line: usize,
    /// When, ms since the start.
    pub at_ms: i64,
    /// The rule; `None`: that of the test.
    pub rule: Option<String>,
    /// What it is about; `None`: anything.
    pub market: Option<String>,
    /// What becomes of it.
    pub state: State,
    /// The value of its kind, by its digits.
    pub value: Option<String>,
    /// How urgent.
    pub severity: Option<Severity>,
    /// Whether somebody is told.
    pub notified: Option<bool>,
    /// Exactly these channels are told.
    pub channels: Option<Vec<String>>,
    /// The whole text of the message.
    pub text: Option<String>,
    /// Other values that it carries.
    pub fields: Vec<(String, String)>,
}

const SEVERITIES: [(&str, Severity); 3] =
    [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];

/// Reads a file of tests.
///
/// # Errors
/// Every fault of the text.
pub fn parse(text: &str) -> Result<TestFile, Vec<Fault>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {MAX_BYTES} bytes");
        return Err(vec![Fault { span: 0..0, path: String::new(), message, help: None }]);
    }
    let (tree, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let fault = |e: &toml::de::Error| Fault {
            span: e.span().unwrap_or(text.len()..text.len()),
            path: String::new(),
            message: format!("not TOML: {}", e.message()),
            help: None,
        };
        return Err(errors.iter().take(20).map(fault).collect());
    }
    let faults = RefCell::new(Vec::new());
    let file = root(Table::root(tree.get_ref(), &faults), text);
    let mut faults = faults.into_inner();
    faults.sort_by_key(|fault| fault.span.start);
    if faults.is_empty() { Ok(file) } else { Err(faults) }
}

fn root(mut root: Table<'_>, text: &str) -> TestFile {
    let rules = root.required("rules", "write rules = [\"config.toml\"]: the files whose rules are tried");
    let rules = rules.map(|item| strings(&item, "[\"config.toml\"]")).unwrap_or_default();
    let start_ms = root.get("start").and_then(|item| instant(&item)).unwrap_or(START_MS);
    let idle_lag_ms = root.get("idle_lag").and_then(|item| item.duration()).unwrap_or(0);
    let tests = root
        .required("test", "write [[test]] above every test")
        .map(|item| item.items("[[test]] above every test"));
    let tests = tests.unwrap_or_default();
    if tests.len() > MAX_TESTS {
        root.fault(
            format!("{} tests", tests.len()),
            &format!("at most {MAX_TESTS} are accepted in one file"),
        );
    }
    let read = |item: &Item<'_>| Some(test(item.table("[[test]]")?, start_ms, text));
    let tests = tests.iter().take(MAX_TESTS).filter_map(read).collect();
    root.finish();
    TestFile { rules, idle_lag_ms, tests }
}

fn test(mut table: Table<'_>, start_ms: i64, text: &str) -> Test {
    let line = line_of(text, table.span.start);
    let rule = table.get("rule");
    let place = rule.as_ref().map_or(table.span.clone(), |item| item.span.clone());
    let rule = rule.and_then(|item| item.string("the id of a rule").map(str::to_owned));
    let name = table.get("name").and_then(|item| item.string("what is shown").map(str::to_owned));
    let name = name.or_else(|| rule.clone()).unwrap_or_else(|| format!("the test of line {line}"));
    let plugin = table.get("plugin").and_then(|item| item.string("the name of a plugin").map(str::to_owned));
    let market = table.get("market").and_then(|item| market(&item));
    let start_ms = table.get("start").and_then(|item| instant(&item)).unwrap_or(start_ms);
    let feed = table.required("feed", "write feed = \"\"\" with a line for every trade, tick and gap");
    let script = feed.and_then(|item| script(&item, start_ms, market.as_deref(), text)).unwrap_or_default();
    let expect = table.required("expect", "write expect = [] when nothing may fire");
    let expect =
        expect.map(|item| item.items("expect = [{ at = \"1s\", state = \"firing\" }]")).unwrap_or_default();
    let read = |item: &Item<'_>| {
        expected(item.table("{ at = \"1s\", state = \"firing\" }")?, market.as_deref(), text)
    };
    let expect = expect.iter().filter_map(read).collect();
    table.finish();
    Test { name, line, rule, place, plugin: plugin.unwrap_or_default(), start_ms, script, expect }
}

fn expected(mut table: Table<'_>, market_of_test: Option<&str>, text: &str) -> Option<Expected> {
    let line = line_of(text, table.span.start);
    let at_ms = table
        .required("at", "the offset at which it must happen, like \"1s\"")
        .and_then(|item| item.duration());
    let state =
        table.required("state", "event, firing or resolved").and_then(|item| item.one_of(&State::WORDS));
    let word = |item: Option<Item<'_>>| item.and_then(|item| item.string("a string").map(str::to_owned));
    let rule = word(table.get("rule"));
    let key = word(table.get("market")).or_else(|| market_of_test.map(str::to_owned));
    let value = table.get("value").and_then(|item| item.scalar("the value, like \"100000000\" or 3"));
    let severity = table.get("severity").and_then(|item| item.one_of(&SEVERITIES));
    let notified = table.get("notified").and_then(|item| {
        let flag = item.value.as_bool();
        if flag.is_none() {
            item.fault("true or false is expected here", "`channels = [\"phone\"]` names who is told");
        }
        flag
    });
    let channels = table.get("channels").map(|item| strings(&item, "[\"phone\"]"));
    let body = word(table.get("text"));
    let fields = table.get("fields").and_then(|item| item.table("{ tier = \"whale\" }"));
    let fields = fields.map(|table| table.entries()).unwrap_or_default();
    let field = |(_, key, item): &(Range<usize>, &str, Item<'_>)| {
        Some(((*key).to_owned(), item.scalar("its value")?))
    };
    let fields = fields.iter().filter_map(field).collect();
    table.finish();
    Some(Expected {
        line,
        at_ms: at_ms?,
        rule,
        market: key,
        state: state?,
        value,
        severity,
        notified,
        channels,
        text: body,
        fields,
    })
}

fn strings(item: &Item<'_>, example: &str) -> Vec<String> {
    item.items(example).iter().filter_map(|item| item.string("a string").map(str::to_owned)).collect()
}

fn market(item: &Item<'_>) -> Option<String> {
    let code = item.string("a market, like \"KRW-BTC\"")?;
    if !is_market_code(code) {
        item.fault(
            format!("{code:?} is not a market"),
            "a market is QUOTE-BASE in upper case, like \"KRW-BTC\"",
        );
        return None;
    }
    Some(code.to_owned())
}

/// A date with a zone, as TOML writes it or as a string.
fn instant(item: &Item<'_>) -> Option<i64> {
    let text = match item.value {
        DeValue::Datetime(date) => Some(date.to_string()),
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    let at = text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    if at.is_none() {
        item.fault("this is not an instant", "a date with its zone, like 2026-11-22T09:00:00+09:00");
    }
    at.map(jiff::Timestamp::as_millisecond)
}

fn script(item: &Item<'_>, start_ms: i64, market: Option<&str>, text: &str) -> Option<Script> {
    let feed = item.string("a string of lines")?;
    feed::read(feed, start_ms, market)
        .map_err(|faults| {
            let base = begin(item, feed, text);
            for LineFault { span, message, help } in faults {
                let place = base.map_or(item.span.clone(), |base| base + span.start..base + span.end);
                item.fault_at(place, message, help);
            }
        })
        .ok()
}

/// Where the text of a string begins in the file. `None` when it is written with escapes: then its
/// bytes are not those of the file.
fn begin(item: &Item<'_>, content: &str, text: &str) -> Option<usize> {
    let raw = text.get(item.span.clone())?;
    raw.find(content).map(|at| item.span.start + at)
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |before| before.matches('\n').count()) + 1
}
