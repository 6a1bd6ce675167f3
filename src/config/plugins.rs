//! `[plugins.NAME]`: code, input, settings and limits, in the order in which they feed one another.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Alerts, Bundled, Code, Input, Limits, OnGap, Plugin,
    channels::check_name,
    json::{self, Numbers},
    names::Known,
    sections::ms,
    text::{self, quoted},
    walk::{Item, Section},
};

/// Most plugins of one file (chosen: each has a thread and 16 MiB).
const MAX_PLUGINS: usize = 200;
/// The word for the stream as an input.
const TRADES: &str = "trades";
/// The plugin that gets the rules.
pub(super) const ALERT: &str = "alert";

/// What the host adds to the settings of `alert`.
struct Own {
    settings: String,
    has_lag: bool,
}

/// A plugin as it is being read.
struct Draft<'a> {
    plugin: Plugin,
    span: Range<usize>,
    input: Option<Item<'a>>,
}

/// All plugins, the one that the rules imply included.
pub(super) fn read(
    section: &Section<'_>,
    known: &Known<'_>,
    alerts: &Alerts,
    conditions: &[String],
) -> Vec<Plugin> {
    let mut drafts = Vec::new();
    if section.is_longer_than(MAX_PLUGINS) {
        return Vec::new();
    }
    for (span, name, item) in section.entries() {
        check_name(&item, span.clone(), name, "plugin");
        if name == TRADES {
            let help = "choose another name: inputs use it for the stream".to_owned();
            item.walk.fault(span.clone(), &item.path, "the name `trades` is reserved".into(), Some(help));
        }
        if let Some(s) = item.section() {
            let lag_is_written = s.holds("config", "idle_lag");
            let own = (name == ALERT).then(|| Own {
                settings: own_settings(alerts, conditions, lag_is_written),
                has_lag: alerts.idle_lag.is_some(),
            });
            drafts.push(draft(s, name, span, known, own));
        }
    }
    if alerts.enabled && !conditions.is_empty() && !drafts.iter().any(|d| d.plugin.name == ALERT) {
        let span = usize::MAX..usize::MAX; // it stands nowhere; so it comes last
        drafts.push(Draft { plugin: implied(alerts, conditions), span, input: None });
    }
    check_inputs(&drafts);
    in_order(drafts)
}

/// The settings of the `alert` plugin that do not come from `[plugins.alert.config]`.
///
/// Its clock must not run ahead of trades that may still come, so whoever lengthens the lateness
/// lengthens `idle_lag` with it, unless it is written.
fn own_settings(alerts: &Alerts, conditions: &[String], lag_is_written: bool) -> String {
    let rules = if alerts.enabled { conditions.join(",") } else { String::new() };
    let lateness = text::show_duration(alerts.lateness);
    let longer = alerts.lateness > Alerts::default().lateness && !lag_is_written;
    let lag = alerts.idle_lag.or(longer.then_some(alerts.lateness)).map(text::show_duration);
    let lag = lag.map(|lag| format!("\"idle_lag\":\"{lag}\",")).unwrap_or_default();
    // Whether a gap could be filled stands on the tape: only a reset is the plugin's to do.
    let on_gap = if alerts.on_gap == OnGap::Reset { "\"on_gap\":\"reset\"," } else { "" };
    format!("{lag}\"lateness\":\"{lateness}\",{on_gap}\"rules\":[{rules}]")
}

fn implied(alerts: &Alerts, conditions: &[String]) -> Plugin {
    Plugin {
        name: ALERT.into(),
        code: Code::Bundled(Bundled::Alert),
        input: Input::Trades,
        markets: Vec::new(),
        to: Vec::new(),
        config: format!("{{{}}}", own_settings(alerts, conditions, false)),
        limits: Limits::of_rules(),
    }
}

