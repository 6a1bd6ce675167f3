//! The whole file, section by section; the sections that describe the process are read here.

use std::{net::SocketAddr, ops::RangeInclusive, path::Path, path::PathBuf, time::Duration};

use toml::de::DeTable;

use super::{
    Config, Control, Heartbeat, Log, LogFormat, LogLevel, Outside, Refused, Runtime, State, Status, Tape,
    alerts, channels,
    fault::{Fault, MAX_FAULTS, Source},
    feed,
    names::Known,
    plugins, streams,
    text::quoted,
    walk::{Findings, Item, Section, Walk},
};

/// A range of durations, in milliseconds.
pub(super) const fn ms(from: u64, to: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(from)..=Duration::from_millis(to)
}

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Checks and resolves `text`.
pub(super) fn resolve(text: &str, name: &str, base: &Path, outside: &dyn Outside) -> Result<Config, Refused> {
    let source = Source::new(name, text);
    let (tree, errors) = DeTable::parse_recoverable(text);
    // A repeated key tears nothing else, unlike every other mistake of grammar.
    if errors.iter().any(|e| e.message() != DUPLICATE) {
        return Err(syntax(source, &errors));
    }
    let walk = Walk::new(&source, outside, base);
    for error in &errors {
        let Fault { place, message, help, .. } = syntax_fault(&source, error);
        walk.fault(place.map_or(0..0, |p| p.span), "", message, help);
    }
    if tree.get_ref().is_empty() {
        let help = "a job has at least one section, like [feed], [plugins.NAME] or [[alert]]".to_owned();
        walk.fault(0..0, "", "the file says nothing".into(), Some(help));
    }
    let config = root(&walk, tree.get_ref());
    let Findings { faults, more, warnings, secrets } = walk.findings();
    let masked = source.masked(&secrets);
    let config = Config { warnings, source: masked.clone(), ..config };
    if faults.is_empty() {
        Ok(config)
    } else {
        Err(Refused { faults, more, source: masked, rest: Some(Box::new(config)) })
    }
}

/// The parser's word for a key or table that is written again.
const DUPLICATE: &str = "duplicate key";

/// What the TOML grammar refuses; the meaning of the rest is not judged, since it may have been
/// torn by the same mistake.
fn syntax(source: Source, errors: &[toml::de::Error]) -> Refused {
    let mut faults: Vec<_> = errors.iter().take(MAX_FAULTS).map(|e| syntax_fault(&source, e)).collect();
    faults.sort_by_key(|f| f.place.as_ref().map_or(0, |p| p.span.start));
    faults.dedup();
    if let Some(last) = faults.last_mut() {
        last.help = Some("what the keys say is checked once the whole file is TOML".into());
    }
    Refused { faults, more: errors.len().saturating_sub(MAX_FAULTS), source, rest: None }
}

fn syntax_fault(source: &Source, error: &toml::de::Error) -> Fault {
    let place = source.place(error.span().unwrap_or(source.text.len()..source.text.len()));
    let key = source.text.get(place.span.clone()).unwrap_or_default();
    let (message, help) = if error.message() == DUPLICATE {
        (format!("`{}` is written a second time", key.escape_debug()), Some("keep one of the two".into()))
    } else {
        (format!("not TOML: {}", error.message()), None)
    };
    Fault { place: Some(place), path: String::new(), message, help }
}

fn root<'a>(walk: &'a Walk<'a>, table: &'a DeTable<'a>) -> Config {
    let mut root = Section::root(walk, table);
    let feed = feed::read(root.sub("feed"));
    let tape = tape(root.sub("tape"));
    let state = state(root.sub("state"));
    let control = control(root.sub("control"), &state);
    let status = status(root.sub("status"));
    let log = log(root.sub("log"));
    let runtime = runtime(root.sub("runtime"));
    let channels = channels::read(&root.sub("channels"));
    let names: Vec<&str> = channels.iter().map(|c| c.name.as_str()).collect();
    let markets = streams::named(&feed.markets, &feed.streams);
    let written = root.sub("plugins");
    let plugin_names: Vec<&str> = written.entries().into_iter().map(|(_, name, _)| name).collect();
    let known = Known { channels: &names, markets: &markets, plugins: &plugin_names };
    let lists = ["alert", "route", "silence"].map(|key| root.get(key));
    let (alerts, conditions) =
        alerts::read(root.sub("alerts"), lists.each_ref().map(Option::as_ref), &known, feed.backfill.enabled);
    let plugins = plugins::read(&written, &known, &alerts, &conditions);
    root.finish_with(|key| {
        // Words of other places, for what is a plugin here.
        let bundled = match key {
            "filter" | "filters" => "filter",
            "aggregate" | "aggregates" | "bars" => "aggregate",
            _ => return None,
        };
        Some(format!(
            "each is a plugin, under a name of its own: [plugins.NAME] with bundled = \"{bundled}\" and config = {{ … }}"
        ))
    });
    let (warnings, source) = (Vec::new(), walk.source.clone());
    Config { feed, tape, state, control, status, log, runtime, plugins, alerts, channels, warnings, source }
}

