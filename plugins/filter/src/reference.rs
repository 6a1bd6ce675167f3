//! What the configuration may hold, as a table.
//!
//! From it comes `schema.json`, which the manifest carries and `tradehook config` shows. Tests hold
//! it against the reader: every key of the table is read, and no other is.

use tradehook_sdk::reference::{Form, Key, Table};

/// The whole configuration.
pub(crate) fn settings() -> Table {
    let mut keys = which();
    keys.extend(remembering());
    Table::new("Lets some trades pass: those that satisfy every condition that is written.", keys)
}

/// What a trade must be.
fn which() -> Vec<Key> {
    let range = |example| {
        Form::Table(Table::new(
            "Bounds, both included.",
            [
                Key::new("min", Form::Money, example, "The least."),
                Key::new("max", Form::Money, example, "The most."),
            ],
        ))
    };
    let hours = Table::new(
        "Hours of some days.",
        [
            Key::new(
                "days",
                Form::Words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]).list(),
                "[\"mon\"]",
                "On which days; without it every day.",
            ),
            Key::new("from", Form::Text, "\"09:00\"", "From this time on."),
            Key::new("to", Form::Text, "\"18:00\"", "Until then; before from: on the next day."),
            Key::new("tz", Form::Text, "\"Asia/Seoul\"", "In which time zone.").or("\"UTC\""),
        ],
    );
    vec![
        Key::new("markets", Form::Text.list(), "[\"KRW-*\"]", "Of these markets, codes and patterns."),
        Key::new("exclude", Form::Text.list(), "[\"KRW-USDT\"]", "But not of these."),
        Key::new("side", Form::Words(&["buy", "sell"]), "\"buy\"", "Of this taker."),
        Key::new("price", range("1000"), "{\"min\": 1000}", "At these prices."),
        Key::new("volume", range("0.1"), "{\"min\": 0.1}", "Of these volumes."),
        Key::new(
            "notional",
            range("\"1000만\""),
            "{\"min\": \"1000만\"}",
            "Of this much money, price times volume.",
        ),
        Key::new(
            "stream_type",
            Form::Words(&["realtime", "both"]),
            "\"realtime\"",
            "Whether the venue's snapshots are refused.",
        )
        .or("\"both\""),
        Key::new(
            "schedule",
            Form::Table(hours),
            "{\"from\": \"09:00\", \"to\": \"18:00\"}",
            "At these hours of the trades' own time.",
        ),
    ]
}

/// What remembers other trades.
fn remembering() -> Vec<Key> {
    let outlier = Table::new(
        "Prices that are far from the median of those before them.",
        [
            Key::new("k", Form::Count, "50", "Compared with so many trades before, 3 to 500.").or("20"),
            Key::new("n", Form::Money, "5", "So many times 1.4826 median distances are too far.").or("3"),
            Key::new(
                "min_dev",
                Form::Either(vec![Form::Money, Form::Percent]),
                "\"0.5%\"",
                "What is too far where that distance is nought.",
            )
            .or("\"1%\""),
            Key::new(
                "action",
                Form::Words(&["drop", "tag"]),
                "\"tag\"",
                "Whether it is dropped, or passes and a record says so.",
            )
            .or("\"drop\""),
        ],
    );
    let sample = Table::new(
        "A part of the trades.",
        [
            Key::new("every", Form::Count, "10", "Of each market the first and then each so many."),
            Key::new("ratio", Form::Share, "0.1", "Or this part, by chance, the same at every run."),
            Key::new("salt", Form::Text, "\"b\"", "With ratio: another choice of the same size."),
        ],
    );
    let throttle = Table::new(
        "So many trades of a market in a stretch of time that begins with the first.",
        [
            Key::new("count", Form::Count, "1", "So many.").required(),
            Key::new("per", Form::Duration, "\"1s\"", "In so long.").required(),
            Key::new(
                "mode",
                Form::Words(&["leading", "trailing", "both"]),
                "\"trailing\"",
                "The first ones at once, the last ones at the end, or both.",
            )
            .or("\"leading\""),
            Key::new("tell", Form::Bool, "true", "Whether a record says how many were dropped.").or("false"),
        ],
    );
    let sweep = Table::new(
        "Trades of one taker become one.",
        [Key::new("gap", Form::Duration, "\"5ms\"", "How far apart they may be.").or("\"0s\"")],
    );
    let conflate = Table::new(
        "The last trade of each market and stretch of time, with what was merged into it.",
        [Key::new("every", Form::Duration, "\"1s\"", "How long a stretch is.").required()],
    );
    vec![
        Key::new(
            "reorder",
            Form::Duration,
            "\"250ms\"",
            "How long trades are held to be put into the order of their time; a minute at most.",
        ),
        Key::new("outlier", Form::Table(outlier), "{\"k\": 20}", "Not these prices."),
        Key::new(
            "distinct",
            Form::Bool,
            "true",
            "Whether a trade at the price of the one before is dropped.",
        )
        .or("false"),
        Key::new("sample", Form::Table(sample), "{\"every\": 10}", "A part of them."),
        Key::new("throttle", Form::Table(throttle), "{\"count\": 1, \"per\": \"1s\"}", "So many at a time."),
        Key::new(
            "sweep",
            Form::Table(sweep),
            "{\"gap\": \"5ms\"}",
            "What one taker took at once as one trade.",
        ),
        Key::new(
            "conflate",
            Form::Table(conflate),
            "{\"every\": \"1s\"}",
            "One trade of each market for each stretch of time.",
        ),
        Key::new("idle_lag", Form::Duration, "\"5s\"", "How far the clock of a quiet market stays behind.")
            .or("\"2s\""),
        Key::new(
            "report",
            Form::Duration,
            "\"1m\"",
            "How often a record says what passed and what was dropped; without it never.",
        ),
    ]
}

#[cfg(test)]
mod tests;
