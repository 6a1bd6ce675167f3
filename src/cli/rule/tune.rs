//! `tradehook rule tune`: the values of one parameter side by side, in one pass over a recording.
//!
//! A variant is the file itself with one value written otherwise: so every key of a rule can be
//! tuned, a value that the file could not have is refused at its place, and nothing is tried that
//! could not be written. The conditions of all variants then run as rules of one plugin.

use super::{Exit, Outcome, Recording, Rules, colour, fail, report};
use crate::{
    config::{self, Config, Process},
    plugin::Host,
    rehearse::RuleTally,
    runtime::{Plan, Rehearsal, Source},
};
use serde_json::{Value, json};
use std::{fs, ops::Range, path::Path};

const EXAMPLES: &str = "\
The parameter is a key of the rule: when.pct, when.window, when.above, cooldown, hold, …

Examples:
  tradehook rule tune --rule pump --param when.pct --values 2%,3%,5% --from state/tape
  tradehook rule tune --rule whale --param when.min_notional --values 1억,3억,10억 --from trades.jsonl
  tradehook rule tune --rule btc-grid --param cooldown --values 0s,30s,5m --from trades.jsonl";

/// Most values of one run (chosen: a table that a person reads).
const MAX_VALUES: usize = 50;
const ALERT: &str = "alert";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    file: crate::cli::ConfigFile,
    #[command(flatten)]
    recording: Recording,
    /// The rule
    #[arg(long, value_name = "ID")]
    rule: String,
    /// The key of the rule
    #[arg(long, value_name = "KEY")]
    param: String,
    /// Its values
    #[arg(long, value_name = "VALUE,…", value_delimiter = ',', required = true)]
    values: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if arguments.values.len() > MAX_VALUES {
        return Err(fail(Exit::Usage, format!("at most {MAX_VALUES} values at once")));
    }
    let path = &arguments.file.config;
    let mut rules = Rules::load(path)?;
    rules.has(&arguments.rule).map_err(|why| fail(Exit::Usage, why))?;
    let host = crate::cli::check::host(&rules.config)?;
    let text = fs::read_to_string(path)
        .map_err(|error| fail(Exit::Unavailable, format!("cannot read {}: {error}", path.display())))?;
    let names = graft(&mut rules, &host, &text, path, arguments)?;
    let recording = &arguments.recording;
    let source = Source::open(&recording.from).map_err(|error| fail(Exit::Unavailable, error))?;
    let rehearsal = Rehearsal::of_recording(&rules.plan.groups, source);
    let mut rehearsal = rehearsal.map_err(|errors| super::refused(&rules.config, &errors))?;
    let trial = report::trial(&mut rehearsal, recording.since, recording.until);
    let trial = trial.map_err(|error| fail(Exit::Unavailable, error))?;
    let tally = |name: &String| {
        trial.reckoning.rules.get(&(String::new(), name.clone())).cloned().unwrap_or_default()
    };
    let tallies: Vec<(&String, RuleTally)> = arguments.values.iter().zip(names.iter().map(tally)).collect();
    if arguments.json {
        let of = |(value, tally): &(&String, RuleTally)| {
            json!({
                "value": value, "fired": tally.fired(), "a_day": trial.a_day(tally.fired()),
                "median_ms": tally.median_ms(), "longest_ms": tally.longest_ms(), "flaps": tally.flaps,
                "messages": tally.notifications, "untold": tally.untold,
            })
        };
        let values: Vec<Value> = tallies.iter().map(of).collect();
        say!(
            "{}",
            json!({
                "rule": arguments.rule, "param": arguments.param, "from_ms": trial.from_ms, "to_ms": trial.to_ms,
                "trades": trial.trades, "values": values,
            })
        );
        return Ok(());
    }
    say!("{}: {}\n", arguments.rule, trial.head());
    let head = [arguments.param.as_str()].into_iter().chain(report::HEAD).map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    rows.extend(tallies.iter().map(|(value, tally)| {
        let mut row = vec![(*value).clone()];
        row.extend(report::cells(&trial, tally));
        row
    }));
    say!("{}", report::table(&rows, report::HEAD.len()).trim_end());
    Ok(())
}

