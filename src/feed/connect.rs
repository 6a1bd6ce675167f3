//! From a URL to an open WebSocket, with every limit set.
//!
//! A [`Connector`] yields a stream of bytes (TCP with TLS; memory in tests); the handshake is the
//! same for all. It sends no `Origin` (with one, the venue allows one request in ten seconds),
//! offers no extension (so nothing is compressed and nothing can be a bomb), and follows no
//! redirect. Limits of time stand around the whole, in [`run`](super::run).
//!
//! Keeps: [bounded]

use super::meter::Meter;
use crate::refusal::time_in;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::{TcpStream, lookup_host},
    sync::oneshot,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;
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
/// When the next address is tried although the last has not failed (RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

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
        Err(tungstenite::Error::Http(response)) => Err(refusal(&response, handed_back).await),
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
    let header = response.headers().get("retry-after").and_then(|v| v.to_str().ok());
    let retry_after = header.and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
    ConnectError::Status {
        status: response.status().as_u16(),
        retry_after: retry_after.or_else(|| time_in(&body)),
        body,
    }
}

/// The real one: a name, TCP, and TLS by rustls with the Mozilla roots.
#[derive(Clone)]
pub struct WsConnector {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for WsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConnector").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl WsConnector {
    /// For a `wss://` URL; `ws://` is taken for this machine alone (`localhost`, `127.*`, `::1`),
    /// where the stand-in venue is.
    ///
    /// # Errors
    /// [`ConnectError::Url`] for anything else, [`ConnectError::Tls`] if TLS cannot be set up.
    pub fn new(url: &str) -> Result<Self, ConnectError> {
        let uri: Uri = url.parse().map_err(|e| ConnectError::Url(format!("{e}")))?;
        let host = uri.host().map(|h| h.trim_matches(['[', ']']).to_owned()).unwrap_or_default();
        let secure = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") if is_this_machine(&host) => false,
            Some("ws") => return Err(ConnectError::Url("ws:// is for this machine alone".to_owned())),
            _ => return Err(ConnectError::Url("it has to begin with wss://".to_owned())),
        };
        if host.is_empty() {
            return Err(ConnectError::Url("it names no host".to_owned()));
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = if secure { Some(tls()?) } else { None };
        Ok(Self { uri, host, port, tls })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The ring provider is named, so that no other part of the process can choose another.
fn tls() -> Result<TlsConnector, ConnectError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| ConnectError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A stream with or without TLS.
pub trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

impl Connector for WsConnector {
    type Stream = Box<dyn Bytes>;

    async fn open(&mut self) -> Result<Box<dyn Bytes>, ConnectError> {
        let addresses = lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = addresses.map_err(|e| ConnectError::Name(e.to_string()))?.collect();
        let tcp = first_of(addresses).await.map_err(|e| ConnectError::Tcp(e.to_string()))?;
        // A ping must not wait for other data; the venue's frames are small anyway.
        tcp.set_nodelay(true).map_err(|e| ConnectError::Tcp(e.to_string()))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = rustls::pki_types::ServerName::try_from(self.host.clone())
            .map_err(|e| ConnectError::Url(e.to_string()))?;
        let stream = tls.connect(name, tcp).await.map_err(|e| ConnectError::Tls(e.to_string()))?;
        Ok(Box::new(stream))
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// Connects to whichever address accepts first, the families taking turns: a dead one costs 250 ms
/// and not the connect.
async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let most = six.len().max(four.len());
    let turns = (0..most).flat_map(|i| [six.get(i).copied(), four.get(i).copied()]).flatten();
    let mut waiting = turns.collect::<Vec<_>>().into_iter();
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut attempts = FuturesUnordered::new();
    loop {
        attempts.extend(waiting.next().map(TcpStream::connect));
        tokio::select! {
            Some(result) = attempts.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            },
            () = sleep(NEXT_ADDRESS), if waiting.len() > 0 => {}
            else => return Err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        let check = |url, expect: bool| assert_eq!(WsConnector::new(url).is_ok(), expect, "{url}");
        check("wss://api.upbit.com/websocket/v1", true);
        check("ws://127.0.0.1:9001/websocket/v1", true);
        check("ws://[::1]:9001/", true);
        check("ws://localhost/", true);
        check("ws://api.upbit.com/websocket/v1", false);
        check("ws://127.0.0.1.example.com/", false);
        check("https://api.upbit.com/", false);
        check("api.upbit.com", false);
        check("wss:///x", false);
        check("", false);
    }

    #[tokio::test]
    async fn a_dead_address_does_not_cost_the_connect() {
        let bind = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| Ok((l.local_addr()?, l)));
        let (Ok((dead, gone)), Ok((alive, _listener))) = (bind(), bind()) else { panic!("no loopback") };
        drop(gone);
        let connected = first_of(vec![dead, alive]).await.and_then(|stream| stream.peer_addr());
        assert_eq!(connected.ok(), Some(alive));
        assert!(first_of(vec![dead]).await.is_err() && first_of(vec![]).await.is_err());
    }

    /// A venue that answers in plain text is not spoken to in plain text.
    #[tokio::test]
    async fn there_is_no_way_back_from_tls() {
        let Ok(listener) = tokio::net::TcpListener::bind("127.0.0.1:0").await else { panic!("no loopback") };
        let url = listener.local_addr().map(|address| format!("wss://{address}/")).unwrap_or_default();
        let venue = async {
            let (mut tcp, _) = listener.accept().await?;
            tokio::io::AsyncWriteExt::write_all(&mut tcp, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
                .await?;
            let mut said = [0];
            tcp.read_exact(&mut said).await.map(|_| said)
        };
        let client = async { WsConnector::new(&url)?.open().await.map(|_| ()) };
        let (said, opened) = tokio::join!(venue, client);
        assert_eq!(said.ok(), Some([22]), "the first byte of a TLS handshake");
        assert!(matches!(opened, Err(ConnectError::Tls(_))), "{opened:?}");
    }
}
