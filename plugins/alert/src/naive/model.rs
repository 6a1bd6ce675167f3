//! The market kept in the most naive way, and what each rule's signal is by its definition.

use super::feed::{ONE, Step};
use std::collections::BTreeMap;

const LATENESS_MS: i64 = 2000;
const IDLE_LAG_MS: i64 = 2000;
const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct T {
    at: i64,
    price: i128,
    volume: i128,
    sell: bool,
    /// The clock when it came.
    told: i64,
}

impl T {
    fn notional(&self) -> i128 {
        self.price * self.volume
    }
}

/// What a signal should say.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    Unknown,
    Exact(i128, i128),
    Approx(f64),
    Within(f64, f64),
}

/// What a rule is.
pub(super) enum Kind {
    Level(fn(&Model) -> Expect),
    /// A level whose value moves with the clock.
    Flowing(fn(&Model) -> Expect),
    /// Told the model before a trade in order, and the trade.
    Instant(fn(&Model, &T) -> bool),
}

pub(super) struct Rule {
    pub(super) when: &'static str,
    pub(super) kind: Kind,
}

impl Rule {
    /// Whether it looks at a day's trades each time.
    pub(super) fn is_heavy(&self) -> bool {
        self.when.contains("day") || self.when.contains("start")
    }

    /// The threshold to reach, where there is one.
    pub(super) fn threshold(&self) -> Option<f64> {
        let when: serde_json::Value = serde_json::from_str(&format!("{{{}}}", self.when)).unwrap_or_default();
        let threshold = when.get("above").or_else(|| when.get("k"))?;
        match threshold.as_str().and_then(|text| text.strip_suffix('%')) {
            Some(percent) => Some(percent.parse::<f64>().ok()? / 100.0),
            None => threshold.as_f64(),
        }
    }
}

impl Expect {
    /// Whether it reaches a threshold; unknown is neither.
    pub(super) fn reaches(self, threshold: f64) -> Option<bool> {
        match self {
            Self::Exact(num, den) => {
                let (num, den) = super::lowest(num, den);
                Some(num as f64 / den as f64 >= threshold)
            }
            Self::Approx(value) => Some(value >= threshold),
            Self::Unknown | Self::Within(..) => None,
        }
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Model {
    /// By time, and in the order they came.
    trades: Vec<T>,
    last: Option<T>,
    now: Option<i64>,
    cover_from: i64,
    quiet_since: i64,
    quotes: Option<(i64, i64)>,
    /// Time of the first trade.
    first: i64,
    /// Lengths of the stretches between trades, counted; and the last trade that one starts from.
    stretches: BTreeMap<i64, u64>,
    from: Option<i64>,
    /// Anchor and difference at the latest trade in order: of a minute, in volume.
    minute: Option<(i64, i128)>,
}

impl Kind {
    /// Whether an instant happens with this step.
    pub(super) fn happens(&self, model: &Model, step: &Step) -> bool {
        match self {
            Self::Instant(happens) => model.in_order(step).is_some_and(|trade| happens(model, &trade)),
            _ => false,
        }
    }
}

impl Model {
    fn now(&self) -> i64 {
        self.now.unwrap_or(i64::MIN)
    }

    /// A trade in order as it is about to be taken in.
    fn in_order(&self, step: &Step) -> Option<T> {
        let trade = self.trade(step)?;
        self.last.is_none_or(|last| trade.at >= last.at).then_some(trade)
    }

    fn trade(&self, step: &Step) -> Option<T> {
        let Step::Trade { at_ms, price, volume, sell, .. } = *step else { return None };
        let told = self.now().max(at_ms);
        Some(T { at: at_ms, price: price.into(), volume: volume.into(), sell, told })
    }

    /// False when the step means nothing to the market.
    pub(super) fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Trade { quotes, .. } => {
                let Some(trade) = self.trade(step) else { return false };
                if self.last.is_some_and(|last| last.at - trade.at > LATENESS_MS) {
                    return false;
                }
                let in_order = self.in_order(step).is_some();
                if self.last.is_none() {
                    (self.cover_from, self.first, self.quiet_since) = (trade.at, trade.at, trade.at);
                }
                self.now = Some(trade.told);
                let place = self.trades.partition_point(|other| other.at <= trade.at);
                self.trades.insert(place, trade);
                if in_order {
                    if let Some(from) = self.from.replace(trade.at) {
                        *self.stretches.entry(trade.at - from).or_default() += 1;
                    }
                    self.quiet_since = self.quiet_since.max(trade.at);
                    (self.last, self.quotes) = (Some(trade), quotes);
                    let anchor = self.anchor(60_000);
                    self.minute = (self.cover_from <= anchor).then(|| (anchor, self.cvd(anchor)));
                }
                true
            }
            Step::Tick { at_ms } => {
                self.now = Some(self.now().max(at_ms - IDLE_LAG_MS));
                self.last.is_some()
            }
            Step::Gap { from_ms, to_ms } => {
                if to_ms > from_ms && self.last.is_some() {
                    self.cover_from = self.cover_from.max(to_ms);
                    self.quiet_since += (to_ms - from_ms.max(self.quiet_since)).max(0);
                    self.from = None;
                }
                false
            }
        }
    }

