//! One HTTP request on one connection, with every limit set.
//!
//! No pool, no redirects, no decompression, no proxy: an alert is rare, and what is not there
//! cannot be abused. The name is resolved once, every address of it is judged, and the connection
//! goes to one that passed; a name that changes its mind between check and use gains nothing.
//!
//! Keeps: [bounded] (time, and bytes of the answer)

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, client::conn::http1, header::HeaderValue};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// To resolve, connect and shake hands.
const CONNECT: Duration = Duration::from_secs(5);

/// For the body of an answer.
const DRAIN: Duration = Duration::from_secs(1);

/// What is read of an answer at most. It is thrown away: a receiver says all it has to say by its
/// status.
const MAX_ANSWER: usize = 64 * 1024;

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) allow_private: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HttpError {
    /// It may be otherwise later.
    Network(String),
    /// The address must not be reached from here.
    Forbidden(IpAddr),
}

/// The trust store of a client, built once.
pub(super) fn tls_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Sends a request and yields the status and the `Retry-After` of its answer.
pub(super) async fn send(
    target: &Target,
    tls: &Arc<ClientConfig>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Option<HeaderValue>), HttpError> {
    let connected = timeout(CONNECT, connect(target)).await;
    let stream = connected.map_err(|_| HttpError::Network("connecting took too long".to_owned()))??;
    if !target.tls {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(target.host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|_| HttpError::Network("the host is no name for TLS".to_owned()))?;
    let shaken = timeout(CONNECT, TlsConnector::from(Arc::clone(tls)).connect(name, stream)).await;
    let stream = shaken
        .map_err(|_| HttpError::Network("the TLS handshake took too long".to_owned()))?
        .map_err(|error| HttpError::Network(format!("TLS: {error}")))?;
    exchange(stream, request).await
}

async fn connect(target: &Target) -> Result<TcpStream, HttpError> {
    let host = target.host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, target.port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|error| HttpError::Network(format!("resolving the host: {error}")))?.collect();
    let mut last = HttpError::Network("the host has no address".to_owned());
    for address in found {
        if !target.allow_private && !is_global(address.ip()) {
            last = HttpError::Forbidden(address.ip());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = HttpError::Network(format!("connecting: {error}")),
        }
    }
    Err(last)
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Option<HeaderValue>), HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let network = |error: hyper::Error| HttpError::Network(error.to_string());
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(network)?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(network)?;
        let answer = (response.status(), response.headers().get(hyper::header::RETRY_AFTER).cloned());
        // The status is the answer: a body that trickles in must not turn it into a failure.
        let _ = timeout(DRAIN, drain(response)).await;
        Ok(answer)
    };
    tokio::pin!(talk);
    // The connection is driven here and dropped with the request: it leaves no task behind.
    tokio::select! {
        biased;
        answer = &mut talk => answer,
        end = connection => match end {
            Ok(()) => talk.await,
            // An answer that came before the connection broke is an answer.
            Err(error) => talk.await.map_err(|_| network(error)),
        },
    }
}

/// Reads what a polite client reads, so that the receiver can finish; the status is known already.
async fn drain(response: Response<Incoming>) {
    let mut body = response.into_body();
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_ANSWER {
            return;
        }
    }
}

/// Whether an address is one of the public network. Private, local, shared, documentation,
/// multicast and reserved ones are not, nor what wraps them in IPv6.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

fn is_global_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !(a == 0
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224)
}

fn is_global_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = segments;
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (s0, s1) {
        // Mapped and the old compatible form.
        (0, 0) if [s2, s3, s4] == [0, 0, 0] && (s5 == 0xffff || s5 == 0) => {
            s5 == 0xffff && is_global_v4(v4(s6, s7))
        }
        // NAT64.
        (0x64, 0xff9b) => [s2, s3, s4, s5] == [0; 4] && is_global_v4(v4(s6, s7)),
        // 6to4.
        (0x2002, _) => is_global_v4(v4(s1, s2)),
        // Teredo, benchmarking, documentation: the special block 2001::/23, and 2001:db8::/32.
        (0x2001, 0..0x200 | 0xdb8) => false,
        // Only 2000::/3 is given out.
        _ => s0 & 0xe000 == 0x2000 && !(s0 == 0x3fff && s1 < 0x1000),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_global() {
        let check = |text: &str, expect: bool| {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(is_global(address), expect, "{text}");
        };
        for public in ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1", "::ffff:1.1.1.1"] {
            check(public, true);
        }
        for local in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "3fff::1",
        ] {
            check(local, false);
        }
    }
}
