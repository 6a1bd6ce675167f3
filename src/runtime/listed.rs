//! The markets that the venue lists, asked for once.

use super::live::venue_rest;
use crate::{
    config::Config,
    rest::Group,
    status::clean,
    upbit::{self, MARKETS_PATH},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

/// The codes of all markets of the venue that a configuration reads.
///
/// # Errors
/// Why there is no list, in words: out of reach, refused, or not within `patience`.
pub async fn listed(config: &Config, patience: Duration) -> Result<BTreeSet<String>, String> {
    let rest = venue_rest(config).map_err(|error| error.to_string())?;
    let reply = match timeout(patience, rest.get(Group::Market, MARKETS_PATH)).await {
        Ok(reply) => reply.map_err(|error| clean(&error.to_string()))?,
        Err(_elapsed) => return Err(format!("no answer within {} s", patience.as_secs())),
    };
    let list = upbit::decode_markets(&reply.body).map_err(|error| clean(&error.to_string()))?;
    Ok(list.markets.into_iter().map(|market| market.code).collect())
}
