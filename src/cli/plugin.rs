//! `tradehook plugin`: begin, check and try plugins.

mod new;
mod probe;

use super::{Exit, Outcome, ask::Process, fail, view};
use crate::{
    config::default_compile_cache,
    control::Request,
    plugin::{Host, LoadError, Plugin},
};
use clap::Subcommand;
use std::path::{Path, PathBuf};

const NEW_EXAMPLES: &str = "\
Then, in the new folder:
  cargo test         its tests, natively
  cargo plugin       build it (once: rustup target add wasm32-unknown-unknown)";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a new plugin: a crate that builds with one command and has tests
    #[command(after_help = NEW_EXAMPLES)]
    New {
        /// Its name: letters, digits and dashes
        name: String,
    },
    /// Say what a plugin exports, imports and costs
    Check {
        /// A component, or a core module with its component type
        file: PathBuf,
        /// Its configuration, as JSON or as @FILE
        #[arg(long, value_name = "JSON", default_value = "{}")]
        config: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Feed recorded trades to a plugin and print what it emits
    #[command(
        after_help = "Example:\n  tradehook plugin run my_alert.wasm --input trades.jsonl --config '{\"min_notional\": \"1억\"}'"
    )]
    Run {
        /// A component, or a core module with its component type
        file: PathBuf,
        /// JSON lines of Upbit trades (plain or zstd), or a tape
        #[arg(long, short, value_name = "RECORDING")]
        input: PathBuf,
        /// Its configuration, as JSON or as @FILE
        #[arg(long, value_name = "JSON", default_value = "{}")]
        config: String,
    },
    /// Ask a plugin of the running process something, in its own words
    #[command(
        after_help = "Example:\n  tradehook plugin inspect alert '{\"rule\": \"pump\", \"market\": \"KRW-BTC\"}'"
    )]
    Inspect {
        #[command(flatten)]
        process: Process,
        /// Its name in the configuration
        name: String,
        /// JSON
        query: String,
    },
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::New { name } => new::run(name),
        Command::Check { file, config, json } => probe::check(file, &settings(config)?, *json),
        Command::Inspect { process, name, query } => inspect(process, name, query),
        Command::Run { file, input, config } => probe::run(file, &settings(config)?, input),
    }
}

fn inspect(process: &Process, name: &str, query: &str) -> Outcome {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(query) {
        return Err(fail(Exit::Usage, format!("the query is not JSON: {error}")));
    }
    let request = Request::Inspect { plugin: name.to_owned(), query: query.to_owned() };
    process.ask(&request)?.iter().for_each(|answer| say!("{answer:#}"));
    Ok(())
}

/// JSON text from the command line, or from the file behind an `@`.
fn settings(argument: &str) -> Result<String, Exit> {
    let text = match argument.strip_prefix('@') {
        None => argument.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| fail(Exit::Unavailable, format!("cannot read {path}: {error}")))?,
    };
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::Object(_)) => Ok(text),
        Ok(_) => Err(fail(Exit::Usage, "--config: a JSON object is needed, for instance '{\"min\": 1}'")),
        Err(error) => Err(fail(Exit::Usage, format!("--config is not JSON: {error}"))),
    }
}

fn load(file: &Path) -> Result<Plugin, Exit> {
    let host = Host::new(default_compile_cache()).map_err(|error| fail(Exit::Unavailable, error))?;
    host.load_file(file).map_err(|error| refuse(file, &error))
}

/// Why a plugin does not load or start.
fn refuse(file: &Path, error: &LoadError) -> Exit {
    let LoadError::Config(faults) = error else {
        return fail(Exit::Config, format!("{}: {error}", file.display()));
    };
    for fault in faults {
        let place = if fault.path.is_empty() { "/" } else { &fault.path };
        tell!("error: --config {place}: {}", fault.message);
        if let Some(help) = &fault.help {
            tell!("  help: {help}");
        }
    }
    Exit::Config
}
