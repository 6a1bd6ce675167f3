//! `tradehook alert`: what fires, and what a person decides about it.

use super::{
    Exit, Outcome,
    ask::{Alerts, Process, moment, print_json, print_table, span_ms, things},
    fail,
};
use crate::{
    alert::Matcher,
    control::{Firing, Request},
    entry::Silence,
};
use clap::Subcommand;

const SILENCE_EXAMPLES: &str = "\
Examples:
  tradehook alert silence --rule 'pump*' --for 2h --reason 'known news'
  tradehook alert silence --market KRW-DOGE --severity info --for 1d --reason noise
What is silenced is still worked out: it is on record, and told to nobody.";

const ACK_EXAMPLES: &str = "\
Examples:
  tradehook alert ack 5be2c1                     the firing of this id (see alert list)
  tradehook alert ack --rule eth-above-6m        whatever this rule fires for
It is told no more until it is over.";

const RESET_EXAMPLES: &str = "\
A rule with trigger = \"once\" that has spoken speaks again; its cooldown is over, too.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what fires
    List {
        #[command(flatten)]
        process: Process,
        #[command(flatten)]
        alerts: Alerts,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Tell some alerts to nobody for a while
    #[command(after_help = SILENCE_EXAMPLES)]
    Silence {
        #[command(flatten)]
        process: Process,
        #[command(flatten)]
        alerts: Alerts,
        /// For how long: 90s, 2h, 1d
        #[arg(long = "for", value_name = "DURATION", value_parser = span_ms)]
        for_ms: u64,
        /// Why; whoever finds the silence is told
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say what is silenced, and until when
    Silences {
        #[command(flatten)]
        process: Process,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Lift a silence
    Unsilence {
        #[command(flatten)]
        process: Process,
        /// Its id, as `alert silence` and `alert silences` say it
        id: String,
    },
    /// Take notice: what fires is told no more until it is over
    #[command(after_help = ACK_EXAMPLES)]
    Ack {
        #[command(flatten)]
        process: Process,
        /// The first digits of a firing's id
        #[arg(required_unless_present_any = ["rule", "market"])]
        episode: Option<String>,
        #[command(flatten)]
        alerts: Alerts,
    },
    /// Let a rule speak again as if it had never spoken
    #[command(after_help = RESET_EXAMPLES)]
    Reset {
        #[command(flatten)]
        process: Process,
        /// The rule's id; * stands for anything
        #[arg(long, value_name = "GLOB")]
        rule: String,
        /// For this market alone; * stands for anything
        #[arg(long, value_name = "GLOB")]
        market: Option<String>,
    },
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::List { process, alerts, json } => list(process, alerts, *json),
        Command::Silence { process, alerts, for_ms, reason } => silence(process, alerts, *for_ms, reason),
        Command::Silences { process, json } => silences(process, *json),
        Command::Unsilence { process, id } => {
            process.ask(&Request::Unsilence { id: id.clone() })?;
            say!("the silence {id} is lifted");
            Ok(())
        }
        Command::Ack { process, episode, alerts } => {
            let episode = episode.clone().unwrap_or_default();
            let items = process.ask(&Request::Ack { alerts: alerts.matcher(), episode })?;
            print_firing(&things(items)?, "taken notice of");
            Ok(())
        }
        Command::Reset { process, rule, market } => {
            let alerts = Matcher { rule: Some(rule.clone()), market: market.clone(), ..Matcher::default() };
            process.ask(&Request::Reset { alerts })?;
            say!("{rule} speaks again");
            Ok(())
        }
    }
}

fn list(process: &Process, alerts: &Alerts, json: bool) -> Outcome {
    let items = process.ask(&Request::Alerts { alerts: alerts.matcher() })?;
    if json {
        print_json(&items);
    } else {
        print_firing(&things(items)?, "");
    }
    Ok(())
}

fn print_firing(firing: &[Firing], done: &str) {
    if firing.is_empty() {
        say!("nothing fires");
        return;
    }
    let row = |f: &Firing| {
        let notes = [
            f.is_acked.then(|| "acked".to_owned()),
            f.silenced_by.as_ref().map(|id| format!("silenced by {id}")),
            f.inhibited_by.as_ref().map(|rule| format!("held back by {rule}")),
            (!f.is_told && !f.is_acked).then(|| "nobody told".to_owned()),
        ];
        let notes = notes.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let note = if done.is_empty() { notes } else { done.to_owned() };
        let id: String = f.episode_id.chars().take(12).collect();
        vec![id, f.severity.clone(), f.rule.clone(), f.key.clone(), moment(f.since_ms), note]
    };
    let rows: Vec<Vec<String>> = firing.iter().map(row).collect();
    print_table(&["id", "severity", "rule", "market", "since", ""], &rows);
}

fn silence(process: &Process, alerts: &Alerts, for_ms: u64, reason: &str) -> Outcome {
    if alerts.is_all() {
        let why =
            "say which alerts: --rule, --market, --severity, --plugin or --label; --rule '*' is all of them";
        return Err(fail(Exit::Usage, why));
    }
    let request = Request::Silence { alerts: alerts.matcher(), for_ms, reason: reason.to_owned() };
    let made: Vec<Silence> = things(process.ask(&request)?)?;
    for silence in made {
        say!(
            "silenced until {}; lift it by: tradehook alert unsilence {}",
            moment(silence.until_ms),
            silence.id
        );
    }
    Ok(())
}

fn silences(process: &Process, json: bool) -> Outcome {
    let items = process.ask(&Request::Silences {})?;
    if json {
        print_json(&items);
        return Ok(());
    }
    let silences: Vec<Silence> = things(items)?;
    if silences.is_empty() {
        say!("nothing is silenced");
        return Ok(());
    }
    let row = |s: &Silence| vec![s.id.clone(), in_words(&s.alerts), moment(s.until_ms), s.reason.clone()];
    let rows: Vec<Vec<String>> = silences.iter().map(row).collect();
    print_table(&["id", "alerts", "until", "reason"], &rows);
    Ok(())
}

/// `rule=pump* market=KRW-*`.
fn in_words(alerts: &Matcher) -> String {
    let said = [
        ("rule", &alerts.rule),
        ("market", &alerts.market),
        ("severity", &alerts.severity),
        ("plugin", &alerts.plugin),
    ];
    let mut words: Vec<String> =
        said.into_iter().filter_map(|(name, glob)| Some(format!("{name}={}", glob.as_deref()?))).collect();
    words.extend(alerts.labels.iter().map(|(name, glob)| format!("{name}={glob}")));
    if words.is_empty() { "all".to_owned() } else { words.join(" ") }
}
