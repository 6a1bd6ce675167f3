//! The general evaluator of one market: signals shared by all rules, and each rule's tree.
//!
//! Signals are told of trades once and valued once per moment, whatever the number of rules. A
//! moment is a trade, a tick at which something is due, or a fact. Rules are looked at in their
//! order.
//!
//! Keeps: [bounded]

mod node;

pub(crate) use node::{Memory, Node};

use super::level::{Level, NEVER};
use super::view::{Needs, View};
use crate::bounds::Reading;
use crate::condition::Condition;
use crate::kinds::{Fill, Instant, Measured};
use crate::rule::{Rule, When};
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
    /// By edge: what happened at this moment.
    happened: Vec<Vec<Happening>>,
    /// The first clock at which something changes without a trade; none once a trade came.
    due: Option<i64>,
}

/// A rule in this market.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) level: Level,
    pub(crate) root: Node,
    /// Where a level with severities stood when it was last told.
    pub(crate) told: u8,
}

/// What is seen at one moment, beside the market's own view.
pub(crate) struct Moment<'a> {
    pub(crate) values: &'a [Option<Reading>],
    pub(crate) happened: &'a [Vec<Happening>],
    pub(crate) now_ms: i64,
}

impl General {
    pub(crate) fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// An instance of a rule. `known` finds what was made before.
    pub(crate) fn add(&mut self, index: u32, rule: &Rule, needs: &mut Needs<'_>) {
        let When::General(condition) = &rule.when else { return };
        let root = self.node(condition, needs);
        self.instances.push(Instance { level: Level::new(index, rule.timing), root, told: 0 });
    }

    fn node(&mut self, condition: &Condition, needs: &mut Needs<'_>) -> Node {
        match condition {
            Condition::Level { what, .. } => Node::Level { signal: self.signal(what, needs), standing: 0 },
            Condition::Instant(what) => Node::Instant { edge: self.edge(what, needs), at_ms: i64::MIN },
            Condition::All { of, .. } | Condition::Any(of) => {
                Node::Parts(of.iter().map(|part| self.node(part, needs)).collect())
            }
            Condition::Not(part) => Node::Parts(vec![self.node(part, needs)]),
        }
    }

    fn signal(&mut self, what: &Measured, needs: &mut Needs<'_>) -> usize {
        let id = pack(what);
        if let Some(place) = self.signals.iter().position(|(other, _)| *other == id) {
            return place;
        }
        self.signals.push((id, what.build(needs)));
        self.values.push(None);
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

    /// A trade in order.
    pub(crate) fn traded(&mut self, fill: &Fill, view: &View<'_>, scene: &mut Scene<'_>) {
        for (_, signal) in &mut self.signals {
            signal.trade(fill, view);
        }
        for ((_, edge), happened) in self.edges.iter_mut().zip(&mut self.happened) {
            edge.trade(fill, view, happened);
        }
        self.look(true, view, scene);
        self.happened.iter_mut().for_each(Vec::clear);
    }

    /// A late trade.
    pub(crate) fn late(&mut self, fill: &Fill, view: &View<'_>, scene: &mut Scene<'_>) {
        for (_, signal) in &mut self.signals {
            signal.late(fill, view);
        }
        for (_, edge) in &mut self.edges {
            edge.late(fill, view);
        }
        self.look(false, view, scene);
    }

    /// The clock moved without a trade, or a fact was told.
    pub(crate) fn tick(&mut self, view: &View<'_>, scene: &mut Scene<'_>) {
        for (_, signal) in &mut self.signals {
            signal.tick(view);
        }
        for (_, edge) in &mut self.edges {
            edge.tick(view);
        }
        self.look(false, view, scene);
    }

    /// Looks at every rule.
    fn look(&mut self, counts: bool, view: &View<'_>, scene: &mut Scene<'_>) {
        self.due = None;
        for ((_, signal), value) in self.signals.iter().zip(&mut self.values) {
            *value = signal.value(view);
        }
        let moment = Moment { values: &self.values, happened: &self.happened, now_ms: view.now_ms };
        for instance in &mut self.instances {
            let index = instance.level.rule;
            let Some(rule) = scene.rules.get(index as usize) else { continue };
            let When::General(condition) = &rule.when else { continue };
            if let (Condition::Instant(_), Node::Instant { edge, .. }) = (condition, &instance.root) {
                for happening in moment.happened.get(*edge).into_iter().flatten() {
                    scene.happened(index, happening);
                }
                continue;
            }
            let truth = instance.root.truth(condition, &moment);
            let state = instance.level.step(truth, view.now_ms, counts);
            let standing = instance.root.standing();
            let firing = instance.level.is_firing();
            // While it fires, another severity is another firing.
            let moved = state.is_none() && firing && standing > 0 && standing != instance.told;
            let state = if moved { Some(AlertState::Firing) } else { state };
            if let Some(state) = state {
                let told = if state == AlertState::Firing { standing } else { instance.told };
                instance.told = if state == AlertState::Firing { standing } else { 0 };
                let seen = node::describe(condition, &instance.root, told, &self.signals, &moment, view);
                scene.general(index, state, &seen);
            }
        }
    }

    /// The first clock at which something changes without a trade.
    pub(crate) fn due(&self, rules: &[Rule], view: &View<'_>) -> i64 {
        let signals = self.signals.iter().map(|(_, signal)| signal.due(view));
        let instances = self.instances.iter().map(|instance| {
            let condition = match rules.get(instance.level.rule as usize).map(|rule| &rule.when) {
                Some(When::General(condition)) => instance.root.due(condition, view.now_ms),
                _ => NEVER,
            };
            condition.min(instance.level.deadline())
        });
        signals.chain(instances).min().unwrap_or(NEVER)
    }

    /// Trades of this stretch may be missing.
    pub(crate) fn gap(&mut self, from_ms: i64, to_ms: i64) {
        self.signals.iter_mut().for_each(|(_, signal)| signal.gap(from_ms, to_ms));
        self.edges.iter_mut().for_each(|(_, edge)| edge.gap(from_ms, to_ms));
        self.instances.iter_mut().for_each(|instance| instance.level.freeze(from_ms, to_ms));
    }

    /// The states of the signals and edges that have one, by what they are.
    pub(crate) fn states(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let signals = self.signals.iter().map(|(id, signal)| (id.clone(), signal.save()));
        let edges = self.edges.iter().map(|(id, edge)| (id.clone(), edge.save()));
        signals.chain(edges).filter(|(_, state)| !state.is_empty()).collect()
    }

    /// The states back.
    pub(crate) fn set_states(&mut self, states: Vec<(Vec<u8>, Vec<u8>)>) {
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

#[cfg(test)]
impl General {
    /// What the signals said last.
    pub(crate) fn values(&self) -> &[Option<Reading>] {
        &self.values
    }
}
