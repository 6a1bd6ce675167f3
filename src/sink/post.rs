//! The one way in which every channel that speaks HTTP makes an attempt.
//!
//! An [`HttpSink`] is an endpoint and a [`Form`]: the form makes the request out of a delivery and
//! says what the answer means; everything else (address, TLS, time, redaction) is here, once. The
//! path of a URL and every token are secrets: only scheme and host are ever shown, and what a
//! receiver says is shown with them taken out.
//!
//! Keeps: [bounded] [guest-text-is-data]

use super::text::{Unit, fit, plain};
use crate::{
    delivery::{Clock, Delivery, Outcome, Sink},
    http::{self, Answer, HttpError, Target, Tls},
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::{HeaderMap, Request, Uri, header::HeaderValue};
use serde_json::Value;
use std::{fmt, net::IpAddr, time::Duration};

/// The longest wait that a receiver can ask for.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// After a 429 that names no time (chosen).
const UNNAMED_WAIT: Duration = Duration::from_secs(60);

/// What is read of an answer: enough for an error object.
const KEEP: usize = 4096;

/// What is shown of what a receiver said.
const MAX_DETAIL: usize = 200;

/// What every HTTP channel needs.
#[derive(Clone)]
pub struct HttpSettings {
    /// `http://` or `https://`; a secret.
    pub url: String,
    /// For a whole attempt.
    pub timeout: Duration,
    /// Whether private, local and reserved addresses may be reached.
    pub allow_private: bool,
}

/// Why a URL cannot be a channel's. Does not repeat the URL.
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
            Self::Syntax => f.write_str("the channel's url is not a URL"),
            Self::Scheme => f.write_str("the channel's url begins with neither http:// nor https://"),
            Self::Host => f.write_str("the channel's url has no host"),
            Self::Credentials => f.write_str("the channel's url holds a name or password"),
            Self::Tls => f.write_str("TLS cannot be set up for the channel"),
            Self::Private(ip) => {
                write!(
                    f,
                    "the channel's url leads to {ip}, which is not public; allow_private = true allows it"
                )
            }
        }
    }
}

impl std::error::Error for UrlError {}

/// A request, as far as a form decides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Post {
    /// Appended to the path of the URL.
    pub(super) path: String,
    /// Added to the query of the URL.
    pub(super) query: &'static str,
    /// Beside `content-type`, `host` and `user-agent`.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Empty: JSON.
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Post {
    pub(super) fn json(body: &Value) -> Self {
        Self { body: body.to_string(), ..Self::default() }
    }
}

/// One receiver's dialect.
pub(super) trait Form: Send + Sync {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// The request of a delivery, or why it makes none.
    fn post(&self, delivery: &Delivery, now_ms: i64) -> Result<Post, &'static str>;

    /// What the answer means.
    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        reply.usual("")
    }

    /// Another request within the same attempt, where the answer asks for one.
    fn again(&self, _: &Delivery, _: &Reply<'_>) -> Option<Post> {
        None
    }

    /// What must not be shown, beside the URL.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A channel that is told by POST.
pub struct HttpSink {
    form: Box<dyn Form>,
    target: Target,
    path: String,
    query: String,
    host: HeaderValue,
    shown: String,
    secrets: Vec<String>,
    timeout: Duration,
    tls: Tls,
    clock: Clock,
}

impl fmt::Debug for HttpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpSink({} {})", self.form.name(), self.shown)
    }
}

impl HttpSink {
    /// Checks the settings; connects to nothing.
    pub(super) fn new(settings: HttpSettings, form: Box<dyn Form>, clock: Clock) -> Result<Self, UrlError> {
        let HttpSettings { url, timeout, allow_private } = settings;
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
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
        let mut secrets = form.secrets();
        secrets.extend([path.trim_matches('/').to_owned(), query.clone()]);
        // The longest first: a part must not hide that the whole is there.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.retain(|secret| secret.len() >= 4);
        Ok(Self {
            form,
            shown: format!("{}://{host}", if tls { "https" } else { "http" }),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| UrlError::Host)?,
            target: Target { tls, host, port, allow_private },
            path,
            query,
            secrets,
            timeout,
            tls: http::tls_config().map_err(|_| UrlError::Tls)?,
            clock,
        })
    }

    fn request(&self, post: Post) -> Option<Request<Full<Bytes>>> {
        let Post { path, query, headers, content_type, body } = post;
        let mut target = match path.as_str() {
            "" => self.path.clone(),
            path => format!("{}{path}", self.path.trim_end_matches('/')),
        };
        let queries = [self.query.as_str(), query].into_iter().filter(|q| !q.is_empty());
        for (n, query) in queries.enumerate() {
            target.push(if n == 0 { '?' } else { '&' });
            target.push_str(query);
        }
        let content_type = if content_type.is_empty() { "application/json" } else { content_type };
        let mut request = Request::post(target)
            .header("host", self.host.clone())
            .header("content-type", content_type)
            .header("user-agent", concat!("tradehook/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(body))).ok()
    }

    async fn send(&self, post: Post) -> Result<Answer, Outcome> {
        let Some(request) = self.request(post) else {
            return Err(Outcome::Permanent { reason: "the message makes no request".to_owned() });
        };
        let retry = |reason: String| Outcome::Retry { after: None, reason };
        match http::send(&self.target, &self.tls, request, KEEP).await {
            Ok(answer) => Ok(answer),
            Err(HttpError::Forbidden(ip)) => Err(Outcome::Permanent {
                reason: format!("{} resolves to {ip}, which is not public", self.shown),
            }),
            Err(error) => Err(retry(format!("{}: {error}", self.shown))),
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<Outcome, Outcome> {
        let now_ms = (self.clock)();
        let post = self.form.post(delivery, now_ms);
        let post = post.map_err(|why| Outcome::Permanent { reason: why.to_owned() })?;
        let answer = self.send(post).await?;
        let reply = Reply { sink: self, answer: &answer, now_ms };
        let Some(post) = self.form.again(delivery, &reply) else { return Ok(self.form.judge(&reply)) };
        let answer = self.send(post).await?;
        Ok(self.form.judge(&Reply { sink: self, answer: &answer, now_ms }))
    }

    /// `text` of a receiver, fit to be shown: without secrets, on one line, in short.
    fn cleaned(&self, text: &str) -> String {
        let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "[secret]");
        }
        fit(&text, MAX_DETAIL, Unit::Chars, plain)
    }
}

impl Sink for HttpSink {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout, self.attempt(delivery)).await {
                Ok(Ok(outcome) | Err(outcome)) => outcome,
                Err(_) => Outcome::Retry {
                    after: None,
                    reason: format!("{}: no answer within {:?}", self.shown, self.timeout),
                },
            }
        })
    }
}

