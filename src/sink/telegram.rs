//! Telegram, as a bot: `sendMessage`.
//!
//! The text is HTML, of which three characters are escaped. Should Telegram refuse the markup all the
//! same, the message goes out once more as plain text, within the same attempt. The token is a part
//! of the path: no reason shows it.
//!
//! Limits (Bot FAQ, seen 2026-11): 4,096 characters; about a message a second in one chat, 20 a
//! minute in a group. The real ones are not published: `parameters.retry_after` is obeyed.
//!
//! Keeps: [guest-text-is-data] [bounded]

use super::{
    message::Message,
    post::{Form, HttpSettings, HttpSink, Post, Reply, UrlError},
    text::{Escape, Unit, fit, html, plain},
};
use crate::{
    alert::{AlertState, Severity},
    delivery::{Clock, Delivery, Outcome},
};
use serde_json::{Value, json};
use std::fmt;

/// Of what is left when the markup is taken off; Telegram counts as UTF-16 does.
const TEXT: usize = 4096;
const TITLE: usize = 250;

/// What a bot needs beside the address of Telegram.
#[derive(Clone)]
pub struct TelegramSettings {
    /// Its token; a secret.
    pub token: String,
    /// A number, or `@channel`.
    pub chat_id: String,
    /// A topic of a forum.
    pub thread_id: Option<i64>,
}

impl fmt::Debug for TelegramSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TelegramSettings({})", self.chat_id)
    }
}

struct Telegram(TelegramSettings);

impl HttpSink {
    /// A bot of Telegram. The URL is that of the Bot API, without the token.
    ///
    /// # Errors
    /// When the URL is none that can be used.
    pub fn telegram(http: HttpSettings, settings: TelegramSettings, clock: Clock) -> Result<Self, UrlError> {
        Self::new(http, Box::new(Telegram(settings)), clock)
    }
}

impl Telegram {
    fn message(&self, delivery: &Delivery, marked: bool) -> Post {
        let message = Message::of(delivery);
        let [bold, bold_end, small, small_end] =
            if marked { ["<b>", "</b>", "<i>", "</i>"] } else { [""; 4] };
        let escape = if marked { html } else { plain } as Escape;
        // Lengths count without markup, and escapes as what they stand for: the text is cut first.
        let cut = |text: &str, limit| {
            let cut = fit(text, limit, Unit::Utf16, plain);
            let mut out = String::new();
            cut.chars().for_each(|c| escape(c, &mut out));
            out
        };
        let (title, footer) = (cut(&message.title(), TITLE), cut(&message.footer(), TITLE));
        let text = cut(&delivery.text, TEXT - 2 * TITLE - 2);
        let silent = delivery.severity == Severity::Info && delivery.state != AlertState::Resolved;
        let mut body = json!({
            "chat_id": self.0.chat_id,
            "text": format!("{bold}{title}{bold_end}\n{text}\n{small}{footer}{small_end}"),
            "disable_notification": silent,
            "link_preview_options": {"is_disabled": true},
        });
        if let Some(body) = body.as_object_mut() {
            if marked {
                body.insert("parse_mode".to_owned(), Value::from("HTML"));
            }
            if let Some(thread) = self.0.thread_id {
                body.insert("message_thread_id".to_owned(), Value::from(thread));
            }
        }
        Post { path: format!("/bot{}/sendMessage", self.0.token), ..Post::json(&body) }
    }
}

fn description(body: &Value) -> &str {
    body.pointer("/description").and_then(Value::as_str).unwrap_or_default()
}

impl Form for Telegram {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn post(&self, delivery: &Delivery, _: i64) -> Result<Post, &'static str> {
        Ok(self.message(delivery, true))
    }

    fn again(&self, delivery: &Delivery, reply: &Reply<'_>) -> Option<Post> {
        let refused = reply.code() == 400 && description(&reply.json()).contains("parse entities");
        refused.then(|| self.message(delivery, false))
    }

    fn judge(&self, reply: &Reply<'_>) -> Outcome {
        let body = reply.json();
        let said = description(&body);
        let moved = body.pointer("/parameters/migrate_to_chat_id").and_then(Value::as_i64);
        match (reply.code(), moved) {
            // Not Telegram's own answer: something stands between that will go away.
            (200..=299, _) if body.pointer("/ok") != Some(&Value::Bool(true)) => reply.retry(None, said),
            (400, Some(chat)) => reply.broken(&format!("{said}; write chat_id = \"{chat}\"")),
            (400, None) if said.contains("chat not found") => reply.broken(said),
            _ => match reply.usual(said) {
                Outcome::Retry { after, reason } => {
                    let asked = body.pointer("/parameters/retry_after").and_then(Value::as_f64);
                    Outcome::Retry { after: reply.seconds(asked).or(after), reason }
                }
                outcome => outcome,
            },
        }
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.0.token.clone()]
    }
}
