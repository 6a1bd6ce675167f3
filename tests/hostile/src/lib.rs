//! A guest that misbehaves in the way its configuration names.
//!
//! `{"do": "spin"}` and so on; `"when"` says at which trade (counted from 1, default every one).
//! With `{"do": "count"}` it behaves: it counts trades and keeps the count in its snapshot, and
//! emits a record at every `"every"`th, so that a test can see what state survived. With
//! `{"do": "trade-records"}` it tells of each trade which one it was.
//!
//! Tickers, books and candles are counted together, by themselves: `{"do": "quote-records"}` tells of
//! each, and `{"do": "trap-quotes"}` dies of those that `"when"` says, or of the one at the offset
//! `"sequential_id"`.
//!
//! Of records and facts: `{"do": "record-records"}` tells of each record that its input emitted, and
//! how many trades came before it; `{"do": "trap-records"}` dies of the one at the offset
//! `"sequential_id"`; `{"do": "fact-records"}` tells of each fact. `{"do": "hold"}` drops every trade
//! and puts it on its way at the next one of any market, or at a tick; `{"do": "forge"}` puts a trade
//! of no market on its way, `{"do": "swarm"}` each trade a thousand times. A query is echoed with the count of trades; `"spin"` spins.

use serde::Deserialize;
use tradehook_sdk::{
    Alert, Candle, ConfigFault, Fact, Gap, Incoming, MadeTrade, Manifest, Orderbook, Out, Plugin, Record,
    Setup, Tick, Ticker, Trade, Wide,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    r#do: String,
    #[serde(default)]
    when: u64,
    #[serde(default)]
    sequential_id: u64,
    #[serde(default)]
    every: u64,
}

/// What misbehaves.
pub struct Hostile {
    config: Config,
    count: u64,
    quotes: u64,
    records: u64,
    held: Option<MadeTrade>,
    hoard: Vec<Vec<u8>>,
}

impl Hostile {
    fn misbehave(&mut self, trade: &Trade<'_>, out: &mut Out) {
        let event = |text: String| Alert::event("hostile", trade.market, trade.traded_at_ms, text);
        match self.config.r#do.as_str() {
            "spin" => loop {
                std::hint::black_box(());
            },
            "trap" => panic!("told to"),
            "hoard" => loop {
                self.hoard.push(vec![1; 1 << 20]);
            },
            "recurse" => {
                std::hint::black_box(recurse(trade.sequential_id));
            }
            "flood" => (0..5_000).for_each(|i| out.alert(event(format!("{i}")))),
            "shout" => out.alert(event("x".repeat(300_000))),
            "bellow" => out.alert(event("x".repeat(8 << 20))),
            "backwards" => {
                out.stand_at(u32::MAX);
                out.alert(event("from nowhere".into()));
            }
            "fill" => {
                let mut block = vec![0u8; 8 << 20];
                loop {
                    block.fill(std::hint::black_box(7));
                }
            }
            "swarm" => (0..1_000).for_each(|_| out.trade(MadeTrade::of(trade))),
            "forge" => {
                let mut forged = MadeTrade::of(trade);
                forged.market_id = 77;
                out.trade(forged);
            }
            "escape" => out.alert(event("\u{1b}[31mred\u{202e} <script> @everyone {{ 7 * 7 }}\n".into())),
            _ => {}
        }
    }
}

impl Hostile {
    /// Counts a quote; whether and how it is to be told.
    fn quote(&mut self, topic: &str, market: &str, offset: u64) -> Option<Record> {
        self.quotes += 1;
        let due = match (self.config.sequential_id, self.config.when) {
            (0, 0) => true,
            (0, when) => self.quotes == when,
            (id, _) => offset == id,
        };
        if self.config.r#do == "trap-quotes" && due {
            panic!("told to");
        }
        let told = ["quote-records", "trap-quotes"].contains(&self.config.r#do.as_str());
        let count = |n: u64| Wide::new(i128::from(n), 0);
        told.then(|| {
            Record::new(topic)
                .with("market", market)
                .with("offset", count(offset))
                .with("count", count(self.quotes))
        })
    }
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(std::hint::black_box(depth + 1))) + 1
}

impl Plugin for Hostile {
    const MANIFEST: Manifest =
        Manifest { name: "hostile", version: "0.1.0", state_version: 1, config_schema: "" };

