//! Names that sections share: markets and channels, each checked where it is written.
//!
//! Whoever names a market or a channel that is nowhere defined would wait for ever; so every such
//! name is a fault, with the nearest one that exists.
//!
//! Keeps: [bounded] (markets of a subscription)

use std::collections::BTreeSet;

use super::{
    text::{self, quoted},
    walk::Item,
};
use crate::market::{glob_matches, is_market_code};

/// Most markets that are subscribed to: more than the venue lists, fewer than its frame limit.
const MAX_MARKETS: usize = 1000;
/// Example of a list of markets.
const MARKETS_EXAMPLE: &str = "[\"KRW-BTC\"]";

/// The names that other sections may refer to.
pub(super) struct Known<'a> {
    pub(super) channels: &'a [&'a str],
    pub(super) markets: &'a [String],
    /// Those that are written; the one that rules imply is not among them.
    pub(super) plugins: &'a [&'a str],
}

impl Known<'_> {
    /// Names of channels, each of which exists.
    pub(super) fn channels(&self, item: &Item<'_>) -> Option<Vec<String>> {
        let mut names = Vec::new();
        for (item, name) in item.strings("[\"stdout\"]")? {
            if !self.channels.contains(&name) {
                let help = text::suggest(name, self.channels, "channels of this file");
                item.fault(format!("unknown channel {}", quoted(name)), help);
            } else if names.iter().any(|n| n == name) {
                item.fault(format!("channel {} is named twice", quoted(name)), None);
            } else {
                names.push(name.to_owned());
            }
        }
        Some(names)
    }

    /// Market codes and globs, each of which matches a market of the feed.
    pub(super) fn markets(&self, item: &Item<'_>) -> Option<Vec<String>> {
        let mut globs = Vec::new();
        for (item, glob) in item.strings("[\"KRW-*\"]")? {
            self.check_glob(&item, glob);
            globs.push(glob.to_owned());
        }
        if globs.is_empty() && item.value.as_array().is_some_and(|a| a.is_empty()) {
            item.fault("an empty list matches nothing", "leave the key out for all markets".to_owned());
        }
        Some(globs)
    }

    /// Market codes and globs that need not match anything.
    pub(super) fn excluded(item: &Item<'_>) {
        for (item, glob) in item.strings("[\"KRW-*\"]").unwrap_or_default() {
            upper_case(&item, glob);
        }
    }

    /// The name of a plugin that is written, or a glob that may match one.
    pub(super) fn plugin(&self, item: &Item<'_>) -> Option<String> {
        let name = item.string("the name of a plugin", "")?;
        let exists = name.contains('*') || self.plugins.contains(&name);
        if !exists {
            let help = text::suggest(name, self.plugins, "plugins of this file")
                .unwrap_or_else(|| "no plugin is written in this file: add [plugins.NAME]".to_owned());
            item.fault(format!("unknown plugin {}", quoted(name)), help);
        }
        exists.then(|| name.to_owned())
    }

    fn check_glob(&self, item: &Item<'_>, glob: &str) {
        // What a pattern of the feed stands for is known when the venue's list has been read.
        let may_match = |m: &String| {
            glob_matches(glob, m) || glob_matches(m, glob) || (m.contains('*') && glob.contains('*'))
        };
        if !upper_case(item, glob) || self.markets.is_empty() || self.markets.iter().any(may_match) {
            return;
        }
        let near = text::nearest(glob, self.markets.iter().map(String::as_str));
        let help = match near {
            Some(code) => {
                format!("add it to feed.markets, or did you mean {}?", quoted(code))
            }
            None => format!("add it to feed.markets, which has {}", list_some(self.markets)),
        };
        item.fault(format!("{} matches no market of the feed", quoted(glob)), help);
    }
}

/// Whether `glob` is written as the venue writes markets; faulted when not.
pub(super) fn upper_case(item: &Item<'_>, glob: &str) -> bool {
    let upper = glob.to_ascii_uppercase();
    if upper != glob {
        let help = format!("market codes are upper case: {}", quoted(&upper));
        item.fault(format!("{} is not a market", quoted(glob)), help);
    }
    upper == glob
}

fn list_some(words: &[String]) -> String {
    const MOST: usize = 8;
    let shown = words.iter().take(MOST).map(|w| quoted(w)).collect::<Vec<_>>().join(", ");
    if words.len() > MOST { format!("{shown} and {} more", words.len() - MOST) } else { shown }
}

/// The codes and patterns to subscribe to, each once. None at all when there is a fault, so that those
/// who name the same markets are not faulted for it too.
pub(super) fn subscribed(item: &Item<'_>) -> Option<Vec<String>> {
    let mut codes = Vec::new();
    let mut seen = BTreeSet::new();
    let all = item.strings(MARKETS_EXAMPLE).unwrap_or_default();
    let count = all.len();
    if count > MAX_MARKETS {
        item.fault(format!("{count} markets"), format!("at most {MAX_MARKETS} are accepted"));
        return Some(Vec::new());
    }
    for (item, code) in all {
        if let Some((message, help)) = market_fault(code) {
            item.fault(message, help);
        } else if seen.insert(code) {
            codes.push(code.to_owned());
        } else {
            item.fault(format!("{} is named twice", quoted(code)), None);
        }
    }
    if codes.is_empty() && item.value.as_array().is_some_and(|a| a.is_empty()) {
        item.fault("an empty list subscribes to nothing", format!("write {MARKETS_EXAMPLE}"));
    }
    let all_good = codes.len() == item.value.as_array().map_or(0, |a| a.len());
    Some(if all_good { codes } else { Vec::new() })
}

/// What is wrong with `code`, and what was probably meant.
fn market_fault(code: &str) -> Option<(String, String)> {
    if code.contains('*') {
        let upper = code.to_ascii_uppercase();
        let is_odd = |b: u8| !(b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'*'));
        if upper.bytes().any(is_odd) || upper.bytes().filter(|b| *b == b'-').count() > 1 {
            let help = "a pattern is a market with `*` for any run of characters, like \"KRW-*\"";
            return Some((format!("{} is not a pattern of markets", quoted(code)), help.into()));
        }
        let help = format!("market codes are upper case: {}", quoted(&upper));
        return (upper != code).then(|| (format!("{} is not a pattern of markets", quoted(code)), help));
    }
    let meant = probable_market(code);
    if meant.as_deref() == Some(code) {
        return None;
    }
    let help = match meant {
        Some(meant) => format!("did you mean {}?", quoted(&meant)),
        None => "a market is QUOTE-BASE, like \"KRW-BTC\"".into(),
    };
    Some((format!("{} is not a market code", quoted(code)), help))
}

/// The code that `text` says in whatever spelling; itself when it is one.
fn probable_market(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase().replace(['/', '_', ' ', ':'], "-");
    let glued = || ["KRW", "USDT", "BTC"].iter().find_map(|q| Some((*q, upper.strip_prefix(q)?)));
    let (quote, base) = upper.split_once('-').or_else(glued)?;
    // Won is always what is paid with; other venues write it last.
    let code = if base == "KRW" { format!("{base}-{quote}") } else { format!("{quote}-{base}") };
    is_market_code(&code).then_some(code)
}
