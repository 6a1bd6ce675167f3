//! `tradehook status`: the running process in a few lines.

use super::{
    Exit, Outcome,
    ask::{Process, print_json, things},
    view::duration,
};
use crate::{
    control::{Request, Summary},
    status::clean,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    process: Process,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let items = arguments.process.ask(&Request::Status {})?;
    let wrong = if arguments.json {
        print_json(&items);
        false
    } else {
        let said: Vec<Summary> = things(items)?;
        said.iter().for_each(show);
        said.iter().any(|s| s.feed != "live")
    };
    if wrong { Err(Exit::Unavailable) } else { Ok(()) }
}

fn show(s: &Summary) {
    let up = duration(i64::try_from(s.uptime_ms).unwrap_or(i64::MAX));
    say!("tradehook {} (process {}), up {up}", clean(&s.version), s.pid);
    say!("  feed     {} at {}", clean(&s.feed), clean(&s.venue));
    say!(
        "  trades   {} of {} markets; the slowest pipeline is {} entries behind",
        s.trades,
        s.markets,
        s.lag
    );
    say!("  outbox   {} messages wait, {} were given up", s.queued, s.dead);
    for (name, state) in &s.plugins {
        say!("  plugin   {}: {}", clean(name), clean(state));
    }
    for why in &s.wrong {
        say!("  !        {}", clean(why));
    }
}
