//! The general evaluator of one market: signals shared by all rules, and each rule's tree.
//!
//! Signals are told of trades once and valued once per moment, whatever the number of rules. A
//! moment is a trade, a tick at which something is due, a fact, or a trade of another market that
//! is a leg of some signal here. Rules are looked at in their order, but those that count another's
//! events come after it.
//!
//! Keeps: [bounded]

mod node;

use node::{Counter, Steps};
pub(crate) use node::{Memory, Node};

use super::level::{Level, NEVER};
use super::view::{Needs, View};
use crate::bounds::Reading;
use crate::condition::{Condition, Counted};
use crate::kinds::{Fill, Instant, Measured};
use crate::rule::{Rule, Timing, When};
use crate::say::Scene;
use crate::signal::{Edge, Happening, Signal, pack};
use std::collections::BTreeMap;
use tradehook_sdk::AlertState;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct General {
    pub(crate) signals: Vec<(Vec<u8>, Box<dyn Signal>)>,
    pub(crate) edges: Vec<(Vec<u8>, Box<dyn Edge>)>,
    pub(crate) instances: Vec<Instance>,
    /// By signal: what it is at this moment.
    values: Vec<Option<Reading>>,
    /// The same, near enough to be compared with [`General::calm`]; no number where it is unknown.
    nears: Vec<f64>,
    /// By edge: what happened at this moment.
    happened: Vec<Vec<Happening>>,
    /// The rules that told of an event or began to fire at this moment.
    fired: Vec<u32>,
    /// By signal: the values between which no rule changes; no numbers where all know that it is
    /// unknown.
    calm: Vec<(f64, f64)>,
    /// When a timer is due, whatever the values are.
    timer: i64,
    /// Whether the next trade must be looked at in any case.
    restless: bool,
    /// Whether the latest trade must be looked at.
    stirred: bool,
    /// Whether the next tick must be looked at in any case.
    roused: bool,
    /// Whether some rule counts the events of another.
    counts_rules: bool,
    /// The markets whose trades are legs of signals here, and the facts that are looked at.
    pub(crate) legs: Vec<String>,
    facts: Vec<String>,
}

/// A rule in this market.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) level: Level,
    pub(crate) root: Node,
    /// Where a level with severities stood when it was last told.
    pub(crate) told: u8,
    /// The signals that have a clock of their own.
    joint: Vec<usize>,
    /// How many rules must have been looked at before.
    depth: usize,
    /// The signals that it looks at, and between which values of them nothing changes.
    quiet: Vec<(usize, (f64, f64))>,
    /// The edges that it looks at.
    edges: Vec<usize>,
    /// Whether it counts the events of another rule.
    counts: bool,
    /// Whether it must be looked at in any case, and when its timer is due.
    restless: bool,
    timer: i64,
}

/// What makes a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A trade in order.
    Trade,
    /// A late trade.
    Late,
    /// The clock, a fact, or a leg.
    Clock,
}

/// What is seen at one moment, beside the market's own view.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) values: &'a [Option<Reading>],
    pub(crate) happened: &'a [Vec<Happening>],
    pub(crate) fired: &'a [u32],
    pub(crate) now_ms: i64,
    pub(crate) cause: Cause,
}

impl General {
    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// An instance of a rule.
    pub(crate) fn add(&mut self, index: u32, rule: &Rule, needs: &mut Needs<'_>) {
        if let When::General(condition) = &rule.when {
            self.put(index, condition, rule.timing, needs);
        }
    }

    /// The same for a condition.
    pub(crate) fn put(&mut self, index: u32, condition: &Condition, timing: Timing, needs: &mut Needs<'_>) {
        let root = self.node(condition, needs);
        let mut joint = Vec::new();
        condition.leaves(&mut |leaf| match leaf {
            Condition::Level { what: Measured::Premium(premium), .. } => {
                let what = Measured::Premium(premium.clone());
                joint.push(self.signal(&what, needs));
                self.legs.extend(premium.legs().map(str::to_owned));
                self.facts.extend(premium.fact().map(str::to_owned));
            }
            Condition::Level { what: Measured::Health(health), .. } => {
                self.facts.push(health.fact().to_owned());
            }
            Condition::Level { what: Measured::MarketEvent(_), .. } => self.facts.push("market.".to_owned()),
            _ => {}
        });
        let counts = !condition.counted_rules().is_empty();
        self.counts_rules |= counts;
        let mut edges = Vec::new();
        root.edges(&mut edges);
        let find = |id: &str| needs.rules.iter().find(|rule| rule.id == id);
        let depth = crate::condition::depth(&find, condition, 0);
        self.restless = true;
        let level = Level::new(index, timing);
        let place = self.instances.partition_point(|instance| instance.depth <= depth);
        self.instances.insert(
            place,
            Instance {
                level,
                root,
                told: 0,
                joint,
                depth,
                quiet: Vec::new(),
                edges,
                counts,
                restless: true,
                timer: NEVER,
            },
        );
    }

