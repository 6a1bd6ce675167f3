//! `tradehook check`: everything that can be wrong before the start, at once.

use super::{ConfigFile, Exit, Outcome, colour, fail, listed::Asked};
use crate::{config::Config, plugin::Host, runtime::Plan};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Do not ask the venue whether it has the markets
    #[arg(long)]
    offline: bool,
    /// Print faults as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if !arguments.json || !arguments.file.config.exists() {
        let config = super::load(&arguments.file)?;
        super::show_warnings(&config);
        let plan = plugins(&config).inspect_err(|refused| tell!("{}", refused.render(colour())));
        let plan = plan.map_err(|_| Exit::Config)?;
        Asked::about(&config, arguments.offline)?.tell(&config)?;
        print_summary(&config, &plan);
        return Ok(());
    }
    let (faults, asked) = match super::read(&arguments.file) {
        Ok(config) => match plugins(&config) {
            Ok(_) => match Asked::about(&config, arguments.offline)? {
                Asked::Unlisted(faults) => (faults, true),
                Asked::InVain(_) | Asked::Not => (Vec::new(), false),
            },
            Err(refused) => (refused.faults, false),
        },
        Err(refused) => (refused.faults, false),
    };
    let ok = faults.is_empty();
    say!(
        "{}",
        json!({ "file": arguments.file.config, "ok": ok, "asked_the_venue": asked, "faults": faults })
    );
    if ok { Ok(()) } else { Err(Exit::Config) }
}

/// Loads and starts every plugin once.
fn plugins(config: &Config) -> Result<Plan, crate::config::Refused> {
    let host = Host::new(config.runtime.compile_cache.clone()).map_err(|error| {
        let fault = config.fault_at(&["runtime"], error.to_string(), None);
        config.refuse(vec![fault])
    })?;
    let plan = Plan::new(config, &host)?;
    plan.check(config)?;
    Ok(plan)
}

fn print_summary(config: &Config, plan: &Plan) {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let patterns = config.feed.markets.iter().filter(|market| market.contains('*')).count();
    let markets = match (config.feed.markets.len() - patterns, patterns) {
        (named, 0) => count(named, "market"),
        (0, patterns) => format!("{} of markets", count(patterns, "pattern")),
        (named, patterns) => format!("{} and {}", count(named, "market"), count(patterns, "pattern")),
    };
    say!(
        "ok: {markets}, {}, {}, {}",
        count(config.plugins.len(), "plugin"),
        count(config.alerts.rules.len(), "alert rule"),
        count(config.channels.len(), "channel"),
    );
    for group in &plan.groups {
        for spec in &group.specs {
            let input = spec.input.and_then(|i| group.specs.get(i)).map_or("trades", |up| up.name.as_str());
            say!("  {input} -> {} ({} KiB)", spec.name, spec.plugin.size_bytes().div_ceil(1024));
        }
    }
}

/// The same, for commands that go on afterwards.
pub(super) fn plan(config: &Config, host: &Host) -> Result<Plan, Exit> {
    Plan::new(config, host).map_err(|refused| {
        tell!("{}", refused.render(colour()));
        Exit::Config
    })
}

pub(super) fn host(config: &Config) -> Result<Host, Exit> {
    Host::new(config.runtime.compile_cache.clone()).map_err(|error| fail(Exit::Unavailable, error))
}
