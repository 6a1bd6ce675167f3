//! The table as a JSON Schema for editors: draft 2020-12, in the words that taplo understands.
//!
//! Unknown keys are refused by `additionalProperties`, so a table with variants (a channel's
//! kind) is one whole schema for each of them. What only the program can know (whether a name
//! exists, whether one duration is shorter than another) is left to `tradehook check`.

use serde_json::{Map, Value, json};

use super::{
    Absent, Foreign, Key, Section, sections,
    types::{NAME, Type},
};

/// The schema of the file.
#[must_use]
pub fn schema(foreign: &Foreign) -> Value {
    let mut forms = Map::new();
    let mut root = table("", foreign, &mut forms);
    for (name, said) in foreign {
        forms.insert(name.clone(), moved(said.clone(), &format!("#/$defs/{name}")));
    }
    let whole = root.as_object_mut();
    if let Some(whole) = whole {
        whole.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        whole.insert("title".into(), "tradehook: config.toml".into());
        whole.insert("$defs".into(), forms.into());
    }
    root
}

/// The schema of every section of this path.
fn table(path: &str, foreign: &Foreign, forms: &mut Map<String, Value>) -> Value {
    let all: Vec<&Section> = sections().filter(|s| s.path == path).collect();
    let (common, variants): (Vec<&Section>, Vec<&Section>) = all.into_iter().partition(|s| s.only.is_none());
    let keys: Vec<&Key> = common.iter().flat_map(|s| s.all_keys()).collect();
    let about = common.first().map_or("", |s| s.about);
    if variants.is_empty() {
        return match path {
            "plugins.*" => plugin(&keys, about, foreign, forms),
            _ => object(&keys, None, about, foreign, forms),
        };
    }
    let variant = |section: &&Section| {
        let keys: Vec<&Key> = keys.iter().copied().chain(section.all_keys()).collect();
        object(&keys, section.only, section.about, foreign, forms)
    };
    let mut all: Vec<Value> = variants.iter().map(variant).collect();
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => json!({ "description": about, "anyOf": all.into_iter().chain(last).collect::<Vec<_>>() }),
    }
}

/// One table with exactly these keys; `only` is the key that has one value here.
fn object(
    keys: &[&Key],
    only: Option<(&str, &str)>,
    about: &str,
    foreign: &Foreign,
    forms: &mut Map<String, Value>,
) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut said = match only {
            Some((name, value)) if name == key.name => json!({ "const": value }),
            _ => value(key.kind, foreign, forms),
        };
        describe(&mut said, key);
        properties.insert(key.name.to_owned(), said);
    }
    let replaced = |key: &Key| keys.iter().any(|k| k.instead_of == Some(key.name));
    // A channel called stdout needs no kind, and an editor cannot ask for its name.
    let required =
        |key: &&&Key| key.absent == Absent::Fault && !replaced(key) && only != Some((key.name, "stdout"));
    let required: Vec<&str> = keys.iter().filter(required).map(|k| k.name).collect();
    let mut whole = json!({
        "type": "object",
        "description": about,
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        whole["required"] = required.into();
    }
    whole
}

fn describe(said: &mut Value, key: &Key) {
    let Some(said) = said.as_object_mut() else { return };
    let mut text = key.meaning.to_owned();
    match key.absent {
        Absent::Default(value) => text.push_str(&format!(" Default: {value}.")),
        Absent::Means(what) if !what.is_empty() => text.push_str(&format!(" Without it: {what}.")),
        _ => {}
    }
    if !matches!(key.kind, Type::Settings | Type::Condition) {
        text.push_str(&format!(" Accepted: {}.", key.kind.shown()));
    }
    if !key.meaning.is_empty() {
        said.insert("description".into(), text.into());
    }
}

