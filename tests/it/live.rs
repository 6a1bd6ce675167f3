//! The venue itself. Only on request, because it needs the network and a living market.

use super::support::{Folder, number};

#[test]
fn the_live_venue_sends_trades_and_answers_pings() {
    if std::env::var_os("TRADEHOOK_LIVE").is_none_or(|value| value != "1") {
        println!("skipped: set TRADEHOOK_LIVE=1 to speak to wss://api.upbit.com");
        return;
    }
    let folder = Folder::new();
    folder.configure_with(&[("url", "wss://api.upbit.com/websocket/v1")], "[plugins.filter]\n");
    let job = folder.run();
    let port = job.port();
    port.until("a pong", |status| number(status, "/feed/last_pong_ms") > 0);
    let status = port.until("a trade that no snapshot tells", |status| {
        let listed = status["markets"].as_array().map_or(0, Vec::len) as u64;
        number(status, "/intake/trades") > listed && listed > 0
    });
    assert_eq!(number(&status, "/feed/sessions"), 1, "{status}");
    assert_eq!(status["intake"]["invalid"], serde_json::json!({}), "{status}");
    job.terminate().expect(0);
}
