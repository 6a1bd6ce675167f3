//! HTTP as a client: requests with every limit set.
//!
//! A [`Target`] says where to, [`Target::open`] yields a stream to it, and a [`Link`] speaks HTTP/1.1
//! on any stream: one request, or one after another on a connection that is kept. [`send`] is the
//! short way for one request of which little more than the status counts.
//!
//! No redirects, no decompression, no proxy, no cookies: what is not there cannot be abused. The
//! name is resolved once for each connection, every address of it is judged, and the connection goes
//! to one that passed; a name that changes its mind between check and use gains nothing. No task is
//! left behind: a connection is driven by whoever waits for its answer, and ends when it is dropped.
//!
//! Owns the HTTP client and its TLS. Knows neither channels nor the venue.
//!
//! Keeps: [bounded] (time, and bytes of the answer)

mod address;
mod connect;
mod date;
mod link;
mod ping;

pub use address::is_global;
pub use connect::{Stream, Target, Tls, tls_config};
pub use date::{said_at_ms, wait_asked};
pub use link::{Answer, Link};
pub use ping::Ping;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use std::{fmt, net::IpAddr};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// It may be otherwise later.
    Network(String),
    /// The address must not be reached from here.
    Forbidden(IpAddr),
    /// The answer is longer than was allowed.
    TooLarge,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(what) => f.write_str(what),
            Self::Forbidden(address) => write!(f, "the host leads to {address}, which is not public"),
            Self::TooLarge => f.write_str("the answer is too long"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Sends a request on a connection of its own and yields the answer with the first `keep` bytes of
/// its body. How long it may take is for the caller to say.
///
/// # Errors
/// When there is no answer.
pub async fn send(
    target: &Target,
    tls: &Tls,
    request: Request<Full<Bytes>>,
    keep: usize,
) -> Result<Answer, HttpError> {
    let mut link = Link::new(target.open(tls).await?).await?;
    link.beginning(request, keep).await
}
