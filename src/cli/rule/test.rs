//! `tradehook rule test`: feeds that never were, and what must come of each.

use super::{Exit, Outcome, Rules, colour, fail, load};
use crate::{
    config::Refused,
    plugin::Host,
    rehearse::{self, Case, Fault, Test, TestFile, plain},
    runtime::Rehearsal,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

const EXAMPLES: &str = "\
A file of tests names the configurations whose rules are tried, and for every test a feed and what
must come of it. Time is that of the feed; nothing waits and nothing is sent. A test passes only
when everything that fires is expected and everything that is expected fires.

  rules = [\"config.toml\"]
  start = 2026-11-22T00:00:00Z

  [[test]]
  name   = \"fires once, and only on the first touch\"
  rule   = \"btc-100m\"
  market = \"KRW-BTC\"
  feed = \"\"\"
  0s     99_990_000   0.01  buy
  1s    100_000_000   0.02  buy
  repeat 60 every 1s price 100_000_100+1 volume 0.1 buy
  tick  5m
  gap   6m 10m
  \"\"\"
  expect = [ { at = \"1s\", state = \"event\", value = \"1억\", notified = true } ]

Lines of a feed: `OFFSET [MARKET] PRICE VOLUME buy|sell [bid=…] [ask=…] [prev=…]`, `tick OFFSET`,
`gap FROM TO [MARKET]`, `repeat N every STEP [from OFFSET] [MARKET] price P[+S] volume V buy`.
An expectation has `at` and `state` (event, firing, resolved, repeat, digest), and may have `rule`,
`market`, `value`, `severity`, `notified`, `channels`, `text` and `fields = { name = value }`.

Examples:
  tradehook rule test alerts_test.toml
  tradehook rule test tests/*.toml --junit results.xml
  tradehook rule test alerts_test.toml --only whale

Exit codes: 0 all passed, 1 one failed, 78 a file was refused.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Files of tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only tests whose name or rule contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write the results as JUnit's XML too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut bench = Bench { host: None, cases: Vec::new() };
    for file in &arguments.files {
        bench.file(file, arguments.only.as_deref())?;
    }
    let (count, failed) =
        (bench.cases.len(), bench.cases.iter().filter(|case| case.failure.is_some()).count());
    if let Some(path) = &arguments.junit {
        let written = fs::write(path, rehearse::junit(&bench.cases));
        written.map_err(|error| fail(Exit::Output, format!("cannot write {}: {error}", path.display())))?;
    }
    if count == 0 {
        return Err(fail(Exit::Usage, "no test is called that"));
    }
    let tests = if count == 1 { "1 test".to_owned() } else { format!("{count} tests") };
    if failed > 0 {
        say!("{tests}, {failed} failed");
        return Err(Exit::Failed);
    }
    say!("{tests}, all passed");
    Ok(())
}

/// What the files share: the engine, and the results so far.
struct Bench {
    host: Option<Host>,
    cases: Vec<Case>,
}

impl Bench {
    fn file(&mut self, path: &Path, only: Option<&str>) -> Outcome {
        let text = fs::read_to_string(path)
            .map_err(|error| fail(Exit::Unavailable, format!("cannot read {}: {error}", path.display())))?;
        let name = path.display().to_string();
        let refuse = |faults: Vec<Fault>| {
            let faults = faults.into_iter().map(|f| (f.span, f.path, f.message, f.help));
            tell!("{}", Refused::of(&name, &text, faults).render(colour()));
            Exit::Config
        };
        let file = rehearse::parse(&text).map_err(refuse)?;
        let rules = self.rules(path, &file)?;
        let wanted = |test: &&Test| {
            let rule = test.rule.as_deref().unwrap_or_default();
            only.is_none_or(|only| test.name.contains(only) || rule.contains(only))
        };
        let tests: Vec<&Test> = file.tests.iter().filter(wanted).collect();
        let homes: Vec<_> = tests.iter().map(|test| home(&rules, test)).collect();
        let faults: Vec<Fault> = homes.iter().filter_map(|home| home.clone().err()).collect();
        if !faults.is_empty() {
            return Err(refuse(faults));
        }
        for (test, home) in tests.into_iter().zip(homes) {
            let Some(rules) = home.ok().and_then(|at| rules.get(at)) else { continue };
            self.test(&name, test, rules, file.idle_lag_ms)?;
        }
        Ok(())
    }

    /// The configurations that a file of tests names, each loaded once for it.
    fn rules(&mut self, path: &Path, file: &TestFile) -> Result<Vec<Rules>, Exit> {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut loaded = Vec::new();
        for name in &file.rules {
            let config = load(&folder.join(name))?;
            let host = match self.host.take() {
                Some(host) => host,
                None => crate::cli::check::host(&config)?,
            };
            loaded.push(Rules::plan(config, &host)?);
            self.host = Some(host);
        }
        Ok(loaded)
    }

    fn test(&mut self, file: &str, test: &Test, rules: &Rules, idle_lag_ms: i64) -> Outcome {
        let begun = Instant::now();
        let failure = attempt(test, rules, idle_lag_ms)?;
        match &failure {
            None => say!("ok    {}", plain(&test.name)),
            Some(why) => say!("FAIL  {} ({file}:{})\n{}", plain(&test.name), test.line, why.trim_end()),
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (file, name, line) = (file.to_owned(), test.name.clone(), test.line);
        self.cases.push(Case { file, name, line, seconds, failure });
        Ok(())
    }
}

/// Which of the configurations has the rule of a test.
fn home(rules: &[Rules], test: &Test) -> Result<usize, Fault> {
    let Some(id) = test.rule.as_deref().filter(|_| test.plugin.is_empty()) else { return Ok(0) };
    let found: Vec<Result<(), String>> = rules.iter().map(|rules| rules.has(id)).collect();
    let fault = |message: String| Fault {
        span: test.place.clone(),
        path: "rule".to_owned(),
        message,
        help: Some("an id of an [[alert]] in one of the files that `rules` names".to_owned()),
    };
    let missing = || {
        fault(
            found.iter().find_map(|r| r.clone().err()).unwrap_or_else(|| "`rules` names no file".to_owned()),
        )
    };
    found.iter().position(Result::is_ok).ok_or_else(missing)
}

/// Runs one test; why it failed, if it did.
fn attempt(test: &Test, rules: &Rules, idle_lag_ms: i64) -> Result<Option<String>, Exit> {
    let script = test.script.clone();
    let rehearsal = Rehearsal::of_script(&rules.plan.groups, script, test.start_ms, idle_lag_ms);
    let mut rehearsal = rehearsal.map_err(|errors| super::refused(&rules.config, &errors))?;
    let happened = rehearsal.run().map_err(|error| fail(Exit::Unavailable, error))?;
    let comparison = rehearse::compare(test, happened);
    let mut why = String::new();
    if !comparison.passes() {
        why = rehearse::show(test, &comparison);
    }
    for (plugin, counts) in &rehearsal.summary().plugins {
        if let Some(fault) = &counts.last_fault {
            why.push_str(&format!("  the plugin {plugin} failed: {fault}\n"));
        }
    }
    Ok((!why.is_empty()).then_some(why))
}
