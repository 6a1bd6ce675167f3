//! `tradehook rule backtest`: what rules would have done over recorded trades.

use super::{Exit, Outcome, Recording, Rules, fail, report};
use crate::rehearse::{Episode, RuleTally, plain, show_ms};
use serde_json::json;

const EXAMPLES: &str = "\
The recording goes through the whole of it: filters, rules with their hold and hysteresis, cooldown,
silences and routes. `messages` counts what would have been sent, to all channels together; `untold`
what fired and was told nobody, for a cooldown, say; `flaps` what fired again within a minute.

Examples:
  tradehook rule backtest --from trades.jsonl.zst
  tradehook rule backtest --rule whale --from state/tape --since 2026-11-22 --list
  tradehook rule backtest --from state/tape --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    file: crate::cli::ConfigFile,
    #[command(flatten)]
    recording: Recording,
    /// Only this rule; may be given several times
    #[arg(long, value_name = "ID")]
    rule: Vec<String>,
    /// List every firing
    #[arg(long, short)]
    list: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let rules = Rules::load(&arguments.file.config)?;
    for id in &arguments.rule {
        rules.has(id).map_err(|why| fail(Exit::Usage, why))?;
    }
    let recording = &arguments.recording;
    let mut rehearsal = super::rehearse(&rules, &recording.from)?;
    let trial = report::trial(&mut rehearsal, recording.since, recording.until);
    let trial = trial.map_err(|error| fail(Exit::Unavailable, error))?;
    let faults = rehearsal.summary().faults();
    if faults > 0 {
        tell!("warning: plugins failed {faults} times; `tradehook replay` says more");
    }
    let tallies = chosen(&rules, &trial, &arguments.rule);
    if arguments.json {
        print_json(&trial, &tallies);
        return Ok(());
    }
    say!("{}\n", trial.head());
    let head = ["rule"].into_iter().chain(report::HEAD).chain(["most often"]).map(str::to_owned).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    rows.extend(tallies.iter().map(|(name, tally)| {
        let mut row = vec![plain(name)];
        row.extend(report::cells(&trial, tally));
        row.push(most_often(tally));
        row
    }));
    say!("{}", report::table(&rows, report::HEAD.len()).trim_end());
    if arguments.list {
        tallies.iter().for_each(|(name, tally)| list(name, tally));
    }
    Ok(())
}

/// What was asked for, in the order of the file: every rule, fired or not, and what plugins of the
/// user's own raise beside them.
fn chosen(rules: &Rules, trial: &report::Trial, wanted: &[String]) -> Vec<(String, RuleTally)> {
    let of_file = rules.config.alerts.rules.iter().map(|rule| rule.id.clone());
    let mut found: Vec<(String, RuleTally)> = Vec::new();
    for id in of_file.filter(|id| wanted.is_empty() || wanted.contains(id)) {
        let tally = trial.reckoning.rules.get(&(String::new(), id.clone()));
        found.push((id, tally.cloned().unwrap_or_default()));
    }
    for ((plugin, rule), tally) in &trial.reckoning.rules {
        if wanted.is_empty() && !plugin.is_empty() {
            found.push((format!("{plugin}/{rule}"), tally.clone()));
        }
    }
    found
}

fn most_often(tally: &RuleTally) -> String {
    const SHOWN: usize = 3;
    let mut keys: Vec<(&String, &u64)> = tally.by_key.iter().collect();
    keys.sort_by_key(|(key, count)| (std::cmp::Reverse(**count), (*key).clone()));
    let shown: Vec<String> =
        keys.iter().take(SHOWN).map(|(key, count)| format!("{} {count}", plain(key))).collect();
    let more = if keys.len() > SHOWN { format!(", {} more", keys.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn list(name: &str, tally: &RuleTally) {
    if tally.episodes.is_empty() {
        return;
    }
    say!("\n{}", plain(name));
    let mut episodes: Vec<&Episode> = tally.episodes.iter().collect();
    episodes.sort_by_key(|episode| episode.at_ms);
    for episode in episodes {
        let length = match episode.until_ms {
            Some(until_ms) if until_ms == episode.at_ms => String::new(),
            Some(until_ms) => format!(", for {}", show_ms(report::rounded(until_ms - episode.at_ms))),
            None => ", still firing".to_owned(),
        };
        let untold = if episode.notified { "" } else { " (nobody told)" };
        say!("  {} KST  {}{length}{untold}", report::kst(episode.at_ms), plain(&episode.title));
    }
}

fn print_json(trial: &report::Trial, tallies: &[(String, RuleTally)]) {
    let rules: Vec<_> = tallies
        .iter()
        .map(|(name, tally)| {
            json!({
                "rule": name, "fired": tally.fired(), "a_day": trial.a_day(tally.fired()),
                "median_ms": tally.median_ms(), "longest_ms": tally.longest_ms(), "tally": tally,
            })
        })
        .collect();
    let whole = json!({
        "from_ms": trial.from_ms, "to_ms": trial.to_ms, "trades": trial.trades, "rules": rules,
    });
    say!("{whole}");
}
