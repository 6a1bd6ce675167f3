//! From a configuration to what will run: compiled plugins in groups that feed one another.
//!
//! A plan is made whole before anything of it is started, so that a start or a reload is refused
//! with every fault at once and nothing is half applied.
//!
//! Keeps: [named-means-required]

use super::{bundled, policies};
use crate::{
    config::{self, Code, Config, Fault, Input, Refused},
    pipeline::{Checkpoint, MarketFilter, NodeSpec, Pipeline, StartError},
    plugin::{Host, Limits, LoadError, Plugin},
    policy::{Defaults, RulePolicy},
};
use std::collections::{BTreeMap, HashMap};

/// Name of the plugin in which the rules of `[[alert]]` run.
pub(super) const ALERT: &str = "alert";

/// What will run.
pub struct Plan {
    /// The pipelines: each a plugin that reads the tape, and those that read it in turn.
    pub groups: Vec<Group>,
}

/// One pipeline, ready to be started.
#[derive(Clone)]
pub struct Group {
    /// The name of its first plugin.
    pub name: String,
    /// Its plugins, each after the one it reads.
    pub specs: Vec<NodeSpec>,
    /// The policy parts of the rules that its plugins run.
    pub rules: Vec<RulePolicy>,
    /// What holds where no rule says anything.
    pub defaults: Defaults,
    /// Which channels get the records of which plugin.
    pub routes: BTreeMap<String, Vec<String>>,
}

impl Plan {
    /// Loads every plugin and checks every message template.
    ///
    /// # Errors
    /// Every fault, at its place in the file.
    pub fn new(config: &Config, host: &Host) -> Result<Self, Refused> {
        let (plan, mut faults) = Self::gather(config, host, |_| false);
        if faults.is_empty() {
            return Ok(plan);
        }
        faults.extend(plan.start_faults(config));
        Err(config.refuse(faults))
    }

    /// The same refusal, with what plugins and templates find wrong in the rest of the file.
    #[must_use]
    pub fn look_further(refused: Refused) -> Refused {
        let Some(config) = refused.rest() else { return refused };
        // A cache that does not open is a fault of the next start, not of this file's text.
        let Ok(host) = Host::new(config.runtime.compile_cache.clone()) else { return refused };
        let is_faulty = |name: &str| {
            let mut paths = refused.faults.iter().filter_map(|f| f.path.strip_prefix("plugins."));
            paths.any(|p| p.strip_prefix(name).is_some_and(|p| p.is_empty() || p.starts_with('.')))
        };
        let (plan, mut faults) = Self::gather(config, &host, is_faulty);
        faults.extend(plan.start_faults(config));
        refused.with(faults)
    }

    /// What can be loaded, and why the rest cannot; plugins that `skip` names are passed over.
    fn gather(config: &Config, host: &Host, skip: impl Fn(&str) -> bool) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut loaded: HashMap<&Code, Plugin> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut place: HashMap<&str, (usize, usize)> = HashMap::new();
        for entry in config.plugins.iter().filter(|entry| !skip(&entry.name)) {
            let plugin = match loaded.get(&entry.code) {
                Some(plugin) => plugin.clone(),
                None => match load(host, &entry.code) {
                    Ok(plugin) => loaded.entry(&entry.code).or_insert(plugin).clone(),
                    Err(error) => {
                        faults.extend(load_faults(config, &entry.name, &error));
                        continue;
                    }
                },
            };
            let upstream = match &entry.input {
                Input::Trades => None,
                // What it reads did not load: that fault has been said.
                Input::Plugin(name) => match place.get(name.as_str()) {
                    Some(&at) => Some(at),
                    None => continue,
                },
            };
            let at = upstream.map_or(groups.len(), |(group, _)| group);
            if upstream.is_none() {
                groups.push(Group::new(config, &entry.name));
            }
            let Some(group) = groups.get_mut(at) else { continue };
            place.insert(&entry.name, (at, group.specs.len()));
            group.routes.insert(entry.name.clone(), entry.to.clone());
            group.specs.push(NodeSpec {
                name: entry.name.clone(),
                plugin,
                config: entry.config.clone(),
                limits: limits(&entry.limits),
                input: upstream.map(|(_, node)| node),
                markets: MarketFilter::new(entry.markets.clone()),
            });
        }
        for group in &mut groups {
            let specs = &group.specs;
            group.rules.retain(|rule| specs.iter().any(|spec| spec.name == rule.plugin));
        }
        faults.extend(policies::inhibition_faults(config, &groups));
        faults.extend(policies::template_faults(config));
        (Self { groups }, faults)
    }

    /// SHA-256 of every plugin's code, in order.
    #[must_use]
    pub fn digests(&self) -> Vec<String> {
        let specs = self.groups.iter().flat_map(|group| &group.specs);
        specs.map(|spec| spec.plugin.digest().to_owned()).collect()
    }

    /// Starts every plugin once and throws it away: what `tradehook check` does.
    ///
    /// # Errors
    /// Every fault that a plugin finds in its configuration, at its place in the file.
    pub fn check(&self, config: &Config) -> Result<(), Refused> {
        let faults = self.start_faults(config);
        if faults.is_empty() { Ok(()) } else { Err(config.refuse(faults)) }
    }

    fn start_faults(&self, config: &Config) -> Vec<Fault> {
        let errors = self.groups.iter().filter_map(|group| group.start(None).err()).flatten();
        errors.flat_map(|e| load_faults(config, &e.plugin, &e.error)).collect()
    }
}

impl Group {
    fn new(config: &Config, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            specs: Vec::new(),
            rules: policies::rules(config),
            defaults: policies::defaults(config),
            routes: BTreeMap::new(),
        }
    }

    /// Starts its plugins, each from its part of the checkpoint.
    ///
    /// # Errors
    /// Every plugin that does not start.
    pub fn start(&self, from: Option<&Checkpoint>) -> Result<Pipeline, Vec<StartError>> {
        Pipeline::start(self.name.clone(), self.specs.clone(), from)
    }
}

/// Plugins that did not start, as faults of the file.
#[must_use]
pub fn refuse(config: &Config, errors: &[StartError]) -> Refused {
    config.refuse(errors.iter().flat_map(|e| load_faults(config, &e.plugin, &e.error)).collect())
}

fn load(host: &Host, code: &Code) -> Result<Plugin, LoadError> {
    match code {
        Code::Bundled(bundled) => host.load(bundled::code(*bundled)),
        Code::File(path) => host.load_file(path),
    }
}

fn load_faults(config: &Config, name: &str, error: &LoadError) -> Vec<Fault> {
    match error {
        LoadError::Config(faults) => faults
            .iter()
            .map(|fault| config.fault_of(name, &fault.path, fault.message.clone(), fault.help.clone()))
            .collect(),
        other => {
            let message = format!("plugin `{name}` does not load: {other}");
            vec![config.fault_at(&["plugins", name, "path"], message, None)]
        }
    }
}

/// Limits of a plugin as the host takes them.
#[must_use]
pub fn limits(from: &config::Limits) -> Limits {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        memory_bytes: size(from.memory),
        deadline: from.deadline,
        fuel: from.fuel,
        emissions: from.emissions as usize,
        emission_bytes: size(from.emission_bytes),
        host_call_bytes: size(from.host_call_bytes),
        snapshot_bytes: size(from.snapshot_bytes),
    }
}
