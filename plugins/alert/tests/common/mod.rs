//! A plugin fed from a few words, and what it said as a few words.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tradehook_alert::AlertPlugin;
use tradehook_sdk::{
    Alert, AlertState, Decimal, Fact, Flags, Gap, Out, Payload, Plugin, Setup, Side, Tick, Trade, Value,
};

/// One entry of a tape.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Trade {
        market: u32,
        at_ms: i64,
        price: String,
        volume: String,
        side: Side,
        close: Option<String>,
        quotes: Option<(String, String)>,
    },
    Tick {
        at_ms: i64,
    },
    Gap {
        from_ms: i64,
        to_ms: i64,
        filled: bool,
    },
    Fact {
        at_ms: i64,
        name: String,
        subject: String,
        value: Value,
    },
}

/// What was said, and at which entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) step: usize,
    pub(crate) alert: Alert,
}

pub(crate) const MARKETS: [&str; 3] = ["KRW-BTC", "KRW-ETH", "BTC-ETH"];

/// The plugin with these rules.
pub(crate) fn plugin(config: &str) -> AlertPlugin {
    let setup = Setup { name: "alert".into(), config: config.into() };
    match AlertPlugin::new(&setup) {
        Ok(plugin) => plugin,
        Err(faults) => panic!("{config}: {faults:#?}"),
    }
}

/// Rules on every market, without the lag that ticks have.
pub(crate) fn rules(rules: &str) -> String {
    format!(r#"{{"lateness": "0s", "idle_lag": "0s", "rules": [{rules}]}}"#)
}

pub(crate) fn feed(plugin: &mut AlertPlugin, number: usize, step: &Step) -> Vec<Said> {
    let mut out = Out::new();
    let offset = number as u64;
    match step {
        Step::Trade { market, at_ms, price, volume, side, close, quotes } => plugin.on_trade(
            &Trade {
                offset,
                market: MARKETS[*market as usize],
                market_id: *market,
                side: *side,
                price: price.parse().unwrap(),
                volume: volume.parse().unwrap(),
                sequential_id: offset,
                traded_at_ms: *at_ms,
                received_at_ms: *at_ms,
                flags: Flags::default(),
                best_bid: quotes.as_ref().map(|(bid, _)| bid.parse().unwrap()),
                best_ask: quotes.as_ref().map(|(_, ask)| ask.parse().unwrap()),
                prev_close: close.as_ref().map(|close| close.parse::<Decimal>().unwrap()),
            },
            &mut out,
        ),
        Step::Fact { at_ms, name, subject, value } => {
            plugin.on_fact(&Fact { offset, at_ms: *at_ms, name, subject, value: value.clone() }, &mut out);
        }
        Step::Tick { at_ms } => plugin.on_tick(&Tick { offset, at_ms: *at_ms }, &mut out),
        Step::Gap { from_ms, to_ms, filled } => plugin.on_gap(
            &Gap {
                offset,
                from_ms: *from_ms,
                to_ms: *to_ms,
                cause: "session_lost",
                market_ids: &[],
                filled: *filled,
            },
            &mut out,
        ),
    }
    let (_, emissions) = out.finish(1);
    emissions
        .into_iter()
        .map(|emission| match emission.payload {
            Payload::Alert(alert) => Said { step: number, alert },
            other => panic!("not an alert: {other:?}"),
        })
        .collect()
}

pub(crate) fn run(plugin: &mut AlertPlugin, steps: &[Step]) -> Vec<Said> {
    steps.iter().enumerate().flat_map(|(number, step)| feed(plugin, number, step)).collect()
}

/// The same with a restart before every entry.
pub(crate) fn restarted(config: &str, steps: &[Step]) -> Vec<Said> {
    let mut old = plugin(config);
    let mut said = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let mut fresh = plugin(config);
        assert_eq!(fresh.restore(AlertPlugin::MANIFEST.state_version, &old.snapshot()), Ok(()));
        said.extend(feed(&mut fresh, number, step));
        old = fresh;
    }
    said
}

/// A tape from words: `12:100` is a trade at 12 s, `12:100x3S` one of 3 by a seller, `12:100[99,101]` one with
/// its best bid and ask, `12:100@1` one of market 1, `12:tick` a
/// tick, `5-9:gap` a gap, `3:!fx.USDKRW/=1400` a fact (name, subject, value); `100` alone is a trade one second after the one before.
pub(crate) fn tape(text: &str) -> Vec<Step> {
    let mut clock = -1.0f64;
    let ms = |text: &str| (text.parse::<f64>().unwrap() * 1000.0).round() as i64;
    let mut steps = Vec::new();
    for word in text.split_whitespace() {
        let (when, what) = match word.split_once(':') {
            Some((when, what)) => (when.to_owned(), what),
            None => ((clock + 1.0).to_string(), word),
        };
        if what == "gap" || what == "filled" {
            let (from, to) = when.split_once('-').unwrap();
            steps.push(Step::Gap { from_ms: ms(from), to_ms: ms(to), filled: what == "filled" });
            continue;
        }
        let at_ms = ms(&when);
        clock = when.parse().unwrap();
        if what == "tick" {
            steps.push(Step::Tick { at_ms });
            continue;
        }
        if let Some(fact) = what.strip_prefix('!') {
            let (fact, value) = fact.split_once('=').unwrap();
            let (name, subject) = fact.split_once('/').unwrap();
            let value = match value {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                number => Value::Number(number.parse::<Decimal>().unwrap().wide()),
            };
            steps.push(Step::Fact { at_ms, name: name.to_owned(), subject: subject.to_owned(), value });
            continue;
        }
        let (what, market) = match what.split_once('@') {
            Some((what, market)) => (what, market.parse().unwrap()),
            None => (what, 0),
        };
        let (what, quotes) = match what.strip_suffix(']').and_then(|what| what.split_once('[')) {
            Some((what, quotes)) => (what, quotes.split_once(',').map(|(b, a)| (b.to_owned(), a.to_owned()))),
            None => (what, None),
        };
        let (price, rest) = what.split_once('x').unwrap_or((what, "1B"));
        let (volume, side) = match rest.strip_suffix('S') {
            Some(volume) => (volume, Side::Sell),
            None => (rest.strip_suffix('B').unwrap_or(rest), Side::Buy),
        };
        let (price, volume) = (price.to_owned(), volume.to_owned());
        steps.push(Step::Trade { market, at_ms, price, volume, side, close: None, quotes });
    }
    steps
}

/// `firing@11`, `resolved@12`, `up@3`.
pub(crate) fn brief(said: &Said) -> String {
    let alert = &said.alert;
    let what = match alert.state {
        AlertState::Firing => "firing".to_owned(),
        AlertState::Resolved => "resolved".to_owned(),
        AlertState::Event => text(alert, "direction").unwrap_or_else(|| "event".into()),
    };
    let seconds = alert.at_ms as f64 / 1000.0;
    format!("{what}@{seconds}")
}

/// A named value as text.
pub(crate) fn text(alert: &Alert, name: &str) -> Option<String> {
    use tradehook_sdk::Value;
    alert.fields.iter().find(|(field, _)| field == name).map(|(_, value)| match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        other => format!("{other:?}"),
    })
}
