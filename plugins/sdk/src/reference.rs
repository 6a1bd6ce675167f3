//! A configuration as a table of its keys, and the JSON Schema that is made of it.
//!
//! What a plugin understands is said once, as [`Table`]s: people read it with `tradehook config
//! reference`, editors in the schema of config.toml. The schema is what a manifest carries; it is
//! best written to a file by a test, which also holds the table against the plugin's reader, and
//! included from there:
//!
//! ```
//! use tradehook_sdk::reference::{Form, Key, Table, schema};
//!
//! let min = Key::new("min", Form::Money, "\"5000만\"", "The least trade that counts.").or("0");
//! let text = schema(&Table::new("Large trades.", [min]), &[]);
//! assert!(text.contains("\"additionalProperties\":false"));
//! ```

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A table of keys.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it is for.
    pub about: &'static str,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// One key.
#[derive(Clone, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it may be.
    pub form: Form,
    /// Whether it has to be written.
    pub required: bool,
    /// JSON; empty: there is none.
    pub default: &'static str,
    /// JSON, another value than the default; empty: there is none.
    pub example: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

/// What a value may be.
#[derive(Clone, Debug)]
pub enum Form {
    /// true or false.
    Bool,
    /// Any text.
    Text,
    /// A whole number.
    Count,
    /// A number, or a text with 만, 억 and 조.
    Money,
    /// A text with a percent sign.
    Percent,
    /// A number, or a text with a percent sign.
    Share,
    /// A number, or a text with bps or a percent sign.
    Bps,
    /// A text like `"1h30m"`.
    Duration,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A list.
    List(Box<Form>),
    /// A table with names of the writer's own.
    Names(Box<Form>),
    /// A table.
    Table(Table),
    /// One of these.
    Either(Vec<Form>),
    /// What the tables of this name are.
    Named(&'static str),
}

/// Tables that others refer to by name. Where there are several, each begins with a key whose form
/// is one word, which tells them apart.
pub type Named = (&'static str, Vec<Table>);

impl Table {
    /// A table with these keys.
    #[must_use]
    pub fn new(about: &'static str, keys: impl IntoIterator<Item = Key>) -> Self {
        Self { about, keys: keys.into_iter().collect() }
    }
}

impl Key {
    /// A key that may be left away and has no default.
    #[must_use]
    pub fn new(name: &'static str, form: Form, example: &'static str, meaning: &'static str) -> Self {
        Self { name, form, required: false, default: "", example, meaning }
    }

    /// With this default, as JSON.
    #[must_use]
    pub fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// It has to be written.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

impl Form {
    /// A list of these.
    #[must_use]
    pub fn list(self) -> Self {
        Self::List(Box::new(self))
    }
}

/// The JSON Schema of a configuration, and of the tables that it refers to by name; on one line,
/// since it travels with the plugin.
#[must_use]
pub fn schema(settings: &Table, named: &[Named]) -> String {
    let mut whole = table(settings);
    let tables = named.iter().map(|(name, tables)| {
        let said = match tables.as_slice() {
            [one] => table(one),
            all => json!({ "anyOf": all.iter().map(table).collect::<Vec<_>>() }),
        };
        ((*name).to_owned(), said)
    });
    let forms = FORMS.iter().map(|(name, form)| ((*name).to_owned(), form()));
    let mut defs: Map<String, Value> = tables.collect();
    let text = format!("{whole}{}", Value::from(defs.clone()));
    defs.extend(forms.filter(|(name, _)| text.contains(&format!("#/$defs/{name}\""))));
    if let Some(whole) = whole.as_object_mut().filter(|_| !defs.is_empty()) {
        whole.insert("$defs".to_owned(), defs.into());
    }
    format!("{whole}\n")
}

fn table(of: &Table) -> Value {
    let properties: Map<String, Value> =
        of.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = of.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut said = json!({
        "type": "object",
        "description": of.about,
        "additionalProperties": false,
        "properties": properties,
    });
    if let Some(said) = said.as_object_mut().filter(|_| !required.is_empty()) {
        said.insert("required".to_owned(), required.into());
    }
    said
}

fn property(key: &Key) -> Value {
    let mut said = form(&key.form);
    let Some(map) = said.as_object_mut() else { return said };
    map.insert("description".to_owned(), key.meaning.into());
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    if let Some(default) = parsed(key.default) {
        map.insert("default".to_owned(), default);
    }
    if let Some(example) = parsed(key.example) {
        map.insert("examples".to_owned(), json!([example]));
    }
    said
}

/// A name, and the schema that it stands for.
type NamedForm = (&'static str, fn() -> Value);

/// The forms that have a name in the schema.
const FORMS: [NamedForm; 5] = [
    ("money", || {
        number("a number, or a text like \"1.5억\"", "^[+-]?[0-9_.]+ *(만|억|조)?( *[0-9_.]+ *(만|억)?)*$")
    }),
    (
        "percent",
        || json!({ "title": "a percentage like \"3%\"", "type": "string", "pattern": "^ *[+-]?[0-9_.]+ *% *$" }),
    ),
    ("share", || number("a number, or a percentage like \"3%\"", "^ *[+-]?[0-9_.]+ *%? *$")),
    ("bps", || number("basis points, or a percentage", "^ *[+-]?[0-9_.]+ *(%|bps)? *$")),
    ("duration", || {
        json!({
            "title": "a duration like \"1h30m\"",
            "type": "string",
            "pattern": "^([0-9.]+ *(ms|d|h|m|s) *)+$",
        })
    }),
];

fn number(title: &str, pattern: &str) -> Value {
    json!({ "title": title, "type": ["number", "string"], "pattern": pattern })
}

fn form(of: &Form) -> Value {
    let refer = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match of {
        Form::Bool => json!({ "type": "boolean" }),
        Form::Text => json!({ "type": "string" }),
        Form::Count => json!({ "type": "integer", "minimum": 0 }),
        Form::Money => refer("money"),
        Form::Percent => refer("percent"),
        Form::Share => refer("share"),
        Form::Bps => refer("bps"),
        Form::Duration => refer("duration"),
        Form::Words([one]) => json!({ "const": one }),
        Form::Words(words) => {
            let shown: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            json!({ "title": shown.join(", "), "enum": words })
        }
        Form::List(of) => json!({ "type": "array", "items": form(of) }),
        Form::Names(of) => {
            json!({ "title": "a table of names", "type": "object", "additionalProperties": form(of) })
        }
        Form::Table(of) => table(of),
        Form::Either(all) => json!({ "anyOf": all.iter().map(form).collect::<Vec<_>>() }),
        Form::Named(name) => json!({ "$ref": format!("#/$defs/{name}") }),
    }
}

/// A key that no table has.
const UNKNOWN: &str = "zzzzzzzzzzzz";

/// Where a table and the reader of a configuration disagree on the keys there are; empty when they
/// agree. `read` yields the faults of a configuration, and has to name the keys it knows as
/// [`crate::config::Object`] does. For a plugin's own tests.
#[must_use]
pub fn disagreements(table: &Table, read: &dyn Fn(&Value) -> Vec<crate::ConfigFault>) -> Vec<String> {
    let mut found = Vec::new();
    compare(table, "", &|value| value, read, &mut found);
    found
}

/// `around` puts a table into the configuration at `path`.
fn compare(
    table: &Table,
    path: &str,
    around: &dyn Fn(Value) -> Value,
    read: &dyn Fn(&Value) -> Vec<crate::ConfigFault>,
    found: &mut Vec<String>,
) {
    let faults = read(&around(json!({ UNKNOWN: 1 })));
    let fault = faults.into_iter().find(|fault| fault.path == format!("{path}/{UNKNOWN}"));
    let help = fault.and_then(|fault| fault.help).unwrap_or_default();
    let known: BTreeSet<&str> = help.strip_prefix("known keys: ").unwrap_or("").split(", ").collect();
    let said: BTreeSet<&str> = table.keys.iter().map(|key| key.name).collect();
    if known != said {
        found.push(format!("{path}: the table has {said:?}, the reader knows {known:?}"));
    }
    for Key { name, form, .. } in &table.keys {
        let path = format!("{path}/{name}");
        match form {
            Form::Table(inner) => {
                compare(inner, &path, &|value| around(json!({ *name: value })), read, found);
            }
            Form::List(of) => {
                if let Form::Table(inner) = &**of {
                    let path = format!("{path}/0");
                    compare(inner, &path, &|value| around(json!({ *name: [value] })), read, found);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(word: &'static [&'static str]) -> Key {
        Key::new("kind", Form::Words(word), "", "What it is.").required()
    }

    #[test]
    fn a_table_becomes_a_schema_that_refuses_other_keys() {
        let part = Table::new("A part.", [kind(&["price"]), Key::new("above", Form::Money, "100", "")]);
        let other = Table::new("Another.", [kind(&["not"]), Key::new("of", Form::Named("when"), "", "")]);
        let settings = Table::new(
            "All.",
            [
                Key::new("when", Form::Named("when"), "", "The condition.").required(),
                Key::new("window", Form::Duration, "\"5m\"", "How long.").or("\"1m\""),
            ],
        );
        let text = schema(&settings, &[("when", vec![part, other])]);
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(said["required"], json!(["when"]));
        assert_eq!(said["properties"]["window"]["default"], "1m");
        assert_eq!(said["properties"]["when"]["$ref"], "#/$defs/when");
        assert_eq!(said["$defs"]["when"]["anyOf"][0]["properties"]["kind"]["const"], "price");
        assert_eq!(said["$defs"]["when"]["anyOf"][1]["additionalProperties"], false);
    }

    #[test]
    fn a_table_that_is_not_the_readers_is_told_with_the_place() {
        let inner = |key: &Value| key["part"].get(UNKNOWN).is_some();
        let read = |config: &Value| {
            let (place, keys) = if inner(config) { ("/part/", "max, min") } else { ("/", "part") };
            let fault = crate::ConfigFault::new(format!("{place}{UNKNOWN}"), "unknown key");
            vec![fault.help(format!("known keys: {keys}"))]
        };
        let check = |keys: &[&'static str], expect: usize| {
            let keys = keys.iter().map(|key| Key::new(key, Form::Money, "", ""));
            let part = Key::new("part", Form::Table(Table::new("", keys)), "", "");
            let found = disagreements(&Table::new("", [part]), &read);
            assert_eq!(found.len(), expect, "{found:?}");
            assert!(found.iter().all(|text| text.starts_with("/part: ")), "{found:?}");
        };
        check(&["min", "max"], 0);
        check(&["min"], 1);
        check(&["min", "max", "more"], 1);
    }
}
