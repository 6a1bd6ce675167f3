//! The tables of the keys against the reader of the configuration, and the schema in the manifest.

use serde_json::{Value, json};
use tradehook_aggregate::{config, reference};
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

/// The tables of bars, each with its kind.
fn bars() -> Vec<(String, Table)> {
    let of = |table: Table| match &table.keys[0].form {
        Form::Words([kind]) => ((*kind).to_owned(), table),
        other => panic!("no kind: {other:?}"),
    };
    reference::named().into_iter().flat_map(|(_, tables)| tables).map(of).collect()
}

#[test]
fn the_tables_have_the_keys_of_the_reader() {
    let mut flat = Vec::new();
    for (kind, table) in bars() {
        let settings = json!({ "bars": [{ "kind": kind, "?????????": 1 }] });
        // The reader knows the keys of other kinds, too: it says why they mean nothing here.
        let known = known(&settings, "/bars/0");
        let own = names(&table);
        assert!(own.iter().all(|name| known.contains(name)), "{kind}: {own:?} of {known:?}");
        for name in known.iter().filter(|name| !own.contains(name)) {
            let settings = json!({ "bars": [{ "kind": kind, name: 1 }] });
            let faults = config::read(&settings).unwrap_err();
            let message =
                faults.iter().find(|f| f.path == format!("/bars/0/{name}")).map(|f| f.message.as_str());
            assert!(message.unwrap().contains("means nothing here"), "{kind} {name}: {message:?}");
        }
        flat.extend(known);
    }
    let settings = reference::settings();
    for key in &settings.keys {
        if let Form::List(form) = &key.form
            && let Form::Table(table) = &**form
        {
            let name = key.name;
            let found = known(&json!({ name: [{ "?????????": 1 }] }), &format!("/{name}/0"));
            assert_eq!(names(table), found, "{name}");
        }
    }
    let mut all = known(&json!({ "?????????": 1 }), "");
    assert!(flat.iter().all(|name| all.contains(name) || name == "by"), "{all:?}");
    all.push("by".to_owned());
    all.sort();
    all.dedup();
    assert_eq!(names(&settings), all);
}

/// What is written where nothing is, and what is shown, is taken by the reader.
#[test]
fn defaults_and_examples_are_read() {
    let read = |key: &Key, wrap: &dyn Fn(&str, Value) -> Value| {
        for text in [key.default, key.example].into_iter().filter(|text| !text.is_empty()) {
            let settings = wrap(key.name, serde_json::from_str(text).unwrap());
            let faults = config::read(&settings).err().unwrap_or_default();
            let unread = ["expected", "unknown", "is no ", "does not divide", "is not more"];
            let of_form = |message: &str| unread.iter().any(|word| message.contains(word));
            let own =
                faults.iter().find(|f| f.path.ends_with(&format!("/{}", key.name)) && of_form(&f.message));
            assert_eq!(own, None, "{settings}");
        }
    };
    for (kind, table) in bars() {
        for key in &table.keys[1..] {
            read(key, &|name, value| json!({ "bars": [{ "kind": kind, name: value }] }));
        }
    }
    for key in reference::settings().keys {
        if let Form::List(form) = &key.form
            && let Form::Table(table) = &**form
        {
            for inner in &table.keys {
                read(inner, &|name, value| json!({ key.name: [{ name: value }] }));
            }
        } else if ["lateness", "idle_lag", "bars"].contains(&key.name) {
            read(&key, &|name, value| json!({ name: value }));
        }
    }
}

/// `UPDATE_DOCS=1` writes it.
#[test]
fn the_schema_in_the_manifest_is_that_of_the_table() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    let expect = schema(&reference::settings(), &reference::named());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file, &expect).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), expect, "run with UPDATE_DOCS=1");
}
