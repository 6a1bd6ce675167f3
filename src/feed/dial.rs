//! The real connector: a name, TCP, and TLS by rustls with the Mozilla roots.
//!
//! The name is looked up at every attempt and the addresses race, so that neither an address that
//! is gone nor one that is dead costs the connect. Where a certificate is not right the connect
//! fails and says what is wrong with it; there is no way back to plain text.
//!
//! Names and TCP come from a [`Net`], which is the machine's; in tests one in memory, with a trust
//! store of their own. The program can neither change the roots nor skip the check.
//!
//! Keeps: [bounded]

use super::connect::{ConnectError, Connector};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rustls::{AlertDescription, CertificateError, RootCertStore, pki_types::ServerName};
use std::{fmt, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::sleep,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::http::Uri;

/// When the next address is tried although the last has not failed (RFC 8305).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// How many addresses of one name are tried. Chosen: the venue has four.
const MOST_ADDRESSES: usize = 16;

/// A stream with or without TLS.
pub trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// What a connect needs of the machine.
pub(super) trait Net: Send + Sync {
    /// An open TCP connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The addresses of a name. Called at every attempt; nothing is remembered.
    fn lookup(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to one of them.
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The machine's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Net for Machine {
    type Stream = TcpStream;

    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // A ping must not wait for other data; the venue's frames are small anyway.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Connects to a URL of the venue.
#[derive(Clone)]
pub struct WsConnector<N = Machine> {
    uri: Uri,
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    net: N,
}

impl<N> fmt::Debug for WsConnector<N> {
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
        Self::over(Machine, url, RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }
}

impl<N> WsConnector<N> {
    /// The name of the venue that it connects to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same over another net, with other roots.
    pub(super) fn over(net: N, url: &str, roots: RootCertStore) -> Result<Self, ConnectError> {
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
        let tls = if secure { Some(tls(roots)?) } else { None };
        Ok(Self { uri, host, port, tls, net })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The ring provider is named, so that no other part of the process can choose another.
fn tls(roots: RootCertStore) -> Result<TlsConnector, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| ConnectError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl<N: Net> Connector for WsConnector<N> {
    type Stream = Box<dyn Bytes>;

    async fn open(&mut self) -> Result<Box<dyn Bytes>, ConnectError> {
        let addresses = self.net.lookup(&self.host, self.port).await;
        let addresses = addresses.map_err(|e| ConnectError::Name(e.to_string()))?;
        let tcp = first_of(&self.net, addresses).await.map_err(|e| ConnectError::Tcp(e.to_string()))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.host.clone()).map_err(|e| ConnectError::Url(e.to_string()))?;
        let stream = tls.connect(name, tcp).await.map_err(|e| ConnectError::Tls(refusal(&e)))?;
        Ok(Box::new(stream))
    }

    fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// What is wrong, in words for whoever has to mend it, and in the library's.
fn refusal(error: &io::Error) -> String {
    use CertificateError as Bad;
    use rustls::Error;
    let Some(tls) = error.get_ref().and_then(|e| e.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "it hung up during the handshake".to_owned(),
            _ => error.to_string(),
        };
    };
    let what = match tls {
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => "its certificate has expired",
        Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "its certificate is not valid yet; is this machine's clock right?"
        }
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "its certificate is for another name"
        }
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "its certificate is signed by nobody who is trusted, perhaps by itself"
        }
        Error::InvalidCertificate(Bad::BadSignature) => "its certificate is not signed by whom it names",
        Error::InvalidCertificate(_) => "its certificate is not right",
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "it speaks neither TLS 1.2 nor 1.3"
        }
        Error::InvalidMessage(_) => "it does not speak TLS",
        _ => "the handshake failed",
    };
    format!("{what} ({tls})")
}

/// Connects to whichever address accepts first, the families taking turns: a dead one costs 250 ms
/// and not the connect.
async fn first_of<N: Net>(net: &N, addresses: Vec<SocketAddr>) -> io::Result<N::Stream> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let most = six.len().max(four.len());
    let turns = (0..most).flat_map(|i| [six.get(i).copied(), four.get(i).copied()]).flatten();
    let mut waiting = turns.take(MOST_ADDRESSES).collect::<Vec<_>>().into_iter();
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut attempts = FuturesUnordered::new();
    loop {
        attempts.extend(waiting.next().map(|address| net.connect(address)));
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
    use tokio::io::AsyncReadExt;

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
        let connected = first_of(&Machine, vec![dead, alive]).await.and_then(|stream| stream.peer_addr());
        assert_eq!(connected.ok(), Some(alive));
        assert!(first_of(&Machine, vec![dead]).await.is_err() && first_of(&Machine, vec![]).await.is_err());
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
