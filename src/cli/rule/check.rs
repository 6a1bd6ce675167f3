//! `tradehook rule check`: every mistake in the rules, what each costs, and how loud it would be.

use super::{Exit, Outcome, Rules, colour, fail, report};
use crate::{
    cli::{listed::Asked, view},
    config::{Config, Fault},
    market::glob_matches,
    rehearse::{BUSY_PER_SECOND, Cost, show_ms},
    runtime::{Rehearsal, Source},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::PathBuf};

const EXAMPLES: &str = "\
With a recording, or where the configuration keeps a tape, it also says how often each rule would
have fired in the last recorded day.

Examples:
  tradehook rule check
  tradehook rule check other.toml --from trades.jsonl.zst
  tradehook rule check --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The configuration
    #[arg(value_name = "FILE", default_value = "config.toml", env = "TRADEHOOK_CONFIG")]
    config: PathBuf,
    /// A recording or a tape; the configuration's own tape is read without being named
    #[arg(long, value_name = "RECORDING")]
    from: Option<PathBuf>,
    /// Read no tape that is not named
    #[arg(long, conflicts_with = "from")]
    no_tape: bool,
    /// Do not ask the venue whether it has the markets
    #[arg(long)]
    offline: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One rule as it is shown.
struct Line {
    id: String,
    kind: String,
    markets: Vec<String>,
    exclude: Vec<String>,
    cost: Cost,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut rules = match (arguments.json, super::super::read(&file(arguments))) {
        (true, Err(refused)) if super::without_secrets(&refused).is_none() => {
            say!("{}", json!({ "file": arguments.config, "ok": false, "faults": refused.faults }));
            return Err(Exit::Config);
        }
        _ => Rules::load(&arguments.config)?,
    };
    if let Err(refused) = rules.plan.check(&rules.config) {
        if arguments.json {
            say!("{}", json!({ "file": arguments.config, "ok": false, "faults": refused.faults }));
        } else {
            tell!("{}", refused.render(colour()));
        }
        return Err(Exit::Config);
    }
    match (Asked::about(&rules.config, arguments.offline)?, arguments.json) {
        (Asked::Unlisted(faults), true) if !faults.is_empty() => {
            say!("{}", json!({ "file": arguments.config, "ok": false, "faults": faults }));
            return Err(Exit::Config);
        }
        (asked, _) => asked.tell(&rules.config)?,
    }
    let unwise = unwise(&rules.config);
    rules.config.warnings.extend(unwise);
    if !arguments.json {
        crate::cli::show_warnings(&rules.config);
    }
    let tape = rules.config.tape.dir.clone().filter(|dir| !arguments.no_tape && dir.is_dir());
    let recorded = match arguments.from.clone().or(tape) {
        Some(path) => Some(trial(&rules, &path)?),
        None => None,
    };
    let lines: Vec<Line> =
        rules.config.alerts.rules.iter().map(|rule| line(&rule.id, &rule.kind, &rule.semantic)).collect();
    if arguments.json {
        print_json(arguments, &rules.config.warnings, &lines, recorded.as_ref());
    } else {
        print_table(&lines, recorded.as_ref());
    }
    Ok(())
}

fn file(arguments: &Arguments) -> crate::cli::ConfigFile {
    crate::cli::ConfigFile { config: arguments.config.clone() }
}

/// Rules that are lawful and cannot do what they say.
fn unwise(config: &Config) -> Vec<Fault> {
    let mut found = Vec::new();
    for (at, rule) in config.alerts.rules.iter().enumerate() {
        let condition: Value = serde_json::from_str(&rule.semantic).unwrap_or_default();
        let at = at.to_string();
        let mut warn = |message: String, help: String| {
            found.push(config.fault_at(&["alert", &at, "when"], message, Some(help)));
        };
        let when = condition.get("when").unwrap_or(&Value::Null);
        let cost = Cost::of(&rule.semantic);
        let longest_ms = cost.raw_ms.max(cost.panes_ms);
        let kept_ms = i64::try_from(config.tape.retain_age.as_millis()).unwrap_or(i64::MAX);
        if config.tape.dir.is_some() && longest_ms > kept_ms {
            let message = format!("a window of {} is longer than the tape is kept", show_ms(longest_ms));
            warn(
                message,
                format!("tape.retain_age is {}; after a loss of state it fills anew", show_ms(kept_ms)),
            );
        }
        for leg in legs(when).into_iter().filter(|leg| !is_subscribed(config, leg)) {
            let help = "without it the rule never knows its value; add it to feed.markets".to_owned();
            warn(format!("{leg} is no market of the feed"), help);
        }
    }
    found
}

fn is_subscribed(config: &Config, market: &str) -> bool {
    config.feed.markets.iter().any(|glob| glob_matches(glob, market))
}

