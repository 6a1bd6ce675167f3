//! A rehearsal: a script or a recording through the real pipelines and the real policy, with every
//! transition seen before the policy and joined with what would have left after it.
//!
//! Nothing is delivered. Deadlines of plugins are wide here, so that a busy machine changes no
//! result; their fuel, which is the same on every machine, still counts.
//!
//! Keeps: [time-enters-once]

use super::{
    output::Output,
    plan::Group,
    replay::{Replay, ReplayError, Source, Summary, Watched},
};
use crate::{
    alert::{AlertState, Raised, Severity},
    delivery::{Content, Delivery},
    pipeline::{Emitted, InspectError, StartError},
    policy::TemplateFault,
    rehearse::{Happened, Script, State, duration_ms},
};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// Trades that go through the pipelines at a time.
const BATCH: usize = 4096;
/// Wall time of a call.
const DEADLINE: Duration = Duration::from_secs(60);
/// What the `alert` plugin takes when nothing is written.
const IDLE_LAG_MS: i64 = 2000;

/// A rehearsal under way.
pub struct Rehearsal {
    replay: Replay,
    /// The rules of the file by plugin and name: how urgent where the alert does not say.
    severities: HashMap<(String, String), Severity>,
    severity: Severity,
    origin_ms: i64,
}

impl Rehearsal {
    /// Of what a person wrote: the clock of rules runs `idle_lag_ms` behind the ticks of the script.
    /// Times are counted from `origin_ms`.
    ///
    /// # Errors
    /// Every plugin that does not start.
    pub fn of_script(
        groups: &[Group],
        script: Script,
        origin_ms: i64,
        idle_lag_ms: i64,
    ) -> Result<Self, Vec<StartError>> {
        let lead_ms = idle_lag_of(groups).saturating_sub(idle_lag_ms);
        let source = Source::script(script.markets, script.entries);
        let mut rehearsal = Self::of_recording(groups, source)?;
        rehearsal.replay = rehearsal.replay.ahead(lead_ms);
        rehearsal.origin_ms = origin_ms;
        Ok(rehearsal)
    }

    /// Of a recording; times are absolute.
    ///
    /// # Errors
    /// Every plugin that does not start.
    pub fn of_recording(groups: &[Group], source: Source) -> Result<Self, Vec<StartError>> {
        let groups: Vec<Group> = groups.iter().map(unhurried).collect();
        let rules = groups.iter().flat_map(|group| &group.rules);
        let severities = rules.map(|rule| ((rule.plugin.clone(), rule.id.clone()), rule.severity)).collect();
        let severity = groups.first().map(|group| group.defaults.severity).unwrap_or_default();
        let replay = Replay::start(&groups, source, BATCH)?.watched();
        Ok(Self { replay, severities, severity, origin_ms: 0 })
    }

    /// One batch, and what came of it in the order of the tape; `None` at the end.
    ///
    /// # Errors
    /// When the recording cannot be read any further.
    pub fn step(&mut self) -> Result<Option<Vec<Happened>>, ReplayError> {
        let (severities, severity, origin_ms) = (&self.severities, self.severity, self.origin_ms);
        let Some(Watched { raised, deliveries }) = self.replay.watch()? else { return Ok(None) };
        let known = |raised: &Raised| {
            let of_rule = severities.get(&(raised.plugin.clone(), raised.rule.clone()));
            (of_rule.is_some(), raised.severity.or(of_rule.copied()).unwrap_or(severity))
        };
        Ok(Some(join(raised, deliveries, origin_ms, known)))
    }

    /// Everything at once.
    ///
    /// # Errors
    /// When the recording cannot be read any further.
    pub fn run(&mut self) -> Result<Vec<Happened>, ReplayError> {
        let mut all = Vec::new();
        while let Some(some) = self.step()? {
            all.extend(some);
        }
        Ok(all)
    }

    /// What it came to so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        self.replay.summary()
    }

    /// How much there is, and how much of it has been read.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        self.replay.progress()
    }

    /// What a plugin answers to a question about what it has in mind at this point.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn inspect(&mut self, plugin: &str, query: &str) -> Result<String, InspectError> {
        self.replay.inspect(plugin, query)
    }

    /// The markets that were fed, or at least named.
    #[must_use]
    pub fn markets(&self) -> BTreeSet<String> {
        self.replay.markets()
    }

    /// The greatest time so far, ms since the Unix epoch.
    #[must_use]
    pub fn clock_ms(&self) -> i64 {
        self.replay.clock_ms()
    }
}

