//! The nouns of a rule, resolved: nothing in here can be wrong any more.
//!
//! A rule's encoding is its identity: state in a snapshot belongs to the rule whose encoding it
//! carries, so a changed condition starts fresh and an unchanged one goes on.

use crate::condition::Condition;
use crate::kinds::{Change, Cross, LargeTrade, Price, Silence, Volume};
use crate::kinds::{Health, Measured};
use serde::Serialize;

/// What the plugin was told to do.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) rules: Vec<Rule>,
    /// A trade this much older than the last one of its market still counts in windows.
    pub(crate) lateness_ms: i64,
    /// How far the clock of a quiet market stays behind a tick.
    pub(crate) idle_lag_ms: i64,
    /// Whether a gap is a new beginning for the markets that it is about.
    pub(crate) reset_on_gap: bool,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) markets: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) timing: Timing,
    pub(crate) when: When,
    /// What it is about.
    #[serde(skip)]
    pub(crate) scope: Scope,
    /// The condition as it was written, and the source beside it.
    #[serde(skip)]
    pub(crate) text: String,
    #[serde(skip)]
    pub(crate) source: Option<Source>,
}

/// What the instances of a rule are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One market each.
    #[default]
    Market,
    /// One subject of a fact each.
    Subject,
    /// tradehook as a whole.
    System,
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
    /// What the instances of such a rule are about: conditions on tradehook itself alone have no
    /// market.
    pub(crate) fn scope(&self) -> Scope {
        let Self::General(condition) = self else { return Scope::Market };
        if matches!(condition, Condition::Level { what: Measured::Health(_), .. }) {
            return Scope::Subject;
        }
        let mut system = true;
        condition.leaves(&mut |leaf| {
            system &= matches!(leaf, Condition::Level { what: Measured::Health(_), .. });
        });
        if system { Scope::System } else { Scope::Market }
    }

    /// The one market of a premium that is a whole rule.
    pub(crate) fn base(&self) -> Option<&str> {
        match self {
            Self::General(Condition::Level { what: Measured::Premium(premium), .. }) => Some(&premium.base),
            _ => None,
        }
    }

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
        self.scope == Scope::Market
            && self.markets.iter().any(|glob| tradehook_sdk::config::glob_matches(glob, code))
            && !self.exclude.iter().any(|glob| tradehook_sdk::config::glob_matches(glob, code))
    }

    /// Whether it is a grid that starts from the previous close.
    pub(crate) fn grid_follows_close(&self) -> bool {
        use crate::kinds::Lines;
        matches!(&self.when, When::Cross(Cross { lines: Lines::Grid { anchor: None, .. }, .. }))
    }

    /// For a rule about the subjects of a fact: what it asks.
    pub(crate) fn health(&self) -> Option<&Health> {
        match &self.when {
            When::General(Condition::Level { what: Measured::Health(health), .. }) => Some(health),
            _ => None,
        }
    }

    /// What tells whether two rules mean the same: 128 bits of FNV-1a over the whole definition.
    pub(crate) fn identity(&self) -> Vec<u8> {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
        const BASIS: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
        let hash =
            self.definition().iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
        hash.to_le_bytes().to_vec()
    }

    /// The same in full, as the first snapshots have it.
    pub(crate) fn definition(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }
}