fn draft<'a>(
    mut s: Section<'a>,
    name: &str,
    span: Range<usize>,
    known: &Known<'_>,
    own: Option<Own>,
) -> Draft<'a> {
    let input = s.get("input");
    let feeds = input.as_ref().and_then(|i| i.string("the name of a plugin", "\"trades\""));
    // Never run: a file with a fault yields no configuration.
    let code = code(&mut s, name).unwrap_or(Code::Bundled(Bundled::Filter));
    let usual = if code == Code::Bundled(Bundled::Alert) { Limits::of_rules() } else { Limits::default() };
    let plugin = Plugin {
        name: name.to_owned(),
        code,
        input: feeds.filter(|f| *f != TRADES).map_or(Input::Trades, |f| Input::Plugin(f.to_owned())),
        markets: s.or("markets", Vec::new(), |i| known.markets(i)),
        to: s.or("to", Vec::new(), |i| known.channels(i)),
        config: settings(s.get("config"), own),
        limits: limits(s.sub("limits"), usual),
    };
    s.finish_with(|key| {
        let near = text::nearest(key, KEYS).is_some();
        (!near).then(|| format!("a plugin's own settings go into [plugins.{name}.config]"))
    });
    Draft { plugin, span, input }
}

/// The keys of `[plugins.NAME]`.
const KEYS: [&str; 7] = ["bundled", "path", "input", "markets", "to", "config", "limits"];

/// Where the code is: `bundled`, or `path`, or a name that says it.
fn code(s: &mut Section<'_>, name: &str) -> Option<Code> {
    let words = Bundled::ALL.map(|b| (b.as_str(), b));
    match (s.get("bundled"), s.get("path")) {
        (Some(item), None) => {
            let bundled = item.one_of(&words)?;
            if name == ALERT && bundled != Bundled::Alert {
                item.fault(
                    "the plugin called alert gets the rules",
                    "choose another name for this one".to_owned(),
                );
            }
            Some(Code::Bundled(bundled))
        }
        (None, Some(item)) => {
            let path = item.path()?;
            if let Err(why) = item.walk.outside.plugin_file(&path) {
                item.fault(
                    format!("cannot load the plugin: {why}"),
                    format!("looked for {}", path.display()),
                );
            }
            Some(Code::File(path))
        }
        (Some(_), Some(item)) => {
            item.fault("bundled and path exclude each other", "keep one of them".to_owned());
            None
        }
        (None, None) => {
            let same = words.iter().find(|w| w.0 == name).map(|w| Code::Bundled(w.1));
            if same.is_none() {
                let near = text::nearest(name, words.map(|w| w.0));
                let near = near.map(|n| format!("did you mean [plugins.{n}]? ")).unwrap_or_default();
                let help = format!(
                    "{near}write path = \"plugin.wasm\", or bundled = \"filter\", \"aggregate\" or \"alert\""
                );
                s.fault(format!("nothing says where the code of `{name}` is"), help);
            }
            same
        }
    }
}

/// The settings as a JSON object; `own` are members that the host adds.
fn settings(item: Option<Item<'_>>, own: Option<Own>) -> String {
    let mut out = String::new();
    if let Some(item) = item.filter(|i| i.section().is_some()) {
        json::write(&item, Numbers::Natural, &mut out);
        if let Some(own) = &own {
            refuse_own(&item, own.has_lag);
        }
    } else {
        out.push_str("{}");
    }
    if let Some(own) = own {
        out.pop();
        out.push_str(if out.len() > 1 { "," } else { "" });
        out.push_str(&own.settings);
        out.push('}');
    }
    out
}

/// What the host adds to the `alert` plugin's settings cannot be written there as well.
fn refuse_own(item: &Item<'_>, has_lag: bool) {
    for (span, key, item) in item.section().map(|s| s.entries()).unwrap_or_default() {
        let place = match key {
            "rules" => "a rule is written as [[alert]]",
            "lateness" => "lateness stands in [alerts]",
            "on_gap" => "on_gap stands in [alerts]",
            "idle_lag" if has_lag => "it stands in [alerts] already",
            _ => continue,
        };
        item.walk.fault(span, &item.path, format!("`{key}` is not set here"), Some(place.into()));
    }
}

