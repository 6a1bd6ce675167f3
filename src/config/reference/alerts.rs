//! `[alerts]` and `[[alert]]`: what the host does with alerts, and the rules.

use super::{
    Key, Section,
    types::{CHANNELS, MARKETS, NAME, TEMPLATE, Type},
};

const DAY: u64 = 86_400_000;

pub(super) const SECTIONS: &[&Section] = &[&ALERTS, &DEFAULTS, &RULE];

const SEVERITIES: Type = Type::Word(&["info", "warning", "critical"]);

const ALERTS: Section = Section::new(
    "alerts",
    "What holds for all rules.",
    &[
        Key::new("enabled", Type::Bool, "false", "Whether the rules run.").or("true"),
        Key::new(
            "lateness",
            Type::Duration(0, 3_600_000),
            "\"5s\"",
            "How late a trade may be and still count.",
        )
        .or("\"2s\""),
        Key::new("defaults", Type::Table("alerts.defaults"), "", "").without(""),
    ],
);

const DEFAULTS: Section = Section::new(
    "alerts.defaults",
    "For every rule that does not say otherwise, and for alerts that plugins raise by themselves.",
    &[
        Key::new("notify", CHANNELS, "[\"log\"]", "Channels that are told.").or("[\"stdout\"]"),
        Key::new("severity", SEVERITIES, "\"warning\"", "How bad an alert is.").or("\"info\""),
        Key::new(
            "cooldown",
            Type::Duration(0, 30 * DAY),
            "\"1m\"",
            "Least time between two alerts of one rule and market.",
        )
        .without("30s for events, none for conditions that hold"),
    ],
);

const RULE: Section = Section::new(
    "alert[]",
    "A rule: copy a block, give it an id. What it watches for stands in when; the rest says where, how long, and who is told.",
    &[
        Key::new("id", NAME, "\"btc-100m\"", "Its name among the rules; alerts are recognised by it."),
        Key::new("name", Type::Text, "\"BTC reaches 1억\"", "Its name for people.").without("the id"),
        Key::new("markets", MARKETS, "[\"KRW-BTC\"]", "Markets it watches, each for itself.").or("[\"*\"]"),
        Key::new("exclude", MARKETS, "[\"KRW-USDT\"]", "Markets it leaves out.").without("none"),
        Key::new(
            "when",
            Type::Condition,
            "{ kind = \"cross\", level = 100_000_000 }",
            "The condition: a kind, and what this kind asks for.",
        ),
        Key::new(
            "hold",
            Type::Duration(0, 365 * DAY),
            "\"2m\"",
            "How long the condition has to hold before it fires.",
        )
        .without("it fires at once"),
        Key::new("hold_trades", Type::Integer(1, u32::MAX as u64), "3", "Or for how many trades in a row.")
            .without("hold alone decides"),
        Key::new(
            "linger",
            Type::Duration(0, 365 * DAY),
            "\"5m\"",
            "How long the condition has to be over before the alert is.",
        )
        .without("it is over at once"),
        Key::new(
            "initial",
            Type::Word(&["fire", "arm"]),
            "\"arm\"",
            "Whether a condition that is true when it is first known fires, or has to be false once before.",
        )
        .without("fire"),
        Key::new(
            "on_unknown",
            Type::Word(&["hold", "clear", "fire"]),
            "\"clear\"",
            "What a value that is not known means: nothing changes, the condition is false, or it is true.",
        )
        .without("hold"),
        Key::new(
            "source",
            Type::Word(&["last", "mid", "best_bid", "best_ask"]),
            "\"mid\"",
            "Which price is watched.",
        )
        .without("last"),
        Key::new("severity", SEVERITIES, "\"critical\"", "How bad it is.")
            .without("alerts.defaults.severity"),
        Key::new(
            "cooldown",
            Type::Duration(0, 30 * DAY),
            "\"10m\"",
            "Least time between two alerts of this rule for one market.",
        )
        .without("alerts.defaults.cooldown"),
        Key::new("notify", CHANNELS, "[\"log\"]", "Channels that are told.")
            .without("alerts.defaults.notify"),
        Key::new(
            "message",
            TEMPLATE,
            "\"{{ market }} at {{ price | krw }}\"",
            "The text of the alert, in the words of Jinja.",
        )
        .without("a text that fits the kind"),
        Key::new("resolved", Type::Bool, "true", "Whether the end of the condition is told too.").or("false"),
    ],
);
