//! Tickers, order books and candles, from the socket or a recording to a plugin and its records.
//!
//! The frames are real ones of 2023 and 2026, but for their times and prices.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::TcpListener,
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
use tradehook::{entry::Entry, tape::Next, tape::Tape, trade::Trades};

use super::support::{Folder, StandIn, built, command, json, named, number, until};

const START_MS: u64 = 1_788_335_180_000;

/// The `n`th quote of a recording: the sorts in turn, and a trade now and then.
fn frame(n: u64) -> String {
    let (at, price) = (START_MS + n * 40, 106_000_000 + n * 1_000);
    match n % 5 {
        0 | 3 => format!(
            r#"{{"type":"ticker","code":"KRW-ETH","opening_price":2563000.0000,"trade_price":{price}.0000,"acc_trade_price":10711749229.46539000000{},"signed_change_price":-19000.00000000,"ask_bid":"BID","trade_volume":0.48140949,"trade_timestamp":{at},"highest_52_week_date":"2026-02-06","market_state":"ACTIVE","delisting_date":null,"timestamp":{at},"acc_trade_price_24h":21149832920.57972000,"stream_type":"REALTIME"}}"#,
            n % 10
        ),
        1 => format!(
            r#"{{"type":"orderbook","code":"KRW-BTC","timestamp":{at},"total_ask_size":2.51469375,"total_bid_size":1.63815297,"orderbook_units":[{{"ask_price":1.16539E8,"bid_price":1.16538E8,"ask_size":0.02054761,"bid_size":0.08120946}},{{"ask_price":{price},"bid_price":1.16537E8,"ask_size":0.00077720,"bid_size":0.01129382}}],"stream_type":"REALTIME","level":0}}"#
        ),
        2 => format!(
            r#"{{"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-09-02T07:46:00","candle_date_time_kst":"2026-09-02T16:46:00","opening_price":91154000.00000000,"high_price":{price}.00000000,"low_price":91142000.00000000,"trade_price":91157000.00000000,"candle_acc_trade_volume":0.15511395,"candle_acc_trade_price":860743.53071000000000000{},"timestamp":{at},"stream_type":"REALTIME"}}"#,
            n % 10
        ),
        _ => format!(
            r#"{{"type":"trade","code":"KRW-BTC","timestamp":{at},"trade_date":"2026-09-02","trade_time":"07:46:20","trade_timestamp":{at},"trade_price":{price}.00000000,"trade_volume":0.00009372,"ask_bid":"ASK","prev_closing_price":107005000.00000000,"change":"FALL","change_price":314000.00000000,"sequential_id":{at}0000,"stream_type":"REALTIME"}}"#
        ),
    }
}

/// A plugin that tells of every quote, beside one of the bundled that handles none.
fn plugins(streams: &str) -> String {
    format!(
        "[feed.streams]\n{streams}\n[channels.log]\nkind = \"file\"\npath = \"quotes.jsonl\"\n\
         [plugins.quotes]\npath = {:?}\nto = [\"log\"]\nconfig = {{ do = \"quote-records\" }}\n\
         limits = {{ deadline = \"30s\" }}\n[plugins.filter]\nconfig = {{ side = \"buy\" }}\n",
        built("hostile")
    )
}

const ALL: &str = "ticker = [\"KRW-ETH\"]\norderbook = [\"KRW-BTC.5\"]\n\"candle.1m\" = [\"KRW-BTC\"]";

#[test]
fn a_recording_with_quotes_says_the_same_in_any_batches() {
    let folder = Folder::new();
    folder.configure("ws://127.0.0.1:9/", &plugins(ALL));
    let mut lines = String::new();
    (0..500).for_each(|n| writeln!(lines, "{}", frame(n)).unwrap());
    folder.write("quotes.jsonl.in", &lines);
    let replay = |more: &[&str]| {
        let arguments = ["replay", "quotes.jsonl.in", "--json", "--output", "out.jsonl"];
        let done = command(folder.path(), [&arguments, more].concat()).expect(0);
        (json(&done.log), folder.read("out.jsonl"))
    };
    let (summary, first) = replay(&[]);
    assert_eq!((number(&summary, "/trades"), number(&summary, "/quotes")), (100, 400), "{summary}");
    assert_eq!((number(&summary, "/bad_lines"), number(&summary, "/faults")), (0, 0), "{summary}");
    assert_eq!(number(&summary, "/records"), 400, "{summary}");
    assert!(first.contains("10711749229.465390000003"), "sums keep every digit: {first:.600}");
    assert!(first.contains("860743.530710000000000007"), "{first:.600}");
    for more in [&["--batch", "1"], &["--batch", "7"]] {
        assert!(replay(more).1 == first, "{more:?}: other bytes than before");
    }
}

#[test]
fn a_plugin_by_itself_shows_what_it_handles_and_what_that_costs() {
    let (folder, file) = (Folder::new(), built("hostile"));
    let file = file.to_str().unwrap();
    let config = r#"{"do": "quote-records"}"#;
    let looked = command(folder.path(), ["plugin", "check", file, "--config", config, "--json"]).expect(0);
    let facts = json(&looked.out);
    for (interface, kind) in [("tickers", "ticker"), ("orderbooks", "orderbook"), ("candles", "candle")] {
        let name = format!("tradehook:plugin/{interface}@0.3.0");
        assert!(facts["exports"].as_array().unwrap().contains(&name.into()), "{facts}");
        assert!(facts["ns_per_quote"][kind].as_f64().unwrap() > 0.0, "{facts}");
    }
    let mut lines = String::new();
    (0..50).for_each(|n| writeln!(lines, "{}", frame(n)).unwrap());
    folder.write("quotes.jsonl", &lines);
    let fed = command(folder.path(), ["plugin", "run", file, "--input", "quotes.jsonl", "--config", config]);
    let fed = fed.expect(0);
    assert_eq!(fed.out.lines().count(), 40, "{}", fed.out);
    assert!(fed.log.contains("10 trades, 40 quotes"), "{}", fed.log);
}

