//! `tradehook demo`: the whole system on a synthetic market, and a view of it.
//!
//! Nothing in it is a demonstration but the venue: the feed speaks to a real socket, the tape, the
//! pipelines and the bundled plugins are those of `tradehook run`, and the rules are TOML.

use super::{Exit, Outcome, fail, log, run, view};
use crate::{
    config::{self, Config},
    feed::{SystemClock, WallClock},
    runtime::{Options, Runtime},
    status::Status,
    venue::{Venue, VenueConfig},
};
use jiff::tz::TimeZone;
use std::{path::Path, time::Duration};
use tokio_util::sync::CancellationToken;

/// The job of the demo; its venue is filled in.
const CONFIG: &str = include_str!("demo/config.toml");
const VENUE: &str = "ws://127.0.0.1:0/websocket/v1";
/// Where `tradehook venue` listens, for a copy of the configuration that is run by itself.
const ALONE: &str = "ws://127.0.0.1:9777/websocket/v1";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End by itself after this long, for instance 30s
    #[arg(long = "for", value_name = "DURATION", value_parser = super::duration)]
    lasting: Option<Duration>,
    /// Print lines, even on a terminal
    #[arg(long)]
    plain: bool,
    /// Another synthetic market
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Print the demo's configuration and end: a good beginning for one's own
    #[arg(long)]
    show_config: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if arguments.show_config {
        say!("{}", CONFIG.replace(VENUE, ALONE).trim_end());
        return Ok(());
    }
    super::block_on(show(arguments))?
}

async fn show(arguments: &Arguments) -> Outcome {
    let full = view::has_terminal() && !arguments.plain;
    let venue = Venue::start(VenueConfig { seed: arguments.seed, ..VenueConfig::default() }).await;
    let venue = venue.map_err(|error| fail(Exit::Unavailable, format!("the stand-in venue: {error}")))?;
    let config = configuration(&venue.ws_url())?;
    let log = log::Log::start(log::LogFormat::Human, if full { "info" } else { "warn" });
    let log = log.map_err(|error| fail(Exit::Config, error))?;
    let status = Status::new(format!("stand-in venue {}", venue.ws_url()), || SystemClock.now_ms());
    let mut signals = run::Signals::new().map_err(|error| fail(Exit::Unavailable, error))?;
    let options = Options { quiet_stdout: true };
    let runtime = Runtime::start(config, options, status.clone()).await.map_err(|e| run::refuse(&e))?;

    let stop = CancellationToken::new();
    let shown = spawn_view(full, &status, &stop, &log);
    tokio::select! {
        () = signals.end() => {}
        () = stop.cancelled() => {}
        () = after(arguments.lasting) => {}
    }
    stop.cancel();
    let shown = shown.await;
    log.release();
    runtime.stop().await;
    let snapshot = status.snapshot();
    say!(
        "{} trades, {} alerts and {} records in {:.0} s. `tradehook plugin new NAME` begins a plugin of your own",
        view::grouped(&snapshot.intake.trades.to_string()),
        snapshot.plugins.iter().map(|p| p.alerts).sum::<u64>(),
        snapshot.plugins.iter().map(|p| p.records).sum::<u64>(),
        Duration::from_millis(snapshot.uptime_ms).as_secs_f64(),
    );
    match shown {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Ok(Err(error)) => Err(fail(Exit::Output, format!("the view: {error}"))),
        Err(error) => Err(fail(Exit::Output, format!("the view: {error}"))),
    }
}

fn spawn_view(
    full: bool,
    status: &Status,
    stop: &CancellationToken,
    log: &log::Log,
) -> tokio::task::JoinHandle<std::io::Result<()>> {
    let (status, stop) = (status.clone(), stop.clone());
    let zone = TimeZone::system();
    if full {
        log.hold();
        return tokio::task::spawn_blocking(move || {
            let shown = view::run_full(&status, &zone, &stop);
            stop.cancel();
            shown
        });
    }
    tokio::spawn(async move {
        let shown = view::run_plain(&status, &zone, &stop, std::io::stdout()).await;
        stop.cancel();
        shown
    })
}

fn configuration(ws_url: &str) -> Result<Config, Exit> {
    let text = CONFIG.replace(VENUE, ws_url);
    config::parse(&text, "the demo's config.toml", Path::new(""), &config::Process).map_err(|refused| {
        tell!("{}", refused.render(super::colour()));
        Exit::Config
    })
}

async fn after(lasting: Option<Duration>) {
    match lasting {
        Some(lasting) => tokio::time::sleep(lasting).await,
        None => std::future::pending().await,
    }
}
