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
    alert::{AlertState, FieldValue, Raised, Severity},
    delivery::{Content, Delivery},
    market::glob_matches,
    pipeline::{Emitted, InspectError, StartError},
    policy::{Claim, Explanation, TemplateFault},
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
    book: Book,
    origin_ms: i64,
}

/// The rules of the file, for alerts that do not say all of themselves.
#[derive(Default)]
struct Book {
    /// By plugin and the plugin's name for it.
    rules: HashMap<(String, String), Severity>,
    /// Rules for alerts of a plugin, in the order of the file.
    claims: Vec<(String, Claim, String, Severity)>,
    severity: Severity,
}

/// Whose an alert is.
struct Owner {
    /// Empty where a rule of the file speaks for it.
    plugin: String,
    rule: String,
    severity: Severity,
}

impl Book {
    fn new(groups: &[Group]) -> Self {
        let mut book = Self::default();
        for rule in groups.iter().flat_map(|group| &group.rules) {
            match rule.claim.clone() {
                None => _ = book.rules.insert((rule.plugin.clone(), rule.id.clone()), rule.severity),
                Some(claim) => book.claims.push((rule.plugin.clone(), claim, rule.id.clone(), rule.severity)),
            }
        }
        book.severity = groups.first().map(|group| group.defaults.severity).unwrap_or_default();
        book
    }

    /// The plugin by name, where no rule of the file is called so; otherwise nothing.
    fn plugin(&self, plugin: &str, rule: &str) -> String {
        let is_own = self.rules.keys().any(|(_, id)| id == rule) || self.claims.iter().any(|c| c.2 == rule);
        if is_own { String::new() } else { plugin.to_owned() }
    }

    fn owner(&self, raised: &Raised) -> Owner {
        let is_claimed = |(plugin, claim, ..): &&(String, Claim, String, Severity)| {
            *plugin == raised.plugin
                && glob_matches(&claim.rule, &raised.rule)
                && glob_matches(&claim.key, &raised.key)
        };
        let own = self.rules.get(&(raised.plugin.clone(), raised.rule.clone()));
        let (plugin, rule, severity) = match (own, self.claims.iter().find(is_claimed)) {
            (Some(severity), _) => (String::new(), raised.rule.clone(), *severity),
            (None, Some((.., id, severity))) => (String::new(), id.clone(), *severity),
            (None, None) => (raised.plugin.clone(), raised.rule.clone(), self.severity),
        };
        Owner { plugin, rule, severity: raised.severity.unwrap_or(severity) }
    }
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
        let book = Book::new(&groups);
        let replay = Replay::start(&groups, source, BATCH)?.watched();
        Ok(Self { replay, book, origin_ms: 0 })
    }

    /// One batch, and what came of it in the order of the tape; `None` at the end.
    ///
    /// # Errors
    /// When the recording cannot be read any further.
    pub fn step(&mut self) -> Result<Option<Vec<Happened>>, ReplayError> {
        let (book, origin_ms) = (&self.book, self.origin_ms);
        let Some(Watched { raised, deliveries }) = self.replay.watch()? else { return Ok(None) };
        Ok(Some(join(raised, deliveries, origin_ms, book)))
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

    /// What the policy says at this point of a rule and what it is about.
    #[must_use]
    pub fn explain(&self, rule: &str, key: &str) -> Vec<Explanation> {
        self.replay.explain(rule, key)
    }

    /// What waits for company, as it would leave at the end of a job.
    pub fn flush(&mut self) -> Vec<Happened> {
        let mut happened = Vec::new();
        for delivery in self.replay.flush().iter().filter(|delivery| delivery.content == Content::Alert) {
            alone(delivery, &self.book, self.origin_ms, &mut happened);
        }
        happened
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
fn join(raised: &[Raised], deliveries: &[Delivery], origin_ms: i64, book: &Book) -> Vec<Happened> {
    let mut open: Vec<Option<&Delivery>> =
        deliveries.iter().map(|delivery| (delivery.content == Content::Alert).then_some(delivery)).collect();
    let mut happened: Vec<Happened> = Vec::with_capacity(raised.len());
    for raised in raised {
        let Owner { plugin, rule, severity } = book.owner(raised);
        let mut told = Happened {
            at_ms: raised.at_ms.saturating_sub(origin_ms),
            plugin,
            rule,
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
                (&d.rule, &d.key, d.at_ms, d.state) == (&told.rule, &raised.key, raised.at_ms, raised.state)
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
        alone(delivery, book, origin_ms, &mut happened);
    }
    happened
}

/// A message that no plugin caused: a repetition, or a digest.
fn alone(delivery: &Delivery, book: &Book, origin_ms: i64, happened: &mut Vec<Happened>) {
    #[derive(Deserialize)]
    struct Body {
        r#type: String,
        #[serde(default)]
        plugin: String,
        #[serde(default)]
        alerts: Vec<Line>,
    }
    let Ok(body) = serde_json::from_str::<Body>(&delivery.body) else { return };
    let word = body.r#type.strip_prefix("alert.");
    let told = Happened {
        at_ms: delivery.at_ms.saturating_sub(origin_ms),
        plugin: book.plugin(&body.plugin, &delivery.rule),
        rule: delivery.rule.clone(),
        key: delivery.key.clone(),
        state: word.and_then(State::parse).unwrap_or_else(|| state(delivery.state)),
        severity: delivery.severity,
        fields: Vec::new(),
        title: String::new(),
        channels: vec![delivery.channel.clone()],
        text: Some(delivery.text.clone()),
    };
    if told.state != State::Digest {
        return tell(told, happened);
    }
    // A digest is about several rules: each gets its part of it.
    let mut counts: Vec<(&str, &str, i64)> = Vec::new();
    for line in &body.alerts {
        match counts.iter_mut().find(|(plugin, rule, _)| (*plugin, *rule) == (&line.plugin, &line.rule)) {
            Some((.., count)) => *count += line.count,
            None => counts.push((&line.plugin, &line.rule, line.count)),
        }
    }
    for (plugin, rule, count) in counts {
        let fields = vec![("value".to_owned(), FieldValue::Int(count))];
        let plugin = book.plugin(plugin, rule);
        tell(Happened { plugin, rule: rule.to_owned(), fields, ..told.clone() }, happened);
    }
}

/// A line of a digest.
#[derive(Deserialize)]
struct Line {
    plugin: String,
    rule: String,
    count: i64,
}

/// What goes to several channels is still one thing that happened.
fn tell(told: Happened, happened: &mut Vec<Happened>) {
    let same = |h: &&mut Happened| {
        (&h.plugin, &h.rule, &h.key, h.at_ms, h.state)
            == (&told.plugin, &told.rule, &told.key, told.at_ms, told.state)
            && h.channels.iter().all(|channel| !told.channels.contains(channel))
    };
    match happened.iter_mut().rev().find(same) {
        Some(known) => known.channels.extend(told.channels),
        None => happened.push(told),
    }
}

const fn state(of: AlertState) -> State {
    match of {
        AlertState::Event => State::Event,
        AlertState::Firing => State::Firing,
        AlertState::Resolved => State::Resolved,
    }
}
