//! `/metrics`: a snapshot as OpenMetrics text.
//!
//! [`METRICS`] is the one list of what is exported; `docs/metrics.md` carries it for operators and
//! a test compares the two. Base units (seconds, bytes), one HELP line each. Labels have a bounded
//! number of values: names from the configuration, reasons named in the program, market codes.
//!
//! Keeps: [bounded] [loss-is-said]

use super::{
    feed::FeedState,
    parts::{FaultKind, PluginState},
    snapshot::{ByReason, Snapshot},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::{Registry, Unit},
};
use std::fmt;

/// What a number does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows; its exported name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl MetricKind {
    /// As it stands in a TYPE line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One exported metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name without unit and `_total`.
    name: &'static str,
    unit: &'static str,
    /// What it does over time.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    read: fn(&Snapshot, &mut Samples),
}

impl Metric {
    /// Its full exported name.
    #[must_use]
    pub fn exported_name(&self) -> String {
        let total = if self.kind == MetricKind::Counter { "_total" } else { "" };
        let unit = if self.unit.is_empty() { String::new() } else { format!("_{}", self.unit) };
        format!("{}{unit}{total}", self.name)
    }
}

type Labels<'a> = &'a [&'a str];

/// Collects the samples of one metric: label values in the order of [`Metric::labels`].
#[derive(Debug, Default)]
struct Samples(Vec<(Vec<String>, Number)>);

#[derive(Clone, Copy, Debug)]
enum Number {
    Int(u64),
    Float(f64),
}

impl Samples {
    fn int(&mut self, labels: Labels<'_>, value: u64) {
        self.put(labels, Number::Int(value));
    }

    fn flag(&mut self, labels: Labels<'_>, value: bool) {
        self.int(labels, u64::from(value));
    }

    fn seconds(&mut self, labels: Labels<'_>, ns: u64) {
        self.put(labels, Number::Float(ns as f64 / 1e9));
    }

    /// A moment; nothing is exported while there is none.
    fn moment(&mut self, labels: Labels<'_>, at_ms: Option<i64>) {
        if let Some(at_ms) = at_ms {
            self.put(labels, Number::Float(at_ms as f64 / 1e3));
        }
    }

    fn reasons(&mut self, labels: Labels<'_>, counts: &ByReason) {
        for (reason, count) in counts {
            let mut labels = labels.to_vec();
            labels.push(reason);
            self.int(&labels, *count);
        }
    }

    fn put(&mut self, labels: Labels<'_>, number: Number) {
        self.0.push((labels.iter().map(|&label| label.to_owned()).collect(), number));
    }
}

/// One row of the list: name, unit, kind, labels, help, where its samples come from.
macro_rules! metrics {
    ($($kind:ident $name:literal $unit:literal [$($label:literal)*] $help:literal, $read:expr;)*) => {
        &[$(Metric {
            name: concat!("tradehook_", $name),
            unit: $unit,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            help: $help,
            read: $read,
        }),*]
    };
}

/// Everything that `/metrics` exports.
pub static METRICS: &[Metric] = metrics! {
    Gauge "build_info" "" ["version"] "The running version; always 1.",
        |_, out| out.int(&[env!("CARGO_PKG_VERSION")], 1);
    Gauge "start_timestamp" "seconds" [] "When the process started.",
        |s, out| out.moment(&[], Some(s.started_at_ms));
    Gauge "resident_memory" "bytes" [] "Memory of the process that is in RAM; absent where the system does not say.",
        |_, out| if let Some(bytes) = resident_bytes() { out.int(&[], bytes) };

    Gauge "feed_state" "" ["state"] "1 for the state the connection is in, 0 for the others.",
        |s, out| for state in FeedState::ALL { out.flag(&[state.as_str()], state == s.feed.state) };
    Gauge "feed_state_since_timestamp" "seconds" [] "When the connection entered its state.",
        |s, out| out.moment(&[], s.feed.since_ms);
    Counter "feed_attempts" "" [] "Attempts to connect.",
        |s, out| out.int(&[], s.feed.attempts);
    Counter "feed_sessions" "" [] "Attempts that led to a subscribed session.",
        |s, out| out.int(&[], s.feed.sessions);
    Counter "feed_losses" "" ["cause"] "Sessions and attempts that ended.",
        |s, out| out.reasons(&[], &s.feed.losses);
    Gauge "feed_last_frame_timestamp" "seconds" [] "When the last frame arrived.",
        |s, out| out.moment(&[], s.feed.last_frame_ms);
    Gauge "feed_last_pong_timestamp" "seconds" [] "When the venue last answered a ping.",
        |s, out| out.moment(&[], s.feed.last_pong_ms);

    Counter "frames" "" [] "Frames received.",
        |s, out| out.int(&[], s.intake.frames);
    Counter "frame" "bytes" [] "Bytes of the frames received.",
        |s, out| out.int(&[], s.intake.frame_bytes);
    Counter "trades" "" [] "Trades put on the tape.",
        |s, out| out.int(&[], s.intake.trades);
    Counter "quotes" "" ["stream"] "Tickers, order books and candles put on the tape.",
        |s, out| out.reasons(&[], &s.intake.quotes);
    Counter "dropped_values" "" [] "Quotes of which a value has more digits than can be held, and is absent.",
        |s, out| out.int(&[], s.intake.dropped_values);
    Counter "duplicate_trades" "" [] "Trades dropped because they had been seen before.",
        |s, out| out.int(&[], s.intake.duplicates);
    Counter "backfilled_trades" "" [] "Trades fetched over REST after a loss.",
        |s, out| out.int(&[], s.intake.backfilled);
    Gauge "splice_repairing_markets" "" [] "Markets whose live trades wait until what was missed has been fetched.",
        |s, out| out.int(&[], s.intake.splice.repairing);
    Gauge "splice_held_trades" "" [] "Trades that wait for a repair.",
        |s, out| out.int(&[], s.intake.splice.held);
    Counter "splice_requests" "" [] "Pages of trades asked for over REST.",
        |s, out| out.int(&[], s.intake.splice.requests);
    Counter "splice_request_failures" "" [] "Requests over REST without an answer that could be used.",
        |s, out| out.int(&[], s.intake.splice.failures);
    Counter "splice_probes" "" [] "Times that a session was asked whether it still delivers.",
        |s, out| out.int(&[], s.intake.splice.probes);
    Counter "splice_unanswered_probes" "" [] "Times that it did not answer and was replaced.",
        |s, out| out.int(&[], s.intake.splice.unanswered);
    Counter "splice_stale_markets" "" [] "Markets that a session had not delivered though it answered pings.",
        |s, out| out.int(&[], s.intake.splice.stale);
    Counter "splice_id_holes" "" [] "Holes in the numbering of trades, each a trade that was lost on the way.",
        |s, out| out.int(&[], s.intake.splice.holes);
    Counter "splice_forgotten_trades" "" [] "Trades older than anything remembered, dropped.",
        |s, out| out.int(&[], s.intake.splice.forgotten);
    Counter "splice_left_out_trades" "" [] "Live trades that could not wait for a repair, to be fetched later.",
        |s, out| out.int(&[], s.intake.splice.left_out);
    Counter "ignored_frames" "" [] "Frames of kinds that are not used.",
        |s, out| out.int(&[], s.intake.ignored);
    Counter "invalid_frames" "" ["reason"] "Frames, or elements of a list frame, that were not taken.",
        |s, out| out.reasons(&[], &s.intake.invalid);
    Counter "gaps" "" ["filled" "cause"] "Stretches in which trades were missed, and whether all of them were recovered.",
        |s, out| {
            out.reasons(&["true"], &s.intake.gaps.filled);
            out.reasons(&["false"], &s.intake.gaps.open);
        };

    Gauge "tape_start_offset" "" [] "The first offset of the tape that can be read.",
        |s, out| out.int(&[], s.tape.start);
    Gauge "tape_end_offset" "" [] "The offset of the tape that comes next.",
        |s, out| out.int(&[], s.tape.end);
    Gauge "tape" "bytes" [] "Size of the tape.",
        |s, out| out.int(&[], s.tape.bytes);
    Counter "tape_write_failures" "" [] "Writes of the tape that the disk refused.",
        |s, out| out.int(&[], s.tape.write_failures);
    Gauge "tape_degraded" "" [] "1 while the tape serves from memory because the disk refuses.",
        |s, out| out.flag(&[], s.tape.degraded);

    Gauge "pipeline_offset" "" ["pipeline"] "The offset of the tape that the pipeline reads next.",
        |s, out| for p in &s.pipelines { out.int(&[&p.name], p.offset) };
    Gauge "pipeline_lag_entries" "" ["pipeline"] "Entries of the tape that the pipeline has not read.",
        |s, out| for p in &s.pipelines { out.int(&[&p.name], p.lag) };
    Gauge "pipeline_clock_timestamp" "seconds" ["pipeline"] "The recorded time of the last entry that the pipeline has read.",
        |s, out| for p in &s.pipelines { out.moment(&[&p.name], p.clock_ms) };
    Counter "pipeline_batches" "" ["pipeline"] "Batches that the pipeline has worked through.",
        |s, out| for p in &s.pipelines { out.int(&[&p.name], p.batches) };
    Counter "pipeline_commits" "" ["pipeline"] "Checkpoints that the pipeline has committed.",
        |s, out| for p in &s.pipelines { out.int(&[&p.name], p.commits) };

    Gauge "plugin_running" "" ["plugin"] "1 while the plugin takes trades.",
        |s, out| for p in &s.plugins { out.flag(&[&p.name], p.state == PluginState::Running) };
    Gauge "plugin_quarantined_until_timestamp" "seconds" ["plugin"] "When a plugin that failed too often is tried again; absent when it is not in quarantine.",
        |s, out| for p in &s.plugins {
            if let PluginState::Quarantined { until_ms } = p.state { out.moment(&[&p.name], Some(until_ms)) }
        };
    Counter "plugin_trades" "" ["plugin"] "Trades handed to the plugin.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.trades) };
    Counter "plugin_quotes" "" ["plugin"] "Tickers, order books and candles handed to the plugin.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.quotes) };
    Counter "plugin_forwarded_trades" "" ["plugin"] "Trades that the plugin let flow on.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.forwarded) };
    Counter "plugin_alerts" "" ["plugin"] "Alerts that the plugin emitted.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.alerts) };
    Counter "alerts" "" ["plugin" "verdict"] "What became of the alerts that the plugin emitted: notified, or why not.",
        |s, out| for p in &s.plugins { out.reasons(&[&p.name], &p.verdicts) };
    Counter "plugin_records" "" ["plugin"] "Records that the plugin emitted.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.records) };
    Counter "plugin_calls" "" ["plugin"] "Calls into the plugin.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.calls) };
    Counter "plugin_call" "seconds" ["plugin"] "Time spent in calls into the plugin.",
        |s, out| for p in &s.plugins { out.seconds(&[&p.name], p.call_ns) };
    Gauge "plugin_call_max" "seconds" ["plugin"] "The longest call into the plugin since the start.",
        |s, out| for p in &s.plugins { out.seconds(&[&p.name], p.call_ns_max) };
    Counter "plugin_faults" "" ["plugin" "kind"] "Faults that cost the plugin its instance.",
        |s, out| for p in &s.plugins {
            for kind in FaultKind::ALL {
                let count = p.faults.get(kind.as_str()).copied().unwrap_or(0);
                out.int(&[&p.name, kind.as_str()], count);
            }
        };
    Counter "plugin_restarts" "" ["plugin"] "Fresh instances of the plugin that took over after a fault.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.restarts) };
    Gauge "plugin_memory" "bytes" ["plugin"] "Linear memory of the plugin's instance.",
        |s, out| for p in &s.plugins { out.int(&[&p.name], p.memory_bytes) };

    Counter "channel_delivered" "" ["channel"] "Deliveries that arrived.",
        |s, out| for c in &s.channels { out.int(&[&c.name], c.delivered) };
    Counter "channel_retried" "" ["channel"] "Attempts to deliver that will be repeated.",
        |s, out| for c in &s.channels { out.int(&[&c.name], c.retried) };
    Counter "channel_dead" "" ["channel"] "Deliveries given up; they are kept with their reason.",
        |s, out| for c in &s.channels { out.int(&[&c.name], c.dead) };
    Gauge "channel_queued" "" ["channel"] "Deliveries that wait for their turn or their next attempt.",
        |s, out| for c in &s.channels { out.int(&[&c.name], c.queued) };
    Counter "channel_collapsed" "" ["channel"] "Deliveries that were too old for the channel; one message told of them.",
        |s, out| for c in &s.channels { out.int(&[&c.name], c.collapsed) };
    Counter "channel_handed_over" "" ["channel"] "Deliveries that went to the channel's fallback.",
        |s, out| for c in &s.channels { out.int(&[&c.name], c.handed_over) };
    Gauge "channel_broken" "" ["channel"] "1: the channel is of no use until somebody mends it.",
        |s, out| for c in &s.channels { out.int(&[&c.name], u64::from(c.broken)) };
    Gauge "channel_parked_until_timestamp" "seconds" ["channel"] "When a receiver that asked for a pause is tried again; absent when there is no pause.",
        |s, out| for c in &s.channels { out.moment(&[&c.name], c.parked_until_ms) };

    Counter "market_trades" "" ["market"] "Trades of the market.",
        |s, out| for m in &s.markets { out.int(&[&m.code], m.trades) };
    Gauge "market_last_trade_timestamp" "seconds" ["market"] "When the venue matched the market's last trade.",
        |s, out| for m in &s.markets { out.moment(&[&m.code], Some(m.last_at_ms)) };
};

/// The snapshot as OpenMetrics text, with its end mark.
///
/// # Errors
/// None that a `String` can cause; the encoder's signature has one.
pub fn open_metrics(snapshot: Snapshot) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exported(snapshot)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Exported(Snapshot);

impl Collector for Exported {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for metric in METRICS {
            let mut samples = Samples::default();
            (metric.read)(&self.0, &mut samples);
            if samples.0.is_empty() {
                continue;
            }
            let unit = match metric.unit {
                "seconds" => Some(Unit::Seconds),
                "bytes" => Some(Unit::Bytes),
                _ => None,
            };
            let kind = match metric.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), kind)?;
            for (values, number) in samples.0 {
                if metric.labels.is_empty() {
                    encode_one(&mut family, metric.kind, number)?;
                    continue;
                }
                let labels: Vec<_> = metric.labels.iter().copied().zip(values).collect();
                encode_one(&mut family.encode_family(&labels)?, metric.kind, number)?;
            }
        }
        Ok(())
    }
}

