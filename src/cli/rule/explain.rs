//! `tradehook rule explain`: what a rule sees in a market, and why it is silent.

use super::{Exit, Outcome, Recording, Rules, fail, report};
use crate::rehearse::{Happened, State, plain, show_ms};
use serde_json::Value;

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
