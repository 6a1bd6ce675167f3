//! The walk of one market: when orders come, at what price, in how many fills.
//!
//! Orders arrive by chance around a middle price that trembles; now and then the market swings: the
//! price runs to a target while orders come faster and bigger, headed by a whale in the won
//! markets. An order takes one or several fills (a sweep), all stamped with one time and numbered
//! from 0, as the venue does.
//!
//! Its only time is that of the next order, so the same walk comes out however it is cut.
//!
//! Keeps: [numbers-survive]

use super::{
    chance::Chance,
    grid::{Quote, UNIT},
    synth::{Pace, VenueTrade},
};
use crate::trade::Side;
use std::sync::Arc;

const US_PER_MS: i64 = 1_000;
const US_PER_S: f64 = 1e6;
/// In fills; what [`Walk::fill_count`] yields on average when nothing sweeps.
const FILLS_PER_ORDER: f64 = 1.5;
/// How long before the start a thinned past ends.
const RECENT_MS: i64 = 600_000;
/// From the match to the frame, in ms, as measured in 2023 to 2026.
const DELAY_MS: (i64, i64) = (35, 56);
/// Of a whale's single fill, in won: above the 100 million that alert rules like to name.
const WHALE_WON: (f64, f64) = (120_000_000.0, 400_000_000.0);

/// What distinguishes one market from another.
#[derive(Clone, Debug)]
pub(super) struct Character {
    pub(super) code: Arc<str>,
    pub(super) quote: Quote,
    /// The price that swings cross, in units.
    pub(super) base: i64,
    /// Trades a second while nothing swings.
    pub(super) rate: f64,
    /// How far a swing goes from the base, as a fraction.
    pub(super) swing: f64,
    /// Whether every swing is headed by a whale, or one in ten.
    pub(super) whales: bool,
}

enum Phase {
    Calm { until_us: i64 },
    Swing { from_us: i64, until_us: i64, from: f64, to: f64 },
}

/// One market, walking.
pub(super) struct Walk {
    character: Character,
    pace: Pace,
    chance: Chance,
    phase: Phase,
    next_us: i64,
    /// In units, between grid prices.
    middle: f64,
    /// Where the middle is drawn to while it is calm.
    anchor: f64,
    up_next: bool,
    last_price: i64,
    prev_close: i64,
    day: i64,
    last_ms: i64,
    next_n: u64,
    last_arrival_ms: i64,
    past_rate: f64,
    /// From here on its rate is its own.
    recent_us: i64,
}

/// What a market has behind it when the venue starts.
pub(super) struct Past {
    /// Its first order.
    pub(super) begin_ms: i64,
    /// When the venue starts.
    pub(super) start_ms: i64,
    /// Trades a second until [`RECENT_MS`] before the start.
    pub(super) rate: f64,
}

/// One taker order being filled.
struct Order {
    side: Side,
    fills: i64,
    won: f64,
    late: bool,
}

impl Walk {
    /// A walk whose first order comes at `begin_ms` and whose first swing some seconds after
    /// `start_ms`.
    pub(super) fn new(character: Character, pace: Pace, seed: u64, past: &Past) -> Self {
        let (begin_ms, start_ms) = (past.begin_ms, past.start_ms);
        let mut chance = Chance::new(seed, &character.code);
        let base = to_f64(character.base);
        // Below the base, so that the first swing, which goes up, crosses it.
        let middle = base * (1.0 - 0.5 * character.swing);
        let first_swing_us = (chance.between(pace.first_swing_s.0, pace.first_swing_s.1) * US_PER_S) as i64;
        let prev_close = character.quote.snap(base * chance.between(0.985, 1.015));
        Self {
            phase: Phase::Calm { until_us: start_ms * US_PER_MS + first_swing_us },
            next_us: begin_ms * US_PER_MS + chance.int(0, 400_000),
            anchor: middle,
            middle,
            up_next: true,
            last_price: character.quote.snap(middle),
            prev_close,
            day: day_of(begin_ms),
            last_ms: i64::MIN,
            next_n: 0,
            last_arrival_ms: i64::MIN,
            past_rate: past.rate,
            recent_us: (start_ms - RECENT_MS) * US_PER_MS,
            character,
            pace,
            chance,
        }
    }