/// Puts a rule for every value in the place of the rule that is tuned; their names, in order.
fn graft(
    rules: &mut Rules,
    host: &Host,
    text: &str,
    path: &Path,
    arguments: &Arguments,
) -> Result<Vec<String>, Exit> {
    let Some(at) = rules.config.alerts.rules.iter().position(|rule| rule.id == arguments.rule) else {
        return Err(Exit::Usage);
    };
    let Some((group, node)) = home(&rules.plan) else {
        return Err(fail(Exit::Config, "alerts are not enabled in this configuration"));
    };
    let mut names = Vec::new();
    let mut conditions = Vec::new();
    let mut policies = Vec::new();
    for value in &arguments.values {
        let varied = vary(&rules.config, text, at, &arguments.param, &literal(value))
            .map_err(|why| fail(Exit::Usage, why))?;
        let config = parse(&varied, path)?;
        let plan = crate::cli::check::plan(&config, host)?;
        plan.check(&config).map_err(|refused| {
            tell!("{}", refused.render(colour()));
            Exit::Config
        })?;
        let name = format!("{} {} = {value}", arguments.rule, arguments.param);
        let varied = home(&plan).and_then(|(group, node)| {
            let group = plan.groups.get(group)?;
            let settings = settings(&group.specs.get(node)?.config)?;
            let mut conditions = settings.get("rules")?.as_array()?.iter();
            let mut condition = conditions.find(|rule| rule["id"] == arguments.rule.as_str())?.clone();
            *condition.get_mut("id")? = Value::from(name.as_str());
            let mut policy = group.rules.iter().find(|rule| rule.id == arguments.rule)?.clone();
            policy.id.clone_from(&name);
            Some((condition, policy))
        });
        let Some((condition, policy)) = varied else {
            return Err(fail(
                Exit::Usage,
                format!("{} is no rule of trades that could be tuned", arguments.rule),
            ));
        };
        conditions.push(condition);
        policies.push(policy);
        names.push(name);
    }
    if let Some(group) = rules.plan.groups.get_mut(group) {
        group.rules.extend(policies);
        if let Some(spec) = group.specs.get_mut(node)
            && let Some(mut settings) = settings(&spec.config)
            && let Some(all) = settings.get_mut("rules").and_then(Value::as_array_mut)
        {
            all.extend(conditions);
            spec.config = settings.to_string();
        }
    }
    Ok(names)
}

/// Where the plugin of the rules stands.
fn home(plan: &Plan) -> Option<(usize, usize)> {
    plan.groups.iter().enumerate().find_map(|(at, group)| {
        let node = group.specs.iter().position(|spec| spec.name == ALERT)?;
        Some((at, node))
    })
}