/// The markets that a condition names as parts of a price.
fn legs(when: &Value) -> Vec<&str> {
    match when {
        Value::Array(parts) => parts.iter().flat_map(legs).collect(),
        Value::Object(keys) if keys.get("kind").and_then(Value::as_str) == Some("premium") => {
            let leg = |pointer: &str| when.pointer(pointer).and_then(Value::as_str);
            ["/base", "/ref", "/fx/market"].into_iter().filter_map(leg).collect()
        }
        Value::Object(keys) => keys.values().flat_map(legs).collect(),
        _ => Vec::new(),
    }
}

/// The recording's reckoning, and the markets in it.
struct Recorded {
    trial: report::Trial,
    markets: BTreeSet<String>,
}

fn trial(rules: &Rules, path: &std::path::Path) -> Result<Recorded, Exit> {
    let source = Source::open(path).map_err(|error| fail(Exit::Unavailable, error))?;
    let rehearsal = Rehearsal::of_recording(&rules.plan.groups, source);
    let mut rehearsal = rehearsal.map_err(|errors| super::refused(&rules.config, &errors))?;
    let trial = report::trial(&mut rehearsal, None, None);
    let trial = trial.map_err(|error| fail(Exit::Unavailable, error))?;
    Ok(Recorded { trial, markets: rehearsal.markets() })
}

/// What a condition says of itself, from its JSON.
fn line(id: &str, kind: &str, condition: &str) -> Line {
    let value: Value = serde_json::from_str(condition).unwrap_or_default();
    let list = |key: &str| {
        let items = value.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    Line {
        id: id.to_owned(),
        kind: kind.to_owned(),
        markets: list("markets"),
        exclude: list("exclude"),
        cost: Cost::of(condition),
    }
}

impl Line {
    fn watches(&self, market: &str) -> bool {
        let any = |globs: &[String]| globs.iter().any(|glob| glob_matches(glob, market));
        any(&self.markets) && !any(&self.exclude)
    }

    /// How many markets it is about: as recorded, or as it names them; `None` when only patterns are
    /// known.
    fn count(&self, recorded: Option<&Recorded>) -> Option<u64> {
        let of_recording = recorded.map(|r| r.markets.iter().filter(|market| self.watches(market)).count());
        let named = || self.markets.iter().all(|glob| !glob.contains('*')).then_some(self.markets.len());
        // A rule for alerts of a plugin watches no market itself.
        of_recording.or_else(named).filter(|_| !self.markets.is_empty()).map(|n| n as u64)
    }

    fn window(&self) -> String {
        match (self.cost.raw_ms, self.cost.panes_ms) {
            (0, 0) => "-".to_owned(),
            (raw, 0) => show_ms(raw),
            (0, panes) => format!("{} in 1s panes", show_ms(panes)),
            (raw, panes) => format!("{}, {} in 1s panes", show_ms(raw), show_ms(panes)),
        }
    }
}

fn fired(recorded: &Recorded, id: &str) -> usize {
    let tally = recorded.trial.reckoning.rules.get(&(String::new(), id.to_owned()));
    tally.map_or(0, |tally| tally.fired_in_last_day(recorded.trial.to_ms))
}

fn print_table(lines: &[Line], recorded: Option<&Recorded>) {
    let rules = if lines.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", lines.len()) };
    say!("ok: {rules}\n");
    let mut head: Vec<String> =
        ["rule", "kind", "markets", "memory each", "in all"].map(str::to_owned).into();
    if recorded.is_some() {
        head.push("fired in the last day".to_owned());
    }
    head.push("window".to_owned());
    let mut rows = vec![head];
    for line in lines {
        let count = line.count(recorded);
        let mut row = vec![
            line.id.clone(),
            line.kind.clone(),
            count.map_or_else(|| line.markets.join(" "), |n| n.to_string()),
            size(line.cost.bytes()),
            count.map_or_else(|| "-".to_owned(), |n| size(n * line.cost.bytes())),
        ];
        row.extend(recorded.map(|recorded| view::grouped(&fired(recorded, &line.id).to_string())));
        row.push(line.window());
        rows.push(row);
    }
    say!("{}", report::table(&rows, if recorded.is_some() { 5 } else { 4 }).trim_end());
    say!(
        "\nmemory: about, in a market with {BUSY_PER_SECOND} trades a second; rules of one market share what they keep"
    );
    if let Some(recorded) = recorded {
        say!("recorded: {}", recorded.trial.head());
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn print_json(arguments: &Arguments, warnings: &[Fault], lines: &[Line], recorded: Option<&Recorded>) {
    let rules: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "id": line.id, "kind": line.kind, "markets": line.markets, "count": line.count(recorded),
                "memory_bytes": line.cost.bytes(), "window_ms": line.cost.raw_ms, "panes_ms": line.cost.panes_ms,
                "fired_in_last_day": recorded.map(|recorded| fired(recorded, &line.id)),
            })
        })
        .collect();
    say!(
        "{}",
        json!({ "file": arguments.config, "ok": true, "faults": [], "warnings": warnings, "rules": rules })
    );
}