    fn new(setup: &Setup) -> Result<Self, Vec<ConfigFault>> {
        let config: Config = setup.config()?;
        match config.r#do.as_str() {
            "refuse" => Err(vec![ConfigFault::new("/do", "told to refuse").help("anything else")]),
            "spin-at-start" => loop {
                std::hint::black_box(());
            },
            _ => Ok(Self { config, count: 0, quotes: 0, records: 0, held: None, hoard: Vec::new() }),
        }
    }

    fn on_trade(&mut self, trade: &Trade<'_>, out: &mut Out) {
        self.count += 1;
        let due = match (self.config.sequential_id, self.config.when) {
            (0, 0) => true,
            (0, when) => self.count == when,
            (id, _) => trade.sequential_id == id,
        };
        if due {
            self.misbehave(trade, out);
        }
        if self.config.r#do == "hold" {
            self.held.replace(MadeTrade::of(trade)).into_iter().for_each(|held| out.trade(held));
            out.drop_trade();
        }
        if self.config.r#do == "trade-records" {
            let id = Wide::new(i128::from(trade.sequential_id), 0);
            out.record(Record::new("trade").with("market", trade.market).with("sequential_id", id));
        }
        if self.config.every > 0 && self.count.is_multiple_of(self.config.every) {
            out.record(Record::new("count").with("count", Wide::new(i128::from(self.count), 0)));
        }
    }

    fn on_ticker(&mut self, ticker: &Ticker<'_>, out: &mut Out) {
        if let Some(record) = self.quote("ticker", ticker.market, ticker.offset) {
            let record = record.with("price", ticker.price).with("change", ticker.change);
            let record =
                record.with("notional", ticker.acc_notional).with("notional_24h", ticker.acc_notional_24h);
            out.record(record.with("high_52w_on", ticker.high_52w_on));
        }
    }

    fn on_orderbook(&mut self, book: &Orderbook<'_>, out: &mut Out) {
        if let Some(record) = self.quote("orderbook", book.market, book.offset) {
            let record = record.with("levels", book.levels.len() as i64).with("spread", book.spread());
            out.record(
                record
                    .with("bid_size", book.total_bid_size)
                    .with("last_ask", book.asks().last().map(|a| a.0)),
            );
        }
    }

    fn on_candle(&mut self, candle: &Candle<'_>, out: &mut Out) {
        if let Some(record) = self.quote("candle", candle.market, candle.offset) {
            let record = record.with("unit_s", candle.unit_s).with("opened_at_ms", candle.opened_at_ms);
            out.record(record.with("close", candle.close).with("notional", candle.notional));
        }
    }

    fn on_record(&mut self, record: &Incoming<'_>, out: &mut Out) {
        self.records += 1;
        let number = |n: u64| Wide::new(i128::from(n), 0);
        match self.config.r#do.as_str() {
            "trap-records" if record.offset == self.config.sequential_id => panic!("told to"),
            "record-records" | "trap-records" => out.record(
                Record::new("heard")
                    .with("offset", number(record.offset))
                    .with("of", record.plugin)
                    .with("topic", record.topic)
                    .with("first", record.fields.first().map(|(name, value)| format!("{name} {value:?}")))
                    .with("trades", number(self.count))
                    .with("records", number(self.records)),
            ),
            _ => {}
        }
    }

    fn on_fact(&mut self, fact: &Fact<'_>, out: &mut Out) {
        if self.config.r#do == "fact-records" {
            let record = Record::new("fact").with("name", fact.name).with("subject", fact.subject);
            out.record(record.with("value", fact.value.clone()).with("at_ms", fact.at_ms));
        }
    }

    fn inspect(&self, query: &str) -> Result<String, String> {
        match query {
            "spin" => loop {
                std::hint::black_box(());
            },
            "no" => Err("told to".to_owned()),
            "much" => Ok("x".repeat(8 << 20)),
            _ => Ok(format!("{query}: {}", self.count)),
        }
    }

    fn on_tick(&mut self, _: &Tick, out: &mut Out) {
        self.held.take().into_iter().for_each(|held| out.trade(held));
        if self.config.r#do == "tick-records" {
            out.record(Record::new("tick").with("count", Wide::new(i128::from(self.count), 0)));
        }
    }

    fn on_gap(&mut self, gap: &Gap<'_>, out: &mut Out) {
        if self.config.r#do == "gap-records" {
            out.record(Record::new("gap").with("cause", gap.cause));
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        match self.config.r#do.as_str() {
            "big-snapshot" => vec![0; 64 << 20],
            "snapshot-trap" => panic!("told to"),
            _ => [self.count, self.quotes, self.records].iter().flat_map(|n| n.to_le_bytes()).collect(),
        }
    }

    fn restore(&mut self, _: u32, state: &[u8]) -> Result<(), String> {
        let (counts, rest) = state.as_chunks();
        let ([count, quotes, records], []) = (counts, rest) else {
            return Err("not twenty-four bytes".to_owned());
        };
        [self.count, self.quotes, self.records] = [*count, *quotes, *records].map(u64::from_le_bytes);
        Ok(())
    }
}

tradehook_sdk::export!(Hostile: trades, tickers, orderbooks, candles, ticks, gaps, records, facts, inspect, state);
