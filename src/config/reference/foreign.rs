//! What plugins say of their settings, as rows: a JSON Schema read for people.
//!
//! Of a schema are read: `description`, `properties`, `required`, `anyOf`/`oneOf` with a
//! `const` that tells the variants apart, `$ref` into itself, `default`, `enum`, `examples`, and
//! `title`, which says the type in words. Whatever else stands in it an editor may understand.

use serde_json::{Map, Value};

use super::{
    Entry, Foreign, Row,
    schema::{BUNDLED, HOSTS_OWN, WHEN},
};

/// Deepest that references are followed.
const MOST_STEPS: usize = 16;

/// What plugins say that belongs behind the section `path`.
pub(super) fn entries(path: &str, foreign: &Foreign) -> Vec<Entry> {
    let said = |name: &str| foreign.iter().find(|(plugin, _)| plugin == name).map(|(_, said)| said);
    match path {
        "alert[]" => {
            let alert = said("alert");
            let when = alert.and_then(|alert| Some((alert, alert.pointer(WHEN)?)));
            when.map_or_else(Vec::new, |(alert, when)| variants("alert[].when", "when = {", when, alert))
        }
        "plugins.*.limits" => BUNDLED
            .iter()
            .filter_map(|name| Some((*name, said(name)?)))
            .flat_map(|(name, said)| {
                let header = format!("[plugins.{name}.config]");
                let mut all = variants(&format!("plugins.*.config.{name}"), &header, said, said);
                if name != "alert" {
                    all.extend(tables(&format!("plugins.*.config.{name}"), said, said));
                }
                if name == "alert" {
                    all.iter_mut().for_each(|e| e.keys.retain(|k| !HOSTS_OWN.contains(&k.key.as_str())));
                }
                all
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The entries of tables within a table, one step deep and deeper.
fn tables(path: &str, said: &Value, whole: &Value) -> Vec<Entry> {
    let properties = said.get("properties").and_then(Value::as_object);
    let mut entries = Vec::new();
    for (key, value) in properties.into_iter().flatten() {
        let value = resolved(value, whole);
        let (inner, header) = match value.get("items") {
            Some(items) => (resolved(items, whole), format!("{key} = [{{ … }}]")),
            None => (value, format!("{key} = {{ … }}")),
        };
        let path = format!("{path}.{key}");
        let Some(entry) = object(&path, &header, inner, whole) else { continue };
        entries.push(entry);
        entries.extend(tables(&path, inner, whole));
    }
    entries
}

/// One entry of a schema, or one for each of its variants.
fn variants(path: &str, header: &str, said: &Value, whole: &Value) -> Vec<Entry> {
    let said = resolved(said, whole);
    let list = ["anyOf", "oneOf"].iter().find_map(|key| said.get(*key)?.as_array());
    let Some(list) = list else {
        return object(path, header, said, whole).into_iter().collect();
    };
    let mut entries = Vec::new();
    for one in list {
        let one = resolved(one, whole);
        let Some(kind) = told_apart(one, whole) else { continue };
        let header = match header.strip_suffix('{') {
            Some(open) => format!("{open}{{ {} = \"{}\", … }}", kind.0, kind.1),
            None => format!("{header} with {} = \"{}\"", kind.0, kind.1),
        };
        entries.extend(object(&format!("{path}.{}", kind.1), &header, one, whole));
    }
    entries
}

/// The property with a `const`, and its value.
fn told_apart<'s>(said: &'s Value, whole: &'s Value) -> Option<(&'s str, &'s str)> {
    let properties = said.get("properties")?.as_object()?;
    properties
        .iter()
        .find_map(|(key, value)| Some((key.as_str(), resolved(value, whole).get("const")?.as_str()?)))
}

fn object(path: &str, header: &str, said: &Value, whole: &Value) -> Option<Entry> {
    let properties = said.get("properties")?.as_object()?;
    let required = said.get("required").and_then(Value::as_array);
    let is_required = |key: &str| required.is_some_and(|r| r.iter().any(|name| name == key));
    let shown = properties.iter().filter(|(_, value)| resolved(value, whole).get("const").is_none());
    Some(Entry {
        path: path.to_owned(),
        header: header.to_owned(),
        about: text(said, "description"),
        keys: shown.map(|(key, value)| row(key, value, is_required(key), whole)).collect(),
    })
}

fn row(key: &str, said: &Value, required: bool, whole: &Value) -> Row {
    let form = resolved(said, whole);
    // What stands beside a reference is about this key, what stands behind it about the form.
    let of = |name: &str| said.get(name).or_else(|| form.get(name));
    let shown = |name: &str| of(name).map(toml);
    Row {
        key: key.to_owned(),
        accepts: accepts(said, whole),
        default: shown("default"),
        without: None,
        required,
        example: of("examples").and_then(|e| e.get(0)).map(toml),
        meaning: text(said, "description"),
    }
}

/// What a value may be, in words.
fn accepts(said: &Value, whole: &Value) -> String {
    let form = resolved(said, whole);
    if let Some(words) = form.get("enum").and_then(Value::as_array) {
        return any_of(words.iter().map(toml).collect());
    }
    if let Some(title) = form.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    let list = form.get("items").map(|of| format!("a list of {}", bare(&accepts(of, whole))));
    let choices = ["anyOf", "oneOf"].iter().find_map(|key| form.get(*key)?.as_array());
    match form.get("type").and_then(Value::as_str) {
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => "a whole number".to_owned(),
        Some("number") => "a number".to_owned(),
        Some("array") => list.unwrap_or_else(|| "a list".to_owned()),
        Some("object") => "a table".to_owned(),
        Some(_) => "a text".to_owned(),
        None => {
            let is_condition = |one: &Value| told_apart(resolved(one, whole), whole).is_some();
            match choices {
                Some(all) if all.len() > 2 && all.iter().all(is_condition) => {
                    "a table with a kind".to_owned()
                }
                Some(all) => any_of(all.iter().map(|one| accepts(one, whole)).collect()),
                None => "anything".to_owned(),
            }
        }
    }
}

fn any_of(mut words: Vec<String>) -> String {
    words.dedup();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// Without its article, for use in a list.
fn bare(said: &str) -> &str {
    said.strip_prefix("a ").unwrap_or(said)
}

fn text(said: &Value, key: &str) -> String {
    said.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A JSON value as TOML writes it.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let member = |(key, value): (&String, &Value)| format!("{key} = {}", toml(value));
            format!("{{ {} }}", map.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// What `said` refers to in the end; itself when it refers to nothing.
fn resolved<'s>(said: &'s Value, whole: &'s Value) -> &'s Value {
    let mut at = said;
    for _ in 0..MOST_STEPS {
        let target = at.as_object().and_then(|m: &Map<_, _>| m.get("$ref")?.as_str()?.strip_prefix('#'));
        match target.and_then(|pointer| whole.pointer(pointer)) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}
