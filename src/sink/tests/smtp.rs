//! Mail, against a server that speaks just enough SMTP.

use super::*;

/// How the server answers; `None` as for any other command.
#[derive(Clone, Copy, Default)]
struct Manner {
    auth: Option<&'static str>,
    rcpt: Option<&'static str>,
    end: Option<&'static str>,
    hangs: bool,
}

/// A server on a port of its own, and the mails (commands and all) that it got.
async fn server(manner: Manner) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, mails) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if manner.hangs {
                std::mem::forget(stream);
                continue;
            }
            let _ = seen.send(session(stream, manner).await);
        }
    });
    (port, mails)
}

async fn session(stream: TcpStream, manner: Manner) -> String {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let (read, mut write) = stream.into_split();
    let (mut lines, mut said, mut in_data) = (BufReader::new(read).lines(), String::new(), false);
    write.write_all(b"220 fake ready\r\n").await.unwrap();
    while let Ok(Some(line)) = lines.next_line().await {
        said.push_str(&format!("{line}\n"));
        let verb = line.split(' ').next().unwrap_or_default().to_uppercase();
        let answer = match verb.as_str() {
            "." if in_data => {
                in_data = false;
                manner.end.unwrap_or("250 taken")
            }
            _ if in_data => continue,
            "EHLO" => "250-fake\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "AUTH" => manner.auth.unwrap_or("235 well"),
            "RCPT" => manner.rcpt.unwrap_or("250 well"),
            "DATA" => {
                in_data = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 well",
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            break;
        }
    }
    said
}

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        login: Some(("me".to_owned(), "secret-token".to_owned())),
        from: "tradehook <alerts@example.org>".to_owned(),
        to: vec!["ops@example.org".to_owned(), "desk@example.org".to_owned()],
        timeout: Duration::from_secs(5),
        allow_private: true,
    }
}

async fn sent(manner: Manner) -> Outcome {
    let (port, _mails) = server(manner).await;
    let sink = SmtpSink::new(settings(port)).unwrap();
    assert_eq!(format!("{sink:?} {:?}", settings(port)).matches("secret-token").count(), 0);
    sink.deliver(&delivery()).await
}

#[tokio::test]
async fn what_a_mail_server_says_is_classed() {
    let check = async |manner: Manner, expect: &str| {
        let outcome = sent(manner).await;
        assert_eq!(word(&outcome), expect, "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("secret-token"), "{outcome:?}");
    };
    check(Manner::default(), "delivered").await;
    check(Manner { auth: Some("535 no secret-token here"), ..Manner::default() }, "broken").await;
    check(Manner { rcpt: Some("450 greylisted"), ..Manner::default() }, "retry None").await;
    check(Manner { rcpt: Some("550 no such user"), ..Manner::default() }, "permanent").await;
    check(Manner { end: Some("452 quota"), ..Manner::default() }, "retry None").await;
    check(Manner { end: Some("554 spam"), ..Manner::default() }, "permanent").await;
    check(Manner { end: Some("nonsense"), ..Manner::default() }, "retry None").await;
}

#[tokio::test]
async fn a_mail_server_that_hangs_or_is_away_is_tried_again() {
    let (port, _mails) = server(Manner { hangs: true, ..Manner::default() }).await;
    let sink = SmtpSink::new(SmtpSettings { timeout: Duration::from_millis(100), ..settings(port) }).unwrap();
    assert_eq!(word(&sink.deliver(&delivery()).await), "retry None");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcome = SmtpSink::new(settings(port)).unwrap().deliver(&delivery()).await;
    assert_eq!(word(&outcome), "retry None", "{outcome:?}");
}

#[tokio::test]
async fn without_tls_nothing_is_said_to_a_server_that_should_speak_it() {
    let (port, mut mails) = server(Manner::default()).await;
    let sink = SmtpSink::new(SmtpSettings { tls: SmtpTls::Starttls, ..settings(port) }).unwrap();
    let outcome = sink.deliver(&delivery()).await;
    assert_eq!(word(&outcome), "retry None", "{outcome:?}");
    let said = mails.recv().await.unwrap();
    assert!(!said.contains("AUTH") && !said.contains("MAIL"), "{said}");
}

/// TLS from the first byte, with a certificate that nobody trusted has signed: whether anything was
/// said to it, and what came of the mail.
#[tokio::test]
async fn a_mail_server_with_a_certificate_of_its_own_is_told_nothing() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, mut heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        seen.send(acceptor.accept(stream).await.is_ok()).unwrap();
    });
    let sink = SmtpSink::new(SmtpSettings { tls: SmtpTls::Implicit, ..settings(port) }).unwrap();
    let outcome = sink.deliver(&delivery()).await;
    assert_eq!(word(&outcome), "retry None", "{outcome:?}");
    assert!(format!("{outcome:?}").contains("certificate"), "it says why: {outcome:?}");
    assert_eq!(heard.recv().await, Some(false), "the handshake was broken off");
}