    /// Whether a fact of this name may change something.
    pub(crate) fn heeds(&self, name: &str) -> bool {
        self.facts.iter().any(|fact| fact == name || (fact.ends_with('.') && name.starts_with(fact)))
    }

    fn node(&mut self, condition: &Condition, needs: &mut Needs<'_>) -> Node {
        let mut all = |parts: &[Condition], needs: &mut Needs<'_>| -> Vec<Node> {
            parts.iter().map(|part| self.node(part, needs)).collect()
        };
        match condition {
            Condition::Level { what, .. } => Node::Level { signal: self.signal(what, needs), standing: 0 },
            Condition::Instant(what) => Node::Instant { edge: self.edge(what, needs), at_ms: i64::MIN },
            Condition::All { of, .. } | Condition::Any(of) => Node::Parts(all(of, needs)),
            Condition::Not(part) => Node::Parts(vec![self.node(part, needs)]),
            Condition::Sequence(what) => {
                let mut parts = all(&what.steps, needs);
                parts.extend(what.forbid.iter().map(|part| self.node(part, needs)));
                Node::Sequence { parts, steps: Steps::default(), at_ms: i64::MIN }
            }
            Condition::Frequency(what) => {
                let (mut rule, mut part) = (None, None);
                match &what.of {
                    Counted::Rule(id) => {
                        let named = (0u32..).zip(needs.rules).find(|(_, rule)| rule.id == *id);
                        rule = named.map(|(index, _)| index);
                    }
                    Counted::Condition(of) => part = Some(Box::new(self.node(of, needs))),
                }
                Node::Frequency { rule, part, counter: Counter::default(), standing: 0 }
            }
        }
    }

    fn signal(&mut self, what: &Measured, needs: &mut Needs<'_>) -> usize {
        let id = pack(what);
        if let Some(place) = self.signals.iter().position(|(other, _)| *other == id) {
            return place;
        }
        self.signals.push((id, what.build(needs)));
        self.values.push(None);
        self.nears.push(f64::NAN);
        self.calm.push((f64::INFINITY, f64::NEG_INFINITY));
        self.restless = true;
        self.signals.len() - 1
    }

    fn edge(&mut self, what: &Instant, needs: &mut Needs<'_>) -> usize {
        let id = pack(what);
        if let Some(place) = self.edges.iter().position(|(other, _)| *other == id) {
            return place;
        }
        self.edges.push((id, what.build(needs)));
        self.happened.push(Vec::new());
        self.edges.len() - 1
    }

    /// A trade in order; whether rules have to be looked at for it.
    pub(crate) fn hear(&mut self, fill: &Fill, view: &View<'_>) -> bool {
        for (_, signal) in &mut self.signals {
            signal.trade(fill, view);
        }
        for ((_, edge), happened) in self.edges.iter_mut().zip(&mut self.happened) {
            edge.trade(fill, view, happened);
        }
        self.value(view);
        // Whether another rule began is not known yet, and legs have clocks of their own.
        self.stirred = self.counts_rules || !self.legs.is_empty() || !self.is_calm(view.now_ms);
        self.stirred
    }

    /// Looks at what the trade that was just heard changed.
    pub(crate) fn traded(&mut self, view: &View<'_>, scene: &mut Scene<'_>) {
        if std::mem::take(&mut self.stirred) {
            self.look_at_rules(Cause::Trade, view, scene);
        }
    }

    /// What every signal is at this moment.
    #[inline]
    fn value(&mut self, view: &View<'_>) {
        let slots = self.values.iter_mut().zip(&mut self.nears);
        for ((_, signal), (value, near)) in self.signals.iter().zip(slots) {
            *value = signal.value(view);
            *near = value.as_ref().map_or(f64::NAN, Reading::near);
        }
    }

    /// Whether nothing happened and every value is where it changes nothing.
    #[inline]
    fn is_calm(&self, now_ms: i64) -> bool {
        !self.restless
            && now_ms < self.timer
            && self.happened.iter().all(Vec::is_empty)
            && self.nears.iter().zip(&self.calm).all(|(near, calm)| is_still(*near, *calm))
    }

    /// A late trade.
    pub(crate) fn late(&mut self, fill: &Fill, view: &View<'_>, scene: &mut Scene<'_>) {
        for (_, signal) in &mut self.signals {
            signal.late(fill, view);
        }
        for (_, edge) in &mut self.edges {
            edge.late(fill, view);
        }
        self.look(Cause::Late, view, scene);
    }

    /// The clock moved without a trade, or a fact was told.
    pub(crate) fn tick(&mut self, view: &View<'_>, scene: &mut Scene<'_>) {
        for (_, signal) in &mut self.signals {
            signal.tick(view);
        }
        for (_, edge) in &mut self.edges {
            edge.tick(view);
        }
        self.look(Cause::Clock, view, scene);
    }

    /// Looks at every rule that something may have changed for.
    fn look(&mut self, cause: Cause, view: &View<'_>, scene: &mut Scene<'_>) {
        self.value(view);
        let began = self.counts_rules && scene.has_begun();
        // Legs have clocks of their own, which only their rules know.
        if began || !self.legs.is_empty() || !self.is_calm(view.now_ms) {
            self.look_at_rules(cause, view, scene);
        }
    }

    /// The same, once it is known what every signal is.
    fn look_at_rules(&mut self, cause: Cause, view: &View<'_>, scene: &mut Scene<'_>) {
        self.roused = false;
        self.fired.clear();
        if self.counts_rules {
            scene.begun(&mut self.fired);
        }
        let all = std::mem::take(&mut self.restless);
        let Self { signals, instances, values, nears, happened, fired, .. } = self;
        let market_ms = scene.now_ms;
        for instance in instances {
            let index = instance.level.rule;
            let Some(rule) = scene.rules.get(index as usize) else { continue };
            let When::General(condition) = &rule.when else { continue };
            let clock = |place: &usize| signals.get(*place).map(|(_, signal)| signal.clock(view));
            let now_ms = instance.joint.iter().filter_map(clock).fold(view.now_ms, i64::max);
            let moment = Moment { values, happened, fired, now_ms, cause };
            if !all && !instance.stirs(nears, &moment) {
                continue;
            }
            scene.now_ms = now_ms;
            if instance.look(condition, signals, &moment, view, scene) {
                fired.push(index);
            }
            instance.settle(condition, values, now_ms);
        }
        scene.now_ms = market_ms;
        self.happened.iter_mut().for_each(Vec::clear);
        self.sum_up();
    }

    /// Finds what is calm for all rules.
    fn sum_up(&mut self) {
        self.timer = NEVER;
        self.calm.fill((f64::NEG_INFINITY, f64::INFINITY));
        for Instance { quiet, restless, timer, .. } in &self.instances {
            self.restless |= *restless;
            self.timer = self.timer.min(*timer);
            for (signal, (low, high)) in quiet {
                if let Some(calm) = self.calm.get_mut(*signal) {
                    // What is unknown for one is unknown for all, and has no bounds.
                    *calm = if low.is_nan() { (*low, *high) } else { (calm.0.max(*low), calm.1.min(*high)) };
                }
            }
        }
    }

    /// The first clock at which something changes without a trade.
    pub(crate) fn due(&self, rules: &[Rule], view: &View<'_>) -> i64 {
        if self.roused {
            return i64::MIN;
        }
        let signals = self.signals.iter().map(|(_, signal)| signal.due(view)).min().unwrap_or(NEVER);
        if !self.restless {
            return signals.min(self.timer);
        }
        let instances = self.instances.iter().map(|instance| {
            let condition = match rules.get(instance.level.rule as usize).map(|rule| &rule.when) {
                Some(When::General(condition)) => instance.root.due(condition, view.now_ms),
                _ => NEVER,
            };
            condition.min(instance.level.deadline())
        });
        instances.min().unwrap_or(NEVER).min(signals)
    }

    /// Trades of this stretch may be missing.
    pub(crate) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        // What was known may be unknown by it.
        (self.restless, self.roused) = (true, true);
        self.signals.iter_mut().for_each(|(_, signal)| signal.gap(from_ms, to_ms));
        self.edges.iter_mut().for_each(|(_, edge)| edge.gap(from_ms, to_ms));
        for instance in &mut self.instances {
            instance.level.freeze(from_ms, to_ms);
        }
    }

    /// The states of the signals and edges that have one, by what they are.
    pub(crate) fn states(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let signals = self.signals.iter().map(|(id, signal)| (id.clone(), signal.save()));
        let edges = self.edges.iter().map(|(id, edge)| (id.clone(), edge.save()));
        signals.chain(edges).filter(|(_, state)| !state.is_empty()).collect()
    }

    /// The states back.
    pub(crate) fn set_states(&mut self, states: Vec<(Vec<u8>, Vec<u8>)>) {
        (self.restless, self.roused) = (true, true);
        let states: BTreeMap<Vec<u8>, Vec<u8>> = states.into_iter().collect();
        for (id, signal) in &mut self.signals {
            if let Some(state) = states.get(id) {
                signal.load(state);
            }
        }
        for (id, edge) in &mut self.edges {
            if let Some(state) = states.get(id) {
                edge.load(state);
            }
        }
    }
}

