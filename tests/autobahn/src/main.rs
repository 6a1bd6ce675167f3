//! The client that the Autobahn test suite tries: connection and session of tradehook's feed.
//!
//! The suite expects an echo and the feed is a reader. So the feed reads, answers pings, refuses
//! and closes as it always does, while its handler hands every message to a stream wrapped around
//! the socket ([`Echo`]), which sends it back between the frames that the feed writes. Nothing of
//! the feed is changed for it; the limit of a message is raised, as the suite sends up to 16 MiB.
//!
//! `tests/autobahn/run.sh` starts it beside the suite's server.

mod echo;

use echo::{Echo, Outbox};
use std::{env, process::ExitCode, time::Duration};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_util::sync::CancellationToken;
use tradehook::feed::{
    self, ConnectError, Connector, FeedConfig, Handler, SessionEvent, SystemClock, Verdict, WsConnector,
};

/// As the reports call it.
const AGENT: &str = "tradehook";
/// A case that takes longer has failed. The longest takes ten seconds.
const CASE: Duration = Duration::from_secs(120);

/// The real connector with an echo around what it opens.
struct Echoing {
    inner: WsConnector,
    outbox: Outbox,
}

impl Connector for Echoing {
    type Stream = Echo<<WsConnector as Connector>::Stream>;

    async fn open(&mut self) -> Result<Self::Stream, ConnectError> {
        Ok(Echo::new(self.inner.open().await?, self.outbox.clone()))
    }

    fn uri(&self) -> &Uri {
        self.inner.uri()
    }
}

/// Hands every message back, or keeps it, and ends with its only session.
struct Testee {
    outbox: Outbox,
    echoes: bool,
    last: Vec<u8>,
    over: CancellationToken,
}

impl Handler for Testee {
    fn subscription(&mut self) -> String {
        String::new()
    }

    fn frame(&mut self, _: i64, payload: &[u8]) -> Verdict {
        if self.echoes {
            self.outbox.echo(payload);
        } else {
            self.last = payload.to_vec();
        }
        Verdict::Continue
    }

    fn session(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Failed { error, .. } => {
                eprintln!("{error}");
                self.over.cancel();
            }
            SessionEvent::Lost { .. } => self.over.cancel(),
            _ => {}
        }
    }
}

/// One session with `url`: the last message that was not echoed.
async fn session(url: &str, echoes: bool) -> Result<Vec<u8>, String> {
    let inner = WsConnector::new(url).map_err(|e| e.to_string())?;
    let (outbox, over) = (Outbox::default(), CancellationToken::new());
    let testee = Testee { outbox: outbox.clone(), echoes, last: Vec::new(), over: over.clone() };
    let config = FeedConfig { max_message: 64 << 20, ..FeedConfig::default() };
    let running = feed::run(config, Echoing { inner, outbox }, testee, SystemClock, over);
    timeout(CASE, running).await.map(|testee| testee.last).map_err(|_| format!("{url}: no end"))
}

async fn suite(server: &str) -> Result<(), String> {
    let count = session(&format!("{server}/getCaseCount"), false).await?;
    let count: u32 = String::from_utf8_lossy(&count)
        .parse()
        .map_err(|_| "the server says no number of cases".to_owned())?;
    for case in 1..=count {
        let url = format!("{server}/runCase?case={case}&agent={AGENT}");
        if let Err(error) = session(&url, true).await {
            // The report shows it as a failure.
            eprintln!("{error}");
        }
    }
    session(&format!("{server}/updateReports?agent={AGENT}"), false).await.map(|_| ())
}

fn main() -> ExitCode {
    let server = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(|e| e.to_string()).and_then(|runtime| runtime.block_on(suite(&server)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
