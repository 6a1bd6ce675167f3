//! A plugin can hurt nobody but itself.

use std::collections::BTreeSet;

use super::support::{Folder, StandIn, built, named, number, text, until};

/// How each of them misbehaves, and the kinds of fault that it may end in: whether fuel or time
/// runs out first depends on the machine, and a guest that is refused memory gives up by itself.
const HOSTILE: [(&str, &[&str]); 3] =
    [("spin", &["deadline", "fuel"]), ("hoard", &["memory", "trap"]), ("trap", &["trap"])];
/// Pings a second apart that are answered meanwhile.
const PONGS: usize = 6;

/// Proves [fails-alone] for the whole program.
#[test]
fn beside_hostile_plugins_a_healthy_one_misses_nothing_and_pings_are_sent() {
    let (venue, folder) = (StandIn::at_rate(3, 100.0), Folder::new());
    let path = built("hostile");
    let mut plugins = format!(
        "[channels.log]\nkind = \"file\"\npath = \"counts.jsonl\"\n\
         [plugins.healthy]\npath = {path:?}\nto = [\"log\"]\nconfig = {{ do = \"count\", every = 1 }}\n\
         limits = {{ deadline = \"30s\" }}\n"
    );
    for (how, _) in HOSTILE {
        plugins += &format!("[plugins.{how}]\npath = {path:?}\nconfig = {{ do = {how:?} }}\n");
    }
    folder.configure(&venue.venue.ws_url(), &plugins);
    let job = folder.run();
    let port = job.port();

    let mut pongs = BTreeSet::new();
    let status = until("answered pings", || {
        let status = port.status();
        pongs.extend(Some(number(&status, "/feed/last_pong_ms")).filter(|at| *at > 0));
        (pongs.len() >= PONGS).then_some(status)
    });
    assert_eq!(number(&status, "/feed/sessions"), 1, "{status}");
    assert_eq!(status["feed"]["losses"], serde_json::json!({}), "{status}");
    for (how, kinds) in HOSTILE {
        let is_out = |s: &serde_json::Value| named(s, "plugins", how)["state"] == "quarantined";
        let status = port.until(&format!("{how} in quarantine"), is_out);
        let plugin = named(&status, "plugins", how);
        assert!(kinds.contains(&text(&plugin["last_fault"], "kind")), "{how}: {plugin}");
        assert!(number(plugin, "/restarts") > 0, "it is tried again: {plugin}");
    }
    let healthy = named(&port.status(), "plugins", "healthy").clone();
    assert_eq!(
        (&healthy["state"], &healthy["faults"]),
        (&"running".into(), &serde_json::json!({})),
        "{healthy}"
    );
    job.terminate().expect(0);

    let (trades, _) = folder.tape();
    let counted = folder.lines("counts.jsonl").len() as u64;
    assert_eq!(counted, trades, "a record of the healthy plugin for every trade on the tape");
    assert!(trades > 100, "{trades}");
}
