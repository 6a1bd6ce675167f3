//! Faults of the connection, met by the whole program: it comes back, and says what it missed.

use std::time::Duration;

use serde_json::Value;
use tradehook::{
    entry::{Entry, GapCause},
    venue::{Fault, Refusal, VenueConfig},
};

use super::support::{Folder, Port, StandIn, number, until};

/// Sessions that were lost or refused for `cause`.
fn losses(status: &Value, cause: &str) -> u64 {
    number(status, &format!("/feed/losses/{cause}"))
}

/// Trades flow in a session that is not the first `sessions`.
fn recovers(port: Port, sessions: u64) -> u64 {
    let status = port.until("another session", |s| number(s, "/feed/sessions") > sessions);
    port.has_trades(number(&status, "/intake/trades") + 20);
    number(&port.status(), "/feed/sessions")
}

/// Proves [loss-is-said].
#[test]
fn every_loss_of_the_connection_is_a_gap_and_the_trades_flow_again() {
    let config = VenueConfig { trades_per_second: Some(50.0), ..VenueConfig::default() };
    let (stand_in, folder) = (StandIn::start(config), Folder::new());
    let venue = &stand_in.venue;
    let feed = [
        ("url", venue.ws_url()),
        ("pong_timeout", "3s".to_owned()),
        ("backoff_min", "100ms".to_owned()),
        ("backoff_max", "1s".to_owned()),
    ];
    let feed: Vec<(&str, &str)> = feed.iter().map(|(key, value)| (*key, value.as_str())).collect();
    folder.configure_with(&feed, "[plugins.filter]\n");
    let job = folder.run();
    let port = job.port();
    port.has_trades(20);

    venue.set_fault(Fault::Drop);
    let sessions = recovers(port, 1);

    venue.set_fault(Fault::MutePongs);
    let status = port.until("a session without pongs given up", |s| losses(s, "pong_timeout") > 0);
    assert!(number(&status, "/feed/last_frame_ms") > 0, "{status}");
    venue.clear_faults();
    let mut sessions = recovers(port, sessions);

    let lasting = Duration::from_secs(4);
    for (refusal, cause) in
        [(Refusal::unavailable(lasting), "status"), (Refusal::too_many(lasting), "rate_limited")]
    {
        let before = losses(&port.status(), cause);
        venue.set_fault(Fault::RefuseUpgrades(refusal));
        venue.set_fault(Fault::Drop);
        until("the feed's reason for not being ready", || {
            port.get("/readyz").filter(|(code, why)| *code == 503 && why.contains("feed: "))
        });
        assert_eq!(port.get("/healthz").map(|(code, _)| code), Some(200), "it is alive, and tries again");
        port.until(cause, |s| losses(s, cause) > before);
        sessions = recovers(port, sessions);
    }

    let status = port.until("the last repair", |s| number(s, "/intake/splice/repairing") == 0);
    let said = number(&status, "/intake/gaps/filled/session_lost");
    let (_, metrics) = port.get("/metrics").unwrap();
    let line = format!("tradehook_gaps_total{{filled=\"true\",cause=\"session_lost\"}} {said}");
    assert!(metrics.contains(&line), "no {line:?} in\n{metrics}");
    assert_eq!(status["intake"]["gaps"]["open"], serde_json::json!({}), "everything was fetched: {status}");
    job.terminate().expect(0);

    let (_, entries) = folder.tape();
    let gaps: Vec<_> =
        entries.iter().filter_map(|e| if let Entry::Gap(gap) = e { Some(gap) } else { None }).collect();
    let lost = number(&status, "/feed/sessions") - 1;
    assert!(gaps.len() as u64 >= lost && said >= lost, "a gap at least for each lost session: {gaps:?}");
    for gap in gaps {
        assert!(gap.cause == GapCause::SessionLost && gap.from_ms <= gap.to_ms && gap.filled, "{gap:?}");
    }
}