fn tape(mut s: Section<'_>) -> Tape {
    let d = Tape::default();
    let tape = Tape {
        dir: s.maybe("dir", Item::path),
        retain_age: s.or("retain_age", d.retain_age, |i| i.duration(ms(60 * SECOND, 3660 * DAY))),
        retain_size: s.or("retain_size", d.retain_size, |i| i.size(MIB..=1024 * 1024 * GIB)),
        memory: s.or("memory", d.memory, |i| i.size(MIB..=64 * GIB)),
        sync_interval: s.or("sync_interval", d.sync_interval, |i| i.duration(ms(10, HOUR))),
    };
    s.finish();
    tape
}

fn state(mut s: Section<'_>) -> State {
    let state = State { dir: s.maybe("dir", Item::path) };
    s.finish();
    state
}

fn control(mut s: Section<'_>, state: &State) -> Control {
    let enabled = s.or("enabled", true, Item::boolean);
    let written = s.maybe("socket", Item::path);
    s.finish();
    let is_named = written.is_some();
    let implied = || match &state.dir {
        Some(dir) => Some(dir.join("control.sock")),
        None => {
            Some(runtime_folder(s.walk.outside)?.join(format!("tradehook-{:016x}.sock", file_mark(s.walk))))
        }
    };
    Control { socket: written.or_else(implied).filter(|_| enabled), is_named }
}

fn runtime_folder(outside: &dyn Outside) -> Option<PathBuf> {
    outside.variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|p| p.is_absolute())
}

/// A number that tells this file from others, wherever it is named from.
fn file_mark(walk: &Walk<'_>) -> u64 {
    let folder = if walk.base.as_os_str().is_empty() { Path::new(".") } else { walk.base };
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let file = folder.join(Path::new(&walk.source.name).file_name().unwrap_or_default());
    // FNV-1a: it has to be the same in every build.
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    file.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn status(mut s: Section<'_>) -> Status {
    let listen = s.maybe("listen", listen);
    let interval = s.or("heartbeat_interval", Duration::from_secs(60), |i| i.duration(ms(SECOND, HOUR)));
    let allow_private = s.or("heartbeat_allow_private", false, Item::boolean);
    let url = channels::url_of(&mut s, ["heartbeat_url", "heartbeat_url_env"], allow_private);
    let heartbeat = url.map(|url| Heartbeat { url, interval, allow_private });
    s.finish();
    Status { listen, heartbeat }
}

/// Every key that the readers ask for, of this text.
#[cfg(test)]
pub(super) fn asked(text: &str, outside: &dyn Outside) -> std::collections::BTreeSet<String> {
    let source = Source::new("config.toml", text);
    let (tree, _) = DeTable::parse_recoverable(text);
    let walk = Walk::new(&source, outside, Path::new("base"));
    root(&walk, tree.get_ref());
    walk.asked()
}

/// A loopback address with a port.
fn listen(item: &Item<'_>) -> Option<SocketAddr> {
    let text = item.string("an address with a port", "\"127.0.0.1:9464\"")?;
    let Ok(address) = text.replace("localhost:", "127.0.0.1:").parse::<SocketAddr>() else {
        item.fault(
            format!("{} is not an address with a port", quoted(text)),
            "write \"127.0.0.1:9464\"".to_owned(),
        );
        return None;
    };
    if !address.ip().is_loopback() {
        let help = format!(
            "write \"127.0.0.1:{}\" and let a reverse proxy face the network: the pages have no password",
            address.port()
        );
        item.fault(format!("{address} can be reached from other machines"), help);
        return None;
    }
    Some(address)
}

fn log(mut s: Section<'_>) -> Log {
    use LogFormat::{Auto, Human, Json};
    use LogLevel::{Debug, Error, Info, Off, Trace, Warn};
    let d = Log::default();
    let levels = [Off, Error, Warn, Info, Debug, Trace].map(|l| (l.as_str(), l));
    let log = Log {
        format: s.or("format", d.format, |i| i.one_of(&[("auto", Auto), ("human", Human), ("json", Json)])),
        level: s.or("level", d.level, |i| i.one_of(&levels)),
    };
    s.finish();
    log
}

fn runtime(mut s: Section<'_>) -> Runtime {
    let grace = s.or("grace", Duration::from_secs(10), |i| i.duration(ms(0, HOUR)));
    let compile_cache = match s.get("compile_cache") {
        Some(item) if item.value.as_str() == Some("") => None,
        Some(item) => item.path(),
        None => user_cache(s.walk.outside),
    };
    s.finish();
    Runtime { grace, compile_cache }
}

/// The folder that the user's environment names for caches; relative names do not count.
pub(super) fn user_cache(outside: &dyn Outside) -> Option<PathBuf> {
    let folder = |name| outside.variable(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join("tradehook"))
}
