//! The synthetic market: what is traded at the stand-in venue, by a seed and a given time.
//!
//! Owns all walks, what was matched but has not arrived yet, and what REST can still be asked for.
//! Reads no clock: [`Synth::advance_to`] is told the time, and any way of cutting the time yields
//! the same trades.
//!
//! Keeps: [bounded] [numbers-survive]

use super::{
    VenueError,
    candle::{Candle, Candles, start_of},
    grid::{Quote, UNIT},
    walk::{Character, Past, Walk},
};
use crate::{market::is_market_code, trade::Side};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// The markets of the stand-in when none are named, busiest first.
pub const MAIN_MARKETS: [&str; 8] =
    ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE", "KRW-USDT", "BTC-ETH", "USDT-BTC"];

/// How long REST answers for a trade, as at the venue.
const RETENTION_MS: i64 = 7 * DAY_MS;
const DAY_MS: i64 = 86_400_000;

/// Trades made before the start at most, so that a long past does not delay it.
const HISTORY_TRADES: f64 = 100_000.0;

/// One execution as the stand-in knows it. Amounts are integers of 10^-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueTrade {
    /// Its market.
    pub code: Arc<str>,
    /// The taker's side.
    pub side: Side,
    /// On the market's price grid.
    pub price: i64,
    /// At least 1.
    pub volume: i64,
    /// The last price of the UTC day before.
    pub prev_close: i64,
    /// When it was matched, ms since the Unix epoch.
    pub traded_at_ms: i64,
    /// When its frame leaves, ms since the Unix epoch.
    pub arrives_at_ms: i64,
    /// `traded_at_ms * 10000 + n`, n counting from 0 within one market and millisecond.
    pub sequential_id: u64,
    /// One step above the best bid.
    pub best_ask: i64,
    /// What rests there.
    pub best_ask_size: i64,
    /// One step below the best ask.
    pub best_bid: i64,
    /// What rests there.
    pub best_bid_size: i64,
}

/// How much goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Liveliness {
    /// For eyes and alerts. Within the first ten seconds, whatever the seed: every one of
    /// [`MAIN_MARKETS`] has traded; KRW-BTC has risen by at least 0.3 % and crossed 116,000,000
    /// upwards; a single trade of at least 100,000,000 won has passed in KRW-BTC; every won market
    /// of the main ones has swung across its base price ([`base_price`]) with orders coming several
    /// times faster. After that KRW-BTC swings to the other side of its base every 5 to 9 seconds.
    #[default]
    Lively,
    /// About as busy as the venue on a normal day of 2026: KRW-BTC around four trades a second, most
    /// markets quiet, a swing every minute or two.
    Natural,
}

/// How a kind of liveliness paces its walks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From the start to the first swing.
    pub(super) first_swing_s: (f64, f64),
    pub(super) swing_s: (f64, f64),
    pub(super) calm_s: (f64, f64),
    /// How many times faster orders come in a swing.
    pub(super) swing_rate: f64,
    /// The share of orders that arrive after later ones.
    pub(super) late_share: f64,
    pub(super) longest_gap_us: i64,
}

impl Liveliness {
    const fn pace(self, late_share: f64) -> Pace {
        match self {
            Self::Lively => Pace {
                first_swing_s: (2.0, 3.5),
                swing_s: (1.5, 2.5),
                calm_s: (3.5, 6.5),
                swing_rate: 6.0,
                late_share,
                longest_gap_us: 4_000_000,
            },
            Self::Natural => Pace {
                first_swing_s: (20.0, 90.0),
                swing_s: (3.0, 15.0),
                calm_s: (40.0, 150.0),
                swing_rate: 4.0,
                late_share,
                longest_gap_us: 3_600_000_000,
            },
        }
    }
}