fn encode_one(encoder: &mut MetricEncoder<'_>, kind: MetricKind, number: Number) -> Result<(), fmt::Error> {
    match (kind, number) {
        (MetricKind::Counter, Number::Int(n)) => encoder.encode_counter::<NoLabelSet, _, f64>(&n, None),
        (MetricKind::Counter, Number::Float(n)) => encoder.encode_counter::<NoLabelSet, _, f64>(&n, None),
        (MetricKind::Gauge, Number::Int(n)) => encoder.encode_gauge(&n),
        (MetricKind::Gauge, Number::Float(n)) => encoder.encode_gauge(&n),
    }
}

/// Memory of this process that is in RAM, where Linux says it.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::{PluginState, RecentBar, Status};
    use super::*;
    use crate::{
        entry::{Gap, GapCause},
        market::{MarketId, Markets},
        trade::{Flags, Side, Trade, Trades},
    };

    /// A system in which everything that can be exported has happened.
    fn eventful() -> Status {
        let status = Status::new("wss://venue", || 1_700_000_000_500);
        status.feed().connecting(1);
        status.feed().lost(2, "reset", "connection reset by peer");
        status.feed().live(1_700_000_000_000);
        status.feed().frame_at(5);
        status.feed().pong_at(6);
        status.intake().invalid.add("price", 2);
        status.intake().quotes.add("ticker", 3);
        for filled in [true, false] {
            let gap = Gap { from_ms: 1, to_ms: 2, cause: GapCause::SessionLost, markets: vec![], filled };
            status.intake().note_gap(&gap);
        }
        status.tape().end.set(50);
        let pipeline = status.pipeline("alert");
        pipeline.offset.set(40);
        pipeline.clock_at(7);
        let plugin = status.plugin("alert");
        plugin.note_call(3, std::time::Duration::from_millis(1500));
        plugin.note_fault(FaultKind::Trap, 8, "unreachable");
        plugin.verdicts.add("notified", 1);
        plugin.set_state(PluginState::Quarantined { until_ms: 9_000 });
        status.channel("ops").set_parked_until(1_000);
        status.note_bar(RecentBar::default());
        let mut markets = Markets::default();
        markets.intern("KRW-BTC");
        let mut trades = Trades::default();
        let one = "1".parse().unwrap();
        trades.push(
            0,
            &Trade {
                market: MarketId(0),
                side: Side::Buy,
                price: one,
                volume: one,
                sequential_id: 1,
                traded_at_ms: 1_699_999_999_250,
                received_at_ms: 0,
                flags: Flags::default(),
                best_bid: None,
                best_ask: None,
                prev_close: None,
            },
        );
        status.note_trades(&trades, &markets);
        status
    }

    #[test]
    fn what_happened_can_be_read_from_the_text() {
        let text = open_metrics(eventful().snapshot()).unwrap();
        for line in [
            "# TYPE tradehook_trades counter",
            "tradehook_trades_total 1",
            "tradehook_feed_state{state=\"live\"} 1",
            "tradehook_feed_state{state=\"idle\"} 0",
            "tradehook_feed_losses_total{cause=\"reset\"} 1",
            "tradehook_invalid_frames_total{reason=\"price\"} 2",
            "tradehook_gaps_total{filled=\"false\",cause=\"session_lost\"} 1",
            "tradehook_pipeline_lag_entries{pipeline=\"alert\"} 10",
            "# UNIT tradehook_plugin_call_seconds seconds",
            "tradehook_plugin_call_seconds_total{plugin=\"alert\"} 1.5",
            "tradehook_plugin_faults_total{plugin=\"alert\",kind=\"trap\"} 1",
            "tradehook_plugin_faults_total{plugin=\"alert\",kind=\"fuel\"} 0",
            "tradehook_plugin_quarantined_until_timestamp_seconds{plugin=\"alert\"} 9.0",
            "tradehook_channel_parked_until_timestamp_seconds{channel=\"ops\"} 1.0",
            "tradehook_market_last_trade_timestamp_seconds{market=\"KRW-BTC\"} 1699999999.25",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn every_metric_of_the_list_is_exported_once_something_happened() {
        let text = open_metrics(eventful().snapshot()).unwrap();
        for metric in METRICS {
            let name = metric.exported_name();
            let line = text.lines().find(|l| l.split(['{', ' ']).next() == Some(&name));
            // Only Linux says how much memory is in use.
            assert!(line.is_some() || name.contains("resident"), "{name} is missing in\n{text}");
            assert!(metric.help.ends_with('.'), "{name}: a help text is a sentence");
        }
    }

    #[test]
    fn a_name_cannot_break_the_text() {
        let status = Status::new("wss://venue", || 0);
        status.plugin("a\"b\\c\nd").set_state(PluginState::Running);
        let text = open_metrics(status.snapshot()).unwrap();
        assert!(text.contains(r#"tradehook_plugin_running{plugin="a\"b\\c\nd"} 1"#), "{text}");
    }

    /// The row of `docs/metrics.md` for a metric.
    fn row(metric: &Metric) -> String {
        let labels: Vec<_> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        format!(
            "| `{}` | {} | {} | {} |",
            metric.exported_name(),
            metric.kind.as_str(),
            labels.join(", "),
            metric.help
        )
    }

    /// What is exported is what is documented. `UPDATE_DOCS=1` writes the table anew.
    #[test]
    fn the_documented_table_is_what_is_exported() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let text = std::fs::read_to_string(path).unwrap();
        let expect: Vec<_> = METRICS.iter().map(row).collect();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let prose: Vec<_> = text.lines().filter(|l| !l.starts_with("| `")).collect();
            let at = prose.iter().position(|l| l.starts_with("|--")).unwrap() + 1;
            let (head, tail) = prose.split_at(at);
            let lines =
                head.iter().copied().chain(expect.iter().map(String::as_str)).chain(tail.iter().copied());
            std::fs::write(path, lines.map(|l| format!("{l}\n")).collect::<String>()).unwrap();
            return;
        }
        let found: Vec<_> = text.lines().filter(|l| l.starts_with("| `")).collect();
        assert_eq!(found, expect, "docs/metrics.md differs from METRICS; UPDATE_DOCS=1 writes it anew");
    }
}