#[tokio::test]
async fn a_mail_server_on_a_private_address_is_refused() {
    let (port, mut mails) = server(Manner::default()).await;
    let sink = SmtpSink::new(SmtpSettings { allow_private: false, ..settings(port) }).unwrap();
    let outcome = sink.deliver(&delivery()).await;
    assert!(
        matches!(&outcome, Outcome::Permanent { reason } if reason.contains("not public")),
        "{outcome:?}"
    );
    assert!(mails.try_recv().is_err(), "no connection was made");
}

/// [guest-text-is-data]
#[tokio::test]
async fn a_mail_is_threaded_escaped_and_the_same_at_every_attempt() {
    let (port, mut mails) = server(Manner::default()).await;
    let sink = SmtpSink::new(settings(port)).unwrap();
    let hostile = Delivery {
        rule: "a\r\nBcc: everybody@example.org".to_owned(),
        text: "<script>x</script>\r\n.\r\nQUIT\r\n\u{202e}".to_owned(),
        notification_id: "1a2b3c4d5e6f@phone".to_owned(),
        episode_id: "e1e2".to_owned(),
        severity: Severity::Critical,
        ..delivery()
    };
    let mut seen = Vec::new();
    for _ in 0..2 {
        assert_eq!(sink.deliver(&hostile).await, Outcome::Delivered);
        seen.push(mails.recv().await.unwrap());
    }
    assert_eq!(seen[0], seen[1]);
    let mail = &seen[0];
    for line in [
        "MAIL FROM:<alerts@example.org>",
        "RCPT TO:<ops@example.org>",
        "RCPT TO:<desk@example.org>",
        "Message-ID: <1a2b3c4d5e6f.phone@example.org>",
        "References: <e1e2@example.org>",
        "In-Reply-To: <e1e2@example.org>",
        "Auto-Submitted: auto-generated",
        "Date: Sat, 22 Nov 2025 05:31:22 +0000",
    ] {
        assert!(mail.lines().any(|l| l == line), "{line}\n{mail}");
    }
    assert!(!mail.lines().any(|l| l.starts_with("Bcc:")), "{mail}");
    let (_, page) = mail.split_once("text/html").unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{mail}");
    assert_eq!(mail.lines().filter(|l| *l == "QUIT").count(), 2, "one of them is text: {mail}");
    assert_eq!(mail.lines().filter(|l| *l == ".").count(), 1, "the end of the mail, and no other: {mail}");
}

#[test]
fn what_is_no_mailbox_is_refused() {
    let with = |from: &str, to: &[&str]| {
        let to = to.iter().map(|t| (*t).to_owned()).collect();
        SmtpSink::new(SmtpSettings { from: from.to_owned(), to, ..settings(25) }).err()
    };
    assert_eq!(with("a@b.org", &["c@d.org"]), None);
    assert_eq!(with("a@b.org", &[]), Some(SmtpError::Nobody));
    assert_eq!(with("a@b.org", &["x"]), Some(SmtpError::Mailbox("x".to_owned())));
    let injected = "a@b.org>\r\nRCPT TO:<z@z.org";
    assert_eq!(with(injected, &["c@d.org"]), Some(SmtpError::Mailbox(injected.to_owned())));
}
