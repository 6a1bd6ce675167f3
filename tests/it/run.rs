//! `tradehook run`: from the venue to a file and a webhook, stopped and started again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::support::{Folder, Job, RULES, StandIn, json, named, number, text, tradehook, until};

/// What `secret` says in the configuration, and the key behind it.
const SECRET: &str = "whsec_dHJhZGVob29rLXRlc3Q=";
const KEY: &[u8] = b"tradehook-test";

/// A receiver of webhooks: takes everything, and remembers it.
#[derive(Clone, Default)]
struct Receiver {
    requests: Arc<Mutex<Vec<Request>>>,
    /// Answers 503 to everything, and keeps none of it.
    refuses: Arc<AtomicBool>,
    refused: Arc<Mutex<Vec<String>>>,
}

struct Request {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Receiver {
    /// Listens on a free port; the address.
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let receiver = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let receiver = receiver.clone();
                thread::spawn(move || receiver.serve(&stream.unwrap()));
            }
        });
        format!("http://{at}/hook")
    }

    /// Until the sender closes; one who breaks off has sent nothing.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let (mut headers, mut line) = (BTreeMap::new(), String::new());
            while reader.read_line(&mut line).ok()? > 2 {
                if let Some((name, value)) = line.split_once(": ") {
                    headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
                }
                line.clear();
            }
            let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
            reader.read_exact(&mut body).ok()?;
            let answer = if self.refuses.load(Ordering::SeqCst) {
                self.refused.lock().unwrap().push(headers.remove("webhook-id")?);
                "503 Service Unavailable"
            } else {
                self.requests.lock().unwrap().push(Request { headers, body: String::from_utf8(body).ok()? });
                "200 OK"
            };
            write!(&mut &*stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").ok()?;
        }
    }

    /// The bodies, by the id in their header; each signed, and each sent once.
    fn received(&self) -> BTreeMap<String, Value> {
        let mut received = BTreeMap::new();
        for Request { headers, body } in self.requests.lock().unwrap().iter() {
            let id = &headers["webhook-id"];
            let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
            mac.update(format!("{id}.{}.{body}", headers["webhook-timestamp"]).as_bytes());
            let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
            assert_eq!(headers["webhook-signature"], signature, "{body}");
            let body = json(body);
            assert_eq!(text(&body, "notification_id"), id);
            assert!(received.insert(id.clone(), body).is_none(), "{id} was sent twice by a healthy process");
        }
        received
    }
}

/// The firings that are told of, each with how it changed and when.
fn firings<'a>(alerts: impl IntoIterator<Item = &'a Value>) -> BTreeSet<(String, String, String)> {
    let firing = |alert: &Value| ["episode_id", "type", "at"].map(|key| text(alert, key).to_owned()).into();
    alerts.into_iter().map(firing).collect()
}

/// The job of the rules, with every alert to the file and to the webhook at `url`.
fn configure(folder: &Folder, venue: &StandIn, url: &str) {
    let rules = RULES.replace("notify = [\"log\"]", "notify = [\"log\", \"hook\"]");
    let hook = format!(
        "[channels.hook]\nkind = \"webhook\"\nurl = {url:?}\nsecret_env = \"HOOK_SECRET\"\nallow_private = true\n"
    );
    folder.configure(&venue.venue.ws_url(), &format!("{rules}{hook}"));
}

fn run(folder: &Folder) -> Job {
    Job::spawn(tradehook(folder.path()).arg("run").env("HOOK_SECRET", SECRET))
}

