//! `[channels.NAME]`: what all kinds have, and each kind.

use super::{
    Key, Section,
    types::{CHANNELS, CHAT, MAILBOX, PATH, RATES, TOPIC, TTL, Type, URL, VARIABLE, VARIABLES},
};

pub(super) const SECTIONS: &[&Section] = &[
    &CHANNEL,
    &STDOUT,
    &FILE,
    &WEBHOOK,
    &SLACK,
    &DISCORD,
    &TELEGRAM,
    &NTFY,
    &SMTP,
    &PAGERDUTY,
    &ALERTMANAGER,
    &EXEC,
];

const KINDS: Type = Type::Word(&[
    "stdout",
    "file",
    "webhook",
    "slack_webhook",
    "discord",
    "telegram",
    "ntfy",
    "smtp",
    "pagerduty",
    "alertmanager",
    "exec",
]);

const CHANNEL: Section = Section::new(
    "channels.*",
    "Where alerts and records go. One called stdout is there by itself.",
    &[Key::new("kind", KINDS, "\"stdout\"", "What it is.")],
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

// What several kinds have.

const TIMEOUT: Key =
    Key::new("timeout", Type::Duration(100, 300_000), "\"5s\"", "For one attempt.").or("\"15s\"");
const PRIVATE: Key = Key::new(
    "allow_private",
    Type::Bool,
    "true",
    "Whether addresses that are not on the public internet may be spoken to.",
)
.or("false");
const ATTEMPTS: Key =
    Key::new("max_attempts", Type::Integer(1, 1000), "3", "Attempts before it is given up.");
const PACE: Key = Key::new(
    "rate",
    RATES,
    "[\"2/1s\", \"30/1m\"]",
    "At most so many attempts in any such time; each holds.",
);
const AGE: Key =
    Key::new("ttl", TTL, "\"2h\"", "What is older, by the time of its event, is told in one message.");
const STALE: Key = AGE.or("\"1h\"");
const AGELESS: Key = AGE.or("\"never\"");
const FREE: Key = PACE.without("as fast as they come");
const QUIET: Key = Key::new(
    "quiet",
    Type::Hours,
    "{ from = \"23:00\", to = \"07:00\", tz = \"Asia/Seoul\", below = \"critical\" }",
    "What is less urgent waits until these hours are over.",
)
.without("every hour is as good as another");
const FALLBACK: Key = Key::new(
    "fallback",
    CHANNELS,
    "[\"stdout\"]",
    "Channels that get everything when this one is broken, and a copy of what is critical when it is late.",
)
.or("[]");
const URL_ENV: Key =
    Key::new("url_env", VARIABLE, "\"SLACK_URL\"", "The variable that holds the URL, which is a secret.");
const URL_FILE: Key =
    Key::new("url_file", PATH, "\"url.key\"", "Or the file that holds it.").instead_of("url_env");
const CHAT_ATTEMPTS: Key = ATTEMPTS.or("100");

const WEBHOOK: Section = Section::new(
    "channels.*",
    "An HTTP POST, signed as in Standard Webhooks when there is a secret.",
    &[
        Key::new("url", URL, "\"https://example.org/alerts\"", "Where to; a token in it is shown nowhere."),
        Key::new("url_env", VARIABLE, "\"HOOK_URL\"", "The variable that holds the URL.").instead_of("url"),
        Key::new("url_file", PATH, "\"url.key\"", "Or the file that holds it.").instead_of("url"),
        Key::new(
            "secret_env",
            VARIABLES,
            "\"HOOK_SECRET\"",
            "The variable that holds the key of the signature; several while keys are being changed.",
        )
        .without("requests are not signed"),
        Key::new("secret_file", PATH, "\"hook.key\"", "Or the file that holds it.").instead_of("secret_env"),
        Key::new(
            "format",
            Type::Word(&["canonical", "alertmanager"]),
            "\"alertmanager\"",
            "The canonical event, or the payload that Alertmanager sends to webhooks.",
        )
        .or("\"canonical\""),
        TIMEOUT,
        ATTEMPTS.or("9"),
        PRIVATE,
        FREE,
        AGELESS,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "webhook");

const SLACK: Section = Section::new(
    "channels.*",
    "Slack, through an incoming webhook.",
    &[URL_ENV, URL_FILE, TIMEOUT, CHAT_ATTEMPTS, PRIVATE, PACE.or("\"1/1s\""), STALE, QUIET, FALLBACK],
)
.only("kind", "slack_webhook");

const DISCORD: Section = Section::new(
    "channels.*",
    "Discord, through a webhook.",
    &[URL_ENV, URL_FILE, TIMEOUT, CHAT_ATTEMPTS, PRIVATE, FREE, STALE, QUIET, FALLBACK],
)
.only("kind", "discord");

const TELEGRAM: Section = Section::new(
    "channels.*",
    "Telegram, as a bot.",
    &[
        Key::new("token_env", VARIABLE, "\"TELEGRAM_TOKEN\"", "The variable that holds the bot's token."),
        Key::new("token_file", PATH, "\"bot.key\"", "Or the file that holds it.").instead_of("token_env"),
        Key::new("chat_id", CHAT, "\"-1001234567890\"", "The chat it writes to."),
        Key::new("thread_id", Type::Integer(1, 1 << 53), "7", "A topic of a forum.")
            .without("the chat's general topic"),
        Key::new("url", URL, "\"https://bot.example.org\"", "A Bot API server of one's own.")
            .or("\"https://api.telegram.org\""),
        TIMEOUT,
        CHAT_ATTEMPTS,
        PRIVATE,
        PACE.without("1/1s, and 20/1m in a group or channel"),
        STALE,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "telegram");

const NTFY: Section = Section::new(
    "channels.*",
    "A topic of ntfy.",
    &[
        Key::new("topic", TOPIC, "\"desk\"", "The topic: who knows it can read it."),
        Key::new("topic_env", VARIABLE, "\"NTFY_TOPIC\"", "The variable that holds it.").instead_of("topic"),
        Key::new("topic_file", PATH, "\"topic.key\"", "Or the file that holds it.").instead_of("topic"),
        Key::new("token_env", VARIABLE, "\"NTFY_TOKEN\"", "The variable that holds an access token.")
            .without("requests carry no token"),
        Key::new("token_file", PATH, "\"ntfy.key\"", "Or the file that holds it.").instead_of("token_env"),
        Key::new("url", URL, "\"https://ntfy.example.org\"", "The server.").or("\"https://ntfy.sh\""),
        TIMEOUT,
        CHAT_ATTEMPTS,
        PRIVATE,
        PACE.or("\"60/5m\""),
        STALE,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "ntfy");

const SMTP: Section = Section::new(
    "channels.*",
    "E-mail.",
    &[
        Key::new("host", Type::Text, "\"smtp.example.org\"", "The server that takes mail."),
        Key::new("port", Type::Integer(1, 65_535), "2525", "Its port.")
            .without("587, 465 or 25, as tls says"),
        Key::new(
            "tls",
            Type::Word(&["starttls", "implicit", "none"]),
            "\"implicit\"",
            "How the connection is made safe.",
        )
        .without("starttls; implicit on port 465"),
        Key::new("username", Type::Text, "\"alerts\"", "The name to log in with.")
            .without("the address of from")
            .beside("password_env"),
        Key::new("password_env", VARIABLE, "\"SMTP_PASSWORD\"", "The variable that holds the password.")
            .without("nobody logs in"),
        Key::new("password_file", PATH, "\"mail.key\"", "Or the file that holds it.")
            .instead_of("password_env"),
        Key::new("from", MAILBOX, "\"tradehook <alerts@example.org>\"", "Who writes."),
        Key::new("to", Type::OneOrMany(&MAILBOX), "[\"you@example.org\"]", "Who is written to."),
        Key::new("timeout", Type::Duration(100, 300_000), "\"5s\"", "For one attempt.").or("\"30s\""),
        CHAT_ATTEMPTS,
        PRIVATE,
        FREE,
        AGELESS,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "smtp");

const PAGERDUTY: Section = Section::new(
    "channels.*",
    "PagerDuty, through its Events API.",
    &[
        Key::new(
            "routing_key_env",
            VARIABLE,
            "\"PAGERDUTY_KEY\"",
            "The variable that holds the integration key.",
        ),
        Key::new("routing_key_file", PATH, "\"pager.key\"", "Or the file that holds it.")
            .instead_of("routing_key_env"),
        Key::new("url", URL, "\"https://events.eu.pagerduty.com/v2/enqueue\"", "The Events API.")
            .or("\"https://events.pagerduty.com/v2/enqueue\""),
        TIMEOUT,
        CHAT_ATTEMPTS,
        PRIVATE,
        PACE.or("\"120/1m\""),
        STALE,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "pagerduty");

const ALERTMANAGER: Section = Section::new(
    "channels.*",
    "An Alertmanager.",
    &[
        Key::new("url", URL, "\"https://alertmanager.example.org\"", "Its root."),
        Key::new("url_env", VARIABLE, "\"HOOK_URL\"", "The variable that holds it.").instead_of("url"),
        Key::new("url_file", PATH, "\"url.key\"", "Or the file that holds it.").instead_of("url"),
        TIMEOUT,
        CHAT_ATTEMPTS,
        PRIVATE,
        FREE,
        AGELESS,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "alertmanager");

const EXEC: Section = Section::new(
    "channels.*",
    "A program: the event as JSON on its standard input.",
    &[
        Key::new(
            "command",
            Type::List(&Type::Text),
            "[\"./notify.sh\", \"--quiet\"]",
            "The program and its arguments; no shell.",
        ),
        Key::new(
            "env",
            Type::List(&VARIABLE),
            "[\"NOTIFY_TOKEN\"]",
            "Variables that it gets beside PATH, HOME, LANG and TZ.",
        )
        .or("[]"),
        Key::new("timeout", Type::Duration(100, 300_000), "\"5s\"", "Until it is killed.").or("\"10s\""),
        Key::new("concurrency", Type::Integer(1, 16), "4", "How many may run at the same time.").or("1"),
        ATTEMPTS.or("20"),
        FREE,
        AGELESS,
        QUIET,
        FALLBACK,
    ],
)
.only("kind", "exec");
