//! The configuration as tables of its keys: for people, and for the schema in the manifest.

use tradehook_sdk::reference::{Form, Key, Named, Table};

/// Every key: those of one bar may stand flat.
#[must_use]
pub fn settings() -> Table {
    let mut keys = vec![
        Key::new("lateness", Form::Duration, "\"5s\"", "How long a bar waits for late trades.").or("\"2s\""),
        Key::new(
            "idle_lag",
            Form::Duration,
            "\"5s\"",
            "How far the clock of a quiet market stays behind a tick.",
        )
        .or("\"2s\""),
        Key::new("bars", Form::Named("bar").list(), "[{\"size\": \"1m\"}]", "Several bars."),
    ];
    keys.extend(figures());
    keys.extend(flat());
    Table::new("Bars and figures; one bar is written flat, several things as lists.", keys)
}

/// The kinds of bars.
#[must_use]
pub fn named() -> Vec<Named> {
    let imbalance = Key::new(
        "by",
        Form::Words(&["count", "volume", "notional"]),
        "\"notional\"",
        "Of what buys and sells are told apart.",
    );
    let bars = vec![
        bar("A bar of time.", kind(&["time"]).or("\"time\""), time()),
        bar("A bar of so many trades.", kind(&["tick"]).required(), threshold(Form::Count, "100")),
        bar("A bar of so much volume.", kind(&["volume"]).required(), {
            let mut keys = threshold(Form::Money, "\"0.5\"");
            keys.push(overshoot(&["include", "split"]));
            keys
        }),
        bar("A bar of so much money.", kind(&["notional"]).required(), {
            let mut keys = threshold(Form::Money, "\"10억\"");
            keys.push(overshoot(&["include"]));
            keys
        }),
        bar("A bar of so much more of one side.", kind(&["imbalance"]).required(), {
            let mut keys = threshold(Form::Money, "5");
            keys.push(imbalance.or("\"volume\""));
            keys
        }),
    ];
    vec![("bar", bars)]
}

fn kind(word: &'static [&'static str]) -> Key {
    Key::new("kind", Form::Words(word), "", "What ends a bar.")
}

fn bar(about: &'static str, kind: Key, own: Vec<Key>) -> Table {
    let mut keys = vec![kind];
    keys.extend(common());
    keys.extend(own);
    Table::new(about, keys)
}

fn markets() -> [Key; 2] {
    let globs = || Form::Either(vec![Form::Text, Form::Text.list()]);
    [
        Key::new(
            "markets",
            globs(),
            "[\"KRW-*\"]",
            "Codes or globs of its markets; all where it is left away.",
        ),
        Key::new("exclude", globs(), "[\"KRW-USDT\"]", "Codes or globs of those that are not."),
    ]
}

fn id() -> Key {
    Key::new("id", Form::Text, "\"mine\"", "A name that its records carry.")
}

fn common() -> Vec<Key> {
    let emit = Form::Words(&["final", "update", "both"]);
    let mut keys = vec![id()];
    keys.extend(markets());
    keys.push(Key::new("emit", emit, "\"both\"", "Bars that are over, under way, or both.").or("\"final\""));
    keys.push(
        Key::new("update_every", Form::Duration, "\"5s\"", "The least time between two updates.")
            .or("\"1s\""),
    );
    keys
}

fn days() -> [Key; 2] {
    [
        Key::new("day_start", Form::Text, "\"09:00+09:00\"", "When days begin."),
        Key::new(
            "zone",
            Form::Text,
            "\"Asia/Seoul\"",
            "Whose midnight days begin at; 00:00 UTC without either.",
        ),
    ]
}

