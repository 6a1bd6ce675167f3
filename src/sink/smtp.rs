//! E-mail, over SMTP: text, and the same as HTML.
//!
//! `Message-ID` is made of the notification id, by which a mail program can tell a repetition;
//! `References` of the episode's, by which it shows what belongs together. The name of the server is
//! resolved here and judged as any other, and the connection goes to an address that passed; what is
//! shown and checked of its certificate is the name.
//!
//! 4xx is tried again (greylisting), 5xx is about this message; refused credentials (530, 534, 535)
//! break the channel.
//!
//! Keeps: [bounded] [guest-text-is-data]

use super::{
    message::Message,
    text::{Unit, fit, html, plain},
};
use crate::{
    delivery::{Delivery, Outcome, Sink},
    http,
};
use futures_util::future::BoxFuture;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{
        Mailbox, MessageBuilder, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Tls, TlsParameters},
        extension::ClientId,
    },
};
use std::{
    fmt,
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// Of the text of a mail (chosen: records of a large commit are 256 KiB).
const TEXT: usize = 512 * 1024;
const SUBJECT: usize = 250;
/// What is shown of what a server said.
const SAID: usize = 200;

/// How a connection is made safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpTls {
    /// STARTTLS, and nothing is said before it.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// What mail needs.
#[derive(Clone)]
pub struct SmtpSettings {
    /// The server that takes mail.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: SmtpTls,
    /// Name and password; the password is a secret.
    pub login: Option<(String, String)>,
    /// `Name <address>` or an address.
    pub from: String,
    /// Likewise.
    pub to: Vec<String>,
    /// For a whole attempt.
    pub timeout: Duration,
    /// Whether private, local and reserved addresses may be reached.
    pub allow_private: bool,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpSettings({}:{})", self.host, self.port)
    }
}

/// Why settings cannot be mail's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpError {
    /// Not the address of a mailbox.
    Mailbox(String),
    /// Nobody to write to.
    Nobody,
    /// The name of the server is none for TLS.
    Tls(String),
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mailbox(text) => write!(f, "{text:?} is not the address of a mailbox"),
            Self::Nobody => f.write_str("there is nobody to send mail to"),
            Self::Tls(why) => write!(f, "TLS cannot be set up for the mail server: {why}"),
        }
    }
}

impl std::error::Error for SmtpError {}

/// A mail server.
pub struct SmtpSink {
    settings: SmtpSettings,
    from: Mailbox,
    to: Vec<Mailbox>,
    tls: Option<TlsParameters>,
    /// Which of the server's addresses is next: another after one that does not answer.
    turn: AtomicUsize,
}

impl fmt::Debug for SmtpSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpSink({})", self.shown())
    }
}

fn mailbox(text: &str) -> Result<Mailbox, SmtpError> {
    text.parse().map_err(|_| SmtpError::Mailbox(text.to_owned()))
}

