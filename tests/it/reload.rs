//! SIGHUP: another configuration without another connection.

use rustix::process::Signal;

use super::support::{Folder, Job, StandIn, json, named, number, text, until};

/// A rule that every trade of a market meets.
fn rule(id: &str) -> String {
    format!(
        "[plugins.alert]\nlimits = {{ deadline = \"30s\" }}\n[alerts.defaults]\nnotify = [\"log\"]\ncooldown = \"0s\"\n\
         [channels.log]\nkind = \"file\"\npath = \"alerts.jsonl\"\n\
         [[alert]]\nid = {id:?}\nmarkets = [\"KRW-BTC\"]\nwhen = {{ kind = \"large_trade\", min_notional = 1 }}\n"
    )
}

fn told(folder: &Folder, id: &str) -> usize {
    let alerts = folder.lines("alerts.jsonl");
    alerts.iter().filter(|alert| text(&alert["rule"], "id") == id).count()
}

/// The log line with `message` that comes after the first `skip` lines, as JSON.
fn logged(job: &Job, skip: usize, message: &str) -> serde_json::Value {
    let line = until(&format!("{message:?} in the log"), || {
        job.log.all().into_iter().skip(skip).find(|line| line.contains(message))
    });
    json(&line)
}

#[test]
fn a_new_rule_takes_effect_a_broken_file_does_not_and_the_connection_stays() {
    let (venue, folder) = (StandIn::at_rate(9, 50.0), Folder::new());
    let url = venue.venue.ws_url();
    folder.configure(&url, &rule("first"));
    let job = folder.run();
    let port = job.port();
    until("an alert of the first rule", || (told(&folder, "first") > 3).then_some(()));

    folder.configure(&url, &rule("second"));
    job.signal(Signal::HUP);
    until("an alert of the second rule", || (told(&folder, "second") > 3).then_some(()));
    logged(&job, 0, "the configuration was read again");
    let ended = told(&folder, "first");

    let skip = job.log.all().len();
    folder.configure(&url, &format!("{}[feeed]\n", rule("third")));
    job.signal(Signal::HUP);
    let kept = logged(&job, skip, "the old one runs on");
    assert_eq!(text(&kept, "level"), "ERROR", "{kept}");
    assert!(text(&kept, "message").contains("unknown key `feeed`"), "{kept}");

    let skip = job.log.all().len();
    folder.configure(&url, &rule("third").replace("min_notional = 1", "min_notional = 0"));
    job.signal(Signal::HUP);
    let kept = logged(&job, skip, "the old one runs on");
    assert!(text(&kept, "message").contains("config.toml:"), "a plugin's no has its place: {kept}");

    let skip = job.log.all().len();
    folder.configure(&url, &rule("third"));
    let moved = folder.read("config.toml").replace("dir = \"tape\"", "dir = \"elsewhere\"");
    folder.write("config.toml", moved);
    job.signal(Signal::HUP);
    let kept = logged(&job, skip, "the old one runs on");
    assert!(text(&kept, "message").contains("changes of [tape] take effect at a restart only"), "{kept}");

    let seen = told(&folder, "second");
    until("the second rule to go on", || (told(&folder, "second") > seen + 3).then_some(()));
    assert_eq!((told(&folder, "first"), told(&folder, "third")), (ended, 0));
    let status = port.status();
    assert_eq!((number(&status, "/feed/sessions"), number(&status, "/feed/attempts")), (1, 1), "{status}");
    assert_eq!(status["intake"]["gaps"]["open"], serde_json::json!({}), "nothing was missed: {status}");
    job.terminate().expect(0);

    let (trades, _) = folder.tape();
    assert!(trades > 10);
}

#[test]
fn a_plugin_keeps_its_memory_across_a_reload() {
    let (venue, folder) = (StandIn::at_rate(9, 50.0), Folder::new());
    let url = venue.venue.ws_url();
    let path = super::support::built("hostile");
    let count = |every: u32| {
        format!(
            "[channels.log]\nkind = \"file\"\npath = \"counts.jsonl\"\n[plugins.count]\npath = {path:?}\n\
             to = [\"log\"]\nconfig = {{ do = \"count\", every = {every} }}\nlimits = {{ deadline = \"30s\" }}\n"
        )
    };
    folder.configure(&url, &count(1_000_000));
    let job = folder.run();
    let port = job.port();
    port.has_trades(40);
    folder.configure(&url, &count(1));
    job.signal(Signal::HUP);
    until("a record", || (!folder.lines("counts.jsonl").is_empty()).then_some(()));
    assert_eq!(named(&port.status(), "plugins", "count")["faults"], serde_json::json!({}));
    job.terminate().expect(0);
    let (trades, _) = folder.tape();
    let records = folder.read("counts.jsonl");
    let last = json(records.lines().last().unwrap());
    let shown = last.to_string();
    assert!(
        shown.contains(&format!("\"{trades}\"")) || shown.contains(&format!(":{trades}")),
        "{trades} trades, {shown}"
    );
}
