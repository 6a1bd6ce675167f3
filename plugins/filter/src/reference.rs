//! The configuration as a table of its keys: for people, and for the schema in the manifest.

use tradehook_sdk::reference::{Form, Key, Table};

/// Every key.
#[must_use]
pub fn settings() -> Table {
    let mut keys = conditions();
    keys.extend(stations());
    Table::new("Which trades the plugins behind it get to see; all keys that are given must hold.", keys)
}

fn markets() -> Form {
    Form::Either(vec![Form::Text, Form::Text.list()])
}

fn conditions() -> Vec<Key> {
    let range = |about| {
        let bounds = [
            Key::new("min", Form::Money, "\"1만\"", "The least, included."),
            Key::new("max", Form::Money, "\"1억\"", "The greatest, included."),
        ];
        Form::Table(Table::new(about, bounds))
    };
    let hours = [
        Key::new(
            "days",
            Form::Words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]).list(),
            "[\"mon\", \"fri\"]",
            "Days of the week; all where it is left away.",
        ),
        Key::new("from", Form::Text, "\"09:00\"", "The first moment.").or("\"00:00\""),
        Key::new("to", Form::Text, "\"18:00\"", "The first moment behind.").or("\"24:00\""),
        Key::new("tz", Form::Text, "\"Asia/Seoul\"", "Whose clock.").or("\"UTC\""),
    ];
    vec![
        Key::new("markets", markets(), "[\"KRW-*\"]", "Codes or globs of the markets that pass."),
        Key::new("exclude", markets(), "[\"KRW-USDT\"]", "Codes or globs of those that do not."),
        Key::new("side", Form::Words(&["buy", "sell"]), "\"buy\"", "The taker's side."),
        Key::new("price", range("Prices."), "{\"min\": 100}", "At which prices, in the quote currency."),
        Key::new(
            "volume",
            range("Volumes."),
            "{\"min\": \"0.01\"}",
            "Of which volumes, in the base currency.",
        ),
        Key::new("notional", range("Amounts."), "{\"min\": \"1억\"}", "Of which price times volume."),
        Key::new(
            "stream_type",
            Form::Words(&["realtime", "both"]),
            "\"realtime\"",
            "Whether the venue's snapshots pass.",
        )
        .or("\"both\""),
        Key::new(
            "schedule",
            Form::Table(Table::new("Opening hours.", hours)),
            "{\"from\": \"09:00\"}",
            "At which hours of the trades' own time.",
        ),
    ]
}

fn stations() -> Vec<Key> {
    let table = |about, keys: Vec<Key>| Form::Table(Table::new(about, keys));
    vec![
        Key::new("reorder", Form::Duration, "\"250ms\"", "How long trades are held to be put in order."),
        Key::new("outlier", table("Prices out of all proportion.", outlier()), "{}", "The Hampel test."),
        Key::new(
            "distinct",
            Form::Bool,
            "true",
            "Whether a trade at the price of the one before is dropped.",
        )
        .or("false"),
        Key::new(
            "sample",
            table(
                "A part of the trades.",
                vec![
                    Key::new("every", Form::Count, "10", "Of each market the first and then each so many."),
                    Key::new("ratio", Form::Share, "0.1", "Such a part, by a hash of the trade."),
                    Key::new("salt", Form::Text, "\"a\"", "Makes another choice of the same size.")
                        .or("\"\""),
                ],
            ),
            "{\"every\": 10}",
            "Which part of the trades.",
        ),
        Key::new(
            "throttle",
            table("So many at a time.", throttle()),
            "{\"count\": 5, \"per\": \"1s\"}",
            "How many at a time.",
        ),
        Key::new(
            "sweep",
            table(
                "A taker's fills.",
                vec![
                    Key::new("gap", Form::Duration, "\"5ms\"", "The longest pause between two of them.")
                        .or("\"0ms\""),
                ],
            ),
            "{}",
            "Makes one trade of consecutive ones of a side.",
        ),
        Key::new(
            "conflate",
            table(
                "One at a time.",
                vec![Key::new("every", Form::Duration, "\"1s\"", "The stretch of event time.").required()],
            ),
            "{\"every\": \"1s\"}",
            "Makes one trade of all of a stretch of time.",
        ),
        Key::new(
            "idle_lag",
            Form::Duration,
            "\"5s\"",
            "How far the clock of a quiet market stays behind a tick.",
        )
        .or("\"2s\""),
        Key::new("report", Form::Duration, "\"1m\"", "How often the counts are told as a record."),
    ]
}

fn outlier() -> Vec<Key> {
    let distance = Form::Either(vec![Form::Percent, Form::Money]);
    vec![
        Key::new("k", Form::Count, "50", "How many trades before, 3 to 500.").or("20"),
        Key::new("n", Form::Money, "4", "How many times 1.4826 median distances are too far.").or("3"),
        Key::new("min_dev", distance, "\"0.5%\"", "What is too far where that distance is nought.")
            .or("\"1%\""),
        Key::new("action", Form::Words(&["drop", "tag"]), "\"tag\"", "Whether it is dropped or told.")
            .or("\"drop\""),
    ]
}

fn throttle() -> Vec<Key> {
    let modes = Form::Words(&["leading", "trailing", "both"]);
    vec![
        Key::new("count", Form::Count, "5", "So many.").required(),
        Key::new("per", Form::Duration, "\"1s\"", "In such a stretch of event time.").required(),
        Key::new("mode", modes, "\"trailing\"", "The first at once, the last at the end, or both.")
            .or("\"leading\""),
        Key::new("tell", Form::Bool, "true", "Whether a record says how many were dropped.").or("false"),
    ]
}
