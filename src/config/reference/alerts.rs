//! `[alerts]`, `[[alert]]`, `[[route]]` and `[[silence]]`: the rules, and what the host does with alerts.

use super::{
    Key, Section,
    types::{CHANNELS, GLOB, INSTANT, MARKETS, NAME, PLUGIN, RATE, TEMPLATE, TIME_OF_DAY, Type, ZONE},
};

const SECOND: u64 = 1000;
const DAY: u64 = 86_400_000;

pub(super) const SECTIONS: &[&Section] = &[
    &ALERTS,
    &DEFAULTS,
    &DEFAULT_ACTIVE,
    &RULE,
    &ACTIVE,
    &OF_PLUGIN,
    &ROUTE,
    &ROUTE_MATCH,
    &SILENCE,
    &SILENCE_MATCH,
];

const SEVERITIES: Type = Type::Word(&["info", "warning", "critical"]);
const ONCE_PER: Type = Type::Or(&["day"], &Type::Form(&super::types::ONCE_PER));

const ALERTS: Section = Section::new(
    "alerts",
    "What holds for all rules.",
    &[
        Key::new("enabled", Type::Bool, "false", "Whether the rules run.").or("true"),
        Key::new("lateness", Type::Duration(0, 3600 * SECOND), "\"1s\"", "How late a trade may be and still count.")
            .or("\"2s\""),
        Key::new(
            "idle_lag",
            Type::Duration(0, 3600 * SECOND),
            "\"5s\"",
            "How far the clock of a quiet market runs behind; not less than lateness.",
        )
        .without("as long as lateness"),
        Key::new(
            "on_gap",
            Type::Word(&["backfill", "resume", "reset"]),
            "\"reset\"",
            "What the rules make of a time in which nothing was seen: what was missed is fetched (backfill, with [feed.backfill] alone), windows go on with what they have (resume, without it alone), or the rules of a market begin anew (reset).",
        )
        .without("backfill where [feed.backfill] is enabled, resume where it is not"),
        Key::new(
            "max_alert_age",
            Type::Duration(0, 30 * DAY),
            "\"10m\"",
            "Alerts that are older when they are heard of, for instance after a repair, go into a digest; with \"0s\" none does.",
        )
        .or("\"5m\""),
        Key::new("defaults", Type::Table("alerts.defaults"), "", "").without(""),
    ],
);

const DEFAULTS: Section = Section::new(
    "alerts.defaults",
    "For every rule that does not say otherwise, and for alerts that plugins raise by themselves.",
    &[
        Key::new("notify", CHANNELS, "[\"log\"]", "Channels that are told where no [[route]] matches.")
            .or("[\"stdout\"]"),
        Key::new("severity", SEVERITIES, "\"warning\"", "How bad an alert is.").or("\"info\""),
        Key::new("resolved", Type::Bool, "true", "Whether the end of a condition is told, too.")
            .without("of plugins' own alerts it is, of rules it is not"),
        Key::new("timezone", ZONE, "\"UTC\"", "The time zone of days and hours.").or("\"Asia/Seoul\""),
        Key::new("cooldown", COOLDOWN, "\"1m\"", TELL_COOLDOWN)
            .without("30s for kinds that happen at an instant, none for conditions that hold"),
        Key::new("trigger", TRIGGER, "\"once\"", TELL_TRIGGER).or("\"every\""),
        Key::new("once_per", ONCE_PER, "\"bar:5m\"", TELL_ONCE_PER).without("every alert may be told"),
        Key::new("repeat", REPEAT, "\"1h\"", TELL_REPEAT).without("it is not"),
        Key::new("max_rate", MAX_RATE, "\"15/3m\"", TELL_RATE).without("there is no limit"),
        Key::new("active", Type::Table("alerts.defaults.active"), "", "").without(""),
        Key::new("notify_on_fall", Type::Bool, "true", TELL_FALL).or("false"),
        Key::new("labels", Type::Labels, "{ team = \"desk\" }", TELL_LABELS).without("none"),
    ],
);

const COOLDOWN: Type = Type::Duration(0, 30 * DAY);
const TRIGGER: Type = Type::Word(&["every", "once", "once_per"]);
const REPEAT: Type = Type::Or(&["0s"], &Type::Duration(SECOND, 30 * DAY));
const MAX_RATE: Type = Type::Or(&["off"], &RATE);
const TELL_COOLDOWN: &str = "Least time between two alerts of one rule and market.";
const TELL_TRIGGER: &str = "Which alerts of a rule and market are told: every one, the first until `tradehook alert reset`, or the first in each stretch that once_per says.";
const TELL_ONCE_PER: &str = "The first alert in each stretch of time is told: \"1m\", \"bar:5m\" (the same), or \"day\" in the time zone.";
const TELL_REPEAT: &str = "After how long what still holds is told again; \"0s\": never.";
const TELL_RATE: &str = "How many messages of a rule may leave in which time; what is beyond goes into one digest. \"off\": any number.";
const TELL_FALL: &str = "Whether a fall of the severity is told, as a rise is.";
const TELL_LABELS: &str = "Names and values for routes, silences and receivers.";