    fn edge(now: i64, window: i64) -> i64 {
        if window > 600_000 { (now - window).div_euclid(1000) * 1000 } else { now - window }
    }

    fn since(&self, edge: i64) -> &[T] {
        let from = self.trades.partition_point(|trade| trade.at <= edge);
        self.trades.get(from..).unwrap_or_default()
    }

    fn window(&self, window: i64) -> &[T] {
        self.since(Self::edge(self.now(), window))
    }

    fn covered(&self, window: i64) -> bool {
        self.cover_from <= Self::edge(self.now(), window)
    }

    fn anchor(&self, every: i64) -> i64 {
        self.now().div_euclid(every) * every
    }

    /// Bought less sold, in volume.
    fn cvd(&self, anchor: i64) -> i128 {
        self.since(anchor - 1).iter().map(|trade| if trade.sell { -trade.volume } else { trade.volume }).sum()
    }

    /// The closed buckets that were seen whole.
    fn buckets(&self, size: i64, count: i64, of: fn(&T) -> i128) -> Vec<i128> {
        let open = self.anchor(size);
        let starts = (1..=count).rev().map(|back| open - back * size);
        let sum = |start: i64| {
            let trades = self.since(start - 1).iter().take_while(|trade| trade.at < start + size);
            trades.map(of).sum()
        };
        starts.filter(|start| *start >= self.cover_from).map(sum).collect()
    }
}

fn sum(trades: &[T], of: impl Fn(&T) -> i128) -> i128 {
    trades.iter().map(of).sum()
}

fn ratio(num: i128, den: i128) -> Expect {
    if den == 0 { Expect::Unknown } else { Expect::Exact(num, den) }
}

fn sides(trades: &[T], of: fn(&T) -> i128) -> (i128, i128) {
    (
        sum(trades, |trade| if trade.sell { 0 } else { of(trade) }),
        sum(trades, |trade| if trade.sell { of(trade) } else { 0 }),
    )
}

fn imbalance(model: &Model, window: i64, least: i128) -> Expect {
    let (bought, sold) = sides(model.window(window), T::notional);
    let one = i128::from(ONE) * i128::from(ONE);
    if bought + sold < least * one { Expect::Unknown } else { ratio(bought - sold, bought + sold) }
}

fn strength(trades: &[T]) -> Expect {
    let (bought, sold) = sides(trades, |trade| trade.volume);
    ratio(100 * bought, sold)
}

fn vwap(model: &Model, trades: &[T], least: usize) -> Expect {
    let Some(last) = model.last else { return Expect::Unknown };
    let (notional, volume) = (sum(trades, T::notional), sum(trades, |trade| trade.volume));
    if trades.len() < least { Expect::Unknown } else { ratio(last.price * volume - notional, notional) }
}

fn range(model: &Model, window: i64) -> Expect {
    if !model.covered(window) {
        return Expect::Unknown;
    }
    let prices = || model.window(window).iter().map(|trade| trade.price);
    match (prices().min(), prices().max()) {
        (Some(low), Some(high)) => ratio(high - low, low),
        _ => Expect::Exact(0, 1),
    }
}

fn realised(model: &Model, window: i64) -> Expect {
    let edge = (model.now() - window).div_euclid(1000) * 1000;
    if model.cover_from > edge {
        return Expect::Unknown;
    }
    // The last price of each second; the trades are in order.
    let inside = model.since(edge);
    let mut seconds: Vec<(i64, f64)> = Vec::new();
    let before = model.trades.len() - inside.len();
    if let Some(trade) = before.checked_sub(1).and_then(|last| model.trades.get(last)) {
        seconds.push((i64::MIN, trade.price as f64));
    }
    for trade in inside {
        let end = (trade.at + 999).div_euclid(1000);
        match seconds.last_mut() {
            Some((same, price)) if *same == end => *price = trade.price as f64,
            _ => seconds.push((end, trade.price as f64)),
        }
    }
    let squares = seconds.iter().zip(seconds.iter().skip(1)).map(|((_, a), (_, b))| (b / a).ln().powi(2));
    Expect::Approx(squares.sum::<f64>().sqrt())
}

fn spread(model: &Model) -> Expect {
    match model.quotes {
        Some((bid, ask)) if ask > bid => {
            Expect::Exact(i128::from(ask - bid) * 20_000, i128::from(ask) + i128::from(bid))
        }
        _ => Expect::Unknown,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    (low + high) / 2.0
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, (squares / values.len() as f64).sqrt())
}

