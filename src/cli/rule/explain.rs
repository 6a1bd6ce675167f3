//! `tradehook rule explain`: what a rule sees in a market, and why it is silent.
//!
//! A running process is asked over its control socket; with a recording the same question is put to
//! the same plugins and the same policy at its end.

use super::{Exit, Outcome, Rules, fail, report, why};
use crate::{
    cli::ask::Process,
    control::Request,
    rehearse::{Happened, State, plain, show_ms},
};
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Without a recording the running process is asked. A recording is read to its end, or to --until, and
the rule is asked there.

Examples:
  tradehook rule explain --rule pump --market KRW-BTC
  tradehook rule explain --rule pump --market KRW-BTC --from state/tape
  tradehook rule explain --rule whale --market KRW-ETH --from trades.jsonl --until 2026-11-22T12:00:00+09:00";

/// Transitions that are listed, the latest ones.
const LISTED: usize = 10;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    process: Process,
    /// A recording instead of the running process: JSON lines of trades, plain or zstd, or a tape
    #[arg(long, value_name = "RECORDING", conflicts_with = "socket")]
    from: Option<PathBuf>,
    /// Read no further than this instant
    #[arg(long, value_name = "INSTANT", value_parser = super::instant, requires = "from")]
    until: Option<i64>,
    /// The rule
    #[arg(long, value_name = "ID")]
    rule: String,
    /// The market, or whatever else the rule has alerts about
    #[arg(long, value_name = "MARKET")]
    market: String,
    /// Print JSON, one line for each plugin that raises alerts of the rule
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.from {
        None => live(arguments),
        Some(recording) => recorded(arguments, recording),
    }
}

fn live(arguments: &Arguments) -> Outcome {
    let (rule, market) = (arguments.rule.clone(), arguments.market.clone());
    let answers = arguments.process.ask(&Request::Explain { rule, market })?;
    if arguments.json {
        answers.iter().for_each(|answer| say!("{answer}"));
        return Ok(());
    }
    for answer in &answers {
        if let Some(now_ms) = answer.pointer("/policy/now_ms").and_then(Value::as_i64) {
            say!("{} in {} at {} KST", arguments.rule, arguments.market, report::kst(now_ms));
        }
        tell_answer(answer);
    }
    Ok(())
}

fn recorded(arguments: &Arguments, recording: &std::path::Path) -> Outcome {
    let rules = Rules::load(&arguments.process.file.config)?;
    rules.has(&arguments.rule).map_err(|why| fail(Exit::Usage, why))?;
    let mut rehearsal = super::rehearse(&rules, recording)?;
    let mut seen: Vec<Happened> = Vec::new();
    let mut count = 0;
    let trial = report::drive(&mut rehearsal, None, arguments.until, |happened| {
        if happened.rule == arguments.rule && happened.key == arguments.market {
            count += 1;
            seen.push(happened.clone());
            if seen.len() > LISTED {
                seen.remove(0);
            }
        }
    });
    let trial = trial.map_err(|error| fail(Exit::Unavailable, error))?;
    let query = json!({ "rule": arguments.rule, "market": arguments.market }).to_string();
    let mut answers = Vec::new();
    for explanation in rehearsal.explain(&arguments.rule, &arguments.market) {
        let says = match rehearsal.inspect(&explanation.plugin, &query) {
            Ok(answer) => json!([serde_json::from_str::<Value>(&answer).unwrap_or(Value::String(answer))]),
            Err(why) => json!({ "unsaid": why.to_string() }),
        };
        answers.push(json!({ "policy": explanation, "plugin": explanation.plugin, "says": says }));
    }
    if arguments.json {
        answers.iter().for_each(|answer| say!("{answer}"));
        return Ok(());
    }
    say!("{} in {}: {}", arguments.rule, arguments.market, trial.head());
    condition(&rules, &arguments.rule);
    if !rehearsal.markets().contains(&arguments.market) {
        say!("the recording has no {}", arguments.market);
    }
    answers.iter().for_each(tell_answer);
    standing(seen.last(), trial.to_ms);
    if count > seen.len() {
        say!("the last {} of {count} transitions:", seen.len());
    }
    seen.iter().for_each(transition);
    Ok(())
}

