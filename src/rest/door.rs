//! Where connections to the venue come from: TCP with TLS in the program, memory in tests.

use crate::http::{self, HttpError, Stream, Target, Tls};
use futures_util::future::BoxFuture;
use hyper::Uri;
use std::{fmt, net::IpAddr};

/// A way to the venue.
pub trait Door: Send + Sync + 'static {
    /// Opens a stream of bytes, with TLS already taken off.
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, HttpError>>;

    /// The host that is asked for, as it stands in the `Host` header.
    fn authority(&self) -> &str;

    /// What stands before every path; no slash at its end.
    fn prefix(&self) -> &str {
        ""
    }
}

/// Why a URL is none that REST can be asked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Not a URL.
    Syntax,
    /// Neither `https`, nor `http` on this machine.
    Scheme,
    /// No host.
    Host,
    /// A name or a password.
    Credentials,
    /// A query: paths are appended to the URL.
    Query,
    /// TLS cannot be set up in this process.
    Tls,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a URL; write https://api.upbit.com",
            Self::Scheme => "the venue is spoken to over https://; http:// is for this machine alone",
            Self::Host => "the URL names no host",
            Self::Credentials => "the URL holds a user name or password; the venue needs none",
            Self::Query => "the URL has a query; paths are appended to it",
            Self::Tls => "TLS cannot be set up",
        })
    }
}

impl std::error::Error for UrlError {}

/// The real one.
#[derive(Clone)]
pub struct VenueDoor {
    target: Target,
    authority: String,
    prefix: String,
    tls: Tls,
}

impl fmt::Debug for VenueDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VenueDoor({}{})", self.authority, self.prefix)
    }
}

impl VenueDoor {
    /// For a base such as `https://api.upbit.com`; plain `http://` is taken for this machine alone
    /// (`localhost`, `127.*`, `::1`), where the stand-in venue is. Connects to nothing.
    ///
    /// # Errors
    /// For every other URL.
    pub fn new(base: &str) -> Result<Self, UrlError> {
        let uri: Uri = base.parse().map_err(|_| UrlError::Syntax)?;
        let authority = uri.authority().ok_or(UrlError::Syntax)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_this_machine(&host) => false,
            _ => return Err(UrlError::Scheme),
        };
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        if uri.query().is_some() {
            return Err(UrlError::Query);
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self {
            // The URL is the operator's own, who may have the venue behind something private.
            target: Target { tls, host, port, allow_private: true },
            authority: authority.as_str().to_owned(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            tls: http::tls_config().map_err(|_| UrlError::Tls)?,
        })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Door for VenueDoor {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Stream>, HttpError>> {
        Box::pin(self.target.open(&self.tls))
    }

    fn authority(&self) -> &str {
        &self.authority
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        let check = |url, expect: Result<(&str, u16, &str), UrlError>| {
            let door = VenueDoor::new(url);
            let seen = door.as_ref().map(|d| (d.authority(), d.target.port, d.prefix())).map_err(|e| *e);
            assert_eq!(seen, expect, "{url}");
        };
        check("https://api.upbit.com", Ok(("api.upbit.com", 443, "")));
        check("https://sg-api.upbit.com/", Ok(("sg-api.upbit.com", 443, "")));
        check("http://127.0.0.1:9777", Ok(("127.0.0.1:9777", 9777, "")));
        check("http://[::1]:9777/upbit/", Ok(("[::1]:9777", 9777, "/upbit")));
        check("http://localhost", Ok(("localhost", 80, "")));
        check("http://api.upbit.com", Err(UrlError::Scheme));
        check("http://127.0.0.1.example.com", Err(UrlError::Scheme));
        check("wss://api.upbit.com/websocket/v1", Err(UrlError::Scheme));
        check("api.upbit.com", Err(UrlError::Scheme));
        check("https://name:word@api.upbit.com", Err(UrlError::Credentials));
        check("https://api.upbit.com/?a=b", Err(UrlError::Query));
        check("not a url", Err(UrlError::Syntax));
        check("", Err(UrlError::Syntax));
    }
}
