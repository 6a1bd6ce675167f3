//! The splice, told what happened and asked what it made of it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod simulation;

use super::*;
use crate::entry::Gap;
use crate::trade::Side;
use std::collections::BTreeSet;

const DAY_MS: i64 = super::walk::DAY_MS;
/// 2026-11-22, 12:00 UTC.
const NOON: i64 = 1_795_348_800_000;
const A: MarketId = MarketId(0);
const B: MarketId = MarketId(1);
const ELSEWHERE: MarketId = MarketId(2);
const MAIN: Link = Link { shard: 0, replica: 0 };
const SPARE: Link = Link { shard: 0, replica: 1 };

/// A trade of `market`, the `n`-th of its ms.
fn trade(market: MarketId, ms: i64, n: u64) -> Trade {
    let one = || tradehook_decimal::Decimal::from_trimmed(1, 0);
    Trade {
        market,
        side: Side::Buy,
        price: one(),
        volume: one(),
        sequential_id: ms as u64 * 10_000 + n,
        traded_at_ms: ms,
        received_at_ms: ms,
        flags: Flags::default(),
        best_bid: None,
        best_ask: None,
        prev_close: None,
    }
}

fn snapshot(market: MarketId, ms: i64, n: u64) -> Trade {
    Trade { flags: Flags::SNAPSHOT, ..trade(market, ms, n) }
}

/// A splice, its clock, what came out of it, and a venue's REST.
struct Rig {
    splice: Splice,
    now: Now,
    trades: Vec<Trade>,
    gaps: Vec<Gap>,
    rest: Vec<Trade>,
    /// Pages that were asked for: market, days before noon's, whether there was a cursor.
    asked: Vec<(u32, i64, bool)>,
}

