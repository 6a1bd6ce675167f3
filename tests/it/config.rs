//! `tradehook config`: what is shipped is what the program says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::support::{Folder, command, json, root};

/// What the program prints is what the file holds. `UPDATE_DOCS=1` writes the file anew.
fn is_shipped(file: &str, arguments: &[&str]) -> String {
    let folder = Folder::new();
    let said = command(folder.path(), ["config"].iter().chain(arguments)).expect(0).out + "\n";
    let path = root().join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &said).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(shipped == said, "{file} is not what `tradehook config` says; UPDATE_DOCS=1 writes it anew");
    said
}

#[test]
fn the_shipped_page_and_schema_are_what_the_program_says() {
    let page = is_shipped("docs/config.md", &["reference", "--markdown"]);
    assert!(page.contains("| `ping_interval` | `\"20s\"` | a duration, 1s to 1h |"), "{page}");
    let schema = json(&is_shipped("docs/config.schema.json", &["schema"]));
    assert_eq!(schema["properties"]["feed"]["additionalProperties"], false);
    let first = fs::read_to_string(root().join("config.toml")).unwrap();
    assert_eq!(first.lines().next(), Some("#:schema docs/config.schema.json"));
}

#[test]
fn a_section_or_a_key_is_explained_and_a_slip_is_answered() {
    let folder = Folder::new();
    let said = |arguments: &[&str], code| {
        command(folder.path(), ["config", "reference"].iter().chain(arguments)).expect(code)
    };
    let key = said(&["feed.backfill.rate"], 0).out;
    assert!(key.starts_with("[feed.backfill]\n") && key.contains("  rate = 8\n"), "{key}");
    assert!(!key.contains("deadline"), "{key}");
    let keys = json(&said(&["tape", "--json"], 0).out);
    assert_eq!(keys[0]["keys"][0]["key"], "dir");
    let slip = said(&["feed.backfil"], 64);
    assert!(slip.log.contains("did you mean feed.backfill?"), "{}", slip.log);
}

/// Whether a value fits a schema: what the shipped one is made of, and no more of JSON Schema.
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    if let Some(place) = schema["$ref"].as_str() {
        let target = root.pointer(place.trim_start_matches('#'));
        return fits(value, target.unwrap_or_else(|| panic!("{place} leads nowhere")), root);
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not known here"),
    };
    let all = |key: &str| schema[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let type_fits = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        _ => true,
    };
    let number = value.as_f64();
    let within = number.is_none_or(|n| {
        schema["minimum"].as_f64().is_none_or(|least| n >= least)
            && schema["maximum"].as_f64().is_none_or(|most| n <= most)
    });
    type_fits
        && within
        && value.as_str().is_none_or(|text| pattern_fits(text, &schema["pattern"]))
        && (schema["const"].is_null() || schema["const"] == *value)
        && (schema["enum"].is_null() || all("enum").contains(value))
        && (schema["anyOf"].is_null() || all("anyOf").iter().any(|one| fits(value, one, root)))
        && value.as_array().is_none_or(|items| {
            schema["items"].is_null() || items.iter().all(|item| fits(item, &schema["items"], root))
        })
        && value.as_object().is_none_or(|table| {
            all("required").iter().all(|key| table.contains_key(key.as_str().unwrap()))
                && table.iter().all(|(key, value)| match schema["properties"].get(key) {
                    Some(known) => fits(value, known, root),
                    None => match &schema["additionalProperties"] {
                        Value::Bool(open) => *open,
                        Value::Null => true,
                        other => fits(value, other, root),
                    },
                })
        })
}

fn pattern_fits(text: &str, pattern: &Value) -> bool {
    pattern.as_str().is_none_or(|pattern| regex_lite::Regex::new(pattern).unwrap().is_match(text))
}

fn parsed(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap();
    let text = text.trim_start_matches('\u{feff}');
    // A date of TOML is what an editor hands to the schema as a text.
    let table: toml::Table =
        toml::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    as_json(toml::Value::Table(table))
}

fn as_json(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(as_json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, as_json(value))).collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect()
}

#[test]
fn an_editor_accepts_what_the_program_accepts_and_refuses_slips() {
    let schema = json(&fs::read_to_string(root().join("docs/config.schema.json")).unwrap());
    let shipped = parsed(&root().join("config.toml"));
    assert!(fits(&shipped, &schema, &schema), "the shipped file does not fit its schema");
    let mut good = 0;
    for file in files("tests/fixtures/config") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("ok-") {
            assert!(fits(&parsed(&file), &schema, &schema), "{name}");
            good += 1;
        }
    }
    assert!(good >= 3, "{good}");
    for file in files("docs/examples/rules") {
        assert!(fits(&parsed(&file), &schema, &schema), "{}", file.display());
    }
    for section in ["feed", "tape", "state", "control", "status", "log", "runtime", "alerts"] {
        let mut slip = shipped.clone();
        slip[section]["zzz"] = 1.into();
        assert!(!fits(&slip, &schema, &schema), "an unknown key of [{section}]");
    }
    let check = |pointer: &str, value: Value| {
        let mut slip = shipped.clone();
        *slip.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
        assert!(!fits(&slip, &schema, &schema), "{pointer} = {value}");
    };
    check("/feed/ping_interval", "20".into());
    check("/feed/ping_interval", 20.into());
    check("/feed/max_message", "1MB".into());
    check("/feed/sockets", 17.into());
    check("/feed/markets/0", "krw-btc".into());
    check("/feed/format", "SHORT".into());
    check("/log/level", "loud".into());
    check("/channels/stdout/kind", "stderr".into());
    check("/channels/stdout/format", "yaml".into());
    check("/alert/0/id", "a b".into());
    check("/alert/1/severity", "bad".into());
    check("/alert/0/when", "cross".into());
    check("/alert/0/when/kind", "crosss".into());
    check("/alert/0/when/step", true.into());
    check("/alert/1/when/pct", 3.into());
    check("/alert/1/when/window", "5".into());
    let mut slip = shipped.clone();
    slip["alert"][1]["when"]["windw"] = "5m".into();
    assert!(!fits(&slip, &schema, &schema), "an unknown key of a condition");
}
