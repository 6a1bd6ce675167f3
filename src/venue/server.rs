//! The server: connections, HTTP, and the upgrade to a session.
//!
//! One listener for REST and the WebSocket, as one host serves both at the venue. Any byte stream
//! can be served, so that tests need no port.
//!
//! Keeps: [bounded]

use super::{
    FaultHandle,
    fault::{BadUpgrade, Script},
    hub::Hub,
    limit::Group,
    line::{Line, Reset, Stream},
    rest::{self, Answer},
    session, wire,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::Semaphore};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Where sessions begin.
pub(super) const WEBSOCKET_PATH: &str = "/websocket/v1";
/// Where faults can be sent to.
const FAULT_PATH: &str = "/fault";
/// The longest script that may be sent.
const MAX_SCRIPT: usize = 256 * 1024;
/// Connections at one time; more are closed at once. Chosen, not measured.
const MAX_CONNECTIONS: usize = 1_024;
/// Before accepting is tried again after a failure (too many open files, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) hub: Arc<Hub>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// One of the headers of an upgrade that has too many: 8 KiB.
const FILLER: &str = {
    const BYTES: [u8; 8_192] = [b'x'; 8_192];
    match std::str::from_utf8(&BYTES) {
        Ok(text) => text,
        Err(_) => "",
    }
};

impl Server {
    /// Accepts until it is stopped.
    pub(super) async fn accept(self, listener: TcpListener) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Some(accepted) = self.stop.run_until_cancelled(listener.accept()).await else { return };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            // Without it small frames wait for each other; failing, it only costs latency.
            let _ = stream.set_nodelay(true);
            let server = self.clone();
            self.tasks.spawn(async move {
                server.serve(stream).await;
                drop(place);
            });
        }
    }

    /// Serves HTTP on one stream; an upgrade goes on in a task of its own.
    pub(super) async fn serve<S: Stream>(&self, mut io: S) {
        let faults = &self.hub.faults;
        if faults.refuses_connections() {
            return io.reset_on_end();
        }
        if faults.silences_connections() {
            let unheard = async { while matches!(io.read(&mut [0; 1024]).await, Ok(1..)) {} };
            return self.stop.run_until_cancelled(unheard).await.unwrap_or_default();
        }
        let reset = Reset::default();
        let line = Line::new(io, reset.clone(), faults.trickle());
        let service = service_fn(|request| {
            let response = self.respond(request, &reset);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(line), service)
            .with_upgrades();
        // A client that breaks off or speaks no HTTP is no concern of the venue's.
        let _ = self.stop.run_until_cancelled(connection).await;
    }

    async fn respond(&self, mut request: Request<Incoming>, reset: &Reset) -> Response<Full<Bytes>> {
        let group_at_origin = request.headers().contains_key(header::ORIGIN);
        if group_at_origin && let Err(refused) = self.hub.take(Group::Origin) {
            return self.plain(rest::refused(Group::Origin, refused));
        }
        if request.uri().path() == WEBSOCKET_PATH {
            return self.upgrade(&mut request, group_at_origin, reset);
        }
        if request.uri().path() == FAULT_PATH && request.method() == Method::POST {
            return self.plain(self.told(request).await);
        }
        match self.hub.faults.rest_delay() {
            Some(Duration::ZERO) => {}
            Some(delay) => tokio::time::sleep(delay).await,
            None => std::future::pending().await,
        }
        let mut answer = if request.method() == Method::GET {
            rest::answer(&self.hub, request.uri().path(), request.uri().query().unwrap_or(""))
        } else {
            rest::answer(&self.hub, "", "")
        };
        if group_at_origin {
            answer.remaining = Some(Group::Origin.header(0));
        }
        self.plain(answer)
    }

    fn upgrade(&self, request: &mut Request<Incoming>, origin: bool, reset: &Reset) -> Response<Full<Bytes>> {
        if let Some(refusal) = self.hub.faults.upgrade_refusal() {
            return self.plain(Answer::of(refusal));
        }
        let left = match self.hub.take(Group::Connect) {
            Ok(left) => left,
            Err(refused) => return self.plain(rest::refused(Group::Connect, refused)),
        };
        let Some(accept) = accept_key(request.headers()) else {
            return self.plain(Answer::new(400, "Can \"Upgrade\" only to \"WebSocket\"."));
        };
        let upgrade = hyper::upgrade::on(request);
        let (hub, stop, reset) = (Arc::clone(&self.hub), self.stop.clone(), reset.clone());
        self.tasks.spawn(async move {
            let session = async {
                // Failing, the client left between its request and the answer.
                if let Ok(upgraded) = upgrade.await {
                    session::serve(TokioIo::new(upgraded), hub, reset).await;
                }
            };
            stop.run_until_cancelled(session).await;
        });
        let group = if origin { Group::Origin } else { Group::Connect };
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        put(headers, "sec-websocket-accept", &accept);
        put(headers, "remaining-req", &group.header(left.min(3)));
        put(headers, "limit-by-ip", "Yes");
        put(headers, "date", &self.date());
        match self.hub.faults.bad_upgrade() {
            Some(BadUpgrade::WrongAccept) => put(headers, "sec-websocket-accept", &derive_accept_key(b"")),
            Some(BadUpgrade::Extension) => put(headers, "sec-websocket-extensions", "permessage-deflate"),
            Some(BadUpgrade::ManyHeaders) => (0..128).for_each(|_| {
                headers.append("x-filler", HeaderValue::from_static(FILLER));
            }),
            None => {}
        }
        response
    }

    /// Runs a script that somebody sends.
    async fn told(&self, request: Request<Incoming>) -> Answer {
        let body = match Limited::new(request.into_body(), MAX_SCRIPT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(why) => return Answer::new(400, format!("the script cannot be read: {why}\n")),
        };
        match String::from_utf8_lossy(&body).parse::<Script>() {
            Ok(script) => {
                let answer = format!("{} faults are set, each at its time from now\n", script.steps().len());
                self.run_script(script);
                Answer::new(200, answer)
            }
            Err(why) => Answer::new(400, format!("{why}\n")),
        }
    }

    /// Sets each fault at its time from now, until the venue ends.
    pub(super) fn run_script(&self, script: Script) {
        let (faults, stop) = (FaultHandle(Arc::clone(&self.hub)), self.stop.clone());
        self.tasks.spawn(async move { stop.run_until_cancelled(faults.play(script)).await });
    }

    /// A response with what every one carries.
    fn plain(&self, answer: Answer) -> Response<Full<Bytes>> {
        let json = answer.body.starts_with(['{', '[']);
        let mut response = Response::new(Full::from(answer.body));
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = if json { "application/json;charset=UTF-8" } else { "text/plain;charset=UTF-8" };
        let headers = response.headers_mut();
        put(headers, "content-type", kind);
        put(headers, "cache-control", "no-cache, no-store, max-age=0, must-revalidate");
        put(headers, "date", &self.date());
        if let Some(remaining) = answer.remaining {
            put(headers, "remaining-req", &remaining);
            put(headers, "limit-by-ip", "Yes");
        }
        for (name, value) in answer.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        response
    }

    /// The venue's clock, as HTTP spells it.
    fn date(&self) -> String {
        wire::http_date(self.hub.now_ms() + self.hub.faults.date_error_ms())
    }
}

/// The proof that this is a WebSocket server, if the request is for one.
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let upgrade = headers.get(header::UPGRADE)?.to_str().ok()?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    upgrade.eq_ignore_ascii_case("websocket").then(|| derive_accept_key(key.as_bytes()))
}

/// Sets a header; every value here is ASCII of our own.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