impl SmtpSink {
    /// Checks the settings; connects to nothing.
    ///
    /// # Errors
    /// When an address is none, or TLS cannot be had.
    pub fn new(settings: SmtpSettings) -> Result<Self, SmtpError> {
        let to = settings.to.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(SmtpError::Nobody);
        }
        let tls = match settings.tls {
            SmtpTls::None => None,
            SmtpTls::Starttls | SmtpTls::Implicit => {
                let made = TlsParameters::builder(settings.host.clone()).build_rustls();
                Some(made.map_err(|error| SmtpError::Tls(error.to_string()))?)
            }
        };
        Ok(Self { from: mailbox(&settings.from)?, to, tls, turn: AtomicUsize::new(0), settings })
    }

    fn shown(&self) -> String {
        format!("smtp://{}:{}", self.settings.host, self.settings.port)
    }

    /// The whole mail. The same at every attempt.
    fn mail(&self, delivery: &Delivery) -> Result<lettre::Message, lettre::error::Error> {
        let (message, domain) = (Message::of(delivery), self.from.email.domain());
        let id = |text: &str| {
            let text: String =
                text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '.' }).collect();
            format!("<{text}@{domain}>")
        };
        let at_ms = u64::try_from(delivery.at_ms).unwrap_or(0);
        let mut builder = MessageBuilder::new()
            .from(self.from.clone())
            .date(std::time::UNIX_EPOCH + Duration::from_millis(at_ms))
            .message_id(Some(id(&delivery.notification_id)))
            .subject(fit(&message.title(), SUBJECT, Unit::Chars, plain));
        if let Ok(name) = HeaderName::new_from_ascii("Auto-Submitted".to_owned()) {
            builder = builder.raw_header(HeaderValue::new(name, "auto-generated".to_owned()));
        }
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        if !delivery.episode_id.is_empty() {
            let thread = id(&delivery.episode_id);
            builder = builder.references(thread.clone()).in_reply_to(thread);
        }
        let footer = message.footer();
        let text = format!("{}\n\n{footer}\n", fit(&delivery.text, TEXT, Unit::Bytes, plain));
        let [marked, footer] =
            [&delivery.text, &footer].map(|text| fit(text, TEXT, Unit::Bytes, html).replace('\n', "<br>\n"));
        let page = format!("<html><body><p>{marked}</p>\n<p><small>{footer}</small></p></body></html>\n");
        let part = |kind, body: String| SinglePart::builder().header(kind).body(body);
        let boundary: String =
            delivery.notification_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let parts = MultiPart::alternative()
            .boundary(format!("part-{boundary}"))
            .singlepart(part(ContentType::TEXT_PLAIN, text))
            .singlepart(part(ContentType::TEXT_HTML, page));
        builder.multipart(parts)
    }

    /// The address of the server whose turn it is.
    async fn address(&self) -> Result<IpAddr, Outcome> {
        let SmtpSettings { host, port, allow_private, .. } = &self.settings;
        let retry = |why: String| Outcome::Retry { after: None, reason: format!("{}: {why}", self.shown()) };
        let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), *port)).await;
        let found = found.map_err(|error| retry(format!("resolving the host: {error}")))?;
        let (mut allowed, mut other) = (Vec::new(), None);
        for ip in found.map(|address| address.ip()) {
            if *allow_private || http::is_global(ip) { allowed.push(ip) } else { other = Some(ip) }
        }
        // Few mail servers speak IPv6 only, and many networks do not speak it.
        allowed.sort_by_key(IpAddr::is_ipv6);
        let turn = self.turn.load(Relaxed).checked_rem(allowed.len());
        match (turn.and_then(|turn| allowed.get(turn)), other) {
            (Some(ip), _) => Ok(*ip),
            (None, Some(ip)) => Err(Outcome::Permanent {
                reason: format!("{} resolves to {ip}, which is not public", self.shown()),
            }),
            (None, None) => Err(retry("the host has no address".to_owned())),
        }
    }

    fn transport(&self, ip: IpAddr) -> AsyncSmtpTransport<Tokio1Executor> {
        let SmtpSettings { port, tls, login, timeout, .. } = &self.settings;
        let tls = match (&self.tls, tls) {
            (Some(parameters), SmtpTls::Implicit) => Tls::Wrapper(parameters.clone()),
            (Some(parameters), _) => Tls::Required(parameters.clone()),
            (None, _) => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(ip.to_string())
            .port(*port)
            .tls(tls)
            .hello_name(ClientId::Domain(self.from.email.domain().to_owned()))
            .timeout(Some(*timeout));
        if let Some((name, password)) = login {
            builder = builder.credentials(Credentials::new(name.clone(), password.clone()));
        }
        builder.build()
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<(), Outcome> {
        let mail = self.mail(delivery);
        let mail = mail
            .map_err(|error| Outcome::Permanent { reason: format!("the message makes no mail: {error}") })?;
        let ip = self.address().await?;
        self.transport(ip).send(mail).await.map(|_| ()).map_err(|error| self.judge(&error))
    }

    fn judge(&self, error: &Error) -> Outcome {
        let mut said = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(deeper) = source {
            let deeper_said = deeper.to_string();
            if !said.contains(&deeper_said) {
                said = format!("{said}: {deeper_said}");
            }
            source = deeper.source();
        }
        if let Some((_, password)) = self.settings.login.as_ref().filter(|(_, p)| p.len() >= 4) {
            said = said.replace(password.as_str(), "[secret]");
        }
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let reason = format!("{}: {}", self.shown(), fit(&said, SAID, Unit::Chars, plain));
        let code = error.status().map(|code| code.to_string());
        match code.as_deref() {
            Some("530" | "534" | "535") => Outcome::Broken { reason },
            Some(_) if error.is_permanent() => Outcome::Permanent { reason },
            Some(_) => Outcome::Retry { after: None, reason },
            None => {
                self.turn.fetch_add(1, Relaxed);
                Outcome::Retry { after: None, reason }
            }
        }
    }
}

impl Sink for SmtpSink {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match tokio::time::timeout(self.settings.timeout, self.attempt(delivery)).await {
                Ok(Ok(())) => Outcome::Delivered,
                Ok(Err(outcome)) => outcome,
                Err(_) => {
                    self.turn.fetch_add(1, Relaxed);
                    let reason = format!("{}: no answer within {:?}", self.shown(), self.settings.timeout);
                    Outcome::Retry { after: None, reason }
                }
            }
        })
    }
}
