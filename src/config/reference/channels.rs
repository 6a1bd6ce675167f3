//! `[channels.NAME]`: what all kinds have, and each kind.

use super::{
    Key, Section,
    types::{PATH, Type, URL, VARIABLE},
};

pub(super) const SECTIONS: &[&Section] = &[&CHANNEL, &STDOUT, &FILE, &WEBHOOK];

const CHANNEL: Section = Section::new(
    "channels.*",
    "Where alerts and records go. One called stdout is there by itself.",
    &[Key::new("kind", Type::Word(&["stdout", "file", "webhook"]), "\"stdout\"", "What it is.")],
);

const STDOUT: Section = Section::new(
    "channels.*",
    "The output of the process.",
    &[Key::new("format", Type::Word(&["human", "json"]), "\"json\"", "Lines for people, or JSON lines.")
        .or("\"human\"")],
)
.only("kind", "stdout");

const FILE: Section = Section::new(
    "channels.*",
    "A file of JSON lines.",
    &[
        Key::new("path", PATH, "\"alerts.jsonl\"", "Where it is."),
        Key::new("max_size", Type::Size(64 << 10, 1 << 40), "\"16MiB\"", "Beyond it the file is begun anew.")
            .or("\"64MiB\""),
        Key::new("keep", Type::Integer(0, 1000), "3", "How many full files are kept.").or("5"),
    ],
)
.only("kind", "file");

const WEBHOOK: Section = Section::new(
    "channels.*",
    "An HTTP POST, signed as in Standard Webhooks when there is a secret.",
    &[
        Key::new("url", URL, "\"https://example.org/alerts\"", "Where to; a token in it is shown nowhere."),
        Key::new("url_env", VARIABLE, "\"HOOK_URL\"", "The variable that holds the URL.").instead_of("url"),
        Key::new(
            "secret_env",
            VARIABLE,
            "\"HOOK_SECRET\"",
            "The variable that holds the key of the signature.",
        )
        .without("requests are not signed"),
        Key::new("secret_file", PATH, "\"hook.key\"", "Or the file that holds it.").instead_of("secret_env"),
        Key::new("timeout", Type::Duration(100, 300_000), "\"5s\"", "For one request.").or("\"15s\""),
        Key::new("max_attempts", Type::Integer(1, 100), "3", "Attempts before it is given up.").or("9"),
        Key::new(
            "allow_private",
            Type::Bool,
            "true",
            "Whether addresses that are not on the public internet may be spoken to.",
        )
        .or("false"),
    ],
)
.only("kind", "webhook");
