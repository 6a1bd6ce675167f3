//! Feeds: generated ones, and the recorded market.

pub(super) use crate::maths::testing::Random;

/// Decimals of the prices and volumes of a feed.
pub(super) const PRICE_SCALE: u8 = 8;
pub(super) const VOLUME_SCALE: u8 = 8;
/// One, at either scale.
pub(super) const ONE: i64 = 100_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Price and volume at their scales.
    Trade {
        at_ms: i64,
        price: i64,
        volume: i64,
        sell: bool,
        quotes: Option<(i64, i64)>,
    },
    Tick {
        at_ms: i64,
    },
    Gap {
        from_ms: i64,
        to_ms: i64,
    },
}

/// A walk around 100: so many trades, in order and late, some too late, among ticks and gaps.
pub(super) fn steps(random: &mut Random, count: usize, pace_ms: i64) -> Vec<Step> {
    let (mut now, mut price, mut steps) = (1_700_000_000_000i64, 1000i64, Vec::new());
    let mut trades = 0;
    while trades < count {
        now += match random.below(400) {
            0 => 40 * pace_ms,
            1..100 => 0,
            _ => 1 + random.below(2 * pace_ms),
        };
        steps.push(match random.below(60) {
            0..6 => Step::Tick { at_ms: now + random.below(pace_ms) },
            6 if random.below(12) == 0 => Step::Gap { from_ms: now, to_ms: now + random.below(3 * pace_ms) },
            kind => {
                trades += 1;
                price = (price + random.below(9) - 4).clamp(900, 1100);
                let late = if kind < 12 { random.below(2600) } else { 0 };
                let quote = |away: i64| (price + away) * ONE / 10;
                let quotes = match random.below(10) {
                    0 => None,
                    1 => Some((quote(1), quote(-1))),
                    _ => Some((quote(-1 - random.below(3)), quote(1))),
                };
                Step::Trade {
                    at_ms: now - late,
                    price: price * ONE / 10,
                    volume: (1 + random.below(300)) * ONE / 100,
                    sell: random.below(2) == 0,
                    quotes,
                }
            }
        });
    }
    steps
}

/// The trades of each recorded market, if the recording is there.
pub(super) fn recording() -> Option<Vec<(String, Vec<Step>)>> {
    const NAME: &str = "recordings/2021-04-17_simple_30s.trades.jsonl";
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let folder = std::env::var("TRADEHOOK_SHARED").unwrap_or_else(|_| own.to_owned());
    let Ok(text) = std::fs::read_to_string(format!("{folder}/upbit/{NAME}")) else {
        eprintln!("skipped: {folder}/upbit/{NAME} is not there; set TRADEHOOK_SHARED");
        return None;
    };
    let mut markets: Vec<(String, Vec<Step>)> = Vec::new();
    for line in text.lines() {
        let trade: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let fixed = |key: &str| -> Option<i64> {
            let value = trade.get(key)?.to_string().parse::<tradehook_sdk::Decimal>().ok()?;
            i64::try_from(value.to_fixed(8)?).ok()
        };
        let (Some(market), Some(at_ms)) = (trade["cd"].as_str(), trade["ttms"].as_i64()) else { continue };
        let (Some(price), Some(volume)) = (fixed("tp"), fixed("tv")) else { continue };
        let step = Step::Trade { at_ms, price, volume, sell: trade["ab"] == "ASK", quotes: None };
        match markets.iter_mut().find(|(known, _)| known == market) {
            Some((_, steps)) => steps.push(step),
            None => markets.push((market.to_owned(), vec![step])),
        }
    }
    Some(markets)
}
