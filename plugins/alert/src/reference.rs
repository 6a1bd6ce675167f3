//! What a rule's condition may hold, as a table: every kind with its keys.
//!
//! From it comes `schema.json`, which the manifest carries and `tradehook config` shows. Tests hold
//! it against the readers: every key of the table is read, and no other is.

use tradehook_sdk::reference::{Form, Key, Table};

const CHECKS: &[&str] = &[
    "connection_down",
    "feed_lag",
    "late_ratio",
    "dropped_ratio",
    "tape_degraded",
    "plugin_faults",
    "channel_dead",
    "plugin_down",
    "outbox_depth",
    "channel_parked",
    "channel_broken",
];

/// The settings of the plugin, as the host hands them over.
pub(crate) fn settings() -> Table {
    let rules = Key::new("rules", Form::Table(rule()).list(), "", "The rules.");
    Table::new(
        "What holds for all rules.",
        [
            rules,
            Key::new("lateness", Form::Duration, "\"5s\"", "How late a trade may be and still count.")
                .or("\"2s\""),
            Key::new(
                "idle_lag",
                Form::Duration,
                "\"5s\"",
                "How far the clock of a market without trades stays behind; at least the lateness.",
            )
            .or("\"2s\""),
            Key::new(
                "on_gap",
                Form::Words(&["resume", "reset", "backfill"]),
                "\"reset\"",
                "Whether the rules of a market begin anew behind a gap.",
            ),
        ],
    )
}

/// A rule, as the host hands it over.
pub(crate) fn rule() -> Table {
    let codes = |name, example, meaning| Key::new(name, Form::Text.list(), example, meaning);
    Table::new(
        "A rule.",
        [
            Key::new("id", Form::Text, "\"btc-100m\"", "Its name among the rules.").required(),
            codes("markets", "[\"KRW-*\"]", "Markets it watches, each for itself: codes and patterns.").required(),
            codes("exclude", "[\"KRW-USDT\"]", "Markets it leaves out."),
            source(),
            Key::new("hold", Form::Duration, "\"2m\"", "How long the condition has to hold before it fires."),
            Key::new("hold_trades", Form::Count, "3", "Or for how many trades in a row."),
            Key::new("linger", Form::Duration, "\"5m\"", "How long the condition has to be over before the alert is."),
            Key::new(
                "initial",
                Form::Words(&["fire", "arm"]),
                "\"arm\"",
                "Whether what is true when it is first known fires, or has to be false once before.",
            )
            .or("\"fire\""),
            Key::new(
                "on_unknown",
                Form::Words(&["hold", "clear", "fire"]),
                "\"clear\"",
                "What a value that is not known means: nothing changes, the condition is false, or it is true.",
            )
            .or("\"hold\""),
            Key::new("resolved", Form::Bool, "true", "Taken and passed over: the host tells the end."),
            Key::new("when", Form::Named("when"), "", "The condition.").required(),
        ],
    )
}

/// Every kind.
pub(crate) fn kinds() -> Vec<Table> {
    let mut all = levels();
    all.extend(spikes());
    all.extend(instants());
    all.extend(composites());
    all
}

fn kind(word: &'static [&'static str], about: &'static str, keys: Vec<Key>) -> Table {
    let kind = Key::new("kind", Form::Words(word), "", "What is watched.").required();
    Table::new(about, std::iter::once(kind).chain(keys))
}

/// A level: its own keys and the thresholds, all of one form.
fn level(
    word: &'static [&'static str],
    about: &'static str,
    form: &Form,
    example: &'static str,
    own: Vec<Key>,
) -> Table {
    let mut keys = own;
    keys.extend(thresholds(form, example));
    kind(word, about, keys)
}

fn thresholds(form: &Form, example: &'static str) -> Vec<Key> {
    let at = |name, meaning| Key::new(name, form.clone(), example, meaning);
    let range = |name, meaning| Key::new(name, form.clone().list(), "", meaning);
    vec![
        at("above", "True from this value on."),
        at("below", "Or true down from this value."),
        range("inside", "Or true from the first of these two to the second."),
        range("outside", "Or true beyond these two."),
        at("clear", "Where above or below ends; without it where it began."),
        at("clear_margin", "How far within outside it ends."),
        severities(form, example),
    ]
}

fn severities(form: &Form, example: &'static str) -> Key {
    let words = Form::Words(&["info", "warning", "critical"]);
    let tier = Table::new(
        "One severity and where it begins.",
        [
            Key::new("severity", words, "\"warning\"", "Which.").required(),
            Key::new("above", form.clone(), example, "True from this value on."),
            Key::new("below", form.clone(), example, "Or true down from this value."),
            Key::new("clear", form.clone(), example, "Where it ends."),
        ],
    );
    let meaning =
        "Or up to three severities, each with its own threshold, between which the alert rises and falls.";
    Key::new("severities", Form::Table(tier).list(), "", meaning)
}