/// An answer, with what helps to judge it.
pub(super) struct Reply<'a> {
    sink: &'a HttpSink,
    answer: &'a Answer,
    now_ms: i64,
}

impl Reply<'_> {
    pub(super) fn code(&self) -> u16 {
        self.answer.status.as_u16()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.answer.headers
    }

    /// The body as JSON; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.answer.body).unwrap_or(Value::Null)
    }

    /// The beginning of the body.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer.body).into_owned()
    }

    /// The wait of `Retry-After`.
    pub(super) fn wait(&self) -> Option<Duration> {
        let value = self.headers().get(hyper::header::RETRY_AFTER)?.to_str().ok()?;
        http::wait_asked(value, Some(self.now_ms), MAX_WAIT)
    }

    /// A number of seconds, as some receivers name it beside `Retry-After`.
    pub(super) fn seconds(&self, value: Option<f64>) -> Option<Duration> {
        let seconds = value.filter(|s| *s >= 0.0 && s.is_finite())?;
        Some(Duration::from_secs_f64(seconds.min(MAX_WAIT.as_secs_f64())))
    }

    /// `https://host answered 503 Service Unavailable: what it said`.
    pub(super) fn reason(&self, detail: &str) -> String {
        let (shown, status) = (&self.sink.shown, self.answer.status);
        match self.sink.cleaned(detail).as_str() {
            "" => format!("{shown} answered {status}"),
            detail => format!("{shown} answered {status}: {detail}"),
        }
    }

    pub(super) fn retry(&self, after: Option<Duration>, detail: &str) -> Outcome {
        Outcome::Retry { after, reason: self.reason(detail) }
    }

    pub(super) fn permanent(&self, detail: &str) -> Outcome {
        Outcome::Permanent { reason: self.reason(detail) }
    }

    pub(super) fn broken(&self, detail: &str) -> Outcome {
        Outcome::Broken { reason: self.reason(detail) }
    }

    /// What a code means where the receiver has no word of its own: a channel that is refused, gone
    /// or unknown is broken, what is too much or fails for now is tried again, any other refusal is
    /// about this message.
    pub(super) fn usual(&self, detail: &str) -> Outcome {
        match self.code() {
            200..=299 => Outcome::Delivered,
            401 | 403 | 404 | 410 => self.broken(detail),
            429 => self.retry(self.wait().or(Some(UNNAMED_WAIT)), detail),
            408 | 425 | 500..=599 => self.retry(self.wait(), detail),
            _ => self.permanent(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::webhook::WebhookSettings, *};
    use std::sync::Arc;

    fn made(url: &str, allow_private: bool) -> Result<HttpSink, UrlError> {
        let http = HttpSettings { url: url.to_owned(), timeout: Duration::from_secs(1), allow_private };
        HttpSink::webhook(http, WebhookSettings::default(), Arc::new(|| 0))
    }

    #[test]
    fn a_url_that_leads_astray_is_refused() {
        let check = |url: &str, allow_private, expect: Option<UrlError>| {
            assert_eq!(made(url, allow_private).err(), expect, "{url}");
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
        let sink = made("https://example.org/secret-token?key=T0KEN", false).map(|sink| {
            let said = sink.cleaned("no /secret-token here,\n and key=T0KEN neither");
            (format!("{sink:?}"), said)
        });
        let (shown, said) = sink.unwrap_or_default();
        assert_eq!(shown, "HttpSink(webhook https://example.org)");
        assert_eq!(said, "no /[secret] here, and [secret] neither");
    }
}