/// `d` is what holds where nothing is said.
fn limits(mut s: Section<'_>, d: Limits) -> Limits {
    const MIB: u64 = 1 << 20;
    let limits = Limits {
        memory: s.or("memory", d.memory, |i| i.size(64 << 10..=4096 * MIB)),
        deadline: s.or("deadline", d.deadline, |i| i.duration(ms(1, 60_000))),
        fuel: s.or("fuel", d.fuel, |i| i.integer(10_000..=u64::MAX >> 1)),
        emissions: s
            .or("emissions", d.emissions, |i| i.integer(1..=1_000_000).and_then(|n| u32::try_from(n).ok())),
        emission_bytes: s.or("emission_bytes", d.emission_bytes, |i| i.size(256..=16 * MIB)),
        host_call_bytes: s.or("host_call_bytes", d.host_call_bytes, |i| i.size(64 << 10..=256 * MIB)),
        snapshot_bytes: s.or("snapshot_bytes", d.snapshot_bytes, |i| i.size(1 << 10..=1024 * MIB)),
    };
    s.finish();
    limits
}

/// Every input exists, and following inputs ends at the stream.
fn check_inputs(drafts: &[Draft<'_>]) {
    let feeders: BTreeMap<&str, &str> =
        drafts.iter().filter_map(|d| Some((d.plugin.name.as_str(), feeder(d)?))).collect();
    let mut names: Vec<&str> = vec![TRADES];
    names.extend(drafts.iter().map(|d| d.plugin.name.as_str()));
    let mut told: Vec<&str> = Vec::new();
    for draft in drafts {
        let (Some(item), Some(input)) = (&draft.input, feeder(draft)) else { continue };
        let name = draft.plugin.name.as_str();
        if !names.contains(&input) {
            let others: Vec<&str> = names.iter().copied().filter(|n| *n != name).collect();
            item.fault(
                format!("unknown input {}", quoted(input)),
                text::suggest(input, &others, "inputs of this file"),
            );
            continue;
        }
        let ring = ring(name, &feeders);
        if !ring.is_empty() && !told.contains(&name) {
            let shown = ring.iter().chain(ring.first()).copied().collect::<Vec<_>>().join(" <- ");
            item.fault(
                format!("plugins feed one another in a circle: {shown}"),
                "one of them has to read \"trades\"".to_owned(),
            );
            told.extend(ring);
        }
    }
}

fn feeder<'d>(draft: &'d Draft<'_>) -> Option<&'d str> {
    match &draft.plugin.input {
        Input::Plugin(name) => Some(name),
        Input::Trades => None,
    }
}

/// The plugins from `name` against the flow back to `name`; empty when it leads elsewhere.
fn ring<'n>(name: &'n str, feeders: &BTreeMap<&'n str, &'n str>) -> Vec<&'n str> {
    let mut seen = vec![name];
    let mut at = name;
    while let Some(&next) = feeders.get(at) {
        if next == name {
            return seen;
        }
        if seen.contains(&next) {
            break;
        }
        seen.push(next);
        at = next;
    }
    Vec::new()
}

/// Each after the one it reads from, otherwise as in the file; what hangs in a circle stays last.
fn in_order(mut drafts: Vec<Draft<'_>>) -> Vec<Plugin> {
    drafts.sort_by_key(|d| d.span.start);
    let mut rest: Vec<Plugin> = drafts.into_iter().map(|d| d.plugin).collect();
    let mut done: Vec<Plugin> = Vec::new();
    loop {
        let fed = |p: &Plugin| match &p.input {
            Input::Trades => true,
            Input::Plugin(name) => done.iter().any(|d| d.name == *name),
        };
        let Some(at) = rest.iter().position(fed) else { break };
        done.push(rest.remove(at));
    }
    done.extend(rest);
    done
}
