//! `tradehook fact`: what the running process knows beside the trades, and numbers told to it.

use super::{
    Outcome,
    ask::{Process, moment, print_json, print_table, things},
};
use crate::control::{Known, Request};
use clap::Subcommand;
use serde_json::Value;

const SET_EXAMPLES: &str = "\
Examples:
  tradehook fact set fx.USDKRW 1391.5
  */1 * * * * tradehook fact set fx.USDKRW \"$(my-rate)\" --config /etc/tradehook/config.toml
A premium rule reads it by fx = { fact = \"fx.USDKRW\", max_age = \"5m\" }, and is unknown while the
number is older than that. It is put on the tape: a replay knows what was told, and when.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what is known: states of this process, warnings of the venue, numbers from outside
    List {
        #[command(flatten)]
        process: Process,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Tell an exchange rate from outside
    #[command(after_help = SET_EXAMPLES)]
    Set {
        #[command(flatten)]
        process: Process,
        /// Its name, which begins with fx.
        name: String,
        /// The rate, in plain digits
        value: String,
    },
    /// Say that an exchange rate is not known any more
    Forget {
        #[command(flatten)]
        process: Process,
        /// Its name
        name: String,
    },
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::List { process, json } => list(process, *json),
        Command::Set { process, name, value } => {
            process.ask(&Request::SetFact { name: name.clone(), value: Some(value.clone()) })?;
            say!("{name} is {value}");
            Ok(())
        }
        Command::Forget { process, name } => {
            process.ask(&Request::SetFact { name: name.clone(), value: None })?;
            say!("{name} is not known any more");
            Ok(())
        }
    }
}

fn list(process: &Process, json: bool) -> Outcome {
    let items = process.ask(&Request::Facts {})?;
    if json {
        print_json(&items);
        return Ok(());
    }
    let facts: Vec<Known> = things(items)?;
    if facts.is_empty() {
        say!("nothing is known yet");
        return Ok(());
    }
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |f: &Known| vec![f.name.clone(), f.subject.clone(), value(&f.value), moment(f.at_ms)];
    let rows: Vec<Vec<String>> = facts.iter().map(row).collect();
    print_table(&["fact", "about", "is", "since"], &rows);
    Ok(())
}