fn value(kind: Type, foreign: &Foreign, forms: &mut Map<String, Value>) -> Value {
    match kind {
        Type::Table(path) => table(path, foreign, forms),
        Type::Named(path) => {
            let inner = table(path, foreign, forms);
            let names = NAME.schema(forms);
            let mut whole =
                json!({ "type": "object", "propertyNames": names, "additionalProperties": inner });
            if path == "plugins.*" {
                whole["properties"] = bundled_by_name(foreign, forms);
            }
            whole
        }
        Type::Many(path) => json!({ "type": "array", "items": table(path, foreign, forms) }),
        Type::Condition => {
            let own = table(OF_PLUGIN, foreign, forms);
            let said = foreign.iter().find(|(name, said)| name == "alert" && said.pointer(WHEN).is_some());
            let other = match said {
                Some(_) => json!({ "$ref": format!("#/$defs/alert{WHEN}") }),
                None => json!({ "type": "object", "required": ["kind"] }),
            };
            json!({ "anyOf": [other, own] })
        }
        _ => kind.schema(forms),
    }
}

/// The condition of a rule for another plugin's alerts.
const OF_PLUGIN: &str = "alert[].when";

/// Where the `alert` plugin's schema says what a condition is.
pub(super) const WHEN: &str = "/$defs/when";

/// A plugin's section: one of its own, or a bundled one by `bundled`.
fn plugin(keys: &[&Key], about: &str, foreign: &Foreign, forms: &mut Map<String, Value>) -> Value {
    let own: Vec<&Key> = keys.iter().copied().filter(|k| k.name != "bundled").collect();
    let mut own = object(&own, None, about, foreign, forms);
    own["required"] = json!(["path"]);
    let mut variants = vec![own];
    for name in BUNDLED {
        let mut one = bundled([name, "*"], keys, about, foreign, forms);
        one["required"] = json!(["bundled"]);
        variants.push(one);
    }
    json!({ "description": about, "anyOf": variants })
}

pub(super) const BUNDLED: [&str; 3] = ["filter", "aggregate", "alert"];

/// The bundled plugin `name` under the name `place`; only the one called alert gets the rules of the
/// file, and settings from the host.
fn bundled(
    [name, place]: [&str; 2],
    keys: &[&Key],
    about: &str,
    foreign: &Foreign,
    forms: &mut Map<String, Value>,
) -> Value {
    let keys: Vec<&Key> = keys.iter().copied().filter(|k| k.name != "path").collect();
    let mut one = object(&keys, Some(("bundled", name)), about, foreign, forms);
    if let Some((_, said)) = foreign.iter().find(|(plugin, said)| plugin == name && said.is_object()) {
        one["properties"]["config"] = match place {
            "alert" => settings_of_alert(said),
            _ => json!({ "$ref": format!("#/$defs/{name}") }),
        };
    }
    if let Some(one) = one.as_object_mut() {
        one.remove("required");
    }
    one
}

/// The sections whose name says which plugin they are.
fn bundled_by_name(foreign: &Foreign, forms: &mut Map<String, Value>) -> Value {
    let all: Vec<&Key> = sections().filter(|s| s.path == "plugins.*").flat_map(Section::all_keys).collect();
    let about = sections().find(|s| s.path == "plugins.*").map_or("", |s| s.about);
    let named = BUNDLED.map(|name| {
        let mut own = object(&all, None, about, foreign, forms);
        own["required"] = json!(["path"]);
        (name.to_owned(), json!({ "anyOf": [bundled([name, name], &all, about, foreign, forms), own] }))
    });
    named.into_iter().collect::<Map<_, _>>().into()
}

/// What `[plugins.alert.config]` may hold: the host adds the rules and what [alerts] says.
fn settings_of_alert(said: &Value) -> Value {
    let mut properties = said.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for own in HOSTS_OWN {
        properties.remove(own);
    }
    moved(
        json!({ "type": "object", "additionalProperties": false, "properties": properties }),
        "#/$defs/alert",
    )
}

/// Settings of the `alert` plugin that do not stand in its `config`.
pub(super) const HOSTS_OWN: [&str; 3] = ["rules", "lateness", "on_gap"];

/// `said` with its references pointing into `place`, where it stands now.
fn moved(mut said: Value, place: &str) -> Value {
    match &mut said {
        Value::Object(map) => {
            map.remove("$schema");
            for (key, value) in map.iter_mut() {
                *value = match value.as_str().and_then(|v| v.strip_prefix('#')) {
                    Some(rest) if key == "$ref" => format!("{place}{rest}").into(),
                    _ => moved(value.take(), place),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|v| *v = moved(v.take(), place)),
        _ => {}
    }
    said
}