fn time() -> Vec<Key> {
    let spans = Form::Words(&["1w", "1mo", "1y", "day", "week", "month", "year"]);
    let size = Form::Either(vec![Form::Duration, spans]);
    let mut keys =
        vec![Key::new("size", size, "\"1m\"", "Its length: a part of a day, or 1d, 1w, 1mo, 1y.").required()];
    keys.extend(days());
    keys.extend([
        Key::new(
            "late",
            Form::Words(&["drop", "amend"]),
            "\"amend\"",
            "What a trade does to a bar that is over.",
        )
        .or("\"drop\""),
        Key::new("amend_for", Form::Duration, "\"1m\"", "For so long after its end.").or("\"30s\""),
        Key::new("empty", Form::Words(&["omit", "fill", "null"]), "\"fill\"", "Bars without trades.")
            .or("\"omit\""),
        Key::new("max_fill", Form::Count, "10", "So many of them in a row.").or("60"),
        Key::new("keep_partial", Form::Bool, "true", "Whether a bar whose beginning was not seen is told.")
            .or("false"),
    ]);
    keys
}

fn threshold(size: Form, example: &'static str) -> Vec<Key> {
    vec![
        Key::new("size", size, example, "How much ends a bar.").required(),
        Key::new("max_age", Form::Duration, "\"10m\"", "The clock ends a bar that is so old."),
    ]
}

fn overshoot(words: &'static [&'static str]) -> Key {
    Key::new("overshoot", Form::Words(words), "", "Where the last trade goes that is too large.")
        .or("\"include\"")
}

/// The keys of a bar that stands flat, of whatever kind.
fn flat() -> Vec<Key> {
    let kinds = Form::Words(&["time", "tick", "volume", "notional", "imbalance"]);
    let mut keys = vec![Key::new("kind", kinds, "\"tick\"", "What ends a bar.").or("\"time\"")];
    for table in named().into_iter().flat_map(|(_, tables)| tables) {
        for key in table.keys {
            if !keys.iter().any(|known| known.name == key.name) {
                keys.push(Key { required: false, ..key });
            }
        }
    }
    for key in &mut keys {
        match key.name {
            "size" => key.form = Form::Either(vec![Form::Duration, Form::Text, Form::Money]),
            "overshoot" => key.form = Form::Words(&["include", "split"]),
            _ => {}
        }
    }
    keys
}

fn figures() -> Vec<Key> {
    let since = || Form::Words(&["start", "hour", "day", "week", "month", "year"]);
    let window =
        || Key::new("window", Form::Duration, "\"5m\"", "Over the last so long, a multiple of `every`.");
    let of = |usual| {
        let words = Form::Words(&["price", "volume", "notional"]);
        Key::new("of", words, "\"volume\"", "What is sampled of a trade.").or(usual)
    };
    let over = |usual: &'static str| {
        let since = Key::new("since", since(), "\"week\"", "Since then, instead of over a window.").or(usual);
        let mut keys = vec![window(), since];
        keys.extend(days());
        keys
    };
    let list = |name, about, own: Vec<Key>| {
        let every = Key::new("every", Form::Duration, "\"10s\"", "How often it is told.").or("\"1s\"");
        let mut keys = vec![id(), every];
        keys.extend(markets());
        keys.extend(own);
        Key::new(name, Form::Table(Table::new(about, keys)).list(), "", about)
    };
    let half_life = Key::new("half_life", Form::Duration, "\"1m\"", "Half of the mean is so old.").required();
    let q = Form::Share.list();
    let q = Key::new("q", q, "[0.5, \"99%\"]", "Which parts of the samples.").or("[0.5, 0.9, 0.99]");
    vec![
        list("vwap", "Volume-weighted average prices.", over("")),
        list("cvd", "Volume bought less volume sold.", over("\"day\"")),
        list("trade_strength", "100 times volume bought by volume sold.", over("\"day\"")),
        list("twap", "Prices by how long they stood.", vec![window().required()]),
        list("rolling", "Mean, variance, least and greatest.", vec![window().required(), of("\"price\"")]),
        list("ewma", "Means that forget.", vec![half_life]),
        list("quantiles", "Quantiles by nearest rank.", vec![window().required(), of("\"notional\""), q]),
    ]
}
