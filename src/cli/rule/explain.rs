//! `tradehook rule explain`: what a rule sees in a market, and why it is silent.

use super::{Exit, Outcome, Recording, Rules, fail, report, why};
use crate::rehearse::{Happened, State, plain, show_ms};
use serde_json::{Value, json};

const EXAMPLES: &str = "\
The recording is read to its end (or to --until), and the rule is asked there.

Examples:
  tradehook rule explain --rule pump --market KRW-BTC --from state/tape
  tradehook rule explain --rule whale --market KRW-ETH --from trades.jsonl --until 2026-11-22T12:00:00+09:00";

/// Transitions that are listed, the latest ones.
const LISTED: usize = 10;

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
    /// The market, or whatever else the rule has alerts about
    #[arg(long, value_name = "MARKET")]
    market: String,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let rules = Rules::load(&arguments.file.config)?;
    rules.has(&arguments.rule).map_err(|why| fail(Exit::Usage, why))?;
    let recording = &arguments.recording;
    let mut rehearsal = super::rehearse(&rules, &recording.from)?;
    let mut seen: Vec<Happened> = Vec::new();
    let mut count = 0;
    let concerns = |h: &Happened| h.rule == arguments.rule && h.key == arguments.market;
    let trial = report::drive(&mut rehearsal, recording.since, recording.until, |happened| {
        if concerns(happened) {
            count += 1;
            seen.push(happened.clone());
            if seen.len() > LISTED {
                seen.remove(0);
            }
        }
    });
    let trial = trial.map_err(|error| fail(Exit::Unavailable, error))?;
    say!("{} in {}: {}", arguments.rule, arguments.market, trial.head());
    condition(&rules, &arguments.rule);
    if !rehearsal.markets().contains(&arguments.market) {
        say!("the recording has no {}", arguments.market);
    }
    let query = json!({ "rule": arguments.rule, "market": arguments.market }).to_string();
    match rehearsal.inspect("alert", &query) {
        Ok(answer) => {
            let mut answer = serde_json::from_str::<Value>(&answer).unwrap_or(Value::String(answer));
            let reason = answer.as_object_mut().and_then(|members| members.remove("reason"));
            if let Some(reason) = reason.as_ref().and_then(Value::as_str) {
                say!("{}", plain(reason));
            }
            explanation(&answer, 1).iter().for_each(|line| say!("{line}"));
        }
        Err(why) => say!("  its values are not known: {}", plain(&why.to_string())),
    }
    for explanation in rehearsal.explain(&arguments.rule, &arguments.market) {
        let explanation = serde_json::to_value(explanation).unwrap_or_default();
        why::lines(&explanation).iter().for_each(|line| say!("{line}"));
    }
    standing(seen.last(), trial.to_ms);
    if count > seen.len() {
        say!("the last {} of {count} transitions:", seen.len());
    }
    seen.iter().for_each(transition);
    Ok(())
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
            let width =
                members.keys().map(|name| name.trim_end_matches("_ms").chars().count()).max().unwrap_or(0);
            let mut lines = Vec::new();
            for (name, value) in members {
                let shown = plain(name.trim_end_matches("_ms"));
                let is_flat = |value: &Value| !value.is_object() && !value.is_array();
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
