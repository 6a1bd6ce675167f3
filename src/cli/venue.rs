//! `tradehook venue`: the stand-in venue alone.

use super::{Exit, Outcome, fail, run::Signals};
use crate::venue::{
    FaultHandle, Liveliness, MAIN_MARKETS, Script, Venue, VenueConfig, many_markets, script_time,
};
use std::{path::PathBuf, time::Duration};

/// How long each script of `--chaos` is.
const CHAOS_ROUND: Duration = Duration::from_secs(300);

const EXAMPLES: &str = "\
Examples:
  tradehook venue                                    eight lively markets on port 9777
  tradehook venue --markets 300 --natural            as many as the venue has, as quiet as they are
  tradehook venue --history 3d                       ticks of the last three days over REST
  tradehook venue --faults faults.toml               what goes wrong, by the clock
  tradehook venue --chaos 7                          something goes wrong every now and then, for ever
  curl -d @faults.toml http://127.0.0.1:9777/fault   the same at any time

A file of faults, each with its time from the start (names in full: --list-faults):
  [[fault]]
  at = \"10s\"
  name = \"stall\"
  for = \"20s\"
  markets = [\"KRW-BTC\"]
  [[fault]]
  at = \"1m\"
  name = \"refuse-upgrades\"
  status = 429
  for = \"5s\"";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9777)]
    port: u16,
    /// Same seed, same market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Markets, separated by commas, or how many
    #[arg(long, value_delimiter = ',', value_name = "CODE,…|NUMBER")]
    markets: Vec<String>,
    /// Trades a second over all markets, at an even pace
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// As busy as the venue on a normal day, instead of lively: most markets are quiet
    #[arg(long)]
    natural: bool,
    /// The share of orders whose trades arrive after ones stamped later
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    late: f64,
    /// The past that REST knows at the start, at most 7d; a long one is thinned out
    #[arg(long, value_name = "TIME", default_value = "1m")]
    history: String,
    /// Without the venue's rate limits
    #[arg(long)]
    no_limits: bool,
    /// What goes wrong, and when
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Draw faults by this seed, for ever
    #[arg(long, value_name = "SEED", conflicts_with = "faults")]
    chaos: Option<u64>,
    /// Say the names of all faults, and run nothing
    #[arg(long)]
    list_faults: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if arguments.list_faults {
        Script::names().for_each(|name| say!("{name}"));
        return Ok(());
    }
    let config = config(arguments).map_err(|why| fail(Exit::Usage, why))?;
    let script = script(arguments)?;
    super::tokio_runtime()?.block_on(serve(arguments, config, script))
}

fn config(arguments: &Arguments) -> Result<VenueConfig, String> {
    let codes = match arguments.markets.as_slice() {
        [] => MAIN_MARKETS.map(String::from).to_vec(),
        [number] if number.parse::<usize>().is_ok_and(|n| (1..=2_000).contains(&n)) => {
            many_markets(number.parse().unwrap_or(1))
        }
        codes => codes.to_vec(),
    };
    if arguments.rate.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
        return Err("--rate is a number above 0".into());
    }
    if !(0.0..=1.0).contains(&arguments.late) {
        return Err("--late is a share from 0 to 1".into());
    }
    let history = script_time("--history", &arguments.history)?;
    let history = history.min(Duration::from_secs(7 * 86_400));
    Ok(VenueConfig {
        seed: arguments.seed,
        port: arguments.port,
        codes,
        liveliness: if arguments.natural { Liveliness::Natural } else { Liveliness::Lively },
        trades_per_second: arguments.rate,
        late_share: arguments.late,
        history_ms: i64::try_from(history.as_millis()).unwrap_or(0),
        limits: !arguments.no_limits,
        ..VenueConfig::default()
    })
}

fn script(arguments: &Arguments) -> Result<Option<Script>, Exit> {
    let Some(path) = &arguments.faults else { return Ok(None) };
    let place = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|why| fail(Exit::Unavailable, format!("{place} cannot be read: {why}")))?;
    text.parse().map(Some).map_err(|why| fail(Exit::Config, format!("{place}: {why}")))
}

async fn serve(arguments: &Arguments, config: VenueConfig, script: Option<Script>) -> Outcome {
    let market = config.codes.first().cloned().unwrap_or_default();
    let mut signals = Signals::new().map_err(|error| fail(Exit::Unavailable, error))?;
    let venue = Venue::start(config).await.map_err(|error| fail(Exit::Unavailable, error))?;
    let (socket, rest) = (venue.ws_url(), venue.rest_url());
    say!("WebSocket  {socket}");
    say!("REST       {rest}/v1/trades/ticks?market={market}&count=5");
    say!("faults     curl -d @faults.toml {rest}/fault");
    say!("Ctrl-C ends it. To use it:");
    say!("  tradehook, in config.toml   [feed] url = \"{socket}\"");
    say!("  pyupbit                     its host is built in; tests/clients/pyupbit_client.py shows how");
    say!("  ccxt.pro                    exchange.urls[\"api\"][\"ws\"] = \"{socket}\"");
    say!("  ccxt                        exchange.urls[\"api\"][\"public\"] = \"{rest}\"");
    if let Some(script) = script {
        venue.run_script(script);
    }
    match arguments.chaos {
        Some(seed) => tokio::select! {
            () = signals.end() => {}
            () = chaos(venue.faults(), seed) => {}
        },
        None => signals.end().await,
    }
    Ok(())
}

/// One drawn script after the other, each printed before it begins.
async fn chaos(faults: FaultHandle, seed: u64) {
    for round in 0.. {
        let script = Script::from_seed(seed.wrapping_add(round), CHAOS_ROUND);
        say!("\n# {} minutes of seed {}\n{script}", CHAOS_ROUND.as_secs() / 60, seed.wrapping_add(round));
        let end = tokio::time::Instant::now() + CHAOS_ROUND;
        faults.play(script).await;
        tokio::time::sleep_until(end).await;
    }
}
