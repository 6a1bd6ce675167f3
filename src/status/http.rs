//! The status port: `/healthz`, `/readyz`, `/metrics` and `/status` over HTTP/1.1, loopback only.
//!
//! Answers are made from snapshots and change nothing. A web page in the operator's browser can
//! reach loopback, too: a request whose `Host` is not a loopback name is refused, so that a name
//! that was rebound to 127.0.0.1 reads nothing here. One request per connection, a limit on
//! connections, on the time of each and on the size of a request.
//!
//! Keeps: [bounded]

use super::{Status, metrics::open_metrics};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use serde::Serialize;
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// How long a client may take to send its headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last in all: a reader that does not read is let go.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);
/// How many connections are served at a time; more wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 64;
/// How large the head of a request may be; hyper's least is 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long to let be after `accept` failed: it fails while the process is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the status port cannot be served.
#[derive(Debug)]
pub enum StatusError {
    /// The address is reachable from elsewhere.
    NotLoopback(SocketAddr),
    /// The listener is broken.
    Listener(io::Error),
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(addr) => write!(
                f,
                "the status port is for this machine only and {addr} is not a loopback address; \
                 put a proxy before it to read it from elsewhere"
            ),
            Self::Listener(error) => write!(f, "the status port cannot be served: {error}"),
        }
    }
}

impl std::error::Error for StatusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotLoopback(_) => None,
            Self::Listener(error) => Some(error),
        }
    }
}

/// Serves until `shutdown` resolves. Requests under way are dropped then: they can be repeated.
///
/// # Errors
/// When `listener` is not bound to a loopback address.
pub async fn serve(
    listener: TcpListener,
    status: Status,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StatusError> {
    let addr = listener.local_addr().map_err(StatusError::Listener)?;
    if !addr.ip().is_loopback() {
        return Err(StatusError::NotLoopback(addr));
    }
    let router = router(status);
    let mut connections = tokio::task::JoinSet::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    tokio::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut shutdown => return Ok(()),
            Some(_ended) = connections.join_next() => continue,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    let _place = place;
                    converse(stream, router).await;
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One connection, one request. A client that misbehaves is its own loss: nothing to report.
async fn converse(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _outcome = timeout(CONNECTION_TIMEOUT, connection).await;
}

fn router(status: Status) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(snapshot))
        .fallback(not_found)
        .layer(middleware::from_fn(guard))
        .with_state(status)
}

async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = if host.is_some_and(is_loopback_host) {
        next.run(request).await
    } else {
        text(StatusCode::MISDIRECTED_REQUEST, "this port answers to localhost, 127.0.0.1 and [::1]\n")
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a `Host` header names this machine, with or without a port.
fn is_loopback_host(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        let Some((start, rest)) = host.split_at_checked(name.len()) else { return false };
        let port_is_fine = match rest.strip_prefix(':') {
            Some(port) => port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok(),
            None => rest.is_empty(),
        };
        start.eq_ignore_ascii_case(name) && port_is_fine
    })
}

async fn healthz(State(status): State<Status>) -> Response {
    let health = status.health();
    json(if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health)
}

async fn readyz(State(status): State<Status>) -> Response {
    let readiness = status.readiness();
    json(if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &readiness)
}

async fn metrics(State(status): State<Status>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match open_metrics(status.snapshot()) {
        Ok(body) => respond(StatusCode::OK, OPEN_METRICS, body),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n"),
    }
}

async fn snapshot(State(status): State<Status>) -> Response {
    json(StatusCode::OK, &status.snapshot())
}

async fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "here are /healthz, /readyz, /metrics and /status\n")
}