fn silence(model: &Model) -> Expect {
    let total: u64 = model.stretches.values().sum();
    if total < 100 {
        return Expect::Unknown;
    }
    // From the top: so many are above the rank.
    let mut above = total - (total * 999).div_ceil(1000);
    let usual = model.stretches.iter().rev().find_map(|(length, count)| {
        let here = above < *count;
        above = above.saturating_sub(*count);
        here.then_some(*length)
    });
    let usual = usual.unwrap_or_default();
    let quiet = (model.now() - model.quiet_since).max(0) as f64;
    let at_least = |usual: i64| (3 * usual).max(1000) as f64;
    Expect::Within(quiet / at_least(usual + usual / 32), quiet / at_least(usual))
}

fn breakout(model: &Model, trade: &T, window: i64, up: bool) -> bool {
    let edge = Model::edge(trade.told, window);
    let sign = |price: i128| if up { price } else { -price };
    let highest = model.since(edge).iter().map(|other| sign(other.price)).max();
    model.cover_from <= edge && highest.is_some_and(|highest| sign(trade.price) > highest)
}

fn bar_breakout(model: &Model, trade: &T, size: i64, window: i64) -> bool {
    let now = trade.told;
    let end = |trade: &T| trade.at.div_euclid(size) * size + size;
    let closed = model.since(now - window - size).iter().filter(|other| {
        let closes = end(other) + LATENESS_MS;
        closes <= now && closes > other.told && end(other) > now - window
    });
    let highest = closed.map(|other| other.price).max();
    let covered = model.cover_from <= (now - window).div_euclid(size) * size;
    covered && highest.is_some_and(|highest| trade.price > highest)
}

/// Whether the difference of this minute passes a value with this trade.
fn cvd_passes(model: &Model, trade: &T, level: i128) -> bool {
    let anchor = trade.told.div_euclid(60_000) * 60_000;
    let Some((_, before)) = model.minute.filter(|(minute, _)| *minute == anchor) else { return false };
    if model.cover_from > anchor {
        return false;
    }
    let own = if trade.sell { -trade.volume } else { trade.volume };
    let difference = model.cvd(anchor) + if trade.at < anchor { 0 } else { own };
    (before < level && difference >= level) || (before > level && difference <= level)
}

fn inside(model: &Model, trade: &T) -> Option<(bool, bool)> {
    let within = |price: i128| (i128::from(99 * ONE)..=i128::from(101 * ONE)).contains(&price);
    Some((within(model.last?.price), within(trade.price)))
}

