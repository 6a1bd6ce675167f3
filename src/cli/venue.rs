//! `tradehook venue`: the stand-in venue alone.

use super::{Exit, Outcome, fail, run::Signals};
use crate::venue::{MAIN_MARKETS, Venue, VenueConfig};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9777)]
    port: u16,
    /// Same seed, same market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Markets, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "CODE,…")]
    markets: Vec<String>,
    /// Trades a second over all markets, at an even pace
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    super::block_on(serve(arguments))?
}

async fn serve(arguments: &Arguments) -> Outcome {
    let codes = match arguments.markets.as_slice() {
        [] => MAIN_MARKETS.map(String::from).to_vec(),
        codes => codes.to_vec(),
    };
    let config = VenueConfig {
        seed: arguments.seed,
        port: arguments.port,
        codes,
        trades_per_second: arguments.rate,
        ..VenueConfig::default()
    };
    let mut signals = Signals::new().map_err(|error| fail(Exit::Unavailable, error))?;
    let venue = Venue::start(config).await.map_err(|error| fail(Exit::Unavailable, error))?;
    say!("WebSocket  {}", venue.ws_url());
    say!("REST       {}/v1/trades/ticks?market=KRW-BTC&count=5", venue.rest_url());
    say!("Ctrl-C ends it. In config.toml: [feed] url = \"{}\"", venue.ws_url());
    signals.end().await;
    Ok(())
}