impl Rig {
    fn new(config: SpliceConfig) -> Self {
        Self {
            splice: Splice::new(config),
            now: Now { at: 1_000, wall_ms: NOON },
            trades: Vec::new(),
            gaps: Vec::new(),
            rest: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Both markets are live, and each has traded at noon.
    fn live() -> Self {
        Self::live_with(SpliceConfig::default())
    }

    fn live_with(config: SpliceConfig) -> Self {
        let mut rig = Self::new(config);
        rig.cover(&[(A, 0), (B, 0)], GapCause::Downtime);
        rig.splice.opened(MAIN, rig.now);
        rig.come(&[snapshot(A, NOON, 0), snapshot(B, NOON, 0)]);
        rig.rest.extend([trade(A, NOON, 0), trade(B, NOON, 0)]);
        rig.wait(5_000);
        // Something is heard until just before whatever comes.
        rig.come(&[trade(ELSEWHERE, NOON + 5_000, 0)]);
        rig
    }

    fn cover(&mut self, wanted: &[(MarketId, u16)], cause: GapCause) {
        let mut out = Sequence::default();
        self.splice.cover(wanted, cause, self.now, &mut out);
        self.take(out);
    }

    fn wait(&mut self, ms: u64) {
        self.now = Now { at: self.now.at + ms, wall_ms: self.now.wall_ms + ms as i64 };
    }

    fn come(&mut self, batch: &[Trade]) {
        self.come_over(MAIN, batch);
    }

    fn come_over(&mut self, link: Link, batch: &[Trade]) {
        let mut out = Sequence::default();
        self.splice.trades(link, batch, self.now, &mut out);
        self.take(out);
    }

    fn tick(&mut self) {
        let mut out = Sequence::default();
        self.splice.tick(self.now, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Sequence) {
        self.trades.extend(out.trades);
        self.gaps.extend(out.gaps.into_iter().map(|(_, gap)| gap));
    }

    fn answer(&mut self, ticket: Ticket, answer: &Answer) {
        let mut out = Sequence::default();
        self.splice.answer(ticket, answer, self.now, &mut out);
        self.take(out);
    }

    /// Answers every question as the venue would, in pages of `size`.
    fn fetch(&mut self, size: usize) {
        while let Some(request) = self.splice.request(self.now) {
            let page = self.page(request, size);
            self.answer(request.ticket, &Answer::Page(page));
        }
    }

    fn page(&mut self, request: Request, size: usize) -> Vec<Trade> {
        let market = request.ticket.market;
        self.asked.push((market.0, NOON.div_euclid(DAY_MS) - request.day, request.cursor.is_some()));
        let mut page: Vec<Trade> = self
            .rest
            .iter()
            .filter(|t| t.market == market && t.traded_at_ms.div_euclid(DAY_MS) == request.day)
            .filter(|t| request.cursor.is_none_or(|cursor| t.sequential_id < cursor))
            .copied()
            .collect();
        page.sort_unstable_by_key(|t| std::cmp::Reverse(t.sequential_id));
        page.truncate(size);
        page
    }

    /// Stamps that came out of a market, with a mark: `+` fetched, `~` late.
    fn came_out(&self, market: MarketId) -> Vec<String> {
        let mark = |t: &Trade| {
            let fetched = if t.flags.has(Flags::BACKFILLED) { "+" } else { "" };
            let late = if t.flags.has(Flags::LATE) { "~" } else { "" };
            let number = t.sequential_id % 10_000;
            let number = if number > 0 { format!(".{number}") } else { String::new() };
            format!("{}{number}{fetched}{late}", t.traded_at_ms - NOON)
        };
        self.trades.iter().filter(|t| t.market == market).map(mark).collect()
    }

    /// Gaps of a market: from, to, cause, whether they are filled.
    fn said(&self, market: MarketId) -> Vec<(i64, i64, &'static str, bool)> {
        let gaps = self.gaps.iter().filter(|gap| gap.markets.contains(&market));
        gaps.map(|gap| (gap.from_ms - NOON, gap.to_ms - NOON, gap.cause.as_str(), gap.filled)).collect()
    }
}

#[test]
fn what_was_seen_does_not_pass_again_and_what_agrees_in_all_but_the_id_does() {
    let mut rig = Rig::live();
    rig.come(&[trade(A, NOON + 10, 0), trade(A, NOON + 10, 1), trade(A, NOON + 10, 0)]);
    rig.come(&[trade(A, NOON + 5, 0), trade(B, NOON + 10, 0), snapshot(A, NOON + 10, 1)]);
    assert_eq!(rig.came_out(A), ["0", "10", "10.1", "5~"], "late ones pass in the order of arrival, marked");
    assert_eq!(rig.came_out(B), ["0", "10"], "ids repeat across markets");
    assert_eq!(rig.splice.counts().duplicates, 2);
    assert!(rig.gaps.is_empty());
}

#[test]
fn a_market_that_did_not_trade_while_away_costs_no_request() {
    let mut rig = Rig::live();
    rig.come(&[trade(B, NOON + 4_900, 0)]);
    rig.splice.lost(MAIN, rig.now);
    assert!(!rig.splice.time_may_pass());
    rig.wait(700);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON, 0)]);
    assert_eq!(rig.said(A), [(3_000, 5_700, "session_lost", true)]);
    rig.fetch(500);
    assert!(rig.asked.is_empty(), "A is whole, and B was not seen yet");
    rig.rest.push(trade(B, NOON + 4_900, 0));
    rig.come(&[snapshot(B, NOON + 4_900, 0)]);
    rig.fetch(500);
    assert_eq!(rig.asked.len(), 1, "B traded so shortly before the loss that more may have been on its way");
    assert_eq!(rig.said(B).len(), 1);
    assert!(rig.splice.time_may_pass());
}

