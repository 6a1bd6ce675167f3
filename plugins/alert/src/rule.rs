//! The nouns of a rule, resolved: nothing in here can be wrong any more.
//!
//! A rule's encoding is its identity: state in a snapshot belongs to the rule whose encoding it
//! carries, so a changed condition starts fresh and an unchanged one goes on.

use crate::condition::Condition;
use crate::kinds::{Change, Cross, LargeTrade, Price, Silence, Volume};
use serde::Serialize;

/// What the plugin was told to do.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) rules: Vec<Rule>,
    /// A trade this much older than the last one of its market still counts in windows.
    pub(crate) lateness_ms: i64,
    /// How far the clock of a quiet market stays behind a tick.
    pub(crate) idle_lag_ms: i64,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) markets: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) timing: Timing,
    pub(crate) when: When,
}

/// How truth becomes an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Timing {
    pub(crate) hold_ms: i64,
    /// 0: not used.
    pub(crate) hold_trades: u32,
    pub(crate) linger_ms: i64,
    pub(crate) initial: Initial,
    pub(crate) on_unknown: OnUnknown,
}

/// What the first known truth of a level does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) enum Initial {
    #[default]
    Fire,
    /// Nothing until it was false once.
    Arm,
}

/// What an unknown condition counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) enum OnUnknown {
    /// Nothing starts and nothing ends.
    #[default]
    Hold,
    Clear,
    Fire,
}

/// The condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) enum When {
    Price(Price),
    Cross(Cross),
    Change(Change),
    LargeTrade(LargeTrade),
    Volume(Volume),
    Silence(Silence),
    /// Anything that the general evaluator looks at.
    General(Condition),
}

/// Which price of a trade a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) enum Source {
    #[default]
    Last,
    Mid,
    BestBid,
    BestAsk,
}

impl Source {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_last(&self) -> bool {
        *self == Self::Last
    }

    /// What it is, for a person.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Last => "price",
            Self::Mid => "middle of the quotes",
            Self::BestBid => "best bid",
            Self::BestAsk => "best ask",
        }
    }
}

/// Which takers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Taker {
    Buy,
    Sell,
}

/// Which way a move must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Direction {
    Up,
    Down,
    Both,
}

impl Direction {
    pub(crate) fn up(self) -> bool {
        self != Self::Down
    }

    pub(crate) fn down(self) -> bool {
        self != Self::Up
    }
}

impl When {
    /// The word that config.toml uses.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Price(_) => "price",
            Self::Cross(_) => "cross",
            Self::Change(_) => "change",
            Self::LargeTrade(_) => "large_trade",
            Self::Volume(_) => "volume",
            Self::Silence(_) => "silence",
            Self::General(condition) => condition.kind(),
        }
    }
}

impl Rule {
    /// Whether the rule is about the market of this code.
    pub(crate) fn covers(&self, code: &str) -> bool {
        self.markets.iter().any(|glob| tradehook_sdk::config::glob_matches(glob, code))
            && !self.exclude.iter().any(|glob| tradehook_sdk::config::glob_matches(glob, code))
    }

    /// Whether it is a grid that starts from the previous close.
    pub(crate) fn grid_follows_close(&self) -> bool {
        use crate::kinds::Lines;
        matches!(&self.when, When::Cross(Cross { lines: Lines::Grid { anchor: None, .. }, .. }))
    }

    /// What tells whether two rules mean the same.
    pub(crate) fn identity(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }
}
