//! The rows as text: for a terminal, and as the page docs/config.md.

use std::fmt::Write as _;

use super::{Entry, Row};

/// The rows for a terminal of so many columns.
#[must_use]
pub fn terminal(entries: &[Entry], columns: usize) -> String {
    let columns = columns.clamp(40, 110);
    let mut out = String::new();
    for entry in entries {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{}", entry.header);
        wrap(&entry.about, 0, columns, &mut out);
        for row in &entry.keys {
            out.push('\n');
            let _ = writeln!(out, "  {}", assignment(row));
            wrap(&sentence(&accepts(row)), 6, columns, &mut out);
            wrap(&row.meaning, 6, columns, &mut out);
        }
    }
    out
}

/// `key = default`, or an example where there is none.
fn assignment(row: &Row) -> String {
    match (&row.default, &row.example) {
        (Some(value), _) => format!("{} = {value}", row.key),
        (None, Some(example)) => format!("{} = …, for instance {example}", row.key),
        (None, None) => format!("{} = …", row.key),
    }
}

/// What it may be, and what holds without it.
fn accepts(row: &Row) -> String {
    match &row.without {
        _ if row.required => format!("{}; it has to be written", row.accepts),
        Some(what) if !what.is_empty() => format!("{}; without it: {what}", row.accepts),
        _ => row.accepts.clone(),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    let mut said: String = first.chain(chars).collect();
    said.push('.');
    said
}

/// Appends `text` in lines of at most `columns`, each `indent` further right. A character of
/// Hangul takes two columns.
fn wrap(text: &str, indent: usize, columns: usize, out: &mut String) {
    let width = |text: &str| {
        text.chars().map(|c| 1 + usize::from(('\u{1100}'..='\u{ffdc}').contains(&c))).sum::<usize>()
    };
    let mut used = 0;
    for word in text.split_whitespace() {
        if used > 0 && used + 1 + width(word) > columns {
            out.push('\n');
            used = 0;
        }
        if used == 0 {
            out.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width(word);
    }
    if used > 0 {
        out.push('\n');
    }
}

const HEAD: &str = "\
# config.toml

Every key, as `tradehook config reference` prints it; `tradehook config reference SECTION` prints a part. `tradehook check` says every mistake in a file at once. Editors that know TOML schemas (taplo, Even Better TOML) complete and check the file by [config.schema.json](config.schema.json), which the first line of a file names: `#:schema docs/config.schema.json`.

Durations are written `\"90s\"`, `\"1h30m\"`, `\"250ms\"`; sizes `\"64KiB\"`, `\"16MiB\"`, `\"2GiB\"`; money is a number, or a text with 만, 억 and 조: `\"1.5억\"`; percentages are texts with their sign: `\"3%\"`. Paths are relative to the folder of the file.

This page is generated; `UPDATE_DOCS=1 cargo test --release --test it config` writes it anew.
";

/// The page docs/config.md.
#[must_use]
pub fn markdown(entries: &[Entry]) -> String {
    let mut out = String::from(HEAD);
    for entry in entries {
        let _ = write!(out, "\n## `{}`\n\n{}\n", entry.header, entry.about);
        if entry.keys.is_empty() {
            continue;
        }
        out.push_str("\n| key | default | accepts | meaning |\n|-----|---------|---------|---------|\n");
        for row in &entry.keys {
            let default = match (&row.default, &row.without) {
                (Some(value), _) => format!("`{value}`"),
                _ if row.required => "has to be written".to_owned(),
                (None, without) => without.clone().unwrap_or_default(),
            };
            let cells = [&default, &row.accepts, &row.meaning].map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(out, "| `{}` | {} |", row.key, cells.join(" | "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_it_is_without_and_fits_the_terminal() {
        let row = Row {
            key: "dir".into(),
            accepts: "a path".into(),
            without: Some("the tape is kept in memory".into()),
            example: Some("\"state/tape\"".into()),
            meaning: "Folder of the tape, which has 한국어 words in it and is rather long.".into(),
            ..Row::default()
        };
        let entry =
            Entry { path: "tape".into(), header: "[tape]".into(), about: "About.".into(), keys: vec![row] };
        let expect = "\
[tape]
About.

  dir = …, for instance \"state/tape\"
      A path; without it: the tape is
      kept in memory.
      Folder of the tape, which has
      한국어 words in it and is rather
      long.
";
        assert_eq!(terminal(std::slice::from_ref(&entry), 40), expect);
        assert!(markdown(&[entry]).contains("| `dir` | the tape is kept in memory | a path | Folder"));
    }
}
