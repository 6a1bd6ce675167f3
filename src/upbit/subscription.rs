//! The one frame that says what to send.

use serde::Serialize;

/// How the venue is to spell its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Long keys, 441 to 470 bytes a trade in 2026.
    #[default]
    Default,
    /// Short keys.
    Simple,
    /// Long keys, events in a list.
    JsonList,
    /// Short keys, events in a list.
    SimpleList,
}

impl Format {
    /// The venue's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::Simple => "SIMPLE",
            Self::JsonList => "JSON_LIST",
            Self::SimpleList => "SIMPLE_LIST",
        }
    }
}

/// One stream besides trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The venue's word: `ticker`, `orderbook`, `candle.1m`.
    pub kind: String,
    /// Of which markets. A code of a book may say how many levels are wanted: `KRW-BTC.5`.
    pub codes: Vec<String>,
}

/// What is asked for on one socket. A frame replaces whatever was asked for before, so it names
/// everything; 855 codes in one frame were served on 2026-09-23. Unknown codes stay silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Any text that is unique to this client.
    pub ticket: String,
    /// The markets whose trades are wanted. With none and no other stream nothing is asked for,
    /// which the venue refuses.
    pub trades: Vec<String>,
    /// The other streams; one without markets is left out.
    pub streams: Vec<Stream>,
    /// The spelling of the answers.
    pub format: Format,
    /// Live events alone, without the last one of each market at the start.
    pub only_realtime: bool,
}

impl Subscription {
    /// The text of the frame: a JSON array of the ticket, the types, and the format.
    #[must_use]
    pub fn to_text(&self) -> String {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Part<'a> {
            Ticket {
                ticket: &'a str,
            },
            Type {
                r#type: &'a str,
                codes: &'a [String],
                #[serde(skip_serializing_if = "std::ops::Not::not")]
                is_only_realtime: bool,
            },
            Format {
                format: &'a str,
            },
        }
        let part = |kind, codes| Part::Type { r#type: kind, codes, is_only_realtime: self.only_realtime };
        let wanted: Vec<&Stream> = self.streams.iter().filter(|stream| !stream.codes.is_empty()).collect();
        let mut parts = vec![Part::Ticket { ticket: &self.ticket }];
        if !self.trades.is_empty() || wanted.is_empty() {
            parts.push(part("trade", &self.trades));
        }
        parts.extend(wanted.iter().map(|stream| part(&stream.kind, &stream.codes)));
        parts.push(Part::Format { format: self.format.as_str() });
        // Strings and flags cannot fail to serialise.
        serde_json::to_string(&parts).unwrap_or_default()
    }
}
