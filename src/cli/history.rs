//! `tradehook history`: trades of the past from the venue, into a recording.

use super::{Exit, Outcome, fail, run::Signals, view};
use crate::{
    delivery::system_clock,
    market::is_market_code,
    rest::{Rest, RestConfig, VenueDoor},
    runtime::{Completed, History, HistoryError, Note, Wanted, is_begun, venue_now_ms},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::json;
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const EXAMPLES: &str = "\
Times are UTC unless they say otherwise: 2026-11-20 (midnight), 2026-11-20T09:00,
2026-11-20T09:00:00+09:00, 3h (so long ago), now. The venue keeps today and seven days before.

The recording is JSON lines, the oldest trade first; compressed when its name ends in .zst. A
download that was interrupted goes on where it stood when the same command is given again.

Examples:
  tradehook history KRW-BTC --from 3h
  tradehook history KRW-BTC --from 2026-11-20 --to 2026-11-21 -o friday.jsonl.zst
  tradehook history KRW-BTC KRW-ETH --from 2026-11-20T09:00:00+09:00
  tradehook history KRW-BTC --from 10m --url http://127.0.0.1:9777
  tradehook replay KRW-BTC.jsonl";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Markets, such as KRW-BTC
    #[arg(required = true, value_name = "MARKET", value_parser = market)]
    markets: Vec<String>,
    /// The earliest trade
    #[arg(long, value_name = "TIME", default_value = "1h")]
    from: String,
    /// Where it ends; a trade of that very moment is left out
    #[arg(long, value_name = "TIME", default_value = "now")]
    to: String,
    /// The recording; MARKET.jsonl, or trades.jsonl for several markets
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a recording that is there
    #[arg(long)]
    force: bool,
    /// Where the venue's REST interface is; https://sg-api.upbit.com and the like for other regions
    #[arg(long, value_name = "URL", default_value = "https://api.upbit.com")]
    url: String,
    /// Requests a second; the venue allows 10 from one address
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10))]
    rate: u32,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

fn market(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    if is_market_code(&code) { Ok(code) } else { Err("a market is written like KRW-BTC".to_owned()) }
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let target = arguments.target();
    if target.exists() && !arguments.force {
        return Err(fail(
            Exit::Output,
            format!("{} is there already; --force writes over it", target.display()),
        ));
    }
    let door = VenueDoor::new(&arguments.url)
        .map_err(|error| fail(Exit::Usage, format!("--url {:?}: {error}", arguments.url)))?;
    let rest = Rest::new(&RestConfig { per_second: arguments.rate, ..RestConfig::default() }, door);
    super::tokio_runtime()?.block_on(async {
        let mut signals = Signals::new().map_err(|error| fail(Exit::Unavailable, error))?;
        tokio::select! {
            done = download(arguments, &rest, &target) => done,
            () = signals.end() => {
                tell!("interrupted{}", kept(&target));
                // Pages are kept as they come; there is nothing to be drained.
                std::process::exit(130);
            }
        }
    })
}

impl Arguments {
    fn target(&self) -> PathBuf {
        match (&self.output, self.markets.as_slice()) {
            (Some(path), _) => path.clone(),
            (None, [market]) => PathBuf::from(format!("{market}.jsonl")),
            (None, _) => PathBuf::from("trades.jsonl"),
        }
    }

    fn markets(&self) -> Vec<String> {
        let mut markets: Vec<String> = Vec::new();
        for market in &self.markets {
            if !markets.contains(market) {
                markets.push(market.clone());
            }
        }
        markets
    }

    fn wanted(&self, target: &Path, now_ms: i64) -> Result<Wanted, Exit> {
        let at = |name: &str, text: &str| {
            time_ms(text, now_ms).map_err(|why| fail(Exit::Usage, format!("--{name} {text:?}: {why}")))
        };
        Ok(Wanted {
            markets: self.markets(),
            from_ms: at("from", &self.from)?,
            to_ms: at("to", &self.to)?,
            words: (self.from.clone(), self.to.clone()),
            url: self.url.clone(),
            target: target.to_owned(),
        })
    }
}

async fn download(arguments: &Arguments, rest: &Rest, target: &Path) -> Outcome {
    let refused = |error: &HistoryError| fail(exit(error), format!("{error}{}", advice(error, target)));
    let started = Instant::now();
    // The venue's clock counts its days; ours stands in where it shows none.
    let mut now_ms = system_clock()();
    for market in arguments.markets() {
        let told = venue_now_ms(rest, &market).await.map_err(|e| refused(&e))?;
        now_ms = told.unwrap_or(now_ms);
    }
    let mut history = History::open(arguments.wanted(target, now_ms)?, now_ms).map_err(|e| refused(&e))?;
    if let Some((from_ms, to_ms)) = history.begun_ms() {
        tell!(
            "going on with the download of {} to {} in {}.part",
            moment(from_ms),
            moment(to_ms),
            target.display()
        );
    }
    let bar = Bar::new(history.total_ms());
    let fetched = history.fetch(rest, |note| bar.note(&note)).await;
    bar.finish();
    fetched.map_err(|e| refused(&e))?;
    // Files, and a while of them: not on a thread that a signal has to get through.
    let written = tokio::task::spawn_blocking(|| history.finish()).await;
    let completed = written.map_err(|error| fail(Exit::Bug, error))?.map_err(|e| refused(&e))?;
    report(arguments, target, &completed, started.elapsed());
    Ok(())
}

