//! The generic webhook: POST of the canonical JSON, signed as Standard Webhooks 1.0.0 has it.
//!
//! `webhook-id` is the notification id at every attempt, by which the receiver can tell a
//! repetition; the timestamp is that of the attempt. The URL is a secret: only its scheme and host
//! are ever shown.
//!
//! Keeps: [bounded]

use super::signature::Secret;
use crate::{
    delivery::{Clock, Content, Delivery, Outcome, Sink},
    http::{self, HttpError, Target, Tls},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::{Request, StatusCode, Uri, header::HeaderValue};
use std::{fmt, net::IpAddr, time::Duration};

/// The longest wait that a receiver can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// What a webhook needs.
#[derive(Clone)]
pub struct WebhookSettings {
    /// `http://` or `https://`.
    pub url: String,
    /// `None`: unsigned.
    pub secret: Option<Secret>,
    /// For a whole attempt.
    pub timeout: Duration,
    /// Whether private, local and reserved addresses may be reached.
    pub allow_private: bool,
}

/// Why a URL cannot be a webhook's. Does not repeat the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Not a URL.
    Syntax,
    /// Neither `http` nor `https`.
    Scheme,
    /// No host.
    Host,
    /// A name and password before the host: they would be sent in the clear to wherever it leads.
    Credentials,
    /// A private, local or reserved address.
    Private(IpAddr),
    /// TLS cannot be set up in this process.
    Tls,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => f.write_str("the webhook's url is not a URL"),
            Self::Scheme => f.write_str("the webhook's url begins with neither http:// nor https://"),
            Self::Host => f.write_str("the webhook's url has no host"),
            Self::Credentials => f.write_str("the webhook's url holds a name or password"),
            Self::Tls => f.write_str("TLS cannot be set up for the webhook"),
            Self::Private(ip) => {
                write!(
                    f,
                    "the webhook's url leads to {ip}, which is not public; allow_private = true allows it"
                )
            }
        }
    }
}

impl std::error::Error for UrlError {}

/// A webhook.
pub struct WebhookSink {
    target: Target,
    uri: Uri,
    host: HeaderValue,
    redacted: String,
    secret: Option<Secret>,
    timeout: Duration,
    tls: Tls,
    clock: Clock,
}

impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSink({})", self.redacted)
    }
}

impl WebhookSink {
    /// Checks the settings; connects to nothing.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn new(settings: WebhookSettings, clock: Clock) -> Result<Self, UrlError> {
        let WebhookSettings { url, secret, timeout, allow_private } = settings;
        let uri: Uri = url.parse().map_err(|_| UrlError::Syntax)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Host)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let host = authority.host().to_owned();
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        if let Ok(ip) = host.trim_matches(['[', ']']).parse()
            && !allow_private
            && !http::is_global(ip)
        {
            return Err(UrlError::Private(ip));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let redacted = format!("{}://{host}", if tls { "https" } else { "http" });
        let host_header = HeaderValue::from_str(authority.as_str()).map_err(|_| UrlError::Host)?;
        let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        Ok(Self {
            target: Target { tls, host, port, allow_private },
            uri: path.parse().map_err(|_| UrlError::Syntax)?,
            host: host_header,
            redacted,
            secret,
            timeout,
            tls: http::tls_config().map_err(|_| UrlError::Tls)?,
            clock,
        })
    }

    fn request(&self, delivery: &Delivery, timestamp: i64) -> Option<Request<Full<Bytes>>> {
        let id = &delivery.notification_id;
        let content_type = match delivery.content {
            Content::Alert => "application/json",
            Content::Records => "application/x-ndjson",
        };
        let mut request = Request::post(self.uri.clone())
            .header("host", self.host.clone())
            .header("content-type", content_type)
            .header("user-agent", concat!("tradehook/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp);
        if let Some(secret) = &self.secret {
            request = request.header("webhook-signature", secret.sign(id, timestamp, &delivery.body));
        }
        request.body(Full::new(Bytes::from(delivery.body.clone()))).ok()
    }

    async fn attempt(&self, delivery: &Delivery) -> Outcome {
        let now_ms = (self.clock)();
        let Some(request) = self.request(delivery, now_ms.div_euclid(1000)) else {
            return Outcome::Permanent { reason: "the message makes no request".to_owned() };
        };
        let retry = |reason: String| Outcome::Retry { after: None, reason };
        match tokio::time::timeout(self.timeout, http::send(&self.target, &self.tls, request)).await {
            Err(_) => retry(format!("{}: no answer within {:?}", self.redacted, self.timeout)),
            Ok(Err(HttpError::Forbidden(ip))) => Outcome::Permanent {
                reason: format!("{} resolves to {ip}, which is not public", self.redacted),
            },
            Ok(Err(error)) => retry(format!("{}: {error}", self.redacted)),
            Ok(Ok((status, after))) => self.classify(status, after.as_ref(), now_ms),
        }
    }

    fn classify(&self, status: StatusCode, after: Option<&HeaderValue>, now_ms: i64) -> Outcome {
        let reason = format!("{} answered {status}", self.redacted);
        match status.as_u16() {
            200..=299 => Outcome::Delivered,
            410 => Outcome::Broken { reason },
            408 | 429 | 500..=599 => {
                let after =
                    after.and_then(|v| http::wait_asked(v.to_str().ok()?, Some(now_ms), MAX_RETRY_AFTER));
                Outcome::Retry { after, reason }
            }
            _ => Outcome::Permanent { reason },
        }
    }
}

impl Sink for WebhookSink {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(delivery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_url_that_leads_astray_is_refused() {
        let check = |url: &str, allow_private, expect: Option<UrlError>| {
            let settings = WebhookSettings {
                url: url.to_owned(),
                secret: None,
                timeout: Duration::from_secs(1),
                allow_private,
            };
            assert_eq!(WebhookSink::new(settings, Arc::new(|| 0)).err(), expect, "{url}");
        };
        let loopback = IpAddr::from([127, 0, 0, 1]);
        check("https://example.org/a?b=c", false, None);
        check("http://127.0.0.1:8080/", false, Some(UrlError::Private(loopback)));
        check("http://127.0.0.1:8080/", true, None);
        check("http://[::1]/", false, Some(UrlError::Private(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]))));
        check("ftp://example.org", false, Some(UrlError::Scheme));
        check("example.org", false, Some(UrlError::Scheme));
        check("https://u:p@example.org/", false, Some(UrlError::Credentials));
        check("not a url", false, Some(UrlError::Syntax));
    }

    #[test]
    fn the_path_of_the_url_is_shown_nowhere() {
        let settings = WebhookSettings {
            url: "https://example.org/secret-token".to_owned(),
            secret: None,
            timeout: Duration::from_secs(1),
            allow_private: false,
        };
        let shown = WebhookSink::new(settings, Arc::new(|| 0)).map(|sink| format!("{sink:?}"));
        assert_eq!(shown.as_deref(), Ok("WebhookSink(https://example.org)"));
    }
}