#[test]
fn what_was_missed_is_fetched_and_stands_before_what_waited() {
    let mut rig = Rig::live();
    rig.splice.lost(MAIN, rig.now);
    rig.rest.extend((1..=7).map(|i| trade(A, NOON + 5_000 + i * 100, 0)));
    rig.wait(1_000);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 5_700, 0), snapshot(B, NOON, 0), trade(A, NOON + 6_000, 0)]);
    rig.come(&[trade(B, NOON + 6_100, 0)]);
    assert_eq!(rig.came_out(A), ["0"], "it waits");
    assert_eq!(rig.came_out(B), ["0", "6100"], "the others do not");
    rig.fetch(3);
    assert_eq!(
        rig.came_out(A),
        ["0", "5100+", "5200+", "5300+", "5400+", "5500+", "5600+", "5700", "6000"],
        "in order, each once, the fetched ones marked"
    );
    assert_eq!(rig.said(A), [(3_000, 5_700, "session_lost", true)]);
    assert_eq!(rig.splice.counts().backfilled, 6);
}

#[test]
fn a_walk_over_midnight_asks_for_the_day_before() {
    let midnight = NOON + DAY_MS / 2;
    let mut rig = Rig::new(SpliceConfig::default());
    rig.now.wall_ms = midnight + 60_000;
    rig.splice.remember(A, (midnight - 5_000) as u64 * 10_000, midnight - 5_000);
    rig.rest.extend([-5_000, -3_000, -1_000, 1_000, 3_000].map(|ms| trade(A, midnight + ms, 0)));
    rig.cover(&[(A, 0)], GapCause::Downtime);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, midnight + 3_000, 0)]);
    rig.fetch(2);
    let at = |ms: i64, mark: &str| format!("{}{mark}", DAY_MS / 2 + ms);
    assert_eq!(rig.came_out(A), [at(-3_000, "+"), at(-1_000, "+"), at(1_000, "+"), at(3_000, "")]);
    assert!(rig.said(A)[0].3 && rig.said(A)[0].2 == "downtime");
    let days: BTreeSet<i64> = rig.asked.iter().map(|asked| asked.1).collect();
    assert_eq!(days, [-1, 0].into(), "the new day and the day before it");
}

#[test]
fn what_cannot_be_had_is_a_gap_that_is_not_filled() {
    let missing = |config: SpliceConfig, pages: usize, wait: u64| {
        let mut rig = Rig::live_with(config);
        rig.splice.lost(MAIN, rig.now);
        rig.rest.extend((1..=9).map(|i| trade(A, NOON + 5_000 + i * 100, 0)));
        rig.splice.opened(MAIN, rig.now);
        rig.come(&[snapshot(A, NOON + 5_900, 0), snapshot(B, NOON, 0)]);
        for _ in 0..pages {
            if let Some(request) = rig.splice.request(rig.now) {
                let page = rig.page(request, 3);
                rig.answer(request.ticket, &Answer::Page(page));
            }
        }
        rig.wait(wait);
        rig.tick();
        (rig.came_out(A), rig.said(A))
    };
    // The session may have stopped delivering the market long before it was lost.
    let (from, default) = (-2_000, SpliceConfig::default);
    let (trades, gaps) = missing(SpliceConfig { backfill: false, ..default() }, 9, 0);
    assert_eq!(
        (trades, gaps),
        (vec!["0".into(), "5900".to_owned()], vec![(from, 7_900, "session_lost", false)])
    );
    let (trades, gaps) = missing(SpliceConfig { pages: 1, ..default() }, 9, 0);
    assert_eq!(trades, ["0", "5700+", "5800+", "5900"], "so much of it as the budget allows");
    assert_eq!(gaps, [(from, 5_700, "session_lost", false), (5_700, 7_900, "session_lost", true)]);
    let (trades, _) = missing(SpliceConfig { deadline: Duration::from_secs(10), ..default() }, 2, 9_999);
    assert_eq!(trades, ["0"], "it waits until the deadline");
    let (trades, gaps) = missing(SpliceConfig { deadline: Duration::from_secs(10), ..default() }, 2, 10_000);
    assert_eq!(trades, ["0", "5400+", "5500+", "5600+", "5700+", "5800+", "5900"]);
    assert_eq!(gaps[0], (from, 5_400, "session_lost", false));
}

