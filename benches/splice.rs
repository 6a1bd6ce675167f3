//! What the splice costs on the live path: CPU time per trade with 300 markets, seconds and their
//! looks for holes and silence included.
//!
//! `cargo bench --bench splice`; medians of 11 runs. The baseline is the same loop without the
//! splice: each batch of trades is copied to where the tape takes it from.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

use rustix::time::{ClockId, clock_gettime};
use std::{collections::HashMap, hint::black_box};
use tradehook::{
    entry::GapCause,
    market::MarketId,
    splice::{Link, Now, Sequence, Splice, SpliceConfig},
    trade::{Flags, Side, Trade},
};
use tradehook_decimal::Decimal;

const MARKETS: u32 = 300;
const TRADES: usize = 1_000_000;
const RUNS: usize = 11;
/// The bar.
const MOST_NS: f64 = 150.0;
const START_MS: i64 = 1_795_348_800_000;
const LINK: Link = Link { shard: 0, replica: 0 };

/// Trades at `rate` a second. A few markets have most of them, as the venue's do; ids count within
/// the ms, and one in a hundred comes late.
fn trades(rate: f64) -> Vec<Trade> {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut counts: HashMap<(MarketId, i64), u64> = HashMap::new();
    let price = Decimal::new(100_000_000, 0).expect("a price");
    // At the highest rate one market has 15,000 a second, and its last 4,096 ids at least are
    // remembered: what comes later than all of these cannot be told from a repetition.
    let latest_ms = if rate > 10_000.0 { 100 } else { 300 };
    let trade = |n: usize| {
        let late_ms = if rng.u32(..100) == 0 { rng.i64(1..latest_ms) } else { 0 };
        let at_ms = START_MS + (n as f64 * 1e3 / rate) as i64 - late_ms;
        let busy = rng.f64();
        let market = MarketId((busy * busy * busy * f64::from(MARKETS)) as u32);
        let count = counts.entry((market, at_ms)).or_default();
        *count += 1;
        Trade {
            market,
            side: Side::Buy,
            price,
            volume: price,
            sequential_id: at_ms as u64 * 10_000 + *count - 1,
            traded_at_ms: at_ms,
            received_at_ms: at_ms + 40,
            flags: Flags::default(),
            best_bid: Some(price),
            best_ask: Some(price),
            prev_close: Some(price),
        }
    };
    (0..TRADES).map(trade).collect()
}

fn cpu_ns() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// CPU ns a trade, with the splice or without.
fn run(all: &[Trade], batch: usize, mut with: Option<Splice>) -> f64 {
    let mut out = Sequence::default();
    let mut second = 0;
    let mut passed = 0;
    let began = cpu_ns();
    for batch in all.chunks(batch) {
        let wall_ms = batch.first().map_or(START_MS, |trade| trade.received_at_ms);
        let now = Now { at: (wall_ms - START_MS) as u64 + 1_000, wall_ms };
        if let Some(splice) = &mut with {
            splice.trades(LINK, batch, now, &mut out);
            if now.at / 1_000 > second {
                second = now.at / 1_000;
                splice.tick(now, &mut out);
            }
        } else {
            out.trades.extend_from_slice(batch);
        }
        passed += black_box(&out.trades).len();
        out.clear();
    }
    let taken = (cpu_ns() - began) as f64 / all.len() as f64;
    if let Some(splice) = with {
        let counts = splice.counts();
        assert_eq!((passed, counts.gaps), (all.len(), 0), "{counts:?}");
    }
    taken
}

fn live() -> Splice {
    let mut splice = Splice::new(SpliceConfig::default());
    let wanted: Vec<_> = (0..MARKETS).map(|market| (MarketId(market), 0)).collect();
    let now = Now { at: 0, wall_ms: START_MS };
    splice.cover(&wanted, GapCause::Downtime, now, &mut Sequence::default());
    splice.opened(LINK, now);
    splice
}

fn median(mut of: impl FnMut() -> f64) -> f64 {
    let mut runs: Vec<f64> = (0..=RUNS).map(|_| of()).skip(1).collect();
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

fn main() {
    println!("CPU of the splice, ns a trade, {MARKETS} markets, {TRADES} trades, median of {RUNS}");
    println!("  trades a second   in a batch   copied alone   spliced   the splice");
    let mut worst: f64 = 0.0;
    for (rate, batches) in [(1_000.0, [1, 8]), (10_000.0, [1, 32]), (100_000.0, [1, 256])] {
        let all = trades(rate);
        for batch in batches {
            let plain = median(|| run(&all, batch, None));
            let spliced = median(|| run(&all, batch, Some(live())));
            println!(
                "  {rate:>15}   {batch:>10}   {plain:>12.1}   {spliced:>7.1}   {:>10.1}",
                spliced - plain
            );
            worst = worst.max(spliced - plain);
        }
    }
    println!("at most {worst:.1} ns; the bar is {MOST_NS} ns");
    assert!(worst <= MOST_NS, "the splice costs more than {MOST_NS} ns a trade");
}
