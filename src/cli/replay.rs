//! `tradehook replay`: recorded trades through the same plugins.

use super::{ConfigFile, Exit, Outcome, check, fail, progress::Progress, view};
use crate::{
    delivery::{Content, Delivery},
    runtime::{Replay, ReplayError, Source, Summary, refuse},
};
use serde_json::json;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

const EXAMPLES: &str = "\
The recording is JSON lines of Upbit trades (WebSocket frames or REST ticks), plain or zstd, or a
tape: its folder, or one segment. Alerts and records go to standard output as JSON lines, the
summary to standard error; no channel is told anything.

Examples:
  tradehook replay trades.jsonl
  tradehook replay state/tape --config other.toml --output alerts.jsonl
  tradehook replay trades.jsonl.zst --quiet --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The recording
    recording: PathBuf,
    #[command(flatten)]
    file: ConfigFile,
    /// Where alerts and records go instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write no alerts and records, only the summary
    #[arg(long, short, conflicts_with = "output")]
    quiet: bool,
    /// Most trades in a batch; changes nothing but the speed
    #[arg(long, value_name = "NUMBER", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = super::load(&arguments.file)?;
    let host = check::host(&config)?;
    let plan = check::plan(&config, &host)?;
    let source = Source::open(&arguments.recording).map_err(|error| fail(Exit::Unavailable, error))?;
    let mut replay = Replay::start(&plan.groups, source, arguments.batch as usize).map_err(|errors| {
        tell!("{}", refuse(&config, &errors).render(super::colour()));
        Exit::Config
    })?;
    let mut out = open_output(arguments)?;
    let started = Instant::now();
    let written = drive(&mut replay, out.as_deref_mut());
    let taken = started.elapsed();
    match written {
        Ok(()) => {}
        // Whoever read the lines has seen enough.
        Err(Ended::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(Ended::Output(error)) => return Err(fail(Exit::Output, format!("cannot write: {error}"))),
        Err(Ended::Recording(error)) => {
            return Err(fail(
                Exit::Unavailable,
                format!("{error}; {} trades before it were replayed", replay.summary().trades),
            ));
        }
    }
    report(arguments, replay.summary(), taken);
    Ok(())
}

fn open_output(arguments: &Arguments) -> Result<Option<Box<dyn Write>>, Exit> {
    match &arguments.output {
        _ if arguments.quiet => Ok(None),
        None => Ok(Some(Box::new(BufWriter::new(io::stdout().lock())))),
        Some(path) => match File::create(path) {
            Ok(file) => Ok(Some(Box::new(BufWriter::new(file)))),
            Err(error) => Err(fail(Exit::Output, format!("cannot write {}: {error}", path.display()))),
        },
    }
}

enum Ended {
    Output(io::Error),
    Recording(ReplayError),
}

fn drive<'a>(replay: &mut Replay, mut out: Option<&mut (dyn Write + 'a)>) -> Result<(), Ended> {
    let progress = Progress::new(replay.progress().0);
    let mut write = |deliveries: &[Delivery]| {
        let Some(out) = &mut out else { return Ok(()) };
        for delivery in deliveries {
            let end = if delivery.content == Content::Alert { "\n" } else { "" };
            out.write_all(delivery.body.as_bytes()).map_err(Ended::Output)?;
            out.write_all(end.as_bytes()).map_err(Ended::Output)?;
        }
        Ok(())
    };
    while let Some(deliveries) = replay.step(|_| {}).map_err(Ended::Recording)? {
        write(deliveries)?;
        progress.at(replay.progress().1, replay.summary().trades);
    }
    write(replay.flush())?;
    if let Some(out) = &mut out {
        out.flush().map_err(Ended::Output)?;
    }
    progress.finish();
    Ok(())
}

fn report(arguments: &Arguments, summary: &Summary, taken: Duration) {
    let per_second = summary.trades as f64 / taken.as_secs_f64().max(1e-9);
    if arguments.json {
        let plugins = summary.plugins.iter().map(|(name, counts)| {
            json!({
                "name": name, "trades": counts.trades, "quotes": counts.quotes, "forwarded": counts.forwarded, "calls": counts.calls,
                "alerts": counts.alerts, "records": counts.records, "faults": counts.faults,
                "poisoned": counts.poisoned, "skipped": counts.skipped, "call_ns": counts.call_ns,
            })
        });
        let summary = json!({
            "trades": summary.trades, "quotes": summary.quotes, "entries": summary.entries, "alerts": summary.alerts,
            "records": summary.records, "deliveries": summary.deliveries, "faults": summary.faults(),
            "lost": summary.lost, "repeated": summary.repeated, "bad_lines": summary.bad_lines.count, "seconds": taken.as_secs_f64(),
            "trades_per_second": per_second, "plugins": plugins.collect::<Vec<_>>(),
        });
        tell!("{summary}");
        return;
    }
    let grouped = |n: u64| view::grouped(&n.to_string());
    tell!(
        "{} trades in {:.2} s ({} a second), {} alerts, {} records, {} deliveries, {} faults",
        grouped(summary.trades),
        taken.as_secs_f64(),
        grouped(per_second as u64),
        grouped(summary.alerts),
        grouped(summary.records),
        grouped(summary.deliveries),
        grouped(summary.faults()),
    );
    if summary.quotes > 0 {
        tell!("  {} tickers, order books and candles", grouped(summary.quotes));
    }
    for (name, counts) in &summary.plugins {
        let ns = counts.call_ns.checked_div(counts.trades).unwrap_or_default();
        tell!(
            "  {name}: {} trades, {} flowed on, {} alerts, {} records, {ns} ns a trade",
            grouped(counts.trades),
            grouped(counts.forwarded),
            grouped(counts.alerts),
            grouped(counts.records),
        );
        if let Some(fault) = &counts.last_fault {
            tell!(
                "    {} entries were passed over; last fault: {fault}",
                grouped(counts.poisoned + counts.skipped)
            );
        }
    }
    if summary.lost > 0 {
        tell!("  {} entries of the recording are damaged or gone", grouped(summary.lost));
    }
    if summary.repeated > 0 {
        tell!("  {} trades came again and counted once", grouped(summary.repeated));
    }
    if summary.bad_lines.count > 0 {
        tell!("  {} lines are neither trades nor quotes:", grouped(summary.bad_lines.count));
        summary.bad_lines.first.iter().for_each(|line| tell!("    {line}"));
    }
}