#[test]
fn another_loss_before_the_repair_is_done_loses_nothing() {
    let mut rig = Rig::live();
    rig.splice.lost(MAIN, rig.now);
    rig.rest.extend((1..=9).map(|i| trade(A, NOON + 5_000 + i * 100, 0)));
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 5_400, 0), trade(A, NOON + 5_500, 0)]);
    let first = rig.splice.request(rig.now).expect("a page is wanted");
    rig.splice.lost(MAIN, rig.now);
    rig.wait(1_000);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 5_900, 0)]);
    let page = rig.page(first, 500);
    rig.answer(first.ticket, &Answer::Page(page));
    rig.fetch(500);
    let expect = ["0", "5100+", "5200+", "5300+", "5400", "5500", "5600+", "5700+", "5800+", "5900"];
    assert_eq!(rig.came_out(A), expect);
    assert!(rig.said(A).iter().all(|gap| gap.3), "{:?}", rig.said(A));
}

/// Proves [bounded] for what waits.
#[test]
fn what_waits_is_bounded_and_the_policy_says_what_happens_beyond() {
    let flood = |when_full| {
        let mut rig = Rig::live_with(SpliceConfig { hold: 20, when_full, ..SpliceConfig::default() });
        rig.splice.lost(MAIN, rig.now);
        let all: Vec<Trade> = (1..=30).map(|i| trade(A, NOON + 5_000 + i * 100, 0)).collect();
        rig.rest.extend(&all);
        rig.splice.opened(MAIN, rig.now);
        rig.come(&[snapshot(B, NOON, 0), snapshot(A, NOON + 5_200, 0)]);
        rig.come(&all[2..29]);
        assert!(rig.splice.waiting().1 <= 20, "{when_full:?}");
        rig.fetch(500);
        rig.come(&all[29..]);
        rig.fetch(500);
        rig
    };
    let released = flood(WhenFull::Release);
    assert_eq!(released.came_out(A).len(), 1 + 29, "one was not fetched, and that is said");
    assert!(!released.said(A)[0].3);
    let fetched = flood(WhenFull::Refetch);
    assert_eq!(fetched.came_out(A).len(), 1 + 30, "{:?}", fetched.said(A));
    let causes: Vec<_> = fetched.said(A).iter().map(|gap| (gap.2, gap.3)).collect();
    assert_eq!(causes, [("session_lost", true), ("overflow", true)]);
}

#[test]
fn a_hole_in_the_numbering_is_fetched() {
    let mut rig = Rig::live();
    rig.rest.extend([trade(A, NOON + 6_000, 0), trade(A, NOON + 6_000, 1), trade(A, NOON + 6_000, 2)]);
    rig.come(&[trade(A, NOON + 6_000, 0), trade(A, NOON + 6_000, 2), trade(A, NOON + 6_100, 0)]);
    rig.wait(1_900);
    rig.tick();
    assert_eq!(rig.splice.waiting().0, 0, "it may still come");
    rig.wait(200);
    rig.tick();
    rig.come(&[trade(A, NOON + 8_000, 0)]);
    rig.fetch(500);
    assert_eq!(rig.came_out(A), ["0", "6000", "6000.2", "6100", "6000.1+~", "8000"]);
    assert_eq!(rig.said(A), [(6_000, 6_000, "id_hole", true)]);
    rig.come(&[trade(A, NOON + 9_000, 1), trade(A, NOON + 9_100, 0)]);
    rig.wait(2_100);
    rig.tick();
    rig.fetch(500);
    assert_eq!(rig.said(A)[1], (9_000, 9_000, "id_hole", false), "REST does not have it either");
}