/// What would leave if plugins raised this, and nothing before it.
///
/// # Errors
/// Templates that do not compile; a plan has been checked for them.
pub fn routed(group: &Group, raised: &[Raised]) -> Result<Vec<Delivery>, Vec<TemplateFault>> {
    let (mut deliveries, emitted) =
        (Vec::new(), raised.iter().cloned().map(Emitted::Alert).collect::<Vec<_>>());
    Output::new(group)?.take(&emitted, &mut deliveries, |_| {});
    Ok(deliveries)
}

fn unhurried(group: &Group) -> Group {
    let mut group = group.clone();
    group.specs.iter_mut().for_each(|spec| spec.limits.deadline = DEADLINE);
    group
}

/// By how much the clock of rules runs behind that of ticks, as the `alert` plugin is told.
fn idle_lag_of(groups: &[Group]) -> i64 {
    #[derive(Deserialize)]
    struct Settings {
        idle_lag: Option<String>,
    }
    let mut specs =
        groups.iter().flat_map(|group| &group.specs).filter(|spec| spec.name == super::plan::ALERT);
    let settings = specs.next().and_then(|spec| serde_json::from_str::<Settings>(&spec.config).ok());
    settings.and_then(|settings| duration_ms(&settings.idle_lag?)).unwrap_or(IDLE_LAG_MS)
}

/// Transitions with what was sent of each, and behind them what the policy sent by itself.
fn join(
    raised: &[Raised],
    deliveries: &[Delivery],
    origin_ms: i64,
    known: impl Fn(&Raised) -> (bool, Severity),
) -> Vec<Happened> {
    let mut open: Vec<Option<&Delivery>> =
        deliveries.iter().map(|delivery| (delivery.content == Content::Alert).then_some(delivery)).collect();
    let mut happened: Vec<Happened> = Vec::with_capacity(raised.len());
    for raised in raised {
        let (is_own, severity) = known(raised);
        let mut told = Happened {
            at_ms: raised.at_ms.saturating_sub(origin_ms),
            plugin: if is_own { String::new() } else { raised.plugin.clone() },
            rule: raised.rule.clone(),
            key: raised.key.clone(),
            state: state(raised.state),
            severity,
            fields: raised.fields.clone(),
            title: raised.title.clone(),
            channels: Vec::new(),
            text: None,
        };
        for place in &mut open {
            let about = |d: &&Delivery| {
                (&d.rule, &d.key, d.at_ms, d.state) == (&raised.rule, &raised.key, raised.at_ms, raised.state)
                    && !told.channels.contains(&d.channel)
            };
            if let Some(delivery) = place.filter(about) {
                *place = None;
                told.channels.push(delivery.channel.clone());
                told.text = Some(delivery.text.clone());
                told.severity = delivery.severity;
            }
        }
        happened.push(told);
    }
    for delivery in open.into_iter().flatten() {
        alone(delivery, origin_ms, &mut happened);
    }
    happened
}

/// A message that no plugin caused: a repetition, or a digest.
fn alone(delivery: &Delivery, origin_ms: i64, happened: &mut Vec<Happened>) {
    #[derive(Deserialize)]
    struct Body {
        r#type: String,
        #[serde(default)]
        plugin: String,
    }
    let body = serde_json::from_str::<Body>(&delivery.body).ok();
    let word = body.as_ref().and_then(|body| body.r#type.strip_prefix("alert."));
    let state = word.and_then(State::parse).unwrap_or_else(|| state(delivery.state));
    let plugin = body.map(|body| body.plugin).filter(|plugin| !plugin.is_empty());
    let at_ms = delivery.at_ms.saturating_sub(origin_ms);
    // To several channels it is still one.
    let same = |h: &&mut Happened| {
        (&h.rule, &h.key, h.at_ms, h.state) == (&delivery.rule, &delivery.key, at_ms, state)
            && !h.channels.contains(&delivery.channel)
    };
    if let Some(told) = happened.iter_mut().rev().find(same) {
        told.channels.push(delivery.channel.clone());
        return;
    }
    happened.push(Happened {
        at_ms,
        plugin: plugin.filter(|plugin| plugin != super::plan::ALERT).unwrap_or_default(),
        rule: delivery.rule.clone(),
        key: delivery.key.clone(),
        state,
        severity: delivery.severity,
        fields: Vec::new(),
        title: String::new(),
        channels: vec![delivery.channel.clone()],
        text: Some(delivery.text.clone()),
    });
}

const fn state(of: AlertState) -> State {
    match of {
        AlertState::Event => State::Event,
        AlertState::Firing => State::Firing,
        AlertState::Resolved => State::Resolved,
    }
}
