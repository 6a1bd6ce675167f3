//! The table as rows for people: what each key is, may be, and is without being written.

use serde::Serialize;

use super::{Absent, Foreign, Key, Section, foreign, sections, types::Type};
use crate::config::text::{is_name, nearest, quoted};

/// One table of the file, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `feed.backfill`, `channels.*`, `alert[]`; of a variant with its value behind:
    /// `channels.*.webhook`.
    pub path: String,
    /// As it is written: `[feed.backfill]`, `[[alert]]`.
    pub header: String,
    /// What it is for.
    pub about: String,
    /// Its keys.
    pub keys: Vec<Row>,
}

/// One key, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// As it is written, in quotes where TOML wants them.
    pub key: String,
    /// What it may be.
    pub accepts: String,
    /// TOML; `None` where there is none.
    pub default: Option<String>,
    /// What holds where the key is not written and has no default.
    pub without: Option<String>,
    /// Whether it has to be written.
    pub required: bool,
    /// TOML.
    pub example: Option<String>,
    /// What it is for.
    pub meaning: String,
}

/// Every table, those of plugins included.
#[must_use]
pub fn entries(foreign: &Foreign) -> Vec<Entry> {
    let mut entries = Vec::new();
    for section in sections().filter(|s| !s.path.is_empty()) {
        entries.push(entry(section));
        let path = path(section);
        entries.extend(foreign::entries(&path, foreign));
    }
    entries
}

/// The entries that `wanted` asks for: a table with what is below it, a table or a kind by its last
/// word, or one key.
///
/// # Errors
/// What was probably meant.
pub fn find(entries: Vec<Entry>, wanted: &str) -> Result<Vec<Entry>, Option<String>> {
    let wanted = plain(wanted);
    let below = |path: &str| {
        let path = plain(path);
        path.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let found: Vec<Entry> = entries.iter().filter(|e| below(&e.path)).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let last = |path: &str| plain(path).rsplit('.').next() == Some(&wanted);
    let named: Vec<Entry> = entries.iter().filter(|e| last(&e.path)).cloned().collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let mut known: Vec<String> = entries.iter().map(|e| plain(&e.path)).collect();
    let mut keys = Vec::new();
    for entry in &entries {
        for row in &entry.keys {
            let path = format!("{}.{}", plain(&entry.path), plain(&row.key));
            if path == wanted || plain(&row.key) == wanted {
                keys.push(Entry { keys: vec![row.clone()], ..entry.clone() });
            }
            known.push(path);
            known.push(plain(&row.key));
        }
    }
    if keys.is_empty() {
        Err(nearest(&wanted, known.iter().map(String::as_str)).map(str::to_owned))
    } else {
        Ok(keys)
    }
}

/// A path without what stands for names, so that nobody has to write it.
fn plain(path: &str) -> String {
    path.replace(".*", "").replace("[]", "").replace(['[', ']', '"'], "")
}

fn path(section: &Section) -> String {
    match section.only.filter(|_| section.is_variant()) {
        Some((_, value)) => format!("{}.{value}", section.path),
        None => section.path.to_owned(),
    }
}

fn entry(section: &Section) -> Entry {
    let rows = section.all_keys().filter(|k| !is_table(k.kind));
    Entry {
        path: path(section),
        header: header(section),
        about: section.about.to_owned(),
        keys: rows.map(|k| row(k, section)).collect(),
    }
}

/// Whether the key is a table with an entry of its own.
fn is_table(kind: Type) -> bool {
    matches!(kind, Type::Table(_) | Type::Named(_) | Type::Many(_))
}

fn header(section: &Section) -> String {
    let path = section.path.replace('*', "NAME");
    let written = match path.strip_suffix("[]") {
        Some(path) => format!("[[{path}]]"),
        None => format!("[{}]", path.replace("[]", "")),
    };
    match section.only.filter(|_| section.is_variant()) {
        Some((key, value)) => format!("{written} with {key} = {}", quoted(value)),
        None => written,
    }
}

fn row(key: &Key, section: &Section) -> Row {
    let mut row = Row {
        key: if is_name(key.name) { key.name.to_owned() } else { quoted(key.name) },
        accepts: key.kind.shown(),
        example: Some(key.example).filter(|e| !e.is_empty()).map(str::to_owned),
        meaning: match key.beside {
            Some(other) => format!("{} Only beside {other}.", key.meaning),
            None => key.meaning.to_owned(),
        },
        ..Row::default()
    };
    match (key.absent, key.instead_of) {
        (_, Some(other)) => row.without = Some(format!("{other} says it")),
        (Absent::Means(what), None) => row.without = Some(what.to_owned()),
        (Absent::Default(value), None) => row.default = Some(value.to_owned()),
        (Absent::Fault, None) => {
            let others = section.all_keys().filter(|k| k.instead_of == Some(key.name)).map(|k| k.name);
            match others.collect::<Vec<_>>().as_slice() {
                [] => row.required = true,
                others => row.without = Some(format!("{} says it", others.join(" or "))),
            }
        }
    }
    row
}
