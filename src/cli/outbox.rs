//! `tradehook outbox`: messages that wait or were given up, and what a person decides about them.

use super::{
    Exit, Outcome,
    ask::{Process, moment, print_json, print_table, things},
    fail,
};
use crate::control::{MAX_ITEMS, Message, Request, Which};
use clap::Subcommand;
use serde_json::Value;

const RETRY_EXAMPLES: &str = "\
Examples:
  tradehook outbox retry --channel hook          all that was given up there
  tradehook outbox retry 9c41d0                  one message
Messages that wait for another try, and those of a channel that was switched off, are tried at
once. Every message keeps its id, so that a receiver knows one that it has.";

const DROP_EXAMPLES: &str = "\
Examples:
  tradehook outbox drop --channel hook           what waits there becomes dead letters
  tradehook outbox drop --dead --channel hook    dead letters are forgotten";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what waits for delivery, or was given up
    List {
        #[command(flatten)]
        process: Process,
        /// Of one channel alone
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
        /// Dead letters: what was given up, with the reason
        #[arg(long)]
        dead: bool,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Try again what was given up
    #[command(after_help = RETRY_EXAMPLES)]
    Retry {
        #[command(flatten)]
        process: Process,
        #[command(flatten)]
        meant: Meant,
    },
    /// Give up what waits, or forget what was given up
    #[command(after_help = DROP_EXAMPLES)]
    Drop {
        #[command(flatten)]
        process: Process,
        #[command(flatten)]
        meant: Meant,
        /// Dead letters
        #[arg(long)]
        dead: bool,
    },
}

/// Which messages a command means.
#[derive(Debug, clap::Args)]
pub(super) struct Meant {
    /// The first digits of a message's id
    id: Option<String>,
    /// All of one channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// All
    #[arg(long, conflicts_with_all = ["id", "channel"])]
    all: bool,
}

impl Meant {
    fn which(&self) -> Result<Which, Exit> {
        if self.id.is_none() && self.channel.is_none() && !self.all {
            return Err(fail(Exit::Usage, "say which messages: an id, --channel NAME, or --all"));
        }
        Ok(Which { id: self.id.clone(), channel: self.channel.clone() })
    }
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::List { process, channel, dead, limit, json } => {
            let limit = (*limit).min(MAX_ITEMS);
            let request = Request::Outbox { channel: channel.clone(), dead: *dead, limit };
            list(process.ask(&request)?, *dead, *json)
        }
        Command::Retry { process, meant } => {
            let items = process.ask(&Request::Retry { which: meant.which()? })?;
            say!("{} dead letters are queued again; what waited is tried now", count(&items, "queued"));
            Ok(())
        }
        Command::Drop { process, meant, dead } => {
            let items = process.ask(&Request::Drop { which: meant.which()?, dead: *dead })?;
            let what = if *dead { "dead letters are forgotten" } else { "messages are given up" };
            say!("{} {what}", count(&items, "dropped"));
            Ok(())
        }
    }
}

fn count(items: &[Value], key: &str) -> u64 {
    items.first().and_then(|item| item.get(key)).and_then(Value::as_u64).unwrap_or(0)
}

fn list(items: Vec<Value>, dead: bool, json: bool) -> Outcome {
    if json {
        print_json(&items);
        return Ok(());
    }
    let messages: Vec<Message> = things(items)?;
    if messages.is_empty() {
        say!("{}", if dead { "nothing was given up" } else { "nothing waits" });
        return Ok(());
    }
    let row = |m: &Message| {
        let id: String = m.id.chars().take(12).collect();
        let why = match (&m.reason, m.next_at_ms) {
            (Some(reason), _) => reason.clone(),
            (None, Some(at_ms)) => format!("tried {}, again at {}", m.attempt, moment(at_ms)),
            (None, None) => String::new(),
        };
        vec![id, m.channel.clone(), m.rule.clone(), m.key.clone(), moment(m.at_ms), why]
    };
    let rows: Vec<Vec<String>> = messages.iter().map(row).collect();
    print_table(&["id", "channel", "rule", "market", "at", if dead { "reason" } else { "" }], &rows);
    Ok(())
}