/// What a [`Synth`] is made of.
#[derive(Clone, Debug)]
pub struct SynthOptions {
    /// Same seed, same market.
    pub seed: u64,
    /// Upper-case codes quoted in KRW, BTC or USDT; each once.
    pub codes: Vec<String>,
    /// How much goes on.
    pub liveliness: Liveliness,
    /// All markets together, at an even pace; overrides what `liveliness` says of rates.
    pub trades_per_second: Option<f64>,
    /// The share of orders that arrive after trades stamped later, 0 to 1.
    pub late_share: f64,
    /// When it starts, ms since the Unix epoch.
    pub start_ms: i64,
    /// How long it has been trading by then; the past that REST and snapshots know.
    pub history_ms: i64,
    /// Trades kept for REST, per market.
    pub retained: usize,
}

/// All markets of the stand-in, moving together.
pub struct Synth {
    markets: Vec<Market>,
    index: HashMap<Arc<str>, usize>,
    /// By arrival, market and id: an order that does not depend on how time was cut.
    pending: BTreeMap<(i64, usize, u64), VenueTrade>,
    retained: usize,
    seed: u64,
    liveliness: Liveliness,
    pace: Pace,
}

/// One market: how it goes on, and what is known of it.
struct Market {
    walk: Walk,
    /// What REST keeps, by id.
    shelf: VecDeque<VenueTrade>,
    candles: Candles,
    listed: bool,
    warned: bool,
}

/// A market's day, as tickers tell it.
pub(super) struct Ticker {
    pub(super) last: VenueTrade,
    /// Since 00:00 UTC.
    pub(super) day: Candle,
    pub(super) last_24h: Candle,
    pub(super) highest: i64,
    pub(super) lowest: i64,
    pub(super) warned: bool,
}

/// Which retained trades to return, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Ids from this one on.
    pub from_id: u64,
    /// Ids below this one.
    pub before_id: u64,
    /// At most this many.
    pub count: usize,
}

impl Synth {
    /// A market that has traded for `history_ms` and stands at `start_ms`.
    ///
    /// # Errors
    /// [`VenueError::Market`] names a code that is no market or occurs twice.
    pub fn new(options: &SynthOptions) -> Result<Self, VenueError> {
        let mut pace = options.liveliness.pace(options.late_share);
        let mut characters = Vec::new();
        for (rank, code) in options.codes.iter().enumerate() {
            let character = character(options.seed, code, rank, options.liveliness);
            characters.push(character.ok_or_else(|| VenueError::Market(code.clone()))?);
        }
        if let Some(wanted) = options.trades_per_second {
            pace.swing_rate = 1.0;
            let total: f64 = characters.iter().map(|c| c.rate).sum();
            characters.iter_mut().for_each(|c| c.rate *= wanted / total.max(1e-9));
        }
        let mut synth = Self {
            markets: Vec::new(),
            index: HashMap::new(),
            pending: BTreeMap::new(),
            retained: options.retained.max(1),
            seed: options.seed,
            liveliness: options.liveliness,
            pace,
        };
        let history_ms = options.history_ms.clamp(0, RETENTION_MS);
        let history_s = (history_ms as f64 / 1_000.0).max(1.0);
        let total: f64 = characters.iter().map(|c| c.rate).sum();
        let thin = (HISTORY_TRADES / (total * history_s).max(1.0)).min(1.0);
        let shelf = 0.8 * synth.retained as f64 / history_s;
        for character in characters {
            let past_rate = (character.rate * thin).min(shelf);
            synth.open(character, options.start_ms - history_ms, options.start_ms, past_rate)?;
        }
        synth.advance_to(options.start_ms);
        Ok(synth)
    }

    fn open(
        &mut self,
        character: Character,
        begin_ms: i64,
        start_ms: i64,
        past_rate: f64,
    ) -> Result<(), VenueError> {
        if self.index.insert(Arc::clone(&character.code), self.markets.len()).is_some() {
            return Err(VenueError::Market(character.code.to_string()));
        }
        let past = Past { begin_ms, start_ms, rate: past_rate.min(character.rate) };
        let walk = Walk::new(character, self.pace, self.seed, &past);
        let (shelf, candles) = (VecDeque::new(), Candles::default());
        self.markets.push(Market { walk, shelf, candles, listed: true, warned: false });
        Ok(())
    }