const HOURS: &str = "When alerts are told; at other times they are worked out all the same.";
const DEFAULT_ACTIVE: Section = Section::new("alerts.defaults.active", HOURS, ACTIVE_KEYS);
const ACTIVE: Section = Section::new("alert[].active", HOURS, ACTIVE_KEYS);
const ACTIVE_KEYS: &[Key] = &[
    Key::new(
        "days",
        Type::List(&Type::Word(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"])),
        "[\"mon\", \"fri\"]",
        "On which days.",
    )
    .without("every day"),
    Key::new("from", TIME_OF_DAY, "\"09:00\"", "From this time on.").or("\"00:00\""),
    Key::new("to", TIME_OF_DAY, "\"18:00\"", "Until then; before from: on the next day.").or("\"24:00\""),
    Key::new("tz", ZONE, "\"UTC\"", "In which time zone.").without("alerts.defaults.timezone"),
];

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
            "{ kind = \"price\", above = 100_000_000 }",
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
            "Which price is watched, for kinds that watch a price.",
        )
        .without("last"),
        Key::new("severity", SEVERITIES, "\"critical\"", "How bad it is.")
            .without("alerts.defaults.severity"),
        Key::new(
            "message",
            TEMPLATE,
            "\"{{ market }} at {{ price | krw }}\"",
            "The text of the alert, in the words of Jinja.",
        )
        .without("a text that fits the kind"),
        Key::new("notify", CHANNELS, "[\"log\"]", "Channels that are told.")
            .without("those of the first [[route]] that matches, or alerts.defaults.notify"),
        Key::new("resolved", Type::Bool, "true", "Whether the end of the condition is told, too.")
            .without("alerts.defaults.resolved, or it is not"),
        Key::new("cooldown", COOLDOWN, "\"10m\"", TELL_COOLDOWN).without("alerts.defaults.cooldown"),
        Key::new("trigger", TRIGGER, "\"once\"", TELL_TRIGGER).without("alerts.defaults.trigger"),
        Key::new("once_per", ONCE_PER, "\"day\"", TELL_ONCE_PER).without("alerts.defaults.once_per"),
        Key::new("repeat", REPEAT, "\"1h\"", TELL_REPEAT).without("alerts.defaults.repeat"),
        Key::new("max_rate", MAX_RATE, "\"15/3m\"", TELL_RATE).without("alerts.defaults.max_rate"),
        Key::new("active", Type::Table("alert[].active"), "", "").without(""),
        Key::new("notify_on_fall", Type::Bool, "true", TELL_FALL).without("alerts.defaults.notify_on_fall"),
        Key::new("labels", Type::Labels, "{ team = \"desk\" }", TELL_LABELS)
            .without("alerts.defaults.labels"),
        Key::new("expires", INSTANT, "2126-12-31T00:00:00+09:00", "From when on nothing is told.")
            .without("never"),
        Key::new(
            "inhibited_by",
            Type::List(&NAME),
            "[\"feed-down\"]",
            "Ids of rules that hold it back while they fire.",
        )
        .without("none"),
    ],
);

const OF_PLUGIN: Section = Section::new(
    "alert[].when",
    "Not a condition, but what a rule says of alerts that another plugin raises: how bad they are, who is told, how often.",
    &[
        Key::new("kind", Type::Word(&["plugin"]), "\"plugin\"", "The kind."),
        Key::new("plugin", PLUGIN, "\"bars\"", "The plugin that raises them."),
        Key::new("rule", GLOB, "\"pump*\"", "The plugin's own word for them.").or("\"*\""),
        Key::new("key", GLOB, "\"KRW-*\"", "What they are about, usually a market.").or("\"*\""),
    ],
)
.only("kind", "plugin");

const ROUTE: Section = Section::new(
    "route[]",
    "Where alerts go whose rule has no notify. The first route that matches decides, and with continue the next ones as well.",
    &[
        Key::new("match", Type::Table("route[].match"), "", "").without(""),
        Key::new("notify", CHANNELS, "[\"log\"]", "Channels that are told."),
        Key::new("continue", Type::Bool, "true", "Whether the routes behind it are asked as well.")
            .or("false"),
    ],
);

const ROUTE_MATCH: Section =
    Section::new("route[].match", "Which alerts: those that satisfy all of it.", MATCH);
const SILENCE_MATCH: Section =
    Section::new("silence[].match", "Which alerts: those that satisfy all of it.", MATCH);
const MATCH: &[Key] = &[
    Key::new("rule", GLOB, "\"feed-*\"", "The rule's id.").without("any"),
    Key::new("market", GLOB, "\"KRW-*\"", "The market, or whatever else it is about.").without("any"),
    Key::new("severity", SEVERITIES, "\"critical\"", "How bad it is.").without("any"),
    Key::new("plugin", PLUGIN, "\"bars\"", "The plugin that raised it.").without("any"),
    Key::new("labels", Type::Labels, "{ team = \"desk\" }", "Labels of its rule, with patterns.")
        .without("any"),
];

const SILENCE: Section = Section::new(
    "silence[]",
    "What is told to nobody for a while. A silence for the moment is made by `tradehook alert silence`.",
    &[
        Key::new("match", Type::Table("silence[].match"), "{ rule = \"*\" }", "Which alerts."),
        Key::new("from", INSTANT, "2026-01-01T00:00:00+09:00", "Alerts of this moment and later.")
            .without("all until then"),
        Key::new("until", INSTANT, "2126-12-31T00:00:00+09:00", "And earlier than this."),
        Key::new("reason", Type::Text, "\"maintenance\"", "Why.").without("none is given"),
    ],
);