/// Every kind that is not price, cross, change, volume or a large trade, some more than once.
#[rustfmt::skip]
pub(super) fn rules() -> Vec<Rule> {
    fn level(when: &'static str, expect: fn(&Model) -> Expect) -> Rule {
        Rule { when, kind: Kind::Level(expect) }
    }
    fn instant(when: &'static str, happens: fn(&Model, &T) -> bool) -> Rule {
        Rule { when, kind: Kind::Instant(happens) }
    }
    vec![
        level(r#""kind": "trade_rate", "window": "30s", "above": 5"#, |m| {
            if m.covered(30_000) { Expect::Exact(m.window(30_000).len() as i128, 1) } else { Expect::Unknown }
        }),
        level(r#""kind": "imbalance", "window": "30s", "above": 0.5, "min_notional": "2000""#,
            |m| imbalance(m, 30_000, 2000)),
        level(r#""kind": "imbalance", "window": "11m", "above": "50%""#, |m| imbalance(m, 660_000, 0)),
        level(r#""kind": "trade_strength", "window": "20s", "above": 100"#, |m| strength(m.window(20_000))),
        level(r#""kind": "trade_strength", "since": "day", "above": 100"#,
            |m| strength(m.since(m.anchor(DAY_MS) - 1))),
        level(r#""kind": "cvd", "anchor": "1m", "above": 5"#, |m| {
            let anchor = m.anchor(60_000);
            if m.cover_from > anchor { return Expect::Unknown }
            Expect::Exact(m.cvd(anchor), ONE.into())
        }),
        level(r#""kind": "cvd", "anchor": "start", "measure": "notional", "below": "-5만""#, |m| {
            let (bought, sold) = sides(m.since(m.first - 1), T::notional);
            Expect::Exact(bought - sold, i128::from(ONE) * i128::from(ONE))
        }),
        level(r#""kind": "vwap", "window": "30s", "above": "1%", "min_trades": 5"#,
            |m| vwap(m, m.window(30_000), 5)),
        level(r#""kind": "vwap", "since": "day", "outside": ["-1%", "1.5%"]"#,
            |m| vwap(m, m.since(m.anchor(DAY_MS) - 1), 20)),
        level(r#""kind": "volatility", "window": "30s", "above": "1%""#, |m| range(m, 30_000)),
        level(r#""kind": "volatility", "window": "15m", "above": "1%""#, |m| range(m, 900_000)),
        level(r#""kind": "volatility", "window": "30s", "measure": "realised", "above": "1%""#,
            |m| realised(m, 30_000)),
        level(r#""kind": "volatility", "window": "15m", "measure": "realised", "above": "1%""#,
            |m| realised(m, 900_000)),
        level(r#""kind": "spread", "above": 10"#, spread),
        level(r#""kind": "volume_spike", "window": "10s", "buckets": 6, "method": "ratio", "k": 2"#, |m| {
            let usual = m.buckets(10_000, 6, T::notional);
            if usual.len() < 6 { return Expect::Unknown }
            ratio(sum(m.window(10_000), T::notional) * 6, usual.iter().sum())
        }),
        level(r#""kind": "volume_spike", "window": "10s", "buckets": 6, "min_buckets": 2, "method": "z", "k": 2,
            "measure": "volume", "side": "buy", "sd_floor": 0.5, "min_current": 1, "min_baseline": 3"#, |m| {
            fn bought(trade: &T) -> i128 { if trade.sell { 0 } else { trade.volume } }
            let usual = m.buckets(10_000, 6, bought);
            if usual.len() < 2 { return Expect::Unknown }
            let values: Vec<f64> = usual.iter().map(|sum| *sum as f64 / ONE as f64).collect();
            let ((mean, sd), current) = (moments(&values), sum(m.window(10_000), bought));
            if current < ONE.into() || usual.iter().sum::<i128>() < 3 * i128::from(ONE) * usual.len() as i128 {
                return Expect::Exact(0, 1);
            }
            Expect::Approx((current as f64 / ONE as f64 - mean) / sd.max(0.5))
        }),
        level(r#""kind": "volume_spike", "window": "1m", "buckets": 5, "method": "robust", "k": 3,
            "floor": 100, "min_current": 500"#, |m| {
            let unit = ONE as f64 * ONE as f64;
            let usual: Vec<f64> =
                m.buckets(60_000, 5, T::notional).iter().map(|sum| *sum as f64 / unit).collect();
            if usual.len() < 5 { return Expect::Unknown }
            let current = sum(m.window(60_000), T::notional) as f64 / unit;
            let centre = median(usual.clone());
            let away = median(usual.iter().map(|value| (value - centre).abs()).collect());
            if current < 500.0 { return Expect::Exact(0, 1) }
            Expect::Approx((current - centre) / (1.4826 * away).max(100.0))
        }),
        level(r#""kind": "trade_rate", "spike": "ewma", "window": "10s", "buckets": 8, "half_life": 2, "k": 2"#, |m| {
            let usual = m.buckets(10_000, 8, |_| 1);
            if usual.len() < 8 { return Expect::Unknown }
            let weight = 1.0 - 0.5f64.powf(0.5);
            let mean = usual.iter().map(|count| *count as f64).reduce(|mean, count| mean + weight * (count - mean));
            let mean = mean.unwrap_or_default();
            if mean == 0.0 { return Expect::Unknown }
            Expect::Approx(m.window(10_000).len() as f64 / mean)
        }),
        Rule { when: r#""kind": "silence", "for": "auto""#, kind: Kind::Flowing(silence) },
        instant(r#""kind": "channel", "inside": [99, 101], "event": "enter""#,
            |m, trade| inside(m, trade) == Some((false, true))),
        instant(r#""kind": "channel", "inside": [99, 101], "event": "exit""#,
            |m, trade| inside(m, trade) == Some((true, false))),
        instant(r#""kind": "channel", "inside": [99, 101], "event": "exit_up""#,
            |m, trade| inside(m, trade) == Some((true, false)) && trade.price > i128::from(101 * ONE)),
        instant(r#""kind": "channel", "inside": [99, 101], "event": "exit_down""#,
            |m, trade| inside(m, trade) == Some((true, false)) && trade.price < i128::from(99 * ONE)),
        instant(r#""kind": "breakout", "window": "30s", "side": "high""#,
            |m, trade| breakout(m, trade, 30_000, true)),
        instant(r#""kind": "breakout", "window": "12m", "side": "low""#,
            |m, trade| breakout(m, trade, 720_000, false)),
        instant(r#""kind": "breakout", "window": "1m", "side": "high", "basis": "bars:10s""#,
            |m, trade| bar_breakout(m, trade, 10_000, 60_000)),
        instant(r#""kind": "breakout", "window": "20m", "side": "high", "basis": "bars:1m""#,
            |m, trade| bar_breakout(m, trade, 60_000, 1_200_000)),
        instant(r#""kind": "cvd", "anchor": "1m", "cross": 3"#,
            |m, trade| cvd_passes(m, trade, 3 * i128::from(ONE))),
    ]
}
