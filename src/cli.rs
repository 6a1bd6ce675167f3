//! The command line: from a process (arguments, signals, exit code, terminal) to calls.
//!
//! Owns argument parsing, printing and exit codes. Results go to standard output, everything else
//! to standard error. Does no work of its own.
//!
//! Exit codes: 0 clean, 1 a test of rules failed, 64 wrong usage, 69 something needed is not there, 70 a
//! part of the running job ended that should not have, 74 output or state could
//! not be written, 78 the configuration or a plugin was refused, 101 a bug of ours.

/// A line on standard output. Unlike std's `println!` it does not panic when the reader of a pipe has
/// gone: `tradehook check | head -1` is no bug, and there is nobody left to tell.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _unread = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// The same on standard error.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _unread = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod alert;
mod ask;
mod channel;
mod check;
mod config;
mod demo;
mod fact;
mod history;
mod listed;
pub mod log;
mod outbox;
mod plugin;
pub mod progress;
mod replay;
mod route;
mod rule;
mod run;
mod status;
mod venue;
pub mod view;

use clap::{Parser, Subcommand};
use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

/// How a command ends when it does not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 64,
    Unavailable = 69,
    Bug = 70,
    Output = 74,
    Config = 78,
}

type Outcome = Result<(), Exit>;

const EXAMPLES: &str = "\
Examples:
  tradehook demo                          watch everything work, offline, in ten seconds
  tradehook check                         say every mistake in ./config.toml, with its place
  tradehook run                           the live job of ./config.toml
  tradehook replay trades.jsonl           the same plugins over recorded trades
  tradehook history KRW-BTC --from 3h     fetch such trades from the venue
  tradehook rule test alerts_test.toml    what the rules do to trades that you write down
  tradehook plugin new my-alert           begin a plugin of your own";

/// Keeps an Upbit trade stream alive and runs your sandboxed WASM plugins on every trade.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole system at work on a synthetic market, offline
    Demo(demo::Arguments),
    /// Run the live job of a configuration
    Run(run::Arguments),
    /// Say every mistake in a configuration and its plugins, and run nothing
    Check(check::Arguments),
    /// Every key of a configuration, for people and for editors
    #[command(subcommand)]
    Config(config::Command),
    /// Drive the plugins with recorded trades, as fast as they go
    Replay(replay::Arguments),
    /// Download trades of the past seven days into a recording for `replay`
    History(history::Arguments),
    /// Try rules before they are trusted: check, test, backtest, tune, explain
    #[command(subcommand)]
    Rule(rule::Command),
    /// Show whom an alert would reach, and in which words
    #[command(subcommand)]
    Route(route::Command),
    /// Begin, check and try plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Say how the running process is
    Status(status::Arguments),
    /// What fires in the running process: list it, silence it, take notice of it
    #[command(subcommand)]
    Alert(alert::Command),
    /// Where alerts go: how the channels do, and a test of one
    #[command(subcommand)]
    Channel(channel::Command),
    /// Messages that wait for delivery or were given up
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// What the running process knows beside the trades, and exchange rates told to it
    #[command(subcommand)]
    Fact(fact::Command),
    /// Run the stand-in venue alone, for working on plugins offline
    Venue(venue::Arguments),
}

/// The configuration file of a command.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = "config.toml", env = "TRADEHOOK_CONFIG")]
    config: PathBuf,
}

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are printed like errors, and are none.
            let code = if error.use_stderr() { Exit::Usage as u8 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let outcome = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Config(command) => config::run(&command),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Rule(command) => rule::run(&command),
        Command::Route(command) => route::run(&command),
        Command::Plugin(command) => plugin::run(&command),
        Command::Status(arguments) => status::run(&arguments),
        Command::Alert(command) => alert::run(&command),
        Command::Channel(command) => channel::run(&command),
        Command::Outbox(command) => outbox::run(&command),
        Command::Fact(command) => fact::run(&command),
        Command::Venue(arguments) => venue::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => ExitCode::from(exit as u8),
    }
}

/// Says why, on standard error.
fn fail(exit: Exit, why: impl std::fmt::Display) -> Exit {
    tell!("error: {why}");
    exit
}

/// Whether what goes to standard error may be coloured.
fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Reads a configuration; its faults are drawn on standard error.
fn load(file: &ConfigFile) -> Result<crate::config::Config, Exit> {
    read(file).map_err(|refused| {
        if !file.config.exists() {
            return fail(
                Exit::Config,
                format!(
                    "there is no {}; `tradehook demo` needs none, and the repository's config.toml is the live job with every key explained",
                    file.config.display()
                ),
            );
        }
        tell!("{}", refused.render(colour()));
        Exit::Config
    })
}

/// Reads a configuration; a refusal names the faults that plugins find in it as well.
fn read(file: &ConfigFile) -> Result<crate::config::Config, crate::config::Refused> {
    crate::config::load(&file.config).map_err(crate::runtime::Plan::look_further)
}

/// Shows what is lawful but unwise in a configuration.
fn show_warnings(config: &crate::config::Config) {
    let warnings = config.render_warnings(colour());
    if !warnings.is_empty() {
        tell!("{}", warnings.trim_end());
    }
}

/// A runtime for tasks that only wait for sockets; plugins run on threads of their own.
/// Runs a command to its end. What then still hangs is not waited for longer than a second: a
/// lookup of a name cannot be called off.
fn block_on<T>(command: impl Future<Output = T>) -> Result<T, Exit> {
    let runtime = tokio_runtime()?;
    let done = runtime.block_on(command);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(done)
}

fn tokio_runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("io")
        .enable_all()
        .build()
        .map_err(|error| fail(Exit::Unavailable, format!("no threads for the runtime: {error}")))
}

/// A duration as a person writes it: `30s`, `2m`, `1h30m`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "write it like 30s, 2m or 1h30m".to_owned())?;
    std::time::Duration::try_from(span)
        .ok()
        .filter(|d| !d.is_zero())
        .ok_or_else(|| "it has to be longer than nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, time::Duration};

    /// As a name server that does not answer: the lookup goes on behind whoever gave it up.
    #[test]
    fn what_hangs_is_not_waited_for_at_the_end() {
        let (never, wait) = mpsc::channel::<()>();
        let command = async {
            let (started, begun) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                let _ = started.send(());
                let _ = wait.recv();
            });
            begun.await.is_ok()
        };
        let (done, ended) = mpsc::channel();
        std::thread::spawn(move || done.send(block_on(command).is_ok_and(|begun| begun)));
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(true));
        drop(never);
    }
}
