//! Text for a medium: escaped for it, and cut to what it takes.
//!
//! Keeps: [guest-text-is-data] [bounded]

use super::line::is_obeyed;

/// How a medium counts the length of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Unicode characters.
    Chars,
    /// As JavaScript counts.
    Utf16,
    /// UTF-8.
    Bytes,
}

impl Unit {
    pub(super) fn len(self, text: &str) -> usize {
        match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
        }
    }
}

/// Appends one character as the medium wants it.
pub(super) type Escape = fn(char, &mut String);

/// `text` with every character through `escape`, and an ellipsis where it would be longer than
/// `limit`. Never cuts within what one character became. Line breaks stay; other characters that
/// would be obeyed rather than shown appear in their escaped spelling.
pub(super) fn fit(text: &str, limit: usize, unit: Unit, escape: Escape) -> String {
    const MORE: &str = "…";
    let room = limit.saturating_sub(unit.len(MORE));
    let (mut out, mut len, mut safe) = (String::new(), 0, 0);
    let mut piece = String::new();
    for c in text.trim_end().chars() {
        piece.clear();
        if c == '\r' {
            continue;
        }
        if c != '\n' && is_obeyed(c) {
            c.escape_unicode().for_each(|c| escape(c, &mut piece));
        } else {
            escape(c, &mut piece);
        }
        len += unit.len(&piece);
        if len > limit {
            out.truncate(safe);
            if limit > 0 {
                out.push_str(MORE);
            }
            return out;
        }
        out.push_str(&piece);
        if len <= room {
            safe = out.len();
        }
    }
    out
}

/// For a medium without markup.
pub(super) fn plain(c: char, out: &mut String) {
    out.push(c);
}

/// For HTML, and for Slack, which obeys what stands between `<` and `>`.
pub(super) fn html(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        _ => out.push(c),
    }
}

/// For the Markdown of Discord, where a backslash takes the meaning from any punctuation.
pub(super) fn markdown(c: char, out: &mut String) {
    if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '>' | '[' | ']' | '(' | ')' | '#' | '@') {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [guest-text-is-data]
    #[test]
    fn text_is_cut_between_characters_and_never_within_an_escape() {
        let check = |text: &str, limit, unit, escape: Escape, expect: &str| {
            assert_eq!(fit(text, limit, unit, escape), expect, "{text} {limit} {unit:?}");
        };
        check("abc", 3, Unit::Chars, plain, "abc");
        check("abcd", 3, Unit::Chars, plain, "ab…");
        check("abcd\n", 4, Unit::Chars, plain, "abcd");
        check("한글이다", 10, Unit::Bytes, plain, "한글…");
        check("한글이다", 12, Unit::Bytes, plain, "한글이다");
        check("a😀b😀", 5, Unit::Utf16, plain, "a😀b…");
        check("a😀b😀", 4, Unit::Utf16, plain, "a😀…");
        check("<!channel> a&b", 99, Unit::Chars, html, "&lt;!channel&gt; a&amp;b");
        check("a&&", 8, Unit::Chars, html, "a&amp;…");
        check("[x](https://y) @here", 99, Unit::Chars, markdown, "\\[x\\]\\(https://y\\) \\@here");
        check("a\u{202e}b\u{1b}[2J", 99, Unit::Chars, plain, "a\\u{202e}b\\u{1b}[2J");
        check("abc", 0, Unit::Chars, plain, "");
    }

    /// [bounded]
    #[test]
    fn nothing_is_ever_longer_than_its_limit() {
        for seed in 0..300 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let text: String = (0..rng.usize(0..60))
                .map(|_| rng.choice(['a', '<', '*', '한', '😀', '\n', '\u{202e}']).unwrap_or('b'))
                .collect();
            let limit = rng.usize(3..80);
            for unit in [Unit::Chars, Unit::Utf16, Unit::Bytes] {
                for escape in [plain as Escape, html, markdown] {
                    let out = fit(&text, limit, unit, escape);
                    assert!(unit.len(&out) <= limit, "seed {seed}: {out:?} in {limit} {unit:?}");
                }
            }
        }
    }
}