    /// The price that it swings around.
    pub(super) const fn base(&self) -> i64 {
        self.character.base
    }

    /// The market's code.
    pub(super) fn code(&self) -> &Arc<str> {
        &self.character.code
    }

    /// No trade of an order to come arrives before this time, in ms.
    pub(super) const fn next_arrival_ms(&self) -> i64 {
        self.next_us.div_euclid(US_PER_MS) + DELAY_MS.0
    }

    /// Lets the time up to `now_ms` pass without an order.
    pub(super) fn skip_to(&mut self, now_ms: i64) {
        if self.next_us <= now_ms * US_PER_MS + (US_PER_MS - 1) {
            self.next_us = (now_ms + 1) * US_PER_MS + self.gap_us();
        }
    }

    /// Everything that is matched up to `now_ms`, each with the time at which it arrives.
    pub(super) fn advance_to(&mut self, now_ms: i64, out: &mut Vec<VenueTrade>) {
        while self.next_us <= now_ms * US_PER_MS + (US_PER_MS - 1) {
            let order = self.next_order();
            self.fill(&order, out);
            self.next_us += self.gap_us();
        }
    }

    /// Moves the price to the time of the next order and decides what that order is.
    fn next_order(&mut self) -> Order {
        let mut whale = false;
        if let Phase::Calm { until_us } = self.phase
            && self.next_us >= until_us
        {
            self.begin_swing();
            whale = self.character.whales || self.chance.is(0.1);
        }
        let bias = self.move_middle();
        let swinging = bias != 0.0;
        let buys = if whale { bias > 0.0 } else { self.chance.is(0.5 + 0.4 * bias) };
        Order {
            side: if buys { Side::Buy } else { Side::Sell },
            fills: if whale { self.chance.int(4, 9) } else { self.fill_count(swinging) },
            won: if whale { self.chance.between(WHALE_WON.0, WHALE_WON.1) } else { self.order_won(swinging) },
            late: self.chance.is(self.pace.late_share),
        }
    }

    fn begin_swing(&mut self) {
        let base = to_f64(self.character.base);
        let reach = self.character.swing * self.chance.between(0.7, 1.0);
        let to = base * if self.up_next { 1.0 + reach } else { 1.0 - reach };
        self.up_next = !self.up_next;
        let length_us = (self.chance.between(self.pace.swing_s.0, self.pace.swing_s.1) * US_PER_S) as i64;
        self.anchor = to;
        self.phase =
            Phase::Swing { from_us: self.next_us, until_us: self.next_us + length_us, from: self.middle, to };
    }

    /// Moves the middle; the answer is where it is pushed: 1 up, -1 down, 0 nowhere.
    fn move_middle(&mut self) -> f64 {
        let tremble = self.chance.normal() * 0.000_08 * self.middle;
        match self.phase {
            Phase::Calm { .. } => {
                self.middle += tremble + (self.anchor - self.middle) * 0.02;
                0.0
            }
            Phase::Swing { from_us, until_us, from, to } => {
                if self.next_us >= until_us {
                    self.middle = to;
                    let calm_s = self.chance.between(self.pace.calm_s.0, self.pace.calm_s.1);
                    self.phase = Phase::Calm { until_us: self.next_us + (calm_s * US_PER_S) as i64 };
                } else {
                    let done = to_f64(self.next_us - from_us) / to_f64((until_us - from_us).max(1));
                    self.middle = from + (to - from) * done + tremble;
                }
                if to > from { 1.0 } else { -1.0 }
            }
        }
    }

    fn fill_count(&mut self, swinging: bool) -> i64 {
        // A steady pace leaves the average as FILLS_PER_ORDER has it.
        if swinging && self.pace.swing_rate > 1.0 && self.chance.is(0.15) {
            self.chance.int(4, 12)
        } else if self.chance.is(0.2) {
            self.chance.int(2, 5)
        } else {
            1
        }
    }

