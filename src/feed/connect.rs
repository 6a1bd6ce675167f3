//! From a URL to an open WebSocket, with every limit set.
//!
//! A [`Connector`] yields a stream of bytes ([`WsConnector`](super::WsConnector): TCP with TLS); the
//! handshake is the same for all. It sends no `Origin` (with one, the venue allows one request in ten seconds),
//! offers no extension (so nothing is compressed and nothing can be a bomb), and follows no
//! redirect. Limits of time stand around the whole, in [`run`](super::run).
//!
//! Keeps: [bounded]

use super::{WallClock, meter::Meter, retry};
use std::{fmt, future::Future, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::oneshot,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        http::{Uri, response::Response},
        protocol::WebSocketConfig,
    },
};

/// The library's default of 128 KiB is filled with zeros before each read, which costs more than
/// the read.
const READ_BUFFER: usize = 16 << 10;
/// What may wait to be written: pings, pongs, and a subscription of 855 markets (10 KiB).
const MAX_WRITE_BUFFER: usize = 64 << 10;
/// How much of a refusal's body is kept, and how long it is waited for.
const BODY_SNIPPET: usize = 256;
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Where byte streams to the venue come from.
pub trait Connector: Send {
    /// The stream: bytes of the WebSocket protocol, with TLS already taken off.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// Opens one. Called anew for each attempt, so that nothing of the last is trusted.
    fn open(&mut self) -> impl Future<Output = Result<Self::Stream, ConnectError>> + Send;

    /// What is asked for on it: `ws://` or `wss://`, the host, and the path.
    fn uri(&self) -> &Uri;
}

/// Why a connect failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The URL is none that can be connected to.
    Url(String),
    /// The name was not resolved.
    Name(String),
    /// No address accepted.
    Tcp(String),
    /// TLS failed: certificate, version, or the other side is no TLS at all.
    Tls(String),
    /// It took longer than `connect_timeout` in all.
    Timeout,
    /// The answer was not 101.
    Status {
        /// The HTTP status.
        status: u16,
        /// How long the venue says to wait, in `Retry-After` or in the body.
        retry_after: Option<Duration>,
        /// The start of the body, at most 256 bytes.
        body: String,
    },
    /// The answer was no WebSocket handshake.
    Handshake(String),
}

impl ConnectError {
    /// A short name for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Name(_) => "name",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Timeout => "timeout",
            Self::Status { status: 418, .. } => "banned",
            Self::Status { status: 429, .. } => "rate_limited",
            Self::Status { .. } => "status",
            Self::Handshake(_) => "handshake",
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(what) => write!(f, "cannot connect to such a URL: {what}"),
            Self::Name(what) => write!(f, "the venue's name was not resolved: {what}"),
            Self::Tcp(what) => write!(f, "no connection to the venue: {what}"),
            Self::Tls(what) => write!(f, "no secure connection to the venue: {what}"),
            Self::Timeout => f.write_str("the venue took too long to accept the connection"),
            Self::Status { status, body, .. } => write!(f, "the venue answered {status}: {body:?}"),
            Self::Handshake(what) => write!(f, "the venue's handshake failed: {what}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// An open connection.
pub(super) type Socket<S> = WebSocketStream<Meter<S>>;

/// Opens a stream and performs the handshake on it.
pub(super) async fn establish<C: Connector>(
    connector: &mut C,
    max_message: usize,
    clock: &impl WallClock,
) -> Result<Socket<C::Stream>, ConnectError> {
    let stream = connector.open().await?;
    let request = connector.uri().into_client_request().map_err(|e| ConnectError::Url(e.to_string()))?;
    let (meter, handed_back) = Meter::new(stream);
    match client_async_with_config(request, meter, Some(limits(max_message))).await {
        // The library leaves this check to its caller.
        Ok((_, response)) if response.headers().contains_key("sec-websocket-extensions") => {
            Err(ConnectError::Handshake("it uses an extension that was not offered".to_owned()))
        }
        Ok((mut socket, _)) => {
            socket.get_mut().keep();
            Ok(socket)
        }
        Err(tungstenite::Error::Http(response)) => Err(refusal(&response, handed_back, clock).await),
        Err(tungstenite::Error::Io(e)) => Err(ConnectError::Tcp(e.to_string())),
        Err(e) => Err(ConnectError::Handshake(e.to_string())),
    }
}

/// Every limit of the WebSocket library, none at its default.
fn limits(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .accept_unmasked_frames(false)
}

/// An answer other than 101, with so much of its body as comes at once.
async fn refusal<S: AsyncRead + Unpin>(
    response: &Response<Option<Vec<u8>>>,
    handed_back: oneshot::Receiver<S>,
    clock: &impl WallClock,
) -> ConnectError {
    let mut body = response.body().clone().unwrap_or_default();
    let length = response.headers().get("content-length").and_then(|v| v.to_str().ok()?.trim().parse().ok());
    let wanted = length.unwrap_or(BODY_SNIPPET).min(BODY_SNIPPET);
    if let (Ok(stream), Some(more)) = (handed_back.await, wanted.checked_sub(body.len())) {
        // What does not come, or breaks off, is done without.
        let mut rest = stream.take(more as u64);
        let _ = timeout(BODY_TIMEOUT, rest.read_to_end(&mut body)).await;
    }
    body.truncate(BODY_SNIPPET);
    let body = String::from_utf8_lossy(&body).into_owned();
    let retry_after = retry::asked(response.headers(), &body, clock.now_ms());
    ConnectError::Status { status: response.status().as_u16(), retry_after, body }
}