/// A server that sends the frames to whoever subscribes, and keeps what it was asked for.
fn serve(frames: u64) -> (String, Arc<Mutex<Vec<String>>>, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/websocket/v1", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                // What asks for REST here is no WebSocket.
                let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                while let Some(Ok(message)) = socket.next().await {
                    if let Message::Text(text) = message {
                        seen.lock().unwrap().push(text.to_string());
                        for n in 0..frames {
                            socket.send(Message::binary(frame(n).into_bytes())).await.unwrap();
                        }
                    }
                }
            });
        }
    });
    (url, asked, runtime)
}

#[test]
fn quotes_of_a_session_are_on_the_tape_and_in_the_records_of_a_plugin_that_handles_them() {
    let (url, asked, _server) = serve(250);
    let folder = Folder::new();
    folder.configure(&url, &plugins(ALL));
    let job = folder.run();
    let port = job.port();
    let status = port.until("all quotes", |s| number(named(s, "plugins", "quotes"), "/quotes") == 200);
    let quotes = &status["intake"]["quotes"];
    assert_eq!(quotes, &serde_json::json!({"ticker": 100, "orderbook": 50, "candle": 50}), "{status}");
    let filter = named(&status, "plugins", "filter");
    assert_eq!(number(filter, "/quotes"), 0, "it handles none: {status}");
    let metrics = port.get("/metrics").unwrap().1;
    assert!(metrics.contains("tradehook_quotes_total{stream=\"ticker\"} 100"), "{metrics}");
    until("records", || (folder.lines("quotes.jsonl").len() == 200).then_some(()));
    job.terminate().expect(0);

    let request = asked.lock().unwrap().first().cloned().unwrap();
    for part in [
        r#"{"type":"trade","codes":["KRW-BTC","KRW-DOGE","KRW-ETH","KRW-SOL","KRW-XRP"]}"#,
        r#"{"type":"ticker","codes":["KRW-ETH"]}"#,
        r#"{"type":"orderbook","codes":["KRW-BTC.5"]}"#,
        r#"{"type":"candle.1m","codes":["KRW-BTC"]}"#,
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }

    let tape = Tape::open_read_only(&folder.join("tape")).unwrap();
    let (mut reader, mut trades, mut on_tape) = (tape.reader(tape.start()), Trades::default(), 0);
    loop {
        match reader.next(100, &mut trades).unwrap() {
            Next::Quotes(quotes) => on_tape += quotes.rows.len(),
            Next::Entry(_, Entry::Quote(_)) => panic!("quotes come in batches"),
            Next::Empty => break,
            _ => {}
        }
    }
    assert_eq!(on_tape, 200);

    let live = folder.lines("quotes.jsonl");
    fs::rename(folder.join("quotes.jsonl"), folder.join("live.jsonl")).unwrap();
    let done = command(folder.path(), ["replay", "tape", "--json", "--output", "out.jsonl"]).expect(0);
    assert_eq!(number(&json(&done.log), "/quotes"), 200, "{}", done.log);
    let again = folder.lines("out.jsonl");
    assert_eq!(again, live, "a replay of the tape says what was said live");
}

#[test]
fn patterns_of_streams_are_resolved_and_the_stand_in_serves_them_all() {
    let (venue, folder) = (StandIn::at_rate(5, 40.0), Folder::new());
    let streams = "ticker = [\"KRW-*\"]\norderbook = [\"KRW-*.5\"]\n\"candle.1s\" = [\"KRW-BTC\"]";
    folder.configure(&venue.venue.ws_url(), &plugins(streams));
    let job = folder.run();
    let kinds = ["ticker", "orderbook", "candle"];
    let status = job.port().until("quotes of every sort", |s| {
        kinds.iter().all(|kind| number(s, &format!("/intake/quotes/{kind}")) > 20)
    });
    assert_eq!(status["intake"]["invalid"], serde_json::json!({}), "{status}");
    job.terminate().expect(0);
    let records = folder.lines("quotes.jsonl");
    for kind in kinds {
        assert!(records.iter().any(|record| record["topic"] == kind), "no record of a {kind}");
    }
    let markets: BTreeSet<String> = records
        .iter()
        .filter(|record| record["topic"] == "ticker")
        .map(|record| record["values"]["market"].to_string())
        .collect();
    assert!(markets.len() > 3, "{markets:?}");
}

#[test]
fn a_job_may_ask_for_tickers_alone() {
    let (url, asked, _server) = serve(5);
    let folder = Folder::new();
    folder.write(
        "config.toml",
        format!(
            "[feed]\nurl = {url:?}\nmarkets = []\n[feed.streams]\nticker = [\"KRW-ETH\"]\n\
             [status]\nlisten = \"127.0.0.1:0\"\n[tape]\ndir = \"tape\"\n"
        ),
    );
    let job = folder.run();
    job.port().until("tickers", |s| number(s, "/intake/quotes/ticker") == 2);
    job.terminate().expect(0);
    let request = asked.lock().unwrap().first().cloned().unwrap();
    assert!(!request.contains(r#""type":"trade""#), "{request}");
    assert!(request.contains(r#"{"type":"ticker","codes":["KRW-ETH"]}"#), "{request}");
}