const fn exit(error: &HistoryError) -> Exit {
    match error {
        HistoryError::TooOld(_) | HistoryError::Empty | HistoryError::NoSuchMarket(_) => Exit::Usage,
        HistoryError::Venue(_) | HistoryError::Walk(_) => Exit::Unavailable,
        HistoryError::Busy(_) | HistoryError::OtherPlan(_) | HistoryError::File(..) => Exit::Output,
    }
}

/// What can be done about it.
fn advice(error: &HistoryError, target: &Path) -> String {
    match error {
        HistoryError::TooOld(earliest_ms) => format!(": --from {} is the earliest", moment(*earliest_ms)),
        HistoryError::Venue(_) | HistoryError::Walk(_) => kept(target),
        _ => String::new(),
    }
}

fn kept(target: &Path) -> String {
    if !is_begun(target) {
        return String::new();
    }
    format!("; what was fetched is kept in {}.part, and the same command goes on", target.display())
}

fn report(arguments: &Arguments, target: &Path, completed: &Completed, taken: Duration) {
    let (from_ms, to_ms) = completed.span_ms;
    if arguments.json {
        say!(
            "{}",
            json!({
                "file": target.display().to_string(), "markets": arguments.markets(), "trades": completed.trades,
                "taken_up": completed.taken_up, "requests": completed.requests, "invalid": completed.invalid,
                "from_ms": from_ms, "to_ms": to_ms, "seconds": taken.as_secs_f64(),
            })
        );
        return;
    }
    let grouped = |n: u64| view::grouped(&n.to_string());
    tell!(
        "{}: {} trades from {} to {}, {} requests in {:.1} s",
        target.display(),
        grouped(completed.trades),
        moment(from_ms),
        moment(to_ms),
        grouped(completed.requests),
        taken.as_secs_f64(),
    );
    if completed.taken_up > 0 {
        tell!("  {} of them were there from an earlier run", grouped(completed.taken_up));
    }
    if completed.invalid > 0 {
        tell!(
            "  {} entries of the venue's answers are no trades and are missing",
            grouped(completed.invalid)
        );
    }
}

fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}

/// A time as a person writes it, ms since the Unix epoch; without a zone it is UTC.
fn time_ms(text: &str, now_ms: i64) -> Result<i64, String> {
    if text == "now" {
        return Ok(now_ms);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    if let Ok(civil) = text.parse::<DateTime>()
        && let Ok(at) = civil.to_zoned(TimeZone::UTC)
    {
        return Ok(at.timestamp().as_millisecond());
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let ago = days.map_or_else(|| super::duration(text), |days| Ok(DAY * days));
    let ago = ago.map_err(|_| {
        "write 2026-11-20, 2026-11-20T09:00, 2026-11-20T09:00:00+09:00, or 3h for so long ago".to_owned()
    })?;
    Ok(now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)))
}

const DAY: Duration = Duration::from_secs(86_400);

const TEMPLATE: &str = "{bar:30} {percent:>3} %  {msg}  {eta} left";
/// How often a terminal is redrawn, in Hz.
const REDRAW_HZ: u8 = 10;

/// How far it is, on a terminal; nothing elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn new(total_ms: u64) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(REDRAW_HZ)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(total_ms), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    fn note(&self, note: &Note<'_>) {
        match note {
            Note::Reached(reached) if !self.0.is_hidden() => {
                self.0.set_message(format!("{} trades", view::grouped(&reached.trades.to_string())));
                self.0.set_position(reached.covered_ms);
            }
            Note::Reached(_) => {}
            Note::Waiting { error, wait } => {
                self.0.suspend(|| tell!("{error}; asking again in {} s", wait.as_secs().max(1)));
            }
        }
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let now_ms = 1_795_348_800_000; // 2026-11-22T12:00:00Z
        let check = |text: &str, expect: Option<&str>| {
            let found = time_ms(text, now_ms).ok().map(moment);
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("now", Some("2026-11-22T12:00:00Z"));
        check("3h", Some("2026-11-22T09:00:00Z"));
        check("1h30m", Some("2026-11-22T10:30:00Z"));
        check("7d", Some("2026-11-15T12:00:00Z"));
        check("-1d", None);
        check("2026-11-20", Some("2026-11-20T00:00:00Z"));
        check("2026-11-20T09:00", Some("2026-11-20T09:00:00Z"));
        check("2026-11-20 09:00:30.5", Some("2026-11-20T09:00:30.5Z"));
        check("2026-11-20T09:00:00Z", Some("2026-11-20T09:00:00Z"));
        check("2026-11-20T09:00:00+09:00", Some("2026-11-20T00:00:00Z"));
        check("2026-11-20T09:00+09:00", Some("2026-11-20T00:00:00Z"));
        check("2026-13-20", None);
        check("yesterday", None);
        check("", None);
        check("0s", None);
    }
}
