//! Whether the venue lists the markets that a configuration names: one question over REST.

use super::{Exit, Outcome, block_on, colour};
use crate::{
    config::{Config, Fault},
    runtime::listed,
};
use std::{collections::BTreeSet, time::Duration};

/// How long an answer is waited for; a check is seldom made for this alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of the question.
#[derive(Debug)]
pub(super) enum Asked {
    /// It was not to be asked.
    Not,
    /// There was no answer: why.
    InVain(String),
    /// What the venue does not list.
    Unlisted(Vec<Fault>),
}

impl Asked {
    /// Asks, unless it is not wanted.
    pub(super) fn about(config: &Config, is_offline: bool) -> Result<Self, Exit> {
        if is_offline {
            return Ok(Self::Not);
        }
        let listed = block_on(listed(config, PATIENCE))?;
        Ok(listed.map_or_else(Self::InVain, |listed| Self::Unlisted(unlisted(config, &listed))))
    }

    /// Tells a person; an unlisted market is an error.
    pub(super) fn tell(self, config: &Config) -> Outcome {
        match self {
            Self::Not => Ok(()),
            Self::InVain(why) => {
                tell!(
                    "warning: the venue was not reached, so nobody knows whether it has these markets: {why}\n\
                     --offline does not ask"
                );
                Ok(())
            }
            Self::Unlisted(faults) if faults.is_empty() => Ok(()),
            Self::Unlisted(faults) => {
                tell!("{}", config.refuse(faults).render(colour()));
                Err(Exit::Config)
            }
        }
    }
}

fn unlisted(config: &Config, listed: &BTreeSet<String>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut look = |path: &[&str], code: &str| {
        // Behind a point stands the depth of a book.
        let market = code.split('.').next().unwrap_or(code);
        if market.contains('*') || listed.contains(market) {
            return;
        }
        let help = crate::config::nearest(market, listed.iter().map(String::as_str))
            .map(|near| format!("did you mean `{near}`?"));
        faults.push(config.fault_at(path, format!("the venue has no market {market}"), help));
    };
    for (at, code) in config.feed.markets.iter().enumerate() {
        look(&["feed", "markets", &at.to_string()], code);
    }
    for stream in &config.feed.streams {
        for (at, code) in stream.codes.iter().enumerate() {
            look(&["feed", "streams", &stream.kind, &at.to_string()], code);
        }
    }
    faults
}
