//! From what the file says of alerts to the policies of the pipelines.

use super::plan::{ALERT, Group};
use crate::{
    alert::Severity,
    config::{self, AlertPolicy, Config, Fault},
    entry::Silence,
    policy::{Claim, Defaults, Hours, Policy, Rate, Route, RulePolicy, TemplateFault, Trigger, Zone},
};
use std::{collections::HashMap, time::Duration};

/// What holds where no rule says anything, and for all.
pub(super) fn defaults(config: &Config) -> Defaults {
    let from = &config.alerts.defaults;
    let policy = &from.policy;
    let route = |route: &config::Route| Route {
        alerts: route.alerts.clone(),
        notify: route.notify.clone(),
        goes_on: route.goes_on,
    };
    let silences = config.alerts.silences.iter().enumerate().map(|(at, silence)| Silence {
        id: format!("file-{}", at + 1),
        at_ms: silence.from_ms.unwrap_or_default(),
        alerts: silence.alerts.clone(),
        from_ms: silence.from_ms,
        until_ms: silence.until_ms,
        reason: silence.reason.clone(),
    });
    Defaults {
        severity: severity(from.severity),
        cooldown_ms: policy.cooldown.map(ms),
        trigger: trigger(&policy.trigger),
        repeat_ms: policy.repeat.map(ms),
        max_rate: rate(policy),
        active: active(policy),
        resolved: from.resolved.unwrap_or(true),
        notify_on_fall: policy.notify_on_fall,
        labels: policy.labels.clone(),
        routes: config.alerts.routes.iter().map(route).collect(),
        notify: from.notify.clone(),
        silences: silences.collect(),
        max_age_ms: Some(ms(config.alerts.max_alert_age)).filter(|age| *age > 0),
    }
}

/// The policy parts of the rules, in the order of the file.
pub(super) fn rules(config: &Config) -> Vec<RulePolicy> {
    let rule = |rule: &config::Rule| RulePolicy {
        plugin: plugin_of(rule).to_owned(),
        id: rule.id.clone(),
        name: rule.name.clone().unwrap_or_default(),
        kind: rule.kind.clone(),
        severity: severity(rule.severity),
        cooldown_ms: rule.policy.cooldown.map(ms),
        trigger: trigger(&rule.policy.trigger),
        repeat_ms: rule.policy.repeat.map(ms),
        max_rate: rate(&rule.policy),
        expires_ms: rule.expires_ms,
        active: active(&rule.policy),
        inhibited_by: rule.inhibited_by.clone(),
        is_wide: rule.is_single,
        notify: rule.notify.clone(),
        message: rule.message.clone(),
        resolved: rule.resolved,
        notify_on_fall: rule.policy.notify_on_fall,
        labels: rule.policy.labels.clone(),
        claim: rule.claim.as_ref().map(|c| Claim { rule: c.rule.clone(), key: c.key.clone() }),
        semantic: rule.semantic.clone(),
        sample: Vec::new(),
    };
    config.alerts.rules.iter().map(rule).collect()
}

/// The plugin whose alerts a rule speaks for.
fn plugin_of(rule: &config::Rule) -> &str {
    rule.claim.as_ref().map_or(ALERT, |claim| &claim.plugin)
}

/// What is wrong with the messages of rules, each where it stands within its template.
pub(super) fn template_faults(config: &Config) -> Vec<Fault> {
    let Err(faults) = Policy::new(rules(config), defaults(config)) else { return Vec::new() };
    let fault = |fault: TemplateFault| {
        let rule = config.alerts.rules.iter().position(|rule| rule.id == fault.rule).unwrap_or_default();
        config.fault_within(&["alert", &rule.to_string(), "message"], fault.offset, fault.to_string())
    };
    faults.into_iter().map(fault).collect()
}

/// Rules that hold one another back have to run in one pipeline: between two there is no order.
pub(super) fn inhibition_faults(config: &Config, groups: &[Group]) -> Vec<Fault> {
    let home = |plugin: &str| groups.iter().position(|g| g.specs.iter().any(|spec| spec.name == plugin));
    let rules = &config.alerts.rules;
    let by_id: HashMap<&str, &config::Rule> = rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
    let mut faults = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        for (n, inhibitor) in rule.inhibited_by.iter().enumerate() {
            let Some(other) = by_id.get(inhibitor.as_str()) else { continue };
            let (own, others) = (plugin_of(rule), plugin_of(other));
            let apart = home(own).zip(home(others)).is_some_and(|(a, b)| a != b);
            if apart {
                let keys = ["alert", &at.to_string(), "inhibited_by", &n.to_string()];
                let message =
                    format!("`{inhibitor}` is about alerts of {others}, which runs apart from {own}");
                let help =
                    "plugins that feed one another run together: give one of them the other as its input";
                faults.push(config.fault_at(&keys, message, Some(help.to_owned())));
            }
        }
    }
    faults
}

fn severity(from: config::Severity) -> Severity {
    match from {
        config::Severity::Info => Severity::Info,
        config::Severity::Warning => Severity::Warning,
        config::Severity::Critical => Severity::Critical,
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn rate(from: &AlertPolicy) -> Option<Rate> {
    from.max_rate.map(|(count, time)| Rate { count, window_ms: ms(time) })
}

/// The configuration has been checked for zones that exist.
fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap_or_else(Zone::utc)
}

fn active(from: &AlertPolicy) -> Option<Hours> {
    let active = from.active.as_ref()?;
    Hours::new(active.days, active.from, active.to, zone(&active.timezone))
}

fn trigger(from: &config::Trigger) -> Trigger {
    match from {
        config::Trigger::Every => Trigger::Every,
        config::Trigger::Once => Trigger::Once,
        config::Trigger::OncePer(time) => Trigger::OncePer { ms: ms(*time).max(1) },
        config::Trigger::OncePerDay(name) => Trigger::OncePerDay { zone: zone(name) },
    }
}