    /// Opens a market that begins to trade now, or again one that was taken off the list.
    ///
    /// # Errors
    /// [`VenueError::Market`] when it is none or is listed.
    pub fn list(&mut self, code: &str, now_ms: i64) -> Result<(), VenueError> {
        if let Some(market) = self.market_mut(code)
            && !market.listed
        {
            market.walk.skip_to(now_ms);
            market.listed = true;
            return Ok(());
        }
        let character = character(self.seed, code, self.markets.len(), self.liveliness);
        let character = character.ok_or_else(|| VenueError::Market(code.into()))?;
        self.open(character, now_ms, now_ms, f64::MAX)
    }

    /// Takes a market off the list: no trades, nothing over REST. What it traded stays known to
    /// [`Synth::all`].
    pub fn delist(&mut self, code: &str) {
        if let Some(market) = self.market_mut(code) {
            market.listed = false;
        }
    }

    /// Whether the list of markets warns of it.
    pub fn warn(&mut self, code: &str, on: bool) {
        if let Some(market) = self.market_mut(code) {
            market.warned = on;
        }
    }

    /// What arrives up to `now_ms`, in the order of arrival. Time that goes back yields nothing.
    pub fn advance_to(&mut self, now_ms: i64) -> Vec<VenueTrade> {
        self.advance_with(now_ms, None)
    }

    /// As [`Synth::advance_to`], but nothing is matched where `halts` says so.
    pub(super) fn advance_with(
        &mut self,
        now_ms: i64,
        halts: Option<&dyn Fn(&str) -> bool>,
    ) -> Vec<VenueTrade> {
        let mut matched = Vec::new();
        for (number, market) in self.markets.iter_mut().enumerate() {
            if !market.listed || halts.is_some_and(|halts| halts(market.walk.code())) {
                market.walk.skip_to(now_ms);
                continue;
            }
            market.walk.advance_to(now_ms, &mut matched);
            for trade in matched.drain(..) {
                self.pending.insert((trade.arrives_at_ms, number, trade.sequential_id), trade);
            }
        }
        if self.pending.first_key_value().is_none_or(|(key, _)| key.0 > now_ms) {
            return Vec::new();
        }
        let later = self.pending.split_off(&(now_ms.saturating_add(1), 0, 0));
        let arrived = std::mem::replace(&mut self.pending, later);
        let mut out = Vec::with_capacity(arrived.len());
        for ((_, number, _), trade) in arrived {
            self.shelve(number, &trade);
            out.push(trade);
        }
        out
    }

    /// No trade arrives before this time.
    #[must_use]
    pub fn next_due_ms(&self) -> i64 {
        let matched = self.pending.first_key_value().map(|(key, _)| key.0);
        let walks = self.markets.iter().filter(|m| m.listed).map(|m| m.walk.next_arrival_ms());
        walks.chain(matched).min().unwrap_or(i64::MAX)
    }

    /// Keeps a trade for REST, by id.
    fn shelve(&mut self, number: usize, trade: &VenueTrade) {
        let Some(Market { shelf, candles, .. }) = self.markets.get_mut(number) else { return };
        candles.add(trade);
        let at = shelf.partition_point(|t| t.sequential_id < trade.sequential_id);
        shelf.insert(at, trade.clone());
        let oldest_ms = trade.traded_at_ms - RETENTION_MS;
        while shelf.len() > self.retained || shelf.front().is_some_and(|t| t.traded_at_ms < oldest_ms) {
            shelf.pop_front();
        }
    }

    /// The codes that are listed, in the order in which they were given, and whether each is warned
    /// of.
    pub fn codes(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        self.markets.iter().filter(|m| m.listed).map(|m| (m.walk.code(), m.warned))
    }