#[test]
fn two_sessions_are_one_sequence_and_one_of_them_dying_costs_nothing() {
    let mut rig = Rig::live();
    rig.splice.opened(SPARE, rig.now);
    rig.come_over(SPARE, &[snapshot(A, NOON, 0), snapshot(B, NOON, 0)]);
    rig.wait(2_000);
    rig.come_over(SPARE, &[trade(A, NOON + 6_000, 0)]);
    rig.come(&[trade(A, NOON + 6_000, 0), trade(A, NOON + 6_100, 0)]);
    rig.splice.lost(MAIN, rig.now);
    assert!(rig.splice.time_may_pass());
    rig.come_over(SPARE, &[trade(A, NOON + 6_100, 0), trade(A, NOON + 6_200, 0)]);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 6_300, 0), snapshot(B, NOON, 0)]);
    rig.come_over(SPARE, &[trade(A, NOON + 6_300, 0)]);
    assert_eq!(rig.came_out(A), ["0", "6000", "6100", "6200", "6300"]);
    rig.fetch(500);
    assert!(rig.gaps.is_empty() && rig.asked.is_empty());
    rig.splice.lost(MAIN, rig.now);
    rig.splice.lost(SPARE, rig.now);
    assert!(!rig.splice.time_may_pass(), "with both gone there is a gap");
}

#[test]
fn a_start_after_downtime_goes_on_from_the_tape() {
    let mut rig = Rig::new(SpliceConfig::default());
    for ms in [0, 100, 200] {
        rig.splice.remember(A, (NOON + ms) as u64 * 10_000, NOON + ms);
    }
    rig.splice.forget_before(B, NOON - 1_000);
    rig.rest.extend([100, 200, 3_000, 4_000].map(|ms| trade(A, NOON + ms, 0)));
    rig.wait(60_000);
    rig.cover(&[(A, 0), (B, 0)], GapCause::Downtime);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 4_000, 0), snapshot(B, NOON - 5_000, 0)]);
    rig.fetch(500);
    assert_eq!(rig.came_out(A), ["3000+", "4000"]);
    assert!(rig.came_out(B).is_empty(), "a last trade older than the tape was on it");
    assert_eq!(rig.said(A), [(-1_800, 4_000, "downtime", true)]);
    assert_eq!(rig.said(B), [(-1_800, 60_000, "downtime", true)]);
}

#[test]
fn a_market_nobody_shows_is_looked_for_after_ten_seconds() {
    let mut rig = Rig::live();
    rig.splice.lost(MAIN, rig.now);
    rig.rest.push(trade(A, NOON + 5_500, 0));
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(B, NOON, 0)]);
    rig.wait(9_900);
    rig.tick();
    assert!(rig.splice.request(rig.now).is_none());
    rig.wait(100);
    rig.tick();
    rig.fetch(500);
    assert_eq!(rig.came_out(A), ["0", "5500+"]);
    assert_eq!(rig.said(A), [(3_000, 15_000, "session_lost", true)]);
}

#[test]
fn what_a_stop_would_make_forgotten_is_said_before_it() {
    let mut rig = Rig::live();
    rig.splice.opened(SPARE, rig.now);
    rig.come_over(SPARE, &[snapshot(A, NOON, 0)]);
    rig.wait(60_000);
    rig.come(&[trade(A, NOON + 60_000, 0)]);
    let close = |rig: &mut Rig| {
        let mut out = Sequence::default();
        rig.splice.close(&mut out);
        rig.take(out);
    };
    rig.splice.lost(MAIN, rig.now);
    rig.splice.lost(SPARE, rig.now);
    close(&mut rig);
    assert_eq!(
        rig.said(A),
        [(-2_000, 60_000, "session_lost", false)],
        "the spare one was silent for a minute"
    );
    let mut rig = Rig::live();
    rig.splice.lost(MAIN, rig.now);
    close(&mut rig);
    assert!(rig.gaps.is_empty(), "of a stop as it should be there is nothing to say");
}

