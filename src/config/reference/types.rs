//! The types of values: how each is said to people, and how it is said to an editor.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::text::{quoted, show_duration, show_size};

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    /// true or false.
    Bool,
    /// Any text.
    Text,
    /// A text of a certain form.
    Form(&'static Form),
    /// A whole number.
    Integer(u64, u64),
    /// A duration, from and to in milliseconds.
    Duration(u64, u64),
    /// A size, from and to in bytes.
    Size(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list.
    List(&'static Type),
    /// One, or a list.
    OneOrMany(&'static Type),
    /// Quiet hours.
    Hours,
    /// One of these words, or something else.
    Or(&'static [&'static str], &'static Type),
    /// Names of the writer's own with texts.
    Labels,
    /// The table of this path.
    Table(&'static str),
    /// Tables of this path, each under a name.
    Named(&'static str),
    /// A list of tables of this path.
    Many(&'static str),
    /// What the plugin of the file's section understands.
    Settings,
    /// What the `alert` plugin understands.
    Condition,
}

/// A form of text that more than one key has.
#[derive(Debug)]
pub(super) struct Form {
    /// Its name in the schema.
    pub(super) name: &'static str,
    pub(super) shown: &'static str,
    /// A regular expression that every such text fits; it may fit others.
    pub(super) pattern: &'static str,
    /// Whether a whole number does as well.
    pub(super) or_integer: bool,
}

const fn form(name: &'static str, shown: &'static str, pattern: &'static str) -> Form {
    Form { name, shown, pattern, or_integer: false }
}

pub(super) const PATH: Type = Type::Form(&form("path", "a path", "."));
pub(super) const NAME: Type =
    Type::Form(&form("name", "a name (letters, digits, - and _)", "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"));
pub(super) const MARKETS: Type =
    Type::List(&Type::Form(&form("market", "market codes and patterns", "^[A-Z0-9*]+(-[A-Z0-9*]+)?$")));
pub(super) const BOOKS: Type = Type::List(&Type::Form(&form(
    "book",
    "market codes and patterns, each perhaps with a number of levels behind a point",
    "^[A-Z0-9*]+(-[A-Z0-9*]+)?(\\.(1|5|15|30))?$",
)));
pub(super) const CHANNELS: Type = Type::List(&CHANNEL);
pub(super) const CHANNEL: Type =
    Type::Form(&form("channel", "names of channels", "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"));
pub(super) const PLUGIN: Type =
    Type::Form(&form("plugin", "the name of a plugin, or trades", "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"));
pub(super) const WEBSOCKET: Type = Type::Form(&form("websocket", "a URL with wss://", "^wss?://.+"));
pub(super) const URL: Type = Type::Form(&form("url", "a URL with https://", "^https?://.+"));
pub(super) const VARIABLE: Type =
    Type::Form(&form("variable", "the name of an environment variable", "^[A-Za-z0-9_]+$"));
pub(super) const LISTEN: Type = Type::Form(&form(
    "listen",
    "a loopback address with a port",
    "^(localhost|[0-9.]+|\\[[0-9a-f:]+\\]):[0-9]+$",
));
pub(super) const TEMPLATE: Type = Type::Form(&form("template", "a template of text", ""));

pub(super) const RATES: Type = Type::OneOrMany(&Type::Form(&form(
    "rates",
    "so many in such a time, like 20/1m",
    "^[0-9]+/([0-9]*(ms|d|h|m|s))+$",
)));
pub(super) const TTL: Type =
    Type::Form(&form("ttl", "a duration, 1m to 30d, or never", "^(never|([0-9]+(ms|d|h|m|s))+)$"));
pub(super) const CHAT: Type = Type::Form(&Form {
    or_integer: true,
    ..form("chat", "the number of a chat, or @name", "^(-?[0-9]+|@[A-Za-z0-9_]+)$")
});
pub(super) const TOPIC: Type = Type::Form(&form("topic", "a topic", "^[A-Za-z0-9_-]{1,64}$"));
pub(super) const MAILBOX: Type =
    Type::Form(&form("mailbox", "the address of a mailbox, perhaps with a name", "^.*[^ <]+@[^ >]+>?$"));
pub(super) const VARIABLES: Type = Type::OneOrMany(&VARIABLE);
const TIME: &Form = &form("time", "a time of day", "^[0-9]{2}:[0-9]{2}(:00)?$");
pub(super) const ZONE: Type = Type::Form(&form("zone", "a time zone like \"Asia/Seoul\"", "^[A-Za-z]"));
pub(super) const INSTANT: Type = Type::Form(&form(
    "instant",
    "a moment like 2026-12-31T00:00:00+09:00",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]",
));
pub(super) const TIME_OF_DAY: Type =
    Type::Form(&form("time", "a time of day like \"09:30\"", "^[0-9]{2}:[0-9]{2}(:00)?$"));
pub(super) const RATE: Type =
    Type::Form(&form("rate", "so many in a time: \"20/1m\"", "^[0-9]+ */ *([0-9]*(ms|d|h|m|s))+$"));
pub(super) const ONCE_PER: Form =
    form("once_per", "a time like \"1m\" or \"bar:5m\"", "^(bar:)?([0-9]+(ms|d|h|m|s))+$");
pub(super) const GLOB: Type = Type::Form(&form("glob", "a name, or a pattern with *", "."));

const DURATION: &Form = &form("duration", "duration", "^([0-9]+(ms|d|h|m|s))+$");
const SIZE: &Form = &form("size", "size", "^[0-9]+(B|KiB|MiB|GiB)$");

impl Type {
    /// As a person is told.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Text => "a text".into(),
            Self::Form(form) => form.shown.into(),
            Self::Integer(from, to) => match to {
                NO_LIMIT.. => format!("a whole number from {from}"),
                _ => format!("a whole number, {from} to {to}"),
            },
            Self::Duration(from, to) => {
                let shown = |ms| show_duration(Duration::from_millis(ms));
                format!("a duration, {} to {}", shown(from), shown(to))
            }
            Self::Size(from, to) => format!("a size, {} to {}", show_size(from), show_size(to)),
            Self::Word(words) => match words.split_last() {
                Some((last, rest)) if !rest.is_empty() => {
                    let rest = rest.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", ");
                    format!("{rest} or {}", quoted(last))
                }
                _ => words.iter().map(|w| quoted(w)).collect(),
            },
            Self::List(of) => format!("a list of {}", of.shown().trim_start_matches("a ")),
            Self::OneOrMany(of) => {
                format!("{}, or a list of them", of.shown())
            }
            Self::Hours => {
                "a table: from and to (like \"23:00\"), tz (\"Asia/Seoul\"), below (\"warning\" or \"critical\")".into()
            }
            Self::Or(words, of) => format!("{}, or {}", of.shown(), Self::Word(words).shown()),
            Self::Labels => "a table of names and texts".into(),
            Self::Table(path) => format!("a table: see {path}"),
            Self::Named(path) | Self::Many(path) => format!("tables: see {path}"),
            Self::Settings => "a table, in the words of the plugin".into(),
            Self::Condition => "a table with a kind: see alert.when".into(),
        }
    }

    /// As an editor is told; forms are put into `forms`, tables are left to the caller.
    pub(super) fn schema(self, forms: &mut serde_json::Map<String, Value>) -> Value {
        match self {
            Self::Bool => json!({ "type": "boolean" }),
            Self::Text => json!({ "type": "string" }),
            Self::Form(form) => refer(form, forms),
            Self::Integer(from, to) => match to {
                NO_LIMIT.. => json!({ "type": "integer", "minimum": from }),
                _ => json!({ "type": "integer", "minimum": from, "maximum": to }),
            },
            Self::Duration(..) => refer(DURATION, forms),
            Self::Size(..) => refer(SIZE, forms),
            Self::Word(words) => json!({ "enum": words }),
            Self::List(of) => json!({ "type": "array", "items": of.schema(forms) }),
            Self::OneOrMany(of) => {
                let one = of.schema(forms);
                json!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
            }
            Self::Hours => {
                let time = refer(TIME, forms);
                json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["from", "to"],
                    "properties": {
                        "from": time.clone(),
                        "to": time,
                        "tz": { "type": "string" },
                        "below": { "enum": ["warning", "critical"] },
                    },
                })
            }
            Self::Or(words, of) => json!({ "anyOf": [of.schema(forms), { "enum": words }] }),
            Self::Labels => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            Self::Table(_) | Self::Named(_) | Self::Settings | Self::Condition => json!({ "type": "object" }),
            Self::Many(_) => json!({ "type": "array", "items": { "type": "object" } }),
        }
    }
}

/// Numbers from here on are not worth telling as a limit: an editor counts in `f64`.
const NO_LIMIT: u64 = 1 << 53;

fn refer(form: &Form, forms: &mut serde_json::Map<String, Value>) -> Value {
    let types = if form.or_integer { json!(["string", "integer"]) } else { json!("string") };
    let mut said = json!({ "type": types, "description": form.shown });
    if !matches!(form.pattern, "" | ".") {
        said["pattern"] = form.pattern.into();
    } else if form.pattern == "." {
        said["minLength"] = 1.into();
    }
    forms.entry(form.name).or_insert(said);
    json!({ "$ref": format!("#/$defs/{}", form.name) })
}
