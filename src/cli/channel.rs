//! `tradehook channel`: where alerts go, and whether they arrive.

use super::{
    Exit, Outcome,
    ask::{Process, moment, print_json, print_table, things},
    fail,
};
use crate::{
    control::{ChannelItem, Request},
    runtime::test_channel,
    status::clean,
};
use clap::Subcommand;

const TEST_NOTE: &str = "\
The message goes out by the running process; where none runs, by this command, with what the
configuration and this environment say.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say which channels there are and how they do
    List {
        #[command(flatten)]
        process: Process,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Send a test message through a channel
    #[command(after_help = TEST_NOTE)]
    Test {
        #[command(flatten)]
        process: Process,
        /// Its name in the configuration
        name: String,
    },
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::List { process, json } => list(process, *json),
        Command::Test { process, name } => test(process, name),
    }
}

fn list(process: &Process, json: bool) -> Outcome {
    let items = process.ask(&Request::Channels {})?;
    if json {
        print_json(&items);
        return Ok(());
    }
    let row = |c: &ChannelItem| {
        let state = match (c.broken, c.parked_until_ms) {
            (true, _) => "broken".to_owned(),
            (false, Some(until_ms)) => format!("waits until {}", moment(until_ms)),
            (false, None) => "ok".to_owned(),
        };
        let counts = [c.queued, c.delivered, c.retried, c.dead].map(|n| n.to_string());
        let mut row = vec![c.name.clone(), c.kind.clone(), state];
        row.extend(counts);
        row.push(c.last_error.clone().unwrap_or_default());
        row
    };
    let rows: Vec<Vec<String>> = things(items)?.iter().map(row).collect();
    print_table(&["channel", "kind", "state", "queued", "delivered", "retried", "dead", "last error"], &rows);
    Ok(())
}

fn test(process: &Process, name: &str) -> Outcome {
    let asked = process.ask_if_running(&Request::TestChannel { name: name.to_owned() })?;
    if let Some(items) = asked {
        let said: Vec<String> = things(items)?;
        said.iter().for_each(|text| say!("{}", clean(text)));
        return Ok(());
    }
    let config = super::load(&process.file)?;
    let Some(channel) = config.channel(name) else {
        let names: Vec<&str> = config.channels.iter().map(|c| c.name.as_str()).collect();
        return Err(fail(
            Exit::Usage,
            format!("no channel is called {name:?}; there are {}", names.join(", ")),
        ));
    };
    match super::block_on(test_channel(channel))? {
        Ok(said) => say!("{}", clean(&said)),
        Err(why) => return Err(fail(Exit::Unavailable, clean(&why))),
    }
    Ok(())
}