#[test]
fn a_market_that_never_showed_itself_holds_up_nothing() {
    let mut rig = Rig::new(SpliceConfig::default());
    rig.cover(&[(A, 0), (B, 0)], GapCause::Downtime);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON, 0)]);
    rig.wait(5_000);
    rig.come(&[trade(A, NOON + 2_500, 0)]);
    rig.splice.lost(MAIN, rig.now);
    rig.rest.extend([trade(A, NOON, 0), trade(A, NOON + 2_500, 0), trade(B, NOON + 5_500, 0)]);
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 2_500, 0)]);
    rig.fetch(500);
    assert!(rig.splice.time_may_pass() && rig.splice.waiting() == (0, 0));
    rig.wait(400_000);
    rig.tick();
    assert!(rig.said(B).is_empty() && rig.splice.time_may_pass());
    rig.rest.push(trade(B, NOON + 406_000, 0));
    rig.come(&[trade(B, NOON + 406_000, 0)]);
    rig.fetch(500);
    assert_eq!(rig.came_out(B), ["5500+", "406000"], "its first trade may have come while nobody looked");
}

#[test]
fn answers_that_do_not_fit_are_not_believed() {
    let begin = || {
        let mut rig = Rig::live();
        rig.splice.lost(MAIN, rig.now);
        rig.rest.extend([trade(A, NOON + 5_100, 0), trade(A, NOON + 5_200, 0)]);
        rig.splice.opened(MAIN, rig.now);
        rig.come(&[snapshot(A, NOON + 5_200, 0), snapshot(B, NOON, 0)]);
        rig
    };
    let check = |answer: fn(&mut Rig, Request) -> Answer, why: &str| {
        let mut rig = begin();
        let request = rig.splice.request(rig.now).expect("a page is wanted");
        let answer = answer(&mut rig, request);
        rig.answer(request.ticket, &answer);
        assert_eq!(rig.came_out(A), ["0"], "{why}");
        rig.wait(31_000);
        rig.fetch(500);
        assert_eq!(rig.came_out(A), ["0", "5100+", "5200"], "{why}");
        assert_eq!(rig.said(A), [(3_000, 5_200, "session_lost", true)], "{why}");
    };
    check(|_, _| Answer::Page(Vec::new()), "an empty page, though trades are known to be there");
    check(|_, _| Answer::Page(vec![trade(A, NOON, 0)]), "a page from before the last seconds");
    check(|_, _| Answer::Page(vec![trade(A, NOON - DAY_MS, 0)]), "a page of another day");
    check(|_, _| Answer::Failed { wait_ms: Some(30_000) }, "a ban");
    check(|_, _| Answer::Failed { wait_ms: None }, "no answer");
    let mut rig = begin();
    let request = rig.splice.request(rig.now).expect("a page is wanted");
    rig.answer(request.ticket, &Answer::Gone);
    assert_eq!(rig.said(A), [(-2_000, 7_200, "session_lost", false)], "the venue does not know the market");
}

#[test]
fn the_most_active_market_comes_first_and_none_waits_for_the_pages_of_another() {
    let mut rig = Rig::live();
    for i in 1..40 {
        rig.wait(100);
        rig.come(&[trade(B, NOON + 5_000 + i * 100, 0)]);
    }
    rig.splice.lost(MAIN, rig.now);
    rig.rest.extend(
        (1..=5).flat_map(|i| [trade(A, NOON + 9_000 + i * 100, 0), trade(B, NOON + 9_000 + i * 100, 0)]),
    );
    rig.splice.opened(MAIN, rig.now);
    rig.come(&[snapshot(A, NOON + 9_500, 0), snapshot(B, NOON + 9_500, 0)]);
    rig.fetch(2);
    let order: Vec<u32> = rig.asked.iter().map(|asked| asked.0).take(6).collect();
    assert_eq!(order, [1, 0, 1, 0, 1, 0]);
}

#[test]
fn a_session_that_pongs_and_says_nothing_is_asked_and_then_replaced() {
    let mut rig = Rig::live();
    for _ in 1..30 {
        rig.wait(1_000);
        rig.come(&[trade(B, rig.now.wall_ms, 0)]);
        rig.tick();
    }
    let mut acts = Vec::new();
    let began = rig.now.at;
    while rig.now.at < began + 80_000 {
        rig.wait(1_000);
        rig.tick();
        acts.extend(rig.splice.take_acts().into_iter().map(|act| (act, (rig.now.at - began) / 1_000)));
    }
    assert_eq!(acts, [(Act::Resubscribe(MAIN), 61), (Act::Reconnect(MAIN), 71)]);
}

