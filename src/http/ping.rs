//! A GET of which only the status counts.

use super::{HttpError, Target, Tls, send};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri, header::HeaderValue};

/// Where it goes. The path may hold a token: it is never printed.
#[derive(Clone)]
pub struct Ping {
    target: Target,
    path: Uri,
    authority: HeaderValue,
}

impl Ping {
    /// To a URL of `https` or `http`; `None` for anything else.
    #[must_use]
    pub fn new(url: &str, allow_private: bool) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|a| !a.as_str().contains('@') && !a.host().is_empty())?;
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some(Self {
            target: Target { tls, host: authority.host().to_owned(), port, allow_private },
            path: uri.path_and_query().map_or("/", |path| path.as_str()).parse().ok()?,
            authority: HeaderValue::from_str(authority.as_str()).ok()?,
        })
    }

    /// The host, for people.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.target.host
    }

    /// Sends it, and yields the status of the answer. How long it may take is for the caller to say.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, tls: &Tls) -> Result<u16, HttpError> {
        let request = Request::get(self.path.clone())
            .header("host", self.authority.clone())
            .header("user-agent", concat!("tradehook/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::new()))
            .map_err(|error| HttpError::Network(error.to_string()))?;
        Ok(send(&self.target, tls, request, 0).await?.status.as_u16())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_asked_is_taken() {
        let check = |url: &str, expect: Option<(&str, u16)>| {
            let ping = Ping::new(url, false);
            assert_eq!(ping.as_ref().map(|ping| (ping.host(), ping.target.port)), expect, "{url}");
        };
        check("https://hc.example/ping/abc", Some(("hc.example", 443)));
        check("http://127.0.0.1:8080", Some(("127.0.0.1", 8080)));
        check("ftp://hc.example/", None);
        check("https://me:secret@hc.example/", None);
        check("/ping", None);
    }
}
