//! The engine's state as bytes, and back.
//!
//! What follows from something else is not written: running sums, cursors and shortcuts are
//! rebuilt from the trades and the clock. State belongs to the rule whose definition it carries,
//! so a rule that was changed, added or renamed starts fresh and the others go on.

use super::Engine;
use super::clock::Latest;
use super::expected::{self, Expected};
use super::general;
use super::level::{self, Level};
use super::log::Log;
use super::market::Market;
use super::prices::Watch;
use super::quoted::Quoted;
use super::slot::{Pane, Single, Slot};
use super::subjects::{Subject, Subjects};
use super::watches::Watches;
use super::world::World;
use crate::fixed::Kept;
use crate::kinds::{GridMemory, LineMemory, Sweep};
use crate::rule::{Rule, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct State {
    /// The definitions of the rules that wrote it.
    rules: Vec<Vec<u8>>,
    idle_ms: i64,
    markets: Vec<MarketState>,
}

/// What follows the state; a snapshot that is older than it has none.
#[derive(Default, Serialize, Deserialize)]
struct Tail {
    expected: expected::Saved,
    quoted: Vec<QuotedState>,
}

/// What follows the tail, likewise.
#[derive(Default, Serialize, Deserialize)]
struct Beyond {
    world: World,
    generals: Vec<GeneralState>,
    subjects: Vec<SubjectState>,
}

/// Rules about a subject of facts: the fact, the subject, the clock, the rules.
type SubjectState = (String, String, i64, GeneralState);

/// The same to be written.
#[derive(Serialize)]
struct BeyondRef<'a> {
    world: &'a World,
    generals: Vec<GeneralState>,
    subjects: Vec<SubjectState>,
}

#[derive(Serialize, Deserialize)]
struct GeneralState {
    market: u32,
    quotes: (Option<Kept>, Option<Kept>),
    /// Of signals and edges, by what they are.
    states: Vec<(Vec<u8>, Vec<u8>)>,
    /// By rule: its level, where it stood when it was told, its parts.
    rules: Vec<(u32, level::Memory, u8, Vec<general::Memory>)>,
}

#[derive(Serialize, Deserialize)]
struct QuotedState {
    market: u32,
    /// As the engine counts them.
    source: u8,
    latest: Option<Kept>,
    raw: LogState<Single>,
    panes: LogState<Pane>,
}

#[derive(Serialize, Deserialize)]
struct MarketState {
    number: u32,
    code: String,
    now_ms: i64,
    latest: Option<Latest>,
    prev_close: Option<Kept>,
    cover_from: i64,
    quiet_since: i64,
    prices: [Option<Kept>; 4],
    raw: LogState<Single>,
    panes: LogState<Pane>,
    sweeps: Vec<(i64, Sweep)>,
    swept: Vec<u32>,
    memories: Vec<(u32, Memory)>,
}

