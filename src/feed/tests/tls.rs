//! Certificates and handshakes that are wrong in one way each. All fail closed, with the reason.

use super::{
    net::{Name, TestNet},
    peer::BINARY,
    *,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{RootCertStore, ServerConfig, pki_types::PrivateKeyDer};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

const HOST: &str = "venue.test";
const URL: &str = "wss://venue.test/websocket/v1";
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// Somebody who signs certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: RootCertStore,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        Self { issuer: Issuer::new(params, key), roots }
    }

    /// A trust store with this one alone.
    pub(super) fn roots(&self) -> RootCertStore {
        self.roots.clone()
    }

    /// A server with a certificate for `host` that is valid within `years`.
    pub(super) fn server(&self, host: &str, years: (i32, i32)) -> TlsAcceptor {
        let (params, key) = (leaf(host, years), KeyPair::generate().unwrap());
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        acceptor(&cert, &key)
    }
}

fn leaf(host: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params
}

fn self_signed() -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    acceptor(&leaf(HOST, (2020, 2090)).self_signed(&key).unwrap(), &key)
}

fn acceptor(cert: &rcgen::Certificate, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn start_trusting(authority: &Authority) -> Rig {
    let (net, links) = TestNet::new(vec![Name::Found(vec![SocketAddr::from(([192, 0, 2, 1], 443))])], &[]);
    start_over(FeedConfig::default(), net.connector(URL, authority.roots()), links)
}

impl Rig {
    /// The next connection with TLS taken off, accepted and subscribed.
    async fn live_through(&mut self, server: &TlsAcceptor) -> Peer<TlsStream<DuplexStream>> {
        let link = self.links.recv().await.unwrap();
        let mut peer = Peer::new(server.accept(link).await.unwrap());
        peer.subscribed().await;
        peer
    }
}

/// What a venue that behaves like `venue` is refused for. The next attempt begins with a TLS
/// handshake as well.
async fn refused(authority: &Authority, venue: impl AsyncFnOnce(DuplexStream)) -> (Duration, Cause) {
    let mut rig = start_trusting(authority);
    let link = rig.links.recv().await.unwrap();
    venue(link).await;
    let loss = rig.first_loss().await;
    let mut again = rig.links.recv().await.unwrap();
    assert_eq!(again.read_u8().await.unwrap(), HANDSHAKE);
    assert_eq!(rig.frames(), Vec::<Vec<u8>>::new());
    rig.stop().await;
    loss
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_right_is_spoken_to() {
    let authority = Authority::new("trusted");
    let mut rig = start_trusting(&authority);
    let mut venue = rig.live_through(&authority.server(HOST, (2020, 2090))).await;
    venue.send(BINARY, b"{}").await;
    sleep(ms(10)).await;
    assert_eq!((rig.frames(), rig.losses()), (vec![b"{}".to_vec()], vec![]));
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_wrong_ends_the_connect_and_says_why() {
    let [trusted, impostor, stranger] = ["trusted", "trusted", "stranger"].map(Authority::new);
    let check = async |server: TlsAcceptor, expect: &str| {
        let (at, cause) = refused(&trusted, async |link| {
            assert!(server.accept(link).await.is_err(), "{expect}: the handshake came to an end");
        })
        .await;
        let Cause::Connect(ConnectError::Tls(why)) = cause else { panic!("{expect}: {cause:?}") };
        assert!(why.starts_with(expect), "{expect}: {why}");
        assert!(at < s(1), "{expect}: {at:?}");
    };
    check(trusted.server(HOST, (2020, 2021)), "its certificate has expired").await;
    check(trusted.server(HOST, (2089, 2090)), "its certificate is not valid yet").await;
    check(trusted.server("other.test", (2020, 2090)), "its certificate is for another name").await;
    check(impostor.server(HOST, (2020, 2090)), "its certificate is not signed by whom it names").await;
    check(stranger.server(HOST, (2020, 2090)), "its certificate is signed by nobody who is trusted").await;
    check(self_signed(), "its certificate is signed by nobody who is trusted, perhaps by itself").await;
}

/// TLS 1.1, said in a hello and in an alert; plain HTTP, also one that would accept the upgrade; a
/// connection that is closed; nonsense.
#[tokio::test(start_paused = true)]
async fn whoever_speaks_no_safe_tls_is_not_spoken_to() {
    let trusted = Authority::new("trusted");
    let check = async |answer: &[u8], expect: &str| {
        let (at, cause) = refused(&trusted, async |mut link| {
            let mut hello = [0; 5];
            link.read_exact(&mut hello).await.unwrap();
            assert_eq!(hello[0], HANDSHAKE, "{expect}");
            let mut hello = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
            link.read_exact(&mut hello).await.unwrap();
            link.write_all(answer).await.unwrap();
            link.shutdown().await.unwrap();
            let mut more = Vec::new();
            // An alert at most, and never a request in plain text.
            let _ = link.read_to_end(&mut more).await;
            assert!(!more.windows(3).any(|w| w == b"GET"), "{expect}: {more:?}");
        })
        .await;
        let Cause::Connect(ConnectError::Tls(why)) = cause else { panic!("{expect}: {cause:?}") };
        assert!(why.starts_with(expect), "{expect}: {why}");
        assert!(at < s(1), "{expect}: {at:?}");
    };
    // A record of a hello: version, 32 bytes of chance, no session, a cipher, no compression.
    let mut hello = vec![HANDSHAKE, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    check(&hello, "it speaks neither TLS 1.2 nor 1.3").await;
    check(&[21, 3, 1, 0, 2, 2, 70], "it speaks neither TLS 1.2 nor 1.3").await;
    check(b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak TLS").await;
    check(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "it does not speak TLS").await;
    check(b"", "it hung up during the handshake").await;
    check(&[21, 3, 3, 0, 2, 2, 40], "the handshake failed").await;
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_that_stalls_is_given_up_after_ten_seconds() {
    let trusted = Authority::new("trusted");
    let server = trusted.server(HOST, (2020, 2090));
    let silent = refused(&trusted, async |link| {
        // Kept open, and said nothing on.
        tokio::spawn(async move { (sleep(s(3600)).await, link).0 });
    });
    let (at, cause) = silent.await;
    assert_eq!(cause, Cause::Connect(ConnectError::Timeout));
    assert!(near(at, s(10)), "{at:?}");

    // TLS stands, and then nothing comes.
    let mute = refused(&trusted, async |link| {
        let mut stream = server.accept(link).await.unwrap();
        tokio::spawn(async move {
            let mut request = Vec::new();
            let _ = stream.read_to_end(&mut request).await;
        });
    });
    let (at, cause) = mute.await;
    assert_eq!(cause, Cause::Connect(ConnectError::Timeout));
    assert!(near(at, s(10)), "{at:?}");
}

/// Whoever cuts the line cannot make a cut message look whole, nor end a session in order.
#[tokio::test(start_paused = true)]
async fn an_end_without_a_farewell_of_tls_is_a_connection_that_broke_off() {
    let trusted = Authority::new("trusted");
    let server = trusted.server(HOST, (2020, 2090));
    for cut in [&b""[..], b"\x82\x05abc"] {
        let mut rig = start_trusting(&trusted);
        let mut venue = rig.live_through(&server).await;
        venue.send(BINARY, b"{}").await;
        venue.write(cut).await;
        let (mut link, _) = venue.into_inner().into_inner();
        link.shutdown().await.unwrap();
        let (_, cause) = rig.first_loss().await;
        assert_eq!(cause, Cause::BrokenOff, "{cut:?}");
        assert_eq!(rig.frames(), [b"{}"], "{cut:?}: what was whole is delivered");
        rig.live_through(&server).await;
        rig.stop().await;
    }
}