fn window(example: &'static str) -> Key {
    Key::new("window", Form::Duration, example, "How far back it looks; a day at most.")
}

fn since() -> Key {
    let meaning = "In the place of a window: since 00:00 UTC, the beginning of Upbit's day.";
    Key::new("since", Form::Words(&["day"]), "\"day\"", meaning)
}

fn side() -> Key {
    Key::new("side", Form::Words(&["buy", "sell"]), "\"buy\"", "Takers of this side alone; without it both.")
}

fn source() -> Key {
    let words = Form::Words(&["last", "mid", "best_bid", "best_ask"]);
    let meaning = "Which price: that of the last trade, or of the best quotes that came with it.";
    Key::new("source", words, "\"mid\"", meaning).or("\"last\"")
}

fn warmup() -> Key {
    let meaning = "Known when the whole window was seen, or from the first trade.";
    Key::new("warmup", Form::Words(&["full", "partial"]), "\"partial\"", meaning).or("\"full\"")
}

fn direction() -> Key {
    let words = Form::Words(&["up", "down", "both"]);
    Key::new("direction", words, "\"up\"", "Which way counts.").or("\"both\"")
}

fn measure() -> Key {
    let words = Form::Words(&["notional", "volume", "count"]);
    let meaning = "What is added up: price times volume, volume, or trades.";
    Key::new("measure", words, "\"volume\"", meaning).or("\"notional\"")
}

fn levels() -> Vec<Table> {
    let money = "\"1억\"";
    let anchor = Key::new(
        "anchor",
        Form::Either(vec![Form::Words(&["day", "start"]), Form::Duration]),
        "\"day\"",
        "Since when: 00:00 UTC, the start, or again and again after this time.",
    )
    .required();
    let volumes =
        Key::new("measure", Form::Words(&["volume", "notional"]), "\"notional\"", "What is added up.")
            .or("\"volume\"");
    vec![
        level(&["price"], "The price.", &Form::Money, money, vec![source()]),
        change(),
        level(
            &["volume"],
            "What was traded within a window.",
            &Form::Money,
            "\"10억\"",
            vec![window("\"1m\"").required(), measure(), side(), warmup()],
        ),
        silence(),
        level(
            &["imbalance"],
            "Bought less sold, as a part of both, in money: from -1 to 1.",
            &Form::Share,
            "0.6",
            vec![
                window("\"5m\"").required(),
                Key::new("min_notional", Form::Money, "\"5억\"", "Unknown while less was traded."),
            ],
        ),
        level(
            &["trade_strength"],
            "체결강도: what was bought for every 100 that were sold, in volume.",
            &Form::Money,
            "150",
            vec![window("\"10m\""), since()],
        ),
        level(
            &["cvd"],
            "Bought less sold, added up since a moment.",
            &Form::Money,
            "1000",
            vec![
                anchor,
                volumes,
                Key::new(
                    "cross",
                    Form::Money,
                    "0",
                    "In the place of thresholds: fires when it passes this value.",
                ),
                direction(),
            ],
        ),
        level(
            &["vwap"],
            "How far the price is from the average of a window, weighted by volume.",
            &Form::Percent,
            "\"2%\"",
            vec![
                window("\"1h\""),
                since(),
                Key::new("min_trades", Form::Count, "50", "Unknown with fewer trades.").or("20"),
            ],
        ),
        level(
            &["volatility"],
            "The range of prices in a window as a part of the lowest, or how they vary from second to second.",
            &Form::Percent,
            "\"3%\"",
            vec![
                window("\"5m\"").required(),
                Key::new("measure", Form::Words(&["range", "realised"]), "\"realised\"", "Which of them.")
                    .or("\"range\""),
            ],
        ),
        level(
            &["spread"],
            "The distance of the best quotes, as a part of their middle.",
            &Form::Bps,
            "\"30bps\"",
            vec![],
        ),
        premium(),
        level(
            &["health"],
            "tradehook itself, as it knows of it; no threshold where the answer is yes or no.",
            &Form::Either(vec![Form::Share, Form::Duration]),
            "\"5s\"",
            vec![
                Key::new("check", Form::Words(CHECKS), "\"connection_down\"", "What is looked at.")
                    .required(),
                Key::new(
                    "subject",
                    Form::Text,
                    "\"phone\"",
                    "Which channel or plugin; * stands for anything.",
                ),
            ],
        ),
        kind(
            &["market_event"],
            "The venue's own warning or caution about a market.",
            vec![
                Key::new(
                    "event",
                    Form::Text,
                    "\"PRICE_FLUCTUATIONS\"",
                    "any, warning, or the name of a caution.",
                )
                .or("\"any\""),
            ],
        ),
    ]
}