#[derive(Serialize, Deserialize)]
struct LogState<S> {
    /// Whether it was kept at all.
    kept: bool,
    trimmed_to: i64,
    slots: Vec<S>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Memory {
    Level(level::Memory),
    Line(LineMemory),
    Grid(Option<GridMemory>),
}

/// A place of a rule's memory.
pub(super) enum Place<'a> {
    Level(&'a mut Level),
    Watch(&'a mut Watch),
}

impl Place<'_> {
    fn rule(&self) -> u32 {
        match self {
            Self::Level(level) => level.rule,
            Self::Watch(watch) => watch.rule(),
        }
    }

    fn set(self, memory: Memory) {
        match (self, memory) {
            (Self::Level(level) | Self::Watch(Watch::Level { level, .. }), Memory::Level(memory)) => {
                level.memory = memory;
            }
            (Self::Watch(Watch::Line { line, .. }), Memory::Line(memory)) => line.memory = memory,
            (Self::Watch(Watch::Grid { grid: Some(grid), .. }), Memory::Grid(memory)) => grid.memory = memory,
            _ => {}
        }
    }
}

impl Engine {
    pub(crate) fn save(&self) -> Vec<u8> {
        let markets = (0u32..).zip(&self.markets).filter_map(|(number, market)| {
            let market = market.as_ref()?;
            Some(save_market(number, market))
        });
        let state = State {
            rules: self.rules.iter().map(Rule::identity).collect(),
            idle_ms: self.idle_ms,
            markets: markets.collect(),
        };
        let quoted = (0u32..).zip(&self.markets).filter_map(|(n, market)| Some((n, market.as_ref()?)));
        let quoted = quoted.flat_map(|(number, market)| save_quoted(number, market));
        let generals = (0u32..).zip(&self.markets).filter_map(|(number, market)| {
            let market = market.as_ref().filter(|market| !market.watches.general.is_empty())?;
            Some(save_general(number, market))
        });
        let subjects = self.subjects.all.iter().map(|subject| {
            let (name, about) = (subject.name.clone(), subject.subject.clone());
            (name, about, subject.market.clock.now_ms, save_general(0, &subject.market))
        });
        let beyond =
            BeyondRef { world: &self.world, generals: generals.collect(), subjects: subjects.collect() };
        let tail = Tail { expected: self.expected.save(), quoted: quoted.collect() };
        postcard::to_allocvec(&(state, tail, beyond)).unwrap_or_default()
    }

    pub(crate) fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let bad = |error| format!("the snapshot cannot be read: {error}");
        let (state, rest) = postcard::take_from_bytes::<State>(bytes).map_err(bad)?;
        let (tail, rest) = if rest.is_empty() {
            (Tail::default(), rest)
        } else {
            postcard::take_from_bytes::<Tail>(rest).map_err(bad)?
        };
        let beyond: Beyond =
            if rest.is_empty() { Beyond::default() } else { postcard::from_bytes(rest).map_err(bad)? };
        // The first snapshots have definitions in full instead of their hash.
        let in_full = state.rules.iter().any(|rule| rule.len() != 16);
        let id = |rule: &Rule| if in_full { rule.definition() } else { rule.identity() };
        let own: BTreeMap<Vec<u8>, u32> =
            (0u32..).zip(&self.rules).map(|(index, rule)| (id(rule), index)).collect();
        let known: Vec<Option<u32>> = state.rules.iter().map(|rule| own.get(rule).copied()).collect();
        let now = |old: u32| known.get(old as usize).copied().flatten();
        self.idle_ms = state.idle_ms;
        (self.markets, self.deadlines) = (Vec::new(), Vec::new());
        for saved in state.markets {
            let number = saved.number as usize;
            if !self.meet(number, &saved.code) {
                return Err(format!("the snapshot knows a market number {number}, which is out of range"));
            }
            if let Some(Some(market)) = self.markets.get_mut(number) {
                load_market(market, saved, &now, &self.rules);
            }
        }
        for saved in tail.quoted {
            if let Some(Some(market)) = self.markets.get_mut(saved.market as usize) {
                load_quoted(market, saved);
            }
        }
        self.world = beyond.world;
        for saved in beyond.generals {
            if let Some(Some(market)) = self.markets.get_mut(saved.market as usize) {
                load_general(market, saved, &now);
            }
        }
        self.load_subjects(beyond.subjects, &now);
        let met = |code: &str| self.markets.iter().flatten().any(|market| market.code == code);
        self.expected = Expected::new(&self.rules, met);
        self.expected.load(tail.expected, &now);
        let gone = |market: &&mut Box<Market>| Self::is_delisted(&self.world, &market.code);
        self.markets.iter_mut().flatten().filter(gone).for_each(|market| market.watched = false);
        Ok(())
    }

