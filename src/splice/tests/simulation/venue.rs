//! A small model of a venue: what it makes, what its sessions bring of it, what its REST shows.

use super::{
    super::{Answer, DAY_MS, Flags, Link, MarketId, Request, Side, Trade, trade},
    plan::{FROZEN_MS, Plan, RestPlan, happens, is_time, pick},
};
use fastrand::Rng;
use std::collections::HashMap;

/// A trade that the venue made, and when it published it.
pub(super) struct Made {
    pub(super) trade: Trade,
    pub(super) at: u64,
}

/// The truth, and the sessions on their way.
pub(super) struct Venue {
    /// Of each market, in the order of publication.
    pub(super) made: Vec<Vec<Made>>,
    numbers: HashMap<(u32, i64), u64>,
    pub(super) sessions: Vec<Session>,
    /// What a session left out in the middle of a ms.
    pub(super) left_out: Vec<Trade>,
}

/// One socket.
pub(super) struct Session {
    pub(super) link: Link,
    /// Up, or down until then.
    pub(super) is_up: bool,
    pub(super) back_at: u64,
    /// What is on its way, and when it arrives.
    queue: Vec<(u64, Trade)>,
    last_due: u64,
    is_mute: bool,
    mute_market: Option<u32>,
    /// The markets that it asked for.
    asked: Vec<u32>,
}

impl Session {
    pub(super) fn drop_until(&mut self, back_at: u64) {
        (self.is_up, self.back_at) = (false, back_at);
        self.queue.clear();
    }

    /// What has arrived, in its order.
    pub(super) fn arrived(&mut self, at: u64) -> Vec<Trade> {
        let (mut come, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|&(due, _)| due <= at);
        self.queue = rest;
        come.sort_by_key(|&(due, _)| due);
        come.into_iter().map(|(_, trade)| trade).collect()
    }

    pub(super) fn heal(&mut self) {
        (self.is_mute, self.mute_market) = (false, None);
    }

    /// It goes wrong in ways that do not end it.
    pub(super) fn misbehave(&mut self, plan: &Plan, at: u64, rng: &mut Rng) {
        if is_time(rng, plan.session.stall_ms, plan.step_ms) {
            self.is_mute = true;
        }
        if is_time(rng, plan.session.stall_market_ms, plan.step_ms) {
            self.mute_market.get_or_insert(rng.u32(..plan.pauses.len() as u32));
        }
        if is_time(rng, plan.session.freeze_ms, plan.step_ms) {
            self.last_due = self.last_due.max(at + rng.u64(500..FROZEN_MS));
        }
    }

    fn carries(&self, market: u32) -> bool {
        self.is_up && self.asked.contains(&market)
    }

    fn enqueue(&mut self, trade: Trade, at: u64, plan: &Plan, rng: &mut Rng) {
        self.last_due = self.last_due.max(at + rng.u64(5..60));
        let is_behind = self.last_due > at + 60;
        let late = if !is_behind && happens(rng, plan.session.reorders) { rng.u64(..400) } else { 0 };
        self.queue.push((self.last_due + late, trade));
        if happens(rng, plan.session.duplicates) {
            self.queue.push((self.last_due + rng.u64(..400), trade));
        }
    }

    fn enqueue_snapshot(&mut self, trade: Trade, at: u64) {
        self.last_due = self.last_due.max(at + 5);
        self.queue.push((self.last_due, Trade { flags: Flags::SNAPSHOT, ..trade }));
    }
}

/// A session asks for its markets.
pub(super) struct Asks<'a> {
    pub(super) at: u64,
    /// It was connected; otherwise it only asks again.
    pub(super) is_anew: bool,
    pub(super) wanted: &'a [u32],
    /// Whether a trade is known to the asker and not the last that it knows.
    pub(super) is_old_known: &'a dyn Fn(&Trade) -> bool,
}

pub(super) fn shard_of(market: u32, shards: u16) -> u16 {
    (market % u32::from(shards)) as u16
}

impl Venue {
    pub(super) fn new(plan: &Plan) -> Self {
        let links =
            (0..plan.shards).flat_map(|shard| (0..plan.replicas).map(move |replica| Link { shard, replica }));
        let session = |link| Session {
            link,
            is_up: false,
            back_at: 0,
            queue: Vec::new(),
            last_due: 0,
            is_mute: false,
            mute_market: None,
            asked: Vec::new(),
        };
        Self {
            made: plan.pauses.iter().map(|_| Vec::new()).collect(),
            numbers: HashMap::new(),
            sessions: links.map(session).collect(),
            left_out: Vec::new(),
        }
    }