    /// Whether `code` is traded here.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.market(code).is_some()
    }

    /// The last trade of a market; `None` before its first.
    #[must_use]
    pub fn last(&self, code: &str) -> Option<&VenueTrade> {
        self.before_last(code, 0)
    }

    /// The trade that stands `back` places before the last; the first known when there is none.
    pub(super) fn before_last(&self, code: &str, back: usize) -> Option<&VenueTrade> {
        let shelf = &self.market(code)?.shelf;
        shelf.get(shelf.len().checked_sub(1)?.saturating_sub(back))
    }

    /// Retained trades of a market, newest first; `None` when there is no such market.
    #[must_use]
    pub fn ticks(&self, code: &str, query: Query) -> Option<Vec<&VenueTrade>> {
        let shelf = &self.market(code)?.shelf;
        let from = shelf.partition_point(|t| t.sequential_id < query.from_id);
        let to = shelf.partition_point(|t| t.sequential_id < query.before_id).max(from);
        Some(shelf.range(from..to).rev().take(query.count).collect())
    }

    /// Everything a market has traded and that is kept, by id, also when it is no longer listed.
    pub fn all(&self, code: &str) -> impl Iterator<Item = &VenueTrade> {
        let market = self.index.get(code).and_then(|number| self.markets.get(*number));
        market.into_iter().flat_map(|market| &market.shelf)
    }

    /// The candles of `unit_ms` of a market, oldest first, as [`super::Venue::candles`].
    #[must_use]
    pub fn drawn(&self, code: &str, unit_ms: i64) -> Vec<Candle> {
        let newest_first = self.candles(code).map(|candles| candles.before(unit_ms, i64::MAX, usize::MAX));
        newest_first.unwrap_or_default().into_iter().rev().collect()
    }

    /// What a market's trades come to by seconds and minutes.
    pub(super) fn candles(&self, code: &str) -> Option<&Candles> {
        Some(&self.market(code)?.candles)
    }

    /// The state of a market after its last trade; `None` before its first.
    pub(super) fn ticker(&self, code: &str, now_ms: i64) -> Option<Ticker> {
        let market = self.market(code)?;
        let last = market.shelf.back()?.clone();
        let day = market.candles.get(DAY_MS, start_of(DAY_MS, last.traded_at_ms))?;
        let last_24h = market.candles.since(now_ms - DAY_MS).unwrap_or_else(|| Candle::of(&last));
        // A year is not kept; these stand for it, beyond whatever the market does.
        let base = market.walk.base();
        let (highest, lowest) = ((base / 2 * 3).max(day.high), (base / 5 * 3).min(day.low));
        Some(Ticker { last, day, last_24h, highest, lowest, warned: market.warned })
    }

    fn market(&self, code: &str) -> Option<&Market> {
        self.markets.get(*self.index.get(code)?).filter(|m| m.listed)
    }

    fn market_mut(&mut self, code: &str) -> Option<&mut Market> {
        self.markets.get_mut(*self.index.get(code)?)
    }
}

/// So many codes: [`MAIN_MARKETS`], then others quoted in won, bitcoin and dollars in the venue's
/// proportion of 2026 (289, 328 and 238 of 855).
#[must_use]
pub fn many_markets(count: usize) -> Vec<String> {
    const COINS: [&str; 40] = [
        "ADA", "AVAX", "DOT", "LINK", "TRX", "XLM", "HBAR", "SUI", "NEAR", "APT", "ATOM", "BCH", "ETC",
        "AAVE", "UNI", "SAND", "MANA", "STX", "ARB", "SEI", "EOS", "QTUM", "NEO", "WAVES", "ZIL", "ICX",
        "KAVA", "ALGO", "THETA", "VET", "CHZ", "AXS", "GRT", "FLOW", "MINA", "ASTR", "ONDO", "PEPE", "SHIB",
        "BLUR",
    ];
    const ROUND: [(&str, usize); 8] =
        [("KRW", 0), ("BTC", 0), ("USDT", 0), ("KRW", 1), ("BTC", 1), ("KRW", 2), ("BTC", 2), ("USDT", 1)];
    let others = (0..).map(|n: usize| {
        let (quote, nth) = ROUND.get(n % ROUND.len()).copied().unwrap_or(("KRW", 0));
        let coin = n / ROUND.len() * 3 + nth;
        match COINS.get(coin) {
            Some(coin) => format!("{quote}-{coin}"),
            None => format!("{quote}-C{coin}"),
        }
    });
    MAIN_MARKETS.map(String::from).into_iter().chain(others).take(count).collect()
}

