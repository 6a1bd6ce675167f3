//! The smallest plugin worth copying: it tells of every big trade and counts them per market.
//!
//! ```toml
//! [plugins.big]
//! path   = "plugins/built/example.wasm"
//! config = { min_notional = "1억" }
//! ```
//!
//! Copy the folder, rename the crate and the type, and change [`Plugin::on_trade`]. What a plugin
//! must keep to: it knows nothing but its configuration and what it is told (no clock, no
//! randomness, no files), and whatever must outlive a restart is in its snapshot. Everything else
//! has a default.

use tradehook_sdk::{Alert, ConfigFault, Manifest, Out, Plugin, Setup, Trade, Wide, config};

/// Tells of trades worth `min_notional` or more, in the quote currency.
pub struct BigTrades {
    min_notional: Wide,
    /// How many there were, by the market's number: dense from 0 and stable across snapshots.
    counts: Vec<i64>,
}

impl Plugin for BigTrades {
    const MANIFEST: Manifest =
        Manifest { name: "example", version: env!("CARGO_PKG_VERSION"), state_version: 1, config_schema: "" };

    /// Reads the configuration. Every mistake in it comes back at once, each with its place, and
    /// is shown at its line in config.toml.
    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>> {
        let (value, mut faults) = (config::parse(setup)?, Vec::new());
        let mut table = config::Object::new(&value, "", &mut faults);
        let min_notional = table.required("min_notional", config::money);
        table.finish();
        match min_notional {
            Some(min_notional) if faults.is_empty() => Ok(Self { min_notional, counts: Vec::new() }),
            _ => Err(faults),
        }
    }

    /// Handles one trade.
    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        let notional = trade.notional();
        if notional < self.min_notional {
            return;
        }
        let market = trade.market_id as usize;
        if self.counts.len() <= market {
            self.counts.resize(market + 1, 0);
        }
        self.counts[market] += 1;
        let title = format!("{} traded for {notional} at {}", trade.market, trade.price);
        let alert = Alert::event("big-trade", trade.market, trade.traded_at_ms, title);
        out.alert(alert.with("notional", notional).with("count", self.counts[market]));
    }

    /// What a fresh instance needs to go on: after a restart, a trap or an update.
    fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(&self.counts).unwrap_or_default()
    }

    /// Goes on from a snapshot.
    fn restore(&mut self, _state_version: u32, state: &[u8]) -> Result<(), String> {
        self.counts = serde_json::from_slice(state).map_err(|error| error.to_string())?;
        Ok(())
    }
}

tradehook_sdk::export!(BigTrades: trades, state);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use tradehook_sdk::{Flags, Payload, Side, Value};

    fn plugin(config: &str) -> Result<BigTrades, Vec<ConfigFault>> {
        BigTrades::new(&Setup { name: "big".into(), config: config.into() })
    }

    fn trade(price: &str, volume: &str) -> Trade<'static> {
        Trade {
            offset: 0,
            market: "KRW-BTC",
            market_id: 0,
            side: Side::Buy,
            price: price.parse().unwrap(),
            volume: volume.parse().unwrap(),
            sequential_id: 1,
            traded_at_ms: 1_763_679_600_000,
            received_at_ms: 1_763_679_600_042,
            flags: Flags::default(),
            best_bid: None,
            best_ask: None,
            prev_close: None,
        }
    }

    /// What the plugin says of one trade.
    fn told(plugin: &mut BigTrades, trade: &Trade<'_>) -> Vec<Alert> {
        let mut out = Out::new();
        plugin.on_trade(trade, &mut out);
        let alert = |payload| match payload {
            Payload::Alert(alert) => alert,
            other => panic!("not an alert: {other:?}"),
        };
        out.finish(1).1.into_iter().map(|emission| alert(emission.payload)).collect()
    }

    #[test]
    fn a_trade_is_told_of_from_the_least_amount_on() {
        let mut plugin = plugin(r#"{"min_notional":"1억"}"#).unwrap();
        assert_eq!(told(&mut plugin, &trade("100000000", "0.99999999")), []);
        let alerts = told(&mut plugin, &trade("100000000", "1"));
        assert_eq!(alerts[0].title, "KRW-BTC traded for 100000000 at 100000000");
        assert_eq!(alerts[0].fields[1], ("count".to_owned(), Value::Int(1)));
    }

    #[test]
    fn the_count_goes_on_after_a_restart() {
        let mut old = plugin(r#"{"min_notional":1}"#).unwrap();
        told(&mut old, &trade("1", "1"));
        let mut new = plugin(r#"{"min_notional":1}"#).unwrap();
        new.restore(1, &old.snapshot()).unwrap();
        assert_eq!(told(&mut new, &trade("1", "1"))[0].fields[1], ("count".to_owned(), Value::Int(2)));
    }

    #[test]
    fn a_mistake_in_the_configuration_is_shown_at_its_place() {
        let faults = plugin(r#"{"min_notinal":"1억"}"#).err().unwrap();
        let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["", "/min_notinal"]);
        assert_eq!(faults[1].help.as_deref(), Some("did you mean `min_notional`?"));
    }
}
