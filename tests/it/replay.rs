//! `tradehook replay`: what was recorded, through the same plugins, to the same bytes.

use std::{fmt::Write, fs};

use serde_json::Value;
use tradehook::{
    trade::Side,
    venue::{Liveliness, MAIN_MARKETS, Synth, SynthOptions, VenueTrade},
};

use super::support::{Folder, RULES, StandIn, command, json, number, shared};

/// 2026-11-22 12:00:00 UTC.
const START_MS: i64 = 1_795_348_800_000;
/// How long the synthetic market is recorded.
const MINUTES: i64 = 10;
const BARS: &str = r#"
[plugins.no-dust]
bundled = "filter"
config = { notional = { min = "1만" } }
limits = { deadline = "30s" }
[plugins.bars]
bundled = "aggregate"
input = "no-dust"
to = ["log"]
config = { bars = [{ size = "5s" }, { size = "1m" }] }
limits = { deadline = "30s" }
"#;

/// A trade as the venue frames it, with what is left out of no use to the decoder.
fn frame(trade: &VenueTrade) -> String {
    let decimal = |units: i64| format!("{}.{:08}", units / 100_000_000, units % 100_000_000);
    let side = if trade.side == Side::Buy { "BID" } else { "ASK" };
    format!(
        r#"{{"type":"trade","code":"{}","timestamp":{},"trade_timestamp":{},"trade_price":{},"trade_volume":{},"ask_bid":"{side}","prev_closing_price":{},"sequential_id":{},"best_ask_price":{},"best_bid_price":{},"stream_type":"REALTIME"}}"#,
        trade.code,
        trade.arrives_at_ms,
        trade.traded_at_ms,
        decimal(trade.price),
        decimal(trade.volume),
        decimal(trade.prev_close),
        trade.sequential_id,
        decimal(trade.best_ask),
        decimal(trade.best_bid),
    )
}

/// Minutes of the synthetic market as JSON lines, and how many there are.
pub(crate) fn recording(seed: u64) -> (String, u64) {
    let options = SynthOptions {
        seed,
        codes: MAIN_MARKETS.map(String::from).to_vec(),
        liveliness: Liveliness::Lively,
        trades_per_second: None,
        late_share: 0.02,
        start_ms: START_MS,
        history_ms: 0,
        retained: 1,
    };
    let trades = Synth::new(&options).unwrap().advance_to(START_MS + MINUTES * 60_000);
    let mut lines = String::new();
    for trade in &trades {
        writeln!(lines, "{}", frame(trade)).unwrap();
    }
    (lines, trades.len() as u64)
}

/// What a replay says and writes.
fn replay(folder: &Folder, recording: &str, more: &[&str]) -> (Value, String) {
    let arguments = [&["replay", recording, "--json", "--output", "out.jsonl"], more].concat();
    let done = command(folder.path(), arguments).expect(0);
    assert_eq!(done.out, "", "what was said went to the file");
    (json(&done.log), folder.read("out.jsonl"))
}

#[test]
fn one_recording_gives_the_same_bytes_again_in_any_batches_and_compressed() {
    let (folder, seed) = (Folder::new(), 17);
    folder.configure("ws://127.0.0.1:9/", &format!("{RULES}{BARS}"));
    let (lines, count) = recording(seed);
    folder.write("trades.jsonl.zst", zstd::encode_all(lines.as_bytes(), 3).unwrap());
    folder.write("trades.jsonl", lines);
    let (summary, first) = replay(&folder, "trades.jsonl", &[]);
    assert_eq!((number(&summary, "/trades"), number(&summary, "/bad_lines")), (count, 0), "{summary}");
    assert_eq!((number(&summary, "/faults"), number(&summary, "/lost")), (0, 0), "{summary}");
    assert!(number(&summary, "/alerts") > 50 && number(&summary, "/records") > 100, "{summary}");
    for line in first.lines() {
        json(line);
    }
    for more in [&[][..], &["--batch", "1"], &["--batch", "7"], &["--batch", "4096"]] {
        for recording in ["trades.jsonl", "trades.jsonl.zst"] {
            let (again, bytes) = replay(&folder, recording, more);
            assert!(bytes == first, "{recording} {more:?}: other bytes than before");
            assert_eq!(number(&again, "/alerts"), number(&summary, "/alerts"), "{recording} {more:?}");
        }
    }
}