/// The price around which a main market swings, in whole units of its quote currency times 10^8.
#[must_use]
pub fn base_price(code: &str) -> Option<i64> {
    MAIN.iter().find(|m| m.0 == code).map(|m| m.1)
}

/// Code, base, trades a second when lively and when natural, reach of a swing. Prices are round
/// ones near those of late 2026; the rest is chosen, not measured, but for KRW-BTC's four a second.
type Main = (&'static str, i64, f64, f64, f64);

const MAIN: [Main; 8] = [
    ("KRW-BTC", 116_000_000 * UNIT, 8.0, 4.0, 0.008),
    ("KRW-ETH", 3_500_000 * UNIT, 6.0, 2.5, 0.010),
    ("KRW-XRP", 2_500 * UNIT, 6.0, 3.5, 0.015),
    ("KRW-SOL", 180_000 * UNIT, 3.0, 1.0, 0.018),
    ("KRW-DOGE", 250 * UNIT, 3.0, 1.0, 0.025),
    ("KRW-USDT", 1_420 * UNIT, 2.0, 1.5, 0.003),
    ("BTC-ETH", 3_000_000, 1.5, 0.02, 0.006),
    ("USDT-BTC", 81_700 * UNIT, 1.5, 0.05, 0.006),
];

/// What a market is like; `None` when `code` is not one that can be.
fn character(seed: u64, code: &str, rank: usize, liveliness: Liveliness) -> Option<Character> {
    let quote = Quote::of(code).filter(|_| is_market_code(code))?;
    let lively = liveliness == Liveliness::Lively;
    let name: Arc<str> = code.into();
    let whales = lively && code == "KRW-BTC";
    if let Some(&(_, base, quick, natural, swing)) = MAIN.iter().find(|m| m.0 == code) {
        let (rate, swing) = if lively { (quick, swing) } else { (natural, swing * 0.3) };
        return Some(Character { code: name, quote, base, rate, swing, whales });
    }
    let base = other_base(seed, code, quote);
    let rank = f64::from(u16::try_from(rank).unwrap_or(u16::MAX));
    let rate = if lively {
        (1.0 / (1.0 + rank / 16.0)).max(0.01)
    } else {
        // Half of 244 won markets had been silent for about two minutes, a seventh for ten
        // (2026-03-11).
        let quieter = rank / 12.0;
        (0.3 / (1.0 + quieter * quieter.sqrt())).max(0.000_2)
    };
    let swing = if lively { 0.02 } else { 0.006 };
    Some(Character { code: name, quote, base, rate, swing, whales })
}

/// A price for a market nobody described, spread over the grid's steps.
fn other_base(seed: u64, code: &str, quote: Quote) -> i64 {
    let mut chance = super::chance::Chance::new(seed ^ 1, code);
    let scale = match quote {
        Quote::Krw => [UNIT / 100, 3 * UNIT, 20 * UNIT, 140 * UNIT, 900 * UNIT, 3_200 * UNIT, 64_000 * UNIT],
        Quote::Btc => [60, 200, 900, 4_000, 12_000, 400_000, 900_000],
        Quote::Usdt => [UNIT / 500, UNIT / 40, UNIT / 3, UNIT, 14 * UNIT, 60 * UNIT, 230 * UNIT],
    };
    let pick = usize::try_from(chance.int(0, 6)).unwrap_or(0);
    let base = scale.get(pick).copied().unwrap_or(UNIT);
    quote.snap(chance.between(1.0, 1.9) * 1e8 * (base as f64 / 1e8))
}

#[cfg(test)]
mod tests;
