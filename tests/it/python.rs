//! Public clients against the stand-in venue: what pyupbit and ccxt are sent is what was traded.
//!
//! They read the venue's protocol as their authors understood it, and so check the stand-in from a
//! side that is not ours. They come from PyPI, at fixed versions, into a folder below the target
//! folder that is kept. Where Python or PyPI is not to be had, the test says so and proves nothing.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tradehook::venue::VenueConfig;

use super::support::{StandIn, root};

const PINS: [&str; 3] = ["pyupbit==0.2.33", "ccxt==4.5.90", "setuptools==80.9.0"];
/// For PyPI; a first install fetches about 60 MB.
const INSTALL: Duration = Duration::from_secs(300);
/// Trades that each client waits for.
const COUNT: usize = 60;

/// How a process ended within a time; `None` when it did not, or could not begin.
fn run(command: &mut Command, time: Duration) -> Option<bool> {
    let mut child: Child = command.stdin(Stdio::null()).spawn().ok()?;
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A Python with both clients, or why there is none.
fn python() -> Result<PathBuf, &'static str> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-clients");
    let (python, installed) = (folder.join("bin/python"), folder.join("installed"));
    let pins = PINS.join("\n");
    if fs::read_to_string(&installed).is_ok_and(|text| text == pins) {
        return Ok(python);
    }
    let quiet = |command: &mut Command| {
        run(command.stdout(Stdio::null()).stderr(Stdio::null()), INSTALL) == Some(true)
    };
    if !quiet(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)) {
        return Err("python3 with venv is not there");
    }
    let pip = ["-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "15"];
    if !quiet(Command::new(&python).args(pip).args(PINS)) {
        return Err("pyupbit and ccxt are not to be had from PyPI");
    }
    fs::write(&installed, pins).unwrap();
    Ok(python)
}

/// What a client saw, as it says it itself.
fn seen_by(python: &Path, script: &str, stand_in: &StandIn) -> Value {
    let venue = &stand_in.venue;
    let said = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("tests/clients").join(script));
    command.args([&venue.ws_url(), &venue.rest_url(), &COUNT.to_string()]);
    // A proxy of the machine has no business with loopback.
    command.env("NO_PROXY", "*").stdout(said.reopen().unwrap());
    let ended = run(&mut command, Duration::from_secs(60));
    assert_eq!(ended, Some(true), "{script} failed; what it says stands above");
    serde_json::from_str(&fs::read_to_string(said.path()).unwrap()).unwrap()
}

fn ids(seen: &Value, key: &str) -> Vec<u64> {
    seen[key].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[test]
fn public_clients_are_sent_what_was_traded() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => return println!("skipped: {why}"),
    };
    let config = VenueConfig { seed: 5, late_share: 0.0, history_ms: 300_000, ..VenueConfig::default() };
    let stand_in = StandIn::start(config);
    for script in ["pyupbit_client.py", "ccxt_client.py"] {
        let seen = seen_by(&python, script, &stand_in);
        let kept: Vec<u64> = stand_in.venue.all_trades("KRW-BTC").iter().map(|t| t.sequential_id).collect();
        let sent: HashSet<u64> = ids(&seen, "ids").into_iter().collect();
        assert!(sent.len() >= COUNT, "{script}: {} trades", sent.len());
        let (first, last) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
        let between: HashSet<u64> = kept.iter().filter(|id| (first..=last).contains(id)).copied().collect();
        assert_eq!(sent, between, "{script}");
        if script == "ccxt_client.py" {
            let fetched = ids(&seen, "fetched");
            let newest = fetched.iter().max().unwrap();
            let until = kept.iter().position(|id| id == newest).unwrap() + 1;
            let mut sorted = fetched.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, kept[until.saturating_sub(200)..until], "{script}");
        }
        let markets = seen["markets"].as_array().unwrap();
        assert!(markets.iter().any(|code| code == "KRW-BTC"), "{script}: {markets:?}");
        assert!((5e7..2e8).contains(&seen["price"].as_f64().unwrap()), "{script}: {seen}");
        assert_eq!(seen["bars"], 2, "{script}");
        assert!(seen["levels"].as_u64().unwrap() >= 15, "{script}: {seen}");
    }
}