/// What a plugin and the policy say of the rule, the reason for its silence first.
fn tell_answer(answer: &Value) {
    let says = answer.get("says").unwrap_or(&Value::Null);
    for says in says.as_array().into_iter().flatten() {
        let mut says = says.clone();
        let reason = says.as_object_mut().and_then(|members| members.remove("reason"));
        if let Some(reason) = reason.as_ref().and_then(Value::as_str) {
            say!("{}", plain(reason));
        }
        explanation(&says, 1).iter().for_each(|line| say!("{line}"));
    }
    if let Some(unsaid) = says.get("unsaid").and_then(Value::as_str) {
        say!("  its values are not known: {}", plain(unsaid));
    }
    let policy = answer.get("policy").unwrap_or(&Value::Null);
    why::lines(policy).iter().for_each(|line| say!("{line}"));
}

fn condition(rules: &Rules, id: &str) {
    let rule = rules.config.alerts.rules.iter().find(|rule| rule.id == id);
    let condition =
        rule.and_then(|rule| serde_json::from_str::<Value>(&rule.semantic).ok()).unwrap_or_default();
    let members = condition.as_object().into_iter().flatten();
    let shown: Vec<String> = members.map(|(key, value)| format!("{key} = {value}")).collect();
    say!("  {}", shown.join("  "));
}

/// An answer of a plugin as lines: a member each, what is in it further in. Moments and spans, which
/// plugins give in ms, are written as people do.
fn explanation(answer: &Value, depth: usize) -> Vec<String> {
    let indent = "  ".repeat(depth);
    let scalar = |name: &str, value: &Value| match value {
        Value::Number(ms) if ["at_ms", "since_ms", "until_ms"].iter().any(|end| name.ends_with(end)) => {
            ms.as_i64().map_or_else(|| ms.to_string(), |ms| format!("{} KST", report::kst(ms)))
        }
        Value::Number(ms) if name.ends_with("_ms") => ms.as_i64().map_or_else(|| ms.to_string(), show_ms),
        Value::String(text) => plain(text),
        Value::Null => "unknown".to_owned(),
        other => plain(&other.to_string()),
    };
    match answer {
        Value::Object(members) => {
            let is_flat = |value: &Value| !value.is_object() && !value.is_array();
            let is_a_line =
                |value: &Value| value.as_array().map_or(is_flat(value), |items| items.iter().all(is_flat));
            let lines_of = members.iter().filter(|(_, value)| is_a_line(value));
            let width =
                lines_of.map(|(name, _)| name.trim_end_matches("_ms").chars().count()).max().unwrap_or(0);
            let mut lines = Vec::new();
            for (name, value) in members {
                let shown = plain(name.trim_end_matches("_ms"));
                match value {
                    Value::Array(items) if items.iter().all(is_flat) => {
                        let items: Vec<String> = items.iter().map(|item| scalar(name, item)).collect();
                        lines.push(format!("{indent}{shown:<width$}  {}", items.join(", ")));
                    }
                    Value::Object(_) | Value::Array(_) => {
                        lines.push(format!("{indent}{shown}"));
                        lines.extend(explanation(value, depth + 1));
                    }
                    value => lines.push(format!("{indent}{shown:<width$}  {}", scalar(name, value))),
                }
            }
            lines
        }
        Value::Array(items) => items.iter().flat_map(|item| explanation(item, depth)).collect(),
        other => vec![format!("{indent}{}", scalar("", other))],
    }
}

fn standing(last: Option<&Happened>, now_ms: i64) {
    match last {
        None => say!("it has said nothing"),
        Some(last) => {
            let ago = show_ms(report::rounded(now_ms - last.at_ms));
            match last.state {
                State::Firing => say!("it fires, for {ago}"),
                _ => say!("it is quiet; its last word was {ago} before the end"),
            }
        }
    }
}

fn transition(happened: &Happened) {
    let told =
        if happened.channels.is_empty() { "nobody told".to_owned() } else { happened.channels.join(", ") };
    say!(
        "  {} KST  {:<8} {:<8} {}  ({})",
        report::kst(happened.at_ms),
        happened.state.as_str(),
        happened.severity.as_str(),
        plain(&happened.title),
        told
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_member_by_member() {
        let answer = json!({
            "state": "pending", "since_ms": 1_763_769_720_000_i64, "left_ms": 61_500,
            "signals": [{ "kind": "volume", "value": "3.5", "threshold": null }],
            "legs": ["KRW-BTC", "USDT\u{1b}BTC"],
        });
        let expected = [
            "  state  pending",
            "  since  2025-11-22 09:02:00 KST",
            "  left   1m1s500ms",
            "  signals",
            "    kind       volume",
            "    value      3.5",
            "    threshold  unknown",
            "  legs   KRW-BTC, USDT BTC",
        ];
        let mut lines = explanation(&answer, 1);
        let mut expected: Vec<String> = expected.map(str::to_owned).into();
        // In which order members come is serde_json's to decide.
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected);
    }
}