fn json(code: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(body) => respond(code, "application/json", body + "\n"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn text(code: StatusCode, body: impl Into<String>) -> Response {
    respond(code, "text/plain; charset=utf-8", body.into())
}

fn respond(code: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::PluginState;
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinHandle,
    };
    use tokio_util::sync::CancellationToken;

    struct Port {
        addr: SocketAddr,
        status: Status,
        shutdown: CancellationToken,
        task: JoinHandle<Result<(), StatusError>>,
    }

    async fn start() -> Port {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let status = Status::new("wss://venue", || 1_700_000_000_000);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(serve(listener, status.clone(), shutdown.clone().cancelled_owned()));
        Port { addr, status, shutdown, task }
    }

    impl Port {
        /// Everything the server says to these bytes.
        async fn say(&self, request: &str) -> String {
            let mut stream = TcpStream::connect(self.addr).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }

        async fn get(&self, path: &str) -> (u16, String) {
            let answer = self.say(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
            assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
        }
    }

    #[tokio::test]
    async fn the_paths_answer_what_the_status_says() {
        let port = start().await;
        assert_eq!(port.get("/healthz").await, (200, "{\"healthy\":true,\"reasons\":[]}\n".into()));
        let (code, body) = port.get("/readyz").await;
        assert_eq!((code, body.contains("\"feed: idle\"")), (503, true), "{body}");

        port.status.feed().live(1);
        port.status.plugin("alert").set_state(PluginState::Running);
        assert_eq!(port.get("/readyz").await.0, 200);
        port.status.plugin("alert").set_state(PluginState::Quarantined { until_ms: 5 });
        assert_eq!(port.get("/readyz").await.0, 503);

        let (code, body) = port.get("/status").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((code, &body["plugins"][0]["state"]), (200, &"quarantined".into()));
        assert_eq!(body["feed"]["state"], "live");

        let (code, body) = port.get("/metrics").await;
        assert!(code == 200 && body.ends_with("# EOF\n"), "{body}");
        assert_eq!(port.get("/").await.0, 404);
    }

    #[tokio::test]
    async fn a_loop_that_stands_still_fails_the_health_check() {
        let port = start().await;
        let _heart = port.status.heart("feed", Duration::ZERO);
        // A heart with no allowance is late as soon as the clock has moved by a millisecond.
        let silent = async {
            while port.status.health().healthy {
                tokio::task::yield_now().await;
            }
        };
        silent.await;
        let (code, body) = port.get("/healthz").await;
        assert_eq!((code, body.contains("feed has not turned")), (503, true), "{body}");
    }

    #[test]
    fn only_names_of_this_machine_are_hosts() {
        let check = |host, expect| assert_eq!(is_loopback_host(host), expect, "{host}");
        check("localhost", true);
        check("LOCALHOST:9464", true);
        check("127.0.0.1:1", true);
        check("[::1]:65535", true);
        check("[::1]", true);
        check("", false);
        check("localhost:", false);
        check("localhost:65536", false);
        check("localhost:+80", false);
        check("localhost.evil.example", false);
        check("127.0.0.1.evil.example:80", false);
        check("evil.example:80", false);
        check("::1", false);
    }

    #[tokio::test]
    async fn a_page_that_rebound_its_name_reads_nothing() {
        let port = start().await;
        let check = async |request: &str, code: &str| {
            let answer = port.say(request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{request:?}: {answer}");
            assert!(!answer.contains("wss://venue"), "{answer}");
        };
        check("GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421").await;
        check("GET /status HTTP/1.1\r\n\r\n", "421").await;
        check("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405").await;
        check("nonsense\r\n\r\n", "400").await;
    }

    /// Proves [bounded] for the size of a request.
    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let port = start().await;
        let mut stream = TcpStream::connect(port.addr).await.unwrap();
        let filler = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(4 * MAX_HEAD_BYTES));
        // The server may close before it has read everything: then writing fails, and that is fine.
        let _written = stream.write_all(filler.as_bytes()).await;
        let mut answer = Vec::new();
        let _read = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert_eq!(port.get("/healthz").await.0, 200);
    }

    /// Proves [bounded] for the time a connection may take: hung clients fill every place, and a
    /// probe is served once they are let go.
    #[tokio::test(start_paused = true)]
    async fn clients_that_say_nothing_are_let_go() {
        let port = start().await;
        let mut hung = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            hung.push(TcpStream::connect(port.addr).await.unwrap());
        }
        let (code, _) = port.get("/healthz").await;
        assert_eq!(code, 200);
        for mut stream in hung {
            let mut rest = Vec::new();
            let _ended = stream.read_to_end(&mut rest).await;
        }
    }

    #[tokio::test]
    async fn it_ends_when_told_and_serves_only_this_machine() {
        let port = start().await;
        port.shutdown.cancel();
        assert!(port.task.await.unwrap().is_ok());

        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let refused = serve(listener, port.status, std::future::pending()).await.unwrap_err();
        assert!(refused.to_string().contains("is not a loopback address"), "{refused}");
    }
}
