//! The table of the keys against the reader of the configuration, and the schema in the manifest.

use serde_json::{Value, json};
use tradehook_filter::{config, reference};
use tradehook_sdk::reference::{Form, Key, Table, schema};

/// The keys that the reader says it knows, where it is given one that nobody could mean.
fn known(settings: &Value, path: &str) -> Vec<String> {
    let faults = config::read(settings).err().unwrap_or_default();
    let fault = faults.iter().find(|fault| fault.path == format!("{path}/?????????")).unwrap();
    let help = fault.help.as_deref().unwrap();
    let mut keys: Vec<String> =
        help.strip_prefix("known keys: ").unwrap().split(", ").map(str::to_owned).collect();
    keys.sort();
    keys
}

fn names(table: &Table) -> Vec<String> {
    let mut names: Vec<String> = table.keys.iter().map(|key| key.name.to_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_table_has_the_keys_of_the_reader() {
    let settings = reference::settings();
    assert_eq!(names(&settings), known(&json!({ "?????????": 1 }), ""));
    for key in &settings.keys {
        if let Form::Table(table) = &key.form {
            let name = key.name;
            assert_eq!(
                names(table),
                known(&json!({ name: { "?????????": 1 } }), &format!("/{name}")),
                "{name}"
            );
        }
    }
}

/// What is written where nothing is, and what is shown, is taken by the reader.
#[test]
fn defaults_and_examples_are_read() {
    let read = |key: &Key, text: &str, wrap: &dyn Fn(Value) -> Value| {
        if !text.is_empty() {
            let settings = wrap(json!({ key.name: serde_json::from_str::<Value>(text).unwrap() }));
            let faults = config::read(&settings).err().unwrap_or_default();
            let own = faults.iter().find(|fault| fault.path.ends_with(&format!("/{}", key.name)));
            assert_eq!(own, None, "{settings}");
        }
    };
    for key in reference::settings().keys {
        read(&key, key.default, &|value| value);
        read(&key, key.example, &|value| value);
        if let Form::Table(table) = &key.form {
            for inner in &table.keys {
                read(inner, inner.default, &|value| json!({ key.name: value }));
                read(inner, inner.example, &|value| json!({ key.name: value }));
            }
        }
    }
}

/// `UPDATE_DOCS=1` writes it.
#[test]
fn the_schema_in_the_manifest_is_that_of_the_table() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    let expect = schema(&reference::settings(), &[]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file, &expect).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), expect, "run with UPDATE_DOCS=1");
}