fn change() -> Table {
    let words = Form::Words(&["window_start", "window_low", "window_high", "prev_close"]);
    let mut keys = vec![
        window("\"5m\""),
        Key::new("pct", Form::Percent, "\"3%\"", "How far, as a part of where it began."),
        Key::new("abs", Form::Money, "100000", "Or how far in money."),
        Key::new(
            "clear",
            Form::Either(vec![Form::Percent, Form::Money]),
            "\"2%\"",
            "How far back it has to come for the condition to end.",
        ),
        direction(),
        Key::new("reference", words, "\"window_low\"", "Where the move begins.").or("\"window_start\""),
        Key::new("anchor", Form::Money, "\"1억\"", "Or a price where it begins."),
        warmup(),
        source(),
    ];
    keys.push(severities(&Form::Either(vec![Form::Percent, Form::Money]), "\"5%\""));
    kind(&["change"], "How far the price has moved.", keys)
}

fn silence() -> Table {
    let for_ = Form::Either(vec![Form::Words(&["auto"]), Form::Duration]);
    kind(
        &["silence"],
        "No trades while the connection is up, or few.",
        vec![
            Key::new("for", for_, "\"2m\"", "For how long; auto learns from the market's own gaps."),
            Key::new(
                "expect_from_start",
                Form::Bool,
                "true",
                "Whether a market that was never heard counts.",
            )
            .or("false"),
            Key::new("max_count", Form::Count, "3", "Or this many trades at most, within the window."),
            window("\"1h\""),
            severities(&Form::Duration, "\"10m\""),
        ],
    )
}

fn premium() -> Table {
    let rate = Table::new(
        "A market, or a fact that the host is told.",
        [
            Key::new("market", Form::Text, "\"KRW-USDT\"", "A market of the stream."),
            Key::new(
                "fact",
                Form::Text,
                "\"fx.USDKRW\"",
                "Or the name of a number from outside, which `tradehook fact set` tells.",
            ),
            Key::new("max_age", Form::Duration, "\"12h\"", "Unknown while the fact is older.").or("\"1d\""),
        ],
    );
    level(
        &["premium"],
        "How far a price is above the same thing bought the other way round: base / (ref * fx) - 1.",
        &Form::Percent,
        "\"3%\"",
        vec![
            Key::new("base", Form::Text, "\"KRW-BTC\"", "The market that is compared.").required(),
            Key::new("ref", Form::Text, "\"USDT-BTC\"", "The market that it is compared with.").required(),
            Key::new(
                "fx",
                Form::Either(vec![Form::Money, Form::Table(rate)]),
                "1400",
                "What ref is multiplied with.",
            ),
            Key::new("max_age", Form::Duration, "\"5m\"", "Unknown while a market's price is older.")
                .or("\"1m\""),
        ],
    )
}

fn spikes() -> Vec<Table> {
    let methods = || Form::Words(&["ratio", "z", "robust", "ewma"]);
    let baseline = || {
        let mut keys = vec![
            Key::new("k", Form::Money, "6", "So many times the mean, or so many deviations from it."),
            Key::new("clear", Form::Money, "3", "Where it ends; without it where it began."),
            severities(&Form::Money, "10"),
            Key::new(
                "buckets",
                Form::Count,
                "60",
                "How many windows before this one are the baseline, at most 1440.",
            )
            .or("60"),
            Key::new("min_buckets", Form::Count, "30", "Known from so many of them on; without it from all."),
            Key::new("min_current", Form::Money, "\"2억\"", "No spike while the window itself holds less."),
            Key::new("min_baseline", Form::Money, "\"500만\"", "No spike while the baseline is less."),
            Key::new(
                "sd_floor",
                Form::Money,
                "\"100만\"",
                "With z: the least deviation that is reckoned with.",
            ),
            Key::new("floor", Form::Money, "\"100만\"", "With robust: the same."),
            Key::new(
                "half_life",
                Form::Count,
                "30",
                "With ewma: after so many windows one counts half; without it a quarter of the buckets.",
            ),
        ];
        keys.insert(0, side());
        keys
    };
    let mut volume = vec![
        window("\"1m\"").required(),
        measure(),
        Key::new("method", methods(), "\"robust\"", "How the window is compared with those before it.")
            .required(),
    ];
    volume.extend(baseline());
    let mut rate = vec![
        window("\"1m\"").required(),
        warmup(),
        Key::new(
            "spike",
            methods(),
            "\"robust\"",
            "In the place of a plain threshold: compared with the windows before it.",
        ),
    ];
    rate.extend(baseline().into_iter().filter(|key| !matches!(key.name, "clear" | "severities")));
    vec![
        kind(&["volume_spike"], "More than usual was traded within a window.", volume),
        level(&["trade_rate"], "The number of trades within a window.", &Form::Money, "500", rate),
    ]
}