    fn load_subjects(&mut self, saved: Vec<SubjectState>, now: &dyn Fn(u32) -> Option<u32>) {
        self.subjects = Subjects::new(&self.rules);
        for (name, about, now_ms, state) in saved {
            self.subjects.meet(&name, &about, &self.rules);
            let known = |subject: &&mut Subject| subject.name == name && subject.subject == about;
            if let Some(subject) = self.subjects.all.iter_mut().find(known) {
                subject.market.clock.now_ms = now_ms;
                load_general(&mut subject.market, state, now);
            }
        }
    }
}

fn save_market(number: u32, market: &Market) -> MarketState {
    let mut memories = Vec::new();
    for watch in market.watches.prices.iter().flat_map(|prices| &prices.watches) {
        memories.push(match watch {
            Watch::Level { level, .. } => (level.rule, Memory::Level(level.memory)),
            Watch::Line { rule, line, .. } => (*rule, Memory::Line(line.memory)),
            Watch::Grid { rule, grid } => (*rule, Memory::Grid(grid.as_ref().and_then(|grid| grid.memory))),
        });
    }
    let quoted = market.watches.quoted.iter().flat_map(Quoted::windows);
    for window in market.watches.raw.windows.iter().chain(&market.watches.panes.windows).chain(quoted) {
        let sums = window.meters.iter().flat_map(|meter| &meter.levels).map(|(level, ..)| level);
        let moves = window.moves.iter().flat_map(|moves| &moves.levels).map(|(level, _)| level);
        memories.extend(sums.chain(moves).map(|level| (level.rule, Memory::Level(level.memory))));
    }
    for quiet in &market.watches.quiets {
        memories.push((quiet.level.rule, Memory::Level(quiet.level.memory)));
    }
    MarketState {
        number,
        code: market.code.clone(),
        now_ms: market.clock.now_ms,
        latest: market.clock.latest,
        prev_close: market.prev_close.map(Kept),
        cover_from: market.clock.cover_from,
        quiet_since: market.clock.quiet_since,
        prices: market.watches.prices.each_ref().map(|prices| prices.latest().map(Kept)),
        raw: save_log(&market.watches.raw, market.clock.now_ms),
        panes: save_log(&market.watches.panes, market.clock.now_ms),
        sweeps: market.watches.large.sweeps(),
        swept: market.watches.large.fired(),
        memories,
    }
}

fn save_general(number: u32, market: &Market) -> GeneralState {
    let Watches { general, quotes: (bid, ask), .. } = &market.watches;
    let rules = general.instances.iter().map(|instance| {
        let mut parts = Vec::new();
        instance.root.memories(&mut parts);
        (instance.level.rule, instance.level.memory, instance.told, parts)
    });
    GeneralState {
        market: number,
        quotes: (bid.map(Kept), ask.map(Kept)),
        states: general.states(),
        rules: rules.collect(),
    }
}

fn load_general(market: &mut Market, saved: GeneralState, now: &dyn Fn(u32) -> Option<u32>) {
    let Watches { general, quotes, .. } = &mut market.watches;
    *quotes = (saved.quotes.0.map(|Kept(bid)| bid), saved.quotes.1.map(|Kept(ask)| ask));
    general.set_states(saved.states);
    for (old, memory, told, parts) in saved.rules {
        let Some(rule) = now(old) else { continue };
        for instance in general.instances.iter_mut().filter(|instance| instance.level.rule == rule) {
            (instance.level.memory, instance.told) = (memory, told);
            instance.root.remember(&mut parts.iter().cloned());
        }
    }
}

fn save_quoted(number: u32, market: &Market) -> impl Iterator<Item = QuotedState> {
    let now_ms = market.clock.now_ms;
    market.watches.quoted.iter().map(move |quoted| QuotedState {
        market: number,
        source: source_number(quoted.source),
        latest: quoted.latest.map(Kept),
        raw: save_log(&quoted.raw, now_ms),
        panes: save_log(&quoted.panes, now_ms),
    })
}