/// The plugin's settings. The numbers of rules are strings in them, so that none is rounded here.
fn settings(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

fn parse(text: &str, path: &Path) -> Result<Config, Exit> {
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let name = path.display().to_string();
    match config::parse(text, &name, base, &Process) {
        Ok(config) => Ok(config),
        Err(refused) => super::without_secrets(&refused).ok_or_else(|| {
            tell!("{}", refused.render(colour()));
            Exit::Config
        }),
    }
}

/// A value as TOML writes it: a number, a flag or a list as it stands, anything else as a string.
fn literal(value: &str) -> String {
    let is_number = value.replace('_', "").parse::<f64>().is_ok_and(f64::is_finite);
    let is_written = value.starts_with(['"', '\'', '[', '{']) || matches!(value, "true" | "false");
    if is_number || is_written { value.to_owned() } else { format!("{value:?}") }
}

/// The text with `param` of rule number `at` written as `literal`.
fn vary(config: &Config, text: &str, at: usize, param: &str, literal: &str) -> Result<String, String> {
    let number = at.to_string();
    let keys: Vec<&str> = ["alert", number.as_str()].into_iter().chain(param.split('.')).collect();
    let fault = config.fault_at(&keys, String::new(), None);
    let wanted = format!("alert[{at}].{param}");
    let key = param.rsplit('.').next().unwrap_or(param);
    if let Some(place) = fault.place.filter(|_| fault.path == wanted) {
        return replace(text, &place.span, key, literal)
            .ok_or_else(|| format!("cannot tune {param} where it stands"));
    }
    // It is not written: beside the key that every such table has.
    let beside = match param.rsplit_once('.') {
        None => "id".to_owned(),
        Some((table, _)) => format!("{table}.kind"),
    };
    let keys: Vec<&str> = ["alert", number.as_str()].into_iter().chain(beside.split('.')).collect();
    let found = config.fault_at(&keys, String::new(), None);
    let place = found.place.filter(|_| found.path == format!("alert[{at}].{beside}"));
    let varied = place.and_then(|place| insert(text, &place.span, key, literal));
    varied.ok_or_else(|| format!("the rule has no place for {param}"))
}

/// `span` is `key = value`, or the value alone.
fn replace(text: &str, span: &Range<usize>, key: &str, literal: &str) -> Option<String> {
    let written = text.get(span.clone())?;
    let is_pair = written.starts_with(key) && written.get(key.len()..)?.trim_start().starts_with('=');
    let new = if is_pair { format!("{key} = {literal}") } else { literal.to_owned() };
    Some(format!("{}{new}{}", text.get(..span.start)?, text.get(span.end..)?))
}

/// Before the key at `span`: in its braces, or on a line of its own.
fn insert(text: &str, span: &Range<usize>, key: &str, literal: &str) -> Option<String> {
    let (before, behind) = (text.get(..span.start)?, text.get(span.start..)?);
    let inline = before.trim_end().ends_with(['{', ',']);
    let end = if inline { ", " } else { "\n" };
    Some(format!("{before}{key} = {literal}{end}{behind}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const TEXT: &str = "[feed]\nmarkets = [\"KRW-BTC\"]\n\n[[alert]]\nid = \"a\"\ncooldown = \"5m\"\nwhen = { kind = \"change\", window = \"1m\", pct = \"3%\" }\n\n[[alert]]\nid = \"b\"\n[alert.when]\nkind = \"price\"\nabove = 100\n";

    #[test]
    fn a_value_is_written_where_it_stands_or_beside_the_key_that_must_be_there() {
        let config = config::parse(TEXT, "config.toml", Path::new(""), &Process).unwrap();
        let check = |at: usize, param: &str, value: &str, from: &str, to: &str| {
            let varied = vary(&config, TEXT, at, param, &literal(value)).unwrap();
            assert_eq!(varied, TEXT.replacen(from, to, 1), "{param}");
            config::parse(&varied, "config.toml", Path::new(""), &Process).unwrap();
        };
        check(0, "when.pct", "5%", "pct = \"3%\"", "pct = \"5%\"");
        check(0, "cooldown", "1h", "cooldown = \"5m\"", "cooldown = \"1h\"");
        check(0, "hold", "20s", "id = \"a\"", "hold = \"20s\"\nid = \"a\"");
        check(0, "when.clear", "1%", "kind = \"change\"", "clear = \"1%\", kind = \"change\"");
        check(1, "when.above", "1억", "above = 100", "above = \"1억\"");
        check(1, "when.clear", "90", "kind = \"price\"", "clear = 90\nkind = \"price\"");
        assert!(vary(&config, TEXT, 0, "when.of.pct", "1").is_err());
    }

    #[test]
    fn a_value_is_written_as_toml_writes_it() {
        let check = |value: &str, expect: &str| assert_eq!(literal(value), expect);
        check("3%", "\"3%\"");
        check("1_000_000", "1_000_000");
        check("0.6", "0.6");
        check("true", "true");
        check("\"3\"", "\"3\"");
        check("1.5억", "\"1.5억\"");
        check("inf", "\"inf\"");
    }
}
