//! The documents promise no command that is not there.

use std::fs;

use super::support::{Folder, command, root};

const DOCUMENTS: [&str; 2] = ["README.md", "plugins/README.md"];

/// The lines of a document's ```sh blocks, in order.
pub(crate) fn commands(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && !line.trim().is_empty() && !line.starts_with('#') {
            lines.push(line.split(" #").next().unwrap_or(line).trim().to_owned());
        }
    }
    assert!(!lines.is_empty(), "{document} has no ```sh block");
    lines
}

/// What is written in backticks and begins with the program's name.
fn mentioned(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let spans = text.split('`').skip(1).step_by(2);
    spans.filter(|span| span.starts_with("tradehook ") && !span.contains('\n')).map(str::to_owned).collect()
}

/// Its subcommand says that it has every flag of the line.
fn check(document: &str, line: &str) {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let groups = ["alert", "channel", "config", "outbox", "plugin", "route", "rule"];
    let depth = if words.first().is_some_and(|first| groups.contains(first)) { 2 } else { 1 };
    let sub = words.iter().take(depth).filter(|word| word.bytes().all(|b| b.is_ascii_lowercase()));
    let help = command(Folder::new().path(), sub.chain(&["--help"])).expect(0);
    assert!(help.out.contains("Usage: "), "{document}: {line}\n{}", help.out);
    for flag in words.iter().filter_map(|word| word.strip_prefix("--")) {
        let flag = format!("--{}", flag.split('=').next().unwrap_or(flag));
        assert!(help.out.contains(&flag), "{document}: {line}: there is no {flag}:\n{}", help.out);
    }
}

#[test]
fn every_command_of_the_documents_exists_with_its_flags() {
    let chores = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    let mut checked = 0;
    for document in DOCUMENTS {
        for line in commands(document).into_iter().chain(mentioned(document)) {
            let own = line.split_once("cargo run --release -- ").map(|(_, rest)| format!("tradehook {rest}"));
            if let Some(line) = own.as_deref().or(line.starts_with("tradehook ").then_some(&line)) {
                check(document, line);
                checked += 1;
            } else if let Some(chore) = line.strip_prefix("cargo xtask ") {
                assert!(chores.contains(&format!("\"{chore}\"")), "{document}: {line}");
            } else {
                let known = ["cargo ", "cd ", "rustup "].iter().any(|start| line.starts_with(start));
                assert!(
                    known,
                    "{document}: `{line}` is in a block of commands that a reader is meant to type"
                );
            }
        }
    }
    assert!(checked >= 5, "only {checked} commands were found");
}