fn load_quoted(market: &mut Market, saved: QuotedState) {
    let quoted = market.watches.quoted.iter_mut().find(|q| source_number(q.source) == saved.source);
    let Some(quoted) = quoted else { return };
    quoted.latest = saved.latest.map(|Kept(price)| price);
    if !quoted.raw.windows.is_empty() {
        quoted.raw.slots = saved.raw.slots.into();
    }
    if !quoted.panes.windows.is_empty() {
        quoted.panes.slots = saved.panes.slots.into();
    }
    quoted.raw.trimmed_to = saved.raw.trimmed_to;
    quoted.panes.trimmed_to = saved.panes.trimmed_to;
    quoted.raw.rebuild();
    quoted.panes.rebuild();
}

fn source_number(source: Source) -> u8 {
    match source {
        Source::Last => 0,
        Source::Mid => 1,
        Source::BestBid => 2,
        Source::BestAsk => 3,
    }
}

fn save_log<S: Slot + Copy>(log: &Log<S>, now_ms: i64) -> LogState<S> {
    let (trimmed_to, slots) = log.kept(now_ms);
    LogState { kept: !log.windows.is_empty(), trimmed_to, slots: slots.copied().collect() }
}

fn load_market(market: &mut Market, saved: MarketState, now: &dyn Fn(u32) -> Option<u32>, rules: &[Rule]) {
    market.clock.now_ms = saved.now_ms;
    market.clock.latest = saved.latest;
    market.clock.cover_from = saved.cover_from;
    market.clock.quiet_since = saved.quiet_since;
    market.set_prev_close(saved.prev_close.map(|Kept(close)| close), rules);
    // What was not kept is missing up to the clock.
    let trimmed = |kept: bool, to: i64| if kept || saved.latest.is_none() { to } else { saved.now_ms };
    market.watches.raw.trimmed_to = trimmed(saved.raw.kept, saved.raw.trimmed_to);
    market.watches.panes.trimmed_to = trimmed(saved.panes.kept, saved.panes.trimmed_to);
    if !market.watches.raw.windows.is_empty() {
        market.watches.raw.slots = saved.raw.slots.into();
    }
    if !market.watches.panes.windows.is_empty() {
        market.watches.panes.slots = saved.panes.slots.into();
    }
    market.watches.raw.rebuild();
    market.watches.panes.rebuild();
    for (gap_ms, sweep) in saved.sweeps {
        market.watches.large.resume(gap_ms, sweep);
    }
    for rule in saved.swept.into_iter().filter_map(now) {
        market.watches.large.mark_fired(rule);
    }
    // A rule's memories are in the order in which its instances were made.
    let mut memories: BTreeMap<u32, std::collections::VecDeque<Memory>> = BTreeMap::new();
    for (old, memory) in saved.memories {
        if let Some(rule) = now(old) {
            memories.entry(rule).or_default().push_back(memory);
        }
    }
    for place in places(market) {
        if let Some(memory) = memories.get_mut(&place.rule()).and_then(std::collections::VecDeque::pop_front)
        {
            place.set(memory);
        }
    }
    for (prices, latest) in market.watches.prices.iter_mut().zip(saved.prices) {
        prices.set_latest(latest.map(|Kept(price)| price));
        prices.rouse();
    }
}

/// Every place of a market where a rule remembers something.
pub(super) fn places(market: &mut Market) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    places.extend(market.watches.prices.iter_mut().flat_map(|prices| &mut prices.watches).map(Place::Watch));
    let quoted = market.watches.quoted.iter_mut().flat_map(Quoted::windows_mut);
    for window in market.watches.raw.windows.iter_mut().chain(&mut market.watches.panes.windows).chain(quoted)
    {
        let sums = window.meters.iter_mut().flat_map(|meter| &mut meter.levels).map(|(level, ..)| level);
        let moves = window.moves.iter_mut().flat_map(|moves| &mut moves.levels).map(|(level, _)| level);
        places.extend(sums.chain(moves).map(Place::Level));
    }
    places.extend(market.watches.quiets.iter_mut().map(|quiet| Place::Level(&mut quiet.level)));
    places
}
