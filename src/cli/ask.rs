//! What commands to a running process share: finding its socket, asking, printing.

use super::{ConfigFile, Exit, colour, fail};
use crate::{
    alert::Matcher,
    config::{self, Config},
    control::{self, AskError, Refusal, Request},
    status::clean,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::PathBuf;

/// Which process is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Process {
    #[command(flatten)]
    pub(super) file: ConfigFile,
    /// Its control socket; without it the one that its configuration names
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Process {
    /// The configuration as far as it can be read: a variable that is set for the process alone does
    /// not keep anybody from speaking to it.
    pub(super) fn config(&self) -> Result<Config, Exit> {
        match config::load(&self.file.config) {
            Ok(config) => Ok(config),
            Err(refused) => match refused.rest() {
                Some(config) => Ok(config.clone()),
                None if !self.file.config.exists() => {
                    let path = self.file.config.display();
                    Err(fail(
                        Exit::Config,
                        format!("there is no {path}; name the process by --config or --socket"),
                    ))
                }
                None => {
                    tell!("{}", refused.render(colour()));
                    Err(Exit::Config)
                }
            },
        }
    }

    fn path(&self) -> Result<PathBuf, Exit> {
        if let Some(path) = &self.socket {
            return Ok(path.clone());
        }
        self.config()?.control.socket.ok_or_else(|| {
            fail(
                Exit::Config,
                "this configuration has no control socket; [control] socket or state.dir gives it one",
            )
        })
    }

    /// Asks, and tells why there is no answer.
    pub(super) fn ask(&self, request: &Request) -> Result<Vec<Value>, Exit> {
        control::ask(&self.path()?, request).map_err(refuse)
    }

    /// The same; `None` where no process runs.
    pub(super) fn ask_if_running(&self, request: &Request) -> Result<Option<Vec<Value>>, Exit> {
        let Some(path) = self.socket.clone().or(self.config()?.control.socket) else { return Ok(None) };
        match control::ask(&path, request) {
            Ok(items) => Ok(Some(items)),
            Err(AskError::Nobody(_)) if self.socket.is_none() => Ok(None),
            Err(error) => Err(refuse(error)),
        }
    }
}

fn refuse(error: AskError) -> Exit {
    let exit = match &error {
        AskError::Refused(Refusal::Malformed(_) | Refusal::NoSuch(_)) => Exit::Usage,
        _ => Exit::Unavailable,
    };
    fail(exit, clean(&error.to_string()))
}

/// Things of an answer; a process of another release may say less or more of them.
pub(super) fn things<T: DeserializeOwned>(items: Vec<Value>) -> Result<Vec<T>, Exit> {
    let things: Result<_, _> = items.into_iter().map(serde_json::from_value).collect();
    things.map_err(|error| fail(Exit::Unavailable, format!("the answer is not understood: {error}")))
}

/// Things as JSON lines.
pub(super) fn print_json(items: &[Value]) {
    items.iter().for_each(|item| say!("{item}"));
}

/// Rows under their heads, in columns. What comes from a guest or the venue obeys nobody here.
pub(super) fn print_table(heads: &[&str], rows: &[Vec<String>]) {
    print_lines(&table(heads, rows));
}

fn print_lines(lines: &[String]) {
    lines.iter().for_each(|line| say!("{line}"));
}

fn table(heads: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let width = |column: usize, head: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = heads.iter().enumerate().map(|(column, head)| width(column, head)).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head = line(&mut heads.iter().copied());
    std::iter::once(head).chain(rows.iter().map(|row| line(&mut row.iter().map(String::as_str)))).collect()
}

/// `2026-11-22 14:31:22`, in the zone of this machine.
pub(super) fn moment(at_ms: i64) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "-".to_owned(),
    }
}

/// Which alerts a command means.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Alerts {
    /// Rules of this id; * stands for anything
    #[arg(long, value_name = "GLOB")]
    rule: Option<String>,
    /// Of this market; * stands for anything
    #[arg(long, value_name = "GLOB")]
    market: Option<String>,
    /// Of this severity: info, warning or critical
    #[arg(long, value_parser = ["info", "warning", "critical"])]
    severity: Option<String>,
    /// Raised by this plugin; * stands for anything
    #[arg(long, value_name = "GLOB")]
    plugin: Option<String>,
    /// Of rules with this label; may be given again
    #[arg(long = "label", value_name = "NAME=GLOB", value_parser = label)]
    labels: Vec<(String, String)>,
}

impl Alerts {
    pub(super) fn matcher(&self) -> Matcher {
        Matcher {
            rule: self.rule.clone(),
            market: self.market.clone(),
            severity: self.severity.clone(),
            plugin: self.plugin.clone(),
            labels: self.labels.iter().cloned().collect(),
        }
    }

    /// Whether nothing was said.
    pub(super) fn is_all(&self) -> bool {
        self.matcher() == Matcher::default()
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').map(|(name, glob)| (name.to_owned(), glob.to_owned()));
    parts.ok_or_else(|| "write it like team=desk".to_owned())
}

/// `90s`, `2h`, `1d12h`: longer than nothing.
pub(super) fn span_ms(text: &str) -> Result<u64, String> {
    let span = config::read_duration(text)?;
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 { Err("it has to be longer than nothing".to_owned()) } else { Ok(ms) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves [guest-text-is-data].
    #[test]
    fn a_table_is_aligned_and_its_cells_obey_nobody() {
        let rows = [vec!["btc".into(), "KRW-BTC".into()], vec!["\u{1b}[31mred".into(), "x".into()]];
        let lines = table(&["rule", "market"], &rows);
        assert_eq!(
            lines.first().map(String::as_str).map(str::len),
            lines.first().map(|l| l.trim_end().len())
        );
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')), "{lines:?}");
        let column = lines.first().and_then(|l| l.find("market"));
        assert_eq!(lines.get(1).and_then(|l| l.find("KRW-BTC")), column, "{lines:?}");
    }

    #[test]
    fn a_span_is_written_as_in_the_configuration() {
        assert_eq!(span_ms("2h"), Ok(7_200_000));
        assert_eq!(span_ms("1d12h"), Ok(129_600_000));
        assert!(span_ms("0s").is_err() && span_ms("2").is_err());
    }
}
