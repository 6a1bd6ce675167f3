//! What the running system knows stands on the tape: plugins are told it, live and in a replay. And what
//! one plugin says reaches the one that reads it.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tradehook::{
    entry::Entry,
    venue::{Fault, Refusal},
};

use super::support::{Folder, StandIn, built, command, text, until};

/// A watch that counts how often it is told that the process lives.
fn watch() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/beat/7f3a", listener.local_addr().unwrap());
    let beats: Arc<AtomicU64> = Arc::default();
    let count = Arc::clone(&beats);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut line = String::new();
            let _ = BufReader::new(&stream).read_line(&mut line);
            count.fetch_add(u64::from(line.starts_with("GET /beat/7f3a ")), Ordering::SeqCst);
            let _ = write!(&stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (url, beats)
}

/// The facts in the records of a file, each as its name, subject and value.
fn facts(lines: &[Value]) -> Vec<(String, String, Value)> {
    let is_fact = |line: &&Value| text(line, "topic") == "fact";
    let fact = |line: &Value| {
        let values = &line["values"];
        (text(values, "name").to_owned(), text(values, "subject").to_owned(), values["value"].clone())
    };
    lines.iter().filter(is_fact).map(fact).collect()
}

/// What one plugin said.
fn of(lines: &[Value], plugin: &str) -> Vec<Value> {
    lines.iter().filter(|line| text(line, "plugin") == plugin).cloned().collect()
}

#[test]
fn what_the_system_knows_reaches_plugins_live_and_in_a_replay() {
    let (stand_in, folder) = (StandIn::at_rate(7, 50.0), Folder::new());
    let venue = &stand_in.venue;
    venue.set_fault(Fault::Warn { code: "KRW-ETH".into(), on: true });
    let (url, beats) = watch();
    let path = built("hostile");
    let plugins = format!(
        "heartbeat_url = {url:?}\nheartbeat_interval = \"1s\"\nheartbeat_allow_private = true\n\
         [channels.log]\nkind = \"file\"\npath = \"log.jsonl\"\n\
         [plugins.facts]\npath = {path:?}\nto = [\"log\"]\nconfig = {{ do = \"fact-records\" }}\n\
         limits = {{ deadline = \"30s\" }}\n\
         [plugins.broken]\npath = {path:?}\nconfig = {{ do = \"trap\" }}\n\
         [plugins.bars]\nbundled = \"aggregate\"\nconfig = {{ size = \"1s\" }}\n\
         limits = {{ deadline = \"30s\" }}\n\
         [plugins.reader]\npath = {path:?}\ninput = \"bars\"\nto = [\"log\"]\n\
         config = {{ do = \"record-records\" }}\nlimits = {{ deadline = \"30s\" }}\n"
    );
    let ws_url = venue.ws_url();
    folder.configure_with(&[("url", &ws_url), ("backoff_min", "100ms"), ("backoff_max", "1s")], &plugins);
    let job = folder.run();
    let port = job.port();
    port.has_trades(50);

    let knows = |name: &str, subject: &str, value: Value| {
        let fact = (name.to_owned(), subject.to_owned(), value);
        until(&format!("{fact:?}"), || facts(&folder.lines("log.jsonl")).contains(&fact).then_some(()));
    };
    knows("health.connection_down", "", false.into());
    knows("health.plugin_down", "broken", true.into());
    knows("health.plugin_down", "facts", false.into());
    venue.set_fault(Fault::RefuseUpgrades(Refusal::unavailable(Duration::from_secs(3))));
    venue.set_fault(Fault::Drop);
    knows("health.connection_down", "", true.into());
    knows("market.warning", "KRW-ETH", true.into());
    knows("market.warning", "KRW-BTC", false.into());
    knows("market.caution.PRICE_FLUCTUATIONS", "KRW-BTC", false.into());
    let back = ("health.connection_down".to_owned(), String::new(), Value::from(false));
    until("the way back", || {
        let known = facts(&folder.lines("log.jsonl"));
        (known.iter().filter(|fact| **fact == back).count() == 2).then_some(())
    });
    until("a heartbeat a second", || (beats.load(Ordering::SeqCst) >= 3).then_some(()));
    let late = format!(
        "{plugins}[plugins.late]\npath = {path:?}\nto = [\"log\"]\nconfig = {{ do = \"fact-records\" }}\n\
         limits = {{ deadline = \"30s\" }}\n"
    );
    folder.configure_with(&[("url", &ws_url), ("backoff_min", "100ms"), ("backoff_max", "1s")], &late);
    job.signal(Signal::HUP);
    until("a plugin that came with the reload is told what is known", || {
        let known = facts(&of(&folder.lines("log.jsonl"), "late"));
        let is = |name: &str, subject: &str| known.iter().any(|(n, s, _)| n == name && s == subject);
        (is("health.connection_down", "") && is("market.warning", "KRW-ETH")).then_some(())
    });
    job.terminate().expect(0);

    let live = folder.lines("log.jsonl");
    let (_, entries) = folder.tape();
    let on_tape = entries.iter().filter(|entry| matches!(entry, Entry::Fact(_))).count();
    assert_eq!(facts(&of(&live, "facts")).len(), on_tape, "each is told once");
    let heard: BTreeSet<&str> = live
        .iter()
        .filter(|line| text(line, "topic") == "heard")
        .map(|line| text(&line["values"], "of"))
        .collect();
    assert_eq!(heard, BTreeSet::from(["bars"]), "the records of its input");

    fs::rename(folder.join("log.jsonl"), folder.join("live.jsonl")).unwrap();
    command(folder.path(), ["replay", "tape", "--json", "--output", "out.jsonl"]).expect(0);
    let again = folder.lines("out.jsonl");
    for plugin in ["facts", "reader"] {
        assert!(!of(&live, plugin).is_empty(), "{plugin}: {live:?}");
        assert_eq!(of(&again, plugin), of(&live, plugin), "a replay of the tape says what was said live");
    }
}
