//! The table against the reader.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};
use tradehook_sdk::reference::schema;

/// The keys that the reader of the table at `path` says it knows, where it is written as `value`.
fn known(config: &Value, path: &str) -> BTreeSet<String> {
    let faults = crate::config::read(config).err().unwrap_or_default();
    let fault = faults.into_iter().find(|f| f.path == format!("{path}/zzzzzzzzzzzz"));
    let help = fault.and_then(|f| f.help).unwrap_or_default();
    help.strip_prefix("known keys: ").unwrap_or("").split(", ").map(str::to_owned).collect()
}

/// Holds a table against what is read of it, and those in it.
fn check(table: &Table, path: &str, around: &dyn Fn(Value) -> Value) {
    let read = known(&around(json!({ "zzzzzzzzzzzz": 1 })), path);
    let said: BTreeSet<String> = table.keys.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(said, read, "of {path}");
    for key in &table.keys {
        let name = key.name;
        match &key.form {
            Form::Table(inner) => {
                check(inner, &format!("{path}/{name}"), &|value| around(json!({ name: value })));
            }
            Form::List(of) => {
                if let Form::Table(inner) = &**of {
                    check(inner, &format!("{path}/{name}/0"), &|value| around(json!({ name: [value] })));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn the_table_has_the_keys_that_are_read_and_no_others() {
    check(&settings(), "", &|value| value);
}

/// `UPDATE_DOCS=1` writes it anew.
#[test]
fn the_schema_that_is_carried_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let said = schema(&settings(), &[]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let carried = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(carried == said, "schema.json is not that of the table; UPDATE_DOCS=1 writes it anew");
}
