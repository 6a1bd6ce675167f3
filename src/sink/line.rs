//! A delivery as lines of text.
//!
//! Keeps: [guest-text-is-data] (nothing that a terminal would obey comes through)

use crate::{
    alert::{AlertState, Severity},
    delivery::{Content, Delivery},
};
use std::fmt::Write;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For a person.
    #[default]
    Human,
    /// The canonical JSON, one object a line.
    Json,
}

/// The lines of a delivery, each ended by `\n`.
pub(super) fn lines(delivery: &Delivery, format: Format) -> String {
    match (format, delivery.content) {
        // JSON escapes control characters itself; others are as harmless as a file.
        (Format::Json, Content::Alert) => format!("{}\n", plain_json(&delivery.body)),
        (Format::Json, Content::Records) => plain_json(&delivery.body),
        (Format::Human, Content::Alert) => alert(delivery),
        (Format::Human, Content::Records) => {
            let mut out = String::new();
            for line in delivery.text.lines() {
                escape(line, &mut out);
                out.push('\n');
            }
            out
        }
    }
}

/// `14:31:22 KRW-BTC  btc-100m  crossed 100,000,000 upward at 100,010,000`, in Korean time.
fn alert(delivery: &Delivery) -> String {
    let Delivery { at_ms, severity, state, rule, key, text, .. } = delivery;
    let mut out = clock(*at_ms);
    out.push(' ');
    escape(key, &mut out);
    out.push_str("  ");
    escape(rule, &mut out);
    out.push_str("  ");
    match severity {
        Severity::Info => {}
        Severity::Warning | Severity::Critical => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}: ", severity.as_str());
        }
    }
    if *state == AlertState::Resolved {
        out.push_str("resolved: ");
    }
    // A title often begins with the key, which stands there already.
    let rest = text.strip_prefix(key.as_str()).and_then(|t| t.strip_prefix(' ')).unwrap_or(text);
    escape(rest, &mut out);
    out.push('\n');
    out
}

/// The time of day in Korea, where the markets are.
fn clock(at_ms: i64) -> String {
    let seconds = (at_ms.div_euclid(1000) + 9 * 3600).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Whether a terminal or an editor would obey `c` rather than show it: control characters (the
/// escape of ANSI sequences among them), marks that turn the direction of text, invisible ones.
pub(super) fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Appends `text` with everything escaped that is not plain text. [guest-text-is-data]
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if is_obeyed(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
}

/// The same JSON with what JSON leaves as it is (marks of direction, C1 controls) in its escaped
/// spelling. Outside strings none of these can stand, so the value is unchanged.
fn plain_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// [guest-text-is-data]
    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        let check = |text: &str, expect: &str| {
            let mut out = String::new();
            escape(text, &mut out);
            assert_eq!(out, expect);
        };
        check("plain 한글 1억 — fine", "plain 한글 1억 — fine");
        check("\u{1b}[31mred\u{1b}[0m", r"\u{1b}[31mred\u{1b}[0m");
        check("a\r\nb\tc\0", r"a\u{d}\u{a}b\u{9}c\u{0}");
        check("\u{202e}evil\u{2066}", r"\u{202e}evil\u{2066}");
        check("\u{9b}31m", r"\u{9b}31m");
    }

    /// [guest-text-is-data]
    #[test]
    fn json_lines_are_plain_and_mean_the_same() {
        let text = "\u{202e}a\u{9b}\u{e0001}\u{1b}\n한";
        let json = serde_json::to_string(text).unwrap();
        let safe = plain_json(&json);
        assert!(!safe.chars().any(is_obeyed), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
    }
}
