//! Commands to a running process: its socket, what they do to it, and what they say when it is not there.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
};

use serde_json::Value;
use tradehook::entry::Entry;

use super::support::{Done, Folder, Job, RULES, StandIn, command, json, number, text, until};

/// A job with rules and a channel that nobody takes messages from.
fn start() -> (StandIn, Folder, Job) {
    let (venue, folder) = (StandIn::lively(11), Folder::new());
    let hook = "[channels.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\nallow_private = true\nmax_attempts = 1\n";
    folder.configure(&venue.venue.ws_url(), &format!("{RULES}{hook}"));
    let job = folder.run();
    job.says("commands are answered");
    job.port().is_ready();
    (venue, folder, job)
}

fn said(folder: &Folder, line: &str, code: i32) -> Done {
    command(folder.path(), line.split(' ')).expect(code)
}

fn lines(done: &Done) -> Vec<Value> {
    done.out.lines().map(json).collect()
}

#[test]
fn a_command_without_a_process_says_where_it_looked() {
    let folder = Folder::new();
    folder.configure("ws://127.0.0.1:9/", "");
    for line in ["alert list", "channel list", "outbox list", "status", "alert silences"] {
        let refused = said(&folder, line, 69);
        assert!(refused.log.contains("nothing listens at state/control.sock"), "{line}: {}", refused.log);
        assert!(refused.log.contains("is `tradehook run` running"), "{line}: {}", refused.log);
    }
    let nowhere = Folder::new();
    assert!(said(&nowhere, "status", 78).log.contains("--socket"));
}