/// Of a trade that comes again, at once or later, nothing follows: no alert, no bar, not another byte.
#[test]
fn a_trade_that_comes_again_changes_nothing() {
    let folder = Folder::new();
    folder.configure("ws://127.0.0.1:9/", &format!("{RULES}{BARS}"));
    let (text, count) = recording(9);
    let lines: Vec<&str> = text.lines().collect();
    let (mut twice, mut repeated) = (String::new(), 0);
    let mut rng = fastrand::Rng::with_seed(9);
    for (at, line) in lines.iter().enumerate() {
        twice.push_str(line);
        twice.push('\n');
        if rng.u8(..) < 40 {
            let back = rng.usize(..=at.min(2_000));
            writeln!(twice, "{}", lines[at - back]).unwrap();
            repeated += 1;
        }
    }
    folder.write("once.jsonl", &text);
    folder.write("twice.jsonl", twice);
    let (once, said) = replay(&folder, "once.jsonl", &[]);
    let (again, said_again) = replay(&folder, "twice.jsonl", &[]);
    assert_eq!((number(&once, "/trades"), number(&once, "/repeated")), (count, 0));
    assert_eq!((number(&again, "/trades"), number(&again, "/repeated")), (count, repeated));
    assert!(repeated > 1_000 && !said.is_empty() && number(&once, "/alerts") > 0);
    assert!(said == said_again, "a repeated trade changed what was said");
}

#[test]
fn the_tape_of_a_run_is_replayed_whole_and_by_the_segment() {
    let (venue, folder) = (StandIn::lively(4), Folder::new());
    folder.configure(&venue.venue.ws_url(), &format!("{RULES}{BARS}"));
    let job = folder.run();
    job.port().has_trades(200);
    job.terminate().expect(0);
    let (trades, entries) = folder.tape();
    let (summary, whole) = replay(&folder, "tape", &[]);
    assert_eq!(number(&summary, "/trades"), trades, "{summary}");
    assert_eq!(number(&summary, "/entries"), entries.len() as u64, "{summary}");
    assert!(replay(&folder, "tape", &["--batch", "3"]).1 == whole, "other batches, other bytes");
    let mut files = fs::read_dir(folder.join("tape")).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.find(|path| path.extension().is_some_and(|e| e == "tape")).unwrap();
    let (summary, _) = replay(&folder, segment.to_str().unwrap(), &[]);
    assert_eq!(number(&summary, "/trades"), trades, "{summary}");
}

#[test]
fn lines_that_are_no_trades_are_counted_and_shown_and_passed_over() {
    let folder = Folder::new();
    folder.configure("ws://127.0.0.1:9/", RULES);
    let (lines, _) = recording(1);
    let good: Vec<&str> = lines.lines().take(100).collect();
    let torn = &good[0][..good[0].len() / 2];
    let text = format!("{}\nnot a trade\n\n{torn}\n{}\n[]\n", good[..50].join("\n"), good[50..].join("\n"));
    folder.write("trades.jsonl", text);
    let (summary, _) = replay(&folder, "trades.jsonl", &[]);
    assert_eq!((number(&summary, "/trades"), number(&summary, "/bad_lines")), (100, 2), "{summary}");
    let told = command(folder.path(), ["replay", "trades.jsonl", "--quiet"]).expect(0);
    assert!(told.log.contains("trades.jsonl:51: "), "{}", told.log);
    assert_eq!(told.out, "");
}

#[test]
fn what_cannot_be_read_or_written_has_its_exit_code() {
    let folder = Folder::new();
    folder.configure("ws://127.0.0.1:9/", RULES);
    folder.write("trades.gz", b"\x1f\x8b\x08\0");
    folder.write("trades.jsonl", recording(1).0.lines().next().unwrap());
    fs::create_dir(folder.join("empty")).unwrap();
    let check = |arguments: &[&str], code, expect: &str| {
        let arguments = [&["replay"], arguments].concat();
        let done = command(folder.path(), &arguments).expect(code);
        assert!(done.log.contains(expect), "{arguments:?}: {}", done.log);
    };
    check(&["absent.jsonl"], 69, "absent.jsonl");
    check(&["trades.gz"], 69, "gzip");
    check(&["empty"], 69, "no readable segment");
    check(&["trades.jsonl", "--output", "no/such/folder"], 74, "cannot write");
    check(&["trades.jsonl", "--batch", "0"], 64, "--batch");
    check(&["trades.jsonl", "--config", "absent.toml"], 78, "absent.toml");
    check(&["trades.jsonl"], 0, "1 trades in ");
}

/// Half a minute of the venue of 2021, kept beside the repository.
#[test]
fn the_real_recording_is_replayed_to_its_last_trade() {
    let Some(file) = shared("upbit/recordings/2021-04-17_simple_30s.trades.jsonl") else { return };
    let folder = Folder::new();
    folder.configure("ws://127.0.0.1:9/", &format!("{RULES}{BARS}"));
    let (summary, first) = replay(&folder, file.to_str().unwrap(), &[]);
    assert_eq!((number(&summary, "/trades"), number(&summary, "/bad_lines")), (304, 0), "{summary}");
    assert!(number(&summary, "/records") > 0, "{summary}");
    assert!(
        replay(&folder, file.to_str().unwrap(), &["--batch", "1"]).1 == first,
        "other batches, other bytes"
    );
}