/// Whether a value is where it changes nothing; what was unknown and is, does not.
#[inline]
fn is_still(near: f64, (low, high): (f64, f64)) -> bool {
    (near > low && near < high) || (near.is_nan() && low.is_nan())
}

impl Instance {
    /// Whether something may change at this moment.
    fn stirs(&self, nears: &[f64], moment: &Moment<'_>) -> bool {
        let near = |signal: &usize| nears.get(*signal).copied().unwrap_or(f64::NAN);
        let happened = |edge: &usize| moment.happened.get(*edge).is_some_and(|happened| !happened.is_empty());
        self.restless
            || moment.now_ms >= self.timer
            || (self.counts && !moment.fired.is_empty())
            || self.edges.iter().any(happened)
            || self.quiet.iter().any(|(signal, quiet)| !is_still(near(signal), *quiet))
    }

    /// Finds out what changes nothing from here on.
    fn settle(&mut self, condition: &Condition, values: &[Option<Reading>], now_ms: i64) {
        self.quiet.clear();
        let calm = self.root.calm(condition, values, &mut self.quiet);
        self.restless = !calm || self.level.counting();
        self.timer = self.level.deadline().min(self.root.due(condition, now_ms));
    }

    /// Looks at the rule at this moment; whether it told of an event or began to fire.
    fn look(
        &mut self,
        condition: &Condition,
        signals: &[(Vec<u8>, Box<dyn Signal>)],
        moment: &Moment<'_>,
        view: &View<'_>,
        scene: &mut Scene<'_>,
    ) -> bool {
        let index = self.level.rule;
        let truth = self.root.truth(condition, moment);
        if let (Condition::Instant(_), Node::Instant { edge, .. }) = (condition, &self.root) {
            for happening in moment.happened.get(*edge).into_iter().flatten() {
                scene.happened(index, happening);
            }
            return truth == Some(true);
        }
        if condition.is_instant() {
            if truth == Some(true) {
                scene.happened(index, &node::sequence_seen(condition, &self.root));
            }
            return truth == Some(true);
        }
        let state = self.level.step(truth, moment.now_ms, moment.cause == Cause::Trade);
        let standing = self.root.standing();
        // While it fires, another severity is another firing.
        let moved = state.is_none() && self.level.is_firing() && standing > 0 && standing != self.told;
        if let Some(state) = state.or(moved.then_some(AlertState::Firing)) {
            let firing = state == AlertState::Firing;
            let told = if firing { standing } else { self.told };
            self.told = if firing { standing } else { 0 };
            scene.general(index, state, &node::describe(condition, &self.root, told, signals, moment, view));
        }
        state == Some(AlertState::Firing)
    }
}

#[cfg(test)]
impl General {
    /// What the signals said last, be it that rules were looked at for it or not.
    pub(crate) fn readings(&self) -> &[Option<Reading>] {
        &self.values
    }
}