    /// How much an order is worth, in won: mostly small change, seldom much.
    fn order_won(&mut self, swinging: bool) -> f64 {
        let (low, high) = match self.chance.int(0, 99) {
            0..70 => (5_000.0, 200_000.0),
            70..95 => (200_000.0, 3_000_000.0),
            _ => (3_000_000.0, 30_000_000.0),
        };
        self.chance.between(low, high) * if swinging { 2.0 } else { 1.0 }
    }

    /// Turns an order into its fills.
    fn fill(&mut self, order: &Order, out: &mut Vec<VenueTrade>) {
        let quote = self.character.quote;
        let at_ms = self.next_us.div_euclid(US_PER_MS);
        self.number_from(at_ms);
        let arrives_at_ms = self.arrival(at_ms, order.late);
        let bid = quote.snap(self.middle);
        let mut price = if order.side == Side::Buy { quote.above(bid) } else { bid };
        for fill in 0..order.fills {
            // The first fill of several takes the lion's share; a whale's is big by itself.
            let share = if fill == 0 { 1.0 } else { self.chance.between(0.05, 0.5) };
            if fill > 0 && self.chance.is(0.4) {
                price = if order.side == Side::Buy { quote.above(price) } else { quote.below(price) };
            }
            let (best_bid, best_ask) = match order.side {
                Side::Buy => (quote.below(price), price),
                Side::Sell => (price, quote.above(price)),
            };
            let trade = VenueTrade {
                code: Arc::clone(&self.character.code),
                side: order.side,
                price,
                volume: self.volume(order.won * share, price),
                prev_close: self.prev_close,
                traded_at_ms: at_ms,
                arrives_at_ms,
                sequential_id: at_ms.unsigned_abs() * 10_000 + self.next_n,
                best_ask,
                best_ask_size: self.resting(best_ask),
                best_bid,
                best_bid_size: self.resting(best_bid),
            };
            self.next_n += 1;
            self.last_price = price;
            out.push(trade);
        }
    }

    /// Ids count from 0 within each millisecond; a new UTC day closes the one before.
    fn number_from(&mut self, at_ms: i64) {
        if at_ms != self.last_ms {
            (self.last_ms, self.next_n) = (at_ms, 0);
        }
        if day_of(at_ms) != self.day {
            (self.day, self.prev_close) = (day_of(at_ms), self.last_price);
        }
    }

    /// Some time after the match and in order; a late sweep comes after
    /// trades with a later stamp (up to 0.39 s, as recorded on 2021-04-17).
    fn arrival(&mut self, at_ms: i64, late: bool) -> i64 {
        if late {
            return self.last_arrival_ms.max(at_ms + self.chance.int(90, 390));
        }
        self.last_arrival_ms = self.last_arrival_ms.max(at_ms + self.chance.int(DELAY_MS.0, DELAY_MS.1));
        self.last_arrival_ms
    }

    fn volume(&self, won: f64, price: i64) -> i64 {
        let in_quote = won * self.character.quote.per_won() * to_f64(UNIT);
        ((in_quote / to_f64(price) * to_f64(UNIT)) as i64).max(1)
    }

    /// A size resting in the book at `price`.
    fn resting(&mut self, price: i64) -> i64 {
        let won = self.chance.between(100_000.0, 40_000_000.0);
        self.volume(won, price)
    }

    /// Orders cluster: three in ten follow the one before at once.
    fn gap_us(&mut self) -> i64 {
        let faster = match self.phase {
            Phase::Calm { .. } => 1.0,
            Phase::Swing { .. } => self.pace.swing_rate,
        };
        let past = self.next_us < self.recent_us;
        let rate = if past { self.past_rate } else { self.character.rate * faster };
        let mean_us = US_PER_S * FILLS_PER_ORDER / rate.max(1e-6);
        let longest_us = if past { i64::MAX / 4 } else { self.pace.longest_gap_us };
        let stretch = if self.chance.is(0.3) { 0.05 } else { 1.4 };
        ((mean_us * stretch * self.chance.exponential()) as i64).clamp(1, longest_us)
    }
}

/// The UTC day of a time, counted from the epoch.
pub(super) const fn day_of(ms: i64) -> i64 {
    ms.div_euclid(86_400_000)
}

#[expect(clippy::cast_precision_loss, reason = "chance needs no more than 53 bits")]
const fn to_f64(value: i64) -> f64 {
    value as f64
}
