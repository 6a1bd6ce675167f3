//! What the configuration may hold, as a table.
//!
//! From it comes `schema.json`, which the manifest carries and `tradehook config` shows. Tests hold
//! it against the reader: every key of the table is read, and no other is.

use tradehook_sdk::reference::{Form, Key, Table};

/// The whole configuration: lists of bars and figures, or one bar written flat.
pub(crate) fn settings() -> Table {
    let mut keys = vec![
        Key::new(
            "bars",
            Form::Table(Table::new("One sort of bar.", bar())).list(),
            "[{\"size\": \"1m\"}]",
            "Bars. One alone may be written without this list.",
        ),
        Key::new("lateness", Form::Duration, "\"5s\"", "How long a bar waits for late trades.").or("\"2s\""),
        Key::new("idle_lag", Form::Duration, "\"5s\"", "How far the clock of a quiet market stays behind.")
            .or("\"2s\""),
    ];
    keys.extend(
        figures().into_iter().map(|(name, about, keys)| {
            Key::new(name, Form::Table(Table::new(about, keys)).list(), "", about)
        }),
    );
    keys.extend(bar());
    Table::new("Bars, averages, sums and statistics.", keys)
}

fn markets() -> Vec<Key> {
    vec![
        Key::new("id", Form::Text, "\"fast\"", "A name that its records carry."),
        Key::new(
            "markets",
            Form::Text.list(),
            "[\"KRW-*\"]",
            "For these markets, codes and patterns; without it for all.",
        ),
        Key::new("exclude", Form::Text.list(), "[\"KRW-USDT\"]", "But not for these."),
    ]
}

/// Whose days are meant.
fn days() -> [Key; 2] {
    [
        Key::new(
            "day_start",
            Form::Text,
            "\"09:00+09:00\"",
            "When a day begins; without it at 00:00 UTC, as Upbit's does.",
        ),
        Key::new("zone", Form::Text, "\"Asia/Seoul\"", "Or the time zone at whose midnight it does."),
    ]
}

fn bar() -> Vec<Key> {
    let mut keys = markets();
    let size = Form::Either(vec![Form::Duration, Form::Money, Form::Text]);
    keys.extend([
        Key::new("kind", Form::Words(&["time", "tick", "volume", "notional", "imbalance"]), "\"notional\"", "What makes a bar end: time, a number of trades, a volume, an amount of money, or buys against sells.").or("\"time\""),
        Key::new("size", size, "\"1m\"", "How long (\"1s\" to \"1h\", \"1d\", \"1w\", \"1mo\", \"1y\"), how many, or how much."),
        Key::new("by", Form::Words(&["count", "volume", "notional"]), "\"notional\"", "With imbalance: what is counted.").or("\"volume\""),
        Key::new("overshoot", Form::Words(&["include", "split"]), "\"split\"", "With volume: whether what a trade has too much goes to the next bar.").or("\"include\""),
        Key::new("max_age", Form::Duration, "\"10m\"", "Not with time: an older bar is ended by the clock."),
        Key::new("emit", Form::Words(&["final", "update", "both"]), "\"both\"", "Whether finished bars are told, those that are being built, or both.").or("\"final\""),
        Key::new("update_every", Form::Duration, "\"5s\"", "How often, at most, one that is being built.").or("\"1s\""),
        Key::new("late", Form::Words(&["drop", "amend"]), "\"amend\"", "With time: what a trade does that comes after its bar: nothing, or the bar is told anew.").or("\"drop\""),
        Key::new("amend_for", Form::Duration, "\"1m\"", "For how long that may be.").or("\"30s\""),
        Key::new("empty", Form::Words(&["omit", "fill", "null"]), "\"fill\"", "With time: bars without trades are left out, have the last price, or none.").or("\"omit\""),
        Key::new("max_fill", Form::Count, "10", "How many of them in a row.").or("60"),
        Key::new("keep_partial", Form::Bool, "true", "With time: whether a bar is told whose beginning was not seen.").or("false"),
    ]);
    keys.extend(days());
    keys
}

fn figures() -> Vec<(&'static str, &'static str, Vec<Key>)> {
    let every = || {
        Key::new("every", Form::Duration, "\"10s\"", "How often it is told; has to divide a day.")
            .or("\"1s\"")
    };
    let window =
        || Key::new("window", Form::Duration, "\"5m\"", "Over the last so long, a multiple of every.");
    let of = |usual| {
        Key::new("of", Form::Words(&["price", "volume", "notional"]), "\"volume\"", "Of what.").or(usual)
    };
    let with = |own: Vec<Key>| [markets(), vec![every()], own].concat();
    let sums = |usual: &'static str| {
        let words = Form::Words(&["start", "hour", "day", "week", "month", "year"]);
        let since = Key::new("since", words, "\"week\"", "Or since then.").or(usual);
        [vec![window(), since], days().to_vec()].concat()
    };
    vec![
        ("vwap", "The average price, weighted by volume.", with(sums(""))),
        ("cvd", "Volume bought less volume sold.", with(sums("\"day\""))),
        ("trade_strength", "체결강도: 100 times volume bought by volume sold.", with(sums("\"day\""))),
        ("twap", "The average price, weighted by how long it stood.", with(vec![window()])),
        ("rolling", "Mean, variance, least and greatest.", with(vec![window(), of("\"price\"")])),
        (
            "ewma",
            "An average in which what is older counts less.",
            with(vec![Key::new(
                "half_life",
                Form::Duration,
                "\"30s\"",
                "After how long a price counts half.",
            )]),
        ),
        (
            "quantiles",
            "Below which value a part of the samples lies.",
            with(vec![
                window(),
                of("\"notional\""),
                Key::new("q", Form::Share.list(), "[0.5, \"99.9%\"]", "Which parts.").or("[0.5, 0.9, 0.99]"),
            ]),
        ),
    ]
}

#[cfg(test)]
mod tests;