#[test]
fn alerts_reach_the_file_and_the_webhook_once_across_a_clean_restart() {
    let (venue, receiver, folder) = (StandIn::lively(5), Receiver::default(), Folder::new());
    configure(&folder, &venue, &receiver.start());

    let job = run(&folder);
    let port = job.port();
    port.is_ready();
    let (code, health) = port.get("/healthz").unwrap();
    assert_eq!((code, json(&health)["healthy"].as_bool()), (200, Some(true)), "{health}");
    until("alerts at the webhook", || (receiver.received().len() >= 5).then_some(()));
    let (_, metrics) = port.get("/metrics").unwrap();
    for name in ["tradehook_trades_total", "tradehook_plugin_alerts_total{plugin=\"alert\"}"] {
        let line = metrics.lines().find(|line| line.starts_with(name));
        let count: f64 = line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0);
        assert!(count > 0.0, "{name} is not counted:\n{metrics}");
    }
    let first = job.terminate().expect(0);
    let stopped = json(first.log.lines().last().unwrap());
    assert_eq!(
        (text(&stopped, "message"), &stopped["drained"]),
        ("stopped", &Value::Bool(true)),
        "{stopped}"
    );

    let (before, sent_before) = (folder.lines("alerts.jsonl"), receiver.received());
    assert_eq!(firings(&before), firings(sent_before.values()), "each channel is told the same");
    let (trades, entries) = folder.tape();
    assert!(entries.iter().all(|e| !matches!(e, tradehook::entry::Entry::Gap(_))), "{entries:?}");

    let job = run(&folder);
    let port = job.port();
    let end = trades + entries.len() as u64;
    let status = port.until("trades behind those of the first run", |s| {
        number(s, "/intake/splice/repairing") == 0
            && number(s, "/tape/end") > end + 20
            && number(named(s, "pipelines", "alert"), "/offset") > end
    });
    let gaps = &status["intake"]["gaps"];
    assert!(
        gaps["filled"]["downtime"].as_u64() >= Some(1),
        "the time between is a gap, and filled: {status}"
    );
    assert_eq!(gaps["open"], serde_json::json!({}), "{status}");
    until("an alert of the second run", || (folder.lines("alerts.jsonl").len() > before.len()).then_some(()));
    job.terminate().expect(0);

    let after = folder.lines("alerts.jsonl");
    assert_eq!(after[..before.len()], before, "what was told stays as it was");
    let ids: BTreeSet<&str> = after.iter().map(|alert| text(alert, "notification_id")).collect();
    assert_eq!(ids.len(), after.len(), "nothing is told twice");
    let sent = receiver.received();
    assert_eq!(firings(&after), firings(sent.values()));
    assert!(sent_before.iter().all(|(id, body)| sent.get(id) == Some(body)));
}

/// Proves [commit-is-atomic]: what a receiver refuses stays in the outbox, whatever becomes of the
/// process.
#[test]
fn what_the_webhook_refuses_reaches_it_after_a_kill_and_a_restart() {
    let (venue, receiver, folder) = (StandIn::lively(6), Receiver::default(), Folder::new());
    configure(&folder, &venue, &receiver.start());
    receiver.refuses.store(true, Ordering::SeqCst);
    let job = run(&folder);
    until("refused alerts", || (receiver.refused.lock().unwrap().len() >= 5).then_some(()));
    job.kill();
    let refused = receiver.refused.lock().unwrap().clone();

    let job = run(&folder);
    job.port().is_ready();
    receiver.refuses.store(false, Ordering::SeqCst);
    until("everything that was refused", || {
        let received = receiver.received();
        refused.iter().all(|id| received.contains_key(id)).then_some(())
    });
    job.terminate().expect(0);
    let (told, received) = (folder.lines("alerts.jsonl"), receiver.received());
    let missing: Vec<_> = firings(&told).difference(&firings(received.values())).cloned().collect();
    assert!(missing.is_empty(), "the file has what the webhook never got: {missing:?}");
}

#[test]
fn a_second_job_on_the_same_folder_is_refused_and_the_first_runs_on() {
    let (venue, folder) = (StandIn::at_rate(1, 50.0), Folder::new());
    folder.configure(&venue.venue.ws_url(), "[plugins.filter]\n");
    let first = folder.run();
    let port = first.port();
    port.has_trades(10);
    let second = folder.run().end().expect(74);
    assert!(second.log.contains("is being written by another process"), "{}", second.log);
    let seen = number(&port.status(), "/intake/trades");
    port.has_trades(seen + 10);
    first.terminate().expect(0);
}
