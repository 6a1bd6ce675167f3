//! What can be asked, and the lines in which it is asked and answered.

use crate::alert::Matcher;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the protocol. Another number is refused, by both sides, with both numbers.
pub const VERSION: u32 = 1;

/// Longest line of a request, in bytes. Chosen: a query for a plugin fits.
pub(super) const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Longest line of an answer, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 4 << 20;

/// What can be asked of a running process, or told to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How it is.
    Status {},
    /// What fires: one item for each alert.
    Alerts {
        /// Which.
        #[serde(default)]
        alerts: Matcher,
    },
    /// What is silenced: one item for each silence.
    Silences {},
    /// Tells some alerts to nobody for a while.
    Silence {
        /// Which.
        alerts: Matcher,
        /// For how long, in ms.
        for_ms: u64,
        /// Why.
        reason: String,
    },
    /// Lifts a silence.
    Unsilence {
        /// Its id.
        id: String,
    },
    /// Somebody has taken notice: what fires is told no more until it is over.
    Ack {
        /// Which.
        #[serde(default)]
        alerts: Matcher,
        /// The first digits of one episode's id; empty: any.
        #[serde(default)]
        episode: String,
    },
    /// Rules speak again as if they had never spoken.
    Reset {
        /// Which.
        alerts: Matcher,
    },
    /// Why a rule is silent, or what it says, for one market.
    Explain {
        /// The rule's id.
        rule: String,
        /// The market.
        market: String,
    },
    /// Where alerts and records go: one item for each channel.
    Channels {},
    /// Sends a test message through a channel.
    TestChannel {
        /// Its name.
        name: String,
    },
    /// What waits for delivery, or was given up: one item for each message, the oldest first.
    Outbox {
        /// Of one channel alone.
        #[serde(default)]
        channel: Option<String>,
        /// Those that were given up.
        #[serde(default)]
        dead: bool,
        /// At most so many.
        limit: usize,
    },
    /// Tries messages again that were given up; what waits in their channels is tried at once.
    Retry {
        /// Which.
        which: Which,
    },
    /// Gives up messages that wait, or forgets those that were given up.
    Drop {
        /// Which.
        which: Which,
        /// Those that were given up.
        #[serde(default)]
        dead: bool,
    },
    /// What is known beside the trades: one item for each fact.
    Facts {},
    /// Tells a number from outside, an exchange rate.
    SetFact {
        /// Its name, which begins with `fx.`.
        name: String,
        /// In plain digits; nothing: it is not known any more.
        #[serde(default)]
        value: Option<String>,
    },
    /// Asks a plugin something, in its own words.
    Inspect {
        /// The plugin's name.
        plugin: String,
        /// JSON.
        query: String,
    },
}

/// Which messages of the outbox are meant: those that satisfy all that is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The first digits of a message's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

impl Which {
    /// Whether a message is meant.
    #[must_use]
    pub fn means(&self, id: &str, channel: &str) -> bool {
        self.id.as_deref().is_none_or(|first| id.starts_with(first))
            && self.channel.as_deref().is_none_or(|name| name == channel)
    }
}

/// A request on the line.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope {
    v: u32,
    request: Request,
}

/// What a request has to say of its version, whatever else it says.
#[derive(Deserialize)]
struct Head {
    v: u32,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// One thing.
    Item(Value),
    /// It was whole; so many things.
    Done(usize),
    /// There is no answer.
    Refused(Refusal),
}

#[derive(Debug, Serialize, Deserialize)]
struct Framed {
    v: u32,
    #[serde(flatten)]
    line: Line,
}

/// The things that were asked for.
pub type Answer = Result<Vec<Value>, Refusal>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", content = "message", rename_all = "snake_case")]
pub enum Refusal {
    /// The request is not one: what was expected.
    Malformed(String),
    /// What it names is not there, or not so.
    NoSuch(String),
    /// It cannot be answered now.
    Unavailable(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Malformed(message) | Self::NoSuch(message) | Self::Unavailable(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Refusal {}

/// A request as its line, without the end of it.
pub(super) fn write_request(request: &Request) -> String {
    let envelope = Envelope { v: VERSION, request: request.clone() };
    serde_json::to_string(&envelope).unwrap_or_default()
}

/// Any bytes to a request, or to the reason why they are none.
pub(super) fn read_request(line: &[u8]) -> Result<Request, Refusal> {
    let malformed = |why: String| Refusal::Malformed(format!("this is no request: {why}"));
    match serde_json::from_slice::<Head>(line) {
        Ok(Head { v: VERSION }) => {}
        Ok(Head { v }) => {
            let why = format!(
                "the process speaks version {VERSION} of the control protocol, the command version {v}; they are of different releases"
            );
            return Err(Refusal::Malformed(why));
        }
        Err(error) => return Err(malformed(error.to_string())),
    }
    serde_json::from_slice::<Envelope>(line).map(|e| e.request).map_err(|error| malformed(error.to_string()))
}

/// A line of an answer, without its end; longer than a client reads, it becomes a refusal.
pub(super) fn write_line(line: Line) -> String {
    let text = serde_json::to_string(&Framed { v: VERSION, line }).unwrap_or_default();
    if text.len() <= MAX_LINE_BYTES && !text.is_empty() {
        return text;
    }
    let why = format!("one thing of the answer is larger than {MAX_LINE_BYTES} bytes");
    let line = Line::Refused(Refusal::Unavailable(why));
    serde_json::to_string(&Framed { v: VERSION, line }).unwrap_or_default()
}

/// A line of an answer, or why it is none.
pub(super) fn read_line(line: &[u8]) -> Result<Line, String> {
    let Head { v } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if v != VERSION {
        return Err(format!("it speaks version {v} of the control protocol, this command version {VERSION}"));
    }
    serde_json::from_slice::<Framed>(line).map(|framed| framed.line).map_err(|error| error.to_string())
}