#[test]
fn a_question_answered_by_what_is_known_raises_no_alarm_and_one_by_news_is_a_gap() {
    let mut rig = Rig::live();
    for _ in 0..30 {
        rig.wait(1_000);
        rig.come(&[trade(A, rig.now.wall_ms, 0), trade(B, rig.now.wall_ms, 0)]);
    }
    let last = rig.now.wall_ms;
    rig.rest.push(trade(A, last, 0));
    let mut asked = Vec::new();
    for second in 0..3_600 {
        rig.wait(1_000);
        rig.come(&[trade(B, rig.now.wall_ms, 0)]);
        rig.tick();
        for act in rig.splice.take_acts() {
            assert_eq!(act, Act::Resubscribe(MAIN));
            asked.push(second);
            rig.come(&[snapshot(A, last, 0), snapshot(B, rig.now.wall_ms, 0)]);
        }
    }
    assert!((2..=8).contains(&asked.len()), "a quiet hour costs a few questions: {asked:?}");
    assert!(rig.gaps.is_empty());
    rig.rest.extend([trade(A, last + 100_000, 0), trade(A, last + 200_000, 0)]);
    rig.come(&[snapshot(A, last + 200_000, 0)]);
    rig.fetch(500);
    let gap = rig.said(A)[0];
    assert_eq!((gap.2, gap.3), ("stale", true));
    assert!(rig.came_out(A).iter().filter(|t| t.ends_with('+')).count() == 1);
}

#[test]
fn what_another_session_brought_later_says_nothing_of_what_one_that_was_dumb_stands_behind() {
    let mut rig = Rig::live();
    rig.splice.opened(SPARE, rig.now);
    rig.come_over(SPARE, &[snapshot(A, NOON, 0), snapshot(B, NOON, 0)]);
    rig.wait(5_000);
    rig.rest.extend([6_000, 7_000, 8_000, 9_000, 9_100].map(|ms| trade(A, NOON + ms, 0)));
    rig.splice.lost(SPARE, rig.now);
    rig.splice.opened(SPARE, rig.now);
    rig.come_over(SPARE, &[snapshot(A, NOON + 9_000, 0), trade(A, NOON + 9_100, 0)]);
    rig.come(&[snapshot(A, NOON + 8_000, 0), trade(A, NOON + 9_000, 0), trade(A, NOON + 9_100, 0)]);
    rig.wait(2_100);
    rig.tick();
    rig.fetch(500);
    assert_eq!(rig.came_out(A), ["0", "6000+", "7000+", "8000", "9000", "9100"]);
}

#[test]
fn a_walk_from_the_top_claims_nothing_until_rest_shows_the_last_trade_that_is_known() {
    let mut rig = Rig::live_with(SpliceConfig { pages: 1, ..SpliceConfig::default() });
    rig.come(&[trade(A, NOON + 4_000, 0), trade(A, NOON + 4_900, 0)]);
    rig.splice.lost(MAIN, rig.now);
    rig.splice.opened(MAIN, rig.now);
    rig.rest.push(trade(A, NOON + 4_000, 0));
    rig.come(&[snapshot(A, NOON + 4_900, 0), snapshot(B, NOON, 0)]);
    rig.fetch(1);
    let said = rig.said(A);
    assert!(
        !said.is_empty() && said.iter().all(|gap| !gap.3),
        "REST lacks what is known, so it may lack more: {said:?}"
    );
}

#[test]
fn a_gap_whose_end_nobody_saw_reaches_past_our_clock() {
    let deadline = Duration::from_secs(5);
    let mut rig = Rig::live_with(SpliceConfig { deadline, ..SpliceConfig::default() });
    rig.splice.lost(MAIN, rig.now);
    rig.splice.opened(MAIN, rig.now);
    rig.wait(5_000);
    rig.tick();
    assert_eq!(rig.said(A), [(-2_000, 12_000, "session_lost", false)], "the venue's may be ahead of it");
}