    /// An order is executed against some others: trades of one ms, a little in the past for some.
    /// `may_skip`: a session may leave out one that is not the last of its ms.
    pub(super) fn order(&mut self, market: u32, plan: &Plan, at: u64, may_skip: bool, rng: &mut Rng) {
        let late = if happens(rng, plan.late_orders) { rng.i64(0..390) } else { rng.i64(0..5) };
        let ms = plan.begin_ms + at as i64 - late;
        let fills = if happens(rng, plan.sweeps) { pick(rng, &[2, 3, 12]) } else { 1 };
        for fill in 0..fills {
            let number = self.numbers.entry((market, ms)).or_default();
            let side = if fill % 2 == 0 { Side::Buy } else { Side::Sell };
            let trade = Trade { side, ..trade(MarketId(market), ms, *number) };
            *number += 1;
            self.made[market as usize].push(Made { trade, at });
            for session in self.sessions.iter_mut().filter(|s| s.carries(market)) {
                let is_left_out = may_skip && fill + 1 < fills && happens(rng, plan.session.holes);
                if is_left_out {
                    self.left_out.push(trade);
                }
                if !session.is_mute && session.mute_market != Some(market) && !is_left_out {
                    session.enqueue(trade, at, plan, rng);
                }
            }
        }
    }

    /// A session asks for its markets: the last trade of each comes, and then all.
    pub(super) fn subscribed(&mut self, index: usize, plan: &Plan, asks: Asks<'_>, rng: &mut Rng) {
        let session = &mut self.sessions[index];
        if asks.is_anew {
            (session.is_up, session.last_due) = (true, asks.at);
        }
        if asks.is_anew || plan.session.asking_helps {
            session.heal();
        }
        let mine = asks.wanted.iter().filter(|&&market| shard_of(market, plan.shards) == session.link.shard);
        session.asked = mine.copied().collect();
        if session.is_mute {
            return;
        }
        let mute = session.mute_market;
        for market in session.asked.clone().into_iter().filter(|&market| mute != Some(market)) {
            let made = &self.made[market as usize];
            let Some(last) = made.last() else { continue };
            if asks.is_anew && happens(rng, plan.session.snapshots_missing) {
                continue;
            }
            let old = made.len().checked_sub(2 + rng.usize(..3)).map(|index| made[index].trade);
            // An old one that is the last known here could not be told from a quiet market.
            let old = old
                .filter(|_| asks.is_anew)
                .filter(|old| (asks.is_old_known)(old) && happens(rng, plan.session.snapshots_old));
            session.enqueue_snapshot(old.unwrap_or(last.trade), asks.at);
        }
    }

    /// What REST answers. `anchor` is the last trade that the asker knows.
    pub(super) fn answer(
        &self,
        request: Request,
        plan: &RestPlan,
        now: (u64, i64),
        anchor: Option<u64>,
        rng: &mut Rng,
    ) -> Answer {
        let (at, wall_ms) = now;
        let market = request.ticket.market;
        if happens(rng, plan.fails) {
            return Answer::Failed { wait_ms: None };
        }
        if happens(rng, plan.limits) {
            return Answer::Failed { wait_ms: Some(rng.u64(100..1_100)) };
        }
        if happens(rng, plan.bans) {
            return Answer::Failed { wait_ms: Some(rng.u64(5_000..30_000)) };
        }
        let ago = wall_ms.div_euclid(DAY_MS) - request.day;
        if plan.unknown == Some(market.0) || ago > 7 {
            return Answer::Gone;
        }
        let is_there = |made: &&Made| {
            let is_kept = plan.forgets_after_ms.is_none_or(|ms| made.trade.traded_at_ms >= wall_ms - ms);
            is_kept && made.at + plan.lag_ms <= at
        };
        let all = self.made[market.0 as usize].iter().filter(is_there).map(|made| made.trade);
        let of_day = |day: i64| move |trade: &Trade| trade.traded_at_ms.div_euclid(DAY_MS) == day;
        let mut page: Vec<Trade> = all.clone().filter(of_day(request.day)).collect();
        page.sort_unstable_by_key(|trade| std::cmp::Reverse(trade.sequential_id));
        let from =
            page.partition_point(|trade| request.cursor.is_some_and(|cursor| trade.sequential_id >= cursor));
        let size = if happens(rng, plan.truncates) { rng.usize(1..=plan.page) } else { plan.page };
        let from = from.saturating_sub(if happens(rng, plan.overlaps) { rng.usize(..size) } else { 0 });
        let page: Vec<Trade> = page.into_iter().skip(from).take(size).collect();
        // An empty page is the beginning of a day; a lie is one only where it can be known for one.
        let is_known_lie =
            anchor.is_some_and(|anchor| page.iter().any(|trade| trade.sequential_id == anchor));
        if is_known_lie && happens(rng, plan.lies_empty) {
            return Answer::Page(Vec::new());
        }
        if is_known_lie && happens(rng, plan.other_days) {
            return Answer::Page(all.filter(of_day(request.day - 1)).take(size).collect());
        }
        Answer::Page(page)
    }
}
