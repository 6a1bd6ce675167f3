//! `tradehook rule`: rules tried before they are trusted.
//!
//! Each command runs the real plugins and the real policy of a configuration; nothing is sent and
//! nothing is written but what is asked for.

mod backtest;
mod check;
mod explain;
mod report;
mod test;
mod tune;
mod why;

use super::{Exit, Outcome, colour, fail};
use crate::{
    config::{Config, Refused},
    plugin::Host,
    runtime::{Plan, Rehearsal, Source},
};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say every mistake in the rules of a configuration, and what each rule would cost
    Check(check::Arguments),
    /// Feed rules with trades that you write down, and compare what fires with what you expect
    Test(test::Arguments),
    /// Say what rules would have done over recorded trades
    Backtest(backtest::Arguments),
    /// Compare values of one parameter of a rule over recorded trades
    Tune(tune::Arguments),
    /// Say what a rule sees in a market, and why it is silent
    Explain(explain::Arguments),
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Check(arguments) => check::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Backtest(arguments) => backtest::run(arguments),
        Command::Tune(arguments) => tune::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
    }
}

/// A configuration whose rules are tried.
pub(super) struct Rules {
    pub(super) config: Config,
    pub(super) plan: Plan,
}

impl Rules {
    pub(super) fn load(path: &Path) -> Result<Self, Exit> {
        let config = load(path)?;
        let host = super::check::host(&config)?;
        Self::plan(config, &host)
    }

    fn plan(config: Config, host: &Host) -> Result<Self, Exit> {
        let plan = super::check::plan(&config, host)?;
        Ok(Self { config, plan })
    }

    /// The rule is one of the file, or this is what to say.
    pub(super) fn has(&self, id: &str) -> Result<(), String> {
        let ids: Vec<&str> = self.config.alerts.rules.iter().map(|rule| rule.id.as_str()).collect();
        if ids.contains(&id) {
            return Ok(());
        }
        let near =
            ids.iter().min_by_key(|known| distance(known, id)).filter(|known| distance(known, id) <= 3);
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(format!("there is no rule `{id}`{near}"))
    }
}

/// How many letters two words differ in: enough to find a slip among the ids of a file.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let keep = row.get(j).copied().unwrap_or(usize::MAX / 2) + usize::from(x != *y);
            let drop = row.get(j + 1).copied().unwrap_or(usize::MAX / 2) + 1;
            let add = next.last().copied().unwrap_or(usize::MAX / 2) + 1;
            next.push(keep.min(drop).min(add));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// Reads a configuration. A secret that is not set here is no fault: rules need none, and those who
/// try them on another machine than the one that sends have none.
fn load(path: &Path) -> Result<Config, Exit> {
    let file = super::ConfigFile { config: path.to_owned() };
    match super::read(&file) {
        Ok(config) => Ok(config),
        Err(refused) => match without_secrets(&refused) {
            Some(config) => Ok(config),
            None => super::load(&file),
        },
    }
}

fn without_secrets(refused: &Refused) -> Option<Config> {
    let is_secret =
        |path: &str| path.starts_with("channels.") && (path.ends_with("_env") || path.ends_with("_file"));
    let alone = refused.faults.iter().all(|fault| is_secret(&fault.path));
    refused.rest().filter(|_| alone).cloned()
}

/// Starts a rehearsal of a recording.
fn rehearse(rules: &Rules, recording: &Path) -> Result<Rehearsal, Exit> {
    let source = Source::open(recording).map_err(|error| fail(Exit::Unavailable, error))?;
    Rehearsal::of_recording(&rules.plan.groups, source).map_err(|errors| refused(&rules.config, &errors))
}

fn refused(config: &Config, errors: &[crate::pipeline::StartError]) -> Exit {
    tell!("{}", crate::runtime::refuse(config, errors).render(colour()));
    Exit::Config
}

/// The recording of a command.
#[derive(Debug, clap::Args)]
struct Recording {
    /// The recording: JSON lines of trades, plain or zstd, or a tape (its folder or one segment)
    #[arg(long, value_name = "RECORDING")]
    from: PathBuf,
    /// Count nothing before this instant; earlier trades still fill windows
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    since: Option<i64>,
    /// Read nothing from this instant on
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<i64>,
}

/// `2026-11-22T09:00:00+09:00`, or a date alone, which begins as Upbit's day does (00:00 UTC).
pub(super) fn instant(text: &str) -> Result<i64, String> {
    let whole = text.parse::<jiff::Timestamp>();
    let at = whole.or_else(|_| format!("{text}T00:00:00Z").parse::<jiff::Timestamp>());
    at.map(jiff::Timestamp::as_millisecond)
        .map_err(|_| "write it like 2026-11-22T09:00:00+09:00 or 2026-11-22".to_owned())
}
