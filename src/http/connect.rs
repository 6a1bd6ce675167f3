//! From a host's name to an open stream.
//!
//! Keeps: [bounded]

use super::{HttpError, is_global};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// To resolve and connect, and again to shake hands.
const CONNECT: Duration = Duration::from_secs(5);
/// For one address of several: a dead one must not cost the others their time.
const ONE_ADDRESS: Duration = Duration::from_secs(2);

/// A stream of bytes with TLS already taken off.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What TLS is spoken with; shared by all connections of a client.
pub type Tls = Arc<ClientConfig>;

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// A name or an address; IPv6 with or without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether private, local and reserved addresses may be reached.
    pub allow_private: bool,
}

/// The trust store of a client, built once: the Mozilla roots, and ring.
///
/// # Errors
/// When the provider supports no version of TLS that is wanted.
pub fn tls_config() -> Result<Tls, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

impl Target {
    /// Resolves, connects, and shakes hands where TLS is spoken.
    ///
    /// # Errors
    /// When no address can be reached, or none may be.
    pub async fn open(&self, tls: &Tls) -> Result<Box<dyn Stream>, HttpError> {
        let connected = timeout(CONNECT, self.connect()).await;
        let stream = connected.map_err(|_| HttpError::Network("connecting took too long".to_owned()))??;
        if !self.tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(self.host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| HttpError::Network("the host is no name for TLS".to_owned()))?;
        let shaken = timeout(CONNECT, TlsConnector::from(Arc::clone(tls)).connect(name, stream)).await;
        let stream = shaken
            .map_err(|_| HttpError::Network("the TLS handshake took too long".to_owned()))?
            .map_err(|error| HttpError::Network(format!("TLS: {error}")))?;
        Ok(Box::new(stream))
    }

    async fn connect(&self) -> Result<TcpStream, HttpError> {
        let host = self.host.trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((host, self.port)).await;
        let found: Vec<SocketAddr> =
            found.map_err(|error| HttpError::Network(format!("resolving the host: {error}")))?.collect();
        let mut last = HttpError::Network("the host has no address".to_owned());
        for address in found {
            if !self.allow_private && !is_global(address.ip()) {
                last = HttpError::Forbidden(address.ip());
                continue;
            }
            match timeout(ONE_ADDRESS, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are small and waited for; failing, it only costs latency.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = HttpError::Network(format!("connecting: {error}")),
                Err(_) => last = HttpError::Network("connecting took too long".to_owned()),
            }
        }
        Err(last)
    }
}