#[test]
fn the_socket_is_for_the_own_user_and_goes_with_the_process() {
    let (_venue, folder, job) = start();
    let socket = folder.join("state/control.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let status = said(&folder, "status", 0);
    assert!(status.out.contains("feed     live"), "{}", status.out);
    let summary = json(&said(&folder, "status --json", 0).out);
    assert!(summary["trades"].as_u64() > Some(0), "{summary}");
    job.kill();
    assert!(socket.exists(), "a kill leaves it");
    said(&folder, "status", 69);
    let job = folder.run();
    job.says("commands are answered");
    said(&folder, "status --json", 0);
    job.terminate().expect(0);
    assert!(!socket.exists(), "an end takes it away");
}

/// Proves [fails-alone] and [bounded] on the real process.
#[test]
fn clients_that_mean_no_good_delay_nobody() {
    let (_venue, folder, job) = start();
    let connect = || UnixStream::connect(folder.join("state/control.sock")).unwrap();
    let answer = |mut stream: UnixStream| {
        let mut said = String::new();
        let _cut_off = stream.read_to_string(&mut said);
        said
    };
    let mut rubbish = connect();
    rubbish.write_all(b"\x00\xff\x1b[2J\n").unwrap();
    assert!(answer(rubbish).contains("this is no request"));
    let mut huge = connect();
    // It may be cut off before all of it is written.
    let _cut_off = huge.write_all(&vec![b'{'; 10 << 20]);
    drop(huge);
    let silent: Vec<UnixStream> = (0..4).map(|_| connect()).collect();
    assert_eq!(lines(&said(&folder, "status --json", 0)).len(), 1);
    let before = job.port().status();
    let trades = number(&before, "/intake/trades");
    job.port().until("further trades", |s| number(s, "/intake/trades") > trades);
    drop(silent);
    job.terminate().expect(0);
}

#[test]
fn channels_are_listed_and_tested_with_and_without_a_process() {
    let (_venue, folder, job) = start();
    let channels = lines(&said(&folder, "channel list --json", 0));
    let kinds: Vec<_> = channels.iter().map(|c| (text(c, "name"), text(c, "kind"))).collect();
    assert_eq!(kinds, [("log", "file"), ("hook", "webhook"), ("stdout", "stdout")]);
    let tested = said(&folder, "channel test log", 0);
    assert!(tested.out.contains("log: the receiver took the message"), "{}", tested.out);
    assert!(folder.lines("alerts.jsonl").iter().any(|line| line["type"] == "system.test"));
    let failed = said(&folder, "channel test hook", 69);
    assert!(failed.log.contains("hook: it may work later"), "{}", failed.log);
    let slip = said(&folder, "channel test hok", 64);
    assert!(slip.log.contains("no channel is called"), "{}", slip.log);
    job.terminate().expect(0);

    let tested = said(&folder, "channel test stdout", 0);
    assert!(tested.out.contains("nothing has happened"), "{}", tested.out);
    said(&folder, "channel test hook", 69);
    said(&folder, "channel test hok", 64);
}

/// A message that is given up is listed with its reason, tried again, and forgotten.
#[test]
fn dead_letters_are_listed_tried_again_and_forgotten() {
    let (_venue, folder, job) = start();
    job.terminate().expect(0);
    let text_of = fs::read_to_string(folder.join("config.toml")).unwrap();
    folder.write("config.toml", text_of.replace("notify = [\"log\"]", "notify = [\"hook\"]"));
    let job = folder.run();
    job.port().is_ready();
    let dead = until("a dead letter", || {
        let dead = lines(&said(&folder, "outbox list --dead --json", 0));
        (!dead.is_empty()).then_some(dead)
    });
    assert!(text(&dead[0], "reason").contains("127.0.0.1"), "{}", dead[0]);
    assert_eq!(text(&dead[0], "channel"), "hook");
    let id = text(&dead[0], "id");
    let again = said(&folder, &format!("outbox retry {id}"), 0);
    assert!(again.out.starts_with("1 dead letters are queued again"), "{}", again.out);
    until("it being given up again", || {
        let dead = lines(&said(&folder, "outbox list --dead --json", 0));
        dead.iter().any(|d| text(d, "id") == id).then_some(())
    });
    let gone = said(&folder, &format!("outbox drop --dead {id}"), 0);
    assert!(gone.out.starts_with("1 dead letters are forgotten"), "{}", gone.out);
    let refused = said(&folder, "outbox drop", 64);
    assert!(refused.log.contains("say which messages"), "{}", refused.log);
    job.terminate().expect(0);
}

#[test]
fn a_plugin_is_asked_through_the_process() {
    let (_venue, folder, job) = start();
    let ask = |name: &str, query: &str, code: i32| {
        command(folder.path(), ["plugin", "inspect", name, query]).expect(code)
    };
    assert!(ask("nobody", "{}", 64).log.contains("there is no plugin of this name"));
    assert!(ask("alert", "{", 64).log.contains("the query is not JSON"));
    job.terminate().expect(0);
}

/// A rule that fires with the first trade and goes on firing.
const UP: &str = "[[alert]]\nid = \"up\"\nmarkets = [\"KRW-BTC\"]\nwhen = { kind = \"price\", above = 1 }\n";

fn firing(folder: &Folder) -> Vec<Value> {
    lines(&said(folder, "alert list --rule up --json", 0))
}

/// The one firing of the rule, once it is as `wanted`.
fn fires(folder: &Folder, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(what, || firing(folder).into_iter().find(|one| wanted(one)))
}

#[test]
fn what_fires_is_listed_silenced_and_noticed_and_a_silence_survives_a_kill() {
    let (venue, folder) = (StandIn::lively(12), Folder::new());
    folder.configure(&venue.venue.ws_url(), &format!("{RULES}{UP}"));
    let job = folder.run();
    job.port().is_ready();
    let one = fires(&folder, "the rule to fire", |_| true);
    assert_eq!((text(&one, "key"), text(&one, "severity")), ("KRW-BTC", "info"));
    assert_eq!((&one["is_acked"], &one["silenced_by"]), (&Value::Bool(false), &Value::Null));
    let table = said(&folder, "alert list --market KRW-*", 0).out;
    assert!(table.lines().any(|line| line.contains("up") && line.contains("KRW-BTC")), "{table}");
    assert_eq!(said(&folder, "alert list --rule nothing", 0).out, "nothing fires");

    let id: String = text(&one, "episode_id").chars().take(8).collect();
    let acked = said(&folder, &format!("alert ack {id}"), 0);
    assert!(acked.out.contains("taken notice of"), "{}", acked.out);
    fires(&folder, "it to be acknowledged", |one| one["is_acked"] == true);
    assert!(said(&folder, "alert ack 0000000000", 64).log.contains("nothing that is meant fires"));

    assert!(said(&folder, "alert silence --for 1h --reason all", 64).log.contains("say which alerts"));
    let made = said(&folder, "alert silence --rule u* --market KRW-* --for 1h --reason deploy", 0).out;
    let id = made.rsplit(' ').next().unwrap().to_owned();
    let silenced = fires(&folder, "it to be silenced", |one| !one["silenced_by"].is_null());
    assert_eq!(text(&silenced, "silenced_by"), id);
    job.kill();

    let job = folder.run();
    job.port().is_ready();
    let silences = until("the silence of before", || {
        let silences = lines(&said(&folder, "alert silences --json", 0));
        (!silences.is_empty()).then_some(silences)
    });
    assert_eq!((text(&silences[0], "id"), text(&silences[0], "reason")), (id.as_str(), "deploy"));
    said(&folder, &format!("alert unsilence {id}"), 0);
    until("the silence to be lifted", || {
        (said(&folder, "alert silences", 0).out == "nothing is silenced").then_some(())
    });
    assert!(said(&folder, &format!("alert unsilence {id}"), 64).log.contains("no silence has the id"));
    fires(&folder, "it to fire unsilenced", |one| one["silenced_by"].is_null() && one["is_acked"] == true);
    assert_eq!(said(&folder, "alert reset --rule up", 0).out, "up speaks again");
    job.terminate().expect(0);
    let (_, entries) = folder.tape();
    let controls = entries.iter().filter(|entry| matches!(entry, tradehook::entry::Entry::Control(_)));
    assert_eq!(controls.count(), 4, "ack, silence, unsilence and reset are on the tape");
}

/// [time-enters-once]
#[test]
fn an_exchange_rate_from_outside_stands_on_the_tape_and_reaches_a_rule() {
    let (venue, folder) = (StandIn::lively(12), Folder::new());
    let rule = r#"
[channels.log]
kind = "file"
path = "alerts.jsonl"
[[alert]]
id = "kimchi"
markets = ["KRW-BTC"]
notify = ["log"]
when = { kind = "premium", base = "KRW-BTC", ref = "KRW-ETH", fx = { fact = "fx.BTCETH", max_age = "1h" }, above = "900%" }
"#;
    folder.configure(&venue.venue.ws_url(), rule);
    let job = folder.run();
    job.says("commands are answered");
    job.port().is_ready();
    job.port().has_trades(50);
    let slip = said(&folder, "fact set USDKRW 1391.5", 64);
    assert!(slip.log.contains("one is \"fx.USDKRW\""), "{}", slip.log);
    assert!(said(&folder, "fact set fx.USDKRW 1,391", 64).log.contains("plain digits"));
    // A millionth makes the premium what nobody has seen yet.
    let set = said(&folder, "fact set fx.BTCETH 0.000001", 0);
    assert_eq!(set.out, "fx.BTCETH is 0.000001");
    until("the alert", || {
        folder.lines("alerts.jsonl").iter().any(|a| a["rule"]["id"] == "kimchi").then_some(())
    });
    let facts = lines(&said(&folder, "fact list --json", 0));
    let known = |name: &str| facts.iter().find(|fact| text(fact, "name") == name).map(|fact| &fact["value"]);
    assert_eq!(known("fx.BTCETH"), Some(&"0.000001".into()));
    assert_eq!(known("health.connection_down"), Some(&false.into()));
    let table = said(&folder, "fact list", 0).out;
    assert!(table.lines().any(|line| line.starts_with("fx.BTCETH") && line.contains("0.000001")), "{table}");
    assert_eq!(said(&folder, "fact forget fx.BTCETH", 0).out, "fx.BTCETH is not known any more");
    assert!(!said(&folder, "fact list", 0).out.contains("fx."));
    job.terminate().expect(0);
    let (_, entries) = folder.tape();
    let told = entries.iter().filter(|e| matches!(e, Entry::Fact(fact) if fact.name == "fx.BTCETH"));
    assert_eq!(told.count(), 2);
}