fn instants() -> Vec<Table> {
    let tier = Table::new(
        "A size with a severity of its own.",
        [
            Key::new("min", Form::Money, "\"20억\"", "From this size on.").required(),
            Key::new(
                "severity",
                Form::Words(&["info", "warning", "critical"]),
                "\"critical\"",
                "How bad it is.",
            ),
        ],
    );
    vec![
        kind(
            &["cross"],
            "The price passes a level: one alert at that instant.",
            vec![
                Key::new("level", Form::Money, "\"1억\"", "The level."),
                Key::new("levels", Form::Money.list(), "[\"1억\", \"1.1억\"]", "Or several."),
                Key::new(
                    "step",
                    Form::Either(vec![Form::Money, Form::Percent]),
                    "1000000",
                    "Or one after each such step.",
                ),
                Key::new(
                    "anchor",
                    Form::Money,
                    "500000",
                    "Where the steps begin; without it at 0, or at the previous close for a percentage.",
                ),
                Key::new("touch", Form::Bool, "false", "Whether reaching a level is passing it.").or("true"),
                direction(),
                Key::new(
                    "rearm",
                    Form::Either(vec![Form::Money, Form::Percent]),
                    "\"0.2%\"",
                    "How far it has to go back before the same level counts again.",
                ),
                source(),
            ],
        ),
        kind(
            &["channel"],
            "The price enters or leaves a range.",
            vec![
                Key::new(
                    "inside",
                    Form::Money.list(),
                    "[\"1억\", \"1.1억\"]",
                    "The range, its ends included.",
                )
                .required(),
                Key::new(
                    "event",
                    Form::Words(&["enter", "exit", "exit_up", "exit_down"]),
                    "\"exit\"",
                    "What counts.",
                )
                .required(),
                source(),
            ],
        ),
        kind(
            &["breakout"],
            "The price is higher, or lower, than any within a window.",
            vec![
                window("\"1d\"").required(),
                Key::new("side", Form::Words(&["high", "low"]), "\"high\"", "Which of them.").required(),
                Key::new(
                    "basis",
                    Form::Text,
                    "\"bars:1m\"",
                    "Compared with trades, or with closed bars: bars:1m.",
                )
                .or("\"trades\""),
            ],
        ),
        kind(
            &["large_trade"],
            "A trade, or all trades of one taker order, of at least this size.",
            vec![
                Key::new("min_notional", Form::Money, "\"3억\"", "In money."),
                Key::new("min_volume", Form::Money, "10", "Or in volume."),
                side(),
                Key::new(
                    "aggregate",
                    Form::Words(&["single", "sweep"]),
                    "\"sweep\"",
                    "Each trade for itself, or what one taker took at once.",
                )
                .or("\"single\""),
                Key::new("sweep_gap", Form::Duration, "\"5ms\"", "How far apart trades of a sweep may be.")
                    .or("\"0s\""),
                Key::new(
                    "tiers",
                    Form::Names(Box::new(Form::Either(vec![Form::Money, Form::Table(tier)]))),
                    "{\"whale\": \"3억\", \"mega\": \"20억\"}",
                    "Names for sizes; the largest that is reached is said.",
                ),
            ],
        ),
        kind(
            &["sequence"],
            "One thing after the other, within a time.",
            vec![
                Key::new("steps", Form::Named("when").list(), "", "The conditions, in their order.")
                    .required(),
                Key::new("within", Form::Duration, "\"60s\"", "From the first to the last; a day at most.")
                    .required(),
                Key::new("not", Form::Named("when"), "", "What must not happen meanwhile."),
            ],
        ),
    ]
}

fn composites() -> Vec<Table> {
    let of = |meaning| Key::new("of", Form::Named("when").list(), "", meaning).required();
    vec![
        level(
            &["frequency"],
            "How often another rule fired, or a condition became true, within a window.",
            &Form::Count,
            "5",
            vec![
                Key::new("rule", Form::Text, "\"whale\"", "The id of the rule that is counted."),
                Key::new("of", Form::Named("when"), "", "Or a condition."),
                window("\"10m\"").required(),
            ],
        ),
        kind(
            &["all"],
            "All parts are true.",
            vec![
                of("The parts, 16 at most."),
                Key::new(
                    "within",
                    Form::Duration,
                    "\"10s\"",
                    "For how long a part that happens at an instant counts as true.",
                ),
            ],
        ),
        kind(&["any"], "At least one part is true.", vec![of("The parts, 16 at most.")]),
        kind(
            &["not"],
            "The part is not true.",
            vec![
                Key::new(
                    "of",
                    Form::Either(vec![Form::Named("when"), Form::Named("when").list()]),
                    "",
                    "The part.",
                )
                .required(),
            ],
        ),
    ]
}

#[cfg(test)]
mod tests;
